"""What can be asked of a curve: a parameter, a value, a gain, a size, the best use of a budget.

An estimand turns one law into :class:`~scalefit.laws.Terms`, a target linear in the coefficients
for given shape parameters. That is all an inference needs, so any estimand meets any inference.
A size that depends on the coefficients too, such as the one at which a curve reaches a share of its
score, is implicit: a linear target vanishes there, and the inference of that target is inverted.
Anything else that follows from a curve, such as the best way to spend a budget, is curved: at any
curve a linear target touches it. What an inference answers by way of other questions is composed.

A size is a number in driver units; of several drivers it is one number each, on a last axis.
"""

from __future__ import annotations

from .cost import Cost, as_cost
from .curve import Difference, Gain, GainBetween, MarginalGain, ObservedGain, Parameter, Value
from .optimum import BestScore, BestSize, SharePower, best_place
from .question import (
    Asked,
    Beyond,
    Composed,
    Curved,
    Estimand,
    Implicit,
    SameForAll,
    is_composed,
    is_curved,
    is_implicit,
    is_linear,
    is_size,
    touching,
)
from .reaching import SizeReaching

__all__ = [
    "Asked",
    "BestScore",
    "BestSize",
    "Beyond",
    "Composed",
    "Cost",
    "Curved",
    "Difference",
    "Estimand",
    "Gain",
    "GainBetween",
    "Implicit",
    "MarginalGain",
    "ObservedGain",
    "Parameter",
    "SameForAll",
    "SharePower",
    "SizeReaching",
    "Value",
    "as_cost",
    "best_place",
    "is_composed",
    "is_curved",
    "is_implicit",
    "is_linear",
    "is_size",
    "touching",
]
