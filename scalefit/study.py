"""Tables that might come of more runs: simulated from truths, fitted and judged as tables are.

Runs in hand stay as they are; only those that are not yet made are drawn. Table number i has truth
number i and the same random numbers in every proposal, so that proposals differ by their runs and
not by their luck.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import FitError
from .estimands import Estimand
from .fit import Fit
from .inference import profile
from .laws import AUTO, Law, get_law
from .metrics import Metric
from .noise import Gaussian, Noise, get_noise, usual_margin
from .sample import Sample, of_runs, of_table
from .saturation import Assessment, assess, margins
from .selection import MIN_SIZES, Candidates, candidates
from .settings import need_one_curve
from .stated import Hypothesis
from .table import Table
from .truths import Truths, drawn_truths, need_independent_runs

__all__ = ["InHand", "Study", "runs_known", "study_of"]

Floats = NDArray[np.float64]

#: Share of the truths that may leave the metric's range at a size where the law still holds.
_FEW = 0.1


@dataclass(frozen=True, slots=True)
class InHand:
    """Runs that exist: one entry a row of the table.

    Parameters
    ----------
    x, y : arrays (R,)
        Size and score.
    means : dict of str to array (R,)
        Where rows are means of several runs, their ``"n"`` and ``"sd"``.
    """

    x: Floats
    y: Floats
    means: dict[str, Floats]


@dataclass(frozen=True)
class Study:
    """What simulated tables are made of, and how they are judged.

    Parameters
    ----------
    truths : tuple of Truths
        N truths in all, one a table.
    in_hand : InHand
        Runs that exist.
    promised : dict of float to int
        Size to number of runs that are made in any case.
    laws : tuple of Law
        Candidates of every fit.
    own_noise, noise : Noise
        Error model of the runs in hand, and the one that simulated tables are fitted by.
    metric : Metric
    driver, score : str
    level : float
        Of intervals.
    reach : float
        How far forecasts may go, in log ranges.
    seed : int
    """

    truths: tuple[Truths, ...]
    in_hand: InHand
    promised: dict[float, int]
    laws: tuple[Law, ...]
    own_noise: Noise
    noise: Noise
    metric: Metric
    driver: str
    score: str
    level: float
    reach: float
    seed: int

    def __len__(self) -> int:
        return sum(len(truth) for truth in self.truths)

    @property
    def label(self) -> str:
        """Where the truths come from, and what tables are fitted by, in words."""
        said = "truths: " + "; ".join(truth.label for truth in self.truths)
        if self.noise == self.own_noise:
            return said
        return f"{said}; simulated tables are fitted with {self.noise.name} errors, not " + (
            f"{self.own_noise.name} ones, for speed"
        )

    @property
    def law(self) -> Law:
        """The law of the first truths."""
        return self.truths[0].curves.law

    @property
    def parameters(self) -> tuple[str, ...]:
        """Which of exponent and asymptote all truths have."""
        named = [{each.name for each in truth.curves.law.parameters} for truth in self.truths]
        return tuple(n for n in ("exponent", "asymptote") if all(n in names for names in named))

    @property
    def counts(self) -> dict[float, int]:
        """Size to number of runs, in hand or promised, in order."""
        found = dict(self.promised)
        n = self.in_hand.means.get("n", np.ones(len(self.in_hand.x)))
        for size, runs in zip(self.in_hand.x.tolist(), n.tolist(), strict=True):
            found[size] = found.get(size, 0) + int(runs)
        return dict(sorted(found.items()))

    def tables(self, added: Mapping[float, int]) -> Candidates:
        """Return the laws fitted to N tables with ``added`` runs, size to number.

        Where all runs are in hand, to one table.
        """
        return candidates(self.laws, self.weighed(added))

    def weighed(self, added: Mapping[float, int]) -> Sample:
        """Return the tables with ``added`` runs, with the weights of their error model."""
        drawn = bool(added or self.promised)
        return (self.noise if drawn else self.own_noise).weigh(self.sample(added))

    def sample(self, added: Mapping[float, int]) -> Sample:
        """Return N tables with ``added`` runs, or one where all runs are in hand."""
        new = {
            size: self.promised.get(size, 0) + added.get(size, 0)
            for size in sorted({*self.promised, *added})
        }
        x = np.repeat(list(new), list(new.values())).astype(float)
        uniform = np.concatenate(
            [np.zeros((0, len(self))), *(self._uniform(size, n) for size, n in new.items())]
        ).T
        tables = len(self) if x.size else 1  # where nothing is drawn, all are the same
        first = np.cumsum([0, *(len(truth) for truth in self.truths)])
        drawn = [
            truth.runs(x, uniform[start : start + len(truth)])
            for truth, start in zip(self.truths, first[:-1], strict=True)
        ]
        y = np.clip(np.concatenate(drawn)[:tables], self.metric.lower, self.metric.upper)
        held = self.in_hand
        old = np.broadcast_to(held.y, (tables, len(held.y)))
        single = {"n": 1.0, "sd": np.nan}
        known: dict[str, Any] = {
            role: np.tile(np.append(values, np.full(x.size, single[role])), tables)
            for role, values in held.means.items()
        }
        x = np.append(held.x, x)
        return of_runs(
            np.tile(x, tables), np.hstack([old, y]).ravel(),
            np.repeat(np.arange(tables), x.size), [self.metric] * tables, **known,
        )  # fmt: skip

    def _uniform(self, size: float, runs: int) -> Floats:
        """Return uniform numbers ``(runs, N)``, the first of which do not depend on ``runs``.

        A size has its own by its place among the others, whatever the unit of sizes is.
        """
        place = round(1e9 * float(np.log(size / self.truths[0].curves.frame.x0[0])))
        own = np.random.default_rng([self.seed, abs(place), int(place < 0)])
        return own.random((runs, len(self)))

    def judge(self, fitted: Candidates, factor: float, margin: float | None) -> Assessment:
        """Return the verdicts on fitted tables."""
        return assess(
            fitted,
            margins([self.metric] * len(fitted), fitted, margin),
            factor=factor,
            span=self.metric.span,
            level=self.level,
            inference=profile,
            rng=self.seed,
            reach=self.reach,
        )

    def on_range(self, low: float, high: float) -> Study:
        """Return the study with those of its runs that lie in a range of sizes."""
        held = self.in_hand
        inside = (held.x >= low) & (held.x <= high)
        means = {role: values[inside] for role, values in held.means.items()}
        return replace(
            self,
            in_hand=InHand(held.x[inside], held.y[inside], means),
            promised={size: n for size, n in self.promised.items() if low <= size <= high},
        )

    def outside(self, sizes: Sequence[float]) -> float:
        """Return the share of truths whose mean leaves the metric's range at one of some sizes."""
        x = np.array(sizes, dtype=float)
        means = np.concatenate([truth.mean(x) for truth in self.truths])
        beyond = (means < self.metric.lower) | (means > self.metric.upper)
        return float(beyond.any(axis=1).mean())

    def holds(self, sizes: Sequence[float]) -> bool:
        """Return whether the law can hold at sizes: few truths leave the metric's range there."""
        return self.outside(sizes) <= _FEW

    def true(self, estimand: Estimand) -> Floats:
        """Return what an estimand is under each truth, ``(N,)``."""
        return np.concatenate([truth.curves.value(estimand) for truth in self.truths])


def runs_known(source: Any) -> dict[float, int]:
    """Return size to number of runs that a fit has, or a hypothesis makes in any case.

    Raises
    ------
    FitError
        The source is neither.
    """
    if isinstance(source, Hypothesis):
        return dict.fromkeys(source.cells, source.seeds)
    if isinstance(source, Mapping):
        need_one_curve(source, "sf.plan")
    if not isinstance(source, Fit):
        raise FitError(
            f"{type(source).__name__!r} is neither a fit nor a hypothesis; pass sf.fit(table), or "
            "what you expect as sf.Hypothesis(...)"
        )
    source.table.need_one_driver("a plan")
    sample = source.candidates.sample
    used = sample.count[0] > 0  # a curve of a set is filled up to the sizes of the longest
    sizes, counts = sample.x[0, used], sample.count[0, used].astype(int)
    return dict(zip(sizes.tolist(), counts.tolist(), strict=True))


def study_of(
    source: Any,
    law: str | None,
    n: int,
    seed: int,
    sizes: Sequence[float],
    noise: str | Noise | None = None,
) -> Study:
    """Return the study that a fit or a hypothesis makes.

    Parameters
    ----------
    source : Fit or Hypothesis
        What is known.
    law : str, optional
        For a fit: the law to draw truths from in place of the chosen one, or ``"surviving"`` for
        equal shares of all laws that its table does not reject.
    n : int
        Number of truths.
    seed : int
        Of all random numbers.
    sizes : sequence of float
        All sizes that are proposed.
    noise : str or Noise, optional
        Error model that simulated tables are fitted by; by default that of the runs, or normal
        errors in place of a likelihood, which takes far longer.
    """
    known = runs_known(source)
    if isinstance(source, Hypothesis):
        if law is not None:
            raise FitError(f"law={law!r}: a hypothesis names its own law")
        return _of_hypothesis(source, n, seed, np.array(sorted({*known, *sizes})), noise)
    return _of_fit(source, law, n, seed, noise)


def _of_hypothesis(
    source: Hypothesis, n: int, seed: int, x: Floats, noise: str | Noise | None
) -> Study:
    metric = source.metric(x)
    expected = of_runs(x, source.mean(x), np.zeros(x.size, dtype=np.intp), [metric])
    own = get_noise(source.noise) or usual_margin(expected)
    need_independent_runs(own)
    nothing = np.zeros(0)
    return Study(
        (source.truths(n, x, own),), InHand(nothing, nothing, {}),
        dict.fromkeys(source.cells, source.seeds), _with(AUTO, source.form), own,
        _judged_by(noise, own, expected), metric, source.driver, source.score, 0.95, 1.0, seed,
    )  # fmt: skip


def _judged_by(noise: str | Noise | None, own: Noise, sample: Sample) -> Noise:
    """Return the error model that simulated tables are fitted by."""
    asked = get_noise(noise)
    if asked is not None:
        return asked
    return own if own.weigh(sample).kernel is None else Gaussian(own.variance)


def _with(laws: tuple[Law, ...], law: Law) -> tuple[Law, ...]:
    return laws if law.name in [each.name for each in laws] else (*laws, law)


def _of_fit(source: Fit, law: str | None, n: int, seed: int, noise: str | Noise | None) -> Study:
    table: Table = source.table
    settings, fitted = source.settings, source.candidates
    need_independent_runs(settings.noise)
    rng = np.random.default_rng(seed)
    metric = table.metrics[0]
    spanning = fitted.spanning()
    survivors = np.flatnonzero(spanning.surviving[:, 0])
    if fitted.sample.n_sizes[0] < MIN_SIZES:
        raise FitError(
            f"fewer than {MIN_SIZES} sizes carry no law to plan by; add sizes, or state what you "
            "expect as sf.Hypothesis(...)"
        )
    if not survivors.size:
        raise FitError(
            "no law fits this table, so that there is no truth to plan by; look at the residuals, "
            "or state what you expect as sf.Hypothesis(...)"
        )
    if law == "surviving":
        drawn_from = [spanning.estimates[i] for i in survivors]
    else:
        drawn_from = [source.estimate if law is None else fitted.estimate_of(get_law(law).name)]
    share = np.diff(np.linspace(0, n, len(drawn_from) + 1).astype(int))
    truths = tuple(
        drawn_truths(each, settings.noise, metric, int(many), rng)
        for each, many in zip(drawn_from, share, strict=True)
        if many
    )
    rows = table.rows
    means: dict[str, Floats] = {
        role: rows[table.roles[role]].to_numpy(dtype=float)
        for role in ("n", "sd") if role in table.roles
    }  # fmt: skip
    x = rows[table.drivers[0]].to_numpy(dtype=float)
    return Study(
        truths, InHand(x, rows[table.score].to_numpy(dtype=float), means), {},
        tuple(each.law for each in fitted.estimates), settings.noise,
        _judged_by(noise, settings.noise, of_table(table)), metric,
        table.drivers[0], table.score, settings.level, source.reach, seed,
    )  # fmt: skip
