"""No scaling: the score is the same at every size.

    mean(x) = level

The null law, and the wrong one as soon as any trend is visible.
"""

from __future__ import annotations

import numpy as np

from .law import Law, Parameter, Terms

__all__ = ["CONSTANT"]

CONSTANT = Law(
    name="constant",
    title="no scaling",
    formula="level",
    wrong_when="the score changes with size at all",
    source="the null law of every scaling question",
    n_columns=1,
    shapes=(),
    columns=lambda z, theta, frame, xp: (1.0,),
    gradient=lambda z, theta, frame: (),
    parameters=(
        Parameter(
            "level",
            "the score at every size",
            "level",
            lambda theta, frame, xp: Terms((frame.sign * 1.0,)),
        ),
    ),
    invert=lambda values, frame, xp: ((frame.sign * values["level"],), ()),
    limit=lambda theta, frame, xp: Terms((frame.sign * 1.0,)),
    reach=lambda share, z_from, z_to, theta, frame: np.full(np.shape(z_from), np.nan),
    start=lambda z, y, frame: (),
    working=lambda frame: "c",
    nested_in="log_linear",
    rising=False,
)
