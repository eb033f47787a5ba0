"""Row C7: a truth that no law holds: a fast component that ends, over a slow one that does not.

``0.95 - 0.3 t^-0.9 - slow t^-0.05``. A peer's nominal 95 % interval held the mean at ten times the
largest size in a tenth of such tables. The bar is that form-robust intervals hold it in 80 %.
"""

from __future__ import annotations

import numpy as np
import pytest

from scalefit.estimands import Value
from scalefit.inference import profile, union
from scalefit.laws import AUTO
from scalefit.selection import candidates

from .simulation import SMALL, errors_allowed, sample_of


def truth(x, slow):
    t = x / SMALL.sizes[0]
    return 0.95 - 0.3 * t**-0.9 - slow * t**-0.05


@pytest.mark.parametrize("replicates", [60, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("slow", [0.1, 0.2, 0.4])
@pytest.mark.parametrize("sigma", [0.005, 0.02])
def test_hulls_hold_what_a_slow_component_adds(slow, sigma, replicates, measured):
    sample = sample_of(truth(SMALL.sizes, slow), SMALL, sigma, replicates, seed=7)
    fitted = candidates(AUTO, sample)
    spanning = fitted.spanning()
    told = spanning.surviving.any(axis=0)  # else no law fits, and a refusal says so
    for factor in (10, 100):
        far = factor * SMALL.sizes[-1]
        asked, mean = Value(np.full(replicates, far)), truth(far, slow)
        hull = union(spanning.estimates, spanning.surviving, asked, 0.95, profile)
        alone = profile(fitted.estimate_of("saturating_power"), asked, 0.95)
        held = ((hull.lower <= mean) & (mean <= hull.upper))[told]
        one = (alone.lower <= mean) & (mean <= alone.upper)
        cell = f"slow part {slow}, sigma {sigma}, {factor}x"
        measured.rate("C7", cell, "hull", held, 0.8, errors=errors_allowed(replicates, 1000))
        measured.rate("C7", cell, "saturating power law alone", one)
        assert one.mean() < held.mean(), "without the slow part the interval must miss more often"
