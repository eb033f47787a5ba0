"""Findings on many curves at once: those of their table, and those that their verdicts tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..findings import SEVERITIES, Finding
from ..refusals import REFUSALS
from ..saturation import Assessment
from ..selection import Candidates
from ..table import Table
from .design import NO_REPLICATES, run_once, runs_and_sizes
from .forecast import OUT_OF_REACH, UNDECIDED_BY_LAW, room, undecided_by_law, whichever_law
from .shape import ACCELERATES, FALLS, accelerates, falls

__all__ = ["merged", "overview"]

Curves = NDArray[np.intp]


def overview(
    table: Table, labels: Sequence[str], fitted: Candidates, found: Assessment | None
) -> pd.DataFrame:
    """Return one row a finding, the gravest first.

    Columns: code, severity, message, evidence (of the first curve), mend, curves (how many it is
    about), first (of these, in words; empty where it is about the table).

    Parameters
    ----------
    table : Table
    labels : sequence of str
        The curves in words.
    fitted : Candidates
    found : Assessment or None
        What the verdicts rest on; None where there are none.
    """
    own = [(finding, np.array([i])) for i, part in enumerate(table.group_findings)
           for finding in part]  # fmt: skip
    judged = () if found is None else _of_verdicts(fitted, found)
    return merged(table.findings, (*own, *judged), labels)


def merged(
    whole: Iterable[Finding], own: Iterable[tuple[Finding, Curves]], labels: Sequence[str]
) -> pd.DataFrame:
    """Return one row a finding as :func:`overview` does: on the whole, and on some curves each."""
    rows = [{**asdict(finding), "curves": len(labels), "first": ""} for finding in whole]
    told: dict[tuple[str, str], tuple[Finding, set[int]]] = {}
    for finding, curves in own:
        alike = finding.code, finding.severity
        told.setdefault(alike, (finding, set()))[1].update(curves.tolist())
    rows += [
        {**asdict(finding), "curves": len(curves), "first": labels[min(curves)]}
        for finding, curves in told.values() if curves
    ]  # fmt: skip
    rows = [row for row in rows if row["severity"] != "ok"]
    rows.sort(key=lambda row: -SEVERITIES.index(row["severity"]))
    columns = [*(each.name for each in fields(Finding)), "curves", "first"]
    return pd.DataFrame(rows, columns=columns)


def _of_verdicts(fitted: Candidates, found: Assessment) -> Iterator[tuple[Finding, Curves]]:
    for code in np.unique(found.refusal[found.refused]).tolist():
        why = REFUSALS[code]
        refused = Finding(code, "refuse", why.reason, mend=why.mend)
        yield refused, np.flatnonzero(found.refusal == code)
    yield FALLS, np.flatnonzero(falls(fitted.sample, found.gate))
    yield ACCELERATES, np.flatnonzero(accelerates(fitted, found.curvature[1]))
    of_some: tuple[tuple[Finding, NDArray[np.bool_], Callable[[int], str]], ...] = (
        (OUT_OF_REACH, found.out_of_reach, partial(room, found)),
        (NO_REPLICATES, run_once(fitted.sample), partial(runs_and_sizes, fitted.sample)),
        (UNDECIDED_BY_LAW, undecided_by_law(found), partial(whichever_law, found)),
    )
    for finding, holds, evidence in of_some:
        curves = np.flatnonzero(holds)
        if curves.size:
            yield replace(finding, evidence=evidence(int(curves[0]))), curves
