"""Jointly normal rows: weighted sums of squares and products, whatever their covariance is.

Rows ``r`` of a curve have the covariance ``s^2 V`` (or ``V``, where the scale is given), and V
depends on a few numbers of the error model: the slope of the log variance, the variance beyond
known errors, the correlation of the rows of a run, or how far seeds shift their runs. All that
quadrature needs of the rows are the products ``a' V^-1 b`` and ``log |V|``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..rows import Rows
from ..sample import Sample
from ..scatter import LEAST_NEWS, Scatter, likeness
from .priors import Priors

__all__ = ["Normal", "Number", "normal_rows", "numbers_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Normal:
    """The rows of G curves, padded to N each, without their scores.

    Parameters
    ----------
    scatter : Scatter
    size : array (G, N) of int
        Which size of its curve a row belongs to.
    there : array (G, N)
        1 for a row, 0 for padding.
    weight : array (G, N)
        Runs behind a row, or what else it weighs for a relative variance of 1.
    trust : array (G, N)
        Weight of what is new in a row, given the row before.
    place, count, spread, error, step, follows : arrays (G, N)
        As in :class:`~scalefit.rows.Rows`; ``count`` is what a row tells of the scale.
    before : array (G, N) of int
    member : array (G, U, N)
        1 where a row has a seed; only of seeds that shift their runs.
    """

    scatter: Scatter
    size: NDArray[np.intp]
    there: Floats
    weight: Floats
    trust: Floats
    place: Floats
    count: Floats
    spread: Floats
    error: Floats
    step: Floats
    follows: Floats
    before: NDArray[np.intp]
    member: Floats

    def take(self, rows: Any) -> Normal:
        """Return the rows of some of the curves."""
        arrays = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "scatter"}
        return replace(self, **arrays)

    @property
    def n(self) -> Floats:
        """Runs of each curve, ``(G,)``."""
        total: Floats = (self.there * self.count).sum(axis=1)
        return total

    def products(
        self, vectors: Sequence[Floats], numbers: dict[str, Floats]
    ) -> tuple[list[list[Floats]], Floats, Floats]:
        """Return products of vectors over the rows, and what else the density is made of.

        Parameters
        ----------
        vectors : sequence of arrays (G, N, M)
            At M places each.
        numbers : dict of arrays (G, M)
            Numbers of the error model.

        Returns
        -------
        products : nested lists of arrays (G, M)
            ``products[i][j] = vectors[i]' V^-1 vectors[j]`` for ``j <= i``.
        within : array (G, M)
            Sum of squares of runs about their size's mean, over their relative variance.
        log_root : array (G, M)
            ``-log|V| / 2``.
        """
        if self.scatter.alike == "run":
            return self._of_runs(vectors, numbers["correlation"])
        if self.scatter.given:
            variance = self.error[:, :, None] ** 2 + numbers["extra_noise"][:, None, :] ** 2
            padding = self.there[:, :, None] == 0
            weight = np.where(padding, 0.0, 1.0 / np.where(padding, 1.0, variance))
            log_root = -0.5 * np.log(np.where(padding, 1.0, variance)).sum(axis=1)
            return _sums(vectors, weight), 0.0 * log_root, log_root
        if "noise_slope" in numbers:
            one_run = np.exp(-numbers["noise_slope"][:, None, :] * self.place[:, :, None])
            weight = (self.there * self.weight)[:, :, None] * one_run
            within = (self.spread[:, :, None] * one_run).sum(axis=1)
            lever = (self.there * self.count * self.place).sum(axis=1)
            log_root = -0.5 * numbers["noise_slope"] * lever[:, None]
        else:
            weight = np.broadcast_to((self.there * self.weight)[:, :, None], vectors[-1].shape)
            log_root = np.zeros(vectors[-1].shape[::2])
            within = self.spread.sum(axis=1)[:, None] + log_root
        found = _sums(vectors, weight)
        if self.scatter.alike == "seed":
            log_root = log_root + self._shared(found, vectors, weight, numbers["seed_noise"])
        return found, within, log_root

    def _of_runs(
        self, vectors: Sequence[Floats], correlation: Floats
    ) -> tuple[list[list[Floats]], Floats, Floats]:
        """Return the same of rows that are alike within runs: products of what is new in each."""
        share, left = self._likeness(correlation)
        before = self.before[:, :, None]
        root = np.sqrt(self.weight)[:, :, None]
        scaled = [root * vector for vector in vectors]
        news = [v - share * np.take_along_axis(v, before, axis=1) for v in scaled]
        log_root = -0.5 * ((self.there * self.count)[:, :, None] * np.log(left)).sum(axis=1)
        within = self.spread.sum(axis=1)[:, None] + 0.0 * log_root
        return _sums(news, (self.there * self.trust)[:, :, None] / left), within, log_root

    def _likeness(self, correlation: Floats) -> tuple[Floats, Floats]:
        """Return how alike rows are to those before them, and the variance of what is new."""
        share = likeness(
            self.follows[:, :, None], self.step[:, :, None], correlation[:, None, :]
        )  # fmt: skip
        return share, np.maximum(1.0 - share * share, LEAST_NEWS)

    def news(self, errors: Floats, correlation: Floats) -> Floats:
        """Return what is new in standard errors ``(G, N)``, for correlations ``(G,)``."""
        share, left = self._likeness(correlation[:, None])
        before = np.take_along_axis(errors, self.before, axis=1)
        found: Floats = (errors - share[:, :, 0] * before) / np.sqrt(left[:, :, 0])
        return found

    def _shared(
        self, found: list[list[Floats]], vectors: Sequence[Floats], weight: Floats, ratio: Floats
    ) -> Floats:
        """Take what seeds share out of the products, by Woodbury; and return what the root gains.

        ``ratio`` is the standard deviation of a seed's shift over that of a run.
        """
        sums = [np.matmul(self.member, weight * vector) for vector in vectors]
        rows = np.matmul(self.member, weight)
        kept = ratio[:, None, :] ** 2 / (1.0 + ratio[:, None, :] ** 2 * rows)
        for i, first in enumerate(sums):
            for j in range(i + 1):
                found[i][j] = found[i][j] - (kept * first * sums[j]).sum(axis=1)
        log_root: Floats = -0.5 * np.log1p(ratio[:, None, :] ** 2 * rows).sum(axis=1)
        return log_root


def _sums(vectors: Sequence[Floats], weight: Floats) -> list[list[Floats]]:
    found = []
    for i, first in enumerate(vectors):
        weighted = weight * first
        found.append([(weighted * vectors[j]).sum(axis=1) for j in range(i + 1)])
    return found


def normal_rows(sample: Sample, scatter: Scatter, rows: Rows) -> tuple[Normal, Floats]:
    """Return the rows of a sample, padded, and their scores in benefit ``(G, N)``."""
    n_curves = len(sample)
    lengths = np.bincount(rows.curve, minlength=n_curves)
    start = np.concatenate([[0], np.cumsum(lengths)])
    slot = np.arange(len(rows)) - start[rows.curve]
    shape = (n_curves, int(lengths.max(initial=1)))

    def padded(values: NDArray[Any], empty: float) -> NDArray[Any]:
        table = np.full(shape, empty, dtype=values.dtype)
        table[rows.curve, slot] = values
        return table

    member = np.zeros((n_curves, 0, shape[1]))
    if scatter.alike == "seed":
        own = rows.seed - np.minimum.reduceat(rows.seed, start[:-1])[rows.curve]
        member = np.zeros((n_curves, int(own.max()) + 1, shape[1]))
        member[rows.curve, own, slot] = 1.0
    score = padded(rows.y, 0.0) * sample.frame.sign[:, None]
    told = {name: padded(getattr(rows, name), 0.0) for name in (
        "size", "place", "count", "spread", "error", "step", "follows")}  # fmt: skip
    slots = np.minimum(np.arange(shape[1]), sample.x.shape[1] - 1)
    there = padded(np.ones(len(rows)), 0.0)
    told["size"] = np.where(there > 0, told["size"], slots)
    before = padded(rows.before - start[rows.curve], 0)
    return Normal(
        scatter, there=there, weight=told["count"], trust=there, before=before, member=member,
        **told,
    ), score  # fmt: skip


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the error model as an axis of quadrature, other than the scale itself.

    Parameters
    ----------
    name : str
    unit : array (G,)
        Below about one unit the axis is linear in the number, above it logarithmic; 0: linear.
    low, high, centre : array (G,)
        Range of the axis, and where it is looked at first.
    ratio : bool
        Whether the axis is of the number over the scale of a run.
    """

    name: str
    unit: Floats
    low: Floats
    high: Floats
    centre: Floats
    ratio: bool = False

    def take(self, rows: Any) -> Number:
        """Return the axis of some of the curves."""
        return replace(
            self, unit=self.unit[rows], low=self.low[rows], high=self.high[rows],
            centre=self.centre[rows],
        )  # fmt: skip

    def value(self, u: Floats) -> Floats:
        """Return the number, or its ratio to the scale, at coordinates ``(G, M)``."""
        if self.name == "correlation":
            found: Floats = -np.expm1(-u)
            return found
        unit = self.unit[:, None]
        return np.where(unit > 0, unit * np.sinh(u), u)

    def log_slope(self, u: Floats) -> Floats:
        """Return the log of the derivative of the value."""
        if self.name == "correlation":
            return -u
        unit = self.unit[:, None]
        return np.where(unit > 0, np.log(np.maximum(unit, 1e-300) * np.cosh(u)), 0.0)


#: Prior standard deviations of a variance slope, and of other numbers, that are looked at.
_FAR = 8.0
#: ``-log(1 - correlation)`` up to which correlations are looked at.
_ALIKE = 9.0


def numbers_of(sample: Sample, rows: Normal, priors: Priors) -> tuple[Number, ...]:
    """Return the numbers of an error model that quadrature has an axis for."""
    n_curves = len(sample)
    none, one = np.zeros(n_curves), np.ones(n_curves)
    found = []
    for name in rows.scatter.parameters:
        if name == "noise":
            continue
        prior = priors.noise[name]
        if name == "noise_slope":
            middle = np.broadcast_to(prior.quantile(np.full((n_curves, 1), 0.5))[:, 0], n_curves)
            half = _FAR * prior.sd(n_curves)
            low, high = middle - half, middle + half
            centre = np.clip(sample.variance_slope, low, high)
            found.append(Number(name, none, low, high, centre))
        elif name == "correlation":
            found.append(Number(name, none, none, _ALIKE * one, 0.5 * one))
        elif name == "extra_noise":
            used = np.where(rows.there > 0, rows.error, np.nan)
            unit = np.nanmedian(used, axis=1)
            far = prior.quantile(np.full((n_curves, 1), 1.0 - 1e-12))[:, 0]
            extra = np.sqrt(np.nan_to_num(sample.errors.extra_variance)) / unit
            high = np.arcsinh(far / unit)
            centre = np.clip(np.arcsinh(np.maximum(extra, 0.3)), none, high)
            found.append(Number(name, unit, none, high, centre))
        else:
            found.append(
                Number(name, 0.3 * one, none, np.arcsinh(1e4 / 0.3) * one, 2.0 * one, ratio=True)
            )
    return tuple(found)
