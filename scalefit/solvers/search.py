"""A global search over the shapes of a law: scan all, polish every basin, certify.

With the linear coefficients at their best the objective is a function of few numbers only (Golub &
Pereyra 1973, doi:10.1137/0710036). It is scanned over the whole box of admissible shapes, every
local minimum of the scan is polished by a safeguarded Newton method, and the best is returned with
what was seen on the way. One curve is a batch of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ..laws.law import Law, Terms
from .basins import Quadratic, minima
from .memory import keep_memory
from .records import take
from .scan import scan

__all__ = ["Search", "Solution", "screening", "solve"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Values of a scan that are looked at together: few enough to stay in a core's cache, and for the
#: heap not to be given back to the system between two work arrays, which costs more than the work.
_BLOCK = 60_000
#: Curves from which on work arrays are large.
_BATCH = 500


class Search(Protocol):
    """What :func:`solve` needs of a problem: an objective in the shapes alone."""

    @property
    def law(self) -> Law:
        """The law."""

    @property
    def n_terms(self) -> int:
        """Number of terms that the objective of one curve is a sum of."""

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

    def screen(self, u: Floats) -> Floats:
        """Return the objective at ``u`` of shape ``(G, M, q)``, good enough to find basins."""

    def designs(self, widest: int, /) -> Ints:
        """Return the curves in groups that share the work of a survey, ``(D, W)``."""

    def survey(self, positions: Floats, alike: Ints) -> Floats:
        """Return the same at fractions ``(M, q)`` of the box for such groups, ``(D, W, M)``."""

    def rss(self, u: Floats) -> Floats:
        """Return the objective at ``u`` of shape ``(G, M, q)`` with all digits."""

    def model(self, u: Floats, step: Floats) -> Quadratic:
        """Return the objective at ``u`` of shape ``(q, G)``, with two derivatives.

        ``step``, of the same shape, is for those that have to be differences.
        """

    def objective(self, u: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the objective, its gradient and the coefficients at ``u`` of shape ``(G, q)``."""

    def ends(
        self, u: Floats, terms: Terms, cut: Floats, rising: bool, /
    ) -> tuple[Floats, Floats, Floats]:
        """Return the least and greatest target compatible with the data, and the misfit there."""

    def end(
        self, u: Floats, terms: Terms, cut: Floats, rising: bool, side: Floats, /
    ) -> tuple[Floats, Floats]:
        """Return the least target where ``side`` is -1, the greatest where 1, and the misfit."""


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

    def put(self, rows: Ints, other: Solution) -> Solution:
        """Return a copy in which the curves ``rows`` are those of ``other``."""
        parts = []
        for field in fields(self):
            part = getattr(self, field.name).copy()
            part[rows] = getattr(other, field.name)
            parts.append(part)
        return Solution(*parts)


def solve(problem: Search) -> tuple[Solution, Floats]:
    """Return the global optimum of every curve of ``problem``, and its coefficients ``(G, p)``."""
    n_curves = len(problem)
    q = len(problem.law.shapes)
    if q == 0:
        none = np.zeros((n_curves, 0))
        rss, _, coefficients = problem.objective(none)
        ones = np.ones(n_curves, dtype=np.intp)
        return Solution(
            none, rss, np.zeros((n_curves, 0, 0)), np.zeros(n_curves), ones,
            np.full(n_curves, np.inf), np.zeros((n_curves, 0), dtype=np.intp),
        ), coefficients  # fmt: skip
    if n_curves >= _BATCH:
        keep_memory()
    scaled, scale = problem.in_spreads()
    lower, upper = scaled.bounds()
    curve, position = _scan(scaled)
    spacing = (upper - lower) / (np.array([shape.points for shape in problem.law.shapes]) - 1)
    low, high, width = lower[curve], upper[curve], spacing[curve]
    start = low + position * (high - low)
    found = minima(scaled.take(curve), start.T, low.T, high.T, width.T, curve)
    best, n_basins, runner_up = _select(curve, found.u.T, found.model.value, width, n_curves)
    u, bend = found.u.T[best], take(found.model.bend, best).transpose(2, 0, 1)
    rss, slope, coefficients = scaled.objective(u)
    at_bound = np.where(u <= lower, -1, 0) + np.where(u >= upper, 1, 0)
    gradient = np.abs(np.where(at_bound * slope < 0, 0.0, slope)).max(axis=-1)
    return Solution(
        u, rss * scale**2, bend * scale[:, None, None] ** 2, gradient / scaled.spread(),
        n_basins, runner_up, at_bound,
    ), coefficients * scale[:, None]  # fmt: skip


def _scan(problem: Search) -> tuple[Ints, Floats]:
    """Scan the box; return curve and position in it of every local minimum found.

    A curve whose objective is nowhere finite starts in the middle.
    """
    counts = tuple(shape.points for shape in problem.law.shapes)
    curves, positions = [], []
    for alike in _blocks(problem, int(np.prod(counts))):

        def misfit(places: Floats, alike: Ints = alike) -> Floats:
            rss = problem.survey(places, alike)
            again = alike[:, 1:] == alike[:, :-1]
            if again.any():  # what fills up a group has been looked at
                rss[:, 1:][again] = np.inf
            rss = rss.reshape(alike.size, -1)
            return rss if np.isfinite(rss).all() else np.where(np.isfinite(rss), rss, np.inf)

        curve, position = scan(misfit, counts)
        curves.append(alike.ravel()[curve])
        positions.append(position)
    unseen = np.ones(len(problem), dtype=bool)
    for curve in curves:
        unseen[curve] = False
    none = np.flatnonzero(unseen)
    curve = np.concatenate([*curves, none])
    position = np.concatenate([*positions, np.full((none.size, len(counts)), 0.5)])
    order = np.argsort(curve, kind="stable")
    return curve[order], position[order]


def screening(problem: Search) -> Callable[[Floats], Floats]:
    """Return the function that screens all curves ``(G, M)`` at positions ``(M, q)`` in the box."""

    def misfit(positions: Floats) -> Floats:
        rss = np.empty((len(problem), len(positions)))
        for alike in _blocks(problem, len(positions)):
            rss[alike] = problem.survey(positions, alike)
        return np.where(np.isfinite(rss), rss, np.inf)

    return misfit


def _blocks(problem: Search, many: int) -> Iterator[Ints]:
    """Yield groups of curves ``(D, W)`` that are surveyed together at ``many`` positions each."""
    most = max(1, _BLOCK // many)
    groups = problem.designs(most)
    step = max(1, most // groups.shape[1])
    for first in range(0, len(groups), step):
        yield groups[first : first + step]


def _select(
    curve: Ints, u: Floats, rss: Floats, width: Floats, n_curves: int
) -> tuple[Ints, Ints, Floats]:
    """Return per curve the row of the best minimum, the number of distinct ones, the runner-up.

    Every curve has one minimum or more.
    """
    if len(curve) == n_curves:
        one = np.arange(n_curves)
        return one, np.ones(n_curves, dtype=np.intp), np.full(n_curves, np.inf)
    order = np.lexsort((rss, curve))
    first = np.searchsorted(curve[order], np.arange(n_curves))
    best = order[first]
    apart = np.any(np.abs(u - u[best][curve]) > 0.5 * width, axis=-1)
    n_basins = 1 + np.bincount(curve, weights=apart, minlength=n_curves).astype(np.intp)
    runner_up = np.full(n_curves, np.inf)
    np.minimum.at(runner_up, curve[apart], rss[apart])
    least = rss[best]
    known = np.isfinite(least)
    runner_up = np.where(known, runner_up, np.inf) / np.where(known, np.maximum(least, 1e-300), 1.0)
    return best, n_basins, runner_up
