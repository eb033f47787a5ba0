"""The public face: fit a table, and ask the fitted curves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from . import plots, storage, words
from ._format import counted
from ._seeds import seed_of
from .bayes import Bayes, as_bayes
from .checked import Backed, CheckedSet
from .errors import FitError, UnknownCurveError, nearest
from .estimands import Asked, Gain, Implicit, Parameter
from .estimate import Estimate
from .inference import Bootstrap, Interval, union
from .laws import Law, resolve
from .noise import Noise, Usual, Variance, get_noise, settled, telling_of_losses, usual_noise
from .outliers import refit, rows_without
from .predicted import Predicted
from .results import curve_text, in_range, parameter_table
from .sample import of_table
from .selection import Candidates, ask, candidates
from .settings import Settings, WithPosterior, check_inference, check_pool, one_level
from .several_drivers import SeveralDrivers
from .shrinkage_plot import plot_shrinkage
from .surface import driver_number, gains_of_drivers
from .table import Table, make_table
from .verdict import IN_SHORT
from .work import Progress, Work

if TYPE_CHECKING:
    import os

    from joblib import Memory
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Fit", "FitSet", "Settings", "curves_of", "fit", "set_of", "table_of"]


def fit(
    data: Any,
    *,
    score: str | None = None,
    drivers: str | Sequence[str] | None = None,
    law: str | Law | Iterable[str | Law] = "auto",
    better: str | None = None,
    bounds: tuple[float | None, float | None] | None = None,
    se: str | None = None,
    sd: str | None = None,
    n: str | None = None,
    items: str | None = None,
    run: str | None = None,
    noise: str | Noise | None = None,
    variance: Variance = "auto",
    by: str | Sequence[str] | None = None,
    pool: str = "none",
    method: str | Bayes = "least_squares",
    inference: str | Bootstrap | None = None,
    level: float = 0.95,
    on_bad: Literal["raise", "drop"] = "raise",
    force: bool = False,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = 1,
    cache: str | os.PathLike[str] | Memory | None = None,
    progress: Progress | None = None,
) -> Any:
    """Fit scaling laws to a table of sizes and scores.

    Parameters
    ----------
    data : path, DataFrame, mapping of columns, or Table
        One row a run. By convention the columns are ``cells`` (or tokens, params, ...), ``score``
        (or the name of a metric) and ``seed``; a plain ``cells,seed,score`` CSV needs no options.
    score, drivers : str
        Other names for the score column and for the driver, or for two drivers.
    law : str, Law, or several
        ``"auto"`` compares all registered laws; see :func:`scalefit.laws`.
    better : {"higher", "lower"}
        Overrides the direction that the metric's name implies.
    bounds : tuple of two numbers or None
        Least and greatest possible score, where the metric's name does not say.
    se, sd, n, items, run : str
        Columns of errors, test items and runs; see :func:`scalefit.table.make_table`.
    noise, variance : str
        Error model, and ``"auto"``, ``"constant"`` or ``"power"`` variance; see
        :mod:`scalefit.noise`.
    by : str or list of str
        Columns that tell curves apart. All curves are fitted in one batch.
    pool : {"none", "partial", "complete"}
        Curves are fitted separately, or, by ``method="bayes"``, as one population of exponents, or
        with one exponent.
    method : {"least_squares", "bayes"} or Bayes
        School of estimation; see :class:`scalefit.Bayes`.
    inference : {"profile", "wald", "bootstrap", "posterior", "union"} or Bootstrap
        What turns estimates into intervals where a call does not say: by default the profile, or
        the posterior of a Bayesian fit. A union is taken in ``gain``
        and ``ask``; predictions and parameters belong to one law, and a verdict has both.
    level : float
        Coverage of intervals where a call does not say.
    on_bad : {"raise", "drop"}
        Refuse bad rows, or leave them out and count them.
    force : bool
        Show forecasts and parameters where they are refused but exist (see "refuse" in
        :attr:`Fit.diagnostics`); the verdict stays inconclusive.
    rng : int or Generator
        Seed of every Monte-Carlo step.
    n_jobs, cache, progress : optional
        Blocks of curves worked on at the same time, where finished ones are kept, and who is told;
        see :class:`scalefit.work.Work`. An interrupted fit goes on where it was.

    Returns
    -------
    Fit or FitSet
        A :class:`FitSet` if ``by`` is given.

    Raises
    ------
    TableError, LawError, FitError
        Naming what was given, what is allowed and what to do.

    Examples
    --------
    >>> import scalefit as sf
    >>> table = {"cells": [1e4, 1e5, 1e6, 1e7] * 3, "seed": [0] * 4 + [1] * 4 + [2] * 4,
    ...          "f1": [.60, .75, .81, .84, .61, .74, .80, .83, .60, .74, .82, .84]}
    >>> fit = sf.fit(table)
    >>> fit.law.name
    'saturating_power'
    >>> print(fit.gain(10))
    0.0133 [0.0086, 0.0195] (95 % profile likelihood, given saturating_power)
    """
    bayes = as_bayes(method)
    check_pool(pool, bayes)
    level = one_level(level)
    if inference is None:
        inference = "profile" if bayes is None else "posterior"
    check_inference(inference, bayes)
    table = make_table(
        data, score=score, drivers=drivers, by=by, better=better, bounds=bounds,
        se=se, sd=sd, n=n, items=items, run=run, on_bad=on_bad,
    )  # fmt: skip
    laws = resolve(law, len(table.drivers), few_shapes=bayes is not None)
    sample = of_table(table)
    named = get_noise(noise, variance, table.roles)
    functions = any(each.guesses for each in laws)
    error_model = settled(named, sample, variance, functions)
    table = telling_of_losses(table, sample, noise is not None or functions)
    settings = Settings(
        error_model, inference, level, seed_of(rng), bayes=bayes, pool=pool, force=bool(force)
    )
    work = Work(n_jobs, cache, progress)
    if cache is not None and functions:
        raise FitError("cache= does not notice a change of your own function; leave it out")
    fitted = candidates(laws, error_model.weigh(sample), work)
    if bayes is not None:
        draws = bayes.drawn(
            fitted.estimates, fitted.chosen, fitted.surviving, pool, table, settings.seed
        )  # fmt: skip
        fitted = replace(fitted, **draws)
    found = FitSet(table, fitted, settings, work)
    return found if table.by else found.only()


@dataclass(frozen=True)
class Fit(Predicted, SeveralDrivers, WithPosterior):
    """One curve, fitted by one or several laws; made by :func:`fit`.

    Parameters
    ----------
    table, candidates, settings : Table, Candidates, Settings
        The rows of this curve, the laws fitted to it, and how.
    reach : float
        How far it forecasts, in log ranges beyond the largest size; see :meth:`backed_by`.
    work : Work
        How further work on it, such as a report, is divided and kept.
    """

    table: Table
    candidates: Candidates
    settings: Settings
    reach: float = 1.0
    work: Work = field(default_factory=Work, repr=False, compare=False)

    @property
    def law(self) -> Law:
        """The law that is reported."""
        return self.candidates.law(0)

    @property
    def estimate(self) -> Estimate:
        """The fitted law in its working form."""
        return self.candidates.estimates[int(self.candidates.chosen[0])]

    @property
    def driver(self) -> str:
        """Name of the driver's column."""
        return self.table.drivers[0]

    @property
    def label(self) -> str:
        """Group of this curve in words; empty if there is only one."""
        return self.table.label(0) if self.table.by else ""

    @property
    def labels(self) -> list[str]:
        """The label as a list, as a set of fits has them."""
        return [self.label]

    @property
    def formula(self) -> str:
        """The law's formula, for a score or for a loss."""
        return self.law.written(self.table.metrics[0].sign)

    @property
    def curve(self) -> str:
        """The fitted curve as an expression, with ten digits."""
        return curve_text(self.estimate, self.table.score, self.table.drivers)

    @cached_property
    def params(self) -> pd.DataFrame:
        """Parameters of the law: estimate, std_error, lower, upper, caution.

        Infinite bounds are open; an estimate that the data do not identify is nan, and ``caution``
        says why. Intervals are law-conditional.
        """
        settings = self.settings
        metric = self.table.metrics[0]
        return parameter_table(
            self.estimate, metric, settings.level, settings.within_law, self._case.refused
        )  # fmt: skip

    @property
    def laws(self) -> pd.DataFrame:
        """The candidate laws, best AICc first; weights are for display only."""
        return self.candidates.table(0)

    def without(self, rows: Iterable[int]) -> Fit:
        """Return the fit of the same laws without some rows, by their 1-based numbers."""
        table = rows_without(self.table, rows)
        fitted = refit(table, self.settings.noise, self.candidates)
        return replace(self, table=table, candidates=fitted)

    def backed_by(self, backtest: Backed) -> Fit:
        """Return this fit, forecasting as far as its backtest has shown forecasts to hold."""
        if not hasattr(backtest, "reach_of"):
            raise FitError(f"{backtest!r} shows no reach; pass a backtest, sf.backtest(fit)")
        return replace(self, reach=max(1.0, backtest.reach_of(self.table)))

    def refused(self, estimand: Asked | Implicit) -> str:
        """Return why a question is not answered; empty if it is."""
        return self._case.refused(estimand)

    def ask(
        self,
        estimand: Asked | Implicit,
        level: float | None = None,
        inference: str | Bootstrap | None = None,
    ) -> Interval:
        """Return the interval of any estimand by any inference.

        ``inference="union"`` holds whichever surviving law is true; the others are conditional on
        :attr:`law`.
        """
        level = one_level(self.settings.level if level is None else level)
        if not hasattr(estimand, "take") or isinstance(estimand, type):
            raise FitError(
                f"{estimand!r} is no question; ask sf.Gain(10), sf.Parameter('exponent'), ..."
            )
        reason = self.refused(estimand)
        if reason:
            return Interval(np.nan, -np.inf, np.inf, level, f"interval refused: {reason}")
        inference = self.settings.inference if inference is None else inference
        if inference == "union":
            span = self.candidates.spanning()
            method = self.settings.within_law
            if isinstance(estimand, Parameter):
                _need_in_all(estimand.name, span, str(self.settings.conditional))
            found = union(span.estimates, span.surviving, estimand, level, method)[0]
        else:
            method = self.settings.named(inference)
            found = ask(self.candidates, [(estimand, level)], method)[0][0]
        return in_range(found, estimand, self.law, self.table.metrics[0])

    def gain(
        self,
        factor: float = 10.0,
        level: float | None = None,
        inference: str | Bootstrap | None = None,
        driver: str | None = None,
    ) -> Interval:
        """Return the gain from ``factor`` times the largest size; positive is for the better.

        Of several drivers it is that of the largest run, with ``driver`` or all of them multiplied.
        """
        number = driver_number(self.table.drivers, driver)
        return self.ask(Gain(factor, number), level, inference)

    def summary(self) -> str:
        """Return the answer, the fit and its cautions as text."""
        return words.summary(self)

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw runs, curve, bands and forecast; see :func:`scalefit.plots.plot_fit`."""
        return plots.plot_fit(self, ax=ax, **options)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fit to a JSON file that :func:`scalefit.load` reads back bit for bit.

        A file that is not a saved fit is not replaced.
        """
        storage.save(self, path)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return words.one_line(self)

    def _repr_html_(self) -> str:
        return words.html(self)


def _need_in_all(parameter: str, span: Candidates, within: str) -> None:
    """Raise an error where a union is taken over laws of which one does not have a parameter."""
    laws = [e.law for e, fits in zip(span.estimates, span.surviving[:, 0], strict=True) if fits]
    without = [law.name for law in laws if parameter not in [own.name for own in law.parameters]]
    if without:
        raise FitError(
            f"a union is over all laws that fit, and {parameter!r} is none of {without[0]}'s; "
            f"ask with inference={within!r}, or for what they share, such as sf.Gain(10)"
        )


def _nearest_key(name: tuple[object, ...], keys: Iterable[tuple[object, ...]]) -> str:
    """Return which key was meant, empty if each has a part that is far from what was given."""
    near = {
        str(key): key
        for key in keys
        if len(key) == len(name)
        and all(nearest(str(given), [str(part)]) for given, part in zip(name, key, strict=True))
    }
    closest = get_close_matches(str(name), near, n=1, cutoff=0.0)
    return f"; did you mean {near[closest[0]]!r}?" if closest else ""


class FitSet(CheckedSet, WithPosterior, Mapping[Any, Fit]):
    """Several curves of one table, fitted in one batch: a mapping from group key to :class:`Fit`.

    Keys are tuples of the ``by`` values; with a single ``by`` column the bare value works as well.

    Parameters
    ----------
    table, candidates, settings : Table, Candidates, Settings
        The rows of all curves, the laws fitted to each of them, and how.
    work : Work, optional
        How work on all of them is divided; in one go by default.
    """

    def __init__(
        self, table: Table, candidates: Candidates, settings: Settings, work: Work | None = None
    ) -> None:
        self.all_rows = table
        self.candidates = candidates
        self.settings = settings
        self.work = work or Work()
        self._index = {key: i for i, key in enumerate(table.keys)}

    def only(self) -> Fit:
        """Return the only curve; FitError if there are several."""
        if len(self) != 1:
            raise FitError(f"{len(self)} curves here; name one of {list(self)[:5]}")
        # Who is told of it is no part of a fit, which may go to another process.
        return replace(self[next(iter(self))], work=replace(self.work, progress=None))

    def __getitem__(self, key: Any) -> Fit:
        name = key if isinstance(key, tuple) else (key,)
        try:
            i = self._index[name]
        except (KeyError, TypeError):
            raise UnknownCurveError(
                f"no curve {key!r}; keys are ({', '.join(self.all_rows.by)}) such as "
                f"{list(self._index)[:5]}{_nearest_key(name, self._index)}"
            ) from None
        candidates, settings = self.candidates.take(slice(i, i + 1)), self.settings
        if isinstance(settings.noise, Usual):
            settings = replace(settings, noise=usual_noise(candidates.sample))
        return Fit(self.all_rows.take([i]), candidates, settings)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._index)

    @property
    def labels(self) -> list[str]:
        """The curves in words, in order."""
        return [self.all_rows.label(i) if self.all_rows.by else "" for i in range(len(self))]

    def __len__(self) -> int:
        return len(self._index)

    def __or__(self, other: Mapping[Any, Any]) -> dict[Any, Any]:
        return dict(self) | dict(other)

    def gains(self, factor: float = 10.0, margin: float | None = None) -> pd.DataFrame:
        """Return :meth:`Fit.gains` of every curve: the ``by`` columns, more, and its columns."""
        asked = factor, margin
        if asked not in self._gains:
            parts = []
            curves = ((fit, *asked) for fit in self.values())
            each = self.work.each("gains", Fit.gains, len(self), curves)
            for key, found in zip(self, each, strict=True):
                part = found.reset_index()
                keys = pd.DataFrame([key] * len(part), columns=list(self.all_rows.by), dtype=object)
                parts.append(pd.concat([keys, part], axis=1))
            self._gains[asked] = pd.concat(parts, ignore_index=True)
        return self._gains[asked].copy()

    @cached_property
    def _gains(self) -> dict[tuple[float, float | None], pd.DataFrame]:
        return {}

    def table(self) -> pd.DataFrame:
        """Return one row a curve: runs, sizes, law, gain at 10 times, verdict, lack of fit.

        Of several drivers: runs, sizes, law, and for each driver its gain with bounds, and what
        they say of the margin.
        """
        table = self._keys_frame()
        sample = self.candidates.sample
        table["runs"], table["sizes"] = sample.n.astype(int), sample.n_sizes.astype(int)
        table["law"] = [self.candidates.law(i).name for i in range(len(self))]
        if len(self.all_rows.drivers) > 1:
            return pd.concat([table, gains_of_drivers(self.gains(), self.all_rows.drivers)], axis=1)
        verdicts = self.saturation()
        table[list(IN_SHORT)] = verdicts[list(IN_SHORT)]
        table.attrs.update(verdicts.attrs)
        return table

    def plot(self, **options: Any) -> Figure:
        """Draw all curves as small multiples; see :func:`scalefit.plots.plot_fits`."""
        return plots.plot_fits(self, **options)

    def plot_shrinkage(self, ax: Axes | None = None) -> Axes:
        """Draw pooled exponents beside those of the curves alone."""
        view = self.posterior
        return plot_shrinkage(view.shrinkage, view.population, ax)

    def _keys_frame(self) -> pd.DataFrame:
        # As objects: a missing key stays None, and does not turn whole numbers into floats.
        return pd.DataFrame(list(self), columns=list(self.all_rows.by), dtype=object)

    def summary(self) -> str:
        """Return one line a curve, and how many verdicts are inconclusive."""
        return words.set_summary(self)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        by = ", ".join(self.all_rows.by) or "nothing"
        return f"<FitSet of {counted(len(self), 'curve')} by {by}>"

    def _repr_html_(self) -> str:
        return words.set_html(self)


def set_of(fits: Fit | FitSet) -> FitSet:
    """Return a set as it is, and a fit as the set of its one curve."""
    if isinstance(fits, FitSet):
        return fits
    return FitSet(fits.table, fits.candidates, fits.settings, fits.work)


def curves_of(fits: Fit | FitSet) -> list[Fit]:
    """Return the curves of a set, or the one of a fit."""
    return list(fits.values()) if isinstance(fits, FitSet) else [fits]


def table_of(fits: Fit | FitSet) -> Table:
    """Return the rows of all curves of a set, or those of a fit."""
    return fits.all_rows if isinstance(fits, FitSet) else fits.table
