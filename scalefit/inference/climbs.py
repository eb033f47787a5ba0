"""Ends for a law of one or two shapes: from a first look all over the box, a climb to each.

Least squares has the numbers behind its ends in closed form, and one climb ends at the farthest
place. Of a likelihood squares that touch it are climbed (see :mod:`~scalefit.inference.ends`),
closer and closer.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..estimands import Estimand
from ..laws import Frame, Terms
from ..solvers.separable import Problem, Target
from .ends import Ends, farthest_of
from .outlook import half_widths, outlook
from .summit import Slope, climb

__all__ = ["climbed", "climbed_closer"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

#: First looks at squares that touch a likelihood allow so many times as much: what lies beyond
#: them may be compatible with it.
_SHARES = (1.0, 2.0, 4.0)
#: Most climbs after them; each moves an end by about half as much as the one before.
_ROUNDS = 25
#: Shapes of a first model are so far apart, in compatible half widths and in widths of the box.
_SPACING, _WIDEST = 0.1, 1.5e-3


def climbed(
    problem: Problem, frame: Frame, estimand: Estimand, value: Floats, cut: Floats,
    allowance: Floats, u: Floats, curvature: Floats,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Return where G lower ends and G upper ones are, ``(2 G, q)``, and the ends, by least squares.

    Parameters
    ----------
    problem : Problem
        G curves.
    frame : Frame
        Fields of shape ``(G, 1)``.
    estimand : Estimand
    value : array (G,)
        Its estimate.
    cut, allowance : arrays (G,)
        Misfit up to which shapes are compatible, and how far it is above the least one.
    u : array (G, q)
        Compatible shapes, the best if they are known.
    curvature : array (G, q, q)
        Second derivatives of the misfit there.
    """
    slope, start, spacing = _first_look(
        problem, frame, estimand, value, cut, allowance, u, curvature
    )
    with np.errstate(over="ignore", invalid="ignore"):
        shapes, ends = climb(slope, start, spacing)
    return shapes.T, ends


def climbed_closer(ends: Ends, u: Floats) -> tuple[Floats, Floats]:
    """Return where B ends under a likelihood are farthest out ``(B, q)``, and how far.

    ``u`` ``(B, q)`` are the best shapes.
    """
    near, _ = ends.squares(u, np.ones(len(u)))
    bend, found = near.bend(u), [u]
    own = np.arange(len(u)) + np.where(near.side < 0, 0, len(u))  # of both ends the one meant
    for share in _SHARES:
        loose = near.loosened(share)
        _, start, spacing = _first_look(
            cast("Problem", loose.problem), loose.frame, loose.estimand,
            loose.side * loose.origin, loose.cut, loose.allowance, u, bend,
        )  # fmt: skip
        found.append(_climb(loose, start[:, own], spacing[:, own]))
    # From each of them that is compatible with the likelihood: the best start may lead less far.
    far, _ = ends.goal(np.stack(found, axis=1))
    start = np.where(far.T[:, :, None] > -np.inf, np.stack(found), u)
    several = ends.take(np.tile(np.arange(len(u)), len(found)))
    return farthest_of(*several.approached(np.concatenate(start), _climb_on, _ROUNDS), len(u))


def _climb_on(near: Ends, u: Floats, _turn: int) -> Floats:
    """Return where a climb from compatible shapes ``(B, q)`` leads."""
    low, high = near.problem.bounds()
    alone = half_widths(near.bend(u), near.allowance)
    return _climb(near, u.T, np.minimum(_SPACING * alone, _WIDEST * (high - low)).T)


def _climb(near: Ends, start: Floats, spacing: Floats) -> Floats:
    """Return where climbs over squares lead ``(B, q)``, from ``(q, B)`` as :func:`climb` does."""
    problem, value = cast("Problem", near.problem), near.side * near.origin
    target, every = _target(problem, near.frame, near.estimand), np.arange(len(value))
    slope = _slope(problem, target, every, near.side, value, near.cut, near.allowance)
    with np.errstate(over="ignore", invalid="ignore"):
        return climb(slope, start, spacing)[0].T


def _first_look(
    problem: Problem, frame: Frame, estimand: Estimand, value: Floats, cut: Floats,
    allowance: Floats, u: Floats, curvature: Floats,
) -> tuple[Slope, Floats, Floats]:  # fmt: skip
    """Return what is climbed to both ends of every curve, where from, and in which steps."""
    every, side = np.tile(np.arange(len(u)), 2), np.repeat([-1.0, 1.0], len(u))
    target = _target(problem, frame, estimand)
    slope = _slope(problem, target, every, side, value, cut, allowance)
    with np.errstate(over="ignore", invalid="ignore"):
        return slope, *outlook(problem, slope, target, u, curvature)


def _target(problem: Problem, frame: Frame, estimand: Estimand) -> Target:
    def target(theta: tuple[Floats, ...], rows: Any) -> Terms:
        here = frame.map(lambda value: value[rows])
        with np.errstate(over="ignore", invalid="ignore"):  # very far out it may be infinite
            return estimand.take(rows).terms(problem.law, theta, here, np)

    return target


def _slope(
    problem: Problem, target: Target, every: Ints, side: Floats, value: Floats, cut: Floats,
    allowance: Floats,
) -> Slope:  # fmt: skip
    """Return what is climbed to the ends of the curves ``every`` ``(B,)``, on sides ``(B,)``."""
    low, high = (bound.T[:, every] for bound in problem.bounds())

    def facts(u: Floats, ends: Any) -> Floats:
        rows = every[ends]
        part = problem.take(rows)
        with np.errstate(over="ignore", invalid="ignore"):
            return part.facts(u, target(part.theta(u), rows))

    return Slope(
        facts, side, side * value[every], cut[every], allowance[every], problem.law.rising,
        low, high,
    )  # fmt: skip
