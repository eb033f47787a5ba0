"""Exponential saturation: the remaining gain shrinks by 1/e with every ``scale`` of the driver.

    mean(x) = asymptote - amplitude * exp(-x / scale)      (higher is better; + for a loss)

The fastest plausible way to level off: beside the saturating power law it bounds the optimistic
side of "saturated". Wrong where gains go on over more than about one decade of sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .law import Frame, Law, Parameter, Shape, Terms

__all__ = ["EXPONENTIAL"]

Array = Any


#: Where the exponential of the first size over the scale is cut, so that it stays finite.
_MOST = 600.0


def _beyond(z: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Array:
    """Return how far a size is beyond the first one, in scales.

    From size zero nothing would be left of the gains among sizes far beyond the scale.
    """
    return xp.exp(frame.z_min - theta[0]) * xp.expm1(z - frame.z_min)


def _columns(z: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> tuple[Array, ...]:
    return 1.0, -xp.expm1(-_beyond(z, theta, frame, xp))


def _gradient(z: Array, theta: tuple[Array, ...], frame: Frame) -> tuple[tuple[Array, ...], ...]:
    beyond = _beyond(z, theta, frame, np)
    return ((0.0, -beyond * np.exp(-beyond)),)


def _amplitude(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    first = xp.minimum(xp.exp(frame.z_min - theta[0]), _MOST)
    return Terms((0.0, xp.exp(first)))


def _bounds(frame: Frame) -> tuple[Array, Array]:
    # From "the first step takes 99.9 % of the gain" to a straight line in x.
    second = frame.z_min + frame.first_gap
    step = np.exp(second) - np.exp(frame.z_min)
    return np.log(step / np.log(1000.0)), frame.z_max + np.log(100.0)


def _invert(
    values: Mapping[str, Array], frame: Frame, xp: ModuleType
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    theta = (xp.log(values["scale"] / frame.x0),)
    rise = values["amplitude"] / _amplitude(theta, frame, xp).weights[1]
    return (frame.sign * values["asymptote"] - rise, rise), theta


def _limit(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    return Terms((frame.sign * 1.0, frame.sign * 1.0))


def _reach(
    share: Array, z_from: Array, z_to: Array, theta: tuple[Array, ...], frame: Frame
) -> Array:
    start = np.exp(z_from - theta[0])
    # exp(-start) is divided out, so that a start far beyond the scale does not underflow.
    rest = share * np.expm1(start - np.exp(z_to - theta[0]))
    return theta[0] + np.log(start - np.log1p(rest))


def _start(
    z: NDArray[np.float64], y: NDArray[np.float64], frame: Frame
) -> tuple[NDArray[np.float64], ...]:
    """Return the size by which 63 % of the observed rise has come."""
    goal = y[:, :1] + (1.0 - np.exp(-1.0)) * (y[:, -1:] - y[:, :1])
    crossed = np.argmax(np.where(y[:, -1:] > y[:, :1], y >= goal, y <= goal), axis=1)
    lower, upper = _bounds(frame)
    return (np.clip(np.take_along_axis(z, crossed[:, None], axis=1)[:, 0], lower, upper),)


def _working(frame: Frame) -> str:
    first = float(np.ravel(np.exp(frame.z_min))[0])
    return f"c + b * (1 - exp(-exp(-log_scale) * (x / x0 - {first:.10g})))"


EXPONENTIAL = Law(
    name="exponential",
    title="exponential saturation",
    formula="asymptote - amplitude exp(-x / scale)",
    wrong_when="gains go on over more than about one decade of sizes",
    source="the classical learning curve; exp3 of Viering & Loog 2021, arXiv:2103.10948",
    aliases=("exp3",),
    n_columns=2,
    shapes=(Shape("log_scale", _bounds, points=49, open_below=(True, False)),),
    columns=_columns,
    gradient=_gradient,
    parameters=(
        Parameter(
            "asymptote", "the score as the driver grows without end", "level", _limit, "above"
        ),
        Parameter(
            "amplitude",
            "distance from the asymptote at size zero",
            "amplitude",
            _amplitude,
            "below",
        ),
        Parameter(
            "scale",
            "the driver that divides the remaining gain by e",
            "size",
            lambda theta, frame, xp: Terms((0.0, 0.0), frame.x0 * xp.exp(theta[0])),
            shape=0,
        ),
    ),
    invert=_invert,
    limit=_limit,
    reach=_reach,
    start=_start,
    loss_formula="asymptote + amplitude exp(-x / scale)",
    working=_working,
)
