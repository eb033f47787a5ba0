"""A law by its expected values: the score at the largest size, and the gain over the observed ones.

For given shapes the coefficients of a law and these values are linear functions of each other.
Priors are put on the values, which the data identify whatever the shape is (Ratkowsky 1990).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..laws import Frame, Law

__all__ = ["at_sizes", "corners", "n_gains", "to_coefficients", "values_of"]

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
    theta : array (G, M, q)
        Shapes.
    frame : Frame
        Fields of shape ``(G,)``.

    Returns
    -------
    matrix : array (G, M, p, p)
    offset : array (G, M, p)
        Both in benefit, "higher is better".
    """
    p = law.n_columns
    there, offsets = at_sizes(law, corners(frame, n_gains(law)), theta, frame)
    matrix = there[:, :, :1] - there
    matrix[:, :, 0] = there[:, :, 0]
    offset = offsets[:, :, :1] - offsets
    offset[:, :, 0] = offsets[:, :, 0]
    assert matrix.shape[2:] == (p, p)
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


def to_coefficients(matrix: Floats, offset: Floats, values: Floats) -> Floats:
    """Return the coefficients that have the expected ``values``, ``(..., p)`` each."""
    found = np.linalg.solve(matrix, (values - offset)[..., None])[..., 0]
    return np.asarray(found, dtype=np.float64)
