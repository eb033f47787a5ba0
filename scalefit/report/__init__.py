"""Reports: results arranged as a page for readers, or as JSON for programs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import FitError
from ..fit import Fit, FitSet, fit
from .browser import print_pdf
from .figures import draw_all
from .files import check_target, pictures_folder, put
from .html import html_page
from .machine import as_json, form
from .markdown import MANY, page
from .methods import table_of
from .model import Progress, Report, build, hide_and_forecast, side_by_side

__all__ = ["report", "write_report"]


def report(
    data: Any,
    path: str | os.PathLike[str],
    *,
    force: bool = False,
    progress: Progress | None = None,
    **fit_options: Any,
) -> Path:
    """Write a report on a table or on its fits.

    Parameters
    ----------
    data : Fit, FitSet, or anything that :func:`scalefit.fit` takes
        Tables are fitted first.
    path : path
        ``.html`` writes one page that needs nothing else, with figures, sortable tables and the
        data; ``.md`` Markdown, with figures as PNG in a folder ``<name>_files`` beside it;
        ``.json`` every number, with null for what is infinite or unknown (an object lists its
        infinite values under ``"open"``); ``.pdf`` the page as printed by a browser of the
        Chromium family, if one is installed.
    force : bool
        Whether to replace a file that is not a report. Reports are replaced without asking.
    progress : callable, optional
        Called as ``progress(what, done, total)``.
    **fit_options
        Passed to :func:`scalefit.fit`.

    Returns
    -------
    Path
        What was written. Page and figures are written whole or not at all.

    Raises
    ------
    FitError
        The report cannot be written there; or options are given with a fit that is made already.

    Examples
    --------
    >>> import tempfile
    >>> table = {"cells": [1e4, 1e5, 1e6, 1e7] * 2, "seed": [0] * 4 + [1] * 4,
    ...          "f1": [.60, .75, .81, .84, .61, .74, .80, .83]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = report(table, Path(folder) / "report.md")
    ...     print(written.read_text().splitlines()[2])
    # Scaling of f1 with cells
    """
    target = Path(path)
    check_target(target, force)
    if isinstance(data, (Fit, FitSet)):
        if fit_options:
            raise FitError(
                f"{', '.join(fit_options)}: this is fitted already; pass its data to set options"
            )
        fits = data
    else:
        fits = fit(data, **fit_options)
    table = table_of(fits)
    if isinstance(data, (str, os.PathLike)) and os.fspath(data) != "-":
        preparation = f"table = sf.read_table({table.source!r})"
    else:
        preparation = f"table = ...  # the table with sha256 {table.sha256[:12]}"
    write_report(fits, [target], fit_options, [preparation], progress)
    return target


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
