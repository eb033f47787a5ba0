"""Beta errors: scores between 0 and 1 that scatter less the nearer they come to either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, digamma, gammaln, ndtr, polygamma, stdtrit

from ..errors import ScalefitError
from ..kernel import Contribution, Link
from ..levels import free_levels
from ..sample import Sample
from .gaussian import Variance, vary
from .residual import Plain

__all__ = ["Beta", "BetaKernel"]

Floats = NDArray[np.float64]
#: Half the logarithm of 2 pi e: with it left out, values are those of normal errors where these
#: are the limit.
_NORMAL = 0.5 * (np.log(2.0 * np.pi) + 1.0)
#: From here on Stirling's series has all digits.
_LARGE = 12.0


@dataclass(frozen=True, slots=True)
class Beta:
    """Beta errors about the curve: ``score ~ Beta(mean phi, (1 - mean) phi)``.

    The variance of a run is ``mean (1 - mean) / (1 + phi)``. Ferrari & Cribari-Neto 2004
    (doi:10.1080/0266476042000214501), with the curve on the metric's own scale.

    Parameters
    ----------
    variance : {"auto", "constant", "power"}
        How the precision phi depends on size: as in :class:`~scalefit.noise.Gaussian`, for
        ``1 / phi``.

    Examples
    --------
    >>> Beta().name
    'beta'
    """

    variance: Variance = "auto"

    @property
    def name(self) -> str:
        """Name in ``noise=``."""
        return "beta"

    @property
    def roles(self) -> frozenset[str]:
        """No roles: only the scores of single runs."""
        return frozenset()

    @property
    def words(self) -> str:
        """The errors in words."""
        precision = "the same at every size" if self.variance == "constant" else (
            "a power of the size where replicates tell it"
        )  # fmt: skip
        return f"beta on the metric's own scale, with a precision that is {precision}"

    def weigh(self, sample: Sample) -> Sample:
        """Return the sample with its weights and the kernel of this error model."""
        if not sample.runs.shape[2]:
            raise ScalefitError(
                "noise='beta' needs the single runs; from means and standard deviations only "
                "noise='gaussian' can be fitted"
            )
        outside = sample.runs[(sample.runs <= 0) | (sample.runs >= 1)]
        if outside.size:
            raise ScalefitError(
                f"noise='beta' needs scores between 0 and 1, neither included; one is "
                f"{outside[0]:g}; divide percentages by 100, or use noise='gaussian'"
            )
        kernel = BetaKernel()
        sample = vary(replace(sample, kernel=kernel), self.variance)
        return replace(sample, pure=free_levels(kernel, sample.runs, sample.relative))


@dataclass(frozen=True, slots=True)
class BetaKernel(Plain):
    """The beta density with precision ``phi = 1 / scale^2``."""

    @property
    def link(self) -> Link:
        """The metric's own scale."""
        return "identity"

    @property
    def domain(self) -> tuple[float, float]:
        """Means a run may have."""
        return 0.0, 1.0

    def contribution(self, y: Floats, mean: Floats, scale: Floats) -> Contribution:
        """Return minus the log density of runs ``(B, n)`` and its derivatives.

        With ``a = mean phi``, ``b = (1 - mean) phi``, and Stirling's formula taken out of the
        three gamma functions, which cancel to the leading digits where phi is large.
        """
        possible = (mean > 0) & (mean < 1)
        y, m = _inside(y), _inside(mean)
        phi = scale**-2.0
        a, b = m * phi, (1.0 - m) * phi
        gap = y - m
        distance = -m * np.log1p(gap / m) - (1.0 - m) * np.log1p(-gap / (1.0 - m))
        rest = _stirling_rest(phi) - _stirling_rest(a) - _stirling_rest(b)
        density = (
            0.5 * (np.log(phi / (2.0 * np.pi)) + np.log(m) + np.log1p(-m))
            - phi * distance - np.log(y) - np.log1p(-y) + rest
        )  # fmt: skip
        pull = _pull(y, m, a, b)
        first, second = self.by_scale(y, m, scale)
        bend_a, bend_b = _trigamma(a), _trigamma(b)
        mixed = -pull - phi * ((1.0 - m) * bend_b - m * bend_a)
        return Contribution(
            np.where(possible, -density - _NORMAL, np.inf),
            -phi * pull,
            phi * phi * (bend_a + bend_b),
            first,
            second,
            -2.0 * phi * mixed,
        )

    def by_scale(self, y: Floats, mean: Floats, scale: Floats) -> tuple[Floats, Floats]:
        """Return the derivatives of the contribution in the log of the scale alone."""
        y, m = _inside(y), _inside(mean)
        phi = scale**-2.0
        a, b = m * phi, (1.0 - m) * phi
        gap = y - m
        distance = -m * np.log1p(gap / m) - (1.0 - m) * np.log1p(-gap / (1.0 - m))
        # psi(phi) - m psi(a) - (1 - m) psi(b), less logarithms, which the distance holds.
        along = distance - (_digamma_rest(phi) - m * _digamma_rest(a) - (1 - m) * _digamma_rest(b))
        bend = -_trigamma(phi) + m * m * _trigamma(a) + (1 - m) ** 2 * _trigamma(b)
        return -2.0 * phi * along, 4.0 * phi * along + 4.0 * phi * phi * bend

    def information(self, y: Floats, mean: Floats, scale: Floats, weight: Floats) -> Floats:
        """Return the curvature of the contribution in the mean to be expected, ``(B, n)``."""
        m = np.clip(mean, 1e-9, 1.0 - 1e-9)
        phi = scale**-2.0
        found: Floats = phi * phi * (_trigamma(m * phi) + _trigamma((1.0 - m) * phi))
        return found

    def deviation(self, mean: Floats, scale: Floats) -> Floats:
        """Return the standard deviation of a run."""
        m = np.clip(mean, 1e-9, 1.0 - 1e-9)
        found: Floats = np.sqrt(m * (1.0 - m) / (1.0 + scale**-2.0))
        return found

    def arms(self, level: Any, df: Floats, mean: Floats, scale: Floats) -> tuple[Floats, Floats]:
        """Return how far below and above its mean a run may lie: quantiles of the beta density.

        Their tails are those beyond the normal quantile that equals the one of t, so that a scale
        known to few degrees of freedom counts as it does for normal errors.
        """
        tail = ndtr(-np.asarray(stdtrit(df, 0.5 + 0.5 * level)))
        m = np.clip(mean, 1e-9, 1.0 - 1e-9)
        a, b = m * scale**-2.0, (1.0 - m) * scale**-2.0
        return m - betaincinv(a, b, tail), betaincinv(a, b, 1.0 - tail) - m


def _inside(values: Floats) -> Floats:
    """Return values with one half for those that are impossible, and padding."""
    return np.where((values > 0) & (values < 1), values, 0.5)


def _pull(y: Floats, m: Floats, a: Floats, b: Floats) -> Floats:
    """Return ``logit(y) - psi(a) + psi(b)``, without cancellation for large a and b."""
    gap = y - m
    logs = np.log1p(gap / m) - np.log1p(-gap / (1.0 - m))
    total: Floats = logs - _digamma_rest(a) + _digamma_rest(b)
    return total


def _digamma_rest(x: Floats) -> Floats:
    """Return ``psi(x) - log(x)``; Abramowitz & Stegun 1964, 6.3.18, for large x."""

    def series(big: Floats) -> Floats:
        r = 1.0 / (big * big)
        terms = 1 / 240 - r * (1 / 132 - r * 691 / 32760)
        return -0.5 / big - r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * terms)))

    return _of_size(x, series, lambda small: digamma(small) - np.log(small))


def _trigamma(x: Floats) -> Floats:
    """Return the derivative of psi; Abramowitz & Stegun 1964, 6.4.12, for large x."""

    def series(big: Floats) -> Floats:
        r = 1.0 / (big * big)
        terms = 1 / 30 - r * (5 / 66 - r * 691 / 2730)
        inner = 1 / 6 - r * (1 / 30 - r * (1 / 42 - r * terms))
        return (1.0 + 0.5 / big + r * inner) / big

    return _of_size(x, series, lambda small: np.asarray(polygamma(1, small)))


def _stirling_rest(x: Floats) -> Floats:
    """Return what Stirling's formula leaves of ``log gamma(x)``; 6.1.41 for large x."""

    def series(big: Floats) -> Floats:
        r = 1.0 / (big * big)
        terms = 1 / 1680 - r * (1 / 1188 - r * 691 / 360360)
        return (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * terms))) / big

    def plain(small: Floats) -> Floats:
        stirling = (small - 0.5) * np.log(small) - small + 0.5 * np.log(2.0 * np.pi)
        return np.asarray(gammaln(small) - stirling)

    return _of_size(x, series, plain)


def _of_size(
    x: Floats, series: Callable[[Floats], Floats], plain: Callable[[Floats], Floats]
) -> Floats:
    """Return an asymptotic series where it has all digits, and a slower function elsewhere."""
    found = series(np.maximum(x, _LARGE))
    small = x < _LARGE
    if small.any():
        found[small] = plain(x[small])
    return found
