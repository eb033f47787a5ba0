"""Seeds that are the same at all sizes: one effect a seed, common to its runs of every size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..errors import ScalefitError
from ..sample import Sample

__all__ = ["without_seed_effects"]

Floats = NDArray[np.float64]


def without_seed_effects(sample: Sample) -> Sample:
    """Return the sample with the predicted effect of each seed taken from its runs.

    The variances of ``score = size + seed + residual`` are those of Henderson's method 3 (Searle,
    Casella & McCulloch 1992, Variance Components, section 5.5), which in a table without gaps is
    the analysis of variance and, where positive, restricted maximum likelihood. The seeds' best
    linear predictions are taken off: what is left scatters as residuals do, with fewer degrees of
    freedom, and the level keeps the variance of the seeds' mean as a common error. Where seeds
    differ no more than residuals do, nothing is taken off.

    Notes
    -----
    With sizes swept out, the seeds' normal matrix is ``C = diag(n_s) - N' diag(1 / n_k) N`` and
    their right-hand side ``q``; ``q' C^+ q`` has expectation
    ``rank(C) sigma_e^2 + trace(C) sigma_s^2``.
    """
    present = sample.unit >= 0
    n_units = int(sample.unit.max(initial=-1)) + 1
    member = present[..., None] & (sample.unit[..., None] == np.arange(n_units))
    score = np.where(present, sample.runs - sample.mean[:, :, None], 0.0)
    table = member.sum(axis=2).astype(float)  # (G, K, U): runs of each seed at each size
    q = np.einsum("gks,gksu->gu", score, member)
    inverse = 1.0 / np.where(sample.count > 0, sample.count, np.inf)
    of_seed = table.sum(axis=1)
    normal = of_seed[:, :, None] * np.eye(n_units) - np.einsum(
        "gku,gk,gkv->guv", table, inverse, table
    )
    values, vectors = np.linalg.eigh(normal)
    real = values > 1e-9 * np.maximum(values.max(axis=1, initial=0.0), 1.0)[:, None]
    rank = real.sum(axis=1).astype(float)
    rest = sample.n - sample.n_sizes - rank
    _check(rank, rest)
    along = np.einsum("gvu,gv->gu", vectors, q)
    explained = np.where(real, along**2 / np.where(real, values, 1.0), 0.0).sum(axis=1)
    residual = np.maximum(sample.spread.sum(axis=1) - explained, 0.0) / rest
    trace = np.where(real, values, 0.0).sum(axis=1)
    between = np.maximum(explained - rank * residual, 0.0) / trace
    shrunken = values * between[:, None] + residual[:, None]
    shrunken = np.where(real & (shrunken > 0), shrunken, np.inf)
    kept = between[:, None] / shrunken  # 1 / (value + residual / between)
    effect = np.einsum("guv,gv->gu", vectors, kept * along)
    taken = np.einsum("gksu,gu->gks", member, effect)
    runs = sample.runs - taken
    total = np.where(present, runs, 0.0).sum(axis=2)
    mean = np.where(sample.count > 0, total * inverse, sample.mean)
    spread = np.where(present, (runs - mean[:, :, None]) ** 2, 0.0).sum(axis=2)
    of_one = between[:, None] + residual[:, None] / np.where(of_seed > 0, of_seed, 1.0)
    known = (of_seed > 0) & (of_one > 0)
    precision = np.where(known, 1.0 / np.where(known, of_one, 1.0), 0.0).sum(axis=1)
    level = 1.0 / np.where(precision > 0, precision, np.inf)
    errors = replace(
        sample.errors,
        common_variance=np.maximum(level - residual / sample.n, 0.0) * (between > 0),
        common_df=rank,
        unit_variance=between,
        unit_df=(kept * np.where(real, values, 0.0)).sum(axis=1),
    )
    return replace(
        sample, mean=mean, spread=spread, runs=runs, seed_effect=taken, errors=errors
    )  # fmt: skip


def _check(rank: Floats, rest: Floats) -> None:
    bad = np.flatnonzero((rank < 1) | (rest < 1))
    if bad.size:
        raise ScalefitError(
            f"seeds='crossed' needs a seed column and two seeds or more that were run at the same "
            f"sizes; {bad.size} of {len(rank)} curves lack them; use seeds='nested'"
        )
