"""The scripts in examples/ run as a user would run them, in an empty folder, without a warning."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .test_likelihood import POINTS

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
needs_points = pytest.mark.skipif(not POINTS.exists(), reason="the points are not in this checkout")
PNG = b"\x89PNG\r\n\x1a\n"


def run_example(name: str, folder: Path, *arguments: str) -> str:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "MPLBACKEND": "Agg",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / name), *arguments],
        capture_output=True, text=True, cwd=folder, env=environment, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_every_example_is_run_here():
    names = {path.name for path in EXAMPLES}
    assert names == {
        "bayesian_pooling.py", "chinchilla.py", "contrastive_against_masked.py", "custom_law.py",
        "denadel_saturation.py", "own_table.py", "plan_next_runs.py", "single_cell_information.py",
        "two_published_tables.py",
    }  # fmt: skip


def test_denadel_saturation(tmp_path):
    said = run_example("denadel_saturation.py", tmp_path, "denadel.png")
    assert "25 curves:" in said
    assert "inconclusive" in said
    assert "The published rule puts a saturation point below the full corpus on 25 of 25" in said
    assert (tmp_path / "denadel.png").read_bytes().startswith(PNG)


def test_contrastive_against_masked(tmp_path):
    said = run_example("contrastive_against_masked.py", tmp_path)
    assert "2 of 6 are inconclusive." in said
    assert "the 6 groups differ" in said
    assert "masked less contrastive" in said
    assert "Doubling the cells brings masked models more than contrastive ones" in said
    for name in ("gains.png", "curves.png", "ranks.png"):
        assert (tmp_path / name).read_bytes().startswith(PNG)


def test_own_table(tmp_path):
    said = run_example("own_table.py", tmp_path, "own.png")
    assert "saturating_power" in said
    assert "Ten times more cells" in said
    assert [path.name for path in tmp_path.iterdir()] == ["own.png"], "the table is elsewhere"
    assert (tmp_path / "own.png").read_bytes().startswith(PNG)


def test_plan_next_runs(tmp_path):
    said = run_example("plan_next_runs.py", tmp_path, "plan.png")
    assert "inconclusive (provisional)" in said
    assert "whichever surviving law is true" in said
    assert "right verdict" in said
    assert (tmp_path / "plan.png").read_bytes().startswith(PNG)


def test_custom_law(tmp_path):
    said = run_example("custom_law.py", tmp_path, "law.png")
    assert "b1" in said
    assert "b2" in said
    assert "The hyperbola describes the runs" in said
    assert (tmp_path / "law.png").read_bytes().startswith(PNG)


def test_two_published_tables(tmp_path):
    said = run_example("two_published_tables.py", tmp_path, "tables.png")
    assert "32 means are in both tables" in said
    assert "that is no saturation" in said
    assert (tmp_path / "tables.png").read_bytes().startswith(PNG)


def test_bayesian_pooling(tmp_path):
    said = run_example("bayesian_pooling.py", tmp_path, "pooling.png")
    assert "The population narrows the exponents by" in said
    assert (tmp_path / "pooling.png").read_bytes().startswith(PNG)


def test_chinchilla_says_where_its_points_are_missing(tmp_path):
    said = run_example("chinchilla.py", tmp_path, "nowhere.csv", "chinchilla.png")
    assert said.startswith("skipped: there is no file nowhere.csv")


@needs_points
def test_chinchilla(tmp_path):
    said = run_example("chinchilla.py", tmp_path, str(POINTS), "chinchilla.png")
    assert "all 5 numbers are reproduced" in said
    assert "not reproduced" in said
    assert "moves beta from 0.36 to 0.66" in said
    assert (tmp_path / "chinchilla.png").read_bytes().startswith(PNG)


def test_single_cell_information(tmp_path):
    """One group that levels off, and one that does not."""
    lines = ["dataset,model,task,quality,cells,seed,score"]
    for i, cells in enumerate(100 * 4**k for k in range(7)):
        for seed, wiggle in enumerate((0.004, -0.004)):
            level, slow = 1.5 - (cells / 20) ** -0.6, 0.1 * i
            lines.append(f"PBMC,PCA,type,1.0,{cells},{seed},{level + wiggle}")
            lines.append(f"PBMC,PCA,type,0.1,{cells},{seed},{slow + wiggle}")
    (tmp_path / "runs.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    said = run_example("single_cell_information.py", tmp_path, "runs.csv", "information.png")
    assert "PBMC    PCA      1     2" in said
    assert "A plateau is identified in 1 of 2 groups" in said
    assert (tmp_path / "information.png").read_bytes().startswith(PNG)
    assert "1.5" in said


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_say_what_they_show(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith('"""')
    assert first.rstrip('"').endswith(".")
