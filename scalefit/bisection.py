"""Bisection of many intervals at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["bisected"]

Floats = NDArray[np.float64]


def bisected(
    below: Callable[[Any], NDArray[np.bool_]], low: Any, high: Any, halvings: int = 60
) -> tuple[Floats, Floats]:
    """Return the ends of intervals in which ``below`` turns from true to false.

    Parameters
    ----------
    below : callable
        ``below(middle)``: whether points, one an interval, lie below the turn.
    low, high : arrays of one shape
        The ends at first.
    halvings : int

    Returns
    -------
    tuple of two arrays
        The ends at last, of the shape of those at first.

    Examples
    --------
    >>> low, high = bisected(lambda x: x * x < np.array([2.0, 9.0]), np.zeros(2), np.full(2, 5.0))
    >>> low.round(6).tolist(), bool((high - low).max() < 1e-15)
    ([1.414214, 3.0], True)
    """
    for _ in range(halvings):
        middle = 0.5 * (low + high)
        short = below(middle)
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return low, high
