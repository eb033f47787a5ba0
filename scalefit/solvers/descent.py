"""Least squares for a batch of problems of which only the residuals are known.

The method of Levenberg and Marquardt within a trust region (Moré 1978, doi:10.1007/BFb0067700),
every problem with a radius of its own, and with exact derivatives by the complex step (Squire &
Trapp 1998, doi:10.1137/S003614459631241X). A problem has converged by the relative offset of Bates
& Watts (1981, doi:10.1080/00401706.1981.10486250): the share of the residuals that the tangent
plane could still take away, which no change of units alters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bisection import bisected

__all__ = ["descend", "jacobian", "sum_of_squares"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
#: ``residual(theta, rows)``, see :func:`descend`.
Residual = Callable[[Any, NDArray[np.intp]], Any]

_STEP = 1e-150
#: Derivatives beyond this count as not finite: their squares would not be.
_STEEP = 1e150
#: Shares of the trust radius that are tried at once; the largest that keeps its promise is taken.
_RADII = np.array([1.0, 0.25, 0.0625])
#: Share of the promised gain that a step must make, that is poor, and that is good.
_KEPT, _POOR, _GOOD = 1e-3, 0.25, 0.75
#: Share of the misfit that rounding may hide, and how many steps are taken although it hides their
#: gain: that is where the last digits come from.
_HIDDEN, _HIDDEN_STEPS = 1e-8, 40
#: Halvings of a range of e^40 that find a damping to a tenth.
_HALVINGS, _RANGE = 9, 40.0


@np.errstate(all="ignore")
def sum_of_squares(residual: Floats) -> Floats:
    """Return sums of squares over the last axis; inf where a residual is not finite."""
    total = np.sum(residual**2, axis=-1)
    return np.where(np.isfinite(total), total, np.inf)


@np.errstate(all="ignore")  # a trial far off may overflow, and is then refused
def jacobian(residual: Residual, theta: Floats, rows: NDArray[np.intp]) -> Floats:
    """Return derivatives ``(B, n, q)`` of the residuals; 0 where they are not finite."""
    n_problems, q = theta.shape
    moved = np.repeat(theta[None], q, axis=0) + 1j * _STEP * np.eye(q)[:, None, :]
    slopes = np.imag(residual(moved.reshape(-1, q), np.tile(rows, q))) / _STEP
    slopes = np.moveaxis(slopes.reshape(q, n_problems, -1), 0, -1)
    return np.where(np.abs(slopes) < _STEEP, slopes, 0.0)


@np.errstate(all="ignore")
def descend(
    residual: Residual, theta: Floats, *, offset: float = 1e-14, most: int = 500
) -> tuple[Floats, Floats]:
    """Return local least-squares optima and their sums of squares.

    Parameters
    ----------
    residual : callable
        ``residual(theta, rows)``: residuals ``(B, n)`` of the problems ``rows`` at ``theta``
        ``(B, q)``, real or complex as theta is.
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
    lengths, radius = np.zeros(theta.shape), np.full(len(theta), np.nan)
    hidden_steps = np.zeros(len(theta), dtype=np.intp)
    active = active[np.isfinite(rss)]
    for _ in range(most):
        if not active.size:
            break
        here, before = theta[active], rss[active]
        fit, slopes = residual(here, active), jacobian(residual, here, active)
        lengths[active] = np.maximum(lengths[active], np.sqrt(np.sum(slopes**2, axis=1)))
        unit = np.where(lengths[active] > 0, lengths[active], 1.0)
        start = np.sqrt(np.sum((unit * here) ** 2, axis=1))
        own = np.where(np.isnan(radius[active]), np.where(start > 0, start, 1.0), radius[active])
        steps, promised, full, reducible = _steps(fit, slopes / unit[:, None, :], own)
        tried = (here + steps / unit).reshape(-1, here.shape[1])
        found = sum_of_squares(residual(tried, np.tile(active, len(_RADII))))
        found = found.reshape(len(_RADII), -1)
        ratios = (before - found) / np.maximum(promised, 1e-300)

        gains = np.any(ratios > _KEPT, axis=0)
        hidden = ~gains & (reducible <= _HIDDEN * before)
        hidden &= found[0] <= before * (1 + _HIDDEN)
        moves = gains | hidden
        taken = np.where(moves, np.argmax(ratios > _KEPT, axis=0), len(_RADII) - 1)
        step, ratio, whole, now = (
            part[taken, np.arange(active.size)] for part in (steps, ratios, full, found)
        )
        theta[active[moves]] += (step / unit)[moves]
        rss[active[moves]] = np.minimum(before, now)[moves]
        hidden_steps[active] += hidden
        length = np.sqrt(np.sum(step**2, axis=1))
        radius[active] = np.select(
            [~moves, hidden | whole | (ratio > _GOOD), ratio < _POOR],
            [0.25 * length, 2.0 * length, 0.5 * length],
            _RADII[taken] * own,
        )
        done = reducible <= offset**2 * before
        done |= moves & np.all(np.abs(step / unit) <= 1e-15 * np.abs(here), axis=1)
        done |= radius[active] <= 1e-16 * start
        done |= hidden_steps[active] > _HIDDEN_STEPS
        active = active[~done]
    return theta, rss


def _steps(fit: Floats, slopes: Floats, radius: Floats) -> tuple[Floats, Floats, Bools, Floats]:
    """Return the best steps no longer than shares of a trust radius ``(B,)``.

    Returns
    -------
    steps : array (T, B, q)
        In units in which every column of ``slopes`` has at most length one.
    promised : array (T, B)
        The gains of the sum of squares if the residuals were linear.
    full : array (T, B) of bool
        Where the step to the very optimum of the linear problem is short enough.
    reducible : array (B,)
        The gain of that step.
    """
    left, singular, right = np.linalg.svd(slopes, full_matrices=False)
    known = singular > np.finfo(float).eps * fit.shape[1] * singular[:, :1]
    pull = np.where(known, np.einsum("bnq,bn->bq", left, fit), 0.0)
    singular = np.where(known, singular, 1.0)

    def length(damping: Floats) -> Floats:
        share = singular / (singular**2 + damping[:, :, None])
        total: Floats = np.sqrt(np.sum((share * pull) ** 2, axis=2))
        return total

    bound = _RADII[:, None] * radius
    full = length(np.zeros(bound.shape)) <= bound
    steepest = np.sqrt(np.sum((singular * pull) ** 2, axis=1))
    high = np.log(np.maximum(steepest / np.maximum(bound, 1e-300), 1e-300))
    _, high = bisected(lambda x: length(np.exp(x)) > bound, high - _RANGE, high, _HALVINGS)
    damping = np.where(full, 0.0, np.exp(high))
    share = singular / (singular**2 + damping[:, :, None])
    steps = -np.einsum("bqp,tbq->tbp", right, share * pull)
    promised = np.sum(pull**2 * (1 - (1 - share * singular) ** 2), axis=2)
    return steps, promised, full, np.sum(pull**2, axis=1)
