"""Variable projection: given its shapes a law is linear, so least squares has a closed form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..laws.law import Frame, Law, Terms
from .basins import Quadratic
from .designs import designs
from .ends import ends_of, facts_of, least_misfit
from .linear import Projection, project, screen
from .records import take
from .shapes import box, shapes_at
from .sums import dot, total

__all__ = ["Problem", "Target"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
#: Returns a target at shapes ``(G, M)`` of the curves with given numbers, as terms.
Target = Callable[[tuple[Floats, ...], Any], Terms]


@dataclass(frozen=True, slots=True)
class Problem:
    """G curves to be fitted by one law.

    Parameters
    ----------
    law : Law
        A law whose mean is linear given its shape parameters.
    frame : Frame
        Of shape ``(G,)``.
    z, y, weight : arrays (K, G)
        Log sizes (``(K, G, D)`` of D drivers); scores oriented "higher is better", less the law's
        offset; weights, of which 0 leaves a point out. See :mod:`~scalefit.solvers.linear` for the
        order of axes.
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
        return int(self.y.shape[1])

    @classmethod
    def pose(
        cls, law: Law, z: Floats, y: Floats, weight: Floats, frame: Frame, *, rising: bool
    ) -> Problem:
        """Return the problem of fitting scores ``y`` ``(G, K)``, with a frame of shape ``(G,)``."""
        z, y, weight = (np.ascontiguousarray(values.swapaxes(0, 1)) for values in (z, y, weight))
        return cls(law, frame, z, y - law.offset(z, (), frame, np), weight, rising)

    def take(self, rows: Any) -> Problem:
        """Return the problem of some of the curves."""
        frame = self.frame.map(lambda v: v[rows])
        z, y, weight = (take(values, rows, axis=1) for values in (self.z, self.y, self.weight))
        return Problem(self.law, frame, z, y, weight, self.rising)

    def held(self, rising: bool) -> Problem:
        """Return the problem with or without the curves held to rise."""
        return replace(self, rising=rising)

    @property
    def n_terms(self) -> int:
        """Number of terms of the sum of squares of one curve."""
        return len(self.y)

    def bounds(self) -> tuple[Floats, Floats]:
        """Return the box of the search coordinates ``u``, two arrays of shape ``(G, q)``."""
        return box(self.law, self.frame.expand(1))

    def theta(self, u: Floats) -> tuple[Floats, ...]:
        """Return the shape parameters at search coordinates ``u`` of shape ``(..., q)``."""
        return shapes_at(self.law, u)

    def columns(self, u: Floats) -> tuple[Any, ...]:
        """Return the law's columns at ``u`` of shape ``(G, M, q)``: scalars or ``(K, G, M)``."""
        return self.law.columns(self.z[:, :, None], self.theta(u), self.frame.expand(1), np)

    def project(self, u: Floats, *, passes: int = 2) -> Projection:
        """Return the linear fits at ``u`` of shape ``(G, M, q)`` for all curves and M shapes."""
        target, weight = self.y[:, :, None], self.weight[:, :, None]
        return project(self.columns(u), target, weight, rising=self.rising, passes=passes)

    def screen(self, u: Floats) -> Floats:
        """Return the residual sums of squares at ``u`` ``(G, M, q)``, with half the digits."""
        target, weight = self.y.T[:, None], self.weight.T[:, None]
        return screen(self.by_curve(u), target, weight, rising=self.rising).rss[:, 0]

    def designs(self, widest: int, /, *more: Floats) -> Ints:
        """Return the curves in groups of the same sizes ``(D, W)``, and of more ``(G, ...)``."""
        return designs([self.z.swapaxes(0, 1), *self.frame.arrays, *more], widest)

    def survey(self, positions: Floats, alike: Ints) -> Floats:
        """Return the same at fractions ``(M, q)`` of the box for groups ``(D, W)`` of one design.

        The columns are made once a group. Shape ``(D, W, M)``.
        """
        return self._surveyed(positions, alike)[0].rss

    def survey_facts(self, positions: Floats, alike: Ints, target: Target) -> Floats:
        """Return what :meth:`facts` does, for such groups and with half the digits.

        Shape ``(9, D, W, M)``.
        """
        fit, u = self._surveyed(positions, alike)
        terms = target(self.theta(u), alike[:, 0])
        wide = Terms(
            tuple(weight if np.ndim(weight) == 0 else weight[:, None] for weight in terms.weights),
            terms.offset if np.ndim(terms.offset) == 0 else terms.offset[:, None],
        )
        return facts_of(fit, wide, (*alike.shape, len(positions)))

    def _surveyed(self, positions: Floats, alike: Ints) -> tuple[Projection, Floats]:
        u, columns, target, weight = self.shared(positions, alike)
        return screen(columns, target, weight, rising=self.rising), u

    def shared(self, positions: Floats, alike: Ints) -> tuple[Floats, list[Any], Floats, Floats]:
        """Return what a survey is made from: shapes, columns, targets and weights of groups.

        The shapes ``(D, M, q)`` and columns ``(D, K, M)`` are those of one curve a group, targets
        ``(D, W, K)`` those of all, and so are the weights, or ``(D, 1, K)`` where they are equal.
        """
        one = self.take(alike[:, 0])
        low, high = (bound[:, None] for bound in one.bounds())
        u = low + positions * (high - low)
        target, weight = (values[:, alike].transpose(1, 2, 0) for values in (self.y, self.weight))
        if (weight == weight[:, :1]).all():
            weight = weight[:, :1]
        return u, one.by_curve(u), target, weight

    def by_curve(self, u: Floats) -> list[Any]:
        """Return the columns at ``u`` ``(G, M, q)``, as ``(G, K, M)`` or scalars."""
        shape = (self.n_terms, *u.shape[:2])
        return [
            column if np.ndim(column) == 0 else np.broadcast_to(column, shape).swapaxes(0, 1)
            for column in self.columns(u)
        ]

    def rss(self, u: Floats) -> Floats:
        """Return the residual sums of squares at ``u`` of shape ``(G, M, q)``."""
        found: Floats = np.broadcast_to(self.project(u).rss, u.shape[:2])
        return found

    def objective(self, u: Floats) -> tuple[Floats, Floats, Floats]:
        """Return sums of squares, their gradient and coefficients at ``u`` of shape ``(G, q)``."""
        fit = self._fit(u.T)
        return fit.rss, self.gradient(u, fit.solved, fit.residual), fit.coefficients

    def gradient(self, u: Floats, solved: Sequence[Floats] | Floats, residual: Floats) -> Floats:
        """Return the gradients ``(G, q)`` of sums of squares whose columns are solved for.

        Parameters
        ----------
        u : array (G, q)
            Shapes.
        solved : array (p, G)
            What each column counts.
        residual : array (K, G)
            What the columns leave of the scores.
        """
        gradient, pull = np.zeros(u.shape), -2.0 * self.weight * residual
        for k, slopes in enumerate(self.law.gradient(self.z, self.theta(u), self.frame)):
            for j, slope in enumerate(slopes):
                if np.ndim(slope):  # a scalar is a column that does not depend on this shape
                    gradient[:, k] += solved[j] * dot(slope, pull)
            gradient[:, k] *= self.law.shapes[k].coordinate.slope(u[:, k])
        return gradient

    def _fit(self, u: Floats) -> Projection:
        """Return the linear fits at ``u`` of shape ``(q, G)``."""
        columns = self.law.columns(self.z, self.theta(u.T), self.frame, np)
        return project(columns, self.y, self.weight, rising=self.rising)

    def in_spreads(self) -> tuple[Problem, Floats]:
        """Return the problem in units of the scores' spread, so that tolerances have a meaning."""
        weights = self.spread()
        gap = self.y - dot(self.weight, self.y) / weights
        spread = np.sqrt(dot(self.weight, gap, gap) / weights)
        scale = np.where(spread > 0, spread, 1.0)
        return replace(self, y=self.y / scale), scale

    def spread(self) -> Floats:
        """Return what gradients are measured against, ``(G,)``."""
        weights: Floats = np.maximum(total(self.weight), 1e-300)
        return weights

    def facts(self, u: Floats, terms: Terms) -> Floats:
        """Return what the ends of a target at ``u`` ``(G, M, q)`` are made of, ``(9, G, M)``.

        The terms are oriented as the user's scores. See :mod:`~scalefit.solvers.ends`.
        """
        return facts_of(self.project(u), terms, u.shape[:2])

    def ends(
        self, u: Floats, terms: Terms, cut: Floats, rising: bool, /
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
        facts = facts_of(fit, terms, u.shape[:2])
        return *ends_of(facts, cut[:, None], rising), least_misfit(facts, rising)

    def end(
        self, u: Floats, terms: Terms, cut: Floats, rising: bool, side: Floats, /
    ) -> tuple[Floats, Floats]:
        """Return the lower end where ``side`` ``(G, M)`` is -1, the upper where 1, and the misfit.

        Parameters are those of :meth:`ends`.
        """
        lower, upper, misfit = self.ends(u, terms, cut, rising)
        return np.where(side > 0, upper, lower), misfit

    def model(self, u: Floats, step: Floats) -> Quadratic:
        """Return the residual sum of squares at ``u`` of shape ``(q, G)``, with two derivatives.

        With ``r`` the residual, ``X`` the columns, ``X_k`` and ``X_kl`` their derivatives by the
        shapes and ``b`` the best coefficients, half the second derivative of ``r' W r`` is

            (X_k b)' W (X_l b) - r' W X_kl b - a_k' (X' W X)^-1 a_l,  a_k = X' W X_k b - X_k' W r

        (Golub & Pereyra 1973, doi:10.1137/0710036), in which ``X_kl`` is a difference of ``X_k``
        over ``step``.
        """
        law, q = self.law, len(u)
        shapes = [shape.coordinate for shape in law.shapes]
        fit = self._fit(u)
        solved, pull = fit.solved, self.weight * fit.residual
        # The derivatives first at u, then with each shape in turn moved a little.
        moved = np.empty((q, 1 + q, len(self)))
        moved[:] = u[:, None]
        for k in range(q):
            moved[k, 1 + k] += step[k]
        theta = tuple(shape.to_theta(v) for shape, v in zip(shapes, moved, strict=True))
        tug = np.zeros(moved.shape)  # r' W X_k b
        along = np.zeros((q, *self.y.shape))  # X_k b
        raw = np.zeros((len(solved), *u.shape))  # X_k' W r
        for k, slopes in enumerate(law.gradient(self.z[:, None], theta, self.frame)):
            scale = shapes[k].slope(moved[k])
            for j, slope in enumerate(slopes):
                if np.ndim(slope) == 0:  # a column that does not depend on this shape
                    continue
                part = scale * dot(slope, pull[:, None])
                tug[k] += solved[j] * part
                along[k] += (solved[j] * scale[0]) * slope[:, 0]
                raw[j, k] = part[0]
        weighted = self.weight * along
        bend = (tug[:, 1:] - tug[:, :1]) / step
        half = total(weighted[:, None] * along, axis=2) - 0.5 * (bend + bend.swapaxes(0, 1))
        for j, direction in enumerate(fit.basis):
            for i in range(j):
                raw[j] -= fit.mix[i, j] * raw[i]
            lever = total(weighted * direction, axis=1) - raw[j]
            # What is held at zero does not give way.
            norm = np.where(fit.scores[j] == 0, np.inf, fit.norms[j])
            half -= lever[:, None] * (lever / norm)
        return Quadratic(fit.rss, -2.0 * tug[:, 0], 2.0 * half)
