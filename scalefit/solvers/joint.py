"""Coefficients and shapes together: a surface under a likelihood, and the edge of what it allows.

A likelihood of many runs at many combinations of sizes is too costly to be scanned shape by shape.
Least squares, which is like it, shows where its basins are; from the lowest of them all parameters
go down together by Newton's method. From the optimum the same parameters are followed to the edge
of what is compatible with the data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..stacked import stacked
from .likelihood import LikelihoodProblem
from .newton import FINE, PROMISED, ROUGH, Model, Optimum, Rows, edge, minimise
from .scan import apart, spread
from .search import Search, Solution, screening

__all__ = ["Hint", "Joint", "joint_ends", "polish", "solve_together"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]
#: Share of the largest eigenvalue below which a direction of the coefficients tells nothing.
_ALIKE = 1e-13
#: Returns a target ``(B,)`` and its gradient ``(B, p + q)`` at coefficients and shapes of the
#: curves with given numbers.
Target = Callable[[Floats, Floats, Any], tuple[Floats, Floats]]
#: Coefficients ``(G, p)`` and search coordinates ``(G, q)`` from which to start.
Hint = tuple[Floats, Floats]
#: Basins of a law of up to two shapes, and of one of more, that are followed all the way.
_BASINS, _MANY_BASINS = 8, 16
#: A basin this many cells of the scan away from a hint is another one.
_ELSEWHERE = 1.5
#: How much coarser a scan is that only tells whether a basin is another one than the hint's.
_COARSER = 4
#: Newton steps after which they are compared, and how many then go on.
_EARLY, _LATE = 12, 5
#: What a last step from a hint promises at most, as a share of the objective: drawn tables scatter
#: by far more.
_LIKE = 1e-8
#: Objectives this close, as a ratio, are of one place.
_SAME = 1e-6
#: Times the target is linearised anew on the edge; four are typical.
_ROUNDS = 12
#: Edges on the way from the optimum to the one of the compatible set, by their distance: in a bent
#: valley a straight look from the optimum leads astray.
_STAGES = (0.25, 0.5, 0.75, 1.0)
#: Numbers of one column of a block of curves.
_BLOCK = 80_000


@dataclass(frozen=True, slots=True)
class Joint:
    """G problems in coefficients and search coordinates ``(G, p + q)``, then the log scale."""

    problem: LikelihoodProblem

    def take(self, rows: Any) -> Joint:
        """Return those of some of the curves."""
        return Joint(self.problem.take(rows))

    def box(self) -> tuple[Floats, Floats]:
        """Return bounds of all parameters ``(G, p + q)``: of shapes, and of what has a sign."""
        law = self.problem.law
        low, high = self.problem.bounds()
        least = np.full((len(low), law.n_columns), -np.inf)
        if self.problem.rising:
            least[:, list(law.rises)] = 0.0
        most = np.full(least.shape, np.inf)
        return np.concatenate([least, low], axis=1), np.concatenate([most, high], axis=1)

    def tangent(self, state: Floats) -> tuple[Rows, Floats]:
        """Return the linear problem whose columns are the slopes at ``state``, and the means.

        In it the means are those of the tangent: they differ by a constant.
        """
        problem, law = self.problem, self.problem.law
        n_curves, n_sizes = problem.z.shape[:2]
        p, wide = law.n_columns, problem.runs.shape[2]
        u = state[:, p:-1]
        theta = tuple(t[:, None] for t in problem.theta(u))
        sign, frame = problem.frame.sign, problem.frame
        block = np.empty((n_curves, self.size, n_sizes))
        mean = sign * law.offset(problem.z, theta, frame, np)
        for j, column in enumerate(law.columns(problem.z, theta, frame, np)):
            block[:, j] = sign * column
            mean = mean + state[:, j, None] * block[:, j]
        for k, slopes in enumerate(law.gradient(problem.z, theta, frame)):
            own = sign * law.shapes[k].coordinate.slope(u[:, k])[:, None]
            # A scalar is a column that does not depend on this shape.
            moves = [(j, slope) for j, slope in enumerate(slopes) if np.ndim(slope)]
            for first, (j, slope) in enumerate(moves):
                part = (own * state[:, j, None]) * slope
                block[:, p + k] = part if first == 0 else block[:, p + k] + part
        if wide > 1:
            block, mean = (np.repeat(part, wide, axis=-1) for part in (block, mean))
        return problem.around(block), mean

    def model(self, state: Floats) -> Model:
        """Return objective, gradient and Gauss-Newton Hessian at ``state``."""
        with np.errstate(all="ignore"):
            rows, mean = self.tangent(state)
            return rows.modelled(mean, state)

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.problem.law.n_columns + len(self.problem.law.shapes)


def polish(problem: LikelihoodProblem, coefficients: Floats, u: Floats) -> Optimum:
    """Return the minimum that all parameters reach together from ``(G, p)`` and ``(G, q)``."""
    return _descend(problem, coefficients, u, FINE)


def _descend(
    problem: LikelihoodProblem, coefficients: Floats, u: Floats, steps: int,
    promised: float = PROMISED,
) -> Optimum:  # fmt: skip
    state = np.concatenate([coefficients, u, np.zeros((len(u), 1))], axis=1)
    return minimise(Joint(problem), state, steps, promised)


def _eased(
    problem: LikelihoodProblem, curve: Ints, coefficients: Floats, u: Floats
) -> tuple[Ints, Floats, Floats]:
    """Return starts ``(N,)`` of the curves, and as many from which eased kernels have led on."""
    place, part = (coefficients, u), problem.take(curve)
    for kernel in problem.kernel.eased():
        state = _descend(replace(part, kernel=kernel), *place, ROUGH).state
        place = state[:, : coefficients.shape[1]], state[:, coefficients.shape[1] : -1]
    if place[1] is u:
        return curve, coefficients, u
    return (
        np.concatenate([curve, curve]), np.concatenate([coefficients, place[0]]),
        np.concatenate([u, place[1]]),
    )  # fmt: skip


def solve_together(problem: LikelihoodProblem, hint: Hint | None = None) -> tuple[Solution, Floats]:
    """Return the optimum of every curve, and its coefficients ``(G, p)``.

    Parameters
    ----------
    problem : LikelihoodProblem
    hint : tuple of arrays (G, p), (G, q), optional
        Coefficients and search coordinates of curves that are like these. They are the start, and
        the lowest basin is another one where it lies elsewhere.
    """
    counts = tuple(shape.points for shape in problem.law.shapes)
    many = _BASINS if len(counts) <= 2 else _MANY_BASINS
    if hint is not None:  # to see whether the basin is another one, a coarser scan will do
        many = 1
        if len(counts) <= 2:
            counts = tuple(-(-count // _COARSER) for count in counts)
    low, high = problem.bounds()
    width = (high - low) / np.maximum(np.array(counts) - 1, 1)
    near = problem.by_least_squares()
    position = apart(screening(near), counts, many)
    if hint is None and problem.kernel.eased():  # least squares may be unlike it
        others = spread(len(counts))
        others = np.broadcast_to(others, (len(problem), *others.shape))
        position = np.concatenate([position, others], axis=1)
    places = low[:, None] + position * (high - low)[:, None]
    step = max(1, _BLOCK // (problem.z.shape[1] * places.shape[1]))
    parts = []
    for first in range(0, len(problem), step):
        rows = slice(first, first + step)
        part, own = problem.take(rows), None
        if hint is not None:
            own = hint[0][rows], hint[1][rows]
        parts.append(_solve_block(part, near.take(rows), places[rows], width[rows], own))
    solution, coefficients = stacked(parts)
    return solution, coefficients


def _solve_block(
    problem: LikelihoodProblem, near: Search, places: Floats, width: Floats, hint: Hint | None
) -> tuple[Solution, Floats]:
    """Return the optimum from basins at ``places`` ``(G, many, q)``, or from a hint.

    ``width`` ``(G, q)`` is how far places are apart.
    """
    n_curves, p = len(problem), problem.law.n_columns
    curve = np.repeat(np.arange(n_curves), places.shape[1])
    u = places.reshape(len(curve), -1)
    if hint is not None:
        elsewhere = np.flatnonzero((np.abs(u - hint[1]) > _ELSEWHERE * width).any(axis=1))
        curve, u = elsewhere, u[elsewhere]
    _, _, coefficients = near.take(curve).objective(u)
    if hint is not None:
        curve = np.concatenate([np.arange(n_curves), curve])
        coefficients = np.concatenate([hint[0], coefficients])
        u = np.concatenate([hint[1], u])
    steps, promised = FINE, _LIKE
    if hint is None:
        steps, promised = _EARLY, PROMISED
        curve, coefficients, u = _eased(problem, curve, coefficients, u)
    early = _descend(problem.take(curve), coefficients, u, steps, promised)
    # The best few of every curve go on, once each where several have come to the same place.
    order = np.lexsort((early.model.rss, curve))
    value, owner = early.model.rss[order], curve[order]
    again = (value[1:] <= (1.0 + _SAME) * value[:-1]) & (owner[1:] == owner[:-1])
    order = order[np.concatenate([[True], ~again])]
    rank = np.arange(len(order)) - np.searchsorted(curve[order], np.arange(n_curves))[curve[order]]
    rows = order[rank < _LATE]
    owner = curve[rows]
    late = early.take(rows)
    if hint is None:
        late = minimise(Joint(problem.take(owner)), late.state, FINE)
    order = np.lexsort((late.model.rss, owner))
    best = order[np.searchsorted(owner[order], np.arange(n_curves))]
    found = late.take(best)
    far = np.abs(late.state[:, p:-1] - found.state[owner, p:-1]) > 0.5 * width[owner]
    others = far.any(axis=1)
    n_basins = 1 + np.bincount(owner, weights=others, minlength=n_curves).astype(np.intp)
    second = np.full(n_curves, np.inf)
    np.minimum.at(second, owner[others], late.model.rss[others])
    return _solution(problem, found, n_basins, second), found.state[:, :p]


def _solution(
    problem: LikelihoodProblem, found: Optimum, n_basins: Ints, second: Floats
) -> Solution:
    """Return the optimum as a search over the shapes would: the rest at its best beside them."""
    p = problem.law.n_columns
    u, model = found.state[:, p:-1], found.model
    low, high = problem.bounds()
    at_bound = np.where(u <= low, -1, 0) + np.where(u >= high, 1, 0)
    slope = model.gradient[:, p:]
    slope = np.where(at_bound * slope < 0, 0.0, slope)
    least, most = Joint(problem).box()
    at = found.state[:, :p]
    held = ((at <= least[:, :p]) | (at >= most[:, :p]))[:, :, None]
    inner = np.where(held | held.transpose(0, 2, 1), np.eye(p), model.hessian[:, :p, :p])
    mixed = np.where(held, 0.0, model.hessian[:, :p, p:])
    # Coefficients that the data cannot tell apart, as of drivers that move together, share the way.
    size = np.sqrt(np.abs(np.einsum("gpp->gp", inner)))
    size = np.where(size > 0, size, 1.0)[:, :, None]
    alike = inner / (size * size.transpose(0, 2, 1))
    solved = np.linalg.pinv(alike, rcond=_ALIKE, hermitian=True) @ (mixed / size) / size
    curvature = model.hessian[:, p:, p:] - mixed.transpose(0, 2, 1) @ solved
    rss = np.maximum(model.rss - problem.pure, 0.0)
    return Solution(
        u, rss, curvature, np.abs(slope).max(axis=1, initial=0.0) / model.rss, n_basins,
        np.maximum(second - problem.pure, 0.0) / np.maximum(rss, 1e-300), at_bound,
    )  # fmt: skip


def joint_ends(
    problem: LikelihoodProblem, coefficients: Floats, u: Floats, target: Target, cut: Floats,
    opens: Bools,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Return the least and the greatest target ``(G,)`` on the edge of the compatible set.

    From the optimum smaller edges are reached one after the other, each from the last one along the
    target's gradient, and followed while that turns (Venzon & Moolgavkar 1988,
    doi:10.2307/2347496).

    Parameters
    ----------
    problem : LikelihoodProblem
    coefficients, u : arrays (G, p), (G, q)
        The optimum.
    target : callable
        See :data:`Target`.
    cut : array (G,)
        Objective up to which parameters are compatible with the data.
    opens : array (G, q, 2) of bool
        Where an end that lies on the lower or the upper bound of a shape is open.
    """
    best = polish(problem, coefficients, u)
    p = problem.law.n_columns
    every = Joint(problem)
    low, high = problem.bounds()
    ends = []
    for side in (-1.0, 1.0):
        at, every_row = best.state.copy(), np.arange(len(u))
        result = target(at[:, :p], at[:, p:-1], every_row)[0].copy()
        for stage in _STAGES:
            wall = best.model.rss + stage**2 * (cut - best.model.rss)
            left, pull = every_row, target(at[:, :p], at[:, p:-1], every_row)[1]
            for _ in range(_ROUNDS):
                _, state = edge(every.take(left), best.take(left), pull, wall[left], side, at[left])
                value, pull = target(state[:, :p], state[:, p:-1], left)
                size = np.maximum(np.abs(value), np.abs(result[left]))
                with np.errstate(invalid="ignore"):  # a target may be infinite on the way
                    farther = side * (value - result[left])
                    going = farther > 1e-7 * size
                at[left[farther >= 0]] = state[farther >= 0]
                result[left] = side * np.maximum(side * value, side * result[left])
                u_now = state[:, p:-1]
                out = (u_now <= low[left]) & opens[left, :, 0]
                out |= (u_now >= high[left]) & opens[left, :, 1]
                result[left[out.any(axis=1)]] = side * np.inf
                going &= np.isfinite(result[left])
                if not going.any():
                    break
                left, pull = left[going], pull[going]
        ends.append(result)
    return ends[0], ends[1]
