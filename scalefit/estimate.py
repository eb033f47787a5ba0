"""One law fitted to the curves of one table: the optimum, its misfit, and what was seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from .curves import Curves
from .draws import Draws
from .errors import FitError
from .estimands import Asked
from .kernel import best_scale
from .laws import Law, Terms
from .levels import free_levels
from .noise.residual import NormalKernel
from .sample import Sample
from .settle import settle
from .slope_error import averaged_p, tilted_misfits
from .solvers.general import solve_general
from .solvers.joint import Joint, polish, solve_together
from .solvers.likelihood import LikelihoodProblem
from .solvers.orthant import least_squares
from .solvers.search import Search, Solution, solve
from .solvers.shapes import shapes_at
from .stacked import all_rows

__all__ = [
    "Estimate",
    "at_optimum",
    "estimate",
    "near",
    "pose",
    "pose_jointly",
    "smooth",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
#: Tail below which a fall of the scores is more than chance.
_WORSE = 0.05


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
    tilted : array (G, S)
        By how much F of lack of fit is larger at other slopes that the log variance may have; see
        :mod:`~scalefit.slope_error`.
    inflation : array (G,)
        By how much the variance exceeds what a likelihood says that is not taken for the truth.
    draws : Draws or None
        The posterior of the same law, where there is one.
    """

    law: Law
    sample: Sample
    solution: Solution
    theta: Floats
    coefficients: Floats
    lack_of_fit_ss: Floats
    tilted: Floats
    inflation: Floats
    draws: Draws | None = None

    def __len__(self) -> int:
        return len(self.theta)

    def take(self, rows: Any) -> Estimate:
        """Return the estimate of some of the curves (``rows`` a slice or an index array)."""
        if all_rows(rows, len(self)):
            return self
        return Estimate(
            self.law, self.sample.take(rows), self.solution.take(rows), self.theta[rows],
            self.coefficients[rows], self.lack_of_fit_ss[rows], self.tilted[rows],
            self.inflation[rows], None if self.draws is None else self.draws.take(rows),
        )  # fmt: skip

    @property
    def flat(self) -> Bools:
        """Where the rising part is held at zero, so that the shape means nothing; ``(G,)``."""
        return self.curves.flat

    @property
    def within_gate(self) -> Bools:
        """Where the sizes are as many and as wide as the law asks for; ``(G,)``."""
        sample, law = self.sample, self.law
        within = sample.decades >= law.min_decades * (1 - 1e-12)
        if law.min_sizes:
            within = within & (sample.levels[:, 0] >= law.min_sizes)
        return np.asarray(within)

    @property
    def applicable(self) -> Bools:
        """Where the law has fewer parameters than the curve has sizes, and residual d.f. are left.

        And where the sizes pass the law's own gate. Shape ``(G,)``.
        """
        n, enough = self.law.n_params, self.sample.n_sizes > self.law.n_params
        return (enough | (n == 1)) & (self.residual_df >= 1) & self.within_gate

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
        inflates the size of the test on flat curves. Where the change of the noise with size is
        estimated, the p value is averaged over what it may be.
        """
        df, pure_df = self.sample.n_sizes - self.law.n_params, self.sample.pure_df
        possible = (df >= 1) & (pure_df >= 1)
        safe_df, safe_pure = np.where(possible, df, 1.0), np.where(possible, pure_df, 1.0)
        noise_ss, least = self.sample.replicate_ss, self.sample.pure_ss
        pure = noise_ss / safe_pure * self.inflation
        # Runs that agree in every digit leave no error to judge the misfit by.
        possible &= pure > 0
        # The misfit was counted from what no curve gets below, which may be less than the noise.
        misfit = np.maximum(self.lack_of_fit_ss - (noise_ss - least), 0.0)
        ratio = misfit / safe_df / np.where(possible, pure, 1.0)
        p = averaged_p(ratio, self.tilted, safe_df, safe_pure)
        return np.where(possible, ratio, np.nan), np.where(possible, p, np.nan)

    @property
    def held(self) -> Bools:
        """Where the curve is held flat although the scores get worse with p < 0.05; ``(G,)``."""
        flat = self.flat
        if not flat.any():
            return flat
        variance, df = self.scale
        fall = np.maximum(self.solution.rss - self.lack_of_fit_ss, 0.0)
        ratio = fall / np.where(variance > 0, variance, np.inf)
        return np.asarray(flat & (fdtrc(1.0, np.minimum(df, 1e9), ratio) < _WORSE))

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
        variance = np.where(misfit, size_variance, variance * self.inflation)
        df = np.where(misfit, size_df, df)
        estimated = np.isnan(given.variance)
        return np.where(estimated, variance, given.variance), np.where(estimated, df, given.df)

    @property
    def run_scale(self) -> Floats:
        """Scale of one run at the centre of the sizes, where errors are symmetric; ``(G,)``."""
        sample, df = self.sample, np.maximum(self.residual_df, 1.0)
        if sample.kernel is None:
            given = sample.errors.variance
            plain: Floats = np.sqrt(np.where(np.isnan(given), self.total_ss / df, given))
            return plain
        _, _, scale, weight = at_optimum(self)
        relative = np.repeat(sample.relative, sample.runs.shape[2], axis=1)
        one = np.where(weight > 0, scale / relative, 0.0).max(axis=1)
        return np.asarray(one * np.sqrt(sample.n / df))

    @property
    def information(self) -> Floats:
        """Weight of each size's mean in the covariance of the parameters, shape ``(G, K)``."""
        sample = self.sample
        if sample.kernel is None:
            return sample.weight
        y, mean, scale, weight = at_optimum(self)
        known = np.where(weight > 0, sample.kernel.information(y, mean, scale, weight), 0.0)
        unit = (self.total_ss / sample.n)[:, None]
        total: Floats = unit * known.reshape(sample.runs.shape).sum(axis=2)
        return total

    def standard_residuals(self) -> Floats:
        """Return residuals whose mean square is the variance of :attr:`scale`, ``(G, K, S)``.

        Those of a likelihood are its derivatives by the mean, over the root of their information:
        a run far off counts no more than the likelihood lets it.
        """
        sample = self.sample
        if sample.kernel is None:
            gap = (sample.runs - self.fitted()[:, :, None]) / sample.relative[:, :, None]
            return np.nan_to_num(gap)
        y, mean, scale, weight = at_optimum(self)
        slope = sample.kernel.contribution(y, mean, scale).by_mean
        known = np.maximum(sample.kernel.information(y, mean, scale, weight), 1e-300)
        unit = np.sqrt(self.total_ss / sample.n)[:, None]
        found: Floats = -unit * np.where(weight > 0, slope / np.sqrt(known), 0.0)
        return found.reshape(sample.runs.shape)

    @property
    def aicc(self) -> Floats:
        """Small-sample Akaike criterion, counting the variance as a parameter; ``(G,)``.

        inf where n is too small for the correction. Laws that leave nothing but rounding are told
        apart by their parameters only.
        """
        # Beside given errors there is no scale to be estimated, only what comes on top of them.
        alone = np.isnan(self.sample.errors.extra_variance)
        k = self.law.n_params + 1.0 + np.where(alone, self.sample.variance_df, 0.0)
        n = self.sample.n
        rest = n - k - 1.0
        ratio = np.maximum(self.total_ss / n, self.rounding)
        correction = 2 * k * (k + 1) / np.where(rest > 0, rest, 1.0)
        return np.where(rest > 0, n * np.log(ratio) + 2 * k + correction, np.inf)

    @property
    def rounding(self) -> Floats:
        """Mean square of residuals below which they are the rounding of the scores; ``(G,)``."""
        return np.maximum(1e-24 * self.sample.magnitude**2, 1e-300)

    @property
    def exact(self) -> Bools:
        """Where nothing but rounding is left between the curve and the scores; ``(G,)``."""
        return np.asarray(self.total_ss / self.sample.n <= self.rounding)

    def shapes(self) -> tuple[Floats, ...]:
        """Return the shape parameters as a tuple of arrays ``(G,)``."""
        return tuple(self.theta.T)

    def central(self) -> Estimate:
        """Return the estimate at the draw in the midst of each curve; as it is without draws.

        It is the draw whose means at the sizes are nearest to their medians.
        """
        if self.draws is None or not len(self):
            return self
        theta, coefficients = self.draws.one("theta"), self.draws.one("coefficients")
        shapes = tuple(np.moveaxis(theta, 2, 0)[..., None])
        z, frame = self.sample.z[:, None], self.sample.frame.expand(2)
        mean = np.zeros((*theta.shape[:2], self.sample.x.shape[1]))
        for j, column in enumerate(self.law.columns(z, shapes, frame, np)):
            mean = mean + column * coefficients[:, :, j, None]
        apart = np.where(self.sample.count[:, None] > 0, mean - np.median(mean, 1)[:, None], 0.0)
        far = (apart**2).sum(axis=2)
        place = np.arange(len(self)), far.argmin(axis=1)
        return replace(self, theta=theta[place], coefficients=coefficients[place], draws=None)

    @property
    def curves(self) -> Curves:
        """The fitted curves, without the data."""
        return Curves(self.law, self.sample.frame, self.theta, self.coefficients)

    def tangent(self) -> Floats:
        """Return derivatives of the oriented means at the sizes, ``(G, K, P)``."""
        return self.curves.tangent(self.sample.z)

    def evaluate(self, terms: Terms) -> Floats:
        """Return a target, given as terms of shape ``(G,)``, at the estimate."""
        return self.curves.evaluate(terms)

    def answer(self, estimand: Asked) -> Floats:
        """Return the answer to a question at the estimate, ``(G,)``."""
        return self.curves.value(estimand)

    def fitted(self) -> Floats:
        """Return the mean at each size in the metric's units, shape ``(G, K)``."""
        return self.curves.mean(self.sample.z)


def pose(law: Law, sample: Sample, rising: bool = False) -> Search:
    """Return the search for the shapes of ``law`` that an error model makes of a sample.

    Least squares has a closed form, given the shapes; all else is maximum likelihood.
    """
    kernel = sample.kernel
    if kernel is None:
        data = (sample.z, sample.benefit, sample.weight, sample.frame)
        return least_squares(law, *data, rising=rising)
    return LikelihoodProblem.pose(
        law, sample.frame, kernel, sample.z, sample.runs, sample.relative, sample.pure_ss,
        rising=rising,
    )  # fmt: skip


def pose_jointly(law: Law, sample: Sample) -> tuple[LikelihoodProblem, Floats]:
    """Return the likelihood of a sample, with coefficients that rise, and the unit of its misfit.

    That of least squares is normal, of the size means: its objective is the residual sum of squares
    times the square of the typical scale.
    """
    if sample.kernel is not None:
        problem = cast("LikelihoodProblem", pose(law, sample, rising=True))
        return problem, np.ones(len(sample))
    inside = sample.weight > 0
    log_weight = np.log(np.where(inside, sample.weight, 1.0)).sum(axis=1) / inside.sum(axis=1)
    unit = np.exp(-log_weight)
    relative = 1.0 / np.sqrt(np.where(inside, sample.weight * unit[:, None], 1.0))
    means = np.where(inside, sample.mean, np.nan)[:, :, None]
    problem = LikelihoodProblem.pose(
        law, sample.frame, NormalKernel("identity"), sample.z, means, relative,
        np.zeros(len(sample)), rising=True,
    )  # fmt: skip
    return problem, unit


def estimate(law: Law, sample: Sample, like: Estimate | None = None) -> Estimate:
    """Fit ``law`` to every curve of ``sample``, globally.

    The curve may only improve with scale (see :attr:`Law.rises`); where the free fit runs the
    wrong way it is repeated under that constraint. ``like`` are curves that are like these, each
    of them like as many in turn: those they were drawn anew from. Where the search is not
    exhaustive, it starts from them.
    """
    return settle(_fit(law, sample, like), _fit)


def near(law: Law, sample: Sample) -> Estimate:
    """Fit ``law`` to every curve without a search under a likelihood.

    Least squares is searched instead, and all parameters follow its optimum to that of the
    likelihood. It costs a tenth, and is the same where the two have their optima in one basin.
    """
    return settle(_follow(law, sample), _follow)


def _follow(law: Law, sample: Sample) -> Estimate:
    if sample.kernel is None:
        return _fit(law, sample)
    sample = replace(sample, kernel=sample.kernel.stages()[0])
    rough = _search(law, sample.squares(), None)
    problem = cast("LikelihoodProblem", pose(law, sample))
    scale = np.zeros((len(sample), 1))
    start = np.concatenate([rough.coefficients, rough.solution.u, scale], axis=1)
    state = polish(problem, rough.coefficients, rough.solution.u).state
    # A curve that is held flat, that runs the wrong way under the likelihood, or that was followed
    # to where there is none, stays as it is.
    ends = np.isfinite(state).all(axis=1) & ~rough.flat
    ends &= (state[:, list(law.rises)] >= 0).all(axis=1)
    ends &= np.isfinite(Joint(problem).model(np.where(ends[:, None], state, start)).rss)
    state = np.where(ends[:, None], state, start)
    found = _moved(rough, sample, state, Joint(problem).model(state).rss)
    return _judged(found)


def _moved(found: Estimate, sample: Sample, state: Floats, rss: Floats) -> Estimate:
    """Return the estimate at another state of a likelihood, with its objective there."""
    law, p = found.law, found.law.n_columns
    u, rss = state[:, p:-1], np.maximum(rss - sample.pure_ss, 0.0)
    theta = np.stack(shapes_at(law, u), axis=-1) if law.shapes else u
    return replace(
        found, sample=sample, solution=replace(found.solution, u=u, rss=rss),
        theta=np.where(np.isnan(found.theta), np.nan, theta), coefficients=state[:, :p],
        lack_of_fit_ss=rss,
    )  # fmt: skip


def _fit(law: Law, sample: Sample, like: Estimate | None = None) -> Estimate:
    if law.guesses:
        if sample.kernel is not None:
            raise FitError(
                f"law {law.name!r} is a function, which is fitted by least squares only; "
                "use noise='gaussian'"
            )
        theta, solution = solve_general(law, sample.z, sample.benefit, sample.weight, sample.frame)
        none = np.zeros((len(sample), 0))
        return _made(law, sample, solution, theta, none, solution.rss)
    found = _search(law, sample, like)
    if sample.kernel is None:
        return found
    found = _sharpened(found, sample)
    kernel = sample.kernel.settled(*at_optimum(found))
    if kernel is not sample.kernel:
        pure = free_levels(kernel, sample.runs, sample.relative)
        found = _search(law, replace(sample, kernel=kernel, pure=pure), found)
    return _judged(found)


def _judged(found: Estimate) -> Estimate:
    """Return the estimate of a likelihood with what its fit is judged by."""
    kernel = found.sample.kernel
    assert kernel is not None
    return replace(
        found, tilted=tilted_misfits(found), inflation=kernel.inflation(*at_optimum(found))
    )


def smooth(found: Estimate) -> Estimate:
    """Return the estimate to make intervals of: one whose objective has a curvature."""
    kernel = found.sample.kernel
    first = kernel if kernel is None else kernel.stages()[0]
    if kernel is first:
        return found
    sample = replace(found.sample, kernel=first)
    again = _search(found.law, sample, found)
    return replace(again, tilted=found.tilted, inflation=found.inflation)


def _search(law: Law, sample: Sample, like: Estimate | None) -> Estimate:
    if sample.kernel is not None:
        sample = replace(sample, kernel=sample.kernel.stages()[0])
    solution, coefficients = _optimum(law, sample, like, rising=False)
    misfit = solution.rss
    rises = list(law.rises)
    wrong = np.flatnonzero((coefficients[:, rises] < 0).any(axis=1))
    if wrong.size:
        again, held = _optimum(law, sample.take(wrong), None, rising=True)
        solution = solution.put(wrong, again)
        coefficients[wrong] = held
    theta = np.stack(shapes_at(law, solution.u), axis=-1) if law.shapes else solution.u
    if rises:
        flat = np.all(coefficients[:, rises] <= 0, axis=1, keepdims=True)
        theta = np.where(flat, np.nan, theta)
    return _made(law, sample, solution, theta, coefficients, misfit)


def _made(
    law: Law,
    sample: Sample,
    solution: Solution,
    theta: Floats,
    coefficients: Floats,
    misfit: Floats,
) -> Estimate:
    """Return the estimate, with what other slopes of the log variance would make of its misfit."""
    one = np.ones(len(sample))
    found = Estimate(law, sample, solution, theta, coefficients, misfit, one[:, None], one)
    return found if sample.kernel is not None else replace(found, tilted=tilted_misfits(found))


def _optimum(
    law: Law, sample: Sample, like: Estimate | None, rising: bool
) -> tuple[Solution, Floats]:
    """Return the optimum and its coefficients: by a scan, or from the basins of least squares."""
    problem = pose(law, sample, rising)
    if law.n_drivers > 1 and isinstance(problem, LikelihoodProblem):
        hint = None
        if like is not None:
            each = len(sample) // len(like)
            hint = like.coefficients.repeat(each, axis=0), like.solution.u.repeat(each, axis=0)
        return solve_together(problem, hint)
    return solve(problem)


def _sharpened(found: Estimate, sample: Sample) -> Estimate:
    """Return the estimate under the sample's own kernel, by way of those that lead to it."""
    assert sample.kernel is not None
    for kernel in sample.kernel.stages()[1:]:
        stage = replace(sample, kernel=kernel)
        problem = cast("LikelihoodProblem", pose(found.law, stage))
        best = polish(problem, found.coefficients, found.solution.u)
        found = _moved(found, stage, best.state, best.model.rss)
    return found


def at_optimum(found: Estimate) -> tuple[Floats, Floats, Floats, Floats]:
    """Return runs, means, scales and weights ``(G, n)`` of a likelihood at its optimum."""
    sample = found.sample
    mean = np.repeat(found.fitted(), sample.runs.shape[2], axis=1)
    runs = sample.runs.reshape(len(sample), -1)
    there = ~np.isnan(runs)
    y = np.where(there, runs, mean)
    relative = np.repeat(sample.relative, sample.runs.shape[2], axis=1)
    weight = there.astype(float)
    assert sample.kernel is not None  # only likelihoods come here
    return y, mean, best_scale(sample.kernel, y, mean, relative, weight), weight
