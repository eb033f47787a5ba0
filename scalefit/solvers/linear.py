"""Batched weighted linear least squares by orthogonalisation: closed form for every curve.

Sizes come first in all arrays. There are few of them and many curves, and sums over the first axis
add up whole rows of curves that lie side by side in memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .sums import dot, total

__all__ = ["Projection", "project", "screen"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Projection:
    """A weighted least-squares fit in orthogonal form, for any batch shape ``(...)``.

    Parameters
    ----------
    residual : array (K, ...)
        ``target - sum_j coefficient_j column_j``.
    rss : array (...)
        Weighted residual sum of squares.
    rss_edge : array (...)
        The same with the last coefficient held at zero.
    scores : list of p arrays (...)
        Coefficients on the orthogonalised columns.
    norms : list of p arrays (...)
        Weighted squared norms of the orthogonalised columns; ``inf`` for a column that the
        others already span, whose score is zero.
    basis : list of p arrays (K, ...)
        The orthogonalised columns; a scalar where the first one is constant.
    mix : dict
        ``mix[i, j]``: how much of orthogonal column ``i`` is in column ``j``.
    """

    residual: Floats
    rss: Floats
    rss_edge: Floats
    scores: list[Floats]
    norms: list[Floats]
    basis: list[Any]
    mix: dict[tuple[int, int], Floats]

    @property
    def solved(self) -> list[Floats]:
        """Coefficients on the columns as given, p arrays ``(...)``."""
        solved = list(self.scores)
        for j in range(len(solved) - 1, -1, -1):
            for i in range(j):
                solved[i] = solved[i] - self.mix[i, j] * solved[j]
        return solved

    @property
    def coefficients(self) -> Floats:
        """The same as one array ``(..., p)``."""
        found = np.empty((*np.shape(self.rss), len(self.scores)))
        for j, value in enumerate(self.solved):
            found[..., j] = value
        return found

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
    """Fit ``target`` by ``columns`` with weights, all broadcast, over the first axis.

    Modified Gram-Schmidt, in ``passes`` passes so that nearly constant columns keep their digits
    (Giraud, Langou & Rozloznik 2005, doi:10.1007/s00211-005-0615-4).

    Parameters
    ----------
    columns : sequence of arrays broadcastable to (K, ...)
        A scalar stands for a constant column.
    target, weight : arrays broadcastable to (K, ...)
        Weights of zero leave points out.
    rising : bool
        Hold the last coefficient at zero or above. Because its column is orthogonal to the others,
        the constrained fit is the free one with a negative last score replaced by zero.
    """
    residual, pull = target, weight * target
    scores: list[Floats] = []
    norms: list[Floats] = []
    basis: list[Any] = []
    mix: dict[tuple[int, int], Any] = {}
    rss = rss_edge = target_size = dot(pull, residual)
    for j, direction in enumerate(columns):
        flat = np.ndim(direction) == 0
        if flat and j:
            direction, flat = np.full_like(residual, direction), False
        size = direction * direction * total(weight) if flat else dot(weight, direction, direction)
        for turn in range(passes if j else 0):
            for i, other in enumerate(basis):
                scalar = np.ndim(other) == 0
                common = dot(weight, direction) if scalar else dot(weight, direction, other)
                share = (other * common if scalar else common) / norms[i]
                direction = direction - share * other
                mix[i, j] = mix[i, j] + share if turn else share
        norm = dot(weight, direction, direction) if j else size
        norms.append(np.where(norm <= 1e-28 * size, np.inf, norm))
        score = (direction * total(pull) if flat else dot(pull, direction)) / norms[j]
        if j == len(columns) - 1:
            rss_edge = rss
            # What moves the fit by less than the rounding of the scores is nothing.
            score = np.where(score * score * norm <= 1e-28 * target_size, 0.0, score)
            if rising:
                score = np.maximum(score, 0.0)
        scores.append(score)
        residual = residual - score * direction
        pull = weight * residual
        rss = dot(pull, residual)
        basis.append(direction)
    return Projection(residual, rss, rss_edge, scores, norms, basis, mix)


def screen(columns: Sequence[Any], target: Floats, weight: Floats, *, rising: bool) -> Projection:
    """Return what :func:`project` does but the residual, faster and with half the digits.

    All follows from moments, which are matrix products where targets share their columns. Good
    enough to find basins, and to see where ends are.

    Parameters
    ----------
    columns : sequence of arrays (D, K, M)
        M times the columns at the sizes of D designs; a first one that is constant may be a scalar.
    target, weight : arrays (D, W, K)
        W targets a design. Weights that are equal for all of them may be ``(D, 1, K)``.
    rising : bool
        See :func:`project`.

    Returns
    -------
    Projection
        Arrays broadcastable to ``(D, W, M)``; no residual and no basis.
    """
    constant = np.ndim(columns[0]) == 0
    free = columns[1:] if constant else columns
    first = int(constant)
    scores: list[Floats] = []
    norms: list[Floats] = []
    mix: dict[tuple[int, int], Floats] = {}
    if constant:
        norms.append(columns[0] * columns[0] * weight.sum(axis=-1, keepdims=True))
        scores.append(columns[0] * (weight * target).sum(axis=-1, keepdims=True) / norms[0])
        target = target - columns[0] * scores[0]
    pulled = weight * target
    rss: Floats = (pulled * target).sum(axis=-1, keepdims=True)
    rss_edge = rss
    along = [pulled @ column for column in free]
    product = {
        pair: weight @ (free[pair[0]] * free[pair[1]])
        for pair in itertools.combinations_with_replacement(range(len(free)), 2)
    }
    least = [1e-12 * product[j, j] for j in range(len(free))]
    if constant:
        level = [weight @ column for column in free]
        for i, j in product:
            product[i, j] -= level[i] * (level[j] * (columns[0] ** 2 / norms[0]))
        for j, value in enumerate(level):
            mix[0, 1 + j] = value * (columns[0] / norms[0])
    for j in range(len(free)):
        last = j == len(free) - 1
        idle = product[j, j] <= least[j]
        if rising and last:
            idle = idle | (along[j] <= 0)
        product[j, j] = np.where(idle, np.inf, product[j, j])
        for k in range(j + 1, len(free)):  # what the column explains of the later ones
            mix[first + j, first + k] = share = product[j, k] / product[j, j]
            along[k] -= share * along[j]
            for i in range(k, len(free)):
                product[k, i] -= share * product[j, i]
        if last:
            rss_edge = rss
        scores.append(along[j] / product[j, j])
        norms.append(product[j, j])
        along[j] *= scores[-1]  # work arrays this large are dear
        rss = np.subtract(rss, along[j], out=along[j])
    return Projection(rss, rss, rss_edge, scores, norms, [], mix)
