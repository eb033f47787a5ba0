"""Likelihoods: least squares met by another road, and the published fits of two drivers."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtrit

import scalefit as sf
from scalefit.estimands import Gain, Value
from scalefit.estimate import estimate, pose
from scalefit.inference import profile
from scalefit.inference.zoom import Scan
from scalefit.kernel import usual_pulls
from scalefit.laws import get_law
from scalefit.noise import Hoffmann, LogNormal, Student
from scalefit.noise.residual import LaplaceKernel, NormalKernel, StudentKernel
from scalefit.sample import by_size

from .walk import walked_ends

SHARED = Path(os.environ.get("SCALEFIT_SHARED", Path(__file__).parents[2] / "shared")) / "data"
POINTS = SHARED / "chinchilla_points.csv"
DRIVERS = ["params", "tokens"]


def losses(curves=4, seeds=3, sigma=0.02, outlier=1.0):
    rng = np.random.default_rng(5)
    x = np.tile(np.repeat(np.geomspace(1e4, 1e7, 6), seeds), curves)
    y = (2 + 5 * (x / 1e4) ** -0.4) * np.exp(sigma * rng.standard_normal(x.size))
    y[4] *= outlier
    group = np.repeat(np.arange(curves), 6 * seeds)
    return by_size(x, y, group, -np.ones(curves), np.zeros(curves))


@pytest.fixture(scope="module")
def points():
    if not POINTS.is_file():
        pytest.skip("the shared data folder is not there")
    return pd.read_csv(POINTS)


@pytest.mark.parametrize("name", ["constant", "log_linear", "power", "saturating_power", "hill"])
def test_normal_errors_are_least_squares(name):
    """The same optimum and the same profile ends, by Newton steps instead of a closed form."""
    sample, law = losses(curves=2), get_law(name)
    pure = np.stack([sample.pure_ss, sample.pure_ss], axis=1)
    kernel = replace(sample, kernel=NormalKernel("identity"), pure=pure)
    closed, newton = estimate(law, sample), estimate(law, kernel)
    np.testing.assert_allclose(newton.total_ss, closed.total_ss, rtol=1e-12)
    np.testing.assert_allclose(newton.theta, closed.theta, rtol=1e-8)
    for question in (Value(1e7), Gain(10)):
        one, two = profile(closed, question), profile(newton, question)
        width = np.maximum(one.upper - one.lower, 1e-12)
        np.testing.assert_allclose(two.lower / width, one.lower / width, atol=1e-5)
        np.testing.assert_allclose(two.upper / width, one.upper / width, atol=1e-5)


@pytest.mark.parametrize("link", ["log", "identity"])
@pytest.mark.parametrize("kernel", ["student", "laplace"])
def test_pulls_in_closed_form_are_those_of_the_density(kernel, link):
    rng = np.random.default_rng(0)
    if kernel == "student":
        own = StudentKernel(link, rng.uniform(2.0, 30.0, 40), False)
    else:
        own = LaplaceKernel(link, 0.03)
    y = rng.uniform(1.0, 2.0, (40, 12))
    mean, relative = (y**k * np.exp(0.2 * rng.standard_normal(y.shape)) for k in (1, 0))
    weight = (rng.random(y.shape) > 0.2).astype(float)
    one, two = np.full(40, -2.0), np.full(40, -2.0)
    found = own.pulls(y, mean, relative, weight, one)
    usual = usual_pulls(own, y, mean, relative, weight, two)
    np.testing.assert_allclose(one, two, atol=1e-9)
    for name in ("value", "by_mean", "by_mean_twice", "by_both", "by_scale_twice"):
        each, other = getattr(found, name), getattr(usual, name)
        np.testing.assert_allclose(each, other, atol=1e-9 * np.abs(other).max())
    if link == "log" and kernel == "student":  # a mean that no run can have
        mean[0, 0] = mean[1, 0] = -1.0
        weight[0, 0], weight[1, 0] = 0.0, 1.0
        with np.errstate(invalid="ignore"):
            again = own.pulls(y, mean, relative, weight, np.full(40, -2.0)).value
        assert np.isfinite(again[0])
        assert again[1] == np.inf
        np.testing.assert_array_equal(again[2:], found.value[2:])


def bent_losses(seed, runs=2):
    """Return 14 sizes of losses with a bend, and errors with long tails."""
    rng = np.random.default_rng(seed)
    x = np.repeat(np.geomspace(1e4, 1e8, 14), runs)
    t = x / 1e6
    mean = 1.5 + (t + t**2) ** -0.1
    return pd.DataFrame({"tokens": x, "loss": mean * np.exp(0.01 * rng.standard_t(3, x.size))})


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_squares_that_touch_a_likelihood_lie_above_it(side):
    """They have the end for theirs, and what is compatible with them is so with the likelihood."""
    table = bent_losses(1)
    table["f1"] = 1.2 - 0.3 * table.pop("loss")
    fitted = sf.fit(table, law="shifted_power", noise="student").estimate
    problem, question = pose(fitted.law, fitted.sample), Gain(10)
    rng = np.random.default_rng(2)
    centre = fitted.solution.u + np.array([0.03, -0.02])
    shapes = centre + 0.1 * rng.standard_normal((1, 400, 2))
    shapes[0, 0] = centre
    frame = fitted.sample.frame.expand(1)
    terms = question.terms(fitted.law, problem.theta(shapes), frame, np)
    weights = np.stack([np.broadcast_to(w, (1, 400))[:, 0] for w in terms.weights], axis=-1)
    cut = 1.2 * fitted.solution.rss
    limit = cut + problem.pure
    near, wall, far = problem.touching(
        shapes[:, 0], weights, limit, np.array([side]), np.ones(1), True
    )
    end = 0 if side < 0 else 1
    true = problem.ends(shapes, terms, cut, True)[end][0]
    touching = near.ends(shapes, terms, wall, True)[end][0]
    assert touching[0] == pytest.approx(true[0], rel=1e-5)
    assert side * far[0] == pytest.approx(true[0], rel=1e-5)
    seen = np.isfinite(touching)
    assert seen.sum() > 50
    true, touching = true[seen], touching[seen]
    assert np.isfinite(true).all()
    assert (side * (true - touching) > -1e-6 * np.abs(true)).all()
    assert (side * (true - touching)).max() > 1e-3 * np.abs(true[0]), "or the two would be one"


@pytest.mark.parametrize("rising", [False, True])
def test_an_end_alone_is_that_of_both(rising):
    sample, law, question = Student().weigh(losses(curves=2)), get_law("power"), Gain(10)
    found = estimate(law, sample)
    cut = 1.3 * found.solution.rss
    scan = Scan(pose(law, sample), sample.frame.expand(1), question, cut, rising)
    u = found.solution.u[:, None] + np.array([-0.02, 0.0, 0.01])[:, None]
    side = np.array([[-1.0, 1.0, 1.0], [1.0, -1.0, 1.0]])
    lower, upper = scan.ends(u)
    alone, misfit = scan.end(u, side)
    assert (lower < upper).all()
    np.testing.assert_allclose(alone, np.where(side < 0, lower, upper), rtol=1e-12)
    np.testing.assert_array_equal(misfit, scan.end(u, -side)[1])


def test_parameters_of_a_law_that_may_never_level_off_have_ends():
    """The asymptote is infinite at some shapes, of which the search must say nothing."""
    found = sf.fit(bent_losses(3), law="broken_power").params
    assert (found["lower"] <= found["upper"]).all()
    assert found.loc["asymptote", "lower"] <= 0.0
    assert np.isfinite(found.loc["exponent", "upper"])


@pytest.mark.parametrize("name", ["m4", "broken_power"])
def test_no_random_search_of_a_likelihood_goes_further_than_a_profile(name):
    """A random walk over the compatible shapes must stay inside the interval."""
    fitted = sf.fit(bent_losses(3), law=name).estimate
    law, sample = fitted.law, fitted.sample
    variance, df = fitted.scale
    cut = fitted.solution.rss + variance * stdtrit(df, 0.975) ** 2
    problem = pose(law, sample)
    question = Gain(10)
    found = profile(fitted, question, 0.95)
    scan = Scan(problem, sample.frame.expand(1), question, cut, law.rising)
    least, most = walked_ends(scan, fitted.solution.u, walkers=60, rounds=120)
    slack = 0.01 * (most - least)
    assert (found.lower <= least + slack).all()
    assert (found.upper >= most - slack).all()


def test_what_is_refused_takes_no_search(monkeypatch):
    fitted = sf.fit(bent_losses(4).iloc[:12], law="broken_power")  # six sizes of the ten it needs

    def search(*_):
        raise AssertionError("searched")

    monkeypatch.setattr(sys.modules["scalefit.inference.profile"], "_ends", search)
    assert np.isnan(fitted.gain(10).estimate)
    assert fitted.params["estimate"].isna().all()


def test_an_outlier_moves_a_student_fit_little():
    law = get_law("saturating_power")
    gains = {}
    for outlier in (1.0, 1.5):
        sample = losses(outlier=outlier)
        for noise in ("student", "none"):
            weighed = Student().weigh(sample) if noise == "student" else sample
            gains[noise, outlier] = profile(estimate(law, weighed), Gain(10)).estimate[0]
    moved = {n: abs(gains[n, 1.5] - gains[n, 1.0]) for n in ("student", "none")}
    assert moved["student"] < 0.2 * moved["none"]


@pytest.mark.parametrize(
    ("row", "noise", "published"),
    [
        ("N2", "hoffmann", (1.817218, 477.826, 0.3473105, 2143.417, 0.3671724)),
        ("N4", "lad", (1.816864, 482.00572, 0.3478130, 2085.43420, 0.3658541)),
    ],
)
def test_published_fits_of_two_drivers(points, row, noise, published, measured):
    """Besiroglu et al. 2024, arXiv:2404.10102: 240 points, without the five largest losses."""
    kept = points[points["loss"] < points["loss"].sort_values().iloc[-5]]
    found = sf.fit(kept, score="loss", drivers=DRIVERS, noise=noise).params["estimate"]
    assert found.index.tolist() == ["E", "A", "alpha", "B", "beta"]
    apart = np.abs(np.array(found) / published - 1).max()
    measured(row, f"240 points, noise={noise!r}", "parameters apart, relative", apart, high=1e-6)


@pytest.mark.parametrize(
    ("noise", "values"),
    [
        (LogNormal("constant"), (1.864550, 0.360253, 0.405884)),
        (Hoffmann("constant", threshold=1e-2), (1.838079, 0.354416, 0.381538)),
    ],
)
def test_other_objectives_of_two_drivers(points, noise, values, measured):
    kept = points[points["loss"] < points["loss"].sort_values().iloc[-5]]
    fit = sf.fit(kept, score="loss", drivers=DRIVERS, noise=noise)
    found = fit.params.loc[["E", "alpha", "beta"], "estimate"]
    apart, cell = np.abs(np.array(found) / values - 1).max(), f"240 points, {noise.name}"
    measured("N3", cell, "parameters apart, relative", apart, high=2e-6)


def test_five_bad_points_do_not_move_the_default_interval(points):
    fit = sf.fit(points, score="loss", drivers=DRIVERS)
    assert fit.settings.noise == Student()
    lower, upper = fit.params.loc["beta", ["lower", "upper"]]
    assert lower < 0.366 < upper < 0.45


def test_what_two_drivers_cannot_answer_is_said(points):
    fit = sf.fit(points, score="loss", drivers=DRIVERS)
    with pytest.raises(sf.TableError, match="needs one driver; this table has params and tok"):
        fit.saturation()
    with pytest.raises(sf.FitError, match="needs sizes under 'tokens'; given params"):
        fit.predict({"params": [1e9]})
    with pytest.raises(sf.LawError, match="law 'power' is of 1 driver, and the table has 2"):
        sf.fit(points, score="loss", drivers=DRIVERS, law="power")
    assert repr(fit).startswith("<Fit: additive, gain at 10x params ")


def test_a_fit_of_two_drivers_comes_back_from_a_file(points, tmp_path):
    fit = sf.fit(points, score="loss", drivers=DRIVERS)
    fit.save(tmp_path / "fit.json")
    again = sf.load(tmp_path / "fit.json")
    pd.testing.assert_frame_equal(again.params, fit.params)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_equal_losses_are_fitted_and_leave_other_curves_alone(place):
    """The likelihood of equal losses is finite nowhere: their curve has no minimum in the scan."""
    sizes = 10.0 ** np.arange(3, 9)
    others = [np.exp(0.2 * np.random.default_rng(seed).normal(size=6)) for seed in (4, 5)]
    losses = [*others[:place], np.full(6, 0.5), *others[place:]]
    table = {"tokens": np.tile(sizes, 3), "loss": np.concatenate(losses),
             "task": np.repeat(np.arange(3), 6)}  # fmt: skip
    fits = sf.fit(table, by="task", law="saturating_power")
    for task, loss in enumerate(losses):
        alone = sf.fit({"tokens": sizes, "loss": loss}, law="saturating_power")
        expected = alone.estimate.solution.rss
        assert fits[task].estimate.solution.rss == pytest.approx(expected, rel=1e-6)
    assert "no scaling seen" in str(fits[place])


def perplexities():
    sizes = np.geomspace(1e6, 1e10, 9)
    errors = 0.02 * np.random.default_rng(1).normal(size=9)
    return {"tokens": sizes, "ppl": (12 + 400 * (sizes / 1e6) ** -0.3) * np.exp(errors)}


def test_perplexities_are_losses_with_errors_of_their_logs():
    """The best of a loss need not be zero: its errors are those of its log all the same."""
    fit = sf.fit(perplexities())
    assert (fit.table.metrics[0].best, fit.settings.noise.name) == (1.0, "student")
    assert {"lognormal", "gaussian"} < set(fit.sensitivity.index)
    floored = sf.fit(
        {"cells": [1e3, 1e4, 1e5, 1e6], "loss": [4, 3.1, 2.6, 2.3]}, bounds=(1.5, None)
    )
    assert floored.settings.noise.name == "student"
    rate = sf.fit({"cells": [1e3, 1e4, 1e5, 1e6], "error_rate": [0.4, 0.31, 0.26, 0.23]})
    assert rate.settings.noise.name == "gaussian"


def test_a_loss_beside_scores_is_told_of_its_normal_errors():
    ppl = perplexities()
    long = pd.DataFrame({
        "tokens": np.tile(ppl["tokens"], 2), "metric": ["ppl"] * 9 + ["r2"] * 9,
        "score": np.r_[ppl["ppl"], 0.8 - (ppl["tokens"] / 1e4) ** -0.2],
    })  # fmt: skip
    code = "loss_beside_scores"
    fits = sf.fit(long, by="metric")
    found = fits.diagnostics.set_index("code").loc[code]
    assert (found["curves"], found["first"]) == (1, "metric=ppl")
    assert code in set(fits["ppl"].diagnostics["code"])
    assert code not in set(fits["r2"].diagnostics["code"])
    asked = sf.fit(long, by="metric", noise="gaussian")
    assert asked["ppl"].gain(10) == fits["ppl"].gain(10)  # which the finding speaks of
    assert code not in set(asked.diagnostics["code"])
    alone = sf.fit(fits["ppl"].table)["ppl"]
    assert alone.gain(10) == sf.fit(ppl).gain(10) != fits["ppl"].gain(10)
    assert code not in set(alone.diagnostics["code"])
