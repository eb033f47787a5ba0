"""The verdict on one curve, with the tests and the words that go with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._format import number
from .claims import Claims
from .hypotheses import Evidence, interval_sizes
from .inference import Interval
from .saturation import ONE_SIDED, Assessment

__all__ = ["IN_SHORT", "Saturation", "interval_sizes", "several", "single"]

#: Columns of :func:`several` that stand in a table of curves.
IN_SHORT = (
    "verdict", "strength", "gain", "lower", "upper", "bound_lower", "bound_upper", "margin",
    "adjusted_verdict", "published",
)  # fmt: skip


@dataclass(frozen=True)
class Saturation:
    """The answer to "does it saturate?" for one curve.

    Parameters
    ----------
    verdict : {"saturated", "still_scaling", "no_scaling", "inconclusive"}
    strength : {"firm", "provisional"}
    reason : str
        Why, in one sentence.
    refused : bool
        Whether the table cannot carry a verdict.
    withheld : bool
        Whether it cannot carry a forecast either, and none was asked for all the same.
    gain : Interval
        Gain from ``factor`` times the largest size.
    lower, upper : float
        One-sided 95 % bounds on the gain: the margins at which the verdict changes.
    factor, margin : float
        What was asked: whether the gain from ``factor`` times the data is worth ``margin``.
    robust_gain : Interval
        The gain whichever surviving law is true.
    probability_below, probability_above : float
        Posterior probabilities, given the chosen law, that the gain is below and above the margin;
        where no law leads the least ones over those that fit.
        Not a number in a fit without a posterior, and where the verdict is refused.
    published : float
        Size that the published rule gives.
    evidence : Evidence
        What the verdict rests on.
    """

    verdict: str
    strength: str
    reason: str
    refused: bool
    withheld: bool
    gain: Interval
    lower: float
    upper: float
    factor: float
    margin: float
    robust_gain: Interval
    probability_below: float
    probability_above: float
    published: float
    evidence: Evidence = field(repr=False, compare=False)

    @property
    def tests(self) -> pd.DataFrame:
        """One row a test: test, null, alternative, statistic, p, method, says.

        Some tests simulate: they are made once, when this table is first asked for.
        """
        return self.evidence.tests

    @cached_property
    def points(self) -> pd.DataFrame:
        """One row a definition of the saturation point: definition, size, lower, upper."""
        found = self.evidence.found
        rows = [
            _point("95 % of the observed gain (model)", found.reached[0]),
            _point("95 % of the attainable gain (model)", found.attainable[0]),
            _point("95 % of the score at the largest size (model)", self.evidence.score_reached),
        ]
        if self.evidence.is_break:
            rows.append(_point("break of the slope (broken stick)", self.evidence.bend[0]))
        rows.append(
            {
                "definition": "95 % of the best single run (published rule, no evidence)",
                "size": self.published,
                "lower": np.nan,
                "upper": np.nan,
            }
        )
        return pd.DataFrame(rows)

    def by_margin(self) -> pd.DataFrame:
        """Return the verdict for every margin: columns above, below, verdict.

        The margins at which the verdict changes are the one-sided bounds themselves, so one table
        answers for all margins. A curve that shows no scaling is judged by its gain over the whole
        table.

        Examples
        --------
        >>> import scalefit as sf
        >>> fit = sf.fit({"cells": [1e4, 1e5, 1e6, 1e7] * 2, "seed": [0] * 4 + [1] * 4,
        ...               "f1": [.60, .75, .81, .84, .61, .74, .80, .83]})
        >>> fit.saturation().by_margin()["verdict"].tolist()
        ['still_scaling', 'inconclusive', 'saturated']
        """
        found = self.evidence.found
        seen = found.gate.p[0] <= 1.0 - ONE_SIDED
        upper = self.upper if seen else float(found.observed_bounds.upper[0])
        low, high = (max(self.lower, 0.0) if seen else 0.0), max(upper, 0.0)
        if self.refused:
            low, high = 0.0, np.inf
        rows = [
            (0.0, low, "still_scaling"),
            (low, high, "inconclusive"),
            (high, np.inf, "saturated" if seen else "no_scaling"),
        ]
        kept = [part for part in rows if part[0] < part[1]]
        return pd.DataFrame(kept, columns=["above", "below", "verdict"])

    def explain(self) -> str:
        """Return the verdict and what it rests on, in a few sentences."""
        k = f"{self.factor:g}"
        lines = [f"{self.verdict} ({self.strength}): {self.reason}."]
        if not self.withheld:
            lines += [
                f"Gain from {k} times the largest size: {self.gain}.",
                f"Whichever surviving law is true: {self.robust_gain}.",
            ]
        if not np.isnan(self.probability_below):
            lines.append(f"{self._probability_text()}.")
        lines.append(f"The verdict against a margin m: {self._by_margin_text()}.")
        lines += [f"- {row.test}: {row.says}" for row in self.tests.itertuples()]
        lines += [
            f"- {row['definition']}: {interval_sizes(row['size'], row['lower'], row['upper'])}"
            for row in self.points.to_dict("records")
        ]
        return "\n".join(lines)

    def _probability_text(self) -> str:
        """Return the posterior probabilities in words."""
        low, high = self.probability_below, 1.0 - self.probability_above
        if low < high - 1e-9:  # no law leads
            return (
                f"Posterior probability that the gain is below the margin of "
                f"{number(self.margin)}: from {_percent(low)} to {_percent(high)}, by law"
            )
        below, above = (
            _percent(share) for share in (self.probability_below, self.probability_above)
        )
        return (
            f"Posterior probability that the gain is below the margin of {number(self.margin)}: "
            f"{below}; above it: {above}"
        )

    def _by_margin_text(self) -> str:
        parts = []
        for above, below, verdict in self.by_margin().itertuples(index=False):
            said = verdict.replace("_", " ")
            if above == 0 and np.isinf(below):
                parts.append(f"{said} for every m")
            elif above == 0:
                parts.append(f"{said} below {number(below)}")
            elif np.isinf(below):
                parts.append(f"{said} above {number(above)}")
            else:
                parts.append(f"{said} from {number(above)} to {number(below)}")
        return ", ".join(parts)

    def __str__(self) -> str:
        if self.withheld:
            return f"{self.verdict}: {self.reason}"
        return f"{self.verdict} ({self.strength}); gain at {self.factor:g}x: {self.gain}"

    def __repr__(self) -> str:
        return f"<Saturation {self}>"


def single(evidence: Evidence, published: float) -> Saturation:
    """Return the verdict on one curve with the evidence for it.

    Parameters
    ----------
    evidence : Evidence
        What the verdict rests on.
    published : float
        Size that the published 95 %-of-the-maximum rule gives; nan where it is undefined.
    """
    found = evidence.found
    return Saturation(
        str(found.verdict[0]), str(found.strength[0]), str(found.reason[0]),
        bool(found.refused[0]), bool(found.withheld[0]),
        found.gain[0], float(found.gain_bounds.lower[0]), float(found.gain_bounds.upper[0]),
        found.factor, float(found.margin[0]), found.robust_gain[0],
        float(found.probability[0][0]), float(found.probability[1][0]), published, evidence,
    )  # fmt: skip


def several(
    keys: pd.DataFrame, found: Assessment, family: Claims, published: NDArray[np.float64]
) -> pd.DataFrame:
    """Return the verdicts on many curves as a table.

    Parameters
    ----------
    keys : DataFrame
        What tells the curves apart, one row a curve.
    found : Assessment
        Their verdicts.
    family : Claims
        What is left of them after adjustment.
    published : array (G,)
        Sizes that the published rule gives.
    """
    table = keys.assign(
        verdict=found.verdict,
        strength=found.strength,
        gain=found.gain.estimate,
        lower=found.gain.lower,
        upper=found.gain.upper,
        bound_lower=found.gain_bounds.lower,
        bound_upper=found.gain_bounds.upper,
        margin=found.margin,
        gate_p=found.gate.p,
        p=family.p,
        p_adjusted=family.adjusted_p,
        adjusted_verdict=family.verdict,
        robust_lower=found.robust_gain.lower,
        robust_upper=found.robust_gain.upper,
        published=published,
        reason=found.reason,
    )
    below, above = found.probability
    if np.isfinite(below).any():  # with draws
        table["probability_below"], table["probability_above"] = below, above
    table.attrs["inconclusive"] = int((found.verdict == "inconclusive").sum())
    table.attrs["adjust"], table.attrs["family"] = family.adjust, family.family
    return table


def _percent(share: float) -> str:
    """Return a share of draws in per cent; draws never show that something is certain.

    Examples
    --------
    >>> _percent(0.9731), _percent(1.0), _percent(0.0)
    ('97.3 %', 'above 99.9 %', 'below 0.1 %')
    """
    if share > 0.999:
        return "above 99.9 %"
    return "below 0.1 %" if share < 0.001 else f"{100.0 * share:.1f} %"


def _point(definition: str, interval: Interval) -> dict[str, Any]:
    return {
        "definition": definition,
        "size": interval.estimate if interval.identified else np.nan,
        "lower": interval.lower,
        "upper": interval.upper,
    }
