"""Checks of the forecast: how far it goes, whether it can be, what it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .._format import interval_text, number, size_text
from ..findings import Finding
from ..saturation import ONE_SIDED, Assessment
from .case import Case

__all__ = [
    "OUT_OF_REACH",
    "UNDECIDED_BY_LAW",
    "extrapolation",
    "passing_bounds",
    "reach_of_margin",
    "room",
    "stability",
    "undecided_by_law",
    "whichever_law",
]

OUT_OF_REACH = Finding(
    "margin_out_of_reach", "warn", "no curve could gain the margin, so that no gain is tested",
    mend="give a margin below what is left, margin=",
)  # fmt: skip

UNDECIDED_BY_LAW = Finding(
    "undecided_by_law", "note",
    "the gain of the reported law alone would decide, and others that fit as well say otherwise",
    mend="read the gain whichever law is true; run larger sizes, which tell the laws apart",
)  # fmt: skip

#: Distance beyond the largest size, in log ranges, from which a forecast is warned of.
_FAR = 0.25


def extrapolation(case: Case) -> Iterator[Finding]:
    """Yield how far beyond the largest size the verdict's gain goes."""
    distance = float(np.max(case.grounds.distance))
    if _FAR < distance <= case.reach:
        yield Finding(
            "long_extrapolation", "warn", "the gain is a forecast beyond the sizes that were run",
            f"{case.assessment.factor:g} times the largest size is {100 * distance:.0f} % of the "
            "log range",
            "trust it as far as the law; run a larger size, or see sf.backtest",
        )  # fmt: skip


def reach_of_margin(case: Case) -> Iterator[Finding]:
    """Yield whether less than the margin is left to gain at the largest size."""
    found = case.assessment
    if found.out_of_reach[0]:
        yield replace(OUT_OF_REACH, evidence=room(found, 0))


def room(found: Assessment, row: int) -> str:
    """Return what is left to gain on one curve, in words."""
    return (
        f"{number(found.left[row])} is left between the score at the largest size and the best "
        f"score, and the margin is {number(found.margin[row])}"
    )


def undecided_by_law(found: Assessment) -> NDArray[np.bool_]:
    """Return the curves of which :data:`UNDECIDED_BY_LAW` holds, ``(G,)``."""
    decided = (found.gain.upper < found.margin) | (found.gain.lower > found.margin)
    return np.asarray(decided & (found.verdict == "inconclusive") & ~found.refused)


def whichever_law(found: Assessment, row: int) -> str:
    """Return the gain of one curve whichever law that fits is true, in words."""
    gain = found.robust_gain
    text = interval_text(float(gain.estimate[row]), float(gain.lower[row]), float(gain.upper[row]))
    return f"whichever law is true it is {text}, and the margin {number(found.margin[row])}"


def passing_bounds(case: Case) -> Iterator[Finding]:
    """Yield whether the curve goes on beyond the best score there is."""
    metric = case.table.metrics[0]
    best = metric.upper if metric.sign > 0 else metric.lower
    fitted = case.chosen.fitted()[0]
    top = float(fitted.max() if metric.sign > 0 else fitted.min())
    gain = float(case.assessment.gain.estimate[0])
    if np.isfinite(best) and gain > abs(best - top):
        yield Finding(
            "beyond_bound", "warn", f"the curve passes the metric's bound of {best:g}",
            f"gain {number(gain)}, room {number(abs(best - top))}",
            "predictions are cut at the bound; see law='power' or 'hill'",
        )  # fmt: skip


def stability(case: Case) -> Iterator[Finding]:
    """Yield which size the gain or the verdict rests on, and which laws do not agree."""
    found = case.assessment
    if np.isfinite(found.influential[0]):
        without = case.influence.set_index("size").loc[found.influential[0]]
        yield Finding(
            "influential_size", "warn",
            f"without size {size_text(float(found.influential[0]))} the gain moves by more than "
            "half the width of its interval",
            f"gain {number(without['gain'])} instead of {found.gain[0]}",
            "add sizes near it; Fit.influence has every size",
        )  # fmt: skip
    if np.isfinite(found.flipped_by[0]):
        verdict = str(found.verdict[0])
        beyond = "below" if verdict == "still_scaling" else "above"
        yield Finding(
            "verdict_flips", "warn",
            f"without size {size_text(float(found.flipped_by[0]))} the verdict turns round",
            f"{verdict.replace('_', ' ')} with it; without it the gain is {beyond} the margin",
            "add runs near that size",
        )  # fmt: skip
    if undecided_by_law(found)[0]:
        yield replace(UNDECIDED_BY_LAW, evidence=whichever_law(found, 0))
    if found.disagreeing[0] and found.verdict[0] != "inconclusive":
        yield Finding(
            "laws_disagree", "note", "not every law that fits gives this verdict",
            f"{found.disagreeing[0]}", "read the gain whichever law is true; widen the sizes",
        )  # fmt: skip
    lawless = found.secant.excludes(found.factor, found.margin, ONE_SIDED)
    if found.verdict[0] == "saturated" and not lawless[0]:
        bound, last = found.secant.bound(found.factor, ONE_SIDED)[0], "the last decade of sizes"
        leaves = f"{last}, or three, leaves a gain of {number(bound)} possible"
        yield Finding(
            "plateau_by_law", "note", "that gains fall below the margin is the law's word",
            f"{last}, or three, has too few runs to bound it" if np.isnan(bound) else leaves,
            "run sizes farther out, or more seeds at the largest",
        )  # fmt: skip
