"""Ends by a scan that zooms in on them: for any objective in at most two shapes.

Nothing is asked of the objective but its values. So ends are found of likelihoods of one shape, of
those of two shapes that have kinks, and of laws with two rising coefficients. With two shapes the
points of the scan follow the valley of a parabola that is like the objective at the optimum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..estimands import Estimand
from ..laws import Frame, Terms
from ..solvers.scan import grid
from ..solvers.search import Search
from .valley import gaps, valley

__all__ = ["Scan", "axes_of", "zoomed"]

Floats = NDArray[np.float64]

#: Points of the global scan and of the local one.
GLOBAL, LOCAL = 65, 33
#: Zoom: points per axis, factor by which the window shrinks, number of zooms.
_ZOOM = {0: (1, 1.0, 0), 1: (17, 1 / 8, 6), 2: (5, 0.5, 14)}
#: With two shapes a window is at least as wide as this share of its distance from the optimum.
_REACH = 0.1
#: How much farther than compatible a first look at a likelihood goes by its parabola.
_GENEROUS = 2.0


@dataclass(frozen=True, slots=True)
class Scan:
    """Everything needed to evaluate the two ends of the compatible values at any shape."""

    problem: Search
    frame: Frame
    estimand: Estimand
    cut: Floats
    rising: bool

    def ends(self, u: Floats) -> tuple[Floats, Floats]:
        """Return lower and upper ends at ``u`` of shape ``(G, M, q)``.

        Where no coefficients are compatible the lower end is inf and the upper one -inf.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # very far out ends may be infinite
            lower, upper, _ = self.problem.ends(u, self._terms(u), self.cut, self.rising)
        return lower, upper

    def end(self, u: Floats, side: Floats) -> tuple[Floats, Floats]:
        """Return the lower end where ``side`` ``(G, M)`` is -1, the upper where 1, and the misfit.

        Of shapes ``(G, M, q)``, as :meth:`ends`.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            return self.problem.end(u, self._terms(u), self.cut, self.rising, side)

    def _terms(self, u: Floats) -> Terms:
        return self.estimand.terms(self.problem.law, self.problem.theta(u), self.frame, np)


def zoomed(
    scan: Scan, near: Search | None, start: Floats, curvature: Floats, allowance: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return where both ends are ``(G, 2, q)``, and the ends ``(G,)``.

    Parameters
    ----------
    scan : Scan
        G curves.
    near : Search or None
        A problem that is like it about the optimum, and cheaper: with two shapes only.
    start : array (G, q)
        The optimum.
    curvature : array (G, q, q)
        Second derivatives of the misfit there.
    allowance : array (G,)
        How far the cut is above the least misfit.
    """
    low, high = scan.problem.bounds()
    axes = axes_of(curvature, allowance, high - low)
    if near is None:
        window = _window(scan, *_points(start, axes, low, high))
    else:
        rough = near.rss(start[:, None])[:, 0] + _GENEROUS * allowance
        along = np.abs(axes[:, 0, :]).sum(axis=1)
        window = _window(scan, *valley(near, start, along, rough, scan.rising))
        reach = np.maximum(window.radius, _REACH * np.abs(window.centres - start[:, None]))
        window = replace(window, radius=reach)
    return _zoom(scan, window, *_ZOOM[start.shape[1]])


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


def _window(scan: Scan, u: Floats, spacing: Floats, slope: Floats) -> _Window:
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
    scan: Scan, window: _Window, count: int, shrink: float, zooms: int
) -> tuple[Floats, Floats, Floats]:
    """Return where both ends are ``(G, 2, q)``, and the ends ``(G,)``."""
    low, high = scan.problem.bounds()
    centres, radius, rows = window.centres, window.radius, np.arange(len(low))
    lower, upper = window.lower, window.upper
    if not zooms:
        return centres, lower, upper
    ticks = 2.0 * grid((count,) * low.shape[1]) - 1.0
    side = np.broadcast_to(np.repeat([-1.0, 1.0], len(ticks)), (len(low), 2 * len(ticks)))
    for _ in range(zooms):
        step = radius[:, :, None, :] * ticks
        if low.shape[1] == 2:
            step[..., 1] += window.shear[:, :, None] * step[..., 0]
        near = centres[:, :, None, :] + step
        near = np.clip(near, low[:, None, None, :], high[:, None, None, :])
        ends, _ = scan.end(near.reshape(len(low), -1, low.shape[1]), side)
        lows, highs = ends[:, : len(ticks)], ends[:, len(ticks) :]
        best = [np.argmin(lows, axis=1), np.argmax(highs, axis=1)]
        lower, upper = lows[rows, best[0]], highs[rows, best[1]]
        centres = np.stack([near[rows, side, b] for side, b in enumerate(best)], axis=1)
        radius = radius * shrink
    return centres, lower, upper


def _points(u: Floats, axes: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats, Floats]:
    """Return values of at most one shape ``(G, M, q)`` to look at first, their spacing, no shear.

    A grid over the whole range, one over the neighbourhood that the curvature at the optimum
    suggests, and the optimum itself, in order: no end can hide in the gap to the neighbours.
    """
    if u.shape[1] == 0:
        return u[:, None, :], u[:, None, :], np.zeros((len(u), 1))
    everywhere = low + np.linspace(0.0, 1.0, GLOBAL) * (high - low)
    nearby = np.clip(u + axes[:, :, 0] * np.linspace(-2.0, 2.0, LOCAL), low, high)
    points = np.sort(np.concatenate([everywhere, nearby, u], axis=1), axis=1)
    return points[:, :, None], gaps(points)[:, :, None], np.zeros(points.shape)


def axes_of(curvature: Floats, allowance: Floats, width: Floats) -> Floats:
    """Return matrices ``(G, q, q)`` that turn the unit ball into the compatible neighbourhood."""
    if curvature.shape[-1] == 0:
        return curvature
    values, vectors = np.linalg.eigh(curvature)
    length = np.sqrt(2.0 * allowance[:, None] / np.maximum(values, 1e-300))
    length = np.minimum(length, width.max(axis=1, keepdims=True))
    axes: Floats = vectors * length[:, None, :]
    return axes
