"""The runs of each budget with the parabolas through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import _drawing as draw
from ._format import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .isoflop import IsoFlop

__all__ = ["plot_isoflop"]


def plot_isoflop(found: IsoFlop, ax: Axes | None = None) -> Axes:
    """Draw score against the first driver, a colour a budget; see :class:`scalefit.IsoFlop`."""
    from matplotlib import colormaps

    first = found.drivers[0]
    with draw.style():
        ax = draw.screen((6.4, 4.4)) if ax is None else ax
        shades = colormaps["viridis"](np.linspace(0.05, 0.85, len(found.budgets)))
        for shade, (_, row) in zip(shades, found.budgets.iterrows(), strict=True):
            runs, curve = (
                rows[rows["budget"] == row["budget"]] for rows in (found.runs, found.curves)
            )
            label = f"{row['budget']:.2g}"
            ax.plot(runs[first], runs[found.score], "o", color=shade, markersize=3.5, label=label)
            ax.plot(curve[first], curve[found.score], color=shade, linewidth=1.0)
        best = found.budgets[f"{first}_by_law"], found.budgets[f"{found.score}_by_law"]
        ax.plot(*best, "D-", color=draw.VERMILLION, markersize=4, linewidth=0.8, label="by the law")
        ax.set_xscale("log")
        draw.size_axis(ax)
        ax.set_xlabel(plain(first, 60), parse_math=False)
        ax.set_ylabel(plain(found.score, 60), parse_math=False)
        ax.legend(title=f"budget ({found.cost})", fontsize=7, title_fontsize=7, ncols=2)
        draw.title(ax, "", "a parabola through the runs of each budget, and the law's best runs")
    return ax
