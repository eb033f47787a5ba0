"""Rows T1 and T3: size of the scaling gate and of the pure-against-saturating test."""

from __future__ import annotations

import numpy as np
import pytest

from scalefit.estimate import estimate
from scalefit.gate import scaling_gate
from scalefit.laws import get_law
from scalefit.noise import Gaussian
from scalefit.selection import signed_root

from .simulation import LARGE, SMALL, Truth, rate, sample_of

REPLICATES = [1000, pytest.param(10_000, marks=pytest.mark.slow)]


def check(p, error, low, high, replicates, label):
    slack = 0.0 if replicates >= 10_000 else 3.0
    print(f"{label:50s} {p:.4f} +- {error:.4f}  [{low}, {high}]")
    assert low - slack * error <= p <= high + slack * error, label


@pytest.mark.parametrize("replicates", REPLICATES)
@pytest.mark.parametrize("design", [SMALL, LARGE], ids=lambda d: d.name)
def test_t1_gate_size(design, replicates):
    flat = np.full(design.n_sizes, 0.8)
    sample = sample_of(flat, design, 0.02, replicates, 1, noise=Gaussian("constant"))
    check(*rate(scaling_gate(sample).p <= 0.05), 0.043, 0.057, replicates, f"T1 {design.name}")
    for ratio in (0.2, 5.0):
        sample = sample_of(flat, design, 0.02, replicates, 2, sd_ratio=ratio)
        label = f"T1 {design.name} SD ratio {ratio}"
        check(*rate(scaling_gate(sample).p <= 0.05), 0.0, 0.065, replicates, label)


def test_gate_has_power():
    slope = 0.8 + 0.01 * np.log10(SMALL.sizes / SMALL.sizes[0])
    sample = sample_of(slope, SMALL, 0.01, 500, 3)
    p, error = rate(scaling_gate(sample).p <= 0.05)
    assert p > 0.7 - 3 * error


def plateau_test(exponent, design, sigma, replicates, seed):
    """Return p values when the truth is a pure power law towards 1."""
    truth = Truth(exponent, asymptote=1.0, gap=0.4)
    sample = sample_of(
        truth.mean(design.sizes, design), design, sigma, replicates, seed,
        noise=Gaussian("constant"),
    )  # fmt: skip
    null, wide = estimate(get_law("power"), sample), estimate(get_law("saturating_power"), sample)
    limit = wide.evaluate(wide.law.limit(wide.shapes(), sample.frame, np))
    return signed_root(null, wide, np.where(wide.flat, 0.0, np.sign(1.0 - limit)))[1]


@pytest.mark.parametrize("replicates", REPLICATES)
def test_t3_pure_against_saturating(replicates):
    """Low noise is included: there a coarse exponent grid would inflate the size."""
    cells = [(d, s, a) for d in (SMALL, LARGE) for s in (0.0005, 0.005, 0.02)
             for a in (0.06, 0.15, 0.4, 0.8)]  # fmt: skip
    for k, (design, sigma, exponent) in enumerate(cells):
        p = plateau_test(exponent, design, sigma, replicates, 40 + k)
        label = f"T3 {design.name} sigma {sigma} a {exponent}"
        check(*rate(p < 0.05), 0.038, 0.060, replicates, label)


def test_t3_rejects_a_real_plateau():
    truth = Truth(0.4, asymptote=0.9, gap=0.3)
    sample = sample_of(truth.mean(SMALL.sizes, SMALL), SMALL, 0.02, 500, 9)
    null, wide = estimate(get_law("power"), sample), estimate(get_law("saturating_power"), sample)
    limit = wide.evaluate(wide.law.limit(wide.shapes(), sample.frame, np))
    p = signed_root(null, wide, np.sign(1.0 - limit))[1]
    assert rate(p < 0.05)[0] > 0.45
