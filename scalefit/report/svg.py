"""Small pictures in SVG: scales and marks, in the colours of the page that holds them.

The page's style sheet colours the marks by their class, so that one picture serves light and dark
screens and paper. Every text is escaped by :func:`tag`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._drawing import size_locator
from .._format import size_text

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = [
    "Plane", "Scale", "area", "dots", "group", "line", "picture", "specks", "tag", "text",
]  # fmt: skip

Floats = NDArray[np.float64]


def tag(name: str, content: object = "", /, **attributes: object) -> Markup:
    """Return an element; texts are escaped, and ``class_`` is class, ``data_tip`` data-tip.

    Examples
    --------
    >>> print(tag("text", "a < b", x=1, class_="note"))
    <text x="1" class="note">a &lt; b</text>
    """
    from markupsafe import Markup, escape

    parts = [
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    ]
    return Markup(f"<{name}{''.join(parts)}>{escape(content)}</{name}>")


@dataclass(frozen=True, slots=True)
class Scale:
    """From values between ``low`` and ``high`` to pixels; what lies outside is held at the edge."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, values: ArrayLike) -> Floats:
        """Return pixels."""
        v = np.clip(np.asarray(values, dtype=float), self.low, self.high)
        if self.log:
            share = np.log(v / self.low) / np.log(self.high / self.low)
        else:
            share = (v - self.low) / (self.high - self.low)
        pixels: Floats = self.start + (self.end - self.start) * share
        return pixels

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        """Return pixels and texts of round values."""
        from matplotlib.ticker import MaxNLocator

        if self.log:
            values = size_locator(self.low, self.high, most < 6).tick_values(self.low, self.high)
        else:
            values = MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(self.low, self.high)
        inside = [float(v) for v in values if self.low <= v <= self.high]
        return list(zip(self(inside).tolist(), _tick_texts(inside, self.log), strict=True))


def _tick_texts(values: Sequence[float], log: bool) -> list[str]:
    if log:
        return [size_text(value) for value in values]
    step = min(np.diff(values), default=1.0)
    if not 1e-6 < step < 1e5:
        return [f"{value:.3g}" for value in values]
    digits = max(0, int(np.ceil(-np.log10(step) - 1e-9)))
    return [f"{value:.{digits}f}" for value in values]


@dataclass(frozen=True, slots=True)
class Plane:
    """A rectangle with scales along x and y, in a picture of ``width`` by ``height`` pixels."""

    x: Scale
    y: Scale
    width: float
    height: float

    @classmethod
    def spread(
        cls, width: float, height: float, x: tuple[float, float], y: tuple[float, float], *,
        log: bool = True, left: float = 58, right: float = 12, top: float = 10, bottom: float = 44,
    ) -> Plane:  # fmt: skip
        """Return a plane for values between the limits, with margins for the axes."""
        return cls(
            Scale(*x, left, width - right, log), Scale(*y, height - bottom, top), width, height
        )

    def axes(
        self, x_title: str, y_title: str, y_ticks: Sequence[tuple[float, str]] | None = None
    ) -> Iterable[Markup]:
        """Yield grid lines, the texts of the ticks and the titles of both axes."""
        bottom, left, right = self.y.start, self.x.start, self.x.end
        for at, words in self.y.ticks() if y_ticks is None else y_ticks:
            if y_ticks is None:
                yield tag("line", x1=left, x2=right, y1=f"{at:.1f}", y2=f"{at:.1f}", class_="grid")
            yield text(left - 7, at + 4, words, "tick end")
        for at, words in self.x.ticks():
            yield tag("line", x1=f"{at:.1f}", x2=f"{at:.1f}", y1=bottom, y2=bottom + 4, class_="ax")
            yield text(at, bottom + 17, words, "tick middle")
        yield tag("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="ax")
        yield text((left + right) / 2, self.height - 5, x_title, "title middle")
        if y_title:
            middle = (self.y.start + self.y.end) / 2
            turn = f"rotate(-90 12 {middle:.1f})"
            yield tag("text", y_title, x=12, y=f"{middle:.1f}", class_="title middle",
                      transform=turn)  # fmt: skip


def picture(width: float, height: float, about: str, parts: Iterable[Markup]) -> Markup:
    """Return a whole picture, described for those who cannot see it."""
    from markupsafe import Markup

    return tag(
        "svg", Markup("").join(parts), xmlns="http://www.w3.org/2000/svg", role="img",
        viewBox=f"0 0 {width:g} {height:g}", aria_label=about,
        class_="wide" if width > 600 else None,
    )  # fmt: skip


def text(x: float, y: float, words: str, class_: str = "") -> Markup:
    """Return a text at a point."""
    return tag("text", words, x=f"{x:.1f}", y=f"{y:.1f}", class_=class_ or None)


def line(x: Floats, y: Floats, class_: str, tip: str | None = None) -> Markup:
    """Return a line through points; it is broken where one is missing."""
    return tag("path", d=_path(x, y), class_=class_, data_tip=tip)


def area(x: Floats, low: Floats, high: Floats, class_: str) -> Markup:
    """Return the band between two lines."""
    seen = ~(np.isnan(low) | np.isnan(high))
    if not seen.any():
        return tag("path", class_=class_)
    x, low, high = x[seen], low[seen], high[seen]
    around = _path(np.concatenate([x, x[::-1]]), np.concatenate([low, high[::-1]]))
    return tag("path", d=f"{around}Z", class_=class_)


def group(parts: Iterable[Markup], class_: str) -> Markup:
    """Return marks of one look."""
    from markupsafe import Markup

    return tag("g", Markup("").join(parts), class_=class_)


def dots(x: Floats, y: Floats, class_: str, tips: Sequence[str], radius: float = 3) -> Markup:
    """Return a dot a point, with what it says when pointed at."""
    marks = (
        tag("circle", cx=f"{a:.1f}", cy=f"{b:.1f}", r=f"{radius:g}", data_tip=tip)
        for a, b, tip in zip(x.tolist(), y.tolist(), tips, strict=True)
        if a == a and b == b
    )
    return group(marks, class_)


def specks(x: Floats, y: Floats, class_: str) -> Markup:
    """Return points that say nothing, as one path whose round line ends are the dots."""
    points = zip(x.tolist(), y.tolist(), strict=True)
    d = "".join(f"M{a:.1f},{b:.1f}h0" for a, b in points if a == a and b == b)
    return tag("path", d=d, class_=class_)


def _path(x: Floats, y: Floats) -> str:
    """Return moves of a pen in tenths of a pixel, each from where it is: half as long as places."""
    seen = ~(np.isnan(x) | np.isnan(y))
    breaks = np.flatnonzero(~seen)
    parts = []
    for part in np.split(np.arange(x.size), breaks):
        part = part[seen[part]]
        if not part.size:
            continue
        tenths = np.rint(10 * np.stack([x[part], y[part]])).astype(int)
        steps = np.diff(tenths, axis=1).T.tolist()
        first = tenths[:, 0].tolist()
        parts.append(f"M{first[0] / 10:g},{first[1] / 10:g}")
        parts.extend(f"l{a / 10:g},{b / 10:g}" for a, b in steps)
    return "".join(parts)
