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
stays below the probability that an end asks for, that end is open. Of fewer than two closed groups
nothing bounds ``tau``, and the other end hangs on how far is looked.
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
#: A probability beyond the values looked at that is no open end.
_SURE = 0.01
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
        Fewer than two groups, or fewer groups than kinds and one more.
    """
    names, codes = ["mean"], np.zeros(len(curves), dtype=np.intp)
    if moderator is not None:
        codes, names = kinds_of(moderator)
    k, p = len(curves), len(names)
    if k < p + 1:
        raise FitError(f"{k} groups for {p} means; one more is needed")
    share = np.ones(k) if correlation is None else 1.0 / np.maximum(correlation, 0.0).sum(axis=1)
    groups = [np.flatnonzero(codes == c) for c in range(p)]
    parts = [(curves.take(rows), share[rows]) for rows in groups]
    quantile = float(stdtrit(k - p, 0.5 + 0.5 * level))
    low, high = _range(curves, quantile)
    usual, spread = _spreads([part for part, _ in parts], high - low)
    means = [np.linspace(low, high, int(_MEANS * max(quantile, 2.5)))] * p
    for _ in range(_ZOOMS):  # look again, closer, where any mean may be
        seen = _Seen.of(parts, means, spread, usual)
        means = [
            _closer_means(line, seen.below(_signed_roots(log)), _TAIL * (1.0 - level))
            for line, log in zip(means, seen.log, strict=True)
        ]
        spread = _closer(spread, seen.weight)
    seen = _Seen.of(parts, means, spread, usual)
    rows = []
    for line, log, group in zip(means, seen.log, groups, strict=True):
        told = seen.below(_signed_roots(log))
        lower, upper = _ends(line, told, level)
        one_lower, one_upper = _ends(line, told, ONE_ERROR)
        value, error = seen.centre(line, log, told), 0.5 * (one_upper - one_lower)
        rows.append((value, error, lower, upper, group.size))
    table = pd.DataFrame(
        rows, columns=["estimate", "std_error", "lower", "upper", "k"],
        index=pd.Index(names, name="group", tupleize_cols=False),
    )  # fmt: skip
    f = f_p = np.nan
    if p > 1:
        f_p = float(seen.weight @ chdtrc(p - 1, 2.0 * seen.drop(range(p))))
        f = float(fdtri(p - 1, k - p, 1.0 - f_p))
    return Meta(
        table, _gaps(names, seen, level), seen.best_spread**2, np.nan, np.nan, np.nan, f, f_p,
        seen.prediction(level) if p == 1 and k > 2 else (np.nan, np.nan),
        "one-stage, likelihoods as they are", level, k,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Seen:
    """Likelihoods of p kinds at values of their means and T spreads.

    Parameters
    ----------
    parts : sequence of p pairs
        The curves of each kind, and how much each counts.
    means : sequence of p arrays (M,)
        Evenly spaced, closer together where a kind is better known.
    spread : array (T,)
    log : sequence of p arrays (M, T)
        Log likelihoods.
    weight : array (T,)
        Of the spreads, with sum 1.
    best_spread : float
        The spread of the greatest restricted likelihood.
    """

    parts: Sequence[tuple[Confidence, Floats]]
    means: Sequence[Floats]
    spread: Floats
    log: Sequence[Floats]
    weight: Floats
    best_spread: float

    @classmethod
    def of(
        cls, parts: Sequence[tuple[Confidence, Floats]], means: Sequence[Floats], spread: Floats,
        usual: float,
    ) -> _Seen:  # fmt: skip
        """Look at some means and spreads."""
        log = [
            _marginal(*part, line, spread, _step(line))
            for part, line in zip(parts, means, strict=True)
        ]
        restricted = np.sum([logsumexp(each, axis=0) for each in log], axis=0)
        weight = prior(spread, usual) * np.exp(restricted - restricted.max())
        return cls(parts, means, spread, log, weight / weight.sum(), _peak(spread, restricted))

    def below(self, roots: Floats) -> Floats:
        """Return the probability below each of some values, averaged over the spreads."""
        return np.asarray(ndtr(roots) @ self.weight)

    def drop(self, kinds: Sequence[int]) -> Floats:
        """Return what one mean for some kinds costs in log likelihood, ``(T,)``."""
        lines = [self.means[c] for c in kinds]
        ends = np.concatenate(lines).min(), np.concatenate(lines).max()
        every = np.concatenate([*lines, np.linspace(*ends, lines[0].size)])
        common = np.sum([
            _marginal(*self.parts[c], every, self.spread, _step(self.means[c])) for c in kinds
        ], axis=0)  # fmt: skip
        apart = np.sum([self.log[c].max(axis=0) for c in kinds], axis=0)
        return np.asarray(np.maximum(apart - common.max(axis=0), 0.0))

    def centre(self, line: Floats, log: Floats, told: Floats) -> float:
        """Return the mean of the values of ``line``; where an end is open the likeliest one.

        ``told`` are the probabilities below them. nan where the likeliest is an end.
        """
        if told[0] < _SURE and told[-1] > 1.0 - _SURE:
            mass = np.diff(told)
            return float(mass @ (line[:-1] + line[1:]) / (2.0 * mass.sum()))
        likely = logsumexp(
            log - logsumexp(log, axis=0) + np.log(np.maximum(self.weight, 1e-300)), axis=1
        )
        return _peak(line, likely) if 0 < likely.argmax() < len(line) - 1 else np.nan

    def prediction(self, level: float) -> tuple[float, float]:
        """Return the interval for the answer of a new group; nan where the mean is open."""
        roots, line = _signed_roots(self.log[0]), self.means[0]
        if not np.isfinite(_ends(line, self.below(roots), level)).all():
            return np.nan, np.nan
        mass = np.diff(ndtr(roots), axis=0) * self.weight
        step = _step(line)
        centre, spread = np.meshgrid(line[:-1] + 0.5 * step, self.spread, indexing="ij")
        found = mixture_interval(
            (mass / mass.sum()).ravel(), centre.ravel(), np.hypot(spread, step).ravel(), level
        )
        return found[1:]


def _step(line: Floats) -> float:
    return float(line[1] - line[0])


def _at(values: Floats, line: Floats, log: Floats) -> Floats:
    """Return log likelihoods ``(M, T)`` along ``line`` at other values; beyond it as at its end."""
    return np.stack([np.interp(values, line, each) for each in log.T], axis=-1)


def _closer_means(line: Floats, below: Floats, tail: float) -> Floats:
    """Return values closer together, where the mean may be."""
    inside = np.flatnonzero((below > tail) & (below < 1.0 - tail))
    if not inside.size:  # between two values
        inside = np.array([np.searchsorted(below, 0.5)])
    first, last = max(inside[0] - 1, 0), min(inside[-1] + 1, len(line) - 1)
    return np.linspace(line[first], line[last], len(line))


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


def _spreads(kinds: Sequence[Confidence], width: float) -> tuple[float, Floats]:
    """Return the usual error of a group, and spreads to look at first."""
    error = np.concatenate([kind.error for kind in kinds])
    known = error[np.isfinite(error)] if np.isfinite(error).any() else np.array([0.1 * width])
    known = np.maximum(known, _LITTLE * width)
    told = [kind.estimate[np.isfinite(kind.estimate)] for kind in kinds]
    square = sum(float(((each - each.mean()) ** 2).sum()) for each in told if each.size)
    left = sum(each.size - 1 for each in told if each.size)
    apart = float(np.sqrt(square / left)) if left > 0 else 0.1 * width
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


def _marginal(
    curves: Confidence, share: Floats, means: Floats, spread: Floats, step: float
) -> Floats:
    """Return log likelihoods of a kind, ``(means, spreads)``, integrated over its answers.

    Between the nodes of the confidence curve a likelihood is taken as linear, and beyond an open
    end as constant, so that the integrals over a normal distribution have a closed form. A spread
    is half a step of the means at least: a group known better than that would be seen by chance.
    """
    found = np.zeros((len(means), len(spread)))
    t = np.concatenate([-NODES[::-1], [0.0], NODES])
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
            found[:, j] += np.log(np.maximum(value, 1e-300))
    return found


def _ends(values: Floats, below: Floats, level: float) -> tuple[float, float]:
    """Return between which values the probability is ``level``; infinite where an end is open."""
    tail = 0.5 - 0.5 * level
    lower = float(np.interp(tail, below, values)) if below[0] < tail else -np.inf
    upper = float(np.interp(1.0 - tail, below, values)) if below[-1] > 1.0 - tail else np.inf
    return lower, upper


def _gaps(names: Sequence[object], seen: _Seen, level: float) -> pd.DataFrame:
    """Return the differences between kinds."""
    rows = []
    for i, j in combinations(range(len(names)), 2):
        (one, of_one), (other, of_other) = ((seen.means[c], seen.log[c]) for c in (i, j))
        places = np.linspace(one[0] - other[-1], one[-1] - other[0], len(one) + len(other))
        # The best pair of means that are so far apart, where the better known one was looked at.
        log = np.stack([
            np.maximum(
                (of_one + _at(one - gap, other, of_other)).max(axis=0),
                (_at(other + gap, one, of_one) + of_other).max(axis=0),
            )
            for gap in places
        ])  # fmt: skip
        told = seen.below(_signed_roots(log))
        side = np.sign(other[of_other.argmax(axis=0)] - one[of_one.argmax(axis=0)])
        at_zero = float(ndtr(side * np.sqrt(2.0 * seen.drop((i, j)))) @ seen.weight)
        p = 2.0 * min(at_zero, 1.0 - at_zero)
        centre = seen.centre(places, log, told)
        rows.append((names[i], names[j], centre, *_ends(places, told, level), p))
    return pd.DataFrame(rows, columns=["one", "other", "difference", "lower", "upper", "p"])
