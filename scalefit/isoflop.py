"""The best size at each budget by a parabola through the runs of that budget, beside the law's.

Approach 2 of Hoffmann et al. 2022 (arXiv:2203.15556) fits, for each budget, a parabola of the score
in the log size, and a power law through the lowest points; approach 1 takes the best run of each
budget. Both are biased even without noise where sizes are not centred on the optimum, where their
range is wide, or where the exponents differ (arXiv:2603.22339): how much is told beside each
answer, from the fitted law at the very sizes that were run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from ._format import counted, interval_text, number, table_text
from .errors import FitError
from .estimands import Cost, SharePower, as_cost, best_place
from .isoflop_plot import plot_isoflop
from .results import mean_curve
from .settings import need_cost, need_one_curve, need_two_drivers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .fit import Fit

__all__ = ["IsoFlop", "isoflop"]

Floats = NDArray[np.float64]
#: Runs whose costs differ by no more than this share have one budget.
_ALIKE = 0.10
#: Distinct sizes that a parabola and its curvature need.
_SIZES = 4
#: Points of a drawn parabola.
_DRAWN = 41
#: Budgets that a power law needs to have an error.
_BUDGETS = 3


@dataclass(frozen=True)
class _Parabola:
    """A parabola of benefit in log size, with its top and the ends of its interval."""

    centre: float
    coefficients: Floats
    top: float
    lower: float
    upper: float

    @classmethod
    def through(cls, log_size: Floats, benefit: Floats, level: float) -> _Parabola:
        """Return the least-squares parabola; the interval of its top is by Fieller's theorem.

        Fieller 1954, doi:10.1111/j.2517-6161.1954.tb00159.x, for the ratio of slope and curvature.
        """
        centre = float(log_size.mean())
        x = log_size - centre
        design = np.stack([np.ones_like(x), x, x * x], axis=1)
        inverse = np.linalg.inv(design.T @ design)
        coefficients = inverse @ design.T @ benefit
        _, slope, bend = coefficients
        top = -slope / (2.0 * bend) if bend < 0 else np.nan
        df = x.size - 3
        lower, upper = -np.inf, np.inf
        if df > 0 and bend < 0:
            rest = benefit - design @ coefficients
            variance = inverse * (rest @ rest / df) * stdtrit(df, 0.5 + 0.5 * level) ** 2
            a = 4.0 * (bend * bend - variance[2, 2])
            b = 4.0 * (slope * bend - variance[1, 2])
            c = slope * slope - variance[1, 1]
            if a > 0:
                root = np.sqrt(max(b * b - 4.0 * a * c, 0.0))
                lower, upper = ((-b - root) / (2.0 * a), (-b + root) / (2.0 * a))
        return cls(centre, coefficients, centre + top, centre + lower, centre + upper)

    def at(self, log_size: Floats) -> Floats:
        """Return the benefit at log sizes."""
        x = log_size - self.centre
        found: Floats = self.coefficients @ np.stack([np.ones_like(x), x, x * x])
        return found


@dataclass(frozen=True)
class IsoFlop:
    """Best sizes by budget, and the powers of compute with which they grow; by :func:`isoflop`.

    Parameters
    ----------
    budgets : DataFrame
        One row a budget: budget, runs, sizes; for each driver the size at the top of the parabola
        with ``_lower`` and ``_upper``, ``_by_law`` (that of the fitted law) and ``_best_run``; the
        score ``_by_law`` at the best sizes of the law;
        bias (the first driver's size at the top of a parabola through the law's own values at the
        same sizes, over the law's best size: 1 is none); status (why it does not count; empty if it
        does).
    powers : DataFrame
        Index approach: "law", "parabola", "envelope"; for each driver ``_power`` with ``_lower``
        and ``_upper``, budgets, bias (of the first power, from the law's own values), note.
    runs : DataFrame
        The runs that were used: budget, the drivers, the score.
    curves : DataFrame
        The parabolas over the sizes of their runs: budget, the first driver, the score.
    drivers : tuple of str
        Columns of the sizes.
    score : str
        Column of the score.
    cost : str
        What a run costs, in words.
    """

    budgets: pd.DataFrame
    powers: pd.DataFrame
    runs: pd.DataFrame
    curves: pd.DataFrame
    drivers: tuple[str, ...]
    score: str
    cost: str

    def text(self) -> pd.DataFrame:
        """Return the powers with their intervals as text."""
        rows = []
        for approach, row in self.powers.iterrows():
            texts = {"approach": str(approach)}
            for name in (f"{driver}_power" for driver in self.drivers):
                three = [float(row[column]) for column in (name, f"{name}_lower", f"{name}_upper")]
                texts[name] = number(three[0]) if np.isinf(three[1]) else interval_text(*three)
            rows.append({**texts, "bias": number(row["bias"]), "note": row["note"]})
        return pd.DataFrame(rows)

    def __str__(self) -> str:
        return f"powers of compute ({self.cost})\n{table_text(self.text())}"

    def __repr__(self) -> str:
        used = int((self.budgets["status"] == "").sum())
        return (
            f"<IsoFlop of {counted(len(self.budgets), 'budget')}, "
            f"{used} with a top inside their sizes>"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the runs of each budget with their parabolas; the law's best run is marked."""
        return plot_isoflop(self, ax)


def isoflop(
    fit: Fit,
    cost: str | Cost | Callable[[Any, Any], Any] = "6ND",
    *,
    level: float | None = None,
    alike: float = _ALIKE,
) -> IsoFlop:
    """Return the best sizes by parabolas and by the best runs, beside those of a fitted law.

    Parameters
    ----------
    fit : Fit
        Of a law of two drivers.
    cost : str, Cost or callable
        As in :func:`optimum`.
    level : float, optional
        Coverage of intervals; that of the fit if not given.
    alike : float
        Sorted by cost, a run belongs to the budget of the one before it if it costs at most this
        share more.

    Returns
    -------
    IsoFlop

    Raises
    ------
    FitError
        If no budget has four sizes, or a driver is compute and the cost ``"6ND"``.
    TableError
        If the table does not have two drivers.

    Notes
    -----
    Read the law's powers first. Parabolas are for comparison with papers that use them: their
    error does not vanish with more runs, and their intervals know nothing of it.

    Examples
    --------
    >>> import scalefit as sf
    >>> rng = np.random.default_rng(0)
    >>> budget = np.repeat(10.0 ** np.arange(18, 22), 9)
    >>> params = np.sqrt(budget / 600) * np.tile(10 ** np.linspace(-.7, .9, 9), 4)
    >>> tokens = budget / (6 * params)
    >>> loss = (1.8 + 480 * params**-.35 + 2100 * tokens**-.37) * np.exp(rng.normal(0, .001, 36))
    >>> runs = {"params": params, "tokens": tokens, "loss": loss}
    >>> fit = sf.fit(runs, drivers=["params", "tokens"], law="additive")
    >>> found = sf.isoflop(fit)
    >>> found
    <IsoFlop of 4 budgets, 4 with a top inside their sizes>
    >>> found.powers[["params_power", "params_power_lower", "params_power_upper"]].round(2)
              params_power  params_power_lower  params_power_upper
    approach
    law               0.51                0.51                0.52
    parabola          0.51                0.50                0.52
    envelope          0.50                -inf                 inf
    """
    need_one_curve(fit, "sf.isoflop")
    price, drivers = as_cost(cost), fit.table.drivers
    need_two_drivers(fit)
    need_cost(fit, price)
    level = fit.settings.level if level is None else level
    rows = fit.table.rows
    first, second = (rows[name].to_numpy(dtype=float) for name in drivers)
    score = rows[fit.table.score].to_numpy(dtype=float)
    log_cost = np.log(price.of(first, second))
    number_of = _grouped(log_cost, alike)
    sign = float(fit.table.metrics[0].sign)
    by_law = mean_curve(fit.estimate, first, [second])
    told, used, curves = [], [], []
    for k in range(number_of.max() + 1):
        mine = number_of == k
        budget = float(np.exp(log_cost[mine].mean()))
        row, found = _budget(
            fit, budget, np.log(first[mine]), sign * score[mine], sign * by_law[mine], price, level
        )
        best = int(np.argmax(sign * score[mine]))
        for name, sizes in zip(drivers, (first, second), strict=True):
            row[f"{name}_best_run"] = float(sizes[mine][best])
        told.append(row)
        used.append(pd.DataFrame({
            "budget": budget, drivers[0]: first[mine], drivers[1]: second[mine],
            fit.table.score: score[mine],
        }))  # fmt: skip
        if found is not None:
            low, high = np.log([first[mine].min(), first[mine].max()])
            grid = np.linspace(low, high, _DRAWN)
            curves.append(pd.DataFrame({
                "budget": budget, drivers[0]: np.exp(grid), fit.table.score: sign * found.at(grid),
            }))  # fmt: skip
    budgets = pd.DataFrame(told)
    if not (budgets["sizes"] >= _SIZES).any():
        raise FitError(
            f"no budget has {_SIZES} sizes or more: runs whose costs differ by at most "
            f"{100 * alike:g} % make {len(budgets)} budgets of {len(rows)} runs; parabolas need "
            "several sizes at one cost; sf.isoflop(fit, alike=0.2) in Python allows more"
        )
    powers = _powers(fit, budgets, price, level)
    shown, drawn = (pd.concat(parts, ignore_index=True) for parts in (used, curves))
    return IsoFlop(budgets, powers, shown, drawn, drivers, fit.table.score, price.label)


def _grouped(log_cost: Floats, alike: float) -> NDArray[np.intp]:
    """Return the number of the budget of each run, in the order of cost."""
    order = np.argsort(log_cost, kind="stable")
    steps = np.concatenate([[0], np.diff(log_cost[order]) > np.log1p(alike)])
    number_of = np.empty(log_cost.size, dtype=np.intp)
    number_of[order] = np.cumsum(steps)
    return number_of


def _budget(
    fit: Fit, budget: float, log_size: Floats, benefit: Floats, by_law: Floats, cost: Cost,
    level: float,
) -> tuple[dict[str, Any], _Parabola | None]:  # fmt: skip
    """Return what is told of one budget, and its parabola if it has sizes enough for one."""
    first, second = fit.table.drivers
    place = best_place(
        fit.law, fit.estimate.coefficients, fit.estimate.shapes(), fit.estimate.sample.frame, cost,
        budget,
    )  # fmt: skip
    best = float(place[0][0])
    sizes = np.unique(log_size).size
    row: dict[str, Any] = {"budget": budget, "runs": log_size.size, "sizes": sizes}
    log_budget = np.log(budget)
    if sizes < _SIZES:
        found, ends, bias, status = None, [np.nan, -np.inf, np.inf], np.nan, "too few sizes"
    else:
        found = _Parabola.through(log_size, benefit, level)
        ends = [found.top, found.lower, found.upper]
        own = _Parabola.through(log_size, by_law, level)
        bias = float(np.exp(own.top - best))
        inside = log_size.min() < found.top < log_size.max()
        status = "" if inside else "no top inside the sizes"
    with np.errstate(over="ignore"):
        row |= dict(zip([first, f"{first}_lower", f"{first}_upper"], np.exp(ends), strict=True))
        others = [float(cost.second(np.float64(end), log_budget)) for end in ends]
        turned = [others[0], others[2], others[1]]  # more of one is less of the other
        names = [second, f"{second}_lower", f"{second}_upper"]
        row |= dict(zip(names, np.exp(turned), strict=True))
    one, other = np.exp(place[0]), np.exp(place[1])
    row |= {f"{first}_by_law": float(one[0]), f"{second}_by_law": float(other[0])}
    row[f"{fit.table.score}_by_law"] = float(mean_curve(fit.estimate, one, [other])[0])
    row |= {"bias": bias, "status": status}
    return row, found


def _powers(fit: Fit, budgets: pd.DataFrame, cost: Cost, level: float) -> pd.DataFrame:
    """Return the power of compute with which the best size grows, by each approach."""
    first, second = fit.table.drivers
    log_budget = np.log(budgets["budget"].to_numpy())
    middle = float(np.exp(log_budget.mean()))
    given = [fit.ask(SharePower(middle, d, cost), level) for d in (0, 1)]
    counts = (budgets["status"] == "").to_numpy()
    tops = np.log(budgets[[first, second]].to_numpy()[counts])
    unbiased = np.log(budgets[f"{first}_by_law"].to_numpy()[counts])
    of_law = unbiased + np.log(budgets["bias"].to_numpy()[counts])
    best = np.log(budgets[[f"{first}_best_run", f"{second}_best_run"]].to_numpy())
    lines = [_line(log_budget[counts], tops[:, d], level) for d in (0, 1)]
    bias = _line(log_budget[counts], of_law - unbiased, level)[0]
    runs = [(_line(log_budget, best[:, d], level)[0], -np.inf, np.inf) for d in (0, 1)]
    few = f"fewer than {_BUDGETS} budgets with a top inside their sizes"
    rows = {
        "law": ([(g.estimate, g.lower, g.upper) for g in given], len(budgets), 0.0, given[0].label),
        "parabola": (
            lines, int(counts.sum()), bias,
            few if counts.sum() < _BUDGETS else "its interval knows nothing of its bias",
        ),
        "envelope": (runs, len(budgets), np.nan, "the best run of each budget; description only"),
    }  # fmt: skip
    told = {}
    for approach, (pairs, n, off, note) in rows.items():
        row: dict[str, Any] = {}
        for name, (value, lower, upper) in zip((first, second), pairs, strict=True):
            row |= {f"{name}_power": value, f"{name}_power_lower": lower,
                    f"{name}_power_upper": upper}  # fmt: skip
        told[approach] = {**row, "budgets": n, "bias": off, "note": note}
    table = pd.DataFrame.from_dict(told, orient="index")
    table.index.name = "approach"
    return table


def _line(x: Floats, y: Floats, level: float) -> tuple[float, float, float]:
    """Return the slope of a least-squares line with its t interval; open with two points."""
    if x.size < 2:
        return np.nan, -np.inf, np.inf
    centred = x - x.mean()
    total = float(centred @ centred)
    slope = float(centred @ y) / total
    df = x.size - 2
    if df < 1:
        return slope, -np.inf, np.inf
    rest = y - y.mean() - slope * centred
    half = float(stdtrit(df, 0.5 + 0.5 * level) * np.sqrt(rest @ rest / df / total))
    return slope, slope - half, slope + half
