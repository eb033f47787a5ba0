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

__all__ = ["DRAWS", "Gate", "exponents", "scaling_gate"]

Floats = NDArray[np.float64]
_POINTS = 33
#: Simulated tables a curve: p = 0.05 is known to about +/- 0.001.
DRAWS = 2999


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
    scanned = exponents(sample)
    df = np.maximum(sample.n - 2.0 - sample.variance_df - sample.errors.unit_df, 1.0)
    result = np.tile([0.0, 1.0, 0.0, 1.0, 1.0], (len(sample), 1))
    drawn: dict[tuple[float, ...], tuple[Floats, Floats]] = {}
    for g in np.flatnonzero(sample.n_sizes >= 2):
        sizes = np.flatnonzero(sample.count[g])
        count, weight, z = sample.count[g, sizes], sample.weight[g, sizes], sample.z[g, sizes]
        y = sample.benefit[g, sizes]
        scatter = y - weight @ y / weight.sum()
        total = float(weight @ scatter**2 + sample.pure_ss[g])
        if total <= 1e-24 * float(weight @ y**2):
            continue  # the score never changes
        # The last exponent, zero, is the log-linear trend.
        columns = box_cox(z, np.append(scanned[g], 0.0)[:, None], np)
        along = _along(columns, scatter[None], weight[None])[0]
        t = along / np.sqrt(np.maximum(total - along**2, 1e-30 * total) / df[g])
        statistic = t[:-1].max()
        # Far out, where no simulated table reaches, Bonferroni's bound is sharper.
        p = float(scanned.shape[1] * stdtr(df[g], -statistic))
        if p > 1.0 / (DRAWS + 1.0):
            key = tuple(count)
            if key not in drawn:
                drawn[key] = _errors(count, seed)
            estimated = bool(sample.variance_slope_error[g])
            tail = _tail(columns[:-1], statistic, df[g], count, weight, z, estimated, *drawn[key])
            p = min((1.0 + tail.sum()) / (DRAWS + 1.0), p)
        result[g] = statistic, p, t[-1], stdtr(df[g], -t[-1]), stdtr(df[g], t[-1])
    return Gate(*result.T)


def _along(columns: Floats, errors: Floats, weight: Floats) -> Floats:
    """Return the component of ``errors`` ``(B, K)`` along each centred column, ``(B, M)``.

    ``weight`` is ``(B, K)``, or ``(1, K)`` if it is the same for all.
    """
    total = weight.sum(axis=1, keepdims=True)
    level = weight @ columns.T / total
    square = weight @ (columns * columns).T - level * level * total
    pull = (weight * errors) @ columns.T - level * (weight * errors).sum(axis=1, keepdims=True)
    along: Floats = pull / np.sqrt(square)
    return along


def _tail(
    columns: Floats,
    statistic: float,
    df: float,
    count: Floats,
    weight: Floats,
    z: Floats,
    estimated: bool,
    errors: Floats,
    squares: Floats,
) -> Floats:
    """Return, per simulated table, the chance of so large a statistic over the errors' length.

    In a table with mean errors ``r e``, of which the best column takes ``r m`` and all take
    ``r^2 q``, and with pure error ``P``, t reaches ``T`` where
    ``r^2 (m^2 (1 + T^2 / df) - q T^2 / df) >= P T^2 / df``, and ``r^2`` is chi-squared.
    """
    if statistic <= 0:
        return np.ones(DRAWS)
    one_run = count / weight  # relative variance of one run
    spread = squares * one_run
    if estimated:
        slope, _, _ = variance_slope(count, spread, z)
        weight = count * np.exp(-slope[:, None] * z)
    else:
        weight = weight[None]
    scaled = errors * np.sqrt(one_run / count)
    scaled = scaled - (weight * scaled).sum(axis=1, keepdims=True) / weight.sum(
        axis=1, keepdims=True
    )
    best = np.maximum(_along(columns, scaled, weight).max(axis=1), 0.0)
    share = statistic**2 / df
    gain = best**2 * (1.0 + share) - share * (weight * scaled**2).sum(axis=1)
    pure = (weight / count * spread).sum(axis=1)
    needed = np.where(gain > 0, share * pure / np.where(gain > 0, gain, 1.0), np.inf)
    return np.asarray(gammaincc(0.5 * count.size, 0.5 * needed), dtype=np.float64)


def _errors(count: Floats, seed: int) -> tuple[Floats, Floats]:
    """Return directions of mean errors and sums of squares of replicates, ``(DRAWS, K)`` each.

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
    return normal / np.linalg.norm(normal, axis=1, keepdims=True), np.where(count > 1, squares, 0.0)
