"""From a CSV file of your own to an answer, a forecast and a file to come back to.

Run: python examples/own_table.py own.png
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

import scalefit as sf


def write_table(path: Path) -> None:
    """Write six sizes with three seeds each; the truth is 0.88 - 0.25 (cells / 10,000)^-0.4."""
    rng = np.random.default_rng(1)
    lines = ["cells,seed,accuracy"]
    for cells in (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000):
        for seed in range(3):
            score = 0.88 - 0.25 * (cells / 10_000) ** -0.4 + 0.005 * rng.standard_normal()
            lines.append(f"{cells},{seed},{score:.4f}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(picture: Path) -> None:
    """Fit the file, print the answer, forecast two sizes, draw the curve, and save the fit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.csv"
        write_table(path)

        fit = sf.fit(path)  # cells, seed and accuracy are understood without being told
        print(fit)

        print()
        print(fit.predict({"cells": [1e7, 1e8]}, interval="run").round(4).to_string(index=False))

        # The conclusion, for the step and the margin that matter here.
        print()
        print(fit.saturation(factor=2, margin=0.005).explain())
        fit.plot().figure.savefig(picture, dpi=150, bbox_inches="tight")

        saved = Path(folder) / "fit.json"
        fit.save(saved)
        assert sf.load(saved).curve == fit.curve


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "own.png"))
