"""Least squares with several coefficients held at zero or above: every face of the orthant.

The best coefficients lie inside the orthant or on one of its faces, where some are zero (Lawson &
Hanson 1974, chapter 23). With two or three such coefficients the faces are few, and each has a
closed form: the fit is that of the best face whose own coefficients are not negative, and so are
the ends of a linear target over all that the data allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..laws.law import Frame, Law, Terms
from .basins import Quadratic, differenced
from .linear import Projection, project
from .newton import subsets
from .separable import Problem

__all__ = ["OrthantProblem", "least_squares"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]
Face = tuple[int, ...]
#: Share of a column that may be its own, and no combination of the others', before it is nothing.
_OWN = 1e-12


@dataclass(frozen=True, slots=True)
class OrthantProblem:
    """G curves to be fitted by a law of which several coefficients make the curve rise.

    Parameters
    ----------
    free : Problem
        The same without a sign.
    rising : bool
        Whether these coefficients are held at zero or above.
    """

    free: Problem
    rising: bool

    def __len__(self) -> int:
        return len(self.free)

    @property
    def law(self) -> Law:
        """The law."""
        return self.free.law

    @property
    def n_terms(self) -> int:
        """Number of terms of the sum of squares of one curve."""
        return self.free.n_terms

    def take(self, rows: Any) -> OrthantProblem:
        """Return the problem of some of the curves."""
        return OrthantProblem(self.free.take(rows), self.rising)

    def held(self, rising: bool) -> OrthantProblem:
        """Return the problem with or without the curves held to rise."""
        return replace(self, rising=rising)

    def in_spreads(self) -> tuple[OrthantProblem, Floats]:
        """Return the problem in units of the scores' spread, and these units."""
        free, scale = self.free.in_spreads()
        return replace(self, free=free), scale

    def spread(self) -> Floats:
        """Return what gradients are measured against, ``(G,)``."""
        return self.free.spread()

    def bounds(self) -> tuple[Floats, Floats]:
        """Return the box of the search coordinates ``u``, two arrays of shape ``(G, q)``."""
        return self.free.bounds()

    def theta(self, u: Floats) -> tuple[Floats, ...]:
        """Return the shape parameters at search coordinates ``u`` of shape ``(..., q)``."""
        return self.free.theta(u)

    @property
    def _faces(self) -> list[Face]:
        """The sets of columns that may be held at zero, the empty one first."""
        return subsets(self.law.rises) if self.rising else [()]

    def _fit(self, u: Floats, face: Face) -> Projection:
        """Return the fits at ``u`` ``(G, M, q)`` without the columns of a face."""
        columns = [c for j, c in enumerate(self.free.columns(u)) if j not in face]
        target, weight = self.free.y[:, :, None], self.free.weight[:, :, None]
        return project(columns, target, weight, rising=False)

    def _inside(self, coefficients: Floats, face: Face) -> Bools:
        """Return where the coefficients of a face ``(..., p - len(face))`` are not negative."""
        kept = [j for j in range(self.law.n_columns) if j not in face]
        rises = [i for i, j in enumerate(kept) if j in self.law.rises]
        return np.asarray((coefficients[..., rises] >= 0).all(axis=-1))

    def _best(self, u: Floats) -> tuple[Floats, Floats]:
        """Return misfit ``(G, M)`` and coefficients ``(G, M, p)`` of the best face."""
        p = self.law.n_columns
        found = self._fit(u, ())
        rss, coefficients = found.rss, found.coefficients
        if not self.rising:
            return rss, coefficients
        outside = np.nonzero(~self._inside(coefficients, ()))
        if not outside[0].size:
            return rss, coefficients
        part = self.take(outside[0])
        shapes = u[outside][:, None, :]
        least, best = np.full(len(part), np.inf), np.zeros((len(part), p))
        for face in self._faces[1:]:
            fit = part._fit(shapes, face)
            kept = [j for j in range(p) if j not in face]
            own = fit.coefficients[:, 0]
            better = self._inside(own, face) & (fit.rss[:, 0] < least)
            least = np.where(better, fit.rss[:, 0], least)
            whole = np.zeros_like(best)
            whole[:, kept] = own
            best = np.where(better[:, None], whole, best)
        rss, coefficients = rss.copy(), coefficients.copy()
        rss[outside], coefficients[outside] = least, best
        return rss, coefficients

    def designs(self, widest: int, /) -> Ints:
        """Return the curves in groups of the same sizes, ``(D, W)``."""
        return self.free.designs(widest)

    def screen(self, u: Floats) -> Floats:
        """Return the residual sums of squares at ``u`` ``(G, M, q)``, with half the digits."""
        if not self._has_moments:
            return self._best(u)[0]
        target, weight = self.free.y.T[:, None], self.free.weight.T[:, None]
        return self._screened(self.free.by_curve(u), target, weight)[:, 0]

    def survey(self, positions: Floats, alike: Ints) -> Floats:
        """Return the same at fractions ``(M, q)`` of the box for groups ``(D, W)`` of one design.

        The columns are made once a group. Shape ``(D, W, M)``.
        """
        u, columns, target, weight = self.free.shared(positions, alike)
        if not self._has_moments:
            every = np.repeat(u, alike.shape[1], axis=0)
            return self.take(alike.ravel())._best(every)[0].reshape(*alike.shape, -1)
        return self._screened(columns, target, weight)

    @property
    def _has_moments(self) -> bool:
        """Whether there are a constant and two columns with a sign."""
        return self.law.n_columns == 3 and self.law.rises == (1, 2)

    def _screened(self, columns: Sequence[Any], target: Floats, weight: Floats) -> Floats:
        """Return the residual sums of squares ``(D, W, M)`` from moments, as matrix products.

        Columns are ``(D, K, M)``, targets and weights ``(D, W, K)``.
        """
        _, first, second = columns
        size = np.maximum(weight.sum(axis=-1, keepdims=True), 1e-300)
        centred = target - (weight * target).sum(axis=-1, keepdims=True) / size
        pulled = weight * centred
        m1, m2 = weight @ first, weight @ second
        s1, s2 = pulled @ first, pulled @ second
        size1, size2 = weight @ (first * first), weight @ (second * second)
        v1, v2 = size1 - m1 * m1 / size, size2 - m2 * m2 / size
        both = weight @ (first * second) - m1 * m2 / size
        v1 = np.where(v1 > _OWN * size1, v1, np.inf)
        v2 = np.where(v2 > _OWN * size2, v2, np.inf)
        own = np.where(np.isfinite(v1) & np.isfinite(v2), v1 * v2 - both * both, np.inf)
        with np.errstate(invalid="ignore"):
            own = np.where(own > _OWN * v1 * v2, own, np.inf)
            b1, b2 = (v2 * s1 - both * s2) / own, (v1 * s2 - both * s1) / own
            together = np.nan_to_num(b1 * s1 + b2 * s2)
        alone = [s * s / v for s, v in ((s1, v1), (s2, v2))]
        if self.rising:
            alone = [np.where(s > 0, a, 0.0) for s, a in zip((s1, s2), alone, strict=True)]
            together = np.where((b1 >= 0) & (b2 >= 0), together, 0.0)
        removed = np.maximum(np.maximum(*alone), together)
        rss: Floats = (pulled * centred).sum(axis=-1, keepdims=True) - removed
        return rss

    def rss(self, u: Floats) -> Floats:
        """Return the residual sums of squares at ``u`` of shape ``(G, M, q)``."""
        return self._best(u)[0]

    def objective(self, u: Floats) -> tuple[Floats, Floats, Floats]:
        """Return sums of squares, their gradient and coefficients at ``u`` of shape ``(G, q)``."""
        rss, coefficients = (part[:, 0] for part in self._best(u[:, None, :]))
        law, theta, free = self.law, self.theta(u), self.free
        residual = free.y
        for j, column in enumerate(law.columns(free.z, theta, free.frame, np)):
            residual = residual - coefficients[:, j] * column
        return rss, free.gradient(u, coefficients.T, residual), coefficients

    def model(self, u: Floats, step: Floats) -> Quadratic:
        """Return the residual sum of squares at ``u`` of shape ``(q, G)``, with two derivatives."""
        value, slope, _ = self.objective(u.T)

        def slope_at(moved: Floats) -> Floats:
            return np.stack([self.objective(place)[1] for place in moved])

        return differenced(value, slope, slope_at, u, step)

    def ends(
        self, u: Floats, terms: Terms, cut: Floats, rising: bool, /
    ) -> tuple[Floats, Floats, Floats]:
        """Return the least and the greatest target with a misfit up to ``cut``, given the shapes.

        As :meth:`scalefit.solvers.separable.Problem.ends`: over the part of the compatible
        ellipsoid that lies in the orthant, whose extremes are those of its faces.
        """
        shape = u.shape[:2]
        weights = np.stack([np.broadcast_to(w, shape) for w in terms.weights], axis=-1)
        offset = np.broadcast_to(np.asarray(terms.offset, dtype=float), shape)
        wall = np.broadcast_to(cut[:, None], shape)
        lower, upper, misfit, whole = self._ends_of(u, (), weights, offset, wall, rising)
        if not rising or whole.all():
            return lower, upper, misfit
        # Only where an extreme of the whole ellipsoid is not in the orthant do faces matter.
        rest = np.nonzero(~whole)
        part, places = self.take(rest[0]), u[rest][:, None]
        given = weights[rest][:, None], offset[rest][:, None], wall[rest][:, None]
        for face in subsets(self.law.rises)[1:]:
            low, high, size, _ = part._ends_of(places, face, *given, rising)
            lower[rest] = np.minimum(lower[rest], low[:, 0])
            upper[rest] = np.maximum(upper[rest], high[:, 0])
            misfit[rest] = np.minimum(misfit[rest], size[:, 0])
        return lower, upper, misfit

    def end(
        self, u: Floats, terms: Terms, cut: Floats, rising: bool, side: Floats, /
    ) -> tuple[Floats, Floats]:
        """Return one end of each target; as :meth:`scalefit.solvers.separable.Problem.end`."""
        lower, upper, misfit = self.ends(u, terms, cut, rising)
        return np.where(side > 0, upper, lower), misfit

    def _ends_of(
        self, u: Floats, face: Face, weights: Floats, offset: Floats, wall: Floats, rising: bool
    ) -> tuple[Floats, Floats, Floats, Bools]:
        """Return ends and misfit of one face ``(G, M)``, where its own coefficients are allowed.

        And where no other face can have more: both extremes, and the best fit, are in the orthant.
        """
        fit = self._fit(u, face)
        kept = [j for j in range(self.law.n_columns) if j not in face]
        turned = fit.orthogonal([weights[..., j] for j in kept])
        slack = wall - fit.rss
        pulls = [weight / norm for weight, norm in zip(turned, fit.norms, strict=True)]
        spread = sum(weight * pull for weight, pull in zip(turned, pulls, strict=True))
        length = np.sqrt(np.maximum(slack, 0.0) / np.where(spread > 0, spread, np.inf))
        inside = self._inside(fit.coefficients, face) | (not rising)
        whole, ends = inside.copy(), []
        for side in (-1.0, 1.0):
            scores = [s + side * length * p for s, p in zip(fit.scores, pulls, strict=True)]
            there = replace(fit, scores=scores).coefficients
            allowed = self._inside(there, face) | (not rising)
            whole &= allowed
            target = offset + (weights[..., kept] * there).sum(axis=-1)
            known = (slack >= 0) & allowed & ~np.isnan(target)
            ends.append(np.where(known, target, -side * np.inf))
        # What is too far off as it is will not come near by leaving a column out.
        return ends[0], ends[1], np.where(inside, fit.rss, np.inf), whole | (slack < 0) & inside


def least_squares(
    law: Law, z: Floats, y: Floats, weight: Floats, frame: Frame, *, rising: bool
) -> Problem | OrthantProblem:
    """Return the problem of fitting scores ``y``, with a frame of shape ``(G,)``."""
    if len(law.rises) < 2:
        return Problem.pose(law, z, y, weight, frame, rising=rising)
    return OrthantProblem(Problem.pose(law, z, y, weight, frame, rising=False), rising)
