"""What more of each driver buys, at the largest run, and what a few levels of one differ by."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import FitError
from .estimands import Difference, Estimand, Gain, GainBetween, ObservedGain
from .inference import Inference, Interval, open_beyond, union
from .selection import MIN_SIZES, Candidates, ask

__all__ = ["contrasts", "driver_gains", "driver_number", "gains_of_drivers", "largest_run"]

Floats = NDArray[np.float64]
#: One-sided level of the bounds that are compared with the margin.
_ONE_SIDED = 0.95


def driver_number(drivers: Sequence[str], driver: str | None) -> int | None:
    """Return the number of a driver by its name; None for all of them."""
    if driver is None:
        return None
    if driver not in drivers:
        raise FitError(f"driver={driver!r}; the drivers are {', '.join(map(repr, drivers))}")
    return None if len(drivers) == 1 else list(drivers).index(driver)


def largest_run(fitted: Candidates, row: int = 0) -> Floats:
    """Return the sizes ``(D,)`` of the largest run of a curve, that with the greatest product."""
    frame = fitted.sample.frame.row(row)
    return np.array([own.x0 * np.exp(own.z_largest) for own in frame.drivers])


def driver_gains(
    fitted: Candidates,
    drivers: Sequence[str],
    factor: float,
    margin: float,
    span: float,
    level: float,
    inference: Inference,
    refused: Callable[[Estimand], str],
) -> pd.DataFrame:
    """Return what ``factor`` times each driver, and all of them, adds to the largest run.

    Parameters
    ----------
    fitted : Candidates
        Of a single curve.
    drivers : sequence of str
    factor : float
    margin : float
        The smallest gain of interest.
    span : float
        Range of the metric: a bound as wide limits nothing.
    level : float
        Of the two-sided intervals.
    inference : callable
    refused : callable
        Why a question is not answered; empty if it is.

    Returns
    -------
    DataFrame
        Index ``more``: each driver, "all", and of two drivers "first less second"; columns gain,
        lower, upper, robust_lower, robust_upper (whichever surviving law is true), bound_lower,
        bound_upper (one-sided 95 %), observed, observed_lower, observed_upper (from the driver's
        smallest size to its largest, two-sided), margin, says (the gain is "above" or "below" the
        margin, "none seen" where over the driver's range it is below, or "undecided"), caution.
    """
    asked: dict[str, Estimand] = {
        name: Gain(factor, driver_number(drivers, name)) for name in drivers
    }
    if len(drivers) > 1:
        asked["all"] = Gain(factor)
    if len(drivers) == 2:
        asked[f"{drivers[0]} less {drivers[1]}"] = Difference(*(asked[name] for name in drivers))
    spanning = fitted.spanning()
    none = Interval(np.nan, -np.inf, np.inf, level, "")
    rows: dict[str, dict[str, Any]] = {}
    for name, question in asked.items():
        caution = refused(question)
        questions = [(question, level), (question, 2.0 * _ONE_SIDED - 1.0)]
        if caution:
            gain = bound = hull = none
        else:
            gain, bound = (found[0] for found in ask(fitted, questions, inference))
            hull = union(spanning.estimates, spanning.surviving, question, level, inference)[0]
        observed, seen = none, np.inf
        if name in drivers:
            range_ = ObservedGain(driver_number(drivers, name))
            both = [(range_, level), (range_, 2.0 * _ONE_SIDED - 1.0)]
            if not refused(range_):
                observed, one_sided = (found[0] for found in ask(fitted, both, inference))
                seen = one_sided.upper
        compared = isinstance(question, Gain)
        rows[name] = {
            "gain": gain.estimate, "lower": gain.lower, "upper": _capped(gain.upper, span),
            "robust_lower": hull.lower, "robust_upper": _capped(hull.upper, span),
            "bound_lower": bound.lower, "bound_upper": _capped(bound.upper, span),
            "observed": observed.estimate, "observed_lower": observed.lower,
            "observed_upper": observed.upper, "margin": margin if compared else np.nan,
            "says": _says(bound, seen, margin) if compared else "", "caution": caution,
        }  # fmt: skip
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index.name = "more"
    table.attrs["factor"] = factor
    return table


def gains_of_drivers(gains: pd.DataFrame, drivers: Sequence[str]) -> pd.DataFrame:
    """Return the gains of many curves with a row a curve and the drivers side by side."""
    parts = []
    for name in drivers:
        own = gains[gains["more"] == name].reset_index(drop=True)
        names = {"gain": f"gain_{name}", "lower": f"lower_{name}", "upper": f"upper_{name}",
                 "says": f"says_{name}"}  # fmt: skip
        parts.append(own[list(names)].rename(columns=names))
    return pd.concat(parts, axis=1)


def _says(bound: Interval, seen: float, margin: float) -> str:
    """Return how one-sided bounds of a gain, and of the one over the sizes, lie to the margin."""
    if bound.lower > margin:
        return "above"
    if bound.upper < margin:
        return "below"
    return "none seen" if seen < margin else "undecided"


def _capped(upper: float, span: float) -> float:
    return float(open_beyond(upper, span))


def contrasts(
    fitted: Candidates, drivers: Sequence[str], level: float, inference: Inference
) -> pd.DataFrame:
    """Return the gains between the values of each driver that has too few for an exponent.

    The other drivers are those of the largest run; for laws that add the drivers up they make no
    difference.

    Returns
    -------
    DataFrame
        Columns driver, from, to, gain, lower, upper; a row from each value to the next one, and
        from the least to the greatest of three. Empty where every driver has four values or more,
        and for a single driver.
    """
    sample = fitted.sample
    if len(drivers) == 1:  # fewer than four sizes in all carry no law
        return pd.DataFrame([], columns=["driver", "from", "to", "gain", "lower", "upper"])
    top = largest_run(fitted)
    every = np.concatenate([sample.x[0][:, None], sample.other[0]], axis=1)[sample.count[0] > 0]
    rows = []
    for d, name in enumerate(drivers):
        values = np.unique(every[:, d])
        if not 2 <= len(values) < MIN_SIZES:
            continue
        pairs = list(itertools.pairwise(values))
        if len(values) > 2:
            pairs.append((values[0], values[-1]))
        for start, end in pairs:
            ends = []
            for value in (start, end):
                place = top.copy()
                place[d] = value
                ends.append(tuple(place.tolist()))
            found = ask(fitted, [(GainBetween(*ends), level)], inference)[0][0]
            rows.append([name, start, end, found.estimate, found.lower, found.upper])
    return pd.DataFrame(rows, columns=["driver", "from", "to", "gain", "lower", "upper"])
