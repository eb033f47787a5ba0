"""Rows that are equal to earlier ones in every column, and whether that can be chance."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._columns import role_of

__all__ = ["Copies", "copies_in"]

#: A block of rows repeated in order is a copy, as are equal scores of this many digits.
_BLOCK, _DIGITS = 3, 5


class Copies(NamedTuple):
    """Which rows are equal to an earlier one, whether as a block, and whether that is no chance."""

    again: NDArray[np.bool_]
    block: bool
    sure: bool


def copies_in(frame: pd.DataFrame) -> Copies:
    """Return the rows of a table that are equal to an earlier row in every column.

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
        str(column) for column in frame.select_dtypes("number")
        if role_of(str(column)) is None or role_of(str(column)) in ("score", "value")
    ]  # fmt: skip
    digits = max((_digits(frame[column][again]) for column in fine), default=0)
    told_apart = any(role_of(str(column)) in ("seed", "run") for column in frame.columns)
    block = _longest_run(again) >= _BLOCK
    return Copies(again, block, block or told_apart or digits >= _DIGITS)


def _digits(values: Any) -> int:
    """Return the most significant digits with which any of the values is written."""
    texts = (f"{abs(v):.12g}".split("e")[0].replace(".", "").strip("0") for v in values if v == v)
    return max(map(len, texts), default=0)


def _longest_run(flags: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))
