"""Is there any scaling, whatever distribution the errors share? Runs dealt out at random say.

Without scaling the runs of a table are exchangeable over its sizes, so every way to deal them out
is as likely as the one observed (Fisher 1935). The largest t over all exponents, of the ranks of
the runs, is compared with that of runs dealt out at random. With the observed table counted among
them, P(p <= a) <= a exactly, for any a, any error distribution and any number of tables drawn
(Phipson & Smyth 2010, doi:10.2202/1544-6115.1585).

Ranks make no difference to that, but to what is seen: by the scores themselves one run that has
diverged hides any trend, and by their ranks as much is seen as before where errors are normal.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .gate import exponents
from .laws.saturating_power import box_cox
from .sample import Sample

__all__ = ["SHUFFLES", "permutation_test"]

Floats = NDArray[np.float64]
#: Tables drawn: p = 0.05 is known to about +/- 0.005.
SHUFFLES = 1999
#: Runs shuffled at a time, so that long tables fit into memory.
_BLOCK = 2_000_000


def permutation_test(
    sample: Sample, rng: np.random.Generator | int = 0, shuffles: int = SHUFFLES
) -> tuple[Floats, Floats]:
    """Test every curve for any scaling by dealing its runs out to the sizes at random.

    Parameters
    ----------
    sample : Sample
        G curves with their runs; unequal replicates are fine.
    rng : Generator or int
        Source of the shuffles, the same for every curve.
    shuffles : int
        Tables drawn.

    Returns
    -------
    statistic, p : arrays (G,)
        Largest t over the exponents, of the ranks of the runs, and its one-sided p value,
        ``(1 + larger or equal) / (shuffles + 1)``; nan where the score never changes.
    """
    seed = int(np.random.default_rng(rng).integers(2**62))
    statistic, p = np.full(len(sample), np.nan), np.full(len(sample), np.nan)
    for g, exponent in enumerate(exponents(sample)):
        size, place = np.nonzero(~np.isnan(sample.runs[g]))
        runs = sample.frame.sign[g] * sample.runs[g][size, place]
        centred = runs - runs.mean() if runs.size else runs
        total = centred @ centred
        if sample.n_sizes[g] < 2 or runs.size < 3 or total <= 1e-24 * (runs @ runs):
            continue
        centred = _ranks(runs) - 0.5 * (runs.size + 1)
        total = centred @ centred
        columns = box_cox(sample.z[g, size], exponent[:, None], np)
        columns = columns - columns.mean(axis=1, keepdims=True)
        columns /= np.linalg.norm(columns, axis=1, keepdims=True)
        generator = np.random.default_rng(seed)
        step = max(1, _BLOCK // runs.size)
        along = np.concatenate(
            [
                _dealt(centred, min(step, shuffles - first), generator) @ columns.T
                for first in range(0, shuffles, step)
            ]
        ).max(axis=1)
        observed = (columns @ centred).max()
        # The sum of squares is that of the runs however they are dealt out, so t rises with this.
        larger = np.count_nonzero(along >= observed - 1e-12 * np.sqrt(total))
        rest = max(total - observed**2, 1e-30 * total)
        statistic[g] = observed / np.sqrt(rest / (runs.size - 2))
        p[g] = (1.0 + larger) / (shuffles + 1.0)
    return statistic, p


def _ranks(runs: Floats) -> Floats:
    """Return the ranks of runs, from 1 on; those that are equal share their mean rank.

    Examples
    --------
    >>> _ranks(np.array([0.3, 0.1, 0.3, 0.9])).tolist()
    [2.5, 1.0, 2.5, 4.0]
    """
    _, place, times = np.unique(runs, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(times) - 0.5 * (times - 1.0))[place])


def _dealt(runs: Floats, times: int, generator: np.random.Generator) -> Floats:
    """Return the runs in ``times`` random orders, ``(times, n)``."""
    return generator.permuted(np.tile(runs, (times, 1)), axis=1)
