"""The PyMC model of one curve, or of several that are pooled, with the law's own formula.

Expected-value form: score at the largest size and observed gain have the priors, and the mean is
``Law.columns`` evaluated by PyTensor. All that differs from curve to curve is data, so that a model
is compiled once and used for any table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FitError
from ..estimate import Estimate
from ..laws import Frame, Law
from ..rows import Rows, runs
from ..sample import Sample
from ..scatter import Scatter, scatter_of, unmodelled
from .expected import corners, n_gains
from .library import pymc
from .priors import Prior, Priors

__all__ = [
    "POOL_SPREAD",
    "ModelKey",
    "Pool",
    "build",
    "data_of",
    "has_model",
    "key_of",
    "refuse_unknown",
]

Array = Any
Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Pool:
    """How the exponents of G curves are pooled, and which runs belong to one trained model.

    Parameters
    ----------
    factors : tuple of arrays (G,) of int
        Level of each curve in each crossed factor, such as its task and its model.
    own : bool
        Whether every curve also has a deviation of its own.
    cluster : array (n,) of int or None
        Trained model of each run, in the order of :func:`data_of`; None if every run has its own.
    """

    factors: tuple[Ints, ...]
    own: bool = True
    cluster: Ints | None = None


@dataclass(frozen=True, slots=True)
class ModelKey:
    """What a compiled model depends on; everything else is data.

    Parameters
    ----------
    law : Law
    signs, limits : tuples of G numbers
        None for an unknown limit.
    shapes : tuple of Prior
        Families of the shapes' priors, and which of their ends are finite.
    scatter : Scatter
    noise : tuple of Prior
        The same of the priors of the scatter's numbers.
    levels : tuple of int
        Levels of each pooling factor.
    pooled, own : bool
    clusters : int
        Trained models with a common term; 0 if there is none.
    """

    law: Law
    signs: tuple[float, ...]
    limits: tuple[float | None, ...]
    shapes: tuple[Prior, ...]
    scatter: Scatter
    noise: tuple[Prior, ...]
    levels: tuple[int, ...] = ()
    pooled: bool = False
    own: bool = False
    clusters: int = 0


def key_of(law: Law, sample: Sample, priors: Priors, pool: Pool | None = None) -> ModelKey:
    """Return what the model of these curves depends on."""
    return ModelKey(
        law,
        tuple(float(s) for s in sample.frame.sign),
        tuple(None if np.isnan(v) else float(v) for v in sample.frame.limit),
        tuple(_family(prior) for prior in priors.shapes),
        scatter_of(sample),
        tuple(_family(prior) for prior in priors.noise.values()),
        () if pool is None else tuple(int(f.max()) + 1 for f in pool.factors),
        pool is not None,
        pool is not None and pool.own,
        int(pool.cluster.max()) + 1 if pool is not None and pool.cluster is not None else 0,
    )


def _family(prior: Prior) -> Prior:
    finite = [bool(np.isfinite(end).all()) for end in (prior.lower, prior.upper)]
    return Prior(
        prior.family, df=prior.df, lower=0.0 if finite[0] else -np.inf,
        upper=1.0 if finite[1] else np.inf,
    )  # fmt: skip


#: Numbers of a prior.
_OF_PRIORS = ("location", "scale", "lower", "upper")
#: What the density of a row is made of, beside its mean; and what else has a value a row.
_OF_EACH_ROW = ("z", "curve", "cluster")
_OF_ROWS = ("y", "place", "count", "spread", "error", "before", "step", "follows", "seed")


def data_of(sample: Sample, priors: Priors, law: Law, pool: Pool | None = None) -> dict[str, Any]:
    """Return the data of a model: rows, corners, and the numbers of the priors."""
    clustered = pool is not None and pool.cluster is not None
    rows = runs(sample) if clustered else scatter_of(sample).rows(sample)
    ones = np.ones(len(sample))

    def numbers(name: str, prior: Prior) -> dict[str, Floats]:
        return {
            f"{name}_{part}": np.asarray(getattr(prior, part), dtype=float) * ones
            for part in _OF_PRIORS
        }

    found = {
        **{name: getattr(rows, name) for name in _OF_ROWS},
        "z": sample.z[rows.curve, rows.size],
        "curve": rows.curve.astype(np.int64),
        "free_slope": (sample.variance_df > 0).astype(float),
        **numbers("top", replace(priors.top, location=sample.frame.sign * priors.top.location)),
        **numbers("gain", priors.gain),
    }
    corner = corners(sample.frame, n_gains(law))
    found |= {f"corner_{i}": np.ascontiguousarray(corner[:, i]) for i in range(law.n_columns)}
    for j, prior in enumerate(priors.shapes):
        found |= numbers(f"shape_{j}", prior)
    for name, prior in priors.noise.items():
        found |= numbers(name, prior)
    if pool is not None:
        found |= {f"level_{f}": level.astype(np.int64) for f, level in enumerate(pool.factors)}
        if pool.cluster is not None:
            found["cluster"] = pool.cluster.astype(np.int64)
    return found


def build(key: ModelKey, data: dict[str, Any]) -> Any:
    """Return the PyMC model of a key, with these data in it.

    Free parameters, in benefit ("higher is better") and per curve: ``top``, ``gain`` (one a
    driver), ``shape_j``, and the scatter's numbers by their names; pooled exponents are
    ``shape_0``, about ``mean`` with the spreads ``spread_f`` of the factors and ``spread_own``.
    """
    pm = pymc()
    import pytensor.tensor as pt

    law, n_curves = key.law, len(key.signs)
    sign = np.array(key.signs)
    limit = np.array([np.nan if v is None else v for v in key.limits])
    # A parameter out of its range is impossible by its prior; nothing else need be checked.
    with pm.Model(check_bounds=False) as model:
        held = {name: _data(pm, name, value) for name, value in data.items()}
        curve = held["curve"]
        top = pm.Normal("top", held["top_location"], held["top_scale"], shape=n_curves)
        gains = [
            pm.Normal(f"gain_{j}", held["gain_location"], held["gain_scale"], shape=n_curves)
            for j in range(n_gains(law))
        ]
        shapes = [
            _pooled_shape(pm, pt, key, held)
            if key.pooled and j == 0
            else _free(pm, pt, f"shape_{j}", prior, held, n_curves)
            for j, prior in enumerate(key.shapes)
        ]
        noise = {
            name: _free(pm, pt, name, prior, held, n_curves)
            for name, prior in zip(key.scatter.parameters, key.noise, strict=True)
        }
        if "noise_slope" in noise and n_curves > 1:
            noise["noise_slope"] = noise["noise_slope"] * held["free_slope"]
        mean = _mean(pt, key, held, top, gains, shapes, sign, limit)
        if key.clusters:
            kappa = pm.HalfNormal("cluster_spread", held["top_scale"].mean() * 0.04)
            mean = (
                mean
                + kappa * pm.Normal("cluster_effect", 0.0, 1.0, shape=key.clusters)[held["cluster"]]
            )
        side = sign[0] if np.ptp(sign) == 0 else pt.as_tensor_variable(sign)[curve]
        rows = Rows(curve=curve, size=curve, **{name: held[name] for name in _OF_ROWS})
        each = {name: _of_each_row(value, n_curves, curve) for name, value in noise.items()}
        pm.Potential("likelihood", key.scatter.log_density(rows, side * mean, each, pt).sum())
    return model


def _of_each_row(value: Any, n_curves: int, curve: Any) -> Any:
    """Return the value of each row's curve; that of a single curve stands for all its rows."""
    return value if n_curves == 1 else value[curve]


def _data(pm: Any, name: str, value: Any) -> Any:
    """Return data of a model: as many rows as there will be, or one number a curve."""
    if name in _OF_ROWS or name in _OF_EACH_ROW:
        return pm.Data(name, value)
    return pm.Data(name, value, shape=np.shape(value))


def _free(pm: Any, pt: Any, name: str, prior: Prior, held: dict[str, Any], n_curves: int) -> Any:
    """Return a parameter with a prior that may be cut to a range."""
    location, scale, lower, upper = (held[f"{name}_{part}"] for part in _OF_PRIORS)
    if prior.family == "lognormal" and prior.lower <= 0 and np.isinf(prior.upper):
        return pm.Deterministic(
            name, pt.exp(pm.Normal(f"log_{name}", location, scale, shape=n_curves))
        )
    if np.isfinite(prior.upper):
        value = pm.Uniform(name, lower, upper, shape=n_curves)
    elif np.isfinite(prior.lower):
        above = pm.HalfFlat(f"{name}_above", shape=n_curves)
        value = pm.Deterministic(name, lower + above)
    else:
        value = pm.Flat(name, shape=n_curves)
    pm.Potential(f"{name}_belief", prior.kernel(value, location, scale, pt).sum())
    return value


def _pooled_shape(pm: Any, pt: Any, key: ModelKey, held: dict[str, Any]) -> Any:
    """Return exponents about a common mean, non-centred, with crossed factors.

    The mean has the prior that a single exponent would have; spreads are half-normal(0.2).
    """
    prior = key.shapes[0]
    location, scale, lower, upper = (held[f"shape_0_{part}"][0] for part in _OF_PRIORS)
    centre = pm.Uniform("mean", lower, upper)
    pm.Potential("mean_prior", prior.kernel(centre, location, scale, pt))
    total = centre
    for f, levels in enumerate(key.levels):
        spread = pm.HalfNormal(f"spread_{f}", POOL_SPREAD)
        total = (
            total + spread * pm.Normal(f"effect_{f}", 0.0, 1.0, shape=levels)[held[f"level_{f}"]]
        )
    if key.own:
        spread = pm.HalfNormal("spread_own", POOL_SPREAD)
        total = total + spread * pm.Normal("effect_own", 0.0, 1.0, shape=len(key.signs))
    total = total + pt.zeros(len(key.signs))
    return pm.Deterministic("shape_0", total)


#: Scale of the half-normal prior of the spread of exponents between curves.
POOL_SPREAD = 0.2


def _mean(
    pt: Any, key: ModelKey, held: dict[str, Any], top: Any, gains: list[Any], shapes: list[Any],
    sign: Floats, limit: Floats,
) -> Any:  # fmt: skip
    """Return the mean of each row in benefit, from the law's own columns."""
    law, curve = key.law, held["curve"]
    n_curves = len(sign)

    def at(z: Any, shapes: list[Any]) -> tuple[list[Any], Any]:
        fixed = sign.size == 1 or np.ptp(sign) == 0
        own, best = (sign[0], limit[0]) if fixed else (sign, limit)
        frame = Frame(1.0, own, best, 0.0, 1.0, 1.0, 1.0)
        columns = [pt.as_tensor_variable(c) for c in law.columns(z, tuple(shapes), frame, pt)]
        return columns, law.offset(z, tuple(shapes), frame, pt)

    there = [at(held[f"corner_{i}"], shapes) for i in range(law.n_columns)]
    high, offset = there[0]
    values = [top - offset] + [gain - (offset - there[1 + j][1]) for j, gain in enumerate(gains)]
    matrix = [high] + [
        [a - b for a, b in zip(high, there[1 + j][0], strict=True)] for j in range(len(gains))
    ]
    coefficients = _solve(matrix, values)
    columns, base = at(held["z"], [_of_each_row(shape, n_curves, curve) for shape in shapes])
    total = base
    for column, coefficient in zip(columns, coefficients, strict=True):
        total = total + column * _of_each_row(coefficient + pt.zeros(n_curves), n_curves, curve)
    return total


def _solve(matrix: list[list[Any]], values: list[Any]) -> list[Any]:
    """Return the solution of one to three linear equations by elimination, without pivots.

    The gains do not depend on the level, so the equations of the gains stand first.
    """
    if len(values) == 1:
        return [values[0] / matrix[0][0]]
    inner = [row[1:] for row in matrix[1:]]
    if len(inner) == 1:
        rest = [values[1] / inner[0][0]]
    else:
        (a, b), (c, d) = inner
        determinant = a * d - b * c
        rest = [
            (values[1] * d - b * values[2]) / determinant,
            (a * values[2] - c * values[1]) / determinant,
        ]
    level = values[0]
    for weight, found in zip(matrix[0][1:], rest, strict=True):
        level = level - weight * found
    return [level / matrix[0][0], *rest]


def has_model(estimate: Estimate) -> str:
    """Return why the curves of an estimate have no Bayesian model; empty if they have one."""
    law, sample = estimate.law, estimate.sample
    if law.guesses or law.n_columns > 1 + law.n_drivers:
        return f"law {law.name!r} has no Bayesian model, which needs one gain a driver"
    return unmodelled(sample)


def refuse_unknown(estimate: Estimate) -> None:
    """Raise FitError where the law or the errors of an estimate have no model."""
    reason = has_model(estimate)
    if reason:
        raise FitError(f"{reason}; or use method='least_squares'")
