"""Small curves that tell each other their exponents: alone, as a population, and as one.

Run: python examples/bayesian_pooling.py pooling.png
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd

import scalefit as sf


def main(picture: Path) -> None:
    """Fit four model sizes under three ways of pooling, and compare their intervals."""
    runs = sf.datasets.load("denadel_2026").query(
        "model == 'scVI' and dataset == 'hematopoiesis' and percent > 0"
        " and downsampling == 'random'"
    )
    runs = runs.drop(columns="params")
    fits = {
        pool: sf.fit(runs, by="size_label", method="bayes", pool=pool)
        for pool in ("none", "partial", "complete")
    }
    widths = {}
    for pool, fitted in fits.items():
        found = [fit.ask(sf.Parameter("exponent")) for fit in fitted.values()]
        widths[pool] = [interval.upper - interval.lower for interval in found]
    table = pd.DataFrame(widths, index=[f"scVI {key[0]:g}" for key in fits["none"]])
    print("Width of the exponent's 95 % interval:\n")
    print(table.round(2).to_string())

    pooled = fits["partial"]
    print("\nThe population of exponents:\n")
    print(pooled.posterior.population.round(2).to_string())
    narrower = 1 - (table["partial"] / table["none"]).median()
    print(
        f"\nThe population narrows the exponents by {narrower:.0%} (median), and leaves scores and "
        "gains to each curve. One common exponent would be narrower still, and is an assumption."
    )
    axes: Any = pooled.plot_shrinkage()
    axes.figure.savefig(picture, dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "pooling.png"))
