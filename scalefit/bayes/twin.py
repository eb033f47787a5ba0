"""Posteriors under errors that are not normal, weighted from those of a normal twin.

About its optimum a likelihood is like one of normal errors: the errors of logs are those of scores
over their means, and a run far off counts as one of larger variance (the weights by which t is
fitted as a scale mixture of normals, Lange, Little & Taylor 1989, doi:10.2307/2290063). The twin
tells of the scale no more than the likelihood does (of t with 4 degrees of freedom, 4 / 7 of what
normal errors tell), so that its tails are long enough. Its draws, by quadrature, are weighted to
the exact posterior; Pareto's k-hat and the effective draws tell whether that can be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from ..draws import MAX_KHAT, least_effective
from ..estimate import Estimate, at_optimum
from ..rows import runs
from ..scatter import Scatter, scatter_of
from .collapsed import Collapsed, blocks, gridded_target, joined_draws, proposed, selected
from .grid import Grid, places_of
from .likelihood import density_of_sizes, means_at_sizes
from .normal import Normal, normal_rows, numbers_of
from .priors import Prior, Priors
from .target import Target

__all__ = ["twin_draws"]

Floats = NDArray[np.float64]

#: Proposals where as many as draws would leave less than this share of them effective.
_MANY, _ENOUGH = (16_000, 64_000), 0.3
#: Degrees of freedom above 2 that are proposed, and the power that flattens their likelihood.
_ABOVE = np.geomspace(0.02, 100.0, 65)
_FLAT = 0.7
#: What a run tells of the scale of t, of what it would of that of normal errors: less than it does
#: with 4 degrees of freedom, 4 / 7.
_OF_T = 0.45
#: Part of the likelihood that a twin has which is tried where the whole is too narrow.
_FLATTER = 0.6
#: Rounds in which a twin finds the optimum that it is a twin of, where that is not known.
_ROUNDS = 4
#: Curves whose grids are made at once.
_TOGETHER = 16


@dataclass(frozen=True, slots=True)
class _Centre:
    """Where a twin is like its likelihood.

    Means of the rows ``(G, N)`` in the metric's units, and ``(G,)``: the scale of a run, the
    correlation of neighbouring rows, and the slope of the log variance.
    """

    mean: Floats
    scale: Floats
    correlation: Floats
    slope: Floats

    def where(self, chosen: NDArray[np.bool_], other: _Centre) -> _Centre:
        """Return the centres of the chosen curves, and those of another for the rest."""
        return _Centre(
            np.where(chosen[:, None], self.mean, other.mean),
            *(np.where(chosen, getattr(self, name), getattr(other, name))
              for name in ("scale", "correlation", "slope")),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Twins:
    """Normal twins of G curves, and the log likelihood of degrees of freedom ``(G, 65)``."""

    target: Target
    grid: Grid
    degrees: Floats

    def take(self, rows: slice) -> _Twins:
        return _Twins(self.target.take(rows), self.grid.take(rows), self.degrees[rows])


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
    enough = max(_ENOUGH * draws, least_effective(draws))
    for some in blocks(estimate, 1, _TOGETHER):
        fitted, own = estimate.take(some), priors.take(some)
        twins = _twins(fitted, own, 1.0)
        for g in range(len(fitted)):
            one = slice(g, g + 1)
            curve = fitted.take(one), own.take(one)
            found = _of_curve(*curve, twins.take(one), draws, draws, seed)
            if found.khat[0] > MAX_KHAT or found.effective[0] < enough:
                flatter = _twins(*curve, _FLATTER)
                for many in _MANY:
                    found = _of_curve(*curve, flatter, draws, max(many, draws), seed)
                    if found.khat[0] > MAX_KHAT or found.effective[0] >= enough:
                        break
            parts.append(found)
    return joined_draws(parts)


def _of_curve(
    fitted: Estimate, priors: Priors, twin: _Twins, draws: int, many: int, seed: int
) -> Collapsed:
    """Return draws of a single curve from so many proposals."""
    rng = np.random.default_rng(seed)
    theta, coefficients, noise, log_ratio = proposed(twin.target, twin.grid, many, rng)
    log_ratio = log_ratio - twin.target.log_likelihood(theta, coefficients, noise)
    if "df" in priors.noise:
        noise["df"], log_weight = _degrees(twin.degrees[0], priors.noise["df"], many, rng)
        log_ratio = log_ratio + log_weight
    law, sample = fitted.law, fitted.sample
    exact = density_of_sizes(law, sample, scatter_of(sample), theta, coefficients, noise)
    return selected(theta, coefficients, noise, log_ratio + exact.sum(axis=2), draws, rng)


def _twins(fitted: Estimate, priors: Priors, part: float) -> _Twins:
    """Return the normal twins of curves, with a part of the likelihood."""
    scatter, sample = scatter_of(fitted.sample), fitted.sample
    plain = replace(scatter, density="normal", link="identity", df=None)
    rows, score = normal_rows(sample, plain, runs(sample))
    y = score * sample.frame.sign[:, None]

    def about(centre: _Centre) -> _Twins:
        own, pseudo, degrees = _twin_rows(scatter, rows, y, centre, priors)
        own = replace(own, weight=part * own.weight, count=part * own.count)
        numbers = numbers_of(sample, own, priors)
        target = Target(fitted.law, sample, priors, own, numbers,
                        pseudo * sample.frame.sign[:, None])  # fmt: skip
        return _Twins(*gridded_target(target, fitted), degrees)

    centre = _optimum(fitted, rows)
    found = about(centre)
    # The likeliest curve of independent rows that improves with scale is that of the twin, unless
    # rows are alike, or the curve runs the other way.
    elsewhere = fitted.flat | (scatter.alike == "run")
    for _ in range(_ROUNDS - 1 if elsewhere.any() else 0):
        centre = _likeliest(found.target, found.grid).where(elsewhere, centre)
        found = about(centre)
    return found


def _optimum(fitted: Estimate, rows: Normal) -> _Centre:
    """Return the most likely curve, of independent rows."""
    sample = fitted.sample
    _, _, scale, there = at_optimum(fitted)
    relative = np.repeat(sample.relative, sample.runs.shape[2], axis=1)
    mean = np.take_along_axis(fitted.fitted(), rows.size, axis=1)
    sigma = np.where(there > 0, scale / relative, 0.0).max(axis=1)
    return _Centre(mean, sigma, np.zeros(len(fitted)), sample.variance_slope)


def _likeliest(target: Target, grid: Grid) -> _Centre:
    """Return the likeliest curve on the grid of a twin."""
    n_curves = len(grid.evidence)
    best = grid.log_density.reshape(n_curves, -1).argmax(axis=1)
    place = np.take_along_axis(places_of(grid.nodes), best[:, None, None], axis=2)
    linear = target.linear(place)
    log_scale = target.modes(linear)
    theta, coefficients = target.at_their_best(linear, log_scale)
    mean = means_at_sizes(target.law, target.sample, theta, coefficients)[:, 0]
    numbers = target.numbers_at(place)
    none = np.zeros((n_curves, 1))
    return _Centre(
        np.take_along_axis(mean, target.rows.size, axis=1), np.exp(log_scale[:, 0]),
        numbers.get("correlation", none)[:, 0], numbers.get("noise_slope", none)[:, 0],
    )  # fmt: skip


def _twin_rows(
    scatter: Scatter, rows: Normal, y: Floats, centre: _Centre, priors: Priors
) -> tuple[Normal, Floats, Floats]:
    """Return rows of normal errors, their scores, and log densities of degrees of freedom."""
    there = rows.there > 0
    mean = np.where(there, centre.mean, 1.0)
    unit = np.ones_like(mean)
    pseudo = y
    if scatter.density == "beta":
        inside = np.clip(mean, 1e-6, 1.0 - 1e-6)
        unit = np.sqrt(inside * (1.0 - inside))
    elif scatter.link == "log":
        unit = np.clip(mean, 0.2 * y, 5.0 * y)  # a mean that is no mean of logs
        unit = np.where(there, unit, 1.0)
        pseudo = unit * (1.0 + np.log(np.where(there, y, 1.0) / unit))
    scale = centre.scale[:, None] * np.exp(0.5 * centre.slope[:, None] * rows.place)
    error = np.where(there, (pseudo - mean) / (unit * scale), 0.0)
    error = rows.news(error, centre.correlation)
    trust, told = np.ones_like(mean), np.ones(len(mean))
    tables = np.zeros((len(mean), _ABOVE.size))
    if scatter.density == "student":
        df = np.full(len(mean), np.nan if scatter.df is None else scatter.df)
        if scatter.df is None:
            for g, own in enumerate(error):
                tables[g] = _log_degrees(own[there[g]])
            prior = priors.noise["df"].log_density(2.0 + _ABOVE + np.zeros_like(tables))
            df = 2.0 + _ABOVE[np.argmax(tables + prior + np.log(_ABOVE), axis=1)]
        told = _OF_T * np.ones_like(df)
        trust = (told * (df + 1.0))[:, None] / (df[:, None] + error**2)
    weight = 1.0 / unit**2
    if scatter.alike != "run":
        weight = weight * trust
    return (
        replace(rows, weight=weight * rows.there, trust=trust, count=rows.there * told[:, None]),
        np.where(there, pseudo, 0.0), tables,
    )  # fmt: skip


def _log_degrees(error: Floats) -> Floats:
    """Return the log likelihood of degrees of freedom, ``(65,)``, with the scale that suits each.

    Of standard residuals ``(n,)``; the scale by expectation maximisation.
    """
    df = 2.0 + _ABOVE[:, None]
    variance = np.full((df.size, 1), max(float(np.median(error**2)), 1e-12))
    for _ in range(60):
        weight = (df + 1.0) / (df + error**2 / variance)
        variance = (weight * error**2).mean(axis=1, keepdims=True)
    constant = gammaln(0.5 * df + 0.5) - gammaln(0.5 * df) - 0.5 * np.log(df * variance)
    found: Floats = constant[:, 0] * error.size - 0.5 * (df[:, 0] + 1.0) * np.log1p(
        error**2 / (df * variance)
    ).sum(axis=1)
    return found


def _degrees(
    log_likelihood: Floats, prior: Prior, draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Propose degrees of freedom of t for a single curve, ``(1, S)``; with log weights.

    From prior times flattened likelihood, on cells that are even in the log of what is above 2.
    """
    width = float(np.log(_ABOVE[1] / _ABOVE[0]))
    log_p = _FLAT * (log_likelihood - log_likelihood.max())
    log_p = log_p + prior.log_density(2.0 + _ABOVE[None])[0] + np.log(_ABOVE)
    log_p = log_p - logsumexp(log_p)
    cell = rng.choice(_ABOVE.size, draws, p=np.exp(log_p))
    df = 2.0 + _ABOVE[cell] * np.exp(width * (rng.random(draws) - 0.5))
    log_q = log_p[cell] - np.log(width) - np.log(df - 2.0)
    log_weight: Floats = prior.log_density(df[None]) - log_q
    return df[None], log_weight
