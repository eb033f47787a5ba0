"""What a verdict claims, its p value, and what is left of the claims of a whole family.

Each verdict is a claim against a null of its own, and has the p value at which its bound meets
the margin:

- ``saturated``: the gain is at least the margin, and the gate sees scaling;
- ``still_scaling``: it is at most the margin, and the gate sees scaling;
- ``no_scaling``: the gain over the table is at least the margin, and the gate sees none.

Claims of one kind form a family. After Holm's adjustment the chance that any curve is wrongly
called saturated is at most 5 %, and so for the other two; after that of Benjamini and Hochberg the
expected share of wrong ones among those called saturated is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from .adjustment import Adjust, adjusted, check_adjust
from .estimands import Estimand, Gain, ObservedGain
from .estimate import Estimate
from .inference import Inference, t_against
from .saturation import DECIDED, ONE_SIDED, Assessment
from .selection import Candidates

__all__ = ["Claims", "claims", "p_values", "tails"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of G curves; arrays ``(G,)``.

    Parameters
    ----------
    p, adjusted_p : array
        Of the verdict's own claim; of an inconclusive curve, of the claim nearest to being made.
        nan where a verdict is refused.
    verdict : array of str
        The verdict where its adjusted p value is at most 5 %, else ``inconclusive``.
    family : int
        Number of curves that could have been called anything.
    adjust : {"holm", "bh", None}
        How they were adjusted.
    """

    p: Floats
    adjusted_p: Floats
    verdict: NDArray[Any]
    family: int
    adjust: Adjust


def tails(
    candidates: Candidates, where: Bools, estimand: Estimand, value: Floats, inference: Inference
) -> tuple[Floats, Floats, Floats]:
    """Return how far ``value`` lies above a curve's estimate in units of t, and two p values.

    Arrays ``(G,)``, nan for curves that are not asked about (``where``). The p values are those of
    an answer of at least, and of at most, ``value``: given the reported law, and where it only
    stands in whichever surviving law is true, which is the largest over these.
    """
    t, p = np.full(len(candidates), np.nan), np.full((2, len(candidates)), np.nan)

    def given(item: Estimate, rows: Ints) -> tuple[Floats, Floats]:
        part = item.take(rows)
        df, found = part.scale[1], t_against(part, estimand.take(rows), value[rows], inference)
        return found, np.array([stdtr(df, -found), stdtr(df, found)])

    for i in np.unique(candidates.chosen[where]):
        rows = np.flatnonzero(where & (candidates.chosen == i))
        t[rows], p[:, rows] = given(candidates.estimates[i], rows)
    unled = where & candidates.stands_in
    if unled.any():
        spanning = candidates.spanning()
        for i, rows in spanning.others(unled):
            p[:, rows] = np.fmax(p[:, rows], given(spanning.estimates[i], rows)[1])
    return t, p[0], p[1]


def claims(found: Assessment, p: Floats, adjust: Adjust = "holm") -> Claims:
    """Return the p values of the verdicts, adjusted over the family of curves.

    Parameters
    ----------
    found : Assessment
        Verdicts of G curves.
    p : array (G, 3)
        Their :func:`p_values`.
    adjust : {"holm", "bh", None}
        See :func:`scalefit.adjustment.adjusted`.
    """
    check_adjust(adjust)
    p = p.T
    tested = np.flatnonzero(~found.refused)
    of_family = p.copy()
    for kind in range(len(DECIDED)):
        of_family[kind, tested] = adjusted(p[kind, tested], adjust)
    # A decided curve stands for its own claim, an undecided one for the nearest.
    own = np.select([found.verdict == kind for kind in DECIDED], [0, 1, 2], -1)
    nearest_claim = np.where(own >= 0, own, np.nan_to_num(p, nan=1.0).argmin(axis=0))
    here = nearest_claim, np.arange(p.shape[1])
    kept = (own >= 0) & (of_family[here] <= 1.0 - ONE_SIDED)
    verdict = np.where(kept, found.verdict, "inconclusive") if adjust else found.verdict
    return Claims(p[here], of_family[here], verdict, int(tested.size), adjust)


def p_values(found: Assessment, candidates: Candidates, inference: Inference) -> Floats:
    """Return the p value of each kind of claim ``(G, 3)``; 1 where the gate rules it out.

    nan where a verdict is refused. ``inference`` is what made the bounds of the verdicts on the
    curves of ``candidates``.
    """
    p = np.ones((len(DECIDED), len(candidates)))
    seen = found.gate.p <= 1.0 - ONE_SIDED
    ahead, here = seen & ~found.refused, ~seen & ~found.refused
    _, *both = tails(candidates, ahead, Gain(found.factor), found.margin, inference)
    p[:2, ahead] = np.maximum(found.gate.p, both)[:, ahead]
    p[2, here] = tails(candidates, here, ObservedGain(), found.margin, inference)[1][here]
    return np.where(found.refused, np.nan, np.nan_to_num(p, nan=1.0)).T
