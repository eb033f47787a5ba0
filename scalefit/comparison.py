"""The answers of several groups side by side: tests, pairs, mean, ranks, crossings, pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._format import capital, interval_text, number, size_text, table_text
from .adjustment import ADJUSTED, Adjust, adjusted
from .alignment import same_metric, size_unit
from .compare_plot import plot_comparison, plot_curves, plot_ranks
from .confidence import Confidence, multiplier
from .contrasts import Equality, Pairs, equality, pairs
from .diagnostics.overview import merged
from .errors import FitError
from .estimate import Estimate
from .findings import Finding
from .fit import Fit
from .groups import Group
from .inference import Crossing
from .meta import Meta, known, random_effects
from .one_stage import one_stage
from .ranks import ranks
from .words import READ, set_cautions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Comparison"]

#: Arms of an interval that differ by more than this factor's log have no standard error in common.
_SKEWED = np.log(1.5)
#: An interval that is narrower, as a share of its answer, is that of a number that is known.
_EXACT = 1e-9


@dataclass(frozen=True)
class Comparison:
    """The same question answered by several groups; made by :func:`scalefit.compare`.

    Parameters
    ----------
    what : str
        The question in words.
    higher : bool
        Whether a higher answer is the better one.
    groups : tuple of Group
        All groups.
    fits, estimates : tuple of Fit or None, of Estimate or None
        The curve that answered, and its law; None where nothing was fitted.
    curves : Confidence
        Confidence curves of the groups that have an answer.
    told : tuple of int
        Which groups these are.
    reasons : tuple of str
        Why a group has no answer; empty where it has one.
    robust : tuple of (float, float)
        For each group the interval whichever surviving law is true; nan where none was made.
    kinds : tuple or None
        For each group the value of the moderator.
    moderator : str or None
        What it is called.
    correlation : array or None
        Of the errors of the groups with an answer, where they share runs.
    level : float
        Coverage.
    adjust : {"holm", "bh", None}
        How p values of the pairs are adjusted.
    seed : int
        Of the draws behind the chances of rank 1.
    findings : tuple of Finding
        What to know before use.
    of_size : bool
        Whether the answers are sizes, whose means over groups are those of their logs.
    bounds : tuple of two floats
        Values that an answer can take, and so a mean over groups: those of a metric where all
        answers are scores in it.
    """

    what: str
    higher: bool
    groups: tuple[Group, ...]
    fits: tuple[Fit | None, ...]
    estimates: tuple[Estimate | None, ...]
    curves: Confidence
    told: tuple[int, ...]
    reasons: tuple[str, ...]
    robust: tuple[tuple[float, float], ...]
    kinds: tuple[object, ...] | None
    moderator: str | None
    correlation: NDArray[np.float64] | None
    level: float
    adjust: Adjust
    seed: int
    findings: tuple[Finding, ...]
    of_size: bool = False
    bounds: tuple[float, float] = (-np.inf, np.inf)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a group, in the order given.

        Columns: group, the moderator if there is one, law, sizes, smallest, largest, estimate,
        lower, upper, robust_lower, robust_upper, caution. Bounds are infinite where open.
        """
        value = known(self.curves.estimate, *self.bounds)
        lower, upper = (known(end, *self.bounds) for end in self.curves.interval(self.level))
        place = {group: i for i, group in enumerate(self.told)}
        rows = []
        for g, group in enumerate(self.groups):
            row: dict[str, Any] = {"group": group.name}
            if self.kinds is not None:
                row[str(self.moderator)] = self.kinds[g]
            one, estimate = self.fits[g] or group.fit, self.estimates[g]
            row["law"] = estimate.law.name if estimate is not None else "-"
            sample = one.candidates.sample if one is not None else None
            row["sizes"] = int(sample.n_sizes[0]) if sample is not None else 0
            row["smallest"] = float(sample.x.min()) if sample is not None else np.nan
            row["largest"] = float(sample.x.max()) if sample is not None else np.nan
            i = place.get(g)
            row["estimate"] = float(value[i]) if i is not None else np.nan
            row["lower"] = float(lower[i]) if i is not None else -np.inf
            row["upper"] = float(upper[i]) if i is not None else np.inf
            row["robust_lower"], row["robust_upper"] = self.robust[g]
            row["caution"] = self.reasons[g] or self._caution(row["lower"], row["upper"])
            rows.append(row)
        table = pd.DataFrame(rows)
        table.attrs["label"] = f"{100 * self.level:g} % intervals"
        return table

    def _caution(self, lower: float, upper: float) -> str:
        if np.isinf(lower) or np.isinf(upper):
            return f"open {'below' if np.isinf(lower) else 'above'}"
        return ""

    @cached_property
    def _equality(self) -> Equality:
        return equality(self.curves, self.correlation)

    @cached_property
    def _pairs(self) -> Pairs:
        return pairs(self.curves, self.level, self.correlation)

    @cached_property
    def tests(self) -> pd.DataFrame:
        """The tests: test, null, alternative, statistic, df1, df2, p, method, says."""
        found = self._equality
        rows = [self._test("shared against separate", "all groups have the same answer",
                           "at least one differs", found.statistic, found.df1, found.df2, found.p,
                           "profile likelihood ratio, F of Welch",
                           "the groups differ", "no difference between the groups is seen"),
        ]  # fmt: skip
        meta = self.meta
        if meta is not None and self.kinds is not None:
            df1, df2 = len(meta.table) - 1.0, float(meta.k - len(meta.table))
            rows.append(
                self._test(f"{self.moderator} as a moderator", "all kinds have the same mean",
                           "at least one differs", meta.f, df1, df2, meta.f_p, meta.method,
                           "the kinds differ", "no difference between the kinds is seen")
            )  # fmt: skip
        return pd.DataFrame(rows)

    def _test(
        self, test: str, null: str, alternative: str, statistic: float, df1: float, df2: float,
        p: float, method: str, seen: str, unseen: str,
    ) -> dict[str, Any]:  # fmt: skip
        return {
            "test": test, "null": null, "alternative": alternative, "statistic": statistic,
            "df1": df1, "df2": df2, "p": p, "method": method,
            "says": seen if p <= 1.0 - self.level else unseen,
        }  # fmt: skip

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Each group against each: one, other, difference, lower, upper, p, p_adjusted."""
        found, names = self._pairs, self.names
        return pd.DataFrame({
            "one": [names[i] for i in found.first], "other": [names[j] for j in found.second],
            "difference": found.difference, "lower": found.lower, "upper": found.upper,
            "p": found.p, "p_adjusted": adjusted(found.p, self.adjust),
        })  # fmt: skip

    @property
    def names(self) -> list[str]:
        """Names of the groups with an answer."""
        return [self.groups[i].name for i in self.told]

    @cached_property
    def meta(self) -> Meta | None:
        """The random-effects mean over the groups, or over those of each kind.

        From answers and standard errors where all intervals are closed and near to symmetric; else
        from the likelihoods as they are, in one stage. Sizes are averaged as logs, and told as
        sizes. None where there are too few groups. Closed ends keep to the range of the answers.
        """
        found = self._mean_of(self.curves.of_logs() if self.of_size else self.curves)
        if found is None:
            return None
        return found.of_sizes() if self.of_size else found.within(*self.bounds)

    def _mean_of(self, curves: Confidence) -> Meta | None:
        lower, upper = curves.interval(self.level)
        kinds = None if self.kinds is None else [self.kinds[i] for i in self.told]
        if len(curves) < (2 if kinds is None else len(set(kinds)) + 1):
            return None
        value = curves.estimate
        with np.errstate(invalid="ignore", divide="ignore"):
            skew = np.abs(np.log((upper - value) / (value - lower)))
        skew[upper - lower <= _EXACT * np.abs(value)] = 0.0
        if not np.all(skew <= _SKEWED):
            return one_stage(curves, kinds, self.level, self.correlation)
        error = 0.5 * (upper - lower) / multiplier(curves.df, self.level)
        shared = np.eye(len(error)) if self.correlation is None else self.correlation
        return random_effects(
            value, shared * np.outer(error, error), moderator=kinds, level=self.level
        )

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """Ranks, 1 being the best: group, rank, lower, upper (simultaneous), first.

        ``first`` is the share of draws from the confidence curves in which the group is the best.
        """
        found = ranks(self.curves, self._pairs, self.level, self.higher, self.seed,
                      self.correlation)  # fmt: skip
        table = pd.DataFrame({
            "group": self.names, "rank": found.rank, "lower": found.lower, "upper": found.upper,
            "first": found.first,
        })  # fmt: skip
        return table.sort_values("rank", ignore_index=True)

    @cached_property
    def crossings(self) -> pd.DataFrame:
        """Where the fitted curves cross: one, other, size, lower, upper, says.

        A size more than a decade beyond both tables is not told. Where one curve is above the other
        at every size nothing is (all nan); where they cannot be told apart the set is open.
        """
        fitted = [(g, one) for g, group in enumerate(self.groups) if (one := group.fit) is not None]
        metrics = {self.groups[g].name: one.table.metrics[0] for g, one in fitted}
        units = {size_unit(one.driver) for _, one in fitted}
        mixed = same_metric(metrics) or (
            f"the groups are sized in {', '.join(sorted(units))}" if len(units) > 1 else None
        )
        if mixed:
            raise FitError(f"{mixed}; curves in different units do not cross")
        rows = []
        for (i, one), (j, other) in combinations(fitted, 2):
            found = one.ask(Crossing(other.estimate), self.level)
            rows.append({
                "one": self.groups[i].name, "other": self.groups[j].name,
                "size": found.estimate, "lower": found.lower, "upper": found.upper,
                "says": _crossing_text(found.estimate, found.lower, found.upper),
            })  # fmt: skip
        return pd.DataFrame(rows, columns=["one", "other", "size", "lower", "upper", "says"])

    @property
    def diagnostics(self) -> pd.DataFrame:
        """Findings on the comparison and on its tables, the gravest first.

        Columns: code, severity, message, evidence, mend, curves (how many groups it is about) and
        first (of these; empty where it is about all), whose the evidence is.
        """
        tables = [None if group.fit is None else group.fit.table for group in self.groups]
        known, told = {finding.code for finding in self.findings}, dict[Finding, list[int]]()
        for g, table in enumerate(tables):
            for finding in () if table is None else (*table.findings, *table.group_findings[0]):
                if finding.code not in known:
                    told.setdefault(finding, []).append(g)
        whole = [f for f in told if all(table and f in table.findings for table in tables)]
        own = [(finding, np.array(of)) for finding, of in told.items() if finding not in whole]
        return merged((*self.findings, *whole), own, [group.name for group in self.groups])

    def headline(self) -> str:
        """Return the answer in a few sentences."""
        n, seen = len(self.curves), self._equality
        verdict = "differ" if seen.p <= 1.0 - self.level else "cannot be told apart"
        lines = [
            f"{capital(self.what)}: the {n} groups {verdict} "
            f"(p {number(seen.p)}; one value for all would be {number(seen.value)})."
        ]
        if n > 2:
            apart = int((self.pairs["p_adjusted"] <= 1.0 - self.level).sum())
            lines.append(f"{apart} of {len(self.pairs)} pairs are told apart "
                         f"({ADJUSTED[self.adjust]}).")  # fmt: skip
        silent = len(self.groups) - n
        if silent:
            lines.append(f"{silent} group{'s have' if silent > 1 else ' has'} no answer.")
        return " ".join(lines)

    def text(self) -> pd.DataFrame:
        """Return the table of groups as text, best first."""
        rows = self.table
        sign = -1.0 if self.higher else 1.0
        rows = rows.iloc[np.argsort(sign * rows["estimate"].fillna(sign * np.inf), kind="stable")]
        place = self.ranks.set_index("group")
        shown = pd.DataFrame({"group": rows["group"]})
        if self.moderator is not None:
            shown[self.moderator] = rows[self.moderator]
        triples = zip(rows["estimate"], rows["lower"], rows["upper"], strict=True)
        shown[f"{100 * self.level:g} %"] = [
            interval_text(*t) if np.isfinite(t[0]) or np.isfinite(t[1:]).any() else "-"
            for t in triples
        ]
        robust = zip(rows["estimate"], rows["robust_lower"], rows["robust_upper"], strict=True)
        if rows["robust_lower"].notna().any():
            shown["any surviving law"] = [_range_text(*each) for each in robust]
        shown["rank"] = [
            "-" if g not in place.index else f"{place['lower'][g]} to {place['upper'][g]}"
            for g in rows["group"]
        ]
        shown["law"] = rows["law"]
        shown["largest"] = [size_text(v) for v in rows["largest"]]
        shown["caution"] = rows["caution"]
        return shown.reset_index(drop=True)

    def cautions(self) -> list[str]:
        """Return the findings as lines."""
        return set_cautions(self.diagnostics)

    def pairs_text(self) -> pd.DataFrame:
        """Return the pairs as text, the smallest p first."""
        rows = self.pairs.sort_values("p", kind="stable")
        triples = zip(rows["difference"], rows["lower"], rows["upper"], strict=True)
        return pd.DataFrame({
            "one": rows["one"], "less": rows["other"],
            "difference": [interval_text(*triple) for triple in triples],
            "p": [number(p, 2) for p in rows["p"]],
            f"p, {ADJUSTED[self.adjust]}": [number(p, 2) for p in rows["p_adjusted"]],
        }).reset_index(drop=True)  # fmt: skip

    def summary(self) -> str:
        """Return the answer, the groups, the mean over them, and what to know before use."""
        lines = [self.headline(), "", table_text(self.text())]
        meta = self.meta
        if meta is not None:
            lines += ["", "mean over groups" if self.kinds is None else
                      f"mean over groups, by {self.moderator}", meta.summary()]  # fmt: skip
            lines += meta.pairs_text()
        elif len(self.curves) > 1:
            lines += ["", "no mean over groups: there are too few"]
        said = self.cautions()
        if said:
            lines += ["", READ, *(f"- {text}" for text in said)]
        return "\n".join(lines)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw a forest plot: each group's interval, the mean over groups, the prediction."""
        return plot_comparison(self, ax=ax)

    def plot_curves(self, **options: Any) -> Figure:
        """Draw the fitted curves as small multiples on shared axes."""
        return plot_curves(self, **options)

    def plot_ranks(self, ax: Axes | None = None) -> Axes:
        """Draw each group's rank with its simultaneous interval."""
        return plot_ranks(self, ax=ax)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"<Comparison of {len(self.groups)} groups: {self.what}>"


def _range_text(estimate: float, lower: float, upper: float) -> str:
    """Return an interval without its estimate."""
    if np.isnan(lower):
        return "-"
    text = interval_text(estimate, lower, upper)
    return text.partition("[")[2].rstrip("]").replace(", ", " to ") or text


def _crossing_text(size: float, lower: float, upper: float) -> str:
    if np.isnan(lower):
        return "one is above the other at every size"
    if np.isinf(lower) and np.isinf(upper):
        return "cannot be told apart at any size"
    if np.isinf(upper):
        return f"above {size_text(lower)}"
    if np.isinf(lower):
        return f"below {size_text(upper)}"
    best = "" if np.isnan(size) else f"{size_text(size)}, "
    return f"{best}{size_text(lower)} to {size_text(upper)}"
