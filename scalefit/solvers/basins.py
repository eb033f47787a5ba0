"""Down to the bottom of every basin: Newton's method in a box, for many starts at once.

Coordinates come first in all arrays, starts last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from .records import either, joined, put, take

__all__ = ["Bottom", "Curved", "Quadratic", "differenced", "eigen", "inward", "minima"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

#: Enough for the curved ridge of a two-shape law on data without noise; most starts take eight.
_STEPS = 200
#: Steps before the starts that are left are brought together anew.
_TOGETHER = 6
#: Terms of sums that are worked on at once.
_BLOCK = 24_000
#: A step this small that promises so little of the objective is the last one, and so is one that
#: promises nothing: convergence is quadratic, and what is left is rounding. By a kink, second
#: differences make steps small that promise much.
_LAST_STEP, _LITTLE, _NOTHING = 1e-7, 1e-11, 1e-13
#: A step this small that promises so little is made without a look at where it ends: what is left
#: of the way is about its square.
_UNSEEN, _SOME = 1e-6, 1e-9
#: Trust radius of the first step, in grid spacings, and the least one.
_RADIUS, _LEAST_RADIUS = 2.0, 1e-9
#: Share of the promised gain that a step must make for the radius to grow.
_GOOD = 0.75
#: A change of the objective below this share of it says nothing, and the gradient decides.
_LEVEL = 1e-10
#: A start is given up when so many times its promise do not reach so near to the best one.
_PROMISES, _ABOVE, _PATIENCE = 20.0, 1.0 + 1e-6, 4
_DIFFERENCE = 1e-5


@dataclass(frozen=True, slots=True)
class Quadratic:
    """An objective ``(B,)``, its gradient ``(q, B)`` and its second derivatives ``(q, q, B)``."""

    value: Floats
    slope: Floats
    bend: Floats


class Curved(Protocol):
    """Problems with an objective in a few coordinates."""

    @property
    def n_terms(self) -> int:
        """Number of terms that the objective of one start is a sum of."""

    def take(self, rows: Any) -> Self:
        """Return some of the problems."""

    def model(self, u: Floats, step: Floats) -> Quadratic:
        """Return the objective at ``u`` of shape ``(q, B)``, with two derivatives.

        ``step``, of the same shape, is for those that have to be differences.
        """


@dataclass(frozen=True, slots=True)
class Bottom:
    """Where B starts ended ``(q, B)``, and the objective about it."""

    u: Floats
    model: Quadratic


def minima(
    problem: Curved, u: Floats, lower: Floats, upper: Floats, unit: Floats, owner: Ints
) -> Bottom:
    """Follow every start down to its local minimum in a box.

    Parameters
    ----------
    problem : Curved
        One problem a start.
    u, lower, upper : arrays (q, B)
        Starts, and the box.
    unit : array (q, B)
        Lengths in which steps are measured, such as the spacing of the grid.
    owner : array (B,) of int
        Starts of one owner compete: those that cannot reach the best one are given up. Rising.

    Notes
    -----
    Newton steps within a trust radius, with the eigenvalues of the Hessian made positive so that a
    saddle repels. A step that would leave the box ends on its wall, and the other coordinates go
    where that is best. In a bent valley a good step lands on a slope: it is taken nevertheless, and
    taken back if the next one does not make up for it (the watchdog of Chamberlain et al. 1982,
    doi:10.1007/BFb0120945). Near the optimum, where differences of the objective are below
    rounding, a step must shrink the gradient.
    """
    q, n_starts = u.shape
    bottom = Bottom(
        u.copy(),
        Quadratic(np.empty(n_starts), np.empty((q, n_starts)), np.empty((q, q, n_starts))),
    )
    best = np.full(int(owner.max(initial=-1)) + 1, np.inf)
    step = max(1, _BLOCK // problem.n_terms)
    pool = []
    for rows in _blocks(owner, step):
        at, low, high, size = (take(values, rows) for values in (u, lower, upper, unit))
        found = problem.take(rows).model(at, inward(at, high))
        radius = np.full(len(rows), _RADIUS)
        ahead = _ahead(found, radius, at, low, high, size)
        start = _Descent(
            rows, owner[rows], low, high, size, at, found, at, found, radius, ahead,
            np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=np.intp),
        )  # fmt: skip
        pool.append(_left(*_ended(start, ~start.astray), bottom)[0])
    while True:
        # Starts that take long go on together, so that no pass is made for a few of them.
        moving = joined(pool)
        pool = [take(moving, rows) for rows in _blocks(moving.owner, step)]
        if not moving.owner.size:
            return bottom
        pool = [_some_steps(problem, start, best, bottom) for start in pool]


def _blocks(owner: Ints, size: int) -> list[Ints]:
    """Return starts in blocks of about a size, those of one owner together.

    So whatever they do to each other does not depend on the company of their owner. No block is
    empty, unless there are no starts.
    """
    cuts = np.unique(np.searchsorted(owner, owner[size::size]))
    return np.split(np.arange(len(owner)), cuts[cuts > 0])


@dataclass(frozen=True, slots=True)
class _Ahead:
    """The next steps and the coordinates held on walls ``(q, B)``, what is promised ``(B,)``."""

    step: Floats
    held: Bools
    promise: Floats

    def steepest(self, slope: Floats) -> Floats:
        """Return the largest part of gradients ``(q, B)`` along what is not held, ``(B,)``."""
        return _largest(np.where(self.held, 0.0, slope))


@dataclass(frozen=True, slots=True)
class _Descent:
    """B starts on their way.

    Parameters
    ----------
    number, owner : array (B,) of int
        Which start, and whose.
    low, high, unit : array (q, B)
        The box, and the unit of length.
    u, found : array (q, B), Quadratic
        The best place yet, and the objective about it.
    at, now : array (q, B), Quadratic
        Where the next step starts.
    radius : array (B,)
        Trust radius, in units.
    ahead : _Ahead
        The next step.
    astray : array (B,) of bool
        Where the last step went uphill.
    turns : array (B,) of int
        Steps made.
    """

    number: Ints
    owner: Ints
    low: Floats
    high: Floats
    unit: Floats
    u: Floats
    found: Quadratic
    at: Floats
    now: Quadratic
    radius: Floats
    ahead: _Ahead
    astray: Bools
    turns: Ints


def _some_steps(problem: Curved, start: _Descent, best: Floats, bottom: Bottom) -> _Descent:
    """Return those of some starts that are still moving; the others are put into ``bottom``.

    ``best`` is brought up to date.
    """
    part = problem.take(start.number)
    for _ in range(_TOGETHER):
        many = len(start.number)
        start, left = _left(*_one_step(part, start, best), bottom)
        if not left.size:
            break
        if len(left) < many:
            part = part.take(left)
    return start


def _left(start: _Descent, done: Bools, bottom: Bottom) -> tuple[_Descent, Ints]:
    """Return the starts that go on, and which they are; the others are put into ``bottom``."""
    left = np.flatnonzero(~done)
    if len(left) == len(done):
        return start, left
    over = np.flatnonzero(done)
    number = start.number[over]
    bottom.u[:, number] = take(start.u, over)
    put(bottom.model, number, take(start.found, over))
    return take(start, left), left


def _ended(start: _Descent, among: Bools) -> tuple[_Descent, Bools]:
    """Return the starts; and which, ``among`` some, made a last step too small for a look.

    It leads to where the gradient vanishes: not away from a maximum, nor up to a wall close by.
    """
    ahead, found = start.ahead, start.found
    step, promise = ahead.step, ahead.promise
    last = among & (_largest(step) <= _UNSEEN * (1.0 + _largest(start.u)))
    last &= (promise >= 0) & (promise <= _SOME * found.value)
    if not last.any():
        return start, last
    last &= ~_limited(step, start.unit, start.radius)
    left = found.slope + _times(found.bend, step)
    last &= ahead.steepest(left) <= 0.5 * ahead.steepest(found.slope)
    u = np.where(last, np.clip(start.u + step, start.low, start.high), start.u)
    value = found.value - np.where(last, promise, 0.0)
    return replace(start, u=u, found=replace(found, value=value)), last


@np.errstate(invalid="ignore")  # objectives may be infinite
def _one_step(problem: Curved, start: _Descent, best: Floats) -> tuple[_Descent, Bools]:
    """Return the starts one step further, and which have come to an end."""
    found, radius, ahead = start.found, start.radius, start.ahead
    low, high, unit, turns = start.low, start.high, start.unit, start.turns + 1
    step, promise = ahead.step, ahead.promise
    moved = _largest(step)
    trial = np.minimum(np.maximum(start.at + step, low), high)
    new = problem.model(trial, inward(trial, high))
    level = np.abs(new.value - found.value) <= _LEVEL * found.value
    flatter = ahead.steepest(new.slope) < ahead.steepest(found.slope)
    better = np.where(level, flatter, new.value < found.value)
    astray = ~(better | start.astray) & (moved > 1e-6)
    back = ~(better | astray)
    limited = _limited(step, unit, radius)
    good = better & limited & (level | (start.now.value - new.value > _GOOD * promise))
    radius = np.where(astray, np.minimum(_length(step, unit), radius), radius)
    radius = radius * np.where(back, 0.25, np.where(good, 2.0, 1.0))
    u, found = np.where(better, trial, start.u), either(better, new, found)
    at, now = np.where(back, u, trial), either(back, found, new)
    np.minimum.at(best, start.owner, found.value)
    still = ~limited & (moved <= _LAST_STEP * (1.0 + _largest(at)))
    still &= promise <= _LITTLE * found.value
    still = (still | (promise <= _NOTHING * found.value)) & ~(astray | start.astray & back)
    hopeless = found.value - _PROMISES * promise > _ABOVE * best[start.owner]
    hopeless &= ~(astray | limited) & (turns > _PATIENCE)
    ahead = _ahead(now, radius, at, low, high, unit)
    done = still | hopeless | (radius < _LEAST_RADIUS) | (turns >= _STEPS)
    start = replace(
        start, u=u, found=found, at=at, now=now, radius=radius, ahead=ahead, astray=astray,
        turns=turns,
    )  # fmt: skip
    start, last = _ended(start, better)
    return start, done | last


def _ahead(
    now: Quadratic, radius: Floats, at: Floats, low: Floats, high: Floats, unit: Floats
) -> _Ahead:
    """Return the steps to make from ``at``."""
    step, held = _step(now, radius, at, low, high, unit)
    promise = -np.add.reduce((now.slope + 0.5 * _times(now.bend, step)) * step)
    return _Ahead(step, held, promise)


def _length(step: Floats, unit: Floats) -> Floats:
    """Return the lengths of steps in units, ``(B,)``."""
    length: Floats = np.sqrt(np.add.reduce((step / unit) ** 2))
    return length


def _limited(step: Floats, unit: Floats, radius: Floats) -> Bools:
    """Return which steps a trust radius has cut short, ``(B,)``."""
    return np.asarray(_length(step, unit) > 0.8 * radius)


def _largest(values: Floats) -> Floats:
    """Return the largest size of any coordinate, ``(B,)``."""
    largest: Floats = np.maximum.reduce(np.abs(values))
    return largest


def _times(matrix: Floats, vector: Floats) -> Floats:
    """Return matrices ``(q, q, B)`` times vectors ``(q, B)``."""
    product: Floats = np.add.reduce(matrix * vector, axis=1)
    return product


def _step(
    now: Quadratic, radius: Floats, at: Floats, low: Floats, high: Floats, unit: Floats
) -> tuple[Floats, Bools]:
    """Return steps in the box, and which coordinates are held on its walls."""
    near = 1e-6 * (high - low)
    below, above = (at <= low + near) & (now.slope > 0), (at >= high - near) & (now.slope < 0)
    held = below | above
    given = np.where(below, low - at, np.where(above, high - at, 0.0))
    step = _free_step(now, given, np.where(held, 0.0, unit), radius)
    for _ in range(len(at) - 1):
        goal = at + step
        out = ~held & ((goal < low) | (goal > high))
        rows = np.flatnonzero(np.logical_or.reduce(out))
        if not rows.size:
            break
        # What leaves the box goes to its wall, and the rest follows from that.
        held |= out
        fixed = take(held, rows)
        goal, size = (take(values, rows) for values in (step, unit))
        wall = np.clip(goal, take(low - at, rows), take(high - at, rows))
        step[:, rows] = _free_step(
            take(now, rows), np.where(fixed, wall, 0.0), np.where(fixed, 0.0, size), radius[rows]
        )
    return step, held


def _free_step(now: Quadratic, given: Floats, unit: Floats, radius: Floats) -> Floats:
    """Return the best steps of a trust region with some coordinates given, whose unit is zero."""
    slope = (now.slope + _times(now.bend, given)) * unit
    values, vectors = eigen(now.bend * unit * unit[:, None])
    values = np.abs(values)
    turned = np.add.reduce(vectors * slope[:, None])
    known = values > 1e-12 * np.maximum.reduce(values)
    turned, values = np.where(known, turned, 0.0), np.where(known, values, 1.0)
    part = turned / values
    long = np.flatnonzero(np.add.reduce(part * part) > radius * radius)
    if long.size:
        part[:, long] = _shortened(take(turned, long), take(values, long), radius[long])
    return given - _times(vectors, part) * unit


def _shortened(turned: Floats, values: Floats, radius: Floats) -> Floats:
    """Return the damped steps of a length, in the eigenvectors' directions.

    The damping follows from Newton's method on the inverse length (Moré & Sorensen 1983,
    doi:10.1137/0904038); what it leaves is cut off.
    """
    damping = np.zeros(len(radius))
    for _ in range(4):
        damped = values + damping
        square = (turned / damped) ** 2
        length = np.sqrt(np.add.reduce(square))
        slope = np.maximum(np.add.reduce(square / damped), 1e-300)
        damping += np.maximum(length * length / slope * (length - radius) / radius, 0.0)
    part = turned / (values + damping)
    short: Floats = part * np.minimum(1.0, radius / np.sqrt(np.add.reduce(part * part)))
    return short


def eigen(matrix: Floats) -> tuple[Floats, Floats]:
    """Return eigenvalues ``(q, B)`` and eigenvectors ``(q, q, B)``, in columns, of symmetric ones.

    Up to two by two in closed form; LAPACK takes a microsecond for each.
    """
    if len(matrix) == 1:
        return matrix[0], np.ones_like(matrix)
    if len(matrix) > 2:
        values, vectors = np.linalg.eigh(np.moveaxis(matrix, 2, 0))
        return values.T, np.moveaxis(vectors, 0, 2)
    a, b, c = matrix[0, 0], matrix[0, 1], matrix[1, 1]
    middle, half = 0.5 * (a + c), 0.5 * (a - c)
    side = np.where(middle < 0, -1.0, 1.0)
    large = middle + side * np.sqrt(half * half + b * b)
    small = np.divide(a * c - b * b, large, out=np.zeros_like(large), where=large != 0)
    angle = 0.5 * np.arctan2(side * b, side * half)
    along, across = np.cos(angle), np.sin(angle)
    return np.stack([large, small]), np.stack([along, -across, across, along]).reshape(2, 2, -1)


def differenced(
    value: Floats, slope: Floats, slope_at: Callable[[Floats], Floats], u: Floats, step: Floats
) -> Quadratic:
    """Return the model about ``u`` ``(q, B)`` of an objective that has no second derivatives.

    Parameters
    ----------
    value : array (B,)
    slope : array (B, q)
    slope_at : callable
        Returns slopes ``(q, B, q)`` at ``(q, B, q)``: with each of the coordinates moved.
    u, step : arrays (q, B)
    """
    q = len(u)
    moved = np.repeat(u.T[None], q, axis=0)
    moved[np.arange(q), :, np.arange(q)] += step
    bend = (slope_at(moved) - slope).swapaxes(1, 2) / step[:, None, :]
    return Quadratic(value, slope.T, 0.5 * (bend + bend.swapaxes(0, 1)))


def inward(u: Floats, upper: Floats) -> Floats:
    """Return small steps that do not leave the box."""
    return np.where(u + _DIFFERENCE > upper, -_DIFFERENCE, _DIFFERENCE)
