"""Quadrature on boxes that are fitted to a density, and draws from their cells.

Several densities are handled at once: every array has a leading axis of length G.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from .library import array_stats

__all__ = [
    "Axis",
    "Grid",
    "Warp",
    "bent",
    "explored",
    "gridded",
    "inside",
    "places_of",
    "resampled",
    "straightened",
]

Floats = NDArray[np.float64]
#: Log density ``(G, M)`` of places ``(G, d, M)``.
Density = Callable[[Floats], Floats]

#: Log density, relative to the greatest, below which a node is outside the box.
_DEPTH = 26.0
#: Shares of the mass at which the box of a second axis has knots; and the part of the mass that is
#: spread evenly over the whole box, whatever a scan has seen.
SHARES = np.array([0.0, 0.003, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98, 0.997, 1.0])
_EVEN = 0.1
#: Part of the draws that goes by the likeliest neighbour of a cell.
_WIDE = 0.1
#: Largest weight over their mean, below which weights have no tail.
_NO_TAIL = 3.0
#: How far below the greatest a log weight is as good as none.
_IMPOSSIBLE = 600.0


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a grid.

    Parameters
    ----------
    low, high : array (G,)
        Ends of the box.
    limits : pair of arrays (G,) or None
        What the box may not leave; None if nothing.
    centre : array (G,)
        Where a narrow peak may be.
    scan : int
        Even nodes of a scan, beside those that close in on the centre.
    panel : int
        Nodes of a panel.
    meet : sequence of float or None
        Shares of the mass at which panels meet; None for those of a warp.
    near : int
        Nodes on either side that close in on the centre, for a peak far narrower than the box.
    """

    low: Floats
    high: Floats
    limits: tuple[Floats, Floats] | None
    centre: Floats
    scan: int
    panel: int
    meet: Sequence[float] | None
    near: int = 0

    def scan_nodes(self) -> Floats:
        """Return the nodes of a scan in order, ``(G, N)``."""
        steps = np.linspace(0.0, 1.0, self.scan) if self.scan > 1 else np.array([0.5])
        width = (self.high - self.low)[:, None]
        nodes = self.low[:, None] + width * steps
        if not self.near:
            return nodes
        reach = np.geomspace(1e-6, 0.1, self.near)
        near = self.centre[:, None] + width * np.concatenate([-reach[::-1], [0.0], reach])
        nodes = np.concatenate([nodes, np.clip(near, self.low[:, None], self.high[:, None])], 1)
        nodes.sort(axis=1)
        return nodes


@dataclass(frozen=True, slots=True)
class Warp:
    """A second axis that follows the first: the share of its mass below, given the first.

    So mass that lies along a bent valley is spread evenly over the two axes (the rearrangement of
    Rosenblatt 1952, doi:10.1214/aoms/1177729394, on a coarse grid).

    Parameters
    ----------
    knots : array (G, N)
        Places of the first axis, rising.
    values : array (G, N, T)
        The second coordinate at the shares :data:`SHARES`, at each knot; linear between.
    """

    knots: Floats
    values: Floats

    def take(self, rows: Any) -> Warp:
        """Return the warp of some of the curves."""
        return Warp(self.knots[rows], self.values[rows])

    def at(self, first: Floats, share: Floats) -> tuple[Floats, Floats]:
        """Return the second coordinate, and the log of its derivative by the share; ``(G, M)``."""
        found, slope = np.empty_like(first), np.empty_like(first)
        k = np.clip(np.searchsorted(SHARES, share, side="right") - 1, 0, len(SHARES) - 2)
        along = (share - SHARES[k]) / np.diff(SHARES)[k]
        for g, (knots, values) in enumerate(zip(self.knots, self.values, strict=True)):
            i = np.clip(np.searchsorted(knots, first[g]) - 1, 0, len(knots) - 2)
            run = knots[i + 1] - knots[i]
            part = np.where(run > 0, (first[g] - knots[i]) / np.where(run > 0, run, 1.0), 0.0)
            start = values[i, k[g]] + part * (values[i + 1, k[g]] - values[i, k[g]])
            end = values[i, k[g] + 1] + part * (values[i + 1, k[g] + 1] - values[i, k[g] + 1])
            found[g], slope[g] = start + along[g] * (end - start), end - start
        return found, np.log(slope / np.diff(SHARES)[k])


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid on a density of G curves.

    Parameters
    ----------
    nodes : tuple of d arrays (G, N)
    edges : tuple of pairs of arrays (G, N)
        Edges of the cells about them, whose widths are the weights of the nodes.
    log_density : array (G, N, ...)
    evidence : array (G,)
        Log of the integral.
    """

    nodes: tuple[Floats, ...]
    edges: tuple[tuple[Floats, Floats], ...]
    log_density: Floats
    evidence: Floats

    @property
    def log_mass(self) -> Floats:
        """Log of the mass of each cell."""
        return self._times_width(self.log_density)

    def _times_width(self, log_density: Floats) -> Floats:
        total = log_density
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

    def take(self, rows: Any) -> Grid:
        """Return the grid of some of the curves."""
        edges = tuple((left[rows], right[rows]) for left, right in self.edges)
        nodes = tuple(node[rows] for node in self.nodes)
        return Grid(nodes, edges, self.log_density[rows], self.evidence[rows])

    def shares(self) -> Floats:
        """Return the shares of draws that cells get, ``(G, cells)``.

        Nearly all by their mass; some by what it would be with the density of their likeliest
        neighbour, so that cells in which the density rises steeply are not missed.
        """
        high = self.log_density
        for axis in range(1, high.ndim):
            first, last = [slice(None)] * high.ndim, [slice(None)] * high.ndim
            first[axis], last[axis] = slice(None, -1), slice(1, None)
            wider = high.copy()
            np.maximum(wider[tuple(first)], high[tuple(last)], out=wider[tuple(first)])
            np.maximum(wider[tuple(last)], high[tuple(first)], out=wider[tuple(last)])
            high = wider
        found = np.zeros((len(high), int(np.prod(high.shape[1:]))))
        for part, log_mass in ((1.0 - _WIDE, self.log_mass), (_WIDE, self._times_width(high))):
            flat = log_mass.reshape(len(high), -1)
            mass = np.exp(flat - flat.max(axis=1, keepdims=True))
            found += part * mass / mass.sum(axis=1, keepdims=True)
        return found

    def drawn(self, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return places ``(G, d, S)`` drawn from the cells, and their log density ``(G, S)``."""
        share = self.shares()
        total = np.cumsum(share, axis=1)
        # Evenly spread: the cells are hit as often as they ought to be.
        uniform = (np.arange(draws) + rng.random()) / draws
        cells = np.stack([np.searchsorted(row, uniform * row[-1]) for row in total])
        cells = np.minimum(cells, share.shape[1] - 1)
        log_q = np.log(np.take_along_axis(share, cells, axis=1))
        found = np.empty((len(cells), len(self.nodes), draws))
        for axis, index in enumerate(np.unravel_index(cells, self.log_density.shape[1:])):
            found[:, axis], log_inside = inside(self, axis, index, cells, rng)
            log_q = log_q + log_inside
        return found, log_q


def places_of(nodes: Sequence[Floats]) -> Floats:
    """Return all combinations ``(G, d, N1 N2 ...)`` of nodes ``(G, N)``."""
    counts = [node.shape[1] for node in nodes]
    found = np.empty((len(nodes[0]), len(nodes), *counts))
    for k, node in enumerate(nodes):
        shape = [1] * len(counts)
        shape[k] = counts[k]
        found[:, k] = node.reshape(-1, *shape)
    return found.reshape(*found.shape[:2], -1)


def _on(density: Density, nodes: Sequence[Floats]) -> Floats:
    log_p = density(places_of(nodes))
    counts = [node.shape[1] for node in nodes]
    found: Floats = np.where(np.isnan(log_p), -np.inf, log_p).reshape(-1, *counts)
    return found


def _marginals(nodes: Sequence[Floats], log_p: Floats) -> list[Floats]:
    """Return the density along each axis, ``(G, N)``, in units of the greatest."""
    n_axes = len(nodes)
    top = log_p.reshape(len(log_p), -1).max(axis=1)
    mass = np.exp(log_p - top.reshape(-1, *(1,) * n_axes))
    weights = []
    for node in nodes:
        gap = np.diff(node, axis=1)
        ends = np.zeros((len(node), 1))
        weight = 0.5 * (np.concatenate([ends, gap], 1) + np.concatenate([gap, ends], 1))
        weights.append(np.where(weight.sum(axis=1, keepdims=True) > 0, weight, 1.0))
    found = []
    for axis in range(n_axes):
        along = mass
        for k in reversed(range(n_axes)):
            if k != axis:
                shape = [1] * along.ndim
                shape[0], shape[1 + k] = weights[k].shape
                along = (along * weights[k].reshape(shape)).sum(axis=1 + k, keepdims=True)
        found.append(along.reshape(len(log_p), -1))
    return found


def _narrowed(axis: Axis, node: Floats, deep: NDArray[np.bool_], along: Floats) -> Axis:
    """Return the axis about the nodes that hold the mass, one step wider on either side.

    One without limits is widened where its mass is cut.
    """
    first, last = deep.argmax(axis=1), deep.shape[1] - 1 - deep[:, ::-1].argmax(axis=1)
    rows = np.arange(len(node))
    low = node[rows, np.maximum(first - 1, 0)]
    high = node[rows, np.minimum(last + 1, node.shape[1] - 1)]
    if axis.limits is None:
        width = axis.high - axis.low
        low = np.where(low <= node[:, 0], low - 0.5 * width, low)
        high = np.where(high >= node[:, -1], high + 0.5 * width, high)
    else:
        low, high = np.maximum(low, axis.limits[0]), np.minimum(high, axis.limits[1])
    centre = node[rows, along.argmax(axis=1)]
    return replace(axis, low=low, high=high, centre=centre)


def explored(
    density: Density, axes: Sequence[Axis], rounds: int
) -> tuple[list[Axis], list[Floats], Floats]:
    """Return axes whose boxes hold the mass, with the nodes and the log density of a last scan."""
    found = list(axes)
    for turn in range(rounds + 1):
        nodes = [axis.scan_nodes() for axis in found]
        log_p = _on(density, nodes)
        if turn == rounds:
            break
        top = log_p.reshape(len(log_p), -1).max(axis=1).reshape(-1, *(1,) * len(found))
        deep = log_p > top - _DEPTH
        along = _marginals(nodes, log_p)
        for k, axis in enumerate(found):
            others = tuple(j + 1 for j in range(len(found)) if j != k)
            found[k] = _narrowed(axis, nodes[k], deep.any(axis=others), along[k])
    return found, nodes, log_p


def straightened(
    axes: Sequence[Axis], nodes: Sequence[Floats], log_p: Floats, warp: Warp | None
) -> tuple[list[Axis], Warp]:
    """Return axes and a warp along which two axes of a scan do not vary together."""
    first, second, *others = axes
    density = np.exp(log_p - log_p.max(axis=tuple(range(2, log_p.ndim)), keepdims=True))
    row = np.nan_to_num(density.reshape(*density.shape[:3], -1).sum(axis=3))
    step = np.diff(nodes[1], axis=1)[:, None, :]
    area = 0.5 * step * (row[:, :, 1:] + row[:, :, :-1])
    total = np.cumsum(area, axis=2)
    whole = np.cumsum(step, axis=2)
    total = _EVEN * whole / whole[:, :, -1:] + np.where(
        total[:, :, -1:] > 0, (1.0 - _EVEN) * total / np.maximum(total[:, :, -1:], 1e-300),
        (1.0 - _EVEN) * whole / whole[:, :, -1:],
    )  # fmt: skip
    total = np.concatenate([np.zeros((*total.shape[:2], 1)), total], axis=2)
    values = np.empty((*total.shape[:2], len(SHARES)))
    for g, rows in enumerate(total):
        for i, below in enumerate(rows):
            values[g, i] = np.interp(SHARES, below, nodes[1][g])
    if warp is not None:
        knots = np.repeat(nodes[0], len(SHARES), axis=1)
        values = warp.at(knots, values.reshape(len(values), -1))[0].reshape(values.shape)
    zero = np.zeros(len(values))
    share = replace(
        second, low=zero, high=zero + 1.0, limits=(zero, zero + 1.0), near=0, meet=None,
    )  # fmt: skip
    return [first, share, *others], Warp(nodes[0], values)


def gridded(
    density: Density, axes: Sequence[Axis], nodes: Sequence[Floats], log_p: Floats, refine: float
) -> Grid:
    """Return the grid of Gauss-Legendre nodes in panels that meet at quantiles of a last scan.

    So the nodes are where the mass is, however long its tails are or narrow its peak.
    """
    parts = []
    for axis, node, along in zip(axes, nodes, _marginals(nodes, log_p), strict=True):
        count = int(np.ceil(refine * axis.panel))
        if axis.panel == 1:
            parts.append((axis.low[:, None], axis.low[:, None], axis.high[:, None]))
            continue
        if axis.meet is None:
            edges = np.broadcast_to(SHARES, (len(node), len(SHARES)))
        else:
            meet = _quantiles(node, along, axis.meet)
            edges = np.concatenate([axis.low[:, None], meet, axis.high[:, None]], axis=1)
        parts.append(_panels(np.maximum.accumulate(edges, axis=1), count))
    log_density = _on(density, [part[0] for part in parts])
    grid = Grid(
        tuple(part[0] for part in parts), tuple(part[1:] for part in parts), log_density,
        np.zeros(len(log_density)),
    )  # fmt: skip
    mass = grid.log_mass.reshape(len(log_density), -1)
    top = mass.max(axis=1)
    return replace(grid, evidence=top + np.log(np.exp(mass - top[:, None]).sum(axis=1)))


def _quantiles(node: Floats, density: Floats, shares: Sequence[float]) -> Floats:
    """Return quantiles of a density that is linear between its nodes, ``(G, P)``."""
    area = 0.5 * np.diff(node, axis=1) * (density[:, 1:] + density[:, :-1])
    total = np.concatenate([np.zeros((len(node), 1)), np.cumsum(area, axis=1)], axis=1)
    found = [np.interp(np.multiply(shares, t[-1]), t, x) for t, x in zip(total, node, strict=True)]
    return np.stack(found)


def _panels(edges: Floats, count: int) -> tuple[Floats, Floats, Floats]:
    """Return Gauss-Legendre nodes of panels, and the edges of cells as wide as their weights."""
    x, weight = np.polynomial.legendre.leggauss(count)
    low, high = edges[:, :-1, None], edges[:, 1:, None]
    nodes = 0.5 * (high + low) + 0.5 * (high - low) * x
    share = 0.5 * np.cumsum(weight)
    left = low + (high - low) * np.concatenate([[0.0], share[:-1]])
    right = low + (high - low) * np.concatenate([share[:-1], [1.0]])
    flat = (len(edges), -1)
    return nodes.reshape(flat), left.reshape(flat), right.reshape(flat)


def inside(
    grid: Grid, axis: int, index: NDArray[np.intp], cells: NDArray[np.intp],
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Draw a coordinate inside of cells, with the slope of the log density; and its log density."""
    nodes, (left, right) = grid.nodes[axis], grid.edges[axis]
    count = nodes.shape[1]
    low = np.take_along_axis(left, index, axis=1)
    width = np.take_along_axis(right, index, axis=1) - low
    stride = int(np.prod(grid.log_density.shape[2 + axis :]))
    flat = grid.log_density.reshape(len(nodes), -1)
    before, after = np.maximum(index - 1, 0), np.minimum(index + 1, count - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rise = np.take_along_axis(flat, cells + (after - index) * stride, axis=1)
        rise = rise - np.take_along_axis(flat, cells + (before - index) * stride, axis=1)
        run = np.take_along_axis(nodes, after, axis=1) - np.take_along_axis(nodes, before, axis=1)
        steep = rise / run * width
    x, log_inside = tilted(steep, rng.random((index.shape[1],)))
    return low + width * x, log_inside - np.log(np.where(width > 0, width, 1.0))


def tilted(steep: Floats, uniform: Floats) -> tuple[Floats, Floats]:
    """Draw from an exponential density ``exp(steep x)`` on [0, 1]; and its log density there."""
    steep = np.clip(np.nan_to_num(steep, posinf=20.0, neginf=-20.0), -20.0, 20.0)
    steep = np.where(np.abs(steep) < 1e-6, 1e-6, steep)
    whole = np.expm1(steep)
    x = np.log1p(uniform * whole) / steep
    return x, steep * x - np.log(whole / steep)


def bent(steep: Floats, bend: Floats, uniform: Floats) -> tuple[Floats, Floats]:
    """Draw from ``exp(steep (x - 1/2) + bend (x - 1/2)^2 / 2)`` on [0, 1]; and its log density.

    A piece of a normal density, where it bends down; where it hardly does, or the piece is far out,
    an exponential one.
    """
    x, log_density = tilted(steep, uniform)
    curved = (bend < -1e-3) & (steep * steep < -400.0 * bend)
    sd = 1.0 / np.sqrt(np.where(curved, -bend, 1.0))
    mean = 0.5 + np.where(curved, steep, 0.0) * sd * sd
    side = np.where(mean > 0.5, 1.0, -1.0)  # the piece is in the lower tail of its mirror image
    low, high = (
        np.minimum(-side * mean, side * (1.0 - mean)),
        np.maximum(-side * mean, side * (1.0 - mean)),
    )
    below, above = ndtr(low / sd), ndtr(high / sd)
    u = ndtri(below + uniform * (above - below))
    normal = mean + side * sd * u
    log_normal = -0.5 * u * u - np.log(sd * (above - below) * np.sqrt(2.0 * np.pi))
    return np.where(curved, normal, x), np.where(curved, log_normal, log_density)


def resampled(
    log_ratio: Floats, draws: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], Floats]:
    """Return which proposals ``(G, S)`` stand for the target, in random order, and k-hat ``(G,)``.

    Weights are Pareto-smoothed, unless none is three times their mean: then there is no tail, and
    k-hat is minus infinity. Resampling is systematic (Kitagawa 1996).
    """
    n_curves, many = log_ratio.shape
    kept, khat = np.empty((n_curves, draws), dtype=np.intp), np.full(n_curves, -np.inf)
    order, shuffle = rng.permutation(many), rng.permutation(draws)
    comb = (np.arange(draws) + rng.random()) / draws
    for g, ratio in enumerate(log_ratio):
        log_weight = ratio[order] - ratio.max()
        if np.exp(log_weight).mean() * _NO_TAIL < 1.0:
            log_weight, khat[g] = _smoothed(ratio[order])
        total = np.cumsum(np.exp(log_weight - log_weight.max()))
        picked = np.minimum(np.searchsorted(total, comb * total[-1]), many - 1)
        kept[g] = order[picked[shuffle]]
    return kept, khat


def _smoothed(log_ratio: Floats) -> tuple[Floats, float]:
    """Return Pareto-smoothed log weights, and k-hat."""
    possible = np.maximum(log_ratio, log_ratio.max() - _IMPOSSIBLE)
    # The library asks for log likelihoods, whose weights are their reciprocals.
    with np.errstate(divide="ignore", invalid="ignore"):  # ties among the largest
        log_weight, k = array_stats().psislw(-possible)
    return np.asarray(log_weight), float(k) if np.isfinite(k) else np.inf
