"""The command that compares tables."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import click

from ._options import fit_options
from ._terminal import print_lines, print_table

__all__ = ["EXAMPLES", "compare_command", "compares_tables"]

Command = Callable[..., Any]
EXAMPLES = (
    "scalefit compare a.csv b.csv --what gain",
    "scalefit compare tables/ --by model --what share --json",
    "scalefit compare dataset:denadel_2026 --by model,dataset --on-bad drop \\",
    "  --filter downsampling=random --filter model=SSL --filter model=SCimilarity",
    "scalefit compare a.csv b.csv --by model,objective --moderator objective --plot forest.png",
)
_DATASET = "dataset:"


def compares_tables(command: Command) -> Command:
    """Give a command the tables and the options of :func:`scalefit.compare`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def compare_command(as_json: bool, plot: Path | None, force: bool, **asked: Any) -> None:
    """Compare the curves of TABLES, or published estimates, or all tables of a folder.

    A table with the columns estimate and std_error (or lower and upper), and no runs, states one
    published number a row.
    """
    from .compare import compare

    if plot is not None and plot.exists() and not force:
        raise click.UsageError(f"{plot} exists; name another file, or pass --force to replace it")
    found = compare(_tables(asked.pop("tables"), asked.pop("filters")), **_as_python(asked))
    if plot is not None:
        from ._drawing import paper

        n = len(found.groups) + (0 if found.meta is None else len(found.meta.table) + 1)
        figure: Any = found.plot(paper(8.4, 1.4 + 0.3 * n)).figure
        figure.savefig(plot, dpi=150, bbox_inches="tight")
    if as_json:
        _print_json(found)
        return
    print_lines(found.headline() + "\n")
    print_table(found.text(), ["law", "largest", "any surviving law", "rank"])
    if found.meta is not None:
        print_lines("\n" + found.meta.summary())
    pairs = found.pairs
    if 0 < len(pairs) <= 15:
        print_lines("\npairs")
        print_table(found.pairs_text(), ["p"])
    said = found.cautions()
    if said:
        print_lines("\n".join(["", "read before use", *said]))


def _print_json(found: Any) -> None:
    from .report.machine import as_json, rows_form

    meta = found.meta
    click.echo(as_json({
        "schema": "scalefit compare 1", "what": found.what, "level": found.level,
        "groups": rows_form(found.table), "tests": rows_form(found.tests),
        "pairs": rows_form(found.pairs), "ranks": rows_form(found.ranks),
        "mean": None if meta is None else {
            "method": meta.method, "k": meta.k, "tau2": meta.tau2, "i2": meta.i2, "q_p": meta.q_p,
            "prediction": list(meta.prediction), "means": rows_form(meta.table.reset_index()),
            "differences": rows_form(meta.differences),
        },
        "diagnostics": rows_form(found.diagnostics),
    }))  # fmt: skip


def _as_python(asked: dict[str, Any]) -> dict[str, Any]:
    from .compare import compare
    from .fit import fit

    asked["rng"], asked["n_jobs"] = asked.pop("seed"), asked.pop("jobs")
    for name in ("by", "cluster"):
        asked[name] = asked[name] or None
    drivers = asked["drivers"]
    asked["drivers"] = None if not drivers else drivers[0] if len(drivers) == 1 else drivers
    asked["law"] = asked["law"] or "auto"
    asked["at"] = _size(asked["at"])
    asked["adjust"] = None if asked["adjust"] == "none" else asked["adjust"]
    # Some options of the shell are about what is printed.
    known = {*signature(compare).parameters, *signature(fit).parameters}
    return {name: value for name, value in asked.items() if name in known}


def _size(given: str | None) -> float | str | None:
    if given is None or given == "own":
        return given
    try:
        size = float(given)
    except ValueError:
        size = 0.0
    if not size > 0:
        raise click.BadParameter(f'{given!r}: give a size such as 1e7, or "own"', param_hint="--at")
    return size


def _tables(given: tuple[str, ...], filters: list[tuple[str, str]]) -> Any:
    """Return what the words stand for: bundled tables, files, folders."""
    from . import datasets, read_table
    from .errors import TableError
    from .groups import FILES

    found: dict[str, Any] = {}
    for word in given:
        if word.startswith(_DATASET):
            name = word.removeprefix(_DATASET)
            found[name] = datasets.load(name)
        elif Path(word).is_dir():
            for path in sorted(Path(word).iterdir()):
                if path.suffix.casefold() in FILES:
                    found[path.stem] = read_table(path)
        else:
            found[Path(word).stem if word != "-" else "standard input"] = read_table(word)
    if not found:
        raise TableError(
            f"{', '.join(given)}: no table in this folder; known are {', '.join(FILES)}"
        )
    kept = {name: _kept(frame, name, filters) for name, frame in found.items()}
    return kept if len(kept) > 1 else next(iter(kept.values()))


def _kept(frame: Any, name: str, filters: list[tuple[str, str]]) -> Any:
    """Keep the rows that have one of the values given for each column."""
    from .errors import TableError, nearest

    wanted: dict[str, list[str]] = {}
    for column, value in filters:
        wanted.setdefault(column, []).append(value)
    for column, values in wanted.items():
        if column not in frame.columns:
            raise TableError(f"{name}: no column {column!r}" + nearest(column, map(str, frame)))
        text = frame[column].map(
            lambda v: "" if v != v else f"{v:g}" if isinstance(v, float) else str(v)
        )
        kept = text.isin(values)
        if not kept.any():
            raise TableError(
                f"{name}: no row has {column}={' or '.join(values)}; there are "
                f"{', '.join(text.unique()[:8])}"
            )
        attrs, frame = frame.attrs, frame[kept]
        frame.attrs = dict(attrs)
    return frame


def _names(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> list[str]:
    return [name.strip() for part in given for name in part.split(",") if name.strip()]


_OPTIONS = (
    click.argument("tables", nargs=-1, required=True),
    click.option(
        "--what",
        type=click.Choice(["gain", "doubling", "score", "share", "exponent", "asymptote"]),
        default="gain", show_default=True, help="What is compared.",
    ),
    click.option("--at", metavar="SIZE",
                 help='Compare at this size, or "own" for gains from each group\'s own largest.  '
                 "[default: the largest size that all have reached]"),
    click.option("--factor", type=click.FloatRange(min=1, min_open=True), default=10.0,
                 show_default=True, help="Gains from this many times the size."),
    click.option("--moderator", metavar="COLUMN", help="Column that tells kinds of groups apart."),
    click.option("--cluster", multiple=True, callback=_names, metavar="COLUMNS",
                 help="Columns that name a model, whose groups share their runs."),
    click.option("--corpus", type=click.FloatRange(min=0, min_open=True),
                 help="What 100 percent stands for, where sizes are a column of percent."),
    click.option("--adjust", type=click.Choice(["holm", "bh", "none"]), default="holm",
                 show_default=True, help="How p values of pairs are adjusted."),
    click.option("--plot", type=click.Path(path_type=Path), metavar="FILE",
                 help="Write a forest plot to this file."),
    click.option("--force", is_flag=True, help="Replace a file that exists."),
    *fit_options("table"),
)  # fmt: skip
