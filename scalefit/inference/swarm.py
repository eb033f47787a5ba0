"""Swarms: places that look together for where a goal is farthest out, by differences of their own.

Shapes that are compatible with the data are often a thin, bent sheet in the box. A swarm follows
it by itself, since it moves by differences of its members (differential evolution, Storn & Price
1997, doi:10.1023/A:1008202821328), under the rule that a compatible shape beats any other and a
smaller misfit the larger one (Deb 2000, doi:10.1016/S0045-7825(99)00389-8).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Goal", "Swarm", "all_over", "close_by"]

Floats = NDArray[np.float64]
#: Returns how far out B goals are and their misfit, each ``(B, M)``, at shapes ``(B, M, q)``. Where
#: shapes are not compatible they are minus infinity out.
Goal = Callable[[Floats], tuple[Floats, Floats]]

#: Shapes looked at first: all over the box, and in the neighbourhood that the curvature suggests.
_WIDE, _NEAR = 2048, 512
_MEMBERS = 64
#: Members that the others are drawn to.
_LEADERS = 8


@dataclass(frozen=True, slots=True)
class Swarm:
    """The members ``(B, M, q)`` of B swarms, how far out they are and their misfit ``(B, M)``."""

    members: Floats
    far: Floats
    misfit: Floats

    def best(self) -> Floats:
        """Return the shapes ``(B, q)`` that are farthest out."""
        return np.asarray(self.members[np.arange(len(self.far)), self.far.argmax(axis=1)])

    def take(self, chosen: NDArray[np.intp]) -> Swarm:
        """Return some of the members, by their numbers ``(B, m)``."""
        return Swarm(
            np.take_along_axis(self.members, chosen[:, :, None], axis=1),
            np.take_along_axis(self.far, chosen, axis=1),
            np.take_along_axis(self.misfit, chosen, axis=1),
        )

    def flown(
        self, goal: Goal, low: Floats, high: Floats, rng: np.random.Generator, rounds: int
    ) -> Swarm:
        """Return the swarm after so many rounds in the box ``(B, q)``."""
        members, far, misfit = self.members, self.far, self.misfit
        many, q = members.shape[1:]
        box = low[:, None], high[:, None]
        snap, onto = np.divmod(np.arange(many), 2)
        snapped = snap[:, None] == np.arange(q)
        for turn in range(rounds):
            one, two, mate = (rng.permutation(many) for _ in range(3))
            stride = rng.uniform(0.3, 1.0, (many, 1))
            order = np.argsort(-far, axis=1)
            if turn % 8:  # towards one of the best, or from where it is, by two others' difference
                chosen = order[:, rng.integers(0, _LEADERS, many)]
                leader = np.take_along_axis(members, chosen[:, :, None], axis=1)
                pull = np.where(rng.random((many, 1)) < 0.15, stride, 0.0)
                moved = members + pull * (leader - members)
                moved = moved + stride * (members[:, one] - members[:, two])
                kept = rng.random((many, q)) < 0.1
                moved = np.clip(np.where(kept, members[:, mate], moved), *box)
            else:  # the best one with each shape on its bounds, where ends often are
                leader = np.take_along_axis(members, order[:, :1, None], axis=1)
                moved = np.where(snapped, np.where(onto[:, None], box[1], box[0]), leader)
            new_far, new_misfit = goal(moved)
            better = (new_far > far) | ((new_far == far) & (new_misfit < misfit))
            members = np.where(better[:, :, None], moved, members)
            far, misfit = np.where(better, new_far, far), np.where(better, new_misfit, misfit)
        return Swarm(members, far, misfit)


def all_over(
    goal: Goal, u: Floats, axes: Floats, low: Floats, high: Floats, rng: np.random.Generator
) -> Swarm:
    """Return swarms from the best of many places all over the box, and about the optimum.

    Parameters
    ----------
    goal : callable
        See :data:`Goal`.
    u : array (B, q)
        The optimum.
    axes : array (B, q, q)
        Turns the unit ball into the compatible neighbourhood, to second order.
    low, high : arrays (B, q)
        The box.
    rng : numpy.random.Generator
    """
    wide = low[:, None] + rng.random((_WIDE, u.shape[1])) * (high - low)[:, None]
    near = _about(u, axes, rng, _NEAR, (-1.0, 0.5))
    first = np.clip(np.concatenate([u[:, None], near, wide], axis=1), low[:, None], high[:, None])
    every = Swarm(first, *goal(first))
    # Half of the members have gone far already, half fit well in any part of the box.
    far_first = np.lexsort((every.misfit, -every.far), axis=-1)[:, : _MEMBERS // 2]
    fit_first = np.argsort(every.misfit[:, -_WIDE:], axis=-1)[:, : _MEMBERS // 2]
    return every.take(np.concatenate([far_first, fit_first + first.shape[1] - _WIDE], axis=1))


def close_by(
    goal: Goal, u: Floats, axes: Floats, low: Floats, high: Floats, rng: np.random.Generator
) -> Swarm:
    """Return swarms of ``u`` and places about it, as :func:`all_over` does."""
    near = _about(u, axes, rng, _MEMBERS - 1, (-3.0, 0.3))
    first = np.clip(np.concatenate([u[:, None], near], axis=1), low[:, None], high[:, None])
    return Swarm(first, *goal(first))


def _about(
    u: Floats, axes: Floats, rng: np.random.Generator, many: int, decades: tuple[float, float]
) -> Floats:
    """Return places ``(B, many, q)`` about ``u``, at distances over some decades of the axes."""
    spread = rng.standard_normal((many, u.shape[1])) * 10.0 ** rng.uniform(*decades, (many, 1))
    near: Floats = u[:, None] + np.einsum("bij,mj->bmi", axes, spread)
    return near
