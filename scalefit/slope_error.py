"""What tests and intervals make of it that the change of the noise with size is an estimate.

The slope of the log variance on log size is known up to an error, which is taken as normal (see
:mod:`~scalefit.noise.gaussian`). A variance that rests on runs of a few sizes is then off by a
factor ``exp(e)`` with ``e`` normal, beyond what its degrees of freedom say, and a size that looks
far off the curve may only have more noise than its weight allows for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, fdtrc, stdtr, stdtrit, zeta

from .bisection import bisected

if TYPE_CHECKING:
    from .estimate import Estimate

__all__ = ["averaged_p", "t_with_log_error", "tilted_misfits", "with_log_error"]

Floats = NDArray[np.float64]

#: Slopes at which a p value is averaged, in standard errors, and their weights (Gauss-Hermite).
_SLOPES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_STEPS = 6


def with_log_error(variance: Floats, df: Floats, error: Floats) -> tuple[Floats, Floats]:
    """Return a variance and its degrees of freedom that allow for an error of its log.

    A variance ``V`` with ``n`` degrees of freedom stands for ``V n / chi2_n``. Times ``exp(e)``,
    with ``e`` normal of standard deviation ``error``, it has a log of which mean and variance are
    those of another such variance: its degrees of freedom ``m`` solve
    ``trigamma(m / 2) = trigamma(n / 2) + error^2``.

    Examples
    --------
    >>> variance, df = with_log_error(np.ones(2), np.full(2, 12.0), np.array([0.0, 0.7]))
    >>> variance.round(2).tolist(), df.round(1).tolist()
    ([1.0, 0.82], [12.0, 3.9])
    """
    variance, df = variance.copy(), df.copy()
    rows = np.flatnonzero((error > 0) & np.isfinite(df))
    half = 0.5 * df[rows]
    wanted = zeta(2.0, half) + error[rows] ** 2  # the first derivative of digamma
    found = 0.5 + 1.0 / wanted
    for _ in range(_STEPS):  # Newton's method on 1 / trigamma, which is convex and nearly straight
        here = zeta(2.0, found)
        found = found - here * (1.0 - here / wanted) / (2.0 * zeta(3.0, found))
    variance[rows] *= np.exp(np.log(half) - digamma(half) - np.log(found) + digamma(found))
    df[rows] = 2.0 * found
    return variance, df


def t_with_log_error(level: float, df: Floats, error: Floats) -> Floats:
    """Return c with P(abs(t) > c exp(e / 2)) = 1 - level, e normal with sd ``error``.

    It is exact where one number is asked for, as the reach of a run; :func:`with_log_error` gives a
    pair near to it that every test and interval can go on with.

    Examples
    --------
    >>> t_with_log_error(0.95, np.full(2, 12.0), np.array([0.0, 0.7])).round(2).tolist()
    [2.18, 2.53]
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    weights = weights / weights.sum()

    def short(c: Floats) -> NDArray[np.bool_]:
        scaled = c[:, None] * np.exp(0.5 * error[:, None] * nodes)
        outside = 2.0 * (weights * stdtr(df[:, None], -scaled)).sum(axis=1)
        return np.asarray(outside > 1.0 - level)

    most = 20.0 * stdtrit(df, 0.5 + 0.5 * level) * np.exp(error)
    low, high = bisected(short, np.zeros_like(df), most)
    return 0.5 * (low + high)


def averaged_p(ratio: Floats, tilted: Floats, df: Floats, pure_df: Floats) -> Floats:
    """Return p values of lack of fit, averaged over the slopes that the noise may have; ``(G,)``.

    Parameters
    ----------
    ratio : array (G,)
        F of lack of fit at the estimated slope.
    tilted : array (G, S)
        By how much it is larger at S other slopes: see :func:`tilted_misfits`.
    df, pure_df : arrays (G,)
        Its degrees of freedom.
    """
    each = fdtrc(df[:, None], pure_df[:, None], ratio[:, None] * tilted)
    return np.asarray(each @ _WEIGHTS)


def tilted_misfits(estimate: Estimate) -> Floats:
    """Return by how much F of lack of fit is larger at other slopes of the noise, ``(G, S)``.

    The law is fitted anew at each slope, to first order: of a likelihood, the least-squares problem
    that it is like about its optimum. All are 1 where no slope was estimated.
    """
    found = np.ones((len(estimate), len(_SLOPES)))
    rows = np.flatnonzero(estimate.sample.variance_slope_error > 0)
    if not rows.size:
        return found
    estimate = estimate.take(rows)
    sample, tangent, root = estimate.sample, estimate.tangent(), np.sqrt(estimate.information)
    if tangent.shape[1] < tangent.shape[2]:  # too few sizes, of all curves
        return found
    (own, pure), columns = _apart(estimate), root[:, :, None] * tangent
    length = np.sqrt((columns**2).sum(axis=1, keepdims=True))
    basis, triangle = np.linalg.qr(columns / np.where(length > 0, length, 1.0))
    # Directions in which the curve does not move, such as the shape of a flat one, take nothing up.
    moves = np.abs(np.einsum("gpp->gp", triangle)) > 1e-9
    basis = basis * moves[:, None]
    rest = np.einsum("gp,pq->gpq", ~moves, np.eye(moves.shape[1]))

    # One weight a curve, slope and size; the slope in the middle is the one that was estimated.
    each = _SLOPES[:, None] * sample.variance_slope_error[:, None, None] * sample.z[:, None]
    tilt = np.exp(-0.5 * each)
    left, over = own[:, None] * tilt, basis[:, None] * tilt[..., None]
    across = np.swapaxes(over, -1, -2)
    pull = across @ left[..., None]
    taken = (pull * np.linalg.solve(across @ over + rest[:, None], pull))[..., 0].sum(axis=-1)
    misfit = np.maximum((left**2).sum(axis=-1) - taken, 0.0)
    ratio = misfit / np.maximum((pure[:, None] * tilt**2).sum(axis=-1), 1e-300)
    as_fitted = ratio[:, len(_SLOPES) // 2, None]
    known = as_fitted > 0
    found[rows] = np.where(known, ratio / np.where(known, as_fitted, 1.0), 1.0)
    return found


def _apart(estimate: Estimate) -> tuple[Floats, Floats]:
    """Return how far each size is off the curve, and the pure error of its runs; ``(G, K)`` each.

    In units of the noise: the sums of squares are the misfit and the pure error.
    """
    sample = estimate.sample
    count = np.maximum(sample.count, 1.0)
    if sample.kernel is None:
        own = np.sqrt(sample.weight) * (sample.mean - estimate.fitted())
        return own, sample.weight / count * sample.spread
    residual = estimate.standard_residuals()
    middle = residual.sum(axis=2) / count
    gap = np.where(np.isnan(sample.runs), 0.0, residual - middle[:, :, None])
    return np.sqrt(count) * middle, (gap**2).sum(axis=2)
