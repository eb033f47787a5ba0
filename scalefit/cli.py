"""The commands; what they do is a call on the package, and what they print is made there."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from . import __version__
from ._compare_command import EXAMPLES, compare_command, compares_tables
from ._filters import kept_rows
from ._format import counted
from ._optimum_command import EXAMPLES as BUDGETS
from ._optimum_command import budget_options, print_optimum
from ._options import (
    DATASET,
    FACTOR,
    FORCE,
    JSON,
    MARGIN,
    Command,
    as_typed,
    fits_a_table,
    fits_or_joins_laws,
    in_python,
    reading,
)
from ._plan_command import EXAMPLES as PLAN_EXAMPLES
from ._plan_command import plan_runs, plans_runs
from ._printed import (
    print_cautions,
    print_fit,
    print_gains,
    print_json,
    print_set,
    print_verdicts,
    refuse_file,
    several,
    write_to,
)
from ._terminal import complain, note, note_progress, print_lines, print_table, progress_bar
from .errors import FitError, ScalefitError
from .estimands import Cost

__all__ = ["cli", "main"]

NO_ANSWER, BAD_USAGE, BUG = 1, 2, 3
#: As shells have it for what ends by SIGINT.
INTERRUPTED = 130
_CODES = (
    "Exit codes: 0 done, 1 the data cannot answer, 2 bad usage or unreadable input,",
    f"{INTERRUPTED} interrupted.",
)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # labels may hold any sign
    cli(prog_name="scalefit")


def _examples(*lines: str) -> str:
    """Return the end of a command's help, in which click keeps the lines as they are."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines), "", "\b", *_CODES])


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_examples(
        "scalefit fit scores.csv",
        "scalefit saturation scores.csv --by model,task --margin 0.02",
        "scalefit report scores.csv --by model,task -o report.html",
    ),
)
@click.version_option(__version__, prog_name="scalefit")
def cli() -> None:
    """Fit scaling laws to a table of (cells, score), test for saturation, forecast honestly.

    TABLE is a CSV, TSV, Parquet, Excel or JSON file with one row a run, "-" for standard input, or
    a bundled table such as dataset:denadel_2026. By convention its columns are cells (or tokens,
    samples, params), score (or the name of a metric) and seed.
    """


def _debuggable(command: Command) -> Command:
    """Give a command ``--debug``, and turn exceptions into messages and exit codes."""

    @functools.wraps(command)
    def guarded(*arguments: Any, debug: bool, **options: Any) -> Any:
        with _errors(debug, options.get("cache")):
            return command(*arguments, **options)

    return click.option("--debug", is_flag=True, help="Show where an error comes from.")(guarded)


@cli.command("fit", epilog=_examples(
    "scalefit fit scores.csv",
    "scalefit fit scores.csv --by model,task",
    "scalefit fit losses.tsv --cells tokens --score loss --law power,saturating_power --json",
    "cat scores.csv | scalefit fit -",
))  # fmt: skip
@fits_a_table
@JSON
@_debuggable
def fit_command(as_json: bool, **asked: Any) -> None:
    """Fit laws to TABLE: verdict, gain from more data, parameters, cautions."""
    fits, preparation = _fitted(asked)
    if as_json:
        from .report.machine import form
        from .report.model import build

        with progress_bar() as progress:
            untested = "not asked for; see scalefit backtest and scalefit report"
            print_json(form(build(fits, asked, preparation, untested, progress)))
    elif several(fits):
        print_set(fits)
    else:
        print_fit(fits)
    _end(fits)


@cli.command("saturation", epilog=_examples(
    "scalefit saturation scores.csv",
    "scalefit saturation scores.csv --factor 100 --margin 0.005",
    "scalefit saturation dataset:denadel_2026 --by model,dataset --on-bad drop \\",
    "  --filter downsampling=random --filter model=SCimilarity",
))  # fmt: skip
@fits_a_table
@FACTOR
@MARGIN
@JSON
@_debuggable
def saturation_command(factor: float, margin: float | None, as_json: bool, **asked: Any) -> None:
    """Is the gain from 10 times more data worth it? A verdict for each curve of TABLE.

    Of two drivers, what more of each would buy.
    """
    from .fit import table_of

    fits, _ = _fitted(asked)
    if len(table_of(fits).drivers) > 1:
        print_gains(fits, factor, margin, as_json)
        return
    _end_without(print_verdicts(fits, factor, margin, as_json))


@cli.command("backtest", epilog=_examples(
    "scalefit backtest scores.csv",
    "scalefit backtest losses.tsv --cells tokens --score loss --by model --holdout 0.67",
    "scalefit backtest scores.csv --by model,task --json",
))  # fmt: skip
@fits_a_table
@click.option(
    "--holdout",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.5,
    show_default=True,
    help="Hide at most this share of the log range of sizes.",
)
@JSON
@_debuggable
def backtest_command(holdout: float, as_json: bool, **asked: Any) -> None:
    """Hide the largest sizes of TABLE, forecast them from the rest, and score the forecasts."""
    from .backtest import backtest
    from .words import set_cautions

    fits, _ = _fitted(asked)
    with progress_bar() as progress:
        found = backtest(fits, holdout, progress=progress)
    if as_json:
        from .report.machine import backtest_form

        form = {"schema": "scalefit backtest 1", **backtest_form(found)}
        print_json({**form, "findings": found.diagnostics})
        return
    print_lines(found.headline() + "\n")
    print_table(found.coverage_text(), ["CRPS", "no forecast", "absolute error", "curves", "runs"])
    print_lines(f"\n{found.weights_text()}")
    if len(found.skipped):
        print_lines(f"\n{counted(len(found.skipped), 'curve')} not backtested:")
        print_table(found.skipped)
    print_cautions(set_cautions(found.diagnostics))


@cli.command("optimum", epilog=_examples(*BUDGETS))
@fits_or_joins_laws
@budget_options
@JSON
@_debuggable
def optimum_command(
    compute: list[float], cost: Cost, parabolas: bool, as_json: bool, **asked: Any
) -> None:
    """Divide each budget between the two drivers of TABLE: the best run that it buys."""
    fits, _ = _fitted(asked)
    _end_without(print_optimum(fits, compute, cost, parabolas, as_json))


cli.command("compare", epilog=_examples(*EXAMPLES))(
    compares_tables(JSON(_debuggable(compare_command)))
)


@cli.command("plan", epilog=_examples(*PLAN_EXAMPLES))
@fits_a_table
@plans_runs
@JSON
@_debuggable
def plan_command(
    as_json: bool, sizes: Any, seeds: Any, true_law: str | None, fit_noise: str | None,
    margin: float | None, factor: float, n_tables: int, target: float | None, plot: Path | None,
    force: bool, **asked: Any,
) -> None:  # fmt: skip
    """Say what more runs at some sizes would tell: chances of each verdict, widths, next sizes."""
    from .fit import curves_of

    rng = asked["seed"]
    fits, _ = _fitted(asked)
    plan_runs(
        curves_of(fits), as_json, target, plot, force, sizes=sizes, seeds=seeds, law=true_law,
        noise=fit_noise, margin=margin, factor=factor, n_tables=n_tables, rng=rng,
    )  # fmt: skip


@cli.command("report", epilog=_examples(
    "scalefit report scores.csv -o report.html",
    "scalefit report scores.csv --by model,task -o report.html --pdf",
    "scalefit report dataset:denadel_2026 --by model,dataset --on-bad drop \\",
    "  --filter downsampling=random --filter model=SCimilarity -o report.html",
))  # fmt: skip
@fits_a_table
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="report.html, report.md (figures go to report_files/ beside it), report.json or "
    "report.pdf.",
)
@click.option("--pdf", is_flag=True, help="Print a PDF beside it as well (needs Chromium).")
@click.option("--force", is_flag=True, help="Replace a file that is not a report.")
@_debuggable
def report_command(output: Path, pdf: bool, force: bool, **asked: Any) -> None:
    """Fit TABLE and write a report: answers, figures, tests, methods to paste."""
    from .report.files import check_target
    from .report.writing import write_report

    targets = list(dict.fromkeys([output, output.with_suffix(".pdf")] if pdf else [output]))
    with _writing():
        for target in targets:
            check_target(target, force)
    fits, preparation = _fitted(asked)
    with _writing(), progress_bar() as progress:
        write_report(fits, targets, asked, preparation, progress)
    click.echo("\n".join(map(str, targets)))
    _end(fits)


@cli.command("laws", epilog=_examples(
    "scalefit laws",
    "scalefit laws --json",
))  # fmt: skip
@JSON
@_debuggable
def laws_command(as_json: bool) -> None:
    """List the laws, their formulas, and when each is the wrong one."""
    from .laws import laws

    rows = laws().reset_index()
    if as_json:
        print_json(rows)
    else:
        print_table(rows[["law", "formula", "parameters", "wrong_when"]])


@cli.command("datasets", epilog=_examples(
    "scalefit datasets",
    "scalefit datasets denadel_2026 --out denadel.csv",
    "scalefit fit dataset:denadel_2026 --by model,size_label,dataset,downsampling --on-bad drop",
))  # fmt: skip
@click.argument("name", required=False)
@click.option("--out", type=click.Path(path_type=Path), help="Copy the table to this CSV file.")
@FORCE
@JSON
@_debuggable
def datasets_command(name: str | None, out: Path | None, force: bool, as_json: bool) -> None:
    """List the bundled tables; with NAME print where its CSV is, or copy it."""
    from . import datasets

    if name is None:
        if out is not None:
            raise click.UsageError("--out needs the NAME of a dataset")
        rows = datasets.list()
        if as_json:
            print_json(rows)
        else:
            spare = ["published_result", "units", "licence", "source"]
            print_table(rows, spare)
        return
    path = datasets.path(name)
    if out is None:
        click.echo(path)
        return
    refuse_file(out, force)
    write_to(out, path.read_bytes())
    note(f"wrote {out}")


def _fitted(asked: dict[str, Any]) -> tuple[Any, list[str]]:
    """Read the table and fit it; return the fits and Python that reads it as well."""
    from .fit import fit, table_of

    table, filters = asked.pop("table"), asked.pop("filters")
    data, preparation = _read(table, filters, reading(asked))
    fits = fit(data, **in_python(asked), progress=note_progress)
    dropped = table_of(fits).dropped
    if len(dropped):
        rows, values = counted(dropped["row"].nunique(), "row"), counted(len(dropped), "value")
        complain(f"note: left out {rows}, for {values}")
    return fits, preparation


def _read(
    table: str, filters: list[tuple[str, str]], options: dict[str, str]
) -> tuple[Any, list[str]]:
    """Return what to fit, and the lines of Python that make it."""
    from . import datasets, read_table

    if table.startswith(DATASET):
        name = table.removeprefix(DATASET)
        data: Any = datasets.path(name)
        preparation = [f"table = sf.datasets.load({name!r})"]
    elif table == "-":
        data, preparation = table, ["table = ...  # what was given on standard input"]
    else:
        told = "".join(f", {name}={value!r}" for name, value in options.items())
        data, preparation = table, [f"table = sf.read_table({Path(table).name!r}{told})"]
    if not filters and not options:
        return data, preparation
    rows, lines = kept_rows(read_table(data, **options), filters)
    return rows, [*preparation, *lines]


def _end_without(reason: str) -> None:
    """Exit with 1 if there is a reason why nothing is answered."""
    if reason:
        _stop(f"The data cannot answer: {as_typed(reason)}", NO_ANSWER)


def _end(fits: Any) -> None:
    """Exit with 1 if every verdict is refused, whatever the runs had shown."""
    from .fit import curves_of

    every = curves_of(fits)
    if len(every[0].table.drivers) > 1:
        return  # of which there are no verdicts
    if all((fit.diagnostics["severity"] == "refuse").any() for fit in every):
        _end_without(every[0].saturation().reason)


@contextmanager
def _errors(debug: bool, cache: Path | None) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        kept = "" if cache is None else f"; finished blocks of curves are kept in {cache}"
        _stop(f"Interrupted{kept}", INTERRUPTED)
    except (click.ClickException, click.Abort, BrokenPipeError):
        raise
    except Exception as error:
        if debug:
            traceback.print_exc()
        if isinstance(error, ScalefitError):
            said = as_typed(str(error))
            _stop(f"Error: {said}", NO_ANSWER if isinstance(error, FitError) else BAD_USAGE)
        _stop(f"Error: this is a bug ({type(error).__name__}: {error}); --debug shows where", BUG)


@contextmanager
def _writing() -> Iterator[None]:
    """Treat a file that cannot or should not be written as bad usage."""
    try:
        yield
    except FitError as error:
        _stop(f"Error: {as_typed(str(error))}", BAD_USAGE)


def _stop(message: str, code: int) -> NoReturn:
    complain(message)
    sys.exit(code)
