"""What a fit says of itself: the verdict, what to warn of, and what both rest on."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from .certificate import Certificate, certify
from .diagnostics import Case, diagnose
from .errors import TableError
from .findings import findings_frame
from .hypotheses import Evidence
from .published import published_sizes
from .saturation import Assessment, assess, margins
from .selection import Candidates
from .table import Table
from .verdict import Saturation, single

if TYPE_CHECKING:
    from .settings import Settings

__all__ = ["Backed", "Checked", "assess_table"]


def assess_table(
    table: Table, fitted: Candidates, settings: Settings, factor: float, margin: float | None,
    reach: float = 1.0,
) -> Assessment:  # fmt: skip
    """Return what the verdicts on all curves of a table rest on."""
    if len(table.drivers) > 1:
        raise TableError(
            f"a verdict, with its tests, needs one driver; this table has "
            f"{' and '.join(table.drivers)}: see fit.gains() for what more of each would buy, or "
            "fit each at a fixed value of the others"
        )
    return assess(
        fitted,
        margins(table.metrics, fitted, margin),
        factor=factor,
        span=np.array([metric.span for metric in table.metrics]),
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
        evidence = Evidence(found, 0, self.candidates, method, settings.seed)
        return single(evidence, float(published_sizes(self.table)[0]))

    def _assess(self, factor: float, margin: float | None) -> Assessment:
        return assess_table(self.table, self.candidates, self.settings, factor, margin, self.reach)
