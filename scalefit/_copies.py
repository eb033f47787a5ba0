"""Rows that are equal to earlier ones in every column, and whether that can be chance."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import pdtrc

from ._columns import role_of

__all__ = ["Copies", "copies_in", "step_of"]

#: A block of rows repeated in order is a copy, as are equal scores of this many digits, unless
#: chance makes as many.
_BLOCK, _DIGITS = 3, 5
#: Tail of the number of ties beyond which they are no chance.
_CHANCE = 0.01
#: Gaps between neighbouring scores that show a step, if all of them are multiples of it, nearly.
_GAPS, _NEARLY = 6, 0.05


class Copies(NamedTuple):
    """Which rows are equal to an earlier one, whether as a block, and whether that is no chance."""

    again: NDArray[np.bool_]
    block: bool
    sure: bool


def copies_in(frame: pd.DataFrame) -> Copies:
    """Return the rows of a table that are equal to an earlier row in every column.

    Neither a block nor equal scores of many digits are copies where chance makes as many: seeds
    that agree to two decimals repeat whole blocks, and shares of 384 cells have six digits and
    few values.

    Examples
    --------
    >>> runs = pd.DataFrame({"cells": [1e3, 1e4, 1e3], "f1": [0.61234, 0.7, 0.61234]})
    >>> found = copies_in(runs)
    >>> found.again.tolist(), found.sure, copies_in(runs.round(2)).sure
    ([False, False, True], True, False)
    """
    again = frame.duplicated().to_numpy()
    if not again.any():
        return Copies(again, False, False)
    fine = [
        column for column in frame.select_dtypes("number")
        if role_of(str(column)) is None or role_of(str(column)) in ("score", "value")
    ]  # fmt: skip
    measured = [column for column in fine if _digits(frame[column][again]) >= _DIGITS]
    many = bool(measured)
    if many:
        place = _number(frame, [column for column in frame.columns if column not in measured])
        numbers = frame[measured].to_numpy(float, na_value=np.nan)
        expected = min(_ties(values, place) for values in numbers.T)
        many = bool(pdtrc(int(again.sum()) - 1, expected) < _CHANCE)
    told_apart = any(role_of(str(column)) in ("seed", "run") for column in frame.columns)
    rows = _longest_block(_number(frame, list(frame.columns)))
    block = rows >= _BLOCK
    if block:  # a block may begin anywhere, and each of its rows ties
        n = len(frame)
        block = n * (_expected(frame, fine) / n) ** rows < _CHANCE
    return Copies(again, block, block or told_apart or many)


def _number(frame: pd.DataFrame, columns: list[Any]) -> NDArray[np.intp]:
    """Return one number for all rows that are equal in some columns, in order of appearance."""
    if not columns:
        return np.zeros(len(frame), dtype=np.intp)
    same = frame.groupby(columns, dropna=False, sort=False, observed=True)
    return np.asarray(same.ngroup(), dtype=np.intp)


def _expected(frame: pd.DataFrame, columns: list[Any]) -> float:
    """Return how many rows chance makes equal to another one, by the column that ties the most.

    A column is asked where all others are equal, so that sizes do not count as what is measured.
    """
    ties = (
        _ties(
            frame[one].to_numpy(float, na_value=np.nan),
            _number(frame, [column for column in frame.columns if column != one]),
        )
        for one in columns
    )
    return max(ties, default=0.0)


def _ties(values: NDArray[np.float64], place: NDArray[np.intp]) -> float:
    """Return how many values at one place equal another one by chance; 0 if they have no step.

    That many of n draws from m equally likely values are not new: n - m [1 - (1 - 1/m)^n].
    """
    step = step_of(values)
    at = pd.Series(values).groupby(place)
    n, width = at.count().to_numpy(), (at.max() - at.min()).to_numpy()
    if not step or not (width > 0).any():
        return 0.0
    m = np.where(width > 0, width, np.median(width[width > 0])) / step + 1.0
    return float(np.sum(n - m * (1.0 - (1.0 - 1.0 / m) ** n)))


def step_of(values: NDArray[np.float64]) -> float:
    """Return the step of which all small gaps between values are multiples; 0 if none is seen.

    Where gaps are few or wide it is a unit of the last decimal with which the values are written.

    Examples
    --------
    >>> round(step_of(np.array([1, 3, 4, 6, 8, 9, 12, 14]) / 384) * 384, 6)
    1.0
    >>> step_of(np.array([0.1, 0.17, 0.31, 0.35, 0.52, 0.61, 0.8]) ** 0.5)
    0.0
    """
    written = values[np.isfinite(values)]
    gaps = np.diff(np.unique(np.round(written, 12)))
    for part in (1, 2, 3) if gaps.size >= _GAPS else ():
        step = float(gaps.min()) / part
        near = gaps[gaps <= 20 * step] / step
        if near.size >= _GAPS and (np.abs(near - np.round(near)) < _NEARLY).all():
            return step
    exact = (d for d in range(_DIGITS) if np.allclose(written, np.round(written, d), 1e-12, 0))
    return next((10.0**-d for d in exact), 0.0)


def _digits(values: Any) -> int:
    """Return the most significant digits with which any of the values is written."""
    texts = (f"{abs(v):.12g}".split("e")[0].replace(".", "").strip("0") for v in values if v == v)
    return max(map(len, texts), default=0)


def _longest_block(rows: NDArray[np.intp]) -> int:
    """Return how many rows, known by their numbers, come again in the same order further on.

    Rows that tie within the block do not end it: what is compared are blocks of 1, 2, 4, ... rows.

    Examples
    --------
    >>> _longest_block(np.array([5, 5, 6, 7, 5, 5, 6, 8])), _longest_block(np.array([3, 3, 3, 3]))
    (3, 2)
    """
    doubled = [rows]
    while 2 << len(doubled) <= len(rows):
        half = 1 << (len(doubled) - 1)
        doubled.append(_joined(doubled[-1][:-half], doubled[-1][half:]))
    length, found = 0, np.zeros_like(rows)
    for power in reversed(range(len(doubled))):
        after = doubled[power][length:]
        longer = _joined(found[: len(after)], after)
        _, first = np.unique(longer, return_index=True)
        _, last = np.unique(longer[::-1], return_index=True)
        apart = len(longer) - 1 - last - first
        if apart.max(initial=0) >= length + (1 << power):
            length, found = length + (1 << power), longer
    return length


def _joined(here: NDArray[np.intp], after: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return numbers that are equal where both numbers are."""
    both = here * (after.max(initial=0) + 1) + after
    return np.asarray(np.unique(both, return_inverse=True)[1], dtype=np.intp)
