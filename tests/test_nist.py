"""NIST statistical reference data: certified digits of nonlinear least squares.

Digits are log relative errors, ``-log10 |found / certified - 1|``, as in McCullough & Wilson (2005,
doi:10.1016/j.csda.2004.06.002); certified values have eleven. A driver is a positive size, so where
a problem's predictor is not, the function is given the predictor moved up, and moves it back.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import scalefit as sf

SHARED = Path(os.environ.get("SCALEFIT_SHARED", Path(__file__).parents[2] / "shared")) / "data"
FILE = SHARED / "nist_strd_nonlinear.json"
MODELS = {
    "BoxBOD": lambda x, b1, b2: b1 * (1 - np.exp(-b2 * x)),
    "Chwirut2": lambda x, b1, b2, b3: np.exp(-b1 * x) / (b2 + b3 * x),
    "DanWood": lambda x, b1, b2: b1 * x**b2,
    "Eckerle4": lambda x, b1, b2, b3: b1 / b2 * np.exp(-0.5 * ((x - b3) / b2) ** 2),
    "Hahn1": lambda x, b1, b2, b3, b4, b5, b6, b7: (
        (b1 + x * (b2 + x * (b3 + x * b4))) / (1 + x * (b5 + x * (b6 + x * b7)))
    ),
    "Kirby2": lambda x, b1, b2, b3, b4, b5: (b1 + x * (b2 + x * b3)) / (1 + x * (b4 + x * b5)),
    "Lanczos3": lambda x, b1, b2, b3, b4, b5, b6: (
        b1 * np.exp(-b2 * x) + b3 * np.exp(-b4 * x) + b5 * np.exp(-b6 * x)
    ),
    "MGH09": lambda x, b1, b2, b3, b4: b1 * (x**2 + x * b2) / (x**2 + x * b3 + b4),
    "MGH17": lambda x, b1, b2, b3, b4, b5: b1 + b2 * np.exp(-x * b4) + b3 * np.exp(-x * b5),
    "Misra1a": lambda x, b1, b2: b1 * (1 - np.exp(-b2 * x)),
    "Misra1b": lambda x, b1, b2: b1 * (1 - (1 + b2 * x / 2) ** -2),
    "Misra1d": lambda x, b1, b2: b1 * b2 * x / (1 + b2 * x),
    "Rat42": lambda x, b1, b2, b3: b1 / (1 + np.exp(b2 - b3 * x)),
    "Roszman1": lambda x, b1, b2, b3, b4: b1 - b2 * x - np.arctan(b3 / (x - b4)) / np.pi,
}


@cache
def problems():
    if not FILE.exists():
        pytest.skip("the shared data folder is not there")
    return json.loads(FILE.read_text(encoding="utf-8"))


def digits(found, certified):
    error = np.abs(np.asarray(found) / np.asarray(certified) - 1)
    return np.minimum(-np.log10(np.maximum(error, 1e-99)), 11.0)


@cache
def fitted(name, start):
    """Return the fit of a problem through the public interface, with its certified values."""
    problem = problems()[name]
    y, x = np.array(problem["data"]).T
    shift = min(x.min() - 1.0, 0.0) if x.min() <= 0 else 0.0
    law = sf.Law.from_function(
        name, lambda u, *b: MODELS[name](u + shift, *b),
        {item["name"]: item[start] for item in problem["parameters"]},
    )  # fmt: skip
    fit = sf.fit(
        {"u": x - shift, "y": y}, score="y", drivers="u", better="higher", law=law,
        variance="constant", inference="wald",
    )  # fmt: skip
    return fit, problem


@pytest.mark.parametrize("start", ["start1", "start2"])
@pytest.mark.parametrize("name", MODELS)
def test_certified_digits(name, start, measured):
    fit, problem = fitted(name, start)
    certified = [item["certified"] for item in problem["parameters"]]
    found = digits(fit.params["estimate"], certified).min()
    rss = fit.estimate.total_ss[0]
    residual_sd = np.sqrt(rss / fit.estimate.residual_df[0])
    errors = digits(fit.params["std_error"], [item["sd"] for item in problem["parameters"]]).min()
    for what, least, bar in (
        ("parameters", found, 9), ("residual sum of squares", digits(rss, problem["rss"]), 9),
        ("residual SD", digits(residual_sd, problem["residual_sd"]), 9),
        ("standard errors", errors, 6),
    ):  # fmt: skip
        measured("N5", f"{name}, {start}", f"digits of {what}", least, low=bar)


def test_median_digits(measured):
    found = []
    for name in MODELS:
        fit, problem = fitted(name, "start2")
        certified = [item["certified"] for item in problem["parameters"]]
        found.extend(digits(fit.estimate.theta[0], certified))
    measured("N5", "all, start2", "median of digits of parameters", np.median(found), low=10)
