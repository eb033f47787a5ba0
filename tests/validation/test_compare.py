"""Rows T5 to T5c and B5: shared against separate answers, pairs, means over groups, ranks."""

from __future__ import annotations

import numpy as np
import pytest

from scalefit.confidence import from_errors, joined, trace
from scalefit.contrasts import equality, pairs
from scalefit.estimands import Gain, Parameter
from scalefit.estimate import estimate
from scalefit.inference import profile
from scalefit.laws import get_law
from scalefit.meta import random_effects
from scalefit.noise import Gaussian
from scalefit.one_stage import one_stage
from scalefit.ranks import ranks

from ..measured import rate
from .simulation import LARGE, SMALL, Truth, sample_of

LAW = get_law("saturating_power")
CONSTANT = Gaussian("constant")


def check(measured, row, cell, quantity, hits, low, high, complete):
    """Tell a rate, which may miss its bars by errors of a rate at the bar that is nearer."""
    p, error = rate(hits)
    bar = min((low, high), key=lambda end: abs(end - p))
    slack = (2.0 if complete else 3.0) * np.sqrt(bar * (1.0 - bar) / len(hits))
    measured(row, cell, quantity, p, error, len(hits), low, high, slack)


def traced(exponents, sigmas, design, tables, seed, noise, estimand):
    """Return confidence curves of every group, each a batch of simulated tables."""
    found = []
    for g, (exponent, sigma) in enumerate(zip(exponents, sigmas, strict=True)):
        mean = Truth(exponent).mean(design.sizes, design)
        fits = estimate(LAW, sample_of(mean, design, sigma, tables, seed + 1000 * g, noise=noise))

        def ask(rows, levels, fits=fits):
            return profile(fits.take(rows), estimand, levels)

        found.append(trace(fits, ask))
    return found


def of_table(found, i):
    return joined([group.take([i]) for group in found])


#: Groups with their exponents and noise, the design, the error model, the bar, and how many tables
#: the complete run has. With the same constant noise everywhere the bar is that of T5; estimated
#: variance functions and noise that differs between groups take their toll.
T5 = (0.042, 0.058)
SAME = [
    ((0.3,) * 2, (0.02,) * 2, SMALL, CONSTANT, T5, 6000),
    ((0.6,) * 2, (0.005,) * 2, LARGE, CONSTANT, T5, 2000),
    ((0.6,) * 5, (0.01,) * 5, SMALL, CONSTANT, T5, 2000),
    ((0.5,) * 20, (0.01,) * 20, SMALL, CONSTANT, T5, 600),
    ((0.3,) * 2, (0.005, 0.02), SMALL, CONSTANT, T5, 2000),
    ((0.5,) * 6, (0.01, 0.02) * 3, SMALL, CONSTANT, (0.04, 0.075), 1000),
    ((0.3,) * 2, (0.005, 0.02), SMALL, Gaussian(), (0.04, 0.075), 2000),
    ((0.5,) * 6, (0.01, 0.02) * 3, SMALL, Gaussian(), (0.04, 0.075), 1000),
]


FAST = (0, 2)


@pytest.mark.parametrize(
    ("case", "complete"),
    [(case, False) for case in FAST]
    + [pytest.param(case, True, marks=pytest.mark.slow) for case in range(len(SAME))],
)
def test_t5_size(case, complete, measured):
    exponents, sigmas, design, noise, bar, tables = SAME[case]
    tables = tables if complete else max(10, 80 // len(exponents))
    found = traced(exponents, sigmas, design, tables, 70 + case, noise, Parameter("exponent"))
    p = np.array([equality(of_table(found, i)).p for i in range(tables)])
    spread = " and ".join(f"{sigma}" for sigma in sorted(set(sigmas)))
    cell = f"{len(exponents)} groups, {design.name}, sigma {spread}, {noise.variance} variance"
    check(measured, "T5", cell, "false positives", p <= 0.05, *bar, complete)


@pytest.mark.parametrize("tables", [60, pytest.param(4000, marks=pytest.mark.slow)])
def test_t5_power(tables, measured):
    exponents = (0.3, 0.6)
    found = traced(exponents, (0.02, 0.02), SMALL, tables, 90, CONSTANT, Parameter("exponent"))
    p = np.array([equality(of_table(found, i)).p for i in range(tables)])
    cell = "0.3 against 0.6, 6x3, sigma 0.02"
    check(measured, "T5", cell, "power", p <= 0.05, 0.55, np.inf, tables >= 4000)


def test_a_difference_is_seen_where_noise_is_small():
    """The test is not blind: with a tenth of the noise it rejects in nearly every table."""
    found = traced((0.3, 0.6), (0.002, 0.002), SMALL, 40, 91, CONSTANT, Parameter("exponent"))
    assert np.mean([equality(of_table(found, i)).p <= 0.05 for i in range(40)]) > 0.95


@pytest.mark.parametrize("tables", [40, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("estimand", [Gain(10), Parameter("asymptote")], ids=lambda e: e.label[:9])
def test_differences_of_pairs_are_covered(estimand, tables, measured):
    """Two truths that differ: the interval of the difference holds the true one."""
    exponents = (0.4, 0.8)
    found = traced(exponents, (0.01, 0.02), SMALL, tables, 110, CONSTANT, estimand)
    gain = isinstance(estimand, Gain)
    one, other = (Truth(a).gain(10, SMALL) if gain else 0.9 for a in exponents)
    hits = []
    for i in range(tables):
        gap = pairs(of_table(found, i), 0.95)
        hits.append(gap.lower[0] <= one - other <= gap.upper[0])
        assert (gap.p[0] < 0.05) == (not gap.lower[0] <= 0 <= gap.upper[0])
    quantity = "gain" if gain else "asymptote"
    check(measured, "T5b", "fitted curves", quantity, hits, 0.94, 0.975, tables >= 2000)


def drawn(rng, k, tau, error):
    se = error * rng.lognormal(0.0, 0.4, k)
    return 0.4 + tau * rng.standard_normal(k) + se * rng.standard_normal(k), se


@pytest.mark.parametrize("draws", [60, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("k", [4, 8, 16])
@pytest.mark.parametrize("error", [0.05, 0.15])
def test_b5_random_effects_mean(k, error, draws, measured):
    rng = np.random.default_rng(31 + k)
    hits, predicted = [], []
    for _ in range(draws):
        y, se = drawn(rng, k, 0.25, error)
        found = random_effects(y, se**2)
        mean = found.table.iloc[0]
        hits.append(mean["lower"] <= 0.4 <= mean["upper"])
        new = 0.4 + 0.25 * rng.standard_normal()
        predicted.append(found.prediction[0] <= new <= found.prediction[1])
    cell, complete = f"{k} groups, error {error}", draws >= 4000
    check(measured, "B5", cell, "mean", hits, 0.935, 0.965, complete)
    check(measured, "B5", cell, "a new group", predicted, 0.90, 0.975, complete)


def test_fixed_effect_would_fail_b5():
    """The check can fail: without a variance between groups coverage is far below the bar."""
    rng = np.random.default_rng(3)
    hits = []
    for _ in range(200):
        y, se = drawn(rng, 8, 0.25, 0.05)
        weight = 1.0 / se**2
        mean = (weight * y).sum() / weight.sum()
        hits.append(abs(mean - 0.4) <= 1.96 / np.sqrt(weight.sum()))
    assert rate(np.array(hits))[0] < 0.6


@pytest.mark.parametrize("draws", [60, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("k", [4, 6, 16])
@pytest.mark.parametrize("tau", [0.05, 0.1, 0.25])
def test_b5_one_group_is_known_much_better(k, tau, draws, measured):
    rng = np.random.default_rng(61 + k)
    error = np.r_[0.02, np.full(k - 1, 0.2)]
    hits, predicted = [], []
    for _ in range(draws):
        y = 0.4 + tau * rng.standard_normal(k) + error * rng.standard_normal(k)
        found = random_effects(y, error**2)
        mean = found.table.iloc[0]
        hits.append(mean["lower"] <= 0.4 <= mean["upper"])
        predicted.append(
            found.prediction[0] <= 0.4 + tau * rng.standard_normal() <= found.prediction[1]
        )
    cell, complete = f"{k} groups, tau {tau}, errors 0.02 once and 0.2", draws >= 4000
    check(measured, "B5c", cell, "mean", hits, 0.935, 1.0, complete)
    check(measured, "B5c", cell, "a new group", predicted, 0.90, 1.0, complete)


@pytest.mark.parametrize("draws", [60, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("least", [0.001, 0.02])
@pytest.mark.parametrize("tau", [0.1, 0.2, 0.3])
def test_b5_two_groups_are_known_much_better(tau, least, draws, measured):
    rng = np.random.default_rng(67)
    error = np.r_[least, least, 0.2, 0.2, 0.2]
    hits, predicted = [], []
    for _ in range(draws):
        y = 0.4 + tau * rng.standard_normal(5) + error * rng.standard_normal(5)
        found = random_effects(y, error**2)
        mean = found.table.iloc[0]
        hits.append(mean["lower"] <= 0.4 <= mean["upper"])
        new = 0.4 + tau * rng.standard_normal()
        predicted.append(found.prediction[0] <= new <= found.prediction[1])
    cell, complete = f"5 groups, tau {tau}, errors {least} twice and 0.2", draws >= 4000
    check(measured, "B5c", cell, "mean", hits, 0.935, 1.0, complete)
    check(measured, "B5c", cell, "a new group", predicted, 0.90, 1.0, complete)


@pytest.mark.parametrize("draws", [5, pytest.param(250, marks=pytest.mark.slow)])
@pytest.mark.parametrize("error", [0.1, 0.002])
def test_b5_one_stage_of_unequal_groups(error, draws, measured):
    """One group as well known as given, five with errors of 0.1; likelihoods are normal."""
    rng = np.random.default_rng(71)
    errors = np.r_[error, np.full(5, 0.1)]
    hits, predicted = [], []
    for _ in range(draws):
        y = 0.4 + 0.15 * rng.standard_normal(6) + errors * rng.standard_normal(6)
        found = one_stage(from_errors(y, errors, errors, "simulated"))
        mean = found.table.iloc[0]
        hits.append(mean["lower"] <= 0.4 <= mean["upper"])
        new = 0.4 + 0.15 * rng.standard_normal()
        predicted.append(found.prediction[0] <= new <= found.prediction[1])
    cell, complete = f"6 groups, tau 0.15, errors {error} once and 0.1", draws >= 250
    check(measured, "B5b", cell, "mean", hits, 0.93, np.inf, complete)
    check(measured, "B5b", cell, "a new group", predicted, 0.90, np.inf, complete)


@pytest.mark.parametrize("draws", [6, pytest.param(150, marks=pytest.mark.slow)])
@pytest.mark.parametrize("k", [4, pytest.param(8, marks=pytest.mark.slow)])
def test_b5_one_stage_mean(k, draws, measured):
    """Fitted curves whose exponents differ by sd 0.25, many of them with open intervals."""
    rng = np.random.default_rng(57 + k)
    true = np.clip(0.7 + 0.25 * rng.standard_normal((draws, k)), 0.05, None)
    hits, open_ends = [], []
    for i in range(draws):
        groups = traced(
            true[i], (0.06,) * k, SMALL, 1, 57 + 17 * i, CONSTANT, Parameter("exponent")
        )
        curves = joined([one for one in groups if np.isfinite(one.estimate[0])])
        mean = one_stage(curves).table.iloc[0]
        open_ends.append(np.isinf(curves.interval(0.95)[1]).mean())
        hits.append(mean["lower"] <= 0.7 <= mean["upper"])
    cell = f"{k} groups, sigma 0.06"
    measured("B5b", cell, "intervals that are open", np.mean(open_ends), replicates=draws)
    check(measured, "B5b", cell, "mean", hits, 0.93, np.inf, draws >= 150)


@pytest.mark.parametrize("draws", [15, pytest.param(1000, marks=pytest.mark.slow)])
def test_rank_intervals_hold_all_ranks_at_once(draws, measured):
    rng = np.random.default_rng(8)
    truth = np.array([0.0, 0.5, 1.0, 1.5, 4.0])
    rank = 5 - np.argsort(np.argsort(truth))
    hits = []
    for _ in range(draws):
        se = np.full(5, 0.6)
        curves = from_errors(truth + se * rng.standard_normal(5), se, se, "simulated")
        found = ranks(curves, pairs(curves, 0.95), 0.95, True, 1)
        hits.append(np.all((found.lower <= rank) & (rank <= found.upper)))
    check(measured, "T5c", "five groups", "all ranks", hits, 0.95, np.inf, draws >= 1000)


@pytest.mark.parametrize("draws", [100, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_differences_of_correlated_groups_are_covered(rho, draws, measured):
    rng = np.random.default_rng(9)
    correlation = np.array([[1.0, rho], [rho, 1.0]])
    root = np.linalg.cholesky(correlation)
    hits = []
    for _ in range(draws):
        se = np.array([0.1, 0.2])
        y = np.array([0.5, 0.3]) + se * (root @ rng.standard_normal(2))
        gap = pairs(from_errors(y, se, se, "simulated"), 0.95, correlation)
        hits.append(gap.lower[0] <= 0.2 <= gap.upper[0])
    cell = f"correlation {rho}"
    check(measured, "T5b", cell, "correlated answers", hits, 0.94, 0.96, draws >= 4000)
