"""How much the gain rests on each size: every curve fitted again with one size left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .estimands import GainBetween
from .estimate import Estimate, estimate
from .inference import Inference, Intervals, Posterior, refuse
from .selection import MIN_SIZES, Candidates

__all__ = ["LeftOut", "influence_table", "leave_sizes_out"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
#: Share of the gain's interval by which a single size may move the gain.
MUCH = 0.5


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The gain beyond the whole curve's largest size, with one size left out: T refits.

    Parameters
    ----------
    curve, size : arrays (T,) of int
        Which curve lacks which of its sizes.
    gain : Intervals
        Arrays of shape ``(T,)``; open where none was needed.
    """

    curve: Ints
    size: Ints
    gain: Intervals


def leave_sizes_out(
    candidates: Candidates,
    factor: float,
    inference: Inference,
    level: float,
    outer: int | None = None,
    needed: Callable[[Ints, Floats], Bools] | None = None,
) -> LeftOut:
    """Fit each curve's chosen law again without one of its sizes, in one batch a law.

    Parameters
    ----------
    candidates : Candidates
        Laws fitted to G curves.
    factor : float
        The k of the next k-fold gain.
    inference : Inference
        What makes the intervals.
    level : float
        Of the gains' intervals.
    outer : int or None
        Only so many sizes at either end are left out; None for all.
    needed : callable or None
        ``needed(curve, gain)``: which refits need an interval; None for all. Draws give all of
        them, with medians of their own.

    Returns
    -------
    LeftOut
        Without the curves that would have too few sizes left for their law.
    """
    sample = candidates.sample
    curves, sizes, gains = [], [], []
    for i in np.unique(candidates.chosen):
        law = candidates.estimates[i].law
        enough = sample.n_sizes - 1 > max(law.n_params, MIN_SIZES - 1, law.min_sizes - 1)
        rows = np.flatnonzero((candidates.chosen == i) & enough)
        if not rows.size:
            continue
        curve, size = np.nonzero(sample.count[rows] > 0)
        last_size = sample.n_sizes[rows][curve] - 1
        if outer is not None:  # in the midst of many sizes none carries the curve
            kept = (size < outer) | (size > last_size - outer)
            curve, size = curve[kept], size[kept]
        curve = rows[curve]
        less = estimate(law, sample.take(curve).without(size))
        last = sample.x[curve].max(axis=1)
        question = GainBetween(last, factor * last)
        if needed is None or isinstance(inference, Posterior):
            found = inference(less, question, level)
        else:
            found = _where(needed, curve, less, question, inference, level)
        curves.append(curve)
        sizes.append(size)
        gains.append(np.stack([found.estimate, found.lower, found.upper]))
    none = np.zeros(0, dtype=np.intp)
    values = np.concatenate([np.zeros((3, 0)), *gains], axis=1)
    return LeftOut(
        np.concatenate([none, *curves]), np.concatenate([none, *sizes]),
        Intervals(values[0], values[1], values[2], level, ""),
    )  # fmt: skip


def _where(
    needed: Callable[[Ints, Floats], Bools],
    curve: Ints,
    less: Estimate,
    question: GainBetween,
    inference: Inference,
    level: float,
) -> Intervals:
    value = less.evaluate(question.terms(less.law, less.shapes(), less.sample.frame, np))
    lower, upper = np.full(len(value), -np.inf), np.full(len(value), np.inf)
    rows = np.flatnonzero(needed(curve, value))
    if rows.size:
        found = inference(less.take(rows), question.take(rows), level)
        lower[rows], upper[rows] = found.lower, found.upper
    return refuse(Intervals(value, lower, upper, level, ""), less, question)


def influence_table(
    candidates: Candidates, gain: Intervals, factor: float, inference: Inference
) -> pd.DataFrame:
    """Return what the gain of a single curve would be without each of its sizes.

    Columns: size, runs, gain, lower, upper (without the size, at the level of ``gain``), shift (of
    the gain by leaving the size out), share (of the width of the gain's interval; nan where that is
    open), influential (whether the share is above one half).
    """
    sample = candidates.sample
    level = float(gain.level)
    found = leave_sizes_out(candidates, factor, inference, level)
    shift = found.gain.estimate - gain.estimate[0]
    width = gain.upper[0] - gain.lower[0]
    share = np.abs(shift) / width if np.isfinite(width) and width > 0 else shift * np.nan
    return pd.DataFrame(
        {
            "size": sample.x[0, found.size],
            "runs": sample.count[0, found.size].astype(int),
            "gain": found.gain.estimate,
            "lower": found.gain.lower,
            "upper": found.gain.upper,
            "shift": shift,
            "share": share,
            "influential": share > MUCH,
        }
    )
