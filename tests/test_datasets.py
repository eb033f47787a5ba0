import pandas as pd
import pytest

from scalefit import datasets
from scalefit.errors import ScalefitError
from scalefit.literature import stated_rows
from scalefit.reading import read_table


def test_the_list_describes_every_file():
    table = datasets.list()
    assert list(table.columns) == [
        "name", "rows", "what", "units", "source", "licence", "published_result",
    ]  # fmt: skip
    assert (table != "").to_numpy().all()
    folder = datasets.path("denadel_2026").parent
    assert sorted(table["name"]) == sorted(path.stem for path in folder.glob("*.csv"))
    note = (folder / "README.md").read_text(encoding="utf-8")
    for row in table.itertuples():
        assert len(datasets.load(row.name)) == row.rows
        assert f"{row.name}.csv ({row.rows} rows)" in note
    assert "10.1038/s41592-026-03120-y" in note


@pytest.mark.parametrize("name", datasets.list()["name"])
def test_loading_is_reading_the_file(name):
    frame = datasets.load(name)
    assert frame.attrs["name"] == name
    assert frame.attrs["source"] == f"{name}.csv"
    assert frame.attrs["sha256"] == read_table(datasets.path(name)).attrs["sha256"]
    assert not frame.duplicated().any()


def test_cells_are_percent_of_the_whole():
    runs = datasets.load("denadel_2026")
    assert (runs["cells"] == 222_000 * runs["percent"]).all()
    assert runs["score"].between(0, 1).all()


def test_every_saturation_point_has_a_metric():
    points = datasets.load("denadel_2026_saturation")
    assert not points.isna().any().any()
    keys = ["task", "model", "downsampling", "dataset"]
    assert not points.duplicated(keys).any()


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ScalefitError, match=r"'denadel_2025'.*did you mean 'denadel_2026'\?"):
        datasets.load("denadel_2025")


def test_means_read_from_figures_are_those_of_the_runs():
    """Two independent transcriptions of one study agree to the accuracy of the figures."""
    runs = datasets.load("denadel_2026")
    runs = runs[(runs["percent"] > 0) & (runs["downsampling"] == "random")]
    keys = ["model", "size_label", "dataset", "percent"]
    means = runs.groupby(keys)["score"].mean().reset_index()
    read = datasets.load("denadel_2026_model_sizes")
    both = means.merge(read[read["pooled_over_downsampling"] == 0], on=keys)
    assert len(both) == 68
    assert (both["score"] - both["mean_score"]).abs().max() < 0.003


def test_larger_models_classify_better():
    read = datasets.load("denadel_2026_model_sizes")
    read = read[(read["model"] == "scVI") & (read["metric"] == "micro_f1")]
    wide = read.pivot_table("mean_score", ["dataset", "percent"], "size_label")
    assert (wide.diff(axis=1).iloc[:, 1:].fillna(1.0) > 0).all(axis=None)


def test_the_stated_saturation_points_are_the_largest_of_the_heat_maps():
    stated = datasets.load("published_estimates")
    stated = stated[stated["quantity"] == "largest saturation point"]
    points = datasets.load("denadel_2026_saturation")
    largest = points.groupby("task")["saturation_percent"].max()
    for row in stated.itertuples():
        assert largest[row.setting.replace("-", "_").replace(" ", "_")] == row.estimate


def test_published_estimates_are_complete_and_consistent():
    rows = datasets.load("published_estimates")
    assert (
        rows[["source", "setting", "quantity", "estimate", "unit", "note"]].notna().all(axis=None)
    )
    assert not rows.duplicated(["source", "setting", "quantity"]).any()
    assert rows["note"].str.contains(r"arXiv:\d{4}\.\d{5}|doi:10\.").all()
    known = rows[rows["std_error"].notna() | rows["lower"].notna()]
    assert len(stated_rows(known.drop(columns=["unit", "note"]), "published")) == 7
    assert (known["lower"].isna() == known["level"].isna()).all()
    # Where both are stated, the interval is about two standard errors to either side.
    both = known[known["std_error"].notna() & known["lower"].notna()]
    width = (both["upper"] - both["lower"]) / both["std_error"]
    assert width.between(3.5, 4.2).all()


def test_published_fits_have_the_parameters_of_their_law():
    for name in ("hoffmann_2022", "besiroglu_2024"):
        paper = datasets.published(name)
        assert list(paper.stated) == ["E", "A", "B", "alpha", "beta"]
    assert isinstance(paper.table, pd.DataFrame)
    with pytest.raises(ScalefitError, match="did you mean 'hoffmann_2022'"):
        datasets.published("hoffman_2022")
