"""What turns an estimate into an interval: one file a method, all called alike.

``inference(estimate, estimand, level) -> Intervals`` for every curve of the estimate, with one
level or one per curve.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import FitError, nearest
from ..estimands import Asked
from ..estimate import Estimate
from .against import t_against
from .bootstrap import Agreement, Bootstrap, agreement
from .difference import Crossing, difference
from .interval import Interval, Intervals, check_level, open_beyond, within
from .inversion import invert
from .posterior import Posterior, posterior_sd, posterior_shares
from .profile import profile
from .resampling import resample
from .support import refuse
from .together import Question, answer, ask_together, side_by_side
from .union import join, union
from .wald import standard_error, wald

__all__ = [
    "INFERENCES",
    "Agreement",
    "Bootstrap",
    "Crossing",
    "Inference",
    "Interval",
    "Intervals",
    "Posterior",
    "Question",
    "agreement",
    "answer",
    "ask_together",
    "check_level",
    "difference",
    "get_inference",
    "invert",
    "join",
    "open_beyond",
    "posterior_sd",
    "posterior_shares",
    "profile",
    "refuse",
    "resample",
    "side_by_side",
    "standard_error",
    "t_against",
    "union",
    "wald",
    "within",
]

Inference = Callable[[Estimate, Asked, Any], Intervals]

#: Every inference that asks nothing of an estimate but to be one, by name.
INFERENCES: dict[str, Inference] = {
    "profile": profile,
    "wald": wald,
    "bootstrap": Bootstrap(),
}


def get_inference(name: str | Bootstrap, seed: int = 0) -> Inference:
    """Return the inference called ``name``; FitError, with the nearest name, if none is.

    A bootstrap may be given itself; one that is named draws from ``seed``.
    """
    if isinstance(name, Bootstrap):
        return name
    if name == "bootstrap":
        return Bootstrap(rng=seed)
    if name == "posterior":
        return Posterior()
    if name not in INFERENCES:
        known = [*INFERENCES, "posterior", "union"]
        raise FitError(
            f"no inference named {name!r}; the inferences are {', '.join(known)}"
            + nearest(str(name), known)
        )
    return INFERENCES[name]
