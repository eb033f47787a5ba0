"""How a comparison looks: a forest of intervals, small multiples of curves, a ladder of ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    VERMILLION,
    arrows,
    bar,
    curve,
    limit_scores,
    limit_sizes,
    panels_figure,
    runs,
    screen,
    size_axis,
    size_grid,
    style,
)
from ._format import interval_text, plain, plain_names
from .inference import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .comparison import Comparison

__all__ = ["forest_size", "plot_comparison", "plot_curves", "plot_ranks"]

_COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, "#CC79A7", "#56B4E9")
_NAME, _MEAN = 34, "mean over groups"
#: Points of an arrow head that ends a thin line.
_THIN = 4.5


def forest_size(found: Comparison) -> tuple[float, float]:
    """Return width and height, in inches, in which a forest plot can be read."""
    means = 0 if found.meta is None else len(found.meta.table) + 0.6
    return 7.6, 1.3 + 0.3 * (len(found.groups) + means)


def plot_comparison(found: Comparison, *, ax: Axes | None = None) -> Axes:
    """Draw the interval of each group, the mean over groups and the prediction of a new one.

    Parameters
    ----------
    found : Comparison
        Made by :func:`scalefit.compare`.
    ax : Axes, optional
        Where to draw; by default on a figure of its own.

    Returns
    -------
    Axes
    """
    rows, meta = found.table, found.meta
    order = _order(found)
    with style():
        ax = screen(forest_size(found)) if ax is None else ax
        ax.set_xlim(*_limits(found))
        colours = _kind_colours(found)
        for place, g in enumerate(order):
            y, row = float(place), rows.iloc[g]
            if np.isfinite([row["lower"], row["upper"]]).any():
                interval = Interval(row["estimate"], row["lower"], row["upper"], found.level, "")
                bar(ax, -y, interval, colours[g], "o", "-", None)
                _robust(ax, -y, row["robust_lower"], row["robust_upper"], colours[g])
            else:
                ax.annotate(f"no answer: {plain(row['caution'], 60)}", (0.02, -y), va="center",
                            xycoords=("axes fraction", "data"), color=GREY, fontsize=8)  # fmt: skip
        names = plain_names(rows["group"], _NAME)
        labels = [names[g] for g in order]
        places = [-float(y) for y in range(len(order))]
        if meta is not None:
            base = -len(order) - 0.3
            kinds = plain_names(meta.table.index, 24)
            ax.axhline(base + 0.65, color=GREY, linewidth=0.6)
            for k, mean in enumerate(meta.table.to_dict("records")):
                _diamond(ax, base - k, mean["estimate"], mean["lower"], mean["upper"])
                labels.append(f"mean: {kinds[k]}" if found.kinds is not None else _MEAN)
                places.append(base - k)
            if np.isfinite(meta.prediction).all():
                ax.plot(meta.prediction, [base, base], color=GREY, linewidth=5, alpha=0.35,
                        zorder=0, solid_capstyle="butt", label="a new group")  # fmt: skip
                arrows(ax, base, *meta.prediction, GREY, _THIN)
            ax.set_ylim(base - len(meta.table) + 0.3, 0.7)
        else:
            ax.set_ylim(-len(order) + 0.3, 0.7)
        if ax.get_xlim()[0] < 0 < ax.get_xlim()[1]:
            ax.axvline(0.0, color=BLACK, linewidth=0.7, linestyle=(0, (1, 2)), zorder=0)
        ax.set_yticks(places, labels, parse_math=False)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.set_xlabel(plain(found.what, 90), parse_math=False)
        p = found.tests["p"].iloc[0]
        ax.set_title(
            f"one answer for all {len(found.curves)} groups: p = {p:.2g}\n"
            f"{100 * found.level:g} % intervals; thin: whichever surviving law is true",
            loc="left",
        )
    return ax


def plot_curves(found: Comparison, *, figure: Figure | None = None, beyond: float = 10.0) -> Figure:
    """Draw every fitted curve with its runs as small multiples on shared axes.

    Parameters
    ----------
    found : Comparison
    figure : Figure, optional
        Where to draw.
    beyond : float
        How far to forecast, in multiples of the largest size of all.
    """
    from .alignment import same_metric

    fitted = [(group.name, group.fit) for group in found.groups if group.fit is not None]
    names = [name for name, _ in fitted]
    fits = [fit for _, fit in fitted]
    share_y = same_metric({n: f.table.metrics[0] for n, f in fitted}) is None
    columns = min(4, max(1, len(fits)))
    n_rows = -(-len(fits) // columns)
    with style():
        figure = panels_figure(figure, n_rows, columns, share_y)
        axes = figure.subplots(n_rows, columns, sharex=True, sharey=share_y, squeeze=False).ravel()
        means = []
        for fit in fits:
            top = float(fit.candidates.sample.x.max())
            far = beyond * max(float(f.candidates.sample.x.max()) for f in fits)
            means.append(fit.predict(size_grid(fit, far / top, 60)))
        titles = plain_names(names, _NAME)
        for ax, name, fit, mean in zip(axes, titles, fits, means, strict=False):
            if share_y:
                limit_scores(ax, fits, means)
            else:
                limit_scores(ax, [fit], [mean])
            sizes = mean[fit.driver].to_numpy()
            curve(ax, sizes, mean, BLUE)
            runs(ax, fit, small=True)
            ax.set_title(name, loc="left", fontsize=8.5, parse_math=False)
        for ax in axes[: len(fits)]:
            limit_sizes(ax, fits, beyond)
            size_axis(ax, small=True)
        for ax in axes[len(fits) :]:
            ax.set_visible(False)
        for ax in axes[max(len(fits) - columns, 0) : len(fits)]:
            ax.tick_params(labelbottom=True)
        figure.supxlabel(plain(fits[0].driver, 40) if fits else "", parse_math=False)
        figure.supylabel(plain(fits[0].table.score, 40) if fits else "", parse_math=False)
    return figure


def plot_ranks(found: Comparison, *, ax: Axes | None = None) -> Axes:
    """Draw the rank of each group with the interval that holds for all groups at once."""
    rows = found.ranks
    with style():
        ax = screen((6.4, 1.2 + 0.28 * len(rows))) if ax is None else ax
        y = -np.arange(len(rows), dtype=float)
        ax.hlines(y, rows["lower"], rows["upper"], color=BLUE, linewidth=1.8)
        ax.plot(rows["rank"], y, "o", color=BLUE, markersize=5)
        for place, share in zip(y, rows["first"], strict=True):
            ax.annotate(f"{100 * share:.0f} %", (1.02, place), va="center", fontsize=8,
                        xycoords=("axes fraction", "data"), annotation_clip=False)  # fmt: skip
        ax.annotate("best", (1.02, 0.8), va="center", fontsize=8, color=GREY,
                    xycoords=("axes fraction", "data"), annotation_clip=False)  # fmt: skip
        ax.set_yticks(y, plain_names(rows["group"], _NAME), parse_math=False)
        ax.set_ylim(-len(rows) + 0.3, 1.0)
        ax.set_xlim(0.6, len(rows) + 0.4)
        ax.set_xticks(_ticks(len(rows)))
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel(f"rank by {plain(found.what, 80)}", parse_math=False)
        ax.set_title(f"ranks with simultaneous {100 * found.level:g} % intervals", loc="left")
    return ax


def _order(found: Comparison) -> list[int]:
    """Return the groups by kind, best first; those without an answer last."""
    value = found.table["estimate"].to_numpy() * (1.0 if found.higher else -1.0)
    kinds = [0] * len(value)
    if found.kinds is not None:
        names = list(dict.fromkeys(found.kinds))
        kinds = [names.index(kind) for kind in found.kinds]
    unknown = np.isnan(value)
    return sorted(range(len(value)), key=lambda g: (kinds[g], unknown[g], -value[g]))


def _kind_colours(found: Comparison) -> list[Any]:
    if found.kinds is None:
        return [BLUE] * len(found.groups)
    names = list(dict.fromkeys(found.kinds))
    return [_COLOURS[names.index(kind) % len(_COLOURS)] for kind in found.kinds]


def _limits(found: Comparison) -> tuple[float, float]:
    """Return limits that hold every estimate, and as much of each interval as lies near them.

    Ends of the wider intervals, over laws or of a new group, widen them up to fivefold.
    """
    rows = found.table
    values = rows["estimate"].to_numpy()
    values = values[np.isfinite(values)]
    ends = rows[["lower", "upper"]].to_numpy().ravel()
    if found.meta is not None:
        ends = np.concatenate([ends, found.meta.table[["lower", "upper"]].to_numpy().ravel()])
    ends = ends[np.isfinite(ends)]
    values = values if values.size else ends
    span = float(np.ptp(values)) or float(np.median(np.abs(ends - values[0]))) or 1.0
    near = ends.clip(values.min() - 2.0 * span, values.max() + 2.0 * span)
    low, high = min(near.min(), values.min()), max(near.max(), values.max())
    wider = rows[["robust_lower", "robust_upper"]].to_numpy().ravel()
    if found.meta is not None:
        wider = np.concatenate([wider, found.meta.prediction])
    wider = wider[np.abs(wider - 0.5 * (low + high)) <= 2.5 * (high - low)]
    low, high = min([low, *wider]), max([high, *wider])
    pad = 0.05 * (high - low or 1.0)
    return float(low - pad), float(high + pad)


def _robust(ax: Axes, y: float, lower: float, upper: float, colour: Any) -> None:
    if np.isnan(lower):
        return
    left, right = ax.get_xlim()
    ax.plot([max(lower, left), min(upper, right)], [y, y], color=colour, linewidth=0.6, alpha=0.8)
    arrows(ax, y, lower, upper, colour, _THIN)


def _diamond(ax: Axes, y: float, value: float, lower: float, upper: float) -> None:
    ax.fill([lower, value, upper, value], [y, y + 0.25, y, y - 0.25], color=BLACK, linewidth=0)
    ax.annotate(interval_text(value, lower, upper), (1.03, y), xycoords=("axes fraction", "data"),
                va="center", fontsize=8, annotation_clip=False)  # fmt: skip


def _ticks(n: int) -> list[int]:
    step = max(1, n // 10)
    return list(range(1, n + 1, step))
