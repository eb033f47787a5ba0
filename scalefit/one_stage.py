"""The mean over groups from their likelihoods as they are, open ones included.

    answer_g ~ N(mean of its kind, tau^2),    likelihood_g(answer) from its confidence curve

The two-stage model replaces each likelihood by a normal one, which an open interval does not have.
Here the likelihood of a group is read off its distances, ``(1 + t(v)^2 / df)^(-(df + 1) / 2)``, and
integrated over the answers that a group may have (as in Schuemie et al. 2022,
doi:10.1177/09622802211035247, for rare events). A group that is open above keeps its say about what
the mean is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import fdtrc, ndtr, stdtr, stdtrit

from .confidence import NODES, Confidence
from .errors import FitError
from .meta import Meta

__all__ = ["one_stage"]

Floats = NDArray[np.float64]
#: Values of the mean and of the spread between groups that are looked at.
_MEANS, _SPREADS = 121, 25
_ZOOMS = 2


def one_stage(
    curves: Confidence,
    moderator: Sequence[object] | None = None,
    level: float = 0.95,
    correlation: Floats | None = None,
) -> Meta:
    """Return the mean over groups, or over those of each kind, by one likelihood.

    Parameters
    ----------
    curves : Confidence
        Of k groups.
    moderator : sequence of k, optional
        What tells kinds of groups apart.
    level : float
        Coverage.
    correlation : array (k, k), optional
        Of the errors of the groups. The log likelihood of a group that shares its runs with others
        counts for one over the sum of its positive correlations, itself included.

    Returns
    -------
    Meta
        Without Q and I^2, which belong to the two-stage model. An end may be infinite.

    Raises
    ------
    FitError
        Fewer than two groups that say anything beyond the number of kinds.

    Notes
    -----
    The interval of a mean holds the values whose profile likelihood ratio is at most
    ``k log(1 + t^2 / (k - p))``, t being the quantile with k - p degrees of freedom: with normal
    groups whose own errors are small this is the t interval of their mean, and with errors that
    explain all of the spread it errs on the side of width.
    """
    names, codes = ["mean"], np.zeros(len(curves), dtype=np.intp)
    if moderator is not None:
        codes, found = pd.factorize(pd.Series(list(moderator), dtype=object))
        names = list(found)
    k, p = len(curves), len(names)
    if k < p + 1:
        raise FitError(f"{k} groups for {p} means; one more is needed")
    df = k - p
    t = float(stdtrit(df, 0.5 + 0.5 * level))
    cut = 0.5 * k * float(np.log1p(t * t / df))
    low, high, unit = _range(curves)
    spread = np.concatenate([[0.0], np.geomspace(0.01 * unit, 2.0 * (high - low), _SPREADS)])
    share = np.ones(k) if correlation is None else 1.0 / np.maximum(correlation, 0.0).sum(axis=1)
    means, edges = np.linspace(low, high, _MEANS), (True, True)
    for _ in range(_ZOOMS):  # look again, closer, where any mean may be
        kinds = _by_kind(curves, share, codes, p, means, spread)
        inside = np.flatnonzero((_profiles(kinds) >= -cut - 1.0).any(axis=0))
        first, last = max(inside[0] - 1, 0), min(inside[-1] + 1, len(means) - 1)
        edges = edges[0] and inside[0] == 0, edges[1] and inside[-1] == len(means) - 1
        means = np.linspace(means[first], means[last], _MEANS)
        spread = _closer(spread, kinds.max(axis=1).sum(axis=0), cut)
    kinds = _by_kind(curves, share, codes, p, means, spread)
    best = int(kinds.max(axis=1).sum(axis=0).argmax())
    rows = []
    for c, profile in enumerate(_profiles(kinds)):
        value = float(means[kinds[c, :, best].argmax()])
        lower, upper = _ends(means, profile + cut, edges)
        rows.append((value, (upper - lower) / (2.0 * t), lower, upper, int((codes == c).sum())))
    table = pd.DataFrame(
        rows, columns=["estimate", "std_error", "lower", "upper", "k"],
        index=pd.Index(names, name="group"),
    )  # fmt: skip
    tau2 = float(spread[best] ** 2) * k / df
    prediction = (np.nan, np.nan)
    if p == 1 and k > 2:
        value, error = rows[0][:2]
        away = float(stdtrit(k - 2, 0.5 + 0.5 * level)) * float(np.hypot(np.sqrt(tau2), error))
        prediction = value - away, value + away
    f = f_p = np.nan
    if p > 1:
        drop = float(kinds.max(axis=1).sum(axis=0).max() - kinds.sum(axis=0).max())
        f = _f_of(drop, k, df) / (p - 1)
        f_p = float(fdtrc(p - 1, df, f))
    return Meta(
        table, _gaps(names, kinds, means, cut, k, edges), tau2, np.nan, np.nan, np.nan, f, f_p,
        prediction, "one-stage, likelihoods as they are", level, k,
    )  # fmt: skip


def _closer(spread: Floats, top: Floats, cut: float) -> Floats:
    """Return spreads between groups where the likelihood is not far below its maximum."""
    inside = np.flatnonzero(top >= top.max() - cut - 1.0)
    low, high = spread[max(inside[0] - 1, 0)], spread[min(inside[-1] + 1, len(spread) - 1)]
    if low > 0:
        return np.geomspace(low, high, len(spread))
    return np.concatenate([[0.0], np.geomspace(0.02 * high, high, len(spread) - 1)])


def _by_kind(
    curves: Confidence, share: Floats, codes: NDArray[np.intp], p: int, means: Floats,
    spread: Floats,
) -> Floats:  # fmt: skip
    """Return the log likelihoods of each kind, ``(kinds, means, spreads)``."""
    terms = _marginal(curves, share, means, spread)
    return np.stack([terms[codes == c].sum(axis=0) for c in range(p)])


def _profiles(kinds: Floats) -> Floats:
    """Return the profile log likelihood of each kind's mean less its top, ``(kinds, means)``."""
    tops = kinds.max(axis=1)
    total = tops.sum(axis=0)
    found: Floats = (kinds + (total - tops)[:, None, :]).max(axis=2) - total.max()
    return found


def _f_of(drop: float, k: int, df: int) -> float:
    """Return what a drop of the log likelihood is on the scale of t squared."""
    return df * float(np.expm1(2.0 * max(drop, 0.0) / k))


def _range(curves: Confidence) -> tuple[float, float, float]:
    """Return between which values means are sought, and a typical error."""
    t3 = int(np.searchsorted(NODES, 3.0))
    ends = np.concatenate([curves.lower[:, : t3 + 1], curves.upper[:, : t3 + 1]], axis=1)
    known = np.isfinite(ends)
    low = float(np.where(known, ends, np.inf).min())
    high = float(np.where(known, ends, -np.inf).max())
    error = curves.error[np.isfinite(curves.error)]
    width = high - low
    unit = float(np.median(error)) if error.size else 0.1 * width
    return low - 0.5 * width, high + 0.5 * width, max(unit, 1e-6 * width)


def _marginal(curves: Confidence, share: Floats, means: Floats, spread: Floats) -> Floats:
    """Return log likelihoods of each group, ``(G, means, spreads)``, integrated over its answer.

    Between the nodes of the confidence curve a likelihood is taken as linear, and beyond an open
    end as constant, so that the integrals over a normal distribution have a closed form.
    """
    found = np.empty((len(curves), len(means), len(spread)))
    t = np.concatenate([-NODES[::-1], [0.0], NODES])
    for g in range(len(curves)):
        ends = np.concatenate(
            [curves.lower[g, ::-1], [curves.estimate[g]], curves.upper[g]]
        )  # rising
        known = np.isfinite(ends)
        v, distance = np.maximum.accumulate(ends[known]), t[known]
        df = curves.df[g]
        log = -0.5 * distance**2
        if np.isfinite(df):
            log = -0.5 * (df + 1.0) * np.log1p(distance**2 / df)
        height = np.exp(share[g] * log)
        left = 0.0 if np.isfinite(curves.lower[g, -1]) else height[0]
        right = 0.0 if np.isfinite(curves.upper[g, -1]) else height[-1]
        width = np.diff(v)
        slope = np.divide(np.diff(height), width, out=np.zeros_like(width), where=width > 0)
        start = height[:-1] - slope * v[:-1]
        for j, tau in enumerate(spread):
            if tau == 0:
                value = np.interp(means, v, height, left=left, right=right)
            else:
                z = (v[None, :] - means[:, None]) / tau
                mass, density = ndtr(z), np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
                value = (
                    ((start + slope * means[:, None]) * np.diff(mass, axis=1)
                     - slope * tau * np.diff(density, axis=1)).sum(axis=1)
                    + left * mass[:, 0] + right * (1.0 - mass[:, -1])
                )  # fmt: skip
            found[g, :, j] = np.log(np.maximum(value, 1e-300))
    return found


def _ends(means: Floats, above: Floats, edges: tuple[bool, bool]) -> tuple[float, float]:
    """Return where a profile crosses the cut; infinite where it does not within the range."""
    at = np.flatnonzero(above >= 0)
    lower, upper = -np.inf, np.inf
    if at[0] > 0:
        i = at[0]
        share = above[i] / (above[i] - above[i - 1])
        lower = float(means[i] - share * (means[i] - means[i - 1]))
    elif not edges[0]:
        lower = float(means[0])
    if at[-1] < len(means) - 1:
        i = at[-1]
        share = above[i] / (above[i] - above[i + 1])
        upper = float(means[i] + share * (means[i + 1] - means[i]))
    elif not edges[1]:
        upper = float(means[-1])
    return lower, upper


def _gaps(
    names: Sequence[object], kinds: Floats, means: Floats, cut: float, k: int,
    edges: tuple[bool, bool],
) -> pd.DataFrame:  # fmt: skip
    """Return the differences between kinds, by the profile of their common likelihood."""
    n, step, df = len(means), float(means[1] - means[0]), k - len(names)
    tops = kinds.max(axis=1)
    total = tops.sum(axis=0)
    shifts = range(1 - n, n)
    places = step * np.array(shifts, dtype=float)
    rows = []
    for i, j in combinations(range(len(names)), 2):
        rest = total - tops[i] - tops[j] - total.max()
        profile = np.array([
            (kinds[i, max(s, 0) : n + min(s, 0)] + kinds[j, max(-s, 0) : n - max(s, 0)]
             + rest).max()
            for s in shifts
        ])  # fmt: skip
        lower, upper = _ends(places, profile + cut, (edges[0] or edges[1],) * 2)
        t = np.sqrt(_f_of(-float(profile[n - 1]), k, df))
        value = float(places[profile.argmax()])
        rows.append((names[i], names[j], value, lower, upper, 2.0 * float(stdtr(df, -t))))
    return pd.DataFrame(rows, columns=["one", "other", "difference", "lower", "upper", "p"])
