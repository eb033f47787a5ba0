"""Where compatible shapes are that slip between the points of any grid: borders and valleys.

What is compatible with the data may be a narrow piece of the box, or with two shapes a thin, bent
strip. Its borders are found by their roots, and a strip is followed by the best second shape for
every value of the first one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..solvers.separable import Problem

__all__ = ["along_valley", "borders"]

Floats = NDArray[np.float64]

#: Steps to a border, and Newton steps to the floor of a valley: no more than a good start takes.
_TO_BORDER, _TO_FLOOR = 6, 3
#: How far the floor may be from where it is looked for, and steps of differences, in box widths.
_ASIDE, _SMALL = 0.1, 1e-4


def borders(problem: Problem, seen: Floats, over: Floats, cut: Floats) -> Floats:
    """Return the least and the greatest compatible value of a single shape, ``(G, 2)``.

    Parameters
    ----------
    problem : Problem
        G curves.
    seen, over : arrays (G, M)
        Values of the shape, some of them compatible, and by how much the misfit is over the cut.
    cut : array (G,)
        Misfit up to which shapes are compatible.

    Notes
    -----
    The first and the last root between neighbours are found by bisection and false position in
    turn, and taken on the inside.
    """
    order = np.argsort(seen, axis=1)
    seen, over = (np.take_along_axis(values, order, axis=1) for values in (seen, over))
    inside, last = over <= 0, seen.shape[1] - 1
    within = np.stack([inside.argmax(axis=1), last - inside[:, ::-1].argmax(axis=1)], axis=1)
    beyond = np.clip(within + np.array([-1, 1]), 0, last)
    ends, gaps = (
        [np.take_along_axis(values, place, axis=1) for place in (within, beyond)]
        for values in (seen, over)
    )
    for turn in range(_TO_BORDER):
        share = 0.5 if turn % 2 else gaps[0] / np.where(gaps[0] < gaps[1], gaps[0] - gaps[1], 1.0)
        middle = ends[0] + np.clip(share, 0.02, 0.98) * (ends[1] - ends[0])
        gap = problem.rss(middle[:, :, None]) - cut[:, None]
        out = gap > 0
        ends = [np.where(out, ends[0], middle), np.where(out, middle, ends[1])]
        gaps = [np.where(out, gaps[0], gap), np.where(out, gap, gaps[1])]
    return ends[0]


def along_valley(problem: Problem, first: Floats, second: Floats) -> Floats:
    """Return the best second shapes for given first ones, as shapes ``(G, M, 2)``.

    Parameters
    ----------
    problem : Problem
        G curves and a law with two shapes.
    first, second : arrays (G, M)
        Values of the first shape, and second ones near which the best are looked for.

    Notes
    -----
    Newton's method by differences.
    """
    low, high = (bound[:, 1:] for bound in problem.bounds())
    width = high - low
    small = _SMALL * width
    bottom = np.maximum(second - _ASIDE * width, low)
    top = np.minimum(second + _ASIDE * width, high)
    at = np.clip(second, bottom, top)
    for _ in range(_TO_FLOOR):
        centre = np.clip(at, low + small, high - small)
        tries = centre[:, :, None] + small[:, :, None] * np.array([-1.0, 0.0, 1.0])
        shapes = np.stack(np.broadcast_arrays(first[:, :, None], tries), axis=-1)
        rss = problem.rss(shapes.reshape(len(first), -1, 2)).reshape(tries.shape)
        slope = (rss[:, :, 2] - rss[:, :, 0]) / (2.0 * small)
        bend = (rss[:, :, 2] + rss[:, :, 0] - 2.0 * rss[:, :, 1]) / small**2
        bottom, top = np.where(slope < 0, centre, bottom), np.where(slope > 0, centre, top)
        goal = centre - slope / np.where(bend > 0, bend, np.inf)
        inside = (bend > 0) & (goal >= bottom) & (goal <= top)
        at = np.where(inside, goal, 0.5 * (bottom + top))
    return np.stack([first, np.clip(at, low, high)], axis=-1)
