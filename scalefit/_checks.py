"""What a reader should know about a table whose rows are all usable."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scalefit._columns import role_of, varies
from scalefit._draft import Cells, Draft, run_starts
from scalefit._faults import Fault
from scalefit.errors import TableError
from scalefit.findings import Finding
from scalefit.metrics import Metric

__all__ = [
    "curve_findings",
    "drop_findings",
    "missing_key_findings",
    "params_findings",
    "size_findings",
    "too_few_sizes",
]

_SHOWN = 5
Codes = NDArray[np.intp]


def params_findings(draft: Draft, *, told: bool) -> list[Finding]:
    """Say what becomes of a column of model sizes that is not the driver.

    Raises
    ------
    TableError
        Nobody said which size is the driver (``told``), and both vary within a curve.
    """
    columns = draft.columns
    if columns.params is None:
        return []
    mixed = np.flatnonzero(varies(pd.factorize(draft.frame[columns.params])[0], draft.group))
    params = columns.params
    if mixed.size and not told:
        raise TableError(
            f"{draft.source}: {columns.driver!r} and {params!r} both vary within "
            f"{draft.label(mixed[0])}, and a law of two drivers is not available yet; pass "
            f"drivers={columns.driver!r} with by={params!r} for one curve per model size (or "
            f"filter to one), or drivers={params!r}"
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


def size_findings(draft: Draft, cells: Cells) -> list[Finding]:
    """Warn of sizes that look like shares, and of other sizes mixed at one size."""
    driver = draft.columns.driver
    findings = []
    if role_of(driver) in ("cells", "data", "params") and cells.size.max() <= 1:
        findings.append(
            Finding(
                "sizes_are_shares",
                "warn",
                f"Every value of {driver!r} is at most 1: shares of the data, not counts?",
                f"largest {cells.size.max():g}",
                "Multiply by the full size; forecasts are made in the unit of the column.",
            )
        )
    cell = np.empty(len(draft.rows), dtype=np.intp)
    cell[cells.order] = np.repeat(np.arange(len(cells.starts)), cells.counts)
    for name in draft.columns.unused_sizes:
        if varies(pd.factorize(draft.frame[name])[0], cell).any():
            findings.append(
                Finding(
                    "sizes_pooled",
                    "warn",
                    f"Rows at one value of {driver!r} differ in {name!r}, which is left out.",
                    "",
                    f"Pass by={name!r} for one curve per value, or drivers={name!r}.",
                )
            )
    return findings


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
    n_dropped = len(np.unique(np.concatenate([fault.positions for fault in faults])))
    rows = Finding(
        "rows_dropped",
        "note",
        f"{n_dropped} of {len(draft.rows)} rows were left out.",
        "; ".join(f"{f.column}: {f.reason} ({len(f.positions)})" for f in faults),
        "The table's dropped rows list each with its value.",
    )
    lost = np.setdiff1d(np.arange(len(draft.keys)), kept_groups)
    if not lost.size:
        return [rows]
    curves = Finding(
        "curves_dropped",
        "warn",
        f"{lost.size} of {len(draft.keys)} curves have no usable row and are left out.",
        _listed([draft.label(i) for i in lost[:_SHOWN]], lost.size),
        "Correct the rows of these curves.",
    )
    return [rows, curves]


def too_few_sizes(draft: Draft, cells: Cells) -> TableError | None:
    """Return the error for a table in which no curve has two sizes."""
    n_sizes = np.bincount(cells.group)
    if n_sizes.max() > 1:
        return None
    name, by = draft.columns.driver, list(draft.columns.by)
    found = f"none of the {len(n_sizes)} curves has" if by else "the table does not have"
    mend = f"group by fewer columns than by={by!r}" if by else "add runs at other sizes"
    return TableError(
        f"{draft.source}: column {name!r} has too few sizes: a curve needs at least two, and "
        f"{found} them ({draft.label(0)}: {cells.counts[0]} rows, all at {cells.size[0]:g}); {mend}"
    )


def curve_findings(
    draft: Draft, cells: Cells, metrics: Sequence[Metric]
) -> list[tuple[Finding, ...]]:
    """Return for each curve what looks wrong with its replicates or its unit."""
    found: list[tuple[Finding, ...]] = [()] * len(draft.keys)
    for findings in (
        _mixed_rows(draft),
        _identical_replicates(draft, cells),
        _mixed_units(draft, metrics),
    ):
        for i, finding in findings.items():
            found[i] = (*found[i], finding)
    return found


def _mixed_rows(draft: Draft) -> dict[int, Finding]:
    """Warn of rows with the same curve, size and seed: two experiments under one name."""
    columns, seed = draft.columns, draft.seed
    if seed is None:
        return {}
    order = np.lexsort((seed, draft.sizes, draft.group))
    keys = (draft.group[order], draft.sizes[order], seed[order])
    again = np.ones(len(order), dtype=bool)
    again[run_starts(*keys)] = False
    again &= seed[order] >= 0
    if not again.any():
        return {}
    at, before = order[np.flatnonzero(again)], order[np.flatnonzero(again) - 1]
    n_groups = len(draft.keys)
    n_pairs = np.bincount(draft.group[at], minlength=n_groups)
    told_apart: dict[str, Codes] = {}
    roles = {columns.driver, columns.score, columns.seed, *columns.by}
    for name in [name for name in draft.frame.columns if name not in roles]:
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
            f"Rows share {columns.driver!r} and {columns.seed!r} but differ in {columns.score!r}.",
            "rows " + _listed([str(row) for row in rows[:_SHOWN]], len(rows)),
            mend,
        )
    return findings


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
        sizes = [f"{size:g}" for size in mine[:_SHOWN]]
        findings[i] = Finding(
            "identical_replicates",
            "warn",
            "All replicates have the same score at some sizes, so they carry no scatter.",
            f"{draft.columns.driver} {_listed(sizes, len(mine))}",
            "Check that each seed was trained and evaluated on its own.",
        )
    return findings


def _mixed_units(draft: Draft, metrics: Sequence[Metric]) -> dict[int, Finding]:
    """Warn of a curve in fractions among curves in percent."""
    if not any(metric.unit == "percent" for metric in metrics):
        return {}
    top = np.full(len(metrics), -np.inf)
    np.maximum.at(top, draft.group, draft.scores)
    return {
        i: Finding(
            "mixed_units",
            "warn",
            f"Scores are read as percentages of {metric.name!r}, but here none exceeds 1.",
            f"largest score {top[i]:g}",
            "Write all scores of the column in one unit.",
        )
        for i, metric in enumerate(metrics)
        if metric.unit == "percent" and top[i] <= 1
    }


def _listed(first: Sequence[str], n_all: int) -> str:
    more = n_all - len(first)
    return ", ".join(first) + (f" and {more} more" if more > 0 else "")
