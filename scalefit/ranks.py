"""Who is best: ranks with the intervals that hold for all groups at once, and chances of rank 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from .adjustment import adjusted
from .confidence import Confidence
from .contrasts import Pairs

__all__ = ["Ranks", "ranks"]

Floats = NDArray[np.float64]
_DRAWS = 4000


@dataclass(frozen=True, slots=True)
class Ranks:
    """Ranks of G groups, 1 being the best; arrays ``(G,)``.

    Parameters
    ----------
    rank : array of int
        By the estimates.
    lower, upper : array of int
        Simultaneous interval: with at least the level's probability all true ranks are inside.
    first : array
        Share of draws from the confidence curves in which the group is the best.
    """

    rank: NDArray[np.intp]
    lower: NDArray[np.intp]
    upper: NDArray[np.intp]
    first: Floats


def ranks(
    curves: Confidence,
    compared: Pairs,
    level: float,
    higher: bool,
    seed: int,
    correlation: Floats | None = None,
) -> Ranks:
    """Return ranks, with simultaneous intervals from all pairwise comparisons.

    Parameters
    ----------
    curves : Confidence
        Of G groups.
    compared : Pairs
        All their pairs.
    level : float
        Of the rank intervals together.
    higher : bool
        Whether a higher answer is the better one.
    seed : int
        Of the draws.
    correlation : array (G, G), optional
        Of the errors of the groups.

    Notes
    -----
    A group's rank lies between one more than the groups that are significantly better and G less
    those that are significantly worse, all pairs being tested together by Holm's procedure
    (Klein, Wright & Wieczorek 2020, doi:10.1111/rssa.12543; Mogstad et al. 2024,
    doi:10.1093/restud/rdad006).
    """
    n = len(curves)
    sign = 1.0 if higher else -1.0
    told_apart = adjusted(compared.p, "holm") <= 1.0 - level
    better, worse = np.zeros(n, dtype=np.intp), np.zeros(n, dtype=np.intp)
    ahead = sign * np.where(compared.lower > 0, 1.0, -1.0)
    for i, j, lead, seen in zip(compared.first, compared.second, ahead, told_apart, strict=True):
        if seen:
            winner, loser = (i, j) if lead > 0 else (j, i)
            better[loser] += 1
            worse[winner] += 1
    place = np.empty(n, dtype=np.intp)
    place[np.argsort(-sign * curves.estimate, kind="stable")] = np.arange(1, n + 1)
    # A rank interval holds the rank of the estimate: groups that are not told apart may be swapped.
    lower, upper = np.minimum(1 + better, place), np.maximum(n - worse, place)
    return Ranks(place, lower, upper, _first(curves, sign, seed, correlation))


def _first(curves: Confidence, sign: float, seed: int, correlation: Floats | None) -> Floats:
    """Return how often each group is the best among draws from the confidence curves."""
    n = len(curves)
    rng = np.random.default_rng(seed)
    root = np.eye(n) if correlation is None else np.linalg.cholesky(correlation)
    normal = rng.standard_normal((_DRAWS, n)) @ root.T
    # Each draw keeps its own degrees of freedom: a normal turned into t at equal probability.
    t = np.where(np.isinf(curves.df), normal, stdtrit(curves.df, ndtr(normal)))
    drawn = sign * curves.value(t.T)
    top = drawn == drawn.max(axis=0)
    share: Floats = (top / top.sum(axis=0)).mean(axis=1)
    return share
