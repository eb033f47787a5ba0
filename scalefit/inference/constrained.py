"""Profile ends for a law without a linear part: refit with the target pinned, and find the cut.

All ends of all curves are sought at once. From the optimum outwards the target is pinned at farther
and farther values, the parameters being fitted again from where they were, until the cut is
crossed; then the crossing is found on the root of the excess misfit, which is nearly linear in the
target (Bates & Watts 1988, section 6.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..estimands import Estimand
from ..estimate import Estimate
from ..solvers.descent import Residual, descend, jacobian, sum_of_squares
from ..solvers.general import misfit

__all__ = ["constrained_ends"]

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

#: How stiffly the target is pinned, in units of the slack over the target's scale.
_STIFFNESS = 1e4
#: An end more than about 1e4 first half-widths away is called open.
_GROWTH, _STEPS = 1.6, 20
#: Relative offset of a refit, whose misfit is then good to its square, and its most steps.
_OFFSET, _REFIT = 1e-6, 60
#: Most refits between the last value inside and the first outside; how near the cut they come, and
#: how near each other, in half widths.
_CUTS, _NEAR, _WIDTH = 40, 1e-7, 1e-9
#: A root of the excess misfit beyond this only says "far outside".
_FAR = 10.0


def constrained_ends(estimate: Estimate, estimand: Estimand, cut: Floats) -> tuple[Floats, Floats]:
    """Return the least and the greatest value of the target with ``rss <= cut``; ``(G,)`` each.

    An end that is never reached is open.
    """
    n_curves = len(estimate)
    row = np.tile(np.arange(n_curves), 2)
    side = np.repeat([-1.0, 1.0], n_curves)
    walk = _Walk.from_optimum(estimate.take(row), estimand.take(row), cut[row])
    lower, upper = np.split(walk.ends(side), 2)
    return lower, upper


@dataclass(frozen=True, slots=True)
class _Walk:
    """B curves, each with a target; all arrays ``(B,)`` but the parameters ``best`` ``(B, q)``.

    Parameters
    ----------
    gaps : Residual
        Residuals of the curves.
    best : array (B, q)
        The optimum.
    centre, unit : array
        The target there, and its half width to first order.
    floor, slack : array
        The sum of squares there, and how far the cut lies above it.
    """

    estimate: Estimate
    estimand: Estimand
    gaps: Residual
    best: Floats
    centre: Floats
    unit: Floats
    floor: Floats
    slack: Floats

    @classmethod
    def from_optimum(cls, estimate: Estimate, estimand: Estimand, cut: Floats) -> _Walk:
        sample, best = estimate.sample, estimate.theta
        gaps = misfit(estimate.law, sample.z, sample.benefit, sample.weight, sample.frame)
        rows = np.arange(len(best))
        floor = sum_of_squares(gaps(best, rows))
        slack = np.maximum(cut - floor, 0.0)
        start = cls(estimate, estimand, gaps, best, floor, floor, floor, slack)
        slope = jacobian(lambda at, rows: start.target(at, rows)[:, None], best, rows)[:, 0, :]
        slopes = jacobian(gaps, best, rows)
        length = np.sqrt(np.sum(slopes**2, axis=1))
        length = np.where(length > 0, length, 1.0)
        _, singular, right = np.linalg.svd(slopes / length[:, None, :], full_matrices=False)
        known = singular > 1e-12 * singular[:, :1]
        lever = np.einsum("bpq,bq->bp", right, slope / length) / np.where(known, singular, np.inf)
        unit = np.sqrt(slack * np.sum(lever**2, axis=1))
        return cls(estimate, estimand, gaps, best, start.target(best, rows), unit, floor, slack)

    def target(self, theta: Floats, rows: Rows) -> Floats:
        """Return the target of the curves ``rows`` at ``theta`` ``(len(rows), q)``."""
        frame = self.estimate.sample.frame.map(lambda value: value[rows])
        with np.errstate(all="ignore"):
            terms = self.estimand.take(rows).terms(self.estimate.law, tuple(theta.T), frame, np)
            value: Floats = np.zeros(len(rows)) + terms.offset
        return value

    def refit(self, value: Floats, theta: Floats, rows: Rows) -> tuple[Floats, Floats]:
        """Fit with the target pinned at ``value``.

        Returns the root of the excess misfit, which is -1 at the optimum and 0 on the cut, and the
        parameters.
        """
        stiff = _STIFFNESS * np.sqrt(self.slack[rows]) / self.unit[rows]

        def pinned(at: Floats, part: Rows) -> Floats:
            pull = stiff[part] * (self.target(at, rows[part]) - value[part])
            return np.concatenate([self.gaps(at, rows[part]), pull[:, None]], axis=1)

        theta, _ = descend(pinned, theta, offset=_OFFSET, most=_REFIT)
        excess = sum_of_squares(self.gaps(theta, rows)) - self.floor[rows]
        root = np.sqrt(np.maximum(excess, 0.0) / self.slack[rows]) - 1.0
        return np.minimum(root, _FAR), theta

    def ends(self, side: Floats) -> Floats:
        """Return the end on the given side (-1 or 1) of every curve."""
        known = np.isfinite(self.centre) & np.isfinite(self.unit)
        open_end = side * np.inf
        rows = np.flatnonzero(known & (self.slack > 0) & (self.unit > 0))
        # The last point inside the cut, and the first one outside.
        value = np.stack([self.centre, open_end])
        root = np.stack([np.full(len(side), -1.0), np.full(len(side), np.nan)])
        theta = np.stack([self.best, self.best])
        for k in range(_STEPS):
            tried = self.centre[rows] + side[rows] * self.unit[rows] * _GROWTH**k
            found, at = self.refit(tried, theta[0, rows], rows)
            out = (found > 0).astype(int)
            value[out, rows], root[out, rows], theta[out, rows] = tried, found, at
            rows = rows[out == 0]
            if not rows.size:
                break
        ends = np.where(known, self.centre, open_end)
        ends[rows] = open_end[rows]
        rows = np.flatnonzero(np.isfinite(value[1]))
        last = np.full(len(side), -1)
        for _ in range(_CUTS):
            if not rows.size:
                break
            share = np.clip(root[0, rows] / (root[0, rows] - root[1, rows]), 0.01, 0.99)
            tried = value[0, rows] + share * (value[1, rows] - value[0, rows])
            start = theta[0, rows] + share[:, None] * (theta[1, rows] - theta[0, rows])
            found, at = self.refit(tried, start, rows)
            ends[rows] = self.target(at, rows)
            out = (found > 0).astype(int)
            value[out, rows], root[out, rows], theta[out, rows] = tried, found, at
            # An end that stays twice has its root halved, so that both move (Dowell & Jarratt 1971,
            # doi:10.1007/BF01934364).
            root[1 - out, rows] *= np.where(out == last[rows], 0.5, 1.0)
            last[rows] = out
            wide = np.abs(value[1, rows] - value[0, rows]) > _WIDTH * self.unit[rows]
            rows = rows[(np.abs(found) > _NEAR) & wide]
        return ends
