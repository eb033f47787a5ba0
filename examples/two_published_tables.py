"""One published table against another: means read from figures beside the runs of the same study.

Run: python examples/two_published_tables.py tables.png
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import scalefit as sf

CURVE = ["dataset", "size_label"]


def main(picture: Path) -> None:
    """Check the two tables against each other, and compare two tasks on different metrics."""
    runs = sf.datasets.load("denadel_2026").query(
        "model == 'scVI' and percent > 0 and downsampling == 'random'"
    )
    figures = sf.datasets.load("denadel_2026_model_sizes").query(
        "model == 'scVI' and percent > 0 and pooled_over_downsampling == 0"
    )

    print("1. Do the means read from figures agree with the runs?\n")
    means = runs.groupby([*CURVE, "percent"], as_index=False)["score"].mean()
    both = figures.merge(means, on=[*CURVE, "percent"])
    apart = (both["mean_score"] - both["score"]).abs()
    print(f"{len(both)} means are in both tables; the largest difference is {apart.max():.4f}.")

    print("\n2. Do cells help integration and classification alike?\n")
    integration = figures[figures["metric"] == "avg_bio"].rename(columns={"mean_score": "avg_bio"})
    classification = runs.rename(columns={"score": "micro_f1"})
    # Another metric is another unit: a share of the error that is left has none.
    found = sf.compare(
        {
            "integration": integration[[*CURVE, "cells", "avg_bio"]],
            "classification": classification[[*CURVE, "cells", "seed", "micro_f1"]],
        },
        "share",
        by=CURVE,
    )
    print(found)

    closed = int(found.table[["lower", "upper"]].abs().lt(1e9).all(axis=1).sum())
    print(
        f"\nOn {closed} of {len(found.table)} curves the share of the error that ten times the "
        "cells would remove has an upper bound. The others say neither that cells help nor that "
        "they do not: that is no saturation."
    )
    axes: Any = found.plot()
    axes.figure.savefig(picture, dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "tables.png"))
