"""What a reader should know of the draws of a Bayesian fit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ._format import number
from .draws import MAX_KHAT, MAX_RHAT, MIN_ENERGY, least_effective
from .estimate import Estimate
from .findings import Finding
from .results import unmoved

__all__ = ["draw_findings"]

#: Times that the scale of a run is larger, or smaller, a posteriori than the residuals have it.
_APART = 1.5


def draw_findings(estimate: Estimate) -> Iterator[Finding]:
    """Yield what the draws of a single curve, if it has any, make worth knowing."""
    draws = estimate.draws
    if draws is None:
        return
    seen = {name: float(draws.one(name)[0]) for name in (
        "rhat", "ess_bulk", "ess_tail", "divergences", "energy", "khat")}  # fmt: skip
    few = least_effective(draws.n_draws)
    failed = [
        f"{name} {seen[name]:.4g} ({wanted})"
        for name, bad, wanted in (
            ("rhat", seen["rhat"] > MAX_RHAT, f"at most {MAX_RHAT:g}"),
            ("ess_bulk", seen["ess_bulk"] < few, f"at least {few:g}"),
            ("ess_tail", seen["ess_tail"] < few, f"at least {few:g}"),
            ("divergences", seen["divergences"] > 0, "none"),
            ("energy", seen["energy"] < MIN_ENERGY, f"at least {MIN_ENERGY:g}"),
            ("khat", seen["khat"] > MAX_KHAT, f"at most {MAX_KHAT:g}"),
        )
        if bad
    ]
    if failed:
        yield Finding(
            "not_converged", "refuse", "the draws are no sample of the posterior: no number given",
            "; ".join(failed), "use more draws and tune steps, or method='least_squares'",
        )  # fmt: skip
    names = [shape.name for shape in estimate.law.shapes]
    same = [name for name, still in zip(names, unmoved(estimate), strict=False) if still]
    if same and not failed and np.isfinite(draws.n_draws):
        yield Finding(
            "prior_speaks", "note", "the data say little of the shape: the prior speaks",
            f"{', '.join(same)} scatter as widely as before the data",
            "read fit.posterior.sensitivity(), or add sizes",
        )  # fmt: skip
    if "noise" in draws.noise and not failed and estimate.run_scale[0] > 0:
        told = float(np.median(draws.noise["noise"][draws.row[0]]))
        residual = float(estimate.run_scale[0])
        if not 1 / _APART < told / residual < _APART:
            yield Finding(
                "prior_speaks", "note", "the data say little of the noise: the prior speaks",
                f"scale of one run {number(told)} after the data, {number(residual)} by the "
                "residuals",
                "if you know the noise, say so: sf.Bayes(priors={'noise': 'lognormal(log of it, "
                "1)'}); else run more seeds",
            )  # fmt: skip
