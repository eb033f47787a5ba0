"""What an error model tells a solver: how unlikely a run is, given the curve."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Kernel"]

Floats = NDArray[np.float64]


class Kernel(Protocol):
    """Half the deviance of one run as a function of the mean; arrays broadcast over ``(..., n)``.

    Least squares has no kernel: its normal equations are solved in closed form.
    """

    def contribution(self, y: Any, mean: Any, scale: Any) -> tuple[Floats, Floats, Floats]:
        """Return minus the log density of each run, and its two derivatives in the mean.

        The value is infinite where the mean is impossible.
        """

    def scale(self, y: Any, mean: Any, weight: Any) -> Floats:
        """Return the most likely scale ``(...)``, given the means, for weights ``(..., n)``."""
