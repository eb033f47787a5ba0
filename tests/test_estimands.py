"""What can be asked: marginal gains, sizes that solve an equation, crossings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq, least_squares
from scipy.special import stdtr, stdtrit

import scalefit as sf
from scalefit.errors import FitError
from scalefit.estimands import Gain, GainBetween, MarginalGain, SizeReaching, Value, is_implicit
from scalefit.estimate import estimate
from scalefit.inference import (
    Bootstrap,
    Crossing,
    ask_together,
    difference,
    invert,
    profile,
    union,
    wald,
)
from scalefit.laws import AUTO, get_law
from scalefit.noise import Gaussian
from scalefit.sample import by_size

LAW = get_law("saturating_power")
X = np.repeat(1e5 * 10 ** np.linspace(0, 2, 6), 3)


def fitted(asymptote=0.9, gap=0.3, exponent=0.5, sigma=0.01, seed=0, sign=1.0, law=LAW):
    rng = np.random.default_rng(seed)
    mean = asymptote - gap * (X / 1e5) ** -exponent
    y = mean if sign > 0 else 1.3 - mean
    y = y + sigma * rng.standard_normal(X.size)
    limit = np.ones(1) if sign > 0 else np.zeros(1)
    sample = by_size(X, y, np.zeros(X.size, dtype=int), sign * np.ones(1), limit)
    return estimate(law, Gaussian("constant").weigh(sample))


def asked(one, question, level=0.95, inference=profile):
    return ask_together(one, [(question, level)], inference)[0][0]


def curve(one, x):
    """Return the fitted mean at sizes ``x``."""
    x = np.atleast_1d(x)
    many = one.take(np.zeros(x.size, dtype=int))
    return many.evaluate(Value(x).terms(many.law, many.shapes(), many.sample.frame, np))


@pytest.mark.parametrize("law", AUTO, ids=lambda law: law.name)
def test_the_marginal_gain_is_the_gain_of_doubling(law):
    one = fitted(law=law)
    last = X.max()
    for marginal, gain in [
        (MarginalGain(), Gain(2)),
        (MarginalGain(last), Gain(2)),
        (MarginalGain(1e6), GainBetween(1e6, 2e6)),
        (MarginalGain(1e8), GainBetween(1e8, 2e8)),
    ]:
        mine, same = (profile(one, question)[0] for question in (marginal, gain))
        assert np.allclose(
            [mine.estimate, mine.lower, mine.upper],
            [same.estimate, same.lower, same.upper],
            rtol=1e-9,
            equal_nan=True,
        )


def test_a_marginal_gain_per_curve():
    two = fitted().take([0, 0])
    many = profile(two, MarginalGain(np.array([1e6, 1e7])))
    for g, x in enumerate((1e6, 1e7)):
        assert many[g].lower == pytest.approx(profile(two, MarginalGain(x))[g].lower, rel=1e-9)
    assert "doubling" in MarginalGain(np.array([1e6])).label
    with pytest.raises(FitError, match="positive finite sizes"):
        profile(two, MarginalGain(-1.0))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_size_reaching_a_share_of_the_score(sign):
    one = fitted(sign=sign)
    found = asked(one, SizeReaching(0.95, of="score"))
    here, top = curve(one, [found.estimate, X.max()])
    assert (here / top if sign > 0 else top / here) == pytest.approx(0.95, rel=1e-6)
    assert found.lower < found.estimate < found.upper < X.max()


def test_score_ends_against_constrained_refits():
    """At an end of the interval the best curve through that size is just on the cut."""
    one = fitted()
    s = one.sample
    z, y, w = s.z[0], s.mean[0], s.weight[0]
    variance, df = one.scale
    cut = one.solution.rss[0] + variance[0] * stdtrit(df[0], 0.975) ** 2
    top = np.log(X.max() / s.frame.x0[0])

    def excess(log_x):
        at = log_x - np.log(s.frame.x0[0])

        def residual(p):
            b, a = p
            share = [-np.expm1(-a * v) / a for v in (at, top)]
            c = -b * (share[0] - 0.95 * share[1]) / 0.05  # so that f(x) = 0.95 f(x_max)
            return np.sqrt(w) * (y - c + b * np.expm1(-a * z) / a)

        start = [one.coefficients[0, 1], one.theta[0, 0]]
        fit = least_squares(residual, start, x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15)
        return 2.0 * fit.cost - cut

    found = asked(one, SizeReaching(0.95, of="score"))
    middle = np.log(found.estimate)
    lower = brentq(excess, middle - 1.0, middle, xtol=1e-10)
    upper = brentq(excess, middle, middle + 1.0, xtol=1e-10)
    assert np.exp([lower, upper]) == pytest.approx([found.lower, found.upper], rel=1e-4)


class ObservedShare:
    """The size reaching 90 % of the observed gain, asked the long way round."""

    label = "size"

    def implicit(self, law):  # noqa: ARG002
        return True

    def sizes(self, frame):
        return frame.x0 * np.exp(frame.z_min), frame.x0 * np.exp(frame.z_max)

    def gap(self, estimate, x, level, inference):
        class Gap:
            label = "gap"

            def __init__(self, x):
                self.x = x

            def terms(self, law, theta, frame, xp):
                ends = [law.value_terms(z, theta, frame, xp) for z in (frame.z_min, frame.z_max)]
                there = ends[0].scaled(0.1) - ends[1].scaled(-0.9)
                return Value(self.x).terms(law, theta, frame, xp) - there

            def beyond(self, law, frame):
                return Value(self.x).beyond(law, frame)

            def take(self, rows):
                return Gap(self.x[rows])

        return inference(estimate, Gap(x), level)

    def take(self, rows):  # noqa: ARG002
        return self


@pytest.mark.parametrize("inference", [profile, Bootstrap(draws=199)])
def test_inversion_agrees_with_the_direct_answer(inference):
    """What depends on the shape alone can be asked both ways."""
    one = fitted()
    question = ObservedShare()
    assert is_implicit(question, one.law)
    around = invert(one, question, 0.9, inference)[0]
    direct = inference(one, SizeReaching(0.9), 0.9)[0]
    assert [around.estimate, around.lower, around.upper] == pytest.approx(
        [direct.estimate, direct.lower, direct.upper], rel=1e-4
    )


def test_a_wider_level_gives_a_wider_set_and_every_inference_answers():
    one = fitted(sigma=0.02)
    question = SizeReaching(0.95, of="score")
    for inference in (profile, wald, Bootstrap(draws=399)):
        narrow, wide = (asked(one, question, level, inference) for level in (0.5, 0.9))
        assert wide.lower <= narrow.lower <= narrow.estimate <= narrow.upper <= wide.upper
    both = union([one], np.ones((1, 1), dtype=bool), question, 0.9, profile)[0]
    assert both.lower == asked(one, question, 0.9).lower


def test_implicit_and_direct_questions_together():
    one = fitted()
    mixed = [(Gain(10), 0.9), (SizeReaching(0.95, of="score"), 0.95), (Value(1e8), 0.8)]
    found = ask_together(one, mixed, profile)
    assert [part.level for part in found] == [0.9, 0.95, 0.8]
    assert found[0].lower[0] == pytest.approx(profile(one, Gain(10), 0.9).lower[0], rel=1e-9)
    assert found[2].lower[0] == pytest.approx(profile(one, Value(1e8), 0.8).lower[0], rel=1e-9)
    assert found[1].upper[0] > 1e6


def test_a_share_of_the_score_that_a_flat_curve_has_from_the_start():
    found = asked(fitted(gap=0.0, sigma=1e-4), SizeReaching(0.5, of="score"))
    assert np.isnan(found.estimate)
    assert found.lower == -np.inf
    assert found.upper <= X.min() * (1 + 1e-9)
    assert str(found).startswith("below 100000")


def test_a_share_of_the_score_is_no_function_of_the_shape():
    with pytest.raises(FitError, match="ask_together"):
        profile(fitted(), SizeReaching(0.95, of="score"))
    with pytest.raises(FitError, match="'score'"):
        SizeReaching(0.95, of="height")


def pair(sigma=0.003):
    return fitted(sigma=sigma), fitted(0.82, 0.1, 0.5, sigma, seed=1)


def test_a_crossing_is_where_the_curves_meet():
    one, other = pair()
    found = asked(one, Crossing(other))
    assert curve(one, found.estimate) == pytest.approx(curve(other, found.estimate), rel=1e-6)
    assert 1e5 * 2.5**2 in found
    back = asked(other, Crossing(one))
    ends = [back.estimate, back.lower, back.upper]
    assert ends == pytest.approx([found.estimate, found.lower, found.upper], rel=1e-3)


def test_a_far_crossing_does_not_hide_a_near_one():
    """Extrapolated to a few cells the curves meet again; that is no rival to the crossing seen."""
    one, other = fitted(0.9, 0.3, 0.4, 1e-5), fitted(0.8, 0.15, 0.5, 1e-5, seed=1)
    sizes = [1e1, 1e5, 1e7]
    assert (curve(one, sizes) > curve(other, sizes)).tolist() == [True, False, True]
    found = asked(one, Crossing(other))
    assert 1e5 < found.estimate < 1e7
    assert curve(one, found.estimate) == pytest.approx(curve(other, found.estimate), rel=1e-6)


def test_equal_curves_cross_anywhere():
    one, same = (fitted(exponent=1.0, sigma=0.01, seed=k) for k in (0, 2))
    found = asked(one, Crossing(same))
    assert (found.lower, found.upper) == (-np.inf, np.inf)
    assert str(found).startswith("not identified")


def test_curves_that_never_cross():
    law = get_law("constant")
    high, low = (fitted(a, 0.0, seed=k, law=law) for k, a in enumerate((0.9, 0.5)))
    found = asked(high, Crossing(low))
    assert np.isnan([found.estimate, found.lower, found.upper]).all()
    assert str(found).startswith("none ")
    assert not found.identified
    assert 1e6 not in found


def test_a_far_crossing_is_no_estimate():
    """Two log-linear curves that meet four decades beyond both tables."""
    law = get_law("log_linear")
    z = np.log10(X / 1e5)
    rng = np.random.default_rng(3)
    ones, group = np.ones(1), np.zeros(X.size, dtype=int)
    curves = [
        estimate(law, by_size(X, y + 1e-4 * rng.standard_normal(X.size), group, ones, ones))
        for y in (0.2 + 0.06 * z, 0.32 + 0.04 * z)
    ]
    found = asked(curves[0], Crossing(curves[1]))
    assert np.isnan(found.estimate)
    assert found.lower < 1e11 < found.upper
    assert np.log10([found.lower, found.upper]) == pytest.approx([11, 11], abs=0.1)


def test_a_difference_of_symmetric_arms_is_their_hypotenuse():
    """Wald arms are symmetric, so the split of the allowance has a closed form."""
    one, other = pair()
    found = difference(one, other, Gain(10), 0.9, wald)[0]
    arms = [wald(each, Gain(10), 0.9)[0] for each in (one, other)]
    half = np.hypot(*(0.5 * (arm.upper - arm.lower) for arm in arms))
    assert found.estimate == pytest.approx(arms[0].estimate - arms[1].estimate)
    assert found.upper - found.estimate == pytest.approx(half, rel=2e-3)
    assert found.estimate - found.lower == pytest.approx(half, rel=2e-3)


def test_a_difference_against_the_joint_profile():
    """The widest difference over a fine choice of splits, found one level at a time."""
    one, other = pair(0.02)
    found = difference(one, other, Value(1e8), 0.95, profile)[0]
    best = -np.inf
    for angle in np.linspace(0.02, 0.5 * np.pi - 0.02, 60):
        ends = []
        for each, share in ((one, np.cos(angle)), (other, np.sin(angle))):
            df = each.scale[1][0]
            level = 2.0 * stdtr(df, share * stdtrit(df, 0.975)) - 1.0
            ends.append(profile(each, Value(1e8), level)[0])
        best = max(best, ends[0].upper - ends[1].lower)
    assert found.upper == pytest.approx(best, rel=1e-3)


def test_through_the_public_face():
    rng = np.random.default_rng(5)
    tables = [
        {"cells": X, "accuracy": a - g * (X / 1e5) ** -0.5 + 0.003 * rng.standard_normal(X.size)}
        for a, g in ((0.9, 0.3), (0.82, 0.1))
    ]
    one, other = (sf.fit(table) for table in tables)
    found = one.ask(sf.Crossing(other.estimate))
    assert 1e5 * 2.5**2 in found
    assert found.label.startswith("95 % profile likelihood, given saturating_power")
    wide = one.ask(sf.SizeReaching(0.95, of="score"), inference="union")
    narrow = one.ask(sf.SizeReaching(0.95, of="score"))
    assert wide.lower <= narrow.lower < narrow.upper <= wide.upper
    assert one.ask(sf.MarginalGain()).estimate == pytest.approx(one.gain(2).estimate)
    with pytest.raises(FitError, match=r"Crossing\(other.estimate\)"):
        sf.Crossing(other)


def test_curves_of_metrics_in_other_directions_do_not_cross():
    up, down = fitted(), fitted(sign=-1.0)
    with pytest.raises(FitError, match="different metrics: a higher score is better in one"):
        asked(up, Crossing(down))
    other = fitted(asymptote=0.85, gap=0.2)
    assert np.isfinite(asked(up, Crossing(other)).estimate)


def test_sizes_as_text_are_read_as_in_tables():
    one = fitted()
    for text, number in [
        (Value("1.5M"), Value(1.5e6)),
        (GainBetween("300k", "10M"), GainBetween(3e5, 1e7)),
        (MarginalGain("2M"), MarginalGain(2e6)),
    ]:
        assert text == number
        assert text.label == number.label
        assert asked(one, text) == asked(one, number)
    assert Value(("7B", 2e10)).x == (7e9, 2e10)
    assert Value(["1k", 2e3]).x == [1e3, 2e3]
    with pytest.raises(sf.FitError, match=r"size '10N'; give sizes .* such as 1e7 or '10M'"):
        Value("10N")
