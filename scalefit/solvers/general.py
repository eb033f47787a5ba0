"""Least squares for a law of which nothing is known but a start: trust region, then Gauss-Newton.

Several scaled copies of the start are tried by SciPy's trust-region solver, and the best end is
polished by Gauss-Newton steps with exact derivatives where the function accepts complex numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from ..errors import FitError
from ..laws.law import Frame, Law
from .separable import Solution

__all__ = ["solve_general"]

Floats = NDArray[np.float64]

#: Factors on the start: one at a time would miss starts that are off together.
_FACTORS = (1.0, 0.3, 3.0, 0.1, 10.0)
#: Stands for a residual that is not finite.
_HUGE = 1e100


def solve_general(
    law: Law, z: Floats, y: Floats, weight: Floats, frame: Frame
) -> tuple[Floats, Solution]:
    """Fit every curve by ``law.offset``; return parameters ``(G, q)`` and the solutions."""
    start = np.array([value for _, value in law.guesses])
    rows = [_solve_one(law, z[g], y[g], weight[g], frame.row(g), start) for g in range(len(z))]
    theta = np.stack([row[0] for row in rows])
    n_curves, q = theta.shape
    ones = np.ones(n_curves, dtype=np.intp)
    solution = Solution(
        theta,
        np.array([row[1] for row in rows]),
        np.stack([row[2] for row in rows]),
        np.array([row[3] for row in rows]),
        ones,
        np.full(n_curves, np.inf),
        np.zeros((n_curves, q), dtype=np.intp),
    )
    return theta, solution


def _solve_one(
    law: Law, z: Floats, y: Floats, weight: Floats, frame: Frame, start: Floats
) -> tuple[Floats, float, Floats, float]:
    root = np.sqrt(weight)

    def residual(theta: Floats) -> Any:
        with np.errstate(all="ignore"):
            value = root * (law.offset(z, tuple(theta), frame, np) - y)
        return np.where(np.isfinite(value), value, _HUGE)

    slopes = _derivative(residual, start)
    ends = []
    for factor in _FACTORS:
        with np.errstate(all="ignore"):
            try:
                end = least_squares(
                    residual, factor * start, slopes, x_scale="jac",
                    ftol=1e-15, xtol=1e-15, gtol=1e-15, max_nfev=2000,
                )  # fmt: skip
            except ValueError:  # the function is not finite at this start
                continue
        if np.abs(end.fun).max() < _HUGE:
            ends.append((float(end.fun @ end.fun), end.x))
    if not ends:
        raise FitError(f"law {law.name!r} is not finite at its start values; choose others")
    rss, theta = min(ends, key=lambda pair: pair[0])
    theta, rss = _gauss_newton(residual, slopes, theta, rss)
    jacobian = slopes(theta)
    pull = 2.0 * jacobian.T @ residual(theta)
    size = np.maximum(np.linalg.norm(jacobian, axis=0) * max(np.sqrt(rss), 1e-150), 1e-300)
    return theta, rss, 2.0 * jacobian.T @ jacobian, float(np.max(np.abs(pull) / size))


def _gauss_newton(
    residual: Callable[[Floats], Any], slopes: Callable[[Floats], Any], theta: Floats, rss: float
) -> tuple[Floats, float]:
    """Take full Gauss-Newton steps while they do not raise the sum of squares."""
    for _ in range(20):
        jacobian = slopes(theta)
        scale = np.linalg.norm(jacobian, axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        step = np.linalg.lstsq(jacobian / scale, -residual(theta), rcond=None)[0] / scale
        new = residual(theta + step)
        if not float(new @ new) <= rss * (1.0 + 1e-14):
            break
        theta, rss = theta + step, min(rss, float(new @ new))
        if np.all(np.abs(step) <= 1e-15 * np.abs(theta)):
            break
    return theta, rss


def _derivative(residual: Callable[[Floats], Any], start: Floats) -> Callable[[Floats], Any]:
    """Return a Jacobian: by the complex step where the function allows it, else by differences."""

    def by_differences(theta: Floats) -> Any:
        columns = []
        for j in range(theta.size):
            step = np.zeros_like(theta)
            step[j] = 1e-3 * max(abs(theta[j]), 1e-8)
            # Fourth order in a step of 1e-3: truncation and rounding are both near 1e-12.
            near = residual(theta + step) - residual(theta - step)
            far = residual(theta + 2 * step) - residual(theta - 2 * step)
            columns.append((8 * near - far) / (12 * step[j]))
        return np.stack(columns, axis=1)

    def by_complex_step(theta: Floats) -> Any:
        columns = []
        for j in range(theta.size):
            step = np.zeros(theta.size, dtype=complex)
            step[j] = 1e-150j
            columns.append(np.imag(residual(theta + step)) / 1e-150)
        return np.stack(columns, axis=1)

    try:
        exact, approximate = by_complex_step(start), by_differences(start)
    except (TypeError, ValueError):  # a LawError too: the function refuses complex numbers
        return by_differences
    scale = np.abs(approximate).max(initial=1e-300)
    agree = bool(np.all(np.abs(exact - approximate) <= 1e-4 * scale))
    return by_complex_step if agree else by_differences
