"""Is there any scaling at all? The largest weighted t over all exponents, with its exact null.

Under "no scaling" the exponent means nothing (Davies 1987, doi:10.1093/biomet/74.1.33), so a
t test at the fitted exponent rejects too often. The largest t over all exponents has a null
distribution that depends on the sizes and their weights alone, and is drawn by Monte Carlo.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from .laws import get_law
from .laws.saturating_power import box_cox
from .sample import Sample

__all__ = ["DRAWS", "Gate", "scaling_gate"]

Floats = NDArray[np.float64]
_POINTS = 49
#: Monte-Carlo draws of the null: p = 0.05 is known to +/- 0.003.
DRAWS = 4999


@dataclass(frozen=True, slots=True)
class Gate:
    """Tests of "the score is the same at every size"; arrays ``(G,)``.

    Parameters
    ----------
    statistic, p : array
        Largest t over the exponents, and its one-sided Monte-Carlo p value.
    trend, trend_p : array
        t of the slope on log size, and its one-sided p value.
    """

    statistic: Floats
    p: Floats
    trend: Floats
    trend_p: Floats

    @property
    def wrong_way_p(self) -> Floats:
        """One-sided p value of a trend for the worse."""
        return 1.0 - self.trend_p


def scaling_gate(sample: Sample, rng: np.random.Generator | int = 0) -> Gate:
    """Test every curve for any scaling.

    Parameters
    ----------
    sample : Sample
        The curves.
    rng : Generator or int
        Source of the draws. Curves with as many sizes and replicates share them, so that a curve
        has the same p value alone and in company.
    """
    seed = int(np.random.default_rng(rng).integers(2**62))
    shape = get_law("saturating_power").shapes[0]
    lower, upper = (shape.coordinate.to_u(bound) for bound in shape.bounds(sample.frame))
    steps = np.linspace(0.0, 1.0, _POINTS) * (upper - lower)[:, None]
    exponents = shape.coordinate.to_theta(lower[:, None] + steps)
    df = np.maximum(sample.n - 2.0 - sample.variance_df, 1.0)
    result = np.tile([0.0, 1.0, 0.0, 1.0], (len(sample), 1))
    draws: dict[tuple[int, int], tuple[Floats, Floats]] = {}
    for g in np.flatnonzero(sample.n_sizes >= 2):
        sizes = np.flatnonzero(sample.count[g])
        weight, y = sample.weight[g, sizes], sample.benefit[g, sizes]
        root = np.sqrt(weight)
        scatter = root * (y - weight @ y / weight.sum())
        total = float(scatter @ scatter + sample.pure_ss[g])
        if total <= 1e-24 * float(weight @ y**2):
            continue  # the score never changes
        # The last exponent, zero, is the log-linear trend.
        directions = _directions(sample.z[g, sizes], weight, np.append(exponents[g], 0.0))
        t = _t(directions @ scatter, total, df[g])
        key = (sizes.size, int(sample.pure_df[g]))
        if key not in draws:
            draws[key] = _null_draws(*key, seed)
        noise, pure = draws[key]
        noise = noise - np.outer(noise @ root, root) / weight.sum()
        null = _t(
            (noise @ directions[:-1].T).max(axis=1), (noise * noise).sum(axis=1) + pure, df[g]
        )
        statistic = t[:-1].max()
        p = (1.0 + np.count_nonzero(null >= statistic)) / (DRAWS + 1.0)
        result[g] = statistic, p, t[-1], stdtr(df[g], -t[-1])
    return Gate(*result.T)


def _directions(z: Floats, weight: Floats, exponents: Floats) -> Floats:
    """Return unit vectors ``(M, K)``: each exponent's column, centred, times root weight."""
    columns = box_cox(z, exponents[:, None], np)
    columns = columns - (columns @ weight / weight.sum())[:, None]
    turned = np.sqrt(weight) * columns
    unit: Floats = turned / np.sqrt((turned * turned).sum(axis=1, keepdims=True))
    return unit


def _t(along: Floats, total: Floats | float, df: float) -> Floats:
    """Return t for a component ``along`` a unit direction of errors with ``total`` squares."""
    rest = np.maximum(total - along * along, 1e-30 * np.asarray(total))
    t: Floats = along / np.sqrt(rest / df)
    return t


def _null_draws(n_sizes: int, pure_df: int, seed: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng([seed, n_sizes, pure_df])
    pure = rng.chisquare(pure_df, DRAWS) if pure_df else np.zeros(DRAWS)
    return rng.standard_normal((DRAWS, n_sizes)), pure
