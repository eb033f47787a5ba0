"""Published constants beside ours: what was published comes back, and so does what was not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import scalefit as sf
from scalefit.errors import FitError, LawError

from .test_compare import table
from .test_likelihood import POINTS

DRIVERS = ["params", "tokens"]
needs_points = pytest.mark.skipif(not POINTS.exists(), reason="the points are not in this checkout")


@needs_points
def test_besiroglu_is_reproduced_and_says_by_what():
    """Least absolute log residuals without the five largest losses, and no other cell."""
    paper = sf.datasets.published("besiroglu_2024")
    found = sf.reproduce(POINTS, paper, drivers=DRIVERS, exclude=(0, 5), inference="wald",
                         noise=["lad", "hoffmann", "lognormal"])  # fmt: skip
    best = found.cells.iloc[0]
    assert (best["noise"], best["left_out"], best["digits"]) == ("lad", "the 5 worst", 5)
    assert (found.cells["digits"][1:] < 5).all()
    assert "all 5 numbers are reproduced" in found.headline()
    beta = found.spread.set_index("parameter").loc["beta"]
    # Huber or least squares, with or without the five: the exponents that others have reported.
    assert beta["least"] < 0.37
    assert 0.60 < beta["greatest"] < 0.66


@needs_points
def test_hoffmann_is_not_reproduced_by_any_cell():
    found = sf.reproduce(POINTS, sf.datasets.published("hoffmann_2022"), drivers=DRIVERS,
                         exclude=(0, 5), inference="wald", noise=["lad", "hoffmann"])  # fmt: skip
    assert "not reproduced" in found.headline()
    ours = found.table.query("parameter == 'beta'")
    assert (ours["estimate"] > 0.36).all()
    assert not ours["inside"].any()


def test_a_law_of_two_drivers_takes_the_columns_called_so():
    grid = np.meshgrid([1e7, 1e8, 1e9], np.geomspace(1e9, 1e11, 4))
    params, tokens = (each.ravel() for each in grid)
    noise = 1 + 0.005 * np.random.default_rng(0).standard_normal(params.size)
    loss = (1.7 + 400 * params**-0.34 + 410 * tokens**-0.28) * noise
    runs = pd.DataFrame({"tokens": tokens, "flop": 1.0, "n_params": params, "loss": loss})
    options = {"noise": ["lognormal"], "inference": "wald"}
    paper = sf.PublishedFit("A", "additive", {"alpha": 0.34, "beta": 0.28})
    found = sf.reproduce(runs, paper, **options)
    told = sf.reproduce(runs, paper, drivers=["n_params", "tokens"], **options)
    pd.testing.assert_frame_equal(found.table, told.table)
    with pytest.raises(FitError, match=r"additive has 2 drivers; name .* drivers=\['params', 'tok"):
        sf.reproduce(runs.rename(columns={"n_params": "width"}), paper, **options)


def test_own_constants_come_back():
    runs = table(seed=1)
    params = sf.fit(runs, law="saturating_power", noise="gaussian").params
    paper = sf.PublishedFit(
        "We", "saturating_power", {"exponent": float(params.loc["exponent", "estimate"])}
    )
    found = sf.reproduce(runs, paper, noise=["gaussian", "student"])
    row = found.table.iloc[0]
    assert row["distance"] == pytest.approx(0.0, abs=1e-12)
    assert row["inside"]
    assert set(found.table["noise"]) == {"gaussian", "student"}


def test_exclusions_leave_out_what_they_say():
    runs = table(seed=1, cells=np.array([1e4, 1e5, 1e6, 1e7, 1e8]))
    paper = sf.PublishedFit("A", "log_linear", {"slope": 0.02})
    found = sf.reproduce(runs, paper, noise=["gaussian"], exclude={
        "nothing": 0, "the two worst": 2,
        "the smallest size": lambda t: (t["cells"] == 1e4).to_numpy(),
    })  # fmt: skip
    assert found.table["n"].tolist() == [20, 18, 16]
    kept = sf.fit(runs[runs["cells"] > 1e4], law="log_linear").params.loc["slope", "estimate"]
    assert found.table["estimate"][2] == pytest.approx(kept)
    kept = sf.fit(runs.sort_values("f1")[2:], law="log_linear").params.loc["slope", "estimate"]
    assert found.table["estimate"][1] == pytest.approx(kept)


def test_what_cannot_be_reproduced_is_refused():
    runs, paper = table(seed=1), sf.PublishedFit("A", "hill", {"half_size": 1e5})
    with pytest.raises(LawError, match="A states half_size, and the law log_linear has"):
        sf.reproduce(runs, paper, law="log_linear")
    good = sf.PublishedFit("A", "log_linear", {"slope": 0.2})
    with pytest.raises(FitError, match="how many of the 16 rows"):
        sf.reproduce(runs, good, exclude=[99])
    with pytest.raises(FitError, match="True for the rows to leave out"):
        sf.reproduce(runs, good, exclude={"odd": lambda _: [1, 2]})
    with pytest.raises(FitError, match="one curve"):
        sf.reproduce(pd.concat([runs.assign(m=0), runs.assign(m=1)]), good, by="m")


def test_a_published_law_and_its_parameters_are_checked_when_they_are_stated():
    with pytest.raises(LawError, match="did you mean 'saturating_power'"):
        sf.PublishedFit("A", "sat_power", {"exponent": 0.3})
    with pytest.raises(FitError, match=r"A: the law additive has no parameter 'alpha1'.*'alpha'"):
        sf.PublishedFit("A", "additive", {"alpha1": 0.3})
    own = sf.Law.from_function("line", lambda x, a, b: a + b * x, {"a": 1.0, "b": 1.0})
    assert sf.PublishedFit("A", own, {"b": 0.3}).stated["b"].estimate == 0.3


def test_a_published_number_is_checked():
    with pytest.raises(FitError, match="standard error is positive"):
        sf.PublishedFit("A", "additive", {"beta": (0.3, -0.1)})
    with pytest.raises(FitError, match="interval holds its estimate"):
        sf.PublishedFit("A", "additive", {"beta": (0.3, 0.4, 0.5)})
    with pytest.raises(FitError, match="give a number"):
        sf.PublishedFit("A", "additive", {"beta": "0.3?"})
