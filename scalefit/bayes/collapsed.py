"""The posterior of one curve with normal errors by quadrature: no chains, no compiler, evidence.

Expected values and the scale of a run are integrated out (:mod:`.target`). The shapes and the other
numbers of the error model are left, one to three dimensions, and are integrated by Gauss-Legendre
nodes where the mass is. Draws come from the cells of that grid, with the scale drawn at each of
them anew, and are weighted to the exact density (Pareto-smoothed importance sampling, Vehtari et
al. 2024, arXiv:1507.02646, tells whether that can be trusted); the expected values are then drawn
from their exact normal distribution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from ..draws import MAX_KHAT
from ..estimate import Estimate
from ..scatter import scatter_of
from .grid import Axis, Grid, explored, gridded, resampled, straightened
from .priors import Priors
from .target import Target, target_of

__all__ = [
    "Collapsed",
    "blocks",
    "collapsed_draws",
    "from_grid",
    "gridded_target",
    "joined_draws",
    "proposed",
    "quadrature",
    "selected",
]

Floats = NDArray[np.float64]

#: Nodes of a scan and of a panel, where panels meet, and nodes close to the centre, by the number
#: of shapes: along a shape, and along another number.
_SHAPE = {
    1: (17, 5, (1e-5, 0.01, 0.1, 0.3, 0.7, 0.9, 0.99, 1.0 - 1e-5), 9),
    2: (15, 3, (1e-3, 0.02, 0.1, 0.3, 0.7, 0.9, 0.98, 1.0 - 1e-3), 4),
}
_NUMBER = {q: (9, n, (0.01, 0.5, 0.99)) for q, n in ((0, 5), (1, 5), (2, 3))}
_ROUNDS = {0: 3, 1: 3, 2: 1}
#: How many times the nodes of each axis where the cells proved too coarse.
_FINER = 1.7
#: Places of one block, such that its arrays stay close to the processor.
_BLOCK = 16_000


def quadrature(estimate: Estimate, priors: Priors, refine: float = 1.0) -> tuple[Target, Grid]:
    """Return the posterior of every curve as a target, and the grid on its places.

    Parameters
    ----------
    estimate : Estimate
        A law of at most two shapes, fitted with normal errors.
    priors : Priors
        For the same curves.
    refine : float
        Multiplies the nodes of each axis.
    """
    return gridded_target(target_of(estimate, priors), estimate, refine)


def gridded_target(target: Target, estimate: Estimate, refine: float = 1.0) -> tuple[Target, Grid]:
    """Return a target, on axes that follow its mass, and the grid on its places."""
    shapes, numbers = _shape_axes(target, estimate), _number_axes(target)
    if len(shapes) == 2:
        # The shapes alone, at first, to find how the second of them follows the first.
        held = [replace(axis, low=axis.centre, high=axis.centre, scan=1) for axis in numbers]
        axes, nodes, log_p = explored(target.rough, [*shapes, *held], 3)
        for turns in (1, 0):
            axes, warp = straightened(axes, nodes, log_p, target.warp)
            target = replace(target, warp=warp)
            axes, nodes, log_p = explored(target.rough, axes, turns)
        shapes = axes[:2]
    axes, nodes, log_p = explored(target.rough, [*shapes, *numbers], _ROUNDS[len(shapes)])
    return target, gridded(target.marginal, axes, nodes, log_p, refine)


def _shape_axes(target: Target, estimate: Estimate) -> list[Axis]:
    n_curves, q = len(estimate), len(target.law.shapes)
    found = []
    for j, (shape, prior) in enumerate(zip(target.law.shapes, target.priors.shapes, strict=True)):
        low, high = (
            np.broadcast_to(shape.coordinate.to_u(end), (n_curves,)).astype(float)
            for end in (prior.lower, prior.upper)
        )
        middle = prior.quantile(np.full(n_curves, 0.5))
        known = np.where(np.isnan(estimate.theta[:, j]), middle, estimate.theta[:, j])
        centre = np.clip(shape.coordinate.to_u(known), low, high)
        found.append(Axis(low, high, (low, high), centre, *_SHAPE[q]))
    return found


def _number_axes(target: Target) -> list[Axis]:
    """Return an axis a number; one without width where places would have no coordinate at all."""
    q = len(target.law.shapes)
    found = [Axis(n.low, n.high, (n.low, n.high), n.centre, *_NUMBER[q]) for n in target.numbers]
    nowhere = np.zeros(len(target.sample))
    none = [Axis(nowhere, nowhere, (nowhere, nowhere), nowhere, 1, 1, ())]
    return found or ([] if q else none)


class Collapsed(NamedTuple):
    """Draws of G curves, arrays ``(G, S, ...)``; evidence, k-hat, effective draws ``(G,)``."""

    theta: Floats
    coefficients: Floats
    noise: dict[str, Floats]
    evidence: Floats
    khat: Floats
    effective: Floats


def collapsed_draws(
    estimate: Estimate, priors: Priors, draws: int, seed: int, refine: float = 1.0
) -> Collapsed:
    """Return posterior draws of every curve of an estimate with normal errors.

    The stream of random numbers is the same for every curve, so that a curve has the same draws
    whichever curves stand beside it. Where k-hat tells that the cells are too coarse the grid is
    refined once.
    """
    parts = []
    for some in blocks(estimate, _cells(estimate), 4 * _BLOCK):
        target, grid = quadrature(estimate.take(some), priors.take(some), refine)
        for few in blocks(target.rows.there, draws):
            parts.append(from_grid(target.take(few), grid.take(few), draws, seed))
    found = joined_draws(parts)
    coarse = np.flatnonzero(found.khat > MAX_KHAT)
    if refine > 1.0 or not coarse.size:
        return found
    again = collapsed_draws(estimate.take(coarse), priors.take(coarse), draws, seed, _FINER)
    for old, new in ((found.theta, again.theta), (found.coefficients, again.coefficients),
                     (found.evidence, again.evidence), (found.khat, again.khat),
                     (found.effective, again.effective),
                     *((found.noise[k], again.noise[k]) for k in found.noise)):  # fmt: skip
        old[coarse] = new
    return found


def blocks(curves: Sized, places: int, size: int = _BLOCK) -> Iterator[slice]:
    """Yield slices of the curves such that their places make a block."""
    step = max(1, size // places)
    for first in range(0, len(curves), step):
        yield slice(first, first + step)


def _cells(estimate: Estimate) -> int:
    """Return about how many cells the grid of a curve has."""
    q = len(estimate.law.shapes)
    others = len(scatter_of(estimate.sample).parameters) - 1
    counts = {1: 45, 2: 27}.get(q, 1), 4 * _NUMBER[q][1]
    return int(counts[0] ** q * counts[1] ** others)


def joined_draws(parts: Sequence[Collapsed]) -> Collapsed:
    """Return the draws of several sets of curves as one."""
    noise = {name: np.concatenate([part.noise[name] for part in parts]) for name in parts[0].noise}
    theta, coefficients, evidence, khat, effective = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("theta", "coefficients", "evidence", "khat", "effective")
    )
    return Collapsed(theta, coefficients, noise, evidence, khat, effective)


def from_grid(target: Target, grid: Grid, draws: int, seed: int) -> Collapsed:
    """Return draws from the cells of a grid, resampled to the exact posterior."""
    rng = np.random.default_rng(seed)
    theta, coefficients, noise, log_ratio = proposed(target, grid, draws, rng)
    found = selected(theta, coefficients, noise, log_ratio, draws, rng)
    # A grid of two shapes is coarse, and its sum is what the weights correct.
    fine = len(target.law.shapes) < 2
    return found._replace(evidence=grid.evidence) if fine else found


def proposed(
    target: Target, grid: Grid, draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats, dict[str, Floats], Floats]:
    """Return draws from the cells of a grid, and how much likelier they ought to be.

    Shapes ``(G, S, q)``, coefficients ``(G, S, p)``, numbers of the noise ``(G, S)``, and the log
    of prior times likelihood over the density of the draws, ``(G, S)``.
    """
    places, log_q = grid.drawn(draws, rng)
    linear = target.linear(places)
    log_scale, log_given, log_p = target.scales(linear, rng)
    theta, coefficients, noise = target.answers(places, linear, log_scale, rng)
    log_ratio = log_p - log_q - log_given
    return np.swapaxes(theta, 1, 2), np.swapaxes(coefficients, 1, 2), noise, log_ratio


def selected(
    theta: Floats, coefficients: Floats, noise: dict[str, Floats], log_ratio: Floats, draws: int,
    rng: np.random.Generator,
) -> Collapsed:  # fmt: skip
    """Return so many of some proposals as stand for the target."""
    evidence = logsumexp(log_ratio, axis=1) - np.log(log_ratio.shape[1])
    kept, khat = resampled(log_ratio - evidence[:, None], draws, rng)
    whole = 2.0 * logsumexp(log_ratio, axis=1) - logsumexp(2.0 * log_ratio, axis=1)
    across = kept[:, :, None]
    return Collapsed(
        np.take_along_axis(theta, across, axis=1),
        np.take_along_axis(coefficients, across, axis=1),
        {name: np.take_along_axis(value, kept, axis=1) for name, value in noise.items()},
        evidence, khat,
        np.minimum(np.exp(whole), float(draws)),
    )  # fmt: skip
