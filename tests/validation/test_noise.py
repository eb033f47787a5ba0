"""Rows C8 to C11: coverage under given errors, shared items, crossed seeds and checkpoints.

The default run has few replicates and allows three Monte-Carlo standard errors beyond each bar;
``-m slow`` holds to the bars. Each experiment is repeated with errors taken for independent ones,
to show that the check would see the difference.
"""

from __future__ import annotations

import numpy as np
import pytest

from scalefit.estimands import Gain, ObservedGain, Value
from scalefit.estimate import estimate
from scalefit.inference import profile
from scalefit.laws import get_law
from scalefit.noise import Autoregressive, Binomial, Gaussian, KnownError
from scalefit.sample import by_size

from ..measured import rate
from .simulation import LARGE, MIDDLE, SMALL, Design, Truth, errors_allowed

LAW = get_law("saturating_power")
TRUTH = Truth(0.5)
REPLICATES = [250, pytest.param(4000, marks=pytest.mark.slow)]


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


def targets(design):
    first, middle, top = design.sizes[[0, design.n_sizes // 2, -1]]
    ends = TRUTH.mean(np.array([first, top]), design)
    return {
        "middle": (Value(middle), TRUTH.mean(middle, design)),
        "top": (Value(top), TRUTH.mean(top, design)),
        "f10": (Value(10 * top), TRUTH.mean(10 * top, design)),
        "G10": (Gain(10), TRUTH.gain(10, design)),
        "observed": (ObservedGain(), float(ends[1] - ends[0])),
    }


def coverage(design, noise, error, **columns):
    """Return which intervals hold each target; ``error``, columns are ``(R, n)``, size by size."""
    replicates, n = error.shape
    x = np.repeat(design.sizes, design.seeds)
    scores = TRUTH.mean(x, design) + error
    told = {name: np.broadcast_to(value, error.shape).ravel() for name, value in columns.items()}
    ones = np.ones(replicates)
    group = np.repeat(np.arange(replicates), n)
    sample = by_size(np.tile(x, replicates), scores.ravel(), group, ones, ones, **told)
    fitted = estimate(LAW, noise.weigh(sample))
    found = {}
    for name, (estimand, value) in targets(design).items():
        interval = profile(fitted, estimand, 0.95)
        found[name] = (interval.lower <= value) & (value <= interval.upper)
    return found


def check(measured, row, cell, found, low, high):
    for name, hits in found.items():
        slack = errors_allowed(len(hits), 1000) * np.sqrt(0.05 * 0.95 / len(hits))
        measured(row, cell, name, *rate(hits), len(hits), low, high, slack)


def levels(found):
    return {name: found[name] for name in ("middle", "top", "f10")}


def gains(found):
    return {name: found[name] for name in ("G10", "observed")}


@pytest.mark.parametrize("replicates", REPLICATES)
@pytest.mark.parametrize("design", [SMALL, Design(12, 1, 3.0)], ids=lambda design: design.name)
@pytest.mark.parametrize("tau", [0.0, slow(0.005), 0.01, slow(0.02)])
def test_given_errors(design, tau, replicates, measured):
    """Errors of 0.005 to 0.02; with none beyond them intervals are a little wide."""
    rng = np.random.default_rng(int(1000 * tau) + design.seeds)
    shape = (replicates, design.n_sizes * design.seeds)
    se = 0.01 * np.exp(rng.uniform(-0.7, 0.7, shape))
    error = np.hypot(se, tau) * rng.standard_normal(shape)
    found = coverage(design, KnownError(), error, se=se)
    high = 0.975 if tau == 0 else 0.97
    check(measured, "C8", f"{design.name}, {tau} beyond them", found, 0.93, high)


@pytest.mark.parametrize("replicates", REPLICATES)
@pytest.mark.parametrize("design", [SMALL, slow(MIDDLE)], ids=lambda design: design.name)
def test_shared_items(design, replicates, measured):
    """One draw of 1,000 items for all runs, as large as the noise between runs."""
    rng = np.random.default_rng(11)
    shape = (replicates, design.n_sizes * design.seeds)
    top = TRUTH.mean(design.sizes[-1], design)
    shift = np.sqrt(top * (1 - top) / 1000) * rng.standard_normal((replicates, 1))
    error = 0.01 * rng.standard_normal(shape) + shift
    found = coverage(design, Binomial(), error, items=1000.0)
    check(measured, "C9", design.name, found, 0.93, 0.97)
    apart = coverage(design, Gaussian(), error)
    assert apart["middle"].mean() < 0.75, "without the items' draw levels must be missed"
    # As independent noise of every row it is averaged away in levels, and widens gains.
    se = np.sqrt(top * (1 - top) / 1000 + 0.01**2)
    alone = coverage(design, KnownError(), error, se=se)
    assert alone["middle"].mean() < 0.85
    assert alone["G10"].mean() > 0.975


@pytest.mark.parametrize("replicates", REPLICATES)
@pytest.mark.parametrize(
    "design", [SMALL, slow(MIDDLE), slow(LARGE)], ids=lambda design: design.name
)
@pytest.mark.parametrize("seed_sd", [slow(0.0), 0.01, 0.03])
def test_crossed_seeds(design, seed_sd, replicates, measured):
    rng = np.random.default_rng(21)
    n = design.n_sizes * design.seeds
    unit = np.tile(np.arange(design.seeds), design.n_sizes)
    effect = seed_sd * rng.standard_normal((replicates, design.seeds))
    error = 0.01 * rng.standard_normal((replicates, n)) + effect[:, unit]
    found = coverage(design, Gaussian("constant", seeds="crossed"), error, unit=unit)
    cell = f"{design.name}, SD between seeds {seed_sd}"
    # With three seeds the variance between them has two degrees of freedom.
    check(measured, "C10", cell, levels(found), 0.92, 0.98)
    check(measured, "C10", cell, gains(found), 0.93, 0.97)
    if seed_sd == 0.03:
        nested = coverage(design, Gaussian("constant"), error, unit=unit)
        assert nested["middle"].mean() < 0.75, "as nested, levels must be missed"
        assert nested["G10"].mean() > 0.985, "as nested, gains must be drowned"


@pytest.mark.parametrize("replicates", [150, slow(2000)])
@pytest.mark.parametrize(
    ("n_runs", "n_sizes", "rho", "low"),
    [
        slow(10, 8, 0.3, 0.93),
        (10, 8, 0.7, 0.93),
        slow(10, 8, 0.9, 0.93),
        slow(1, 24, 0.0, 0.945),
        slow(1, 24, 0.3, 0.945),
        (1, 24, 0.7, 0.93),
        slow(1, 24, 0.9, 0.84),
    ],
)
def test_checkpoints(n_runs, n_sizes, rho, low, replicates, measured):
    """Ten runs cover, and a single one unless its neighbours are nearly the same."""
    rng = np.random.default_rng(31)
    design = Design(n_sizes, n_runs, 3.0)
    error = rng.standard_normal((replicates, n_sizes, n_runs))
    for k in range(1, n_sizes):
        error[:, k] = rho * error[:, k - 1] + np.sqrt(1 - rho**2) * error[:, k]
    error = 0.01 * error.reshape(replicates, -1)
    unit = np.tile(np.arange(n_runs), n_sizes)
    found = coverage(design, Autoregressive(), error, unit=unit)
    runs = f"{n_runs} runs" if n_runs > 1 else "one run"
    check(measured, "C11", f"{n_sizes} sizes, {runs}, correlation {rho}", found, low, 0.985)
    if rho >= 0.7:
        naive = coverage(design, Gaussian("constant"), error)
        assert naive["middle"].mean() < found["middle"].mean() - 0.1
