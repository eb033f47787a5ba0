"""Where ends may be farthest out: a first look over all shapes of a law with at most two.

The ends are looked at on a grid over the whole box, by moments, which are matrix products where
curves share their sizes: that shows what is wide. What is not is looked for from the optimum (see
:mod:`~scalefit.inference.nearby`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..solvers.ends import ends_of, least_misfit
from ..solvers.scan import grid
from ..solvers.separable import Problem, Target
from .nearby import along_valley, borders
from .summit import Slope

__all__ = ["half_widths", "outlook"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Values of a single shape over its whole range, and of the first or only one near the optimum.
_WIDE, _NEAR = 65, 17
#: How far the near ones go, in compatible half widths.
_REACH = 2.5
#: Shapes of a first model are so far apart, in units of the grid or of what is compatible.
_SPACING = 0.1
#: Positions at which two questions are compared.
_PROBES = np.array([0.317, 0.774])
#: Values that are looked at together; see :mod:`scalefit.solvers.search`.
_BLOCK = 30_000


def outlook(
    problem: Problem, slope: Slope, target: Target, u: Floats, curvature: Floats
) -> tuple[Floats, Floats]:
    """Return shapes to climb from ``(q, 2 G)``, and how far apart shapes are there.

    Parameters
    ----------
    problem : Problem
        G curves.
    slope : Slope
        Their lower ends, then their upper ones.
    target : Target
        What is asked of them.
    u : array (G, q)
        The optimum.
    curvature : array (G, q, q)
        Second derivatives of the misfit there.
    """
    n_curves, q = u.shape
    counts = (_WIDE,) if q == 1 else tuple(shape.points for shape in problem.law.shapes)
    far = _wide(problem, slope, target, counts)
    height, place = np.empty((2, n_curves)), np.empty((2, n_curves, q))
    points = _NEAR if q == 1 else _NEAR + counts[0]
    step = max(1, _BLOCK // (problem.n_terms * points))
    for first in range(0, n_curves, step):
        rows = np.arange(first, min(first + step, n_curves))
        shapes, facts = _close(problem, slope, rows, far, u[rows], curvature[rows])
        ends = ends_of(facts, slope.cut[rows, None], slope.rising)
        for side, end in enumerate((-ends[0], ends[1])):
            best = end.argmax(axis=1)
            height[side, rows] = end[np.arange(len(rows)), best]
            place[side, rows] = shapes[np.arange(len(rows)), best]
    low, high = problem.bounds()
    box, use = high - low, (far.height > height)[:, :, None]
    alone = np.minimum(half_widths(curvature, slope.allowance[:n_curves]), box)
    apart = box / (np.array(counts) - 1)
    start = np.where(use, low + far.place * box, place)
    spacing = _SPACING * np.where(use, apart, np.minimum(alone, apart))
    return start.reshape(-1, q).T, spacing.reshape(-1, q).T


@dataclass(frozen=True, slots=True)
class _Wide:
    """What is seen on a grid over the whole box.

    Parameters
    ----------
    height : array (2, G)
        How far out the lower and the upper end are at best.
    place : array (2, G, q)
        Where, in fractions of the box.
    misfit, floor : arrays (G, M)
        For each value of the first shape the misfit with the best second one, and its number.
    """

    height: Floats
    place: Floats
    misfit: Floats
    floor: Ints


def _wide(problem: Problem, slope: Slope, target: Target, counts: tuple[int, ...]) -> _Wide:
    places, n_curves = grid(counts), len(problem)
    low, high = problem.bounds()
    probes = low[:, None] + _PROBES[:, None] * (high - low)[:, None]
    asked = target(problem.theta(probes), np.arange(n_curves))
    same = [np.broadcast_to(part, (n_curves, 2)) for part in (*asked.weights, asked.offset)]
    most = max(1, _BLOCK // len(places))
    groups = problem.designs(most, *same)
    step = max(1, most // groups.shape[1])
    height, place = np.empty((2, n_curves)), np.empty((2, n_curves, len(counts)))
    least, floor = np.empty((n_curves, counts[0])), np.empty((n_curves, counts[0]), dtype=np.intp)
    for first in range(0, len(groups), step):
        alike = groups[first : first + step]
        facts = problem.survey_facts(places, alike, target)
        lower, upper = ends_of(facts, slope.cut[alike][:, :, None], slope.rising)
        for side, end in enumerate((-lower, upper)):
            best = end.argmax(axis=2)
            height[side, alike] = np.take_along_axis(end, best[:, :, None], axis=2)[:, :, 0]
            place[side, alike] = places[best]
        misfit = least_misfit(facts, slope.rising).reshape(*alike.shape, counts[0], -1)
        floor[alike], least[alike] = misfit.argmin(axis=3), misfit.min(axis=3)
    return _Wide(height, place, least, floor)


def _close(
    problem: Problem, slope: Slope, rows: Ints, far: _Wide, u: Floats, curvature: Floats
) -> tuple[Floats, Floats]:
    """Return shapes ``(G, M, q)`` of some curves near their optimum ``u``, and the facts there."""
    held, cut = problem.take(rows).held(slope.rising), slope.cut[rows]
    low, high = held.bounds()
    box = high - low
    half = np.minimum(_half_width(curvature, slope.allowance[rows]), box[:, 0])
    first = u[:, :1] + half[:, None] * np.linspace(-_REACH, _REACH, _NEAR)
    first = np.clip(first, low[:, :1], high[:, :1])
    ticks = low[:, :1] + np.linspace(0.0, 1.0, far.floor.shape[1]) * box[:, :1]
    if u.shape[1] == 1:
        first = np.concatenate([first, u], axis=1)
        facts = slope.facts(first[:, :, None], rows)
        over = np.concatenate([far.misfit[rows], least_misfit(facts, slope.rising)], axis=1)
        over -= cut[:, None]
        border = borders(held, np.concatenate([ticks, first], axis=1), over, cut)[:, :, None]
        facts = np.concatenate([facts, slope.facts(border, rows)], axis=2)
        return np.concatenate([first[:, :, None], border], axis=1), facts
    # Along the floor of the valley: from the grid, and from its tangent at the optimum.
    tilt = -curvature[:, 0, 1] / np.maximum(np.abs(curvature[:, 1, 1]), 1e-300)
    tangent = u[:, 1:] + tilt[:, None] * (first - u[:, :1])
    floor = low[:, 1:] + far.floor[rows] * (box[:, 1:] / (held.law.shapes[1].points - 1))
    shapes = along_valley(
        held, np.concatenate([ticks, first], axis=1), np.concatenate([floor, tangent], axis=1)
    )
    shapes = np.concatenate([shapes, u[:, None]], axis=1)
    return shapes, slope.facts(shapes, rows)


def half_widths(curvature: Floats, allowance: Floats) -> Floats:
    """Return how far each shape can go while the others stay, to second order; ``(G, q)``."""
    own = np.maximum(np.abs(np.einsum("gii->gi", curvature)), 1e-300)
    far: Floats = np.sqrt(2.0 * allowance[:, None] / own)
    return far


def _half_width(curvature: Floats, allowance: Floats) -> Floats:
    """Return how far the first shape can go while the others follow, to second order; ``(G,)``."""
    first = curvature[:, 0, 0]
    if curvature.shape[1] == 2:
        second = curvature[:, 1, 1]
        share = np.where(second > 0, curvature[:, 0, 1] ** 2 / np.where(second > 0, second, 1), 0.0)
        first = first - share
    return np.sqrt(2.0 * allowance / np.maximum(first, 1e-300))
