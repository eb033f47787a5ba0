"""Which of the largest sizes of a curve are hidden, to see how well the others foretell them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .near import count_apart
from .sample import Sample

__all__ = ["MIN_SIZES", "choose_cuts", "share_hidden", "spread_out"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Distinct sizes that a forecast needs.
MIN_SIZES = 4
#: Most cuts of a curve, and most hidden sizes forecast from one cut: a curve of a thousand
#: checkpoints tells little more than these do.
_MOST = 6


def choose_cuts(sample: Sample, holdout: float) -> Bools:
    """Return which sizes are the last one left by a cut, ``(G, K)``.

    What is hidden takes up at most the share ``holdout`` of a curve's log range, and enough sizes
    for a forecast are left.
    """
    hidden = share_hidden(sample)
    enough = count_apart(sample.x, axis=1) >= MIN_SIZES
    allowed = (hidden > 0) & (hidden <= holdout * (1 + 1e-9)) & enough
    return spread_out(hidden, allowed)


def share_hidden(sample: Sample) -> Floats:
    """Return the share of the log range above each size, ``(G, K)``."""
    log = np.log(sample.x)
    width = log[:, -1:] - log[:, :1]
    share: Floats = (log[:, -1:] - log) / np.where(width > 0, width, 1.0)
    return share


def spread_out(position: Floats, allowed: Bools) -> Bools:
    """Return at most six of the allowed places of each row, spread evenly, ``(R, K)``."""
    some = allowed.any(axis=1, keepdims=True)
    low = np.where(allowed, position, np.inf).min(axis=1, keepdims=True)
    high = np.where(allowed, position, -np.inf).max(axis=1, keepdims=True)
    low, high = np.where(some, low, 0.0), np.where(some, high, 0.0)
    wanted = low + (high - low) * np.linspace(0.0, 1.0, _MOST)
    gap = np.abs(position[:, None, :] - wanted[:, :, None])
    picked = np.zeros(allowed.shape, dtype=bool)
    nearest_one = np.where(allowed[:, None, :], gap, np.inf).argmin(axis=2)
    picked[np.arange(len(picked))[:, None], nearest_one] = True
    return picked & allowed
