"""Variable projection over the shape parameters: scan all, polish every basin, certify.

Given its shape parameters a law is linear, so the residual sum of squares becomes a function of
few numbers only (Golub & Pereyra 1973, doi:10.1137/0710036). It is scanned over the whole
box of admissible shapes, every local minimum of the scan is polished by a safeguarded Newton
method, and the best is returned with what was seen on the way. One curve is a batch of one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ..laws.law import Frame, Law, Terms
from .linear import Projection, project, screen
from .scan import scan
from .shapes import box, shapes_at

__all__ = ["Problem", "Search", "Solution", "screening", "solve"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Elements of one work array: small enough to stay in a core's cache.
_BLOCK = 150_000
#: Enough for the curved ridge of a two-shape law on data without noise; most starts take six.
_NEWTON_STEPS = 400
_DIFFERENCE = 1e-5


class Search(Protocol):
    """What :func:`solve` needs of a problem: an objective in the shapes alone."""

    @property
    def law(self) -> Law:
        """The law."""

    @property
    def frame(self) -> Frame:
        """The frame, of shape ``(G, 1)``."""

    @property
    def z(self) -> Floats:
        """Log sizes, ``(G, K)`` or ``(G, K, D)``."""

    def __len__(self) -> int: ...

    def take(self, rows: Any) -> Self:
        """Return the problem of some of the curves."""

    def held(self, rising: bool) -> Self:
        """Return the problem with or without the curves held to rise."""

    def in_spreads(self) -> tuple[Self, Floats]:
        """Return the problem in units of the scores' spread, and these units."""

    def spread(self) -> Floats:
        """Return what gradients are measured against, ``(G,)``."""

    def bounds(self) -> tuple[Floats, Floats]:
        """Return the box of the search coordinates ``u``, two arrays of shape ``(G, q)``."""

    def theta(self, u: Floats) -> tuple[Floats, ...]:
        """Return the shape parameters at search coordinates ``u`` of shape ``(..., q)``."""

    def at_once(self, many: int) -> int:
        """Return how many curves to screen at once at ``many`` shapes each."""

    def screen(self, u: Floats) -> Floats:
        """Return the objective at ``u`` of shape ``(G, M, q)``, good enough to find basins."""

    def rss(self, u: Floats) -> Floats:
        """Return the objective at ``u`` of shape ``(G, M, q)`` with all digits."""

    def objective(self, u: Floats) -> tuple[Floats, Floats]:
        """Return the objective and its gradient at ``u`` of shape ``(G, q)``."""

    def coefficients(self, u: Floats) -> Floats:
        """Return the best coefficients ``(G, p)`` at ``u`` of shape ``(G, q)``."""

    def ends(
        self, u: Floats, terms: Terms, cut: Floats, rising: bool
    ) -> tuple[Floats, Floats, Floats]:
        """Return the least and greatest target compatible with the data, and the misfit there."""


@dataclass(frozen=True, slots=True)
class Problem:
    """G curves to be fitted by one law.

    Parameters
    ----------
    law : Law
        A law whose mean is linear given its shape parameters.
    z, y, weight : arrays (G, K)
        Log sizes; scores oriented "higher is better", less the law's offset; weights, of which 0
        leaves a point out.
    frame : Frame
        Of shape ``(G, 1)``.
    rising : bool
        Whether the last coefficient is held at zero or above.
    """

    law: Law
    frame: Frame
    z: Floats
    y: Floats
    weight: Floats
    rising: bool

    def __len__(self) -> int:
        return len(self.z)

    @classmethod
    def pose(
        cls, law: Law, z: Floats, y: Floats, weight: Floats, frame: Frame, *, rising: bool
    ) -> Problem:
        """Return the problem of fitting scores ``y``, with a frame of shape ``(G,)``."""
        wide = frame.expand(1)
        return cls(law, wide, z, y - law.offset(z, (), wide, np), weight, rising)

    def take(self, rows: Any) -> Problem:
        """Return the problem of some of the curves."""
        frame = self.frame.map(lambda v: v[rows])
        return Problem(self.law, frame, self.z[rows], self.y[rows], self.weight[rows], self.rising)

    def held(self, rising: bool) -> Problem:
        """Return the problem with or without the curves held to rise."""
        return replace(self, rising=rising)

    def bounds(self) -> tuple[Floats, Floats]:
        """Return the box of the search coordinates ``u``, two arrays of shape ``(G, q)``."""
        return box(self.law, self.frame)

    def theta(self, u: Floats) -> tuple[Floats, ...]:
        """Return the shape parameters at search coordinates ``u`` of shape ``(..., q)``."""
        return shapes_at(self.law, u)

    def columns(self, u: Floats) -> tuple[Any, ...]:
        """Return the law's columns at ``u`` of shape ``(G, M, q)``: scalars or ``(G, M, K)``."""
        theta = tuple(t[..., None] for t in self.theta(u))
        return self.law.columns(self.z[:, None], theta, self.frame.expand(1), np)

    def project(self, u: Floats, *, passes: int = 2) -> Projection:
        """Return the linear fits at ``u`` of shape ``(G, M, q)`` for all curves and M shapes."""
        target, weight = self.y[:, None, :], self.weight[:, None, :]
        return project(self.columns(u), target, weight, rising=self.rising, passes=passes)

    def at_once(self, many: int) -> int:
        """Return how many curves to screen at once at ``many`` shapes each."""
        return max(1, _BLOCK // (many * int(self.z.shape[1])))

    def screen(self, u: Floats) -> Floats:
        """Return the residual sums of squares at ``u`` ``(G, M, q)``, with half the digits."""
        target, weight = self.y[:, None, :], self.weight[:, None, :]
        found: Floats = screen(self.columns(u), target, weight, rising=self.rising)
        return found

    def rss(self, u: Floats) -> Floats:
        """Return the residual sums of squares at ``u`` of shape ``(G, M, q)``."""
        found: Floats = self.project(u).rss
        return found

    def coefficients(self, u: Floats) -> Floats:
        """Return the best coefficients ``(G, p)`` at ``u`` of shape ``(G, q)``."""
        found: Floats = self.project(u[:, None, :]).coefficients[:, 0, :]
        return found

    def in_spreads(self) -> tuple[Problem, Floats]:
        """Return the problem in units of the scores' spread, so that tolerances have a meaning."""
        total = np.maximum(self.weight.sum(axis=-1, keepdims=True), 1e-300)
        centre = np.sum(self.weight * self.y, axis=-1, keepdims=True) / total
        spread = np.sqrt(np.sum(self.weight * (self.y - centre) ** 2, axis=-1) / total[:, 0])
        scale = np.where(spread > 0, spread, 1.0)
        return replace(self, y=self.y / scale[:, None]), scale

    def spread(self) -> Floats:
        """Return what gradients are measured against, ``(G,)``."""
        total: Floats = np.maximum(self.weight.sum(axis=-1), 1e-300)
        return total

    def ends(
        self, u: Floats, terms: Terms, cut: Floats, rising: bool
    ) -> tuple[Floats, Floats, Floats]:
        """Return the least and the greatest target with a misfit up to ``cut``, given the shapes.

        Parameters
        ----------
        u : array (G, M, q)
            Shapes.
        terms : Terms
            The target, oriented as the user's scores, at these shapes.
        cut : array (G,)
            Misfit up to which values are compatible with the data.
        rising : bool
            Whether the curve is held to rise.

        Returns
        -------
        lower, upper : arrays (G, M)
            Where no coefficients are compatible the lower end is inf and the upper one -inf.
        misfit : array (G, M)
            Of the best coefficients.
        """
        fit = self.project(u, passes=1 if u.shape[-1] > 1 else 2)
        turned = fit.orthogonal(terms.weights)
        slack = cut[:, None] - fit.rss
        centre = np.zeros(slack.shape) + terms.offset
        spread = np.zeros(slack.shape)
        for j, weight in enumerate(turned):
            centre = centre + weight * fit.scores[..., j]
            spread = spread + weight * weight / fit.norms[..., j]
        half = np.sqrt(spread * np.maximum(slack, 0.0))
        lower = np.where(slack >= 0, centre - half, np.inf)
        upper = np.where(slack >= 0, centre + half, -np.inf)
        if rising:
            last, norm, score = turned[-1], fit.norms[..., -1], fit.scores[..., -1]
            # With the last coefficient at zero: the ends of the same target on that edge.
            edge_slack = cut[:, None] - fit.rss_edge
            edge_spread = np.maximum(spread - last * last / norm, 0.0)
            edge_half = np.sqrt(edge_spread * np.maximum(edge_slack, 0.0))
            edge = centre - last * score
            reach = np.sqrt(np.maximum(slack, 0.0) / np.where(spread > 0, spread, np.inf))
            shift = reach * last / norm
            low_edge = np.where(edge_slack >= 0, edge - edge_half, np.inf)
            high_edge = np.where(edge_slack >= 0, edge + edge_half, -np.inf)
            lower = np.where(score - shift < 0, low_edge, lower)
            upper = np.where(score + shift < 0, high_edge, upper)
        nothing = np.isnan(lower) | np.isnan(upper)
        misfit = fit.rss
        if rising:
            misfit = np.where(fit.scores[..., -1] <= 0, fit.rss_edge, fit.rss)
        return np.where(nothing, np.inf, lower), np.where(nothing, -np.inf, upper), misfit

    def objective(self, u: Floats) -> tuple[Floats, Floats]:
        """Return the residual sum of squares and its gradient at ``u`` of shape ``(G, q)``."""
        theta = tuple(t[..., None] for t in self.theta(u))
        columns = self.law.columns(self.z, theta, self.frame, np)
        fit = project(columns, self.y, self.weight, rising=self.rising)
        pull = -2.0 * self.weight * fit.residual
        coefficients = fit.coefficients
        gradient = np.empty_like(u)
        for k, slopes in enumerate(self.law.gradient(self.z, theta, self.frame)):
            total = np.zeros(len(u))
            for j, slope in enumerate(slopes):
                if np.ndim(slope):  # a scalar is a column that does not depend on this shape
                    total = total + coefficients[..., j] * np.add.reduce(pull * slope, axis=-1)
            gradient[:, k] = total * self.law.shapes[k].coordinate.slope(u[..., k])
        return fit.rss, gradient


@dataclass(frozen=True, slots=True)
class Solution:
    """The global optimum of each of G curves, and what the search saw.

    Parameters
    ----------
    u : array (G, q)
        Search coordinates of the optimum.
    rss : array (G,)
        Residual sum of squares there.
    curvature : array (G, q, q)
        Second derivatives of ``rss`` in ``u``.
    gradient : array (G,)
        Largest component of the projected gradient, relative to ``rss`` at a flat curve.
    n_basins : array (G,) of int
        Distinct local minima after polishing.
    runner_up : array (G,)
        ``rss`` of the second best minimum over that of the best; inf if there is one basin.
    at_bound : array (G, q) of int
        -1 or +1 where the optimum lies on a bound, else 0.
    """

    u: Floats
    rss: Floats
    curvature: Floats
    gradient: Floats
    n_basins: Ints
    runner_up: Floats
    at_bound: Ints

    def take(self, rows: Any) -> Solution:
        """Return the solution of some of the curves."""
        return Solution(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Solution]) -> Solution:
        """Return the solutions of several batches one after the other."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, n) for part in parts]) for n in names))

    def put(self, rows: Ints, other: Solution) -> Solution:
        """Return a copy in which the curves ``rows`` are those of ``other``."""
        parts = []
        for field in fields(self):
            part = getattr(self, field.name).copy()
            part[rows] = getattr(other, field.name)
            parts.append(part)
        return Solution(*parts)


def solve(problem: Search) -> Solution:
    """Return the global least-squares optimum of every curve of ``problem``."""
    n_curves = len(problem)
    q = len(problem.law.shapes)
    if q == 0:
        none = np.zeros((n_curves, 0))
        rss = problem.rss(np.zeros((n_curves, 1, 0)))[:, 0]
        ones = np.ones(n_curves, dtype=np.intp)
        return Solution(
            none, rss, np.zeros((n_curves, 0, 0)), np.zeros(n_curves), ones,
            np.full(n_curves, np.inf), np.zeros((n_curves, 0), dtype=np.intp),
        )  # fmt: skip
    scaled, scale = problem.in_spreads()
    lower, upper = scaled.bounds()
    curve, start, width = _scan(scaled, lower, upper)
    started = scaled.take(curve)
    u, rss, gradient = _polish(started, start, lower[curve], upper[curve], width)
    best, n_basins, runner_up = _select(curve, u, rss, width, n_curves)
    u, rss, gradient = u[best], rss[best], gradient[best]
    curvature = _curvature(scaled.objective, u, gradient, upper)
    at_bound = np.where(u <= lower, -1, 0) + np.where(u >= upper, 1, 0)
    gradient = np.where(at_bound * gradient < 0, 0.0, gradient)
    return Solution(
        u,
        rss * scale**2,
        curvature * scale[:, None, None] ** 2,
        np.abs(gradient).max(axis=-1) / scaled.spread(),
        n_basins,
        runner_up,
        at_bound,
    )


def _scan(problem: Search, lower: Floats, upper: Floats) -> tuple[Ints, Floats, Floats]:
    """Scan the box; return curve, position and grid spacing of every local minimum found."""
    counts = tuple(shape.points for shape in problem.law.shapes)
    curve, position = scan(screening(problem, lower, upper), counts)
    width = (upper - lower) / (np.array(counts) - 1)
    return curve, lower[curve] + position * (upper - lower)[curve], width[curve]


def screening(problem: Search, lower: Floats, upper: Floats) -> Callable[[Floats], Floats]:
    """Return the function that screens all curves ``(G, M)`` at positions ``(M, q)`` in the box."""

    def misfit(positions: Floats) -> Floats:
        step = problem.at_once(len(positions))
        rss = np.empty((len(problem), len(positions)))
        for first in range(0, len(problem), step):
            rows = slice(first, first + step)
            u = lower[rows, None, :] + positions * (upper - lower)[rows, None, :]
            rss[rows] = problem.take(rows).screen(u)
        return np.where(np.isfinite(rss), rss, np.inf)

    return misfit


def _curvature(
    objective: Callable[[Floats], tuple[Floats, Floats]],
    u: Floats,
    gradient: Floats,
    upper: Floats,
) -> Floats:
    """Return second derivatives by differences of the exact gradient, stepping inside the box."""
    q = u.shape[1]
    curvature = np.empty((len(u), q, q))
    for j in range(q):
        moved = u.copy()
        inward = np.where(u[:, j] + _DIFFERENCE > upper[:, j], -_DIFFERENCE, _DIFFERENCE)
        moved[:, j] += inward
        curvature[:, :, j] = (objective(moved)[1] - gradient) / inward[:, None]
    return 0.5 * (curvature + curvature.transpose(0, 2, 1))


def _polish(
    problem: Search, u: Floats, lower: Floats, upper: Floats, width: Floats
) -> tuple[Floats, Floats, Floats]:
    """Follow every start down to its local minimum by Newton steps inside the box.

    The Hessian comes from differences of the exact gradient, with its eigenvalues made positive
    (so that a saddle repels); steps are limited to a radius that shrinks when a step fails. Near
    the optimum, where differences of ``rss`` are below rounding, a step must shrink the gradient.
    """
    u = u.copy()
    rss, gradient = problem.objective(u)
    radius = 2.0 * width.max(axis=-1)
    rows = np.arange(len(u))  # the starts still moving
    part, low, high = problem, lower, upper
    for _ in range(_NEWTON_STEPS):
        at, value, slope = u[rows], rss[rows], gradient[rows]
        curvature = _curvature(part.objective, at, slope, high)
        # A coordinate that is pushed against a bound goes onto it, and leaves the Newton step.
        near = 1e-6 * (high - low)
        held_low, held_high = (at <= low + near) & (slope > 0), (at >= high - near) & (slope < 0)
        held = held_low | held_high
        step = _newton_step(curvature, slope, held)
        longest = np.abs(step).max(axis=-1)
        step *= (radius[rows] / np.maximum(longest, radius[rows]))[:, None]
        trial = np.clip(at + step, low, high)
        trial = np.where(held_low, low, np.where(held_high, high, trial))
        trial_value, trial_slope = part.objective(trial)
        steepness = np.abs(np.where(held, 0.0, slope)).max(axis=-1)
        flatter = np.abs(np.where(held, 0.0, trial_slope)).max(axis=-1) < steepness
        level = np.abs(trial_value - value) <= 1e-10 * value
        better = (trial_value < value) & ~level | level & flatter
        moved = np.abs(trial - at).max(axis=-1)
        accepted = rows[better]
        u[accepted], rss[accepted] = trial[better], trial_value[better]
        gradient[accepted] = trial_slope[better]
        radius[rows] *= np.where(better, 2.0, 0.2)
        # A coordinate that is worse on its bound than beside it goes there in vain at any radius.
        stuck = (moved < 1e-9) | (radius[rows] < 1e-12)
        done = (moved <= 1e-14 * (1.0 + np.abs(at).max(axis=-1))) | (~better & stuck)
        if done.any():
            if done.all():
                break
            rows = rows[~done]
            part, low, high = problem.take(rows), lower[rows], upper[rows]
    return u, rss, gradient


def _newton_step(curvature: Floats, slope: Floats, held: NDArray[np.bool_]) -> Floats:
    """Return ``-|H|^-1 g`` over the coordinates that are not held at a bound."""
    free = ~held
    slope = np.where(held, 0.0, slope)
    hessian = curvature * (free[:, :, None] & free[:, None, :])
    if hessian.shape[-1] == 1:
        size = np.abs(hessian[:, 0])
        return -slope / np.where(size > 0, size, np.inf)
    values, vectors = np.linalg.eigh(hessian)
    size = np.abs(values)
    floor = 1e-12 * size.max(axis=-1, keepdims=True)
    turned = np.einsum("gij,gi->gj", vectors, slope)
    turned = turned / np.where(size > floor, size, np.inf)
    step: Floats = -np.einsum("gij,gj->gi", vectors, turned)
    return step


def _select(
    curve: Ints, u: Floats, rss: Floats, width: Floats, n_curves: int
) -> tuple[Ints, Ints, Floats]:
    """Return per curve the row of the best minimum, the number of distinct ones, the runner-up."""
    order = np.lexsort((rss, curve))
    first = np.searchsorted(curve[order], np.arange(n_curves))
    best = order[first]
    apart = np.any(np.abs(u - u[best][curve]) > 0.5 * width, axis=-1)
    n_basins = 1 + np.bincount(curve, weights=apart, minlength=n_curves).astype(np.intp)
    runner_up = np.full(n_curves, np.inf)
    np.minimum.at(runner_up, curve[apart], rss[apart])
    floor = np.maximum(rss[best], 1e-300)
    return best, n_basins, runner_up / floor
