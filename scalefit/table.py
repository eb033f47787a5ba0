"""A checked table: which rows form which curve, in which metric, and what was left out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any, Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._checks import (
    copy_findings,
    curve_findings,
    drop_findings,
    missing_key_findings,
    params_findings,
    role_findings,
    size_findings,
    too_few_sizes,
)
from ._columns import ROW, Names, find_columns
from ._draft import Draft, find_cells, make_draft
from ._faults import (
    Fault,
    bound_faults,
    dropped_frame,
    magnitude_faults,
    number_faults,
    percent_faults,
    refusal,
    repeat_faults,
    run_faults,
    summary_faults,
    unit_faults,
)
from ._format import listed
from ._grouping import in_order, key_label, unit_numbers, varies
from .errors import TableError, nearest
from .findings import Finding
from .metrics import Metric, resolve
from .reading import check_header, read_table

__all__ = ["Table", "as_frame", "make_table"]

Key = tuple[object, ...]
Bounds = Sequence[float | None]
OnBad = Literal["raise", "drop"]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that can be fitted, ordered so that each curve is one block.

    Parameters
    ----------
    rows : pandas.DataFrame
        The ``by`` columns, the drivers, the score and the numbers among ``roles`` as float, seed
        and run as given if there are any, and ``_row``, the 1-based data row. The index is the
        position in the table as given.
    drivers : tuple of str
        The column of sizes, or the two of which a size is a combination.
    score : str
        Column of measurements.
    by : tuple of str
        Columns whose values tell the curves apart.
    seed : str or None
        Column that tells replicates apart.
    roles : dict of str to str
        The columns asked for beyond these: ``"se"`` (standard error of the score), ``"sd"`` and
        ``"n"`` (standard deviation and number of the runs whose mean a row is), ``"items"``
        (number of test items behind a score), ``"run"`` (whose checkpoint a row is).
    keys : tuple of tuple
        The ``by`` values of each curve in order of first appearance, None where missing;
        ``((),)`` without ``by``.
    group : ndarray of int, shape (n,)
        The curve of each row; never decreases.
    metrics : tuple of Metric
        One per curve.
    source : str
        The file's name, ``"DataFrame"`` if there is none.
    sha256 : str
        Of the file if one was read here, else of the values used.
    n_given : int
        Rows of the table as given.
    dropped : pandas.DataFrame
        Refused values: row, column, value, reason.
    findings : tuple of Finding
        What a reader should know about the table.
    group_findings : tuple of tuple of Finding
        The same for each curve.
    """

    rows: pd.DataFrame
    drivers: tuple[str, ...]
    score: str
    by: tuple[str, ...]
    seed: str | None
    roles: dict[str, str]
    keys: tuple[Key, ...]
    group: NDArray[np.intp]
    metrics: tuple[Metric, ...]
    source: str
    sha256: str
    n_given: int
    dropped: pd.DataFrame
    findings: tuple[Finding, ...]
    group_findings: tuple[tuple[Finding, ...], ...]

    @property
    def n_groups(self) -> int:
        """Number of curves."""
        return len(self.keys)

    @property
    def unit(self) -> NDArray[np.intp] | None:
        """Seed or training run of each row, by number; None where no column tells them."""
        name = self.roles.get("run", self.seed)
        return None if name is None else unit_numbers(self.rows[name])

    @property
    def order(self) -> NDArray[np.intp]:
        """The rows in the order in which a sample of the table lists its runs."""
        names = (*self.drivers, self.score, self.roles.get("se"))
        known = (None if name is None else self.rows[name].to_numpy(float) for name in names)
        return in_order(self.group, *known, self.unit)

    def need_one_driver(self, what: str) -> None:
        """Raise TableError, saying what cannot be answered, if there are several drivers."""
        if len(self.drivers) > 1:
            raise TableError(
                f"{what} needs one driver; this table has {' and '.join(self.drivers)}: fit each "
                "at a fixed value of the other"
            )

    def label(self, i: int) -> str:
        """Return curve ``i`` in words, such as ``"model=scVI, dataset=lung"``."""
        return key_label(self.by, self.keys[i])

    def take(self, indices: Sequence[int]) -> Table:
        """Return a table of the given curves, in the given order.

        Counts, ``dropped`` and ``findings`` still describe the table as it was read.
        """
        chosen = [int(i) for i in indices]
        starts = np.searchsorted(self.group, chosen, side="left")
        stops = np.searchsorted(self.group, chosen, side="right")
        blocks = [np.arange(a, b) for a, b in zip(starts, stops, strict=True)]
        return replace(
            self,
            rows=self.rows.iloc[np.concatenate(blocks) if blocks else []],
            keys=tuple(self.keys[i] for i in chosen),
            group=np.repeat(np.arange(len(chosen)), stops - starts),
            metrics=tuple(self.metrics[i] for i in chosen),
            group_findings=tuple(self.group_findings[i] for i in chosen),
        )


def make_table(
    data: Table | pd.DataFrame | Mapping[str, Any] | str | os.PathLike[str] | IO[Any] | object,
    *,
    score: str | None = None,
    drivers: Names | None = None,
    by: Names | None = None,
    better: str | None = None,
    bounds: Bounds | None = None,
    se: str | None = None,
    sd: str | None = None,
    n: str | None = None,
    items: str | None = None,
    run: str | None = None,
    on_bad: OnBad = "raise",
) -> Table:
    """Check a table of scores and settle what each column means.

    Without being told, the driver is a column called cells (tokens, samples, ...; else params),
    the score one called score or like a known metric, the replicate one called seed.

    Parameters
    ----------
    data : path, DataFrame, mapping of columns, polars or pyarrow table, or Table
        A Table is returned as it is.
    score : str, optional
        The column to fit.
    drivers : str or sequence of str, optional
        The column of sizes; two for a law of both, such as ``["params", "tokens"]``.
    by : str or sequence of str, optional
        One curve for each combination of values in these columns.
    better : {"higher", "lower"}, optional
        The direction of improvement, where the metric's name does not say it.
    bounds : (float or None, float or None), optional
        The values the metric can take, where its name does not say it.
    se : str, optional
        The column of the standard error of each row's score.
    sd, n : str, optional
        Where each row is the mean of ``n`` runs: the columns of their standard deviation, which
        may be empty for a single run, and of their number.
    items : str, optional
        The column of the number of test items over which each score is a mean.
    run : str, optional
        The column that names the run of each row, where a run has rows at several sizes.
    on_bad : {"raise", "drop"}
        Whether rows that cannot be used are refused, or left out and counted.

    Returns
    -------
    Table
        Checked.

    Raises
    ------
    TableError
        The message names the table, the column, the rows, the values and the mend.

    Examples
    --------
    >>> runs = {"cells": ["1k", "10k", "100k"], "seed": [0, 0, 0], "accuracy": [0.6, 0.7, 0.75]}
    >>> table = make_table(runs)
    >>> table.drivers, table.score, table.metrics[0].better
    (('cells',), 'accuracy', 'higher')
    >>> table.rows["cells"].tolist()
    [1000.0, 10000.0, 100000.0]
    """
    if on_bad not in ("raise", "drop"):
        raise TableError(
            f'on_bad={on_bad!r} is not known; it is "raise" or "drop"'
            + nearest(str(on_bad), ("raise", "drop"))
        )
    roles = {"se": se, "sd": sd, "n": n, "items": items, "run": run}
    if isinstance(data, Table):
        stated = (score, drivers, by, better, bounds, *roles.values())
        if any(option is not None for option in stated) or on_bad != "raise":
            raise TableError(
                f"{data.source}: this table is already made; pass its data to set options"
            )
        return data
    frame = as_frame(data)
    source = str(frame.attrs.get("source", "DataFrame"))
    columns = find_columns(frame, source, score=score, drivers=drivers, by=by, roles=roles)
    given = make_draft(frame, source, columns)
    about = [*params_findings(given, told=drivers is not None), *role_findings(given)]
    metrics, about_metrics = _metrics(given, better, bounds)

    percents = list(percent_faults(given, metrics))
    faults = [
        *number_faults(given), *run_faults(given), *summary_faults(given),
        *bound_faults(given, metrics), *percents,
    ]  # fmt: skip
    faults += unit_faults(given, metrics) if bounds is None and not percents else []
    kept = _without(faults, len(frame))
    for among_usable in (magnitude_faults, repeat_faults):
        more = among_usable(given, kept)
        faults += more
        kept &= _without(more, len(frame))
    if faults and on_bad == "raise":
        mend = 'Correct these rows, or pass on_bad="drop" to leave them out and count them.'
        raise refusal(given, faults, mend)
    if not kept.any():
        raise refusal(given, faults, "Nothing is left to fit: correct these rows.")

    draft, positions, groups = given.keep(kept)
    metrics = [metrics[i] for i in groups.tolist()]
    cells = find_cells(draft.sizes, draft.group)
    error = too_few_sizes(draft, cells)
    if error is not None:
        raise error
    about += [
        *drop_findings(given, faults, groups),
        *missing_key_findings(draft),
        *size_findings(draft, cells),
        *copy_findings(draft),
    ]
    group_findings = curve_findings(draft, cells, metrics)
    if len(set(metrics)) == 1:
        about += about_metrics[metrics[0].name]
    else:
        pairs = zip(metrics, group_findings, strict=True)
        group_findings = [(*about_metrics[metric.name], *found) for metric, found in pairs]
    read_here = not isinstance(data, pd.DataFrame) and "sha256" in frame.attrs
    return Table(
        rows=_rows(draft, positions),
        drivers=columns.drivers,
        score=columns.score,
        by=columns.by,
        seed=columns.seed,
        roles=columns.roles,
        keys=draft.keys,
        group=draft.group,
        metrics=tuple(metrics),
        source=source,
        sha256=str(frame.attrs["sha256"]) if read_here else _sha256(draft),
        n_given=len(frame),
        dropped=dropped_frame(given, faults),
        findings=tuple(about),
        group_findings=tuple(group_findings),
    )


def as_frame(data: object) -> pd.DataFrame:
    """Return any kind of table as a DataFrame with distinct text column names.

    Parameters
    ----------
    data : path, file object, DataFrame, mapping of columns, or polars or pyarrow table
        Not changed.

    Raises
    ------
    TableError
        It is none of these, has no rows, or a column name repeats.

    Examples
    --------
    >>> as_frame({"cells": [1, 2], 0: [0.1, 0.2]}).columns.tolist()
    ['cells', '0']
    """
    if isinstance(data, (str, os.PathLike)) or hasattr(data, "read"):
        return read_table(cast("str", data))
    if isinstance(data, Mapping):
        frame = _frame_of_columns(data)
    elif isinstance(data, pd.DataFrame):
        frame = data
    else:
        frame = _foreign_frame(data)
    source = str(frame.attrs.get("source", "DataFrame"))
    check_header(frame.columns, source)
    if frame.empty:
        raise TableError(f"{source}: there are no rows; pass a table with a row for each run")
    if not all(isinstance(name, str) for name in frame.columns):
        frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    return frame


def _frame_of_columns(data: Mapping[Any, Any]) -> pd.DataFrame:
    try:
        return pd.DataFrame(dict(data))
    except ValueError as error:
        raise TableError(
            f"the columns do not make a table: {error}; give lists of one length"
        ) from error


def _foreign_frame(data: object) -> pd.DataFrame:
    import narwhals  # only needed for tables of other libraries

    try:
        frame: pd.DataFrame = narwhals.from_native(cast("Any", data), eager_only=True).to_pandas()
    except TypeError as error:
        raise TableError(
            f"an object of type {type(data).__name__!r} is not a table; pass a DataFrame (pandas, "
            "polars, pyarrow), a dict of columns, or the path of a file"
        ) from error
    return frame


def _metrics(
    draft: Draft, better: str | None, bounds: Bounds | None
) -> tuple[list[Metric], dict[str, tuple[Finding, ...]]]:
    """Settle the metric of each curve, each distinct name once."""
    names = _metric_names(draft)
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    which = np.array([number[name] for name in names], dtype=np.intp)[draft.group]
    # A score tells its unit whatever its size; a row without a size, alone, is no part of a trend.
    scored = ~np.isnan(draft.scores)
    sized = np.all(draft.sizes > 0, axis=1)
    sizes = np.where(sized[:, None], draft.sizes, 1.0)
    curve = np.where(sized, draft.group, len(names) + np.arange(len(sized)))
    signed = draft.signed(draft.columns.score)
    resolved = {}
    for name, i in number.items():
        mine = scored & (which == i)
        resolved[name] = resolve(
            name,
            draft.scores[mine],
            np.exp(np.log(sizes[mine]).mean(axis=1)),  # two drivers count alike in a trend
            curve[mine],
            better=better,
            bounds=bounds,
            signed=bool(signed[mine].any()),
        )
    metrics = [resolved[name][0] for name in names]
    return metrics, {name: findings for name, (_, findings) in resolved.items()}


def _metric_names(draft: Draft) -> list[str]:
    column, score = draft.columns.metric, draft.columns.score
    if column is None:
        return [score] * len(draft.keys)
    codes, names = pd.factorize(draft.frame[column])
    mixed = np.flatnonzero(varies(codes, draft.group))
    if mixed.size:
        found = names[np.unique(codes[(draft.group == mixed[0]) & (codes >= 0)])].tolist()
        raise TableError(
            f"{draft.source}: column {column!r} holds several metrics in {draft.label(mixed[0])}: "
            f"{listed(map(repr, found))}; pass by={column!r} with the other groupings, or "
            "filter to one metric"
        )
    code = np.full(len(draft.keys), -1)
    code[draft.group[codes >= 0]] = codes[codes >= 0]
    known = [str(name) for name in names]
    return [known[i] if i >= 0 else score for i in code.tolist()]


def _without(faults: Sequence[Fault], n: int) -> NDArray[np.bool_]:
    kept = np.ones(n, dtype=bool)
    for fault in faults:
        kept[fault.positions] = False
    return kept


def _rows(draft: Draft, positions: NDArray[np.intp]) -> pd.DataFrame:
    columns = draft.columns
    values: dict[str, Any] = {name: draft.frame[name].array for name in columns.by}
    values |= draft.numbers
    values |= {name: draft.frame[name].array for name in columns.replicates}
    return pd.DataFrame({**values, ROW: draft.rows}, index=positions)


def _sha256(draft: Draft) -> str:
    digest = hashlib.sha256(repr((draft.columns, draft.keys)).encode())
    replicate = pd.factorize(draft.replicate)[0]
    for values in (*draft.numbers.values(), draft.group, replicate):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
