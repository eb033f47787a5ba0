"""Budgets divided between two drivers: by the law, in closed form, by parabolas."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalefit as sf
from scalefit.estimands import Beyond, as_cost, best_place
from scalefit.inference import profile
from scalefit.laws import Frame, Law, Terms

BOTH = ["params", "tokens"]
TRUTH = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}


def runs(budgets=(1e18, 1e19, 1e20, 1e21), sizes=9, sd=0.002, off=0.0, wide=0.8, seed=0):
    """Return sweeps of sizes at equal cost, ``off`` decades from the best one."""
    rng = np.random.default_rng(seed)
    params, tokens = [], []
    for budget in budgets:
        best = closed(budget)[0]
        own = best * 10 ** (off + np.linspace(-wide, wide, sizes))
        params.append(own)
        tokens.append(budget / (6 * own))
    n, d = np.concatenate(params), np.concatenate(tokens)
    loss = TRUTH["E"] + TRUTH["A"] * n ** -TRUTH["alpha"] + TRUTH["B"] * d ** -TRUTH["beta"]
    return pd.DataFrame(
        {"params": n, "tokens": d, "loss": loss * np.exp(rng.normal(0, sd, n.size))}
    )


def closed(budget, factor=6.0, p=1.0, q=1.0, of=TRUTH):
    """Return the best sizes of the additive law; see BestSize."""
    a, b = of["alpha"], of["beta"]
    s = q * a + p * b
    n = (q * a * of["A"] / (p * b * of["B"])) ** (q / s) * (budget / factor) ** (b / s)
    return n, (budget / factor / n**p) ** (1 / q)


@pytest.fixture(scope="module")
def fit():
    return sf.fit(runs(), drivers=BOTH, law="additive")


@pytest.mark.parametrize(
    ("cost", "shape"),
    [("6ND", (6, 1, 1)), ("2 N^1.5 D", (2, 1.5, 1)), (sf.Cost(3.0, 1.0, 0.5), (3, 1, 0.5)),
     (lambda n, d: 6 * n * d, (6, 1, 1))],
)  # fmt: skip
def test_the_best_run_is_that_of_the_closed_form(fit, cost, shape):
    fit = replace(fit, settings=replace(fit.settings, force=True))  # however far away
    estimate = fit.params["estimate"].to_dict()
    found = sf.optimum(fit, [1e19, 1e22], cost)
    for _, row in found.iterrows():
        n, d = closed(row["compute"], *shape, of=estimate)
        assert row["params"] == pytest.approx(n, rel=1e-7)
        assert row["tokens"] == pytest.approx(d, rel=1e-7)
        loss = estimate["E"] + estimate["A"] * n ** -estimate["alpha"]
        assert row["loss"] == pytest.approx(loss + estimate["B"] * d ** -estimate["beta"], rel=1e-9)
        power = estimate["beta"] / (shape[2] * estimate["alpha"] + shape[1] * estimate["beta"])
        assert row["params_power"] == pytest.approx(power, rel=1e-6)
        assert row["params_power"] * shape[1] + row["tokens_power"] * shape[2] == pytest.approx(1)
        assert row["params_lower"] < row["params"] < row["params_upper"]
    assert found.attrs["cost"]


@dataclass(frozen=True)
class Steepness:
    """The derivative of benefit by log size along a budget: zero at the best size."""

    size: float
    budget: float
    label: str = "steepness"

    def terms(self, law: Law, theta: tuple[Any, ...], frame: Frame, xp: ModuleType) -> Terms:
        def at(log_size):
            z = [log_size - np.log(frame.x0),
                 np.log(self.budget / 6) - log_size - np.log(frame.other[0].x0)]  # fmt: skip
            return law.value_terms(np.stack(z, axis=-1), theta, frame, xp).scaled(frame.sign)

        here = np.log(self.size) + 0.0 * frame.x0
        return (at(here + 1e-4) - at(here - 1e-4)).scaled(1 / 2e-4)

    def beyond(self, law: Law, frame: Frame) -> Beyond:  # noqa: ARG002
        return Beyond(each=(Beyond(), Beyond()))

    def take(self, rows: Any) -> Steepness:  # noqa: ARG002
        return self


def test_an_interval_of_the_best_size_inverts_that_of_the_steepness(fit):
    """Two roads to one set: sizes at which no steepness is compatible with the data."""
    budget = 1e22
    found = fit.ask(sf.BestSize(budget))
    for size, side in ((found.lower, "lower"), (found.upper, "upper")):
        steep = profile(fit.estimate, Steepness(size, budget), 0.95)
        ends = sorted([abs(steep.lower[0]), abs(steep.upper[0])])
        assert ends[0] < 0.01 * ends[1], side


def test_ranges_that_are_as_good(fit):
    found = sf.optimum(fit, 1e20).iloc[0]
    for share in (0.001, 0.01):
        ends = [found[f"params_{100 * share:g}%_{end}"] for end in ("from", "to")]
        assert ends[0] < found["params"] < ends[1]
        for n in ends:
            loss = fit.predict({"params": n, "tokens": 1e20 / (6 * n)})["estimate"].iloc[0]
            assert loss == pytest.approx(found["loss"] * (1 + share), rel=1e-4)
    assert found["params_1%_from"] < found["params_0.1%_from"]
    assert found["tokens_1%_to"] == pytest.approx(1e20 / (6 * found["params_1%_from"]), rel=1e-6)


@pytest.mark.parametrize("law", ["additive_tied", "kaplan", "additive_bounded"])
def test_every_law_has_a_best_run(law):
    """The best of a fine grid along the budget is where the search says."""
    fit = sf.fit(runs(), drivers=BOTH, law=law, force=True)
    found = sf.optimum(fit, 1e21).iloc[0]
    n = found["params"] * np.exp(np.linspace(-0.5, 0.5, 201))
    loss = fit.predict({"params": n, "tokens": 1e21 / (6 * n)})["estimate"]
    assert abs(int(loss.argmin()) - 100) <= 1
    assert found["loss"] == pytest.approx(loss.min(), rel=1e-6)
    assert found["loss_lower"] <= found["loss"] <= found["loss_upper"]


def test_budgets_far_beyond_the_runs_are_refused(fit):
    found = sf.optimum(fit, [1e21, 1e40])
    assert found["caution"].iloc[0] == ""
    assert "farther beyond" in found["caution"].iloc[1]
    assert np.isnan(found.loc[1, ["params", "loss", "params_1%_to"]].astype(float)).all()
    assert np.isfinite(found.loc[1, "params_power"])


@pytest.mark.parametrize(
    ("compute", "cost", "words"),
    [(0, "6ND", "must be positive"), ("much", "6ND", "give budgets as numbers"),
     (1e21, "6DN", "write a factor, N for the first driver"), (1e21, "6", "write a factor"),
     (1e21, "0 N D", "must be positive"), ([], "6ND", "must be positive")],
)  # fmt: skip
def test_what_is_no_budget_is_refused(fit, compute, cost, words):
    with pytest.raises(sf.FitError, match=words):
        sf.optimum(fit, compute, cost)


def test_one_driver_has_no_budget_to_divide():
    table = runs().rename(columns={"loss": "value"})
    one = sf.fit(table, score="value", drivers="tokens", better="lower")
    for ask in (lambda f: sf.optimum(f, 1e20), sf.isoflop):
        with pytest.raises(sf.TableError, match="divided between two drivers"):
            ask(one)


@pytest.mark.parametrize("name", ["flop", "total_FLOPs", "compute", "PFLOP"])
def test_a_driver_that_is_compute_is_not_multiplied_by_parameters(name):
    table = runs()
    table[name] = 6 * table["params"] * table.pop("tokens")
    fit = sf.fit(table, drivers=["params", name], law="additive")
    for ask in (lambda **own: sf.optimum(fit, 1e20, **own), lambda **own: sf.isoflop(fit, **own)):
        with pytest.raises(sf.FitError, match=f"tokens are {name} / .6 params., or pass another"):
            ask()
    assert len(sf.optimum(fit, 1e20, cost="1 N^0.1 D")) == 1


def test_costs_are_read_and_written():
    assert as_cost("6*N*D") == sf.Cost()
    assert as_cost("N D").label == "1 N D"
    assert as_cost("3e2 N^2 D^0.5") == sf.Cost(300.0, 2.0, 0.5)
    log_first = np.log([1e6, 1e8])
    price = as_cost(lambda n, d: 6 * n * d + 1e12)
    second = price.second(log_first, np.log(2e18))
    np.testing.assert_allclose(np.exp(second), (2e18 - 1e12) / (6 * np.exp(log_first)), rtol=1e-9)
    np.testing.assert_allclose(price.exchange(log_first, second), -1.0, rtol=1e-4)
    assert np.isnan(price.second(log_first, np.log(1e11))).all()  # no run is that cheap


@pytest.mark.parametrize(
    "price",
    [
        lambda n, d: 6 * n * d * (1 + d / 1e9),
        lambda n, d: 6 * n * 1e6 * np.ceil(d / 1e6) + d,
        lambda n, d: 6 * n * d * np.where(n * d > 1e18, 3.0, 1.0),
        lambda n, d: np.maximum(6 * n * d, n**1.5 * d**0.2),
    ],
    ids=["bends", "steps", "jumps", "has a kink"],
)
@pytest.mark.parametrize("budget", [1e17, 1e20, 1e24])
def test_a_budget_is_spent_whatever_shape_the_cost_has(price, budget):
    log_first = np.linspace(np.log(1e5), np.log(1e10), 40)
    log_second = as_cost(price).second(log_first, np.log(budget))
    n, d = np.exp(log_first), np.exp(log_second)
    assert (price(n, d * (1 - 1e-11)) < budget).all()
    assert (price(n, d * (1 + 1e-11)) >= budget).all()


def test_where_one_driver_always_pays_off_more_there_is_no_best_run():
    theta = (np.array([-0.4]), np.array([-0.3]))  # accelerating in both: all into one
    fit = sf.fit(runs(), drivers=BOTH, law="additive").estimate
    frame = fit.sample.frame
    place = best_place(fit.law, np.array([[0.0, 1.0, 1.0]]), theta, frame, sf.Cost(), 1e20)
    assert np.isnan(place[0]).all()


def test_parabolas_find_the_best_sizes_of_centred_sweeps():
    table = runs(sd=1e-4, wide=0.5)
    found = sf.isoflop(sf.fit(table, drivers=BOTH, law="additive"))
    assert len(found.budgets) == 4
    assert (found.budgets["status"] == "").all()
    truth = np.array([closed(b)[0] for b in (1e18, 1e19, 1e20, 1e21)])
    np.testing.assert_allclose(found.budgets["params_by_law"], truth, rtol=0.02)
    np.testing.assert_allclose(found.budgets["params"], truth, rtol=0.05)
    powers = found.powers
    assert powers.loc["law", "params_power"] == pytest.approx(0.37 / 0.72, abs=0.01)
    assert powers.loc["parabola", "params_power"] == pytest.approx(0.37 / 0.72, abs=0.02)
    assert "by the law" in [t.get_text() for t in found.plot(sf_axes()).get_legend().get_texts()]
    assert "description only" in str(found)


def sf_axes():
    from scalefit.plots import paper

    return paper()


def test_the_bias_of_off_centre_sweeps_is_told():
    """Without noise, a sweep half a decade off finds a best size that is not the best."""
    for off in (-0.5, 0.5):
        table = runs(sd=1e-6, off=off)
        found = sf.isoflop(sf.fit(table, drivers=BOTH, law="additive", noise="lognormal"))
        truth = np.array([closed(b)[0] for b in (1e18, 1e19, 1e20, 1e21)])
        inside = found.budgets["status"] == ""
        told = found.budgets["bias"][inside]
        seen = found.budgets["params"][inside] / truth[inside]
        np.testing.assert_allclose(told, seen, rtol=1e-2)
        assert (abs(np.log(told)) > 0.02).all()
        assert (np.sign(np.log(told)) == np.sign(np.log(told.iloc[0]))).all()


def test_tables_without_budgets_are_refused():
    rng = np.random.default_rng(0)
    n, d = 10 ** rng.uniform(7, 9.5, 30), 10 ** rng.uniform(9, 11, 30)
    loss = 1.8 + 480 * n**-0.35 + 2100 * d**-0.37
    table = {"params": n, "tokens": d, "loss": loss * np.exp(rng.normal(0, 0.003, 30))}
    fit = sf.fit(table, drivers=BOTH, law="additive")
    with pytest.raises(sf.FitError, match=r"no budget has 4 sizes.*sf\.isoflop\(fit, alike=0\.2\)"):
        sf.isoflop(fit, alike=0.001)


@pytest.mark.parametrize(
    ("cost", "told"),
    [
        (lambda n, d: -n * d, "a positive number that rises with both sizes"),
        (lambda n, d: 1e10 * d / n**0.1, "rises with both"),
        (lambda n: n, "takes 1 positional argument"),
        (lambda n, d: max(n, 1e9) * d, "numpy.vectorize"),
        ("6DN", "N for the first driver and D for the second, in this order"),
    ],
)
def test_costs_that_are_none(cost, told):
    with pytest.raises(sf.FitError, match=told):
        as_cost(cost)


def near_a_line(seed, apart=0.05):
    """Return 16 runs of about 20 tokens a parameter."""
    rng = np.random.default_rng(seed)
    params = np.geomspace(1e8, 1e10, 16)
    tokens = 20 * params * np.exp(apart * rng.standard_normal(16))
    loss = 1.69 + 406.4 * params**-0.34 + 410.7 * tokens**-0.28
    runs = {"params": params, "tokens": tokens}
    return sf.fit(
        runs | {"loss": loss * np.exp(0.003 * rng.standard_normal(16))},
        drivers=["params", "tokens"], law="additive",
    )  # fmt: skip


def test_a_power_of_compute_is_refused_where_the_exponents_are():
    fit = near_a_line(1)
    assert np.isnan(fit.params.loc["alpha", "estimate"])
    found = sf.optimum(fit, [1e21]).iloc[0]
    assert np.isnan(found["params_power"])
    assert "vary independently" in found["caution"]
    told = sf.optimum(near_a_line(1, apart=2.0), [1e21]).iloc[0]
    assert told["caution"] == ""
    assert 0 < told["params_power_lower"] < told["params_power_upper"] < 1


def test_costs_of_questions_are_read_from_formulas():
    assert sf.BestSize(1e21, cost="6ND") == sf.BestSize(1e21)
    assert sf.BestScore(1e21, "6ND") == sf.BestScore(1e21)
    assert sf.SharePower(1e21, cost="2 N D").cost.label == "2 N D"
