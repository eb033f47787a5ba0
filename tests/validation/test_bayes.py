"""Rows B1 to B4 and B6: calibration under the prior, coverage over fixed truths, evidence, chains.

The full run is made with ``-m slow``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, log_expit, logit, logsumexp
from scipy.stats import kstest, multivariate_normal

from scalefit.bayes import Bayes
from scalefit.bayes.collapsed import collapsed_draws, quadrature
from scalefit.bayes.expected import at_sizes, to_coefficients, values_of
from scalefit.bayes.likelihood import density_of_sizes
from scalefit.bayes.pooled import partially_pooled
from scalefit.bayes.priors import priors_for
from scalefit.draws import drawn_values
from scalefit.estimands import Gain, MarginalGain, ObservedGain, Parameter, Value
from scalefit.estimate import estimate
from scalefit.inference import Posterior
from scalefit.laws import get_law
from scalefit.noise import Autoregressive, Beta, Gaussian, KnownError, LogNormal, Student
from scalefit.sample import by_size
from scalefit.scatter import scatter_of

from ..measured import rate
from .simulation import SMALL, Design, Truth, sample_of

LAW = get_law("saturating_power")


def bounded(sample):
    """Return the sample of a metric that lives between 0 and 1."""
    return replace(sample, score_range=np.tile([0.0, 1.0], (len(sample), 1)))


#: Error models with a posterior of their own: how a run scatters, and what tables it needs.
SCATTERS = {
    "gaussian": (Gaussian(), SMALL),
    "known_error": (KnownError(), SMALL),
    "crossed": (Gaussian(seeds="crossed"), SMALL),
    "run": (Autoregressive("gaussian"), Design(14, 1, 3.0)),
    "runs": (Autoregressive("gaussian"), Design(8, 4, 3.0)),
    "beta": (Beta(), SMALL),
    "lognormal": (LogNormal(link="log"), SMALL),
    "student": (Student(link="log"), SMALL),
    "run_student": (Autoregressive("student"), Design(14, 1, 3.0)),
}


def wanted(kind):
    """Return least and greatest mean that an error model allows."""
    return {"beta": (0.0, 1.0), "lognormal": (0.0, np.inf), "student": (0.0, np.inf)}.get(
        kind, (-np.inf, np.inf)
    )


def tables_from_prior(replicates, seed, kind="gaussian"):
    """Return tables whose parameters are drawn from the priors, with these parameters.

    The runs are made here, and not by the package, one error model after the other.
    """
    rng = np.random.default_rng(seed)
    noise, design = SCATTERS[kind]
    n_sizes, seeds = design.n_sizes, design.seeds
    shape = (replicates, n_sizes, seeds)
    x = np.broadcast_to(design.sizes[:, None], shape)
    group = np.repeat(np.arange(replicates), n_sizes * seeds)
    ones = np.ones(replicates)
    se = 0.01 * np.exp(rng.uniform(-0.7, 0.7, shape))
    told = {}
    if kind == "known_error":
        told["se"] = se.ravel()
    if kind in ("crossed", "runs", "run_student", "run"):
        told["unit"] = np.broadcast_to(np.arange(seeds), shape).ravel()

    def sample_with(y):
        plain = by_size(x.ravel(), y.ravel(), group, ones, ones, **told)
        return noise.weigh(bounded(plain))

    start = 0.5 + 0.02 * rng.standard_normal(shape) + np.linspace(0, 0.2, n_sizes)[:, None]
    blank = sample_with(np.clip(start, 0.1, 0.9))
    priors, frame = priors_for(LAW, blank), blank.frame
    low, high = wanted(kind)
    theta = np.zeros((replicates, 1, 1))
    coefficients = np.zeros((replicates, 1, 2))
    left = np.arange(replicates)
    while left.size:  # until all means are possible

        def of(prior, left=left):
            return prior.take(left).quantile(rng.random((left.size, 1)))

        some = blank.take(left)
        theta[left] = of(priors.shapes[0])[:, :, None]
        expected = np.stack([of(priors.top), of(priors.gain)], axis=-1)
        coefficients[left] = to_coefficients(LAW, theta[left], expected, some.frame)
        columns, base = at_sizes(LAW, blank.z, theta, frame)
        mean = (base + np.einsum("gmkp,gmp->gmk", columns, coefficients))[:, 0]
        left = left[((mean <= low) | (mean >= high)).any(axis=1)[left]]
    numbers = {name: p.quantile(rng.random((replicates, 1))) for name, p in priors.noise.items()}
    wide = {name: value[:, :, None] for name, value in numbers.items()}
    error = rng.standard_normal(shape)
    place = blank.z[:, :, None]
    if "df" in wide:
        df = np.broadcast_to(wide["df"], shape)
        error = error / np.sqrt(rng.chisquare(df) / df)
    if "correlation" in wide:
        rho = wide["correlation"][:, 0]
        for k in range(1, n_sizes):
            error[:, k] = rho * error[:, k - 1] + np.sqrt(1 - rho**2) * error[:, k]
    sd = wide.get("noise", 0.0) * np.exp(0.5 * wide.get("noise_slope", 0.0) * place)
    if kind == "known_error":
        sd = np.hypot(se, wide["extra_noise"])
    y = mean[:, :, None] + sd * error
    if kind == "crossed":
        y = y + wide["seed_noise"] * rng.standard_normal((replicates, 1, seeds))
    elif kind == "beta":
        y = rng.beta(mean[:, :, None] / sd**2, (1 - mean[:, :, None]) / sd**2, shape)
        y = np.clip(y, 1e-12, 1 - 1e-12)
    elif kind in ("lognormal", "student"):
        y = mean[:, :, None] * np.exp(sd * error)
    truth = {name: value[:, 0] for name, value in numbers.items()}
    last = float(design.sizes[-1])
    for name, question in questions(last).items():
        truth[name] = drawn_values(LAW, question, theta, coefficients, frame)[:, 0]
    asymptote = drawn_values(LAW, Parameter("asymptote"), theta, coefficients, frame)
    truth["asymptote"] = asymptote[:, 0]
    return sample_with(y), truth


def questions(last):
    return {
        "top": Value(last),
        "score at 10x": Value(10.0 * last),
        "score at 100x": Value(100.0 * last),
        "gain at 10x": Gain(10.0),
        "next doubling": MarginalGain(),
        "observed gain": ObservedGain(),
        "exponent": Parameter("exponent"),
    }


def ranks_of(sample, truth, given, draws=250, seed=1):
    """Return ranks of the truth among posterior draws, in [0, 1], and which draws are trusted."""
    fitted = estimate(LAW, sample)
    method = Bayes(draws=draws, sampler="collapsed", priors=given or {})
    found = method.draw(fitted, seed)
    frame = sample.frame
    theta, coefficients = found.one("theta"), found.one("coefficients")
    values = {name: value[found.row] for name, value in found.noise.items()}
    for name, question in questions(float(sample.x[0].max())).items():
        values[name] = drawn_values(LAW, question, theta, coefficients, frame)
    ranks = {name: (v < truth[name][:, None]).mean(axis=1) for name, v in values.items()}
    # The asymptote is a number where the exponent is above 0: rank it among such draws.
    v = drawn_values(LAW, Parameter("asymptote"), theta, coefficients, frame)
    levels = np.isfinite(v)
    usable = np.isfinite(truth["asymptote"]) & (levels.sum(axis=1) >= 50)
    below = (np.where(levels, v, np.inf) < truth["asymptote"][:, None]).sum(axis=1)
    ranks["asymptote, if there is one"] = (below / np.maximum(levels.sum(axis=1), 1))[usable]
    return ranks, found.trusted


@pytest.mark.parametrize("kind", list(SCATTERS))
@pytest.mark.parametrize(
    "replicates", [150, pytest.param(1000, marks=pytest.mark.slow)], ids=["fast", "full"]
)
def test_ranks_of_the_truth_are_uniform_under_the_prior(replicates, kind, measured):
    """Simulation-based calibration (Talts et al. 2018, arXiv:1804.06788)."""
    sample, truth = tables_from_prior(replicates, 11, kind)
    ranks, trusted = ranks_of(sample, truth, None)
    p = {name: kstest(np.clip(r, 0, 1), "uniform").pvalue for name, r in ranks.items()}
    share, error = rate(~trusted)
    for name, value in p.items():
        cell, bar = f"{kind}, {name}", 0.05 / len(p)
        measured("B1", cell, "p of uniform ranks", value, replicates=replicates, low=bar)
    high = TO_CHAINS.get(kind, 0.005)
    measured("B1", kind, "left to chains", share, error, replicates, high=high, slack=3 * error)


#: Share of tables that quadrature may leave to chains.
TO_CHAINS = {"student": 0.05, "run_student": 0.1}


def test_ranks_betray_a_wrong_prior():
    sample, truth = tables_from_prior(150, 11)
    ranks, _ = ranks_of(sample, truth, {"exponent": "normal(1.5, 0.3)"})
    assert kstest(ranks["exponent"], "uniform").pvalue < 1e-6


COVERAGE = {0.0: 0.0, 0.06: 0.06, 0.1: 0.1, 0.2: 0.2, 0.5: 0.5, 1.0: 1.0, 2.0: 2.0}


@pytest.mark.parametrize(
    ("exponent", "replicates"),
    [
        (0.0, 120),
        (0.5, 120),
        *(pytest.param(a, 2000, marks=pytest.mark.slow) for a in COVERAGE),
    ],
)
def test_intervals_cover_fixed_truths(exponent, replicates, measured):
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
        hits = (found.lower <= value) & (value <= found.upper)
        measured.rate("B2", f"a {exponent:g}", name, hits, 0.93, 0.98, errors=4)


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


def test_evidence_agrees_with_the_joint_density_of_all_runs(measured):
    """An independent sum over (exponent, scale, slope) of the density of the 18 runs as one."""
    sample = bounded(sample_of(Truth(0.4).mean(SMALL.sizes, SMALL), SMALL, 0.02, 1, 5))
    priors = priors_for(LAW, sample)
    fast = float(quadrature(estimate(LAW, sample), priors)[1].evidence[0])
    slow = brute_evidence(sample, priors, (61, 31, 21))
    measured("B4", "all runs as one", "joint density, apart", abs(fast - slow), high=2e-3)


@pytest.mark.parametrize("law", ["log_linear", "power", "saturating_power", "exponential"])
def test_evidence_does_not_depend_on_the_nodes(law, measured):
    sample = bounded(sample_of(Truth(0.3).mean(SMALL.sizes, SMALL), SMALL, 0.02, 2, 6))
    fitted = estimate(get_law(law), sample)
    priors = priors_for(fitted.law, sample)
    usual, fine, finest = (quadrature(fitted, priors, r)[1].evidence for r in (1, 3, 3.5))
    for what, gap, bar in (("fine nodes", finest - fine, 1e-8), ("nodes", usual - finest, 1e-3)):
        measured("B4", law, f"{what}, apart", np.abs(gap).max(), replicates=2, high=bar)


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
def test_the_mean_of_a_population_is_covered(curves, replicates, measured):
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
    cell, slack = f"{curves} curves", 4 * max(error, np.sqrt(0.05 * 0.95 / replicates))
    measured("B6", cell, "mean", p, error, replicates, low=0.935, slack=slack)
    slack = 4 * max(se, 0.01)
    measured("B6", cell, "each exponent", np.mean(own), se, replicates, low=0.935, slack=slack)
    measured("B6", cell, "each exponent, alone", np.mean(alone), replicates=replicates)
    measured("B6", cell, "width over alone", np.mean(widths), replicates=replicates, high=1.0)


def random_tables(count, seed):
    """Yield single-curve samples of many shapes, flat and noisy ones among them."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        truth = Truth(rng.choice([0.0, 0.1, 0.3, 0.6, 1.2]), gap=rng.choice([0.0, 0.03, 0.1, 0.3]))
        sigma = rng.choice([0.005, 0.02, 0.05])
        seed = int(rng.integers(2**31))
        yield bounded(sample_of(truth.mean(SMALL.sizes, SMALL), SMALL, sigma, 1, seed))


def chart_of(prior):
    """Return maps between the range of a prior and the whole line: there, back, log of the slope.

    Of one curve.
    """
    low, high = (float(np.ravel(end)[0]) for end in (prior.lower, prior.upper))
    if np.isfinite(high):
        return (
            lambda v: logit((v - low) / (high - low)),
            lambda u: low + (high - low) * expit(u),
            lambda u: np.log(high - low) + log_expit(u) + log_expit(-u),
        )
    if np.isfinite(low):
        return lambda v: np.log(v - low), lambda u: low + np.exp(u), lambda u: u
    return lambda v: v, lambda u: u, np.zeros_like


def bridge(fitted, priors, draws, seed=0):
    """Return the log evidence of one curve from its draws, by bridge sampling.

    Meng & Wong 1996, with the steps of Gronau et al. 2017 (doi:10.1016/j.jmp.2017.09.005): a normal
    proposal is fitted to half of the draws, on the whole line, and meets the other half.
    """
    law, sample = fitted.law, fitted.sample
    believed = [*priors.shapes, *priors.noise.values()]
    charts = [chart_of(prior) for prior in believed]
    matrix, offset = values_of(law, np.swapaxes(draws.theta, 1, 2), sample.frame)
    expected = np.einsum("gpqs,gsq->gsp", matrix, draws.coefficients) + offset.swapaxes(1, 2)
    free = [draws.theta[0, :, j] for j in range(len(law.shapes))]
    free += [draws.noise[name][0] for name in priors.noise]
    line = [chart[0](value) for chart, value in zip(charts, free, strict=True)]
    points = np.column_stack([*line, expected[0]])

    def log_joint(points):
        n, values = len(charts), []
        total = np.zeros(len(points))
        for k, (prior, (_, back, log_slope)) in enumerate(zip(believed, charts, strict=True)):
            values.append(back(points[:, k]))
            total += prior.log_density(values[-1][None])[0] + log_slope(points[:, k])
        top = replace(priors.top, location=sample.frame.sign * priors.top.location)
        for k in range(law.n_columns):
            total += (top if k == 0 else priors.gain).log_density(points[None, :, n + k])[0]
        theta = np.stack(values[: len(law.shapes)], axis=-1)[None]
        noise = dict(zip(priors.noise, np.stack(values)[len(law.shapes) :, None], strict=True))
        coefficients = to_coefficients(law, theta, points[None, :, n:], sample.frame)
        scatter = scatter_of(sample)
        return total + density_of_sizes(law, sample, scatter, theta, coefficients, noise).sum(
            (0, 2)
        )

    first, second = points[::2], points[1::2]
    proposal = multivariate_normal(first.mean(axis=0), np.cov(first.T))
    new = proposal.rvs(len(second), random_state=seed)
    here, there = (log_joint(p) - proposal.logpdf(p) for p in (second, new))
    found, moved = float(np.median(here)), 1.0
    while abs(moved) > 1e-10:
        up = logsumexp(there - np.logaddexp(there, found))
        moved = float(up - logsumexp(-np.logaddexp(here, found))) - found
        found = found + moved
    return found


def agreement(law, sample, exact, chains):
    """Return how far chains and quadrature of one curve are apart, in Monte-Carlo errors.

    Of the means, and of the share of chains within the central 90 % of quadrature.
    """
    means, shares = [], []
    for question in (Gain(10.0), Value(float(sample.x[0].max())), Parameter("exponent")):
        a, b = (
            drawn_values(law, question, d.theta, d.coefficients, sample.frame)[0]
            for d in (exact, chains)
        )
        n, m = (float(min(d.ess_bulk[0], d.ess_tail[0])) for d in (chains, exact))
        means.append((b.mean() - a.mean()) / (a.std() * np.sqrt(1 / n + 1 / m)))
        low, high = np.quantile(a, [0.05, 0.95])
        share = np.mean((b > low) & (b < high))
        shares.append((share - 0.9) / np.sqrt(0.09 * (1 / n + 1 / m)))
    return means, shares


@pytest.mark.parametrize("kind", list(SCATTERS))
def test_evidence_agrees_with_a_bridge(kind, measured):
    """From the draws of quadrature, whose evidence does not know of them or is their weights."""
    sample, _ = tables_from_prior(4, 19, kind)
    fitted = estimate(LAW, sample)
    method = Bayes(draws=2000, sampler="collapsed")
    found = method.draw(fitted, 3)
    gaps = []
    for g in np.flatnonzero(found.trusted):
        one = fitted.take(slice(g, g + 1))
        own = found.take(slice(g, g + 1)).compact()
        gaps.append(found.one("evidence")[g] - bridge(one, method.priors_of(one), own))
    assert len(gaps) > 1
    apart = np.abs(gaps).max()
    measured("B4", kind, "bridge from quadrature, apart", apart, replicates=len(gaps), high=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "count"), [("shapes", 50), *((kind, 10) for kind in SCATTERS if kind != "gaussian")]
)
def test_chains_agree_with_quadrature(kind, count, measured):
    """Means, shares and evidence (by a bridge) of chains and quadrature.

    On tables of many shapes with normal errors, and on tables from the prior of other errors.
    """
    pytest.importorskip("nutpie")
    if kind == "shapes":
        tables = list(random_tables(count, 77))
    else:
        several, _ = tables_from_prior(count, 77, kind)
        tables = [several.take(slice(g, g + 1)) for g in range(count)]
    distance, spreads, gaps, good = [], [], [], []
    quick = Bayes(draws=4000, sampler="collapsed")
    for k, sample in enumerate(tables):
        fitted = estimate(LAW, sample)
        exact = quick.draw(fitted, 0)
        chains = Bayes(sampler="nutpie").draw(fitted, k)
        good.append(bool(chains.trusted[0]))
        if not (chains.trusted[0] and exact.trusted[0]):
            continue
        means, shares = agreement(LAW, sample, exact, chains)
        distance += means
        spreads += shares
        gaps.append(exact.evidence[0] - bridge(fitted, quick.priors_of(fitted), chains))
    for what, z in (("means", distance), ("90 % shares", spreads)):
        measured("B3", kind, f"z of {what}, rms", np.sqrt(np.mean(np.square(z))), replicates=count)
        largest = np.abs(z).max()
        measured("B3", kind, f"z of {what}, largest", largest, 1.0, count, high=4.5)
    bar = 0.98 if count > 10 else 0.9
    measured("B3", kind, "chains trusted", np.mean(good), replicates=count, low=bar)
    apart = np.abs(gaps).max()
    measured("B4", kind, "bridge from chains, apart", apart, replicates=len(gaps), high=0.05)
