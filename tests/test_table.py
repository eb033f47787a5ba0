import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalefit import datasets
from scalefit.errors import ScalefitError, TableError
from scalefit.table import Table, make_table

from .strategies import DENADEL_CURVE, SCORES, SIZES, run_tables, runs, shuffled


def codes(findings):
    return [finding.code for finding in findings]


# Conventions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "cells", "Cells", "n_cells", "N Cells", "num_cells", "ncells", "nCells", "cell_count",
        "train_cells", "n_train_cells", "# cells", "tokens", "samples", "seen_examples",
        "size_train", "train_size", "n_train", "dataset_size", "params", "n_params",
        "num_params", "model_params", "parameters", "Number of parameters",
    ],
)  # fmt: skip
def test_drivers_by_convention(name):
    assert make_table({name: SIZES, "score": SCORES}).drivers == (name,)


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
        (runs(params=SIZES), {}, ["'cells' and 'params'", "by='params'", "drivers='params'"]),
        ({"a": SIZES, "score": SCORES}, {}, ["'a', 'score'", "drivers="]),
        ({"tokens": SIZES, "samples": SIZES, "score": SCORES}, {}, ["'tokens', 'samples'"]),
        ({"cells": SIZES, "b": SCORES}, {}, ["'cells', 'b'", "score="]),
        (runs(auc=SCORES), {}, ["'accuracy', 'auc'", "score="]),
        ({"cells": SIZES, "score": SCORES, "metric": ["f1", "f1", "auc", "auc"]}, {},
         ["'metric'", "'f1', 'auc'", "by='metric'"]),
        (runs().set_index("cells"), {"drivers": "cells"}, ["in the index", "reset_index"]),
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
        ([0.3, 0.3, 0.3, 0.3], None),  # a constant curve is a finding of its own elsewhere
    ],
)
def test_identical_replicates(scores, sizes):
    frame = pd.DataFrame({"cells": [10, 10, 100, 100], "seed": [0, 1, 0, 1], "score": scores})
    findings = make_table(frame).group_findings[0]
    assert codes(findings) == ([] if sizes is None else ["identical_replicates"])
    if sizes is not None:
        assert findings[0].evidence == f"cells {sizes}"


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


def test_fractions_among_percentages_are_warned_of():
    frame = runs(model=list("aabb"), accuracy=[50.0, 60.0, 0.5, 0.6])
    table = make_table(frame, by="model")
    assert [codes(found) for found in table.group_findings] == [[], ["mixed_units"]]


def test_pooled_model_sizes_are_warned_of_when_asked_for():
    table = make_table(runs(params=SIZES), drivers="cells")
    assert codes(table.findings) == ["params_pooled"]
    by_size = make_table(runs(params=[1, 1, 2, 2]), drivers="cells", by="params")
    assert by_size.findings == ()


def test_shares_of_the_data_are_warned_of():
    assert codes(make_table(runs(cells=[0.01, 0.1, 0.5, 1])).findings) == ["sizes_are_shares"]


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
