"""Does the curve level off short of the best score? A signed root, and a bootstrap as its referee.

The null is a pure power law towards the best value of the metric, the alternative one that levels
off before. The null lies on the boundary of the alternative, so half of all tables show nothing
(Self & Liang 1987, doi:10.1080/01621459.1987.10478472), and the signed root is compared with t.
The parametric bootstrap needs no such theory: tables are simulated from the fitted null, both laws
are fitted to each, and the observed root is placed among theirs (Davison & Hinkley 1997, 4.4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .estimate import Estimate, estimate
from .inference import resample
from .selection import root_alone, signed_root

__all__ = ["SIMULATED", "bootstrap_plateau_test", "doubtful", "plateau_test"]

Floats = NDArray[np.float64]
#: Tables simulated: p = 0.05 is known to about +/- 0.007.
SIMULATED = 999
#: Curves whose tables are fitted together.
_CURVES = 8


def plateau_test(null: Estimate, wide: Estimate) -> tuple[Floats, Floats]:
    """Return the signed root of "it levels off short of the best score", and its p value by t.

    Parameters
    ----------
    null, wide : Estimate
        The power law and the saturating power law, fitted to the same G curves.

    Returns
    -------
    root, p : arrays (G,)
        nan where the metric has no best value.
    """
    root, p = signed_root(null, wide, _short_of_best(wide))
    known = ~np.isnan(wide.sample.frame.limit)
    return np.where(known, root, np.nan), np.where(known, p, np.nan)


def _short_of_best(wide: Estimate) -> Floats:
    """Return where it levels off: 1 short of the best score, -1 beyond, 0 where it is flat."""
    frame = wide.sample.frame
    limit = wide.evaluate(wide.law.limit(wide.shapes(), frame, np))
    return np.where(wide.flat, 0.0, np.sign(frame.sign * (frame.limit - limit)))


def doubtful(wide: Estimate) -> NDArray[np.bool_]:
    """Return where the t distribution is not to be trusted, so that the bootstrap decides.

    These are errors that are not normal, and fits on a bound of the exponent.
    """
    at_bound = wide.solution.at_bound.any(axis=1)
    return at_bound | np.full(len(wide), wide.sample.kernel is not None)


def bootstrap_plateau_test(
    null: Estimate,
    wide: Estimate,
    rng: np.random.Generator | int = 0,
    simulated: int = SIMULATED,
) -> Floats:
    """Return the p value of the signed root by parametric bootstrap, for every curve.

    Parameters
    ----------
    null, wide : Estimate
        The power law and the saturating power law, fitted to the same G curves.
    rng : Generator or int
        Source of the simulated errors.
    simulated : int
        Tables simulated a curve. Each law is fitted to those of a few curves in one batch.

    Returns
    -------
    array (G,)
        ``(1 + larger or equal) / (simulated + 1)``; nan where the metric has no best value.

    Notes
    -----
    Errors have the variance function of the null fit, which is estimated anew in every simulated
    table where it was estimated. They are normal for least squares. An error model with a kernel
    resamples the residuals of the null fit, inflated for the degrees of freedom spent on it.
    """
    seed = int(np.random.default_rng(rng).integers(2**62))
    root, p = plateau_test(null, wide)
    kind = "parametric" if null.sample.kernel is None else "residual"
    rows = np.flatnonzero(~np.isnan(root) & null.applicable & wide.applicable)
    for first in range(0, len(rows), _CURVES):
        part = rows[first : first + _CURVES]
        tables = resample(null.take(part), kind, simulated, (seed,))
        free = estimate(wide.law, tables)
        short = _short_of_best(free)
        least = (root[part] - 1e-9 * np.abs(root[part])).repeat(simulated)
        # A table that levels off beyond the best score has a negative root.
        some = np.flatnonzero((short > 0) | (least <= 0))
        drawn = np.full(len(free), -np.inf)
        if some.size:
            pure = estimate(null.law, tables.take(some))
            drawn[some] = root_alone(pure, free.take(some), short[some])
        larger = (drawn >= least).reshape(len(part), simulated).sum(axis=1)
        p[part] = (1.0 + larger) / (simulated + 1.0)
    return p
