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
from ..settle import correlated
from ..slope_error import with_log_error
from .interval import Intervals

__all__ = [
    "common_error", "correlated_scale", "error_roots", "influence", "scale_of", "widened",
]  # fmt: skip

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
#: Columns of which no more is left beside the others, as a share, are taken to be spanned by them:
#: what is left is rounding, and squared it is the condition number that Wald intervals refuse.
_ALIKE = 1e-7


def influence(estimate: Estimate, estimand: Asked) -> Floats:
    """Return the derivative of the estimate by the mean score at each size, ``(G, K)``.

    Nan where the target has no derivative. A direction in which the sizes cannot tell the
    parameters apart counts as none.
    """
    basis, solved, _ = _response(estimate)
    towards = np.where(solved.any(axis=1), estimate.curves.gradient(estimand), 0.0)
    known = np.isfinite(towards).all(axis=1, keepdims=True)
    along = np.einsum("gqp,gp->gq", solved, np.where(known, towards, 0.0))
    return np.where(known, np.einsum("gkq,gq->gk", basis, along), np.nan)


def _response(estimate: Estimate) -> tuple[Floats, Floats, Bools]:
    """Return B ``(G, K, Q)`` and S ``(G, Q, P)``: parameters change by ``B S`` times a mean.

    The columns of B are orthogonal in the metric of the variances of the means. And of which curves
    a parameter that moves the curve cannot be told from others, ``(G,)``.
    """
    sample = estimate.sample
    root = np.sqrt(estimate.information)[:, :, None]
    jacobian = root * estimate.tangent()
    length = np.sqrt((jacobian**2).sum(axis=1))
    moves = length > 0
    length = np.where(moves, length, np.inf)
    basis, triangle = np.linalg.qr(jacobian / length[:, None, :])
    own = np.zeros((*length.shape, 1))  # of what fewer sizes than parameters leave nothing is told
    pivots = np.diagonal(triangle, axis1=1, axis2=2)
    own[:, : pivots.shape[1], 0] = pivots
    told = np.abs(own) > _ALIKE
    # Forward substitution of R' y = 1 / length, leaving out the columns that the others span.
    solved = np.zeros(triangle.shape)
    unit = np.eye(length.shape[1]) / length[:, None, :]
    for j in range(triangle.shape[1]):
        rest = unit[:, j] - (triangle[:, :, j, None] * solved).sum(axis=1)
        solved[:, j] = np.divide(rest, own[:, j], out=np.zeros_like(rest), where=told[:, j])
    lost = (moves & ~told[..., 0]).any(axis=1) | ~np.isfinite(basis).all(axis=(1, 2))
    return sample.frame.sign[:, None, None] * root * basis, solved, lost


def error_roots(estimate: Estimate) -> tuple[Floats, Floats, Floats]:
    """Return what makes standard errors of derivatives ``g`` by coefficients and shapes.

    Returns
    -------
    own : array (G, Q, P)
        ``|own g|`` is the standard error from the scatter about the curve, correlated rows
        allowed for; products of g with a covariance would lose its digits where parameters trade
        places. All nan where one that moves the curve cannot be told from others.
    shared : array (G, P)
        ``|shared . g|`` is that from the shift that all scores share.
    df : array (G,)
    """
    variance, df = estimate.scale
    basis, solved, lost = _response(estimate)
    shift = np.sqrt(estimate.sample.errors.common_variance)[:, None] * basis.sum(axis=1)
    shared = np.einsum("gq,gqp->gp", shift, solved)
    own = np.sqrt(variance)[:, None, None] * solved
    rows = np.flatnonzero(np.isfinite(estimate.sample.errors.correlation) & ~lost)
    if rows.size:
        turned = np.swapaxes(basis[rows], 1, 2) @ correlated(estimate.take(rows), basis[rows])
        values, vectors = np.linalg.eigh(turned)
        root = np.sqrt(np.maximum(values, 0.0))[:, :, None] * np.swapaxes(vectors, 1, 2)
        own[rows] = root @ own[rows]
    own[lost] = np.nan
    return own, shared, df


def scale_of(estimate: Estimate, estimand: Asked) -> tuple[Floats, Floats]:
    """Return variance and degrees of freedom of one run for intervals of an estimand, ``(G,)``.

    Where the change of the noise with size is estimated, its error counts as far as the estimand
    rests on other sizes than the residuals do.
    """
    variance, df = correlated_scale(estimate, estimand)
    return with_log_error(variance, df, _log_error(estimate, estimand))


def correlated_scale(estimate: Estimate, estimand: Asked) -> tuple[Floats, Floats]:
    """Return :attr:`Estimate.scale`, inflated by what correlated rows do to an estimand."""
    variance, df = estimate.scale
    rows = np.flatnonzero(np.isfinite(estimate.sample.errors.correlation))
    if not rows.size:
        return variance, df
    part = estimate.take(rows)
    change, own = _rests_on(part, estimand.take(rows))
    alone = own.sum(axis=1)
    together = np.einsum("gk,gk->g", change, correlated(part, change[:, :, None])[:, :, 0])
    usable = alone > 0
    inflation = np.where(usable, together / np.where(usable, alone, 1.0), 1.0)
    variance = variance.copy()
    variance[rows] *= inflation
    return variance, df


def _log_error(estimate: Estimate, estimand: Asked) -> Floats:
    """Return what the error of the variance's slope adds to that of the log variance, ``(G,)``."""
    error = np.zeros(len(estimate))
    rows = np.flatnonzero(estimate.sample.variance_slope_error > 0)
    if rows.size:
        part = estimate.take(rows)
        sample, (_, own) = part.sample, _rests_on(part, estimand.take(rows))
        total = own.sum(axis=1, keepdims=True)
        share = own / np.where(total > 0, total, 1.0)
        usual = np.where(total > 0, sample.count / sample.n[:, None], 0.0)
        error[rows] = np.abs(((share - usual) * sample.z).sum(axis=1)) * sample.variance_slope_error
    return error


def _rests_on(estimate: Estimate, estimand: Asked) -> tuple[Floats, Floats]:
    """Return influences of the means at the sizes, and what each adds to the variance, ``(G, K)``.

    Up to a factor a curve, since influences may be very large; 0 where there are none.
    """
    change, weight = influence(estimate, estimand), estimate.information
    most = np.abs(change).max(axis=1, keepdims=True)
    usable = np.isfinite(most) & (most > 0)
    change = np.where(usable, change / np.where(usable, most, 1.0), 0.0)
    return change, change**2 / np.where(weight > 0, weight, np.inf)


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
