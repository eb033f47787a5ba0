"""Confidence curves: all intervals of an answer at once, from any inference or from a paper.

The two ends of the interval of every level, drawn over the quantile of t that belongs to the level,
are one rising function ``v(t)``; its inverse ``t(v)`` says how far a value lies from the estimate.
For a profile likelihood ``t(v)`` is the signed root of the misfit that the value costs. With these
two functions answers can be compared, ranked and averaged without asking where they came from: a
fit by any law and inference, or a published estimate with its standard error (Xie & Singh 2013,
doi:10.1111/insr.12000).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from .estimate import Estimate
from .inference import Intervals

__all__ = ["FEWEST_DRAWS", "Confidence", "from_errors", "joined", "multiplier", "trace"]

Floats = NDArray[np.float64]

#: Quantiles of t at which both ends are asked for; between them they are interpolated.
NODES = np.concatenate([np.arange(1, 29) * 0.125, [4.0, 4.5, 5.0, 6.0, 7.0]])
_FEW_NODES = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 7.0])
#: Lack of fit with a smaller p value is taken for more than chance among several groups.
_MISFIT = 0.01
_ARRAYS = ("estimate", "lower", "upper", "df", "variance", "noise", "noise_df")
#: Draws in a tail that tell where it begins; farther out an arm grows in proportion to t.
FEWEST_DRAWS = 10
#: A level nearer to 1 is lost to rounding.
_LEAST_P = 1e-11


@dataclass(frozen=True, slots=True)
class Confidence:
    """The answers of G groups to one question.

    Parameters
    ----------
    estimate : array (G,)
    lower, upper : arrays (G, K)
        Ends of the interval at each of the quantiles of t in ``NODES``; infinite where open.
    df : array (G,)
        Degrees of freedom of t; inf where it is normal.
    variance : array (G,)
        Variance of a run behind the intervals; nan where it is not known.
    noise, noise_df : arrays (G,)
        Its estimate from the residuals of all runs, and the degrees of freedom of that: what
        groups of equal noise may pool. The one behind the intervals is larger where a law misfits.
    method : tuple of G str
        How the intervals were made.
    """

    estimate: Floats
    lower: Floats
    upper: Floats
    df: Floats
    variance: Floats
    noise: Floats
    noise_df: Floats
    method: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.estimate)

    def take(self, rows: Sequence[int] | NDArray[np.intp]) -> Confidence:
        """Return the answers of some of the groups."""
        at = np.asarray(rows, dtype=np.intp)
        method = tuple(self.method[i] for i in at)
        return Confidence(**{name: getattr(self, name)[at] for name in _ARRAYS}, method=method)

    def of_logs(self) -> Confidence:
        """Return the answers as logs, for sizes; open below where an end is not above zero."""
        with np.errstate(divide="ignore"):
            estimate, lower, upper = (
                np.log(np.maximum(values, 0.0))
                for values in (self.estimate, self.lower, self.upper)
            )
        return replace(self, estimate=estimate, lower=lower, upper=upper)

    def value(self, t: Floats) -> Floats:
        """Return the value at a signed quantile of t, ``(G, M)``; infinite where open."""
        size = np.abs(t)
        ends = np.where((t < 0)[..., None], self.lower[:, None, :], self.upper[:, None, :])
        ends = np.concatenate(
            [np.broadcast_to(self.estimate[:, None, None], (*t.shape, 1)), ends], axis=2
        )
        nodes = np.concatenate([[0.0], NODES])
        # Beyond the last node the last piece goes on.
        right = np.clip(np.searchsorted(nodes, size, side="left"), 1, len(nodes) - 1)
        x0, x1 = nodes[right - 1], nodes[right]
        y0, y1 = (
            np.take_along_axis(ends, k[..., None], axis=2)[..., 0] for k in (right - 1, right)
        )
        with np.errstate(invalid="ignore"):
            inside = y0 + (y1 - y0) * ((size - x0) / (x1 - x0))
        # A piece that ends or begins at infinity is taken to be there.
        inside = np.where(np.isinf(y1), y1, np.where(np.isinf(y0), y0, inside))
        return np.where(size == 0, self.estimate[:, None], inside)

    def distance(self, v: Floats) -> Floats:
        """Return the signed quantile of t at values ``v`` of shape ``(M,)`` or ``(G, M)``."""
        v = np.broadcast_to(v, (len(self), v.shape[-1]))
        found = np.empty(v.shape)
        t = np.concatenate([-NODES[::-1], [0.0], NODES])
        for g in range(len(self)):
            ends = np.concatenate([self.lower[g, ::-1], [self.estimate[g]], self.upper[g]])
            known = np.isfinite(ends)
            x, y = np.maximum.accumulate(ends[known]), t[known]
            # What lies beyond an open end is as far away as where the interval opens.
            found[g] = np.interp(v[g], x, y)
            if known.all():
                low, high = v[g] < x[0], v[g] > x[-1]
                found[g, low] = y[0] + (v[g, low] - x[0]) * (y[1] - y[0]) / _gap(x[1] - x[0])
                slope = (y[-1] - y[-2]) / _gap(x[-1] - x[-2])
                found[g, high] = y[-1] + (v[g, high] - x[-1]) * slope
        return found

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Return lower and upper ends at a level, ``(G,)`` each."""
        t = multiplier(self.df, level)[:, None]
        return self.value(-t)[:, 0], self.value(t)[:, 0]

    @property
    def error(self) -> Floats:
        """Half the width of the interval at t = 1, ``(G,)``: a standard error; inf where open."""
        one = np.ones((len(self), 1))
        error: Floats = 0.5 * (self.value(one) - self.value(-one))[:, 0]
        return error


def multiplier(df: Floats, level: Any) -> Floats:
    """Return the quantile of t that belongs to a level."""
    found: Floats = np.asarray(stdtrit(df, 0.5 + 0.5 * np.asarray(level)))
    return found


def trace(
    estimate: Estimate, ask: Callable[[NDArray[np.intp], Floats], Intervals], draws: int = 0
) -> Confidence:
    """Return the confidence curves of G curves.

    Parameters
    ----------
    estimate : Estimate
        One law fitted to the curves.
    ask : callable
        ``ask(rows, levels) -> Intervals``: the interval of curve ``rows[i]`` at ``levels[i]``.
    draws : int
        How many draws the intervals are made from, beyond those that the estimate has; 0 if none.
    """
    variance, df = estimate.scale
    n = len(estimate)
    # Where an interval takes long, fewer are asked for.
    slow = estimate.sample.kernel is not None or len(estimate.law.shapes) > 1
    nodes = _FEW_NODES if slow else NODES
    if estimate.draws is not None:
        draws = estimate.draws.n_draws
    if draws:  # beyond their last few, draws tell nothing of a tail
        told = stdtr(df.min(), -nodes) * draws >= FEWEST_DRAWS
        slow, nodes = True, nodes[told]
    levels = np.minimum(2.0 * stdtr(df[:, None], nodes) - 1.0, 1.0 - _LEAST_P)
    found = ask(np.repeat(np.arange(n), nodes.size), levels.ravel())
    value = np.asarray(found.estimate).reshape(n, -1)[:, 0]
    lower, upper = (np.asarray(end).reshape(n, -1) for end in (found.lower, found.upper))
    # Wider levels have wider intervals, also where draws or a zoom say otherwise in the last digit.
    lower = np.minimum.accumulate(np.fmin(lower, value[:, None]), axis=1)
    upper = np.maximum.accumulate(np.fmax(upper, value[:, None]), axis=1)
    if slow:
        lower, upper = (_between(value, end, nodes) for end in (lower, upper))
    plain = estimate.total_ss / np.maximum(estimate.residual_df, 1.0) * estimate.inflation
    _, p = estimate.lack_of_fit
    known = np.isnan(estimate.sample.errors.variance) & ~(p < _MISFIT)
    return Confidence(
        value, lower, upper, df, variance, np.where(known, plain, variance),
        np.where(known, np.maximum(estimate.residual_df, 1.0), df), (str(found.method),) * n,
    )  # fmt: skip


def _between(value: Floats, ends: Floats, nodes: Floats) -> Floats:
    """Return ends at all nodes from those at some: the length of an arm per t is interpolated."""
    found = np.empty((len(value), NODES.size))
    with np.errstate(invalid="ignore"):
        arms = (ends - value[:, None]) / nodes
    for g, arm in enumerate(arms):
        known = np.isfinite(arm)
        if not known.any():
            found[g] = ends[g, -1]
            continue
        found[g] = value[g] + NODES * np.interp(NODES, nodes[known], arm[known])
        if not known.all():
            found[g, nodes[known].max() * (1 + 1e-9) < NODES] = ends[g, -1]
    return found


def from_errors(estimate: Floats, below: Floats, above: Floats, method: str) -> Confidence:
    """Return normal confidence curves from standard errors to either side, ``(G,)`` each."""
    lower = estimate[:, None] - below[:, None] * NODES
    upper = estimate[:, None] + above[:, None] * NODES
    n = len(estimate)
    unlimited, unknown = np.full(n, np.inf), np.full(n, np.nan)
    return Confidence(estimate, lower, upper, unlimited, unknown, unknown, unlimited, (method,) * n)


def joined(parts: Sequence[Confidence]) -> Confidence:
    """Return the groups of all parts, one after another."""
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS}
    return Confidence(**arrays, method=tuple(name for part in parts for name in part.method))


def _gap(width: float) -> float:
    return width if width > 0 else np.inf
