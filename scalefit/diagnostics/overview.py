"""Findings on many curves at once: those of their table, and those that their verdicts tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..findings import SEVERITIES, Finding
from ..refusals import REFUSALS
from ..saturation import Assessment
from ..selection import Candidates
from ..table import Table
from .forecast import OUT_OF_REACH, room
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
    curves = np.flatnonzero(found.out_of_reach)
    evidence = room(found, int(curves[0])) if curves.size else ""
    yield replace(OUT_OF_REACH, evidence=evidence), curves
    yield ACCELERATES, np.flatnonzero(accelerates(fitted, found.curvature[1]))
