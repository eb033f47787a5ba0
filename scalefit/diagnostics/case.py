"""One curve with everything a check may look at; what costs something is made when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..estimands import (
    Asked,
    Beyond,
    Estimand,
    Gain,
    Implicit,
    Parameter,
    Value,
    is_curved,
    is_implicit,
)
from ..estimate import Estimate
from ..hull import Hull, hull_of
from ..inference import Inference, Intervals
from ..influence import influence_table
from ..noise import Noise
from ..outliers import effect_of_leaving_out, outlying_runs, refit, rows_without
from ..refusals import MIN_DECADES, REFUSALS, Grounds, curvature, refusals_of_forecasts
from ..results import drivers_of, residuals, rests_on_range
from ..sample import Sample
from ..saturation import Assessment
from ..selection import MIN_SIZES, Candidates, ask
from ..sensitivity import noise_sensitivity
from ..table import Table

__all__ = ["Case"]

Floats = NDArray[np.float64]

_ALIKE = (
    "the drivers do not vary independently as far as this goes, so neither effect is known alone "
    "(run several sizes of one at a fixed other)"
)


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
        bent = np.ones(1)  # doublings of one driver alone do not tell how a surface bends
        if not self.sample.frame.other:
            bent = curvature(self.candidates)[1]
        distance = Gain(10.0).beyond(self.chosen.law, self.sample.frame).distance
        return Grounds(self.candidates, bent, distance, self.reach)

    def refused(self, estimand: Asked | Implicit) -> str:
        """Return why a question is not answered; empty if it is."""
        if isinstance(estimand, Parameter):
            return self._refused_parameter(estimand.name)
        if self.sample.n_sizes[0] < MIN_SIZES:
            return REFUSALS["too_few_sizes"].reason
        if is_curved(estimand):
            # What is about no size rests on the exponents of all drivers.
            every = np.ones(self.decades_alone.shape, dtype=bool)
            of_size = estimand.beyond(self.chosen.law, self.sample.frame).above
            alike = (self.decades_alone == 0).any() if of_size else self._alike(every)
            return _ALIKE if alike else ""
        if is_implicit(estimand, self.chosen.law):
            return ""
        asked = cast("Estimand", estimand).beyond(self.chosen.law, self.sample.frame)
        return self._why(asked, 1)[0]

    def refused_at(self, x: Floats, pooled: bool = False) -> list[str]:
        """Return why there is no prediction at each of some sizes; empty where there is one.

        Those that are ``pooled`` over several laws are not refused for what ails one of them.
        """
        frame = self.sample.take(np.zeros(len(x), dtype=np.intp)).frame
        return self._why(Value(x).beyond(self.chosen.law, frame), len(x), pooled)

    def below(self, x: Floats) -> Floats:
        """Return how far some sizes of one driver lie below the smallest one, in log ranges."""
        frame = self.sample.frame
        if frame.other:
            return np.zeros(len(x))
        z = np.log(x / frame.x0)
        return np.where(z < frame.z_min, self.hull.distance(z[:, None]), 0.0)

    def _why(self, asked: Beyond, n: int, pooled: bool = False) -> list[str]:
        """Return why each of n answers is refused: for the sizes, or how they are combined."""
        told = self._why_of_sizes(asked, n, pooled)
        if not asked.places:
            return told
        far = np.any([self._apart(np.broadcast_to(z, (n, z.shape[-1]))) for z in asked.places], 0)
        return [why or (_ALIKE if off else "") for why, off in zip(told, far.tolist(), strict=True)]

    def _apart(self, places: Floats) -> NDArray[np.bool_]:
        """Return which log sizes ``(n, D)`` are combined as none nearly are that were run."""
        distance = self.hull.distance(places)
        reach = np.inf if self.force else self.reach * (1 + 1e-6)
        return np.asarray((distance > reach) | np.isinf(distance))

    def _why_of_sizes(self, asked: Beyond, n: int, pooled: bool) -> list[str]:
        each = [np.broadcast_to(part.distance, (n,)) for part in asked.each or (asked,)]
        distance = np.max(each, axis=0)
        if not (distance > 0).any():
            return [""] * n
        if not asked.each:
            return refusals_of_forecasts(self.grounds, distance, self.force, pooled)
        # Sizes of one driver say nothing of how far another may go.
        reasons = [""] * n
        for along in np.unique(np.array(each).T > 0, axis=0):
            rows = np.flatnonzero(((np.array(each).T > 0) == along).all(axis=1))
            grounds = replace(self.grounds, along=along, drivers=self.table.drivers)
            told = refusals_of_forecasts(grounds, distance[rows], self.force)
            for row, reason in zip(rows.tolist(), told, strict=True):
                reasons[row] = reason
        return reasons

    def _refused_parameter(self, name: str) -> str:
        """Return why an exponent or an asymptote is not told: its sizes are too few or too near."""
        along = drivers_of(self.chosen.law, name, len(self.table.drivers))
        if self._alike(along):
            return _ALIKE
        if self.force or not rests_on_range(self.chosen, name):
            return ""
        told = Grounds(self.candidates, np.ones(1), 0.0, self.reach, along)
        codes = ["narrow_range"]
        if len(along) > 1:  # few sizes of a single driver leave no law at all
            codes = ["too_few_sizes", *codes]
        return next((REFUSALS[c].reason for c in codes if REFUSALS[c].holds(told)[0]), "")

    @cached_property
    def hull(self) -> Hull:
        """All combinations of log sizes between those that were run."""
        runs = self.sample.z[0, self.sample.count[0] > 0]
        return hull_of(runs.reshape(len(runs), -1))

    @property
    def decades_alone(self) -> Floats:
        """How far each driver goes with the others fixed, in powers of ten, ``(D,)``."""
        return np.asarray(self.hull.alone / np.log(10.0))

    def _alike(self, along: NDArray[np.bool_]) -> bool:
        """Return whether any of some drivers goes nowhere alone, or less than a decade.

        One that goes less than a decade in all is narrow, and not alike.
        """
        if not self.sample.frame.other:
            return False
        alone, whole = self.decades_alone[along], self.sample.decades_of_each[0, along]
        least = 0.0 if self.force else np.minimum(MIN_DECADES, whole) * (1 - 1e-9)
        return bool(((alone < least) | (alone == 0)).any())

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
