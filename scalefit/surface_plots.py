"""Pictures of a fit of several drivers: its surface from above, and slices through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _drawing as draw
from ._columns import are_params_and_data
from ._format import plain, size_text
from .errors import FitError
from .estimands import Cost, as_cost, best_place
from .results import mean_curve
from .surface import driver_number, largest_run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .fit import Fit

__all__ = ["plot_slices", "plot_surface"]

Floats = NDArray[np.float64]
#: Points of a side of the surface, and of a slice.
_SIDE, _ALONG = 61, 25
#: Values of the other driver at which slices are drawn.
_SLICES = 5
#: Lines of equal cost.
_BUDGETS = 6


def plot_surface(
    fit: Fit, ax: Axes | None = None, *, beyond: float = 3.0, cost: str | Cost | Any = None
) -> Axes:
    """Draw the fitted surface of two drivers from above, with its runs.

    Parameters
    ----------
    fit : Fit
        Of two drivers.
    ax : Axes, optional
        Where to draw; a new figure if not given.
    beyond : float
        How far the picture goes, as a multiple of the largest size of each driver.
    cost : str, Cost or callable
        What a run costs, for the lines of equal cost and the best runs along them; by default
        "6ND" of parameters and tokens, and none of other drivers.

    Returns
    -------
    Axes
        Runs have the colour of their score; where it differs from that of the surface about them,
        the law misses them. Where a forecast is refused nothing is painted.

    Examples
    --------
    >>> import scalefit as sf
    >>> runs = {"params": [1e7, 1e7, 1e8, 1e8, 1e9, 1e9, 1e10, 1e10] * 2,
    ...         "tokens": [1e9] * 8 + [1e10, 1e11] * 4,
    ...         "loss": [4.90, 4.92, 3.94, 3.95, 3.51, 3.50, 3.31, 3.32,
    ...                  4.45, 4.26, 3.49, 3.31, 3.06, 2.86, 2.86, 2.68]}
    >>> ax = plot_surface(sf.fit(runs, drivers=["params", "tokens"]), draw.paper())
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('params', 'tokens')
    """
    first, second = _two(fit)
    rows = fit.table.rows
    sizes = [rows[name].to_numpy(dtype=float) for name in (first, second)]
    score = rows[fit.table.score].to_numpy(dtype=float)
    axes = [np.geomspace(x.min() / 1.2, beyond * x.max(), _SIDE) for x in sizes]
    across, up = np.meshgrid(*axes)
    height = mean_curve(fit.estimate, across.ravel(), [up.ravel()]).reshape(across.shape)
    reasons = fit.refused_at({first: across.ravel(), second: up.ravel()})
    withheld = np.array([reason != "" for reason in reasons]).reshape(across.shape)
    height = np.where(withheld, np.nan, height)
    if cost is None and are_params_and_data((first, second)):
        cost = "6ND"
    with draw.style():
        ax = draw.screen((6.4, 4.8)) if ax is None else ax
        low, high = _shown(score, height[~withheld])
        levels = np.linspace(low, high, 15)
        shades = "viridis" if fit.table.metrics[0].sign > 0 else "viridis_r"
        painted: Any = ax.scatter(
            sizes[0], sizes[1], c=score, cmap=shades, vmin=low, vmax=high, s=16, edgecolors="black",
            linewidths=0.6, zorder=4,
        )  # fmt: skip
        told = height[~withheld]
        if told.size:
            painted = ax.contourf(
                across, up, height, levels, cmap=shades, extend="both", alpha=0.85
            )
        if told.size and np.ptp(told) > (high - low) / 15:  # else no line would cross it
            lines = ax.contour(
                across, up, height, levels[::2], colors="white", linewidths=0.5, alpha=0.7
            )
            ax.clabel(lines, fontsize=6.5, fmt="%.3g")
        for line, edge in ((ax.axvline, sizes[0].max()), (ax.axhline, sizes[1].max())):
            line(edge, color=draw.GREY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=3)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlim(axes[0][0], axes[0][-1])
        ax.set_ylim(axes[1][0], axes[1][-1])
        if cost:
            _costs(fit, ax, as_cost(cost), sizes)
        draw.size_axis(ax)
        draw.size_axis(ax, vertical=True)
        ax.set_xlabel(plain(first, 60), parse_math=False)
        ax.set_ylabel(plain(second, 60), parse_math=False)
        ax.figure.colorbar(painted, ax=ax, label=draw.score_text(fit), pad=0.02)
        draw.title(ax, fit.label, f"{fit.law.name}; beyond the dotted lines nothing was run")
    return ax


def _shown(score: Floats, height: Floats) -> tuple[float, float]:
    """Return the scores that colours tell apart: those of the runs, and as much again."""
    low, high = float(score.min()), float(score.max())
    span = (high - low) or 0.05 * abs(high) or 1.0
    bottom, top = np.min(height, initial=low), np.max(height, initial=high)
    if top - bottom < 1e-6 * span:
        return low - 0.5 * span, high + 0.5 * span
    return max(low - 0.5 * span, float(bottom)), min(high + 0.5 * span, float(top))


def _costs(fit: Fit, ax: Axes, cost: Cost, sizes: list[Floats]) -> None:
    """Draw lines of equal cost, and the best run along each of many."""
    spent = np.log(cost.of(*sizes))
    frame, estimate = fit.estimate.sample.frame, fit.estimate.central()
    x = np.geomspace(*ax.get_xlim(), _ALONG)
    for k, budget in enumerate(np.linspace(spent.min(), spent.max(), _BUDGETS)):
        y = np.exp(cost.second(np.log(x), np.full(x.size, budget)))
        label = "_" if k else f"equal cost ({cost.label})"
        ax.plot(
            x, y, color=draw.BLACK, linewidth=0.6, linestyle="--", alpha=0.55, zorder=2, label=label
        )
    many = np.linspace(spent.min(), spent.max() + np.log(100.0), 25)
    rows = np.zeros(many.size, dtype=np.intp)
    part = estimate.take(rows)
    place = best_place(
        part.law, part.coefficients, part.shapes(), frame.map(lambda v: v[rows]), cost,
        np.exp(many),
    )  # fmt: skip
    found = np.isfinite(place[0])
    sizes_of = {name: np.exp(p[found]) for name, p in zip(fit.table.drivers, place, strict=True)}
    if found.any() and not all(fit.refused_at(sizes_of)):
        ax.plot(
            np.exp(place[0]), np.exp(place[1]), color=draw.VERMILLION, linewidth=1.6, zorder=5,
            label=f"best runs ({cost.label})",
        )  # fmt: skip
    # Below the picture, where it hides no run.
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.12), ncols=2, fontsize=7)


def plot_slices(
    fit: Fit, ax: Axes | None = None, *, along: str | None = None, beyond: float = 10.0
) -> Axes:
    """Draw the score against one driver, a curve for each of some values of the other.

    Parameters
    ----------
    fit : Fit
        Of two drivers.
    ax : Axes, optional
        Where to draw; a new figure if not given.
    along : str, optional
        The driver on the axis; by default the one with more values.
    beyond : float
        How far forecasts go, as a multiple of the largest size.

    Returns
    -------
    Axes
        Runs have the colour of the slice that is nearest to them.

    Examples
    --------
    >>> import scalefit as sf
    >>> runs = {"params": [1e7, 1e7, 1e8, 1e8, 1e9, 1e9, 1e10, 1e10] * 2,
    ...         "tokens": [1e9] * 8 + [1e10, 1e11] * 4,
    ...         "loss": [4.90, 4.92, 3.94, 3.95, 3.51, 3.50, 3.31, 3.32,
    ...                  4.45, 4.26, 3.49, 3.31, 3.06, 2.86, 2.86, 2.68]}
    >>> ax = plot_slices(sf.fit(runs, drivers=["params", "tokens"]), draw.paper())
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['1B', '10B', '100B']
    """
    names = _two(fit)
    levels = fit.candidates.sample.levels[0]
    d = driver_number(names, along) if along is not None else int(np.argmax(levels))
    assert d is not None  # there are two drivers
    own, other = names[d], names[1 - d]
    rows = fit.table.rows
    x, z = (rows[name].to_numpy(dtype=float) for name in (own, other))
    score = rows[fit.table.score].to_numpy(dtype=float)
    values = np.unique(z)
    if values.size > _SLICES:
        values = np.exp(np.quantile(np.log(z), np.linspace(0.02, 0.98, _SLICES)))
    nearest = np.abs(np.log(z[:, None] / values)).argmin(axis=1)
    top = float(largest_run(fit.candidates)[d])
    grid = np.geomspace(x.min(), beyond * x.max(), _ALONG)
    with draw.style():
        from matplotlib import colormaps

        ax = draw.screen((6.4, 4.4)) if ax is None else ax
        shades = colormaps["viridis"](np.linspace(0.05, 0.85, values.size))
        curves = [fit.predict({own: grid, other: float(value)}) for value in values]
        draw.limit_scores(ax, [fit], curves)
        ax.set_xscale("log")
        ax.set_xlim(x.min() / 1.2, 1.2 * grid[-1])
        ax.axvspan(x.max(), 2 * grid[-1], color=draw.BLACK, alpha=0.05, linewidth=0, zorder=0)
        for k, (value, shade, mean) in enumerate(zip(values, shades, curves, strict=True)):
            seen = grid <= x.max() * (1 + 1e-9)
            draw.band(ax, grid, mean, color=shade, alpha=0.15, linewidth=0, zorder=1)
            name = size_text(float(value))
            ax.plot(grid[seen], mean["estimate"][seen], color=shade, linewidth=1.5, label=name)
            ax.plot(grid[~seen], mean["estimate"][~seen], "--", color=shade, linewidth=1.2)
            mine = nearest == k
            ax.plot(x[mine], score[mine], "o", color=shade, markersize=3.5, alpha=0.75, zorder=4)
        draw.size_axis(ax)
        ax.set_xlabel(plain(own, 60), parse_math=False)
        ax.set_ylabel(draw.score_text(fit), parse_math=False)
        ax.legend(title=plain(other, 30), fontsize=7, title_fontsize=7)
        draw.title(ax, fit.label, f"{fit.law.name}; largest run at {size_text(top)} {own}")
    return ax


def _two(fit: Fit) -> tuple[str, str]:
    if len(fit.table.drivers) != 2:
        raise FitError(
            f"a picture of a surface needs two drivers; this fit has {', '.join(fit.table.drivers)}"
        )
    first, second = fit.table.drivers
    return first, second
