"""What a question about a curve must provide, so that any inference can answer it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol, Self, TypeGuard, cast

import numpy as np

from ..laws import Frame, Law, Shape, Terms

__all__ = [
    "Asked",
    "Beyond",
    "Composed",
    "Curved",
    "Estimand",
    "Implicit",
    "SameForAll",
    "either",
    "is_composed",
    "is_curved",
    "is_implicit",
    "is_linear",
    "is_size",
    "touching",
]

Array = Any


@dataclass(frozen=True, slots=True)
class Beyond:
    """Which sizes a question is about, and so at which bounds of the shape its answer is open.

    Parameters
    ----------
    above, below : bool or array
        Whether it is about sizes above the largest or below the smallest one, in any driver.
    shape : int or array
        Index of the shape parameter that is asked for; -1 if none.
    distance : float or array
        How far the farthest size lies above the largest one: the log of their ratio over the log
        range of the sizes. 0 for questions that name no such size. With several drivers also how
        far one lies below the smallest, if that is farther.
    each : tuple of Beyond
        The same of each driver alone, where there are several.
    places : tuple of array (..., D)
        The log sizes that it names, where there are several drivers.
    """

    above: Array = False
    below: Array = False
    shape: Array = -1
    distance: Array = 0.0
    each: tuple[Beyond, ...] = ()
    places: tuple[Array, ...] = ()

    def opens(self, index: int, shape: Shape) -> tuple[Array, Array]:
        """Return whether an answer is open where a shape lies on its lower and its upper bound.

        It is if the shape is what is asked for, or if beyond the bound the curve goes on changing
        without end at sizes that the question is about.
        """
        mine = self.each[shape.driver] if self.each and shape.driver >= 0 else self
        first, second = (
            (self.shape == index) | (mine.above & np.bool_(above)) | (mine.below & np.bool_(below))
            for above, below in zip(shape.open_above, shape.open_below, strict=True)
        )
        return first, second


def either(first: Beyond, second: Beyond) -> Beyond:
    """Return what either of two questions is about."""
    pairs = zip(first.each, second.each, strict=True)
    return Beyond(
        np.logical_or(first.above, second.above), np.logical_or(first.below, second.below),
        np.maximum(first.shape, second.shape), np.maximum(first.distance, second.distance),
        tuple(either(a, b) for a, b in pairs), first.places + second.places,
    )  # fmt: skip


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


class Implicit(Protocol):
    """A size as the root of a gap that is linear at every size, and rises or falls through 0.

    Its interval holds the sizes at which the interval of the gap contains zero.
    """

    @property
    def label(self) -> str:
        """The question in a few words."""

    def implicit(self, law: Law) -> bool:
        """Return whether the size is no function of the shapes of a law alone."""

    def sizes(self, frame: Frame) -> tuple[Array, Array]:
        """Return the smallest and the largest observed size, ``(G,)``, about which to search."""

    def gap(self, estimate: Any, x: Array, level: Any, inference: Callable[..., Any]) -> Any:
        """Return the intervals of the gap at size ``x[g]`` of curve g, by an inference."""

    def take(self, rows: Any) -> Implicit:
        """Return the question about some of the curves."""


class Curved(Protocol):
    """A question whose answer is no linear function of the coefficients, such as an optimum."""

    @property
    def label(self) -> str:
        """The question in a few words."""

    def touching(
        self, law: Law, coefficients: Array, theta: tuple[Array, ...], frame: Frame
    ) -> Estimand:
        """Return a linear question with the same answer and derivatives at these parameters.

        Coefficients are ``(B, p)``, shapes and the fields of the frame ``(B,)``.
        """

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return which sizes the question is about, for a frame of shape ``(G,)``."""

    def take(self, rows: Any) -> Curved:
        """Return the question about some of the curves."""


class Composed(Protocol):
    """A question whose intervals an inference makes by way of other questions."""

    @property
    def label(self) -> str:
        """The question in a few words."""

    def ask(self, estimate: Any, level: Any, inference: Callable[..., Any]) -> Any:
        """Return the intervals for each curve of an estimate, at one level or one per curve."""

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return which sizes the question is about, for a frame of shape ``(G,)``."""

    def take(self, rows: Any) -> Composed:
        """Return the question about some of the curves."""


#: What every inference answers.
Asked = Estimand | Curved


def is_curved(question: object) -> TypeGuard[Curved]:
    """Return whether the answer to a question is no linear function of the coefficients."""
    return hasattr(question, "touching")


def is_implicit(question: object, law: Law) -> TypeGuard[Implicit]:
    """Return whether a question is for a size that a law can only tell as a root."""
    return hasattr(question, "implicit") and bool(question.implicit(law))


def is_composed(question: object) -> TypeGuard[Composed]:
    """Return whether the intervals of a question are made by way of other questions."""
    return hasattr(question, "ask")


def is_linear(question: object, law: Law) -> TypeGuard[Estimand]:
    """Return whether a question is a target linear in the coefficients of a law."""
    other = is_curved(question) or is_composed(question)
    return not (other or is_implicit(question, law))


def is_size(question: object) -> bool:
    """Return whether a question is for a size, which is positive and lies decades from others."""
    return hasattr(question, "implicit")


def touching(
    estimand: Asked, law: Law, coefficients: Array, theta: tuple[Array, ...],
    frame: Frame,
) -> Estimand:  # fmt: skip
    """Return the linear question that an estimand is at given parameters; see :class:`Curved`."""
    if is_curved(estimand):
        return estimand.touching(law, coefficients, theta, frame)
    return cast("Estimand", estimand)


class SameForAll:
    """A question that does not depend on the curve it is put to."""

    __slots__ = ()

    def take(self, rows: Any) -> Self:
        """Return the question about some of the curves, which is the question itself."""
        return self
