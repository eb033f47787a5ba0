"""Does it saturate? Tests and the verdict, from one-sided bounds on the next k-fold gain.

The verdict is a decision about a gain against a margin, not the name of a shape:

- ``saturated``: scaling is seen, and the upper 95 % bound on the gain is below the margin;
- ``still_scaling``: scaling is seen, and the lower 95 % bound on the gain is above the margin;
- ``no_scaling``: none is seen, and the gain over the whole table is bounded below the margin;
- ``inconclusive``: anything else.

It is ``firm`` when every law that fits agrees, no left-out size turns it round, rows are not alike
by seed, the margin is less than what is left to gain, and saturation needs no law: the slope over
the last decade, or three sizes, gains less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dependence import ALIKE, alike_by_seed
from .estimands import Estimand, Gain, ObservedGain, SizeReaching
from .estimate import Estimate
from .gate import ONE_SIDED, Gate, scaling_gate
from .inference import (
    Inference,
    Intervals,
    Question,
    ask_together,
    join,
    open_beyond,
    posterior_shares,
    profile,
)
from .influence import MUCH, leave_sizes_out
from .metrics import Metric, checked_margin
from .plateau import plateau_test
from .reasons import reasons
from .refusals import REFUSALS, Grounds, curvature, refused_codes
from .secant import Secant, last_slope
from .selection import Candidates, ask

__all__ = ["DECIDED", "ONE_SIDED", "VERDICTS", "Assessment", "assess", "margins"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Verdicts that decide the question, and those with the one that does not.
DECIDED = ("saturated", "still_scaling", "no_scaling")
VERDICTS = (*DECIDED, "inconclusive")
#: Lower bounds on a gain that are less, as a share of the margin, are 0.
_NOTHING = 1e-6
#: Sizes at either end of a curve that are left out in turn.
_OUTER = 8


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
    refusal : array of str
        Code of the refusal, where the table cannot carry a verdict; else empty.
    withheld : array of bool
        Where it cannot carry a forecast either, and none was asked for all the same.
    gain, gain_bounds : Intervals
        The gain given the reported law with its two-sided interval, and the two one-sided 95 %
        bounds that decide; these hold whichever law is true where the reported one stands in.
    observed_bounds : Intervals
        One-sided bounds on the gain over the observed sizes, which hold likewise.
    robust_gain : Intervals
        The union of the gain's intervals over the surviving laws.
    probability : tuple of two arrays
        Posterior probabilities that the gain is below and above the margin, given the chosen law,
        or the least over the surviving laws where it only stands in; nan without draws, and where a
        verdict is refused.
    gate : Gate
        Tests of any scaling.
    secant : Secant
        The slope over the last decade, or three sizes, which bounds the gain without a law.
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
    left : array
        From the estimated score at the largest size to the best score; infinite where none is
        known.
    """

    factor: float
    margin: Floats
    verdict: NDArray[Any]
    strength: NDArray[Any]
    reason: NDArray[Any]
    refusal: NDArray[Any]
    withheld: Bools
    gain: Intervals
    gain_bounds: Intervals
    observed_bounds: Intervals
    robust_gain: Intervals
    probability: tuple[Floats, Floats]
    gate: Gate
    secant: Secant
    plateau: tuple[Floats, Floats]
    curvature: tuple[Floats, Floats]
    lack_of_fit: tuple[Floats, Floats]
    reached: Intervals
    attainable: Intervals
    influential: Floats
    flipped_by: Floats
    disagreeing: NDArray[Any]
    left: Floats

    @property
    def out_of_reach(self) -> Bools:
        """Where the gain ahead is judged by a margin that no curve could gain."""
        return _trivial(self.gate, self.margin, self.left) & ~self.refused

    @property
    def refused(self) -> Bools:
        """Where the table cannot carry a verdict."""
        return np.asarray(self.refusal != "")


def assess(
    candidates: Candidates,
    margin: Floats,
    *,
    factor: float = 10.0,
    span: Floats | float = np.inf,
    level: float = 0.95,
    inference: Inference = profile,
    rng: np.random.Generator | int = 0,
    force: bool = False,
    reach: Floats | float = 1.0,
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
    force : bool
        Whether to keep gains where a verdict is refused, if there are any.
    reach : float or array (G,)
        How far beyond the largest size a forecast may go, in log ranges.
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
    one_law = gain
    stands_in = candidates.stands_in
    bounds, observed = _where_none_leads(
        stands_in, spanning, (bounds, observed), (question, ObservedGain()), inference
    )
    bounds, observed, gain = (_below(span, part) for part in (bounds, observed, gain))
    nothing = (bounds.lower > 0) & (bounds.lower < _NOTHING * margin)
    bounds = replace(bounds, lower=np.where(nothing, 0.0, bounds.lower))
    verdict = _decide(gate.p, bounds.lower, bounds.upper, observed.upper, margin)
    bent = curvature(candidates)
    distance = question.beyond(candidates.law(0), sample.frame).distance
    grounds = Grounds(candidates, bent[1], distance, reach)
    refusal = refused_codes(grounds)
    verdict = np.where(refusal != "", "inconclusive", verdict)
    # Where none leads the verdict is that of all of them already.
    doubted = (verdict != "inconclusive") & ~stands_in
    robust, disagreeing = _by_other_laws(
        spanning, verdict, doubted, gate.p, margin, question, (one_law, two_sided), inference
    )
    kept = [code for code, each in REFUSALS.items() if force and each.forcible]
    withheld = (refusal != "") & ~np.isin(refusal, kept)
    bounds, gain, robust = (
        _nothing(withheld, part) for part in (bounds, gain, _below(span, robust))
    )
    influential, flipped, tried = _without_sizes(
        candidates, verdict, gain, margin, factor, inference
    )
    replicated = (sample.pure_df > 0) & sample.spread.any(axis=1)
    secant = last_slope(sample)
    lawless = (verdict != "saturated") | secant.excludes(factor, margin, ONE_SIDED)
    alone = alike_by_seed(sample)[1] >= ALIKE
    left = _left(candidates)
    lawless &= ~_trivial(gate, margin, left)
    agreed = (disagreeing == "") & np.isnan(flipped) & tried & replicated & alone & lawless
    firm = agreed & (verdict != "inconclusive")
    unknown = (refusal != "") | np.isnan(bounds.estimate)
    power, saturating = candidates.estimate_of("power"), spanning.estimate_of("saturating_power")
    alike = grounds.chosen(_alike)
    return Assessment(
        factor=factor,
        margin=margin,
        verdict=verdict,
        strength=np.where(firm, "firm", "provisional"),
        reason=reasons(
            verdict, refusal, gate, bounds, observed, margin, factor, alike, stands_in, left
        ),
        refusal=refusal,
        withheld=withheld,
        gain=gain,
        gain_bounds=bounds,
        observed_bounds=observed,
        robust_gain=robust,
        probability=_probability(candidates, spanning, question, margin, unknown),
        gate=gate,
        secant=secant,
        plateau=plateau_test(power, saturating),
        curvature=bent,
        lack_of_fit=_lack_of_fit(candidates),
        reached=reached,
        attainable=attainable,
        influential=influential,
        flipped_by=flipped,
        disagreeing=disagreeing,
        left=left,
    )


def margins(metrics: Sequence[Metric], candidates: Candidates, margin: float | None) -> Floats:
    """Return the smallest gain of interest per curve: as given, or what the metric implies."""
    if margin is not None:
        return np.full(len(candidates), checked_margin(margin, metrics))
    tops = _tops(candidates)
    return np.array([metric.margin(top) for metric, top in zip(metrics, tops, strict=True)])


def _tops(candidates: Candidates) -> Floats:
    """Return the estimated scores at the largest sizes."""
    tops = np.empty(len(candidates))
    for i in np.unique(candidates.chosen):
        rows = np.flatnonzero(candidates.chosen == i)
        part = candidates.estimates[i].take(rows)
        tops[rows] = part.fitted()[np.arange(len(rows)), part.sample.largest]
    return tops


def _left(candidates: Candidates) -> Floats:
    frame = candidates.sample.frame
    left = np.maximum(frame.sign * (frame.limit - _tops(candidates)), 0.0)
    return np.where(np.isnan(left), np.inf, left)


def _trivial(gate: Gate, margin: Floats, left: Floats) -> Bools:
    return np.asarray((gate.p <= 1.0 - ONE_SIDED) & (margin >= left))


def _by_other_laws(
    spanning: Candidates,
    verdict: NDArray[Any],
    doubted: Bools,
    gate_p: Floats,
    margin: Floats,
    question: Gain,
    known: tuple[Intervals, float],
    inference: Inference,
) -> tuple[Intervals, NDArray[Any]]:
    """Return the union of the gain's intervals over the surviving laws, and who disagrees.

    Per ``doubted`` verdict these are the surviving laws whose own bounds give another one.
    ``known`` are the gain's intervals by the chosen laws, and the level of bounds. Every other law
    is asked where it survives, all questions together.
    """
    gain, two_sided = known
    level = float(gain.level)
    # Where scaling is seen the gain ahead decides, elsewhere the gain over the table.
    ahead = gate_p <= 1.0 - ONE_SIDED
    kinds: list[tuple[Bools, list[Question]]] = [
        (~doubted, []),
        (doubted & ahead, [(question, two_sided)]),
        (doubted & ~ahead, [(ObservedGain(), two_sided)]),
    ]
    parts, names = [gain] * len(spanning.estimates), [""] * len(verdict)
    for where, more in kinds:
        for i, rows in spanning.others(where):
            item, asked = spanning.estimates[i], [(question, level), *more]
            own, *bounds = ask_together(item.take(rows), asked, inference)
            parts[i] = _put(parts[i], rows, own)
            for found in bounds:
                said = _decide(gate_p[rows], found.lower, found.upper, found.upper, margin[rows])
                for g in rows[said != verdict[rows]]:
                    names[g] += (", " if names[g] else "") + item.law.name
    hull = join(parts, spanning.surviving, [item.law.name for item in spanning.estimates])
    return hull, np.array(names, dtype=object)


def _where_none_leads(
    stands_in: Bools, spanning: Candidates, known: Sequence[Intervals],
    estimands: Sequence[Estimand], inference: Inference,
) -> list[Intervals]:  # fmt: skip
    """Return bounds that hold whichever law is true where the reported one only stands in.

    ``known`` are those of each estimand by the chosen laws; every other law is asked where it
    survives, all questions together.
    """
    if not stands_in.any():
        return list(known)
    asked = [(one, float(each.level)) for one, each in zip(estimands, known, strict=True)]
    parts = [[each] * len(spanning.estimates) for each in known]
    for i, rows in spanning.others(stands_in):
        found = ask_together(spanning.estimates[i].take(rows), asked, inference)
        for part, own in zip(parts, found, strict=True):
            part[i] = _put(part[i], rows, own)
    names = [item.law.name for item in spanning.estimates]
    told = []
    for part, each in zip(parts, known, strict=True):
        hull = join(part, spanning.surviving, names)
        if not stands_in.all():
            rows = np.flatnonzero(stands_in)
            ends = Intervals(
                hull.estimate[rows], hull.lower[rows], hull.upper[rows], each.level, ""
            )
            label = f"{each.method}, and by all that fit where it stands in"
            hull = replace(_put(each, rows, ends), method=label)
        told.append(hull)
    return told


def _put(known: Intervals, rows: NDArray[np.intp], found: Intervals) -> Intervals:
    """Return intervals in which those of some curves are others."""
    values = np.stack([known.estimate, known.lower, known.upper])
    values[:, rows] = found.estimate, found.lower, found.upper
    return Intervals(values[0], values[1], values[2], known.level, known.method)


def _below(span: Floats | float, gain: Intervals) -> Intervals:
    return replace(gain, upper=open_beyond(gain.upper, span))


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


def _without_sizes(
    candidates: Candidates,
    verdict: NDArray[Any],
    gain: Intervals,
    margin: Floats,
    factor: float,
    inference: Inference,
) -> tuple[Floats, Floats, Bools]:
    """Return the most influential size, one whose omission flips the verdict, and where tried."""
    sample = candidates.sample
    influential, flipped = np.full(len(sample), np.nan), np.full(len(sample), np.nan)

    def against(curve: NDArray[np.intp], lower: Floats, upper: Floats) -> Bools:
        """Return where bounds contradict the verdict on a curve."""
        return np.select(
            [verdict[curve] == "saturated", verdict[curve] == "still_scaling"],
            [lower > margin[curve], upper < margin[curve]],
            (verdict[curve] == "no_scaling") & (lower > margin[curve]),
        )

    # An interval contains its estimate: where that does not contradict no bound does.
    less = leave_sizes_out(
        candidates, factor, inference, 2.0 * ONE_SIDED - 1.0, _OUTER,
        lambda curve, gain: against(curve, gain, gain),
    )  # fmt: skip
    curve, bounds = less.curve, less.gain
    left_out = sample.x[curve, less.size]
    flips = against(curve, bounds.lower, bounds.upper)
    flipped[curve[flips]] = left_out[flips]
    width = (gain.upper - gain.lower)[curve]
    shift = np.abs(bounds.estimate - gain.estimate[curve])
    moved = np.flatnonzero(np.isfinite(width) & (shift > MUCH * width))
    moved = moved[np.argsort(shift[moved], kind="stable")]  # the last of a curve is its greatest
    influential[curve[moved]] = left_out[moved]
    return influential, flipped, np.isin(np.arange(len(sample)), curve)


def _probability(
    candidates: Candidates, spanning: Candidates, question: Gain, margin: Floats, refused: Bools
) -> tuple[Floats, Floats]:
    """Return the posterior probabilities of gains below and above the margin; nan without draws.

    Given the reported law, and where it only stands in at least so large whichever law is true.
    """
    below, above = np.full(len(candidates), np.nan), np.full(len(candidates), np.nan)
    for i in np.unique(candidates.chosen):
        rows = np.flatnonzero((candidates.chosen == i) & ~refused)
        part = candidates.estimates[i].take(rows)
        below[rows], above[rows] = posterior_shares(part, question.take(rows), margin[rows])
    for i, rows in spanning.others(candidates.stands_in & ~refused):
        item = spanning.estimates[i]
        if item.draws is not None:
            shares = posterior_shares(item.take(rows), question.take(rows), margin[rows])
            below[rows], above[rows] = np.fmin([below[rows], above[rows]], shares)
    return below, above


def _lack_of_fit(candidates: Candidates) -> tuple[Floats, Floats]:
    # A curve that is held flat is judged by the one that falls, which is not reported.
    parts = np.stack([
        np.where(e.held, np.nan, np.stack(e.lack_of_fit)) for e in candidates.estimates
    ])  # fmt: skip
    chosen = parts[candidates.chosen, :, np.arange(len(candidates))]
    return chosen[:, 0], chosen[:, 1]


def _alike(fitted: Estimate) -> Bools:
    """Return where rows tell less than as many runs that are independent."""
    return np.asarray(fitted.sample.errors.n_effective < fitted.sample.n - 0.5)
