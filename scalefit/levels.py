"""What replicates tell of the noise under an error model, whatever the curve: levels of their own.

Where tails are long the runs of one size may have several most likely levels, one beside each run,
and which is best depends on the scale that all sizes share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .kernel import TINY_SCALE, Contribution, Kernel, pseudo_rss

__all__ = ["free_levels"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
#: Newton steps from one choice of levels, seven being typical, and choices, two being typical.
_STEPS, _ROUNDS = 60, 10


def free_levels(kernel: Kernel, runs: Floats, relative: Floats) -> Floats:
    """Return pseudo residual sums of squares with a level of its own at each size, ``(G, 2)``.

    They are to a kernel what the pure error is to least squares: 0 where no size has replicates.
    The first is that below which no curve gets. The second tells the size of the noise. They differ
    where tails are long: levels that meet single runs, or runs that agree, let the scale of all be
    as small as one likes, so that the second is of the other sizes, in the units of the first.

    Parameters
    ----------
    kernel : Kernel
    runs : array (G, K, S)
        nan where there is none.
    relative : array (G, K)
        Relative scale of one run.
    """
    least = _least(kernel, runs, relative)
    told = least.copy()
    if kernel.long_tailed:
        there, apart = ~np.isnan(runs), _apart(runs)
        rows = np.flatnonzero((least > 0) & (there.any(axis=2) & ~apart).any(axis=1))
        others = np.where(apart[rows, :, None], runs[rows], np.nan)
        told[rows] = _least(kernel.take(rows), others, relative[rows])
        # The likelihood counts the log of the relative scale of every run.
        logs, count = np.log(relative[rows]), there[rows].sum(axis=2)
        every = (count * logs).sum(axis=1) / count.sum(axis=1)
        count = np.where(apart[rows], count, 0)
        told[rows] *= np.exp(2.0 * (every - (count * logs).sum(axis=1) / count.sum(axis=1)))
    return np.stack([least, told], axis=1)


def _apart(runs: Floats) -> NDArray[np.bool_]:
    """Return at which sizes not all runs agree, ``(G, K)``."""
    there = ~np.isnan(runs)
    top = np.where(there, runs, -np.inf).max(axis=2, initial=-np.inf)
    return np.asarray((there & (runs != top[:, :, None])).any(axis=2))


def _least(kernel: Kernel, runs: Floats, relative: Floats) -> Floats:
    """Return the pseudo residual sum of squares of the best levels and scale, ``(G,)``."""
    n_curves = len(runs)
    weight = np.where(np.isnan(runs), 0.0, 1.0)
    count = weight.sum(axis=2)
    n = count.sum(axis=1)
    # Runs that agree in every digit, such as copies of one, have no level of their own to miss.
    replicated = _apart(runs).any(axis=1)
    result = np.zeros(n_curves)
    if not replicated.any():
        return result
    runs, weight, relative = runs[replicated], weight[replicated], relative[replicated]
    own = kernel.take(np.flatnonzero(replicated))
    rows = len(runs)
    usual = np.nanmedian(runs.reshape(rows, -1), axis=1)[:, None, None]
    centre = np.nanmedian(np.where(weight.sum(axis=2, keepdims=True) > 0, runs, usual), axis=2)
    y = np.where(np.isnan(runs), centre[:, :, None], runs)
    far = np.abs(y - centre[:, :, None]).max(axis=2)
    unit = np.where(own.link == "log", np.abs(centre).mean(axis=1), 1.0)
    levels = _Levels(own, y, weight, relative)
    best = np.full(rows, np.inf)
    # An outlier that widens the scale hides what is best without it, and of two runs a size either
    # may be the outlier: start from what the widest, the middle and the narrowest size say.
    gap = np.where(far > 0, far, np.nan)
    least = np.nanmin(gap, axis=1)
    for spread in (far.max(axis=1), np.nanmedian(gap, axis=1), least, 0.25 * least):
        log_scale = np.log(np.maximum(spread / unit, TINY_SCALE))
        best = np.fmin(best, levels.settled(centre, log_scale))
    result[replicated] = pseudo_rss(best, n[replicated])
    return result


@dataclass(frozen=True, slots=True)
class _Levels:
    """Levels of their own at K sizes, for G curves with up to S runs a size."""

    kernel: Kernel
    y: Floats
    weight: Floats
    relative: Floats

    def take(self, rows: Ints) -> _Levels:
        """Return a selection of curves."""
        return _Levels(self.kernel.take(rows), self.y[rows], self.weight[rows], self.relative[rows])

    def settled(self, level: Floats, log_scale: Floats) -> Floats:
        """Return minus the log likelihood ``(G,)`` of the best levels and scale found from some."""
        best, rows = np.full(len(level), np.inf), np.arange(len(level))
        for _ in range(_ROUNDS):
            some = self.take(rows)
            level = some._chosen(level, log_scale)
            value, level, log_scale = some._descended(level, log_scale)
            better = value < best[rows] - 1e-12 * (1.0 + np.abs(value))
            rows, level, log_scale = rows[better], level[better], log_scale[better]
            best[rows] = value[better]
            if not rows.size:
                break
        return best

    def _chosen(self, level: Floats, log_scale: Floats) -> Floats:
        """Return the best of the levels ``(G, K)`` in hand and the runs of each size.

        Where tails are long every run may be at the bottom of a hollow of its own.
        """
        tried = np.concatenate([level[:, :, None], self.y], axis=2)
        values = np.stack([
            self._of_size(self._about(tried[:, :, i], log_scale)[0].value)
            for i in range(tried.shape[2])
        ], axis=2)  # fmt: skip
        which = np.nan_to_num(values, nan=np.inf).argmin(axis=2)[:, :, None]
        chosen: Floats = np.take_along_axis(tried, which, axis=2)[:, :, 0]
        return chosen

    def _descended(self, level: Floats, log_scale: Floats) -> tuple[Floats, Floats, Floats]:
        """Return what Newton's method makes of levels and scale: the value, and both."""
        best, level, log_scale = np.full(len(level), np.inf), level.copy(), log_scale.copy()
        # No level is better off beyond its runs, and there may be no likelihood there.
        low, high = self.y.min(axis=2), self.y.max(axis=2)
        rows = np.arange(len(level))
        for _ in range(_STEPS):
            some = self.take(rows)
            part, runs = some._about(level[rows], log_scale[rows])
            value = some._of_size(part.value).sum(axis=1)
            moved = np.abs(best[rows] - value) > 1e-12 * (1.0 + np.abs(value))
            best[rows] = np.minimum(best[rows], value)
            if not moved.any():
                break
            step, move = some._step(part, runs)
            level[rows] = np.clip(level[rows] + step, low[rows], high[rows])
            log_scale[rows] = np.maximum(log_scale[rows] + move, np.log(TINY_SCALE))
            rows = rows[moved]
        return best, level, log_scale

    def _step(
        self, part: Contribution, runs: tuple[Floats, Floats, Floats]
    ) -> tuple[Floats, Floats]:
        """Return a step of the levels ``(G, K)`` and of the log scale ``(G,)``.

        It is Newton's of all together, where the surface curves upwards, and otherwise one of each
        by itself, by the curvature to be expected.
        """
        expected = self.kernel.information(*runs, self.weight.reshape(len(self.y), -1))
        pull, each, stiff, both = (
            self._of_size(of) for of in (part.by_mean, expected, part.by_mean_twice, part.by_both)
        )
        slope, bend = (self._of_size(of).sum(axis=1) for of in (part.by_scale, part.by_scale_twice))
        there = each > 0
        upwards = np.asarray(((stiff > 0) | ~there).all(axis=1))[:, None]
        inverse = 1.0 / np.where(there & upwards, stiff, np.inf)
        rest = bend - (both**2 * inverse).sum(axis=1)
        joint = upwards & (rest > 0)[:, None]
        both, rest = np.where(joint, both, 0.0), np.where(joint[:, 0], rest, np.abs(bend))
        inverse = np.where(joint, inverse, 1.0 / np.where(there, each, np.inf))
        slope = slope - (both * inverse * pull).sum(axis=1)
        move = np.clip(-slope / np.maximum(rest, 1e-300), -1.0, 1.0)
        return -(pull + both * move[:, None]) * inverse, move

    def _about(
        self, level: Floats, log_scale: Floats
    ) -> tuple[Contribution, tuple[Floats, Floats, Floats]]:
        """Return what runs contribute, and these with their means and scales ``(G, K S)``."""
        times = self.y.shape[2]
        wide = np.exp(log_scale)[:, None] * np.repeat(self.relative, times, axis=1)
        runs = self.y.reshape(len(level), -1), np.repeat(level, times, axis=1), wide
        return self.kernel.contribution(*runs), runs

    def _of_size(self, values: Floats) -> Floats:
        """Return the sums ``(G, K)`` of what each run contributes, by how often it counts."""
        total: Floats = (self.weight * values.reshape(self.y.shape)).sum(axis=2)
        return total
