"""What is left of curves with normal errors once their expected values are integrated out.

Given the shapes and the covariance of the rows, a law is linear in its expected values, whose
priors are normal: they integrate out in closed form, and the scale of a run is left with a density
in one dimension, which a sum over even steps integrates to all digits that count.

With ``r`` the rows' residuals at the generalised least-squares values, columns ``X`` in units of
the prior's standard deviations, ``A = X' V^-1 X`` with eigenvalues ``lambda_j``, and ``q_j`` the
distance of these values from the prior mean along its eigenvectors, the log density at the scale s
is, but for its prior and ``log|V|``,

    -n log s - 1/2 sum_j log(1 + lambda_j / s^2) - (r' V^-1 r + within) / 2 s^2
    - 1/2 sum_j q_j^2 lambda_j / (lambda_j + s^2):

a sum of squares, which loses no digits to cancellation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..estimate import Estimate
from ..laws import Law
from ..sample import Sample
from ..scatter import scatter_of
from .expected import at_sizes, inverse, values_of
from .grid import Warp, bent
from .normal import Normal, Number, normal_rows, numbers_of
from .priors import Priors

__all__ = ["Linear", "Target", "target_of"]

Floats = NDArray[np.float64]
Noise = Mapping[str, Floats]

#: Step of a rough sum over the log scale, in its standard deviations.
_ROUGH = 1.5
#: Distance, in steps, at which the bend of a density within a step is measured.
_NEAR = 0.35
#: Where the sum begins and ends, in standard deviations about the mode; scales have a long tail.
_BELOW, _ABOVE = 4.5, 7.5


class Linear(NamedTuple):
    """What is left of curves once their linear part is solved, at M places.

    ``misfit`` is ``r' V^-1 r + within`` and ``root`` the place's part of the log density,
    ``(G, M)``; ``values`` (of A) and ``pull`` (q) are ``(G, p, M)``, ``turn`` holds the
    eigenvectors ``(G, p, p, M)``. ``theta`` ``(G, q, M)`` are the shapes, and coefficients are
    ``back (expected - offset)``. ``ratio`` is a number relative to the scale, if there is one.
    """

    misfit: Floats
    root: Floats
    values: Floats
    pull: Floats
    turn: Floats
    theta: Floats
    back: Floats
    offset: Floats
    ratio: Floats | None


@dataclass(frozen=True, slots=True)
class Target:
    """Prior times likelihood of G curves, their linear part integrated out.

    Places ``(G, d, M)`` are search coordinates of the shapes, then of the numbers of the error
    model; the second of two shapes may follow the first (``warp``).
    """

    law: Law
    sample: Sample
    priors: Priors
    rows: Normal
    numbers: tuple[Number, ...]
    score: Floats
    warp: Warp | None = None

    def take(self, rows: Any) -> Target:
        """Return the target of some of the curves."""
        warp = None if self.warp is None else self.warp.take(rows)
        return Target(
            self.law, self.sample.take(rows), self.priors.take(rows), self.rows.take(rows),
            tuple(number.take(rows) for number in self.numbers), self.score[rows],
            warp,
        )  # fmt: skip

    @property
    def scaled(self) -> bool:
        """Whether the scale of a run is free."""
        return "noise" in self.priors.noise

    def shape_coordinates(self, places: Floats) -> tuple[Floats, Any]:
        """Return search coordinates of the shapes, ``(G, q, M)``, and the log of their volume."""
        w = places[:, : len(self.law.shapes)]
        if self.warp is None:
            return w, 0.0
        second, log_slope = self.warp.at(w[:, 0], w[:, 1])
        return np.stack([w[:, 0], second], axis=1), log_slope

    def _shapes(self, u: Floats) -> tuple[Floats, Floats]:
        """Return shapes at search coordinates ``(G, q, M)``, and the log of their prior density.

        They are held within their range; outside of it there is none.
        """
        found, total = np.empty_like(u), np.zeros((u.shape[0], u.shape[2]))
        for j, (shape, prior) in enumerate(zip(self.law.shapes, self.priors.shapes, strict=True)):
            low, high = (_wide(np.asarray(end, dtype=float)) for end in (prior.lower, prior.upper))
            theta = shape.coordinate.to_theta(u[:, j])
            # Rounding of the coordinate must not push a bound out of its own range.
            slip = 1e-9 * (high - low)
            outside = (theta < low - slip) | (theta > high + slip)
            found[:, j] = np.clip(theta, low, high)
            one = prior.log_density(found[:, j]) + np.log(shape.coordinate.slope(u[:, j]))
            total = total + np.where(outside, -np.inf, one)
        return found, total

    def _prior_of_numbers(self, places: Floats) -> Floats:
        """Return the log prior density of the numbers, but for those relative to the scale."""
        total = np.zeros((places.shape[0], places.shape[2]))
        for number, w in self._along(places):
            total = total + number.log_slope(w)
            if not number.ratio:
                total = total + self.priors.noise[number.name].log_density(number.value(w))
        return total

    def _along(self, places: Floats) -> list[tuple[Number, Floats]]:
        q = len(self.law.shapes)
        return [(number, places[:, q + k]) for k, number in enumerate(self.numbers)]

    def numbers_at(self, places: Floats) -> dict[str, Floats]:
        """Return the numbers of the error model at places, ``(G, M)`` each."""
        return {number.name: number.value(w) for number, w in self._along(places)}

    def linear(self, places: Floats) -> Linear:
        """Solve the linear part at places ``(G, d, M)``."""
        u, log_volume = self.shape_coordinates(places)
        theta, log_prior = self._shapes(u)
        log_prior = log_prior + self._prior_of_numbers(places)
        matrix, offset = values_of(self.law, theta, self.sample.frame)
        back = inverse(matrix)
        numbers = self.numbers_at(places)
        *columns, gap = self._vectors(theta, back, offset)
        products, within, log_root = self.rows.products([*columns, gap], numbers)
        n_curves, p, n_places = offset.shape
        gram, along = np.empty((n_curves, p, p, n_places)), np.empty((n_curves, p, n_places))
        for i in range(p):
            along[:, i] = products[p][i]
            for j in range(i + 1):
                gram[:, i, j] = gram[:, j, i] = products[i][j]
        values, turn = spectrum(gram)
        known = values > 1e-13 * values.max(axis=1, keepdims=True)
        along = _turned(turn, along)
        pull = np.where(known, along, 0.0) / np.where(known, values, 1.0)
        step = _times(turn, pull)
        for i, column in enumerate(columns):
            gap = gap - column * step[:, i, None, :]
        rest, _, _ = self.rows.products([gap], numbers)
        ratios = [numbers[number.name] for number in self.numbers if number.ratio]
        return Linear(
            np.maximum(rest[0][0] + within, 1e-300), log_root + log_volume + log_prior,
            np.where(known, values, 0.0), pull, turn, theta, back, offset,
            ratios[0] if ratios else None,
        )  # fmt: skip

    def _vectors(self, theta: Floats, back: Floats, offset: Floats) -> list[Floats]:
        """Return columns in units of the prior, and residuals about its mean; ``(G, N, M)``."""
        law, sample, size = self.law, self.sample, self.rows.size
        frame = sample.frame.expand(2)
        plain = np.all(size == np.arange(size.shape[1]))  # a row a size
        z = (sample.z[:, : size.shape[1]] if plain else sample.z)[:, :, None]
        shapes = tuple(np.moveaxis(theta, 1, 0)[:, :, None, :])
        columns = law.columns(z, shapes, frame, np)
        centre, spread = self.linear_prior()
        base = np.zeros((len(size), z.shape[1], theta.shape[2]))
        base += law.offset(z, shapes, frame, np)
        vectors = []
        for i in range(law.n_columns):
            column = np.zeros_like(base)
            for k, other in enumerate(columns):
                column += other * back[:, k, i, None, :]
            base += column * (centre[:, i, None] - offset[:, i])[:, None, :]
            vectors.append(column * spread[:, i, None, None])
        if plain:
            return [*vectors, self.score[:, :, None] - base]
        rows = [np.take_along_axis(v, size[:, :, None], axis=1) for v in (*vectors, base)]
        return [*rows[:-1], self.score[:, :, None] - rows[-1]]

    def linear_prior(self) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of the expected values in benefit, ``(G, p)``."""
        sign, priors = self.sample.frame.sign, self.priors
        more = self.law.n_columns - 1
        means = [sign * priors.top.location, *[priors.gain.location] * more]
        spreads = [priors.top.scale, *[priors.gain.scale] * more]
        return np.stack(means, axis=-1), np.stack(spreads, axis=-1)

    def log_density(self, linear: Linear, log_scale: Floats) -> Floats:
        """Return the log density at places and log scales ``(G, M)``."""
        return next(self._densities(linear, log_scale, np.zeros_like(log_scale), 1))

    def log_likelihood(self, theta: Floats, coefficients: Floats, noise: Noise) -> Floats:
        """Return the log density of the rows given everything, ``(G, S)``.

        For shapes ``(G, S, q)``, coefficients ``(G, S, p)`` and numbers ``(G, S)``.
        """
        columns, offset = at_sizes(self.law, self.sample.z, theta, self.sample.frame)
        mean = offset + np.einsum("gskp,gsp->gsk", columns, coefficients)
        mean = np.take_along_axis(np.swapaxes(mean, 1, 2), self.rows.size[:, :, None], axis=1)
        numbers = {n.name: noise[n.name] for n in self.numbers}
        products, within, log_root = self.rows.products([self.score[:, :, None] - mean], numbers)
        variance = noise["noise"] ** 2
        found: Floats = log_root - 0.5 * (products[0][0] + within) / variance
        return np.asarray(found - 0.5 * _wide(self.rows.n) * np.log(2.0 * np.pi * variance))

    def _densities(
        self, linear: Linear, first: Floats, step: Floats, count: int
    ) -> Iterator[Floats]:
        """Yield the log density at ``count`` log scales, even steps from the first; all (G, M)."""
        p = linear.values.shape[1]
        n = _wide(self.rows.n)
        variance, factor = np.exp(2.0 * first), np.exp(2.0 * step)
        terms = [
            (linear.values[:, j], linear.pull[:, j] ** 2 * linear.values[:, j]) for j in range(p)
        ]
        constant = linear.root - 0.5 * n * np.log(2.0 * np.pi)
        if self.scaled:
            noise = self.priors.noise["noise"]
            location, precision = _wide(noise.location), _wide(noise.scale) ** -2.0
            constant = constant + 0.5 * np.log(precision / (2.0 * np.pi))
        log_scale = first
        for _ in range(count):
            growth, total = np.ones_like(first), linear.misfit / variance
            for value, square in terms:
                below = value + variance
                growth = growth * below
                total = total + square / below
            found = constant + (p - n) * log_scale - 0.5 * (total + np.log(growth))
            if self.scaled:
                found -= 0.5 * precision * (log_scale - location) ** 2
            if linear.ratio is not None:
                found += self._prior_of_ratio(linear.ratio, log_scale)
            yield found
            variance, log_scale = variance * factor, log_scale + step

    def _prior_of_ratio(self, ratio: Floats, log_scale: Floats) -> Floats:
        """Return the log prior density of a number that is a ratio to the scale."""
        name = next(number.name for number in self.numbers if number.ratio)
        found: Floats = self.priors.noise[name].log_density(ratio * np.exp(log_scale)) + log_scale
        return found

    def _steps(self, linear: Linear) -> tuple[Floats, Floats]:
        """Return where about the log scale is most likely, and its standard deviation there."""
        noise = self.priors.noise["noise"]
        location = _wide(noise.location)
        precision = 1.0 / _wide(noise.scale) ** 2
        tiny = 1e-30 * self.sample.magnitude[:, None] ** 2 + 1e-280
        misfit = np.maximum(linear.misfit, tiny)
        df = np.maximum(_wide(self.rows.n) - (linear.values > 0).sum(axis=1), 1.0)
        w = 0.5 * np.log(misfit / df)
        w = w + (location - w) * precision / (precision + 2.0 * df)
        for _ in range(40):
            pull = misfit * np.exp(-2.0 * w)
            bend = 2.0 * pull + precision
            move = (pull - df - (w - location) * precision) / bend
            w = w + np.clip(move, -1.0, 1.0)
            if np.all(move * move * bend < 0.1):
                break
        return w, 1.0 / np.sqrt(bend)

    def over_scales(self, linear: Linear, step: float) -> tuple[Floats, Floats, Floats]:
        """Return the log density at even log scales ``(S, G, M)``, the first of these, and steps.

        The sum over them, times the step, is the integral: for a density that is smooth on the
        whole line the error falls exponentially with the step (Trefethen & Weideman 2014,
        doi:10.1137/130932132).
        """
        centre, sd = self._steps(linear)
        count = int(np.ceil((_BELOW + _ABOVE) / step)) + 1
        first = centre - _BELOW * sd
        found = np.empty((count, *centre.shape))
        for k, log_p in enumerate(self._densities(linear, first, step * sd, count)):
            found[k] = log_p
        return found, first, step * sd

    def marginal(self, places: Floats, step: float = 0.8) -> Floats:
        """Return the log density of places, the scale of a run integrated out; ``(G, M)``.

        ``step`` is that of the sum over log scales, in their standard deviations.
        """
        linear = self.linear(places)
        if not self.scaled:
            return self.log_density(linear, np.zeros(linear.misfit.shape))
        log_p, _, width = self.over_scales(linear, step)
        top = log_p.max(axis=0)
        safe = np.where(np.isfinite(top), top, 0.0)
        with np.errstate(divide="ignore"):  # an impossible place
            found: Floats = safe + np.log(np.exp(log_p - safe).sum(axis=0)) + np.log(width)
        return found

    def rough(self, places: Floats) -> Floats:
        """Return the same to two digits, in half the time."""
        return self.marginal(places, _ROUGH)

    def scales(self, linear: Linear, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """Draw a log scale at each place; and return its log density, given and with the place."""
        if not self.scaled:
            nothing = np.zeros(linear.misfit.shape)
            return nothing, nothing, self.log_density(linear, nothing)
        log_f, first, step = self.over_scales(linear, _ROUGH)
        count, draws = len(log_f), first.shape[1]
        top = log_f.max(axis=0)
        share = np.exp(log_f - top)
        # The mass of a cell to second order, which is what counts where the density is steep.
        share[1:-1] += (share[:-2] - 2.0 * share[1:-1] + share[2:]) / 24.0
        total = np.cumsum(share, axis=0)
        goal = rng.random((draws,)) * total[-1]
        cell = np.minimum((total < goal).sum(axis=0), count - 1)[None]
        w = first + cell[0] * step
        mid, mass = (np.take_along_axis(v, cell, axis=0)[0] for v in (log_f, share))
        low, high = (self.log_density(linear, w + side * step) for side in (-_NEAR, _NEAR))
        x, log_inside = bent(
            0.5 * (high - low) / _NEAR, (low - 2.0 * mid + high) / _NEAR**2, rng.random((draws,))
        )
        w = w + (x - 0.5) * step
        log_q = np.log(mass / total[-1]) + log_inside - np.log(step)
        return w, log_q, self.log_density(linear, w)

    def modes(self, linear: Linear) -> Floats:
        """Return the likeliest log scale of each place, ``(G, M)``, nearly."""
        return self._steps(linear)[0]

    def at_their_best(self, linear: Linear, log_scale: Floats) -> tuple[Floats, Floats]:
        """Return shapes ``(G, M, q)`` and coefficients ``(G, M, p)`` at the expected values' mean.

        Given the places and log scales.
        """
        white = linear.pull * linear.values / (linear.values + np.exp(2.0 * log_scale)[:, None])
        theta, coefficients = linear.theta, self._coefficients(linear, white)
        return np.swapaxes(theta, 1, 2), np.swapaxes(coefficients, 1, 2)

    def _coefficients(self, linear: Linear, white: Floats) -> Floats:
        centre, spread = self.linear_prior()
        expected = centre[:, :, None] + spread[:, :, None] * _times(linear.turn, white)
        return _times(linear.back, expected - linear.offset)

    def answers(
        self, places: Floats, linear: Linear, log_scale: Floats, rng: np.random.Generator
    ) -> tuple[Floats, Floats, dict[str, Floats]]:
        """Return shapes ``(G, q, S)``, coefficients ``(G, p, S)`` and noise ``(G, S)`` of draws.

        The expected values are drawn from their normal distribution given all else.
        """
        variance = np.exp(2.0 * log_scale)[:, None, :]
        below = linear.values + variance
        # One stream for all curves.
        random = rng.standard_normal(below.shape[1:])
        white = linear.pull * linear.values / below + np.sqrt(variance / below) * random
        scale = np.exp(log_scale)
        noise = {"noise": scale} if self.scaled else {}
        for number, w in self._along(places):
            value = number.value(w)
            noise[number.name] = value * scale if number.ratio else value
        return linear.theta, self._coefficients(linear, white), noise


def target_of(estimate: Estimate, priors: Priors) -> Target:
    """Return the target of an estimate's curves."""
    law, sample = estimate.law, estimate.sample
    scatter = scatter_of(sample)
    rows, score = normal_rows(sample, scatter, scatter.rows(sample))
    return Target(law, sample, priors, rows, numbers_of(sample, rows, priors), score)


def spectrum(matrix: Floats) -> tuple[Floats, Floats]:
    """Return eigenvalues ``(G, p, M)`` and vectors of symmetric matrices ``(G, p, p, M)``."""
    p = matrix.shape[1]
    if p == 1:
        return matrix[:, 0], np.ones_like(matrix)
    if p > 2:
        values, vectors = np.linalg.eigh(np.moveaxis(matrix, 3, 1))
        return np.moveaxis(np.maximum(values, 0.0), 1, 2), np.moveaxis(vectors, 1, 3)
    a, b, c = matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 1]
    half = 0.5 * (a - c)
    root = np.sqrt(half * half + b * b)
    large = 0.5 * (a + c) + root
    small = np.maximum(a * c - b * b, 0.0) / np.where(large > 0, large, 1.0)
    # The half angle, without trigonometry: cos(2 t) = half / root.
    cosine = np.sqrt(0.5 + 0.5 * np.abs(half) / np.where(root > 0, root, 1.0))
    sine = np.where(root > 0, 0.5 * b / np.where(root > 0, root * cosine, 1.0), 0.0)
    first = half >= 0
    cos = np.where(first, cosine, np.abs(sine))
    sin = np.where(first, sine, np.copysign(cosine, b))
    turn = np.empty_like(matrix)
    turn[:, 0, 0], turn[:, 0, 1] = cos, -sin
    turn[:, 1, 0], turn[:, 1, 1] = sin, cos
    return np.stack([large, small], axis=1), turn


def _times(matrix: Floats, vector: Floats) -> Floats:
    """Return the products of matrices ``(G, p, p, M)`` and vectors ``(G, p, M)``."""
    found: Floats = (matrix * vector[:, None]).sum(axis=2)
    return found


def _turned(turn: Floats, vector: Floats) -> Floats:
    """Return vectors ``(G, p, M)`` along the eigenvectors."""
    found: Floats = (turn * vector[:, :, None]).sum(axis=1)
    return found


def _wide(value: Any) -> Any:
    return np.reshape(value, (*np.shape(value), 1)) if np.ndim(value) else value
