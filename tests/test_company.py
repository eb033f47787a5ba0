"""A curve answers alike alone and in company: beside a longer one it is filled up with sizes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import scalefit as sf
from scalefit.study import runs_known

SHORT, LONG = np.geomspace(1e4, 1e6, 6), np.geomspace(3e3, 1e7, 11)


def curve(sizes, seeds=3, seed=0):
    rng = np.random.default_rng(seed)
    x = np.repeat(sizes, seeds)
    score = 0.9 - 0.3 * (x / 1e4) ** -0.5 + 0.008 * rng.standard_normal(x.size)
    return pd.DataFrame({"cells": x, "seed": np.tile(range(seeds), len(sizes)), "f1": score})


def both(**options):
    """Return the fit of a short curve alone, and the same one of a set with a longer one."""
    short, long = curve(SHORT), curve(LONG, seeds=4, seed=1)
    every = pd.concat([long.assign(task="long"), short.assign(task="short")])
    return sf.fit(short, **options), sf.fit(every, by="task", **options)["short"]


@pytest.fixture(scope="module")
def pair():
    return both()


ASKED = {
    "params": lambda fit: fit.params,
    "laws": lambda fit: fit.laws,
    "diagnostics": lambda fit: fit.diagnostics,
    "predictions": lambda fit: fit.predict([3e3, 1e5, 1e7], interval="run"),
    "influence": lambda fit: fit.influence,
    "gain": lambda fit: pd.DataFrame([numbers_of(fit.gain(10))]),
    "doubling": lambda fit: pd.DataFrame([numbers_of(fit.ask(sf.MarginalGain()))]),
    "reaching": lambda fit: pd.DataFrame([numbers_of(fit.ask(sf.SizeReaching()))]),
    "bootstrap": lambda fit: pd.DataFrame([numbers_of(fit.gain(10, inference="bootstrap"))]),
    "union": lambda fit: pd.DataFrame([numbers_of(fit.gain(10, inference="union"))]),
    "tests": lambda fit: fit.saturation().tests,
    "points": lambda fit: fit.saturation().points,
    "margins": lambda fit: fit.saturation().by_margin(),
    "backtest": lambda fit: sf.backtest(fit, holdout=0.4).rows,
    "plan": lambda fit: sf.plan(fit, sizes=[3e6], n_tables=10).table,
    "seeds needed": lambda fit: sf.seeds_needed(fit, most=4, n_tables=10).table,
    "power": lambda fit: sf.power(fit, fit, [3e6], n_tables=10).table,
}


def numbers_of(interval):
    return {"value": interval.estimate, "lower": interval.lower, "upper": interval.upper}


@pytest.mark.parametrize("what", ASKED)
def test_every_answer_is_the_same_in_company(pair, what):
    alone, beside = (ASKED[what](fit) for fit in pair)
    assert len(alone) > 0
    pd.testing.assert_frame_equal(alone, beside, rtol=1e-6, check_like=True)


def test_runs_in_hand_are_those_of_the_curve(pair):
    alone, beside = map(runs_known, pair)
    assert alone == pytest.approx(beside)
    assert list(beside.values()) == [3] * 6


def test_the_draw_in_the_midst_is_judged_at_the_sizes_of_the_curve():
    alone, beside = both(method=sf.Bayes(draws=200), law="hill")
    first, second = alone.estimate.central(), beside.estimate.central()
    np.testing.assert_allclose(first.fitted(), second.fitted()[:, :6], rtol=1e-8)
