"""Profile likelihood intervals, exact by scan for every target linear in the coefficients.

Given its shape parameters ``theta`` a law is linear, so the values of a linear target that are
compatible with the data form an interval with closed-form ends,

    target(theta) -/+ sqrt(v(theta) * (cut - rss(theta))),    cut = rss_min + s^2 F(level; 1, nu),

and the profile likelihood interval is the hull of these over all ``theta`` with
``rss(theta) <= cut`` (Venzon & Moolgavkar 1988, doi:10.2307/2347496; F cut-off: Bates & Watts
1988, section 6.1). The hull is found on a scan of all shapes that zooms in on both ends; with more
than two shapes a swarm of them looks for both. Surfaces under a likelihood, and targets that are
not linear, are followed to their ends instead. An end of a forecast that rests on a break with
fewer than three sizes beyond it is open.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from ..estimands import Asked, Beyond, Curved, Estimand
from ..estimate import Estimate, parabola, pose, smooth
from ..solvers.separable import Search
from .common_mode import scale_of, widened
from .constrained import constrained_ends
from .followed import followed_ends
from .interval import Intervals, check_level
from .support import refuse, unsupported
from .swarm import farthest
from .valley import valley

__all__ = ["profile"]

Floats = NDArray[np.float64]

#: Points of the global scan and of the local one.
_GLOBAL, _LOCAL = 65, 33
#: Zoom: points per axis, factor by which the window shrinks, number of zooms.
_ZOOM = {0: (1, 1.0, 0), 1: (17, 1 / 8, 6), 2: (9, 0.4, 16)}
#: The same about an end that is known roughly, and how roughly: in distances from the optimum.
_CLOSE, _REACH = (5, 0.5, 14), 0.1
#: How much farther than compatible a first look at a likelihood goes by its parabola.
_GENEROUS = 2.0
_BLOCK = 400_000


@dataclass(frozen=True, slots=True)
class _Scan:
    """Everything needed to evaluate the two ends of the compatible values at any shape."""

    problem: Search
    estimand: Estimand
    cut: Floats
    rising: bool

    def ends(self, u: Floats) -> tuple[Floats, Floats]:
        """Return lower and upper ends at ``u`` of shape ``(G, M, q)``.

        Where no coefficients are compatible the lower end is inf and the upper one -inf.
        """
        lower, upper, _ = self.look(u)
        return lower, upper

    def look(self, u: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the two ends and the misfit at ``u`` of shape ``(G, M, q)``."""
        theta = self.problem.theta(u)
        with np.errstate(over="ignore", invalid="ignore"):  # very far out ends may be infinite
            terms = self.estimand.terms(self.problem.law, theta, self.problem.frame, np)
            return self.problem.ends(u, terms, self.cut, self.rising)


def profile(estimate: Estimate, estimand: Asked, level: Any = 0.95) -> Intervals:
    """Return profile likelihood intervals of an estimand for every curve of an estimate.

    Parameters
    ----------
    estimate : Estimate
        One law fitted to G curves.
    estimand : Estimand
        What is asked.
    level : float or array (G,)
        Nominal coverage.

    Returns
    -------
    Intervals
        Open ends are infinite. Where the compatible set has gaps, its hull is returned.

    Raises
    ------
    FitError
        If ``level`` is not between 0 and 1, or the law cannot answer the question.
    """
    check_level(level)
    label = f"profile likelihood, given {estimate.law.name}"
    value = estimate.answer(estimand)
    estimate = smooth(estimate)
    variance, df = scale_of(estimate, estimand)
    critical = stdtrit(df, 0.5 + 0.5 * level) ** 2
    cut = estimate.solution.rss + variance * critical
    law = estimate.law
    costly = estimate.sample.kernel is not None or len(law.shapes) > 2
    if isinstance(estimand, Curved) or (law.n_drivers > 1 and costly):
        lower, upper = followed_ends(estimate, estimand, cut)
        found = Intervals(value, np.fmin(lower, value), np.fmax(upper, value), level, label)
        return refuse(widened(found, estimate, estimand), estimate, estimand)
    if estimate.law.guesses:
        lower, upper = constrained_ends(estimate, estimand, cut)
        return widened(Intervals(value, lower, upper, level, label), estimate, estimand)
    lower, upper = np.empty(len(estimate)), np.empty(len(estimate))
    q = len(estimate.law.shapes)
    points = 2500 if q >= 2 else _GLOBAL + _LOCAL
    step = max(1, _BLOCK // (points * estimate.sample.x.shape[1]))
    for first in range(0, len(estimate), step):
        rows = slice(first, first + step)
        part = estimate.take(rows)
        lower[rows], upper[rows] = _hull(
            part, estimand.take(rows), cut[rows], variance[rows] * critical[rows]
        )
    if law.n_drivers > 1:  # a scan of two shapes may stop short of the sharp tip of their set
        tips = followed_ends(estimate, estimand, cut)
        lower, upper = np.fmin(lower, tips[0]), np.fmax(upper, tips[1])
    found = Intervals(value, np.fmin(lower, value), np.fmax(upper, value), level, label)
    return refuse(widened(found, estimate, estimand), estimate, estimand)


def _hull(
    estimate: Estimate, estimand: Estimand, cut: Floats, allowance: Floats
) -> tuple[Floats, Floats]:
    """Return the lowest lower and the highest upper end over all compatible shapes."""
    law, sample = estimate.law, estimate.sample
    problem = pose(law, sample)
    scan = _Scan(problem, estimand, cut, law.rising)
    low, high = problem.bounds()
    q = low.shape[1]
    axes = _axes(estimate.solution.curvature, allowance, high - low)
    beyond = estimand.beyond(law, sample.frame)
    if q > 2:
        centres, lower, upper = farthest(scan.look, estimate.solution.u, axes, low, high)
        return _open_ends(scan, sample.weight, beyond, centres, lower, upper)
    start = estimate.solution.u
    if sample.kernel is None or q < 2:
        window = _window(scan, *_points_of(scan, start, axes))
        centres, lower, upper = _zoom(scan, window, *_ZOOM[q])
    else:
        # A likelihood is costly: a parabola that is like it at the optimum tells where to look.
        near = parabola(estimate)
        rough = near.rss(start[:, None])[:, 0] + _GENEROUS * allowance
        points = _points_of(replace(scan, problem=near, cut=rough), start, axes)
        window = _window(scan, *points)
        centres, lower, upper = window.centres, window.lower, window.upper
    if q == 2:  # once more about each end, for the strip may bend between the points looked at
        reach = np.maximum(window.radius, _REACH * np.abs(centres - start[:, None]))
        window = _Window(lower, upper, centres, reach, window.shear)
        centres, lower, upper = _zoom(scan, window, *_CLOSE)
    return _open_ends(scan, sample.weight, beyond, centres, lower, upper)


@dataclass(frozen=True, slots=True)
class _Window:
    """Where to look for the lower and the upper end: ``centres`` and ``radius`` ``(G, 2, q)``.

    ``shear`` ``(G, 2)`` is the change of the second shape per unit of the first within a window;
    ``lower`` and ``upper`` ``(G,)`` are the ends at its centres.
    """

    lower: Floats
    upper: Floats
    centres: Floats
    radius: Floats
    shear: Floats


def _points_of(scan: _Scan, start: Floats, axes: Floats) -> tuple[Floats, Floats, Floats]:
    """Return points to look at first, their spacing ``(G, M, q)``, and their shear ``(G, M)``."""
    low, high = scan.problem.bounds()
    if low.shape[1] == 2:
        along = np.abs(axes[:, 0, :]).sum(axis=1)
        return valley(scan.problem, start, along, scan.cut, scan.rising)
    u, spacing = _points(start, axes, low, high)
    return u, spacing, np.zeros(u.shape[:2])


def _window(scan: _Scan, u: Floats, spacing: Floats, slope: Floats) -> _Window:
    """Return the best of some points for either end."""
    ends = scan.ends(u)
    best = [np.argmin(ends[0], axis=1), np.argmax(ends[1], axis=1)]
    rows = np.arange(len(u))
    lower, upper = (end[rows, b] for end, b in zip(ends, best, strict=True))
    centres, radius, shear = (
        np.stack([v[rows, b] for b in best], axis=1) for v in (u, spacing, slope)
    )
    return _Window(lower, upper, centres, radius, shear)


def _zoom(
    scan: _Scan, window: _Window, count: int, shrink: float, zooms: int
) -> tuple[Floats, Floats, Floats]:
    """Return where both ends are ``(G, 2, q)``, and the ends ``(G,)``."""
    low, high = scan.problem.bounds()
    centres, radius, rows = window.centres, window.radius, np.arange(len(low))
    lower, upper = window.lower, window.upper
    ticks = _grid(np.linspace(-1.0, 1.0, count), low.shape[1])
    for _ in range(zooms):
        step = radius[:, :, None, :] * ticks
        if low.shape[1] == 2:
            step[..., 1] += window.shear[:, :, None] * step[..., 0]
        near = centres[:, :, None, :] + step
        near = np.clip(near, low[:, None, None, :], high[:, None, None, :])
        ends = scan.ends(near.reshape(len(low), -1, low.shape[1]))
        lows, highs = ends[0][:, : len(ticks)], ends[1][:, len(ticks) :]
        best = [np.argmin(lows, axis=1), np.argmax(highs, axis=1)]
        lower, upper = lows[rows, best[0]], highs[rows, best[1]]
        centres = np.stack([near[rows, side, b] for side, b in enumerate(best)], axis=1)
        radius = radius * shrink
    return centres, lower, upper


def _open_ends(
    scan: _Scan, weight: Floats, beyond: Beyond, centres: Floats, lower: Floats, upper: Floats
) -> tuple[Floats, Floats]:
    """Open the interval where its end lies on a bound of the shapes beyond which it would move.

    And where the end of a forecast rests on a break that too few sizes lie beyond.
    """
    for side, value in ((0, lower), (1, upper)):
        shapes = scan.problem.theta(centres[:, side])
        bare = unsupported(scan.problem.law, shapes, scan.problem.z, weight)
        value[bare & beyond.above] = -np.inf if side == 0 else np.inf
    low, high = scan.problem.bounds()
    width = high - low
    for j, shape in enumerate(scan.problem.law.shapes):
        inside = centres.copy()
        inside[:, :, j] = np.clip(
            centres[:, :, j], (low + 0.01 * width)[:, None, j], (high - 0.01 * width)[:, None, j]
        )
        nearer = scan.ends(inside)
        opens = beyond.opens(j, shape)
        for side, value in ((0, lower), (1, upper)):
            at = centres[:, side, j]
            leaves = (at <= low[:, j] + 1e-6 * width[:, j]) & opens[0]
            leaves |= (at >= high[:, j] - 1e-6 * width[:, j]) & opens[1]
            slip = 1e-9 * np.abs(np.where(np.isfinite(value), value, 0.0))
            before = nearer[side][:, side]
            moves = value < before - slip if side == 0 else value > before + slip
            value[leaves & moves] = -np.inf if side == 0 else np.inf
    return lower, upper


def _points(u: Floats, axes: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return the values of at most one shape to look at first ``(G, M, q)``, and their spacing.

    A grid over the whole range, one over the neighbourhood that the curvature at the optimum
    suggests, and the optimum itself, in order: no end can hide in the gap to the neighbours.
    """
    if u.shape[1] == 0:
        return u[:, None, :], u[:, None, :]
    everywhere = low + np.linspace(0.0, 1.0, _GLOBAL) * (high - low)
    nearby = np.clip(u + axes[:, :, 0] * np.linspace(-2.0, 2.0, _LOCAL), low, high)
    points = np.sort(np.concatenate([everywhere, nearby, u], axis=1), axis=1)
    gaps = np.diff(points, axis=1)
    edge = np.zeros((len(u), 1))
    spacing = np.maximum(np.hstack([edge, gaps]), np.hstack([gaps, edge]))
    return points[:, :, None], spacing[:, :, None]


def _axes(curvature: Floats, allowance: Floats, width: Floats) -> Floats:
    """Return matrices ``(G, q, q)`` that turn the unit ball into the compatible neighbourhood."""
    if curvature.shape[-1] == 0:
        return curvature
    values, vectors = np.linalg.eigh(curvature)
    length = np.sqrt(2.0 * allowance[:, None] / np.maximum(values, 1e-300))
    length = np.minimum(length, width.max(axis=1, keepdims=True))
    axes: Floats = vectors * length[:, None, :]
    return axes


def _grid(ticks: Floats, q: int) -> Any:
    """Return all combinations of ``q`` ticks, shape ``(len(ticks) ** q, q)``."""
    if q == 0:
        return np.zeros((1, 0))
    return np.stack(np.meshgrid(*[ticks] * q, indexing="ij"), axis=-1).reshape(-1, q)
