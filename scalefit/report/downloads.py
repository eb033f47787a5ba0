"""The tables behind a report as CSV, numbers to ten digits; JSON has them all in full."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pandas as pd

from ..backtest import Backtest
from ..comparison import Comparison
from .model import CurveReport, Report

__all__ = ["csv_text", "downloads"]

#: Signs at which spreadsheets take a text for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def downloads(report: Report) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield name and rows of each table."""
    yield "curves", _by_curve(report, _curve_row)
    yield "parameters", _by_curve(report, lambda curve: curve.fit.params.reset_index())
    yield "laws", _by_curve(report, lambda curve: curve.laws)
    for name in () if report.judged else ("gains", "contrasts", "best"):
        yield name, _by_curve(report, partial(_of_drivers, name))
    if report.judged:
        yield "gains", _by_curve(report, _gain_rows)
        yield "forecasts", _by_curve(report, lambda curve: curve.forecast)
        yield "tests", _by_curve(
            report,
            lambda curve: curve.tests[["test", "statistic", "p", "method", "says"]],
        )  # fmt: skip
    yield "findings", _by_curve(report, lambda curve: curve.diagnostics)
    if isinstance(report.compared, Comparison):
        yield "comparison", report.compared.table
    if isinstance(report.tested, Backtest):
        yield "backtest", report.tested.coverage
        rows = report.tested.table
        yield "backtest_forecasts", rows[rows["forecaster"].isin(["chosen", "robust", "pooled"])]
    yield "runs", report.table.rows.rename(columns={"_row": "row of the table"})
    if len(report.table.dropped):
        yield "left_out", report.table.dropped


def _of_drivers(name: str, curve: CurveReport) -> pd.DataFrame | None:
    """Return a table of several drivers, its rows named in a column."""
    found: pd.DataFrame | None = getattr(curve.surface, name, None)
    return found.reset_index() if found is not None and name == "gains" else found


def csv_text(rows: pd.DataFrame) -> str:
    r"""Return rows as CSV that a spreadsheet reads as data.

    A text that begins like a formula gets an apostrophe before it, in names of columns as well.

    Examples
    --------
    >>> csv_text(pd.DataFrame({"label": ["=1+1", "b"], "gain": [-0.5, 0.1]}))
    "label,gain\n'=1+1,-0.5\nb,0.1\n"
    """
    safe = rows.map(_harmless)
    safe.columns = pd.Index([_harmless(str(name)) for name in rows.columns])
    return str(safe.to_csv(index=False, lineterminator="\n", float_format="%.10g"))


def _harmless(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _by_curve(report: Report, rows: Callable[[CurveReport], pd.DataFrame | None]) -> pd.DataFrame:
    """Return rows of all curves below each other, with the number and the key of each."""
    parts = []
    names = list(report.table.by)
    for i, curve in enumerate(report.curves):
        part = rows(curve)
        if part is None or part.empty:
            continue
        key = pd.DataFrame(
            [[i + 1, *curve.fit.table.keys[0]]] * len(part), columns=["curve", *names],
            index=part.index, dtype=object,
        )  # fmt: skip
        parts.append(pd.concat([key, part], axis=1))
    if not parts:
        return pd.DataFrame(columns=["curve", *names])
    return pd.concat(parts, ignore_index=True)


def _curve_row(curve: CurveReport) -> pd.DataFrame:
    fit, found = curve.fit, curve.found
    row: dict[str, Any] = {
        "runs": int(fit.candidates.sample.n[0]), "sizes": int(fit.candidates.sample.n_sizes[0]),
        "law": fit.law.name, "fitted_curve": fit.curve,
    }  # fmt: skip
    if found is not None:
        gain, robust = found.gain, found.robust_gain
        row |= {
            "verdict": found.verdict, "strength": found.strength, "reason": found.reason,
            "factor": found.factor, "margin": found.margin, "gain": gain.estimate,
            "gain_lower": gain.lower, "gain_upper": gain.upper, "gain_method": gain.label,
            "whichever_law_lower": robust.lower, "whichever_law_upper": robust.upper,
            "one_sided_lower": found.lower, "one_sided_upper": found.upper,
            "published_rule": found.published,
        }  # fmt: skip
    return pd.DataFrame([row])


def _gain_rows(curve: CurveReport) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"factor": rung.factor, "size": rung.size, "assuming": assuming,
             "gain": found.estimate, "lower": found.lower, "upper": found.upper,
             "method": found.label}
            for rung in curve.gains
            for assuming, found in (("law", rung.given), ("any surviving law", rung.whichever))
        ]
    )  # fmt: skip
