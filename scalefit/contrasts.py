"""Whether groups give the same answer: all of them together, and each against each.

Independent tables add their misfits, so that one value is compatible with all of them if the sum of
its squared distances from their estimates is small, and a difference with two of them if the
allowance can be shared out such that the values they may then take differ by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import chdtrc, digamma, fdtrc, polygamma

from .bisection import bisected
from .confidence import Confidence, multiplier

__all__ = ["Equality", "Pairs", "equality", "pairs"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_POINTS, _ZOOM, _ZOOMS = 129, 33, 5
#: Directions in which the allowance of two groups is shared out.
_ANGLES = np.linspace(0.0, 2.0 * np.pi, 128, endpoint=False)
#: No smaller p value is told.
_LEAST_LOG_P, _HALVINGS = np.log(1e-10), 50


@dataclass(frozen=True, slots=True)
class Equality:
    """The test that G groups have one answer.

    Parameters
    ----------
    value : float
        The answer that they share under the null.
    statistic, df1, df2, p : float
        F statistic with its degrees of freedom; ``df2`` is inf where errors are published ones.
    """

    value: float
    statistic: float
    df1: float
    df2: float
    p: float


@dataclass(frozen=True, slots=True)
class Pairs:
    """All pairs of G groups, the answer of ``first`` less that of ``second``; arrays over pairs.

    Parameters
    ----------
    first, second : arrays of int
    difference, lower, upper, p : arrays
        ``p`` is below ``1 - level`` just where the interval leaves zero out.
    """

    first: Ints
    second: Ints
    difference: Floats
    lower: Floats
    upper: Floats
    p: Floats


def equality(curves: Confidence, correlation: Floats | None = None) -> Equality:
    """Test whether all groups have one answer, each with a variance of its own.

    Parameters
    ----------
    curves : Confidence
        Of G groups with finite estimates.
    correlation : array (G, G), optional
        Of the errors of the groups; by default they are independent.

    Notes
    -----
    With the distances ``t_g(v)`` of a value from the groups' estimates the statistic is
    ``min_v sum_g t_g(v)^2``: for profile likelihoods the profile likelihood ratio of a shared
    against separate parameters. It is referred to F as in the test of Welch 1951
    (doi:10.1093/biomet/38.3-4.330), which lets every group have its own variance; the variances
    borrow from each other as far as they are alike (Smyth 2004, doi:10.2202/1544-6115.1027), so
    that groups of equal noise have the power of a pooled variance. Where errors are correlated the
    sum is the quadratic form of their inverse.
    """
    n = len(curves)
    inverse = np.eye(n) if correlation is None else np.linalg.inv(correlation)
    shrinkage, df = _moderated(curves)
    low, high = _reach(curves)
    best, least = low, 0.0
    if high > low:
        values, step = np.linspace(low, high, _POINTS), (high - low) / (_POINTS - 1)
        for _ in range(_ZOOMS):
            t = shrinkage[:, None] * curves.distance(values)
            cost = np.einsum("gm,gh,hm->m", t, inverse, t)
            k = int(cost.argmin())
            best, least = float(values[k]), float(cost[k])
            values, step = best + np.linspace(-step, step, _ZOOM), step / (_ZOOM // 2)
    error = curves.error / shrinkage
    known = np.isfinite(error) & (error > 0)
    weight = np.where(known, 1.0 / np.where(known, error, 1.0) ** 2, 0.0)
    share = weight / weight.sum() if weight.any() else weight
    spread = float(np.sum((1.0 - share) ** 2 / df))
    df1 = n - 1.0
    statistic = least / df1 / (1.0 + 2.0 * (n - 2.0) / (n**2 - 1.0) * spread)
    df2 = (n**2 - 1.0) / (3.0 * spread) if spread > 0 else np.inf
    df2 = min(df2, float(curves.noise_df.sum()))
    p = fdtrc(df1, df2, statistic) if np.isfinite(df2) else chdtrc(df1, df1 * statistic)
    return Equality(best, statistic, df1, df2, float(p))


def _reach(curves: Confidence) -> tuple[float, float]:
    """Return between which values the shared one lies: those of the estimates.

    An infinite estimate counts as the farthest finite end on its side.
    """
    ends = np.concatenate([curves.lower, curves.upper], axis=1)
    far = np.where(np.isfinite(ends), ends, np.nan)
    value = np.where(
        np.isfinite(curves.estimate), curves.estimate,
        np.where(curves.estimate > 0, np.nanmax(far, axis=1), np.nanmin(far, axis=1)),
    )  # fmt: skip
    return float(value.min()), float(value.max())


def _moderated(curves: Confidence) -> tuple[Floats, Floats]:
    """Return by what to multiply distances, and the d.f., once variances have been shrunken.

    The prior of the variances is fitted to the moments of their logarithms.
    """
    factor, df = np.ones(len(curves)), curves.df.copy()
    known = np.flatnonzero(np.isfinite(curves.noise) & (curves.noise > 0) & (curves.variance > 0))
    if not known.size:
        return factor, df
    variance, own = curves.noise[known], curves.noise_df[known]
    if known.size < 2:
        factor[known], df[known] = np.sqrt(curves.variance[known] / variance), own
        return factor, df
    logs = np.log(variance) - digamma(0.5 * own) + np.log(0.5 * own)
    extra = float(logs.var(ddof=1) - polygamma(1, 0.5 * own).mean())
    if extra > 0:
        prior_df = 2.0 * brentq(lambda half: float(polygamma(1, half)) - extra, 1e-6, 1e9)
        centre = np.exp(logs.mean() + digamma(0.5 * prior_df) - np.log(0.5 * prior_df))
        shrunken = (prior_df * centre + own * variance) / (prior_df + own)
    else:
        prior_df, shrunken = np.inf, np.full(known.size, np.average(variance, weights=own))
    factor[known] = np.sqrt(curves.variance[known] / shrunken)
    df[known] = np.minimum(own + prior_df, own.sum())
    return factor, df


def pairs(curves: Confidence, level: float, correlation: Floats | None = None) -> Pairs:
    """Compare each group with each.

    Parameters
    ----------
    curves : Confidence
        Of G groups.
    level : float
        Coverage of the intervals.
    correlation : array (G, G), optional
        Of the errors of the groups.

    Notes
    -----
    The interval holds the differences of all pairs of values in the ellipse whose half axes are the
    groups' own t quantiles; for straight arms that is the root of the sum of their squares (MOVER:
    Zou & Donner 2008, doi:10.1002/sim.3095; with correlation Zou 2007,
    doi:10.1037/1082-989X.12.4.399). Each group keeps its own degrees of freedom, as in the test of
    Cochran & Cox, which errs on the side of width.
    """
    first, second = np.triu_indices(len(curves), 1)
    one, other = curves.take(first), curves.take(second)
    rho = np.zeros(len(first)) if correlation is None else correlation[first, second]
    across = np.cos(_ANGLES), np.sin(_ANGLES)
    turned = rho[:, None] * across[0] + np.sqrt(1.0 - rho**2)[:, None] * across[1]

    def ends(levels: Floats) -> tuple[Floats, Floats]:
        reach = [multiplier(side.df, levels)[:, None] for side in (one, other)]
        with np.errstate(invalid="ignore"):  # two open ends say nothing together
            gap = one.value(reach[0] * across[0]) - other.value(reach[1] * turned)
        none = np.isnan(gap)
        return np.where(none, np.inf, gap).min(axis=1), np.where(none, -np.inf, gap).max(axis=1)

    def zero_inside(log_p: Floats) -> NDArray[np.bool_]:
        lower, upper = ends(-np.expm1(log_p))
        return np.asarray(((lower <= 0) & (upper >= 0)) | (lower > upper))

    least = np.full(len(first), _LEAST_LOG_P)
    log_p, _ = bisected(zero_inside, least, np.zeros(len(first)), _HALVINGS)
    lower, upper = ends(np.full(len(first), level))
    nothing = lower > upper  # no two values that are both known
    lower, upper = np.where(nothing, -np.inf, lower), np.where(nothing, np.inf, upper)
    with np.errstate(invalid="ignore"):
        gap = one.estimate - other.estimate
    return Pairs(
        first, second, np.where(np.isfinite(gap), gap, np.nan), lower, upper,
        np.where(nothing, 1.0, np.exp(log_p)),
    )  # fmt: skip
