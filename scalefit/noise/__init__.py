"""Error models: how runs scatter about the curve, one file a model, listed in one place."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Protocol

from ..errors import ScalefitError, nearest
from ..sample import Sample
from .autoregressive import Autoregressive, one_run
from .binomial import Binomial
from .gaussian import Gaussian, Seeds, Variance, variance_slope
from .known_error import KnownError
from .likelihoods import LIKELIHOODS, Hoffmann, Huber, Lad, LogNormal, Student, usual_margin

__all__ = [
    "NOISES",
    "Autoregressive",
    "Binomial",
    "Gaussian",
    "Hoffmann",
    "Huber",
    "KnownError",
    "Lad",
    "LogNormal",
    "Noise",
    "Seeds",
    "Student",
    "Variance",
    "get_noise",
    "restored",
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


#: Every error model, by name.
NOISES: dict[str, Callable[..., Noise]] = {
    "gaussian": Gaussian,
    **LIKELIHOODS,
    "known_error": KnownError,
    "binomial": Binomial,
    "autoregressive": Autoregressive,
}
#: The error model of a table with a column of this role, where none is named.
_DEFAULTS = {"se": "known_error", "run": "autoregressive"}


def get_noise(
    noise: str | Noise | None, variance: Variance = "auto", roles: Collection[str] = ()
) -> Noise | None:
    """Return the error model that ``noise=``, ``variance=`` and the table's columns ask for.

    Parameters
    ----------
    noise : str, Noise or None
        None: known errors where there is a column of standard errors, an autoregression where
        rows are checkpoints of runs; else the answer is None, and :func:`usual_noise` decides.
    variance : {"auto", "constant", "power"}
        For the error models that estimate it.
    roles : collection of str
        Roles of the table's further columns.
    """
    if noise is not None and not isinstance(noise, str):
        return noise
    if noise is None:
        asked = [_DEFAULTS[role] for role in _DEFAULTS if role in roles]
        if len(asked) > 1:
            raise ScalefitError(
                "se= and run= ask for different error models; name one, as in noise='known_error'"
            )
        if not asked:
            Gaussian(variance)
            return None
        noise = asked[0]
    if noise not in NOISES:
        raise ScalefitError(
            f"no noise named {noise!r}; the noises are {', '.join(NOISES)}" + nearest(noise, NOISES)
        )
    if variance == "auto":
        return NOISES[noise]()
    Gaussian(variance)  # refuses what is no variance at all
    if noise in _DEFAULTS.values():
        raise ScalefitError(
            f"variance={variance!r} has no meaning for noise={noise!r}, which has its own; leave "
            "it out"
        )
    return NOISES[noise](variance=variance)


def usual_noise(sample: Sample, variance: Variance = "auto") -> Noise:
    """Return the error model of a sample where none is asked for.

    That of :func:`~scalefit.noise.likelihoods.usual_margin`; with one driver and curves long enough
    to be checkpoints of a run, their correlation as well.
    """
    margin = usual_margin(sample, variance)
    replicated = bool((sample.count > 1).any())
    if variance == "auto" and not sample.frame.other and not replicated and one_run(sample).any():
        return Autoregressive()
    return margin


def restored(name: str, **options: Any) -> Noise:
    """Return the error model of a name with the options of its record."""
    return NOISES[name](**options)
