"""What of an error model depends on the law, and is found by restricted maximum likelihood.

The parameter of the error model (the variance beyond known standard errors, the correlation of
checkpoints) maximises the restricted likelihood of the residuals from the curve's tangent at the
least-squares optimum (Harville 1977, doi:10.1080/01621459.1977.10480998; Lindstrom & Bates 1990,
doi:10.2307/2532087):

    -2 l = log|V| + log|J' V^-1 J| - log|J' J| + r' V^-1 r.

The columns of J include the derivatives by the shapes: without them the shapes would be fitted at
no cost in degrees of freedom, and the variance come out too small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .noise.known_error import reweighted, weighted_runs
from .sample import Errors, Sample
from .solvers.linear import Projection, project

if TYPE_CHECKING:
    from .estimate import Estimate
    from .laws import Law

__all__ = ["Neighbours", "correlated", "neighbours", "settle", "with_errors"]

Floats = NDArray[np.float64]
#: Points of the first scan and of each of the closer ones, and how many of these.
_POINTS, _NEAR, _ZOOMS = 33, 9, 6
#: Fits and error models are settled in turn; a handful of turns is usual.
_TURNS, _EAGER = 40, 8
_SETTLED = 1e-7
#: The largest correlation of neighbouring checkpoints that is looked for.
_TOP_CORRELATION = 0.999
#: And that of the neighbouring rows of a single run.
_TOP_OF_ONE_RUN = 0.98


def settle(fitted: Estimate, fit: Callable[[Law, Sample], Estimate]) -> Estimate:
    """Return the estimate with what its error model left open, refitted where that changes it."""
    errors = fitted.sample.errors
    if np.isfinite(errors.extra_variance).any():
        return _with_extra_variance(fitted, fit)
    if np.isfinite(errors.correlation).any():
        return _with_correlation(fitted)
    return fitted


def _with_extra_variance(fitted: Estimate, fit: Callable[[Law, Sample], Estimate]) -> Estimate:
    """Return the fit weighted by known errors and the most likely extra variance.

    Degrees of freedom are those of the residuals where there is extra variance, and without limit
    where the known errors are all there is.
    """
    law, sample = fitted.law, fitted.sample
    typical = np.exp(2.0 * np.nanmean(np.log(sample.run_error), axis=(1, 2)))
    extra = np.zeros(len(sample))
    rows, part = np.arange(len(sample)), fitted
    for turn in range(_TURNS):
        found = _extra_variance(part, typical[rows])
        if turn >= _EAGER:  # the few that go round in circles
            found = 0.5 * (found + extra[rows])
        moved = np.abs(found - extra[rows]) > _SETTLED * (found + typical[rows])
        extra[rows] = found
        rows = rows[moved]
        if not rows.size:
            break
        part = fit(law, reweighted(sample.take(rows), extra[rows]))
    fitted = fit(law, reweighted(sample, extra))
    df = np.where(extra > 0, np.maximum(fitted.residual_df, 1.0), np.inf)
    return _with(fitted, df=df)


def _extra_variance(fitted: Estimate, typical: Floats) -> Floats:
    sample = fitted.sample
    tangent = [column.T[:, :, None] for column in np.moveaxis(fitted.tangent(), -1, 0)]
    curve = sample.frame.sign[:, None] * fitted.fitted()
    runs = sample.frame.sign[:, None, None] * sample.runs
    # Far above any extra variance that the scores have room for.
    room = 4.0 * np.nanvar(sample.runs, axis=(1, 2)) + typical
    small = 1e-3 * typical
    reach = np.log1p(room / small)

    def variance(place: Floats) -> Floats:
        above: Floats = small[:, None] * np.expm1(reach[:, None] * place)
        return above

    def deviance(place: Floats) -> Floats:
        total, mean, within, log_variance = weighted_runs(
            runs[:, None], sample.run_error[:, None], variance(place)
        )
        residual = np.where(total > 0, mean - curve[:, None, :], 0.0)
        fit = project(tangent, *(np.moveaxis(v, -1, 0) for v in (residual, total)), rising=False)
        sum_of_squares: Floats = within.sum(axis=-1) + fit.rss
        return sum_of_squares + log_variance + _log_determinant(fit)

    found: Floats = variance(_minimum(deviance, len(sample))[:, None])[:, 0]
    return found


def _with_correlation(fitted: Estimate) -> Estimate:
    """Return the fit with the correlation of the rows of one run.

    The curve stays the one for independent rows, which is unbiased whatever the correlation is.
    """
    alike = np.isfinite(fitted.sample.errors.correlation)
    several = fitted.sample.unit.max(axis=(1, 2), initial=-1) > 0
    for rows, found in (
        (np.flatnonzero(alike & several), _of_several_runs),
        (np.flatnonzero(alike & ~several), _of_one_run),
    ):
        if rows.size:
            known = found(fitted.take(rows), _ordered(fitted.take(rows)))
            fitted = _with(fitted, **{
                name: _put(getattr(fitted.sample.errors, name), rows, values)
                for name, values in known.items()
            })  # fmt: skip
    return fitted


@dataclass(frozen=True, slots=True)
class _Ordered:
    """Rows by run and size; arrays ``(G, N)``, N the rows of the longest curve."""

    #: Standard residuals, 0 where there is no row.
    residual: Floats
    #: Derivatives of the curve in the same units, one array a parameter.
    columns: list[Floats]
    #: Log distance to the run's row before, in typical distances; inf where there is none.
    steps: Floats
    present: NDArray[np.bool_]
    #: Typical log distance of neighbours ``(G,)``, and whether no row has a neighbour.
    typical: Floats
    alone: NDArray[np.bool_]


def _ordered(fitted: Estimate) -> _Ordered:
    sample = fitted.sample
    n_curves, width = len(sample), sample.runs.shape[2]
    near = neighbours(sample)
    present = near.present

    def by_row(values: Floats) -> Floats:
        return np.take_along_axis(values.reshape(n_curves, -1), near.order, 1)

    def of_size(values: Floats) -> Floats:
        return by_row(np.repeat(values[:, :, None], width, 2))

    steps = np.where(near.follows, near.gap / near.typical[:, None], np.inf)
    size = np.sqrt(fitted.information / np.maximum(sample.count, 1.0))
    columns = [
        np.where(present, of_size(size * column), 0.0)
        for column in np.moveaxis(fitted.tangent(), -1, 0)
    ]
    residual = np.where(present, by_row(fitted.standard_residuals()), 0.0)
    alone = np.logical_not(near.follows.any(axis=1))
    return _Ordered(residual, columns, steps, present, near.typical, alone)


def _of_several_runs(fitted: Estimate, rows: _Ordered) -> dict[str, Floats]:
    """Return the most likely correlation, by restricted maximum likelihood, and what follows."""
    n_curves, steps, present = len(fitted), rows.steps, rows.present
    df = np.maximum(fitted.sample.n - fitted.law.n_params, 1.0)

    def whitened(place: Floats) -> tuple[Projection, Floats]:
        """Return the fit to what is new in each row, and the log variances of what is new."""
        rho = (_TOP_CORRELATION * place)[:, :, None]
        share = np.where(np.isinf(steps)[:, None, :], 0.0, rho ** np.where(
            np.isinf(steps), 0.0, steps)[:, None, :])  # fmt: skip
        left = np.sqrt(np.maximum(1.0 - share**2, 1e-9))

        def new(values: Floats) -> Floats:
            before = np.roll(values, 1, axis=1)
            return (values[:, None, :] - share * before[:, None, :]) / left

        fit = project(
            [np.moveaxis(new(column), -1, 0) for column in rows.columns],
            np.moveaxis(new(rows.residual), -1, 0), present.T[:, :, None].astype(float),
            rising=False,
        )  # fmt: skip
        return fit, 2.0 * np.where(present[:, None, :], np.log(left), 0.0).sum(axis=-1)

    def deviance(place: Floats) -> Floats:
        fit, log_variance = whitened(place)
        size = np.maximum(fit.rss, 1e-300)
        return df[:, None] * np.log(size) + log_variance + _log_determinant(fit)

    place = np.where(rows.alone, 0.0, _minimum(deviance, n_curves))
    fit, _ = whitened(place[:, None])
    known = _correlated(fitted, rows, _TOP_CORRELATION * place)
    known["variance"] = fit.rss[:, 0] / df
    return known


def _of_one_run(fitted: Estimate, rows: _Ordered) -> dict[str, Floats]:
    """Return the correlation from neighbouring residuals, and what follows.

    One run cannot tell an error that wanders from the curve itself, and the likelihood is of
    little use: it is highest either at no correlation or near one. The correlation of neighbouring
    residuals is too small by ``1 / n`` for each parameter and for the level, to first order
    (Marriott & Pope 1954, doi:10.1093/biomet/41.3-4.390), which is added. The residuals are then
    taken to tell their variance as well as ``n_effective`` independent ones would.
    """
    n, n_params = fitted.sample.n, fitted.law.n_params
    neighbours = np.where(np.isfinite(rows.steps), np.roll(rows.residual, 1, axis=1), 0.0)
    total = np.maximum((rows.residual**2).sum(axis=1), 1e-300)
    alike = (rows.residual * neighbours).sum(axis=1) / total + (n_params + 1.0) / n
    known = _correlated(fitted, rows, np.clip(alike, 0.0, _TOP_OF_ONE_RUN))
    known["variance"] = fitted.total_ss * fitted.inflation / known["df"]
    return known


def _correlated(fitted: Estimate, rows: _Ordered, rho: Floats) -> dict[str, Floats]:
    """Return correlation an e-fold apart, effective rows, and degrees of freedom, ``(G,)``."""
    with np.errstate(divide="ignore"):
        correlation = np.exp(np.log(np.where(rows.alone, 0.0, rho)) / rows.typical)
    weight = fitted.information
    shared = correlated(_with(fitted, correlation=correlation), weight[:, :, None])
    alike = np.einsum("gk,gk->g", weight, shared[:, :, 0])
    n_effective = fitted.sample.n * weight.sum(axis=1) / alike
    df = np.maximum(n_effective - fitted.law.n_params, 1.0)
    return {"correlation": correlation, "n_effective": n_effective, "df": df}


def _put(values: Floats, rows: NDArray[np.intp], new: Floats) -> Floats:
    """Return a copy of ``values`` with some replaced."""
    values = values.copy()
    values[rows] = new
    return values


def correlated(fitted: Estimate, columns: Floats) -> Floats:
    """Return the covariance of the sizes' means, for unit variance of one run, times columns.

    Two rows of one run are correlated by ``correlation ** |log size ratio|``, with several drivers
    the length of all log ratios; rows of different runs are independent.

    Parameters
    ----------
    fitted : Estimate
        Of G curves at K sizes.
    columns : array (G, K, Q)

    Returns
    -------
    array (G, K, Q)
    """
    sample = fitted.sample
    present = sample.unit >= 0
    units = np.arange(max(int(sample.unit.max(initial=-1)) + 1, 1))
    member = (present[..., None] & (sample.unit[..., None] == units)).sum(axis=2).astype(float)
    weight = fitted.information * sample.count
    inverse = 1.0 / np.sqrt(np.where(weight > 0, weight, np.inf))[:, :, None]
    of_runs = member[..., None] * (inverse * columns)[:, :, None, :]
    shared = _decayed(sample, of_runs.reshape(*of_runs.shape[:2], -1)).reshape(of_runs.shape)
    found: Floats = inverse * (member[..., None] * shared).sum(axis=2)
    return found


def _decayed(sample: Sample, columns: Floats) -> Floats:
    """Return the correlations of all places, as if of one run, times columns ``(G, K, Q)``.

    Along one driver a place knows of those below it what the next lower one knows: two passes do.
    """
    correlation, place = sample.errors.correlation[:, None], _places(sample)
    if place.shape[2] > 1:
        apart = np.sqrt(((place[:, :, None] - place[:, None]) ** 2).sum(axis=-1))
        return np.asarray(correlation[..., None] ** apart @ columns)
    step = correlation ** np.maximum(np.diff(place[:, :, 0], axis=1), 0.0)
    below, above = columns.copy(), columns.copy()
    for k in range(1, columns.shape[1]):
        below[:, k] += step[:, k - 1, None] * below[:, k - 1]
        above[:, -k - 1] += step[:, -k, None] * above[:, -k]
    return below + above - columns


class Neighbours(NamedTuple):
    """Rows of G curves by run, then size; arrays ``(G, N)`` with places for all possible rows.

    ``order`` are the rows, ``present`` those that exist, ``follows`` those with a row before in
    their run, and ``gap`` the log distance to it, over all drivers; ``typical`` ``(G,)`` is the
    median distance, 1 where no row has a neighbour.
    """

    order: NDArray[np.intp]
    present: NDArray[np.bool_]
    follows: NDArray[np.bool_]
    gap: Floats
    typical: Floats


def _places(sample: Sample) -> Floats:
    """Return the log sizes of all drivers, ``(G, K, D)``."""
    return sample.z if sample.z.ndim == 3 else sample.z[:, :, None]


def neighbours(sample: Sample) -> Neighbours:
    """Return which rows stand next to each other in their runs, and how far apart."""
    n_curves, n_sizes, width = sample.runs.shape
    unit = np.where(sample.unit < 0, np.iinfo(np.int32).max, sample.unit)
    key = (unit * n_sizes + np.arange(n_sizes)[:, None]).reshape(n_curves, -1)
    order = np.argsort(key, axis=1, kind="stable")
    unit = np.take_along_axis(unit.reshape(n_curves, -1), order, 1)
    present = unit < np.iinfo(np.int32).max
    follows = present & (np.diff(unit, axis=1, prepend=-1) == 0)
    each = np.take_along_axis(np.repeat(_places(sample), width, axis=1), order[:, :, None], 1)
    gap = np.sqrt((np.diff(each, axis=1, prepend=np.nan) ** 2).sum(axis=2))
    gap = np.where(follows, gap, np.nan)
    alone = ~follows.any(axis=1, keepdims=True)
    typical = np.nanmedian(np.where(alone, 1.0, gap), axis=1)
    return Neighbours(order, present, follows, gap, typical)


def with_errors(sample: Sample, errors: Errors) -> Sample:
    """Return the sample as it is once the error model is settled to ``errors``."""
    if np.isfinite(errors.extra_variance).any():
        sample = reweighted(sample, errors.extra_variance)
    return replace(sample, errors=errors)


def _with(fitted: Estimate, **known: Floats) -> Estimate:
    errors = replace(fitted.sample.errors, **known)
    return replace(fitted, sample=replace(fitted.sample, errors=errors))


def _log_determinant(fit: Projection) -> Floats:
    """Return ``log |J' V^-1 J|`` over the columns that tell something of their own."""
    total: Floats = sum(
        (np.log(np.where(np.isfinite(n) & (n > 0), n, 1.0)) for n in fit.norms),
        np.zeros(fit.rss.shape),
    )
    return total


def _minimum(deviance: Callable[[Floats], Floats], n_curves: int) -> Floats:
    """Return where in [0, 1] each deviance is least: a scan that zooms in; 0 wins all ties."""
    rows = np.arange(n_curves)
    grid = np.tile(np.linspace(0.0, 1.0, _POINTS), (n_curves, 1))
    values = deviance(grid)
    at_zero = values[:, 0]
    best = np.argmin(values, axis=1)
    place, least = grid[rows, best], values[rows, best]
    width = 1.0 / (_POINTS - 1)
    for _ in range(_ZOOMS):
        grid = np.clip(place[:, None] + width * np.linspace(-1.0, 1.0, _NEAR), 0.0, 1.0)
        values = deviance(grid)
        best = np.argmin(values, axis=1)
        place, least = grid[rows, best], values[rows, best]
        width *= 2.0 / (_NEAR - 1)
    return np.where(at_zero <= least + 1e-12 * np.abs(least), 0.0, place)
