"""Which rows belong together: groups and their keys, an order of runs, what varies in a group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._format import key_text

__all__ = ["first_rows", "group_rows", "in_order", "key_label", "sums_of", "unit_numbers", "varies"]

Codes = NDArray[np.intp]


def group_rows(frame: pd.DataFrame, by: Sequence[str]) -> tuple[Codes, list[tuple[object, ...]]]:
    """Give each row the number of its group, in order of first appearance.

    Returns
    -------
    ndarray of int, shape (n,)
        The group of each row.
    list of tuple
        The key of each group in plain Python values, None for a missing one; a whole number is an
        int, however the column is stored.

    Examples
    --------
    >>> frame = pd.DataFrame({"model": ["b", "a", "b"], "layers": [2.0, 4.0, 2.0]})
    >>> group_rows(frame, ["model", "layers"])
    (array([0, 1, 0]), [('b', 2), ('a', 4)])
    """
    group = np.zeros(len(frame), dtype=np.intp)
    columns: list[tuple[Codes, list[object]]] = []
    for name in by:
        codes, uniques = pd.factorize(frame[name])
        columns.append((codes, uniques.tolist()))
        group = pd.factorize(group * (len(uniques) + 1) + codes + 1)[0]
    first = first_rows(group)
    parts = [
        [_plain_key(values[code]) if code >= 0 else None for code in codes[first].tolist()]
        for codes, values in columns
    ]
    return group, list(zip(*parts, strict=True)) if parts else [()]


def _plain_key(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def key_label(by: Sequence[str], key: Sequence[object]) -> str:
    """Return a group's key in words.

    Examples
    --------
    >>> key_label(["model", "layers"], ["scVI", None]), key_label([], [])
    ('model=scVI, layers=-', 'all rows')
    """
    return ", ".join(f"{n}={key_text(v)}" for n, v in zip(by, key, strict=True)) or "all rows"


def unit_numbers(names: pd.Series) -> Codes:
    """Return the number of each name in their order; a row without one has a number of its own.

    Examples
    --------
    >>> unit_numbers(pd.Series(["a", None, "b", "a", None]))
    array([0, 2, 1, 0, 3])
    """
    code: Codes = np.array(pd.factorize(names, sort=True)[0], dtype=np.intp)
    nameless = code < 0
    code[nameless] = code.max(initial=-1) + 1 + np.arange(nameless.sum())
    return code


def in_order(*keys: NDArray[Any] | None) -> Codes:
    """Return the order of runs by what is known of them: curve, sizes, score, and so on.

    What is drawn from the runs of a size, as by a bootstrap, so does not depend on how rows come.

    Examples
    --------
    >>> in_order(np.array([1, 0, 1]), None, np.array([0.7, 0.8, 0.6]))
    array([1, 2, 0])
    """
    return np.lexsort([key for key in keys[::-1] if key is not None])


def first_rows(group: Codes) -> Codes:
    """Return the position of the first row of each group, groups numbered without gaps."""
    first = np.zeros(int(group.max(initial=-1)) + 1, dtype=np.intp)
    first[group[::-1]] = np.arange(len(group))[::-1]
    return first


def sums_of(values: NDArray[np.float64], group: Codes) -> NDArray[np.float64]:
    """Return the sum of each column over the rows of each group.

    Examples
    --------
    >>> sums_of(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([0, 0, 1])).tolist()
    [[4.0, 6.0], [5.0, 6.0]]
    """
    return np.column_stack([np.bincount(group, column) for column in values.T])


def varies(codes: Codes, group: Codes) -> NDArray[np.bool_]:
    """Tell for each group whether its codes differ; negative codes (missing) do not count.

    Examples
    --------
    >>> varies(np.array([5, 6, 7, -1]), np.array([0, 0, 1, 1])).tolist()
    [True, False]
    """
    n_groups = int(group.max(initial=-1)) + 1
    known = codes >= 0
    reference = np.full(n_groups, -1, dtype=np.intp)
    reference[group[known]] = codes[known]
    differs = known & (codes != reference[group])
    return np.bincount(group[differs], minlength=n_groups) > 0
