"""Errors where none are asked for, settled curve by curve: of single runs, or rows of one run."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..findings import Finding
from ..sample import Sample
from ..table import Table
from .autoregressive import MIN_ROWS, Autoregressive, one_run, units
from .gaussian import Gaussian, Variance
from .likelihoods import Student, usual_margin

__all__ = ["Usual", "telling_of_losses", "usual_noise"]

_NORMAL_LOSS = Finding(
    "loss_beside_scores", "warn",
    "a loss beside other scores has normal errors, not those of its log",
    mend="fit the losses alone (--filter in the shell), or name noise= for all",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Usual:
    """The usual errors of a table in which some curves count as one run, and others do not.

    Curves without replicates at twelve sizes or more have rows that are alike, as
    :class:`~scalefit.noise.Autoregressive` has them, all others errors of single runs. So a curve
    is fitted as it is alone, whatever stands beside it, if all of them are losses or none is.

    Examples
    --------
    >>> Usual().name
    'usual'
    """

    @property
    def name(self) -> str:
        """Name in reports; as an argument it is ``noise=None``."""
        return "usual"

    @property
    def variance(self) -> Variance:
        """How the variance may change with size."""
        return "auto"

    @property
    def roles(self) -> frozenset[str]:
        """Roles of further columns that this error model makes use of."""
        return frozenset()

    @property
    def words(self) -> str:
        """The errors in words."""
        return (
            "Student-t on the log scale for losses and normal for scores; in curves without "
            f"replicates at {MIN_ROWS} sizes or more correlated along log size as in a first-order "
            "autoregression, which was estimated from the residuals"
        )

    def weigh(self, sample: Sample) -> Sample:
        """Return the sample with the weights, and the kernel, of this error model."""
        found = usual_margin(sample).weigh(sample)
        errors = replace(found.errors, correlation=np.where(one_run(sample), 0.0, np.nan))
        return replace(found, unit=units(sample), errors=errors)


def usual_noise(
    sample: Sample, variance: Variance = "auto"
) -> Autoregressive | Gaussian | Student | Usual:
    """Return the error model of a sample where none is asked for.

    That of :func:`~scalefit.noise.likelihoods.usual_margin`; with one driver and curves long enough
    to be checkpoints of a run, their correlation as well.
    """
    alone = one_run(sample)
    if variance != "auto" or sample.frame.other or not alone.any():
        return usual_margin(sample, variance)
    return Autoregressive() if alone.all() else Usual()


def telling_of_losses(table: Table, sample: Sample, asked: bool) -> Table:
    """Return the table with a finding on each loss that has normal errors, which nobody asked for.

    All curves of a batch have errors on one scale: that of logs only if each of them is a loss.
    """
    loss = sample.losses
    told = loss & (not asked and not loss.all() and {"se", "items"}.isdisjoint(table.roles))
    evidence = f"{int(loss.sum())} of {len(loss)} curves are positive losses"
    new = [replace(_NORMAL_LOSS, evidence=evidence)]
    own = [
        (*(each for each in found if each.code != _NORMAL_LOSS.code), *(new if tell else []))
        for found, tell in zip(table.group_findings, told, strict=True)
    ]
    return replace(table, group_findings=tuple(own))
