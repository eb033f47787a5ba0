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

from .simulation import LARGE, SMALL, Design, Truth, rate, sample_of


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
def test_d1_predicted_verdicts_are_those_of_tables_that_are_then_made(cells, tables):
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
            z.append((share - row[name]) / error)
        said = ", ".join(f"{name} {row[name]:.3f}/{h.mean():.3f}" for name, h in happened.items())
        print(f"D1 {design.name} a {exponent} sigma {sd}: planned/then {said}")
    usual, largest = np.sqrt(np.mean(np.square(z))), np.max(np.abs(z))
    print(f"D1 z: root mean square {usual:.2f}, largest {largest:.2f}")
    assert largest <= 4.0
    assert usual <= 1.5


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
def test_d2_plans_made_from_pilots_are_calibrated(n, tables, proposals):
    rows = pilots(n, tables, proposals)
    events = {name: rows["then"] == name for name in VERDICTS} | {"firm": rows["then_firm"]}
    for name, happened in events.items():
        planned = rows[name].to_numpy()
        gap = float((happened - planned).mean())
        # Proposals of one pilot share their truth: the error is that of independent pilots.
        error = np.sqrt((planned * (1 - planned)).mean() / n * (1 + 1 / tables))
        print(
            f"D2 {name:14s} planned {planned.mean():.3f}, then {happened.mean():.3f} +- {error:.3f}"
        )
        for low, high in ((0, 0.1), (0.1, 0.35), (0.35, 0.65), (0.65, 0.9), (0.9, 1.0001)):
            part = (planned >= low) & (planned < high)
            if part.any():
                print(f"   planned {low:.2f} to {high:.2f}: {planned[part].mean():.3f}, then "
                      f"{happened[part].mean():.3f} ({part.sum()})")  # fmt: skip
        assert abs(gap) <= 0.04 + (2.0 if n >= 200 else 3.0) * error, name
    square = sum(((rows[name] - events[name]) ** 2).mean() for name in VERDICTS)
    base = sum(((events[name].mean() - events[name]) ** 2).mean() for name in VERDICTS)
    print(f"D2 Brier score {square:.3f}, of the overall shares {base:.3f}")
    assert square < base


@pytest.mark.parametrize("tables", [40, pytest.param(400, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("exponent", "sd"),
    [(0.5, 0.01), *(pytest.param(*c, marks=pytest.mark.slow) for c in ((0.2, 0.01), (0.5, 0.005)))],
)
def test_d3_expected_narrowing_is_that_of_simulated_intervals(exponent, sd, tables):
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
            print(f"D3 a {exponent} sigma {sd} decade {places[i]}: {name} expected "
                  f"{told[name][i]:.3f}, simulated {narrower:.3f}")  # fmt: skip
            assert abs(told[name][i] - narrower) <= slack + (0.1 if tables < 400 else 0.0)


#: Curves whose verdict is open with three seeds, and their noise.
OPEN = [(0.5, 0.02), (0.2, 0.04), (0.35, 0.03), (1.0, 0.04)]


@pytest.mark.parametrize(
    ("cases", "tables"),
    [(OPEN[:1], 60), pytest.param(OPEN, 1000, marks=pytest.mark.slow)],
    ids=["one", "all"],
)
def test_d4_the_closed_form_of_runs_decides_in_most_tables(cases, tables):
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
        print(f"D4 a {exponent} sigma {sd}: {times:.1f} times the runs decide in {decided:.3f}")
        slack = 3.0 * np.sqrt(0.25 / tables)
        assert 0.6 - slack <= decided <= 0.9 + slack


@pytest.mark.parametrize("tables", [60, pytest.param(2000, marks=pytest.mark.slow)])
def test_d5_power_is_that_of_the_comparison(tables):
    """The test of row T5: exponents 0.3 and 0.6 in 6x3 tables with noise 0.02."""
    pair = [
        stated(exponent, 0.02, SMALL, noise=sf.noise.Gaussian("constant"))
        for exponent in (0.3, 0.6)
    ]
    row = sf.power(*pair, [SMALL.sizes], SMALL.seeds, n_tables=tables).table.iloc[0]
    print(f"D5 power {row['power']:.4f} +- {row['power_error']:.4f}")
    assert abs(row["power"] - 0.553) <= 3.0 * row["power_error"] + 0.008


@pytest.mark.parametrize("tables", [30, pytest.param(1000, marks=pytest.mark.slow)])
def test_d6_seeds_that_are_needed_are_enough(tables):
    """Fresh tables with the seeds found give the right verdict as often as was asked for."""
    truth = stated(0.2, 0.02, SMALL)
    found = sf.seeds_needed(truth, SMALL.sizes, n_tables=tables)
    assert found.seeds is not None
    design = Design(SMALL.n_sizes, found.seeds, SMALL.decades)
    rows = made(truth, design.sizes, design.seeds, tables, np.random.default_rng(5))
    share, error = rate(
        (sf.fit(rows, by="table").saturation()["verdict"] == "still_scaling").to_numpy()
    )
    print(
        f"D6 {found.seeds} seeds ({found.at_least} to {found.at_most}): {share:.3f} +- {error:.3f}"
    )
    assert share >= 0.8 - 3.0 * np.sqrt(2) * error


def test_d7_normal_fits_to_losses_err_on_the_side_of_width():
    """Simulated losses have Student-t errors, and are fitted with normal ones, which are fast."""
    truth = sf.Hypothesis(
        "saturating_power", {"asymptote": 2.0, "coefficient": 1e2, "exponent": 0.5}, sd=0.01,
        score="loss",
    )  # fmt: skip
    study = study_of(truth, None, 150, 1, SMALL.sizes)
    added = dict.fromkeys(SMALL.sizes.tolist(), 3)
    top = SMALL.sizes[-1]
    width = []
    for noise in (study.noise, study.own_noise):
        fitted = estimate(get_law("saturating_power"), noise.weigh(study.sample(added)))
        found = profile(fitted, GainBetween(top, 10 * top), 0.95)
        width.append(np.median(found.upper - found.lower))
    ratio = width[0] / width[1]
    print(f"D7 median width of the gain by normal fits over that by Student-t: {ratio:.3f}")
    assert 0.97 <= ratio <= 1.25


#: Losses: exponent, noise, and the margin over the gain.
LOSSES = [(0.2, 0.01, 0.6), (0.2, 0.01, 1.6), (0.5, 0.01, 0.6), (0.35, 0.02, 1.6)]


@pytest.mark.slow
@pytest.mark.parametrize(("exponent", "sd", "share"), LOSSES)
def test_d7_plans_of_losses_err_on_the_side_of_caution(exponent, sd, share):
    """Chances of a decision by normal fits against those by the errors that losses have."""
    curve = {"asymptote": 2.0, "coefficient": SMALL.sizes[0] ** exponent, "exponent": exponent}
    truth = sf.Hypothesis("saturating_power", curve, sd=sd, score="loss")
    margin = share * float(np.diff(truth.mean([10 * SMALL.sizes[-1], SMALL.sizes[-1]]))[0])
    decided = []
    for noise in (None, "student"):
        study = study_of(truth, None, 100, 2, SMALL.sizes, noise)
        told = outcomes(study, Proposal(tuple(SMALL.sizes), 3), margin, 10.0)
        decided.append(rate((told["verdict"] != "inconclusive").to_numpy()))
    print(f"D7 a {exponent} sigma {sd}, margin {share} of the gain: decided {decided[0][0]:.2f} by "
          f"normal fits, {decided[1][0]:.2f} by Student-t (+- {decided[1][1]:.2f})")  # fmt: skip
    assert -0.2 <= decided[0][0] - decided[1][0] <= 0.05 + decided[1][1]
