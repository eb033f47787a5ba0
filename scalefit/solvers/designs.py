"""Curves that have the same sizes: what a law makes of the sizes is made once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["designs"]

Ints = NDArray[np.intp]


def designs(arrays: Sequence[NDArray[Any]], widest: int) -> Ints:
    """Return the rows of ``arrays`` in groups of equal ones, ``(D, W)``.

    A group is as wide as the sets of equal rows are on average, or as wide as allowed: larger sets
    make several groups, and what is left of one is filled up by its last row.

    Parameters
    ----------
    arrays : sequence of arrays (G, ...)
        A row is equal to another one if it is so, bit for bit, in all of them.
    widest : int
        Largest W.

    Examples
    --------
    >>> designs([np.array([5.0, 1.0, 5.0, 1.0])], 9)
    array([[0, 2],
           [1, 3]])
    >>> designs([np.array([1.0, 1.0, 1.0, 2.0])], 9)
    array([[0, 1],
           [2, 2],
           [3, 3]])
    """
    n = len(arrays[0])
    if n == 1:
        return np.zeros((1, 1), dtype=np.intp)
    flat = np.concatenate([values.reshape(n, -1) for values in arrays], axis=1)
    bits = np.ascontiguousarray(flat, dtype=float).view(np.uint64)
    order, starts = np.arange(n), np.zeros(1, dtype=np.intp)
    if (bits != bits[:1]).any():
        # Equal rows have equal codes; rows of equal code that differ only make more groups.
        odd = 2 * np.arange(bits.shape[1], dtype=np.uint64) + np.uint64(_ODD)
        order = np.argsort((bits * odd).sum(axis=1), kind="stable")
        ranked = bits[order]
        starts = np.append(0, 1 + np.flatnonzero((ranked[1:] != ranked[:-1]).any(axis=1)))
    counts = np.diff(starts, append=n)
    usual = max(1, n // len(starts))
    width = -(-usual // -(-usual // widest))  # in even parts where one is too wide
    pieces = -(-counts // width)
    piece = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    first = np.repeat(starts, pieces) + width * piece
    last = np.repeat(starts + counts, pieces) - 1
    grouped: Ints = order[np.minimum(first[:, None] + np.arange(width), last[:, None])]
    return grouped[np.argsort(grouped[:, 0], kind="stable")]


#: Mixes the bits of a row: the golden ratio of 2^64.
_ODD = 0x9E3779B97F4A7C15
