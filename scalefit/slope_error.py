"""What tests and intervals make of it that the change of the noise with size is an estimate.

The slope of the log variance on log size is known up to an error, which is taken as normal (see
:mod:`~scalefit.noise.gaussian`). A variance that rests on runs of a few sizes is then off by a
factor ``exp(e)`` with ``e`` normal, beyond what its degrees of freedom say, and a size that looks
far off the curve may only have more noise than its weight allows for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, fdtrc, polygamma

if TYPE_CHECKING:
    from .estimate import Estimate

__all__ = ["averaged_p", "with_log_error"]

Floats = NDArray[np.float64]

#: Slopes at which a p value is averaged, in standard errors, and their weights (Gauss-Hermite).
_SLOPES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_STEPS = 8


def with_log_error(variance: Floats, df: Floats, error: Floats) -> tuple[Floats, Floats]:
    """Return a variance and its degrees of freedom that allow for an error of its log.

    A variance ``V`` with ``n`` degrees of freedom stands for ``V n / chi2_n``. Times ``exp(e)``,
    with ``e`` normal of standard deviation ``error``, it has a log of which mean and variance are
    those of another such variance: its degrees of freedom ``m`` solve
    ``trigamma(m / 2) = trigamma(n / 2) + error^2``.

    Examples
    --------
    >>> variance, df = with_log_error(np.ones(2), np.full(2, 12.0), np.array([0.0, 0.7]))
    >>> variance.round(2).tolist(), df.round(1).tolist()
    ([1.0, 0.83], [12.0, 3.9])
    """
    variance, df = variance.copy(), df.copy()
    rows = np.flatnonzero((error > 0) & np.isfinite(df))
    half = 0.5 * df[rows]
    wanted = polygamma(1, half) + error[rows] ** 2
    found = 0.5 + 1.0 / wanted
    for _ in range(_STEPS):  # Newton's method on 1 / trigamma, which is convex and nearly straight
        here = polygamma(1, found)
        found = found + here * (1.0 - here / wanted) / polygamma(2, found)
    variance[rows] *= np.exp(np.log(half) - digamma(half) - np.log(found) + digamma(found))
    df[rows] = 2.0 * found
    return variance, df


def averaged_p(estimate: Estimate, ratio: Floats, df: Floats, pure_df: Floats) -> Floats:
    """Return p values of lack of fit, averaged over the slopes that the noise may have; ``(G,)``.

    Parameters
    ----------
    estimate : Estimate
        G curves, fitted by least squares with an estimated slope.
    ratio : array (G,)
        F of lack of fit at the estimated slope.
    df, pure_df : arrays (G,)
        Its degrees of freedom.
    """
    sample = estimate.sample
    gap, tangent = sample.mean - estimate.fitted(), estimate.tangent()
    one_run = sample.weight / np.maximum(sample.count, 1.0)

    def misfit(weight: Floats) -> Floats:
        root = np.sqrt(weight)
        own, columns = root * gap, root[:, :, None] * tangent
        length = np.sqrt((columns**2).sum(axis=1, keepdims=True))
        basis, extent, _ = np.linalg.svd(columns / np.where(length > 0, length, 1.0), False)
        inside = np.einsum("gkp,gk->gp", basis * (extent > 1e-9)[:, None], own)
        return np.asarray(np.maximum((own**2).sum(axis=1) - (inside**2).sum(axis=1), 0.0))

    def pure(tilt: Floats | float) -> Floats:
        return np.asarray((one_run * tilt * sample.spread).sum(axis=1))

    as_fitted = misfit(sample.weight) / pure(1.0)
    p = np.zeros(len(estimate))
    for slope, share in zip(_SLOPES, _WEIGHTS, strict=True):
        tilt = np.exp(-slope * sample.variance_slope_error[:, None] * sample.z)
        other = misfit(sample.weight * tilt) / pure(tilt)
        known = as_fitted > 0
        p += share * fdtrc(
            df, pure_df, ratio * np.where(known, other / np.where(known, as_fitted, 1.0), 1.0)
        )
    return p
