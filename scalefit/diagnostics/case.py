"""One curve with everything a check may look at; what costs something is made when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..estimands import Estimand, Gain, Implicit, Parameter, Value
from ..estimate import Estimate
from ..inference import Inference, Intervals
from ..influence import influence_table
from ..noise import Noise
from ..outliers import effect_of_leaving_out, outlying_runs, refit, rows_without
from ..refusals import REFUSALS, Grounds, curvature, refusals_of_forecasts
from ..results import residuals, rests_on_range
from ..sample import Sample
from ..saturation import Assessment
from ..selection import Candidates, ask
from ..sensitivity import noise_sensitivity
from ..table import Table

__all__ = ["Case"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A single fitted curve.

    Parameters
    ----------
    table : Table
        Its rows.
    candidates : Candidates
        The laws fitted to it.
    noise : Noise
        The error model of all of them.
    inference : Inference
        What makes intervals within a law.
    level : float
        Of these intervals.
    seed : int
        Of what is drawn.
    force : bool
        Whether to show forecasts that are refused but exist.
    reach : float
        How far beyond the largest size a forecast may go, in log ranges.
    assess : callable or None
        Returns what the verdict rests on; None with two drivers, of which there is no verdict.
    """

    table: Table
    candidates: Candidates
    noise: Noise
    inference: Inference
    level: float
    seed: int
    force: bool
    reach: float
    assess: Callable[[], Assessment] | None

    @cached_property
    def assessment(self) -> Assessment:
        """What the verdict rests on; only where there is one driver."""
        assert self.assess is not None
        return self.assess()

    @property
    def sample(self) -> Sample:
        """The data, reduced to sizes."""
        return self.candidates.sample

    @property
    def chosen(self) -> Estimate:
        """The law that is reported."""
        return self.candidates.estimates[int(self.candidates.chosen[0])]

    @cached_property
    def grounds(self) -> Grounds:
        """What refusals are judged by, for the tenfold gain."""
        spanning = self.candidates.spanning()
        distance = Gain(10.0).beyond(self.chosen.law, self.sample.frame).distance
        return Grounds(spanning, curvature(self.candidates, spanning)[1], distance, self.reach)

    def refused(self, estimand: Estimand | Implicit) -> str:
        """Return why a question is not answered; empty if it is."""
        if isinstance(estimand, Parameter):
            return self.refused_range() if rests_on_range(self.chosen, estimand.name) else ""
        if self.assess is None or (isinstance(estimand, Implicit) and estimand.implicit):
            return ""
        distance = cast("Estimand", estimand).beyond(self.chosen.law, self.sample.frame).distance
        return self._why(np.reshape(np.asarray(distance, dtype=float), -1)[:1])[0]

    def refused_at(self, x: Floats, pooled: bool = False) -> list[str]:
        """Return why there is no prediction at each of some sizes; empty where there is one.

        Those that are ``pooled`` over several laws are not refused for what ails one of them.
        """
        beyond = Value(x).beyond(self.chosen.law, self.sample.take(np.zeros(x.size, int)).frame)
        return self._why(np.asarray(beyond.distance), pooled)

    def _why(self, distance: Floats, pooled: bool = False) -> list[str]:
        if not (distance > 0).any():
            return [""] * distance.size
        return refusals_of_forecasts(self.grounds, distance, self.force, pooled)

    def refused_range(self) -> str:
        """Return why exponents and asymptotes are not told: the sizes span too little."""
        narrow = REFUSALS["narrow_range"]
        if self.assess is None or self.force:
            return ""
        told = Grounds(self.candidates, np.ones(1), 0.0, self.reach)  # the sizes are enough
        return narrow.reason if narrow.holds(told)[0] else ""

    @cached_property
    def standard_residuals(self) -> Floats:
        """Standardised residual of each row of the table."""
        rows = self.table.rows
        x, *other = (rows[name].to_numpy(dtype=float) for name in self.table.drivers)
        y = rows[self.table.score].to_numpy(dtype=float)
        return residuals(self.chosen, x, y, other)[1]

    @cached_property
    def gain(self) -> Intervals:
        """The tenfold gain by the chosen law."""
        return ask(self.candidates, [(Gain(10.0), self.level)], self.inference)[0]

    @cached_property
    def influence(self) -> pd.DataFrame:
        """The gain without each size; see :func:`scalefit.influence.influence_table`."""
        self.table.need_one_driver("the influence of each size")
        return influence_table(self.candidates, self.gain, 10.0, self.inference)

    @cached_property
    def outliers(self) -> pd.DataFrame:
        """Runs far off the curve; see :func:`scalefit.outliers.outlying_runs`."""
        return outlying_runs(self.chosen, self.table)

    @cached_property
    def outlier_effect(self) -> pd.DataFrame:
        """The fit with and without these runs; empty if there are none."""
        less = self.candidates
        if len(self.outliers):
            left = rows_without(self.table, self.outliers.index.tolist())
            less = refit(left, self.noise, self.candidates)
        metric = self.table.metrics[0]
        both = effect_of_leaving_out(self.candidates, less, metric, self.level, self.inference)
        return both if len(self.outliers) else both.iloc[:0]

    @cached_property
    def sensitivity(self) -> pd.DataFrame:
        """Estimates under other error models: see :mod:`scalefit.sensitivity`."""
        return noise_sensitivity(self.chosen, self.table, self.noise)
