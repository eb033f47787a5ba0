"""The options that commands share: those of :func:`scalefit.fit`, a filter, questions and files."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from ._config import read_config

__all__ = [
    "DATASET", "FACTOR", "FIT_OPTIONS", "FORCE", "JSON", "MARGIN", "NOISES", "Command",
    "as_typed", "count", "fits_a_table", "fits_or_joins_laws", "in_python", "names", "numbers",
    "reading", "size", "takes",
]  # fmt: skip

Command = Callable[..., Any]
#: What the name of a bundled table begins with.
DATASET = "dataset:"


def takes(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return what gives a command options, which its help lists in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def names(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> list[str]:
    """Return the names in repeated or comma-separated options."""
    return [name for part in given for name in _parts(part)]


def size(text: str) -> float:
    """Return a positive number, which is read as tables are: 1e6, 22.2M; ValueError if it is none.

    Examples
    --------
    >>> size("22.2M")
    22200000.0
    """
    from ._numbers import as_numbers

    found = float(as_numbers(text).item())
    if not 0 < found < math.inf:
        raise ValueError(f"{text!r} is no size")
    return found


def count(text: str) -> int:
    """Return a whole number from 1; ValueError if it is none."""
    found = int(text)
    if found < 1:
        raise ValueError(f"{text!r} is no count")
    return found


def numbers(text: str, kind: Callable[[str], Any], what: str) -> list[Any]:
    """Return numbers that are separated by commas; ``what`` says what they ought to be."""
    try:
        found = [kind(part) for part in _parts(text)]
    except ValueError:
        found = []
    if not found:
        raise click.BadParameter(f"{text!r}: give {what}")
    return found


def reading(asked: dict[str, Any]) -> dict[str, str]:
    """Take the options of :func:`scalefit.read_table` out of those of a command."""
    given = {name: asked.pop(name) for name in _READING}
    return {name: value for name, value in given.items() if value is not None}


def in_python(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the options of :data:`FIT_OPTIONS` as :func:`scalefit.fit` has them."""
    given = dict(asked)
    params = given.pop("params")
    given["drivers"] = [*([params] if params else []), *given["drivers"]] or None
    given["by"], given["law"] = given["by"] or None, given["law"] or "auto"
    for typed, name in (("seed", "rng"), ("jobs", "n_jobs"), ("show_refused", "force")):
        given[name] = given.pop(typed)
    return given


#: An option as Python has it, with a value or none: by='task', bounds=(0, 100), drivers=.
_IN_PYTHON = re.compile(
    r"""\b([a-z_]+)=("[^"]*"|'[^']*'|\([^()]*\)|\[[^\[\]]*\]|True|(?=[\s;,.:)]|$))"""
)


def as_typed(message: str, command: click.Command | None = None) -> str:
    """Return what is said of options in Python as they are typed for a command, the running one.

    Examples
    --------
    >>> reads = fits_a_table(click.command("fit")(lambda: None))
    >>> as_typed("pass on_bad='drop', bounds=(0, 100), drivers= or by=['model', 'task']", reads)
    'pass --on-bad drop, --bounds 0,100, --drivers or --by model,task'
    >>> as_typed("pass by='Model Size'", reads)
    "pass --by 'Model Size'"
    """
    command = command or click.get_current_context().command
    typed = {}
    for parameter in command.params:
        usual = f"--{str(parameter.name).replace('_', '-')}"
        if isinstance(parameter, click.Option) and usual in parameter.opts:
            typed[parameter.name] = usual

    def translated(match: re.Match[str]) -> str:
        if match[1] not in typed:
            return match[0]
        parts = match[2].strip("()[]").split(", ")
        value = ",".join(part.strip("'\"").replace("None", "") for part in parts)
        value = shlex.quote(value) if " " in value else value
        return f"{typed[match[1]]} {value}".rstrip() if match[2] != "True" else typed[match[1]]

    return _IN_PYTHON.sub(translated, message)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _bounds(
    _: click.Context, __: click.Parameter, given: str | None
) -> tuple[float | None, float | None] | None:
    if given is None:
        return None
    try:
        lower, upper = (float(part) if part.strip() else None for part in given.split(","))
    except ValueError:
        lower = upper = math.nan
    low, high = (
        end if part is None else part for part, end in ((lower, -math.inf), (upper, math.inf))
    )
    if not low < high:
        raise click.BadParameter(
            f"{given!r}: give two numbers, the lowest score and then the highest, such as 0,1; "
            "leave one out where there is none: 0,"
        )
    return lower, upper


def _jobs(_: click.Context, __: click.Parameter, given: int) -> int:
    if not given or given < -1:
        raise click.BadParameter(
            f"{given}: give how many blocks to work on at once, or -1 for all cores"
        )
    return given


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

    names = [f"{DATASET}{name}" for name in datasets.list()["name"]]
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
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
FORCE = click.option("--force", is_flag=True, help="Replace a file that exists.")
FACTOR = click.option(
    "--factor", type=click.FloatRange(min=1, min_open=True), default=10.0, show_default=True,
    help="Ask about this many times the largest size.",
)  # fmt: skip
MARGIN = click.option(
    "--margin", type=click.FloatRange(min=0, min_open=True),
    help="Smallest gain of interest, in units of the score.  [default: 0.01 of a unit-range "
    "metric, else 1 % of the score]",
)  # fmt: skip
_READING = ("decimal", "thousands", "encoding", "sheet_name")
_INFERENCES = ("profile", "wald", "bootstrap", "posterior")
_INFERENCE = click.option(
    "--inference", type=click.Choice(_INFERENCES),
    help="How intervals are made.  [default: profile, or posterior]",
)  # fmt: skip
#: For a command that prints no intervals whichever law is true beside those given the law.
_OR_UNION = click.option(
    "--inference", type=click.Choice((*_INFERENCES, "union")),
    help="How intervals are made; union holds whichever law is true.  "
    "[default: profile, or posterior]",
)  # fmt: skip
#: Those of :func:`scalefit.fit`, with what comes before and after it.
FIT_OPTIONS = (
    click.option(
        "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path),
        callback=read_config, is_eager=True, expose_value=False, metavar="FILE.toml",
        help="Options in a TOML file, by their long names; those given here go before.",
    ),
    click.option("--score", metavar="COLUMN", help="The column to fit."),
    click.option(
        "--cells", "--drivers", "drivers", multiple=True, callback=names, metavar="COLUMNS",
        help="The column of sizes; two, separated by a comma, for a law of both.",
    ),
    click.option("--params", metavar="COLUMN",
                 help="The column of model sizes; with --cells, for a law of both."),
    click.option(
        "--by", multiple=True, callback=names, metavar="COLUMNS",
        help="One curve for each combination of values; repeat, or separate by commas.",
    ),
    click.option("--decimal", metavar="SIGN", help="Decimal sign of a text file, such as a comma."),
    click.option("--thousands", metavar="SIGN", help="Sign between thousands in a text file."),
    click.option("--encoding", metavar="NAME",
                 help="Encoding of a text file, such as latin-1.  [default: UTF-8]"),
    click.option("--sheet-name", metavar="NAME", help="Sheet of a workbook with several tables."),
    click.option(
        "--filter", "filters", multiple=True, callback=_filters, metavar="COLUMN=VALUE",
        help="Keep only the rows with this value; repeat for others of the same column.",
    ),
    click.option(
        "--law", multiple=True, callback=names, metavar="LAWS", shell_complete=_laws,
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
    _INFERENCE,
    click.option("--level", type=click.FloatRange(0, 1, min_open=True, max_open=True),
                 default=0.95, show_default=True, help="Coverage of intervals."),
    click.option("--show-refused", is_flag=True,
                 help="Show forecasts that are refused but exist; verdicts stay inconclusive."),
    click.option("--on-bad", type=click.Choice(["raise", "drop"]), default="raise",
                 show_default=True, help="Refuse bad rows, or leave them out and list them."),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
                 help="Of every Monte-Carlo step."),
    click.option("--jobs", type=int, callback=_jobs, default=1, show_default=True, metavar="N",
                 help="Blocks of curves to work on at the same time; -1 for one a core."),
    click.option("--cache", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
                 help="Keep finished blocks of curves here, and go on from there."),
)  # fmt: skip
_TABLE = click.argument("table", shell_complete=_tables)
#: Gives a command the table and the options of :func:`scalefit.fit`.
fits_a_table = takes(_TABLE, *FIT_OPTIONS)
#: The same with intervals whichever law is true.
fits_or_joins_laws = takes(
    _TABLE, *(_OR_UNION if option is _INFERENCE else option for option in FIT_OPTIONS)
)
