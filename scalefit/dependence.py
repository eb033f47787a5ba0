"""Whether rows of one seed tell as much as independent runs, or are alike from size to size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .rows import runs
from .sample import Sample

__all__ = ["ALIKE", "alike_by_seed"]

Floats = NDArray[np.float64]

#: p values below this say that rows of a seed are alike.
ALIKE = 0.01
#: Pairs of deviations, less those of the means, that tell it.
_FEWEST_PAIRS = 6


def alike_by_seed(sample: Sample) -> tuple[Floats, Floats]:
    """Return z and p of "rows of one seed are alike at its next size", each ``(G,)``.

    Deviations from the mean of their size are multiplied with those of the same seed at its next
    size, and the sum is judged by what it would be with seeds dealt out anew at every size. Where
    seeds are not known, or few, or their rows are known to go together, z is nan and p is 1.

    Parameters
    ----------
    sample : Sample
        G curves of one driver or several; of several nothing is told.
    """
    n_curves, n_sizes = sample.count.shape
    rows = runs(sample)
    there = np.flatnonzero((rows.follows > 0) & (rows.size != rows.size[rows.before]))
    if sample.z.ndim > 2:
        there = there[:0]
    here, curve = rows.before[there], rows.curve[there]
    step = (curve * n_sizes + rows.size[here]) * n_sizes + rows.size[there]
    _, first, group = np.unique(step, return_index=True, return_inverse=True)
    n = np.bincount(group).astype(float)

    def deviations(y: Floats) -> Floats:
        return np.asarray(y - (np.bincount(group, y) / n)[group])

    largest = np.zeros(n_curves)  # of a curve, by which squares of squares stay within floats
    np.maximum.at(largest, curve, np.abs(rows.y[there] - rows.y[here]))
    unit = np.where(largest > 0, largest, 1.0)[curve]
    before, after = deviations(rows.y[here] / unit), deviations(rows.y[there] / unit)
    squares = np.bincount(group, before**2) * np.bincount(group, after**2)
    shuffled = np.divide(squares, n - 1.0, out=np.zeros_like(n), where=n > 1)
    together, variance, pairs = (
        np.bincount(of, what, minlength=n_curves)
        for of, what in (
            (curve, before * after), (curve[first], shuffled), (curve[first], n - 1.0),
        )
    )  # fmt: skip
    errors = sample.errors
    modelled = np.isfinite(errors.correlation) | (errors.unit_df > 0)
    told = (pairs >= _FEWEST_PAIRS) & (variance > 0) & ~modelled
    root = np.sqrt(np.where(told, variance, 1.0))
    z = np.where(told, together / root, np.nan)
    return z, np.where(told, ndtr(-z), 1.0)
