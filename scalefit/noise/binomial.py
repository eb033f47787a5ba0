"""Shares of test items answered right: all scores rest on the same items, and shift together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import ScalefitError
from ..sample import Sample
from .gaussian import Gaussian, Variance

__all__ = ["Binomial"]


@dataclass(frozen=True, slots=True)
class Binomial:
    """Normal errors between runs, and the draw of the test items common to all of them.

    Parameters
    ----------
    variance : {"auto", "constant", "power"}
        How the variance between runs depends on size; see :class:`Gaussian`.

    Notes
    -----
    Another set of ``m`` items would shift every score of the curve alike, with variance
    ``p (1 - p) / m``. That belongs to statements about levels (a score, an asymptote), and cancels
    from gains; as independent noise of every run it would be counted twice in gains and averaged
    away in levels. ``p`` is the mean score at the largest size: nearly all questions about levels
    are put there or beyond.

    Examples
    --------
    >>> Binomial().name
    'binomial'
    """

    variance: Variance = "auto"

    @property
    def name(self) -> str:
        """Name in ``noise=``."""
        return "binomial"

    @property
    def roles(self) -> frozenset[str]:
        """Roles of further columns that this error model makes use of."""
        return frozenset({"items", "sd", "n"})

    @property
    def words(self) -> str:
        """The errors in words."""
        return (
            f"{Gaussian(self.variance).words}; the draw of the test items, binomial at the largest "
            "size and common to all runs, was added to statements about levels"
        )

    def weigh(self, sample: Sample) -> Sample:
        """Return the sample weighted as by :class:`Gaussian`, with the items' common variance."""
        used = sample.count > 0
        if np.isnan(sample.items[used]).any():
            raise ScalefitError(
                "noise='binomial' needs the number of test items behind every score; name their "
                "column, as in items='n_items'"
            )
        outside = used & ((sample.mean < 0) | (sample.mean > 1))
        if outside.any():
            mean, runs = sample.mean[used], sample.runs[used]
            whole = bool(np.all((runs == np.floor(runs)) | np.isnan(runs)))
            counts = whole and bool(np.all((mean >= 0) & (mean <= sample.items[used])))
            mends = ["divide percentages by 100"] if not counts or mean.max() <= 100 else []
            mends += ["divide counts of right answers by the number of items"] if counts else []
            raise ScalefitError(
                f"noise='binomial' needs scores that are shares between 0 and 1; one is "
                f"{sample.mean[outside][0]:g}; {', '.join(mends)}, or leave items= out"
            )
        top = np.where(used, sample.x, -np.inf).argmax(axis=1)
        rows = np.arange(len(sample))
        share, items = sample.mean[rows, top], sample.items[rows, top]
        errors = replace(sample.errors, common_variance=share * (1.0 - share) / items)
        return Gaussian(self.variance).weigh(replace(sample, errors=errors))
