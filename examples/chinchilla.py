"""The Chinchilla points again: which choices give which published exponent, and what follows.

Run: python examples/chinchilla.py chinchilla_points.csv chinchilla.png
The file has columns params, tokens and loss: the points of Hoffmann et al. 2022 that Besiroglu et
al. 2024 (arXiv:2404.10102) read from a figure. They do not come with this package.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd

import scalefit as sf

PAPERS = ("hoffmann_2022", "besiroglu_2024")
DRIVERS = ["params", "tokens"]
#: Training compute of Chinchilla itself.
BUDGET = 5.76e23


def draw(beta: pd.DataFrame, ax: Any) -> None:
    """Draw the exponent of tokens over the grid, and the two published values."""
    labels = beta["noise"] + ", " + beta["left_out"] + " left out"
    for row, (lower, middle, upper) in enumerate(
        zip(beta["lower"], beta["estimate"], beta["upper"], strict=True)
    ):
        ax.plot([lower, upper], [row, row], color="#0072B2")
        ax.plot(middle, row, "o", color="#0072B2")
    for name, style in zip(PAPERS, (":", "--"), strict=True):
        paper = sf.datasets.published(name)
        ax.axvline(
            paper.table.loc["beta", "estimate"], color="#D55E00", ls=style, label=paper.source
        )
    ax.set_yticks(range(len(beta)), labels)
    ax.invert_yaxis()
    ax.set_xlabel("beta, exponent of tokens (95 %)")
    ax.legend()


def main(path: Path, picture: Path) -> None:
    """Reproduce both papers over a grid of choices, and ask for the best run of a budget."""
    if not path.exists():
        print(f"skipped: there is no file {path} with columns params, tokens and loss")
        return
    runs = sf.read_table(path)[[*DRIVERS, "loss"]]
    for name in PAPERS:
        found = sf.reproduce(
            runs, sf.datasets.published(name), drivers=DRIVERS, exclude=(0, 5), inference="wald"
        )
        print(found, "\n")
    beta = found.table[found.table["parameter"] == "beta"]

    # The analysis that needs no row left out: errors with heavy tails.
    fit = sf.fit(runs, drivers=DRIVERS)
    best = sf.optimum(fit, BUDGET, cost="6ND").iloc[0]
    print(
        f"The choice of error model and rows moves beta from {beta['estimate'].min():.2f} to "
        f"{beta['estimate'].max():.2f}. With all rows and heavy tails the best run for "
        f"{BUDGET:.3g} FLOP has {best['params']:.3g} parameters ({best['params_lower']:.3g} to "
        f"{best['params_upper']:.3g}) and {best['tokens']:.3g} tokens, "
        f"{best['tokens'] / best['params']:.0f} a parameter."
    )
    ax = sf.plots.paper(7.0, 4.6)
    draw(beta, ax)
    figure: Any = ax.figure
    figure.savefig(picture, dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    main(
        Path(sys.argv[1] if len(sys.argv) > 1 else "chinchilla_points.csv"),
        Path(sys.argv[2] if len(sys.argv) > 2 else "chinchilla.png"),
    )
