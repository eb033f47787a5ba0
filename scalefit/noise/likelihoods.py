"""Error models with a likelihood of their own: Student-t, log-normal, Huber and absolute values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import ScalefitError
from ..kernel import Kernel, Link
from ..levels import free_levels
from ..sample import Sample
from .gaussian import Gaussian, Variance, vary
from .residual import HuberKernel, LaplaceKernel, NormalKernel, StudentKernel

__all__ = [
    "LIKELIHOODS",
    "Hoffmann",
    "Huber",
    "Lad",
    "Likelihood",
    "LogNormal",
    "Student",
    "usual_margin",
]

Floats = NDArray[np.float64]
#: Degrees of freedom of t where there are too few runs to tell them.
_DF = 4.0


@dataclass(frozen=True, slots=True)
class Likelihood:
    """What the error models of this file share.

    Parameters
    ----------
    variance : {"auto", "constant", "power"}
        As in :class:`~scalefit.noise.Gaussian`, for the squared scale.
    link : {"auto", "identity", "log"}
        Scale of the residuals. ``"auto"``: logs of positive losses, else the metric's own.
    """

    variance: Variance = "auto"
    link: str = "auto"

    def _scale(self, sample: Sample) -> Link:
        positive = bool((np.nan_to_num(sample.runs, nan=1.0) > 0).all())
        if self.link == "log" and not positive:
            raise ScalefitError(
                f"noise={self.name!r} takes logs, but some scores are not positive; use "
                "noise='gaussian', or noise='student' for outliers"
            )
        logs = self.link == "log" or (self.link == "auto" and bool(sample.losses.all()))
        return "log" if logs else "identity"

    @property
    def name(self) -> str:
        """Name in ``noise=``."""
        return type(self).__name__.lower()

    @property
    def roles(self) -> frozenset[str]:
        """No roles: only the scores of single runs."""
        return frozenset()

    def weigh(self, sample: Sample) -> Sample:
        """Return the sample with its weights and the kernel of this error model."""
        if not sample.runs.shape[2]:
            raise ScalefitError(
                f"noise={self.name!r} needs the single runs; from means and standard deviations "
                "only noise='gaussian' can be fitted"
            )
        kernel = self._kernel(self._scale(sample), len(sample))
        sample = vary(replace(sample, kernel=kernel), self.variance)
        return replace(sample, pure=free_levels(kernel, sample.runs, sample.relative))

    def _kernel(self, link: Link, n_curves: int) -> Kernel:
        raise NotImplementedError

    @property
    def words(self) -> str:
        """The errors in words."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Student(Likelihood):
    """Student-t errors: a run far off counts little.

    Parameters
    ----------
    df : float or None
        Degrees of freedom; None for 4, and for the most likely of 2 to 30 from 40 runs on.
    """

    df: float | None = None

    def _kernel(self, link: Link, n_curves: int) -> Kernel:
        df = np.full(n_curves, _DF if self.df is None else float(self.df))
        return StudentKernel(link, df, self.df is None)

    @property
    def words(self) -> str:
        """The errors in words."""
        known = "4 degrees of freedom, or with 40 runs and more the most likely from 2 to 30"
        if self.df is not None:
            known = f"{self.df:g} degrees of freedom"
        return f"Student-t with {known}, on the log scale for positive losses"


@dataclass(frozen=True, slots=True)
class LogNormal(Likelihood):
    """Normal errors on the log scale: runs scatter in proportion to the score."""

    link: str = "log"

    def _kernel(self, link: Link, n_curves: int) -> Kernel:
        return NormalKernel(link)

    @property
    def words(self) -> str:
        """The errors in words."""
        return "normal on the log scale"


@dataclass(frozen=True, slots=True)
class Huber(Likelihood):
    """Huber's function of residuals over a scale that is estimated beside the curve.

    Parameters
    ----------
    threshold : float
        Scales within which residuals count in full; 1.345 loses 5 % of the precision on normal
        errors (Huber 1981).
    """

    threshold: float = 1.345

    def _kernel(self, link: Link, n_curves: int) -> Kernel:
        return HuberKernel(link, self.threshold)

    @property
    def words(self) -> str:
        """The errors in words."""
        return f"Huber's with a threshold of {self.threshold:g} estimated scales"


@dataclass(frozen=True, slots=True)
class Hoffmann(Likelihood):
    """The objective of Hoffmann et al. 2022 (arXiv:2203.15556): unscaled Huber on log residuals.

    For replication. The threshold of 1e-3 is below most residuals of most tables, so that this is
    least absolute deviations by another name.

    Parameters
    ----------
    threshold : float
        In units of the log residual.
    """

    link: str = "log"
    threshold: float = 1e-3

    def _kernel(self, link: Link, n_curves: int) -> Kernel:
        return LaplaceKernel(link, self.threshold)

    @property
    def words(self) -> str:
        """The errors in words."""
        return f"those of a Huber function of log residuals with threshold {self.threshold:g}"


@dataclass(frozen=True, slots=True)
class Lad(Likelihood):
    """Least absolute deviations of log residuals.

    What the fit of Besiroglu et al. 2024 (arXiv:2404.10102) amounts to: a Huber likelihood whose
    estimated scale makes the threshold vanish.
    """

    link: str = "log"

    def _kernel(self, link: Link, n_curves: int) -> Kernel:
        return LaplaceKernel(link, _VANISHING)

    @property
    def words(self) -> str:
        """The errors in words."""
        return "Laplace on the log scale (least absolute deviations)"


#: Threshold at which Huber's function is the absolute value to the digits that matter.
_VANISHING = 1e-9

#: Every error model of this file, by name.
LIKELIHOODS: dict[str, Callable[..., Likelihood]] = {
    "student": Student,
    "lognormal": LogNormal,
    "huber": Huber,
    "hoffmann": Hoffmann,
    "lad": Lad,
}


def usual_margin(sample: Sample, variance: Variance = "auto") -> Gaussian | Student:
    """Return the errors of a single run where none are asked for.

    Student-t on the log scale where every curve is a positive loss, else normal.
    """
    return Student(variance) if sample.losses.all() else Gaussian(variance)
