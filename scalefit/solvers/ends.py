"""The ends of a linear target over compatible coefficients, given shapes: closed in a few numbers.

The coefficients that are compatible with the data fill an ellipsoid, and a linear target has its
extremes on its surface or, where the last coefficient is held at zero, on that of the edge. The
numbers they follow from are smooth in the shapes. The ends are not: they end where no coefficients
are compatible.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..laws.law import Terms
from .linear import Projection

__all__ = ["CENTRE", "EDGE_SPREAD", "GIVE", "RSS", "SPREAD", "ends_of", "facts_of", "least_misfit"]

Floats = NDArray[np.float64]

#: Of the free fit the target, its variance in units of the misfit, and the misfit; the same of the
#: fit without the last coefficient; and of the last orthogonal column its weight in the target, its
#: inverse norm, and its score.
_NAMES = ("centre", "spread", "rss", "edge", "edge_spread", "rss_edge", "last", "give", "score")
CENTRE, SPREAD, RSS, EDGE, EDGE_SPREAD, RSS_EDGE, LAST, GIVE, SCORE = range(len(_NAMES))


def facts_of(fit: Projection, terms: Terms, shape: tuple[int, ...]) -> Floats:
    """Return the numbers ``(9, *shape)`` behind the ends of a target, from a free fit."""
    *turned, last = fit.orthogonal(terms.weights)
    facts = np.zeros((len(_NAMES), *shape))
    facts[EDGE] = terms.offset
    for weight, score, norm in zip(turned, fit.scores, fit.norms, strict=False):
        facts[EDGE] += weight * score
        facts[EDGE_SPREAD] += weight * weight / norm
    facts[LAST], facts[GIVE], facts[SCORE] = last, 1.0 / fit.norms[-1], fit.scores[-1]
    facts[RSS], facts[RSS_EDGE] = fit.rss, fit.rss_edge
    facts[CENTRE] = facts[EDGE] + facts[LAST] * facts[SCORE]
    facts[SPREAD] = facts[EDGE_SPREAD] + facts[LAST] * facts[LAST] * facts[GIVE]
    return facts


def least_misfit(facts: Floats, rising: bool) -> Floats:
    """Return the misfit of the best coefficients, the last one held at zero or above if rising."""
    held = facts[SCORE] <= 0 if rising else False
    least: Floats = np.where(held, facts[RSS_EDGE], facts[RSS])
    return least


def ends_of(facts: Floats, cut: Floats, rising: bool) -> tuple[Floats, Floats]:
    """Return the least and the greatest target with a misfit up to ``cut``.

    Where no coefficients are compatible the lower end is inf and the upper one -inf.

    Parameters
    ----------
    facts : array (9, ...)
    cut : array broadcastable to (...)
    rising : bool
        Whether the last coefficient is held at zero or above.
    """
    centre, spread, rss, edge, edge_spread, rss_edge, last, give, score = facts
    slack = cut - rss
    half = np.sqrt(spread * np.maximum(slack, 0.0))
    lower = np.where(slack >= 0, centre - half, np.inf)
    upper = np.where(slack >= 0, centre + half, -np.inf)
    if rising:
        # With the last coefficient at zero: the ends of the same target on that edge.
        edge_slack = cut - rss_edge
        edge_half = np.sqrt(edge_spread * np.maximum(edge_slack, 0.0))
        reach = np.sqrt(np.maximum(slack, 0.0) / np.where(spread > 0, spread, np.inf))
        shift = reach * last * give
        low_edge = np.where(edge_slack >= 0, edge - edge_half, np.inf)
        high_edge = np.where(edge_slack >= 0, edge + edge_half, -np.inf)
        lower = np.where(score - shift < 0, low_edge, lower)
        upper = np.where(score + shift < 0, high_edge, upper)
    nothing = np.isnan(lower) | np.isnan(upper)
    if nothing.any():
        lower, upper = np.where(nothing, np.inf, lower), np.where(nothing, -np.inf, upper)
    return lower, upper
