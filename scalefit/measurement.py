"""What a reader should know of the errors: those given, those shared, those alike."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ._format import counted, number
from .estimate import Estimate
from .findings import Finding

__all__ = ["BIRGE", "birge_ratio", "error_findings"]

#: Birge ratio above which given standard errors are called too small.
BIRGE = 1.5
#: Independent runs that rows must tell as much as; below, intervals fell short in simulation.
_FEW_RUNS = 3


def birge_ratio(estimate: Estimate) -> float:
    """Return how much larger the residuals of a single curve are than their given errors.

    The root mean square of ``(score - curve) / se`` with the residual degrees of freedom (Birge
    1932, doi:10.1103/PhysRev.40.207): 1 if the standard errors are right.
    """
    sample = estimate.sample
    standard = (sample.runs[0] - estimate.fitted()[0][:, None]) / sample.run_error[0]
    df = max(float(sample.n[0]) - estimate.law.n_params, 1.0)
    return float(np.sqrt(np.nansum(standard**2) / df))


def error_findings(estimate: Estimate) -> Iterator[Finding]:
    """Yield what the error model of a single fitted curve makes worth knowing."""
    yield from _given(estimate)
    yield from _shared(estimate)
    yield from _alike(estimate)


def _given(estimate: Estimate) -> Iterator[Finding]:
    extra = float(estimate.sample.errors.extra_variance[0])
    if np.isnan(extra):
        return
    ratio = birge_ratio(estimate)
    evidence = f"Birge ratio {number(ratio)}, further standard deviation {number(extra**0.5)}"
    if ratio > BIRGE:
        yield Finding(
            "errors_too_small", "warn", "the standard errors are too small for the scatter",
            evidence, "the further variance allows for it; ask what the errors leave out",
        )  # fmt: skip
    elif extra == 0:
        yield Finding(
            "errors_suffice", "note",
            "the scatter is no larger than the standard errors: intervals take them as known "
            "(normal quantile)",
            evidence, "check that they are errors of independent rows, not of shared test items",
        )  # fmt: skip


def _shared(estimate: Estimate) -> Iterator[Finding]:
    sample, errors = estimate.sample, estimate.sample.errors
    common, df = float(errors.common_variance[0]), float(errors.common_df[0])
    if common <= 0:
        return
    run = float(np.sqrt(estimate.scale[0][0]))
    yield Finding(
        "shared_error", "note", "part of the error shifts all scores alike",
        f"its standard deviation is {number(common**0.5)}, that of a run about the curve "
        f"{number(run)}",
        "it is in intervals for scores and asymptotes, and cancels from gains",
    )  # fmt: skip
    if np.isinf(df) and sample.pure_df[0] == 0:
        yield Finding(
            "item_noise_only", "warn",
            "without replicates the draw of the items is a lower bound of the noise of a score",
            f"{int(sample.n[0])} runs at {int(sample.n_sizes[0])} sizes", "run more seeds",
        )  # fmt: skip


def _alike(estimate: Estimate) -> Iterator[Finding]:
    sample = estimate.sample
    effective = float(sample.errors.n_effective[0])
    if np.isnan(effective):
        return
    runs = int(sample.unit[0].max(initial=-1)) + 1
    rows = int(sample.n[0])
    evidence = f"{rows} rows of {counted(runs, 'run')} tell as much as {effective:.3g} runs"
    yield Finding(
        "correlated_rows", "note",
        "rows of one run are alike: intervals allow for it" if runs > 1
        else "rows without replicates count as checkpoints of one run: intervals allow for it",
        evidence,
        "tests of scaling take rows as independent; judge by the intervals" if runs > 1
        else "name the runs by run=, or say noise='gaussian' if rows are independent runs",
    )  # fmt: skip
    if effective < _FEW_RUNS:
        yield Finding(
            "few_training_runs", "warn",
            "rows so much alike hardly tell noise that lasts from the curve itself",
            evidence, "train more runs: intervals may cover less than they say",
        )  # fmt: skip
