"""Rows E3 to E5: pooled forecasts of published curves, and of known truths beyond the sizes.

The default run has few tables and the short curves of the benchmark; ``-m slow`` has many, and all
published curves.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scalefit as sf
from scalefit.laws import AUTO
from scalefit.noise import usual_noise
from scalefit.pool import competing, pooled
from scalefit.sample import by_size

from ..measured import rate
from .simulation import Design, Truth
from .test_backtest import line, shared, simulated

LAWS = competing(AUTO)
#: The best of three published estimators in each domain, on these very curves. They are given to
#: four digits: what rounds to the same is as good.
PEERS = Path(__file__).parents[2] / "benchmarks" / "forecast_peers.csv"
BARS = pd.read_csv(PEERS, index_col="estimator").min() + 0.5e-4
UNMET = pytest.mark.xfail(
    reason="an error of 0.00058 misses the bar", strict=True, raises=AssertionError
)
BY = ["domain", "task", "model"]


def benchmark(domains):
    """Return the rows of some domains, each once: a block of the language model is repeated."""
    table = shared("extrapolation_benchmark_dev.csv")
    once = table.drop_duplicates()
    print(f"\n{len(table) - len(once)} of {len(table)} rows are copies, and left out")
    return once[once["domain"].isin(domains)]


def foretold(table, by, level=0.9, **options):
    """Return each curve's error, bias (towards promise) and coverage of its rows called test."""
    train, test = (table[table["split"] == part] for part in ("train", "test"))
    fits = sf.fit(train, by=by, force=True, **options)
    rows = []
    for key, its in test.groupby(by):
        told = fits[key].predict(its[fits.all_rows.drivers[0]].to_numpy(), "run", level)
        seen = its[options["score"]].to_numpy()
        log = np.log(told["estimate"] / seen)
        rows.append({
            "domain": key[0], "error": np.sqrt((log**2).mean()),
            "bias": fits[key].candidates.sample.frame.sign[0] * log.mean(),
            "covered": ((told["lower"] <= seen) & (seen <= told["upper"])).mean(),
        })  # fmt: skip
    return pd.DataFrame(rows)


def tell(measured, row, cell, found, *, covered=(-np.inf, np.inf), unbiased=True):
    """Tell coverage and bias of some curves, each with its bars."""
    curves, bias = len(found), found["bias"].mean()
    share, error, spread = found["covered"].mean(), found["covered"].sem(), found["bias"].sem()
    measured(row, cell, "coverage", share, error, curves, *covered)
    bar = 3 * spread if unbiased else np.inf
    measured(row, cell, "bias", bias, spread, curves, -bar, bar)


@cache
def beyond(domain):
    """Return :func:`foretold` of the curves of one domain."""
    options = {"score": "loss", "drivers": "seen_examples", "better": "lower"}
    return foretold(benchmark([domain]), BY, **options)


@pytest.mark.parametrize(
    "domain",
    [
        pytest.param("BB", marks=pytest.mark.complete),
        pytest.param("NMT", marks=pytest.mark.complete),
        pytest.param("IC", marks=pytest.mark.slow),
        pytest.param("LM", marks=[pytest.mark.slow, UNMET]),
    ],
)
def test_e3_errors_on_the_extrapolation_benchmark(domain, measured):
    """Pooled forecasts are as good as the best published estimator of the domain."""
    errors, bar = beyond(domain)["error"], BARS[domain]
    measured("E3", domain, "error", errors.mean(), replicates=len(errors), high=bar)
    tell(measured, "E3", domain, beyond(domain), unbiased=False)


@pytest.mark.parametrize(
    "domains",
    [["BB", "NMT"], pytest.param(["BB", "IC", "LM", "NMT"], marks=pytest.mark.slow)],
)
def test_e3_coverage_and_bias_on_the_extrapolation_benchmark(domains, measured):
    found = pd.concat([beyond(domain) for domain in domains])
    if "IC" in domains:
        tell(measured, "E3", "all", found, covered=(0.85, 0.95))
    else:
        tell(measured, "E3", " and ".join(domains), found)


@pytest.mark.slow
def test_errors_on_learning_curves_with_seeds(measured):
    """Accuracies up to eight times larger than what is left; some curves are not monotone."""
    found = foretold(
        shared("lcdb_learning_curves_dev.csv").dropna(subset=["score"]), ["openmlid", "model"],
        score="score", drivers="size_train", better="higher", bounds=(0, 1),
    )  # fmt: skip
    measured("E3b", "all", "error", found["error"].mean(), replicates=len(found))
    tell(measured, "E3b", "all", found, covered=(0.85, 0.95))


@pytest.mark.parametrize(
    "domains", [["NMT"], pytest.param(["BB", "IC", "LM", "NMT"], marks=pytest.mark.slow)]
)
def test_a_backtest_of_the_training_part_foretells_the_errors(domains, measured):
    """What the rows called train say of their own largest sizes holds beyond them."""
    for name in domains:
        mine = benchmark([name])
        options = {"score": "loss", "drivers": "seen_examples", "better": "lower"}
        error, covered = beyond(name)["error"].mean(), beyond(name)["covered"].mean()
        train = mine[mine["split"] == "train"]
        found = line(
            sf.backtest(train, holdout=0.25, by=BY, level=0.9, **options), "pooled", "up to 0.25"
        )
        curves, ratio = int(found["curves"]), found["log_error"] / error
        measured("E4", name, "error over that beyond", ratio, np.nan, curves, 0.4, 2.5)
        more = found["coverage"] - covered
        measured("E4", name, "coverage less that beyond", more, np.nan, curves, -0.15, 0.15)


# Known truths -----------------------------------------------------------------------------------


def _power(t):
    return 0.9 - 0.35 * t**-0.3


def _sigmoid(t):
    return 0.3 + 0.55 / (1 + np.exp(-2.5 * (np.log10(t) - 1.2)))


def _exponential(t):
    return 0.85 - 0.3 * np.exp(-t / 12)


def _two_powers(t):
    return 0.95 - 0.2 * t**-0.9 - 0.2 * t**-0.05


def _bend(t):
    return 0.5 + 0.25 * (1 - (1 + (t / 10) ** 2) ** -0.15) + 0.02 * np.log10(t)


TRUTHS = {
    "power law": _power, "sigmoid": _sigmoid, "exponential": _exponential,
    "two powers": _two_powers, "bend": _bend,
}  # fmt: skip
FACTORS = np.array([1.5, 2.0, 4.0, 10.0])
TABLES = [20, pytest.param(400, marks=pytest.mark.slow)]


def hits(truth, tables, *, checkpoints, seed=0):
    """Return whether 90 % intervals for one new run held it, ``(tables, factors)``.

    Scores of 8 sizes and 3 seeds with errors of 0.01; or losses at 24 checkpoints of one run, with
    errors of 1 % whose correlation from one to the next is 0.7.
    """
    design = Design(24, 1, 2.5) if checkpoints else Design(8, 3, 2.5)
    rng = np.random.default_rng(seed)
    x = np.concatenate([np.repeat(design.sizes, design.seeds), FACTORS * design.sizes[-1]])
    error = rng.standard_normal((tables, x.size))
    mean = TRUTHS[truth](x / design.sizes[0])
    if checkpoints:
        step = design.decades / (design.n_sizes - 1)
        alike = 0.7 ** (np.abs(np.subtract.outer(np.log10(x), np.log10(x))) / step)
        error = error @ np.linalg.cholesky(alike).T
        runs = 2 * (1 - mean) * np.exp(0.01 * error)
    else:
        runs = mean + 0.01 * error
    n, ones = x.size - FACTORS.size, np.ones(tables)
    sample = by_size(
        np.tile(x[:n], tables), runs[:, :n].ravel(), np.repeat(np.arange(tables), n),
        -ones if checkpoints else ones, 0 * ones if checkpoints else ones,
        bounded=np.full(tables, not checkpoints),
    )  # fmt: skip
    pool = pooled(LAWS, usual_noise(sample).weigh(sample))
    curve, size = np.repeat(np.arange(tables), FACTORS.size), np.tile(x[n:], tables)
    found = pool.forecast(curve, size, 0.9, "run")
    seen = runs[:, n:].ravel()
    return ((found.lower <= seen) & (seen <= found.upper)).reshape(tables, -1)


@pytest.mark.parametrize("tables", TABLES)
@pytest.mark.parametrize("checkpoints", [False, True])
def test_runs_of_known_truths_are_covered(tables, checkpoints, measured):
    """Up to ten times the largest size, whichever law is true; two truths are of no law here."""
    every, design = [], "checkpoints" if checkpoints else "scores"
    slack = 3 * np.sqrt(0.09 / tables) if tables < 400 else 0.0
    for truth in TRUTHS:
        found = hits(truth, tables, checkpoints=checkpoints)
        every.append(found.mean())
        for factor, held in zip(FACTORS, found.T, strict=True):
            p, error = rate(held)
            at = f"at {factor:g} times"
            measured("E5", f"{truth}, {design}", at, p, error, tables, low=0.75, slack=slack)
    # Four factors of one table are hit or missed together: five truths are five tables.
    error, mean = np.sqrt(0.09 / tables / 5), np.mean(every)
    slack = slack / np.sqrt(5)
    measured("E5", f"all, {design}", "mean", mean, error, tables, 0.85, 0.96, slack)


def test_intervals_that_know_no_error_of_the_law_fail():
    """The check above can fail: the scatter alone holds too few runs ten times beyond."""
    design = Design(8, 3, 2.5)
    rng = np.random.default_rng(0)
    x, far = np.repeat(design.sizes, design.seeds), 10 * design.sizes[-1]
    held = []
    for _ in range(30):
        runs = _two_powers(x / x[0]) + 0.01 * rng.standard_normal(x.size)
        at = sf.fit({"cells": x, "f1": runs}, law="saturating_power", force=True).predict([far])
        new = _two_powers(far / x[0]) + 0.01 * rng.standard_normal()
        held.append(abs(new - at["estimate"][0]) < 1.645 * 0.01)
    assert np.mean(held) < 0.8


def test_a_law_that_never_levels_off_has_little_weight():
    """On curves that level off early, a power law foretells the largest sizes badly."""
    table = simulated(Truth(0.8, asymptote=0.85), 10, seed=2)
    found = sf.backtest(
        table, by="curve", law=["power", "hill"], variance="constant", holdout=0.3
    )  # fmt: skip
    print(found.weights)
    assert found.weights["hill"] > 0.7
