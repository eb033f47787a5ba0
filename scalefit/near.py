"""Which sizes lie apart, and which are so near each other that they were meant as one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._draft import Cells
from ._grouping import sums_of

__all__ = ["count_apart", "meant_as_one"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Log of the ratio from which two sizes count as two.
_APART = np.log(1.1)
#: Sizes that were meant as one lie so many times nearer each other than to the next.
_NEARER = 5.0


def count_apart(sizes: Floats, axis: int) -> Floats:
    """Return how many sizes lie apart up to each along an axis, sorted; nan stands for none.

    A step of less than a tenth counts in part, so that 9,987 and 10,012 are one size, and a long
    ladder of small steps is many.

    Examples
    --------
    >>> count_apart(np.array([[1e3, 9987.0, 10012.0, 1e5], [1e3, 1e4, 1e4, np.nan]]), axis=1)
    array([[1., 2., 2., 3.],
           [1., 2., 2., 2.]])
    """
    rising = np.log(np.sort(sizes, axis=axis))
    steps = np.minimum(np.diff(rising, axis=axis, prepend=-np.inf) / _APART, 1.0)
    counted: Floats = np.floor(np.cumsum(np.nan_to_num(steps), axis=axis) + 1e-9)
    return counted


def meant_as_one(cells: Cells, n_curves: int) -> Ints:
    """Return for each curve the number of sizes that it was meant to have; 0 if those it has.

    Sizes of one driver were meant as one if a third of them follow another by less than a tenth,
    all far nearer than the sizes that follow by more.
    """
    step = np.diff(np.log(cells.size[:, 0]), prepend=-np.inf)
    step[np.flatnonzero(np.diff(cells.group, prepend=-1))] = np.inf
    near = step < _APART
    widest, nearest = np.zeros(n_curves), np.full(n_curves, np.inf)
    np.maximum.at(widest, cells.group[near], step[near])
    np.minimum.at(nearest, cells.group[~near], step[~near])
    n_sizes, n_near = sums_of(np.column_stack([np.ones(len(step)), near]), cells.group).T
    alike = (3 * n_near >= n_sizes) & (n_near > 0) & (_NEARER * widest <= nearest)
    meant: Ints = np.where(alike & np.isfinite(nearest), n_sizes - n_near, 0).astype(np.intp)
    return meant
