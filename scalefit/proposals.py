"""Which runs might be made next: each proposal a few sizes with as many runs at each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._format import counted, size_text
from .errors import FitError
from .results import sizes_from
from .selection import MIN_SIZES

__all__ = ["NOTHING", "Proposal", "propose", "whole_number"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Proposal:
    """Runs that might be made: ``seeds`` at each of ``sizes``.

    Examples
    --------
    >>> Proposal((1e6, 1e7), 3).label, Proposal((1e7,), 1, "ten times larger").label
    ('3 runs at 1M, 10M', '1 run at 10M (ten times larger)')
    """

    sizes: tuple[float, ...]
    seeds: int
    name: str = ""

    @property
    def label(self) -> str:
        """The runs in words."""
        if not self.sizes:
            return "no new runs"
        shown = [size_text(size) for size in self.sizes]
        if len(shown) > 4:
            shown = [*shown[:2], "...", shown[-1]]
        said = f"{counted(self.seeds, 'run')} at {', '.join(shown)}"
        return f"{said} ({self.name})" if self.name else said

    @property
    def runs(self) -> int:
        """Number of new runs."""
        return self.seeds * len(self.sizes)

    def added(self) -> dict[float, int]:
        """Return size to number of new runs."""
        return dict.fromkeys(self.sizes, self.seeds)


#: What every proposal is compared with.
NOTHING = Proposal((), 0)


def propose(
    sizes: Any, seeds: int | Iterable[int] | None, counts: Mapping[float, int], driver: str
) -> list[Proposal]:
    """Return proposals: every choice of sizes with every number of seeds.

    Parameters
    ----------
    sizes : number, sequence or mapping, or None
        Each element is one choice: a size, or several sizes together. The keys of a mapping name
        them. None for the usual ones: a decade and half a decade below the smallest size, the sizes
        in hand again, as far above the largest, and a decade either way.
    seeds : int or sequence of int, or None
        Runs at each size; None for as many as the sizes in hand have in the median.
    counts : mapping of float to int
        Size to runs in hand.
    driver : str
        What the sizes count.

    Examples
    --------
    >>> [each.label for each in propose([1e6, (1e6, 1e7)], [3, 5], {1e4: 3}, "cells")]
    ['3 runs at 1M', '3 runs at 1M, 10M', '5 runs at 1M', '5 runs at 1M, 10M']
    """
    choices = _usual(counts) if sizes is None else _choices(sizes, driver)
    if seeds is None:
        seeds = int(np.median(list(counts.values()))) if counts else 1
    numbers = [
        whole_number("seeds", each) for each in (seeds if isinstance(seeds, Iterable) else [seeds])
    ]
    if not counts and any(len(each) < MIN_SIZES for _, each in choices):
        raise FitError(
            f"there are no runs in hand, and a table needs {MIN_SIZES} sizes or more: each element "
            "of sizes is then a whole table, as in sizes=[[1e4, 1e5, 1e6, 1e7]]"
        )
    if not choices or not numbers:
        raise FitError("nothing is proposed: give sizes and seeds, such as sizes=[1e6, 1e7]")
    return [Proposal(each, n, name) for n in numbers for name, each in choices]


def whole_number(name: str, given: Any) -> int:
    """Return a count of at least one; FitError if it is none."""
    whole = isinstance(given, (int, np.integer)) and not isinstance(given, bool)
    if not (whole and given >= 1):
        raise FitError(f"{name}={given!r}; give a whole number from 1")
    return int(given)


def _choices(sizes: Any, driver: str) -> list[tuple[str, tuple[float, ...]]]:
    if isinstance(sizes, Mapping):
        named = [(str(name), each) for name, each in sizes.items()]
    else:
        named = [("", each) for each in ([sizes] if isinstance(sizes, (Real, str)) else sizes)]
    chosen = [(name, tuple(np.unique(sizes_from(each, [driver])).tolist())) for name, each in named]
    return [(name, each) for name, each in chosen if each]


def _usual(counts: Mapping[float, int]) -> list[tuple[str, tuple[float, ...]]]:
    if not counts:
        raise FitError(
            "there are no runs in hand to go on from: give sizes=[[1e4, 1e5, 1e6, 1e7]], each "
            "element a whole table"
        )
    low, high = min(counts), max(counts)
    return [
        ("10 times smaller", (low / 10,)),
        ("3 times smaller", (low / 3,)),
        ("the same sizes again", tuple(sorted(counts))),
        ("3 times larger", (3 * high,)),
        ("10 times larger", (10 * high,)),
        ("10 times either way", (low / 10, 10 * high)),
    ]
