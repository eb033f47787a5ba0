"""The difference between two independent curves in anything that can be asked of both.

With independent tables the misfits add, so a difference is compatible with the data if the
allowance can be split between the two curves such that the values they may then take differ by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from ..errors import FitError
from ..estimands import Estimand, Value
from ..estimate import Estimate
from ..laws import Frame, Law
from .interval import Intervals

__all__ = ["Crossing", "difference"]

Floats = NDArray[np.float64]

#: Ways to split the allowance: all to the one curve, ..., all to the other.
_ANGLES = np.linspace(0.0, 0.5 * np.pi, 5)
_LEAST_LEVEL = 1e-9


def difference(
    one: Estimate,
    other: Estimate,
    estimand: Estimand,
    level: Any,
    inference: Callable[[Estimate, Estimand, Any], Intervals],
) -> Intervals:
    """Return intervals for the answer of ``one`` less that of ``other``, curve by curve.

    Parameters
    ----------
    one, other : Estimate
        G curves each, of independent tables; the laws may differ.
    estimand : Estimand
        What is asked of both.
    level : float or array (G,)
        Nominal coverage.
    inference : callable
        One that accepts a level per curve.

    Notes
    -----
    The one curve is asked at ``cos(angle)`` and the other at ``sin(angle)`` times its own t
    quantile, and the widest difference over all angles is taken. For symmetric arms this is the
    root of the sum of their squares (MOVER: Zou & Donner 2008, doi:10.1002/sim.3095); here every
    arm has its own length at every angle. Each curve keeps its own degrees of freedom, as in the
    test of Cochran & Cox, which errs on the side of width.
    """
    rows = np.repeat(np.arange(len(one)), _ANGLES.size)
    parts = []
    for curve, share in ((one, np.cos(_ANGLES)), (other, np.sin(_ANGLES))):
        df = curve.scale[1]
        reach = stdtrit(df, 0.5 + 0.5 * np.asarray(level))[:, None] * share
        levels = np.maximum(2.0 * stdtr(df[:, None], reach) - 1.0, _LEAST_LEVEL)
        found = inference(curve.take(rows), estimand.take(rows), levels.ravel())
        parts.append((found, found.lower.reshape(levels.shape), found.upper.reshape(levels.shape)))
    (first, low, high), (second, other_low, other_high) = parts
    with np.errstate(invalid="ignore"):
        value = (first.estimate - second.estimate).reshape(low.shape)[:, 0]
        lower, upper = -_widest(other_high - low), _widest(high - other_low)
    names = dict.fromkeys([one.law.name, other.law.name])
    method = f"{first.method.split(',')[0]}, given {' and '.join(names)}"
    return Intervals(value, lower, upper, level, method)


def _widest(arms: Floats) -> Floats:
    """Return the greatest of each row ``(G, A)``, by the parabola through its neighbours."""
    top = np.clip(arms.argmax(axis=1), 1, arms.shape[1] - 2)[:, None]
    before, at, after = (np.take_along_axis(arms, top + k, axis=1)[:, 0] for k in (-1, 0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        rise = (after - before) ** 2 / (8.0 * (2.0 * at - before - after))
    inside = np.isfinite(rise) & (at >= before) & (at >= after)
    found: Floats = arms.max(axis=1) + np.where(inside, rise, 0.0)
    return found


@dataclass(frozen=True, slots=True)
class Crossing:
    """The size at which two fitted curves cross: ``fit.ask(sf.Crossing(other.estimate))``.

    Parameters
    ----------
    other : Estimate
        The other curve, ``fit.estimate`` of another fit: of the same driver and the same metric,
        and of runs of its own.

    Notes
    -----
    The interval holds every size at which the interval of the difference of the two curves
    contains zero. Where the curves cannot be told apart it is open; where one is above the other
    at every size it is empty (all numbers nan).

    Examples
    --------
    >>> import scalefit as sf
    >>> cells = [1e4, 1e5, 1e6, 1e7] * 3
    >>> late = [.60, .70, .80, .90, .61, .70, .81, .90, .60, .71, .80, .91]
    >>> early = [.70, .74, .78, .82, .71, .74, .79, .82, .70, .75, .78, .83]
    >>> one, two = (sf.fit({"cells": cells, "f1": f1}, law="log_linear") for f1 in (late, early))
    >>> found = one.ask(sf.Crossing(two.estimate))
    >>> 1e5 < found.lower < found.estimate < found.upper < 1e6
    True
    """

    other: Estimate

    def __post_init__(self) -> None:
        if not isinstance(self.other, Estimate):
            raise FitError(
                f"a crossing needs the estimate of the other curve, not {type(self.other).__name__}"
                "; write Crossing(other.estimate)"
            )
        if self.other.law.n_drivers > 1:
            raise FitError("curves of one driver cross at a size; surfaces do so along a line")

    @property
    def label(self) -> str:
        """The question in a few words."""
        return "size at which the curves cross"

    def implicit(self, law: Law) -> bool:  # noqa: ARG002
        """Return that the size is no function of the shapes alone."""
        return True

    def sizes(self, frame: Frame) -> tuple[Floats, Floats]:
        """Return the smallest and the largest size of both tables."""
        ends = [(f.x0 * np.exp(f.z_min), f.x0 * np.exp(f.z_max)) for f in (frame, self._frame)]
        return np.minimum(ends[0][0], ends[1][0]), np.maximum(ends[0][1], ends[1][1])

    @property
    def _frame(self) -> Frame:
        return self.other.sample.frame

    def gap(
        self,
        estimate: Estimate,
        x: Floats,
        level: Any,
        inference: Callable[[Estimate, Estimand, Any], Intervals],
    ) -> Intervals:
        """Return the intervals of the one curve less the other at size ``x[g]``."""
        signs = {float(s) for f in (estimate.sample.frame, self._frame) for s in np.ravel(f.sign)}
        if len(signs) > 1:
            raise FitError("the curves are of different metrics: a higher score is better in one")
        other = self.other.take(np.arange(len(x)) % len(self.other))
        return difference(estimate, other, Value(x), level, inference)

    def take(self, rows: Any) -> Crossing:
        """Return the question about some of the curves; a single other curve is met by all."""
        return self if len(self.other) == 1 else Crossing(self.other.take(rows))
