"""Posteriors: how long they take, and what pooling buys on published tables.

    python benchmarks/bayes.py speed
    python benchmarks/bayes.py pooling [table.csv]

``speed`` compares quadrature, nutpie and PyMC's own sampler in one run, on one curve of 18 runs and
on further ones, with normal and with Student-t errors, in CPU time; 4,000 draws each. ``pooling``
fits the curves of a table alone, as a population, and with one exponent: widths of the 95 %
intervals, and the log density of the runs at each curve's largest size, which is hidden. The table
is the bundled one, or a CSV of Gowri et al. 2025 (columns dataset, model, task, quality, cells,
seed, score).
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd

import scalefit as sf
from scalefit.bayes.likelihood import log_density_of_sizes
from scalefit.estimate import estimate
from scalefit.selection import candidates

LAW = "saturating_power"


def curve(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.repeat(10.0 ** np.linspace(5, 7, 6), 3)
    y = 0.9 - 0.3 * (x / x[0]) ** -0.4 + 0.01 * rng.standard_normal(x.size)
    return {"cells": x, "f1": y, "seed": np.tile(np.arange(3), 6)}


def speed() -> None:
    rows = []
    for noise in ("gaussian", "student"):
        fitted = [sf.fit(curve(k), law=LAW, noise=noise).estimate for k in range(8)]
        for sampler, further in (("collapsed", 7), ("nutpie", 7), ("pymc", 1)):
            method = sf.Bayes(sampler=sampler, cores=1)
            times, ess = [], []
            for item in fitted[: 1 + further]:
                start = time.process_time()
                draws = method.draw(item, 0)
                times.append(time.process_time() - start)
                ess.append(float(min(draws.ess_bulk[0], draws.ess_tail[0])))
            later, many = float(np.median(times[1:])), np.nan
            if sampler == "collapsed":
                together = of_many(50, noise)
                start = time.process_time()
                method.draw(together, 0)
                many = (time.process_time() - start) / len(together)
            effective = float(np.median(ess))
            rows.append((noise, sampler, times[0], later, many, effective, effective / later))
    columns = ["errors", "sampler", "first fit, s", "further fit, s", "of 50 at once, s", "ESS"]
    print(pd.DataFrame(rows, columns=[*columns, "ESS per s"]).round(4).to_string(index=False))


def of_many(count: int, noise: str):
    rows = pd.concat([pd.DataFrame(curve(k)).assign(task=str(k)) for k in range(count)])
    return sf.fit(rows, by="task", law=LAW, noise=noise).candidates.estimates[0]


def pooling(path: str | None) -> None:
    fits = table_of(path)
    sample = fits.candidates.sample
    item = fits.candidates.estimates[0]
    last = np.where(sample.count > 0, sample.x, -np.inf).argmax(axis=1)
    less = estimate(item.law, sample.without(last))
    rows = []
    for pool in ("none", "partial", "complete"):
        method = sf.Bayes()
        start = time.perf_counter()
        draws = method.draw(item, 0) if pool == "none" else pooled(method, item, pool, fits)
        took = time.perf_counter() - start
        full = replace(item, draws=draws)
        ask = method.inference(0)
        widths = []
        for question in (sf.Gain(10.0), sf.Parameter("exponent")):
            found = ask(full, question, 0.95)
            widths.append(float(np.median(found.upper - found.lower)))
        hidden = method.draw(less, 0) if pool == "none" else pooled(method, less, pool, fits)
        seen = replace(sample, frame=less.sample.frame)
        log = log_density_of_sizes(item.law, seen, hidden)[np.arange(len(sample)), :, last]
        top = log.max(axis=1)
        score = top + np.log(np.exp(log - top[:, None]).mean(axis=1))
        rows.append((pool, took, *widths, score))
    best = rows[0][-1]
    table = pd.DataFrame(
        [
            (p, t, g, e, s.sum(), (s - best).sum(), np.sqrt(len(s)) * (s - best).std())
            for p, t, g, e, s in rows
        ],
        columns=["pool", "s", "gain width", "exponent width", "log score", "more", "+-"],
    )
    print(f"{len(fits)} curves, {int(sample.n.sum())} runs; widths are medians over the curves")
    print(table.round(4).to_string(index=False))


def pooled(method: sf.Bayes, item, pool: str, fits: sf.FitSet):
    table = fits.all_rows
    return method.pooled(item, pool, replace(table, by=("curve",)), 0)


def table_of(path: str | None) -> sf.FitSet:
    if path is None:
        rows = sf.datasets.load("denadel_2026").query("cells > 0 and metric == 'micro_f1'")
        by = ["model", "size_label", "dataset", "downsampling"]
    else:
        rows = pd.read_csv(path)
        by = ["dataset", "model", "task", "quality"]
        rows = rows[["cells", "seed", "score", *by]]
    fits = sf.fit(rows, by=by, law=LAW, on_bad="drop", better="higher")
    sample = fits.candidates.sample
    keep = np.flatnonzero((sample.n_sizes >= 5) & (sample.n > sample.n_sizes))
    kept = candidates([fits.candidates.estimates[0].law], sample.take(keep))
    return sf.FitSet(fits.all_rows.take(list(keep)), kept, fits.settings)


if __name__ == "__main__":
    what = sys.argv[1] if len(sys.argv) > 1 else "speed"
    if what == "pooling":
        pooling(sys.argv[2] if len(sys.argv) > 2 else None)
    else:
        speed()
