"""A law by its expected values: the score at the largest size, and the gain over the observed ones.

For given shapes the coefficients of a law and these values are linear functions of each other.
Priors are put on the values, which the data identify whatever the shape is (Ratkowsky 1990).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..laws import Frame, Law

__all__ = ["at_sizes", "corners", "inverse", "n_gains", "to_coefficients", "values_of"]

Array = Any
Floats = NDArray[np.float64]


def n_gains(law: Law) -> int:
    """Return how many gains stand beside the top score: one a driver, none for one coefficient."""
    return law.n_columns - 1


def corners(frame: Frame, n_gains: int) -> Array:
    """Return log sizes: the largest of all drivers, and that with each driver at its smallest.

    Shape ``(G, 1 + n_gains)``, with a last axis over the drivers if there are several.
    """
    frames = (frame, *frame.other)
    top = np.stack([f.z_max for f in frames], axis=-1)
    low = np.stack([f.z_min for f in frames], axis=-1)
    rows = [top]
    for j in range(n_gains):
        one = top.copy()
        one[..., j] = low[..., j]
        rows.append(one)
    corners = np.stack(rows, axis=-2)
    return corners if frame.other else corners[..., 0]


def values_of(law: Law, theta: Floats, frame: Frame) -> tuple[Floats, Floats]:
    """Return the expected values as matrices on the coefficients, and their offsets.

    Parameters
    ----------
    law : Law
    theta : array (G, q, M)
        Shapes.
    frame : Frame
        Fields of shape ``(G,)``.

    Returns
    -------
    matrix : array (G, p, p, M)
    offset : array (G, p, M)
        Both in benefit, "higher is better".
    """
    p, places = law.n_columns, (theta.shape[0], theta.shape[2])
    matrix, offset = np.empty((places[0], p, p, places[1])), np.empty((places[0], p, places[1]))
    corner = corners(frame, n_gains(law))
    shapes, inner = tuple(np.moveaxis(theta, 1, 0)), frame.expand(1)
    for i in range(p):
        z = corner[:, i, None]
        for k, column in enumerate(law.columns(z, shapes, inner, np)):
            matrix[:, i, k] = column
        offset[:, i] = law.offset(z, shapes, inner, np)
    matrix[:, 1:] = matrix[:, :1] - matrix[:, 1:]
    offset[:, 1:] = offset[:, :1] - offset[:, 1:]
    return matrix, offset


def at_sizes(law: Law, z: Floats, theta: Floats, frame: Frame) -> tuple[Floats, Floats]:
    """Return columns ``(G, M, K, p)`` and offsets ``(G, M, K)`` at log sizes ``(G, K)``.

    Of several drivers ``z`` has a last axis.
    """
    shapes = tuple(np.moveaxis(theta, 2, 0)[..., None])
    wide, inner = z[:, None], frame.expand(2)
    columns = np.empty((*theta.shape[:2], z.shape[1], law.n_columns))
    for j, column in enumerate(law.columns(wide, shapes, inner, np)):
        columns[..., j] = column
    offset = np.empty(columns.shape[:3])
    offset[...] = law.offset(wide, shapes, inner, np)
    return columns, offset


def inverse(matrix: Floats) -> Floats:
    """Return the inverses of matrices ``(G, p, p, M)``."""
    p = matrix.shape[1]
    if p > 2:
        stack = np.linalg.inv(np.moveaxis(matrix, 3, 1))
        return np.asarray(np.moveaxis(stack, 1, 3), dtype=np.float64)
    if p == 1:
        return 1.0 / matrix
    found = np.empty_like(matrix)
    found[:, 0, 0], found[:, 0, 1] = matrix[:, 1, 1], -matrix[:, 0, 1]
    found[:, 1, 0], found[:, 1, 1] = -matrix[:, 1, 0], matrix[:, 0, 0]
    found /= (matrix[:, 0, 0] * matrix[:, 1, 1] - matrix[:, 0, 1] * matrix[:, 1, 0])[:, None, None]
    return found


def to_coefficients(law: Law, theta: Floats, values: Floats, frame: Frame) -> Floats:
    """Return the coefficients that have expected values ``(G, S, p)`` at shapes ``(G, S, q)``."""
    matrix, offset = values_of(law, np.swapaxes(theta, 1, 2), frame)
    gap = np.swapaxes(values, 1, 2) - offset
    found: Floats = np.einsum("gpqs,gqs->gsp", inverse(matrix), gap)
    return found
