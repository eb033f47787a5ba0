"""What the last decade of sizes, or three, say about the next gain, without any law.

Where gains shrink with log size (the mean is concave in log x), no later stretch of the curve is
steeper than the average slope of an earlier one, so the gain from k times the largest size is at
most ``log k`` times the slope over the last sizes, and with confidence at most

    log k * (slope + t * standard error),

whatever the law. The bound uses no extrapolation. It has little power, so it decides nothing; a
verdict of saturation is firm where it agrees, since that needs no law.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from .sample import Sample

__all__ = ["Secant", "last_slope"]

Floats = NDArray[np.float64]
_DECADE = np.log(10.0)
_LEAST_SIZES = 3


@dataclass(frozen=True, slots=True)
class Secant:
    """Slopes over the last sizes; arrays ``(G,)``, nan with fewer than three sizes.

    Parameters
    ----------
    slope, error : array
        Improvement per e-fold of the driver, and its standard error.
    df : array
        Degrees of freedom of the error.
    """

    slope: Floats
    error: Floats
    df: Floats

    def bound(self, factor: float, level: float) -> Floats:
        """Return upper bounds on the gain from ``factor`` times the largest size, one-sided."""
        steepest = self.slope + stdtrit(self.df, level) * self.error
        upper: Floats = np.maximum(np.log(factor) * steepest, 0.0)
        return upper

    def excludes(self, factor: float, margin: Floats, level: float) -> NDArray[np.bool_]:
        """Return whether the bound lies below ``margin``; false where there is no bound."""
        return np.asarray(self.bound(factor, level) < margin)

    def p(self, factor: float, margin: Floats) -> Floats:
        """Return p values of "the gain is at least ``margin``": where the bound meets it."""
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (margin / np.log(factor) - self.slope) / self.error
        return np.asarray(stdtr(self.df, -t))


def last_slope(sample: Sample) -> Secant:
    """Return the weighted least-squares slope over the last decade, of three sizes at least.

    The error is the residual mean square of these runs about the line, so that a bend only widens
    it.
    """
    inside = sample.count > 0
    z = np.where(inside, sample.z, -np.inf)
    # Size number three from the top, or the last that is within a decade of it.
    ranked = np.sort(z, axis=1)[:, ::-1]
    third = ranked[:, min(_LEAST_SIZES, z.shape[1]) - 1]
    first = np.minimum(ranked[:, 0] - _DECADE * (1 + 1e-12), third)
    last = inside & (z >= first[:, None])
    weight = np.where(last, sample.weight, 0.0)
    one_run = np.divide(weight, sample.count, out=np.zeros_like(weight), where=last)
    total = np.maximum(weight.sum(axis=1), 1e-300)
    at, y = np.where(last, z, 0.0), np.where(last, sample.benefit, 0.0)
    at = at - ((weight * at).sum(axis=1) / total)[:, None]
    y = y - ((weight * y).sum(axis=1) / total)[:, None]
    square = (weight * at * at).sum(axis=1)
    slope = (weight * at * y).sum(axis=1) / np.where(square > 0, square, 1.0)
    rest = (weight * (y - slope[:, None] * at) ** 2 + one_run * sample.spread).sum(axis=1)
    df = np.where(last, sample.count, 0.0).sum(axis=1) - 2.0
    df = df - sample.variance_df - sample.errors.unit_df
    error = np.sqrt(rest / np.maximum(df, 1.0) / np.where(square > 0, square, 1.0))
    known = (last.sum(axis=1) >= _LEAST_SIZES) & (df >= 1)
    nothing = np.where(known, 0.0, np.nan)
    return Secant(slope + nothing, error + nothing, df + nothing)
