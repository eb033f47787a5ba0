"""What the command line prints of fits, verdicts and gains, and the files it draws to."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ._format import interval_text, key_texts, number, size_text
from ._options import as_typed
from ._terminal import complain, note, print_lines, print_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .fit import Fit, FitSet

__all__ = [
    "draw_to", "print_cautions", "print_fit", "print_gains", "print_json", "print_set",
    "print_verdicts", "refuse_file", "refuse_picture", "several", "write_to",
]  # fmt: skip

#: Columns of the tables of a fit that a narrow terminal does without, the first first.
_SPARE = ("std_error", "over its range", "margin", "residual_sd", "weight", "n_params")
#: Before gains of several drivers, which take seconds a curve where errors have long tails.
_ASKING = "asking every law that fits what more of each driver buys"
_PICTURES = (".png", ".pdf", ".svg", ".jpg", ".jpeg", ".webp")


def several(fits: Any) -> bool:
    """Return whether there is a fit a curve, and not just one."""
    from .fit import FitSet

    return isinstance(fits, FitSet)


def print_json(content: Any) -> None:
    """Print values and tables as JSON."""
    from .report.machine import as_json

    click.echo(as_json(content))


def print_fit(fit: Fit) -> None:
    """Print the answer of one fit, its tables and the cautions."""
    from . import words

    if len(fit.table.drivers) > 1:
        note(_ASKING)
    print_lines(f"{words.answer(fit)}\n")
    print_lines("\n".join(f"{name}: {text}" for name, text in words.facts(fit)))
    for heading, rows in words.tables(fit):
        print_lines(f"\n{heading}" if heading else "")
        print_table(rows, _SPARE)
    print_cautions(words.cautions(fit))


def print_cautions(cautions: list[str]) -> None:
    """Print what to read before use, with options as they are typed."""
    from . import words

    if cautions:
        # There --force replaces files.
        typed = as_typed("\n- ".join(cautions).replace("force=True", "--show-refused"))
        print_lines(f"\n{words.READ}\n- {typed}")


def print_set(fits: FitSet) -> None:
    """Print a line a fit."""
    from . import words

    rows = fits.table()
    if len(fits.all_rows.drivers) > 1:
        print_table(words.surfaces_text(rows, fits.all_rows.by, fits.all_rows.drivers), ["runs"])
    else:
        print_table(
            words.set_text(rows), ["published rule", "runs", "sizes", "law", "margin", "strength"]
        )
        print_lines(words.count_text(rows))
    print_cautions(words.set_cautions(fits.diagnostics))


def print_verdicts(fits: Any, factor: float, margin: float | None, as_json: bool) -> str:
    """Print a verdict a curve, and how many there are of each; of one curve, all that is known.

    Returns why, if all verdicts are refused.
    """
    from . import words
    from .fit import set_of

    if not (as_json or several(fits)):
        found = fits.saturation(factor, margin)
        print_lines(found.explain())
        print_cautions(words.set_cautions(fits.findings(factor, margin)))
        return found.reason if found.refused else ""
    every = set_of(fits)
    rows, findings = every.saturation(factor, margin), every.findings(factor, margin)
    silent = str(rows["reason"].iloc[0]) if rows["p"].isna().all() else ""
    if as_json:
        open_ones = int((rows["verdict"] == "inconclusive").sum())
        print_json({
            "schema": "scalefit saturation 1", "factor": factor, "inconclusive": open_ones,
            "curves": rows, "findings": findings,
        })  # fmt: skip
        return silent
    shown = key_texts(rows[[*every.all_rows.by, "verdict", "strength"]])
    triples = zip(rows["gain"], rows["lower"], rows["upper"], strict=True)
    shown[f"gain at {factor:g}x"] = [interval_text(*triple) for triple in triples]
    shown["margin"] = [number(value) for value in rows["margin"]]
    shown["published rule"] = [size_text(value) for value in rows["published"]]
    print_table(shown, ["published rule", "margin", "strength"])
    print_lines(words.count_text(rows))
    print_cautions(words.set_cautions(findings))
    return silent


def print_gains(fits: Any, factor: float, margin: float | None, as_json: bool) -> None:
    """Print what more of each driver would buy, of every curve."""
    from .fit import curves_of, set_of
    from .surface_words import gains_text, place_text

    note(_ASKING)
    if as_json:
        rows = set_of(fits).gains(factor, margin)
        print_json({"schema": "scalefit gains 1", "factor": factor, "curves": rows})
        return
    for fit in curves_of(fits):
        name = f"{fit.label}: " if fit.label else ""
        print_lines(f"{name}gain from {factor:g} times more, at {place_text(fit)}")
        print_table(gains_text(fit.gains(factor, margin)), _SPARE)


def refuse_file(path: Path, force: bool) -> None:
    """Refuse a file that cannot be written, or that should not be without --force."""
    if not path.parent.is_dir():
        raise click.UsageError(f"{path}: there is no such folder; make it first")
    if path.is_dir():
        raise click.UsageError(f"{path} is a folder; name a file in it")
    if path.exists() and not force:
        raise click.UsageError(f"{path} exists; name another file, or pass --force to replace it")


def refuse_picture(path: Path, force: bool) -> None:
    """Refuse the same, and a picture of a kind that is not drawn."""
    if path.suffix.lower() not in _PICTURES:
        raise click.UsageError(
            f"{path}: the name decides the kind of picture; use {', '.join(_PICTURES)}"
        )
    refuse_file(path, force)


def draw_to(path: Path, axes: Axes) -> None:
    """Write the figure of axes to a file that :func:`refuse_picture` has let pass."""
    content = io.BytesIO()
    figure: Any = axes.get_figure(root=True)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        figure.savefig(content, format=path.suffix[1:].lower(), dpi=150, bbox_inches="tight")
    if any("missing from font" in str(warning.message) for warning in told):
        complain(f"note: {path} shows boxes for characters that the font of pictures does not have")
    write_to(path, content.getvalue())


def write_to(path: Path, content: str | bytes) -> None:
    """Write a file whole; one that cannot be written is bad usage."""
    from .errors import FitError
    from .storage import write_whole

    try:
        write_whole(path, content)
    except FitError as error:
        raise click.UsageError(str(error)) from None
