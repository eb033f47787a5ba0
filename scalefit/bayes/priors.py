"""What is believed before the data: a prior for each parameter, as numbers and in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betaln, gammainc, gammaincinv, gammaln, ndtr, ndtri, stdtr, stdtrit

from ..errors import FitError, nearest
from ..laws import Law
from ..sample import Sample
from ..scatter import scatter_of
from .expected import n_gains

__all__ = ["Prior", "Priors", "prior_sds", "priors_for"]

Floats = NDArray[np.float64]
Array = Any
_HALF_LOG_2PI = 0.5 * float(np.log(2.0 * np.pi))


class _Family(NamedTuple):
    """A standard distribution.

    Its log density is ``kernel(x, df, xp) + constant(df)``, written for numpy and PyTensor alike.
    """

    kernel: Callable[[Array, Array, Any], Array]
    constant: Callable[[float], float]
    cdf: Callable[[Array, float], Array]
    quantile: Callable[[Array, float], Array]
    positive: bool = False


_FAMILIES = {
    "normal": _Family(
        lambda x, df, xp: -0.5 * x * x,
        lambda df: -_HALF_LOG_2PI,
        lambda x, df: ndtr(x),
        lambda p, df: ndtri(p),
    ),
    "student": _Family(
        lambda x, df, xp: -0.5 * (df + 1.0) * xp.log(1.0 + x * x / df),
        lambda df: float(-0.5 * np.log(df) - betaln(0.5 * df, 0.5)),
        lambda x, df: stdtr(df, x),
        lambda p, df: stdtrit(df, p),
    ),
    "half_normal": _Family(
        lambda x, df, xp: -0.5 * x * x,
        lambda df: float(np.log(2.0)) - _HALF_LOG_2PI,
        lambda x, df: 2.0 * ndtr(x) - 1.0,
        lambda p, df: ndtri(0.5 + 0.5 * p),
        True,
    ),
    "uniform": _Family(
        lambda x, df, xp: 0.0 * x,
        lambda df: 0.0,
        lambda x, df: np.clip(x, 0.0, 1.0),
        lambda p, df: p,
        True,
    ),
    "exponential": _Family(
        lambda x, df, xp: -x,
        lambda df: 0.0,
        lambda x, df: -np.expm1(-x),
        lambda p, df: -np.log1p(-p),
        True,
    ),
    "gamma": _Family(
        lambda x, df, xp: (df - 1.0) * xp.log(x) - x,
        lambda df: float(-gammaln(df)),
        lambda x, df: gammainc(df, x),
        lambda p, df: gammaincinv(df, p),
        True,
    ),
}
#: Nothing is known of the degrees of freedom of families that have none.
_NO_DF = 3.0


def _check_family(name: str) -> None:
    """Raise FitError, with the nearest name, if there is no such family."""
    known = [*_FAMILIES, "lognormal"]
    if name not in known:
        raise FitError(
            f"no prior of family {name!r}; the families are {', '.join(known)}"
            + nearest(str(name), known)
        )


@dataclass(frozen=True, slots=True)
class Prior:
    """A prior: a distribution cut to a range.

    Parameters
    ----------
    family : str
        ``"normal"``, ``"student"``, ``"lognormal"`` (normal for the log), ``"uniform"``,
        ``"half_normal"``, ``"exponential"`` or ``"gamma"``.
    location, scale : float or array (G,)
        Of the distribution before it is cut; of the log for a log-normal one. The last four
        families begin at their location, which is 0 unless it is said; a uniform one ends at
        ``location + scale``, which must be its ``upper``.
    df : float
        Degrees of freedom of Student's t, and shape of a gamma distribution.
    lower, upper : float or array (G,)
        The range.

    Examples
    --------
    >>> print(Prior("student", 0.3, 0.4, df=3, lower=-0.5, upper=5))
    student(0.3, 0.4, df 3) on [-0.5, 5]
    >>> print(Prior.read("exponential(0.5)").within(0.0, np.inf))
    exponential(0.5)
    """

    family: str
    location: Array = 0.0
    scale: Array = 1.0
    df: float = _NO_DF
    lower: Array = -np.inf
    upper: Array = np.inf

    def __post_init__(self) -> None:
        _check_family(self.family)
        for name in ("location", "scale", "df"):
            values = np.asarray(getattr(self, name))
            if not (np.issubdtype(values.dtype, np.number) and np.isfinite(values).all()):
                raise FitError(f"{name}={getattr(self, name)!r} of a prior; give a finite number")
        if np.any(np.asarray(self.scale) <= 0) or self.df <= 0:
            raise FitError(f"scale={self.scale!r} of a prior; scale and df must be above 0")

    @staticmethod
    def read(given: str | Prior) -> Prior:
        """Return the prior that a text describes: ``"student(0.3, 0.4, 3)"``, or one as it is."""
        if isinstance(given, Prior):
            return given
        match = re.fullmatch(r"\s*(\w+)\s*\(([^()]*)\)\s*", str(given))
        if match is not None:
            _check_family(match[1])
        try:
            assert match is not None
            numbers = [float(part) for part in match[2].split(",")]
        except (AssertionError, ValueError):
            raise FitError(
                f"prior {given!r}; write it as normal(location, scale), student(location, scale, "
                "df), lognormal(location, scale) of the log, uniform(lower, upper), "
                "half_normal(scale), exponential(mean) or gamma(scale, shape)"
            ) from None
        family = match[1]
        from_zero = family in ("half_normal", "exponential", "gamma")
        wanted = {"student": 3, "half_normal": 1, "exponential": 1}.get(family, 2)
        if len(numbers) != wanted:
            raise FitError(f"prior {given!r} has {len(numbers)} numbers, and needs {wanted}")
        if family == "uniform":
            low, high = numbers
            return Prior(family, low, high - low, lower=low, upper=high)
        return Prior(family, *([0.0, *numbers] if from_zero else numbers))

    @property
    def _standard(self) -> _Family:
        return _FAMILIES["normal" if self.family == "lognormal" else self.family]

    def _to_standard(self, x: Array, axes: int) -> Array:
        location, scale = (_wide(part, axes) for part in (self.location, self.scale))
        return ((np.log(x) if self.family == "lognormal" else x) - location) / scale

    def _ends(self) -> tuple[Array, Array]:
        """Return the distribution function at the ends of the range."""
        start = self.start
        lower = np.asarray(self.lower, dtype=float)
        lower = lower if start is None else np.maximum(lower, start)
        with np.errstate(divide="ignore"):
            low = self._to_standard(lower, 0)
            high = self._to_standard(np.maximum(self.upper, lower), 0)
        return self._standard.cdf(low, self.df), self._standard.cdf(high, self.df)

    @property
    def start(self) -> Array:
        """Where the family begins; None if it has no beginning."""
        if self.family == "lognormal":
            return 0.0
        return self.location if self._standard.positive else None

    def kernel(self, x: Array, location: Array, scale: Array, xp: Any) -> Array:
        """Return the log density but for a constant, for numpy or PyTensor."""
        if self.family == "lognormal":
            log = xp.log(x)
            return self._standard.kernel((log - location) / scale, self.df, xp) - log
        return self._standard.kernel((x - location) / scale, self.df, xp)

    def log_density(self, x: Floats) -> Floats:
        """Return the log density at ``x`` of shape ``(G, ...)`` or scalar; -inf out of range."""
        axes = max(np.ndim(x) - 1, 0)
        low, high = self._ends()
        location, scale = _wide(self.location, axes), _wide(self.scale, axes)
        inside = (x >= _wide(self.lower, axes)) & (x <= _wide(self.upper, axes))
        if self.start is not None:
            inside &= x > _wide(self.start, axes)
        safe = np.where(inside, x, 1.0 + (0.0 if self.start is None else _wide(self.start, axes)))
        value = self.kernel(safe, location, scale, np) + self._standard.constant(self.df)
        value = value - _wide(np.log(self.scale) + np.log(high - low), axes)
        found: Floats = np.where(inside, value, -np.inf)
        return found

    def quantile(self, p: Floats) -> Floats:
        """Return quantiles for probabilities of shape ``(G, ...)`` or scalar."""
        axes = max(np.ndim(p) - 1, 0)
        low, high = (_wide(end, axes) for end in self._ends())
        x = self._standard.quantile(low + p * (high - low), self.df)
        x = _wide(self.location, axes) + _wide(self.scale, axes) * x
        found: Floats = np.clip(
            np.exp(x) if self.family == "lognormal" else x,
            _wide(self.lower, axes), _wide(self.upper, axes),
        )  # fmt: skip
        return found

    def sd(self, n_curves: int) -> Floats:
        """Return the standard deviation, ``(G,)``, by the quantiles of 400 equal shares."""
        shares = np.broadcast_to((np.arange(400) + 0.5) / 400, (n_curves, 400))
        found: Floats = self.quantile(shares).std(axis=1)
        return found

    def within(self, lower: Array, upper: Array) -> Prior:
        """Return the prior cut to a range, and to its own."""
        return replace(
            self, lower=np.maximum(lower, self.lower), upper=np.minimum(upper, self.upper)
        )

    def take(self, rows: Any) -> Prior:
        """Return the prior of some of the curves."""
        parts = {
            name: np.asarray(value)[rows] if np.ndim(value := getattr(self, name)) else value
            for name in ("location", "scale", "lower", "upper")
        }
        return replace(self, **parts)

    def __str__(self) -> str:
        if self.family == "uniform":
            return f"uniform({_text(self.lower)}, {_text(self.upper)})"
        from_zero = self._standard.positive and np.all(np.asarray(self.location) == 0)
        numbers = [] if from_zero else [_text(self.location)]
        numbers.append(_text(self.scale))
        if self.family in ("student", "gamma"):
            numbers.append(f"{'df' if self.family == 'student' else 'shape'} {self.df:g}")
        said = f"{self.family}({', '.join(numbers)})"
        begins = -np.inf if self.start is None else self.start
        lower = np.maximum(self.lower, begins)
        if np.all(lower == begins) and np.all(np.isinf(self.upper)):
            return said
        return f"{said} on [{_text(lower)}, {_text(self.upper)}]"


def _wide(value: Array, axes: int) -> Array:
    return np.reshape(value, np.shape(value) + (1,) * axes) if np.ndim(value) else value


def _text(value: Array) -> str:
    values = np.unique(np.round(np.asarray(value, dtype=float), 12))
    return f"{values[0]:.4g}" if values.size == 1 else f"{values[0]:.4g} to {values[-1]:.4g}"


@dataclass(frozen=True, slots=True)
class Priors:
    """The priors of one law for G curves.

    Parameters
    ----------
    top : Prior
        Score at the largest size, in the metric's units.
    gain : Prior
        Gain over the observed sizes (of each driver), for the better.
    shapes : tuple of Prior
        One a shape of the law.
    noise : mapping of str to Prior
        One a number of the error model; see :class:`~scalefit.scatter.Scatter`.
    names : tuple of str
        What users call the shapes.
    """

    top: Prior
    gain: Prior
    shapes: tuple[Prior, ...]
    noise: Mapping[str, Prior]
    names: tuple[str, ...]

    def take(self, rows: Any) -> Priors:
        """Return the priors of some of the curves."""
        return Priors(
            self.top.take(rows), self.gain.take(rows),
            tuple(prior.take(rows) for prior in self.shapes),
            {name: prior.take(rows) for name, prior in self.noise.items()}, self.names,
        )  # fmt: skip

    def table(self, gains: bool) -> pd.DataFrame:
        """Return one row a parameter: prior, meaning, 95 % range; ``gains`` if there is any."""
        rows = []
        for name, prior, meaning in (
            ("top", self.top, "score at the largest size"),
            *((("gain", self.gain, _GAIN),) if gains else ()),
            *((n, p, "shape of the law") for n, p in zip(self.names, self.shapes, strict=True)),
            *((n, p, _NOISES[n].meaning) for n, p in self.noise.items()),
        ):
            low, high = (np.ravel(prior.quantile(np.array([p])))[0] for p in (0.025, 0.975))
            rows.append((name, str(prior), low, high, meaning))
        columns = ["parameter", "prior", "lower", "upper", "meaning"]
        return pd.DataFrame(rows, columns=columns).set_index("parameter")


_GAIN = "gain over the observed sizes, positive for the better"


class _Number(NamedTuple):
    """A number of an error model: its prior for a unit of scatter, its range, its meaning."""

    prior: Callable[[Floats], Prior]
    lower: float
    upper: float
    meaning: str


#: Noise of a run over the range of the metric: one e-fold either way about 2 %.
_NOISE = 0.02
_NOISES = {
    "noise": _Number(
        lambda unit: Prior("lognormal", np.log(_NOISE * unit), 1.0), 0.0, np.inf,
        "scale of one run at the centre of the sizes",
    ),
    "extra_noise": _Number(
        lambda unit: Prior("half_normal", 0.0, 2.0 * _NOISE * unit), 0.0, np.inf,
        "standard deviation of one run beyond its known error",
    ),
    "noise_slope": _Number(
        lambda _: Prior("normal", 0.0, 0.7), -np.inf, np.inf,
        "slope of the log variance on log size",
    ),
    "df": _Number(
        lambda _: Prior("gamma", 2.0, 10.0, df=2.0), 2.0, np.inf,
        "degrees of freedom of the errors",
    ),
    "correlation": _Number(
        lambda _: Prior("uniform", 0.0, 1.0, upper=1.0), 0.0, 1.0,
        "correlation of neighbouring rows of a run",
    ),
    "seed_noise": _Number(
        lambda unit: Prior("half_normal", 0.0, 2.0 * _NOISE * unit), 0.0, np.inf,
        "standard deviation of what all runs of a seed share",
    ),
}  # fmt: skip
#: The default prior of an exponent: heavy-tailed about slow power laws, through the log law to
#: accelerating ones. Coverage of forecasts is held for exponents from 0 to 2.
_EXPONENT = Prior("student", 0.3, 0.4, df=3)


def priors_for(law: Law, sample: Sample, given: Mapping[str, str | Prior] | None = None) -> Priors:
    """Return the priors of a law for the curves of a sample, with those ``given`` put in place.

    Raises
    ------
    FitError
        If ``given`` names no parameter, or a family that the parameter cannot have.
    """
    middle, span = _range(sample)
    scatter = scatter_of(sample)
    unit = np.ones_like(span) if scatter.link == "log" else span
    if scatter.density == "beta":  # relative to sqrt(mean (1 - mean)), which is a half at most
        unit = np.full_like(span, 2.0)
    own: dict[str, Prior] = {
        "top": Prior("normal", middle, 0.5 * span),
        "gain": Prior("normal", 0.0, 0.5 * span),
    }
    if n_gains(law) == 0:
        own.pop("gain")
    names = tuple(_public(law, j) for j in range(len(law.shapes)))
    own |= {name: _shape_prior(law, j, sample) for j, name in enumerate(names)}
    own |= {name: _NOISES[name].prior(unit) for name in scatter.parameters}
    for name, prior in (given or {}).items():
        if name not in own:
            raise FitError(
                f"no prior for {name!r}; the parameters of {law.name} are {', '.join(own)}"
                + nearest(str(name), list(own))
            )
        own[name] = Prior.read(prior)
    for name, family in _FAMILY_OF.items():
        if name in own and own[name].family != family:
            raise FitError(
                f"the prior of {name!r} must be {family}; write {family}(location, scale)"
                + (", of the log" if family == "lognormal" else "")
            )
    frame = sample.frame
    shapes = tuple(
        own[name].within(*(np.asarray(b, dtype=float) for b in law.shapes[j].bounds(frame)))
        for j, name in enumerate(names)
    )
    whole = np.ones(len(sample))

    def wide(prior: Prior) -> Prior:
        return replace(prior, location=prior.location * whole, scale=prior.scale * whole)

    top = wide(own["top"])
    noise = {
        name: wide(own[name]).within(_NOISES[name].lower, _NOISES[name].upper)
        for name in scatter.parameters
    }
    gain = wide(own["gain"]) if "gain" in own else replace(top, location=0.0 * whole)
    return Priors(top, gain, shapes, noise, names)


#: Families that the closed forms of the quadrature need.
_FAMILY_OF = {"top": "normal", "gain": "normal", "noise": "lognormal"}


def _public(law: Law, j: int) -> str:
    """Return the name of the parameter that shape ``j`` is known by."""
    return next((p.name for p in law.parameters if p.shape == j), law.shapes[j].name)


def _shape_prior(law: Law, j: int, sample: Sample) -> Prior:
    """Return the prior of a shape, from the role of the parameter that it is."""
    role = next((p.role for p in law.parameters if p.shape == j), "free")
    lower, _ = law.shapes[j].bounds(sample.frame)
    span = np.maximum(sample.frame.z_max - sample.frame.z_min, 1e-9)
    if role == "size":  # a log size, about the centre of those observed
        return Prior("normal", 0.0 * span, span)
    if np.all(np.asarray(lower) > 0):  # a steepness: the way is made in about the observed range
        return Prior("lognormal", np.log(4.0 / span), 1.0)
    return _EXPONENT


def _range(sample: Sample) -> tuple[Floats, Floats]:
    """Return middle and width of the values that a score may take, ``(G,)``.

    Where the metric has no two bounds: a typical score, and the larger of its size and the range.
    """
    known = sample.count > 0
    scores = np.where(known, sample.mean, np.nan)
    typical = np.nanmedian(scores, axis=1)
    width = np.maximum(np.abs(typical), np.nanmax(scores, axis=1) - np.nanmin(scores, axis=1))
    width = np.where(width > 0, width, 1.0)
    if sample.score_range is None:
        return typical, width
    lower, upper = sample.score_range.T
    bounded = np.isfinite(lower) & np.isfinite(upper)
    with np.errstate(invalid="ignore"):
        return (
            np.where(bounded, 0.5 * (lower + upper), typical),
            np.where(bounded, upper - lower, width),
        )


def prior_sds(priors: Priors, n_curves: int) -> Floats:
    """Return the standard deviation of the prior of each shape, ``(G, q)``."""
    parts = [prior.sd(n_curves) for prior in priors.shapes]
    return np.stack(parts, axis=-1) if parts else np.zeros((n_curves, 0))
