"""Runs far off the curve: which they are, and the fit without them beside the fit with them."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from ._columns import ROW
from ._copies import step_of
from ._format import counted
from .errors import FitError
from .estimands import Gain
from .estimate import Estimate
from .inference import Inference
from .metrics import Metric
from .noise import Noise
from .results import parameter_table, residuals
from .sample import of_table
from .selection import Candidates, ask, candidates
from .table import Table

__all__ = ["FAR", "effect_of_leaving_out", "outlying_runs", "refit", "rows_without"]

#: Robust standard deviations from the median residual beyond which a run is outlying.
FAR = 5.0
#: A curve needs this many sizes of every driver.
_FEWEST_SIZES = 2
#: Fewer runs do not tell what is usual.
_MIN_RUNS = 6


def outlying_runs(estimate: Estimate, table: Table) -> pd.DataFrame:
    """Return the runs of a single curve that lie far off it, the farthest first.

    Standardised residuals are compared with their median, in units of 1.4826 times their median
    absolute deviation from it, or of the error of rounding where that is larger: scores of few
    decimals often agree, and half of the residuals may then be far smaller than a step.

    Returns
    -------
    DataFrame
        Index ``row`` (the 1-based data row); columns the drivers, the score, fitted, and distance
        (in robust standard deviations, with the sign of the residual).
    """
    rows = table.rows
    sizes = [rows[name].to_numpy(dtype=float) for name in table.drivers]
    y = rows[table.score].to_numpy(dtype=float)
    fitted, standard = residuals(estimate, sizes[0], y, sizes[1:])
    gap = standard - np.median(standard)
    spread = 1.4826 * float(np.median(np.abs(gap)))
    far = np.zeros(0, dtype=np.intp)
    distance = np.zeros_like(gap)
    if spread > 1e-12 and len(y) >= _MIN_RUNS:
        rounded = y + step_of(y) / np.sqrt(12.0)  # the deviation of an even error of one step
        rounding = np.abs(residuals(estimate, sizes[0], rounded, sizes[1:])[1] - standard)
        distance = gap / np.maximum(spread, rounding)
        far = np.flatnonzero(np.abs(distance) > FAR)
        far = far[np.argsort(-np.abs(distance[far]), kind="stable")]
    told = {name: values[far] for name, values in zip(table.drivers, sizes, strict=True)}
    told |= {table.score: y[far], "fitted": fitted[far], "distance": distance[far]}
    return pd.DataFrame(told, index=pd.Index(rows[ROW].iloc[far].to_numpy(dtype=int), name="row"))


def rows_without(table: Table, left_out: Iterable[int]) -> Table:
    """Return a table without some of its rows, by their 1-based number."""
    try:
        numbers = [operator.index(row) for row in left_out]
    except TypeError:
        raise FitError(f"rows {left_out!r}; give their numbers, such as [3, 7]") from None
    unknown = sorted({*numbers} - {*table.rows[ROW].tolist()})
    if unknown:
        raise FitError(f"there is no row {unknown[0]} in {table.source}")
    kept = ~table.rows[ROW].isin(numbers).to_numpy()
    left = table.rows[kept]
    for name in table.drivers:
        sizes = left[name].nunique()
        if sizes < _FEWEST_SIZES:
            raise FitError(
                f"without these rows {counted(len(left), 'row')} at {counted(sizes, 'size')} of "
                f"{name!r} would be left, and a curve has {_FEWEST_SIZES} sizes or more; leave "
                "fewer out"
            )
    return replace(table, rows=left, group=table.group[kept])


def refit(table: Table, noise: Noise, fitted: Candidates) -> Candidates:
    """Return the same laws fitted to another table."""
    return candidates([each.law for each in fitted.estimates], noise.weigh(of_table(table)))


def effect_of_leaving_out(
    whole: Candidates,
    less: Candidates,
    metric: Metric,
    level: float,
    inference: Inference,
) -> pd.DataFrame:
    """Return the tenfold gain and the parameters of a single curve in two fits, side by side.

    Returns
    -------
    DataFrame
        Index ``quantity``; columns estimate, lower, upper, and the same with ``_without``. A
        parameter that only one of the two chosen laws has is nan in the other. With two drivers
        there is no gain.
    """
    both = [_answers(each, metric, level, inference) for each in (whole, less)]
    order = list(dict.fromkeys([*both[0].index, *both[1].index]))
    after = both[1].add_suffix("_without").reindex(order)
    joined = pd.concat([both[0].reindex(order), after], axis=1)
    joined.index.name = "quantity"
    return joined


def _answers(
    fitted: Candidates, metric: Metric, level: float, inference: Inference
) -> pd.DataFrame:
    chosen = fitted.estimates[int(fitted.chosen[0])]
    table = parameter_table(chosen, metric, level, inference)[["estimate", "lower", "upper"]]
    if fitted.sample.frame.other:
        return table
    gain = ask(fitted, [(Gain(10.0), level)], inference)[0][0]
    first = pd.DataFrame(
        [[gain.estimate, gain.lower, gain.upper]], index=["gain at 10x"], columns=table.columns
    )
    return pd.concat([first, table])
