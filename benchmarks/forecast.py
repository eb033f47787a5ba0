"""Errors of pooled forecasts on published curves of loss, beside those of published estimators.

The table has the columns domain, task, model, seen_examples, loss and split (Alabdulmohsin et al.
2022, arXiv:2209.06640): curves are fitted on the rows called train, and scored on those called test
by the root mean squared log error of a curve. Rows that are copies are left out. A second table
with the columns domain, task, model, estimator and rmse_log, if given, adds what was published.

Run: python benchmarks/forecast.py curves.csv [published.csv]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

import scalefit as sf

BY = ["domain", "task", "model"]
OPTIONS = {"score": "loss", "drivers": "seen_examples", "better": "lower", "force": True}
#: Errors of three estimators on 49 of the curves, measured by others ("one break" is monotone).
PEERS = Path(__file__).with_name("forecast_peers.csv")


def scored(train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """Return error, bias (positive: promised too much), coverage and half-width of each curve."""
    fits = sf.fit(train, by=BY, **OPTIONS)
    rows = []
    for key, its in test.groupby(BY):
        told = fits[key].predict(its["seen_examples"].to_numpy(), "run", 0.9)
        seen = its["loss"].to_numpy()
        log = np.log(told["estimate"] / seen)
        rows.append({
            "domain": key[0], "error": np.sqrt((log**2).mean()), "bias": -log.mean(),
            "coverage": ((told["lower"] <= seen) & (seen <= told["upper"])).mean(),
            "half width": np.log(told["upper"] / told["lower"]).median() / 2,
        })  # fmt: skip
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("curves", help="table of the curves")
    parser.add_argument("published", nargs="?", help="table of published errors")
    given = parser.parse_args()
    every = pd.read_csv(given.curves)
    table = every.drop_duplicates()
    print(f"{len(every) - len(table)} of {len(every)} rows are copies, and left out")
    clock = time.process_time()
    found = pd.concat([
        scored(part[part["split"] == "train"], part[part["split"] == "test"])
        for _, part in table.groupby("domain")
    ])  # fmt: skip
    clock = time.process_time() - clock
    by = found.groupby("domain")
    shown = by.mean().assign(curves=by.size(), **{"bias ±": by["bias"].sem()})
    peers = pd.read_csv(PEERS, index_col="estimator").T
    print(shown.join(peers).to_string(float_format="{:.5f}".format))
    held = found["coverage"]
    bias = found["bias"]
    print(f"all {len(found)} curves, {clock:.0f} s of CPU time:")
    print(f"coverage of 90 % intervals {held.mean():.3f} ± {held.sem():.3f}")
    print(f"bias {bias.mean():+.4f} ± {bias.sem():.4f}")
    if given.published:
        published = pd.read_csv(given.published)
        print("\npublished errors (largest size alone for NMT)")
        means = published.pivot_table("rmse_log", "domain", "estimator")
        print(means.to_string(float_format="{:.5f}".format))


if __name__ == "__main__":
    main()
