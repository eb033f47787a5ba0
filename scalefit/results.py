"""Answers of one fitted curve as tables: parameters, predictions, residuals, the printed curve."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._numbers import as_numbers
from .errors import FitError
from .estimands import Asked, Implicit, Parameter, Value
from .estimate import Estimate
from .inference import (
    Inference,
    Interval,
    Intervals,
    Posterior,
    ask_together,
    side_by_side,
    standard_error,
    within,
)
from .laws import Law
from .metrics import Metric
from .sample import Sample
from .slope_error import t_with_log_error

__all__ = [
    "beyond_largest",
    "curve_text",
    "drivers_of",
    "gate_text",
    "in_range",
    "mean_curve",
    "parameter_table",
    "prediction_table",
    "predictions",
    "residuals",
    "rests_on_range",
    "sizes_from",
    "unmoved",
    "withhold",
]

Floats = NDArray[np.float64]

#: Posterior over prior standard deviation from which the data are said to tell nothing.
_UNMOVED = 0.9


def rests_on_range(estimate: Estimate, name: str) -> bool:
    """Return whether a parameter is an exponent, or a score far beyond the sizes."""
    own = estimate.law.parameter(name)
    far = own.role == "level" and own.speaks_of in ("above", "either")
    return not estimate.law.guesses and (own.role == "exponent" or far)


def drivers_of(law: Law, name: str, n_drivers: int) -> NDArray[np.bool_]:
    """Return on the sizes of which of a table's drivers a parameter rests, ``(D,)``."""
    own = law.parameter(name)
    driver = law.shapes[own.shape].driver if own.shape >= 0 else own.driver
    rests: NDArray[np.bool_] = (np.arange(n_drivers) == driver) | (driver < 0)
    return rests


def parameter_table(
    estimate: Estimate, metric: Metric, level: float, inference: Inference,
    refused: Callable[[Parameter], str] = lambda _: "",
) -> pd.DataFrame:  # fmt: skip
    """Return the parameters of a single curve's law.

    ``refused`` says why one is not to be told; empty if it is.

    Columns estimate, std_error, lower, upper, caution. An infinite bound is open. A number
    that the data do not identify is not printed: its estimate is nan, with the reason in caution.
    """
    rows = {}
    questions = [Parameter(parameter.name) for parameter in estimate.law.parameters]
    answers = ask_together(estimate, [(question, level) for question in questions], inference)
    errors = standard_error(*side_by_side(estimate, questions))
    told = estimate.tangent()[0, :, estimate.law.n_columns :].any(axis=0) | estimate.flat[0]
    for parameter, question, found, error in zip(
        estimate.law.parameters, questions, answers, errors, strict=True
    ):
        if parameter.role == "level":
            found = _known_range(found, metric)
        value, lower, upper = found.estimate[0], found.lower[0], found.upper[0]
        caution = _caution(estimate, parameter.role, value, lower, upper)
        reason = refused(question)
        if not reason and parameter.shape >= 0 and not told[parameter.shape]:
            reason = "the fitted scores do not depend on it"
        if reason:
            caution, lower, upper = f"not identified: {reason}", -np.inf, np.inf
        if not caution and unmoved(estimate)[parameter.shape] and parameter.shape >= 0:
            caution = "the prior decides: the data leave it as it was"
        if caution.startswith("not identified"):
            value = error = np.nan
        rows[parameter.name] = {
            "estimate": value,
            "std_error": error,
            "lower": lower,
            "upper": upper,
            "caution": caution,
        }
    return pd.DataFrame(list(rows.values()), index=pd.Index(list(rows), name="parameter"))


def unmoved(estimate: Estimate) -> list[bool]:
    """Return, per shape of a single curve, whether its draws scatter like its prior; then False.

    The last entry stands for parameters that are no shape.
    """
    shapes = [False] * len(estimate.law.shapes)
    if estimate.draws is not None:
        ratio = estimate.draws.one("theta")[0].std(axis=0) / estimate.draws.one("prior_sd")[0]
        shapes = [bool(r > _UNMOVED) for r in ratio]
    return [*shapes, False]


def gate_text(estimate: Estimate) -> str:
    """Return what the law of a single curve needs, and what there is."""
    law, sample = estimate.law, estimate.sample
    needs = f"{law.min_sizes} distinct sizes"
    if law.min_decades:
        needs += f" over {law.min_decades:g} decades"
    return (
        f"{law.name} needs {needs}; there are {int(sample.levels[0, 0])} over "
        f"{float(sample.decades[0]):.2g}"
    )


def _known_range(found: Intervals, metric: Metric) -> Intervals:
    """Cut closed ends to the metric's range, and open ones too where the range is finite."""
    cut = within(found, metric.lower, metric.upper)
    # An open end stays open in name: the metric's bound is not evidence from the data.
    lower = np.where(np.isinf(found.lower), found.lower, cut.lower)
    upper = np.where(np.isinf(found.upper), found.upper, cut.upper)
    return Intervals(cut.estimate, lower, upper, found.level, found.method)


def in_range(found: Interval, question: Asked | Implicit, law: Law, metric: Metric) -> Interval:
    """Return an answer, cut to the metric's range if the question is what a score is."""
    of_score = isinstance(question, Value) or (
        isinstance(question, Parameter) and law.parameter(question.name).role == "level"
    )
    if not of_score:
        return found
    estimate, lower, upper = np.array([[found.estimate], [found.lower], [found.upper]])
    return _known_range(Intervals(estimate, lower, upper, found.level, found.method), metric)[0]


def _caution(estimate: Estimate, role: str, value: float, lower: float, upper: float) -> str:
    if np.isinf(lower) and np.isinf(upper):
        if not estimate.within_gate[0]:
            return f"not identified: {gate_text(estimate)}"
        reason = "the curve is flat" if estimate.flat[0] else "open on both sides"
        return f"not identified: {reason}"
    if not np.isfinite(value):
        return "not identified: the estimate is infinite"
    if np.isinf(lower) or np.isinf(upper):
        side = "below" if np.isinf(lower) else "above"
        if role in ("exponent", "slope"):
            return f"open {side}"
        return f"not identified: open {side}"
    if estimate.draws is not None:
        return ""
    if estimate.solution.at_bound[0].any():
        return "the fit lies on a bound of the law's shape"
    return ""


def sizes_from(given: Any, drivers: Sequence[str]) -> Floats:
    """Return the sizes in ``given``: a mapping or frame with the drivers' columns, or numbers.

    Of one driver ``(M,)``, of several ``(M, D)``; a single number goes with all others.
    """
    if isinstance(given, (Mapping, pd.DataFrame)):
        names = [str(name) for name in given]
        for driver in drivers:
            if driver not in names:
                raise FitError(
                    f"predict needs sizes under {driver!r}; given {', '.join(names) or 'nothing'}"
                )
        parts = [_column_of_sizes(given[driver], driver) for driver in drivers]
        try:
            parts = list(np.broadcast_arrays(*parts))
        except ValueError:
            counts = ", ".join(f"{p.size} of {d!r}" for p, d in zip(parts, drivers, strict=True))
            raise FitError(f"sizes must be as many of each driver; got {counts}") from None
        return np.stack(parts, axis=-1) if len(drivers) > 1 else parts[0]
    if len(drivers) == 1:
        return _column_of_sizes(given, drivers[0])
    table = np.asarray(given)
    if table.ndim != 2 or table.shape[1] != len(drivers):
        raise FitError(
            f"sizes of {' and '.join(drivers)}: give a mapping with both, such as "
            f"{{{', '.join(f'{d!r}: [1e9]' for d in drivers)}}}, or rows of {len(drivers)} numbers"
        )
    return np.stack([_column_of_sizes(c, d) for c, d in zip(table.T, drivers, strict=True)], -1)


def _column_of_sizes(given: Any, driver: str) -> Floats:
    try:
        sizes = np.atleast_1d(as_numbers(given))
    except (TypeError, ValueError):
        raise FitError(
            f"sizes must be numbers in units of {driver!r}, such as 1e6 or '22.2M'; got {given!r}"
        ) from None
    if sizes.ndim != 1:
        raise FitError(f"sizes must be one list of numbers; got an array of shape {sizes.shape}")
    bad = sizes[~(np.isfinite(sizes) & (sizes > 0))]
    if bad.size:
        raise FitError(f"size {bad[0]:g}: sizes of {driver!r} must be positive and finite")
    return sizes


def beyond_largest(sample: Sample, x: Floats) -> Floats:
    """Return sizes over the largest one of a single curve, of the driver that goes farthest."""
    if not sample.frame.other:
        ratio: Floats = x / sample.x.max()
        return ratio
    tops = np.array([own.x0[0] * np.exp(own.z_max[0]) for own in sample.frame.drivers])
    farthest: Floats = (x / tops).max(axis=1)
    return farthest


def predictions(
    estimate: Estimate,
    x: Floats,
    level: float,
    inference: Inference,
    interval: Literal["mean", "run"],
) -> Intervals:
    """Return what the law of a single curve predicts at sizes ``(M,)``, or ``(M, D)`` of D drivers.

    ``interval="mean"`` is for the curve, ``"run"`` for the score of one new run.
    """
    many = estimate.take(np.zeros(len(x), dtype=np.intp))
    if interval == "mean":
        return inference(many, Value(x), level)
    return run_interval(many, x, level, inference)


def prediction_table(
    found: Intervals,
    x: Floats,
    drivers: Sequence[str],
    beyond: Floats,
    metric: Metric,
    interval: Literal["mean", "run"],
) -> pd.DataFrame:
    """Return predictions as a table: the drivers, estimate, lower, upper, beyond.

    They are cut to the range of the metric.
    """
    cut = within(found, metric.lower, metric.upper)
    table = pd.DataFrame({
        **dict(zip(drivers, x.reshape(len(x), -1).T, strict=True)), "estimate": cut.estimate,
        "lower": cut.lower, "upper": cut.upper, "beyond": beyond,
    })  # fmt: skip
    of = "one new run" if interval == "run" else "the mean"
    table.attrs["label"] = f"{100 * found.level:g} % {found.method}, for {of}"
    return table


def withhold(table: pd.DataFrame, reasons: Sequence[str]) -> pd.DataFrame:
    """Return predictions without the numbers that are refused, and why, in a column "caution"."""
    none = np.array([reason != "" for reason in reasons])
    shown = table.assign(
        estimate=np.where(none, np.nan, table["estimate"]),
        lower=np.where(none, -np.inf, table["lower"]),
        upper=np.where(none, np.inf, table["upper"]),
        caution=list(reasons),
    )
    shown.attrs.update(table.attrs)
    return shown


def run_interval(estimate: Estimate, x: Floats, level: float, inference: Inference) -> Intervals:
    """Return intervals for the score of one new run at size ``x[g]`` of curve g.

    The arms of the interval for the mean are joined in quadrature with a multiple of the standard
    deviation of a run: the quantile of t, with the error of the variance function averaged over.
    """
    if isinstance(inference, Posterior):  # which draws the run
        return inference.run(estimate, x, level)
    found = inference(estimate, Value(x), level)
    kernel, every = estimate.sample.kernel, np.arange(len(estimate))
    df = estimate.scale[1]
    if kernel is None:
        log_error = np.abs(estimate.sample.variance_slope_error * _nearest_z(estimate, every, x))
        below = above = t_with_log_error(level, df, log_error) * run_sd(estimate, x)
    else:
        below, above = kernel.arms(level, df, found.estimate, _own_scale(estimate, every, x))
    if kernel is None or kernel.link == "identity":
        lower = found.estimate - np.hypot(found.estimate - found.lower, below)
        upper = found.estimate + np.hypot(found.upper - found.estimate, above)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            down, up = (
                np.abs(np.log(np.maximum(end, 0.0) / found.estimate))
                for end in (found.lower, found.upper)
            )
        lower = found.estimate * np.exp(-np.hypot(down, below))
        upper = found.estimate * np.exp(np.hypot(up, above))
    return Intervals(found.estimate, lower, upper, level, found.method)


def _nearest_z(estimate: Estimate, rows: NDArray[np.intp], x: Floats) -> Floats:
    """Return the log size of ``x``, or of the nearest observed size of curve ``rows[t]``.

    0 of several drivers: of these the noise is taken as the same everywhere.
    """
    if estimate.sample.frame.other:
        return np.zeros(len(x))
    frame = estimate.sample.frame.map(lambda value: value[rows])
    z: Floats = np.clip(np.log(x / frame.x0), frame.z_min, frame.z_max)
    return z


def run_sd(estimate: Estimate, x: Floats) -> Floats:
    """Return the scale of one run at sizes ``x``, one per curve, where errors are symmetric.

    For normal errors it is the standard deviation. Outside the observed sizes it is held at that
    of the nearest one. A run of a new seed has that seed's effect as well.
    """
    return run_sd_at(estimate, np.arange(len(estimate)), x)


def run_sd_at(estimate: Estimate, rows: NDArray[np.intp], x: Floats) -> Floats:
    """Return the scale of one run of curve ``rows[t]`` at size ``x[t]``."""
    own = _own_scale(estimate, rows, x)
    sd: Floats = np.sqrt(own**2 + estimate.sample.errors.unit_variance[rows])
    return sd


def _own_scale(estimate: Estimate, rows: NDArray[np.intp], x: Floats) -> Floats:
    slope = estimate.sample.variance_slope[rows]
    own: Floats = estimate.run_scale[rows] * np.exp(0.5 * slope * _nearest_z(estimate, rows, x))
    return own


def mean_curve(estimate: Estimate, x: Floats, other: Sequence[Floats] = ()) -> Floats:
    """Return the mean of a single curve's law at sizes ``x``, without intervals.

    ``other`` are the values of further drivers.
    """
    many = estimate.central().take(np.zeros(x.size, dtype=np.intp))
    frame = many.sample.frame
    z = np.log(x / frame.x0)
    if other:
        rest = zip(other, frame.other, strict=True)
        z = np.stack([z, *(np.log(values / own.x0) for values, own in rest)], axis=-1)
    return many.evaluate(many.law.value_terms(z, many.shapes(), frame))


def residuals(
    estimate: Estimate, x: Floats, y: Floats, other: Sequence[Floats] = ()
) -> tuple[Floats, Floats]:
    """Return fitted value and standardised residual of each run of a single curve."""
    fitted = mean_curve(estimate, x, other)
    sd = run_sd(estimate.central().take(np.zeros(x.size, dtype=np.intp)), x)
    kernel = estimate.sample.kernel
    if kernel is not None:
        sd = kernel.deviation(fitted, sd)
    log = kernel is not None and kernel.link == "log"
    gap = np.log(y / fitted) if log else y - fitted
    return fitted, np.divide(gap, sd, out=np.zeros_like(y), where=sd > 0)


def curve_text(estimate: Estimate, score: str, drivers: Sequence[str]) -> str:
    """Return the fitted curve in its working form with ten digits, fit for pasting.

    The working form is printed because its numbers are identified and lose nothing to rounding:
    the field's parameters may be huge, strongly correlated, or infinite.
    """
    estimate = estimate.central()
    frame = estimate.sample.frame
    sign = float(frame.sign[0])
    names = {
        "c": sign * estimate.coefficients[0, 0] if estimate.coefficients.shape[1] else np.nan,
        "b": sign * estimate.coefficients[0, -1] if estimate.coefficients.shape[1] else np.nan,
        "b1": sign * estimate.coefficients[0, 1] if estimate.coefficients.shape[1] > 2 else np.nan,
        "b2": sign * estimate.coefficients[0, 2] if estimate.coefficients.shape[1] > 2 else np.nan,
        "x0": float(frame.x0[0]),
        "y0": float(frame.other[0].x0[0]) if frame.other else np.nan,
        "b3": sign * estimate.coefficients[0, -1] if estimate.coefficients.shape[1] > 3 else np.nan,
        "best": float(frame.limit[0]),
    }
    if estimate.law.guesses:
        shapes = [name for name, _ in estimate.law.guesses]
    else:
        shapes = [shape.name for shape in estimate.law.shapes]
    # A flat curve has b = 0: any shape prints the same curve.
    shape_values = np.where(np.isnan(estimate.theta[0]), 1.0, estimate.theta[0])
    names |= dict(zip(shapes, shape_values, strict=True))
    working = estimate.law.working(frame)
    used = re.findall(r"[A-Za-z_]\w*", working)
    values = ", ".join(f"{key} = {names[key]:.10g}" for key in names if key in used)
    marks = ["x"] if len(drivers) == 1 else [f"x{k + 1}" for k in range(len(drivers))]
    told = ", ".join(f"{mark} = {driver}" for mark, driver in zip(marks, drivers, strict=True))
    return f"{score} = {working}, {told}, {values}"
