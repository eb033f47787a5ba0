"""How to spend a budget best on two drivers, and what it buys.

Along the sizes that cost the same a surface rises and falls; its top is the compute-optimal run
(approach 3 of Hoffmann et al. 2022, arXiv:2203.15556). It is no linear function of the
coefficients, but at any surface a linear question touches it: the score at the top has the
derivatives of the score at that fixed place, and the place those of one Newton step from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FitError
from ..laws import Frame, Law, Terms
from .cost import Cost, as_cost
from .question import Beyond, Estimand, SameForAll

__all__ = ["BestScore", "BestSize", "SharePower", "best_place"]

Array = Any
Floats = NDArray[np.float64]

#: The top is looked for this many e-folds about the sizes of the table, on so many points.
_AROUND, _POINTS = 40.0, 81
#: Derivatives by differences of four points this far apart in log size: errors of the fourth order.
_STEP = 0.01
_STENCIL = tuple(zip((-2, -1, 1, 2), (1 / 12, -2 / 3, 2 / 3, -1 / 12), strict=True))


def _first_or_second(driver: int) -> None:
    if driver not in (0, 1):
        raise FitError(f"driver={driver!r}; give 0 for the first driver or 1 for the second")


def _two(law: Law) -> None:
    if law.n_drivers != 2:
        raise FitError(
            f"law {law.name!r} has {law.n_drivers} driver{'s' * (law.n_drivers > 1)}; a budget is "
            "divided between two"
        )


@dataclass(frozen=True, slots=True)
class _Path:
    """B surfaces along the sizes of one cost; a place is the log size of the first driver."""

    law: Law
    frame: Frame
    theta: tuple[Array, ...]
    cost: Cost
    log_cost: Array

    def at(self, place: Floats, xp: ModuleType = np) -> Floats:
        """Return log sizes about the centres, ``(..., B, 2)``."""
        first, second = self.frame.drivers
        other = self.cost.second(place, self.log_cost)
        return np.stack([place - np.log(first.x0), other - np.log(second.x0)], axis=-1)

    def slope(self, place: Floats, theta: tuple[Array, ...] | None = None) -> Terms:
        """Return the derivative of the benefit by the place, as terms."""
        weights: list[Array] = [0.0] * self.law.n_columns
        offset: Array = 0.0
        steps = np.array([step for step, _ in _STENCIL])
        for z, (_, share) in zip(self.at(place + _STEP * steps[:, None]), _STENCIL, strict=True):
            terms = self.law.value_terms(
                z, self.theta if theta is None else theta, self.frame
            ).scaled(self.frame.sign * share / _STEP)
            weights = [a + b for a, b in zip(weights, terms.weights, strict=True)]
            offset = offset + terms.offset
        return Terms(tuple(weights), offset)

    def top(self, coefficients: Floats) -> tuple[Floats, Floats]:
        """Return the place of the top ``(B,)`` and the curvature there; nan where there is none."""
        from scipy.optimize.elementwise import find_root

        n = len(coefficients)
        centre = np.log(self.frame.x0) + 0.5 * (self.frame.z_min + self.frame.z_max)
        grid = centre[:, None] + np.linspace(-_AROUND, _AROUND, _POINTS)

        def rises(place: Floats, row: Floats) -> Floats:
            rows = row.astype(np.intp)
            part = _Path(
                self.law, self.frame.map(lambda v: v[rows]), tuple(t[rows] for t in self.theta),
                self.cost, np.broadcast_to(self.log_cost, (n,))[rows],
            )  # fmt: skip
            with np.errstate(all="ignore"):
                return np.asarray(part.slope(place).value(coefficients[rows]))

        every = np.arange(n, dtype=float)
        up = rises(grid.ravel(), np.repeat(every, _POINTS)).reshape(n, _POINTS)
        turns = (up[:, :-1] > 0) & (up[:, 1:] < 0)
        place, row = np.full(n, np.nan), np.flatnonzero(turns.any(axis=1))
        if row.size:
            first = turns[row].argmax(axis=1)
            bracket = grid[row, first], grid[row, first + 1]
            found = find_root(rises, bracket, args=(row.astype(float),))
            place[row] = np.where(found.success, found.x, np.nan)
        bend = np.zeros(n)
        for steps, share in _STENCIL:
            bend = bend + share / _STEP * rises(place + steps * _STEP, every)
        return place, np.where(bend < 0, bend, np.nan)


def best_place(
    law: Law, coefficients: Floats, theta: tuple[Array, ...], frame: Frame, cost: Cost,
    compute: Array,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Return the log sizes of both drivers ``(B,)`` that make the best of a budget.

    Nan where more of one driver and less of the other is better without end.
    """
    _two(law)
    path = _Path(law, frame, theta, cost, np.log(compute))
    place, _ = path.top(coefficients)
    return place, cost.second(place, path.log_cost)


@dataclass(frozen=True, slots=True)
class _NewtonStep(SameForAll):
    """A function of where a Newton step from a known top leads to, linear in the step.

    ``value + slope * step``, summed over several tops.
    """

    label: str
    paths: tuple[_Path, ...]
    places: tuple[Floats, ...]
    bends: tuple[Floats, ...]
    slopes: tuple[Array, ...]
    value: Array

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        """Return the function as terms."""
        weights: list[Array] = [0.0] * law.n_columns
        offset = self.value
        for path, place, bend, slope in zip(
            self.paths, self.places, self.bends, self.slopes, strict=True
        ):
            step = path.slope(place, theta).scaled(-slope / bend)
            weights = [a + b for a, b in zip(weights, step.weights, strict=True)]
            offset = offset + step.offset
        return Terms(tuple(weights), offset)

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return nothing: it is asked of the question that this one touches."""
        return Beyond()


@dataclass(frozen=True, slots=True)
class _ValueIfKnown(SameForAll):
    """The mean score at log sizes ``(B,)`` of both drivers, nan where these are."""

    place: tuple[Floats, Floats]

    @property
    def label(self) -> str:
        """The question in a few words."""
        return "score at the best run"

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        """Return the score as terms."""
        known = np.isfinite(self.place).all(axis=0)
        z = [
            np.where(known, log_size, 0.0) - np.log(own.x0)
            for log_size, own in zip(self.place, frame.drivers, strict=True)
        ]
        found = law.value_terms(np.stack(z, axis=-1), theta, frame, xp)
        return found.scaled(np.where(known, 1.0, np.nan))

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return nothing: it is asked of the question that this one touches."""
        return Beyond()


@dataclass(frozen=True, slots=True)
class BestSize(SameForAll):
    """The size of one driver in the best run that a budget buys, in driver units.

    Parameters
    ----------
    compute : float
        The budget, in units of the cost.
    driver : int
        0 for the first driver, 1 for the second.
    cost : Cost
        What a run costs.

    Notes
    -----
    For ``L = E + A N^-alpha + B D^-beta`` and a cost of ``kappa N^p D^q`` it is
    ``N = [q alpha A / (p beta B)]^(q / s) (C / kappa)^(beta / s)`` with ``s = q alpha + p beta``.

    Examples
    --------
    >>> BestSize(1e21).label
    'first driver of the best run for 1e+21 of 6 N D'
    """

    compute: float
    driver: int = 0
    cost: Cost = field(default_factory=Cost)

    def __post_init__(self) -> None:
        _first_or_second(self.driver)
        object.__setattr__(self, "cost", as_cost(self.cost))

    @property
    def label(self) -> str:
        """The question in a few words."""
        which = ("first", "second")[self.driver]
        return f"{which} driver of the best run for {self.compute:g} of {self.cost.label}"

    def touching(
        self, law: Law, coefficients: Floats, theta: tuple[Array, ...], frame: Frame
    ) -> Estimand:
        """Return the linear question with the same answer and derivatives here."""
        _two(law)
        path = _Path(law, frame, theta, self.cost, np.log(self.compute))
        place, bend = path.top(coefficients)
        other = self.cost.second(place, path.log_cost)
        size = np.exp(other if self.driver else place)
        slope = size * self.cost.exchange(place, other) if self.driver else size
        return _NewtonStep(self.label, (path,), (place,), (bend,), (slope,), size)

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return that it may be about any size."""
        return _anywhere(frame)


@dataclass(frozen=True, slots=True)
class BestScore(SameForAll):
    """The score of the best run that a budget buys.

    Parameters
    ----------
    compute : float
        The budget, in units of the cost.
    cost : Cost
        What a run costs.

    Examples
    --------
    >>> BestScore(1e21).label
    'score of the best run for 1e+21 of 6 N D'
    """

    compute: float
    cost: Cost = field(default_factory=Cost)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cost", as_cost(self.cost))

    @property
    def label(self) -> str:
        """The question in a few words."""
        return f"score of the best run for {self.compute:g} of {self.cost.label}"

    def touching(
        self, law: Law, coefficients: Floats, theta: tuple[Array, ...], frame: Frame
    ) -> Estimand:
        """Return the score at the place of the best run here, where it is stationary."""
        place = best_place(law, coefficients, theta, frame, self.cost, self.compute)
        return _ValueIfKnown(place)

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return that it may be about any size."""
        return _anywhere(frame)


@dataclass(frozen=True, slots=True)
class SharePower(SameForAll):
    """The power of compute with which one driver of the best run grows, about a budget.

    ``a`` in ``N ~ C^a`` and ``b`` in ``D ~ C^b``. For the additive law they do not depend on the
    budget: ``a = beta / (q alpha + p beta)``. For other laws it is the mean over the decade of
    compute about it.

    Parameters
    ----------
    compute : float
        The budget, in units of the cost.
    driver : int
        0 for the first driver, 1 for the second.
    cost : Cost
        What a run costs.

    Examples
    --------
    >>> SharePower(1e21, 1).label
    'power of 6 N D with which the second driver of the best run grows'
    """

    compute: float
    driver: int = 0
    cost: Cost = field(default_factory=Cost)

    def __post_init__(self) -> None:
        _first_or_second(self.driver)
        object.__setattr__(self, "cost", as_cost(self.cost))

    @property
    def label(self) -> str:
        """The question in a few words."""
        which = ("first", "second")[self.driver]
        return f"power of {self.cost.label} with which the {which} driver of the best run grows"

    def touching(
        self, law: Law, coefficients: Floats, theta: tuple[Array, ...], frame: Frame
    ) -> Estimand:
        """Return the linear question with the same answer and derivatives here."""
        _two(law)
        decade = np.log(10.0)
        paths, places, bends, slopes = [], [], [], []
        value: Array = 0.0
        for side in (-1.0, 1.0):
            path = _Path(law, frame, theta, self.cost, np.log(self.compute) + 0.5 * side * decade)
            place, bend = path.top(coefficients)
            other = self.cost.second(place, path.log_cost)
            share = side / decade
            value = value + share * (other if self.driver else place)
            slope = self.cost.exchange(place, other) if self.driver else 1.0
            paths.append(path)
            places.append(place)
            bends.append(bend)
            slopes.append(share * slope + 0.0 * place)
        tops = (tuple(paths), tuple(places), tuple(bends), tuple(slopes))
        return _NewtonStep(self.label, *tops, value)

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return that it rests on the exponents alone."""
        return Beyond(shape=-1, each=tuple(Beyond() for _ in frame.drivers))


def _anywhere(frame: Frame) -> Beyond:
    one = Beyond(above=True, below=True)
    return Beyond(above=True, below=True, each=tuple(one for _ in frame.drivers))
