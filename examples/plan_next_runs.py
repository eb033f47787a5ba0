"""An open verdict, and which runs would settle it: from the first hypothesis to the next size.

Run: python examples/plan_next_runs.py plan.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import scalefit as sf

#: What a colleague's runs on similar data looked like: scores at three sizes, and their noise.
SEEN = {1e4: 0.63, 1e5: 0.80, 1e6: 0.855}
NOISE = 0.015


def main(picture: Path) -> None:
    """Choose a first table, make its runs, and plan the next ones."""
    print("1. Before the first run: which table would answer at all?\n")
    expected = sf.Hypothesis.through(SEEN, NOISE, score="f1", cells=[])
    tables = {"one decade": np.geomspace(1e5, 1e6, 6), "two decades": np.geomspace(1e4, 1e6, 6)}
    first = sf.plan(expected, tables, seeds=[3], n_tables=60)
    columns = ["proposal", "still_scaling", "saturated", "inconclusive", "right", "gain_width"]
    print(first.table[columns].round(3).to_string(index=False))

    print("\n2. The wider table was run, with three seeds a size.\n")
    rng = np.random.default_rng(2)
    cells = np.repeat(tables["two decades"], 3)
    fit = sf.fit({"cells": cells, "f1": expected.mean(cells) + NOISE * rng.normal(size=cells.size)})
    print(fit.saturation())

    print("\n3. What would more runs tell?\n")
    found = sf.plan(fit, seeds=3, n_tables=60)
    print(found)
    found.plot().figure.savefig(picture, dpi=150, bbox_inches="tight")

    print("\n4. And how many seeds would it take at the sizes in hand?\n")
    print(sf.seeds_needed(fit, target=0.8, most=16, n_tables=60).headline())


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "plan.png"))
