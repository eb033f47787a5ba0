"""Pictures of what the data allow: the laws side by side, and a quantity at every level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from . import _drawing as draw
from ._format import interval_text, plain
from .errors import FitError
from .estimands import Gain, Parameter
from .results import mean_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .estimands import Estimand, Implicit
    from .fit import Fit
    from .inference import Interval

__all__ = ["plot_laws", "plot_profile"]

_LEVELS = (0.05, 0.25, 0.5, 0.68, 0.8, 0.9, 0.95, 0.975, 0.99)
#: Colour and dash, the first for the law that is reported.
_LOOKS = (
    (draw.BLUE, "-"), (draw.ORANGE, "--"), (draw.GREEN, ":"), (draw.VERMILLION, "-."),
    (draw.SKY, (0, (5, 1))), (draw.GREY, (0, (1, 1))), (draw.BLACK, (0, (3, 1, 1, 1))),
)  # fmt: skip


def plot_laws(fit: Fit, ax: Axes | None = None, *, beyond: float = 10.0) -> Axes:
    """Draw the laws that could be fitted side by side, with the size means.

    Parameters
    ----------
    fit : Fit
        The curve.
    ax : Axes, optional
        Where to draw; a new figure if not given.
    beyond : float
        How far the curves go, as a multiple of the largest size.

    Returns
    -------
    Axes
        The law that is reported is drawn first; a rejected one is thin and grey.

    Examples
    --------
    >>> import scalefit as sf
    >>> from scalefit.plots import paper
    >>> fit = sf.fit({"cells": [1e4, 1e5, 1e6, 1e7] * 2, "seed": [0] * 4 + [1] * 4,
    ...               "f1": [.60, .75, .81, .84, .61, .74, .80, .83]},
    ...              law=["saturating_power", "constant"])
    >>> [line.get_label() for line in plot_laws(fit, paper()).lines][-3:]
    ['saturating_power', 'constant (rejected)', 'size means']
    """
    fit.table.need_one_driver("a picture of all laws")
    sizes = draw.size_grid(fit, beyond, 121)
    rows = fit.laws.sort_values("chosen", ascending=False, kind="stable").to_dict("records")
    estimates = {e.law.name: e for e in fit.candidates.estimates if e.applicable[0]}
    with draw.style():
        ax = draw.screen((6.4, 4.4)) if ax is None else ax
        draw.limit_sizes(ax, [fit], beyond)
        draw.limit_scores(ax, [fit], [fit.predict(sizes)])
        draw.forecast_region(ax, fit, beyond, named=True)
        for i, row in enumerate(row for row in rows if row["law"] in estimates):
            colour, dash = _LOOKS[i % len(_LOOKS)]
            name, width = row["law"], 1.8
            if row["status"] == "rejected":
                name, colour, width = f"{name} (rejected)", draw.GREY, 0.9
            mean = mean_curve(estimates[row["law"]], sizes)
            ax.plot(sizes, mean, linestyle=dash, color=colour, linewidth=width, label=name)
        sample = fit.candidates.sample
        used = sample.count[0] > 0
        ax.plot(sample.x[0, used], sample.mean[0, used], "D", color=draw.BLACK, markersize=4,
                label="size means")  # fmt: skip
        draw.size_axis(ax)
        ax.set_xlabel(plain(fit.driver, 60), parse_math=False)
        ax.set_ylabel(draw.score_text(fit), parse_math=False)
        draw.title(ax, fit.label, "laws side by side")
        ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.17), ncols=3)
    return ax


def plot_profile(
    fit: Fit,
    estimand: Estimand | Implicit | None = None,
    ax: Axes | None = None,
    *,
    levels: Sequence[float] = _LEVELS,
) -> Axes:
    """Draw the interval of a quantity at every level, given the law and whichever law is true.

    The narrow end of each shape is the estimate; what lies inside it at a height is what the data
    allow at that level. A side that is cut off by the edge of the axes is open, or nearly so.

    Parameters
    ----------
    fit : Fit
        The curve.
    estimand : Estimand, optional
        What is asked: ``sf.Gain(10)``, which is the default, ``sf.Parameter("exponent")``, ...
    ax : Axes, optional
        Where to draw; a new figure if not given.
    levels : sequence of float
        Levels between 0 and 1 at which intervals are asked for.

    Returns
    -------
    Axes
        Along x the quantity, along y the level in per cent.

    Examples
    --------
    >>> import scalefit as sf
    >>> from scalefit.plots import paper
    >>> fit = sf.fit({"cells": [1e4, 1e5, 1e6, 1e7] * 2, "seed": [0] * 4 + [1] * 4,
    ...               "f1": [.60, .75, .81, .84, .61, .74, .80, .83]})
    >>> plot_profile(fit, sf.Parameter("exponent"), paper()).get_xlabel()
    'exponent'
    """
    if len(levels) < 2:
        raise FitError("levels= needs two levels or more, such as [0.5, 0.95]")
    asked = Gain(10.0) if estimand is None else estimand
    heights = sorted(levels)
    within = fit.settings.conditional
    given = [fit.ask(asked, level, within) for level in heights]
    # A parameter belongs to one law: other laws have none of that name, or another.
    union = [] if isinstance(asked, Parameter) else [
        fit.ask(asked, level, "union") for level in heights
    ]  # fmt: skip
    with draw.style():
        ax = draw.screen((6.4, 3.6)) if ax is None else ax
        ax.set_xlim(*_limits(given, heights, fit.settings.level))
        ax.set_ylim(0.0, 100.0)
        for intervals, colour, marker, name in (
            (union, draw.ORANGE, "s", "whichever law is true"),
            (given, draw.BLUE, "o", f"given {fit.law.name}"),
        ):
            _shape(ax, heights, intervals, colour, marker, name)
        ax.axhline(
            100 * fit.settings.level, color=draw.GREY, linestyle=":", linewidth=1,
            label=f"{100 * fit.settings.level:g} %",
        )  # fmt: skip
        if np.isfinite(given[0].estimate):
            ax.axvline(given[0].estimate, color=draw.BLACK, linewidth=0.8)
        ax.set_xlabel(asked.label, parse_math=False)
        ax.set_ylabel("level of the interval, %")
        at = fit.ask(asked, inference=within)
        said = interval_text(at.estimate, at.lower, at.upper)
        draw.title(ax, fit.label, f"{asked.label}: {said}")
        ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.2), ncols=3)
    return ax


def _limits(
    given: Sequence[Interval], levels: Sequence[float], level: float
) -> tuple[float, float]:
    """Return limits that hold the intervals up to the level in use, and a little more."""
    usual = [i for i, height in zip(given, levels, strict=True) if height <= level] or given[:1]
    ends = np.array([end for i in usual for end in (i.lower, i.estimate, i.upper)])
    ends = ends[np.isfinite(ends)]
    if not ends.size:
        return 0.0, 1.0
    low, high = float(ends.min()), float(ends.max())
    room = 0.12 * (high - low) or 0.5 * abs(high) or 1.0
    return low - room, high + room


def _shape(
    ax: Axes, levels: Sequence[float], intervals: Sequence[Interval], colour: str, marker: str,
    name: str,
) -> None:  # fmt: skip
    """Draw the ends of nested intervals, closed at the estimate; open ones lie on the edge."""
    told = [(100 * p, i) for p, i in zip(levels, intervals, strict=False) if not np.isnan(i.lower)]
    if not told:
        return
    low, high = ax.get_xlim()
    heights = np.array([height for height, _ in told])
    lower = np.array([i.lower for _, i in told]).clip(low, high)
    upper = np.array([i.upper for _, i in told]).clip(low, high)
    ax.fill_betweenx(heights, lower, upper, color=colour, alpha=0.15, linewidth=0)
    ax.plot(lower, heights, "-", color=colour, marker=marker, markersize=3.5, label=name)
    ax.plot(upper, heights, "-", color=colour, marker=marker, markersize=3.5)
