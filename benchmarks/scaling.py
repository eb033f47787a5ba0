"""Time and memory of many curves against their number, their sizes and their runs a size.

Each table is fitted by all core laws and judged, in a process of its own: CPU time of the fits and
of the verdicts, and the most memory the process ever had. The import is in the memory, not in the
time.

Run: OPENBLAS_NUM_THREADS=1 python benchmarks/scaling.py --plot scaling.png
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

import numpy as np

#: Curves, sizes a curve, runs a size.
SERIES = {
    "curves": [(n, 6, 3) for n in (1_250, 2_500, 5_000, 10_000)],
    "sizes a curve": [(500, k, 3) for k in (6, 12, 24, 48)],
    "runs a size": [(500, 6, s) for s in (3, 6, 12, 24)],
}


def table(n_curves: int, n_sizes: int, runs: int) -> Any:
    """Return slow and fast, clear and noisy curves that share their sizes."""
    import pandas as pd

    rng = np.random.default_rng(0)
    x = np.repeat(10.0 ** np.linspace(5, 7, n_sizes), runs)
    exponent, gap = 10 ** rng.uniform(-1.5, 0.3, n_curves), 10 ** rng.uniform(-2, -0.3, n_curves)
    sd = 10 ** rng.uniform(-3, -1.7, n_curves)
    y = 0.9 - gap[:, None] * (x / x[0]) ** -exponent[:, None]
    y = np.clip(y + sd[:, None] * rng.standard_normal(y.shape), 0.0, 1.0)
    curve = np.repeat(np.arange(n_curves), x.size)
    return pd.DataFrame({"cells": np.tile(x, n_curves), "f1": y.ravel(), "curve": curve})


def one(n_curves: int, n_sizes: int, runs: int) -> None:
    """Print what a table takes, as JSON."""
    import resource

    import scalefit as sf

    sf.fit(table(3, n_sizes, runs), by="curve").saturation()
    rows = table(n_curves, n_sizes, runs)
    clock = time.process_time()
    fits = sf.fit(rows, by="curve")
    fitted = time.process_time()
    fits.saturation()
    judged = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"fits": fitted - clock, "verdicts": judged - fitted, "memory": peak}))


def plot(found: dict[str, list[dict[str, float]]], path: str) -> None:
    """Draw time and memory against each number, on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, len(found), figsize=(9.5, 5.2), sharey="row", sharex="col")
    for (top, bottom), (name, rows) in zip(axes.T, found.items(), strict=True):
        at = np.array([row["at"] for row in rows])
        for what, marker in (("verdicts", "o"), ("fits", "s")):
            seconds = np.array([row[what] for row in rows])
            line = top.loglog(at, seconds, marker, label=what)[0]
            top.loglog(at, seconds[-1] * at / at[-1], "--", lw=0.8, color=line.get_color())
        bottom.semilogx(at, [row["memory"] for row in rows], "o", color="0.3")
        bottom.set_ylim(0, 1000)
        bottom.set_xlabel(name)
        bottom.set_xticks(at, [f"{n:,}" for n in at])
        bottom.minorticks_off()
        top.set_title(f"{rows[0]['rest']}", fontsize=9)
    axes[0, 0].set_ylabel("CPU seconds (dashed: linear)")
    axes[0, 0].legend(frameon=False)
    axes[1, 0].set_ylabel("most memory, MB")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", metavar="FILE")
    parser.add_argument("--one", nargs=3, type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one(*asked.one)
        return
    found: dict[str, list[dict[str, float]]] = {}
    print("| curves | sizes | runs a size | fits | verdicts | most memory |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for i, (name, tables) in enumerate(SERIES.items()):
        for given in tables:
            run = [sys.executable, __file__, "--one", *map(str, given)]
            row = json.loads(subprocess.run(run, capture_output=True, check=True).stdout)
            n, k, s = given
            rest = (f"{k} sizes x {s} runs", f"{n} curves x {s} runs", f"{n} curves x {k} sizes")
            found.setdefault(name, []).append(row | {"at": given[i], "rest": rest[i]})
            print(f"| {n:,} | {k} | {s} | {row['fits']:.2f} s | {row['verdicts']:.1f} s | "
                  f"{row['memory']:.0f} MB |", flush=True)  # fmt: skip
    if asked.plot:
        plot(found, asked.plot)


if __name__ == "__main__":
    main()
