"""Two straight lines in log size that meet at a break.

    mean(x) = level + early_slope * min(v, 0) + late_slope * max(v, 0),    v = log(x / break_size)

The law for the question "does the gain per doubling change, and where?". It has no direction: a
slope may be against the trend. It is the wrong law where the change is gradual, which it turns
into a break that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from .law import Frame, Law, Parameter, Shape, Terms

__all__ = ["BROKEN_STICK"]

Array = Any


def _columns(z: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> tuple[Array, ...]:
    v = z - theta[0]
    return 1.0, xp.where(v < 0, v, 0.0), xp.where(v < 0, 0.0, v)


def _gradient(z: Array, theta: tuple[Array, ...], frame: Frame) -> tuple[tuple[Array, ...], ...]:
    early = z < theta[0]
    return ((0.0, np.where(early, -1.0, 0.0), np.where(early, 0.0, -1.0)),)


def _bounds(frame: Frame) -> tuple[Array, Array]:
    # Within the gaps next to the ends a break is anywhere: their slope has one size to rest on.
    margin = 0.05 * (frame.z_max - frame.z_min)
    return frame.z_min + margin, frame.z_max - margin


def _weight(j: int) -> Any:
    def terms(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        return Terms(tuple(frame.sign * float(i == j) for i in range(3)))

    return terms


def _invert(
    values: Mapping[str, Array], frame: Frame, xp: ModuleType
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    names = ("level", "early_slope", "late_slope")
    coefficients = tuple(frame.sign * values[name] for name in names)
    return coefficients, (xp.log(values["break_size"] / frame.x0),)


BROKEN_STICK = Law(
    name="broken_stick",
    title="broken stick in log size",
    formula="level + early_slope min(log(x / break_size), 0) + late_slope max(.., 0)",
    wrong_when="the gain per doubling changes gradually: the break is then an artefact",
    source="two-phase regression, Hudson 1966, doi:10.1080/01621459.1966.10482198",
    n_columns=3,
    shapes=(Shape("log_break", _bounds, points=121),),
    columns=_columns,
    gradient=_gradient,
    parameters=(
        Parameter("level", "the score at the break", "level", _weight(0)),
        Parameter(
            "early_slope",
            "change of the score per e-fold of the driver below the break",
            "slope",
            _weight(1),
        ),
        Parameter(
            "late_slope",
            "change of the score per e-fold of the driver above the break",
            "slope",
            _weight(2),
        ),
        Parameter(
            "break_size",
            "the size at which the two lines meet",
            "size",
            lambda theta, frame, xp: Terms((0.0, 0.0, 0.0), frame.x0 * xp.exp(theta[0])),
            shape=0,
        ),
    ),
    invert=_invert,
    limit=lambda theta, frame, xp: Terms((frame.sign * 1.0, 0.0, frame.sign * np.inf)),
    reach=None,  # it depends on the slopes
    start=lambda z, y, frame: (0.5 * (frame.z_min + frame.z_max),),
    working=lambda frame: (
        "c + b1 * (log(x / x0) - log_break) * (log(x / x0) < log_break)"
        " + b * (log(x / x0) - log_break) * (log(x / x0) >= log_break)"
    ),
    rising=False,
    min_sizes=5,
    last_break=0,
)
