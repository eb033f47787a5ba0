"""Posteriors as ArviZ objects and as netCDF files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..draws import ARRAYS, Draws, drawn_values
from ..errors import FitError
from ..estimands import Gain, ObservedGain, Parameter
from ..estimate import Estimate
from ..scatter import Scatter
from .library import arviz
from .likelihood import log_density_of_sizes, prior_draws, scores_of_runs
from .method import Bayes

__all__ = ["idata_of", "read_draws", "write_draws"]

Floats = NDArray[np.float64]


def idata_of(fitted: Estimate, labels: Sequence[str], bayes: Bayes, seed: int) -> Any:
    """Return the draws of curves as the ArviZ object of the installed version.

    Groups: ``posterior`` and ``prior`` (the law's parameters in the field's units, the score at the
    largest size, gains, noise, and what pooled curves share), ``posterior_predictive`` and
    ``prior_predictive`` (runs drawn anew), ``log_likelihood`` (of all runs of a size together) and
    ``observed_data``. Curves that take part have the dimension ``curve``. ArviZ 0.x gives an
    ``InferenceData``, 1.x a ``DataTree``.
    """
    draws, sample = fitted.draws, fitted.sample
    assert draws is not None
    before = prior_draws(fitted, bayes.priors_of(fitted), draws, seed)
    rng = np.random.default_rng(seed)
    chains = draws.chains
    width = int(sample.count.max())
    runs = np.full((len(fitted), sample.x.shape[1], width), np.nan)
    if sample.runs.shape[2]:
        runs[:, :, : sample.runs.shape[2]] = sample.runs[:, :, :width]
    groups: dict[str, dict[str, Floats]] = {
        "posterior": _variables(fitted, draws),
        "prior": _variables(fitted, before),
        "posterior_predictive": {"score": scores_of_runs(fitted.law, sample, draws, rng)},
        "prior_predictive": {"score": scores_of_runs(fitted.law, sample, before, rng)},
        "log_likelihood": {"score": log_density_of_sizes(fitted.law, sample, draws)},
    }
    shaped = {
        group: {name: _chained(value, chains) for name, value in part.items()}
        for group, part in groups.items()
    }
    for name, value in draws.population.items():
        shaped["posterior"][name] = value.reshape(chains, -1)
    shaped["observed_data"] = {"score": runs, "size": sample.x}
    curve = ["curve"]
    dims = dict.fromkeys(groups["posterior"], curve)
    dims |= {"size": ["curve", "place"], "score": ["curve", "place", "run"]}
    per_size = {"score": ["curve", "place"]}
    return _arviz(shaped, dims, {"curve": list(labels)}, per_size)


def _chained(values: Floats, chains: int) -> Floats:
    """Return ``(G, S, ...)`` as ``(chains, draws, G, ...)``."""
    shape = (len(values), chains, -1, *values.shape[2:])
    return np.moveaxis(values.reshape(shape), 0, 2)


def _variables(fitted: Estimate, draws: Draws) -> dict[str, Floats]:
    theta, coefficients = draws.one("theta"), draws.one("coefficients")
    frame = fitted.sample.frame
    asked = {p.name: Parameter(p.name) for p in fitted.law.parameters}
    found: dict[str, Floats] = {}
    if fitted.law.n_drivers == 1:
        for name, question in (("gain_observed", ObservedGain()), ("gain_10x", Gain(10.0))):
            found[name] = drawn_values(fitted.law, question, theta, coefficients, frame)
    for name, parameter in asked.items():
        found[name] = drawn_values(fitted.law, parameter, theta, coefficients, frame)
    return found | {name: value[draws.row] for name, value in draws.noise.items()}


def _arviz(
    groups: Mapping[str, Any], dims: dict[str, list[str]], coords: dict[str, list[str]],
    per_size: dict[str, list[str]],
) -> Any:  # fmt: skip
    library = arviz()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not hasattr(library, "InferenceData"):
            from arviz_base import from_dict

            own = {**dims}
            likelihood = groups["log_likelihood"]
            rest = {name: part for name, part in groups.items() if name != "log_likelihood"}
            tree = from_dict(rest, dims=own, coords=coords)
            tree.update(from_dict({"log_likelihood": likelihood}, dims=per_size, coords=coords))
            return tree
        likelihood = library.from_dict(
            log_likelihood=groups["log_likelihood"], dims=per_size, coords=coords
        )
        rest = {name: part for name, part in groups.items() if name != "log_likelihood"}
        tree = library.from_dict(**rest, dims=dims, coords=coords)
        tree.extend(likelihood)
        return tree


def write_draws(path: str | os.PathLike[str], draws: Mapping[str, Draws]) -> None:
    """Write the draws of several laws to a netCDF file, one group a law."""
    import xarray

    target = Path(path)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        for k, (law, item) in enumerate(draws.items()):
            own = item.compact()
            data: dict[str, Any] = {
                name: (_AXES.get(name, ("curve",)), getattr(own, name)) for name in ARRAYS
            }
            data |= {f"noise_{k}": (("curve", "draw"), v) for k, v in own.noise.items()}
            data |= {f"population_{k}": (("draw",), v) for k, v in own.population.items()}
            notes = {"chains": own.chains, "label": own.label, **_said(own.scatter)}
            xarray.Dataset(data, attrs=notes).to_netcdf(
                part, mode="w" if k == 0 else "a", group=law, engine="h5netcdf"
            )
        part.replace(target)
    except OSError as error:
        raise FitError(f"{target}: cannot be written ({error.strerror})") from None
    finally:
        part.unlink(missing_ok=True)


def read_draws(path: str | os.PathLike[str], laws: Sequence[str]) -> dict[str, Draws]:
    """Read the draws that :func:`write_draws` wrote."""
    import xarray

    found = {}
    for law in laws:
        try:
            with xarray.open_dataset(path, group=law, engine="h5netcdf") as data:
                values = {name: np.array(data[name].values) for name in data.data_vars}
                notes = dict(data.attrs)
        except (OSError, ValueError, KeyError) as error:
            raise FitError(
                f"{os.fspath(path)}: the draws of {law!r} cannot be read ({error}); they are saved "
                "beside the JSON file, and must be moved with it"
            ) from None
        parts = {
            prefix: {
                name.removeprefix(prefix): values.pop(name)
                for name in [str(key) for key in values if str(key).startswith(prefix)]
            }
            for prefix in ("noise_", "population_")
        }
        found[law] = Draws(
            **{str(k): v for k, v in values.items()}, row=np.arange(len(values["theta"])),
            chains=int(notes.pop("chains")), label=str(notes.pop("label")), scatter=_scatter(notes),
            noise=parts["noise_"], population=parts["population_"],
        )  # fmt: skip
    return found


_AXES = {
    "theta": ("curve", "draw", "shape"),
    "coefficients": ("curve", "draw", "column"),
    "prior_sd": ("curve", "shape"),
}


def _said(scatter: Scatter) -> dict[str, Any]:
    """Return a scatter as attributes of a file, which know neither None nor truth."""
    df = np.nan if scatter.df is None else scatter.df
    return asdict(scatter) | {"df": df, "varies": int(scatter.varies), "given": int(scatter.given)}


def _scatter(notes: dict[str, Any]) -> Scatter:
    df = None if np.isnan(notes["df"]) else float(notes["df"])
    flags = {name: bool(notes[name]) for name in ("varies", "given")}
    words = {name: str(notes[name]) for name in ("density", "link", "alike")}
    return Scatter(df=df, **flags, **words)  # type: ignore[arg-type]
