"""How pooling looks: each curve's exponent alone and pooled, and the mean of their population."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._drawing import BLACK, BLUE, GREY, screen, style
from ._format import plain_names

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["plot_shrinkage"]


def plot_shrinkage(
    shrinkage: pd.DataFrame, population: pd.DataFrame, ax: Axes | None = None
) -> Axes:
    """Draw the exponents of curves alone and pooled, with their 95 % intervals.

    Parameters
    ----------
    shrinkage, population : DataFrame
        Of :class:`scalefit.PosteriorView`.
    ax : Axes, optional
        Where to draw; by default on a figure of its own.

    Returns
    -------
    Axes
    """
    count = len(shrinkage)
    with style():
        ax = screen((6.4, 1.3 + 0.34 * count)) if ax is None else ax
        rows = np.arange(count)[::-1].astype(float)
        for name, colour, marker, lift, label in (
            ("alone", GREY, "o", 0.14, "curve alone"),
            ("pooled", BLUE, "D", -0.14, "pooled"),
        ):
            middle, low, high = (
                shrinkage[column].to_numpy() for column in (name, f"{name}_lower", f"{name}_upper")
            )
            ax.hlines(rows + lift, low, high, color=colour, linewidth=1.4, zorder=2)
            ax.plot(middle, rows + lift, marker, color=colour, markersize=4.5, linestyle="none",
                    label=label, zorder=3)  # fmt: skip
        if "mean" in population.index:
            columns = population.loc[["mean"], ["mean", "lower", "upper"]]
            centre, start, end = columns.to_numpy(dtype=float)[0].tolist()
            ax.axvspan(start, end, color=BLUE, alpha=0.12, linewidth=0, zorder=0,
                       label="mean of the population")  # fmt: skip
            ax.axvline(centre, color=BLUE, linewidth=0.8, zorder=1)
        ax.axvline(0.0, color=BLACK, linewidth=0.6, linestyle=":", zorder=0)
        ax.set_yticks(rows, plain_names(shrinkage.index, 40), parse_math=False)
        ax.set_ylim(-0.7, count - 0.3)
        ax.set_xlabel("exponent, with 95 % posterior intervals")
        ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.22), ncols=3)
    return ax
