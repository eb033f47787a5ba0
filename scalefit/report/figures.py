"""The figures of a report, drawn as PNG files in memory."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

from ..plots import paper, plot_fit, plot_fits, plot_gain, plot_slices, plot_surface
from ..words import verdict_text
from ..work import Progress
from .model import Report
from .view import sections

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..fit import Fit

__all__ = ["Drawn", "draw_all", "surface_pictures"]

#: File name and description of each figure of a curve (-1: of all, -2: of the sections), and
#: the files.
Drawn = tuple[dict[int, list[tuple[str, str]]], dict[str, bytes]]

_PANELS = 24
_DPI = 130


def draw_all(report: Report, together: bool, progress: Progress | None = None) -> Drawn:
    """Draw each curve, or all of them as small multiples, 24 to a figure."""
    from matplotlib.figure import Figure

    places: dict[int, list[tuple[str, str]]] = {}
    files: dict[str, bytes] = {}

    def keep(curve: int, name: str, drawn: Axes | Figure, about: str) -> None:
        files[name] = png(drawn)
        places.setdefault(curve, []).append((name, about))

    fits = [curve.fit for curve in report.curves]
    for section in sections(report):
        if section.draw is not None:
            drawn = section.draw(ax=paper(7.0, 4.0))
            keep(-2, f"figure_{section.name}.png", drawn, section.about)
    if together and report.judged:
        starts = range(0, len(fits), _PANELS)
        for i, start in enumerate(starts):
            part = fits[start : start + _PANELS]
            last = start + len(part)
            which = f"Curve {last}" if len(part) == 1 else f"Curves {start + 1} to {last}"
            about = f"{which} with runs, fits and forecasts"
            keep(-1, f"figure_{i + 1:03d}.png", plot_fits(part, figure=Figure()), about)
            if progress is not None:
                progress("drawing", start + len(part), len(fits))
        return places, files
    for i, curve in enumerate(report.curves):
        name = f"figure_{i + 1:03d}"
        if curve.found is None:
            if len(curve.fit.table.drivers) == 2:
                for ending, (draw, about) in zip(
                    ("surface", "slices"), surface_pictures(curve.fit), strict=True
                ):
                    keep(i, f"{name}_{ending}.png", draw(), about)
        else:
            about = f"curve {i + 1}: {verdict_text(curve.found.verdict)}"
            forecast, ladder = plot_fit(curve.fit, paper()), plot_gain(curve.fit, paper(6.4, 3.4))
            keep(i, f"{name}.png", forecast, f"Runs, fit and forecast of {about}")
            keep(i, f"{name}_gain.png", ladder, f"Gain from more data, {about}")
        if progress is not None:
            progress("drawing", i + 1, len(fits))
    return places, files


def surface_pictures(fit: Fit) -> Iterator[tuple[Callable[[], Axes], str]]:
    """Yield what draws each picture of a fit of two drivers, and what it shows."""
    first, second = fit.table.drivers
    score = fit.table.score
    yield (
        lambda: plot_surface(fit, paper(7.0, 4.8)),
        f"{score} by {first} and {second}: runs (circles, coloured by their own {score}) on the "
        f"surface of {fit.law.name}",
    )
    yield (
        lambda: plot_slices(fit, paper(7.0, 4.4)),
        f"Slices through {fit.law.name} with their bands; runs have the colour of the nearest one",
    )


def png(drawn: Axes | Figure, dpi: int = _DPI) -> bytes:
    """Return a drawing as the bytes of a PNG file."""
    content = io.BytesIO()
    figure = cast("Figure", drawn.get_figure(root=True))
    with warnings.catch_warnings():
        # A sign that the font lacks is drawn as a box; the page itself spells the label out.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(content, format="png", dpi=dpi, metadata={"Software": None})
    return content.getvalue()
