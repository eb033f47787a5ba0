"""What the tests measure: told once, printed, held to its bar, and kept where that is asked for.

A test that takes the fixture ``measured`` tells it every number that a row of docs/validation.md is
about. All of them are told before the test fails for those that miss their bars. With
``--measured DIR`` they are rows of ``DIR/<row>.csv``, from which docs/make_validation.py makes
tables.
"""

from __future__ import annotations

import csv
import re
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from math import inf, nan, sqrt
from pathlib import Path

import numpy as np
import pytest


@dataclass(frozen=True)
class Measurement:
    """One number: the row it belongs to, where and what it is, and how far it may be.

    ``error`` is its Monte-Carlo standard error. A value may be beyond its bars by ``slack``.
    """

    row: str
    cell: str
    quantity: str
    value: float
    error: float = nan
    replicates: int = 1
    low: float = -inf
    high: float = inf
    slack: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.row} {self.cell}: {self.quantity} {self.value:.5g} +- {self.error:.2g}"
            f"  [{self.low:.5g}, {self.high:.5g}]"
        )

    @property
    def passes(self) -> bool:
        return self.low - self.slack <= self.value <= self.high + self.slack


class Measured:
    """The fixture: what one test has told so far."""

    def __init__(self, node: pytest.Item) -> None:
        self.node = node
        self.told: list[Measurement] = []

    def __call__(self, *args, **options) -> Measurement:
        """Tell a :class:`Measurement`."""
        one = Measurement(*args, **options)
        print(one)
        self.told.append(one)
        self.node.user_properties.append(("measured", as_text(one)))
        return one

    def rate(self, row, cell, quantity, hits, low=-inf, high=inf, *, errors=0.0) -> Measurement:
        """Tell the share of ``hits``, which may miss its bars by some Monte-Carlo errors."""
        p, error = rate(hits)
        return self(row, cell, quantity, p, error, len(hits), low, high, errors * error)

    def judge(self) -> None:
        """Fail for all that misses its bars."""
        missed = [str(one) for one in self.told if not one.passes]
        assert not missed, "beyond the bars:\n" + "\n".join(missed)


def rate(hits: np.ndarray) -> tuple[float, float]:
    """Return the mean of a boolean array and its Monte-Carlo standard error."""
    p = float(np.mean(hits))
    return p, sqrt(max(p * (1 - p), 1e-12) / len(hits))


def as_text(one: Measurement) -> dict[str, str]:
    """Return a row of a file: digits that the Monte-Carlo error leaves, nothing for no bar."""
    digits = {"value": ".5g", "error": ".2g"}
    return {
        name: (format(float(value), digits.get(name, ".6g")) if np.isfinite(value) else "")
        if isinstance(value, int | float)
        else value
        for name, value in asdict(one).items()
    }


COLUMNS = ["test", *(field.name for field in fields(Measurement) if field.name != "row"), "date"]


def store(folder: Path, test: str, told: list[dict[str, str]]) -> None:
    """Put what a test has told in the files of its rows, in place of what was there of it.

    That is what this very test had told, and what others had told of the same cells: its version
    with fewer replicates.
    """
    folder.mkdir(parents=True, exist_ok=True)
    today = datetime.now(UTC).date().isoformat()
    for row in {one["row"] for one in told}:
        new = [one | {"test": test, "date": today} for one in told if one["row"] == row]
        now_told = {(one["cell"], one["quantity"]) for one in new}
        assert len(now_told) == len(new), f"{test} tells the same of {row} twice"
        path = folder / f"{row}.csv"
        kept = [
            old
            for old in read(path)
            if old["test"] != test and (old["cell"], old["quantity"]) not in now_told
        ]
        with path.open("w", encoding="utf-8", newline="") as file:
            lines = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
            lines.writeheader()
            lines.writerows(sorted(kept + new, key=lambda one: natural(one["test"])))


def read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def natural(text: str) -> list[tuple[str, int]]:
    """Return what sorts text with its numbers by size."""
    return [(words, int(digits or 0)) for words, digits in re.findall(r"(\D*)(\d*)", text)]


class Kept:
    """The plugin behind ``--measured``: all workers report to one process, which writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = [value for name, value in report.user_properties if name == "measured"]
        if report.when == "call" and told:
            store(self.folder, report.nodeid.removeprefix("tests/"), told)
