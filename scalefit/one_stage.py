"""The mean over groups from their likelihoods as they are, open ones included.

    answer_g ~ N(mean of its kind, tau^2),    likelihood_g(answer) from its confidence curve

The two-stage model replaces each likelihood by a normal one, which an open interval does not have.
Here the likelihood of a group is read off its distances, ``(1 + t(v)^2 / df)^(-(df + 1) / 2)``, and
integrated over the answers that a group may have (as in Schuemie et al. 2022,
doi:10.1177/09622802211035247, for rare events). A group that is open above keeps its say about what
the mean is not.

Given ``tau`` a mean has a signed root of its likelihood ratio, and so a probability below each
value. They are averaged over ``tau`` as in :mod:`scalefit.meta`, by its restricted likelihood times
the prior there: where all likelihoods are normal the two models are the same. Where the average
stays below the probability that an end asks for, that end is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtri, logsumexp, ndtr, stdtrit

from .confidence import NODES, Confidence
from .errors import FitError
from .meta import ONE_ERROR, Meta, kinds_of, mixture_interval, prior, spreads, usual_error

__all__ = ["one_stage"]

Floats = NDArray[np.float64]
#: Values of the mean, a quantile of t, and of the spread between groups that are looked at.
_MEANS, _SPREADS = 70, 48
_ZOOMS = 3
#: Spreads with a smaller share of the greatest weight are left out of the next look, and means with
#: less than this times what is outside the interval.
_LITTLE = 1e-6
_TAIL = 0.01
#: How far beyond all intervals means are sought, in their range times a quantile of t.
_BEYOND = 2.0


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
        Fewer than two groups, fewer groups than kinds and one more, or a missing kind.
    """
    names, codes = ["mean"], np.zeros(len(curves), dtype=np.intp)
    if moderator is not None:
        codes, names = kinds_of(moderator)
    k, p = len(curves), len(names)
    if k < p + 1:
        raise FitError(f"{k} groups for {p} means; one more is needed")
    share = np.ones(k) if correlation is None else 1.0 / np.maximum(correlation, 0.0).sum(axis=1)
    quantile = float(stdtrit(k - p, 0.5 + 0.5 * level))
    low, high = _range(curves, quantile)
    usual, spread = _spreads(curves, high - low)
    n_means = int(_MEANS * max(quantile, 2.5))
    means, tail = np.linspace(low, high, n_means), _TAIL * (1.0 - level)
    for _ in range(_ZOOMS):  # look again, closer, where any mean may be
        seen = _Seen.of(curves, share, codes, means, spread, usual)
        told = np.stack([seen.below(seen.roots(c)) for c in range(p)])
        inside = np.flatnonzero(((told > tail) & (told < 1.0 - tail)).any(axis=0))
        first, last = max(inside[0] - 1, 0), min(inside[-1] + 1, len(means) - 1)
        means = np.linspace(means[first], means[last], n_means)
        spread = _closer(spread, seen.weight)
    seen = _Seen.of(curves, share, codes, means, spread, usual)
    rows = []
    for c in range(p):
        told_by = seen.below(seen.roots(c))
        lower, upper = _ends(means, told_by, level)
        one_lower, one_upper = _ends(means, told_by, ONE_ERROR)
        value, error = float(seen.weight @ seen.tops[c]), 0.5 * (one_upper - one_lower)
        rows.append((value, error, lower, upper, int((codes == c).sum())))
    table = pd.DataFrame(
        rows, columns=["estimate", "std_error", "lower", "upper", "k"],
        index=pd.Index(names, name="group"),
    )  # fmt: skip
    f = f_p = np.nan
    if p > 1:
        drop = seen.log.max(axis=1).sum(axis=0) - seen.log.sum(axis=0).max(axis=0)
        f_p = float(seen.weight @ chdtrc(p - 1, 2.0 * np.maximum(drop, 0.0)))
        f = float(fdtri(p - 1, k - p, 1.0 - f_p))
    return Meta(
        table, _gaps(names, seen, level), seen.best_spread**2, np.nan, np.nan, np.nan, f, f_p,
        seen.prediction(level) if p == 1 and k > 2 else (np.nan, np.nan),
        "one-stage, likelihoods as they are", level, k,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Seen:
    """Likelihoods of p kinds at M values of their means and T spreads.

    Parameters
    ----------
    means : array (M,)
        Evenly spaced.
    spread : array (T,)
    log : array (p, M, T)
        Log likelihoods.
    weight : array (T,)
        Of the spreads, with sum 1.
    tops : array (p, T)
        Where each kind's likelihood is greatest.
    best_spread : float
        The spread of the greatest restricted likelihood.
    """

    means: Floats
    spread: Floats
    log: Floats
    weight: Floats
    tops: Floats
    best_spread: float

    @classmethod
    def of(
        cls, curves: Confidence, share: Floats, codes: NDArray[np.intp], means: Floats,
        spread: Floats, usual: float,
    ) -> _Seen:  # fmt: skip
        """Look at some means and spreads."""
        terms = _marginal(curves, share, means, spread)
        log = np.stack([terms[codes == c].sum(axis=0) for c in range(codes.max() + 1)])
        restricted = logsumexp(log, axis=1).sum(axis=0)
        weight = prior(spread, usual) * np.exp(restricted - restricted.max())
        tops = np.array([[_peak(means, line) for line in kind.T] for kind in log])
        best = _peak(spread, restricted)
        return cls(means, spread, log, weight / weight.sum(), tops, best)

    def roots(self, kind: int) -> Floats:
        """Return signed roots of the likelihood ratio of a mean, ``(M, T)``."""
        return _signed_roots(self.log[kind])

    def below(self, roots: Floats) -> Floats:
        """Return the probability below each of some values, averaged over the spreads."""
        return np.asarray(ndtr(roots) @ self.weight)

    def prediction(self, level: float) -> tuple[float, float]:
        """Return the interval for the answer of a new group; nan where the mean is open."""
        told = ndtr(self.roots(0))
        if (
            self.below(self.roots(0))[[0, -1]] * [1.0, -1.0] + [0.0, 1.0] > 0.5 * (1 - level)
        ).any():
            return np.nan, np.nan
        mass = np.diff(told, axis=0) * self.weight
        step = self.means[1] - self.means[0]
        centre, spread = np.meshgrid(self.means[:-1] + 0.5 * step, self.spread, indexing="ij")
        found = mixture_interval(
            (mass / mass.sum()).ravel(), centre.ravel(), np.hypot(spread, step).ravel(), level
        )
        return found[1:]


def _signed_roots(log: Floats) -> Floats:
    """Return signed roots of the likelihood ratio, rising along the first axis."""
    top = log.argmax(axis=0)
    root = np.sqrt(2.0 * (log.max(axis=0) - log))
    side = np.sign(np.arange(len(log))[:, None] - top)
    found: Floats = np.maximum.accumulate(side * root, axis=0)
    return found


def _peak(x: Floats, height: Floats) -> float:
    """Return where a parabola through the greatest height and both beside it is greatest."""
    i = int(height.argmax())
    if i in (0, len(x) - 1):
        return float(x[i])
    left, right = height[i] - height[i - 1], height[i] - height[i + 1]
    if left + right <= 0:
        return float(x[i])
    below, above = x[i] - x[i - 1], x[i + 1] - x[i]
    shift = (left * above**2 - right * below**2) / (left * above + right * below)
    return float(x[i] + 0.5 * shift)


def _spreads(curves: Confidence, width: float) -> tuple[float, Floats]:
    """Return the usual error of a group, and spreads to look at first."""
    error, answers = curves.error, curves.estimate[np.isfinite(curves.estimate)]
    known = error[np.isfinite(error)] if np.isfinite(error).any() else np.array([0.1 * width])
    known = np.maximum(known, _LITTLE * width)
    apart = float(np.std(answers, ddof=1)) if answers.size > 1 else 0.1 * width
    return usual_error(known, apart), spreads(known, max(apart, 1e-3 * width), _SPREADS)


def _closer(spread: Floats, weight: Floats) -> Floats:
    """Return spreads closer together, where their weight is not negligible."""
    inside = np.flatnonzero(weight[1:] >= _LITTLE * weight.max()) + 1
    low, high = spread[max(inside[0] - 1, 1)], spread[min(inside[-1] + 1, len(spread) - 1)]
    return np.concatenate([[0.0], np.geomspace(low, high, _SPREADS)])


def _range(curves: Confidence, quantile: float) -> tuple[float, float]:
    """Return between which values means are sought."""
    t3 = int(np.searchsorted(NODES, 3.0))
    ends = np.concatenate([curves.lower[:, : t3 + 1], curves.upper[:, : t3 + 1]], axis=1)
    known = np.isfinite(ends)
    low = float(np.where(known, ends, np.inf).min())
    high = float(np.where(known, ends, -np.inf).max())
    beyond = _BEYOND * quantile * (high - low or 1e-9 * abs(low) or 1.0)
    return low - beyond, high + beyond


def _marginal(curves: Confidence, share: Floats, means: Floats, spread: Floats) -> Floats:
    """Return log likelihoods of each group, ``(G, means, spreads)``, integrated over its answer.

    Between the nodes of the confidence curve a likelihood is taken as linear, and beyond an open
    end as constant, so that the integrals over a normal distribution have a closed form. A spread
    is half a step of the means at least: a group known better than that would be seen by chance.
    """
    found = np.empty((len(curves), len(means), len(spread)))
    t, step = np.concatenate([-NODES[::-1], [0.0], NODES]), means[1] - means[0]
    for g in range(len(curves)):
        ends = np.concatenate(
            [curves.lower[g, ::-1], [curves.estimate[g]], curves.upper[g]]
        )  # rising
        known = np.isfinite(ends)
        distance = t[known]
        # Pieces much narrower than a step would be lost to rounding.
        v = np.maximum.accumulate(ends[known]) + 0.05 * step * distance
        df = curves.df[g]
        log = -0.5 * distance**2
        if np.isfinite(df):
            log = -0.5 * (df + 1.0) * np.log1p(distance**2 / df)
        height = np.exp(share[g] * log)
        left = 0.0 if np.isfinite(curves.lower[g, -1]) else height[0]
        right = 0.0 if np.isfinite(curves.upper[g, -1]) else height[-1]
        slope = np.diff(height) / np.diff(v)
        start = height[:-1] - slope * v[:-1]
        for j, tau in enumerate(np.hypot(spread, 0.5 * step)):
            z = (v[None, :] - means[:, None]) / tau
            mass, density = ndtr(z), np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
            value = (
                ((start + slope * means[:, None]) * np.diff(mass, axis=1)
                 - slope * tau * np.diff(density, axis=1)).sum(axis=1)
                + left * mass[:, 0] + right * (1.0 - mass[:, -1])
            )  # fmt: skip
            found[g, :, j] = np.log(np.maximum(value, 1e-300))
    return found


def _ends(values: Floats, below: Floats, level: float) -> tuple[float, float]:
    """Return between which values the probability is ``level``; infinite where an end is open."""
    tail = 0.5 - 0.5 * level
    lower = float(np.interp(tail, below, values)) if below[0] < tail else -np.inf
    upper = float(np.interp(1.0 - tail, below, values)) if below[-1] > 1.0 - tail else np.inf
    return lower, upper


def _gaps(names: Sequence[object], seen: _Seen, level: float) -> pd.DataFrame:
    """Return the differences between kinds."""
    n, step = len(seen.means), float(seen.means[1] - seen.means[0])
    shifts = range(1 - n, n)
    places = step * np.array(shifts, dtype=float)
    rows = []
    for i, j in combinations(range(len(names)), 2):
        one, other = seen.log[i], seen.log[j]
        log = np.stack([
            (one[max(s, 0) : n + min(s, 0)] + other[max(-s, 0) : n - max(s, 0)]).max(axis=0)
            for s in shifts
        ])  # fmt: skip
        told = seen.below(_signed_roots(log))
        p = 2.0 * min(told[n - 1], 1.0 - told[n - 1])
        value = float(seen.weight @ (seen.tops[i] - seen.tops[j]))
        rows.append((names[i], names[j], value, *_ends(places, told, level), p))
    return pd.DataFrame(rows, columns=["one", "other", "difference", "lower", "upper", "p"])
