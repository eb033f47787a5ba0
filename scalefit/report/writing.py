"""A report written: what it says is gathered once, and put into every form that is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..fit import Fit, FitSet
from ..work import Progress
from .browser import print_pdf
from .figures import draw_all
from .files import pictures_folder, put
from .html import html_page
from .machine import as_json, form
from .markdown import MANY, page
from .model import Report, build, hide_and_forecast, side_by_side

__all__ = ["write_report"]


def write_report(
    fits: Fit | FitSet,
    targets: Sequence[Path],
    given: Mapping[str, Any],
    preparation: Sequence[str],
    progress: Progress | None = None,
) -> None:
    """Write a report on fits whose table was made by ``preparation``, lines of Python.

    The targets must have passed :func:`~scalefit.report.files.check_target`. ``given`` holds the
    options of the fit, of which those are used that the fit does not remember.
    """
    tested = hide_and_forecast(fits, progress)
    compared = side_by_side(fits)
    content = build(fits, given, preparation, tested, progress, compared=compared)
    web = [target for target in targets if target.suffix.lower() in (".html", ".htm", ".pdf")]
    html = html_page(content, progress) if web else ""
    for target in targets:
        suffix = target.suffix.lower()
        if suffix == ".pdf":
            put(target, print_pdf(html), {})
        elif target in web:
            put(target, html, {})
        elif suffix == ".json":
            put(target, as_json(form(content)) + "\n", {})
        else:
            _put_markdown(target, content, progress)


def _put_markdown(target: Path, content: Report, progress: Progress | None) -> None:
    places, files = draw_all(content, len(content.curves) > MANY, progress)
    folder = pictures_folder(target).name
    addressed = {
        i: [(f"{folder}/{name}", about) for name, about in figures] for i, figures in places.items()
    }
    put(target, page(content, addressed), files)
