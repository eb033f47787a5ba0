"""Profile ends of a law of several drivers: all parameters follow the likelihood to its cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..estimands import Estimand
from ..estimate import Estimate, pose
from ..solvers.joint import joint_ends
from ..solvers.likelihood import LikelihoodProblem

__all__ = ["followed_ends"]

Floats = NDArray[np.float64]


def followed_ends(estimate: Estimate, estimand: Estimand, cut: Floats) -> tuple[Floats, Floats]:
    """Return the least and greatest value of the target with a misfit up to ``cut``, ``(G,)``."""
    law = estimate.law

    def target(coefficients: Floats, u: Floats, rows: Any) -> tuple[Floats, Floats]:
        theta = np.stack(
            [shape.coordinate.to_theta(u[:, k]) for k, shape in enumerate(law.shapes)], axis=1
        )
        here = replace(estimate.take(rows), coefficients=coefficients, theta=theta)
        asked = estimand.take(rows)
        value = here.evaluate(asked.terms(law, here.shapes(), here.sample.frame, np))
        slopes = here.curves.gradient(asked)
        for k, shape in enumerate(law.shapes):
            slopes[:, law.n_columns + k] *= shape.coordinate.slope(u[:, k])
        return value, np.nan_to_num(slopes)

    problem = cast("LikelihoodProblem", pose(law, estimate.sample))
    u = estimate.solution.u
    return joint_ends(problem, estimate.coefficients, u, target, cut + estimate.sample.pure_ss)
