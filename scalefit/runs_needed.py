"""How many runs a decision takes, in closed form: what a simulation is checked against.

The rules are for a straight trend, for a single size, and for a verdict that is open; all take the
standard error to fall with the root of the number of runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

__all__ = ["detectable_trend", "seeds_for_margin", "slope_error", "times_as_many"]

#: Standard errors of a trend that the scaling gate sees in four of five tables: its critical value,
#: 2.1 for usual tables, and the 80 % quantile of a normal deviate.
_SEEN = 2.9
#: One-sided level of a bound, and the chance of a decision that is asked for.
_BOUND, _CHANCE = 0.95, 0.8


def slope_error(sd: float, seeds: float, sizes: Sequence[float]) -> float:
    """Return the standard error of a straight trend per decade: sd over the root of R sum u^2.

    ``u`` are decimal logs of the sizes about their mean, with R ``seeds`` at each.

    Examples
    --------
    >>> round(slope_error(0.01, 3, [1e4, 1e5, 1e6]), 4)
    0.0041
    """
    place = np.log10(np.asarray(sizes, dtype=float))
    square = float(((place - place.mean()) ** 2).sum())
    return float(sd / np.sqrt(seeds * square)) if square > 0 else float("inf")


def detectable_trend(sd: float, seeds: float, sizes: Sequence[float]) -> float:
    """Return the gain per decade that the scaling gate sees in four of five tables: 2.9 errors."""
    return _SEEN * slope_error(sd, seeds, sizes)


def seeds_for_margin(sd: float, margin: float) -> int:
    """Return the runs at each size from which a size's mean is known to the margin.

    A rule of thumb for usual tables and the tenfold gain, which needs about as much.

    Examples
    --------
    >>> seeds_for_margin(0.02, 0.01)
    4
    """
    return max(1, int(np.ceil((sd / margin) ** 2 * (1 - 1e-12))))


def times_as_many(estimate: float, lower: float, upper: float, margin: float) -> float:
    """Return how many times as many runs at the same sizes would probably decide.

    The arm of the interval that faces the margin must come to lie beside it, with room for the
    estimate to come out differently.

    Parameters
    ----------
    estimate, lower, upper : float
        A gain, taken for true, with its one-sided 95 % bounds.
    margin : float
        The margin.

    Returns
    -------
    float
        At least 1; infinite where the gain is the margin, or the bound is open.

    Examples
    --------
    >>> round(times_as_many(0.02, 0.0, 0.06, 0.01), 1)
    9.1
    """
    room = abs(estimate - margin)
    arm = estimate - lower if estimate > margin else upper - estimate
    if not np.isfinite(arm) or room <= 0:
        return float("inf")
    reach = (ndtri(_BOUND) + ndtri(_CHANCE)) / ndtri(_BOUND)
    return max(1.0, float((reach * arm / room) ** 2))
