"""Rows N1, N6, N7, R1: exact recovery, agreement of two solvers, invariance, printed digits."""

from __future__ import annotations

import re

import numpy as np
import pytest

import scalefit as sf
from scalefit.certificate import certify
from scalefit.estimate import estimate
from scalefit.laws import AUTO, get_law
from scalefit.noise import Gaussian
from scalefit.sample import by_size


def one_law_sample(law, rng, n_curves, noise=0.0):
    """Return curves drawn from a law at random shapes inside its bounds, with their shapes."""
    n_sizes = 8
    x = np.sort(10 ** rng.uniform(4, 7, (n_curves, n_sizes)), axis=1)
    x[:, 0], x[:, -1] = 1e4, 1e7
    group = np.repeat(np.arange(n_curves), n_sizes)
    ones = np.ones(n_curves)
    empty = by_size(x.ravel(), np.zeros(x.size), group, ones, ones)
    theta = []
    for shape in law.shapes:
        low, high = (shape.coordinate.to_u(b) for b in shape.bounds(empty.frame))
        theta.append(
            shape.coordinate.to_theta(low + rng.uniform(0.34, 0.66, n_curves) * (high - low))
        )
    columns = law.columns(empty.z, tuple(t[:, None] for t in theta), empty.frame.expand(1), np)
    y = np.zeros(x.shape) + law.offset(empty.z, (), empty.frame.expand(1), np)
    for j, column in enumerate(columns):
        last = j == len(columns) - 1
        spread = np.broadcast_to(column, x.shape).max(axis=1) - np.broadcast_to(
            column, x.shape
        ).min(axis=1)
        size = rng.uniform(0.1, 0.4, n_curves) / np.where(last & (spread > 0), spread, 1.0)
        y = y + size[:, None] * column
    y = y + noise * rng.standard_normal(y.shape)
    return by_size(x.ravel(), y.ravel(), group, ones, ones), np.stack([*theta, ones])[:-1].T


@pytest.mark.parametrize("law", AUTO, ids=lambda law: law.name)
def test_n1_noise_free_recovery(law, measured):
    sample, theta = one_law_sample(law, np.random.default_rng(11), 200)
    found = estimate(law, sample)
    off = {"of fitted scores": np.abs(found.fitted() - sample.mean).max()}
    if law.shapes:
        error = np.abs(found.theta - theta) / np.maximum(np.abs(theta), 0.1)
        off["of a shape, relative"] = error.max()
    for what, error in off.items():
        bar = 1e-8 if law.name == "hill" else 1e-10
        measured("N1", law.name, f"worst error {what}", error, replicates=200, high=bar)


def random_tables(rng, n_curves):
    """Return 6-size tables of every kind: steep, slow, flat, falling, late, constant, noiseless."""
    x = 1e5 * 10 ** np.linspace(0, 2, 6)
    kind = rng.integers(0, 6, n_curves)
    a = 10 ** rng.uniform(-2, 0.5, n_curves)
    t = x / x[0]
    mean = np.where(
        (kind < 3)[:, None],
        0.9 - 0.3 * t ** -a[:, None],
        np.where(
            (kind == 3)[:, None],
            0.8,
            np.where(
                (kind == 4)[:, None],
                0.9 - 0.05 * np.log10(t) * rng.uniform(0, 1, (n_curves, 1)),
                0.5 + 0.3 / (1 + (10.0 / t) ** rng.uniform(1, 4, (n_curves, 1))),
            ),
        ),
    )
    sigma = 10 ** rng.uniform(-5, -1.3, n_curves)
    sigma[::50] = 0.0
    y = mean[:, :, None] + sigma[:, None, None] * rng.standard_normal((n_curves, 6, 3))
    xs = np.broadcast_to(x[:, None], (6, 3)).ravel()
    group = np.repeat(np.arange(n_curves), 18)
    ones = np.ones(n_curves)
    return Gaussian().weigh(by_size(np.tile(xs, n_curves), y.ravel(), group, ones, ones))


@pytest.mark.parametrize("n_curves", [60, pytest.param(10_000, marks=pytest.mark.slow)])
def test_n6_two_solvers_agree(n_curves, measured):
    sample = random_tables(np.random.default_rng(12), n_curves)
    for law in AUTO:
        found = estimate(law, sample)
        assert np.isfinite(found.solution.rss).all()
        assert np.isfinite(found.coefficients).all()
        gaps = np.array([certify(found.take([g])).second_solver for g in range(n_curves)])
        measured.rate("N6", law.name, "second solver better", gaps < -1e-10, high=0.001)


def table(rng):
    x = np.repeat(1e5 * 10 ** np.linspace(0, 2, 6), 3)
    y = 0.9 - 0.3 * (x / 1e5) ** -0.4 + 0.01 * rng.standard_normal(x.size)
    return x, y


def answers(x, y, **options):
    found = sf.fit({"cells": x, "value": y}, score="value", **options)
    gain, law = found.gain(10), found.law.name
    size = found.ask(sf.SizeReaching(0.9))
    p = found.saturation(margin=0.01 * options.pop("unit", 1.0)).tests.p.to_numpy()
    return law, np.array([gain.estimate, gain.lower, gain.upper]), np.array(
        [size.estimate, size.lower, size.upper]
    ), p  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_n7_invariance(seed, measured):
    rng = np.random.default_rng(seed)
    x, y = table(rng)
    options = {"better": "higher", "bounds": (0.0, 1.0)}
    law, gain, size, p = answers(x, y, **options)

    def hold(what, one, same, bar=1e-9):
        open_ends = ~np.isfinite(same)
        assert (one[open_ends] == same[open_ends]).all()
        apart = np.abs(one - same)[~open_ends] / np.abs(same[~open_ends])
        measured("N7", f"table {seed}, {what}", "apart, relative", apart.max(), high=bar)

    for factor in (1e-9, 1e9):
        other = answers(x * factor, y, **options)
        assert other[0] == law
        same = np.r_[other[1], other[2] / factor, other[3]]
        hold(f"driver times {factor:g}", same, np.r_[gain, size, p])
    order = rng.permutation(x.size)
    other = answers(x[order], y[order], **options)
    hold("order of rows", np.r_[other[1], other[2]], np.r_[gain, size])
    flipped = answers(x, 1.0 - y, better="lower", bounds=(0.0, 1.0))
    assert flipped[0] == law
    hold("direction", np.r_[flipped[1], flipped[2]], np.r_[gain, size])
    stretched = answers(x, 5.0 + 100.0 * y, better="higher", bounds=(5.0, 105.0))
    hold("affine score", np.r_[stretched[1] / 100.0, stretched[2]], np.r_[gain, size], 1e-8)


@pytest.mark.parametrize("law", [law.name for law in AUTO])
@pytest.mark.parametrize("better", ["higher", "lower"])
def test_r1_printed_curve_predicts_as_well(law, better, measured):
    rng, apart = np.random.default_rng(5), []
    for _ in range(20):
        x, y = table(rng)
        y = y if better == "higher" else 3.0 - y
        found = sf.fit({"cells": x, "value": y}, score="value", law=law, better=better)
        formula, rest = found.curve.split(", x = ")
        values = {k: float(v) for k, v in re.findall(r"(\w+) = ([^,\s]+)", rest)}
        printed = eval(  # our own printed formula, in an empty namespace
            formula.split(" = ", 1)[1], {"__builtins__": {}},
            {"x": x, "log": np.log, "exp": np.exp, **values},
        )  # fmt: skip
        mean = found.estimate.fitted()[0].repeat(3)
        exact, again = np.sum((y - mean) ** 2), np.sum((y - printed) ** 2)
        apart.append(abs(again - exact) / max(exact, again))
    cell, what = f"{law}, {better} is better", "objective apart, relative"
    measured("R1", cell, what, max(apart), replicates=20, high=1e-6)


def test_r1_rounding_to_field_conventions_would_fail():
    """Three digits of the field's parameters, as papers print them, change the objective."""
    x, y = table(np.random.default_rng(6))
    found = sf.fit({"cells": x, "value": y}, score="value", law="saturating_power", better="higher")
    values = {name: float(f"{v:.2g}") for name, v in found.params["estimate"].items()}
    rounded = get_law("saturating_power").mean(x, values)
    mean = found.estimate.fitted()[0].repeat(3)
    assert np.sum((y - rounded) ** 2) > (1 + 1e-3) * np.sum((y - mean) ** 2)
