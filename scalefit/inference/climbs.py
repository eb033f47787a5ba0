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
from .outlook import outlook
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
        Fields of shape ``(G,)``.
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
    every, side = np.tile(np.arange(len(u)), 2), np.repeat([-1.0, 1.0], len(u))
    target = _target(problem, frame, estimand)
    slope = _slope(problem, target, every, side, value, cut, allowance)
    with np.errstate(over="ignore", invalid="ignore"):
        start, spacing = outlook(problem, slope, target, u, curvature)
        shapes, ends = climb(slope, start, spacing)
    return shapes.T, ends


def climbed_closer(ends: Ends, u: Floats) -> tuple[Floats, Floats]:
    """Return where B ends under a likelihood are farthest out ``(B, q)``, and how far.

    ``u`` ``(B, q)`` are the best shapes.
    """
    near, _ = ends.squares(u, np.ones(len(u)))
    bend, found = near.bend(u), [u]
    for share in _SHARES:
        loose = near.loosened(share)
        both, _ = climbed(
            cast("Problem", loose.problem), _of_curves(loose.frame), loose.estimand,
            loose.side * loose.origin, loose.cut, loose.allowance, u, bend,
        )  # fmt: skip
        found.append(np.where(ends.side[:, None] < 0, *np.split(both, 2)))
    # From each of them that is compatible with the likelihood: the best start may lead less far.
    far, _ = ends.goal(np.stack(found, axis=1))
    start = np.where(far.T[:, :, None] > -np.inf, np.stack(found), u)
    several = ends.take(np.tile(np.arange(len(u)), len(found)))
    return farthest_of(*several.approached(np.concatenate(start), _climb_on, _ROUNDS), len(u))


def _climb_on(near: Ends, u: Floats, _turn: int) -> Floats:
    """Return where a climb from compatible shapes ``(B, q)`` leads."""
    problem, (low, high) = cast("Problem", near.problem), near.problem.bounds()
    own = np.maximum(np.abs(np.einsum("bii->bi", near.bend(u))), 1e-300)
    alone = np.sqrt(2.0 * near.allowance[:, None] / own)
    spacing = np.minimum(_SPACING * alone, _WIDEST * (high - low))
    target, every = _target(problem, _of_curves(near.frame), near.estimand), np.arange(len(u))
    value = near.side * near.origin
    slope = _slope(problem, target, every, near.side, value, near.cut, near.allowance)
    with np.errstate(over="ignore", invalid="ignore"):
        shapes = climb(slope, u.T, spacing.T)[0]
    return shapes.T


def _of_curves(frame: Frame) -> Frame:
    """Return a frame with fields ``(B,)`` of one with fields ``(B, 1)``."""
    return frame.map(lambda value: value[:, 0])


def _target(problem: Problem, frame: Frame, estimand: Estimand) -> Target:
    def target(theta: tuple[Floats, ...], rows: Any) -> Terms:
        here = frame.map(lambda value: value[rows]).expand(1)
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
