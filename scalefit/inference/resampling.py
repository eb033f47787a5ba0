"""New tables from a fitted one: how the runs of a curve are drawn again.

Every kind draws for all curves at once, and from the same stream of random numbers for each, so
that a curve has the same tables whichever curves are resampled beside it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FitError
from ..estimate import Estimate
from ..levels import free_levels
from ..noise.gaussian import vary
from ..sample import Sample
from ..settle import neighbours

__all__ = ["KINDS", "Draw", "drawn_counts", "resample", "with_runs"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
#: What a generator is seeded with.
Seed = tuple[int, ...]

#: Clusters below which resampling them says little of how they scatter.
MIN_CLUSTERS = 10
_ATTEMPTS = 1000


@dataclass(frozen=True, slots=True)
class _Runs:
    """The runs of G curves one after the other, N at most, in the order of their sizes.

    Parameters
    ----------
    slot : array (G, N) of int
        Place of each run in the flattened ``(K, S)`` of :attr:`Sample.runs`.
    size : array (G, N) of int
        Number of its size.
    inside : array (G, N) of bool
        Which are runs, and not padding.
    n_slots : int
        S, room for the runs of one size.
    """

    slot: Ints
    size: Ints
    inside: Bools
    n_slots: int

    @classmethod
    def of(cls, sample: Sample) -> _Runs:
        n_slots = max(sample.runs.shape[2], int(sample.count.max()))
        occupied = np.arange(n_slots) < sample.count[:, :, None]
        n = int(sample.n.max())
        flat = occupied.reshape(len(sample), -1)
        slot = np.argsort(~flat, axis=1, kind="stable")[:, :n]
        return cls(slot, slot // n_slots, np.take_along_axis(flat, slot, axis=1), n_slots)

    @property
    def n(self) -> Ints:
        """Number of runs, shape ``(G,)``."""
        return np.asarray(self.inside.sum(axis=1))

    def listed(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values of slots ``(G, K, S)``, or of sizes ``(G, K)``, as a list ``(G, N)``."""
        if values.ndim == 2:
            return np.take_along_axis(values, self.size, axis=1)
        return np.take_along_axis(values.reshape(len(values), -1), self.slot, axis=1)

    def arranged(self, values: Floats, n_sizes: int) -> Floats:
        """Return lists ``(G, D, N)`` as runs ``(G D, K, S)``, nan where there is none."""
        n_curves, draws, _ = values.shape
        runs = np.full((n_curves, draws, n_sizes * self.n_slots), np.nan)
        values = np.where(self.inside[:, None, :], values, np.nan)
        np.put_along_axis(runs, np.broadcast_to(self.slot[:, None, :], values.shape), values, 2)
        return runs.reshape(n_curves * draws, n_sizes, self.n_slots)


@dataclass(frozen=True, slots=True)
class _Chains:
    """Runs of G curves in the order of the training runs that they are checkpoints of.

    Parameters
    ----------
    order : array (G, N) of int
        Which run of the list of :class:`_Runs` comes when.
    share : array (G, N)
        Correlation with the run before it, in this order.
    """

    order: Ints
    share: Floats

    @classmethod
    def of(cls, sample: Sample, runs: _Runs) -> _Chains:
        correlation = np.nan_to_num(sample.errors.correlation)[:, None]
        if not correlation.any():
            every = np.broadcast_to(np.arange(runs.slot.shape[1]), runs.slot.shape)
            return cls(every, np.zeros(runs.slot.shape))
        near = neighbours(sample)
        rank = np.argsort(near.order, axis=1)
        order = np.argsort(np.take_along_axis(rank, runs.slot, axis=1), axis=1)
        follows, gap = (values[:, : order.shape[1]] for values in (near.follows, near.gap))
        return cls(order, np.where(follows, correlation ** np.where(follows, gap, 0.0), 0.0))

    @property
    def new_share(self) -> Floats:
        """The part of each error that the run before it does not tell, ``(G, N)``."""
        return np.sqrt(np.maximum(1.0 - self.share**2, 1e-9))

    def new(self, errors: Floats) -> Floats:
        """Return what is new in correlated errors ``(G, N)``, on their scale."""
        ordered = np.take_along_axis(errors, self.order, axis=1)
        found = np.empty_like(errors)
        new = (ordered - self.share * np.roll(ordered, 1, axis=1)) / self.new_share
        np.put_along_axis(found, self.order, new, axis=1)
        return found

    def correlated(self, new: Floats) -> Floats:
        """Return errors ``(G, D, N)`` that are correlated, of which this is what is new."""
        if not self.share.any():
            return new
        order = np.broadcast_to(self.order[:, None], new.shape)
        errors = np.take_along_axis(new, order, axis=2) * self.new_share[:, None]
        for i in range(1, new.shape[2]):
            errors[:, :, i] += self.share[:, None, i] * errors[:, :, i - 1]
        found = np.empty_like(new)
        np.put_along_axis(found, order, errors, axis=2)
        return found


@dataclass(frozen=True, slots=True)
class Copies:
    """Which run of the fitted table each new run is a copy of; arrays ``(G D, K, S)``.

    Parameters
    ----------
    slot : array of int
        Place in the flattened ``(K, S)`` of the table's runs.
    number : array of int
        0 for the first copy of a run, 1 for the second, and so on.
    """

    slot: Ints
    number: Ints


#: ``draw(estimate, draws, seed) -> runs (G * draws, K, S)``, those of one curve together, and of
#: which runs they are copies; None where each has the place of its own run.
Draw = Callable[[Estimate, int, Seed], tuple[Floats, Copies | None]]


def resample(estimate: Estimate, kind: str, draws: int, seed: Seed) -> Sample:
    """Return ``draws`` new tables for each curve of an estimate, those of one curve together.

    The variance function is estimated again where it was estimated; the frame is that of the
    curve, so that every question keeps its meaning.
    """
    sample = estimate.sample
    runs, copies = KINDS[kind](estimate, draws, seed)
    return with_runs(sample.take(np.repeat(np.arange(len(sample)), draws)), runs, copies)


def with_runs(sample: Sample, runs: Floats, copies: Copies | None = None) -> Sample:
    """Return a sample with other runs ``(G, K, S)`` at its sizes, weighted as it is.

    A size without runs is left out by its weight of zero. Each run takes the seed and the known
    error along; further copies of a run belong to another seed of their own.
    """
    known = np.isfinite(runs)
    count = _across(np.add, known.astype(float))
    some = np.maximum(count, 1.0)
    mean = _across(np.add, np.where(known, runs, 0.0)) / some
    mean += _across(np.add, np.where(known, runs - mean[:, :, None], 0.0)) / some
    # Values that are equal in every digit have no spread, whatever rounding makes of their mean.
    top = _across(np.maximum, np.where(known, runs, -np.inf))
    same = top == _across(np.minimum, np.where(known, runs, np.inf))
    mean = np.where(count > 0, np.where(same, top, mean), sample.mean)
    spread = _across(np.add, np.where(known, runs - mean[:, :, None], 0.0) ** 2)
    unit, run_error = _carried(sample, known, copies)
    new = replace(
        sample, mean=mean, count=count, spread=spread, runs=runs, unit=unit, run_error=run_error,
        weight=count * _one_run(sample),
    )  # fmt: skip
    estimated = sample.variance_slope_error > 0
    if estimated.any():
        again = vary(replace(new, weight=count), "auto")
        new = replace(
            new,
            weight=np.where(estimated[:, None], again.weight, new.weight),
            variance_slope=np.where(estimated, again.variance_slope, sample.variance_slope),
            variance_slope_error=np.where(
                estimated, again.variance_slope_error, sample.variance_slope_error
            ),
            variance_df=np.where(estimated, again.variance_df, sample.variance_df),
        )
    if new.kernel is None:
        return new
    return replace(new, pure=free_levels(new.kernel, runs, new.relative))


def _across(ufunc: np.ufunc, runs: Floats) -> Floats:
    """Return what a ufunc makes of the runs ``(G, K, S)`` of each size: few of very many sizes."""
    found: Floats = functools.reduce(ufunc, np.moveaxis(runs, 2, 0))
    return found


def _carried(sample: Sample, known: Bools, copies: Copies | None) -> tuple[Ints, Floats]:
    """Return seed and known error of new runs, those that exist being ``known`` ``(G, K, S)``."""
    flat = known.reshape(len(known), -1)
    if copies is not None:
        slot = copies.slot.reshape(flat.shape)
        n_units = int(sample.unit.max(initial=-1)) + 1
        unit = np.take_along_axis(sample.unit.reshape(len(known), -1), slot, axis=1)
        unit = unit + copies.number.reshape(flat.shape) * n_units
        error = np.take_along_axis(sample.run_error.reshape(len(known), -1), slot, axis=1)
    elif sample.unit.shape == known.shape:
        unit, error = sample.unit.reshape(flat.shape), sample.run_error.reshape(flat.shape)
    else:  # single runs drawn for means of runs
        unit, error = np.cumsum(flat, axis=1) - 1, np.full(flat.shape, np.nan)
    return (
        np.where(flat, unit, -1).reshape(known.shape),
        np.where(flat, error, np.nan).reshape(known.shape),
    )


def _one_run(sample: Sample) -> Floats:
    """Return the weight of a single run at each size, ``(G, K)``; 0 where there is none."""
    return sample.weight / np.maximum(sample.count, 1.0)


def _about_fit(estimate: Estimate, runs: _Runs, errors: Floats) -> Floats:
    """Return the fitted means with errors ``(G, D, N)`` in units of a run at the centre."""
    sample = estimate.sample
    errors = runs.listed(sample.relative)[:, None, :] * errors
    mean = runs.listed(estimate.fitted())[:, None, :]
    new = mean * np.exp(errors) if _takes_logs(sample) else mean + errors
    return runs.arranged(new, sample.x.shape[1])


def _takes_logs(sample: Sample) -> bool:
    return sample.kernel is not None and sample.kernel.link == "log"


def _inflated(estimate: Estimate, runs: _Runs) -> Floats:
    """Return standardised residuals times ``sqrt(n / (n - p))``; ``(G, N)``, 0 for padding.

    They are those of the scale on which errors are symmetric.
    """
    sample = estimate.sample
    y, mean = runs.listed(sample.runs), runs.listed(estimate.fitted())
    residual = np.log(y / mean) if _takes_logs(sample) else y - mean
    factor = np.sqrt(sample.n / np.maximum(estimate.residual_df, 1.0))
    inflated = factor[:, None] * residual / runs.listed(sample.relative)
    return np.where(runs.inside, inflated, 0.0)


def _alike(estimate: Estimate) -> Bools:
    """Return the curves whose rows are correlated, ``(G,)``."""
    return np.nan_to_num(estimate.sample.errors.correlation) > 0


def _need_independent(estimate: Estimate, kind: str) -> None:
    if _alike(estimate).any():
        raise FitError(
            f"kind={kind!r} takes rows for independent, and those of one run are alike here; use "
            "kind='residual', kind='cluster' with ten runs or more, or inference='profile'; if "
            "rows without run= are independent runs, say so: noise='gaussian'"
        )


def _excess(estimate: Estimate) -> Floats:
    """Return how many times the residual mean square the variance of a run is, ``(G,)``.

    Rows that are alike stay near a curve that was fitted to them.
    """
    mean_square = estimate.total_ss / np.maximum(estimate.residual_df, 1.0)
    alike = _alike(estimate) & (mean_square > 0)
    return np.where(alike, estimate.scale[0] / np.where(alike, mean_square, 1.0), 1.0)


def _parametric(estimate: Estimate, draws: int, seed: Seed) -> tuple[Floats, None]:
    """Draw normal errors with the fitted variance function and correlation."""
    runs = _Runs.of(estimate.sample)
    variance = estimate.total_ss / np.maximum(estimate.residual_df, 1.0) * _excess(estimate)
    normal = np.random.default_rng(seed).standard_normal((runs.slot.shape[1], draws)).T
    errors = np.sqrt(variance)[:, None, None] * normal
    return _about_fit(estimate, runs, _Chains.of(estimate.sample, runs).correlated(errors)), None


def _residual(estimate: Estimate, draws: int, seed: Seed) -> tuple[Floats, None]:
    """Draw inflated and centred residuals, or what is new in them, with replacement.

    Davison & Hinkley 1997, algorithm 6.1, and section 8.2.2 for correlated rows.
    """
    runs = _Runs.of(estimate.sample)
    inflated, chains = _inflated(estimate, runs), _Chains.of(estimate.sample, runs)
    new = chains.new(inflated)
    wanted, seen = ((values**2).sum(axis=1) for values in (inflated, new))
    new *= np.sqrt(_excess(estimate) * wanted / np.where(seen > 0, seen, 1.0))[:, None]
    pool = np.where(runs.inside, new, np.nan)
    # What is drawn must have its centre on the curve, as the error model understands a centre.
    centre = np.nanmean if estimate.sample.kernel is None else np.nanmedian
    pool = pool - centre(pool, axis=1, keepdims=True)
    place = np.random.default_rng(seed).random((runs.slot.shape[1], draws)).T
    picked = (place * runs.n[:, None, None]).astype(np.intp)
    everyone = np.broadcast_to(pool[:, None, :], picked.shape)
    drawn = np.take_along_axis(everyone, picked, axis=2)
    return _about_fit(estimate, runs, chains.correlated(drawn)), None


def _wild(estimate: Estimate, draws: int, seed: Seed) -> tuple[Floats, None]:
    """Give each run its own inflated residual with a random sign, which keeps any variance.

    Signs do better than Mammen's two-point weights: Davidson & Flachaire 2008,
    doi:10.1016/j.jeconom.2008.08.003.
    """
    _need_independent(estimate, "wild")
    runs = _Runs.of(estimate.sample)
    place = np.random.default_rng(seed).random((runs.slot.shape[1], draws)).T
    signs = np.where(place < 0.5, -1.0, 1.0)
    return _about_fit(estimate, runs, signs * _inflated(estimate, runs)[:, None, :]), None


def _case(estimate: Estimate, draws: int, seed: Seed) -> tuple[Floats, Copies]:
    """Draw runs with replacement, size and score together."""
    _need_independent(estimate, "case")
    return _copied(estimate, *_case_counts(estimate, draws, seed))


def _case_counts(estimate: Estimate, draws: int, seed: Seed) -> tuple[_Runs, Floats]:
    runs = _Runs.of(estimate.sample)
    own = np.broadcast_to(np.arange(runs.slot.shape[1]), runs.slot.shape)
    return runs, _counts(estimate, runs, own, runs.n, draws, seed)


def _cluster(estimate: Estimate, draws: int, seed: Seed) -> tuple[Floats, Copies]:
    """Draw whole clusters of runs with replacement."""
    return _copied(estimate, *_cluster_counts(estimate, draws, seed))


def _cluster_counts(estimate: Estimate, draws: int, seed: Seed) -> tuple[_Runs, Floats]:
    sample = estimate.sample
    runs = _Runs.of(sample)
    listed = np.where(runs.inside, runs.listed(sample.unit), -1)
    codes = [np.unique(row, return_inverse=True) for row in listed]
    # Padding, where there is any, is the first code.
    number = np.stack([code - int(values[0] < 0) for values, code in codes])
    n_clusters = number.max(axis=1) + 1
    if (n_clusters >= runs.n).any():
        raise FitError(
            "kind='cluster' draws whole clusters of runs, and this table does not say which runs "
            "belong together; give it a column of seeds or runs, or use kind='case'"
        )
    if n_clusters.min() < MIN_CLUSTERS:
        raise FitError(
            f"kind='cluster' needs {MIN_CLUSTERS} clusters or more, and a curve here has "
            f"{n_clusters.min()}; average the scores of each cluster at each size and take the "
            "profile of these means: inference='profile'"
        )
    return runs, _counts(estimate, runs, np.maximum(number, 0), n_clusters, draws, seed)


def _counts(
    estimate: Estimate, runs: _Runs, cluster: Ints, n_clusters: Ints, draws: int, seed: Seed
) -> Floats:
    """Return how often each run is drawn ``(G, D, N)`` with its cluster ``(G, N)``.

    Tables with fewer distinct sizes than the law has parameters are drawn again.
    """
    sample = estimate.sample
    n_sizes = sample.x.shape[1]
    at_size = (runs.size[:, :, None] == np.arange(n_sizes)) & runs.inside[:, :, None]
    at_size = at_size.astype(float)
    times = np.zeros((len(sample), draws, cluster.shape[1]))
    short = np.ones((len(sample), draws), dtype=bool)
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng((*seed, attempt))
        drawn = _times(cluster, n_clusters, rng, draws) * runs.inside[:, None, :]
        times = np.where(short[:, :, None], drawn, times)
        sizes = (times @ at_size > 0).sum(axis=2)
        short = sizes < estimate.law.n_params
        if not short.any():
            break
    else:
        raise FitError(
            f"{_ATTEMPTS} draws left fewer sizes than the {estimate.law.n_params} parameters of "
            f"{estimate.law.name}; use inference='profile'"
        )
    return times


def _copied(estimate: Estimate, runs: _Runs, times: Floats) -> tuple[Floats, Copies]:
    """Return every run as often as it was drawn, in the order of tables and sizes."""
    sample, draws = estimate.sample, times.shape[1]
    n_sizes = sample.x.shape[1]
    often = times.astype(np.intp).ravel()
    row = np.repeat(np.arange(times.size), often)
    again = np.arange(row.size) - np.repeat(np.cumsum(often) - often, often)
    table, place = np.divmod(row, times.shape[2])
    curve = table // draws
    cell = table * n_sizes + runs.size[curve, place]
    count = np.bincount(cell, minlength=len(sample) * draws * n_sizes)
    rank = np.arange(len(cell)) - (np.cumsum(count) - count)[cell]
    shape = (len(count), int(count.max()))
    new, slot, number = np.full(shape, np.nan), np.zeros(shape, np.intp), np.zeros(shape, np.intp)
    new[cell, rank] = runs.listed(sample.runs)[curve, place]
    slot[cell, rank], number[cell, rank] = runs.slot[curve, place], again
    tables = (len(sample) * draws, n_sizes, -1)
    return new.reshape(tables), Copies(slot.reshape(tables), number.reshape(tables))


def _times(cluster: Ints, n_clusters: Ints, rng: np.random.Generator, draws: int) -> Floats:
    """Return how often each run was drawn, ``(G, D, N)``."""
    most = int(n_clusters.max())
    place = rng.random((most, draws)).T
    picked = (place * n_clusters[:, None, None]).astype(np.intp)
    table = np.arange(len(cluster) * draws).reshape(len(cluster), draws, 1)
    used = np.broadcast_to(np.arange(most) < n_clusters[:, None, None], picked.shape)
    count = np.bincount(
        (table * most + picked)[used], minlength=len(cluster) * draws * most
    ).reshape(len(cluster), draws, most)
    each = np.broadcast_to(cluster[:, None, :], (*count.shape[:2], cluster.shape[1]))
    return np.take_along_axis(count, each, axis=2).astype(float)


#: The ways to draw that only tell how often each run counts.
_COUNTS = {"case": _case_counts, "cluster": _cluster_counts}


def drawn_counts(estimate: Estimate, kind: str, draws: int, seed: Seed) -> Floats | None:
    """Return how often each run counts in ``draws`` new tables of each curve, ``(G D, K, S)``.

    None where a kind makes new scores, or where the error model asks which copy a run is.
    """
    errors = estimate.sample.errors
    alike = np.isfinite(errors.correlation).any() or errors.unit_df.any()
    if kind not in _COUNTS or alike or not estimate.sample.runs.shape[2]:
        return None
    runs, times = _COUNTS[kind](estimate, draws, seed)
    return np.nan_to_num(runs.arranged(times, estimate.sample.x.shape[1]))


#: Every way to draw the runs again, by name.
KINDS: dict[str, Draw] = {
    "parametric": _parametric,
    "residual": _residual,
    "case": _case,
    "wild": _wild,
    "cluster": _cluster,
}
