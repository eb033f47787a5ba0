"""The command that compares tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ._filters import kept_rows
from ._options import DATASET, FIT_OPTIONS, FORCE, in_python, names, reading, size, takes
from ._printed import draw_to, print_cautions, print_json, refuse_picture
from ._terminal import print_lines, print_table
from .errors import TableError

__all__ = ["EXAMPLES", "compare_command", "compares_tables"]

EXAMPLES = (
    "scalefit compare a.csv b.csv --what gain",
    "scalefit compare tables/ --by model --what share --json",
    "scalefit compare dataset:denadel_2026 --by model,dataset --on-bad drop \\",
    "  --filter downsampling=random --filter model=SSL --filter model=SCimilarity",
    "scalefit compare a.csv b.csv --by model,objective --moderator objective --plot forest.png",
)


def compare_command(as_json: bool, plot: Path | None, force: bool, **asked: Any) -> None:
    """Compare the curves of TABLES, or published estimates, or all tables of a folder.

    A table with the columns estimate and std_error (or lower and upper), and no runs, states one
    published number a row.
    """
    from .compare import compare

    if plot is not None:
        refuse_picture(plot, force)
    words = asked.pop("tables")
    try:
        given = _tables(words, asked.pop("filters"), reading(asked))
        found = compare(given, **_as_python(asked))
    except TableError as error:
        folder = next((word for word in words if _is_of(error, Path(word))), None)
        if folder is None:
            raise
        raise TableError(
            f"{error}\nIf that file of {folder} is no table of runs, leave it out by naming the "
            "others in place of the folder, or move it elsewhere."
        ) from error
    if plot is not None:
        from ._drawing import paper
        from .compare_plot import forest_size

        draw_to(plot, found.plot(paper(*forest_size(found))))
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
    print_cautions(found.cautions())


def _print_json(found: Any) -> None:
    meta = found.meta
    print_json({
        "schema": "scalefit compare 1", "what": found.what, "level": found.level,
        "groups": found.table, "tests": found.tests, "pairs": found.pairs, "ranks": found.ranks,
        "mean": None if meta is None else {
            "method": meta.method, "k": meta.k, "tau2": meta.tau2, "i2": meta.i2, "q_p": meta.q_p,
            "prediction": meta.prediction, "means": meta.table.reset_index(),
            "differences": meta.differences,
        },
        "diagnostics": found.diagnostics,
    })  # fmt: skip


def _is_of(error: TableError, folder: Path) -> bool:
    """Return whether an error is about a file of a folder, which its message begins with."""
    files = folder.iterdir() if folder.is_dir() else ()
    return any(str(error).startswith((f"{path.name}:", f"{path.stem}:")) for path in files)


def _as_python(asked: dict[str, Any]) -> dict[str, Any]:
    given = in_python(asked)
    given["cluster"], given["at"] = given["cluster"] or None, _size(given["at"])
    given["adjust"] = None if given["adjust"] == "none" else given["adjust"]
    return given


def _size(given: str | None) -> float | str | None:
    if given is None or given == "own":
        return given
    try:
        return size(given)
    except ValueError:
        raise click.BadParameter(
            f'{given!r}: give a size such as 1e7, or "own"', param_hint="--at"
        ) from None


def _tables(given: tuple[str, ...], filters: list[tuple[str, str]], options: dict[str, str]) -> Any:
    """Return what the words stand for: bundled tables, files, folders."""
    from . import datasets, read_table
    from .groups import tables_in

    found: dict[str, Any] = {}

    def add(name: str, rows: Any) -> None:
        if name in found:
            raise click.UsageError(f"two tables are called {name!r}; rename one of the files")
        found[name] = rows

    for word in given:
        if word.startswith(DATASET):
            add(word.removeprefix(DATASET), datasets.load(word.removeprefix(DATASET)))
        elif Path(word).is_dir():
            for name, path in tables_in(Path(word)).items():
                add(name, read_table(path, **options))
        else:
            add(Path(word).stem if word != "-" else "standard input", read_table(word, **options))
    if len(found) == 1:
        return kept_rows(next(iter(found.values())), filters)[0]
    return {name: kept_rows(rows, filters, name)[0] for name, rows in found.items()}


#: Gives a command the tables and the options of :func:`scalefit.compare`.
compares_tables = takes(
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
    click.option("--cluster", multiple=True, callback=names, metavar="COLUMNS",
                 help="Columns that name a model, whose groups share their runs."),
    click.option("--corpus", type=click.FloatRange(min=0, min_open=True),
                 help="What 100 percent stands for, where sizes are a column of percent."),
    click.option("--adjust", type=click.Choice(["holm", "bh", "none"]), default="holm",
                 show_default=True, help="How p values of pairs are adjusted."),
    click.option("--plot", type=click.Path(path_type=Path), metavar="FILE",
                 help="Write a forest plot to this file."),
    FORCE,
    *FIT_OPTIONS,
)  # fmt: skip
