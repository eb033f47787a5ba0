"""Where a misfit may have its minima: on a grid for up to two shapes, else on points all over.

A grid of three or more shapes would spend its points on corners. They are spread by a Sobol
sequence instead (Sobol 1967, doi:10.1016/0041-5553(67)90144-9), and a point is a local minimum if
it is lower than its nearest neighbours: the same list for every curve.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["apart", "scan", "spread"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Local minima of a scan without a grid that are followed, the lowest ones.
_FOLLOWED = 96
#: How far apart positions of :func:`apart` are at least, in sides of the box.
_APART = 0.12
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
        points = _grid(counts)
        values = misfit(points)
        lowest = _grid_minima(values.reshape(len(values), *counts)).reshape(len(values), -1)
    else:
        points, neighbours = _filling(int(np.prod(counts)), len(counts))
        values = misfit(points)
        lowest = np.all(values[:, :, None] <= values[:, neighbours], axis=-1)
        rank = np.argsort(np.argsort(np.where(lowest, values, np.inf), axis=1), axis=1)
        lowest &= rank < _FOLLOWED
    curve, cell = np.nonzero(lowest)
    return curve, points[cell]


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
    points = _grid(counts) if len(counts) <= 2 else _filling(int(np.prod(counts)), len(counts))[0]
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
        return (0.5 + 2.0 * _grid((3,) * q)) / 3.0
    return _filling(_SPREAD, q)[0]


def _grid(counts: tuple[int, ...]) -> Floats:
    ticks = [np.linspace(0.0, 1.0, count) for count in counts]
    return np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1).reshape(-1, len(counts))


def _grid_minima(values: Floats) -> NDArray[np.bool_]:
    """Mark cells no higher than any neighbour, ties going to the last cell of a plateau."""
    q = values.ndim - 1
    padded = np.pad(values, [(0, 0)] + [(1, 1)] * q, constant_values=np.inf)
    lowest = np.ones(values.shape, dtype=bool)
    for shift in itertools.product((-1, 0, 1), repeat=q):
        if not any(shift):
            continue
        window = tuple(
            slice(1 + s, 1 + s + n) for s, n in zip(shift, values.shape[1:], strict=True)
        )
        neighbour = padded[(slice(None), *window)]
        lowest &= values < neighbour if shift > (0,) * q else values <= neighbour
    return lowest


@lru_cache(maxsize=8)
def _filling(count: int, q: int) -> tuple[Floats, Ints]:
    """Return ``count`` points (a power of two) that fill the unit cube, and each one's nearest."""
    from scipy.spatial import cKDTree
    from scipy.stats.qmc import Sobol

    points = Sobol(q, scramble=False).random_base2(count.bit_length() - 1)
    _, nearest = cKDTree(points).query(points, k=2 * q + 1)
    return points, np.asarray(nearest, dtype=np.intp)[:, 1:]
