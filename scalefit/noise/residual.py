"""Errors that are a scaled residual, on the scale of the scores or of their logs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, ndtri, stdtrit

from ..kernel import (
    Contribution,
    Kernel,
    Link,
    Pulls,
    best_log_scale,
    least_scale,
    usual_pulls,
)

__all__ = [
    "HuberKernel",
    "LaplaceKernel",
    "NormalKernel",
    "Plain",
    "ResidualKernel",
    "StudentKernel",
]

Floats = NDArray[np.float64]


def _sums(weight: Floats, values: Floats) -> Floats:
    """Return weighted sums of rows ``(B, n)``."""
    total: Floats = np.einsum("bn,bn->b", weight, values)
    return total


class Plain:
    """What kernels share that leave nothing free, and whose density is taken for the truth."""

    __slots__ = ()

    def pulls(
        self, y: Floats, mean: Floats, relative: Floats, weight: Floats, log_scale: Floats
    ) -> Pulls:
        """Return the pulls of runs; see :meth:`scalefit.kernel.Kernel.pulls`."""
        return usual_pulls(cast("Kernel", self), y, mean, relative, weight, log_scale)

    def inflation(self, y: Floats, mean: Floats, scale: Floats, weight: Floats) -> Floats:
        """Return 1: the density is taken for the truth."""
        return np.ones(len(y))

    def settled(self, y: Floats, mean: Floats, scale: Floats, weight: Floats) -> Self:
        """Return the kernel itself: nothing else is free."""
        return self

    def stages(self) -> tuple[Kernel, ...]:
        """Return the kernel alone: its minimum is easily found."""
        return (cast("Kernel", self),)

    def eased(self) -> tuple[Kernel, ...]:
        """Return none: the minimum is reached from anywhere in its basin."""
        return ()

    @property
    def kinked(self) -> bool:
        """Return that its curvature changes little by little."""
        return False

    @property
    def long_tailed(self) -> bool:
        """Return that minus its log density grows faster than a log."""
        return False

    def take(self, rows: Any) -> Self:
        """Return the kernel of some of the problems."""
        return self


@dataclass(frozen=True, slots=True)
class ResidualKernel(Plain):
    """Density ``exp(-rho(u)) / scale`` of ``u = (t(y) - t(mean)) / scale``, t a log or nothing.

    A subclass gives ``rho`` with two derivatives.
    """

    link: Link

    def rho(self, u: Floats) -> tuple[Floats, Floats, Floats]:
        """Return minus the log density of standard residuals ``(B, n)``, and its derivatives."""
        raise NotImplementedError

    def rho_by_scale(self, u: Floats) -> tuple[Floats, Floats]:
        """Return the derivatives of ``rho(u) + log(scale)`` in the log of the scale."""
        _, first, second = self.rho(u)
        return 1.0 - first * u, (second * u + first) * u

    def curvature(self, u: Floats, scale: Floats, weight: Floats) -> Floats:
        """Return the second derivative of rho to be expected, ``(B,)``."""
        return np.ones(len(u))

    def contribution(self, y: Floats, mean: Floats, scale: Floats) -> Contribution:
        """Return minus the log density of runs ``(B, n)`` and its derivatives."""
        if self.link == "log":
            possible = mean > 0
            safe = np.where(possible, mean, 1.0)
            residual, slope, bend = np.log(y / safe), -1.0 / safe, 1.0 / (safe * safe)
        else:
            possible = np.isfinite(mean)
            residual = y - np.where(possible, mean, 0.0)
            slope, bend = -np.ones_like(y), np.zeros_like(y)
        u = residual / scale
        value, first, second = self.rho(u)
        along = slope / scale
        return Contribution(
            np.where(possible, value + np.log(scale), np.inf),
            first * along,
            second * along * along + first * bend / scale,
            1.0 - first * u,
            second * u * u + first * u,
            -(second * u + first) * along,
        )

    def by_scale(self, y: Floats, mean: Floats, scale: Floats) -> tuple[Floats, Floats]:
        """Return the derivatives of the contribution in the log of the scale alone."""
        u = self.standard(y, mean, scale)
        return self.rho_by_scale(u)

    def information(self, y: Floats, mean: Floats, scale: Floats, weight: Floats) -> Floats:
        """Return the curvature of the contribution in the mean to be expected."""
        slope = 1.0 / np.where(mean > 0, mean, np.inf) if self.link == "log" else 1.0
        bend = self.curvature(self.standard(y, mean, scale), scale, weight)
        return np.asarray(bend[:, None] * (slope / scale) ** 2 + np.zeros_like(y))

    def standard(self, y: Floats, mean: Floats, scale: Floats) -> Floats:
        """Return standard residuals."""
        log = self.link == "log"
        u: Floats = (np.log(y / np.where(mean > 0, mean, np.nan)) if log else y - mean) / scale
        return u

    @property
    def domain(self) -> tuple[float, float]:
        """Means a run may have: on the log scale, positive ones."""
        return (0.0 if self.link == "log" else -np.inf), np.inf

    def deviation(self, mean: Floats, scale: Floats) -> Floats:
        """Return the scale: it does not depend on the mean."""
        return scale

    def arms(self, level: Any, df: Floats, mean: Floats, scale: Floats) -> tuple[Floats, Floats]:
        """Return how far below and above its mean a run may lie: equally far."""
        reach = self.quantile(level, df) * scale
        return reach, reach

    def quantile(self, level: Any, df: Floats) -> Floats:
        """Return the quantile of a run about a known mean, for a scale known to ``df``."""
        return np.asarray(stdtrit(df, 0.5 + 0.5 * level), dtype=float)


@dataclass(frozen=True, slots=True)
class NormalKernel(ResidualKernel):
    """Normal errors."""

    def rho(self, u: Floats) -> tuple[Floats, Floats, Floats]:
        """Return ``(u^2 - 1) / 2``, so that the pseudo residual sum of squares is the real one."""
        return 0.5 * (u * u - 1.0), u, np.ones_like(u)


@dataclass(frozen=True, slots=True)
class StudentKernel(ResidualKernel):
    """Student-t errors, with degrees of freedom of each curve ``(B,)``."""

    df: Floats
    free: bool

    @property
    def long_tailed(self) -> bool:
        """Return that minus its log density grows like a log."""
        return True

    def rho(self, u: Floats) -> tuple[Floats, Floats, Floats]:
        """Return minus the log density of t."""
        nu = self.df[:, None]
        total = nu + u * u
        constant = 0.5 * np.log(nu) + betaln(0.5 * nu, 0.5)
        value = 0.5 * (nu + 1.0) * np.log1p(u * u / nu) + constant
        return value, (nu + 1.0) * u / total, (nu + 1.0) * (nu - u * u) / (total * total)

    def pulls(
        self, y: Floats, mean: Floats, relative: Floats, weight: Floats, log_scale: Floats
    ) -> Pulls:
        """Return the pulls of runs: those of :meth:`contribution`, sharing what is in several.

        A run whose mean is impossible pulls at nothing, and makes the value infinite if it counts.
        """
        nu, log = self.df[:, None], self.link == "log"
        per_mean = 1.0 / mean if log else np.ones_like(mean)
        gap = (np.log(y * per_mean) if log else y - mean) / relative
        possible = np.isfinite(gap)
        allowed = True
        if not possible.all():
            allowed = (possible | (weight == 0)).all(axis=1)
            gap, per_mean = np.where(possible, gap, 0.0), np.where(possible, per_mean, 0.0)
        n = weight.sum(axis=1)

        def by_scale(log_scale: Floats) -> tuple[Floats, Floats]:
            square = (gap * np.exp(-log_scale)[:, None]) ** 2
            share = square / (nu + square)
            one, two = _sums(weight, share), _sums(weight, share * share)
            return n - (self.df + 1.0) * one, 2.0 * (self.df + 1.0) * (one - two)

        best_log_scale(by_scale, log_scale, np.log(least_scale(self.link, y)))
        _, stiff = by_scale(log_scale)
        per_scale = np.exp(-log_scale)[:, None]
        u = gap * per_scale
        total = nu + u * u
        along = per_mean * per_scale / relative
        each = weight * along * (nu + 1.0) / total
        pull = each * u
        twice = each * along * (nu - u * u) / total
        if log:
            twice = twice + pull * per_mean
        constant = 0.5 * np.log(self.df) + betaln(0.5 * self.df, 0.5) + log_scale
        tail = 0.5 * (self.df + 1.0) * _sums(weight, np.log1p(u * u / nu))
        value = np.where(allowed, tail + n * constant, np.inf)
        if relative.size > len(relative):  # a single column is 1
            value = value + _sums(weight, np.log(relative))
        return Pulls(value, -pull, twice, 2.0 * pull * nu / total, stiff)

    def rho_by_scale(self, u: Floats) -> tuple[Floats, Floats]:
        """Return the derivatives of ``rho(u) + log(scale)`` in the log of the scale."""
        nu = self.df[:, None]
        square = u * u
        share = square / (nu + square)
        first = (nu + 1.0) * share
        return 1.0 - first, 2.0 * first * (1.0 - share)

    def curvature(self, u: Floats, scale: Floats, weight: Floats) -> Floats:
        """Return the second derivative of rho to be expected, ``(B,)``."""
        return (self.df + 1.0) / (self.df + 3.0)

    def settled(self, y: Floats, mean: Floats, scale: Floats, weight: Floats) -> Self:
        """Return the kernel with the most likely degrees of freedom on a grid from 2 to 30.

        Only curves of 40 runs or more can tell them; the scale is estimated again for each value.
        """
        enough = weight.sum(axis=1) >= _MIN_RUNS
        if not (self.free and enough.any()):
            return self
        gap = self.standard(y, mean, scale)
        best = np.full(len(y), np.inf)
        df = self.df.copy()
        for nu in _GRID:
            trial = replace(self, df=np.full(len(y), nu))
            log_scale = np.zeros(len(y))
            for _ in range(20):
                u = gap * np.exp(-log_scale)[:, None]
                value, first, second = trial.rho(u)
                slope = (weight * (1.0 - first * u)).sum(axis=1)
                bend = (weight * (second * u * u + first * u)).sum(axis=1)
                log_scale = log_scale - np.clip(slope / np.maximum(bend, 1e-300), -1.0, 1.0)
            total = (weight * (value + log_scale[:, None])).sum(axis=1)
            better = enough & (total < best)
            df, best = np.where(better, nu, df), np.where(better, total, best)
        return replace(self, df=df)

    def quantile(self, level: Any, df: Floats) -> Floats:
        """Return the quantile of t, with no more degrees of freedom than the scale has."""
        return np.asarray(stdtrit(np.minimum(self.df, df), 0.5 + 0.5 * level), dtype=float)

    def take(self, rows: Any) -> Self:
        """Return the kernel of some of the problems."""
        return replace(self, df=self.df[rows])

    def inflation(self, y: Floats, mean: Floats, scale: Floats, weight: Floats) -> Floats:
        """Return ``E psi^2 / E psi'``, at least 1, its value where errors are t.

        Errors with shorter tails make a likelihood ratio larger (Kent 1982,
        doi:10.1093/biomet/69.1.19): by 1.12 where they are normal and t has 4 degrees of freedom.
        """
        u = self.standard(y, mean, scale)
        _, psi, slope = self.rho(np.where(np.isfinite(u), u, 0.0))
        square, bend = (weight * psi**2).sum(axis=1), (weight * slope).sum(axis=1)
        return np.asarray(np.maximum(square / np.where(bend > 0, bend, np.inf), 1.0))


#: Runs from which the degrees of freedom of t are estimated, and the values tried.
_MIN_RUNS = 40
_GRID = (2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 30.0)


@dataclass(frozen=True, slots=True)
class HuberKernel(ResidualKernel):
    """Huber's function: quadratic within ``threshold`` scales, linear beyond.

    Huber 1964, doi:10.1214/aoms/1177703732, with the scale estimated beside the curve: the
    density least favourable to a normal with a share of outliers.
    """

    threshold: float

    def rho(self, u: Floats) -> tuple[Floats, Floats, Floats]:
        """Return Huber's function and its derivatives."""
        k = self.threshold
        near = np.abs(u) <= k
        value = np.where(near, 0.5 * u * u, k * np.abs(u) - 0.5 * k * k)
        return value, np.clip(u, -k, k), near.astype(float)

    def curvature(self, u: Floats, scale: Floats, weight: Floats) -> Floats:
        """Return the share of runs within the threshold, ``(B,)``."""
        inside = (weight * (np.abs(u) <= self.threshold)).sum(axis=1)
        return np.asarray(np.maximum(inside, 1.0) / np.maximum(weight.sum(axis=1), 1.0))

    def inflation(self, y: Floats, mean: Floats, scale: Floats, weight: Floats) -> Floats:
        """Return ``E psi^2 / E psi'`` (Schrader & Hettmansperger 1980, doi:10.2307/2335315)."""
        u = self.standard(y, mean, scale)
        _, psi, _ = self.rho(np.where(np.isfinite(u), u, 0.0))
        square = (weight * psi**2).sum(axis=1) / np.maximum(weight.sum(axis=1), 1.0)
        return np.asarray(square / self.curvature(u, scale, weight))


@dataclass(frozen=True, slots=True)
class LaplaceKernel(ResidualKernel):
    """Absolute values, rounded off within ``threshold`` of zero in units of the residual itself.

    The scale plays no part in the fit: it is that of a Laplace density.
    """

    threshold: float

    def contribution(self, y: Floats, mean: Floats, scale: Floats) -> Contribution:
        """Return ``H(residual) / (threshold scale) + log(scale)``, with H Huber's function."""
        log = self.link == "log"
        possible = mean > 0 if log else np.isfinite(mean)
        safe = np.where(possible, mean, 1.0)
        slope = 1.0 / safe if log else np.ones_like(safe)
        gap = np.log(y * slope) if log else y - safe
        part = self._size(gap) / scale
        first = np.clip(gap / self.threshold, -1.0, 1.0) / scale * slope
        second = (np.abs(gap) <= self.threshold) / (self.threshold * scale) * slope * slope
        return Contribution(
            np.where(possible, part + np.log(scale), np.inf),
            -first,
            second + first * slope if log else second,
            1.0 - part,
            part,
            first,
        )

    def _size(self, gap: Floats) -> Floats:
        """Return Huber's function of residuals over its threshold."""
        far = np.abs(gap)
        within = np.minimum(far, self.threshold)
        return within * (far - 0.5 * within) / self.threshold

    def by_scale(self, y: Floats, mean: Floats, scale: Floats) -> tuple[Floats, Floats]:
        """Return the derivatives of the contribution in the log of the scale alone."""
        part = self._size(self.standard(y, mean, np.ones_like(scale))) / scale
        return 1.0 - part, part

    def pulls(
        self, y: Floats, mean: Floats, relative: Floats, weight: Floats, log_scale: Floats
    ) -> Pulls:
        """Return the pulls of runs; the best scale is the mean of Huber's function."""
        log = self.link == "log"
        slope = 1.0 / mean if log else 1.0
        gap = np.log(y * slope) if log else y - mean
        far = np.abs(gap)
        within = np.minimum(far, self.threshold)
        share = weight / relative
        total = (share * (within * (far - 0.5 * within))).sum(axis=1) / self.threshold
        n = weight.sum(axis=1)
        known = np.isfinite(total)  # not where a mean is impossible
        scale = np.maximum(np.where(known, total, 1.0) / n, least_scale(self.link, y))
        log_scale[:] = np.log(scale)
        share *= slope / (self.threshold * scale[:, None])
        pull = share * np.clip(gap, -self.threshold, self.threshold)
        twice = share * (far <= self.threshold)
        if log:
            twice = (twice + pull) * slope
        value = np.where(known, total / scale + n * log_scale, np.inf)
        if relative.size > len(relative):
            value = value + (weight * np.log(relative)).sum(axis=1)
        return Pulls(value, -pull, twice, pull, total / scale)

    def curvature(self, u: Floats, scale: Floats, weight: Floats) -> Floats:
        """Return twice the density of standard residuals at zero, by a normal kernel, ``(B,)``.

        Residuals that are zero because the curve passes through them say nothing about it.
        """
        used = weight * (np.abs(u) * scale > 2.0 * self.threshold)
        n = np.maximum(used.sum(axis=1), 2.0)
        some = np.where(used > 0, np.abs(u), np.nan)
        some[~(used > 0).any(axis=1)] = 1.0
        spread = np.nanmedian(some, axis=1) / ndtri(0.75)
        width = np.maximum(0.9 * spread * n**-0.2, 1e-12)[:, None]
        density = (used * np.exp(-0.5 * (u / width) ** 2)).sum(axis=1)
        density = density / (n * width[:, 0] * np.sqrt(2.0 * np.pi))
        return np.asarray(np.maximum(2.0 * density, 1e-6))

    def inflation(self, y: Floats, mean: Floats, scale: Floats, weight: Floats) -> Floats:
        """Return ``1 / (2 f(0))`` for the density f of standard residuals.

        The variance of a least-absolute-deviations estimate is ``1 / (4 f(0)^2)`` over the sum of
        squares (Bassett & Koenker 1978, doi:10.1080/01621459.1978.10480065).
        """
        return 1.0 / self.curvature(self.standard(y, mean, scale), scale, weight)

    def stages(self) -> tuple[Kernel, ...]:
        """Return kernels whose thresholds shrink threefold from 1e-3, where minima are smooth."""
        steps = [self.threshold]
        while steps[-1] < _SMOOTH / 3.0:
            steps.append(3.0 * steps[-1])
        if steps[-1] < _SMOOTH:
            steps.append(_SMOOTH)
        return (*(replace(self, threshold=step) for step in steps[:0:-1]), self)

    @property
    def kinked(self) -> bool:
        """Return whether few residuals are within the threshold, where alone it has a curvature."""
        return self.threshold < _WIDE

    def eased(self) -> tuple[Kernel, ...]:
        """Return kernels whose thresholds halve from a tenth: beyond them there is no curvature."""
        steps = int(np.ceil(np.log2(_WIDE / self.threshold)))
        return tuple(replace(self, threshold=self.threshold * 2.0**k) for k in range(steps, 0, -1))


#: Threshold from which an objective is smooth enough for a scan, and one that few residuals reach.
_SMOOTH, _WIDE = 1e-3, 0.1
