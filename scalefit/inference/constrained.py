"""Profile ends for a law without a linear part: the extremes of the target over compatible fits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ..estimands import Estimand
from ..estimate import Estimate

__all__ = ["constrained_ends"]

Floats = NDArray[np.float64]


def constrained_ends(estimate: Estimate, estimand: Estimand, cut: Floats) -> tuple[Floats, Floats]:
    """Return the least and the greatest value of the target with ``rss <= cut``; ``(G,)`` each.

    Solved curve by curve by sequential quadratic programming, in coordinates in which the
    compatible set is near the unit ball. An end that the search cannot bound is open.
    """
    lower, upper = np.empty(len(estimate)), np.empty(len(estimate))
    for g in range(len(estimate)):
        lower[g], upper[g] = _ends_of_one(estimate.take([g]), estimand.take([g]), float(cut[g]))
    return lower, upper


def _ends_of_one(estimate: Estimate, estimand: Estimand, cut: float) -> tuple[float, float]:
    sample, law = estimate.sample, estimate.law
    frame = sample.frame  # of shape (1,), which the sizes broadcast with
    z, y, weight = sample.z[0], sample.benefit[0], sample.weight[0]
    best, rss = estimate.theta[0], float(estimate.solution.rss[0])
    if cut <= rss:
        value = float(estimate.evaluate(estimand.terms(law, tuple(best[:, None]), frame, np))[0])
        return value, value
    values, vectors = np.linalg.eigh(estimate.solution.curvature[0])
    values = np.maximum(values, 1e-12 * values.max())
    axes = vectors * np.sqrt(2.0 * (cut - rss) / values)

    def target(step: Floats) -> float:
        terms = estimand.terms(law, tuple((best + axes @ step)[:, None]), frame, np)
        return float(np.ravel(terms.offset)[0])

    def slack(step: Floats) -> float:
        residual = y - law.offset(z, tuple(best + axes @ step), frame, np)
        return 1.0 - (float(np.sum(weight * residual**2)) - rss) / (cut - rss)

    centre = target(np.zeros(best.size))
    unit = max(abs(target(axis) - centre) for axis in np.eye(best.size)) or 1.0
    ends = []
    for sign in (1.0, -1.0):

        def objective(step: Floats, sign: float = sign) -> float:
            return sign * (target(step) - centre) / unit

        with np.errstate(all="ignore"):
            found = minimize(
                objective,
                np.zeros(best.size),
                method="SLSQP",
                constraints=[{"type": "ineq", "fun": slack}],
                options={"maxiter": 200, "ftol": 1e-10},
            )
        inside = found.success and slack(found.x) > -1e-4
        ends.append(target(found.x) if inside else -sign * np.inf)
    return ends[0], ends[1]
