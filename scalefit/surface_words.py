"""What a fit of several drivers says, as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ._format import capital, interval_text, key_texts, number, size_text
from .hypotheses import interval_sizes
from .surface import largest_run

if TYPE_CHECKING:
    from .fit import Fit

__all__ = [
    "CONTRASTS_HEADING",
    "best_text",
    "contrasts_text",
    "gains_heading",
    "gains_text",
    "place_text",
    "surface_answer",
    "surfaces_text",
]

#: What :func:`contrasts_text` is a table of.
CONTRASTS_HEADING = "drivers of fewer than four values have no exponent, but these gains"


def place_text(fit: Fit) -> str:
    """Return the largest run in words, such as ``"6.8B params x 318B tokens"``."""
    sizes = largest_run(fit.candidates)
    parts = zip(sizes.tolist(), fit.table.drivers, strict=True)
    return " x ".join(f"{size_text(size)} {name}" for size, name in parts)


def surface_answer(fit: Fit) -> str:
    """Return what ten times more of each driver buys, and which of them limits the score more."""
    gains = fit.gains()
    name = f"{fit.label}: " if fit.label else ""
    causes = set(gains.loc[list(fit.table.drivers), "caution"])
    if len(causes) == 1 and (cause := causes.pop()):
        text = (
            f"{name}by how much ten times more would improve {fit.table.score} at the largest run "
            f"({place_text(fit)}) cannot be told: {cause}."
        )
        return capital(text)
    told = [f"{driver} {_told(gains, driver)}" for driver in fit.table.drivers]
    text = (
        f"{name}at the largest run ({place_text(fit)}) ten times more would improve "
        f"{fit.table.score} by: {'; '.join(told)} ({100 * fit.settings.level:g} % intervals, given "
        f"{fit.law.name})."
    )
    return f"{capital(text)} {_bottleneck(fit, gains)}".rstrip()


def _told(gains: pd.DataFrame, driver: str) -> str:
    """Return the gain of a driver, or why there is none."""
    row = gains.loc[driver]
    if row["caution"]:
        return f"an amount that cannot be told, {row['caution']}"
    if row["says"] == "none seen":
        seen = number(_numbers(gains, driver, "observed_upper")[0])
        return (
            "an amount that the data do not identify, since over its range none is seen "
            f"(below {seen})"
        )
    text = interval_text(*_numbers(gains, driver, "gain", "lower", "upper"))
    if text == "not identified":
        return "an amount that the data do not identify"
    return text.replace("above", "more than").replace("below", "less than")


def _bottleneck(fit: Fit, gains: pd.DataFrame) -> str:
    """Return which of two drivers the gain differs in favour of, if that can be told."""
    last = str(gains.index[-1])
    if len(fit.table.drivers) != 2 or gains["caution"].iloc[-1]:
        return ""
    value, lower, upper = _numbers(gains, last, "gain", "lower", "upper")
    first, second = fit.table.drivers
    if lower > 0 or upper < 0:
        more, less = (first, second) if lower > 0 else (second, first)
        size = (value, lower, upper) if lower > 0 else (-value, -upper, -lower)
        return (
            f"More {more} would buy more than as many times more {less}: by {interval_text(*size)}."
        )
    return f"Whether more {first} or more {second} would buy more cannot be told."


def _numbers(gains: pd.DataFrame, row: str, *columns: str) -> list[float]:
    return [float(gains[column].to_dict()[row]) for column in columns]


def gains_heading(fit: Fit) -> str:
    """Return what :func:`gains_text` is a table of."""
    return f"gain from 10 times more of each, at the largest run ({place_text(fit)})"


def gains_text(gains: pd.DataFrame) -> pd.DataFrame:
    """Return :meth:`Fit.gains` with intervals as text."""
    rows = []
    for more, row in gains.iterrows():
        numbers = row[["gain", "lower", "upper", "robust_lower", "robust_upper"]].astype(float)
        gain, lower, upper, low, high = numbers.tolist()
        rows.append(
            {
                "more": str(more),
                "gain": interval_text(gain, lower, upper),
                "whichever law": interval_text(gain, low, high),
                "over its range": ""
                if np.isnan(row["observed"])
                else interval_text(
                    *row[["observed", "observed_lower", "observed_upper"]].astype(float)
                ),
                "margin": "" if np.isnan(row["margin"]) else number(row["margin"]),
                "says": row["says"],
                "caution": row["caution"],
            }
        )
    return pd.DataFrame(rows)


def surfaces_text(table: pd.DataFrame, by: Sequence[str], drivers: Sequence[str]) -> pd.DataFrame:
    """Return :meth:`FitSet.table` of several drivers with gains as text."""
    shown = table[[*by, "runs", "sizes", "law"]].copy()
    shown[list(by)] = key_texts(shown[list(by)])
    for name in drivers:
        triples = zip(
            *(table[f"{part}_{name}"] for part in ("gain", "lower", "upper")), strict=True
        )
        shown[f"10x {name}"] = [interval_text(*triple) for triple in triples]
        shown[f"margin, {name}"] = table[f"says_{name}"]
    return shown


def best_text(best: pd.DataFrame, drivers: Sequence[str], score: str) -> pd.DataFrame:
    """Return a table of :func:`scalefit.optimum` with intervals as text."""
    rows = []
    for row in best.to_dict("records"):
        told = {"budget": f"{row['compute']:.3g}"}
        for name in (*drivers, score):
            three = (float(row[name]), float(row[f"{name}_lower"]), float(row[f"{name}_upper"]))
            text = interval_text(*three) if name == score else interval_sizes(*three)
            told[name] = "" if row["caution"] else text
        first = drivers[0]
        near = f"{size_text(row[f'{first}_1%_from'])} to {size_text(row[f'{first}_1%_to'])}"
        told[f"{first} within 1 % of the best"] = "" if row["caution"] else near
        told["power of compute"] = interval_text(
            *(float(row[f"{first}_power{end}"]) for end in ("", "_lower", "_upper"))
        )
        rows.append({**told, "caution": row["caution"]})
    return pd.DataFrame(rows)


def contrasts_text(found: pd.DataFrame) -> pd.DataFrame:
    """Return :attr:`Fit.contrasts` with sizes and intervals as text."""
    rows = [
        {"driver": driver, "from": size_text(start), "to": size_text(end),
         "gain": interval_text(*gain)}
        for driver, start, end, *gain in found.itertuples(index=False)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["driver", "from", "to", "gain"])
