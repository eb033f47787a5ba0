"""Posterior intervals: quantiles of an estimand over the draws of its curve.

An estimate that has draws is asked as it is. One that has none, such as a curve with a size left
out, is drawn first, if the inference brings the means to do so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from ..draws import Draws, drawn_values
from ..errors import FitError
from ..estimands import Asked, Value
from ..estimate import Estimate
from ..rows import one_run
from .common_mode import widened
from .interval import Intervals, check_level
from .support import refuse

__all__ = ["Posterior", "posterior_sd", "posterior_shares"]

Floats = NDArray[np.float64]

#: Numbers in one work array.
_BLOCK = 4_000_000


@dataclass(frozen=True, slots=True)
class Posterior:
    """The posterior as an inference.

    Parameters
    ----------
    draw : callable or None
        Draws the curves of an estimate that has no draws.
    seed : int
        Seed of the noise of new runs.
    draws : int
        How many draws a curve has, for the size of a block.
    """

    draw: Callable[[Estimate], Draws] | None = None
    seed: int = 0
    draws: int = 4000

    def __call__(self, estimate: Estimate, estimand: Asked, level: Any = 0.95) -> Intervals:
        """Return central posterior intervals, with the median as the estimate.

        A quantile is a draw, never a point between two; where draws are infinite it may be open.
        A curve whose draws failed a check has no number, and is open on both sides. An error that
        all scores share, of which they tell nothing, is added as in the other inferences.

        Parameters, returns and errors are those of :func:`~scalefit.inference.profile.profile`.
        """
        levels = np.broadcast_to(check_level(level), (len(estimate),))
        found = np.full((3, len(estimate)), np.nan)
        label = "posterior"
        for rows, part in self._parts(estimate):
            values = self._values(part, estimand.take(rows))
            found[:, rows] = _central(values, levels[rows], _draws_of(part).trusted)
            label = _draws_of(part).label
        said = f"{label}, given {estimate.law.name}"
        answer = Intervals(found[0], found[1], found[2], level, said)
        return refuse(_with_shared(answer, estimate, estimand), estimate, estimand)

    def run(self, estimate: Estimate, x: Floats, level: float) -> Intervals:
        """Return posterior predictive intervals for the score of one new run at size ``x[g]``."""
        levels = np.full(len(estimate), float(level))
        found = np.full((3, len(estimate)), np.nan)
        label = "posterior"
        for rows, part in self._parts(estimate):
            draws = _draws_of(part)
            mean = self._values(part, Value(x[rows]))
            scores = mean_to_run(part, draws, x[rows], mean, self.seed)
            found[:, rows] = _central(scores, levels[rows], draws.trusted)
            found[0, rows] = np.where(draws.trusted, np.median(mean, axis=1), np.nan)
            label = draws.label
        said = f"{label} predictive, given {estimate.law.name}"
        answer = Intervals(found[0], found[1], found[2], level, said)
        return _with_shared(answer, estimate, Value(x))

    def t(self, estimate: Estimate, estimand: Asked, value: Floats) -> Floats:
        """Return the quantile of t, with the d.f. of the estimate's scale, of the tail at a value.

        The share of draws below the value takes the place of a p value; at least half a draw.
        """
        tail = np.full(len(estimate), np.nan)
        for rows, part in self._parts(estimate):
            below = (self._values(part, estimand.take(rows)) < value[rows, None]).mean(axis=1)
            tail[rows] = np.where(_draws_of(part).trusted, below, np.nan)
        least = 0.5 / self.draws
        found: Floats = np.asarray(stdtrit(estimate.scale[1], np.clip(tail, least, 1.0 - least)))
        return found

    def _values(self, part: Estimate, estimand: Asked) -> Floats:
        draws = _draws_of(part)
        return drawn_values(
            part.law, estimand, draws.one("theta"), draws.one("coefficients"), part.sample.frame
        )

    def _parts(self, estimate: Estimate) -> Any:
        """Yield rows and their estimates with draws, in blocks."""
        step = max(1, _BLOCK // (self.draws * (2 + estimate.law.n_params)))
        for first in range(0, len(estimate), step):
            rows = np.arange(first, min(first + step, len(estimate)))
            yield rows, self._drawn(estimate.take(rows))

    def _drawn(self, part: Estimate) -> Estimate:
        if part.draws is not None:
            return part
        if self.draw is None:
            raise FitError(
                "inference='posterior' needs draws; fit with method='bayes', or use "
                "inference='profile'"
            )
        return replace(part, draws=self.draw(part))


def _with_shared(found: Intervals, estimate: Estimate, estimand: Asked) -> Intervals:
    """Return intervals widened by an error that all scores share, unless draws have it already."""
    drawn = np.isfinite(estimate.sample.errors.common_df).any()  # seeds that shift their runs
    return found if drawn else widened(found, estimate, estimand)


def mean_to_run(estimate: Estimate, draws: Draws, x: Floats, mean: Floats, seed: int) -> Floats:
    """Return scores of new runs ``(G, S)`` at sizes ``x`` ``(G,)`` about drawn means.

    Outside the observed sizes the scale of a run is held at that of the nearest one. Every curve
    has the same stream of random numbers.
    """
    frame = estimate.sample.frame
    z = np.clip(np.log(x / frame.x0), frame.z_min, frame.z_max)
    found = np.empty(mean.shape)
    for g, place in enumerate(z):
        error = estimate.sample.run_error[g]
        known = error[np.isfinite(error)]
        typical = float(np.exp(np.log(known).mean())) if known.size else 0.0
        rng = np.random.default_rng(seed)
        new = draws.scatter.new_scores(
            one_run(place, typical), mean[g][:, None], draws.noise_of(g), rng
        )
        found[g] = new[:, 0]
    return found


def posterior_sd(estimate: Estimate, estimand: Asked) -> Floats:
    """Return posterior standard deviations of an estimand, ``(G,)``; nan where a draw is infinite.

    The estimate must have draws.
    """
    draws = _draws_of(estimate)
    theta, coefficients = draws.one("theta"), draws.one("coefficients")
    values = drawn_values(estimate.law, estimand, theta, coefficients, estimate.sample.frame)
    finite = np.isfinite(values).all(axis=1) & draws.trusted
    sd: Floats = np.where(finite, np.where(finite[:, None], values, 0.0).std(axis=1), np.nan)
    return sd


def posterior_shares(estimate: Estimate, estimand: Asked, value: Floats) -> tuple[Floats, Floats]:
    """Return the posterior probabilities that an estimand is below and above values ``(G,)``.

    They are shares of the draws; a draw without a value counts for neither. Both are nan where
    the draws failed a check, and for an estimate that has none.
    """
    nothing = np.full(len(estimate), np.nan)
    if estimate.draws is None:
        return nothing, nothing
    draws, at = estimate.draws, value[:, None]
    theta, coefficients = draws.one("theta"), draws.one("coefficients")
    values = drawn_values(estimate.law, estimand, theta, coefficients, estimate.sample.frame)
    shares = ((values < at).mean(axis=1), (values > at).mean(axis=1))
    below, above = (np.where(draws.trusted, share, np.nan) for share in shares)
    return below, above


def _draws_of(estimate: Estimate) -> Draws:
    assert estimate.draws is not None
    return estimate.draws


def _central(values: Floats, level: Floats, trusted: NDArray[np.bool_]) -> Floats:
    """Return median and central interval of draws ``(G, S)`` as ``(3, G)``, without interpolation.

    Draws that have no value count at both ends; the median is that of the others.
    """
    n = values.shape[1]
    rank = np.maximum(np.floor((n + 1) * (1.0 - level) / 2.0 + 1e-9).astype(int), 1)[:, None] - 1
    missing = np.isnan(values)
    ends = []
    for side in (1.0, -1.0):
        ordered = np.sort(np.where(missing, -np.inf, side * values), axis=1)
        ends.append(side * np.take_along_axis(ordered, rank, axis=1)[:, 0])
    n_known = n - missing.sum(axis=1)
    middle = np.take_along_axis(np.sort(values, axis=1), (n_known[:, None] - 1) // 2, axis=1)[:, 0]
    middle = np.where(2 * n_known < n, np.nan, middle)
    return np.stack([
        np.where(trusted, middle, np.nan),
        np.where(trusted, ends[0], -np.inf),
        np.where(trusted, ends[1], np.inf),
    ])  # fmt: skip
