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
import pandas as pd
from numpy.typing import NDArray

from ._format import interval_text, number, size_text
from .estimands import Gain, GainBetween, ObservedGain, SizeReaching
from .estimate import estimate
from .gate import DRAWS, Gate, scaling_gate
from .inference import Inference, Interval, Intervals, Question, ask_together, profile, union
from .selection import Candidates, ask, signed_root

__all__ = ["VERDICTS", "Assessment", "Saturation", "assess", "single"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

VERDICTS = ("saturated", "still_scaling", "no_scaling", "inconclusive")
#: Level of each one-sided bound behind a verdict, and of the scaling gate.
ONE_SIDED = 0.95
MIN_SIZES = 4
MIN_DECADES = 1.0
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


@dataclass(frozen=True, slots=True)
class Saturation:
    """The answer to "does it saturate?" for one curve.

    Parameters
    ----------
    verdict : {"saturated", "still_scaling", "no_scaling", "inconclusive"}
    strength : {"firm", "provisional"}
    reason : str
        Why, in one sentence.
    gain : Interval
        Gain from ``factor`` times the largest size.
    lower, upper : float
        One-sided 95 % bounds on the gain: the margins at which the verdict changes.
    factor, margin : float
        What was asked: is the gain from ``factor`` times the data worth ``margin``?
    robust_gain : Interval
        The gain whichever surviving law is true.
    tests : DataFrame
        One row a test: test, null, alternative, statistic, p, method, says.
    points : DataFrame
        One row a definition of the saturation point: definition, size, lower, upper.
    """

    verdict: str
    strength: str
    reason: str
    gain: Interval
    lower: float
    upper: float
    factor: float
    margin: float
    robust_gain: Interval
    tests: pd.DataFrame
    points: pd.DataFrame

    def explain(self) -> str:
        """Return the verdict and what it rests on, in a few sentences."""
        k = f"{self.factor:g}"
        lines = [
            f"{self.verdict} ({self.strength}): {self.reason}",
            f"Gain from {k} times the largest size: {self.gain}.",
            f"Whichever surviving law is true: {self.robust_gain}.",
            f"At k = {k} the verdict against a margin m is: {_by_margin(self.lower, self.upper)}",
        ]
        lines += [f"- {row.test}: {row.says}" for row in self.tests.itertuples()]
        lines += [
            f"- {row['definition']}: {interval_sizes(row['size'], row['lower'], row['upper'])}"
            for row in self.points.to_dict("records")
        ]
        return "\n".join(lines)

    def __str__(self) -> str:
        return f"{self.verdict} ({self.strength}); gain at {self.factor:g}x: {self.gain}"


def assess(
    candidates: Candidates,
    margin: Floats,
    *,
    factor: float = 10.0,
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
    verdict = _decide(gate.p, bounds.lower, bounds.upper, observed.upper, margin)
    refused = _refusals(candidates)
    verdict = np.where(refused != "", "inconclusive", verdict)
    disagreeing = _disagreeing(spanning, verdict, gate.p, margin, question, two_sided, inference)
    influential, flipped = _leave_sizes_out(candidates, verdict, gain, margin, factor, inference)
    replicated = sample.pure_df > 0
    firm = (disagreeing == "") & np.isnan(flipped) & replicated & (verdict != "inconclusive")
    return Assessment(
        factor, margin, verdict,
        np.where(firm, "firm", "provisional"),
        _reasons(verdict, refused, gate, bounds, observed, margin, factor),
        gain, bounds, observed,
        union(spanning.estimates, spanning.surviving, question, level, inference),
        gate,
        _plateau(candidates), _curvature(candidates),
        _lack_of_fit(candidates),
        reached, attainable,
        influential, flipped, disagreeing,
    )  # fmt: skip


def _decide(
    gate_p: Floats, lower: Floats, upper: Floats, observed_upper: Floats, margin: Floats
) -> NDArray[Any]:
    seen = gate_p <= 1.0 - ONE_SIDED
    return np.select(
        [seen & (upper < margin), seen & (lower > margin), ~seen & (observed_upper < margin)],
        ["saturated", "still_scaling", "no_scaling"],
        "inconclusive",
    )


def _refusals(candidates: Candidates) -> NDArray[Any]:
    """Return why a verdict is refused, per curve; empty where it is not."""
    sample = candidates.sample
    main = candidates.estimate_of("saturating_power")
    fits = candidates.spanning().surviving.any(axis=0)
    unclear = "cannot tell: "
    return np.select(
        [
            sample.n_sizes < MIN_SIZES,
            sample.decades < MIN_DECADES * (1 - 1e-12),
            sample.n - main.law.n_params < MIN_DF,
            ~fits,
        ],
        [
            unclear + "a law needs at least 4 distinct sizes",
            unclear + "the sizes span less than one decade",
            unclear + "fewer than 3 runs more than parameters",
            unclear + "no law fits these sizes (lack of fit p < 0.01 for all)",
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
    decided = np.flatnonzero(verdict != "inconclusive")
    for item, survives in zip(spanning.estimates, spanning.surviving, strict=True):
        rows = decided[survives[decided]]
        if not rows.size:
            continue
        questions: list[Question] = [(question, level), (ObservedGain(), level)]
        bounds, over = ask_together(item.take(rows), questions, inference)
        own = _decide(gate_p[rows], bounds.lower, bounds.upper, over.upper, margin[rows])
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
) -> tuple[Floats, Floats]:
    """Return the most influential size and a size whose omission turns the verdict round.

    All curves with one size left out are fitted by their chosen law in one batch a law, and asked
    for the gain beyond the largest size of the whole curve.
    """
    sample = candidates.sample
    influential, flipped = np.full(len(sample), np.nan), np.full(len(sample), np.nan)
    worst = np.zeros(len(sample))
    width = gain.upper - gain.lower
    for i in np.unique(candidates.chosen):
        law = candidates.estimates[i].law
        enough = sample.n_sizes - 1 > max(law.n_params, MIN_SIZES - 1)
        rows = np.flatnonzero((candidates.chosen == i) & enough)
        if not rows.size:
            continue
        curve, size = np.nonzero(sample.count[rows] > 0)
        curve = rows[curve]
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
    return influential, flipped


def _plateau(candidates: Candidates) -> tuple[Floats, Floats]:
    """Test "the law tends to the best score" against "it levels off short of it"."""
    wide, null = candidates.estimate_of("saturating_power"), candidates.estimate_of("power")
    frame = candidates.sample.frame
    limit = wide.evaluate(wide.law.limit(wide.shapes(), frame, np))
    short = np.where(wide.flat, 0.0, np.sign(frame.sign * (frame.limit - limit)))
    known = ~np.isnan(frame.limit)
    root, p = signed_root(null, wide, np.where(known, short, np.nan))
    return np.where(known, root, np.nan), np.where(known, p, np.nan)


def _curvature(candidates: Candidates) -> tuple[Floats, Floats]:
    """Test the log law against a law that bends towards a plateau."""
    wide, null = candidates.estimate_of("saturating_power"), candidates.estimate_of("log_linear")
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
    room = max(bounds.estimate[g] - margin[g], margin[g] - bounds.estimate[g])
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


def _by_margin(lower: float, upper: float) -> str:
    parts = []
    if lower > 0:
        parts.append(f"still scaling for m below {number(lower)}")
    inside = f"{number(max(lower, 0.0))} and {number(upper)}"
    if np.isinf(upper):
        parts.append(f"undecided for m above {number(max(lower, 0.0))}")
    else:
        parts += [f"undecided between {inside}", f"saturated for m above {number(upper)}"]
    return ", ".join(parts) + "."


def interval_sizes(size: float, lower: float, upper: float) -> str:
    """Return a size with its interval in plain words: "14M [7.5M, 18M]"."""
    if np.isnan(lower) or np.isnan(upper):
        return size_text(size)
    if np.isinf(lower) and np.isinf(upper):
        return "not identified"
    if np.isinf(upper):
        return f"above {size_text(lower)}"
    if np.isinf(lower):
        return f"below {size_text(upper)}"
    return f"{size_text(size)} [{size_text(lower)}, {size_text(upper)}]"


def single(found: Assessment, published: float, row: int = 0) -> Saturation:
    """Return the assessment of one curve, with its tests and points as tables.

    Parameters
    ----------
    found : Assessment
        Of any number of curves.
    published : float
        Size that the published 95 %-of-the-maximum rule gives; nan where it is undefined.
    row : int
        Which curve.
    """
    points = pd.DataFrame(
        [
            _point("95 % of the observed gain (model)", found.reached[row]),
            _point("95 % of the attainable gain (model)", found.attainable[row]),
            {
                "definition": "95 % of the best single run (published rule, no evidence)",
                "size": published,
                "lower": np.nan,
                "upper": np.nan,
            },
        ]
    )
    return Saturation(
        str(found.verdict[row]), str(found.strength[row]), str(found.reason[row]),
        found.gain[row], float(found.gain_bounds.lower[row]), float(found.gain_bounds.upper[row]),
        found.factor, float(found.margin[row]), found.robust_gain[row],
        _tests(found, row), points,
    )  # fmt: skip


def _point(definition: str, interval: Interval) -> dict[str, Any]:
    return {
        "definition": definition,
        "size": interval.estimate if interval.identified else np.nan,
        "lower": interval.lower,
        "upper": interval.upper,
    }


def _tests(found: Assessment, row: int) -> pd.DataFrame:
    """Return the tests of one curve, each with null and alternative in words and a sentence."""
    gate, exact = found.gate, "t distribution"
    bounds, m = found.gain_bounds, number(found.margin[row])
    entries = [
        (
            "any scaling", "the same score at every size", "a gain with size, of any exponent",
            gate.statistic[row], gate.p[row], f"null by quasi-Monte Carlo, {DRAWS} points",
            "scaling is seen", "no scaling is seen",
        ),
        (
            "trend", "no slope on log size", "a rise with log size",
            gate.trend[row], gate.trend_p[row], exact,
            "the score improves with log size", "no trend for the better",
        ),
        (
            "plateau", "a pure power law towards the best score", "it levels off short of it",
            found.plateau[0][row], found.plateau[1][row], f"signed root, {exact}",
            "it levels off short of the best score", "a perfect score far out is not excluded",
        ),
        (
            "curvature", "the log law: every doubling gains the same", "doublings gain ever less",
            found.curvature[0][row], found.curvature[1][row], f"signed root, {exact}",
            "gains shrink with size", "a gain that never shrinks is not excluded",
        ),
        (
            "lack of fit", "the law passes through the size means", "it misses them",
            found.lack_of_fit[0][row], found.lack_of_fit[1][row], "F against replicates",
            "the law misses the size means", "no misfit is seen",
        ),
    ]  # fmt: skip
    rows = []
    for test, null, alternative, statistic, p, method, yes, no in entries:
        says = "cannot be made with this table" if np.isnan(p) else f"{yes if p < 0.05 else no}"
        if not np.isnan(p):
            says += f" (p {_p_text(p)})"
        rows.append((test, null, alternative, float(statistic), float(p), method, says))
    lower, upper = bounds.lower[row], bounds.upper[row]
    rows.append(
        (
            "practical saturation",
            f"the {found.factor:g}-fold gain is at least {m}",
            f"it is less than {m}",
            float(upper),
            np.nan,
            f"one-sided {bounds.method}",
            f"gain {interval_text(bounds.estimate[row], lower, upper)}, each bound one-sided 95 %; "
            f"margin {m}",
        )
    )
    columns = ["test", "null", "alternative", "statistic", "p", "method", "says"]
    return pd.DataFrame(rows, columns=columns)


def _p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.2g}"
