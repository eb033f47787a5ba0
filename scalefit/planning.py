"""What more runs would tell: chances of each verdict and widths of intervals, for each proposal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from . import plan_words as words
from ._format import counted, size_text
from ._numbers import as_number
from ._seeds import seed_of
from .errors import FitError
from .estimands import Gain
from .hull import hull_of
from .next_size import NextSize, best_size, candidate_sizes, next_sizes
from .noise import Noise
from .outcomes import chance, events, outcomes, width_of
from .plan_plot import plot_plan
from .proposals import NOTHING, Proposal, propose, whole_number
from .study import Study, runs_known, study_of
from .work import Progress, silent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Plan", "plan"]

#: Intervals whose widths are told.
_WIDTHS = ("gain", "any_law", "exponent", "asymptote")


def plan(
    source: Any,
    sizes: Any = None,
    seeds: int | Iterable[int] | None = None,
    *,
    margin: float | None = None,
    factor: float = 10.0,
    n_tables: int = 200,
    law: str | None = None,
    noise: str | Noise | None = None,
    cost: Callable[[float], float] | None = None,
    rng: int | np.random.Generator = 0,
    progress: Progress | None = None,
) -> Plan:
    """Say what more runs would tell, before they are made.

    For every proposal, tables are simulated that might come of it, fitted with all laws, and
    judged by the rule of :meth:`Fit.saturation`. Each table has a truth of its own: drawn from
    what the fit leaves open, or the one that a hypothesis states. Runs in hand stay as they are.

    Parameters
    ----------
    source : Fit or Hypothesis
        What is known, or expected.
    sizes : number, sequence or mapping, optional
        What to choose from: each element is a size, or several sizes to be run together; a mapping
        names them. By default 10 and 3 times smaller ones, the same sizes again, 3 and 10 times
        larger ones, and 10 times either way, as far as the law holds there.
    seeds : int or sequence of int, optional
        Runs at each size; several numbers are several proposals. By default as many as the sizes in
        hand have.
    margin, factor : float
        As in :meth:`Fit.saturation`.
    n_tables : int
        Simulated tables a proposal: 200 know a chance to 0.035 or better.
    law : str, optional
        For a fit: the law to take for true in place of the chosen one; ``"surviving"`` for equal
        shares of all laws that the table does not reject.
    noise : str or Noise, optional
        Error model that simulated tables are fitted by. By default that of the table; in place of a
        likelihood (Student-t, log-normal, beta) normal errors, which take a fiftieth of the time.
        Runs are drawn with the errors of the table in any case.
    cost : callable, optional
        ``cost(size)`` of one run; by default in proportion to its size, 1 at the largest in hand.
    rng : int or Generator
        Seed.
    progress : callable, optional
        Called with what is being done, how much of it is done, and how much there is.

    Returns
    -------
    Plan
        Chances of each verdict, widths of intervals, and the next sizes.

    Raises
    ------
    FitError
        The table has no law to draw truths from, or the proposals are not understood.
    TableError
        There are two drivers.

    Examples
    --------
    >>> import scalefit as sf
    >>> expected = sf.Hypothesis.through(
    ...     {1e4: 0.60, 1e5: 0.75, 1e6: 0.825}, sd=0.01, score="f1",
    ...     cells=[1e4, 3e4, 1e5, 3e5, 1e6], seeds=3)
    >>> found = sf.plan(expected, sizes=[1e3, 1e7], seeds=3, n_tables=50)
    >>> found.table[["proposal", "still_scaling", "right"]]
            proposal  still_scaling  right
    0    no new runs           0.96   0.96
    1   3 runs at 1k           1.00   1.00
    2  3 runs at 10M           0.80   0.80
    """
    seed, n = seed_of(rng), whole_number("n_tables", n_tables)
    Gain(factor)  # refuses what is no factor
    known = runs_known(source)
    proposals = [NOTHING] if known else []
    proposals += propose(sizes, seeds, known, source.driver)
    every = [size for proposal in proposals for size in proposal.sizes]
    _check_cost(cost, every)
    study = study_of(source, law, n, seed, every, noise)
    if sizes is None:  # what the law cannot mean is no proposal
        proposals = [each for each in proposals if study.holds(each.sizes)]
    tell = progress or silent
    parts = []
    for done, proposal in enumerate(proposals):
        tell("plan", done, len(proposals))
        parts.append(outcomes(study, proposal, margin, factor).assign(proposal=done))
    tell("plan", len(proposals), len(proposals))
    rows = pd.concat(parts, ignore_index=True)
    return Plan(study, tuple(proposals), rows, float(factor), cost)


def _check_cost(cost: Any, sizes: Iterable[float]) -> None:
    """Raise FitError if something is no function that gives every size a positive cost."""
    if cost is None:
        return
    if not callable(cost):
        raise FitError(
            f"cost={cost!r} is no function; give one of the size of a run, such as "
            "cost=lambda size: 6e9 * size"
        )
    for size in sizes:
        found = as_number(cost(size))
        if not 0 < found < np.inf:
            raise FitError(
                f"cost= makes {found:g} of size {size_text(size)}; the cost of a run is a "
                "positive number"
            )


@dataclass(frozen=True)
class Plan:
    """Proposals beside what they would tell; made by :func:`plan`.

    Parameters
    ----------
    study : Study
        Truths, runs in hand, and how tables are judged.
    proposals : tuple of Proposal
        The runs that might be made; where there are runs in hand the first adds none.
    rows : DataFrame
        One row per proposal and simulated table: proposal (its number), verdict, strength, margin,
        gain with its interval given the law and whichever surviving law is true (any_law), the
        intervals of exponent and asymptote where the law has them, true_gain, and right (whether
        the verdict claims what is true).
    factor : float
        The k of the next k-fold gain.
    cost : callable or None
        Cost of one run at a size; None for one in proportion to it.
    """

    study: Study
    proposals: tuple[Proposal, ...]
    rows: pd.DataFrame
    factor: float
    cost: Callable[[float], float] | None

    def cost_of(self, size: float) -> float:
        """Return the cost of one run at a size, by default 1 at the largest in hand."""
        if self.cost is not None:
            return float(self.cost(size))
        return size / max(self.study.counts or self.proposals[0].sizes)

    @property
    def label(self) -> str:
        """Where truths come from, and how many tables were simulated."""
        return (
            f"{len(self.study)} simulated tables a proposal; {self.study.label}; verdicts "
            f"by {100 * self.study.level:g} % profile likelihood"
        )

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a proposal.

        Columns: proposal (in words), sizes, seeds, runs (new ones), cost, largest (size of the
        table then), the chances of the four verdicts, ``firm`` (that it is firm), ``firm_...`` (a
        firm one of that kind), ``right`` and ``wrong`` (that the verdict claims what is true, and
        what is not), each with its Monte-Carlo standard error ``..._error``; and for the gain given
        the law, the gain whichever surviving law is true (``any_law``), exponent and asymptote the
        median width of their intervals, its Monte-Carlo error, and ``..._open``, the share of
        intervals that are open, which count as infinitely wide. Gains are those from the largest
        size that the table then has. ``caution`` says where the law cannot hold, and
        which sizes are too far from those in hand to know.
        """
        rows = []
        for i, proposal in enumerate(self.proposals):
            part = self.rows[self.rows["proposal"] == i]
            cost = sum(n * self.cost_of(size) for size, n in proposal.added().items())
            row: dict[str, Any] = {
                "proposal": proposal.label, "sizes": proposal.sizes, "seeds": proposal.seeds,
                "runs": proposal.runs, "cost": float(cost),
                "largest": max([*self.study.counts, *proposal.sizes]),
            }  # fmt: skip
            drawn = bool(proposal.runs or self.study.promised)
            for name, happens in events(part).items():
                row[name], error = chance(happens)
                row[f"{name}_error"] = error if drawn or name in ("right", "wrong") else 0.0
            for name in _WIDTHS:
                if f"{name}_lower" in part:
                    width, error, share = width_of(part[f"{name}_lower"], part[f"{name}_upper"])
                    row |= {f"{name}_width": width, f"{name}_width_error": error if drawn else 0.0,
                            f"{name}_open": share}  # fmt: skip
            row["caution"] = "; ".join(self._cautions(proposal))
            rows.append(row)
        table = pd.DataFrame(rows)
        table.attrs["label"] = self.label
        return table

    def _cautions(self, proposal: Proposal) -> Iterator[str]:
        """Say why the truths may not hold at the sizes of a proposal."""
        if not self.study.holds(proposal.sizes):
            share = 100 * self.study.outside(proposal.sizes)
            yield f"{share:.0f} % of the truths leave the range of {self.study.score} there"
        if len(self.study.counts) > 1 and proposal.sizes:
            in_hand, new = (
                np.log(list(sizes))[:, None] for sizes in (self.study.counts, proposal.sizes)
            )
            if hull_of(in_hand).distance(new).max() > 1 + 1e-9:
                yield "sizes farther from those in hand than these span: truths there are guesses"

    @cached_property
    def next_sizes(self) -> pd.DataFrame:
        """By how much runs at each of some sizes would narrow intervals, and at what cost.

        Candidates are the sizes in hand and those proposed, or others up to a decade away where no
        single ones are proposed; each with as many runs as the first proposal has seeds. See
        :func:`scalefit.next_size.next_sizes` for the columns.
        """
        if not self.study.counts:
            raise FitError("there are no runs to add to: next sizes need cells in the hypothesis")
        in_hand = np.array(list(self.study.counts))
        proposed = [p.sizes[0] for p in self.proposals if len(p.sizes) == 1]
        sizes = np.unique([*in_hand, *proposed]) if proposed else candidate_sizes(in_hand)
        runs = next(p.seeds for p in self.proposals if p.runs)
        return next_sizes(self.study, sizes, runs, self.cost_of, self.factor)

    @property
    def next_size(self) -> NextSize:
        """The size that narrows the interval of the gain most per unit of cost."""
        table = self.next_sizes
        return NextSize(best_size(table, "gain"), best_size(table, "any_law"))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the chances of each verdict as bars, one a proposal."""
        return plot_plan(self, ax=ax)

    def summary(self) -> str:
        """Return what decides most often, all proposals, and where the next runs tell most."""
        return words.summary(self)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"<Plan of {counted(len(self.proposals), 'proposal')}, {self.label}>"

    def _repr_html_(self) -> str:
        return words.html(self)
