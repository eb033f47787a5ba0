"""The options that every command on a table has: those of :func:`scalefit.fit`, and a filter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from ._config import read_config

__all__ = ["NOISES", "fit_options", "fits_a_table"]

Command = Callable[..., Any]


def fits_a_table(command: Command) -> Command:
    """Give a command the table and the options of :func:`scalefit.fit`."""
    for option in reversed(_FIT_OPTIONS):
        command = option(command)
    return command


def fit_options(*without: str) -> list[Any]:
    """Return the options of :func:`scalefit.fit` as decorators, but for those named."""
    left_out = [_FIT_OPTIONS[0]] if "table" in without else []
    return [option for option in _FIT_OPTIONS if option not in left_out]


def _names(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> list[str]:
    """Return the names in repeated or comma-separated options."""
    return [name.strip() for part in given for name in part.split(",") if name.strip()]


def _bounds(
    _: click.Context, __: click.Parameter, given: str | None
) -> tuple[float | None, float | None] | None:
    if given is None:
        return None
    try:
        lower, upper = (float(part) if part.strip() else None for part in given.split(","))
    except ValueError:
        raise click.BadParameter(
            f"{given!r}: give two numbers such as 0,1; leave one out where there is none: 0,"
        ) from None
    return lower, upper


def _filters(
    _: click.Context, __: click.Parameter, given: tuple[str, ...]
) -> list[tuple[str, str]]:
    pairs = [tuple(part.split("=", 1)) for part in given]
    for part, pair in zip(given, pairs, strict=True):
        if len(pair) != 2:
            raise click.BadParameter(f"{part!r}: write column=value")
    return [(pair[0], pair[1]) for pair in pairs]


def _tables(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """Complete the names of bundled tables, and leave files to the shell."""
    from . import datasets

    names = [f"dataset:{name}" for name in datasets.list()["name"]]
    found = [CompletionItem(name) for name in names if name.startswith(typed)]
    return [*found, CompletionItem(typed, type="file")]


def _laws(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Complete the last of the names that are separated by commas."""
    from .laws import laws

    before, comma, last = typed.rpartition(",")
    return [f"{before}{comma}{name}" for name in laws().index if name.startswith(last)]


#: As in :data:`scalefit.noise.NOISES`, which takes long to import; a test compares them.
NOISES = (
    "gaussian", "student", "lognormal", "huber", "hoffmann", "lad", "known_error", "beta",
    "binomial", "autoregressive",
)  # fmt: skip
_FIT_OPTIONS = (
    click.argument("table", shell_complete=_tables),
    click.option(
        "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path),
        callback=read_config, is_eager=True, expose_value=False, metavar="FILE.toml",
        help="Options in a TOML file, by their long names; those given here go before.",
    ),
    click.option("--score", metavar="COLUMN", help="The column to fit."),
    click.option(
        "--cells", "--drivers", "drivers", multiple=True, callback=_names, metavar="COLUMNS",
        help="The column of sizes; two, separated by a comma, for a law of both.",
    ),
    click.option("--params", metavar="COLUMN",
                 help="The column of model sizes; with --cells, for a law of both."),
    click.option(
        "--by", multiple=True, callback=_names, metavar="COLUMNS",
        help="One curve for each combination of values; repeat, or separate by commas.",
    ),
    click.option(
        "--filter", "filters", multiple=True, callback=_filters, metavar="COLUMN=VALUE",
        help="Keep only the rows with this value; repeat to narrow.",
    ),
    click.option(
        "--law", multiple=True, callback=_names, metavar="LAWS", shell_complete=_laws,
        help="Laws to compare (see: scalefit laws).  [default: all]",
    ),
    click.option("--better", type=click.Choice(["higher", "lower"]),
                 help="The better direction, where the metric's name does not say it."),
    click.option("--bounds", callback=_bounds, metavar="LOWER,UPPER",
                 help="Least and greatest possible score, such as 0,1."),
    click.option("--se", metavar="COLUMN", help="Standard error of each score."),
    click.option("--sd", metavar="COLUMN",
                 help="Standard deviation of the runs whose mean a row is; with --n."),
    click.option("--n", metavar="COLUMN", help="Number of the runs whose mean a row is."),
    click.option("--items", metavar="COLUMN", help="Number of test items behind each score."),
    click.option("--run", metavar="COLUMN",
                 help="The run of each row, where rows are checkpoints of runs."),
    click.option("--noise", type=click.Choice(NOISES), metavar="NOISE",
                 help="Error model: " + ", ".join(NOISES) + ".  [default: from the table]"),
    click.option("--variance", type=click.Choice(["auto", "constant", "power"]), default="auto",
                 show_default=True, help="How the noise depends on size."),
    click.option("--method", type=click.Choice(["least_squares", "bayes"]),
                 default="least_squares", show_default=True, help="School of estimation."),
    click.option("--pool", type=click.Choice(["none", "partial", "complete"]), default="none",
                 show_default=True, help="With --method bayes: what curves tell each other."),
    click.option("--inference",
                 type=click.Choice(["profile", "wald", "bootstrap", "posterior", "union"]),
                 help="How intervals are made.  [default: profile, or posterior]"),
    click.option("--level", type=click.FloatRange(0, 1, min_open=True, max_open=True),
                 default=0.95, show_default=True, help="Coverage of intervals."),
    click.option("--show-refused", is_flag=True,
                 help="Show forecasts that are refused but exist; verdicts stay inconclusive."),
    click.option("--on-bad", type=click.Choice(["raise", "drop"]), default="raise",
                 show_default=True, help="Refuse bad rows, or leave them out and list them."),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
                 help="Of every Monte-Carlo step."),
)  # fmt: skip
