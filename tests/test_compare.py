"""Comparing groups: what is asked, what is refused, and that parts agree with one another."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import scalefit as sf
from scalefit.alignment import align
from scalefit.confidence import from_errors
from scalefit.contrasts import equality, pairs
from scalefit.errors import FitError, ScalefitError, TableError
from scalefit.one_stage import one_stage
from scalefit.share import RemainingShare

CELLS = np.array([1e4, 1e5, 1e6, 1e7])


def table(level=0.8, slope=0.05, seed=0, sigma=0.002, cells=CELLS, score="f1"):
    rng = np.random.default_rng(seed)
    x = np.repeat(cells, 4)
    y = level + slope * np.log10(x / cells[-1]) + sigma * rng.standard_normal(x.size)
    return pd.DataFrame({"cells": x, "seed": np.tile(np.arange(4), len(cells)), score: y})


@pytest.fixture(scope="module")
def three():
    return sf.compare(
        {"steep": table(seed=1), "steep too": table(seed=2), "flat": table(slope=0.01, seed=3)}
    )


def test_the_table_holds_each_fits_own_gain(three):
    fit = sf.fit(table(seed=1))
    row = three.table.iloc[0]
    gain = fit.ask(sf.GainBetween(1e7, 1e8))
    assert row["estimate"] == pytest.approx(gain.estimate, rel=1e-9)
    assert row["lower"] == pytest.approx(gain.lower, rel=2e-3)
    assert row["upper"] == pytest.approx(gain.upper, rel=2e-3)
    union = fit.ask(sf.GainBetween(1e7, 1e8), inference="union")
    assert row["robust_lower"] == pytest.approx(union.lower)


def test_what_differs_is_told_apart_and_what_does_not_is_not(three):
    found = three.pairs.set_index(["one", "other"])
    assert found.loc[("steep", "steep too"), "p_adjusted"] > 0.05
    assert found.loc[("steep", "flat"), "p_adjusted"] < 0.01
    assert (found["p_adjusted"] >= found["p"]).all()
    assert three.tests["p"][0] < 0.01
    ranks = three.ranks.set_index("group")
    assert ranks.loc["flat", ["rank", "lower", "upper"]].tolist() == [3, 3, 3]
    assert ranks.loc["steep", ["lower", "upper"]].tolist() == [1, 2]
    assert ranks["first"].sum() == pytest.approx(1.0)


def test_sizes_are_averaged_as_logs():
    wide = [table(level=0.5, slope=s, sigma=0.01, seed=i) for i, s in enumerate((0.05, 0.1, 0.08))]
    reached = sf.SizeReaching(0.5)
    found = sf.compare(wide, reached)
    logs = sf.compare(wide, reached).curves.of_logs()
    assert found.meta.of_logs
    row = found.meta.table.iloc[0]
    assert 0 < row["lower"] < row["estimate"] < row["upper"]
    assert found.meta.prediction[0] > 0
    assert np.log(row["estimate"]) == pytest.approx(np.average(
        logs.estimate, weights=1 / (found.meta.tau2 + logs.error**2)), abs=0.05)  # fmt: skip
    kinds = dict(zip(found.names, "aab", strict=True))
    apart = sf.compare(wide, reached, moderator=kinds)
    one, other = apart.meta.table["estimate"]
    assert apart.meta.differences["ratio"][0] == pytest.approx(one / other)
    assert "a over b" in str(apart)


def test_bootstraps_are_compared_and_too_few_draws_are_refused():
    data = [table(seed=1), table(seed=2, slope=0.02)]
    drawn = sf.compare(data, inference="bootstrap")
    exact = sf.compare(data)
    widths = [each.table["upper"] - each.table["lower"] for each in (drawn, exact)]
    np.testing.assert_allclose(widths[0] / widths[1], 1.0, atol=0.3)
    assert drawn.tests["p"][0] < 0.01
    with pytest.raises(ScalefitError, match=r"sf.Bootstrap\(draws=400\)"):
        sf.compare(data, inference=sf.Bootstrap(draws=199))
    with pytest.raises(ScalefitError, match="stand beside them"):
        sf.compare(data, inference="union")


def test_of_two_drivers_it_is_said_what_can_be_compared():
    rng = np.random.default_rng(0)
    x = np.array([(n, d) for n in np.geomspace(1e6, 1e9, 5) for d in np.geomspace(1e8, 1e11, 5)])
    data = {
        name: {"params": x[:, 0], "tokens": x[:, 1],
               "loss": 1.7 + 400 * x[:, 0] ** -a + 410 * x[:, 1] ** -0.28
               + rng.normal(0, 0.005, 25)}
        for name, a in (("one", 0.34), ("other", 0.3))
    }  # fmt: skip
    both = {"drivers": ["params", "tokens"], "law": "additive"}
    with pytest.raises(TableError, match=r"what=sf.Parameter\('alpha'\)"):
        sf.compare(data, "exponent", **both)
    assert len(sf.compare(data, sf.Parameter("alpha"), **both).table) == 2


def test_p_is_small_just_where_the_interval_leaves_zero_out(three):
    rows = three.pairs
    assert ((rows["p"] < 0.05) == ((rows["lower"] > 0) | (rows["upper"] < 0))).all()


def test_order_and_units_do_not_matter(three):
    other = sf.compare({
        "flat": table(slope=0.01, seed=3).assign(f1=lambda t: 100 * t["f1"]),
        "steep too": table(seed=2), "steep": table(seed=1).sample(frac=1, random_state=0),
    })  # fmt: skip
    assert "percent_scores" in other.diagnostics["code"].tolist()
    both = [c.table.set_index("group")["upper"] for c in (three, other)]
    assert both[0][both[1].index].to_numpy() == pytest.approx(both[1].to_numpy(), rel=1e-6)
    assert other.tests["p"][0] == pytest.approx(three.tests["p"][0], rel=1e-3)


def test_fits_and_tables_mix():
    fits = sf.fit(
        pd.concat([table(seed=1).assign(model="a"), table(seed=2).assign(model="b")]), by="model"
    )
    found = sf.compare(fits | {"c": table(slope=0.01, seed=3)})
    assert found.table["group"].tolist() == ["a", "b", "c"]
    assert repr(found).startswith("<Comparison of 3 groups")


def test_different_metrics_are_refused_but_for_what_has_no_unit():
    data = {"a": table(seed=1), "b": table(seed=2, score="ari")}
    with pytest.raises(FitError, match=r"different metrics: a 'f1'.*b 'ari'.*what=\"share\""):
        sf.compare(data, "gain")
    found = sf.compare(data, "share")
    assert "metrics_mixed" in found.diagnostics["code"].tolist()
    assert found.table["estimate"].between(0, 1).all()
    same = {"a": table(seed=1, score="Micro F1"), "b": table(seed=2, score="test_micro_f1")}
    assert len(sf.compare(same, "score").table) == 2


@pytest.mark.parametrize(
    ("what", "question"),
    [("share", RemainingShare(1e7)), (None, sf.SizeReaching(0.9, of="score"))],
)
def test_what_a_fit_answers_is_compared(what, question):
    """A ratio, and a size that is the root of a gap: by whatever way, each as a fit tells it."""
    fits = {name: sf.fit(table(seed=seed)) for name, seed in (("a", 1), ("b", 2))}
    found = sf.compare(fits, what or question).table.set_index("group")
    for name, fit in fits.items():
        own, row = fit.ask(question), found.loc[name]
        assert row["estimate"] == pytest.approx(own.estimate)
        assert row["lower"] == pytest.approx(own.lower, rel=0.01)
        assert row["upper"] == pytest.approx(own.upper, rel=0.01)


def test_a_share_is_the_gain_over_what_is_left():
    found = sf.compare({"a": table(seed=1), "b": table(seed=2)}, "share")
    fit = sf.fit(table(seed=1))
    here, gain = (fit.ask(q).estimate for q in (sf.Value(1e7), sf.GainBetween(1e7, 1e8)))
    assert found.table["estimate"][0] == pytest.approx(gain / (1 - here), rel=1e-6)
    losses = {n: table(seed=i).assign(f1=lambda t: 1 - t["f1"]).rename(columns={"f1": "error_rate"})
              for i, n in ((1, "a"), (2, "b"))}  # fmt: skip
    mirrored = sf.compare(losses, "share", noise="gaussian")
    assert mirrored.table["estimate"][0] == pytest.approx(found.table["estimate"][0], rel=1e-6)


def test_exponents_are_taken_over_the_common_range_only():
    wide = np.array([1e3, 1e4, 1e5, 1e6, 1e7, 1e8])
    found = sf.compare({"wide": table(seed=1, cells=wide), "narrow": table(seed=2)}, "exponent")
    assert found.table.set_index("group").loc["wide", ["sizes", "largest"]].tolist() == [4, 1e7]
    assert "common_range" in found.diagnostics["code"].tolist()
    apart = {"a": table(seed=1), "b": table(seed=2, cells=CELLS * 1e3)}
    with pytest.raises(FitError, match="common range of sizes"):
        sf.compare(apart, "exponent")
    with pytest.raises(FitError, match="no sizes in common"):
        sf.compare({"a": table(seed=1), "b": table(seed=2, cells=CELLS * 1e4)})
    assert len(sf.compare(apart, at="own").pairs) == 1


def test_sizes_in_different_units_are_refused():
    with pytest.raises(FitError, match="a in cells, b in tokens"):
        sf.compare({"a": table(seed=1), "b": table(seed=2).rename(columns={"cells": "tokens"})})
    found = sf.compare(
        {"a": table(seed=1), "b": table(seed=2).rename(columns={"cells": "tokens"})},
        convert={"a": ("tokens", 2048)}, drivers="tokens", at="own",
    )  # fmt: skip
    assert found.table["largest"].tolist() == [1e7 * 2048, 1e7]


def test_a_folder_is_read_in_one_call(tmp_path):
    one = table(seed=1)
    one.assign(percent=one["cells"] / 1e7 * 100).drop(columns="cells").to_csv(
        tmp_path / "a.csv", index=False
    )
    table(seed=2).rename(columns={"cells": "n_cells"}).to_csv(tmp_path / "b.csv", index=False)
    (tmp_path / "notes.md").write_text("not a table", encoding="utf-8")
    found = sf.compare(tmp_path, corpus=1e7, drivers="cells")
    assert found.table["group"].tolist() == ["a", "b"]
    assert "size_from_percent" in found.diagnostics["code"].tolist()
    with pytest.raises(TableError, match="pass corpus="):
        sf.compare(tmp_path, drivers="cells")


@pytest.mark.parametrize("decimals", [2, 3])
def test_seeds_that_agree_when_rounded_are_no_copies(decimals):
    """Blocks of three rows or more recur by chance in two of three such tables of two decimals."""
    cells = np.tile(np.geomspace(1e4, 1e6, 6).round(), 3)
    left_out = 0
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(0, 0.4 * 10.0**-decimals, (2, cells.size))
        one, other = (0.9 - 3 * cells**-0.25 + noise).round(decimals)
        table = {"cells": cells, "f1": one}
        found = sf.compare({"one": table, "other": {"cells": cells, "f1": other}}, "score")
        left_out += "copied_rows" in set(found.diagnostics["code"])
    assert left_out <= 1
    table["f1"] = (table["f1"] + 10.0**-decimals * np.random.default_rng(0).normal(0, 5, 18)).round(
        decimals
    )
    twice = {name: np.tile(values, 2) for name, values in table.items()}
    found = sf.compare({"one": twice, "other": {"cells": cells, "f1": other}}, "score")
    assert "copied_rows" in set(found.diagnostics["code"])


@pytest.mark.parametrize("decimals", [2, 3])
def test_a_table_that_appears_twice_is_told_although_its_seeds_agree(decimals):
    """A row that ties within a block ended it, and hardly one such table was found."""
    cells, told = np.tile(np.geomspace(1e4, 1e6, 6).round(), 3), 0
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(0, 10.0**-decimals, cells.size)
        table = {"cells": cells, "f1": (0.9 - 3 * cells**-0.25 + noise).round(decimals)}
        twice = {name: np.tile(values, 2) for name, values in table.items()}
        told += "equal_rows" in set(sf.fit(twice).diagnostics["code"])
    assert told >= 17


def test_tokens_are_made_from_flop_and_copies_are_left_out():
    runs = pd.DataFrame({"flop": [6e18, 6e19, 6e20], "params": [1e8] * 3, "loss": [3.0, 2.5, 2.2]})
    assert align(runs, "runs", drivers="tokens").frame["tokens"].tolist() == [1e10, 1e11, 1e12]
    twice = pd.concat([runs, runs], ignore_index=True)
    done = align(twice, "runs", drivers="flop")
    assert len(done.frame) == 3
    assert done.findings[0].code == "copied_rows"
    coarse = pd.DataFrame({"cells": [1, 1, 2], "accuracy": [0.9, 0.9, 0.8]})
    assert align(coarse, "runs").findings[0].code == "equal_rows"
    with pytest.raises(TableError, match="none to make it from"):
        align(runs.drop(columns="flop"), "runs", drivers="cells")


def test_the_findings_on_the_tables_are_told_beside_those_on_the_comparison():
    """Curves of two models, pooled, and one table with rows that share size and seed."""
    pooled = pd.concat([table(seed=1).assign(arm="a"), table(seed=2).assign(arm="b")])
    pooled.loc[pooled["arm"] == "b", "f1"] -= 0.3
    pooled = pooled.drop(columns="seed")
    found = sf.compare({"pooled": pooled, "one": table(seed=3), "two": table(seed=3)})
    told = found.diagnostics.set_index("code")
    assert told.loc["levels_apart", ["severity", "curves", "first"]].tolist() == [
        "warn", 1, "pooled",
    ]  # fmt: skip
    assert told.loc["same_runs", ["curves", "first"]].tolist() == [3, ""]
    said = str(found)
    assert said.index("- [warn] Rows of different 'arm'") > said.index("read before use")
    groups = pd.concat([pooled.assign(task="p"), pooled.assign(task="q", f1=pooled["f1"] - 0.05)])
    in_sets = sf.fit(groups, by="task").diagnostics.set_index("code").loc["levels_apart"]
    compared = sf.compare(groups, by="task").diagnostics.set_index("code").loc["levels_apart"]
    assert (compared["curves"], compared["first"]) == (2, "p")
    assert compared[["message", "evidence", "mend"]].equals(
        in_sets[["message", "evidence", "mend"]]
    )
    assert "levels_apart" not in set(
        sf.compare(sf.fit(groups, by=["task", "arm"])).diagnostics.code
    )


def test_one_model_under_two_names_is_warned_of():
    found = sf.compare({"a": table(seed=1), "again": table(seed=1), "b": table(seed=2)})
    said = found.diagnostics.set_index("code").loc["same_runs", "message"]
    assert said == "a and again hold the same runs"


def test_published_numbers_are_groups():
    found = sf.compare({"A": (0.30, 0.02), "B": (0.50, 0.40, 0.60)}, "exponent")
    gap = found.pairs.iloc[0]
    se = np.hypot(0.02, 0.1 / 1.959964)
    assert gap["upper"] - gap["lower"] == pytest.approx(2 * 1.959964 * se, rel=1e-3)
    assert found.table["law"].tolist() == ["-", "-"]
    mixed = sf.compare({"ours": table(seed=1), "theirs": (0.3, 0.1)}, "exponent")
    assert len(mixed.pairs) == 1
    rows = pd.DataFrame({"paper": ["A", "B"], "estimate": [0.3, 0.5], "se": [0.02, 0.05]})
    assert sf.compare(rows, "exponent").table["group"].tolist() == ["A", "B"]
    with pytest.raises(FitError, match=r"row 2 .B. has no estimate"):
        sf.compare(rows.assign(se=[0.1, np.nan]), "exponent")
    with pytest.raises(FitError, match="different units"):
        sf.compare(rows.assign(unit=["nats", "exponent"]), "exponent")


def test_a_moderator_tells_kinds_apart():
    frames = [
        table(slope=s, seed=i).assign(model=f"m{i}", objective=kind)
        for i, (s, kind) in enumerate([(0.05, "x"), (0.052, "x"), (0.048, "x"),
                                       (0.01, "y"), (0.012, "y"), (0.008, "y")])
    ]  # fmt: skip
    found = sf.compare(pd.concat(frames), by="model", moderator="objective")
    assert found.meta.table.index.tolist() == ["x", "y"]
    gap = found.meta.differences.iloc[0]
    assert 0.02 < gap["lower"] < 0.04 < gap["upper"] < 0.06
    assert found.tests["p"][1] < 0.01
    assert found.table["group"].tolist() == [f"m{i}" for i in range(6)]
    named = sf.compare({"a": table(seed=1), "b": table(seed=2), "c": table(slope=0.01, seed=3)},
                       moderator={"a": "x", "b": "x", "c": "y"})  # fmt: skip
    assert len(named.meta.differences) == 1
    with pytest.raises(FitError, match="says nothing of 'b'"):
        sf.compare({"a": table(), "b": table(seed=1)}, moderator={"a": "x"})


def shared_frame(rho, seed=0):
    rng = np.random.default_rng(seed)
    x = np.repeat(CELLS, 5)
    luck = rng.standard_normal(x.size)
    frames = []
    for task in ("one", "other"):
        own = np.sqrt(rho) * luck + np.sqrt(1 - rho) * rng.standard_normal(x.size)
        frames.append(pd.DataFrame({
            "cells": x, "seed": np.tile(np.arange(5), 4), "task": task, "model": "m",
            "f1": 0.8 + 0.05 * np.log10(x / 1e7) + 0.01 * own,
        }))  # fmt: skip
    return pd.concat(frames)


def test_tasks_of_one_model_share_their_luck():
    fits = sf.fit(shared_frame(0.9), by=["model", "task"], law="log_linear")
    found = sf.compare(fits, "score")
    assert found.correlation[0, 1] > 0.6
    assert "shared_runs" in found.diagnostics["code"].tolist()
    apart = sf.compare(fits, "score", cluster="task")
    assert apart.correlation is None
    narrow, wide = (float(np.ptp(c.pairs.loc[0, ["lower", "upper"]])) for c in (found, apart))
    assert narrow < 0.75 * wide


def test_groups_without_an_answer_say_why():
    few = table(seed=2).query("cells > 1e5")
    found = sf.compare({"a": table(seed=1), "b": table(seed=3), "few": few}, "exponent", at=None)
    row = found.table.set_index("group").loc["few"]
    assert "2 sizes in the common range" in row["caution"] or np.isnan(row["estimate"])
    assert "no answer" in found.headline()


def test_what_cannot_be_asked_is_refused_with_a_hint():
    data = {"a": table(seed=1), "b": table(seed=2)}
    for options, says in (
        ({"what": "exponents"}, "did you mean 'exponent'"), ({"adjust": "bonferroni"}, "holm"),
        ({"at": "there"}, "own"), ({"at": -1.0}, "size"), ({"factor": 0.5}, "factor"),
        ({"level": 95}, "level=0.95"), ({"moderator": "objective"}, "no 'objective'"),
    ):  # fmt: skip
        with pytest.raises(ScalefitError, match=says):
            sf.compare(data, **options)
    with pytest.raises(FitError, match="fewer than two groups"):
        sf.compare({"a": table()})
    with pytest.raises(TableError, match="no table has a column 'model'"):
        sf.compare(data, by="model")
    with pytest.raises(FitError, match="law: there is no table to fit"):
        sf.compare({"A": (0.3, 0.1), "B": (0.4, 0.1)}, "exponent", law="power")


def test_crossings_are_sets():
    steep, flat = table(seed=1, level=0.8, slope=0.1), table(seed=2, level=0.72, slope=0.02)
    found = sf.compare({"steep": steep, "flat": flat}, law="log_linear").crossings.iloc[0]
    assert found["lower"] < 1e6 < found["upper"]
    above = sf.compare({"a": table(seed=1), "b": table(seed=2, level=0.5)}, law="log_linear")
    assert "every size" in above.crossings["says"][0]
    with pytest.raises(FitError, match="do not cross"):
        _ = sf.compare({"A": table(), "B": table(score="ari", seed=1)}, "share").crossings


def test_open_groups_go_to_the_one_stage_model():
    y, se = np.array([0.3, 0.4, 0.5, 0.45]), np.full(4, 0.1)
    closed = one_stage(from_errors(y, se, se, "")).table.iloc[0]
    above = np.array([0.1, 0.1, np.inf, 0.1])
    opened = one_stage(from_errors(y, se, above, "")).table.iloc[0]
    assert closed["lower"] <= opened["lower"] + 0.02
    assert opened["upper"] >= closed["upper"]
    assert closed["lower"] < 0.4125 < closed["upper"]
    found = sf.compare({"a": (0.3, 0.1), "b": (0.4, 0.35, 0.8), "c": (0.5, 0.1)}, "exponent")
    assert found.meta.method.startswith("one-stage")


def test_a_known_group_among_skewed_ones_does_not_speak_for_all():
    answers = {"a": (0.30, 0.06), "b": (0.45, 0.08), "c": (0.25, 0.05), "d": (0.45, 0.30, 0.80)}
    for error in (0.005, 0.002, 0.0005):
        found = sf.compare(answers | {"e": (0.38, error)}, what="exponent").meta
        lower, upper = found.table.iloc[0][["lower", "upper"]]
        assert found.method.startswith("one-stage")
        assert (lower, upper) == pytest.approx((0.26, 0.47), abs=0.02)


def test_groups_without_noise_and_flat_ones_have_a_mean_or_none():
    cells = np.repeat(np.geomspace(1e4, 1e7, 6), 3)
    exact = {f"{a}": {"cells": cells, "f1": 0.9 - 1.2 * cells**-a} for a in (0.15, 0.2, 0.25)}
    mean = sf.compare(exact).meta.table.iloc[0]
    assert (mean["lower"], mean["upper"]) == pytest.approx((-0.0081, 0.0469), abs=5e-4)
    flat = {f"{y}": {"cells": cells, "f1": np.full(18, y)} for y in (0.8, 0.9)}
    assert "mean over groups" in str(sf.compare(flat))


@pytest.mark.parametrize("last", [(0.5, 0.05), (0.5, 0.4, 0.9)])
def test_a_kind_may_be_a_tuple(last):
    """As the keys of a set of fits are; near to symmetric intervals and others."""
    kinds = {"a": ("x", 1), "b": ("x", 1), "c": ("x", 2), "d": ("y", 2)}
    answers = dict.fromkeys(kinds, (0.3, 0.05)) | {"d": last}
    found = sf.compare(answers, what="exponent", moderator=kinds)
    assert found.meta.table.index.tolist() == [("x", 1), ("x", 2), ("y", 2)]
    assert found.meta.table["k"].tolist() == [2, 1, 1]
    assert "('x', 2) less ('y', 2): " in found.summary()
    assert "mean: ('y', 2)" in [label.get_text() for label in found.plot().get_yticklabels()]


@pytest.mark.parametrize("kind", [None, float("nan")])
def test_a_missing_kind_is_refused_with_its_group(kind):
    kinds = {"a": "x", "b": "x", "c": kind, "d": "y"}
    answers = dict.fromkeys(kinds, (0.3, 0.05))
    with pytest.raises(sf.FitError, match="says nothing of 'c'"):
        sf.compare(answers, what="exponent", moderator=kinds)


def test_equality_of_two_is_the_classical_test():
    """Normal groups with known errors: chi-squared with one degree of freedom."""
    from scipy.special import chdtrc

    curves = from_errors(np.array([0.2, 0.5]), np.full(2, 0.1), np.full(2, 0.1), "")
    z2 = (0.3 / np.hypot(0.1, 0.1)) ** 2
    assert equality(curves).p == pytest.approx(chdtrc(1, z2), rel=1e-3)
    assert pairs(curves, 0.95).p[0] == pytest.approx(chdtrc(1, z2), rel=5e-3)


def test_pictures_are_drawn(three, tmp_path):
    import matplotlib as mpl

    mpl.use("Agg")
    three.plot().figure.savefig(tmp_path / "a.png")
    three.plot_curves().savefig(tmp_path / "b.png")
    three.plot_ranks().figure.savefig(tmp_path / "c.png")
    from matplotlib import pyplot

    pyplot.close("all")


def test_the_shell_says_the_same(three, tmp_path):
    from scalefit.cli import cli

    for name, kwargs in (
        ("steep", {"seed": 1}),
        ("steep too", {"seed": 2}),
        ("flat", {"slope": 0.01, "seed": 3}),
    ):
        table(**kwargs).to_csv(tmp_path / f"{name}.csv", index=False)
    files = [str(tmp_path / f"{name}.csv") for name in ("steep", "steep too", "flat")]
    done = CliRunner().invoke(cli, ["compare", *files, "--json", "--plot", str(tmp_path / "f.png")])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["schema"] == "scalefit compare 1"
    assert said["tests"][0]["p"] == pytest.approx(three.tests["p"][0])
    assert (tmp_path / "f.png").exists()
    text = CliRunner().invoke(cli, ["compare", str(tmp_path), "--what", "exponent"])
    assert text.exit_code == 0, text.output
    assert "Exponent, over" in text.stdout
    bad = CliRunner().invoke(cli, ["compare", files[0]])
    assert bad.exit_code == 1


def test_posteriors_are_compared_like_profiles():
    """Shares stay closed, and the common value lies between two answers that are far apart."""
    rng = np.random.default_rng(0)
    x = np.repeat(np.geomspace(1e4, 1e7, 6), 3)
    table = pd.concat([
        pd.DataFrame({"model": name, "cells": x,
                      "f1": 0.9 - a * x**-b + 0.003 * rng.standard_normal(x.size)})
        for name, a, b in (("slow", 1.2, 0.15), ("fast", 2.0, 0.45))
    ])  # fmt: skip
    fits = sf.fit(table, by="model", method="bayes", law="saturating_power")
    for what in ("share", "score"):
        found = sf.compare(fits, what=what)
        assert np.isfinite(found.table[["lower", "upper"]].to_numpy()).all()
        test = found.tests.iloc[0]
        assert test["p"] < 1e-4
        low, high = sorted(found.table["estimate"])
        assert low < float(re.search(r"would be ([\d.]+)", found.headline())[1]) < high


def test_the_command_keeps_files_and_says_what_is_wrong(tmp_path):
    table = tmp_path / "two.csv"
    x = np.tile(np.geomspace(1e4, 1e7, 6), 2)
    wobble = np.resize([0.003, -0.002, -0.004, 0.001], 12)
    rows = [pd.DataFrame({"model": m, "cells": x, "f1": 0.9 - a * x**-0.3 + wobble})
            for m, a in (("a", 1.0), ("b", 3.0))]  # fmt: skip
    pd.concat(rows).assign(seed=np.tile(np.repeat([0, 1], 6), 2)).to_csv(table, index=False)
    picture = tmp_path / "mine.png"
    picture.write_text("hello")
    from scalefit.cli import cli

    run = CliRunner()
    kept = run.invoke(cli, ["compare", str(table), "--by", "model", "--plot", str(picture)])
    assert (kept.exit_code, picture.read_text()) == (2, "hello")
    empty = tmp_path / "empty"
    empty.mkdir()
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    pd.concat(rows).to_csv(mixed / "a.csv", index=False)
    (mixed / "sizes.csv").write_text("model,width\na,64\nb,128\n")
    (tmp_path / "odd.csv").write_text("name,notes\nx,y\n")
    (tmp_path / "sound").mkdir()
    for i, rows_of_one in enumerate(rows[:2]):
        rows_of_one.to_csv(tmp_path / "sound" / f"{i}.csv", index=False)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text('{"lr": 0.1}')
    for words, said in (
        (["compare", str(mixed), "--by", "model"], "leave it out by naming the others"),
        (["compare", str(tmp_path / "broken")], "leave it out by naming the others"),
        (["compare", str(empty)], "no table in this folder"),
        (["compare", str(table), "--by", "model", "--at", "-5"], "give a size"),
    ):
        failed = run.invoke(cli, words)
        assert failed.exit_code == 2
        assert said in failed.output
    for other in ([str(tmp_path / "odd.csv")], ["missing.csv"], ["--by", "nothing"]):
        failed = run.invoke(cli, ["compare", str(tmp_path / "sound"), *other])
        assert failed.exit_code == 2
        assert "leave it out by naming" not in failed.output, "no file of the folder is at fault"
    config = tmp_path / "c.toml"
    config.write_text(f'by = ["model"]\ntable = "{table.as_posix()}"\n')
    told = run.invoke(cli, ["compare", "--config", str(config)])
    assert told.exit_code == 0, told.output


@pytest.mark.parametrize("what", ["gain", "share"])
def test_what_a_fit_refuses_is_not_compared(what):
    """Sizes of less than a decade tell no gain, and none is told far beyond any sizes."""
    narrow = table(cells=np.array([2e6, 3e6, 5e6, 1e7]), seed=3)
    groups = {"a": table(seed=1), "b": table(seed=2), "narrow": narrow}
    found = sf.compare(groups, what, at=1e7).table.set_index("group")
    assert found.loc["narrow", "caution"].startswith("the sizes span less than one decade")
    assert np.isnan(found.loc["narrow", "estimate"])
    assert np.isfinite(found.loc[["a", "b"], "estimate"]).all()
    with pytest.raises(FitError, match="farther beyond the sizes than forecasts"):
        sf.compare({"a": table(seed=1), "b": table(seed=2)}, what, at=1e12)


def test_the_shell_compares_refused_answers_and_surfaces_as_it_fits_them(tmp_path):
    from scalefit.cli import cli

    narrow = np.array([2e6, 3e6, 5e6, 1e7])
    parts = [table(seed=k, cells=narrow).assign(task=str(k), width=1e6) for k in (1, 2)]
    pd.concat(parts).to_csv(tmp_path / "narrow.csv", index=False)

    def compared(*options, code=0):
        words = ["compare", str(tmp_path / "narrow.csv"), "--by", "task", "--json", *options]
        result = CliRunner().invoke(cli, words)
        assert result.exit_code == code, result.output
        return result

    assert "span less than one decade" in compared(code=1).output
    shown = json.loads(compared("--show-refused").stdout)
    assert all(np.isfinite(row["estimate"]) for row in shown["groups"])
    assert "column 'width' has too few sizes" in compared("--params", "width", code=2).output


def test_a_mean_of_scores_keeps_to_the_range_that_all_groups_share():
    def told(level, seed):
        rng = np.random.default_rng(seed)
        sizes = np.tile(np.geomspace(1e3, 1e6, 7), 3)
        curve = level - 0.3 * (sizes / 1e3) ** -0.5
        return {"cells": sizes, "f1": curve + rng.normal(0, 0.004, 21)}

    tables = {"high": told(0.95, 0), "low": told(0.45, 1)}
    for what in ("score", "asymptote", sf.Value(1e9)):
        at = {"at": 1e9} if what == "score" else {}
        found = sf.compare(tables, what, **at)
        mean = found.meta.table.loc["mean"]
        assert (mean["lower"], mean["upper"]) == (0.0, 1.0), what
        assert found.table["upper"].max() <= 1.0
    assert sf.compare(tables, "gain", at=1e4).bounds == (-np.inf, np.inf)
    free = replace(found, bounds=(-np.inf, np.inf))
    assert free.meta.table.loc["mean", "upper"] > 1.0
    other = sf.compare({**tables, "stated": (1.3, 0.1)}, "asymptote")
    assert other.meta.table.loc["mean", "upper"] > 1.0, "nobody knows its metric"


def test_the_size_of_a_comparison_is_read_as_tables_are():
    x = np.tile(np.geomspace(1e3, 1e6, 7), 2)
    noise = np.random.default_rng(0).normal(0, 0.004, (2, 14))
    tables = {name: {"cells": x, "f1": 0.8 - 0.3 * (x / 1e3) ** -0.5 + noise[i]}
              for i, name in enumerate("ab")}  # fmt: skip
    assert sf.compare(tables, at="300k").what == sf.compare(tables, at=3e5).what
    with pytest.raises(sf.FitError, match=r"at='mine'; give a size .* or \"own\" for gains"):
        sf.compare(tables, at="mine")


def test_an_inference_is_checked_of_fits_already_made():
    x = np.tile(np.geomspace(1e3, 1e6, 7), 2)
    noise = np.random.default_rng(0).normal(0, 0.004, 14)
    one = sf.fit({"cells": x, "f1": 0.8 - 0.3 * (x / 1e3) ** -0.5 + noise})
    with pytest.raises(sf.FitError, match=r"no inference named 'profle'.* did you mean 'profile'"):
        sf.compare({"a": one, "b": one}, inference="profle")
