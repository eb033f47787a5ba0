"""Small runs of Gadre et al. 2024 (arXiv:2403.08540) foretell their large, over-trained ones.

Their design: four sizes of models at 20 tokens a parameter and the smallest at 320, five runs in
all, fitted with one exponent; the largest run takes 280 times the compute of all of these.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scalefit as sf

SHARED = Path(os.environ.get("SCALEFIT_SHARED", Path(__file__).parents[2] / "shared")) / "data"


@pytest.fixture(scope="module")
def runs():
    path = SHARED / "lm_overtraining_dev.csv"
    if not path.exists():
        pytest.skip("lm_overtraining_dev.csv is not here: the shared data folder is absent")
    table = pd.read_csv(path)
    return table[table["eval_set"] == "c4_val"].sort_values("flop")


def test_five_small_runs_foretell_the_large_ones(runs):
    ratio, params = runs["tokens_per_param"], runs["params"]
    small = runs[((ratio == 20) & (params < 5e8)) | ((ratio == 320) & (params < 2e7))]
    large = runs[runs["flop"] > small["flop"].max()]
    assert (len(small), len(large)) == (5, 11)
    asked = {"drivers": ["params", "tokens"], "score": "loss", "law": "additive_tied"}
    fit = sf.fit(small, **asked, force=True)
    told = fit.predict(large, interval="run")
    loss = large["loss"].to_numpy()
    off = told["estimate"].to_numpy() / loss - 1.0
    assert np.abs(off).mean() < 0.02
    assert np.abs(off).max() < 0.06
    assert ((told["lower"] < loss) & (loss < told["upper"])).all()
    assert told["beyond"].max() > 15
    # One run more than parameters is no evidence, so without force nothing is foretold.
    careful = sf.fit(small, **asked).predict(large)
    assert careful["estimate"].isna().all()
    (caution,) = set(careful["caution"])
    assert caution.startswith("fewer than 3 runs more than parameters (5 runs)")
