"""Error models: how runs scatter about the curve, one file a model, listed in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..errors import ScalefitError, nearest
from ..sample import Sample
from .autoregressive import Autoregressive
from .beta import Beta
from .binomial import Binomial
from .gaussian import Gaussian, Seeds, Variance, variance_slope
from .known_error import KnownError
from .likelihoods import LIKELIHOODS, Hoffmann, Huber, Lad, LogNormal, Student, usual_margin
from .usual import Usual, telling_of_losses, usual_noise

__all__ = [
    "NOISES",
    "Autoregressive",
    "Beta",
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
    "Usual",
    "Variance",
    "get_noise",
    "restored",
    "settled",
    "telling_of_losses",
    "usual_margin",
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
    def roles(self) -> frozenset[str]:
        """Roles of further columns (``se=``, ``items=``, ...) that it makes use of."""

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
    "beta": Beta,
    "binomial": Binomial,
    "autoregressive": Autoregressive,
}
#: The error model of a table with a column of this role, where none is named.
_DEFAULTS = {"se": "known_error", "run": "autoregressive", "items": "binomial"}


def get_noise(
    noise: str | Noise | None, variance: Variance = "auto", roles: Mapping[str, str] | None = None
) -> Noise | None:
    """Return the error model that ``noise=``, ``variance=`` and the table's columns ask for.

    Parameters
    ----------
    noise : str, Noise or None
        None: known errors where there is a column of standard errors, an autoregression where
        rows are checkpoints of runs, shared items where their number is given; else the answer is
        None, and :func:`~scalefit.noise.usual.usual_noise` decides.
    variance : {"auto", "constant", "power"}
        For the error models that estimate it.
    roles : mapping of str to str
        Roles of the table's further columns, and their names.

    Raises
    ------
    ScalefitError
        Also where the error model would pass over a column that was asked for.
    """
    roles = roles or {}
    if noise is not None and not isinstance(noise, str):
        return _with_all(noise, roles)
    if noise is None:
        asked = [role for role in _DEFAULTS if role in roles]
        if len(asked) > 1:
            raise ScalefitError(
                f"{'= and '.join(asked)}= ask for different error models: keep one of them, as in "
                f"{asked[0]}={roles[asked[0]]!r}"
            )
        if not asked:
            Gaussian(variance)
            return None
        noise = _DEFAULTS[asked[0]]
    if noise not in NOISES:
        raise ScalefitError(
            f"no noise named {noise!r}; the noises are {', '.join(NOISES)}" + nearest(noise, NOISES)
        )
    if variance == "auto":
        return _with_all(NOISES[noise](), roles)
    Gaussian(variance)  # refuses what is no variance at all
    if noise in ("known_error", "autoregressive"):
        raise ScalefitError(
            f"variance={variance!r} has no meaning for noise={noise!r}, which has its own; leave "
            "it out"
        )
    return _with_all(NOISES[noise](variance=variance), roles)


def _with_all(noise: Noise, roles: Mapping[str, str]) -> Noise:
    """Return the error model, if it makes use of every role."""
    for role, column in roles.items():
        if role not in noise.roles:
            able = [f"noise={name!r}" for name, make in NOISES.items() if role in make().roles]
            raise ScalefitError(
                f"noise={noise.name!r} makes no use of {role}={column!r}; use {' or '.join(able)}, "
                f"or leave {role}= out"
            )
    return noise


def settled(named: Noise | None, sample: Sample, variance: Variance, functions: bool) -> Noise:
    """Return the error model of a fit: the named one, or the usual one of the sample.

    One that is named is refused where the table has nothing for it. Functions are fitted by least
    squares, as they come.
    """
    if isinstance(named, Autoregressive):
        named.need_runs(sample)
    usual = Gaussian(variance) if functions else usual_noise(sample, variance)
    return usual if named is None else named


def restored(name: str, **options: Any) -> Noise:
    """Return the error model of a name with the options of its record."""
    return NOISES[name](**options)
