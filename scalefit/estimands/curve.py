"""Questions about the mean curve: its parameters, its value at a size, its gain between two."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

from .._numbers import as_number
from ..errors import FitError
from ..laws import Frame, Law, Terms
from .place import (
    distance,
    from_largest,
    log_size,
    moved_drivers,
    of_curves,
    outside,
    point,
    sizes_of,
)
from .question import Beyond, Estimand, SameForAll, either

__all__ = [
    "Difference",
    "Gain",
    "GainBetween",
    "MarginalGain",
    "ObservedGain",
    "Parameter",
    "Value",
]

Array = Any
#: How a driver of several is called in a label, which does not know its name.
_ORDINAL = ("the first driver", "the second driver", "the third driver")


@dataclass(frozen=True, slots=True)
class Parameter(SameForAll):
    """A parameter of the law, as the field writes it.

    Parameters
    ----------
    name : str
        As in ``fit.params``.

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
        whole = Beyond(
            own.speaks_of in ("above", "either"), own.speaks_of in ("below", "either"), own.shape
        )
        if law.n_drivers == 1:
            return whole
        drivers = range(len(frame.drivers))
        each = [whole if own.driver in (-1, d) else Beyond(shape=own.shape) for d in drivers]
        return replace(whole, each=tuple(each))


@dataclass(frozen=True, slots=True)
class Value:
    """The mean score at a size.

    Parameters
    ----------
    x : float or array
        In driver units: a number, or one for each curve; text such as ``"10M"`` is read.

    Examples
    --------
    >>> Value("10M").x
    10000000.0
    """

    x: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", sizes_of(self.x))

    @property
    def label(self) -> str:
        """The question in a few words."""
        return f"score at {self.x:g}" if np.ndim(self.x) == 0 else "score"

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        """Return the mean at the size as terms."""
        return law.value_terms(point(log_size(self.x, frame)), theta, frame, xp)

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return whether the size is outside those observed."""
        return outside(frame, log_size(self.x, frame))

    def take(self, rows: Any) -> Estimand:
        """Return the question about some of the curves."""
        return Value(of_curves(self.x, rows))


@dataclass(frozen=True, slots=True)
class Gain(SameForAll):
    """The improvement from ``factor`` times the largest size, positive when it is for the better.

    ``G_k = s (f(k x_max) - f(x_max))`` with s = +1 if higher is better and -1 otherwise.

    Parameters
    ----------
    factor : float
        Above 1.
    driver : int or None
        Of several drivers: which is multiplied, from the largest run on; None for all of them.
    """

    factor: float = 10.0
    driver: int | None = None

    def __post_init__(self) -> None:
        factor = as_number(self.factor)
        if not 1 < factor < np.inf:
            raise FitError(
                f"factor={self.factor!r}; a gain needs a finite factor above 1, such as 10"
            )
        object.__setattr__(self, "factor", factor)

    @property
    def label(self) -> str:
        """The question in a few words."""
        what = "the largest size" if self.driver is None else _ORDINAL[self.driver]
        return f"gain from {self.factor:g} times {what}"

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        """Return the gain as terms."""
        start, end = (from_largest(frame, self.driver, by) for by in (0.0, np.log(self.factor)))
        return improvement(law, point(start), point(end), theta, frame, xp)

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return that it is about larger sizes, and how far."""
        if not frame.other:
            return Beyond(above=True, distance=distance(frame, np.log(self.factor)))
        return outside(frame, from_largest(frame, self.driver, np.log(self.factor)))


@dataclass(frozen=True, slots=True)
class GainBetween:
    """The improvement from one size to another.

    Parameters
    ----------
    x_from, x_to : float or array
        In driver units: numbers, or one for each curve; text such as ``"10M"`` is read.
    """

    x_from: Array
    x_to: Array

    def __post_init__(self) -> None:
        for name in ("x_from", "x_to"):
            object.__setattr__(self, name, sizes_of(getattr(self, name)))

    @property
    def label(self) -> str:
        """The question in a few words."""
        return "gain between two sizes"

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        """Return the gain as terms."""
        start, end = (point(log_size(x, frame)) for x in (self.x_from, self.x_to))
        return improvement(law, start, end, theta, frame, xp)

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return whether either size is outside those observed."""
        return outside(frame, *(log_size(x, frame) for x in (self.x_from, self.x_to)))

    def take(self, rows: Any) -> Estimand:
        """Return the question about some of the curves."""
        return GainBetween(of_curves(self.x_from, rows), of_curves(self.x_to, rows))


@dataclass(frozen=True, slots=True)
class Difference:
    """How much greater the answer to one question is than that to another.

    Parameters
    ----------
    first, second : Estimand
        The questions.
    """

    first: Estimand
    second: Estimand

    @property
    def label(self) -> str:
        """The question in a few words."""
        return f"{self.first.label} less {self.second.label}"

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        """Return the difference as terms."""
        return self.first.terms(law, theta, frame, xp) - self.second.terms(law, theta, frame, xp)

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return which sizes either question is about."""
        return either(self.first.beyond(law, frame), self.second.beyond(law, frame))

    def take(self, rows: Any) -> Estimand:
        """Return the question about some of the curves."""
        return Difference(self.first.take(rows), self.second.take(rows))


@dataclass(frozen=True, slots=True)
class ObservedGain(SameForAll):
    """The improvement from the smallest to the largest size of the table.

    Parameters
    ----------
    driver : int or None
        Of several drivers: which goes from its smallest to its largest size, the others being those
        of the largest run; None for all of them.
    """

    driver: int | None = None

    @property
    def label(self) -> str:
        """The question in a few words."""
        return "gain over the observed sizes"

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        """Return the gain as terms."""
        return improvement(law, *self._ends(frame), theta, frame, xp)

    def _ends(self, frame: Frame) -> tuple[Array, Array]:
        which = moved_drivers(frame, self.driver)
        ranges = [
            (own.z_min, own.z_max) if moved else (own.z_largest, own.z_largest)
            for own, moved in zip(frame.drivers, which, strict=True)
        ]
        start, end = zip(*ranges, strict=True)
        return point(start), point(end)

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return that it is about observed sizes of each driver only."""
        if not frame.other:
            return Beyond()
        return Beyond(each=tuple(Beyond() for _ in frame.drivers), places=self._ends(frame))


@dataclass(frozen=True, slots=True)
class MarginalGain:
    """The improvement from doubling the driver at a size, positive when it is for the better.

    Parameters
    ----------
    x : float or array
        The size in driver units (a number, or one per curve; text such as ``"10M"`` is read); by
        default the largest one, of several drivers the largest run.
    driver : int or None
        Of several drivers: which is doubled; None for all of them.

    Examples
    --------
    >>> MarginalGain().label, MarginalGain(1e6).label
    ('gain from doubling the largest size', 'gain from doubling 1e+06')
    """

    x: Array = None
    driver: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", sizes_of(self.x))

    @property
    def label(self) -> str:
        """The question in a few words."""
        if self.x is None:
            return "gain from doubling the largest size"
        return f"gain from doubling {self.x:g}" if np.ndim(self.x) == 0 else "gain from doubling"

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        """Return the gain as terms."""
        start, end = self._ends(frame)
        return improvement(law, point(start), point(end), theta, frame, xp)

    def _ends(self, frame: Frame) -> tuple[list[Array], list[Array]]:
        if self.x is None:
            start = [own.z_largest for own in frame.drivers]
        else:
            start = log_size(self.x, frame)
        sizes = zip(start, moved_drivers(frame, self.driver), strict=True)
        doubled = [z + np.log(2.0) if moved else z for z, moved in sizes]
        return start, doubled

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return whether either size is outside those observed."""
        return outside(frame, *self._ends(frame))

    def take(self, rows: Any) -> Estimand:
        """Return the question about some of the curves."""
        return MarginalGain(of_curves(self.x, rows), self.driver)


def improvement(
    law: Law, start: Array, end: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType
) -> Terms:
    far = law.value_terms(end, theta, frame, xp)
    return (far - law.value_terms(start, theta, frame, xp)).scaled(frame.sign)
