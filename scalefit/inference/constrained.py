"""Profile ends for a law without a linear part: refit with the target pinned, and find the cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, least_squares

from ..estimands import Estimand
from ..estimate import Estimate

__all__ = ["constrained_ends"]

Floats = NDArray[np.float64]

#: How stiffly the target is pinned, in units of the slack over the target's scale.
_STIFFNESS = 1e4
#: An end more than about 1e4 first half-widths away is called open.
_GROWTH, _STEPS = 1.6, 20
#: Stands for a residual that is not finite.
_HUGE = 1e50


def constrained_ends(estimate: Estimate, estimand: Estimand, cut: Floats) -> tuple[Floats, Floats]:
    """Return the least and the greatest value of the target with ``rss <= cut``; ``(G,)`` each.

    Curve by curve: from the optimum outwards the target is pinned at farther and farther values,
    the parameters being fitted again from where they were, until the cut is crossed; then the
    crossing is found by Brent's method. An end that is never crossed is open.
    """
    lower, upper = np.empty(len(estimate)), np.empty(len(estimate))
    for g in range(len(estimate)):
        curve = _Pinned(estimate.take([g]), estimand.take([g]), float(cut[g]))
        lower[g], upper[g] = curve.end(-1.0), curve.end(1.0)
    return lower, upper


class _Pinned:
    """One curve whose parameters are refitted at pinned values of a target."""

    def __init__(self, estimate: Estimate, estimand: Estimand, cut: float) -> None:
        self.law, self.sample, self.estimand = estimate.law, estimate.sample, estimand
        self.best, self.rss, self.cut = estimate.theta[0], float(estimate.solution.rss[0]), cut
        curvature = estimate.solution.curvature[0]
        values, vectors = np.linalg.eigh(curvature)
        values = np.maximum(values, 1e-12 * values.max())
        #: Steps of the parameters that reach the cut, to second order.
        self.axes = vectors * np.sqrt(2.0 * max(cut - self.rss, 0.0) / values)
        self.centre = self.target(self.best)
        self.unit = max(abs(self.target(self.best + axis) - self.centre) for axis in self.axes.T)

    def target(self, theta: Floats) -> float:
        with np.errstate(all="ignore"):
            frame = self.sample.frame  # of shape (1,), which the sizes broadcast with
            terms = self.estimand.terms(self.law, tuple(theta[:, None]), frame, np)
        return float(np.ravel(terms.offset)[0])

    def misfit(self, theta: Floats) -> Floats:
        with np.errstate(all="ignore"):
            mean = self.law.offset(self.sample.z[0], tuple(theta), self.sample.frame, np)
        gap: Floats = np.sqrt(self.sample.weight[0]) * (self.sample.benefit[0] - mean)
        return np.where(np.isfinite(gap), gap, _HUGE)

    def refit(self, value: float, theta: Floats) -> tuple[float, Floats]:
        """Return the excess of the misfit over the cut with the target at ``value``."""
        stiff = _STIFFNESS * np.sqrt(self.cut - self.rss) / self.unit

        def residual(step: Floats) -> Floats:
            moved = theta + self.axes @ step
            pull = stiff * (self.target(moved) - value)
            return np.append(self.misfit(moved), pull if np.isfinite(pull) else _HUGE)

        with np.errstate(all="ignore"):
            end = least_squares(
                residual, np.zeros(theta.size), x_scale="jac", ftol=1e-10, xtol=1e-10, gtol=1e-10
            )
        moved = theta + self.axes @ end.x
        return float(np.sum(self.misfit(moved) ** 2)) - self.cut, moved

    def end(self, side: float) -> float:
        if not (np.isfinite(self.unit) and np.isfinite(self.centre)):
            return side * np.inf
        if not (self.cut > self.rss and self.unit > 0):
            return self.centre
        near, theta = self.centre, self.best
        for k in range(_STEPS):
            far = self.centre + side * self.unit * _GROWTH**k
            excess, moved = self.refit(far, theta)
            if excess > 0:
                break
            near, theta = far, moved
        else:
            return side * np.inf
        if self.refit(near, theta)[0] >= 0:  # the walk and the cold start disagree: stay inside
            return near
        root = brentq(lambda value: self.refit(value, theta)[0], near, far, xtol=1e-7 * self.unit)
        return float(root)
