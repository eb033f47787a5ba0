"""Power law that levels off at an asymptote, extended through the log law to accelerating curves.

    mean(x) = asymptote -/+ coefficient * x^-exponent      (- if higher is better, + if lower)

Working form ``c + b h_a(z)`` with ``h_a(z) = -expm1(-a z) / a`` and ``h_0(z) = z``, for
``a`` in (-0.5, a_max]: one family that holds the log law at ``a = 0`` as an interior point and
accelerating curves below it, with a level ``c`` and a slope ``b`` that are always identified. The
asymptote is ``c + b / a``. The law goes by many names: power law plus constant, pow3, M2
(Alabdulmohsin et al. 2022, arXiv:2209.06640), one-driver Chinchilla (Hoffmann et al. 2022,
arXiv:2203.15556). It is the wrong law where the curve has an inflection or reaches its
plateau faster than any power.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .law import ASINH, Frame, Law, Parameter, Shape, Terms

__all__ = [
    "SATURATING_POWER",
    "box_cox",
    "box_cox_reach",
    "box_cox_slope",
    "exponent_shape",
    "largest_exponent",
]

Array = Any
#: Below this an exponent is the log law to the last bit.
_TINY = 1e-200
#: d h / d a = z^2 psi(a z); Taylor coefficients of psi, enough for |a z| < 0.03 at 1e-16.
_PSI = (-1 / 2, 1 / 3, -1 / 8, 1 / 30, -1 / 144, 1 / 840, -1 / 5760)
_NEAR = 0.03


def box_cox(z: Array, a: Array, xp: ModuleType) -> Array:
    """Return ``h_a(z) = -expm1(-a z) / a``, and ``z`` where ``a`` is 0."""
    # At the smallest exponent expm1(-a z) is -a z to the last bit, so the ratio is z.
    safe = xp.where(abs(a) < _TINY, _TINY, a)
    return xp.expm1(-safe * z) * (-1.0 / safe)


def box_cox_slope(z: Array, a: Array) -> Array:
    """Return the derivative of ``h_a(z)`` with respect to ``a``, by its series near ``a z = 0``."""
    # In place: work arrays cost as much as what is done in them.
    product = a * z
    v = np.atleast_1d(product)
    decay = np.negative(v)
    np.expm1(decay, out=decay)
    psi = v * decay
    psi += decay
    psi += v
    square = np.multiply(v, v, out=decay)
    near = np.flatnonzero(square < _NEAR**2)
    if near.size:
        small = v.ravel()[near]
        series = np.zeros_like(small)
        for coefficient in reversed(_PSI):
            series = series * small + coefficient
        psi.put(near, series)
        square.put(near, 1.0)
    psi /= square
    psi *= z
    psi *= z
    return psi.reshape(np.shape(product))


def largest_exponent(frame: Frame) -> Array:
    """Return the exponent at which the first step takes 99.9 % of all gain, at most 5."""
    return np.minimum(5.0, np.log(1000.0) / frame.first_gap)


def exponent_shape(name: str = "exponent", points: int = 49, driver: int = 0) -> Shape:
    """Return the exponent of ``h_a`` in one driver as a shape to be searched."""

    def bounds(frame: Frame) -> tuple[Array, Array]:
        own = frame.drivers[driver]
        return -0.5 + 0.0 * own.first_gap, largest_exponent(own)

    return Shape(
        name,
        bounds,
        points=points,
        coordinate=ASINH,
        open_above=(True, False),
        open_below=(False, True),
        driver=driver,
    )


def _columns(z: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> tuple[Array, ...]:
    return 1.0, box_cox(z, theta[0], xp)


def _gradient(z: Array, theta: tuple[Array, ...], frame: Frame) -> tuple[tuple[Array, ...], ...]:
    return ((0.0, box_cox_slope(z, theta[0])),)


def _levels_off(a: Array, xp: ModuleType) -> Array:
    return xp.where(abs(a) < _TINY, False, a > 0)


def _asymptote(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    a = theta[0]
    levels_off = _levels_off(a, xp)
    safe = xp.where(levels_off, a, 1.0)
    one = xp.where(levels_off, frame.sign * 1.0, 0.0)
    return Terms((one, one / safe), xp.where(levels_off, 0.0, frame.sign * np.inf))


def _coefficient(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    # Without an asymptote there is no finite distance from it.
    a = theta[0]
    levels_off = _levels_off(a, xp)
    safe = xp.where(levels_off, a, 1.0)
    weight = xp.where(levels_off, xp.exp(safe * xp.log(frame.x0)) / safe, 0.0)
    return Terms((0.0 * weight, weight), xp.where(levels_off, 0.0, np.inf))


def _exponent(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    return Terms((0.0, 0.0), theta[0])


def _invert(
    values: Mapping[str, Array], frame: Frame, xp: ModuleType
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    a = values["exponent"]
    height = values["coefficient"] * frame.x0 ** (-a)
    return (frame.sign * values["asymptote"] - height, a * height), (a,)


def box_cox_reach(
    share: Array, z_from: Array, z_to: Array, theta: tuple[Array, ...], frame: Frame
) -> Array:
    """Return the log size at which a share of the way between two log sizes is made."""
    a = theta[0]
    span = box_cox(z_to - z_from, a, np)
    flat = np.abs(a) < _TINY
    safe = np.where(flat, 1.0, a)
    return z_from + np.where(flat, share * span, -np.log1p(-safe * share * span) / safe)


def _start(
    z: NDArray[np.float64], y: NDArray[np.float64], frame: Frame
) -> tuple[NDArray[np.float64], ...]:
    """Return ``a = 2 log(rise of the lower half / rise of the upper half) / span``."""
    middle = 0.5 * (z[:, 0] + z[:, -1])
    y_middle = np.array([np.interp(m, *pair) for m, *pair in zip(middle, z, y, strict=True)])
    lower, upper = y_middle - y[:, 0], y[:, -1] - y_middle
    span = np.maximum(z[:, -1] - z[:, 0], 1e-9)
    ratio = np.where((lower > 0) & (upper > 0), lower / np.where(upper > 0, upper, 1.0), 1.0)
    return (np.clip(2 * np.log(ratio) / span, -0.5, largest_exponent(frame)),)


SATURATING_POWER = Law(
    name="saturating_power",
    title="saturating power law",
    formula="asymptote - coefficient x^-exponent",
    wrong_when="the curve has an inflection, or reaches its plateau faster than any power",
    source="Hestness et al. 2017, arXiv:1712.00409; pow3 and M2 of the learning-curve literature; "
    "extended through exponent 0",
    aliases=("pow3", "m2"),
    n_columns=2,
    shapes=(exponent_shape(),),
    columns=_columns,
    gradient=_gradient,
    parameters=(
        Parameter(
            "asymptote", "the score as the driver grows without end", "level", _asymptote, "above"
        ),
        Parameter(
            "coefficient",
            "distance from the asymptote at x = 1, in units of the driver",
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
    limit=_asymptote,
    reach=box_cox_reach,
    start=_start,
    loss_formula="asymptote + coefficient x^-exponent",
    working=lambda frame: "c + b * (1 - (x / x0)**-exponent) / exponent",
)
