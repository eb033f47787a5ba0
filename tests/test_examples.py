"""The scripts in examples/ run as a user would run them, in an empty folder, without a warning."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PNG = b"\x89PNG\r\n\x1a\n"


def run_example(name: str, folder: Path, *arguments: str) -> str:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "MPLBACKEND": "Agg",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / name), *arguments],
        capture_output=True, text=True, cwd=folder, env=environment, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_every_example_is_run_here():
    names = {path.name for path in EXAMPLES}
    assert names == {"custom_law.py", "denadel_saturation.py", "own_table.py"}


def test_denadel_saturation(tmp_path):
    said = run_example("denadel_saturation.py", tmp_path, "denadel.png")
    assert "25 curves:" in said
    assert "inconclusive" in said
    assert (tmp_path / "denadel.png").read_bytes().startswith(PNG)


def test_own_table(tmp_path):
    said = run_example("own_table.py", tmp_path)
    assert "saturating_power" in said
    assert "Ten times more cells" in said
    assert not list(tmp_path.iterdir()), "the table is written to a folder of its own"


def test_custom_law(tmp_path):
    said = run_example("custom_law.py", tmp_path)
    assert "b1" in said
    assert "b2" in said


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_say_what_they_show(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith('"""')
    assert first.rstrip('"').endswith(".")
