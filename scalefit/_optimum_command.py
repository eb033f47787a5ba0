"""The command that divides a budget between two drivers."""

from __future__ import annotations

from typing import Any

import click

from ._options import numbers, size, takes
from ._printed import print_json
from ._terminal import print_lines, print_table
from .errors import FitError
from .estimands import Cost, as_cost

__all__ = ["EXAMPLES", "budget_options", "print_optimum"]

EXAMPLES = (
    "scalefit optimum runs.csv --params params --cells tokens --compute 1e21,1e22",
    "scalefit optimum runs.csv --drivers params,tokens --cost '2 N^1.1 D' --compute 1e6 --json",
    "scalefit optimum runs.csv --drivers params,tokens --compute 1e21 --parabolas",
)


def _budgets(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> list[float]:
    """Return the budgets in repeated or comma-separated options."""
    return numbers(",".join(given), size, "positive numbers such as 1e21,1e22")


def _cost(_: click.Context, __: click.Parameter, given: str) -> Cost:
    try:
        return as_cost(given)
    except FitError as error:
        raise click.BadParameter(str(error)) from None


#: Gives a command the budgets and what a run costs.
budget_options = takes(
    click.option("--compute", multiple=True, required=True, callback=_budgets, metavar="BUDGETS",
                 help="Budgets in units of the cost; repeat, or separate by commas."),
    click.option("--cost", default="6ND", show_default=True, callback=_cost,
                 metavar="FORMULA",
                 help="What a run costs, in the two drivers N and D in their order."),
    click.option("--parabolas", is_flag=True,
                 help="Put parabolas through the runs of each budget beside the law."),
)  # fmt: skip


def print_optimum(
    fits: Any, compute: list[float], cost: Cost, parabolas: bool, as_json: bool
) -> str:
    """Print the best run of every curve for every budget; return why, if none has an answer."""
    from .fit import curves_of
    from .isoflop import isoflop
    from .optimum import optimum
    from .surface_words import best_text

    every = curves_of(fits)
    found = [(fit, optimum(fit, compute, cost)) for fit in every]
    untold = [best[fit.table.drivers[0]].isna().all() for fit, best in found]
    silent = str(found[0][1]["caution"].iloc[0]) if all(untold) else ""
    beside = [isoflop(fit, cost) if parabolas else None for fit in every]
    if as_json:
        print_json({
            "schema": "scalefit optimum 1",
            "curves": [
                {
                    "label": fit.label, "law": fit.law.name, "drivers": fit.table.drivers,
                    "cost": best.attrs["cost"], "best": best,
                    **({} if other is None else {
                        "powers": other.powers.reset_index(),
                        "budgets": other.budgets,
                    }),
                }
                for (fit, best), other in zip(found, beside, strict=True)
            ],
        })  # fmt: skip
        return silent
    for (fit, best), other in zip(found, beside, strict=True):
        name = f"{fit.label}: " if fit.label else ""
        print_lines(f"{name}best runs by {fit.law.name}, for a cost of {best.attrs['cost']}")
        table = best_text(best, fit.table.drivers, fit.table.score)
        print_table(table if table["caution"].any() else table.drop(columns="caution"))
        if other is not None:
            print_lines(f"\npowers of compute ({other.cost})")
            print_table(other.text(), ["note"])
    return silent
