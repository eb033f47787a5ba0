"""Checkpoints of one training run: their errors are alike, and more so the closer they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import ScalefitError
from ..sample import Sample
from .gaussian import Variance

__all__ = ["Autoregressive"]


@dataclass(frozen=True, slots=True)
class Autoregressive:
    """Normal errors of constant variance, correlated within a run along log size.

    Two rows of one run have the correlation ``rho ** |log(x_i / x_j)|`` (a first-order
    autoregression if sizes are evenly spaced in log size), rows of different runs none. ``rho`` is
    estimated by restricted maximum likelihood for the law that is fitted. The curve stays that of
    least squares, with intervals for correlated errors.

    Examples
    --------
    >>> Autoregressive().name
    'autoregressive'
    """

    @property
    def name(self) -> str:
        """Name in ``noise=``."""
        return "autoregressive"

    @property
    def variance(self) -> Variance:
        """Nothing to choose: the variance is the same at every size."""
        return "auto"

    @property
    def roles(self) -> frozenset[str]:
        """Roles of further columns that this error model makes use of."""
        return frozenset({"run"})

    @property
    def words(self) -> str:
        """The errors in words."""
        return (
            "normal with the same variance for all rows, and correlated within a run as in a "
            "first-order autoregression along log size, estimated by restricted maximum likelihood"
        )

    def weigh(self, sample: Sample) -> Sample:
        """Return the sample with rows of one run correlated, by how much not yet known."""
        present = sample.unit >= 0
        n_units = np.where(present, sample.unit, -1).max(axis=(1, 2), initial=-1) + 1
        rows = present.sum(axis=(1, 2))
        single = np.flatnonzero(n_units >= rows)
        if single.size:
            raise ScalefitError(
                f"noise='autoregressive' needs runs with several rows each; in {single.size} of "
                f"{len(sample)} curves every row is a run of its own; name the column that tells "
                "runs apart, as in run='run_id', or leave noise= out"
            )
        errors = replace(sample.errors, correlation=np.zeros(len(sample)))
        return replace(sample, errors=errors)
