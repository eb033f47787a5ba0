"""How far a target can go over the shapes of a law with more than two, found by swarms of them.

Given its shapes the ends of the target are closed form; what is left is to make them as far apart
as the misfit allows. Swarms set out all over the box, some of them under a looser cut. From where
each of them got to, and from the optimum, closer ones go on, under the cut, in the neighbourhood
that the curvature there suggests.

A likelihood is too costly for swarms. They fly over least squares that touches it where the last
ones got to, and more closely each time (majorization: Lange, Hunter & Yang 2000,
doi:10.1080/10618600.2000.10474858); how far they got is then read off the likelihood itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..estimands import Estimand
from ..laws import Frame, Terms
from ..solvers.basins import inward
from ..solvers.likelihood import LikelihoodProblem
from ..solvers.search import Search
from ..stacked import stacked
from .swarm import Swarm, all_over, close_by
from .zoom import axes_of

__all__ = ["farthest_ends"]

Floats = NDArray[np.float64]

#: The swarms that set out, of which one may settle on the second farthest place, take this much of
#: the allowance each, and so many rounds. What lies beyond it may be the way to what does not.
_SHARES, _ROUNDS = (1.0, 1.0, 1.5, 1.5, 2.0, 3.0, 4.0, 8.0), 60
#: Closer swarms after them, one from where the last one got to, and their rounds.
_CLOSER, _CLOSE_ROUNDS = 6, 40


@dataclass(frozen=True, slots=True)
class _Ends:
    """B ends of targets.

    Parameters
    ----------
    problem : Search
        Their curves.
    frame : Frame
        Fields of shape ``(B, 1)``.
    estimand : Estimand
    side : array (B,)
        -1 for a lower end, 1 for an upper one.
    cut, allowance : arrays (B,)
        Misfit up to which shapes are compatible, and how far it is above the least one.
    """

    problem: Search
    frame: Frame
    estimand: Estimand
    side: Floats
    cut: Floats
    allowance: Floats

    def take(self, rows: Any) -> _Ends:
        """Return some of the ends."""
        return _Ends(
            self.problem.take(rows), self.frame.map(lambda value: value[rows]),
            self.estimand.take(rows), self.side[rows], self.cut[rows], self.allowance[rows],
        )  # fmt: skip

    def terms(self, u: Floats) -> Terms:
        """Return the targets at shapes ``(B, M, q)``."""
        theta = self.problem.theta(u)
        return self.estimand.terms(self.problem.law, theta, self.frame, np)

    def goal(self, u: Floats) -> tuple[Floats, Floats]:
        """Return how far out ends are and the misfit at shapes ``(B, M, q)``, ``(B, M)`` each."""
        with np.errstate(over="ignore", invalid="ignore"):  # very far out ends may be infinite
            rising = self.problem.law.rising
            lower, upper, misfit = self.problem.ends(u, self.terms(u), self.cut, rising)
        return np.where(self.side[:, None] > 0, upper, -lower), misfit

    def squares(self, u: Floats) -> _Ends:
        """Return the ends by least squares that touches a likelihood at shapes ``(B, q)``."""
        problem = self.problem
        if not isinstance(problem, LikelihoodProblem):
            return self
        with np.errstate(over="ignore", invalid="ignore"):
            terms = self.terms(u[:, None])
        shape = (len(u), 1)
        weights = np.stack([np.broadcast_to(w, shape)[:, 0] for w in terms.weights], axis=-1)
        limit = self.cut + problem.pure
        near, cut = problem.touching(u, weights, limit, self.side, problem.law.rising)
        # From the objective n exp(2 L / n) to 2 L.
        allowance = -problem.n * np.log1p(-self.allowance / limit)
        return replace(self, problem=near, cut=cut, allowance=allowance)


def farthest_ends(
    problem: Search, frame: Frame, estimand: Estimand, u: Floats, curvature: Floats, cut: Floats,
    allowance: Floats,
) -> tuple[Floats, Floats, Floats]:  # fmt: skip
    """Return where the lowest lower and the highest upper end are ``(G, 2, q)``, and the ends.

    Parameters
    ----------
    problem : Search
        G curves.
    frame : Frame
        Fields of shape ``(G, 1)``.
    estimand : Estimand
    u : array (G, q)
        The optimum.
    curvature : array (G, q, q)
        Second derivatives of the misfit there.
    cut, allowance : arrays (G,)
        Misfit up to which shapes are compatible, and how far it is above the least one.
    """
    n_curves, q = u.shape
    row, side = np.tile(np.arange(n_curves), 2), np.repeat([-1.0, 1.0], n_curves)
    ends = _Ends(problem, frame, estimand, np.ones(n_curves), cut, allowance).take(row)
    ends = replace(ends, side=side)
    start = np.concatenate([u[row], _set_out(ends, u[row], curvature[row])])
    each = np.tile(np.arange(len(row)), len(start) // len(row))
    several, reached = ends.take(each), [start]
    for seed in range(_CLOSER):
        reached.append(_go_on(several, reached[-1], np.random.default_rng(seed)))
    shapes = np.stack(reached).reshape(-1, len(row), q).swapaxes(0, 1)
    far, _ = ends.goal(shapes)
    rows, best = np.arange(len(row)), far.argmax(axis=1)
    lower, upper = np.split(side * far[rows, best], 2)
    return shapes[rows, best].reshape(2, n_curves, q).swapaxes(0, 1), lower, upper


def _set_out(ends: _Ends, u: Floats, curvature: Floats) -> Floats:
    """Return where each of the first swarms got to, those of one swarm together, ``(S B, q)``."""
    low, high = ends.problem.bounds()
    near, axes = ends.squares(u), axes_of(curvature, ends.allowance, high - low)
    cuts = [near.cut + (share - 1.0) * near.allowance for share in _SHARES]
    # A search, not a sample: always the same draws, and the same for every curve, so that an
    # answer depends on nothing but the curve and the question.
    *rngs, rng = (np.random.default_rng(seed) for seed in range(len(cuts) + 1))
    swarm: Swarm = stacked([
        all_over(replace(near, cut=cut).goal, u, axes, low, high, each)
        for cut, each in zip(cuts, rngs, strict=True)
    ])  # fmt: skip
    each = np.tile(np.arange(len(u)), len(cuts))
    goal = replace(near.take(each), cut=np.concatenate(cuts)).goal
    return swarm.flown(goal, low[each], high[each], rng, _ROUNDS).best()


def _go_on(ends: _Ends, u: Floats, rng: np.random.Generator) -> Floats:
    """Return where swarms got to that set out about shapes ``(B, q)``."""
    near, (low, high) = ends.squares(u), ends.problem.bounds()
    bend = near.problem.model(u.T, inward(u.T, high.T)).bend.transpose(2, 0, 1).copy()
    unknown = ~np.isfinite(bend).all(axis=(1, 2))
    bend[unknown] = np.eye(u.shape[1])
    axes = axes_of(bend, near.allowance, high - low)
    swarm = close_by(near.goal, u, axes, low, high, rng)
    return swarm.flown(near.goal, low, high, rng, _CLOSE_ROUNDS).best()
