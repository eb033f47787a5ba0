"""What a table cannot answer: every reason to withhold a verdict and its forecasts, in one list.

The first reason that holds is the verdict's. A reason that is ``forcible`` withholds numbers that
exist: they are shown on request, and the verdict stays inconclusive. Behind the others there is no
number.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._format import number
from .estimate import Estimate
from .findings import Finding
from .laws import containing, get_law
from .results import gate_text
from .sample import Sample
from .selection import MAIN, MIN_SIZES, REJECT, Candidates, has_best, signed_root

__all__ = [
    "ACCELERATING",
    "MIN_DECADES",
    "MIN_DF",
    "REFUSALS",
    "Grounds",
    "condition",
    "curvature",
    "refusal_findings",
    "refusals_of_forecasts",
    "refused_codes",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MIN_DECADES = 1.0
#: Runs that must be left over by the parameters of a law that levels off.
MIN_DF = 3
#: Condition number of the tangent beyond which its directions are rounding.
WORST_CONDITION = 1e6
#: Tail of the test that an exponent is below zero: that of its two-sided 95 % interval.
ACCELERATING = 0.975


@dataclass(frozen=True, slots=True)
class Grounds:
    """What is known of G curves when an answer is given or refused.

    Parameters
    ----------
    candidates : Candidates
        The chosen laws, and those beside them.
    curvature_p : array (G,)
        Of "doublings gain ever less"; see :func:`curvature`.
    distance : float or array (G,)
        How far beyond the largest size the question goes: log of the ratio over the log range.
    reach : float or array (G,)
        The distance up to which forecasts are given.
    along : array (D,) of bool, optional
        Of several drivers: those beyond whose sizes the question goes; all by default.
    drivers : tuple of str
        Their names, of several; what is said of the sizes then says of whose.
    """

    candidates: Candidates
    curvature_p: Floats
    distance: Floats | float
    reach: Floats | float
    along: Bools | bool = True
    drivers: tuple[str, ...] = ()

    def chosen(self, values: Callable[[Estimate], NDArray[Any]]) -> NDArray[Any]:
        """Return what ``values`` says of each curve's chosen law, ``(G,)``."""
        estimates, chosen = self.candidates.estimates, self.candidates.chosen
        used = np.unique(chosen)
        if used.size == 1:
            return values(estimates[used[0]])
        rows = [np.flatnonzero(chosen == i) for i in used]
        parts = [values(estimates[i].take(mine)) for i, mine in zip(used, rows, strict=True)]
        found: NDArray[Any] = np.concatenate(parts)[np.argsort(np.concatenate(rows))]
        return found

    @property
    def sample(self) -> Sample:
        """The data, reduced to sizes."""
        return self.candidates.sample

    @property
    def fits(self) -> Bools:
        """Where the chosen law is not rejected beside the others; ``(G,)``."""
        judging = self.candidates.judging()
        return np.asarray(judging.surviving[judging.chosen, np.arange(len(judging))])

    @property
    def some_law_fits(self) -> Bools:
        """Where some law is not rejected; ``(G,)``."""
        fits = self.fits
        return fits if fits.all() else np.any(self.candidates.spanning().surviving, axis=0)

    @property
    def usual(self) -> str:
        """Name of the law that levels off, of as many drivers as there are."""
        return MAIN[len(self.sample.frame.drivers)]

    @property
    def law(self) -> str:
        """Name of the chosen law of a single curve."""
        return self.candidates.law(0).name

    def fewest(self, of_each: Floats) -> Floats:
        """Return the least of what is known of each driver ``(G, D)`` over those in question."""
        least: Floats = np.where(self.along, of_each, np.inf).min(axis=1)
        return least

    def fewest_text(self, of_each: Floats, digits: int, unit: str) -> str:
        """Return the least of a single curve in words, and of which driver it is."""
        known = np.where(self.along, of_each, np.inf)[0]
        least = f"{known.min():.{digits}g} {unit}"
        return f"{least} of {self.drivers[int(known.argmin())]}" if self.drivers else least

    @property
    def those_that_fit(self) -> str:
        """Names of the laws that a single curve does not reject, and whether they are shown."""
        known = [item.law.name for item in self.candidates.estimates]
        span = self.candidates.spanning()
        names = [
            item.law.name for item, fits in zip(span.estimates, span.surviving, strict=True)
            if fits[0]
        ]  # fmt: skip
        shown = set(names) <= set(known)
        fit = "fits" if len(names) == 1 else "fit"
        return f"{'' if shown else 'beside the laws tried, '}{' and '.join(names)} {fit}"

    @property
    def lack_of_fit(self) -> str:
        """How badly the chosen law of a single curve fits, in words."""
        p = float(self.chosen(lambda each: each.lack_of_fit[1])[0])
        if p >= REJECT:
            for name in containing(self.candidates.law(0)):
                wider = float(self.candidates.judging().estimate_of(name).lack_of_fit[1][0])
                if wider < REJECT:
                    return f"lack of fit of {name}, which contains it, p = {wider:.2g}"
        if np.isnan(p):
            return "its residuals are larger than another law's (F ratio p < 0.01)"
        return f"lack of fit p = {p:.2g}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason to withhold an answer.

    Parameters
    ----------
    code : str
        Stable name.
    reason : str
        One sentence, without a full stop.
    mend : str
        What the reader can do.
    forcible : bool
        Whether the numbers that are withheld exist, and can be shown.
    holds : callable
        From the grounds to the curves ``(G,)`` for which it holds.
    evidence : callable
        The numbers behind it, for the grounds of a single curve.
    of_law : bool
        Whether it is about the law that is reported, on which pooled forecasts do not rest.
    """

    code: str
    reason: str
    mend: str
    forcible: bool
    holds: Callable[[Grounds], Bools]
    evidence: Callable[[Grounds], str]
    of_law: bool = False


def refused_codes(grounds: Grounds, pooled: bool = False) -> NDArray[Any]:
    """Return the code of the first refusal that holds for each curve; "" where none does.

    A forecast that is ``pooled`` over several laws is not refused for what ails one of them.
    """
    told = {code: each for code, each in REFUSALS.items() if not (pooled and each.of_law)}
    return np.select([each.holds(grounds) for each in told.values()], list(told), default="")


def refusal_findings(grounds: Grounds, codes: Collection[str] | None = None) -> Iterator[Finding]:
    """Yield every refusal of a single curve, or those of some codes, as a finding."""
    for code, refusal in REFUSALS.items():
        if (codes is None or code in codes) and refusal.holds(grounds)[0]:
            anyway = "; force=True shows the numbers anyway" if refusal.forcible else ""
            yield Finding(
                code, "refuse", refusal.reason, refusal.evidence(grounds),
                refusal.mend + anyway,
            )  # fmt: skip


def refusals_of_forecasts(
    grounds: Grounds, distance: Floats, force: bool, pooled: bool = False
) -> list[str]:
    """Return why a single curve has no forecast at each distance beyond it; "" where it has one.

    At distances of zero or less, where nothing is foretold, there is always an answer. Of several
    drivers it is said which one lacks what, and what to do.
    """
    own = str(refused_codes(replace(grounds, distance=0.0), pooled)[0])
    far = distance > np.asarray(grounds.reach) * (1 + 1e-9)
    codes = np.where(distance > 0, np.where(far & (own == ""), "too_far", own), "")
    allowed = [code for code, each in REFUSALS.items() if force and each.forcible]
    reasons = {code: each.reason for code, each in REFUSALS.items() if code not in allowed}
    if grounds.drivers and own in reasons:
        lacking = REFUSALS[own]
        reasons[own] += f" ({lacking.evidence(grounds)}); {lacking.mend}"
    return [reasons.get(code, "") for code in codes.tolist()]


def curvature(candidates: Candidates) -> tuple[Floats, Floats]:
    """Test the log law against a law that bends towards a plateau; a p near 1 means upwards."""
    wide = candidates.judging().estimate_of("saturating_power")
    null = candidates.estimate_of("log_linear")
    exponent = np.where(wide.flat, 0.0, wide.theta[:, 0])
    return signed_root(null, wide, np.sign(np.nan_to_num(exponent)))


def condition(estimate: Estimate) -> Floats:
    """Return how nearly the directions in which a curve can bend coincide, ``(G,)``.

    The condition number of the weighted derivatives of the curve by its parameters, scaled to unit
    length, with the level projected out (Belsley, Kuh & Welsch 1980). Shapes on their bounds are
    not free, and left out; 1 where fewer than two directions remain, and for functions, whose
    parameters are the user's.
    """
    if estimate.law.guesses:
        return np.ones(len(estimate))
    root = np.sqrt(estimate.information)[:, :, None]
    level = root / np.sqrt(np.maximum((root**2).sum(axis=1, keepdims=True), 1e-300))
    columns = root * estimate.tangent()
    size = np.sqrt((columns**2).sum(axis=1))
    columns = columns - level * (level * columns).sum(axis=1, keepdims=True)
    left = np.sqrt((columns**2).sum(axis=1))
    free = left > 1e-9 * np.maximum(size, 1e-300)
    if estimate.law.shapes:
        free[:, -len(estimate.law.shapes) :] &= estimate.solution.at_bound == 0
    unit = columns / np.where(left > 0, left, 1.0)[:, None, :]
    worst = np.ones(len(estimate))
    for pattern in np.unique(free, axis=0):
        if pattern.sum() < 2:
            continue
        rows = np.flatnonzero((free == pattern).all(axis=1))
        values = np.linalg.svd(unit[rows][:, :, pattern], compute_uv=False)
        worst[rows] = values[:, 0] / np.maximum(values[:, -1], 1e-16)
    return worst


def _enough(grounds: Grounds) -> Bools:
    """Return where there are sizes enough for a law, and the one that was asked for may be used."""
    sizes = grounds.fewest(grounds.sample.levels) >= MIN_SIZES
    return np.asarray(sizes & grounds.chosen(lambda each: each.within_gate))


def _no_scatter(grounds: Grounds) -> Bools:
    sample = grounds.sample
    seen = sample.count > 0
    top = np.where(seen, sample.mean, -np.inf).max(axis=1)
    rises = top > np.where(seen, sample.mean, np.inf).min(axis=1)
    return np.asarray((sample.n > sample.n_sizes) & ~sample.spread.any(axis=1) & rises)


def _ill_conditioned(grounds: Grounds) -> Bools:
    # A driver of few sizes has no exponent, which its gains do not need.
    several = bool(grounds.sample.frame.other)
    return np.asarray((grounds.chosen(condition) > WORST_CONDITION) & (not several))


def _accelerating(grounds: Grounds) -> Bools:
    powers = grounds.chosen(lambda each: np.full(len(each), each.law.name == "saturating_power"))
    return np.asarray(_enough(grounds) & powers & (grounds.curvature_p > ACCELERATING))


def _distance_text(grounds: Grounds) -> str:
    far, reach = np.max(grounds.distance), np.min(grounds.reach)
    return f"{far:.3g} log ranges beyond the largest size; forecasts held up to {reach:.3g}"


_LIST = (
    Refusal(
        "too_few_sizes", f"fewer than {MIN_SIZES} distinct sizes are too few to go beyond",
        "add runs at other sizes", False,
        lambda grounds: grounds.fewest(grounds.sample.levels) < MIN_SIZES,
        lambda grounds: grounds.fewest_text(grounds.sample.levels, 3, "sizes"),
    ),
    Refusal(
        "narrow_range", "the sizes span less than one decade, too little for an exponent",
        "add runs at sizes a decade smaller or larger", True,
        lambda grounds: (
            grounds.fewest(grounds.sample.decades_of_each) < MIN_DECADES * (1 - 1e-12)
        ),
        lambda grounds: grounds.fewest_text(grounds.sample.decades_of_each, 2, "decades"),
    ),
    Refusal(
        "few_runs", f"fewer than {MIN_DF} runs more than parameters", "add seeds or sizes", True,
        lambda grounds: (
            grounds.sample.n - get_law(grounds.usual).n_params < MIN_DF
        ),
        lambda grounds: f"{int(grounds.sample.n[0])} runs",
    ),
    Refusal(
        "no_scatter", "runs of one size never differ, so nothing tells how large the noise is",
        "check that seeds are different runs, and leave copies out", True,
        _no_scatter,
        lambda _: "standard deviation 0 at every size with several runs",
    ),
    Refusal(
        "below_gate", "the law that was asked for needs more sizes, or a wider range of them",
        "let law='auto' choose, or add sizes", False,
        lambda grounds: ~grounds.chosen(lambda each: each.within_gate),
        lambda grounds: gate_text(grounds.candidates.estimates[int(grounds.candidates.chosen[0])]),
        of_law=True,
    ),
    Refusal(
        "no_best", "the law that was asked for goes towards the best score, which is not known",
        "say it by bounds=, or let law='auto' choose", False,
        lambda grounds: ~grounds.chosen(has_best),
        lambda grounds: f"{grounds.law} of a score without a known bound",
        of_law=True,
    ),
    Refusal(
        "no_law_fits", "no law fits these sizes (lack of fit p < 0.01 for all)",
        "look at the plot: a break, a mixture of curves, or a wrong grouping", True,
        lambda grounds: _enough(grounds) & ~grounds.some_law_fits,
        lambda grounds: grounds.lack_of_fit,
        of_law=True,
    ),
    Refusal(
        "law_rejected", "the law that is reported does not fit these sizes, another one does",
        "if it was named, let law='auto' choose; if it was chosen, see the residuals, and name the "
        "one that fits by law=", True,
        lambda grounds: (
            _enough(grounds) & grounds.chosen(has_best)
            & grounds.some_law_fits & ~grounds.fits
        ),
        lambda grounds: f"{grounds.law}: {grounds.lack_of_fit}; {grounds.those_that_fit}",
        of_law=True,
    ),
    Refusal(
        "ill_conditioned", "two parameters of the law cannot be told apart at these sizes",
        "fit a law with fewer parameters, or widen the sizes", True,
        _ill_conditioned,
        lambda grounds: f"condition number {number(float(grounds.chosen(condition)[0]))}",
        of_law=True,
    ),
    Refusal(
        "accelerating", "the gain per doubling grows with size, so a power law foretells nothing",
        "see law='hill', or widen the sizes", True,
        _accelerating,
        lambda grounds: f"exponent below 0, p = {1 - float(grounds.curvature_p[0]):.2g}",
        of_law=True,
    ),
    Refusal(
        "too_far", "the question goes farther beyond the sizes than forecasts have been tested",
        "run larger sizes, or backtest as far: fit.backed_by(sf.backtest(fit, holdout=0.6))", True,
        lambda grounds: np.broadcast_to(
            np.asarray(grounds.distance) > np.asarray(grounds.reach) * (1 + 1e-9),
            (len(grounds.candidates),),
        ),
        _distance_text,
    ),
)  # fmt: skip
#: Every refusal by its code, the one that goes before others first.
REFUSALS = {refusal.code: refusal for refusal in _LIST}
