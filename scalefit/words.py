"""Results as text: what a fit says when printed."""

from __future__ import annotations

import html as markup
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ._format import counted, interval_text, key_texts, number, size_text, table_text
from .adjustment import ADJUSTED
from .inference import open_beyond
from .surface_words import (
    CONTRASTS_HEADING,
    contrasts_text,
    gains_heading,
    gains_text,
    surface_answer,
    surfaces_text,
)

if TYPE_CHECKING:
    from .fit import Fit, FitSet
    from .inference import Interval

__all__ = [
    "answer",
    "cautions",
    "html",
    "one_line",
    "set_cautions",
    "set_html",
    "set_summary",
    "summary",
    "surfaces_text",
    "tables",
    "verdict_text",
]

_SAYS = {
    "saturated": "saturated",
    "still_scaling": "still scaling",
    "no_scaling": "no scaling seen",
    "inconclusive": "cannot tell",
}

#: Heads the cautions.
READ = "read before use"
#: Rows that are listed by number.
_NAMED = 10


def verdict_text(verdict: str, strength: str = "") -> str:
    """Return a verdict in plain words, with its strength if it has one.

    Examples
    --------
    >>> verdict_text("no_scaling"), verdict_text("saturated", "firm")
    ('no scaling seen', 'saturated (firm)')
    """
    said = _SAYS[verdict]
    return said if verdict == "inconclusive" or not strength else f"{said} ({strength})"


def answer(fit: Fit) -> str:
    """Return the answer in two sentences: the verdict, and what ten times more buys.

    Of several drivers: what ten times more of each buys, and which of them limits the score.
    """
    if len(fit.table.drivers) > 1:
        return surface_answer(fit)
    found = fit.saturation()
    name = f"{fit.label}: " if fit.label else ""
    if found.withheld:
        return f"{name}cannot tell: {found.reason}."
    top = size_text(float(fit.candidates.sample.x.max()))
    return (
        f"{name}{verdict_text(found.verdict, found.strength)}: {found.reason}. "
        f"Ten times more {fit.driver} than {top} would improve {fit.table.score} by "
        f"{_amount(found.gain)} ({found.gain.label}); whichever surviving law is true, by "
        f"{_amount(found.robust_gain)}."
    )


def _amount(gain: Interval) -> str:
    """Return a gain as the object of "improve by"."""
    text = interval_text(*_three(gain))
    if text == "not identified":
        return "an amount that the data do not identify"
    return text.replace("above", "more than").replace("below", "less than")


def one_line(fit: Fit) -> str:
    """Return the fit in one line, for a repr."""
    name = f" {fit.label}" if fit.label else ""
    if len(fit.table.drivers) > 1:
        told = ", ".join(f"{driver} {_gain_text(fit, driver)}" for driver in fit.table.drivers)
        return f"<Fit{name}: {fit.law.name}, gain at 10x {told}>"
    found = fit.saturation()
    gain, verdict = interval_text(*_three(found.gain)), found.verdict.replace("_", " ")
    return (
        f"<Fit{name}: {fit.law.name}, {verdict} ({found.strength}), "
        f"gain at {found.factor:g}x {gain}>"
    )


def _gain_text(fit: Fit, driver: str) -> str:
    """Return what ten times more of one driver buys, as in :meth:`Fit.gains`.

    Only that is asked for: the table also has what holds whichever law is true, which takes long.
    """
    gain = fit.gain(driver=driver, inference=fit.settings.conditional)
    upper = float(open_beyond(gain.upper, fit.table.metrics[0].span))
    return interval_text(gain.estimate, gain.lower, upper)


def summary(fit: Fit) -> str:
    """Return the answer, the data, the law, its parameters and the cautions."""
    lines = [answer(fit), "", *(f"{name:<10}{text}" for name, text in facts(fit))]
    for heading, rows in tables(fit):
        lines += ["", *([heading] if heading else []), table_text(rows)]
    told = cautions(fit)
    if told:
        lines += ["", READ, *(f"- {text}" for text in told)]
    return "\n".join(lines)


def tables(fit: Fit) -> list[tuple[str, pd.DataFrame]]:
    """Return heading and text of the tables of a fit; the parameters come first, without one."""
    found = [("", parameters_text(fit.params)), *_tables_of_drivers(fit)]
    found.append(("laws tried (AICc weights are for display only)", laws_text(fit.laws)))
    if len(fit.outlier_effect):
        found.append((_outliers_heading(fit), _effect_text(fit.outlier_effect)))
    return found


def _tables_of_drivers(fit: Fit) -> list[tuple[str, pd.DataFrame]]:
    """Return the tables that only a fit of several drivers has."""
    if len(fit.table.drivers) == 1:
        return []
    found = [(gains_heading(fit), gains_text(fit.gains()))]
    if len(fit.contrasts):
        found.append((CONTRASTS_HEADING, contrasts_text(fit.contrasts)))
    return found


def facts(fit: Fit) -> list[tuple[str, str]]:
    """Return what was fitted: names and texts of table, score, law and curve."""
    sample, metric = fit.candidates.sample, fit.table.metrics[0]
    spans = " x ".join(
        f"{size_text(rows[name].min())} to {size_text(rows[name].max())} {name}"
        for rows in [fit.table.rows] for name in fit.table.drivers
    )  # fmt: skip
    table = (
        f"{fit.table.source}: {counted(int(sample.n[0]), 'run')} at "
        f"{counted(int(sample.n_sizes[0]), 'size')}, {spans}"
    )
    if len(fit.table.dropped):
        table += f"; {counted(fit.table.dropped['row'].nunique(), 'row')} left out"
    better = f"{metric.better} is better, by {metric.origin}"
    return [
        ("table", table),
        ("score", f"{fit.table.score} ({metric.name}; {better})"),
        ("law", f"{fit.law.name}: {fit.formula}"),
        ("curve", fit.curve),
    ]


def cautions(fit: Fit) -> list[str]:
    """Return each finding that is not all clear, the gravest first."""
    findings = fit.diagnostics
    return [_caution(row) for row in findings[findings.severity != "ok"].to_dict("records")]


def set_cautions(findings: pd.DataFrame) -> list[str]:
    """Return each of :attr:`FitSet.diagnostics` in one line, and of whom it holds."""
    told = []
    for row in findings.to_dict("records"):
        others = row["curves"] - 1
        more = f" and {counted(others, 'more curve')}" if others else ""
        whose = [f"{row['first']}{more}"] if row["first"] else []
        about = "; ".join([*whose, *([row["evidence"]] if row["evidence"] else [])])
        told.append(_caution(row | {"evidence": about}))
    return told


def _caution(row: Mapping[Hashable, Any]) -> str:
    """Return a finding in one line."""
    evidence, mend = f" ({row['evidence']})", f": {row['mend']}"
    return (
        f"[{row['severity']}] {row['message']}{evidence if row['evidence'] else ''}"
        f"{mend if row['mend'] else ''}"
    )


def parameters_text(params: pd.DataFrame) -> pd.DataFrame:
    """Return the parameter table with every number as text, open bounds as "open"."""
    rows = []
    for name, row in params.iterrows():
        width = row["upper"] - row["lower"]
        rows.append(
            {
                "parameter": name,
                "estimate": "not identified" if np.isnan(row["estimate"]) else number(
                    row["estimate"], width=width
                ),
                "std_error": number(row["std_error"]),
                "lower": "open" if np.isinf(row["lower"]) else number(row["lower"], width=width),
                "upper": "open" if np.isinf(row["upper"]) else number(row["upper"], width=width),
                "caution": row["caution"],
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def laws_text(laws: pd.DataFrame) -> pd.DataFrame:
    """Return the table of laws with every number as text."""
    shown = laws[["law", "n_params", "status"]].copy()
    for column in ("residual_sd", "lack_of_fit_p", "aicc", "weight"):
        shown[column] = [number(value) for value in laws[column]]
    shown["chosen"] = ["<-" if chosen else "" for chosen in laws["chosen"]]
    return shown


def _outliers_heading(fit: Fit) -> str:
    """Return which table :func:`_effect_text` is."""
    n = len(fit.outliers)
    return f"with and without the {counted(n, 'outlying run')} (rows {_rows_text(fit.outliers)})"


def _rows_text(outliers: pd.DataFrame) -> str:
    rows = sorted(outliers.index.tolist())
    more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    return ", ".join(map(str, rows[:_NAMED])) + more


def _effect_text(effect: pd.DataFrame) -> pd.DataFrame:
    """Return :attr:`Fit.outlier_effect` with intervals as text."""
    both = [
        {"quantity": name, "with all runs": interval_text(*all_runs[:3]),
         "without them": interval_text(*all_runs[3:])}
        for name, *all_runs in effect.itertuples()
    ]  # fmt: skip
    return pd.DataFrame(both)


def set_summary(fits: FitSet) -> str:
    """Return one line a curve, the count of inconclusive verdicts, and the cautions."""
    table = fits.table()
    if len(fits.all_rows.drivers) > 1:
        lines = [table_text(surfaces_text(table, fits.all_rows.by, fits.all_rows.drivers))]
    else:
        lines = [table_text(set_text(table)), count_text(table)]
    told = set_cautions(fits.diagnostics)
    return "\n".join([*lines, *(["", READ, *(f"- {text}" for text in told)] if told else [])])


def set_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return :meth:`FitSet.table` with gains as text intervals and sizes in plain words."""
    ends = ["lower", "upper", "bound_lower", "bound_upper"]
    shown = table.drop(columns=["gain", *ends, "margin", "published", "adjusted_verdict"]).copy()
    by = table.columns[: list(table.columns).index("runs")]
    shown[by] = key_texts(shown[by])
    triples = zip(table["gain"], table["lower"], table["upper"], strict=True)
    shown["gain at 10x"] = [interval_text(*triple) for triple in triples]
    shown["margin"] = [number(value) for value in table["margin"]]
    shown["published rule"] = [size_text(value) for value in table["published"]]
    return shown


def count_text(table: pd.DataFrame) -> str:
    """Return how many curves got which verdict, before and after adjustment for their number.

    The inconclusive ones are always counted.
    """
    text = f"{counted(len(table), 'curve')}: {_counts(table['verdict'])}"
    adjust = table.attrs.get("adjust")
    if adjust is None or not table.attrs["family"]:  # all are refused
        return text
    return (
        f"{text}\nadjusted for a family of {table.attrs['family']} ({ADJUSTED[adjust]}): "
        f"{_counts(table['adjusted_verdict'])}"
    )


def _counts(verdicts: pd.Series[str]) -> str:
    counts = verdicts.value_counts()
    parts = [
        f"{int(counts.get(v, 0))} {v}" for v in _SAYS if counts.get(v, 0) or v == "inconclusive"
    ]
    return ", ".join(parts)


def html(fit: Fit) -> str:
    """Return the fit for a notebook."""
    parts = [f"<p>{markup.escape(answer(fit))}</p>", _html_table(parameters_text(fit.params))]
    for heading, rows in _tables_of_drivers(fit):
        parts += [f"<p>{markup.escape(heading)}</p>", _html_table(rows)]
    return "".join(parts)


def set_html(fits: FitSet) -> str:
    """Return the set for a notebook."""
    table = fits.table()
    if len(fits.all_rows.drivers) > 1:
        parts = [_html_table(surfaces_text(table, fits.all_rows.by, fits.all_rows.drivers))]
    else:
        parts = [_html_table(set_text(table)), f"<p>{markup.escape(count_text(table))}</p>"]
    told = "".join(f"<li>{markup.escape(text)}</li>" for text in set_cautions(fits.diagnostics))
    return "".join([*parts, *([f"<p>{READ}</p><ul>{told}</ul>"] if told else [])])


def _html_table(table: pd.DataFrame) -> str:
    return str(table.to_html(index=False, escape=True))


def _three(interval: Interval) -> tuple[float, float, float]:
    return interval.estimate, interval.lower, interval.upper
