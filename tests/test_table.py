import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scalefit as sf
from scalefit import datasets
from scalefit.errors import ScalefitError, TableError
from scalefit.sample import of_table
from scalefit.table import Table, make_table

from .strategies import DENADEL_CURVE, SCORES, SIZES, run_tables, runs, shuffled

SHARED = Path(os.environ.get("SCALEFIT_SHARED", Path(__file__).parents[2] / "shared")) / "data"


def codes(findings):
    return [finding.code for finding in findings]


# Conventions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "cells", "Cells", "n_cells", "N Cells", "num_cells", "ncells", "nCells", "cell_count",
        "train_cells", "n_train_cells", "# cells", "tokens", "samples", "seen_examples",
        "size_train", "train_size", "tr_size", "n_train", "dataset_size", "params", "n_params",
        "num_params", "model_params", "trainable_params", "parameters", "Number of parameters",
    ],
)  # fmt: skip
def test_drivers_by_convention(name):
    assert make_table({name: SIZES, "score": SCORES}).drivers == (name,)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("tokens (B)", "B"), ("tokens [1e9]", "1e9"), ("Tokens (in billions)", "billions"),
        ("cells (millions)", "millions"), ("cells_k", "k"), ("n_cells (x10^3)", "10^3"),
        ("cells (10³)", "10³"), ("params_M", "M"), ("Model Size (M)", "M"),
    ],
)  # fmt: skip
def test_sizes_in_a_unit_are_known_and_told(name, unit):
    small = [0.001, 0.01, 0.1, 1.0]  # as shares are, which these are not
    table = make_table({name: small, "score": SCORES})
    assert (table.drivers, table.rows[name].tolist()) == ((name,), small)
    (finding,) = table.findings
    assert (finding.code, finding.severity) == ("unit_in_name", "warn")
    assert finding.message.endswith(f"in the unit of its name ({unit}).")
    stated = make_table({name: small, "f1": SCORES}, drivers=name)
    assert codes(stated.findings) == ["unit_in_name"]
    written = make_table({name: ["1M", "10M", "100M", "1B"], "score": SCORES})
    assert (written.findings, written.rows[name].max()) == ((), 1e9)


@pytest.mark.parametrize("name", ["cells (train)", "cells_10", "cells_1000", "cells 10k", "size_k"])
def test_names_without_a_unit_are_no_sizes_in_one(name):
    with pytest.raises(TableError, match="no column is called 'cells'"):
        make_table({name: SIZES, "score": SCORES})


def test_sizes_in_a_unit_are_sizes_beside_others():
    frame = pd.DataFrame(
        {"params": SIZES * 2, "tokens (B)": [1.0] * 4 + [2.0] * 4, "f1": SCORES * 2}
    )
    with pytest.raises(TableError, match=r"'tokens \(B\)' and 'params' both vary"):
        make_table(frame)
    both = frame.assign(tokens=frame["tokens (B)"] * 1e9)
    assert make_table(both, by="params").drivers == ("tokens",)


@pytest.mark.parametrize(
    ("tokens", "params"),
    [("Train Tokens", "Model Size"), ("training tokens", "model_size"),
     ("n_train_tokens", "size_model"), ("tokens seen", "n_model_params")],
)  # fmt: skip
def test_names_of_two_sizes_are_known(tokens, params):
    table = make_table({tokens: SIZES, params: [1e6] * 4, "score": SCORES})
    assert table.drivers == (tokens,)
    assert [f.message for f in table.findings if f.code == "params_left_out"] == [
        f"{params!r} is the same in every row of a curve and is left out of the law."
    ]
    with pytest.raises(TableError, match="both vary within"):
        make_table({tokens: SIZES, params: SIZES, "score": SCORES})


@pytest.mark.parametrize(
    ("columns", "mend"),
    [
        ({"mean": SCORES, "std": SCORES, "count": [3] * 4},
         "pass score='mean', sd='std' and n='count'"),
        ({"mean": SCORES, "sem": SCORES}, "pass score='mean' and se='sem'"),
        ({"a": SCORES, "b": SCORES}, "put scores that stand side by side one below the other"),
        ({"accuracy_seed1": SCORES, "accuracy_seed2": SCORES}, "stand side by side one below"),
        ({("scVI", "f1"): SCORES, ("scGPT", "f1"): SCORES}, "stand side by side one below"),
        ({"f1_1": SCORES, "f1_2": SCORES}, "stand side by side one below"),
        ({"accuracy": SCORES, "f1": SCORES}, "with the one to fit$"),
        ({"train/loss": SCORES, "eval_loss": SCORES}, "with the one to fit$"),
    ],
)  # fmt: skip
def test_a_table_without_a_score_is_told_what_fits_it(columns, mend):
    with pytest.raises(TableError, match=mend):
        make_table({"cells": SIZES, **columns})


def test_sizes_in_the_header_are_to_be_stacked():
    wide = {"model": ["a"], "seed": [0], "10k": [0.5], "30k": [0.6], "1M": [0.7]}
    with pytest.raises(TableError, match=r"sizes stand in the header.*melt\(\['model', 'seed'\]"):
        make_table(wide)


def test_a_score_that_plays_another_part_is_named():
    with pytest.raises(TableError, match=r"'score' is taken by items=.*leave items= out"):
        make_table({"cells": SIZES, "score": SCORES}, items="score")


def test_more_metrics_than_are_named_are_counted():
    names = ["MSE", "nmi", "AUROC", "MCC", "R2", "f1"]
    with pytest.raises(TableError, match="'R2' and 1 more; pass by='metric'"):
        make_table({"cells": SIZES * 3, "value": SCORES * 3, "metric": names * 2})


@pytest.mark.parametrize("name", ["seed", "Seed", "replicate", "rep", "run_seed", "random_seed"])
def test_seeds_by_convention(name):
    table = make_table(runs(**{name: [0, 0, 0, 0]}))
    assert table.seed == name
    assert name in table.rows


@pytest.mark.parametrize(
    "columns, options, score, metric",
    [
        ({"score": SCORES}, {}, "score", "score"),
        ({"Micro F1": SCORES}, {}, "Micro F1", "Micro F1"),
        ({"score": SCORES, "accuracy": SCORES}, {}, "score", "score"),
        ({"accuracy": SCORES, "accuracy_std": SCORES}, {}, "accuracy", "accuracy"),
        ({"accuracy": SCORES, "loss": ["mse"] * 4}, {}, "accuracy", "accuracy"),
        ({"accuracy": SCORES, "auc": SCORES}, {"score": "auc"}, "auc", "auc"),
        ({"score": SCORES, "metric": ["micro_f1"] * 4}, {}, "score", "micro_f1"),
        ({"value": SCORES, "metric": ["nmi", None, "nmi", "nmi"]}, {}, "value", "nmi"),
        ({"accuracy": SCORES, "metric": ["other"] * 4}, {}, "accuracy", "accuracy"),
    ],
)
def test_scores_and_metrics_by_convention(columns, options, score, metric):
    table = make_table({"cells": SIZES, **columns}, **options)
    assert (table.score, table.metrics[0].name) == (score, metric)


def test_cells_come_before_other_sizes_and_params():
    table = make_table(runs(tokens=[5, 6, 7, 8], params=[9, 9, 9, 9]))
    assert table.drivers == ("cells",)
    assert codes(table.findings) == ["params_left_out"]


@pytest.mark.parametrize(
    "data, options, words",
    [
        (runs(), {"score": "acuracy"}, ["'acuracy' (given as score=)", "did you mean 'accuracy'"]),
        (runs(), {"drivers": "cell"}, ["'cell' (given as drivers=)", "did you mean 'cells'"]),
        (runs(), {"by": ["model"]}, ["'model' (given as by=)", "'cells', 'accuracy'"]),
        (runs(), {"by": "cells", "drivers": "cells"}, ["'cells'", "one part"]),
        (runs(), {"by": ["accuracy", "accuracy"]}, ["by= twice"]),
        (runs(params=SIZES), {}, ["'cells' and 'params'", "by='params'", "drivers='params'",
                                  "drivers=['params', 'cells'] for a law of both"]),
        ({"a": SIZES, "score": SCORES}, {}, ["'a', 'score'", "drivers="]),
        ({"tokens": SIZES, "samples": SIZES, "score": SCORES}, {}, ["'tokens', 'samples'"]),
        ({"cells": SIZES, "b": SCORES}, {}, ["'cells', 'b'", "score="]),
        (runs(auc=SCORES), {}, ["'accuracy', 'auc'", "score="]),
        ({"cells": SIZES, "score": SCORES, "metric": ["f1", "f1", "auc", "auc"]}, {},
         ["'metric'", "'f1', 'auc'", "by='metric'"]),
        (runs().set_index("cells"), {"drivers": "cells"}, ["in the index", "reset_index"]),
        (runs().set_index("cells"), {}, ["'cells' in the index is no column", "reset_index"]),
        (runs(b=1).set_index(["b", "cells"]), {}, ["'b', 'cells' in the index", "reset_index"]),
        ({"hours": pd.to_timedelta(SIZES, unit="s"), "score": SCORES}, {"drivers": "hours"},
         ["'hours', a duration: write it in seconds", ".dt.total_seconds()"]),
        (runs(_row=[1, 1, 1, 1]), {"by": "_row"}, ["'_row'", "reserved"]),
        (runs(), {"on_bad": "drpo"}, ["'drpo'", '"raise" or "drop"', "did you mean 'drop'"]),
        (runs(), {"better": "up"}, ["'up'"]),
        (runs().iloc[:0], {}, ["no rows"]),
        (pd.DataFrame([[1, 2, 3]], columns=["cells", "score", "score"]), {},
         ["'score' repeats", "columns 2 and 3"]),
        (runs(accuracy=[True, False, True, True]), {}, ["'accuracy'", "true and false"]),
        (runs(cells=[True, False, True, True]), {}, ["'cells'", "true and false"]),
        (runs(cells=[1e3] * 4), {}, ["'cells'", "at least two", "4 rows, all at 1000", "add runs"]),
        (runs(model=list("abcd")), {"by": "model"}, ["none of the 4 curves", "model=a", "by="]),
        ({"cells": [1, 2], "score": [1]}, {}, ["lists of one length"]),
        (7, {}, ["'int'", "not a table", "DataFrame"]),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_a_mend(data, options, words):
    with pytest.raises(TableError) as caught:
        make_table(data, **options)
    for word in words:
        assert word in str(caught.value)


# Kinds of table ------------------------------------------------------------------------------


def test_a_path_a_mapping_and_a_frame_give_the_same_table(tmp_path):
    path = tmp_path / "runs.csv"
    runs().to_csv(path, index=False)
    tables = [make_table(data) for data in (path, str(path), runs(), dict(runs()))]
    for table in tables:
        pd.testing.assert_frame_equal(table.rows, tables[0].rows)
    assert [table.source for table in tables] == ["runs.csv"] * 2 + ["DataFrame"] * 2
    assert tables[0].sha256 != tables[2].sha256 == tables[3].sha256


def test_arrow_tables():
    arrow = pytest.importorskip("pyarrow", reason="tables of other libraries are optional")
    table = make_table(arrow.Table.from_pandas(runs()))
    assert table.rows["cells"].tolist() == SIZES


def test_a_table_is_returned_as_it_is_and_takes_no_options():
    table = make_table(runs())
    assert make_table(table) is table
    with pytest.raises(TableError, match="already made"):
        make_table(table, better="higher")


def test_names_that_are_not_text_are_tolerated():
    frame = pd.DataFrame({0: SIZES, 1: SCORES, ("a", 2): SCORES})
    table = make_table(frame, drivers=0, score="1", better="higher")
    assert (table.drivers, table.score) == (("0",), "1")
    assert list(frame.columns) == [0, 1, ("a", 2)]


@pytest.mark.parametrize("dtype", ["int32", "Int64", "float32", "category", "object", "string"])
def test_any_dtype_of_size(dtype):
    table = make_table(runs(cells=pd.Series([1000, 10000, 100000, 1000000]).astype(dtype)))
    assert table.rows["cells"].tolist() == SIZES
    assert table.rows["cells"].dtype == float


def test_the_hash_follows_the_data():
    first, again = make_table(runs()), make_table(runs())
    other = make_table(runs(accuracy=[0.5, 0.6, 0.65, 0.68]))
    assert first.sha256 == again.sha256 != other.sha256


def test_the_given_frame_is_not_changed():
    frame = runs(cells=["1k", "10k", "100k", "oops"])
    before = frame.copy(deep=True)
    make_table(frame, on_bad="drop")
    pd.testing.assert_frame_equal(frame, before)


# Replicates --------------------------------------------------------------------------------


def test_levels_of_a_text_column_that_lie_apart_are_named_without_seeds():
    """Curves one above the other, which overlap at one size only; not what all levels share."""
    rng = np.random.default_rng(0)
    small, big = [1e3, 3e3, 1e4, 3e4, 1e5], [1e5, 3e5, 1e6, 3e6, 1e7]
    frame = pd.DataFrame(
        {"cells": (small + big) * 2, "model": (["small"] * 5 + ["big"] * 5) * 2,
         "host": rng.choice(["x", "y"], 20), "note": [f"run {i}" for i in range(20)],
         "f1": np.tile(np.repeat([0.5, 0.7], 5), 2) + rng.normal(0, 0.004, 20)}
    )  # fmt: skip
    ((finding,),) = make_table(frame).group_findings
    assert (finding.code, finding.severity) == ("levels_apart", "warn")
    assert "by='model'" in finding.mend
    assert make_table(frame, by="model").group_findings == ((), ())
    # The names of runs are not tested: rows of one run are alike.
    run = frame["model"] + np.repeat(["0", "1"], 10)
    assert make_table(frame.assign(seed=run, note=run)).group_findings == ((),)
    alike = frame.assign(f1=0.7 - 0.2 * (frame["cells"] / 1e3) ** -0.3 + rng.normal(0, 0.01, 20))
    assert make_table(alike).group_findings == ((),)


@pytest.mark.parametrize("levels", [["a", "b", "c"], [128, 256, 512], [0.1, 0.2, np.nan]])
def test_levels_lie_apart_whether_text_or_numbers(levels):
    rng = np.random.default_rng(0)
    x, which = np.tile(np.geomspace(1e3, 1e6, 6), 6), np.repeat([0, 1, 2, 0, 1, 2], 6)
    frame = pd.DataFrame({"cells": x, "width": np.array(levels)[which]})
    frame["f1"] = 0.9 - 0.3 * (x / 1e3) ** -0.3 - 0.03 * which + rng.normal(0, 0.004, 36)
    ((finding,),) = make_table(frame).group_findings
    assert finding.code == "levels_apart"
    assert finding.message == "Rows of different 'width' have different scores at equal sizes."
    assert ("drivers=" in finding.mend) == (levels[0] != "a")


def test_numbers_that_are_no_levels_are_not_tested():
    rng = np.random.default_rng(0)
    x, effect = np.repeat(np.geomspace(1e3, 1e6, 6), 4), rng.normal(0, 0.02, 24)
    frame = pd.DataFrame({"cells": x, "f1": 0.9 - 0.3 * (x / 1e3) ** -0.3 + effect})
    good = (effect > 0).astype(float)
    columns = {
        "batch": 32 * (np.log10(x) // 1),  # a function of size
        "memory": effect.round(3),  # measured
        "late": good * (x > 5e5),  # at a single size
        **dict.fromkeys(["mse", "f1_std", "n_items", "wall time", "step"], good),  # by their name
    }
    for name, values in columns.items():
        given = frame.assign(**{name: values})
        assert make_table(given, score="f1").group_findings == ((),)
    ((finding,),) = make_table(frame.assign(width=good), score="f1").group_findings
    assert finding.code == "levels_apart"


@pytest.mark.parametrize("levels", [["x", "y", "z"], [128, 256, 512]])
@pytest.mark.parametrize("noise, level, most", [(1.0, 0.001, 1), (0.1, 0.001, 1), (1.0, 0.1, 30)])
def test_levels_that_mean_nothing_seldom_lie_apart(noise, level, most, levels, monkeypatch):
    """Noise that falls with size as well; the level of the test is one in a thousand."""
    monkeypatch.setattr("scalefit._pooled._APART", level)
    told = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x = np.repeat(np.geomspace(1e3, 1e6, 6), 4)
        scatter = 0.01 * (x / 1e3) ** (np.log(noise) / np.log(1e3))
        f1 = 0.9 - 0.3 * (x / 1e3) ** -0.3 + scatter * rng.standard_normal(24)
        (found,) = make_table({"cells": x, "f1": f1, "host": rng.choice(levels, 24)}).group_findings
        told += "levels_apart" in codes(found)
    assert most - 25 <= told <= most


def test_mixed_rows_name_the_column_that_tells_them_apart():
    frame = pd.DataFrame(
        {"model": ["a"] * 4 + ["b"] * 4, "note": "same", "cells": SIZES * 2, "seed": 0,
         "score": [0.1, 0.2, 0.3, 0.4, 0.15, 0.25, 0.35, 0.45]}
    )  # fmt: skip
    ((finding,),) = make_table(frame).group_findings
    assert (finding.code, finding.severity) == ("mixed_rows", "warn")
    assert "by='model'" in finding.mend
    assert "note" not in finding.mend
    assert finding.evidence == "rows 5, 6, 7, 8"
    assert make_table(frame, by="model").group_findings == ((), ())


@pytest.mark.parametrize(
    "scores, sizes",
    [
        ([0.1, 0.1, 0.2, 0.21], "10"),
        ([0.1, 0.1, 0.2, 0.2], "10, 100"),
        ([0.1, 0.11, 0.2, 0.21], None),
    ],
)
def test_identical_replicates(scores, sizes):
    frame = pd.DataFrame({"cells": [10, 10, 100, 100], "seed": [0, 1, 0, 1], "score": scores})
    findings = make_table(frame).group_findings[0]
    assert codes(findings) == ([] if sizes is None else ["identical_replicates"])
    if sizes is not None:
        assert findings[0].evidence == f"cells {sizes}"


@pytest.mark.parametrize(
    "sizes, evidence",
    [
        ([998, 1004, 9987, 10012, 99_700, 100_300], "6 sizes, 3 that lie apart"),
        ([1000, 1000, 9987, 10012, 99_700, 100_300], "5 sizes, 3 that lie apart"),
        ([1000, 10_000, 100_000], None),
        (np.linspace(1e3, 1e5, 200), None),  # checkpoints
        (np.geomspace(1e3, 1e5, 200), None),
        ([*np.linspace(1e3, 1e4, 200), 1e5], None),
        ([*np.geomspace(1e3, 2e3, 20), 1e6], None),
        ([1000, 2000, 4000, 8000, 16_000, 32_000, 32_500], None),  # and a last one
    ],
)
def test_near_sizes(sizes, evidence):
    frame = pd.DataFrame({"cells": sizes, "score": 0.1 + 0.5 / np.arange(9, 9 + len(sizes))})
    findings = make_table(frame).group_findings[0]
    assert [f.evidence for f in findings if f.code == "near_sizes"] == [evidence][: bool(evidence)]


@pytest.mark.parametrize(
    "params, evidence",
    [
        ([10, 10, 10, 10, 100, 100, 100, 100], "8 sizes, 4 that lie apart"),
        ([10, 20, 30, 40, 100, 200, 300, 400], None),  # which tell the rows apart
    ],
)
def test_near_sizes_of_two_drivers(params, evidence):
    frame = pd.DataFrame({"params": params, "tokens": [998, 1004, 9987, 10_012] * 2})
    frame["loss"] = 3 + 5 / np.arange(9, 17)
    findings = make_table(frame, drivers=["params", "tokens"]).group_findings[0]
    assert [f.evidence for f in findings if f.code == "near_sizes"] == [evidence][: bool(evidence)]


def test_fractions_among_percentages_are_named_by_row():
    frame = pd.DataFrame({"cells": [10, 10, 100, 100, 1000], "seed": [0, 1, 0, 1, 0]})
    mixed = make_table(frame.assign(accuracy=[61.0, 0.62, 71.0, 0.705, 80.0]))
    (found,) = mixed.group_findings[0]
    assert found.code == "fractions_among_percentages"
    assert found.evidence == "2 scores, rows 2, 4"
    low = make_table(frame.assign(accuracy=[0.9, 1.1, 5.0, 6.0, 30.0]))
    assert low.group_findings[0] == ()


def test_equal_scores_are_named_with_their_value():
    frame = pd.DataFrame({"cells": [10, 100, 1000] * 2, "seed": [0] * 3 + [1] * 3, "f1": 0.7})
    (found,) = make_table(frame).group_findings[0]
    assert (found.code, found.evidence) == ("equal_scores", "6 rows of 0.7")


# Groups --------------------------------------------------------------------------------------


def test_groups_in_order_of_first_appearance_with_plain_keys():
    frame = pd.DataFrame(
        {
            "model": ["b", "a", "b", "a", None, None],
            "layers": [4, 2, 4, 2, 2, 2],
            "cells": [1, 1, 2, 2, 1, 2],
            "accuracy": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        }
    )
    table = make_table(frame, by=["model", "layers"])
    assert repr(table.keys) == "(('b', 4), ('a', 2), (None, 2))"
    assert table.group.tolist() == [0, 0, 1, 1, 2, 2]
    assert table.rows["_row"].tolist() == [1, 3, 2, 4, 5, 6]
    assert table.rows.index.tolist() == [0, 2, 1, 3, 4, 5]
    assert table.n_groups == 3
    assert table.label(1) == "model=a, layers=2"
    assert codes(table.findings) == ["missing_key"]
    assert make_table(frame.dropna()).keys == ((),)
    assert make_table(frame.dropna()).label(0) == "all rows"


def test_take_keeps_some_curves_in_the_given_order():
    table = make_table(datasets.load("denadel_2026"), by=DENADEL_CURVE, on_bad="drop")
    part = table.take([5, 2])
    assert part.keys == (table.keys[5], table.keys[2])
    assert part.metrics == (table.metrics[5], table.metrics[2])
    for new, old in enumerate([5, 2]):
        pd.testing.assert_frame_equal(part.rows[part.group == new], table.rows[table.group == old])
    assert table.take([]).n_groups == 0


def test_a_curve_with_one_size_is_kept_beside_others():
    table = make_table(runs(model=["a", "a", "a", "b"]), by="model")
    assert np.bincount(table.group).tolist() == [3, 1]


def test_each_curve_has_the_metric_of_its_rows():
    frame = pd.DataFrame(
        {"metric": ["f1", "f1", "loss", "loss", "zing", "zing"], "cells": [1, 2] * 3,
         "score": [0.1, 0.2, 3.0, 2.0, 1.0, 7.0]}
    )  # fmt: skip
    table = make_table(frame, by="metric")
    assert [metric.name for metric in table.metrics] == ["f1", "loss", "zing"]
    assert [metric.better for metric in table.metrics] == ["higher", "lower", "higher"]
    assert [codes(found) for found in table.group_findings] == [[], [], ["direction_assumed"]]
    assert table.findings == ()


def test_an_unknown_metric_of_the_whole_table_is_one_finding():
    frame = runs(model=list("aabb")).rename(columns={"accuracy": "vigour"})
    table = make_table(frame, by="model", score="vigour")
    assert codes(table.findings) == ["direction_assumed"]
    assert table.group_findings == ((), ())


def test_a_column_in_percent_by_its_name_is_so_in_every_curve():
    frame = pd.DataFrame({"cells": [10, 100, 1000] * 2, "model": list("aaabbb")})
    name = "Error rate (%)"
    table = make_table(frame.assign(**{name: [9, 6, 4.5, 0.9, 0.6, 0.45]}), by="model")
    assert [metric.unit for metric in table.metrics] == ["percent", "percent"]
    written = frame.assign(**{name: ["9%", "6%", "4.5%", "0.9%", "0.6%", "0.45%"]})
    table = make_table(written, by="model")
    assert [metric.unit for metric in table.metrics] == ["fraction", "fraction"]
    assert table.rows[name].max() == 0.09


def test_curves_in_fractions_among_curves_in_percent_are_refused():
    frame = runs(model=list("aabb"), accuracy=[50.0, 60.0, 0.5, 0.6])
    with pytest.raises(TableError, match=r"never above 1 in model=b, beside percentages: row 3"):
        make_table(frame, by="model")
    left = make_table(frame, by="model", on_bad="drop")
    assert (left.keys, len(left.dropped)) == ((("a",),), 2)
    assert make_table(frame, by="model", bounds=(0, 100)).metrics[1].unit == "percent"
    alone = make_table(frame.iloc[2:], bounds=(0, 100))
    assert alone.metrics[0].unit == "percent", "nothing else tells its unit"
    nothing = make_table(runs(model=list("aabb"), accuracy=[50.0, 60.0, 0.0, 0.0]), by="model")
    assert len(nothing.keys) == 2, "zero is zero in both"


def test_model_sizes_with_one_size_of_data_are_the_driver_to_name():
    frame = runs(params=SIZES).assign(cells=3e9)
    with pytest.raises(TableError, match="the same within curves, where 'params' varies; pass dri"):
        make_table(frame)
    assert make_table(frame, drivers="params").drivers == ("params",)


def test_pooled_model_sizes_are_warned_of_when_asked_for():
    table = make_table(runs(params=SIZES), drivers="cells")
    assert codes(table.findings) == ["params_pooled"]
    by_size = make_table(runs(params=[1, 1, 2, 2]), drivers="cells", by="params")
    assert by_size.findings == ()


def test_shares_of_the_data_are_warned_of():
    assert codes(make_table(runs(cells=[0.01, 0.1, 0.5, 1])).findings) == ["sizes_are_shares"]


@pytest.mark.parametrize(
    "name, logs",
    [
        ("log10_cells", True), ("log(tokens)", True), ("ln params", True), ("cells (log2)", True),
        ("tokens_log", True), ("log10.cells.", True), ("log-cells", True),
        ("cells", False), ("logins", False), ("lncRNA cells", False),
        ("log10n", False), ("backlog items", False),
    ],
)  # fmt: skip
def test_sizes_that_are_logs_by_their_name_are_warned_of(name, logs):
    frame = runs(cells=[3, 4, 5, 6]).rename(columns={"cells": name})
    found = make_table(frame, drivers=name).findings
    assert codes(found) == ["sizes_are_logs"] * logs


def test_other_sizes_mixed_at_one_size_are_warned_of():
    frame = runs(cells=[10, 10, 100, 100])
    assert codes(make_table(frame.assign(tokens=[1, 2, 3, 3])).findings) == ["sizes_pooled"]
    assert make_table(frame.assign(tokens=[1, 1, 3, 3])).findings == ()


@given(shuffled(run_tables()))
def test_row_order_does_not_matter(tables):
    first, second = (make_table(table, by="model") for table in tables)
    assert set(first.keys) == set(second.keys)
    assert first.metrics == second.metrics
    by_size = ["cells", "seed", "accuracy"]
    for i, key in enumerate(first.keys):
        j = second.keys.index(key)
        one = first.rows.loc[first.group == i, by_size].sort_values(by_size, ignore_index=True)
        two = second.rows.loc[second.group == j, by_size].sort_values(by_size, ignore_index=True)
        pd.testing.assert_frame_equal(one, two)


@given(run_tables(), st.data())
def test_dropping_a_broken_row_is_the_same_as_not_having_it(table, data):
    broken = data.draw(st.integers(0, len(table) - 1))
    spoilt = table.assign(accuracy=table["accuracy"].where(table.index != broken))
    rest = table.drop(index=broken)
    if rest.groupby("model")["cells"].nunique().max() < 2:
        with pytest.raises(TableError):
            make_table(spoilt, by="model", on_bad="drop")
        return
    one, two = make_table(spoilt, by="model", on_bad="drop"), make_table(rest, by="model")
    assert one.keys == two.keys
    assert one.sha256 == two.sha256
    assert one.dropped["row"].tolist() == [broken + 1]


# Two drivers --------------------------------------------------------------------------------

SWEEP = {"params": [10, 10, 100, 100], "tokens": [1e3, 1e4, 1e3, 1e4], "loss": [4.1, 3.6, 3.7, 3.1]}
BOTH = ["params", "tokens"]


def sweep(**columns):
    return pd.DataFrame({**SWEEP, **columns})


@pytest.mark.parametrize("drivers", [BOTH, BOTH[::-1]])
def test_two_drivers_in_the_order_given(drivers):
    table = make_table(sweep(params=["10", "10", "0.1k", "0.1k"]), drivers=drivers)
    assert table.drivers == tuple(drivers)
    assert list(table.rows) == [*drivers, "loss", "_row"]
    assert table.rows["params"].tolist() == [10.0, 10.0, 100.0, 100.0]
    assert table.rows["params"].dtype == table.rows["tokens"].dtype == float
    assert table.findings == () == table.group_findings[0]


def test_two_drivers_reach_the_sample_as_combinations():
    frame = pd.concat([sweep(seed=0), sweep(seed=1, loss=[4.0, 3.5, 3.8, 3.2])])
    sample = of_table(make_table(frame, drivers=BOTH))
    assert sample.x.tolist() == [[10, 10, 100, 100]]
    assert sample.other[:, :, 0].tolist() == [[1e3, 1e4, 1e3, 1e4]]
    assert sample.count.tolist() == [[2, 2, 2, 2]]


@pytest.mark.parametrize(
    "columns, options, words",
    [
        ({"flop": [1, 2, 3, 4], "lr": [1, 2, 3, 4]}, {"drivers": [*BOTH, "flop", "lr"]},
         ["drivers=['params', 'tokens', 'flop', 'lr']", "one to three", "put the others in by="]),
        ({}, {"drivers": ["tokens", "tokens"]}, ["'tokens' is given as drivers= twice"]),
        ({}, {"drivers": ["params", "token"]}, ["no column 'token'", "did you mean 'tokens'"]),
        ({"params": 10}, {"drivers": BOTH}, ["column 'params' has too few sizes",
         "4 rows, all at 10", "add runs at other sizes, or pass drivers='tokens'"]),
        ({"tokens": 7}, {"drivers": BOTH}, ["column 'tokens'", "or pass drivers='params'"]),
        ({"task": [1, 1, 2, 2]}, {"drivers": BOTH, "by": "task"},
         ["column 'params'", "none of the 2 curves", "than by=['task'], or pass drivers='tokens'"]),
        ({"tokens": [1, 2, 0, 4]}, {"drivers": BOTH}, ["column 'tokens', zero", "row 3 (0)"]),
        ({"params": [1, 2, -3, 4]}, {"drivers": BOTH}, ["column 'params', negative", "row 3 (-3)"]),
        ({"tokens": [True] * 4}, {"drivers": BOTH}, ["'tokens'", "the driver is a number"]),
    ],
)  # fmt: skip
def test_drivers_that_cannot_be_used_are_refused_with_a_mend(columns, options, words):
    with pytest.raises(TableError) as caught:
        make_table(sweep(**columns), **options)
    for word in words:
        assert word in str(caught.value)


def test_a_row_without_one_driver_is_dropped_and_counted():
    frame = pd.concat([sweep(), sweep(tokens=[None, 2e3, 2e4, -1])], ignore_index=True)
    table = make_table(frame, drivers=BOTH, on_bad="drop")
    assert table.rows["_row"].tolist() == [1, 2, 3, 4, 6, 7]
    assert table.dropped[["row", "column"]].to_numpy().tolist() == [[5, "tokens"], [8, "tokens"]]


def test_rows_repeat_at_a_combination_only():
    same = sweep(seed=0)
    table = make_table(same, drivers=BOTH)
    assert len(table.rows) == 4
    assert table.group_findings == ((),)
    with pytest.raises(TableError, match=r"same params, tokens, seed and loss: row 5 .*row 2"):
        make_table(pd.concat([same, same.iloc[[1]]]), drivers=BOTH)


def test_findings_speak_of_combinations():
    frame = pd.concat([sweep(), sweep(loss=[4.2, 3.6, 3.5, 3.0])], ignore_index=True)
    seeds = [0] * 4 + [1] * 4
    ((mixed,),) = make_table(frame.assign(seed=0).drop(index=5), drivers=BOTH).group_findings
    assert mixed.message == "Rows share 'params', 'tokens' and 'seed' but differ in 'loss'."
    assert mixed.evidence == "rows 5, 6, 7"
    ((same,),) = make_table(frame.assign(seed=seeds), drivers=BOTH).group_findings
    assert (same.code, same.evidence) == ("identical_replicates", "params x tokens 10 x 10000")
    (pooled,) = make_table(frame.assign(seed=seeds, cells=range(1, 9)), drivers=BOTH).findings
    assert pooled.message.startswith("Rows at one value of 'params' and 'tokens' differ in 'cells'")


def test_shares_are_warned_of_for_each_driver():
    table = make_table(sweep(tokens=[0.1, 1, 0.1, 1]), drivers=BOTH)
    assert codes(table.findings) == ["sizes_are_shares"]
    assert "'tokens'" in table.findings[0].message


@pytest.mark.parametrize(
    "tokens, evidence",
    [
        ([200, 2000, 20_000, 200_000], "squared correlation of logs 1"),
        ([199, 2001, 20_000, 200_001], "squared correlation of logs 0.99999"),
        ([7, 7, 7, 7], "one stays the same"),
        ([200, 2000, 20_000, 190_000], None),
        ([200, 2000, 20_000, 20_000], None),
    ],
)
def test_drivers_that_do_not_vary_independently_are_warned_of(tokens, evidence):
    apart = sweep(curve="b")
    together = pd.DataFrame({"params": [10, 100, 1000, 10_000], "tokens": tokens, "curve": "a",
                             "loss": [4.0, 3.5, 3.2, 3.0]})  # fmt: skip
    table = make_table(pd.concat([together, apart]), drivers=BOTH, by="curve")
    found, none = table.group_findings
    assert none == ()
    assert codes(found) == ([] if evidence is None else ["drivers_together"])
    assert all(finding.evidence.startswith(evidence) for finding in found)


def test_the_direction_of_an_unknown_metric_follows_both_drivers():
    sizes = np.array([(p, d) for p in (1e3, 1e4, 1e5) for d in (1e5, 1e6, 1e7)])
    vigour = np.log(sizes).sum(axis=1) + [0.1, -0.1, 0.05] * 3
    frame = {"params": sizes[:, 0], "tokens": sizes[:, 1]}
    for sign, better in ((1, "higher"), (-1, "lower")):
        table = make_table({**frame, "vigour": sign * vigour}, drivers=BOTH, score="vigour")
        assert table.metrics[0].better == better
        assert codes(table.findings) == ["direction_from_trend"]


# Errors, test items and runs ------------------------------------------------------------------


def test_roles_are_kept_as_numbers_and_runs_as_given():
    frame = runs(spread=["0.02", "1%", None, 0.01], k=["3", 2, 1, "4"],
                 q=["1,000", "1k", 1000, 1e3], job=["a", "b", 3, "d"])  # fmt: skip
    table = make_table(frame, sd="spread", n="k", items="q", run="job")
    assert table.roles == {"sd": "spread", "n": "k", "items": "q", "run": "job"}
    assert list(table.rows) == ["cells", "accuracy", "spread", "k", "q", "job", "_row"]
    np.testing.assert_array_equal(table.rows["spread"], [0.02, 0.01, np.nan, 0.01])
    assert table.rows["k"].tolist() == [3.0, 2.0, 1.0, 4.0]
    assert table.rows["q"].tolist() == [1000.0] * 4
    assert table.rows["job"].tolist() == ["a", "b", 3, "d"]
    assert table.rows["k"].dtype == table.rows["q"].dtype == float
    assert table.findings == ()


def test_without_roles_a_table_has_none():
    table = make_table(runs(stderr=0.1))
    assert table.roles == {}
    assert list(table.rows) == ["cells", "accuracy", "_row"]


def test_curves_keep_their_roles():
    frame = runs(model=list("aabb"), stderr=[0.1, 0.2, 0.3, 0.4])
    part = make_table(frame, by="model", se="stderr").take([1])
    assert part.roles == {"se": "stderr"}
    assert part.rows["stderr"].tolist() == [0.3, 0.4]


@pytest.mark.parametrize(
    "options, words",
    [
        ({"se": "stder"}, ["no column 'stder' (given as se=)", "did you mean 'stderr'"]),
        ({"sd": "std"}, ["sd='std' needs n=", "pass n= with the column of the number of runs"]),
        ({"n": "k"}, ["n='k' needs sd=", "pass sd= with the column of the standard deviation"]),
        ({"se": "stderr", "sd": "std", "n": "k"}, ["se='stderr' and sd='std'", "sd= with n="]),
        ({"se": "stderr", "n": "k"}, ["se='stderr' and n='k'", "pass se=, or sd= with n="]),
        ({"se": "cells", "drivers": "cells"}, ["'cells' is given as drivers= and se="]),
        ({"run": "k", "items": "k"}, ["'k' is given as items= and run=", "plays one part"]),
        ({"by": "job", "run": "job"}, ["'job' is given as by= and run="]),
        ({"se": "flag"}, ["'flag' holds true and false", "the standard error is a number"]),
        ({"items": "flag"}, ["'flag'", "the number of test items is a number"]),
    ],
)
def test_roles_that_cannot_be_used_are_refused_with_a_mend(options, words):
    frame = runs(stderr=0.01, std=0.02, k=3, job=list("abcd"), flag=True)
    with pytest.raises(TableError) as caught:
        make_table(frame, **options)
    for word in words:
        assert word in str(caught.value)


def test_a_made_table_takes_no_roles():
    with pytest.raises(TableError, match="already made"):
        make_table(make_table(runs(stderr=0.1)), se="stderr")


def test_a_named_role_is_not_taken_for_the_score_the_seed_or_the_metric():
    frame = pd.DataFrame({"cells": SIZES, "err": 0.01, "acc": SCORES, "seed": 0, "metric": "x"})
    table = make_table(frame, se="err", run="seed")
    assert (table.score, table.seed, table.roles["run"]) == ("acc", None, "seed")
    assert make_table(frame, se="err", run="metric").metrics[0].name == "acc"


@pytest.mark.parametrize(
    "name, code, mend",
    [
        ("stderr", "se_not_used", "pass se='stderr'."),
        ("Std. Err.", "se_not_used", "pass se='Std. Err.'."),
        ("standard_error", "se_not_used", "pass se='standard_error'."),
        ("accuracy_SE", "se_not_used", "pass se='accuracy_SE'."),
        ("sd", "sd_not_used", "pass sd='sd' and n=the column of their number."),
        ("std_accuracy", "sd_not_used", "pass sd='std_accuracy' and n="),
        ("n_items", "items_not_used", "pass items='n_items'."),
        ("test_size", "items_not_used", "pass items='test_size'."),
        ("run", "run_not_used", "pass run='run'."),
        ("Run ID", "run_not_used", "pass run='Run ID'."),
        ("accuracy_lower", "bound_not_used", "pass se= with its width over 3.92."),
        ("Accuracy CI high", "bound_not_used", "pass se= with its width over 3.92."),
    ],
)
def test_columns_that_look_like_a_role_are_noted(name, code, mend):
    frame = runs(**{name: [1, 2, 3, 4]})
    (note,) = make_table(frame).findings
    assert (note.code, note.severity) == (code, "note")
    assert repr(name) in note.message
    assert mend in note.mend


@pytest.mark.parametrize(
    "score, name, code",
    [
        ("f1_mean", "f1_std", "sd_not_used"),
        ("f1_mean", "f1_sem", "se_not_used"),
        ("mean_f1", "std_f1", "sd_not_used"),
        ("accuracy_mean", "accuracy_stderr", "se_not_used"),
        ("Mean of F1", "F1 upper", "bound_not_used"),
    ],
)
def test_columns_beside_a_mean_that_look_like_its_error_are_noted(score, name, code):
    frame = pd.DataFrame({"cells": SIZES, score: SCORES, name: [0.1, 0.2, 0.1, 0.2]})
    (note,) = make_table(frame).findings
    assert (note.code, note.severity) == (code, "note")
    assert repr(name) in note.message


@pytest.mark.parametrize("given", [{}, {"drivers": "cells"}])
@pytest.mark.parametrize("beside", [[], ["Unnamed: 1", "Unnamed: 2"]])
def test_a_title_above_the_header_is_told(beside, given):
    frame = pd.DataFrame([["cells"] * (1 + len(beside))], columns=["Results", *beside])
    with pytest.raises(TableError, match=r"if a title stands above the header.*skiprows=1"):
        make_table(frame, **given)
    indexed = frame.assign(f1=0.5)
    with pytest.raises(TableError) as raised:
        make_table(indexed, **given)
    assert "title" not in str(raised.value)


def test_counts_of_right_answers_are_to_be_divided_before_their_items_are_named():
    counts = pd.DataFrame({"cells": SIZES, "right": [310, 602, 700, 748], "n_test": 800})
    (note,) = make_table(counts, score="right", better="higher").findings
    assert "divide it by 'n_test' first" in note.mend
    above = counts.assign(right=counts["right"] * 2)
    (note,) = make_table(above, score="right", better="higher").findings
    assert note.mend.endswith("so many test items, pass items='n_test'.")


def test_notes_name_both_columns_of_a_mean_of_runs():
    (note,) = make_table(runs(std=0.1, n_runs=3)).findings
    assert "sd='std' and n='n_runs'" in note.mend


@pytest.mark.parametrize(
    "columns, options",
    [
        ({"stderr": 0.1}, {"se": "stderr"}),
        ({"stderr": 0.1, "std": 0.2}, {"se": "stderr"}),
        ({"stderr": 0.1, "std": 0.2, "k": 3}, {"sd": "std", "n": "k"}),
        ({"run": list("aabb")}, {"by": "run"}),
        ({"run": list("abcd"), "run_id": list("abcd")}, {"run": "run_id"}),
        ({"n": 5}, {}),
        ({"loss_std": 5}, {}),
        ({"seed": 5}, {}),
    ],
)
def test_what_is_used_or_says_nothing_is_not_noted(columns, options):
    assert make_table(runs(**columns), **options).findings == ()


def checkpoints(**columns):
    return pd.DataFrame(
        {"cells": [10, 100, 10, 100], "run": list("aabb"), "seed": 0,
         "score": [0.1, 0.3, 0.1, 0.3], **columns}
    )  # fmt: skip


def test_rows_of_different_runs_are_not_repeats():
    with pytest.raises(TableError, match="repeating an earlier row: same cells, seed and score"):
        make_table(checkpoints())
    table = make_table(checkpoints(), run="run")
    assert len(table.rows) == 4
    assert "mixed_rows" not in codes(table.group_findings[0])
    assert table.rows["run"].tolist() == list("aabb")


@pytest.mark.parametrize("seed", [0, None, [0, 0, 1, 1]])
def test_one_run_twice_at_one_size_is_a_repeat(seed):
    frame = checkpoints(seed=seed)
    frame = pd.concat([frame, frame.iloc[[1]]])
    with pytest.raises(TableError, match=r"same cells, seed, run and score: row 5 .*as in row 2"):
        make_table(frame, run="run")
    assert make_table(frame, run="run", on_bad="drop").dropped["row"].tolist() == [5]


def test_one_run_with_two_scores_at_one_size_is_warned_of():
    frame = checkpoints(run="a", score=[0.1, 0.3, 0.2, 0.4])
    ((mixed,),) = make_table(frame, run="run").group_findings
    assert mixed.message == "Rows share 'cells', 'seed' and 'run' but differ in 'score'."
    ((alone,),) = make_table(frame.drop(columns="seed"), run="run").group_findings
    assert alone.message == "Rows share 'cells' and 'run' but differ in 'score'."


def test_the_hash_follows_the_roles():
    frame = runs(stderr=[0.1, 0.2, 0.3, 0.4], run=list("aabb"))
    other = frame.assign(stderr=0.1)
    hashes = [
        make_table(frame).sha256,
        make_table(frame, se="stderr").sha256,
        make_table(other, se="stderr").sha256,
        make_table(frame, run="run").sha256,
        make_table(frame.assign(run=list("abab")), run="run").sha256,
    ]
    assert len(set(hashes)) == 5
    assert make_table(other).sha256 == hashes[0]


def test_a_saved_fit_keeps_drivers_and_roles(tmp_path):
    columns = {"spread": [0.1, None, 0.2, 0.1], "k": [2, 1, 3, 2], "job": ["a", 7, "c", "ü"]}
    table = make_table(sweep(**columns), drivers=BOTH, sd="spread", n="k", run="job")
    one = sf.fit(sweep(), drivers="params", law="constant", variance="constant", noise="gaussian")
    replace(one, table=table).save(tmp_path / "fit.json")
    again = sf.load(tmp_path / "fit.json").table
    assert (again.drivers, again.roles) == (table.drivers, table.roles)
    pd.testing.assert_frame_equal(again.rows, table.rows, check_exact=True)


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_drivers_and_roles_of_other_libraries(library):
    module = pytest.importorskip(library, reason="tables of other libraries are optional")
    make = module.DataFrame if library == "polars" else module.table
    columns = {"spread": [0.1, None, 0.2, 0.1], "k": [2, 1, 3, 2], "run": list("abcd")}
    table = make_table(make({**SWEEP, **columns}), drivers=BOTH, sd="spread", n="k", run="run")
    same = make_table(sweep(**columns), drivers=BOTH, sd="spread", n="k", run="run")
    pd.testing.assert_frame_equal(table.rows, same.rows)
    assert (table.sha256, table.roles) == (same.sha256, same.roles)


# Real tables ----------------------------------------------------------------------------------


def shared(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the data are not here: {path}")
    return path


def test_the_chinchilla_points_have_two_drivers():
    path = shared("chinchilla_points.csv")
    with pytest.raises(TableError, match=r"drivers=\['params', 'tokens'\] for a law of both"):
        make_table(path)
    table = make_table(path, drivers=BOTH)
    assert (table.drivers, table.score, len(table.rows)) == (tuple(BOTH), "loss", 245)
    assert table.findings == () == table.group_findings[0]
    assert of_table(table).n_sizes.tolist() == [245]


def test_overtrained_models_have_two_drivers_unless_the_ratio_is_fixed():
    path = shared("lm_overtraining_dev.csv")
    table = make_table(path, drivers=BOTH, score="loss", by="eval_set")
    assert (table.n_groups, len(table.rows), len(table.dropped)) == (8, 272, 0)
    assert set(table.group_findings) == {()}
    fixed = make_table(path, drivers=BOTH, score="loss", by=["eval_set", "tokens_per_param"])
    assert {tuple(codes(found)) for found in fixed.group_findings} == {("drivers_together",)}


def test_classical_curves_lose_their_controls_by_name():
    path = shared("classical_curves_dev.csv")
    options = {"drivers": "x", "score": "y", "by": "dataset", "better": "higher"}
    with pytest.raises(TableError, match=r"6 of 42 rows.*\n.*'x', zero.*row 19 \(0\.0\)"):
        make_table(path, **options)
    table = make_table(path, on_bad="drop", **options)
    assert np.bincount(table.group).tolist() == [12, 6, 18]
    assert table.dropped["row"].tolist() == [19, 20, 21, 22, 23, 24]


# Promises of the module ----------------------------------------------------------------------


def test_table_errors_are_scalefit_errors_and_value_errors():
    assert issubclass(TableError, ScalefitError)
    assert issubclass(TableError, ValueError)


def test_a_table_cannot_be_changed():
    table = make_table(runs())
    assert isinstance(table, Table)
    with pytest.raises(AttributeError):
        table.score = "other"


def test_importing_stays_light():
    code = (
        "import sys, scalefit.table, scalefit.published, scalefit.datasets\n"
        "heavy = {'scipy.stats', 'matplotlib', 'pymc', 'arviz', 'narwhals', 'statsmodels'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_many_curves_take_about_a_second():
    n_curves, sizes, n_seeds = 20_000, np.logspace(3, 6, 8), 3
    n = n_curves * len(sizes) * n_seeds
    frame = pd.DataFrame(
        {
            "model": np.repeat([f"m{i}" for i in range(n_curves)], n // n_curves),
            "cells": np.tile(np.repeat(sizes, n_seeds), n_curves),
            "seed": np.tile(np.arange(n_seeds), n // n_seeds),
            "accuracy": np.random.default_rng(0).uniform(0.5, 0.9, n),
        }
    )
    start = time.process_time()
    table = make_table(frame, by="model")
    assert table.n_groups == n_curves
    assert time.process_time() - start < 3  # twice the budget, for a busy machine


@pytest.mark.parametrize(
    ("columns", "options", "says"),
    [
        ({"cells": [1e3, 1e4], "f1": [0.5, 0.6]}, {"by": "cells"}, "'cells', is given as by="),
        ({"cells": [1e3, 1e4], "run_1": [0.5, 0.6], "run_2": [0.5, 0.6]}, {}, "a row of its own"),
    ],
)
def test_what_plays_no_part_is_told_with_its_reason(columns, options, says):
    with pytest.raises(TableError, match=says):
        make_table(columns, **options)


@pytest.mark.parametrize("drawn", range(5))
def test_shares_of_few_cells_that_tie_by_chance_are_no_copies(drawn):
    rng = np.random.default_rng(drawn)
    cells = np.repeat(4.0 ** np.arange(5, 11), 6)
    score = 0.9 - 2 * cells**-0.5 + rng.normal(0, 0.01, cells.size)
    shares = pd.DataFrame({"cells": cells, "f1": np.round(score * 384) / 384}).sample(
        frac=1, random_state=drawn, ignore_index=True
    )
    assert shares.duplicated().any()
    assert "equal_rows" not in codes(make_table(shares).findings)
    fine = pd.DataFrame({"cells": cells, "f1": score.round(6)})
    twice = pd.concat([fine, fine.iloc[[3, 17]]], ignore_index=True)
    assert "equal_rows" in codes(make_table(twice).findings)


@pytest.mark.parametrize("drivers", [["cells"], ["cells", "epochs"]])
def test_copies_that_no_seed_tells_apart_are_named(drivers):
    frame = pd.DataFrame(
        {"cells": [1e3, 1e4, 1e5, 1e4], "epochs": [1, 2, 1, 2], "f1": [0.5, 0.6, 0.7, 0.61234]}
    )
    frame.loc[1, "f1"] = 0.61234
    (found,) = [
        finding
        for finding in make_table(frame[[*drivers, "f1"]], drivers=drivers).findings
        if finding.code == "equal_rows"
    ]
    assert found.severity == "warn"
    assert found.evidence == "rows 4"
    rounded = make_table(frame.round(2)[[*drivers, "f1"]], drivers=drivers)
    assert "equal_rows" not in {finding.code for finding in rounded.findings}


def test_scores_tell_their_unit_where_sizes_cannot_be_read():
    told = {"cells": ["~1k", "~10k", "~100k", "~1M"], "accuracy": [50, 60, 65, 68]}
    with pytest.raises(TableError, match="column 'cells', not a number") as raised:
        make_table(told)
    assert "accuracy" not in str(raised.value)
    with pytest.raises(TableError, match=r"column 'accuracy', outside \[0, 1\].*row 1 \(8.3\)"):
        make_table({**told, "accuracy": [8.3, 0.6, 0.65, 0.68]})


def test_a_row_without_a_size_is_no_part_of_the_trend():
    sizes, scores = [1e3, 1e4, 1e5, 1e6], [1.0, 2.1, 2.9, 4.0]
    alone = make_table({"cells": sizes, "vigour": scores}, score="vigour")
    beside = make_table(
        {"cells": [*sizes, 0], "vigour": [*scores, 1e6]}, score="vigour", on_bad="drop"
    )
    assert [f for f in beside.findings if f.code == "direction_from_trend"] == list(alone.findings)
