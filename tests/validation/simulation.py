"""Simulated tables for the statistical validation, made and fitted in batches.

Every experiment is a pure function of its seed. ``REPLICATES`` sets how many tables a cell has:
few in the default run (whose bars allow for the Monte-Carlo error of that many), as many as the
acceptance table asks for with ``-m slow``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalefit.noise import Gaussian
from scalefit.sample import Sample, by_size


@dataclass(frozen=True)
class Design:
    """Sizes and seeds of a table: ``n_sizes`` log-spaced over ``decades``, ``seeds`` runs each.

    Several numbers of seeds are those of each size.
    """

    n_sizes: int
    seeds: int | tuple[int, ...]
    decades: float

    @property
    def sizes(self) -> np.ndarray:
        return 1e5 * 10 ** np.linspace(0, self.decades, self.n_sizes)

    @property
    def name(self) -> str:
        seeds = np.ravel(self.seeds).tolist()
        return f"{self.n_sizes}x{'+'.join(map(str, seeds))}"

    def __str__(self) -> str:
        return self.name


SMALL = Design(6, 3, 2.0)
MIDDLE = Design(6, 5, 2.0)
LARGE = Design(12, 5, 3.0)


@dataclass(frozen=True)
class Truth:
    """A saturating power law by its asymptote, its gain to infinity from the first size, exponent.

    ``exponent = 0`` is the log law with slope ``gap`` per decade through ``asymptote`` at the top.
    """

    exponent: float
    asymptote: float = 0.9
    gap: float = 0.3

    def __str__(self) -> str:
        return f"a {self.exponent}, asymptote {self.asymptote}, {self.gap} below it"

    def mean(self, x: np.ndarray, design: Design) -> np.ndarray:
        first, last = design.sizes[0], design.sizes[-1]
        if self.exponent == 0:
            return self.asymptote + self.gap * np.log10(x / last)
        return self.asymptote - self.gap * (x / first) ** -self.exponent

    def gain(self, factor: float, design: Design) -> float:
        last = design.sizes[-1]
        ends = self.mean(np.array([last, factor * last]), design)
        return float(ends[1] - ends[0])


def sample_of(
    mean: np.ndarray,
    design: Design,
    sigma: float,
    replicates: int,
    seed: int,
    *,
    sd_ratio: float = 1.0,
    limit: float = 1.0,
    noise: Gaussian | None = None,
) -> Sample:
    """Return ``replicates`` simulated tables, reduced and weighted.

    ``sd_ratio`` is the standard deviation at the largest size over that at the smallest; their
    geometric mean is ``sigma``.
    """
    rng = np.random.default_rng(seed)
    x = np.repeat(design.sizes, design.seeds)
    place = np.log(x / design.sizes[0]) / np.log(design.sizes[-1] / design.sizes[0])
    sd = sigma * sd_ratio ** (place - 0.5)
    y = np.repeat(mean, design.seeds) + sd * rng.standard_normal((replicates, x.size))
    group = np.repeat(np.arange(replicates), x.size)
    ones = np.ones(replicates)
    sample = by_size(np.tile(x, replicates), y.ravel(), group, ones, limit * ones)
    return (noise or Gaussian()).weigh(sample)


def errors_allowed(replicates: int, complete: int) -> float:
    """Return by how many Monte-Carlo errors a rate may miss its bar: none in the complete run."""
    return 0.0 if replicates >= complete else 3.0
