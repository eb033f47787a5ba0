"""Coverage of intervals for sizes that solve an equation, and for differences of two curves."""

from __future__ import annotations

import numpy as np
import pytest

from scalefit.estimands import Gain, SizeReaching, Value
from scalefit.estimate import estimate
from scalefit.inference import Crossing, ask_together, difference, profile
from scalefit.laws import get_law

from .simulation import SMALL, Truth, rate, sample_of

LAW = get_law("saturating_power")
STEEP, SHALLOW = Truth(0.5, 0.9, 0.3), Truth(0.5, 0.82, 0.1)
#: Where STEEP = SHALLOW: 0.08 = 0.2 (x / x_min)^-0.5.
CROSSING = 1e5 * (0.2 / 0.08) ** 2
#: Where STEEP is 95 % of its value at the largest size.
REACHED = 1e5 * (0.3 / (0.9 - 0.95 * (0.9 - 0.03))) ** 2


def fitted(truth, sigma, replicates, seed):
    mean = truth.mean(SMALL.sizes, SMALL)
    return estimate(LAW, sample_of(mean, SMALL, sigma, replicates, seed))


def check(name, interval, truth, low, high, slack):
    p, error = rate((interval.lower <= truth) & (truth <= interval.upper))
    print(f"{name:30s} {p:.3f} +- {error:.3f}")
    assert low - slack * error <= p <= high + slack * error, (name, p, error)


@pytest.mark.parametrize("replicates", [100, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("sigma", [0.005, 0.02])
def test_the_size_reaching_a_share_of_the_score(sigma, replicates):
    question = (SizeReaching(0.95, of="score"), 0.95)
    found = ask_together(fitted(STEEP, sigma, replicates, 1), [question], profile)[0]
    slack = 3.0 if replicates < 1000 else 0.0
    check(f"score, sigma {sigma}", found, REACHED, 0.93, 0.97, slack)


@pytest.mark.parametrize("replicates", [300, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("sigmas", [(0.005, 0.005), (0.02, 0.02), (0.005, 0.02)])
def test_differences_of_two_curves(sigmas, replicates):
    one, other = (
        fitted(truth, sigma, replicates, k)
        for k, (truth, sigma) in enumerate(zip((STEEP, SHALLOW), sigmas, strict=True))
    )
    slack = 3.0 if replicates < 1000 else 0.0
    for estimand, truth in [
        (Gain(10), STEEP.gain(10, SMALL) - SHALLOW.gain(10, SMALL)),
        (Value(1e8), STEEP.mean(1e8, SMALL) - SHALLOW.mean(1e8, SMALL)),
    ]:
        found = difference(one, other, estimand, 0.95, profile)
        check(f"{estimand.label}, sigmas {sigmas}", found, truth, 0.93, 0.975, slack)


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [0.005, 0.02])
def test_crossings(sigma):
    """Open ends are many: the set is a hull, and far out the curves may cross again."""
    one, other = fitted(STEEP, sigma, 400, 1), fitted(SHALLOW, sigma, 400, 2)
    found = ask_together(one, [(Crossing(other), 0.95)], profile)[0]
    check(f"crossing, sigma {sigma}", found, CROSSING, 0.94, 1.0, 0.0)
    known = np.isfinite(found.estimate)
    assert 0.8 * CROSSING < np.median(found.estimate[known]) < 1.25 * CROSSING
