"""A random walk over compatible shapes, which no profile interval may fall short of."""

from __future__ import annotations

import numpy as np

__all__ = ["walked_ends"]


def walked_ends(scan, u, walkers, rounds):
    """Return the least lower and the greatest upper end ``(G,)`` that a walk from ``u`` meets.

    Half of the walkers step at random in the box, half by the difference of two others; those that
    would leave the compatible shapes stay where they are.
    """
    rng = np.random.default_rng(6)
    low, high = (bound[:, None] for bound in scan.problem.bounds())
    u = np.repeat(u[:, None], walkers, axis=1)
    least, most = np.full(len(u), np.inf), np.full(len(u), -np.inf)
    for _ in range(rounds):
        length = 10 ** rng.uniform(-4, -0.3, (1, walkers, 1))
        away = length * (high - low) * rng.standard_normal(u.shape)
        along = u[:, rng.permutation(walkers)] - u[:, rng.permutation(walkers)]
        moved = np.clip(u + np.where(rng.random((1, walkers, 1)) < 0.5, away, along), low, high)
        lower, upper = scan.ends(moved)
        least, most = np.minimum(least, lower.min(axis=1)), np.maximum(most, upper.max(axis=1))
        u = np.where((lower < np.inf)[..., None], moved, u)
    return least, most
