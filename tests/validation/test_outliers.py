"""Row C4 of the acceptance table: errors with heavy tails, and runs that went wrong.

The bar is a coverage of 0.94 under t errors with 3 degrees of freedom and with a tenth of the runs
four standard deviations off to one side, and intervals of ``noise="student"`` at most 1.25 times as
wide as those of the same robust fit by an oracle, which knows the degrees of freedom, or which runs
went wrong and leaves them out. With contamination widths miss that bar; what is asserted there is
that they miss it by no more than 0.1.
"""

from __future__ import annotations

import numpy as np
import pytest

from scalefit.estimands import Gain, Value
from scalefit.estimate import estimate
from scalefit.inference import profile
from scalefit.laws import get_law
from scalefit.noise import Gaussian, Student
from scalefit.sample import by_size

from ..measured import rate
from .simulation import SMALL, Truth

LAW, TRUTH, SIGMA = get_law("saturating_power"), Truth(0.5), 0.01


def tables(kind, replicates, rng):
    """Return errors ``(R, n)``, and which runs went wrong."""
    shape = (replicates, SMALL.n_sizes * SMALL.seeds)
    if kind == "t3":
        return SIGMA * rng.standard_t(3, shape), np.zeros(shape, dtype=bool)
    wrong = rng.random(shape) < 0.1
    return SIGMA * (rng.standard_normal(shape) + 4.0 * wrong), wrong


def sample_with(error, kept):
    x = np.repeat(SMALL.sizes, SMALL.seeds)
    y = TRUTH.mean(x, SMALL) + error
    group = np.repeat(np.arange(len(y)), x.size).reshape(y.shape)
    ones = np.ones(len(y))
    return by_size(np.broadcast_to(x, y.shape)[kept], y[kept], group[kept], ones, ones)


@pytest.mark.parametrize("replicates", [200, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["t3", "contaminated"])
def test_c4_heavy_tails(kind, replicates, measured):
    error, wrong = tables(kind, replicates, np.random.default_rng(44))
    whole = sample_with(error, np.ones_like(wrong))
    oracle = (
        estimate(LAW, Student("constant", df=3.0).weigh(whole)) if kind == "t3"
        else estimate(LAW, Student("constant").weigh(sample_with(error, ~wrong)))
    )  # fmt: skip
    fits = {
        "gaussian": estimate(LAW, Gaussian("constant").weigh(whole)),
        "student": estimate(LAW, Student("constant").weigh(whole)),
    }
    top = SMALL.sizes[-1]
    asked = {
        "f10": (Value(np.full(replicates, 10 * top)), TRUTH.mean(10 * top, SMALL)),
        "G10": (Gain(10), TRUTH.gain(10, SMALL)),
    }
    for name, (question, value) in asked.items():
        best = profile(oracle, question)
        for noise, fitted in fits.items():
            found = profile(fitted, question)
            held = (found.lower <= value) & (value <= found.upper)
            cell, slack = f"{kind}, noise={noise!r}", 3 * np.sqrt(0.06 * 0.94 / replicates)
            measured("C4", cell, name, *rate(held), replicates, low=0.94, slack=slack)
            ratio = np.median(found.upper - found.lower) / np.median(best.upper - best.lower)
            bar = 1.25 if noise == "student" else np.inf
            over, slack = f"width of {name} over oracle's", 0.1 if replicates < 1000 else 0.0
            measured("C4", cell, over, ratio, replicates=replicates, high=bar, slack=slack)
