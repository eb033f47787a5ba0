"""Bringing tables of different sources to one form: units of size, units of score, copied rows.

What was done to a table is said in findings; nothing is changed in the tables as given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ._columns import Names, role_of, size_in_unit
from ._copies import copies_in
from ._format import size_text
from ._numbers import parse_numbers
from .errors import TableError
from .findings import Finding
from .metrics import NEUTRAL, Metric

__all__ = ["Aligned", "Convert", "align", "is_compute", "metric_key", "same_metric", "size_unit"]

#: For a table's name, the unit its sizes are turned into and the factor to multiply them with.
Convert = Mapping[str, tuple[str, float]]

_SHARE_NAMES = {"percent": 100.0, "percentage": 100.0, "pct": 100.0, "fraction": 1.0, "share": 1.0}
#: Names of columns from which sizes are computed, and so only those that can mean nothing else.
_FLOP_NAMES = ("flop", "flops", "compute", "total_flops", "train_flops", "training_flops")
_UNITS = (("token", "tokens"), ("cell", "cells"), ("param", "params"), ("flop", "flop"),
          ("sample", "samples"), ("example", "samples"), ("step", "steps"))  # fmt: skip
#: What is part of the name of any column that is compute, as in pretraining_flops or gpu_compute.
_COMPUTE = re.compile(r"flops?(?![^\W_])|(?<![^\W_])compute(?![^\W_])")
_SAME = {"acc": "accuracy", "ppl": "perplexity", "xent": "crossentropy", "rsquared": "r2",
         "adjustedrandindex": "ari", "auc": "auroc", "rocauc": "auroc",
         "meansquarederror": "mse"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Aligned:
    """A table with sizes in the unit that was asked for, and without copied rows.

    Parameters
    ----------
    frame : DataFrame
    findings : tuple of Finding
        What was changed, and why.
    """

    frame: pd.DataFrame
    findings: tuple[Finding, ...]


def align(
    frame: pd.DataFrame,
    name: str,
    *,
    drivers: Names | None = None,
    corpus: float | None = None,
    convert: tuple[str, float] | None = None,
) -> Aligned:
    """Return a table in the units asked for, without rows that are copies of earlier ones.

    Parameters
    ----------
    frame : DataFrame
        One row a run.
    name : str
        The table's name in messages.
    drivers : str, optional
        The size asked for. Where the table has no such column it is made: from another spelling
        of it (``n_cells``), from ``percent`` or ``fraction`` of ``corpus``, or, for tokens, as
        ``flop / (6 params)`` (Kaplan et al. 2020, arXiv:2001.08361).
    corpus : float, optional
        What 100 percent stands for.
    convert : (str, float), optional
        The unit to turn sizes into, and the factor to multiply them with, such as
        ``("tokens", 2048)`` for cells of 2,048 tokens each.

    Raises
    ------
    TableError
        The size asked for cannot be made, or a factor is not positive.

    Examples
    --------
    >>> runs = pd.DataFrame({"percent": [1, 10, 100], "f1": [0.7, 0.8, 0.85]})
    >>> made = align(runs, "runs", drivers="cells", corpus=22.2e6)
    >>> made.frame["cells"].tolist(), made.findings[0].code
    ([222000.0, 2220000.0, 22200000.0], 'size_from_percent')
    """
    findings: list[Finding] = []
    frame = _with_size(frame, name, drivers, corpus, convert, findings)
    return Aligned(_without_copies(frame, name, findings), tuple(findings))


def size_unit(driver: str) -> str:
    """Return the unit of a column of sizes: cells, tokens, samples, params, or its own name.

    Examples
    --------
    >>> size_unit("n_train_cells"), size_unit("seen_examples"), size_unit("width")
    ('cells', 'samples', 'width')
    >>> size_unit("tokens (B)")
    'tokens (B)'
    """
    if size_in_unit(driver):
        return driver
    words = re.sub(r"\W|_", "", driver).casefold()
    return next((unit for part, unit in _UNITS if part in words),
                "samples" if role_of(driver) == "data" else driver)  # fmt: skip


def is_compute(driver: str) -> bool:
    """Return whether a column of sizes is what runs cost, by its name.

    Examples
    --------
    >>> [is_compute(name) for name in ("total_FLOPs", "train compute", "tokens", "precomputed")]
    [True, True, False, False]
    """
    return _COMPUTE.search(driver.casefold()) is not None


def metric_key(metric: Metric) -> str:
    """Return what a metric measures, whatever its spelling.

    Examples
    --------
    >>> from scalefit.metrics import lookup
    >>> [metric_key(lookup(name)) for name in ("test_acc", "Accuracy", "micro F1", "microF1")]
    ['accuracy', 'accuracy', 'microf1', 'microf1']
    """
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", metric.name).casefold()
    words = [word for word in re.findall(r"[a-z0-9]+", plain) if word not in NEUTRAL]
    joined = "".join(words) or plain
    return _SAME.get(joined, joined)


def same_metric(metrics: Mapping[str, Metric]) -> str | None:
    """Return None where all groups share metric, direction and unit, else the reason in words."""
    seen: dict[tuple[str, str, str], str] = {}
    for name, metric in metrics.items():
        seen.setdefault((metric_key(metric), metric.better, metric.unit), name)
    if len(seen) <= 1:
        return None
    parts = [
        f"{name} {metrics[name].name!r} ({better} is better{', in percent' * (unit == 'percent')})"
        for (_, better, unit), name in seen.items()
    ]
    return "the groups are scored by different metrics: " + ", ".join(parts[:4])


def _with_size(
    frame: pd.DataFrame,
    name: str,
    drivers: Names | None,
    corpus: float | None,
    convert: tuple[str, float] | None,
    findings: list[Finding],
) -> pd.DataFrame:
    for what, number in (("corpus", corpus), ("convert", convert[1] if convert else None)):
        if number is not None and not (np.isfinite(number) and number > 0):
            raise TableError(f"{name}: {what}={number!r}; give a positive number")
    sized = [c for c in frame.columns if role_of(str(c)) in ("cells", "data")]
    wanted = drivers if isinstance(drivers, str) else None
    if wanted is None and corpus is not None and not sized:
        wanted = "cells"
    if convert is not None:
        unit, factor = convert
        source = wanted if wanted in frame.columns else (sized[0] if len(sized) == 1 else None)
        if source is None:
            raise TableError(
                f"{name}: convert= needs one column of sizes to multiply; there are "
                f"{', '.join(map(str, sized)) or 'none'}; pass drivers="
            )
        findings.append(_made("size_converted", name, unit, f"{source} x {factor:g}"))
        rest = frame.drop(columns=[source])
        return _put(rest, unit, factor * parse_numbers(frame[source], counts=True)[0])
    if wanted is None or wanted in frame.columns:
        return frame
    spelled = [c for c in sized if size_unit(str(c)) == size_unit(wanted)]
    if len(spelled) == 1:
        return frame.rename(columns={spelled[0]: wanted})
    shares = [c for c in frame.columns if str(c).strip().casefold() in _SHARE_NAMES]
    if shares and size_unit(wanted) != "params":
        if corpus is None:
            raise TableError(
                f"{name}: no column {wanted!r}, but {shares[0]!r}; pass corpus= with what the "
                "whole stands for, such as corpus=22.2e6"
            )
        whole = _SHARE_NAMES[str(shares[0]).strip().casefold()]
        value = parse_numbers(frame[shares[0]], counts=True)[0] * corpus / whole
        findings.append(
            _made("size_from_percent", name, wanted, f"{shares[0]} of {size_text(corpus)}")
        )
        return _put(frame, wanted, value)
    flop = [c for c in frame.columns if str(c).strip().casefold() in _FLOP_NAMES]
    params = [c for c in frame.columns if role_of(str(c)) == "params"]
    if size_unit(wanted) == "tokens" and len(flop) == 1 and len(params) == 1:
        above, below = (parse_numbers(frame[c], counts=True)[0] for c in (flop[0], params[0]))
        findings.append(_made("size_from_flop", name, wanted, f"{flop[0]} / (6 {params[0]})"))
        return _put(frame, wanted, above / (6.0 * below))
    raise TableError(
        f"{name}: no column {wanted!r}, and none to make it from; the columns are "
        f"{', '.join(map(repr, map(str, frame.columns)))}. Rename one, or pass corpus= beside a "
        "column of percent, or convert= with a unit and a factor"
    )


def _made(code: str, name: str, unit: str, formula: str) -> Finding:
    return Finding(code, "note", f"in {name}, {unit} were computed as {formula}")


def _put(frame: pd.DataFrame, column: str, values: Any) -> pd.DataFrame:
    made = frame.assign(**{column: values})
    made.attrs = dict(frame.attrs)
    return made


def _without_copies(frame: pd.DataFrame, name: str, findings: list[Finding]) -> pd.DataFrame:
    """Leave out rows equal to an earlier row in every column, where that cannot be chance."""
    again, block, sure = copies_in(frame)
    if not again.any():
        return frame
    shown = ", ".join(str(i + 1) for i in np.flatnonzero(again)[:5])
    evidence = f"{int(again.sum())} rows, first {shown}"
    if sure:
        kind = "a block of rows appears twice" if block else "rows appear twice"
        findings.append(
            Finding("copied_rows", "warn", f"in {name}, {kind}; the copies were left out", evidence)
        )
        kept = frame[~again]
        kept.attrs = dict(frame.attrs)
        return kept
    findings.append(
        Finding(
            "equal_rows", "warn", f"in {name}, some rows are equal in every column", evidence,
            "if they are copies, leave them out; if they are runs, add a seed column",
        )
    )  # fmt: skip
    return frame
