"""Which sizes lie apart, and which are so near each other that they were meant as one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._draft import Cells, run_starts

__all__ = ["count_apart", "meant_as_one"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Log of the ratio from which two sizes count as two.
_APART = np.log(1.1)
#: Sizes that were meant as one span so many times less than lies between them and the next.
_NEARER = 5.0


def count_apart(sizes: Floats, axis: int) -> Floats:
    """Return how many sizes lie apart up to each along an axis, sorted; nan stands for none.

    Of sizes that lie less than a tenth from one to the next only each tenth that they span counts,
    so that 9,987 and 10,012 are one size, and a long ladder of small steps is many.

    Examples
    --------
    >>> count_apart(np.array([[1e3, 9987.0, 10012.0, 1e5], [1e3, 1e4, 1e4, np.nan]]), axis=1)
    array([[1., 2., 2., 3.],
           [1., 2., 2., 2.]])
    """
    rising = np.log(np.sort(sizes, axis=axis))
    steps = np.nan_to_num(np.diff(rising, axis=axis, prepend=-np.inf) / _APART)
    apart = steps >= 1.0
    climbed = np.cumsum(np.where(apart, 0.0, steps), axis=axis)
    begun = np.maximum.accumulate(np.where(apart, climbed, 0.0), axis=axis)
    tenths = np.floor(climbed - begun + 1e-9)
    more = np.where(apart, 1.0, np.diff(tenths, axis=axis, prepend=0.0))
    counted: Floats = np.cumsum(more, axis=axis)
    return counted


def meant_as_one(cells: Cells, n_curves: int) -> Ints:
    """Return for each curve the number of sizes that it was meant to have; 0 if those it has.

    It was meant to have a third less, or fewer still, where values of its drivers that span less
    than a tenth, and far less than lies between them and the others, are taken for one.
    """
    one = [_taken_for_one(values, cells.group) for values in cells.size.T]
    order = np.lexsort((*one, cells.group))
    first = run_starts(cells.group[order], *(values[order] for values in one))
    meant = np.bincount(cells.group[order[first]], minlength=n_curves)
    n_sizes = np.bincount(cells.group, minlength=n_curves)
    return np.where(3 * meant <= 2 * n_sizes, meant, 0)


def _taken_for_one(values: Floats, group: Ints) -> Ints:
    """Return numbers that are alike for values of one driver and curve that were meant as one."""
    order = np.lexsort((values, group))
    curve, log = group[order], np.log(values[order])
    step = np.diff(log, prepend=-np.inf)
    step[run_starts(curve)] = np.inf
    near, n_curves = step < _APART, int(group.max()) + 1
    first = np.flatnonzero(~near)
    width = log[np.append(first[1:], len(log)) - 1] - log[first]
    widest, nearest = np.zeros(n_curves), np.full(n_curves, np.inf)
    np.maximum.at(widest, curve[first], width)
    np.minimum.at(nearest, curve[first], step[first])
    alike = np.isfinite(nearest) & (widest < _APART) & (_NEARER * widest <= nearest)
    numbers = np.empty(len(values), dtype=np.intp)
    numbers[order] = np.cumsum(np.where(alike[curve], ~near, step > 0))
    return numbers
