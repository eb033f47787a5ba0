"""Profile ends of a law of several drivers: all parameters follow the likelihood to its cut."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..estimands import Estimand
from ..estimate import Estimate, pose
from ..solvers.joint import joint_ends
from ..solvers.likelihood import LikelihoodProblem

__all__ = ["followed_ends"]

Floats = NDArray[np.float64]
_STEP = 1e-30


def followed_ends(estimate: Estimate, estimand: Estimand, cut: Floats) -> tuple[Floats, Floats]:
    """Return the least and the greatest value of the target with a misfit up to ``cut``, ``(G,)``.

    Derivatives of the target in the shapes are taken by the complex step.
    """
    law = estimate.law

    def target(coefficients: Floats, u: Floats, rows: Any) -> tuple[Floats, Floats]:
        frame, asked = estimate.sample.frame.map(lambda v: v[rows]), estimand.take(rows)
        theta = [shape.coordinate.to_theta(u[:, k]) for k, shape in enumerate(law.shapes)]
        terms = asked.terms(law, tuple(theta), frame, np)
        shape = (len(u),)
        slopes = [np.broadcast_to(np.asarray(w, dtype=float), shape) for w in terms.weights]
        for k, own in enumerate(law.shapes):
            moved: list[NDArray[np.complexfloating]] = [t.astype(complex) for t in theta]
            moved[k] = moved[k] + 1j * _STEP
            value = asked.terms(law, tuple(moved), frame, np).value(coefficients)
            slopes.append(np.imag(value) / _STEP * own.coordinate.slope(u[:, k]))
        value = np.broadcast_to(np.asarray(terms.value(coefficients), dtype=float), shape)
        return value, np.nan_to_num(np.stack(slopes, axis=1))

    problem = cast("LikelihoodProblem", pose(law, estimate.sample))
    u = estimate.solution.u
    return joint_ends(problem, estimate.coefficients, u, target, cut + estimate.sample.pure_ss)
