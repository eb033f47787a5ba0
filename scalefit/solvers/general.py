"""Least squares for a law of which nothing is known but a start: many starts, descended at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import FitError
from ..laws.law import Frame, Law
from .descent import Residual, descend, jacobian
from .search import Solution

__all__ = ["misfit", "solve_general"]

Floats = NDArray[np.float64]

#: Factors on the start: one at a time would miss starts that are off together.
_FACTORS = np.array([1.0, 0.3, 3.0, 0.1, 10.0])

#: Relative offset at which a start is compared with the others; only the best goes on.
_NEAR = 1e-6
#: Optima whose sums of squares agree up to this factor are the same.
_TIE = 1 + 1e-9


def misfit(law: Law, z: Floats, y: Floats, weight: Floats, frame: Frame) -> Residual:
    """Return the weighted residuals ``(B, K)`` of curves ``(G, K)`` as a function for ``descend``.

    Sizes of weight zero have residual zero, whatever the law makes of them.
    """
    root = np.sqrt(weight)

    def residual(theta: Floats, rows: NDArray[np.intp]) -> Floats:
        here = frame.map(lambda value: value[rows]).expand(1)
        with np.errstate(all="ignore"):
            gap = law.offset(z[rows], tuple(theta.T[:, :, None]), here, np) - y[rows]
            return np.where(root[rows] > 0, root[rows] * gap, 0.0)

    return residual


def solve_general(
    law: Law, z: Floats, y: Floats, weight: Floats, frame: Frame
) -> tuple[Floats, Solution]:
    """Fit every curve by ``law.offset``; return parameters ``(G, q)`` and the solutions.

    Raises
    ------
    FitError
        If the law is not finite at any of the starts.
    """
    start = np.array([value for _, value in law.guesses])
    n_curves, n_starts, q = len(z), len(_FACTORS), start.size
    residual = misfit(law, z, y, weight, frame)
    owner = np.repeat(np.arange(n_curves), n_starts)
    theta, rss = descend(
        lambda at, rows: residual(at, owner[rows]),
        np.tile(_FACTORS[:, None] * start, (n_curves, 1)),
        offset=_NEAR,
        most=200,
    )
    rss = rss.reshape(n_curves, n_starts)
    # Equal optima may differ in the order of exchangeable parts: keep the first start's.
    best = np.argmax(rss <= _TIE * rss.min(axis=1, keepdims=True), axis=1)
    curves = np.arange(n_curves)
    if not np.isfinite(rss[curves, best]).all():
        raise FitError(f"law {law.name!r} is not finite at its start values; choose others")
    theta, rss = descend(residual, theta.reshape(n_curves, n_starts, q)[curves, best])
    slopes = jacobian(residual, theta, curves)
    pull = 2.0 * np.einsum("gnq,gn->gq", slopes, residual(theta, curves))
    length = np.sqrt(np.sum(slopes**2, axis=1))
    size = np.maximum(length * np.maximum(np.sqrt(rss), 1e-150)[:, None], 1e-300)
    solution = Solution(
        theta,
        rss,
        2.0 * np.einsum("gnp,gnq->gpq", slopes, slopes),
        np.max(np.abs(pull) / size, axis=1),
        np.ones(n_curves, dtype=np.intp),
        np.full(n_curves, np.inf),
        np.zeros((n_curves, q), dtype=np.intp),
    )
    return theta, solution
