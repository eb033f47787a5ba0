"""Make the pictures of the documentation from the bundled data.

Run in the checkout after a change of plots: python docs/make_images.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import scalefit as sf

IMAGES = Path(__file__).with_name("images")
CURVE = ["model", "size_label", "dataset", "downsampling"]


def main() -> None:
    """Draw the curve that the README speaks of, and the plan of the page on planning."""
    IMAGES.mkdir(exist_ok=True)
    draw_curve()
    draw_plan()


def draw_curve() -> None:
    """Draw one published curve."""
    fits = sf.fit(sf.datasets.load("denadel_2026"), by=CURVE, on_bad="drop")
    fit = fits["SSL", None, "hematopoiesis", "random"]
    figure = Figure((6.4, 4.4), layout="constrained")
    fit.plot(ax=figure.add_subplot())
    # No software version in the file: the same picture is the same bytes.
    figure.savefig(IMAGES / "denadel_ssl.png", dpi=150, metadata={"Software": None})


def draw_plan() -> None:
    """Draw the usual proposals for the table of the page on planning."""
    cells = np.repeat([1e4, 3e4, 1e5, 3e5, 1e6], 3)
    noise = np.random.default_rng(2).normal(0, 0.012, cells.size)
    fit = sf.fit({"cells": cells, "f1": 0.88 - 0.25 * (cells / 1e4) ** -0.5 + noise})
    found = sf.plan(fit)
    ax = found.plot(sf.plots.paper(8.4, 1.6 + 0.45 * len(found.proposals)))
    picture: Any = ax.figure
    picture.savefig(IMAGES / "plan.png", dpi=130, bbox_inches="tight", metadata={"Software": None})


if __name__ == "__main__":
    main()
