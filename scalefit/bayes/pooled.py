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
from .collapsed import Target, drawn_coefficients, quadrature
from .grid import Grid, cores_of, even, inside, legendre_grid, narrowed, resampled
from .models import POOL_SPREAD
from .priors import Prior, Priors

if TYPE_CHECKING:
    from scipy.interpolate import CubicSpline

__all__ = ["completely_pooled", "partially_pooled"]

Floats = NDArray[np.float64]

#: Nodes of the population's mean and spread, in the scan and in the quadrature.
_SCAN, _NODES, _ROUNDS = 33, 48, 5
#: Largest spread: five scales of its prior.
_MOST = 5.0 * POOL_SPREAD
#: Points of the distribution of one exponent, given its population.
_POINTS = 65
#: Steps of the independence sampler for the noise of a curve, given its exponent.
_STEPS = 4


@dataclass(frozen=True)
class _Curve:
    """One curve as its population sees it: the marginal likelihood of its exponent."""

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

    shape = estimate.law.shapes[0]
    found = []
    for g in range(len(estimate)):
        row = slice(g, g + 1)
        own = priors.take(row)
        part = estimate.take(row)
        grid = quadrature(part, own)
        u = grid.nodes[0][0]
        a = np.asarray(shape.coordinate.to_theta(u))
        inner = Grid(grid.nodes[1:], grid.edges[1:], grid.log_density[0], grid.evidence)
        # Each node of the exponent is a row of a smaller grid.
        many = Grid(
            tuple(np.repeat(n, len(u), axis=0) for n in inner.nodes),
            tuple((np.repeat(a_, len(u), axis=0), np.repeat(b_, len(u), axis=0))
                  for a_, b_ in inner.edges),
            grid.log_density[0], np.zeros(len(u)),
        )  # fmt: skip
        log_density = _log_sum(many.log_mass.reshape(len(u), -1))
        log_likelihood = (
            log_density - Target(part.law, part.sample, own).prior_of_shapes(u[None, :, None])[0]
        )
        left, right = grid.edges[0]
        low, high = (
            float(np.asarray(shape.coordinate.to_theta(end))) for end in (left[0, 0], right[0, -1])
        )
        # Nodes of a panel without width are all the same.
        kept = np.flatnonzero((right - left)[0] > 0)
        found.append(_Curve(grid, CubicSpline(a[kept], log_likelihood[kept]), low, high))
    return found


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
    ends = [np.asarray(e, dtype=float) for e in (prior.lower, prior.upper)]
    low, high = float(ends[0].min()), float(ends[1].max())
    target = _Population(curves, one, low, high)

    def on_grid(nodes: list[Floats]) -> Floats:
        mean = np.repeat(nodes[0][0], nodes[1].shape[1])
        spread = np.tile(nodes[1][0], nodes[0].shape[1])
        return target.log_density(mean[None], spread[None]).reshape(
            1, nodes[0].shape[1], nodes[1].shape[1]
        )

    boxes = [(np.array([low]), np.array([high])), (np.array([1e-4]), np.array([_MOST]))]
    limits = list(boxes)
    for rounds in range(_ROUNDS + 1):
        nodes = [even(*box, _SCAN) for box in boxes]
        log_p = on_grid(nodes)
        if rounds < _ROUNDS:
            boxes = narrowed(nodes, log_p, boxes, limits)
    grid = legendre_grid(boxes, cores_of(nodes, log_p, boxes), [_NODES, _NODES], on_grid)
    share = np.exp(grid.log_mass.reshape(-1) - grid.evidence[0])
    total = np.cumsum(share)
    places = np.searchsorted(total, (np.arange(draws) + rng.random()) / draws * total[-1])
    places = np.minimum(places, share.size - 1)[None]
    at = np.unravel_index(places, (_NODES, _NODES))
    log_q = grid.log_mass.reshape(-1)[places]
    found = []
    for axis, index in enumerate(at):
        x, log_inside = inside(grid, axis, index, places, rng)
        found.append(np.clip(x, *(end[0] for end in limits[axis])))
        log_q = log_q + log_inside
    kept, khat = resampled(target.log_density(*found) - log_q, rng)
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
    prior = priors.shapes[0]
    one = prior.take(np.array([0]))
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
    shape = estimate.law.shapes[0]
    n_curves, draws = exponents.shape
    p = estimate.law.n_columns
    coefficients = np.empty((n_curves, draws, p))
    log_scale, slope = np.empty((n_curves, draws)), np.empty((n_curves, draws))
    for g, curve in enumerate(curves):
        row = slice(g, g + 1)
        part, own = estimate.take(row), priors.take(row)
        target = Target(part.law, part.sample, own)
        u = np.asarray(shape.coordinate.to_u(exponents[row]))[..., None]
        scale, along = _noise_given(target, curve.grid, u, rng)
        linear = target.linear(u, along)
        coefficients[row] = drawn_coefficients(target, target.theta(u), linear, scale, rng)
        log_scale[row], slope[row] = scale, along
    return {
        "theta": exponents[:, :, None],
        "coefficients": coefficients,
        "log_scale": log_scale,
        "noise_slope": slope,
        "khat": np.full(n_curves, khat),
        "evidence": np.full(n_curves, evidence),
        "population": population,
    }


def _noise_given(
    target: Target, grid: Grid, u: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draw scale and slope of the noise given exponents ``(1, S, 1)``, ``(1, S)`` each.

    From the cells next to each exponent, and by a few steps of an independence sampler with the
    exact density.
    """
    n_u, n_v, n_w = grid.log_density.shape[1:]
    nearest_node = np.clip(np.searchsorted(grid.edges[0][1][0], u[0, :, 0]), 0, n_u - 1)
    widths = [right - left for left, right in grid.edges]
    wide = np.where(widths[0] > 0, widths[0], 1.0)
    log_mass = grid.log_mass.reshape(n_u, n_v * n_w) - np.log(wide).reshape(n_u, 1)
    highest = log_mass.max(axis=1, keepdims=True)
    log_mass = np.where(np.isfinite(highest), log_mass, 0.0)
    share = np.exp(log_mass - log_mass.max(axis=1, keepdims=True))
    total = np.cumsum(share, axis=1)
    draws = u.shape[1]
    here: tuple[Floats, Floats, Floats] | None = None
    for _ in range(_STEPS):
        goal = rng.random(draws) * total[nearest_node, -1]
        cell = np.array([np.searchsorted(total[k], at) for k, at in zip(nearest_node, goal,
                                                                        strict=True)])  # fmt: skip
        cell = np.minimum(cell, n_v * n_w - 1)
        places = (nearest_node * n_v * n_w + cell)[None]
        log_q = log_mass[nearest_node, cell][None] - np.log(total[nearest_node, -1])[None]
        log_q = log_q - log_mass.max(axis=1)[nearest_node][None]
        index = np.unravel_index(cell, (n_v, n_w))
        scale, inside_scale = inside(grid, 1, index[0][None], places, rng)
        along, inside_slope = inside(grid, 2, index[1][None], places, rng)
        log_q = log_q + inside_scale + inside_slope
        log_p = target.log_density(target.linear(u, along), scale, along, np.zeros_like(scale))
        ratio = log_p - log_q
        if here is None:
            here = scale, along, ratio
            continue
        better = np.log(rng.random(draws))[None] < ratio - here[2]
        here = tuple(np.where(better, new, old)  # type: ignore[assignment]
                     for new, old in zip((scale, along, ratio), here, strict=True))  # fmt: skip
    assert here is not None
    return here[0], here[1]
