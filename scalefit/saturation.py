"""Does it saturate? Tests and the verdict, from one-sided bounds on the next k-fold gain.

The verdict is a decision about a gain against a margin, not the name of a shape:

- ``saturated``: scaling is seen, and the upper 95 % bound on the gain is below the margin;
- ``still_scaling``: scaling is seen, and the lower 95 % bound on the gain is above the margin;
- ``no_scaling``: none is seen, and the gain over the whole table is bounded below the margin;
- ``inconclusive``: anything else.

It is ``firm`` when every law that fits agrees and no left-out size turns it round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._format import number
from .estimands import Gain, GainBetween, ObservedGain, SizeReaching
from .estimate import estimate
from .gate import Gate, scaling_gate
from .inference import Inference, Intervals, join, profile
from .plateau import plateau_test
from .selection import MIN_SIZES, Candidates, ask, signed_root

__all__ = ["VERDICTS", "Assessment", "assess"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

VERDICTS = ("saturated", "still_scaling", "no_scaling", "inconclusive")
#: Level of each one-sided bound behind a verdict, and of the scaling gate.
ONE_SIDED = 0.95
MIN_DECADES = 1.0
#: Sizes at either end of a curve that are left out in turn.
_OUTER = 8
MIN_DF = 3


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything a verdict rests on, for G curves; arrays ``(G,)`` unless said otherwise.

    Parameters
    ----------
    factor : float
        The k of the next k-fold gain.
    margin : array
        Smallest gain of interest, in score units.
    verdict, strength, reason : array of str
        The verdict, ``firm`` or ``provisional``, and why in one sentence.
    refused : array of bool
        Where the table cannot carry a verdict, nor a forecast.
    gain, gain_bounds : Intervals
        The gain with its two-sided interval, and with the two one-sided 95 % bounds.
    observed_bounds : Intervals
        One-sided bounds on the gain over the observed sizes.
    robust_gain : Intervals
        The union of the gain's intervals over the surviving laws.
    gate : Gate
        Tests of any scaling.
    plateau, curvature : tuple of two arrays
        Signed root and p value of "levels off short of the best score" and "bends below the log
        law".
    lack_of_fit : tuple of two arrays
        F and p of the chosen law.
    reached, attainable : Intervals
        Sizes that reach 95 % of the observed and of the attainable gain.
    influential : array of float
        Size whose omission moves the gain by more than half its interval's width; nan if none.
    flipped_by : array of float
        Size whose omission turns the verdict round; nan if none.
    disagreeing : array of str
        Surviving laws that do not share a verdict that was reached.
    """

    factor: float
    margin: Floats
    verdict: NDArray[Any]
    strength: NDArray[Any]
    reason: NDArray[Any]
    refused: NDArray[np.bool_]
    gain: Intervals
    gain_bounds: Intervals
    observed_bounds: Intervals
    robust_gain: Intervals
    gate: Gate
    plateau: tuple[Floats, Floats]
    curvature: tuple[Floats, Floats]
    lack_of_fit: tuple[Floats, Floats]
    reached: Intervals
    attainable: Intervals
    influential: Floats
    flipped_by: Floats
    disagreeing: NDArray[Any]


def assess(
    candidates: Candidates,
    margin: Floats,
    *,
    factor: float = 10.0,
    span: Floats | float = np.inf,
    level: float = 0.95,
    inference: Inference = profile,
    rng: np.random.Generator | int = 0,
) -> Assessment:
    """Return verdicts, with all they rest on, for every curve of ``candidates``.

    Parameters
    ----------
    candidates : Candidates
        Laws fitted to G curves.
    margin : array (G,)
        Smallest gain of interest, in score units.
    factor : float
        The k of the next k-fold gain.
    span : float or array (G,)
        Range of the metric: a bound on a gain that reaches it bounds nothing, and is open.
    level : float
        Level of the two-sided intervals that are shown.
    inference : Inference
        What makes the intervals.
    rng : Generator or int
        For the Monte-Carlo null of the scaling gate.
    """
    question = Gain(factor)
    two_sided = 2.0 * ONE_SIDED - 1.0
    sample = candidates.sample
    gate = scaling_gate(sample, rng)
    bounds, observed, gain, reached, attainable = ask(
        candidates,
        [
            (question, two_sided),
            (ObservedGain(), two_sided),
            (question, level),
            (SizeReaching(0.95, "observed"), level),
            (SizeReaching(0.95, "attainable"), level),
        ],
        inference,
    )
    spanning = candidates.spanning()
    robust = _whichever(spanning, gain, question, level, inference)
    bounds, observed, gain, robust = (
        _below(span, part) for part in (bounds, observed, gain, robust)
    )
    verdict = _decide(gate.p, bounds.lower, bounds.upper, observed.upper, margin)
    refused = _refusals(spanning)
    verdict = np.where(refused != "", "inconclusive", verdict)
    bounds, gain, robust = (_nothing(refused != "", part) for part in (bounds, gain, robust))
    disagreeing = _disagreeing(spanning, verdict, gate.p, margin, question, two_sided, inference)
    influential, flipped, tried = _leave_sizes_out(
        candidates, verdict, gain, margin, factor, inference
    )
    replicated = sample.pure_df > 0
    firm = (
        (disagreeing == "") & np.isnan(flipped) & tried & replicated & (verdict != "inconclusive")
    )
    return Assessment(
        factor, margin, verdict,
        np.where(firm, "firm", "provisional"),
        _reasons(verdict, refused, gate, bounds, observed, margin, factor),
        refused != "",
        gain, bounds, observed,
        robust,
        gate,
        plateau_test(
            candidates.estimate_of("power"), spanning.estimate_of("saturating_power")
        ), _curvature(candidates, spanning),
        _lack_of_fit(candidates),
        reached, attainable,
        influential, flipped, disagreeing,
    )  # fmt: skip


def _whichever(
    spanning: Candidates, gain: Intervals, question: Gain, level: float, inference: Inference
) -> Intervals:
    """Return the union of the gain's intervals over the surviving laws.

    The interval of the chosen law is known; the others are asked where they survive.
    """
    parts = []
    for i, (item, survives) in enumerate(zip(spanning.estimates, spanning.surviving, strict=True)):
        estimate, lower, upper = gain.estimate.copy(), gain.lower.copy(), gain.upper.copy()
        rows = np.flatnonzero(survives & (spanning.chosen != i))
        if rows.size:
            own = inference(item.take(rows), question, level)
            estimate[rows], lower[rows], upper[rows] = own.estimate, own.lower, own.upper
        parts.append(Intervals(estimate, lower, upper, level, gain.method))
    return join(parts, spanning.surviving, [item.law.name for item in spanning.estimates])


def _below(span: Floats | float, gain: Intervals) -> Intervals:
    upper = np.where(gain.upper >= span, np.inf, gain.upper)
    return Intervals(gain.estimate, gain.lower, upper, gain.level, gain.method)


def _nothing(refused: Bools, gain: Intervals) -> Intervals:
    """Return the intervals with those of refused curves open on both sides."""
    return Intervals(
        np.where(refused, np.nan, gain.estimate),
        np.where(refused, -np.inf, gain.lower),
        np.where(refused, np.inf, gain.upper),
        gain.level,
        gain.method,
    )


def _decide(
    gate_p: Floats, lower: Floats, upper: Floats, observed_upper: Floats, margin: Floats
) -> NDArray[Any]:
    seen = gate_p <= 1.0 - ONE_SIDED
    return np.select(
        [seen & (upper < margin), seen & (lower > margin), ~seen & (observed_upper < margin)],
        ["saturated", "still_scaling", "no_scaling"],
        "inconclusive",
    )


def _refusals(spanning: Candidates) -> NDArray[Any]:
    """Return why a verdict is refused, per curve; empty where it is not."""
    sample = spanning.sample
    main = spanning.estimate_of("saturating_power")
    fits = spanning.surviving.any(axis=0)
    kept = spanning.surviving[spanning.chosen, np.arange(len(spanning))]
    gates = np.stack([e.within_gate for e in spanning.estimates])
    allowed = gates[spanning.chosen, np.arange(len(spanning))]
    names = np.array([e.law.name for e in spanning.estimates])
    others = [f"{names[i]} does not fit these sizes, {' and '.join(names[fit])} could"
              for i, fit in zip(spanning.chosen, spanning.surviving.T, strict=True)]  # fmt: skip
    return np.select(
        [
            sample.n_sizes < MIN_SIZES,
            sample.decades < MIN_DECADES * (1 - 1e-12),
            sample.n - main.law.n_params < MIN_DF,
            ~allowed,
            ~fits,
            ~kept,
        ],
        [
            "a verdict needs at least 4 distinct sizes",
            "the sizes span less than one decade",
            "fewer than 3 runs more than parameters",
            "the law that was asked for needs more sizes, or a wider range of them",
            "no law fits these sizes (lack of fit p < 0.01 for all)",
            np.array(others, dtype=object),
        ],
        "",
    )


def _disagreeing(
    spanning: Candidates,
    verdict: NDArray[Any],
    gate_p: Floats,
    margin: Floats,
    question: Gain,
    level: float,
    inference: Inference,
) -> NDArray[Any]:
    """Return, per decided curve, the surviving laws whose own bounds give another verdict."""
    names = [""] * len(verdict)
    # Where scaling is seen the gain ahead decides, elsewhere the gain over the table.
    ahead = gate_p <= 1.0 - ONE_SIDED
    for i, (item, survives) in enumerate(zip(spanning.estimates, spanning.surviving, strict=True)):
        asked = survives & (verdict != "inconclusive") & (spanning.chosen != i)
        for estimand, rows in (
            (question, np.flatnonzero(asked & ahead)),
            (ObservedGain(), np.flatnonzero(asked & ~ahead)),
        ):
            if not rows.size:
                continue
            bounds = inference(item.take(rows), estimand, level)
            own = _decide(gate_p[rows], bounds.lower, bounds.upper, bounds.upper, margin[rows])
            for g in rows[own != verdict[rows]]:
                names[g] += (", " if names[g] else "") + item.law.name
    return np.array(names, dtype=object)


def _leave_sizes_out(
    candidates: Candidates,
    verdict: NDArray[Any],
    gain: Intervals,
    margin: Floats,
    factor: float,
    inference: Inference,
) -> tuple[Floats, Floats, Bools]:
    """Return the most influential size, one whose omission flips the verdict, and where tried.

    All curves with one size left out are fitted by their chosen law in one batch a law, and asked
    for the gain beyond the largest size of the whole curve.
    """
    sample = candidates.sample
    influential, flipped = np.full(len(sample), np.nan), np.full(len(sample), np.nan)
    worst, tried = np.zeros(len(sample)), np.zeros(len(sample), dtype=bool)
    width = gain.upper - gain.lower
    for i in np.unique(candidates.chosen):
        law = candidates.estimates[i].law
        enough = sample.n_sizes - 1 > max(law.n_params, MIN_SIZES - 1, law.min_sizes - 1)
        rows = np.flatnonzero((candidates.chosen == i) & enough)
        if not rows.size:
            continue
        tried[rows] = True
        curve, size = np.nonzero(sample.count[rows] > 0)
        last_size = sample.n_sizes[rows][curve] - 1
        # In the midst of many sizes none carries the curve.
        outer = (size < _OUTER) | (size > last_size - _OUTER)
        curve, size = rows[curve[outer]], size[outer]
        less = estimate(law, sample.take(curve).without(size))
        last = sample.x[curve].max(axis=1)
        bounds = inference(less, GainBetween(last, factor * last), 2.0 * ONE_SIDED - 1.0)
        against = np.select(
            [verdict[curve] == "saturated", verdict[curve] == "still_scaling"],
            [bounds.lower > margin[curve], bounds.upper < margin[curve]],
            (verdict[curve] == "no_scaling") & (bounds.lower > margin[curve]),
        )
        for row in np.flatnonzero(against):
            flipped[curve[row]] = sample.x[curve[row], size[row]]
        shift = np.abs(bounds.estimate - gain.estimate[curve])
        for row in np.flatnonzero(np.isfinite(width[curve]) & (shift > 0.5 * width[curve])):
            if shift[row] > worst[curve[row]]:
                worst[curve[row]] = shift[row]
                influential[curve[row]] = sample.x[curve[row], size[row]]
    return influential, flipped, tried


def _curvature(candidates: Candidates, spanning: Candidates) -> tuple[Floats, Floats]:
    """Test the log law against a law that bends towards a plateau."""
    wide, null = spanning.estimate_of("saturating_power"), candidates.estimate_of("log_linear")
    exponent = np.where(wide.flat, 0.0, wide.theta[:, 0])
    return signed_root(null, wide, np.sign(np.nan_to_num(exponent)))


def _lack_of_fit(candidates: Candidates) -> tuple[Floats, Floats]:
    parts = np.stack([np.stack(e.lack_of_fit) for e in candidates.estimates])
    chosen = parts[candidates.chosen, :, np.arange(len(candidates))]
    return chosen[:, 0], chosen[:, 1]


def _reasons(
    verdict: NDArray[Any],
    refused: NDArray[Any],
    gate: Gate,
    bounds: Intervals,
    observed: Intervals,
    margin: Floats,
    factor: float,
) -> NDArray[Any]:
    reasons = []
    for g, said in enumerate(verdict):
        m, k = number(margin[g]), f"{factor:g} times the largest size"
        low, high = number(bounds.lower[g]), number(bounds.upper[g])
        seen = gate.p[g] <= 1.0 - ONE_SIDED
        if refused[g]:
            reason = str(refused[g])
        elif said == "saturated":
            reason = f"{k} gains less than {high}, below the margin of {m} (one-sided 95 %)"
        elif said == "still_scaling":
            reason = f"{k} gains more than {low}, above the margin of {m} (one-sided 95 %)"
        elif said == "no_scaling":
            reason = (
                f"no scaling is seen (p = {gate.p[g]:.2g}), and the gain over all sizes is "
                f"below {number(observed.upper[g])}, less than the margin of {m} (one-sided 95 %)"
            )
            if gate.wrong_way_p[g] < 0.05:
                reason += "; the score gets worse with size (inverse scaling)"
        elif seen:
            reason = (
                f"{k} may gain anything from {low} to {_open(high)}, which includes the margin "
                f"of {m}; {_what_would_settle(bounds, margin, g)}"
            )
        else:
            reason = (
                f"no scaling is seen (p = {gate.p[g]:.2g}), but a gain of up to "
                f"{_open(number(observed.upper[g]))} over all sizes is not excluded (margin {m})"
            )
            if gate.wrong_way_p[g] < 0.05:
                reason += "; the score gets worse with size (inverse scaling)"
        reasons.append(reason)
    return np.array(reasons, dtype=object)


def _what_would_settle(bounds: Intervals, margin: Floats, g: int) -> str:
    width = bounds.upper[g] - bounds.lower[g]
    room = abs(bounds.estimate[g] - margin[g])
    if not np.isfinite(width) or room <= 0:
        return "runs at sizes a decade smaller or larger would settle it soonest"
    times = max(2, int(np.ceil((0.5 * width / room) ** 2)))
    if times > 100:
        return "the gain is too near the margin for more seeds to settle it: widen the sizes"
    return (
        f"about {times} times as many runs at these sizes, or fewer at sizes a decade smaller or "
        "larger, would settle it"
    )


def _open(text: str) -> str:
    return "any amount" if text == "inf" else text
