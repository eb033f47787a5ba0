"""Coefficients and shapes together: to polish an optimum, and to follow a likelihood to its cut.

Where shapes are searched by a scan, an optimum is global and a profile complete. From there on all
parameters can move at once, which is what a kinked likelihood or one of two drivers needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .likelihood import LikelihoodProblem
from .newton import FINE, Model, Optimum, Rows, edge, minimise

__all__ = ["Joint", "joint_ends", "polish"]

Floats = NDArray[np.float64]
#: Returns a target ``(B,)`` and its gradient ``(B, p + q)`` at coefficients and shapes of the
#: curves with given numbers.
Target = Callable[[Floats, Floats, Any], tuple[Floats, Floats]]
#: Times the target is linearised anew on the edge; four are typical.
_ROUNDS = 12


@dataclass(frozen=True, slots=True)
class Joint:
    """G problems in coefficients and search coordinates ``(G, p + q)``, then the log scale."""

    problem: LikelihoodProblem

    def take(self, rows: Any) -> Joint:
        """Return those of some of the curves."""
        return Joint(self.problem.take(rows))

    def tangent(self, state: Floats) -> Rows:
        """Return the linear problem that touches this one at ``state``."""
        problem, p = self.problem, self.problem.law.n_columns
        low, high = problem.bounds()
        u = np.clip(state[:, p:-1], low, high)
        rows = problem.rows(u[:, None, :])
        theta = tuple(t[..., None] for t in problem.theta(u))
        sign = np.reshape(problem.frame.sign, (-1, 1))
        columns = [rows.columns]
        for k, slopes in enumerate(problem.law.gradient(problem.z, theta, problem.frame)):
            along = sum(
                (state[:, j, None] * slope for j, slope in enumerate(slopes) if np.ndim(slope)),
                np.zeros(problem.z.shape[:2]),
            )
            along = sign * along * problem.law.shapes[k].coordinate.slope(u[:, k])[:, None]
            columns.append(np.repeat(along, problem.runs.shape[2], axis=1)[:, None, :])
        block = np.concatenate(columns, axis=1)
        bent = np.einsum("gqn,gq->gn", block[:, p:], state[:, p:-1])
        return Rows(rows.kernel, rows.y, rows.weight, rows.relative, block, rows.offset - bent)

    def model(self, state: Floats) -> Model:
        """Return objective, gradient and Gauss-Newton Hessian at ``state``, inside the box."""
        p = self.problem.law.n_columns
        low, high = self.problem.bounds()
        with np.errstate(all="ignore"):
            model = self.tangent(state).model(state)
        outside = ((state[:, p:-1] < low) | (state[:, p:-1] > high)).any(axis=1)
        model.rss[outside] = np.inf
        return model

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.problem.law.n_columns + len(self.problem.law.shapes)


def polish(problem: LikelihoodProblem, coefficients: Floats, u: Floats) -> Optimum:
    """Return the minimum that all parameters reach together from ``(G, p)`` and ``(G, q)``."""
    scale = np.zeros((len(u), 1))
    return minimise(Joint(problem), np.concatenate([coefficients, u, scale], axis=1), FINE)


def joint_ends(
    problem: LikelihoodProblem, coefficients: Floats, u: Floats, target: Target, cut: Floats
) -> tuple[Floats, Floats]:
    """Return the least and the greatest target ``(G,)`` on the edge of the compatible set.

    From the optimum the edge is reached along the target's gradient, and followed while that
    turns (Venzon & Moolgavkar 1988, doi:10.2307/2347496). An end that lies on a bound of the shapes
    is open.
    """
    best = polish(problem, coefficients, u)
    p = problem.law.n_columns
    every = Joint(problem)
    low, high = problem.bounds()
    ends = []
    for side in (-1.0, 1.0):
        result, pull = target(best.state[:, :p], best.state[:, p:-1], np.arange(len(u)))
        result = result.copy()
        left = np.arange(len(u))
        for _ in range(_ROUNDS):
            _, state = edge(every.take(left), best.take(left), pull, cut[left], side)
            value, pull = target(state[:, :p], state[:, p:-1], left)
            size = np.maximum(np.abs(value), np.abs(result[left]))
            going = side * (value - result[left]) > 1e-7 * size
            result[left] = side * np.maximum(side * value, side * result[left])
            near = 1e-3 * (high - low)[left]
            at = state[:, p:-1]
            result[left[((at < low[left] + near) | (at > high[left] - near)).any(axis=1)]] = (
                side * np.inf
            )
            going &= np.isfinite(result[left])
            if not going.any():
                break
            left, pull = left[going], pull[going]
        ends.append(result)
    return ends[0], ends[1]
