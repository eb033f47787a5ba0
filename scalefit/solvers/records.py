"""Records of arrays whose last axis runs over the same problems: some of them, or either of two.

A record is a dataclass with slots, whose fields are arrays or records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

__all__ = ["either", "joined", "put", "take"]

R = TypeVar("R")


@cache
def _fields(kind: Any) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads the fields, two or more, of a kind of record."""
    return attrgetter(*kind.__slots__)


def _parts(record: Any) -> tuple[Any, ...]:
    kind: Any = type(record)
    return _fields(kind)(record)


def take(record: R, rows: Any, axis: int = -1) -> R:
    """Return a record of some problems, by their numbers or a slice.

    Indexed by numbers an array would come out with its problems far apart in memory.
    """
    if isinstance(record, np.ndarray):
        if isinstance(rows, slice):
            return cast("R", record[:, rows] if axis == 1 else record[..., rows])
        return cast("R", record.take(rows, axis))
    return type(record)(*[take(part, rows, axis) for part in _parts(record)])


def put(record: Any, rows: Any, other: Any) -> None:
    """Replace some problems of a record by those of another one, in place."""
    if isinstance(record, np.ndarray):
        record[..., rows] = other
        return
    for mine, theirs in zip(_parts(record), _parts(other), strict=True):
        put(mine, rows, theirs)


def either(first: NDArray[np.bool_], yes: R, no: R) -> R:
    """Return for each problem what one record or the other says of it."""
    if isinstance(yes, np.ndarray):
        return np.where(first, yes, no)  # type: ignore[call-overload,no-any-return]
    parts = zip(_parts(yes), _parts(no), strict=True)
    return type(yes)(*[either(first, mine, theirs) for mine, theirs in parts])


def joined(records: Sequence[R]) -> R:
    """Return the problems of several records, one after the other."""
    if len(records) == 1:
        return records[0]
    if isinstance(records[0], np.ndarray):
        return np.concatenate(records, axis=-1)  # type: ignore[arg-type,return-value]
    parts = zip(*(_parts(record) for record in records), strict=True)
    return type(records[0])(*(joined(list(part)) for part in parts))
