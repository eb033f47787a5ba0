"""Checkpoints of one training run: their errors are alike, and more so the closer they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .._format import size_text
from ..errors import ScalefitError
from ..sample import Sample
from .gaussian import Gaussian, Variance
from .likelihoods import LIKELIHOODS, Likelihood, usual_margin

__all__ = ["MIN_ROWS", "Autoregressive", "one_run", "units"]

#: Sizes from which a curve without replicates can tell how alike its neighbouring rows are.
MIN_ROWS = 12


@dataclass(frozen=True, slots=True)
class Autoregressive:
    """Errors correlated within a run along log size.

    Two rows of one run have the correlation ``rho ** |log(x_i / x_j)|`` (a first-order
    autoregression if sizes are evenly spaced in log size), rows of different runs none. ``rho`` is
    estimated for the law that is fitted. The curve stays the one for independent rows, with
    intervals for correlated errors. A curve without replicates and with twelve sizes or more, in
    which every row would be a run of its own, counts as one run: if its rows are independent, the
    estimate of ``rho`` is near zero, and intervals are a little wide.

    Parameters
    ----------
    margin : {"auto", "gaussian", "student", "lognormal", "huber"}
        Errors of a single row, with a variance that is the same at all sizes; ``"auto"``:
        Student-t on logs for losses, else normal.

    Examples
    --------
    >>> Autoregressive().name
    'autoregressive'
    """

    margin: str = "auto"

    def __post_init__(self) -> None:
        known = ("auto", "gaussian", "student", "lognormal", "huber")
        if self.margin not in known:
            raise ScalefitError(f"margin={self.margin!r}; use one of {', '.join(known)}")

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
        margin = {
            "auto": "Student-t on the log scale for losses and normal for scores",
            "gaussian": "normal",
        }.get(self.margin, self.margin)
        return (
            f"{margin}, with the same scale for all rows, and correlated within a run as in a "
            "first-order autoregression along log size, which was estimated from the residuals"
        )

    def weigh(self, sample: Sample) -> Sample:
        """Return the sample with rows of one run correlated, by how much not yet known."""
        unit, alike = _runs(sample)
        errors = replace(sample.errors, correlation=np.where(alike, 0.0, np.nan))
        return replace(self._margin(sample).weigh(sample), unit=unit, errors=errors)

    def need_runs(self, sample: Sample) -> None:
        """Refuse a table in which no run has several rows, or one has several at one size."""
        ranked = np.sort(sample.unit, axis=2)
        again = ((np.diff(ranked, axis=2) == 0) & (ranked[:, :, 1:] >= 0)).sum(axis=2)
        if again.any():
            first = size_text(float(sample.x[again > 0][0]))
            raise ScalefitError(
                f"noise='autoregressive' takes one row of a run at each size, and {again.sum()} "
                f"rows share run and size with an earlier one, the first at {first}; average the "
                "scores of such rows, or name the column that tells runs apart, as in run='run_id'"
            )
        if not _runs(sample)[1].any():
            raise ScalefitError(
                "noise='autoregressive' needs runs with several rows each, and here every row is a "
                "run of its own; name the column that tells runs apart, as in run='run_id', or "
                f"leave noise= out (a curve without replicates is one run from {MIN_ROWS} sizes on)"
            )

    def _margin(self, sample: Sample) -> Gaussian | Likelihood:
        if self.margin == "auto":
            return usual_margin(sample, "constant")
        if self.margin == "gaussian":
            return Gaussian("constant")
        return LIKELIHOODS[self.margin](variance="constant")


def _runs(sample: Sample) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the run of each row, and in which curves there are runs with several rows."""
    unit = units(sample)
    return unit, _repeated(unit)


def units(sample: Sample) -> NDArray[np.intp]:
    """Return the run of each row, the same for all where nothing tells of which run they are."""
    unit = sample.unit
    alone = (one_run(sample) & ~_repeated(unit))[:, None, None]
    return np.where(alone & (unit >= 0), 0, unit)


def _repeated(unit: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return in which curves a run has several rows, ``(G,)``."""
    ranked = np.sort(unit.reshape(len(unit), -1), axis=1)
    return np.asarray(((np.diff(ranked, axis=1) == 0) & (ranked[:, 1:] >= 0)).any(axis=1))


def one_run(sample: Sample) -> NDArray[np.bool_]:
    """Return which curves have no replicates, and sizes enough for checkpoints, ``(G,)``."""
    return (sample.count <= 1).all(axis=1) & (sample.n_sizes >= MIN_ROWS)
