"""Rows C1, C2, C3, C5, T11, T11b of the acceptance table: intervals and tests of known truths.

The default run has few replicates and allows three Monte-Carlo standard errors beyond each bar;
``-m slow`` runs the numbers of the acceptance table against the bars themselves.
"""

from __future__ import annotations

import numpy as np
import pytest

import scalefit as sf
from scalefit.estimands import Gain, ObservedGain, Parameter, Value
from scalefit.estimate import estimate
from scalefit.inference import profile, wald
from scalefit.laws import get_law
from scalefit.results import run_interval

from ..measured import rate
from .simulation import LARGE, MIDDLE, SMALL, Design, Truth, errors_allowed, sample_of

LAW = get_law("saturating_power")
REPLICATES = [400, pytest.param(4000, marks=pytest.mark.slow)]


def coverage(truth, design, sigma, replicates, seed, inference=profile, **options):
    """Return which intervals hold exponent, asymptote, f(10x), f(100x), G10."""
    sample = sample_of(truth.mean(design.sizes, design), design, sigma, replicates, seed, **options)
    fitted = estimate(LAW, sample)
    top = design.sizes[-1]
    targets = {
        "exponent": (Parameter("exponent"), truth.exponent),
        "asymptote": (Parameter("asymptote"), truth.asymptote),
        "f10": (Value(10 * top), truth.mean(10 * top, design)),
        "f100": (Value(100 * top), truth.mean(100 * top, design)),
        "G10": (Gain(10), truth.gain(10, design)),
    }
    found = {}
    for name, (estimand, value) in targets.items():
        interval = inference(fitted, estimand, 0.95)
        found[name] = (interval.lower <= value) & (value <= interval.upper)
    return found


def check(measured, row, cell, found, low, high=np.inf):
    for name, hits in found.items():
        slack = errors_allowed(len(hits), 1000)
        measured.rate(row, cell, name, hits, low, high, errors=slack)


@pytest.mark.parametrize("replicates", REPLICATES)
def test_c1_constant_noise(replicates, measured):
    means = []
    cells = [(d, s, a) for d in (SMALL, LARGE) for s in (0.005, 0.02) for a in (0.2, 0.5, 1.0)]
    for k, (design, sigma, exponent) in enumerate(cells):
        found = coverage(Truth(exponent), design, sigma, replicates, 100 + k)
        check(measured, "C1", f"{design.name}, sigma {sigma}, a {exponent}", found, 0.935, 0.968)
        means.append(np.mean(list(found.values())))
    error = np.std(means) / np.sqrt(len(means))
    measured("C1", "all", "mean", np.mean(means), error, replicates, 0.945, 0.958)


@pytest.mark.parametrize("replicates", REPLICATES)
@pytest.mark.parametrize(
    ("truth", "sigma"),
    [
        (Truth(0.06, 1.0, 0.08), 0.0015),
        (Truth(0.06, 0.9, 0.3), 0.01),
        (Truth(0.06, 0.93, 0.3), 0.005),
        (Truth(0.1, 1.0, 0.4), 0.02),
        (Truth(0.5, 0.9, 0.03), 0.02),
    ],
    ids=str,
)
def test_c2_slow_exponents_and_weak_signal(truth, sigma, replicates, measured):
    found = coverage(truth, SMALL, sigma, replicates, 200)
    check(measured, "C2", f"{truth}, sigma {sigma}", found, 0.94)


@pytest.mark.parametrize("replicates", REPLICATES)
@pytest.mark.parametrize(
    ("design", "ratio", "bar"), [(SMALL, 6.0, 0.91), (MIDDLE, 6.0, 0.925), (LARGE, 16.0, 0.93)]
)
@pytest.mark.parametrize("falling", [True, False])
def test_c3_noise_that_changes_with_size(design, ratio, bar, falling, replicates, measured):
    for k, exponent in enumerate((0.2, 0.5, 1.0)):
        found = coverage(
            Truth(exponent), design, 0.01, replicates, 300 + k,
            sd_ratio=1 / ratio if falling else ratio,
        )  # fmt: skip
        way = "falling" if falling else "rising"
        check(measured, "C3", f"{design.name}, {way}, a {exponent}", found, bar)


FEW = Design(6, 2, 2.0)
FIRST = Design(6, (5, 5, 2, 1, 1, 1), 2.0)
LAST = Design(6, (1, 1, 1, 2, 5, 5), 2.0)


def with_changing_noise(design, ratio, replicates, seed):
    """Return a truth, its means at the sizes, and the true law fitted to tables of it."""
    truth = Truth(0.3, gap=0.4)
    mean = truth.mean(design.sizes, design)
    return (
        truth,
        mean,
        estimate(LAW, sample_of(mean, design, 0.01, replicates, seed, sd_ratio=ratio)),
    )


@pytest.mark.parametrize("replicates", REPLICATES)
@pytest.mark.parametrize(
    ("design", "ratio", "bar"),
    [
        *((each, 1.0, 0.935) for each in (FEW, SMALL, MIDDLE, LARGE, FIRST, LAST)),
        *((each, ratio, 0.90) for each in (FEW, SMALL) for ratio in (0.1, 10.0)),
        *((each, ratio, 0.925) for each in (MIDDLE, LARGE) for ratio in (0.1, 10.0)),
        (FIRST, 5.0, 0.88), (LAST, 0.2, 0.88),
    ],
    ids=str,
)  # fmt: skip
def test_c3_answers_that_rest_on_one_end_of_the_sizes(design, ratio, bar, replicates, measured):
    """Of the noise there little is known, and its change with size has to be guessed."""
    truth, mean, fitted = with_changing_noise(design, ratio, replicates, 350)
    found = {}
    for name, estimand, value in (
        ("first size", Value(design.sizes[0]), mean[0]),
        ("last size", Value(design.sizes[-1]), mean[-1]),
        ("observed gain", ObservedGain(), mean[-1] - mean[0]),
        ("G10", Gain(10), truth.gain(10, design)),
    ):
        interval = profile(fitted, estimand, 0.95)
        found[name] = (interval.lower <= value) & (value <= interval.upper)
    check(measured, "C3b", f"{design.name}, SD ratio {ratio:g}", found, bar)


@pytest.mark.parametrize("replicates", REPLICATES)
@pytest.mark.parametrize(
    ("design", "ratio", "bar"),
    [
        *((each, ratio, 0.08) for each in (FEW, SMALL, LARGE) for ratio in (1.0, 0.1, 10.0)),
        (FIRST, 1.0, 0.08), (FIRST, 5.0, 0.11), (LAST, 0.2, 0.11),
    ],
    ids=str,
)  # fmt: skip
def test_a_true_law_is_seldom_rejected(design, ratio, bar, replicates, measured):
    _, _, fitted = with_changing_noise(design, ratio, replicates, 360)
    _, p = fitted.lack_of_fit
    slack = errors_allowed(replicates, 1000)
    cell = f"{design.name}, SD ratio {ratio:g}"
    for level, high in ((0.05, bar), (0.01, 0.02)):
        measured.rate("T11", cell, f"p at or below {level}", p <= level, high=high, errors=slack)


def few(*seeds, change=1.0):
    return pytest.param(list(seeds), change, 120, id=f"{seeds} {change:g} fast")


def many(*seeds, change=1.0):
    name = f"{seeds} {change:g}"
    return pytest.param(list(seeds), change, 2000, id=name, marks=pytest.mark.slow)


@pytest.mark.parametrize("tail", [np.inf, 3.0])
@pytest.mark.parametrize(
    ("seeds", "change", "replicates"),
    [
        few(1, 1, 1, 1, 1, 2), few(2, 2, *[1] * 8),
        many(2, 1, 1, 1, 1, 1), many(1, 1, 1, 1, 1, 2), many(2, *[1] * 7), many(2, 2, *[1] * 8),
        many(3, *[1] * 9), many(4, *[1] * 11), many(2, 2, 2, 1, 1, 1), many(5, 1, 1, 1, 1, 1),
        many(*[2] * 6), many(*[3] * 6), few(*[3] * 8, change=0.125),
        *(many(*seeds, change=0.125) for seeds in ([2] * 8, [3] * 8, [3] * 4 + [1] * 4)),
    ],
)  # fmt: skip
def test_a_true_law_is_seldom_rejected_under_long_tails(seeds, change, replicates, tail, measured):
    """Losses with normal errors, or t of three degrees of freedom, by the noise they have."""
    rng = np.random.default_rng(370)
    x = np.repeat(np.geomspace(1e5, 1e7, len(seeds)), seeds)
    sd = np.repeat(0.01 * np.geomspace(1.0, change, len(seeds)), seeds)
    shape = replicates, x.size
    error = rng.standard_normal(shape) if np.isinf(tail) else rng.standard_t(tail, shape)
    loss = (2 + 3 * (x / 1e5) ** -0.4) * np.exp(sd * error)
    table = {"curve": np.repeat(np.arange(replicates), x.size), "tokens": np.tile(x, replicates)}
    fits = sf.fit(table | {"loss": loss.ravel()}, by="curve", law=LAW.name)
    p = fits.candidates.estimates[0].lack_of_fit[1]
    cell = f"seeds {', '.join(map(str, seeds))}, " + ("normal" if np.isinf(tail) else "t3")
    cell += f", SD ratio {change:g}" if change != 1 else ""
    slack = errors_allowed(replicates, 1000)
    for level, high in ((0.05, 0.1), (0.01, 0.03)):
        measured.rate("T11b", cell, f"p at or below {level}", p <= level, high=high, errors=slack)


@pytest.mark.parametrize("replicates", REPLICATES)
def test_c5_interval_for_one_new_run(replicates, measured):
    truth, design = Truth(0.5), SMALL
    sample = sample_of(truth.mean(design.sizes, design), design, 0.02, replicates, 500)
    fitted = estimate(LAW, sample)
    new = np.random.default_rng(501).standard_normal(replicates)
    for factor in (3, 10, 100):
        x = factor * design.sizes[-1]
        interval = run_interval(fitted, np.full(replicates, x), 0.95, profile)
        run = truth.mean(x, design) + 0.02 * new
        found = {"one new run": (interval.lower <= run) & (run <= interval.upper)}
        check(measured, "C5", f"{factor} times the largest size", found, 0.945, 0.962)
        mean_only = profile(fitted, Value(x), 0.95)
        p, _ = rate((mean_only.lower <= run) & (run <= mean_only.upper))
        assert p < 0.93, "the interval for the mean must not pass as one for a run"


def test_the_bar_of_c2_can_be_missed():
    """A wrong law and Wald intervals are found out by the same coverage."""
    found = coverage(Truth(0.06, 0.93, 0.3), SMALL, 0.005, 400, 1, inference=wald)
    assert min(p + 3 * error for p, error in map(rate, found.values())) < 0.94
    late = 0.6 + 0.3 / (1 + (3e6 / SMALL.sizes) ** 2.0)
    fitted = estimate(LAW, sample_of(late, SMALL, 0.002, 400, 2))
    interval = profile(fitted, Gain(10), 0.95)
    truth = 0.6 + 0.3 / (1 + 0.03**2.0) - late[-1]
    assert rate((interval.lower <= truth) & (truth <= interval.upper))[0] < 0.5


@pytest.mark.parametrize("replicates", REPLICATES)
@pytest.mark.parametrize("ratio", [0.1, 10.0])
@pytest.mark.parametrize("design", [FEW, SMALL], ids=str)
def test_c5_one_new_run_where_the_noise_is_greatest(design, ratio, replicates, measured):
    """Its change with size is shrunk, so that the scatter of this run is guessed too small."""
    _, mean, fitted = with_changing_noise(design, ratio, replicates, 370)
    at = -1 if ratio > 1 else 0
    x = np.full(replicates, design.sizes[at])
    run = mean[at] + 0.01 * np.sqrt(10.0) * np.random.default_rng(371).standard_normal(replicates)
    for level, bar in ((0.9, 0.82), (0.95, 0.89)):
        interval = run_interval(fitted, x, level, profile)
        found = {f"at {level}": (interval.lower <= run) & (run <= interval.upper)}
        check(measured, "C5b", f"{design.name}, SD ratio {ratio:g}", found, bar)
