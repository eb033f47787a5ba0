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
    assert names == {
        "custom_law.py", "denadel_saturation.py", "do_single_cell_models_scale.py", "own_table.py",
        "plan_next_runs.py", "single_cell_information.py",
    }  # fmt: skip


def test_denadel_saturation(tmp_path):
    said = run_example("denadel_saturation.py", tmp_path, "denadel.png")
    assert "25 curves:" in said
    assert "inconclusive" in said
    assert (tmp_path / "denadel.png").read_bytes().startswith(PNG)


def test_do_single_cell_models_scale(tmp_path):
    said = run_example("do_single_cell_models_scale.py", tmp_path)
    assert "2 of 6 are inconclusive." in said
    assert "the 6 groups differ" in said
    assert "masked less contrastive" in said
    for name in ("gains.png", "curves.png", "ranks.png"):
        assert (tmp_path / name).read_bytes().startswith(PNG)


def test_own_table(tmp_path):
    said = run_example("own_table.py", tmp_path)
    assert "saturating_power" in said
    assert "Ten times more cells" in said
    assert not list(tmp_path.iterdir()), "the table is written to a folder of its own"


def test_plan_next_runs(tmp_path):
    said = run_example("plan_next_runs.py", tmp_path, "plan.png")
    assert "inconclusive (provisional)" in said
    assert "whichever surviving law is true" in said
    assert "right verdict" in said
    assert (tmp_path / "plan.png").read_bytes().startswith(PNG)


def test_custom_law(tmp_path):
    said = run_example("custom_law.py", tmp_path)
    assert "b1" in said
    assert "b2" in said


def test_single_cell_information(tmp_path):
    """One group that levels off, and one that does not."""
    lines = ["dataset,model,task,quality,cells,seed,score"]
    for i, cells in enumerate(100 * 4**k for k in range(7)):
        for seed, wiggle in enumerate((0.004, -0.004)):
            level, slow = 1.5 - (cells / 20) ** -0.6, 0.1 * i
            lines.append(f"PBMC,PCA,type,1.0,{cells},{seed},{level + wiggle}")
            lines.append(f"PBMC,PCA,type,0.1,{cells},{seed},{slow + wiggle}")
    (tmp_path / "runs.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    said = run_example("single_cell_information.py", tmp_path, "runs.csv")
    assert "PBMC    PCA      1     2" in said
    assert "1.5" in said


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_say_what_they_show(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith('"""')
    assert first.rstrip('"').endswith(".")
