"""Error models: how runs scatter about the curve, one file a model, listed in one place."""

from __future__ import annotations

from typing import Protocol

from ..errors import ScalefitError, nearest
from ..sample import Sample
from .gaussian import Gaussian, Variance, variance_slope

__all__ = ["Gaussian", "Noise", "Variance", "get_noise", "variance_slope"]


class Noise(Protocol):
    """An error model: what it makes of a sample is all that solvers and intervals see."""

    @property
    def name(self) -> str:
        """Name in ``noise=``."""

    @property
    def variance(self) -> Variance:
        """How the variance may change with size."""

    @property
    def words(self) -> str:
        """The errors in words, to follow "Errors were taken as"."""

    def weigh(self, sample: Sample) -> Sample:
        """Return the sample with the weights, and the kernel, of this error model."""


def get_noise(noise: str | Noise | None, variance: Variance = "auto") -> Noise:
    """Return the error model that ``noise=`` and ``variance=`` ask for."""
    if noise is not None and not isinstance(noise, str):
        return noise
    if noise not in (None, "gaussian"):
        raise ScalefitError(
            f"no noise named {noise!r}; the noises are gaussian" + nearest(str(noise), ["gaussian"])
        )
    if variance not in ("auto", "constant", "power"):
        raise ScalefitError(
            f"variance={variance!r}; use 'auto', 'constant' or 'power'"
            + nearest(str(variance), ["auto", "constant", "power"])
        )
    return Gaussian(variance)
