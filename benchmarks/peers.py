"""One fit and its uncertainty against the packages and scripts in use, each where it is installed.

Two tasks: a curve of 12 points, ``E - A x^-a``; and a surface of 240 runs, ``E + A N^-a + B D^-b``,
by the Huber loss of log residuals (Hoffmann et al. 2022, arXiv:2203.15556). Every time is CPU time
of this process and its children. Objectives are compared, for a fast fit may be a bad one.

Run: OPENBLAS_NUM_THREADS=1 python benchmarks/peers.py
"""

from __future__ import annotations

import importlib
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit, minimize

import scalefit as sf
from scalefit.estimate import estimate
from scalefit.laws import get_law
from scalefit.noise import Gaussian
from scalefit.sample import by_size

Floats = NDArray[np.float64]
T = 10.0 ** np.linspace(0, 2, 12)
DELTA = 1e-3
#: log A, log B, log E, a, b of Hoffmann et al., where published bootstraps start.
START = np.array([np.log(406.4), np.log(410.7), np.log(1.69), 0.34, 0.28])


def cpu(job: Callable[[], object], times: int = 5) -> float:
    """Return the median CPU seconds of a job, with those of its child processes."""
    spent = []
    for _ in range(times):
        before = clock()
        job()
        spent.append(clock() - before)
    return float(np.median(spent))


def clock() -> float:
    """Return the CPU seconds of this process and of its children."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def curves(n: int) -> Floats:
    """Return scores ``(n, 12)``."""
    rng = np.random.default_rng(0)
    gap, exponent = rng.uniform(0.2, 0.4, (n, 1)), rng.uniform(0.3, 0.8, (n, 1))
    return 0.9 - gap * T**-exponent + 0.01 * rng.standard_normal((n, T.size))


def surface() -> tuple[Floats, Floats, Floats]:
    """Return parameters, tokens and losses of 240 runs."""
    rng = np.random.default_rng(1)
    n, d = 10 ** rng.uniform(7.5, 10, 240), 10 ** rng.uniform(9, 11.5, 240)
    return n, d, (1.82 + 480 * n**-0.35 + 2100 * d**-0.37) * np.exp(0.01 * rng.standard_t(3, 240))


def one_curve() -> Iterator[tuple[str, float, float, float]]:
    """Yield who fits a curve, the seconds a curve, median and worst excess of the misfit."""
    y = curves(500)
    law, group, ones = get_law("saturating_power"), np.repeat(np.arange(500), T.size), np.ones(500)
    sample = Gaussian("constant").weigh(by_size(np.tile(T, 500), y.ravel(), group, ones, ones))
    best = estimate(law, sample).total_ss
    few = range(60)

    def row(who: str, fit: Callable[[Floats], tuple[float, float, float]]) -> Any:
        found: list[float] = []

        def all_of_them() -> None:
            found[:] = [np.sum((y[g] - of(T, *fit(y[g]))) ** 2) for g in few]

        seconds = cpu(all_of_them, 3) / len(few)
        excess = np.array(found) / best[: len(few)] - 1.0
        return who, seconds, float(np.median(excess)), float(excess.max())

    def of(t: Floats, e: float, a: float, r: float) -> Floats:
        return e - a * t**-r

    yield "scalefit, 500 curves in a batch", cpu(lambda: estimate(law, sample)) / 500, 0.0, 0.0
    alone = [sample.take([g]) for g in few]
    yield ("scalefit, one curve at a time",
           cpu(lambda: [estimate(law, s) for s in alone], 3) / len(few), 0.0, 0.0)  # fmt: skip
    yield row("scipy curve_fit, a good start", lambda v: curve_fit(of, T, v, [0.9, 0.3, 0.5])[0])
    bounds = ([0, 0, 0], [1, np.inf, 5])
    yield row("scipy curve_fit with bounds",
              lambda v: curve_fit(of, T, v, [0.89, 0.3, 0.5], bounds=bounds)[0])  # fmt: skip
    if lmfit := installed("lmfit"):
        model = lmfit.Model(of)

        def by_lmfit(v: Floats) -> tuple[float, float, float]:
            found = model.fit(v, t=T, e=0.9, a=0.3, r=0.5)
            return found.params["e"].value, found.params["a"].value, found.params["r"].value

        yield row(f"lmfit {lmfit.__version__}, Model.fit", by_lmfit)


def huber_of(gap: Any, xp: Any = np) -> Any:
    """Return Huber's function of residuals without their signs."""
    return xp.where(gap <= DELTA, 0.5 * gap**2, DELTA * (gap - 0.5 * DELTA))


def huber(parameters: Any, runs: tuple[Floats, Floats, Floats], xp: Any = np) -> Any:
    """Return the Huber loss of log residuals."""
    (n, d, loss), (a, b, e, alpha, beta) = runs, parameters
    terms = xp.exp(a - alpha * np.log(n)), xp.exp(b - beta * np.log(d)), xp.exp(e)
    gap = xp.abs(xp.log(terms[0] + terms[1] + terms[2]) - np.log(loss))
    return xp.sum(huber_of(gap, xp))


def by_hoffmann(table: dict[str, Floats]) -> Any:
    """Return our fit of the law of both drivers, by the same loss."""
    return sf.fit(table, drivers=["params", "tokens"], law="additive", noise="hoffmann")


def named(runs: tuple[Floats, Floats, Floats]) -> dict[str, Floats]:
    """Return parameters, tokens and losses as columns of a table."""
    return dict(zip(("params", "tokens", "loss"), runs, strict=True))


def on_log_scale(fit: Any) -> Floats:
    """Return log A, log B, log E, alpha and beta of a fit."""
    found = fit.params["estimate"]
    size = np.log([found["A"], found["B"], found["E"]])
    return np.array([*size, found["alpha"], found["beta"]])


def one_surface() -> Iterator[tuple[str, float, float]]:
    """Yield who fits the surface, the seconds, and the excess of the objective."""
    runs = surface()
    table = named(runs)
    best = huber(on_log_scale(by_hoffmann(table)), runs)
    yield "scalefit, public fit", cpu(lambda: by_hoffmann(table), 3), 0.0
    starts = [START + np.array([x, y, 0.0, 0.0, 0.0]) for x in (-3, 0, 3) for y in (-3, 0, 3)]
    found: list[float] = []

    def by_lbfgs() -> None:
        found[:] = [minimize(huber, s, (runs,), "L-BFGS-B").fun for s in starts]

    seconds = cpu(by_lbfgs, 1) / len(starts)
    yield "L-BFGS-B, 4,500 starts (from 9)", 4500 * seconds, min(found) / best - 1.0
    if installed("chinchilla"):
        yield from by_chinchilla(runs, best)


def by_chinchilla(runs: tuple[Floats, Floats, Floats], best: float) -> Iterator[Any]:
    """Yield the package chinchilla with its own grid of starts, under the same loss."""
    from chinchilla import Chinchilla

    grid = {"e": [0.3, 1.2], "a": [3, 9], "b": [4, 10], "alpha": [0.2, 0.6], "beta": [0.2, 0.6]}

    def loss(true: Floats, predicted: Floats) -> Floats:
        found: Floats = huber_of(np.abs(np.log(true) - np.log(predicted)))
        return found

    with tempfile.TemporaryDirectory() as folder:
        package = Chinchilla(folder, param_grid=grid, seed_ranges={"C": [1e18, 1e22],
                             "N_to_D": [10, 100]}, loss_fn=loss, log_level=50)  # fmt: skip
        for n, d, value in zip(*runs, strict=True):
            package.database.append(C=6 * n * d, N=n, D=d, loss=value)
        seconds = cpu(lambda: package.fit(parallel=False), 1)
        found = np.log([package.A, package.B, package.E])
    excess = huber(np.array([*found, package.alpha, package.beta]), runs) / best - 1.0
    yield "chinchilla, 3,125 starts (from 32)", seconds * 3125 / 32, float(excess)


def bootstrap_of_surface() -> Iterator[tuple[str, float, float]]:
    """Yield who makes 1,000 refits of drawn runs, the seconds, and the worst median objective."""
    runs = surface()
    fit = by_hoffmann(named(runs))
    draws = 1000
    ask = sf.Bootstrap("case", draws=draws)
    yield "scalefit", cpu(lambda: fit.ask(sf.Parameter("alpha"), inference=ask), 3), float("nan")
    if not installed("autograd"):
        return
    import autograd.numpy as anp
    from autograd import value_and_grad

    rng = np.random.default_rng(2)
    few = 8
    drawn = [np.stack(runs)[:, rng.integers(0, 240, 240)] for _ in range(few)]
    values: list[float] = []

    def by_bfgs() -> None:
        for mine in drawn:
            objective = value_and_grad(lambda p, mine=mine: huber(p, mine, anp))
            values.append(minimize(objective, START, method="BFGS", jac=True).fun)

    seconds = cpu(by_bfgs, 1)
    excess = [
        value / huber(on_log_scale(by_hoffmann(named(tuple(mine)))), tuple(mine)) - 1.0
        for value, mine in zip(values, drawn, strict=True)
    ]
    yield f"BFGS and autograd (from {few})", seconds * draws / few, float(np.max(excess))


def installed(name: str) -> Any:
    """Return a package, or None, saying so, where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"{name} is not installed: left out")
        return None


def main() -> None:
    warnings.simplefilter("ignore")
    print("One curve of 12 points; excess of the sum of squares over ours")
    rows = list(one_curve())
    for who, seconds, median, worst in rows:
        ratio = seconds / rows[0][1]
        print(f"| {who} | {1e3 * seconds:.3g} ms | {ratio:.3g} | {median:.1e} | {worst:.1e} |")
    for title, found in (
        ("One surface of 240 runs; excess of the Huber loss over ours", one_surface()),
        ("1,000 bootstrap refits of the surface; worst excess", bootstrap_of_surface()),
    ):
        print(title)
        first = 0.0
        for who, seconds, excess in found:
            first = first or seconds
            print(f"| {who} | {seconds:.3g} s | {seconds / first:.3g} | {excess:.1e} |", flush=True)


if __name__ == "__main__":
    main()
