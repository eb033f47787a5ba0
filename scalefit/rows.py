"""Curves as rows, one after another, with what an error model may know of each of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .sample import Sample
from .settle import neighbours

__all__ = ["Rows", "means_of_sizes", "one_run", "runs"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of G curves, each a run or the mean of some; all arrays have the shape ``(n,)``.

    Parameters
    ----------
    curve, size : array of int
        Curve of each row, and which of its sizes.
    y : array
        Score, in the metric's units.
    place : array
        Log size along which the scatter may change; 0 with several drivers.
    count, spread : array
        Runs behind the row, and their sum of squares about it.
    error : array
        Known standard error of the score; 0 where none is known.
    before : array of int
        The row of the same training run at the size before; the row itself if there is none.
    step : array
        Log distance to that row, in typical distances of neighbours of the curve.
    follows : array
        1 where there is a row before, else 0.
    seed : array of int
        Seed of each row, numbered over all curves.
    """

    curve: Ints
    size: Ints
    y: Floats
    place: Floats
    count: Floats
    spread: Floats
    error: Floats
    before: Ints
    step: Floats
    follows: Floats
    seed: Ints

    def __len__(self) -> int:
        return len(self.y)

    @property
    def slot(self) -> Ints:
        """Number of each row within its size."""
        cell = self.curve * (int(self.size.max(initial=0)) + 1) + self.size
        found: Ints = np.arange(len(self)) - np.searchsorted(cell, cell)
        return found

    def of_curve(self, g: int) -> Rows:
        """Return the rows of one curve, which are then counted from 0."""
        first, last = np.searchsorted(self.curve, [g, g + 1])  # rows come curve by curve
        parts = {name: getattr(self, name)[first:last] for name in self.__dataclass_fields__}
        seed = np.unique(parts["seed"], return_inverse=True)[1].astype(np.intp)
        return Rows(**parts | {
            "curve": 0 * parts["curve"], "before": parts["before"] - first, "seed": seed,
        })  # fmt: skip


def _size_scale(sample: Sample) -> Floats:
    """Return log sizes along which the scatter may change, ``(G, K)``; 0 with several drivers."""
    return sample.z if sample.z.ndim == 2 else 0.0 * sample.x


def means_of_sizes(sample: Sample) -> Rows:
    """Return one row a size: its mean, with the spread of its runs."""
    curve, size = np.nonzero(sample.count > 0)
    n = len(curve)
    return Rows(
        curve, size, sample.mean[curve, size], _size_scale(sample)[curve, size],
        sample.count[curve, size], sample.spread[curve, size], np.zeros(n), np.arange(n),
        np.ones(n), np.zeros(n), np.arange(n),
    )  # fmt: skip


def runs(sample: Sample) -> Rows:
    """Return one row a run, by curve and size.

    Runs of a size of which only the mean is known have that mean.
    """
    if not sample.runs.shape[2]:
        means = means_of_sizes(sample)
        times = means.count.astype(np.intp)
        parts = {
            name: np.repeat(getattr(means, name), times) for name in means.__dataclass_fields__
        }
        n = int(times.sum())
        return replace(
            Rows(**parts), count=np.ones(n), spread=np.zeros(n), before=np.arange(n),
            seed=np.arange(n),
        )  # fmt: skip
    known = ~np.isnan(sample.runs)
    curve, size, slot = np.nonzero(known)
    cell = curve, size, slot
    n = len(curve)
    near = neighbours(sample)
    number = np.full(known.shape, -1, dtype=np.intp)
    number[cell] = np.arange(n)
    sorted_rows = np.take_along_axis(number.reshape(len(sample), -1), near.order, axis=1)
    here = sorted_rows[near.follows]
    before, step, follows = np.arange(n), np.ones(n), np.zeros(n)
    before[here] = np.roll(sorted_rows, 1, axis=1)[near.follows]
    typical = np.where(near.typical > 0, near.typical, 1.0)
    step[here] = (near.gap / typical[:, None])[near.follows]
    follows[here] = 1.0
    place, y = _size_scale(sample)[curve, size], sample.runs[cell] + sample.seed_effect[cell]
    error = np.nan_to_num(sample.run_error[cell])
    first_seed = np.concatenate([[0], np.cumsum(sample.unit.max(axis=(1, 2), initial=-1) + 1)])
    return Rows(
        curve, size, y, place, np.ones(n), np.zeros(n), error, before, step, follows,
        first_seed[curve] + sample.unit[cell],
    )  # fmt: skip


def one_run(place: float, error: float) -> Rows:
    """Return a single run of a seed and of a training run of its own, without a score."""
    nothing, one, first = np.zeros(1), np.ones(1), np.zeros(1, dtype=np.intp)
    return Rows(
        first, first, nothing, np.full(1, place), one, nothing, np.full(1, error), first, one,
        nothing, first,
    )  # fmt: skip
