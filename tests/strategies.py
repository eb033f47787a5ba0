"""Tables shared by the tests: one small one, and Hypothesis strategies for many."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

SIZES = [1e3, 1e4, 1e5, 1e6]
SCORES = [0.5, 0.6, 0.65, 0.67]
DENADEL_CURVE = ["model", "size_label", "dataset", "downsampling"]


def runs(**columns: object) -> pd.DataFrame:
    """Return four good runs, with some columns added or replaced."""
    return pd.DataFrame({"cells": SIZES, "accuracy": SCORES, **columns})


@st.composite
def run_tables(
    draw: st.DrawFn,
    *,
    min_groups: int = 1,
    max_groups: int = 4,
    min_sizes: int = 2,
    max_sizes: int = 7,
    max_seeds: int = 3,
) -> pd.DataFrame:
    """Return a table of saturating accuracies with columns model, cells, seed and accuracy.

    Every model has its own sizes, number of seeds, level and steepness; the scores have noise, so
    that no two are equal.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    parts = []
    for i in range(draw(st.integers(min_groups, max_groups))):
        n_sizes = draw(st.integers(min_sizes, max_sizes))
        exponents = draw(
            st.lists(st.integers(4, 40), min_size=n_sizes, max_size=n_sizes, unique=True)
        )
        n_seeds = draw(st.integers(1, max_seeds))
        sizes = np.repeat(np.round(10.0 ** (np.sort(exponents) / 4)), n_seeds)
        noise = rng.normal(0, 0.01, len(sizes))
        scores = draw(st.floats(0.5, 0.9)) - 0.3 * sizes ** -draw(st.floats(0.05, 1.0)) + noise
        seeds = np.tile(np.arange(n_seeds), n_sizes)
        parts.append(
            pd.DataFrame({"model": f"m{i}", "cells": sizes, "seed": seeds, "accuracy": scores})
        )
    return pd.concat(parts, ignore_index=True)


@st.composite
def shuffled(draw: st.DrawFn, tables: st.SearchStrategy[pd.DataFrame]) -> tuple:
    """Return a table and the same rows in another order, with fresh labels."""
    table = draw(tables)
    order = draw(st.permutations(range(len(table))))
    return table, table.iloc[list(order)].reset_index(drop=True)


#: A positive size as people write it, beside its value.
written_sizes = st.sampled_from(
    [
        ("1e6", 1e6), ("1,000,000", 1e6), ("10M", 1e7), ("22.2 M", 22.2e6), ("300k", 3e5),
        ("1.5B", 1.5e9), ("2T", 2e12), ("7g", 7e9), ("1_000", 1e3), (" 250 ", 250.0),
        ("1,234.5", 1234.5), ("+4", 4.0), (".5", 0.5), ("12,345", 12345.0), ("3.E2", 300.0),
    ]
)  # fmt: skip
