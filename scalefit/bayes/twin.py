"""Posteriors under errors that are not normal, weighted from those of a normal twin.

About its optimum a likelihood is like one of normal errors: each size has the mean that one step of
scoring would make of it, with the weight of its information. The twin that has these means tells of
the scale no more than the likelihood does (of t with 4 degrees of freedom, 4 / 7 of what normal
errors tell), so that its tails are long enough. Its draws, by quadrature, are weighted to the exact
posterior; Pareto's k-hat and the effective draws tell whether that can be trusted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from ..draws import MAX_KHAT
from ..estimate import Estimate, at_optimum
from ..kernel import best_scale
from ..noise.residual import StudentKernel
from ..rows import runs
from ..scatter import scatter_of
from .collapsed import Collapsed, blocks, gridded_target, joined_draws, proposed, selected
from .grid import Grid
from .likelihood import density_of_sizes
from .normal import normal_rows, numbers_of
from .priors import Prior, Priors
from .target import Target

__all__ = ["twin_draws"]

Floats = NDArray[np.float64]

#: Proposals for each draw that is kept, where as many as draws would leave less than this share of
#: them effective.
_MANY, _ENOUGH = 4, 0.3
#: Degrees of freedom above 2 that are proposed, and the power that flattens their likelihood.
_ABOVE = np.geomspace(0.02, 100.0, 65)
_FLAT = 0.7
#: Curves whose grids are made at once.
_TOGETHER = 16


def twin_draws(estimate: Estimate, priors: Priors, draws: int, seed: int) -> Collapsed:
    """Return posterior draws of every curve of an estimate with a likelihood.

    Parameters
    ----------
    estimate : Estimate
        Of a law with at most two shapes; errors are log-normal, Student-t or beta.
    priors : Priors
    draws, seed : int
    """
    parts = []
    for some in blocks(estimate, 1, _TOGETHER):
        fitted, own = estimate.take(some), priors.take(some)
        target, grid = gridded_target(_twin(fitted, own), fitted)
        for g in range(len(fitted)):
            one = slice(g, g + 1)
            curve = fitted.take(one), own.take(one), target.take(one), grid.take(one)
            found = _of_curve(*curve, draws, draws, seed)
            if found.khat[0] > MAX_KHAT or found.effective[0] < _ENOUGH * draws:
                found = _of_curve(*curve, draws, _MANY * draws, seed)
            parts.append(found)
    return joined_draws(parts)


def _of_curve(
    fitted: Estimate, priors: Priors, target: Target, grid: Grid, draws: int, many: int, seed: int
) -> Collapsed:
    """Return draws of a single curve from so many proposals."""
    rng = np.random.default_rng(seed)
    theta, coefficients, noise, log_ratio = proposed(target, grid, many, rng)
    log_ratio = log_ratio - target.log_likelihood(theta, coefficients, noise)
    if "df" in priors.noise:
        noise["df"], log_weight = _degrees(fitted, priors.noise["df"], many, rng)
        log_ratio = log_ratio + log_weight
    law, sample = fitted.law, fitted.sample
    exact = density_of_sizes(law, sample, scatter_of(sample), theta, coefficients, noise)
    return selected(theta, coefficients, noise, log_ratio + exact.sum(axis=2), draws, rng)


def _twin(fitted: Estimate, priors: Priors) -> Target:
    """Return the target of the normal twin."""
    sample, law = fitted.sample, fitted.law
    kernel = sample.kernel
    assert kernel is not None
    twin = replace(scatter_of(sample), density="normal", link="identity", df=None)
    y, mean, scale, there = at_optimum(fitted)
    relative = np.repeat(sample.relative, sample.runs.shape[2], axis=1)
    sigma = np.where(there > 0, scale / relative, 0.0).max(axis=1)
    information = there * kernel.information(y, mean, scale, there)
    first, second = kernel.by_scale(y, mean, scale)
    pull = -there * kernel.contribution(y, mean, scale).by_mean
    n = sample.n
    # What the runs tell of the scale, in normal runs; and their squares, of which it is made.
    told = np.minimum(0.5 * (there * np.maximum(second, 0.0)).sum(axis=1), n)
    square = there * np.maximum(1.0 - first, 0.0)
    square = square * (told / square.sum(axis=1))[:, None]

    def by_row(values: Floats) -> Floats:
        table = values.reshape(sample.runs.shape)
        if twin.alike != "run":
            return np.asarray(table.sum(axis=2))
        each = runs(sample)
        found = np.zeros(rows.there.shape)
        found[each.curve, np.arange(len(each)) - np.searchsorted(each.curve, each.curve)] = table[
            each.curve, each.size, each.slot
        ]
        return found

    rows, _ = normal_rows(sample, twin)
    information, pull, square, count = map(by_row, (information, pull, square, there))
    spread_of = by_row(there * relative**2) / np.where(count > 0, count, 1.0)
    step = np.divide(pull, information, out=np.zeros_like(pull), where=information > 0)
    variance = sigma[:, None] ** 2 * spread_of
    weight = information * variance
    # Residuals from the optimum must not tell of more scatter than there is.
    of_means = (information * step**2).sum(axis=1)
    weight = weight * np.minimum(1.0, told / np.maximum(of_means, 1e-300))[:, None]
    within = np.maximum(square * variance - weight * step**2, 0.0)
    wanted = np.maximum(told - of_means, 0.0)
    have = (within / np.where(variance > 0, variance, 1.0)).sum(axis=1)
    within = within * (wanted / np.maximum(have, 1e-300))[:, None]
    fitted_at = fitted.fitted()
    at = np.take_along_axis(fitted_at, rows.size, axis=1)
    score = sample.frame.sign[:, None] * (at + step)
    rows = replace(rows, weight=weight, spread=within, count=count * (told / n)[:, None])
    return Target(law, sample, priors, rows, numbers_of(sample, rows, priors), score)


def _degrees(
    fitted: Estimate, prior: Prior, draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Propose degrees of freedom of t for a single curve, ``(1, S)``; with log weights.

    From prior times the flattened likelihood of the residuals, with the scale that suits each.
    """
    y, mean, _, there = at_optimum(fitted)
    relative = np.repeat(fitted.sample.relative, fitted.sample.runs.shape[2], axis=1)
    kernel = cast("StudentKernel", fitted.sample.kernel)
    log_p = np.empty(_ABOVE.size)
    for k, above in enumerate(_ABOVE):
        trial = replace(kernel, df=np.array([2.0 + above]))
        scale = best_scale(trial, y, mean, relative, there)
        log_p[k] = -(there * trial.contribution(y, mean, scale).value).sum()
    log_p = _FLAT * (log_p - log_p.max())
    # Even in the log of what is above 2, linear between: cells of one width.
    width = float(np.log(_ABOVE[1] / _ABOVE[0]))
    log_p = log_p + prior.log_density(2.0 + _ABOVE[None])[0] + np.log(_ABOVE)
    log_p = log_p - logsumexp(log_p)
    cell = rng.choice(_ABOVE.size, draws, p=np.exp(log_p))
    df = 2.0 + _ABOVE[cell] * np.exp(width * (rng.random(draws) - 0.5))
    log_q = log_p[cell] - np.log(width) - np.log(df - 2.0)
    log_weight: Floats = prior.log_density(df[None]) - log_q
    return df[None], log_weight
