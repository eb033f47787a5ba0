"""Every test of one curve: null and alternative in words, statistic, p, how p was got, a sentence.

The tests that simulate are made here, when they are asked for, and not with every verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ._format import number, size_text
from .breakpoint import TABLES, Bend, beats_smooth_laws, bend_test
from .claims import tails
from .estimands import Gain, SizeReaching
from .gate import DRAWS
from .inference import Inference, Interval
from .permutation import SHUFFLES, permutation_test
from .plateau import SIMULATED, bootstrap_plateau_test, doubtful
from .saturation import ONE_SIDED, Assessment
from .selection import Candidates, ask

__all__ = ["Evidence", "interval_sizes"]

#: A bound on a size beyond this bounds nothing in this world.
_ENDLESS = 1e15
#: What the two tests of any scaling rest on, where they part.
_REST = (
    "the test above, on which the verdict rests, weighs runs by their noise and takes errors for "
    "normal; this one takes their ranks alone, and noise for alike at all sizes"
)


class _Test(NamedTuple):
    """One row of the table of tests."""

    test: str
    null: str
    alternative: str
    statistic: float
    p: float
    method: str
    says: str


@dataclass(frozen=True)
class Evidence:
    """All that a verdict on one curve rests on.

    Parameters
    ----------
    found : Assessment
        Of this curve.
    candidates : Candidates
        The laws fitted to this curve alone.
    inference : Inference
        What made the bounds.
    seed : int
        For the tests that simulate.
    """

    found: Assessment
    candidates: Candidates
    inference: Inference
    seed: int

    @cached_property
    def tests(self) -> pd.DataFrame:
        """One row a test: test, null, alternative, statistic, p, method, says."""
        rows = [*self._of_scaling(), *self._of_shape(), *self._of_gain()]
        return pd.DataFrame(rows, columns=list(_Test._fields))

    @cached_property
    def bend(self) -> Bend:
        """The test of a straight line in log size, with the best break."""
        return bend_test(self.candidates.sample, self.seed)

    @cached_property
    def score_reached(self) -> Interval:
        """The size whose score is 95 % of that at the largest one; its inverse for a loss."""
        found = self.found
        return ask(
            self.candidates, [(SizeReaching(0.95, "score"), found.gain.level)], self.inference
        )[0][0]

    @cached_property
    def is_break(self) -> bool:
        """Whether the curve bends, and a broken stick beats the smooth laws."""
        if not self.bend.p[0] <= 0.05:
            return False
        spanning = self.candidates.spanning()
        better = beats_smooth_laws(self.candidates.sample, spanning.estimates, spanning.surviving)
        return bool(better[0])

    def _of_scaling(self) -> Iterator[_Test]:
        gate = self.found.gate
        seen, unseen = "scaling is seen", "no scaling is seen"
        yield _test(
            "any scaling", "the same score at every size", "a gain with size, of any exponent",
            gate.statistic[0], gate.p[0], f"null by quasi-Monte Carlo, {DRAWS} points",
            seen, unseen,
        )  # fmt: skip
        statistic, p = permutation_test(self.candidates.sample, self.seed)
        rests = "; " + _REST if (p[0] < 0.05) != (gate.p[0] < 0.05) else ""
        yield _test(
            "any scaling, by permutation", "the runs are exchangeable over the sizes",
            "a gain with size, of any exponent", statistic[0], p[0],
            f"{SHUFFLES} random permutations of the ranks, exact if all runs scatter alike",
            seen, unseen, rests,
        )  # fmt: skip
        yield _test(
            "trend", "no slope on log size", "a rise with log size",
            gate.trend[0], gate.trend_p[0], "t distribution",
            "the score improves with log size", "no trend for the better",
        )  # fmt: skip

    def _of_shape(self) -> Iterator[_Test]:
        found = self.found
        null = self.candidates.estimate_of("power")
        wide = self.candidates.estimate_of("saturating_power")
        root, p = found.plateau[0][0], found.plateau[1][0]
        referee = float(bootstrap_plateau_test(null, wide, self.seed)[0])
        how = f"parametric bootstrap, {SIMULATED} tables refitted"
        words = (
            "a pure power law towards the best score", "it levels off short of it",
            "it levels off short of the best score", "a perfect score far out is not excluded",
        )  # fmt: skip
        decides = bool(doubtful(wide)[0])
        yield _test(
            "plateau", *words[:2], root, referee if decides else p,
            f"signed root, {how if decides else 't distribution'}", *words[2:],
        )  # fmt: skip
        yield _test("plateau, bootstrap referee", *words[:2], root, referee, how, *words[2:])
        yield _test(
            "curvature", "the log law: every doubling gains the same", "doublings gain ever less",
            found.curvature[0][0], found.curvature[1][0], "signed root, t distribution",
            "gains shrink with size", "a gain that never shrinks is not excluded",
        )  # fmt: skip
        yield self._of_break()
        yield _test(
            "lack of fit", "the law passes through the size means", "it misses them",
            found.lack_of_fit[0][0], found.lack_of_fit[1][0], "F against replicates",
            "the law misses the size means", "no misfit is seen",
        )  # fmt: skip

    def _of_break(self) -> _Test:
        bend = self.bend
        says = "curvature, no distinguishable break"
        if self.is_break:
            place = bend[0]
            size = interval_sizes(place.estimate, place.lower, place.upper)
            says = f"a break at {size}, better than any smooth law"
        return _test(
            "break", "a straight line in log size", "a line that bends at one size",
            bend.statistic[0], bend.p[0],
            f"largest F over the breaks, null by Monte Carlo, {TABLES} tables",
            says, "no bend is seen",
        )  # fmt: skip

    def _of_gain(self) -> Iterator[_Test]:
        found = self.found
        factor, margin = found.factor, float(found.margin[0])
        refused = bool(found.refused[0])
        method = f"one-sided {found.gain_bounds.method}"
        k, m = f"{factor:g}-fold gain", number(margin)
        t, p_less, p_more = self._against(Gain(factor), margin, refused)
        low, high = found.gain_bounds.lower[0], found.gain_bounds.upper[0]
        yield _test(
            "practical saturation", f"the {k} is at least {m}", f"it is less than {m}",
            t, p_less, method,
            f"it is less than {m}: at most {number(high)}",
            f"it may be {'any amount' if np.isinf(high) else f'as much as {number(high)}'}",
        )  # fmt: skip
        yield _test(
            "worthwhile gain", f"the {k} is at most {m}", f"it is more than {m}",
            -t, p_more, method,
            f"it is more than {m}: at least {number(low)}",
            f"it may be {'any loss' if np.isinf(low) else f'as little as {number(low)}'}",
        )  # fmt: skip
        share = margin * np.log(2.0) / np.log(factor)
        t, p_less, _ = self._against(Gain(2.0), share, refused)
        yield _test(
            "next doubling", f"the next doubling gains at least {number(share)}",
            "it gains less than its share of the margin", t, p_less, method,
            f"the next doubling gains less than {number(share)}",
            f"a gain of {number(share)} from the next doubling is not excluded",
        )  # fmt: skip
        bound = float(found.secant.bound(factor, ONE_SIDED)[0])
        level = f"{100 * ONE_SIDED:g} %"
        yield _test(
            "no-extrapolation bound", f"the {k} is at least {m}, and gains shrink with log size",
            f"it is less than {m}",
            bound, float(found.secant.p(factor, found.margin)[0]),
            f"slope over the last decade, or three sizes, t distribution, one-sided {level}",
            *(
                f"if gains shrink with log size, the {k} is at most {number(bound)}, {words} {m}"
                for words in ("less than", "which does not exclude")
            ),
        )  # fmt: skip

    def _against(self, estimand: Gain, value: float, refused: bool) -> tuple[float, float, float]:
        """Return t of a gain below the value, and p of "at least" and "at most" the value."""
        if refused:
            return np.nan, np.nan, np.nan
        t, at_least, at_most = tails(
            self.candidates, np.array([True]), estimand, np.array([value]), self.inference
        )
        return float(t[0]), float(at_least[0]), float(at_most[0])


def _test(
    test: str, null: str, alternative: str, statistic: Any, p: Any, method: str, yes: str, no: str,
    more: str = "",
) -> _Test:  # fmt: skip
    """Return a row whose sentence is ``yes`` where p is below 0.05, and ``no`` where it is not."""
    if np.isnan(p):
        says = "cannot be made with this table"
    else:
        says = f"{yes if p < 0.05 else no} (p {'< 0.001' if p < 0.001 else f'= {p:.2g}'}){more}"
    return _Test(test, null, alternative, float(statistic), float(p), method, says)


def interval_sizes(size: float, lower: float, upper: float) -> str:
    """Return a size with its interval in plain words: "14M [7.5M, 18M]"."""
    if np.isnan(lower) or np.isnan(upper):
        return size_text(size)
    if upper > _ENDLESS:
        upper = np.inf
    if np.isinf(lower) and np.isinf(upper):
        return "not identified"
    if np.isinf(upper):
        return f"above {size_text(lower)}"
    if np.isinf(lower):
        return f"below {size_text(upper)}"
    return f"{size_text(size)} [{size_text(lower)}, {size_text(upper)}]"
