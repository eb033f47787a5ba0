"""Which sizes are hidden from a fit, what is forecast for them, and how that compares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .cuts import spread_out
from .estimate import Estimate
from .fit import Settings
from .inference import Intervals, join, within
from .laws import Law
from .pool import pooled
from .results import run_interval
from .sample import of_table
from .scoring import crps_two_piece_t, interval_score
from .selection import candidates
from .table import Table

__all__ = ["forecast_hidden"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def forecast_hidden(
    table: Table, last: Floats, laws: Sequence[Law], settings: Settings
) -> pd.DataFrame:
    """Forecast the runs above a size of each curve from those up to it, and score the forecasts.

    Parameters
    ----------
    table : Table
        G curves with one driver.
    last : array (G,)
        Largest size left in each curve.
    laws : sequence of Law
        The candidates.
    settings : Settings
        Noise, inference within a law, and level.

    Returns
    -------
    DataFrame
        One row per forecaster, curve and hidden size (at most six a curve): ``curve`` (its
        number), and the columns of :attr:`Backtest.table`.
    """
    seen = table.rows[table.drivers[0]].to_numpy(dtype=float) <= last[table.group]
    kept = replace(table, rows=table.rows[seen], group=table.group[seen])
    whole = of_table(table)
    hidden = (whole.count > 0) & (whole.x > last[:, None])
    curve, size = np.nonzero(spread_out(np.log(whole.x), hidden))
    x, runs = whole.x[curve, size], whole.runs[curve, size]
    sign = whole.frame.sign[curve]
    first = whole.x[curve, 0]
    about = {
        "curve": curve,
        "sizes_left": (whole.count[curve] > 0).sum(axis=1) - hidden[curve].sum(axis=1),
        "largest_left": last[curve],
        "size": x,
        "factor": x / last[curve],
        "distance": np.log(x / last[curve]) / np.log(last[curve] / first),
        "runs": whole.count[curve, size].astype(int),
        "observed": whole.mean[curve, size],
    }
    lower = np.array([table.metrics[g].lower for g in curve])
    upper = np.array([table.metrics[g].upper for g in curve])
    return pd.concat(
        [
            pd.DataFrame(
                about
                | {"forecaster": name, "law": law}
                | _scores(within(found, lower, upper), df, runs, about["observed"], sign)
            )
            for name, law, found, df in _forecasts(kept, curve, x, laws, settings)
        ],
        ignore_index=True,
    )


def _forecasts(
    kept: Table, curve: NDArray[np.intp], x: Floats, laws: Sequence[Law], settings: Settings
) -> Iterator[tuple[str, Any, Intervals, Floats]]:
    """Yield name, laws, intervals and degrees of freedom of every forecaster at ``x``.

    Size ``x[t]`` belongs to curve number ``curve[t]`` of the table; where nothing is forecast, the
    intervals are nan.
    """
    inference = settings.within_law

    def by_law(estimate: Estimate) -> tuple[Intervals, Floats]:
        many = estimate.take(curve)
        found = run_interval(many, x, settings.level, inference)
        # A law that the sizes do not carry, or that is open on both sides, forecasts nothing.
        open_ended = np.isinf(found.lower) & np.isinf(found.upper)
        return _without(found, ~many.applicable | open_ended), many.scale[1]

    weighed = settings.noise.weigh(of_table(kept))
    fitted = candidates(laws, weighed)
    span = fitted.spanning()
    asked = {e.law.name: e for e in (*fitted.estimates, *span.estimates)}
    answers = {name: by_law(item) for name, item in asked.items()}
    named = [e.law.name for e in fitted.estimates]
    for law in named:
        yield law, law, *answers[law]

    which, rows = fitted.chosen[curve], np.arange(curve.size)
    parts = [answers[law][0] for law in named]
    picked = np.stack([(part.estimate, part.lower, part.upper) for part in parts])[which, :, rows]
    value, lower, upper = picked.T
    chosen = Intervals(value, lower, upper, settings.level, parts[0].method)
    df = np.stack([answers[law][1] for law in named])[which, rows]
    yield "chosen", np.array(named, dtype=object)[which], chosen, df

    spanning = [e.law.name for e in span.estimates]
    surviving = span.surviving[:, curve]
    parts = [answers[law][0] for law in spanning]
    hull = join(parts, surviving, spanning)
    # One surviving law that limits nothing leaves the hull without limits.
    silent = np.stack([np.isnan(part.estimate) for part in parts])
    none = np.logical_not(surviving.any(axis=0)) | (surviving & silent).any(axis=0)
    fewest = np.where(surviving, np.stack([answers[law][1] for law in spanning]), np.inf)
    text = [" or ".join(law for law, s in zip(spanning, row, strict=True) if s)
            for row in surviving.T]  # fmt: skip
    df = np.where(none, 1.0, fewest.min(axis=0))
    yield "robust", np.array(text, dtype=object), _without(hull, none), df

    rivals = settings.rivals(laws)
    if rivals:
        pool = pooled(rivals, weighed)
        told = pool.forecast(curve, x, settings.level, "run")
        yield "pooled", np.array(pool.text(), dtype=object)[curve], told, pool.df[curve]


def _without(found: Intervals, nothing: Bools) -> Intervals:
    """Return intervals with nan where nothing is forecast."""
    return replace(
        found,
        estimate=np.where(nothing, np.nan, found.estimate),
        lower=np.where(nothing, np.nan, found.lower),
        upper=np.where(nothing, np.nan, found.upper),
    )


def _scores(
    found: Intervals, df: Floats, runs: Floats, observed: Floats, sign: Floats
) -> dict[str, Floats]:
    """Return forecast and scores at T sizes with runs ``(T, S)``."""
    low, high, level = found.lower[:, None], found.upper[:, None], found.level
    none = np.isnan(found.estimate)
    count = (~np.isnan(runs)).sum(axis=1)
    crps = crps_two_piece_t(found.estimate[:, None], low, high, level, df[:, None], runs)

    def mean(values: Floats) -> Floats:
        total = np.where(np.isnan(runs), 0.0, values).sum(axis=1) / count
        return np.where(none, np.nan, total)

    size = np.where(observed == 0, np.nan, np.abs(observed))
    return {
        "estimate": found.estimate,
        "lower": found.lower,
        "upper": found.upper,
        "covered": mean(((runs >= low) & (runs <= high)).astype(float)),
        "interval_score": mean(interval_score(low, high, level, runs)),
        "crps": mean(crps),
        "signed_error": sign * (found.estimate - observed) / size,
    }
