"""How far a target can go over the shapes of a law, found by swarms of them.

Given its shapes the ends of the target are closed form; what is left is to make them as far apart
as the misfit allows. Swarms set out all over the box, some of them under a looser cut. From where
each of them got to, and from the optimum, closer ones go on, under the cut, in the neighbourhood
that the curvature there suggests. Of a likelihood they fly over squares that touch it (see
:mod:`~scalefit.inference.ends`); how far they got is then read off the likelihood itself.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..stacked import stacked
from .ends import Ends, farthest_of
from .swarm import Swarm, all_over, close_by
from .zoom import axes_of

__all__ = ["farthest"]

Floats = NDArray[np.float64]

#: The swarms that set out, of which one may settle on the second farthest place, take this much of
#: the allowance each, and so many rounds. What lies beyond it may be the way to what does not.
_SHARES, _ROUNDS = (1.0, 1.0, 1.5, 1.5, 2.0, 3.0, 4.0, 8.0), 60
#: Closer swarms after them, one from where the last one got to, and their rounds.
_CLOSER, _CLOSE_ROUNDS = 6, 40


def farthest(ends: Ends, u: Floats, curvature: Floats) -> tuple[Floats, Floats]:
    """Return where ends are farthest out ``(B, q)``, and how far.

    Parameters
    ----------
    ends : Ends
        B ends.
    u : array (B, q)
        The optimum.
    curvature : array (B, q, q)
        Second derivatives of the misfit there.
    """
    start = np.concatenate([u, _set_out(ends, u, curvature)])
    several = ends.take(np.tile(np.arange(len(u)), len(start) // len(u)))
    return farthest_of(*several.approached(start, _go_on, _CLOSER), len(u))


def _set_out(ends: Ends, u: Floats, curvature: Floats) -> Floats:
    """Return where each of the first swarms got to, those of one swarm together, ``(S B, q)``."""
    low, high = ends.problem.bounds()
    near, _ = ends.squares(u, np.ones(len(u)))
    axes = axes_of(curvature, ends.allowance, high - low)
    loose = [near.loosened(share) for share in _SHARES]
    # A search, not a sample: always the same draws, and the same for every curve, so that an
    # answer depends on nothing but the curve and the question.
    *rngs, rng = (np.random.default_rng(seed) for seed in range(len(loose) + 1))
    swarm: Swarm = stacked([
        all_over(part.goal, u, axes, low, high, each)
        for part, each in zip(loose, rngs, strict=True)
    ])  # fmt: skip
    each = np.tile(np.arange(len(u)), len(loose))
    goal = replace(near.take(each), cut=np.concatenate([part.cut for part in loose])).goal
    return swarm.flown(goal, low[each], high[each], rng, _ROUNDS).best()


def _go_on(near: Ends, u: Floats, turn: int) -> Floats:
    """Return where swarms got to that set out about shapes ``(B, q)``."""
    low, high = near.problem.bounds()
    axes = axes_of(near.bend(u), near.allowance, high - low)
    rng = np.random.default_rng(turn)
    swarm = close_by(near.goal, u, axes, low, high, rng)
    return swarm.flown(near.goal, low, high, rng, _CLOSE_ROUNDS).best()
