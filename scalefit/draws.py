"""Posterior draws of the curves of one law, and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .estimands import is_curved
from .scatter import Scatter

__all__ = ["ARRAYS", "Draws", "drawn_values", "least_effective"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Draws:
    """S joint draws of the parameters of R curves; curve ``g`` of an estimate is number ``row[g]``.

    Draw number s belongs to the same joint draw in every curve, so that curves that were pooled may
    be compared draw by draw. Runs of chains follow each other.

    Parameters
    ----------
    theta : array (R, S, q)
        Shape parameters of the working form.
    coefficients : array (R, S, p)
        Its linear coefficients.
    noise : mapping of str to array (R, S)
        Numbers of the error model; see :class:`~scalefit.scatter.Scatter`.
    prior_sd : array (R, q)
        Standard deviation of the prior of each shape.
    evidence : array (R,)
        Log marginal likelihood; nan where the method does not give it.
    khat : array (R,)
        Pareto tail index of the importance weights; nan where there are none. Above 0.7 the draws
        are no sample of the posterior (Vehtari et al. 2024, arXiv:1507.02646).
    rhat, ess_bulk, ess_tail : array (R,)
        The worst of each over all parameters of the curve; of independent draws that are weighted,
        the effective number that the weights leave, and no R-hat.
    divergences : array (R,)
        Divergent transitions of the chains.
    energy : array (R,)
        Bayesian fraction of missing information, the least of the chains; nan without chains.
    row : array (G,) of int
    chains : int
    label : str
        What the draws are, in words: "posterior", "partially pooled posterior".
    engine : array (R,) of str
        What made them: "collapsed", "weighted", "nutpie", "pymc".
    scatter : Scatter
        How runs scatter about the curve.
    population : mapping of str to array (S,)
        Draws of what pooled curves share, such as mean and spread of their exponents.
    """

    theta: Floats
    coefficients: Floats
    noise: Mapping[str, Floats]
    prior_sd: Floats
    evidence: Floats
    khat: Floats
    rhat: Floats
    ess_bulk: Floats
    ess_tail: Floats
    divergences: Floats
    energy: Floats
    row: NDArray[np.intp]
    chains: int
    label: str
    engine: NDArray[np.str_]
    scatter: Scatter
    population: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.row)

    @property
    def n_draws(self) -> int:
        """Number of draws of each curve."""
        return int(self.theta.shape[1])

    @property
    def trusted(self) -> NDArray[np.bool_]:
        """Where every check is passed: R-hat, effective draws, divergences, energy, k-hat; (G,)."""
        few = least_effective(self.n_draws)
        bad = (self.rhat > MAX_RHAT) | (self.divergences > 0) | (self.energy < MIN_ENERGY)
        bad |= (self.ess_bulk < few) | (self.ess_tail < few) | (self.khat > MAX_KHAT)
        good: NDArray[np.bool_] = ~bad[self.row]
        return good

    def take(self, rows: Any) -> Draws:
        """Return the draws of some of the curves; nothing is copied."""
        return replace(self, row=self.row[rows])

    def one(self, name: str) -> NDArray[Any]:
        """Return an array of this record in the order of the curves."""
        found: NDArray[Any] = getattr(self, name)[self.row]
        return found

    def noise_of(self, g: int) -> dict[str, Floats]:
        """Return the numbers of the error model of one curve, ``(S, 1)`` each."""
        return {name: value[self.row[g]][:, None] for name, value in self.noise.items()}

    def compact(self) -> Draws:
        """Return the draws with the curves in order and no others."""
        arrays: dict[str, Any] = {name: self.one(name) for name in ARRAYS}
        noise = {name: value[self.row] for name, value in self.noise.items()}
        return replace(self, **arrays, noise=noise, row=np.arange(len(self)))


#: Arrays that have a row a curve.
ARRAYS = (
    "theta", "coefficients", "prior_sd", "evidence", "khat", "rhat", "ess_bulk", "ess_tail",
    "divergences", "energy", "engine",
)  # fmt: skip
#: What draws must pass: Vehtari et al. 2021, doi:10.1214/20-BA1221; Betancourt 2016,
#: arXiv:1604.00695; Vehtari et al. 2024, arXiv:1507.02646.
MAX_RHAT, MIN_ESS, MIN_ENERGY, MAX_KHAT = 1.01, 400.0, 0.3, 0.7


def least_effective(draws: int) -> float:
    """Return how many effective draws there must be: 400, or half of those that are asked for."""
    return min(MIN_ESS, 0.5 * draws)


def drawn_values(
    law: Any, estimand: Any, theta: Floats, coefficients: Floats, frame: Any
) -> Floats:
    """Return a target for drawn parameters ``(G, S, q)`` and ``(G, S, p)``; shape ``(G, S)``."""
    shape = theta.shape[:2]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if is_curved(estimand):  # every draw is a curve of its own
            rows = np.repeat(np.arange(shape[0]), shape[1])
            frame = frame.map(lambda value: value[rows])
            shapes = tuple(theta.reshape(rows.size, -1).T)
            coefficients = coefficients.reshape(rows.size, -1)
            estimand = estimand.take(rows).touching(law, coefficients, shapes, frame)
        else:
            shapes, frame = tuple(np.moveaxis(theta, 2, 0)), frame.expand(1)
        terms = estimand.terms(law, shapes, frame, np)
        total: Floats = np.zeros(coefficients.shape[:-1]) + terms.offset
        for j, weight in enumerate(terms.weights):
            coefficient = coefficients[..., j]
            # 0 times an infinite weight is 0: a flat curve has no far limit but its level.
            total = total + np.multiply(
                weight, coefficient, out=np.zeros(total.shape), where=coefficient != 0
            )
    return total.reshape(shape)
