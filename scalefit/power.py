"""How often two exponents would be told apart, by the test that a comparison makes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._format import counted, number, table_text
from ._seeds import seed_of
from .compare import EXPONENT_LAW
from .confidence import Confidence, joined, trace
from .contrasts import equality
from .errors import FitError
from .estimands import Parameter
from .estimate import estimate
from .inference import Intervals, profile
from .laws import get_law
from .noise import Noise
from .outcomes import chance
from .proposals import NOTHING, Proposal, propose, whole_number
from .selection import MIN_SIZES
from .settings import one_level
from .stated import Hypothesis
from .study import Study, runs_known, study_of
from .work import Progress, silent

__all__ = ["Power", "power"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_QUESTION = Parameter("exponent")


@dataclass(frozen=True)
class Power:
    """How often two exponents are told apart; made by :func:`power`.

    Parameters
    ----------
    table : DataFrame
        One row per proposal and noise: proposal (in words), sizes, seeds, runs (in each of the two
        tables), sd where several were asked for, power (the chance of a p value up to 1 - level)
        with its Monte-Carlo standard error power_error, and silent (the share of tables in which
        one of the two has no exponent to compare, which counts as not told apart).
    level : float
        One less the p value below which exponents count as different.
    label : str
        What was simulated, in words.
    """

    table: pd.DataFrame
    level: float
    label: str

    def summary(self) -> str:
        """Return the table as text, and what was simulated."""
        rows = self.table
        shown = pd.DataFrame({"proposal": rows["proposal"], "runs a table": rows["runs"]})
        if "sd" in rows:
            shown["sd"] = [number(sd) for sd in rows["sd"]]
        pairs = zip(rows["power"], rows["power_error"], strict=True)
        shown["told apart"] = [f"{100 * p:.0f} ± {100 * error:.0f} %" for p, error in pairs]
        shown["no exponent"] = [f"{100 * share:.0f} %" for share in rows["silent"]]
        return f"{table_text(shown)}\n\n{self.label}"

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        best = float(self.table["power"].max())
        return f"<Power: {counted(len(self.table), 'proposal')}, {100 * best:.0f} % at best>"


def power(
    one: Any,
    other: Any,
    sizes: Any = None,
    seeds: int | Iterable[int] | None = None,
    *,
    sd: Iterable[float] | None = None,
    level: float = 0.95,
    noise: str | Noise | None = None,
    n_tables: int = 200,
    rng: int | np.random.Generator = 0,
    progress: Progress | None = None,
) -> Power:
    """Say how often the exponents of two tables would be told apart.

    Both tables are simulated with the runs of each proposal, and compared by the test of shared
    against separate exponents that :func:`scalefit.compare` makes.

    Parameters
    ----------
    one, other : Fit or Hypothesis
        The two curves.
    sizes, seeds
        Runs that are made in both, as in :func:`scalefit.plan`. Without sizes the runs in hand, or
        those that the hypotheses promise, are all there is.
    sd : sequence of float, optional
        Standard deviations of a run to try in place of those of two hypotheses.
    level : float
        One less the p value below which exponents count as different.
    noise, n_tables, rng, progress
        As in :func:`scalefit.plan`.

    Returns
    -------
    Power

    Raises
    ------
    FitError
        The two have too few sizes in common.

    Examples
    --------
    >>> import scalefit as sf
    >>> def expected(exponent):
    ...     curve = {"asymptote": 0.9, "coefficient": 0.3 * 1e4**exponent, "exponent": exponent}
    ...     return sf.Hypothesis("saturating_power", curve, sd=0.02, score="f1")
    >>> sizes = [1e4, 2.5e4, 6.3e4, 1.6e5, 4e5, 1e6]
    >>> found = sf.power(expected(0.3), expected(0.6), [sizes], seeds=[3, 10], n_tables=100)
    >>> found.table["power"].is_monotonic_increasing
    True
    """
    seed, n = seed_of(rng), whole_number("n_tables", n_tables)
    level = one_level(level)
    known = runs_known(one), runs_known(other)
    proposals = [NOTHING] if sizes is None else propose(sizes, seeds, known[0], one.driver)
    spreads: list[float | None] = [None] if sd is None else [float(each) for each in sd]
    if sd is not None and not (isinstance(one, Hypothesis) and isinstance(other, Hypothesis)):
        raise FitError("sd= is for two hypotheses; the noise of a fit is that of its table")
    every = [size for proposal in proposals for size in proposal.sizes]
    cases = len(spreads) * len(proposals)
    tell = progress or silent
    rows: list[dict[str, Any]] = []
    label = ""
    for spread in spreads:
        pair = [source if spread is None else replace(source, sd=spread) for source in (one, other)]
        first, second = (
            study_of(each, None, n, seed + k, every, noise) for k, each in enumerate(pair)
        )  # fmt: skip
        for proposal in proposals:
            tell("power", len(rows), cases)
            p, told = _p_values(first, second, proposal)
            share, error = chance(pd.Series(told & (p <= 1.0 - level)))
            rows.append({
                "proposal": proposal.label, "sizes": proposal.sizes, "seeds": proposal.seeds,
                "runs": proposal.runs, **({} if spread is None else {"sd": spread}),
                "power": share, "power_error": error, "silent": float(1.0 - told.mean()),
            })  # fmt: skip
            label = (
                f"{counted(len(p), 'pair')} of simulated tables; one: {first.label}; "
                f"other: {second.label}"
            )
    tell("power", cases, cases)
    return Power(pd.DataFrame(rows), float(level), label)


def _p_values(one: Study, other: Study, proposal: Proposal) -> tuple[Floats, Bools]:
    """Return, for each pair of tables, the p value of one exponent, and whether there are two."""
    low, high = _common_range(one, other, proposal)
    first, second = (_exponents(each, proposal, low, high) for each in (one, other))
    n = max(len(first[1]), len(second[1]))
    p, told = np.ones(n), np.zeros(n, dtype=bool)
    for i in range(n):
        # Where all runs are in hand, a side has a single table.
        sides = [(curves.take([i % len(known)]), known[i % len(known)])
                 for curves, known in (first, second)]  # fmt: skip
        told[i] = all(known for _, known in sides)
        if told[i]:
            p[i] = equality(joined([curves for curves, _ in sides])).p
    return p, told


def _common_range(one: Study, other: Study, proposal: Proposal) -> tuple[float, float]:
    sizes = [sorted({*each.counts, *proposal.sizes}) for each in (one, other)]
    low, high = max(each[0] for each in sizes), min(each[-1] for each in sizes)
    for each in sizes:
        inside = [size for size in each if low <= size <= high]
        if len(inside) < MIN_SIZES or high < 10.0 * low * (1 - 1e-9):
            raise FitError(
                "exponents are compared over sizes that both have: at least "
                f"{MIN_SIZES}, over a decade or more; propose them as sizes=[[...]]"
            )
    return low, high


def _exponents(
    study: Study, proposal: Proposal, low: float, high: float
) -> tuple[Confidence, Bools]:
    """Return confidence curves of the exponents of simulated tables, and which have one."""
    fitted = estimate(get_law(EXPONENT_LAW), study.on_range(low, high).weighed(proposal.added()))

    def ask(rows: NDArray[np.intp], levels: Floats) -> Intervals:
        return profile(fitted.take(rows), _QUESTION, levels)

    curves = trace(fitted, ask)
    lower, upper = curves.interval(study.level)
    return curves, fitted.applicable & ~fitted.flat & (np.isfinite(lower) | np.isfinite(upper))
