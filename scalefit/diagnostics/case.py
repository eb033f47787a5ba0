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
    Difference,
    Estimand,
    Gain,
    GainBetween,
    Implicit,
    Parameter,
    Value,
    is_curved,
    is_implicit,
)
from ..estimands.place import log_size, moved_drivers, point
from ..estimate import Estimate
from ..inference import Inference, Intervals
from ..influence import influence_table
from ..laws import Frame
from ..noise import Noise
from ..outliers import effect_of_leaving_out, outlying_runs, refit, rows_without
from ..refusals import REFUSALS, Grounds, curvature, refusals_of_forecasts
from ..results import drivers_of, residuals, rests_on_range
from ..sample import Sample
from ..saturation import Assessment
from ..selection import MIN_SIZES, Candidates, ask
from ..sensitivity import noise_sensitivity
from ..table import Table

__all__ = ["Case"]

Floats = NDArray[np.float64]

_ALIKE = "the drivers do not vary independently, so neither effect is known alone"
#: Share of the range of log sizes below which they are the same.
_SMALL = 1e-6


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
            return _ALIKE if self.drivers_alike else ""
        if is_implicit(estimand, self.chosen.law):
            return ""
        question, frame = cast("Estimand", estimand), self.sample.frame
        why = self._why(question.beyond(self.chosen.law, frame), 1)[0]
        if why or not self.drivers_alike:
            return why
        return _ALIKE if self._leaves(_moves(question, frame)) else ""

    def refused_at(self, x: Floats, pooled: bool = False) -> list[str]:
        """Return why there is no prediction at each of some sizes; empty where there is one.

        Those that are ``pooled`` over several laws are not refused for what ails one of them.
        """
        frame = self.sample.take(np.zeros(len(x), dtype=np.intp)).frame
        told = self._why(Value(x).beyond(self.chosen.law, frame), len(x), pooled)
        if not self.drivers_alike:
            return told
        moves = point(log_size(x, frame)) - self._places.mean(axis=0)
        pairs = zip(told, moves, strict=True)
        return [why or (_ALIKE if self._leaves(move) else "") for why, move in pairs]

    def _why(self, asked: Beyond, n: int, pooled: bool = False) -> list[str]:
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
        if self.drivers_alike:
            return _ALIKE
        if self.force or not rests_on_range(self.chosen, name):
            return ""
        along = drivers_of(self.chosen.law, name)
        told = Grounds(self.candidates, np.ones(1), 0.0, self.reach, along)
        codes = ["narrow_range"]
        if len(along) > 1:  # few sizes of a single driver leave no law at all
            codes = ["too_few_sizes", *codes]
        return next((REFUSALS[c].reason for c in codes if REFUSALS[c].holds(told)[0]), "")

    @property
    def drivers_alike(self) -> bool:
        """Whether the log size of one driver follows from those of the others in every run."""
        return len(self._never) > 0

    @property
    def _places(self) -> Floats:
        """The log sizes of all drivers, ``(K, D)``."""
        places: Floats = self.sample.z[0, self.sample.count[0] > 0]
        return places

    @cached_property
    def _never(self) -> Floats:
        """Directions ``(n, D)`` of the log sizes in which the runs do not differ."""
        if not self.sample.frame.other:
            return np.zeros((0, 1))
        places = self._places
        _, extent, along = np.linalg.svd(places - places.mean(axis=0))
        wide = np.zeros(len(along), dtype=bool)
        wide[: len(extent)] = extent > _SMALL * max(float(np.ptp(places)), 1e-300)
        return np.asarray(along[~wide])

    def _leaves(self, moves: Floats) -> bool:
        """Return whether any of some moves ``(..., D)`` of log sizes goes where no runs differ."""
        size = max(float(np.abs(moves).max(initial=0.0)), 1e-300)
        return bool((np.abs(moves @ self._never.T) > _SMALL * size).any())

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


def _moves(question: Estimand, frame: Frame) -> Floats:
    """Return which log sizes a question about gains moves, ``(..., D)``; of others nothing."""
    if isinstance(question, Difference):
        return np.concatenate([_moves(each, frame) for each in (question.first, question.second)])
    if isinstance(question, GainBetween):
        start, end = (point(log_size(x, frame)) for x in (question.x_from, question.x_to))
        return np.asarray(end - start)
    if not hasattr(question, "driver"):
        return np.zeros((1, len(frame.drivers)))
    return np.array([moved_drivers(frame, question.driver)], dtype=float)
