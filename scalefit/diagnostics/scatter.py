"""Checks of the scatter of runs about the curve: uneven, far off, patterned, of which model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, gammaln, stdtr

from .. import dependence
from .._format import interval_text, number, size_text
from ..findings import Finding
from ..outliers import FAR
from ..sensitivity import sensitivity_text
from .case import Case

__all__ = [
    "alike_by_seed", "bartlett_test", "error_models", "outlying", "pattern", "runs_test", "uneven",
]  # fmt: skip

Floats = NDArray[np.float64]
#: Outlying runs that are named one by one.
_NAMED = 10
#: Quantities whose change without the outlying runs is told in the finding.
_HEADLINES = ("gain at 10x", "exponent", "alpha", "beta")


def uneven(case: Case) -> Iterator[Finding]:
    """Yield whether the noise changes with size, or is not there at all."""
    sample = case.sample
    df = sample.count[0] - 1
    several = df > 0
    # Runs of a size that agree may do so by rounding, and tell no size of the noise.
    told = several & (sample.spread[0] > 0)
    sd = np.sqrt(sample.spread[0][told] / df[told])
    if sd.size > 1 and sd.max() > 4 * sd.min():
        p = bartlett_test(sample.spread[0][told], df[told])
        if p < 0.05:
            ignored = case.noise.variance == "constant" or case.assess is None
            yield Finding(
                "uneven_noise", "warn" if ignored else "note", "the noise changes with size",
                f"standard deviations from {number(sd.min())} to {number(sd.max())}, Bartlett's "
                f"test p = {p:.2g}; variance function exponent "
                f"{number(float(sample.variance_slope[0]))}",
                "variance='auto' allows for a change that is a power of a single driver",
            )  # fmt: skip
    if not several.any() and case.chosen.total_ss[0] <= 1e-20 * np.sum(sample.mean[0] ** 2):
        few = sample.n[0] <= case.chosen.law.n_params
        seen = f"{int(sample.n[0])} runs for {case.chosen.law.n_params} parameters"
        yield Finding(
            "no_noise", "warn", "the law passes through every point: intervals have no width",
            seen if few else "residuals are zero to rounding",
            "add runs at other sizes" if few else "use measured scores",
        )  # fmt: skip


def bartlett_test(spread: Floats, df: Floats) -> float:
    """Return the p value of equal variances from sums of squares (Bartlett 1937).

    doi:10.1098/rspa.1937.0109
    """
    apart = df.sum() * np.log(spread.sum() / df.sum()) - (df * np.log(spread / df)).sum()
    correction = 1.0 + ((1.0 / df).sum() - 1.0 / df.sum()) / (3.0 * (df.size - 1.0))
    return float(chdtrc(df.size - 1.0, apart / correction))


def outlying(case: Case) -> Iterator[Finding]:
    """Yield which runs lie far off the curve, and what changes without them."""
    far, table = case.outliers, case.table
    if not len(far):
        return
    named = [
        f"row {row} ({' x '.join(size_text(values[name]) for name in table.drivers)}: "
        f"{number(values[table.score])})"
        for row, values in zip(far.index[:_NAMED], far.to_dict("records"), strict=False)
    ]
    more = f" and {len(far) - _NAMED} more" if len(far) > _NAMED else ""
    changes = [
        f"{name} {interval_text(*after)} instead of {interval_text(*before)}"
        for name, *both in case.outlier_effect.itertuples()
        if name in _HEADLINES
        for before, after in [(both[:3], both[3:])]
    ]
    yield Finding(
        "outlying_runs", "warn",
        f"runs lie more than {FAR:g} robust standard deviations off the curve",
        f"{', '.join(named)}{more}; without them {', '.join(changes)}",
        "check these runs; Fit.outlier_effect has both fits side by side",
    )  # fmt: skip


def pattern(case: Case) -> Iterator[Finding]:
    """Yield whether the residuals follow a pattern along the sizes.

    The signs of the sizes' mean residuals are counted in runs (Wald & Wolfowitz 1940,
    doi:10.1214/aoms/1177731909), and the square of log size is tried as one more term.
    """
    if np.isfinite(case.sample.errors.correlation[0]) or not case.chosen.applicable[0]:
        return
    residual = case.standard_residuals
    if not residual.any():
        return
    x = case.table.rows[case.table.drivers[0]].to_numpy(dtype=float)
    size = np.searchsorted(case.sample.x[0, case.sample.count[0] > 0], x)
    mean = np.bincount(size, weights=residual) / np.bincount(size)
    p_signs = runs_test(mean)
    t, p_bow = _quadratic(case, residual, size)
    if min(p_signs, p_bow) < 0.05:
        yield Finding(
            "residual_pattern", "warn", "the residuals follow a pattern along the sizes",
            f"runs of one sign p = {p_signs:.2g}; quadratic term t = {number(t)}, p = {p_bow:.2g}",
            "look at the residuals by size: another law, or rows that are not independent",
        )  # fmt: skip


def alike_by_seed(case: Case) -> Iterator[Finding]:
    """Yield whether rows of one seed are alike at neighbouring sizes, as checkpoints are."""
    roles, (z, p) = case.table.roles, (each[0] for each in dependence.alike_by_seed(case.sample))
    name = roles.get("run", case.table.seed)
    if p < dependence.ALIKE:
        yield Finding(
            "alike_by_seed", "warn",
            f"rows of one {name} are alike from size to size, as checkpoints of one run are, and "
            "intervals take them for independent; no verdict is firm",
            f"deviations from the means of neighbouring sizes: z = {z:.2g}, p = {p:.1g}",
            "leave noise= out, which takes them for independent" if "run" in roles
            else f"if they are checkpoints, or a {name} shares data, pass run={name!r}",
        )  # fmt: skip


def runs_test(values: Floats) -> float:
    """Return the exact probability of no more runs of one sign, given how many are positive.

    Examples
    --------
    >>> round(runs_test(np.array([1.0, 1, 1, 1, -1, -1, -1, -1])), 4)  # 2 of 70
    0.0286
    >>> runs_test(np.array([1.0, -1, 1, -1]))
    1.0
    """
    up = values > 0
    n, m = int(up.sum()), int((~up).sum())
    if min(n, m) == 0:
        return 1.0
    seen = 1 + int(np.count_nonzero(up[1:] != up[:-1]))
    counts = np.arange(2, seen + 1)
    half = counts // 2
    even = 2.0 * _choose(n - 1, half - 1, m - 1, half - 1, n, m)
    odd = _choose(n - 1, half, m - 1, half - 1, n, m) + _choose(n - 1, half - 1, m - 1, half, n, m)
    return float(min(np.where(counts % 2, odd, even).sum(), 1.0))


def _choose(a: int, k: NDArray[np.intp], b: int, j: NDArray[np.intp], n: int, m: int) -> Floats:
    """Return ``C(a, k) C(b, j) / C(n + m, n)``; 0 where there is no such choice."""
    possible = (k >= 0) & (k <= a) & (j >= 0) & (j <= b)
    k, j = np.clip(k, 0, a), np.clip(j, 0, b)
    log = (
        gammaln(a + 1) - gammaln(k + 1) - gammaln(a - k + 1)
        + gammaln(b + 1) - gammaln(j + 1) - gammaln(b - j + 1)
        - gammaln(n + m + 1) + gammaln(n + 1) + gammaln(m + 1)
    )  # fmt: skip
    return np.where(possible, np.exp(log), 0.0)


def _quadratic(case: Case, residual: Floats, size: NDArray[np.intp]) -> tuple[float, float]:
    """Return t and p of the square of log size as one more term beside the law's tangent."""
    chosen = case.chosen
    scale = chosen.sample.relative[0][size]
    if chosen.sample.kernel is not None and chosen.sample.kernel.link == "log":
        scale = scale * chosen.fitted()[0][size]
    z = chosen.sample.z[0][size]
    columns = chosen.tangent()[0][size] / scale[:, None]
    norms = np.sqrt((columns**2).sum(axis=0))
    columns = columns[:, norms > 0] / norms[norms > 0]
    basis, _ = np.linalg.qr(columns)
    bow = z**2 / scale
    bow = bow - basis @ (basis.T @ bow)
    left = residual - basis @ (basis.T @ residual)
    df = residual.size - basis.shape[1] - 1
    length = np.sqrt(bow @ bow)
    if df < 1 or length <= 1e-8 * np.sqrt(np.sum((z**2 / scale) ** 2)):
        return np.nan, 1.0
    along = bow @ left / length
    rest = max(left @ left - along**2, 1e-300)
    t = float(along / np.sqrt(rest / df))
    return t, float(2.0 * stdtr(df, -abs(t)))


def error_models(case: Case) -> Iterator[Finding]:
    """Yield, for losses with errors, how much the answer rests on the error model."""
    metric = case.table.metrics[0]
    if metric.sign > 0 or case.chosen.exact[0]:
        return
    text = sensitivity_text(case.sensitivity)
    if text:
        yield Finding(
            "noise_sensitivity", "note", "estimates depend on how errors are taken", text,
            "see Fit.sensitivity; name the error model in every report",
        )  # fmt: skip
