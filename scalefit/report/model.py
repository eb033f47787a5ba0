"""What a report says, gathered once from the results; how it looks is left to the writers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .._columns import are_params_and_data
from .._drawing import percent, size_grid
from .._format import capital
from ..backtest import Backtest, backtest
from ..compare import compare
from ..comparison import Comparison
from ..errors import FitError, ScalefitError, TableError
from ..estimands import Cost
from ..findings import findings_frame
from ..fit import Fit, FitSet, curves_of, set_of, table_of
from ..inference import Interval
from ..optimum import optimum
from ..results import mean_curve
from ..saturation import VERDICTS
from ..storage import versions
from ..table import Table
from ..verdict import Saturation
from ..words import answer
from ..work import Progress
from .checklist import Item, checklist
from .methods import cited, code, methods

__all__ = [
    "BEYOND",
    "CurveReport",
    "Report",
    "Rung",
    "SurfaceReport",
    "build",
    "hide_and_forecast",
    "side_by_side",
]

#: How far forecasts go, as a multiple of the largest size.
BEYOND = 10.0
_POINTS = 33
#: Curves that are compared with each other.
_MOST_COMPARED = 40
_LADDER = (2.0, 10.0, 100.0)
#: Budgets, in units of the cost of the dearest run.
_BUDGETS = (1.0, 10.0, 100.0)


class Rung(NamedTuple):
    """The gain from ``factor`` times the largest size: given the law, and whichever is true."""

    factor: float
    size: float
    given: Interval
    whichever: Interval


@dataclass(frozen=True, slots=True)
class SurfaceReport:
    """What there is to say of several drivers in place of a verdict.

    Parameters
    ----------
    gains : DataFrame
        What more of each driver buys; see :meth:`scalefit.Fit.gains`.
    contrasts : DataFrame
        Gains between few values of a driver; see :attr:`scalefit.Fit.contrasts`.
    best : DataFrame
        The best runs for 1, 10 and 100 times the cost of the dearest run, see
        :func:`scalefit.optimum`; empty where the drivers are not parameters and data.
    """

    gains: pd.DataFrame
    contrasts: pd.DataFrame
    best: pd.DataFrame


@dataclass(frozen=True, slots=True)
class CurveReport:
    """One curve of a report.

    Parameters
    ----------
    label : str
        The curve in words, as long as it is; empty if it is the only one.
    fit : Fit
        Where everything below comes from.
    found : Saturation or None
        The verdict with its tests and saturation points; None for a law of several drivers.
    answer : str
        Two sentences, without the label.
    exponent : Interval or None
        None where the law has no exponent.
    diagnostics : DataFrame
        Findings about this curve, without those about the whole table.
    forecast : DataFrame
        Columns size, estimate, lower, upper (of the mean), run_lower, run_upper (of one new run),
        from the smallest size to ten times the largest. Empty for several drivers.
    gains : tuple of Rung
        Gains from 2, 10 and 100 times the largest size; empty for several drivers.
    points, tests : DataFrame
        Those of ``found``, which are made here, where the work is divided and kept; empty for
        several drivers.
    laws : DataFrame
        The candidate laws, best AICc first.
    law_curves : DataFrame
        A column a law that could be fitted: its mean at the sizes of ``forecast``.
    surface : SurfaceReport or None
        Of several drivers.
    """

    label: str
    fit: Fit
    found: Saturation | None
    answer: str
    exponent: Interval | None
    diagnostics: pd.DataFrame
    forecast: pd.DataFrame
    gains: tuple[Rung, ...]
    points: pd.DataFrame
    tests: pd.DataFrame
    laws: pd.DataFrame
    law_curves: pd.DataFrame
    surface: SurfaceReport | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a report says.

    Parameters
    ----------
    curves : tuple of CurveReport
        In the order of the table.
    table : Table
        The checked table.
    counts : dict
        How many curves got each verdict; "inconclusive" is always among them. Empty where there
        are no verdicts.
    findings : DataFrame
        What a reader should know about the table.
    tested : Backtest or str
        How forecasts of hidden sizes did, or why there are none.
    compared : Comparison or str
        The gains of all curves beside each other, or why they are not; empty if there is one.
    checklist : tuple of Item
        What a reader needs to fit the law again.
    methods : tuple of str
        Paragraphs that can be pasted into a paper.
    references : tuple of str
        What the methods cite.
    code : str
        Python that makes the same fit again.
    versions : dict
        Of everything that the numbers depend on.
    """

    curves: tuple[CurveReport, ...]
    table: Table
    counts: dict[str, int]
    findings: pd.DataFrame
    tested: Backtest | str
    compared: Comparison | str
    checklist: tuple[Item, ...]
    methods: tuple[str, ...]
    references: tuple[str, ...]
    code: str
    versions: dict[str, str]

    @property
    def score(self) -> str:
        """Column of scores."""
        return self.table.score

    @property
    def driver(self) -> str:
        """Column of sizes; of two, both."""
        return " and ".join(self.table.drivers)

    @property
    def judged(self) -> bool:
        """Whether the curves have verdicts."""
        return len(self.table.drivers) == 1


def build(
    fits: Fit | FitSet,
    given: Mapping[str, Any],
    preparation: Sequence[str],
    tested: Backtest | str,
    progress: Progress | None = None,
    *,
    compared: Comparison | str = "",
) -> Report:
    """Gather a report.

    Parameters
    ----------
    fits : Fit or FitSet
        The results.
    given : mapping
        Options that the results do not remember, such as bounds.
    preparation : sequence of str
        Lines of Python that make ``table``.
    tested : Backtest or str
        How forecasts of hidden sizes did, or why there are none; see :func:`hide_and_forecast`.
    progress : callable, optional
        Told after each curve.
    compared : Comparison or str
        The curves beside each other, or why they are not; see :func:`side_by_side`.
    """
    table = table_of(fits)
    work = replace(set_of(fits).work, progress=progress)
    single = curves_of(fits)
    curves = tuple(work.each("asking the curves", _asked, len(single), ((f,) for f in single)))
    several = [curve.fit for curve in curves]  # which hold what they were asked
    verdicts = [curve.found.verdict for curve in curves if curve.found is not None]
    told = [v for v in VERDICTS if v in verdicts or (v == "inconclusive" and verdicts)]
    return Report(
        curves, table, {verdict: verdicts.count(verdict) for verdict in told},
        findings_frame(table.findings), tested, compared, checklist(several, tested),
        methods(several), cited(several), code(fits, given, preparation), versions(),
    )  # fmt: skip


def hide_and_forecast(fits: Fit | FitSet, progress: Progress | None = None) -> Backtest | str:
    """Return how forecasts of hidden sizes did, or why none can be hidden."""
    try:
        return backtest(fits, progress=progress)
    except (FitError, TableError) as error:
        return str(error)


def side_by_side(fits: Fit | FitSet) -> Comparison | str:
    """Return the gains of all curves beside each other, or why they are not compared."""
    if len(fits.candidates) < 2 or len(table_of(fits).drivers) > 1:
        return ""
    if len(fits.candidates) > _MOST_COMPARED:
        return f"{len(fits.candidates)} curves; sf.compare compares any of them by name"
    try:
        return compare(fits)
    except ScalefitError as error:
        return str(error)


def _asked(fit: Fit) -> CurveReport:
    """Return what there is to say of a fit."""
    return _judged(fit) if len(fit.table.drivers) == 1 else _described(fit)


def _any(fit: Fit) -> CurveReport:
    """Return what there is to say of any fit, with neither verdict nor drivers yet."""
    own = fit.diagnostics
    own = own[~own["code"].isin([finding.code for finding in fit.table.findings])]
    said = capital(answer(fit).removeprefix(f"{fit.label}: "))
    none = pd.DataFrame()
    return CurveReport(
        fit.label, fit, None, said, None, own, none, (), none, none, fit.laws, none
    )  # fmt: skip


def _judged(fit: Fit) -> CurveReport:
    """Return what there is to say of a law of one driver."""
    found = fit.saturation()
    sizes = size_grid(fit, BEYOND, _POINTS)
    mean, run = (fit.predict(sizes, kind) for kind in ("mean", "run"))
    forecast = pd.DataFrame({
        "size": sizes, "estimate": mean["estimate"], "lower": mean["lower"],
        "upper": mean["upper"], "run_lower": run["lower"], "run_upper": run["upper"],
    })  # fmt: skip
    forecast.attrs["label"] = percent(mean)
    curves = {
        estimate.law.name: mean_curve(estimate, sizes)
        for estimate in fit.candidates.estimates
        if estimate.applicable[0]
    }
    return replace(
        _any(fit), found=found, exponent=_exponent(fit), forecast=forecast,
        gains=tuple(_rungs(fit, found)),
        points=found.points, tests=found.tests, law_curves=pd.DataFrame(curves, index=sizes),
    )  # fmt: skip


def _described(fit: Fit) -> CurveReport:
    """Return what there is to say about a law of several drivers, of which there is no verdict."""
    return replace(_any(fit), surface=SurfaceReport(fit.gains(), fit.contrasts, _best_runs(fit)))


def _best_runs(fit: Fit) -> pd.DataFrame:
    """Return the best runs for the cost of the dearest run, and more."""
    drivers = fit.table.drivers
    if not are_params_and_data(drivers):
        return pd.DataFrame()
    sizes = (fit.table.rows[name].to_numpy(dtype=float) for name in drivers)
    dearest = float(np.max(Cost().of(*sizes)))
    return optimum(fit, [factor * dearest for factor in _BUDGETS])


def _rungs(fit: Fit, found: Saturation) -> Iterator[Rung]:
    top = float(fit.candidates.sample.x.max())
    within = fit.settings.conditional
    for factor in _LADDER:
        if factor == found.factor:
            given, whichever = found.gain, found.robust_gain
        else:
            given = fit.gain(factor, inference=within)
            whichever = fit.gain(factor, inference="union")
        yield Rung(factor, factor * top, given, whichever)


def _exponent(fit: Fit) -> Interval | None:
    if "exponent" not in fit.params.index:
        return None
    row = fit.params.loc["exponent"].to_dict()
    lower, upper = float(row["lower"]), float(row["upper"])
    return Interval(float(row["estimate"]), lower, upper, fit.settings.level, row["caution"])
