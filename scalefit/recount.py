"""Refits of a table whose runs count more often or less, as in tables drawn from it anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from .estimate import Estimate, pose
from .kernel import Kernel
from .solvers.joint import Hint, polish, solve_together
from .solvers.likelihood import LikelihoodProblem
from .solvers.search import Solution
from .solvers.shapes import shapes_at
from .solvers.tangent import Tangent
from .stacked import stacked

__all__ = ["Refits", "recountable", "recounted"]

Floats = NDArray[np.float64]
#: Runs in a block of tables that are refitted at once, which bounds the memory that this takes.
_BLOCK = 320_000


def recountable(fitted: Estimate) -> bool:
    """Return whether counts are all that a new table changes: surfaces under a likelihood.

    Nothing else of the error model is estimated from the table.
    """
    sample = fitted.sample
    surface = fitted.law.n_drivers > 1 and not fitted.law.guesses
    return surface and sample.kernel is not None and not sample.variance_slope_error.any()


@dataclass(frozen=True, slots=True)
class Refits:
    """The optima of many tables; arrays with a row each, as in :class:`Estimate`."""

    theta: Floats
    coefficients: Floats
    solution: Solution


def recounted(fitted: Estimate, counts: Floats) -> Refits:
    """Return refits of each curve to tables whose runs count as often as ``counts`` say.

    Parameters
    ----------
    fitted : Estimate
        Of G curves, all :func:`recountable`.
    counts : array (G D, K, S)
        D tables of each curve, those of one curve together.

    Returns
    -------
    Refits
        With G D rows.
    """
    draws = len(counts) // len(fitted)
    kernel = fitted.sample.kernel
    assert kernel is not None
    first = replace(fitted.sample, kernel=kernel.stages()[0])
    problem = cast("LikelihoodProblem", pose(fitted.law, first))
    step = max(1, _BLOCK // counts[0].size)
    parts = []
    for g in range(len(fitted)):
        one = problem.take([g])
        about = Tangent.at(one, fitted.coefficients[[g]], fitted.solution.u[[g]])
        for start in range(0, draws, step):
            rows = slice(g * draws + start, g * draws + min(start + step, draws))
            part = one.take(np.zeros(len(counts[rows]), dtype=np.intp)).recounted(counts[rows])
            hint = about.optima(part.times.reshape(len(part), -1))
            parts.append(_refit(part, hint, kernel.stages()[1:]))
    solution, coefficients = stacked(parts)
    theta = np.stack(shapes_at(fitted.law, solution.u), axis=-1)
    flat = np.all(coefficients[:, list(fitted.law.rises)] <= 0, axis=1, keepdims=True)
    return Refits(np.where(flat, np.nan, theta), coefficients, solution)


def _refit(
    free: LikelihoodProblem, hint: Hint, stages: tuple[Kernel, ...]
) -> tuple[Solution, Floats]:
    """Return optima and coefficients, first without signs, and under each kernel in turn."""
    law = free.law
    solution, coefficients = solve_together(free, hint)
    wrong = np.flatnonzero((coefficients[:, list(law.rises)] < 0).any(axis=1))
    if wrong.size:
        held = free.take(wrong).held(True)
        part, coefficients[wrong] = solve_together(held, (hint[0][wrong], hint[1][wrong]))
        solution = solution.put(wrong, part)
    for kernel in stages:
        best = polish(replace(free.held(True), kernel=kernel), coefficients, solution.u)
        coefficients = best.state[:, : law.n_columns]
        solution = replace(solution, u=best.state[:, law.n_columns : -1])
    return solution, coefficients
