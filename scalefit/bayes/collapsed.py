"""The posterior of one curve with normal errors by quadrature: no chains, no compiler, evidence.

Given the shapes, the scale of the noise and its slope, a law is linear in its expected values,
whose priors are normal: they integrate out in closed form. What is left has two to four dimensions
and is integrated by Gauss-Legendre nodes on a box that holds all but exp(-26) of the mass. Draws
come from the cells of that grid, and are weighted to the exact density (Pareto-smoothed importance
sampling, Vehtari et al. 2024, arXiv:1507.02646, tells whether that can be trusted); the expected
values are then drawn from their exact normal distribution.

With ``r`` the residuals of the means at the generalised least-squares values ``v``, ``W`` the runs
over their relative variances, ``T`` the prior variances, and ``A = T^1/2 X' W X T^1/2`` with
eigenvalues ``lambda_j``, the integrand is

    -n log s - 1/2 sum_j log(1 + lambda_j / s^2) - (r'Wr + pure error) / 2 s^2
    - 1/2 sum_j q_j^2 lambda_j / (lambda_j + s^2),      q = U' T^-1/2 (v - prior mean),

up to terms in the noise slope alone: a sum of squares, which loses no digits to cancellation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..draws import MAX_KHAT
from ..estimate import Estimate
from ..laws import Law
from ..sample import Sample
from .expected import at_sizes, to_coefficients, values_of
from .grid import Box, Boxes, Grid, cores_of, even, inside, legendre_grid, narrowed, resampled
from .priors import Priors

__all__ = [
    "Collapsed",
    "Target",
    "collapsed_draws",
    "drawn_coefficients",
    "from_grid",
    "quadrature",
    "varies",
]

Floats = NDArray[np.float64]

#: Nodes of the scan that finds the box, and of the quadrature: of each shape (by their number), of
#: the log scale and of the noise slope. Doubling the latter moves the evidence by less than 1e-8.
_SCAN = {0: (1, 33, 13), 1: (41, 25, 13), 2: (25, 17, 9)}
_NODES = {0: (1, 48, 32), 1: (56, 40, 28), 2: (60, 20, 14)}
_ROUNDS = 5
#: How many times the nodes of each axis where the cells proved too coarse.
_FINER = {0: 3.0, 1: 2.0, 2: 1.4}
#: Half width of the scan of the log scale about what the residuals suggest, in e-folds.
_REACH = 6.0
_BLOCK = 3_000_000


class _Linear(NamedTuple):
    """What is left of a curve once its linear part is solved, at M places ``(G, M, ...)``."""

    misfit: Floats
    eigenvalues: Floats
    pull: Floats
    turn: Floats
    log_weight: Floats


@dataclass(frozen=True, slots=True)
class Target:
    """Prior times likelihood of curves, the linear part integrated out."""

    law: Law
    sample: Sample
    priors: Priors

    def theta(self, u: Floats) -> Floats:
        """Return shapes for search coordinates ``(G, M, q)``, within their range."""
        found = np.empty_like(u)
        for j, (shape, prior) in enumerate(zip(self.law.shapes, self.priors.shapes, strict=True)):
            low, high = (_wide(np.asarray(end, dtype=float)) for end in (prior.lower, prior.upper))
            found[..., j] = np.clip(shape.coordinate.to_theta(u[..., j]), low, high)
        return found

    def bounds(self) -> tuple[Floats, Floats]:
        """Return the range of the search coordinates ``(G, q)``, cut by the priors."""
        ends = []
        for which in ("lower", "upper"):
            parts = [
                np.broadcast_to(s.coordinate.to_u(getattr(p, which)), (len(self.sample),))
                for s, p in zip(self.law.shapes, self.priors.shapes, strict=True)
            ]
            ends.append(np.stack(parts, axis=-1) if parts else np.zeros((len(self.sample), 0)))
        return ends[0], ends[1]

    def prior_of_shapes(self, u: Floats) -> Floats:
        """Return the log prior density of search coordinates ``(G, M, q)``, shape ``(G, M)``."""
        total = np.zeros(u.shape[:2])
        for j, (shape, prior) in enumerate(zip(self.law.shapes, self.priors.shapes, strict=True)):
            low, high = (_wide(np.asarray(end, dtype=float)) for end in (prior.lower, prior.upper))
            theta = shape.coordinate.to_theta(u[..., j])
            # Rounding of the coordinate must not push a bound out of its own range.
            slip = 1e-9 * (high - low)
            outside = (theta < low - slip) | (theta > high + slip)
            one = prior.log_density(np.clip(theta, low, high))
            one = one + np.log(shape.coordinate.slope(u[..., j]))
            total = total + np.where(outside, -np.inf, one)
        return total

    def linear(self, u: Floats, slope: Floats) -> _Linear:
        """Solve the linear part at shapes and noise slopes ``(G, M, q)`` and ``(G, M)``."""
        sample, prior = self.sample, self.priors
        theta = self.theta(u)
        columns, offset = at_sizes(self.law, sample.z, theta, sample.frame)
        matrix, shift = values_of(self.law, theta, sample.frame)
        design = np.linalg.solve(np.swapaxes(matrix, 2, 3), np.swapaxes(columns, 2, 3))
        design = np.swapaxes(design, 2, 3)  # (G, M, K, p)
        centre, spread = _linear_prior(self.law, sample, prior)
        gap = sample.benefit[:, None, :] - offset
        gap = gap - np.einsum("gmkp,gmp->gmk", design, centre[:, None, :] - shift)
        # Of several drivers the variance is constant.
        z = sample.z if sample.z.ndim == 2 else 0.0 * sample.x
        one_run = np.exp(-slope[..., None] * z[:, None, :])
        weight = sample.count[:, None, :] * one_run
        root = np.sqrt(weight)[..., None] * design * spread[:, None, None, :]
        values, turn = _spectrum(np.einsum("gmkp,gmkq->gmpq", root, root))
        pull = np.einsum("gmkp,gmk->gmp", root, np.sqrt(weight) * gap)
        pull = np.einsum("gmqp,gmq->gmp", turn, pull)
        known = values > 1e-13 * values.max(axis=-1, keepdims=True)
        pull = np.where(known, pull / np.where(known, values, 1.0), 0.0)
        values = np.where(known, values, 0.0)
        step = np.einsum("gmpq,gmq->gmp", turn, pull) * spread[:, None, :]
        rest = gap - np.einsum("gmkp,gmp->gmk", design, step)
        misfit = (weight * rest * rest + one_run * sample.spread[:, None, :]).sum(axis=2)
        log_weight = -0.5 * slope * (sample.count * z).sum(axis=1)[:, None]
        return _Linear(misfit, values, pull, turn, log_weight)

    def log_density(
        self, linear: _Linear, log_scale: Floats, slope: Floats, prior_of_shapes: Floats
    ) -> Floats:
        """Return the log density at places ``(G, M, ...)``, the scale on the last axes.

        ``log_scale`` has the shape of the result; the others have it without the last axis, or
        with one of length 1.
        """
        variance = np.exp(2.0 * log_scale)
        n = self.sample.n.reshape(-1, *(1,) * (log_scale.ndim - 1))
        total = -n * (log_scale + 0.5 * np.log(2.0 * np.pi)) - 0.5 * linear.misfit / variance
        for j in range(linear.eigenvalues.shape[-1]):
            value, pull = linear.eigenvalues[..., j], linear.pull[..., j]
            total = total - 0.5 * np.log1p(value / variance)
            total = total - 0.5 * pull * pull * value / (value + variance)
        total = total + linear.log_weight + prior_of_shapes
        found: Floats = total + self._log_prior_of_noise(log_scale, slope)
        return found

    def _log_prior_of_noise(self, log_scale: Floats, slope: Floats) -> Floats:
        axes = log_scale.ndim - 1
        noise, along = self.priors.noise, self.priors.noise_slope
        location, scale = (_wide(np.asarray(v), axes) for v in (noise.location, noise.scale))
        found: Floats = -0.5 * ((log_scale - location) / scale) ** 2
        found = found - np.log(scale) - 0.5 * np.log(2.0 * np.pi)
        free = _wide(varies(self.sample).astype(float), axes) > 0
        return found + np.where(free, along.log_density(np.broadcast_to(slope, found.shape)), 0.0)


def varies(sample: Sample) -> NDArray[np.bool_]:
    """Return the curves whose replicates tell how the variance depends on size, ``(G,)``."""
    known: NDArray[np.bool_] = sample.variance_df > 0
    return known


def quadrature(estimate: Estimate, priors: Priors, refine: float = 1.0) -> Grid:
    """Return the grid on the posterior of every curve.

    Parameters
    ----------
    estimate : Estimate
        A law of at most two shapes, fitted with normal errors.
    priors : Priors
        For the same curves.
    refine : float
        Multiplies the nodes of each axis.
    """
    target = Target(estimate.law, estimate.sample, priors)
    q = len(estimate.law.shapes)
    low, high = target.bounds()
    scale = _first_scale(estimate)
    s_low, s_high = scale - _REACH, scale + _REACH
    free = varies(estimate.sample)
    centre = np.asarray(priors.noise_slope.location)
    half = np.where(free, 8.0 * np.asarray(priors.noise_slope.scale), 0.0)
    w_low, w_high = centre - half, centre + half
    boxes: Boxes = [*((low[:, j], high[:, j]) for j in range(q)), (s_low, s_high), (w_low, w_high)]
    limits: list[Box | None] = [*boxes[:q], None, boxes[-1]]
    boxes, log_p, nodes = _fitted_boxes(target, None, boxes, limits)
    shear = None
    if q == 2:  # the mass may lie along a slanted valley: turn the axes into it
        shear = _shear(nodes, log_p)
        whole = (np.full(len(scale), -14.0), np.full(len(scale), 14.0))
        turned: Boxes = [whole, whole, *boxes[2:]]
        boxes, log_p, nodes = _fitted_boxes(target, shear, turned, [None, None, *limits[2:]])
    grid = legendre_grid(
        boxes, cores_of(nodes, log_p, boxes), _counts(q, _NODES, refine),
        lambda places: _on_grid(target, shear, places),
    )  # fmt: skip
    return grid if shear is None else replace(grid, shear=shear)


#: Centre ``(G, q)`` and matrix ``(G, q, q)`` of axes that are turned.
Shear = tuple[Floats, Floats]


def _fitted_boxes(
    target: Target, shear: Shear | None, boxes: Boxes, limits: Sequence[Box | None]
) -> tuple[Boxes, Floats, list[Floats]]:
    """Return boxes that hold the mass, with the last scan and its nodes."""
    q = len(boxes) - 2
    for rounds in range(_ROUNDS + 1):
        nodes = [even(*box, n) for box, n in zip(boxes, _counts(q, _SCAN, 1.0), strict=True)]
        log_p = _on_grid(target, shear, nodes)
        if rounds < _ROUNDS:
            boxes = narrowed(nodes, log_p, boxes, limits)
    return boxes, log_p, nodes


def _shear(nodes: list[Floats], log_p: Floats) -> Shear:
    """Return the axes along which two shapes do not vary together, with unit variance."""
    mass = np.exp(log_p - log_p.reshape(len(log_p), -1).max(axis=1).reshape(-1, 1, 1, 1, 1))
    share = mass.sum(axis=(3, 4))
    share = share / share.sum(axis=(1, 2), keepdims=True)
    u = np.stack(np.broadcast_arrays(nodes[0][:, :, None], nodes[1][:, None, :]), axis=-1)
    centre = np.einsum("gab,gabq->gq", share, u)
    gap = u - centre[:, None, None, :]
    covariance = np.einsum("gab,gabp,gabq->gpq", share, gap, gap)
    # A mass that one node holds has the width of its cell.
    step = np.stack([node[:, 1] - node[:, 0] for node in nodes[:2]], axis=-1)
    covariance = covariance + 0.05 * np.einsum("gp,pq->gpq", step**2, np.eye(2))
    return centre, np.linalg.cholesky(covariance)


def placed(shear: Shear | None, w: Floats) -> Floats:
    """Return search coordinates for places ``(G, M, q)`` on axes that may be turned."""
    if shear is None:
        return w
    found: Floats = shear[0][:, None, :] + np.einsum("gpq,gmq->gmp", shear[1], w)
    return found


def _log_volume(shear: Shear | None) -> Any:
    """Return the log of the volume of a unit of turned axes, ``(G, 1)``; 0 if they are not."""
    if shear is None:
        return 0.0
    return np.log(np.diagonal(shear[1], axis1=1, axis2=2)).sum(axis=1)[:, None]


def _counts(q: int, table: dict[int, tuple[int, int, int]], refine: float) -> list[int]:
    shape, scale, slope = (int(np.ceil(refine * n)) for n in table[q])
    return [shape] * q + [scale, slope]


def _first_scale(estimate: Estimate) -> Floats:
    """Return the log of the residual scale, or of a millionth of the scores if there is none."""
    least = 1e-12 * estimate.sample.magnitude**2 + 1e-300
    df = np.maximum(estimate.sample.n - estimate.law.n_params, 1.0)
    found: Floats = 0.5 * np.log(np.maximum(estimate.total_ss / df, least))
    return found


def _product(axes: Floats) -> Floats:
    """Return all combinations ``(q, G, N^q)`` of nodes ``(q, G, N)``."""
    if len(axes) < 2:
        return axes
    first, second = axes
    shape = (len(first), first.shape[1], second.shape[1])
    parts = np.broadcast_to(first[:, :, None], shape), np.broadcast_to(second[:, None, :], shape)
    return np.stack([part.reshape(len(first), -1) for part in parts])


def _on_grid(target: Target, shear: Shear | None, nodes: list[Floats]) -> Floats:
    """Return the log density on the product of nodes, ``(G, [U...], V, W)``."""
    *shapes, scale, slope = nodes
    q, n_curves = len(shapes), len(scale)
    w = np.moveaxis(_product(np.stack(shapes)), 0, -1) if q else np.zeros((n_curves, 1, 0))
    u = placed(shear, w)
    n_u, n_w = u.shape[1], slope.shape[1]
    many = np.repeat(u, n_w, axis=1)
    slopes = np.tile(slope, (1, n_u))
    linear = target.linear(many, slopes)
    prior = np.repeat(target.prior_of_shapes(u) + _log_volume(shear), n_w, axis=1)
    wide = _Linear(*(part[:, :, None] for part in linear))
    log_p = target.log_density(
        wide, np.broadcast_to(scale[:, None, :], (n_curves, n_u * n_w, scale.shape[1])),
        slopes[:, :, None], prior[:, :, None],
    )  # fmt: skip
    log_p = log_p.reshape(n_curves, n_u, n_w, scale.shape[1])
    log_p = np.swapaxes(log_p, 2, 3)
    sizes = [part.shape[1] for part in nodes]
    shape = (n_curves, *(sizes if q else sizes[-2:]))
    found: Floats = np.where(np.isnan(log_p), -np.inf, log_p).reshape(shape)
    return found


def _spectrum(matrix: Floats) -> tuple[Floats, Floats]:
    """Return eigenvalues and vectors of symmetric matrices ``(..., p, p)``; p is at most 3."""
    p = matrix.shape[-1]
    if p == 1:
        return matrix[..., 0], np.ones_like(matrix)
    if p > 2:
        values, vectors = np.linalg.eigh(matrix)
        return np.maximum(values, 0.0), vectors
    a, b, c = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 1]
    angle = 0.5 * np.arctan2(2.0 * b, a - c)
    cos, sin = np.cos(angle), np.sin(angle)
    vectors = np.stack([np.stack([cos, -sin], axis=-1), np.stack([sin, cos], axis=-1)], axis=-2)
    large = 0.5 * (a + c) + np.hypot(0.5 * (a - c), b)
    small = np.maximum(a * c - b * b, 0.0) / np.where(large > 0, large, 1.0)
    return np.stack([large, small], axis=-1), vectors


def _linear_prior(law: Law, sample: Sample, priors: Priors) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of the expected values in benefit, ``(G, p)``."""
    sign = sample.frame.sign
    ones = np.ones(len(sample))
    means = [sign * np.asarray(priors.top.location)]
    spreads = [np.asarray(priors.top.scale) * ones]
    for _ in range(law.n_columns - 1):
        means.append(np.asarray(priors.gain.location) * ones)
        spreads.append(np.asarray(priors.gain.scale) * ones)
    return np.stack(means, axis=-1), np.stack(spreads, axis=-1)


def _wide(value: Floats, axes: int = 1) -> Floats:
    return np.reshape(value, np.shape(value) + (1,) * axes) if np.ndim(value) else value


class Collapsed(NamedTuple):
    """Draws of G curves, arrays ``(G, S, ...)``, with evidence and k-hat ``(G,)``."""

    theta: Floats
    coefficients: Floats
    log_scale: Floats
    noise_slope: Floats
    evidence: Floats
    khat: Floats


def collapsed_draws(
    estimate: Estimate, priors: Priors, draws: int, seed: int, refine: float = 1.0
) -> Collapsed:
    """Return posterior draws of every curve of an estimate with normal errors.

    The stream of random numbers is the same for every curve, so that a curve has the same draws
    whichever curves stand beside it. Where k-hat tells that the cells are too coarse the grid is
    refined once.
    """
    q = len(estimate.law.shapes)
    nodes = int(np.prod(_counts(q, _NODES, refine)))
    step = max(1, _BLOCK // nodes)
    parts = []
    for first in range(0, len(estimate), step):
        rows = slice(first, first + step)
        part, own = estimate.take(rows), priors.take(rows)
        parts.append(from_grid(part, own, quadrature(part, own, refine), draws, seed))
    found = Collapsed(*(np.concatenate(values) for values in zip(*parts, strict=True)))
    coarse = np.flatnonzero(found.khat > MAX_KHAT)
    if refine > 1.0 or not coarse.size:
        return found
    again = collapsed_draws(estimate.take(coarse), priors.take(coarse), draws, seed, _FINER[q])
    for old, new in zip(found, again, strict=True):
        old[coarse] = new
    return found


def from_grid(estimate: Estimate, priors: Priors, grid: Grid, draws: int, seed: int) -> Collapsed:
    """Return draws from the cells of a grid, resampled to the exact posterior."""
    rng = np.random.default_rng(seed)
    n_curves, n_axes = len(estimate), len(grid.edges)
    mass = grid.log_mass.reshape(n_curves, -1)
    share = np.exp(mass - grid.evidence[:, None])
    total = np.cumsum(share, axis=1)
    # Evenly spread, in random order: the cells are hit as often as they ought to be.
    uniform = (np.arange(draws) + rng.random()) / draws
    places = np.stack([np.searchsorted(row, uniform * row[-1]) for row in total])
    places = np.minimum(places, mass.shape[1] - 1)
    at = np.unravel_index(places, grid.log_mass.shape[1:])
    log_q = np.take_along_axis(mass, places, axis=1)
    coordinates = []
    for axis, index in enumerate(at):
        x, log_inside = inside(grid, axis, index, places, rng)
        coordinates.append(x)
        log_q = log_q + log_inside
    q = n_axes - 2
    u = np.stack(coordinates[:q], axis=-1) if q else np.zeros((n_curves, draws, 0))
    u = placed(grid.shear, u)
    log_scale, slope = coordinates[q], coordinates[q + 1]
    target = Target(estimate.law, estimate.sample, priors)
    linear = target.linear(u, slope)
    prior = target.prior_of_shapes(u) + _log_volume(grid.shear)
    log_p = target.log_density(linear, log_scale, slope, prior)
    kept, khat = resampled(log_p - log_q, rng)
    u, log_scale, slope = (np.take_along_axis(v, k, axis=1) for v, k in (
        (u, kept[:, :, None]), (log_scale, kept), (slope, kept)))  # fmt: skip
    linear = _Linear(*(
        np.take_along_axis(v, kept.reshape(kept.shape + (1,) * (v.ndim - 2)), axis=1)
        for v in linear
    ))  # fmt: skip
    theta = target.theta(u)
    coefficients = drawn_coefficients(target, theta, linear, log_scale, rng)
    return Collapsed(theta, coefficients, log_scale, slope, grid.evidence, khat)


def drawn_coefficients(
    target: Target, theta: Floats, linear: _Linear, log_scale: Floats, rng: np.random.Generator
) -> Floats:
    """Draw the expected values from their normal distribution, and return the coefficients."""
    variance = np.exp(2.0 * log_scale)[..., None]
    values = linear.eigenvalues
    mean = linear.pull * values / (values + variance)
    sd = np.sqrt(variance / (variance + values))
    white = mean + sd * rng.standard_normal(mean.shape[1:])
    centre, spread = _linear_prior(target.law, target.sample, target.priors)
    drawn = centre[:, None, :] + spread[:, None, :] * np.einsum("gmpq,gmq->gmp", linear.turn, white)
    matrix, shift = values_of(target.law, theta, target.sample.frame)
    return to_coefficients(matrix, shift, drawn)
