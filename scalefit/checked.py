"""What a fit says of itself: the verdict, what to warn of, and what both rest on."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .adjustment import Adjust
from .certificate import Certificate, certify
from .claims import claims, p_values
from .diagnostics import Case, diagnose, overview
from .errors import TableError
from .estimands import Gain
from .findings import findings_frame
from .hypotheses import Evidence
from .metrics import checked_margin
from .published import published_sizes
from .saturation import Assessment, assess, margins
from .selection import Candidates
from .table import Table
from .verdict import Saturation, several, single
from .work import Work

if TYPE_CHECKING:
    from .settings import Settings

__all__ = ["Backed", "Checked", "CheckedSet", "Judged", "assess_curves", "assess_table"]

Floats = NDArray[np.float64]
#: Verdicts, and the p values of what they claim ``(G, 3)``.
Judged = tuple[Assessment, Floats]


def assess_table(
    table: Table, fitted: Candidates, settings: Settings, factor: float, margin: float | None,
    reach: float = 1.0,
) -> Assessment:  # fmt: skip
    """Return what the verdicts on all curves of a table rest on."""
    return _assessed(fitted, *_of_metrics(table, fitted, margin), factor, settings, reach)


def assess_curves(
    table: Table, fitted: Candidates, settings: Settings, factor: float, margin: float | None,
    work: Work,
) -> Judged:  # fmt: skip
    """Return the same, worked out in blocks, with the p values of the claims ``(G, 3)``."""
    given, span = _of_metrics(table, fitted, margin)
    found: Judged = work.divided(
        "verdicts", _judged, len(fitted),
        lambda rows: (fitted.take(rows), given[rows], span[rows], factor, settings),
        slow=settings.slow(fitted),
    )  # fmt: skip
    return found


def _of_metrics(table: Table, fitted: Candidates, margin: float | None) -> tuple[Floats, Floats]:
    """Return margin and span of the metric of each curve."""
    if len(table.drivers) > 1:
        raise TableError(
            f"a verdict, with its tests, needs one driver; this table has "
            f"{' and '.join(table.drivers)}: see fit.gains() for what more of each would buy, or "
            "fit each at a fixed value of the others"
        )
    spans = np.array([metric.span for metric in table.metrics])
    return margins(table.metrics, fitted, margin), spans


def _judged(
    fitted: Candidates, margin: Floats, span: Floats, factor: float, settings: Settings
) -> Judged:
    found = _assessed(fitted, margin, span, factor, settings)
    return found, p_values(found, fitted, settings.within_law)


def _assessed(
    fitted: Candidates, margin: Floats, span: Floats, factor: float, settings: Settings,
    reach: float = 1.0,
) -> Assessment:  # fmt: skip
    return assess(
        fitted,
        margin,
        factor=factor,
        span=span,
        level=settings.level,
        inference=settings.within_law,
        rng=settings.seed,
        force=settings.force,
        reach=reach,
    )


class Backed(Protocol):
    """What shows how far forecasts hold, such as a backtest."""

    def reach_of(self, table: Table) -> float:
        """Return how far beyond its largest size forecasts of one curve have held."""


class Checked:
    """The part of :class:`scalefit.Fit` that judges it."""

    table: Table
    candidates: Candidates
    settings: Settings
    reach: float

    if TYPE_CHECKING:

        @property
        def label(self) -> str:
            """The curve in words."""

    @cached_property
    def certificate(self) -> Certificate:
        """What shows that the optimum is global; an independent solver is run when asked."""
        return certify(self._case.chosen)

    @cached_property
    def diagnostics(self) -> pd.DataFrame:
        """Findings, gravest first: code, severity, message, evidence, mend."""
        return findings_frame(diagnose(self._case))

    @property
    def influence(self) -> pd.DataFrame:
        """The gain at 10 times the largest size without each size: how much rests on it."""
        return self._case.influence

    @property
    def outliers(self) -> pd.DataFrame:
        """Runs more than 5 robust standard deviations off the curve, by their row numbers."""
        return self._case.outliers

    @property
    def outlier_effect(self) -> pd.DataFrame:
        """Gain and parameters with and without the outlying runs; empty if there are none."""
        return self._case.outlier_effect

    @property
    def sensitivity(self) -> pd.DataFrame:
        """Gain and parameters of the law under every error model of independent runs."""
        return self._case.sensitivity

    @cached_property
    def _case(self) -> Case:
        settings, one = self.settings, len(self.table.drivers) == 1
        return Case(
            self.table, self.candidates, settings.noise, settings.within_law, settings.level,
            settings.seed, settings.force, self.reach,
            self._assess_default if one else None,
        )  # fmt: skip

    def saturation(self, factor: float = 10.0, margin: float | None = None) -> Saturation:
        """Return the verdict on whether ``factor`` times the data are worth ``margin``.

        ``margin`` is in score units; by default one point of a unit-range metric, or 1 % of the
        score at the largest size. See :class:`scalefit.Saturation`.
        """
        if factor == 10.0 and margin is None:
            return self._saturation
        return self._judge(self._assess(factor, margin))

    def findings(self, factor: float = 10.0, margin: float | None = None) -> pd.DataFrame:
        """Return what the table and the verdict on one gain tell, as :attr:`FitSet.diagnostics`."""
        found = self.saturation(factor, margin).evidence.found
        return overview(self.table, [self.label], self.candidates, found)

    @cached_property
    def _saturation(self) -> Saturation:
        return self._judge(self._assessment)

    @cached_property
    def _assessment(self) -> Assessment:
        return self._assess(10.0, None)

    def _assess_default(self) -> Assessment:
        return self._assessment

    def _judge(self, found: Assessment) -> Saturation:
        settings = self.settings
        method = settings.within_law
        evidence = Evidence(found, self.candidates, method, settings.seed)
        return single(evidence, float(published_sizes(self.table)[0]))

    def _assess(self, factor: float, margin: float | None) -> Assessment:
        return assess_table(self.table, self.candidates, self.settings, factor, margin, self.reach)


class CheckedSet:
    """The part of :class:`scalefit.FitSet` that judges its curves."""

    if TYPE_CHECKING:
        all_rows: Table
        candidates: Candidates
        settings: Settings
        work: Work

        @property
        def labels(self) -> list[str]:
            """The curves in words."""

        def _keys_frame(self) -> pd.DataFrame:
            """Return the values of the ``by`` columns, a row a curve."""

    @property
    def diagnostics(self) -> pd.DataFrame:
        """Findings on the table and its curves, gravest first.

        Columns: code, severity, message, evidence, mend, curves (how many it is about) and first
        (of these, in words; empty where it is about the table), whose the evidence is. They cost
        nothing beside the verdicts; ``fits[key].diagnostics`` looks closer.
        """
        return self.findings()

    def findings(self, factor: float = 10.0, margin: float | None = None) -> pd.DataFrame:
        """Return :attr:`diagnostics` with what verdicts on another gain tell; of one driver."""
        one = len(self.all_rows.drivers) == 1
        found = self._judged(factor, margin)[0] if one else None
        return overview(self.all_rows, self.labels, self.candidates, found)

    def saturation(
        self, factor: float = 10.0, margin: float | None = None, adjust: Adjust = "holm"
    ) -> pd.DataFrame:
        """Return a verdict per curve, all made in one pass.

        Columns: the ``by`` columns, verdict, strength, gain, lower, upper (two-sided),
        bound_lower, bound_upper (one-sided 95 %, which decide the verdict), margin, gate_p, p (of
        what the verdict claims), p_adjusted, adjusted_verdict (what is left of it after ``adjust``
        over all curves: ``"holm"``, ``"bh"`` for Benjamini-Hochberg, or None), robust_lower,
        robust_upper, published, reason; with posterior draws probability_below and
        probability_above (of the margin).
        """
        found, p = self._judged(factor, margin)
        family = claims(found, p, adjust)
        return several(self._keys_frame(), found, family, published_sizes(self.all_rows))

    @cached_property
    def _judgements(self) -> dict[tuple[float, float | None], Judged]:
        return {}

    def _judged(self, factor: float, margin: float | None) -> Judged:
        """Return the verdicts on a gain, which are made once."""
        asked = Gain(factor).factor, None if margin is None else checked_margin(margin)
        if asked not in self._judgements:
            self._judgements[asked] = assess_curves(
                self.all_rows, self.candidates, self.settings, factor, margin, self.work
            )
        return self._judgements[asked]
