"""The published saturation rule of DenAdel et al. 2026, exactly as it was applied."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._columns import Names, find_columns
from ._grouping import group_rows
from ._numbers import parse_numbers
from .errors import FitError
from .table import OnBad, Table, as_frame, make_table

__all__ = ["published_saturation", "published_sizes"]


def published_saturation(
    df: pd.DataFrame | Mapping[str, Any] | str | os.PathLike[str] | IO[Any],
    *,
    by: Names | None = None,
    threshold: float = 0.95,
    score: str | None = None,
    drivers: Names | None = None,
    on_bad: OnBad = "raise",
) -> pd.DataFrame:
    """Apply the published rule for the size at which learning saturates.

    Untrained baselines (rows of size zero) are left out. Within each group the bar is
    ``threshold`` times the best single run over all sizes and seeds, and the saturation point is
    the smallest size at which any single run lies strictly above the bar.

    Parameters
    ----------
    df : DataFrame, mapping of columns, path or file object
        One row for each run.
    by : str or sequence of str, optional
        One saturation point for each combination of values in these columns.
    threshold : float
        Between 0 and 1.
    score, drivers : str, optional
        Columns of scores and sizes, where their names do not say it.
    on_bad : {"raise", "drop"}
        Whether other rows that cannot be used are refused or left out.

    Returns
    -------
    pandas.DataFrame
        One row for each group with the ``by`` columns and

        best_score
            The best single run.
        threshold_score
            The bar.
        saturation
            The saturation point in the unit of the driver; ``nan`` where no run passes the bar,
            which takes a best score of zero or less.
        saturation_percent
            The same in percent of the full data: the value of a ``percent`` (or ``percentage``)
            column at that size if there is one, else relative to the largest size in the whole
            table, since a group may stop short of the full data.
        n_runs, n_left_out
            Runs used, and rows of size zero left out.

    Raises
    ------
    FitError
        Lower scores are better, for which the rule was not defined, or the threshold is not
        between 0 and 1.
    TableError
        The table cannot be used as it is.

    Notes
    -----
    The rule compares heights, not gains: it names a saturation point for curves that still rise.

    References
    ----------
    A. DenAdel et al., Nature Methods 2026, doi 10.1038/s41592-026-03120-y; code at
    https://github.com/microsoft/scFM-dataselection.

    Examples
    --------
    >>> runs = {"cells": [0, 1e5, 1e6, 1e7], "accuracy": [0.3, 0.70, 0.79, 0.80]}
    >>> published_saturation(runs).iloc[0].to_dict()
    {'best_score': 0.8, 'threshold_score': 0.76, 'saturation': 1000000.0,
     'saturation_percent': 10.0, 'n_runs': 3.0, 'n_left_out': 1.0}
    """
    if not 0 < threshold < 1:
        raise FitError(f"threshold={threshold!r} is not between 0 and 1; the paper used 0.95")
    frame = as_frame(df)
    source = str(frame.attrs.get("source", "DataFrame"))
    columns = find_columns(frame, source, score=score, drivers=drivers, by=by)
    if "source" not in frame.attrs:  # rows keep their numbers when the untrained ones go
        frame = frame.reset_index(drop=True)
        frame.attrs = {"source": source}
    driver, *others = columns.drivers
    if others:
        raise FitError(
            f"{source}: the published rule is about one size, not {list(columns.drivers)!r}; pass "
            f"drivers={driver!r}"
        )
    untrained = parse_numbers(frame[driver], counts=True)[0] == 0
    codes, untrained_keys = group_rows(frame[untrained], columns.by)
    n_left_out = dict(zip(untrained_keys, np.bincount(codes).tolist(), strict=False))
    trained = frame[~untrained]
    table = make_table(trained, score=score, drivers=drivers, by=by, on_bad=on_bad)
    for i, metric in enumerate(table.metrics):
        if metric.better == "lower":
            raise FitError(
                f"{source}: the published rule is defined where higher scores are better, but of "
                f"{metric.name!r} in {table.label(i)} lower ones are (by {metric.origin}); leave "
                "these groups out"
            )
    keys = list(dict.fromkeys([*table.keys, *n_left_out]))  # some may have untrained rows only
    group, n = table.group, len(keys)
    sizes, scores = (table.rows[name].to_numpy() for name in (table.drivers[0], table.score))
    best, saturation = _apply_rule(sizes, scores, group, n, threshold)
    at_point = sizes == saturation[group]
    percent = np.full(n, math.nan)
    percent[group[at_point]] = _percent(trained, sizes, table.rows.index.to_numpy())[at_point]
    return pd.DataFrame(keys, columns=list(table.by)).assign(
        best_score=best,
        threshold_score=threshold * best,
        saturation=saturation,
        saturation_percent=percent,
        n_runs=np.bincount(group, minlength=n),
        n_left_out=[n_left_out.get(key, 0) for key in keys],
    )


def published_sizes(table: Table, threshold: float = 0.95) -> NDArray[np.float64]:
    """Return the rule's saturation point of every curve of a checked table, in driver units.

    ``nan`` where lower scores are better or a size has two drivers, for which the rule was not
    defined.
    """
    sizes, scores = (table.rows[name].to_numpy() for name in (table.drivers[0], table.score))
    _, saturation = _apply_rule(sizes, scores, table.group, table.n_groups, threshold)
    one = len(table.drivers) == 1
    defined = [one and metric.better == "higher" for metric in table.metrics]
    return np.where(defined, saturation, math.nan)


def _apply_rule(
    sizes: NDArray[np.float64],
    scores: NDArray[np.float64],
    group: NDArray[np.intp],
    n: int,
    threshold: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the best single run of each of ``n`` groups, and the smallest size passing the bar."""
    best = np.full(n, -math.inf)
    np.maximum.at(best, group, scores)
    best[np.isinf(best)] = math.nan
    above = scores > (threshold * best)[group]
    saturation = np.full(n, math.inf)
    np.minimum.at(saturation, group[above], sizes[above])
    saturation[np.isinf(saturation)] = math.nan
    return best, saturation


def _percent(
    trained: pd.DataFrame, sizes: NDArray[np.float64], positions: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the size of each row in percent of the full data."""
    for name in trained.columns:
        if name.strip().casefold() in ("percent", "percentage"):
            percent: NDArray[np.float64] = parse_numbers(trained[name], counts=False)[0]
            return percent[positions]
    return 100 * sizes / float(sizes.max())
