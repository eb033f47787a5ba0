"""Many tables of the same runs, near a common optimum: one parabola for all their curves.

Tables that are drawn anew from one differ only in how often each run counts. About the optimum of
the first the curve is nearly a quadratic function of its parameters, on the scale of the errors,
and all tables share its coefficients, so that each Newton step is a few matrix products. It ends
next to where Newton's method on the curves themselves would have ended after many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..kernel import Kernel
from .joint import Hint, Joint
from .likelihood import LikelihoodProblem
from .newton import Model, minimise

__all__ = ["Tangent"]

Floats = NDArray[np.float64]
#: A parabola is no better than seven digits, and they take half the time.
Singles = NDArray[Any]
#: Step of second derivatives, in units of the box for shapes and of the scores for coefficients.
_STEP = 1e-4
#: Newton steps, and the share of the objective that is not worth one: the parabola is no better.
_STEPS, _PROMISED = 12, 1e-5


@dataclass(frozen=True, slots=True)
class Tangent:
    """The parabola that touches a single curve at its optimum.

    Parameters
    ----------
    kernel : Kernel
        On the scale of the errors: its link is the identity.
    residual : array (n,)
        Runs less their means at the optimum, on that scale.
    relative : array (1, n) or (1, 1)
        Their relative scale.
    slopes, squares, bends : arrays (n, P), (n, P * P), (n, P * P)
        First derivatives of the means, their products, and the second derivatives.
    optimum : array (P,)
    low, high : arrays (P,)
        Bounds of the parameters.
    n_coefficients : int
    """

    kernel: Kernel
    residual: Singles
    relative: Singles
    slopes: Singles
    squares: Singles
    bends: Singles
    optimum: Floats
    low: Floats
    high: Floats
    n_coefficients: int

    @classmethod
    def at(cls, problem: LikelihoodProblem, coefficients: Floats, u: Floats) -> Tangent:
        """Return the parabola at coefficients ``(1, p)`` and shapes ``(1, q)``, of one curve."""
        joint = Joint(problem)
        state = np.concatenate([coefficients, u, np.zeros((1, 1))], axis=1)
        low, high = (bound[0] for bound in joint.box())
        log = problem.kernel.link == "log"
        rows, mean = joint.tangent(state)
        unit = 1.0 / mean[0] if log else np.ones_like(mean[0])
        slopes = (rows.columns[0] * unit).T

        p, size = problem.law.n_columns, joint.size
        wide = np.where(np.arange(size) < p, np.abs(mean).max(), high - low)
        bends = np.empty((len(slopes), size, size))
        for j in range(size):
            ends = []
            for side in (-_STEP, _STEP):
                moved = state.copy()
                moved[0, j] += side * wide[j]
                part, there = joint.tangent(moved)
                ends.append((part.columns[0] / (there[0] if log else 1.0)).T)
            bends[:, :, j] = (ends[1] - ends[0]) / (2.0 * _STEP * wide[j])
        bends = 0.5 * (bends + bends.transpose(0, 2, 1))
        y, centre, kernel = rows.y[0], mean[0], problem.kernel
        if log:
            y, centre = np.log(y), np.log(centre)
            kernel = cast("Kernel", replace(cast("Any", kernel), link="identity"))
        squares = slopes[:, :, None] * slopes[:, None, :]
        parts = (y - centre, rows.relative[:1], slopes, squares, bends)
        flat = len(slopes), -1
        residual, relative, first, products, second = (part.astype(np.float32) for part in parts)
        return cls(
            kernel, residual, relative, first, products.reshape(flat), second.reshape(flat),
            state[0, :-1], low, high, p,
        )  # fmt: skip

    def optima(self, times: Floats) -> Hint:
        """Return nearly the optima of tables whose runs count ``times`` ``(B, n)`` as often."""
        start = np.zeros((len(times), len(self.optimum) + 1))
        kernel = self.kernel.take(np.zeros(len(times), dtype=np.intp))
        tables = _Tables(self, kernel, times.astype(np.float32))
        moved = minimise(tables, start, _STEPS, _PROMISED).state[:, :-1]
        state = np.clip(self.optimum + moved, self.low, self.high)
        return state[:, : self.n_coefficients], state[:, self.n_coefficients :]


@dataclass(frozen=True, slots=True)
class _Tables:
    """B tables of the same runs, in how far their parameters are from the common optimum."""

    about: Tangent
    kernel: Kernel
    times: Singles

    @property
    def size(self) -> int:
        """Number of parameters."""
        return len(self.about.optimum)

    def box(self) -> None:
        """Return None: a step may go anywhere."""

    def take(self, rows: Any) -> _Tables:
        """Return some of the tables."""
        return _Tables(self.about, self.kernel.take(rows), self.times[rows])

    def model(self, state: Floats) -> Model:
        """Return the objective about moves ``state[:, :-1]``, at the best scale."""
        about, size = self.about, self.size
        move = state[:, :-1].astype(about.slopes.dtype)
        twice = (move[:, :, None] * move[:, None, :]).reshape(len(move), -1)
        mean = move @ about.slopes.T + twice @ (0.5 * about.bends.T)
        residual = np.broadcast_to(about.residual, mean.shape)
        with np.errstate(all="ignore"):
            part = self.kernel.pulls(residual, mean, about.relative, self.times, state[:, -1])
            turned = (part.by_mean @ about.bends).reshape(-1, size, size)
            slope = part.by_mean @ about.slopes + (turned @ move[:, :, None])[:, :, 0]
            bend = (part.by_mean_twice @ about.squares).reshape(-1, size, size) + turned
            mixed = part.by_both @ about.slopes
        return Model.of(part, self.times.sum(axis=1), slope, bend, mixed)
