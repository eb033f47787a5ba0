"""What to expect at larger sizes: forecasts of several laws, weighted by the largest sizes, pooled.

A forecaster is a law fitted from some size on: to all sizes, to the upper three quarters of their
log range, or to the upper half, since a law may hold from some size on only (windows of estimation:
Pesaran & Timmermann 2007, doi:10.1016/j.jeconom.2006.03.010). Its forecast of a run is a t
distribution about its curve, on the scale on which errors are symmetric, with the error of the
curve and the scatter of a run, both allowing for correlated rows. Each forecaster is asked to
foretell the largest sizes from those below them, up to half of the log range hidden in turn: as far
as those below span, which is as far as forecasts go (leave-future-out: Buerkner et al. 2020,
doi:10.1080/00949655.2020.1783262). It has the weight

    2^-extra  exp( mean over cuts of the mean log density of the hidden sizes ).

``extra`` is the number of quarters of the range that it leaves out, and one more if it is a law
with slow growth under it: each is a way to fit more. All hidden sizes together count as one
observation, since those of a cut are missed together and cuts overlap.

A saturating power law whose curve would pass the best score there is, as far as forecasts go, ends
at it instead: it is fitted again with this asymptote, unless that is rejected beside it. Any curve
that reaches the best score stays there, with the error that it has there.

The pool is the mixture of all these distributions (linear opinion pool: Gneiting & Ranjan 2013,
doi:10.1214/13-EJS823). The forecast is its median, which no single law that goes astray can move
far. Intervals are quantiles of the mixture at a level that the hidden sizes have corrected: where
their normal deviates in the pool are ``f`` times as large as they should be, ``f z`` takes the
place of the quantile ``z``. Here too they count as one observation, against three for ``f = 1``:

    f^2 = (3 + mean square of the deviates) / (3 + 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr, ndtri, stdtr, stdtrit

from .bisection import bisected
from .cuts import MIN_SIZES, choose_cuts, spread_out
from .errors import FitError
from .estimands import Value
from .estimate import Estimate, near
from .inference import Intervals
from .inference.common_mode import error_roots
from .laws import Law, containing, get_law
from .results import run_sd_at
from .sample import Sample
from .selection import REJECT, SLOW, signed_root, surviving_laws

__all__ = ["Pool", "competing", "pooled"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

#: Shares of the log range of sizes that a law is fitted to, and the log of each one's prior weight.
_STARTS = np.array([1.0, 0.75, 0.5])
_LOG_PRIOR = np.log(2.0) * np.array([0.0, -1.0, -2.0])
#: Share of the log range of sizes that is hidden at most: as much as is left.
_HIDDEN = 1 / 2
#: Observations that the belief in the laws' own errors counts for.
_BELIEF = 3.0
#: Level at which the scatter of a run is taken for that of a t distribution.
_LEVEL = 0.9
#: The law that may pass the best score, and its special case that ends there.
_FREE, _TO_BEST = "saturating_power", "power"
#: Log ranges beyond the largest size within which a curve may reach the best score.
_FAR = 10.0
#: Curves whose largest sizes are hidden at once.
_BLOCK = 200


@dataclass(frozen=True, slots=True)
class Pool:
    """Pooled forecasts of G curves.

    Parameters
    ----------
    estimates : tuple of L Estimate
        One a law. Row ``3 g + s`` is curve g from start number s on.
    to_best : Estimate
        The law that ends at the best score, which stands in for one that would pass it.
    weight : array (G, 3 L)
        Of the forecasters, start after start within a law; with sum 1 a curve, or all 0 where
        nothing is forecast.
    first : array (G, 3)
        The smallest size that each start keeps.
    spread : array (G,)
        The factor ``f`` on the normal quantiles; 1 where no size could be hidden.
    """

    estimates: tuple[Estimate, ...]
    to_best: Estimate
    weight: Floats
    first: Floats
    spread: Floats

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def laws(self) -> list[str]:
        """Names of the laws."""
        return [estimate.law.name for estimate in self.estimates]

    @property
    def df(self) -> Floats:
        """Mean degrees of freedom of the forecasters, ``(G,)``; 1 where nothing is forecast."""
        each = np.stack([estimate.scale[1] for estimate in self.estimates])
        mean: Floats = (self.weight * _of_forecasters(np.maximum(each, 1.0))).sum(axis=1)
        return np.where(self.weight.any(axis=1), mean, 1.0)

    def table(self, row: int = 0) -> pd.DataFrame:
        """Return the forecasters of one curve, the greatest weight first: law, from, weight."""
        found = pd.DataFrame({
            "law": np.repeat(self.laws, len(_STARTS)),
            "from": np.tile(self.first[row], len(self.laws)),
            "weight": self.weight[row],
        })  # fmt: skip
        found = found[found["weight"] > 0]
        return found.sort_values("weight", ascending=False, kind="stable", ignore_index=True)

    def by_law(self) -> Floats:
        """Return the weight of each law, whatever its start, ``(G, L)``."""
        total: Floats = self.weight.reshape(len(self), -1, len(_STARTS)).sum(axis=2)
        return total

    def text(self) -> list[str]:
        """Return the laws of every curve with their weights, the greatest first."""
        pairs = [sorted(zip(-row, self.laws, strict=True)) for row in self.by_law()]
        return [", ".join(f"{law} {-w:.2f}" for w, law in row if w < -0.005) for row in pairs]

    @np.errstate(all="ignore")  # what a forecaster cannot say is nan
    def forecast(
        self, curve: Ints, x: Floats, level: float, interval: Literal["mean", "run"]
    ) -> Intervals:
        """Return what is expected at size ``x[t]`` of curve ``curve[t]``.

        Parameters
        ----------
        curve : array (T,) of int
        x : array (T,)
            Sizes in driver units, beyond those of the curve.
        level : float
        interval : {"mean", "run"}
            For the curve, or for the score of one new run.

        Returns
        -------
        Intervals
            All nan where nothing is forecast.
        """
        told = _told((*self.estimates, self.to_best), curve, x)
        mixed = _Mixture(told, self.weight[curve], told.scale(np.ones(len(x))))
        value = mixed.quantile(np.full(len(x), 0.5))
        if interval == "mean":
            mixed = _Mixture(told, self.weight[curve], told.error)
        reach = self.spread * ndtri(0.5 + 0.5 * level)
        lower, upper = (mixed.quantile(ndtr(side * reach[curve])) for side in (-1.0, 1.0))
        if _on_logs(self.estimates):
            value, lower, upper = np.exp(value), np.exp(lower), np.exp(upper)
        label = f"pooled forecast, over {', '.join(self.laws)}"
        return Intervals(value, np.fmin(lower, value), np.fmax(upper, value), level, label)


@dataclass(frozen=True, slots=True)
class _Told:
    """What F forecasters say of T sizes: arrays ``(T, F)``, on the scale of the errors.

    Parameters
    ----------
    centre : array
        The curve; nan where a forecaster says nothing.
    error, scatter : array
        Scale of the curve's error, and that of one run about it.
    df : array
        Degrees of freedom of both.
    """

    centre: Floats
    error: Floats
    scatter: Floats
    df: Floats

    def scale(self, count: Floats) -> Floats:
        """Return the scale of the mean of ``count`` ``(T,)`` runs."""
        found: Floats = np.hypot(self.error, self.scatter / np.sqrt(count)[:, None])
        return found


class _Mixture:
    """T mixtures of F t distributions, leaving out what says nothing."""

    def __init__(self, told: _Told, weight: Floats, scale: Floats) -> None:
        self.silent = np.isnan(told.centre) | (weight <= 0)
        weight = np.where(self.silent, 0.0, weight)
        total = weight.sum(axis=1, keepdims=True)
        self.weight = weight / np.where(total > 0, total, 1.0)
        self.centre = np.where(self.silent, 0.0, told.centre)
        # A perfect fit leaves no scale: its distribution is a step.
        least = 1e-12 * np.abs(self.centre) + 1e-300
        self.scale = np.maximum(np.where(self.silent, 1.0, scale), least)
        self.df = told.df

    def log_density(self, y: Floats) -> Floats:
        """Return that of each component at ``y`` ``(T,)``, ``(T, F)``; nan where it is silent."""
        u, df = (y[:, None] - self.centre) / self.scale, self.df
        constant = gammaln(0.5 * df + 0.5) - gammaln(0.5 * df) - 0.5 * np.log(df * np.pi)
        found = constant - 0.5 * (df + 1.0) * np.log1p(u * u / df) - np.log(self.scale)
        return np.where(self.silent, np.nan, found)

    def below(self, y: Floats) -> Floats:
        """Return the probability below ``y``, ``(T,)``."""
        tail: Floats = stdtr(self.df, (y[:, None] - self.centre) / self.scale)
        return np.asarray((self.weight * tail).sum(axis=1))

    def quantile(self, share: Floats) -> Floats:
        """Return the quantiles at ``share`` ``(T,)``; nan where all components are silent."""
        each = self.centre + self.scale * stdtrit(self.df, share[:, None])
        low = np.where(self.silent, np.inf, each).min(axis=1)
        high = np.where(self.silent, -np.inf, each).max(axis=1)
        none = self.silent.all(axis=1)
        low, high = np.where(none, 0.0, low), np.where(none, 0.0, high)
        low, high = bisected(lambda y: self.below(y) < share, low, high)
        return np.where(none, np.nan, 0.5 * (low + high))


def competing(laws: Sequence[Law]) -> tuple[Law, ...]:
    """Return the laws that no other one of them contains; none where a single one is left.

    A saturating power law brings the one with slow growth under it, as it does in a hull.
    """
    inside = {law.name for law in laws}
    found = [law for law in laws if inside.isdisjoint(containing(law))]
    if len(found) < 2:
        return ()
    slow = [get_law(SLOW)] if "saturating_power" in inside and SLOW not in inside else []
    return (*found, *slow)


@np.errstate(all="ignore")  # what a forecaster cannot say is nan
def pooled(laws: Sequence[Law], sample: Sample) -> Pool:
    """Return the pooled forecasts of several laws for every curve of a weighed sample.

    Raises
    ------
    FitError
        If there are fewer than two laws, or several drivers.
    """
    if len(laws) < 2 or sample.frame.other:
        raise FitError("forecasts are pooled over several laws of one driver; use law='auto'")
    every, last = np.arange(len(sample)), sample.n_sizes.astype(int) - 1
    kept = _kept(sample, every, last)
    *estimates, to_best = _fitted(laws, sample, every, kept)
    told = [
        _weights(laws, sample.take(slice(i, i + _BLOCK))) for i in range(0, len(sample), _BLOCK)
    ]
    weight, spread = (np.concatenate(part) for part in zip(*told, strict=True))
    speaks = _speaks(estimates)
    # A law that is rejected at the sizes of a start has no say, unless all are.
    survives = speaks & _of_forecasters(surviving_laws(estimates))
    weight = np.where(np.where(survives.any(axis=1, keepdims=True), survives, speaks), weight, 0.0)
    total = weight.sum(axis=1, keepdims=True)
    first = sample.x[every[:, None], kept.argmax(axis=2)]
    return Pool(tuple(estimates), to_best, weight / np.where(total > 0, total, 1.0), first, spread)


def _on_logs(estimates: Sequence[Estimate]) -> bool:
    kernel = estimates[0].sample.kernel
    return kernel is not None and kernel.link == "log"


def _kept(sample: Sample, curve: Ints, last: Ints) -> Bools:
    """Return the sizes that each start keeps of curve ``curve[r]`` up to size ``last[r]``.

    Shape ``(R, 3, K)``. A start that would keep too few for a forecast keeps all.
    """
    z, there = sample.z[curve], sample.count[curve] > 0
    there &= np.arange(z.shape[1]) <= last[:, None]
    top = np.take_along_axis(z, last[:, None], axis=1)
    share = (top - z) / np.maximum(top - z[:, :1], 1e-300)
    kept: Bools = there[:, None] & (share[:, None] <= _STARTS[:, None] * (1 + 1e-9))
    few = kept.sum(axis=2) < MIN_SIZES
    return np.where(few[:, :, None], there[:, None], kept)


def _fitted(laws: Sequence[Law], sample: Sample, curve: Ints, kept: Bools) -> tuple[Estimate, ...]:
    """Return every law fitted to sizes ``kept`` ``(R, 3, K)`` of the curves, ``3 R`` rows each.

    The one that ends at the best score comes last.
    """
    rows = np.repeat(curve, len(_STARTS))
    part = sample.take(rows).only(kept.reshape(len(rows), -1))
    return tuple(near(law, part) for law in (*laws, get_law(_TO_BEST)))


def _of_forecasters(rows: NDArray[Any]) -> NDArray[Any]:
    """Return what is known of L laws at 3 R rows for each forecaster, ``(R, 3 L)``."""
    return np.concatenate([row.reshape(-1, len(_STARTS)) for row in rows], axis=1)


def _speaks(estimates: Sequence[Estimate]) -> Bools:
    """Return which forecasters have sizes enough, and not those of another start; ``(R, F)``."""
    sizes = estimates[0].sample.n_sizes.reshape(-1, len(_STARTS))
    own = np.ones(sizes.shape, dtype=bool)
    own[:, 1:] = sizes[:, 1:] < np.minimum.accumulate(sizes, axis=1)[:, :-1]
    enough = (own & (sizes >= MIN_SIZES)).ravel()
    return _of_forecasters(np.stack([estimate.applicable & enough for estimate in estimates]))


def _told(estimates: Sequence[Estimate], row: Ints, x: Floats) -> _Told:
    """Return what every law and start says of size ``x[t]``, fitted to sizes number ``row[t]``.

    The last estimate is of the law that ends at the best score, and has no say of its own.
    """
    n_starts = len(_STARTS)
    rows = (row[:, None] * n_starts + np.arange(n_starts)).ravel()
    sizes = np.repeat(x, n_starts)
    *own, to_best = estimates
    speaks = _speaks(own)[row]
    parts = [_said(estimate, rows, sizes) for estimate in own]
    for i, estimate in enumerate(own):
        if estimate.law.name == _FREE:
            ends = _ends_at_best(estimate, to_best)[rows]
            pairs = zip(_said(to_best, rows, sizes), parts[i], strict=True)
            parts[i] = tuple(np.where(ends, there, free) for there, free in pairs)
    centre, error, scatter, df = (
        np.concatenate([part.reshape(len(x), n_starts) for part in parts_of], axis=1)
        for parts_of in zip(*parts, strict=True)
    )
    return _Told(np.where(speaks, centre, np.nan), error, scatter, df)


def _ends_at_best(free: Estimate, to_best: Estimate) -> Bools:
    """Return which curves pass the best score one log range past the largest size, by chance.

    There are sizes where a curve that ends at the best score is rejected beside the free one.
    """
    frame = free.sample.frame
    farthest = Value(frame.x0 * np.exp(2.0 * frame.z_max - frame.z_min))
    over = frame.sign * (free.curves.value(farthest) - frame.limit)
    fits = signed_root(to_best, free, np.ones(len(free)))[1] >= REJECT
    return np.asarray((over > 0) & fits)  # no best score that is not known is passed


def _reaches_best(estimate: Estimate) -> Floats:
    """Return the size at which each curve is at the best score; inf where it never is.

    At larger sizes a curve that only rises is at least what it is there, and no better.
    """
    frame = estimate.sample.frame
    if _on_logs([estimate]):  # where the best score is infinitely far
        return np.full(len(estimate), np.inf)

    def short(z: Floats) -> Bools:
        value = estimate.curves.value(Value(frame.x0 * np.exp(z)))
        return np.asarray(~(frame.sign * (value - frame.limit) >= 0))

    most = frame.z_max + _FAR * (frame.z_max - frame.z_min)
    _, place = bisected(short, frame.z_max, most, halvings=40)
    return np.where(short(most), np.inf, frame.x0 * np.exp(place))


def _said(estimate: Estimate, rows: Ints, x: Floats) -> tuple[Floats, ...]:
    """Return centre, error, scatter and df of what row ``rows[t]`` says of size ``x[t]``."""
    law, sample = estimate.law, estimate.sample
    if sample.x.shape[1] < law.n_params:  # too few sizes, for all curves
        none = np.full(x.size, np.nan)
        return none, none, none, np.ones(x.size)
    own, shared, df = error_roots(estimate)
    x = np.minimum(x, _reaches_best(estimate)[rows])
    curves = estimate.curves.take(rows)
    value, towards = curves.value(Value(x)), curves.gradient(Value(x))
    # A direction in which the sizes tell nothing has no error, however steep it is.
    towards = np.where(np.any(own != 0, axis=1)[rows], towards, 0.0)
    each = np.einsum("tqp,tp->tq", own[rows], towards)
    error = np.sqrt((each**2).sum(axis=1) + (towards * shared[rows]).sum(axis=1) ** 2)
    if sample.score_range is not None:
        value = np.clip(value, *sample.score_range[rows].T)
    df = np.clip(df, 1.0, 1e6)[rows]
    scatter = run_sd_at(estimate, rows, x)
    if sample.kernel is not None:
        arms = sample.kernel.take(rows).arms(_LEVEL, df, value, scatter)
        scatter = 0.5 * (arms[0] + arms[1]) / stdtrit(df, 0.5 + 0.5 * _LEVEL)
        if sample.kernel.link == "log":
            value = np.where(value > 0, value, np.nan)
            # One standard error leads to sqrt(value^2 + error^2) +- error, which is positive.
            value, error = np.log(value), np.arcsinh(error / value)
    silent = ~(np.isfinite(value) & np.isfinite(error) & np.isfinite(scatter))
    return np.where(silent, np.nan, value), error, scatter, df


def _weights(laws: Sequence[Law], sample: Sample) -> tuple[Floats, Floats]:
    """Return weights ``(G, F)`` and spread ``(G,)`` that hiding the largest sizes tells."""
    curve, last = np.nonzero(choose_cuts(sample, _HIDDEN))
    of_law = np.array([-np.log(2.0) if law.name == SLOW else 0.0 for law in laws])
    log_prior = (of_law[:, None] + _LOG_PRIOR).ravel()
    if not curve.size:
        return np.tile(np.exp(log_prior), (len(sample), 1)), np.ones(len(sample))
    estimates = _fitted(laws, sample, curve, _kept(sample, curve, last))
    place = np.arange(sample.x.shape[1])
    beyond = (sample.count[curve] > 0) & (place > last[:, None])
    cut, size = np.nonzero(spread_out(np.log(sample.x[curve]), beyond))
    told = _told(estimates, cut, sample.x[curve[cut], size])
    seen = sample.mean[curve[cut], size]
    seen = np.log(seen) if _on_logs(estimates) else seen
    scale = told.scale(sample.count[curve[cut], size])
    density = _mean_by(cut, _Mixture(told, np.ones(told.centre.shape), scale).log_density(seen))
    behind = density - np.fmax.reduce(density, axis=1, keepdims=True)
    told_by = ~np.isnan(behind)
    share = np.zeros((len(sample), told_by.shape[1]))
    np.add.at(share, curve, np.where(told_by, behind, 0.0))
    times = np.zeros_like(share)
    np.add.at(times, curve, told_by)
    share = np.divide(share, times, out=np.full(share.shape, np.nan), where=times > 0)
    # Who never spoke counts as the worst of those who did.
    share = np.where(np.isnan(share), np.fmin.reduce(share, axis=1, keepdims=True), share)
    log_weight = log_prior + np.nan_to_num(share)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    mixed = _Mixture(told, weight[curve[cut]], scale)
    deviate = ndtri(np.clip(mixed.below(seen), 1e-9, 1 - 1e-9))
    deviate = np.where(mixed.silent.all(axis=1), 1.0, deviate)  # which tells nothing
    square = np.bincount(curve, _mean_by(cut, deviate[:, None] ** 2)[:, 0], minlength=len(sample))
    cuts = np.bincount(curve, minlength=len(sample))
    square = np.where(cuts > 0, square / np.maximum(cuts, 1), 1.0)
    return weight, np.sqrt((_BELIEF + square) / (_BELIEF + 1.0))


def _mean_by(group: Ints, values: Floats) -> Floats:
    """Return the means over the rows of each group, 0 .. R-1, each occurring."""
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    mean: Floats = np.add.reduceat(values, starts, axis=0) / np.bincount(group)[:, None]
    return mean
