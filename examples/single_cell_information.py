"""Information against cells in many groups at once, and for which of them a plateau is identified.

Run: python examples/single_cell_information.py runs.csv [information.png]
with columns dataset, model, task, quality, cells and score (mutual information in bits).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import scalefit as sf

GROUP = ["dataset", "model", "task", "quality"]


def main(path: str, picture: Path) -> None:
    """Fit I(N) = I_inf - (N / N0)^-s to every group, and print what the runs identify."""
    fits = sf.fit(
        path, by=GROUP, score="score", drivers="cells", better="higher", law="saturating_power"
    )
    rows = []
    for key, fit in fits.items():
        params = fit.params
        closed = bool(np.isfinite(params[["lower", "upper"]]).all(axis=None))
        rows.append((*key, closed, params.loc["asymptote", "estimate"], str(fit.gain(10))))
    table = pd.DataFrame(rows, columns=[*GROUP, "identified", "I_inf", "gain"])
    print(table.groupby(["dataset", "model"])["identified"].agg(["sum", "size"]).to_string())
    print(table[table["identified"]].drop(columns="identified").to_string(index=False))
    # Where no plateau is identified, the next tenfold is still a question with an answer.
    print(table[~table["identified"]][[*GROUP, "gain"]].to_string(index=False))
    print(
        f"\nA plateau is identified in {int(table['identified'].sum())} of {len(table)} groups; in "
        "the others any number given for it would be the optimiser's."
    )
    fits.plot().savefig(picture, dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 else "information.png"))
