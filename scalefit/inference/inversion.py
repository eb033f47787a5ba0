"""Intervals for sizes that solve an equation: the sizes at which a gap may be zero.

The confidence set of a root holds every size at which the interval of the gap contains zero
(Fieller 1954, doi:10.1111/j.2517-6161.1954.tb00159.x), whatever inference makes that interval. It
may be open, or empty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..estimands import Estimand, Implicit
from ..estimate import Estimate
from .interval import Intervals

__all__ = ["invert"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_DECADE = np.log(10.0)
#: Log sizes to look at: inside the table, in units of its range, and decades beyond it.
_INSIDE = np.linspace(0.0, 1.0, 9)
_BEYOND = np.array([0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0]) * _DECADE
#: Those at most a decade away from all sizes, where a root may be an estimate.
_NEAR = slice(int(np.sum(_BEYOND > _DECADE)), -int(np.sum(_BEYOND > _DECADE)))
#: A bracket shrinks by this many cells a round, and is interpolated after the last one.
_CELLS, _ROUNDS = 6, 3


@dataclass(frozen=True, slots=True)
class _Gap:
    """The gap of G curves at log sizes."""

    estimate: Estimate
    estimand: Implicit
    level: Any
    inference: Callable[[Estimate, Estimand, Any], Intervals]

    def at(self, log_x: Floats) -> tuple[Floats, Floats, Floats, str]:
        """Return estimate and bounds at ``log_x`` of shape ``(G, M)``, and the method."""
        rows = np.repeat(np.arange(len(log_x)), log_x.shape[1])
        level = np.broadcast_to(self.level, (len(log_x),))[rows]
        found = self.estimand.take(rows).gap(
            self.estimate.take(rows), np.exp(log_x).ravel(), level, self.inference
        )
        parts = (found.estimate, found.lower, found.upper)
        value, lower, upper = (part.reshape(log_x.shape) for part in parts)
        return value, lower, upper, found.method


def invert(
    estimate: Estimate,
    estimand: Implicit,
    level: Any,
    inference: Callable[[Estimate, Estimand, Any], Intervals],
) -> Intervals:
    """Return the hull of the sizes at which the gap may be zero, for every curve.

    It is searched from five decades below the smallest size to five above the largest one; an end
    that is not found there is open. Where the gap is nowhere zero all numbers are nan. The estimate
    is the only root at most a decade away from all sizes, and nan where there is none or several.
    """
    gap = _Gap(estimate, estimand, level, inference)
    first, last = (np.log(size)[:, None] for size in estimand.sizes(estimate.sample.frame))
    nodes = np.concatenate(
        [first - _BEYOND[::-1], first + _INSIDE * (last - first), last + _BEYOND], axis=1
    )
    value, lower, upper, method = gap.at(nodes)
    # -1 where the gap is below zero, +1 where it is above, 0 where it may be zero.
    state = np.where(upper < 0, -1, np.where(lower > 0, 1, 0))
    from_below, from_above = _bracket(nodes, state), _bracket(nodes[:, ::-1], state[:, ::-1])
    side = np.where(value > 0, 1, -1)[:, _NEAR]
    changes = (side[:, 1:] != side[:, :-1]).sum(axis=1)
    signs = np.stack([state[:, 0], state[:, -1], side[:, 0]], axis=1)
    outer, inner = np.stack([from_below, from_above, _bracket(nodes[:, _NEAR], side)], axis=2)
    for _ in range(_ROUNDS):
        outer, inner = _shrink(gap, outer, inner, signs)
    ends = _interpolate(gap, outer, inner, signs)
    size = np.exp(ends)
    empty = (state[:, :1] == state).all(axis=1) & (state[:, 0] != 0)
    low = np.where(state[:, 0] == 0, -np.inf, size[:, 0])
    high = np.where(state[:, -1] == 0, np.inf, size[:, 1])
    best = np.where(changes == 1, size[:, 2], np.nan)
    return Intervals(
        np.where(empty, np.nan, best),
        np.where(empty, np.nan, low),
        np.where(empty, np.nan, high),
        level,
        method,
    )


def _bracket(nodes: Floats, state: NDArray[np.int_]) -> Floats:
    """Return the last node in the state of the first one, and the next node; ``(2, G)``."""
    change = np.maximum((state != state[:, :1]).argmax(axis=1), 1)[:, None]
    return np.stack([np.take_along_axis(nodes, change - k, axis=1)[:, 0] for k in (1, 0)])


def _excess(gap: _Gap, log_x: Floats, signs: NDArray[np.int_]) -> Floats:
    """Return how far each end's own curve is on its outer side of zero, ``(G, 3, M)``.

    The ends are those of the set, which the upper bound of a gap below zero crosses and the lower
    bound of one above, and the root of the estimate; negative is outside.
    """
    n_curves, n_ends, n = log_x.shape
    value, lower, upper, _ = gap.at(log_x.reshape(n_curves, -1))
    value, lower, upper = (v.reshape(n_curves, n_ends, n) for v in (value, lower, upper))
    negative = signs[:, :, None] < 0
    bound = np.where(negative, upper, -lower)
    bound[:, 2] = np.where(negative[:, 2], value[:, 2], -value[:, 2])
    return bound


def _shrink(
    gap: _Gap, outer: Floats, inner: Floats, signs: NDArray[np.int_]
) -> tuple[Floats, Floats]:
    """Return the cell of each bracket in which zero is crossed first, ``(G, 3)`` each."""
    ticks = np.arange(1, _CELLS + 1) / _CELLS
    points = outer[:, :, None] + (inner - outer)[:, :, None] * ticks
    crossed = _excess(gap, points[:, :, :-1], signs) >= 0
    crossed = np.concatenate([crossed, np.ones_like(crossed[:, :, :1])], axis=2)
    place = crossed.argmax(axis=2)[:, :, None]
    start = np.concatenate([outer[:, :, None], points], axis=2)
    ends = (np.take_along_axis(start, place + k, axis=2)[:, :, 0] for k in (0, 1))
    return next(ends), next(ends)


def _interpolate(gap: _Gap, outer: Floats, inner: Floats, signs: NDArray[np.int_]) -> Floats:
    """Return where the line through the two ends of each bracket crosses zero, ``(G, 3)``."""
    excess = _excess(gap, np.stack([outer, inner], axis=2), signs)
    before, after = -excess[:, :, 0], excess[:, :, 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = before / (before + after)
    share = np.where(np.isfinite(share), np.clip(share, 0.0, 1.0), 0.5)
    return outer + share * (inner - outer)
