"""Which rows of a table a command keeps: those with one of the values asked for of a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._terminal import complain
from .errors import TableError, nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["kept_rows"]


def kept_rows(
    rows: pd.DataFrame, filters: list[tuple[str, str]], name: str = ""
) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows that pass, and the lines of Python that select them.

    Parameters
    ----------
    rows : DataFrame
        A table as read.
    filters : list of (column, value)
        Several values of one column are any of them; an empty value is a missing one.
    name : str
        What the table is called in messages, if there are others.
    """
    wanted: dict[str, list[str]] = {}
    for column, value in filters:
        wanted.setdefault(column, []).append(value)
    lines = []
    for column, values in wanted.items():
        said = f"{name}: " if name else ""
        kept, test = _passing(rows, column, values, said)
        asked = f"{column}={' or '.join(values)}"
        if not kept.any():
            seen = [str(each) for each in rows[column].dropna().unique()[:8]]
            several = "; repeat --filter for several values" if "," in asked else ""
            raise TableError(
                f"{said}--filter {asked}: no row has it; there are {', '.join(seen) or 'none'}"
                + (several or nearest(values[0], seen))
            )
        complain(f"note: {said}kept {int(kept.sum())} of {len(rows)} rows with {asked}")
        attrs, rows = rows.attrs, rows[kept]
        rows.attrs = dict(attrs)
        lines.append(f"table = table[{test}]")
    return rows, lines


def _passing(rows: pd.DataFrame, column: str, values: list[str], said: str) -> tuple[Any, str]:
    """Return which rows have one of the values, and Python that says so."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    from ._numbers import as_numbers

    names = [str(each) for each in rows.columns]
    if column not in names:
        raise TableError(
            f"{said}--filter {column}={values[0]}: no such column; the columns are "
            f"{', '.join(names)}" + nearest(column, names)
        )
    cells, place = rows[column], f"table[{column!r}]"
    known: list[Any] = [value for value in values if value != ""]
    tests, kept = [], cells.isna() & ("" in values)
    if is_numeric_dtype(cells) and not is_bool_dtype(cells):
        try:
            known = as_numbers(known).tolist()
        except ValueError:
            raise TableError(
                f"{said}--filter {column}={' or '.join(values)}: the column holds numbers; give "
                "one, such as 1e6 or 1M"
            ) from None
    elif known:
        cells, place = cells.astype(str), f"{place}.astype(str)"
    if known:
        tests.append(f"{place}.isin({known!r})" if len(known) > 1 else f"{place}.eq({known[0]!r})")
        kept |= cells.isin(known)
    if "" in values:
        tests.append(f"table[{column!r}].isna()")
    return kept, " | ".join(tests)
