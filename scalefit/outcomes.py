"""What the simulated tables of one proposal say, and how often they say it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from .estimands import GainBetween, Parameter
from .inference import ask_together, profile
from .proposals import Proposal
from .saturation import DECIDED, VERDICTS
from .study import Study

__all__ = ["chance", "events", "outcomes", "width_of"]


def outcomes(study: Study, proposal: Proposal, margin: float | None, factor: float) -> pd.DataFrame:
    """Return what each simulated table of a proposal says: one row a table."""
    fitted = study.tables(proposal.added())
    found = study.judge(fitted, factor, margin)
    sizes = [*study.counts, *proposal.sizes]
    low, high = min(sizes), max(sizes)
    ahead = study.true(GainBetween(high, factor * high))
    over = study.true(GainBetween(low, high))
    columns: dict[str, Any] = {
        "verdict": found.verdict, "strength": found.strength, "margin": found.margin,
        "gain": found.gain.estimate, "gain_lower": found.gain.lower,
        "gain_upper": found.gain.upper, "any_law_lower": found.robust_gain.lower,
        "any_law_upper": found.robust_gain.upper,
    }  # fmt: skip
    asked = [(Parameter(name), study.level) for name in study.parameters]
    told = ask_together(fitted.estimate_of(study.law.name), asked, profile) if asked else []
    for name, interval in zip(study.parameters, told, strict=True):
        columns |= {f"{name}_lower": interval.lower, f"{name}_upper": interval.upper}
    rows = pd.DataFrame({name: np.broadcast_to(v, len(study)) for name, v in columns.items()})
    claims = {"saturated": ahead < rows["margin"], "still_scaling": ahead > rows["margin"],
              "no_scaling": over < rows["margin"]}  # fmt: skip
    right = np.select([rows["verdict"] == name for name in claims], list(claims.values()), False)
    return rows.assign(true_gain=ahead, right=right)


def events(part: pd.DataFrame) -> dict[str, pd.Series[bool]]:
    """Return what may happen in a table, by name."""
    verdict, firm = part["verdict"], part["strength"] == "firm"
    decided = verdict != "inconclusive"
    return {
        **{name: verdict == name for name in VERDICTS},
        "firm": firm,
        **{f"firm_{name}": firm & (verdict == name) for name in DECIDED},
        "right": decided & part["right"],
        "wrong": decided & ~part["right"],
    }


def chance(happens: pd.Series[bool]) -> tuple[float, float]:
    """Return a share and its standard error, which is not zero where nothing or all happens.

    The error is that at the share with one more of each (Agresti & Coull 1998,
    doi:10.1080/00031305.1998.10480550, with a narrower margin).
    """
    n, hits = len(happens), int(happens.sum())
    near = (hits + 1.0) / (n + 2.0)
    return hits / n, float(np.sqrt(near * (1.0 - near) / n))


def width_of(lower: pd.Series[float], upper: pd.Series[float]) -> tuple[float, float, float]:
    """Return the median width, its standard error from order statistics, and the share open."""
    width = np.sort((upper - lower).fillna(np.inf).to_numpy())
    n = len(width)
    reach = 0.5 * np.sqrt(n)
    low, high = (width[int(np.clip(0.5 * n + s * reach, 0, n - 1))] for s in (-1, 1))
    with np.errstate(invalid="ignore"):  # where most are open
        error = 0.5 * (high - low)
    return float(np.median(width)), float(error), float(np.isinf(width).mean())
