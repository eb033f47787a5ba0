"""Additive power law of two drivers with a product term, to see whether they need each other.

    mean(N, D) = E +/- A N^-alpha +/- B D^-beta +/- C N^-alpha D^-beta

(+ if lower is better, - if higher). With ``C = 0`` it is the additive law, so that one coefficient
more tests whether the gain from one driver depends on the other. The product has the exponents of
its factors: free ones would need four parameters where few tables bear five. It is for diagnosis,
not for forecasts: the product may have either sign, and the surface need not improve with scale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from .additive import ADDITIVE, flat_start
from .law import Frame, Law, Parameter, Terms

__all__ = ["INTERACTION"]

Array = Any
Theta = tuple[Array, ...]
_TINY = 1e-200


def _columns(z: Array, theta: Theta, frame: Frame, xp: ModuleType) -> tuple[Array, ...]:
    one, first, second = ADDITIVE.columns(z, theta, frame, xp)
    return one, first, second, first * second


def _gradient(z: Array, theta: Theta, frame: Frame) -> tuple[tuple[Array, ...], ...]:
    _, first, second = ADDITIVE.columns(z, theta, frame, np)
    by_alpha, by_beta = ADDITIVE.gradient(z, theta, frame)
    return (*by_alpha, by_alpha[1] * second), (*by_beta, first * by_beta[2])


def _shares(theta: Theta, xp: ModuleType) -> tuple[Array, Array, Array]:
    """Return whether the surface levels off, and one over each exponent where it does."""
    levels_off = xp.where(theta[0] > _TINY, theta[1] > _TINY, False)
    first, second = (1.0 / xp.where(levels_off, a, 1.0) for a in theta)
    return levels_off, first, second


def _limit(theta: Theta, frame: Frame, xp: ModuleType) -> Terms:
    levels_off, first, second = _shares(theta, xp)
    one = xp.where(levels_off, frame.sign * 1.0, 0.0)
    return Terms(
        (one, one * first, one * second, one * first * second),
        xp.where(levels_off, 0.0, frame.sign * np.inf),
    )


def _cost(*which: int) -> Callable[[Theta, Frame, ModuleType], Terms]:
    """Return the coefficient of the product of powers of some drivers."""

    def terms(theta: Theta, frame: Frame, xp: ModuleType) -> Terms:
        levels_off, *share = _shares(theta, xp)
        unit = xp.where(levels_off, 1.0, 0.0)
        for driver in which:
            unit = unit * xp.exp(theta[driver] * xp.log(frame.drivers[driver].x0))
        both = unit * share[0] * share[1]
        weights = [0.0 * unit, 0.0 * unit, 0.0 * unit, both]
        if len(which) == 2:
            weights[3] = -both
        else:
            weights[1 + which[0]] = unit * share[which[0]]
        return Terms(tuple(weights), xp.where(levels_off, 0.0, np.inf))

    return terms


def _exponent(which: int) -> Callable[[Theta, Frame, ModuleType], Terms]:
    return lambda theta, frame, xp: Terms((0.0,) * 4, theta[which])


def _invert(values: Mapping[str, Array], frame: Frame, xp: ModuleType) -> tuple[Theta, Theta]:
    alpha, beta = values["alpha"], values["beta"]
    powers = frame.x0 ** (-alpha), frame.other[0].x0 ** (-beta)
    first, second = values["A"] * powers[0], values["B"] * powers[1]
    both = values["C"] * powers[0] * powers[1]
    level = frame.sign * values["E"] - first - second - both
    slopes = alpha * (first + both), beta * (second + both)
    return (level, *slopes, -alpha * beta * both), (alpha, beta)


def _parameters() -> tuple[Parameter, ...]:
    terms = {
        "E": _limit, "A": _cost(0), "alpha": _exponent(0), "B": _cost(1), "beta": _exponent(1),
    }  # fmt: skip
    shared = [replace(p, terms=terms[p.name]) for p in ADDITIVE.parameters]
    product = Parameter(
        "C", "what the product of both powers costs at 1 and 1, in their units", "coefficient",
        _cost(0, 1), "below",
    )  # fmt: skip
    return (*shared, product)


INTERACTION = Law(
    name="interaction",
    title="additive power law of two drivers with their product",
    formula="E - A x1^-alpha - B x2^-beta - C x1^-alpha x2^-beta",
    wrong_when="forecasts are wanted: the surface need not improve with scale",
    source="additive law with a product term, to test that there is none",
    n_columns=4,
    unsigned=1,
    n_drivers=2,
    shapes=ADDITIVE.shapes,
    columns=_columns,
    gradient=_gradient,
    parameters=_parameters(),
    invert=_invert,
    limit=_limit,
    reach=None,
    start=flat_start,
    loss_formula="E + A x1^-alpha + B x2^-beta + C x1^-alpha x2^-beta",
    working=lambda frame: (
        "c + b1 * (1 - (x1 / x0)**-alpha) / alpha + b2 * (1 - (x2 / y0)**-beta) / beta"
        " + b3 * (1 - (x1 / x0)**-alpha) / alpha * (1 - (x2 / y0)**-beta) / beta"
    ),
)
