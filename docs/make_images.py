"""Make the pictures of the documentation, from the bundled data and from simulated tables.

Run in the checkout after a change of plots: python docs/make_images.py [name ...]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import scalefit as sf
from scalefit.plan_plot import plan_size

IMAGES = Path(__file__).with_name("images")
OBJECTIVES = {"SCimilarity": "contrastive", "SSL": "masked", "Geneformer": "masked"}


@cache
def study() -> pd.DataFrame:
    """Return the published runs with random down-sampling, at the base size of each model."""
    runs = sf.datasets.load("denadel_2026").query("percent > 0 and downsampling == 'random'")
    base = runs["model"].map({"scVI": 1.0, "Geneformer": 256.0})
    return runs[runs["size_label"].isna() | (runs["size_label"] == base)]


@cache
def curve() -> sf.Fit:
    """Fit the curve that the README speaks of."""
    return sf.fit(study().query("model == 'SSL' and dataset == 'hematopoiesis'"))


@cache
def loose() -> sf.Fit:
    """Fit a table whose asymptote is hardly identified."""
    cells = np.repeat(np.geomspace(1e4, 3e6, 6), 3)
    noise = np.random.default_rng(4).normal(0, 0.015, cells.size)
    return sf.fit({"cells": cells, "f1": 0.90 - 0.30 * (cells / 1e4) ** -0.25 + noise})


@cache
def surface() -> sf.Fit:
    """Fit the sweep of the page on two drivers."""
    rng = np.random.default_rng(7)
    budget = np.repeat(10.0 ** np.arange(18, 22), 9)
    params = np.sqrt(budget / 600) * np.tile(10 ** np.linspace(-0.7, 0.7, 9), 4)
    tokens = budget / (6 * params)
    loss = (1.8 + 480 * params**-0.35 + 2100 * tokens**-0.37) * np.exp(rng.normal(0, 0.002, 36))
    runs = {"params": params, "tokens": tokens, "loss": loss}
    return sf.fit(runs, drivers=["params", "tokens"])


@cache
def plan() -> sf.Plan:
    """Plan for the table of the page on planning."""
    cells = np.repeat([1e4, 3e4, 1e5, 3e5, 1e6], 3)
    noise = np.random.default_rng(2).normal(0, 0.012, cells.size)
    return sf.plan(sf.fit({"cells": cells, "f1": 0.88 - 0.25 * (cells / 1e4) ** -0.5 + noise}))


@cache
def comparison() -> sf.Comparison:
    """Compare the gains of the published models."""
    runs = study()[study()["model"].isin(OBJECTIVES)]
    runs = runs.assign(objective=runs["model"].map(OBJECTIVES))
    fits = sf.fit(runs, by=["objective", "model", "dataset"])
    return sf.compare(fits, "doubling", moderator="objective")


def pooled() -> Any:
    """Draw the exponents of four model sizes, alone and pooled."""
    runs = sf.datasets.load("denadel_2026").query(
        "model == 'scVI' and dataset == 'hematopoiesis' and percent > 0"
        " and downsampling == 'random'"
    )
    by_size = sf.fit(runs.drop(columns="params"), by="size_label", method="bayes", pool="partial")
    return by_size.plot_shrinkage(ax=paper())


def grid() -> Any:
    """Draw every model and dataset of the study on shared axes."""
    return sf.fit(study(), by=["model", "dataset"]).plot()


def paper(width: float = 6.4, height: float = 4.2) -> Any:
    """Return empty axes of a figure that no window manager knows."""
    return sf.plots.paper(width, height)


#: Every picture: its name, and what draws it.
PICTURES: dict[str, Callable[[], Any]] = {
    "denadel_ssl": lambda: curve().plot(ax=paper(6.4, 4.0)),
    "margins": lambda: sf.plots.plot_margins(curve(), ax=paper()),
    "gains": lambda: sf.plots.plot_gain(curve(), ax=paper()),
    "laws": lambda: sf.plots.plot_laws(loose(), ax=paper()),
    "profile": lambda: sf.plots.plot_profile(loose(), sf.Parameter("asymptote"), ax=paper()),
    "residuals": lambda: sf.plots.plot_residuals(curve(), ax=paper()),
    "grid": grid,
    "comparison": lambda: comparison().plot(),
    "ranks": lambda: comparison().plot_ranks(),
    "backtest": lambda: sf.backtest(study(), by=["model", "dataset"]).plot(),
    "shrinkage": pooled,
    "surface": lambda: surface().plot(ax=paper()),
    "slices": lambda: sf.plots.plot_slices(surface(), ax=paper()),
    "isoflop": lambda: sf.isoflop(surface()).plot(ax=paper()),
    "plan": lambda: plan().plot(paper(*plan_size(plan()))),
}


def main(names: list[str]) -> None:
    """Draw the pictures named, or all."""
    IMAGES.mkdir(exist_ok=True)
    for name in names or PICTURES:
        drawn = PICTURES[name]()
        figure = drawn if hasattr(drawn, "savefig") else drawn.figure
        # No software version in the file: the same picture is the same bytes.
        path, nothing = IMAGES / f"{name}.png", {"Software": None}
        figure.savefig(path, dpi=130, bbox_inches="tight", metadata=nothing)


if __name__ == "__main__":
    main(sys.argv[1:])
