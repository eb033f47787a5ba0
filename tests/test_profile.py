"""Profile intervals against brute force, and what any interval must satisfy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import brentq, least_squares
from scipy.special import stdtrit

import scalefit as sf
from scalefit.errors import FitError
from scalefit.estimands import Gain, GainBetween, ObservedGain, Parameter, SizeReaching, Value
from scalefit.estimate import estimate
from scalefit.inference import INFERENCES, ask_together, get_inference, profile, union, wald
from scalefit.laws import AUTO, LAWS, Law, get_law
from scalefit.noise import Gaussian
from scalefit.sample import by_size
from scalefit.solvers.separable import Problem

X = np.repeat(1e5 * 10 ** np.linspace(0, 2, 6), 3)


def sample(seed=0, sigma=0.01, mean=None, variance="constant"):
    rng = np.random.default_rng(seed)
    mean = 0.9 - 0.3 * (X / 1e5) ** -0.5 if mean is None else mean
    y = mean + sigma * rng.standard_normal(X.size)
    zeros = np.zeros(X.size, dtype=int)
    return Gaussian(variance).weigh(by_size(X, y, zeros, np.ones(1), np.ones(1)))


def brute_force(fitted, target, value_of, scale):
    """Return the ends by pinning the target, refitting the rest, and root finding.

    ``value_of(c, b, a)`` is the target; ``c`` is eliminated when it enters, else ``b``.
    """
    s = fitted.sample
    z, y, w = s.z[0], s.benefit[0], s.weight[0]
    variance, df = fitted.scale
    cut = fitted.solution.rss[0] + variance[0] * stdtrit(df[0], 0.975) ** 2

    def curve(c, b, a):
        return c + b * (z if a == 0 else -np.expm1(-a * z) / a)

    def constrained(t):
        def residual(p):
            b, a = p
            c = t - value_of(0.0, b, a) if scale == "level" else p[0]
            return np.sqrt(w) * (y - curve(c, b, a))

        def residual_gain(p):
            c, a = p
            b = t / value_of(0.0, 1.0, a)
            return np.sqrt(w) * (y - curve(c, b, a))

        fun = residual if scale == "level" else residual_gain
        first = fitted.coefficients[0, 1 if scale == "level" else 0]
        fits = [
            least_squares(fun, [first, a0], x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15)
            for a0 in (fitted.theta[0, 0], 0.2, 0.9)
        ]
        return 2 * min(f.cost for f in fits) - cut

    step = abs(target.upper[0] - target.lower[0])
    middle = target.estimate[0]
    low = brentq(constrained, middle - 1.5 * step, middle, xtol=1e-12)
    high = brentq(constrained, middle, middle + 1.5 * step, xtol=1e-12)
    return low, high


def column(z, a):
    return z if a == 0 else -np.expm1(-a * z) / a


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ends_equal_pin_and_refit(seed):
    fitted = estimate(get_law("saturating_power"), sample(seed))
    z_max = fitted.sample.frame.z_max[0]
    far = z_max + np.log(10)
    cases = [
        (Value(1e8), "level", lambda c, b, a: c + b * column(far, a)),
        (Gain(10), "gain", lambda _, b, a: b * (column(far, a) - column(z_max, a))),
        (Parameter("asymptote"), "level", lambda c, b, a: c + b / a),
    ]
    for estimand, scale, value_of in cases:
        found = profile(fitted, estimand, 0.95)
        low, high = brute_force(fitted, found, value_of, scale)
        width = high - low
        assert found.lower[0] == pytest.approx(low, abs=2e-5 * width)
        assert found.upper[0] == pytest.approx(high, abs=2e-5 * width)


def test_exponent_ends_lie_on_the_cut():
    fitted = estimate(get_law("saturating_power"), sample())
    found = profile(fitted, Parameter("exponent"), 0.95)
    variance, df = fitted.scale
    cut = fitted.solution.rss + variance * stdtrit(df, 0.975) ** 2
    s = fitted.sample
    problem = Problem.pose(fitted.law, s.z, s.benefit, s.weight, s.frame, rising=False)
    coordinate = fitted.law.shapes[0].coordinate
    for end in (found.lower, found.upper):
        rss = problem.project(coordinate.to_u(end)[:, None, None]).rss[0, 0]
        assert rss == pytest.approx(cut[0], rel=1e-5)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("name", INFERENCES)
def test_any_estimand_meets_any_inference(law, name):
    fitted = estimate(law, sample())
    questions = [Gain(10), Value(1e9), ObservedGain(), SizeReaching(0.9), GainBetween(1e6, 1e7)]
    questions += [Parameter(p.name) for p in law.parameters]
    for question in questions:
        narrow, wide = (
            ask_together(fitted, [(question, level)], INFERENCES[name])[0] for level in (0.8, 0.99)
        )
        assert not np.isnan([narrow.lower, narrow.upper]).any()
        if np.isfinite(wide.estimate[0]):
            slack = 1e-6 * (1 + abs(wide.estimate[0]))
            assert wide.lower[0] <= narrow.lower[0] + slack
            assert narrow.upper[0] <= wide.upper[0] + slack
            assert narrow.lower[0] - slack <= narrow.estimate[0] <= narrow.upper[0] + slack


def test_profile_and_wald_agree_where_the_law_is_well_identified():
    fitted = estimate(get_law("saturating_power"), sample(sigma=1e-4))
    for question in (Gain(10), Value(1e8), Parameter("exponent"), Parameter("asymptote")):
        a, b = profile(fitted, question, 0.95), wald(fitted, question, 0.95)
        width = b.upper - b.lower
        assert abs(a.lower - b.lower) < 0.03 * width
        assert abs(a.upper - b.upper) < 0.03 * width


def test_two_shape_intervals_widen_with_the_level_and_miss_nothing():
    """The compatible shapes of a Hill curve are a thin strip: none of it may be lost."""
    curves = [sample(seed, sigma=0.01, mean=0.85 - 0.4 * (X / 1e5) ** -0.3) for seed in range(12)]
    for k, data in enumerate(curves):
        fitted = estimate(get_law("hill"), data)
        levels = [profile(fitted, Gain(10), level) for level in (0.5, 0.8, 0.9, 0.95, 0.99)]
        for narrow, wide in pairwise(levels):
            assert wide.lower[0] <= narrow.lower[0] + 1e-6
            assert wide.upper[0] >= narrow.upper[0] - 1e-6
        if k < 4:  # every shape of a fine grid lies inside
            variance, df = fitted.scale
            cut = fitted.solution.rss + variance * stdtrit(df, 0.975) ** 2
            s = fitted.sample
            problem = Problem.pose(fitted.law, s.z, s.benefit, s.weight, s.frame, rising=False)
            low, high = problem.bounds()
            ticks = np.linspace(0.0, 1.0, 301)
            grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(1, -1, 2)
            shapes = low[:, None] + grid * (high - low)[:, None]
            rss = problem.project(shapes, passes=1)
            theta = problem.theta(shapes)
            terms = Gain(10).terms(fitted.law, theta, problem.frame.expand(1), np)
            value = terms.value(rss.coefficients)
            fits = (rss.rss <= cut[:, None]) & (rss.scores[-1] >= 0)
            slack = 0.002 * (levels[3].upper[0] - levels[3].lower[0])
            if fits.any():
                assert levels[3].lower[0] <= value[fits].min() + slack
                assert levels[3].upper[0] >= value[fits].max() - slack


def test_open_ends_are_infinite_not_the_edge_of_the_scan():
    slow = sample(mean=0.9 + 0.02 * np.log10(X / 1e7), sigma=0.01)
    fitted = estimate(get_law("saturating_power"), slow)
    asymptote = profile(fitted, Parameter("asymptote"), 0.95)
    assert asymptote.upper[0] == np.inf
    assert np.isfinite(asymptote.lower[0])
    step = sample(mean=np.where(X > 1.5e5, 0.9, 0.5), sigma=0.01)
    exponent = profile(estimate(get_law("saturating_power"), step), Parameter("exponent"), 0.95)
    assert exponent.upper[0] == np.inf
    assert exponent.lower[0] > 1


def test_flat_curve_has_a_bounded_gain_and_no_exponent():
    flat = sample(seed=4, mean=np.full(X.size, 0.8), sigma=0.01)
    rows = by_size(X, 1.6 - np.repeat(flat.mean[0], 3), np.zeros(18, int), np.ones(1), np.ones(1))
    for data in (flat, rows):
        fitted = estimate(get_law("saturating_power"), data)
        gain = profile(fitted, ObservedGain(), 0.95)
        assert gain.lower[0] >= 0
        assert gain.upper[0] < 0.05
        observed, beyond = profile(fitted, ObservedGain(), 0.95), profile(fitted, Gain(10), 0.95)
        assert beyond.upper[0] == np.inf > observed.upper[0]
        exponent = profile(fitted, Parameter("exponent"), 0.95)
        assert np.isinf(exponent.lower[0])
        assert np.isinf(exponent.upper[0])


def test_batch_gives_what_each_curve_gives_alone():
    parts = [sample(seed, variance="auto") for seed in range(5)]
    x = np.tile(X, 5)
    y, group = [], np.repeat(np.arange(5), X.size)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        y.append(0.9 - 0.3 * (X / 1e5) ** -0.5 + 0.01 * rng.standard_normal(X.size))
    together = Gaussian().weigh(by_size(x, np.concatenate(y), group, np.ones(5), np.ones(5)))
    for law in AUTO:
        whole = profile(estimate(law, together), Gain(10), 0.95)
        for g, part in enumerate(parts):
            alone = profile(estimate(law, part), Gain(10), 0.95)
            for name in ("estimate", "lower", "upper"):
                a, b = getattr(whole, name)[g], getattr(alone, name)[0]
                assert a == pytest.approx(b, rel=1e-9, abs=1e-12)


def test_law_from_function_profiles_like_the_built_in_one():
    own = Law.from_function(
        "own",
        lambda x, top, coefficient, rate: top - coefficient * (x / 1e6) ** -rate,
        {"top": 0.8, "coefficient": 0.05, "rate": 1.0},
    )
    data = sample()
    ours, theirs = estimate(own, data), estimate(get_law("saturating_power"), data)
    assert ours.solution.rss[0] == pytest.approx(theirs.solution.rss[0], rel=1e-9)
    pairs = [
        (Gain(10), Gain(10)),
        (Value(1e8), Value(1e8)),
        (Parameter("top"), Parameter("asymptote")),
        (Parameter("rate"), Parameter("exponent")),
    ]
    for mine, built_in in pairs:
        a, b = profile(ours, mine, 0.95), profile(theirs, built_in, 0.95)
        width = b.upper[0] - b.lower[0]
        assert a.lower[0] == pytest.approx(b.lower[0], abs=1e-3 * width)
        assert a.upper[0] == pytest.approx(b.upper[0], abs=1e-3 * width)


def test_union_holds_every_surviving_interval():
    data = sample()
    laws = [estimate(get_law(n), data) for n in ("saturating_power", "hill", "exponential")]
    surviving = np.array([[True], [True], [False]])
    both = union(laws, surviving, Gain(10), 0.95, profile)
    for fitted in laws[:2]:
        part = profile(fitted, Gain(10), 0.95)
        assert both.lower[0] <= part.lower[0]
        assert part.upper[0] <= both.upper[0]
    assert "exponential" not in both.method
    none = union(laws, np.zeros((3, 1), dtype=bool), Gain(10), 0.95, profile)
    assert np.isinf(none.lower[0])
    assert np.isnan(none.estimate[0])


def test_errors_say_what_to_do():
    fitted = estimate(get_law("saturating_power"), sample())
    with pytest.raises(FitError, match=r"level=95.*write level=0\.95"):
        profile(fitted, Gain(10), 95)
    with pytest.raises(FitError, match="needs a finite factor above 1"):
        Gain(1.0)
    with pytest.raises(FitError, match="share=95"):
        SizeReaching(95)
    with pytest.raises(FitError, match="positive"):
        profile(fitted, Value(-1.0), 0.95)
    with pytest.raises(FitError, match=r"no inference named 'profil'.*did you mean 'profile'"):
        get_inference("profil")


def test_a_hill_step_beyond_all_runs_leaves_the_gain_open_and_one_within_them_does_not():
    """A steeper step there leaves room for any plateau; the bound of the slope is none."""
    rng = np.random.default_rng(0)
    x = np.repeat(np.geomspace(1e3, 3e5, 16), 5)
    late = x > 2e4
    falling = 0.998 - 0.026 * np.clip(np.log(x / 2e4) / np.log(5), 0, 1)
    score = falling + np.where(late, 0.003, 0.0003) * rng.standard_normal(80)
    flat = sf.fit({"cells": x, "score": score}, law="hill").gain(10)
    assert (flat.estimate, flat.upper) == (0.0, np.inf)
    x = np.repeat(np.geomspace(1e3, 1e6, 7), 4)
    step = 0.6 + 0.3 * (x > 2e4) + 0.003 * rng.standard_normal(28)
    assert 0 <= sf.fit({"cells": x, "score": step}, law="hill").gain(10).upper < 0.001
