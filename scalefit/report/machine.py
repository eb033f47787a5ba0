"""A report as JSON: every number in full, for other programs.

JSON has neither infinity nor nan, so both are written as null. An object with an infinite value
lists its key under ``"open"``: ``{"estimate": 0.05, "lower": 0.01, "upper": null, "open":
["upper"]}`` is bounded below only. A null that is not listed is not known.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from ..backtest import Backtest
from ..comparison import Comparison
from ..inference import Interval
from .model import CurveReport, Report

__all__ = ["SCHEMA", "as_json", "backtest_form", "curve_form", "form", "plain_values"]

SCHEMA = "scalefit report 1"


def as_json(value: Any) -> str:
    """Return any form of this module as JSON text, in ASCII so that no label can harm a terminal.

    Examples
    --------
    >>> print(as_json({"size": 2.0, "upper": float("inf"), "sd": float("nan")}))
    {
     "size": 2.0,
     "upper": null,
     "sd": null,
     "open": [
      "upper"
     ]
    }
    """
    return json.dumps(plain_values(value), indent=1, allow_nan=False)


def form(report: Report) -> dict[str, Any]:
    """Return the whole report as values that :func:`as_json` takes."""
    table, settings = report.table, report.curves[0].fit.settings
    return {
        "schema": SCHEMA,
        "versions": report.versions,
        "table": {
            "source": table.source,
            "sha256": table.sha256,
            "rows_given": table.n_given,
            "rows_used": len(table.rows),
            "score": table.score,
            "drivers": table.drivers,
            "by": table.by,
            "dropped": table.dropped,
            "findings": report.findings,
        },
        "settings": asdict(settings),
        "counts": report.counts,
        "curves": [curve_form(curve) for curve in report.curves],
        "backtest": report.tested
        if isinstance(report.tested, str)
        else backtest_form(report.tested),
        "comparison": report.compared.table
        if isinstance(report.compared, Comparison)
        else report.compared,
        "checklist": [item._asdict() for item in report.checklist],
        "methods": report.methods,
        "references": report.references,
        "code": report.code,
    }


def curve_form(curve: CurveReport) -> dict[str, Any]:
    """Return one curve of a report."""
    fit, found = curve.fit, curve.found
    sample = fit.candidates.sample
    used = sample.count[0] > 0
    content = {
        "key": dict(zip(fit.table.by, fit.table.keys[0], strict=True)),
        "label": curve.label,
        "metric": asdict(fit.table.metrics[0]),
        "sizes": {
            "size": sample.x[0, used], "runs": sample.count[0, used], "mean": sample.mean[0, used],
        },
        "answer": curve.answer,
        "law": fit.law.name,
        "formula": fit.formula,
        "curve": fit.curve,
        "exponent": None if curve.exponent is None else _interval(curve.exponent),
        "parameters": fit.params.reset_index(),
        "laws": curve.laws,
        "diagnostics": curve.diagnostics,
    }  # fmt: skip
    if curve.surface is not None:
        surface = curve.surface
        return content | {
            "gains": surface.gains.reset_index(),
            "contrasts": surface.contrasts, "best_runs": surface.best,
        }  # fmt: skip
    assert found is not None  # of one driver
    return content | {
        "verdict": found.verdict,
        "strength": found.strength,
        "reason": found.reason,
        "factor": found.factor,
        "margin": found.margin,
        "gain": _interval(found.gain),
        "robust_gain": _interval(found.robust_gain),
        "one_sided_bounds": {"lower": found.lower, "upper": found.upper},
        "gains": [
            {"factor": rung.factor, "size": rung.size, "given_law": _interval(rung.given),
             "whichever_law": _interval(rung.whichever)}
            for rung in curve.gains
        ],
        "forecast": curve.forecast,
        "points": curve.points,
        "tests": curve.tests,
    }  # fmt: skip


def backtest_form(found: Backtest) -> dict[str, Any]:
    """Return how forecasts of hidden sizes did."""
    return {
        "level": found.level, "holdout": found.holdout, "coverage": found.coverage,
        "scores": found.scores, "weights": found.weights.to_dict(),
        "forecasts": found.table, "skipped": found.skipped,
    }  # fmt: skip


def plain_values(value: Any) -> Any:
    """Return a value in JSON's own types, a table as a mapping a row; see the module on nan."""
    if isinstance(value, pd.DataFrame):
        return plain_values(value.to_dict("records"))
    if isinstance(value, Mapping):
        content = {str(key): plain_values(item) for key, item in value.items()}
        ends = [str(key) for key, item in value.items() if _is_float(item) and math.isinf(item)]
        return content | ({"open": ends} if ends else {})
    if isinstance(value, np.ndarray):
        return plain_values(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain_values(item) for item in value]
    if isinstance(value, (np.integer, np.bool_)):
        return value.item()
    if _is_float(value):
        return float(value) if math.isfinite(value) else None
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    return value if isinstance(value, (str, int, bool)) else str(value)


def _is_float(value: Any) -> bool:
    return isinstance(value, (float, np.floating))


def _interval(found: Interval) -> dict[str, Any]:
    return {
        "estimate": found.estimate, "lower": found.lower, "upper": found.upper,
        "level": found.level, "method": found.method,
    }  # fmt: skip
