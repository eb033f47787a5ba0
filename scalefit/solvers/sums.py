"""Sums over sizes that come out the same, bit for bit, for a curve alone and in company."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

__all__ = ["total"]

Floats = NDArray[np.float64]


def total(values: Floats, axis: int = 0) -> Floats:
    """Return sums over an axis that comes before that of the curves, one term after the other.

    For more than one curve that is how numpy adds up whole rows; the terms of a single curve, which
    lie side by side in memory, it would add up in another order.

    Examples
    --------
    >>> total(np.array([[1.0, 10.0], [2.0, 20.0]]))
    array([ 3., 30.])
    """
    if prod(values.shape[axis + 1 :]) > 1:
        found: Floats = np.add.reduce(values, axis)
    else:
        found = np.add.accumulate(values, axis).take(-1, axis)
    return found
