"""What tests and intervals make of the error of the variance's slope."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import fdtrc

from scalefit.estimands import Gain, Value
from scalefit.estimate import estimate
from scalefit.inference import profile, wald
from scalefit.inference.common_mode import scale_of
from scalefit.laws import get_law
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
    told = tilted_misfits(sample, fitted.curves)

    def ratio(found):
        return found.solution.rss / found.sample.pure_ss

    for k, slope in enumerate(nodes):
        tilt = np.exp(-slope * sample.variance_slope_error[:, None] * sample.z)
        again = estimate(LAW, replace(sample, weight=sample.weight * tilt))
        away = np.abs(told[:, k] * ratio(fitted) / ratio(again) - 1)
        assert np.median(away) < 0.01  # to first order
        assert away.max() < 0.15


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
