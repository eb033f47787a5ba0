"""The mean over groups whose true answers differ: random effects, with their spread averaged over.

    answer_g = (X beta)_g + u_g + e_g,    u_g ~ N(0, tau^2),    e ~ N(0, V)

``X`` is a column of ones, or marks the groups that share a value of a moderator; ``V`` holds the
squared standard errors, and off its diagonal what groups scored on the same runs share.

Few groups hardly tell ``tau``, and where one of them is known much better than the others it
decides how far that one speaks for all. So nothing is concluded from its best value alone. Given
``tau`` the means are normal; they are averaged over ``tau`` by its restricted likelihood times

    1 / (s + tau),    s = mean of the standard errors,

which is flat below ``s``, and has no scale above it: where the groups differ by far more than their
errors this is the t interval of their answers. A scale that the best known groups decide, such as
the typical error of I^2, would let a few of those speak for all; one that the worst known decides
would let a group that says nothing widen the mean without end. So errors above the spread of the
answers count as that spread.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtri, ndtr

from ._format import interval_text, number
from .bisection import bisected
from .errors import FitError

__all__ = [
    "ONE_ERROR",
    "Meta",
    "kinds_of",
    "known",
    "mixture_interval",
    "prior",
    "random_effects",
    "spreads",
    "usual_error",
]

Floats = NDArray[np.float64]

#: Values of tau beside 0, from far below the least error to far above spread and errors.
_N_SPREADS, _BELOW, _ABOVE = 400, 1e-3, 1e4
#: Errors below this share of spread and errors are taken for it: they are none.
_LEAST_ERROR = 1e-9
_HALVINGS = 80
#: Columns of a table of means that are answers.
_VALUES = ("estimate", "lower", "upper")
#: Level of an interval that goes one standard error to either side.
ONE_ERROR = 2.0 * float(ndtr(1.0)) - 1.0


@dataclass(frozen=True)
class Meta:
    """A random-effects meta-analysis of k groups.

    Parameters
    ----------
    table : DataFrame
        One row a mean: estimate, std_error (half the width of the 68 % interval), lower, upper, k.
        The index is the moderator's value, ``"mean"`` without one.
    differences : DataFrame
        One row a pair of means: one, other, difference, lower, upper, p; empty without moderator.
    tau2 : float
        Variance of the true answers about their mean.
    i2 : float
        Share of the variance of the estimates that ``tau2`` makes up, 0 to 1; nan where the
        likelihoods were not taken as normal, as ``q``.
    q, q_p : float
        Cochran's Q about the means and its p value.
    f, f_p : float
        F statistic of equal means, and its p value; nan without moderator.
    prediction : tuple of two floats
        Interval for the true answer of a new group; nan with a moderator, below three groups, and
        where the mean is open.
    method : str
        How it was made, in words.
    level : float
        Coverage.
    k : int
        Groups.
    of_logs : bool
        Whether the logs of the answers were averaged, as those of sizes are. Estimates, their
        bounds and the prediction are sizes then, the differences are ratios, in a column ratio, and
        the standard errors and ``tau2`` are those of logs.
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
    method: str
    level: float
    k: int
    of_logs: bool = False

    def of_sizes(self) -> Meta:
        """Return the analysis of logs of sizes in units of the size."""
        table = self.table.assign(**{
            name: np.exp(self.table[name]) for name in _VALUES
        })  # fmt: skip
        gaps = ["difference", "lower", "upper"]
        ratios = self.differences.assign(**{name: np.exp(self.differences[name]) for name in gaps})
        low, high = np.exp(self.prediction)
        return replace(
            self, table=table, differences=ratios.rename(columns={"difference": "ratio"}),
            prediction=(float(low), float(high)), method=f"{self.method}, of log sizes",
            of_logs=True,
        )  # fmt: skip

    def within(self, lower: float, upper: float) -> Meta:
        """Return the analysis of answers that are known to lie in a range, as scores do."""
        cut = {name: known(self.table[name], lower, upper) for name in _VALUES}
        low, high = known(np.array(self.prediction), lower, upper).tolist()
        return replace(self, table=self.table.assign(**cut), prediction=(low, high))

    def pairs_text(self) -> list[str]:
        """Return how the means differ, a line a pair."""
        lines = []
        for one, other, *gap, p in self.differences.itertuples(index=False):
            by = "over" if self.of_logs else "less"
            lines.append(f"{one} {by} {other}: {interval_text(*gap)}, p {number(p)}")
        return lines

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
        spread = f"between groups: tau {number(self.tau)}{' of log sizes' * self.of_logs}"
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
    estimate: Any, variance: Any, *, moderator: Any = None, level: float = 0.95
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

    Returns
    -------
    Meta

    Raises
    ------
    FitError
        Fewer than two groups, or fewer groups than means and one more.

    Notes
    -----
    The interval of Hartung & Knapp (2001, doi:10.1002/sim.791) covers as little as 0.7 where one
    group is ten times better known than the others (Roever et al. 2015,
    doi:10.1186/s12874-015-0091-1), which is why ``tau`` is averaged over: a mean, the difference of
    two and a new group have mixtures of normal distributions, of which quantiles are taken. The
    p value of equal means is averaged likewise. ``tau^2`` itself maximises the restricted
    likelihood (Viechtbauer 2005, doi:10.3102/10769986030003261); I^2 is that of Higgins & Thompson
    2002 (doi:10.1002/sim.1186) with it.

    Examples
    --------
    >>> found = random_effects([0.30, 0.45, 0.25, 0.60, 0.38], [0.004, 0.006, 0.003, 0.010, 0.005])
    >>> print(found)
    mean: 0.378 [0.236, 0.541] (95 % random effects, tau averaged over, k = 5)
    between groups: tau 0.104, I2 69 %, Q p 0.0170
    a new group of this kind: 0.0389 to 0.740
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
    error = np.sqrt(np.diag(v))
    scale = max(float(np.std(y)), float(error.max()), _LEAST_ERROR * float(np.abs(y).max()))
    least = _LEAST_ERROR * (scale or 1.0)
    v = v + np.diag(np.maximum(least**2 - error**2, 0.0))
    fixed = np.linalg.inv(v)
    hat = np.linalg.solve(x.T @ fixed @ x, x.T @ fixed)
    rest = y - x @ (hat @ y)
    q = float(rest @ fixed @ rest)
    typical = (k - p) / float(np.trace(fixed - fixed @ x @ hat))
    apart = float(np.linalg.norm(y - x @ np.linalg.lstsq(x, y)[0]) / np.sqrt(k - p))
    error = np.maximum(error, least)
    tau = spreads(error, apart, _N_SPREADS)
    loss, beta, cover = _given(tau, y, v, x)
    tau2 = _reml(tau, loss, y, v, x)
    share = prior(tau, usual_error(error, apart)) * np.exp(-0.5 * (loss - loss.min()))
    share = share / share.sum()
    rows = []
    for column in np.eye(p):
        mixture = share, *_along(column, beta, cover)
        value, lower, upper = mixture_interval(*mixture, level)
        _, low, high = mixture_interval(*mixture, ONE_ERROR)
        rows.append((value, 0.5 * (high - low), lower, upper))
    table = pd.DataFrame(
        rows, columns=["estimate", "std_error", "lower", "upper"],
        index=pd.Index(names, name="group", tupleize_cols=False),
    ).assign(k=x.sum(axis=0).astype(int))  # fmt: skip
    new = (np.nan, np.nan)
    if p == 1 and k > 2:
        new = mixture_interval(share, beta[:, 0], np.sqrt(cover[:, 0, 0] + tau**2), level)[1:]
    f = f_p = np.nan
    if p > 1:
        contrast = np.hstack([-np.ones((p - 1, 1)), np.eye(p - 1)])
        gaps, covers = beta @ contrast.T, contrast @ cover @ contrast.T
        square = np.einsum("ti,ti->t", gaps, np.linalg.solve(covers, gaps[..., None])[..., 0])
        f_p = float(share @ chdtrc(p - 1, square))
        f = float(fdtri(p - 1, k - p, 1.0 - f_p))
    return Meta(
        table, _differences(names, share, beta, cover, level), tau2, tau2 / (tau2 + typical), q,
        float(chdtrc(k - p, q)), f, f_p, new,
        "random effects, tau averaged over", level, k,
    )  # fmt: skip


def known(values: Any, lower: float, upper: float) -> Floats:
    """Return values cut to the range in which they are known to lie; an open end stays open.

    Examples
    --------
    >>> known([0.7, 1.2, np.inf], 0.0, 1.0)
    array([0.7, 1. , inf])
    """
    found = np.asarray(values, dtype=float)
    return np.where(np.isinf(found), found, np.clip(found, lower, upper))


def usual_error(error: Floats, apart: float) -> float:
    """Return the mean of standard errors, of those above the spread of the answers that spread.

    Examples
    --------
    >>> usual_error(np.array([0.1, 0.2, 1e6]), 0.6)
    0.3
    """
    return float(np.minimum(error, max(apart, float(error.min()))).mean())


def spreads(error: Floats, apart: float, count: int) -> Floats:
    """Return values of tau to average over: 0, and from far below the errors to far above all."""
    most = max(apart, float(error.max()))
    return np.concatenate([[0.0], np.geomspace(_BELOW * error.min(), _ABOVE * most, count)])


def prior(tau: Floats, usual: float) -> Floats:
    """Return prior weights of values of tau."""
    return np.asarray(np.gradient(tau) / (usual + tau))


def _given(tau: Floats, y: Floats, v: Floats, x: Floats) -> tuple[Floats, Floats, Floats]:
    """Return minus twice the restricted log likelihood at T spreads, but for a constant.

    And the means ``(T, p)``, with their covariance ``(T, p, p)``.
    """
    weight = _inverse(v + np.multiply.outer(tau**2, np.eye(len(y))))
    inner = x.T @ weight @ x
    cover = _inverse(inner)
    beta = (cover @ (x.T @ weight @ y)[..., None])[..., 0]
    rest = y - beta @ x.T
    square = np.einsum("ti,tij,tj->t", rest, weight, rest)
    loss = np.linalg.slogdet(inner)[1] - np.linalg.slogdet(weight)[1] + square
    return np.asarray(loss, dtype=float), beta, cover


def _inverse(matrices: Floats) -> Floats:
    return np.asarray(np.linalg.inv(matrices), dtype=float)


def _along(column: Floats, beta: Floats, cover: Floats) -> tuple[Floats, Floats]:
    """Return a combination of means, and its standard error, at T spreads."""
    return beta @ column, np.sqrt(np.einsum("i,tij,j->t", column, cover, column))


def mixture_interval(
    share: Floats, centre: Floats, error: Floats, level: float
) -> tuple[float, float, float]:
    """Return the mean of a mixture of normal distributions, and both ends of its interval."""
    target = np.array([0.5 - 0.5 * level, 0.5 + 0.5 * level])
    low, high = (
        np.full(2, end) for end in ((centre - 9 * error).min(), (centre + 9 * error).max())
    )
    low, high = bisected(
        lambda x: ndtr((x[:, None] - centre) / error) @ share < target, low, high, _HALVINGS
    )
    lower, upper = (0.5 * (low + high)).tolist()
    return float(share @ centre), lower, upper


def _design(moderator: Any, k: int) -> tuple[list[Any], Floats]:
    """Return the names of the means and the columns that pick their groups."""
    if moderator is None:
        return ["mean"], np.ones((k, 1))
    codes, names = kinds_of(moderator)
    return names, (codes[:, None] == np.arange(len(names))).astype(float)


def kinds_of(moderator: Any) -> tuple[NDArray[np.intp], list[Any]]:
    """Return the number of the kind of each group, and the kinds; a missing one is a kind as well.

    Examples
    --------
    >>> kinds_of(["b", None, "b"])
    (array([0, 1, 0]), ['b', nan])
    """
    kinds = pd.Series(list(moderator), dtype=object)
    codes, names = pd.factorize(kinds, use_na_sentinel=False)
    return np.asarray(codes, dtype=np.intp), list(names)


def _reml(tau: Floats, loss: Floats, y: Floats, v: Floats, x: Floats) -> float:
    """Return the variance between groups that maximises the restricted likelihood."""
    from scipy.optimize import minimize_scalar

    best = int(np.argmin(loss))
    low, high = tau[max(best - 1, 0)], tau[min(best + 1, len(tau) - 1)]
    found = minimize_scalar(
        lambda one: float(_given(np.array([one]), y, v, x)[0][0]), bounds=(low, high),
        method="bounded", options={"xatol": 1e-9 * high},
    )  # fmt: skip
    return float(found.x) ** 2 if found.fun < loss[0] else 0.0


def _differences(
    names: list[Any], share: Floats, beta: Floats, cover: Floats, level: float
) -> pd.DataFrame:
    rows = []
    for i, j in combinations(range(len(names)), 2):
        gap, error = _along(np.eye(len(names))[i] - np.eye(len(names))[j], beta, cover)
        below = float(share @ ndtr(-gap / error))
        p = 2.0 * min(below, 1.0 - below)
        rows.append((names[i], names[j], *mixture_interval(share, gap, error, level), p))
    return pd.DataFrame(rows, columns=["one", "other", "difference", "lower", "upper", "p"])
