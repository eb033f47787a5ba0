"""Which version of its test a measurement is of: the complete one, or a fast one with less of it.

A child collects the tests, since their ids do not tell their marks.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
#: Marks of the cases of the complete validation. A test without any has one version only.
COMPLETE = {"slow", "complete"}


@cache
def versions() -> dict[str, str]:
    """Return the version of every test case, by its id below ``tests``."""
    child = subprocess.run([sys.executable, __file__], cwd=ROOT, check=True, capture_output=True)
    marked: dict[str, bool] = json.loads(child.stdout.splitlines()[-1])
    both = {function(name) for name, complete in marked.items() if complete}
    return {
        name: "complete" if complete or function(name) not in both else "fast"
        for name, complete in marked.items()
    }


def function(name: str) -> str:
    """Return the id of a test without its parameters."""
    return name.partition("[")[0]


class Marked:
    """A plugin that keeps the id of every case, and whether the complete validation has it."""

    def __init__(self) -> None:
        self.cases: dict[str, bool] = {}

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Keep one case, whether it is deselected later or not."""
        marks = {mark.name for mark in item.iter_markers()}
        self.cases[item.nodeid.removeprefix("tests/")] = bool(marks & COMPLETE)


if __name__ == "__main__":
    found = Marked()
    code = pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider", "tests"], [found])
    sys.stdout.write(f"\n{json.dumps(found.cases)}\n")
    sys.exit(code)
