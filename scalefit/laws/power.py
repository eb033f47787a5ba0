"""Pure power law towards the best value the metric can take.

    mean(x) = best - coefficient * x^-exponent     (best known, higher is better)
    mean(x) = best + coefficient * x^-exponent     (best known, lower is better)
    mean(x) = coefficient * x^exponent             (best unknown, higher is better)

The natural null of "does it level off short of perfect?" (Hestness et al. 2017,
arXiv:1712.00409; Kaplan et al. 2020, arXiv:2001.08361). Wrong whenever an irreducible error
remains. A loss whose best is unknown is taken to fall towards 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .law import ASINH, Frame, Law, Parameter, Shape, Terms
from .saturating_power import largest_exponent

__all__ = ["POWER"]

Array = Any


def _direction(frame: Frame) -> Array:
    """Return -1 where the error shrinks towards a limit, +1 where the score grows without one."""
    return np.where(np.isnan(frame.limit) & (frame.sign > 0), 1.0, -1.0)


def _best(frame: Frame) -> Array:
    return frame.sign * np.where(np.isnan(frame.limit), 0.0, frame.limit)


def _columns(z: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> tuple[Array, ...]:
    direction = _direction(frame)
    return (direction * xp.exp(direction * theta[0] * z),)


def _gradient(z: Array, theta: tuple[Array, ...], frame: Frame) -> tuple[tuple[Array, ...], ...]:
    return ((z * np.exp(_direction(frame) * theta[0] * z),),)


def _offset(z: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Array:
    return _best(frame)


def _coefficient(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    return Terms((xp.exp(-_direction(frame) * theta[0] * xp.log(frame.x0)),))


def _exponent(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    return Terms((0.0,), theta[0])


def _invert(
    values: Mapping[str, Array], frame: Frame, xp: ModuleType
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    a = values["exponent"]
    return (values["coefficient"] * frame.x0 ** (_direction(frame) * a),), (a,)


def _limit(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    return Terms((0.0,), np.where(_direction(frame) > 0, np.inf, frame.sign * _best(frame)))


def _reach(
    share: Array, z_from: Array, z_to: Array, theta: tuple[Array, ...], frame: Frame
) -> Array:
    rate = _direction(frame) * theta[0]
    safe = np.where(rate == 0, 1.0, rate)
    rise = np.expm1(safe * (z_to - z_from))
    return z_from + np.where(rate == 0, share * (z_to - z_from), np.log1p(share * rise) / safe)


def _working(frame: Frame) -> str:
    if np.all(_direction(frame) > 0):
        return "b * (x / x0)**exponent"
    best = "" if np.all(np.isnan(frame.limit)) else "best "
    return best + "- b * (x / x0)**-exponent"


def _start(
    z: NDArray[np.float64], y: NDArray[np.float64], frame: Frame
) -> tuple[NDArray[np.float64], ...]:
    """Return the log ratio of the two ends' distance from the limit over their log distance."""
    direction = _direction(frame)
    far = direction[:, None] * (y - _best(frame)[:, None])
    lowest = 1e-3 * np.maximum(np.abs(far).max(axis=1, keepdims=True), 1e-300)
    first, last = np.log(np.maximum(far, lowest))[:, [0, -1]].T
    span = np.maximum(z[:, -1] - z[:, 0], 1e-9)
    return (np.clip(direction * (last - first) / span, 0.0, largest_exponent(frame)),)


POWER = Law(
    name="power",
    title="pure power law",
    formula="best - coefficient x^-exponent",
    wrong_when="some error remains however large the driver",
    source="Hestness et al. 2017, arXiv:1712.00409; Kaplan et al. 2020, arXiv:2001.08361; pow2 and "
    "M1 of the learning-curve literature",
    aliases=("pow2", "m1"),
    n_columns=1,
    shapes=(
        Shape(
            "exponent",
            lambda frame: (0.0 * frame.first_gap, largest_exponent(frame)),
            points=33,
            coordinate=ASINH,
            open_below=(False, True),
        ),
    ),
    columns=_columns,
    gradient=_gradient,
    parameters=(
        Parameter(
            "coefficient",
            "distance from the best score at x = 1",
            "coefficient",
            _coefficient,
            "below",
        ),
        Parameter(
            "exponent",
            "how fast the distance shrinks: 10 times the driver divides it by 10^exponent",
            "exponent",
            _exponent,
            shape=0,
        ),
    ),
    invert=_invert,
    limit=_limit,
    reach=_reach,
    start=_start,
    loss_formula="best + coefficient x^-exponent",
    working=_working,
    offset=_offset,
    nested_in="saturating_power",
)
