"""What a report says, gathered once from the results; how it looks is left to the writers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..fit import Fit, FitSet
from ..inference import Interval
from ..saturation import VERDICTS
from ..storage import versions
from ..table import Table
from ..verdict import Saturation
from ..words import answer
from .methods import REFERENCES, code, methods

__all__ = ["CurveReport", "Progress", "Report", "build"]

#: Called with what is being done, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class CurveReport:
    """One curve of a report.

    Parameters
    ----------
    label : str
        The curve in words, as long as it is; empty if it is the only one.
    fit : Fit
        Where everything below comes from.
    found : Saturation
        The verdict with its tests and saturation points.
    answer : str
        Two sentences, without the label.
    exponent : Interval or None
        None where the law has no exponent.
    diagnostics : DataFrame
        Findings about this curve, without those about the whole table.
    """

    label: str
    fit: Fit
    found: Saturation
    answer: str
    exponent: Interval | None
    diagnostics: pd.DataFrame


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
        How many curves got each verdict; "inconclusive" is always among them.
    findings : DataFrame
        What a reader should know about the table.
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
        """Column of sizes."""
        return self.table.drivers[0]


def build(
    fits: Fit | FitSet,
    given: Mapping[str, Any],
    preparation: Sequence[str],
    progress: Progress | None = None,
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
    progress : callable, optional
        Told after each curve.
    """
    # Each curve is looked up once, so that what it computes on demand is computed once.
    several = list(fits.values()) if isinstance(fits, FitSet) else [fits]
    table = fits.all_rows if isinstance(fits, FitSet) else fits.table
    curves = []
    for i, fit in enumerate(several):
        curves.append(_curve(fit))
        if progress is not None:
            progress("asking the curves", i + 1, len(several))
    verdicts = [curve.found.verdict for curve in curves]
    told = [v for v in VERDICTS if v in verdicts or v == "inconclusive"]
    counts = {verdict: verdicts.count(verdict) for verdict in told}
    findings = several[0].diagnostics
    about_table = findings[findings["code"].isin([finding.code for finding in table.findings])]
    return Report(
        tuple(curves), table, counts, about_table, methods(several), REFERENCES,
        code(fits, given, preparation), versions(),
    )  # fmt: skip


def _curve(fit: Fit) -> CurveReport:
    own = fit.diagnostics
    own = own[~own["code"].isin([finding.code for finding in fit.table.findings])]
    exponent = None
    if "exponent" in fit.params.index:
        row = fit.params.loc["exponent"].to_dict()
        exponent = Interval(
            row["estimate"], row["lower"], row["upper"], fit.settings.level, row["caution"]
        )
    said = answer(fit).removeprefix(f"{fit.label}: ")
    return CurveReport(fit.label, fit, fit.saturation(), said[:1].upper() + said[1:], exponent, own)
