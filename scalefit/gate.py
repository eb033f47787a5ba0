"""Is there any scaling at all? The largest weighted t over all exponents, with its own null.

Under "no scaling" the exponent means nothing (Davies 1987, doi:10.1093/biomet/74.1.33), so a
t test at the fitted exponent rejects too often. The null distribution of the largest t over all
exponents depends on the sizes, the replicates and their weights alone. It is simulated, with the
weights estimated anew in every simulated table where they were estimated in the real one, and with
the length of the errors integrated out in closed form. No number of simulated tables tells how
small a p value below one over their number is, which matters in a family of many curves; there
Bonferroni's bound, the t tail times the number of exponents, takes over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc, ndtri, stdtr

from .laws import get_law
from .laws.saturating_power import box_cox
from .noise import variance_slope
from .sample import Sample
from .solvers.sums import total

__all__ = ["DRAWS", "ONE_SIDED", "Gate", "exponents", "scaling_gate"]

Floats = NDArray[np.float64]
#: Level of the gate, and of each one-sided bound behind a verdict.
ONE_SIDED = 0.95
_POINTS = 33
#: Simulated tables a curve: p = 0.05 is known to about +/- 0.001.
DRAWS = 2999
#: Simulated tables that are worked on together.
_BLOCK = 500


@dataclass(frozen=True, slots=True)
class Gate:
    """Tests of "the score is the same at every size"; arrays ``(G,)``.

    Parameters
    ----------
    statistic, p : array
        Largest t over the exponents, and its one-sided p value.
    trend, trend_p : array
        t of the slope on log size, and its one-sided p value.
    wrong_way_p : array
        One-sided p value of a trend for the worse.
    """

    statistic: Floats
    p: Floats
    trend: Floats
    trend_p: Floats
    wrong_way_p: Floats


def exponents(sample: Sample) -> Floats:
    """Return the exponents over which the largest t is taken, ``(G, M)``."""
    shape = get_law("saturating_power").shapes[0]
    lower, upper = (shape.coordinate.to_u(bound) for bound in shape.bounds(sample.frame))
    steps = np.linspace(0.0, 1.0, _POINTS) * (upper - lower)[:, None]
    scanned: Floats = shape.coordinate.to_theta(lower[:, None] + steps)
    return scanned


def scaling_gate(sample: Sample, rng: np.random.Generator | int = 0) -> Gate:
    """Test every curve for any scaling.

    Parameters
    ----------
    sample : Sample
        The curves.
    rng : Generator or int
        Source of the simulated errors. Curves with the same replicates share them, so that a curve
        has the same p value alone and in company.
    """
    sample = sample.on_link()
    seed = int(np.random.default_rng(rng).integers(2**62))
    df = np.maximum(sample.n - 2.0 - sample.variance_df - sample.errors.unit_df, 1.0)
    scanned = exponents(sample)
    t, seen = _statistics(sample, scanned, df)
    statistic, trend = t[:, :-1].max(axis=1), t[:, -1]
    # Far out, where no simulated table reaches, Bonferroni's bound is sharper.
    p = np.minimum(scanned.shape[1] * stdtr(df, -statistic), 1.0)
    drawn: dict[bytes, tuple[Floats, Floats]] = {}
    slopes: dict[bytes, tuple[bytes, Floats]] = {}
    for g in np.flatnonzero(seen & (p > 1.0 / (DRAWS + 1.0))):
        sizes = np.flatnonzero(sample.count[g])
        count, weight, z = sample.count[g, sizes], sample.weight[g, sizes], sample.z[g, sizes]
        runs = count.tobytes()
        if runs not in drawn:
            drawn[runs] = _errors(count, seed)
        directions, squares = drawn[runs]
        slope = None
        if sample.variance_slope_error[g]:
            if runs not in slopes or slopes[runs][0] != z.tobytes():
                slopes[runs] = z.tobytes(), variance_slope(count, squares.T, z)[0]
            slope = slopes[runs][1]
        tail = _tail(
            _Simulated(directions, squares, slope), box_cox(z, scanned[g][:, None], np), count,
            weight, z, statistic[g], df[g],
        )  # fmt: skip
        p[g] = min((1.0 + tail) / (DRAWS + 1.0), p[g])
    found = (statistic, p, trend, stdtr(df, -trend), stdtr(df, trend))
    nothing = (0.0, 1.0, 0.0, 1.0, 1.0)
    return Gate(*(np.where(seen, one, none) for one, none in zip(found, nothing, strict=True)))


def _statistics(sample: Sample, scanned: Floats, df: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return t of every exponent and, last, of none ``(G, M + 1)``, and where the score changes."""
    z, y, weight = (np.ascontiguousarray(v.T) for v in (sample.z, sample.benefit, sample.weight))
    weights = np.where(sample.n_sizes > 0, total(weight), 1.0)
    scatter = y - total(weight * y) / weights
    spread = total(weight * scatter**2) + sample.pure_ss
    changes = (sample.n_sizes >= 2) & (spread > 1e-24 * total(weight * y**2))
    t = np.zeros((len(sample), scanned.shape[1] + 1))
    for m in range(t.shape[1]):
        # The last exponent, zero, is the log-linear trend.
        column = box_cox(z, scanned[:, m] if m < scanned.shape[1] else np.zeros(len(t)), np)
        column = column - total(weight * column) / weights
        along = total(weight * scatter * column)
        along = along / np.sqrt(np.where(changes, total(weight * column**2), 1.0))
        left = np.maximum(spread - along**2, 1e-30 * spread)
        t[:, m] = along / np.sqrt(np.where(changes, left, 1.0) / df)
    return t, changes


@dataclass(frozen=True, slots=True)
class _Simulated:
    """Errors of simulated tables without scaling.

    Parameters
    ----------
    directions : array (K, DRAWS)
        Of the mean errors.
    squares : array (K, DRAWS)
        Sums of squares of the replicates.
    slope : array (DRAWS,) or None
        Of their log on log size, as it is estimated; None where it is not.
    """

    directions: Floats
    squares: Floats
    slope: Floats | None


def _tail(
    drawn: _Simulated,
    columns: Floats,
    count: Floats,
    weight: Floats,
    z: Floats,
    statistic: float,
    df: float,
) -> float:
    """Return the chance of so large a statistic over the errors' length, summed over the tables.

    In a table with mean errors ``r e``, of which the best column takes ``r m`` and all take
    ``r^2 q``, and with pure error ``P``, t reaches ``T`` where
    ``r^2 (m^2 (1 + T^2 / df) - q T^2 / df) >= P T^2 / df``, and ``r^2`` is chi-squared.
    """
    if statistic <= 0:
        return float(DRAWS)
    one_run = count / weight  # relative variance of one run
    length, share = np.sqrt(one_run / count)[:, None], statistic**2 / df
    square, own = columns * columns, weight[:, None]
    slope = drawn.slope
    if slope is not None:
        # A slope of the variance adds to the one that is estimated from equal variances.
        equal, _, _ = variance_slope(count, np.ones(count.size), z)
        slope = slope + variance_slope(count, one_run, z)[0] - equal
    tail = 0.0
    for first in range(0, DRAWS, _BLOCK):
        rows = slice(first, first + _BLOCK)
        error = drawn.directions[:, rows] * length
        if slope is not None:
            own = count[:, None] * np.exp(-slope[rows] * z[:, None])
        weights = total(own)
        pulled = own * (error - total(own * error) / weights)
        level = columns @ own / weights
        along = columns @ pulled / np.sqrt(square @ own - level * level * weights)
        best = np.maximum(along.max(axis=0), 0.0)
        gain = best**2 * (1.0 + share) - share * total(pulled * error)
        reached = gain > 0
        pure = total(own * drawn.squares[:, rows] * (one_run / count)[:, None])[reached]
        tail += float(gammaincc(0.5 * count.size, 0.5 * share * pure / gain[reached]).sum())
    return tail


def _errors(count: Floats, seed: int) -> tuple[Floats, Floats]:
    """Return directions of mean errors and sums of squares of replicates, ``(K, DRAWS)`` each.

    The directions follow a randomly shifted additive recurrence, which fills the sphere evenly: its
    steps are the powers of the inverse root of ``x^(K + 1) = x + 1``.
    """
    rng = np.random.default_rng([seed, *count.astype(int)])
    root = 1.5
    for _ in range(60):
        root = (1.0 + root) ** (1.0 / (count.size + 1.0))
    steps = root ** -np.arange(1.0, count.size + 1.0)
    uniform = (rng.random(count.size) + np.arange(1.0, DRAWS + 1.0)[:, None] * steps) % 1.0
    normal = ndtri(np.clip(uniform, 1e-12, 1.0 - 1e-12))
    squares = rng.chisquare(np.maximum(count - 1.0, 1e-9), (DRAWS, count.size))
    normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    squares = np.where(count > 1, squares, 0.0)
    return np.ascontiguousarray(normal.T), np.ascontiguousarray(squares.T)
