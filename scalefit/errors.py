"""What can go wrong, as one family of exceptions.

ScalefitError (a ValueError)
├── TableError   the table cannot be used as it is: names file, column, rows, value and mend
├── LawError     no such law, or the law cannot be used here
└── FitError     the question cannot be answered from this fit
    └── UnknownCurveError (also a KeyError)
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

__all__ = [
    "FitError",
    "LawError",
    "ScalefitError",
    "ScalefitWarning",
    "TableError",
    "UnknownCurveError",
    "nearest",
]


class ScalefitError(ValueError):
    """Any error that scalefit raises on purpose."""


class TableError(ScalefitError):
    """The table cannot be used as it is; the message names file, column, rows, value and mend."""


class LawError(ScalefitError):
    """There is no such law, or it cannot be used for this table."""


class FitError(ScalefitError):
    """The question cannot be answered from this fit."""


class UnknownCurveError(FitError, KeyError):
    """No curve of a FitSet has this key."""

    def __str__(self) -> str:
        return str(self.args[0])  # a KeyError would print the repr of its message


class ScalefitWarning(UserWarning):
    """The one category of Python warning that scalefit emits."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest allowed name, or an empty string.

    A name whose words begin as those that were given is closer than one spelt alike.

    Examples
    --------
    >>> nearest("sat_power", ["shifted_power", "saturating_power"])
    "; did you mean 'saturating_power'?"
    """
    names = list(allowed)
    shortened = [each for each in names if _is_short_for(name, each)]
    close = shortened or difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _is_short_for(name: str, whole: str) -> bool:
    """Return whether every word of a name of several begins the same word of another."""
    given, words = (re.findall(r"[^\W_]+", each.casefold()) for each in (name, whole))
    return len(given) == len(words) > 1 and all(map(str.startswith, words, given))
