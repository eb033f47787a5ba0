"""How runs scatter about a curve, for posteriors: which numbers that has, and how likely rows are.

The density of a row is written once, for numpy and for PyTensor. Rows stand on the last axis.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from .kernel import Link
from .noise.beta import BetaKernel
from .noise.residual import NormalKernel, StudentKernel
from .rows import Rows, means_of_sizes, runs
from .sample import Sample

__all__ = ["LEAST_NEWS", "NUMPY", "Scatter", "kinds", "likeness", "scatter_of", "unmodelled"]

Array = Any
Floats = NDArray[np.float64]

#: What densities are computed with, where that is numpy.
NUMPY = SimpleNamespace(
    exp=np.exp, log=np.log, log1p=np.log1p, sqrt=np.sqrt, maximum=np.maximum, minimum=np.minimum,
    take=np.take, dot=np.dot, eq=np.equal, tril=np.tril, gammaln=gammaln,
)  # fmt: skip
_HALF_LOG_2PI = 0.5 * float(np.log(2.0 * np.pi))
#: A mean that logs or beta densities do not allow is as good as impossible.
_TINY, _EDGE = 1e-300, 1e-9
#: Variance of what is new in a row that repeats the one before.
LEAST_NEWS = 1e-9


@dataclass(frozen=True, slots=True)
class Scatter:
    """How runs scatter about a curve.

    Its numbers, by name: ``noise`` (standard deviation of one run at the centre of the sizes, on
    the scale of the link; of beta errors, as a share of ``sqrt(mean (1 - mean))``) or
    ``extra_noise`` (beyond the known error), ``noise_slope`` (change of the log variance per e-fold
    of the driver), ``df`` (of t), ``correlation`` (of neighbouring rows of one training run) and
    ``seed_noise`` (standard deviation of what all runs of a seed share).

    Parameters
    ----------
    density : {"normal", "student", "beta"}
    link : {"identity", "log"}
        Scale on which errors are symmetric.
    df : float or None
        Degrees of freedom of t; None if they are estimated.
    varies : bool
        Whether the variance may change with size.
    given : bool
        Whether rows have known errors, beyond which there is a variance.
    alike : {"", "run", "seed"}
        Whether rows of one training run are correlated along log size, as in a first-order
        autoregression; or runs of one seed have a shift in common.
    """

    density: Literal["normal", "student", "beta"] = "normal"
    link: Link = "identity"
    df: float | None = None
    varies: bool = False
    given: bool = False
    alike: Literal["", "run", "seed"] = ""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the numbers, in order."""
        heavy = self.density == "student" and self.df is None
        own = {"": (), "run": ("correlation",), "seed": ("seed_noise",)}[self.alike]
        return (
            "extra_noise" if self.given else "noise",
            *(("noise_slope",) if self.varies else ()),
            *(("df",) if heavy else ()),
            *own,
        )

    @property
    def linear(self) -> bool:
        """Whether runs are jointly normal about the curve."""
        return self.density == "normal" and self.link == "identity"

    def rows(self, sample: Sample) -> Rows:
        """Return the rows whose densities are those of the sample: runs, or means of sizes."""
        whole = self.linear and not self.given and not self.alike
        return means_of_sizes(sample) if whole else runs(sample)

    def log_density(
        self, rows: Rows, mean: Array, noise: Mapping[str, Array], xp: Any = NUMPY
    ) -> Array:
        """Return the log density of each row given those before it, ``(..., n)``.

        Parameters
        ----------
        rows : Rows
            Arrays or symbolic variables.
        mean : array (..., n)
            Of each row, in the metric's units.
        noise : mapping of str to array
            Each number of the scatter, for each row.
        xp : namespace
            :data:`NUMPY`, or ``pytensor.tensor``.
        """
        log_scale = self._log_scale(rows, noise, xp)
        if self.density == "beta":
            return _log_beta(rows.y, mean, log_scale, xp)
        if self.link == "log":
            log_y = xp.log(rows.y)
            gap, change = log_y - xp.log(xp.maximum(mean, _TINY)), -log_y
        else:
            gap, change = rows.y - mean, 0.0
        if self.alike == "run":
            gap, log_scale = _news(rows, gap, log_scale, noise["correlation"], xp)
        elif self.alike == "seed":
            gap, log_scale = _beyond_seed(rows, gap, log_scale, noise["seed_noise"], xp)
        square = gap * gap * xp.exp(-2.0 * log_scale)
        if self.density == "student":
            df = noise["df"] if self.df is None else self.df
            return change - log_scale + _log_t(square, df, xp)
        within = rows.spread * xp.exp(-2.0 * log_scale)
        total = -rows.count * (log_scale + _HALF_LOG_2PI) - 0.5 * (rows.count * square + within)
        return change + total

    def _log_scale(self, rows: Rows, noise: Mapping[str, Array], xp: Any) -> Array:
        """Return the log of the standard deviation of each run, as if it stood alone."""
        if self.given:
            return 0.5 * xp.log(noise["extra_noise"] ** 2 + rows.error**2)
        log_scale = xp.log(noise["noise"])
        return log_scale + 0.5 * noise["noise_slope"] * rows.place if self.varies else log_scale

    def standard(self, rows: Rows, y: Floats, mean: Floats, noise: Mapping[str, Floats]) -> Floats:
        """Return residuals of scores of rows in their standard deviations, each on its own."""
        scale = np.exp(self._log_scale(rows, noise, NUMPY))
        if self.density == "beta":
            a, b = _beta_shapes(mean, np.log(scale), NUMPY)
            return np.asarray((y - mean) / np.sqrt(a * b / (a + b + 1.0)) * (a + b))
        if self.alike == "seed":
            scale = np.hypot(scale, noise["seed_noise"])
        if self.link == "log":
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.asarray((np.log(y) - np.log(mean)) / scale)
        return np.asarray((y - mean) / scale)

    def new_scores(
        self, rows: Rows, mean: Floats, noise: Mapping[str, Floats], rng: np.random.Generator
    ) -> Floats:
        """Return new scores ``(S, n)`` of a curve's rows, each a run, about means ``(S, n)``.

        Runs and seeds are new ones, alike where those of the table are.
        """
        scale = np.exp(self._log_scale(rows, noise, NUMPY))
        error = rng.standard_normal(mean.shape)
        if self.density == "student":
            df = np.broadcast_to(noise["df"] if self.df is None else self.df, mean.shape)
            error = error / np.sqrt(rng.chisquare(df) / df)
        if self.density == "beta":
            a, b = _beta_shapes(mean, np.log(scale), NUMPY)
            return np.asarray(rng.beta(a, b))
        if self.alike == "run":
            share = likeness(rows.follows, rows.step, noise["correlation"])
            share = np.broadcast_to(share, mean.shape)
            for i in np.flatnonzero(rows.follows):  # a row comes after those before it
                error[:, i] = share[:, i] * error[:, rows.before[i]] + np.sqrt(
                    np.maximum(1.0 - share[:, i] ** 2, LEAST_NEWS)
                ) * error[:, i]  # fmt: skip
        error = scale * error
        if self.alike == "seed":
            effect = rng.standard_normal((len(mean), int(rows.seed.max(initial=0)) + 1))
            error = error + noise["seed_noise"] * effect[:, rows.seed]
        if self.link == "log":
            with np.errstate(over="ignore"):
                return np.asarray(mean * np.exp(error))
        return np.asarray(mean + error)


def likeness(follows: Array, step: Array, correlation: Array, xp: Any = NUMPY) -> Array:
    """Return the correlation of each row with the one before it in its run.

    ``follows`` and ``step`` are those of :class:`~scalefit.rows.Rows`.
    """
    return follows * xp.exp(step * xp.log(xp.maximum(correlation, _TINY)))


def _news(
    rows: Rows, gap: Array, log_scale: Array, correlation: Array, xp: Any
) -> tuple[Array, Array]:
    """Return what is new in each row's error, given the row before, and the log of its scale."""
    share = likeness(rows.follows, rows.step, correlation, xp)
    left = 0.5 * xp.log(xp.maximum(1.0 - share * share, LEAST_NEWS))
    return gap - share * xp.take(gap, rows.before, axis=-1), log_scale + left


def _beyond_seed(
    rows: Rows, gap: Array, log_scale: Array, seed_noise: Array, xp: Any
) -> tuple[Array, Array]:
    """Return each row's error about what earlier rows of its seed foretell, and its log scale.

    The shift of a seed is normal, and known the better the more rows of it were seen.
    """
    precision = xp.exp(-2.0 * log_scale) + 0.0 * gap
    alike = 1.0 * xp.eq(rows.seed[:, None], rows.seed[None, :])
    earlier = xp.tril(alike, -1).T
    seen, total = xp.dot(precision, earlier), xp.dot(precision * gap, earlier)
    variance = 1.0 / (seed_noise**-2.0 + seen)
    return gap - variance * total, 0.5 * xp.log(xp.exp(2.0 * log_scale) + variance)


def _log_t(square: Array, df: Array, xp: Any) -> Array:
    """Return the log density of Student's t for squares of standard residuals."""
    half = 0.5 * df
    constant = xp.gammaln(half + 0.5) - xp.gammaln(half) - 0.5 * xp.log(np.pi * df)
    return constant - (half + 0.5) * xp.log1p(square / df)


def _beta_shapes(mean: Array, log_scale: Array, xp: Any) -> tuple[Array, Array]:
    """Return the two shapes of a beta density with precision ``1 / scale^2``."""
    inside = xp.minimum(xp.maximum(mean, _EDGE), 1.0 - _EDGE)
    precision = xp.exp(-2.0 * log_scale)
    return inside * precision, (1.0 - inside) * precision


def _log_beta(y: Array, mean: Array, log_scale: Array, xp: Any) -> Array:
    a, b = _beta_shapes(mean, log_scale, xp)
    norm = xp.gammaln(a + b) - xp.gammaln(a) - xp.gammaln(b)
    return norm + (a - 1.0) * xp.log(y) + (b - 1.0) * xp.log1p(-y)


def unmodelled(sample: Sample) -> str:
    """Return why no posterior knows the errors of a sample; empty if one does."""
    if not isinstance(sample.kernel, (NormalKernel, StudentKernel, BetaKernel, type(None))):
        return (
            "noise='huber', 'hoffmann' and 'lad' are objectives and have no posterior; use "
            "noise='student', which bears outliers as well"
        )
    if sample.frame.other and np.isfinite(sample.errors.correlation).any():
        return (
            "checkpoints of runs with several drivers have no posterior; use noise='student' for "
            "rows as independent runs, or method='least_squares'"
        )
    return ""


def kinds(sample: Sample) -> NDArray[np.intp]:
    """Return a number a curve, ``(G,)``: curves of one kind have the same numbers of the noise.

    Not all curves of a table tell how the variance depends on size, or how alike rows are.
    """
    told = np.stack([sample.variance_df > 0, np.isfinite(sample.errors.correlation)])
    return np.asarray(np.unique(told, axis=1, return_inverse=True)[1].ravel(), dtype=np.intp)


def scatter_of(sample: Sample) -> Scatter:
    """Return how the runs of a sample scatter, by its error model."""
    kernel, errors = sample.kernel, sample.errors
    density: Literal["normal", "student", "beta"] = "normal"
    df = None
    if isinstance(kernel, StudentKernel):
        density, df = "student", None if kernel.free else float(kernel.df[0])
    elif isinstance(kernel, BetaKernel):
        density = "beta"
    alike: Literal["", "run", "seed"] = ""
    if np.isfinite(errors.correlation).any():
        alike = "run"
    elif np.isfinite(errors.common_df).any():
        alike = "seed"
    given = bool(np.isfinite(errors.extra_variance).any())
    return Scatter(
        density, "identity" if kernel is None else kernel.link, df,
        bool((sample.variance_df > 0).any()) and not given, given, alike,
    )  # fmt: skip
