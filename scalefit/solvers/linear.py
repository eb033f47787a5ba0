"""Batched weighted linear least squares by orthogonalisation: closed form for every curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Projection", "project", "screen"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Projection:
    """A weighted least-squares fit in orthogonal form, for any leading batch shape ``(...)``.

    Parameters
    ----------
    residual : array (..., K)
        ``target - sum_j coefficient_j column_j``.
    rss : array (...)
        Weighted residual sum of squares.
    rss_edge : array (...)
        The same with the last coefficient held at zero.
    scores : array (..., p)
        Coefficients on the orthogonalised columns.
    norms : array (..., p)
        Weighted squared norms of the orthogonalised columns; ``inf`` for a column that the
        others already span, whose score is zero.
    mix : dict
        ``mix[i, j]``: how much of orthogonal column ``i`` is in column ``j``.
    """

    residual: Floats
    rss: Floats
    rss_edge: Floats
    scores: Floats
    norms: Floats
    mix: dict[tuple[int, int], Floats]

    @property
    def coefficients(self) -> Floats:
        """Coefficients on the columns as given, shape ``(..., p)``."""
        p = self.scores.shape[-1]
        solved = [self.scores[..., j] for j in range(p)]
        for j in range(p - 1, -1, -1):
            for i in range(j):
                solved[i] = solved[i] - self.mix[i, j] * solved[j]
        return np.stack(solved, axis=-1) if p else self.scores

    def orthogonal(self, weights: Sequence[Any]) -> list[Any]:
        """Return ``weights`` of a linear target rewritten for the orthogonalised columns."""
        turned: list[Any] = list(weights)
        for j in range(len(turned)):
            for i in range(j):
                turned[j] = turned[j] - self.mix[i, j] * turned[i]
        return turned


def project(
    columns: Sequence[Any], target: Floats, weight: Floats, *, rising: bool, passes: int = 2
) -> Projection:
    """Fit ``target`` by ``columns`` with weights, all broadcast, over the last axis.

    Modified Gram-Schmidt, in ``passes`` passes so that nearly constant columns keep their digits
    (Giraud, Langou & Rozloznik 2005, doi:10.1007/s00211-005-0615-4).

    Parameters
    ----------
    columns : sequence of arrays broadcastable to (..., K)
        A scalar stands for a constant column.
    target, weight : arrays broadcastable to (..., K)
        Weights of zero leave points out.
    rising : bool
        Hold the last coefficient at zero or above. Because its column is orthogonal to the others,
        the constrained fit is the free one with a negative last score replaced by zero.
    """
    total = np.add.reduce
    shape = np.broadcast_shapes(target.shape, weight.shape, *(np.shape(c) for c in columns))[:-1]
    residual = target
    weighted_residual = weight * target
    scores = np.zeros((*shape, len(columns)))
    norms = np.zeros((*shape, len(columns)))
    basis: list[Any] = []
    mix: dict[tuple[int, int], Any] = {}
    rss = rss_edge = target_size = total(weighted_residual * residual, axis=-1)
    for j, column in enumerate(columns):
        direction = np.full_like(weight, column) if np.ndim(column) == 0 else column
        weighted = weight * direction
        size = norm = total(weighted * direction, axis=-1)
        for _ in range(passes):
            for i in range(j):
                share = total(weighted * basis[i], axis=-1) / norms[..., i]
                direction = direction - share[..., None] * basis[i]
                mix[i, j] = mix.get((i, j), 0.0) + share
                weighted = weight * direction
        if j:
            norm = total(weighted * direction, axis=-1)
        norms[..., j] = np.where(norm <= 1e-28 * size, np.inf, norm)
        score = total(weighted_residual * direction, axis=-1) / norms[..., j]
        if j == len(columns) - 1:
            rss_edge = rss
            # What moves the fit by less than the rounding of the scores is nothing.
            score = np.where(score * score * norm <= 1e-28 * target_size, 0.0, score)
            if rising:
                score = np.maximum(score, 0.0)
        scores[..., j] = score
        residual = residual - score[..., None] * direction
        weighted_residual = weight * residual
        rss = total(weighted_residual * residual, axis=-1)
        basis.append(direction)
    return Projection(residual, rss, rss_edge, scores, norms, mix)


def screen(columns: Sequence[Any], target: Floats, weight: Floats, *, rising: bool) -> Floats:
    """Return the residual sums of squares of :func:`project`, faster and with half the digits.

    For a constant and one column ``(G, M, K)`` they follow from moments that are matrix products;
    ``target`` and ``weight`` then have shape ``(G, 1, K)``. Good enough to find basins.
    """
    if len(columns) != 2 or np.ndim(columns[0]):
        return project(columns, target, weight, rising=rising, passes=1).rss
    total = weight.sum(axis=-1)
    centred = target - (weight * target).sum(axis=-1, keepdims=True) / total[..., None]
    pulls = np.concatenate([weight, weight * centred], axis=1).transpose(0, 2, 1)
    column = np.broadcast_to(columns[1], (len(target), *np.shape(columns[1])[1:]))
    level, along = np.moveaxis(column @ pulls, -1, 0)
    square = (column * column @ weight.transpose(0, 2, 1))[..., 0]
    spread = square - level * level / total
    usable = spread > 1e-12 * square
    if rising:
        usable &= along > 0
    removed = np.where(usable, along * along / np.where(usable, spread, 1.0), 0.0)
    rss: Floats = (weight * centred * centred).sum(axis=-1) - removed
    return rss
