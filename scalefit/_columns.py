"""Which column of a table plays which part: drivers, score, seed, metric, grouping, errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ._numbers import parse_numbers
from .errors import TableError, nearest
from .metrics import NEUTRAL, lookup
from .reading import is_title

__all__ = [
    "ALIASES",
    "PARTS",
    "ROLES",
    "ROW",
    "Columns",
    "Names",
    "are_params_and_data",
    "find_columns",
    "role_of",
    "size_in_unit",
]

Names = str | Sequence[str]

#: Names understood without being told, the preferred one first; case and punctuation are ignored.
ALIASES: dict[str, tuple[str, ...]] = {
    "cells": (
        "cells", "n_cells", "num_cells", "cell_count", "number_of_cells", "train_cells",
        "n_train_cells", "num_train_cells", "training_cells", "pretraining_cells",
    ),
    "data": (
        "tokens", "n_tokens", "num_tokens", "token_count", "number_of_tokens",
        "train_tokens", "training_tokens", "n_train_tokens", "num_train_tokens",
        "n_training_tokens", "num_training_tokens", "pretraining_tokens", "tokens_seen",
        "samples", "n_samples", "num_samples", "train_samples", "training_samples",
        "n_train_samples", "num_train_samples", "n_training_samples",
        "examples", "n_examples", "num_examples", "seen_examples", "train_examples",
        "training_examples", "n_train_examples", "num_train_examples",
        "train_size", "training_size", "size_train", "tr_size", "train_set_size",
        "training_set_size", "n_train", "num_train",
        "dataset_size", "data_size", "n_data",
    ),
    "params": (
        "params", "n_params", "num_params", "model_params", "parameters", "n_parameters",
        "num_parameters", "model_parameters", "parameter_count", "number_of_parameters",
        "model_size", "size_model", "n_model_params", "num_model_params", "model_param_count",
        "param_count", "non_embedding_params", "n_non_embedding_params",
        "trainable_params", "n_trainable_params", "num_trainable_params", "trainable_parameters",
    ),
    "score": ("score", "scores"),
    "value": ("value", "values", "metric_value"),  # a score where a metric column names it
    "seed": ("seed", "seeds", "replicate", "rep", "run_seed", "random_seed", "random_state"),
    "metric": ("metric", "metric_name"),
    "se": ("se", "sem", "stderr", "std_err", "std_error", "standard_error"),
    "sd": ("sd", "std", "stdev", "stddev", "std_dev", "standard_deviation"),
    "n": ("n", "n_runs", "num_runs", "n_seeds", "num_seeds", "n_replicates", "n_repeats"),
    "items": (
        "items", "n_items", "num_items", "test_items", "n_test_items", "num_test_items",
        "n_test", "num_test", "test_size", "n_questions", "num_questions",
    ),
    "run": ("run", "run_id", "run_name", "run_index"),
    "bound": (
        "lower", "upper", "low", "high", "lo", "hi", "ci_lower", "ci_upper", "ci_low", "ci_high",
        "ci_lo", "ci_hi", "lower_ci", "upper_ci", "ci95_lower", "ci95_upper", "lower_95",
        "upper_95",
    ),
}  # fmt: skip

#: Parts that are played only when asked for, in words.
ROLES: dict[str, str] = {
    "se": "standard error",
    "sd": "standard deviation",
    "n": "number of runs",
    "items": "number of test items",
    "run": "run",
}
#: The same, and what a column may look like that no option takes.
PARTS: dict[str, str] = {**ROLES, "bound": "bound of an interval"}

#: Parts that are sizes, and the name of such a column with its unit: "tokens (B)", "cells_k".
_SIZES = ("cells", "data", "params")
_SCALE = "[kmbgt]|bn|mn|mio|(?:thousand|million|billion|trillion)s?"
_POWER = r"1e\d+|10(?:\^|\*\*)\d+|10[⁰¹²³⁴-⁹]+|1,?000(?:,?000)*"
_IN_UNIT = re.compile(
    rf"(?P<size>.+?)(?:\s*[(\[](?:in\s+|[x×]\s*)?(?P<unit>{_SCALE}|{_POWER})\s*[)\]]"
    rf"|[\s_,-]+(?:in[\s_]+)?(?P<last>{_SCALE}))",
    re.IGNORECASE,
)

#: The column of data row numbers in a checked table.
ROW = "_row"

#: Names of columns that are numbers from which on they are taken for the sizes of a wide table.
_FEWEST_SIZES = 3
#: What the name of a column of means begins or ends with.
_MEAN = re.compile(r"^(?:mean|average|avg)(?:of)?|(?:mean|average|avg)$")
#: Words that make two columns of one metric different metrics.
_VARIANTS = NEUTRAL | {
    "", "train", "training", "dev", "top", "top1", "top3", "top5", "macro", "micro",
    "weighted", "balanced",
}  # fmt: skip
_STACK = (
    "; every run has a row of its own, so put scores that stand side by side one below the other"
)
_MEND_DRIVER = "pass drivers= with the column that holds the size"


@dataclass(frozen=True, slots=True)
class Columns:
    """The part that each column plays; None where no column plays it.

    Parameters
    ----------
    drivers : tuple of str
        The size, or the two of which a size is a combination.
    score : str
        The measurement.
    by : tuple of str
        Columns whose values tell the curves apart.
    seed, metric : str or None
        Which replicate a row is; which metric it is measured in.
    params : str or None
        A column of model sizes that is not a driver.
    unused_sizes : tuple of str
        Other columns that look like sizes.
    roles : dict of str to str
        The column of each of ``ROLES`` that was asked for.
    unused_roles : dict of str to str
        Columns that look like one of the other ``ROLES``, or a ``"bound"`` of an interval.
    """

    drivers: tuple[str, ...]
    score: str
    by: tuple[str, ...]
    seed: str | None
    metric: str | None
    params: str | None
    unused_sizes: tuple[str, ...]
    roles: dict[str, str]
    unused_roles: dict[str, str]

    @property
    def numbers(self) -> list[tuple[str, str]]:
        """The part and the name of every column of numbers."""
        roles = [(role, name) for role, name in self.roles.items() if role != "run"]
        return [*(("driver", name) for name in self.drivers), ("score", self.score), *roles]

    @property
    def replicates(self) -> tuple[str, ...]:
        """The columns that tell apart rows of one size."""
        return tuple(name for name in (self.seed, self.roles.get("run")) if name is not None)


def find_columns(
    frame: pd.DataFrame,
    source: str,
    *,
    score: str | None = None,
    drivers: Names | None = None,
    by: Names | None = None,
    roles: Mapping[str, str | None] | None = None,
) -> Columns:
    """Settle the part of each column from what the user says and, beyond that, from its name.

    Parameters
    ----------
    frame : pandas.DataFrame
        With distinct text column names.
    source : str
        The table's name in messages.
    score, drivers, by : str or sequence of str, optional
        What the user says.
    roles : mapping of str to str or None, optional
        What the user says of ``ROLES``.

    Returns
    -------
    Columns
        Every column in at most one part, except that ``metric`` may be in ``by``.

    Raises
    ------
    TableError
        A column is missing, plays two parts or lacks its partner, or the names leave a choice.

    Examples
    --------
    >>> frame = pd.DataFrame({"n_cells": [1e4], "replicate": [0], "Micro F1": [0.7]})
    >>> columns = find_columns(frame, "runs.csv")
    >>> columns.drivers, columns.score, columns.seed
    (('n_cells',), 'Micro F1', 'replicate')
    """
    names = [str(name) for name in frame.columns]
    asked = {role: str(name) for role, name in (roles or {}).items() if name is not None}
    stated = {
        "drivers": _as_names(drivers),
        "score": () if score is None else (str(score),),
        "by": _as_names(by),
        **{role: (name,) for role, name in asked.items()},
    }
    _check_stated(frame, names, stated, source)
    _check_roles(asked, source)
    taken = {name for group in stated.values() for name in group}
    free: dict[str, list[str]] = {role: [] for role in ALIASES}
    for name in names:
        role = role_of(name)
        if role is not None and name not in taken:
            free[role].append(name)
    for role in _SIZES:
        in_unit = [name for name in names if (size_in_unit(name) or [""])[0] == role]
        if role not in map(role_of, names):
            free[role] = [name for name in in_unit if name not in taken]

    used = stated["drivers"] or (_find_driver(free, frame, stated, source),)
    sizes = [name for name in free["cells"] + free["data"] if name not in used]
    params = next((name for name in free["params"] if name not in used), None)
    not_metric = {*used, *stated["score"], *asked.values()}
    metric = next((n for n in names if role_of(n) == "metric" and n not in not_metric), None)
    not_score = {*taken, *used, *free["seed"], *free["params"], *sizes}
    found = stated["score"][0] if score is not None else None
    if found is None:
        candidates = [name for name in names if name not in not_score and name != metric]
        found = _find_score(frame, candidates, free, metric, stated, source)
    return Columns(
        drivers=used,
        score=found,
        by=stated["by"],
        seed=next((name for name in free["seed"] if name not in (*used, found)), None),
        # The name of a column such as 'accuracy' says more than a metric column does.
        metric=metric if role_of(found) in ("score", "value") or lookup(found) is None else None,
        params=params,
        unused_sizes=tuple(sizes),
        roles=asked,
        unused_roles=_unused_roles([n for n in names if n not in taken], found, asked),
    )


def role_of(name: str) -> str | None:
    """Return the part in ``ALIASES`` that a column's name stands for, None for any other name."""
    return _ROLES.get(_letters(name))


def _letters(name: str) -> str:
    return re.sub(r"\W|_", "", name).casefold()


_ROLES = {_letters(name): role for role, names in ALIASES.items() for name in names}


def size_in_unit(name: str) -> tuple[str, str] | None:
    """Return the part of a column of sizes and the unit in its name; None for any other name.

    Examples
    --------
    >>> size_in_unit("tokens (B)"), size_in_unit("params_M"), size_in_unit("cells [in millions]")
    (('data', 'B'), ('params', 'M'), ('cells', 'millions'))
    >>> size_in_unit("tokens"), size_in_unit("cells (train)"), size_in_unit("WER (k)")
    (None, None, None)
    """
    match = None if role_of(name) else _IN_UNIT.fullmatch(name.strip())
    role = role_of(match["size"]) if match else None
    return (role, match["unit"] or match["last"]) if match and role in _SIZES else None


def are_params_and_data(drivers: Sequence[str]) -> bool:
    """Return whether drivers are parameters and data, by their names, so that 6 N D is a cost.

    Examples
    --------
    >>> are_params_and_data(["tokens", "params"]), are_params_and_data(["N", "D"])
    (True, True)
    >>> are_params_and_data(["width", "depth"])
    False
    """
    roles = sorted(role_of(name) or name.casefold() for name in drivers)
    return roles in (["data", "params"], ["d", "n"], ["d", "params"], ["data", "n"])


def _as_names(given: Names | None) -> tuple[str, ...]:
    if given is None:
        return ()
    if isinstance(given, str) or not isinstance(given, Iterable):
        return (str(given),)
    return tuple(str(name) for name in given)


def _check_stated(
    frame: pd.DataFrame, names: list[str], stated: dict[str, tuple[str, ...]], source: str
) -> None:
    parts: dict[str, str] = {}
    for part, columns in stated.items():
        for column in columns:
            if column not in names:
                raise TableError(_missing(frame, names, part, column, source))
            if column == ROW:
                raise TableError(f"{source}: the column name {ROW!r} is reserved; rename it")
            if column in parts:
                also = (
                    f"{parts[column]}= and {part}=" if parts[column] != part else f"{part}= twice"
                )
                raise TableError(
                    f"{source}: column {column!r} is given as {also}; a column plays one part; "
                    "leave one of them out"
                )
            parts[column] = part
    if len(stated["drivers"]) > 3:
        raise TableError(
            f"{source}: drivers={list(stated['drivers'])!r}: a law has one to three drivers; pass "
            "those that matter most and put the others in by= for one curve per value"
        )


def _check_roles(asked: Mapping[str, str], source: str) -> None:
    """Refuse two accounts of the same uncertainty, and half of one."""
    for role, partner in (("sd", "n"), ("n", "sd")):
        if role not in asked:
            continue
        if "se" in asked:
            raise TableError(
                f"{source}: se={asked['se']!r} and {role}={asked[role]!r} both say how uncertain a "
                "row is; pass se=, or sd= with n="
            )
        if partner not in asked:
            raise TableError(
                f"{source}: {role}={asked[role]!r} needs {partner}=: a row is the mean of n runs "
                f"with standard deviation sd; pass {partner}= with the column of the "
                f"{ROLES[partner]}"
            )


def _unused_roles(names: Sequence[str], score: str, asked: Mapping[str, str]) -> dict[str, str]:
    """Return the columns that look like a role, such as ``stderr`` or ``accuracy_std``.

    Examples
    --------
    >>> _unused_roles(["f1_mean", "f1_std", "f1_upper"], "f1_mean", {})
    {'sd': 'f1_std', 'bound': 'f1_upper'}
    """
    settled = {*asked, *(("se", "sd", "n", "bound") if "se" in asked or "sd" in asked else ())}
    what = _MEAN.sub("", _letters(score))
    found: dict[str, str] = {}
    for name in names:
        role = role_of(name) or role_of(_letters(name).replace(what, ""))
        if role in PARTS and role not in settled and name != score:
            found.setdefault(role, name)
    return found


def _missing(frame: pd.DataFrame, names: list[str], part: str, column: str, source: str) -> str:
    if column in [str(level) for level in frame.index.names if level is not None]:
        return (
            f"{source}: {part}={column!r} is in the index, not a column; call reset_index() first"
        )
    return (
        f"{source}: no column {column!r} (given as {part}=); the columns are "
        f"{', '.join(map(repr, names))}{nearest(column, names)}{_mend_of_title(frame)}"
    )


def _find_driver(
    free: dict[str, list[str]], frame: pd.DataFrame, stated: dict[str, tuple[str, ...]], source: str
) -> str:
    names = [str(name) for name in frame.columns]
    for role in _SIZES:
        if len(free[role]) == 1:
            return free[role][0]
        if free[role]:
            raise TableError(
                f"{source}: several columns look like the size: "
                f"{', '.join(map(repr, free[role]))}; {_MEND_DRIVER}"
            )
    for part, given in stated.items():
        for name in given:
            if role_of(name) in _SIZES or size_in_unit(name):
                raise TableError(
                    f"{source}: the column of sizes, {name!r}, is given as {part}=, and no other "
                    f"looks like one; leave {part}= out, or {_MEND_DRIVER}"
                )
    sizes = [name for name in names if _is_a_size(name)]
    if len(sizes) >= _FEWEST_SIZES:
        raise TableError(
            f"{source}: sizes stand in the header ({', '.join(map(repr, sizes[:3]))}, ...), and "
            "every run needs a row with its size; stack the table, with pandas "
            f"table.melt({[name for name in names if name not in sizes]!r}, var_name='cells', "
            "value_name='score'), in R pivot_longer"
        )
    index = ", ".join(repr(str(level)) for level in frame.index.names if level is not None)
    first = f"{index} in the index is no column: call reset_index() first, or " if index else ""
    raise TableError(
        f"{source}: no column is called 'cells', 'tokens', 'samples', 'params' or the like; the "
        f"columns are {', '.join(map(repr, names))}; {first}{_MEND_DRIVER}{_mend_of_title(frame)}"
    )


def _mend_of_title(frame: pd.DataFrame) -> str:
    """Return what to do where the header is one text and nothing beside it; empty elsewhere."""
    if not is_title(frame.columns):
        return ""
    n_parts = len(str(frame.columns[0]).split())
    if n_parts > 1 and all(len(str(row).split()) == n_parts for row in frame.iloc[:, 0]):
        return (
            "; if spaces part the columns, read it in Python with sf.read_table(..., sep=r'\\s+')"
        )
    return (
        "; if a title stands above the header, remove it, or leave it out in Python with "
        f"sf.read_table(..., skiprows={frame.attrs.get('skiprows', 1)})"
    )


def _is_a_size(name: str) -> bool:
    return bool(parse_numbers(pd.Series([name], dtype=object), counts=True)[0][0] >= 1)


def _find_score(
    frame: pd.DataFrame,
    candidates: list[str],
    free: dict[str, list[str]],
    metric: str | None,
    stated: Mapping[str, Sequence[str]],
    source: str,
) -> str:
    plain = free["score"] or (free["value"] if metric is not None else [])
    if len(plain) == 1:
        return plain[0]
    known = plain or [name for name in candidates if lookup(name) is not None]
    # A column of text called 'loss' or 'precision' describes the run; it does not measure it.
    numeric = [name for name in known if pd.api.types.is_numeric_dtype(frame[name])]
    known = numeric or known
    if len(known) == 1:
        return known[0]
    if known:
        raise TableError(
            f"{source}: several columns look like the score: {', '.join(map(repr, known))}; "
            f"pass score= with the one to fit{_STACK if _are_stackable(known) else ''}"
        )
    for part, given in stated.items():
        for name in given:
            if role_of(name) == "score" or lookup(name) is not None:
                raise TableError(
                    f"{source}: the column {name!r} is taken by {part}=, and no other is called "
                    f"like a score; leave {part}= out, or pass score= with the column to fit"
                )
    numbers = [name for name in candidates if pd.api.types.is_numeric_dtype(frame[name])]
    mend = f"pass score= with the one to fit{_STACK if len(numbers) > 1 else ''}"
    raise TableError(
        f"{source}: no column is called 'score' or like a known metric (accuracy, f1, loss, ...); "
        f"the columns are {', '.join(map(str, map(repr, frame.columns)))}; "
        f"{_mend_of_means(numbers) or mend}"
    )


def _are_stackable(names: Sequence[str]) -> bool:
    """Return whether columns look like one metric of several seeds or models.

    Examples
    --------
    >>> _are_stackable(["f1_seed1", "f1_seed2"]), _are_stackable(["f1", "accuracy"])
    (True, False)
    >>> _are_stackable(["train/loss", "val/loss"])
    False
    """
    each = [{*re.split(r"[\W_]+", name.casefold())} for name in names]
    shared = set.intersection(*each)
    apart = set.union(*each) - shared
    return any(map(lookup, shared)) and not _VARIANTS.issuperset(apart)


def _mend_of_means(numbers: Sequence[str]) -> str:
    """Return what to pass of a table whose rows are means of runs; empty if they are none."""
    mean = [name for name in numbers if name.casefold() in ("mean", "average", "avg")]
    part = {name: "n" if name.casefold() == "count" else role_of(name) for name in numbers}
    spread = {role: name for name, role in part.items() if role in ("se", "sd", "n")}
    if not mean:
        return ""
    if "se" in spread:
        return f"its rows are means already: pass score={mean[0]!r} and se={spread['se']!r}"
    if "sd" in spread and "n" in spread:
        return (
            f"its rows are means already: pass score={mean[0]!r}, sd={spread['sd']!r} and "
            f"n={spread['n']!r}"
        )
    return f"its rows are means already: pass score={mean[0]!r}"
