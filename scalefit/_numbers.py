"""How a column becomes numbers, and why a value that did not become one was refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = [
    "MISSING", "USUAL", "are_dotted", "as_number", "as_numbers", "as_written", "one_space",
    "parse_numbers", "ungrouped",
]  # fmt: skip

Faults = dict[str, NDArray[np.intp]]

MISSING = "missing"
INFINITE = "infinite"
TEXT = "not a number"
ERROR = (
    "a number with its error: put the error in a column of its own, and pass se= (or sd= with n=)"
)
INTERVAL = (
    "a number with its interval: put its ends in columns of their own, and pass se= with a 95 % "
    "interval's width over 3.92"
)
POWER = "a power that is written out: write 10^4 as 1e4"
DURATION = "a duration: write it in seconds, in pandas with .dt.total_seconds()"
WORDS = "a number with words: write the number alone"
DECIMAL_COMMA = "a decimal comma: read the file with decimal=','"
AMBIGUOUS_COMMA = (
    "decimal comma or thousands separator: read the file with decimal=',' or thousands=','"
)
DOTS = (
    "dots between thousands: write it without them, or read the file with decimal=',' and "
    "thousands='.' if that is how all its numbers are written"
)
AMBIGUOUS_DOT = (
    "decimal point or dot between thousands: read the file with decimal='.' if it is a point, or "
    "with decimal=',' and thousands='.' if dots part its thousands"
)
DOTS_BESIDE_COMMAS = "dots between thousands: read the file with thousands='.' as well"
POINT = "a decimal point, where the comma was said to be the decimal sign: write a comma"
POINTS = "the decimal sign more than once"
GROUPS = "the sign between thousands is not between groups of three digits"
#: Signs of the decimals and of the thousands of a text that says nothing of them.
USUAL = (".", "")

_SCALES = {"": 1.0, "%": 1e-2, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
_LETTERS = "".join(_SCALES)
_NUMBER = re.compile(
    r"(?P<digits>[+-]?(?:\d(?:_?\d)*\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(?P<scale>[%kmbgt]?)"
)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?![\d,])")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:e[+-]?\d+)?\s*[%kmbgt]?")
_DOTS = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+")
_WHOLE = re.compile(r"[+-]?\d+")
_SPACED = re.compile(r"[+-]?[1-9]\d{0,2}(?P<sign>[ '’])\d{3}(?:(?P=sign)\d{3})*(?![ '’]?\d)")
#: What a text may be that begins as a number.
_LONGER = (
    (re.compile(r"(?:[+-]?\d+ days?,? )?[+-]?\d+:\d\d:\d\d(?:\.\d+)?"), DURATION),
    (
        re.compile(r"[^±([]*\d[^±([]*[([][^±]*\d[^±]*(?:,\s|\.\d+,|[;:–]|\d\s*-|\bto\b)[^±]*\d.*"),
        INTERVAL,
    ),
    (re.compile(r"[^±(]*\d[^±(]*(?:±|\+/?-|\().*\d.*"), ERROR),
    (re.compile(r".*\d\s*(?:\^|\*\*)\s*[+-]?\d.*"), POWER),
    (re.compile(r"[+-]?[\d.,]*\d(?:e[+-]?\d+)?[%kmbgt]?\s+[^\W\d].*"), WORDS),
)
_NO_VALUE = frozenset({"", "nan", "na", "n/a", "none", "null", "<na>", "-"})


def as_number(given: Any) -> float:
    """Return a real number of any type as a float, and nan for all else.

    Examples
    --------
    >>> as_number(np.float32(0.5)), as_number(3), as_number(True), as_number("3"), as_number([3])
    (0.5, 3.0, nan, nan, nan)
    """
    return float(given) if isinstance(given, Real) and not isinstance(given, bool) else np.nan


def as_numbers(given: Any) -> NDArray[np.float64]:
    """Return sizes of any shape as numbers; text is read as in tables.

    Raises
    ------
    TypeError, ValueError
        Something is no number.

    Examples
    --------
    >>> as_numbers("1M").item(), as_numbers(["22.2M", 300]).tolist()
    (1000000.0, [22200000.0, 300.0])
    """
    each = np.asarray(given)
    if each.dtype.kind not in "OSU":
        return np.asarray(given, dtype=float)
    texts = each.ravel()
    values, faults = parse_numbers(pd.Series(texts, dtype=object), counts=True)
    if faults:
        raise ValueError("; ".join(f"{texts[at[0]]!r} is {why}" for why, at in faults.items()))
    return values.reshape(each.shape)


def parse_numbers(column: pd.Series, *, counts: bool) -> tuple[NDArray[np.float64], Faults]:
    """Read a column as numbers; text such as ``10M``, ``1,000,000`` or ``85%`` is understood.

    ``85%`` is 0.85, and spaces of any kind or apostrophes may part groups of three digits. A single
    comma before three digits separates thousands in a column of counts; in a column of scores it
    could as well be a decimal comma, and is refused. A dot in a column of counts is refused where
    all of its dots could part thousands, unless it was said what they are.

    Parameters
    ----------
    column : pandas.Series
        Numbers or text, in any dtype except boolean. ``attrs["signs"]`` are the signs of decimals
        and thousands with which its file was said to be written; a dot that is neither is refused.
        ``attrs["dotted"]`` are the texts of the columns of numbers whose dots are in doubt.
    counts : bool
        Whether the column counts something (cells, parameters).

    Returns
    -------
    ndarray of float, shape (n,)
        The numbers, ``nan`` where there is none.
    dict of str to ndarray of int
        Positions of the refused values under the reason for refusing them.

    Examples
    --------
    >>> parse_numbers(pd.Series(["22.2 M", "300k", "1,000"]), counts=True)[0].tolist()
    [22200000.0, 300000.0, 1000.0]
    >>> parse_numbers(pd.Series(["0.5", "85%", "abc"]), counts=False)
    (array([0.5 , 0.85,  nan]), {'not a number': array([2])})
    """
    column = as_written(column) if counts else column
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_complex_dtype(column):
        return _parse_text(column, counts, column.attrs.get("signs"))
    values = column.to_numpy(dtype=float, na_value=np.nan, copy=True)
    missing, infinite = np.isnan(values), np.isinf(values)
    values[infinite] = np.nan
    faults = {MISSING: missing, INFINITE: infinite}
    return values, {why: np.flatnonzero(at) for why, at in faults.items() if at.any()}


def as_written(column: pd.Series) -> pd.Series:
    """Return a column as its file has it where its dots are in doubt, any other as it is.

    Examples
    --------
    >>> column = pd.Series([500.0, 1.0], name="cells")
    >>> column.attrs["dotted"] = {"cells": ["500", "1.000"]}
    >>> as_written(column).tolist()
    ['500', '1.000']
    """
    texts = column.attrs.get("dotted", {}).get(column.name)
    if texts is None:
        return column
    written = {float(text): text for text in sorted(texts, key=len)}  # 1.000 rather than 1
    return column.astype(object).map(lambda value: written.get(value, value))


def are_dotted(texts: Sequence[str], alone: bool = False) -> bool:
    """Return whether all dots in the numbers of a column could part thousands.

    A column written to three decimals has them too, so that there need to be whole numbers beside
    them, or more than one dot in a number, unless dots ``alone`` are enough.

    Examples
    --------
    >>> are_dotted(["500", "1.000"]), are_dotted(["500", "1.25"]), are_dotted(["1.000", "2.000"])
    (True, False, False)
    """
    dots = [text for text in texts if "." in text]
    beside = alone or any(_WHOLE.fullmatch(text) or text.count(".") > 1 for text in texts)
    return bool(dots) and beside and all(_DOTS.fullmatch(text) for text in dots)


def _parse_text(
    column: pd.Series, counts: bool, signs: tuple[str, str] | None
) -> tuple[NDArray[np.float64], Faults]:
    # Through str, so that True, Decimal and numbers in an object column are told apart by their
    # looks; each distinct text is read once.
    codes, texts = pd.factorize(column.astype(object).where(column.notna(), "").map(str))
    cleaned = [one_space(text.strip()).replace("\u2212", "-").lower() for text in texts]
    alone = column.name in column.attrs.get("dotted", {})
    written = counts and signs is None and column.map(lambda one: isinstance(one, str)).any()
    doubtful = written and are_dotted(cleaned, alone)
    if any(_DECIMAL_COMMA.fullmatch(text) and not _THOUSANDS.match(text) for text in cleaned):
        counts = False  # one sure decimal comma makes every lone comma of the column doubtful
    if signs in (None, USUAL):
        read = [_parse_one(text, counts) for text in cleaned]
    else:
        read = [_parse_as_told(text, *signs) for text in cleaned]
    if doubtful:
        read = [
            (np.nan, AMBIGUOUS_DOT) if text.count(".") == 1 else one
            for text, one in zip(cleaned, read, strict=True)
        ]
    values = np.array([value for value, _ in read], dtype=float)[codes]
    reasons = list(dict.fromkeys(reason for _, reason in read if reason))
    which = np.array([reasons.index(reason) if reason else -1 for _, reason in read])[codes]
    return values, {why: np.flatnonzero(which == i) for i, why in enumerate(reasons)}


def one_space(text: str) -> str:
    """Return a text with every kind of space as the usual one: no-break, narrow, thin."""
    return re.sub(r"\s", " ", text)


def _parse_as_told(text: str, decimal: str, thousands: str) -> tuple[float, str]:
    """Return the same of a text in which it is known what commas and dots are."""
    digits = text.rstrip(_LETTERS).rstrip()  # 1,000k and "300 k" have a unit
    whole = text
    if thousands and thousands in digits:
        grouped = _grouped(decimal, thousands).fullmatch(digits)
        if not grouped:
            return np.nan, GROUPS
        whole = text.replace(thousands, "")
    if decimal != "." and "." in whole:
        value, reason = _parse_one(whole.replace(decimal, "."), True)
        grouped = _DOTS.fullmatch(whole.partition(decimal)[0])
        if reason and not grouped:
            return value, reason
        return np.nan, DOTS_BESIDE_COMMAS if grouped else POINT
    if whole.count(decimal) > 1:
        return np.nan, _why_longer(text, POINTS)
    return _parse_one(whole.replace(decimal, "."), True)


def ungrouped(column: pd.Series, decimal: str, thousands: str) -> pd.Series:
    """Return a column of numbers of which some have a sign between thousands as numbers.

    Any other column is returned as it is.

    Examples
    --------
    >>> ungrouped(pd.Series(["1.000,5", "20"]), ",", ".").tolist()
    [1000.5, 20.0]
    >>> ungrouped(pd.Series(["1.000", "v2"]), ",", ".").tolist()
    ['1.000', 'v2']
    """
    if not thousands:
        return column
    plain = rf"[+-]?\d+(?:{re.escape(decimal)}\d*)?"
    told = column.dropna().astype(str).str.strip().map(one_space)
    whole = told.str.fullmatch(_grouped(decimal, thousands))
    if not (whole.any() and (whole | told.str.fullmatch(plain)).all()):
        return column
    read = told.str.replace(thousands, "", regex=False).str.replace(decimal, ".", regex=False)
    return pd.to_numeric(read).reindex(column.index)


def _grouped(decimal: str, thousands: str) -> re.Pattern[str]:
    """Return the pattern of a number in which a sign stands between groups of three digits."""
    point, between = re.escape(decimal), re.escape(thousands)
    return re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:{between}\d{{3}})+(?:{point}\d*)?")


def _parse_one(text: str, counts: bool) -> tuple[float, str]:
    """Return a number and "", or nan and the reason."""
    if text in _NO_VALUE:
        return np.nan, MISSING
    if text.lstrip("+-") in ("inf", "infinity"):
        return np.nan, INFINITE
    spaced = _SPACED.match(text)
    if spaced:
        text = spaced[0].replace(spaced["sign"], "") + text[spaced.end() :]
    plain = text
    if "," in text:
        grouped = _THOUSANDS.match(text)
        if not grouped:
            return np.nan, DECIMAL_COMMA if _DECIMAL_COMMA.fullmatch(text) else _why_longer(text)
        if text.count(",") == 1 and "." not in text and not counts:
            return np.nan, AMBIGUOUS_COMMA
        plain = text.replace(",", "")
    match = _NUMBER.fullmatch(plain)
    if not match:
        return np.nan, DOTS if _DOTS.fullmatch(plain) else _why_longer(plain)  # two dots or more
    digits = float(match["digits"])
    # Division keeps 85% exactly 0.85, where 85 * 0.01 would not be.
    value = digits / 100 if match["scale"] == "%" else digits * _SCALES[match["scale"]]
    return (np.nan, INFINITE) if np.isinf(value) else (value, "")


def _why_longer(text: str, other: str = TEXT) -> str:
    """Return why a text is no number, with a mend if it holds one; another reason elsewhere."""
    return next((why for form, why in _LONGER if form.fullmatch(text)), other)
