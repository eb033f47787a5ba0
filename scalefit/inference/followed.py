"""Profile ends of a likelihood: all parameters follow it to its cut.

With one driver the following begins where a parabola through the optimum has the end, found by a
scan of all shapes; so an end far from the optimum, round a bend of the compatible set, is found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..estimands import Estimand
from ..estimate import Estimate, pose
from ..solvers.joint import Target, follow, joint_ends, polish
from ..solvers.likelihood import LikelihoodProblem
from .common_mode import gradient

__all__ = ["followed_ends", "traced"]

Floats = NDArray[np.float64]
#: An end this near to a bound of a shape, in widths of its range, may be meant to lie on it.
_NEAR = 1e-3
#: Halvings of the way back from a start that is not compatible.
_BACK = 6


def followed_ends(estimate: Estimate, estimand: Estimand, cut: Floats) -> tuple[Floats, Floats]:
    """Return the least and greatest value of the target with a misfit up to ``cut``, ``(G,)``."""
    problem = cast("LikelihoodProblem", pose(estimate.law, estimate.sample))
    return joint_ends(
        problem, estimate.coefficients, estimate.solution.u, _target(estimate, estimand),
        cut + estimate.sample.pure_ss,
    )  # fmt: skip


def traced(
    estimate: Estimate,
    estimand: Estimand,
    cut: Floats,
    centres: Floats,
    ends: Callable[[Floats], tuple[Floats, Floats]],
) -> tuple[Floats, Floats, Floats]:
    """Return where both ends are, ``(G, 2, q)``, and the ends ``(G,)``, starting near ``centres``.

    ``ends`` gives the two ends at shapes ``(G, M, q)``.
    """
    problem = cast("LikelihoodProblem", pose(estimate.law, estimate.sample))
    p = estimate.law.n_columns
    low, high = problem.bounds()
    width = high - low
    total = cut + estimate.sample.pure_ss
    best = polish(problem, estimate.coefficients, estimate.solution.u)
    target = _target(estimate, estimand)
    rows = np.arange(len(cut))
    places, values = [], []
    for side, sign in ((0, -1.0), (1, 1.0)):
        found = [centres[:, side], estimate.solution.u]
        for origin in (_compatible(problem, centres[:, side], best.state, total), best.state):
            at = follow(problem, best, origin, target, total, sign)[1][:, p:-1]
            at = np.clip(at, low, high)
            found += [at, np.where(at < low + _NEAR * width, low, at)]
            found.append(np.where(at > high - _NEAR * width, high, at))
        tried = np.stack(found, axis=1)
        value = sign * ends(tried)[side]
        which = value.argmax(axis=1)
        places.append(tried[rows, which])
        values.append(sign * value[rows, which])
    return np.stack(places, axis=1), values[0], values[1]


def _compatible(problem: LikelihoodProblem, u: Floats, best: Floats, limit: Floats) -> Floats:
    """Return the best state at shapes ``u``, or nearer to the optimum where it is compatible."""
    p = problem.law.n_columns
    state = best.copy()
    left, share = np.arange(len(u)), 1.0
    for _ in range(_BACK):
        part = problem.take(left)
        at = best[left, p:-1] + share * (u[left] - best[left, p:-1])
        inside = part.rss(at[:, None, :])[:, 0] + part.pure <= limit[left]
        some = left[inside]
        if some.size:
            state[some, :p] = problem.take(some).coefficients(at[inside])
            state[some, p:-1] = at[inside]
        left, share = left[~inside], 0.5 * share
        if not left.size:
            break
    return state


def _target(estimate: Estimate, estimand: Estimand) -> Target:
    law = estimate.law

    def target(coefficients: Floats, u: Floats, rows: Any) -> tuple[Floats, Floats]:
        theta = np.stack(
            [shape.coordinate.to_theta(u[:, k]) for k, shape in enumerate(law.shapes)], axis=1
        )
        here = replace(estimate.take(rows), coefficients=coefficients, theta=theta)
        asked = estimand.take(rows)
        value = here.evaluate(asked.terms(law, here.shapes(), here.sample.frame, np))
        slopes = gradient(here, asked)
        for k, shape in enumerate(law.shapes):
            slopes[:, law.n_columns + k] *= shape.coordinate.slope(u[:, k])
        return value, np.nan_to_num(slopes)

    return target
