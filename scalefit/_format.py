"""How a number, an open interval and an aligned table look as text."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable
from itertools import takewhile

import pandas as pd

__all__ = [
    "capital",
    "counted",
    "interval_text",
    "key_text",
    "key_texts",
    "listed",
    "number",
    "numbers_apart",
    "plain",
    "plain_names",
    "size_text",
    "table_text",
]

_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
#: An estimate that is less, as a share of its interval's width, is rounding.
_NOTHING = 1e-3
#: What is finer is written with an exponent.
_SMALL = 1e-4
#: Sizes for which nobody has a letter.
_NAMELESS = 1e15


def number(value: float, digits: int = 3, width: float | None = None) -> str:
    """Return ``value`` to ``digits`` significant digits, without exponents where it can.

    ``width`` is the width of the interval around it, to which the digits are then counted.

    Examples
    --------
    >>> number(0.0512345), number(12345.678), number(1.5e-7), number(float("nan"))
    ('0.0512', '12346', '1.5e-07', '-')
    >>> number(1e-9, width=0.01), number(7.7e-13, width=1.6e-9)
    ('0', '0')
    """
    if value is None or math.isnan(value):
        return "-"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    size = abs(value)
    resolution = width if width is not None and 0 < width < math.inf else size
    if size == 0 or (resolution < _SMALL and size < _NOTHING * resolution):
        return "0"
    if resolution < _SMALL or max(size, resolution) >= 1e7:
        return f"{value:.{digits}g}"
    text = f"{value:.{max(0, digits - 1 - math.floor(math.log10(resolution)))}f}"
    return text if float(text) else "0"


def numbers_apart(one: float, other: float) -> tuple[str, str]:
    """Return two numbers with as many digits, from three on, as tell them apart if they differ.

    Examples
    --------
    >>> numbers_apart(0.00931, 0.02), numbers_apart(0.009312, 0.009308)
    (('0.00931', '0.0200'), ('0.009312', '0.009308'))
    """
    for digits in range(3, 17):
        texts = number(one, digits), number(other, digits)
        if texts[0] != texts[1]:
            break
    else:
        return number(one), number(other)
    return texts


def counted(n: int, thing: str) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> counted(1, "curve"), counted(2, "curve")
    ('1 curve', '2 curves')
    """
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def listed(things: Iterable[object], shown: int = 5) -> str:
    """Return the first few of some things, and how many more there are.

    Examples
    --------
    >>> listed([1, 2, 3], 2), listed([1, 2])
    ('1, 2 and 1 more', '1, 2')
    """
    every = list(things)
    more = len(every) - shown
    return ", ".join(map(str, every[:shown])) + (f" and {more} more" if more > 0 else "")


def capital(text: str) -> str:
    """Return a text as a sentence begins.

    Examples
    --------
    >>> capital("gain in F1")
    'Gain in F1'
    """
    return text[:1].upper() + text[1:]


def interval_text(estimate: float, lower: float, upper: float) -> str:
    """Return "estimate [lower, upper]", "above lower", "below upper", "not identified" or "none".

    Examples
    --------
    >>> interval_text(0.5, 0.25, 0.75), interval_text(0.5, 0.25, math.inf)
    ('0.500 [0.250, 0.750]', 'above 0.250')
    >>> interval_text(0.432, 0, 22.8), interval_text(1e-9, -0.01, 0.01)
    ('0.43 [0, 22.8]', '0 [-0.0100, 0.0100]')
    """
    if math.isnan(lower) and math.isnan(upper):
        return "none"
    if math.isinf(lower) and math.isinf(upper):
        return "not identified"
    scale = abs(estimate) if math.isfinite(estimate) else None
    if math.isinf(upper) and 0 <= lower <= 1e-3 * (scale or 0.0):
        return "not identified"  # "above 0" would say nothing of a quantity that cannot be negative
    if math.isinf(upper):
        return f"above {number(lower, width=scale)}"
    if math.isinf(lower):
        return f"below {number(upper, width=scale)}"
    width = upper - lower
    size = abs(estimate)
    # Digits that only follow the width would round an estimate away that is less than it.
    near = min(width, 10.0 * size) if size > _NOTHING * width else width
    return (
        f"{number(estimate, width=near)} [{number(lower, width=width)}, "
        f"{number(upper, width=width)}]"
    )


def size_text(value: float) -> str:
    """Return a size in plain words: 222k, 22.2M; from 1e15 on, as floating-point operations, 1e15.

    Examples
    --------
    >>> size_text(222_000), size_text(22.2e6), size_text(950), size_text(math.inf)
    ('222k', '22.2M', '950', 'never')
    >>> size_text(9.99e14), size_text(1e15), size_text(3.16e21)
    ('999T', '1e15', '3.16e21')
    """
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "never"
    if value >= _NAMELESS * 0.9995:
        return f"{value:.3g}".replace("e+", "e")
    for unit, name in _UNITS:
        if value >= unit * 0.9995:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def plain(text: object, longest: int | None = None) -> str:
    r"""Return text from a table as one line that is safe to show, with at most ``longest`` signs.

    Control characters, lone surrogates and marks that turn the writing direction are left out:
    they can repaint a terminal or disguise a label.

    Examples
    --------
    >>> plain("scVI\n\x1b[31mlung"), plain("a long label", 8)
    ('scVI [31mlung', 'a long…')
    """
    line = " ".join(str(text).split())
    line = "".join(
        sign for sign in line
        if unicodedata.category(sign) not in ("Cc", "Cs") and sign not in _TURNS
    )  # fmt: skip
    if longest is not None and len(line) > longest:
        line = line[: longest - 1].rstrip() + "…"
    return line


def plain_names(names: Iterable[object], longest: int) -> list[str]:
    """Return names as :func:`plain` does, cut where most of them stay distinct.

    That is at the end if it can be, else in the middle, else in what all of them begin with.

    Examples
    --------
    >>> plain_names(["scGPT-small", "scGPT-large-v1", "scGPT-large-v2"], 10)
    ['scGP…small', 'scGP…ge-v1', 'scGP…ge-v2']
    >>> plain_names(["a long label", "b"], 8)
    ['a long…', 'b']
    """
    lines = [plain(name) for name in names]
    columns = zip(*lines, strict=False)
    shared = sum(1 for _ in takewhile(lambda signs: len(set(signs)) == 1, columns))

    def in_the_middle(line: str) -> str:
        tail = longest // 2
        return f"{line[: longest - 1 - tail].rstrip()}…{line[len(line) - tail :].lstrip()}"

    def in_front(line: str) -> str:
        return plain(f"…{line[shared:]}", longest)

    ways = [
        [line if len(line) <= longest else cut(line) for line in lines]
        for cut in (lambda line: plain(line, longest), in_the_middle, in_front)
    ]
    return max(ways, key=lambda way: len(set(way)))


def key_texts(keys: pd.DataFrame) -> pd.DataFrame:
    """Return the keys of curves as they are shown: ``-`` where one is missing."""
    return keys.map(key_text)


def key_text(key: object) -> object:
    """Return a key of a curve as it is shown; see :func:`key_texts`."""
    return "-" if key is None else key


def table_text(table: pd.DataFrame, index: bool = False) -> str:
    """Return a table as aligned text."""
    return str(table.to_string(index=index))
