"""Beta errors: density, derivatives, fit and intervals against independent computations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import scalefit as sf
from scalefit.diagnostics.shape import agreement_of_methods
from scalefit.estimands import Gain, Value
from scalefit.estimate import estimate
from scalefit.inference import Bootstrap, profile
from scalefit.laws import get_law
from scalefit.noise import Beta, Gaussian
from scalefit.noise.beta import BetaKernel
from scalefit.sample import by_size

LAW = get_law("saturating_power")
SIZES = 1e5 * 10 ** np.linspace(0, 2, 6)
X = np.repeat(SIZES, 4)
#: Half the log of 2 pi e, which contributions leave out.
UNIT = 0.5 * np.log(2 * np.pi * np.e)


def truth(x):
    return 0.97 - 0.3 * (x / 1e5) ** -0.5


def drawn(curves=1, precision=300.0, rng=0, mean=truth, x=X):
    """Return tables of beta scores, ``(curves, n)``."""
    rng = np.random.default_rng(rng)
    m = mean(x)
    return rng.beta(m * precision, (1 - m) * precision, (curves, x.size))


def sample_of(y, x=X):
    curves = len(y)
    group, ones = np.repeat(np.arange(curves), x.size), np.ones(curves)
    return by_size(np.tile(x, curves), y.ravel(), group, ones, ones)


def frame(**options):
    return pd.DataFrame({"cells": X, "seed": np.tile(np.arange(4), 6), "f1": drawn(**options)[0]})


@pytest.fixture
def cases():
    """Scores, means and scales from rough to very precise."""
    rng = np.random.default_rng(5)
    mean = rng.uniform(0.02, 0.98, (40, 25))
    scale = 10 ** rng.uniform(-5, 0.2, (40, 25))
    return stats.beta.ppf(rng.uniform(0.01, 0.99, mean.shape), mean / scale**2,
                          (1 - mean) / scale**2).clip(1e-4, 1 - 1e-4), mean, scale  # fmt: skip


def test_the_density_is_that_of_scipy(cases):
    y, mean, scale = cases
    ours = BetaKernel().contribution(y, mean, scale).value
    theirs = -stats.beta.logpdf(y, mean / scale**2, (1 - mean) / scale**2) - UNIT
    # SciPy subtracts log gammas of up to 1e11, and keeps what is left of sixteen digits.
    allowed = 1e-11 + 2e-14 * scale**-2.0 * np.log(scale**-2.0 + 2)
    assert (np.abs(ours - theirs) < allowed).all()
    assert np.isinf(BetaKernel().contribution(y, mean + 1.0, scale).value).all()


def test_derivatives_are_those_of_the_density(cases):
    y, mean, scale = cases
    kernel = BetaKernel()
    part = kernel.contribution(y, mean, scale)
    sd = kernel.deviation(mean, scale)
    step = 1e-4 * np.minimum(sd, np.minimum(mean, 1 - mean))

    def at(m, log):
        return kernel.contribution(y, mean + m * step, scale * np.exp(1e-4 * log))

    def close(ours, theirs, unit):
        np.testing.assert_allclose(ours / unit, theirs / unit, rtol=2e-5, atol=2e-5)

    unit = 1 / step * 1e-4
    close(part.by_mean, (at(1, 0).value - at(-1, 0).value) / (2 * step), unit)
    close(part.by_mean_twice, (at(1, 0).by_mean - at(-1, 0).by_mean) / (2 * step), unit**2)
    close(part.by_scale, (at(0, 1).value - at(0, -1).value) / 2e-4, 1.0)
    close(part.by_scale_twice, (at(0, 1).by_scale - at(0, -1).by_scale) / 2e-4, 1.0)
    close(part.by_both, (at(0, 1).by_mean - at(0, -1).by_mean) / 2e-4, unit)
    both = kernel.by_scale(y, mean, scale)
    np.testing.assert_allclose(both[0], part.by_scale)
    np.testing.assert_allclose(both[1], part.by_scale_twice)


def test_the_fit_is_the_most_likely_one():
    """Against SciPy's simplex search over all parameters and the density of scipy.stats."""
    y = drawn()[0]
    fitted = estimate(LAW, Beta("constant").weigh(sample_of(y[None])))

    def deviance(p):
        mean, phi = p[0] - p[1] * (X / 1e5) ** -p[2], np.exp(p[3])
        if (mean <= 0).any() or (mean >= 1).any():
            return np.inf
        return -stats.beta.logpdf(y, mean * phi, (1 - mean) * phi).sum()

    best = optimize.minimize(
        deviance, [0.95, 0.3, 0.5, 5.0], method="Nelder-Mead",
        options={"xatol": 1e-10, "fatol": 1e-13, "maxiter": 20_000, "maxfev": 20_000},
    )  # fmt: skip
    assert fitted.theta[0, 0] == pytest.approx(best.x[2], rel=1e-5)
    ours = 0.5 * y.size * np.log(fitted.total_ss[0] / y.size) + y.size * UNIT
    assert ours == pytest.approx(best.fun, abs=1e-8)


def test_precise_scores_have_the_errors_of_weighted_least_squares():
    """The limit of the density is a normal one with variance mean (1 - mean) / phi."""
    y = drawn(precision=1e6)
    beta = estimate(LAW, Beta("constant").weigh(sample_of(y)))
    plain = sample_of(y)
    weight = plain.count / (plain.mean * (1 - plain.mean))
    normal = estimate(LAW, plain.__class__(**{
        **{name: getattr(plain, name) for name in plain.__slots__}, "weight": weight,
    }))  # fmt: skip
    for question in (Value(1e7), Gain(10)):
        one, two = profile(beta, question)[0], profile(normal, question)[0]
        assert one.estimate == pytest.approx(two.estimate, abs=0.02 * (two.upper - two.lower))
        assert one.upper - one.lower == pytest.approx(two.upper - two.lower, rel=0.03)


def test_the_precision_may_follow_the_size():
    """Scores of constant precision: the variance falls towards 1, the precision does not."""
    many = sample_of(drawn(curves=200, rng=3))
    beta, normal = Beta().weigh(many), Gaussian().weigh(many)
    error = beta.variance_slope.std() / np.sqrt(200)
    assert abs(beta.variance_slope.mean()) < 4 * error
    assert normal.variance_slope.mean() < -8 * error


def test_a_curve_that_least_squares_sends_out_of_range_is_fitted():
    """The straight start passes 1 at the largest size; no run can have such a mean."""
    y = np.array([[0.30, 0.62, 0.90, 0.985, 0.9995, 0.99995]])
    for name in ("log_linear", "saturating_power", "power"):
        fitted = estimate(get_law(name), Beta("constant").weigh(sample_of(y, SIZES)))
        assert np.isfinite(fitted.total_ss).all()
        assert (fitted.fitted() > 0).all()
        assert (fitted.fitted() < 1).all()


@pytest.mark.parametrize(
    ("precision", "replicates"),
    [
        (1000.0, 20),
        pytest.param(100.0, 1000, marks=pytest.mark.slow),
        pytest.param(1000.0, 1000, marks=pytest.mark.slow),
    ],
)
def test_coverage_near_the_bound(precision, replicates):
    """95 % intervals for the curve, the gain and one new run, where scores reach .94 of 1."""
    y = drawn(replicates, precision, rng=7)
    fitted = estimate(LAW, Beta("constant").weigh(sample_of(y)))
    top = SIZES[-1]
    ends = truth(np.array([top, 10 * top]))
    for question, value in ((Value(top), ends[0]), (Gain(10), ends[1] - ends[0])):
        found = profile(fitted, question)
        covered = np.mean((found.lower <= value) & (value <= found.upper))
        error = np.sqrt(0.05 * 0.95 / replicates)
        print(f"beta {precision:g} {question.label}: {covered:.4f} +- {error:.4f}")  # noqa: T201
        assert 0.93 - 3 * error <= covered <= 0.97 + 3 * error


def test_intervals_for_a_run_are_beta_quantiles():
    """One new run at the largest size, at a precision that is well known."""
    x = np.repeat(SIZES, 60)
    m = truth(x)
    y = np.random.default_rng(1).beta(m * 80, (1 - m) * 80)
    fit = sf.fit({"cells": x, "f1": y}, noise="beta", law="saturating_power")
    row = fit.predict([SIZES[-1]], interval="run").iloc[0]
    mean = truth(SIZES[-1])
    expected = stats.beta.ppf([0.025, 0.975], mean * 80, (1 - mean) * 80)
    assert [row["lower"], row["upper"]] == pytest.approx(expected, abs=0.012)
    assert row["estimate"] - row["lower"] > 1.4 * (row["upper"] - row["estimate"])


def test_from_table_to_file_and_back(tmp_path):
    fit = sf.fit(frame(), noise="beta", law="saturating_power")
    assert fit.settings.noise == Beta()
    assert fit.sensitivity.index.tolist() == ["beta", "gaussian", "student", "huber"]
    assert not list(agreement_of_methods(fit._case))  # its residuals cannot change places
    less = fit.candidates.sample.without(np.array([0]))  # a size that is left out pads with 1
    assert np.isfinite(less.pure).all()
    fit.save(tmp_path / "fit.json")
    again = sf.load(tmp_path / "fit.json")
    pd.testing.assert_frame_equal(again.params, fit.params)
    assert fit.certificate.second_solver > -1e-8


def test_what_beta_errors_cannot_be_is_said():
    with pytest.raises(sf.ScalefitError, match="between 0 and 1, neither included; one is 1"):
        sf.fit(frame().assign(f1=lambda rows: rows["f1"].clip(upper=0.9).replace(0.9, 1.0)),
               noise="beta")  # fmt: skip
    means = frame().assign(sd=0.01, k=3)
    with pytest.raises(sf.ScalefitError, match="makes no use of sd='sd'"):
        sf.fit(means.drop(columns="seed"), sd="sd", n="k", noise="beta")
    fitted = sf.fit(frame(), noise="beta", law="saturating_power").estimate
    with pytest.raises(sf.FitError, match="use kind='case'"):
        Bootstrap("residual", draws=39)(fitted, Gain(10))
    assert Bootstrap("case", draws=39)(fitted, Gain(10)).upper[0] > 0
