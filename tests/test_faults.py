import numpy as np
import pandas as pd
import pytest

from scalefit import datasets
from scalefit.errors import TableError
from scalefit.table import make_table

from .strategies import DENADEL_CURVE, runs

BAD = [
    # column, values, options, what the message says of it
    ("cells", [1e3, 1e4, 1e5, None], {}, ["'cells', missing: row 4 (nan)"]),
    ("cells", ["1k", "10k", "abc", "1M"], {}, ["'cells', not a number: row 3 ('abc')"]),
    ("cells", [1e3, 0, 1e5, 1e6], {}, ["'cells', zero", "untrained", "row 2 (0.0)"]),
    ("cells", [1e3, 1e4, -1e5, 1e6], {}, ["'cells', negative", "row 3 (-100000.0)"]),
    ("cells", [1e3, np.inf, 1e5, 1e6], {}, ["'cells', infinite: row 2 (inf)"]),
    ("accuracy", [0.5, None, 0.6, 0.7], {}, ["'accuracy', missing: row 2"]),
    ("accuracy", ["0.5", "0.6", "", "0.7"], {}, ["'accuracy', missing: row 3 ('')"]),
    ("accuracy", ["0.5", "0,6", "0.7", "0.8"], {}, ["row 2 ('0,6')", "decimal=','"]),
    ("accuracy", [0.5, 0.6, 0.7, 85.0], {},
     ["outside [0, 1]", "row 4 (85.0)", "bounds=(0, 100)"]),
    ("accuracy", [50.0, 60.0, 70.0, 850.0], {}, ["outside [0, 100]", "row 4 (850.0)"]),
    ("accuracy", [0.2, 0.5, 0.6, 0.7], {"bounds": (0.25, 1)}, ["outside [0.25, 1]", "row 1 (0.2)"]),
    ("accuracy", [0.5, 0.6, 1e120, 0.8], {"bounds": (0, np.inf)},
     ["'accuracy', above 1e+100", "row 3 (1e+120)", "Divide all scores"]),
    ("accuracy", ["50%", "60", "70%", "75%"], {}, ["without %", "row 2 ('60')", "or none"]),
    ("accuracy", ["0.5%", "60", "70", "75"], {}, ["with %, beside others: row 1", "or none"]),
    ("accuracy", [0.5, True, 0.6, "x"], {}, ["row 2 (True)", "row 4 ('x')"]),
    ("e", [0.1, 0.2, None, 0.1], {"se": "e"}, ["'e', missing: row 3 (nan)"]),
    ("e", [0.1, 0.2, 0, 0.1], {"se": "e"},
     ["'e', not positive, as a standard error is: row 3 (0.0)", "outweigh"]),
    ("e", [0.1, -0.2, 0.1, 0.1], {"se": "e"}, ["'e', not positive", "row 2 (-0.2)"]),
    ("e", [0.1, np.inf, 0.1, 0.1], {"se": "e"}, ["'e', infinite: row 2 (inf)"]),
    ("e", ["0.1", "0,2", "0.1", "0.1"], {"se": "e"}, ["'e', a decimal comma", "row 2 ('0,2')"]),
    ("s", [0.1, 0.0, -0.1, 0.1], {"sd": "s", "n": "three"},
     ["'s', negative, as no standard deviation is: row 3 (-0.1)"]),
    ("s", [0.1, None, 0.1, 0.1], {"sd": "s", "n": "three"}, ["'s', missing: row 2 (nan)"]),
    ("s", ["0.1", "", "0.1", "-"], {"sd": "s", "n": "last_alone"}, ["'s', missing: row 2 ('')"]),
    ("k", [2, 3, 0, 1], {"sd": "small", "n": "k"},
     ["'k', not a whole number of runs from 1: row 3 (0)"]),
    ("k", [2, 2.5, 3, 1], {"sd": "small", "n": "k"}, ["row 2 (2.5)"]),
    ("k", [2, None, 3, 1], {"sd": "small", "n": "k"}, ["'k', missing: row 2"]),
    ("q", [9, 9, 9.5, 9], {"items": "q"}, ["'q', not a whole number of test items", "row 3 (9.5)"]),
    ("q", ["1k", "many", "1k", "1k"], {"items": "q"}, ["'q', not a number: row 2 ('many')"]),
    ("job", ["a", None, "a", "b"], {"run": "job"}, ["'job', missing: row 2 (", "Name the run"]),
]  # fmt: skip
BESIDE = {"three": 3, "last_alone": [3, 3, 3, 1], "small": 0.01}


@pytest.mark.parametrize("column, values, options, words", BAD)
def test_bad_rows_are_refused_by_name(tmp_path, column, values, options, words):
    with pytest.raises(TableError) as caught:
        make_table(runs(**{**BESIDE, column: values}), **options)
    for word in [*words, "DataFrame", 'on_bad="drop"']:
        assert word in str(caught.value)


SUMMARIES = [
    ("seed", ["0", "1", "2", "mean"], {}, "mean"),
    ("seed", [0, 1, "Mean", "Std."], {}, "Mean"),
    ("seed", ["a", "b", "c", "avg"], {}, "avg"),
    ("seed", ["s1", "s2", "s3", "all"], {}, "all"),
    ("run", ["x", "y", "x", "std_dev"], {"run": "run"}, "std_dev"),
    ("fold", ["1", "2", "1", "average"], {}, "average"),
]


@pytest.mark.parametrize("column, labels, options, first", SUMMARIES)
def test_summaries_among_the_runs_are_no_runs(column, labels, options, first):
    frame = runs(**{column: labels})
    at = labels.index(first)
    reason = rf"'{column}', a summary of runs, and no run: row {at + 1} \('{first}'\)"
    with pytest.raises(TableError, match=reason):
        make_table(frame, **options)
    table = make_table(frame, on_bad="drop", **options)
    alone = make_table(frame.iloc[:at], **options)
    assert table.rows["accuracy"].tolist() == alone.rows["accuracy"].tolist()
    assert table.dropped["row"].tolist() == list(range(at + 1, 5))


@pytest.mark.parametrize(
    "columns",
    [
        {"seed": ["mean"] * 4},  # a table of means alone
        {"seed": ["half", "some", "few", "all"]},  # names of runs
        {"pooling": ["mean", "max", "cls", "max"]},  # a setting
        {"genes": ["1000", "2000", "1000", "all"]},
        {"seed": [0, 1, 2, 3], "note": [None, "mean", None, None]},
    ],
)
def test_labels_that_sum_up_no_runs_are_kept(columns):
    assert len(make_table(runs(**columns)).rows) == 4


def test_scores_too_small_to_be_squared_are_refused_by_curve():
    tiny = runs(accuracy=[5e-121, 6e-121, 7e-121, 0.0])
    with pytest.raises(TableError, match=r"(?s)below 1e-100, too small .*row 1 .*Multiply"):
        make_table(tiny)
    assert len(make_table(runs(accuracy=[5e-121, 0.6, 0.7, 0.0])).rows) == 4


@pytest.mark.parametrize("column, values, options, words", BAD)
def test_bad_rows_are_dropped_and_counted(column, values, options, words):
    frame = runs(**{**BESIDE, column: values})
    table = make_table(frame, on_bad="drop", **options)
    n_bad = table.dropped["row"].nunique()
    assert n_bad >= 1
    assert len(table.rows) == table.n_given - n_bad == 4 - n_bad
    assert set(table.rows["_row"]) | set(table.dropped["row"]) == {1, 2, 3, 4}
    assert set(table.dropped["column"]) == {column}
    (note,) = [finding for finding in table.findings if finding.code == "rows_dropped"]
    assert note.severity == "note"
    assert note.message.startswith(f"{n_bad} of 4 rows")


def test_a_single_run_needs_no_spread():
    frame = runs(s=["0.1", None, "na", 0], k=[2, 1, 1, 3])
    table = make_table(frame, sd="s", n="k")
    np.testing.assert_array_equal(table.rows["s"], [0.1, np.nan, np.nan, 0.0])
    assert len(table.dropped) == 0
    with pytest.raises(TableError, match="'s', not a number: row 2"):
        make_table(frame.assign(s=["0.1", "x", "0.1", "0"]), sd="s", n="k")


@pytest.mark.parametrize(
    ("scores", "errors", "reason"),
    [
        ([50.0, 60, 70, 75], ["1%"] * 4, "with %, beside scores of 'accuracy' in points"),
        (["50%", "60%", "70%", "75%"], [1.0] * 4, "without %, beside 'accuracy' with it"),
        ([0.5, 0.6, 0.7, 0.75], ["1%"] * 4, ""),
        (["50%", "60%", "70%", "75%"], ["1%"] * 4, ""),
    ],
)
@pytest.mark.parametrize("part", ["se", "sd"])
def test_errors_are_in_the_unit_of_their_scores(scores, errors, reason, part):
    table = {"cells": [1e3, 1e4, 1e5, 1e6], "accuracy": scores, "e": errors, "k": [3] * 4}
    options = {part: "e"} | ({"n": "k"} if part == "sd" else {})
    if not reason:
        assert make_table(table, **options).rows["e"].tolist() == [0.01] * 4
        return
    with pytest.raises(TableError, match="one unit") as error:
        make_table(table, **options)
    assert f"'e', {reason}: row 1 (" in str(error.value)


def test_only_scores_of_one_metric_need_one_unit():
    """Accuracies with % may stand beside perplexities; two units of one metric are told of once."""
    table = pd.DataFrame(
        {"cells": [1e3, 1e4, 1e5, 1e6] * 2, "metric": ["accuracy"] * 4 + ["perplexity"] * 4,
         "value": ["50%", "60%", "65%", "67%", "30", "25", "22", "21"]}
    )  # fmt: skip
    made = make_table(table, by="metric", score="value")
    assert [(m.better, m.unit) for m in made.metrics] == [("higher", "fraction"), ("lower", "")]
    with pytest.raises(TableError, match="4 of 8 rows"):
        make_table(table.assign(metric="accuracy", data=["a"] * 4 + ["b"] * 4), by="data",
                   score="value")  # fmt: skip


def test_bounds_in_points_of_scores_written_with_percent_are_refused():
    table = {"cells": [1e3, 1e4, 1e5, 1e6], "accuracy": ["50%", "60%", "70%", "75%"]}
    with pytest.raises(TableError, match=r"read as 0.5; pass bounds=\(0, 1\)"):
        make_table(table, bounds=(0, 100))
    assert make_table(table, bounds=(0, 1)).metrics[0].unit == "fraction"


def test_all_faults_come_in_one_message():
    frame = pd.DataFrame({"cells": ["x"] * 7 + ["0", "1", "2"], "accuracy": [5.0] + [0.5] * 9})
    with pytest.raises(TableError) as caught:
        make_table(frame)
    message = str(caught.value)
    assert "8 of 10 rows" in message
    assert "row 5 ('x') and 2 more" in message
    assert "row 8 ('0')" in message
    assert "row 1 (5.0)" in message
    assert "row 6" not in message


def test_the_message_counts_rows_of_the_file_after_filtering(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("cells,accuracy\n1,0.1\n\n2,0.2\n3,oops\n4,0.4\n")
    frame = pd.read_csv(path)
    from_file = datasets.load("denadel_2026")
    with pytest.raises(TableError, match=r"runs\.csv: 1 of 4.*\n.*'accuracy'.*row 3 \('oops'\)"):
        make_table(path)
    # Rows of a frame that was not read here are counted by place.
    with pytest.raises(TableError, match=r"DataFrame.*\n.*row 1 \('oops'\)"):
        make_table(frame[frame["cells"] > 2])
    first_zero = int(from_file.index[from_file["cells"] == 0][0])
    with pytest.raises(TableError, match=rf"denadel_2026\.csv.*\n.*row {first_zero + 1} \(0\)"):
        make_table(from_file[from_file["percent"] < 50], by=DENADEL_CURVE)


def test_nothing_left_is_an_error():
    with pytest.raises(TableError, match=r"4 of 4 rows(.|\n)*Nothing is left"):
        make_table(runs(cells=[0, 0, -1, None]), on_bad="drop")


def test_a_curve_that_vanishes_is_named():
    frame = runs(model=["a", "b", "b", "b"], accuracy=[None, 0.5, 0.6, 0.7])
    table = make_table(frame, by="model", on_bad="drop")
    assert table.keys == (("b",),)
    (finding,) = [finding for finding in table.findings if finding.code == "curves_dropped"]
    assert "model=a" in finding.evidence


def test_a_curve_keeps_its_metric_when_another_vanishes():
    frame = pd.DataFrame(
        {"metric": ["f1", "loss", "loss"], "cells": [1, 1, 2], "score": [None, 3.0, 2.0]}
    )
    table = make_table(frame, by="metric", on_bad="drop")
    assert [metric.name for metric in table.metrics] == ["loss"]


def test_scores_may_pass_a_bound_by_rounding_only():
    assert len(make_table(runs(accuracy=[0.5, 0.6, 0.7, 1 + 1e-12])).rows) == 4
    with pytest.raises(TableError, match=r"outside \[0, 1\]"):
        make_table(runs(accuracy=[0.5, 0.6, 0.7, 1 + 1e-6]))


def repeated():
    return pd.DataFrame(
        {"cells": [10, 100, 10, 100, 10], "seed": [0, 0, 1, 0, 0],
         "score": [0.1, 0.3, 0.2, 0.3, 0.1]}
    )  # fmt: skip


def test_repeated_rows_are_refused_or_dropped():
    with pytest.raises(TableError) as caught:
        make_table(repeated())
    for words in ("row 4 (0.3, as in row 2), row 5 (0.1, as in row 1)", "by=", 'on_bad="drop"'):
        assert words in str(caught.value)
    table = make_table(repeated(), on_bad="drop")
    assert table.rows["_row"].tolist() == [1, 2, 3]
    assert table.dropped["row"].tolist() == [4, 5]


def test_repeats_need_a_seed_and_one_curve():
    assert len(make_table(repeated().drop(columns="seed")).rows) == 5
    assert len(make_table(repeated().assign(model=list("aabbc")), by="model").rows) == 5
    assert len(make_table(repeated().assign(seed=[None, None, 1, None, None])).rows) == 5
