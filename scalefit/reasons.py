"""Why a verdict is what it is, in one sentence, and what would settle one that is inconclusive."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._format import number, numbers_apart
from .gate import ONE_SIDED, Gate
from .inference import Intervals
from .refusals import REFUSALS
from .runs_needed import times_as_many

__all__ = ["reasons"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Times as many runs that nobody will make.
_HOPELESS = 100


def reasons(
    verdict: NDArray[Any],
    refusal: NDArray[Any],
    gate: Gate,
    bounds: Intervals,
    observed: Intervals,
    margin: Floats,
    factor: float,
    alike: Bools,
    stands_in: Bools,
    left: Floats,
) -> NDArray[Any]:
    """Return why each of G curves has its verdict.

    Parameters
    ----------
    verdict, refusal : arrays (G,) of str
        The verdict, and the code of the refusal where the table cannot carry one.
    gate : Gate
        Tests of any scaling.
    bounds, observed : Intervals
        One-sided bounds on the gain ahead, and on that over the observed sizes.
    margin : array (G,)
        Smallest gain of interest.
    factor : float
        The k of the next k-fold gain.
    alike : array (G,) of bool
        Where rows tell less than as many independent ones.
    stands_in : array (G,) of bool
        Where no law leads.
    left : array (G,)
        What is left to gain up to the best score.
    """
    told = []
    for g, said in enumerate(verdict):
        m, k = number(margin[g]), f"{factor:g} times the largest size"
        settles = _what_would_settle(bounds, margin, g, bool(alike[g]))
        if stands_in[g]:
            k = f"no law leads, and whichever of those that fit is true, {k}"
            settles = "larger sizes would tell the laws apart"
        low, above = numbers_apart(bounds.lower[g], margin[g])
        high, below = numbers_apart(bounds.upper[g], margin[g])
        seen = gate.p[g] <= 1.0 - ONE_SIDED
        if refusal[g]:
            reason = REFUSALS[refusal[g]].reason
        elif said == "saturated":
            reason = f"{k} gains less than {high}, below the margin of {below} (one-sided 95 %)"
            if margin[g] >= left[g]:
                reason += (
                    f", which no curve could gain: {number(left[g])} is left to the best score"
                )
        elif said == "still_scaling":
            reason = f"{k} gains more than {low}, above the margin of {above} (one-sided 95 %)"
        elif said == "no_scaling":
            reason = (
                f"no scaling is seen (p = {gate.p[g]:.2g}), and the gain over all sizes is "
                f"at most {number(observed.upper[g], width=margin[g])}, less than the margin of "
                f"{m} (one-sided 95 %)"
            )
        elif seen:
            reason = (
                f"{k} may gain anything from {low} to {_open(high)}, which includes the margin "
                f"of {m}; {settles}"
            )
        else:
            reason = (
                f"no scaling is seen (p = {gate.p[g]:.2g}), but a gain of up to "
                f"{_open(number(observed.upper[g]))} over all sizes is not excluded (margin {m})"
            )
        if not (refusal[g] or seen) and gate.wrong_way_p[g] < 0.05:
            reason += "; the score gets worse with size (inverse scaling)"
        told.append(reason)
    return np.array(told, dtype=object)


def _what_would_settle(bounds: Intervals, margin: Floats, g: int, alike: bool) -> str:
    if alike:  # how alike more of them would be is not known
        return "rows of one run are alike, so that other runs at these sizes tell more than its own"
    bound = bounds[g]
    times = times_as_many(bound.estimate, bound.lower, bound.upper, float(margin[g]))
    if times > _HOPELESS:
        return "more runs at these sizes will hardly settle it, others may: see sf.plan"
    return (
        f"about {max(2, round(times))} times as many runs at these sizes would settle it, if the "
        "estimate is right; see sf.plan for fewer at others"
    )


def _open(text: str) -> str:
    return "any amount" if text == "inf" else text
