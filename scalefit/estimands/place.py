"""Sizes that questions are about: as log sizes of each driver, and how far outside a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from .._numbers import as_numbers
from ..errors import FitError
from ..laws import Frame
from .question import Beyond

__all__ = ["distance", "from_largest", "log_size", "of_curves", "outside", "point", "sizes_of"]

Array = Any


def sizes_of(given: Array) -> Array:
    """Return sizes, or a size of several drivers, in which text is read as in tables.

    Examples
    --------
    >>> sizes_of("22.2M"), sizes_of(("7B", 1e9)), sizes_of(1e6)
    (22200000.0, (7000000000.0, 1000000000.0), 1000000.0)
    >>> sizes_of(np.array(["1M", "2M"])).tolist()
    [1000000.0, 2000000.0]
    """
    if isinstance(given, tuple):
        return tuple(sizes_of(each) for each in given)
    if isinstance(given, (np.ndarray, pd.Series)) and not is_numeric_dtype(given):
        return np.array([sizes_of(each) for each in given])
    if isinstance(given, list):
        return [sizes_of(each) for each in given]
    if not isinstance(given, str):
        return given
    try:
        return as_numbers(given).item()
    except ValueError:
        raise FitError(
            f"size {given!r}; give sizes in driver units, such as 1e7 or '10M'"
        ) from None


def of_curves(x: Array, rows: Any) -> Array:
    """Return the sizes of some of the curves: a size of all is a number, or a tuple of them."""
    return x if np.ndim(x) == 0 or isinstance(x, tuple) else np.asarray(x)[rows]


def point(places: Sequence[Array]) -> Array:
    """Return log sizes, one for each driver, as a law takes them."""
    if len(places) == 1:
        return places[0]
    return np.stack(np.broadcast_arrays(*places), axis=-1)


def from_largest(frame: Frame, driver: int | None, by: float) -> list[Array]:
    """Return the log sizes of the largest run with one driver, or all, moved by a log ratio."""
    drivers = zip(frame.drivers, moved_drivers(frame, driver), strict=True)
    return [own.z_largest + (by if moved else 0.0) for own, moved in drivers]


def moved_drivers(frame: Frame, driver: int | None) -> list[bool]:
    """Return for each driver whether a question about one of them, or about all, moves it."""
    n = len(frame.drivers)
    if driver is not None and driver not in range(n):
        known = ", ".join(map(str, range(n)))
        raise FitError(f"driver={driver!r}; the table's drivers are number {known}, in their order")
    return [driver in (None, d) for d in range(n)]


def outside(frame: Frame, *places: Sequence[Array]) -> Beyond:
    """Return where log sizes, each given driver by driver, are outside those observed."""
    each = []
    slip = 1e-9  # sizes that were run are inside, whatever rounding makes of their logs
    for own, *z in zip(frame.drivers, *places, strict=True):
        above = np.any([item > own.z_max + slip for item in z], axis=0)
        below = np.any([item < own.z_min - slip for item in z], axis=0)
        farthest = np.max([item - own.z_max for item in z], axis=0)
        far = np.where(above, farthest, 0.0)
        if frame.other:  # a corner of a surface is as far from its runs whichever way it lies
            nearest = np.max([own.z_min - item for item in z], axis=0)
            far = np.maximum(far, np.where(below, nearest, 0.0))
        each.append(Beyond(above, below, distance=distance(own, far)))
    if len(each) == 1:
        return each[0]
    above, below = (np.any([getattr(b, n) for b in each], axis=0) for n in ("above", "below"))
    return Beyond(
        above, below, distance=np.max([b.distance for b in each], axis=0), each=tuple(each),
        places=tuple(point(place) for place in places),
    )  # fmt: skip


def distance(frame: Frame, over: Array) -> Array:
    """Return a log ratio to the largest size in units of the log range."""
    span = np.asarray(frame.z_max - frame.z_min, dtype=float)
    return np.divide(over, span, out=np.where(over > 0, np.inf, 0.0 * span), where=span > 0)


def log_size(x: Array, frame: Frame) -> list[Array]:
    """Return log sizes about the centre, one for each driver."""
    try:
        values = np.asarray(x, dtype=float)
    except (TypeError, ValueError):
        raise FitError(f"size {x!r}; give sizes as numbers in driver units, such as 1e7") from None
    if not np.all(np.isfinite(values) & (values > 0)):
        raise FitError(f"size {x}; give positive finite sizes in driver units")
    if frame.other:
        if values.ndim == 0 or values.shape[-1] != len(frame.drivers):
            raise FitError(f"size {x}; give one number for each of {len(frame.drivers)} drivers")
        parts = list(np.moveaxis(values, -1, 0))
    else:
        parts = [values]
    return [
        np.log(_for_each_curve(part, own) / own.x0)
        for part, own in zip(parts, frame.drivers, strict=True)
    ]


def _for_each_curve(values: Array, frame: Frame) -> Array:
    """Return sizes, a number or one for each curve, so that they broadcast with a frame."""
    if not values.ndim:
        return values
    if values.shape[0] != np.shape(frame.x0)[0]:
        raise FitError(f"{values.size} sizes for one curve; ask one at a time, or use predict()")
    return values.reshape(values.shape + (1,) * (np.ndim(frame.x0) - values.ndim))
