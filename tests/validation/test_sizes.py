"""Row C13: coverage of sizes that solve an equation, and of differences of two curves."""

from __future__ import annotations

import numpy as np
import pytest

from scalefit.estimands import Gain, SizeReaching, Value
from scalefit.estimate import estimate
from scalefit.inference import Crossing, ask_together, difference, profile
from scalefit.laws import get_law

from .simulation import SMALL, Truth, errors_allowed, sample_of

LAW = get_law("saturating_power")
STEEP, SHALLOW = Truth(0.5, 0.9, 0.3), Truth(0.5, 0.82, 0.1)
#: Where STEEP = SHALLOW: 0.08 = 0.2 (x / x_min)^-0.5.
CROSSING = 1e5 * (0.2 / 0.08) ** 2
#: Where STEEP is 95 % of its value at the largest size.
REACHED = 1e5 * (0.3 / (0.9 - 0.95 * (0.9 - 0.03))) ** 2


def fitted(truth, sigma, replicates, seed):
    mean = truth.mean(SMALL.sizes, SMALL)
    return estimate(LAW, sample_of(mean, SMALL, sigma, replicates, seed))


def check(measured, cell, quantity, interval, truth, low, high=np.inf, errors=0.0):
    hits = (interval.lower <= truth) & (truth <= interval.upper)
    measured.rate("C13", cell, quantity, hits, low, high, errors=errors)


@pytest.mark.parametrize("replicates", [100, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("sigma", [0.005, 0.02])
def test_the_size_reaching_a_share_of_the_score(sigma, replicates, measured):
    question = (SizeReaching(0.95, of="score"), 0.95)
    found = ask_together(fitted(STEEP, sigma, replicates, 1), [question], profile)[0]
    slack = errors_allowed(replicates, 1000)
    check(measured, f"sigma {sigma}", "size reaching 95 %", found, REACHED, 0.93, 0.97, slack)


@pytest.mark.parametrize("replicates", [300, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("sigmas", [(0.005, 0.005), (0.02, 0.02), (0.005, 0.02)])
def test_differences_of_two_curves(sigmas, replicates, measured):
    one, other = (
        fitted(truth, sigma, replicates, k)
        for k, (truth, sigma) in enumerate(zip((STEEP, SHALLOW), sigmas, strict=True))
    )
    cell, slack = "sigma {} and {}".format(*sigmas), errors_allowed(replicates, 1000)
    for name, estimand, truth in [
        ("difference of gains", Gain(10), STEEP.gain(10, SMALL) - SHALLOW.gain(10, SMALL)),
        ("of scores", Value(1e8), STEEP.mean(1e8, SMALL) - SHALLOW.mean(1e8, SMALL)),
    ]:
        found = difference(one, other, estimand, 0.95, profile)
        check(measured, cell, name, found, truth, 0.93, 0.975, slack)
        assert np.isfinite(found.upper - found.lower).mean() > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [0.005, 0.02])
def test_crossings(sigma, measured):
    """Open ends are many: the set is a hull, and far out the curves may cross again."""
    one, other = fitted(STEEP, sigma, 400, 1), fitted(SHALLOW, sigma, 400, 2)
    found = ask_together(one, [(Crossing(other), 0.95)], profile)[0]
    check(measured, f"sigma {sigma}", "crossing", found, CROSSING, 0.94)
    known = np.isfinite(found.estimate)
    assert 0.8 * CROSSING < np.median(found.estimate[known]) < 1.25 * CROSSING
