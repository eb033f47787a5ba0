"""Verdicts on tables whose truth is known, and the words around them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import scalefit as sf
from scalefit.gate import scaling_gate
from scalefit.noise import Gaussian
from scalefit.sample import by_size

SIZES = 1e5 * 10 ** np.linspace(0, 3, 12)


def fit_of(mean, sigma=0.005, seeds=5, seed=0, **options):
    rng = np.random.default_rng(seed)
    x = np.repeat(SIZES, seeds)
    y = np.repeat(mean, seeds) + sigma * rng.standard_normal(x.size)
    return sf.fit(pd.DataFrame({"cells": x, "f1": y, "seed": np.tile(range(seeds), 12)}), **options)


T = SIZES / SIZES[0]


@pytest.mark.parametrize(
    ("mean", "verdict"),
    [
        (0.9 - 0.3 * T**-1.0, "saturated"),
        (0.9 - 0.3 / T**0.2, "still_scaling"),
        (0.7 + 0.05 * np.log10(T), "still_scaling"),
        (np.full(12, 0.8), "no_scaling"),
    ],
    ids=["plateau", "slow power", "log law", "constant"],
)
def test_clear_cases(mean, verdict):
    found = fit_of(mean, sigma=0.003).saturation()
    assert found.verdict == verdict
    assert verdict.split("_")[0] in str(found)
    text = found.explain()
    assert "one-sided 95 %" in text
    for name in found.tests.test:
        assert name in text


def test_verdict_is_the_bounds_against_the_margin():
    """The margins at which the verdict flips are the two bounds themselves."""
    fit = fit_of(0.9 - 0.3 * T**-0.5)
    found = fit.saturation()
    assert 0 < found.lower < found.upper
    assert fit.saturation(margin=0.99 * found.lower).verdict == "still_scaling"
    assert fit.saturation(margin=1.01 * found.lower).verdict == "inconclusive"
    assert fit.saturation(margin=0.99 * found.upper).verdict == "inconclusive"
    assert fit.saturation(margin=1.01 * found.upper).verdict == "saturated"


def test_bounds_are_the_ends_of_the_ninety_percent_interval():
    fit = fit_of(0.9 - 0.3 * T**-0.5)
    found = fit.saturation()
    assert found.lower == fit.gain(10, level=0.9).lower
    assert found.upper == fit.gain(10, level=0.9).upper


def test_no_verdict_is_firm_without_replicates():
    found = fit_of(0.9 - 0.3 * T**-1.0, sigma=0.001, seeds=1).saturation()
    assert found.verdict == "saturated"
    assert found.strength == "provisional"
    assert fit_of(0.9 - 0.3 * T**-1.0, sigma=0.003).saturation().strength == "firm"


def test_wrong_law_is_not_believed():
    """A late sigmoid: the saturating power law is rejected and another law is named."""
    mean = 0.4 + 0.5 / (1 + (3e6 / SIZES) ** 2.5)
    fit = fit_of(mean, sigma=0.004)
    assert fit.law.name == "hill"
    status = fit.laws.set_index("law")["status"]
    assert status["saturating_power"] == "rejected"
    truth = 0.4 + 0.5 / (1 + (3e6 / (10 * SIZES[-1])) ** 2.5) - mean[-1]
    assert truth in fit.gain(10, inference="union")


def test_no_law_fits_is_a_refusal():
    mean = 0.7 + 0.1 * np.sin(np.linspace(0, 9, 12))
    fit = fit_of(mean, sigma=0.003)
    found = fit.saturation()
    assert found.verdict == "inconclusive"
    assert "no law fits" in found.reason
    assert "no_law_fits" in set(fit.diagnostics.query("severity == 'refuse'").code)


def test_published_rule_stands_beside_and_is_named_no_evidence():
    found = fit_of(0.7 + 0.05 * np.log10(T), sigma=0.003).saturation()
    row = found.points.set_index("definition").loc[
        "95 % of the best single run (published rule, no evidence)"
    ]
    assert row["size"] < SIZES[-1]
    assert found.verdict == "still_scaling"


def test_model_based_points():
    found = fit_of(0.9 - 0.3 * T**-1.0, sigma=0.0005).saturation()
    points = found.points.set_index("definition")
    whole = 0.3 * (1 - T[-1] ** -1.0)
    expected = SIZES[0] * (0.3 / (0.3 - 0.95 * whole))
    row = points.loc["95 % of the observed gain (model)"]
    assert row["lower"] < expected < row["upper"]
    assert points.loc["95 % of the attainable gain (model)", "size"] == pytest.approx(
        20 * SIZES[0], rel=0.05
    )


def test_gate_does_not_depend_on_company():
    rng = np.random.default_rng(1)
    x = np.repeat(SIZES, 2)
    y = 0.8 + 0.002 * np.log10(x) + 0.01 * rng.standard_normal((4, x.size))
    x[:2] = SIZES[1]  # one curve lacks its smallest size
    group = np.repeat(np.arange(4), x.size)
    xs = np.tile(np.repeat(SIZES, 2), 4)
    xs[: x.size] = x
    together = Gaussian().weigh(by_size(xs, y.ravel(), group, np.ones(4), np.ones(4)))
    whole = scaling_gate(together, 3)
    for g in range(4):
        alone = Gaussian().weigh(
            by_size(xs[group == g], y[g], np.zeros(x.size, int), np.ones(1), np.ones(1))
        )
        assert scaling_gate(alone, 3).p[0] == whole.p[g]
        assert scaling_gate(alone, 3).trend[0] == pytest.approx(whole.trend[g], rel=1e-9)


def test_same_seed_same_answer_other_seed_nearly_so():
    mean = 0.8 + 0.004 * np.log10(T)
    p = [fit_of(mean, sigma=0.01, rng=seed).saturation().tests.p[0] for seed in (0, 0, 1)]
    assert p[0] == p[1]
    assert p[0] == pytest.approx(p[2], abs=0.02)


def test_influential_size_is_named():
    """A smallest size far off the others' trend carries the curve, and is named."""
    rng = np.random.default_rng(2)
    x = np.repeat([1e4, 1e6, 2e6, 4e6, 7e6, 1e7], 3)
    y = np.where(x < 1e5, 0.2, 0.7 + 0.1 * np.log10(x / 1e6)) + 0.003 * rng.standard_normal(18)
    fit = sf.fit({"cells": x, "f1": y})
    row = fit.diagnostics.set_index("code").loc["influential_size"]
    assert "without size 10k" in row["message"]
    assert "crowded_top" in set(fit.diagnostics.code)
