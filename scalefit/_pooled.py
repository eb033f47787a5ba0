"""Whether curves are pooled without a word: levels of an unused column that lie apart."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype
from scipy.special import fdtrc

from ._columns import role_of, size_in_unit
from ._draft import Cells, Draft
from ._grouping import sums_of, varies
from .findings import Finding
from .metrics import lookup

__all__ = ["levels_apart"]

Codes = NDArray[np.intp]
#: Levels of a column lie apart at this level of the test, which needs so many degrees of freedom.
_APART, _FEWEST_DF = 0.001, 3
#: No grouping has more levels within a curve.
_MOST_LEVELS = 30
#: Words in the name of a column of numbers that says when or how long, and groups nothing.
_WHEN = frozenset({
    "time", "timestamp", "date", "year", "month", "day", "days", "hour", "hours", "minutes",
    "seconds", "secs", "sec", "ms", "duration", "elapsed", "runtime", "step", "steps", "iter",
    "iteration", "iterations",
})  # fmt: skip


def levels_apart(draft: Draft, cells: Cells) -> dict[int, Finding]:
    """Warn of a column without a part whose levels have different scores at equal sizes.

    Effects of levels beside those of sizes are tested by F, for noise that is the same at all
    sizes, and a share of the level of the test goes to each column. Rows of one run are alike, and
    are not tested, nor are columns that name a seed anew. Numbers are levels where each recurs at
    several sizes, unless their name says that they are measured.
    """
    texts = [name for name in draft.unused if not is_numeric_dtype(draft.frame[name])]
    numbers = [name for name in draft.unused if name not in texts and not _is_measured(draft, name)]
    known = draft.replicate >= 0
    found: dict[int, Finding] = {}
    if not (texts or numbers) or "run" in draft.columns.roles:
        return found
    cell = cells.of_rows
    for name in (*texts, *numbers):
        codes, levels = pd.factorize(draft.frame[name], use_na_sentinel=False)
        by_seed = known.all() and not varies(codes, draft.replicate).any()
        if by_seed or len(levels) > _MOST_LEVELS * len(draft.keys):
            continue
        for i in set(np.flatnonzero(varies(codes, draft.group)).tolist()) - set(found):
            mine = slice(*np.searchsorted(draft.group, [i, i + 1]))  # rows are by curve
            own, level = (np.unique(v[mine], return_inverse=True)[1] for v in (cell, codes))
            if level.max() >= min(len(level) / 2, _MOST_LEVELS):  # measured, and not a grouping
                continue
            if name in numbers and not varies(own, level).all():
                continue
            f, p = _test_of_levels(draft.scores[mine], own, level)
            if p < _APART / (len(texts) + len(numbers)):
                found[i] = Finding(
                    "levels_apart", "warn",
                    f"Rows of different {name!r} have different scores at equal sizes.",
                    f"F = {f:.3g} beside sizes, p = {p:.2g}",
                    f"Is a grouping missing? Pass by={name!r}"
                    + (", or drivers= with it if it is a size." if name in numbers else "."),
                )  # fmt: skip
    return found


def _is_measured(draft: Draft, name: str) -> bool:
    """Return whether a column of numbers has a part by its name, or is a metric or a time."""
    words = re.findall(r"[a-z]+", name.casefold())
    part = role_of(name) or size_in_unit(name) or name in draft.columns.unused_roles.values()
    return bool(part) or lookup(name) is not None or not _WHEN.isdisjoint(words)


def _test_of_levels(scores: NDArray[np.float64], size: Codes, level: Codes) -> tuple[float, float]:
    """Return F of effects of levels beside those of sizes, and its p value; 1 where none is left.

    Examples
    --------
    >>> scores, size = np.array([0.1, 0.5, 0.2, 0.61, 0.3, 0.7, 0.4, 0.8]), np.arange(8) // 2
    >>> _test_of_levels(scores, size, np.arange(8) % 2)[1] < 1e-4
    True
    >>> _test_of_levels(scores, size, size)
    (0.0, 1.0)
    """
    values = np.column_stack([scores, np.eye(level.max() + 1)[level]])
    n = np.bincount(size)[:, None]
    y, *effects = (values - (sums_of(values, size) / n)[size]).T
    fitted, _, rank, _ = np.linalg.lstsq(np.transpose(effects), y)
    df = len(y) - len(n) - int(rank)
    if rank == 0 or df < _FEWEST_DF:
        return 0.0, 1.0
    rest = float(((y - np.transpose(effects) @ fitted) ** 2).sum())
    f = (float(y @ y) - rest) / int(rank) / max(rest / df, 1e-300)  # levels may tell all
    return f, float(fdtrc(int(rank), df, max(f, 0.0)))
