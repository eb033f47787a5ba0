import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from scalefit import datasets
from scalefit.errors import FitError, TableError
from scalefit.published import published_saturation, published_sizes
from scalefit.table import make_table

from .strategies import run_tables, shuffled

CURVE = ["task", "model", "downsampling", "dataset"]
BASE_SIZE = {"scVI": 1.0, "Geneformer": 256.0}


def base_runs():
    runs = datasets.load("denadel_2026")
    return runs[runs["size_label"].isna() | (runs["size_label"] == runs["model"].map(BASE_SIZE))]


def test_every_published_point_with_runs_is_reproduced(measured):
    ours = published_saturation(base_runs(), by=CURVE)
    both = ours.merge(datasets.load("denadel_2026_saturation"), on=CURVE, suffixes=("", "_theirs"))
    assert len(both) == len(ours) == 13
    same = both["saturation_percent"] == both["saturation_percent_theirs"]
    agree = ("N8", "points with bundled runs", "share that agrees", same.mean())
    measured(*agree, replicates=13, low=1.0, high=1.0)
    assert (both["saturation"] == 222_000 * both["saturation_percent"]).all()
    assert set(both["saturation_percent"]) == {1, 10, 25}  # not one constant answer


def test_only_one_size_of_geneformer_gives_its_published_point():
    runs = datasets.load("denadel_2026").query(
        "model == 'Geneformer' and dataset == 'hematopoiesis' and downsampling == 'random'"
    )
    ours = published_saturation(runs, by="size_label").set_index("size_label")
    assert ours["saturation_percent"].to_dict() == {32: 1, 64: 1, 128: 1, 256: 25}


def test_the_rule_on_seed_means_would_not_reproduce_them():
    by = [*CURVE, "metric"]
    means = base_runs().groupby([*by, "percent", "cells"], as_index=False)["score"].mean()
    ours = published_saturation(means, by=CURVE).merge(
        datasets.load("denadel_2026_saturation"), on=CURVE, suffixes=("", "_theirs")
    )
    assert (ours["saturation_percent"] != ours["saturation_percent_theirs"]).any()


def test_untrained_baselines_are_left_out_and_counted():
    runs = {"cells": [0, 0, 10, 100], "accuracy": [0.99, 0.2, 0.5, 0.6], "seed": [0, 1, 0, 0]}
    (row,) = published_saturation(runs).to_dict("records")
    assert (row["best_score"], row["n_runs"], row["n_left_out"]) == (0.6, 2, 2)


def test_a_group_of_untrained_runs_only_is_still_there():
    runs = {"model": ["b", "a", "a"], "cells": [0, 10, 100], "accuracy": [0.5, 0.6, 0.7]}
    result = published_saturation(runs, by="model").set_index("model")
    assert result.loc["b", ["n_runs", "n_left_out"]].tolist() == [0, 1]
    assert np.isnan(result.loc["b", "saturation"])


def test_the_bar_is_strict():
    runs = {"cells": [1, 10, 100], "accuracy": [0.5 * 0.8, np.nextafter(0.4, 1), 0.8]}
    result = published_saturation(runs, threshold=0.5)
    assert result["threshold_score"].item() == 0.4
    assert result["saturation"].item() == 10


def test_percent_is_of_the_whole_table_without_a_percent_column():
    runs = pd.DataFrame(
        {
            "model": ["a", "a", "b", "b"],
            "cells": [10, 100, 10, 50],
            "accuracy": [0.1, 0.9, 0.1, 0.9],
        }
    )
    assert published_saturation(runs, by="model")["saturation_percent"].tolist() == [100, 50]
    runs["Percentage"] = [5, 75, 5, 25]
    assert published_saturation(runs, by="model")["saturation_percent"].tolist() == [75, 25]


def test_a_best_score_of_zero_or_less_has_no_point():
    result = published_saturation({"cells": [1, 10], "r2": [-2.0, -1.0]})
    assert np.isnan(result["saturation"].item())


def test_lower_is_better_is_refused():
    with pytest.raises(FitError, match=r"higher scores are better.*'val_loss'"):
        published_saturation({"cells": [1, 10], "val_loss": [3.0, 2.0]})


def test_the_points_of_a_checked_table_are_the_same():
    runs = base_runs()
    table = make_table(runs, by=CURVE, on_bad="drop")
    ours = published_saturation(runs, by=CURVE)
    assert [tuple(key) for key in ours[CURVE].to_numpy()] == list(table.keys)
    assert published_sizes(table).tolist() == ours["saturation"].tolist()
    losses = make_table({"cells": [1, 10], "val_loss": [3.0, 2.0]})
    assert np.isnan(published_sizes(losses)).all()


@pytest.mark.parametrize("threshold", [0, 1, 95, -0.5, float("nan")])
def test_a_threshold_outside_its_range_is_refused(threshold):
    with pytest.raises(FitError, match="between 0 and 1"):
        published_saturation({"cells": [1, 10], "score": [1, 2]}, threshold=threshold)


def test_bad_rows_keep_their_numbers():
    runs = {"cells": [0, 0, 10, 100, 1000], "accuracy": [0.1, 0.1, 0.5, None, 0.6]}
    with pytest.raises(TableError, match=r"'accuracy'.*row 4"):
        published_saturation(runs)
    assert published_saturation(runs, on_bad="drop")["n_runs"].item() == 2


def test_the_rule_knows_one_driver():
    frame = {"params": [1, 1, 2, 2], "tokens": [1, 2, 1, 2], "accuracy": [0.5, 0.6, 0.7, 0.8]}
    both = ["params", "tokens"]
    with pytest.raises(
        FitError, match=r"one size, not \['params', 'tokens'\]; pass drivers='params'"
    ):
        published_saturation(frame, drivers=both)
    assert np.isnan(published_sizes(make_table(frame, drivers=both))).all()


@given(shuffled(run_tables()))
def test_row_order_does_not_matter(tables):
    first, second = (
        published_saturation(table, by="model").sort_values("model", ignore_index=True)
        for table in tables
    )
    pd.testing.assert_frame_equal(first, second)


@given(run_tables())
def test_a_lower_bar_is_passed_no_later(table):
    high = published_saturation(table, by="model", threshold=0.98)
    low = published_saturation(table, by="model", threshold=0.9)
    assert (low["saturation"] <= high["saturation"]).all()
