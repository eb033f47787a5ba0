"""Sigmoid whose two plateaus are approached at rates of their own.

    (y - e_inf) / (e_0 - y)^asymmetry = beta * x^-exponent

M4 of Alabdulmohsin et al. 2022 (arXiv:2209.06640): ``e_0`` is the score of a guess, at the lower
end of sizes, ``e_inf`` that of an endless driver. With asymmetry 1 it is the Hill curve. It is the
wrong law unless the sizes show both plateaus or a good part of the way between them: asymmetry and
``e_0`` are then anyone's guess.

With ``1 - s`` the share of the way that is left, the equation is ``log(1 - s) - asymmetry log(s) =
-v``, which in the logit ``t`` of ``s`` is a smooth bend between two lines and so is inverted by
Newton's method without a grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bend import sigmoid, softplus, unbend
from .hill import HILL
from .law import LOG, Frame, Law, Parameter, Shape, Terms

__all__ = ["M4"]

Array = Any
#: Half of the way is made at theta[1], whatever the asymmetry.
_LOG_2 = float(np.log(2.0))


def _logit(z: Array, theta: tuple[Array, ...], xp: ModuleType) -> Array:
    """Return the logit of the share of the way made at log size ``z``."""
    exponent, middle, asymmetry = theta
    v = exponent * (z - middle) + (1.0 - asymmetry) * _LOG_2
    return unbend(v, asymmetry, 1.0, xp)


def _columns(z: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> tuple[Array, ...]:
    # Measured from the nearer plateau, so that a curve that has nearly reached it keeps its digits.
    t = _logit(z, theta, xp)
    side = xp.where(theta[1] < 0, -1.0, 1.0)
    return 1.0, side * sigmoid(side * t, xp)


def _gradient(z: Array, theta: tuple[Array, ...], frame: Frame) -> tuple[tuple[Array, ...], ...]:
    exponent, middle, asymmetry = theta
    t = _logit(z, theta, np)
    rise = sigmoid(t, np)
    per_v = rise * sigmoid(-t, np) / (asymmetry + (1.0 - asymmetry) * rise)
    return (
        (0.0, (z - middle) * per_v),
        (0.0, -exponent * per_v),
        (0.0, (softplus(-t, np) - _LOG_2) * per_v),
    )


def _exponent_bounds(frame: Frame) -> tuple[Array, Array]:
    # Half as steep and half as far out as a Hill curve may be: an asymmetry of 0.1 makes the rise
    # ten times steeper, and the share of the way made must not vanish at every size.
    low, high = HILL.shapes[0].bounds(frame)
    return low, 0.5 * high


def _middle_bounds(frame: Frame) -> tuple[Array, Array]:
    low, high = HILL.shapes[1].bounds(frame)
    return 0.5 * (low + frame.z_min), 0.5 * (high + frame.z_max)


def _invert(
    values: Mapping[str, Array], frame: Frame, xp: ModuleType
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    coefficients, theta = HILL.invert({**values, "slope": values["exponent"]}, frame, xp)
    return coefficients, (*theta, values["asymmetry"])


def _reach(
    share: Array, z_from: Array, z_to: Array, theta: tuple[Array, ...], frame: Frame
) -> Array:
    exponent, middle, asymmetry = theta
    endless = np.isinf(z_to)
    low = sigmoid(_logit(z_from, theta, np), np)
    high = sigmoid(_logit(np.where(endless, 0.0, z_to), theta, np), np)
    height = low + share * (np.where(endless, 1.0, high) - low)
    t = np.log(height) - np.log1p(-height)
    v = asymmetry * t + (1.0 - asymmetry) * softplus(t, np)
    return middle + (v - (1.0 - asymmetry) * _LOG_2) / exponent


def _start(
    z: NDArray[np.float64], y: NDArray[np.float64], frame: Frame
) -> tuple[NDArray[np.float64], ...]:
    """Return the start of the Hill curve."""
    slope, middle = HILL.start(z, y, frame)
    return slope, middle, np.ones_like(slope)


M4 = Law(
    name="m4",
    title="asymmetric sigmoid (M4)",
    formula="y where (upper - y) / (y - lower)^asymmetry = beta x^-exponent",
    wrong_when="the sizes do not show most of the way between two plateaus",
    source="M4 of Alabdulmohsin et al. 2022, arXiv:2209.06640",
    n_columns=2,
    shapes=(
        Shape(
            "exponent",
            _exponent_bounds,
            points=16,
            coordinate=LOG,
            open_above=(True, True),
            open_below=(True, True),
        ),
        Shape(
            "middle",
            _middle_bounds,
            points=16,
            open_above=(False, True),
            open_below=(True, False),
        ),
        Shape(
            "asymmetry",
            lambda frame: (0.1 + 0.0 * frame.z_min, 10.0 + 0.0 * frame.z_min),
            points=16,
            coordinate=LOG,
            open_below=(False, True),
        ),
    ),
    columns=_columns,
    gradient=_gradient,
    parameters=(
        HILL.parameter("lower"),
        HILL.parameter("upper"),
        Parameter(
            "exponent",
            "how fast the last of the way is made: 10 times the driver divides it by 10^exponent",
            "exponent",
            lambda theta, frame, xp: Terms((0.0, 0.0), theta[0]),
            shape=0,
        ),
        HILL.parameter("half_size"),
        Parameter(
            "asymmetry",
            "exponent far above the half size over the one far below it",
            "exponent",
            lambda theta, frame, xp: Terms((0.0, 0.0), theta[2]),
            shape=2,
        ),
    ),
    invert=_invert,
    limit=HILL.limit,
    reach=_reach,
    start=_start,
    loss_formula="y where (y - lower) / (upper - y)^asymmetry = beta x^-exponent",
    working=lambda frame: (
        "c + b * (share - (middle < 0)) where (1 - share) / share**asymmetry = "
        "2**(asymmetry - 1) * (exp(-middle) * x / x0)**-exponent"
    ),
    min_sizes=8,
)
