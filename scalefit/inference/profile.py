"""Profile likelihood intervals, exact by scan for every target linear in the coefficients.

Given its shape parameters ``theta`` a law is linear, so the values of a linear target that are
compatible with the data form an interval with closed-form ends,

    target(theta) -/+ sqrt(v(theta) * (cut - rss(theta))),    cut = rss_min + s^2 F(level; 1, nu),

and the profile likelihood interval is the hull of these over all ``theta`` with
``rss(theta) <= cut`` (Venzon & Moolgavkar 1988, doi:10.2307/2347496; F cut-off: Bates & Watts
1988, section 6.1). The hull is climbed to from a scan of all shapes; with two shapes and a smooth
likelihood on squares that touch it, and with more than two shapes swarms look for both ends. One
shape under a likelihood, or two under one with kinks, are zoomed in on. Surfaces under a smooth
likelihood, and targets that are not linear, are followed to their ends instead. An end of a
forecast that rests on a break with fewer than three sizes beyond it is open.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from ..estimands import Asked, Beyond, Estimand, is_curved
from ..estimate import Estimate, pose, smooth
from ..sample import Sample
from ..solvers.separable import Problem
from .climbs import climbed, climbed_closer
from .common_mode import scale_of, widened
from .constrained import constrained_ends
from .ends import Ends
from .farthest import farthest
from .followed import followed_ends
from .interval import Intervals, check_level
from .support import refused, unsupported
from .wald import conditioning
from .zoom import GLOBAL, LOCAL, Scan, zoomed

__all__ = ["profile"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Up to this level rounding decides whether any shapes are compatible.
_A_POINT = 1e-6
#: Surfaces have a ridge where the information has a greater condition number: it is 15 to 20 where
#: grids or budgets tell the drivers apart, and from 40 on paths were seen to stop short.
_RIDGE = 30.0
#: Curves that are climbed together, and values of a scan that are looked at together.
_CURVES, _BLOCK = 1000, 400_000


def profile(estimate: Estimate, estimand: Asked, level: Any = 0.95) -> Intervals:
    """Return profile likelihood intervals of an estimand for every curve of an estimate.

    Parameters
    ----------
    estimate : Estimate
        One law fitted to G curves.
    estimand : Estimand
        What is asked.
    level : float or array (G,)
        Nominal coverage.

    Returns
    -------
    Intervals
        Open ends are infinite. Where the compatible set has gaps, its hull is returned.

    Raises
    ------
    FitError
        If ``level`` is not between 0 and 1, or the law cannot answer the question.
    """
    check_level(level)
    label = f"profile likelihood, given {estimate.law.name}"
    value = estimate.answer(estimand)
    none = refused(estimate, estimand, value)
    lower, upper = np.full(len(value), -np.inf), np.full(len(value), np.inf)
    asked = np.flatnonzero(~none)  # what is refused takes no search
    if asked.size == len(value):
        lower, upper = _ends(estimate, estimand, value, level)
    elif asked.size:
        some = level[asked] if np.ndim(level) else level
        lower[asked], upper[asked] = _ends(
            estimate.take(asked), estimand.take(asked), value[asked], some
        )
    # The best shapes are compatible: where the search has found none it has failed, and says so.
    # At levels near zero nothing else is, and an interval is the estimate.
    failed = (lower > upper) & ~estimate.exact & (np.asarray(level) > _A_POINT)
    lower, upper = np.where(failed, -np.inf, lower), np.where(failed, np.inf, upper)
    value = np.where(none, np.nan, value)
    found = Intervals(value, np.fmin(lower, value), np.fmax(upper, value), level, label)
    return widened(found, estimate, estimand)


def _ends(estimate: Estimate, estimand: Asked, value: Floats, level: Any) -> tuple[Floats, Floats]:
    """Return the least and the greatest compatible value of every curve, ``(G,)`` each."""
    estimate = smooth(estimate)
    variance, df = scale_of(estimate, estimand)
    critical = stdtrit(df, 0.5 + 0.5 * level) ** 2
    cut = estimate.solution.rss + variance * critical
    if is_curved(estimand):
        return followed_ends(estimate, estimand, cut)
    estimand, law = cast("Estimand", estimand), estimate.law
    searched = _searched(estimate)
    if law.guesses and searched.all():
        return constrained_ends(estimate, estimand, cut)
    lower, upper = np.full((2, len(estimate)), [[np.inf], [-np.inf]])
    if law.n_drivers > 1:
        # A search may stop short of the sharp tip of a set, and a path at its kinks.
        lower, upper = followed_ends(estimate, estimand, cut)
    every, step = np.flatnonzero(searched), _curves_at_once(estimate)
    for first in range(0, every.size, step):
        rows = every[first : first + step]
        found = _hull(
            estimate.take(rows), estimand.take(rows), value[rows], cut[rows],
            variance[rows] * critical[rows],
        )  # fmt: skip
        lower[rows], upper[rows] = np.fmin(lower[rows], found[0]), np.fmax(upper[rows], found[1])
    return lower, upper


def _searched(estimate: Estimate) -> Bools:
    """Return the curves whose shapes are searched all over, ``(G,)``.

    All of one driver. Of several, paths along which all parameters follow are enough, and cheaper,
    but where the likelihood has kinks, where a scan of two shapes costs little, and where some
    parameters can all but take the place of others: a path along a ridge leads nowhere.
    """
    law, kernel = estimate.law, estimate.sample.kernel
    cheap = len(law.shapes) < 3 and (kernel is None or kernel.kinked)
    if law.n_drivers == 1 or cheap:
        return np.ones(len(estimate), dtype=bool)
    return conditioning(estimate) > _RIDGE


def _climbs(estimate: Estimate) -> bool:
    """Return whether the numbers behind the ends are smooth and few.

    Least squares, few shapes, and at most one coefficient with a sign.
    """
    law = estimate.law
    return estimate.sample.kernel is None and len(law.shapes) in (1, 2) and len(law.rises) < 2


def _curves_at_once(estimate: Estimate) -> int:
    if _climbs(estimate):
        return _CURVES
    points = 2500 if len(estimate.law.shapes) >= 2 else GLOBAL + LOCAL
    return max(1, _BLOCK // (points * int(estimate.sample.x.shape[1])))


def _hull(
    estimate: Estimate, estimand: Estimand, value: Floats, cut: Floats, allowance: Floats
) -> tuple[Floats, Floats]:
    """Return the lowest lower and the highest upper end over all compatible shapes."""
    law, sample, solution = estimate.law, estimate.sample, estimate.solution
    problem = pose(law, sample)
    scan = Scan(problem, sample.frame.expand(1), estimand, cut, law.rising)
    q, curvature, beyond = len(law.shapes), solution.curvature, estimand.beyond(law, sample.frame)
    squares = sample.kernel is None
    jagged = sample.kernel is not None and sample.kernel.kinked
    if _climbs(estimate):
        shapes, ends = climbed(
            cast("Problem", problem), scan.frame, estimand, value, cut, allowance, solution.u,
            curvature,
        )  # fmt: skip
    elif q < 2 or (q == 2 and (squares or jagged)):
        near = None if q < 2 else _parabola(estimate) if jagged else problem
        found = zoomed(scan, near, solution.u, curvature, allowance)
        return _open_ends(scan, sample, beyond, *found)
    else:
        every = Ends.of(problem, scan.frame, estimand, value, cut, allowance)
        row = np.tile(np.arange(len(value)), 2)
        if q == 2 and len(law.rises) < 2:
            shapes, far = climbed_closer(every, solution.u[row])
        else:
            shapes, far = farthest(every, solution.u[row], curvature[row])
        ends = every.side * far
    centres = shapes.reshape(2, len(value), q).swapaxes(0, 1)
    return _open_ends(scan, sample, beyond, centres, *np.split(ends, 2))


def _parabola(found: Estimate) -> Problem:
    """Return the least-squares problem that a likelihood is like about its optimum.

    Each size has the mean that one step of scoring would make of it, with the weight of its
    information.
    """
    sample, weight = found.sample, found.information
    size = np.sqrt(weight / np.maximum(sample.count, 1.0))
    residual = found.standard_residuals().sum(axis=2)
    step = np.divide(size * residual, weight, out=np.zeros_like(weight), where=weight > 0)
    mean = sample.frame.sign[:, None] * (found.fitted() + step)
    return Problem.pose(found.law, sample.z, mean, weight, sample.frame, rising=False)


def _open_ends(
    scan: Scan, sample: Sample, beyond: Beyond, centres: Floats, lower: Floats, upper: Floats
) -> tuple[Floats, Floats]:
    """Open the interval where its end lies on a bound of the shapes beyond which it would move.

    And where the end of a forecast rests on a break that too few sizes lie beyond.
    """
    for side, value in ((0, lower), (1, upper)):
        shapes = scan.problem.theta(centres[:, side])
        bare = unsupported(scan.problem.law, shapes, sample.z, sample.weight)
        value[bare & beyond.above] = -np.inf if side == 0 else np.inf
    low, high = scan.problem.bounds()
    width = high - low
    for j, shape in enumerate(scan.problem.law.shapes):
        inside = centres.copy()
        inside[:, :, j] = np.clip(
            centres[:, :, j], (low + 0.01 * width)[:, None, j], (high - 0.01 * width)[:, None, j]
        )
        nearer = scan.ends(inside)
        opens = beyond.opens(j, shape)
        endless = [shape.endless(scan.problem.theta(centres[:, side]), sample.frame)
                   for side in (0, 1)]  # fmt: skip
        for side, value in ((0, lower), (1, upper)):
            at = centres[:, side, j]
            leaves = (at <= low[:, j] + 1e-6 * width[:, j]) & opens[0]
            at_top = at >= high[:, j] - 1e-6 * width[:, j]
            leaves |= at_top & (opens[1] | (beyond.above & endless[side]))
            slip = 1e-9 * np.abs(np.where(np.isfinite(value), value, 0.0))
            before = nearer[side][:, side]
            moves = value < before - slip if side == 0 else value > before + slip
            value[leaves & moves] = -np.inf if side == 0 else np.inf
    return lower, upper
