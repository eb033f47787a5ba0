"""Laws of several drivers: fits, intervals, gains, contrasts, refusals, and what they print."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import scalefit as sf
from scalefit import plots
from scalefit._format import interval_text
from scalefit.diagnostics.surface import levels
from scalefit.estimate import estimate
from scalefit.inference import Bootstrap, profile
from scalefit.inference.resampling import resample
from scalefit.laws import get_law
from scalefit.noise import Gaussian, LogNormal, Student
from scalefit.recount import recountable, recounted
from scalefit.sample import by_size

BOTH = ["params", "tokens"]


def losses(n=60, seed=0, sd=0.004, law=lambda n, d: 1.8 + 480 * n**-0.35 + 2100 * d**-0.37):
    rng = np.random.default_rng(seed)
    params, tokens = 10 ** rng.uniform(7, 9.5, n), 10 ** rng.uniform(9, 11, n)
    loss = law(params, tokens) * np.exp(rng.normal(0, sd, n))
    return pd.DataFrame({"params": params, "tokens": tokens, "loss": loss})


def scores(params=(1e6, 1e7, 1e8, 1e9), seeds=3, sd=0.004, cells_matter=True, seed=1):
    """Return accuracies at five numbers of cells, a few sizes and some seeds."""
    rng = np.random.default_rng(seed)
    grid = [(n, c, s) for n in params for c in 10.0 ** np.arange(4, 9) for s in range(seeds)]
    table = pd.DataFrame(grid, columns=["params", "cells", "seed"])
    gap = 8 * table["params"] ** -0.25 + (4 * table["cells"] ** -0.25 if cells_matter else 0.0)
    return table.assign(accuracy=0.92 - gap + rng.normal(0, sd, len(table)))


@pytest.fixture(scope="module")
def language():
    return sf.fit(losses(), drivers=BOTH)


@pytest.fixture(scope="module")
def biology():
    return sf.fit(scores(), drivers=["params", "cells"])


TRUTHS = {
    "additive_tied": {"E": 1.8, "A": 300.0, "alpha": 0.36, "B": 1500.0},
    "additive": {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37},
    "kaplan": {"A": 11.5, "alpha": 0.076, "B": 20.2, "beta": 0.095},
    "additive_bounded": {
        "E": 1.9, "floor": 6.0, "alpha": 0.5, "half_1": 3e7, "beta": 0.6, "half_2": 3e9,
    },
    "additive_repeat": {"E": 1.87, "A": 521.0, "alpha": 0.353, "B": 1488.0, "beta": 0.35},
    "interaction": {"E": 1.8, "A": 300.0, "alpha": 0.35, "B": 1500.0, "beta": 0.37, "C": 9e5},
}  # fmt: skip


@pytest.mark.parametrize("name", TRUTHS)
@pytest.mark.parametrize("noise", [Gaussian("constant"), LogNormal()], ids=["normal", "log"])
def test_noise_free_surfaces_give_the_parameters_back(name, noise):
    rng = np.random.default_rng(3)
    n = 70
    drivers = [10 ** rng.uniform(6.5, 9.5, n), 10 ** rng.uniform(8.5, 11.5, n)]
    law, truth = get_law(name), TRUTHS[name]
    if law.n_drivers == 3:
        drivers.append(drivers[1] * 10 ** rng.uniform(-1.5, 0.2, n))
    loss = law.mean(tuple(drivers), truth, sign=-1.0, limit=0.0)
    sample = by_size(drivers[0], loss, np.zeros(n, int), -np.ones(1), np.zeros(1), drivers[1:])
    found = estimate(law, noise.weigh(sample))
    for parameter, value in truth.items():
        terms = law.parameter(parameter).terms(found.shapes(), sample.frame, np)
        assert found.evaluate(terms)[0] == pytest.approx(value, rel=2e-5), parameter
    np.testing.assert_allclose(found.fitted()[0], sample.mean[0], rtol=1e-8)


@pytest.mark.parametrize("name", TRUTHS)
def test_a_second_solver_confirms_the_least_squares_of_a_surface(name):
    table = losses(sd=0.01)
    law = get_law(name)
    drivers = BOTH
    if law.n_drivers == 3:
        drivers = [*BOTH, "unique_tokens"]
        table["unique_tokens"] = table["tokens"] / np.linspace(0.5, 4.0, len(table))
    receipt = sf.fit(table, drivers=drivers, law=name, noise="gaussian").certificate
    assert receipt.status in ("ok", "at_bound", "multi_basin")
    assert -1e-9 < receipt.second_solver < 1e-5  # SciPy may stop short, but not go lower


def test_the_additive_law_is_named_where_it_fits(language):
    assert language.law.name == "additive"
    statuses = dict(zip(language.laws["law"], language.laws["status"], strict=True))
    assert statuses["kaplan"] == "rejected"  # it has no floor
    truth = {"E": 1.8, "alpha": 0.35, "beta": 0.37}
    for name, value in truth.items():
        row = language.params.loc[name]
        assert row["lower"] < value < row["upper"]


def test_a_law_without_the_best_score_that_it_needs_does_not_apply():
    table = losses(80, sd=0.002).rename(columns={"loss": "score"})
    table["score"] = 60.0 - table["score"]
    fit = sf.fit(table, drivers=BOTH)
    laws = fit.laws.set_index("law")
    assert laws.loc["kaplan", "status"] == "no known best"
    assert np.isnan(laws.loc["kaplan", "weight"]) or laws.loc["kaplan", "weight"] == 0
    alone = sf.fit(table, drivers=BOTH, law="kaplan")
    assert "no_best" in set(alone.diagnostics["code"])
    assert "law_rejected" not in set(alone.diagnostics["code"])
    known = sf.fit(table, drivers=BOTH, law="kaplan", bounds=(None, 60))
    assert known.laws["status"][0] != "no known best"


def test_a_law_that_is_wrong_gives_way(monkeypatch):
    table = losses(80, sd=0.002, law=lambda n, d: ((8.8e13 / n) ** 0.8 + 5.4e13 / d) ** 0.095)
    fit = sf.fit(table, drivers=BOTH)
    assert fit.law.name in ("kaplan", "additive")  # the law with a floor at 0 holds nearly the same
    assert fit.laws.set_index("law").loc["kaplan", "status"] == "ok"
    with pytest.raises(sf.LawError, match="'hill' is of 1 driver, and the table has 2"):
        sf.fit(table, drivers=BOTH, law="hill")


def test_gains_are_differences_of_predictions(language):
    gains = language.gains(10)
    top = language.table.rows.assign(product=lambda t: t["params"] * t["tokens"]).nlargest(
        1, "product"
    )
    at = {name: float(top[name].iloc[0]) for name in BOTH}
    here = language.predict(at)["estimate"].iloc[0]
    for name in BOTH:
        more = language.predict({**at, name: 10 * at[name]})["estimate"].iloc[0]
        assert gains.loc[name, "gain"] == pytest.approx(here - more, rel=1e-9)
        assert language.gain(10, driver=name).lower == pytest.approx(gains.loc[name, "lower"])
    both = language.predict({name: 10 * size for name, size in at.items()})["estimate"].iloc[0]
    assert gains.loc["all", "gain"] == pytest.approx(here - both, rel=1e-9)
    difference = gains.loc["params less tokens"]
    assert difference["gain"] == pytest.approx(
        gains.loc["params", "gain"] - gains.loc["tokens", "gain"], rel=1e-9
    )
    assert (gains["robust_lower"] <= gains["lower"] + 1e-9).all()
    assert set(gains["says"]) <= {"above", "below", "none seen", "undecided", ""}
    assert language.gains(10, margin=1.0).loc["params", "says"] == "below"
    with pytest.raises(sf.FitError, match="the drivers are 'params', 'tokens'"):
        language.gain(10, driver="token")


def test_what_a_driver_does_not_do_is_told():
    fit = sf.fit(scores(cells_matter=False), drivers=["params", "cells"])
    assert fit.gains().loc["cells", "says"] in ("none seen", "below")
    assert fit.gains().loc["params", "says"] == "above"
    assert "None" not in str(fit)


def test_few_values_have_contrasts_and_no_exponent():
    fit = sf.fit(scores(params=(1e6, 3e7, 1e9)), drivers=["params", "cells"])
    found = fit.contrasts
    assert found["driver"].tolist() == ["params"] * 3
    assert found[["from", "to"]].to_numpy().tolist() == [[1e6, 3e7], [3e7, 1e9], [1e6, 1e9]]
    truth = [8 * (a**-0.25 - b**-0.25) for a, b in found[["from", "to"]].to_numpy()]
    assert ((found["lower"] < truth) & (truth < found["upper"])).all()
    assert found["gain"].iloc[2] == pytest.approx(found["gain"].iloc[:2].sum(), rel=1e-6)
    assert np.isnan(fit.params.loc["alpha", "estimate"])
    assert "fewer than 4" in fit.params.loc["alpha", "caution"]
    assert np.isfinite(fit.params.loc["beta", "estimate"])
    gains = fit.gains()
    assert np.isnan(gains.loc["params", "gain"])
    assert gains.loc["cells", "says"] == "above"
    assert "few_levels" in fit.diagnostics["code"].tolist()
    assert fit.refused_at({"params": [1e9, 1e10], "cells": [1e9, 1e8]}) == ["", fit.refused_at(
        {"params": 1e10, "cells": 1e8})[0]]  # fmt: skip
    assert fit.refused_at({"params": 1e10, "cells": 1e8})[0]
    assert "has no exponent" not in str(sf.fit(scores(), drivers=["params", "cells"]))
    assert "have no exponent" in str(fit)


def test_forecasts_are_refused_by_the_drivers_they_go_beyond(language):
    """1e14 tokens are more than a log range beyond 1e11, 1e11 parameters are not."""
    found = language.predict({"params": [1e11, 1e9], "tokens": [1e10, 1e14]})
    assert found["caution"].iloc[0] == ""
    assert "farther beyond" in found["caution"].iloc[1]
    assert np.isnan(found["estimate"].iloc[1])
    assert found["beyond"].iloc[1] == pytest.approx(1e14 / language.table.rows["tokens"].max())


def test_predictions_take_sizes_of_both_drivers(language):
    by_name = language.predict({"tokens": 1e10, "params": [1e8, 1e9]})
    as_rows = language.predict(np.array([[1e8, 1e10], [1e9, 1e10]]))
    pd.testing.assert_frame_equal(by_name, as_rows)
    run = language.predict(by_name[BOTH], interval="run")
    assert (run["lower"] < by_name["lower"]).all()
    for given, words in (
        ({"params": [1e8]}, "needs sizes under 'tokens'"),
        ({"params": [1e8, 1e9], "tokens": [1, 2, 3]}, "2 of 'params', 3 of 'tokens'"),
        ([1e8], "give a mapping with both"),
        ({"params": 0.0, "tokens": 1e9}, "must be positive"),
    ):
        with pytest.raises(sf.FitError, match=words):
            language.predict(given)


def test_what_only_one_driver_has_is_refused_in_words(language):
    with pytest.raises(sf.TableError, match=r"see fit.gains\(\)"):
        language.saturation()
    with pytest.raises(sf.FitError, match="a curve, not a size"):
        language.ask(sf.SizeReaching())


def test_normal_errors_by_scan_agree_with_following_the_likelihood(biology):
    """The hull over all shapes, and the edge followed from the optimum, end at one place."""
    from scalefit.inference.followed import followed_ends

    found = biology.estimate
    for question in (sf.Gain(10.0, 1), sf.Value((1e9, 1e9)), sf.Parameter("beta")):
        hull = profile(found, question, 0.95)
        variance, df = found.scale
        from scipy.special import stdtrit

        cut = found.solution.rss + variance * stdtrit(df, 0.975) ** 2
        lower, upper = followed_ends(found, question, cut)
        width = hull.upper - hull.lower
        assert lower[0] == pytest.approx(hull.lower[0], abs=2e-3 * width[0])
        assert upper[0] == pytest.approx(hull.upper[0], abs=2e-3 * width[0])


def test_losses_told_as_scores_say_the_same(language):
    turned = losses().assign(loss=lambda t: -t["loss"]).rename(columns={"loss": "quality"})
    options = {"drivers": BOTH, "law": "additive", "noise": "gaussian", "variance": "constant"}
    first = sf.fit(losses(), **options)
    second = sf.fit(turned, score="quality", better="higher", **options)
    pd.testing.assert_frame_equal(
        first.gains()[["gain", "lower", "upper"]], second.gains()[["gain", "lower", "upper"]],
        rtol=1e-6,
    )  # fmt: skip
    assert first.params.loc["E", "estimate"] == pytest.approx(
        -second.params.loc["E", "estimate"], rel=1e-8
    )


def test_units_of_the_drivers_change_nothing(language):
    moved = losses().assign(params=lambda t: t["params"] / 1e6, tokens=lambda t: t["tokens"] / 1e9)
    again = sf.fit(moved, drivers=BOTH)
    for name in ("E", "alpha", "beta"):
        row, other = language.params.loc[name], again.params.loc[name]
        for column in ("estimate", "lower", "upper"):
            assert row[column] == pytest.approx(other[column], rel=1e-6), (name, column)


def test_an_interaction_is_seen_and_none_is_not():
    def law(n, d):
        first, second = 300 * n**-0.35, 1500 * d**-0.37
        return 1.8 + first + second + 3.3 * first * second

    product = losses(90, sd=0.002, law=law)
    codes = sf.fit(product, drivers=BOTH, law="additive").diagnostics["code"].tolist()
    assert "drivers_interact" in codes
    codes = sf.fit(losses(90, sd=0.002), drivers=BOTH, law="additive").diagnostics["code"].tolist()
    assert "drivers_interact" not in codes


def test_drawn_tables_are_refitted_alike_by_counts_and_as_tables():
    """Counting runs, near the optimum, ends where a table of their copies does by itself."""
    table = losses(50)
    fit = sf.fit(table, drivers=BOTH, law="additive", noise="hoffmann")
    found = fit.estimate
    assert recountable(found)
    from scalefit.inference.resampling import drawn_counts

    counts = drawn_counts(found, "case", 40, (5, 0))
    quick = recounted(found, counts)
    slow = estimate(found.law, resample(found, "case", 40, (5, 0)))
    np.testing.assert_allclose(quick.theta, slow.theta, rtol=1e-5)
    np.testing.assert_allclose(quick.coefficients, slow.coefficients, rtol=1e-6)


@pytest.mark.parametrize("noise", [Student("constant"), LogNormal("constant")])
def test_the_bootstrap_agrees_with_the_profile(noise):
    x = losses(80)
    sample = by_size(
        x["params"].to_numpy(), x["loss"].to_numpy(), np.zeros(80, int), -np.ones(1), np.zeros(1),
        [x["tokens"].to_numpy()],
    )  # fmt: skip
    found = estimate(get_law("additive"), noise.weigh(sample))
    for question in (sf.Parameter("alpha"), sf.Gain(10.0, 0), sf.SharePower(1e20)):
        width = [
            (i.upper - i.lower)[0]
            for i in (profile(found, question), Bootstrap("case", 399)(found, question))
        ]
        assert 0.6 < width[1] / width[0] < 1.5, question.label


def test_several_surfaces_are_fitted_together():
    table = pd.concat([losses(seed=s).assign(corpus=name) for s, name in enumerate("ab")])
    told_of: list[tuple[str, int, int]] = []
    fits = sf.fit(
        table,
        drivers=BOTH,
        by="corpus",
        law="additive",
        progress=lambda *news: told_of.append(news),
    )
    alone = sf.fit(table[table["corpus"] == "b"], drivers=BOTH, law="additive")
    pd.testing.assert_frame_equal(fits["b"].params, alone.params, rtol=1e-8)
    told = fits.table()
    assert told["gain_params"].tolist() == [fits[k].gains().loc["params", "gain"] for k in "ab"]
    assert len(fits.gains()) == 8
    copy = fits.gains()
    copy["gain"] = 0.0
    assert (fits.gains()["gain"] > 0).any()
    # They take seconds a curve, are told of, and asked once.
    assert [news for news in told_of if news[0] == "gains"] == [("gains", i, 2) for i in range(3)]
    assert "10x params" in str(fits)
    assert "10x params" in fits._repr_html_()


def test_what_is_printed_of_a_surface(language):
    text = str(language)
    assert "ten times more would improve loss by: params" in text
    assert "gain from 10 times more of each, at the largest run" in text
    assert "params less tokens" in text
    assert repr(language).startswith("<Fit: additive, gain at 10x params ")
    assert "<table" in language._repr_html_()


def test_a_line_about_a_surface_takes_no_other_law(language, monkeypatch):
    first = language.gains().loc["params", ["gain", "lower", "upper"]]
    monkeypatch.setattr("scalefit.surface.union", None)
    told = f"params {interval_text(*first)}, tokens"
    assert told in repr(sf.fit(losses(), drivers=BOTH))
    assert told in repr(sf.fit(losses(), drivers=BOTH, inference="union"))


def test_pictures_of_surfaces(language, biology):
    ax = plots.plot_surface(language, plots.paper())
    told = [text.get_text() for text in ax.get_legend().get_texts()]
    assert told == ["equal cost (6 N D)", "best runs (6 N D)"]
    ax.figure.canvas.draw()
    assert not ax.get_legend().get_window_extent().overlaps(ax.get_window_extent())
    assert plots.plot_surface(biology, plots.paper()).get_legend() is None  # cells cost otherwise
    slices = plots.plot_slices(biology, plots.paper(), along="params")
    assert slices.get_xlabel() == "params"
    assert len(slices.get_legend().get_texts()) == 5
    assert plots.plot_fit(biology, plots.paper()).get_ylabel() == "cells"


def test_a_surface_is_saved_and_loaded(language, tmp_path):
    language.save(tmp_path / "fit.json")
    again = sf.load(tmp_path / "fit.json")
    pd.testing.assert_frame_equal(again.params, language.params)
    pd.testing.assert_frame_equal(again.gains(), language.gains())


def test_a_corner_far_below_the_runs_is_refused_as_one_far_beyond():
    told = sf.fit(scores(), drivers=["params", "cells"]).predict(
        {"params": [1e5, 10.0], "cells": [1e5, 1e5]}
    )
    assert np.isfinite(told["estimate"]).tolist() == [True, False]
    assert told["caution"].iloc[1].startswith("the question goes farther beyond the sizes")


def test_proportional_drivers_have_no_parameters_of_their_own():
    table = scores()
    fit = sf.fit(table.assign(params=20 * table["cells"]), drivers=["params", "cells"])
    assert fit.params["estimate"].isna().all()
    assert fit.params["caution"].str.contains("do not vary independently").all()


@pytest.mark.parametrize("noise", [None, "gaussian", "huber"])
def test_of_proportional_drivers_only_moves_along_their_line_are_told(noise):
    params = 10 ** np.linspace(7, 9.5, 12)
    loss = 1.8 + 480 * params**-0.35 + 2100 * (20 * params) ** -0.37
    table = {"params": params, "tokens": 20 * params}
    table["loss"] = loss + np.random.default_rng(0).normal(0, 0.01, 12)
    fit = sf.fit(table, drivers=BOTH, noise=noise)
    gains = fit.gains()
    assert gains["lower"].map(np.isfinite).tolist() == [False, False, True, False]
    assert gains.loc[BOTH, "observed"].isna().all()
    assert gains.loc["params", "caution"].startswith("the drivers do not vary independently")
    told = fit.predict({"params": [1e10, 1e10, 1e8], "tokens": [2e11, 1e11, 1e9]})
    assert (told["caution"] == "").tolist() == [True, False, False]
    assert sf.optimum(fit, 1e20)["caution"].iloc[0] == told["caution"].iloc[1]
    ax = fit.plot(ax=plots.paper())
    assert not any(line.get_label().startswith("best runs") for line in ax.lines)


def test_a_constant_driver_of_one_group_leaves_the_other_driver_its_gain():
    params = 10 ** np.linspace(7, 9.5, 8)
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"params": np.tile(params, 2), "task": ["a"] * 8 + ["b"] * 8})
    table["tokens"] = np.concatenate([np.full(8, 1e9), 10 ** rng.uniform(9, 11, 8)])
    table["loss"] = 1.8 + 480 * table["params"] ** -0.35 + rng.normal(0, 0.01, 16)
    fits = sf.fit(table, drivers=BOTH, by="task")
    assert np.isfinite(fits["a"].gain(10, driver="params").lower)
    assert np.isnan(fits["a"].gain(10, driver="tokens").estimate)
    assert np.isfinite(fits["b"].gain(10).estimate)


@pytest.mark.parametrize("law", ["additive", "auto"])
def test_rows_of_one_run_are_alike_in_two_drivers(law):
    """Checkpoints: every number of parameters is one run over all its tokens."""
    rng = np.random.default_rng(4)
    params, tokens = (
        np.repeat(10 ** np.linspace(7, 9, 6), 8),
        np.tile(np.geomspace(1e9, 1e11, 8), 6),
    )
    shift = rng.normal(0, 0.02, 6).repeat(8) + rng.normal(0, 0.002, 48)
    loss = (1.8 + 480 * params**-0.35 + 2100 * tokens**-0.37) * np.exp(shift)
    table = {"params": params, "tokens": tokens, "loss": loss, "run": np.arange(6).repeat(8)}
    alike = sf.fit(table, drivers=BOTH, run="run", law=law)
    alone = sf.fit({**table, "run": np.arange(48)}, drivers=BOTH, law=law)
    assert alike.estimate.sample.errors.correlation[0] > 0.5
    assert alike.estimate.sample.errors.n_effective[0] < 30
    width = [np.ptp(fit.params.loc["E", ["lower", "upper"]]) for fit in (alike, alone)]
    assert width[0] > 1.2 * width[1]


def test_equal_scores_are_drawn_and_tell_no_exponent(tmp_path):
    fit = sf.fit(losses().assign(loss=2.5), drivers=BOTH)
    fit.plot(ax=plots.paper())
    sf.report(fit, tmp_path / "flat.html")
    assert fit.params.loc[["alpha", "beta"], "estimate"].isna().all()


def test_a_third_driver_that_is_never_below_the_second_is_named():
    table = losses()
    table["unique_tokens"] = table["tokens"] / np.linspace(1.5, 9.0, len(table))
    wrong = sf.fit(table, drivers=["params", "unique_tokens", "tokens"])
    right = sf.fit(table, drivers=["params", "tokens", "unique_tokens"])
    assert "nothing_repeats" in wrong.diagnostics["code"].tolist()
    assert "nothing_repeats" not in right.diagnostics["code"].tolist()


def test_questions_that_surfaces_cannot_answer_are_refused_in_words(language):
    for question in (sf.Gain(10, 2), sf.Gain(10, -1), sf.MarginalGain(driver=2)):
        with pytest.raises(sf.FitError, match="the table's drivers are number 0, 1"):
            language.ask(question)
    for kind in (sf.BestSize, sf.SharePower):
        with pytest.raises(sf.FitError, match="0 for the first driver"):
            kind(1e20, 2)
    with pytest.raises(sf.FitError, match="surfaces do so along a line"):
        sf.Crossing(language.estimate)
    with pytest.raises(sf.FitError, match="there are no sizes of 'params'"):
        language.predict({"params": [], "tokens": []})
    with pytest.raises(sf.TableError, match="a picture of all laws needs one driver"):
        plots.plot_laws(language)


def test_sets_of_surfaces_are_named_where_one_is_needed():
    table = pd.concat([losses(seed=k).assign(task=str(k)) for k in (1, 2)])
    fits = sf.fit(table, drivers=BOTH, by="task", law="additive")
    for ask in (lambda: sf.optimum(fits, 1e20), lambda: sf.isoflop(fits)):
        with pytest.raises(sf.FitError, match=r"takes one curve, and there are 2; name one"):
            ask()
    with pytest.raises(sf.FitError, match="draw the surfaces one by one"):
        fits.plot()


def test_a_union_needs_laws_that_share_the_parameter():
    fit = sf.fit(losses(), drivers=BOTH, law="additive", noise="gaussian")
    assert np.isfinite(fit.ask(sf.Parameter("alpha"), inference="union").lower)
    with pytest.raises(sf.FitError, match="'A' is none of additive_bounded's"):
        fit.ask(sf.Parameter("A"), inference="union")


def test_a_table_too_small_for_the_law_has_its_special_case():
    few = scores().sample(5, random_state=1)
    assert sf.fit(few, drivers=["params", "cells"]).law.name == "additive_tied"


def one_budget(digits=3, jitter=0.0, budget=1e19, seed=0):
    """Return runs that share a budget of 6 N D, their tokens rounded."""
    rng = np.random.default_rng(seed)
    params = np.geomspace(1e7, 1e9, 12)
    tokens = budget / (6 * params) * np.exp(jitter * rng.standard_normal(12))
    tokens = np.array([float(f"{size:.{digits}g}") for size in tokens])
    loss = 1.69 + 406.4 * params**-0.34 + 410.7 * tokens**-0.28
    loss = loss * np.exp(0.003 * rng.standard_normal(12))
    return pd.DataFrame({"params": params, "tokens": tokens, "loss": loss})


@pytest.mark.parametrize("options", [{}, {"digits": 2}, {"digits": 9}, {"jitter": 0.03}])
def test_one_budget_tells_no_driver_alone(options):
    """Its runs lie on a line, which more of either driver leaves."""
    fit = sf.fit(one_budget(**options), drivers=BOTH, law="additive", noise="gaussian")
    told = "the drivers do not vary independently as far as this goes"
    for question in (sf.Gain(10, 0), sf.Gain(10, 1), sf.Gain(10), sf.ObservedGain(0)):
        assert fit.refused(question).startswith(told)
    for question in (*map(sf.Parameter, ("alpha", "beta", "E")), sf.BestSize(1e20)):
        assert fit.refused(question).startswith(told)
    along = {"params": [5e7, 2e9, 5e7], "tokens": [1e19 / 3e8, 1e19 / 1.2e10, 1e19 / 3e7]}
    assert [reason == "" for reason in fit.refused_at(along)] == [True, True, False]
    told_of_budget = sf.optimum(fit, 1e19).iloc[0]
    assert told_of_budget["caution"].startswith(told)
    assert np.isnan(told_of_budget[["params", "loss", "params_1%_from"]].astype(float)).all()
    assert [finding.code for finding in levels(fit._case)] == ["narrow_alone"] * 2


def test_sweeps_and_grids_tell_each_driver_alone():
    """Four budgets of nine sizes; and a grid, which is judged driver by driver as ever."""
    budgets = [one_budget(budget=b, seed=k) for k, b in enumerate(10.0 ** np.arange(18, 22))]
    for table in (pd.concat(budgets), losses()):
        fit = sf.fit(table, drivers=BOTH, law="additive", noise="gaussian")
        for question in (sf.Gain(10, 0), sf.Gain(10, 1), sf.Gain(10), sf.Parameter("alpha")):
            assert fit.refused(question) == ""
        assert list(levels(fit._case)) == []


def test_nearly_proportional_drivers_are_told_where_forced():
    params = np.geomspace(1e7, 1e9, 16)
    tokens = 20 * params * np.exp(0.1 * np.random.default_rng(0).standard_normal(16))
    loss = 1.69 + 406.4 * params**-0.34 + 410.7 * tokens**-0.28
    table = {"params": params, "tokens": tokens}
    table["loss"] = loss * np.exp(0.003 * np.random.default_rng(1).standard_normal(16))
    fit, forced = (
        sf.fit(table, drivers=BOTH, law="additive", noise="gaussian", force=force)
        for force in (False, True)
    )
    assert fit.refused(sf.Gain(10, 0))
    assert fit.refused(sf.Gain(10)) == "", "along the line both drivers go on as they did"
    assert forced.refused(sf.Gain(10, 0)) == ""
    assert fit.refused(sf.Parameter("alpha"))
    assert forced.refused(sf.Parameter("alpha")) == ""


def test_a_gain_off_the_line_of_proportional_drivers_is_not_told_even_along_it():
    params = 10 ** np.linspace(7, 9.5, 12)
    loss = 1.8 + 480 * params**-0.35 + 2100 * (20 * params) ** -0.37
    table = {"params": params, "tokens": 20 * params}
    table["loss"] = loss + np.random.default_rng(0).normal(0, 0.01, 12)
    fit = sf.fit(table, drivers=BOTH, law="additive", noise="gaussian")
    on, off = (sf.GainBetween((1e8, n * 1e8), (1e9, n * 1e9)) for n in (20, 10))
    assert fit.refused(on) == ""
    assert fit.refused(off)


def test_ends_along_a_ridge_are_those_of_a_search_all_over():
    """Of 16 runs near a line, paths of all parameters ended where they began."""
    rng = np.random.default_rng(1)
    for _ in range(2):
        params = np.geomspace(1e8, 1e10, 16)
        tokens = 20 * params * np.exp(0.05 * rng.standard_normal(16))
        loss = 1.69 + 406.4 * params**-0.34 + 410.7 * tokens**-0.28
        loss = loss * np.exp(0.003 * rng.standard_normal(16))
    runs = {"params": params, "tokens": tokens, "loss": loss}
    found = {
        noise: sf.fit(runs, drivers=["params", "tokens"], law="additive", noise=noise).gain(10)
        for noise in ("student", "lognormal", "gaussian")
    }
    for gain in found.values():
        assert gain.estimate - gain.lower > 0.02
        assert gain.lower == pytest.approx(found["gaussian"].lower, abs=0.003)


def checkpoints(seed, alike):
    """Return six models of ten checkpoints each, with errors that go together along each."""
    rng = np.random.default_rng(seed)
    params, tokens = np.geomspace(1e8, 5e9, 6), np.geomspace(2e9, 1e11, 10)
    error = rng.standard_normal((6, 10))
    for k in range(1, 10):
        error[:, k] = alike * error[:, k - 1] + np.sqrt(1 - alike**2) * error[:, k]
    loss = 1.69 + 406.4 * params[:, None] ** -0.34 + 410.7 * tokens**-0.28
    return {
        "params": np.repeat(params, 10), "tokens": np.tile(tokens, 6),
        "loss": (loss * np.exp(0.003 * error)).ravel(), "model": np.repeat(list("abcdef"), 10),
    }  # fmt: skip


def test_checkpoints_without_runs_are_warned_of():
    drivers = ["params", "tokens"]
    table = checkpoints(0, 0.8)
    found = sf.fit(table, drivers=drivers, law="additive").diagnostics.set_index("code")
    assert "run=" in found.loc["alike_by_driver", "mend"]
    assert "same params" in found.loc["alike_by_driver", "message"]
    for told in (
        sf.fit(table, drivers=drivers, law="additive", run="model"),
        sf.fit(checkpoints(0, 0.0), drivers=drivers, law="additive"),
    ):
        assert "alike_by_driver" not in set(told.diagnostics["code"])


def test_checkpoints_that_are_alike_do_not_make_drivers_interact():
    """Taken for independent rows, one in eight tables of an additive truth spoke of it."""
    options = {"drivers": ["params", "tokens"], "law": "additive", "run": "model"}
    for seed in range(12):
        codes = sf.fit(checkpoints(seed, 0.8), **options).diagnostics["code"]
        assert "drivers_interact" not in set(codes)


def test_one_cause_is_told_once():
    params = np.array([1e7, 3e7, 1e8, 3e8, 1e9, 3e9])
    loss = 1.7 + 400 * params**-0.34 + 410 * (20 * params) ** -0.28
    fit = sf.fit(
        {"params": params, "tokens": 20 * params, "loss": loss}, drivers=["params", "tokens"]
    )
    answer = str(fit).splitlines()[0]
    assert answer == (
        "By how much ten times more would improve loss at the largest run (3B params x 60B tokens) "
        "cannot be told: fewer than 3 runs more than parameters (6 runs); add seeds or sizes."
    )
