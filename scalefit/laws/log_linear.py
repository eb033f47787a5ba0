"""The log law: every doubling of the driver buys the same gain, for ever.

    mean(x) = level + slope * log(x / x0),    x0 = geometric mean of the sizes

The member ``alpha = 0`` of the saturating power family, and the natural alternative to any
plateau. Wrong for a bounded metric far out, since it has no limit.
"""

from __future__ import annotations

import numpy as np

from .law import Law, Parameter, Terms

__all__ = ["LOG_LINEAR"]

LOG_LINEAR = Law(
    name="log_linear",
    title="log law",
    formula="level + slope log(x / x0)",
    wrong_when="the gain per doubling changes with size, or the metric's bound is near",
    source="the alpha = 0 member of the power family",
    n_columns=2,
    shapes=(),
    columns=lambda z, theta, frame, xp: (1.0, z),
    gradient=lambda z, theta, frame: (),
    parameters=(
        Parameter(
            "level",
            "the score at x0, the geometric mean of the sizes",
            "level",
            lambda theta, frame, xp: Terms((frame.sign * 1.0, 0.0)),
        ),
        Parameter(
            "slope",
            "change of the score per e-fold of the driver (0.693 times that per doubling)",
            "slope",
            lambda theta, frame, xp: Terms((0.0, frame.sign * 1.0)),
        ),
    ),
    invert=lambda values, frame, xp: (
        (frame.sign * values["level"], frame.sign * values["slope"]),
        (),
    ),
    limit=lambda theta, frame, xp: Terms((0.0, 0.0), frame.sign * np.inf),
    reach=lambda share, z_from, z_to, theta, frame: z_from + share * (z_to - z_from),
    start=lambda z, y, frame: (),
    working=lambda frame: "c + b * log(x / x0)",
    nested_in="saturating_power",
)
