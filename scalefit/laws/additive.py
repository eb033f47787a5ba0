"""Additive power law of two drivers, such as parameters N and tokens D.

    mean(N, D) = E +/- A N^-alpha +/- B D^-beta      (+ if lower is better, - if higher)

Approach 3 of Hoffmann et al. 2022 (arXiv:2203.15556), better known as the Chinchilla law. Working
form ``c + b1 h_alpha(n) + b2 h_beta(d)`` with n and d log sizes about their centres and ``h`` that
of the saturating power law: level and slopes are always identified, whatever the exponents are.
Wrong where the drivers interact, where tokens are repeated, or where scores near their bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .law import Frame, Law, Parameter, Terms
from .saturating_power import box_cox, box_cox_slope, exponent_shape

__all__ = ["ADDITIVE", "additive_parameters", "flat_start"]

Array = Any
Floats = NDArray[np.float64]
#: Below this an exponent is zero, and its part of the curve has no limit.
_TINY = 1e-200


def _columns(z: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> tuple[Array, ...]:
    alpha, beta = theta
    return 1.0, box_cox(z[..., 0], alpha, xp), box_cox(z[..., 1], beta, xp)


def _gradient(z: Array, theta: tuple[Array, ...], frame: Frame) -> tuple[tuple[Array, ...], ...]:
    alpha, beta = theta
    first, second = box_cox_slope(z[..., 0], alpha), box_cox_slope(z[..., 1], beta)
    return (0.0, first, 0.0), (0.0, 0.0, second)


def _limit(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
    alpha, beta = theta
    levels_off = xp.where(alpha > _TINY, beta > _TINY, False)
    one = xp.where(levels_off, frame.sign * 1.0, 0.0)
    shares = tuple(one / xp.where(levels_off, a, 1.0) for a in theta)
    return Terms((one, *shares), xp.where(levels_off, 0.0, frame.sign * np.inf))


def _coefficient(which: int) -> Callable[[tuple[Array, ...], Frame, ModuleType], Terms]:
    def terms(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        a = theta[which]
        levels_off = a > _TINY
        safe = xp.where(levels_off, a, 1.0)
        weight = xp.where(levels_off, xp.exp(safe * xp.log(frame.drivers[which].x0)) / safe, 0.0)
        weights = [0.0 * weight] * 3
        weights[1 + which] = weight
        return Terms(tuple(weights), xp.where(levels_off, 0.0, np.inf))

    return terms


def _exponent(which: int) -> Callable[[tuple[Array, ...], Frame, ModuleType], Terms]:
    return lambda theta, frame, xp: Terms((0.0, 0.0, 0.0), theta[which])


def _invert(
    values: Mapping[str, Array], frame: Frame, xp: ModuleType
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    alpha, beta = values["alpha"], values["beta"]
    first = values["A"] * frame.x0 ** (-alpha)
    second = values["B"] * frame.other[0].x0 ** (-beta)
    level = frame.sign * values["E"] - first - second
    return (level, alpha * first, beta * second), (alpha, beta)


def flat_start(z: Floats, y: Floats, frame: Frame) -> tuple[Floats, ...]:
    """Return the exponents that language models have taught to expect."""
    return np.full(len(z), 0.35), np.full(len(z), 0.35)


def additive_parameters() -> tuple[Parameter, ...]:
    """Return the parameters of the law, in the order in which the literature gives them."""
    return (
        Parameter("E", "the score as both drivers grow without end", "level", _limit, "above"),
        Parameter(
            "A", "what the first driver costs at 1, in its units", "coefficient",
            _coefficient(0), "below", driver=0,
        ),
        Parameter("alpha", "exponent of the first driver", "exponent", _exponent(0), shape=0),
        Parameter(
            "B", "what the second driver costs at 1, in its units", "coefficient",
            _coefficient(1), "below", driver=1,
        ),
        Parameter("beta", "exponent of the second driver", "exponent", _exponent(1), shape=1),
    )  # fmt: skip


ADDITIVE = Law(
    name="additive",
    title="additive power law of two drivers",
    formula="E - A x1^-alpha - B x2^-beta",
    wrong_when="the drivers interact, data are repeated, or scores come near their bound",
    source="Hoffmann et al. 2022 (Chinchilla), arXiv:2203.15556, approach 3",
    aliases=("chinchilla", "hoffmann"),
    n_columns=3,
    n_drivers=2,
    shapes=(exponent_shape("alpha", 25), exponent_shape("beta", 25, driver=1)),
    columns=_columns,
    gradient=_gradient,
    parameters=additive_parameters(),
    invert=_invert,
    limit=_limit,
    reach=None,
    start=flat_start,
    loss_formula="E + A x1^-alpha + B x2^-beta",
    working=lambda frame: (
        "c + b1 * (1 - (x1 / x0)**-alpha) / alpha + b2 * (1 - (x2 / y0)**-beta) / beta"
    ),
)
