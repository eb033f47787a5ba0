"""What a fit predicts: its curve within the sizes, and the pool of all laws beyond them."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import FitError
from .inference import Intervals
from .pool import Pool, pooled
from .results import beyond_largest, prediction_table, predictions, sizes_from, withhold
from .sample import of_table
from .settings import one_level

if TYPE_CHECKING:
    from .diagnostics import Case
    from .estimate import Estimate
    from .selection import Candidates
    from .settings import Settings
    from .table import Table

__all__ = ["Predicted"]

Floats = NDArray[np.float64]
_HELD = "scores get worse with size, and curves are held to rise: this one is flat and misses them"
_NONE_FITS = "no law fits all sizes: this forecast rests on those that fit the largest ones"
_BELOW = "so far below the smallest size nothing shows that the law holds"


class Predicted:
    """The part of :class:`scalefit.Fit` that predicts."""

    if TYPE_CHECKING:
        table: Table
        candidates: Candidates
        settings: Settings
        _case: Case

        @property
        def estimate(self) -> Estimate:
            """The fitted law in its working form."""

    @cached_property
    def pool(self) -> Pool | None:
        """The forecasters behind predictions beyond the sizes; None where one law makes them.

        That is so where a single law was asked for, with several drivers, and for a posterior.
        ``fit.pool.table()`` has a row a forecaster: law, from (the smallest size it is fitted to),
        weight.
        """
        laws = self.settings.rivals([estimate.law for estimate in self.candidates.estimates])
        if not laws or len(self.table.drivers) > 1:
            return None
        return pooled(laws, self.settings.noise.weigh(of_table(self.table)))

    def predict(
        self,
        sizes: Any,
        interval: Literal["mean", "run"] = "mean",
        level: float | None = None,
    ) -> pd.DataFrame:
        """Return predictions.

        Up to the largest size they are those of the law that is reported. Beyond it they are
        pooled over all competing laws, each weighted by how well it foretold the largest sizes
        from those below them (:mod:`scalefit.pool`), so that they do not hang on one form. If a
        single law was asked for, it makes them all, with law-conditional intervals; so does the
        reported law of several drivers, and that of a Bayesian fit.

        Parameters
        ----------
        sizes : mapping, DataFrame or numbers
            ``{"cells": [1e8, 1e9]}`` or just the sizes.
        interval : {"mean", "run"}
            For the curve, or for the score of one new run.
        level : float
            Coverage.

        Returns
        -------
        DataFrame
            The drivers, estimate, lower, upper, beyond (size over the largest one observed, of the
            driver that goes farthest), caution (why a forecast is refused, or what ails one that is
            told; else empty).
            Its ``attrs["label"]`` says where the numbers come from.

        Examples
        --------
        >>> import scalefit as sf
        >>> table = {"cells": [1e4, 2e4, 4e4, 8e4, 16e4, 32e4] * 2, "seed": [0] * 6 + [1] * 6,
        ...          "f1": [.600, .663, .708, .741, .760, .778, .604, .659, .710, .737, .764, .774]}
        >>> told = sf.fit(table).predict([6.4e5])
        >>> told.round(2)
              cells  estimate  lower  upper  beyond caution
        0  640000.0      0.79   0.78   0.79     2.0
        >>> told.attrs["label"][:51]
        '95 % pooled forecast, over saturating_power 0.62, h'
        """
        if interval not in ("mean", "run"):
            raise FitError(f"interval={interval!r}; use 'mean' (the curve) or 'run' (one new run)")
        x = self._sizes(sizes)
        level = one_level(self.settings.level if level is None else level)
        beyond = beyond_largest(self.candidates.sample, x)
        far = beyond > 1 + 1e-9
        pool = self.pool if far.any() else None
        if pool is None:
            found = self._by_law(x, level, interval)
        else:
            there = x[far]
            found = pool.forecast(np.zeros(there.size, dtype=np.intp), there, level, interval)
            found = replace(found, method=f"pooled forecast, over {pool.text()[0]}")
            if not far.all():
                found = _joined(self._by_law(x[~far], level, interval), found, far)
        told = prediction_table(
            found, x, self.table.drivers, beyond, self.table.metrics[0], interval
        )  # fmt: skip
        shown = withhold(told, self._case.refused_at(x, pool is not None))
        below, metric = self._case.below(x), self.table.metrics[0]
        # A curve that has left the range of its metric is told as the end of it, without a width.
        at_end = shown["estimate"].isin([metric.lower, metric.upper])
        outside = (below > 0) & at_end & (shown["lower"] == shown["upper"])
        # Only a pooled forecast asks which laws fit: that may take fits of more laws.
        none_fits = pool is not None and not self._case.grounds.some_law_fits[0]
        for ails, why in (
            (self.estimate.held[0], _HELD),
            (far & none_fits, _NONE_FITS),
            ((below > 1) | outside, _BELOW),
        ):
            shown["caution"] = shown["caution"].mask((shown["caution"] == "") & ails, why)
        return shown

    def refused_at(self, sizes: Any) -> list[str]:
        """Return why a forecast at each of some sizes is refused; empty where it is not.

        ``sizes`` are as for :meth:`predict`.
        """
        x = self._sizes(sizes)
        far = beyond_largest(self.candidates.sample, x) > 1 + 1e-9
        return self._case.refused_at(x, bool(far.any()) and self.pool is not None)

    def _sizes(self, given: Any) -> Floats:
        x = sizes_from(given, self.table.drivers)
        if not len(x):
            names = " and ".join(map(repr, self.table.drivers))
            raise FitError(f"there are no sizes of {names}; give one or more, such as [1e8, 1e9]")
        return x

    def _by_law(self, x: Any, level: float, interval: Literal["mean", "run"]) -> Intervals:
        return predictions(self.estimate, x, level, self.settings.within_law, interval)


def _joined(near: Intervals, pooled: Intervals, far: NDArray[np.bool_]) -> Intervals:
    """Return the pooled intervals where it is ``far``, and those of a law elsewhere."""
    name, _, given = near.method.partition(", ")
    method, _, over = pooled.method.partition(", ")
    label = f"{name} and {method}, {given} up to the largest size, {over} beyond it"
    both = np.empty((3, far.size))
    both[:, far] = pooled.estimate, pooled.lower, pooled.upper
    both[:, ~far] = near.estimate, near.lower, near.upper
    return Intervals(both[0], both[1], both[2], pooled.level, label)
