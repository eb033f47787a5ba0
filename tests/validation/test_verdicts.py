"""Rows V1 to V5: how often the shipped verdict is wrong, and how often it decides."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import scalefit as sf
from scalefit.laws import AUTO
from scalefit.saturation import assess
from scalefit.selection import candidates

from .simulation import LARGE, SMALL, Design, Truth, errors_allowed, sample_of

REPLICATES = [150, pytest.param(4000, marks=pytest.mark.slow)]


def verdicts(mean, design, sigma, replicates, seed, margin=0.01, **options):
    """Return verdicts and strengths of the whole pipeline."""
    sample = sample_of(mean, design, sigma, replicates, seed, **options)
    found = assess(candidates(AUTO, sample), np.full(replicates, margin))
    return found.verdict, found.strength


def errors(replicates):
    return errors_allowed(replicates, 4000)


@pytest.mark.parametrize("replicates", REPLICATES)
@pytest.mark.parametrize("exponent", [0.0, 0.2, 0.5])
def test_v1_wrong_verdicts_when_the_gain_equals_the_margin(exponent, replicates, measured):
    cells = [(d, s, r) for d in (SMALL, LARGE) for s in (0.005, 0.02) for r in (1.0, 0.2, 5.0)]
    for k, (design, sigma, ratio) in enumerate(cells):
        truth = Truth(exponent, gap=0.05 if exponent == 0 else 0.3)
        verdict, _ = verdicts(
            truth.mean(design.sizes, design), design, sigma, replicates, 700 + k,
            margin=truth.gain(10, design), sd_ratio=ratio,
        )  # fmt: skip
        cell = f"{design.name}, a {exponent}, sigma {sigma}, SD ratio {ratio:g}"
        for name in ("saturated", "still_scaling"):
            wrong = verdict == name
            measured.rate("V1", cell, name, wrong, high=0.065, errors=errors(replicates))


@pytest.mark.parametrize("replicates", REPLICATES)
def test_v2_constant_truth(replicates, measured):
    for k, (design, sigma) in enumerate([(SMALL, 0.005), (SMALL, 0.02), (LARGE, 0.01)]):
        verdict, _ = verdicts(np.full(design.n_sizes, 0.8), design, sigma, replicates, 800 + k)
        wrong = (verdict == "saturated") | (verdict == "still_scaling")
        cell, what = f"{design.name}, sigma {sigma}", "saturated or still scaling"
        measured.rate("V2", cell, what, wrong, high=0.05, errors=errors(replicates))


@pytest.mark.parametrize("replicates", REPLICATES)
@pytest.mark.parametrize(
    ("design", "exponent", "sigma", "right", "bar"),
    [
        (SMALL, 1.0, 0.01, "saturated", 0.90),
        (SMALL, 1.0, 0.02, "saturated", 0.78),
        (SMALL, 0.2, 0.01, "still_scaling", 0.90),
        (SMALL, 0.2, 0.02, "still_scaling", 0.75),
        (LARGE, 1.0, 0.01, "saturated", 0.88),
        (LARGE, 0.5, 0.01, "saturated", 0.88),
        (LARGE, 0.2, 0.01, "still_scaling", 0.88),
    ],
    ids=str,
)
def test_v3_power(design: Design, exponent, sigma, right, bar, replicates, measured):
    truth = Truth(exponent)
    verdict, _ = verdicts(truth.mean(design.sizes, design), design, sigma, replicates, 900)
    cell, hits = f"{design.name}, a {exponent}, sigma {sigma}", verdict == right
    measured.rate("V3", cell, right, hits, bar, errors=errors(replicates))


def sigmoid(place):
    """A logistic curve in log size with its middle at ``place`` of the log range."""

    def mean(x, design):
        middle = np.log(design.sizes[0]) + place * np.log(10) * design.decades
        return 0.6 + 0.3 / (1 + np.exp(-1.5 * (np.log(x) - middle)))

    return mean


def exponential_rise(x, design):
    return 0.9 - 0.3 * np.exp(-x / (3 * design.sizes[0]))


def michaelis_menten(x, design):
    return 0.9 * x / (x + 2 * design.sizes[0])


def broken(before, after):
    """A log law whose slope per decade changes at the middle of the log range."""

    def mean(x, design):
        t = np.log10(x / design.sizes[0]) - 0.5 * design.decades
        return 0.7 + np.where(t < 0, before * t, after * t)

    return mean


def broken_power(before, after):
    """A power law towards .95 whose exponent changes smoothly at the middle (Caballero 2023)."""

    def mean(x, design):
        t = x / design.sizes[0]
        bend = 1 + (t / 10 ** (0.5 * design.decades)) ** 5.0
        return 0.95 - 0.35 * t**-before * bend ** (0.2 * (before - after))

    return mean


MISSPECIFIED = {
    "exponential": exponential_rise,
    "sigmoid mid": sigmoid(0.5),
    "sigmoid late": sigmoid(0.75),
    "Michaelis-Menten": michaelis_menten,
    "broken, flat after": broken(0.15, 0.0),
    "broken, slower after": broken(0.12, 0.03),
    "broken, faster after": broken(0.02, 0.12),
    # At and above the margin of .01: a straight end that nothing within the sizes calls an end.
    "broken, just above the margin after": broken(0.2, 0.0105),
    "broken, above the margin after": broken(0.2, 0.016),
    "broken power, slower after": broken_power(0.5, 0.1),
    "broken power, faster after": broken_power(0.1, 0.5),
}


@pytest.mark.parametrize("replicates", [20, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("truth", MISSPECIFIED)
def test_v4_firm_verdicts_on_other_truths(truth, replicates, measured):
    """A firm verdict is wrong if the truth's own gain lies on the other side of the margin."""
    mean = MISSPECIFIED[truth]
    cells = [(d, s) for d in (SMALL, LARGE) for s in (0.005, 0.01, 0.02)]
    if replicates < 1000:
        cells = [(SMALL, 0.005), (LARGE, 0.01)]
    for k, (design, sigma) in enumerate(cells):
        y = mean(design.sizes, design)
        ends = mean(design.sizes[-1] * np.array([1.0, 10.0]), design)
        gain, over = ends[1] - ends[0], y[-1] - y[0]
        verdict, strength = verdicts(y, design, sigma, replicates, 600 + k)
        wrong = (verdict == "saturated") & (gain > 0.01)
        wrong |= (verdict == "still_scaling") & (gain < 0.01)
        wrong |= (verdict == "no_scaling") & (over > 0.01)
        cell = f"{truth}, {design.name}, sigma {sigma}, gain {gain:.4f}"
        measured.rate("V4", cell, "decided", verdict != "inconclusive")
        measured.rate("V4", cell, "wrong", wrong)
        firm = wrong & (strength == "firm")
        measured.rate("V4", cell, "wrong and firm", firm, high=0.05, errors=3)


@pytest.mark.parametrize("replicates", REPLICATES)
def test_v5_the_published_rule_sees_saturation_where_there_is_none(replicates, measured):
    """A log law that gains .05 a decade for ever, on the published grid of sizes."""
    x = np.repeat(22.2e6 * np.array([1, 10, 25, 50, 75, 100]) / 100, 5)
    rng = np.random.default_rng(950)
    mean = 0.90 + 0.05 * np.log10(x / 22.2e6)
    y = mean + 0.02 * rng.standard_normal((replicates, x.size))
    frame = pd.DataFrame(
        {
            "table": np.repeat(np.arange(replicates), x.size),
            "cells": np.tile(x, replicates),
            "run": np.tile(np.arange(x.size), replicates),
            "f1": np.minimum(y.ravel(), 1.0),
        }
    )
    by_rule = sf.published_saturation(frame, by="table")["saturation_percent"].to_numpy()
    verdict = sf.fit(frame, by="table").saturation()["verdict"].to_numpy()
    cell, slack, wrong = "log law, 6x5", errors(replicates), verdict == "saturated"
    measured.rate("V5", cell, "rule says by 25 %", by_rule <= 25, 0.7, errors=slack)
    measured.rate("V5", cell, "verdict says saturated", wrong, high=0.01, errors=slack)
