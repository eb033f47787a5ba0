"""What a run of given sizes costs, and which sizes a budget can buy."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import FitError

__all__ = ["Cost", "as_cost"]

Array = Any

#: "6ND", "6 * N * D", "3.2 N^1.1 D": a number and both drivers, each with a power or none.
_FORMULA = re.compile(
    r"\s*(?P<factor>[0-9.]+(?:e[+-]?[0-9]+)?)?\s*\*?\s*N\s*(?:(?:\^|\*\*)\s*(?P<p>[0-9.]+))?"
    r"\s*\*?\s*D\s*(?:(?:\^|\*\*)\s*(?P<q>[0-9.]+))?\s*"
)
#: A size that a budget buys is looked for this many e-folds about the other driver's size.
_FAR = 200.0
#: The search by false position (Illinois) ends this near in log size or log cost, or so late.
_NEAR, _STEPS = 1e-13, 200
#: Step in log size of the slope of a function.
_STEP = 1e-4
#: Powers of ten of the sizes at which a function is tried.
_TRIED = np.arange(3.0, 14.0)


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of a run as ``factor * N^p * D^q``, or as any function that rises with both sizes.

    Parameters
    ----------
    factor : float
        Cost of a run of size 1 in both drivers.
    p, q : float
        Powers of the first and the second driver.
    function : callable or None
        ``function(N, D)`` in place of the formula: arrays in, an array out.

    Examples
    --------
    >>> Cost().of(1e9, 2e10)
    np.float64(1.2e+20)
    >>> Cost().label
    '6 N D'
    """

    factor: float = 6.0
    p: float = 1.0
    q: float = 1.0
    function: Callable[[Array, Array], Array] | None = None

    def __post_init__(self) -> None:
        if not all(np.isfinite(v) and v > 0 for v in (self.factor, self.p, self.q)):
            raise FitError(
                f"cost {self.factor:g} N^{self.p:g} D^{self.q:g}: the factor and both powers must "
                "be positive"
            )

    @property
    def label(self) -> str:
        """The cost in words."""
        if self.function is not None:
            return f"{getattr(self.function, '__name__', 'function')}(N, D)"
        powers = [
            name if power == 1 else f"{name}^{power:g}"
            for name, power in (("N", self.p), ("D", self.q))
        ]
        return " ".join([f"{self.factor:g}", *powers])

    def of(self, first: Array, second: Array) -> Array:
        """Return the cost of runs with sizes ``first`` and ``second``."""
        if self.function is None:
            return self.factor * np.asarray(first) ** self.p * np.asarray(second) ** self.q
        try:
            return np.asarray(self.function(first, second), dtype=float)
        except Exception as error:
            raise FitError(
                f"cost={self.label}: {type(error).__name__}: {error}; a cost takes two arrays of "
                "sizes and returns an array (numpy.vectorize makes one of a function of numbers)"
            ) from error

    def second(self, log_first: Array, log_cost: Array) -> Array:
        """Return the log size of the second driver that a budget leaves beside the first.

        Nan where no size does.
        """
        if self.function is None:
            return (log_cost - np.log(self.factor) - self.p * log_first) / self.q
        low, over = np.broadcast_arrays(log_first - _FAR, log_cost)
        high = low + 2.0 * _FAR
        below, above = self._log(log_first, low) - over, self._log(log_first, high) - over
        known = (below < 0) & (above > 0)
        stayed = np.zeros(known.shape)
        with np.errstate(all="ignore"):
            for _ in range(_STEPS):
                middle = high - above * (high - low) / (above - below)
                inside = (middle > low) & (middle < high)
                middle = np.where(inside, middle, 0.5 * (low + high))
                found = self._log(log_first, middle) - over
                if not (known & (np.abs(found) > _NEAR) & (high - low > _NEAR)).any():
                    break
                less = found < 0
                # The value of an end that stays twice is halved, so that both ends move.
                above = np.where(less, np.where(stayed > 0, 0.5 * above, above), found)
                below = np.where(less, found, np.where(stayed < 0, 0.5 * below, below))
                low, high = np.where(less, middle, low), np.where(less, high, middle)
                stayed = np.where(less, 1.0, -1.0)
        return np.where(known, middle, np.nan)

    def exchange(self, log_first: Array, log_second: Array) -> Array:
        """Return the change of the second log size per unit of the first one at equal cost."""
        if self.function is None:
            return -self.p / self.q + 0.0 * log_first
        with np.errstate(all="ignore"):
            by_first = self._log(log_first + _STEP, log_second) - self._log(
                log_first - _STEP, log_second
            )
            by_second = self._log(log_first, log_second + _STEP) - self._log(
                log_first, log_second - _STEP
            )
            return -by_first / by_second

    def _log(self, log_first: Array, log_second: Array) -> Array:
        with np.errstate(all="ignore"):
            found = np.log(self.of(np.exp(log_first), np.exp(log_second)))
        return np.where(np.isnan(found), np.inf, found)


def _risen(cost: Cost) -> Cost:
    """Return a cost that is positive and rises with each size; FitError if it does not."""
    first, second = np.meshgrid(10.0**_TRIED, 10.0**_TRIED, indexing="ij")
    with np.errstate(all="ignore"):
        values = cost.of(first, second)
    if values.shape != first.shape:
        raise FitError(f"cost={cost.label}: two arrays of sizes must give one of the same shape")
    falls = any((np.diff(values, axis=k) < 0).any() for k in (0, 1))
    rises = not falls and values[-1, -1] > max(values[0, -1], values[-1, 0])
    if not (np.isfinite(values).all() and (values > 0).all() and rises):
        raise FitError(f"cost={cost.label}: a cost is a positive number that rises with both sizes")
    return cost


def as_cost(given: Cost | str | Callable[[Array, Array], Array]) -> Cost:
    """Return a cost from a formula such as ``"6ND"``, a function, or a cost.

    Examples
    --------
    >>> as_cost("6ND") == as_cost("6 * N * D") == Cost()
    True
    >>> as_cost("2 N^1.5 D").label
    '2 N^1.5 D'
    """
    if isinstance(given, Cost):
        return given
    if callable(given):
        return _risen(Cost(function=given))
    found = _FORMULA.fullmatch(str(given))
    if found is None:
        raise FitError(
            f"cost={given!r}; write a factor, N for the first driver and D for the second, in this "
            "order, such as '6ND' or '2 N^1.5 D'"
        )
    try:
        factor, p, q = (float(found[name] or 1.0) for name in ("factor", "p", "q"))
    except ValueError:
        raise FitError(f"cost={given!r} has a number that cannot be read") from None
    return Cost(factor, p, q)
