"""The mean over groups whose true answers differ: random effects by REML, with Hartung and Knapp.

    answer_g = (X beta)_g + u_g + e_g,    u_g ~ N(0, tau^2),    e ~ N(0, V)

``X`` is a column of ones, or marks the groups that share a value of a moderator; ``V`` holds the
squared standard errors, and off its diagonal what groups scored on the same runs share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtrc, stdtr, stdtrit

from ._format import interval_text, number
from .errors import FitError

__all__ = ["Meta", "random_effects"]

Floats = NDArray[np.float64]

#: With so few groups the plain Hartung-Knapp interval depends on luck, and may be far too short.
_FEW = 3
_GRID = np.concatenate([[0.0], np.geomspace(1e-4, 1e2, 121)])


@dataclass(frozen=True)
class Meta:
    """A random-effects meta-analysis of k groups.

    Parameters
    ----------
    table : DataFrame
        One row a mean: estimate, std_error, lower, upper, k. The index is the moderator's value,
        ``"mean"`` without one.
    differences : DataFrame
        One row a pair of means: one, other, difference, lower, upper, p; empty without moderator.
    tau2 : float
        Variance of the true answers about their mean.
    i2 : float
        Share of the variance of the estimates that ``tau2`` makes up, 0 to 1; nan where the
        likelihoods were not taken as normal, as ``q`` and ``scale``.
    q, q_p : float
        Cochran's Q about the means and its p value.
    f, f_p : float
        F statistic of equal means, and its p value; nan without moderator.
    prediction : tuple of two floats
        Interval for the true answer of a new group; nan with a moderator, or below three groups.
    scale : float
        The factor of Hartung and Knapp on the variance of the means.
    method : str
        How it was made, in words.
    level : float
        Coverage.
    k : int
        Groups.
    """

    table: pd.DataFrame
    differences: pd.DataFrame
    tau2: float
    i2: float
    q: float
    q_p: float
    f: float
    f_p: float
    prediction: tuple[float, float]
    scale: float
    method: str
    level: float
    k: int

    @property
    def tau(self) -> float:
        """Standard deviation of the true answers about their mean."""
        return float(np.sqrt(self.tau2))

    def summary(self) -> str:
        """Return the means, the spread between groups and the prediction in a few lines."""
        lines = []
        for name, row in self.table.iterrows():
            text = interval_text(row["estimate"], row["lower"], row["upper"])
            lines.append(
                f"{name}: {text} ({100 * self.level:g} % {self.method}, k = {row['k']:.0f})"
            )
        spread = f"between groups: tau {number(self.tau)}"
        if np.isfinite(self.i2):
            spread += f", I2 {100 * self.i2:.0f} %, Q p {number(self.q_p)}"
        lines.append(spread)
        if np.isfinite(self.prediction).all():
            low, high = (number(end) for end in self.prediction)
            lines.append(f"a new group of this kind: {low} to {high}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.summary()


def random_effects(
    estimate: Any,
    variance: Any,
    *,
    moderator: Any = None,
    level: float = 0.95,
    modified: bool | None = None,
) -> Meta:
    """Return the random-effects mean of groups, or a mean for each value of a moderator.

    Parameters
    ----------
    estimate : array (k,)
        Answers of the groups.
    variance : array (k,) or (k, k)
        Squared standard errors, or the covariance matrix of the errors.
    moderator : sequence of k, optional
        What tells kinds of groups apart.
    level : float
        Coverage.
    modified : bool, optional
        Hold the factor of Hartung and Knapp at 1 or above; by default with up to three groups.

    Returns
    -------
    Meta

    Raises
    ------
    FitError
        Fewer than two groups, or fewer groups than means and one more.

    Notes
    -----
    ``tau^2`` maximises the restricted likelihood (Viechtbauer 2005,
    doi:10.3102/10769986030003261). The variance of a mean is scaled by the weighted mean square of
    the residuals and referred to t with k - p degrees of freedom (Hartung & Knapp 2001,
    doi:10.1002/sim.791), the modification is that of Roever et al. 2015
    (doi:10.1186/s12874-015-0091-1), the prediction interval with k - 2 degrees of freedom that of
    Higgins et al. 2009 (doi:10.1111/j.1467-985X.2008.00552.x), I^2 that of Higgins & Thompson 2002
    (doi:10.1002/sim.1186) with ``tau^2`` by REML.

    Examples
    --------
    >>> found = random_effects([0.30, 0.45, 0.25, 0.60, 0.38], [0.004, 0.006, 0.003, 0.010, 0.005])
    >>> print(found)
    mean: 0.380 [0.217, 0.542] (95 % REML, Hartung-Knapp, k = 5)
    between groups: tau 0.104, I2 69 %, Q p 0.0170
    a new group of this kind: 0.000557 to 0.759
    """
    y, given = np.asarray(estimate, dtype=float), np.asarray(variance, dtype=float)
    v = np.diag(given) if given.ndim == 1 else given
    k = len(y)
    names, x = _design(moderator, k)
    p = x.shape[1]
    if k < p + 1:
        raise FitError(
            f"{k} groups for {p} mean{'s' if p > 1 else ''}; a random-effects "
            f"mean needs at least {p + 1}"
        )
    tau2 = _reml(y, v, x)
    weight = np.linalg.inv(v + tau2 * np.eye(k))
    unscaled = np.linalg.inv(x.T @ weight @ x)
    beta = unscaled @ x.T @ weight @ y
    residual = y - x @ beta
    scale = float(residual @ weight @ residual) / (k - p)
    held = k <= _FEW if modified is None else modified
    if held:
        scale = max(scale, 1.0)
    cover = scale * unscaled
    t = float(stdtrit(k - p, 0.5 + 0.5 * level))
    error = np.sqrt(np.diag(cover))
    table = pd.DataFrame(
        {"estimate": beta, "std_error": error, "lower": beta - t * error,
         "upper": beta + t * error, "k": x.sum(axis=0).astype(int)},
        index=pd.Index(names, name="group"),
    )  # fmt: skip
    fixed = np.linalg.inv(v)
    projection = fixed - fixed @ x @ np.linalg.inv(x.T @ fixed @ x) @ x.T @ fixed
    q = float(y @ projection @ y)
    typical = (k - p) / float(np.trace(projection))
    contrast = np.hstack([-np.ones((p - 1, 1)), np.eye(p - 1)])
    f = f_p = np.nan
    if p > 1:
        gaps = contrast @ beta
        f = float(gaps @ np.linalg.inv(contrast @ cover @ contrast.T) @ gaps) / (p - 1)
        f_p = float(fdtrc(p - 1, k - p, f))
    prediction = (np.nan, np.nan)
    if p == 1 and k > 2:
        reach = float(stdtrit(k - 2, 0.5 + 0.5 * level) * np.sqrt(tau2 + cover[0, 0]))
        prediction = float(beta[0]) - reach, float(beta[0]) + reach
    return Meta(
        table, _differences(names, beta, cover, k - p, t), tau2, tau2 / (tau2 + typical), q,
        float(chdtrc(k - p, q)), f, f_p, prediction, scale,
        f"REML, {'modified ' if held else ''}Hartung-Knapp", level, k,
    )  # fmt: skip


def _design(moderator: Any, k: int) -> tuple[list[Any], Floats]:
    """Return the names of the means and the columns that pick their groups."""
    if moderator is None:
        return ["mean"], np.ones((k, 1))
    codes, names = pd.factorize(pd.Series(list(moderator), dtype=object), sort=False)
    return list(names), (codes[:, None] == np.arange(len(names))).astype(float)


def _reml(y: Floats, v: Floats, x: Floats) -> float:
    """Return the variance between groups that maximises the restricted likelihood."""
    from scipy.optimize import minimize_scalar

    unit = float(np.mean(np.diag(v)))

    def loss(tau2: Floats) -> Floats:
        s = v + np.multiply.outer(tau2, np.eye(len(y)))
        weight = np.linalg.inv(s)
        inner = x.T @ weight @ x
        beta = np.linalg.solve(inner, (x.T @ weight @ y)[..., None])
        residual = y - (x @ beta)[..., 0]
        square = np.einsum("...i,...ij,...j->...", residual, weight, residual)
        total: Floats = np.linalg.slogdet(s)[1] + np.linalg.slogdet(inner)[1] + square
        return total

    grid = unit * max(float(np.var(y)) / unit, 1.0) * _GRID
    values = loss(grid)
    best = int(np.argmin(values))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = minimize_scalar(
        lambda tau2: float(loss(np.asarray(tau2))), bounds=bounds, method="bounded",
        options={"xatol": 1e-10 * unit},
    )  # fmt: skip
    return float(found.x) if found.fun < values[0] else 0.0


def _differences(names: list[Any], beta: Floats, cover: Floats, df: int, t: float) -> pd.DataFrame:
    rows = []
    for i, one in enumerate(names):
        for j in range(i + 1, len(names)):
            gap = float(beta[i] - beta[j])
            error = float(np.sqrt(cover[i, i] + cover[j, j] - 2.0 * cover[i, j]))
            p = 2.0 * float(stdtr(df, -abs(gap) / error))
            rows.append((one, names[j], gap, gap - t * error, gap + t * error, p))
    return pd.DataFrame(rows, columns=["one", "other", "difference", "lower", "upper", "p"])
