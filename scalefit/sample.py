"""Curves reduced to their sizes: what a noise model hands to the solvers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._grouping import in_order
from .kernel import Kernel
from .laws import Frame
from .levels import free_levels
from .metrics import Metric
from .near import count_apart
from .stacked import all_rows, some_rows
from .table import Table

__all__ = ["Errors", "Sample", "by_size", "of_runs", "of_table"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Errors:
    """What an error model knows of G curves beyond the weights; arrays ``(G,)``.

    Parameters
    ----------
    variance, df : array
        Variance of one run of relative variance 1 where the error model gives it, and its degrees
        of freedom; nan where it is the residual mean square.
    common_variance, common_df : array
        Variance of an error that shifts all scores of a curve alike, and its degrees of freedom.
        It is no part of the residuals: it cancels from gains and belongs to levels.
    unit_variance, unit_df : array
        Variance between the effects of crossed seeds, and degrees of freedom spent on them.
    extra_variance : array
        Variance of a run beyond its known standard error; nan where none is known.
    correlation : array
        Correlation of two rows of one run that are one e-fold of size apart; nan where rows are
        independent runs.
    n_effective : array
        Independent rows that tell as much of the level as the correlated ones; nan where rows are
        independent runs.
    """

    variance: Floats
    df: Floats
    common_variance: Floats
    common_df: Floats
    unit_variance: Floats
    unit_df: Floats
    extra_variance: Floats
    correlation: Floats
    n_effective: Floats

    @classmethod
    def independent(cls, n_curves: int) -> Errors:
        """Return the errors of independent runs, whose variance the residuals tell."""
        unknown, none = np.full(n_curves, np.nan), np.zeros(n_curves)
        unlimited = np.full(n_curves, np.inf)
        return cls(unknown, unknown, none, unlimited, none, none, unknown, unknown, unknown)

    def take(self, rows: Any) -> Errors:
        """Return the errors of some of the curves."""
        return Errors(*(some_rows(getattr(self, field.name), rows) for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Sample:
    """G curves, each reduced to weighted means at its distinct sizes (K at most).

    Curves with fewer than K sizes are padded by repeating their last size with weight zero.

    Parameters
    ----------
    x : array (G, K)
        Distinct sizes, rising, in driver units.
    mean : array (G, K)
        Mean score at each size, in the metric's units.
    count : array (G, K)
        Runs at each size; 0 marks padding and left-out sizes.
    spread : array (G, K)
        Unweighted sum of squares of the runs about their size's mean.
    weight : array (G, K)
        Weight of each mean: runs divided by the relative variance of one run.
    frame : Frame
        Fields of shape ``(G,)``.
    variance_slope : array (G,)
        Change of the log variance of one run per e-fold of the driver; 0 means constant.
    variance_slope_error : array (G,)
        Its standard error.
    variance_df : array (G,)
        Degrees of freedom spent on it.
    runs : array (G, K, S)
        Score of each run, nan where a size has fewer than S; of width 0 if they are not known.
    other : array (G, K, D - 1)
        Values of the further drivers, of which a "size" is then a combination.
    unit : array (G, K, S) of int
        Seed or training run of each run, numbered from 0 within its curve; -1 where there is none.
    run_error : array (G, K, S)
        Known standard error of each run's score; nan where there is none.
    seed_effect : array (G, K, S)
        What was taken off each run as the effect of a seed that is crossed; 0 where nothing was.
    items : array (G, K)
        Test items behind each score, the fewest at a size; nan where not known.
    errors : Errors
        What the error model knows beyond the weights.
    pure : array (G, 2)
        What the kernel makes of the pure error; see :func:`~scalefit.levels.free_levels`.
    bounded : array (G,) of bool
        Whether the metric has a worst value, as an accuracy or an error rate has, and a loss not.
    kernel : Kernel or None
        How unlikely each run is, where the error model is not least squares.
    score_range : array (G, 2) or None
        Least and greatest value that the metric can take, infinite where there is none.
    """

    x: Floats
    mean: Floats
    count: Floats
    spread: Floats
    weight: Floats
    frame: Frame
    variance_slope: Floats
    variance_slope_error: Floats
    variance_df: Floats
    runs: Floats
    other: Floats
    unit: Ints
    run_error: Floats
    seed_effect: Floats
    items: Floats
    errors: Errors
    pure: Floats
    bounded: Bools
    kernel: Kernel | None = None
    score_range: Floats | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def z(self) -> Floats:
        """Log sizes about each curve's centre, shape ``(G, K)``; ``(G, K, D)`` of D drivers."""
        z: Floats = np.log(self.x / self.frame.x0[:, None])
        if not self.frame.other:
            return z
        centres = np.stack([frame.x0 for frame in self.frame.other], axis=-1)
        return np.concatenate([z[:, :, None], np.log(self.other / centres[:, None, :])], axis=2)

    @property
    def benefit(self) -> Floats:
        """Means oriented "higher is better", shape ``(G, K)``."""
        oriented: Floats = self.frame.sign[:, None] * self.mean
        return oriented

    @property
    def relative(self) -> Floats:
        """Relative standard deviation of one run at each size, ``(G, K)``."""
        inside = self.count > 0
        found: Floats = np.sqrt(
            np.divide(self.count, self.weight, out=np.ones_like(self.weight), where=inside)
        )
        return found

    @property
    def magnitude(self) -> Floats:
        """Largest score on the scale on which errors are symmetric, ``(G,)``."""
        if self.kernel is not None and self.kernel.link == "log":
            return np.ones(len(self))
        found: Floats = np.abs(self.mean).max(axis=1)
        return found

    def on_link(self) -> Sample:
        """Return the sample for least squares, on the scale on which errors are symmetric."""
        if self.kernel is None:
            return self
        if self.kernel.link == "identity":
            unit = self.kernel.deviation(self.mean, np.ones_like(self.mean))
            return replace(self, kernel=None, weight=self.weight / unit**2)
        logs = np.log(self.runs)
        mean = np.where(self.count > 0, np.nansum(logs, axis=2) / np.maximum(self.count, 1.0), 0.0)
        # Runs that agree in every digit have no spread, whatever rounding makes of their logs.
        spread = np.nansum((logs - mean[:, :, None]) ** 2, axis=2) * (self.spread > 0)
        frame = replace(self.frame, limit=np.full(len(self), np.nan))
        return replace(self, mean=mean, spread=spread, frame=frame, kernel=None)

    def squares(self) -> Sample:
        """Return the sample for least squares on the metric's own scale, weighted as it scatters.

        To first order its optimum is that of the error model.
        """
        if self.kernel is None:
            return self
        unit = self.kernel.deviation(self.mean, np.ones_like(self.mean))
        if self.kernel.link == "log":
            unit = unit * self.mean
        weight = np.where(self.count > 0, self.weight / np.where(unit > 0, unit, 1.0) ** 2, 0.0)
        return replace(self, kernel=None, weight=weight)

    @property
    def losses(self) -> Bools:
        """Which curves are positive losses: a known best value, and no worst one; ``(G,)``.

        An error rate between 0 and 1 is a score seen from the other side.
        """
        kind = self.runs.any(axis=(1, 2)) & ~(self.runs <= 0).any(axis=(1, 2)) & ~self.bounded
        return np.asarray(kind & (self.frame.sign < 0) & (self.frame.limit >= 0))

    @property
    def n(self) -> Floats:
        """Number of runs, shape ``(G,)``."""
        n: Floats = self.count @ np.ones(self.count.shape[1])
        return n

    @property
    def n_sizes(self) -> Floats:
        """Number of distinct sizes, shape ``(G,)``."""
        sizes: Floats = (self.count > 0) @ np.ones(self.count.shape[1])
        return sizes

    @property
    def decades(self) -> Floats:
        """Range of the sizes in powers of ten, of the first driver; shape ``(G,)``."""
        return np.asarray((self.frame.z_max - self.frame.z_min) / np.log(10.0))

    @property
    def decades_of_each(self) -> Floats:
        """Range of each driver in powers of ten, shape ``(G, D)``."""
        spans = [(own.z_max - own.z_min) / np.log(10.0) for own in self.frame.drivers]
        return np.stack(spans, axis=-1)

    @property
    def largest(self) -> Ints:
        """Number of the size with the greatest product of all drivers, shape ``(G,)``."""
        return _largest(self.z, self.count > 0)

    @property
    def levels(self) -> Floats:
        """Number of values of each driver that lie apart, shape ``(G, D)``."""
        every = np.concatenate([self.x[:, :, None], self.other], axis=2)
        return count_apart(np.where(self.count[:, :, None] > 0, every, np.nan), axis=1)[:, -1]

    @property
    def pure_ss(self) -> Floats:
        """Weighted sum of squares of replicates about their means (pure error), shape ``(G,)``."""
        if self.kernel is not None:
            return self.pure[:, 0]
        one_run = self.weight / np.maximum(self.count, 1.0)
        total: Floats = np.einsum("gk,gk->g", one_run, self.spread)
        return total

    @property
    def replicate_ss(self) -> Floats:
        """The pure error that tells how large the noise is; ``(G,)``."""
        return self.pure_ss if self.kernel is None else self.pure[:, 1]

    @property
    def pure_df(self) -> Floats:
        """Degrees of freedom of the pure error, shape ``(G,)``."""
        return self.n - self.n_sizes - self.errors.unit_df

    def take(self, rows: Any) -> Sample:
        """Return the sample of some of the curves."""
        if all_rows(rows, len(self)):
            return self
        arrays = {
            each.name: some_rows(value, rows)
            for each in fields(self)
            if isinstance(value := getattr(self, each.name), np.ndarray)
        }
        frame = self.frame.map(lambda value: some_rows(value, rows))
        kernel = self.kernel if self.kernel is None else self.kernel.take(rows)
        return replace(self, **arrays, kernel=kernel, frame=frame, errors=self.errors.take(rows))

    def without(self, size: NDArray[np.intp]) -> Sample:
        """Return the sample with size number ``size[g]`` of curve g left out."""
        kept = np.ones(self.count.shape, dtype=bool)
        kept[np.arange(len(self)), size] = False
        return self.only(kept)

    def only(self, kept: NDArray[np.bool_]) -> Sample:
        """Return the sample with some of its sizes, ``kept`` of shape ``(G, K)``; one at least."""
        count = np.where(kept, self.count, 0.0)
        runs = np.where(kept[:, :, None], self.runs, np.nan)
        less = replace(
            self,
            count=count,
            spread=np.where(kept, self.spread, 0.0),
            weight=np.where(kept, self.weight, 0.0),
            runs=runs,
            unit=np.where(kept[:, :, None], self.unit, -1),
            run_error=np.where(kept[:, :, None], self.run_error, np.nan),
            frame=_extent(self.frame, self.z, count > 0),
        )
        if less.kernel is None:
            return less
        return replace(less, pure=free_levels(less.kernel, runs, less.relative))


def of_table(table: Table) -> Sample:
    """Return the curves of a checked table, reduced to equally weighted means at their sizes.

    Rows that are means of several runs (roles ``sd`` and ``n``) give the same sizes' means, counts
    and spreads as the runs would.
    """
    first, *other = (table.rows[driver].to_numpy(dtype=float) for driver in table.drivers)
    known = {role: table.rows[name].to_numpy(dtype=float) for role, name in table.roles.items()
             if role != "run"}  # fmt: skip
    return of_runs(
        first,
        table.rows[table.score].to_numpy(dtype=float),
        table.group,
        table.metrics,
        other,
        **known,
        unit=table.unit,
    )


def of_runs(
    x: Floats,
    y: Floats,
    group: NDArray[np.intp],
    metrics: Sequence[Metric],
    other: Sequence[Floats] = (),
    **known: Any,
) -> Sample:
    """Return :func:`by_size` with what the metric of each curve implies of its scores."""
    limits = np.array([(metric.lower, metric.upper) for metric in metrics], dtype=float)
    sign = np.array([float(metric.sign) for metric in metrics])
    best = np.array([metric.best for metric in metrics], dtype=float)
    bounded = np.isfinite(limits).all(axis=1)
    sample = by_size(x, y, group, sign, best, other, **known, bounded=bounded)
    return replace(sample, score_range=limits)


def by_size(
    x: Floats,
    y: Floats,
    group: NDArray[np.intp],
    sign: Floats,
    limit: Floats,
    other: Sequence[Floats] = (),
    *,
    n: Floats | None = None,
    sd: Floats | None = None,
    se: Floats | None = None,
    items: Floats | None = None,
    unit: NDArray[np.intp] | None = None,
    bounded: Bools | None = None,
) -> Sample:
    """Return runs reduced to equally weighted means at their sizes.

    Parameters
    ----------
    x, y : arrays (n,)
        Size and score of each run.
    group : array (n,) of int
        Curve of each run, 0 .. G-1, each occurring.
    sign, limit : arrays (G,)
        Orientation and best value of each curve's metric.
    other : sequence of arrays (n,)
        Further drivers; a size is then a combination of all.
    n, sd : arrays (n,), optional
        Each row is the mean of ``n`` runs with standard deviation ``sd``. The single runs are then
        not known.
    se : array (n,), optional
        Known standard error of each score.
    items : array (n,), optional
        Test items behind each score.
    unit : array (n,) of int, optional
        Seed or training run of each row; by default every row has its own.
    bounded : array (G,) of bool, optional
        Whether the metric has a worst value; by default it has none.
    """
    order = in_order(group, x, *other, y, se, unit)
    x, y, group = x[order], y[order], group[order]
    other = [values[order] for values in other]
    starts = np.ones(len(x), dtype=bool)
    starts[1:] = group[1:] != group[:-1]
    for values in (x, *other):
        starts[1:] |= values[1:] != values[:-1]
    first_row = np.flatnonzero(starts)
    cell = np.cumsum(starts) - 1
    of_row = np.ones(len(x)) if n is None else n[order]
    count = np.bincount(cell, weights=of_row)
    mean = np.bincount(cell, weights=of_row * y) / count
    # A second pass makes the mean exact to rounding.
    mean = mean + np.bincount(cell, weights=of_row * (y - mean[cell])) / count
    between = np.bincount(cell, weights=of_row * (y - mean[cell]) ** 2)
    # Values that are equal in every digit have no spread, whatever rounding makes of their mean.
    top = np.maximum.reduceat(y, first_row)
    same = top == np.minimum.reduceat(y, first_row)
    mean, spread = np.where(same, top, mean), np.where(same, 0.0, between)
    if sd is not None:
        spread = spread + np.bincount(
            cell, weights=np.where(of_row > 1, (of_row - 1.0) * sd[order] ** 2, 0.0)
        )
    owner = group[starts]
    n_sizes = np.bincount(owner)
    column = np.arange(len(owner)) - np.repeat(np.cumsum(n_sizes) - n_sizes, n_sizes)
    shape = (len(sign), int(n_sizes.max()))
    last = np.cumsum(n_sizes) - 1

    def spread_out(values: NDArray[Any], padding: Floats) -> Floats:
        table = np.repeat(padding[:, None], shape[1], axis=1)
        table[owner, column] = values
        return table

    zeros, unknown = np.zeros(shape[0]), np.full(shape[0], np.nan)
    sizes = spread_out(x[starts], x[starts][last])
    others = [spread_out(values[starts], values[starts][last]) for values in other]
    counts = spread_out(count, zeros)
    frame = _frame([sizes, *others], counts > 0, sign, limit)
    place = np.arange(len(x)) - first_row[cell]
    width = int(np.bincount(cell).max()) if n is None else 0

    def of_each_run(values: NDArray[Any] | None, missing: float) -> Any:
        table = np.full((*shape, width), missing, dtype=None if values is None else values.dtype)
        if values is not None and width:
            table[owner[cell], column[cell], place] = values
        return table

    numbered = np.arange(len(x)) if unit is None else unit[order]
    fewest = None if items is None else np.minimum.reduceat(items[order], first_row)
    return Sample(
        sizes, spread_out(mean, mean[last]), counts, spread_out(spread, zeros), counts.copy(),
        frame, zeros, zeros, zeros,
        runs=of_each_run(y, np.nan),
        other=np.stack(others, axis=-1) if others else np.zeros((*shape, 0)),
        unit=of_each_run(_within(group, numbered), -1),
        run_error=of_each_run(None if se is None else se[order], np.nan),
        seed_effect=of_each_run(None, 0.0),
        items=spread_out(unknown[owner] if fewest is None else fewest, unknown),
        errors=Errors.independent(shape[0]),
        pure=np.zeros((shape[0], 2)),
        bounded=np.zeros(shape[0], dtype=bool) if bounded is None else bounded,
    )  # fmt: skip


def _within(group: NDArray[np.intp], unit: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return units numbered from 0 within each group."""
    width = int(unit.max()) + 1
    pairs, code = np.unique(group * width + unit, return_inverse=True)
    first = np.searchsorted(pairs, np.arange(group.max() + 1) * width)
    numbered: NDArray[np.intp] = code - first[group]
    return numbered


def _frame(drivers: Sequence[Floats], inside: Bools, sign: Floats, limit: Floats) -> Frame:
    """Return the frame of drivers with values ``(G, K)``, those not ``inside`` being padding."""
    logs, frames = [], []
    for values in drivers:
        log_size = np.log(values)
        rising = np.sort(np.where(inside, log_size, np.inf), axis=1)
        distinct = np.isfinite(rising)
        distinct[:, 1:] &= rising[:, 1:] > rising[:, :-1]
        x0 = np.exp(np.where(distinct, rising, 0.0).sum(axis=1) / distinct.sum(axis=1))
        logs.append(log_size - np.log(x0)[:, None])
        frames.append(Frame(x0, sign, limit, x0, x0, x0, x0))
    first, *other = frames
    z = np.stack(logs, axis=-1) if other else logs[0]
    return _extent(replace(first, other=tuple(other)), z, inside)


def _extent(frame: Frame, z: Floats, inside: Bools) -> Frame:
    """Return the frame with the range of log sizes ``(G, K)`` or ``(G, K, D)`` that are inside."""
    every = z if frame.other else z[:, :, None]
    largest = _largest(z, inside)
    found = []
    for d, own in enumerate(frame.drivers):
        rising = np.sort(np.where(inside, every[:, :, d], np.inf), axis=1)
        later = np.where(rising > rising[:, :1], rising, np.inf).min(axis=1)
        found.append(
            replace(
                own,
                z_min=rising[:, 0],
                z_max=np.where(inside, every[:, :, d], -np.inf).max(axis=1),
                first_gap=np.where(np.isfinite(later), later - rising[:, 0], 1.0),
                z_largest=every[np.arange(len(every)), largest, d],
                other=(),
            )
        )
    return replace(found[0], other=tuple(found[1:]))


def _largest(z: Floats, inside: Bools) -> Ints:
    # Rounding must not choose among runs of equal product: the last of them is taken.
    total = z.sum(axis=2) if z.ndim > 2 else z
    product = np.where(inside, np.round(total, 9), -np.inf)
    last: Ints = product.shape[1] - 1 - product[:, ::-1].argmax(axis=1)
    return last
