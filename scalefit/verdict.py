"""The verdict on one curve, with the tests and the words that go with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ._format import interval_text, number, size_text
from .gate import DRAWS
from .inference import Interval
from .saturation import Assessment

__all__ = ["Saturation", "interval_sizes", "single"]


#: A bound on a size beyond this bounds nothing in this world.
_ENDLESS = 1e15


@dataclass(frozen=True, slots=True)
class Saturation:
    """The answer to "does it saturate?" for one curve.

    Parameters
    ----------
    verdict : {"saturated", "still_scaling", "no_scaling", "inconclusive"}
    strength : {"firm", "provisional"}
    reason : str
        Why, in one sentence.
    refused : bool
        Whether the table cannot carry a verdict, nor a forecast.
    gain : Interval
        Gain from ``factor`` times the largest size.
    lower, upper : float
        One-sided 95 % bounds on the gain: the margins at which the verdict changes.
    factor, margin : float
        What was asked: is the gain from ``factor`` times the data worth ``margin``?
    robust_gain : Interval
        The gain whichever surviving law is true.
    tests : DataFrame
        One row a test: test, null, alternative, statistic, p, method, says.
    points : DataFrame
        One row a definition of the saturation point: definition, size, lower, upper.
    """

    verdict: str
    strength: str
    reason: str
    refused: bool
    gain: Interval
    lower: float
    upper: float
    factor: float
    margin: float
    robust_gain: Interval
    tests: pd.DataFrame
    points: pd.DataFrame

    def explain(self) -> str:
        """Return the verdict and what it rests on, in a few sentences."""
        k = f"{self.factor:g}"
        lines = [f"{self.verdict} ({self.strength}): {self.reason}."]
        if not self.refused:
            lines += [
                f"Gain from {k} times the largest size: {self.gain}.",
                f"Whichever surviving law is true: {self.robust_gain}.",
                f"The verdict against a margin m: {_by_margin(self.lower, self.upper)}",
            ]
        lines += [f"- {row.test}: {row.says}" for row in self.tests.itertuples()]
        lines += [
            f"- {row['definition']}: {interval_sizes(row['size'], row['lower'], row['upper'])}"
            for row in self.points.to_dict("records")
        ]
        return "\n".join(lines)

    def __str__(self) -> str:
        if self.refused:
            return f"{self.verdict}: {self.reason}"
        return f"{self.verdict} ({self.strength}); gain at {self.factor:g}x: {self.gain}"

    def __repr__(self) -> str:
        return f"<Saturation {self}>"


def _by_margin(lower: float, upper: float) -> str:
    parts = []
    if lower > 0:
        parts.append(f"still scaling for m below {number(lower)}")
    inside = f"{number(max(lower, 0.0))} and {number(upper)}"
    if np.isinf(upper):
        parts.append(f"undecided for m above {number(max(lower, 0.0))}")
    else:
        parts += [f"undecided between {inside}", f"saturated for m above {number(upper)}"]
    return ", ".join(parts) + "."


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


def single(found: Assessment, published: float, row: int = 0) -> Saturation:
    """Return the assessment of one curve, with its tests and points as tables.

    Parameters
    ----------
    found : Assessment
        Of any number of curves.
    published : float
        Size that the published 95 %-of-the-maximum rule gives; nan where it is undefined.
    row : int
        Which curve.
    """
    points = pd.DataFrame(
        [
            _point("95 % of the observed gain (model)", found.reached[row]),
            _point("95 % of the attainable gain (model)", found.attainable[row]),
            {
                "definition": "95 % of the best single run (published rule, no evidence)",
                "size": published,
                "lower": np.nan,
                "upper": np.nan,
            },
        ]
    )
    return Saturation(
        str(found.verdict[row]), str(found.strength[row]), str(found.reason[row]),
        bool(found.refused[row]),
        found.gain[row], float(found.gain_bounds.lower[row]), float(found.gain_bounds.upper[row]),
        found.factor, float(found.margin[row]), found.robust_gain[row],
        _tests(found, row), points,
    )  # fmt: skip


def _point(definition: str, interval: Interval) -> dict[str, Any]:
    return {
        "definition": definition,
        "size": interval.estimate if interval.identified else np.nan,
        "lower": interval.lower,
        "upper": interval.upper,
    }


def _tests(found: Assessment, row: int) -> pd.DataFrame:
    """Return the tests of one curve, each with null and alternative in words and a sentence."""
    gate, exact = found.gate, "t distribution"
    bounds, m = found.gain_bounds, number(found.margin[row])
    entries = [
        (
            "any scaling", "the same score at every size", "a gain with size, of any exponent",
            gate.statistic[row], gate.p[row], f"null by quasi-Monte Carlo, {DRAWS} points",
            "scaling is seen", "no scaling is seen",
        ),
        (
            "trend", "no slope on log size", "a rise with log size",
            gate.trend[row], gate.trend_p[row], exact,
            "the score improves with log size", "no trend for the better",
        ),
        (
            "plateau", "a pure power law towards the best score", "it levels off short of it",
            found.plateau[0][row], found.plateau[1][row], f"signed root, {exact}",
            "it levels off short of the best score", "a perfect score far out is not excluded",
        ),
        (
            "curvature", "the log law: every doubling gains the same", "doublings gain ever less",
            found.curvature[0][row], found.curvature[1][row], f"signed root, {exact}",
            "gains shrink with size", "a gain that never shrinks is not excluded",
        ),
        (
            "lack of fit", "the law passes through the size means", "it misses them",
            found.lack_of_fit[0][row], found.lack_of_fit[1][row], "F against replicates",
            "the law misses the size means", "no misfit is seen",
        ),
    ]  # fmt: skip
    rows = []
    for test, null, alternative, statistic, p, method, yes, no in entries:
        says = "cannot be made with this table" if np.isnan(p) else f"{yes if p < 0.05 else no}"
        if not np.isnan(p):
            says += f" (p {_p_text(p)})"
        rows.append((test, null, alternative, float(statistic), float(p), method, says))
    lower, upper = bounds.lower[row], bounds.upper[row]
    rows.append(
        (
            "practical saturation",
            f"the {found.factor:g}-fold gain is at least {m}",
            f"it is less than {m}",
            float(upper),
            np.nan,
            f"one-sided {bounds.method}",
            f"gain {interval_text(bounds.estimate[row], lower, upper)}, each bound one-sided 95 %; "
            f"margin {m}",
        )
    )
    columns = ["test", "null", "alternative", "statistic", "p", "method", "says"]
    return pd.DataFrame(rows, columns=columns)


def _p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.2g}"
