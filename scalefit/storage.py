"""Fits on disk: one JSON file with the rows, the settings and the solutions, never a pickle."""

from __future__ import annotations

import json
import math
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from .bayes import Bayes, Prior, read_draws, write_draws
from .errors import FitError, TableError
from .estimate import Estimate
from .findings import Finding
from .inference import Bootstrap
from .laws import REGISTERED, get_law
from .levels import free_levels
from .metrics import Metric
from .noise import NOISES, Noise, restored
from .sample import Errors, Sample, of_table
from .selection import Candidates, surviving_laws
from .settle import with_errors
from .solvers.search import Solution
from .table import Table

if TYPE_CHECKING:
    from .fit import Fit

__all__ = ["load", "save", "versions", "write_whole"]

SCHEMA = "scalefit fit 2"
#: What a saved fit of any version begins with.
_OURS = re.compile(r'\{\s*"schema": "scalefit fit \d+"')


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    from . import __version__

    libraries = {name: version(name) for name in ("numpy", "scipy", "pandas")}
    return {"scalefit": __version__, "python": platform.python_version(), **libraries}


def save(fit: Fit, path: str | os.PathLike[str]) -> None:
    """Write a fit to ``path``.

    Raises
    ------
    FitError
        If a candidate law is a user's own function, which a file cannot hold, or there is a file
        that is not a saved fit.
    """
    own = [e.law.name for e in fit.candidates.estimates if e.law not in REGISTERED]
    if own:
        raise FitError(
            f"law {own[0]!r} is a function of yours and cannot be written to a file; save the "
            "table and fit it again"
        )
    table = fit.table
    content = {
        "schema": SCHEMA,
        "versions": versions(),
        "settings": asdict(fit.settings) | {"noise": _noise(fit.settings.noise)},
        "table": {
            "rows": _columns(table.rows),
            "drivers": table.drivers,
            "score": table.score,
            "by": table.by,
            "seed": table.seed,
            "roles": table.roles,
            "keys": table.keys,
            "metrics": [asdict(metric) for metric in table.metrics],
            "source": table.source,
            "sha256": table.sha256,
            "n_given": table.n_given,
            "dropped": _columns(table.dropped),
            "findings": [asdict(finding) for finding in table.findings],
            "group_findings": [[asdict(f) for f in part] for part in table.group_findings],
        },
        "chosen": fit.candidates.chosen,
        "estimates": [
            {
                "law": e.law.name,
                "theta": e.theta,
                "coefficients": e.coefficients,
                "lack_of_fit_ss": e.lack_of_fit_ss,
                "tilted": e.tilted,
                "inflation": e.inflation,
                "kernel": None if e.sample.kernel is None else asdict(cast("Any", e.sample.kernel)),
                "pure": e.sample.pure_ss,
                "errors": {f.name: getattr(e.sample.errors, f.name) for f in fields(Errors)},
                "solution": {f.name: getattr(e.solution, f.name) for f in fields(Solution)},
            }
            for e in fit.candidates.estimates
        ],
    }
    drawn = {e.law.name: e.draws for e in fit.candidates.estimates if e.draws is not None}
    _check_target(Path(path), [Path(path), *([_beside(path)] if drawn else [])])
    if drawn:
        content["draws"] = list(drawn)
        write_draws(_beside(path), drawn)
    write_whole(path, json.dumps(_plain(content), indent=1, allow_nan=False))


def _check_target(path: Path, files: Sequence[Path]) -> None:
    """Raise FitError if one of the files of a fit would replace what no fit was saved to."""
    foreign = [file for file in files if file.is_file()]
    if not foreign:
        return
    try:
        with path.open("rb") as file:
            head = file.read(100).decode("utf-8", errors="replace")
            ours = not head or _OURS.match(head)
    except OSError:
        ours = None
    if not ours:
        raise FitError(
            f"{foreign[0]}: exists and is not a saved fit of scalefit; name another file, or "
            "remove it first"
        )


def _beside(path: str | os.PathLike[str]) -> Path:
    """Return the file of the draws of a fit."""
    return Path(path).with_suffix(".nc")


def load(path: str | os.PathLike[str]) -> Fit:
    """Read a fit that :meth:`Fit.save` wrote; nothing is fitted again and nothing is evaluated.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    Fit
        With the same answers, bit for bit.

    Raises
    ------
    FitError
        If the file is not one of ours.
    """
    name = os.fspath(path)
    try:
        content = json.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise TableError(f"{name}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise FitError(f"{name}: is not JSON; scalefit.load reads files of Fit.save") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise FitError(
            f"{name}: is not a fit saved by this version of scalefit (schema {SCHEMA!r}); "
            "fit the table again"
        )
    try:
        return _fit_of(content, _beside(path))
    except FitError:
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise FitError(f"{name}: is damaged ({error}); fit the table again") from None


def _fit_of(content: dict[str, Any], beside: Path) -> Fit:
    """Return the fit that a file's content describes."""
    from .fit import Fit, Settings

    part = content["table"]
    table = Table(
        rows=_frame(part["rows"]),
        drivers=tuple(part["drivers"]),
        score=part["score"],
        by=tuple(part["by"]),
        seed=part["seed"],
        roles=dict(part["roles"]),
        keys=tuple(tuple(key) for key in part["keys"]),
        group=np.zeros(len(part["rows"]["index"]), dtype=np.intp),
        metrics=tuple(Metric(**{k: _number(v) for k, v in m.items()}) for m in part["metrics"]),
        source=part["source"],
        sha256=part["sha256"],
        n_given=part["n_given"],
        dropped=_frame(part["dropped"]),
        findings=tuple(Finding(**f) for f in part["findings"]),
        group_findings=tuple(tuple(Finding(**f) for f in g) for g in part["group_findings"]),
    )
    settings = content["settings"]
    noise = restored(**settings.pop("noise"))
    if isinstance(settings["inference"], dict):
        settings["inference"] = Bootstrap(**settings["inference"])
    if isinstance(settings.get("bayes"), dict):
        priors = {
            name: Prior(**{k: _number(v) for k, v in prior.items()})
            for name, prior in settings["bayes"].pop("priors").items()
        }
        settings["bayes"] = Bayes(**settings["bayes"], priors=priors)
    sample = noise.weigh(of_table(table))
    estimates = tuple(_estimate(item, sample) for item in content["estimates"])
    drawn = read_draws(beside, content["draws"]) if content.get("draws") else {}
    estimates = tuple(replace(e, draws=drawn.get(e.law.name)) for e in estimates)
    if not estimates or not 0 <= content["chosen"][0] < len(estimates):
        raise ValueError("the chosen law is not among the estimates")
    found = Candidates(
        estimates, surviving_laws(estimates), np.array(content["chosen"], dtype=np.intp)
    )
    return Fit(table, found, Settings(noise=noise, **settings))


def write_whole(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a file whole or not at all; text as UTF-8."""
    target = Path(path)
    if target.is_dir():
        raise FitError(f"{target}: is a folder; name a file in it")
    if not target.parent.is_dir():
        raise FitError(f"{target}: there is no such folder; make it first")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        part.replace(target)
    except OSError as error:
        raise FitError(f"{target}: cannot be written ({error.strerror})") from None
    finally:
        part.unlink(missing_ok=True)


def _estimate(item: dict[str, Any], sample: Sample) -> Estimate:
    law = get_law(item["law"])
    whole = {"n_basins", "at_bound"}
    solution = Solution(
        **{
            key: _array(value).astype(np.intp if key in whole else float)
            for key, value in item["solution"].items()
        }
    )
    q, p = len(law.shapes), law.n_columns
    if sample.kernel is not None:  # with what the fit found of its free parts
        free = {
            k: v if isinstance(v, (str, bool)) else _array(v) for k, v in item["kernel"].items()
        }
        kernel = replace(cast("Any", sample.kernel), **free)
        pure = free_levels(kernel, sample.runs, sample.relative)
        pure[:, 0] = _array(item["pure"])  # from which the misfits were counted
        sample = replace(sample, kernel=kernel, pure=pure)
    errors = Errors(**{key: _array(value) for key, value in item["errors"].items()})
    return Estimate(
        law,
        with_errors(sample, errors),
        Solution(
            solution.u.reshape(1, q), solution.rss, solution.curvature.reshape(1, q, q),
            solution.gradient, solution.n_basins, solution.runner_up,
            solution.at_bound.reshape(1, q),
        ),
        _array(item["theta"]).reshape(1, q),
        _array(item["coefficients"]).reshape(1, p),
        _array(item["lack_of_fit_ss"]),
        _array(item["tilted"]),
        _array(item["inflation"]),
    )  # fmt: skip


def _noise(noise: Noise) -> dict[str, Any]:
    if noise.name not in NOISES:
        raise FitError(f"noise {noise.name!r} is a class of yours and cannot be written to a file")
    return {"name": noise.name, **asdict(cast("Any", noise))}


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a frame as lists: JSON keeps floats to the last bit through their repr."""
    return {
        "index": [int(i) for i in range(len(frame))],
        "names": [str(name) for name in frame.columns],
        "values": [frame[name].tolist() for name in frame.columns],
        "floats": [bool(pd.api.types.is_float_dtype(frame[name])) for name in frame.columns],
    }


def _frame(part: dict[str, Any]) -> pd.DataFrame:
    columns = {
        name: [_number(v) for v in values] if is_float else values
        for name, values, is_float in zip(
            part["names"], part["values"], part["floats"], strict=True
        )
    }
    return pd.DataFrame(columns, columns=part["names"])


def _plain(value: Any) -> Any:
    """Return a value as JSON types; infinities and nan become words, since JSON has none."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.integer, np.bool_)):
        return value.item()
    if isinstance(value, float):  # numpy floats too
        return float(value) if math.isfinite(value) else str(float(value))
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)


def _number(value: Any) -> Any:
    return float(value) if value in ("inf", "-inf", "nan") else value


def _array(value: Any) -> np.ndarray[Any, Any]:
    return np.array(value, dtype=float)
