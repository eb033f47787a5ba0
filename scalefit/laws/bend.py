"""Two straight lines joined by a smooth bend: the function behind the laws that change their slope.

    bend(t) = left t + (right - left) log(1 + exp(t))

has slope ``left`` far below zero and ``right`` far above it. With positive slopes it is monotone,
and convex or concave throughout, so Newton's method inverts it from any start on the right side.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

__all__ = ["sigmoid", "softplus", "unbend"]

Array = Any

#: Newton steps that invert a bend to the last bit for slopes within a factor of ten of each other.
_STEPS = 9


def softplus(t: Array, xp: ModuleType) -> Array:
    """Return ``log(1 + exp(t))``, the integral of the sigmoid."""
    above = t > 0
    return xp.log(1.0 + xp.exp(xp.where(above, -t, t))) + xp.where(above, t, 0.0)


def sigmoid(t: Array, xp: ModuleType) -> Array:
    """Return ``1 / (1 + exp(-t))``."""
    above = t > 0
    small = xp.exp(xp.where(above, -t, t))
    return xp.where(above, 1.0, small) / (1.0 + small)


def unbend(v: Array, left: Array, right: Array, xp: ModuleType) -> Array:
    """Return ``t`` with ``left t + (right - left) softplus(t) = v``, for positive slopes.

    The start is the root on the asymptote, which a convex bend lies above and a concave one below:
    from there every Newton step goes towards the root and none beyond it.
    """
    t = v / xp.where(v > 0, right, left)
    for _ in range(_STEPS):
        excess = left * t + (right - left) * softplus(t, xp) - v
        t = t - excess / (left + (right - left) * sigmoid(t, xp))
    return t
