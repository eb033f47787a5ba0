"""Error models: how runs scatter about the curve, one file a model, listed in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from ..errors import ScalefitError, nearest
from ..sample import Sample
from .gaussian import Gaussian, Variance, variance_slope
from .likelihoods import LIKELIHOODS, Hoffmann, Huber, Lad, LogNormal, Student

__all__ = [
    "NOISES",
    "Gaussian",
    "Hoffmann",
    "Huber",
    "Lad",
    "LogNormal",
    "Noise",
    "Student",
    "Variance",
    "get_noise",
    "usual_noise",
    "variance_slope",
]


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


#: Every error model that a name can ask for.
NOISES: dict[str, Callable[..., Noise]] = {"gaussian": Gaussian, **LIKELIHOODS}


def get_noise(noise: str | Noise | None, variance: Variance = "auto") -> Noise | None:
    """Return the error model that ``noise=`` and ``variance=`` ask for; None leaves it open."""
    if variance not in ("auto", "constant", "power"):
        raise ScalefitError(
            f"variance={variance!r}; use 'auto', 'constant' or 'power'"
            + nearest(str(variance), ["auto", "constant", "power"])
        )
    if noise is not None and not isinstance(noise, str):
        return noise
    if noise is not None and noise not in NOISES:
        raise ScalefitError(
            f"no noise named {noise!r}; the noises are {', '.join(NOISES)}"
            + nearest(noise, list(NOISES))
        )
    return None if noise is None else NOISES[noise](variance=variance)


def usual_noise(sample: Sample, variance: Variance = "auto") -> Noise:
    """Return the error model of a sample where none is asked for.

    Student-t on the log scale where every curve is a positive loss, else normal.
    """
    losses = (sample.frame.sign < 0) & (sample.frame.limit == 0)
    if np.all(losses) and sample.runs.shape[2] and np.nanmin(sample.runs) > 0:
        return Student(variance)
    return Gaussian(variance)
