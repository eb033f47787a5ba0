"""Fill the tables of validation.md, validation_cells.md and forecasts.md from what tests measured.

Run in the checkout after the tests have written their measurements:
python -m pytest -m slow tests/validation --measured docs/measured
python docs/make_validation.py
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from filling import as_markdown, filled
from versions import versions

MEASURED = Path(__file__).with_name("measured")
PAGE = Path(__file__).with_name("validation.md")
CELLS = Path(__file__).with_name("validation_cells.md")
FORECASTS = Path(__file__).with_name("forecasts.md")
PEERS = Path(__file__).parents[1] / "benchmarks" / "forecast_peers.csv"
BAR = ["low", "high"]
#: How a bar can stand, the worst last, and how that is set off.
RESULTS = {"met": "{}", "within error": "*{}*", "undecided": "*{}*", "not met": "**{}**"}
#: Domains of the forecasts, in words.
DOMAINS = {
    "IC": "images", "BB": "BIG-Bench", "NMT": "translation", "LM": "language",
    "all": "all of these", "LCDB": "accuracies with seeds (LCDB)",
}  # fmt: skip
COLUMNS = ["row", "what", "bar", "measured", "±", "cells", "replicates", "result"]


def measurements() -> pd.DataFrame:
    """Return every stored measurement with its row and version; a missing bar is infinite."""
    files = [pd.read_csv(path).assign(row=path.stem) for path in sorted(MEASURED.glob("*.csv"))]
    told = pd.concat(files, ignore_index=True).fillna({"low": -np.inf, "high": np.inf})
    known = versions()
    gone = sorted(set(told["test"]) - set(known))
    if gone:
        raise ValueError(f"there are measurements of tests that no longer exist: {gone}")
    told["version"] = told["test"].map(known)
    # What never or always happened has no error of its own: the interval of Wilson (1927) for one
    # standard error is then 1 / (N + 1) long.
    told["error"] = told["error"].mask(told["error"] < 1e-6, 1.0 / (told["replicates"] + 1.0))
    return told.assign(standing=standing(told))


def standing(told: pd.DataFrame) -> np.ndarray:
    """Return how each bar stands.

    Beyond it, the complete version is within error by as much as its test allows, and by three
    Monte-Carlo errors at most; a fast one is undecided by up to three errors, and also inside the
    bar by less than one. A bar that is one number is met as far as the test allows.
    """
    beyond = np.maximum(told["low"] - told["value"], told["value"] - told["high"])
    one, fast = told["low"] == told["high"], told["version"] == "fast"
    beyond -= told["slack"].where(one, 0.0)
    error, slack = told["error"].fillna(0.0), told["slack"].mask(one, 0.0)
    undecided = fast & (beyond > -error) & (beyond <= 3.0 * error)
    within = ~fast & (beyond <= np.minimum(slack, 3.0 * error))
    return np.select(
        [undecided, beyond <= 0, within], ["undecided", "met", "within error"], "not met"
    )


def rows_of(page: str) -> list[str]:
    """Return the rows of the table of claims."""
    claims = page.partition("\n## Rows\n")[2].partition("\n## ")[0]
    _, _, body = claims.partition("| --- |")
    return re.findall(r"^\| (\w+) \|", body, flags=re.M)


def summary(told: pd.DataFrame, rows: list[str]) -> str:
    """Return a line a row, bar and version: what was measured in its cells, and how it stands."""
    lines = []
    for row in rows:
        barred = told[(told["row"] == row) & np.isfinite(told[BAR]).any(axis=1)]
        lines += [line(row, part) for _, part in barred.groupby([*BAR, "version"], sort=False)]
        if barred.empty:
            lines.append({"row": row, "measured": "not measured"})
    days = sorted({told["date"].min(), told["date"].max()})
    table = as_markdown(pd.DataFrame(lines, columns=COLUMNS).fillna(""))
    return f"{table}\n\nMeasured {' to '.join(days)}."


def line(row: str, part: pd.DataFrame) -> dict[str, str]:
    """Return the line of the summary about the cells of one bar, by one version of the test."""
    worst = max(part["standing"], key=list(RESULTS).index)
    times = (part["standing"] == worst).sum()
    result = worst if worst == "met" else f"{RESULTS[worst].format(worst)} in {times}"
    return {
        "row": row,
        "what": listed(part["quantity"].unique().tolist()),
        "bar": bar(*part.iloc[0][BAR], part["slack"].max()),
        "measured": spread(part["value"]),
        "±": number(part["error"].max(), 2) if part["error"].notna().any() else "",
        "cells": str(len(part)),
        "replicates": counts(part["replicates"]),
        "result": f"{result} (fast)" if (part["version"] == "fast").all() else result,
    }


def listed(quantities: list[str]) -> str:
    """Return the first names of a list, and how many more there are."""
    if len(quantities) <= 5:
        return ", ".join(quantities)
    return f"{', '.join(quantities[:4])} and {len(quantities) - 4} more"


def bar(low: float, high: float, slack: float) -> str:
    """Return the words for a bar."""
    if low == high:
        return f"{low:.4g}, give or take {slack:.2g}" if slack else f"exactly {low:.4g}"
    if np.isinf(low):
        return f"at most {high:.4g}"
    return f"at least {low:.4g}" if np.isinf(high) else f"{low:.4g} to {high:.4g}"


def spread(values: pd.Series) -> str:
    """Return the least and the greatest value, and their mean."""
    least, most = number(values.min()), number(values.max())
    return least if least == most else f"{least} to {most}, mean {number(values.mean())}"


def counts(replicates: pd.Series) -> str:
    """Return the least and the greatest number of replicates."""
    return " to ".join(f"{n:,}" for n in sorted({replicates.min(), replicates.max()}))


def number(value: float, digits: int = 3) -> str:
    """Return a number in so many digits."""
    return f"{value:.{digits}g}"


def cells(told: pd.DataFrame, rows: list[str]) -> str:
    """Return what was measured in every cell, with a heading a row."""
    parts = []
    for row in rows:
        its = told[told["row"] == row]
        parts += [f"## {row}", *crossed(its)] if len(its) else []
    return "\n\n".join(parts)


def crossed(its: pd.DataFrame) -> list[str]:
    """Return tables of a row, a line a cell, a column a quantity: one for all cells alike."""
    alike: dict[tuple[str, ...], list[list[str]]] = {}
    for cell, part in its.groupby("cell", sort=False):
        entries = [entry(one) for one in part.itertuples()]
        version = ", ".join(part["version"].unique())
        texts = [cell, *entries, counts(part["replicates"]), version]
        alike.setdefault(tuple(head(one) for one in part.itertuples()), []).append(texts)
    return [
        as_markdown(pd.DataFrame(lines, columns=["cell", *heads, "replicates", "version"]))
        for heads, lines in alike.items()
    ]


def head(one: tuple) -> str:
    """Return a quantity with its bar."""
    barred = np.isfinite([one.low, one.high]).any()
    return f"{one.quantity} ({bar(one.low, one.high, one.slack)})" if barred else one.quantity


def entry(one: tuple) -> str:
    """Return a value with its error, set off where it is beyond its bar."""
    error = f" ± {number(one.error, 2)}" if np.isfinite(one.error) else ""
    text = f"{number(one.value)}{error}"
    return RESULTS[one.standing].format(text)


def forecasts(told: pd.DataFrame) -> str:
    """Return errors, bias and coverage of forecasts, a line a domain, beside those of peers."""
    peers = pd.read_csv(PEERS, index_col="estimator", dtype=str)
    lines = []
    for name, words in DOMAINS.items():
        its = found(told, "E3b" if name == "LCDB" else "E3", "all" if name == "LCDB" else name)
        both = {key: signed(its, key) for key in ("bias", "coverage") if key in its.index}
        mine = {"this": "", "curves": counts(its["replicates"]), **both}
        if "error" in its.index:
            mine["this"] = number(its["value"]["error"])
        if name in peers:
            mine |= peers[name].to_dict()
            errors = {key: float(mine[key]) for key in (*peers.index, "this")}
            best = min(errors, key=errors.__getitem__)
            mine[best] = f"**{mine[best]}**"
        lines.append({"domain": words, **mine})
    columns = ["domain", "curves", *peers.index, "this", "bias", "coverage"]
    return as_markdown(pd.DataFrame(lines, columns=columns).fillna(""))


def foretold(told: pd.DataFrame) -> str:
    """Return what backtests of the training part foretell, and what came, a line a domain."""
    lines = []
    for name in ("IC", "BB", "NMT", "LM"):
        beyond, ratio = found(told, "E3", name)["value"], found(told, "E4", name)["value"]
        lines.append({
            "domain": DOMAINS[name],
            "error, training part alone": number(ratio["error over that beyond"] * beyond["error"]),
            "error beyond": number(beyond["error"]),
            "coverage, training part alone": (
                f"{ratio['coverage less that beyond'] + beyond['coverage']:.2f}"
            ),
            "coverage beyond": f"{beyond['coverage']:.2f}",
        })  # fmt: skip
    return as_markdown(pd.DataFrame(lines))


def found(told: pd.DataFrame, row: str, cell: str) -> pd.DataFrame:
    """Return the measurements of one cell by their quantity."""
    return told[(told["row"] == row) & (told["cell"] == cell)].set_index("quantity")


def signed(its: pd.DataFrame, quantity: str) -> str:
    """Return a value with its error, and with its sign if it has one."""
    one = its.loc[quantity]
    value = f"{one['value']:.2f}" if quantity == "coverage" else f"{one['value']:+.2g}"
    return f"{value} ± {number(one['error'], 1)}"


def pages() -> dict[Path, str]:
    """Return the pages as they are to be."""
    texts = {path: path.read_text(encoding="utf-8") for path in (PAGE, CELLS, FORECASTS)}
    rows, told = rows_of(texts[PAGE]), measurements()
    return {
        PAGE: filled(texts[PAGE], {"summary": summary(told, rows)}),
        CELLS: filled(texts[CELLS], {"cells": cells(told, rows)}),
        FORECASTS: filled(
            texts[FORECASTS], {"errors": forecasts(told), "foretold": foretold(told)}
        ),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
