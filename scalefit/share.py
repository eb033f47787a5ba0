"""The share of the remaining error that k times the driver removes: a gain without a unit.

    share = (f(k x) - f(x)) / (best - f(x))

It is a ratio of two targets that are linear in the coefficients, so that its interval holds the
values r at which the interval of ``f(k x) - f(x) - r (best - f(x))`` contains zero (Fieller 1954,
doi:10.1111/j.2517-6161.1954.tb00159.x), whatever inference makes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .estimands import Beyond, GainBetween, SameForAll, Value
from .estimate import Estimate
from .inference import Intervals
from .laws import Frame, Law, Terms

__all__ = ["RemainingShare"]

Floats = NDArray[np.float64]
#: A share outside of this is open: the law leads far beyond the best value, or away from it.
_LEAST, _MOST = -9.0, 9.0


@dataclass(frozen=True, slots=True)
class _Gap:
    """``f(k x) - f(x)`` less ``share`` times what is left to the best value."""

    x: float
    factor: float
    share: Any

    @property
    def label(self) -> str:
        return "gain less a share of the remaining error"

    def terms(self, law: Law, theta: tuple[Any, ...], frame: Frame, xp: ModuleType) -> Terms:
        share = np.reshape(self.share, np.shape(self.share) + (1,) * (np.ndim(frame.x0) - 1))
        gain = GainBetween(self.x, self.factor * self.x).terms(law, theta, frame, xp)
        here = Value(self.x).terms(law, theta, frame, xp).scaled(share * frame.sign)
        joined = tuple(a + b for a, b in zip(gain.weights, here.weights, strict=True))
        return Terms(joined, gain.offset + here.offset - share * frame.sign * frame.limit)

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        return RemainingShare(self.x, self.factor).beyond(law, frame)

    def take(self, rows: Any) -> _Gap:
        return _Gap(self.x, self.factor, np.asarray(self.share)[rows])


@dataclass(frozen=True, slots=True)
class RemainingShare(SameForAll):
    """The share of the error left at a size that ``factor`` times the size removes.

    Parameters
    ----------
    x : float
        The size, in driver units.
    factor : float
        Above 1.
    """

    x: float
    factor: float = 10.0

    @property
    def label(self) -> str:
        """The question in a few words."""
        return f"share of the remaining error removed by {self.factor:g} times the size"

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return which sizes it is about."""
        return GainBetween(self.x, self.factor * self.x).beyond(law, frame)

    def ask(self, estimate: Estimate, level: Any, inference: Callable[..., Intervals]) -> Intervals:
        """Return the intervals for each curve of an estimate, at one level or one per curve."""
        from scipy.optimize.elementwise import find_root

        n = len(estimate)
        levels = np.broadcast_to(level, (n,))
        gain = GainBetween(self.x, self.factor * self.x)
        shape, frame = estimate.shapes(), estimate.sample.frame
        left = frame.sign * (
            frame.limit - estimate.evaluate(Value(self.x).terms(estimate.law, shape, frame, np))
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            value = estimate.evaluate(gain.terms(estimate.law, shape, frame, np)) / left
        label = ""

        def bound(side: str) -> Callable[[Floats, Floats], Floats]:
            def at(share: Floats, row: Floats) -> Floats:
                nonlocal label
                rows = row.astype(np.intp)
                question = _Gap(self.x, self.factor, share)
                found = inference(estimate.take(rows), question, levels[rows])
                label = found.method
                end = found.upper if side == "upper" else found.lower
                # Bounds may be infinite, and a root finder wants numbers.
                return np.asarray(np.tanh(end / np.abs(left[rows])))

            return at

        ends = []
        rows = np.arange(n, dtype=float)
        for side, open_end in (("lower", -np.inf), ("upper", np.inf)):
            of = bound(side)
            start = np.full(n, _LEAST if side == "lower" else _MOST)
            outside = of(start, rows) * (1 if side == "lower" else -1) > 0
            end = np.full(n, open_end)
            at = np.flatnonzero(outside & np.isfinite(value))
            if at.size:
                # Bounds fall as the share grows; a posterior need not hold the estimate.
                bracket = np.full(at.size, _LEAST), np.full(at.size, _MOST)
                found = find_root(of, bracket, args=(rows[at],), tolerances={"xatol": 1e-6})
                end[at] = np.where(found.success, found.x, open_end)
            ends.append(end)
        return Intervals(value, ends[0], ends[1], level, label)
