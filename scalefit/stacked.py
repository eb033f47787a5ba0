"""Some curves of a batch, and the records of several batches put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["all_rows", "contiguous", "some_rows", "stacked"]


def all_rows(rows: Any, n: int) -> bool:
    """Return whether ``rows``, a slice or an array, are all of n in their order.

    Examples
    --------
    >>> all_rows(slice(0, 5), 3), all_rows(np.array([0, 1, 2]), 3), all_rows(np.array([0, 2, 1]), 3)
    (True, True, False)
    """
    if isinstance(rows, slice):
        return rows.indices(n) == (0, n, 1)
    whole = np.asarray(rows)
    if whole.dtype == bool:
        return bool(whole.all())
    return whole.size == n and bool((whole == np.arange(n)).all())


def some_rows(values: NDArray[Any], rows: Any) -> NDArray[Any]:
    """Return some rows of an array, by a slice, a mask, or their numbers, which is fast.

    Examples
    --------
    >>> some_rows(np.array([1.0, 2.0, 3.0]), [2, 0])
    array([3., 1.])
    """
    if isinstance(rows, slice) or np.asarray(rows).dtype == bool:
        return np.asarray(values[rows])
    return np.asarray(values.take(rows, axis=0))


def stacked(parts: Sequence[Any]) -> Any:
    """Return the records of several batches as that of all their curves, one after the other.

    Arrays have a first axis of curves and are joined; so are those of records and tuples inside.
    All else is the same in every part, and taken from the first.

    Examples
    --------
    >>> stacked([(np.array([1.0, 2.0]), "F"), (np.array([3.0]), "F")])
    (array([1., 2., 3.]), 'F')
    """
    return parts[0] if len(parts) == 1 else _made(parts, _joined)


def contiguous(record: Any) -> Any:
    """Return a record, or a tuple of them, with every array copied into the usual order.

    Examples
    --------
    >>> turned = np.zeros((2, 3)).T
    >>> contiguous((turned, "F"))[0].strides, turned.strides
    ((16, 8), (8, 24))
    """
    return _made([record], lambda arrays: arrays[0].copy(order="C"))


def _joined(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays[0].ndim else arrays[0]


def _made(parts: Sequence[Any], make: Callable[[Sequence[NDArray[Any]]], NDArray[Any]]) -> Any:
    """Return a record like those of ``parts``, its arrays made of theirs."""
    first = parts[0]
    if isinstance(first, np.ndarray):
        return make(parts)
    if isinstance(first, tuple):
        whole = tuple(_made(each, make) for each in zip(*parts, strict=True))
        return whole if _new(whole, first) else first
    if not is_dataclass(first):
        return first
    names = [field.name for field in fields(first)]
    found = [_made([getattr(part, name) for part in parts], make) for name in names]
    # What holds no arrays, such as a law, stays itself.
    if _new(found, [getattr(first, name) for name in names]):
        return replace(first, **dict(zip(names, found, strict=True)))  # type: ignore[type-var]
    return first


def _new(found: Sequence[Any], first: Sequence[Any]) -> bool:
    return any(a is not b for a, b in zip(found, first, strict=True))
