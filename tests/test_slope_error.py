"""What tests and intervals make of the error of the variance's slope."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import fdtrc

import scalefit as sf
from scalefit.estimands import Gain, Value
from scalefit.estimate import estimate
from scalefit.inference import profile, wald
from scalefit.inference.common_mode import scale_of
from scalefit.laws import get_law
from scalefit.levels import free_levels
from scalefit.noise import Gaussian
from scalefit.slope_error import tilted_misfits, with_log_error

from .validation.simulation import SMALL, Truth, sample_of

LAW = get_law("saturating_power")


@pytest.fixture(scope="module")
def fitted():
    truth = Truth(0.3)
    return estimate(LAW, sample_of(truth.mean(SMALL.sizes, SMALL), SMALL, 0.01, 20, 3))


def test_mean_and_variance_of_the_log_are_kept():
    """Of V n / chi2_n times exp(e), by simulation."""
    rng = np.random.default_rng(0)
    for df, error in ((12.0, 0.5), (4.0, 1.2)):
        told = np.log(df / rng.chisquare(df, 400_000)) + error * rng.standard_normal(400_000)
        variance, m = (float(part[0]) for part in with_log_error(*np.array([[1.0], [df], [error]])))
        ours = np.log(variance * m / rng.chisquare(m, 400_000))
        assert ours.mean() == pytest.approx(told.mean(), abs=0.01)
        assert ours.std() == pytest.approx(told.std(), rel=0.01)


def test_without_an_error_nothing_changes():
    given = np.array([2.0, 3.0]), np.array([5.0, np.inf])
    for before, after in zip(given, with_log_error(*given, np.zeros(2)), strict=True):
        assert np.array_equal(before, after)
    mean, constant = Truth(0.3).mean(SMALL.sizes, SMALL), Gaussian("constant")
    plain = estimate(LAW, sample_of(mean, SMALL, 0.01, 20, 3, noise=constant))
    ratio, p = plain.lack_of_fit
    assert p == pytest.approx(fdtrc(3.0, plain.sample.pure_df, ratio))
    assert np.array_equal(scale_of(plain, Value(SMALL.sizes[0]))[1], plain.scale[1])


def test_misfits_at_other_slopes_are_those_of_fits_with_these_weights(fitted):
    sample, nodes = fitted.sample, np.polynomial.hermite_e.hermegauss(5)[0]
    told = tilted_misfits(fitted)

    def ratio(found):
        return found.solution.rss / found.sample.pure_ss

    for k, slope in enumerate(nodes):
        tilt = np.exp(-slope * sample.variance_slope_error[:, None] * sample.z)
        again = estimate(LAW, replace(sample, weight=sample.weight * tilt))
        away = np.abs(told[:, k] * ratio(fitted) / ratio(again) - 1)
        assert np.median(away) < 0.01  # to first order
        assert away.max() < 0.15


def losses(seeds, ratio, tables):
    """Return losses of a saturating power law whose relative noise falls with size."""
    rng = np.random.default_rng(5)
    x = np.repeat(np.geomspace(1e5, 1e8, len(seeds)), seeds)
    sd = np.repeat(0.005 * np.geomspace(ratio, 1.0, len(seeds)), seeds)
    loss = (1.7 + 1.2 * (x / 1e5) ** -0.35) * np.exp(sd * rng.standard_normal((tables, x.size)))
    table = {"tokens": np.tile(x, tables), "loss": loss.ravel()}
    fits = sf.fit(table | {"curve": np.repeat(np.arange(tables), x.size)}, by="curve", law=LAW.name)
    return fits.candidates.estimates[0]


@pytest.mark.parametrize(("seeds", "near"), [(3, 0.2), (10, 0.03)])
def test_misfits_under_a_likelihood_are_those_of_the_least_squares_it_is_like(seeds, near):
    """It is near where runs are many: what an outlier counts for changes with the slope as well."""
    fitted = losses([seeds] * 8, 8.0, 100)
    sample = fitted.sample
    assert sample.kernel is not None
    told, nodes = tilted_misfits(fitted), np.polynomial.hermite_e.hermegauss(5)[0]

    def ratio(found):
        return found.lack_of_fit_ss / found.sample.pure_ss

    for k in (1, 3):  # which carry 0.96 of the weight, with the one that was estimated
        tilt = np.exp(-nodes[k] * sample.variance_slope_error[:, None] * sample.z)
        again = replace(sample, weight=sample.weight * tilt)
        again = replace(again, pure=free_levels(sample.kernel, sample.runs, again.relative))
        away = told[:, k] * ratio(fitted) / ratio(estimate(LAW, again))
        assert abs(np.median(away) - 1) < near
        assert told[:, k].std() > 0.05, "there is something to tell"


def test_a_true_law_of_losses_is_seldom_rejected_where_the_noisy_sizes_have_one_run():
    """By the slope that was estimated alone it is, two to three times as often."""
    fitted = losses([1] * 4 + [3] * 4, 8.0, 300)
    often = np.mean(fitted.lack_of_fit[1] < 0.01)
    alone = np.mean(replace(fitted, tilted=np.ones((300, 5))).lack_of_fit[1] < 0.01)
    assert often < 0.09
    assert alone > 0.13


def test_answers_that_rest_on_one_end_are_wider_and_gains_ahead_are_not(fitted):
    every = replace(fitted.sample, variance_slope_error=np.zeros(len(fitted)))
    known = replace(fitted, sample=every)
    for inference in (profile, wald):
        width = {}
        for name, asked in (("end", Value(SMALL.sizes[0])), ("gain", Gain(10))):
            ours, plain = (inference(each, asked, 0.95) for each in (fitted, known))
            width[name] = np.median((ours.upper - ours.lower) / (plain.upper - plain.lower))
        assert width["end"] > 1.1
        assert 0.99 < width["gain"] < 1.05
