"""Bootstrap intervals: the law is fitted again to tables drawn from the fitted one.

They check a profile interval, which covers better in small tables, with fewer assumptions about
the errors. All draws of a curve are refitted by the same global search as the curve itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._seeds import seed_of
from ..draws import drawn_values
from ..errors import FitError, nearest
from ..estimands import Asked
from ..estimate import Estimate, estimate
from ..laws import Frame, Law
from ..recount import Refits, recountable, recounted
from .interval import Intervals, check_level
from .profile import profile
from .resampling import KINDS, drawn_counts, resample
from .support import refuse

__all__ = ["Agreement", "Bootstrap", "agreement"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Numbers in one work array, and draws of one curve that are refitted at once.
_BLOCK, _AT_ONCE = 50_000, 4_000
#: Ratio of two widths beyond which they disagree.
_APART = 1.25
#: Kinds that are known and not offered, with the reason.
_REFUSED = {
    "within": "drawing seeds within each size sees only part of their variance, two thirds of it "
    "with three seeds: its 95 % intervals then cover 81 to 87 %",
    "basic": "the basic bootstrap turns the skewed distribution of a slow curve the wrong way "
    "round: its 95 % intervals cover down to 69 %",
}
_REFUSED["seeds"] = _REFUSED["within"]


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """A bootstrap, to be used as an inference: ``fit.gain(10, inference=sf.Bootstrap())``.

    Parameters
    ----------
    kind : {"residual", "parametric", "case", "wild", "cluster"}
        ``"residual"``: standardised residuals, inflated by ``sqrt(n / (n - p))``, are drawn with
        replacement. ``"parametric"``: normal errors with the fitted variance function.
        ``"case"``: runs are drawn with replacement, size and score together. ``"wild"``: every
        inflated residual stays at its run with a random sign. ``"cluster"``: whole seeds, or
        whole runs with ``run=``, are drawn with replacement; ten or more are needed.
    draws : int
        Tables drawn a curve.
    rng : int or Generator
        Seed of the draws; a generator gives one.

    Notes
    -----
    Percentile intervals: the k-th smallest and the k-th greatest value of the target over all
    draws, ``k = (draws + 1) (1 - level) / 2`` rounded down (Davison & Hinkley 1997, section
    5.3.1). A draw in which the target is infinite, or in which the search ended on a bound beyond
    which the target would move on, counts as infinite; one in which it has no value counts at both
    ends. So a bound is open where the draws do not limit the target.

    Examples
    --------
    >>> import scalefit as sf
    >>> table = {"cells": [1e4, 1e5, 1e6, 1e7] * 3, "seed": [0] * 4 + [1] * 4 + [2] * 4,
    ...          "f1": [.60, .75, .81, .84, .61, .74, .80, .83, .60, .74, .82, .84]}
    >>> fit = sf.fit(table, rng=1)
    >>> fit.gain(10, inference=sf.Bootstrap("case", draws=199)).label
    '95 % case bootstrap of 199 draws, given saturating_power'
    """

    kind: str = "residual"
    draws: int = 999
    rng: int | np.random.Generator = 0

    def __post_init__(self) -> None:
        if self.kind in _REFUSED:
            raise FitError(
                f"kind={self.kind!r} is not offered: {_REFUSED[self.kind]}; use kind='residual', "
                "or inference='profile'"
            )
        if self.kind not in KINDS:
            raise FitError(
                f"no bootstrap of kind {self.kind!r}; the kinds are {', '.join(KINDS)}"
                + nearest(str(self.kind), list(KINDS))
            )
        whole = isinstance(self.draws, (int, np.integer)) and not isinstance(self.draws, bool)
        if not (whole and self.draws > 0):
            raise FitError(f"draws={self.draws!r}; give a whole number above 0, such as 999")
        object.__setattr__(self, "rng", seed_of(self.rng))

    @property
    def label(self) -> str:
        """The method in words."""
        return f"{self.kind} bootstrap of {self.draws} draws"

    def __call__(self, estimate: Estimate, estimand: Asked, level: Any = 0.95) -> Intervals:
        """Return percentile intervals of an estimand for every curve of an estimate.

        Equal curves share their draws and refits, so that many questions about one curve cost
        little more than one. A curve with too few sizes for the law is open on both sides.

        Parameters, returns and errors are those of :func:`~scalefit.inference.profile.profile`.
        """
        rank = np.broadcast_to(self._rank(check_level(level)), (len(estimate),))
        law = estimate.law
        value = estimate.answer(estimand)
        lower, upper = np.full(len(estimate), -np.inf), np.full(len(estimate), np.inf)
        rows = np.flatnonzero(estimate.applicable)
        first, curve = _distinct(estimate.take(rows))
        slots = max(estimate.sample.runs[0].size, estimate.sample.x.shape[1])
        step = max(1, _BLOCK // (min(self.draws, _AT_ONCE) * slots))
        for start in range(0, len(first), step):
            part = first[start : start + step]
            refits = self._refit(estimate.take(rows[part]))
            asked = np.flatnonzero((curve >= start) & (curve < start + step))
            width = max(1, _BLOCK // (self.draws * (1 + law.n_params)))
            for piece in np.split(asked, range(width, len(asked), width)):
                mine = rows[piece]
                frame = estimate.sample.take(mine).frame
                drawn = refits.take(curve[piece] - start).values(estimand.take(mine), frame)
                lower[mine] = _smallest(drawn, rank[mine])
                upper[mine] = -_smallest(-drawn, rank[mine])
        label = f"{self.label}, given {law.name}"
        found = Intervals(value, np.fmin(lower, value), np.fmax(upper, value), level, label)
        return refuse(found, estimate, estimand)

    def _rank(self, level: Any) -> Any:
        """Return the rank of the draw that bounds the interval, counted from the outside."""
        rank = np.floor((self.draws + 1) * (1.0 - np.asarray(level)) / 2.0 + 1e-9).astype(int)
        if np.any(rank < 1):
            need = int(np.ceil(2.0 / (1.0 - np.max(level)) - 1e-9)) - 1
            raise FitError(
                f"draws={self.draws} cannot bound a {100 * np.max(level):g} % interval; "
                f"use draws={max(need, 999)}"
            )
        return rank

    def _refit(self, fitted: Estimate) -> _Refits:
        """Fit the law to new tables of each curve."""
        if self.kind == "parametric" and fitted.sample.kernel is not None:
            raise FitError(
                "kind='parametric' draws normal errors, and this error model has others; use "
                "kind='residual' or 'case'"
            )
        if self.kind in ("residual", "wild") and _bounded(fitted):
            raise FitError(
                f"kind={self.kind!r} moves residuals to other sizes, where scores between bounds "
                "scatter otherwise; use kind='case'"
            )
        if self.kind != "parametric" and not fitted.sample.runs.shape[2]:
            raise FitError(
                f"kind={self.kind!r} draws single runs, and this table has only their means; use "
                "kind='parametric', or inference='profile'"
            )
        parts: list[tuple[int, Estimate | Refits]] = []
        for k, start in enumerate(range(0, self.draws, _AT_ONCE)):
            draws = min(_AT_ONCE, self.draws - start)
            seed = (seed_of(self.rng), k)
            counts = drawn_counts(fitted, self.kind, draws, seed) if recountable(fitted) else None
            if counts is not None:
                parts.append((draws, recounted(fitted, counts)))
                continue
            drawn = resample(fitted, self.kind, draws, seed)
            parts.append((draws, estimate(fitted.law, drawn, fitted)))

        def joined(values: Callable[[Estimate | Refits], NDArray[Any]]) -> NDArray[Any]:
            return np.concatenate(
                [values(each).reshape(len(fitted), draws, -1) for draws, each in parts], axis=1
            )

        return _Refits(
            fitted.law,
            joined(lambda each: each.theta),
            joined(lambda each: each.coefficients),
            joined(lambda each: each.solution.u),
            joined(lambda each: each.solution.at_bound),
        )


def _bounded(fitted: Estimate) -> bool:
    """Return whether the error model knows of a greatest score."""
    return fitted.sample.kernel is not None and bool(np.isfinite(fitted.sample.kernel.domain[1]))


@dataclass(frozen=True, slots=True)
class _Refits:
    """One law fitted to D tables of each of G curves: arrays ``(G, D, ...)``."""

    law: Law
    theta: Floats
    coefficients: Floats
    u: Floats
    at_bound: NDArray[np.intp]

    def take(self, rows: Any) -> _Refits:
        return _Refits(
            self.law, self.theta[rows], self.coefficients[rows], self.u[rows], self.at_bound[rows]
        )

    def values(self, estimand: Asked, frame: Frame) -> Floats:
        """Return the target in every draw, ``(G, D)``; infinite where it has no bound, or nan."""
        found = self._at(self.theta, estimand, frame)
        beyond = estimand.beyond(self.law, frame)
        answer = found
        for j, shape in enumerate(self.law.shapes):
            at = self.at_bound[:, :, j]
            for side, opens in zip((-1, 1), beyond.opens(j, shape), strict=True):
                on_bound = np.reshape(np.broadcast_to(opens, (len(found),)), (-1, 1)) & (at == side)
                if not on_bound.any():
                    continue
                # The way in which the target moves as the shape goes to its bound.
                low, high = (shape.coordinate.to_u(end) for end in shape.bounds(frame))
                inside = self.theta.copy()
                step = side * 0.01 * np.reshape(high - low, (-1, 1))
                inside[:, :, j] = shape.coordinate.to_theta(self.u[:, :, j] - step)
                with np.errstate(invalid="ignore"):
                    move = np.sign(found - self._at(inside, estimand, frame))
                moves = on_bound & (np.abs(move) == 1)
                answer = np.where(moves, np.where(moves, move, 1.0) * np.inf, answer)
        return answer

    def _at(self, theta: Floats, estimand: Asked, frame: Frame) -> Floats:
        return drawn_values(self.law, estimand, theta, self.coefficients, frame)


def _smallest(values: Floats, rank: NDArray[np.intp]) -> Floats:
    """Return the value of a rank ``(G,)`` from below, values that do not exist coming first."""
    place = rank - 1
    ordered = np.partition(np.where(np.isnan(values), -np.inf, values), np.unique(place), axis=1)
    return np.take_along_axis(ordered, place[:, None], axis=1)[:, 0]


def _distinct(fitted: Estimate) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first of each set of equal curves, and the set of each curve."""
    sample = fitted.sample
    arrays = (
        sample.x, sample.other, sample.mean, sample.count, sample.spread, sample.weight,
        sample.runs, sample.unit, sample.frame.sign, sample.frame.limit, fitted.coefficients,
        fitted.theta,
    )  # fmt: skip
    flat = [part.reshape(len(fitted), math.prod(part.shape[1:])) for part in arrays]
    key = np.concatenate(flat, axis=1)
    # As bits, so that nan equals nan.
    bits = np.ascontiguousarray(key, dtype=float).view(np.uint64)
    _, first, curve = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    return first, curve.ravel()


@dataclass(frozen=True, slots=True)
class Agreement:
    """How bootstrap and profile intervals of one question agree.

    Parameters
    ----------
    bootstrap, profile : Intervals
        The intervals of G curves.
    """

    bootstrap: Intervals
    profile: Intervals

    @property
    def ratio(self) -> Floats:
        """Width of the bootstrap interval over that of the profile interval, shape ``(G,)``.

        0 or inf where only one of them is open; nan where both are, or both have no width.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio: Floats = (self.bootstrap.upper - self.bootstrap.lower) / (
                self.profile.upper - self.profile.lower
            )
        return ratio

    @property
    def disagree(self) -> Bools:
        """Where one width is more than 1.25 times the other, shape ``(G,)``."""
        ratio = self.ratio
        return (ratio > _APART) | (ratio < 1.0 / _APART)


def agreement(
    estimate: Estimate,
    estimand: Asked,
    level: Any = 0.95,
    bootstrap: Bootstrap = Bootstrap(),
) -> Agreement:
    """Return how a bootstrap and the profile agree on a question, for every curve."""
    return Agreement(bootstrap(estimate, estimand, level), profile(estimate, estimand, level))
