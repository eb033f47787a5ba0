"""Power law whose exponent changes smoothly at one or more breaks.

    mean(x) = asymptote -/+ coefficient x^-c0 prod_i (1 + (x / d_i)^(1 / f))^(-c_i f)

The broken neural scaling law of Caballero et al. 2023 (arXiv:2210.14891), with ``exponent`` c0 far
below the first break, ``late_exponent`` c0 + c1 beyond it, and so on. Here no exponent is negative,
so that the curve only ever improves: the bumps that the published form allows are not. It is the
wrong law unless many sizes over several decades show both sides of every break.

Working form ``c + b (1 - exp(-path))``, where ``path`` is the distance from x0 along a bent line in
log size, which has the exponents for its slopes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bisection import bisected
from .bend import sigmoid, softplus
from .law import FINE_ASINH, LOG, Frame, Law, Parameter, Shape, Terms
from .saturating_power import SATURATING_POWER, largest_exponent

__all__ = ["BROKEN_POWER", "broken_power"]

Array = Any
#: A log size so far out that its size is infinite.
_ENDLESS = 1e3


def _span(frame: Frame) -> Array:
    """Return the log range of the sizes; 1 for a curve of one size, of which nothing is known."""
    span = frame.z_max - frame.z_min
    return np.where(span > 0, span, 1.0)


def _exponent_bounds(frame: Frame) -> tuple[Array, Array]:
    # The least exponent is the log law to three digits. Were it zero like the later ones, all could
    # be zero, and the law would have no curve.
    return 1e-3 / _span(frame), largest_exponent(frame)


def _break_bounds(frame: Frame) -> tuple[Array, Array]:
    # A break in the outer tenths of the sizes would have one or two of them to rest on.
    margin = 0.1 * (frame.z_max - frame.z_min)
    return frame.z_min + margin, frame.z_max - margin


class _Breaks:
    """The formulas for a number of breaks.

    Shapes are the exponents from the first to the last, the log size of the last break, with two
    breaks the share of the way from the smallest size to it at which the first one lies, and the
    smoothness. It is the same for both breaks, without which the exponent between them could run
    out of the range of its neighbours, and no table tells two from one.
    """

    def __init__(self, n_breaks: int) -> None:
        self.n = n_breaks

    def breaks(self, theta: tuple[Array, ...], frame: Frame) -> list[Array]:
        """Return the log sizes of the breaks, rising."""
        last = theta[self.n + 1]
        if self.n == 1:
            return [last]
        return [frame.z_min + theta[self.n + 2] * (last - frame.z_min), last]

    def path(self, z: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Array:
        """Return the log of the distance from the asymptote at x0 over that at log size ``z``."""
        total, width = theta[0] * z, theta[-1]
        for i, place in enumerate(self.breaks(theta, frame)):
            rise = softplus((z - place) / width, xp) - softplus(-place / width, xp)
            total = total + (theta[i + 1] - theta[i]) * width * rise
        return total

    def columns(
        self, z: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType
    ) -> tuple[Array, ...]:
        return 1.0, -xp.expm1(-self.path(z, theta, frame, xp))

    def gradient(
        self, z: Array, theta: tuple[Array, ...], frame: Frame
    ) -> tuple[tuple[Array, ...], ...]:
        per_exponent = [z] + [0.0] * self.n
        per_break, per_width, width = [], 0.0, theta[-1]
        for i, place in enumerate(self.breaks(theta, frame)):
            change = theta[i + 1] - theta[i]
            here, there = (z - place) / width, -place / width
            rise = softplus(here, np) - softplus(there, np)
            near, far = sigmoid(here, np), sigmoid(there, np)
            per_exponent[i] = per_exponent[i] - width * rise
            per_exponent[i + 1] = per_exponent[i + 1] + width * rise
            per_break.append(-change * (near - far))
            per_width = per_width + change * (rise - near * here + far * there)
        if self.n == 2:
            share, last = theta[self.n + 2], theta[self.n + 1]
            first, second = per_break
            per_break = [second + share * first, (last - frame.z_min) * first]
        left = np.exp(-self.path(z, theta, frame, np))
        return tuple((0.0, left * slope) for slope in (*per_exponent, *per_break, per_width))

    def at_one(self, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Array:
        """Return the log of the coefficient ``b`` over the distance from the asymptote at x0."""
        total, width = theta[0] * xp.log(frame.x0), theta[-1]
        for i, place in enumerate(self.breaks(theta, frame)):
            total = total + (theta[i + 1] - theta[i]) * width * softplus(-place / width, xp)
        return total

    def limit(self, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        levels_off = theta[self.n] > 0
        one = xp.where(levels_off, frame.sign * 1.0, 0.0)
        return Terms((one, one), xp.where(levels_off, 0.0, frame.sign * np.inf))

    def coefficient(self, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        return Terms((0.0, xp.exp(self.at_one(theta, frame, xp))))

    def invert(
        self, values: Mapping[str, Array], frame: Frame, xp: ModuleType
    ) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        places = [xp.log(values["break_size" + mark] / frame.x0) for mark in self.marks]
        shares = [(place - frame.z_min) / (places[-1] - frame.z_min) for place in places[:-1]]
        exponents = (values[name] for name in self.exponents)
        theta = (*exponents, places[-1], *shares, values["smoothness"])
        height = values["coefficient"] * xp.exp(-self.at_one(theta, frame, xp))
        return (frame.sign * values["asymptote"] - height, height), theta

    @property
    def exponents(self) -> tuple[str, ...]:
        return ("exponent", *(("middle_exponent",) if self.n == 2 else ()), "late_exponent")

    def reach(
        self, share: Array, z_from: Array, z_to: Array, theta: tuple[Array, ...], frame: Frame
    ) -> Array:
        """Bisect: the path only rises, but has no inverse in closed form."""
        start = self.path(z_from, theta, frame, np)
        endless = np.isinf(z_to)
        last = np.where(endless, _ENDLESS, z_to)
        rest = np.where(endless, np.inf, self.path(last, theta, frame, np) - start)
        goal = start - np.log1p(share * np.expm1(-rest))
        low, high = z_from + 0.0 * goal, last + 0.0 * goal
        out = self.path(last, theta, frame, np) < goal
        low, high = bisected(lambda z: self.path(z, theta, frame, np) < goal, low, high, 64)
        return np.where(out, np.nan, 0.5 * (low + high))

    def start(
        self, z: NDArray[np.float64], y: NDArray[np.float64], frame: Frame
    ) -> tuple[NDArray[np.float64], ...]:
        """Return one exponent throughout, with breaks in the middle."""
        lower, upper = _exponent_bounds(frame)
        exponent = np.clip(SATURATING_POWER.start(z, y, frame)[0], lower, upper)
        shares = (np.full_like(exponent, 0.5),) * (self.n - 1)
        last = 0.5 * (frame.z_min + frame.z_max)
        return (exponent,) * (self.n + 1) + (last, *shares, 0.1 * _span(frame))

    @property
    def marks(self) -> tuple[str, ...]:
        """Endings that tell the breaks' parameters apart."""
        return ("_1", "_2") if self.n == 2 else ("",)

    def shapes(self, points: tuple[int, ...]) -> tuple[Shape, ...]:
        later = Shape(
            "",
            lambda frame: (0.0 * frame.first_gap, 5.0 + 0.0 * frame.first_gap),
            0,
            coordinate=FINE_ASINH,
        )
        share = Shape("share", lambda frame: (0.1 + 0.0 * frame.z_min, 0.9 + 0.0 * frame.z_min), 0)
        found = (
            Shape("exponent", _exponent_bounds, 0, FINE_ASINH, open_below=(False, True)),
            *(replace(later, name=name) for name in self.exponents[1:]),
            Shape("log_break", _break_bounds, 0),
            *(share,) * (self.n - 1),
            Shape(
                "smoothness",
                lambda frame: (0.02 * _span(frame), 0.5 * _span(frame)),
                0,
                coordinate=LOG,
            ),
        )
        return tuple(replace(s, points=n) for s, n in zip(found, points, strict=True))

    def parameters(self) -> tuple[Parameter, ...]:
        def of_shapes(index: int, size: bool = False) -> Any:
            def terms(theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
                if size:
                    place = self.breaks(theta, frame)[index]
                    return Terms((0.0, 0.0), frame.x0 * xp.exp(place))
                return Terms((0.0, 0.0), theta[index])

            return terms

        last = self.n + 1
        where = ("below the first break", *("between the breaks",) * (self.n - 1))
        found = [
            Parameter(
                "asymptote", "the score as the driver grows without end", "level", self.limit,
                "above",
            ),
            Parameter(
                "coefficient",
                "distance from the asymptote at x = 1 if there were no break",
                "coefficient", self.coefficient, "below",
            ),
        ]  # fmt: skip
        for i, name in enumerate(self.exponents):
            place = (*where, "beyond the last break")[i]
            meaning = f"how fast the distance shrinks {place}"
            found.append(Parameter(name, meaning, "exponent", of_shapes(i), shape=i))
        for i, mark in enumerate(self.marks):
            # The first of two breaks is a function of two shapes.
            own = last if i == self.n - 1 else -1
            meaning = "the size at which the exponent changes"
            found.append(
                Parameter("break_size" + mark, meaning, "size", of_shapes(i, size=True), shape=own)
            )
        meaning = "how gradual a break is, in e-folds of the driver"
        own = 2 * self.n + 1
        found.append(Parameter("smoothness", meaning, "exponent", of_shapes(own), shape=own))
        return tuple(found)

    def working(self, frame: Frame) -> str:
        bends, width = [], "smoothness"
        for i in range(self.n):
            place = "log_break"
            if i < self.n - 1:
                low = f"{float(np.ravel(frame.z_min)[0]):.10g}"
                place = f"({low} + share * (log_break - {low}))"
            change = f"({self.exponents[i]} - {self.exponents[i + 1]}) * {width}"
            ratio = f"(1 + (x / x0)**(1 / {width}) * exp(-{place} / {width}))"
            bends.append(f" * ({ratio} / (1 + exp(-{place} / {width})))**({change})")
        return f"c + b * (1 - (x / x0)**-exponent{''.join(bends)})"


def broken_power(
    name: str,
    title: str,
    n_breaks: int,
    points: tuple[int, ...],
    min_sizes: int,
    min_decades: float,
) -> Law:
    """Return the broken power law with one or two breaks, scanned by ``points`` per shape."""
    breaks = _Breaks(n_breaks)
    names = [f"break_size{mark}" for mark in breaks.marks]
    changes = zip(breaks.exponents[1:], breaks.exponents, strict=False)
    factors = "".join(
        f" (1 + (x / {size})^(1 / smoothness))^(-({later} - {earlier}) smoothness)"
        for size, (later, earlier) in zip(names, changes, strict=True)
    )
    return Law(
        name=name,
        title=title,
        formula=f"asymptote - coefficient x^-exponent{factors}",
        wrong_when="few sizes lie on either side of a break, or the curve has bumps",
        source="broken neural scaling law (BNSL), Caballero et al. 2023, arXiv:2210.14891",
        aliases=("bnsl",),
        n_columns=2,
        shapes=breaks.shapes(points),
        columns=breaks.columns,
        gradient=breaks.gradient,
        parameters=breaks.parameters(),
        invert=breaks.invert,
        limit=breaks.limit,
        reach=breaks.reach,
        start=breaks.start,
        loss_formula=f"asymptote + coefficient x^-exponent{factors}",
        working=breaks.working,
        min_sizes=min_sizes,
        min_decades=min_decades,
        last_break=n_breaks + 1,
    )


BROKEN_POWER = broken_power(
    "broken_power",
    "power law with a break",
    n_breaks=1,
    points=(16, 16, 16, 8),
    min_sizes=10,
    min_decades=3.0,
)
