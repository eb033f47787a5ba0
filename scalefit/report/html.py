"""A report as one HTML file that needs nothing else: what the template is given.

Every text from a table is data: jinja2 escapes whatever it prints, and the page's policy lets no
script run but its own.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from .._drawing import score_limits, size_limits
from .._format import plain, size_text
from ..plots import paper
from ..work import Progress
from . import pictures
from .checklist import Item
from .downloads import csv_text, downloads
from .figures import png, surface_pictures
from .model import BEYOND, CurveReport, Report
from .sheet import Sheet
from .view import (
    Section,
    about,
    counts,
    curve_view,
    dropped,
    findings,
    key_text,
    notes,
    sections,
    title,
    verdicts,
)

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

__all__ = ["MARK", "html_page"]

#: The sign near the top of every page that a file is ours and may be written again.
MARK = '<meta name="generator" content="scalefit report 1">'
#: More curves than this are folded, so that a page stays easy to walk through.
FOLDED = 6
_CELL = 160
#: Of pictures that are points of colour, not lines.
_DPI = 150
#: What an address may hold as it is, in an attribute between double quotes.
_UNQUOTED = " !$'()*+,-./:;=?@[]^_`{|}~"


class Figure(NamedTuple):
    """A picture with its caption."""

    drawing: Markup
    caption: str
    laws: tuple[tuple[str, str], ...] = ()


class Cell(NamedTuple):
    """A cell of a table: text, and the number it is sorted by, if any."""

    text: str
    key: str | None


def html_page(report: Report, progress: Progress | None = None) -> str:
    """Return the whole page.

    Parameters
    ----------
    report : Report
        What to say.
    progress : callable, optional
        Told after each curve.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("scalefit.report", "."),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        finalize=_one_line,
    )
    script = _part("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    curves = []
    for i, curve in enumerate(report.curves):
        curves.append(_curve(i, curve, len(report.curves)))
        if progress is not None:
            progress("drawing", i + 1, len(report.curves))
    left_out, n_more = dropped(report)
    return environment.get_template("page.html.jinja").render(
        mark=Markup(MARK),
        policy=f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "img-src data:",
        style=Markup(_part("page.css")),
        script=Markup(script),
        title=title(report),
        report=report,
        table=report.table,
        counts=counts(report),
        about=about(report),
        verdicts=_sheet(verdicts(report)),
        notes=notes(report) if report.judged else [],
        curves=curves,
        folded=len(curves) > FOLDED,
        thumbnails=_thumbnails(report) if report.judged and len(curves) > 1 else [],
        sections=[_section(section) for section in sections(report)],
        findings=findings(report.findings),
        dropped=_sheet(left_out) if len(report.table.dropped) else None,
        n_more_dropped=n_more,
        checklist=[(part, list(items)) for part, items in groupby(report.checklist, _part_of)],
        downloads=list(_files(report)),
    )


def _one_line(value: object) -> object:
    """Return any text without control characters; what is markup already stays as it is."""
    if hasattr(value, "__html__") or not isinstance(value, str):
        return value
    return plain(value)


@cache
def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _part_of(item: Item) -> str:
    return item.part


def _curve(i: int, curve: CurveReport, of: int) -> dict[str, Any]:
    view = curve_view(curve)
    return {
        "id": f"curve-{i + 1}", "view": view, "number": i + 1, "of": of,
        "tables": [(name, _sheet(sheet)) for name, sheet in view.tables],
        "figures": list(_figures(curve)),
    }  # fmt: skip


def _figures(curve: CurveReport) -> Iterator[Figure]:
    fit = curve.fit
    if curve.found is None:
        if len(fit.table.drivers) == 2:
            for draw, about in surface_pictures(fit):
                yield Figure(_image(draw(), about), f"{about}.")
        yield Figure(
            pictures.draw_agreement(curve),
            f"Observed {fit.table.score} against what {fit.law.name} gives at the same sizes; the "
            "line is where both agree.",
        )
        return
    level = curve.forecast.attrs["label"]
    yield Figure(
        pictures.draw_curve(curve),
        f"Runs (circles), their means (dark), and {fit.law.name} with {level} bands: inner for the "
        f"mean, outer for one new run. The dashed part is a forecast, to {BEYOND:g} times the "
        f"largest size. Point at the picture for values.",
    )
    yield Figure(
        pictures.draw_gains(curve),
        f"Gain from more data: {curve.gains[0].given.label} (upper bar, round), and whichever "
        "law is true (lower bar, dashed). The dotted line is the margin.",
    )
    yield Figure(
        pictures.draw_margins(curve),
        "The verdict that each margin would get; the dotted line is the margin in use.",
    )
    status = dict(zip(curve.laws["law"], curve.laws["status"], strict=True))
    classes = pictures.LAW_CLASSES
    yield Figure(
        pictures.draw_laws(curve),
        "The laws that could be fitted, side by side.",
        tuple((classes[j % len(classes)], f"{name} ({status[str(name)]})")
              for j, name in enumerate(curve.law_curves)),
    )  # fmt: skip
    yield Figure(
        pictures.draw_residuals(curve),
        "Standardised residual of each run: nearly all of a good fit lie in the shaded band, "
        "without a bow.",
    )


def _thumbnails(report: Report) -> list[tuple[int, Figure]]:
    """Return all curves in small, on one scale of sizes, and of scores if they have one metric."""
    fits = [curve.fit for curve in report.curves]
    metrics = {(fit.table.score, fit.table.metrics[0].name) for fit in fits}
    scores = None
    if len(metrics) == 1:
        scores = score_limits(fits, [curve.forecast for curve in report.curves])
    sizes = size_limits(fits, BEYOND)
    return [
        (i + 1, Figure(pictures.thumbnail(curve, sizes, scores), _short_label(curve)))
        for i, curve in enumerate(report.curves)
    ]


def _short_label(curve: CurveReport) -> str:
    """Return the values that tell a curve apart, without the names of their columns."""
    values = [key_text(part) for part in curve.fit.table.keys[0]]
    return plain(", ".join(values), 80)


def _section(section: Section) -> dict[str, Any]:
    return {
        "name": section.name, "title": section.title, "said": section.said,
        "about": section.about, "picture": _picture(section),
        "sheet": None if section.sheet is None else _sheet(section.sheet),
    }  # fmt: skip


def _picture(section: Section) -> Markup | None:
    """Return the picture of a section as an address that holds it."""
    if section.draw is None:
        return None
    return _png(section.draw(ax=paper(7.0, 4.0)))


def _image(axes: Axes, about: str) -> Markup:
    """Return a picture as an element that holds it."""
    from markupsafe import Markup

    figure: Any = axes.get_figure(root=True)
    width, height = (round(_DPI * side) for side in figure.get_size_inches())
    return Markup('<img src="{}" alt="{}" width="{}" height="{}">').format(
        _png(axes), about, width, height
    )


def _png(axes: Axes) -> Markup:
    """Return the figure of axes as an address that holds it."""
    return _address("image/png;base64", base64.b64encode(png(axes, _DPI)).decode())


def _address(head: str, content: str) -> Markup:
    """Return an address that holds its own content, in signs that need no escaping."""
    from markupsafe import Markup

    return Markup(f"data:{head},{quote(content, safe=_UNQUOTED)}")


def _sheet(sheet: Sheet) -> Mapping[str, Any]:
    """Return names of columns, whether each is numeric, and rows of cells."""
    keys = sheet.keys
    rows = [
        [
            Cell(plain(text, _CELL), f"{keys[j][i]:.10g}" if j in keys else None)
            for j, text in enumerate(row)
        ]
        for i, row in enumerate(sheet.texts.to_numpy(dtype=object).tolist())
    ]
    names = [(plain(name, _CELL), j in keys) for j, name in enumerate(sheet.texts.columns)]
    return {"names": names, "rows": rows}


def _files(report: Report) -> Iterator[tuple[str, str, Markup]]:
    """Yield name, size in words and address of each table to be downloaded."""
    for name, rows in downloads(report):
        content = csv_text(rows)
        shape = f"{len(rows)} row{'' if len(rows) == 1 else 's'}, {size_text(len(content))}B"
        yield f"{name}.csv", shape, _address("text/csv;charset=utf-8", content)
