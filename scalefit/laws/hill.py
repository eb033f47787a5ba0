"""Logistic curve in log size, also known as the Hill equation.

    mean(x) = lower + (upper - lower) / (1 + (half_size / x)^slope)      (higher is better)

and its mirror image for a loss. The only core law with an inflection: needed for abilities that
emerge late, and it levels off faster than the saturating power law does. With slope 1 it is the
Michaelis-Menten curve; it is M4 of Alabdulmohsin et al. 2022 (arXiv:2209.06640) with shape 1.
Wrong where the gain per doubling only ever shrinks slowly: it then extrapolates too little.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .law import LOG, Frame, Law, Parameter, Shape, Terms

__all__ = ["HILL"]

Array = Any


def _far(theta: tuple[Array, ...], xp: ModuleType) -> Array:
    """Return 1 where the half size is below the centre of the sizes, else 0."""
    return xp.where(theta[1] < 0, 1.0, 0.0)


def _columns(z: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> tuple[Array, ...]:
    # The sigmoid measured from its nearer plateau, so that a curve that has nearly reached it
    # keeps its digits: s(v) - 1 = -s(-v).
    slope, middle = theta
    side = 1.0 - 2.0 * _far(theta, xp)
    return 1.0, side / (1.0 + xp.exp(-side * slope * (z - middle)))


def _gradient(z: Array, theta: tuple[Array, ...], frame: Frame) -> tuple[tuple[Array, ...], ...]:
    slope, middle = theta
    v = slope * (z - middle)
    bend = 1.0 / ((1.0 + np.exp(-v)) * (1.0 + np.exp(v)))
    return (0.0, (z - middle) * bend), (0.0, -slope * bend)


def _span(frame: Frame) -> Array:
    """Return the log range of the sizes; 1 for a curve of one size, of which nothing is known."""
    span = frame.z_max - frame.z_min
    return np.where(span > 0, span, 1.0)


def _slope_bounds(frame: Frame) -> tuple[Array, Array]:
    # From nearly straight over the whole range to a step between two sizes.
    span = _span(frame)
    return 0.3 / span, 60.0 / span


def _middle_bounds(frame: Frame) -> tuple[Array, Array]:
    span = _span(frame)
    return frame.z_min - span, frame.z_max + span


def _limit(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    return Terms((frame.sign * 1.0, frame.sign * (1.0 - _far(theta, xp))))


def _start_level(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    return Terms((frame.sign * 1.0, -frame.sign * _far(theta, xp)))


def _lower(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    return _either(frame.sign > 0, _start_level, _limit, theta, frame, xp)


def _upper(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    return _either(frame.sign > 0, _limit, _start_level, theta, frame, xp)


def _either(
    first: Array, yes: Any, no: Any, theta: tuple[Array, ...], frame: Frame, xp: ModuleType
) -> Terms:
    pairs = zip(yes(theta, frame, xp).weights, no(theta, frame, xp).weights, strict=True)
    return Terms(tuple(np.where(first, a, b) for a, b in pairs))


def _invert(
    values: Mapping[str, Array], frame: Frame, xp: ModuleType
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    rise = values["upper"] - values["lower"]
    first = np.where(frame.sign > 0, 1.0, 0.0)
    theta = (values["slope"], xp.log(values["half_size"] / frame.x0))
    base = first * values["lower"] - (1.0 - first) * values["upper"] + _far(theta, xp) * rise
    return (base, rise), theta


def _reach(
    share: Array, z_from: Array, z_to: Array, theta: tuple[Array, ...], frame: Frame
) -> Array:
    slope, middle = theta
    with np.errstate(over="ignore", divide="ignore"):
        low, high = (1.0 / (1.0 + np.exp(-slope * (z - middle))) for z in (z_from, z_to))
        height = low + share * (high - low)
        return middle - np.log(1.0 / height - 1.0) / slope


def _beyond_the_sizes(theta: tuple[Array, ...], frame: Frame) -> Array:
    """Return where a steeper step leaves room for a higher plateau: all runs are before it."""
    return theta[1] > frame.z_max


def _start(
    z: NDArray[np.float64], y: NDArray[np.float64], frame: Frame
) -> tuple[NDArray[np.float64], ...]:
    """Return the size of half the observed rise, and the slope that takes 4 / range there."""
    half = 0.5 * (y[:, :1] + y[:, -1:])
    crossed = np.argmax(np.where(y[:, -1:] > y[:, :1], y >= half, y <= half), axis=1)
    middle = np.take_along_axis(z, crossed[:, None], axis=1)[:, 0]
    return 4.0 / np.maximum(frame.z_max - frame.z_min, 1e-9), middle


HILL = Law(
    name="hill",
    title="Hill curve (logistic in log size)",
    formula="lower + (upper - lower) / (1 + (half_size / x)^slope)",
    wrong_when="gains shrink slowly over many decades",
    source="Hill 1910; mmf4 of Viering & Loog 2021, arXiv:2103.10948; M4 with shape 1 of "
    "Alabdulmohsin et al. 2022, arXiv:2209.06640",
    aliases=("mmf4", "michaelis_menten"),
    n_columns=2,
    shapes=(
        Shape("slope", _slope_bounds, points=22, coordinate=LOG, endless=_beyond_the_sizes),
        Shape(
            "middle",
            _middle_bounds,
            points=61,
            open_above=(False, True),
            open_below=(True, False),
        ),
    ),
    columns=_columns,
    gradient=_gradient,
    parameters=(
        Parameter("lower", "the lower plateau", "level", _lower, "either"),
        Parameter("upper", "the upper plateau", "level", _upper, "either"),
        Parameter(
            "slope",
            "steepness on the log scale (the Hill exponent)",
            "exponent",
            lambda theta, frame, xp: Terms((0.0, 0.0), theta[0]),
            shape=0,
        ),
        Parameter(
            "half_size",
            "the size at which half of the way is made",
            "size",
            lambda theta, frame, xp: Terms((0.0, 0.0), frame.x0 * xp.exp(theta[1])),
            shape=1,
        ),
    ),
    invert=_invert,
    limit=_limit,
    reach=_reach,
    start=_start,
    loss_formula="upper - (upper - lower) / (1 + (half_size / x)^slope)",
    working=lambda frame: (
        "c + b * (1 / (1 + exp(slope * middle) * (x / x0)**-slope) - (middle < 0))"
    ),
)
