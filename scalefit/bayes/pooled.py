"""Curves that share what they tell about the exponent: one population, or one common value.

Given the exponent, everything else of a curve integrates out (:mod:`.collapsed`), which leaves its
marginal likelihood ``L_g(a)``: a curve in one dimension. A population of exponents,
``a_g ~ Normal(mean, spread)``, then has a posterior in two dimensions,

    p(mean, spread) prod_g integral L_g(a) Normal(a; mean, spread) da,

that quadrature solves, without chains: curves are exchangeable, and ten noisy little ones inform
each other. Draws of mean and spread, of each exponent given them, and of the rest given that, are
one joint draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ..estimate import Estimate
from .collapsed import quadrature
from .grid import Axis, Grid, explored, gridded, inside, resampled
from .models import POOL_SPREAD
from .priors import Prior, Priors
from .target import Target

if TYPE_CHECKING:
    from scipy.interpolate import CubicSpline

__all__ = ["completely_pooled", "partially_pooled"]

Floats = NDArray[np.float64]

#: Nodes of the population's mean and spread, in a scan and in a panel of the quadrature.
_SCAN, _PANEL, _ROUNDS = 33, 8, 5
_MEET = (0.001, 0.1, 0.5, 0.9, 0.999)
#: Largest spread: five scales of its prior.
_MOST = 5.0 * POOL_SPREAD
#: Points of the distribution of one exponent, given its population.
_POINTS = 65
#: Steps of the independence sampler for the noise of a curve, given its exponent.
_STEPS = 4


@dataclass(frozen=True)
class _Curve:
    """One curve as its population sees it: the marginal likelihood of its exponent."""

    target: Target
    grid: Grid
    log_likelihood: CubicSpline
    low: float
    high: float

    def given(self, mean: Floats, spread: Floats) -> Floats:
        """Return the log likelihood of populations, arrays of one shape."""
        low = np.maximum(self.low, np.minimum(mean - 7.0 * spread, self.high))
        high = np.minimum(self.high, np.maximum(mean + 7.0 * spread, self.low))
        # A population that the curve contradicts is judged by the curve's nearest end.
        low, high = np.where(low < high, low, self.low), np.where(low < high, high, self.high)
        step = (high - low)[..., None] / (_POINTS - 1)
        a = low[..., None] + step * np.arange(_POINTS)
        log = self.log_likelihood(a) - 0.5 * ((a - mean[..., None]) / spread[..., None]) ** 2
        log[..., [0, -1]] -= np.log(2.0)
        found: Floats = _log_sum(log) + np.log(step[..., 0] / spread) - 0.5 * np.log(2.0 * np.pi)
        return found


def _log_sum(log: Floats) -> Floats:
    top = log.max(axis=-1, keepdims=True)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        found: Floats = (safe + np.log(np.exp(log - safe).sum(axis=-1, keepdims=True)))[..., 0]
    return found


def _curves(estimate: Estimate, priors: Priors) -> list[_Curve]:
    from scipy.interpolate import CubicSpline

    coordinate = estimate.law.shapes[0].coordinate
    found = []
    for g in range(len(estimate)):
        row = slice(g, g + 1)
        own = priors.take(row)
        target, grid = quadrature(estimate.take(row), own)
        u = grid.nodes[0][0]
        a = np.asarray(coordinate.to_theta(u))
        log_density = _over_numbers(grid).reshape(len(u), -1)
        log_prior = own.shapes[0].log_density(a[None])[0] + np.log(coordinate.slope(u))
        log_likelihood = _log_sum(log_density) - log_prior
        left, right = grid.edges[0]
        low, high = (float(np.asarray(coordinate.to_theta(end)))
                     for end in (left[0, 0], right[0, -1]))  # fmt: skip
        # Nodes of a panel without width are all the same.
        kept = np.flatnonzero((right - left)[0] > 0)
        spline = CubicSpline(a[kept], log_likelihood[kept])
        found.append(_Curve(target, grid, spline, low, high))
    return found


def _over_numbers(grid: Grid) -> Floats:
    """Return the log mass of the cells of a single curve but for the width along its exponent."""
    left, right = grid.edges[0]
    width = np.where(right > left, right - left, 1.0)[0]
    found: Floats = grid.log_mass[0] - np.log(width).reshape(-1, *(1,) * (len(grid.nodes) - 1))
    return np.where(np.isfinite(found), found, grid.log_density[0])


@dataclass(frozen=True)
class _Population:
    """Prior times likelihood of mean and spread."""

    curves: list[_Curve]
    prior: Prior
    low: float
    high: float

    def log_density(self, mean: Floats, spread: Floats) -> Floats:
        """Return the log density, arrays of one shape."""
        total = self.prior.log_density(mean)
        total = total + np.log(2.0) - 0.5 * (spread / POOL_SPREAD) ** 2
        total = total - np.log(POOL_SPREAD) - 0.5 * np.log(2.0 * np.pi)
        inside_ = ndtr((self.high - mean) / spread) - ndtr((self.low - mean) / spread)
        for curve in self.curves:
            total = total + curve.given(mean, spread) - np.log(np.maximum(inside_, 1e-300))
        return np.where(np.isnan(total), -np.inf, total)


def partially_pooled(estimate: Estimate, priors: Priors, draws: int, seed: int) -> dict[str, Any]:
    """Return joint draws of curves whose exponents belong to one normal population.

    The population's mean has the prior of a single exponent, its spread a half-normal one with
    scale 0.2; it is cut to the range that the law allows.

    Returns
    -------
    dict
        Fields of :class:`~scalefit.draws.Draws`, with ``population``: draws of mean and spread.
    """
    rng = np.random.default_rng(seed)
    curves = _curves(estimate, priors)
    prior = priors.shapes[0]
    one = prior.take(np.array([0]))
    low, high = float(np.min(prior.lower)), float(np.max(prior.upper))
    target = _Population(curves, one, low, high)

    def on_grid(places: Floats) -> Floats:
        return target.log_density(places[:, 0], places[:, 1])

    ends = [(np.array([low]), np.array([high])), (np.array([1e-4]), np.array([_MOST]))]
    axes = [Axis(*box, box, 0.5 * (box[0] + box[1]), _SCAN, _PANEL, _MEET) for box in ends]
    axes, nodes, log_p = explored(on_grid, axes, _ROUNDS)
    grid = gridded(on_grid, axes, nodes, log_p, 1.0)
    places, log_q = grid.drawn(draws, rng)
    found = [np.clip(places[:, k], *box) for k, box in enumerate(ends)]
    kept, khat = resampled(target.log_density(*found) - log_q, draws, rng)
    mean, spread = (value[0, kept[0]] for value in found)
    exponents = np.stack([_exponents(c, mean, spread, rng) for c in curves])
    return _rest(
        estimate, priors, curves, exponents, rng, float(khat[0]), float(grid.evidence[0]),
        {"mean": mean, "spread_own": spread},
    )  # fmt: skip


def completely_pooled(estimate: Estimate, priors: Priors, draws: int, seed: int) -> dict[str, Any]:
    """Return joint draws of curves that have one exponent in common."""
    rng = np.random.default_rng(seed)
    curves = _curves(estimate, priors)
    one = priors.shapes[0].take(np.array([0]))
    low = max(curve.low for curve in curves)
    high = min(curve.high for curve in curves)
    if low >= high:  # curves that contradict each other: look between them
        low, high = min(c.low for c in curves), max(c.high for c in curves)

    def log_density(a: Floats) -> Floats:
        total: Floats = one.log_density(a[None])[0]
        for curve in curves:
            total = total + curve.log_likelihood(np.clip(a, curve.low, curve.high))
            total = total - 1e3 * np.maximum(np.maximum(curve.low - a, a - curve.high), 0.0)
        return total

    for _ in range(4):
        a = np.linspace(low, high, 4001)
        log = log_density(a)
        deep = np.flatnonzero(log > log.max() - 26.0)
        low, high = a[max(deep[0] - 1, 0)], a[min(deep[-1] + 1, a.size - 1)]
    a = np.linspace(low, high, 4001)
    log = log_density(a)
    shared = _from_table(np.broadcast_to(a, (1, a.size)), log[None], rng.random((1, draws)))[0]
    shared = rng.permutation(shared)
    exponents = np.repeat(shared[None], len(curves), axis=0)
    evidence = log.max() + np.log(np.trapezoid(np.exp(log - log.max()), a))
    return _rest(
        estimate, priors, curves, exponents, rng, np.nan, float(evidence), {"mean": shared}
    )


def _exponents(curve: _Curve, mean: Floats, spread: Floats, rng: np.random.Generator) -> Floats:
    """Draw the exponent of a curve given each draw of its population, ``(S,)``."""
    low = np.maximum(curve.low, mean - 7.0 * spread)
    high = np.minimum(curve.high, mean + 7.0 * spread)
    # A population that the curve contradicts: its own end nearest to it.
    low, high = np.minimum(low, curve.high), np.maximum(high, curve.low)
    ticks = np.linspace(0.0, 1.0, _POINTS)
    for _ in range(2):  # once to find the mass, once to resolve it
        a = low[:, None] + (high - low)[:, None] * ticks
        log = curve.log_likelihood(np.clip(a, curve.low, curve.high))
        log = log - 0.5 * ((a - mean[:, None]) / spread[:, None]) ** 2
        deep = log > log.max(axis=1, keepdims=True) - 20.0
        first, last = deep.argmax(axis=1), _POINTS - 1 - deep[:, ::-1].argmax(axis=1)
        rows = np.arange(len(a))
        low = a[rows, np.maximum(first - 1, 0)]
        high = a[rows, np.minimum(last + 1, _POINTS - 1)]
    a = low[:, None] + (high - low)[:, None] * ticks
    log = curve.log_likelihood(np.clip(a, curve.low, curve.high))
    log = log - 0.5 * ((a - mean[:, None]) / spread[:, None]) ** 2
    return _from_table(a, log, rng.random((len(a), 1)))[:, 0]


def _from_table(a: Floats, log: Floats, uniform: Floats) -> Floats:
    """Return draws ``(R, S)`` from densities tabled at even points ``(R, N)``, linear between."""
    density = np.exp(log - log.max(axis=1, keepdims=True))
    step = a[:, 1:2] - a[:, :1]
    area = 0.5 * (density[:, 1:] + density[:, :-1])
    total = np.cumsum(area, axis=1)
    goal = uniform * total[:, -1:]
    cell = np.stack([np.searchsorted(row, at) for row, at in zip(total, goal, strict=True)])
    cell = np.minimum(cell, area.shape[1] - 1)
    before = np.take_along_axis(total, cell, axis=1) - np.take_along_axis(area, cell, axis=1)
    left = np.take_along_axis(density, cell, axis=1)
    right = np.take_along_axis(density, cell + 1, axis=1)
    rest = np.maximum(goal - before, 0.0)
    # Solve left t + (right - left) t^2 / 2 = rest for t in [0, 1].
    root = np.sqrt(np.maximum(left * left + 2.0 * (right - left) * rest, 0.0))
    share = np.clip(2.0 * rest / np.maximum(left + root, 1e-300), 0.0, 1.0)
    found: Floats = np.take_along_axis(a, cell, axis=1) + step * share
    return found


def _rest(
    estimate: Estimate, priors: Priors, curves: list[_Curve], exponents: Floats,
    rng: np.random.Generator, khat: float, evidence: float, population: dict[str, Floats],
) -> dict[str, Any]:  # fmt: skip
    """Draw noise and coefficients of each curve given its exponent."""
    coordinate = estimate.law.shapes[0].coordinate
    n_curves, draws = exponents.shape
    coefficients = np.empty((n_curves, draws, estimate.law.n_columns))
    noise = {name: np.zeros((n_curves, draws)) for name in priors.noise}
    for g, curve in enumerate(curves):
        u = np.asarray(coordinate.to_u(exponents[g : g + 1]))
        places, log_scale = _noise_given(curve, u, rng)
        linear = curve.target.linear(places)
        _, drawn, own = curve.target.answers(places, linear, log_scale, rng)
        coefficients[g] = drawn[0].T
        for name, value in own.items():
            noise[name][g] = value[0]
    return {
        "theta": exponents[:, :, None],
        "coefficients": coefficients,
        "noise": noise,
        "khat": np.full(n_curves, khat),
        "evidence": np.full(n_curves, evidence),
        "effective": np.full(n_curves, float(draws)),
        "population": population,
    }


def _noise_given(curve: _Curve, u: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw places and log scales of the noise given exponents ``(1, S)``.

    From the cells next to each exponent, and by a few steps of an independence sampler with the
    exact density.
    """
    grid, target, draws = curve.grid, curve.target, u.shape[1]
    counts = grid.log_density.shape[2:]
    next_to = np.clip(np.searchsorted(grid.edges[0][1][0], u[0]), 0, grid.log_density.shape[1] - 1)
    log_mass = _over_numbers(grid).reshape(grid.log_density.shape[1], -1)
    share = np.exp(log_mass - log_mass.max(axis=1, keepdims=True))
    share = share / share.sum(axis=1, keepdims=True)
    total = np.cumsum(share, axis=1)[next_to]
    here: list[Floats] = []
    for _ in range(_STEPS):
        cell = np.minimum(
            (total < rng.random((draws,))[:, None]).sum(axis=1), log_mass.shape[1] - 1
        )
        cells = (next_to * log_mass.shape[1] + cell)[None]
        log_q = np.log(share[next_to, cell])[None]
        places = [u]
        for k, index in enumerate(np.unravel_index(cell[None], counts) if counts else ()):
            number, log_inside = inside(grid, 1 + k, index, cells, rng)
            places.append(number)
            log_q = log_q + log_inside
        at = np.stack(places, axis=1)
        log_scale, log_given, log_p = target.scales(target.linear(at), rng)
        new = [at, log_scale, log_p - log_q - log_given]
        if here:
            better = np.log(rng.random(draws))[None] < new[2] - here[2]
            new = [np.where(better, each, old) for each, old in zip(new, here, strict=True)]
        here = new
    return here[0], here[1]
