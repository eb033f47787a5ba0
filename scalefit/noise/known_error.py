"""Normal errors whose standard errors are given, with a common variance beyond them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import ScalefitError
from ..sample import Sample
from .gaussian import Variance

__all__ = ["KnownError", "reweighted", "weighted_runs"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KnownError:
    """Normal errors with variance ``se^2 + tau^2``: what was measured, and what was not.

    ``tau^2 >= 0`` is estimated by restricted maximum likelihood for the law that is fitted
    (DerSimonian & Kacker 2007, doi:10.1016/j.cct.2006.04.004). Where it is zero the known errors
    are taken at their word, and intervals use the normal quantile.

    Examples
    --------
    >>> KnownError().name
    'known_error'
    """

    @property
    def name(self) -> str:
        """Name in ``noise=``."""
        return "known_error"

    @property
    def variance(self) -> Variance:
        """Nothing to choose: the variance changes as the given errors do."""
        return "auto"

    @property
    def roles(self) -> frozenset[str]:
        """Roles of further columns that this error model makes use of."""
        return frozenset({"se"})

    @property
    def words(self) -> str:
        """The errors in words."""
        return (
            "normal with the given standard errors and a further variance, the same for all rows, "
            "estimated by restricted maximum likelihood"
        )

    def weigh(self, sample: Sample) -> Sample:
        """Return the sample weighted by its known errors, with no variance beyond them yet."""
        known = np.isfinite(sample.run_error) | (sample.unit < 0)
        if not (sample.unit >= 0).any() or not known.all():
            raise ScalefitError(
                "noise='known_error' needs the standard error of every row; name their column, as "
                "in se='std_error'"
            )
        return reweighted(sample, np.zeros(len(sample)))


def reweighted(sample: Sample, extra_variance: Floats) -> Sample:
    """Return the sample with weights ``1 / (se^2 + extra_variance)``, the latter ``(G,)``.

    The unit of the weights is the geometric mean of the runs' variances, so that the weighted sums
    of squares of two error models compare as their likelihoods do.
    """
    total, mean, within, log_variance = weighted_runs(sample.runs, sample.run_error, extra_variance)
    unit = np.exp(log_variance / sample.n)
    seen = total > 0
    errors = replace(
        sample.errors,
        variance=unit,
        df=np.full(len(sample), np.inf),
        extra_variance=extra_variance,
    )
    return replace(
        sample,
        mean=np.where(seen, mean, sample.mean),
        # Such that it counts with the weight of one run: see Sample.pure_ss.
        spread=within * sample.count / np.where(seen, total, 1.0),
        weight=unit[:, None] * total,
        variance_df=(extra_variance > 0).astype(float),
        errors=errors,
    )


def weighted_runs(
    runs: Floats, run_error: Floats, extra_variance: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return what runs ``(..., K, S)`` with known errors say of each size.

    Returns
    -------
    total, mean, within : arrays (..., K)
        Sum of the inverse variances, the mean weighted by them, and the weighted sum of squares
        about it; 0 where there are no runs.
    log_variance : array (...)
        Sum of the runs' log variances.
    """
    precision = _precision(run_error, extra_variance)
    score = np.where(precision > 0, runs, 0.0)
    total = precision.sum(axis=-1)
    mean = (precision * score).sum(axis=-1) / np.where(total > 0, total, 1.0)
    within = (precision * (score - mean[..., None]) ** 2).sum(axis=-1)
    log_variance = -np.log(np.where(precision > 0, precision, 1.0)).sum(axis=(-2, -1))
    return total, mean, within, log_variance


def _precision(run_error: Floats, extra_variance: Floats) -> Floats:
    variance = run_error**2 + extra_variance[..., None, None]
    return np.where(np.isnan(variance), 0.0, 1.0 / np.where(np.isnan(variance), 1.0, variance))
