"""A law of two drivers by the published Huber objective, against the published ways to fit it.

`E + A N^-alpha + B D^-beta` on logs with a Huber loss of threshold 1e-3 (Hoffmann et al. 2022). The
peers are the grid of 4,500 starts of L-BFGS, and the bootstrap with one BFGS run a replicate
(Besiroglu et al. 2024, arXiv:2404.10102). Their gradient is autograd's, as published, where that is
installed, else written by hand, which is faster; least squares has SciPy's solver beside it. All in
CPU seconds of one run; of the peers some starts and replicates, the rest in proportion. An
objective of ours over the peer's is at most 1 where ours is as good.

Run: python benchmarks/surfaces.py [TABLE.csv with params, tokens, loss] [RUNS, of least loss]
"""

from __future__ import annotations

import importlib.util
import itertools
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import least_squares, minimize

import scalefit as sf
from scalefit.estimate import Estimate, estimate
from scalefit.inference.resampling import drawn_counts
from scalefit.laws import get_law
from scalefit.noise import Hoffmann, LogNormal
from scalefit.recount import recounted
from scalefit.sample import by_size

Floats = NDArray[np.float64]
DRAWS, REPLICATES, STARTS, REPEATS = 4000, 40, 150, 20
THRESHOLD = 1e-3
PUBLISHED = np.array([np.log(406.4), np.log(410.7), np.log(1.69), 0.34, 0.28])
GRID = [np.arange(0, 30, 5.0), np.arange(0, 30, 5.0), np.arange(-1, 1.5, 0.5),
        np.arange(0, 2.5, 0.5), np.arange(0, 2.5, 0.5)]  # fmt: skip


def simulated() -> pd.DataFrame:
    """Return 240 runs of a law like the published one, with long-tailed errors."""
    rng = np.random.default_rng(0)
    params = 10 ** rng.uniform(7.6, 10.2, 240)
    tokens = 10 ** rng.uniform(8.5, 11.3, 240)
    loss = 1.8 + 480 * params**-0.35 + 2100 * tokens**-0.37
    return pd.DataFrame({
        "params": params, "tokens": tokens, "loss": loss * np.exp(0.003 * rng.standard_t(2.6, 240))
    })  # fmt: skip


def by_hand(n: Floats, d: Floats, y: Floats) -> Callable[[Floats], tuple[float, Floats]]:
    """Return the published objective of (log A, log B, log E, alpha, beta), with its gradient."""

    def objective(p: Floats) -> tuple[float, Floats]:
        parts = np.array([p[0] - p[3] * n, p[1] - p[4] * d, np.full(n.size, p[2])])
        top = parts.max(axis=0)
        share = np.exp(parts - top)
        total = share.sum(axis=0)
        gap = y - top - np.log(total)
        small = np.abs(gap) <= THRESHOLD
        value = np.where(small, gap**2 / 2, THRESHOLD * (np.abs(gap) - THRESHOLD / 2)).sum()
        slope = -np.clip(gap, -THRESHOLD, THRESHOLD) * share / total
        a, b, e = slope
        return float(value), np.array([a.sum(), b.sum(), e.sum(), -(a @ n), -(b @ d)])

    return objective


def by_autograd(n: Floats, d: Floats, y: Floats) -> Callable[[Floats], tuple[float, Floats]]:
    """Return the same with autograd's gradient."""
    import autograd
    import autograd.numpy as anp

    def value(p: Floats) -> float:
        total = anp.exp(p[0] - p[3] * n) + anp.exp(p[1] - p[4] * d) + anp.exp(p[2])
        gap = y - anp.log(total)
        near = anp.abs(gap) <= THRESHOLD
        each = anp.where(near, gap**2 / 2, THRESHOLD * (anp.abs(gap) - THRESHOLD / 2))
        return anp.sum(each)  # type: ignore[no-any-return]

    return autograd.value_and_grad(value)  # type: ignore[no-any-return]


def objective_of(found: Estimate, row: int, logs: tuple[Floats, Floats, Floats]) -> float:
    """Return the published objective at the optimum of a curve."""
    e, a, alpha, b, beta = (
        float(found.answer(sf.Parameter(name))[row]) for name in ("E", "A", "alpha", "B", "beta")
    )  # fmt: skip
    return by_hand(*logs)(np.array([np.log(a), np.log(b), np.log(e), alpha, beta]))[0]


def clock(action: Callable[[], object], repeats: int = 1) -> float:
    """Return CPU seconds an action takes."""
    start = time.process_time()
    for _ in range(repeats):
        action()
    return (time.process_time() - start) / repeats


def main() -> None:
    """Print times, ratios, and the ratios of the objectives reached."""
    table = pd.read_csv(sys.argv[1]) if sys.argv[1:] else simulated()
    if sys.argv[2:]:
        table = table.nsmallest(int(sys.argv[2]), "loss")
    runs = {name: table[name].to_numpy(float) for name in ("params", "tokens", "loss")}
    size = table.shape[0]
    plain = by_size(
        runs["params"], runs["loss"], np.zeros(size, int), -np.ones(1), np.zeros(1),
        [runs["tokens"]],
    )  # fmt: skip
    sample = Hoffmann().weigh(plain)
    law = get_law("additive")
    logs = np.log(runs["params"]), np.log(runs["tokens"]), np.log(runs["loss"])
    published = by_autograd if importlib.util.find_spec("autograd") else by_hand
    print(f"{size} runs; gradient of the peers: {published.__name__}")

    fitted = estimate(law, sample)
    ours = clock(lambda: estimate(law, sample), REPEATS)
    whole = clock(lambda: sf.fit(runs, drivers=["params", "tokens"], law="additive",
                                 noise="hoffmann"), REPEATS)  # fmt: skip
    rng = np.random.default_rng(1)
    every = list(itertools.product(*GRID))
    starts = [np.array(every[k]) for k in rng.choice(len(every), STARTS, replace=False)]
    reached: list[float] = []
    objective = published(*logs)
    theirs = clock(lambda: reached.extend(
        minimize(objective, start, jac=True, method="L-BFGS-B").fun for start in starts
    )) / STARTS * len(every)  # fmt: skip
    mine = objective_of(fitted, 0, logs)
    print(f"one global fit                   {1e3 * ours:9.1f} ms (sf.fit: {1e3 * whole:.1f} ms)")
    print(f"grid of {len(every)} starts              {theirs:9.1f} s  (from {STARTS} starts)")
    print(f"ratio                            {theirs / ours:9.0f}  (sf.fit: {theirs / whole:.0f})")
    print(f"objective over the peer's best   {mine / min(reached):12.9f}")

    fit = sf.fit(runs, drivers=["params", "tokens"], law="additive", noise="hoffmann")
    bootstrap = sf.Bootstrap("case", draws=DRAWS, rng=0)
    ours = clock(lambda: fit.ask(sf.Parameter("alpha"), inference=bootstrap))
    counts = drawn_counts(fitted, "case", REPLICATES, (0,))
    refits = recounted(fitted, counts)
    many = fitted.take(np.zeros(REPLICATES, dtype=int))
    again = Estimate(
        law, many.sample, refits.solution, refits.theta, refits.coefficients,
        many.lack_of_fit_ss, many.inflation,
    )  # fmt: skip
    place = np.argmin(np.abs(sample.x[0, :, None] - runs["params"])
                      + np.abs(sample.other[0, :, :1] - runs["tokens"]), axis=1)  # fmt: skip
    times = counts.reshape(REPLICATES, counts.shape[1], -1).sum(axis=2).astype(int)
    drawn = [tuple(part[np.repeat(place, each)] for part in logs) for each in times]
    values: list[float] = []
    theirs = clock(lambda: values.extend(
        minimize(published(*each), PUBLISHED, jac=True, method="BFGS").fun for each in drawn
    )) / REPLICATES * DRAWS  # fmt: skip
    ratio = np.array([objective_of(again, k, drawn[k]) / values[k] for k in range(REPLICATES)])
    print(f"bootstrap of {DRAWS} replicates     {ours:9.2f} s")
    print(f"one BFGS run a replicate         {theirs:9.1f} s  (from {REPLICATES})")
    print(f"ratio                            {theirs / ours:9.0f}")
    print(f"objectives over the peer's: {ratio.min():.6f} to {ratio.max():.6f}, "
          f"above 1 + 1e-6 in {(ratio > 1 + 1e-6).sum()} of {REPLICATES}")  # fmt: skip

    fit_ls = clock(lambda: sf.fit(runs, drivers=["params", "tokens"], law="additive",
                                  noise="lognormal"), REPEATS)  # fmt: skip
    normal = LogNormal("constant").weigh(plain)
    ours = clock(lambda: estimate(law, normal), REPEATS)

    def residuals(p: Floats) -> Floats:
        n, d, y = logs
        return y - np.log(np.exp(p[0] - p[3] * n) + np.exp(p[1] - p[4] * d) + np.exp(p[2]))

    theirs = clock(lambda: [least_squares(residuals, s, max_nfev=400) for s in starts[:20]])
    print(f"least squares of logs            {1e3 * ours:9.1f} ms (sf.fit: {1e3 * fit_ls:.1f} ms)")
    print(f"scipy.least_squares, 20 starts   {1e3 * theirs:9.1f} ms")
    print(f"ratio                            {theirs / ours:9.1f}")


if __name__ == "__main__":
    main()
