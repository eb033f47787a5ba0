"""Sums over sizes are those of a curve alone, bit for bit, in any company and of any number."""

from __future__ import annotations

import numpy as np
import pytest

from scalefit.solvers.sums import dot


@pytest.mark.parametrize("n_sizes", [3, 40, 2500])
def test_products_are_summed_alike_alone_and_in_company(n_sizes):
    rng = np.random.default_rng(0)
    many = [rng.standard_normal((n_sizes, 700)) for _ in range(3)]
    for factors in (many[:2], many):
        together = dot(*factors)
        for curve in (0, 699):
            one = dot(*(factor[:, [curve]] for factor in factors))
            assert one.item() == together[curve]
        with_many = np.add.accumulate(np.prod(factors, axis=0))[-1]
        np.testing.assert_array_equal(together, with_many)
