"""Sums over sizes that come out the same, bit for bit, for a curve alone and in company."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

__all__ = ["dot", "total"]

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
    terms = len(values) if axis == 0 else prod(values.shape[: axis + 1])
    if values.size > terms:
        found: Floats = np.add.reduce(values, axis)
    else:
        found = np.add.accumulate(values, axis).take(-1, axis)
    return found


def dot(*arrays: Floats) -> Floats:
    """Return what :func:`total` gives for the product of two or three arrays, which is not kept.

    Examples
    --------
    >>> dot(np.array([[1.0, 10.0], [2.0, 20.0]]), np.array([[3.0], [4.0]]))
    array([ 11., 110.])
    """
    size = max(arrays[0].size, arrays[1].size)
    if size > _MANY and size > len(arrays[0]):
        found: Floats = np.einsum(_PRODUCT[len(arrays)], *arrays)
        return found
    product = arrays[0] * arrays[1]
    return total(product if len(arrays) == 2 else product * arrays[2])


#: Sums over the first axis of all arrays, for numpy; it pays where there are so many terms.
_PRODUCT = {2: "k...,k...->...", 3: "k...,k...,k...->..."}
_MANY = 2000
