"""What is compared: groups gathered from fits, tables, folders and published estimates."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ._columns import Names
from .alignment import Convert, align, size_unit
from .errors import FitError, TableError, nearest
from .findings import Finding
from .fit import Fit, FitSet, fit
from .laws import Law
from .literature import PublishedFit, Stated, is_estimates, stated, stated_rows
from .sample import of_table
from .selection import MIN_SIZES, candidates
from .table import Table, as_frame, make_table

__all__ = ["Group", "gather", "on_range", "shared_runs", "size_range", "tables_in"]

FILES = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".xlsx", ".json", ".jsonl", ".ndjson")
_NUMBERS = (int, float, np.number)


@dataclass(frozen=True, slots=True)
class Group:
    """One side of a comparison: a fitted curve, or a number that somebody published.

    Parameters
    ----------
    name : str
        Unique among the groups.
    keys : dict of str to object
        What is known of it: the table's name and the values of ``by`` columns.
    fit : Fit or None
        The curve; None for a published estimate.
    stated : Stated or None
        The published estimate; None for a curve.
    """

    name: str
    keys: dict[str, object]
    fit: Fit | None = None
    stated: Stated | None = None


def gather(
    data: Any,
    *,
    by: Names | None = None,
    corpus: float | Mapping[str, float] | None = None,
    convert: Convert | None = None,
    unnamed: str | None = None,
    options: Mapping[str, Any],
) -> tuple[list[Group], list[Finding]]:
    """Return the groups that ``data`` holds, tables being aligned and fitted.

    Parameters
    ----------
    data : FitSet, table, path of a table or of a folder of tables, sequence or mapping of these
        In a mapping the values may also be ``(estimate, standard error)``,
        ``(estimate, lower, upper)``, or :class:`PublishedFit` entries' numbers. A table of
        estimates, with no runs in it, gives one group a row.
    by : str or sequence of str, optional
        Columns that tell curves of one table apart.
    corpus, convert
        See :func:`scalefit.alignment.align`; per table where they are mappings.
    unnamed : str, optional
        A column that need not be in the names of the groups, if they differ without it.
    options : mapping
        Of :func:`scalefit.fit`.

    Raises
    ------
    TableError, FitError
        Nothing to compare, or two groups of one name.
    """
    findings: list[Finding] = []
    parts = list(_parts(data))
    tables: dict[str, pd.DataFrame] = {}
    made: list[list[Group]] = []
    for name, item in parts:
        if isinstance(item, (Fit, FitSet)):
            made.append(_of_fits(name, item, unnamed))
        elif isinstance(item, Stated):
            made.append([Group(name, {"table": name}, stated=item)])
        else:
            frame = as_frame(item)
            if is_estimates(frame):
                rows = stated_rows(frame, name or "the table")
                _one_unit(frame, name or "the table")
                made.append([Group(row, {"table": name}, stated=one) for row, one in rows.items()])
                continue
            whole = corpus.get(name) if isinstance(corpus, Mapping) else corpus
            done = align(
                frame, name or str(frame.attrs.get("source", "DataFrame")),
                drivers=options.get("drivers"), corpus=whole, convert=(convert or {}).get(name),
            )  # fmt: skip
            findings += done.findings
            tables[name] = done.frame
            made.append([Group(name, {})])  # its place; filled below
    _check_asked(tables, by, unnamed, options)
    fitted = _fit_tables(tables, by, unnamed, options, findings)
    groups = [
        g for part in made for g in (fitted.get(part[0].name, part) if _empty(part) else part)
    ]
    names = [group.name for group in groups]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise FitError(f"two groups are called {twice!r}; give the tables distinct names")
    unknown = set(convert or ()) | (set(corpus) if isinstance(corpus, Mapping) else set())
    unknown -= {name for name, _ in parts}
    if unknown:
        raise TableError(
            f"corpus= or convert= names {sorted(unknown)}; the tables are "
            f"{', '.join(name or 'one without a name' for name, _ in parts)}"
        )
    return groups, findings


def _check_asked(
    tables: Mapping[str, pd.DataFrame],
    by: Names | None,
    unnamed: str | None,
    options: Mapping[str, Any],
) -> None:
    """Refuse what would be ignored: options without a table to fit, columns that no table has."""
    usual = {name: option.default for name, option in inspect.signature(fit).parameters.items()}
    asked = [
        name for name, value in options.items()
        if name not in ("level", "inference", "rng") and value is not None
        and not (isinstance(value, (str, int)) and value == usual.get(name))
    ]  # fmt: skip
    columns = [by] if isinstance(by, str) else list(by or ())
    if not tables and asked:
        raise FitError(
            f"{', '.join(asked)}: there is no table to fit; pass options to scalefit.fit, or the "
            "tables to compare"
        )
    every = {str(column) for frame in tables.values() for column in frame.columns}
    lacking = [column for column in columns if column not in every and column != unnamed]
    if tables and lacking:
        raise TableError(
            f"no table has a column {lacking[0]!r} (given as by=); the columns are "
            f"{', '.join(map(repr, sorted(every)))}" + nearest(lacking[0], every)
        )


def _one_unit(frame: pd.DataFrame, name: str) -> None:
    for column in frame.columns:
        units = frame[column].dropna().unique()
        if str(column).strip().casefold() in ("unit", "units") and len(units) > 1:
            raise FitError(
                f"{name}: the estimates are in different units ({', '.join(map(str, units[:5]))}); "
                "keep the rows of one"
            )


def _empty(part: list[Group]) -> bool:
    return len(part) == 1 and part[0].fit is None and part[0].stated is None


def _parts(data: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and content of every table, fit or estimate."""
    if isinstance(data, (Fit, FitSet, pd.DataFrame, Table)):
        yield "", data
    elif isinstance(data, Mapping):
        if not _is_group_mapping(data):
            yield "", data
            return
        for key, value in data.items():
            name = ", ".join(map(str, key)) if isinstance(key, tuple) else str(key)
            yield name, _stated(name, value)
    elif isinstance(data, (str, os.PathLike)):
        yield from tables_in(Path(data)).items() if Path(data).is_dir() else [("", data)]
    elif isinstance(data, Sequence):
        for i, item in enumerate(data):
            if isinstance(item, (str, os.PathLike)) and Path(item).is_dir():
                yield from tables_in(Path(item)).items()
            else:
                is_path = isinstance(item, (str, os.PathLike))
                yield (Path(item).stem if is_path else f"table {i + 1}"), item
    else:
        yield "", data


def tables_in(folder: Path) -> dict[str, Path]:
    """Return the files of a folder that hold tables, by their names without the ending."""
    found = sorted(path for path in folder.iterdir() if path.suffix.casefold() in FILES)
    if not found:
        raise TableError(f"{folder.name}: no table in this folder; known are {', '.join(FILES)}")
    return {path.stem: path for path in found}


def _is_group_mapping(data: Mapping[Any, Any]) -> bool:
    kinds = (Fit, FitSet, pd.DataFrame, Table, Mapping, str, os.PathLike, Stated, PublishedFit)
    return bool(data) and all(isinstance(v, kinds) or _is_estimate(v) for v in data.values())


def _is_estimate(value: Any) -> bool:
    return (
        isinstance(value, tuple) and len(value) in (2, 3)
        and all(isinstance(part, _NUMBERS) for part in value)
    )  # fmt: skip


def _stated(name: str, value: Any) -> Any:
    if _is_estimate(value):
        return stated(name, value)
    if isinstance(value, PublishedFit):
        raise FitError(
            f"{name} is a PublishedFit of several numbers; pass one of them, such as "
            f"{name}.stated[{next(iter(value.stated))!r}]"
        )
    return value


def _of_fits(name: str, fits: Fit | FitSet, unnamed: str | None) -> list[Group]:
    if isinstance(fits, Fit):
        keys = dict(zip(fits.table.by, fits.table.keys[0], strict=True))
        return [
            Group(name or fits.label or "the fit", keys | ({"table": name} if name else {}), fits)
        ]
    by = fits.all_rows.by
    every = [dict(zip(by, key, strict=True)) for key in fits]
    varying = [c for c in by if len({keys[c] for keys in every}) > 1] or list(by)
    fewer = [c for c in varying if c != unnamed]
    if len({tuple(keys[c] for c in fewer) for keys in every}) == len(every):
        varying = fewer
    groups = []
    for key, keys in zip(fits, every, strict=True):
        label = ", ".join(_plain(keys[c]) for c in varying)
        own = keys | ({"table": name} if name else {})
        groups.append(Group(f"{name}: {label}" if name else label, own, fits[key]))
    return groups


def _plain(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _fit_tables(
    frames: Mapping[str, pd.DataFrame],
    by: Names | None,
    unnamed: str | None,
    options: Mapping[str, Any],
    findings: list[Finding],
) -> dict[str, list[Group]]:
    """Return the groups of every table, scores of one metric being brought to one unit."""
    reading = ("score", "drivers", "better", "bounds", "se", "sd", "n", "items", "run", "on_bad")
    asked = {key: value for key, value in options.items() if key in reading}
    fitting = {key: value for key, value in options.items() if key not in reading}
    columns = [by] if isinstance(by, str) else list(by or ())
    tables: dict[str, Table] = {}
    for name, frame in frames.items():
        own = dict(asked)
        if own.get("drivers") is not None and isinstance(own["drivers"], str):
            own["drivers"] = own["drivers"] if own["drivers"] in frame.columns else None
        mine = [c for c in columns if c in frame.columns]
        try:
            tables[name] = make_table(frame, by=mine or None, **own)
        except TableError as error:
            raise TableError(f"{name}: {error}" if name else str(error)) from None
    units = {metric.unit for table in tables.values() for metric in table.metrics}
    found = {}
    for name, table in tables.items():
        if units >= {"percent", "fraction"} and all(m.unit == "percent" for m in table.metrics):
            table = _in_fractions(table)
            findings.append(
                Finding("percent_scores", "note", f"in {name}, percent were divided by 100")
            )
        fits = fit(table, **fitting)
        found[name] = _of_fits(name, fits, unnamed)
    return found


def _in_fractions(table: Table) -> Table:
    rows = table.rows.assign(**{table.score: table.rows[table.score] / 100.0})
    for role in ("se", "sd"):
        if role in table.roles:
            rows[table.roles[role]] = rows[table.roles[role]] / 100.0
    metrics = tuple(
        replace(m, lower=m.lower / 100, upper=m.upper / 100, best=m.best / 100, unit="fraction")
        for m in table.metrics
    )
    return replace(table, rows=rows, metrics=metrics)


def size_range(groups: Sequence[Group]) -> tuple[str, float, float]:
    """Return the unit of size that all curves share, and the sizes that all of them span.

    Raises
    ------
    FitError
        The curves differ in their unit of size.
    """
    every = [group.fit for group in groups if group.fit is not None]
    # A curve of few sizes has no law, and need not narrow the range of those that have one.
    fits = [one for one in every if one.candidates.sample.n_sizes[0] >= MIN_SIZES] or every
    units = {size_unit(one.driver): group.name for group in groups if (one := group.fit)}
    if len(units) > 1:
        said = ", ".join(f"{name} in {unit}" for unit, name in units.items())
        raise FitError(
            f"the groups are sized in different units: {said}. Bring them to one by convert=, "
            'corpus= or drivers=, or pass at="own" for gains from each group\'s own largest size'
        )
    x = [one.candidates.sample for one in fits]
    low = max(float(s.x[0][s.count[0] > 0].min()) for s in x)
    high = min(float(s.x[0].max()) for s in x)
    return next(iter(units)), low, high


def on_range(one: Fit, low: float, high: float, law: Law) -> Fit | str:
    """Return a curve refitted by one law to its sizes in a range, or why it cannot be."""
    x = one.table.rows[one.driver].to_numpy(dtype=float)
    inside = (x >= low * (1 - 1e-9)) & (x <= high * (1 + 1e-9))
    sizes = np.unique(x[inside]).size
    if sizes < MIN_SIZES:
        return f"{sizes} sizes in the common range, {MIN_SIZES} are needed"
    table = one.table
    if not inside.all():
        table = replace(table, rows=table.rows[inside], group=table.group[inside])
    sample = one.settings.noise.weigh(of_table(table))
    return Fit(table, candidates([law], sample), one.settings)


def shared_runs(groups: Sequence[Group]) -> list[tuple[str, str, float]]:
    """Return pairs of groups of which most runs are equal in size and score, and that share.

    The same model under two names would count twice.
    """
    runs: list[set[tuple[float, float]]] = []
    for group in groups:
        rows = group.fit.table.rows if group.fit is not None else None
        pairs = set() if rows is None or group.fit is None else set(
            zip(rows[group.fit.driver], rows[group.fit.table.score], strict=True)
        )  # fmt: skip
        runs.append(pairs)
    found = []
    for i, one in enumerate(runs):
        for j in range(i + 1, len(runs)):
            share = len(one & runs[j]) / max(min(len(one), len(runs[j])), 1)
            if share >= 0.5 and len(one & runs[j]) >= 3:
                found.append((groups[i].name, groups[j].name, share))
    return found
