"""How a plan looks: the chances of each verdict as bars, one a proposal, with widths beside."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from ._drawing import BLACK, screen, style
from ._format import number, plain
from .plots import VERDICT_COLOURS
from .words import verdict_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .planning import Plan

__all__ = ["plan_size", "plot_plan"]

_HATCHES = {"saturated": "", "still_scaling": "", "no_scaling": "..", "inconclusive": "//"}

#: Signs in a line of a proposal's label.
_LABEL = 32


def plan_size(found: Plan) -> tuple[float, float]:
    """Return width and height, in inches, in which a plan can be read."""
    return 8.4, 1.6 + 0.45 * len(found.proposals)


def plot_plan(found: Plan, *, ax: Axes | None = None) -> Axes:
    """Draw, for each proposal, how likely each verdict is, and how wide the gain's interval.

    The dark part of a bar is the chance of a firm verdict.

    Parameters
    ----------
    found : Plan
        Made by :func:`scalefit.plan`.
    ax : Axes, optional
        Where to draw; by default on a figure of its own.

    Returns
    -------
    Axes
    """
    table = found.table
    place = np.arange(len(table))[::-1]
    with style():
        ax = screen(plan_size(found)) if ax is None else ax
        left = np.zeros(len(table))
        for verdict, colour in VERDICT_COLOURS.items():
            share = table[verdict].to_numpy()
            firm = table.get(f"firm_{verdict}")
            ax.barh(
                place, share, left=left, height=0.62, color=colour, alpha=0.45,
                hatch=_HATCHES[verdict], edgecolor="white", linewidth=0.5,
                label=verdict_text(verdict),
            )  # fmt: skip
            if firm is not None and firm.any():
                ax.barh(place, firm.to_numpy(), left=left, height=0.62, color=colour, linewidth=0)
            for y, part, start in zip(place, share, left, strict=True):
                if part >= 0.08:
                    ax.annotate(f"{100 * part:.0f}", (start + 0.5 * part, y), ha="center",
                                va="center", fontsize=8, color=BLACK)  # fmt: skip
            left = left + share
        columns = ("given the law", "gain_width"), ("any law", "any_law_width")
        for k, (words, name) in enumerate(columns):
            at: Any = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points",
                       "annotation_clip": False, "fontsize": 8, "va": "center"}  # fmt: skip
            offset = 10 + 62 * k
            ax.annotate(words, (1.0, place[0] + 0.7), (offset, 0), fontstyle="italic", **at)
            for y, width in zip(place, table[name], strict=True):
                ax.annotate(_width(width), (1.0, y), (offset, 0), **at)
        ax.annotate("width of the gain's interval", (1.0, place[0] + 1.05), (10, 0), **at)
        labels = [textwrap.fill(plain(label, 80), _LABEL) for label in table["proposal"]]
        ax.set_yticks(place, labels)
        ax.set_xlim(0, 1)
        ax.set_ylim(-0.6, len(table) - 0.4)
        ax.set_xticks(np.linspace(0, 1, 6), [f"{v:.0f} %" for v in np.linspace(0, 100, 6)])
        ax.set_xlabel("chance of the verdict; solid: a firm one")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.62 / len(table) - 0.08), ncols=4)
    return ax


def _width(value: float) -> str:
    return "open" if np.isinf(value) else number(value, 2)
