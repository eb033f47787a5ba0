"""The Bayesian way to fit: its options, and which engine draws which curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..draws import ARRAYS, Draws
from ..errors import FitError, nearest
from ..estimate import Estimate
from ..inference import Posterior
from ..scatter import kinds, scatter_of
from ..table import Table
from .models import Pool, has_model, refuse_unknown
from .priors import Prior, Priors, prior_sds, priors_for

__all__ = ["Bayes", "as_bayes"]

Ints = NDArray[np.intp]

_SAMPLERS = ("auto", "collapsed", "nutpie", "pymc")


@dataclass(frozen=True, slots=True)
class Bayes:
    """How to draw posteriors: ``sf.fit(table, method=sf.Bayes(draws=2000))``.

    Parameters
    ----------
    draws, tune, chains : int
        Draws kept and warm-up steps of each chain, and chains. Quadrature gives ``draws * chains``
        independent draws.
    priors : mapping of str to str or Prior
        Priors to put in place of the default ones, such as ``{"exponent": "normal(0.3, 0.2)"}``.
    sampler : {"auto", "collapsed", "nutpie", "pymc"}
        ``"auto"``: quadrature where it is to be had and its check is passed; else nutpie.
    target_accept : float
        Of the chains; if a check fails they are run once more at 0.99, three times as long.
    cores : int
        Chains run at once.
    cluster : sequence of str
        With ``pool=``: columns that name a trained model, such as ``("model", "cells", "seed")``,
        where one model is scored on several tasks. Its runs then share a term.
    progress : bool
        Whether chains show their progress on standard error.

    Examples
    --------
    >>> import scalefit as sf
    >>> table = {"cells": [1e4, 1e5, 1e6, 1e7] * 3, "seed": [0] * 4 + [1] * 4 + [2] * 4,
    ...          "f1": [.60, .75, .81, .84, .61, .74, .80, .83, .60, .74, .82, .84]}
    >>> fit = sf.fit(table, method=sf.Bayes(draws=500))
    >>> fit.gain(10).label
    '95 % posterior, given saturating_power'
    """

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    priors: Mapping[str, str | Prior] = field(default_factory=dict)
    sampler: str = "auto"
    target_accept: float = 0.95
    cores: int = 2
    cluster: tuple[str, ...] = ()
    progress: bool = False

    def __post_init__(self) -> None:
        if self.sampler not in _SAMPLERS:
            raise FitError(
                f"no sampler named {self.sampler!r}; the samplers are {', '.join(_SAMPLERS)}"
                + nearest(str(self.sampler), _SAMPLERS)
            )
        for name, least in (("draws", 100), ("tune", 100), ("chains", 2), ("cores", 1)):
            value = getattr(self, name)
            whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
            if not (whole and value >= least):
                raise FitError(f"{name}={value!r}; give a whole number of {least} or more")
        if not 0.5 <= self.target_accept < 1:
            raise FitError(f"target_accept={self.target_accept!r}; give a number such as 0.95")
        object.__setattr__(self, "cluster", tuple(self.cluster))
        object.__setattr__(
            self, "priors", {str(k): Prior.read(v) for k, v in dict(self.priors).items()}
        )

    def inference(self, seed: int) -> Posterior:
        """Return the posterior as an inference, which draws curves that have no draws."""
        return Posterior(partial(self.redraw, seed=seed), seed, self.draws * self.chains)

    def redraw(self, estimate: Estimate, seed: int) -> Draws:
        """Return draws of curves with sizes left out, of which there are many.

        By quadrature where it is to be had, and where that fails there is no number.
        """
        quick = self.sampler == "auto" and can_collapse(estimate)
        return (replace(self, sampler="collapsed") if quick else self).draw(estimate, seed)

    def drawn(
        self, estimates: Sequence[Estimate], chosen: Ints, surviving: NDArray[np.bool_], pool: str,
        table: Table, seed: int,
    ) -> dict[str, Any]:  # fmt: skip
        """Return the estimates with draws, and the laws that are then reported.

        The chosen laws are drawn, and those that no other law contains, where they survive: unions
        are made of them. Pooled curves have one law: that which was asked for, or the saturating
        power law.

        Returns
        -------
        dict
            ``estimates`` and ``chosen``, fields of :class:`~scalefit.selection.Candidates`.
        """
        names = [e.law.name for e in estimates]
        self._check_names(estimates)
        if pool != "none":
            main = names.index("saturating_power") if "saturating_power" in names else 0
            chosen = np.full_like(chosen, main)
            draws = self.pooled(estimates[main], pool, table, seed)
        found = []
        for i, item in enumerate(estimates):
            if pool != "none" and i == main:
                found.append(replace(item, draws=draws))
                continue
            wanted = chosen == i
            if not item.law.nested_in and has_model(item) == "":
                wanted = wanted | surviving[i]
            found.append(replace(item, draws=self._of_some(item, wanted, seed)))
        return {"estimates": tuple(found), "chosen": chosen}

    def _check_names(self, estimates: Sequence[Estimate]) -> None:
        """Refuse a prior for a parameter that no law has."""
        known = dict.fromkeys(
            name for e in estimates if not has_model(e) for name in self._names(e)
        )
        for name in self.priors:
            if known and name not in known:
                raise FitError(
                    f"no law has a parameter {name!r} for a prior; there are {', '.join(known)}"
                    + nearest(name, list(known))
                )

    @staticmethod
    def _names(estimate: Estimate) -> list[str]:
        priors = priors_for(estimate.law, estimate.sample)
        gain = ["gain"] if estimate.law.n_columns > 1 else []
        return ["top", *gain, *priors.names, *priors.noise]

    def draw(self, estimate: Estimate, seed: int) -> Draws:
        """Return the posterior draws of every curve of an estimate, each on its own."""
        from .sampling import sampled

        refuse_unknown(estimate)
        usable = estimate.sample.n_sizes >= MIN_SIZES
        if not usable.all():
            return self._with_gaps(estimate, np.flatnonzero(usable), seed)
        kind = kinds(estimate.sample)
        if kind.max(initial=0) > 0:
            return self._apart(estimate, kind, seed)
        priors = self.priors_of(estimate)
        engine = self.sampler
        able = can_collapse(estimate)
        if engine == "auto":
            engine = "collapsed" if able else "nutpie"
        if engine == "collapsed":
            if not able:
                raise FitError(
                    "sampler='collapsed' needs a law of at most two shapes; use sampler='auto'"
                )
            found = self._collapsed(estimate, priors, seed)
            again = np.flatnonzero(~found.trusted)
            if self.sampler == "collapsed" or not again.size:
                return found
            chains = sampled(estimate.take(again), priors.take(again), self, "nutpie", seed)
            return _put(found, again, chains)
        return sampled(estimate, priors, self, engine, seed)

    def pooled(self, estimate: Estimate, pool: str, table: Table, seed: int) -> Draws:
        """Return joint draws of curves that are pooled, ``"partial"`` or ``"complete"``."""
        from .pooled import completely_pooled, partially_pooled
        from .sampling import chains_of, draws_of

        refuse_unknown(estimate)
        law = estimate.law
        if len(law.shapes) != 1 or law.shapes[0].name != "exponent":
            raise FitError(
                f"pool={pool!r} pools exponents, and law {law.name!r} has none of its own; use "
                "law='saturating_power'"
            )
        metrics = sorted({metric.name for metric in table.metrics})
        if len(metrics) > 1:
            raise FitError(
                f"pool={pool!r} pools exponents of one metric, and there are {', '.join(metrics)}; "
                "fit them apart"
            )
        if (estimate.sample.n_sizes < MIN_SIZES).any():
            raise FitError(f"pool={pool!r} needs two sizes or more in every curve")
        priors = self.priors_of(estimate)
        factors = crossed(table) if pool == "partial" else ()
        label = f"{'partially' if pool == 'partial' else 'completely'} pooled posterior"
        normal = scatter_of(estimate.sample).linear
        free = can_collapse(estimate) and normal and not factors and not self.cluster
        if self.sampler == "collapsed" and not free:
            raise FitError(
                "sampler='collapsed' pools one group of curves with normal errors; use "
                "sampler='auto'"
            )
        if free and self.sampler in ("auto", "collapsed"):
            way = partially_pooled if pool == "partial" else completely_pooled
            found = way(estimate, priors, self.draws * self.chains, seed)
            return self._record(estimate, priors, found, label)
        cluster = clusters(table, self.cluster) if self.cluster else None
        by = Pool(tuple(level for _, level in factors), pool == "partial", cluster)
        engine = "nutpie" if self.sampler == "auto" else self.sampler
        chains = chains_of(estimate, priors, self, engine, seed, by)
        renamed = {f"spread_{f}": f"spread_{name}" for f, (name, _) in enumerate(factors)}
        return draws_of(estimate, priors, chains, self, label, renamed)

    def priors_of(self, estimate: Estimate) -> Priors:
        """Return the priors of an estimate's law; those given for other laws do not concern it."""
        names = self._names(estimate)
        mine = {name: prior for name, prior in self.priors.items() if name in names}
        return priors_for(estimate.law, estimate.sample, mine)

    def _collapsed(self, estimate: Estimate, priors: Priors, seed: int) -> Draws:
        from .collapsed import collapsed_draws
        from .twin import twin_draws

        normal = scatter_of(estimate.sample).linear
        way = collapsed_draws if normal else twin_draws
        found = way(estimate, priors, self.draws * self.chains, seed)
        engine = "collapsed" if normal else "weighted"
        return self._record(estimate, priors, found._asdict(), "posterior", engine)

    def _record(
        self,
        estimate: Estimate,
        priors: Priors,
        found: dict[str, Any],
        label: str,
        engine: str = "collapsed",
    ) -> Draws:
        n_curves = len(estimate)
        none, effective = np.full(n_curves, np.nan), found.pop("effective")
        return Draws(
            **found, prior_sd=prior_sds(priors, n_curves), rhat=none, ess_bulk=effective,
            ess_tail=effective, divergences=np.zeros(n_curves), energy=none,
            row=np.arange(n_curves), chains=self.chains, label=label,
            engine=np.full(n_curves, engine), scatter=scatter_of(estimate.sample),
        )  # fmt: skip

    def _of_some(self, estimate: Estimate, wanted: NDArray[np.bool_], seed: int) -> Draws | None:
        """Return the draws of some curves of an estimate; None if it is none."""
        if not wanted.any():
            return None
        if wanted.all():
            return self.draw(estimate, seed)
        refuse_unknown(estimate)
        return self._with_gaps(estimate, np.flatnonzero(wanted), seed)

    def _apart(self, estimate: Estimate, kind: Ints, seed: int) -> Draws:
        """Return draws of curves of several kinds: those that can tell a number of the noise."""
        from .sampling import joined

        groups = [np.flatnonzero(kind == k) for k in range(int(kind.max()) + 1)]
        found = joined([self.draw(estimate.take(rows), seed) for rows in groups])
        return replace(found, row=np.argsort(np.concatenate(groups)))

    def _with_gaps(self, estimate: Estimate, usable: Ints, seed: int) -> Draws:
        """Return draws where some curves have none: theirs are nan, and not trusted."""
        from .sampling import joined

        law, total, scatter = estimate.law, self.draws * self.chains, scatter_of(estimate.sample)
        nothing = np.full((1, total), np.nan)
        one = np.full(1, np.nan)
        empty = Draws(
            np.full((1, total, len(law.shapes)), np.nan),
            np.full((1, total, law.n_columns), np.nan),
            dict.fromkeys(scatter.parameters, nothing), np.full((1, len(law.shapes)), np.nan), one,
            np.full(1, np.inf), one, one, one, one, one, np.zeros(1, dtype=np.intp), self.chains,
            "posterior", np.full(1, "none"), scatter,
        )  # fmt: skip
        row = np.zeros(len(estimate), dtype=np.intp)
        if not usable.size:
            return replace(empty, row=row)
        found = joined([empty, self.draw(estimate.take(usable), seed)])
        row[usable] = 1 + np.arange(usable.size)
        return replace(found, row=row)


#: Distinct sizes below which there is no gain to speak of.
MIN_SIZES = 2


def crossed(table: Table) -> tuple[tuple[str, Ints], ...]:
    """Return the columns of ``by`` that several curves share a level of, with the levels.

    A single column, or one that has a level a curve, says no more than the curve itself.
    """
    found = []
    for i, name in enumerate(table.by):
        level = pd.factorize(np.array([str(key[i]) for key in table.keys], dtype=object))[0]
        if len(table.by) > 1 and 1 < level.max() + 1 < len(table.keys):
            found.append((name, level))
    return tuple(found)


def clusters(table: Table, columns: Sequence[str]) -> Ints:
    """Return the trained model of each run, in the order in which a sample lists the runs."""
    missing = [name for name in columns if name not in table.rows.columns]
    if missing:
        have = ", ".join(str(c) for c in table.rows.columns if not str(c).startswith("_"))
        raise FitError(f"cluster={missing[0]!r} is no column of the table; it has {have}")
    key = table.rows[list(columns)].astype(str).agg("\x1f".join, axis=1).to_numpy()
    return np.asarray(pd.factorize(key[table.order])[0])


def can_collapse(estimate: Estimate) -> bool:
    """Return whether the posterior of an estimate's curves can be had by quadrature."""
    return estimate.law.has_few_shapes and not estimate.law.guesses


def _put(found: Draws, rows: NDArray[np.intp], other: Draws) -> Draws:
    """Return the draws with those of some curves exchanged."""

    def put(values: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
        values = values.copy()
        values[rows] = new
        return values

    arrays: dict[str, Any] = {name: put(getattr(found, name), other.one(name)) for name in ARRAYS}
    noise = {name: put(value, other.noise[name]) for name, value in found.noise.items()}
    return replace(found, **arrays, noise=noise)


def as_bayes(method: Any) -> Bayes | None:
    """Return the Bayesian method that ``method=`` asks for; None for least squares."""
    if isinstance(method, Bayes):
        return method
    known = ["least_squares", "bayes"]
    if method not in known:
        raise FitError(
            f"method={method!r} is not available; use 'least_squares', 'bayes' or a Bayes record"
            + nearest(str(method), known)
        )
    return Bayes() if method == "bayes" else None
