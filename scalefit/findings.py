"""A finding: one thing a reader of a result should know, with its evidence and its mend."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

import pandas as pd

__all__ = ["SEVERITIES", "Finding", "findings_frame"]

Severity = Literal["ok", "note", "warn", "refuse"]

#: From harmless to fatal. ``refuse`` means that the verdict is withheld.
SEVERITIES: tuple[Severity, ...] = ("ok", "note", "warn", "refuse")


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of a diagnostics table.

    Parameters
    ----------
    code : str
        Stable snake_case name, fit for a script to test.
    severity : {"ok", "note", "warn", "refuse"}
        ``refuse`` withholds the verdict.
    message : str
        One plain sentence.
    evidence : str
        The numbers behind the sentence.
    mend : str
        What the reader can do about it.
    """

    code: str
    severity: Severity
    message: str
    evidence: str = ""
    mend: str = ""


def findings_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return findings as a DataFrame, the gravest first, otherwise in the order given."""
    columns = ["code", "severity", "message", "evidence", "mend"]
    rows = sorted(findings, key=lambda finding: -SEVERITIES.index(finding.severity))
    return pd.DataFrame([asdict(row) for row in rows], columns=columns)
