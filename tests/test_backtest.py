"""Backtests: what is hidden, that nothing of it leaks, how forecasts are scored and told."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy.integrate import quad
from scipy.special import stdtr, stdtrit
from scipy.stats import norm

import scalefit as sf
from scalefit.cli import cli
from scalefit.plots import paper
from scalefit.scoring import crps_two_piece_t, interval_score, share_of_curves

SIZES = np.geomspace(1e4, 1e7, 7)


def runs(sizes=SIZES, seed=0, sd=0.004, name="f1", replicates=3, **columns):
    x = np.repeat(np.asarray(sizes, dtype=float), replicates)
    score = 0.9 - 3.0 * x**-0.3 + np.random.default_rng(seed).normal(0, sd, x.size)
    seeds = list(range(replicates)) * len(sizes)
    return pd.DataFrame({"cells": x, "seed": seeds, name: score, **columns})


def several():
    return pd.concat([runs(seed=i, model=m) for i, m in enumerate("abc")], ignore_index=True)


@pytest.fixture(scope="module")
def found():
    return sf.backtest(several(), by="model")


# Scores -----------------------------------------------------------------------------------------


def test_interval_score_by_hand():
    assert interval_score(1.0, 3.0, 0.8, [2.0, 0.5, 3.1]).tolist() == pytest.approx([2, 7, 3])
    assert interval_score(1.0, np.inf, 0.8, 2.0) == np.inf


def test_crps_is_that_of_a_normal_for_many_degrees_of_freedom():
    y, sd = np.linspace(-4, 4, 17), 0.7
    half = norm.ppf(0.975) * sd
    z = (y - 0.3) / sd
    closed = sd * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))
    found = crps_two_piece_t(0.3, 0.3 - half, 0.3 + half, 0.95, 1e7, y)
    np.testing.assert_allclose(found, closed, rtol=1e-6)


@pytest.mark.parametrize("df", [1, 2.5, 30])
@pytest.mark.parametrize("y", [-3.0, -0.2, 0.0, 0.4, 7.0])
def test_crps_is_the_integral_it_is_said_to_be(df, y):
    lower, upper = -1.0, 4.0
    unit = stdtrit(df, 0.95)

    def squared(x):
        below = stdtr(df, x / (upper if x >= 0 else -lower) * unit)
        return (below - (x >= y)) ** 2

    ends = [-np.inf, min(y, 0.0), max(y, 0.0), np.inf]
    total = sum(quad(squared, a, b)[0] for a, b in itertools.pairwise(ends))
    assert crps_two_piece_t(0.0, lower, upper, 0.90, df, y) == pytest.approx(total, rel=1e-6)


def test_crps_of_open_missing_and_certain_forecasts():
    assert crps_two_piece_t(1.0, -np.inf, 2.0, 0.95, 5, 1.0) == np.inf
    assert np.isnan(crps_two_piece_t(np.nan, np.nan, np.nan, 0.95, 5, 1.0))
    assert crps_two_piece_t(1.0, 1.0, 1.0, 0.95, 5, 3.0) == pytest.approx(2.0)
    # The half of the distribution above the median is a step: only the lower tail costs.
    one_sided = crps_two_piece_t(1.0, 0.0, 1.0, 0.95, 5, 1.0)
    assert one_sided == pytest.approx(0.5 * crps_two_piece_t(1.0, 0.0, 2.0, 0.95, 5, 1.0))


def test_coverage_of_curves_is_never_certain():
    """The interval of ten perfect curves reaches down as that of ten runs, however many runs."""
    perfect = share_of_curves(np.ones(10), 500)
    assert (perfect.share, perfect.error, perfect.upper) == (1.0, 0.0, pytest.approx(1.0))
    assert perfect.lower == pytest.approx(10 / (10 + norm.ppf(0.975) ** 2))  # Wilson
    alone = share_of_curves([0.9], 30)
    assert np.isnan(alone.error)
    assert alone.upper - alone.lower > 0.5
    assert np.isnan(share_of_curves([], 0)).all()


def test_runs_of_a_curve_are_one_cluster():
    """Curves that miss together or not at all say no more than one run each."""
    together = share_of_curves([1.0, 0.0] * 20, 400)
    apart = share_of_curves([0.4, 0.6] * 20, 400)
    assert together.upper - together.lower > 3 * (apart.upper - apart.lower)


# What is hidden ---------------------------------------------------------------------------------


def test_cuts_keep_four_sizes_and_half_the_range(found):
    cuts = found.rows.groupby("curve")["largest_left"].unique()
    for sizes in cuts:
        np.testing.assert_allclose(np.sort(sizes), SIZES[3:6])
    rows = found.rows
    assert rows["sizes_left"].min() == 4
    np.testing.assert_allclose(rows["factor"], rows["size"] / rows["largest_left"])
    spanned = np.log(rows["largest_left"] / 1e4)
    np.testing.assert_allclose(rows["distance"], np.log(rows["factor"]) / spanned)
    assert rows["distance"].max() == pytest.approx(1.0)  # half is hidden, half is left


@pytest.mark.parametrize(("holdout", "n_cuts"), [(0.17, 1), (0.34, 2), (0.5, 3), (0.9, 3)])
def test_holdout_is_the_share_of_the_log_range(holdout, n_cuts):
    found = sf.backtest(runs(), holdout)
    assert found.rows["largest_left"].nunique() == n_cuts


def test_long_curves_are_thinned_evenly():
    found = sf.backtest(runs(np.geomspace(1e3, 1e7, 40), replicates=1), law="log_linear")
    rows = found.rows[found.rows["forecaster"] == "chosen"]
    steps = np.log(np.sort(rows["largest_left"].unique()))
    assert len(steps) == 6
    np.testing.assert_allclose(np.diff(steps), np.diff(steps).mean(), rtol=0.35)
    assert rows.groupby("largest_left").size().max() == 6
    assert (rows.groupby("largest_left")["size"].max() == 1e7).all()


def test_a_cut_is_the_fit_that_one_would_have_made(found):
    """The same numbers as fitting the rows left by hand, and asking for the hidden sizes."""
    rows = found.table.query("model == 'b' and sizes_left == 5")
    left = runs(seed=1).query("cells < 1.1e6")
    fit = sf.fit(left, force=True)
    for law in ("pooled", "chosen", "log_linear", "hill"):
        told = rows[rows["forecaster"] == law]
        named = fit.law.name if law == "chosen" else law
        by_hand = (fit if law == "pooled" else sf.fit(left, law=named, force=True)).predict(
            SIZES[5:], "run"
        )
        for column in ("estimate", "lower", "upper"):
            np.testing.assert_allclose(told[column], by_hand[column], rtol=1e-6)
    assert set(rows.query("forecaster == 'chosen'")["law"]) == {fit.law.name}


def test_the_robust_interval_holds_those_of_the_laws_it_names(found):
    rows = found.rows.set_index(["curve", "largest_left", "size", "forecaster"]).sort_index()
    for key, row in rows.xs("robust", level="forecaster").iterrows():
        laws = row["law"].split(" or ")
        named = [rows.loc[(*key, law)] for law in laws if (*key, law) in rows.index]
        lower, upper = min(law["lower"] for law in named), max(law["upper"] for law in named)
        if len(named) == len(laws):
            assert (row["lower"], row["upper"]) == (lower, upper)
        else:  # slow growth is in the hull, and no forecaster of its own
            assert row["lower"] <= lower
            assert row["upper"] >= upper


def test_hidden_runs_do_not_reach_the_forecast(found):
    """Other scores at the hidden sizes change what is observed, and nothing else."""
    table = several()
    hidden = table["cells"] > 2e6
    table.loc[hidden, "f1"] += 0.05
    other = sf.backtest(table, by="model")
    mine, theirs = (b.rows[b.rows["sizes_left"] == 5].reset_index() for b in (found, other))
    columns = ["forecaster", "law", "estimate", "lower", "upper"]
    pd.testing.assert_frame_equal(mine[columns], theirs[columns])
    assert (theirs["observed"] - mine["observed"]).to_numpy() == pytest.approx(0.05)
    raised = theirs["signed_error"] - mine["signed_error"]
    assert (raised.dropna() < 0).all()


def test_a_batch_is_its_curves_one_by_one(found):
    for i, model in enumerate("abc"):
        alone = sf.backtest(runs(seed=i)).rows.drop(columns="curve")
        mine = found.rows[found.rows["curve"] == i].drop(columns="curve").reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, alone, rtol=1e-6)
        assert found.table.loc[found.rows["curve"] == i, "model"].eq(model).all()


def test_the_hull_of_a_curve_does_not_depend_on_the_others():
    """The law chosen for one curve joins no other curve's hull."""
    x = np.repeat(SIZES, 3)
    noise = np.random.default_rng(5).normal(0, 0.002, x.size)
    straight = pd.DataFrame({"cells": x, "seed": [0, 1, 2] * 7, "f1": 0.04 * np.log(x) + noise})
    curves = pd.concat([straight.assign(model="straight"), runs(sd=0.02, model="bent")])
    laws = ["log_linear", "power"]
    both = sf.backtest(curves, by="model", law=laws)
    chosen = both.table[both.table["forecaster"] == "chosen"].groupby("model")["law"].unique()
    assert {model: set(names) for model, names in chosen.items()} == {
        "straight": {"log_linear"}, "bent": {"power"},
    }  # fmt: skip
    mine = both.rows[both.table["model"] == "bent"].drop(columns="curve").reset_index(drop=True)
    alone = sf.backtest(runs(sd=0.02), law=laws).rows.drop(columns="curve")
    pd.testing.assert_frame_equal(mine, alone, rtol=1e-6)


def test_scores_of_a_mirrored_metric_are_the_same(found):
    """A promise not kept is one whether higher or lower is better."""
    mirrored = several()
    mirrored["loss"] = 1.0 - mirrored.pop("f1")
    other = sf.backtest(mirrored, by="model", bounds=(0, 1), noise="gaussian").rows
    mine = found.rows
    np.testing.assert_allclose(other["covered"], mine["covered"])
    for column in ("crps", "interval_score"):
        np.testing.assert_allclose(other[column], mine[column], rtol=1e-4)
    np.testing.assert_allclose(
        other["signed_error"] * other["observed"], mine["signed_error"] * mine["observed"],
        atol=1e-6,
    )  # fmt: skip


def test_a_fit_is_taken_as_it_is(found):
    fits = sf.fit(several(), by="model")
    pd.testing.assert_frame_equal(sf.backtest(fits).rows, found.rows)
    one = sf.backtest(fits["a"])
    assert (one.table.columns[0], one.passed(0.1).tolist()) == ("model", [True])
    with pytest.raises(sf.ScalefitError, match="law: the data are fitted already"):
        sf.backtest(fits, law="power")


def test_progress_is_told_to_the_end():
    told = []
    sf.backtest(runs(), law="log_linear", progress=lambda *step: told.append(step))
    assert told == [("backtest", done, 3) for done in range(4)]


def test_curves_that_cannot_be_cut_are_listed():
    table = pd.concat([
        runs(model="good"),
        runs(SIZES[:4], model="short"),
        runs([1e4, 2e4, 3e4, 4e4, 5e4, 1e7], model="gap"),
    ])  # fmt: skip
    found = sf.backtest(table, by="model")
    reasons = found.skipped.set_index("model")["reason"]
    assert list(reasons.index) == ["short", "gap"]
    assert reasons["short"] == "4 sizes; 5 are needed, to hide one and fit 4"
    assert "takes 77 % of the log range" in reasons["gap"]
    assert "2 curves not backtested" in found.summary()
    assert found.passed(0.1).to_dict() == {("good",): True, ("short",): False, ("gap",): False}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"holdout": 2}, "holdout=2; give the share of the log range"),
        ({"holdout": 0.1}, "no curve can be backtested: the largest size alone takes 17 %"),
        ({"laws": "power"}, "laws"),
    ],
)
def test_refusals_say_what_to_do(arguments, message):
    with pytest.raises((sf.ScalefitError, TypeError), match=message):
        sf.backtest(runs(), **arguments)


# What is told -----------------------------------------------------------------------------------


def test_coverage_is_the_mean_over_curves(found):
    row = found.coverage.set_index(["forecaster", "distance"]).loc[("robust", "all")]
    mine = found.rows[found.rows["forecaster"] == "robust"]
    shares = mine.groupby("curve")["covered"].mean()
    assert row["coverage"] == pytest.approx(shares.mean())
    assert row["error"] == pytest.approx(shares.std() / np.sqrt(3))
    assert (row["curves"], row["sizes"], row["runs"]) == (3, 18, 54)
    assert set(found.coverage["distance"]) == {"up to 0.25", "0.25 to 0.5", "0.5 to 1", "all"}


def test_a_law_without_forecast_is_silent_and_not_covered():
    """Four sizes carry no law of four parameters."""
    found = sf.backtest(runs(SIZES[:5]))
    rows = found.rows[found.rows["forecaster"] == "hill"]
    assert rows[["estimate", "lower", "upper", "covered", "crps"]].isna().all(axis=None)
    row = found.coverage.set_index(["forecaster", "distance"]).loc[("hill", "all")]
    assert (row["silent"], row["runs"]) == (1.0, 0)
    assert np.isnan(row["coverage"])
    assert not found.passed(0.1, "hill").any()


def test_a_single_law_has_nothing_to_pool():
    found = sf.backtest(runs(), law="hill")
    assert "pooled" not in set(found.rows["forecaster"])
    assert found.pool is None
    assert found.weights.empty
    assert "none" in found.weights_text()
    with pytest.raises(sf.FitError, match="one law or a posterior makes these forecasts"):
        found.forecast([1e8])


def test_a_step_between_two_sizes_has_no_say_in_a_forecast():
    """No size tells where Hill's step lies: it wanders with rounding, and so did forecasts."""
    cells = np.repeat([1e4, 14695.0, 42197.0, 178762.0, 25002464.0], 2)
    score = [0.600323, 0.599821, 0.598667, 0.601544, 0.599820, 0.599853, 0.600145, 0.599065,
             0.600005, 0.600116]  # fmt: skip
    told = [
        sf.fit({"cells": unit * cells, "v": score}, score="v", better="higher")
        .predict([unit * 7.5e7])[["estimate", "lower", "upper"]].to_numpy()
        for unit in (1.0, 3.0, 1024.0)
    ]  # fmt: skip
    assert np.ptp(told, axis=0) == pytest.approx(0.0, abs=1e-6)


def test_a_posterior_is_not_pooled():
    fit = sf.fit(runs(), method="bayes")
    assert fit.pool is None
    assert "pooled" not in set(sf.backtest(fit).rows["forecaster"])


def test_passed_asks_for_evidence_that_far(found):
    assert found.passed(1.0).index.names == ["model"]
    assert not found.passed(1.2).any()
    assert found.passed(0.5).all()
    broken = several()
    broken.loc[(broken["model"] == "b") & (broken["cells"] > 2e6), "f1"] = 0.2
    assert sf.backtest(broken, by="model").passed(0.5).tolist() == [True, False, True]
    with pytest.raises(sf.FitError, match=r"the forecasters are constant.*robust"):
        found.passed(0.5, "robst")


def test_the_pooled_forecast_of_all_data_is_that_of_the_fits(found):
    told = found.forecast({"cells": [2e7, 5e7]}, "run")
    assert told.columns.tolist() == [
        "model", "cells", "estimate", "lower", "upper", "beyond", "caution",
    ]  # fmt: skip
    by_hand = sf.fit(runs(seed=2)).predict([2e7, 5e7], "run")
    mine = told.query("model == 'c'")
    for column in ("estimate", "lower", "upper"):
        np.testing.assert_allclose(mine[column], by_hand[column], rtol=1e-6)
    assert found.weights.sum() == pytest.approx(1.0)


def test_forecasts_that_a_fit_refuses_are_refused_in_its_words(found):
    told = found.forecast({"cells": [2e7, 1e15]})
    for fit in found.fits.values():
        mine = told[told["model"] == fit.table.keys[0][0]].drop(columns="model")
        mine = mine.reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, fit.predict([2e7, 1e15]))
    assert told["estimate"].isna().tolist() == [False, True] * 3
    assert "farther beyond the sizes" in told["caution"][1]


def test_a_key_may_have_the_name_of_a_column():
    found = sf.backtest(runs(size="large"), by="size", law="log_linear")
    assert found.table.columns.is_unique
    assert set(found.table["by size"]) == {"large"}
    assert found.passed(0.9).index.names == ["size"]


def test_summary_and_repr(found):
    said = str(found)
    for part in ("3 of 3 curves, cut 9 times", "form-robust 95 % intervals held", "robust"):
        assert part in said
    assert repr(found).startswith("<Backtest of 3 curves: form-robust coverage")


def test_the_plot_shows_every_forecast(found):
    ax = found.plot(paper(), forecaster="chosen")
    ax.figure.draw_without_rendering()
    shown = [line for line in ax.lines if line.get_marker() in ("o", "X")]
    assert sum(len(line.get_xdata()) for line in shown) == 18
    low, high = ax.get_ylim()
    rows = found.rows[found.rows["forecaster"] == "chosen"]
    assert (100 * rows["signed_error"]).between(low, high).all()


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    several().to_csv("scores.csv", index=False)
    runs(SIZES[:4]).to_csv("short.csv", index=False)
    said = CliRunner().invoke(cli, ["backtest", "scores.csv", "--by", "model"])
    assert said.exit_code == 0, said.output
    assert "weights of the laws in pooled forecasts" in said.stdout
    machine = CliRunner().invoke(cli, ["backtest", "scores.csv", "--by", "model", "--json"])
    answer = json.loads(machine.stdout)
    assert answer["schema"] == "scalefit backtest 1"
    assert len(answer["forecasts"]) == 9 * 18
    assert sum(answer["weights"].values()) == pytest.approx(1.0)
    refused = CliRunner().invoke(cli, ["backtest", "short.csv"])
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "5 are needed" in refused.stderr


@pytest.mark.parametrize("holdout", [True, [0.5], "0.5", 1.0])
def test_a_holdout_is_a_number_of_any_type(found, holdout):
    with pytest.raises(sf.FitError, match="give the share of the log range"):
        sf.backtest(runs(), holdout=holdout)
    same = [sf.backtest(runs(), holdout=share).rows for share in (np.float32(0.5), 0.5)]
    pd.testing.assert_frame_equal(*same)


def test_rounding_is_no_error_of_a_forecast():
    found = sf.backtest(sf.fit({"cells": np.geomspace(1e3, 1e6, 7), "f1": [0.5] * 7}))
    assert set(found.coverage_text()["interval score"]) == {"0 %"}
    assert "e-" not in found.headline()


def test_a_backtest_tells_the_findings_on_its_table(tmp_path, monkeypatch):
    """Two arms in one curve, which fit and saturation warn of."""
    arms = pd.concat([runs(seed=i, arm=arm) for i, arm in enumerate("ab")], ignore_index=True)
    arms.loc[arms["arm"] == "b", "f1"] -= 0.3
    arms = arms.drop(columns="seed")
    found = sf.backtest(arms)
    told = found.diagnostics.set_index("code")
    assert "levels_apart" in told.index
    assert told.loc["levels_apart", ["severity", "curves"]].tolist() == ["warn", 1]
    assert "- [warn] Rows of different 'arm'" in str(found).partition("read before use")[2]
    assert "read before use" not in str(sf.backtest(arms, by="arm"))
    monkeypatch.chdir(tmp_path)
    arms.to_csv("arms.csv", index=False)
    said = CliRunner().invoke(cli, ["backtest", "arms.csv"]).stdout
    assert "Pass --by arm" in said.partition("read before use")[2]
    answer = json.loads(CliRunner().invoke(cli, ["backtest", "arms.csv", "--json"]).stdout)
    assert [row["code"] for row in answer["findings"]] == found.diagnostics["code"].tolist()


def test_sizes_that_differ_slightly_between_seeds_are_foretold():
    """Hill's curve may be a step between two such sizes, whose complex slopes overflow."""
    rng = np.random.default_rng(2)
    for _ in range(3):
        cells = np.round(np.geomspace(1e3, 1e7, 5).repeat(4) * (1 + 0.03 * rng.uniform(-1, 1, 20)))
        f1 = 0.8 - 0.3 * (cells / 1e3) ** -0.3 + 0.01 * rng.standard_normal(20)
        table = {"cells": cells, "f1": f1, "seed": np.tile(np.arange(4), 5)}
        rows = sf.backtest(table).rows
        assert np.isfinite(rows.loc[rows["forecaster"] == "pooled", "estimate"]).all()


# Forecasts near the best score -----------------------------------------------------------------


def test_forecasts_of_a_loss_that_falls_towards_zero_stay_in_sight_of_the_truth():
    """A free asymptote below zero made the error of the logarithm endless: 1e-8 to 6119."""
    cells = np.round(np.geomspace(100, 46416, 7))
    mse = [34.8934, 16.9925, 9.7653, 4.8047, 2.339, 1.2202, 0.5282]
    told = sf.fit({"cells": cells, "mse": mse}).predict([129155, 359381, 1e6], "run", 0.9)
    truth = np.array([0.3041, 0.1545, 0.0785])
    assert (np.abs(np.log(told["estimate"] / truth)) < np.log(2)).all()
    assert ((told["lower"] < truth) & (truth < told["upper"])).all()
    assert told["upper"].max() < 10
    assert (np.diff(told["estimate"]) < 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_forecasts_of_a_curve_that_would_pass_the_best_score_go_on_rising(seed):
    """Accuracies just above chance: of a law clipped at 1 the pool kept less and less."""
    params, half = np.geomspace(1e7, 1e10, 9), 4e9
    rises = (params / half) ** 1.1
    right = np.random.default_rng(seed).binomial(1000, 0.25 + 0.65 * rises / (1 + rises))
    fit = sf.fit({"params": params, "accuracy": right / 1000})
    told = fit.predict(np.geomspace(1.2e10, 1e11, 6))["estimate"]
    assert (np.diff(told) > 0).all()
    assert told.iloc[-1] < 1
