"""What is wrong with which rows of a table: collected first, then refused or left out together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._columns import role_of
from ._draft import Draft, run_starts
from ._format import counted
from ._numbers import MISSING, as_written
from .errors import TableError
from .metrics import Metric, is_percent_by_name
from .reading import EXCEL

__all__ = [
    "Fault",
    "bound_faults",
    "dropped_frame",
    "magnitude_faults",
    "number_faults",
    "percent_faults",
    "refusal",
    "repeat_faults",
    "run_faults",
    "summary_faults",
    "unit_faults",
]

_SHOWN = 5
#: Copied, which takes a fifteenth of the time of making it.
_NOTHING_DROPPED = pd.DataFrame(columns=["row", "column", "value", "reason"])
#: A score may pass a bound by rounding, relative to the bound.
_BOUND_SLACK = 1e-9
#: Sums of squares of larger scores overflow, and of smaller ones than its inverse vanish.
_HUGE = 1e100

#: A sheet that a program wrote without calculating it has no values in its formulas.
_MEND_FORMULAS = (
    "If these cells hold formulas, open the file in a spreadsheet program and save it, so that "
    "they are calculated."
)

#: What a row of several runs is called where others have their seed, beside the names of errors.
_SUMMARIES = frozenset({"mean", "average", "avg", "median", "min", "max", "minimum", "maximum"})
#: The same, where all others have numbers.
_WHOLES = frozenset({"all", "total", "overall", "combined", "pooled"})
_NO_LETTER = re.compile(r"[\W\d_]")

Wrong = Callable[[NDArray[np.float64]], NDArray[np.bool_]]


def _not_a_count(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return (values < 1) | (values > np.floor(values))


#: Why a number cannot be what its column holds, which numbers those are, and what to do.
_RANGES: dict[str, tuple[tuple[str, Wrong, str], ...]] = {
    "driver": (
        ("zero: an untrained baseline?", lambda values: values == 0,
         "A law in log size has no place for a size of zero."),
        ("negative, but a size is positive", lambda values: values < 0, ""),
    ),
    "score": (),
    "se": (("not positive, as a standard error is", lambda values: values <= 0,
            "A score without error would outweigh all others."),),
    "sd": (("negative, as no standard deviation is", lambda values: values < 0, ""),),
    "n": (("not a whole number of runs from 1", _not_a_count, ""),),
    "items": (("not a whole number of test items from 1", _not_a_count, ""),),
}  # fmt: skip


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
    """Find what is not a number or, as a size or as an error, not a possible one."""
    return [
        fault
        for part, name in draft.columns.numbers
        for fault in (*_unread(draft, part, name), *_out_of_range(draft, part, name))
    ]


def _unread(draft: Draft, part: str, name: str) -> Iterator[Fault]:
    for why, at in draft.unread[name].items():
        if part == "sd" and why == MISSING:  # a single run has no spread
            n_runs = draft.numbers[draft.columns.roles["n"]]
            at = at[n_runs[at] != 1]
        if at.size:
            formulas = why == MISSING and draft.source.lower().endswith(EXCEL)
            yield Fault(name, why, at, _MEND_FORMULAS if formulas else "")


def _out_of_range(draft: Draft, part: str, name: str) -> Iterator[Fault]:
    for why, wrong, mend in _RANGES[part]:
        at = np.flatnonzero(wrong(draft.numbers[name]))
        if at.size:
            yield Fault(name, why, at, mend)


def run_faults(draft: Draft) -> list[Fault]:
    """Find rows that do not say which run they are from, where runs were asked for."""
    name = draft.columns.roles.get("run")
    if name is None:
        return []
    at = np.flatnonzero(draft.frame[name].isna())
    return [Fault(name, MISSING, at, "Name the run of every row.")] if at.size else []


def summary_faults(draft: Draft) -> Iterator[Fault]:
    """Find rows that sum up the runs beside them, such as their mean, by the name of their seed.

    A column that tells runs apart has another label as well; any other column, such as folds, is
    looked at where all other labels have numbers.
    """
    replicates = draft.columns.replicates
    for name in (*replicates, *draft.unused):
        if pd.api.types.is_numeric_dtype(draft.frame[name]):
            continue
        codes, labels = pd.factorize(draft.frame[name].astype(object))
        words = [_NO_LETTER.sub("", str(label)).casefold() for label in labels]
        sums = np.array([w in _SUMMARIES or role_of(w) in ("se", "sd") for w in words], dtype=bool)
        wholes = np.array([name in replicates and w in _WHOLES for w in words], dtype=bool)
        others = labels[~(sums | wholes)]
        numbered = all(any(map(str.isdigit, str(label))) for label in others)
        if len(others) == 0 or not (numbered or name in replicates):
            continue
        at = np.flatnonzero(np.append(sums | (wholes & numbered), False)[codes])
        if at.size:
            yield Fault(
                name, "a summary of runs, and no run", at,
                "Keep the runs alone, so that none counts twice; give these other names if they "
                "are runs.",
            )  # fmt: skip


def magnitude_faults(draft: Draft, usable: NDArray[np.bool_]) -> list[Fault]:
    """Find scores whose squares no float holds: too large, or of a curve too small altogether."""
    size = np.where(usable, np.abs(draft.scores), 0.0)
    top = np.zeros(len(draft.keys))
    np.fmax.at(top, draft.group, np.where(size > _HUGE, 0.0, size))
    small = ((top > 0) & (top < 1.0 / _HUGE))[draft.group]
    found = (
        (size > _HUGE, f"above {_HUGE:g}, too large to be squared", "Divide"),
        (small & usable, f"below {1.0 / _HUGE:g}, too small to be squared", "Multiply"),
    )
    return [
        Fault(draft.columns.score, why, np.flatnonzero(at), f"{mend} all scores by a power of ten.")
        for at, why, mend in found
        if at.any()
    ]


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


def percent_faults(draft: Draft, metrics: Sequence[Metric]) -> Iterator[Fault]:
    """Find scores, and errors of scores, of which some are written with % and others in points.

    A number with % is read as a fraction. Scores of the same metric above 1 may not stand beside it
    without the sign, nor errors in another way than their scores; of scores the fewer are named.
    """
    score = draft.columns.score
    signed = draft.signed(score)
    codes, _ = pd.factorize(pd.Series([metric.name for metric in metrics], dtype=object))
    named = codes[draft.group]
    for code in np.unique(named[signed]).tolist():
        mine = named == code
        plain = mine & ~signed & (np.abs(draft.scores) > 1)
        if plain.any():
            fewer = plain if plain.sum() <= (mine & signed).sum() else mine & signed
            why = "without %, beside scores with it" if fewer is plain else "with %, beside others"
            mend = "Write all scores of a metric with %, or none."
            yield Fault(score, why, np.flatnonzero(fewer), mend)
    points = np.array([metric.unit == "percent" for metric in metrics])[draft.group]
    for part in ("se", "sd"):
        name = draft.columns.roles.get(part)
        if name is None:
            continue
        here = draft.signed(name)
        for which, why in (
            (here & ~signed & points, f"with %, beside scores of {score!r} in points"),
            (~here & signed & (draft.numbers[name] > 0), f"without %, beside {score!r} with it"),
        ):
            at = np.flatnonzero(which)
            if at.size:
                yield Fault(name, why, at, "Write scores and their errors in one unit.")


def unit_faults(draft: Draft, metrics: Sequence[Metric]) -> list[Fault]:
    """Find curves in fractions among curves in percent; ``metrics`` holds one metric per curve."""
    top = np.full(len(metrics), -np.inf)
    np.fmax.at(top, draft.group, draft.scores)
    guessed = [metric.unit == "percent" and not is_percent_by_name(metric) for metric in metrics]
    small = np.array(guessed) & (top > 0) & (top <= 1)
    at = np.flatnonzero(small[draft.group])
    if not at.size or small.all():
        return []
    which = np.flatnonzero(small)
    more = f" and {counted(len(which) - 1, 'more curve')}" if len(which) > 1 else ""
    return [
        Fault(
            draft.columns.score,
            f"never above 1 in {draft.label(int(which[0]))}{more}, beside percentages",
            at,
            "Write all scores of the column in one unit; if these are percentages too, pass "
            "bounds=(0, 100).",
        )
    ]


def repeat_faults(draft: Draft, usable: NDArray[np.bool_]) -> list[Fault]:
    """Find rows that repeat the curve, size, seed, run and score of an earlier row."""
    at = np.flatnonzero(usable & (draft.replicate >= 0))
    same = (draft.group[at], *draft.sizes[at].T, draft.replicate[at], draft.scores[at])
    order = np.lexsort(same[::-1])  # stable: the earliest row stays first
    starts = run_starts(*(values[order] for values in same))
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
            "repeating an earlier row: same "
            f"{', '.join((*columns.by, *columns.drivers, *columns.replicates))} and "
            f"{columns.score}",
            positions[by_row],
            "If these are different runs, pass by= with the columns that tell them apart, or run= "
            "with the one that names the run of each checkpoint.",
            originals[by_row],
        )
    ]


def refusal(draft: Draft, faults: Sequence[Fault], mend: str) -> TableError:
    """Return the error that names every fault, with the first rows and values of each."""
    n_bad = len(np.unique(np.concatenate([fault.positions for fault in faults])))
    lines = [f"{draft.source}: {n_bad} of {len(draft.rows)} rows cannot be used"]
    for fault in faults:
        column = as_written(draft.frame[fault.column])
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
        return _NOTHING_DROPPED.copy()
    parts = [
        pd.DataFrame(
            {
                "row": draft.rows[fault.positions],
                "column": fault.column,
                "value": as_written(draft.frame[fault.column])
                .iloc[fault.positions]
                .astype(object)
                .to_numpy(),
                "reason": fault.reason,
            }
        )
        for fault in faults
    ]
    return pd.concat(parts).sort_values("row", kind="stable", ignore_index=True)
