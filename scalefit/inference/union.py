"""The union of intervals over laws: what holds whichever of them is true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FitError
from ..estimands import Asked, Implicit
from ..estimate import Estimate
from .interval import Intervals
from .together import ask_together

__all__ = ["join", "union"]


def union(
    estimates: Sequence[Estimate],
    surviving: NDArray[np.bool_],
    estimand: Asked | Implicit,
    level: float,
    inference: Callable[[Estimate, Asked, Any], Intervals],
) -> Intervals:
    """Return, per curve, the hull of the intervals of all surviving laws.

    Parameters
    ----------
    estimates : sequence of L estimates
        The same curves fitted by different laws; the estimate reported is that of the first
        surviving one.
    surviving : array (L, G) of bool
        Which laws are not rejected by lack of fit.
    estimand, level, inference
        What is asked, at which level, by which method within a law.
    """
    if not estimates:
        raise FitError("no laws to take the union over")
    used = [i for i, survives in enumerate(surviving) if survives.any()] or [0]
    estimates, surviving = [estimates[i] for i in used], surviving[used]
    parts = [ask_together(each, [(estimand, level)], inference)[0] for each in estimates]
    return join(parts, surviving, [estimate.law.name for estimate in estimates])


def join(
    parts: Sequence[Intervals], surviving: NDArray[np.bool_], names: Sequence[str]
) -> Intervals:
    """Return the hull of intervals by different laws, per curve, where each law survives.

    Parameters
    ----------
    parts : sequence of L Intervals
    surviving : array (L, G) of bool
    names : sequence of L str
    """
    named = [name for name, survives in zip(names, surviving, strict=True) if survives.any()]
    lower = np.min([np.where(s, p.lower, np.inf) for p, s in zip(parts, surviving, strict=True)], 0)
    upper = np.max(
        [np.where(s, p.upper, -np.inf) for p, s in zip(parts, surviving, strict=True)], 0
    )
    first = np.argmax(surviving, axis=0)
    value = np.stack([p.estimate for p in parts])[first, np.arange(surviving.shape[1])]
    none = ~surviving.any(axis=0)
    return Intervals(
        np.where(none, np.nan, value),
        np.where(none, -np.inf, lower),
        np.where(none, np.inf, upper),
        parts[0].level,
        f"{parts[0].method.split(',')[0]}, union over {', '.join(named) or 'no law'}",
    )
