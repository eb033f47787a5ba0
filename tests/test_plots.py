"""The pictures: what they show, how they are limited, and what they leave alone."""

from __future__ import annotations

import itertools
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import scalefit as sf
from scalefit._format import plain_names
from scalefit.plots import (
    paper,
    plot_fit,
    plot_fits,
    plot_gain,
    plot_laws,
    plot_margins,
    plot_profile,
    plot_residuals,
)

SIZES = np.geomspace(1e4, 1e7, 6)
HOSTILE = ["$\\frac{", "<b>|x\n\x1b[31m", "_hidden", "long " * 60]


def runs(asymptote=0.9, coefficient=3.0, sd=0.005, seeds=3, sizes=SIZES, name="f1"):
    x = np.repeat(sizes, seeds)
    noise = np.random.default_rng(1).normal(0, sd, x.size)
    return {
        "cells": x,
        "seed": list(range(seeds)) * len(sizes),
        name: asymptote - coefficient * x**-0.35 + noise,
    }


@pytest.fixture(scope="module")
def fit():
    return sf.fit(runs())


@pytest.fixture(scope="module")
def fits():
    columns = {"label": np.repeat(HOSTILE, 18)}
    parts = [runs(coefficient=c) for c in (1.0, 2.0, 3.0, 4.0)]
    for name in ("cells", "seed", "f1"):
        columns[name] = np.concatenate([part[name] for part in parts])
    return sf.fit(columns, by="label")


def drawn(figure):
    figure.draw_without_rendering()
    return figure


def test_the_runs_are_all_in_sight(fit):
    ax = plot_fit(fit, paper())
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    rows = fit.table.rows
    assert left < rows["cells"].min()
    assert right >= 10 * rows["cells"].max()
    assert low < rows["f1"].min()
    assert high > rows["f1"].max()


def test_the_limits_stay_with_the_data_when_a_band_is_open():
    flat = sf.fit(runs(coefficient=0.0, name="mystery"), score="mystery", better="higher")
    ax = plot_fit(flat, paper())
    spread = np.ptp(flat.table.rows["mystery"])
    assert np.ptp(ax.get_ylim()) < 5 * spread
    triangles = [line for line in ax.lines if line.get_marker() in ("^", "v")]
    assert triangles, "a band that goes on outside is marked"


def test_what_is_forecast_is_dashed_and_shaded(fit):
    ax = plot_fit(fit, paper())
    solid, dashed = (
        next(line for line in ax.lines if line.get_label() == name)
        for name in ("fitted curve", "its forecast")
    )
    top = fit.table.rows["cells"].max()
    assert solid.get_xdata().max() == top
    assert dashed.get_xdata().min() == top
    assert (solid.get_linestyle(), dashed.get_linestyle()) == ("-", "--")
    bare = plot_fit(fit, paper(), beyond=1.0)
    assert "its forecast" not in [line.get_label() for line in bare.lines]


def test_bands_and_curve_are_those_of_predict(fit):
    ax = plot_fit(fit, paper())
    dashed = next(line for line in ax.lines if line.get_label() == "its forecast")
    table = fit.predict(dashed.get_xdata())
    np.testing.assert_array_equal(dashed.get_ydata(), table["estimate"])
    run, mean = (band.get_paths()[0].vertices for band in ax.collections)
    assert np.ptp(run[:, 1]) > np.ptp(mean[:, 1])


def test_labels_say_the_metric_its_direction_and_the_verdict():
    loss = sf.fit(runs(asymptote=2.0, coefficient=-30.0, name="loss"))
    ax = drawn(plot_fit(loss, paper()).figure).axes[0]
    assert ax.get_ylabel() == "loss (lower is better)"
    assert ax.get_title("left").startswith("still scaling")
    ticks = [tick.get_text() for tick in ax.get_xticklabels()]
    assert {"100k", "1M", "10M"} <= set(ticks)


def test_the_legend_is_outside_the_axes(fit):
    figure = drawn(plot_fit(fit, paper()).figure)
    ax = figure.axes[0]
    legend = ax.get_legend().get_window_extent()
    assert not legend.overlaps(ax.get_window_extent())
    assert figure.bbox.y0 <= legend.y0, "and not cut off"
    assert plot_fit(fit, paper(), legend=False).get_legend() is None


def test_every_panel_has_a_title_that_tells_it_apart(fits):
    figure = drawn(plot_fits(fits, figure=Figure()))
    titles = [ax.get_title("left") for ax in figure.axes]
    assert len(set(titles)) == len(fits)
    assert all("\x1b" not in title for title in titles)
    assert max(len(line) for title in titles for line in title.split("\n")) <= 60
    assert len({ax.get_ylim() for ax in figure.axes}) == 1
    free = plot_fits(fits, figure=Figure(), share_y=False)
    assert len({ax.get_ylim() for ax in free.axes}) == len(fits)
    assert len({ax.get_xlim() for ax in free.axes}) == 1


def test_too_many_panels_are_refused_at_once(fit):
    with pytest.raises(sf.FitError, match=r"10,000 curves are too many .* up to 400"):
        plot_fits([fit] * 10_000)


def test_no_title_of_a_panel_runs_into_the_next_panel(fits):
    figure = drawn(plot_fits(fits, columns=2, figure=Figure()))
    for ax in figure.axes:
        title = ax.titles[0] if hasattr(ax, "titles") else ax._left_title
        for other in figure.axes:
            assert other is ax or not title.get_window_extent().overlaps(other.get_window_extent())


def test_one_curve_and_many_curves_can_be_drawn(fit):
    assert len(plot_fits([fit], figure=Figure()).axes) == 1
    figure = plot_fits([fit] * 60, figure=Figure(), columns=6)
    assert len(figure.axes) == 60
    assert figure.get_size_inches()[1] < 95
    with pytest.raises(sf.FitError, match="no curves"):
        plot_fits([])


def test_metrics_of_different_kinds_do_not_share_an_axis(fit):
    percent = sf.fit(runs(asymptote=90.0, coefficient=300.0, name="accuracy"))
    figure = plot_fits([fit, percent], figure=Figure())
    assert figure.axes[0].get_ylim()[1] < 2 < figure.axes[1].get_ylim()[0]


def test_the_gain_ladder_shows_intervals_zero_and_margin(fit):
    ax = drawn(plot_gain(fit, paper(6.4, 3.4)).figure).axes[0]
    low, high = ax.get_xlim()
    assert low < 0 < fit.saturation().margin < high
    shown = [text.get_text() for text in ax.texts]
    gain = fit.gain(10)
    assert str(gain).split(" (")[0] in shown
    assert len(shown) == 6


def test_open_gains_end_in_an_arrow():
    flat = sf.fit(runs(coefficient=0.0, name="mystery"), score="mystery", better="higher")
    ax = plot_gain(flat, paper())
    assert any(line.get_marker() == ">" for line in ax.lines)


def test_residuals_are_drawn_around_zero(fit):
    ax = plot_residuals(fit, paper())
    points = next(line for line in ax.lines if line.get_marker() == "o")
    assert len(points.get_xdata()) == len(fit.table.rows)
    low, high = ax.get_ylim()
    assert low == -high
    assert abs(np.mean(points.get_ydata())) < 0.5


def test_laws_are_drawn_side_by_side_the_named_one_first(fit):
    ax = drawn(plot_laws(fit, paper()).figure).axes[0]
    names = [line.get_label() for line in ax.lines if not line.get_label().startswith("_")]
    assert names[0] == fit.law.name
    assert {name.split(" ")[0] for name in names[:-1]} == set(fit.laws["law"])
    table = fit.laws.set_index("law")["status"]
    for name in names[:-1]:
        assert ("(rejected)" in name) == (table[name.split(" ")[0]] == "rejected")
    line = next(line for line in ax.lines if line.get_label() == fit.law.name)
    by_hand = sf.fit(runs(), law=fit.law.name).predict(line.get_xdata())["estimate"]
    np.testing.assert_allclose(line.get_ydata(), by_hand)


def test_a_profile_has_the_intervals_of_every_level(fit):
    levels = [0.5, 0.95]
    ax = plot_profile(fit, sf.Gain(10), paper(), levels=levels)
    given = next(line for line in ax.lines if line.get_label() == f"given {fit.law.name}")
    np.testing.assert_array_equal(given.get_ydata(), [50, 95])
    np.testing.assert_array_equal(given.get_xdata(), [fit.gain(10, p).lower for p in levels])
    low, high = ax.get_xlim()
    gain = fit.gain(10)
    assert low < gain.lower < gain.upper < high
    assert "whichever law is true" in [line.get_label() for line in ax.lines]
    assert str(gain).split(" (")[0] in ax.get_title("left")


def test_a_parameter_that_is_not_identified_has_a_profile():
    flat = sf.fit(runs(coefficient=0.0, name="mystery"), score="mystery", better="higher")
    ax = drawn(plot_profile(flat, sf.Parameter("asymptote"), paper()).figure).axes[0]
    assert np.isfinite(ax.get_xlim()).all()
    assert "whichever law is true" not in [line.get_label() for line in ax.lines]
    with pytest.raises(sf.FitError, match="two levels"):
        plot_profile(flat, levels=[0.9])


def test_verdicts_against_the_margin_meet_at_the_bounds(fit):
    found = fit.saturation()
    ax = plot_margins(fit, paper())
    ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    assert [left for left, _ in ends] == found.by_margin()["above"].tolist()
    assert all(a[1] == pytest.approx(b[0]) for a, b in itertools.pairwise(ends))


def test_runs_that_never_differ_can_be_drawn():
    same = sf.fit({"cells": [1e4, 1e5, 1e6, 1e7] * 2, "seed": [0] * 4 + [1] * 4, "f1": [0.8] * 8})
    low, high = plot_fit(same, paper()).get_ylim()
    assert low < 0.8 < high


def test_global_settings_are_left_as_they_are(fit, fits):
    before = dict(mpl.rcParams)
    plot_fit(fit, paper())
    plot_gain(fit, paper())
    plot_residuals(fit, paper())
    plot_fits(fits, figure=Figure())
    assert dict(mpl.rcParams) == before


def test_without_axes_a_figure_of_pyplot_is_made(fit):
    from matplotlib import pyplot

    mpl.use("Agg")
    ax = fit.plot()
    assert pyplot.fignum_exists(ax.figure.number)
    pyplot.close(ax.figure)


def test_a_users_axes_are_drawn_on(fit):
    ax = Figure().add_subplot()
    assert plot_fit(fit, ax) is ax


@pytest.mark.parametrize("beyond", [0.5, np.inf, np.nan])
def test_a_forecast_cannot_end_before_the_data(fit, beyond):
    with pytest.raises(sf.FitError, match="beyond="):
        plot_fit(fit, paper(), beyond=beyond)


def test_importing_scalefit_imports_no_picture_library():
    code = (
        "import sys, scalefit, scalefit.plots, scalefit.report;"
        "print([m for m in ('matplotlib', 'jinja2', 'click', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_thin_lines_of_a_forest_are_seen_whole_or_end_in_an_arrow():
    cells = np.repeat(np.geomspace(1e3, 1e6, 6), 3)
    tables = {}
    made = [("a", 0.3, 0.004, 1), ("b", 0.35, 0.004, 2), ("open", 0.12, 0.01, 4)]
    for name, power, sd, seed in made:
        noise = np.random.default_rng(seed).normal(0, sd, 18)
        tables[name] = {"cells": cells, "f1": 0.9 - 0.3 * (cells / 1e3) ** -power + noise}
    found = sf.compare(tables)
    rows = found.table.set_index("group")
    ends = {name: (rows["robust_lower"][name], rows["robust_upper"][name]) for name in rows.index}
    assert np.isinf(ends["open"][1])
    ax = found.plot(paper())
    left, right = ax.get_xlim()
    assert all(left < end < right for end in (*ends["a"], *ends["b"], ends["open"][0]))
    assert ends["a"][1] > rows["upper"]["a"]
    heads = {line.get_marker(): line.get_xydata().tolist() for line in ax.lines
             if line.get_marker() in ("<", ">")}  # fmt: skip
    first = list(rows["estimate"].sort_values(ascending=False).index).index("open")
    assert heads == {">": [[right, -first]]}


NAMES = [f"scFoundation-large-with-a-very-long-name-{i}" for i in range(4)]


def test_long_names_that_differ_at_their_end_stay_distinct():
    cells = np.tile(np.geomspace(1e3, 1e6, 7), 2)
    noise = np.random.default_rng(0).normal(0, 0.004, (4, 14))
    tables = {name: {"cells": cells, "f1": 0.8 - 0.3 * (cells / 1e3) ** -0.5 + noise[i]}
              for i, name in enumerate(NAMES)}  # fmt: skip
    found = sf.compare(tables)
    forest = [label.get_text() for label in found.plot(paper()).get_yticklabels()]
    ranks = [label.get_text() for label in found.plot_ranks(paper()).get_yticklabels()]
    curves = [ax.get_title("left") for ax in found.plot_curves(figure=Figure()).axes]
    every = pd.concat([pd.DataFrame(rows).assign(model=name) for name, rows in tables.items()])
    multiples = plot_fits(sf.fit(every, by="model"), figure=Figure())
    panels = ["".join(ax.get_title("left").split("\n")[:-1]) for ax in multiples.axes]
    for labels in (forest, ranks, curves, panels):
        named = [label.split("\n")[0] for label in labels if "scFound" in label]
        assert len(set(named)) == len(NAMES), named
        assert max(map(len, named)) <= 36


@pytest.mark.parametrize(
    "names", [NAMES, [f"model-{i}-of-a-very-long-series-of-models-without-end" for i in range(4)],
              ["the-same-beginning-of-all-" * 2 + f"{i}" + "-and-the-same-end" * 2 for i in "ab"]]
)  # fmt: skip
def test_names_are_cut_where_they_do_not_differ(names):
    short = plain_names(names, 20)
    assert len(set(short)) == len(names)
    assert max(map(len, short)) <= 20


def test_the_legend_of_a_curve_lies_in_the_figure():
    ax = sf.fit(runs()).plot(paper())
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    box = ax.get_legend().get_window_extent(canvas.get_renderer())
    assert 0 <= box.x0 < box.x1 <= ax.figure.bbox.width
    assert 0 <= box.y0 < box.y1 <= ax.figure.bbox.height


def test_equal_scores_have_an_axis_that_can_be_read():
    ax = sf.fit({"cells": np.geomspace(1e3, 1e6, 7), "f1": [0.5] * 7}).plot(paper())
    low, high = ax.get_ylim()
    assert 0.01 < high - low < 0.1
