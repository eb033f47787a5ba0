"""Saturating power law with slow growth under it, which outlasts it.

    mean(x) = level -/+ coefficient * x^-exponent + slope * log(x / x0)   (- if higher is better)

A sum of two power laws, one of them so slow that it is a line in log size over any table. Working
form ``c + b ((1 - lasting) h_a(z) / H_a + lasting z / Z)`` with the ``h_a`` of the saturating power
law, and ``H_a`` and ``Z`` the rises of ``h_a(z)`` and ``z`` over the sizes of the table: of the
gain ``b`` over the table the slow part has the share ``lasting``. It contains the saturating power
law at ``lasting = 0`` and the log law at 1. Its use is to say what a table cannot exclude: a
curve that has seen its fast component end has not seen that there is no slow one. It is the wrong
law to read an asymptote from, for it has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .law import Frame, Law, Parameter, Shape, Terms
from .saturating_power import SATURATING_POWER, box_cox, box_cox_slope, exponent_shape

__all__ = ["POWER_LOG"]

Array = Any
#: An exponent below this would be slow growth as well.
_SLOWEST = 0.1


def _rises(a: Array, frame: Frame, xp: ModuleType) -> tuple[Array, Array]:
    """Return the rise of ``h_a(z)`` and of ``z`` over the sizes; as of one e-fold for one size."""
    span = frame.z_max - frame.z_min
    span = np.where(span > 0, span, 1.0)
    rise = box_cox(frame.z_min + span, a, xp) - box_cox(frame.z_min, a, xp)
    return rise, span


def _columns(z: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> tuple[Array, ...]:
    a, lasting = theta
    rise, span = _rises(a, frame, xp)
    return 1.0, box_cox(z, a, xp) * ((1.0 - lasting) / rise) + z * (lasting / span)


def _gradient(z: Array, theta: tuple[Array, ...], frame: Frame) -> tuple[tuple[Array, ...], ...]:
    a, lasting = theta
    rise, span = _rises(a, frame, np)
    turned = box_cox_slope(frame.z_min + span, a) - box_cox_slope(frame.z_min, a)
    fast = box_cox(z, a, np)
    by_exponent = (box_cox_slope(z, a) - fast * (turned / rise)) * ((1.0 - lasting) / rise)
    return (0.0, by_exponent), (0.0, z / span - fast / rise)


def _height(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Array:
    """Return the distance from the slow part at ``x0``, for a gain of 1 over the table."""
    a, lasting = theta
    return (1.0 - lasting) / (a * _rises(a, frame, xp)[0])


def _level(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    weight = _height(theta, frame, xp)
    return Terms((frame.sign + 0.0 * weight, frame.sign * weight))


def _coefficient(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    return Terms((0.0, _height(theta, frame, xp) * xp.exp(theta[0] * xp.log(frame.x0))))


def _slope(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    return Terms((0.0 * theta[1], frame.sign * theta[1] / _rises(theta[0], frame, xp)[1]))


def _invert(
    values: Mapping[str, Array], frame: Frame, xp: ModuleType
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    a = values["exponent"]
    rise, span = _rises(a, frame, xp)
    height = values["coefficient"] * xp.exp(-a * xp.log(frame.x0))
    slow = frame.sign * values["slope"] * span
    b = a * height * rise + slow
    return (frame.sign * values["level"] - height, b), (a, slow / b)


def _limit(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    return Terms((0.0 * theta[0], 0.0), frame.sign * np.inf)


def _start(
    z: NDArray[np.float64], y: NDArray[np.float64], frame: Frame
) -> tuple[NDArray[np.float64], ...]:
    """Return the start of the saturating power law, a tenth of whose gain lasts."""
    (exponent,) = SATURATING_POWER.start(z, y, frame)
    return np.maximum(exponent, 2 * _SLOWEST), np.full_like(exponent, 0.1)


def _working(frame: Frame) -> str:
    low, high = (float(np.ravel(np.exp(z))[0]) for z in (frame.z_min, frame.z_max))
    fast = f"(x / x0)**-exponent) / ({low:.10g}**-exponent - {high:.10g}**-exponent)"
    slow = f"log(x / x0) / {np.log(high / low):.10g}"
    return f"c + b * ((1 - lasting) * (1 - {fast} + lasting * {slow})"


def _exponent_shape() -> Shape:
    plain = exponent_shape(points=33)

    def bounds(frame: Frame) -> tuple[Array, Array]:
        high = plain.bounds(frame)[1]
        return np.minimum(_SLOWEST, 0.5 * high), high

    return replace(plain, bounds=bounds, open_above=(False, False), open_below=(False, True))


POWER_LOG = Law(
    name="power_log",
    title="power law over slow growth",
    formula="level - coefficient x^-exponent + slope log(x / x0)",
    wrong_when="an asymptote is asked for, or fewer than six sizes tell fast from slow",
    source="two power laws, the slower one to first order in its exponent",
    n_columns=2,
    shapes=(
        _exponent_shape(),
        Shape("lasting", lambda frame: (0.0 * frame.z_min, 1.0 + 0.0 * frame.z_min), points=25),
    ),
    columns=_columns,
    gradient=_gradient,
    parameters=(
        Parameter(
            "level", "the slow part at x0, the geometric mean of the sizes", "level", _level
        ),
        Parameter(
            "coefficient",
            "distance from the slow part at x = 1, in units of the driver",
            "coefficient",
            _coefficient,
            "below",
        ),
        Parameter(
            "exponent",
            "how fast the distance from the slow part shrinks",
            "exponent",
            lambda theta, frame, xp: Terms((0.0, 0.0), theta[0]),
            shape=0,
        ),
        Parameter(
            "slope",
            "change of the slow part per e-fold of the driver (0.693 times that per doubling)",
            "slope",
            _slope,
        ),
    ),
    invert=_invert,
    limit=_limit,
    reach=None,
    start=_start,
    loss_formula="level + coefficient x^-exponent + slope log(x / x0)",
    working=_working,
    min_sizes=6,
)  # fmt: skip
