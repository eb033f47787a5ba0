"""What a paper states of a fitted law: numbers with their errors, as a record to compare with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from .errors import FitError, nearest
from .laws import Law, get_law

__all__ = ["PublishedFit", "Stated", "is_estimates", "stated", "stated_rows"]


@dataclass(frozen=True, slots=True)
class Stated:
    """A number as stated, with its interval if there is one.

    Parameters
    ----------
    estimate : float
    lower, upper : float
        Ends of its interval; nan where none is stated.
    level : float
        Coverage of the interval.
    std_error : float
        As stated; nan where none is.
    """

    estimate: float
    lower: float = np.nan
    upper: float = np.nan
    level: float = 0.95
    std_error: float = np.nan

    def __post_init__(self) -> None:
        given = (self.estimate, self.lower, self.upper, self.std_error)
        if not np.isfinite(self.estimate):
            raise FitError(f"estimate={self.estimate!r}; a published estimate is a finite number")
        if self.std_error <= 0 or self.lower > self.estimate or self.upper < self.estimate:
            raise FitError(
                f"{given}: a standard error is positive, and an interval holds its estimate"
            )

    @property
    def errors(self) -> tuple[float, float]:
        """Standard errors below and above the estimate; nan where nothing is stated."""
        if np.isfinite(self.std_error):
            return self.std_error, self.std_error
        from scipy.special import ndtri

        z = float(ndtri(0.5 + 0.5 * self.level))
        return (self.estimate - self.lower) / z, (self.upper - self.estimate) / z


@dataclass(frozen=True)
class PublishedFit:
    """The constants of a law as a paper states them.

    Parameters
    ----------
    source : str
        The paper.
    law : str or Law
        Name of the law, such as ``"additive"``, or a law of your own.
    estimates : mapping of str to float or (float, float) or (float, float, float)
        For each parameter of the law the estimate; with its standard error; or with the two ends
        of its 95 % interval.
    note : str
        How it was obtained: objective, exclusions.

    Raises
    ------
    LawError, FitError
        There is no such law, or it has no such parameter; a number cannot be what it is said to be.

    Examples
    --------
    >>> paper = PublishedFit("Hoffmann et al. 2022", "additive",
    ...                      {"alpha": 0.34, "beta": 0.28, "E": (1.69, 0.03)})
    >>> paper.table
              estimate  std_error  lower  upper
    alpha         0.34        NaN    NaN    NaN
    beta          0.28        NaN    NaN    NaN
    E             1.69       0.03    NaN    NaN
    """

    source: str
    law: str | Law
    estimates: Mapping[str, float | tuple[float, ...] | Stated]
    note: str = ""
    stated: dict[str, Stated] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.estimates:
            raise FitError(f"{self.source}: no estimates; give at least one parameter")
        law = get_law(self.law)
        known = [parameter.name for parameter in law.parameters]
        for name in self.estimates:
            if name not in known:
                raise FitError(
                    f"{self.source}: the law {law.name} has no parameter {name!r}; its parameters "
                    f"are {', '.join(known)}" + nearest(str(name), known)
                )
        found = {name: stated(name, value) for name, value in self.estimates.items()}
        object.__setattr__(self, "stated", found)

    @property
    def table(self) -> pd.DataFrame:
        """One row a parameter: estimate, std_error, lower, upper."""
        rows = {
            name: (item.estimate, item.std_error, item.lower, item.upper)
            for name, item in self.stated.items()
        }
        columns = ["estimate", "std_error", "lower", "upper"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def stated(name: str, value: float | tuple[float, ...] | Stated) -> Stated:
    """Return a number as stated: alone, with its standard error, or with its interval."""
    if isinstance(value, Stated):
        return value
    given = value if isinstance(value, tuple) else (value,)
    try:
        numbers = tuple(float(part) for part in given)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) == 1:
        return Stated(numbers[0])
    if len(numbers) == 2:
        return Stated(numbers[0], std_error=numbers[1])
    if len(numbers) == 3:
        return Stated(numbers[0], numbers[1], numbers[2])
    raise FitError(
        f"{name}={value!r}; give a number, (estimate, standard error) or (estimate, lower, upper)"
    )


_ESTIMATE = ("estimate", "est", "effect", "yi")
_ERROR = ("std_error", "se", "sem", "stderr", "standard_error", "sei")
_LOWER = ("lower", "ci_lower", "lo", "lo95", "lower_95", "ci_low", "low")
_UPPER = ("upper", "ci_upper", "hi", "hi95", "upper_95", "ci_high", "high")


def is_estimates(frame: pd.DataFrame) -> bool:
    """Return whether a table states estimates with errors and holds no runs."""
    names = {str(column).strip().casefold() for column in frame.columns}
    errors = bool(names & set(_ERROR)) or bool(names & set(_LOWER) and names & set(_UPPER))
    return bool(names & set(_ESTIMATE)) and errors


def stated_rows(frame: pd.DataFrame, source: str, name: str | None = None) -> dict[str, Stated]:
    """Return the rows of a table of estimates by name.

    Parameters
    ----------
    frame : DataFrame
        With columns ``estimate``, and ``std_error`` or ``lower`` and ``upper``.
    source : str
        The table's name in messages.
    name : str, optional
        The column that names the rows, which may then lack an error; by default the columns of
        text that vary, joined.

    Examples
    --------
    >>> rows = pd.DataFrame({"paper": ["A", "B"], "estimate": [0.3, 0.4], "se": [0.02, 0.05]})
    >>> stated_rows(rows, "papers")["B"].errors
    (0.05, 0.05)
    """
    columns = {str(column).strip().casefold(): column for column in frame.columns}

    def column(names: tuple[str, ...], missing: float = np.nan) -> list[float]:
        found = [columns[name] for name in names if name in columns]
        if not found:
            return [missing] * len(frame)
        numbers = pd.to_numeric(frame[found[0]], errors="coerce").fillna(missing)
        return [float(number) for number in numbers]

    value, error, lower, upper = map(column, (_ESTIMATE, _ERROR, _LOWER, _UPPER))
    level = column(("level", "confidence"), 0.95)
    text = [c for c in frame.columns if not pd.api.types.is_numeric_dtype(frame[c])]
    text = [c for c in text if len(frame[c].unique()) > 1] or text
    text = [name] if name is not None else text
    rows: dict[str, Stated] = {}
    for i, row in enumerate(frame[text].to_numpy(dtype=object).tolist()):
        label = ", ".join(str(v) for v in row if v == v and v is not None) or f"row {i + 1}"
        known = np.isfinite(value[i]) and (
            np.isfinite(error[i]) or (np.isfinite(lower[i]) and np.isfinite(upper[i]))
        )
        if name is None and not known:
            raise FitError(
                f"{source}: row {i + 1} ({label}) has no estimate with a standard error or an "
                "interval; leave it out"
            )
        if label in rows:
            raise FitError(f"{source}: two rows are called {label!r}; tell them apart by a column")
        rows[label] = Stated(value[i], lower[i], upper[i], level[i], std_error=error[i])
    return rows
