"""Random-effects means against published worked examples and against statsmodels."""

from __future__ import annotations

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


def test_bcg_is_that_of_metafor(bcg):
    """Viechtbauer 2010, doi:10.18637/jss.v036.i03: rma(yi, vi, test="knha") prints these digits."""
    found = random_effects(*bcg)
    mean = found.table.iloc[0]
    assert found.tau2 == pytest.approx(0.3132, abs=5e-5)
    assert found.i2 == pytest.approx(0.9222, abs=5e-5)
    assert found.q == pytest.approx(152.2330, abs=5e-5)
    printed = [-0.7145, 0.1808, -1.1084, -0.3206]
    assert mean[["estimate", "std_error", "lower", "upper"]].tolist() == pytest.approx(
        printed, abs=5e-5
    )
    assert mean["estimate"] / mean["std_error"] == pytest.approx(-3.9522, abs=5e-5)


def test_means_of_kinds_are_weighted_least_squares(bcg):
    """Given the spread, Hartung and Knapp's variance is that of statsmodels' WLS."""
    import statsmodels.api as sm

    y, v = bcg
    kinds = [row[4] for row in BCG]
    found = random_effects(y, v, moderator=kinds, modified=False)
    columns = np.array(
        [[kind == name for name in found.table.index] for kind in kinds], dtype=float
    )
    fit = sm.WLS(y, columns, weights=1 / (v + found.tau2)).fit()
    assert found.table["estimate"].tolist() == pytest.approx(fit.params.tolist())
    assert found.table["std_error"].tolist() == pytest.approx(fit.bse.tolist())
    assert found.table[["lower", "upper"]].to_numpy() == pytest.approx(fit.conf_int())
    gap = fit.t_test([1.0, -1.0, 0.0])
    first = found.differences.iloc[0]
    assert first["difference"] == pytest.approx(gap.effect.item())
    assert first["p"] == pytest.approx(gap.pvalue.item())
    equal = fit.f_test([[1.0, -1.0, 0.0], [0.0, 1.0, -1.0]])
    assert found.f == pytest.approx(float(equal.fvalue))
    assert found.f_p == pytest.approx(float(equal.pvalue))
    # The restricted likelihood is flat at its maximum: y'PPy = tr(P).
    weight = np.diag(1 / (v + found.tau2))
    inner = np.linalg.inv(columns.T @ weight @ columns)
    projection = weight - weight @ columns @ inner @ columns.T @ weight
    assert y @ projection @ projection @ y == pytest.approx(np.trace(projection), rel=1e-5)


def test_the_parts_are_those_of_statsmodels(bcg):
    from statsmodels.stats.meta_analysis import combine_effects

    y, v = bcg
    theirs = combine_effects(y, v, method_re="dl", use_t=True)
    ours = random_effects(y, v)
    assert ours.q == pytest.approx(theirs.q)
    # Their Hartung-Knapp variance, given our variance between groups.
    weight = 1 / (v + ours.tau2)
    mean = (weight * y).sum() / weight.sum()
    hksj = (weight / weight.sum() * (y - mean) ** 2).sum() / (len(y) - 1)
    assert ours.table["std_error"].iloc[0] == pytest.approx(np.sqrt(hksj))


def test_without_spread_it_is_the_weighted_mean():
    y, v = np.array([0.30, 0.31, 0.30, 0.31]), np.array([0.01, 0.02, 0.01, 0.04])
    found = random_effects(y, v)
    assert found.tau2 == 0.0
    assert found.table["estimate"].iloc[0] == pytest.approx((y / v).sum() / (1 / v).sum())
    held = random_effects(y, v, modified=True).table.iloc[0]
    assert held["std_error"] == pytest.approx((1 / v).sum() ** -0.5)
    assert held["std_error"] > found.table["std_error"].iloc[0]


def test_correlated_errors_count_for_less():
    y, error = np.array([0.3, 0.5, 0.4, 0.6]), np.full(4, 0.2)
    rho = 0.8 * np.ones((4, 4)) + 0.2 * np.eye(4)
    together = random_effects(y, rho * 0.04, modified=True).table["std_error"].iloc[0]
    apart = random_effects(y, error**2, modified=True).table["std_error"].iloc[0]
    assert together > 1.5 * apart


def test_one_stage_meets_two_stage_where_both_apply():
    """Small errors: the interval is the t interval of the answers, by either way."""
    y, se = np.array([0.2, 0.5, 0.35, 0.6, 0.4, 0.3]), np.full(6, 0.01)
    two, one = random_effects(y, se**2), one_stage(from_errors(y, se, se, "stated"))
    for column in ("estimate", "lower", "upper"):
        assert one.table[column].iloc[0] == pytest.approx(two.table[column].iloc[0], abs=0.01)
    assert one.tau == pytest.approx(two.tau, rel=0.05)


def test_one_stage_tells_kinds_apart_like_two_stage():
    y, se = np.array([0.2, 0.25, 0.22, 0.6, 0.65, 0.58]), np.full(6, 0.02)
    kinds = ["a"] * 3 + ["b"] * 3
    one = one_stage(from_errors(y, se, se, "stated"), kinds)
    two = random_effects(y, se**2, moderator=kinds, modified=False)
    for column in ("difference", "lower", "upper"):
        ours, theirs = (m.differences[column].iloc[0] for m in (one, two))
        assert ours == pytest.approx(theirs, abs=0.02)
    assert one.differences["p"].iloc[0] < 0.001
    assert one.f_p < 0.001


def test_too_few_groups_are_refused():
    with pytest.raises(FitError, match="1 groups for 1 mean"):
        random_effects([0.3], [0.1])
    with pytest.raises(FitError, match="2 groups for 2 means"):
        random_effects([0.3, 0.4], [0.1, 0.1], moderator=["a", "b"])
    with pytest.raises(FitError, match="one more is needed"):
        one_stage(from_errors(np.array([0.3]), np.array([0.1]), np.array([0.1]), ""))
