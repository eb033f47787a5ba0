"""Wald intervals: estimate plus or minus t times the delta-method standard error.

Symmetric, and known to fall short where an exponent is slow (coverage of the asymptote down to
0.66 in simulation); offered for comparison with published errors. Always has standard errors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from ..estimands import Asked
from ..estimate import Estimate
from .common_mode import common_error, correlated_scale, scale_of, widened
from .interval import Intervals, check_level
from .posterior import posterior_sd
from .support import refuse

__all__ = ["conditioning", "standard_error", "wald"]

Floats = NDArray[np.float64]


def wald(estimate: Estimate, estimand: Asked, level: Any = 0.95) -> Intervals:
    """Return Wald intervals with the t quantile; open on both sides where nothing is identified.

    Parameters, returns and errors are those of :func:`~scalefit.inference.profile.profile`.
    """
    check_level(level)
    value = estimate.answer(estimand)
    variance, df = scale_of(estimate, estimand)
    error = _own_error(estimate, estimand, variance)
    half = np.where(np.isfinite(error), stdtrit(df, 0.5 + 0.5 * level) * error, np.inf)
    finite = np.where(np.isfinite(value), value, 0.0)
    label = f"Wald, given {estimate.law.name}"
    found = Intervals(value, finite - half, finite + half, level, label)
    return refuse(widened(found, estimate, estimand), estimate, estimand)


def standard_error(estimate: Estimate, estimand: Asked) -> Floats:
    """Return delta-method standard errors, shape ``(G,)``; nan where nothing is identified.

    The error that is common to all scores of a curve is part of them. An estimate that has draws
    has their standard deviation.
    """
    if estimate.draws is not None:
        return posterior_sd(estimate, estimand)
    variance, _ = correlated_scale(estimate, estimand)
    return np.hypot(_own_error(estimate, estimand, variance), common_error(estimate, estimand))


def conditioning(estimate: Estimate) -> Floats:
    """Return the condition number of the information on the parameters, each in its own unit."""
    return _condition(_information(estimate)[1])


def _condition(information: Floats) -> Floats:
    known = np.asarray(np.isfinite(information).all(axis=(1, 2)))
    return np.where(known, np.linalg.cond(np.where(known[:, None, None], information, 0.0)), np.inf)


def _information(estimate: Estimate) -> tuple[Floats, Floats]:
    """Return units of the parameters ``(G, P)``, 0 where one has no effect, and the information."""
    jacobian, weight = estimate.tangent(), estimate.information
    length = np.sqrt(np.einsum("gk,gkp->gp", weight, jacobian**2))
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = jacobian / np.where(length > 0, length, 1.0)[:, None, :]
        return length, np.einsum("gkp,gk,gkq->gpq", scaled, weight, scaled)


def _own_error(estimate: Estimate, estimand: Asked, variance: Floats) -> Floats:
    """Return standard errors from the scatter about the curve alone, given that of one run."""
    pull = estimate.curves.gradient(estimand)
    length, information = _information(estimate)
    usable = (length > 0).all(axis=1) & ~estimate.flat & np.isfinite(pull).all(axis=1)
    usable &= _condition(information) < 1e14
    information[~usable] = np.eye(information.shape[-1])
    lever = np.where(usable[:, None], pull / np.where(length > 0, length, 1.0), 0.0)
    # A power of a size may be told by sizes that are all but equal.
    with np.errstate(over="ignore", invalid="ignore"):
        solved = np.linalg.solve(information, lever[..., None])[..., 0]
        square = variance * np.maximum((lever * solved).sum(axis=1), 0.0)
    return np.where(usable, np.sqrt(square), np.nan)
