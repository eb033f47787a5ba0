"""Error models that know more than scores: given errors, means of runs, shared items and seeds."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar

import scalefit as sf
from scalefit.errors import ScalefitError
from scalefit.estimands import Gain, ObservedGain, Parameter, Value
from scalefit.estimate import estimate
from scalefit.inference import profile, standard_error, wald
from scalefit.inference.common_mode import influence
from scalefit.laws import AUTO, get_law
from scalefit.measurement import birge_ratio
from scalefit.noise import Autoregressive, Binomial, Gaussian, KnownError, get_noise
from scalefit.sample import by_size
from scalefit.settle import correlated
from scalefit.table import make_table

SHARED = Path(os.environ.get("SCALEFIT_SHARED", Path(__file__).parents[2] / "shared")) / "data"
SIZES = 1e5 * 10 ** np.linspace(0, 2, 6)
LAW = get_law("saturating_power")


def table_of(columns, roles, **options):
    """Return a checked table with columns that have roles."""
    frame = pd.DataFrame(columns)
    table = make_table(frame, **options)
    extra = {name: frame[name].to_numpy()[table.rows.index] for name in roles.values()}
    return replace(table, rows=table.rows.assign(**extra), roles=roles)


def runs(seeds=3, sigma=0.02, rng=0, seed_sd=0.0):
    rng = np.random.default_rng(rng)
    cells, seed = np.repeat(SIZES, seeds), np.tile(np.arange(seeds), SIZES.size)
    score = 0.9 - 0.3 * (cells / 1e5) ** -0.5 + sigma * rng.standard_normal(cells.size)
    score += seed_sd * rng.standard_normal(seeds)[seed]
    return pd.DataFrame({"cells": cells, "seed": seed, "accuracy": score})


def sample_of(frame, **columns):
    group = np.zeros(len(frame), dtype=int)
    x, y = frame["cells"].to_numpy(), frame["accuracy"].to_numpy()
    return by_size(x, y, group, np.ones(1), np.ones(1), **columns)


def means(frame, parts):
    """Return rows of mean, standard deviation and count, ``parts`` to a size."""
    keys = ["cells", frame["seed"] % parts]
    grouped = frame.groupby(keys)["accuracy"].agg(["mean", "std", "count"]).reset_index(level=0)
    return {
        "cells": grouped["cells"].to_numpy(),
        "accuracy": grouped["mean"].to_numpy(),
        "sd": grouped["std"].to_numpy(),
        "n": grouped["count"].to_numpy(dtype=float),
    }


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("variance", ["auto", "constant"])
def test_means_and_deviations_tell_what_their_runs_tell(parts, variance):
    """Several rows of one size pool exactly; a row of one run has no standard deviation."""
    frame = runs(seeds=3)
    roles = {"sd": "sd", "n": "n"}
    raw = sf.fit(frame, variance=variance)
    told = sf.fit(table_of(means(frame, parts), roles), variance=variance)
    assert told.law.name == raw.law.name
    for question in (Gain(10), Parameter("exponent"), Parameter("asymptote"), Value(1e8)):
        ours, theirs = told.ask(question), raw.ask(question)
        np.testing.assert_allclose(
            [ours.estimate, ours.lower, ours.upper],
            [theirs.estimate, theirs.lower, theirs.upper], rtol=1e-10,
        )  # fmt: skip
    for ours, theirs in zip(told.estimate.lack_of_fit, raw.estimate.lack_of_fit, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    assert told.saturation().verdict == raw.saturation().verdict
    assert told.candidates.sample.runs.shape[2] == 0


def test_means_without_their_deviations_would_be_another_table():
    frame = runs(seeds=3)
    told = sf.fit(table_of(means(frame, 1), {"sd": "sd", "n": "n"}))
    bare = sf.fit(frame.groupby("cells", as_index=False)["accuracy"].mean())
    assert bare.estimate.residual_df[0] < told.estimate.residual_df[0]


def known(tau=0.0, rng=0, n=12, curves=1):
    """Return a sample of ``n`` sizes with one run each and given errors of 0.005 to 0.02."""
    rng = np.random.default_rng(rng)
    x = np.tile(1e5 * 10 ** np.linspace(0, 3, n), curves)
    se = 0.01 * np.exp(rng.uniform(-0.7, 0.7, x.size))
    y = 0.9 - 0.3 * (x / 1e5) ** -0.5 + np.hypot(se, tau) * rng.standard_normal(x.size)
    group = np.repeat(np.arange(curves), n)
    return by_size(x, y, group, np.ones(curves), np.ones(curves), se=se)


def test_extra_variance_maximises_the_restricted_likelihood():
    """An independent search, with dense matrices and refits, ends at the same variance."""
    sample = known(tau=0.03, rng=3)
    fitted = estimate(LAW, KnownError().weigh(sample))
    extra = fitted.sample.errors.extra_variance[0]
    tangent, se = fitted.tangent()[0], sample.run_error[0, :, 0]
    gap = sample.mean[0] - fitted.fitted()[0]

    def deviance(log_variance):
        inverse = np.diag(1.0 / (se**2 + np.exp(log_variance)))
        information = tangent.T @ inverse @ tangent
        move = np.linalg.solve(information, tangent.T @ inverse @ gap)
        rest = gap - tangent @ move
        return (
            -np.linalg.slogdet(inverse)[1] + np.linalg.slogdet(information)[1]
            + rest @ inverse @ rest
        )  # fmt: skip

    best = minimize_scalar(deviance, bounds=(-14, 0), method="bounded", options={"xatol": 1e-10})
    np.testing.assert_allclose(np.log(extra), best.x, atol=1e-4)
    np.testing.assert_allclose(
        fitted.sample.weight[0] / fitted.scale[0][0], 1.0 / (se**2 + extra), rtol=1e-12
    )
    assert fitted.scale[1][0] == 12 - 3 - 1


def test_without_extra_variance_the_errors_are_taken_at_their_word():
    fitted = estimate(LAW, KnownError().weigh(known(rng=1, curves=40)))
    none = fitted.sample.errors.extra_variance == 0
    assert 10 < none.sum() < 40
    assert np.isinf(fitted.scale[1][none]).all()
    assert np.isfinite(fitted.scale[1][~none]).all()
    np.testing.assert_allclose(
        fitted.sample.weight[none] / fitted.scale[0][none, None],
        1.0 / fitted.sample.run_error[none, :, 0] ** 2, rtol=1e-12,
    )  # fmt: skip


def test_equal_errors_and_much_extra_variance_are_ordinary_least_squares():
    frame = runs()
    told = sample_of(frame, se=np.full(len(frame), 1e-6))
    ours = estimate(LAW, KnownError().weigh(told))
    plain = estimate(LAW, Gaussian("constant").weigh(sample_of(frame)))
    np.testing.assert_allclose(ours.theta, plain.theta, rtol=1e-7)
    np.testing.assert_allclose(ours.total_ss, plain.total_ss, rtol=1e-7)
    np.testing.assert_allclose(ours.lack_of_fit, plain.lack_of_fit, rtol=1e-7)
    # The restricted likelihood finds the residual mean square.
    np.testing.assert_allclose(ours.scale[0], plain.total_ss / plain.residual_df, rtol=1e-4)


def test_one_curve_with_given_errors_is_a_batch_of_one():
    several = estimate(LAW, KnownError().weigh(known(tau=0.01, rng=2, curves=4)))
    for g in range(4):
        alone = estimate(LAW, KnownError().weigh(known(tau=0.01, rng=2, curves=4).take([g])))
        np.testing.assert_allclose(alone.theta, several.theta[g : g + 1], rtol=1e-10)
        np.testing.assert_allclose(alone.scale[0], several.scale[0][g : g + 1], rtol=1e-10)


@pytest.mark.parametrize("law", AUTO, ids=lambda law: law.name)
def test_every_law_takes_every_error_model(law):
    frame = runs(seeds=4, seed_sd=0.02)
    models = [
        (KnownError(), {"se": np.full(len(frame), 0.01)}),
        (Binomial(), {"items": np.full(len(frame), 500.0)}),
        (Gaussian(seeds="crossed"), {"unit": frame["seed"].to_numpy()}),
        (Autoregressive(), {"unit": frame["seed"].to_numpy()}),
    ]
    for noise, columns in models:
        fitted = estimate(law, noise.weigh(sample_of(frame, **columns)))
        found = profile(fitted, Gain(10), 0.95)
        assert found.lower[0] <= found.estimate[0] <= found.upper[0]
        flat = frame.assign(accuracy=0.9 - frame["accuracy"])
        found = profile(estimate(law, noise.weigh(sample_of(flat, **columns))), Value(1e8), 0.95)
        assert found.lower[0] <= found.estimate[0] <= found.upper[0]


@pytest.mark.parametrize("law", AUTO, ids=lambda law: law.name)
def test_influence_is_the_derivative_of_the_estimate(law):
    """Against refits of a curve of the law with one mean moved; its sum against a shift of all."""
    # Curves whose optimum is inside the law's shapes.
    bend = pd.DataFrame({"cells": SIZES, "accuracy": 0.5 + 0.4 / (1 + (1e6 / SIZES) ** 1.2)})
    frame = bend if law.name == "hill" else runs(sigma=0.005)
    sample = Gaussian("constant").weigh(sample_of(frame))
    top = SIZES[-1]
    sample = replace(sample, mean=estimate(law, sample).fitted())
    fitted = estimate(law, sample)
    for question, shift in ((Value(top), 1.0), (ObservedGain(), 0.0), (Gain(3), 0.0)):
        found = influence(fitted, question)[0]
        step = 1e-5
        slopes = []
        for k in range(SIZES.size):
            ends = []
            for side in (step, -step):
                mean = sample.mean.copy()
                mean[0, k] += side
                ends.append(profile(estimate(law, replace(sample, mean=mean)), question).estimate)
            slopes.append((ends[0] - ends[1])[0] / (2 * step))
        np.testing.assert_allclose(found, slopes, atol=2e-4)
        if law.name != "power":  # whose limit is known and does not shift
            np.testing.assert_allclose(found.sum(), shift, atol=1e-8)


def test_shared_items_widen_levels_and_leave_gains():
    frame = runs()
    plain = estimate(LAW, Gaussian().weigh(sample_of(frame)))
    sample = Binomial().weigh(sample_of(frame, items=np.full(len(frame), 400.0)))
    shared = estimate(LAW, sample)
    share = sample.mean[0, -1]
    sd = np.sqrt(share * (1 - share) / 400)
    for method in (profile, wald):
        np.testing.assert_allclose(
            method(shared, Gain(10)).upper, method(plain, Gain(10)).upper, rtol=1e-9
        )
        inner, outer = method(plain, Value(SIZES[-1])), method(shared, Value(SIZES[-1]))
        np.testing.assert_allclose(
            outer.upper - outer.estimate, np.hypot(inner.upper - inner.estimate, 1.959964 * sd),
            rtol=1e-6,
        )  # fmt: skip
    np.testing.assert_allclose(
        standard_error(shared, Value(SIZES[-1])),
        np.hypot(standard_error(plain, Value(SIZES[-1])), sd), rtol=1e-9,
    )  # fmt: skip


def test_crossed_seeds_are_the_two_way_analysis_of_variance():
    frame = runs(seeds=4, seed_sd=0.05, rng=5)
    sample = Gaussian("constant", seeds="crossed").weigh(
        sample_of(frame, unit=frame["seed"].to_numpy())
    )
    scores = frame["accuracy"].to_numpy().reshape(6, 4)
    rest = scores - scores.mean(0) - scores.mean(1, keepdims=True) + scores.mean()
    residual = (rest**2).sum() / 15
    seeds = 6 * ((scores.mean(0) - scores.mean()) ** 2).sum() / 3
    np.testing.assert_allclose(sample.mean[0], scores.mean(1), rtol=1e-12)
    np.testing.assert_allclose(sample.pure_ss / sample.pure_df, residual, rtol=1e-10)
    np.testing.assert_allclose(sample.errors.common_variance, (seeds - residual) / 6 / 4)
    assert sample.errors.common_df[0] == 3
    np.testing.assert_allclose(sample.errors.unit_variance, (seeds - residual) / 6)
    # Recomputed from the runs that are kept, so that resampling them means the same.
    np.testing.assert_allclose(np.nanmean(sample.runs, axis=2), sample.mean, rtol=1e-12)


def test_crossed_seeds_with_gaps_agree_with_a_mixed_model():
    """Against statsmodels' restricted maximum likelihood with sizes as fixed effects."""
    mixed_lm = pytest.importorskip("statsmodels.formula.api").mixedlm
    frame = runs(seeds=8, seed_sd=0.04, sigma=0.01, rng=6).drop(index=[3, 10, 11, 20, 30, 44])
    frame["accuracy"] *= 100  # statsmodels warns of small variances
    sample = Gaussian("constant", seeds="crossed").weigh(
        sample_of(frame, unit=frame["seed"].to_numpy())
    )
    theirs = mixed_lm("accuracy ~ 0 + C(cells)", frame, groups=frame["seed"]).fit(reml=True)
    np.testing.assert_allclose(sample.mean[0], theirs.fe_params, atol=5e-3)
    np.testing.assert_allclose(sample.pure_ss / sample.pure_df, theirs.scale, rtol=0.02)
    np.testing.assert_allclose(
        sample.errors.common_variance * 8, theirs.cov_re.to_numpy().ravel(), rtol=0.05
    )


def test_a_run_of_a_new_seed_scatters_with_its_effect():
    frame = runs(seeds=6, seed_sd=0.05, sigma=0.01, rng=5)
    fit = sf.fit(frame, noise=Gaussian("constant", seeds="crossed"))
    mean, run = (fit.predict([1e7], interval=kind).iloc[0] for kind in ("mean", "run"))
    assert run["upper"] - run["lower"] > 1.5 * (mean["upper"] - mean["lower"])
    assert 0.1 < run["upper"] - run["lower"] < 0.4


def test_seeds_that_do_not_matter_change_nothing():
    frame = runs(seeds=3, rng=1)
    scores = frame["accuracy"].to_numpy().reshape(6, 3)
    frame["accuracy"] = (scores - scores.mean(0) + scores.mean()).ravel()
    unit = frame["seed"].to_numpy()
    crossed = Gaussian(seeds="crossed").weigh(sample_of(frame, unit=unit))
    nested = Gaussian().weigh(sample_of(frame, unit=unit))
    np.testing.assert_allclose(crossed.spread, nested.spread, rtol=1e-12)
    assert crossed.errors.unit_df[0] == 0 == crossed.errors.common_variance[0]


def checkpoints(rho, n_runs=10, rng=0, n=8):
    """Return rows of ``n_runs`` runs with autoregressive errors of standard deviation 0.01."""
    rng = np.random.default_rng(rng)
    sizes = 1e5 * 10 ** np.linspace(0, 3, n)
    error = rng.standard_normal((n, n_runs))
    for k in range(1, n):
        error[k] = rho * error[k - 1] + np.sqrt(1 - rho**2) * error[k]
    score = 0.9 - 0.3 * (sizes[:, None] / 1e5) ** -0.5 + 0.01 * error
    return pd.DataFrame(
        {
            "cells": np.repeat(sizes, n_runs),
            "run": np.tile([f"run {i}" for i in range(n_runs)], n),
            "accuracy": score.ravel(),
        }
    )


def test_correlation_maximises_the_restricted_likelihood():
    """Against dense matrices; and the effective number of rows is that of a mean."""
    frame = checkpoints(0.7)
    unit = pd.factorize(frame["run"])[0]
    fitted = estimate(LAW, Autoregressive().weigh(sample_of(frame, unit=unit)))
    z = np.log(frame["cells"].to_numpy())
    column = np.searchsorted(np.unique(z), z)
    tangent = fitted.tangent()[0][column]
    gap = frame["accuracy"].to_numpy() - fitted.fitted()[0][column]
    same, apart = unit[:, None] == unit, np.abs(z[:, None] - z) / (np.log(1e3) / 7)

    def parts(rho):
        likeness = np.where(same, rho**apart, 0.0)
        inverse = np.linalg.inv(likeness)
        information = tangent.T @ inverse @ tangent
        rest = gap - tangent @ np.linalg.solve(information, tangent.T @ inverse @ gap)
        return likeness, inverse, information, rest @ inverse @ rest

    def deviance(rho):
        likeness, _, information, square = parts(rho)
        logs = np.linalg.slogdet(likeness)[1] + np.linalg.slogdet(information)[1]
        return 77 * np.log(square) + logs

    best = minimize_scalar(deviance, bounds=(0.01, 0.99), method="bounded",
                           options={"xatol": 1e-10}).x  # fmt: skip
    errors = fitted.sample.errors
    np.testing.assert_allclose(errors.correlation ** (np.log(1e3) / 7), best, atol=1e-5)
    likeness, _, _, square = parts(best)
    np.testing.assert_allclose(errors.variance, square / 77, rtol=1e-4)
    np.testing.assert_allclose(errors.n_effective, 80**2 / likeness.sum(), rtol=1e-4)
    # The standard error of any target is the sandwich of least squares with these errors.
    change = influence(fitted, Gain(10))[0][column] / 10
    variance = errors.variance[0] * change @ likeness @ change
    np.testing.assert_allclose(standard_error(fitted, Gain(10)), np.sqrt(variance), rtol=1e-4)


def test_covariances_of_means_are_those_of_their_rows():
    """Rows of a run are alike by distance; run 2 lacks a size, and one size has a single row."""
    x = np.array([1e4, 3e4, 5e4, 2e5, 9e5])
    frame = pd.DataFrame({"tokens": np.repeat(x, 3), "run": np.tile(range(3), 5)})
    frame["loss"] = 2 + 30 * frame["tokens"] ** -0.3 + 0.01 * np.sin(np.arange(15.0))
    frame = frame.drop([5, 9, 10])
    fit = sf.fit(frame, run="run", law="saturating_power", force=True).estimate
    known = replace(fit.sample.errors, correlation=np.array([0.6]))
    fit = replace(fit, sample=replace(fit.sample, errors=known))
    place, run = np.log(frame["tokens"].to_numpy()), frame["run"].to_numpy()
    rows = 0.6 ** np.abs(np.subtract.outer(place, place)) * (run[:, None] == run)
    size = np.searchsorted(x, frame["tokens"])
    means = (size == np.arange(5)[:, None]) / np.sqrt(fit.information[0] * fit.sample.count[0])[
        :, None
    ]
    expected = means @ rows @ means.T
    assert correlated(fit, np.eye(5)[None])[0] == pytest.approx(expected, rel=1e-12)


def test_checkpoints_taken_for_replicates_give_false_precision():
    frame = checkpoints(0.9)
    table = table_of(frame, {"run": "run"})
    honest, naive = sf.fit(table), sf.fit(replace(table, roles={}))
    assert honest.settings.noise == Autoregressive()
    ours, theirs = honest.ask(Value(1e8)), naive.ask(Value(1e8))
    assert ours.upper - ours.lower > 1.5 * (theirs.upper - theirs.lower)
    assert "correlated_rows" in set(honest.diagnostics["code"])
    one = sf.fit(table_of(checkpoints(0.95, n_runs=1, n=24), {"run": "run"}))
    assert "few_training_runs" in set(one.diagnostics["code"])


def test_findings_on_given_errors():
    frame = runs(sigma=0.02)
    for se, code in ((0.005, "errors_too_small"), (0.08, "errors_suffice")):
        fit = sf.fit(table_of(frame.assign(se=se), {"se": "se"}))
        assert fit.settings.noise == KnownError()
        assert code in set(fit.diagnostics["code"])
    assert birge_ratio(fit.estimate) < 1 < 0.08 / 0.02
    shared = frame.assign(m=200.0).groupby("cells", as_index=False).first()
    fit = sf.fit(table_of(shared, {"items": "m"}), noise="binomial")
    assert {"shared_error", "item_noise_only"} <= set(fit.diagnostics["code"])


@pytest.mark.parametrize(
    ("noise", "roles"),
    [
        ("known_error", {"se": "extra"}),
        ("binomial", {"items": "extra"}),
        (Gaussian(seeds="crossed"), {}),
        ("autoregressive", {"run": "seed"}),
    ],
    ids=str,
)
def test_a_saved_fit_answers_as_before(noise, roles, tmp_path):
    frame = runs(seeds=4, seed_sd=0.02).assign(extra=50.0 if "items" in roles else 0.01)
    fit = sf.fit(table_of(frame, roles), noise=noise)
    fit.save(tmp_path / "fit.json")
    again = sf.load(tmp_path / "fit.json")
    assert again.settings == fit.settings
    assert again.ask(Value(1e8)) == fit.ask(Value(1e8))
    assert again.summary() == fit.summary()
    assert fit.settings.noise.words


@pytest.mark.parametrize(
    ("noise", "role", "mend"),
    [
        ("gaussian", "se", "use noise='known_error', or leave se= out"),
        ("gaussian", "run", "use noise='autoregressive', or leave run= out"),
        (Gaussian(), "items", "use noise='binomial', or leave items= out"),
        ("student", "se", "use noise='known_error', or leave se= out"),
        ("binomial", "se", "use noise='known_error', or leave se= out"),
        ("student", "sd", "use noise='gaussian' or noise='binomial', or leave sd= out"),
    ],
    ids=str,
)
def test_a_column_that_would_be_passed_over_is_refused(noise, role, mend):
    table = table_of(runs().assign(extra=1.0), {role: "extra"})
    with pytest.raises(ScalefitError, match=f"makes no use of {role}='extra'; {mend}"):
        sf.fit(table, noise=noise)


def test_columns_choose_their_error_model():
    frame = runs().assign(extra=50.0)
    assert sf.fit(frame, items="extra").settings.noise == Binomial()
    crossed = Gaussian(seeds="crossed")
    table = table_of(runs(), {"run": "seed"})
    assert sf.fit(table, noise=crossed).settings.noise == crossed


def test_what_an_error_model_lacks_is_named():
    frame = runs()
    with pytest.raises(ScalefitError, match="se='std_error'"):
        sf.fit(frame, noise="known_error")
    with pytest.raises(ScalefitError, match="items='n_items'"):
        sf.fit(frame, noise="binomial")
    percent = frame.assign(accuracy=100 * frame["accuracy"], m=100.0)
    with pytest.raises(ScalefitError, match="divide percentages by 100"):
        sf.fit(table_of(percent, {"items": "m"}, bounds=(0, 100)), noise="binomial")
    counts = frame.assign(right=np.round(2000 * frame["accuracy"]), n_test=2000)
    with pytest.raises(ScalefitError, match="; divide counts of right answers by the number of i"):
        sf.fit(counts, score="right", better="higher", items="n_test")
    few = frame.assign(right=np.round(90 * frame["accuracy"]), n_test=90)
    with pytest.raises(ScalefitError, match="by 100, divide counts of right answers by the n"):
        sf.fit(few, score="right", better="higher", items="n_test")
    with pytest.raises(ScalefitError, match="run='run_id'"):
        sf.fit(frame.drop(columns="seed"), noise="autoregressive")
    with pytest.raises(ScalefitError, match="seeds='nested'"):
        sf.fit(frame.drop(columns="seed"), noise=Gaussian(seeds="crossed"))
    with pytest.raises(ScalefitError, match="did you mean 'crossed'"):
        Gaussian(seeds="crosed")
    with pytest.raises(ScalefitError, match="has no meaning for noise='known_error'"):
        get_noise("known_error", "power")
    with pytest.raises(ScalefitError, match="keep one of them, as in se='error'"):
        get_noise(None, "auto", {"se": "error", "run": "job"})
    with pytest.raises(ScalefitError, match="did you mean 'known_error'"):
        get_noise("known_errors")


def test_real_losses_with_bootstrap_errors():
    """Six models of one token ratio: some scatter as their errors say, some by more."""
    path = SHARED / "lm_overtraining_dev.csv"
    if not path.exists():
        pytest.skip("the shared measurements are not here")
    rows = pd.read_csv(path)
    rows["se"] = (rows["loss_hi95"] - rows["loss_lo95"]) / (2 * 1.959964)
    rows = rows[rows["tokens_per_param"] == 20].drop_duplicates(["eval_set", "params"])
    options = {"score": "loss", "drivers": "params", "by": "eval_set", "better": "lower"}
    fits = sf.fit(table_of(rows, {"se": "se"}, **options), law="saturating_power")
    extra = {key[0]: fit.estimate.sample.errors.extra_variance[0] for key, fit in fits.items()}
    # The errors of the large validation set are far below the scatter about any power law.
    assert extra["c4_val"] > 0
    assert birge_ratio(fits["c4_val"].estimate) > 3
    assert sum(value == 0 for value in extra.values()) >= 3
    for fit in fits.values():
        assert 0.03 < fit.gain(10).estimate < 0.5
        assert (fit.estimate.scale[1][0] == np.inf) == (extra[fit.table.keys[0][0]] == 0)


def test_real_classical_curves_with_relative_errors():
    path = SHARED / "classical_curves_dev.csv"
    if not path.exists():
        pytest.skip("the shared measurements are not here")
    rows = pd.read_csv(path)
    rows = rows[rows["dataset"] == "puromycin_treated"].assign(se=5.0)
    told = sf.fit(table_of(rows, {"se": "se"}, score="y", drivers="x", better="higher"), law="hill")
    plain = sf.fit(rows, score="y", drivers="x", better="higher", law="hill", variance="constant")
    # With equal errors the curve is that of least squares; its scatter exceeds the errors.
    np.testing.assert_allclose(told.params["estimate"], plain.params["estimate"], rtol=1e-5)
    extra = told.estimate.sample.errors.extra_variance[0]
    np.testing.assert_allclose(extra + 25.0, plain.estimate.total_ss / 8, rtol=1e-3)


def test_several_rows_of_a_run_at_one_size_are_refused():
    """Two evaluations of each checkpoint had gains four times too sure, with warnings of numpy."""
    cells, run = np.repeat(np.geomspace(1e4, 1e7, 8), 6), np.tile(np.repeat([0, 1, 2], 2), 8)
    error = np.random.default_rng(1).normal(0, 0.002, 48)
    table = {"cells": cells, "run": run, "f1": 0.9 - 0.4 * (cells / 1e4) ** -0.4 + error}
    with pytest.raises(ScalefitError, match=r"24 rows share run and size .* first at 10k; av"):
        sf.fit(table, run="run")
    means = pd.DataFrame(table).groupby(["cells", "run"], as_index=False).mean()
    assert sf.fit(means, run="run").settings.noise.name == "autoregressive"


def test_rows_without_replicates_count_as_one_run_unless_told_otherwise():
    rng = np.random.default_rng(4)
    x = np.geomspace(1e4, 1e7, 20)
    table = {"cells": x, "f1": 0.9 - 0.3 * (x / 1e4) ** -0.4 + 0.01 * rng.standard_normal(20)}
    usual, short = sf.fit(table), sf.fit({name: values[:11] for name, values in table.items()})
    assert usual.settings.noise == Autoregressive()
    assert "correlated_rows" in set(usual.diagnostics["code"])
    assert short.settings.noise == Gaussian()
    assert sf.fit(table, noise="gaussian").settings.noise == Gaussian()
    own = sf.Law.from_function("line", lambda x, a, b: a + b * x, start={"a": 0.5, "b": 1e-9})
    assert sf.fit(table, law=own).settings.noise == Gaussian()
    assert sf.fit(table, law="log_linear", method="bayes").settings.noise == Autoregressive()
    errors = {"cells": x, "error_rate": 1.0 - np.array(table["f1"])}
    assert sf.fit(errors).settings.noise == Autoregressive()
    assert sf.fit(errors).estimate.sample.kernel is None, "an error rate is a score upside down"


def test_runs_that_are_named_stay_several_where_no_two_rows_share_a_size():
    """Two runs whose checkpoints are at sizes of their own, the one above the other."""
    x = np.geomspace(1e4, 1e7, 24)
    run = np.tile([0, 1], 12)
    shift = np.where(run == 0, -0.03, 0.03)
    score = 0.85 - 0.3 * (x / 1e4) ** -0.4 + shift
    score = score + 0.004 * np.random.default_rng(2).standard_normal(24)
    table = {"cells": x, "f1": score, "run": run}
    named = sf.fit(table, run="run", law="saturating_power")
    told = named.diagnostics.set_index("code").loc["correlated_rows", "evidence"]
    assert "2 runs" in told
    units = named.estimate.sample.errors.correlation[0]
    assert units > 0.5
    one = sf.fit(table, law="saturating_power")
    assert one.estimate.sample.errors.correlation[0] < units
    wide, narrow = (np.ptp(fit.params.loc["asymptote", ["lower", "upper"]].to_numpy(float))
                    for fit in (named, one))  # fmt: skip
    assert wide > narrow
