"""Is there a break? A broken stick against a straight line, and against the smooth laws.

The mean is linear in log size, with another slope beyond a break psi. Under a straight line psi
means nothing (Davies 1987, doi:10.1093/biomet/74.1.33), so the largest F over all breaks is
compared with its own null distribution, which depends on the sizes, the replicates and their
weights alone and is simulated. A significant bend is no evidence of a break: smooth saturation
bends as well. It is called a break only if the broken stick foretells left-out sizes better than
the best smooth law, by more than two standard errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from .estimate import Estimate, estimate
from .inference import Interval
from .noise import variance_slope
from .sample import Sample

__all__ = ["TABLES", "Bend", "beats_smooth_laws", "bend_test"]

Floats = NDArray[np.float64]
#: Simulated tables a curve: p = 0.05 is known to about +/- 0.005.
TABLES = 1999
#: Breaks looked at between two neighbouring sizes, and in all.
_BETWEEN, _MOST = 16, 256
#: A broken stick has a level, two slopes and a break.
_PARAMETERS = 4
_STANDARD_ERRORS = 2.0


@dataclass(frozen=True, slots=True)
class Bend:
    """Tests of "the mean is a straight line in log size"; arrays ``(G,)``.

    Parameters
    ----------
    statistic, p : array
        Largest F over the breaks, and its p value; nan with fewer than five sizes.
    size, lower, upper : array
        Best break, and the ends of its profile set, in driver units. An end is open (infinite)
        where it reaches the first or the last gap between sizes, inside which no break can be told
        from another nor from one outside.
    level : float
        Coverage of the profile set.
    """

    statistic: Floats
    p: Floats
    size: Floats
    lower: Floats
    upper: Floats
    level: float

    def __getitem__(self, row: int) -> Interval:
        """Return the break of one curve."""
        return Interval(
            float(self.size[row]), float(self.lower[row]), float(self.upper[row]),
            self.level, "profile set of the break",
        )  # fmt: skip


def bend_test(
    sample: Sample,
    rng: np.random.Generator | int = 0,
    level: float = 0.95,
    tables: int = TABLES,
) -> Bend:
    """Test every curve for a bend, and return where it is.

    Parameters
    ----------
    sample : Sample
        The curves.
    rng : Generator or int
        Source of the simulated errors, the same for every curve.
    level : float
        Coverage of the profile set of the break.
    tables : int
        Simulated tables.
    """
    seed = int(np.random.default_rng(rng).integers(2**62))
    result = np.tile([np.nan, np.nan, np.nan, -np.inf, np.inf], (len(sample), 1))
    for g in np.flatnonzero(sample.n_sizes > _PARAMETERS):
        sizes = np.flatnonzero(sample.count[g])
        count, weight, z = sample.count[g, sizes], sample.weight[g, sizes], sample.z[g, sizes]
        df = max(float(sample.n[g] - _PARAMETERS - sample.variance_df[g]), 1.0)
        breaks = _breaks(z)
        y, pure = sample.benefit[g, sizes], sample.pure_ss[g]
        line, bent = _misfits(z, y[None], weight[None], breaks)
        bent = bent[0]
        if line[0] + pure <= 1e-24 * float(weight @ y**2):
            continue  # a line, to rounding
        share = (line[0] - bent.min()) / max(bent.min() + pure, 1e-30 * line[0])
        drawn = _drawn(
            z, count, count / weight, breaks, bool(sample.variance_df[g]), tables,
            np.random.default_rng(seed),
        )  # fmt: skip
        p = (1.0 + np.count_nonzero(drawn >= share)) / (tables + 1.0)
        cut = bent.min() + (bent.min() + pure) / df * stdtrit(df, 0.5 + 0.5 * level) ** 2
        inside = np.flatnonzero(bent <= cut)
        # Ends are rounded outwards to the breaks looked at.
        low, high = breaks[max(inside[0] - 1, 0)], breaks[min(inside[-1] + 1, len(breaks) - 1)]
        slip = 1e-9 * (z[-1] - z[0])
        x0 = sample.frame.x0[g]
        result[g] = (
            share * df, p, x0 * np.exp(breaks[bent.argmin()]),
            -np.inf if low <= z[1] + slip else x0 * np.exp(low),
            np.inf if high >= z[-2] - slip else x0 * np.exp(high),
        )  # fmt: skip
    statistic, p, size, lower, upper = result.T
    return Bend(statistic, p, size, lower, upper, level)


def beats_smooth_laws(
    sample: Sample, smooth: Sequence[Estimate], surviving: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return where a broken stick foretells left-out sizes better than every smooth law.

    Each size is left out in turn, all models are fitted to the others, and the weighted squared
    errors of the left-out means are compared: up to a constant and a common variance the
    difference of expected log predictive densities (Vehtari, Gelman & Gabry 2017,
    doi:10.1007/s11222-016-9696-4). Better means by more than two standard errors of the sum.

    Parameters
    ----------
    sample : Sample
        G curves.
    smooth : sequence of Estimate
        Laws without a break, fitted to them.
    surviving : array (L, G) of bool
        Laws that are not rejected; a curve that all laws miss is compared with all of them.
    """
    better = np.zeros(len(sample), dtype=bool)
    for g in np.flatnonzero(sample.n_sizes > _PARAMETERS + 1):
        sizes = np.flatnonzero(sample.count[g])
        less = sample.take(np.full(sizes.size, g)).without(sizes)
        truth, weight = sample.benefit[g, sizes], sample.weight[g, sizes]
        foretold = _stick_values(less, sizes)
        stick = weight * (truth - foretold) ** 2
        used = [item for item, keep in zip(smooth, surviving[:, g], strict=True) if keep]
        errors: list[Floats] = []
        for item in used or smooth:
            errors.append(_smooth_errors(item, less, sizes, truth, weight))
            if errors[-1].sum() <= stick.sum():  # the stick beats not all, whatever others foretell
                break
        gain = min(errors, key=np.sum) - stick
        spread = np.sqrt(gain.size) * gain.std(ddof=1)
        better[g] = gain.sum() > _STANDARD_ERRORS * spread
    return better


def _smooth_errors(
    item: Estimate, less: Sample, sizes: NDArray[np.intp], truth: Floats, weight: Floats
) -> Floats:
    fitted = estimate(item.law, less).fitted()[np.arange(sizes.size), sizes]
    errors: Floats = weight * (truth - less.frame.sign * fitted) ** 2
    return errors


def _stick_values(less: Sample, sizes: NDArray[np.intp]) -> Floats:
    """Return the best broken stick's value at the size that each curve lacks."""
    values = np.empty(sizes.size)
    for row, size in enumerate(sizes):
        kept = less.count[row] > 0
        z, y, weight = less.z[row, kept], less.benefit[row, kept], less.weight[row, kept]
        breaks = _breaks(z)
        at = breaks[_misfits(z, y[None], weight[None], breaks)[1][0].argmin()]
        root = np.sqrt(weight)
        solved = np.linalg.lstsq(root[:, None] * _stick(z, at), root * y, rcond=None)[0]
        values[row] = (_stick(less.z[row, [size]], at) @ solved)[0]
    return values


def _stick(z: Floats, at: float) -> Floats:
    return np.stack([np.ones_like(z), z, np.maximum(z - at, 0.0)], axis=1)


def _breaks(z: Floats) -> Floats:
    """Return the breaks to look at: evenly many between neighbouring sizes."""
    most = min(_BETWEEN * (z.size - 1), _MOST)
    # A break at the very first or last size is none.
    places = np.linspace(0.0, z.size - 1.0, most + 1)[1:-1]
    return np.asarray(np.interp(places, np.arange(z.size), z), dtype=np.float64)


def _misfits(z: Floats, y: Floats, weight: Floats, breaks: Floats) -> tuple[Floats, Floats]:
    """Return the misfit of the straight line ``(B,)`` and of every broken stick ``(B, M)``.

    ``y`` is ``(B, K)``, ``weight`` the same or ``(1, K)``.
    """
    bends = np.maximum(z - breaks[:, None], 0.0)
    total = weight.sum(axis=1, keepdims=True)
    along = z - weight @ z[:, None] / total
    y = y - (weight * y).sum(axis=1, keepdims=True) / total
    square = (weight * along * along).sum(axis=1, keepdims=True)
    rest = y - (weight * along * y).sum(axis=1, keepdims=True) / square * along
    line = (weight * rest * rest).sum(axis=1)
    # The bends, with what the line explains of them taken out.
    mean, tilt = weight @ bends.T, (weight * along) @ bends.T
    norm = weight @ (bends * bends).T - mean * mean / total - tilt * tilt / square
    pull = (weight * rest) @ bends.T
    usable = norm > 1e-10 * square
    gain = np.where(usable, pull * pull / np.where(usable, norm, 1.0), 0.0)
    return line, np.maximum(line[:, None] - gain, 0.0)


def _drawn(
    z: Floats,
    count: Floats,
    one_run: Floats,
    breaks: Floats,
    estimated: bool,
    tables: int,
    generator: np.random.Generator,
) -> Floats:
    """Return the statistic of tables without a bend, their weights estimated where they were."""
    errors = generator.standard_normal((tables, z.size)) * np.sqrt(one_run / count)
    squares = generator.chisquare(np.maximum(count - 1.0, 1e-9), (tables, z.size))
    spread = np.where(count > 1, squares, 0.0) * one_run
    weight = (count / one_run)[None]
    if estimated:
        slope, _, _ = variance_slope(count, spread, z)
        weight = count * np.exp(-slope[:, None] * z)
    pure = (weight / count * spread).sum(axis=1)
    line, bent = _misfits(z, errors, weight, breaks)
    least = bent.min(axis=1)
    share: Floats = (line - least) / np.maximum(least + pure, 1e-30 * line)
    return share
