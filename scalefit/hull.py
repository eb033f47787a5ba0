"""How far sizes of several drivers lie from all combinations of them that were run.

Drivers that were varied together say little of each alone, however far each one was varied. So a
distance is measured in every direction ``v`` of the log sizes, in units of how much the runs differ
in it:

    max over v of [v q - max_k v z_k] / [max_k v z_k - min_k v z_k],

the least t for which q lies in ``H + t (H - H)``, where H is the convex hull of the runs. It does
not depend on units, nor on which combinations of drivers are called a driver. On a grid, and of one
driver, it is the distance beyond the range of the driver that goes farthest, in its log ranges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Hull", "hull_of"]

Floats = NDArray[np.float64]

#: Runs that differ less in a direction, as a share of the one in which they differ most, are taken
#: not to differ in it: sizes are rounded.
_ROUNDING = 0.01


@dataclass(frozen=True, slots=True)
class Hull:
    """The convex hull of the log sizes of D drivers that were run.

    Parameters
    ----------
    centre : array (D,)
        Mean of the runs.
    range : float
        How much they differ in the direction in which they differ most.
    along : array (D, d)
        Directions in which they differ, each over its range.
    never : array (D, D - d)
        Directions in which they do not.
    normals : array (M, d)
        Normals of the faces of all differences between two places in the hull.
    top, width : array (M,)
        Where the hull ends in these directions, and how far it reaches.
    """

    centre: Floats
    range: float
    along: Floats
    never: Floats
    normals: Floats
    top: Floats
    width: Floats

    def distance(self, places: Floats) -> Floats:
        """Return how far places ``(n, D)`` are outside, ``(n,)``; inf where no runs differ."""
        moved = places - self.centre
        over = (moved @ self.along @ self.normals.T - self.top) / self.width
        size = np.maximum(self.range, np.abs(moved).max(axis=1))
        leaves = (np.abs(moved @ self.never) > _ROUNDING * size[:, None]).any(axis=1)
        return np.where(leaves, np.inf, np.maximum(over.max(axis=1, initial=0.0), 0.0))

    @property
    def alone(self) -> Floats:
        """How far each driver goes with the others fixed, as a log ratio ``(D,)``."""
        rise = self.along @ self.normals.T
        reach = np.divide(self.width, rise, out=np.full(rise.shape, np.inf), where=rise > 1e-12)
        apart = (np.abs(self.never) > _ROUNDING).any(axis=1)
        return np.where(apart, 0.0, reach.min(axis=1, initial=np.inf))


def hull_of(places: Floats) -> Hull:
    """Return the convex hull of the log sizes ``(K, D)`` of some runs.

    Examples
    --------
    >>> tokens_follow = hull_of(np.log([[1e7, 2e8], [1e8, 2.4e9], [1e9, 1.8e10], [1e10, 2e11]]))
    >>> tokens_follow.distance(np.log([[3e10, 6e11], [1e10, 4e11]])).round(2)
    array([0.16, 2.62])
    >>> (tokens_follow.alone / np.log(10)).round(3)
    array([0.104, 0.102])
    """
    from scipy.spatial import ConvexHull

    centre = places.mean(axis=0)
    _, _, directions = np.linalg.svd(places - centre)
    ranges = np.ptp((places - centre) @ directions.T, axis=0)
    differ = ranges > _ROUNDING * max(float(ranges.max()), 1e-300)
    along = directions[differ].T / ranges[differ]
    inside = (places - centre) @ along
    normals = np.concatenate([np.eye(inside.shape[1]), -np.eye(inside.shape[1])])
    if inside.shape[1] > 1:  # Qhull takes no line
        corners = inside[ConvexHull(inside).vertices]
        apart = (corners[:, None] - corners).reshape(-1, corners.shape[1])
        normals = ConvexHull(apart).equations[:, :-1]
    shadow = inside @ normals.T
    top = shadow.max(axis=0)
    width = top - shadow.min(axis=0)
    return Hull(
        centre, float(ranges.max()), along, directions[~differ].T, normals, top, width
    )  # fmt: skip
