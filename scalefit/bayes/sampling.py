"""Chains: one compiled model for all curves of a kind, its diagnostics, and one more try."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..draws import ARRAYS, MAX_RHAT, Draws, least_effective
from ..errors import ScalefitWarning
from ..estimate import Estimate
from ..scatter import scatter_of
from .expected import to_coefficients
from .library import array_stats, pymc
from .models import ModelKey, Pool, build, data_of, key_of
from .priors import Priors, prior_sds

if TYPE_CHECKING:
    from .method import Bayes

__all__ = ["Chains", "chains_of", "draws_of", "joined", "sampled"]

Floats = NDArray[np.float64]

#: Where a check fails, chains are run once more with this acceptance, this many times as long.
_RETRY, _LONGER = 0.99, 3


@dataclass(frozen=True, slots=True)
class Chains:
    """Draws of every parameter, arrays ``(chains, draws, ...)``, with what the sampler saw."""

    values: dict[str, Floats]
    divergences: int
    energy: Floats
    engine: str


#: Compiled models of this process: data of any size can be put in.
_COMPILED: dict[ModelKey, Any] = {}


def _compiled(key: ModelKey, data: dict[str, Any]) -> Any:
    """Return the compiled model of a key with these data in it."""
    import nutpie

    if key not in _COMPILED:
        _COMPILED[key] = nutpie.compile_pymc_model(
            build(key, data), backend="numba", freeze_model=False
        )
    compiled = _COMPILED[key]
    # What a law or an error model does not use is no part of the compiled model.
    return compiled.with_data(**{k: v for k, v in data.items() if k in compiled.shared_data})


def chains_of(
    estimate: Estimate, priors: Priors, options: Bayes, engine: str, seed: int,
    pool: Pool | None = None,
) -> Chains:  # fmt: skip
    """Run the chains of one model, and once more if they fail a check."""
    law, sample = estimate.law, estimate.sample
    key = key_of(law, sample, priors, pool)
    data = data_of(sample, priors, law, pool)
    found = _run(key, data, options, engine, seed)
    if _passed(found, len(sample)):
        return found
    # Once more: smaller steps, and longer chains of which some draws are kept.
    longer = replace(
        options, target_accept=max(_RETRY, options.target_accept), tune=2 * options.tune,
        draws=_LONGER * options.draws,
    )  # fmt: skip
    again = _run(key, data, longer, engine, seed + 1)
    return replace(again, values={name: v[:, ::_LONGER] for name, v in again.values.items()})


def _passed(chains: Chains, n_curves: int) -> bool:
    rhat, bulk, tail = _diagnosed(chains, n_curves)
    draws = int(np.prod(chains.energy.shape))
    few = min(float(bulk.min()), float(tail.min())) < least_effective(draws)
    return not (chains.divergences or few or rhat.max() > MAX_RHAT)


def _run(key: ModelKey, data: dict[str, Any], options: Bayes, engine: str, seed: int) -> Chains:
    if engine == "nutpie":
        try:
            import nutpie
        except ImportError as error:
            warnings.warn(
                f"nutpie cannot be imported ({error}); PyMC's own sampler is used, which is slower",
                ScalefitWarning,
                stacklevel=2,
            )
            engine = "pymc"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if engine == "nutpie":
            pymc()
            trace = nutpie.sample(
                _compiled(key, data), draws=options.draws, tune=options.tune, chains=options.chains,
                cores=min(options.cores, options.chains), seed=seed, save_warmup=False,
                progress_bar=options.progress, target_accept=options.target_accept,
            )  # fmt: skip
        else:
            pm = pymc()
            with build(key, data):
                trace = pm.sample(
                    options.draws, tune=options.tune, chains=options.chains, cores=options.cores,
                    random_seed=seed, progressbar=options.progress,
                    target_accept=options.target_accept,
                    compute_convergence_checks=False, nuts_sampler="pymc", quiet=True,
                )  # fmt: skip
    posterior = trace["posterior"]
    stats = trace["sample_stats"]
    # Names that end in two underscores are the sampler's own coordinates.
    names = [str(name) for name in posterior.data_vars if not str(name).endswith("__")]
    values = {name: np.asarray(posterior[name]) for name in names}
    return Chains(
        values, int(np.asarray(stats["diverging"]).sum()), np.asarray(stats["energy"]), engine
    )


def sampled(estimate: Estimate, priors: Priors, options: Bayes, engine: str, seed: int) -> Draws:
    """Return the draws of every curve of an estimate, each by chains of its own.

    The model is compiled for the first curve only.
    """
    parts = []
    for g in range(len(estimate)):
        row = slice(g, g + 1)
        one, own = estimate.take(row), priors.take(row)
        found = chains_of(one, own, options, engine, seed + 7919 * g)
        parts.append(draws_of(one, own, found, options, "posterior"))
    return joined(parts)


def joined(parts: list[Draws]) -> Draws:
    """Return the draws of several sets of curves as one.

    A number of the noise that some curves cannot tell is 0 for these.
    """
    values: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in ARRAYS
    }
    fullest = max(parts, key=lambda part: len(part.noise))
    noise = {
        name: np.concatenate(
            [part.noise.get(name, np.zeros(part.theta.shape[:2])) for part in parts]
        )
        for name in fullest.noise
    }
    return replace(fullest, **values, noise=noise, row=np.arange(len(values["theta"])))


def draws_of(
    estimate: Estimate, priors: Priors, chains: Chains, options: Bayes, label: str,
    renamed: Mapping[str, str] | None = None,
) -> Draws:  # fmt: skip
    """Return the draws of chains as parameters of the law, with the diagnostics of each curve.

    What all curves share goes by its own name, or that in ``renamed``.
    """
    law, sample = estimate.law, estimate.sample
    n_curves, n_draws = len(estimate), options.draws * options.chains

    def flat(name: str) -> Floats:
        return np.moveaxis(chains.values[name], 2, 0).reshape(n_curves, -1)

    theta = [flat(f"shape_{j}") for j in range(len(law.shapes))]
    shapes = np.stack(theta, axis=-1) if theta else np.zeros((n_curves, n_draws, 0))
    names = ["top", *(f"gain_{j}" for j in range(law.n_columns - 1))]
    expected = np.stack([flat(name) for name in names], axis=-1)
    scatter = scatter_of(sample)
    noise = {name: flat(name) for name in scatter.parameters}
    if scatter.varies:
        noise["noise_slope"] = noise["noise_slope"] * (sample.variance_df > 0)[:, None]
    rhat, bulk, tail = _diagnosed(chains, n_curves)
    none = np.full(n_curves, np.nan)
    return Draws(
        shapes, to_coefficients(law, shapes, expected, sample.frame), noise,
        prior_sds(priors, n_curves), none, none, rhat, bulk, tail,
        np.full(n_curves, float(chains.divergences)), np.full(n_curves, _energy(chains)),
        np.arange(n_curves), options.chains, label,
        np.full(n_curves, chains.engine), scatter,
        {(renamed or {}).get(k, k): v.ravel() for k, v in chains.values.items() if v.ndim == 2},
    )  # fmt: skip


def _energy(chains: Chains) -> float:
    return float(np.min(array_stats().bfmi(chains.energy)))


def _diagnosed(chains: Chains, n_curves: int) -> tuple[Floats, Floats, Floats]:
    """Return the worst R-hat, bulk and tail effective draws of each curve's parameters.

    Parameters that all curves share count for each of them.
    """
    stats = array_stats()
    worst = np.array([[0.0, np.inf, np.inf]] * n_curves)
    for name, values in chains.values.items():
        if values.ndim == 2:
            columns = [(values, slice(None))]
        elif name.startswith(("effect_", "cluster_effect")):
            continue
        else:
            columns = [(values[:, :, k], slice(k, k + 1)) for k in range(values.shape[2])]
        for draws, rows in columns:
            if np.ptp(draws) == 0:
                continue
            worst[rows, 0] = np.maximum(worst[rows, 0], float(stats.rhat(draws)))
            bulk = float(stats.ess(draws, method="bulk"))
            tail = float(stats.ess(draws, method="tail", prob=(0.05, 0.95)))
            worst[rows, 1] = np.minimum(worst[rows, 1], bulk)
            worst[rows, 2] = np.minimum(worst[rows, 2], tail)
    return worst[:, 0], worst[:, 1], worst[:, 2]
