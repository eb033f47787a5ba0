"""Reports: results arranged as a page for readers, or as JSON for programs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FitError
from ..fit import Fit, FitSet, fit, table_of

if TYPE_CHECKING:
    from ..work import Progress

__all__ = ["report"]


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
    from .files import check_target
    from .writing import write_report

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
