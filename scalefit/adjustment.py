"""P values of a family, adjusted for their number."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .errors import FitError, nearest

__all__ = ["ADJUSTED", "Adjust", "adjusted", "check_adjust"]

Floats = NDArray[np.float64]
Adjust = Literal["holm", "bh"] | None

#: How p values were adjusted, in words.
ADJUSTED = {"holm": "Holm", "bh": "Benjamini-Hochberg", None: "not adjusted"}
_METHODS = {"holm": "holm", "bh": "fdr_bh"}


def check_adjust(adjust: object) -> None:
    """Raise FitError, saying what there is, for a way to adjust that is unknown."""
    if adjust is not None and adjust not in _METHODS:
        raise FitError(
            f"adjust={adjust!r}; use 'holm', 'bh' or None" + nearest(str(adjust), _METHODS)
        )


def adjusted(p: Floats, adjust: Adjust) -> Floats:
    """Return p values adjusted over their family.

    Parameters
    ----------
    p : array
        A test that was not made is nan: it stays nan, and is no member of the family.
    adjust : {"holm", "bh", None}
        Holm 1979 (jstor.org/stable/4615733), Benjamini & Hochberg 1995
        (doi:10.1111/j.2517-6161.1995.tb02031.x), or none.

    Examples
    --------
    >>> adjusted(np.array([0.01, 0.04]), "holm").tolist()
    [0.02, 0.04]
    >>> adjusted(np.array([0.01, np.nan, 0.04]), "holm").tolist()
    [0.02, nan, 0.04]
    """
    made = ~np.isnan(p)
    if adjust is None or not made.any():
        return p
    from statsmodels.stats.multitest import multipletests

    corrected = p.copy()
    corrected[made] = multipletests(p[made], method=_METHODS[adjust])[1]
    return corrected
