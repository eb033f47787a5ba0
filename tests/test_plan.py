"""Plans: what is simulated, that it is judged as tables are, and how it is told."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import scalefit as sf
from scalefit.cli import cli
from scalefit.estimands import GainBetween
from scalefit.next_size import candidate_sizes, next_sizes
from scalefit.outcomes import chance, outcomes, width_of
from scalefit.plots import paper
from scalefit.proposals import NOTHING, Proposal, propose
from scalefit.runs_needed import times_as_many
from scalefit.study import study_of

SIZES = np.geomspace(1e4, 1e6, 6)
SIZES7 = np.array([1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6])


def runs(sd=0.01, seed=0, exponent=0.4, replicates=3, sizes=SIZES):
    x = np.repeat(sizes, replicates)
    y = 0.9 - 0.3 * (x / 1e4) ** -exponent
    y = y + sd * np.random.default_rng(seed).standard_normal(x.size)
    return pd.DataFrame({"cells": x, "seed": list(range(replicates)) * len(sizes), "f1": y})


def expected(exponent=0.4, sd=0.01, **options):
    """The curve of these runs, stated by hand."""
    curve = {"asymptote": 0.9, "coefficient": 0.3 * 1e4**exponent, "exponent": exponent}
    return sf.Hypothesis("saturating_power", curve, sd=sd, score="f1", **options)


@pytest.fixture(scope="module")
def fit():
    return sf.fit(runs())


@pytest.fixture(scope="module")
def found(fit):
    return sf.plan(fit, sizes=[1e7, SIZES.tolist(), (3e6, 1e7)], seeds=3, n_tables=40)


# Proposals ----------------------------------------------------------------------------------------


def test_a_plan_says_what_is_decided_already_and_what_would_make_it_firm():
    loss = 2 + 20 * SIZES7**-0.3 + np.random.default_rng(0).normal(0, 0.01, 7)
    once = sf.plan(sf.fit({"tokens": SIZES7, "loss": loss}), n_tables=30)
    said = once.summary().splitlines()[1]
    firmest = once.table.loc[once.table["firm"].idxmax(), "proposal"]
    assert once.table["still_scaling"].iloc[0] == 1.0
    assert said.startswith("Without new runs it is decided already, in 100 % of tables, firmly in")
    assert f"{firmest} would make it firm most often: in 100 %" in said


def test_of_proposals_that_decide_alike_the_firmest_is_named(fit):
    found = sf.plan(fit, sizes=[1e3, 1e7], seeds=1, n_tables=20)
    rows = found.rows.assign(verdict="saturated", strength="provisional")
    rows.loc[rows["proposal"] == 0, "verdict"] = "inconclusive"
    rows.loc[rows["proposal"] == 2, "strength"] = "firm"
    said = replace(found, rows=rows).summary().splitlines()[1]
    assert said.startswith(f"Of 2 proposals, {found.proposals[2].label} would decide it most often")
    firm = replace(found, rows=rows.assign(verdict="saturated", strength="firm")).summary()
    assert "of 2 proposals none would decide it more often, or more firmly." in firm


def test_proposals_are_all_choices_with_all_numbers_of_seeds():
    got = propose({"big": 1e7, "both": (1e6, 1e7)}, [2, 4], {1e4: 3}, "cells")
    assert [(p.name, p.sizes, p.seeds, p.runs) for p in got] == [
        ("big", (1e7,), 2, 2), ("both", (1e6, 1e7), 2, 4),
        ("big", (1e7,), 4, 4), ("both", (1e6, 1e7), 4, 8),
    ]  # fmt: skip
    assert propose(1e7, None, {1e4: 3, 1e5: 5, 1e6: 5}, "cells")[0].seeds == 5
    assert [p.sizes for p in propose({"cheap": "1M", "dear": ["22.2M", 1e8]}, 1, {1e4: 3}, "cells")
            ] == [(1e6,), (22.2e6, 1e8)]  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "seeds", "words"),
    [([], 3, "nothing is proposed"), ([1e6], 0, "seeds=0"), (["many"], 3, "numbers"),
     ([-1.0], 3, "positive"), ([1e6], [], "nothing is proposed")],
)  # fmt: skip
def test_proposals_that_are_none(sizes, seeds, words):
    with pytest.raises(sf.FitError, match=words):
        propose(sizes, seeds, {1e4: 3}, "cells")


def test_without_runs_in_hand_tables_are_proposed_as_a_whole():
    with pytest.raises(sf.FitError, match="whole table"):
        propose(None, 3, {}, "cells")
    with pytest.raises(sf.FitError, match="4 sizes or more"):
        sf.plan(expected(), sizes=[1e4, 1e5, 1e6, 1e7])


# What is simulated --------------------------------------------------------------------------------


def test_runs_in_hand_stay_as_they_are(fit):
    study = study_of(fit, None, 5, 0, [])
    sample = study.sample({1e6: 2, 1e7: 3})
    mine = fit.candidates.sample
    assert sample.count[0].tolist() == [3, 3, 3, 3, 3, 5, 3]
    for g in range(5):
        np.testing.assert_allclose(sample.mean[g, :5], mine.mean[0, :5], rtol=1e-12)
        assert set(mine.runs[0, 5]) <= set(sample.runs[g, 5])
    assert len(np.unique(sample.mean[:, 6])) == 5


def test_more_seeds_keep_the_first_ones(fit):
    study = study_of(fit, None, 5, 0, [])
    few, many = study.sample({1e7: 2}), study.sample({1e7: 4, 3e6: 1})
    for g in range(5):
        new, all_of_them = few.runs[g, -1], many.runs[g, -1]
        assert set(new[np.isfinite(new)]) <= set(all_of_them)


def test_means_of_runs_are_added_to(fit):
    rows = runs().groupby("cells")["f1"].agg(["mean", "std"]).reset_index()
    rows = rows.rename(columns={"mean": "f1", "std": "spread"}).assign(number=3)
    means = sf.fit(rows, sd="spread", n="number")
    one = study_of(means, None, 4, 0, []).sample({1e7: 2, 1e6: 1})
    assert one.count[0].tolist() == [3, 3, 3, 3, 3, 4, 2]
    np.testing.assert_allclose(one.spread[0, :5], fit.candidates.sample.spread[0, :5])


def test_verdicts_are_those_of_the_package(fit):
    """Each simulated table, fitted by hand, has the same verdict, strength and interval."""
    study = study_of(fit, None, 6, 0, [])
    proposal = Proposal((1e5, 3e6), 2)
    told = outcomes(study, proposal, None, 10.0)
    sample = study.sample(proposal.added())
    for g in range(6):
        size, slot = np.nonzero(np.isfinite(sample.runs[g]))
        table = {"cells": sample.x[g, size], "f1": sample.runs[g, size, slot]}
        alone = sf.fit(table).saturation()
        row = told.iloc[g]
        assert (alone.verdict, alone.strength) == (row["verdict"], row["strength"])
        assert alone.gain.lower == pytest.approx(row["gain_lower"], rel=1e-6)
        assert alone.robust_gain.upper == pytest.approx(row["any_law_upper"], rel=1e-4)


def test_without_new_runs_the_table_says_what_it_says(fit, found):
    first, verdict = found.table.iloc[0], fit.saturation()
    assert found.proposals[0] == NOTHING
    assert first[verdict.verdict] == 1.0
    assert first[f"{verdict.verdict}_error"] == 0.0
    assert first["gain_width"] == pytest.approx(verdict.gain.upper - verdict.gain.lower)
    assert first["any_law_width"] == pytest.approx(
        verdict.robust_gain.upper - verdict.robust_gain.lower
    )
    exponent = fit.params.loc["exponent"]
    assert first["exponent_width"] == pytest.approx(exponent["upper"] - exponent["lower"])


def test_a_verdict_is_right_if_what_it_claims_is_true(found):
    rows = found.rows
    study, top = found.study, 1e7
    claim = rows["true_gain"] > rows["margin"]
    still = rows["verdict"] == "still_scaling"
    assert (rows["right"][still] == claim[still]).all()
    assert not rows["right"][rows["verdict"] == "inconclusive"].any()
    beyond = rows["true_gain"][rows["proposal"] == 1].to_numpy()
    np.testing.assert_allclose(beyond, study.true(GainBetween(top, 10 * top)))


def test_chances_are_shares_with_errors(found):
    table = found.table
    four = table[["saturated", "still_scaling", "no_scaling", "inconclusive"]]
    np.testing.assert_allclose(four.sum(axis=1), 1.0)
    kinds = table[["firm_saturated", "firm_still_scaling", "firm_no_scaling"]].sum(axis=1)
    np.testing.assert_allclose(kinds, table["firm"])
    assert chance(pd.Series([True] * 5 + [False] * 5))[1] == pytest.approx(np.sqrt(0.25 / 10))
    assert chance(pd.Series([False] * 40))[1] > 0
    assert (table["right"] + table["wrong"] + table["inconclusive"]).tolist() == pytest.approx(
        [1] * 4
    )


def test_a_median_width_counts_open_intervals():
    lower, upper = pd.Series([0.0] * 5), pd.Series([1.0, 2.0, 3.0, np.inf, np.inf])
    assert width_of(lower, upper)[::2] == (3.0, 0.4)
    assert width_of(lower, pd.Series([1.0, 2.0] + [np.inf] * 3))[0] == np.inf


@pytest.mark.parametrize("unit", [1024.0, 1e6, 1e-3])
def test_a_plan_does_not_depend_on_the_unit_of_sizes(unit):
    """A size had other random numbers in another unit, and a verdict another chance."""
    stated = runs(sd=0.012, exponent=0.5)
    told = [
        sf.plan(sf.fit(stated.assign(cells=stated["cells"] / u)), [3e6 / u], 2, n_tables=40).table
        for u in (1.0, unit)
    ]
    chances = ["saturated", "still_scaling", "inconclusive", "firm", "gain_width"]
    np.testing.assert_allclose(told[1][chances], told[0][chances], rtol=1e-6)


def test_same_seed_same_plan(fit, found):
    again = sf.plan(fit, sizes=[(3e6, 1e7)], seeds=3, n_tables=40)
    pd.testing.assert_series_equal(
        again.table.iloc[1].drop("proposal"), found.table.iloc[3].drop("proposal"),
        check_names=False,
    )  # fmt: skip
    other = sf.plan(fit, sizes=[(3e6, 1e7)], seeds=3, n_tables=40, rng=1)
    assert not other.rows["gain"].equals(again.rows["gain"])


def test_progress_is_told(fit):
    said = []
    sf.plan(fit, 1e7, 1, n_tables=3, progress=lambda *told: said.append(told))
    assert said == [("plan", 0, 2), ("plan", 1, 2), ("plan", 2, 2)]


def test_other_laws_can_be_true(fit):
    hill = sf.plan(fit, 1e7, 1, n_tables=4, law="hill")
    assert "given hill" in hill.label
    assert "exponent_width" not in hill.table
    every = sf.plan(fit, 1e7, 1, n_tables=9, law="surviving")
    assert len(every.study.truths) > 1
    assert len(every.study) == 9
    assert "given hill" in every.label


def losses():
    rows = runs()
    return rows.assign(loss=3.0 - 2.0 * rows["f1"]).drop(columns="f1")


def test_losses_are_drawn_with_their_errors_and_fitted_fast():
    fit = sf.fit(losses())
    found = sf.plan(fit, 1e7, 2, n_tables=5)
    assert found.study.truths[0].kernel.link == "log"
    assert "fitted with gaussian errors, not student ones" in found.label
    assert found.rows["margin"].iloc[0] == pytest.approx(0.01 * losses()["loss"].min(), rel=0.05)
    today = fit.gain(10)
    assert found.table["gain_width"][0] == pytest.approx(today.upper - today.lower, rel=1e-6)


def test_simulated_tables_can_be_fitted_by_their_own_errors():
    found = sf.seeds_needed(sf.fit(losses()), 1e7, noise="lognormal", n_tables=2, most=1)
    assert "fitted with lognormal errors" in found.label
    exact = study_of(sf.fit(losses()), None, 2, 0, [], "student")
    assert "for speed" not in exact.label
    assert exact.weighed({1e7: 1}).kernel is not None


def test_a_whole_table_can_be_planned():
    found = sf.plan(expected(), sizes=[SIZES, SIZES[1:]], seeds=[1, 3], n_tables=10)
    assert len(found.table) == 4
    assert found.table["runs"].tolist() == [6, 5, 18, 15]
    with pytest.raises(sf.FitError, match="cells"):
        _ = found.next_sizes
    assert "simulated tables" in str(found)


def test_promised_runs_are_simulated():
    found = sf.plan(expected(cells=SIZES, seeds=3), sizes=[1e7], n_tables=20)
    assert found.proposals[0] == NOTHING
    assert found.table["inconclusive_error"].iloc[0] > 0
    assert found.rows["gain"][found.rows["proposal"] == 0].nunique() >= 19


def test_a_law_that_leaves_the_metric_is_no_proposal():
    """A decade down this curve would have a negative f1, which no run can have."""
    steep = sf.fit(runs(exponent=0.9, sd=0.004))
    named = [each.name for each in sf.plan(steep, n_tables=4).proposals]
    assert "10 times smaller" not in named
    assert "10 times larger" in named
    found = sf.plan(steep, [1e3, 1e7], n_tables=4)
    assert "leave the range of f1" in found.table["caution"].iloc[1]
    assert found.next_sizes.set_index("size")["gain"].isna()[1e3]


def test_sizes_farther_away_than_those_in_hand_span_are_cautioned(fit):
    span = max(SIZES) / min(SIZES)
    found = sf.plan(fit, [span * max(SIZES), 2 * span * max(SIZES), 1e-13 * min(SIZES)], n_tables=2)
    near, far, small = found.table["caution"].iloc[1:]
    assert near == ""
    assert far == "sizes farther from those in hand than these span: truths there are guesses"
    assert small.endswith(far)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"factor": 1.0}, "factor"), ({"margin": -1.0}, "margin"), ({"n_tables": 0}, "n_tables=0"),
     ({"law": "sigmoid"}, "no law named"), ({"sizes": ["x"]}, "numbers"),
     ({"cost": "6ND"}, "cost='6ND' is no function"), ({"cost": lambda _: -1.0}, "makes -1 of"),
     ({"cost": lambda _: np.nan}, "a positive number")],
)  # fmt: skip
def test_plans_that_are_refused(fit, options, words):
    with pytest.raises(sf.ScalefitError, match=words):
        sf.plan(fit, **({"sizes": 1e7, "n_tables": 3} | options))


def test_sources_that_are_refused(fit):
    fits = sf.fit(pd.concat([runs().assign(m="a"), runs(seed=1).assign(m="b")]), by="m")
    with pytest.raises(sf.FitError, match="name one"):
        sf.plan(fits)
    with pytest.raises(sf.FitError, match="neither a fit"):
        sf.plan(runs())
    with pytest.raises(sf.FitError, match="names its own law"):
        sf.plan(expected(cells=SIZES), law="hill")
    x = np.array([(n, d) for n in (1e6, 1e7, 1e8) for d in (1e8, 1e9, 1e10, 1e11)])
    loss = 1.7 + 400 * x[:, 0] ** -0.34 + 410 * x[:, 1] ** -0.28
    two = sf.fit({"params": x[:, 0], "tokens": x[:, 1], "loss": loss}, drivers=["params", "tokens"])
    with pytest.raises(sf.TableError, match="a plan needs one driver"):
        sf.plan(two)
    wave = runs(sd=0.002).assign(f1=lambda rows: 0.7 + 0.1 * np.sin(3 * np.log(rows["cells"])))
    noise = 0.002 * np.random.default_rng(0).standard_normal(len(wave))
    with pytest.raises(sf.FitError, match="no law fits"):
        sf.plan(sf.fit(wave.assign(f1=wave["f1"] + noise)))


# Next sizes ---------------------------------------------------------------------------------------

#: METHODS 9: SD of the tenfold gain and of the asymptote after three more runs, over that before,
#: by the decade of these runs above the smallest size of a 6x3 table.
PLACES = (-1, 0, 1, 2, 2.3, 3, 4)
RATIOS = {
    0.2: ((0.47, 0.96, 0.93, 0.88, 0.72, 0.45, 0.27), (0.43, 0.95, 0.93, 0.88, 0.72, 0.45, 0.27)),
    0.5: ((0.37, 0.97, 0.95, 0.89, 0.81, 0.67, 0.58), (0.55, 0.98, 0.98, 0.83, 0.74, 0.60, 0.52)),
    1.0: ((0.24, 0.98, 0.99, 0.92, 0.90, 0.88, 0.88), (0.73, 1.00, 0.99, 0.83, 0.81, 0.79, 0.79)),
}


@pytest.mark.parametrize("exponent", RATIOS)
def test_next_sizes_are_those_of_c_optimality(exponent):
    wide = expected(exponent, cells=SIZES, seeds=3, bounds=(None, None))
    sizes = 1e4 * 10.0 ** np.array(PLACES)
    found = next_sizes(study_of(wide, None, 2, 0, sizes), sizes, 3, float, 10.0)
    for name, ratio in zip(("gain", "asymptote"), RATIOS[exponent], strict=True):
        np.testing.assert_allclose(1 - found[name], ratio, atol=0.0051)


def test_copies_are_nearly_useless_and_range_is_not(fit):
    table = sf.plan(fit, n_tables=4).next_sizes.set_index("size")
    copies = table.loc[SIZES]
    assert copies["gain"].max() < 0.2
    assert copies["any_law"].max() < 0.25
    assert table["gain"].iloc[0] > 0.3  # a decade down, given the law
    assert table["any_law"].iloc[-1] > table["any_law"].iloc[0]  # ten times larger, whichever law
    assert table["told_apart"].iloc[-1] > copies["told_apart"].max()


def test_the_next_size_depends_on_the_cost(fit):
    flat = sf.plan(fit, [1e3, 1e5, 1e7], 3, n_tables=4, cost=lambda _: 1.0)
    steep = sf.plan(fit, [1e3, 1e5, 1e7], 3, n_tables=4)
    assert flat.next_size.any_law == 1e7
    assert steep.next_size.given_law == 1e3
    assert flat.table["cost"].tolist() == [0.0, 3.0, 3.0, 3.0]
    np.testing.assert_allclose(steep.table["cost"], [0, 0.003, 0.3, 30])
    table = steep.next_sizes
    np.testing.assert_allclose(table["gain"] / table["cost"], table["gain_per_cost"])


def test_candidates_reach_a_decade_either_way():
    found = candidate_sizes(np.array([1e4, 1e5]))
    np.testing.assert_allclose(found, 10.0 ** np.array([3, 3.5, 4, 5, 5.5, 6]))


# Seeds and power ----------------------------------------------------------------------------------


def test_a_number_of_seeds_is_told_in_grammar():
    f1 = np.tile([0.5, 0.6, 0.65, 0.68, 0.70, 0.71, 0.713], 3)
    known = {"cells": np.tile(SIZES7, 3), "f1": f1 + np.random.default_rng(0).normal(0, 0.004, 21)}
    one = sf.seeds_needed(sf.fit(known), 1e7, n_tables=40).headline()
    assert "1 run more at 10M gives the right verdict" in one
    assert "by the error of the simulation no other number is likely." in one
    some = sf.seeds_needed(expected(0.2, sd=0.02), SIZES, n_tables=60)
    assert some.at_least < some.at_most
    assert "give the right verdict in" in some.headline()
    assert f"it may be {some.at_least} to {some.at_most}." in some.headline()


def test_seeds_needed_are_found_by_halving():
    found = sf.seeds_needed(expected(0.2, sd=0.02), SIZES, n_tables=60)
    tried = found.table.set_index("seeds")
    assert found.at_least <= found.seeds <= found.at_most
    assert tried["right"][found.seeds] >= 0.8
    assert found.seeds == 1 or tried["right"][found.seeds - 1] < 0.8
    assert 2 <= found.seeds <= 5  # 3 seeds decide in 79 % of tables
    assert found.rule == 4
    assert tried["detectable_trend"].is_monotonic_decreasing
    assert "asked for: 80 %" in str(found)


def test_no_number_of_seeds_may_be_enough(fit):
    found = sf.seeds_needed(fit, 3e6, target=0.99, most=2, margin=0.012, n_tables=10)
    assert found.seeds is None
    assert found.at_most is None
    assert "choose other sizes" in repr(found)
    with pytest.raises(sf.FitError, match="target=2"):
        sf.seeds_needed(fit, target=2)


def test_power_grows_with_seeds_and_falls_with_noise():
    one, other = expected(0.3), expected(0.6)
    found = sf.power(one, other, [SIZES], [1, 4], sd=[0.01, 0.03], n_tables=60).table
    power = found.set_index(["sd", "seeds"])["power"]
    assert power[0.01, 4] > power[0.01, 1] > power[0.03, 1]
    assert (found["power_error"] > 0).all()


def test_equal_exponents_are_seldom_told_apart():
    found = sf.power(expected(0.4), expected(0.4), [SIZES], 3, n_tables=100)
    assert found.table["power"][0] < 0.15
    assert "told apart" in str(found)
    assert "100 pairs" in found.label


def test_power_of_tables_in_hand_is_that_of_the_comparison(fit):
    other = sf.fit(runs(seed=5, exponent=0.7))
    found = sf.power(fit, other).table
    p = sf.compare({"a": fit, "b": other}, "exponent").tests["p"][0]
    assert found["power"][0] == float(p <= 0.05)


def test_powers_that_are_refused(fit):
    with pytest.raises(sf.FitError, match="two hypotheses"):
        sf.power(fit, expected(), [1e7], sd=[0.1])
    with pytest.raises(sf.FitError, match="sizes that both have"):
        sf.power(expected(0.3), expected(0.6), [[1e4, 2e4, 4e4, 8e4]])


def test_a_closed_form_says_how_many_runs_would_settle_it():
    assert times_as_many(0.02, 0.015, 0.025, 0.01) == 1.0
    assert times_as_many(0.005, 0.0, np.inf, 0.01) == np.inf
    assert times_as_many(0.02, 0.0, np.inf, 0.01) == times_as_many(0.02, 0.0, 0.04, 0.01)
    near, far = times_as_many(0.012, 0.0, 0.024, 0.01), times_as_many(0.02, 0.0, 0.04, 0.01)
    assert near > far > 4
    said = sf.fit(runs(sd=0.02, exponent=0.5, seed=3)).saturation()
    assert said.verdict == "inconclusive"
    assert "sf.plan" in said.reason


# Text, picture, shell -----------------------------------------------------------------------------


def test_a_plan_is_worth_reading(found):
    text = str(found)
    assert "With 18 runs at 6 sizes, 10k to 1M cells: still scaling" in text
    assert "Monte-Carlo errors" in text
    assert "whichever surviving law is true" in text
    assert "40 curves refitted" in text
    for proposal in found.proposals:
        assert proposal.label in text
    assert repr(found).startswith("<Plan of 4 proposals, 40 simulated tables")
    assert "<table" in found._repr_html_()


def test_labels_are_escaped(fit):
    found = sf.plan(fit, {"<script>": 1e7}, 1, n_tables=3)
    assert "<script>" not in found._repr_html_()


def test_the_picture_has_a_bar_for_each_proposal(found):
    ax = found.plot(paper(8, 3))
    labels = [tick.get_text().replace("\n", " ") for tick in ax.get_yticklabels()]
    assert labels == [proposal.label for proposal in found.proposals]
    ends = {round(bar.get_y(), 6): 0.0 for bar in ax.patches}
    for bar in ax.patches:
        place = round(bar.get_y(), 6)
        ends[place] = max(ends[place], bar.get_x() + bar.get_width())
    assert list(ends.values()) == pytest.approx([1.0] * 4)


@pytest.fixture
def run(tmp_path, monkeypatch):
    runs().to_csv(tmp_path / "scores.csv", index=False)
    pd.concat([runs().assign(m="a"), runs(sizes=SIZES[:2]).assign(m="b")]).to_csv(
        tmp_path / "two.csv", index=False
    )
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=0):
        result = CliRunner().invoke(cli, ["plan", *map(str, arguments)])
        assert result.exit_code == code, result.output
        return result

    return run


def test_the_command_prints_the_plan(run, tmp_path):
    said = run("scores.csv", "--sizes", "1e7", "--sizes", "1e6,1e7", "--seeds", "2,3", "--tables",
               "5", "--target", "0.5", "--plot", "plan.png").stdout  # fmt: skip
    assert "3 runs at 1M, 10M" in said
    assert "right verdict" in said
    assert (tmp_path / "plan.png").stat().st_size > 10_000


def test_the_command_prints_json(run):
    asked = ["--sizes", "1e7", "--tables", "5", "--json"]
    told = json.loads(run("scores.csv", *asked).stdout)
    assert told["schema"] == "scalefit plan 1"
    one = told["curves"][0]
    assert [row["runs"] for row in one["proposals"]] == [0, 3]
    assert one["next_size"]["given_law"] > 0
    two = run("two.csv", "--by", "m", *asked)
    assert len(json.loads(two.stdout)["curves"]) == 1
    assert "not planned: m=b" in two.stderr


def test_the_command_refuses_in_words(run):
    assert "give sizes" in run("scores.csv", "--sizes", "big", code=2).output
    assert "whole numbers from 1" in run("scores.csv", "--seeds", "0", code=2).output
    assert "3 runs at 1M" in run("scores.csv", "--sizes", "1M", "--tables", "2").stdout
    assert "neither" not in run("two.csv", "--filter", "m=b", code=1).output
    assert "noise='known_error'" not in run("absent.csv", code=2).output
    run("two.csv", "--by", "m", "--plot", "x.png", code=2)


def test_a_level_of_a_power_is_one_number(fit):
    with pytest.raises(sf.FitError, match="level"):
        sf.power(fit, fit, [3e6], level=[0.9])
