"""A table on its way to being checked: its columns have parts, its rows groups and numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._columns import ROLES, Columns
from ._grouping import group_rows, key_label
from ._numbers import Faults, parse_numbers
from .errors import TableError

__all__ = ["Cells", "Draft", "find_cells", "make_draft", "row_numbers", "run_starts"]

Codes = NDArray[np.intp]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Draft:
    """Rows with their groups and numbers, before any of them is refused.

    Parameters
    ----------
    frame : pandas.DataFrame
        As given, with text column names.
    source : str
        The table's name in messages.
    rows : ndarray of int, shape (n,)
        1-based data row of each row.
    columns : Columns
        The part that each column plays.
    group : ndarray of int, shape (n,)
        The curve of each row.
    keys : tuple of tuple
        The ``by`` values of each curve.
    replicate : ndarray of int, shape (n,)
        A number for each distinct pair of seed and run, -1 where neither is known.
    numbers : dict of str to ndarray of float, shape (n,)
        The columns of numbers by name; ``nan`` where one could not be read.
    unread : dict of str to dict of str to ndarray of int
        For each of them the positions that could not be read under the reason.
    """

    frame: pd.DataFrame
    source: str
    rows: NDArray[np.int64]
    columns: Columns
    group: Codes
    keys: tuple[tuple[object, ...], ...]
    replicate: Codes
    numbers: dict[str, FloatArray]
    unread: dict[str, Faults]

    @property
    def sizes(self) -> FloatArray:
        """The drivers, shape ``(n, D)``."""
        return np.column_stack([self.numbers[name] for name in self.columns.drivers])

    @property
    def scores(self) -> FloatArray:
        """The score, shape ``(n,)``."""
        return self.numbers[self.columns.score]

    @property
    def unused(self) -> list[str]:
        """The columns that play no part."""
        columns = self.columns
        used = {*columns.drivers, *columns.replicates, *columns.by, *columns.roles.values()}
        used |= {columns.score, *filter(None, [columns.metric])}
        return [name for name in self.frame.columns if name not in used]

    def signed(self, name: str) -> NDArray[np.bool_]:
        """Return which numbers of a column are written with the sign %, ``(n,)``."""
        written = self.frame[name]
        if pd.api.types.is_numeric_dtype(written):
            return np.zeros(len(written), dtype=bool)
        return written.astype(str).str.contains("%", regex=False).to_numpy(dtype=bool)

    def label(self, i: int) -> str:
        """Return curve ``i`` in words."""
        return key_label(self.columns.by, self.keys[i])

    def keep(self, kept: NDArray[np.bool_]) -> tuple[Draft, Codes, Codes]:
        """Keep some rows, ordered by group.

        Returns
        -------
        Draft
            Without faults.
        ndarray of int
            The position of each kept row.
        ndarray of int
            The number that each kept group had.
        """
        at = np.flatnonzero(kept)
        at = at[np.argsort(self.group[at], kind="stable")]
        old, group = np.unique(self.group[at], return_inverse=True)
        draft = replace(
            self,
            frame=self.frame.iloc[at],
            rows=self.rows[at],
            group=group,
            keys=tuple(self.keys[i] for i in old.tolist()),
            replicate=self.replicate[at],
            numbers={name: values[at] for name, values in self.numbers.items()},
            unread={},
        )
        return draft, at, old


@dataclass(frozen=True, slots=True)
class Cells:
    """The rows of each curve at each size, that is, at each combination of the drivers.

    Parameters
    ----------
    order : ndarray of int, shape (n,)
        Rows by group, then size.
    starts, counts : ndarray of int, shape (n_cells,)
        Where each cell starts within ``order``, and how many rows it has.
    group : ndarray of int, shape (n_cells,)
        The curve of each cell.
    size : ndarray of float, shape (n_cells, D)
        The size of each cell.
    """

    order: Codes
    starts: Codes
    counts: Codes
    group: Codes
    size: FloatArray

    @property
    def of_rows(self) -> Codes:
        """The cell of each row, shape ``(n,)``."""
        cell = np.empty(len(self.order), dtype=np.intp)
        cell[self.order] = np.repeat(np.arange(len(self.counts)), self.counts)
        return cell


def make_draft(frame: pd.DataFrame, source: str, columns: Columns) -> Draft:
    """Group the rows and read the numbers.

    Raises
    ------
    TableError
        A column of numbers holds true and false.
    """
    for part, name in columns.numbers:
        if pd.api.types.is_bool_dtype(frame[name]):
            raise TableError(
                f"{source}: column {name!r} holds true and false, and the "
                f"{ROLES.get(part, part)} is a number; "
                "take the mean of the rows first, or name another column"
            )
    group, keys = group_rows(frame, columns.by)
    replicate, known = group_rows(frame, columns.replicates)
    unknown = np.array([all(value is None for value in key) for key in known])
    read = {
        name: parse_numbers(frame[name], counts=part in ("driver", "n", "items"))
        for part, name in columns.numbers
    }
    return Draft(
        frame=frame,
        source=source,
        rows=row_numbers(frame),
        columns=columns,
        group=group,
        keys=tuple(keys),
        replicate=np.where(unknown[replicate], -1, replicate),
        numbers={name: values for name, (values, _) in read.items()},
        unread={name: faults for name, (_, faults) in read.items()},
    )


def row_numbers(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Return the 1-based data row of each row.

    A frame that was read from a file keeps its labels when it is filtered, so that they still
    lead back to the file; in any other frame a row's number is its place.
    """
    if "source" in frame.attrs and pd.api.types.is_integer_dtype(frame.index.dtype):
        return frame.index.to_numpy(dtype=np.int64) + 1
    return np.arange(1, len(frame) + 1)


def find_cells(sizes: FloatArray, group: Codes) -> Cells:
    """Find the rows of each curve at each size.

    Examples
    --------
    >>> cells = find_cells(np.array([[10.0], [1.0], [10.0]]), np.array([0, 0, 0]))
    >>> cells.size.tolist(), cells.counts.tolist()
    ([[1.0], [10.0]], [1, 2])
    """
    order = np.lexsort((*sizes.T[::-1], group))
    starts = run_starts(group[order], *sizes[order].T)
    counts = np.diff(np.append(starts, len(order)))
    first = order[starts]
    return Cells(order, starts, counts, group[first], sizes[first])


def run_starts(*sorted_arrays: NDArray[np.generic]) -> Codes:
    """Return where a run of equal rows starts in arrays that were sorted together."""
    new = np.zeros(len(sorted_arrays[0]), dtype=bool)
    new[:1] = True
    for values in sorted_arrays:
        new[1:] |= values[1:] != values[:-1]
    return np.flatnonzero(new)
