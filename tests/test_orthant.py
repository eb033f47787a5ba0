"""Least squares with several coefficients that have a sign, against kept solvers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, NonlinearConstraint, minimize, nnls

from scalefit.estimate import estimate, pose
from scalefit.laws import Terms, get_law
from scalefit.sample import by_size
from scalefit.solvers.orthant import OrthantProblem

LAW = get_law("additive")


def tables(n_curves, rng, noise=0.02):
    """Return curves at their own sizes, in many of which one driver or both do nothing."""
    k = 14
    x, y = 10 ** rng.uniform(6, 9, (n_curves, k)), 10 ** rng.uniform(8, 11, (n_curves, k))
    first, second = (rng.choice([-1.0, 0.0, 1.0, 1.0], (n_curves, 1)) for _ in range(2))
    mean = 0.7 - first * 40 * x**-0.4 - second * 60 * y**-0.3
    score = mean + noise * rng.standard_normal(x.shape)
    group = np.repeat(np.arange(n_curves), k)
    return by_size(
        x.ravel(), score.ravel(), group, np.ones(n_curves), np.ones(n_curves), [y.ravel()]
    )


def shapes(problem, many, rng):
    low, high = problem.bounds()
    return low[:, None] + rng.random((len(problem), many, 2)) * (high - low)[:, None]


@pytest.fixture(scope="module")
def problem():
    sample = tables(40, np.random.default_rng(1))
    found = pose(LAW, sample, rising=True)
    assert isinstance(found, OrthantProblem)
    return found


def test_fits_are_those_of_nnls(problem):
    u = shapes(problem, 7, np.random.default_rng(2))
    columns = [np.broadcast_to(c, (14, *u.shape[:2])) for c in problem.free.columns(u)]
    rss = problem.rss(u)
    coefficients = np.stack([problem.objective(place)[2] for place in u.swapaxes(0, 1)], axis=1)
    signs = set()
    for g in range(len(problem)):
        for m in range(u.shape[1]):
            design = np.stack([c[:, g, m] for c in columns], axis=1)
            size = np.sqrt((design**2).sum(axis=0))
            # A coefficient without a sign is the difference of two that have one.
            both = np.concatenate([design / size, -design[:, :1] / size[0]], axis=1)
            solved, norm = nnls(both, problem.free.y[:, g])
            own = np.array([solved[0] - solved[3], solved[1], solved[2]]) / size
            assert rss[g, m] == pytest.approx(norm**2, rel=1e-9)
            np.testing.assert_allclose(coefficients[g, m], own, rtol=1e-6, atol=1e-9)
            signs.add(tuple(own[1:] > 0))
    assert len(signs) == 4  # every face was met


def test_the_screen_has_half_the_digits(problem):
    u = shapes(problem, 50, np.random.default_rng(3))
    np.testing.assert_allclose(problem.screen(u), problem.rss(u), rtol=1e-6)
    free = problem.held(False)
    np.testing.assert_allclose(free.screen(u), free.rss(u), rtol=1e-6)


def test_tables_of_the_same_sizes_are_screened_in_one_product(problem):
    rng = np.random.default_rng(4)
    same = problem.take(np.zeros(6, dtype=np.intp))
    y = same.free.y + 0.1 * rng.standard_normal(same.free.y.shape)
    weight = rng.integers(0, 3, y.shape).astype(float)
    same = replace(same, free=replace(same.free, y=y, weight=weight))
    alike, places = same.designs(10), rng.random((30, 2))
    assert alike.shape == (1, 6)
    low, high = (bound[:, None] for bound in same.bounds())
    expected = same.rss(low + places * (high - low))[alike]
    np.testing.assert_allclose(same.survey(places, alike), expected, rtol=1e-6)


def test_the_gradient_is_that_of_the_best_face(problem):
    u = shapes(problem, 1, np.random.default_rng(5))[:, 0]
    rss, gradient, _ = problem.objective(u)
    for j in range(2):
        step = np.zeros(2)
        step[j] = 1e-6
        up, down = (problem.rss((u + s * step)[:, None])[:, 0] for s in (1, -1))
        np.testing.assert_allclose(gradient[:, j], (up - down) / 2e-6, rtol=1e-3, atol=1e-6)
    assert rss == pytest.approx(problem.rss(u[:, None])[:, 0])


def test_ends_are_those_of_a_constrained_search(problem):
    """The target's extremes over the orthant and the ellipsoid, by SciPy's trust region."""
    rng = np.random.default_rng(6)
    part = problem.take(np.arange(12))
    u = shapes(part, 1, rng)
    weights = rng.standard_normal(3)
    cut = part.rss(u)[:, 0] * 1.3
    lower, upper, misfit = part.ends(u, Terms(tuple(weights)), cut, True)
    best = part.objective(u[:, 0])[2]
    np.testing.assert_allclose(misfit, part.rss(u), rtol=1e-9)
    columns = [np.broadcast_to(c, (14, 12, 1)) for c in part.free.columns(u)]
    for g in range(12):
        design = np.stack([c[:, g, 0] for c in columns], axis=1)
        size = np.sqrt((design**2).sum(axis=0))
        design, own = design / size, weights / size
        y = part.free.y[:, g]
        start = best[g] * size
        unit = abs(own @ start) + np.sqrt(own @ np.linalg.inv(design.T @ design) @ own * cut[g])
        inside = NonlinearConstraint(
            lambda b, d=design, y=y: ((y - d @ b) ** 2).sum(), 0, cut[g],
            jac=lambda b, d=design, y=y: -2 * d.T @ (y - d @ b),
        )  # fmt: skip
        signs = LinearConstraint(np.eye(3)[1:], 0, np.inf)
        for side, end in ((1, lower[g, 0]), (-1, upper[g, 0])):
            found = minimize(
                lambda b, s=side, own=own, unit=unit: s * (own @ b) / unit, start,
                jac=lambda _, s=side, own=own, unit=unit: s * own / unit,
                constraints=[inside, signs], method="SLSQP",
                options={"ftol": 1e-12, "maxiter": 500},
            )  # fmt: skip
            assert side * found.fun * unit == pytest.approx(end, rel=2e-5, abs=2e-5 * unit)


def test_the_optimum_is_no_worse_than_a_search_from_many_starts():
    """A wrong-way driver is held at zero, and the fit is then that of the other alone."""
    sample = tables(60, np.random.default_rng(7))
    found = estimate(LAW, sample)
    held = pose(LAW, sample, rising=True)
    u = shapes(held, 4000, np.random.default_rng(8))
    assert (found.solution.rss <= held.screen(u).min(axis=1) * (1 + 1e-6)).all()
    assert (found.coefficients[:, 1:] >= 0).all()
    assert (found.coefficients[:, 1:] == 0).any()
