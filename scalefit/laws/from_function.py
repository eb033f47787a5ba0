"""A law made from any function of the driver: nothing is known of its shape but a start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import LawError
from .law import Frame, Law, Parameter, Terms

__all__ = ["from_function"]

Array = Any


def from_function(
    name: str, function: Callable[..., Array], start: Mapping[str, float], **words: str
) -> Law:
    """Return a law from ``function(x, *parameters)``; see :meth:`scalefit.Law.from_function`."""
    if not start:
        raise LawError(f"law {name!r} needs start values: start={{'b1': 1.0, ...}}")
    for key, value in start.items():
        if not np.isfinite(value):
            raise LawError(f"start value of {key!r} for law {name!r} is {value}; give a number")
    names = tuple(start)

    def oriented(z: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Array:
        try:
            value = function(frame.x0 * xp.exp(z), *theta)
        except (ArithmeticError, TypeError, AttributeError) as error:
            raise LawError(
                f"law {name!r} cannot be called with arrays: {error}; write it with numpy "
                f"functions of x and {', '.join(names)}"
            ) from None
        return frame.sign * value

    def reach(
        share: Array, z_from: Array, z_to: Array, theta: tuple[Array, ...], frame: Frame
    ) -> Array:
        """Bisect: nothing is known but that the curve is monotone between the two sizes."""
        if not np.all(np.isfinite(z_to)):
            return np.nan + 0.0 * z_from
        start, stop = (oriented(z, theta, frame, np) for z in (z_from, z_to))
        goal = start + share * (stop - start)
        low, high = z_from + 0.0 * goal, z_to + 0.0 * goal
        for _ in range(60):
            middle = 0.5 * (low + high)
            short = (oriented(middle, theta, frame, np) - goal) * (stop - start) < 0
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        return 0.5 * (low + high)

    def parameter(index: int) -> Parameter:
        return Parameter(
            names[index],
            f"parameter {index + 1} of {name}",
            "free",
            lambda theta, frame, xp: Terms((), theta[index]),
        )

    return Law(
        name=name,
        title=words.get("title", name),
        formula=words.get("formula", f"{name}(x, {', '.join(names)})"),
        wrong_when=words.get("wrong_when", "not stated"),
        source=words.get("source", "given by the user"),
        n_columns=0,
        shapes=(),
        columns=lambda z, theta, frame, xp: (),
        gradient=lambda z, theta, frame: tuple(() for _ in names),
        parameters=tuple(parameter(i) for i in range(len(names))),
        invert=lambda values, frame, xp: ((), tuple(values[key] for key in names)),
        limit=lambda theta, frame, xp: Terms((), np.nan),
        reach=reach,
        start=lambda z, y, frame: tuple(np.full(len(z), float(v)) for v in start.values()),
        working=lambda frame: f"{name}(x, {', '.join(names)})",
        offset=oriented,
        rising=False,
        guesses=tuple((key, float(value)) for key, value in start.items()),
    )
