import pytest

from scalefit import datasets
from scalefit.errors import ScalefitError
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
