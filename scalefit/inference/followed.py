"""Profile ends that are not found by a scan: all parameters follow the likelihood to its cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..estimands import Asked
from ..estimate import Estimate, pose_jointly
from ..solvers.joint import joint_ends
from ..solvers.shapes import shapes_at

__all__ = ["followed_ends"]

Floats = NDArray[np.float64]


def followed_ends(estimate: Estimate, estimand: Asked, cut: Floats) -> tuple[Floats, Floats]:
    """Return the least and greatest value of the target with a misfit up to ``cut``, ``(G,)``."""
    law, u = estimate.law, estimate.solution.u

    def target(coefficients: Floats, u: Floats, rows: Any) -> tuple[Floats, Floats]:
        theta = np.stack(shapes_at(law, u), axis=-1)
        here = replace(estimate.take(rows), coefficients=coefficients, theta=theta)
        asked = estimand.take(rows)
        slopes = here.curves.gradient(asked)
        for k, shape in enumerate(law.shapes):
            slopes[:, law.n_columns + k] *= shape.coordinate.slope(u[:, k])
        return here.answer(asked), np.nan_to_num(slopes)

    beyond = estimand.beyond(law, estimate.sample.frame)
    opens = [
        [np.broadcast_to(side, (len(u),)) for side in beyond.opens(k, shape)]
        for k, shape in enumerate(law.shapes)
    ]
    problem, unit = pose_jointly(law, estimate.sample)
    wall = unit * (cut + estimate.sample.pure_ss) if estimate.sample.kernel else unit * cut
    return joint_ends(
        problem, estimate.coefficients, u, target, wall, np.moveaxis(np.array(opens), 2, 0)
    )
