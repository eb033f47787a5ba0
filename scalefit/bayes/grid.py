"""Quadrature on boxes that are fitted to a density, and draws from their cells.

Several densities are handled at once: every array has a leading axis of length G.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .library import array_stats

__all__ = [
    "Box",
    "Boxes",
    "Grid",
    "cores_of",
    "even",
    "inside",
    "legendre_grid",
    "narrowed",
    "resampled",
]

Floats = NDArray[np.float64]
#: Ends ``(G,)`` of one axis, and of all.
Box = tuple[Floats, Floats]
Boxes = list[Box]

#: Log density, relative to the greatest, below which a node is outside the box.
_DEPTH = 26.0
#: The same for the core of a box: about four standard deviations.
_CORE = 8.0


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid on the posterior of G curves.

    Parameters
    ----------
    nodes : tuple of arrays (G, N)
        Nodes of each axis: one a shape in its search coordinate, the log scale, the noise slope.
    edges : tuple of pairs of arrays (G, N)
        Edges of the cells about them, whose widths are the weights of the nodes.
    log_density : array (G, N, ..., V, W)
        Log of prior times likelihood.
    evidence : array (G,)
        Log marginal likelihood.
    shear : tuple of arrays or None
        Centre and matrix of the first axes, where they are turned.
    """

    nodes: tuple[Floats, ...]
    edges: tuple[tuple[Floats, Floats], ...]
    log_density: Floats
    evidence: Floats
    shear: tuple[Floats, Floats] | None = None

    @property
    def log_mass(self) -> Floats:
        """Log of the mass of each cell."""
        total = self.log_density
        for axis, (left, right) in enumerate(self.edges):
            width = right - left
            shape = [1] * total.ndim
            shape[0], shape[1 + axis] = width.shape
            # An axis without width has one place, however many nodes.
            point = width.sum(axis=1, keepdims=True) <= 0
            with np.errstate(divide="ignore"):
                share = np.log(np.where(point, 1.0 / width.shape[1], np.maximum(width, 0.0)))
            total = total + share.reshape(shape)
        return total


def legendre_grid(
    boxes: Boxes, cores: Boxes, counts: list[int], log_density: Callable[[list[Floats]], Floats]
) -> Grid:
    """Return the grid of Gauss-Legendre nodes on boxes, one an axis, of ends ``(G,)``.

    Half of the nodes of an axis are in its core, where most of the mass is, and a quarter on either
    side of it, so that a long tail does not coarsen the rest.
    """
    parts = [_panels(box, core, n) for box, core, n in zip(boxes, cores, counts, strict=True)]
    log_p = log_density([part[0] for part in parts])
    edges = tuple(_cells(*box, weight) for box, (_, weight) in zip(boxes, parts, strict=True))
    grid = Grid(tuple(part[0] for part in parts), edges, log_p, np.zeros(len(log_p)))
    mass = grid.log_mass.reshape(len(log_p), -1)
    top = mass.max(axis=1)
    return replace(grid, evidence=top + np.log(np.exp(mass - top[:, None]).sum(axis=1)))


def _panels(box: Box, core: Box, count: int) -> tuple[Floats, Floats]:
    if count < 8:
        return _legendre(*box, count)
    tail = max(count // 4, 2)
    parts = [
        _legendre(box[0], core[0], tail),
        _legendre(*core, count - 2 * tail),
        _legendre(core[1], box[1], tail),
    ]
    nodes, weights = (np.concatenate([part[k] for part in parts], axis=1) for k in (0, 1))
    return nodes, weights


def cores_of(nodes: list[Floats], log_p: Floats, boxes: Boxes) -> Boxes:
    """Return the part of each box with the bulk of the mass, from a scan ``(G, N, ...)`` of it."""
    found = []
    for (low, high), box in zip(_deep(nodes, log_p, _CORE), boxes, strict=True):
        found.append((np.clip(low, *box), np.clip(high, *box)))
    return found


def _deep(nodes: list[Floats], log_p: Floats, depth: float) -> Boxes:
    """Return the hull of the nodes within a depth of the greatest density, one step wider."""
    n_axes = len(nodes)
    deep = log_p > log_p.reshape(len(log_p), -1).max(axis=1).reshape(-1, *(1,) * n_axes) - depth
    found = []
    for axis, place in enumerate(nodes):
        along = deep.any(axis=tuple(k + 1 for k in range(n_axes) if k != axis))
        first, last = along.argmax(axis=1), along.shape[1] - 1 - along[:, ::-1].argmax(axis=1)
        rows = np.arange(len(place))
        low = place[rows, np.maximum(first - 1, 0)]
        high = place[rows, np.minimum(last + 1, place.shape[1] - 1)]
        found.append((low, high))
    return found


def even(low: Floats, high: Floats, count: int) -> Floats:
    """Return even nodes from ``low`` to ``high``, ``(G, count)``."""
    steps = np.linspace(0.0, 1.0, count) if count > 1 else np.array([0.5])
    nodes: Floats = low[:, None] + (high - low)[:, None] * steps
    return nodes


def _legendre(low: Floats, high: Floats, count: int) -> tuple[Floats, Floats]:
    x, weight = np.polynomial.legendre.leggauss(count)
    half = 0.5 * (high - low)[:, None]
    return 0.5 * (high + low)[:, None] + half * x, half * weight


def _cells(low: Floats, high: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return the edges of the cells, one about each node, whose widths are the weights."""
    steps = np.cumsum(weight, axis=1)
    left = low[:, None] + np.concatenate([np.zeros((len(low), 1)), steps[:, :-1]], axis=1)
    right = left + weight
    right[:, -1] = high
    return left, right


def narrowed(
    nodes: list[Floats], log_p: Floats, boxes: Boxes, limits: Sequence[Box | None]
) -> Boxes:
    """Return the boxes about the nodes that hold the mass, one step wider on either side.

    An axis without limits is widened where its mass is cut.
    """
    found = []
    for place, box, limit, (low, high) in zip(
        nodes, boxes, limits, _deep(nodes, log_p, _DEPTH), strict=True
    ):
        if limit is None:
            width = box[1] - box[0]
            low = np.where(low <= place[:, 0], low - 0.5 * width, low)
            high = np.where(high >= place[:, -1], high + 0.5 * width, high)
        else:
            low, high = np.maximum(low, limit[0]), np.minimum(high, limit[1])
        found.append((low, high))
    return found


def inside(
    grid: Grid, axis: int, index: NDArray[np.intp], places: NDArray[np.intp],
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Draw a coordinate inside of cells, with the slope of the log density; and its log density."""
    nodes, (left, right) = grid.nodes[axis], grid.edges[axis]
    count, draws = nodes.shape[1], index.shape[1]
    low = np.take_along_axis(left, index, axis=1)
    width = np.take_along_axis(right, index, axis=1) - low
    stride = int(np.prod(grid.log_density.shape[2 + axis :]))
    flat = grid.log_density.reshape(len(nodes), -1)
    before, after = np.maximum(index - 1, 0), np.minimum(index + 1, count - 1)
    rise = np.take_along_axis(flat, places + (after - index) * stride, axis=1)
    rise = rise - np.take_along_axis(flat, places + (before - index) * stride, axis=1)
    run = np.take_along_axis(nodes, after, axis=1) - np.take_along_axis(nodes, before, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        steep = np.clip(np.nan_to_num(rise / run * width, posinf=20.0, neginf=-20.0), -20.0, 20.0)
    steep = np.where(np.abs(steep) < 1e-6, 1e-6, steep)
    share = np.log1p(rng.random(draws) * np.expm1(steep)) / steep
    log_inside = steep * share - np.log(np.expm1(steep) / steep)
    return low + width * share, log_inside - np.log(np.where(width > 0, width, 1.0))


def resampled(log_ratio: Floats, rng: np.random.Generator) -> tuple[NDArray[np.intp], Floats]:
    """Return which draws ``(G, S)`` stand for the target, in random order, and k-hat ``(G,)``.

    Weights are Pareto-smoothed; resampling is systematic (Kitagawa 1996).
    """
    n_curves, draws = log_ratio.shape
    kept, khat = np.empty((n_curves, draws), dtype=np.intp), np.empty(n_curves)
    order = rng.permutation(draws)
    comb = (np.arange(draws) + rng.random()) / draws
    for g, ratio in enumerate(log_ratio):
        if np.ptp(ratio) < 1e-9:
            kept[g], khat[g] = order, -np.inf
            continue
        # The library asks for log likelihoods, whose weights are their reciprocals.
        log_weight, k = array_stats().psislw(-ratio[order])
        total = np.cumsum(np.exp(log_weight - log_weight.max()))
        picked = np.minimum(np.searchsorted(total, comb * total[-1]), draws - 1)
        kept[g], khat[g] = order[picked[order]], float(k)
    return kept, khat
