"""Profile ends for a law without a linear part: refit with the target pinned, and find the cut.

All ends of all curves are sought at once. From the optimum outwards the target is pinned at farther
and farther values, the parameters being fitted again from where they were, until the cut is crossed;
then the crossing is found on the signed root of the excess misfit, which is nearly linear in the
target (Bates & Watts 1988, section 6.1).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..estimands import Estimand
from ..estimate import Estimate
from ..solvers.descent import descend, sum_of_squares
from ..solvers.general import misfit

__all__ = ["constrained_ends"]

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

#: How stiffly the target is pinned, in units of the slack over the target's scale.
_STIFFNESS = 1e4
#: An end more than about 1e4 first half-widths away is called open.
_GROWTH, _STEPS = 1.6, 20
#: Relative offset of a refit: the misfit is then good to its square.
_OFFSET, _REFIT = 1e-6, 60
#: Refits between the last value inside and the first outside, and how near the cut they come.
_CUTS, _NEAR = 40, 1e-7


def constrained_ends(estimate: Estimate, estimand: Estimand, cut: Floats) -> tuple[Floats, Floats]:
    """Return the least and the greatest value of the target with ``rss <= cut``; ``(G,)`` each.

    An end that is never reached is open.
    """
    n_curves = len(estimate)
    row = np.tile(np.arange(n_curves), 2)
    side = np.repeat([-1.0, 1.0], n_curves)
    ends = _ends(estimate.take(row), estimand.take(row), cut[row], side)
    return ends[:n_curves], ends[n_curves:]


def _ends(estimate: Estimate, estimand: Estimand, cut: Floats, side: Floats) -> Floats:
    """Return the end on the given ``side`` (-1 or 1) for every curve, all ``(B,)``."""
    law, sample, best = estimate.law, estimate.sample, estimate.theta
    gaps = misfit(law, sample.z, sample.benefit, sample.weight, sample.frame)

    def target(theta: Floats, rows: Rows) -> Floats:
        frame = sample.frame.map(lambda value: value[rows])
        with np.errstate(all="ignore"):
            terms = estimand.take(rows).terms(law, tuple(theta.T), frame, np)
        return np.zeros(len(rows)) + terms.offset

    everything = np.arange(len(best))
    centre = target(best, everything)
    floor = sum_of_squares(gaps(best, everything))
    slack = np.maximum(cut - floor, 0.0)
    unit = _first_half_width(estimate, slack, lambda theta: target(theta, everything)) 
    known = np.isfinite(centre) & np.isfinite(unit)
    ends = np.where(known, centre, side * np.inf)
    seek = np.flatnonzero(known & (slack > 0) & (unit > 0))
    if not seek.size:
        return ends
    stiff = np.zeros(len(best))
    stiff[seek] = _STIFFNESS * np.sqrt(slack[seek]) / unit[seek]

    def refit(value: Floats, theta: Floats, rows: Rows) -> tuple[Floats, Floats, Floats]:
        """Pin the target; return where it came to lie, its signed root less that of the cut."""

        def pinned(at: Floats, part: Rows) -> Floats:
            mine = rows[part]
            pull = stiff[mine] * (target(at, mine) - value[part])
            return np.concatenate([gaps(at, mine), pull[:, None]], axis=1)

        theta, _ = descend(pinned, theta, offset=_OFFSET, most=_REFIT)
        excess = np.maximum(sum_of_squares(gaps(theta, rows)) - floor[rows], 0.0)
        return target(theta, rows), np.sqrt(excess / slack[rows]) - 1.0, theta
    ...
