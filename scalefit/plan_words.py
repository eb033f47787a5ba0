"""A plan as text: what decides most often, all proposals, and where the next runs tell most."""

from __future__ import annotations

import html as markup
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ._format import counted, number, size_text, table_text
from .saturation import DECIDED, VERDICTS
from .words import verdict_text

if TYPE_CHECKING:
    from .planning import Plan

__all__ = ["headline", "html", "key", "next_words", "proposals_text", "summary"]

#: Intervals whose widths are told, and what they are called.
_WIDTHS = {"gain": "gain", "any_law": "gain, any law", "exponent": "exponent",
           "asymptote": "asymptote"}  # fmt: skip


def headline(plan: Plan) -> str:
    """Return what there is today, and which proposal decides most often, or makes it firm."""
    rows = plan.table.to_dict("records")
    margin = number(float(plan.rows["margin"].median()))
    asked = (
        f"Is the gain in {plan.study.score} from {plan.factor:g} times the largest size worth "
        f"{margin}?"
    )
    error = 100 * max(float(row[f"{name}_error"]) for row in rows for name in VERDICTS)
    lines = [
        f"{asked} {_known(plan, rows[0])}",
        _best(rows),
        f"Chances have Monte-Carlo errors up to {error:.1f} points. The question moves with the "
        "largest size: runs beyond it are asked what comes after them.",
    ]
    return "\n".join(line.rstrip() for line in lines)


def _best(rows: Sequence[Mapping[Any, Any]]) -> str:
    """Return which proposal decides most often; of equals the firmest, then the cheapest."""
    first, new = rows[0], [row for row in rows if row["runs"]]
    best = max(new, key=lambda row: (_decided(row), row["firm"], -row["cost"]))
    kinds = ", ".join(
        f"{verdict_text(name)} {_percent(best[name])}" for name in DECIDED if best[name] > 0
    )
    proposals, wrong = counted(len(new), "proposal"), _percent(best["wrong"])
    if first["runs"] or _decided(first) == 0 or _decided(first) < _decided(best):
        return (
            f"Of {proposals}, {best['proposal']} would decide it most often: in "
            f"{_percent(_decided(best))} of simulated tables ({kinds or 'never'}), firmly in "
            f"{_percent(best['firm'])}, wrongly in {wrong}."
        )
    done = f"Without new runs it is decided already, in {_percent(_decided(first))} of tables"
    if first["firm"] >= best["firm"]:
        return f"{done}: of {proposals} none would decide it more often, or more firmly."
    return (
        f"{done}, firmly in {_percent(first['firm'])}. Of {proposals}, {best['proposal']} would "
        f"make it firm most often: in {_percent(best['firm'])} of simulated tables, wrongly in "
        f"{wrong}."
    )


def _known(plan: Plan, first: Mapping[Any, Any]) -> str:
    """Return what the runs in hand, or those promised, say without any more."""
    counts = plan.study.counts
    if not counts:
        return ""
    where = f"{size_text(min(counts))} to {size_text(max(counts))} {plan.study.driver}"
    runs = f"{counted(sum(counts.values()), 'run')} at {counted(len(counts), 'size')}, {where}"
    if plan.study.promised:
        return f"With {runs}, {_percent(_decided(first))} of simulated tables decide it."
    today = plan.rows.iloc[0]
    return f"With {runs}: {verdict_text(str(today['verdict']), str(today['strength']))}."


def proposals_text(plan: Plan) -> pd.DataFrame:
    """Return the table of proposals as text: chances in percent, median widths of intervals."""
    table = plan.table
    shown: dict[str, Any] = {"proposal": table["proposal"]}
    for name in VERDICTS:
        shown[verdict_text(name)] = [_percent(share) for share in table[name]]
    for name in ("firm", "right"):
        shown[name] = [_percent(share) for share in table[name]]
    for name, words in _WIDTHS.items():
        if f"{name}_width" in table:
            pairs = zip(table[f"{name}_width"], table[f"{name}_open"], strict=True)
            shown[words] = [_width_text(*pair) for pair in pairs]
    shown["cost"] = [number(value, 2) for value in table["cost"]]
    if table["caution"].any():
        shown["caution"] = table["caution"]
    return pd.DataFrame(shown)


def key(plan: Plan) -> str:
    """Return what the columns of the table of proposals are."""
    unit = "" if plan.cost is not None else (
        f" in runs at {size_text(max(plan.study.counts or plan.proposals[0].sizes))}"
    )  # fmt: skip
    return (
        "firm, right: chance of a firm verdict, and of one that claims what is true; then the "
        f"median width of {100 * plan.study.level:g} % intervals (share of them open), and the "
        f"cost{unit}"
    )


def next_words(plan: Plan) -> str:
    """Return where the next runs narrow the interval of the gain most."""
    if not plan.study.counts:
        return ""
    table = plan.next_sizes
    runs, best = int(table["runs"].iloc[0]), plan.next_size
    lines = [f"What {counted(runs, 'run')} more at one size would narrow (linear approximation):"]
    rows = table.to_dict("records")
    laws = (
        ("gain", best.given_law, f"given {plan.study.law.name}"),
        ("any_law", best.any_law, "whichever surviving law is true"),
    )
    for column, size, words in laws:
        if np.isnan(size):
            continue
        cheap = next(row for row in rows if row["size"] == size)
        most = max(rows, key=lambda row: np.nan_to_num(row[column], nan=-1.0))
        lines.append(
            f"- {words}: per unit of cost {size_text(size)} ({_percent(cheap[column])} narrower), "
            f"at any cost {size_text(most['size'])} ({_percent(most[column])} narrower)"
        )
    again = table[table["size"].isin(list(plan.study.counts))]
    lines.append(
        "- at the best of the sizes in hand: "
        f"{_percent(again['gain'].max())} and {_percent(again['any_law'].max())} narrower"
    )
    return "\n".join(lines)


def summary(plan: Plan) -> str:
    """Return all of it."""
    table = f"{table_text(proposals_text(plan))}\n{key(plan)}"
    parts = [headline(plan), table, next_words(plan), plan.label]
    return "\n\n".join(part for part in parts if part)


def html(plan: Plan) -> str:
    """Return the plan for a notebook."""
    table = proposals_text(plan).to_html(index=False, escape=True)
    said = "".join(
        f"<p>{markup.escape(line)}</p>"
        for line in [key(plan), *next_words(plan).split("\n"), plan.label] if line
    )  # fmt: skip
    return f"<p>{markup.escape(headline(plan))}</p>{table}{said}"


def _decided(row: Mapping[Any, Any]) -> float:
    return float(sum(row[name] for name in DECIDED))


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{100 * share:.0f} %"


def _width_text(width: float, share_open: float) -> str:
    if np.isinf(width):
        return f"open ({_percent(share_open)})"
    text = number(width, 2)
    return f"{text} ({_percent(share_open)} open)" if share_open >= 0.005 else text
