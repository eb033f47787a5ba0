"""The best run that a budget buys: which sizes, and which score."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._numbers import as_numbers
from .errors import FitError
from .estimands import BestScore, BestSize, Cost, SharePower, Value, as_cost, best_place
from .estimate import Estimate
from .inference import Interval
from .settings import need_cost, need_one_curve, need_two_drivers

if TYPE_CHECKING:
    from .fit import Fit

__all__ = ["optimum"]

Floats = NDArray[np.float64]
#: Shares by which a score may fall short of the best one for its sizes to be as good.
NEAR = (0.001, 0.01)
#: Log sizes of the first driver at which the score is compared with the best one.
_AROUND = np.linspace(-12.0, 12.0, 1201)


def optimum(
    fit: Fit,
    compute: float | Iterable[float],
    cost: str | Cost | Callable[[Any, Any], Any] = "6ND",
    *,
    level: float | None = None,
    inference: Any = None,
) -> pd.DataFrame:
    """Return the compute-optimal run of a fitted law of two drivers for each budget.

    Parameters
    ----------
    fit : Fit
        Of a law of two drivers, N and D in the order of ``drivers=``.
    compute : float or sequence of float
        Budgets, in units of the cost.
    cost : str, Cost or callable
        What a run costs: a formula in N and D such as ``"6ND"`` or ``"2 N^1.5 D"``, or a function
        ``cost(N, D)`` that rises with both.
    level, inference
        As in :meth:`Fit.ask`.

    Returns
    -------
    DataFrame
        One row a budget. Columns: compute; for each driver its size in the best run with
        ``_lower`` and ``_upper``, and ``_power``, with bounds, the power of compute with which it
        grows; the score of the best run with bounds; for each driver the ranges ``_0.1%_from`` to
        ``_0.1%_to`` and ``_1%_from`` to ``_1%_to`` of sizes whose score, at the same budget, is as
        near to the best one; beyond, the budget over the cost of the most expensive run; caution.
        A run that is refused as a forecast has no number, nor have powers of compute where the
        exponents have none, and ``caution`` says why.

    Raises
    ------
    FitError
        If a budget is no positive number, or a driver is compute and the cost ``"6ND"``.
    TableError
        If the table does not have two drivers.

    Notes
    -----
    Approach 3 of Hoffmann et al. 2022 (arXiv:2203.15556), with profile likelihood intervals: the
    optimum is a function of all parameters together, and intervals made from those of single
    parameters, or from rounded ones, are wrong (Besiroglu et al. 2024, arXiv:2404.10102).

    Examples
    --------
    >>> import scalefit as sf
    >>> rng = np.random.default_rng(0)
    >>> params, tokens = (10 ** rng.uniform(*range, 60) for range in ((7, 9.5), (9, 11)))
    >>> loss = (1.8 + 480 * params**-.35 + 2100 * tokens**-.37) * np.exp(rng.normal(0, .003, 60))
    >>> runs = {"params": params, "tokens": tokens, "loss": loss}
    >>> fit = sf.fit(runs, drivers=["params", "tokens"], law="additive")
    >>> best = sf.optimum(fit, [1e20, 1e21])
    >>> best[["compute", "params", "params_lower", "params_upper"]].round(-7)
            compute        params  params_lower  params_upper
    0  1.000000e+20  9.000000e+08  8.700000e+08  9.400000e+08
    1  1.000000e+21  2.930000e+09  2.750000e+09  3.120000e+09
    """
    need_one_curve(fit, "sf.optimum")
    found = as_cost(cost)
    need_two_drivers(fit)
    need_cost(fit, found)
    budgets = _budgets(compute)
    rows = [_row(fit, budget, found, level, inference) for budget in budgets]
    table = pd.DataFrame(rows)
    method = table.pop("method")
    table.attrs |= {"cost": found.label, "label": method.iloc[0]}
    return table


def _budgets(compute: float | Iterable[float]) -> list[float]:
    try:
        budgets = np.atleast_1d(as_numbers(compute))
    except (TypeError, ValueError):
        raise FitError(f"compute={compute!r}; give budgets as numbers, such as [1e21]") from None
    bad = [b for b in budgets.ravel().tolist() if not (np.isfinite(b) and b > 0)]
    if bad or budgets.ndim > 1 or not budgets.size:
        raise FitError(f"compute={compute!r}; budgets must be positive numbers, such as [1e21]")
    values: list[float] = budgets.tolist()
    return values


def _row(
    fit: Fit, compute: float, cost: Cost, level: float | None, inference: Any
) -> dict[str, Any]:
    def answer(estimand: Any) -> Interval:
        return fit.ask(estimand, level, inference)

    place = _Place.of(fit.estimate.central(), cost, compute)
    caution = place.caution(fit) or fit.refused(BestSize(compute, cost=cost))
    of_powers = fit.refused(SharePower(compute, cost=cost))
    asked: dict[str, Any] = {
        **{name: BestSize(compute, d, cost) for d, name in enumerate(fit.table.drivers)},
        fit.table.score: BestScore(compute, cost),
        **{f"{n}_power": SharePower(compute, d, cost) for d, n in enumerate(fit.table.drivers)},
    }
    row: dict[str, Any] = {"compute": compute}
    for name, estimand in asked.items():
        found = answer(estimand)
        if caution and not isinstance(estimand, SharePower):
            found = Interval(np.nan, -np.inf, np.inf, found.level, found.method)
        row |= {name: found.estimate, f"{name}_lower": found.lower, f"{name}_upper": found.upper}
        row.setdefault("method", found.label)
    for share in NEAR:
        near = np.full((2, 2), np.nan) if caution else place.within(share)
        for name, (least, greatest) in zip(fit.table.drivers, near.T, strict=True):
            row[f"{name}_{100 * share:g}%_from"] = float(least)
            row[f"{name}_{100 * share:g}%_to"] = float(greatest)
    largest = np.max(cost.of(*(fit.table.rows[name].to_numpy(float) for name in fit.table.drivers)))
    row["beyond"] = compute / float(largest)
    row["caution"] = caution or of_powers
    return row


@dataclass(frozen=True)
class _Place:
    """Where the best run of a budget is, by the fitted curve.

    Parameters
    ----------
    estimate : Estimate
        Of a single curve.
    cost : Cost
    compute : float
    log_sizes : array (2,)
    """

    estimate: Estimate
    cost: Cost
    compute: float
    log_sizes: Floats

    @classmethod
    def of(cls, estimate: Estimate, cost: Cost, compute: float) -> _Place:
        place = best_place(
            estimate.law, estimate.coefficients, estimate.shapes(), estimate.sample.frame, cost,
            compute,
        )  # fmt: skip
        return cls(estimate, cost, compute, np.array([float(p[0]) for p in place]))

    def within(self, share: float) -> Floats:
        """Return the least and the greatest size ``(2, D)`` that lose at most a share of the score.

        Of a score that may be negative or zero, of its size at the best run.
        """
        if not np.isfinite(self.log_sizes).all():
            return np.full((2, 2), np.nan)
        first = self.log_sizes[0] + _AROUND
        sizes = np.exp(np.stack([first, self.cost.second(first, np.log(self.compute))], axis=-1))
        known = np.isfinite(sizes).all(axis=1) & (sizes > 0).all(axis=1)
        many = self.estimate.take(np.zeros(int(known.sum()), dtype=np.intp))
        score = many.sample.frame.sign * many.answer(Value(sizes[known]))
        enough = score.max() - share * abs(score.max())
        good = np.flatnonzero(score >= enough)
        ends = []
        for inner, outer in ((good[0], good[0] - 1), (good[-1], good[-1] + 1)):
            if 0 <= outer < score.size:  # between the last good size and the next one
                share_of_step = (score[inner] - enough) / (score[inner] - score[outer])
                both = np.log(sizes[known][[inner, outer]])
                ends.append(np.exp(both[0] + share_of_step * (both[1] - both[0])))
            else:
                ends.append(sizes[known][inner])
        return np.sort(np.stack(ends), axis=0)

    def caution(self, fit: Fit) -> str:
        """Return why the forecast at the best run is refused; empty if it is not."""
        if not np.isfinite(self.log_sizes).all():
            return "not identified: no run of this budget is the best, or none is to be had for it"
        sizes = dict(zip(fit.table.drivers, np.exp(self.log_sizes)[:, None], strict=True))
        return str(fit.predict(sizes)["caution"].iloc[0])
