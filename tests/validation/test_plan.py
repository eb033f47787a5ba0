"""Rows D1 to D7: plans against what then happens, in simulated tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import scalefit as sf
from scalefit.estimands import GainBetween
from scalefit.estimate import estimate
from scalefit.inference import profile, union
from scalefit.laws import AUTO, get_law
from scalefit.next_size import next_sizes
from scalefit.outcomes import outcomes
from scalefit.proposals import Proposal
from scalefit.runs_needed import times_as_many
from scalefit.saturation import VERDICTS
from scalefit.selection import ask, candidates
from scalefit.study import study_of

from ..measured import rate
from .simulation import LARGE, SMALL, Design, Truth, sample_of


def stated(exponent, sd, design: Design, **options):
    """Return the truth of a design as a hypothesis; without an exponent it is a constant."""
    if exponent is None:
        return sf.Hypothesis("constant", {"level": 0.8}, sd=sd, score="f1", **options)
    if exponent == 0:
        truth = Truth(0.0, gap=0.05)
        ends = design.sizes[[0, -1]]
        scores = dict(zip(ends.tolist(), truth.mean(ends, design).tolist(), strict=True))
        return sf.Hypothesis.through(
            scores, sd, "log_linear", **({"score": "f1", "cells": ()} | options)
        )
    curve = {"asymptote": 0.9, "coefficient": 0.3 * design.sizes[0] ** exponent,
             "exponent": exponent}  # fmt: skip
    return sf.Hypothesis("saturating_power", curve, sd=sd, score="f1", **options)


def made(hypothesis, sizes, seeds, tables, rng):
    """Return runs that were then made, one table after another."""
    x = np.tile(np.repeat(sizes, seeds), tables)
    y = hypothesis.mean(x) + hypothesis.sd * rng.standard_normal(x.size)
    number = np.repeat(np.arange(tables), len(sizes) * seeds)
    return pd.DataFrame({"table": number, "cells": x, "f1": np.minimum(y, 1.0)})


CELLS = [
    (design, exponent, sd)
    for design in (SMALL, LARGE) for exponent in (0.0, 0.2, 0.5, 1.0)
    for sd in (0.005, 0.01, 0.02)
] + [(SMALL, None, 0.005), (LARGE, None, 0.01)]  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "tables"),
    [
        pytest.param([CELLS[5], CELLS[8], CELLS[24]], 60, id="three cells"),
        pytest.param(CELLS, 400, id="all cells", marks=pytest.mark.slow),
    ],
)
def test_d1_predicted_verdicts_are_those_of_tables_that_are_then_made(cells, tables, measured):
    """Against :func:`scalefit.fit` on runs drawn by other code, with the same truth."""
    z = []
    for k, (design, exponent, sd) in enumerate(cells):
        truth = stated(exponent, sd, design)
        row = sf.plan(truth, [design.sizes], design.seeds, n_tables=tables, rng=k).table.iloc[0]
        rows = made(truth, design.sizes, design.seeds, tables, np.random.default_rng([7, k]))
        told = sf.fit(rows, by="table").saturation()
        happened = {name: told["verdict"] == name for name in VERDICTS}
        happened["firm"] = told["strength"] == "firm"
        for name, hits in happened.items():
            share, both = hits.mean(), 0.5 * (hits.mean() + row[name])
            error = np.sqrt(max(both * (1 - both), 0.25 / tables) * 2 / tables)
            curve = "constant" if exponent is None else f"a {exponent}"
            cell = f"{design.name}, {curve}, sigma {sd}"
            z.append((share - row[name]) / error)
            measured("D1", cell, f"z of {name}", z[-1], 1.0, tables, -4.0, 4.0)
    usual = np.sqrt(np.mean(np.square(z)))
    measured("D1", "all", "root mean square z", usual, replicates=tables, high=1.5)


#: Exponents and noise of pilot studies.
PILOTS = [(a, sd) for a in (0.0, 0.1, 0.2, 0.35, 0.5, 0.8, 1.2) for sd in (0.005, 0.01, 0.02)]
NEXT = (
    Proposal(tuple(SMALL.sizes), 3), Proposal((1e8,), 3), Proposal((3e7, 1e8), 3)
)  # fmt: skip


def pilots(n, tables, proposals):
    """Return, per pilot and proposal, the planned chances and the verdict that then came out."""
    first, then, rows = [], [], []
    truths = []
    for m in range(n):
        rng = np.random.default_rng([11, m])
        exponent, sd = PILOTS[rng.integers(len(PILOTS))]
        truths.append((stated(exponent, sd, SMALL), rng))
        first.append(made(truths[m][0], SMALL.sizes, SMALL.seeds, 1, rng).assign(table=m))
    fits = sf.fit(pd.concat(first), by="table")
    for m, (truth, rng) in enumerate(truths):
        try:
            study = study_of(fits[m], None, tables, m, [])
        except sf.FitError:  # one pilot in a hundred is fitted by no law, and plans nothing
            continue
        for proposal in proposals:
            told = outcomes(study, proposal, None, 10.0)
            planned = {name: (told["verdict"] == name).mean() for name in VERDICTS}
            rows.append(planned | {"firm": (told["strength"] == "firm").mean()})
            new = made(truth, proposal.sizes, proposal.seeds, 1, rng)
            then.append(pd.concat([first[m], new]).assign(table=len(then)))
    came = sf.fit(pd.concat(then), by="table").saturation()
    firm = came["strength"] == "firm"
    return pd.DataFrame(rows).assign(then=came["verdict"], then_firm=firm)


@pytest.mark.parametrize(
    ("n", "tables", "proposals"),
    [(12, 20, NEXT[:1]), pytest.param(250, 40, NEXT, marks=pytest.mark.slow)],
    ids=["few", "many"],
)
def test_d2_plans_made_from_pilots_are_calibrated(n, tables, proposals, measured):
    rows = pilots(n, tables, proposals)
    events = {name: rows["then"] == name for name in VERDICTS} | {"firm": rows["then_firm"]}
    for name, happened in events.items():
        planned = rows[name].to_numpy()
        gap = float((happened - planned).mean())
        # Proposals of one pilot share their truth: the error is that of independent pilots.
        error = np.sqrt((planned * (1 - planned)).mean() / n * (1 + 1 / tables))
        measured("D2", name, "mean chance", planned.mean(), replicates=n)
        measured("D2", name, "share", happened.mean(), replicates=n)
        slack = (2.0 if n >= 200 else 3.0) * error
        measured("D2", name, "share less chance", gap, error, n, -0.04, 0.04, slack)
        for low, high in ((0, 0.1), (0.1, 0.35), (0.35, 0.65), (0.65, 0.9), (0.9, 1.0001)):
            part = (planned >= low) & (planned < high)
            if part.any():
                cell, count = f"{name}, chance from {low} up", int(part.sum())
                measured("D2", cell, "mean chance", planned[part].mean(), replicates=count)
                measured("D2", cell, "share", happened[part].mean(), replicates=count)
    square = sum(((rows[name] - events[name]) ** 2).mean() for name in VERDICTS)
    base = sum(((events[name].mean() - events[name]) ** 2).mean() for name in VERDICTS)
    measured("D2", "all", "Brier score", square, replicates=n)
    measured("D2", "all", "Brier score of the overall shares", base, replicates=n)
    assert square < base


@pytest.mark.parametrize("tables", [40, pytest.param(400, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("exponent", "sd"),
    [(0.5, 0.01), *(pytest.param(*c, marks=pytest.mark.slow) for c in ((0.2, 0.01), (0.5, 0.005)))],
)
def test_d3_expected_narrowing_is_that_of_simulated_intervals(exponent, sd, tables, measured):
    """The linear approximation behind next sizes, against medians of profile intervals."""
    places = (-1, 0, 2, 2.3, 3) if tables >= 400 else (-1, 3)
    sizes = SMALL.sizes[0] * 10.0 ** np.array(places)
    study = study_of(stated(exponent, sd, SMALL, cells=SMALL.sizes, seeds=3, bounds=(None, None)),
                     None, tables, 3, sizes)  # fmt: skip
    top = SMALL.sizes[-1]
    question = GainBetween(top, 10 * top)

    def widths(added):
        fitted = study.tables(added)
        spanning = fitted.spanning()
        one = ask(fitted, [(question, 0.95)], profile)[0]
        every = union(spanning.estimates, spanning.surviving, question, 0.95, profile)
        return [
            float(np.median(each.upper - np.clip(each.lower, 0.0, None))) for each in (one, every)
        ]

    before = widths({})
    told = next_sizes(study, sizes, 3, float, 10.0)
    for i, size in enumerate(sizes):
        after = widths({float(size): 3})
        for k, (name, slack) in enumerate((("gain", 0.1), ("any_law", 0.3))):
            narrower = 1.0 - after[k] / before[k]
            cell = f"a {exponent}, sigma {sd}, at decade {places[i]}"
            wide = 0.1 if tables < 400 else 0.0
            gap, what = told[name][i] - narrower, f"{name}: expected less simulated"
            measured("D3", cell, f"{name}, simulated", narrower, replicates=tables)
            measured("D3", cell, what, gap, np.nan, tables, -slack, slack, wide)


#: Curves whose verdict is open with three seeds, and their noise.
OPEN = [(0.5, 0.02), (0.2, 0.04), (0.35, 0.03), (1.0, 0.04)]


@pytest.mark.parametrize(
    ("cases", "tables"),
    [(OPEN[:1], 60), pytest.param(OPEN, 1000, marks=pytest.mark.slow)],
    ids=["one", "all"],
)
def test_d4_the_closed_form_of_runs_decides_in_most_tables(cases, tables, measured):
    """The usual bounds of a table, and tables with as many times its runs."""
    top = SMALL.sizes[-1]
    for k, (exponent, sd) in enumerate(cases):
        truth = Truth(exponent)
        gain = truth.gain(10, SMALL)
        first = candidates(AUTO, sample_of(truth.mean(SMALL.sizes, SMALL), SMALL, sd, 200, 40 + k))
        bounds = ask(first, [(GainBetween(top, 10 * top), 0.9)], profile)[0]
        below = float(np.median(bounds.estimate - bounds.lower))
        above = float(np.median(bounds.upper - bounds.estimate))
        times = times_as_many(gain, gain - below, gain + above, 0.01)
        seeds = round(SMALL.seeds * times)
        told = sf.plan(stated(exponent, sd, SMALL), [SMALL.sizes], seeds, n_tables=tables)
        decided = 1.0 - told.table["inconclusive"][0]
        error = np.sqrt(decided * (1.0 - decided) / tables)
        cell, slack = f"a {exponent}, sigma {sd}", 3 * np.sqrt(0.25 / tables)
        measured("D4", cell, "times as many runs", times, replicates=200)
        measured("D4", cell, "decided", decided, error, tables, 0.6, 0.9, slack)


@pytest.mark.parametrize("tables", [60, pytest.param(2000, marks=pytest.mark.slow)])
def test_d5_power_is_that_of_the_comparison(tables, measured):
    """The test of row T5: exponents 0.3 and 0.6 in 6x3 tables with noise 0.02."""
    pair = [
        stated(exponent, 0.02, SMALL, noise=sf.noise.Gaussian("constant"))
        for exponent in (0.3, 0.6)
    ]
    row = sf.power(*pair, [SMALL.sizes], SMALL.seeds, n_tables=tables).table.iloc[0]
    power, error = row["power"], row["power_error"]
    cell, slack = "0.3 against 0.6, 6x3, sigma 0.02", 3.0 * error + 0.008
    measured("D5", cell, "power less that of T5", power - 0.553, error, tables, 0, 0, slack)


@pytest.mark.parametrize("tables", [30, pytest.param(1000, marks=pytest.mark.slow)])
def test_d6_seeds_that_are_needed_are_enough(tables, measured):
    """Fresh tables with the seeds found give the right verdict as often as was asked for."""
    truth = stated(0.2, 0.02, SMALL)
    found = sf.seeds_needed(truth, SMALL.sizes, n_tables=tables)
    assert found.seeds is not None
    design = Design(SMALL.n_sizes, found.seeds, SMALL.decades)
    rows = made(truth, design.sizes, design.seeds, tables, np.random.default_rng(5))
    share, error = rate(
        (sf.fit(rows, by="table").saturation()["verdict"] == "still_scaling").to_numpy()
    )
    cell, slack = "a 0.2, sigma 0.02", 3.0 * np.sqrt(2) * error
    for what in ("seeds", "at_least", "at_most"):
        measured("D6", cell, what, getattr(found, what), replicates=tables)
    measured("D6", cell, "right verdicts", share, error, tables, low=0.8, slack=slack)


def test_d7_normal_fits_to_losses_err_on_the_side_of_width(measured):
    """Simulated losses have Student-t errors, and are fitted with normal ones, which are fast."""
    truth = sf.Hypothesis(
        "saturating_power", {"asymptote": 2.0, "coefficient": 1e2, "exponent": 0.5}, sd=0.01,
        score="loss",
    )  # fmt: skip
    tables = 600
    study = study_of(truth, None, tables, 1, SMALL.sizes)
    added = dict.fromkeys(SMALL.sizes.tolist(), 3)
    top = SMALL.sizes[-1]
    width = []
    for noise in (study.noise, study.own_noise):
        fitted = estimate(get_law("saturating_power"), noise.weigh(study.sample(added)))
        found = profile(fitted, GainBetween(top, 10 * top), 0.95)
        width.append(found.upper - found.lower)
    again = np.random.default_rng(1).integers(0, tables, (200, tables))
    middle = [np.median(values[again], axis=1) for values in width]
    error = float(np.std(middle[0] / middle[1]))
    ratio = np.median(width[0]) / np.median(width[1])
    measured(
        "D7", "gain, a 0.5, sigma 0.01", "width over that of t fits", ratio, error, tables, 0.97,
        1.25, slack=3.0 * error,
    )  # fmt: skip


#: Losses: exponent, noise, and the margin over the gain.
LOSSES = [(0.2, 0.01, 0.6), (0.2, 0.01, 1.6), (0.5, 0.01, 0.6), (0.35, 0.02, 1.6)]


@pytest.mark.slow
@pytest.mark.parametrize(("exponent", "sd", "share"), LOSSES)
def test_d7_plans_of_losses_err_on_the_side_of_caution(exponent, sd, share, measured):
    """Chances of a decision by normal fits against those by the errors that losses have."""
    curve = {"asymptote": 2.0, "coefficient": SMALL.sizes[0] ** exponent, "exponent": exponent}
    truth = sf.Hypothesis("saturating_power", curve, sd=sd, score="loss")
    margin = share * float(np.diff(truth.mean([10 * SMALL.sizes[-1], SMALL.sizes[-1]]))[0])
    decided = []
    for noise in (None, "student"):
        study = study_of(truth, None, 100, 2, SMALL.sizes, noise)
        told = outcomes(study, Proposal(tuple(SMALL.sizes), 3), margin, 10.0)
        decided.append(rate((told["verdict"] != "inconclusive").to_numpy()))
    cell = f"a {exponent}, sigma {sd}, margin {share} of the gain"
    (normal, _), (theirs, error) = decided
    gap = normal - theirs
    slack = error if gap > 0 else 0.0
    measured("D7", cell, "decided less theirs", gap, error, 100, -0.2, 0.05, slack)
