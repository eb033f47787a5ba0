"""What can be asked of a curve: a parameter, a value, a gain, the size that reaches a share.

An estimand turns one law into :class:`~scalefit.laws.Terms`, a target linear in the coefficients
for given shape parameters. That is all an inference needs, so any estimand meets any inference.
A size that depends on the coefficients too, such as the one at which a curve reaches a share of its
score, is implicit: a linear target vanishes there, and the inference of that target is inverted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, Protocol, Self, runtime_checkable

import numpy as np

from .errors import FitError
from .laws import Frame, Law, Terms

__all__ = [
    "Estimand",
    "Gain",
    "GainBetween",
    "Implicit",
    "MarginalGain",
    "ObservedGain",
    "Parameter",
    "SizeReaching",
    "Value",
]

Array = Any


@dataclass(frozen=True, slots=True)
class Beyond:
    """Which sizes a question is about, and so at which bounds of the shape its answer is open.

    Parameters
    ----------
    above, below : bool or array
        Whether it is about sizes above the largest or below the smallest one.
    shape : int or array
        Index of the shape parameter that is asked for; -1 if none.
    distance : float or array
        How far the farthest size lies above the largest one: the log of their ratio over the log
        range of the sizes. 0 for questions that name no such size.
    """

    above: Array = False
    below: Array = False
    shape: Array = -1
    distance: Array = 0.0


class Estimand(Protocol):
    """A question about curves: the same for all, or with sizes of its own for each."""

    @property
    def label(self) -> str:
        """The question in a few words."""

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        """Return the target for shape parameters ``theta``, in the user's units."""

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return which sizes the question is about, for a frame of shape ``(G,)``."""

    def take(self, rows: Any) -> Estimand:
        """Return the question about some of the curves."""


@runtime_checkable
class Implicit(Protocol):
    """A size as the root of a gap that is linear at every size, and rises or falls through 0.

    Its interval holds the sizes at which the interval of the gap contains zero.
    """

    @property
    def label(self) -> str:
        """The question in a few words."""

    @property
    def implicit(self) -> bool:
        """Whether the size is no function of the shape alone."""

    def sizes(self, frame: Frame) -> tuple[Array, Array]:
        """Return the smallest and the largest observed size, ``(G,)``, about which to search."""

    def gap(self, estimate: Any, x: Array, level: Any, inference: Callable[..., Any]) -> Any:
        """Return the intervals of the gap at size ``x[g]`` of curve g, by an inference."""

    def take(self, rows: Any) -> Implicit:
        """Return the question about some of the curves."""


class _SameForAll:
    """A question that does not depend on the curve it is put to."""

    __slots__ = ()

    def take(self, rows: Any) -> Self:
        """Return the question about some of the curves, which is the question itself."""
        return self


@dataclass(frozen=True, slots=True)
class Parameter(_SameForAll):
    """A parameter of the law, as the field writes it.

    Examples
    --------
    >>> Parameter("asymptote").label
    'asymptote'
    """

    name: str

    @property
    def label(self) -> str:
        """The question in a few words."""
        return self.name

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        """Return the parameter as terms."""
        return law.parameter(self.name).terms(theta, frame, xp)

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return which sizes the parameter speaks of."""
        own = law.parameter(self.name)
        return Beyond(
            own.speaks_of in ("above", "either"), own.speaks_of in ("below", "either"), own.shape
        )


@dataclass(frozen=True, slots=True)
class Value:
    """The mean score at a size, in driver units (a number, or one per curve)."""

    x: Array

    @property
    def label(self) -> str:
        """The question in a few words."""
        return f"score at {self.x:g}" if np.ndim(self.x) == 0 else "score"

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        """Return the mean at the size as terms."""
        return law.value_terms(_log_size(self.x, frame), theta, frame, xp)

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return whether the size is outside those observed."""
        return _outside(frame, self.x)

    def take(self, rows: Any) -> Estimand:
        """Return the question about some of the curves."""
        return Value(_of_curves(self.x, rows))


@dataclass(frozen=True, slots=True)
class Gain(_SameForAll):
    """The improvement from ``factor`` times the largest size, positive when it is for the better.

    ``G_k = s (f(k x_max) - f(x_max))`` with s = +1 if higher is better and -1 otherwise.
    """

    factor: float = 10.0

    def __post_init__(self) -> None:
        number = isinstance(self.factor, (int, float, np.number))
        if not (number and np.isfinite(self.factor) and self.factor > 1):
            raise FitError(
                f"factor={self.factor!r}; a gain needs a finite factor above 1, such as 10"
            )

    @property
    def label(self) -> str:
        """The question in a few words."""
        return f"gain from {self.factor:g} times the largest size"

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        """Return the gain as terms."""
        far = frame.z_max + np.log(self.factor)
        return _improvement(law, frame.z_max, far, theta, frame, xp)

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return that it is about larger sizes, and how far."""
        return Beyond(above=True, distance=_distance(frame, np.log(self.factor)))


@dataclass(frozen=True, slots=True)
class GainBetween:
    """The improvement from one size to another, in driver units (numbers, or one per curve)."""

    x_from: Array
    x_to: Array

    @property
    def label(self) -> str:
        """The question in a few words."""
        return "gain between two sizes"

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        """Return the gain as terms."""
        start, end = _log_size(self.x_from, frame), _log_size(self.x_to, frame)
        return _improvement(law, start, end, theta, frame, xp)

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return whether either size is outside those observed."""
        return _outside(frame, self.x_from, self.x_to)

    def take(self, rows: Any) -> Estimand:
        """Return the question about some of the curves."""
        return GainBetween(_of_curves(self.x_from, rows), _of_curves(self.x_to, rows))


@dataclass(frozen=True, slots=True)
class ObservedGain(_SameForAll):
    """The improvement from the smallest to the largest size of the table."""

    @property
    def label(self) -> str:
        """The question in a few words."""
        return "gain over the observed sizes"

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        """Return the gain as terms."""
        return _improvement(law, frame.z_min, frame.z_max, theta, frame, xp)

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return that it is about observed sizes only."""
        return Beyond()


@dataclass(frozen=True, slots=True)
class MarginalGain:
    """The improvement from doubling the driver at a size, positive when it is for the better.

    Parameters
    ----------
    x : float or array
        The size in driver units (a number, or one per curve); by default the largest one.

    Examples
    --------
    >>> MarginalGain().label, MarginalGain(1e6).label
    ('gain from doubling the largest size', 'gain from doubling 1e+06')
    """

    x: Array = None

    @property
    def label(self) -> str:
        """The question in a few words."""
        if self.x is None:
            return "gain from doubling the largest size"
        return f"gain from doubling {self.x:g}" if np.ndim(self.x) == 0 else "gain from doubling"

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        """Return the gain as terms."""
        start = frame.z_max if self.x is None else _log_size(self.x, frame)
        return _improvement(law, start, start + np.log(2.0), theta, frame, xp)

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return whether either size is outside those observed."""
        x = frame.x0 * np.exp(frame.z_max) if self.x is None else np.asarray(self.x, dtype=float)
        return _outside(frame, x, 2.0 * x)

    def take(self, rows: Any) -> Estimand:
        """Return the question about some of the curves."""
        return MarginalGain(_of_curves(self.x, rows))


@dataclass(frozen=True, slots=True)
class SizeReaching(_SameForAll):
    """The size at which the curve has made a share of its gain.

    Parameters
    ----------
    share : float
        Between 0 and 1.
    of : {"observed", "attainable", "score"}
        ``"observed"``: of the gain from the smallest to the largest size, so that no extrapolation
        is needed. ``"attainable"``: of the gain from the smallest size to the law's limit.
        ``"score"``: not of a gain but of the score at the largest size; for a loss, the size at
        which it has come down to ``1 / share`` of the loss there. It depends on the metric's
        origin, and may be far below the sizes of the table, where nothing was seen.

    Notes
    -----
    For a saturating power law the first two depend on the exponent only:
    ``x_min (1 - q)^(-1/exponent)`` for the attainable gain. The third depends on level and slope
    too; its interval are the sizes at which that of ``f(x) - q f(x_max)`` contains zero
    (Fieller 1954, doi:10.1111/j.2517-6161.1954.tb00159.x, for a ratio of means).

    Examples
    --------
    >>> SizeReaching(0.95).label
    'size reaching 95 % of the observed gain'
    >>> SizeReaching(0.95, of="score").label
    'size reaching 95 % of the score at the largest size'
    """

    share: float = 0.95
    of: Literal["observed", "attainable", "score"] = "observed"

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise FitError(f"share={self.share}; give a number between 0 and 1, such as 0.95")
        if self.of not in ("observed", "attainable", "score"):
            raise FitError(f"of={self.of!r}; use 'observed', 'attainable' or 'score'")

    @property
    def label(self) -> str:
        """The question in a few words."""
        whole = "score at the largest size" if self.of == "score" else f"{self.of} gain"
        return f"size reaching {100 * self.share:g} % of the {whole}"

    @property
    def implicit(self) -> bool:
        """Whether the size is no function of the shape alone."""
        return self.of == "score"

    def sizes(self, frame: Frame) -> tuple[Array, Array]:
        """Return the smallest and the largest observed size."""
        return frame.x0 * np.exp(frame.z_min), frame.x0 * np.exp(frame.z_max)

    def gap(self, estimate: Any, x: Array, level: Any, inference: Callable[..., Any]) -> Any:
        """Return the intervals of the score at a size less its share of that at the largest."""
        return inference(estimate, _ScoreGap(x, self.share), level)

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        """Return the size as terms without weights: it depends on the shape only."""
        if self.implicit:
            raise FitError(
                "a share of the score is no function of the shape; ask a fit, fit.ask(...), or use "
                "ask_together, which inverts the inference"
            )
        none = (0.0,) * law.n_columns
        if law.reach is None:
            return Terms(none, np.nan + 0.0 * frame.z_max)
        end = frame.z_max if self.of == "observed" else np.inf + 0.0 * frame.z_max
        with np.errstate(all="ignore"):
            z = law.reach(self.share, frame.z_min, end, theta, frame)
            # Gains without a limit never reach a share of it.
            return Terms(none, np.where(np.isnan(z), np.inf, frame.x0 * np.exp(z)))

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return whether the share is of a gain beyond the observed sizes."""
        # With one shape parameter the size moves with it alone, and for ever.
        return Beyond(self.of == "attainable", shape=0 if len(law.shapes) == 1 else -1)


@dataclass(frozen=True, slots=True)
class _ScoreGap:
    """How far the score at a size is above ``share`` times that at the largest one."""

    x: Array
    share: float

    @property
    def label(self) -> str:
        return f"score less {100 * self.share:g} % of that at the largest size"

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        higher = frame.sign > 0
        here = law.value_terms(_log_size(self.x, frame), theta, frame, xp)
        top = law.value_terms(frame.z_max, theta, frame, xp)
        return here.scaled(np.where(higher, 1.0, self.share)) - top.scaled(
            np.where(higher, self.share, 1.0)
        )

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        return _outside(frame, self.x)

    def take(self, rows: Any) -> Estimand:
        return _ScoreGap(_of_curves(self.x, rows), self.share)


def _improvement(
    law: Law, start: Array, end: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType
) -> Terms:
    far = law.value_terms(end, theta, frame, xp)
    return (far - law.value_terms(start, theta, frame, xp)).scaled(frame.sign)


def _of_curves(x: Array, rows: Any) -> Array:
    return np.asarray(x)[rows] if np.ndim(x) else x


def _outside(frame: Frame, *sizes: Array) -> Beyond:
    z = [_log_size(x, frame) for x in sizes]
    slip = 1e-9  # sizes that were run are inside, whatever rounding makes of their logs
    above = np.any([item > frame.z_max + slip for item in z], axis=0)
    below = np.any([item < frame.z_min - slip for item in z], axis=0)
    farthest = np.max([item - frame.z_max for item in z], axis=0)
    return Beyond(above, below, distance=_distance(frame, np.where(above, farthest, 0.0)))


def _distance(frame: Frame, over: Array) -> Array:
    """Return a log ratio to the largest size in units of the log range."""
    span = np.asarray(frame.z_max - frame.z_min, dtype=float)
    return np.divide(over, span, out=np.where(over > 0, np.inf, 0.0 * span), where=span > 0)


def _log_size(x: Array, frame: Frame) -> Array:
    values = np.asarray(x, dtype=float)
    if not np.all(np.isfinite(values) & (values > 0)):
        raise FitError(f"size {x}; give positive finite sizes in driver units")
    if values.ndim and values.shape[0] != np.shape(frame.x0)[0]:
        raise FitError(f"{values.size} sizes for one curve; ask one at a time, or use predict()")
    if values.ndim:
        values = values.reshape(values.shape + (1,) * (np.ndim(frame.x0) - values.ndim))
    return np.log(values / frame.x0)
