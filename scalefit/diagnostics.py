"""What a reader should know before believing a fit: findings with stable codes and mends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._format import number, size_text
from .convergence import draw_findings
from .estimands import Parameter
from .estimate import Estimate
from .findings import Finding
from .inference import Posterior, profile
from .measurement import error_findings
from .results import gate_text, residuals
from .saturation import MIN_DECADES, MIN_DF, Assessment
from .selection import MIN_SIZES, Candidates
from .table import Table

__all__ = ["diagnose"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Case:
    """One curve with everything a check may look at."""

    table: Table
    candidates: Candidates
    assessment: Assessment
    level: float


def diagnose(
    table: Table, candidates: Candidates, assessment: Assessment, level: float
) -> list[Finding]:
    """Return the findings on a single curve: those of its table, then those of its fit."""
    case = _Case(table, candidates, assessment, level)
    found = [*table.findings, *(f for part in table.group_findings for f in part)]
    for check in _CHECKS:
        found.extend(check(case))
    return found or [Finding("all_clear", "ok", "nothing to report")]


def _design(case: _Case) -> Iterator[Finding]:
    sample = case.candidates.sample
    sizes = sample.x[0, sample.count[0] > 0]
    count, decades = sizes.size, float(sample.decades[0])
    wider = "add runs at sizes a decade smaller or larger"
    if count < MIN_SIZES:
        yield Finding(
            "too_few_sizes", "refuse", "too few distinct sizes for any law that levels off",
            f"{count} sizes; {MIN_SIZES} are needed", "add runs at other sizes",
        )  # fmt: skip
    elif count < 6:
        yield Finding(
            "few_sizes", "warn", "few distinct sizes: the shape rests on each of them",
            f"{count} sizes; 6 or more are better", "add runs at other sizes",
        )  # fmt: skip
    if count > 1 and decades < MIN_DECADES * (1 - 1e-12):
        yield Finding(
            "narrow_range", "refuse", "the sizes span too little for an exponent",
            f"{decades:.2g} decades; 1 is needed", wider,
        )  # fmt: skip
    elif count > 1 and decades < 1.5:
        yield Finding(
            "short_range", "warn", "the sizes span little for an exponent",
            f"{decades:.2g} decades; 1.5 or more are better", wider,
        )  # fmt: skip
    if sample.n[0] - 3 < MIN_DF:
        yield Finding(
            "few_runs", "refuse", "too few runs for three parameters and their noise",
            f"{int(sample.n[0])} runs", "add seeds or sizes",
        )  # fmt: skip
    top = np.count_nonzero(sizes >= sizes.max() / 10 * (1 - 1e-12))
    if count >= MIN_SIZES and decades >= 1.2 and top > 0.6 * count:
        yield Finding(
            "crowded_top", "warn", "the exponent rests on the smallest sizes",
            f"{top} of {count} sizes lie within the top decade", "space sizes evenly in log size",
        )  # fmt: skip
    if sample.pure_df[0] == 0:
        yield Finding(
            "no_replicates", "warn",
            "one run a size: lack of fit cannot be tested, and no verdict is firm",
            f"{int(sample.n[0])} runs at {count} sizes", "run more seeds",
        )  # fmt: skip


def _noise(case: _Case) -> Iterator[Finding]:
    sample = case.candidates.sample
    df = sample.count[0] - 1
    several = df > 0
    sd = np.sqrt(sample.spread[0][several] / df[several])
    if sample.pure_df[0] > 0 and sample.pure_ss[0] == 0:
        yield Finding(
            "no_noise", "warn", "runs of one size never differ: intervals mean little",
            "standard deviation 0 at every size", "check that seeds are different runs",
        )  # fmt: skip
    elif sd.size > 1 and sd.max() > 4 * max(sd.min(), 1e-300):
        yield Finding(
            "uneven_noise", "note", "the noise changes with size",
            f"standard deviations from {number(sd.min())} to {number(sd.max())}; variance function "
            f"exponent {number(float(sample.variance_slope[0]))}",
            "variance='auto' allows for it",
        )  # fmt: skip
    elif sample.pure_df[0] == 0 and _chosen(case).total_ss[0] <= 1e-20 * np.sum(
        sample.mean[0] ** 2
    ):
        yield Finding(
            "no_noise", "warn", "the law passes through every point: intervals have no width",
            "residuals are zero to rounding", "use measured scores",
        )  # fmt: skip


def _outliers(case: _Case) -> Iterator[Finding]:
    table, rows = case.table, case.table.rows
    x = rows[table.drivers[0]].to_numpy(dtype=float)
    y = rows[table.score].to_numpy(dtype=float)
    _, standard = residuals(_chosen(case), x, y)
    centre = float(np.median(standard))
    spread = 1.4826 * float(np.median(np.abs(standard - centre)))
    far = np.flatnonzero(np.abs(standard - centre) > max(5 * spread, 1e-12))
    if spread > 0 and len(far) and len(y) >= 6:
        named = ", ".join(
            f"row {int(rows['_row'].iloc[i])} ({size_text(x[i])}: {number(y[i])})" for i in far[:5]
        )
        more = f" and {len(far) - 5} more" if len(far) > 5 else ""
        yield Finding(
            "outlying_runs", "warn", "runs lie more than 5 robust standard deviations off",
            named + more, "check these runs, and fit again without them",
        )  # fmt: skip


def _law(case: _Case) -> Iterator[Finding]:
    chosen, sample = _chosen(case), case.candidates.sample
    p = float(case.assessment.lack_of_fit[1][0])
    enough = sample.n_sizes[0] >= MIN_SIZES
    spanning = case.candidates.spanning()
    if not chosen.within_gate[0]:
        yield Finding(
            "below_gate", "refuse", f"{chosen.law.name} asks for more than these sizes can tell",
            gate_text(chosen), "let law='auto' choose, or add sizes",
        )  # fmt: skip
    elif enough and not spanning.surviving.any():
        yield Finding(
            "no_law_fits", "refuse", "no law fits the sizes' means", f"lack of fit p = {p:.2g}",
            "look at the plot: a break, a mixture of curves, or a wrong grouping",
        )  # fmt: skip
    elif enough and not spanning.surviving[spanning.chosen[0], 0]:
        yield Finding(
            "law_rejected", "warn", f"{chosen.law.name} misses the sizes' means",
            _misfit_text(p), "let law='auto' choose, or look at the residuals",
        )  # fmt: skip
    elif p < 0.05:
        yield Finding(
            "lack_of_fit", "warn", f"{chosen.law.name} may miss the sizes' means",
            f"lack of fit p = {p:.2g}; intervals use the misfit's mean square where it is larger",
            "look at the residuals by size",
        )  # fmt: skip
    if chosen.flat[0]:
        yield Finding(
            "flat", "note", "no gain with size: exponent and asymptote are not identified",
            "the best rising curve is a constant", "read the gain and its bounds",
        )  # fmt: skip
    if enough and case.assessment.gate.wrong_way_p[0] < 0.05:
        yield Finding(
            "inverse_scaling", "warn", "the score gets worse with size",
            f"trend t = {number(float(case.assessment.gate.trend[0]))}, "
            f"p = {float(case.assessment.gate.wrong_way_p[0]):.2g}",
            "if lower is better say better='lower'; else this is inverse scaling",
        )  # fmt: skip
    if chosen.solution.n_basins[0] > 1 and chosen.solution.runner_up[0] < 1.01:
        yield Finding(
            "several_minima", "warn", "two different curves of the law fit equally well",
            f"the second best objective is {float(chosen.solution.runner_up[0]):.4g} of the best",
            "read the union over laws, or add sizes",
        )  # fmt: skip


def _misfit_text(p: float) -> str:
    if np.isnan(p):
        return "its residuals are larger than another law's (F ratio p < 0.01)"
    return f"lack of fit p = {p:.2g}"


def _identification(case: _Case) -> Iterator[Finding]:
    chosen = _chosen(case)
    if chosen.flat[0] or not chosen.applicable[0]:
        return
    ask = profile if chosen.draws is None else Posterior()
    for parameter in chosen.law.parameters:
        if parameter.role not in ("exponent", "level", "size"):
            continue
        found = ask(chosen, Parameter(parameter.name), case.level)[0]
        if found.identified:
            if parameter.name == "exponent" and found.upper < 0:
                yield Finding(
                    "accelerating", "warn", "the gain per doubling grows with size",
                    f"exponent {found}", "do not extrapolate by a power law; see law='hill'",
                )  # fmt: skip
            continue
        if np.isinf(found.lower) and np.isinf(found.upper):
            text = f"the {parameter.name} is not identified"
        else:
            text = f"the {parameter.name} is bounded on one side only"
        yield Finding(
            f"open_{parameter.name}", "warn", text, str(found),
            "report the gain, which is identified, or widen the sizes",
        )  # fmt: skip


def _extrapolation(case: _Case) -> Iterator[Finding]:
    sample, found = case.candidates.sample, case.assessment
    span = float(sample.frame.z_max[0] - sample.frame.z_min[0])
    if span <= 0:
        return
    reach = float(np.log(found.factor)) / span
    if reach > 0.25:
        yield Finding(
            "long_extrapolation", "warn" if reach > 1 else "note",
            "the gain is a forecast beyond the sizes that were run",
            f"{found.factor:g} times the largest size is {100 * reach:.0f} % of the log range",
            "trust it as far as the law; run a larger size to check",
        )  # fmt: skip
    metric = case.table.metrics[0]
    best = metric.upper if metric.sign > 0 else metric.lower
    top = float(
        _chosen(case).fitted()[0].max() if metric.sign > 0 else _chosen(case).fitted()[0].min()
    )
    if np.isfinite(best) and found.gain.estimate[0] > abs(best - top):
        yield Finding(
            "beyond_bound", "warn", f"the curve passes the metric's bound of {best:g}",
            f"gain {number(float(found.gain.estimate[0]))}, room {number(abs(best - top))}",
            "predictions are cut at the bound; see law='power' or 'hill'",
        )  # fmt: skip


def _stability(case: _Case) -> Iterator[Finding]:
    found = case.assessment
    if np.isfinite(found.influential[0]):
        yield Finding(
            "influential_size", "warn",
            f"without size {size_text(float(found.influential[0]))} the gain moves by more than "
            "half the width of its interval",
            f"gain {found.gain[0]}", "add sizes near it",
        )  # fmt: skip
    if np.isfinite(found.flipped_by[0]):
        yield Finding(
            "verdict_flips", "warn",
            f"without size {size_text(float(found.flipped_by[0]))} the verdict turns round",
            f"verdict {found.verdict[0]}", "add runs near that size",
        )  # fmt: skip
    if found.disagreeing[0] and found.verdict[0] != "inconclusive":
        yield Finding(
            "laws_disagree", "note", "not every law that fits gives this verdict",
            f"{found.disagreeing[0]}", "read the gain whichever law is true; widen the sizes",
        )  # fmt: skip


def _chosen(case: _Case) -> Estimate:
    return case.candidates.estimates[int(case.candidates.chosen[0])]


def _measurement(case: _Case) -> Iterator[Finding]:
    yield from error_findings(_chosen(case))


def _draws(case: _Case) -> Iterator[Finding]:
    yield from draw_findings(_chosen(case))


_CHECKS = (
    _design,
    _noise,
    _measurement,
    _draws,
    _outliers,
    _law,
    _identification,
    _extrapolation,
    _stability,
)
