"""The bootstrap: what is drawn, that all questions share it, and what it says when it cannot."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import scalefit as sf
from scalefit.errors import FitError, ScalefitError
from scalefit.estimands import Gain, Parameter, SizeReaching, Value
from scalefit.estimate import estimate
from scalefit.inference import Bootstrap, agreement, ask_together, get_inference, profile
from scalefit.inference import bootstrap as module
from scalefit.inference.resampling import KINDS, resample, with_runs
from scalefit.laws import AUTO, get_law
from scalefit.noise import Autoregressive, Gaussian, LogNormal, Student
from scalefit.sample import by_size

LAW = get_law("saturating_power")
SIZES = 1e5 * 10 ** np.linspace(0, 2, 6)
X = np.repeat(SIZES, 3)
FREE = [kind for kind in KINDS if kind != "cluster"]


def sample(seeds=3, curves=1, sigma=0.01, seed=0, mean=None, variance="auto", sizes=SIZES):
    rng = np.random.default_rng(seed)
    x = np.repeat(sizes, seeds)
    mean = 0.9 - 0.3 * (x / 1e5) ** -0.5 if mean is None else np.full(x.size, mean)
    y = mean + sigma * rng.standard_normal((curves, x.size))
    group = np.repeat(np.arange(curves), x.size)
    ones = np.ones(curves)
    unit = np.tile(np.arange(seeds), sizes.size * curves)
    found = by_size(np.tile(x, curves), y.ravel(), group, ones, ones, unit=unit)
    return Gaussian(variance).weigh(found)


def fitted(**options):
    return estimate(LAW, sample(**options))


@pytest.mark.parametrize("kind", KINDS)
def test_an_interval_is_made_of_the_draws(kind):
    one = fitted(seeds=12)
    found = Bootstrap(kind, draws=199, rng=4)(one, Gain(10), 0.9)[0]
    refits = estimate(LAW, resample(one, kind, 199, (4, 0)))
    terms = Gain(10).terms(LAW, refits.shapes(), refits.sample.frame, np)
    values = np.sort(refits.evaluate(terms))
    assert [found.lower, found.upper] == pytest.approx([values[9], values[189]], rel=1e-12)
    assert found.method == f"{kind} bootstrap of 199 draws, given saturating_power"
    near = profile(one, Gain(10), 0.9)[0]
    assert found.upper - found.lower == pytest.approx(near.upper - near.lower, rel=0.5)


@pytest.mark.parametrize("kind", FREE)
def test_new_runs_scatter_as_the_old_ones(kind):
    """Means and variances over many draws, against what each kind promises."""
    one = fitted(sigma=0.02, variance="constant")
    again = resample(one, kind, 20_000, (1,))
    centre = one.sample.mean[0] if kind == "case" else one.fitted()[0]
    drawn = again.count > 0
    mean = np.nanmean(np.where(drawn, again.mean, np.nan), axis=0)
    assert mean == pytest.approx(centre, abs=4e-4)
    if kind != "case":
        variance = again.runs.var(axis=0).mean()
        assert variance == pytest.approx(one.total_ss[0] / one.residual_df[0], rel=0.05)
    assert (again.n == 18).all()


def test_errors_follow_the_variance_function():
    """Weights of 1 to 100: so do the variances of the drawn runs."""
    found = sample(seeds=6, variance="constant")
    weight = found.count * np.geomspace(1.0, 100.0, 6)
    one = estimate(LAW, replace(found, weight=weight))
    for kind in ("parametric", "residual"):
        again = resample(one, kind, 4000, (1,))
        variance = again.runs.var(axis=(0, 2))
        assert variance[0] / variance == pytest.approx(np.geomspace(1.0, 100.0, 6), rel=0.1)


def test_residuals_are_inflated_and_centred():
    one = fitted()
    again = resample(one, "residual", 50, (0,))
    scale = np.sqrt(one.sample.count / one.sample.weight)[:, :, None]
    drawn = np.unique(((again.runs - one.fitted()[0][:, None]) / scale).round(12))
    old = (one.sample.runs - one.fitted()[:, :, None])[0] * np.sqrt(one.sample.weight[0] / 3)[
        :, None
    ]
    old = old * np.sqrt(18 / one.residual_df[0])
    assert drawn == pytest.approx(np.unique((old - old.mean()).round(12)), abs=1e-9)


@pytest.mark.parametrize("kind", ["residual", "parametric"])
@pytest.mark.parametrize("n_runs", [1, 3])
def test_rows_of_one_run_are_drawn_as_alike_as_they_are(kind, n_runs):
    """Drawn as if independent, a wandering curve had intervals a fifth as wide as they should."""
    n_sizes = 60 // n_runs
    sizes = np.geomspace(1e4, 1e7, n_sizes)
    error = np.random.default_rng(3).normal(size=(n_sizes, n_runs))
    for k in range(1, n_sizes):
        error[k] = 0.8 * error[k - 1] + 0.6 * error[k]
    y = (0.9 - 0.4 * (sizes / 1e4) ** -0.3)[:, None] + 0.01 * error
    x, unit = np.repeat(sizes, n_runs), np.tile(np.arange(n_runs), n_sizes)
    one = np.ones(1)
    made = by_size(x, y.ravel(), np.zeros(x.size, int), one, one, unit=unit)
    fit = estimate(LAW, Autoregressive().weigh(made))
    drawn = resample(fit, kind, 2000, (0,)).runs - fit.fitted()[:, :, None]
    drawn = np.take_along_axis(drawn, np.argsort(fit.sample.unit, axis=2), axis=2)
    variance = (drawn**2).mean()
    assert variance == pytest.approx(fit.scale[0][0], rel=0.05)
    step = np.log(sizes[1] / sizes[0])
    for apart in (1, 3):
        likeness = (drawn[:, apart:] * drawn[:, :-apart]).mean() / variance
        expected = fit.sample.errors.correlation[0] ** (apart * step)
        assert likeness == pytest.approx(expected, abs=0.02)
    if n_runs > 1:
        across = (drawn[:, :, 0] * drawn[:, :, 1]).mean() / variance
        assert across == pytest.approx(0, abs=0.02)
    for refused in ("wild", "case"):
        with pytest.raises(FitError, match=r"one run are alike.*say so: noise='gaussian'"):
            resample(fit, refused, 10, (0,))
        assert len(resample(estimate(LAW, Gaussian().weigh(made)), refused, 10, (0,))) == 10


def test_wild_errors_stay_at_their_run():
    one = fitted(variance="constant")
    again = resample(one, "wild", 50, (0,))
    size = np.abs(again.runs - one.fitted()[0][:, None])
    own = np.abs(one.sample.runs - one.fitted()[:, :, None]) * np.sqrt(18 / one.residual_df[0])
    assert size == pytest.approx(np.broadcast_to(own, size.shape), abs=1e-12)


def test_cases_are_rows_and_keep_enough_sizes():
    """A table without replicates: the rows drawn are rows of it, at three sizes or more."""
    one = fitted(seeds=1, sizes=SIZES[:4])
    again = resample(one, "case", 500, (0,))
    assert (again.n == 4).all()
    assert (again.n_sizes >= LAW.n_params).all()
    assert (again.n_sizes == 3).any()
    drawn = again.runs[np.isfinite(again.runs)]
    assert set(drawn) <= set(one.sample.runs.ravel())
    owner = np.broadcast_to(one.sample.runs, (500, 4, 1)) * np.ones_like(again.runs)
    assert (drawn == owner[np.isfinite(again.runs)]).all()


def test_draws_do_not_depend_on_the_order_of_rows():
    rng = np.random.default_rng(0)
    sizes, seeds = np.repeat(10.0 ** np.linspace(4, 7, 6), 12), np.tile(np.arange(12), 6)
    scores = 0.9 - 0.4 * (sizes / 1e4) ** -0.3 + 0.01 * rng.standard_normal(12)[seeds]
    scores = (scores + 0.004 * rng.standard_normal(72)).round(2)  # many are equal
    table = pd.DataFrame({"cells": sizes, "f1": scores, "seed": seeds})
    crossed = Gaussian(seeds="crossed")
    one, other = (
        sf.fit(rows, noise=crossed) for rows in (table, table.sample(frac=1.0, random_state=1))
    )
    for kind in ("cluster", "residual", "wild", "case"):
        found = [fit.gain(10, inference=Bootstrap(kind, 49)) for fit in (one, other)]
        assert found[0] == found[1], kind


def test_clusters_are_drawn_whole():
    one = fitted(seeds=12)
    again = resample(one, "cluster", 100, (0,))
    for g in range(100):
        at_each = [
            sorted(one.sample.unit[0, k][np.isin(one.sample.runs[0, k], row)].tolist())
            for k, row in enumerate(again.runs[g])
        ]
        assert all(seeds == at_each[0] for seeds in at_each)
    assert (again.n == 72).all()


def test_the_variance_function_is_estimated_again():
    one = fitted(seeds=6)
    assert one.sample.variance_slope_error[0] > 0
    again = resample(one, "residual", 100, (0,))
    assert np.unique(again.variance_slope).size == 100
    direct = Gaussian().weigh(again)
    assert (again.weight == direct.weight).all()
    constant = resample(fitted(variance="constant"), "residual", 100, (0,))
    assert (constant.weight == constant.count).all()


def test_with_runs_is_by_size():
    """The same numbers as a sample made of the same runs."""
    old, other = sample(variance="constant"), sample(seed=9, variance="constant")
    new = with_runs(old, other.runs)
    for name in ("mean", "count", "spread", "weight"):
        assert getattr(new, name) == pytest.approx(getattr(other, name), rel=1e-12)
    same = with_runs(old, np.full_like(old.runs, 0.1 + 0.2))
    assert (same.spread == 0).all()
    assert (same.mean == 0.1 + 0.2).all()


@pytest.mark.parametrize("kind", ["residual", "case", "cluster"])
def test_runs_take_seed_and_known_error_along(kind):
    """Scores that name their run, so that each drawn one can be asked whose seed it has."""
    seeds = 12
    known = sample(seeds=seeds)
    error = 0.01 + 0.001 * np.arange(known.runs.size).reshape(known.runs.shape)
    one = estimate(LAW, replace(known, run_error=error))
    again = resample(one, kind, 40, (0,))
    drawn = again.runs[np.isfinite(again.runs)]
    assert np.isfinite(again.run_error).sum() == drawn.size == (again.unit >= 0).sum()
    if kind == "residual":
        assert (again.unit == known.unit).all()
        return
    place = {score: at for at, score in np.ndenumerate(known.runs[0])}
    units = [known.unit[0][place[score]] for score in drawn]
    assert (again.unit[again.unit >= 0] % seeds == units).all()
    errors = [error[0][place[score]] for score in drawn]
    assert again.run_error[np.isfinite(again.run_error)] == pytest.approx(errors)
    for g in range(40):  # a run drawn twice is two runs, of two seeds
        at_size = [row[row >= 0] for row in again.unit[g]]
        pairs = [(k, unit) for k, row in enumerate(at_size) for unit in row]
        assert len(set(pairs)) == len(pairs)


def test_known_errors_can_be_drawn_again():
    """The error model is fitted again to each draw, with the errors of the runs that were drawn."""
    rng = np.random.default_rng(3)
    x = np.repeat(SIZES, 4)
    se = 0.01 * np.exp(rng.uniform(-0.7, 0.7, x.size))
    y = 0.9 - 0.3 * (x / 1e5) ** -0.5 + se * rng.standard_normal(x.size)
    fit = sf.fit({"cells": x, "accuracy": y, "error": se}, se="error")
    near = fit.gain(10)
    for kind in ("residual", "case"):
        found = fit.gain(10, inference=Bootstrap(kind, draws=199))
        assert found.upper - found.lower == pytest.approx(near.upper - near.lower, rel=0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_curve_has_the_same_draws_in_any_batch(kind):
    """Beside curves with fewer sizes, with more runs, and beside itself."""
    rng = np.random.default_rng(8)
    designs = [np.repeat(SIZES, 11), np.repeat(SIZES[:5], 12), np.repeat(SIZES, 14)]
    y = [0.9 - 0.3 * (x / 1e5) ** -0.5 + 0.01 * rng.standard_normal(x.size) for x in designs]
    group = np.repeat(np.arange(3), [x.size for x in designs])
    unit = [np.arange(x.size) % len(np.flatnonzero(x == x[0])) for x in designs]
    ones = np.ones(3)
    many = by_size(
        np.concatenate(designs), np.concatenate(y), group, ones, ones,
        unit=np.concatenate(unit),
    )  # fmt: skip
    several = estimate(LAW, Gaussian().weigh(many))
    ask = Bootstrap(kind, draws=99)
    together = ask(several.take([0, 1, 2, 1]), Gain(10), 0.9)
    for row, g in enumerate([0, 1, 2, 1]):
        alone = ask(several.take([g]), Gain(10), 0.9)[0]
        assert [together[row].lower, together[row].upper] == pytest.approx(
            [alone.lower, alone.upper], rel=1e-9
        )


def test_many_questions_cost_one_set_of_refits(monkeypatch):
    refitted = []

    def counted(law, drawn, like):
        refitted.append(len(drawn))
        return estimate(law, drawn, like)

    monkeypatch.setattr(module, "estimate", counted)
    one = fitted(curves=2)
    questions = [(Gain(10), 0.9), (Value(1e9), 0.95), (Parameter("exponent"), 0.5)]
    ask = Bootstrap(draws=99)
    together = ask_together(one, questions, ask)
    assert refitted == [198]
    for part, (estimand, level) in zip(together, questions, strict=True):
        alone = ask(one, estimand, level)
        assert part.lower == pytest.approx(alone.lower, rel=1e-12)
        assert part.upper == pytest.approx(alone.upper, rel=1e-12)


def test_blocks_do_not_matter(monkeypatch):
    four = fitted(curves=3).take([2, 0, 1, 0])
    whole = Bootstrap(draws=99)(four, Gain(10), 0.9)
    monkeypatch.setattr(module, "_BLOCK", 99 * 20)
    pieces = Bootstrap(draws=99)(four, Gain(10), 0.9)
    assert pieces.lower == pytest.approx(whole.lower, rel=1e-12)
    monkeypatch.setattr(module, "_AT_ONCE", 40)
    in_parts = Bootstrap(draws=99)(four, Gain(10), 0.9)
    assert in_parts.lower[1] == in_parts.lower[3]
    assert in_parts.lower == pytest.approx(whole.lower, abs=0.005)


@pytest.mark.parametrize(("law", "seconds"), [("saturating_power", 0.15), ("hill", 1.5)])
def test_speed(law, seconds):
    one = estimate(get_law(law), sample())
    took = []
    for _ in range(3):
        start = time.process_time()
        Bootstrap()(one, Gain(10))
        took.append(time.process_time() - start)
    assert min(took) < seconds


def test_an_unlimited_asymptote_is_open():
    """A log-linear truth: in many draws the curve has no limit at all."""
    z = np.log10(X / 1e5)
    rng = np.random.default_rng(0)
    y = 0.6 + 0.1 * z + 0.01 * rng.standard_normal(X.size)
    one = estimate(LAW, by_size(X, y, np.zeros(X.size, dtype=int), np.ones(1), np.ones(1)))
    found = Bootstrap(draws=199)(one, Parameter("asymptote"))[0]
    assert found.upper == np.inf
    assert np.isfinite(found.lower)
    assert str(found).startswith("above 1.")


def test_a_shape_on_its_bound_is_open():
    """All gain at the first step: draws end on the largest exponent, and say so."""
    y = np.where(np.arange(X.size) < 3, 0.5, 0.8)
    y = y + 0.01 * np.random.default_rng(1).standard_normal(X.size)
    one = estimate(LAW, by_size(X, y, np.zeros(X.size, dtype=int), np.ones(1), np.ones(1)))
    exponent = Bootstrap(draws=199)(one, Parameter("exponent"))[0]
    assert exponent.upper == np.inf
    assert np.isfinite(exponent.lower)
    share = Bootstrap(draws=199)(one, SizeReaching(0.5, "attainable"))[0]
    assert share.lower == -np.inf  # the size moves the other way
    assert np.isfinite(Bootstrap(draws=199)(one, Gain(10))[0].upper)


def test_a_flat_curve_has_no_exponent():
    found = Bootstrap(draws=199)(fitted(mean=0.7), Parameter("exponent"))[0]
    assert (found.lower, found.upper) == (-np.inf, np.inf)


@pytest.mark.parametrize("noise", [Student(), LogNormal(), Student(link="log")])
@pytest.mark.parametrize("kind", ["residual", "case", "wild"])
def test_likelihoods(kind, noise):
    """Runs are drawn on the scale of the residuals, and fitted under the same error model."""
    plain = sample(seeds=5, sigma=0.01)
    one = estimate(LAW, noise.weigh(plain))
    again = resample(one, kind, 99, (0,))
    assert again.kernel is not None
    assert (again.runs[np.isfinite(again.runs)] > 0).all()
    direct = noise.weigh(again)
    assert again.weight == pytest.approx(direct.weight, rel=1e-12)
    assert again.pure == pytest.approx(direct.pure, rel=1e-6)
    found = agreement(one, Gain(10), 0.9, Bootstrap(kind, draws=199))
    assert 0.5 < found.ratio[0] < 1.6
    with pytest.raises(FitError, match="draws normal errors"):
        Bootstrap("parametric")(one, Gain(10))


def test_log_errors_are_drawn_as_ratios():
    loss = sample(seeds=4, mean=0.5, sigma=0.05, variance="constant")
    one = estimate(get_law("constant"), LogNormal(variance="constant").weigh(loss))
    again = resample(one, "wild", 50, (0,))
    size = np.abs(np.log(again.runs / one.fitted()[0, 0]))
    own = np.abs(np.log(one.sample.runs / one.fitted()[0, 0])) * np.sqrt(24 / 23)
    assert size == pytest.approx(np.broadcast_to(own, size.shape), abs=1e-9)


def test_too_few_sizes_are_open():
    few = estimate(get_law("hill"), sample(sizes=SIZES[:4]))
    assert not few.applicable[0]
    found = Bootstrap(draws=99)(few, Gain(10), 0.9)[0]
    assert (found.lower, found.upper) == (-np.inf, np.inf)


@pytest.mark.parametrize("law", AUTO, ids=lambda law: law.name)
def test_every_law(law):
    one = estimate(law, sample())
    found, near = (ask(one, Value(1e7), 0.9)[0] for ask in (Bootstrap(draws=99), profile))
    assert [found.estimate] == pytest.approx([near.estimate], nan_ok=True)
    assert not found.lower > found.estimate
    assert not found.upper < found.estimate
    assert found.identified == bool(one.applicable[0])


def test_a_law_of_ones_own():
    law = sf.Law.from_function(
        "mine", lambda x, top, drop: top - drop * (x / 1e5) ** -0.5, {"top": 0.9, "drop": 0.3}
    )
    found = Bootstrap(draws=79)(estimate(law, sample(variance="constant")), Parameter("top"))[0]
    near = profile(estimate(law, sample(variance="constant")), Parameter("top"))[0]
    assert found.upper - found.lower == pytest.approx(near.upper - near.lower, rel=0.5)


def test_noise_free_tables_give_no_width():
    found = Bootstrap(draws=99)(fitted(sigma=0.0), Gain(10), 0.9)[0]
    assert found.upper - found.lower < 1e-9


def test_agreement_with_the_profile():
    found = agreement(
        fitted(curves=4, sigma=0.005, seed=3, seeds=5), Gain(10), bootstrap=Bootstrap()
    )
    assert ((found.ratio > 0.5) & (found.ratio < 1.3)).all()
    assert (found.disagree == ((found.ratio < 0.8) | (found.ratio > 1.25))).all()
    # A curve whose size means scatter more than its runs: the profile knows, residuals do not.
    bent = np.repeat([0.5, 0.72, 0.70, 0.79, 0.78, 0.85], 3)
    y = bent + 0.002 * np.random.default_rng(0).standard_normal(X.size)
    off = estimate(LAW, by_size(X, y, np.zeros(X.size, dtype=int), np.ones(1), np.ones(1)))
    assert agreement(off, Gain(10)).disagree[0]
    still = agreement(fitted(mean=0.7), Parameter("exponent"))
    assert np.isnan(still.ratio[0])
    assert not still.disagree[0]


def test_through_the_public_face(tmp_path):
    y = sample().runs.ravel()
    table = {"cells": X, "f1": y, "seed": np.tile(np.arange(3), 6)}
    fit = sf.fit(table, inference="bootstrap", rng=7, law="saturating_power")
    assert fit.gain(10).label == "95 % residual bootstrap of 999 draws, given saturating_power"
    assert fit.gain(10) == fit.gain(10, inference=sf.Bootstrap(rng=7))
    assert fit.gain(10) != fit.gain(10, inference=sf.Bootstrap(rng=8))
    assert "bootstrap" in fit.predict([1e8]).attrs["label"]
    other = sf.fit(table, inference=sf.Bootstrap("case", draws=199), law="saturating_power")
    assert "case bootstrap of 199 draws, union" in other.gain(10, inference="union").label
    assert other.saturation().gain == other.gain(10)
    low, high = other.params.loc["exponent", ["lower", "upper"]]
    exponent = other.ask(sf.Parameter("exponent"))
    assert (low, high) == (exponent.lower, exponent.upper)
    other.save(tmp_path / "fit.json")
    back = sf.load(tmp_path / "fit.json")
    assert back.settings == other.settings
    assert back.gain(10) == other.gain(10)
    sf.report(other, tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "percentile intervals of a case bootstrap of 199 draws (seed 0)" in text
    assert "sf.Bootstrap(kind='case', draws=199, rng=0)" in text


def test_the_seed():
    generator = np.random.default_rng(3)
    record = Bootstrap(rng=generator)
    assert isinstance(record.rng, int)
    assert record(fitted(), Gain(10)).lower == record(fitted(), Gain(10)).lower
    assert get_inference("bootstrap", 5) == Bootstrap(rng=5)
    with pytest.raises(ScalefitError, match="rng=-1"):
        Bootstrap(rng=-1)


@pytest.mark.parametrize("kind", ["within", "seeds", "basic"])
def test_bad_bootstraps_are_refused_with_the_reason(kind):
    with pytest.raises(FitError, match="cover"):
        Bootstrap(kind)


def test_errors():
    with pytest.raises(FitError, match="did you mean 'residual'"):
        Bootstrap("residuals")
    for draws in (0, 99.5, True):
        with pytest.raises(FitError, match="above 0"):
            Bootstrap(draws=draws)
    with pytest.raises(FitError, match="draws=19 cannot bound a 95 % interval; use draws=999"):
        Bootstrap(draws=19)(fitted(), Gain(10))
    with pytest.raises(FitError, match="average the scores of each cluster"):
        Bootstrap("cluster")(fitted(), Gain(10))
    nameless = replace(sample(), unit=np.arange(18).reshape(1, 6, 3))
    with pytest.raises(FitError, match="a column of seeds or runs"):
        Bootstrap("cluster")(estimate(LAW, nameless), Gain(10))
    means = estimate(LAW, replace(sample(), runs=np.zeros((1, 6, 0))))
    with pytest.raises(FitError, match="only their means"):
        Bootstrap("case")(means, Gain(10))
    assert np.isfinite(Bootstrap("parametric", 99)(means, Gain(10), 0.9)[0].upper)
    with pytest.raises(FitError, match="level"):
        Bootstrap()(fitted(), Gain(10), 95)
