"""Two drivers between two plateaus: the additive law for scores that have a floor and a ceiling.

    mean(N, D) = E - (E - floor) h / (1 + h),   h = (N / half_1)^-alpha + (D / half_2)^-beta

(higher is better), and its mirror image for a loss. Far above the half sizes h is small and this is
the additive law ``E - A N^-alpha - B D^-beta`` with ``A = (E - floor) half_1^alpha``; far below
them scores rest on the floor instead of falling without end. It is the bounded form of
arXiv:2605.09189 with two terms, and in one driver the Hill curve. Wrong where scores never come
near their floor: the additive law then says the same with one parameter fewer.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from .additive import Floats
from .law import LOG, Frame, Law, Parameter, Shape, Terms
from .saturating_power import largest_exponent

__all__ = ["ADDITIVE_BOUNDED"]

Array = Any
Theta = tuple[Array, ...]
#: Least exponent looked for.
_LEAST = 0.02


def _height(z: Array, theta: Theta, xp: ModuleType) -> tuple[Array, Array]:
    """Return the two parts of h; the half sizes are the third and the fourth shape."""
    alpha, beta, middle, other = theta
    return xp.exp(-alpha * (z[..., 0] - middle)), xp.exp(-beta * (z[..., 1] - other))


def _low(theta: Theta, xp: ModuleType) -> Array:
    """Return 1 where the centre of the sizes is nearer to the floor than to the ceiling, else 0."""
    alpha, beta, middle, other = theta
    return xp.where(xp.exp(alpha * middle) + xp.exp(beta * other) > 1.0, 1.0, 0.0)


def _columns(z: Array, theta: Theta, frame: Frame, xp: ModuleType) -> tuple[Array, ...]:
    # The rise measured from the nearer plateau, so that it keeps its digits.
    first, second = _height(z, theta, xp)
    h = first + second
    low = _low(theta, xp)
    return 1.0, low / (1.0 + h) - (1.0 - low) / (1.0 + 1.0 / h)


def _gradient(z: Array, theta: Theta, frame: Frame) -> tuple[tuple[Array, ...], ...]:
    alpha, beta, middle, other = theta
    first, second = _height(z, theta, np)
    h = first + second
    bend = -1.0 / ((1.0 + h) * (1.0 + 1.0 / h))  # times d log h
    first, second = first / h, second / h
    return (
        (0.0, -bend * first * (z[..., 0] - middle)),
        (0.0, -bend * second * (z[..., 1] - other)),
        (0.0, bend * first * alpha),
        (0.0, bend * second * beta),
    )


def _ceiling(theta: Theta, frame: Frame, xp: ModuleType) -> Terms:
    return Terms((frame.sign * 1.0, frame.sign * _low(theta, xp)))


def _floor(theta: Theta, frame: Frame, xp: ModuleType) -> Terms:
    return Terms((frame.sign * 1.0, frame.sign * (_low(theta, xp) - 1.0)))


def _half(driver: int) -> Any:
    return lambda theta, frame, xp: Terms(
        (0.0, 0.0), frame.drivers[driver].x0 * xp.exp(theta[2 + driver])
    )


def _invert(values: Mapping[str, Array], frame: Frame, xp: ModuleType) -> tuple[Theta, Theta]:
    halves = (values["half_1"], values["half_2"])
    middles = (xp.log(half / own.x0) for half, own in zip(halves, frame.drivers, strict=True))
    theta = (values["alpha"], values["beta"], *middles)
    rise = frame.sign * (values["E"] - values["floor"])
    return (frame.sign * values["E"] - _low(theta, xp) * rise, rise), theta


def _exponents(driver: int) -> Any:
    def bounds(frame: Frame) -> tuple[Array, Array]:
        most = largest_exponent(frame.drivers[driver])
        return _LEAST + 0.0 * most, most

    return bounds


def _middles(driver: int) -> Any:
    def bounds(frame: Frame) -> tuple[Array, Array]:
        own = frame.drivers[driver]
        span = np.where(own.z_max > own.z_min, own.z_max - own.z_min, 1.0)
        return own.z_min - 3.0 * span, own.z_max + span

    return bounds


def _start(z: Floats, y: Floats, frame: Frame) -> tuple[Floats, ...]:
    """Return exponents of one half, and half sizes at the smallest sizes."""
    half = np.full(len(z), 0.5)
    return half, half, *(own.z_min + 0.0 * half for own in frame.drivers)


ADDITIVE_BOUNDED = Law(
    name="additive_bounded",
    title="two drivers between two plateaus",
    formula="E - (E - floor) h / (1 + h), h = (x1 / half_1)^-alpha + (x2 / half_2)^-beta",
    wrong_when="scores never come near their floor: additive says the same with fewer parameters",
    source="arXiv:2605.09189, bounded form with two terms",
    n_columns=2,
    n_drivers=2,
    shapes=(
        Shape("alpha", _exponents(0), 8, LOG),
        Shape("beta", _exponents(1), 8, LOG, driver=1),
        Shape("middle_1", _middles(0), 8, open_above=(False, True), open_below=(True, False)),
        Shape(
            "middle_2", _middles(1), 8, open_above=(False, True), open_below=(True, False), driver=1
        ),
    ),
    columns=_columns,
    gradient=_gradient,
    parameters=(
        Parameter("E", "the score as both drivers grow without end", "level", _ceiling, "above"),
        Parameter("floor", "the score where either driver vanishes", "level", _floor, "below"),
        Parameter(
            "alpha", "exponent of the first driver", "exponent",
            lambda theta, frame, xp: Terms((0.0, 0.0), theta[0]), shape=0,
        ),
        Parameter(
            "half_1", "size of the first driver that alone would leave half of the way to go",
            "size", _half(0), shape=2, driver=0,
        ),
        Parameter(
            "beta", "exponent of the second driver", "exponent",
            lambda theta, frame, xp: Terms((0.0, 0.0), theta[1]), shape=1,
        ),
        Parameter(
            "half_2", "size of the second driver that alone would leave half of the way to go",
            "size", _half(1), shape=3, driver=1,
        ),
    ),
    invert=_invert,
    limit=_ceiling,
    reach=None,
    start=_start,
    loss_formula=(
        "E + (floor - E) h / (1 + h), h = (x1 / half_1)^-alpha + (x2 / half_2)^-beta"
    ),
    working=lambda frame: (
        "c + b * (1 / (1 + h) - 1 + low), h = exp(alpha * middle_1) * (x1 / x0)**-alpha"
        " + exp(beta * middle_2) * (x2 / y0)**-beta,"
        " low = exp(alpha * middle_1) + exp(beta * middle_2) > 1"
    ),
)  # fmt: skip
