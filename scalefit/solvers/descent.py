"""Least squares for a batch of problems of which only the residuals are known.

Marquardt's method (1963, doi:10.1137/0111030) with exact derivatives by the complex step (Squire &
Trapp 1998, doi:10.1137/S003614459631241X), every problem with a damping of its own. A problem has
converged by the relative offset of Bates & Watts (1981, doi:10.1080/00401706.1981.10486250): the
share of the residuals that the tangent plane could still take away, which no unit changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["descend", "jacobian", "sum_of_squares"]

Floats = NDArray[np.float64]
#: ``residual(theta, rows)``: residuals ``(B, n)`` of the problems ``rows`` at ``theta`` ``(B, q)``,
#: real or complex as theta is.
Residual = Callable[[Any, NDArray[np.intp]], Any]

_STEP = 1e-150
#: Shares of the trust radius that are tried at once; the largest that keeps its promise is taken.
_RADII = np.array([1.0, 0.25, 0.0625])
#: Share of the promised gain that a step must make, that is good, and that is poor.
_KEPT, _GOOD, _POOR = 1e-3, 0.75, 0.25
#: Share of the misfit that rounding may hide, and full steps taken where it hides their gain: that
#: is where the last digits come from.
_HIDDEN = 1e-8
_LEVEL_STEPS = 40


def sum_of_squares(residual: Floats) -> Floats:
    """Return sums of squares over the last axis; inf where a residual is not finite."""
    with np.errstate(all="ignore"):
        total = np.sum(residual**2, axis=-1)
    return np.where(np.isfinite(total), total, np.inf)


def jacobian(residual: Residual, theta: Floats, rows: NDArray[np.intp]) -> Floats:
    """Return derivatives ``(B, n, q)`` of the residuals; 0 where they are not finite."""
    n_problems, q = theta.shape
    moved = np.repeat(theta[None], q, axis=0) + 1j * _STEP * np.eye(q)[:, None, :]
    slopes = np.imag(residual(moved.reshape(-1, q), np.tile(rows, q))) / _STEP
    slopes = np.moveaxis(slopes.reshape(q, n_problems, -1), 0, -1)
    return np.where(np.isfinite(slopes), slopes, 0.0)


def descend(
    residual: Residual, theta: Floats, *, offset: float = 1e-14, most: int = 500
) -> tuple[Floats, Floats]:
    """Return local least-squares optima and their sums of squares.

    Parameters
    ----------
    residual : callable
        ``residual(theta, rows)``, see above.
    theta : array (B, q)
        A start for each problem.
    offset : float
        Relative offset at which a problem has converged.
    most : int
        Greatest number of steps.

    Returns
    -------
    theta : array (B, q)
    rss : array (B,)
        inf where the residuals are not finite at the start.
    """
    theta = theta.copy()
    active = np.arange(len(theta))
    rss = sum_of_squares(residual(theta, active))
    lengths, radius = np.zeros(theta.shape), np.zeros(len(theta))
    levels = np.zeros(len(theta), dtype=np.intp)
    active = active[np.isfinite(rss)]
    for _ in range(most):
        if not active.size:
            break
        here, before = theta[active], rss[active]
        fit = residual(here, active)
        slopes = jacobian(residual, here, active)
        lengths[active] = np.maximum(lengths[active], np.sqrt(np.sum(slopes**2, axis=1)))
        unit = np.where(lengths[active] > 0, lengths[active], 1.0)
        start = np.sqrt(np.sum((unit * here) ** 2, axis=1))
        trust = np.where(radius[active] > 0, radius[active], np.where(start > 0, start, 1.0))
        left, singular, right = np.linalg.svd(slopes / unit[:, None, :], full_matrices=False)
        pull = np.einsum("bnq,bn->bq", left, fit)
        singular, pull = _without_noise(singular, pull, fit.shape[1])
        damping = _damping(singular, pull, _RADII[:, None] * trust)
        share = singular / (singular**2 + damping[:, :, None])
        scaled = -np.einsum("bqp,tbq->tbp", right, share * pull)
        promised = np.sum(pull**2 * (1 - (1 - share * singular) ** 2), axis=2)
        step = scaled / unit
        tried = (here + step).reshape(-1, here.shape[1])
        found = sum_of_squares(residual(tried, np.tile(active, len(_RADII))))
        found = found.reshape(len(_RADII), -1)
        ratio = (before - found) / np.maximum(promised, 1e-300)
        kept = ratio > _KEPT
        hidden = (promised[0] <= _HIDDEN * before) & (found[0] <= before * (1 + _HIDDEN))
        level = ~kept.any(axis=0) & hidden & (damping[0] == 0)
        best = kept.argmax(axis=0)
        column = np.arange(active.size)
        step, ratio, now = step[best, column], ratio[best, column], found[best, column]
        moves = kept.any(axis=0) | level
        theta[active[moves]] = (here + step)[moves]
        rss[active[moves]] = np.minimum(before, now)[moves]
        levels[active] += level
        factor = np.where(ratio > _GOOD, 2.0, np.where(ratio < _POOR, 0.5, 1.0)) * _RADII[best]
        factor = np.where(moves, np.where(level, 1.0, factor), 0.25 * _RADII[-1])
        bound = np.where(
            damping[best, column] > 0,
            trust,
            np.minimum(trust, 4 * np.sqrt(np.sum(scaled[0] ** 2, axis=1))),
        )
        radius[active] = factor * bound
        offsets = np.sum(pull**2, axis=1)
        done = offsets <= offset**2 * before
        done |= moves & np.all(np.abs(step) <= 1e-15 * np.abs(here), axis=1)
        done |= radius[active] <= 1e-16 * start
        done |= levels[active] > _LEVEL_STEPS
        active = active[~done]
    return theta, rss


def _without_noise(singular: Floats, pull: Floats, n: int) -> tuple[Floats, Floats]:
    """Return singular values and pulls without the directions that are zero to rounding."""
    known = singular > np.finfo(float).eps * n * singular[:, :1]
    return np.where(known, singular, 1.0), np.where(known, pull, 0.0)


def _damping(singular: Floats, pull: Floats, radius: Floats) -> Floats:
    """Return the damping ``(T, B)`` with which steps are no longer than radii ``(T, B)``.

    It is 0 where the full step is short enough, and found to a tenth by bisection elsewhere.
    """

    def length(damping: Floats) -> Floats:
        share = singular / (singular**2 + damping[:, :, None])
        total: Floats = np.sqrt(np.sum((share * pull) ** 2, axis=2))
        return total

    full = length(np.zeros(radius.shape)) <= radius
    high = np.log(np.maximum(np.sqrt(np.sum((singular * pull) ** 2, axis=1)) / radius, 1e-300))
    low = high - 40.0
    for _ in range(9):
        middle = 0.5 * (low + high)
        long = length(np.exp(middle)) > radius
        low, high = np.where(long, middle, low), np.where(long, high, middle)
    return np.where(full, 0.0, np.exp(high))
