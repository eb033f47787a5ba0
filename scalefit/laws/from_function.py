"""A law made from any function of the driver: nothing is known of its shape but a start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from ..bisection import bisected
from ..errors import LawError
from .law import Frame, Law, Parameter, Terms

__all__ = ["from_function"]

Array = Any

#: Relative step of central differences: truncation and rounding are both near 1e-10.
_STEP = 6e-6
#: How well two derivatives must agree, and the share of the values, per relative change of the
#: parameter, below which they count as zero.
_AGREE, _ZERO = 1e-3, 1e-7


def from_function(
    name: str, function: Callable[..., Array], start: Mapping[str, float], **words: str
) -> Law:
    """Return a law from ``function(x, *parameters)``; see :meth:`scalefit.Law.from_function`."""
    if not start:
        raise LawError(f"law {name!r} needs start values: start={{'b1': 1.0, ...}}")
    for key, value in start.items():
        if not np.isfinite(value):
            raise LawError(f"start value of {key!r} for law {name!r} is {value}; give a number")
    own = _Own(name, function, tuple(start), tuple(float(value) for value in start.values()))
    call = f"{name}(x, {', '.join(own.names)})"
    return Law(
        name=name,
        title=words.get("title", name),
        formula=words.get("formula", call),
        wrong_when=words.get("wrong_when", "not stated"),
        source=words.get("source", "given by the user"),
        n_columns=0,
        shapes=(),
        columns=own.columns,
        gradient=own.gradient,
        parameters=tuple(
            Parameter(key, f"parameter {j + 1} of {name}", "free", partial(_parameter, j))
            for j, key in enumerate(own.names)
        ),
        invert=own.invert,
        limit=own.limit,
        reach=own.reach,
        start=own.begin,
        working=own.working,
        offset=own.oriented,
        rising=False,
        guesses=tuple(zip(own.names, own.start, strict=True)),
    )


def _parameter(index: int, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    return Terms((), theta[index])


@dataclass(frozen=True, slots=True)
class _Own:
    """The functions of a :class:`Law`, as methods: they can be pickled if the function can."""

    name: str
    function: Callable[..., Array]
    names: tuple[str, ...]
    start: tuple[float, ...]

    def oriented(self, z: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Array:
        """Return the mean, higher is better; its derivative where a parameter is complex."""
        drivers = (frame, *frame.other)
        parts = [z[..., d] for d in range(len(drivers))] if frame.other else [z]
        sizes = tuple(own.x0 * xp.exp(part) for own, part in zip(drivers, parts, strict=True))
        x = sizes if frame.other else sizes[0]
        if any(np.iscomplexobj(t) for t in theta):
            return frame.sign * self.along(x, theta)
        return frame.sign * self.value(x, theta)

    def value(self, x: Array, theta: tuple[Array, ...]) -> Array:
        """Return the function's value, or say why there is none."""
        try:
            return self.function(x, *theta)
        except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
            raise LawError(
                f"law {self.name!r} cannot be called with arrays: {error}; write it with numpy "
                f"functions of x and {', '.join(self.names)}"
            ) from None

    @np.errstate(all="ignore")
    def along(self, x: Array, theta: tuple[Array, ...]) -> Array:
        """Return the value, with the derivative in the imaginary direction as imaginary part.

        A function that is not analytic, such as one with ``abs`` of a parameter, would lose the
        derivative on the way, or refuse complex numbers. So it is compared with central
        differences, which replace it where the two disagree.
        """
        real = tuple(np.real(t) for t in theta)
        step = max(float(np.max(np.abs(np.imag(t)), initial=0.0)) for t in theta) or 1.0
        way = tuple(np.imag(t) / step for t in theta)
        scale: Any = np.inf
        for value, slope, start in zip(real, way, self.start, strict=True):
            own = np.maximum(np.abs(value), 1e-3 * abs(start) or 1e-8)
            moved = np.abs(slope) > 0
            scale = np.minimum(scale, np.where(moved, own / np.where(moved, abs(slope), 1), np.inf))
        scale = np.where(np.isfinite(scale), scale, 1.0)
        ahead = self.value(x, tuple(t + _STEP * scale * w for t, w in zip(real, way, strict=True)))
        behind = self.value(x, tuple(t - _STEP * scale * w for t, w in zip(real, way, strict=True)))
        slope = (ahead - behind) / (2 * _STEP * scale)
        try:
            exact = np.imag(self.function(x, *theta)) / step
        except TypeError:  # no complex numbers here
            exact = np.nan
        room = _AGREE * np.abs(slope) + _ZERO * (np.abs(ahead) + np.abs(behind)) / scale
        slope = np.where(np.abs(exact - slope) <= room, exact, slope)
        return self.value(x, real) + 1j * step * slope

    def columns(self, z: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Any:
        """Return no columns: no part of the law is known to be linear."""
        return ()

    def gradient(self, z: Array, theta: tuple[Array, ...], frame: Frame) -> Any:
        """Return the derivatives of no columns."""
        return tuple(() for _ in self.names)

    def invert(self, values: Mapping[str, Array], frame: Frame, xp: ModuleType) -> Any:
        """Return no coefficients, and the parameters themselves."""
        return (), tuple(values[key] for key in self.names)

    def limit(self, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        """Return nan: nothing is known of the far end."""
        return Terms((), np.nan)

    def begin(self, z: Array, y: Array, frame: Frame) -> tuple[Array, ...]:
        """Return the start values for every curve."""
        return tuple(np.full(len(z), value) for value in self.start)

    def working(self, frame: Frame) -> str:
        """Return the call as an expression."""
        return f"{self.name}(x, {', '.join(self.names)})"

    def reach(
        self, share: Array, z_from: Array, z_to: Array, theta: tuple[Array, ...], frame: Frame
    ) -> Array:
        """Bisect: nothing is known but that the curve is monotone between the two sizes."""
        if not np.all(np.isfinite(z_to)):
            return np.nan + 0.0 * z_from
        start, stop = (self.oriented(z, theta, frame, np) for z in (z_from, z_to))
        goal = start + share * (stop - start)
        real = tuple(np.real(t) for t in theta)
        rise = np.real(stop - start)
        low, high = z_from + 0.0 * rise, z_to + 0.0 * rise
        low, high = bisected(
            lambda z: (self.oriented(z, real, frame, np) - np.real(goal)) * rise < 0, low, high
        )
        middle = 0.5 * (low + high)
        if not np.iscomplexobj(goal):
            return middle
        # The derivative of the size is that of the curve there, over the curve's own slope.
        ends = [self.oriented(middle + step, real, frame, np) for step in (_STEP, -_STEP)]
        slope = (ends[0] - ends[1]) / (2 * _STEP)
        gap = np.imag(goal - self.oriented(middle, theta, frame, np))
        return middle + 1j * gap / slope
