"""What errors that scores share do to an interval: they add to levels, and cancel from gains.

To first order an estimate is a weighted sum ``sum_k a_k mean_k`` of the sizes' means, with
``a = W J (J' W J)^-1 g`` for the tangent J of the curve and the gradient g of the target. A shift
of all scores by one unit moves it by ``q = sum_k a_k``: 1 for a score or an asymptote, 0 for a
gain. Errors with correlation matrix C in place of independent ones multiply its variance by
``a' C a / sum_k a_k^2 / w_k``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from ..estimands import Asked
from ..estimate import Estimate
from ..settle import mean_correlation
from .interval import Intervals

__all__ = ["common_error", "influence", "scale_of", "widened"]

Floats = NDArray[np.float64]


def influence(estimate: Estimate, estimand: Asked) -> Floats:
    """Return the derivative of the estimate by the mean score at each size, ``(G, K)``.

    Nan where the target has no derivative. A direction in which the sizes cannot tell the
    parameters apart counts as none.
    """
    sample = estimate.sample
    root = np.sqrt(estimate.information)
    jacobian = root[:, :, None] * estimate.tangent()
    length = np.sqrt((jacobian**2).sum(axis=1))
    length = np.where(length > 0, length, np.inf)
    pull = estimate.curves.gradient(estimand)
    lever = np.where(np.isinf(length), 0.0, pull / length)
    known = np.all(np.isfinite(lever), axis=1)
    basis, triangle = np.linalg.qr(jacobian / length[:, None, :])
    # Forward substitution of R' y = lever, leaving out the columns that the others span.
    solved = np.zeros_like(lever)
    for j in range(solved.shape[1]):
        rest = np.where(known, lever[:, j], 0.0) - (triangle[:, :, j] * solved).sum(axis=1)
        own = triangle[:, j, j]
        solved[:, j] = np.divide(rest, own, out=np.zeros_like(rest), where=np.abs(own) > 1e-12)
    change = sample.frame.sign[:, None] * root * np.einsum("gkp,gp->gk", basis, solved)
    return np.where(known[:, None], change, np.nan)


def scale_of(estimate: Estimate, estimand: Asked) -> tuple[Floats, Floats]:
    """Return variance and degrees of freedom of one run for intervals of an estimand, ``(G,)``.

    Where rows are correlated the variance is inflated by what that does to this estimand.
    """
    variance, df = estimate.scale
    rows = np.flatnonzero(np.isfinite(estimate.sample.errors.correlation))
    if not rows.size:
        return variance, df
    part = estimate.take(rows)
    change = influence(part, estimand.take(rows))
    weight = part.information
    alone = (change**2 / np.where(weight > 0, weight, np.inf)).sum(axis=1)
    together = np.einsum("gk,gkl,gl->g", change, mean_correlation(part), change)
    usable = alone > 0
    inflation = np.where(usable, together / np.where(usable, alone, 1.0), 1.0)
    variance = variance.copy()
    variance[rows] *= inflation
    return variance, df


def common_error(estimate: Estimate, estimand: Asked) -> Floats:
    """Return the standard error of a target from the shift that all scores share, ``(G,)``."""
    errors = estimate.sample.errors
    error = np.zeros(len(estimate))
    rows = np.flatnonzero(errors.common_variance > 0)
    if rows.size:
        shift = influence(estimate.take(rows), estimand.take(rows)).sum(axis=1)
        error[rows] = np.abs(np.nan_to_num(shift)) * np.sqrt(errors.common_variance[rows])
    return error


def widened(found: Intervals, estimate: Estimate, estimand: Asked) -> Intervals:
    """Return intervals whose arms are joined in quadrature with the common error's."""
    critical = stdtrit(estimate.sample.errors.common_df, 0.5 + 0.5 * found.level)
    arm = critical * common_error(estimate, estimand)
    value = found.estimate
    with np.errstate(invalid="ignore"):
        lower, upper = (
            value - np.hypot(value - found.lower, arm),
            value + np.hypot(found.upper - value, arm),
        )
    changed = (arm > 0) & np.isfinite(value)
    return Intervals(
        value,
        np.where(changed, lower, found.lower),
        np.where(changed, upper, found.upper),
        found.level,
        found.method,
    )
