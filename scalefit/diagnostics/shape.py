"""Checks of the law: does it fit, which of its parameters are known, do the methods agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .._format import interval_text, number
from ..estimands import Gain, Parameter
from ..findings import Finding
from ..gate import Gate
from ..inference import Bootstrap, Posterior, agreement, profile
from ..refusals import ACCELERATING
from ..sample import Sample
from ..selection import MIN_SIZES, Candidates
from .case import Case

__all__ = [
    "ACCELERATES", "FALLS", "accelerates", "agreement_of_methods", "falls", "identification",
    "minima", "misfit", "trend",
]  # fmt: skip

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FALLS = Finding(
    "inverse_scaling", "warn", "the score gets worse with size",
    mend="if lower is better say better='lower'; else this is inverse scaling",
)  # fmt: skip
ACCELERATES = Finding(
    "accelerating", "warn", "the gain per doubling grows with size",
    mend="the growth must end somewhere: run larger sizes before trusting a forecast",
)  # fmt: skip
#: With fewer, percentiles of a bootstrap are narrower than t by their nature.
_MIN_DF = 10


def falls(sample: Sample, gate: Gate) -> Bools:
    """Return the curves of which :data:`FALLS` holds, ``(G,)``."""
    return np.asarray((sample.n_sizes >= MIN_SIZES) & (gate.wrong_way_p < 0.05))


def accelerates(fitted: Candidates, curvature_p: Floats) -> Bools:
    """Return the curves of which :data:`ACCELERATES` holds, where another law is reported."""
    others = [fitted.law(row).name != "saturating_power" for row in range(len(fitted))]
    enough = fitted.sample.n_sizes >= MIN_SIZES  # with fewer p is a matter of rounding
    return np.asarray(others) & enough & (curvature_p > ACCELERATING)


def misfit(case: Case) -> Iterator[Finding]:
    """Yield whether the law misses the sizes' means, where it is not rejected for it."""
    chosen = case.chosen
    p = float(chosen.lack_of_fit[1][0])
    if p < 0.05 and case.grounds.fits[0]:
        yield Finding(
            "lack_of_fit", "warn", f"{chosen.law.name} may miss the sizes' means",
            f"lack of fit p = {p:.2g}; intervals use the misfit's mean square where it is larger",
            "look at the residuals by size",
        )  # fmt: skip


def trend(case: Case) -> Iterator[Finding]:
    """Yield whether the score does not improve with size, or gets worse."""
    gate = case.assessment.gate
    if case.chosen.flat[0]:
        yield Finding(
            "flat", "note", "no gain with size: exponent and asymptote are not identified",
            "the best rising curve is a constant", "read the gain and its bounds",
        )  # fmt: skip
    if falls(case.sample, gate)[0]:
        p = float(gate.wrong_way_p[0])
        yield replace(FALLS, evidence=f"trend t = {number(float(gate.trend[0]))}, p = {p:.2g}")


def minima(case: Case) -> Iterator[Finding]:
    """Yield whether two different curves of the law fit equally well, and not both exactly."""
    solution = case.chosen.solution
    if not case.chosen.exact[0] and solution.n_basins[0] > 1 and solution.runner_up[0] < 1.01:
        yield Finding(
            "several_minima", "warn", "two different curves of the law fit equally well",
            f"the second best objective is {float(solution.runner_up[0]):.4g} of the best",
            "read the union over laws, or add sizes",
        )  # fmt: skip


def identification(case: Case) -> Iterator[Finding]:
    """Yield the parameters whose profile is open, and an exponent below zero."""
    chosen = case.chosen
    if chosen.flat[0] or not chosen.applicable[0]:
        return
    ask = profile if chosen.draws is None else Posterior()
    for parameter in chosen.law.parameters:
        if parameter.role not in ("exponent", "level", "size"):
            continue
        found = ask(chosen, Parameter(parameter.name), case.level)[0]
        if found.identified:
            continue
        both = np.isinf(found.lower) and np.isinf(found.upper)
        text = "is not identified: no number is given" if both else "is bounded on one side only"
        yield Finding(
            f"open_{parameter.name}", "warn", f"the {parameter.name} {text}", str(found),
            "report the gain, or widen the sizes",
        )  # fmt: skip
    curvature_p = case.grounds.curvature_p
    if accelerates(case.candidates, curvature_p)[0]:
        p = float(1 - curvature_p[0])
        told = f"a power law would have an exponent below 0, p = {p:.2g}"
        yield replace(ACCELERATES, evidence=told)


def agreement_of_methods(case: Case) -> Iterator[Finding]:
    """Yield whether a bootstrap gives the gain an interval as wide as the profile does.

    Only where percentiles can be compared with t, and runs are independent.
    """
    chosen, sample = case.chosen, case.sample
    alone = np.isnan(sample.errors.correlation[0]) and sample.runs.shape[2] > 0
    alone &= chosen.draws is None
    alone &= sample.kernel is None or np.isinf(sample.kernel.domain[1])
    usable = chosen.applicable[0] and not (chosen.flat[0] or chosen.exact[0] or chosen.law.guesses)
    if not (alone and usable and chosen.residual_df[0] >= _MIN_DF):
        return
    # A likelihood takes a hundred times as long, and the widths of 199 draws are known to 7 %.
    draws = 999 if sample.kernel is None else 199
    found = agreement(chosen, Gain(10.0), case.level, Bootstrap(draws=draws, rng=case.seed))
    ratio = float(found.ratio[0])
    if np.isnan(ratio):
        return
    both = [
        f"{name} {interval_text(each.estimate, each.lower, each.upper)}"
        for name, each in (("bootstrap", found.bootstrap[0]), ("profile", found.profile[0]))
    ]
    evidence = f"{', '.join(both)}; ratio of widths {number(ratio)}"
    if found.disagree[0]:
        yield Finding(
            "methods_disagree", "warn", "bootstrap and profile intervals of the gain differ",
            evidence, "look at the residuals; the profile knows of lack of fit, the bootstrap not",
        )  # fmt: skip
    else:
        yield Finding(
            "methods_agree", "ok", "bootstrap and profile intervals of the gain agree", evidence
        )
