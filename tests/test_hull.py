"""How far sizes of several drivers are from the combinations that were run."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

from scalefit.hull import hull_of


def least_share(runs, place):
    """Return the least t for which a place is in ``H + t (H - H)``, by linear programming."""
    k, d = runs.shape
    some, none = np.ones(k), np.zeros(k)
    places = np.hstack([runs.T, runs.T, -runs.T, np.zeros((d, 1))])
    sums = [[*some, *none, *none, 0], [*none, *some, *none, -1], [*none, *none, *some, -1]]
    goal = np.r_[np.zeros(3 * k), 1.0]
    found = linprog(goal, A_eq=np.vstack([places, sums]), b_eq=[*place, 1, 0, 0])
    return found.fun


@pytest.mark.parametrize("n_drivers", [2, 3])
def test_a_distance_is_the_least_share_of_what_runs_differ_by(n_drivers):
    rng = np.random.default_rng(n_drivers)
    runs = rng.normal(0, 1, (9, n_drivers)) @ rng.normal(0, 1, (n_drivers, n_drivers))
    places = rng.normal(0, 4, (12, n_drivers))
    found = hull_of(runs).distance(places)
    assert found == pytest.approx([least_share(runs, place) for place in places], abs=1e-6)
    assert hull_of(runs).distance(runs).max() < 1e-9


def test_units_and_the_choice_of_drivers_do_not_matter():
    """Parameters and tokens, or their product and their ratio: the same distance."""
    rng = np.random.default_rng(0)
    runs, places = rng.normal(0, 1, (20, 2)), rng.normal(0, 3, (10, 2))
    turned = np.array([[1.0, 1.0], [1.0, -1.0]])
    other = hull_of(runs @ turned + 5.0).distance(places @ turned + 5.0)
    np.testing.assert_allclose(hull_of(runs).distance(places), other, rtol=1e-9)


@pytest.mark.parametrize("ranges", [(3.0, 2.0), (4.0, 2.0, 1.0)])
def test_on_a_grid_the_farthest_driver_counts_in_its_own_range(ranges):
    axes = [np.linspace(0, top, 4) for top in ranges]
    grid = hull_of(np.array(list(itertools.product(*axes))))
    np.testing.assert_allclose(grid.alone, ranges)
    places = np.random.default_rng(1).uniform(-6, 8, (30, len(ranges)))
    beyond = np.maximum(places - np.array(ranges), -places) / np.array(ranges)
    np.testing.assert_allclose(
        grid.distance(places), np.maximum(beyond.max(axis=1), 0.0), atol=1e-9
    )


def test_directions_in_which_runs_differ_by_rounding_are_never_left():
    params = np.geomspace(1e7, 1e9, 12)
    tokens = np.array([float(f"{size:.2e}") for size in 1e19 / (6 * params)])
    budget = hull_of(np.log(np.column_stack([params, tokens])))
    assert budget.alone.tolist() == [0.0, 0.0]
    asked = np.log([[2e9, 1e19 / 1.2e10], [1e9, 1e19 / 6e8], [5e7, 1e19 / 3e8]])
    near, far, inside = budget.distance(asked)
    assert near == pytest.approx(np.log(2) / np.log(100), rel=0.01)
    assert np.isinf(far)
    assert inside < 1e-6


def test_a_single_run_has_no_direction():
    one = hull_of(np.array([[1.0, 2.0]]))
    assert one.distance(np.array([[1.0, 2.0], [1.0, 3.0]])).tolist() == [0.0, np.inf]
    assert one.alone.tolist() == [0.0, 0.0]
