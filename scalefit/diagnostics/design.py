"""Checks of the sizes: how many, how wide, how spaced, with how many runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .._format import counted, number
from ..findings import Finding
from ..refusals import MIN_DECADES, WORST_CONDITION, condition
from ..sample import Sample
from ..selection import MIN_SIZES
from .case import Case

__all__ = ["NO_REPLICATES", "conditioning", "replicates", "run_once", "runs_and_sizes", "sizes"]

_UNTESTED = "one run a size: lack of fit cannot be tested"
NO_REPLICATES = Finding(
    "no_replicates", "warn", f"{_UNTESTED}, and no verdict is firm", mend="run more seeds"
)

#: Condition number from which parameters are hard to tell apart.
_HIGH_CONDITION = 100.0


def sizes(case: Case) -> Iterator[Finding]:
    """Yield whether the sizes are few, narrow or crowded at the top."""
    sample = case.sample
    x = sample.x[0, sample.count[0] > 0]
    count, decades = x.size, float(sample.decades[0])
    apart = int(sample.levels[0, 0])
    if MIN_SIZES <= apart < 6:
        yield Finding(
            "few_sizes", "warn", "few distinct sizes: the shape rests on each of them",
            f"{apart} sizes; 6 or more are better", "add runs at other sizes",
        )  # fmt: skip
    if MIN_DECADES * (1 - 1e-12) <= decades < 1.5:
        yield Finding(
            "short_range", "warn", "the sizes span little for an exponent",
            f"{decades:.2g} decades; 1.5 or more are better",
            "add runs at sizes a decade smaller or larger",
        )  # fmt: skip
    top = np.count_nonzero(x >= x.max() / 10 * (1 - 1e-12))
    if count >= MIN_SIZES and decades >= 1.2 and top > 0.6 * count:
        smallest = "size" if count - top == 1 else "sizes"
        yield Finding(
            "crowded_top", "warn", f"the exponent rests on the smallest {smallest}",
            f"{top} of {count} sizes lie within the top decade", "space sizes evenly in log size",
        )  # fmt: skip


def replicates(case: Case) -> Iterator[Finding]:
    """Yield whether no size was run twice."""
    if run_once(case.sample)[0]:
        message = NO_REPLICATES.message if case.assess is not None else _UNTESTED
        yield replace(NO_REPLICATES, message=message, evidence=runs_and_sizes(case.sample, 0))


def run_once(sample: Sample) -> NDArray[np.bool_]:
    """Return the curves of which :data:`NO_REPLICATES` holds, ``(G,)``."""
    return np.asarray(sample.n == sample.n_sizes)


def runs_and_sizes(sample: Sample, row: int) -> str:
    """Return how many runs one curve has, and at how many sizes."""
    runs, sizes = int(sample.n[row]), int(sample.n_sizes[row])
    return f"{counted(runs, 'run')} at {counted(sizes, 'size')}"


def conditioning(case: Case) -> Iterator[Finding]:
    """Yield whether two parameters of the law bend the curve nearly alike at these sizes."""
    if case.chosen.flat[0] or not case.chosen.applicable[0]:
        return
    value = float(condition(case.chosen)[0])
    if _HIGH_CONDITION < value <= WORST_CONDITION:
        yield Finding(
            "high_condition", "warn", "two parameters of the law bend the curve nearly alike",
            f"condition number of the scaled derivatives {number(value)}",
            "read the gain, which is identified, or widen the sizes",
        )  # fmt: skip
