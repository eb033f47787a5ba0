"""What a reader needs in order to fit a scaling law again, as far as a table can tell.

The questions follow the checklist of Li, Kudugunta and Zettlemoyer 2025, "(Mis)Fitting: a survey
of scaling laws" (arXiv:2502.18969): hypothesis, training, data, fit. They are put in our words.
What only the authors know is left open and marked so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .._format import number, size_text
from ..backtest import Backtest
from ..fit import Fit
from ..inference import Bootstrap
from ..table import Table
from .methods import how_eliminated

__all__ = ["Item", "checklist", "ranges"]


class Item(NamedTuple):
    """One question of the checklist; ``answer`` is empty where only the authors know it."""

    part: str
    question: str
    answer: str


def checklist(fits: Sequence[Fit], tested: Backtest | str) -> tuple[Item, ...]:
    """Return the checklist, filled in.

    Parameters
    ----------
    fits : sequence of Fit
        The curves of a report.
    tested : Backtest or str
        How forecasts of hidden sizes did, or why there are none.
    """
    parts = {
        "Hypothesis": _hypothesis(fits),
        "Training": _training(fits),
        "Data": _data(fits),
        "Fit": _fit(fits, tested),
    }
    return tuple(Item(part, *item) for part, items in parts.items() for item in items)


def _hypothesis(fits: Sequence[Fit]) -> Iterator[tuple[str, str]]:
    first = fits[0]
    laws = {fit.law.name: fit for fit in fits}
    forms = "; ".join(f"{name}: {fit.formula}" for name, fit in laws.items())
    names = ", ".join(parameter.name for parameter in first.law.parameters)
    yield (
        "Which form is fitted, and which others were considered?",
        (f"{forms}. Considered: {', '.join(e.law.name for e in first.candidates.estimates)}."),
    )
    yield (
        "Which variables does it relate, in which units?",
        (
            f"{first.table.score} as a function of {' and '.join(first.table.drivers)}, "
            "in the units of the table"
        ),
    )
    yield (
        "Which parameters are estimated?",
        (
            f"{names}; two of them linear, given the others"
            if len(first.table.drivers) == 1
            else names
        ),
    )
    yield "Why this form; what does it assume?", ""


def _training(fits: Sequence[Fit]) -> Iterator[tuple[str, str]]:
    samples = [fit.candidates.sample for fit in fits]
    runs = sum(int(sample.n[0]) for sample in samples)
    sizes = sorted({int(sample.n_sizes[0]) for sample in samples})
    few = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    yield (
        "How many models were trained, at which sizes?",
        (
            f"{runs} rows in {len(fits)} curve{'' if len(fits) == 1 else 's'}; {few} sizes each, "
            f"{ranges(*(fit.table for fit in fits))}"
        ),
    )
    table = fits[0].table
    yield "How were runs repeated?", (
        f"the column {table.seed} tells runs of one size apart" if table.seed
        else "no column tells runs of one size apart"
    )  # fmt: skip
    yield "Which data was each trained on; was any of it repeated?", ""
    yield "How are parameters, data and compute counted (embeddings, padding, epochs)?", ""
    yield "Were hyper-parameters (optimiser, learning rate, schedule) tuned at each size?", ""
    yield "Is the training code open?", ""


def ranges(*tables: Table) -> str:
    """Return the least and the greatest size of each driver, in words."""
    parts = []
    for driver in tables[0].drivers:
        low = min(float(table.rows[driver].min()) for table in tables)
        high = max(float(table.rows[driver].max()) for table in tables)
        parts.append(f"{size_text(low)} to {size_text(high)} {driver}")
    return " and ".join(parts)


def _data(fits: Sequence[Fit]) -> Iterator[tuple[str, str]]:
    table = fits[0].table
    metrics = dict.fromkeys(fit.table.metrics[0] for fit in fits)
    run = table.roles.get("run")
    yield "Are checkpoints of one run used as points?", (
        f"yes; the column {run} tells whose they are, and they are not taken for replicates"
        if run else "each row is taken for a run of its own"
    )  # fmt: skip
    yield (
        "Which metric, and which direction is better?",
        "; ".join(f"{m.name}, {m.better} is better (by {m.origin})" for m in metrics),
    )
    yield "On which data was it evaluated?", ""
    kernels = [fit.candidates.sample.kernel for fit in fits]
    logs = any(kernel is not None and kernel.link == "log" for kernel in kernels)
    yield (
        "Was the metric transformed, smoothed or interpolated?",
        (
            "residuals are taken on the log scale"
            if logs
            else "no: the law is fitted on its own scale"
        ),
    )
    yield "Were points left out?", (
        f"{len(table.dropped)} values of {table.n_given} rows were refused and are listed"
        if len(table.dropped) else "none of the rows of this table"
    )  # fmt: skip


def _fit(fits: Sequence[Fit], tested: Backtest | str) -> Iterator[tuple[str, str]]:
    first = fits[0]
    settings = first.settings
    yield "Which objective is minimised?", f"errors are {settings.noise.words}"
    yield (
        "Which algorithm, with which settings?",
        (
            f"variable projection: linear coefficients {how_eliminated(first)}, shape parameters "
            "by scan and Newton steps"
        ),
    )
    yield (
        "How is it started; was the minimum shown to be global?",
        (
            "no starting values: all shapes are scanned and every minimum is polished; "
            f"minima found: {', '.join(str(n) for n in _basins(fits))}"
        ),
    )
    method = settings.inference
    name = method.label if isinstance(method, Bootstrap) else str(method)
    yield "How is uncertainty given?", f"{100 * settings.level:g} % intervals, {name}"
    p = [float(fit.estimate.lack_of_fit[1][0]) for fit in fits]
    seen = [value for value in p if value == value]
    yield "How good is the fit?", (
        f"lack of fit against replicates: p from {number(min(seen))} to {number(max(seen))}"
        if seen else "cannot be tested: one run a size"
    )  # fmt: skip
    yield (
        "Was extrapolation tested?",
        (tested if isinstance(tested, str) else " ".join(tested.headline().split("\n"))),
    )
    yield "Can it be run again?", "yes: table hash, versions, seed and code are in this report"


def _basins(fits: Sequence[Fit]) -> list[int]:
    return sorted({int(fit.estimate.solution.n_basins[0]) for fit in fits})
