"""Wald intervals: estimate plus or minus t times the delta-method standard error.

Symmetric, and known to fall short where an exponent is slow (coverage of the asymptote down to
0.66 in simulation); offered for comparison with published errors. Always has standard errors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from ..estimands import Estimand
from ..estimate import Estimate
from .interval import Intervals, check_level
from .support import refuse

__all__ = ["standard_error", "wald"]

Floats = NDArray[np.float64]
_STEP = 1e-30


def wald(estimate: Estimate, estimand: Estimand, level: Any = 0.95) -> Intervals:
    """Return Wald intervals with the t quantile; open on both sides where nothing is identified.

    Parameters, returns and errors are those of :func:`~scalefit.inference.profile.profile`.
    """
    check_level(level)
    terms = estimand.terms(estimate.law, estimate.shapes(), estimate.sample.frame, np)
    value = estimate.evaluate(terms)
    error = standard_error(estimate, estimand)
    _, df = estimate.scale
    half = np.where(np.isfinite(error), stdtrit(df, 0.5 + 0.5 * level) * error, np.inf)
    finite = np.where(np.isfinite(value), value, 0.0)
    label = f"Wald, given {estimate.law.name}"
    return refuse(Intervals(value, finite - half, finite + half, level, label), estimate, estimand)


def standard_error(estimate: Estimate, estimand: Estimand) -> Floats:
    """Return delta-method standard errors, shape ``(G,)``; nan where nothing is identified.

    Derivatives with respect to the shape are taken by the complex step (Squire & Trapp 1998,
    doi:10.1137/S003614459631241X), so they are exact.
    """
    law, sample = estimate.law, estimate.sample
    theta = np.where(np.isnan(estimate.theta), 1.0, estimate.theta)
    wide, narrow = sample.frame.expand(1), sample.frame
    shapes = tuple(t[:, None] for t in theta.T)
    columns = [
        np.broadcast_to(np.asarray(c, dtype=float), sample.x.shape)
        for c in law.columns(sample.z, shapes, wide, np)
    ]
    pull = list(estimand.terms(law, tuple(theta.T), narrow, np).weights)
    for j in range(theta.shape[1]):
        moved = theta.astype(complex)
        moved[:, j] += 1j * _STEP
        columns.append(np.imag(_curve(estimate, tuple(m[:, None] for m in moved.T))) / _STEP)
        with np.errstate(all="ignore"):
            target = _total(estimand.terms(law, tuple(moved.T), narrow, np), estimate)
        pull.append(np.imag(target) / _STEP)
    jacobian = np.stack(columns, axis=-1)
    gradient = np.stack([np.broadcast_to(p, (len(estimate),)) for p in pull], axis=-1)
    weight = estimate.information
    length = np.sqrt(np.einsum("gk,gkp->gp", weight, jacobian**2))
    usable = (length > 0).all(axis=1) & ~estimate.flat & np.isfinite(gradient).all(axis=1)
    length = np.where(length > 0, length, 1.0)
    scaled = jacobian / length[:, None, :]
    information = np.einsum("gkp,gk,gkq->gpq", scaled, weight, scaled)
    usable &= np.linalg.cond(information) < 1e14
    information[~usable] = np.eye(information.shape[-1])
    lever = np.where(usable[:, None], gradient / length, 0.0)
    solved = np.linalg.solve(information, lever[..., None])[..., 0]
    variance, _ = estimate.scale
    return np.where(usable, np.sqrt(variance * np.maximum((lever * solved).sum(axis=1), 0)), np.nan)


def _curve(estimate: Estimate, shapes: tuple[Any, ...]) -> Any:
    law, frame = estimate.law, estimate.sample.frame.expand(1)
    total = law.offset(estimate.sample.z, shapes, frame, np)
    for j, column in enumerate(law.columns(estimate.sample.z, shapes, frame, np)):
        total = total + column * estimate.coefficients[:, j, None]
    return total


def _total(terms: Any, estimate: Estimate) -> Any:
    return terms.value(estimate.coefficients)
