"""Normal errors whose variance is constant or a power of the driver."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

from ..errors import ScalefitError, nearest
from ..sample import Sample
from .crossed import without_seed_effects

__all__ = ["Gaussian", "Seeds", "Variance", "variance_slope", "vary"]

Floats = NDArray[np.float64]
Variance = Literal["auto", "constant", "power"]
Seeds = Literal["nested", "crossed"]

#: Prior standard deviation of the slope of the log variance, per e-fold of the driver.
_PRIOR_SLOPE = 0.7
_WORDS = {
    "auto": "that is a power of the size where at least three sizes have replicates (the slope of "
    "the log variance estimated from the replicates and shrunken towards zero), and constant "
    "elsewhere",
    "power": "that is a power of the size (the slope of the log variance estimated from the "
    "replicates and shrunken towards zero)",
    "constant": "that is the same at every size",
}


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Normal errors on the metric's own scale.

    Parameters
    ----------
    variance : {"auto", "constant", "power"}
        ``"power"``: the variance of one run is a power of the driver; its exponent is estimated
        from the replicates and shrunken towards zero. ``"constant"``: it is the same at every
        size. ``"auto"``: "power" where at least three sizes have replicates, else "constant".
    seeds : {"nested", "crossed"}
        ``"nested"``: runs are independent, whatever their seeds are called. ``"crossed"``: a seed
        means the same at all sizes (the same order of the data, the same subsets grown larger), and
        shifts all its runs alike: that belongs to levels, and cancels from gains.

    Notes
    -----
    With ``s_i^2`` the sample variance of ``R_i`` runs, ``E log s_i^2`` exceeds the log variance
    by ``digamma((R_i - 1) / 2) - log((R_i - 1) / 2)``, and its variance is
    ``trigamma((R_i - 1) / 2)``. The weighted slope of the corrected logs on log size is shrunken by
    ``tau^2 / (tau^2 + se^2)`` with tau = 0.7 per e-fold, and costs one degree of freedom.
    Weighting by the raw ``1 / s_i^2`` instead loses a tenth of the coverage or more.
    """

    variance: Variance = "auto"
    seeds: Seeds = "nested"

    def __post_init__(self) -> None:
        for option, given, known in (
            ("variance", self.variance, ("auto", "constant", "power")),
            ("seeds", self.seeds, ("nested", "crossed")),
        ):
            if given not in known:
                raise ScalefitError(
                    f"{option}={given!r}; use {', '.join(map(repr, known[:-1]))} or {known[-1]!r}"
                    + nearest(str(given), known)
                )

    @property
    def name(self) -> str:
        """Name in ``noise=``."""
        return "gaussian"

    @property
    def roles(self) -> frozenset[str]:
        """Roles of further columns that this error model makes use of."""
        return frozenset({"sd", "n", *(["run"] if self.seeds == "crossed" else [])})

    @property
    def words(self) -> str:
        """The errors in words."""
        text = f"normal with a variance of one run {_WORDS[self.variance]}"
        if self.seeds == "crossed":
            text += "; a shift common to all runs of a seed was added to statements about levels"
        return text

    def weigh(self, sample: Sample) -> Sample:
        """Return the sample with its weights set by this error model."""
        if self.seeds == "crossed":
            sample = without_seed_effects(sample)
        return vary(sample, self.variance)


def vary(sample: Sample, variance: Variance) -> Sample:
    """Return the sample with a variance function in its weights, where it has replicates.

    With several drivers the variance is taken as constant.
    """
    if variance == "constant" or sample.frame.other:
        return sample
    flat = sample.on_link()
    spread = flat.spread
    if sample.kernel is not None:
        spread = spread / sample.kernel.deviation(flat.mean, np.ones_like(spread)) ** 2
    slope, error, known = variance_slope(flat.count, spread, flat.z)
    if variance == "power" and not known.all():
        raise ScalefitError(
            "variance='power' needs replicates at three sizes or more in every curve; "
            f"{int((~known).sum())} of {len(sample)} curves lack them; use variance='auto'"
        )
    return replace(
        sample,
        weight=sample.count * np.exp(-slope[:, None] * sample.z),
        variance_slope=slope,
        variance_slope_error=error,
        variance_df=known.astype(float),
    )


def variance_slope(
    count: Floats, spread: Floats, z: Floats
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return the shrunken slope of the log variance on log size, its error, and where it is known.

    Parameters
    ----------
    count, spread, z : arrays broadcastable to (..., K)
        Runs, their sum of squares about their mean, and log size, for each size.

    Returns
    -------
    slope, error, known : arrays (...)
        The error is the posterior standard deviation.
    """
    half_df = 0.5 * (count - 1.0)
    # A size whose runs agree in every digit says nothing finite about the log variance.
    usable = (half_df > 0) & (spread > 0)
    known = usable.sum(axis=-1) >= 3
    # The functions are slow, and counts of runs few.
    values, place = np.unique(np.where(half_df > 0, half_df, 1.0), return_inverse=True)
    log_variance = np.log(np.where(usable, spread, 1.0)) - np.log(2.0) - digamma(values)[place]
    precision = np.where(usable, 1.0 / polygamma(1, values)[place], 0.0)
    total = np.maximum(precision.sum(axis=-1, keepdims=True), 1e-300)
    centred = z - (precision * z).sum(axis=-1, keepdims=True) / total
    information = (precision * centred * centred).sum(axis=-1)
    information = np.where(information > 0, information, 1.0)
    slope = (precision * centred * log_variance).sum(axis=-1) / information
    shrunken = slope * _PRIOR_SLOPE**2 / (_PRIOR_SLOPE**2 + 1.0 / information)
    error = 1.0 / np.sqrt(1.0 / _PRIOR_SLOPE**2 + information)
    return np.where(known, shrunken, 0.0), np.where(known, error, 0.0), known
