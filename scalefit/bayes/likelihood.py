"""How likely runs are under draws, and runs drawn anew: what checks and comparisons are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..draws import Draws
from ..estimate import Estimate
from ..laws import Law
from ..rows import runs
from ..sample import Sample
from ..scatter import Scatter
from .expected import at_sizes, to_coefficients
from .priors import Prior, Priors

__all__ = [
    "density_of_sizes",
    "log_density_of_sizes",
    "log_likelihood",
    "means_at_sizes",
    "prior_draws",
    "scores_of_runs",
]

Floats = NDArray[np.float64]


def means_at_sizes(law: Law, sample: Sample, theta: Floats, coefficients: Floats) -> Floats:
    """Return drawn means at the sizes of each curve, ``(G, S, K)``, in the metric's units."""
    columns, offset = at_sizes(law, sample.z, theta, sample.frame)
    mean = offset + np.einsum("gskp,gsp->gsk", columns, coefficients)
    found: Floats = sample.frame.sign[:, None, None] * mean
    return found


def density_of_sizes(
    law: Law, sample: Sample, scatter: Scatter, theta: Floats, coefficients: Floats,
    noise: Mapping[str, Floats],
) -> Floats:  # fmt: skip
    """Return the log density of the runs at each size, ``(G, S, K)``; 0 at padding.

    For shapes ``(G, S, q)``, coefficients ``(G, S, p)`` and numbers of the noise ``(G, S)``. Of all
    runs of a size together, given those of smaller sizes: runs of other sizes tell of them where
    rows of one training run, or of one seed, are alike.
    """
    mean = means_at_sizes(law, sample, theta, coefficients)
    rows = scatter.rows(sample)
    found = np.zeros(mean.shape)
    for g in range(len(sample)):
        own = rows.of_curve(g)
        each = {name: value[g][:, None] for name, value in noise.items()}
        density = scatter.log_density(own, mean[g][:, own.size], each)
        found[g] = density @ (own.size[:, None] == np.arange(mean.shape[2]))
    return found


def log_density_of_sizes(law: Law, sample: Sample, draws: Draws) -> Floats:
    """Return the same under draws."""
    noise = {name: value[draws.row] for name, value in draws.noise.items()}
    theta, coefficients = draws.one("theta"), draws.one("coefficients")
    return density_of_sizes(law, sample, draws.scatter, theta, coefficients, noise)


def log_likelihood(law: Law, sample: Sample, draws: Draws) -> Floats:
    """Return the log density of all runs of a curve in each draw, ``(G, S)``."""
    total: Floats = log_density_of_sizes(law, sample, draws).sum(axis=2)
    return total


def scores_of_runs(law: Law, sample: Sample, draws: Draws, rng: np.random.Generator) -> Floats:
    """Return new scores of as many runs as each size has, ``(G, S, K, R)``; nan where none is."""
    mean = means_at_sizes(law, sample, draws.one("theta"), draws.one("coefficients"))
    rows = runs(sample)
    found = np.full((*mean.shape, int(sample.count.max())), np.nan)
    for g in range(len(sample)):
        own = rows.of_curve(g)
        new = draws.scatter.new_scores(own, mean[g][:, own.size], draws.noise_of(g), rng)
        found[g][:, own.size, own.slot] = new
    return found


def prior_draws(estimate: Estimate, priors: Priors, like: Draws, seed: int) -> Draws:
    """Return draws from the prior, in the form of other draws of the same curves."""
    law, sample = estimate.law, estimate.sample
    rng = np.random.default_rng(seed)
    n_curves, n_draws = len(estimate), like.n_draws

    def of(prior: Prior) -> Floats:
        return prior.quantile(np.broadcast_to(rng.random(n_draws), (n_curves, n_draws)))

    shapes = [of(prior) for prior in priors.shapes]
    theta = np.stack(shapes, axis=-1) if shapes else np.zeros((n_curves, n_draws, 0))
    expected = [sample.frame.sign[:, None] * of(priors.top)]
    expected += [of(priors.gain) for _ in range(law.n_columns - 1)]
    coefficients = to_coefficients(law, theta, np.stack(expected, axis=-1), sample.frame)
    noise = {name: of(prior) for name, prior in priors.noise.items()}
    if "noise_slope" in noise:
        noise["noise_slope"] = noise["noise_slope"] * (sample.variance_df > 0)[:, None]
    return replace(
        like, theta=theta, coefficients=coefficients, noise=noise, row=np.arange(n_curves)
    )
