"""How far a target can go over the shapes: a climb on models of what its ends are made of.

Given its shapes the ends of a target follow from a few numbers (see :mod:`scalefit.solvers.ends`)
that are smooth in the shapes. The ends are not: they are a square root away from where no shape is
compatible any more, and often that is where they are extreme. So each of the numbers is modelled by
a parabola about the best shapes yet, the end that follows from the models is made as far out as it
goes within a trust radius, and the models are made anew where that leads (Powell 2002,
doi:10.1007/s101070100290, does so with a single parabola). Three steps are typical, of a handful of
shapes each.

Coordinates come first in all arrays, ends last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..solvers.basins import eigen
from ..solvers.ends import CENTRE, EDGE_SPREAD, GIVE, RSS, SPREAD, ends_of
from ..solvers.records import either, put, take

__all__ = ["Slope", "climb"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Most steps. A climb ends where a step promises less than this share of the end's distance from
#: the estimate, or at this radius.
_STEPS, _ENOUGH, _LEAST_RADIUS = 25, 1e-9, 1e-6
#: Shapes of a model are so far apart, in trust radii, and so far at least, in axes.
_CLOSE, _CLOSEST = 0.01, 1e-3
#: How far beyond the cut a step may end and be followed by one from there, and how far inside it
#: Newton's method aims, so that rounding does not put it outside; in allowances.
_OVER, _INSIDE = 0.5, 1e-9
#: A trust radius of 1 is the whole compatible region as the parabola of the misfit has it.
_MOST_RADIUS = 8.0
#: Where some of the numbers are infinite, the next models are so much smaller.
_BLIND = 0.03
#: Steps of Newton's method on the models. Where it fails: ticks of a first and of closer looks.
_FIRST = {1: 33, 2: 9}
_CLOSER, _ZOOMS, _SHRINK = 5, 3, 0.45
_NEWTON = 8
#: Convergence is quadratic: a step of this share of the width, and of the weight, is the last one.
_STILL = 1e-7
_NOT_BELOW_ZERO = [SPREAD, EDGE_SPREAD, GIVE]


@dataclass(frozen=True, slots=True)
class Slope:
    """What is climbed: B ends of targets.

    Parameters
    ----------
    facts : callable
        ``facts(u, rows)``: the numbers ``(9, R, n)`` at shapes ``(R, n, q)`` of some ends.
    side : array (B,)
        -1 for a lower end, 1 for an upper one.
    origin : array (B,)
        How far out the estimate is.
    cut, allowance : arrays (B,)
        Misfit up to which shapes are compatible, and how far it is above the least one.
    rising : bool
        Whether the curves are held to rise.
    low, high : arrays (q, B)
        The box of the shapes.
    """

    facts: Callable[[Floats, Any], Floats]
    side: Floats
    origin: Floats
    cut: Floats
    allowance: Floats
    rising: bool
    low: Floats
    high: Floats

    def height(self, facts: Floats, rows: Any) -> Floats:
        """Return how far out ends are, from facts ``(9, ..., R)``; -inf where there are none."""
        side = self.side[rows]
        lower, upper = ends_of(facts, self.cut[rows], self.rising)
        return np.where(side > 0, upper, -lower)


@dataclass(frozen=True, slots=True)
class _Model:
    """Parabolas about shapes, for B ends.

    Parameters
    ----------
    at : array (q, B)
        The shapes.
    height : array (B,)
        How far out the end is there.
    parabolas : array (9, C, B)
        Coefficients of the numbers on 1, the coordinates z, and their products.
    into : array (q, q, B)
        Turns shapes from ``at`` into z.
    axes : array (q, q, B)
        Columns that reach as far as the misfit allows, by its parabola.
    width : array (q, B)
        How far each shape can go alone.
    """

    at: Floats
    height: Floats
    parabolas: Floats
    into: Floats
    axes: Floats
    width: Floats


@dataclass(frozen=True, slots=True)
class _Climb:
    """B ends on their way.

    Parameters
    ----------
    number : array (B,) of int
    best : _Model
        About the best shapes yet.
    model : _Model
        About the last ones. Where a step went a little too far they are not compatible, and the
        next one knows better where to stop.
    astray : array (B,) of bool
        Where that is so.
    again : array (B,) of bool
        Where the last step failed, and models are made anew about the best shapes, closer.
    radius : array (B,)
        Trust radius, in units of the axes.
    trial, hope, length : array
        The next shapes ``(q, B)``, what the models make of them, and how far away they are.
    """

    number: NDArray[np.intp]
    best: _Model
    model: _Model
    astray: Bools
    again: Bools
    radius: Floats
    trial: Floats
    hope: Floats
    length: Floats


def climb(slope: Slope, u: Floats, spacing: Floats) -> tuple[Floats, Floats]:
    """Return the shapes ``(q, B)`` at which ends are farthest out, and the ends ``(B,)``.

    Parameters
    ----------
    slope : Slope
    u : array (q, B)
        Compatible shapes to start from.
    spacing : array (q, B)
        How far apart the shapes are of which the first models are made.
    """
    q, n_ends = u.shape
    every = np.arange(n_ends)
    axes = spacing * np.eye(q)[:, :, None]
    model = _model(slope, every, u, axes, spacing, np.ones(n_ends))
    nowhere = np.zeros(n_ends)
    now = _look_ahead(slope, _Climb(
        every, model, model, nowhere > 0, nowhere > 0, nowhere + 1.0, u, model.height, nowhere,
    ))  # fmt: skip
    shapes, height = u.copy(), model.height.copy()
    for _ in range(_STEPS):
        old = now.best
        with np.errstate(invalid="ignore"):
            going = now.astray | (now.hope - old.height > _enough(slope, now))
        going &= old.height < np.inf
        going &= now.radius > _LEAST_RADIUS
        if not going.all():
            now = take(now, np.flatnonzero(going))
        if not now.number.size:
            break
        rows, old = now.number, now.best
        size = np.maximum(_CLOSE * now.radius, _CLOSEST)
        new = _model(slope, rows, now.trial, now.model.axes, now.model.width, size)
        with np.errstate(invalid="ignore"):
            gain, hoped = new.height - old.height, now.hope - old.height
        better = (gain > 0) | now.again
        over = new.parabolas[RSS, 0] - slope.cut[rows]
        astray = ~better & ~now.astray & (over > 0) & (over < _OVER * slope.allowance[rows])
        good = np.where(now.length > 0.8 * now.radius, 2.0, 1.0) * now.radius
        shrunk = np.where((gain < 0.3 * hoped) & ~now.again, 0.5, 1.0) * now.radius
        radius = np.where(gain > 0.7 * hoped, np.maximum(good, 10.0 * _LEAST_RADIUS), shrunk)
        # What went astray keeps its length in mind, in case it is for nothing.
        fallen = np.where(now.astray, now.radius, np.minimum(now.radius, now.length))
        radius = np.where(better, np.minimum(radius, _MOST_RADIUS), 0.3 * fallen)
        radius = np.where(astray, now.length, radius)
        best = either(better, new, old)
        again = ~(better | astray)
        now = replace(
            now, best=best, model=either(astray, new, best), astray=astray, again=again,
            radius=radius,
        )  # fmt: skip
        shapes[:, rows], height[rows] = best.at, best.height
        now = _look_ahead(slope, now)
    return shapes, slope.side * height


def _enough(slope: Slope, now: _Climb) -> Floats:
    """Return by how much an end is too little to go on, ``(B,)``."""
    way = np.abs(now.best.height - slope.origin[now.number])
    enough: Floats = _ENOUGH * np.maximum(way, 1e-300)
    return enough


def _model(
    slope: Slope, rows: Any, at: Floats, axes: Floats, width: Floats, size: Floats
) -> _Model:
    """Return parabolas through shapes about ``at``, along axes or, at a wall, the coordinates."""
    q = len(at)
    low, high = take(slope.low, rows), take(slope.high, rows)
    box = high - low
    nodes = _NODES[q]
    spread = (axes[:, :, None] * nodes[None, :, :, None] * size).sum(axis=1)
    shapes = at[:, None] + spread
    out = ((shapes < low[:, None]) | (shapes > high[:, None])).any(axis=(0, 1))
    alone = np.minimum(width, box / 3.0)
    axes = np.where(out, alone * np.eye(q)[:, :, None], axes)
    # Two steps along each axis: on either side, or both away from a wall.
    reach = np.einsum("iib->ib", axes) * size
    above, below = out & (at + reach > high), out & (at - reach < low)
    first = np.where(above, -size, size)
    second = np.where(above, -2.0 * size, np.where(below, 2.0 * size, -size))
    z = _placed(first, second)
    shapes = at[:, None] + (axes[:, :, None] * z).sum(axis=1)
    shapes = np.clip(shapes, low[:, None], high[:, None])
    facts = slope.facts(shapes.transpose(2, 1, 0), rows).swapaxes(1, 2)
    parabolas = _through(facts, first, second)
    into = _inverse(axes)
    # The misfit's parabola says how far shapes can go.
    bend = _bend(parabolas[RSS])
    known = np.isfinite(bend).all(axis=(0, 1))
    bend = np.where(known, bend, np.eye(q)[:, :, None])
    values, vectors = eigen(bend)
    allowance = slope.allowance[rows]
    far = np.sqrt(2.0 * allowance / np.maximum(np.abs(values), 2e-12 * allowance))
    long = (axes[:, :, None] * (vectors * far)[None]).sum(axis=1)
    extent = np.abs(long).max(axis=0)
    long = long * np.minimum(1.0, box.min(axis=0) / np.maximum(extent, 1e-300))
    own = np.einsum("aib,acb,cib->ib", into, bend, into)
    width = np.minimum(np.sqrt(2.0 * allowance / np.maximum(np.abs(own), 1e-300)), box)
    return _Model(at, slope.height(facts[:, 0], rows), parabolas, into, long, width)


#: Where the models of one and of two shapes are made, in units of the axes ``(q, n)``.
_NODES = {
    1: np.array([[0.0, 1.0, -1.0]]),
    2: np.array([[0.0, 1.0, -1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0, -1.0, 1.0]]),
}


def _placed(first: Floats, second: Floats) -> Floats:
    """Return the nodes ``(q, n, B)`` for two steps ``(q, B)`` along each axis."""
    q, n_ends = first.shape
    z = np.zeros((q, _NODES[q].shape[1], n_ends))
    for j in range(q):
        z[j, 1 + 2 * j], z[j, 2 + 2 * j] = first[j], second[j]
    if q == 2:
        z[:, 5] = first
    return z


def _through(values: Floats, first: Floats, second: Floats) -> Floats:
    """Return the parabolas ``(9, C, B)`` through values ``(9, n, B)`` at the nodes."""
    q = len(first)
    centre = values[:, 0]
    slopes, bends = [], []
    for j in range(q):
        one, two = values[:, 1 + 2 * j] - centre, values[:, 2 + 2 * j] - centre
        a, b = first[j], second[j]
        slopes.append((one * (b / a) - two * (a / b)) / (b - a))
        bends.append(2.0 * (two / b - one / a) / (b - a))
    if q == 2:
        both = values[:, 5] - values[:, 1] - values[:, 3] + centre
        bends.insert(1, both / (first[0] * first[1]))
    return np.stack([centre, *slopes, *bends], axis=1)


def _bend(parabola: Floats) -> Floats:
    """Return the second derivatives ``(q, q, B)`` of a parabola ``(C, B)``."""
    if len(parabola) == 3:
        return parabola[None, 2:]
    return np.stack([parabola[3], parabola[4], parabola[4], parabola[5]]).reshape(2, 2, -1)


def _inverse(matrix: Floats) -> Floats:
    """Return the inverses of matrices ``(q, q, B)``; of a singular one zeros."""
    if len(matrix) == 1:
        return np.divide(1.0, matrix, out=np.zeros_like(matrix), where=matrix != 0)
    a, b, c, d = matrix.reshape(4, -1)
    size = a * d - b * c
    size = np.divide(1.0, size, out=np.zeros_like(size), where=size != 0)
    return np.stack([d * size, -b * size, -c * size, a * size]).reshape(2, 2, -1)


def _monomials(z: Floats) -> Floats:
    """Return 1, the coordinates ``(q, ...)`` and their halved products, ``(C, ...)``."""
    one = np.ones(z.shape[1:])
    if len(z) == 1:
        return np.stack([one, z[0], 0.5 * z[0] * z[0]])
    x, y = z
    return np.stack([one, x, y, 0.5 * x * x, x * y, 0.5 * y * y])


def _look_ahead(slope: Slope, now: _Climb) -> _Climb:
    """Return the climb with the step on which the models put the end farthest out."""
    with np.errstate(all="ignore"):  # models may be infinite
        now = _stepped(slope, now, _newton(slope, now))
        lost = np.flatnonzero(~(now.hope > now.best.height - _enough(slope, now)))
        if lost.size:  # one that ends nowhere is looked for all over the trust region
            put(now, lost, _looked(slope, take(now, lost)))
    blind = ~np.isfinite(now.model.parabolas).all(axis=(0, 1))
    again = now.again | blind
    if not again.any():
        return now
    return replace(
        now, again=again, trial=np.where(again, now.best.at, now.trial),
        hope=np.where(again, np.inf, now.hope), radius=np.where(blind, _BLIND, 1.0) * now.radius,
    )  # fmt: skip


def _stepped(slope: Slope, now: _Climb, trial: Floats) -> _Climb:
    """Return the climb with a step towards given shapes, as far as the trust radius allows."""
    model = now.model
    y = (_inverse(model.axes) * (trial - model.at)).sum(axis=1)
    length = np.abs(y).max(axis=0)
    share = np.minimum(1.0, now.radius / np.maximum(length, 1e-300))
    trial = model.at + share * (trial - model.at)
    hope = _foreseen(slope, now, trial[:, None])[0]
    return replace(now, trial=trial, hope=hope, length=share * length)


def _foreseen(slope: Slope, now: _Climb, shapes: Floats) -> Floats:
    """Return what the models make of shapes ``(q, n, B)``."""
    model = now.model
    z = (model.into[:, :, None] * (shapes - model.at[:, None])[None]).sum(axis=1)
    facts = np.einsum("kcb,cnb->knb", model.parabolas, _monomials(z))
    facts[_NOT_BELOW_ZERO] = np.maximum(facts[_NOT_BELOW_ZERO], 0.0)
    return slope.height(facts, now.number)


def _looked(slope: Slope, now: _Climb) -> _Climb:
    """Return the climb with the best of the steps on a grid, closer and closer."""
    model, radius, rows = now.model, now.radius, now.number
    q, one = len(model.at), np.arange(len(rows))
    low, high = slope.low[:, rows, None], slope.high[:, rows, None]
    place, hope = np.zeros(model.at.shape), np.full(len(rows), -np.inf)
    trial, reach = model.at.copy(), radius
    for ticks in [_TICKS[q, _FIRST[q]], *[_TICKS[q, _CLOSER]] * _ZOOMS]:
        y = np.clip(place[:, None] + reach * ticks[:, :, None], -radius, radius)
        shapes = model.at[:, None] + (model.axes[:, :, None] * y[None]).sum(axis=1)
        shapes = np.clip(shapes, low.swapaxes(1, 2), high.swapaxes(1, 2))
        found = _foreseen(slope, now, shapes)
        best = found.argmax(axis=0)
        better = found[best, one] > hope
        hope = np.where(better, found[best, one], hope)
        place = np.where(better, y[:, best, one], place)
        trial = np.where(better, shapes[:, best, one], trial)
        reach = reach * _SHRINK
    return replace(now, trial=trial, hope=hope, length=np.abs(place).max(axis=0))


#: All combinations of evenly spaced ticks between -1 and 1.
_TICKS = {
    (1, n): np.linspace(-1.0, 1.0, n)[None] for n in (_FIRST[1], _CLOSER)
} | {
    (2, n): np.stack(np.meshgrid(*[np.linspace(-1.0, 1.0, n)] * 2)).reshape(2, -1)
    for n in (_FIRST[2], _CLOSER)
}  # fmt: skip


def _downhill(bend: Floats, pull: Floats, spread: Floats) -> Floats:
    """Return second derivatives ``(q, q, B)`` with which Newton's method leaves no end behind.

    Where ends are farthest out ``bend + pull pull' / spread`` is positive definite, and without
    spread ``bend`` is so across the pull. Where it is not, what is negative is turned round.
    """
    square = np.add.reduce(pull * pull)
    held = np.divide(square, spread, out=np.full(len(spread), np.inf), where=spread > 0)
    along = pull / np.where(square > 0, np.sqrt(square), np.inf)
    if len(pull) == 2:
        none = square == 0
        along = np.stack([np.where(none, 1.0, along[0]), along[1]])
        other = np.stack([-along[1], along[0]])
        turned = np.add.reduce(bend * other, axis=1)
        across, both = np.add.reduce(other * turned), np.add.reduce(along * turned)
        least = np.maximum(np.abs(across), 1e-300)
        bend = bend + (least - across) * other * other[:, None]
        held = held - both * both / least
    inward = np.add.reduce(along * np.add.reduce(bend * along, axis=1))
    lacking = np.minimum(inward + held, 0.0)
    turned_round: Floats = bend - 2.0 * lacking * along * along[:, None]
    return turned_round


def _newton(slope: Slope, now: _Climb) -> Floats:
    """Return the shapes ``(q, B)`` at which the models have the end farthest out.

    With the coefficients that minimise ``misfit - 2 v target`` for given shapes and a weight v, the
    misfit is ``R + v^2 V`` and the target ``T + v V``, V its spread. Where the end is extreme the
    derivative of ``R - 2 v T - v^2 V`` by the shapes is zero, and the misfit is that of the cut:
    Newton's method finds shapes and v, whether V is zero or not.
    """
    model, rows = now.model, now.number
    q, scale = len(model.at), model.width
    cut = slope.cut[rows] - _INSIDE * slope.allowance[rows]
    low, high = ((take(wall, rows) - model.at) / scale for wall in (slope.low, slope.high))
    turn = model.into * scale
    value = model.parabolas[[CENTRE, SPREAD, RSS]]
    value[0] *= slope.side[rows]
    slopes = (turn[None] * value[:, 1 : 1 + q, None]).sum(axis=1)
    bends = np.einsum("aib,kacb,cjb->kijb", turn, np.stack([_bend(part) for part in value]), turn)
    unit = np.eye(q)[:, :, None]
    x, v = np.zeros(model.at.shape), np.zeros(0)
    left = np.ones(len(rows), dtype=bool)
    for _ in range(_NEWTON):
        pull = (bends * x).sum(axis=2)
        _, spread, misfit = value[:, 0] + ((slopes + 0.5 * pull) * x).sum(axis=1)
        along, widens, rises = slopes + pull
        spread = np.maximum(spread, 0.0)
        if not v.size:
            # As on the cut, or from the slopes, which know better next to it.
            v = np.sqrt(np.maximum(cut - misfit, 0.0) / np.where(spread > 0, spread, np.inf))
            steep = np.maximum(2.0 * (along * along).sum(axis=0), 1e-300)
            v = np.maximum(np.maximum(v, (rises * along).sum(axis=0) / steep), 1e-300)
        by_weight = along + v * widens
        down = 0.5 * (rises - v * (along + by_weight))
        held = ((x <= low + 1e-9) & (down > 0)) | ((x >= high - 1e-9) & (down < 0))
        bend = 0.5 * bends[2] - v * (bends[0] + 0.5 * v * bends[1])
        over = rises + v * v * widens
        if held.any():
            bend = np.where(held[:, None] | held, unit, bend)
            down, by_weight, over = (np.where(held, 0.0, part) for part in (down, by_weight, over))
        solve = _inverse(_downhill(bend, by_weight, spread))
        back, forth = (solve * down).sum(axis=1), (solve * by_weight).sum(axis=1)
        excess = misfit + v * v * spread - cut
        size = (over * forth).sum(axis=0) + 2.0 * v * spread
        more = ((over * back).sum(axis=0) - excess) / np.where(size != 0, size, np.inf)
        more = np.clip(more, -0.7 * v, 3.0 * v)
        goal = x + forth * more - back
        goal = np.clip(np.where(left & np.isfinite(goal), goal, x), low, high)
        moved = (np.abs(goal - x) > _STILL).any(axis=0) | (np.abs(more) > _STILL * v)
        x, v = goal, np.where(left, np.maximum(v + more, 1e-300), v)
        left = left & moved  # what has come to rest stays there, however long others take
        if not left.any():
            break
    return np.clip(model.at + scale * x, take(slope.low, rows), take(slope.high, rows))
