"""Thousands of curves against the loops over SciPy that a user would write, in one run.

Every time is CPU time, and every ratio comes from one run: the peer is timed on some curves between
the repeats of ours, the rest in proportion. Objectives are compared curve by curve.

Run: OPENBLAS_NUM_THREADS=1 python benchmarks/many.py
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, curve_fit, least_squares
from scipy.stats import f as f_distribution

import scalefit as sf
from scalefit.estimands import Gain
from scalefit.estimate import estimate
from scalefit.inference import profile
from scalefit.laws import get_law
from scalefit.noise import Gaussian
from scalefit.plateau import bootstrap_plateau_test
from scalefit.sample import Sample, by_size
from scalefit.selection import candidates

Floats = NDArray[np.float64]
#: The laws with something to search for or compare: the constant is not counted.
LAWS = ("log_linear", "power", "saturating_power", "hill", "exponential")
X = 10.0 ** np.linspace(5, 7, 12)
T = X / X[0]
N_PEER = 60


class Row(NamedTuple):
    """One line of the table."""

    job: str
    ours: float
    peer: str
    theirs: float
    bar: str
    note: str

    def __str__(self) -> str:
        ratio = self.theirs / self.ours
        faster = self.bar.endswith("faster")
        said = f"{ratio:.0f} times faster" if faster else f"{1 / ratio:.2f} of its time"
        times = f"{span(self.ours)} | {self.peer}, {span(self.theirs)}"
        return f"| {self.job} | {times} | {said} | {self.bar} | {self.note} |"


def span(seconds: float) -> str:
    """Return a time in words."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


def cpu(job: Callable[[], object]) -> float:
    """Return the CPU seconds of a job."""
    clock = time.process_time()
    job()
    return time.process_time() - clock


def both(
    ours: Callable[[], object], theirs: Callable[[], object], n: int = 5
) -> tuple[float, float]:
    """Return the median times of two jobs that take turns, the first once to warm up."""
    ours()
    times = [(cpu(theirs), cpu(ours)) for _ in range(n)]
    peer, own = np.median(times, axis=0)
    return float(own), float(peer)


def clean(n: int) -> Floats:
    """Return scores ``(n, 12)`` of curves that curve_fit likes."""
    rng = np.random.default_rng(0)
    gap, exponent = rng.uniform(0.2, 0.4, (n, 1)), rng.uniform(0.3, 0.8, (n, 1))
    return 0.9 - gap * T**-exponent + 0.01 * rng.standard_normal((n, T.size))


def mixed(n: int) -> Floats:
    """Return scores ``(n, 12)`` of slow, fast, flat, bounded and turning curves."""
    rng = np.random.default_rng(1)
    exponent, gap = 10 ** rng.uniform(-2, 0.5, (n, 1)), 10 ** rng.uniform(-2, -0.3, (n, 1))
    place = rng.uniform(0.5, 30, (n, 1))
    kinds = [
        0.9 - gap * T**-exponent,
        0.5 + gap * np.log10(T),
        0.9 - gap * np.exp(-(T - 1) / place),
        0.5 + gap / (1 + (place / T) ** (1 + exponent)),
        0.8 + 0.0 * gap * T,
    ]
    kind = rng.choice(5, n, p=[0.5, 0.15, 0.15, 0.15, 0.05])
    sd = 10 ** rng.uniform(-3, -1.5, (n, 1))
    return np.stack(kinds)[kind, np.arange(n)] + sd * rng.standard_normal((n, T.size))


def sample_of(y: Floats) -> Sample:
    """Return scores ``(n, 12)`` as a sample with constant variance."""
    n = len(y)
    group, ones = np.repeat(np.arange(n), T.size), np.ones(n)
    return Gaussian("constant").weigh(by_size(np.tile(X, n), y.ravel(), group, ones, ones))


def curve(t: Floats, e: float, a: float, r: float) -> Floats:
    """Return the saturating power law."""
    return e - a * t**-r


def near_truth(_: Floats) -> list[float]:
    """Return where a search of a clean curve starts."""
    return [0.9, 0.3, 0.5]


def by_eye(y: Floats) -> list[float]:
    """Return where a search of any curve starts."""
    return [y.max(), float(np.ptp(y)), 0.3]


def by_scipy(y: Floats, start: list[float]) -> float:
    """Return the residual sum of squares that curve_fit finds.

    nan where it gives up, and where its curve falls, which ours may not.
    """
    try:
        best, _ = curve_fit(curve, T, y, start)
    except RuntimeError:
        return float("nan")
    rises = best[1] * best[2] >= 0
    return float(np.sum((y - curve(T, *best)) ** 2)) if rises else float("nan")


def five_laws(y: Floats, start: Callable[[Floats], list[float]], name: str, bar: str) -> Row:
    """Time five laws fitted to all curves against one law by curve_fit."""
    laws, sample = [get_law(law) for law in LAWS], sample_of(y)
    rows = np.random.default_rng(2).choice(len(y), min(5 * N_PEER, len(y)), replace=False)
    found: list[float] = []

    def peer() -> None:
        found[:] = [by_scipy(y[g], start(y[g])) for g in rows]

    own, theirs = both(lambda: candidates(laws, sample), peer, 3)
    ours = estimate(get_law("saturating_power"), sample)
    # Where curve_fit leaves our bounds of the exponent its optimum is another one's.
    inside = ~ours.solution.at_bound[rows].any(axis=1)
    rss, best = ours.total_ss[rows], np.array(found)
    worse = np.sum(inside & (rss > best * (1 + 1e-9)))
    gave_up = np.mean(~(best <= rss * (1 + 1e-6)))
    note = f"worse objective: {worse} of {len(rows)}; curve_fit worse or without one: {gave_up:.0%}"
    job = f"{len(y):,} {name} curves x 5 laws"
    return Row(job, own, "one law by curve_fit", theirs * len(y) / len(rows), bar, note)


def pinned(y: Floats, gain: float, start: Floats) -> tuple[float, Floats]:
    """Return the misfit of the saturating power law with a given gain from 10 times more."""

    def residual(p: Floats) -> Floats:
        rate = np.exp(p[1])
        a = gain / (T[-1] ** -rate - (10 * T[-1]) ** -rate)
        return y - curve(T, p[0], a, rate)

    found = least_squares(residual, start)
    return 2.0 * float(found.cost), found.x


def by_roots(y: Floats, best: Floats) -> tuple[float, float]:
    """Return a profile interval of the gain: pin it, refit, and find the root of F on each side."""
    e, a, rate = best
    centre = a * (T[-1] ** -rate - (10 * T[-1]) ** -rate)
    least = float(np.sum((y - curve(T, e, a, rate)) ** 2))
    df = T.size - 3
    cut = least * (1.0 + f_distribution.ppf(0.95, 1, df) / df)
    start = np.array([e, np.log(rate)])

    def over(gain: float) -> float:
        return pinned(y, gain, start)[0] - cut

    ends = []
    for side in (-1.0, 1.0):
        step = 0.1 * centre
        while over(centre + side * step) < 0:
            step *= 2.0
        ends.append(brentq(over, centre, centre + side * step, xtol=1e-6 * centre))
    return ends[0], ends[1]


def intervals(n: int) -> Row:
    """Time profile intervals of the next tenfold gain."""
    y = clean(n)
    fitted = estimate(get_law("saturating_power"), sample_of(y))
    rows = np.arange(8)
    found: list[tuple[float, float]] = []
    best = [curve_fit(curve, T, y[g], [0.9, 0.3, 0.5])[0] for g in rows]

    def peer() -> None:
        found[:] = [by_roots(y[g], best[g]) for g in rows]

    own, theirs = both(lambda: profile(fitted, Gain(10.0), 0.95), peer)
    ours = profile(fitted, Gain(10.0), 0.95)
    ends = np.stack([ours.lower, ours.upper])[:, rows]
    roots = np.array(found).T
    apart = np.max(np.abs(ends - roots) / (roots[1] - roots[0]))
    note = f"ends apart by at most {apart:.0e} of the width"
    return Row("profile interval of a gain, a curve", own / n, "pin, refit, brentq",
               theirs / rows.size, "500 times faster", note)  # fmt: skip


def plateau(y: Floats, start: Callable[[Floats], list[float]], name: str) -> Row:
    """Time the bootstrap test of saturation, 999 simulated tables fitted by both laws."""
    sample = sample_of(y)
    null, wide = (estimate(get_law(law), sample) for law in ("power", "saturating_power"))
    rng = np.random.default_rng(3)
    means, sd = null.fitted(), np.sqrt(null.total_ss / null.residual_df)
    rows = np.arange(2 * N_PEER) % len(y)
    simulated = [means[g] + sd[g] * rng.standard_normal(T.size) for g in rows]

    def pure(one: Floats) -> None:
        with contextlib.suppress(RuntimeError):  # it gives up
            curve_fit(lambda t, a, r: 1.0 - a * t**-r, T, one, [1.0 - one.min(), 0.3])

    def peer() -> None:
        for one in simulated:
            pure(one)
            by_scipy(one, start(one))

    own, theirs = both(lambda: bootstrap_plateau_test(null, wide, 0), peer)
    job, peers = f"saturation test of {name} curves, 999 pairs", "both laws by curve_fit"
    return Row(job, own / len(y), peers, theirs * 999 / len(rows), "80 times faster", "")


def bootstrap() -> Row:
    """Time a bootstrap interval of 4,000 draws."""
    fitted = estimate(get_law("saturating_power"), sample_of(clean(4)))
    rng = np.random.default_rng(4)
    drawn = [fitted.fitted()[0] + 0.01 * rng.standard_normal(T.size) for _ in range(5 * N_PEER)]
    inference = sf.Bootstrap(draws=4000)

    def peer() -> None:
        for one in drawn:
            by_scipy(one, [0.9, 0.3, 0.5])

    own, theirs = both(lambda: inference(fitted, Gain(10.0), 0.95), peer)
    return Row("bootstrap interval, 4,000 draws", own / 4, "curve_fit a draw",
               theirs * 4000 / len(drawn), "40 times faster", "")  # fmt: skip


def small(seed: int, n_sizes: int, seeds: int) -> dict[str, Floats]:
    """Return one table."""
    rng = np.random.default_rng(seed)
    x = np.repeat(10.0 ** np.linspace(5, 7, n_sizes), seeds)
    y = 0.9 - 0.3 * (x / x[0]) ** -0.4 + 0.01 * rng.standard_normal(x.size)
    return {"cells": x, "f1": y, "seed": np.tile(np.arange(float(seeds)), n_sizes)}


def one_table() -> Iterator[str]:
    """Yield how long one table takes, in steady state."""

    def median(job: Callable[[int], Any]) -> float:
        job(0)
        return float(np.median([cpu(lambda k=k: job(k)) for k in range(1, 16)]))

    def with_intervals(k: int) -> Any:
        fit = sf.fit(small(k, 10, 3))
        return fit.params, fit.gain(10)

    def of_losses(k: int) -> Any:
        table = small(k, 10, 3)
        fit = sf.fit({"cells": table["cells"], "loss": 2.0 - table["f1"]})
        return fit.params, fit.gain(10)

    def complete(k: int) -> Any:
        fit = sf.fit(small(k, 6, 3))
        return fit.params, fit.gain(10), fit.saturation()

    def certified(k: int) -> Any:
        return sf.fit(small(k, 6, 3)).certificate

    for job, bar, what in (
        ("30 rows: fit, parameters and a gain with intervals", "30 ms", with_intervals),
        ("the same of losses, with Student-t errors", "", of_losses),
        ("18 rows: fit and certificate", "20 ms", certified),
        ("18 rows: fit, intervals and verdict", "150 ms", complete),
    ):
        yield f"| {job} | {span(median(what))} | | | {bar} | |"


def imports() -> str:
    """Return the time of the import beside that of pandas and SciPy, in turn in fresh processes."""

    def seconds(module: str) -> float:
        code = f"import time; import {module}; print(time.process_time())"
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        command = [sys.executable, "-c", code]
        run = subprocess.run(command, capture_output=True, check=True, env=kept)
        return float(run.stdout)

    modules = ("scalefit", "scalefit; scalefit.fit", "pandas, scipy.optimize, scipy.special",
               "pandas, scipy")  # fmt: skip
    times = np.array([[seconds(module) for module in modules] for _ in range(9)])
    lone, own, others, least = np.median(times, axis=0)
    asked, numbers = np.median(times[:, 1:2] / times[:, 2:], axis=0)
    return (f"| import scalefit | {span(lone)} | pandas and scipy alone, {span(least)} | "
            f"{lone / least:.2f} of its time | 1.3 | |\n"
            f"| import scalefit, and its first use | {span(own)} | pandas, scipy.optimize and "
            f"scipy.special, {span(others)} | {asked:.2f} of its time | | {numbers:.1f} of pandas "
            "and scipy alone |")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=int, default=10_000)
    n = parser.parse_args().curves
    warnings.simplefilter("ignore")
    jobs: list[Callable[[], Row]] = [
        lambda: five_laws(clean(n), near_truth, "clean", "0.75"),
        lambda: five_laws(mixed(n), by_eye, "mixed", "0.10"),
        lambda: intervals(n // 5),
        lambda: plateau(clean(8), lambda _: [0.9, 0.3, 0.3], "clean"),
        lambda: plateau(mixed(40), by_eye, "mixed"),
        bootstrap,
    ]
    print("| job | ours | peer | ratio | bar | |")
    print("| --- | --- | --- | --- | --- | --- |")
    for job in jobs:
        print(job(), flush=True)
    for line in one_table():
        print(line, flush=True)
    print(imports())


if __name__ == "__main__":
    main()
