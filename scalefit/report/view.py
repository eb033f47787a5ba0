"""What the pages of a report say, before any of them writes it: sentences, and tables of texts.

Markdown and HTML are given the same; each escapes what it prints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .._format import capital, counted, interval_text, number, plain, size_text
from ..backtest import Backtest
from ..comparison import Comparison
from ..surface_words import (
    CONTRASTS_HEADING,
    best_text,
    contrasts_text,
    gains_heading,
    gains_text,
)
from ..verdict import Saturation, interval_sizes
from ..words import laws_text, parameters_text, set_cautions, verdict_text
from .checklist import ranges
from .model import CurveReport, Report, SurfaceReport
from .sheet import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "CurveView", "Section", "about", "counts", "curve_view", "dropped", "findings", "key_text",
    "notes", "sections", "title", "verdicts",
]  # fmt: skip

#: Longer labels are shortened on a page; JSON and the CSV files have them in full.
LABEL = 80
_DROPPED_SHOWN = 50


@dataclass(frozen=True, slots=True)
class CurveView:
    """One curve as texts.

    Parameters
    ----------
    label : str
        Short enough for a heading.
    verdict, said : str
        The verdict by its name, and in words; empty for a law of two drivers.
    answer : str
        Two sentences.
    facts : tuple of pairs
        Name and text of what was fitted.
    points : tuple of pairs
        Definition and size of each saturation point.
    tables : tuple of pairs
        Title and sheet.
    findings : tuple of pairs
        Severity and text of what to read before use.
    """

    label: str
    verdict: str
    said: str
    answer: str
    facts: tuple[tuple[str, str], ...]
    points: tuple[tuple[str, str], ...]
    tables: tuple[tuple[str, Sheet], ...]
    findings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page that is about several curves together.

    Parameters
    ----------
    name : str
        Short, fit for addresses and names of files.
    title : str
        Its heading.
    said : tuple of str
        Sentences.
    sheet : Sheet, optional
        Its table.
    draw : callable, optional
        Draws its picture on ``ax=``.
    about : str
        What the picture shows.
    """

    name: str
    title: str
    said: tuple[str, ...]
    sheet: Sheet | None = None
    draw: Callable[..., Axes] | None = None
    about: str = ""


def title(report: Report) -> str:
    """Return the title of the page."""
    return f"Scaling of {plain(report.score, LABEL)} with {plain(report.driver, LABEL)}"


def counts(report: Report) -> str:
    """Return how many curves got which verdict."""
    n = len(report.curves)
    curves = f"{n} curve{'' if n == 1 else 's'}"
    if not report.judged:
        return f"{curves}, fitted by a law of {report.driver}."
    parts = [f"{n} {verdict_text(verdict)}" for verdict, n in report.counts.items()]
    return f"{curves}: {', '.join(parts)}."


def about(report: Report) -> list[str]:
    """Return what was asked of which table, a sentence each."""
    table = report.table
    metrics = dict.fromkeys(table.metrics)
    better = "; ".join(f"{m.name}: {m.better} is better, by {m.origin}" for m in metrics)
    said = []
    if report.judged:
        found = [curve.found for curve in report.curves if curve.found is not None]
        margins = list(dict.fromkeys(number(each.margin) for each in found))
        margin = margins[0] if len(margins) == 1 else f"{margins[0]} and others, by curve"
        said.append(
            f"Question: is the gain in {report.score} from {found[0].factor:g} times more "
            f"{report.driver} than the largest size worth the margin ({margin})?"
        )
    by = f"one for each combination of {', '.join(table.by)}" if table.by else "one"
    return [*said, f"Score: {report.score} ({better}).", f"Curves: {by}; {len(table.rows)} runs."]


def notes(report: Report) -> list[str]:
    """Return how to read the table of verdicts."""
    return [
        f"Each gain is an improvement in {report.score} and holds given the named law; "
        '"whichever law is true" drops that condition.',
        '"cannot tell" is an answer: it says that these runs do not decide the question.',
        "The published rule (the smallest size at which one run reaches 95 % of the best run) "
        "carries no evidence.",
    ]


def verdicts(report: Report) -> Sheet:
    """Return one row a curve: key, verdict, gains, saturation sizes, exponent, asymptote, law."""
    rows, values = [], []
    names = list(report.table.by)
    for i, curve in enumerate(report.curves):
        key = [key_text(part) for part in curve.fit.table.keys[0]]
        told, behind = _answers(curve)
        rows.append([str(i + 1), *key, *told.values()])
        values.append([i + 1.0, *(_number(p) for p in curve.fit.table.keys[0]), *behind])
    # As a list, since a column of the table may be called "law" or "margin" as well.
    texts = pd.DataFrame(rows, columns=["#", *names, *told])
    columns = list(zip(*values, strict=True))
    numeric = [j for j, column in enumerate(columns) if all(v is not None for v in column)]
    return Sheet(texts, {j: [float(v) for v in columns[j]] for j in numeric})


def _number(part: object) -> float | None:
    """Return what a part of a key is sorted by if it is a number, or missing."""
    if part is None:
        return float("nan")
    return float(part) if isinstance(part, (int, float)) else None


def _answers(curve: CurveReport) -> tuple[dict[str, str], list[float | None]]:
    """Return the cells of one curve, and the numbers behind them (None: sorted by text)."""
    found, law = curve.found, curve.fit.law.name
    if curve.surface is not None:
        gains = curve.surface.gains
        told = {}
        for name in curve.fit.table.drivers:
            row = gains.to_dict("index")[name]
            told[f"10x {name}"] = interval_text(row["gain"], row["lower"], row["upper"])
            told[f"margin, {name}"] = str(row["says"])
        return {**told, "law": law}, [None] * (len(told) + 1)
    assert found is not None  # of one driver
    gain, robust, exponent = found.gain, found.robust_gain, curve.exponent
    params = curve.fit.params
    asymptote, far = "none", float("nan")
    if "asymptote" in params.index:
        row = params.loc["asymptote"].to_dict()
        far = float(row["estimate"])
        asymptote = interval_text(far, float(row["lower"]), float(row["upper"]))
    told = {
        "verdict": verdict_text(found.verdict),
        "strength": "" if found.verdict == "inconclusive" else found.strength,
        f"gain at {found.factor:g}x": interval_text(gain.estimate, gain.lower, gain.upper),
        "whichever law is true": interval_text(robust.estimate, robust.lower, robust.upper),
        "margin": number(found.margin),
    }
    behind = [None, None, gain.estimate, robust.estimate, found.margin]
    sizes = found.points["size"].tolist()
    names = ("95 % of observed gain at", "95 % of attainable gain at", "published rule")
    for name, (_, said), size in zip(
        names, (*_points(found)[:2], _points(found)[-1]), (*sizes[:2], sizes[-1]), strict=True
    ):
        told[name] = said
        behind.append(size)
    told |= {
        "exponent": "none" if exponent is None
        else interval_text(exponent.estimate, exponent.lower, exponent.upper),
        "asymptote": asymptote,
        "law": law,
    }  # fmt: skip
    return told, [*behind, float("nan") if exponent is None else exponent.estimate, far, None]


def key_text(part: object) -> str:
    """Return a part of a curve's key as short text."""
    if part is None:
        return "-"
    return plain(f"{part:g}" if isinstance(part, float) else part, LABEL // 2)


def _points(found: Saturation) -> list[tuple[str, str]]:
    """Return each definition of the saturation point with its size in words."""
    rows = found.points.to_dict("records")
    return [(r["definition"], interval_sizes(r["size"], r["lower"], r["upper"])) for r in rows]


def curve_view(curve: CurveReport) -> CurveView:
    """Return one curve as texts."""
    found = curve.found
    return CurveView(
        plain(curve.label, LABEL),
        "" if found is None else found.verdict,
        "" if found is None else verdict_text(found.verdict, found.strength),
        curve.answer,
        tuple(_facts(curve)),
        () if found is None else tuple(_points(found)),
        tuple(_tables(curve)),
        tuple(findings(curve.diagnostics)),
    )


def _facts(curve: CurveReport) -> Iterator[tuple[str, str]]:
    fit, sample = curve.fit, curve.fit.candidates.sample
    sizes = f"{counted(int(sample.n_sizes[0]), 'size')}, {ranges(fit.table)}"
    yield "Data", f"{counted(int(sample.n[0]), 'run')} at {sizes}"
    yield "Law", f"{fit.law.name}: {fit.formula}"
    yield "Curve", fit.curve
    if curve.surface is not None and curve.surface.best.empty:
        names = " and ".join(fit.table.drivers)
        said = f"left out: what a run costs cannot be told from the names {names}; sf.optimum(fit, "
        yield "Best run for a budget", said + "budgets, cost=...) takes any cost"


def _tables(curve: CurveReport) -> Iterator[tuple[str, Sheet]]:
    fit, found = curve.fit, curve.found
    if found is not None:
        yield "Gain from more data", _gains(curve)
    if curve.surface is not None:
        yield from _of_drivers(curve, curve.surface)
    yield f"Parameters of {fit.law.name}", Sheet(parameters_text(fit.params))
    laws = laws_text(curve.laws)
    keys = {
        j: curve.laws[name].tolist()
        for j, name in enumerate(laws.columns)
        if name not in ("law", "status", "chosen")
    }
    yield "Laws tried (AICc weights are for display only)", Sheet(laws, keys)
    if found is not None:
        tests = curve.tests[["test", "null", "alternative", "says"]].rename(
            columns={"null": "null hypothesis", "says": "result"}
        )
        yield "Tests", Sheet(tests)


def _of_drivers(curve: CurveReport, surface: SurfaceReport) -> Iterator[tuple[str, Sheet]]:
    """Yield the tables of several drivers in place of a verdict's."""
    yield capital(gains_heading(curve.fit)), Sheet(gains_text(surface.gains))
    if len(surface.contrasts):
        yield capital(CONTRASTS_HEADING), Sheet(contrasts_text(surface.contrasts))
    if len(surface.best):
        drivers, score = curve.fit.table.drivers, curve.fit.table.score
        cost = surface.best.attrs["cost"]
        yield f"Best run for a budget ({cost})", Sheet(best_text(surface.best, drivers, score))


def _gains(curve: CurveReport) -> Sheet:
    rungs = curve.gains
    texts = {
        "times the largest size": [f"{rung.factor:g}" for rung in rungs],
        "size": [size_text(rung.size) for rung in rungs],
        f"gain given {curve.fit.law.name}": [
            interval_text(r.given.estimate, r.given.lower, r.given.upper) for r in rungs
        ],
        "gain whichever law is true": [
            interval_text(r.whichever.estimate, r.whichever.lower, r.whichever.upper) for r in rungs
        ],
    }
    return Sheet(pd.DataFrame(texts), {0: [r.factor for r in rungs], 1: [r.size for r in rungs]})


def findings(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return severity and text of each finding that is not all clear."""
    told = rows[rows["severity"] != "ok"].to_dict("records")
    return [(str(row["severity"]), _finding_text(row)) for row in told]


def _finding_text(row: Mapping[Any, str]) -> str:
    evidence = f" ({row['evidence']})" if row["evidence"] else ""
    mend = f": {row['mend'].rstrip('.')}" if row["mend"] else ""
    return f"{row['message'].rstrip('.')}{evidence}{mend}."


def dropped(report: Report) -> tuple[Sheet, int]:
    """Return the values that were left out, and how many more there are."""
    rows = report.table.dropped.head(_DROPPED_SHOWN)
    numbers = {0: [float(row) for row in rows["row"]]}
    more = len(report.table.dropped) - len(rows)
    return Sheet(rows.map(lambda value: plain(value, LABEL)), numbers), more


def sections(report: Report) -> list[Section]:
    """Return what was learned beyond the single curves; a study given to the report is one more."""
    beside = [_compared(report.compared)] if report.compared else []
    return [*beside, _tested(report.tested)]


def _compared(found: Comparison | str) -> Section:
    if isinstance(found, str):
        return Section("comparison", "Comparison", (f"The curves were not compared: {found}.",))
    told = found.diagnostics  # what is known of the table stands above
    told = told[told["code"].isin([finding.code for finding in found.findings])]
    said = [found.headline(), *(f"{text}." for text in set_cautions(told))]
    if found.meta is not None:
        said += [f"{line}." for line in found.meta.summary().split("\n")]
    texts = found.text()
    gain = found.table.set_index("group")["estimate"]
    keys = {1: [float(gain[group]) for group in texts["group"]]}
    texts = texts.map(lambda value: plain(value, LABEL))
    return Section(
        "comparison", "Comparison", tuple(said), Sheet(texts, keys), found.plot,
        "Forest plot: the gain of each curve with its interval, and the mean over the curves",
    )  # fmt: skip


def _tested(found: Backtest | str) -> Section:
    if isinstance(found, str):
        return Section("backtest", "Backtest", (f"No size was hidden: {found}.",))
    lead = (
        "The largest sizes are hidden, everything is fitted again, and the hidden runs are "
        "forecast."
    )
    said = [lead, *found.headline().split("\n"), f"{capital(found.weights_text())}."]
    if len(found.skipped):
        reason = found.skipped["reason"].iloc[0]
        said.append(f"{counted(len(found.skipped), 'curve')} could not be cut: {reason}.")
    texts = found.coverage_text().reset_index(drop=True)
    keys = {j: [_first_number(text) for text in texts.iloc[:, j]] for j in range(2, texts.shape[1])}
    return Section(
        "backtest", "Backtest", tuple(said), Sheet(texts, keys), found.plot,
        "Signed error of each forecast of a hidden size, in per cent of the score, over the "
        "distance it was forecast from",
    )  # fmt: skip


def _first_number(text: str) -> float:
    try:
        return float(text.split(" ")[0])
    except ValueError:
        return float(np.nan)
