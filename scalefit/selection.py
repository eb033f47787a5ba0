"""Which laws a table allows: all candidates fitted, the misfits rejected, one named.

A law survives unless its lack of fit against the replicates has p < 0.01, or that of a law that
contains it has. Without replicates it survives unless its residual mean square is so much larger
than the smallest that the F ratio has p < 0.01. AICc weights are for display: intervals are never
averaged by them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import fdtrc, stdtr

from .cuts import MIN_SIZES
from .estimate import Estimate, estimate
from .inference import Inference, Intervals, Question, ask_together
from .laws import AUTO, AUTO_SURFACES, Law, containing, get_law
from .sample import Sample
from .work import Work

__all__ = [
    "MAIN",
    "MIN_SIZES",
    "REJECT",
    "SLOW",
    "Candidates",
    "ask",
    "candidates",
    "has_best",
    "root_alone",
    "signed_root",
    "surviving_laws",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Lack-of-fit level below which a law is rejected.
REJECT = 0.01
#: The laws that no other law contains: together they span slow, fast and late saturation.
_SPANNING = tuple(law.name for law in (*AUTO, *AUTO_SURFACES) if not law.nested_in)
#: The law that is named wherever it fits, by the number of drivers.
MAIN = {1: "saturating_power", 2: "additive", 3: "additive_repeat"}
#: And the one that says what comes of slow growth that a table cannot exclude. It holds others, and
#: is no reason to reject them.
SLOW = "power_log"


def _hull(n_drivers: int) -> tuple[str, ...]:
    """Return the laws over which unions are taken, for a number of drivers."""
    spanning = tuple(name for name in _SPANNING if get_law(name).n_drivers == n_drivers)
    return (*spanning, SLOW) if n_drivers == 1 else spanning


@dataclass(frozen=True)
class Candidates:
    """Several laws fitted to the same G curves.

    Parameters
    ----------
    estimates : tuple of L estimates
        One per law.
    surviving : array (L, G) of bool
        Laws that have enough sizes and are not rejected.
    chosen : array (G,) of int
        Index of the law that is reported.
    """

    estimates: tuple[Estimate, ...]
    surviving: Bools
    chosen: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.chosen)

    @property
    def sample(self) -> Sample:
        """The data, reduced to sizes."""
        return self.estimates[0].sample

    def take(self, rows: Any) -> Candidates:
        """Return the candidates of some of the curves."""
        parts = tuple(e.take(rows) for e in self.estimates)
        return Candidates(parts, self.surviving[:, rows], self.chosen[rows])

    @cached_property
    def stands_in(self) -> Bools:
        """Where the reported law stands in for the main one, and leads by its AICc alone; ``(G,)``.

        Of several candidates the main law is rejected, or would rise without end, since the curve
        accelerates, or it is none of them.
        """
        names = [e.law.name for e in self.estimates]
        main = MAIN[len(self.sample.frame.drivers)]
        if main not in names:
            return np.full(len(self), len(names) > 1)
        i = names.index(main)
        return np.asarray(_applies(self.estimates[i]) & (self.chosen != i))

    def others(self, where: Bools) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """Yield the number of every law that survives where another is chosen, and these curves.

        Of the curves ``where`` ``(G,)``; laws of which there is none are left out.
        """
        for i, survives in enumerate(self.surviving):
            rows = np.flatnonzero(where & survives & (self.chosen != i))
            if rows.size:
                yield i, rows

    def law(self, row: int) -> Law:
        """Return the chosen law of one curve."""
        return self.estimates[int(self.chosen[row])].law

    def estimate_of(self, name: str) -> Estimate:
        """Return the estimate of a law, fitting it now if it is not among the candidates."""
        for item in self.estimates:
            if item.law.name == name:
                return item
        return estimate(get_law(name), self.sample)

    def spanning(self) -> Candidates:
        """Return the laws to take unions over: the chosen ones and those that span all tails.

        Each is judged beside the others, so that a law asked for alone can be rejected; ``chosen``
        points to the chosen laws. They are fitted once, however often they are asked for.
        """
        return self._spanning

    def judging(self) -> Candidates:
        """Return the same without the law that rejects no other: all that judges the chosen ones.

        It is there where it is chosen. With ``law="auto"`` the others have all been fitted.
        """
        return self._judging

    @cached_property
    def _spanning(self) -> Candidates:
        return self._beside(_hull(len(self.sample.frame.drivers)), self._judging.estimates)

    @cached_property
    def _judging(self) -> Candidates:
        hull = _hull(len(self.sample.frame.drivers))
        return self._beside(tuple(name for name in hull if name != SLOW), ())

    def _beside(self, hull: tuple[str, ...], fitted: tuple[Estimate, ...]) -> Candidates:
        """Return the chosen laws and those of a hull, of which some may be ``fitted`` already."""
        named = [e.law.name for e in self.estimates]
        used = {named[i] for i in self.chosen}
        laws = [e.law for e in self.estimates if e.law.name in {*used, *hull}]
        drawn = any(e.draws is not None for e in self.estimates)
        others = [get_law(name) for name in hull if name not in named]
        # A posterior that needs chains is made where it is asked for only.
        laws += [law for law in others if law.has_few_shapes or not drawn]
        have = {e.law.name: e for e in (*fitted, *self.estimates)}
        parts = tuple(have.get(law.name) or estimate(law, self.sample) for law in laws)
        place = [e.law.name for e in parts]
        chosen = np.array([place.index(named[i]) for i in self.chosen], dtype=np.intp)
        # A law that only another curve of the batch has chosen says nothing about this one.
        own = np.array([[name in hull] for name in place])
        own = own | (np.arange(len(parts))[:, None] == chosen)
        return Candidates(parts, surviving_laws(parts, own), chosen)

    def table(self, row: int) -> pd.DataFrame:
        """Return the candidates of one curve: one row a law, the best AICc first.

        Where all fit exactly nothing is left to compare, and none has an AICc.
        """
        here = self.take(slice(row, row + 1))
        compared = np.array([_applies(e)[0] for e in here.estimates])
        aicc = np.where(compared, [e.aicc[0] for e in here.estimates], np.inf)
        if np.array([e.exact[0] for e in here.estimates])[compared].all():
            aicc[compared] = np.nan
        weight = np.full(len(aicc), np.nan)
        if np.isfinite(aicc).sum() > 1:  # a weight of 1 for the only law that has one says nothing
            weight = np.exp(-0.5 * (aicc - aicc.min()))
            weight = weight / weight.sum()
        rows = [
            {
                "law": e.law.name,
                "n_params": e.law.n_params,
                "objective": float(e.total_ss[0]),
                "residual_sd": 0.0 if e.exact[0] else float(e.run_scale[0]),
                # A curve that is held flat is judged by the one that falls, which is not shown.
                "lack_of_fit_p": np.nan if e.held[0] else float(e.lack_of_fit[1][0]),
                "aicc": float(aicc[i]),
                "weight": float(weight[i]),
                "status": _status(e, bool(here.surviving[i, 0])),
                "chosen": bool(here.chosen[0] == i),
            }
            for i, e in enumerate(here.estimates)
        ]
        return pd.DataFrame(rows).sort_values("aicc", ignore_index=True)


def candidates(laws: Sequence[Law], sample: Sample, work: Work | None = None) -> Candidates:
    """Fit every law to every curve, a block of curves in one batch, and name one law a curve.

    With several laws the saturating power law is named, and of several drivers the additive one,
    unless it is rejected or the curve accelerates; then the surviving law, among those that no
    other contains, with the least AICc.
    """
    estimates, surviving, chosen = (work or Work()).divided(
        "fits", _fitted, len(sample), lambda rows: (laws, sample.take(rows)),
        slow=sample.kernel is not None,
    )  # fmt: skip
    return Candidates(estimates, surviving.T, chosen)


def _fitted(
    laws: Sequence[Law], sample: Sample
) -> tuple[tuple[Estimate, ...], Bools, NDArray[np.intp]]:
    """Return the parts of a record of candidates, with the curves first in every array."""
    estimates = tuple(estimate(law, sample) for law in laws)
    surviving = surviving_laws(estimates)
    return estimates, surviving.T, _choose(estimates, surviving)


def ask(
    candidates: Candidates, questions: Sequence[Question], inference: Inference
) -> list[Intervals]:
    """Return, per question, the intervals of every curve given its chosen law.

    Each law is asked once, all questions together.
    """
    used = np.unique(candidates.chosen)
    values = np.empty((len(questions), 3, len(candidates)))
    label = ""
    for i in used:
        rows = np.flatnonzero(candidates.chosen == i)
        mine = [(estimand.take(rows), level) for estimand, level in questions]
        parts = ask_together(candidates.estimates[i].take(rows), mine, inference)
        for k, part in enumerate(parts):
            values[k][:, rows] = part.estimate, part.lower, part.upper
        label = parts[0].method
    if used.size > 1:
        label = label.split(",")[0] + ", given each curve's law"
    # Fewer sizes carry no law, whatever a constant through them would say.
    values[:, :, candidates.sample.n_sizes < MIN_SIZES] = np.array([[np.nan], [-np.inf], [np.inf]])
    return [
        Intervals(value[0], value[1], value[2], level, label)
        for value, (_, level) in zip(values, questions, strict=True)
    ]


def signed_root(null: Estimate, wide: Estimate, sign: Floats) -> tuple[Floats, Floats]:
    """Return the signed-root statistic of a nested law and its t distribution's upper tail.

    ``r = sign sqrt[(RSS0 - RSS1) / (RSS1 / df)]`` is compared with t: the small-sample form of
    the likelihood ratio at a boundary (Self & Liang 1987, doi:10.1080/01621459.1987.10478472).
    """
    root = root_alone(null, wide, sign)
    return root, stdtr(np.maximum(wide.residual_df, 1.0), -root)


def root_alone(null: Estimate, wide: Estimate, sign: Floats) -> Floats:
    """Return the statistic of :func:`signed_root` without its tail, which takes longer."""
    df = np.maximum(wide.residual_df, 1.0)
    residual = wide.total_ss
    with np.errstate(divide="ignore", invalid="ignore"):  # misfits may be 0, or infinite
        excess = np.maximum(null.total_ss - residual, 0.0)
        root = np.sqrt(excess / (residual / df))
    # A flat curve that is fitted without residuals would be 0 times infinity.
    signed: Floats = np.where(sign == 0, 0.0, np.where(excess > 0, root, 0.0)) * sign
    return signed


def has_best(item: Estimate) -> Bools:
    """Return where the metric has the best value that the law needs, if it needs one; ``(G,)``."""
    frame = item.sample.frame
    unknown = np.isnan(frame.limit) & (frame.sign > 0)
    return np.asarray(~unknown if item.law.needs_best else np.ones(len(item), dtype=bool))


def _applies(item: Estimate) -> Bools:
    """Return where a law can be fitted, and its fit means what the law says; ``(G,)``."""
    return item.applicable & has_best(item)


def surviving_laws(estimates: Sequence[Estimate], among: Bools | bool = True) -> Bools:
    """Return which of the laws ``among`` have enough sizes and are not rejected, ``(L, G)``.

    A special case of a law that is rejected is rejected with it.
    """
    applicable = np.stack([_applies(e) for e in estimates]) & among
    p = np.stack([e.lack_of_fit[1] for e in estimates])
    unknown = np.isnan(p)
    if unknown.any():
        p = np.where(unknown, _relative_fit(estimates, applicable), p)
    rejected = p < REJECT
    names = [e.law.name for e in estimates]
    alone = applicable & rejected
    for i, item in enumerate(estimates):
        for outer in containing(item.law):
            if outer in names:
                rejected[i] = rejected[i] | alone[names.index(outer)]
    return applicable & ~rejected


def _relative_fit(estimates: Sequence[Estimate], applicable: Bools) -> Floats:
    """Return the F tail of each law's residual mean square over the smallest one; ``(L, G)``.

    Correlated rows count as the independent ones that tell as much about the best law: a misfit
    makes rows alike as well, so the other laws' own count would excuse them.
    """
    df = np.stack([np.maximum(e.residual_df, 1.0) for e in estimates])
    square = np.stack([e.total_ss for e in estimates]) / df
    judging = applicable & np.array([[e.law.name != SLOW] for e in estimates])
    applicable = np.where(judging.any(axis=0), judging, applicable)
    share = np.stack([e.sample.errors.n_effective / e.sample.n for e in estimates])
    best = np.where(applicable, square, np.inf).argmin(axis=0)
    share = share[best, np.arange(len(best))]
    df = np.maximum(np.where(np.isnan(share), 1.0, share) * df, 1.0)
    least = np.where(applicable, square, np.inf).min(axis=0)
    which = np.where(applicable, square, np.inf).argmin(axis=0)
    floor = estimates[0].rounding  # of a perfect fit
    least = np.where(np.isfinite(least), least, square.max(axis=0)) + floor
    with np.errstate(invalid="ignore"):  # where no law has a misfit that is finite
        ratio = (square + floor) / least
    tail: Floats = fdtrc(df, df[which, np.arange(df.shape[1])], ratio)
    return tail


def _choose(estimates: tuple[Estimate, ...], surviving: Bools) -> NDArray[np.intp]:
    """Return, per curve, the law of the best rank, and of the least AICc among equals."""
    names = [e.law.name for e in estimates]
    applies = np.stack([_applies(item) for item in estimates])
    rank = np.where(applies, np.where(surviving, 3.0, 4.0), 5.0)
    for i, name in enumerate(names):
        if name in _SPANNING:
            rank[i] = np.where(surviving[i], 1.0, rank[i])
    usual = MAIN[len(estimates[0].sample.frame.drivers)]
    if usual in names:
        main = names.index(usual)
        preferred = np.where(_accelerating(estimates, names, main), 2.0, 0.0)
        rank[main] = np.where(surviving[main], preferred, rank[main])
        for i, item in enumerate(estimates):  # too few sizes for it leave its own special cases
            special = surviving[i] & ~applies[main] & (item.law.nested_in == usual)
            rank[i] = np.where(special, 0.5, rank[i])
    aicc = np.stack([e.aicc for e in estimates])
    place = np.argsort(np.argsort(aicc, axis=0), axis=0) / len(names)
    return np.asarray(np.argmin(rank + place, axis=0), dtype=np.intp)


def _accelerating(estimates: Sequence[Estimate], names: list[str], main: int) -> Bools:
    """Return where the exponent of the saturating power law is below zero with p < 0.025."""
    wide = estimates[main]
    if "log_linear" not in names:
        return np.zeros(len(wide), dtype=bool)
    exponent = np.where(np.isnan(wide.theta[:, 0]), 0.0, wide.theta[:, 0])
    _, p = signed_root(estimates[names.index("log_linear")], wide, -np.sign(exponent))
    return (exponent < 0) & (p < 0.025)


def _status(item: Estimate, survives: bool) -> str:
    if not item.applicable[0]:
        narrow = item.sample.levels[0, 0] >= item.law.min_sizes and not item.within_gate[0]
        return "too narrow" if narrow else "too few sizes"
    if not has_best(item)[0]:
        return "no known best"
    if not survives:
        return "rejected"
    if item.flat[0]:
        return "flat"
    if item.solution.at_bound[0].any():
        return "at a bound"
    return "ok" if item.solution.n_basins[0] == 1 else "several minima"
