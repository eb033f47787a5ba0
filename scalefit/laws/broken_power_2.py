"""Power law whose exponent changes smoothly at two breaks: see :mod:`scalefit.laws.broken_power`.

    mean(x) = asymptote -/+ coefficient x^-c0 prod_{i=1,2} (1 + (x / d_i)^(1 / f))^(-c_i f)

For curves that start on a plateau, improve, and level off (Caballero et al. 2023,
arXiv:2210.14891). Eight parameters: the gate asks for six sizes more, and for four decades, so that
each of the three exponents has more than a decade to itself.
"""

from __future__ import annotations

from .broken_power import broken_power

__all__ = ["BROKEN_POWER_2"]

BROKEN_POWER_2 = broken_power(
    "broken_power_2",
    "power law with two breaks",
    n_breaks=2,
    points=(8, 8, 8, 8, 4, 4),
    min_sizes=14,
    min_decades=4.0,
)
