"""The box of shape parameters that a search runs through."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..laws.law import Frame, Law

__all__ = ["box", "shapes_at"]

Floats = NDArray[np.float64]


def box(law: Law, frame: Frame) -> tuple[Floats, Floats]:
    """Return the bounds of the search coordinates ``u``, two arrays of shape ``(G, q)``.

    The frame is of shape ``(G, 1)``.
    """
    pairs = [
        tuple(shape.coordinate.to_u(np.asarray(bound)) for bound in shape.bounds(frame))
        for shape in law.shapes
    ]
    empty = np.zeros((len(np.asarray(frame.x0)), 0))
    lower = np.concatenate([empty, *(low for low, _ in pairs)], axis=-1)
    upper = np.concatenate([empty, *(high for _, high in pairs)], axis=-1)
    return lower, upper


def shapes_at(law: Law, u: Floats) -> tuple[Floats, ...]:
    """Return the shape parameters at search coordinates ``u`` of shape ``(..., q)``."""
    return tuple(shape.coordinate.to_theta(u[..., j]) for j, shape in enumerate(law.shapes))
