"""What an answer must rest on: a table within its law's gate, and sizes beyond the last break."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..estimands import Asked
from ..estimate import Estimate
from ..laws import Law
from .interval import Intervals

__all__ = ["refuse", "refused", "unsupported"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Sizes beyond the last break that a forecast needs: two make a line, the third can gainsay it.
_BEYOND_BREAK = 3


def unsupported(law: Law, shapes: tuple[Any, ...], z: Floats, weight: Floats) -> Bools:
    """Return where too few sizes lie beyond the last break for a forecast; ``(G,)``.

    Parameters
    ----------
    law : Law
    shapes : tuple of arrays (G,)
    z, weight : arrays (G, K)
        Log sizes, and weights, of which 0 leaves a size out.
    """
    if law.last_break < 0:
        return np.zeros(len(z), dtype=bool)
    further = (z > shapes[law.last_break][:, None]) & (weight > 0)
    few: Bools = further.sum(axis=1) < _BEYOND_BREAK
    return few


def refused(estimate: Estimate, estimand: Asked, value: Floats) -> Bools:
    """Return for which curves ``(G,)`` no number can be given; ``value`` is the answer so far."""
    law, sample = estimate.law, estimate.sample
    bare = unsupported(law, estimate.shapes(), sample.z, sample.weight)
    none: Bools = ~estimate.within_gate | (estimand.beyond(law, sample.frame).above & bare)
    none |= np.isnan(value) & ~estimate.flat  # the law has no answer
    return none


def refuse(intervals: Intervals, estimate: Estimate, estimand: Asked) -> Intervals:
    """Return the intervals without a number, open on both sides, where none can be given."""
    none = refused(estimate, estimand, intervals.estimate)
    return replace(
        intervals,
        estimate=np.where(none, np.nan, intervals.estimate),
        lower=np.where(none, -np.inf, intervals.lower),
        upper=np.where(none, np.inf, intervals.upper),
    )
