"""What the command line prints of fits, verdicts and gains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ._format import interval_text, number, size_text
from ._terminal import print_lines, print_table

if TYPE_CHECKING:
    import pandas as pd

    from .fit import Fit, FitSet

__all__ = ["print_fit", "print_gains", "print_set", "print_verdicts", "several", "verdict_rows"]


def several(fits: Any) -> bool:
    """Return whether there is a fit a curve, and not just one."""
    from .fit import FitSet

    return isinstance(fits, FitSet)


def print_fit(fit: Fit) -> None:
    """Print the answer of one fit, its parameters, the laws tried and the cautions."""
    from . import words

    print_lines(f"{words.answer(fit)}\n")
    print_lines("\n".join(f"{name}: {text}" for name, text in words.facts(fit)))
    print_lines("")
    print_table(words.parameters_text(fit.params), ["std_error"])
    for heading, rows in words.tables_of_drivers(fit):
        print_lines(f"\n{heading}")
        print_table(rows, ["over its range", "margin"])
    print_lines("\nlaws tried (AICc weights are for display only)")
    print_table(words.laws_text(fit.laws), ["residual_sd", "weight", "n_params"])
    cautions = words.cautions(fit)
    if cautions:
        print_lines("\n".join(["", "read before use", *(f"- {text}" for text in cautions)]))


def print_set(fits: FitSet) -> None:
    """Print a line a fit."""
    from . import words

    rows = fits.table()
    if len(fits.all_rows.drivers) > 1:
        print_table(words.surfaces_text(rows, fits.all_rows.by, fits.all_rows.drivers), ["runs"])
        return
    print_table(
        words.set_text(rows), ["published rule", "runs", "sizes", "law", "margin", "strength"]
    )
    print_lines(words.count_text(rows))


def verdict_rows(fits: Any, factor: float, margin: float | None) -> pd.DataFrame:
    """Return a verdict a curve, in the columns of :meth:`FitSet.saturation`."""
    import pandas as pd

    if several(fits):
        rows: pd.DataFrame = fits.saturation(factor, margin)
        return rows
    found = fits.saturation(factor, margin)
    row = {
        "verdict": found.verdict, "strength": found.strength, "gain": found.gain.estimate,
        "lower": found.gain.lower, "upper": found.gain.upper, "margin": found.margin,
        "gate_p": found.tests["p"].iloc[0], "robust_lower": found.robust_gain.lower,
        "robust_upper": found.robust_gain.upper, "published": found.points["size"].iloc[-1],
        "reason": found.reason,
    }  # fmt: skip
    return pd.DataFrame([row])


def print_verdicts(rows: pd.DataFrame, by: list[str], factor: float) -> None:
    """Print a verdict a curve, and how many there are of each."""
    from . import words

    shown = rows[[*by, "verdict", "strength"]].copy()
    triples = zip(rows["gain"], rows["lower"], rows["upper"], strict=True)
    shown[f"gain at {factor:g}x"] = [interval_text(*triple) for triple in triples]
    shown["margin"] = [number(value) for value in rows["margin"]]
    shown["published rule"] = [size_text(value) for value in rows["published"]]
    print_table(shown, ["published rule", "margin", "strength"])
    print_lines(words.count_text(rows))


def print_gains(fits: Any, factor: float, margin: float | None, as_json: bool) -> None:
    """Print what more of each driver would buy, of every curve."""
    from .report.machine import as_json as text
    from .report.machine import rows_form
    from .surface_words import gains_text, place_text

    every = list(fits.values()) if several(fits) else [fits]
    if as_json:
        rows = fits.gains(factor, margin)
        rows = rows if several(fits) else rows.reset_index()
        click.echo(text({"schema": "scalefit gains 1", "factor": factor,
                         "curves": rows_form(rows)}))  # fmt: skip
        return
    for fit in every:
        name = f"{fit.label}: " if fit.label else ""
        print_lines(f"{name}gain from {factor:g} times more, at {place_text(fit)}")
        print_table(gains_text(fit.gains(factor, margin)), ["over its range", "margin"])
