"""The recorder of what tests measure: all is told before any fails, and a run replaces a run."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from .measured import Measured, read, store


@pytest.fixture
def recorder():
    return Measured(SimpleNamespace(user_properties=[]))


def told(recorder):
    return [value for _, value in recorder.node.user_properties]


def test_all_is_told_before_what_misses_fails(recorder):
    recorder("C1", "one", "coverage", 0.90, 0.01, 400, low=0.94)
    recorder("C1", "two", "coverage", np.nan)
    recorder("C1", "three", "coverage", 0.95, low=0.94)
    with pytest.raises(AssertionError, match=r"one(?s:.*)two") as missed:
        recorder.judge()
    assert "three" not in str(missed.value)
    assert len(told(recorder)) == 3


def test_a_rate_may_miss_its_bar_by_as_many_errors_as_it_is_given(recorder):
    hits = np.arange(100) < 90  # 0.90, with an error of 0.03
    assert recorder.rate("C1", "one", "coverage", hits, 0.95, errors=2).passes
    assert not recorder.rate("C1", "one", "coverage", hits, 0.95, errors=1).passes
    assert not recorder.rate("C1", "one", "coverage", hits, high=0.85, errors=1).passes


def test_a_run_takes_the_place_of_what_it_measures_anew(recorder, tmp_path):
    for cell in ("one", "two"):
        recorder("C1", cell, "coverage", 0.95, 0.01, 400)
    store(tmp_path, "test_a.py::test[400]", told(recorder))
    later = Measured(SimpleNamespace(user_properties=[]))
    later("C1", "two", "coverage", 0.951234567, 0.00312, 4000, high=0.96)
    later("C2", "two", "coverage", 0.94)
    store(tmp_path, "test_a.py::test[4000]", told(later))
    rows = read(tmp_path / "C1.csv")
    assert [(row["cell"], row["replicates"]) for row in rows] == [("one", "400"), ("two", "4000")]
    assert [rows[1][name] for name in ("value", "error", "low", "high")] == [
        "0.95123", "0.0031", "", "0.96",
    ]  # fmt: skip
    store(tmp_path, "test_a.py::test[400]", told(recorder)[:1])  # as if cells had new names
    assert [row["cell"] for row in read(tmp_path / "C1.csv")] == ["one", "two"]
    assert len(read(tmp_path / "C2.csv")) == 1


def test_one_number_is_told_once(recorder, tmp_path):
    for _ in range(2):
        recorder("C1", "one", "coverage", 0.95)
    with pytest.raises(AssertionError, match="tells the same of C1 twice"):
        store(tmp_path, "test_a.py::test", told(recorder))
