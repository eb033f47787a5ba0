"""Whether a posterior can be believed: its priors, its fit to the data, and rival laws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..draws import Draws, drawn_values
from ..errors import FitError
from ..estimands import Estimand, Gain, ObservedGain, Parameter
from ..estimate import Estimate, estimate
from ..laws import Law
from ..rows import runs
from ..sample import Sample
from .likelihood import log_likelihood, means_at_sizes
from .method import Bayes
from .priors import Prior

__all__ = ["RIVAL_PRIORS", "law_comparison", "predictive_check", "prior_sensitivity", "stacked"]

Floats = NDArray[np.float64]

#: Priors of an exponent to refit with.
RIVAL_PRIORS = {
    "exponential(0.5)": Prior("exponential", 0.0, 0.5),
    "student(0.3, 1, df 3)": Prior("student", 0.3, 1.0, df=3),
}
#: Posterior standard deviations by which a headline may move before it is called sensitive.
_MOVED = 0.5


def prior_sensitivity(
    fitted: Estimate, bayes: Bayes, seed: int, factor: float = 10.0
) -> pd.DataFrame:
    """Refit a single curve with other priors of its exponent, and say what moves.

    Returns
    -------
    DataFrame
        One row a prior and question: prior, question, estimate, lower, upper (95 %), shift (of the
        median in standard deviations of the usual posterior), sensitive (shift above a half). The
        spread of draws that may be infinite is that between their quartiles.
    """
    law = fitted.law
    priors = bayes.priors_of(fitted)
    exponents = [
        name
        for name, prior in zip(priors.names, priors.shapes, strict=True)
        if law.parameter(name).role == "exponent" and prior.family != "lognormal"
    ]
    questions: dict[str, Estimand] = {
        f"gain at {factor:g}x": Gain(factor), "gain observed": ObservedGain(),
        **{p.name: Parameter(p.name) for p in law.parameters},
    }  # fmt: skip
    plain = replace(fitted, draws=None)
    sets: dict[str, Draws] = {"usual": _own(fitted)}
    for said, prior in RIVAL_PRIORS.items():
        if exponents:
            other = replace(bayes, priors={**bayes.priors, **dict.fromkeys(exponents, prior)})
            sets[said] = other.draw(plain, seed)
    rows = []
    for name, question in questions.items():
        usual = _values(fitted, sets["usual"], question)
        centre, spread = np.median(usual), _spread(usual)
        for said, draws in sets.items():
            values = usual if said == "usual" else _values(fitted, draws, question)
            low, middle, high = np.quantile(values, [0.025, 0.5, 0.975], method="lower")
            with np.errstate(invalid="ignore", divide="ignore"):
                moved = said != "usual" and middle != centre
            shift = float(np.abs(middle - centre) / spread) if moved else 0.0
            rows.append((said, name, middle, low, high, shift, bool(shift > _MOVED)))
    columns = ["prior", "question", "estimate", "lower", "upper", "shift", "sensitive"]
    return pd.DataFrame(rows, columns=columns)


def _spread(values: Floats) -> float:
    if np.isfinite(values).all():
        return float(values.std())
    low, high = np.quantile(values, [0.25, 0.75], method="lower")
    return float((high - low) / 1.349)


def _values(fitted: Estimate, draws: Draws, question: Estimand) -> Floats:
    theta, coefficients = draws.one("theta"), draws.one("coefficients")
    found = drawn_values(fitted.law, question, theta, coefficients, fitted.sample.frame)
    return np.asarray(found[0])


def _own(fitted: Estimate) -> Draws:
    if fitted.draws is None:
        raise FitError("this law was fitted without draws; use method='bayes'")
    return fitted.draws


def predictive_check(fitted: Estimate, seed: int) -> pd.DataFrame:
    """Compare a single curve with tables drawn from its posterior.

    Returns
    -------
    DataFrame
        One row a discrepancy: check, observed (median over the draws), expected, p, says. ``p`` is
        the share of drawn tables with at least the discrepancy of the real one (Gelman, Meng &
        Stern 1996); near 0 the model misses what the check looks at.
    """
    draws, sample, law = _own(fitted), fitted.sample, fitted.law
    if not sample.runs.shape[2]:
        raise FitError("a predictive check needs the single runs; this table has their means only")
    rng = np.random.default_rng(seed)
    each, noise = runs(sample).of_curve(0), draws.noise_of(0)
    mean = means_at_sizes(law, sample, draws.one("theta"), draws.one("coefficients"))[0]
    mean = mean[:, each.size]
    new = draws.scatter.new_scores(each, mean, noise, rng)
    there = sample.count[0] > 0
    place = np.cumsum(there) - 1

    def residual(scores: Floats) -> Floats:
        table = np.full((len(mean), int(there.sum()), int(sample.count.max())), np.nan)
        table[:, place[each.size], each.slot] = draws.scatter.standard(each, scores, mean, noise)
        return table

    pair = residual(np.broadcast_to(each.y, mean.shape)), residual(new)
    slot = np.arange(int(there.sum()))
    checks: dict[str, Callable[[Floats], Floats]] = {
        "misfit of the size means": lambda u: _between(u, sample.count[0][there]),
        "farthest run": lambda u: np.nanmax(np.abs(u), axis=(1, 2)),
        "bend left over": lambda u: np.abs(
            np.nanmean(u, axis=2) @ (np.cos(np.pi * 2 * slot / max(slot.size - 1, 1)))
        ),
        "scatter changing with size": lambda u: np.abs(
            np.nanmean(np.abs(u), axis=2) @ (slot - slot.mean())
        ),
    }  # fmt: skip
    rows = []
    for name, of in checks.items():
        seen, expected = of(pair[0]), of(pair[1])
        p = float(np.mean(expected >= seen))
        says = "the model misses it" if p < 0.01 else "as the model expects"
        rows.append((name, float(np.median(seen)), float(np.median(expected)), p, says))
    return pd.DataFrame(rows, columns=["check", "observed", "expected", "p", "says"])


def _between(u: Floats, count: Floats) -> Floats:
    """Return the squares of the size means' residuals over those of runs about their means.

    The scatter within sizes is a yardstick that a misfit cannot stretch; without replicates there
    is none.
    """
    mean = np.nansum(u, axis=2) / count
    between = (count * mean**2).sum(axis=1)
    within = np.nansum((u - mean[:, :, None]) ** 2, axis=(1, 2))
    found: Floats = between / within if count.max() > 1 else between
    return found


def law_comparison(
    fitted: Sequence[Estimate], bayes: Bayes, seed: int, largest: int | None = None
) -> pd.DataFrame:
    """Compare laws on a single curve by sizes that were left out, each law drawn again without.

    Parameters
    ----------
    fitted : sequence of Estimate
        Laws fitted to the same curve.
    largest : int
        How many of the largest sizes are hidden in turn, one more each time, for the score of
        forecasts; a third of the sizes by default.

    Returns
    -------
    DataFrame
        One row a law: elpd_size, se_size (log density of a left-out size's runs, all sizes summed,
        with the standard error of the difference from the best law), stacking_size, elpd_forecast,
        stacking_forecast (the same for the hidden largest sizes), and log_evidence where quadrature
        gives it. Stacking weights maximise the log score of the mixture (Yao et al. 2018,
        doi:10.1214/17-BA1091). Rows of runs are never left out one by one: their replicates at the
        same size would tell them.
    """
    sample = fitted[0].sample
    sizes = np.flatnonzero(sample.count[0] > 0)
    if sizes.size < 5:
        raise FitError(f"{sizes.size} sizes; leaving sizes out needs 5 or more")
    hidden = max(1, sizes.size // 3) if largest is None else int(largest)
    if not 1 <= hidden <= sizes.size - 4:
        raise FitError(f"largest={largest!r}; hide 1 to {sizes.size - 4} of {sizes.size} sizes")
    one_size, forecast = [], []
    for item in fitted:
        law = item.law
        every = sample.take(np.zeros(sizes.size, dtype=np.intp))
        one_size.append(_held_out(law, every, every.without(sizes), bayes, seed))
        scores = []
        less = sample
        for m in range(hidden):
            less = less.without(sizes[[sizes.size - 1 - m]])
            scores.append(float(_held_out(law, sample, less, bayes, seed)[0]))
        forecast.append(np.array(scores))
    size_table, forecast_table = np.stack(one_size), np.stack(forecast)
    best = int(np.argmax(size_table.sum(axis=1)))
    gap = size_table - size_table[best]
    table = pd.DataFrame(
        {
            "law": [item.law.name for item in fitted],
            "elpd_size": size_table.sum(axis=1),
            "se_size": np.sqrt(sizes.size) * gap.std(axis=1, ddof=1),
            "stacking_size": stacked(size_table),
            "elpd_forecast": forecast_table.sum(axis=1),
            "stacking_forecast": stacked(forecast_table),
            "log_evidence": [
                float((item.draws or bayes.redraw(item, seed)).one("evidence")[0])
                for item in fitted
            ],
        }
    )
    return table.sort_values("elpd_size", ascending=False, ignore_index=True)


def _held_out(law: Law, every: Sample, less: Sample, bayes: Bayes, seed: int) -> Floats:
    """Return the log density of the runs of each curve that are left out of ``less``.

    Given those that are not, which tell of them where rows are alike.
    """
    draws = bayes.redraw(estimate(law, less), seed)
    whole = log_likelihood(law, _seen_from(every, less), draws)
    return _log_mean(whole - log_likelihood(law, less, draws))


def _seen_from(whole: Sample, less: Sample) -> Sample:
    """Return all runs of a sample in the frame of one with some sizes left out."""
    return replace(whole, frame=less.frame)


def _log_mean(log: Floats) -> Floats:
    top = log.max(axis=1, keepdims=True)
    found: Floats = top[:, 0] + np.log(np.exp(log - top).mean(axis=1))
    return found


def stacked(log_scores: Floats) -> Floats:
    """Return the weights of laws ``(L,)`` whose mixture has the best log score, ``(L, N)``.

    By expectation maximisation, which cannot leave the simplex.

    Examples
    --------
    >>> stacked(np.log([[0.9, 0.9], [0.1, 0.1]])).round(3).tolist()
    [1.0, 0.0]
    """
    ratio = np.exp(log_scores - log_scores.max(axis=0))
    weight = np.full(len(ratio), 1.0 / len(ratio))
    for _ in range(2000):
        share = weight[:, None] * ratio
        new = (share / share.sum(axis=0)).mean(axis=1)
        done = np.abs(new - weight).max() < 1e-10
        weight = new
        if done:
            break
    found: Floats = weight
    return found
