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

from .._format import plain
from .model import CurveReport, Report
from .view import about, counts, curve_view, dropped, findings, notes, sections, title, verdicts

__all__ = ["MANY", "MARKER", "Markdown", "code_block", "escape", "page", "pipe_table"]

#: First line of every page: the sign that a file is ours and may be written again.
MARKER = "<!-- scalefit report 1 -->"
#: More curves than this share their figures and say their answers further down.
MANY = 12


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
        curves are under -1, those of the sections under -2.
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
    left_out, n_more = dropped(report)
    return environment.get_template("report.md.jinja").render(
        marker=Markdown(MARKER),
        title=title(report),
        report=report,
        table=report.table,
        many=len(report.curves) > MANY,
        counts=counts(report),
        about=about(report),
        verdicts=pipe_table(verdicts(report).texts),
        notes=notes(report) if report.judged else [],
        curves=[_curve(curve, figures.get(i, ())) for i, curve in enumerate(report.curves)],
        figures=_pictures(figures.get(-1, ())),
        sections=[
            (part, None if part.sheet is None else pipe_table(part.sheet.texts),
             _pictures([each for each in figures.get(-2, ()) if each[1] == part.about]))
            for part in sections(report)
        ],
        table_findings=findings(report.findings),
        dropped=pipe_table(left_out.texts),
        n_more_dropped=n_more,
        checklist=pipe_table(pd.DataFrame(report.checklist, columns=["part", "question", "answer"])
                             .replace({"answer": {"": "(for the authors to say)"}})),
        code=code_block(report.code),
    )  # fmt: skip


def _curve(curve: CurveReport, figures: Sequence[tuple[str, str]]) -> dict[str, Any]:
    view = curve_view(curve)
    tables = [(name, pipe_table(sheet.texts)) for name, sheet in view.tables]
    return {"view": view, "figures": _pictures(figures), "tables": tables}


def _pictures(figures: Sequence[tuple[str, str]]) -> list[Markdown]:
    return [Markdown(f"![{escape(about)}]({quote(address)})") for address, about in figures]
