"""Where a misfit may have its minima: on a grid for up to two shapes, else on points all over.

A grid of three or more shapes would spend its points on corners. They are spread by a Sobol
sequence instead (Sobol 1967, doi:10.1016/0041-5553(67)90144-9), and a point is a local minimum if
it is lower than its nearest neighbours: the same list for every curve.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["apart", "grid", "scan", "spread"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Local minima of a scan without a grid that are followed, the lowest ones.
_FOLLOWED = 96
#: How far apart positions of :func:`apart` are at least, in sides of the box.
_APART = 0.12
#: Neighbours on either side that a scan of one shape is interpolated from, Newton steps, and how
#: far from the vertex of a parabola they may lead, in cells.
_REACH, _TURNS, _ASTRAY = 4, 2, 0.2
#: Points of :func:`spread` where there is no grid.
_SPREAD = 16


def scan(misfit: Callable[[Floats], Floats], counts: tuple[int, ...]) -> tuple[Ints, Floats]:
    """Return the curve and the position in the unit cube of every local minimum found.

    Parameters
    ----------
    misfit : callable
        Misfits ``(G, M)`` at positions ``(M, q)``.
    counts : tuple of q int
        Points per shape.

    Returns
    -------
    curve : array (N,) of int
    position : array (N, q)
    """
    if len(counts) <= 2:
        points = grid(counts)
        values = misfit(points)
        lowest = _grid_minima(values.reshape(len(values), *counts)).reshape(len(values), -1)
    else:
        points, neighbours = _filling(int(np.prod(counts)), len(counts))
        values = misfit(points)
        lowest = np.all(values[:, :, None] <= values[:, neighbours], axis=-1) & np.isfinite(values)
        rank = np.argsort(np.argsort(np.where(lowest, values, np.inf), axis=1), axis=1)
        lowest &= rank < _FOLLOWED
    curve, cell = np.divmod(np.flatnonzero(lowest), len(points))
    position = points[cell]
    if len(counts) == 1 and counts[0] > 2:
        position = position + _between(values, curve, cell)[:, None] / (counts[0] - 1)
    return curve, position


@np.errstate(all="ignore")  # misfits may be infinite
def _between(values: Floats, curve: Ints, cell: Ints) -> Floats:
    """Return where the polynomial through a minimum of one shape and its neighbours is lowest.

    In cells from the minimum; 0 at the ends of the scan. Where that is not near the lowest point of
    a parabola, as by a kink, the parabola is believed.
    """
    last = values.shape[1] - 1
    inner = np.clip(cell, 1, last - 1)
    before, at, after = (values[curve, inner + k] for k in (-1, 0, 1))
    vertex = 0.5 * (before - after) / (before - 2.0 * at + after)
    vertex = np.where((inner == cell) & (np.abs(vertex) <= 0.5), vertex, 0.0)
    reach = min(_REACH, last // 2)
    centre = np.clip(cell, reach, last - reach)
    near = values[curve[:, None], centre[:, None] + np.arange(-reach, reach + 1)].T
    near = near - near[reach]
    slope, bend = _stencil(reach)
    slopes, bends = slope @ near, bend @ near
    off = (cell - centre).astype(float)
    place = off + vertex
    for _ in range(_TURNS):
        place = place - _horner(slopes, place) / _horner(bends, place)
    good = (inner == cell) & (np.abs(place - off - vertex) <= _ASTRAY)
    return np.where(good, place - off, vertex)


def _horner(coefficients: Floats, at: Floats) -> Floats:
    """Return polynomials, their coefficients ``(n, N)`` falling in degree, at ``(N,)``."""
    found: Floats = coefficients[0]
    for each in coefficients[1:]:
        found = found * at + each
    return found


@lru_cache(maxsize=8)
def _stencil(reach: int) -> tuple[Floats, Floats]:
    """Return what makes values at ``-reach .. reach`` the two derivatives of their polynomial."""
    ticks = np.arange(-reach, reach + 1.0)
    powers = np.arange(2.0 * reach, -1.0, -1.0)
    polynomial = np.linalg.inv(ticks[:, None] ** powers)
    slope = (powers[:, None] * polynomial)[:-1]
    return slope, (powers[1:, None] * slope)[:-1]


def apart(misfit: Callable[[Floats], Floats], counts: tuple[int, ...], many: int) -> Floats:
    """Return the positions ``(G, many, q)`` of low misfits that lie apart from each other.

    The lowest point of the scan comes first, then the lowest one that is not near it, and so on:
    basins by their depth, and where these are fewer, points on their slopes.

    Parameters
    ----------
    misfit, counts
        As for :func:`scan`.
    many : int
        Positions for each curve.
    """
    points = grid(counts) if len(counts) <= 2 else _filling(int(np.prod(counts)), len(counts))[0]
    values = misfit(points)
    rows, found = np.arange(len(values)), []
    for _ in range(min(many, len(points))):
        lowest = values.argmin(axis=1)
        found.append(points[lowest])
        if many == 1:
            break
        near = np.abs(points - found[-1][:, None]).max(axis=2) < _APART
        values[near] = np.inf
        values[rows, lowest] = np.inf
    return np.stack(found, axis=1)


def spread(q: int) -> Floats:
    """Return positions ``(M, q)`` all over the unit cube, each in the middle of its share."""
    if q <= 2:
        return (0.5 + 2.0 * grid((3,) * q)) / 3.0
    return _filling(_SPREAD, q)[0]


@lru_cache(maxsize=32)
def grid(counts: tuple[int, ...]) -> Floats:
    """Return the points of a grid over the unit cube, ``(M, q)``."""
    ticks = [np.linspace(0.0, 1.0, count) for count in counts]
    return np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1).reshape(-1, len(counts))


def _grid_minima(values: Floats) -> NDArray[np.bool_]:
    """Mark cells no higher than any neighbour, ties going to the last cell of a plateau."""
    axes = tuple(range(1, values.ndim))
    padded = np.full([n + 2 * (axis > 0) for axis, n in enumerate(values.shape)], np.inf)
    inside = (slice(None), *(slice(1, -1),) * len(axes))
    padded[inside] = values
    # Neighbours are a fixed distance away in memory, with a wall of infinities between the curves.
    flat = padded.ravel()
    before, here, after = flat[:-2], flat[1:-1], flat[2:]
    earlier, later = before, after
    if len(axes) == 2:  # and the nearest of three in the row above and below
        row = np.minimum(np.minimum(before, here), after)
        width = padded.shape[2]
        earlier, later = before.copy(), after.copy()
        np.minimum(before[width:], row[:-width], out=earlier[width:])
        np.minimum(after[:-width], row[width:], out=later[:-width])
    lowest = np.zeros(padded.shape, dtype=bool)
    np.logical_and(here <= earlier, here < later, out=lowest.ravel()[1:-1])
    return lowest[inside]


@lru_cache(maxsize=8)
def _filling(count: int, q: int) -> tuple[Floats, Ints]:
    """Return ``count`` points (a power of two) that fill the unit cube, and each one's nearest."""
    from scipy.spatial import cKDTree
    from scipy.stats.qmc import Sobol

    points = Sobol(q, scramble=False).random_base2(count.bit_length() - 1)
    _, nearest = cKDTree(points).query(points, k=2 * q + 1)
    return points, np.asarray(nearest, dtype=np.intp)[:, 1:]
