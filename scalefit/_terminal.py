"""How results look in a terminal: answers on standard output, everything else on standard error.

Every text from a table is printed sign by sign: without control characters, and never as markup.
rich is imported when the first line is printed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ._format import counted, plain

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from .work import Progress

__all__ = ["complain", "note", "note_progress", "print_lines", "print_table", "progress_bar"]

#: Where there is no terminal, nothing is wrapped or left out: another program may be reading.
_ENDLESS = 100_000
_GAP = 2
#: Longer texts are shortened; JSON has them in full.
_CELL = 120
#: Narrower columns are not broken to make room.
_WHOLE = 15


def print_lines(text: str) -> None:
    """Print lines, wrapped at words to the width of the terminal."""
    from rich.text import Text

    console = _console()
    for line in text.split("\n"):
        console.print(Text(plain(line)))


def print_table(rows: pd.DataFrame, spare: Sequence[str] = ()) -> None:
    """Print a table that fits the terminal.

    Parameters
    ----------
    rows : DataFrame
        Its values are printed as they are.
    spare : sequence of str
        Columns that may be left out, the first first, if the terminal is too narrow.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = _console()
    cells = [[plain(value, _CELL) for value in row] for row in rows.to_numpy(dtype=object)]
    names = [plain(name) for name in rows.columns]
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    shown = _fitting(names, widths, spare, console.width)
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, padding=(0, _GAP, 0, 0))
    for i in shown:
        table.add_column(Text(names[i]), overflow="fold", no_wrap=widths[i] <= _WHOLE)
    for row in cells:
        table.add_row(*(Text(row[i]) for i in shown))
    console.print(table)
    left_out = [name for i, name in enumerate(names) if i not in shown]
    if left_out:
        note(f"no room for {', '.join(left_out)}; widen the terminal, or use --json")


def note(text: str) -> None:
    """Say something about the work on standard error, to a reader at a terminal."""
    if sys.stderr.isatty():
        click.echo(plain(text), err=True)


def note_progress(what: str, done: int, total: int) -> None:
    """Say how many curves are done, where there are more to come."""
    if done < total:
        note(f"{what}: {done} of {counted(total, 'curve')}")


def complain(text: str) -> None:
    """Say something that must not be missed on standard error."""
    click.echo("\n".join(plain(line) for line in text.split("\n")), err=True)


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """Show progress on standard error while it is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    with Bars(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)

        yield told


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    return console if console.is_terminal else Console(
        highlight=False, markup=False, emoji=False, width=_ENDLESS
    )  # fmt: skip


def _fitting(
    names: Sequence[str], widths: Sequence[int], spare: Sequence[str], width: int
) -> list[int]:
    """Return the columns to show, leaving out spare ones until the rest fits."""
    shown = list(range(len(names)))
    for name in spare:
        if sum(widths[i] + _GAP for i in shown) + _GAP <= width:
            break
        shown = [i for i in shown if names[i] != name]
    return shown
