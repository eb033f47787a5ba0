"""How many runs a size needs until the right verdict is as likely as is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ._format import counted, number, size_text, table_text
from ._seeds import seed_of
from .errors import FitError
from .noise import Noise
from .outcomes import chance, events, outcomes
from .proposals import Proposal, propose, whole_number
from .runs_needed import detectable_trend, seeds_for_margin, slope_error
from .study import runs_known, study_of
from .work import Progress, silent

__all__ = ["SeedsNeeded", "seeds_needed"]

#: Monte-Carlo standard errors within which a chance may be on either side of the target.
_ERRORS = 2.0


@dataclass(frozen=True)
class SeedsNeeded:
    """How many more runs a size needs; made by :func:`seeds_needed`.

    Parameters
    ----------
    seeds : int or None
        The fewest runs at each size with which the right verdict is as likely as the target; None
        if the most that were tried do not reach it.
    at_least, at_most : int or None
        What the Monte-Carlo error leaves open: fewer are too few and more are enough, each by two
        standard errors. None where none tried was clearly enough.
    target : float
        Chance of the right verdict that is asked for.
    sizes : tuple of float
        Where the runs are made.
    table : DataFrame
        One row per number of seeds tried, in order: seeds, runs (new ones), right and wrong (the
        chances that the verdict claims what is true, and what is not), right_error and wrong_error
        (Monte-Carlo standard errors); and in closed form slope_error (standard error of a straight
        trend per decade from the new runs) and detectable_trend (the gain per decade that is seen
        as scaling in four of five tables).
    rule : int
        Seeds by rule of thumb: those with which the mean at a size is known to the margin.
    label : str
        Where the truths come from, and how many tables were simulated.
    """

    seeds: int | None
    at_least: int
    at_most: int | None
    target: float
    sizes: tuple[float, ...]
    table: pd.DataFrame
    rule: int
    label: str

    def headline(self) -> str:
        """Return the answer in a sentence."""
        first, last = size_text(self.sizes[0]), size_text(self.sizes[-1])
        where = f"at {first}"
        if len(self.sizes) > 1:
            where = f"at each of {len(self.sizes)} sizes, {first} to {last},"
        best = self.table.iloc[-1]
        give = "gives" if self.seeds == 1 else "give"
        if self.seeds is None:
            return (
                f"Even {counted(int(best['seeds']), 'run')} more {where} give the right verdict "
                f"in {100 * best['right']:.0f} % of tables only, not in {100 * self.target:g} %: "
                "choose other sizes."
            )
        most = "or more" if self.at_most is None else f"to {self.at_most}"
        may = f"it may be {self.at_least} {most}"
        if self.at_least == self.at_most:
            may = "no other number is likely"
        got = self.table.set_index("seeds").loc[self.seeds]
        return (
            f"{counted(self.seeds, 'run')} more {where} {give} the right verdict in "
            f"{100 * got['right']:.0f} ± {100 * got['right_error']:.0f} % of tables (asked for: "
            f"{100 * self.target:g} %); by the error of the simulation {may}. "
            f"The rule of thumb says {self.rule}."
        )

    def summary(self) -> str:
        """Return the answer, what was tried, and where truths come from."""
        shown = pd.DataFrame({
            "seeds": self.table["seeds"], "runs": self.table["runs"],
            "right": _percent(self.table, "right"), "wrong": _percent(self.table, "wrong"),
            "error of a trend": [number(v) for v in self.table["slope_error"]],
            "trend seen": [number(v) for v in self.table["detectable_trend"]],
        })  # fmt: skip
        return "\n".join([self.headline(), "", table_text(shown), "", self.label])

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"<SeedsNeeded: {self.headline()}>"


def seeds_needed(
    source: Any,
    sizes: Any = None,
    *,
    target: float = 0.8,
    margin: float | None = None,
    factor: float = 10.0,
    most: int = 64,
    n_tables: int = 200,
    law: str | None = None,
    noise: str | Noise | None = None,
    rng: int | np.random.Generator = 0,
    progress: Progress | None = None,
) -> SeedsNeeded:
    """Find how many more runs a size needs until the right verdict is likely.

    A verdict is right if what it claims holds for the truth of its table. Its chance is simulated
    as by :func:`scalefit.plan`, for 1, 2, 4, ... runs at each size until the target is surely
    reached, and between them by halving; the same truths and random numbers serve all of them.

    Parameters
    ----------
    source : Fit or Hypothesis
        What is known, or expected.
    sizes : number or sequence of numbers, optional
        Where the runs are made, all sizes together; by default those in hand.
    target : float
        Chance of the right verdict that is asked for.
    margin, factor, n_tables, law, noise, rng, progress
        As in :func:`scalefit.plan`.
    most : int
        Most runs at each size that are tried.

    Returns
    -------
    SeedsNeeded

    Examples
    --------
    >>> import scalefit as sf
    >>> expected = sf.Hypothesis.through(
    ...     {1e4: 0.60, 1e5: 0.75, 1e6: 0.825}, sd=0.02, score="f1", cells=[])
    >>> found = sf.seeds_needed(expected, [1e4, 3e4, 1e5, 3e5, 1e6], n_tables=40)
    >>> found.at_least <= found.seeds <= found.at_most
    True
    """
    seed, n = seed_of(rng), whole_number("n_tables", n_tables)
    most = whole_number("most", most)
    if not 0 < target < 1:
        raise FitError(f"target={target!r}; give a chance between 0 and 1, such as 0.8")
    known = runs_known(source)
    chosen = [tuple(known) if sizes is None else tuple(np.ravel(sizes))]
    places = propose(chosen, 1, known, source.driver)[0].sizes
    study = study_of(source, law, n, seed, places, noise)
    tell = progress or silent
    tried: dict[int, pd.DataFrame] = {}

    def right(seeds: int) -> tuple[float, float]:
        if seeds not in tried:
            tell("seeds", len(tried), len(tried) + 1)
            tried[seeds] = outcomes(study, Proposal(places, seeds), margin, factor)
        return chance(events(tried[seeds])["right"])

    low, high = 0, 1
    while right(high)[0] < target and high < most:
        low, high = high, min(2 * high, most)
    found = right(high)[0] >= target
    surely = high
    while found and surely < most and right(surely)[0] - _ERRORS * right(surely)[1] < target:
        surely = min(2 * surely, most)
    while found and high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if right(middle)[0] >= target else (middle, high)
    tell("seeds", len(tried), len(tried))
    x = np.array(places)
    sd = float(np.median(np.concatenate([truth.deviation(x) for truth in study.truths])))
    rows = []
    for seeds, part in sorted(tried.items()):
        happened = events(part)
        row: dict[str, Any] = {"seeds": seeds, "runs": seeds * len(places)}
        for name in ("right", "wrong"):
            row[name], row[f"{name}_error"] = chance(happened[name])
        row["slope_error"] = slope_error(sd, seeds, places)
        row["detectable_trend"] = detectable_trend(sd, seeds, places)
        rows.append(row)
    table = pd.DataFrame(rows)
    slack = _ERRORS * table["right_error"]
    too_few = table["seeds"][table["right"] + slack < target]
    enough = table["seeds"][table["right"] - slack >= target]
    smallest = float(np.median(next(iter(tried.values()))["margin"]))
    return SeedsNeeded(
        high if found else None,
        int(too_few.max()) + 1 if len(too_few) else 1,
        int(enough.min()) if len(enough) else None,
        float(target), places, table, seeds_for_margin(sd, smallest),
        f"{n} simulated tables for each number; {study.label}",
    )  # fmt: skip


def _percent(table: pd.DataFrame, name: str) -> list[str]:
    pairs = zip(table[name], table[f"{name}_error"], strict=True)
    return [f"{100 * share:.0f} ± {100 * error:.0f} %" for share, error in pairs]
