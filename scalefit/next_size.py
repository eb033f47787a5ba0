"""Where the next runs tell most: by how much they would narrow an interval, for each size.

Given the law, runs at size x change the variance of a target with gradient g from ``g' A g``, A the
inverse information of the runs in hand, to that of c-optimal design (Elfving 1952,
doi:10.1214/aoms/1177729442),

    g' A g - (g' A j)^2 / (v + j' A j),

with j the tangent of the curve at x and v the variance of the new runs' mean. It is averaged over
truths, since the curve is not known (Chaloner & Verdinelli 1995, doi:10.1214/ss/1177009939).

Whichever law is true, the new mean moves the target of every surviving law along its own line, and
may reject some of them (Box & Hill 1967, doi:10.1080/00401706.1967.10490441). The width of the
union over those that are left is averaged over the new mean, each surviving law being true in turn.

Both take curves as linear in their parameters; the simulated tables of a plan do not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from .estimands import Estimand, GainBetween, Parameter
from .selection import REJECT, Candidates
from .study import Study
from .truths import Truths, fitted_truths

__all__ = ["NextSize", "best_size", "candidate_sizes", "next_sizes"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Standard scores at which the mean of new runs is tried.
_NODES = 9
#: Candidates a decade, beyond the sizes in hand.
_STEPS = 2
#: Runs that narrow an interval by less than this share are not worth their cost, however small.
_WORTH = 0.1


@dataclass(frozen=True, slots=True)
class NextSize:
    """The size whose runs narrow the interval of the gain most per unit of cost.

    Parameters
    ----------
    given_law : float
        If the law is true that the plan takes for true.
    any_law : float
        Whichever surviving law is true.
    """

    given_law: float
    any_law: float


@dataclass(frozen=True, slots=True)
class _Linear:
    """Curves as linear about themselves, for G curves and M candidate sizes.

    Parameters
    ----------
    target, target_variance : arrays (G,)
        What is asked; the variance is nan where the target has no derivative.
    mean, mean_variance, shared, new_variance : arrays (G, M)
        Mean score at each candidate, its variance, its covariance with the target, and the
        variance of the mean of new runs about it.
    """

    target: Floats
    target_variance: Floats
    mean: Floats
    mean_variance: Floats
    shared: Floats
    new_variance: Floats

    @property
    def left(self) -> Floats:
        """Variance of the target once the new runs are made, ``(G, M)``."""
        gained = self.shared**2 / (self.mean_variance + self.new_variance)
        left: Floats = np.maximum(self.target_variance[:, None] - gained, 0.0)
        return left


def candidate_sizes(sizes: Floats) -> Floats:
    """Return those in hand, and sizes up to a decade below and above them."""
    steps = np.arange(1, _STEPS + 1) / _STEPS
    return np.unique(np.concatenate([sizes.min() / 10.0**steps, sizes, sizes.max() * 10.0**steps]))


def next_sizes(
    study: Study, sizes: Floats, runs: int, cost: Callable[[float], float], factor: float
) -> pd.DataFrame:
    """Return by how much ``runs`` more runs at each of some sizes would narrow intervals.

    The gain is that from ``factor`` times the largest size in hand, so that the question is the
    same for all candidates.

    Returns
    -------
    DataFrame
        One row a size: size, runs, cost; then, for gain, exponent and asymptote given the law, and
        for the gain whichever surviving law is true (``any_law``), the share by which the interval
        is expected to narrow and that share per unit of cost (``..._per_cost``); ``told_apart``,
        the chance that a surviving law that is not the true one is rejected. nan where the law
        leaves the range of the metric, or has no such parameter.
    """
    top = max(study.counts)
    gain = GainBetween(top, factor * top)
    narrowed = {"gain": _given_law(study, gain, sizes, runs)}
    for name in study.parameters:
        narrowed[name] = _given_law(study, Parameter(name), sizes, runs)
    spanning = study.tables({}).spanning()
    narrowed["any_law"], told_apart = _any_law(study, spanning, gain, sizes, runs)
    # Where the law leaves the metric's range it does not hold, and promises nothing.
    inside = np.array([study.holds([size]) for size in sizes])
    spent = np.array([runs * cost(float(size)) for size in sizes])
    table = pd.DataFrame({"size": sizes, "runs": runs, "cost": spent})
    for name, share in narrowed.items():
        share = np.where(inside, share, np.nan)
        table[name], table[f"{name}_per_cost"] = share, share / spent
    return table.assign(told_apart=told_apart)


def best_size(table: pd.DataFrame, column: str) -> float:
    """Return the size that narrows most per unit of cost, among those that narrow at all.

    Where none narrows by a tenth, it is the size that narrows most.
    """
    share, size = table[column].to_numpy(), table["size"].to_numpy()
    if np.isnan(share).all():
        return float("nan")
    worth = np.where(share >= _WORTH, table[f"{column}_per_cost"], np.nan)
    return float(size[np.nanargmax(share if np.isnan(worth).all() else worth)])


def _given_law(study: Study, estimand: Estimand, sizes: Floats, runs: int) -> Floats:
    """Return the share by which an interval is expected to narrow given the law, ``(M,)``."""
    parts = [_about(truth, study.counts, estimand, sizes, runs) for truth in study.truths]
    before = np.concatenate([part.target_variance for part in parts])
    after = np.concatenate([part.left for part in parts])
    known = np.isfinite(before) & (before > 0)
    if not known.any():
        return np.full(len(sizes), np.nan)
    share: Floats = 1.0 - np.sqrt(after[known] / before[known, None]).mean(axis=0)
    return share


def _any_law(
    study: Study, spanning: Candidates, estimand: Estimand, sizes: Floats, runs: int
) -> tuple[Floats, Floats]:
    """Return the share by which a union is expected to narrow, and how often laws are rejected.

    Arrays ``(M,)``, averaged over the tables of ``spanning``.
    """
    laws = [
        _about(fitted_truths(each), study.counts, estimand, sizes, runs)
        for each in spanning.estimates
    ]
    usable = np.stack([np.isfinite(each.target_variance) for each in laws])
    alive = (spanning.surviving & usable)[:, :, None]  # (L, G, 1)
    target = np.stack([each.target for each in laws])[:, :, None]
    before = np.stack([each.target_variance for each in laws])[:, :, None]
    left = np.stack([each.left for each in laws])
    mean = np.stack([each.mean for each in laws])
    spread = np.stack([each.mean_variance + each.new_variance for each in laws])
    pull = np.stack([each.shared for each in laws]) / spread
    critical = -ndtri(0.5 * (1.0 - study.level))
    limit = -ndtri(0.5 * REJECT)

    def width(centre: Floats, variance: Floats, among: Bools) -> Floats:
        half = critical * np.sqrt(variance)
        # A gain of a rising law is not below zero, and none is above the metric's range.
        low, high = (np.clip(end, 0.0, study.metric.span) for end in (centre - half, centre + half))
        union: Floats = np.where(among, high, -np.inf).max(0) - np.where(among, low, np.inf).min(0)
        return union

    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()
    expected, rejected = np.zeros(mean.shape[1:]), np.zeros(mean.shape[1:])
    for true in range(len(laws)):
        for node, weight in zip(nodes, weights, strict=True):
            gap = mean[true] + node * np.sqrt(spread[true]) - mean
            kept = alive & (np.abs(gap) <= limit * np.sqrt(spread))
            kept[true] = alive[true]
            share = weight * alive[true]
            expected += share * np.where(alive[true], width(target + pull * gap, left, kept), 0.0)
            rejected += share * (alive.sum(axis=0) - kept.sum(axis=0))
    n = alive.sum(axis=0)
    some = n[:, 0] > 0
    told = rejected[some] / (n * np.maximum(n - 1, 1))[some]
    with np.errstate(invalid="ignore"):
        ratio = expected[some] / n[some] / width(target, before, alive)[some]
    known = np.isfinite(ratio)
    many = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known.any(axis=0), np.where(known, ratio, 0.0).sum(axis=0) / many, np.nan)
    return 1.0 - mean, np.where(some.any(), told.sum(axis=0) / max(len(told), 1), np.nan)


def _about(
    truth: Truths, counts: dict[float, int], estimand: Estimand, sizes: Floats, runs: int
) -> _Linear:
    """Return curves as linear about themselves, with the information of the runs in hand."""
    curves = truth.curves
    x, count = np.array(list(counts)), np.array(list(counts.values()), dtype=float)
    sign = curves.frame.sign[:, None, None]
    tangent = sign * curves.tangent(truth.place(x))
    weight = count / truth.deviation(x) ** 2
    information = np.einsum("gkp,gk,gkq->gpq", tangent, weight, tangent)
    length = np.sqrt(np.einsum("gpp->gp", information))
    length = np.where(length > 0, length, 1.0)
    inverse = np.linalg.pinv(
        information / (length[:, :, None] * length[:, None, :]), rcond=1e-12, hermitian=True
    )
    pull = curves.gradient(estimand) / length
    finite = np.isfinite(pull).all(axis=1) & ~curves.flat
    pull = np.where(finite[:, None], pull, 0.0)
    toward = np.einsum("gpq,gq->gp", inverse, pull)
    at_new = sign * curves.tangent(truth.place(sizes)) / length[:, None, :]
    return _Linear(
        curves.value(estimand),
        np.where(finite, np.einsum("gp,gp->g", toward, pull), np.nan),
        truth.mean(sizes),
        np.einsum("gmp,gpq,gmq->gm", at_new, inverse, at_new),
        np.einsum("gp,gmp->gm", toward, at_new),
        truth.deviation(sizes) ** 2 / runs,
    )
