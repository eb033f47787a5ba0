"""The laws that are fitted only if asked for: global optimum, gates, forecasts past a break."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import least_squares
from scipy.special import stdtrit

import scalefit as sf
from scalefit.estimands import Gain, ObservedGain, SizeReaching, Value
from scalefit.estimate import estimate
from scalefit.inference import ask_together, profile, wald
from scalefit.inference.zoom import Scan
from scalefit.laws import AUTO, LAWS, get_law
from scalefit.laws.bend import sigmoid, softplus, unbend
from scalefit.sample import by_size
from scalefit.selection import candidates
from scalefit.solvers.separable import Problem

from .walk import walked_ends

SHARED = Path(os.environ.get("SCALEFIT_SHARED", Path(__file__).parents[2] / "shared")) / "data"
OPT_IN = [law for law in LAWS if law not in AUTO]
every_opt_in = pytest.mark.parametrize("law", OPT_IN, ids=lambda law: law.name)
SIZES = 10 ** np.linspace(3, 8, 16)


def one_run_each(y, x=SIZES):
    """Return the sample of curves ``(G, K)`` at the same sizes."""
    y = np.atleast_2d(y)
    n = len(y)
    ones = np.ones(n)
    return by_size(np.tile(x, n), y.ravel(), np.repeat(np.arange(n), len(x)), ones, ones)


def random_tables(rng, n_curves):
    """Return curves of every kind: power, sigmoid, straight, hinged, flat, broken, with noise."""
    t = SIZES / SIZES[0]
    curves = []
    for kind in rng.integers(0, 6, n_curves):
        share, place = np.log10(t) / 5, rng.uniform(1.0, 4.0)
        sigmoid_curve = 0.2 + 0.6 / (1 + (10**place / t) ** rng.uniform(0.3, 2))
        hinge = np.minimum(share, place / 5) + rng.uniform(0, 8) * np.maximum(share - place / 5, 0)
        width = 10 ** rng.uniform(-1, 0.3)
        bend = (1 + (t / 10**place) ** (1 / width)) ** (-rng.uniform(0, 1) * width)
        mean = (
            0.9 - 0.4 * t ** -(10 ** rng.uniform(-1, 0)),
            sigmoid_curve,
            0.3 + 0.4 * share,
            0.3 + 0.1 * hinge,
            np.full(t.size, 0.5),
            0.9 - 0.5 * t ** -rng.uniform(0, 0.3) * bend,
        )[kind]
        curves.append(mean + 10 ** rng.uniform(-4, -1.5) * rng.standard_normal(t.size))
    return one_run_each(curves)


def multi_start(law, sample, g, n_starts, rng):
    """Return the least misfit that a trust-region solver finds from random starts in the box."""
    frame, z, y = sample.frame.row(g), sample.z[g], sample.benefit[g]
    box = [[float(s.coordinate.to_u(np.asarray(b))) for b in s.bounds(frame)] for s in law.shapes]
    low, high = np.array(box).T

    def residual(u):
        theta = tuple(s.coordinate.to_theta(v) for s, v in zip(law.shapes, u, strict=True))
        columns = law.columns(z, theta, frame, np)
        design = np.stack([np.broadcast_to(c, z.shape) for c in columns], axis=1)
        design = design / np.linalg.norm(design, axis=0)
        solved = np.linalg.lstsq(design, y, rcond=1e-14)[0]
        gap = y - design @ solved
        return (y - y.mean() if law.rising and solved[-1] < 0 else gap) / np.std(y)

    best = np.inf
    for _ in range(n_starts):
        start = low + rng.uniform(0.02, 0.98, low.size) * (high - low)
        end = least_squares(
            residual, start, bounds=(low, high), jac="3-point",
            ftol=1e-14, xtol=1e-14, gtol=1e-14, max_nfev=300,
        )  # fmt: skip
        best = min(best, 2.0 * end.cost * np.var(y))
    return best


@every_opt_in
@pytest.mark.parametrize(
    ("n_curves", "n_starts"), [(5, 6), pytest.param(200, 64, marks=pytest.mark.slow)]
)
def test_the_optimum_is_global(law, n_curves, n_starts):
    rng = np.random.default_rng(31)
    sample = random_tables(rng, n_curves)
    found = estimate(law, sample).solution.rss
    theirs = np.array([multi_start(law, sample, g, n_starts, rng) for g in range(n_curves)])
    excess = found / theirs - 1.0
    assert (excess <= 1e-8).all(), f"excess {excess.max():.1e}"


TRUTH = {
    "shifted_power": (
        {"asymptote": 0.9, "coefficient": 30.0, "exponent": 0.5, "shift": 5e3}, 8, 1e-8,
    ),
    "power_log": (
        {"level": 0.6, "coefficient": 30.0, "exponent": 0.6, "slope": 0.01}, 8, 1e-8,
    ),
    "m4": (
        {"lower": 0.2, "upper": 0.9, "exponent": 0.6, "half_size": 3e5, "asymmetry": 2.0}, 8, 1e-6,
    ),
    "broken_stick": (
        {"level": 0.5, "early_slope": 0.05, "late_slope": 0.01, "break_size": 2e5}, 8, 1e-8,
    ),
    "broken_power": (
        {"asymptote": 0.9, "coefficient": 1.0, "exponent": 0.1, "late_exponent": 0.6,
         "break_size": 1e5, "smoothness": 0.8}, 6, 1e-6,
    ),
    "broken_power_2": (
        {"asymptote": 0.9, "coefficient": 1.0, "exponent": 0.05, "middle_exponent": 0.6,
         "late_exponent": 0.2, "break_size_1": 3e4, "break_size_2": 3e6, "smoothness": 0.8},
        6, 1e-4,
    ),
}  # fmt: skip


@every_opt_in
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_recovers_its_parameters_without_noise(law, sign):
    values, _, tolerance = TRUTH[law.name]
    if law.name in ("broken_stick", "power_log"):
        values = {k: sign * v if "slope" in k else v for k, v in values.items()}
    mean = law.mean(SIZES, values, sign=sign)
    n = np.zeros(SIZES.size, int)
    found = estimate(law, by_size(SIZES, mean, n, np.array([sign]), np.array([np.nan])))
    for name, value in values.items():
        terms = law.parameter(name).terms(found.shapes(), found.sample.frame, np)
        assert found.evaluate(terms)[0] == pytest.approx(value, rel=tolerance), name


def test_m4_solves_its_own_equation_and_holds_hill():
    law, values = get_law("m4"), TRUTH["m4"][0]
    y = law.mean(SIZES, values)
    left = (values["upper"] - y) / (y - values["lower"]) ** values["asymmetry"]
    slope = np.diff(np.log(left)) / np.diff(np.log(SIZES))
    np.testing.assert_allclose(slope, -values["exponent"], rtol=1e-11)
    plain = {**values, "asymmetry": 1.0}
    hill = get_law("hill").mean(SIZES, {**plain, "slope": plain["exponent"]})
    np.testing.assert_allclose(law.mean(SIZES, plain), hill, rtol=1e-13)


def test_bends_are_inverted_to_the_last_digits():
    t = np.linspace(-60, 60, 2001)
    for left in (0.1, 0.5, 1.0, 3.0, 10.0):
        v = left * t + (1 - left) * softplus(t, np)
        np.testing.assert_allclose(unbend(v, left, 1.0, np), t, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(sigmoid(t, np) + sigmoid(-t, np), 1.0, rtol=1e-15)


def test_laws_contain_what_they_extend():
    x = np.array([1e4, 1e5, 1e6])
    plain = {"asymptote": 0.9, "coefficient": 2.0, "exponent": 0.3}
    expected = get_law("saturating_power").mean(x, plain)
    shifted = get_law("shifted_power").mean(x, {**plain, "shift": 0.0})
    unbroken = {**plain, "late_exponent": 0.3, "break_size": 1e5, "smoothness": 1.0}
    np.testing.assert_allclose(shifted, expected, rtol=1e-13)
    np.testing.assert_allclose(get_law("broken_power").mean(x, unbroken), expected, rtol=1e-13)


@pytest.mark.parametrize("name", ["m4", "broken_power", "broken_power_2"])
def test_no_random_search_goes_further_than_a_profile(name):
    """A random walk over the compatible shapes must stay inside the interval."""
    law = get_law(name)
    sample = random_tables(np.random.default_rng(5), 4)
    fitted = estimate(law, sample)
    variance, df = fitted.scale
    cut = fitted.solution.rss + variance * stdtrit(df, 0.975) ** 2
    data = (sample.z, sample.benefit, sample.weight, sample.frame)
    problem = Problem.pose(law, *data, rising=False)
    for question in (Gain(10), ObservedGain(), Value(1e5)):
        found = profile(fitted, question, 0.95)
        scan = Scan(problem, sample.frame.expand(1), question, cut, law.rising)
        least, most = walked_ends(scan, fitted.solution.u, walkers=100, rounds=250)
        slack = 0.01 * (most - least)
        assert (found.lower <= least + slack).all(), question.label
        assert (found.upper >= most - slack).all(), question.label


def test_a_curve_in_a_batch_has_the_interval_it_has_alone():
    law = get_law("broken_power")
    sample = random_tables(np.random.default_rng(7), 3)
    fitted = estimate(law, sample)
    both = ask_together(fitted, [(ObservedGain(), 0.9), (Gain(3), 0.9)], profile)
    for g in range(3):
        for question, together in zip((ObservedGain(), Gain(3)), both, strict=True):
            alone = profile(fitted.take([g]), question, 0.9)
            assert alone.lower[0] == pytest.approx(together.lower[g], rel=1e-9)
            assert alone.upper[0] == pytest.approx(together.upper[g], rel=1e-9)


def test_auto_leaves_them_out_and_names_find_them():
    table = {"cells": SIZES, "accuracy": 0.9 - 0.4 * (SIZES / 1e3) ** -0.3}
    noise = 0.002 * np.random.default_rng(8).standard_normal(SIZES.size)
    table["accuracy"] = table["accuracy"] + noise
    fitted = sf.fit(table)
    assert set(fitted.laws["law"]) == {law.name for law in AUTO}
    spanning = fitted.candidates.spanning()
    asked = {e.law.name for e in spanning.estimates} & {law.name for law in OPT_IN}
    assert asked == {"power_log"}, "form-robust intervals allow for slow growth, and for no break"
    beside = sf.fit(table, law=["saturating_power", "shifted_power"])
    assert beside.law.name == "saturating_power"
    assert sf.laws().loc["broken_power", ["min_sizes", "min_decades"]].tolist() == [10, 3.0]
    assert sf.laws().loc["hill", "min_sizes"] == 5


@every_opt_in
def test_below_its_gate_a_law_gives_no_number(law):
    x = np.repeat(10 ** np.linspace(3, 5, law.min_sizes - 1), 2)
    noise = 0.01 * np.random.default_rng(9).standard_normal(x.size)
    table = {"cells": x, "accuracy": 0.8 - 0.3 * (x / 1e3) ** -0.4 + noise}
    fitted = sf.fit(table, law=law.name)
    assert fitted.laws["status"].tolist() == ["too few sizes"]
    assert fitted.params["estimate"].isna().all()
    assert fitted.params["caution"].str.contains(f"{law.name} needs {law.min_sizes} ").all()
    assert np.isnan(fitted.gain(10).estimate)
    assert np.isnan(fitted.predict([2e4])["estimate"]).all()
    assert np.isnan(wald(fitted.estimate, Gain(10), 0.95).estimate[0])
    finding = fitted.diagnostics.set_index("code").loc["below_gate"]
    assert finding["severity"] == "refuse"
    found = fitted.saturation()
    assert found.verdict == "inconclusive"
    assert "needs more sizes" in found.reason


def test_narrow_sizes_are_below_the_gate_too():
    x = 10 ** np.linspace(3, 5, 12)
    narrow = one_run_each(0.8 - 0.3 * (x / 1e3) ** -0.4, x)
    many = candidates([get_law("saturating_power"), get_law("broken_power")], narrow)
    status = many.table(0).set_index("law")["status"]
    assert status["broken_power"] == "too narrow"
    assert many.law(0).name == "saturating_power"


def test_a_forecast_needs_sizes_beyond_the_break():
    law = get_law("broken_stick")
    z = np.log(SIZES)
    noise = 0.001 * np.random.default_rng(10).standard_normal((2, SIZES.size))
    places = [(z[7] + z[8]) / 2, (z[13] + z[14]) / 2]  # eight and two sizes beyond the break
    curves = [0.05 * np.minimum(z - p, 0) + 0.01 * np.maximum(z - p, 0) for p in places]
    fitted = estimate(law, one_run_each(0.5 + np.array(curves) + noise))
    for inference in (profile, wald):
        gain = inference(fitted, Gain(10), 0.95)
        np.testing.assert_allclose(gain.estimate[0], 0.01 * np.log(10), rtol=0.2)
        assert np.isfinite([gain.lower[0], gain.upper[0]]).all()
        assert np.isnan(gain.estimate[1])
        assert np.isinf([gain.lower[1], gain.upper[1]]).all()
        inside = inference(fitted, ObservedGain(), 0.95)
        assert np.isfinite(inside.upper - inside.lower).all()
        share = ask_together(fitted, [(SizeReaching(0.9), 0.95)], inference)[0]
        assert ((SIZES[0] < share.estimate) & (share.estimate < SIZES[-1])).all()
        assert np.isfinite(share.upper - share.lower).all()


def test_an_end_that_rests_on_a_late_break_is_open():
    """The best break has sizes beyond it, but the noise allows one that has too few."""
    z = np.log(SIZES)
    noise = 0.08 * np.random.default_rng(1).standard_normal(SIZES.size)
    curve = 0.05 * np.minimum(z - z[9], 0) + 0.02 * np.maximum(z - z[9], 0)
    fitted = estimate(get_law("broken_stick"), one_run_each(curve + noise))
    gain = profile(fitted, Gain(10), 0.95)
    assert np.isfinite(gain.estimate[0])
    assert np.isinf([gain.lower[0], gain.upper[0]]).all()
    inside = profile(fitted, ObservedGain(), 0.95)
    assert np.isfinite([inside.lower[0], inside.upper[0]]).all()


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real tables are not here")
@every_opt_in
def test_real_curves_through_the_public_face(law):
    runs = pd.read_csv(SHARED / "lcdb_learning_curves_dev.csv")
    sizes = runs.groupby(["dataset", "model"])["size_train"].nunique().sort_values()
    dataset, model = sizes.index[-1]
    table = runs[(runs["dataset"] == dataset) & (runs["model"] == model)]
    fitted = sf.fit(table, score="score", drivers="size_train", law=law.name, better="higher")
    observed = fitted.ask(sf.ObservedGain())
    gain = fitted.gain(10)
    inside = fitted.estimate.within_gate[0]
    assert observed.identified == inside
    assert gain.lower <= gain.upper
    assert fitted.curve
