"""What an error model tells a solver: how unlikely a run is, given the curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Contribution",
    "Kernel",
    "Link",
    "Pulls",
    "best_log_scale",
    "best_scale",
    "least_scale",
    "pseudo_rss",
    "usual_pulls",
]

Floats = NDArray[np.float64]
#: Scale on which a run scatters about the curve.
Link = Literal["identity", "log"]
#: Smallest scale, relative to the scores: rounding of a perfect fit.
TINY_SCALE = 1e-13
#: Newton steps for the scale that all runs of a curve share; two are typical.
_SCALE_STEPS = 40


@dataclass(frozen=True, slots=True)
class Contribution:
    """Minus the log density of each run, and its derivatives; arrays ``(B, n)``.

    Parameters
    ----------
    value : array
        Infinite where the mean is impossible.
    by_mean, by_mean_twice : array
        First and second derivative in the mean.
    by_scale, by_scale_twice, by_both : array
        Derivatives in the log of the scale, and the mixed one.
    """

    value: Floats
    by_mean: Floats
    by_mean_twice: Floats
    by_scale: Floats
    by_scale_twice: Floats
    by_both: Floats


@dataclass(frozen=True, slots=True)
class Pulls:
    """What a step towards better means needs of all runs, at the best scale.

    Parameters
    ----------
    value : array (B,)
        Minus the log likelihood of all runs.
    by_mean, by_mean_twice, by_both : arrays (B, n)
        Derivatives of :class:`Contribution`, times how often each run counts.
    by_scale_twice : array (B,)
        Second derivative in the log of the scale, of all runs.
    """

    value: Floats
    by_mean: Floats
    by_mean_twice: Floats
    by_both: Floats
    by_scale_twice: Floats


class Kernel(Protocol):
    """Half the deviance of one run, given its mean and its scale.

    Least squares has no kernel: its normal equations are solved in closed form. Runs are rows of
    ``B`` problems with ``n`` runs each.
    """

    @property
    def link(self) -> Link:
        """Scale on which errors are symmetric."""

    @property
    def domain(self) -> tuple[float, float]:
        """Bounds between which a run's mean lies."""

    def contribution(self, y: Floats, mean: Floats, scale: Floats) -> Contribution:
        """Return minus the log density of runs ``(B, n)`` and its derivatives."""

    def by_scale(self, y: Floats, mean: Floats, scale: Floats) -> tuple[Floats, Floats]:
        """Return the derivatives of the contribution in the log of the scale alone."""

    def pulls(
        self, y: Floats, mean: Floats, relative: Floats, weight: Floats, log_scale: Floats
    ) -> Pulls:
        """Return the pulls of runs ``(B, n)``; ``log_scale`` ``(B,)`` is brought to its best value.

        It is changed in place.
        """

    def information(self, y: Floats, mean: Floats, scale: Floats, weight: Floats) -> Floats:
        """Return the curvature of the contribution in the mean to be expected, ``(B, n)``."""

    def inflation(self, y: Floats, mean: Floats, scale: Floats, weight: Floats) -> Floats:
        """Return by how much the variance of the estimate exceeds what the likelihood says.

        Shape ``(B,)``; 1 where the density is the truth.
        """

    def settled(self, y: Floats, mean: Floats, scale: Floats, weight: Floats) -> Self:
        """Return the kernel with what else it leaves free estimated, given the means."""

    def stages(self) -> tuple[Kernel, ...]:
        """Return kernels from one whose minimum is easily found to this one.

        The first has a curvature, and serves for intervals.
        """

    def eased(self) -> tuple[Kernel, ...]:
        """Return kernels ever more like this one, whose minima are reached from farther off."""

    @property
    def kinked(self) -> bool:
        """Whether its curvature comes and goes, so that quadratic models mislead."""

    @property
    def long_tailed(self) -> bool:
        """Whether minus its log density grows like a log: few runs far off cost next to nothing."""

    def deviation(self, mean: Floats, scale: Floats) -> Floats:
        """Return what a run's distance from its mean is measured by, on the scale of the link."""

    def arms(self, level: Any, df: Floats, mean: Floats, scale: Floats) -> tuple[Floats, Floats]:
        """Return how far below and above its mean a run may lie, with probability ``level``.

        One level, or one a run. On the scale of the link, for a scale known to ``df``.
        """

    def take(self, rows: Any) -> Self:
        """Return the kernel of some of the problems."""


def pseudo_rss(value: Floats, n: Floats) -> Floats:
    """Return ``n exp(2 value / n)`` for ``value`` minus a log likelihood at its best scale.

    For normal errors this is the residual sum of squares up to a constant factor, so that F and t
    formulas, the information criteria and profile cuts keep their meaning for any likelihood.
    """
    with np.errstate(over="ignore"):
        rss: Floats = n * np.exp(2.0 * value / n)
    return rss


def usual_pulls(
    kernel: Kernel, y: Floats, mean: Floats, relative: Floats, weight: Floats, log_scale: Floats
) -> Pulls:
    """Return :meth:`Kernel.pulls` of any kernel, the scale being found by Newton's method."""
    _bring(kernel, y, mean, relative, weight, log_scale)
    return _weighted(kernel.contribution(y, mean, np.exp(log_scale)[:, None] * relative), weight)


def _bring(
    kernel: Kernel, y: Floats, mean: Floats, relative: Floats, weight: Floats, log_scale: Floats
) -> None:
    """Bring log scales ``(B,)`` to their best values in place, given the means ``(B, n)``."""

    def by_scale(log_scale: Floats) -> tuple[Floats, Floats]:
        first, second = kernel.by_scale(y, mean, np.exp(log_scale)[:, None] * relative)
        return (weight * first).sum(axis=1), (weight * second).sum(axis=1)

    best_log_scale(by_scale, log_scale, np.log(least_scale(kernel.link, y)))


def best_log_scale(
    by_scale: Callable[[Floats], tuple[Floats, Floats]], log_scale: Floats, least: Floats
) -> None:
    """Bring log scales ``(B,)`` to their best values in place, at ``least`` or above.

    ``by_scale`` returns the two derivatives of what is to be small, both ``(B,)``.
    """
    for _ in range(_SCALE_STEPS):
        slope, stiff = by_scale(log_scale)
        move = np.clip(-slope / np.maximum(np.abs(stiff), 1e-300), -2.0, 2.0)
        move = np.where(np.isfinite(move), move, 0.0)
        log_scale[:] = np.maximum(log_scale + move, least)
        # Convergence is quadratic: such a step leaves an error of its square.
        if np.all((np.abs(move) < 1e-5) | (log_scale <= least)):
            break


def least_scale(link: Link, y: Floats) -> Floats:
    """Return the scale that is the rounding of the scores ``(B, n)``, ``(B,)``."""
    unit = np.ones(len(y)) if link == "log" else np.maximum(np.abs(y).max(axis=1), 1e-280)
    return TINY_SCALE * unit


def _weighted(part: Contribution, weight: Floats) -> Pulls:
    value = (weight * part.value).sum(axis=1)
    if np.isnan(value).any():  # an impossible mean of a run that counts nothing
        value = np.where(weight > 0, weight * part.value, 0.0).sum(axis=1)
    return Pulls(
        value, weight * part.by_mean, weight * part.by_mean_twice, weight * part.by_both,
        (weight * part.by_scale_twice).sum(axis=1),
    )  # fmt: skip


def best_scale(kernel: Kernel, y: Floats, mean: Floats, relative: Floats, weight: Floats) -> Floats:
    """Return the most likely scale of each run, given the means; arrays ``(B, n)``."""
    gap = np.log(y / np.where(mean > 0, mean, y)) if kernel.link == "log" else y - mean
    n = np.maximum(weight.sum(axis=1), 1.0)
    start = np.sqrt((weight * (gap / relative) ** 2).sum(axis=1) / n)
    least = np.log(least_scale(kernel.link, y))
    log_scale = np.maximum(np.log(np.maximum(start, 1e-300)), least)
    _bring(kernel, y, mean, relative, weight, log_scale)
    scale: Floats = np.exp(log_scale)[:, None] * relative
    return scale
