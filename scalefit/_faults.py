"""What is wrong with which rows of a table: collected first, then refused or left out together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scalefit._draft import Draft, run_starts
from scalefit.errors import TableError
from scalefit.metrics import Metric

__all__ = ["Fault", "bound_faults", "dropped_frame", "number_faults", "refusal", "repeat_faults"]

_SHOWN = 5
#: A score may pass a bound by rounding, relative to the bound.
_BOUND_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Fault:
    """Rows of one column that share one reason for being refused.

    Parameters
    ----------
    column : str
        The column.
    reason : str
        Why, in a few words.
    positions : ndarray of int
        Positions in the table as given.
    mend : str
        What to do about it, beyond correcting or dropping the rows.
    repeats : ndarray of int or None
        For repeated rows, the position of the row that each one repeats.
    """

    column: str
    reason: str
    positions: NDArray[np.intp]
    mend: str = ""
    repeats: NDArray[np.intp] | None = None


def number_faults(draft: Draft) -> list[Fault]:
    """Find sizes and scores that are not numbers, and sizes that are not positive."""
    driver, score = draft.columns.driver, draft.columns.score
    zero, negative = np.flatnonzero(draft.sizes == 0), np.flatnonzero(draft.sizes < 0)
    faults = [Fault(driver, why, at) for why, at in draft.bad_sizes.items()]
    if zero.size:
        mend = "A law in log size has no place for a size of zero."
        faults.append(Fault(driver, "zero: an untrained baseline?", zero, mend))
    if negative.size:
        faults.append(Fault(driver, "negative, but a size is positive", negative))
    return faults + [Fault(score, why, at) for why, at in draft.bad_scores.items()]


def bound_faults(draft: Draft, metrics: Sequence[Metric]) -> list[Fault]:
    """Find scores that their metric cannot take; ``metrics`` holds one metric per curve."""
    scores = draft.scores
    number = {metric: i for i, metric in enumerate(dict.fromkeys(metrics))}
    which = np.array([number[metric] for metric in metrics], dtype=np.intp)[draft.group]
    faults = []
    for metric, i in number.items():
        low, high = (b + s * _BOUND_SLACK * max(1, abs(b)) if np.isfinite(b) else b
                     for b, s in ((metric.lower, -1), (metric.upper, 1)))  # fmt: skip
        at = np.flatnonzero((which == i) & ((scores < low) | (scores > high)))
        if at.size:
            reason = f"outside [{metric.lower:g}, {metric.upper:g}], the range of {metric.name!r}"
            mend = "If the metric can take these values, pass bounds=(lowest, highest)"
            if metric.unit == "fraction":
                mend += "; for percentages bounds=(0, 100)"
            faults.append(Fault(draft.columns.score, reason, at, mend + "."))
    return faults


def repeat_faults(draft: Draft, usable: NDArray[np.bool_]) -> list[Fault]:
    """Find rows that repeat the curve, size, seed and score of an earlier row."""
    if draft.seed is None:
        return []
    at = np.flatnonzero(usable & (draft.seed >= 0))
    sizes, scores = draft.sizes[at], draft.scores[at]
    group, seed = draft.group[at], draft.seed[at]
    order = np.lexsort((scores, seed, sizes, group))  # stable: the earliest row stays first
    starts = run_starts(*(values[order] for values in (group, sizes, seed, scores)))
    if len(starts) == len(at):
        return []
    first = np.repeat(starts, np.diff(np.append(starts, len(at))))
    again = np.arange(len(at)) != first
    positions, originals = at[order[again]], at[order[first[again]]]
    by_row = np.argsort(positions)
    columns = draft.columns
    return [
        Fault(
            columns.score,
            f"repeating an earlier row: same {', '.join((*columns.by, columns.driver))}, "
            f"{columns.seed} and {columns.score}",
            positions[by_row],
            "If these are different runs, pass by= with the columns that tell them apart.",
            originals[by_row],
        )
    ]


def refusal(draft: Draft, faults: Sequence[Fault], mend: str) -> TableError:
    """Return the error that names every fault, with the first rows and values of each."""
    n_bad = len(np.unique(np.concatenate([fault.positions for fault in faults])))
    lines = [f"{draft.source}: {n_bad} of {len(draft.rows)} rows cannot be used"]
    for fault in faults:
        column = draft.frame[fault.column]
        shown = []
        for i, at in enumerate(fault.positions[:_SHOWN]):
            value = column.iloc[at]
            text = repr(value.item() if isinstance(value, np.generic) else value)
            if fault.repeats is not None:
                text += f", as in row {draft.rows[fault.repeats[i]]}"
            shown.append(f"row {draft.rows[at]} ({text})")
        more = len(fault.positions) - _SHOWN
        ending = f" and {more} more" if more > 0 else ""
        lines.append(f"  column {fault.column!r}, {fault.reason}: {', '.join(shown)}{ending}")
        if fault.mend:
            lines.append(f"    {fault.mend}")
    return TableError("\n".join([*lines, mend]))


def dropped_frame(draft: Draft, faults: Sequence[Fault]) -> pd.DataFrame:
    """Return the refused values as a DataFrame with columns row, column, value and reason."""
    if not faults:
        return pd.DataFrame(columns=["row", "column", "value", "reason"])
    parts = [
        pd.DataFrame(
            {
                "row": draft.rows[fault.positions],
                "column": fault.column,
                "value": draft.frame[fault.column].iloc[fault.positions].astype(object).to_numpy(),
                "reason": fault.reason,
            }
        )
        for fault in faults
    ]
    return pd.concat(parts).sort_values("row", kind="stable", ignore_index=True)
