"""Bayesian fits: the same answers, their priors, pooling, files, and what is refused."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import scalefit as sf
from scalefit.bayes.collapsed import from_grid, quadrature
from scalefit.bayes.expected import at_sizes, to_coefficients, values_of
from scalefit.bayes.grid import resampled
from scalefit.bayes.method import clusters, crossed
from scalefit.bayes.models import Pool, data_of
from scalefit.bayes.pooled import completely_pooled, partially_pooled
from scalefit.bayes.priors import Prior, priors_for
from scalefit.draws import drawn_values
from scalefit.estimands import Gain, Parameter
from scalefit.estimands.question import SameForAll
from scalefit.laws import AUTO
from scalefit.noise import Gaussian
from scalefit.plots import paper

QUICK = sf.Bayes(draws=250)


def table(seed=0, *, sizes=6, seeds=3, exponent=0.4, sigma=0.01, rise=0.3, by=None):
    rng = np.random.default_rng(seed)
    x = np.repeat(10.0 ** np.linspace(4, 4 + 0.5 * (sizes - 1), sizes), seeds)
    mean = 0.9 - rise * (x / x[0]) ** -exponent
    rows = {"cells": x, "f1": mean + sigma * rng.standard_normal(x.size),
            "seed": np.tile(np.arange(seeds), sizes)}  # fmt: skip
    return rows | ({"task": np.full(x.size, by)} if by else {})


def tables(count, **options):
    parts = [table(k, by=f"task {k}", **options) for k in range(count)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@pytest.fixture(scope="module")
def fit():
    return sf.fit(table(), method=QUICK)


def test_a_fit_is_pickled_after_it_was_asked():
    x = np.repeat([1e4, 1e5, 1e6, 1e7], 3)
    y = 0.9 - 0.3 * (x / 1e4) ** -0.4 + 0.01 * np.random.default_rng(0).standard_normal(x.size)
    fit = sf.fit({"cells": x, "f1": y}, law="saturating_power", method="bayes")
    told = fit.saturation(), fit.params
    again = pickle.loads(pickle.dumps(fit))
    assert str(again.saturation()) == str(told[0])
    pd.testing.assert_frame_equal(again.params, told[1])


def test_it_answers_what_a_least_squares_fit_answers(fit):
    other = sf.fit(table())
    assert list(fit.params.columns) == list(other.params.columns)
    assert list(fit.predict([1e8]).columns) == list(other.predict([1e8]).columns)
    assert fit.saturation().verdict == other.saturation().verdict
    assert fit.gain(10).method == "posterior, given saturating_power"
    assert "posterior" in str(fit)
    assert fit.trustworthy
    assert "posterior" in fit.saturation().explain()


@pytest.mark.parametrize("margin", [0.001, 0.012, 0.016, 0.2])
def test_a_verdict_has_the_probabilities_of_its_margin(fit, margin):
    """The gain is worked out anew, from the curve of each draw at two sizes."""
    found, draws = fit.saturation(margin=margin), fit.estimate.draws
    top = np.array([fit.table.rows["cells"].max()])
    near, far = (
        drawn_values(
            fit.law, sf.estimands.Value(x), draws.one("theta"), draws.one("coefficients"),
            fit.estimate.sample.frame,
        )[0]
        for x in (top, 10.0 * top)
    )  # fmt: skip
    values = far - near
    below, above = found.probability_below, found.probability_above
    assert below == pytest.approx((values < margin).mean(), abs=1e-9)
    assert above == pytest.approx((values > margin).mean(), abs=1e-9)
    assert 0 <= below + above <= 1
    assert (found.verdict == "saturated") == (below > 0.95)
    assert (found.verdict == "still_scaling") == (above > 0.95)
    assert "Posterior probability that the gain is below" in found.explain()


def test_sets_of_fits_have_the_same_probabilities():
    both = tables(2)
    fits = sf.fit(both, by="task", method="bayes", law="saturating_power")
    rows = fits.saturation()
    for i, one in enumerate(fits.values()):
        found = one.saturation()
        assert rows.loc[i, "probability_below"] == pytest.approx(found.probability_below)
        assert rows.loc[i, "probability_above"] == pytest.approx(found.probability_above)
    assert "probability_below" not in sf.fit(both, by="task").saturation()


def test_a_fit_without_a_posterior_has_no_probability():
    found = sf.fit(table()).saturation()
    assert np.isnan([found.probability_below, found.probability_above]).all()
    assert "Posterior probability" not in found.explain()


def test_schools_agree_on_well_identified_data():
    rows = table(3, sizes=12, seeds=5, sigma=0.002)
    bayes, plain = sf.fit(rows, method="bayes"), sf.fit(rows)
    for ask in (lambda f: f.gain(10), lambda f: f.ask(sf.Parameter("exponent"))):
        a, b = ask(bayes), ask(plain)
        width = b.upper - b.lower
        assert abs(a.estimate - b.estimate) < 0.1 * width
        assert a.upper - a.lower == pytest.approx(width, rel=0.15)


def test_a_run_scatters_more_than_the_mean(fit):
    mean, run = (fit.predict([1e7], interval=kind).iloc[0] for kind in ("mean", "run"))
    assert run.upper - run.lower > mean.upper - mean.lower
    assert "predictive" in fit.predict([1e7], interval="run").attrs["label"]


def test_other_inferences_still_work(fit):
    assert fit.gain(10, inference="profile").method.startswith("profile")
    assert fit.gain(10, inference="union").method.startswith("posterior, union")
    with pytest.raises(sf.FitError, match="method='bayes'"):
        sf.fit(table()).gain(10, inference="posterior")


@pytest.mark.parametrize("noise", ["gaussian", "student", "beta"])
def test_draws_are_the_same_whichever_curves_stand_beside(noise):
    rows = tables(2)
    second = rows["task"] == "task 1"
    rows["f1"][second] = 1.2 - rows["f1"][second]  # which runs the other way
    one = {name: column[~second] for name, column in rows.items()}
    draws = [
        sf.fit(r, by="task", law="saturating_power", noise=noise, method=QUICK)["task 0"]
        .estimate.draws for r in (rows, one)
    ]  # fmt: skip
    for name in ("theta", "coefficients"):
        both, alone = (each.one(name) for each in draws)
        np.testing.assert_allclose(both, alone, rtol=1e-6)


def test_wider_levels_give_wider_intervals(fit):
    widths = [fit.gain(10, level).upper - fit.gain(10, level).lower for level in (0.5, 0.8, 0.95)]
    assert widths == sorted(widths)


@pytest.mark.parametrize("law", AUTO, ids=lambda law: law.name)
def test_values_and_coefficients_are_each_others_inverse(law):
    fitted = sf.fit(table(), law=law.name).estimate
    frame = fitted.sample.frame
    theta = np.nan_to_num(fitted.theta, nan=0.3)[:, None, :]
    matrix, offset = values_of(law, np.swapaxes(theta, 1, 2), frame)
    values = np.swapaxes(offset + np.einsum("gpqm,gq->gpm", matrix, fitted.coefficients), 1, 2)
    again = to_coefficients(law, theta, values, frame)
    assert again[0, 0] == pytest.approx(fitted.coefficients[0])
    columns, base = at_sizes(law, fitted.sample.z, theta, frame)
    top = base[0, 0, -1] + columns[0, 0, -1] @ fitted.coefficients[0]
    assert values[0, 0, 0] == pytest.approx(top)


@pytest.mark.parametrize("law", AUTO, ids=lambda law: law.name)
def test_any_estimand_meets_the_posterior(law):
    fit = sf.fit(table(), law=law.name, method=QUICK)
    questions = [sf.Gain(10), sf.Value(1e9), sf.ObservedGain(), sf.SizeReaching(0.9)]
    questions += [sf.SizeReaching(0.97, of="score"), sf.GainBetween(1e5, 1e6), sf.MarginalGain()]
    questions += [sf.Parameter(p.name) for p in law.parameters]
    for question in questions:
        narrow, wide = (fit.ask(question, level) for level in (0.5, 0.9))
        assert wide.lower <= narrow.lower or np.isnan(wide.lower)
        assert narrow.upper <= wide.upper or np.isnan(wide.upper)


def test_draws_have_the_moments_of_their_grid():
    """Weights of the wrong sign, as a library that asks for log likelihoods invites, fail here."""
    fitted = sf.fit(table(sigma=0.03), law="saturating_power").estimate
    priors = priors_for(fitted.law, fitted.sample)
    target, grid = quadrature(fitted, priors)
    share = np.exp(grid.log_mass[0] - grid.evidence[0])
    found = from_grid(target, grid, 20000, 1)
    shape = fitted.law.shapes[0].coordinate.to_u(found.theta[0, :, 0])
    for axis, drawn in ((0, shape), (1, found.noise["noise_slope"][0])):
        weight = share.sum(axis=1 - axis)
        nodes = grid.nodes[axis][0]
        mean = weight @ nodes
        sd = np.sqrt(weight @ (nodes - mean) ** 2)
        assert drawn.mean() == pytest.approx(mean, abs=0.03 * sd)
        assert drawn.std() == pytest.approx(sd, rel=0.03)


def test_resampling_moves_draws_towards_the_target():
    x = np.random.default_rng(0).standard_normal((1, 20000))
    # Tilts N(0, 1) to N(0.5, 1).
    kept, khat = resampled(0.5 * x, 20000, np.random.default_rng(1))
    assert x[0, kept[0]].mean() == pytest.approx(0.5, abs=0.05)
    assert khat[0] < 0.7


@pytest.mark.parametrize(
    "prior",
    [
        Prior("student", 0.3, 0.4, df=3, lower=-0.5, upper=5),
        Prior("normal", 1.0, 2.0, lower=0.0),
        Prior("lognormal", -1.0, 0.5),
        Prior("exponential", 0.0, 0.5),
        Prior("half_normal", 0.0, 0.2),
        Prior("gamma", 2.0, 10.0, df=2.0),
    ],
    ids=lambda prior: prior.family,
)
def test_a_prior_has_the_density_of_its_quantiles(prior):
    edges = prior.quantile(np.array([1e-4, 0.2, 0.5, 0.9]))
    for low, high, share in zip(edges[:-1], edges[1:], [0.1999, 0.3, 0.4], strict=True):
        x = np.linspace(low, high, 20001)[1:-1]
        mass = np.trapezoid(np.exp(prior.log_density(x)), x)
        assert mass == pytest.approx(share, rel=3e-3)
    assert str(Prior.read(prior)) == str(prior)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"exponet": "normal(0.3, 0.1)"}, "did you mean|exponent"),
        ({"exponent": "normal(0.3)"}, "needs 2"),
        ({"exponent": "cauchy(0, 1)"}, "no prior of family"),
        ({"exponent": "norma1(0.3)"}, "no prior of family 'norma1'.*did you mean 'normal'"),
        ({"exponent": "0.3"}, "write it as"),
        ({"top": "student(0.5, 0.5, 3)"}, "must be normal"),
    ],
)
def test_priors_that_cannot_be_are_refused(given, says):
    with pytest.raises(sf.FitError, match=says):
        sf.fit(table(), method=sf.Bayes(draws=100, priors=given))


def test_a_prior_of_ones_own_moves_the_posterior():
    rows = table(sigma=0.03)
    tight = sf.fit(rows, method=sf.Bayes(draws=250, priors={"exponent": "normal(1, 0.02)"}))
    assert tight.params.loc["exponent", "estimate"] == pytest.approx(1.0, abs=0.05)
    assert str(tight.priors.loc["exponent", "prior"]).startswith("normal(1, 0.02)")


def test_flat_data_leave_the_exponent_to_the_prior():
    rng = np.random.default_rng(1)
    rows = table()
    rows["f1"] = 0.7 + 0.02 * rng.standard_normal(18)
    flat = sf.fit(rows, method=QUICK)
    assert "prior" in flat.params.loc["exponent", "caution"]
    assert "prior_speaks" in set(flat.diagnostics.code)


def test_draws_that_fail_a_check_give_no_number(fit):
    bad = replace(fit.estimate, draws=replace(fit.estimate.draws, rhat=np.array([1.05])))
    parts = tuple(bad if e.law.name == fit.law.name else e for e in fit.candidates.estimates)
    broken = sf.Fit(fit.table, replace(fit.candidates, estimates=parts), fit.settings)
    assert not broken.trustworthy
    assert not broken.gain(10).identified
    assert broken.saturation().verdict == "inconclusive"
    assert np.isnan(broken.saturation().probability_below)
    assert "Posterior probability" not in broken.saturation().explain()
    assert "not_converged" in set(broken.diagnostics.code)


def test_a_saved_fit_keeps_its_draws(fit, tmp_path):
    fit.save(tmp_path / "fit.json")
    again = sf.load(tmp_path / "fit.json")
    assert str(again.gain(10)) == str(fit.gain(10))
    assert np.array_equal(again.estimate.draws.theta, fit.estimate.draws.theta)
    assert again.settings.bayes == fit.settings.bayes
    (tmp_path / "fit.nc").unlink()
    with pytest.raises(sf.FitError, match="beside the JSON"):
        sf.load(tmp_path / "fit.json")


@pytest.mark.parametrize(("sigma", "speaks"), [(0.0003, True), (0.02, False)])
def test_a_noise_that_the_prior_does_not_expect_is_told(sigma, speaks):
    """Seven single runs: the prior of the noise, about .02 of the range, outweighs them."""
    cells, wider = np.geomspace(1e4, 1e7, 7), []
    for seed in range(4):
        error = np.random.default_rng(seed).normal(0, sigma, 7)
        table = {"cells": cells, "f1": 0.9 - 0.4 * (cells / 1e4) ** -0.4 + error}
        fits = [
            sf.fit(table, method=method, law="saturating_power")
            for method in ("bayes", "least_squares")
        ]
        told = fits[0].diagnostics.query("code == 'prior_speaks'")
        assert told["message"].str.contains("noise").any() == speaks
        gains = [each.gain(10) for each in fits]
        wider.append(np.divide(*(gain.upper - gain.lower for gain in gains)))
    assert np.median(wider) > 2 if speaks else np.median(wider) < 1.5


def test_the_arviz_object_holds_draws_priors_and_predictions(fit):
    idata = fit.idata
    shape = idata["posterior"]["exponent"].shape
    assert shape == (4, 250, 1)
    assert idata["posterior_predictive"]["score"].shape[-2:] == (6, 3)
    assert idata["prior"]["gain_10x"].shape == shape
    assert idata["log_likelihood"]["score"].shape == (4, 250, 1, 6)


def test_priors_that_matter_are_told(fit):
    told = fit.posterior.sensitivity()
    assert not told.sensitive.any()  # 18 precise runs
    rng = np.random.default_rng(1)
    rows = table()
    rows["f1"] = 0.7 + 0.02 * rng.standard_normal(18)
    assert sf.fit(rows, method=QUICK).posterior.sensitivity().sensitive.any()


def test_predictive_checks_pass_the_truth_and_fail_a_wrong_law():
    rows = table(sigma=0.001, exponent=0.8)
    right = sf.fit(rows, method=QUICK).posterior.check().set_index("check")
    wrong = sf.fit(rows, method=QUICK, law="log_linear").posterior.check().set_index("check")
    assert right.loc["misfit of the size means", "p"] > 0.05
    assert wrong.loc["misfit of the size means", "p"] < 0.01


def test_laws_are_compared_by_sizes_left_out():
    found = sf.fit(table(sigma=0.003, exponent=0.8), method=QUICK).posterior.compare()
    found = found.set_index("law")
    assert found.loc["saturating_power", "elpd_size"] > found.loc["log_linear", "elpd_size"]
    assert found.stacking_size.sum() == pytest.approx(1.0)
    assert found.loc["constant", "stacking_forecast"] < 0.01


def test_pooling_borrows_strength():
    rows = tables(5, sigma=0.03)
    alone, pooled = (
        sf.fit(rows, by="task", law="saturating_power", method=QUICK, pool=pool)
        for pool in ("none", "partial")
    )
    assert {"mean", "spread_own"} == set(pooled.posterior.population.index)
    assert pooled.posterior.shrinkage["width"].mean() < 1.0
    labels = [text.get_text() for text in pooled.plot_shrinkage(paper()).get_yticklabels()]
    assert labels == list(pooled.posterior.labels)
    widths = [
        np.mean([f.gain(10).upper - f.gain(10).lower for f in fits.values()])
        for fits in (alone, pooled)
    ]
    assert widths[1] < widths[0]
    assert "partially pooled posterior" in str(pooled["task 0"].gain(10))
    whole = sf.fit(rows, by="task", law="saturating_power", method=QUICK, pool="complete")
    exponents = whole.candidates.estimates[0].draws.theta
    assert np.array_equal(exponents[0], exponents[3])


def test_one_curve_in_a_population_is_the_curve_alone_with_the_prior_of_its_population():
    """With one curve the spread cannot be told, and the exponent's prior is the mixture."""
    fitted = sf.fit(table(sigma=0.005), law="saturating_power").estimate
    priors = priors_for(fitted.law, fitted.sample)
    found = partially_pooled(fitted, priors, 8000, 3)
    spread = found["population"]["spread_own"]
    assert spread.mean() == pytest.approx(0.2 * np.sqrt(2 / np.pi), rel=0.08)
    one = completely_pooled(fitted, priors, 8000, 3)["theta"][0, :, 0]
    _, grid = quadrature(fitted, priors)
    share = np.exp(grid.log_mass[0] - grid.evidence[0]).sum(axis=1)
    nodes = np.asarray(fitted.law.shapes[0].coordinate.to_theta(grid.nodes[0][0]))
    mean = share @ nodes
    sd = np.sqrt(share @ (nodes - mean) ** 2)
    assert one.mean() == pytest.approx(mean, abs=0.05 * sd)
    assert one.std() == pytest.approx(sd, rel=0.04)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"pool": "partial"}, "not available"),
        ({"method": "bayesian"}, "bayes"),
        ({"method": sf.Bayes(draws=100), "law": "hill", "by": "task", "pool": "partial"},
         "pools exponents"),
        ({"method": sf.Bayes(draws=100, sampler="collapsed"), "by": "task", "pool": "partial",
          "noise": "student"}, "normal errors"),
        ({"method": sf.Bayes(draws=100), "noise": "lad", "law": "constant"}, "objective"),
    ],
)  # fmt: skip
def test_what_has_no_model_is_refused(options, says):
    with pytest.raises(sf.ScalefitError, match=says):
        sf.fit(tables(2) if "by" in options else table(), **options)


@pytest.mark.parametrize("option", [{"sampler": "nuts"}, {"draws": 10}, {"target_accept": 2.0}])
def test_options_of_the_method_are_checked(option):
    with pytest.raises(sf.FitError):
        sf.Bayes(**option)


def test_a_least_squares_fit_has_no_posterior():
    with pytest.raises(sf.FitError, match="method='bayes'"):
        _ = sf.fit(table()).idata


def test_a_curve_of_one_size_has_no_number():
    rows = tables(2)
    rows["cells"] = np.where(rows["task"] == "task 1", 1e4, rows["cells"])
    fits = sf.fit(rows, by="task", method=QUICK)
    assert not fits["task 1"].gain(10).identified
    assert fits["task 0"].gain(10).identified


def test_two_drivers_by_quadrature():
    rng = np.random.default_rng(0)
    n, d = (g.ravel() for g in np.meshgrid(10.0 ** np.arange(6, 10), 10.0 ** np.arange(8, 12)))
    loss = 1.8 + 400 * n**-0.34 + 2000 * d**-0.37 + 0.003 * rng.standard_normal(n.size)
    fit = sf.fit({"params": n, "tokens": d, "loss": loss}, drivers=["params", "tokens"],
                 noise="gaussian", method=QUICK)  # fmt: skip
    for name, value in (("E", 1.8), ("alpha", 0.34), ("beta", 0.37)):
        row = fit.params.loc[name]
        assert abs(row.estimate - value) < 4 * row.std_error
        assert row.std_error < 0.02
    # What unions are made of needs no chains either.
    assert set(fit.laws["law"]) == {"additive", "additive_tied"}
    gains, best = fit.gains(), sf.optimum(fit, 1e22)
    assert gains.loc["all", "lower"] < gains.loc[["params", "tokens"], "gain"].sum()
    assert 0 < best["params_lower"].iloc[0] < best["params"].iloc[0] < best["params_upper"].iloc[0]


def test_a_posterior_by_quadrature_needs_no_sampler():
    code = (
        "import sys, scalefit as sf; f = sf.fit({'cells': [1e4,1e5,1e6,1e7]*2, 'seed': [0]*4+[1]*4,"
        " 'f1': [.6,.75,.81,.84,.61,.74,.80,.83]}, method='bayes'); f.gain(10);"
        " assert not {'pymc', 'nutpie', 'pytensor'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


#: Table, options, engine, and what the posterior has a number for, beside the curve.
ERRORS = {
    "known errors": (
        table(3) | {"known": np.full(18, 0.01)}, {"se": "known"}, "collapsed", {"extra_noise"},
    ),
    "checkpoints of runs": (
        table(3) | {"run_id": np.tile(np.arange(3), 6)}, {"run": "run_id"}, "collapsed",
        {"noise", "correlation"},
    ),
    "one run": (table(4, sizes=14, seeds=1), {}, "collapsed", {"noise", "correlation"}),
    "crossed seeds": (
        table(3), {"noise": Gaussian(seeds="crossed")}, "collapsed",
        {"noise", "noise_slope", "seed_noise"},
    ),
    "beta": (table(3), {"noise": "beta"}, "weighted", {"noise", "noise_slope"}),
    "lognormal": (table(3), {"noise": "lognormal"}, "weighted", {"noise", "noise_slope"}),
    "student": (table(3), {"noise": "student"}, "weighted", {"noise", "noise_slope", "df"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(ERRORS))
def test_every_error_model_has_a_posterior_without_chains(kind, tmp_path):
    rows, options, engine, numbers = ERRORS[kind]
    fit = sf.fit(rows, law="saturating_power", method=QUICK, **options)
    assert set(fit.estimate.draws.noise) == numbers
    assert list(fit.posterior.convergence["engine"]) == [engine]
    assert fit.trustworthy
    start, last = rows["cells"].min(), rows["cells"].max()
    truth = 0.3 * ((last / start) ** -0.4 - (10 * last / start) ** -0.4)
    low, middle, high = np.quantile(drawn_values(
        fit.law, Gain(10.0), fit.estimate.draws.one("theta"),
        fit.estimate.draws.one("coefficients"), fit.estimate.sample.frame), [0.005, 0.5, 0.995],
    )  # fmt: skip
    assert low < truth < high
    assert abs(middle - truth) < 0.02
    assert (fit.posterior.check()["p"] > 0.005).all()
    fit.save(tmp_path / "fit.json")
    again = sf.load(tmp_path / "fit.json").estimate.draws
    assert again.scatter == fit.estimate.draws.scatter


def test_robust_errors_are_sampled(monkeypatch):
    """By one model, which is compiled once for curves and tables of any length."""
    nutpie = pytest.importorskip("nutpie")
    made, compiled = [], nutpie.compile_pymc_model
    monkeypatch.setattr(
        nutpie, "compile_pymc_model", lambda *a, **k: made.append(1) or compiled(*a, **k)
    )
    rows = table(5)
    rows["f1"][4] += 0.2
    more = {name: np.append(column[:-2], column) for name, column in rows.items()}
    more["task"] = np.repeat(["short", "long"], [len(rows["f1"]) - 2, len(rows["f1"])])
    by_chains = sf.Bayes(sampler="nutpie")
    fit = sf.fit(more, by="task", law="saturating_power", noise="student", method=by_chains)["long"]
    again = sf.fit(rows, law="saturating_power", noise="student", method=by_chains)
    assert len(made) <= 1  # none where another test has made it
    assert again.gain(10).estimate == pytest.approx(fit.gain(10).estimate, abs=0.002)
    assert fit.trustworthy
    assert set(fit.posterior.convergence["engine"]) == {"nutpie"}
    plain = sf.fit(rows, law="saturating_power", method=QUICK)
    truth = 0.3 * (10**2.5) ** -0.4 * (1 - 10**-0.4)
    assert truth in fit.gain(10)
    assert fit.gain(10).upper - fit.gain(10).lower < plain.gain(10).upper - plain.gain(10).lower


def test_shared_test_items_widen_levels_and_not_gains():
    rows = table() | {"n_items": np.full(18, 200)}
    plain = sf.fit({k: v for k, v in rows.items() if k != "n_items"}, method=QUICK)
    shared = sf.fit(rows, items="n_items", noise="binomial", method=QUICK)
    a, b = (f.predict([1e7]).iloc[0] for f in (plain, shared))
    assert b.upper - b.lower > 1.3 * (a.upper - a.lower)
    assert shared.gain(10).upper == pytest.approx(plain.gain(10).upper, rel=0.05)


def test_runs_of_one_trained_model_are_told_by_the_columns_that_name_it():
    """The scores encode size and seed, so that equal models must have equal scores."""
    part = table(seeds=2)
    part["f1"] = np.arange(part["cells"].size) / 100 + 0.1
    rows = {name: np.concatenate([value, value[::-1]]) for name, value in part.items()}
    rows["task"] = np.repeat(["a", "b"], part["cells"].size)
    fits = sf.fit(rows, by="task", law="saturating_power")
    model = clusters(fits.all_rows, ("cells", "seed"))
    fitted = fits.candidates.estimates[0]
    priors = priors_for(fitted.law, fitted.sample)
    data = data_of(fitted.sample, priors, fitted.law, Pool((), True, model))
    assert [len(set(data["y"][model == m])) for m in range(model.max() + 1)] == [1] * 12
    with pytest.raises(sf.FitError, match="is no column"):
        clusters(fits.all_rows, ("model",))


def test_columns_that_curves_share_are_crossed():
    parts = [table(k, by=f"task {k % 2}") | {"model": np.full(18, f"m{k // 2}")} for k in range(6)]
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    both = sf.fit(rows, by=["task", "model"], law="saturating_power").all_rows
    assert {name: level.max() + 1 for name, level in crossed(both)} == {"task": 2, "model": 3}
    one = sf.fit({k: v for k, v in rows.items() if k != "model"}, by="task", law="power").all_rows
    assert crossed(one) == ()


def test_most_prior_curves_are_of_this_world():
    """Prior curves may leave the metric's range, though not by far, and bend either way."""
    fit = sf.fit(table(), method=QUICK, law="saturating_power")
    prior = fit.idata["prior"]
    gain = np.asarray(prior["gain_10x"]).ravel()
    assert 0.2 < np.mean(np.abs(gain) > 0.01) < 0.95
    assert np.mean(np.asarray(prior["exponent"]) > 0) > 0.6
    scores = np.asarray(fit.idata["prior_predictive"]["score"])
    assert np.mean((scores > -1.0) & (scores < 2.0)) > 0.9


class _Above(SameForAll):
    """The exponent where it is above a number, and nothing elsewhere."""

    label = "exponent above a number"

    def __init__(self, least):
        self.least = least

    def terms(self, law, theta, frame, xp):
        exponent = Parameter("exponent").terms(law, theta, frame, xp)
        return exponent.scaled(np.where(theta[0] > self.least, 1.0, np.nan))

    def beyond(self, law, frame):
        return Parameter("exponent").beyond(law, frame)


@pytest.mark.parametrize(("share", "told"), [(0.25, True), (0.45, True), (0.6, False)])
def test_the_median_of_draws_is_that_of_those_with_a_value(fit, share, told):
    exponents = fit.estimate.draws.one("theta")[0, :, 0]
    least = float(np.quantile(exponents, share))
    known = np.sort(exponents[exponents > least])
    found = fit.ask(_Above(least))
    if not told:
        assert np.isnan(found.estimate)
        return
    assert found.estimate == pytest.approx(known[(len(known) - 1) // 2])
    assert (found.lower, found.upper) == (-np.inf, np.inf), "draws without a value count at an end"
