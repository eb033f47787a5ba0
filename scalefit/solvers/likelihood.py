"""Maximum likelihood given the shapes: the linear coefficients and the scale by Newton's method.

What least squares solves in closed form takes a few Newton steps here, for all curves and all
shapes at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernel import Kernel
from ..laws.law import Frame, Law, Terms
from .basins import Quadratic, differenced
from .newton import (
    FINE,
    ROUGH,
    Optimum,
    Rows,
    end_given,
    ends_given,
    hold,
    minimise,
    start,
    subsets,
)
from .orthant import OrthantProblem, least_squares
from .separable import Problem
from .shapes import box, shapes_at

__all__ = ["LikelihoodProblem"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
#: Of more places than this a survey looks at no more, or at one in so many if that is more: those
#: that least squares has best.
_MANY, _PROMISING = 4096, 8
#: Least and greatest weight of a run in squares that touch a likelihood, over that to be expected.
_LIGHTEST, _HEAVIEST = 0.02, 50.0
#: Elements of one work array.
_BLOCK = 400_000


@dataclass(frozen=True, slots=True)
class LikelihoodProblem:
    """G curves to be fitted by one law under a likelihood.

    Parameters
    ----------
    law, frame : Law, Frame
        As in :class:`~scalefit.solvers.separable.Problem`; the frame is of shape ``(G, 1)``.
    kernel : Kernel
    z : array (G, K) or (G, K, D)
        Log sizes.
    runs, times : arrays (G, K, S)
        Scores in the user's units, and how often each counts; 0 where there is none.
    relative : array (G, K)
        Relative scale of one run.
    pure : array (G,)
        Part of the objective that no curve can remove, which is left out.
    rising : bool
        Whether the coefficients that make the curve rise are held at zero or above.
    """

    law: Law
    frame: Frame
    kernel: Kernel
    z: Floats
    runs: Floats
    times: Floats
    relative: Floats
    pure: Floats
    rising: bool

    @classmethod
    def pose(
        cls, law: Law, frame: Frame, kernel: Kernel, z: Floats, runs: Floats, relative: Floats,
        pure: Floats, *, rising: bool,
    ) -> LikelihoodProblem:  # fmt: skip
        """Return the problem of runs ``(G, K, S)``, nan where there is none; frame ``(G,)``.

        Where all runs of every size are copies of one, as in a table drawn anew from single runs,
        they are one run that counts several times.
        """
        there = ~np.isnan(runs)
        times = there.astype(float)
        # Where there is no run any of the others fills the place, and counts nothing.
        top = np.where(there, runs, -np.inf).max(axis=2, initial=-np.inf)
        some = np.where(
            np.isfinite(top), top, np.where(there, runs, -np.inf).max(axis=(1, 2))[:, None]
        )
        runs = np.where(there, runs, some[:, :, None])
        if runs.shape[2] > 1 and (runs == some[:, :, None]).all():
            runs, times = runs[:, :, :1], times.sum(axis=2, keepdims=True)
        return cls(law, frame.expand(1), kernel, z, runs, times, relative, pure, rising)

    def __len__(self) -> int:
        return len(self.z)

    def take(self, rows: Any) -> LikelihoodProblem:
        """Return the problem of some of the curves."""
        return LikelihoodProblem(
            self.law, self.frame.map(lambda v: v[rows]), self.kernel.take(rows), self.z[rows],
            self.runs[rows], self.times[rows], self.relative[rows], self.pure[rows], self.rising,
        )  # fmt: skip

    def bounds(self) -> tuple[Floats, Floats]:
        """Return the box of the search coordinates ``u``, two arrays of shape ``(G, q)``."""
        return box(self.law, self.frame)

    def theta(self, u: Floats) -> tuple[Floats, ...]:
        """Return the shape parameters at search coordinates ``u`` of shape ``(..., q)``."""
        return shapes_at(self.law, u)

    def held(self, rising: bool) -> LikelihoodProblem:
        """Return the problem with or without the curves held to rise."""
        return replace(self, rising=rising)

    def in_spreads(self) -> tuple[LikelihoodProblem, Floats]:
        """Return the problem itself: its objective needs no unit."""
        return self, np.ones(len(self))

    def spread(self) -> Floats:
        """Return what gradients are measured against, ``(G,)``."""
        anywhere = self.screen(np.zeros((len(self), 1, len(self.law.shapes))))[:, 0]
        return np.maximum(self.pure + anywhere, 1e-300)

    def recounted(self, times: Floats) -> LikelihoodProblem:
        """Return the problem in which each run counts ``times`` ``(G, K, S)`` as often."""
        many = self.times * times
        if self.runs.shape[2] < times.shape[2]:
            many = self.times * times.sum(axis=2, keepdims=True)
        return replace(self, times=many)

    def by_least_squares(self) -> Problem | OrthantProblem:
        """Return the least squares of the same runs, weighted as on the scale of their errors."""
        count = self.times.sum(axis=2)
        mean = (self.times * self.runs).sum(axis=2) / np.maximum(count, 1e-300)
        known = count > 0
        if self.kernel.link == "log":
            unit = np.where(known, np.abs(mean), 1.0)
        else:
            unit = self.kernel.deviation(mean, np.ones_like(mean))
        sign = np.reshape(self.frame.sign, (-1, 1))
        weight = count / np.where(known, self.relative * unit, 1.0) ** 2
        frame = self.frame.map(lambda value: np.reshape(value, len(self)))
        return least_squares(self.law, self.z, sign * mean, weight, frame, rising=self.rising)

    @property
    def n(self) -> Floats:
        """Number of runs, ``(G,)``."""
        total: Floats = self.times.sum(axis=(1, 2))
        return total

    def rows(self, u: Floats) -> Rows:
        """Return the problems at ``u`` of shape ``(G, M, q)``, one row a curve and shape."""
        n_curves, many, _ = u.shape
        theta = tuple(t[..., None] for t in self.theta(u))
        frame = self.frame.expand(1)
        z = self.z[:, None]
        shape = (n_curves, many, self.z.shape[1])
        sign = np.reshape(self.frame.sign, (-1, 1, 1))
        with np.errstate(over="ignore", invalid="ignore"):
            columns = [
                np.broadcast_to(sign * c, shape) for c in self.law.columns(z, theta, frame, np)
            ]
            offset = np.broadcast_to(sign * self.law.offset(z, theta, frame, np), shape)
        wide = self.runs.shape[2]
        curve = np.repeat(np.arange(n_curves), many)

        def per_run(values: Floats) -> Floats:
            flat: Floats = np.repeat(values.reshape(n_curves * many, -1), wide, axis=1)
            return flat

        block = np.stack([per_run(c) for c in columns], axis=1)
        # A column that is not finite at a padded or far size must not poison the others.
        block = np.where(np.isfinite(block), block, 0.0)
        y, times = (v.reshape(n_curves, -1)[curve] for v in (self.runs, self.times))
        relative = np.repeat(self.relative, wide, axis=1)[curve]
        return Rows(self.kernel.take(curve), y, times, relative, block, per_run(offset))

    def around(self, columns: Floats) -> Rows:
        """Return the linear problems ``(G, P, K S)`` that have the given columns."""
        n_curves = len(self)
        relative = self.relative
        if self.runs.shape[2] > 1:
            relative = np.repeat(relative, self.runs.shape[2], axis=1)
        if (relative == 1.0).all():  # one scale for all runs of a curve is looked up once
            relative = relative[:, :1]
        return Rows(
            self.kernel, self.runs.reshape(n_curves, -1), self.times.reshape(n_curves, -1),
            relative, columns, np.zeros((n_curves, 1)),
        )  # fmt: skip

    def _fit(self, rows: Rows, steps: int, state: Floats | None = None) -> Optimum:
        found = minimise(rows, start(rows) if state is None else state, steps)
        if not self.rising:
            return found
        wrong = np.flatnonzero((found.state[:, list(self.law.rises)] < 0).any(axis=1))
        if wrong.size:
            hold(found, wrong, rows.take(wrong), self.law.rises, steps)
        return found

    def _blocks(self, u: Floats) -> Iterator[slice]:
        """Return blocks of the shapes ``u`` ``(G, M, q)`` that fit a core's memory."""
        step = max(1, _BLOCK // max(1, self.runs[0].size * len(u)))
        return (slice(i, i + step) for i in range(0, u.shape[1], step))

    def _misfit(self, u: Floats, steps: int) -> Floats:
        parts = []
        for block in self._blocks(u):
            rss = self._fit(self.rows(u[:, block]), steps).model.rss
            parts.append(rss.reshape(len(u), -1))
        return np.maximum(np.concatenate(parts, axis=1) - self.pure[:, None], 0.0)

    def screen(self, u: Floats) -> Floats:
        """Return the objective at ``u`` of shape ``(G, M, q)``, good enough to find basins."""
        return self._misfit(u, ROUGH)

    def designs(self, _widest: int, /) -> Ints:
        """Return the curves, each in a group of its own, ``(G, 1)``: they share nothing."""
        return np.arange(len(self))[:, None]

    def survey(self, positions: Floats, alike: Ints) -> Floats:
        """Return the same at fractions ``(M, q)`` of the box for such groups, ``(D, W, M)``."""
        some = self.take(alike[:, 0])
        low, high = (bound[:, None] for bound in some.bounds())
        places = low + positions * (high - low)
        many = max(_MANY, len(positions) // _PROMISING)
        if many >= len(positions):
            return some.screen(places)[:, None]
        # There are too many places to look at: basins are where least squares is promising.
        rough = some.by_least_squares().screen(places)
        kept = np.argpartition(np.nan_to_num(rough, nan=np.inf), many - 1, axis=1)[:, :many]
        found = np.full(rough.shape, np.inf)
        near = np.take_along_axis(places, kept[:, :, None], axis=1)
        np.put_along_axis(found, kept, some.screen(near), axis=1)
        return found[:, None]

    def rss(self, u: Floats) -> Floats:
        """Return the objective at ``u`` of shape ``(G, M, q)`` with all digits."""
        return self._misfit(u, FINE)

    def objective(self, u: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the objective, its gradient and the coefficients at ``u`` of shape ``(G, q)``."""
        value, gradient, state = self._best(u)
        return value, gradient, state[:, :-1]

    def _best(self, u: Floats, state: Floats | None = None) -> tuple[Floats, Floats, Floats]:
        """Return objective, gradient, and coefficients with the log scale, found from ``state``."""
        rows = self.rows(u[:, None, :])
        found = self._fit(rows, FINE, state)
        value = np.maximum(found.model.rss - self.pure, 0.0)
        return value, self._slope(u, rows, found), found.state

    def _slope(self, u: Floats, rows: Rows, found: Optimum) -> Floats:
        """Return the gradient ``(G, q)`` of the objective, all but the shapes being at its best."""
        total = found.model.rss
        scale = np.exp(found.state[:, -1:]) * rows.relative
        part = rows.kernel.contribution(rows.y, rows.mean(found.state[:, :-1]), scale)
        pull = (rows.weight * part.by_mean).reshape(self.runs.shape).sum(axis=2)
        pull = pull * np.reshape(self.frame.sign, (-1, 1))
        theta = tuple(t[..., None] for t in self.theta(u))
        gradient = np.empty_like(u)
        for k, slopes in enumerate(self.law.gradient(self.z, theta, self.frame)):
            along = np.zeros(len(u))
            for j, slope in enumerate(slopes):
                if np.ndim(slope):  # a scalar is a column that does not depend on this shape
                    along = along + found.state[:, j] * np.add.reduce(pull * slope, axis=-1)
            gradient[:, k] = along * self.law.shapes[k].coordinate.slope(u[..., k])
        with np.errstate(over="ignore", invalid="ignore"):  # where the objective is not finite
            gradient = gradient * (2.0 * total / self.n)[:, None]
        return np.where(np.isfinite(gradient), gradient, 0.0)

    @property
    def n_terms(self) -> int:
        """Number of terms of the objective of one curve."""
        return int(self.runs[0].size)

    def model(self, u: Floats, step: Floats) -> Quadratic:
        """Return the objective at ``u`` of shape ``(q, G)``, with two derivatives.

        A step away the best coefficients are found from those at ``u``.
        """
        value, slope, state = self._best(u.T)
        many = np.tile(np.arange(len(self)), len(u))

        def slope_at(moved: Floats) -> Floats:
            there = moved.reshape(len(many), -1)
            return self.take(many)._best(there, state[many])[1].reshape(moved.shape)

        return differenced(value, slope, slope_at, u, step)

    def ends(
        self, u: Floats, terms: Terms, cut: Floats, rising: bool, /
    ) -> tuple[Floats, Floats, Floats]:
        """Return the least and greatest target compatible with the data at ``u`` ``(G, M, q)``.

        As :meth:`scalefit.solvers.separable.Problem.ends`; the edge of the compatible set is
        approached by repeated quadratic models of the likelihood, and the misfit is that of a
        rough fit.
        """
        return self._ends(u, terms, cut, rising, None)

    def end(
        self, u: Floats, terms: Terms, cut: Floats, rising: bool, side: Floats, /
    ) -> tuple[Floats, Floats]:
        """Return one end of each target, at half the cost of both.

        As :meth:`scalefit.solvers.separable.Problem.end`.
        """
        lower, upper, misfit = self._ends(u, terms, cut, rising, side)
        return np.where(side > 0, upper, lower), misfit

    def _ends(
        self, u: Floats, terms: Terms, cut: Floats, rising: bool, side: Floats | None
    ) -> tuple[Floats, Floats, Floats]:
        """Return both ends; one that is not asked for is as where nothing is compatible."""
        shape = u.shape[:2]
        weights = np.stack([np.broadcast_to(w, shape) for w in terms.weights], axis=-1)
        offset = np.broadcast_to(np.asarray(terms.offset, dtype=float), shape)
        lower, upper = np.full(shape, np.inf), np.full(shape, -np.inf)
        misfit = np.full(shape, np.inf)
        free = self.held(False)
        for block in self._blocks(u):
            rows = free.rows(u[:, block])
            size = lower[:, block].shape
            limit = np.repeat(cut + self.pure, size[1])
            wanted = weights[:, block].reshape(-1, weights.shape[2])
            asked = None if side is None else side[:, block].ravel()
            rises = self.law.rises if rising else ()
            for dropped in subsets(rises):
                ends = ends_given(rows, wanted, limit, dropped, rises, asked)
                low, high = (end.reshape(size) + offset[:, block] for end in ends[:2])
                misfit[:, block] = np.fmin(misfit[:, block], ends[2].reshape(size))
                lower[:, block] = np.fmin(lower[:, block], low)
                upper[:, block] = np.fmax(upper[:, block], high)
        return lower, upper, np.maximum(misfit - self.pure[:, None], 0.0)

    def touching(
        self, u: Floats, weights: Floats, limit: Floats, side: Floats, stiff: Floats, rising: bool
    ) -> tuple[Problem | OrthantProblem, Floats, Floats]:
        """Return least squares that touches the likelihood at an end, its cut, and the end.

        Where errors have long tails the weighted squares through a point lie above the likelihood
        (as for Huber's function, Lange, Hunter & Yang 2000, doi:10.1080/10618600.2000.10474858):
        what is compatible with them is so with the likelihood. For others they do so if they are
        stiff enough. The end is ``(G,)``, how far out the coefficients can take the target; minus
        infinity where none are compatible.

        Parameters
        ----------
        u : array (G, q)
            Shapes.
        weights : array (G, p)
            Of the coefficients in the target, at these shapes.
        limit : array (G,)
            Objective up to which parameters are compatible with the data, with the pure part.
        side : array (G,)
            Which end of the target is meant: -1 the lower one, 1 the upper one. Where nothing is
            compatible at these shapes, the best coefficients are taken instead.
        stiff : array (G,)
            Multiplies all weights.
        rising : bool
            Whether the curves are held to rise.
        """
        rows, rises = self.held(False).rows(u[:, None, :]), self.law.rises if rising else ()
        far, least = np.full(len(u), -np.inf), np.full(len(u), np.inf)
        state = np.zeros((len(u), weights.shape[1] + 1))
        for dropped in subsets(rises):
            there, place, misfit = end_given(rows, weights, limit, side, dropped, rises)
            better = (there > far) | ((there == far) & (misfit < least))
            state[better] = place[better]
            far, least = np.fmax(far, there), np.fmin(least, misfit)
        mean, scale = rows.mean(state[:, :-1]), np.exp(state[:, -1:]) * rows.relative
        part = rows.kernel.contribution(rows.y, mean, scale)
        expected = rows.kernel.information(rows.y, mean, scale, rows.weight)
        with np.errstate(divide="ignore", invalid="ignore"):
            chord = part.by_mean / (mean - rows.y)
        chord = np.clip(chord, _LIGHTEST * expected, _HEAVIEST * expected)
        chord = np.where(np.isnan(chord), expected, chord)
        chord = stiff[:, None] * rows.weight * chord

        def per_size(values: Floats) -> Floats:
            total: Floats = values.reshape(self.runs.shape).sum(axis=2)
            return total

        weight, pull = per_size(chord), per_size(rows.weight * part.by_mean)
        step = np.divide(pull, weight, out=np.zeros_like(pull), where=weight > 0)
        goal = mean.reshape(self.runs.shape)[:, :, 0] - step
        height = 0.5 * self.n * np.log(limit / self.n) - (rows.weight * part.value).sum(axis=1)
        frame = self.frame.map(lambda value: np.reshape(value, len(self)))
        benefit = frame.sign[:, None] * goal
        near = least_squares(self.law, self.z, benefit, weight, frame, rising=False)
        return near, 2.0 * height + (pull * step).sum(axis=1), far
