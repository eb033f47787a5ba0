"""Verdicts on tables whose truth is known, and the words around them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtrit

import scalefit as sf
from scalefit import breakpoint as bending
from scalefit._format import interval_text
from scalefit.breakpoint import beats_smooth_laws, bend_test
from scalefit.estimands import Gain, ObservedGain
from scalefit.estimate import estimate
from scalefit.fit import set_of
from scalefit.gate import scaling_gate
from scalefit.inference import Intervals, profile, t_against, wald
from scalefit.laws import get_law
from scalefit.noise import Gaussian
from scalefit.permutation import permutation_test
from scalefit.plateau import bootstrap_plateau_test, plateau_test
from scalefit.plots import paper, plot_margins
from scalefit.sample import by_size
from scalefit.secant import last_slope

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


@pytest.mark.parametrize(
    ("sizes", "mean"),
    [
        (np.geomspace(1e3, 1e6, 4), lambda n: 0.40 + 0.02 * np.log10(n / 1e3) ** 2),
        (np.geomspace(1e4, 3e6, 6), lambda n: 0.40 + 0.03 * np.log10(n / 1e4) ** 2),
        (np.geomspace(1e3, 1e7, 8), lambda n: 0.40 + 0.3 / (1 + 3e6 / n)),
    ],
    ids=["4 sizes", "6 sizes", "an S far from its end"],
)
def test_a_curve_that_accelerates_is_seldom_called_saturated(sizes, mean):
    """It still gains .06 to .18 a decade. By the law of the least AICc 77, 5 and 15 % were."""
    rng, x = np.random.default_rng(0), np.repeat(sizes, 3)
    rows = [pd.DataFrame({"t": i, "cells": x, "f1": mean(x) + rng.normal(0, 0.01, x.size)})
            for i in range(60)]  # fmt: skip
    fits = sf.fit(pd.concat(rows), by="t")
    told = fits.saturation()
    assert fits.candidates.stands_in.mean() > 0.8
    assert (told["verdict"] == "saturated").sum() <= 6
    reasons = told["reason"][fits.candidates.stands_in & (told["verdict"] == "inconclusive")]
    assert reasons.str.startswith("no law leads").all()
    decided = told["verdict"].isin(["saturated", "still_scaling"])
    assert decided.sum() < 60
    assert (told["p"][decided] <= 0.05).all()
    assert not (told["p"][told["verdict"] == "inconclusive"] <= 0.05).any()
    one = fits[0].saturation()
    at = one.by_margin().query("above < 0.01 <= below")["verdict"]
    assert at.tolist() == [one.verdict]
    tests = one.tests.set_index("test")["p"]
    least = min(tests["practical saturation"], tests["worthwhile gain"])
    assert (least <= 0.05) == (one.verdict != "inconclusive")


def test_laws_without_the_main_one_among_them_do_not_lead():
    rng, x = np.random.default_rng(0), np.repeat(np.geomspace(1e3, 1e6, 4), 3)
    mean = 0.40 + 0.02 * np.log10(x / 1e3) ** 2
    rows = pd.concat([pd.DataFrame({"t": i, "cells": x, "f1": mean + rng.normal(0, 0.01, x.size)})
                      for i in range(30)])  # fmt: skip
    fits = sf.fit(rows, by="t", law=["log_linear", "hill", "exponential"])
    assert fits.candidates.stands_in.all()
    assert (fits.saturation()["verdict"] == "saturated").sum() <= 3
    assert not sf.fit(rows, by="t", law="exponential").candidates.stands_in.any()


def test_a_margin_on_the_bound_has_a_p_value_of_one_in_twenty():
    """Whether a law leads or not."""
    rng, x = np.random.default_rng(0), np.repeat(np.geomspace(1e3, 1e7, 6), 3)
    for mean in (0.4 + 0.3 / (1 + (3e5 / x) ** 1.5), 0.9 - 0.4 * (x / 1e3) ** -0.3):
        fit = sf.fit({"cells": x, "f1": mean + rng.normal(0, 0.01, x.size)})
        at = fit.saturation().upper
        told = set_of(fit).saturation(margin=at)
        assert told["p"][0] == pytest.approx(0.05, abs=2e-3)
        tests = fit.saturation(margin=at).tests.set_index("test")["p"]
        assert tests["practical saturation"] == pytest.approx(0.05, abs=2e-3)


def test_a_plateau_that_is_seen_needs_no_power_law():
    rng, x = np.random.default_rng(1), np.repeat(np.geomspace(1e3, 1e7, 6), 3)
    mean = 0.4 + 0.3 / (1 + (3e4 / x) ** 2)
    rows = [pd.DataFrame({"t": i, "cells": x, "f1": mean + rng.normal(0, 0.01, x.size)})
            for i in range(20)]  # fmt: skip
    fits = sf.fit(pd.concat(rows), by="t")
    assert fits.candidates.stands_in.all()
    assert (fits.saturation()["verdict"] == "saturated").sum() >= 18


def test_a_law_inside_one_that_is_rejected_is_rejected():
    """Two steps: no power law fits, and of two with p values near .01 both or none is."""
    rng, sizes = np.random.default_rng(2), np.geomspace(1e3, 1e7, 5)
    x = np.repeat(sizes, 3)
    mean = 0.5 + 0.05 * (np.repeat(np.arange(5), 3) >= 2)
    rows = [pd.DataFrame({"t": i, "cells": x, "f1": mean + rng.normal(0, 0.02, x.size)})
            for i in range(300)]  # fmt: skip
    found = sf.fit(pd.concat(rows), by="t").candidates
    names = [each.law.name for each in found.estimates]
    wide, power = names.index("saturating_power"), names.index("power")
    rejected = found.estimates[wide].lack_of_fit[1] < 0.01
    assert (rejected & (found.estimates[power].lack_of_fit[1] >= 0.01)).any(), "the case occurs"
    assert not found.surviving[power][rejected].any()


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


def test_a_bound_next_to_the_margin_is_told_apart_from_it():
    fit = fit_of(0.9 - 0.3 * T**-0.3)
    bounds = fit.saturation().evidence.found.gain_bounds
    for bound, beyond in ((bounds.lower[0], 1 - 1e-6), (bounds.upper[0], 1 + 1e-6)):
        one, other = re.findall(r"0\.\d+", fit.saturation(margin=bound * beyond).reason)
        assert one != other


def test_independent_rows_of_one_run_are_not_called_alike():
    x = np.geomspace(1e4, 1e7, 14)
    y = 0.9 - 0.3 * (x / 1e4) ** -0.3 + 0.01 * np.resize([1.0, -1.0], x.size)
    fit = sf.fit({"cells": x, "f1": y}, noise="autoregressive")
    note = fit.diagnostics.set_index("code")["evidence"]["correlated_rows"]
    assert note == "14 rows of 1 run tell as much as 14 runs"
    found = fit.saturation(margin=fit.gain(10).estimate)
    assert "runs at these sizes will hardly settle it" in found.reason


def test_no_verdict_is_firm_without_replicates():
    found = fit_of(0.9 - 0.3 * T**-1.0, sigma=0.001, seeds=1).saturation()
    assert found.verdict == "saturated"
    assert found.strength == "provisional"
    assert fit_of(0.9 - 0.3 * T**-1.0, sigma=0.003).saturation().strength == "firm"


def test_saturation_is_firm_only_where_the_last_sizes_say_so_without_a_law():
    """A straight end that gains more than the margin: every law takes it for a plateau."""
    z = np.log10(SIZES / SIZES[0])
    middle = z[-1] / 2
    for after, strength in [(0.013, "provisional"), (0.0, "firm")]:
        fit = fit_of(0.6 + np.where(z < middle, 0.1 * z, 0.1 * middle + after * (z - middle)), 0.01)
        found, codes = fit.saturation(), set(fit.diagnostics["code"])
        assert (found.verdict, found.strength) == ("saturated", strength), after
        assert not codes & {"laws_disagree", "verdict_flips"}
        assert ("plateau_by_law" in codes) == (strength == "provisional")


def test_a_margin_larger_than_what_is_left_to_gain_is_not_met_firmly():
    """An error rate falls by a power law to .002: no curve could gain the default margin of .01."""
    rng, cells = np.random.default_rng(0), np.tile(10.0 ** np.arange(3, 9), 3)
    error = (0.3 * (cells / 1e3) ** -0.45 + rng.normal(0, 0.0006, 18)).clip(0.0005)
    runs = pd.DataFrame({"cells": cells, "seed": np.repeat([0, 1, 2], 6), "error_rate": error})
    fit = sf.fit(runs)
    found, told = fit.saturation(), fit.diagnostics.set_index("code")
    assert (found.verdict, found.strength) == ("saturated", "provisional")
    assert found.reason.endswith("which no curve could gain: 0.00161 is left to the best score")
    assert told.loc["margin_out_of_reach", "severity"] == "warn"
    assert told.loc["margin_out_of_reach", "evidence"].startswith("0.00161 is left between")
    assert "margin_out_of_reach" in set(set_of(fit).diagnostics["code"])
    asked = fit.saturation(margin=5e-4)
    assert (asked.verdict, asked.strength) == ("still_scaling", "firm")
    assert "no curve" not in asked.reason
    accuracy = sf.fit(runs.assign(accuracy=1 - error).drop(columns="error_rate")).saturation()
    assert (accuracy.verdict, accuracy.strength) == ("saturated", "provisional")


def test_a_margin_is_in_reach_below_what_is_left_and_where_no_best_is_known():
    plateau = 0.9 - 0.3 * T**-1.0
    for left, strength in [(0.02, "firm"), (0.005, "provisional")]:
        fit = fit_of(plateau + 0.1 - left, sigma=0.001)
        assert (fit.saturation().verdict, fit.saturation().strength) == ("saturated", strength)
        assert ("margin_out_of_reach" in set(fit.diagnostics["code"])) == (left < 0.01)
    level = fit_of(np.full(12, 0.995), sigma=0.001)  # judged by the gain over all sizes
    assert (level.saturation().verdict, level.saturation().strength) == ("no_scaling", "firm")
    assert "margin_out_of_reach" not in set(level.diagnostics["code"])
    vigour = fit_of(plateau, sigma=0.001).table.rows.rename(columns={"f1": "vigour"})
    assert sf.fit(vigour, score="vigour", better="higher").saturation(margin=0.5).strength == "firm"


@pytest.mark.parametrize(("margin", "verdict"), [(0.01, "no_scaling"), (1e-5, "inconclusive")])
def test_a_score_that_falls_is_said_to_get_worse(margin, verdict):
    sizes = np.repeat(np.geomspace(1e4, 1e6, 6), 3)
    noise = np.random.default_rng(2).normal(0, 0.001, 18)
    fit = sf.fit({"cells": sizes, "f1": 0.8 - 0.001 * np.log10(sizes / 1e4) + noise})
    found = fit.saturation(margin=margin)
    assert found.verdict == verdict
    assert found.reason.endswith("; the score gets worse with size (inverse scaling)")


def test_a_lower_bound_that_is_rounding_reads_zero_and_estimates_keep_two_digits():
    """One diverged run and normal errors: nothing is known of the gain, which rises by factor."""
    sizes = 4.0 ** np.arange(10, 16)
    ppl = [48.0, 34.1, 25.4, 20.0, 15.8, 1342, 47.8, 34.3, 25.6, 19.3, 15.4, 13.2, 48.2, 34.3, 25.2,
           19.2, 15.4, 12.6]  # fmt: skip
    table = {"params": np.tile(sizes, 3), "seed": np.repeat([0, 1, 2], 6), "ppl": ppl}
    fit = sf.fit(table, noise="gaussian")
    found = fit.saturation()
    assert "may gain anything from 0 to" in found.reason
    assert "still scaling" not in found.explain()
    assert found.by_margin()["verdict"].tolist() == ["inconclusive", "saturated"]
    told = [float(str(fit.gain(k)).split(" ")[0]) for k in (2, 10, 100)]
    exact = [fit.gain(k).estimate for k in (2, 10, 100)]
    assert told == sorted(told) == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        ((1.46, 0, 236), "1.5 [0, 236]"),
        ((1.104, 0, 90.2), "1.1 [0, 90.2]"),
        ((14.6, 2, 2360), "15 [2, 2360]"),
        ((-0.0123, -5, 5), "-0.012 [-5.0, 5.0]"),
        ((0.5, 0.25, 0.75), "0.500 [0.250, 0.750]"),
        ((1e-9, -0.01, 0.01), "0 [-0.0100, 0.0100]"),
        ((0.0, -1, 1), "0 [-1.00, 1.00]"),
    ],
)
def test_an_estimate_keeps_two_digits_beside_a_wide_interval(interval, text):
    assert interval_text(*interval) == text


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


def sample_of(mean, sigma, curves=1, seeds=3, seed=0, sizes=SIZES, limit=1.0):
    rng = np.random.default_rng(seed)
    x = np.tile(np.repeat(sizes, seeds), curves)
    y = np.tile(np.repeat(mean, seeds), curves) + sigma * rng.standard_normal(x.size)
    group = np.repeat(np.arange(curves), len(sizes) * seeds)
    best = np.full(curves, limit)
    return Gaussian().weigh(by_size(x, y, group, np.ones(curves), best))


@pytest.mark.parametrize(
    ("law", "inference", "curves", "close"),
    [
        ("saturating_power", profile, 40, 2e-3),
        ("exponential", profile, 40, 1e-4),
        ("log_linear", profile, 40, 1e-12),
        ("hill", profile, 3, 1e-3),
        ("saturating_power", wald, 40, 2e-5),
    ],
)
def test_p_is_five_percent_exactly_where_the_margin_is_the_bound(law, inference, curves, close):
    fitted = estimate(get_law(law), sample_of(0.9 - 0.3 * T**-0.3, 0.01, curves))
    quantile = stdtrit(fitted.scale[1], 0.95)
    for question in (Gain(10), ObservedGain()):
        bounds = inference(fitted, question, 0.9)
        for bound, sign in ((bounds.upper, 1.0), (bounds.lower, -1.0)):
            # At zero the lower bound is the edge of the law, which many levels share.
            inside = np.isfinite(bound) & (bound > 1e-6)
            if not inside.any():
                continue
            t = t_against(fitted.take(inside), question, bound[inside], inference)
            np.testing.assert_allclose(t, sign * quantile[inside], atol=close)
            # A bound is found by a scan, which may stop one in a hundred thousand short.
            typical = np.median(np.abs(t - sign * quantile[inside]))
            assert typical < (1e-9 if inference is profile and law != "hill" else 2e-5)


@pytest.mark.parametrize(
    ("bound", "value", "t"),
    [
        (lambda t: t, 1.3, 1.3),
        (lambda t: t * t, 9.0, 3.0),
        (np.expm1, 200.0, np.log1p(200.0)),
        # It hardly moves, and jumps; from a huge estimate to just beside the value; to infinity.
        (lambda t: np.where(t < 6, np.minimum(t, 1 - 1e-7), t), 1.0, 6.0),
        (lambda t: np.where(t < 0.14, -1e8, 1 + 1e-8 * t), 1.0, 0.14),
        (lambda t: np.where(t < 3, t, np.inf), 5.0, 3.0),
        # It is not known: nothing is claimed. It never gets there: as sure as can be told.
        (lambda t: np.full(np.shape(t), np.nan), 1.0, 0.0),
        (lambda t: np.minimum(t, 0.5), 1.0, None),
    ],
)
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_the_t_of_any_bound_is_found(bound, value, t, side):
    fitted = estimate(get_law("saturating_power"), sample_of(0.9 - 0.3 * T**-0.5, 0.01))
    centre = fitted.answer(Gain(10))

    def inference(part, question, level):
        far = centre[: len(part)] + side * bound(stdtrit(part.scale[1], 0.5 + 0.5 * level))
        ends = [np.full(len(part), -np.inf), np.full(len(part), np.inf)]
        ends[int(side > 0)] = far
        return Intervals(centre[: len(part)], *ends, level, "")

    found = t_against(fitted, Gain(10), centre + side * value, inference)
    expected = stdtrit(fitted.scale[1], 1 - 1e-12) if t is None else t
    np.testing.assert_allclose(found, side * expected, atol=2e-5)


def test_p_against_the_margin_rises_and_falls_with_it():
    fitted = estimate(get_law("saturating_power"), sample_of(0.9 - 0.3 * T**-0.5, 0.01))
    margins = np.linspace(1e-4, 0.3, 60)
    t = t_against(fitted.take(np.zeros(60, dtype=int)), Gain(10), margins, profile)
    assert np.all(np.diff(t) > 0)
    assert np.isfinite(t).all()


def test_the_p_values_are_those_of_the_verdict():
    fit = fit_of(0.9 - 0.3 * T**-0.5)
    lower, upper = fit.saturation().lower, fit.saturation().upper
    for margin, name in ((upper, "practical saturation"), (lower, "worthwhile gain")):
        tests = fit.saturation(margin=margin).tests.set_index("test")
        assert tests.loc[name, "p"] == pytest.approx(0.05, abs=1e-6)


def test_by_margin_flips_at_the_bounds():
    found = fit_of(0.9 - 0.3 * T**-0.5).saturation()
    table = found.by_margin()
    assert table["verdict"].tolist() == ["still_scaling", "inconclusive", "saturated"]
    assert table["below"].tolist() == [found.lower, found.upper, np.inf]
    assert table["above"].tolist() == [0.0, found.lower, found.upper]
    assert "still scaling below" in found.explain()
    flat = fit_of(np.full(12, 0.8)).saturation().by_margin()
    assert flat["verdict"].tolist() == ["inconclusive", "no_scaling"]
    few = {"cells": [1e5, 1e6, 1e7] * 3, "f1": [0.5, 0.6, 0.7, 0.51, 0.62, 0.7, 0.5, 0.6, 0.69]}
    refused = sf.fit(few).saturation()
    assert refused.by_margin()["verdict"].tolist() == ["inconclusive"]
    assert "inconclusive for every m" in refused.explain()


def test_margins_are_drawn_as_they_are_told():
    fit = fit_of(0.9 - 0.3 * T**-0.5)
    ax = plot_margins(fit, paper())
    table = fit.saturation().by_margin()
    assert [bar.get_x() for bar in ax.patches] == table["above"].tolist()
    assert "10 times" in ax.get_title("left") + ax.get_title()


def test_every_test_can_be_made_or_says_that_it_cannot():
    tests = fit_of(0.9 - 0.3 * T**-0.5, seeds=1).saturation().tests
    assert not tests["says"].str.contains("nan").any()
    assert (tests["p"].isna() == (tests["says"] == "cannot be made with this table")).all()
    assert tests.set_index("test").loc["lack of fit", "says"] == "cannot be made with this table"
    few = {"cells": [1e5, 1e6], "f1": [0.5, 0.6]}
    assert not sf.fit(few).saturation().tests["says"].str.contains("nan").any()


def test_a_break_is_compared_with_no_more_laws_than_it_takes(monkeypatch):
    """The first law that foretells left-out sizes as well decides; a break is held to all."""
    fitted = []
    monkeypatch.setattr(
        bending, "estimate", lambda law, less: fitted.append(law.name) or estimate(law, less)
    )
    z = np.log10(T)
    broken = 0.2 + 0.2 * np.minimum(z, 1.4) - 0.05 * np.maximum(z - 1.4, 0)
    for mean, breaks, laws in [(0.9 - 0.3 / T**0.4, False, 1), (broken, True, None)]:
        fitted.clear()
        spanning = fit_of(mean, sigma=0.002).candidates.spanning()
        found = bending.beats_smooth_laws(spanning.sample, spanning.estimates, spanning.surviving)
        tried = spanning.surviving.sum() or len(spanning.estimates)
        assert found.tolist() == [breaks]
        assert tried > 1
        assert len(fitted) == (laws or tried)


def test_permutation_p_is_exact():
    """Of all 4! orders of four runs only the observed one is rising throughout."""
    x, y = np.array([1e4, 1e5, 1e6, 1e7]), np.array([0.5, 0.6, 0.7, 0.8])
    sample = by_size(x, y, np.zeros(4, int), np.ones(1), np.ones(1))
    _, p = permutation_test(sample, 0, 20_000)
    assert p[0] == pytest.approx(1 / 24, abs=0.006)
    worse = by_size(x, -y, np.zeros(4, int), np.ones(1), np.ones(1))
    assert permutation_test(worse, 0, 999)[1][0] > 0.9


def test_one_diverged_run_does_not_hide_scaling_from_the_permutation_test():
    """By the scores themselves p was 0.66, beside a loss that falls in 17 of 18 runs."""
    x = np.repeat(4.0 ** np.arange(10, 16), 3)
    ppl = np.array([48.0, 47.8, 48.2, 34.1, 34.3, 34.3, 25.4, 25.6, 25.2, 20.0, 19.3, 19.2, 15.8,
                    15.4, 15.4, 1342, 13.2, 12.6])  # fmt: skip
    sample = by_size(x, ppl, np.zeros(18, int), -np.ones(1), np.nan * np.ones(1))
    assert permutation_test(sample, 0)[1][0] < 0.01
    tests = sf.fit({"params": x, "ppl": ppl}).saturation().tests.set_index("test")["says"]
    assert tests["any scaling, by permutation"].startswith("scaling is seen (p")
    assert "on which the verdict rests" not in tests["any scaling, by permutation"]


def test_where_the_tests_of_any_scaling_part_it_is_said_what_each_rests_on():
    """Noise falls a thousandfold with size: weights know which runs to believe, ranks do not."""
    rng, x = np.random.default_rng(0), np.repeat(SIZES[:6], 4)
    sd = np.repeat(np.geomspace(0.3, 0.0003, 6), 4)
    score = 1.0 + 0.004 * np.log(x / x[0]) + sd * rng.standard_normal(24)
    tests = sf.fit({"cells": x, "score": score}).saturation().tests.set_index("test")
    says = tests["says"]["any scaling, by permutation"]
    p = tests["p"][["any scaling", "any scaling, by permutation"]]
    assert p.iloc[0] < 0.05 < p.iloc[1]
    assert says.startswith("no scaling is seen (p")
    assert says.endswith("takes their ranks alone, and noise for alike at all sizes")
    assert "the test above" not in "".join(
        says for name, says in tests["says"].items() if name != "any scaling, by permutation"
    )


def test_permutation_handles_unequal_replicates_and_company():
    rng = np.random.default_rng(3)
    x = np.concatenate([np.repeat(SIZES, 2), SIZES[:5]])
    y = 0.7 + 0.003 * np.log10(x) + 0.01 * rng.standard_normal((2, x.size))
    group = np.repeat([0, 1], x.size)
    both = by_size(np.tile(x, 2), y.ravel(), group, np.ones(2), np.ones(2))
    p = permutation_test(both, 5, 199)[1]
    for g in range(2):
        assert permutation_test(both.take([g]), 5, 199)[1][0] == p[g]


def test_the_referee_agrees_with_the_signed_root():
    sample = sample_of(0.92 - 0.3 * T**-0.3, 0.01, curves=3)
    null, wide = (estimate(get_law(name), sample) for name in ("power", "saturating_power"))
    _, p = plateau_test(null, wide)
    np.testing.assert_allclose(bootstrap_plateau_test(null, wide, 0, 1999), p, atol=0.02)


def test_the_referee_decides_where_the_exponent_is_on_a_bound():
    fit = fit_of(np.where(SIZES[0] < SIZES, 0.9, 0.5), sigma=0.01, seeds=3)
    tests = fit.saturation().tests.set_index("test")
    assert "bootstrap" in tests.loc["plateau", "method"]
    assert tests.loc["plateau", "p"] == tests.loc["plateau, bootstrap referee", "p"]


def test_without_a_best_score_there_is_no_plateau_test():
    sample = sample_of(0.9 - 0.3 * T**-0.5, 0.01, limit=np.nan)
    null, wide = (estimate(get_law(name), sample) for name in ("power", "saturating_power"))
    assert np.isnan(bootstrap_plateau_test(null, wide, 0, 19)).all()


def test_a_clear_break_is_called_and_located():
    z = np.log10(SIZES)
    mean = np.where(z < 6.4, 0.2 + 0.2 * (z - 5), 0.48 - 0.05 * (z - 6.4))
    fit = fit_of(mean, sigma=0.002, seeds=5)
    found = fit.saturation()
    says = found.tests.set_index("test").loc["break", "says"]
    assert says.startswith("a break at 2.5")
    row = found.points.set_index("definition").loc["break of the slope (broken stick)"]
    assert row["lower"] < 10**6.4 < row["upper"]


def test_a_smooth_bend_is_no_break():
    found = fit_of(0.9 - 0.3 * T**-0.5).saturation()
    row = found.tests.set_index("test").loc["break"]
    assert row["p"] < 0.01
    assert "no distinguishable break" in row["says"]
    assert "break" not in " ".join(found.points["definition"])


def test_a_break_within_the_outer_gaps_is_open():
    """Between the last two sizes no break can be told from another."""
    mean = 0.5 + 0.1 * np.log10(T)
    mean[-1] = mean[-2]
    bend = bend_test(sample_of(mean, 0.001, seeds=3), 0, tables=99)
    assert np.isinf(bend.upper[0])
    assert bend.lower[0] >= SIZES[-3]


def test_few_sizes_have_no_bend():
    sample = sample_of(np.linspace(0.5, 0.6, 4), 0.01, sizes=SIZES[:4])
    assert np.isnan(bend_test(sample).p[0])
    fitted = [estimate(get_law("log_linear"), sample)]
    assert not beats_smooth_laws(sample, fitted, np.ones((1, 1), bool))[0]


def test_secant_is_the_slope_of_the_last_decade():
    mean = np.where(T <= 100, 0.5, 0.5 + 0.1 * np.log10(T / 100))
    found = last_slope(sample_of(mean, 1e-9))
    assert found.slope[0] * np.log(10) == pytest.approx(0.1, rel=0.2)
    assert found.bound(10, 0.95)[0] == pytest.approx(np.log(10) * found.slope[0], rel=1e-5)
    level = found.bound(10, 0.95)
    assert found.p(10, level)[0] == pytest.approx(0.05)
    assert np.isnan(last_slope(sample_of(mean[:2], 0.01, sizes=SIZES[:2])).slope[0])


def curves_of(exponents, sigma=0.004):
    rng = np.random.default_rng(5)
    frames = []
    for i, exponent in enumerate(exponents):
        x = np.repeat(SIZES, 3)
        y = 0.9 - 0.3 * (x / SIZES[0]) ** -exponent + sigma * rng.standard_normal(x.size)
        frames.append(pd.DataFrame({"curve": i, "cells": x, "f1": y}))
    return pd.concat(frames)


def test_family_adjustment_only_takes_back():
    table = curves_of(np.linspace(0.3, 0.6, 12), sigma=0.008)
    fits = sf.fit(table, by="curve")
    single = fits.saturation(adjust=None)
    assert (single["adjusted_verdict"] == single["verdict"]).all()
    np.testing.assert_array_equal(single["p"], single["p_adjusted"])
    kept = {}
    for adjust in ("holm", "bh"):
        found = fits.saturation(adjust=adjust)
        assert (found["p_adjusted"] >= found["p"]).all()
        changed = found["adjusted_verdict"] != found["verdict"]
        assert (found.loc[changed, "adjusted_verdict"] == "inconclusive").all()
        decided = found["verdict"] != "inconclusive"
        assert (found.loc[decided, "p"] <= 0.05).all()
        assert (found.loc[~decided, "p"] > 0.05).all()
        kept[adjust] = (found["adjusted_verdict"] != "inconclusive").sum()
    assert kept["holm"] < kept["bh"] == (single["verdict"] != "inconclusive").sum()
    with pytest.raises(sf.FitError, match="use 'holm', 'bh' or None"):
        fits.saturation(adjust="bonferroni")


def test_summary_of_a_family_counts_the_inconclusive_ones():
    fits = sf.fit(curves_of([0.3, 0.45, 1.0]), by="curve")
    text = fits.summary()
    assert "adjusted for a family of 3 (Holm)" in text
    assert text.count("inconclusive") >= 2


def test_the_gate_tells_small_p_values_apart():
    """A family of a thousand clear curves keeps its verdicts: no floor at one in 3,000."""
    slopes = [0.01, 0.02, 0.04]
    p = [scaling_gate(sample_of(0.5 + b * np.log10(T), 0.005)).p[0] for b in slopes]
    assert p[0] > p[1] > p[2]
    assert p[2] < 1e-6


@pytest.mark.parametrize("margin", [[0.01], True, "0.01", np.nan, -0.1])
def test_a_margin_that_is_no_number_is_refused(margin):
    fit = fit_of(0.9 - 0.3 / T**0.2)
    for asked in (fit, set_of(fit)):
        with pytest.raises(sf.FitError, match="give the smallest gain of interest"):
            asked.saturation(margin=margin)


def test_numbers_of_numpy_are_numbers():
    fit = fit_of(0.9 - 0.3 / T**0.2)
    told = fit.saturation(np.int64(10), np.float32(0.25))
    assert told.margin == 0.25
    assert told.verdict == fit.saturation(10, 0.25).verdict
    assert fit.gain(np.int32(10)) == fit.gain(10)
    assert type(Gain(np.float32(10)).factor) is float
    with pytest.raises(sf.FitError, match="a finite factor above 1"):
        Gain(True)


def test_crossed_seeds_leave_the_last_slope_fewer_degrees_of_freedom():
    """What the seeds' effects take from the scatter of the last sizes is not there to judge it."""
    rng = np.random.default_rng(3)
    x, seed = np.repeat(SIZES, 4), np.tile(range(4), 12)
    y = 0.9 - 0.3 * (x / SIZES[0]) ** -0.4
    y = y + rng.normal(0, 0.05, 4)[seed] + rng.normal(0, 0.01, x.size)
    none = np.zeros(x.size, dtype=int)
    sample = by_size(x, y, none, np.ones(1), np.ones(1), unit=seed)
    crossed, nested = (Gaussian("constant", s).weigh(sample) for s in ("crossed", "nested"))
    assert 2.5 < crossed.errors.unit_df[0] < 3.0
    assert last_slope(nested).df[0] == 4 * 4 - 2  # four of the sizes are within a decade
    taken = last_slope(nested).df[0] - last_slope(crossed).df[0]
    assert taken == pytest.approx(crossed.errors.unit_df[0])


def test_a_last_decade_of_too_few_runs_is_told_without_a_number():
    sizes, f1 = [1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6], [0.5, 0.6, 0.65, 0.68, 0.70, 0.71, 0.713]
    fit = sf.fit({"cells": sizes, "f1": f1, "se": [0.01] * 7}, se="se")
    said = fit.diagnostics.set_index("code")["evidence"]["plateau_by_law"]
    assert said == "the last decade of sizes, or three, has too few runs to bound it"


def test_a_margin_that_no_score_can_gain_is_refused():
    fit = fit_of(0.9 - 0.3 * T**-1.0, sigma=0.003)
    assert fit.saturation(margin=0.999).margin == 0.999
    for margin in (1, 1.5):
        with pytest.raises(sf.FitError, match=r"'f1' goes from 0 to 1 .*one point is 0.01"):
            fit.saturation(margin=margin)
        with pytest.raises(sf.FitError, match="cannot gain as much"):
            set_of(fit).saturation(margin=margin)
        with pytest.raises(sf.FitError, match="cannot gain as much"):
            sf.plan(fit, margin=margin, n_tables=2)
    runs = fit.table.rows
    percent = sf.fit({"cells": runs["cells"], "f1": 100 * runs["f1"]})
    assert percent.saturation(margin=1).margin == 1
    loss = sf.fit({"cells": runs["cells"], "loss": 2 - runs["f1"]})
    assert loss.saturation(margin=1).margin == 1
