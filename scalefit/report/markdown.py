"""A report as a Markdown page: what the template is given, and how text is made harmless.

Every text from a table is data. Whatever the template prints is escaped unless it is of type
:class:`Markdown`, so that a label cannot start a heading, a link, a tag or a table cell.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pandas as pd

from .._format import interval_text, number, plain, size_text
from ..verdict import Saturation, interval_sizes
from ..words import laws_text, parameters_text, verdict_text
from .model import CurveReport, Report

__all__ = ["MANY", "MARKER", "Markdown", "code_block", "escape", "page", "pipe_table"]

#: First line of every page: the sign that a file is ours and may be written again.
MARKER = "<!-- scalefit report 1 -->"
#: More curves than this share their figures and say their answers further down.
MANY = 12
_LABEL = 80
_DROPPED_SHOWN = 50


class Markdown(str):
    """Text that is Markdown already and is not escaped again."""

    __slots__ = ()


def escape(value: object, longest: int | None = None) -> Markdown:
    r"""Return any text as one line of Markdown that shows it sign by sign.

    Examples
    --------
    >>> print(escape("<script>|a\n# [x](y) micro_f1 *b*"))
    &lt;script&gt;\|a # [x\](y) micro_f1 \*b\*
    >>> print(escape("# no heading"), escape("1. no list"))
    \# no heading 1\. no list
    """
    if isinstance(value, Markdown):
        return value
    text = re.sub(r"([\\`*|~$])", r"\\\1", plain(value, longest))
    # A bracket is one unless it makes a link; an underscore between letters always is.
    text = re.sub(r"\](?=[(\[:])|^\[", r"\\\g<0>", text)
    text = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)
    # Some readers make links of bare addresses.
    text = text.replace("://", r":\//").replace("www.", r"www\.")
    # What would start a list, a heading or a rule at the beginning of a line.
    text = re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", text)
    text = re.sub(r"^(?:[-+](?=[-\s]|$)|[#=])", r"\\\g<0>", text)
    return Markdown(html.escape(text, quote=False))


def code_block(text: str) -> Markdown:
    """Return text in a fence longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markdown(f"{fence}python\n{text}\n{fence}")


def pipe_table(rows: pd.DataFrame) -> Markdown:
    r"""Return a table whose every cell is escaped.

    Examples
    --------
    >>> print(pipe_table(pd.DataFrame({"law": ["a|b"], "p": ["0.1"]})))
    | law | p |
    | --- | --- |
    | a\|b | 0.1 |
    """
    rule = [Markdown("---")] * len(rows.columns)
    lines = [list(rows.columns), rule, *rows.to_numpy(dtype=object)]
    return Markdown("\n".join(f"| {' | '.join(map(escape, line))} |" for line in lines))


def page(report: Report, figures: Mapping[int, Sequence[tuple[str, str]]]) -> str:
    """Return the whole page.

    Parameters
    ----------
    report : Report
        What to say.
    figures : mapping
        From the number of a curve to addresses and descriptions of its figures; those of all
        curves are under -1.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("scalefit.report", "."),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # Markdown, not HTML: finalize escapes everything printed
        finalize=escape,
    )
    template = environment.get_template("report.md.jinja")
    table = report.table
    return template.render(
        marker=Markdown(MARKER),
        report=report,
        table=table,
        many=len(report.curves) > MANY,
        counts=_counts(report),
        about=_about(report),
        verdicts=pipe_table(_verdict_rows(report)),
        curves=[_curve_view(curve, figures.get(i, ())) for i, curve in enumerate(report.curves)],
        figures=_pictures(figures.get(-1, ())),
        table_findings=findings(report.findings),
        dropped=pipe_table(table.dropped.head(_DROPPED_SHOWN)),
        n_more_dropped=max(0, len(table.dropped) - _DROPPED_SHOWN),
        code=code_block(report.code),
    )


def _counts(report: Report) -> str:
    parts = [f"{n} {verdict_text(verdict)}" for verdict, n in report.counts.items()]
    n = len(report.curves)
    return f"{n} curve{'' if n == 1 else 's'}: {', '.join(parts)}."


def _about(report: Report) -> list[str]:
    """Return what was asked of which table, a sentence each."""
    table, first = report.table, report.curves[0]
    metrics = dict.fromkeys(table.metrics)
    better = "; ".join(f"{m.name}: {m.better} is better, by {m.origin}" for m in metrics)
    margins = list(dict.fromkeys(number(curve.found.margin) for curve in report.curves))
    margin = margins[0] if len(margins) == 1 else f"{margins[0]} and others, by curve"
    return [
        f"Question: is the gain in {report.score} from {first.found.factor:g} times more "
        f"{report.driver} than the largest size worth the margin ({margin})?",
        f"Score: {report.score} ({better}).",
        "Curves: " + (f"one for each combination of {', '.join(table.by)}" if table.by else "one")
        + f"; {len(table.rows)} runs.",
    ]  # fmt: skip


def _verdict_rows(report: Report) -> pd.DataFrame:
    rows = []
    for i, curve in enumerate(report.curves):
        found = curve.found
        gain, robust = found.gain, found.robust_gain
        observed, attainable, *_, published = (size for _, size in _points(found))
        key = curve.fit.table.keys[0]
        names = {name: _cell(part) for name, part in zip(report.table.by, key, strict=True)}
        answers = {
            "verdict": verdict_text(found.verdict),
            "strength": "" if found.verdict == "inconclusive" else found.strength,
            f"gain at {found.factor:g}x": interval_text(gain.estimate, gain.lower, gain.upper),
            "whichever law is true": interval_text(robust.estimate, robust.lower, robust.upper),
            "margin": number(found.margin),
            "95 % of observed gain at": observed,
            "95 % of attainable gain at": attainable,
            "published rule": published,
            "exponent": exponent_text(curve),
            "law": curve.fit.law.name,
        }
        rows.append([i + 1, *names.values(), *answers.values()])
    # As a list, since a column of the table may be called "law" or "margin" as well.
    return pd.DataFrame(rows, columns=["#", *names, *answers])


def _cell(part: object) -> str:
    """Return a part of a curve's key as short text."""
    if part is None:
        return "-"
    return plain(f"{part:g}" if isinstance(part, float) else part, _LABEL // 2)


def exponent_text(curve: CurveReport) -> str:
    """Return the exponent with its interval, "none" where the law has none."""
    found = curve.exponent
    if found is None:
        return "none"
    return interval_text(found.estimate, found.lower, found.upper)


def _points(found: Saturation) -> list[tuple[str, str]]:
    """Return each definition of the saturation point with its size in words."""
    rows = found.points.to_dict("records")
    return [(r["definition"], interval_sizes(r["size"], r["lower"], r["upper"])) for r in rows]


def _curve_view(curve: CurveReport, figures: Sequence[tuple[str, str]]) -> dict[str, Any]:
    fit, found = curve.fit, curve.found
    sample = fit.candidates.sample
    tests = found.tests[["test", "null", "alternative", "says"]].rename(
        columns={"null": "null hypothesis", "says": "result"}
    )
    return {
        "label": plain(curve.label, _LABEL),
        "answer": curve.answer,
        "figures": _pictures(figures),
        "data": f"{int(sample.n[0])} runs at {int(sample.n_sizes[0])} sizes, "
        f"{size_text(float(sample.x.min()))} to {size_text(float(sample.x.max()))} {fit.driver}",
        "law": f"{fit.law.name}: {fit.formula}",
        "curve": fit.curve,
        "points": [f"{definition}: {size}" for definition, size in _points(found)],
        "parameters": pipe_table(parameters_text(fit.params)),
        "laws": pipe_table(laws_text(fit.laws)),
        "tests": pipe_table(tests),
        "findings": findings(curve.diagnostics),
    }


def findings(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return severity and text of each finding that is not all clear."""
    told = rows[rows["severity"] != "ok"].to_dict("records")
    return [(str(row["severity"]), _finding_text(row)) for row in told]


def _finding_text(row: Mapping[Any, str]) -> str:
    evidence = f" ({row['evidence']})" if row["evidence"] else ""
    mend = f": {row['mend'].rstrip('.')}" if row["mend"] else ""
    return f"{row['message'].rstrip('.')}{evidence}{mend}."


def _pictures(figures: Sequence[tuple[str, str]]) -> list[Markdown]:
    return [Markdown(f"![{escape(about)}]({quote(address)})") for address, about in figures]
