"""The command that plans the next runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ._options import FACTOR, FORCE, MARGIN, NOISES, count, numbers, size, takes
from ._printed import draw_to, print_json, refuse_picture
from ._terminal import complain, print_lines, print_table, progress_bar

if TYPE_CHECKING:
    from .fit import Fit

__all__ = ["EXAMPLES", "plan_runs", "plans_runs"]

EXAMPLES = (
    "scalefit plan scores.csv",
    "scalefit plan scores.csv --sizes 1e6 --sizes 1e7 --sizes 1e6,1e7 --seeds 3,5 --margin 0.005",
    "scalefit plan scores.csv --sizes 1e7 --target 0.8 --plot plan.png",
    "scalefit plan losses.tsv --cells tokens --score loss --filter model=small --json",
)
#: Columns that may be left out in a narrow terminal, the first first.
_SPARE = ("caution", "asymptote", "exponent", "no scaling seen", "cost", "right", "gain, any law")


def plan_runs(
    curves: list[Fit], as_json: bool, target: float | None, plot: Path | None, force: bool,
    **asked: Any,
) -> None:  # fmt: skip
    """Plan the next runs of each curve, and print what they would tell."""
    from .errors import FitError
    from .planning import plan
    from .seeds_needed import seeds_needed

    if plot is not None and len(curves) > 1:
        raise click.UsageError("--plot is for one curve; choose it by --filter")
    if plot is not None:
        refuse_picture(plot, force)
    shared = {name: asked[name] for name in ("margin", "factor", "n_tables", "law", "noise", "rng")}
    forms, failed = [], []
    for one in curves:
        try:
            with progress_bar() as progress:
                found = plan(one, asked["sizes"], asked["seeds"], progress=progress, **shared)
                first = next(each for each in found.proposals if each.runs)
                needed = None if target is None else seeds_needed(
                    one, first.sizes, target=target, progress=progress, **shared
                )  # fmt: skip
        except FitError as error:
            if len(curves) == 1:
                raise
            failed.append(f"{one.label}: {error}")
            continue
        if plot is not None:
            from ._drawing import paper
            from .plan_plot import plan_size

            draw_to(plot, found.plot(paper(*plan_size(found))))
        if as_json:
            forms.append(_form(one, found, needed))
        else:
            _print(one, found, needed)
    for line in failed:
        complain(f"not planned: {line}")
    if failed and len(failed) == len(curves):
        raise FitError("no curve can be planned")
    if as_json:
        print_json({"schema": "scalefit plan 1", "curves": forms, "not_planned": failed})


def _print(one: Fit, found: Any, needed: Any) -> None:
    from . import plan_words as words

    if one.label:
        print_lines(f"{one.label}\n")
    print_lines(words.headline(found) + "\n")
    print_table(words.proposals_text(found), _SPARE)
    print_lines(f"{words.key(found)}\n\n{words.next_words(found)}\n\n{found.label}")
    if needed is not None:
        print_lines(f"\n{needed.headline()}")


def _form(one: Fit, found: Any, needed: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "key": dict(zip(one.table.by, one.table.keys[0], strict=True)), "label": found.label,
        "level": found.study.level, "factor": found.factor, "proposals": found.table,
        "next_sizes": found.next_sizes, "next_size": asdict(found.next_size),
        "seeds_needed": None if needed is None else {
            "target": needed.target, "sizes": needed.sizes, "seeds": needed.seeds,
            "at_least": needed.at_least, "at_most": needed.at_most, "rule": needed.rule,
            "tried": needed.table,
        },
    }  # fmt: skip


def _sizes(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> list[Any] | None:
    """Return one choice for each option: its sizes, separated by commas."""
    return [numbers(part, size, "sizes such as 1e6,1e7 or 22.2M") for part in given] or None


def _seeds(_: click.Context, __: click.Parameter, given: str | None) -> list[int] | None:
    return None if given is None else numbers(given, count, "whole numbers from 1, such as 3,5")


#: Gives a command the options of :func:`scalefit.plan`.
plans_runs = takes(
    click.option("--sizes", multiple=True, callback=_sizes, metavar="SIZES",
                 help="A size to run, or several together separated by commas; repeat to compare.  "
                 "[default: 10 and 3 times smaller, the same again, 3 and 10 times larger]"),
    click.option("--seeds", callback=_seeds, metavar="NUMBERS",
                 help="Runs at each size; several numbers are compared.  [default: as in TABLE]"),
    MARGIN,
    FACTOR,
    click.option("--tables", "n_tables", type=click.IntRange(min=1), default=200,
                 show_default=True, help="Simulated tables for each proposal."),
    click.option("--true-law", metavar="LAW",
                 help='Law that is taken for true, or "surviving" for all that TABLE allows.  '
                 "[default: the chosen one]"),
    click.option("--fit-noise", type=click.Choice(NOISES), metavar="NOISE",
                 help="Error model that simulated tables are fitted by.  [default: that of TABLE; "
                 "gaussian in place of a likelihood, for speed]"),
    click.option("--target", type=click.FloatRange(0, 1, min_open=True, max_open=True),
                 help="Find the seeds with which the right verdict is so likely, at the sizes of "
                 "the first proposal."),
    click.option("--plot", type=click.Path(path_type=Path), metavar="FILE",
                 help="Draw the proposals to this file."),
    FORCE,
)  # fmt: skip
