"""Where searches of one shape start: between the points of the scan, but not beyond its minima."""

from __future__ import annotations

import numpy as np

from scalefit.solvers.basins import Quadratic, minima
from scalefit.solvers.scan import scan

COUNT = (33,)


def starts(misfit):
    """Return the starts for one curve, in cells."""
    _, position = scan(lambda points: misfit(32.0 * points[:, 0])[None], COUNT)
    return 32.0 * position[:, 0]


def test_a_smooth_minimum_is_met_to_six_digits():
    for place in (3.3, 16.0, 20.49, 30.6):
        (start,) = starts(lambda u, at=place: 1.0 - np.exp(-(((u - at) / 12.0) ** 2)))
        assert abs(start - place) < 1e-5


def test_a_minimum_on_the_wall_is_not_left_for_the_flat_beyond_it():
    steep = np.r_[0.5, np.ones(32)]
    assert 0.0 in starts(lambda _: steep)
    assert 32.0 in starts(lambda _: steep[::-1])


def test_a_minimum_among_flats_is_kept_within_half_a_cell():
    well = np.ones(33)
    well[14:17] = 0.9, 0.2, 0.7
    found = starts(lambda _: well)
    assert np.abs(found - 15.0).min() <= 0.5


class Cosine:
    """A curved objective of one coordinate that counts how often it is looked at."""

    def __init__(self):
        self.looks = 0

    n_terms = 1

    def take(self, _):
        return self

    def model(self, u, _step):
        self.looks += 1
        return Quadratic(2.0 - np.cos(u[0]), np.sin(u), np.cos(u)[None])


def test_a_start_next_to_its_minimum_is_looked_at_once():
    problem = Cosine()
    one = np.ones((1, 1))
    found = minima(problem, 1e-7 * one, -one, one, 0.1 * one, np.zeros(1, dtype=int))
    assert problem.looks == 1
    assert abs(found.u.item()) < 1e-15
    far = minima(problem, 0.3 * one, -one, one, 0.1 * one, np.zeros(1, dtype=int))
    assert problem.looks > 3
    assert abs(far.u.item()) < 1e-12
