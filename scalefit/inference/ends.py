"""Ends of targets, and what is climbed or flown over to find where they are farthest out.

A likelihood is too costly to be searched for them. Least squares that touches it where the last
search got to is searched instead, and touches it more closely each time (majorization: Lange,
Hunter & Yang 2000, doi:10.1080/10618600.2000.10474858).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..estimands import Estimand
from ..laws import Frame
from ..solvers.basins import inward
from ..solvers.likelihood import LikelihoodProblem
from ..solvers.search import Search
from .zoom import Scan

__all__ = ["Ends", "Seek", "farthest_of"]

Floats = NDArray[np.float64]
#: Returns shapes ``(B, q)`` from ends by least squares, shapes ``(B, q)`` at which they touch the
#: likelihood, and the number of the round.
Seek = Callable[["Ends", Floats, int], Floats]

#: An end rests where a search moves it by no more than this share of its distance from the
#: estimate.
_ENOUGH = 3e-5
#: By how much squares are made stiffer that led astray, and where that ends.
_STIFFER, _STIFFEST = 4.0, 1e3


@dataclass(frozen=True, slots=True)
class Ends:
    """B ends of targets.

    Parameters
    ----------
    problem : Search
        Their curves.
    frame : Frame
        Fields of shape ``(B, 1)``.
    estimand : Estimand
    side : array (B,)
        -1 for a lower end, 1 for an upper one.
    origin : array (B,)
        How far out the estimate is.
    cut, allowance : arrays (B,)
        Misfit up to which shapes are compatible, and how far it is above the least one.
    """

    problem: Search
    frame: Frame
    estimand: Estimand
    side: Floats
    origin: Floats
    cut: Floats
    allowance: Floats

    @classmethod
    def of(
        cls, problem: Search, frame: Frame, estimand: Estimand, value: Floats, cut: Floats,
        allowance: Floats,
    ) -> Ends:  # fmt: skip
        """Return the lower ends of G curves with estimates ``(G,)``, then their upper ones."""
        row, side = np.tile(np.arange(len(cut)), 2), np.repeat([-1.0, 1.0], len(cut))
        ends = cls(problem, frame, estimand, np.ones(len(cut)), value, cut, allowance).take(row)
        return replace(ends, side=side, origin=side * ends.origin)

    def take(self, rows: Any) -> Ends:
        """Return some of the ends."""
        return Ends(
            self.problem.take(rows), self.frame.map(lambda value: value[rows]),
            self.estimand.take(rows), self.side[rows], self.origin[rows], self.cut[rows],
            self.allowance[rows],
        )  # fmt: skip

    def loosened(self, share: float) -> Ends:
        """Return the ends under a cut that allows so many times as much."""
        more = (share - 1.0) * self.allowance
        return replace(self, cut=self.cut + more, allowance=self.allowance + more)

    def goal(self, u: Floats) -> tuple[Floats, Floats]:
        """Return how far out ends are and the misfit at shapes ``(B, M, q)``, ``(B, M)`` each.

        Where no coefficients are compatible they are minus infinity out.
        """
        rising = self.problem.law.rising
        scan = Scan(self.problem, self.frame, self.estimand, self.cut, rising)
        side = np.broadcast_to(self.side[:, None], u.shape[:2])
        end, misfit = scan.end(u, side)
        return side * end, misfit

    def squares(self, u: Floats, stiff: Floats) -> tuple[Ends, Floats]:
        """Return the ends by least squares that touches a likelihood at shapes ``(B, q)``.

        And how far out they are there, by the likelihood. Weights are ``stiff`` ``(B,)`` times what
        long tails ask for. Squares themselves, and a likelihood with kinks, are left as they are.
        """
        problem = self.problem
        if not isinstance(problem, LikelihoodProblem) or problem.kernel.kinked:
            return self, self.goal(u[:, None])[0][:, 0]
        law, theta, shape = problem.law, problem.theta(u[:, None]), (len(u), 1)
        with np.errstate(over="ignore", invalid="ignore"):  # very far out ends may be infinite
            terms = self.estimand.terms(law, theta, self.frame, np)
        weights = np.stack([np.broadcast_to(w, shape)[:, 0] for w in terms.weights], axis=-1)
        limit = self.cut + problem.pure
        near, cut, far = problem.touching(u, weights, limit, self.side, stiff, law.rising)
        beside = self.side * np.broadcast_to(terms.offset, shape)[:, 0]
        far = np.where(far > -np.inf, beside, 0.0) + far
        far = np.where(np.isnan(far), -np.inf, far)  # the target is not defined there
        # From the objective n exp(2 L / n) to 2 L.
        allowance = -problem.n * np.log1p(-self.allowance / limit)
        return replace(self, problem=near, cut=cut, allowance=allowance), far

    def approached(self, u: Floats, seek: Seek, rounds: int) -> tuple[Floats, Floats]:
        """Return where ends are farthest out, and how far, by searches that start at the last one.

        Parameters
        ----------
        u : array (B, q)
            Where to start.
        seek : callable
            See :data:`Seek`.
        rounds : int
            Most searches. An end rests when the last one has moved it by too little.
        """
        at, far = u.copy(), np.full(len(u), -np.inf)
        tried, stiff, rows = u.copy(), np.ones(len(u)), np.arange(len(u))
        back = np.ones(len(u), dtype=bool)  # whether squares are made anew where they were
        for turn in range(rounds + 1):
            part = self.take(rows)
            near, reached = part.squares(tried[rows], stiff[rows])
            with np.errstate(invalid="ignore"):  # an end may be infinite
                gain, way = reached - far[rows], np.abs(reached - self.origin[rows])
                little = (gain <= _ENOUGH * way) | (reached == np.inf)
            astray = gain < 0
            at[rows[~astray]], far[rows[~astray]] = tried[rows[~astray]], reached[~astray]
            on = np.flatnonzero(~astray & (back[rows] | ~little))
            if turn < rounds and on.size:
                tried[rows[on]] = seek(near.take(on), tried[rows[on]], turn)
            # Squares that were left for what is not compatible were not stiff enough.
            tried[rows[astray]], back[rows] = at[rows[astray]], astray
            stiff[rows[astray]] *= _STIFFER
            going = astray & (stiff[rows] < _STIFFEST)
            going[on] = True
            rows = rows[going]
            if not rows.size:
                break
        return at, far

    def bend(self, u: Floats) -> Floats:
        """Return the second derivatives of the misfit at shapes ``(B, q)``, ``(B, q, q)``."""
        _, high = self.problem.bounds()
        bend = self.problem.model(u.T, inward(u.T, high.T)).bend.transpose(2, 0, 1).copy()
        bend[~np.isfinite(bend).all(axis=(1, 2))] = np.eye(u.shape[1])
        return bend


def farthest_of(at: Floats, far: Floats, n_ends: int) -> tuple[Floats, Floats]:
    """Return the best of several searches for each of B ends, one search after the other.

    ``at`` ``(S B, q)`` is where they got to, ``far`` ``(S B,)`` how far out that is.
    """
    at, far = at.reshape(-1, n_ends, at.shape[1]), far.reshape(-1, n_ends)
    best, rows = far.argmax(axis=0), np.arange(n_ends)
    return at[best, rows], far[best, rows]
