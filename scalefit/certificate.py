"""What shows that an optimum is global: what the search saw, and a second, independent solver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, minimize

from .estimate import Estimate
from .kernel import Kernel, best_scale, pseudo_rss

__all__ = ["Certificate", "certify"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Certificate:
    """The receipt of one fitted curve.

    Parameters
    ----------
    status : str
        ``ok``, ``flat`` (the shape means nothing), ``at_bound``, ``multi_basin`` (two minima within
        1 %) or ``beaten`` (the second solver found better: please report it).
    objective : float
        Weighted residual sum of squares of the size means.
    n_basins : int
        Local minima found by the scan and polished.
    runner_up : float
        Objective of the second best over that of the best.
    gradient : float
        Projected gradient relative to the spread of the data.
    curvature : float
        Least curvature of the objective in the search coordinates, on the same scale.
    scan_points : int
        Points of the global scan.
    second_solver : float
        By how much, relative, SciPy's trust-region solver in all parameters, from this optimum and
        from a closed-form start, ends above this one; negative if below. For a likelihood, its
        simplex search from this optimum.
    """

    status: str
    objective: float
    n_basins: int
    runner_up: float
    gradient: float
    curvature: float
    scan_points: int
    second_solver: float


def certify(estimate: Estimate) -> Certificate:
    """Return the certificate of a single fitted curve, running a second solver on it."""
    solution = estimate.solution
    rss = float(solution.rss[0])
    spread = _spread(estimate)
    values = np.linalg.eigvalsh(solution.curvature[0]) if solution.curvature.size else [np.inf]
    # Sums of squares below the rounding of the scores themselves are all zero.
    rounding = 1e-15 * spread + 1e-20 * float(
        estimate.sample.weight[0] @ estimate.sample.mean[0] ** 2
    )
    second = float((_second_solver(estimate) - rss) / max(rss, rounding, 1e-300))
    if second < -1e-8:
        status = "beaten"
    elif estimate.flat[0]:
        status = "flat"
    elif solution.at_bound[0].any():
        status = "at_bound"
    elif solution.runner_up[0] < 1.01:
        status = "multi_basin"
    else:
        status = "ok"
    return Certificate(
        status, rss, int(solution.n_basins[0]), float(solution.runner_up[0]),
        float(solution.gradient[0]), float(np.min(values)) / max(spread, 1e-300),
        int(np.prod([shape.points for shape in estimate.law.shapes])), second,
    )  # fmt: skip


def _spread(estimate: Estimate) -> float:
    y, weight = estimate.sample.mean[0], estimate.sample.weight[0]
    return float(weight @ (y - weight @ y / weight.sum()) ** 2)


def _second_likelihood(estimate: Estimate, kernel: Kernel) -> float:
    """Return the least objective that a quasi-Newton search in all parameters and the scale finds.

    The parameters are whitened by the information at the optimum, from which it starts.
    """
    law, sample, p = estimate.law, estimate.sample, estimate.law.n_columns
    runs = sample.runs.reshape(1, -1)
    there = ~np.isnan(runs)
    wide = sample.runs.shape[2]
    relative = np.repeat(sample.relative, wide, axis=1)[there][None]
    y, weight = runs[there][None], np.ones((1, int(there.sum())))
    frame = sample.frame.expand(1)

    def mean(free: Floats) -> Floats:
        theta = tuple(np.reshape(t, (1, 1)) for t in free[p:])
        total = law.offset(sample.z, theta, frame, np) + np.zeros(sample.x.shape)
        for j, column in enumerate(law.columns(sample.z, theta, frame, np)):
            total = total + free[j] * column
        return np.repeat(frame.sign * total, wide, axis=1)[there][None]

    def objective(step: Floats) -> float:
        with np.errstate(all="ignore"):
            at = mean(best + basis @ step)
            if not np.isfinite(at).all() or (kernel.link == "log" and (at <= 0).any()):
                return np.inf
            scale = best_scale(kernel, y, at, relative, weight)
            return float(kernel.contribution(y, at, scale).value.sum())

    best = np.concatenate([estimate.coefficients[0], np.nan_to_num(estimate.theta[0])])
    base = mean(best)
    steps = 1e-6 * np.maximum(np.abs(best), 1e-3)
    slopes = [
        (mean(best + h * e) - base)[0] / h for h, e in zip(steps, np.eye(best.size), strict=True)
    ]
    unit = np.sqrt(
        kernel.information(y, base, best_scale(kernel, y, base, relative, weight), weight)[0]
    )
    _, size, turn = np.linalg.svd(np.stack(slopes, axis=1) * unit[:, None], full_matrices=False)
    basis = turn.T / np.maximum(size, 1e-8 * size.max())
    end = minimize(
        objective,
        np.zeros(best.size),
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 2000},
    )
    rss = float(pseudo_rss(np.array([end.fun]), sample.n)[0])
    return rss - float(sample.pure_ss[0])


def _second_solver(estimate: Estimate) -> float:
    """Return the least objective that a joint trust-region search in all parameters reaches."""
    law, sample = estimate.law, estimate.sample
    if sample.kernel is not None:
        return _second_likelihood(estimate, sample.kernel)
    frame = sample.frame.row(0)
    z, y, root = sample.z[0], sample.benefit[0], np.sqrt(sample.weight[0])
    p = law.n_columns

    def residual(all_params: NDArray[Any]) -> NDArray[Any]:
        theta = tuple(all_params[p:])
        total = law.offset(z, theta, frame, np)
        for j, column in enumerate(law.columns(z, theta, frame, np)):
            total = total + all_params[j] * column
        gap: NDArray[Any] = root * (total - y) / scale
        return gap

    scale = max(np.sqrt(_spread(estimate)), 1e-150)
    starts = [np.nan_to_num(estimate.theta[0])]
    closed = law.start(sample.z, sample.benefit, sample.frame)
    starts.append(np.array([float(t[0]) for t in closed]))
    bounds = [shape.bounds(frame) for shape in law.shapes]
    low = np.array([-np.inf] * p + [float(b[0]) for b in bounds] + [-np.inf] * len(law.guesses))
    high = np.array([np.inf] * p + [float(b[1]) for b in bounds] + [np.inf] * len(law.guesses))
    low[list(law.rises)] = 0.0
    # The laws take complex steps, which are exact; a user's function may not.
    derivatives: Any = "2-point" if law.guesses else "cs"
    best = np.inf
    for k, theta in enumerate(starts):
        columns = [np.broadcast_to(c, y.shape) for c in law.columns(z, tuple(theta), frame, np)]
        design = root[:, None] * np.stack(columns, axis=1) if p else np.zeros((z.size, 0))
        target = root * (y - law.offset(z, tuple(theta), frame, np))
        linear = np.linalg.lstsq(design, target, rcond=None)[0] if p else np.zeros(0)
        first = estimate.coefficients[0] if k == 0 else linear
        start = np.clip(np.append(first, theta), low, high)
        with np.errstate(all="ignore"):
            end = least_squares(
                residual, start, bounds=(low, high), x_scale="jac", jac=derivatives,
                ftol=1e-14, xtol=1e-14, gtol=1e-14, max_nfev=400,
            )  # fmt: skip
        best = min(best, 2.0 * float(end.cost) * scale**2)
    return best
