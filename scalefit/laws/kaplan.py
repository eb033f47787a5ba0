"""Power law of two drivers towards the best value, the worse driver counting most.

    mean(N, D) = best +/- [(A N^-alpha)^(1/beta) + (B D^-beta)^(1/beta)]^beta

(+ if lower is better, - if higher): equation 1.5 of Kaplan et al. 2020 (arXiv:2001.08361), there
written with ``N_c = A^(1/alpha)`` and ``D_c = B^(1/beta)``. With D without end it is the pure power
law ``A N^-alpha`` of N, and the other way round. In working form one coefficient, the distance from
the best at the centre, times ``exp(beta log(p1 exp(-alpha n / beta) + p2 exp(-d)))`` with ``p1 + p2
= 1``: the shape ``balance`` is ``log(p2 / p1)``, how much the second driver limits the score there.
Wrong wherever an error remains that neither driver removes. A loss whose best value is not known is
taken to fall towards 0; to a score without one the law does not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from .additive import Floats
from .law import LOG, Frame, Law, Parameter, Shape, Terms
from .saturating_power import largest_exponent

__all__ = ["KAPLAN"]

Array = Any
Theta = tuple[Array, ...]

#: Least exponent looked for: a hundredfold driver then takes 4 % of the distance.
_LEAST = 0.01
#: Greatest log ratio of the drivers' parts at the centre: beyond it one of them is never felt.
_BALANCE = 12.0


def _exponents(driver: int) -> Callable[[Frame], tuple[Array, Array]]:
    def bounds(frame: Frame) -> tuple[Array, Array]:
        most = largest_exponent(frame.drivers[driver])
        return _LEAST + 0.0 * most, most

    return bounds


def _log_sum(a: Array, b: Array, xp: ModuleType) -> Array:
    """Return ``log(exp(a) + exp(b))``."""
    top = xp.where(a > b, a, b)
    return top + xp.log(xp.exp(a - top) + xp.exp(b - top))


def _parts(z: Array, theta: Theta, xp: ModuleType) -> tuple[Array, Array]:
    """Return the logs of the two parts of the bracket, which add to 1 at the centre."""
    alpha, beta, balance = theta
    whole = _log_sum(0.0 * balance, balance, xp)
    return -whole - alpha / beta * z[..., 0], balance - whole - z[..., 1]


def _columns(z: Array, theta: Theta, frame: Frame, xp: ModuleType) -> tuple[Array, ...]:
    return (-xp.exp(theta[1] * _log_sum(*_parts(z, theta, xp), xp)),)


def _gradient(z: Array, theta: Theta, frame: Frame) -> tuple[tuple[Array, ...], ...]:
    alpha, beta, balance = theta
    first, second = _parts(z, theta, np)
    total = _log_sum(first, second, np)
    height = -np.exp(beta * total)
    share = np.exp(first - total)  # of the first driver's part, here and at the centre
    centre = 1.0 / (1.0 + np.exp(balance))
    by_alpha = -share * z[..., 0] * height
    by_beta = (total + alpha / beta * share * z[..., 0]) * height
    by_balance = beta * (centre - share) * height
    return (by_alpha,), (by_beta,), (by_balance,)


def _best(frame: Frame) -> Array:
    return frame.sign * np.where(np.isnan(frame.limit), 0.0, frame.limit)


def _offset(z: Array, theta: Theta, frame: Frame, xp: ModuleType) -> Array:
    return _best(frame)


def _limit(theta: Theta, frame: Frame, xp: ModuleType) -> Terms:
    return Terms((0.0,), frame.sign * _best(frame))


def _first_cost(theta: Theta, frame: Frame, xp: ModuleType) -> Terms:
    alpha, beta, balance = theta
    part = -beta * _log_sum(0.0 * balance, balance, xp)
    return Terms((xp.exp(part + alpha * xp.log(frame.x0)),))


def _second_cost(theta: Theta, frame: Frame, xp: ModuleType) -> Terms:
    _, beta, balance = theta
    part = beta * (balance - _log_sum(0.0 * balance, balance, xp))
    return Terms((xp.exp(part + beta * xp.log(frame.other[0].x0)),))


def _invert(values: Mapping[str, Array], frame: Frame, xp: ModuleType) -> tuple[Theta, Theta]:
    alpha, beta = values["alpha"], values["beta"]
    first = (xp.log(values["A"]) - alpha * xp.log(frame.x0)) / beta
    second = (xp.log(values["B"]) - beta * xp.log(frame.other[0].x0)) / beta
    return (xp.exp(beta * _log_sum(first, second, xp)),), (alpha, beta, second - first)


def _start(z: Floats, y: Floats, frame: Frame) -> tuple[Floats, ...]:
    """Return slow exponents, and drivers that limit alike."""
    return np.full(len(z), 0.1), np.full(len(z), 0.1), np.zeros(len(z))


KAPLAN = Law(
    name="kaplan",
    title="power law of two drivers without a floor",
    formula="best - [(A x1^-alpha)^(1/beta) + (B x2^-beta)^(1/beta)]^beta",
    wrong_when="some error remains however large both drivers are",
    source="Kaplan et al. 2020, arXiv:2001.08361, equation 1.5",
    n_columns=1,
    n_drivers=2,
    needs_best=True,
    shapes=(
        Shape("alpha", _exponents(0), 16, LOG, open_below=(False, True)),
        Shape("beta", _exponents(1), 16, LOG, open_below=(False, True), driver=1),
        Shape(
            "balance",
            lambda frame: (-_BALANCE + 0.0 * frame.x0, _BALANCE + 0.0 * frame.x0),
            16,
            driver=-1,
        ),
    ),
    columns=_columns,
    gradient=_gradient,
    parameters=(
        Parameter(
            "A", "distance from the best at 1 of the first driver, the second being without end",
            "coefficient", _first_cost, "below", driver=0,
        ),
        Parameter(
            "alpha", "exponent of the first driver, the second being without end", "exponent",
            lambda theta, frame, xp: Terms((0.0,), theta[0]), shape=0,
        ),
        Parameter(
            "B", "distance from the best at 1 of the second driver, the first being without end",
            "coefficient", _second_cost, "below", driver=1,
        ),
        Parameter(
            "beta", "exponent of the second driver, the first being without end", "exponent",
            lambda theta, frame, xp: Terms((0.0,), theta[1]), shape=1,
        ),
    ),
    invert=_invert,
    limit=_limit,
    reach=None,
    start=_start,
    offset=_offset,
    loss_formula="best + [(A x1^-alpha)^(1/beta) + (B x2^-beta)^(1/beta)]^beta",
    working=lambda frame: (
        ("" if np.all(np.isnan(frame.limit)) else "best ")
        + "- b * (((x1 / x0)**(-alpha / beta) + exp(balance) * (x2 / y0)**-1) "
        "/ (1 + exp(balance)))**beta"
    ),
)  # fmt: skip
