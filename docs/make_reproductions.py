"""Fill the tables of docs/reproductions.md: published numbers beside ours.

Run in the checkout after a change of methods or data:
python docs/make_reproductions.py [chinchilla_points.csv]
Without the points, which are not part of the package, the tables made from them stay as they are.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from filling import as_markdown, filled

import scalefit as sf

PAGE = Path(__file__).with_name("reproductions.md")
CURVE = ["task", "model", "downsampling", "dataset"]
#: The size of each model for which the study gives its saturation points.
BASE = {"scVI": 1.0, "Geneformer": 256.0}
_NOISES = {
    "hoffmann": "Huber of logs, threshold 1e-3",
    "lad": "least absolute logs",
    "student": "Student-t of logs",
    "lognormal": "least squares of logs",
    "gaussian": "least squares of losses",
}


def saturation_points() -> str:
    """Return every published point with bundled runs, our rule, and what the gain says."""
    runs = sf.datasets.load("denadel_2026").query("percent > 0")
    runs = runs[runs["size_label"].isna() | (runs["size_label"] == runs["model"].map(BASE))]
    theirs = sf.datasets.load("denadel_2026_saturation")
    ours = sf.published_saturation(runs, by=CURVE).merge(theirs, on=CURVE, suffixes=("", "_theirs"))
    verdicts = sf.fit(runs, by=CURVE).saturation()
    both = ours.merge(verdicts, on=CURVE)
    return as_markdown(
        pd.DataFrame(
            {
                "model": both["model"],
                "dataset": both["dataset"],
                "down-sampling": both["downsampling"].str.replace("_", " "),
                "published": both["saturation_percent_theirs"].map("{:g} %".format),
                "the rule here": both["saturation_percent"].map("{:g} %".format),
                "gain from 10x": [
                    span(*row)
                    for row in zip(both["gain"], both["lower"], both["upper"], strict=True)
                ],
                "verdict": both["verdict"] + ", " + both["strength"],
            }
        )
    )


def span(estimate: float, lower: float, upper: float) -> str:
    """Return an interval in three decimals; what is open says so."""
    if np.isfinite([lower, upper]).all():
        return f"{estimate:.3f} [{lower:.3f}, {upper:.3f}]"
    return f"above {lower:.3f}" if np.isfinite(lower) else "not identified"


def largest_points() -> str:
    """Return the largest point of each task that the text states, and that of the heat maps."""
    stated = sf.datasets.load("published_estimates").query("source == 'DenAdel et al. 2026'")
    named = stated.assign(task=stated["setting"].str.replace(r"[- ]", "_", regex=True))
    points = sf.datasets.load("denadel_2026_saturation")
    largest = points.groupby("task")["saturation_percent"].max()
    count = points.groupby("task").size()
    return as_markdown(
        pd.DataFrame(
            {
                "task": named["setting"],
                "text": named["estimate"].map("{:g} %".format),
                "heat maps": named["task"].map(largest).map("{:g} %".format),
                "points": named["task"].map(count),
            }
        )
    )


def figure_means() -> str:
    """Return how far means read from figures are from those of the runs."""
    runs = sf.datasets.load("denadel_2026").query("percent > 0")
    key = ["model", "size_label", "dataset", "percent"]
    figures = sf.datasets.load("denadel_2026_model_sizes").query("percent > 0")
    rows = []
    for pooled, what in ((0, "random down-sampling"), (1, "all down-samplings pooled")):
        chosen = runs if pooled else runs[runs["downsampling"] == "random"]
        means = chosen.groupby(key, dropna=False, as_index=False)["score"].mean()
        both = figures[figures["pooled_over_downsampling"] == pooled].merge(means, on=key)
        apart = (both["mean_score"] - both["score"]).abs()
        rows.append(
            {
                "figures of": what,
                "means in both tables": len(both),
                "median difference": f"{apart.median():.4f}",
                "largest": f"{apart.max():.4f}",
            }
        )
    return as_markdown(pd.DataFrame(rows))


def stated_power() -> str:
    """Return the compute exponent that each paper's own constants give, and what it states."""
    rows = []
    for name in ("hoffmann_2022", "besiroglu_2024"):
        paper = sf.datasets.published(name)
        table = paper.table["estimate"]
        stated = sf.datasets.load("published_estimates").query(
            f"source == '{paper.source}' and quantity == 'a' and setting == 'approach 3'"
        )["estimate"]
        rows.append(
            {
                "paper": paper.source,
                "alpha": f"{table['alpha']:g}",
                "beta": f"{table['beta']:g}",
                "beta / (alpha + beta)": f"{table['beta'] / (table['alpha'] + table['beta']):.3f}",
                "stated": f"{stated.iloc[0]:g}" if len(stated) else "not stated as one",
            }
        )
    return as_markdown(pd.DataFrame(rows))


def chinchilla(points: Path) -> str:
    """Return the constants of both papers, and ours over error models and exclusions."""
    runs = sf.read_table(points)[["params", "tokens", "loss"]]
    rows = []
    for name in ("hoffmann_2022", "besiroglu_2024"):
        paper = sf.datasets.published(name)
        rows.append(
            {"what": f"published by {paper.source}"}
            | {n: f"{paper.table.loc[n, 'estimate']:.5g}" for n in ("E", "A", "B", "alpha", "beta")}
        )
    found = sf.reproduce(
        runs, sf.datasets.published("besiroglu_2024"), noise=list(_NOISES), exclude=(0, 5),
        inference="wald", drivers=["params", "tokens"],
    )  # fmt: skip
    cells = found.table.set_index(["noise", "left_out", "parameter"])["estimate"].sort_index()
    for noise, words in _NOISES.items():
        for left_out in ("the 5 worst", "nothing"):
            ours = cells[noise, left_out]
            rows.append(
                {"what": f"{words}, {left_out} left out"}
                | {n: f"{ours[n]:.0f}" for n in ("A", "B")}
                | {n: f"{ours[n]:.4f}" for n in ("E", "alpha", "beta")}
            )
    return as_markdown(pd.DataFrame(rows)[["what", "E", "A", "B", "alpha", "beta"]])


def tables(points: Path | None) -> dict[str, str]:
    """Return every table that can be made here, by its name in the page."""
    made = {
        "saturation_points": saturation_points(),
        "largest_points": largest_points(),
        "figure_means": figure_means(),
        "stated_power": stated_power(),
    }
    return made if points is None else made | {"chinchilla": chinchilla(points)}


if __name__ == "__main__":
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), tables(given)), encoding="utf-8")
