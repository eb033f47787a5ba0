"""What a plan takes for true: curves, with the scatter of runs about them.

A truth is drawn from what a fit leaves open, or stated by hand. Where the fit has posterior draws
they are the truths. Elsewhere the uncertainty is drawn by simulation: the variance of a run from
its scaled inverse chi-squared distribution, its change with size from its normal posterior, and the
curve by fitting the law again to a table with these errors about the fitted curve. For a law that
is linear this is the posterior under a flat prior of the coefficients and of the log of the scale
(Box & Tiao 1973, section 2.7).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ._format import counted
from .curves import Curves
from .errors import FitError
from .estimate import Estimate, estimate
from .kernel import Kernel
from .metrics import Metric
from .noise import Gaussian, Noise
from .noise.residual import StudentKernel
from .sample import of_runs
from .selection import MIN_SIZES

__all__ = ["Truths", "drawn_truths", "fitted_truths", "need_independent_runs"]

Floats = NDArray[np.float64]

#: Error models whose runs can be drawn; the others are objectives, or tie runs together.
_DRAWN = ("gaussian", "student", "lognormal", "beta")


@dataclass(frozen=True, slots=True)
class Truths:
    """N curves of one law that may be true, one a simulated table.

    Parameters
    ----------
    curves : Curves
        The mean scores.
    scale : array (N,)
        Scale of one run at the centre of the sizes, where errors are symmetric.
    slope : array (N,)
        Change of the log variance of one run per e-fold of the driver. Beyond the sizes that the
        curves were fitted to, the scale is held.
    kernel : Kernel or None
        How runs scatter; None where errors are normal.
    label : str
        Where the truths come from, in words.
    """

    curves: Curves
    scale: Floats
    slope: Floats
    kernel: Kernel | None
    label: str

    def __len__(self) -> int:
        return len(self.scale)

    def place(self, x: Floats) -> Floats:
        """Return log sizes ``(N, K)`` of sizes ``(K,)``."""
        z: Floats = np.log(x / self.curves.frame.x0[:, None])
        return z

    def mean(self, x: Floats) -> Floats:
        """Return the mean score at sizes ``(K,)``, shape ``(N, K)``."""
        return self.curves.mean(self.place(x))

    def scale_at(self, x: Floats) -> Floats:
        """Return the scale of one run at sizes ``(K,)``, shape ``(N, K)``."""
        frame = self.curves.frame
        z = np.clip(self.place(x), frame.z_min[:, None], frame.z_max[:, None])
        found: Floats = self.scale[:, None] * np.exp(0.5 * self.slope[:, None] * z)
        return found

    def deviation(self, x: Floats) -> Floats:
        """Return the standard deviation of one run in units of the score, ``(N, K)``.

        On the log scale, and for errors with long tails, that of the normal errors they are like.
        """
        mean, scale = self.mean(x), self.scale_at(x)
        if self.kernel is None:
            return scale
        return np.abs(mean) * scale if self._logs else self.kernel.deviation(mean, scale)

    def runs(self, x: Floats, probability: Floats) -> Floats:
        """Return the scores of runs at sizes ``(K,)`` that are exceeded with 1 - ``probability``.

        Parameters
        ----------
        x : array (K,)
        probability : array (N, K)
            Between 0 and 1; uniform random numbers give random runs.
        """
        mean, scale = self.mean(x), self.scale_at(x)
        if self.kernel is None:
            return mean + scale * ndtri(probability)
        kernel = self.kernel.take(np.repeat(np.arange(len(self)), len(x)))
        level = np.abs(2.0 * probability - 1.0).ravel()
        known = np.full(level.size, np.inf)
        below, above = kernel.arms(level, known, mean.ravel(), scale.ravel())
        step = np.where(probability < 0.5, -below.reshape(mean.shape), above.reshape(mean.shape))
        found: Floats = mean * np.exp(step) if self._logs else mean + step
        return found

    @property
    def _logs(self) -> bool:
        return self.kernel is not None and self.kernel.link == "log"


def need_independent_runs(noise: Noise) -> None:
    """Raise FitError, saying what to do, where an error model's runs cannot be drawn."""
    crossed = isinstance(noise, Gaussian) and noise.seeds == "crossed"
    if noise.name not in _DRAWN or crossed:
        named = f"{noise.name!r} with crossed seeds" if crossed else repr(noise.name)
        raise FitError(
            f"a plan draws runs that are independent of each other, and noise={named} has none; "
            f"fit with noise={' or '.join(map(repr, _DRAWN))}"
        )


def fitted_truths(fitted: Estimate) -> Truths:
    """Return the fitted curves themselves, with the scatter of the runs about them."""
    return Truths(
        fitted.curves, fitted.run_scale, fitted.sample.variance_slope, fitted.sample.kernel,
        f"the fit of {fitted.law.name}",
    )  # fmt: skip


def drawn_truths(
    fitted: Estimate, noise: Noise, metric: Metric, n: int, rng: np.random.Generator
) -> Truths:
    """Return ``n`` truths drawn from what the fit of a single curve leaves open.

    Parameters
    ----------
    fitted : Estimate
        One law fitted to one curve.
    noise : Noise
        Its error model.
    metric : Metric
        Of its scores.
    n : int
        How many.
    rng : Generator

    Raises
    ------
    FitError
        The law has no fit to draw from, or its draws failed a check.
    """
    law = fitted.law
    if not fitted.applicable[0] or fitted.sample.n_sizes[0] < MIN_SIZES:
        raise FitError(
            f"{law.name} has too few sizes or runs here to draw truths from its fit; state what "
            "you expect by sf.Hypothesis"
        )
    if fitted.draws is not None:
        return _of_draws(fitted, n, rng)
    if not fitted.run_scale[0] > 0:
        raise FitError("the runs do not scatter about the curve: nothing tells how new ones would")
    many = fitted.take(np.zeros(n, dtype=np.intp))
    df = np.maximum(many.residual_df, 1.0)
    error = many.sample.variance_slope_error
    about = fitted_truths(many)
    about = replace(
        about,
        scale=about.scale * np.sqrt(df / rng.chisquare(df)),
        slope=about.slope + error * rng.standard_normal(n),
    )
    x = np.repeat(fitted.sample.x[0], fitted.sample.count[0].astype(int))
    y = np.clip(about.runs(x, rng.random((n, x.size))), metric.lower, metric.upper)
    group = np.repeat(np.arange(n), x.size)
    again = estimate(law, noise.weigh(of_runs(np.tile(x, n), y.ravel(), group, [metric] * n)))
    label = f"{counted(n, 'curve')} refitted to tables drawn from the fit, given {law.name}"
    return Truths(again.curves, about.scale, about.slope, about.kernel, label)


def _of_draws(fitted: Estimate, n: int, rng: np.random.Generator) -> Truths:
    draws, law = fitted.draws, fitted.law
    assert draws is not None
    if not draws.trusted[0]:
        raise FitError(
            "the posterior draws failed a check, and are no truths to plan by; see "
            "fit.posterior.convergence"
        )
    scatter = draws.scatter
    if scatter.density == "beta" or scatter.given or scatter.alike:
        raise FitError(
            "posterior draws are truths to plan by where runs scatter independently, with normal, "
            "log-normal or t errors; plan from a fit by least squares"
        )
    picked = rng.choice(draws.n_draws, n, replace=n > draws.n_draws)
    many = fitted.take(np.zeros(n, dtype=np.intp))
    noise = {name: values[picked, 0] for name, values in draws.noise_of(0).items()}
    kernel = many.sample.kernel
    if kernel is not None and "df" in noise:
        kernel = StudentKernel(kernel.link, noise["df"], False)
    return Truths(
        Curves(
            law, many.sample.frame, draws.one("theta")[0, picked],
            draws.one("coefficients")[0, picked],
        ),
        noise["noise"], noise.get("noise_slope", np.zeros(n)), kernel,
        f"{counted(n, 'draw')} of the {draws.label}, given {law.name}",
    )  # fmt: skip
