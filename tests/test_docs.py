"""The site: complete, reachable, in step with the code, and docstrings that numpydoc accepts.

It is built, with warnings as errors, by .ci/run: that finds links and anchors that lead nowhere.
"""

from __future__ import annotations

import importlib
import inspect
import re
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalefit as sf
from scalefit import cli

from .test_likelihood import POINTS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
needs_points = pytest.mark.skipif(not POINTS.exists(), reason="the points are not in this checkout")

#: What numpydoc may find: no house rule asks for a "See Also", an extended summary, an example.
ALLOWED = {"SA01", "ES01", "EX01"}
#: Methods and properties say what they return in one sentence, and options in their class.
ALLOWED_OF_METHODS = ALLOWED | {"PR01", "RT01"}


def script(name: str) -> ModuleType:
    """Import a script of the documentation, which may import others beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS)
        return importlib.import_module(name)


filled = script("filling").filled


def names_on_the_api_page() -> list[str]:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    public, _, _ = text.partition("## For those who extend it")
    blocks = re.findall(r":toctree: generated\n\n((?:   \S+\n)+)", public)
    return [name for block in blocks for name in block.split()]


def test_the_api_page_has_every_public_name():
    assert sorted(names_on_the_api_page()) == sorted([*sf.__all__, "plots"])


def test_every_page_can_be_reached():
    """From the start page, by tables of contents; generated pages hang below the API page."""
    seen, todo = set(), [DOCS / "index.md"]
    while todo:
        page = todo.pop()
        seen.add(page)
        text = page.read_text(encoding="utf-8")
        entries = re.findall(r"```\{toctree\}\n:hidden:\n\n(.*?)```", text, flags=re.S)
        found = [(page.parent / f"{entry}.md").resolve() for e in entries for entry in e.split()]
        todo += [new for new in found if new not in seen]
    assert seen == set(PAGES)


def test_every_law_has_a_place_in_the_contents():
    entries = (DOCS / "laws" / "index.md").read_text(encoding="utf-8").split("```")[1].split()
    assert set(sf.laws().index) <= set(entries)


def test_pictures_are_made_by_the_script_and_shown():
    drawn = {f"{name}.png" for name in script("make_images").PICTURES}
    drawn.add("many_curves.png")  # measured by benchmarks/scaling.py
    assert drawn == {path.name for path in (DOCS / "images").glob("*.png")}
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in drawn if f"images/{name}" not in text] == []


def test_every_example_is_in_the_gallery():
    text = (DOCS / "gallery.md").read_text(encoding="utf-8")
    for path in (ROOT / "examples").glob("*.py"):
        assert f"`examples/{path.name}`" in text


def test_reproductions_are_as_generated():
    make = script("make_reproductions")
    page = make.PAGE.read_text(encoding="utf-8")
    assert filled(page, make.tables(None)) == page


@needs_points
def test_reproductions_of_points_that_are_not_bundled_are_as_generated():
    make = script("make_reproductions")
    page = make.PAGE.read_text(encoding="utf-8")
    assert filled(page, {"chinchilla": make.chinchilla(POINTS)}) == page


def test_a_table_without_a_place_is_refused():
    with pytest.raises(ValueError, match="no place for the table 'other'"):
        filled("<!-- begin one -->\n<!-- end one -->", {"other": ""})


def test_what_was_measured_is_on_the_pages_as_generated():
    pages = script("make_validation").pages()
    assert pages == {path: path.read_text(encoding="utf-8") for path in pages}


def test_every_measured_row_is_claimed():
    make = script("make_validation")
    rows = make.rows_of(make.PAGE.read_text(encoding="utf-8"))
    assert len(rows) == len(set(rows))
    assert set(make.measurements()["row"]) <= set(rows)


def test_what_a_test_told_that_no_longer_exists_is_refused(tmp_path, monkeypatch):
    make = script("make_validation")
    stored = (make.MEASURED / "V5.csv").read_text(encoding="utf-8")
    (tmp_path / "V5.csv").write_text(stored.replace("[4000]", "[3999]"), encoding="utf-8")
    monkeypatch.setattr(make, "MEASURED", tmp_path)
    with pytest.raises(ValueError, match=r"no longer exist.*\[3999\]"):
        make.measurements()


def test_a_case_without_a_mark_is_fast_where_others_have_it():
    found = script("versions").versions()
    names = {name.partition("::")[2]: version for name, version in found.items()}
    assert names["test_n6_two_solvers_agree[60]"] == "fast"
    assert names["test_n6_two_solvers_agree[10000]"] == "complete"
    assert names["test_denadel_runs"] == "complete"  # it has one version
    assert names["test_e3_errors_on_the_extrapolation_benchmark[BB]"] == "complete"  # so marked


def cells(**columns):
    """Return measurements of cells whose bar is 0.94, with an error of 0.01."""
    return pd.DataFrame({
        "row": "C1", "cell": ["one", "two", "three"], "quantity": "coverage", "low": 0.94,
        "high": np.inf, "value": [0.955, 0.93, 0.90], "error": 0.01, "slack": 0.03,
        "replicates": 400, "version": "complete", "date": "2026-11-26",
    } | columns)  # fmt: skip


def result(some):
    make = script("make_validation")
    some = some.assign(standing=make.standing(some))
    return make.summary(some, ["C1", "C2"]).splitlines()[2:4]


def test_a_bar_that_is_missed_and_a_row_without_measurements_say_so():
    told = cells()
    assert result(told[:1])[0].endswith("| met |")
    assert result(told[:2])[0].endswith("| *within error* in 1 |")
    assert result(told)[0].endswith("| **not met** in 1 |")
    assert result(told[:2].assign(slack=0.0))[0].endswith("| **not met** in 1 |")
    assert result(told[:2].assign(error=np.nan))[0].endswith("| **not met** in 1 |")
    assert result(told)[1].startswith("| C2 |  |  | not measured |")


def test_a_fast_version_near_its_bar_decides_nothing():
    told = cells(version="fast")
    assert result(told[:1])[0].endswith("| met (fast) |")
    assert result(told[:1].assign(value=0.945))[0].endswith("| *undecided* in 1 (fast) |")
    assert result(told[:2].assign(slack=0.0))[0].endswith("| *undecided* in 1 (fast) |")
    assert result(told)[0].endswith("| **not met** in 1 (fast) |")


def test_a_bar_that_is_one_number_is_met_as_far_as_its_test_allows():
    told = cells(high=0.94)
    assert "| 0.94, give or take 0.03 |" in result(told[:2])[0]
    assert result(told[:2])[0].endswith("| met |")
    assert result(told)[0].endswith("| **not met** in 1 |")
    assert "| exactly 0.94 |" in result(told.assign(slack=0.0))[0]


def documented() -> list[str]:
    """Return the dotted names of everything public that has a docstring of its own."""
    names = [f"scalefit.{name}" for name in sf.__all__]
    names += [f"scalefit.datasets.{name}" for name in sf.datasets.__all__]
    names += [f"scalefit.plots.{name}" for name in sf.plots.__all__]
    return names + [f"scalefit.{name}.{member}" for name in sf.__all__ for member in members(name)]


def members(name: str) -> list[str]:
    """Return the public methods and properties that a class defines."""
    owner: Any = getattr(sf, name)
    if not inspect.isclass(owner):
        return []
    kinds = (property, cached_property, classmethod, staticmethod)
    return [
        member
        for member, value in vars(owner).items()
        if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, kinds))
    ]


def faults(name: str) -> list[str]:
    """Return what numpydoc finds wrong with a docstring, beyond what is allowed."""
    validate = pytest.importorskip("numpydoc.validate", reason="numpydoc is not installed")
    allowed = (
        ALLOWED_OF_METHODS if name.count(".") > 1 and name.split(".")[1][0].isupper() else ALLOWED
    )
    return [
        f"{name}: {code} {text}"
        for code, text in validate.validate(name)["errors"]
        if code not in allowed
    ]


# numpydoc reads sources that it does not close, and asks dunders of everything it meets.
@pytest.mark.filterwarnings("ignore")
def test_docstrings_are_what_numpydoc_expects():
    assert [fault for name in documented() for fault in faults(name)] == []


@pytest.mark.filterwarnings("ignore")
def test_numpydoc_can_find_fault():
    assert faults("json.dumps")


def test_the_readme_has_the_exit_codes_of_the_command_line():
    page = (DOCS / "cli.md").read_text(encoding="utf-8").partition("## Exit codes")[2]
    told = re.findall(r"^\| (\d+) \|", page, re.MULTILINE)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    line = readme.partition("exit codes:")[2].partition(".")[0]
    assert re.findall(r"\b\d+\b", line) == told
    assert {cli.NO_ANSWER, cli.BAD_USAGE, cli.BUG, cli.INTERRUPTED} < set(map(int, told))
