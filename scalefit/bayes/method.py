"""The Bayesian way to fit: its options, and which engine draws which curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..draws import MAX_KHAT, Draws
from ..errors import FitError, nearest
from ..estimate import Estimate
from ..inference import Posterior
from ..noise import NOISES
from .collapsed import collapsed_draws
from .priors import Prior, Priors, priors_for

__all__ = ["Bayes", "as_bayes"]

Floats = NDArray[np.float64]

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
        ``"auto"``: quadrature where the errors are normal and its check is passed; else nutpie.
    target_accept : float
        Of the chains; after a divergence they are run once more at 0.99.
    cores : int
        Chains run at once.
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
        object.__setattr__(
            self, "priors", {str(k): Prior.read(v) for k, v in dict(self.priors).items()}
        )

    def inference(self, seed: int) -> Posterior:
        """Return the posterior as an inference, which draws curves that have no draws."""
        return Posterior(lambda estimate: self.draw(estimate, seed), seed, self.draws * self.chains)

    def draw(self, estimate: Estimate, seed: int) -> Draws:
        """Return the posterior draws of every curve of an estimate, each on its own."""
        given = {k: v for k, v in self.priors.items() if k in _names(estimate)}
        priors = priors_for(estimate.law, estimate.sample, given)
        engine = self.sampler
        able = can_collapse(estimate)
        if engine == "auto":
            engine = "collapsed" if able else "nutpie"
        if engine == "collapsed":
            if not able:
                raise FitError(
                    "sampler='collapsed' needs normal errors and a law of at most two shapes; use "
                    "sampler='auto'"
                )
            found = self._collapsed(estimate, priors, seed)
            again = np.flatnonzero(found.one("khat") > MAX_KHAT)
            if self.sampler == "collapsed" or not again.size:
                return found
            chains = self._chains(estimate.take(again), priors.take(again), "nutpie", seed)
            return _put(found, again, chains)
        return self._chains(estimate, priors, engine, seed)

    def _collapsed(self, estimate: Estimate, priors: Priors, seed: int) -> Draws:
        total = self.draws * self.chains
        found = collapsed_draws(estimate, priors, total, seed)
        none, unlike = np.full(len(estimate), np.nan), np.zeros(len(estimate))
        return Draws(
            found.theta, found.coefficients, found.log_scale, found.noise_slope,
            np.full(found.log_scale.shape, np.inf), prior_sds(priors, len(estimate)),
            found.evidence, found.khat, none, none, none, unlike, none,
            np.arange(len(estimate)), self.chains, "posterior", "collapsed",
        )  # fmt: skip

    def _chains(self, estimate: Estimate, priors: Priors, engine: str, seed: int) -> Draws:
        from .sampling import sampled

        return sampled(estimate, priors, self, engine, seed)


def can_collapse(estimate: Estimate) -> bool:
    """Return whether the posterior of an estimate's curves can be had by quadrature."""
    law = estimate.law
    return estimate.sample.kernel is None and len(law.shapes) <= 2 and not law.guesses


def prior_sds(priors: Priors, n_curves: int) -> Floats:
    """Return the standard deviation of the prior of each shape, ``(G, q)``."""
    parts = [prior.sd(n_curves) for prior in priors.shapes]
    return np.stack(parts, axis=-1) if parts else np.zeros((n_curves, 0))


def _names(estimate: Estimate) -> set[str]:
    """Return the parameters that a law has priors for.

    What is given for another law of the same fit does not concern this one.
    """
    law = estimate.law
    priors = priors_for(law, estimate.sample)
    names = {"top", "noise", "noise_slope", "df", *priors.names}
    return names | {"gain"} if law.n_columns > 1 else names


def _put(found: Draws, rows: NDArray[np.intp], other: Draws) -> Draws:
    """Return the draws with those of some curves exchanged."""
    from dataclasses import fields

    values: dict[str, Any] = {}
    for each in fields(found):
        value = getattr(found, each.name)
        if isinstance(value, np.ndarray) and each.name != "row":
            value = value.copy()
            value[rows] = other.one(each.name)
            values[each.name] = value
    return replace(found, **values)


def as_bayes(method: Any) -> Bayes | None:
    """Return the Bayesian method that ``method=`` asks for; None for least squares."""
    if isinstance(method, Bayes):
        return method
    known = ["least_squares", "bayes"]
    if method not in known:
        raise FitError(
            f"method={method!r}; use 'least_squares', 'bayes' or a Bayes record"
            + nearest(str(method), known)
        )
    return Bayes() if method == "bayes" else None


def supported(estimate: Estimate) -> None:
    """Refuse what has no Bayesian model, saying what has.

    Raises
    ------
    FitError
        If the law or the error model is not among them.
    """


_ = Callable, NOISES
