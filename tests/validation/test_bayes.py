"""Posteriors: calibration under the prior, coverage over fixed truths, samplers against quadrature.

The full run is made with ``-m slow``; every test prints what it measured with its Monte-Carlo
error.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from scalefit.bayes import Bayes
from scalefit.bayes.collapsed import collapsed_draws, quadrature
from scalefit.bayes.expected import at_sizes, to_coefficients, values_of
from scalefit.bayes.pooled import partially_pooled
from scalefit.bayes.priors import priors_for
from scalefit.draws import drawn_values
from scalefit.estimands import Gain, MarginalGain, ObservedGain, Parameter, Value
from scalefit.estimate import estimate
from scalefit.inference import Posterior
from scalefit.laws import get_law
from scalefit.noise import Gaussian
from scalefit.sample import by_size

from .simulation import SMALL, Truth, rate, sample_of

LAW = get_law("saturating_power")
QUESTIONS = {
    "top": Value(float(SMALL.sizes[-1])),
    "score at 10x": Value(10.0 * float(SMALL.sizes[-1])),
    "score at 100x": Value(100.0 * float(SMALL.sizes[-1])),
    "gain at 10x": Gain(10.0),
    "next doubling": MarginalGain(),
    "observed gain": ObservedGain(),
    "exponent": Parameter("exponent"),
}


def bounded(sample):
    """Return the sample of a metric that lives between 0 and 1."""
    return replace(sample, score_range=np.tile([0.0, 1.0], (len(sample), 1)))


def tables_from_prior(replicates, seed, seeds=3):
    """Return tables whose parameters are drawn from the priors, with these parameters."""
    rng = np.random.default_rng(seed)
    design = SMALL
    shape = sample_of(np.linspace(0.5, 0.8, 6), design, 0.02, replicates, seed)
    priors = priors_for(LAW, bounded(shape))

    def of(prior):
        return prior.quantile(rng.random((replicates, 1)))

    theta = of(priors.shapes[0])[:, :, None]
    expected = np.stack([of(priors.top), of(priors.gain)], axis=-1)
    log_scale, slope = np.log(of(priors.noise["noise"])), of(priors.noise["noise_slope"])
    coefficients = to_coefficients(LAW, theta, expected, shape.frame)
    columns, base = at_sizes(LAW, shape.z, theta, shape.frame)
    mean = (base + np.einsum("gmkp,gmp->gmk", columns, coefficients))[:, 0]
    sd = np.exp(log_scale + 0.5 * slope * shape.z)
    y = mean[:, :, None] + sd[:, :, None] * rng.standard_normal((*mean.shape, seeds))
    x = np.repeat(np.broadcast_to(design.sizes, mean.shape)[:, :, None], seeds, axis=2)
    group = np.repeat(np.arange(replicates), mean.shape[1] * seeds)
    ones = np.ones(replicates)
    sample = Gaussian().weigh(by_size(x.ravel(), y.ravel(), group, ones, ones))
    truth = {"noise": log_scale[:, 0], "noise slope": slope[:, 0]}
    for name, question in QUESTIONS.items():
        truth[name] = drawn_values(LAW, question, theta, coefficients, shape.frame)[:, 0]
    truth["asymptote"] = drawn_values(
        LAW, Parameter("asymptote"), theta, coefficients, shape.frame
    )[:, 0]
    return bounded(sample), truth


def ranks_of(sample, truth, given, draws=399, seed=0):
    """Return the share of draws below the truth, per quantity, and the worst k-hat."""
    fitted = estimate(LAW, sample)
    found = collapsed_draws(fitted, priors_for(LAW, sample, given), draws, seed)
    values = {"noise": np.log(found.noise["noise"]), "noise slope": found.noise["noise_slope"]}
    frame = sample.frame
    for name, question in QUESTIONS.items():
        values[name] = drawn_values(LAW, question, found.theta, found.coefficients, frame)
    ranks = {name: (v < truth[name][:, None]).mean(axis=1) for name, v in values.items()}
    # The asymptote is a number where the exponent is above 0: rank it among such draws.
    v = drawn_values(LAW, Parameter("asymptote"), found.theta, found.coefficients, frame)
    levels = np.isfinite(v)
    usable = np.isfinite(truth["asymptote"]) & (levels.sum(axis=1) >= 50)
    below = (np.where(levels, v, np.inf) < truth["asymptote"][:, None]).sum(axis=1)
    ranks["asymptote, if there is one"] = (below / np.maximum(levels.sum(axis=1), 1))[usable]
    return ranks, found.khat


@pytest.mark.parametrize(
    "replicates", [150, pytest.param(1000, marks=pytest.mark.slow)], ids=["fast", "full"]
)
def test_ranks_of_the_truth_are_uniform_under_the_prior(replicates):
    """Simulation-based calibration (Talts et al. 2018, arXiv:1804.06788)."""
    sample, truth = tables_from_prior(replicates, 11)
    ranks, khat = ranks_of(sample, truth, None)
    p = {name: kstest(np.clip(r, 0, 1), "uniform").pvalue for name, r in ranks.items()}
    print({k: round(float(v), 3) for k, v in p.items()}, "k-hat above 0.7:", (khat > 0.7).mean())
    assert min(p.values()) > 0.05 / len(p)
    assert (khat > 0.7).mean() <= 0.005  # these would go to chains


def test_ranks_betray_a_wrong_prior():
    sample, truth = tables_from_prior(150, 11)
    ranks, _ = ranks_of(sample, truth, {"exponent": "normal(1.5, 0.3)"})
    assert kstest(ranks["gain at 10x"], "uniform").pvalue < 1e-6


COVERAGE = {0.0: 0.0, 0.06: 0.06, 0.1: 0.1, 0.2: 0.2, 0.5: 0.5, 1.0: 1.0, 2.0: 2.0}


@pytest.mark.parametrize(
    ("exponent", "replicates"),
    [
        (0.0, 120),
        (0.5, 120),
        *(pytest.param(a, 2000, marks=pytest.mark.slow) for a in COVERAGE),
    ],
)
def test_intervals_cover_fixed_truths(exponent, replicates):
    gap = 0.05 if exponent == 0 else 0.3
    truth = Truth(exponent, gap=gap)
    design = SMALL
    sample = bounded(
        sample_of(
            truth.mean(design.sizes, design), design, 0.02, replicates, 100 + int(100 * exponent)
        )
    )
    fitted = estimate(LAW, sample)
    draws = Bayes(draws=250).draw(fitted, 1)
    fitted = replace(fitted, draws=draws)
    last = design.sizes[-1]
    asked = {
        "score at 10x": (Value(10 * last), float(truth.mean(10 * last, design))),
        "score at 100x": (Value(100 * last), float(truth.mean(100 * last, design))),
        "gain at 10x": (Gain(10.0), truth.gain(10.0, design)),
    }
    for name, (question, value) in asked.items():
        found = Posterior(draws=1000)(fitted, question, 0.95)
        p, error = rate((found.lower <= value) & (value <= found.upper))
        print(f"exponent {exponent:g}, {name}: {p:.3f} +- {error:.3f}")
        assert 0.93 - 4 * error <= p <= 0.98 + 4 * error


def brute_evidence(sample, priors, nodes):
    """Return the log evidence of one curve from the joint normal density of all its runs."""
    y = sample.runs[0].ravel()
    z = np.repeat(sample.z[0], sample.runs.shape[2])
    a = np.linspace(priors.shapes[0].lower[0], priors.shapes[0].upper[0], nodes[0])
    log_s, gam = np.linspace(-5.2, -2.6, nodes[1]), np.linspace(-2.0, 2.0, nodes[2])
    columns, _ = at_sizes(LAW, z[None], a[None, :, None], sample.frame)
    matrix, _ = values_of(LAW, a[None, None, :], sample.frame)
    scale = np.array([priors.top.scale[0], priors.gain.scale[0]])
    mean = np.array([priors.top.location[0], 0.0])
    log = np.empty(nodes)
    s, g = np.meshgrid(log_s, gam, indexing="ij")
    noise = np.exp(2 * s[..., None] + g[..., None] * z)
    for i in range(nodes[0]):
        design = columns[0, i] @ np.linalg.inv(matrix[0, :, :, i])
        covariance = noise[..., None] * np.eye(z.size) + (design * scale**2) @ design.T
        gap = y - design @ mean
        solved = np.linalg.solve(covariance, np.broadcast_to(gap, noise.shape)[..., None])[..., 0]
        log_det = np.linalg.slogdet(covariance)[1]
        log[i] = -0.5 * (solved @ gap + log_det + z.size * np.log(2 * np.pi))
    log += priors.shapes[0].log_density(a[None])[0][:, None, None]
    log += (-0.5 * (log_s - priors.noise["noise"].location[0]) ** 2 - 0.5 * np.log(2 * np.pi))[
        None, :, None
    ]
    log += priors.noise["noise_slope"].log_density(gam[None])[0][None, None]
    total = np.exp(log - log.max())
    for axis, points in ((2, gam), (1, log_s), (0, a)):
        total = np.trapezoid(total, points, axis=axis)
    return float(log.max() + np.log(total))


def test_evidence_agrees_with_the_joint_density_of_all_runs():
    """An independent sum over (exponent, scale, slope) of the density of the 18 runs as one."""
    sample = bounded(sample_of(Truth(0.4).mean(SMALL.sizes, SMALL), SMALL, 0.02, 1, 5))
    priors = priors_for(LAW, sample)
    fast = float(quadrature(estimate(LAW, sample), priors)[1].evidence[0])
    slow = brute_evidence(sample, priors, (61, 31, 21))
    print(fast, slow)
    assert fast == pytest.approx(slow, abs=2e-3)


@pytest.mark.parametrize("law", ["log_linear", "power", "saturating_power", "exponential"])
def test_evidence_does_not_depend_on_the_nodes(law):
    sample = bounded(sample_of(Truth(0.3).mean(SMALL.sizes, SMALL), SMALL, 0.02, 2, 6))
    fitted = estimate(get_law(law), sample)
    priors = priors_for(fitted.law, sample)
    usual, fine, finest = (quadrature(fitted, priors, r)[1].evidence for r in (1, 3, 3.5))
    print(law, np.abs(finest - fine).max(), np.abs(usual - finest).max())
    assert np.abs(finest - fine).max() < 1e-8
    assert np.abs(usual - finest).max() < 1e-3


def population(seed, curves, mean=0.4, spread=0.25, sigma=0.02):
    """Return curves whose exponents belong to a normal population, with these exponents."""
    rng = np.random.default_rng(seed)
    exponents = mean + spread * rng.standard_normal(curves)
    x = np.repeat(SMALL.sizes, SMALL.seeds)
    t = np.log(x / SMALL.sizes[0])
    safe = np.where(np.abs(exponents) < 1e-6, 1e-6, exponents)[:, None]
    top_t = t.max()
    rise = rng.uniform(0.1, 0.4, (curves, 1))
    curve = 0.8 - rise * (1 - np.expm1(-safe * t) / np.expm1(-safe * top_t))
    y = curve + sigma * rng.standard_normal(curve.shape)
    group = np.repeat(np.arange(curves), x.size)
    ones = np.ones(curves)
    sample = by_size(np.tile(x, curves), y.ravel(), group, ones, ones)
    return bounded(Gaussian().weigh(sample)), exponents


@pytest.mark.parametrize(
    ("curves", "replicates"),
    [(4, 12), *(pytest.param(k, 200, marks=pytest.mark.slow) for k in (4, 8, 16))],
)
def test_the_mean_of_a_population_is_covered(curves, replicates):
    hits, own, alone, widths = [], [], [], []
    for r in range(replicates):
        sample, exponents = population(1000 * curves + r, curves)
        fitted = estimate(LAW, sample)
        priors = priors_for(LAW, sample)
        found = partially_pooled(fitted, priors, 1000, r)
        low, high = np.quantile(found["population"]["mean"], [0.025, 0.975])
        hits.append(low <= 0.4 <= high)
        pooled = np.quantile(found["theta"][:, :, 0], [0.025, 0.975], axis=1)
        own.append(((pooled[0] <= exponents) & (exponents <= pooled[1])).mean())
        single = np.quantile(
            collapsed_draws(fitted, priors, 1000, r).theta[:, :, 0], [0.025, 0.975], axis=1
        )
        alone.append(((single[0] <= exponents) & (exponents <= single[1])).mean())
        widths.append(np.mean(pooled[1] - pooled[0]) / np.mean(single[1] - single[0]))
    p, error = rate(np.array(hits))
    se = np.std(own) / np.sqrt(replicates)
    print(
        f"{curves} curves: population mean {p:.3f} +- {error:.3f}, each exponent "
        f"{np.mean(own):.3f} +- {se:.3f} (alone {np.mean(alone):.3f}), width over alone "
        f"{np.mean(widths):.2f}"
    )
    error = max(error, np.sqrt(0.05 * 0.95 / replicates))
    assert 0.935 - 4 * error <= p
    assert np.mean(own) >= 0.935 - 4 * max(se, 0.01)
    assert np.mean(widths) < 1.0


def random_tables(count, seed):
    """Yield single-curve samples of many shapes, flat and noisy ones among them."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        truth = Truth(rng.choice([0.0, 0.1, 0.3, 0.6, 1.2]), gap=rng.choice([0.0, 0.03, 0.1, 0.3]))
        sigma = rng.choice([0.005, 0.02, 0.05])
        seed = int(rng.integers(2**31))
        yield bounded(sample_of(truth.mean(SMALL.sizes, SMALL), SMALL, sigma, 1, seed))


@pytest.mark.slow
@pytest.mark.parametrize("count", [50])
def test_chains_agree_with_quadrature(count):
    """Means and spreads of chains and quadrature, in Monte-Carlo standard errors of the chains."""
    pytest.importorskip("nutpie")
    distance, spreads, good = [], [], []
    for k, sample in enumerate(random_tables(count, 77)):
        fitted = estimate(LAW, sample)
        exact = Bayes(draws=4000).draw(fitted, 0)
        chains = Bayes(sampler="nutpie").draw(fitted, k)
        good.append(bool(chains.trusted[0]))
        for question in (Gain(10.0), Value(float(SMALL.sizes[-1])), Parameter("exponent")):
            a, b = (
                drawn_values(LAW, question, d.theta, d.coefficients, sample.frame)[0]
                for d in (exact, chains)
            )
            n = float(min(chains.ess_bulk[0], chains.ess_tail[0]))
            distance.append((b.mean() - a.mean()) / (a.std() * np.sqrt(1 / n + 1 / a.size)))
            low, high = np.quantile(a, [0.05, 0.95])
            share = np.mean((b > low) & (b < high))
            spreads.append((share - 0.9) / np.sqrt(0.09 * (1 / n + 1 / a.size)))
    d, s = np.array(distance), np.array(spreads)
    rms_mean, rms_share = (float(np.sqrt((v**2).mean())) for v in (d, s))
    print(
        f"{count} tables: trusted {np.mean(good):.3f}; z of means: rms {rms_mean:.2f}, largest "
        f"{np.abs(d).max():.2f}; z of 90 % shares: rms {rms_share:.2f}"
    )
    assert np.abs(d).max() < 4.5
    assert np.abs(s).max() < 4.5
    assert np.mean(good) >= (0.98 if count > 10 else 1.0)
