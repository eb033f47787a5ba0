"""Additive power law of two drivers with one exponent for both.

    mean(N, D) = E +/- A N^-alpha +/- B D^-alpha      (+ if lower is better, - if higher)

The null of "are the two exponents equal?": under a cost ``6 N D`` it says that both drivers should
grow alike, N and D each as the square root of compute (Hoffmann et al. 2022, arXiv:2203.15556;
Muennighoff et al. 2023, arXiv:2305.16264, fix the exponents so). Wrong where one driver pays off
faster than the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from .additive import ADDITIVE, Floats
from .law import Frame, Law, Parameter, Shape, Terms
from .saturating_power import exponent_shape, largest_exponent

__all__ = ["ADDITIVE_TIED"]

Array = Any
Theta = tuple[Array, ...]


def _columns(z: Array, theta: Theta, frame: Frame, xp: ModuleType) -> tuple[Array, ...]:
    return ADDITIVE.columns(z, (theta[0], theta[0]), frame, xp)


def _gradient(z: Array, theta: Theta, frame: Frame) -> tuple[tuple[Array, ...], ...]:
    (_, first, _), (_, _, second) = ADDITIVE.gradient(z, (theta[0], theta[0]), frame)
    return ((0.0, first, second),)


def _limit(theta: Theta, frame: Frame, xp: ModuleType) -> Terms:
    return ADDITIVE.limit((theta[0], theta[0]), frame, xp)


def _as_untied(name: str) -> Callable[[Theta, Frame, ModuleType], Terms]:
    own = ADDITIVE.parameter(name)
    return lambda theta, frame, xp: own.terms((theta[0], theta[0]), frame, xp)


def _invert(values: Mapping[str, Array], frame: Frame, xp: ModuleType) -> tuple[Theta, Theta]:
    coefficients, theta = ADDITIVE.invert({**values, "beta": values["alpha"]}, frame, xp)
    return coefficients, theta[:1]


def _bounds(frame: Frame) -> tuple[Array, Array]:
    most = np.min([largest_exponent(own) for own in frame.drivers], axis=0)
    return -0.5 + 0.0 * most, most


def _start(z: Floats, y: Floats, frame: Frame) -> tuple[Floats, ...]:
    return ADDITIVE.start(z, y, frame)[:1]


def _exponent() -> Shape:
    return replace(exponent_shape("alpha"), bounds=_bounds, driver=-1)


def _parameters() -> tuple[Parameter, ...]:
    kept = [replace(p, terms=_as_untied(p.name)) for p in ADDITIVE.parameters if p.name != "beta"]
    return tuple(
        replace(p, meaning="exponent of both drivers") if p.name == "alpha" else p for p in kept
    )


ADDITIVE_TIED = Law(
    name="additive_tied",
    title="additive power law of two drivers with one exponent",
    formula="E - A x1^-alpha - B x2^-alpha",
    wrong_when="one driver pays off faster than the other, or additive is wrong",
    source="Hoffmann et al. 2022, arXiv:2203.15556, with alpha = beta",
    n_columns=3,
    n_drivers=2,
    shapes=(_exponent(),),
    columns=_columns,
    gradient=_gradient,
    parameters=_parameters(),
    invert=_invert,
    limit=_limit,
    reach=None,
    start=_start,
    loss_formula="E + A x1^-alpha + B x2^-alpha",
    nested_in="additive",
    working=lambda frame: (
        "c + b1 * (1 - (x1 / x0)**-alpha) / alpha + b2 * (1 - (x2 / y0)**-alpha) / alpha"
    ),
)
