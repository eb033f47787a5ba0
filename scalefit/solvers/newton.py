"""Newton's method for linear coefficients under a likelihood: B problems with their shapes given.

The objective is ``n exp(2 L / n)`` for ``L`` minus the log likelihood at the best scale: the
residual sum of squares for normal errors, and its likeness for others.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ..kernel import Kernel, Pulls, pseudo_rss
from .linear import project

__all__ = [
    "FINE",
    "PROMISED",
    "ROUGH",
    "Model",
    "Modelled",
    "Optimum",
    "Rows",
    "edge",
    "end_given",
    "ends_given",
    "hold",
    "minimise",
    "start",
    "subsets",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Newton steps: while basins are looked for, and for a finished fit.
ROUGH, FINE = 6, 60
#: The share of the objective that the last step promises at most.
PROMISED = 1e-11
#: And that of a rough fit.
_ROUGHLY = 0.05
#: Share of the problems that must be done before they are left out: copies cost as well.
_LEAVE = 0.1
#: Steps along the edge of the compatible set; four are typical.
_EDGE_STEPS = 15


class Modelled(Protocol):
    """Problems whose objective is modelled by a parabola about any state."""

    @property
    def size(self) -> int:
        """Number of parameters."""

    def box(self) -> tuple[Floats, Floats] | None:
        """Return bounds of the parameters, two arrays ``(B, P)``; None where there are none."""

    def take(self, rows: Any) -> Self:
        """Return those of some of the problems."""

    def model(self, state: Floats) -> Model:
        """Return the objective about ``state[:, :-1]``, with the best log scale put in place."""


@dataclass(frozen=True, slots=True)
class Rows:
    """B problems with n runs at K sizes each, all shapes given.

    Parameters
    ----------
    kernel : Kernel
    y, weight, relative : arrays (B, n)
        Runs, how often each counts, and their relative scale.
    columns : array (B, p, n)
        Of the mean in the user's units: the sign is in them.
    offset : array (B, n)
    """

    kernel: Kernel
    y: Floats
    weight: Floats
    relative: Floats
    columns: Floats
    offset: Floats

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return int(self.columns.shape[1])

    def box(self) -> None:
        """Return None: coefficients have no bounds here."""

    @property
    def n(self) -> Floats:
        """Number of runs, ``(B,)``."""
        n: Floats = np.maximum(self.weight.sum(axis=1), 1.0)
        return n

    def take(self, rows: Any) -> Rows:
        """Return those of some of the problems."""
        return Rows(
            self.kernel.take(rows), self.y[rows], self.weight[rows], self.relative[rows],
            self.columns[rows], self.offset[rows],
        )  # fmt: skip

    def without(self, dropped: tuple[int, ...]) -> Rows:
        """Return the problems with some columns left out."""
        kept = [j for j in range(self.columns.shape[1]) if j not in dropped]
        return replace(self, columns=self.columns[:, kept])

    def mean(self, coefficients: Floats) -> Floats:
        """Return the means ``(B, n)``."""
        with np.errstate(over="ignore", invalid="ignore"):
            total: Floats = self.offset + np.einsum("bp,bpn->bn", coefficients, self.columns)
        return total

    def model(self, state: Floats) -> Model:
        """Return the objective about coefficients ``state[:, :-1]``, at the best scale.

        The log scale ``state[:, -1]`` is brought to its best value in place.
        """
        return self.modelled(self.mean(state[:, :-1]), state)

    def modelled(self, mean: Floats, state: Floats) -> Model:
        """Return the objective about a ``mean`` ``(B, n)`` of which the columns are the slopes."""
        columns = self.columns
        with np.errstate(all="ignore"):
            part = self.kernel.pulls(self.y, mean, self.relative, self.weight, state[:, -1])
            slope = (columns @ part.by_mean[:, :, None])[:, :, 0]
            bend = (columns * part.by_mean_twice[:, None, :]) @ columns.transpose(0, 2, 1)
            mixed = (columns @ part.by_both[:, :, None])[:, :, 0]
        return Model.of(part, self.n, slope, bend, mixed)


@dataclass(frozen=True, slots=True)
class Model:
    """The objective ``(B,)``, its gradient and its Hessian in the coefficients."""

    rss: Floats
    gradient: Floats
    hessian: Floats

    @classmethod
    def of(cls, part: Pulls, n: Floats, slope: Floats, bend: Floats, mixed: Floats) -> Model:
        """Return the model of ``n exp(2 L / n)`` from derivatives of L, with the scale at its best.

        ``mixed`` is the second derivative in parameters and log scale.
        """
        with np.errstate(all="ignore"):
            rss = pseudo_rss(part.value, n)
            stiff = part.by_scale_twice[:, None, None]
            stiff = np.where(stiff == 0, np.inf, stiff)  # a scale that does not give way
            # From minus the log likelihood to n exp(2 value / n), quadratic for normal errors.
            unit = 2.0 * rss / n
            tilt = (2.0 / n)[:, None, None] * slope[:, :, None] * slope[:, None, :]
            bend = bend - mixed[:, :, None] * mixed[:, None, :] / stiff + tilt
            gradient, hessian = unit[:, None] * slope, unit[:, None, None] * bend
        bad = ~np.isfinite(rss) | ~np.isfinite(hessian).all(axis=(1, 2))
        gradient[bad], hessian[bad] = 0.0, np.eye(slope.shape[1])
        return cls(np.where(bad, np.inf, rss), gradient, hessian)

    def put(self, rows: Any, other: Model) -> None:
        """Replace those of some of the problems."""
        self.rss[rows], self.gradient[rows] = other.rss, other.gradient
        self.hessian[rows] = other.hessian

    def take(self, rows: Any) -> Model:
        """Return those of some of the problems."""
        return Model(self.rss[rows], self.gradient[rows], self.hessian[rows])


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best coefficients and log scale ``(B, p + 1)``, and the objective about them."""

    state: Floats
    model: Model

    def take(self, rows: Any) -> Optimum:
        """Return those of some of the problems."""
        return Optimum(self.state[rows], self.model.take(rows))


def _positive(hessian: Floats) -> tuple[Floats, Floats, Floats]:
    """Return scaling, eigenvalues made positive, and eigenvectors of scaled Hessians."""
    size = np.sqrt(np.abs(np.einsum("bpp->bp", hessian)))
    size = np.where(size > 0, size, 1.0)
    scaled = hessian / (size[:, :, None] * size[:, None, :])
    values, vectors = np.linalg.eigh(scaled)
    values = np.abs(values)
    least = np.maximum(1e-13 * values.max(axis=1, keepdims=True), 1e-300)
    return size, np.maximum(values, least), vectors


def _solve(parts: tuple[Floats, Floats, Floats], right: Floats, damping: Floats | float) -> Floats:
    size, values, vectors = parts
    turned = np.einsum("bij,bi->bj", vectors, right / size)
    turned = turned / (values + np.reshape(damping, (-1, 1)))
    solved: Floats = np.einsum("bij,bj->bi", vectors, turned) / size
    return solved


def _newton_step(hessian: Floats, gradient: Floats, damping: Floats) -> Floats:
    """Return the damped Newton step; where a Hessian is not positive it is made so."""
    size = np.sqrt(np.abs(np.einsum("bpp->bp", hessian)))
    size = np.where(size > 0, size, 1.0)
    scaled = hessian / (size[:, :, None] * size[:, None, :])
    np.einsum("bpp->bp", scaled)[...] += damping[:, None]
    right, singular = (gradient / size)[:, :, None], np.zeros(len(size), dtype=bool)
    try:
        turned = np.linalg.solve(scaled, right)
    except np.linalg.LinAlgError:
        singular = np.linalg.det(scaled) == 0
        scaled[singular] = np.eye(scaled.shape[1])
        turned = np.linalg.solve(scaled, right)
    step: Floats = turned[:, :, 0] / size
    climbs = ~(np.einsum("bp,bp->b", step, gradient) > 0) & gradient.any(axis=1)
    climbs |= singular
    if climbs.any():
        some = _solve(_positive(hessian[climbs]), gradient[climbs], damping[climbs])
        step[climbs] = some
    return step


def minimise(problem: Modelled, state: Floats, steps: int, promised: float = PROMISED) -> Optimum:
    """Follow every problem down to its minimum by damped Newton steps, inside its box.

    It ends where a step promises a share of the objective less than ``promised``.
    """
    state = state.copy()
    model = problem.model(state)
    found = Optimum(state, model)
    if problem.size == 0:
        return found
    damping = np.zeros(len(state))
    rows = np.arange(len(state))
    part, box = problem, problem.box()
    for _ in range(steps):
        gradient, hessian, trial = model.gradient[rows], model.hessian[rows], state[rows]
        if box is not None:
            gradient, hessian = _released(trial[:, :-1], gradient, hessian, *box)
        step = -_newton_step(hessian, gradient, damping[rows])
        promise = -np.einsum("bp,bp->b", step, gradient) / np.maximum(model.rss[rows], 1e-300)
        trial[:, :-1] += step
        if box is not None:
            trial[:, :-1] = np.clip(trial[:, :-1], *box)
        new = part.model(trial)
        # Differences drown in rounding near the minimum, where Newton is safe anyway.
        better = new.rss < model.rss[rows]
        better |= (promise < 1e-9) & (new.rss <= model.rss[rows] * (1.0 + 1e-12))
        taken = rows[better]
        state[taken] = trial[better]
        model.put(taken, new.take(better))
        damping[rows] = np.where(better, 0.1 * damping[rows], 4.0 * damping[rows] + 0.03)
        damping[damping < 1e-3] = 0.0
        # Convergence is quadratic: what is left after such a step is below rounding.
        done = (promise < promised) | (damping[rows] > 1e8)
        if done.all():
            break
        if done.sum() > _LEAVE * len(done):
            rows = rows[~done]
            part = problem.take(rows)
            box = part.box()
    return found


def _released(
    at: Floats, gradient: Floats, hessian: Floats, low: Floats, high: Floats
) -> tuple[Floats, Floats]:
    """Return the model without the parameters that are pushed against their bounds."""
    held = ((at <= low) & (gradient > 0)) | ((at >= high) & (gradient < 0))
    if not held.any():
        return gradient, hessian
    free = ~held
    own = np.where(held, 1.0, np.einsum("bpp->bp", hessian))
    hessian = hessian * (free[:, :, None] & free[:, None, :])
    np.einsum("bpp->bp", hessian)[...] = own
    return np.where(held, 0.0, gradient), hessian


def start(problem: Rows) -> Floats:
    """Return coefficients by weighted least squares, and the scale of its residuals."""
    weight = problem.weight / problem.relative**2
    if problem.kernel.link == "log":
        weight = weight / problem.y**2
    columns = [problem.columns[:, j].T for j in range(problem.columns.shape[1])]
    fit = project(columns, (problem.y - problem.offset).T, weight.T, rising=False)
    n = np.maximum(problem.weight.sum(axis=1), 1.0)
    scale = np.sqrt(np.maximum(fit.rss / n, 0.0))
    mean = problem.mean(fit.coefficients)
    state = np.concatenate([fit.coefficients, np.zeros((len(scale), 1))], axis=1)
    used = problem.weight > 0
    least, most = problem.kernel.domain
    if len(columns) and (np.isfinite(least) or np.isfinite(most)):
        # A mean that no run can have is no start: shrink the curve towards a constant one.
        low = np.where(used, mean, np.inf).min(axis=1)
        high = np.where(used, mean, -np.inf).max(axis=1)
        middle = np.where(used, problem.y, 0.0).sum(axis=1) / n
        floor, ceiling = (0.98 * least + 0.02 * middle, 0.98 * most + 0.02 * middle)
        bad = (low <= floor) | (high >= ceiling)
        if bad.any():
            level = middle - problem.offset.T
            centre = project(columns, level, weight.T, rising=False).coefficients
            flat = problem.mean(centre)
            bottom = np.where(used, flat, np.inf).min(axis=1)
            top = np.where(used, flat, -np.inf).max(axis=1)
            with np.errstate(over="ignore"):
                down = (bottom - floor) / np.maximum(bottom - low, 1e-300)
                up = (ceiling - top) / np.maximum(high - top, 1e-300)
            mix = (0.9 * np.clip(np.minimum(down, up), 0.0, 1.0))[:, None]
            blend = centre + mix * (fit.coefficients - centre)
            state[:, :-1] = np.where(bad[:, None], blend, state[:, :-1])
            wide = 0.3 if problem.kernel.link == "log" else 0.0
            scale = np.where(bad, np.maximum(scale, wide), scale)
    state[:, -1] = np.log(np.maximum(scale, 1e-200))
    return state


def ends_given(
    rows: Rows, weights: Floats, limit: Floats, dropped: tuple[int, ...], rises: tuple[int, ...],
    side: Floats | None = None,
) -> tuple[Floats, Floats, Floats]:  # fmt: skip
    """Return the ends ``(B,)`` of a target with some columns held at zero, and a rough misfit.

    With ``side`` ``(B,)`` only the lower ends where it is -1, and the upper ones where it is 1.
    Ends, and fits, at which a rising coefficient is negative belong to another choice of columns.
    """
    kept = [j for j in range(weights.shape[1]) if j not in dropped]
    lower, upper = np.full(len(limit), np.inf), np.full(len(limit), -np.inf)
    part = rows.without(dropped)
    # Most shapes are out of the question, which a rough fit shows; an outlier takes it longer.
    rough = minimise(part, start(part), FINE, _ROUGHLY)
    free = [i for i, j in enumerate(kept) if j in rises]
    misfit = np.where((rough.state[:, free] < 0).any(axis=1), np.inf, rough.model.rss)
    near = np.flatnonzero(rough.model.rss <= 2.0 * limit)
    if not near.size:
        return lower, upper, misfit
    best = minimise(part.take(near), rough.state[near], FINE)
    inside = np.flatnonzero(best.model.rss <= limit[near])
    if not inside.size:
        return lower, upper, misfit
    for way, ends in ((-1.0, lower), (1.0, upper)):
        here = inside if side is None else inside[side[near[inside]] == way]
        if not here.size:
            continue
        some = near[here]
        target, state = edge(
            part.take(some), best.take(here), weights[some][:, kept], limit[some], way
        )
        ends[some] = np.where((state[:, free] < 0).any(axis=1), -way * np.inf, target)
    return lower, upper, misfit


def end_given(
    rows: Rows, weights: Floats, limit: Floats, side: Floats, dropped: tuple[int, ...],
    rises: tuple[int, ...],
) -> tuple[Floats, Floats, Floats]:  # fmt: skip
    """Return how far out the end on one side is ``(B,)``, where, and the least misfit.

    With some columns held at zero, as :func:`ends_given`. The place is that of the least misfit,
    coefficients and log scale ``(B, p + 1)``, where nothing is compatible or has a weight.
    """
    kept = [j for j in range(weights.shape[1]) if j not in dropped]
    part = rows.without(dropped)
    best = minimise(part, start(part), FINE)
    place, far = best.state.copy(), np.full(len(limit), -np.inf)
    inside, pull = best.model.rss <= limit, weights[:, kept]
    far[inside] = 0.0
    some = np.flatnonzero(inside & (pull != 0).any(axis=1))
    if some.size:
        target, place[some] = edge(
            part.take(some), best.take(some), pull[some], limit[some], side[some, None]
        )
        far[some] = side[some] * target
    free = [i for i, j in enumerate(kept) if j in rises]
    far[(place[:, free] < 0).any(axis=1)] = -np.inf
    misfit = np.where((best.state[:, free] < 0).any(axis=1), np.inf, best.model.rss)
    state = np.zeros((len(limit), weights.shape[1] + 1))
    state[:, [*kept, -1]] = np.where(far[:, None] > -np.inf, place, best.state)
    return far, state, misfit


def subsets(columns: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return every set of columns that may be held at zero, the empty one first."""
    sizes = range(len(columns) + 1)
    return [part for size in sizes for part in itertools.combinations(columns, size)]


def hold(found: Optimum, where: Ints, rows: Rows, rises: tuple[int, ...], steps: int) -> None:
    """Put the best optimum with some rising columns at zero and none below into ``found``."""
    least = np.full(len(where), np.inf)
    for dropped in subsets(rises)[1:]:
        kept = [j for j in range(found.state.shape[1]) if j not in dropped]
        part = rows.without(dropped)
        other = minimise(part, start(part), steps)
        state = np.zeros((len(where), found.state.shape[1]))
        state[:, kept] = other.state
        better = (other.model.rss < least) & ~(state[:, list(rises)] < 0).any(axis=1)
        least = np.where(better, other.model.rss, least)
        found.state[where[better]] = state[better]
        found.model.rss[where[better]] = other.model.rss[better]


def edge(
    rows: Modelled, best: Optimum, weights: Floats, limit: Floats, side: Floats | float,
    start: Floats | None = None,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Return the extreme target on the edge of the compatible set, and the state there.

    ``side`` is -1 for the least target and 1 for the greatest, or ``(B, 1)`` of these. The way
    begins at ``start``, by default at the optimum.

    Newton's method on the conditions of the constrained extremum: each step goes to the end of
    the ellipsoid that models the objective at the last one (Venzon & Moolgavkar 1988,
    doi:10.2307/2347496). For normal errors the first step is exact. A parameter that would leave
    its box stays on the bound.
    """
    if weights.shape[1] == 0:
        return np.zeros(len(limit)), best.state
    pull = side * weights
    moving = (weights != 0).any(axis=1)
    pull = np.where(moving[:, None], pull, 1.0)
    room = limit - best.model.rss
    state = best.state.copy() if start is None else start.copy()
    model = best.model.take(np.arange(len(state))) if start is None else rows.model(state)
    left = np.arange(len(state))  # the rows that have not settled
    part = rows
    for _ in range(_EDGE_STEPS):
        now, wall = model.take(left), limit[left]
        trial = state[left]
        trial[:, :-1] = _end_of_ellipsoid(now, trial[:, :-1], pull[left], wall, part.box())
        new = part.model(trial)
        for _ in range(8):  # beyond the domain, or far above the edge: half way back
            too_far = np.flatnonzero(~(new.rss <= wall + room[left]))
            if not too_far.size:
                break
            back = 0.5 * (trial[too_far] + state[left[too_far]])
            new.put(too_far, part.take(too_far).model(back))
            trial[too_far] = back
        # Target and misfit are stationary along the edge: an error of 1e-3 there is 1e-6 of them.
        moved = np.abs(trial - state[left])[:, :-1].max(axis=1)
        whole = np.abs(trial - best.state[left])[:, :-1].max(axis=1)
        settled = (moved <= 1e-3 * whole) & (np.abs(new.rss - wall) <= 1e-6 * room[left])
        state[left] = trial
        model.put(left, new)
        left = left[~settled]
        if not left.size:
            break
        part = rows.take(left)
    # Where the steps did not settle on the edge, stay inside it.
    for _ in range(40):
        over = np.flatnonzero(~(model.rss <= limit + 1e-6 * room))
        if not over.size:
            break
        state[over] = best.state[over] + 0.8 * (state[over] - best.state[over])
        back = state[over]
        model.put(over, rows.take(over).model(back))
    target: Floats = np.einsum("bp,bp->b", weights, state[:, :-1])
    return target, state


def _end_of_ellipsoid(
    now: Model, at: Floats, pull: Floats, wall: Floats, box: tuple[Floats, Floats] | None
) -> Floats:
    """Return where a target is largest on the ellipsoid that models the objective, in the box.

    Parameters that would leave the box are put on its bounds, and the others moved beside them.
    """
    held = np.zeros(at.shape, dtype=bool)
    fixed = np.zeros_like(at)  # how far the held ones are moved
    while True:
        gradient = now.gradient + np.einsum("bpq,bq->bp", now.hessian, fixed)
        height = now.rss + 0.5 * np.einsum("bp,bp->b", now.gradient + gradient, fixed)
        free = ~held
        hessian = now.hessian * (free[:, :, None] & free[:, None, :])
        np.einsum("bpp->bp", hessian)[held] = 1.0
        parts = _positive(hessian)
        to_bottom = -_solve(parts, np.where(held, 0.0, gradient), 0.0)
        along = _solve(parts, np.where(held, 0.0, pull), 0.0)
        depth = -0.5 * np.einsum("bp,bp->b", to_bottom, np.where(held, 0.0, gradient))
        slack = np.maximum(wall - height + depth, 0.0)
        length = np.einsum("bp,bp->b", along, np.where(held, 0.0, pull))
        reach = np.sqrt(2.0 * slack / np.where(length > 0, length, np.inf))
        trial: Floats = at + fixed + to_bottom + reach[:, None] * along
        if box is None:
            return trial
        inside: Floats = np.clip(trial, *box)
        over = (trial != inside) & free
        if not over.any():
            return inside
        held |= over
        fixed = np.where(over, inside - at, fixed)
