"""Several questions about the same curves, answered in one pass of an inference.

An inference works on a batch of curves with one question; repeating the curves once a question
turns many questions into one batch, at the cost of one. Implicit questions are inverted instead,
and curved ones asked one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..estimands import (
    Asked,
    Beyond,
    Composed,
    Estimand,
    Implicit,
    is_composed,
    is_implicit,
    is_linear,
)
from ..estimate import Estimate
from ..laws import Frame, Law, Terms
from .interval import Intervals
from .inversion import invert

__all__ = ["Question", "answer", "ask_together", "side_by_side"]

#: What is asked, and at which level.
Question = tuple[Asked | Implicit | Composed, float]


@dataclass(frozen=True, slots=True)
class _Several:
    """Curve ``row[i]`` asked question ``which[i]``."""

    estimands: tuple[Estimand, ...]
    which: NDArray[np.intp]
    row: NDArray[np.intp]

    @property
    def label(self) -> str:
        return "; ".join(estimand.label for estimand in self.estimands)

    def terms(self, law: Law, theta: tuple[Any, ...], frame: Frame, xp: ModuleType) -> Terms:
        shape = np.broadcast_shapes(np.shape(frame.x0), *(np.shape(t) for t in theta))
        weights = [np.empty(shape) for _ in range(law.n_columns)]
        offset = np.empty(shape)
        if any(np.iscomplexobj(t) for t in theta):
            weights, offset = [w.astype(complex) for w in weights], offset.astype(complex)
        for k, estimand in enumerate(self.estimands):
            mine = np.flatnonzero(self.which == k)
            if not mine.size:
                continue
            here = frame.map(lambda value, mine=mine: value[mine])  # type: ignore[misc]
            part = estimand.take(self.row[mine]).terms(law, tuple(t[mine] for t in theta), here, xp)
            offset[mine] = part.offset
            for total, weight in zip(weights, part.weights, strict=True):
                total[mine] = weight
        return Terms(tuple(weights), offset)

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        size, n_drivers = self.which.size, len(frame.drivers)
        whole, *each = (_nowhere(size) for _ in range(1 + n_drivers * (n_drivers > 1)))
        for k, estimand in enumerate(self.estimands):
            mine = np.flatnonzero(self.which == k)
            here = frame.map(lambda value, mine=mine: value[mine])  # type: ignore[misc]
            part = estimand.take(self.row[mine]).beyond(law, here)
            for total, own in zip((whole, *each), (part, *part.each), strict=True):
                total.above[mine], total.below[mine] = own.above, own.below
                total.shape[mine] = own.shape
        return replace(whole, each=tuple(each))

    def take(self, rows: Any) -> Estimand:
        return _Several(self.estimands, self.which[rows], self.row[rows])


def _nowhere(size: int) -> Beyond:
    return Beyond(np.zeros(size, dtype=bool), np.zeros(size, dtype=bool), np.full(size, -1))


def answer(
    estimate: Estimate,
    question: Asked | Implicit | Composed,
    level: Any,
    inference: Callable[[Estimate, Asked, Any], Intervals],
) -> Intervals:
    """Return the intervals of one question for all G curves, at one level or one per curve."""
    if is_composed(question):
        found: Intervals = question.ask(estimate, level, inference)
        return found
    if is_implicit(question, estimate.law):
        return invert(estimate, question, level, inference)
    return inference(estimate, cast(Asked, question), level)


def ask_together(
    estimate: Estimate,
    questions: Sequence[Question],
    inference: Callable[[Estimate, Asked, Any], Intervals],
) -> list[Intervals]:
    """Return the intervals of every question, each for all G curves of the estimate.

    Parameters
    ----------
    estimate : Estimate
        One law fitted to G curves.
    questions : sequence of (Estimand, level)
        What is asked.
    inference : callable
        One that accepts a level per curve.
    """
    answers: dict[int, Intervals] = {}
    direct: dict[int, tuple[Estimand, float]] = {}
    for k, (estimand, level) in enumerate(questions):
        if is_linear(estimand, estimate.law):
            direct[k] = (estimand, level)
        else:
            answers[k] = answer(estimate, estimand, level, inference)
    if direct:
        found = _in_one_pass(estimate, list(direct.values()), inference)
        answers |= dict(zip(direct, found, strict=True))
    return [answers[k] for k in range(len(questions))]


def _in_one_pass(
    estimate: Estimate,
    questions: Sequence[tuple[Estimand, float]],
    inference: Callable[[Estimate, Asked, Any], Intervals],
) -> list[Intervals]:
    repeated, asked = side_by_side(estimate, [estimand for estimand, _ in questions])
    levels = np.repeat([level for _, level in questions], len(estimate))
    found = inference(repeated, asked, levels)
    parts = np.split(np.stack([found.estimate, found.lower, found.upper]), len(questions), axis=1)
    return [
        Intervals(part[0], part[1], part[2], level, found.method)
        for part, (_, level) in zip(parts, questions, strict=True)
    ]


def side_by_side(estimate: Estimate, estimands: Sequence[Estimand]) -> tuple[Estimate, Estimand]:
    """Return all curves once a question, one question after the other, and what each is asked."""
    if len(estimands) == 1:
        return estimate, estimands[0]
    n_curves = len(estimate)
    row = np.tile(np.arange(n_curves), len(estimands))
    which = np.repeat(np.arange(len(estimands)), n_curves)
    return estimate.take(row), _Several(tuple(estimands), which, row)
