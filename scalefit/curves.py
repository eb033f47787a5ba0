"""Curves of one law with known parameters: their means, and how these move with a parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .estimands import Asked, touching
from .laws import Frame, Law, Terms

__all__ = ["Curves"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_STEP = 1e-30


@dataclass(frozen=True, slots=True)
class Curves:
    """G curves of one law.

    Parameters
    ----------
    law : Law
        The law.
    frame : Frame
        Fields of shape ``(G,)``.
    theta : array (G, q)
        Shape parameters; nan where the curve is flat and they mean nothing.
    coefficients : array (G, p)
        Linear coefficients of the working form.
    """

    law: Law
    frame: Frame
    theta: Floats
    coefficients: Floats

    def __len__(self) -> int:
        return len(self.coefficients)

    def take(self, rows: Any) -> Curves:
        """Return some of the curves."""
        frame = self.frame.map(lambda value: value[rows])
        return Curves(self.law, frame, self.theta[rows], self.coefficients[rows])

    @property
    def flat(self) -> Bools:
        """Where the rising part is zero, so that the shape means nothing; ``(G,)``."""
        if not self.law.rising:
            return np.zeros(len(self), dtype=bool)
        nothing: Bools = np.all(self.coefficients[:, list(self.law.rises)] <= 0.0, axis=1)
        return nothing

    def mean(self, z: Floats) -> Floats:
        """Return the mean at log sizes ``(G, K)``, in the metric's units.

        With several drivers ``z`` has a last axis of their number.
        """
        theta = tuple(t[:, None] for t in self.theta.T)
        terms = self.law.value_terms(z, theta, self.frame.expand(1))
        total: Floats = np.zeros(z.shape[:2]) + terms.offset
        for j, weight in enumerate(terms.weights):
            part = np.where(np.isnan(weight), 0.0, weight)
            total = total + part * self.coefficients[:, j, None]
        return total

    def evaluate(self, terms: Terms) -> Floats:
        """Return a target, given as terms of shape ``(G,)``, for each curve."""
        total = np.broadcast_to(np.asarray(terms.offset, dtype=float), (len(self),))
        for j, weight in enumerate(terms.weights):
            coefficient = self.coefficients[:, j]
            # 0 times an infinite weight is 0: a flat curve has no far limit but its level.
            part = np.multiply(weight, coefficient, out=np.zeros(len(self)), where=coefficient != 0)
            total = total + part
        return total

    def value(self, estimand: Asked) -> Floats:
        """Return the answer to a question for each curve, ``(G,)``."""
        theta = tuple(self.theta.T)
        linear = touching(estimand, self.law, self.coefficients, theta, self.frame)
        return self.evaluate(linear.terms(self.law, theta, self.frame, np))

    def tangent(self, z: Floats) -> Floats:
        """Return derivatives of the oriented means by coefficients and shapes, ``(G, K, P)``.

        Those of a function are taken by the complex step (Squire & Trapp 1998,
        doi:10.1137/S003614459631241X). A flat curve has none but its level's.
        """
        law, frame, shape = self.law, self.frame.expand(1), z.shape[:2]
        theta = np.where(np.isnan(self.theta), 1.0, self.theta)
        shapes = tuple(t[:, None] for t in theta.T)
        columns: list[Any] = list(law.columns(z, shapes, frame, np))
        if law.guesses:
            for j in range(theta.shape[1]):
                moved = theta.astype(complex)
                moved[:, j] += 1j * _STEP
                curve = law.offset(z, tuple(m[:, None] for m in moved.T), frame, np)
                columns.append(np.imag(curve) / _STEP)
        else:  # a complex step overflows where a curve is a step itself
            each = self.coefficients.T[:, :, None]
            for slopes in law.gradient(z, shapes, frame):
                columns.append(sum(b * slope for b, slope in zip(each, slopes, strict=True)))
        columns = [np.broadcast_to(np.asarray(column, dtype=float), shape) for column in columns]
        tangent = np.stack(columns, axis=-1)
        if law.rises:
            tangent[self.flat, :, law.rises[0] :] = 0.0
        return tangent

    def gradient(self, estimand: Asked) -> Floats:
        """Return the derivatives of a target by coefficients and shapes, ``(G, P)``."""
        theta = np.where(np.isnan(self.theta), 1.0, self.theta)
        estimand = touching(estimand, self.law, self.coefficients, tuple(theta.T), self.frame)
        pull = list(estimand.terms(self.law, tuple(theta.T), self.frame, np).weights)
        for j in range(theta.shape[1]):
            moved = theta.astype(complex)
            moved[:, j] += 1j * _STEP
            with np.errstate(all="ignore"):
                terms = estimand.terms(self.law, tuple(moved.T), self.frame, np)
                target = terms.value(self.coefficients)
            pull.append(np.imag(target) / _STEP)
        return np.stack([np.broadcast_to(p, (len(self),)) for p in pull], axis=-1)
