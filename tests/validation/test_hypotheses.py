"""Rows T1 to T10 but T5: size and power of tests of scaling, a plateau, a break, a gain."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import stdtr

from scalefit.breakpoint import beats_smooth_laws, bend_test
from scalefit.claims import claims, p_values
from scalefit.estimands import Gain
from scalefit.estimate import estimate
from scalefit.gate import scaling_gate
from scalefit.inference import profile, t_against
from scalefit.laws import AUTO, get_law
from scalefit.noise import Gaussian
from scalefit.permutation import permutation_test
from scalefit.plateau import bootstrap_plateau_test, plateau_test
from scalefit.sample import by_size
from scalefit.secant import last_slope
from scalefit.selection import candidates

from ..measured import rate
from .simulation import LARGE, SMALL, Truth, errors_allowed, sample_of

REPLICATES = [1000, pytest.param(10_000, marks=pytest.mark.slow)]
FALSE = "false positives"


def errors(replicates, complete=10_000):
    return errors_allowed(replicates, complete)


@pytest.mark.parametrize("replicates", REPLICATES)
@pytest.mark.parametrize("design", [SMALL, LARGE], ids=lambda d: d.name)
def test_t1_gate_size(design, replicates, measured):
    flat, slack = np.full(design.n_sizes, 0.8), errors(replicates)
    sample = sample_of(flat, design, 0.02, replicates, 1, noise=Gaussian("constant"))
    hits = scaling_gate(sample).p <= 0.05
    measured.rate("T1", f"{design.name}, constant noise", FALSE, hits, 0.043, 0.057, errors=slack)
    for ratio in (0.2, 5.0):
        sample = sample_of(flat, design, 0.02, replicates, 2, sd_ratio=ratio)
        hits = scaling_gate(sample).p <= 0.05
        cell = f"{design.name}, SD ratio {ratio:g}"
        measured.rate("T1", cell, FALSE, hits, high=0.065, errors=slack)


@pytest.mark.parametrize("replicates", [250, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("design", "sigma", "bar"), [(SMALL, 0.01, 0.75), (LARGE, 0.02, 0.92)])
def test_t2_gate_power(design, sigma, bar, replicates, measured):
    """A gain of 0.01 a decade is seen."""
    slope = 0.8 + 0.01 * np.log10(design.sizes / design.sizes[0])
    sample = sample_of(slope, design, sigma, replicates, 3)
    hits = scaling_gate(sample).p <= 0.05
    slack = 3 + errors(replicates, 4000)
    measured.rate("T2", f"{design.name}, sigma {sigma}", "power", hits, bar, errors=slack)


def laws_for(exponent, asymptote, gap, design, sigma, replicates, seed):
    """Return fits of the power law and of the saturating one to a true power law."""
    truth = Truth(exponent, asymptote, gap)
    sample = sample_of(
        truth.mean(design.sizes, design), design, sigma, replicates, seed,
        noise=Gaussian("constant"),
    )  # fmt: skip
    return estimate(get_law("power"), sample), estimate(get_law("saturating_power"), sample)


@pytest.mark.parametrize("replicates", REPLICATES)
def test_t3_pure_against_saturating(replicates, measured):
    """Low noise is included: there a coarse exponent grid would inflate the size."""
    cells = [(d, s, a) for d in (SMALL, LARGE) for s in (0.0005, 0.005, 0.02)
             for a in (0.06, 0.15, 0.4, 0.8)]  # fmt: skip
    for k, (design, sigma, exponent) in enumerate(cells):
        fits = laws_for(exponent, 1.0, 0.4, design, sigma, replicates, 40 + k)
        _, p = plateau_test(*fits)
        cell = f"{design.name}, sigma {sigma}, a {exponent}"
        measured.rate("T3", cell, FALSE, p < 0.05, 0.038, 0.060, errors=errors(replicates))


@pytest.mark.parametrize("replicates", [400, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("exponent", "design", "bar"), [(0.4, SMALL, 0.55), (0.2, LARGE, 0.60)], ids=str
)
def test_t4_plateau_power(exponent, design, bar, replicates, measured):
    _, p = plateau_test(*laws_for(exponent, 0.9, 0.3, design, 0.02, replicates, 9))
    cell = f"{design.name}, a {exponent}"
    measured.rate("T4", cell, "power", p < 0.05, bar, errors=errors(replicates, 4000))


@pytest.mark.parametrize("exponent", [0.15, 0.4])
@pytest.mark.parametrize(
    ("replicates", "tables"), [(80, 99), pytest.param(4000, 499, marks=pytest.mark.slow)]
)
def test_bootstrap_referee_size(exponent, replicates, tables, measured):
    null, wide = laws_for(exponent, 1.0, 0.4, SMALL, 0.02, replicates, 60)
    p = np.concatenate(
        [
            bootstrap_plateau_test(null.take(rows), wide.take(rows), rng, tables)
            for rng, rows in enumerate(np.array_split(np.arange(replicates), replicates // 4))
        ]
    )
    slack = errors(replicates, 4000)
    measured.rate("T4b", f"6x3, a {exponent}", FALSE, p <= 0.05, 0.038, 0.060, errors=slack)


@pytest.mark.parametrize("replicates", REPLICATES)
@pytest.mark.parametrize("design", [SMALL, LARGE], ids=lambda d: d.name)
def test_permutation_size(design, replicates, measured):
    """Exact for any error distribution that all runs share, here a long-tailed one."""
    rng = np.random.default_rng(61)
    runs = design.n_sizes * design.seeds
    y = 0.8 + 0.01 * rng.standard_t(2, (replicates, runs))
    group = np.repeat(np.arange(replicates), runs)
    x = np.tile(np.repeat(design.sizes, design.seeds), replicates)
    ones = np.ones(replicates)
    sample = by_size(x, y.ravel(), group, ones, np.nan * ones)
    p = np.concatenate(
        [
            permutation_test(sample.take(rows), seed, 499)[1]
            for seed, rows in enumerate(np.array_split(np.arange(replicates), 20))
        ]
    )
    measured.rate("T7", design.name, FALSE, p <= 0.05, 0.043, 0.057, errors=errors(replicates))


@pytest.mark.parametrize("replicates", [300, pytest.param(3000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("tail", "least"), [(np.inf, 0.9), (2.0, 0.55)], ids=["normal", "t2"])
def test_permutation_power(tail, least, replicates, measured):
    """Of scores in place of their ranks it was 0.95 and 0.44."""
    rng = np.random.default_rng(62)
    x = np.repeat(np.geomspace(1e3, 1e6, 12), 3)
    shape = replicates, x.size
    error = rng.standard_normal(shape) if np.isinf(tail) else rng.standard_t(tail, shape)
    y = 2.2 * (1.0 - (x / 1e3) ** -0.3) + error
    group, ones = np.repeat(np.arange(replicates), x.size), np.ones(replicates)
    sample = by_size(np.tile(x, replicates), y.ravel(), group, ones, np.nan * ones)
    _, p = permutation_test(sample, 0, 499)
    cell = "12x3, errors " + ("normal" if np.isinf(tail) else "t2")
    slack = errors_allowed(replicates, 1000)
    measured.rate("T7b", cell, "p at or below 0.05", p <= 0.05, least, errors=slack)


def stick(design, slope=0.15, after=0.02):
    """Return a line that bends a little above the middle of the sizes, and the break."""
    z, bend = np.log10(design.sizes / design.sizes[0]), 0.535 * design.decades
    mean = 0.6 + slope * np.minimum(z, bend) + after * np.maximum(z - bend, 0.0)
    return mean, design.sizes[0] * 10**bend


@pytest.mark.parametrize("replicates", [400, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("design", [SMALL, LARGE], ids=lambda d: d.name)
def test_t6_bend_size(design, replicates, measured):
    line = 0.7 + 0.05 * np.log10(design.sizes / design.sizes[0])
    for variance in ("constant", "auto"):
        sample = sample_of(line, design, 0.02, replicates, 62, noise=Gaussian(variance))
        p = np.concatenate(
            [
                bend_test(sample.take(rows), seed, tables=499).p
                for seed, rows in enumerate(np.array_split(np.arange(replicates), 20))
            ]
        )
        low, high = (0.043, 0.057) if variance == "constant" else (-np.inf, 0.065)
        cell = f"{design.name}, {variance} variance"
        measured.rate("T6", cell, FALSE, p <= 0.05, low, high, errors=errors(replicates))


@pytest.mark.parametrize("replicates", REPLICATES)
@pytest.mark.parametrize("design", [SMALL, LARGE], ids=lambda d: d.name)
def test_t6_break_coverage(design, replicates, measured):
    mean, truth = stick(design)
    for sigma in (0.02, 0.005):
        sample = sample_of(mean, design, sigma, replicates, 63, noise=Gaussian("constant"))
        bend = bend_test(sample, tables=1)
        hits = (bend.lower <= truth) & (truth <= bend.upper)
        cell = f"{design.name}, sigma {sigma}"
        measured.rate("T6", cell, "coverage of the break", hits, 0.93, errors=errors(replicates))


@pytest.mark.parametrize("replicates", [15, pytest.param(1000, marks=pytest.mark.slow)])
def test_t6_a_smooth_bend_is_not_called_a_break(replicates, measured):
    for design, exponent in ((SMALL, 0.5), (SMALL, 1.0), (LARGE, 0.5), (LARGE, 1.0)):
        mean = Truth(exponent).mean(design.sizes, design)
        sample = sample_of(mean, design, 0.01, replicates, 64)
        laws = candidates(AUTO, sample).spanning()
        bends = bend_test(sample, tables=99).p <= 0.05
        called = bends & beats_smooth_laws(sample, laws.estimates, laws.surviving)
        assert rate(bends)[0] > 0.9  # significant nearly always, and no evidence of a break
        cell, what = f"{design.name}, a {exponent}", "smooth bend called a break"
        measured.rate("T6", cell, what, called, high=0.05, errors=errors(replicates, 1000))


GAINS = [(0.0, 0.02), (0.2, 0.02), (0.5, 0.01), (1.0, 0.01)]


@pytest.mark.parametrize("replicates", REPLICATES)
@pytest.mark.parametrize("design", [SMALL, LARGE], ids=lambda d: d.name)
def test_p_values_are_uniform_where_the_gain_equals_the_margin(design, replicates, measured):
    """Far into the tail, where an adjustment for many curves needs them."""
    for k, (exponent, sigma) in enumerate(GAINS):
        truth = Truth(exponent, gap=0.3 if exponent else 0.05)
        mean = truth.mean(design.sizes, design)
        sample = sample_of(mean, design, sigma, replicates, 65 + k)
        fitted = estimate(get_law("saturating_power"), sample)
        margin = np.full(replicates, truth.gain(10, design))
        t = t_against(fitted, Gain(10), margin, profile)
        for tail, p in (
            ("at least", stdtr(fitted.scale[1], -t)), ("at most", stdtr(fitted.scale[1], t))
        ):  # fmt: skip
            for level, low, high in (
                (0.005, -np.inf, 0.009),
                (0.05, 0.035, 0.065),
                (0.5, 0.47, 0.53),
            ):
                cell, what = f"{design.name}, a {exponent}, {tail}", f"p at or below {level}"
                measured.rate("T8", cell, what, p <= level, low, high, errors=errors(replicates))


@pytest.mark.parametrize("replicates", REPLICATES)
def test_the_bound_without_extrapolation_is_valid_for_concave_curves(replicates, measured):
    for k, (exponent, sigma) in enumerate(GAINS):
        for design in (SMALL, LARGE):
            truth = Truth(exponent, gap=0.3 if exponent else 0.05)
            sample = sample_of(truth.mean(design.sizes, design), design, sigma, replicates, 70 + k)
            gain = truth.gain(10, design)
            wrong = last_slope(sample).bound(10, 0.95) < gain
            cell, what = f"{design.name}, a {exponent}", "bound below the gain"
            measured.rate("T9", cell, what, wrong, high=0.06, errors=errors(replicates))


@pytest.mark.parametrize("replicates", [1200, pytest.param(12_000, marks=pytest.mark.slow)])
def test_holm_keeps_false_claims_of_a_family_rare(replicates, measured):
    """Families of twelve curves whose gain is the margin, all to be called saturated."""
    truth, size = Truth(0.5), 12
    sample = sample_of(truth.mean(SMALL.sizes, SMALL), SMALL, 0.01, replicates, 75)
    fitted = candidates([get_law("saturating_power")], sample)
    claimed = SimpleNamespace(
        factor=10.0,
        gate=SimpleNamespace(p=np.zeros(replicates)),
        refused=np.zeros(replicates, dtype=bool),
        margin=np.full(replicates, truth.gain(10, SMALL)),
        verdict=np.full(size, "saturated", dtype=object),
    )
    families = p_values(claimed, fitted, profile).reshape(-1, size, 3)
    claimed.refused = claimed.refused[:size]
    wrong = {"holm": [], "bh": [], None: []}
    for p in families:
        for adjust, found in wrong.items():
            found.append((claims(claimed, p, adjust).adjusted_p <= 0.05).any())
    for adjust in ("holm", "bh"):
        slack = errors(replicates)  # of replicates, which are twelve times the families
        cell, hits = f"families of 12, {adjust}", np.array(wrong[adjust])
        measured.rate("T10", cell, "any called saturated", hits, high=0.065, errors=slack)
    assert rate(np.array(wrong[None]))[0] > 0.25
