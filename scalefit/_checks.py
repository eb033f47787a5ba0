"""What a reader should know about a table whose rows are all usable."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._columns import PARTS, role_of, size_in_unit
from ._copies import copies_in
from ._draft import Cells, Draft, run_starts
from ._faults import Fault
from ._format import counted, listed
from ._grouping import sums_of, varies
from ._numbers import parse_numbers
from ._pooled import levels_apart
from .errors import TableError
from .findings import Finding
from .metrics import Metric
from .near import meant_as_one

__all__ = [
    "copy_findings",
    "curve_findings",
    "drop_findings",
    "missing_key_findings",
    "params_findings",
    "role_findings",
    "size_findings",
    "too_few_sizes",
]

#: A score up to 1 that is so many times smaller than all above 1 looks like a fraction.
_FAR = 10
#: Two drivers with a larger squared correlation of their logarithms rise together: what is left
#: to each alone is a thousandth of its spread, which is rounding and not design.
_TOGETHER = 1 - 1e-6
#: Names of columns that hold logarithms, such as log10_cells, log(tokens) or params (log2).
_LOGS = re.compile(r"(?:log(?:2|10|e)?|ln)[\s_([.-].*|.*[\s_([.-](?:log(?:2|10|e)?|ln)[)\]]?", re.I)
Codes = NDArray[np.intp]

#: How a column that looks like a role would be used.
_USES = {
    "se": "If it is the standard error of each row's score, pass se={column!r}.",
    "sd": "If each row is the mean of several runs, pass sd={column!r} and n={n}.",
    "items": "If each score is a mean over so many test items, pass items={column!r}.",
    "run": "If the rows of one run are its checkpoints, pass run={column!r}.",
    "bound": "If it bounds a 95 % interval of each score, pass se= with its width over 3.92.",
}
#: The same of a number of items, where scores look like counts of those answered right.
_USE_OF_COUNTS = (
    "If each score counts right answers among so many test items, divide it by {column!r} first, "
    "and then pass items={column!r}."
)


def params_findings(draft: Draft, *, told: bool) -> list[Finding]:
    """Say what becomes of a column of model sizes that is not a driver.

    Raises
    ------
    TableError
        Nobody said which size is the driver (``told``), and both vary within a curve.
    """
    columns = draft.columns
    if columns.params is None:
        return []
    mixed = np.flatnonzero(varies(pd.factorize(draft.frame[columns.params])[0], draft.group))
    params, driver = columns.params, columns.drivers[0]
    if mixed.size and not told:
        if not varies(pd.factorize(draft.frame[driver])[0], draft.group).any():
            raise TableError(
                f"{draft.source}: {driver!r} is the same within curves, where {params!r} varies; "
                f"pass drivers={params!r}"
            )
        raise TableError(
            f"{draft.source}: {driver!r} and {params!r} both vary within "
            f"{draft.label(mixed[0])}; pass drivers={driver!r} with by={params!r} for one curve "
            f"per model size (or filter to one), drivers={params!r}, or "
            f"drivers={[params, driver]!r} for a law of both"
        )
    if mixed.size:
        return [
            Finding(
                "params_pooled",
                "warn",
                f"Model sizes are pooled: {params!r} varies within curves.",
                f"{mixed.size} of {len(draft.keys)} curves, first {draft.label(mixed[0])}",
                f"Pass by={params!r} for one curve per model size.",
            )
        ]
    if told:
        return []
    why = "is the same in every row of a curve"
    return [Finding("params_left_out", "note", f"{params!r} {why} and is left out of the law.")]


def role_findings(draft: Draft) -> list[Finding]:
    """Note the columns that look like an error, a number of items or a run, and are not used."""
    unused = draft.columns.unused_roles
    n = repr(unused["n"]) if "n" in unused else "the column of their number"
    uses = _USES | ({"items": _USE_OF_COUNTS} if _counts_right(draft) else {})
    return [
        Finding(
            f"{role}_not_used",
            "note",
            f"{unused[role]!r} looks like a {PARTS[role]} and is not used.",
            "",
            use.format(column=unused[role], n=n),
        )
        for role, use in uses.items()
        if role in unused
    ]


def _counts_right(draft: Draft) -> bool:
    """Return whether the scores look like counts, among test items whose number is not used."""
    scores, name = draft.scores, draft.columns.unused_roles.get("items")
    known = np.isfinite(scores)
    if name is None or scores.max(initial=0, where=known) <= 100:  # which may be percentages
        return False
    items = parse_numbers(draft.frame[name], counts=True)[0]
    return bool(np.all((scores == np.floor(scores)) & (scores <= items) & (scores >= 0) | ~known))


def size_findings(draft: Draft, cells: Cells) -> list[Finding]:
    """Warn of sizes that look like shares, in a unit of their own, or mixed at one size."""
    findings = []
    for driver, top in zip(draft.columns.drivers, cells.size.max(axis=0), strict=True):
        if role_of(driver) in ("cells", "data", "params") and top <= 1:
            findings.append(
                Finding(
                    "sizes_are_shares",
                    "warn",
                    f"Every value of {driver!r} is at most 1: shares of the data, not counts?",
                    f"largest {top:g}",
                    "Multiply by the full size; forecasts are made in the unit of the column.",
                )
            )
    for name in draft.columns.drivers:
        if _LOGS.fullmatch(name):
            findings.append(
                Finding(
                    "sizes_are_logs",
                    "warn",
                    f"Sizes of {name!r} look like logarithms; laws are of the sizes themselves.",
                    f"largest {draft.numbers[name].max():g}",
                    "Fit a column of the sizes, such as 10 to the power of log10 sizes.",
                )
            )
        unit = size_in_unit(name)
        if unit and not _have_letters(draft.frame[name]):
            findings.append(
                Finding(
                    "unit_in_name",
                    "warn",
                    f"Sizes of {name!r} are read as they stand, in the unit of its name "
                    f"({unit[1]}).",
                    f"largest {draft.numbers[name].max():g}",
                    "Give sizes, costs and budgets in that unit, in which 50M is 50 million of it; "
                    "or multiply the column, and take the unit out of its name.",
                )
            )
    for name in draft.columns.unused_sizes:
        if varies(pd.factorize(draft.frame[name])[0], cells.of_rows).any():
            findings.append(
                Finding(
                    "sizes_pooled",
                    "warn",
                    f"Rows at one value of {_quoted(draft.columns.drivers)} differ in {name!r}, "
                    "which is left out.",
                    "",
                    f"Pass by={name!r} for one curve per value, or drivers={name!r}.",
                )
            )
    return findings


def _have_letters(column: pd.Series) -> bool:
    """Return whether all numbers are written with a unit, as 10B, which is read."""
    is_text = not pd.api.types.is_numeric_dtype(column)
    return is_text and bool(column.astype(str).str.contains("[a-zA-Z]").all())


def missing_key_findings(draft: Draft) -> list[Finding]:
    """Note the ``by`` columns with missing values, which form a group of their own."""
    findings = []
    for i, name in enumerate(draft.columns.by):
        groups = [g for g, key in enumerate(draft.keys) if key[i] is None]
        if groups:
            n_rows = int(np.isin(draft.group, groups).sum())
            findings.append(
                Finding(
                    "missing_key",
                    "note",
                    f"Rows without a value in {name!r} are kept under {name}=None.",
                    f"{n_rows} of {len(draft.rows)} rows",
                    "Fill the column in where the value is known.",
                )
            )
    return findings


def drop_findings(draft: Draft, faults: Sequence[Fault], kept_groups: Codes) -> list[Finding]:
    """Note how many rows were left out, why, and which curves vanished with them."""
    if not faults:
        return []
    at = np.unique(np.concatenate([fault.positions for fault in faults]))
    why = [
        f"{f.column}: {f.reason} (row{'s' * (len(f.positions) > 1)} "
        f"{listed(draft.rows[f.positions].tolist())})"
        for f in faults
    ]
    if len(draft.keys) > 1:
        gone, all_of = (np.bincount(of, minlength=len(draft.keys))
                        for of in (draft.group[at], draft.group))  # fmt: skip
        most = np.argsort(-gone, kind="stable")[: np.count_nonzero(gone)].tolist()
        why.append("of " + listed([f"{draft.label(i)} ({gone[i]} of {all_of[i]})" for i in most]))
    rows = Finding(
        "rows_dropped",
        "note",
        f"{len(at)} of {len(draft.rows)} rows were left out.",
        "; ".join(why),
        "Fit.table.dropped lists each with its value.",
    )
    lost = np.setdiff1d(np.arange(len(draft.keys)), kept_groups)
    if not lost.size:
        return [rows]
    curves = Finding(
        "curves_dropped",
        "warn",
        f"{lost.size} of {len(draft.keys)} curves have no usable row and are left out.",
        listed([draft.label(i) for i in lost]),
        "Correct the rows of these curves.",
    )
    return [rows, curves]


def copy_findings(draft: Draft) -> list[Finding]:
    """Warn of rows that are equal to earlier ones in every column, where that cannot be chance."""
    if len(np.unique(draft.scores)) == len(draft.scores):
        return []
    in_order = np.argsort(draft.rows)
    again, _, sure = copies_in(draft.frame.iloc[in_order])
    if not sure:
        return []
    rows = draft.rows[in_order][again]
    return [
        Finding(
            "equal_rows",
            "warn",
            "Rows are equal to earlier ones in every column: copies make the noise look smaller.",
            f"rows {listed(rows.tolist())}",
            "If they are copies, leave them out; if they are runs, add a seed column.",
        )
    ]


def too_few_sizes(draft: Draft, cells: Cells) -> TableError | None:
    """Return the error for a table in which no curve has two values of some driver."""
    columns, by = draft.columns, list(draft.columns.by)
    found = f"none of the {len(draft.keys)} curves has" if by else "the table does not have"
    mend = f"group by fewer columns than by={by!r}" if by else "add runs at other sizes"
    for name, sizes in zip(columns.drivers, cells.size.T, strict=True):
        if varies(pd.factorize(sizes)[0], cells.group).any():
            continue
        alone = [f", or pass drivers={other!r}" for other in columns.drivers if other != name]
        n_rows = counted(int(np.bincount(draft.group)[0]), "row")
        return TableError(
            f"{draft.source}: column {name!r} has too few sizes: a curve needs at least two, and "
            f"{found} them ({draft.label(0)}: {n_rows}, all "
            f"at {sizes[0]:g}); {mend}{''.join(alone)}"
        )
    return None


def curve_findings(
    draft: Draft, cells: Cells, metrics: Sequence[Metric]
) -> list[tuple[Finding, ...]]:
    """Return for each curve what looks wrong with its replicates or its unit."""
    found: list[tuple[Finding, ...]] = [()] * len(draft.keys)
    mixed = _mixed_rows(draft)
    for findings in (
        mixed,
        {i: finding for i, finding in levels_apart(draft, cells).items() if i not in mixed},
        _equal_scores(draft),
        _identical_replicates(draft, cells),
        _fractions(draft, metrics),
        _drivers_together(draft, cells),
        _near_sizes(draft, cells),
    ):
        for i, finding in findings.items():
            found[i] = (*found[i], finding)
    return found


def _mixed_rows(draft: Draft) -> dict[int, Finding]:
    """Warn of rows with the same curve, size, seed and run: two experiments under one name."""
    columns = draft.columns
    keys = (draft.group, *draft.sizes.T, draft.replicate)
    order = np.lexsort(keys[::-1])
    again = np.ones(len(order), dtype=bool)
    again[run_starts(*(values[order] for values in keys))] = False
    again &= draft.replicate[order] >= 0
    if not again.any():
        return {}
    at, before = order[np.flatnonzero(again)], order[np.flatnonzero(again) - 1]
    n_groups = len(draft.keys)
    n_pairs = np.bincount(draft.group[at], minlength=n_groups)
    told_apart: dict[str, Codes] = {}
    shared = (*columns.drivers, *columns.replicates)
    for name in draft.unused:
        codes, uniques = pd.factorize(draft.frame[name], use_na_sentinel=False)
        if len(uniques) <= len(order) / 2:  # one value a row is a measurement, not a grouping
            differs = codes[at] != codes[before]
            told_apart[name] = np.bincount(draft.group[at][differs], minlength=n_groups)
    findings = {}
    stops = np.cumsum(n_pairs)
    for i in np.flatnonzero(n_pairs).tolist():
        ranked = sorted(told_apart, key=lambda name: -told_apart[name][i])
        helpful = [name for name in ranked if told_apart[name][i]]
        mend = (
            f"Is a grouping missing? Pass by={helpful[0]!r}"
            + (f" (also told apart by {', '.join(map(repr, helpful[1:4]))})" if helpful[1:] else "")
            + "."
            if helpful
            else "Is a grouping missing? No other column tells these rows apart."
        )
        rows = np.sort(draft.rows[at[stops[i] - n_pairs[i] : stops[i]]]).tolist()
        findings[i] = Finding(
            "mixed_rows",
            "warn",
            f"Rows share {_quoted(shared)} but differ in {columns.score!r}.",
            "rows " + listed(rows),
            mend,
        )
    return findings


def _equal_scores(draft: Draft) -> dict[int, Finding]:
    """Warn of a curve without two different scores."""
    low, high = _extremes(draft)
    n_rows = np.bincount(draft.group, minlength=len(draft.keys))
    return {
        i: Finding(
            "equal_scores",
            "warn",
            "All scores are equal, so they show neither a gain nor how large the noise is.",
            f"{n_rows[i]} rows of {low[i]:g}",
            f"Check that {draft.columns.score!r} holds the score of each run.",
        )
        for i in np.flatnonzero((low == high) & (n_rows > 1)).tolist()
    }


def _extremes(draft: Draft) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the smallest and the largest score of each curve."""
    low, high = np.full(len(draft.keys), np.inf), np.full(len(draft.keys), -np.inf)
    np.minimum.at(low, draft.group, draft.scores)
    np.maximum.at(high, draft.group, draft.scores)
    return low, high


def _identical_replicates(draft: Draft, cells: Cells) -> dict[int, Finding]:
    """Warn of one score for all seeds: copies, or an evaluation that ignores the seed."""
    scores = draft.scores[cells.order]
    low, high = (extreme.reduceat(scores, cells.starts) for extreme in (np.minimum, np.maximum))
    curve = run_starts(cells.group)
    flat = np.minimum.reduceat(low, curve) == np.maximum.reduceat(high, curve)
    same = (low == high) & (cells.counts > 1) & ~flat[cells.group]
    findings = {}
    same_size = cells.size[same]
    n_same = np.bincount(cells.group[same], minlength=len(draft.keys))
    stops = np.cumsum(n_same)
    for i in np.flatnonzero(n_same).tolist():
        mine = same_size[stops[i] - n_same[i] : stops[i]]
        sizes = [" x ".join(f"{value:g}" for value in size) for size in mine]
        findings[i] = Finding(
            "identical_replicates",
            "warn",
            "All replicates have the same score at some sizes, so they carry no scatter.",
            f"{' x '.join(draft.columns.drivers)} {listed(sizes)}",
            "Check that each seed was trained and evaluated on its own.",
        )
    return findings


def _fractions(draft: Draft, metrics: Sequence[Metric]) -> dict[int, Finding]:
    """Warn of scores from 0 to 1 that are far below all other percentages of their curve."""
    scores = draft.scores
    least = np.full(len(metrics), np.inf)
    np.minimum.at(least, draft.group[scores > 1], scores[scores > 1])
    percent = np.array([metric.unit == "percent" for metric in metrics])
    far = (scores > 0) & (scores <= 1) & (_FAR * scores < least[draft.group])
    small = far & percent[draft.group] & np.isfinite(least)[draft.group]
    findings = {}
    for i in np.unique(draft.group[small]).tolist():
        rows = np.sort(draft.rows[small & (draft.group == i)]).tolist()
        findings[i] = Finding(
            "fractions_among_percentages",
            "warn",
            f"Some scores of {metrics[i].name!r} look like fractions among percentages.",
            f"{counted(len(rows), 'score')}, rows " + listed(rows),
            "Write all scores of the column in one unit.",
        )
    return findings


def _drivers_together(draft: Draft, cells: Cells) -> dict[int, Finding]:
    """Warn of two drivers that rise together in a curve, or of which one stays the same."""
    drivers = draft.columns.drivers
    n_sizes = np.bincount(cells.group)[:, None]
    z = np.log(cells.size)
    z -= (sums_of(z, cells.group) / n_sizes)[cells.group]
    square = sums_of(z * z, cells.group)
    found: dict[int, Finding] = {}
    for pair in itertools.combinations(range(len(drivers)), 2):
        # Rounding leaves a little of a driver that stays the same.
        still = square[:, pair].min(axis=1) <= 1e-20 * n_sizes[:, 0]
        both = np.where(still, 1.0, square[:, pair].prod(axis=1))
        shared = sums_of(z[:, pair].prod(axis=1, keepdims=True), cells.group)[:, 0] ** 2 / both
        names = [drivers[d] for d in pair]
        kept = [name for d, name in enumerate(drivers) if d != pair[1]]
        alone = kept if len(kept) > 1 else kept[0]
        for i in np.flatnonzero(still | (shared > _TOGETHER)).tolist():
            evidence = f"squared correlation of logs {shared[i]:.7g}"
            found[i] = Finding(
                "drivers_together",
                "warn",
                f"{_quoted(names)} do not vary independently, so neither effect is known alone.",
                "one stays the same" if still[i] else evidence,
                f"Add runs that vary one at a fixed other, or pass drivers={alone!r}.",
            )
    return found


def _quoted(names: Sequence[str]) -> str:
    *first, last = map(repr, names)
    return f"{', '.join(first)} and {last}" if first else last


def _near_sizes(draft: Draft, cells: Cells) -> dict[int, Finding]:
    """Warn of sizes that differ a little from run to run, so that none is a replicate."""
    n_sizes, meant = np.bincount(cells.group), meant_as_one(cells, len(draft.keys))
    return {
        i: Finding(
            "near_sizes",
            "warn",
            f"Nearly equal sizes in {_quoted(draft.columns.drivers)} count as different, so their "
            "runs are no replicates.",
            f"{n_sizes[i]} sizes, {meant[i]} that lie apart",
            "If they are meant as one size, write it in the rows of each, or fit the column of "
            "sizes that were planned.",
        )
        for i in np.flatnonzero(meant).tolist()
    }
