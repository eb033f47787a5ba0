"""The public face on tables that users have."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest

import scalefit as sf

SIZES = 1e5 * 10 ** np.linspace(0, 2, 6)


def frame(seed=0, exponent=0.5, sigma=0.01, seeds=3, score="f1", top=0.9, gap=0.3):
    rng = np.random.default_rng(seed)
    x = np.repeat(SIZES, seeds)
    y = top - gap * (x / SIZES[0]) ** -exponent + sigma * rng.standard_normal(x.size)
    return pd.DataFrame({"cells": x, "seed": np.tile(range(seeds), 6), score: y})


def test_plain_csv_needs_no_options(tmp_path):
    path = tmp_path / "scores.csv"
    frame(score="score").to_csv(path, index=False)
    fit = sf.fit(path)
    assert fit.law.name == "saturating_power"
    assert fit.table.source == "scores.csv"
    assert "scores.csv: 18 runs at 6 sizes" in str(fit)
    assert list(fit.params.columns) == ["estimate", "std_error", "lower", "upper", "caution"]
    assert list(fit.predict([1e8]).columns) == [
        "cells", "estimate", "lower", "upper", "beyond", "caution"
    ]  # fmt: skip
    assert fit.predict({"cells": [1e8]})["beyond"][0] == pytest.approx(10)


def test_recovers_the_truth_and_says_how():
    fit = sf.fit(frame(sigma=1e-4))
    assert fit.params.loc["exponent", "estimate"] == pytest.approx(0.5, abs=0.01)
    assert fit.params.loc["asymptote", "estimate"] == pytest.approx(0.9, abs=0.01)
    truth = 0.3 * (100**-0.5 - 1000**-0.5)
    assert truth in fit.gain(10)
    assert fit.gain(10).method == "profile likelihood, given saturating_power"
    assert fit.gain(10, level=0.9).level == 0.9
    assert fit.certificate.status == "ok"
    assert abs(fit.certificate.second_solver) < 1e-10


def test_a_loss_mirrors_a_score():
    up = sf.fit(frame())
    data = frame()
    data["error_rate"] = 1 - data.pop("f1")
    down = sf.fit(data, noise="gaussian")
    assert down.table.metrics[0].better == "lower"
    assert down.gain(10).estimate == pytest.approx(up.gain(10).estimate, rel=1e-9)
    assert down.params.loc["asymptote", "estimate"] == pytest.approx(
        1 - up.params.loc["asymptote", "estimate"]
    )
    assert down.params.loc["coefficient", "estimate"] > 0


def test_falling_score_is_never_fitted_as_scaling():
    data = frame(score="accuracy")
    data["accuracy"] = 1.4 - data["accuracy"]
    fit = sf.fit(data)
    assert fit.gain(10).estimate == 0
    assert "inverse_scaling" in set(fit.diagnostics.code)
    assert fit.saturation().verdict in ("no_scaling", "inconclusive")
    turned = sf.fit(data, better="lower")
    assert turned.gain(10).estimate > 0


@pytest.mark.parametrize("value", [0.8, 0.0, 1.0, 1e-3])
def test_score_that_never_changes(value):
    """Named no_scaling, the exponent not identified, and no numpy warning on the way."""
    data = frame()
    data["f1"] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = sf.fit(data)
        found = fit.saturation()
        text = str(fit)
    assert found.verdict == "no_scaling"
    assert np.isnan(fit.params.loc["exponent", "estimate"])
    assert "not identified" in fit.params.loc["exponent", "caution"]
    assert "exponent and asymptote are not identified" in text


@pytest.mark.parametrize("n_sizes", [2, 3])
def test_e3_too_few_sizes_is_a_named_refusal(n_sizes):
    data = frame()
    fit = sf.fit(data[data.cells <= SIZES[n_sizes - 1] * 1.001])
    found = fit.saturation()
    assert found.verdict == "inconclusive"
    assert "4 distinct sizes" in found.reason
    refused = fit.diagnostics.query("severity == 'refuse'")
    assert "too_few_sizes" in set(refused.code)
    assert "asymptote" not in fit.params.index


def test_e3_narrow_range_is_a_named_refusal():
    data = frame()
    data["cells"] = 1e5 * (data["cells"] / 1e5) ** 0.45
    fit = sf.fit(data)
    assert fit.saturation().verdict == "inconclusive"
    assert "less than one decade" in fit.saturation().reason
    assert "narrow_range" in set(fit.diagnostics.query("severity == 'refuse'").code)


def test_e3_no_asymptote_is_printed_when_its_profile_is_open():
    rng = np.random.default_rng(3)
    data = frame()
    data["f1"] = 0.9 + 0.02 * np.log10(data["cells"] / 1e7) + 0.005 * rng.standard_normal(18)
    fit = sf.fit(data)
    row = fit.params.loc["asymptote"]
    assert row["upper"] == np.inf
    assert np.isnan(row["estimate"])
    assert "open" in row["caution"]
    line = next(text for text in str(fit).splitlines() if text.strip().startswith("asymptote"))
    assert "not identified" in line


def test_by_fits_all_curves_in_one_pass_and_each_as_if_alone():
    parts = [frame(seed).assign(model=f"m{seed}", task=task) for seed, task in
             ((0, "a"), (1, None), (2, "b"))]  # fmt: skip
    fits = sf.fit(pd.concat(parts), by=["model", "task"])
    assert list(fits) == [("m0", "a"), ("m1", None), ("m2", "b")]
    for seed, key in enumerate(fits):
        alone = sf.fit(frame(seed))
        assert fits[key].gain(10).upper == pytest.approx(alone.gain(10).upper, rel=1e-9)
        assert fits[key].saturation().verdict == alone.saturation().verdict
    table = fits.table()
    assert len(table) == 3
    assert list(table.columns[:2]) == ["model", "task"]
    assert fits.saturation().attrs["inconclusive"] == (table.verdict == "inconclusive").sum()
    assert "3 curves" in str(fits)
    with pytest.raises(KeyError, match=r"no curve \('m0', 'z'\)"):
        fits["m0", "z"]


@pytest.mark.parametrize(
    ("key", "told"),
    [("z", ""), (0, ""), (("scVI", "tissue"), ""), ("scVi", "; did you mean ('scVI',)?")],
)
def test_an_unknown_key_is_answered_by_a_near_one_or_by_none(key, told):
    parts = [frame(seed).assign(model=name) for seed, name in enumerate(("scVI", "c"))]
    with pytest.raises(KeyError) as refused:
        sf.fit(pd.concat(parts), by="model")[key]
    assert str(refused.value).endswith(f"such as [('scVI',), ('c',)]{told}")


def test_single_by_column_takes_the_bare_key():
    both = pd.concat([frame(0).assign(model="x"), frame(1).assign(model="y")])
    fits = sf.fit(both, by="model")
    assert fits["y"].label == "model=y"
    with pytest.raises(sf.FitError, match="2 curves here"):
        fits.only()


def test_one_bad_group_does_not_spoil_the_others():
    short = frame(1).assign(model="short").iloc[:3]
    fits = sf.fit(pd.concat([frame(0).assign(model="good"), short]), by="model")
    assert fits["short"].saturation().verdict == "inconclusive"
    assert fits["good"].saturation().verdict != ""
    assert np.isfinite(fits["good"].gain(10).upper)


def test_intervals_for_a_run_are_wider():
    fit = sf.fit(frame())
    mean, run = fit.predict([1e7, 1e8]), fit.predict([1e7, 1e8], interval="run")
    assert (run.upper > mean.upper).all()
    assert (run.lower < mean.lower).all()
    assert "one new run" in run.attrs["label"]


def test_sizes_are_read_as_tables_are():
    fit = sf.fit(frame())
    told = fit.predict({"cells": ["22.2M", "1e8"]})
    pd.testing.assert_frame_equal(told, fit.predict([22.2e6, 1e8]))
    with pytest.raises(sf.FitError, match=r"such as 1e6 or '22.2M'; got \['many'\]"):
        fit.predict(["many"])


def test_predictions_stay_inside_the_metric():
    fit = sf.fit(frame(exponent=0.06, gap=0.6, top=0.99, sigma=0.02), force=True)
    table = fit.predict([1e9, 1e12], interval="run")
    assert (table.upper <= 1.0).all()
    assert (table.estimate <= 1.0).all()


def test_union_is_never_narrower():
    fit = sf.fit(frame(sigma=0.02))
    one, every = fit.gain(10), fit.gain(10, inference="union")
    assert every.lower <= one.lower
    assert every.upper >= one.upper
    assert "union over" in every.method


def test_duplicated_rows_count_as_more_data_and_order_does_not_matter():
    data = frame()
    order = np.random.default_rng(0).permutation(len(data))
    assert sf.fit(data.iloc[order]).gain(10) == sf.fit(data).gain(10)


@pytest.mark.parametrize("metric", ["accuracy", "loss"])
def test_equal_scores_leave_nothing_to_compare(metric):
    fit = sf.fit({"cells": np.repeat(4.0 ** np.arange(6), 3) * 1e3, metric: np.full(18, 0.7)})
    assert (fit.laws["residual_sd"] == 0).all()
    assert fit.laws[["aicc", "weight"]].isna().all(axis=None)
    codes = set(fit.diagnostics["code"])
    assert "equal_scores" in codes
    assert codes.isdisjoint({"several_minima", "methods_disagree", "noise_sensitivity"})
    assert "at most 0, less than the margin" in fit.saturation().reason
    assert fit.saturation().strength == "provisional"  # nothing tells how large the noise is


def test_nested_laws_never_fit_better():
    laws = sf.fit(frame(sigma=0.02)).laws.set_index("law")["objective"]
    assert laws["saturating_power"] <= laws["log_linear"] * (1 + 1e-12)
    assert laws["saturating_power"] <= laws["power"] * (1 + 1e-12)
    assert laws["log_linear"] <= laws["constant"] * (1 + 1e-12)


def test_save_and_load_bit_for_bit(tmp_path):
    both = pd.concat([frame(0).assign(model="a|b"), frame(1).assign(model="ü")])
    fit = sf.fit(both, by="model")["ü"]
    path = tmp_path / "fit.json"
    fit.save(path)
    again = sf.load(path)
    assert str(again) == str(fit)
    assert again.gain(10) == fit.gain(10)
    pd.testing.assert_frame_equal(again.params, fit.params, check_exact=True)
    pd.testing.assert_frame_equal(again.saturation().tests, fit.saturation().tests)
    content = json.loads(path.read_text())
    assert content["schema"] == "scalefit fit 2"
    assert [p.name for p in tmp_path.iterdir()] == ["fit.json"]


def test_a_fit_is_not_saved_to_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(sf.FitError, match=r"\.: is a folder; name a file in it"):
        sf.fit({"cells": [1e3, 1e4, 1e5, 1e6], "f1": [0.5, 0.6, 0.65, 0.67]}).save(".")


def test_save_replaces_a_saved_fit_and_nothing_else(tmp_path):
    path, fit = tmp_path / "keep.csv", sf.fit(frame())
    path.write_text("cells,score\n1000,0.5\n")
    with pytest.raises(sf.FitError, match=r"keep\.csv: exists and is not a saved fit"):
        fit.save(path)
    assert path.read_text() == "cells,score\n1000,0.5\n"
    path.unlink()
    fit.save(path)
    sf.fit(frame(1)).save(path)
    assert sf.load(path).gain(10) == sf.fit(frame(1)).gain(10)


def test_load_refuses_what_is_not_ours(tmp_path):
    path = tmp_path / "x.json"
    with pytest.raises(sf.TableError, match="cannot be read"):
        sf.load(path)
    path.write_text("not json")
    with pytest.raises(sf.FitError, match="is not JSON"):
        sf.load(path)
    path.write_text('{"schema": "other"}')
    with pytest.raises(sf.FitError, match="is not a fit saved"):
        sf.load(path)


def test_own_law_end_to_end_but_not_to_disk(tmp_path):
    law = sf.Law.from_function(
        "exponential_rise", lambda x, top, rise, size: top - rise * np.exp(-x / size),
        {"top": 0.9, "rise": 0.3, "size": 1e6},
    )  # fmt: skip
    fit = sf.fit(frame(), law=law, force=True)  # the law is not that of the data
    built_in = sf.fit(frame(), law="exponential", force=True)
    assert fit.estimate.total_ss[0] == pytest.approx(built_in.estimate.total_ss[0], rel=1e-9)
    assert fit.gain(10).estimate == pytest.approx(built_in.gain(10).estimate, abs=1e-9)
    assert "exponential_rise" in str(fit)
    with pytest.raises(sf.FitError, match="function of yours"):
        fit.save(tmp_path / "fit.json")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"law": "sigmoid"}, "no law named 'sigmoid'; the laws are constant"),
        ({"inference": "bayes"}, "no inference named 'bayes'"),
        ({"method": "least_square"}, "method='least_square' is not available.*least_squares"),
        ({"pool": "partial"}, "pool='partial' is not available"),
        ({"level": 95}, r"write level=0\.95"),
        ({"noise": "gausian"}, "no noise named 'gausian'.*did you mean 'gaussian'"),
        ({"variance": "shrunk"}, "variance='shrunk'; use 'auto'"),
        ({"better": "up"}, "better"),
    ],
)
def test_wrong_options_are_answered_in_words(options, message):
    with pytest.raises(sf.ScalefitError, match=message):
        sf.fit(frame(), **options)


def test_wrong_questions_are_answered_in_words():
    fit = sf.fit(frame())
    with pytest.raises(sf.FitError, match="predict needs sizes under 'cells'; given cell"):
        fit.predict({"cell": [1]})
    with pytest.raises(sf.FitError, match="must be positive"):
        fit.predict([0.0])
    with pytest.raises(sf.FitError, match="must be numbers"):
        fit.predict(["many"])
    with pytest.raises(sf.FitError, match="margin=-1"):
        fit.saturation(margin=-1)
    with pytest.raises(sf.FitError, match="interval='both'"):
        fit.predict([1e8], interval="both")


def test_outlying_run_is_named_with_its_row():
    data = frame()
    data.loc[7, "f1"] = 0.2
    fit = sf.fit(data)
    row = fit.diagnostics.set_index("code").loc["outlying_runs"]
    assert "row 8 " in row["evidence"]
    assert "outlying_runs" not in set(sf.fit(frame()).diagnostics.code)


def test_repr_and_notebook():
    fit = sf.fit(frame())
    assert repr(fit).startswith("<Fit: saturating_power, ")
    assert "<table" in fit._repr_html_()
    hostile = pd.concat([frame(s).assign(model=m) for s, m in ((0, "<script>"), (1, "b"))])
    page = sf.fit(hostile, by="model")._repr_html_()
    assert "<script>" not in page


@pytest.mark.parametrize("law", ["constant", "exponential"])
def test_a_law_asked_for_alone_can_be_rejected_without_replicates(law):
    """One run a size: the other laws are the yardstick, and no verdict rests on a wrong law."""
    x = np.geomspace(1e3, 1e8, 8)
    y = 0.85 - 0.4 * (x / 1e3) ** -0.3 + 0.003 * np.random.default_rng(0).standard_normal(8)
    fit = sf.fit({"cells": x, "f1": y}, law=law)
    assert fit.saturation().verdict == "inconclusive"
    assert fit.saturation().reason.startswith("the law that is reported does not fit")
    assert "law_rejected" in set(fit.diagnostics.code)


def test_too_few_sizes_print_no_gain():
    fit = sf.fit({"cells": [1e3, 1e4] * 3, "f1": [0.5, 0.6, 0.51, 0.61, 0.49, 0.6]})
    assert np.isnan(fit.gain(10).estimate)
    assert "not identified" in repr(fit)


def test_four_sizes_are_never_firm():
    """No size can be left out of four, so none is known not to carry the verdict."""
    x = np.repeat([1e3, 1e4, 1e5, 1e6], 3)
    y = np.repeat([0.3, 0.6, 0.601, 0.602], 3)
    y = y + 0.003 * np.random.default_rng(0).standard_normal(12)
    assert sf.fit({"cells": x, "f1": y}).saturation().strength == "provisional"


@pytest.mark.parametrize(
    "options",
    [{"law": 5}, {"law": None}, {"law": ["power", "power"]}, {"level": [0.9]}, {"rng": -1}],
)
def test_odd_options_are_answered_in_words(options):
    with pytest.raises(sf.ScalefitError):
        sf.fit(frame(), **options)


def test_load_refuses_a_damaged_file(tmp_path):
    path = tmp_path / "fit.json"
    sf.fit(frame()).save(path)
    content = json.loads(path.read_text())
    for key in ("settings", "table", "chosen", "estimates"):
        for value in (None, 5, "x", [], {}):
            path.write_text(json.dumps({**content, key: value}))
            with pytest.raises(sf.FitError, match="is damaged"):
                sf.load(path)


def test_pickle_keeps_a_fit():
    import pickle

    fit = sf.fit(frame())
    assert str(pickle.loads(pickle.dumps(fit))) == str(fit)


def test_very_far_predictions_overflow_into_bounds_without_a_warning():
    fit = sf.fit(frame(), force=True)
    table = fit.predict([1e-300, 1e300])
    assert np.isfinite(table[["lower", "upper"]]).all().all()
    assert sf.fit(frame(), law="hill").saturation(factor=1e6).verdict != ""


def test_a_curve_is_fitted_as_it_is_alone_whatever_stands_beside_it():
    """Twelve sizes without replicates are one run, also beside a curve that has replicates."""
    rng = np.random.default_rng(0)
    long, short = np.geomspace(1e4, 1e7, 12), np.tile(np.geomspace(1e4, 1e7, 6), 3)
    parts = [
        pd.DataFrame({"cells": x, "f1": 0.85 - 0.35 * (x / 1e4) ** -0.4}).assign(task=name)
        for x, name in ((long, "run"), (short, "seeds"))
    ]
    parts[1]["seed"] = np.repeat(range(3), 6)
    for part in parts:
        part["f1"] += rng.normal(0, 0.005, len(part))
    fits = sf.fit(pd.concat(parts), by="task")
    for part, (_, fit) in zip(parts, fits.items(), strict=True):
        alone = sf.fit(part.drop(columns="task"))
        assert fit.settings.noise == alone.settings.noise
        one, other = fit.gain(), alone.gain()
        ends = [other.estimate, other.lower, other.upper]
        assert [one.estimate, one.lower, one.upper] == pytest.approx(ends, rel=1e-9, abs=1e-9)
        assert fit.saturation().verdict == alone.saturation().verdict
    assert fits.saturation()["verdict"].tolist() == ["inconclusive", "still_scaling"]


def test_predictions_far_below_the_sizes_say_so():
    """By more than the sizes span, or where the curve has left the range of the metric."""
    within = sf.fit(frame(gap=0.1, exponent=0.1)).predict([1e5, 2e3, 500])
    assert within["caution"].str.contains("so far below").tolist() == [False, False, True]
    outside = sf.fit(frame(gap=0.6)).predict([5e4, 1e4])
    assert outside["caution"].str.contains("so far below").tolist() == [False, True]
    assert outside.loc[1, ["lower", "upper"]].tolist() == [0, 0]
    exact = sf.fit({"cells": SIZES, "f1": [0.6] * 6}).predict([SIZES[0] / 1.1])
    assert exact["caution"].tolist() == [""]


def test_forecasts_of_a_curve_that_no_law_fits_say_so():
    noise = 0.005 * np.random.default_rng(0).standard_normal(18)
    bent = np.repeat([0.6, 0.5, 0.45, 0.5, 0.6, 0.7], 3) + noise
    fit = sf.fit({"cells": np.repeat(SIZES, 3), "f1": bent})
    assert "no_law_fits" in set(fit.diagnostics["code"])
    told = fit.predict([SIZES[-1], 3 * SIZES[-1]])
    assert told["caution"].str.contains("no law fits all sizes").tolist() == [False, True]
    assert told["estimate"].notna().all()
    assert (sf.fit(frame()).predict([3 * SIZES[-1]])["caution"] == "").all()


def test_predictions_of_a_curve_that_is_held_flat_say_so():
    x = np.tile(np.geomspace(1e4, 1e7, 6), 3)
    noise = 0.005 * np.random.default_rng(0).standard_normal(x.size)
    falling = sf.fit({"cells": x, "f1": 0.4 + 0.4 * (x / 1e4) ** -0.4 + noise})
    assert falling.predict([1e4, 1e8])["caution"].str.contains("scores get worse").all()
    flat = falling.laws["status"] == "flat"
    assert flat.any()
    assert falling.laws.loc[flat, "lack_of_fit_p"].isna().all()
    assert (sf.fit({"cells": x, "f1": 0.5 + noise}).predict([1e4])["caution"] == "").all()


def test_fewer_than_four_sizes_carry_no_answer_and_no_contrasts():
    x = np.tile([1e4, 1e5, 1e6], 3)
    few = sf.fit({"cells": x, "f1": 0.6 + 0.1 * np.log10(x / 1e4)})
    assert few.contrasts.empty
    assert "fewer than 4" in few.ask(sf.GainBetween(1e4, 1e6)).method
    with pytest.raises(sf.FitError, match="fewer than 4 sizes carry no law to plan by"):
        sf.plan(few, sizes=[1e7])


def test_questions_that_make_no_sense_are_refused_in_words():
    fit = sf.fit(frame())
    for ask, words in (
        (lambda: fit.without([999]), "no row 999"),
        (lambda: fit.without(3), "give their numbers"),
        (lambda: fit.without(range(1, 19)), "0 rows at 0 sizes"),
        (lambda: fit.without(range(1, 18)), "1 row at 1 size of 'cells' would be left"),
        (lambda: fit.ask(sf.Gain), "is no question"),
        (lambda: fit.backed_by(3), "pass a backtest"),
        (lambda: fit.predict([]), "there are no sizes"),
        (lambda: sf.isoflop(frame()), "takes a fit"),
        (lambda: fit.ask(sf.Parameter("asymptote"), inference="union"), "is none of hill's"),
    ):
        with pytest.raises(sf.FitError, match=words):
            ask()


def test_runs_without_a_seed_are_runs_of_their_own():
    data = frame()
    data["seed"] = data["seed"].astype(object)
    data.loc[data.index[:4], "seed"] = None
    unit = sf.fit(data).candidates.sample.unit
    assert (unit >= 0).sum() == len(data)


@pytest.mark.parametrize("law", ["power_log", "broken_stick"])
def test_laws_without_a_closed_form_tell_the_size_reaching_a_share(law):
    x = np.tile(np.geomspace(1e4, 1e7, 12), 3)
    noise = 0.005 * np.random.default_rng(0).standard_normal(x.size)
    fit = sf.fit({"cells": x, "f1": 0.85 - 0.35 * (x / 1e4) ** -0.4 + noise}, law=law)
    found = fit.ask(sf.SizeReaching(0.95))
    ends = fit.predict([x.min(), found.estimate, x.max()])["estimate"]
    assert (ends[1] - ends[0]) / (ends[2] - ends[0]) == pytest.approx(0.95, abs=1e-3)
    assert x.min() < found.lower < found.estimate < found.upper < x.max()
    hull = fit.ask(sf.SizeReaching(0.95), inference="union")
    assert hull.lower <= found.lower
    assert np.isfinite([hull.lower, hull.upper]).all()
    assert fit.ask(sf.SizeReaching(0.95, "attainable")).estimate == np.inf


def test_a_set_says_what_to_read_before_use():
    """A direction that was guessed, a curve that falls, one that accelerates, one refused."""
    rng, x = np.random.default_rng(0), np.repeat([1e3, 1e4, 1e5, 1e6, 1e7], 3)
    step = np.log10(x / 1e3)
    means = {
        "up": 0.4 + 0.1 * step, "up too": 0.3 + 0.12 * step, "down": 0.6 - 0.05 * step,
        "ever faster": 0.4 + 0.02 * step**2,
    }  # fmt: skip
    rows = [pd.DataFrame({"m": m, "cells": x, "vigour": mean + rng.normal(0, 0.005, x.size)})
            for m, mean in means.items()]  # fmt: skip
    rows.append(pd.DataFrame({"m": "short", "cells": [1e3, 1e4], "vigour": [0.3, 0.5]}))
    fits = sf.fit(pd.concat(rows), by="m", score="vigour")
    told = fits.diagnostics.set_index("code")
    assert told.loc["direction_from_trend", ["severity", "curves", "first"]].tolist() == [
        "warn", 5, "",
    ]  # fmt: skip
    assert told.loc["inverse_scaling", ["curves", "first"]].tolist() == [1, "m=down"]
    assert told.loc["accelerating", ["curves", "first"]].tolist() == [1, "m=ever faster"]
    assert told.loc["too_few_sizes", ["severity", "curves", "first"]].tolist() == [
        "refuse", 1, "m=short",
    ]  # fmt: skip
    for code in ("inverse_scaling", "accelerating"):
        assert code in set(fits[told.loc[code, "first"].removeprefix("m=")].diagnostics["code"])
    said = str(fits)
    assert said.index("read before use") > said.index("inconclusive")
    assert "[warn] the score gets worse with size (m=down): if lower is better" in said
    assert "(m=down)" in fits._repr_html_()


def test_a_set_of_surfaces_has_the_findings_on_its_table():
    rng = np.random.default_rng(1)
    params, tokens = (10 ** rng.uniform(*span, 24) for span in ((7, 9), (9, 11)))
    loss = (1.7 + 400 / params**0.34 + 900 / tokens**0.3) * np.exp(rng.normal(0, 0.01, 24))
    rows = pd.DataFrame({"params": params, "tokens": tokens, "loss": loss, "set": ["a", "b"] * 12})
    rows.loc[0, "loss"] = np.nan
    fits = sf.fit(rows, drivers=["params", "tokens"], by="set", on_bad="drop")
    assert fits.diagnostics["code"].tolist() == ["rows_dropped"]
    assert "loss: missing (row 1); of set=a (1 of 12)" in str(fits)
    assert "loss: missing (row 1)" in fits._repr_html_()


@pytest.mark.parametrize("law", ["saturating_power", "hill", "exponential"])
def test_fewer_sizes_than_parameters_are_answered(law):
    """Two and three sizes: nothing is told, and nothing fails."""
    cells = np.repeat([100.0, 400.0, 1600.0], 3)
    score = [0.4, 0.41, 0.42, 0.6, 0.61, 0.59, 0.71, 0.7, 0.72]
    runs = pd.DataFrame({"cells": cells, "seed": [0, 1, 2] * 3, "accuracy": score})
    for table, run in ((runs, None), (runs, "seed"), (runs[:6], "seed")):
        fit = sf.fit(table, law=law, run=run)
        assert fit.saturation().verdict == "inconclusive"
        assert np.isnan(fit.predict([3200.0])["estimate"][0])
        assert law in str(fit)


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_a_score_that_is_asked_for_keeps_to_the_range_of_the_metric(better):
    cells = np.repeat([1e3, 3e3, 1e4, 3e4, 1e5, 3e5], 2)
    scatter = 0.01 * np.random.default_rng(31).standard_normal(cells.size)
    accuracy = 0.97 - 2 * cells**-0.2 + scatter
    score = {"f1": accuracy} if better == "higher" else {"error_rate": 1 - accuracy}
    fit = sf.fit({"cells": cells, **score})
    predicted = fit.predict([10])
    for inference in ("profile", "union"):
        found = fit.ask(sf.Value(10), inference=inference)
        assert found.estimate == predicted["estimate"][0] == (0 if better == "higher" else 1)
    told, asked = fit.params.loc["asymptote"], fit.ask(sf.Parameter("asymptote"))
    assert (asked.lower, asked.upper) == (told["lower"], told["upper"])
    assert (1 if better == "higher" else 0) in asked
