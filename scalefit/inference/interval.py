"""An interval: an estimate between two bounds, either of which may be open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._format import interval_text
from ..errors import FitError

__all__ = ["Interval", "Intervals", "check_level", "open_beyond", "within"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval.

    Parameters
    ----------
    estimate, lower, upper : float
        A bound of ``inf`` or ``-inf`` is open: the data do not limit the quantity on that side.
        The estimate is nan where the quantity has none.
    level : float
        Nominal coverage, such as 0.95.
    method : str
        How it was made, in words: "profile likelihood, given saturating_power".

    Examples
    --------
    >>> print(Interval(0.051, 0.010, 0.144, 0.95, "profile likelihood"))
    0.051 [0.010, 0.144] (95 % profile likelihood)
    >>> print(Interval(0.97, 0.89, float("inf"), 0.95, "profile likelihood"))
    above 0.890 (95 % profile likelihood)
    """

    estimate: float
    lower: float
    upper: float
    level: float
    method: str

    @property
    def identified(self) -> bool:
        """Whether both bounds are finite."""
        return bool(np.isfinite(self.lower) and np.isfinite(self.upper))

    @property
    def label(self) -> str:
        """Level and method in words."""
        return f"{100 * self.level:g} % {self.method}"

    def __str__(self) -> str:
        return f"{interval_text(self.estimate, self.lower, self.upper)} ({self.label})"

    def __contains__(self, value: float) -> bool:
        return bool(self.lower <= value <= self.upper)


@dataclass(frozen=True, slots=True)
class Intervals:
    """Intervals of G curves: arrays ``(G,)`` of estimates and bounds, with one label.

    The level is a number, or an array ``(G,)`` while several questions are asked together.
    """

    estimate: Floats
    lower: Floats
    upper: Floats
    level: Any
    method: str

    def __getitem__(self, row: int) -> Interval:
        return Interval(
            float(self.estimate[row]), float(self.lower[row]), float(self.upper[row]),
            self.level, self.method,
        )  # fmt: skip


def within(intervals: Intervals, lower: Any, upper: Any) -> Intervals:
    """Return intervals for quantities known to lie in ``[lower, upper]``, such as mean scores.

    The known range cuts intervals and estimates: the truth is inside it, so coverage is kept.
    """
    return Intervals(
        np.clip(intervals.estimate, lower, upper),
        np.clip(intervals.lower, lower, upper),
        np.clip(intervals.upper, lower, upper),
        intervals.level,
        intervals.method,
    )


def open_beyond(upper: Any, span: Any) -> Any:
    """Return upper bounds of gains, open where they limit nothing: from the metric's range on."""
    return np.where(upper >= span, np.inf, upper)


def check_level(level: Any) -> Any:
    """Return ``level``, a number or one per curve, or raise FitError if one is not in (0, 1)."""
    values = np.asarray(level)
    known = np.issubdtype(values.dtype, np.number)
    if known and np.all((values > 0) & (values < 1)):
        return level
    hint = ""
    if known and values.ndim == 0 and 1 < level < 100:
        hint = f"; for {level:g} % write level={level / 100:g}"
    raise FitError(f"level={level!r}; give a number between 0 and 1, such as 0.95{hint}")
