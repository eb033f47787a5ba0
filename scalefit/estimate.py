"""One law fitted to the curves of one table: the optimum, its misfit, and what was seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from .laws import Law, Terms
from .sample import Sample
from .settle import settle
from .solvers.general import solve_general
from .solvers.separable import Problem, Solution, solve

__all__ = ["Estimate", "estimate"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_STEP = 1e-30


@dataclass(frozen=True, slots=True)
class Estimate:
    """One law fitted to G curves; every array has G rows.

    Parameters
    ----------
    law : Law
        The law.
    sample : Sample
        The data, reduced to sizes.
    solution : Solution
        The optimum in search coordinates, with the certificate of the search.
    theta : array (G, q)
        Shape parameters; nan where the curve is flat and they mean nothing.
    coefficients : array (G, p)
        Linear coefficients of the working form.
    lack_of_fit_ss : array (G,)
        Weighted squared distance of the size means from the best curve of the law, whichever way
        it runs (a wrong-way curve is no lack of fit).
    """

    law: Law
    sample: Sample
    solution: Solution
    theta: Floats
    coefficients: Floats
    lack_of_fit_ss: Floats

    def __len__(self) -> int:
        return len(self.theta)

    def take(self, rows: Any) -> Estimate:
        """Return the estimate of some of the curves (``rows`` a slice or an index array)."""
        return Estimate(
            self.law,
            self.sample.take(rows),
            self.solution.take(rows),
            self.theta[rows],
            self.coefficients[rows],
            self.lack_of_fit_ss[rows],
        )

    @property
    def flat(self) -> Bools:
        """Where the rising part is held at zero, so that the shape means nothing; ``(G,)``."""
        if not self.law.rising:
            return np.zeros(len(self), dtype=bool)
        return self.coefficients[:, -1] <= 0.0

    @property
    def applicable(self) -> Bools:
        """Where the law has fewer parameters than the curve has sizes, and residual d.f. are left.

        Shape ``(G,)``.
        """
        few = self.sample.n_sizes > self.law.n_params
        return (few | (self.law.n_params == 1)) & (self.residual_df >= 1)

    @property
    def total_ss(self) -> Floats:
        """Weighted residual sum of squares of all runs, shape ``(G,)``."""
        return self.solution.rss + self.sample.pure_ss

    @property
    def residual_df(self) -> Floats:
        """Runs less parameters, less those of the variance and of crossed seeds; ``(G,)``."""
        sample = self.sample
        return sample.n - self.law.n_params - sample.variance_df - sample.errors.unit_df

    @property
    def lack_of_fit(self) -> tuple[Floats, Floats]:
        """F statistic of lack of fit against pure error, and its p value; nan where none exists.

        The test is made with the free sign of the slope, since holding it at zero or above
        inflates the size of the test on flat curves.
        """
        df = self.sample.n_sizes - self.law.n_params
        pure_df = self.sample.pure_df
        possible = (df >= 1) & (pure_df >= 1)
        safe_df, safe_pure = np.where(possible, df, 1.0), np.where(possible, pure_df, 1.0)
        pure = self.sample.pure_ss / safe_pure
        # Runs that agree in every digit leave no error to judge the misfit by.
        possible &= pure > 0
        ratio = self.lack_of_fit_ss / safe_df / np.where(possible, pure, 1.0)
        p = fdtrc(safe_df, safe_pure, ratio)
        return np.where(possible, ratio, np.nan), np.where(possible, p, np.nan)

    @property
    def scale(self) -> tuple[Floats, Floats]:
        """Variance of one run at the centre of the sizes and its d.f., for intervals; ``(G,)``.

        The residual mean square of all runs; where lack of fit has p < 0.05, that of the size
        means, with its fewer degrees of freedom, whenever it is the larger. What the error model
        gives (:class:`~scalefit.sample.Errors`) stands in its place.
        """
        given = self.sample.errors
        # Where the curve is held flat against a trend, the trend is no noise.
        free_ss = np.minimum(self.lack_of_fit_ss, self.solution.rss) + self.sample.pure_ss
        df = np.maximum(self.residual_df, 1.0)
        variance = free_ss / df
        size_df = np.maximum(self.sample.n_sizes - self.law.n_params, 1.0)
        size_variance = np.minimum(self.lack_of_fit_ss, self.solution.rss) / size_df
        _, p = self.lack_of_fit
        misfit = (p < 0.05) & (size_variance > variance)
        variance, df = np.where(misfit, size_variance, variance), np.where(misfit, size_df, df)
        estimated = np.isnan(given.variance)
        return np.where(estimated, variance, given.variance), np.where(estimated, df, given.df)

    @property
    def aicc(self) -> Floats:
        """Small-sample Akaike criterion, counting the variance as a parameter; ``(G,)``.

        inf where n is too small for the correction.
        """
        # Beside given errors there is no scale to be estimated, only what comes on top of them.
        alone = np.isnan(self.sample.errors.extra_variance)
        k = self.law.n_params + 1.0 + np.where(alone, self.sample.variance_df, 0.0)
        n = self.sample.n
        rest = n - k - 1.0
        ratio = np.maximum(self.total_ss / n, 1e-300)
        correction = 2 * k * (k + 1) / np.where(rest > 0, rest, 1.0)
        return np.where(rest > 0, n * np.log(ratio) + 2 * k + correction, np.inf)

    def shapes(self) -> tuple[Floats, ...]:
        """Return the shape parameters as a tuple of arrays ``(G,)``."""
        return tuple(self.theta.T)

    def tangent(self) -> Floats:
        """Return derivatives of the oriented means by coefficients and shapes, ``(G, K, P)``.

        Those by a shape are taken by the complex step (Squire & Trapp 1998,
        doi:10.1137/S003614459631241X), so they are exact. A flat curve has none but its level's.
        """
        law, z, frame = self.law, self.sample.z, self.sample.frame.expand(1)
        theta = np.where(np.isnan(self.theta), 0.0, self.theta)
        columns = [
            np.broadcast_to(np.asarray(column, dtype=float), self.sample.x.shape)
            for column in law.columns(z, tuple(t[:, None] for t in theta.T), frame, np)
        ]
        for j in range(theta.shape[1]):
            moved = theta.astype(complex)
            moved[:, j] += 1j * _STEP
            shapes = tuple(m[:, None] for m in moved.T)
            curve = law.offset(z, shapes, frame, np)
            for k, column in enumerate(law.columns(z, shapes, frame, np)):
                curve = curve + column * self.coefficients[:, k, None]
            columns.append(np.broadcast_to(np.imag(curve) / _STEP, self.sample.x.shape))
        tangent = np.stack(columns, axis=-1)
        if law.rising:
            tangent[self.flat, :, law.n_columns - 1 :] = 0.0
        return tangent

    def evaluate(self, terms: Terms) -> Floats:
        """Return a target, given as terms of shape ``(G,)``, at the estimate."""
        total = np.broadcast_to(np.asarray(terms.offset, dtype=float), (len(self),))
        for j, weight in enumerate(terms.weights):
            coefficient = self.coefficients[:, j]
            # 0 times an infinite weight is 0: a flat curve has no far limit but its level.
            part = np.multiply(weight, coefficient, out=np.zeros(len(self)), where=coefficient != 0)
            total = total + part
        return total

    def fitted(self) -> Floats:
        """Return the mean at each size in the metric's units, shape ``(G, K)``."""
        frame = self.sample.frame.expand(1)
        theta = tuple(t[:, None] for t in self.shapes())
        terms = self.law.value_terms(self.sample.z, theta, frame)
        total: Floats = np.zeros(self.sample.x.shape) + terms.offset
        for j, weight in enumerate(terms.weights):
            part = np.where(np.isnan(weight), 0.0, weight)
            total = total + part * self.coefficients[:, j, None]
        return total


def estimate(law: Law, sample: Sample) -> Estimate:
    """Fit ``law`` to every curve of ``sample`` by weighted least squares, globally.

    The curve may only improve with scale (see :attr:`Law.rising`); where the free fit runs the
    wrong way it is repeated under that constraint. What the error model leaves open until the law
    is known is then settled, and is found in the sample of the estimate.
    """
    return settle(_least_squares(law, sample), _least_squares)


def _least_squares(law: Law, sample: Sample) -> Estimate:
    if law.guesses:
        theta, solution = solve_general(law, sample.z, sample.benefit, sample.weight, sample.frame)
        none = np.zeros((len(sample), 0))
        return Estimate(law, sample, solution, theta, none, solution.rss)
    data = (sample.z, sample.benefit, sample.weight, sample.frame)
    free = Problem.pose(law, *data, rising=False)
    solution = solve(free)
    misfit = solution.rss
    coefficients = free.project(solution.u[:, None, :]).coefficients[:, 0, :]
    wrong = np.flatnonzero(coefficients[:, -1] < 0) if law.rising else np.zeros(0, dtype=np.intp)
    if wrong.size:
        held = replace(free.take(wrong), rising=True)
        again = solve(held)
        solution = solution.put(wrong, again)
        coefficients[wrong] = held.project(again.u[:, None, :]).coefficients[:, 0, :]
    theta = np.stack(free.theta(solution.u), axis=-1) if law.shapes else solution.u
    if law.rising:
        theta = np.where(coefficients[:, -1:] <= 0, np.nan, theta)
    return Estimate(law, sample, solution, theta, coefficients, misfit)
