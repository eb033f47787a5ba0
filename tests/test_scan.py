"""Where searches of one shape start: between the points of the scan, but not beyond its minima."""

from __future__ import annotations

import numpy as np
import pytest

from scalefit.solvers.basins import Quadratic, _blocks, minima
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


class Curve:
    """A curved objective of one coordinate that counts how often it is looked at."""

    n_terms = 1

    def __init__(self, value, slope, bend):
        self.parts = value, slope, bend
        self.looks = 0

    def take(self, _):
        return self

    def model(self, u, _step):
        self.looks += 1
        value, slope, bend = (part(u[0]) for part in self.parts)
        return Quadratic(value, slope[None], bend[None, None])

    def bottom(self, start, low=-1.0, high=1.0):
        """Return where a descent ends, as a number."""
        start, low, high, unit = (np.full((1, 1), v) for v in (start, low, high, 0.1))
        return minima(self, start, low, high, unit, np.zeros(1, dtype=int)).u.item()


def test_a_start_next_to_its_minimum_is_looked_at_once():
    wave = Curve(lambda u: 2.0 - np.cos(u), np.sin, np.cos)
    assert abs(wave.bottom(1e-7)) < 1e-15
    assert wave.looks == 1
    assert abs(wave.bottom(0.3)) < 1e-12
    assert wave.looks > 4


def test_a_minimum_close_to_a_wall_is_not_moved_onto_it():
    at = 2.5e-12
    bowl = Curve(
        lambda u: 0.6 + 5.4 * ((u - at) / at) ** 2,
        lambda u: 10.8 * (u - at) / at**2,
        lambda u: np.full_like(u, 10.799 / at**2),  # so that the first step goes a little too far
    )
    assert abs(bowl.bottom(0.0, low=0.0) / at - 1.0) < 1e-3


def test_no_step_is_made_over_a_cliff_unseen():
    top = 5e-8  # of a hill, whose near side ends in the cliff
    cliff = Curve(
        lambda u: np.where(u < 0, 10.0, 9.9 - 0.1 * (u - top) ** 2),
        lambda u: np.where(u < 0, 0.0, -0.2 * (u - top)),
        lambda u: np.where(u < 0, 0.0, -0.2),
    )
    assert 0.0 <= cliff.bottom(1e-8) <= 1e-8


@pytest.mark.parametrize(
    ("owner", "blocks"),
    [
        ([0, 0, 0, 0, 0], [5]),
        ([0, 0, 0, 0, 1, 2, 2, 2], [4, 1, 3]),
        ([0, 1, 1, 1, 1], [1, 4]),
        ([0, 1, 2, 3, 4], [2, 2, 1]),
    ],
)
def test_starts_of_one_owner_are_one_block_however_many(owner, blocks):
    found = _blocks(np.array(owner), 2)
    assert [len(rows) for rows in found] == blocks
    assert np.concatenate(found).tolist() == list(range(len(owner)))
