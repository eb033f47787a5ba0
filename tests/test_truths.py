"""Truths to plan by: drawn from what a fit leaves open, stated by hand, and the runs they give."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest, t

import scalefit as sf
from scalefit.curves import Curves
from scalefit.noise import Beta, Gaussian, LogNormal, Student
from scalefit.sample import by_size
from scalefit.truths import Truths, drawn_truths, fitted_truths, need_independent_runs

SIZES = np.geomspace(1e4, 1e6, 6)


def runs(sd=0.01, seed=0, exponent=0.4, replicates=3, name="f1", level=0.9, gap=-0.3):
    x = np.repeat(SIZES, replicates)
    mean = level + gap * (x / SIZES[0]) ** -exponent
    y = mean + sd * np.random.default_rng(seed).standard_normal(x.size)
    return pd.DataFrame({"cells": x, "seed": list(range(replicates)) * len(SIZES), name: y})


def draw(fit, n=2000, seed=1):
    rng = np.random.default_rng(seed)
    return drawn_truths(fit.estimate, fit.settings.noise, fit.table.metrics[0], n, rng)


@pytest.mark.parametrize("question", [sf.Gain(10), sf.Parameter("exponent")])
def test_refits_leave_open_what_the_intervals_do(question):
    """For a curve that is well known their quantiles are the ends of the profile interval."""
    fit = sf.fit(runs(sd=0.004))
    told = fit.ask(question)
    low, high = np.quantile(draw(fit).curves.value(question), [0.025, 0.975])
    width = told.upper - told.lower
    assert low == pytest.approx(told.lower, abs=0.08 * width)
    assert high == pytest.approx(told.upper, abs=0.08 * width)


def test_the_noise_is_drawn_as_well():
    fit = sf.fit(runs())
    found = draw(fit)
    df = fit.estimate.residual_df[0]
    scaled = df * (fit.estimate.run_scale[0] / found.scale) ** 2
    assert kstest(scaled, "chi2", args=(df,)).pvalue > 0.001
    assert found.slope.std() == pytest.approx(fit.estimate.sample.variance_slope_error[0], rel=0.1)
    assert "refitted" in found.label
    assert "given saturating_power" in found.label


def test_draws_of_a_posterior_are_taken_as_they_are():
    fit = sf.fit(runs(), method=sf.Bayes(draws=200, chains=2))
    found = draw(fit, 50)
    drawn = fit.estimate.draws.one("theta")[0, :, 0]
    assert np.isin(found.curves.theta[:, 0], drawn).all()
    assert len(np.unique(found.curves.theta[:, 0])) == 50
    assert "posterior" in found.label


def test_few_sizes_give_no_truths():
    few = runs()
    few = few[few["cells"] < 5e4]
    with pytest.raises(sf.FitError, match="Hypothesis"):
        draw(sf.fit(few))


def test_runs_without_scatter_give_no_truths():
    level = pd.DataFrame({"cells": SIZES, "f1": 0.5 + 0.0 * SIZES})
    with pytest.raises(sf.FitError, match="scatter"):
        draw(sf.fit(level))


@pytest.mark.parametrize(
    ("noise", "words"),
    [(sf.noise.Hoffmann(), "hoffmann"), (Gaussian(seeds="crossed"), "crossed seeds")],
    ids=["objective", "crossed"],
)
def test_runs_that_are_not_independent_cannot_be_drawn(noise, words):
    with pytest.raises(sf.FitError, match=words):
        need_independent_runs(noise)


def truth_of(noise, score, sd=0.05, n=4000):
    """Return a flat truth with the scatter of an error model, and its sizes."""
    rows = np.zeros(4, dtype=np.intp)
    x = np.array([1e3, 1e4, 1e5, 1e6])
    one = noise.weigh(by_size(x, score + 0.0 * x, rows, np.ones(1), np.ones(1)))
    curve = Curves(sf.laws.__globals__["get_law"]("constant"), one.frame, np.zeros((1, 0)),
                   np.array([[score]]))  # fmt: skip
    many = np.zeros(n, dtype=np.intp)
    kernel = None if one.kernel is None else one.kernel.take(many)
    return Truths(curve.take(many), np.full(n, sd), np.zeros(n), kernel, "")


@pytest.mark.parametrize(
    "noise", [Gaussian(), Student(link="identity"), LogNormal(), Beta()], ids=str
)
def test_runs_scatter_as_the_error_model_says(noise):
    uniform = np.random.default_rng(0).random((4000, 1))
    score, sd = 0.8, 0.05
    found = truth_of(noise, score, sd).runs(np.array([1e4]), uniform)[:, 0]
    if isinstance(noise, LogNormal):
        assert kstest(np.log(found / score) / sd, "norm").pvalue > 0.01
    elif isinstance(noise, Student):
        assert kstest((found - score) / sd, t(4).cdf).pvalue > 0.01
    elif isinstance(noise, Beta):
        precision = sd**-2
        assert (
            kstest(found, "beta", args=(score * precision, (1 - score) * precision)).pvalue > 0.01
        )
    else:
        assert kstest((found - score) / sd, "norm").pvalue > 0.01


def test_the_scale_is_held_beyond_the_sizes():
    truth = fitted_truths(sf.fit(runs(), variance="power").estimate)
    inside, beyond = truth.scale_at(np.array([SIZES[0], SIZES[-1]]))[0], None
    beyond = truth.scale_at(np.array([SIZES[0] / 50, SIZES[-1] * 50]))[0]
    assert inside.tolist() == pytest.approx(beyond.tolist())
    assert inside[0] != inside[1]


# Stated by hand -----------------------------------------------------------------------------------


def test_a_hypothesis_through_scores_at_sizes_as_text():
    text = sf.Hypothesis.through({"10k": 0.6, "1M": 0.825, "100k": 0.75}, sd=0.01, score="f1")
    number = sf.Hypothesis.through({1e4: 0.6, 1e6: 0.825, 1e5: 0.75}, sd=0.01, score="f1")
    assert (text.params, text.cells) == (number.params, number.cells)


def test_a_hypothesis_through_scores():
    found = sf.Hypothesis.through({1e4: 0.6, 1e6: 0.825, 1e5: 0.75}, sd=0.01, score="f1")
    assert found.mean([1e4, 1e5, 1e6]).tolist() == pytest.approx([0.6, 0.75, 0.825])
    assert found.cells == (1e4, 1e5, 1e6)
    line = sf.Hypothesis.through({1e4: 0.6, 1e6: 0.8}, 0.01, "log_linear", cells=[1e3, 1e4, 1e7])
    assert line.mean([1e5, 1e7]).tolist() == pytest.approx([0.7, 0.9])


def test_a_hypothesis_says_how_noise_changes_with_size():
    found = sf.Hypothesis.through(
        {1e4: 0.6, 1e5: 0.75, 1e6: 0.825}, sd=(0.04, 0.01), score="f1", seeds=2
    )
    truth = found.truths(3, np.array([1e7]), Gaussian())
    scale = truth.scale_at(np.array([1e4, 1e5, 1e6, 1e8]))
    assert scale[0].tolist() == pytest.approx([0.04, 0.02, 0.01, 0.01])
    assert len(truth) == 3


def test_the_level_of_a_log_law_is_meant_at_one_size():
    slope = 0.05 / np.log(10)
    for options in ({"cells": [1e4, 1e6]}, {"centre": 1e5}):
        line = sf.Hypothesis("log_linear", {"level": 0.7, "slope": slope}, sd=0.01, **options)
        assert line.mean([1e5]).tolist() == pytest.approx([0.7])
        assert line.mean([1e5, 1e7]).tolist() == pytest.approx([0.7, 0.8])
    line = sf.Hypothesis("log_linear", {"level": 0.4, "slope": slope}, sd=0.01)
    assert line.mean([1e5]).tolist() == pytest.approx([0.65])


def test_percentages_are_understood():
    found = sf.Hypothesis.through({1e4: 60, 1e5: 75, 1e6: 82.5}, sd=1.0, score="accuracy")
    assert found.metric([1e4, 1e6]).unit == "percent"


CURVE = {"asymptote": 0.9, "coefficient": 3.0, "exponent": 0.3}


@pytest.mark.parametrize(
    ("law", "params", "options", "words"),
    [
        ("saturating_power", CURVE | {"exponnet": 1}, {}, "did you mean 'exponent'"),
        ("saturating_power", {"asymptote": 0.9}, {}, "coefficient, exponent"),
        ("sigmoid", CURVE, {}, "no law named"),
        ("additive", {}, {}, "two drivers"),
        ("saturating_power", CURVE, {"sd": 0.0}, "sd=0.0"),
        ("saturating_power", CURVE, {"sd": (0.1, 0.2)}, "cells"),
        ("saturating_power", CURVE, {"score": "vigour"}, "better="),
        ("saturating_power", CURVE, {"seeds": 0}, "seeds=0"),
        ("saturating_power", CURVE, {"cells": [0.0]}, "positive"),
    ],
)
def test_a_hypothesis_that_is_none(law, params, options, words):
    with pytest.raises(sf.ScalefitError, match=words):
        sf.Hypothesis(law, params, **({"sd": 0.01} | options))


def test_scores_that_no_curve_passes_through():
    with pytest.raises(sf.FitError, match="passes"):
        sf.Hypothesis.through({1e4: 0.8, 1e5: 0.7, 1e6: 0.75}, sd=0.01)
    with pytest.raises(sf.FitError, match="3 parameters"):
        sf.Hypothesis.through({1e4: 0.8, 1e5: 0.7}, sd=0.01)
