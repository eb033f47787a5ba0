"""Published tables, groups of a fit and stated numbers, compared in one question asked of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from ._columns import Names
from ._format import size_text
from ._numbers import as_numbers
from ._seeds import seed_of
from .adjustment import Adjust, check_adjust
from .alignment import Convert, same_metric
from .comparison import Comparison
from .confidence import FEWEST_DRAWS, Confidence, from_errors, joined, trace
from .errors import FitError, ScalefitError, TableError, nearest
from .estimands import (
    Estimand,
    Gain,
    GainBetween,
    MarginalGain,
    Parameter,
    Value,
    is_composed,
    is_size,
)
from .estimate import Estimate
from .findings import Finding
from .fit import Fit
from .groups import Group, gather, on_range, shared_runs, size_range
from .inference import (
    Bootstrap,
    Inference,
    Intervals,
    answer,
    check_level,
    get_inference,
    open_beyond,
)
from .laws import get_law
from .results import gate_text
from .share import RemainingShare
from .shared_seeds import correlation

__all__ = ["EXPONENT_LAW", "WHAT", "compare"]

#: What can be compared, in words. Those without a unit of score may be compared across metrics.
WHAT = {
    "gain": "gain from {factor:g} times the size, at {at}",
    "doubling": "gain from doubling the size, at {at}",
    "score": "score at {at}",
    "share": "share of the remaining error removed by {factor:g} times the size, at {at}",
    "exponent": "exponent, over the common range of sizes",
    "asymptote": "asymptote",
}
_SCALE_FREE = ("share", "exponent")
_OF_RANGE = ("exponent", "asymptote")
#: The law whose exponents and asymptotes are compared.
EXPONENT_LAW = "saturating_power"
_DECADE = 10.0 * (1 - 1e-9)


def compare(
    data: Any,
    what: str | Estimand = "gain",
    *,
    by: Names | None = None,
    at: float | str | None = None,
    factor: float = 10.0,
    moderator: str | Mapping[str, Any] | None = None,
    cluster: Names | None = None,
    corpus: float | Mapping[str, float] | None = None,
    convert: Convert | None = None,
    adjust: Adjust = "holm",
    level: float = 0.95,
    inference: str | Bootstrap = "profile",
    rng: int | np.random.Generator = 0,
    **options: Any,
) -> Comparison:
    """Compare curves, tables and published estimates in one answer.

    Parameters
    ----------
    data : FitSet, table, path, folder, or a sequence or mapping of these
        A mapping names its groups; its values may be fits, tables, paths, and published numbers
        as ``(estimate, standard error)`` or ``(estimate, lower, upper)``. A table that states
        estimates with errors, and no runs, gives one group a row. One call reads a folder.
    what : str or Estimand
        ``"gain"`` (from ``factor`` times the size ``at``), ``"doubling"``, ``"score"``,
        ``"share"`` (of the error that remains at ``at``, removed by ``factor`` times the size),
        ``"exponent"``, ``"asymptote"``, or any estimand.
    by : str or sequence of str, optional
        Columns that tell the curves of a table apart.
    at : float, text such as "1M", or "own", optional
        The size at which gains, scores and shares are compared; by default the largest size that
        every group has reached. ``"own"``: gains from each group's own largest size.
    factor : float
        For ``"gain"`` and ``"share"``.
    moderator : str or mapping, optional
        A ``by`` column, or a value for each group's or table's name, that tells kinds of groups
        apart, such as the training objective: the kinds are then compared as well.
    cluster : str or sequence of str, optional
        ``by`` columns that name a model. Groups of one table that agree in them were scored on the
        same runs, and their errors are correlated. By default all ``by`` columns but those that
        say on what a model is scored (task, dataset, ...).
    corpus, convert
        What 100 percent stands for; and per table's name the unit and the factor for its sizes.
    adjust : {"holm", "bh", None}
        How the p values of the pairs are adjusted.
    level : float
        Of all intervals.
    inference : str or Bootstrap
        What makes the intervals of a group, where the data are not fitted already. Intervals are
        conditional on each group's law; those whichever surviving law is true stand beside them.
    rng : int or Generator
        Seed.
    **options
        Of :func:`scalefit.fit`, for tables.

    Returns
    -------
    Comparison

    Raises
    ------
    FitError
        Fewer than two groups can answer, their metrics are mixed, or there is no common range.
    TableError
        A table cannot be used.

    Examples
    --------
    >>> import scalefit as sf
    >>> cells = [1e4, 1e5, 1e6, 1e7] * 3
    >>> late = [.60, .70, .80, .90, .61, .70, .81, .90, .60, .71, .80, .91]
    >>> early = [.70, .75, .78, .80, .71, .75, .79, .80, .70, .76, .78, .81]
    >>> found = sf.compare({"late": {"cells": cells, "f1": late},
    ...                     "early": {"cells": cells, "f1": early}})
    >>> found.table[["group", "estimate"]].round(3)
       group  estimate
    0   late     0.100
    1  early     0.012
    >>> bool(found.pairs["p"][0] < 0.001)
    True
    """
    check_level(level)
    if isinstance(what, str) and what not in WHAT:
        raise FitError(
            f"what={what!r} cannot be compared; use {', '.join(map(repr, WHAT))} or an estimand"
            + nearest(what, WHAT)
        )
    check_adjust(adjust)
    _check_inference(inference, level)
    seed = seed_of(rng)
    options = options | {"level": level, "inference": inference, "rng": seed}
    columns = [by] if isinstance(by, str) else list(by or ())
    if isinstance(moderator, str) and moderator not in columns:
        columns.append(moderator)
    groups, findings = gather(
        data, by=columns or None, corpus=corpus, convert=convert, options=options,
        unnamed=moderator if isinstance(moderator, str) else None,
    )  # fmt: skip
    findings += [
        Finding("same_runs", "warn", f"{one} and {other} hold the same runs",
                f"{100 * share:.0f} % of sizes and scores are equal", "leave one of them out")
        for one, other, share in shared_runs(groups)
    ]  # fmt: skip
    question = _question(groups, what, at, factor)
    findings += question.findings
    answered = [answer for group in groups if (answer := question.put_to(group, level))]
    if sum(answer.curves is not None for answer in answered) < 2:
        reasons = "; ".join(f"{a.group.name}: {a.reason}" for a in answered if a.reason)
        raise FitError(f"fewer than two groups can be compared ({reasons or 'only one group'})")
    told = [answer for answer in answered if answer.curves is not None]
    names = [cluster] if isinstance(cluster, str) else cluster
    kinds = _kinds([answer.group for answer in answered], moderator)
    findings += _lonely(kinds, [answer.curves is not None for answer in answered])
    shared, words = correlation([answer.group for answer in told], names)
    if shared is not None:
        findings.append(Finding("shared_runs", "note", words))
    return Comparison(
        what=question.label,
        higher=question.higher,
        groups=tuple(answer.group for answer in answered),
        fits=tuple(answer.fit for answer in answered),
        estimates=tuple(answer.estimate for answer in answered),
        curves=joined([cast(Confidence, answer.curves) for answer in told]),
        told=tuple(i for i, answer in enumerate(answered) if answer.curves is not None),
        reasons=tuple(answer.reason for answer in answered),
        robust=tuple(answer.robust for answer in answered),
        kinds=kinds,
        moderator=moderator if isinstance(moderator, str) else ("kind" if moderator else None),
        correlation=shared,
        level=level,
        adjust=adjust,
        seed=seed,
        findings=tuple(findings),
        of_size=is_size(question.estimand),
        bounds=_bounds(groups, question.estimand),
    )


def _check_inference(inference: str | Bootstrap | None, level: float) -> None:
    """Refuse what makes no confidence curve of one law."""
    if inference == "union":
        raise ScalefitError(
            "inference='union' is not offered here: answers are compared given each group's law, "
            "and those whichever surviving law is true stand beside them; use inference='profile'"
        )
    if inference is not None:
        _check_draws(get_inference(inference), level)


def _check_draws(inference: object, level: float) -> None:
    """Refuse a bootstrap of too few draws, which leave no tails."""
    need = int(np.ceil(2.0 * FEWEST_DRAWS / (1.0 - level) - 1e-9))
    if isinstance(inference, Bootstrap) and inference.draws < need:
        raise ScalefitError(
            f"{inference.draws} draws tell too little of the tails at level={level:g}; use "
            f"inference='profile', or in Python inference=sf.Bootstrap(draws={need})"
        )


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one group says, or why it says nothing."""

    group: Group
    fit: Fit | None = None
    estimate: Estimate | None = None
    curves: Confidence | None = None
    robust: tuple[float, float] = (np.nan, np.nan)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of every group."""

    label: str
    estimand: Any
    higher: bool
    law: str | None
    span: tuple[float, float] | None
    findings: tuple[Finding, ...]

    def put_to(self, group: Group, level: float) -> _Answer:
        """Return a group's answer."""
        if group.stated is not None:
            below, above = group.stated.errors
            if not (np.isfinite(below) and np.isfinite(above) and below + above > 0):
                return _Answer(group, reason="no standard error or interval is stated")
            value, low, high = (np.array([x]) for x in (group.stated.estimate, below, above))
            curves = from_errors(value, low, high, "as published, taken as normal")
            return _Answer(group, curves=curves)
        assert group.fit is not None
        one: Fit | str = group.fit
        if self.law is not None:
            span = self.span or (0.0, np.inf)
            one = on_range(group.fit, *span, get_law(self.law))
        if isinstance(one, str):
            return _Answer(group, reason=one)
        estimate = one.estimate
        if not estimate.applicable[0]:
            return _Answer(group, one, estimate, reason=gate_text(estimate))
        if self.law is not None and estimate.flat[0]:
            return _Answer(group, one, estimate, reason="the curve is flat, and has no exponent")
        refused = one.refused(self.estimand)
        if refused:
            return _Answer(group, one, estimate, reason=refused)
        curves = _curves(estimate, self.estimand, one.settings.within_law, level)
        lower, upper = (float(end[0]) for end in curves.interval(level))
        if np.isinf(lower) and np.isinf(upper):
            return _Answer(group, one, estimate, reason="not identified: open on both sides")
        if lower == upper:
            law = estimate.law.name
            return _Answer(
                group,
                one,
                estimate,
                reason=f"no interval: the law {law} or runs without noise fix it",
            )
        robust = (np.nan, np.nan)
        # A parameter is that of a law, and what is composed would take long for each of several.
        of_one_law = isinstance(self.estimand, Parameter) or is_composed(self.estimand)
        if self.law is None and not of_one_law:
            hull = one.ask(self.estimand, level, "union")
            robust = hull.lower, hull.upper
            if isinstance(self.estimand, (Gain, GainBetween)):
                robust = hull.lower, float(open_beyond(hull.upper, one.table.metrics[0].span))
        return _Answer(group, one, estimate, curves, robust)


def _curves(estimate: Estimate, estimand: Any, inference: Inference, level: float) -> Confidence:
    def ask(rows: Any, levels: Any) -> Intervals:
        return answer(estimate.take(rows), estimand.take(rows), levels, inference)

    _check_draws(inference, level)  # of a fit that was made before
    return trace(estimate, ask, inference.draws if isinstance(inference, Bootstrap) else 0)


def _question(
    groups: Sequence[Group], what: str | Estimand, at: float | str | None, factor: float
) -> _Question:
    """Return what is asked of all groups, refusing what cannot be compared."""
    curves = {group.name: group.fit for group in groups if group.fit is not None}
    for one in curves.values():
        if len(one.table.drivers) > 1 and not isinstance(what, Parameter):
            first = min(one.law.parameters, key=lambda each: each.role != "exponent")
            raise TableError(
                f"what={what!r} is asked of one driver, and {one.table.source} has "
                f"{' and '.join(one.table.drivers)}: compare, in Python, a parameter of their law, "
                f"what=sf.Parameter({first.name!r}), or name one driver by drivers="
            )
    label = what if isinstance(what, str) else what.label
    if not curves:
        return _Question(str(label), None, True, None, None, ())
    metrics = {name: one.table.metrics[0] for name, one in curves.items()}
    signs = {metric.sign for metric in metrics.values()}
    if not isinstance(what, str):
        return _Question(what.label, what, True, None, None, ())
    mixed = same_metric(metrics)
    if mixed and what not in _SCALE_FREE:
        raise FitError(
            f"{mixed}. A {what} in one cannot be set against one in another; compare what has no "
            'unit: what="share" or what="exponent"'
        )
    findings = [Finding(
        "metrics_mixed", "note", mixed, "",
        f"{what!r} has no unit of score, but still depends on how a metric is built",
    )] if mixed else []  # fmt: skip
    if at == "own" and what in ("gain", "doubling"):
        estimand: Any = Gain(factor) if what == "gain" else MarginalGain()
        words = WHAT[what].format(factor=factor, at="each group's own largest size")
        return _Question(words, estimand, True, None, None, tuple(findings))
    unit, low, high = size_range(groups)
    if what in _OF_RANGE:
        return _of_range(what, curves, (low, high), signs, findings)
    size = _size(at, high)
    if at is None and low > high:
        raise FitError(
            f"the groups have no sizes in common: one starts at {size_text(low)} {unit}, where "
            f'another has ended at {size_text(high)}; pass at= with a size, or at="own"'
        )
    words = WHAT[what].format(factor=factor, at=f"{size_text(size)} {unit}")
    if what == "share":
        unknown = [name for name, metric in metrics.items() if np.isnan(metric.best)]
        if unknown:
            raise FitError(
                f"{unknown[0]}: the best value of {metrics[unknown[0]].name!r} is not known, so "
                'that no share of what is left can be told; pass bounds=, or what="exponent"'
            )
    Gain(factor)  # refuses what is no factor
    asked = {
        "gain": GainBetween(size, factor * size), "doubling": MarginalGain(size),
        "score": Value(size), "share": RemainingShare(size, factor),
    }[what]  # fmt: skip
    higher = what != "score" or signs == {1}
    return _Question(words, asked, higher, None, None, tuple(findings))


def _of_range(
    what: str,
    curves: Mapping[str, Fit],
    span: tuple[float, float],
    signs: set[int],
    findings: list[Finding],
) -> _Question:
    """Return the question about a parameter: exponents only where the sizes are the same."""
    if what == "asymptote":
        return _Question(
            WHAT[what], Parameter(what), signs == {1}, EXPONENT_LAW, None, tuple(findings)
        )
    low, high = span
    if high < low * _DECADE:
        raise FitError(
            f"exponents are comparable over a common range of sizes only, and the groups share "
            f"{'none' if high <= low else f'{size_text(low)} to {size_text(high)}'} (a decade is "
            'needed); compare what="gain" instead'
        )
    words = f"exponent, over {size_text(low)} to {size_text(high)}"
    cut = [
        name for name, one in curves.items()
        if one.candidates.sample.x.max() > high * (1 + 1e-9)
        or one.candidates.sample.x.min() < low * (1 - 1e-9)
    ]  # fmt: skip
    if cut:
        findings = [*findings, Finding(
            "common_range", "note", f"exponents are those over {size_text(low)} to "
            f"{size_text(high)}, which all groups span",
            f"sizes outside were left out of {', '.join(cut[:5])}",
        )]  # fmt: skip
    return _Question(words, Parameter(what), True, EXPONENT_LAW, span, tuple(findings))


def _bounds(groups: Sequence[Group], estimand: Any) -> tuple[float, float]:
    """Return the range of answers that are scores, where all groups have the same one."""
    asked = isinstance(estimand, Value) or estimand == Parameter("asymptote")
    ranges = {
        None if one is None else (one.table.metrics[0].lower, one.table.metrics[0].upper)
        for one in (group.fit for group in groups)
    }
    shared = ranges.pop() if asked and len(ranges) == 1 else None
    return shared or (-np.inf, np.inf)


def _size(at: float | str | None, high: float) -> float:
    if at is None:
        return high
    try:
        size = float(as_numbers(at).item())
    except (TypeError, ValueError):
        size = np.nan
    if not 0 < size < np.inf:
        raise FitError(
            f'at={at!r}; give a size in units of the driver, such as 1e6 or "1M", or "own" for '
            "gains from each group's own largest size"
        )
    return size


def _lonely(kinds: Sequence[object] | None, told: Sequence[bool]) -> list[Finding]:
    """Warn of kinds that rest on one group: with it, everything else about the group differs."""
    counts = Counter(kind for kind, has in zip(kinds or (), told, strict=bool(kinds)) if has)
    return [
        Finding(
            "one_group_of_a_kind",
            "warn",
            f"the kind {kind} rests on one group, whose other traits it then has as well",
            "",
            "add groups of this kind",
        )
        for kind, count in counts.items()
        if count == 1
    ]


def _kinds(
    groups: Sequence[Group], moderator: str | Mapping[str, Any] | None
) -> tuple[object, ...] | None:
    """Return each group's value of the moderator."""
    if moderator is None:
        return None
    if isinstance(moderator, str):
        lacking = next((group for group in groups if moderator not in group.keys), None)
        if lacking is not None:
            raise FitError(
                f"{lacking.name} has no {moderator!r}; the moderator is one of the by columns "
                f"({', '.join(lacking.keys) or 'none'}), or a mapping from names to kinds"
            )
        kinds: list[Any] = [group.keys[moderator] for group in groups]
    else:
        tables = [cast(str, group.keys.get("table")) for group in groups]
        kinds = [
            moderator.get(group.name, moderator.get(table))
            for group, table in zip(groups, tables, strict=True)
        ]
    missing = [group.name for group, kind in zip(groups, kinds, strict=True) if pd.isna(kind)]
    if missing:
        raise FitError(
            f"moderator= says nothing of {missing[0]!r}; give every group a kind, or leave it out"
        )
    return tuple(kinds)
