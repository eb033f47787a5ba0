"""Pictures of results on matplotlib axes; nothing is calculated here.

Every number drawn comes from a call on the fit. matplotlib is imported when the first picture is
drawn, and its global settings are left as they are.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _drawing as draw
from ._format import interval_text, number, plain, plain_names, size_text
from .errors import FitError
from .evidence_plots import plot_laws, plot_profile
from .results import residuals
from .surface_plots import plot_slices, plot_surface
from .words import verdict_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .fit import Fit

__all__ = [
    "paper", "plot_fit", "plot_fits", "plot_gain", "plot_laws", "plot_margins", "plot_profile",
    "plot_residuals", "plot_slices", "plot_surface",
]  # fmt: skip

paper = draw.paper
Verdict = tuple[str, str]
#: Signs of the name of a panel, on two lines.
_LABEL = 72
#: Most panels of one figure, five a second.
_MOST_PANELS = 400

VERDICT_COLOURS = {
    "saturated": draw.BLUE,
    "still_scaling": draw.VERMILLION,
    "no_scaling": draw.GREEN,
    "inconclusive": draw.GREY,
}
_LEGEND_BELOW: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (-0.02, -0.17)}


def plot_fit(
    fit: Fit,
    ax: Axes | None = None,
    *,
    beyond: float = 10.0,
    level: float | None = None,
    legend: bool = True,
) -> Axes:
    """Draw runs, size means, the fitted curve, its bands and the forecast.

    Of two drivers: the surface from above; see :func:`plot_surface`.

    Parameters
    ----------
    fit : Fit
        The curve.
    ax : Axes, optional
        Where to draw; a new figure if not given.
    beyond : float
        How far the forecast goes, as a multiple of the largest size.
    level : float, optional
        Coverage of both bands; that of the fit if not given.
    legend : bool
        Whether to explain the marks, below the axes.

    Returns
    -------
    Axes
        Limited to the data, the curve and what lies near them; a triangle on the edge marks a band
        that goes on outside.

    Examples
    --------
    >>> import scalefit as sf
    >>> fit = sf.fit({"cells": [1e4, 1e5, 1e6, 1e7] * 2, "seed": [0] * 4 + [1] * 4,
    ...               "f1": [.60, .75, .81, .84, .61, .74, .80, .83]})
    >>> ax = plot_fit(fit, paper())
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('cells', 'f1 (higher is better)')
    """
    if len(fit.table.drivers) > 1:
        return plot_surface(fit, ax, beyond=beyond)
    sizes = draw.size_grid(fit, beyond, 81)
    mean, run = (fit.predict(sizes, kind, level) for kind in ("mean", "run"))
    found = fit.saturation()
    with draw.style():
        ax = draw.screen((6.4, 4.4)) if ax is None else ax
        draw.limit_sizes(ax, [fit], beyond)
        draw.limit_scores(ax, [fit], [mean])
        draw.forecast_region(ax, fit, beyond, named=True)
        draw.band(
            ax, sizes, run, color=draw.SKY, alpha=0.18, linewidth=0.6, linestyle=":", zorder=1,
            label=f"one new run, {draw.percent(run)}",
        )  # fmt: skip
        draw.curve(ax, sizes, mean, draw.BLUE, f"mean, {draw.percent(mean)}")
        draw.runs(ax, fit)
        draw.mark_cut_band(ax, sizes, mean, draw.BLUE)
        draw.size_axis(ax)
        ax.set_xlabel(plain(fit.driver, 60), parse_math=False)
        ax.set_ylabel(draw.score_text(fit), parse_math=False)
        gain = interval_text(found.gain.estimate, found.gain.lower, found.gain.upper)
        verdict = verdict_text(found.verdict, found.strength)
        draw.title(ax, fit.label, f"{verdict}; gain at {found.factor:g}x: {gain}")
        if legend:
            ax.legend(**_LEGEND_BELOW, ncols=2)
    return ax


def plot_fits(
    fits: Mapping[Any, Fit] | Sequence[Fit],
    *,
    columns: int = 4,
    beyond: float = 10.0,
    share_y: bool | None = None,
    figure: Figure | None = None,
) -> Figure:
    r"""Draw several curves as small multiples on shared axes.

    Parameters
    ----------
    fits : FitSet, mapping or sequence of Fit
        The curves, drawn in the order given.
    columns : int
        Panels in a row.
    beyond : float
        How far the forecasts go, as a multiple of each curve's largest size.
    share_y : bool, optional
        Whether all panels have the same score axis; by default they do if they have one metric.
    figure : Figure, optional
        Where to draw; its size is set. A new pyplot figure if not given.

    Returns
    -------
    Figure
        Each panel's title names what tells its curve apart, and the verdict, which the colour
        repeats.

    Examples
    --------
    >>> import scalefit as sf
    >>> from matplotlib.figure import Figure
    >>> runs = sf.datasets.load("denadel_2026").query("model == 'SCimilarity' and cells > 0")
    >>> fits = sf.fit(runs, by=["model", "dataset"])
    >>> [ax.get_title("left") for ax in plot_fits(fits, figure=Figure()).axes]
    ['hematopoiesis\nsaturated (firm)', 'intestine\ncannot tell']
    """
    fits = fits if isinstance(fits, Mapping) else list(fits)
    if not fits:
        raise FitError("there are no curves to draw")
    if len(fits) > _MOST_PANELS:
        raise FitError(
            f"{len(fits):,} curves are too many for one figure; draw up to {_MOST_PANELS} of them: "
            "sf.plots.plot_fits([fits[key] for key in list(fits)[:40]])"
        )
    curves = list(fits.values()) if isinstance(fits, Mapping) else fits
    if len(curves[0].table.drivers) > 1:
        raise FitError("small multiples have one driver; draw the surfaces one by one: fit.plot()")
    verdicts = _verdicts(fits, curves)
    columns = max(1, min(columns, len(curves)))
    rows = -(-len(curves) // columns)
    if share_y is None:
        share_y = len({(fit.table.score, fit.table.metrics[0].name) for fit in curves}) == 1
    grids = [draw.size_grid(fit, beyond, 41) for fit in curves]
    means = [fit.predict(grid) for fit, grid in zip(curves, grids, strict=True)]
    names = _short_labels(curves)
    with draw.style():
        figure = draw.panels_figure(figure, rows, columns, share_y)
        panels: list[Axes] = []
        for i, (fit, mean) in enumerate(zip(curves, means, strict=True)):
            first = panels[0] if panels else None
            ax = figure.add_subplot(
                rows, columns, i + 1, sharex=first, sharey=first if share_y else None
            )
            if not share_y:
                draw.limit_scores(ax, [fit], [mean])
            panels.append(ax)
        if share_y:
            draw.limit_scores(panels[0], curves, means)
        draw.limit_sizes(panels[0], curves, beyond)
        for i, ax in enumerate(panels):
            verdict, strength = verdicts[i]
            draw.forecast_region(ax, curves[i], beyond)
            draw.curve(ax, grids[i], means[i], VERDICT_COLOURS[verdict])
            draw.runs(ax, curves[i], small=True)
            draw.mark_cut_band(ax, grids[i], means[i], VERDICT_COLOURS[verdict])
            words = "\n".join([*names[i], verdict_text(verdict, strength)])
            ax.set_title(words, loc="left", fontsize=7.5, pad=3, parse_math=False)
            lowest, leftmost = i + columns >= len(curves), i % columns == 0
            ax.tick_params(labelsize=7.5, labelbottom=lowest, labelleft=not share_y or leftmost)
        _finish_panels(figure, curves, verdicts, columns)
    return figure


def plot_gain(
    fit: Fit, ax: Axes | None = None, *, factors: Sequence[float] = (2.0, 10.0, 100.0)
) -> Axes:
    r"""Draw the gain from more data, given the law and whichever law is true, against the margin.

    Parameters
    ----------
    fit : Fit
        The curve.
    ax : Axes, optional
        Where to draw; a new figure if not given.
    factors : sequence of float
        Multiples of the largest size.

    Returns
    -------
    Axes
        An arrow ends an interval that is open, or that goes on outside.

    Examples
    --------
    >>> import scalefit as sf
    >>> fit = sf.fit({"cells": [1e4, 1e5, 1e6, 1e7] * 2, "seed": [0] * 4 + [1] * 4,
    ...               "f1": [.60, .75, .81, .84, .61, .74, .80, .83]})
    >>> [label.get_text() for label in plot_gain(fit, paper()).get_yticklabels()]
    ['2x\n20M cells', '10x\n100M cells', '100x\n1B cells']
    """
    if not factors:
        raise FitError("factors= is empty; give multiples of the largest size, such as [2, 10]")
    given = [fit.gain(factor, inference=fit.settings.conditional) for factor in factors]
    union = [fit.gain(factor, inference="union") for factor in factors]
    margin = fit.saturation().margin
    top = float(fit.candidates.sample.x.max())
    with draw.style():
        ax = draw.screen((6.4, 1.6 + 0.6 * len(factors))) if ax is None else ax
        low, high = draw.gain_limits([*given, *union], margin)
        ax.set_xlim(low, high)
        ax.axvline(0.0, color=draw.BLACK, linewidth=0.8)
        ax.axvline(
            margin, color=draw.VERMILLION, linestyle=":", linewidth=1.6,
            label=f"margin {number(margin)}",
        )  # fmt: skip
        whichever = f"{100 * union[0].level:g} %, whichever law is true"
        for i, (one, any_law) in enumerate(zip(given, union, strict=True)):
            names = (given[0].label, whichever) if i == 0 else (None, None)
            draw.bar(ax, i - 0.17, one, draw.BLUE, "o", "-", names[0])
            draw.bar(ax, i + 0.17, any_law, draw.ORANGE, "s", (0, (4, 1.5)), names[1])
        driver = plain(fit.driver, 30)
        ax.set_yticks(
            range(len(factors)), [f"{k:g}x\n{size_text(k * top)} {driver}" for k in factors]
        )
        ax.set_ylim(len(factors) - 0.4, -0.6)
        ax.set_xlabel(f"gain in {plain(fit.table.score, 60)} (right is better)", parse_math=False)
        draw.title(ax, fit.label, f"gain beyond {size_text(top)} {driver}")
        ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.22), ncols=2)
    return ax


def plot_margins(fit: Fit, ax: Axes | None = None, *, factor: float = 10.0) -> Axes:
    """Draw the verdict against the margin: which answer each smallest gain of interest gets.

    Parameters
    ----------
    fit : Fit
        The curve.
    ax : Axes, optional
        Where to draw; a new figure if not given.
    factor : float
        The k of the k-fold gain.

    Returns
    -------
    Axes
        One bar a verdict, with the margin in use as a dotted line; the last bar goes on.

    Examples
    --------
    >>> import scalefit as sf
    >>> fit = sf.fit({"cells": [1e4, 1e5, 1e6, 1e7] * 2, "seed": [0] * 4 + [1] * 4,
    ...               "f1": [.60, .75, .81, .84, .61, .74, .80, .83]})
    >>> ax = plot_margins(fit, paper())
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['still scaling', 'cannot tell', 'saturated']
    """
    found = fit.saturation(factor)
    table = found.by_margin()
    finite = [edge for edge in (*table["above"], *table["below"]) if np.isfinite(edge)]
    right = 1.4 * max(*finite, found.margin)
    with draw.style():
        ax = draw.screen((6.4, 1.4 + 0.4 * len(table))) if ax is None else ax
        for i, part in enumerate(table.to_dict("records")):
            left, below = part["above"], part["below"]
            ax.barh(
                i, min(below, right) - left, left=left, height=0.6,
                color=VERDICT_COLOURS[part["verdict"]],
            )  # fmt: skip
            if np.isinf(below):
                ax.annotate("", (right, i), (0.97 * right, i), arrowprops={"arrowstyle": "->"})
        ax.axvline(
            found.margin, color=draw.BLACK, linestyle=":", linewidth=1.6,
            label=f"margin {number(found.margin)}",
        )  # fmt: skip
        ax.set_yticks(range(len(table)), [verdict_text(verdict) for verdict in table["verdict"]])
        ax.set_ylim(len(table) - 0.5, -0.5)
        ax.set_xlim(0.0, right)
        ax.set_xlabel(f"margin: smallest gain of interest in {plain(fit.table.score, 60)}",
                      parse_math=False)  # fmt: skip
        draw.title(ax, fit.label, f"verdict on {found.factor:g} times the largest size")
        ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.22))
    return ax


def plot_residuals(fit: Fit, ax: Axes | None = None) -> Axes:
    """Draw the standardised residual of each run by its size.

    A band in which nearly all runs of a good fit lie, from -2 to 2, is shaded; a bow in the points
    says that the law bends otherwise than the data.

    Parameters
    ----------
    fit : Fit
        The curve.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes
        The axes that were drawn on.

    Examples
    --------
    >>> import scalefit as sf
    >>> fit = sf.fit({"cells": [1e4, 1e5, 1e6, 1e7] * 2, "seed": [0] * 4 + [1] * 4,
    ...               "f1": [.60, .75, .81, .84, .61, .74, .80, .83]})
    >>> plot_residuals(fit, paper()).get_ylabel()
    'standardised residual'
    """
    x, y = draw.sizes_and_scores(fit)
    _, standardised = residuals(fit.estimate, x, y)
    with draw.style():
        ax = draw.screen((6.4, 3.2)) if ax is None else ax
        ax.axhspan(-2.0, 2.0, color=draw.GREY, alpha=0.12, linewidth=0)
        ax.axhline(0.0, color=draw.BLACK, linewidth=0.8)
        ax.plot(x, standardised, "o", color=draw.BLUE, markersize=4.5, alpha=0.6, markeredgewidth=0)
        reach = max(2.6, 1.15 * float(np.abs(standardised).max()))
        ax.set_ylim(-reach, reach)
        draw.limit_sizes(ax, [fit])
        draw.size_axis(ax)
        ax.set_xlabel(plain(fit.driver, 60), parse_math=False)
        ax.set_ylabel("standardised residual")
        draw.title(ax, fit.label, f"residuals from {fit.law.name}")
    return ax


def _verdicts(fits: Any, curves: Sequence[Fit]) -> list[Verdict]:
    """Return verdict and strength of each curve; a FitSet makes them all in one pass."""
    if hasattr(fits, "saturation"):
        table = fits.saturation()
        return list(zip(table["verdict"], table["strength"], strict=True))
    found = [fit.saturation() for fit in curves]
    return [(each.verdict, each.strength) for each in found]


def _short_labels(curves: Sequence[Fit]) -> list[list[str]]:
    """Return, as one or two short lines a curve, what tells its key apart from the others."""
    keys = [dict(zip(fit.table.by, fit.table.keys[0], strict=True)) for fit in curves]
    names = list(dict.fromkeys(name for key in keys for name in key))
    telling = [name for name in names if len({str(key.get(name)) for key in keys}) > 1]
    telling = telling or names
    columns = [_parts(name, [key.get(name) for key in keys]) for name in telling]
    lines = [", ".join(filter(None, parts)) for parts in zip(*columns, strict=True)]
    lines = plain_names(lines, _LABEL) if lines else [""] * len(keys)
    wide = _LABEL // 2
    return [textwrap.wrap(line, wide, max_lines=2, placeholder="…") for line in lines]


def _parts(name: str, values: Sequence[object]) -> list[str]:
    """Return the values of a key in a few signs; a bare number would say nothing."""
    texts = [
        f"{plain(name, 20)} {value:g}" if isinstance(value, (int, float)) else value
        for value in values
    ]
    return plain_names(["" if text is None else text for text in texts], _LABEL // 2)


def _finish_panels(
    figure: Figure, curves: Sequence[Fit], verdicts: Sequence[Verdict], columns: int
) -> None:
    """Name the common axes of small multiples and explain the marks, once for all panels."""
    from matplotlib.lines import Line2D

    draw.size_axis(figure.axes[0], small=True)
    width, height = figure.get_size_inches()
    drivers = ", ".join(dict.fromkeys(plain(fit.driver, 40) for fit in curves))
    scores = list(dict.fromkeys(draw.score_text(fit) for fit in curves))
    score = scores[0] if len(scores) == 1 else "score"
    figure.text(0.5, 0.48 / height, drivers, ha="center", parse_math=False)
    figure.text(
        0.12 / width, 0.5, score, rotation="vertical", va="center", ha="left", parse_math=False
    )
    seen = dict.fromkeys(verdict for verdict, _ in verdicts)
    marks = [
        Line2D([], [], color=VERDICT_COLOURS[verdict], linewidth=2, label=verdict_text(verdict))
        for verdict in VERDICT_COLOURS if verdict in seen
    ]  # fmt: skip
    marks += [
        Line2D([], [], color=draw.BLACK, linestyle="--", label="forecast"),
        Line2D(
            [], [], color=draw.BLACK, marker="D", markersize=3, linestyle="", label="size means"
        ),
    ]
    figure.legend(
        handles=marks, loc="lower center", ncols=3 if columns < 3 else 6,
        bbox_to_anchor=(0.5, 0.0),
    )  # fmt: skip
