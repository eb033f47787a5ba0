"""How likely runs are under draws, and runs drawn anew: what checks and comparisons are made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

from ..draws import Draws
from ..estimate import Estimate
from ..laws import Law
from ..sample import Sample
from .expected import at_sizes, to_coefficients, values_of
from .priors import Prior, Priors

__all__ = ["log_density_of_sizes", "means_at_sizes", "prior_draws", "scores_of_runs"]

Floats = NDArray[np.float64]


def means_at_sizes(law: Law, sample: Sample, draws: Draws) -> Floats:
    """Return drawn means at the sizes of each curve, ``(G, S, K)``, in the metric's units."""
    columns, offset = at_sizes(law, sample.z, draws.one("theta"), sample.frame)
    mean = offset + np.einsum("gskp,gsp->gsk", columns, draws.one("coefficients"))
    found: Floats = sample.frame.sign[:, None, None] * mean
    return found


def _scales(sample: Sample, draws: Draws) -> Floats:
    z = sample.z if sample.z.ndim == 2 else 0.0 * sample.x
    found: Floats = np.exp(
        draws.one("log_scale")[:, :, None]
        + 0.5 * draws.one("noise_slope")[:, :, None] * z[:, None, :]
    )
    return found


def log_density_of_sizes(law: Law, sample: Sample, draws: Draws) -> Floats:
    """Return the log density of the runs at each size in each draw, ``(G, S, K)``; 0 at padding.

    Of all runs of a size together: they are independent given the curve.
    """
    mean, scale = means_at_sizes(law, sample, draws), _scales(sample, draws)
    kernel = sample.kernel
    if kernel is None:
        count, spread = sample.count[:, None, :], sample.spread[:, None, :]
        gap = sample.mean[:, None, :] - mean
        total = -0.5 * (count * gap * gap + spread) / scale**2
        total = total - count * (np.log(scale) + 0.5 * np.log(2.0 * np.pi))
        return np.asarray(total)
    df = draws.one("df")[:, :, None]
    heavy = np.isfinite(df)
    nu = np.where(heavy, df, 1.0)
    result = np.zeros(mean.shape)
    for place in range(sample.runs.shape[2]):
        y = sample.runs[:, None, :, place]
        known = ~np.isnan(y)
        safe = np.where(known, y, 1.0)
        if kernel.link == "log":
            gap = np.log(safe) - np.log(np.maximum(mean, 1e-300))
            jacobian = np.log(safe)
        else:
            gap, jacobian = safe - mean, np.zeros_like(safe)
        u2 = (gap / scale) ** 2
        log_t = -0.5 * np.log(nu) - betaln(0.5 * nu, 0.5) - 0.5 * (nu + 1.0) * np.log1p(u2 / nu)
        log_n = -0.5 * u2 - 0.5 * np.log(2.0 * np.pi)
        one = np.where(heavy, log_t, log_n) - np.log(scale) - jacobian
        result = result + np.where(known, one, 0.0)
    return result


def scores_of_runs(law: Law, sample: Sample, draws: Draws, rng: np.random.Generator) -> Floats:
    """Return new scores of as many runs as each size has, ``(G, S, K, R)``; nan where none is."""
    mean, scale = means_at_sizes(law, sample, draws), _scales(sample, draws)
    width = int(sample.count.max())
    inside = np.arange(width) < sample.count[:, :, None]
    error = rng.standard_normal((*mean.shape, width))
    df = draws.one("df")[:, :, None, None]
    heavy = np.isfinite(df)
    if heavy.any():
        nu = np.where(heavy, df, 1.0)
        chi = rng.chisquare(np.broadcast_to(nu, error.shape)) / nu
        error = error / np.where(heavy, np.sqrt(chi), 1.0)
    kernel = sample.kernel
    if kernel is not None and kernel.link == "log":
        with np.errstate(over="ignore"):
            scores = mean[..., None] * np.exp(scale[..., None] * error)
    else:
        scores = mean[..., None] + scale[..., None] * error
    found: Floats = np.where(inside[:, None], scores, np.nan)
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
    matrix, offset = values_of(law, theta, sample.frame)
    coefficients = to_coefficients(matrix, offset, np.stack(expected, axis=-1))
    slope = of(priors.noise_slope) * (sample.variance_df > 0)[:, None]
    heavy = np.isfinite(like.one("df"))
    return replace(
        like, theta=theta, coefficients=coefficients, log_scale=np.log(of(priors.noise)),
        noise_slope=slope, df=np.where(heavy, of(priors.df), np.inf), row=np.arange(n_curves),
    )  # fmt: skip
