"""What ``rng=`` may be, and the seed that it stands for."""

from __future__ import annotations

import numpy as np

from .errors import ScalefitError

__all__ = ["seed_of"]


def seed_of(rng: int | np.random.Generator) -> int:
    """Return a seed as it is, and draw one from a generator.

    Examples
    --------
    >>> seed_of(7)
    7
    """
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0:
        return int(rng)
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**31))
    raise ScalefitError(f"rng={rng!r}; give a seed (a whole number from 0) or a numpy Generator")
