"""The pictures of an HTML report; what they show is in the report, or comes from one call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._drawing import (
    gain_limits,
    score_limits,
    score_text,
    size_grid,
    size_limits,
    sizes_and_scores,
)
from .._format import counted, interval_text, number, plain, size_text
from ..fit import Fit
from ..results import mean_curve, residuals
from ..verdict import Saturation
from ..words import verdict_text
from .model import BEYOND, CurveReport
from .svg import Plane, area, dots, group, line, picture, specks, tag, text

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = [
    "LAW_CLASSES", "draw_agreement", "draw_curve", "draw_gains", "draw_laws", "draw_margins",
    "draw_residuals", "thumbnail",
]  # fmt: skip

Floats = NDArray[np.float64]
Pair = tuple[float, float]

#: Colour and dash of the laws that are drawn side by side, in the order of the report.
LAW_CLASSES = ("l0", "l1", "l2", "l3", "l4", "l5", "l6", "l7")
_WIDTH, _HALF = 640.0, 480.0
#: Sizes at which the curve itself is drawn, which costs less than its bands.
_FINE = 97


def draw_curve(curve: CurveReport) -> Markup:
    """Draw runs, size means, the fitted curve with both bands, and the forecast set off."""
    fit, seen = curve.fit, curve.forecast
    height = 360.0
    plane = Plane.spread(_WIDTH, height, size_limits([fit], BEYOND), score_limits([fit], [seen]))
    about = (
        f"{_name(fit.table.score)} against {_name(fit.driver)}: runs, their means, the fitted "
        f"{fit.law.name} curve with {seen.attrs['label']} bands for the mean and for one new run, "
        f"and the forecast to {BEYOND:g} times the largest size. {_says(curve)}"
    )
    return picture(_WIDTH, height, about, _curve_parts(curve, plane))


def _curve_parts(curve: CurveReport, plane: Plane) -> Iterator[Markup]:
    fit, seen = curve.fit, curve.forecast
    top = float(fit.candidates.sample.x.max())
    yield _forecast_region(plane, top)
    yield text(float(plane.x(top)) + 5, plane.y.end + 12, "forecast", "note")
    yield from plane.axes(_name(fit.driver), plain(score_text(fit), 70))
    x = plane.x(seen["size"])
    ends = {name: plane.y(seen[name]) for name in seen.columns if name != "size"}
    yield area(x, ends["run_lower"], ends["run_upper"], "run-band")
    yield area(x, ends["lower"], ends["upper"], "band")
    sizes = size_grid(fit, BEYOND, _FINE)
    # Where a prediction is withheld there is no curve either.
    told = seen[seen["estimate"].notna()]
    sizes = sizes[(sizes <= top) & (sizes <= told["size"].max())]
    metric = fit.table.metrics[0]
    mean = np.clip(mean_curve(fit.estimate, sizes), metric.lower, metric.upper)
    yield line(plane.x(sizes), plane.y(mean), "curve")
    ahead = told[told["size"] >= top]
    yield line(plane.x(ahead["size"]), plane.y(ahead["estimate"]), "curve ahead")
    yield from _cut_marks(curve, plane)
    yield from _columns(curve, plane, x)
    yield from _runs(fit, plane)


def _runs(fit: Fit, plane: Plane, small: bool = False) -> Iterator[Markup]:
    sizes, scores = sizes_and_scores(fit)
    sample = fit.candidates.sample
    used = sample.count[0] > 0
    if small:
        yield specks(plane.x(sizes), plane.y(scores), "specks")
        return
    tips = [f"{size_text(x)}: {y:.5g}" for x, y in zip(sizes, scores, strict=True)]
    yield dots(plane.x(sizes), plane.y(scores), "runs", tips)
    rows = zip(sample.x[0, used], sample.mean[0, used], sample.count[0, used], strict=True)
    tips = [f"mean of {int(n)} at {size_text(x)}: {y:.5g}" for x, y, n in rows]
    yield dots(plane.x(sample.x[0, used]), plane.y(sample.mean[0, used]), "means", tips, 3.6)


def _columns(curve: CurveReport, plane: Plane, x: Floats) -> Iterator[Markup]:
    """Yield an unseen column a size: pointed at, it says what the curve is there."""
    edges = np.concatenate([[x[0]], (x[1:] + x[:-1]) / 2, [x[-1]]])
    marks = []
    for i, (size, value, *ends) in enumerate(curve.forecast.to_numpy(dtype=float).tolist()):
        mean = interval_text(value, *ends[:2])
        run = interval_text(value, *ends[2:]).removeprefix(f"{mean.split(' [')[0]} ")
        tip = f"{size_text(size)}: mean {mean}, one run {run}"
        left, right = edges[i], edges[i + 1]
        d = f"M{left:.1f},{plane.y.end:g}H{right:.1f}V{plane.y.start:g}H{left:.1f}Z"
        marks.append(tag("path", d=d, data_tip=tip))
    yield group(marks, "hits")


def _cut_marks(curve: CurveReport, plane: Plane) -> Iterator[Markup]:
    """Yield a triangle where the band of the mean leaves the picture."""
    seen = curve.forecast
    for end, edge, step in (("upper", plane.y.high, -6), ("lower", plane.y.low, 6)):
        values = seen[end].to_numpy()
        out = values > edge if end == "upper" else values < edge
        if out.any():
            x, y = float(plane.x(seen["size"].to_numpy()[out][-1])), float(plane.y(edge))
            yield tag("path", d=f"M{x - 5:.1f},{y:.1f}L{x + 5:.1f},{y:.1f}L{x:.1f},{y + step:.1f}Z",
                      class_="cut", data_tip="the band goes on outside")  # fmt: skip


def _forecast_region(plane: Plane, top: float) -> Markup:
    left = float(plane.x(top))
    return tag("rect", x=f"{left:.1f}", y=plane.y.end, width=f"{plane.x.end - left:.1f}",
               height=plane.y.start - plane.y.end, class_="ahead-region")  # fmt: skip


def thumbnail(curve: CurveReport, sizes: Pair, scores: Pair | None) -> Markup:
    """Draw a curve in small, on scales that other curves may share."""
    fit, seen = curve.fit, curve.forecast
    width, height = 200.0, 128.0
    limits = score_limits([fit], [seen]) if scores is None else scores
    plane = Plane.spread(width, height, sizes, limits, left=34, right=6, top=6, bottom=20)
    verdict = "" if curve.found is None else curve.found.verdict

    def parts() -> Iterator[Markup]:
        top = float(fit.candidates.sample.x.max())
        yield _forecast_region(plane, top)
        for at, words in plane.y.ticks(3):
            yield text(plane.x.start - 4, at + 3, words, "tick end")
        for at, words in plane.x.ticks(3)[::2]:
            yield text(at, height - 6, words, "tick middle")
        yield tag("path", d=f"M{plane.x.start},{plane.y.end}V{plane.y.start}H{plane.x.end}",
                  class_="ax frame")  # fmt: skip
        part = seen.iloc[::2]
        x = plane.x(part["size"])
        yield area(x, plane.y(part["lower"]), plane.y(part["upper"]), f"band {verdict}")
        yield line(x, plane.y(part["estimate"]), f"curve {verdict}")
        yield from _runs(fit, plane, small=True)

    return picture(width, height, _says(curve), parts())


def draw_gains(curve: CurveReport) -> Markup:
    """Draw the ladder of gains, given the law and whichever law is true, against the margin."""
    found, fit = _found(curve), curve.fit
    rungs = curve.gains
    each = [interval for rung in rungs for interval in (rung.given, rung.whichever)]
    height = 60.0 + 52 * len(rungs)
    plane = Plane.spread(
        _HALF, height, gain_limits(each, found.margin), (0.0, 1.0), log=False, left=70, right=196
    )

    def parts() -> Iterator[Markup]:
        yield from plane.axes(f"gain in {_name(fit.table.score)} (right is better)", "", [])
        zero, margin = (float(plane.x(v)) for v in (0.0, found.margin))
        ends = {"y1": plane.y.end, "y2": plane.y.start}
        yield tag("line", x1=f"{zero:.1f}", x2=f"{zero:.1f}", class_="ax", **ends)
        yield tag("line", x1=f"{margin:.1f}", x2=f"{margin:.1f}", class_="margin", **ends,
                  data_tip=f"margin {number(found.margin)}")  # fmt: skip
        for i, rung in enumerate(rungs):
            middle = plane.y.end + 52 * i + 24
            yield text(plane.x.start - 8, middle - 2, f"{rung.factor:g}x", "tick end strong")
            yield text(plane.x.start - 8, middle + 12, size_text(rung.size), "tick end")
            for interval, y, class_ in (
                (rung.given, middle - 8, "given"), (rung.whichever, middle + 10, "union"),
            ):  # fmt: skip
                yield from _bar(plane, interval.lower, interval.estimate, interval.upper, y, class_)
                said = interval_text(interval.estimate, interval.lower, interval.upper)
                yield text(plane.x.end + 10, y + 4, said, f"tick {class_}")

    about = f"Gain in {_name(fit.table.score)} from more data, margin {number(found.margin)}: " + (
        "; ".join(f"{rung.factor:g} times {rung.given}" for rung in rungs)
    )
    return picture(_HALF, height, about, parts())


def _bar(
    plane: Plane, lower: float, middle: float, upper: float, y: float, class_: str
) -> Iterator[Markup]:
    """Yield an interval along x, with an arrow where it leaves the picture."""
    if np.isnan(lower) or np.isnan(upper):
        return
    left, right = (float(v) for v in plane.x([lower, upper]))
    yield tag("line", x1=f"{left:.1f}", x2=f"{right:.1f}", y1=y, y2=y, class_=f"bar {class_}")
    for out, x, step in ((lower < plane.x.low, left, -7), (upper > plane.x.high, right, 7)):
        if out:
            yield tag("path", d=f"M{x:.1f},{y - 4}L{x + step:.1f},{y}L{x:.1f},{y + 4}Z",
                      class_=f"arrow {class_}")  # fmt: skip
    if plane.x.low <= middle <= plane.x.high:
        yield tag("circle", cx=f"{float(plane.x(middle)):.1f}", cy=y, r=4, class_=f"dot {class_}")


def draw_laws(curve: CurveReport) -> Markup:
    """Draw all laws that could be fitted side by side, with the size means."""
    fit, laws = curve.fit, curve.law_curves
    height = 260.0
    plane = Plane.spread(_HALF, height, size_limits([fit], BEYOND),
                         score_limits([fit], [curve.forecast]))  # fmt: skip
    status = curve.laws.set_index("law")["status"]

    def parts() -> Iterator[Markup]:
        yield _forecast_region(plane, float(fit.candidates.sample.x.max()))
        yield from plane.axes(_name(fit.driver), plain(fit.table.score, 36))
        x = plane.x(laws.index.to_numpy(dtype=float))
        low, high = plane.y.low, plane.y.high
        for i, name in enumerate(laws):
            values = laws[name].to_numpy(dtype=float)
            inside = np.where((values >= low) & (values <= high), values, np.nan)
            rejected = " rejected" if status.get(name) == "rejected" else ""
            class_ = f"law {LAW_CLASSES[i % len(LAW_CLASSES)]}{rejected}"
            yield line(x, plane.y(inside), class_, f"{name}: {status.get(name, '')}")
        sample = fit.candidates.sample
        used = sample.count[0] > 0
        yield specks(plane.x(sample.x[0, used]), plane.y(sample.mean[0, used]), "specks large")

    about = f"Laws side by side: {', '.join(f'{name} ({status.get(name)})' for name in laws)}."
    return picture(_HALF, height, about, parts())


def draw_residuals(curve: CurveReport) -> Markup:
    """Draw the standardised residual of each run by its size."""
    fit = curve.fit
    sizes, scores = sizes_and_scores(fit)
    _, standard = residuals(fit.estimate, sizes, scores)
    reach = max(2.6, 1.15 * float(np.nanmax(np.abs(standard))))
    height = 210.0
    plane = Plane.spread(_HALF, height, size_limits([fit]), (-reach, reach))

    def parts() -> Iterator[Markup]:
        top, bottom = (float(v) for v in plane.y([2.0, -2.0]))
        yield tag("rect", x=plane.x.start, width=plane.x.end - plane.x.start, y=f"{top:.1f}",
                  height=f"{bottom - top:.1f}", class_="ahead-region")  # fmt: skip
        yield from plane.axes(_name(fit.driver), "standardised residual")
        yield specks(plane.x(sizes), plane.y(standard), "specks middling")

    outside = int(np.sum(np.abs(standard) > 2))
    about = (
        f"Standardised residuals from {fit.law.name} by size: {outside} of {len(sizes)} lie beyond "
        "2 in size."
    )
    return picture(_HALF, height, about, parts())


def draw_margins(curve: CurveReport) -> Markup:
    """Draw which verdict each margin gets."""
    found, fit = _found(curve), curve.fit
    rows = found.by_margin()
    edges = [e for e in (*rows["above"], *rows["below"]) if np.isfinite(e)]
    right = 1.4 * max(*edges, found.margin)
    height = 60.0 + 26 * len(rows)
    plane = Plane.spread(_HALF, height, (0.0, right), (0.0, 1.0), log=False, left=104)

    def parts() -> Iterator[Markup]:
        yield from plane.axes(f"margin: smallest gain of interest in {_name(fit.table.score)}", "",
                              [])  # fmt: skip
        for i, row in enumerate(rows.to_dict("records")):
            y = plane.y.end + 26 * i + 3
            left, end = (float(v) for v in plane.x([row["above"], row["below"]]))
            yield text(plane.x.start - 8, y + 14, verdict_text(row["verdict"]), "tick end")
            yield tag("rect", x=f"{left:.1f}", y=y, width=f"{end - left:.1f}", height=18,
                      class_=f"verdict {row['verdict']}",
                      data_tip=f"margins {_between(row['above'], row['below'])}")  # fmt: skip
        at = float(plane.x(found.margin))
        yield tag("line", x1=f"{at:.1f}", x2=f"{at:.1f}", y1=plane.y.end, y2=plane.y.start,
                  class_="margin", data_tip=f"margin {number(found.margin)}")  # fmt: skip

    said = [
        f"{verdict_text(row['verdict'])} for margins {_between(row['above'], row['below'])}"
        for row in rows.to_dict("records")
    ]
    return picture(_HALF, height, f"Verdict against the margin: {'; '.join(said)}.", parts())


def _between(above: float, below: float) -> str:
    if np.isinf(below):
        return f"above {number(above)}"
    return f"from {number(above)} to {number(below)}"


def draw_agreement(curve: CurveReport) -> Markup:
    """Draw observed against fitted means: what can be seen of a law of two drivers."""
    fit = curve.fit
    sample = fit.candidates.sample
    used = sample.count[0] > 0
    seen, fitted = sample.mean[0, used], fit.estimate.fitted()[0, used]
    both = np.concatenate([seen, fitted])
    span = float(np.ptp(both)) or 1.0
    limits = float(both.min()) - 0.04 * span, float(both.max()) + 0.04 * span
    height = 420.0
    plane = Plane.spread(_WIDTH, height, limits, limits, log=False)
    score = _name(fit.table.score)

    def parts() -> Iterator[Markup]:
        yield from plane.axes(f"fitted {score}", f"observed {score}")
        ends = np.array(limits)
        yield line(plane.x(ends), plane.y(ends), "law l0")
        tips = [f"{size_text(x)} {fit.driver}: observed {o:.4g}, fitted {f:.4g}"
                for x, o, f in zip(sample.x[0, used], seen, fitted, strict=True)]  # fmt: skip
        yield dots(plane.x(fitted), plane.y(seen), "runs", tips)

    about = f"Observed {score} against what the law gives, at {counted(int(used.sum()), 'size')}."
    return picture(_WIDTH, height, about, parts())


def _name(text: str) -> str:
    return plain(text, 60)


def _found(curve: CurveReport) -> Saturation:
    if curve.found is None:
        raise ValueError("a law of two drivers has no verdict")
    return curve.found


def _says(curve: CurveReport) -> str:
    name = f"{plain(curve.label, 120)}: " if curve.label else ""
    verdict = "" if curve.found is None else f"{verdict_text(curve.found.verdict)}."
    return name + verdict
