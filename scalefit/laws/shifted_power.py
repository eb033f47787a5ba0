"""Saturating power law whose driver starts from a head start: experience that was not counted.

    mean(x) = asymptote -/+ coefficient * (x + shift)^-exponent    (- if higher is better, + if not)

M3 of the learning-curve literature (Viering & Loog 2021, arXiv:2103.10948, call it pow4). Working
form ``c + b h_a(v)`` with ``v = log((x + shift) / (x0 + shift))`` and the ``h_a`` of the saturating
power law, which it contains at shift 0. It is the wrong law unless many sizes show the bend of the
first ones: shift and exponent trade places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .law import Frame, Law, Parameter, Shape, Terms
from .saturating_power import (
    SATURATING_POWER,
    box_cox,
    box_cox_reach,
    box_cox_slope,
    exponent_shape,
)

__all__ = ["SHIFTED_POWER"]

Array = Any


def _shift(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Array:
    """Return the shift over x0; its search coordinate is ``log(1 + shift / x_min)``."""
    return xp.expm1(theta[1]) * np.exp(frame.z_min)


def _moved(z: Array, shift: Array, xp: ModuleType) -> Array:
    return xp.log(1.0 + xp.expm1(z) / (1.0 + shift))


def _columns(z: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> tuple[Array, ...]:
    return 1.0, box_cox(_moved(z, _shift(theta, frame, xp), xp), theta[0], xp)


def _gradient(z: Array, theta: tuple[Array, ...], frame: Frame) -> tuple[tuple[Array, ...], ...]:
    shift = _shift(theta, frame, np)
    v = _moved(z, shift, np)
    per_shift = 1.0 / (np.exp(z) + shift) - 1.0 / (1.0 + shift)
    slope = np.exp(-theta[0] * v) * per_shift * (shift + np.exp(frame.z_min))
    return (0.0, box_cox_slope(v, theta[0])), (0.0, slope)


def _centre(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Frame:
    """Return the frame of the shifted driver, in which this is a saturating power law."""
    x0 = frame.x0 * (1.0 + _shift(theta, frame, xp))
    return replace(frame, x0=x0)


def _coefficient(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    plain = SATURATING_POWER.parameter("coefficient")
    return plain.terms(theta, _centre(theta, frame, xp), xp)


def _invert(
    values: Mapping[str, Array], frame: Frame, xp: ModuleType
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    share = values["shift"] / (frame.x0 * np.exp(frame.z_min))
    log_shift = xp.log(1.0 + share)
    centre = _centre((0.0, log_shift), frame, xp)
    coefficients, (exponent,) = SATURATING_POWER.invert(values, centre, xp)
    return coefficients, (exponent, log_shift)


def _reach(
    share: Array, z_from: Array, z_to: Array, theta: tuple[Array, ...], frame: Frame
) -> Array:
    shift = _shift(theta, frame, np)
    v_to = np.where(np.isinf(z_to), z_to, _moved(np.where(np.isinf(z_to), 0.0, z_to), shift, np))
    v = box_cox_reach(share, _moved(z_from, shift, np), v_to, theta, frame)
    return np.log1p((1.0 + shift) * np.expm1(v))


def _start(
    z: NDArray[np.float64], y: NDArray[np.float64], frame: Frame
) -> tuple[NDArray[np.float64], ...]:
    """Return the start of the saturating power law, without a shift."""
    (exponent,) = SATURATING_POWER.start(z, y, frame)
    return exponent, np.zeros_like(exponent)


SHIFTED_POWER = Law(
    name="shifted_power",
    title="power law with a head start",
    formula="asymptote - coefficient (x + shift)^-exponent",
    wrong_when="the first sizes do not show a bend: shift and exponent trade places",
    source="pow4 of Viering & Loog 2021, arXiv:2103.10948; M3 of the learning-curve literature",
    aliases=("pow4", "m3"),
    n_columns=2,
    shapes=(
        exponent_shape(),
        Shape(
            "log_shift",  # log(1 + shift / x_min): from no shift to the largest size
            lambda frame: (
                0.0 * frame.z_min,
                np.log1p(np.exp(np.maximum(frame.z_max - frame.z_min, 1.0))),
            ),
            points=41,
            open_above=(False, True),
        ),
    ),
    columns=_columns,
    gradient=_gradient,
    parameters=(
        SATURATING_POWER.parameter("asymptote"),
        Parameter(
            "coefficient",
            "distance from the asymptote where driver and shift add up to 1",
            "coefficient",
            _coefficient,
            "below",
        ),
        SATURATING_POWER.parameter("exponent"),
        Parameter(
            "shift",
            "the head start, in units of the driver",
            "size",
            lambda theta, frame, xp: Terms((0.0, 0.0), frame.x0 * _shift(theta, frame, xp)),
            shape=1,
        ),
    ),
    invert=_invert,
    limit=SATURATING_POWER.limit,
    reach=_reach,
    start=_start,
    loss_formula="asymptote + coefficient (x + shift)^-exponent",
    working=lambda frame: (
        "c + b * (1 - ((x / x0 + shift) / (1 + shift))**-exponent) / exponent, "
        f"shift = (exp(log_shift) - 1) * {float(np.ravel(np.exp(frame.z_min))[0]):.10g}"
    ),
    min_sizes=7,
)
