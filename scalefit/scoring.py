"""How good a forecast was: interval score, CRPS, coverage by curve."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln, stdtr, stdtrit

__all__ = ["Share", "crps_two_piece_t", "interval_score", "share_of_curves"]

Floats = NDArray[np.float64]

#: Normal quantile of the 95 % interval of a share.
_Z = 1.959963984540054


def interval_score(lower: Any, upper: Any, level: float, y: Any) -> Floats:
    """Return the interval score: width, and a fine of ``2 / (1 - level)`` times each miss.

    Smaller is better; infinite where an end is open. It is proper for the central interval
    (Gneiting & Raftery 2007, equation 43, doi:10.1198/016214506000001437).

    Parameters
    ----------
    lower, upper : array_like
        Ends of the interval, in score units.
    level : float
        Nominal coverage, such as 0.95.
    y : array_like
        What was observed.

    Examples
    --------
    >>> interval_score(0.70, 0.80, 0.95, [0.75, 0.81]).round(3).tolist()
    [0.1, 0.5]
    """
    low, high, seen = (np.asarray(value, dtype=float) for value in (lower, upper, y))
    missed = np.maximum(low - seen, 0.0) + np.maximum(seen - high, 0.0)
    score: Floats = high - low + 2.0 / (1.0 - level) * missed
    return score


def crps_two_piece_t(centre: Any, lower: Any, upper: Any, level: float, df: Any, y: Any) -> Floats:
    """Return the continuous ranked probability score of a two-piece t distribution.

    The distribution has its median at ``centre`` and a half of Student's t on either side, each
    scaled so that the central interval at ``level`` is ``[lower, upper]``. The score is the
    integral of the squared difference between its distribution function and the step at ``y``,
    in score units; smaller is better, and it is infinite where an end is open.

    Parameters
    ----------
    centre, lower, upper : array_like
        Median and interval.
    level : float
        Nominal coverage of the interval.
    df : array_like
        Degrees of freedom, 1 or more.
    y : array_like
        What was observed.

    Notes
    -----
    With ``C(z)`` the score of the standard t distribution at ``z`` (Jordan, Krueger & Lerch 2019,
    doi:10.18637/jss.v090.i12) and scales ``s`` on the side of ``y`` and ``r`` on the other, the
    integral is ``s C(z) + (r - s) C(0) / 2`` at ``z = (y - centre) / s``: on the other side only
    the tail of the distribution function is left, which is half of ``C(0)``.

    Examples
    --------
    >>> crps_two_piece_t(0.0, -1.96, 1.96, 0.95, 1e6, 0.5).round(4).item()
    0.3314
    """
    middle, low, high, nu, seen = np.broadcast_arrays(
        *(np.asarray(value, dtype=float) for value in (centre, lower, upper, df, y))
    )
    closed = np.isfinite(low) & np.isfinite(high)
    unit = stdtrit(nu, 0.5 + 0.5 * level)
    above = seen >= middle
    arms = np.where(closed, high - middle, 1.0), np.where(closed, middle - low, 1.0)
    near, far = np.where(above, arms[0], arms[1]) / unit, np.where(above, arms[1], arms[0]) / unit
    # An arm of no length is a step: the limit of ever shorter ones.
    scale = np.maximum(near, 1e-12 * np.maximum(np.abs(seen - middle), far) + 1e-300)
    z = np.abs(seen - middle) / scale
    score = scale * _crps_t(z, nu) + 0.5 * (far - near) * _crps_t(np.zeros_like(z), nu)
    known = ~(np.isnan(middle) | np.isnan(seen))
    result: Floats = np.where(known, np.where(closed, score, np.inf), np.nan)
    return result


def _crps_t(z: Floats, df: Floats) -> Floats:
    """Return the CRPS of the standard t distribution at ``z``."""
    nu = np.maximum(df, 1.0 + 1e-7)  # the limit at 1, which the formula has as 0 / 0
    log_density = gammaln(0.5 * nu + 0.5) - gammaln(0.5 * nu) - 0.5 * np.log(nu * np.pi)
    density = np.exp(log_density - 0.5 * (nu + 1.0) * np.log1p(z * z / nu))
    constant = np.sqrt(nu) * np.exp(betaln(0.5, nu - 0.5) - 2.0 * betaln(0.5, 0.5 * nu))
    score: Floats = z * (2.0 * stdtr(nu, z) - 1.0) + 2.0 / (nu - 1.0) * (
        density * (nu + z * z) - constant
    )
    return score


class Share(NamedTuple):
    """A share with its standard error and 95 % interval, every curve counted once."""

    share: float
    error: float
    lower: float
    upper: float


def share_of_curves(shares: Any, most: float) -> Share:
    """Return the mean of one share per curve, with an interval that does not degenerate.

    Runs of one curve are forecast by the same fit and miss together, so that the curve is the unit
    (Liang & Zeger 1986, doi:10.1093/biomet/73.1.13). The interval is Wilson's (1927,
    doi:10.1080/01621459.1927.10502953) with the effective number of observations
    ``p (1 - p) / error^2`` (Korn & Graubard 1998), at least the curves and at most ``most``.

    Parameters
    ----------
    shares : array_like (G,)
        Share of each curve.
    most : float
        Number of runs.

    Returns
    -------
    Share
        All nan without curves; the error is nan with one.

    Examples
    --------
    >>> tuple(round(value, 3) for value in share_of_curves([1.0, 1.0, 0.5, 1.0], 12))
    (0.875, 0.125, 0.505, 0.98)
    """
    values = np.asarray(shares, dtype=float)
    if not values.size:
        return Share(*[float("nan")] * 4)
    n, p = len(values), float(values.mean())
    error = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    spread = p * (1.0 - p)
    effective = min(max(n, spread / error**2), most) if error > 0 else float(n)
    slack = _Z * _Z / effective
    centre = (p + 0.5 * slack) / (1.0 + slack)
    half = np.sqrt(slack * (spread + 0.25 * slack)) / (1.0 + slack)
    return Share(p, error, float(centre - half), float(centre + half))
