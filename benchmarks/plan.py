"""A plan of ten proposals with 200 tables each, against fitting every table on its own.

The peer is the loop that a user would write: one public fit and one verdict a table. Both are timed
in CPU seconds of one run; the loop on some of the tables, the rest in proportion.

Run: python benchmarks/plan.py
"""

from __future__ import annotations

import time

import numpy as np

import scalefit as sf
from scalefit.outcomes import outcomes
from scalefit.study import study_of

N_TABLES, N_PEER = 200, 40
SIZES = [3e2, 1e3, 3e3, 1e4, 1e5, 1e6, 3e6, 1e7, (1e3, 1e7), (3e6, 1e7)]


def main() -> None:
    """Print both times, their ratio, and whether both say the same."""
    cells = np.repeat(np.geomspace(1e4, 1e6, 6), 3)
    noise = np.random.default_rng(0).normal(0, 0.01, cells.size)
    fit = sf.fit({"cells": cells, "f1": 0.9 - 0.3 * (cells / 1e4) ** -0.2 + noise})
    clock = time.process_time()
    found = sf.plan(fit, SIZES, seeds=3, n_tables=N_TABLES)
    table = found.table
    ours = time.process_time() - clock

    study = study_of(fit, None, N_TABLES, 0, [])
    proposal = found.proposals[8]
    told = outcomes(study, proposal, None, 10.0)
    sample = study.sample(proposal.added())
    clock = time.process_time()
    same = 0
    for g in range(N_PEER):
        size, slot = np.nonzero(np.isfinite(sample.runs[g]))
        runs = {"cells": sample.x[g, size], "f1": sample.runs[g, size, slot]}
        alone = sf.fit(runs).saturation()
        row = told.iloc[g]
        same += (alone.verdict, alone.strength) == (row["verdict"], row["strength"])
    theirs = (time.process_time() - clock) / N_PEER * N_TABLES * (len(table) - 1)
    print(f"plan of {len(table) - 1} proposals, {N_TABLES} tables each  {ours:8.2f} s")
    print(f"one table                                   {1e3 * ours / N_TABLES / 10:8.2f} ms")
    print(f"the same by sf.fit, table by table          {theirs:8.2f} s  (from {N_PEER} tables)")
    print(f"ratio                                       {theirs / ours:8.1f}")
    print(f"same verdict and strength                   {same} of {N_PEER}")


if __name__ == "__main__":
    main()
