"""How curves look: the style, the colours, and the marks that the plots are made of.

Colours are those of Okabe and Ito, told apart by colour-blind readers, and each is doubled by a
marker or a dash.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from ._format import interval_text, plain, size_text
from .errors import FitError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Locator
    from numpy.typing import NDArray

    from .fit import Fit
    from .inference import Interval

__all__ = [
    "BLACK", "BLUE", "GREEN", "GREY", "ORANGE", "SKY", "VERMILLION", "arrows", "band", "bar",
    "curve", "forecast_region", "gain_limits", "limit_scores", "limit_sizes", "mark_cut_band",
    "panels_figure", "paper", "percent", "runs", "score_limits", "score_text", "screen",
    "size_axis", "size_grid", "size_limits", "size_locator", "sizes_and_scores", "style", "title",
]  # fmt: skip

Pair = tuple[float, float]

BLUE, SKY, GREEN = "#0072B2", "#56B4E9", "#009E73"
ORANGE, VERMILLION, GREY, BLACK = "#E69F00", "#D55E00", "#777777", "#000000"
#: Decades below which a log axis is labelled like a linear one.
_NARROW = 0.8
#: Scores that differ by less, as a share of their size, are told apart by rounding alone.
_ROUNDING = 1e-9
_STYLE: dict[str, Any] = {
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
}


def style() -> AbstractContextManager[None]:
    import matplotlib

    settings: Any = _STYLE
    return matplotlib.rc_context(settings)


def paper(width: float = 6.4, height: float = 4.4) -> Axes:
    """Return empty axes on a figure of their own that no window manager knows.

    For files: unlike pyplot's figures it needs no display and is freed when it is forgotten.

    Parameters
    ----------
    width, height : float
        In inches.

    Returns
    -------
    matplotlib.axes.Axes
        The only axes of the figure.

    Examples
    --------
    >>> paper(3, 2).figure.get_size_inches().tolist()
    [3.0, 2.0]
    """
    from matplotlib.figure import Figure

    with style():
        return Figure((width, height), layout="constrained").add_subplot()


def screen(size: Pair) -> Axes:
    """Return axes on a pyplot figure, which a notebook shows by itself."""
    from matplotlib import pyplot

    return pyplot.subplots(figsize=size, layout="constrained")[1]


def size_grid(fit: Fit, beyond: float, points: int) -> NDArray[np.float64]:
    """Return sizes from the smallest one to ``beyond`` times the largest, which is among them."""
    if not (np.isfinite(beyond) and beyond >= 1):
        raise FitError(f"beyond={beyond}; give a multiple of the largest size, such as 10")
    x, _ = sizes_and_scores(fit)
    low, high = float(x.min()), float(x.max())
    inside = np.geomspace(low, high, points - points // 3)
    outside = np.geomspace(high, beyond * high, points // 3 + 1)
    inside[[0, -1]], outside[0] = (low, high), high  # not a rounding away from the runs
    return np.unique(np.concatenate([inside, outside]))


def sizes_and_scores(fit: Fit) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows = fit.table.rows
    return rows[fit.driver].to_numpy(dtype=float), rows[fit.table.score].to_numpy(dtype=float)


def percent(table: pd.DataFrame) -> str:
    """Return the level and method that a prediction names, without whom it is for."""
    return str(table.attrs["label"]).split(",")[0]


def score_text(fit: Fit) -> str:
    metric = fit.table.metrics[0]
    name = "" if metric.name == fit.table.score else f"{plain(metric.name, 30)}; "
    return f"{plain(fit.table.score, 40)} ({name}{metric.better} is better)"


def forecast_region(ax: Axes, fit: Fit, beyond: float, named: bool = False) -> None:
    top = float(fit.candidates.sample.x.max())
    if beyond == 1:
        return
    ax.axvspan(top, beyond * top, color=BLACK, alpha=0.06, linewidth=0, zorder=0)
    ax.axvline(top, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    if named:
        ax.annotate(
            " forecast", (top, 1.0), xycoords=("data", "axes fraction"), va="top",
            color="#555555", fontsize=8, fontstyle="italic",
        )  # fmt: skip


def band(ax: Axes, sizes: NDArray[np.float64], table: pd.DataFrame, **looks: Any) -> None:
    """Draw the band of a prediction, open ends included, on axes whose limits are set."""
    low, high = ax.get_ylim()
    # matplotlib draws nothing where an end is infinite: end it out of sight instead.
    lower, upper = (table[end].clip(2 * low - high, 2 * high - low) for end in ("lower", "upper"))
    ax.fill_between(sizes, lower, upper, **looks)


def curve(
    ax: Axes, sizes: NDArray[np.float64], mean: pd.DataFrame, colour: str, of: str | None = None
) -> None:
    """Draw the fitted curve, dashed beyond the data, with its band; ``of`` explains the band."""
    beyond = mean["beyond"].to_numpy()
    seen, ahead = beyond <= 1 + 1e-9, beyond >= 1 - 1e-9
    band(ax, sizes, mean, color=colour, alpha=0.22, linewidth=0, label=of, zorder=2)
    name = None if of is None else "fitted curve"
    estimate = mean["estimate"].to_numpy()
    ax.plot(sizes[seen], estimate[seen], "-", color=colour, linewidth=1.8, label=name, zorder=3)
    if ahead.sum() > 1:
        ax.plot(
            sizes[ahead], estimate[ahead], "--", color=colour, linewidth=1.8, zorder=3,
            label=None if of is None else "its forecast",
        )  # fmt: skip


def runs(ax: Axes, fit: Fit, small: bool = False) -> None:
    sample = fit.candidates.sample
    used = sample.count[0] > 0
    x, y = sizes_and_scores(fit)
    ax.plot(
        x, y, "o", color=BLACK, markerfacecolor="none", alpha=0.45, zorder=4,
        markersize=2.5 if small else 4.5, markeredgewidth=0.5 if small else 0.8, label="runs",
    )  # fmt: skip
    ax.plot(
        sample.x[0, used], sample.mean[0, used], "D", color=BLACK, zorder=5, label="size means",
        markersize=2.2 if small else 4.0,
    )  # fmt: skip


def limit_scores(ax: Axes, curves: Sequence[Fit], means: Sequence[pd.DataFrame]) -> None:
    ax.set_ylim(*score_limits(curves, means))


def score_limits(curves: Sequence[Fit], means: Sequence[pd.DataFrame]) -> Pair:
    """Return limits that hold the runs and the curve, and as much of the bands as lies near."""
    y = np.concatenate([sizes_and_scores(fit)[1] for fit in curves])
    size = float(np.abs(y).max())
    span = float(np.ptp(y)) if np.ptp(y) > _ROUNDING * size else 0.05 * size or 1.0
    near = float(y.min()) - 1.5 * span, float(y.max()) + 1.5 * span
    line = np.concatenate([y, *(mean["estimate"] for mean in means)]).clip(*near)
    low, high = float(np.nanmin(line)), float(np.nanmax(line))
    lower = min(float(mean["lower"].min()) for mean in means)
    upper = max(float(mean["upper"].max()) for mean in means)
    low, high = max(low - 0.5 * span, min(low, lower)), min(high + 0.5 * span, max(high, upper))
    # Runs that never differ, with bands of no width, still need room around them.
    pad = 0.06 * (high - low) if high - low > _ROUNDING * size else 0.5 * span
    return low - pad, high + pad


def limit_sizes(ax: Axes, curves: Sequence[Fit], beyond: float = 1.0) -> None:
    ax.set_xscale("log")
    ax.set_xlim(*size_limits(curves, beyond))


def size_limits(curves: Sequence[Fit], beyond: float = 1.0) -> Pair:
    """Return limits of a log axis from the smallest size to ``beyond`` times the largest."""
    x = np.concatenate([sizes_and_scores(fit)[0] for fit in curves])
    low, high = float(x.min()), beyond * float(x.max())
    room = max((high / low) ** 0.03, 1.02)
    return low / room, high * room


def mark_cut_band(ax: Axes, sizes: NDArray[np.float64], mean: pd.DataFrame, colour: str) -> None:
    """Set a triangle on the edge of the axes where the band goes on outside."""
    low, high = ax.get_ylim()
    edges = (
        (high, "^", mean["upper"].to_numpy() > high),
        (low, "v", mean["lower"].to_numpy() < low),
    )
    for edge, marker, cut in edges:
        if cut.any():
            ax.plot(
                [sizes[cut][-1]], [edge], marker, color=colour, markersize=7, clip_on=False,
                zorder=6,
            )  # fmt: skip


def title(ax: Axes, label: str, says: str) -> None:
    """Set a title: the curve's label, shortened if very long, and what the picture says."""
    lines = textwrap.wrap(plain(label, 180), 66, max_lines=3, placeholder="…")
    ax.set_title("\n".join([*lines, says]), loc="left", parse_math=False)


def size_axis(ax: Axes, small: bool = False, vertical: bool = False) -> None:
    """Label a log axis of sizes in plain words, with fewer marks on a small one."""
    from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

    low, high = ax.get_ylim() if vertical else ax.get_xlim()
    axis = ax.yaxis if vertical else ax.xaxis
    axis.set_major_locator(size_locator(low, high, small))
    axis.set_major_formatter(FuncFormatter(_tick))
    axis.set_minor_formatter(NullFormatter())
    if small or np.log10(high / low) < _NARROW:  # dust, that would take most of the drawing time
        axis.set_minor_locator(NullLocator())


def size_locator(low: float, high: float, small: bool = False) -> Locator:
    """Return what chooses the sizes that are named on a log axis."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    decades = np.log10(high / low)
    if decades < _NARROW:
        return MaxNLocator(nbins=5)
    steps = (1.0,) if small or decades > 2.5 else (1.0, 2.0, 5.0)
    return LogLocator(subs=steps, numticks=12)


def _tick(value: float, _: int | None = None) -> str:
    return size_text(value)


def panels_figure(figure: Figure | None, rows: int, columns: int, share_y: bool) -> Figure:
    """Return a figure for small multiples, with margins of fixed width in inches."""
    width, height = max(2.55 * columns + 0.98, 5.2), min(1.95 * rows + 1.4, 90.0)
    if figure is None:
        from matplotlib import pyplot

        figure = pyplot.figure()
    figure.set_size_inches(width, height)
    figure.subplots_adjust(
        left=0.85 / width, right=1 - 0.13 / width, top=1 - 0.62 / height, bottom=0.85 / height,
        hspace=0.55, wspace=0.15 if share_y else 0.28,
    )  # fmt: skip
    return figure


def gain_limits(intervals: Sequence[Interval], margin: float) -> Pair:
    """Return limits that hold zero, the margin and every estimate, and most of each interval."""
    values = [0.0, margin, *(i.estimate for i in intervals if np.isfinite(i.estimate))]
    low, high = min(values), max(values)
    span = high - low
    ends = np.array([end for i in intervals for end in (i.lower, i.upper)])
    ends = ends[np.isfinite(ends)].clip(low - 1.5 * span, high + 1.5 * span)
    low, high = min(low, ends.min(initial=low)), max(high, ends.max(initial=high))
    return low - 0.06 * (high - low), high + 0.06 * (high - low)


def arrows(ax: Axes, y: float, lower: float, upper: float, colour: Any, size: float = 7.0) -> None:
    """Mark by an arrow head where an interval along x leaves the axes."""
    left, right = ax.get_xlim()
    for edge, arrow, cut in ((left, "<", lower < left), (right, ">", upper > right)):
        if cut:
            ax.plot([edge], [y], arrow, color=colour, markersize=size, clip_on=False)


def bar(
    ax: Axes, y: float, interval: Interval, colour: str, marker: str, dash: Any, name: str | None
) -> None:
    """Draw an interval along x with its text; an arrow ends it where it leaves the axes."""
    left, right = ax.get_xlim()
    lower, upper = max(interval.lower, left), min(interval.upper, right)
    if np.isnan(lower) or np.isnan(upper):
        return
    ax.plot([lower, upper], [y, y], linestyle=dash, color=colour, linewidth=1.8, label=name)
    arrows(ax, y, interval.lower, interval.upper, colour)
    if left <= interval.estimate <= right:
        ax.plot([interval.estimate], [y], marker, color=colour, markersize=6)
    ax.annotate(
        interval_text(interval.estimate, interval.lower, interval.upper), (1.03, y),
        xycoords=("axes fraction", "data"), va="center", fontsize=8, annotation_clip=False,
    )  # fmt: skip
