"""How much an answer rests on the error model: one law fitted under each of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from ._format import number
from .errors import ScalefitError
from .estimands import Estimand, Gain, Parameter
from .estimate import Estimate, estimate
from .noise import Beta, Gaussian, Noise, Variance
from .noise.likelihoods import LIKELIHOODS
from .sample import Sample, of_table
from .table import Table

#: A gain that is less, as a share of the score, is none.
_ROUNDING = 1e-12
_INDEPENDENT = ("gaussian", *LIKELIHOODS, "beta")

__all__ = ["noise_sensitivity", "sensitivity_text"]


def noise_sensitivity(fitted: Estimate, table: Table, noise: Noise) -> pd.DataFrame:
    """Return the estimates of a single curve's law under every error model of independent runs.

    Parameters
    ----------
    fitted : Estimate
        Of a single curve.
    table : Table
        Its rows.
    noise : Noise
        The error model it was fitted with.

    Returns
    -------
    DataFrame
        Index ``noise``, the fit's own first; columns ``gain at 10x`` (with one driver) and the
        law's parameters. Empty where the error model speaks of more than independent runs, or
        where the law is a function, which is fitted by least squares only.

    Notes
    -----
    Objectives of different error models cannot be compared, so none is shown. Hoffmann et al. 2022
    and Besiroglu et al. 2024 (arXiv:2404.10102) fitted one law to nearly the same points under two
    of these, and differ by up to two standard errors.
    """
    questions = _questions(fitted)
    rows = {}
    if not fitted.law.guesses and noise.name in _INDEPENDENT:
        rows[noise.name] = _values(fitted, questions)
        sample = of_table(table)
        for other in _others(noise, sample):
            rows[other.name] = _values(estimate(fitted.law, other.weigh(sample)), questions)
    found = pd.DataFrame.from_dict(rows, orient="index", columns=list(questions), dtype=float)
    found.index.name = "noise"
    return found


def _questions(fitted: Estimate) -> dict[str, Estimand]:
    asked: dict[str, Estimand] = {}
    if not fitted.sample.frame.other:
        asked["gain at 10x"] = Gain(10.0)
    return asked | {each.name: Parameter(each.name) for each in fitted.law.parameters}


def _others(noise: Noise, sample: Sample) -> Iterator[Noise]:
    """Yield the error models of independent runs, other than the fit's own, that a sample allows.

    Those that take logs are for positive losses; elsewhere only errors on the metric's own scale
    are compared.
    """
    losses = bool(np.all((sample.frame.sign < 0) & (sample.frame.limit >= 0)))
    makers: tuple[Callable[[Variance], Noise], ...] = (Gaussian, *LIKELIHOODS.values(), Beta)
    for make in makers:
        other = make(noise.variance)
        if other.name == noise.name or (not losses and getattr(other, "link", "") == "log"):
            continue
        try:
            other.weigh(sample)
        except ScalefitError:  # means of runs, or logs of what is not positive
            continue
        yield other


def _values(fitted: Estimate, questions: dict[str, Estimand]) -> list[float]:
    shapes, frame = fitted.shapes(), fitted.sample.frame
    rounding = _ROUNDING * float(np.abs(fitted.fitted()).max())
    told = []
    for question in questions.values():
        value = float(fitted.evaluate(question.terms(fitted.law, shapes, frame, np))[0])
        no_gain = isinstance(question, Gain) and abs(value) < rounding
        told.append(0.0 if no_gain else value if np.isfinite(value) else np.nan)
    return told


def sensitivity_text(found: pd.DataFrame) -> str:
    """Return the range of the headline quantities over the error models in one line.

    Of one driver these are the gain and the exponent, of two all exponents; those that all print
    alike are left out, and the line is empty if nothing is left.
    """
    wanted = ("gain at 10x", "exponent", "alpha", "beta")
    parts = []
    for name in [each for each in wanted if each in found.columns]:
        values = found[name].dropna()
        if len(values) < 2:
            continue
        least, most = number(values.min()), number(values.max())
        if least != most:
            parts.append(f"{name} {least} ({values.idxmin()}) to {most} ({values.idxmax()})")
    return f"over {len(found)} error models {', '.join(parts)}" if parts else ""
