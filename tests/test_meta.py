"""Random-effects means against published worked examples and against statsmodels."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from scalefit.confidence import from_errors
from scalefit.errors import FitError
from scalefit.meta import random_effects
from scalefit.one_stage import one_stage

#: Vaccinated and control groups, cases and not, and how they were allotted: the 13 trials of BCG
#: vaccination against tuberculosis (Colditz et al. 1994, JAMA 271:698).
BCG = [
    (4, 119, 11, 128, "random"), (6, 300, 29, 274, "random"), (3, 228, 11, 209, "random"),
    (62, 13536, 248, 12619, "random"), (33, 5036, 47, 5761, "alternate"),
    (180, 1361, 372, 1079, "alternate"), (8, 2537, 10, 619, "random"),
    (505, 87886, 499, 87892, "random"), (29, 7470, 45, 7232, "random"),
    (17, 1699, 65, 1600, "systematic"), (186, 50448, 141, 27197, "systematic"),
    (5, 2493, 3, 2338, "systematic"), (27, 16886, 29, 17825, "systematic"),
]  # fmt: skip


@pytest.fixture(scope="module")
def bcg():
    a, b, c, d = np.array([row[:4] for row in BCG], dtype=float).T
    log_ratio = np.log(a / (a + b) / (c / (c + d)))
    return log_ratio, 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)


def test_spread_of_bcg_is_that_of_metafor(bcg):
    """Viechtbauer 2010, doi:10.18637/jss.v036.i03: rma(yi, vi, test="knha") prints these digits."""
    found = random_effects(*bcg)
    mean = found.table.iloc[0]
    assert found.tau2 == pytest.approx(0.3132, abs=5e-5)
    assert found.i2 == pytest.approx(0.9222, abs=5e-5)
    assert found.q == pytest.approx(152.2330, abs=5e-5)
    # With thirteen trials the spread is told well enough for the interval to be near theirs.
    assert mean[["estimate", "lower", "upper"]].tolist() == pytest.approx(
        [-0.7145, -1.1084, -0.3206], abs=0.03
    )


def test_with_great_spread_it_is_the_t_interval(bcg):
    """Given answers that differ by far more than their errors, as by least squares of them."""
    import statsmodels.api as sm

    y, kinds = 100.0 * bcg[0], [row[4] for row in BCG]
    found = random_effects(y, 1e-6 * bcg[1], moderator=kinds)
    columns = np.array(
        [[kind == name for name in found.table.index] for kind in kinds], dtype=float
    )
    fit = sm.OLS(y, columns).fit()
    assert found.table["estimate"].tolist() == pytest.approx(fit.params.tolist(), rel=1e-3)
    assert found.table[["lower", "upper"]].to_numpy() == pytest.approx(fit.conf_int(), abs=1.0)
    gap = fit.t_test([1.0, -1.0, 0.0])
    first = found.differences.iloc[0]
    assert first["difference"] == pytest.approx(gap.effect.item(), rel=1e-3)
    assert first["p"] == pytest.approx(gap.pvalue.item(), rel=0.01)
    equal = fit.f_test([[1.0, -1.0, 0.0], [0.0, 1.0, -1.0]])
    assert found.f == pytest.approx(float(equal.fvalue), rel=0.01)
    assert found.f_p == pytest.approx(float(equal.pvalue), rel=0.01)


def test_the_restricted_likelihood_is_flat_at_its_maximum(bcg):
    """y'PPy = tr(P); Cochran's Q is that of statsmodels."""
    from statsmodels.stats.meta_analysis import combine_effects

    y, v = bcg
    kinds = [row[4] for row in BCG]
    found = random_effects(y, v, moderator=kinds)
    columns = np.array(
        [[kind == name for name in found.table.index] for kind in kinds], dtype=float
    )
    weight = np.diag(1 / (v + found.tau2))
    inner = np.linalg.inv(columns.T @ weight @ columns)
    projection = weight - weight @ columns @ inner @ columns.T @ weight
    assert y @ projection @ projection @ y == pytest.approx(np.trace(projection), rel=1e-5)
    theirs = combine_effects(y, v, method_re="dl", use_t=True)
    assert random_effects(y, v).q == pytest.approx(theirs.q)


def test_without_spread_it_is_near_the_weighted_mean():
    y, v = np.array([0.30, 0.31, 0.30, 0.31]), np.array([0.01, 0.02, 0.01, 0.04])
    found = random_effects(y, v)
    mean = found.table.iloc[0]
    assert found.tau2 == 0.0
    assert mean["estimate"] == pytest.approx((y / v).sum() / (1 / v).sum(), abs=0.002)
    # Four groups that agree do not show that others would.
    assert mean["upper"] - mean["lower"] > 2 * 1.96 * (1 / v).sum() ** -0.5


def test_one_group_known_best_does_not_speak_for_all():
    """Their answers differ by more than the error of the one; Hartung and Knapp's held in 0.74."""
    rng = np.random.default_rng(5)
    error = np.array([0.02, 0.2, 0.2, 0.2])
    held = []
    for _ in range(200):
        y = 0.4 + 0.1 * rng.standard_normal(4) + error * rng.standard_normal(4)
        mean = random_effects(y, error**2).table.iloc[0]
        held.append(mean["lower"] <= 0.4 <= mean["upper"])
    assert np.mean(held) > 0.93


def test_correlated_errors_count_for_less():
    y, error = np.array([0.39, 0.41, 0.4, 0.42]), np.full(4, 0.2)
    rho = 0.8 * np.ones((4, 4)) + 0.2 * np.eye(4)
    together = random_effects(y, rho * 0.04).table["std_error"].iloc[0]
    apart = random_effects(y, error**2).table["std_error"].iloc[0]
    assert together > 1.5 * apart


@pytest.mark.parametrize(
    "se", [np.full(6, 0.01), np.full(6, 0.2), np.r_[0.001, 0.001, 0.2, 0.2, 0.1, 0.1]],
    ids=["known", "little known", "two known best"],
)  # fmt: skip
def test_one_stage_is_two_stage_where_likelihoods_are_normal(se):
    y = np.array([0.2, 0.5, 0.35, 0.6, 0.4, 0.3])
    two, one = random_effects(y, se**2), one_stage(from_errors(y, se, se, "stated"))
    width = two.table["upper"].iloc[0] - two.table["lower"].iloc[0]
    for column in ("estimate", "std_error", "lower", "upper"):
        theirs = two.table[column].iloc[0]
        assert one.table[column].iloc[0] == pytest.approx(theirs, abs=0.02 * width)
    assert one.prediction == pytest.approx(two.prediction, abs=0.03 * width)
    assert one.tau == pytest.approx(two.tau, rel=0.05, abs=0.01 * width)


def test_a_group_that_says_nothing_changes_nothing():
    y, se = np.array([0.3, 0.45, 0.25, 0.6, 0.38]), np.array([0.06, 0.08, 0.05, 0.1, 0.07])
    alone = random_effects(y, se**2)
    for error in (1e2, 1e5):
        found = random_effects(np.r_[y, 0.4], np.r_[se, error] ** 2)
        for column in ("estimate", "lower", "upper"):
            assert found.table[column].iloc[0] == pytest.approx(
                alone.table[column].iloc[0], abs=0.005
            )
        assert found.prediction == pytest.approx(alone.prediction, abs=0.01)
        assert found.tau == pytest.approx(alone.tau, rel=0.02)


def test_q_does_not_hang_on_where_zero_is():
    y, v = np.array([0.3, 0.45, 0.25]), np.array([0.06, 0.08, 0.05]) ** 2
    assert random_effects(1e6 + y, v).q == pytest.approx(random_effects(y, v).q, rel=1e-6)
    assert np.isfinite(random_effects(y, np.r_[v[:2], 1e-24]).q)


@pytest.mark.parametrize("y", [[0.1, 0.3, 0.8], [0.3, 0.3, 0.3], [0.0, 0.0, 0.0]])
def test_answers_without_an_error_have_the_t_interval(y):
    found = random_effects(y, np.zeros(3))
    away = 4.302653 * np.std(y, ddof=1) / np.sqrt(3)
    lower, upper = found.table.iloc[0][["lower", "upper"]]
    assert (lower, upper) == pytest.approx((np.mean(y) - away, np.mean(y) + away), abs=1e-3)


def test_one_stage_tells_kinds_apart_like_two_stage():
    y, se = np.array([0.2, 0.25, 0.22, 0.6, 0.65, 0.58]), np.full(6, 0.02)
    kinds = ["a"] * 3 + ["b"] * 3
    one = one_stage(from_errors(y, se, se, "stated"), kinds)
    two = random_effects(y, se**2, moderator=kinds)
    for column in ("difference", "lower", "upper"):
        ours, theirs = (m.differences[column].iloc[0] for m in (one, two))
        assert ours == pytest.approx(theirs, abs=0.02)
    # So far out the likelihoods of great spreads beyond the means looked at are missed.
    assert 1 / 4 < one.differences["p"].iloc[0] / two.differences["p"].iloc[0] < 4
    assert one.f_p == pytest.approx(one.differences["p"].iloc[0], rel=0.05)


def test_a_kind_is_told_as_closely_beside_one_that_is_wide_or_open():
    y, kinds = np.array([0.3, 0.301, 0.3005, 1.3, 1.5]), list("aaabb")
    below = np.array([0.001] * 3 + [0.5, 0.5])
    alone = one_stage(from_errors(y[:3], below[:3], below[:3], "")).table.iloc[0]
    for above in (below, np.r_[below[:3], np.inf, np.inf]):
        beside = one_stage(from_errors(y, below, above, ""), kinds)
        a, b = beside.table.loc["a"], beside.table.loc["b"]
        assert a["upper"] - a["lower"] < 5 * (alone["upper"] - alone["lower"])
        assert a["estimate"] == pytest.approx(alone["estimate"], abs=0.001)
        assert np.isinf(b["upper"]) == np.isinf(above[-1])
        gap = beside.differences.iloc[0]
        assert np.isinf(gap["lower"]) == np.isinf(b["upper"])
        assert np.isfinite(gap["upper"])


def test_the_likeliest_mean_of_open_groups_does_not_hang_on_how_far_one_looks(monkeypatch):
    module = sys.modules["scalefit.one_stage"]
    y, above = np.array([0.3, 0.4, 0.5, 0.42]), np.array([np.inf] * 3 + [0.1])
    told = []
    for beyond in (2.0, 4.0):
        monkeypatch.setattr(module, "_BEYOND", beyond)
        told.append(one_stage(from_errors(y, np.full(4, 0.1), above, "")).table.iloc[0])
    assert told[0]["estimate"] == pytest.approx(told[1]["estimate"], abs=0.05)
    nothing = one_stage(from_errors(y[:3], np.full(3, 0.1), above[:3], "")).table.iloc[0]
    assert np.isnan(nothing["estimate"])
    assert np.isinf(nothing["upper"])


def test_too_few_groups_are_refused():
    with pytest.raises(FitError, match="1 groups for 1 mean"):
        random_effects([0.3], [0.1])
    with pytest.raises(FitError, match="2 groups for 2 means"):
        random_effects([0.3, 0.4], [0.1, 0.1], moderator=["a", "b"])
    with pytest.raises(FitError, match="one more is needed"):
        one_stage(from_errors(np.array([0.3]), np.array([0.1]), np.array([0.1]), ""))


def test_no_group_is_left_out_for_want_of_a_kind():
    """Which kind a group without one is of is asked where groups have names, by compare."""
    for kinds in (["a", "a", None, None], ["a", float("nan"), "a", None]):
        found = random_effects([0.3, 0.4, 0.5, 0.6], [0.1] * 4, moderator=kinds).table
        assert found["k"].tolist() == [2, 2]
