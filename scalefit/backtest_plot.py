"""How a backtest looks: what each forecast promised too much, over how far it went."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._drawing import BLACK, BLUE, GREY, VERMILLION, screen, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .backtest import Backtest

__all__ = ["plot_backtest"]


def plot_backtest(found: Backtest, *, ax: Axes | None = None, forecaster: str = "robust") -> Axes:
    """Draw the signed error of each hidden size over the distance it was forecast from.

    Parameters
    ----------
    found : Backtest
        Made by :func:`scalefit.backtest`.
    ax : Axes, optional
        Where to draw; by default on a figure of its own.
    forecaster : str
        A law, ``"chosen"``, ``"robust"`` or ``"pooled"``.

    Returns
    -------
    Axes
    """
    rows = found.rows[found.rows["forecaster"] == forecaster].dropna(subset=["signed_error"])
    with style():
        ax = screen((6.4, 4.0)) if ax is None else ax
        for _, path in rows.groupby(["curve", "largest_left"], sort=False):
            path = path.sort_values("distance")
            ax.plot(path["distance"], 100 * path["signed_error"], color=GREY, alpha=0.35,
                    linewidth=0.8, zorder=1)  # fmt: skip
        inside = rows["covered"].to_numpy() == 1
        for mask, marker, colour, label in (
            (inside, "o", BLUE, "all runs inside the interval"),
            (~inside, "X", VERMILLION, "a run outside"),
        ):
            part = rows[mask]
            ax.plot(part["distance"], 100 * part["signed_error"], marker, color=colour,
                    markersize=4.5, alpha=0.8, linestyle="none", zorder=2,
                    label=f"{label} ({len(part)})")  # fmt: skip
        ax.axhline(0.0, color=BLACK, linewidth=0.8, zorder=0)
        reach = float(np.abs(100 * rows["signed_error"]).max()) if len(rows) else 1.0
        ax.set_ylim(-1.15 * (reach or 1.0), 1.15 * (reach or 1.0))
        ax.set_xlim(left=0.0)
        ax.set_xlabel("distance: log of the size over the largest left, per log range left")
        ax.set_ylabel("forecast less observed, % of observed\n(above zero: promised too much)")
        total = found.coverage.query("distance == 'all' and forecaster == @forecaster").iloc[0]
        ax.set_title(
            f"{forecaster}: {100 * total['coverage']:.0f} % of hidden runs in "
            f"{100 * found.level:g} % intervals ({total['curves']} curves)",
            loc="left",
        )
        ax.legend(loc="best")
    return ax
