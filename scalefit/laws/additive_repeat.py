"""Additive power law of parameters and repeated tokens: a repeated token is worth less and less.

    mean(N, D, U) = E +/- A N'^-alpha +/- B D'^-beta      (+ if lower is better, - if higher)
    D' = U + U R_D (1 - exp(-r / R_D)),  r = D / U - 1 repetitions of U unique tokens
    N' = V + V R_N (1 - exp(-s / R_N)),  V = min(N, 0.051 U),  s = N / V - 1

Equations 5 and 6 of Muennighoff et al. 2023 (arXiv:2305.16264), with the decay constants published
there, ``R_D = 15.387756`` and ``R_N = 5.309743``: few tables have runs enough to tell them. ``V``
are the parameters that U unique tokens can fill; 0.051 a token follows from the published
constants (a = 6.255414, b = 7.3049974, alpha = beta = 0.3526596). Three drivers: parameters, tokens
seen, unique tokens. Wrong where what is repeated is not whole epochs, or the constants do not carry
over.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from .additive import ADDITIVE, additive_parameters, flat_start
from .law import Frame, Law

__all__ = ["ADDITIVE_REPEAT"]

Array = Any
Theta = tuple[Array, ...]

#: Repetitions after which tokens, and parameters in excess, have given most of what they give.
_TOKENS, _PARAMS = 15.387756, 5.309743
#: Parameters that a unique token can fill.
_PER_TOKEN = float(np.exp((6.255414 - 7.3049974) / 0.3526596))


def _worth(size: Array, unique: Array, decay: float, xp: ModuleType) -> Array:
    """Return the log of what a log size is worth of which only a part is unique."""
    fresh = xp.where(unique < size, unique, size)
    repeats = xp.expm1(size - fresh)
    return fresh + xp.log(1.0 - decay * xp.expm1(-repeats / decay))


def _effective(z: Array, frame: Frame, xp: ModuleType) -> Array:
    """Return log sizes about the centres of the first two drivers, repetitions discounted."""
    params, tokens, unique = (z[..., d] + xp.log(own.x0) for d, own in enumerate(frame.drivers))
    fresh = xp.where(unique < tokens, unique, tokens)
    worth = (
        _worth(params, fresh + np.log(_PER_TOKEN), _PARAMS, xp),
        _worth(tokens, unique, _TOKENS, xp),
    )
    return xp.stack(
        [value - xp.log(own.x0) for value, own in zip(worth, frame.drivers, strict=False)], axis=-1
    )


def _columns(z: Array, theta: Theta, frame: Frame, xp: ModuleType) -> tuple[Array, ...]:
    return ADDITIVE.columns(_effective(z, frame, xp), theta, frame, xp)


def _gradient(z: Array, theta: Theta, frame: Frame) -> tuple[tuple[Array, ...], ...]:
    return ADDITIVE.gradient(_effective(z, frame, np), theta, frame)


ADDITIVE_REPEAT = Law(
    name="additive_repeat",
    title="additive power law of parameters and repeated tokens",
    formula="E - A N'^-alpha - B D'^-beta, N' and D' the worth of x1 and x2 given x3 unique tokens",
    wrong_when="tokens are not repeated in whole epochs, or seldom enough for additive to do",
    source="Muennighoff et al. 2023, arXiv:2305.16264, equations 5 and 6",
    aliases=("muennighoff",),
    n_columns=3,
    n_drivers=3,
    shapes=ADDITIVE.shapes,
    columns=_columns,
    gradient=_gradient,
    parameters=additive_parameters(),
    invert=ADDITIVE.invert,
    limit=ADDITIVE.limit,
    reach=None,
    start=flat_start,
    loss_formula=(
        "E + A N'^-alpha + B D'^-beta, N' and D' the worth of x1 and x2 given x3 unique tokens"
    ),
    working=lambda frame: (
        "c + b1 * (1 - (N' / x0)**-alpha) / alpha + b2 * (1 - (D' / y0)**-beta) / beta,"
        " N' and D' as in the formula of the law"
    ),
)
