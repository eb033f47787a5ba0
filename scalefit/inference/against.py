"""How far a value lies from the estimate, on the scale of t: what a test against it needs.

A bound and a test are one thing: the one-sided test of "the target is at least the value" has the
p value at which the upper bound meets the value. For profile likelihood the square of t is the
misfit that the value costs,

    t^2 = min over theta of [rss(theta) + (value - target(theta))^2 / v(theta)] - rss_min, over s^2,

in closed form for given shapes ``theta`` where the target there is short of the value, and
``rss(theta)`` where it is not. Any other inference is asked at which level its bound is the value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from ..estimands import Estimand
from ..estimate import Estimate
from ..solvers.separable import Problem
from .bootstrap import Bootstrap
from .common_mode import scale_of
from .interval import Intervals
from .posterior import Posterior
from .profile import profile
from .valley import gaps

__all__ = ["t_against"]

Floats = NDArray[np.float64]

#: No p value is told below this: a level nearer to 1 is lost to rounding.
_LEAST_P = 1e-12
#: The scan: even points, and points ever closer to the optimum, whatever the noise.
_EVEN = np.linspace(0.0, 1.0, 65)
_CLOSER = np.concatenate([-(0.5 ** np.arange(1, 25)), [0.0], 0.5 ** np.arange(1, 25)])
_WINDOW = np.linspace(-1.0, 1.0, 17)
_ZOOMS = 7
#: Values of a scan that are looked at together; see :mod:`scalefit.solvers.search`.
_BLOCK = 40_000
#: Precision of t where a level is searched for, a usual t, and most steps to it. Bounds farther
#: beyond a value than this many distances are all alike.
_PRECISION, _USUAL, _TURNS = 1e-5, 2.0, 100
_FAR_OUT = 10.0


def t_against(
    estimate: Estimate,
    estimand: Estimand,
    value: Floats,
    inference: Callable[[Estimate, Estimand, Any], Intervals],
) -> Floats:
    """Return the signed distance of a value from the estimate of each curve, on the scale of t.

    Parameters
    ----------
    estimate : Estimate
        One law fitted to G curves.
    estimand : Estimand
        What is asked.
    value : array (G,)
        Value of the target under test.
    inference : callable
        Whose bounds the test shall agree with. Draws are too few to search for a level among them,
        so that the profile stands in for a bootstrap.

    Returns
    -------
    array (G,)
        Positive where the value lies above the estimate; nan where there is no estimate. With the
        degrees of freedom of :attr:`Estimate.scale`, ``stdtr(df, -t)`` is the p value of "the
        target is at least the value", and ``stdtr(df, t)`` that of "it is at most the value".
    """
    if isinstance(inference, Posterior):
        return inference.t(estimate, estimand, value)
    inference = profile if isinstance(inference, Bootstrap) else inference
    terms = estimand.terms(estimate.law, estimate.shapes(), estimate.sample.frame, np)
    centre = estimate.evaluate(terms)
    side = np.where(value >= centre, 1.0, -1.0)
    # The strip of two shapes is too thin to be scanned without knowing its level.
    law = estimate.law
    scanned = len(law.shapes) < 2 and not law.guesses and estimate.sample.kernel is None
    distance, unsettled = np.full(len(estimate), np.nan), np.ones(len(estimate), dtype=bool)
    if inference is profile and scanned:
        points = _EVEN.size + _CLOSER.size
        step = max(1, _BLOCK // (points * int(estimate.sample.x.shape[1])))
        for first in range(0, len(estimate), step):
            block = slice(first, first + step)
            distance[block], unsettled[block] = _pinned(
                estimate.take(block), estimand.take(block), value[block], side[block]
            )
    rows = np.flatnonzero(unsettled & np.isfinite(centre))
    if rows.size:
        part = estimate.take(rows), estimand.take(rows)
        distance[rows] = _searched(*part, value[rows], side[rows], inference)
    return np.where(np.isnan(centre), np.nan, side * distance)


def _pinned(
    estimate: Estimate, estimand: Estimand, value: Floats, side: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return distances in closed form, and where they lie on a bound of the shape.

    There an interval may be open, and the value costs less than it seems.
    """
    law, sample, rows = estimate.law, estimate.sample, np.arange(len(estimate))
    data = (sample.z, sample.benefit, sample.weight, sample.frame)
    problem = Problem.pose(law, *data, rising=False)
    low, high = (bound[:, None, :] for bound in problem.bounds())

    def cost(u: Floats) -> Floats:
        with np.errstate(all="ignore"):  # very far out the target may be infinite
            return _cost(problem, estimand, u, value[:, None], side[:, None], law.rising)

    points, spacing = _points(estimate.solution.u, low, high)
    costs = cost(points)
    best = costs.argmin(axis=1)
    centre, radius = points[rows, best][:, None], spacing[rows, best][:, None]
    least = costs[rows, best]
    for _ in range(_ZOOMS if law.shapes else 0):
        near = np.clip(centre + radius * _WINDOW[:, None], low, high)
        costs = cost(near)
        best = costs.argmin(axis=1)
        centre, radius = near[rows, best][:, None], radius / 8.0
        least = np.minimum(least, costs[rows, best])
    slip = 1e-6 * (high - low)
    at_bound = ((centre <= low + slip) | (centre >= high - slip)).any(axis=(1, 2))
    excess = np.maximum(least - estimate.solution.rss, 0.0)
    variance, own_df = scale_of(estimate, estimand)
    _, df = estimate.scale
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(excess > 0, np.sqrt(excess / variance), 0.0)
        alike = own_df == df
        t = np.where(alike, t, -stdtrit(df, np.maximum(stdtr(own_df, -t), 1e-300)))
    return t, at_bound


def _points(optimum: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return values of at most one shape to look at first ``(G, M, q)``, and their spacing."""
    if optimum.shape[1] == 0:
        return optimum[:, None], optimum[:, None]
    low, width = low[:, 0], (high - low)[:, 0]
    points = np.concatenate([low + _EVEN * width, optimum + _CLOSER * width], axis=1)
    points = np.sort(np.clip(points, low, low + width), axis=1)
    return points[:, :, None], gaps(points)[:, :, None]


def _cost(
    problem: Problem, estimand: Estimand, u: Floats, value: Floats, side: Floats, rising: bool
) -> Floats:
    """Return the least misfit at ``u`` ``(G, M, q)`` of a target not short of the value."""
    fit = problem.project(u)
    terms = estimand.terms(problem.law, problem.theta(u), problem.frame.expand(1), np)
    turned = fit.orthogonal(terms.weights)
    target, spread = np.zeros(fit.rss.shape) + terms.offset, np.zeros(fit.rss.shape)
    for j, weight in enumerate(turned):
        target = target + weight * fit.scores[j]
        spread = spread + weight * weight / fit.norms[j]
    short = np.maximum(side * (value - target), 0.0)
    cost = fit.rss + _squared_over(short, spread)
    if rising:
        last, norm, score = turned[-1], fit.norms[-1], fit.scores[-1]
        pull = np.where(short > 0, side * short * last / np.where(spread > 0, spread, 1.0), 0.0)
        # Where the last coefficient would be negative, it is zero.
        edge_short = np.maximum(side * (value - target + last * score), 0.0)
        edge = fit.rss_edge + _squared_over(
            edge_short, np.maximum(spread - last * last / norm, 1e-14 * spread)
        )
        cost = np.where(score + pull / norm < 0, edge, cost)
    return np.where(np.isnan(cost), np.inf, cost)


def _squared_over(short: Floats, spread: Floats) -> Floats:
    ratio = short * short / np.where(spread > 0, spread, 1.0)
    return np.where(short > 0, np.where(spread > 0, ratio, np.inf), 0.0)


def _searched(
    estimate: Estimate,
    estimand: Estimand,
    value: Floats,
    side: Floats,
    inference: Callable[[Estimate, Estimand, Any], Intervals],
) -> Floats:
    """Return the distances at which the bounds of ``inference`` are the values.

    How far out a bound is grows with t, about in proportion, so that secants lead there; where they
    are slow, as where a bound jumps, what encloses the distance is halved. The search ends where it
    is enclosed, and not where a step is small: bounds may hardly move, and then jump.
    """
    _, df = estimate.scale
    furthest: Floats = np.asarray(stdtrit(df, 1.0 - _LEAST_P), dtype=np.float64)

    def beyond(t: Floats, rows: NDArray[np.intp]) -> Floats:
        """Return how far bounds are beyond the values, in distances of these from the estimates."""
        level = 1.0 - 2.0 * stdtr(df[rows], -t)
        found = inference(estimate.take(rows), estimand.take(rows), level)
        bound = np.where(side[rows] > 0, found.upper, found.lower)
        scale = np.abs(value[rows] - found.estimate)
        gap = side[rows] * (bound - value[rows]) / np.maximum(scale, 1e-300)
        # Bounds may be infinite; one that is not known bounds nothing.
        return np.clip(np.where(np.isnan(gap), np.inf, gap), -_FAR_OUT, _FAR_OUT)

    distance, rows = np.zeros(len(estimate)), np.arange(len(estimate))
    low, high = np.zeros(len(estimate)), np.full(len(estimate), np.inf)
    last, gap_last, t = low.copy(), np.full(len(estimate), -1.0), np.minimum(_USUAL, furthest)
    for turn in range(_TURNS):
        gap, end = beyond(t, rows), furthest[rows]
        low, high = np.where(gap <= 0, t, low), np.where(gap > 0, t, high)
        distance[rows] = np.where(high == np.inf, low, 0.5 * (low + high))
        on = (high - low > _PRECISION) & (low < end)
        if not on.any():
            break
        with np.errstate(divide="ignore", invalid="ignore"):
            secant = t - gap * (t - last) / (gap - gap_last)
            halved = np.where(high < 4.0 * low, 0.5 * (low + high), np.sqrt(low * high))
        halved = np.where(low > 0, halved, 0.5 * high)
        # A step that is too small would close nothing.
        least = np.where(gap > 0, t - _PRECISION, t + _PRECISION)
        secant = np.where(np.abs(secant - t) < _PRECISION, least, secant)
        slow = (np.abs(gap) > 0.5 * np.abs(gap_last)) | ~((secant > low) & (secant < high))
        # Nothing encloses it at first: a secant may lead anywhere, and need not lead farther.
        cap = end if turn else np.minimum(4.0 * t, end)
        out = np.where(secant > low, np.minimum(secant, cap), cap)
        ahead = np.where(high == np.inf, out, np.where(slow, halved, secant))
        rows, low, high = rows[on], low[on], high[on]
        last, gap_last, t = t[on], gap[on], np.asarray(ahead)[on]
    return distance
