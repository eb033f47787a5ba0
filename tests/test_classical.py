"""Saturating curves of the textbooks, to the digits that the reference prints.

None is a registered law: two pass through zero, and the third has runs at dose zero.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scalefit as sf

SHARED = Path(os.environ.get("SCALEFIT_SHARED", Path(__file__).parents[2] / "shared")) / "data"
FILES = [SHARED / "classical_curves_dev.csv", SHARED / "classical_curves_reference_dev.csv"]


def log_logistic(dose_and_one, b, c, d, e):
    """The four-parameter curve of a dose, given as dose + 1 since a driver is positive."""
    dose = np.maximum(dose_and_one - 1, 0)
    return c + (d - c) / (1 + (dose / e) ** b)


LAWS = {
    "puromycin_treated": sf.Law.from_function(
        "michaelis_menten", lambda x, vm, k: vm * x / (k + x), {"Vm": 200.0, "K": 0.05}
    ),
    "bod": sf.Law.from_function(
        "rise", lambda x, a, lrc: a * (1 - np.exp(-np.exp(lrc) * x)), {"A": 20.0, "lrc": -1.0}
    ),
    "ryegrass": sf.Law.from_function(
        "log_logistic", log_logistic, {"b": 2.0, "c": 0.5, "d": 8.0, "e": 3.0}
    ),
}


@pytest.mark.parametrize("name", LAWS)
def test_printed_digits(name):
    if not all(file.exists() for file in FILES):
        pytest.skip("the shared data folder is not there")
    runs, reference = (pd.read_csv(file).set_index("dataset").loc[name] for file in FILES)
    fit = sf.fit(
        {"dose": runs["x"] + (runs["x"].min() == 0), "response": runs["y"]},
        score="response", drivers="dose", better="higher", law=LAWS[name],
        variance="constant", inference="wald",
    )  # fmt: skip
    reference = reference.set_index("parameter")
    printed = 1e-6  # six decimals, the last of which the reference rounds from a looser optimum
    np.testing.assert_allclose(
        fit.params.loc[reference.index, ["estimate", "std_error"]],
        reference[["estimate", "se"]], rtol=0, atol=printed,
    )  # fmt: skip
    residual_error = np.sqrt(fit.estimate.total_ss[0] / fit.estimate.residual_df[0])
    assert residual_error == pytest.approx(reference["residual_se"].iloc[0], abs=printed)
    assert fit.estimate.residual_df[0] == reference["df"].iloc[0]
