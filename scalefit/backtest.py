"""How well forecasts would have done, had the largest sizes not been known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._format import counted, interval_text, number, table_text
from ._numbers import as_number
from .backtest_plot import plot_backtest
from .cuts import MIN_SIZES, choose_cuts, share_hidden
from .diagnostics import overview
from .errors import FitError, ScalefitError, nearest
from .fit import Fit, FitSet, fit, set_of
from .holdout import forecast_hidden
from .pool import Pool, pooled
from .sample import Sample, of_table
from .scoring import share_of_curves
from .words import READ, set_cautions
from .work import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .table import Table

__all__ = ["Backtest", "backtest"]

Bools = NDArray[np.bool_]

#: A forecast distance has passed where the coverage is at most this far below the level.
_SLACK = 0.10
#: Upper ends of the bands of distance: a forecast is warned of beyond the first, refused at 1.
_BANDS = (0.25, 0.5, 1.0, np.inf)
_BAND_NAMES = ("up to 0.25", "0.25 to 0.5", "0.5 to 1", "above 1")
_ALL = "all"


def backtest(
    data: Any,
    holdout: float = 0.5,
    *,
    progress: Progress | None = None,
    **options: Any,
) -> Backtest:
    """Hide the largest sizes of each curve, forecast them from the rest, and score the forecasts.

    Each curve is cut below its largest size, below its two largest, and so on, as long as the
    hidden sizes take up at most ``holdout`` of its log range and four sizes remain (six cuts at
    most, spread evenly over the range). At every cut the whole pipeline is run on what remains:
    noise model, all laws, their rejection and choice. Each hidden run is then compared with the
    interval for one new run by every law, by the law that would have been chosen, by the
    form-robust hull over the surviving laws, and by the pool that :meth:`Fit.predict` tells (at
    most six hidden sizes a cut).

    Parameters
    ----------
    data : Fit, FitSet, or anything that :func:`scalefit.fit` takes
    holdout : float
        Largest share of the log range of sizes that is hidden, between 0 and 1. One half goes as
        far beyond the largest size left as the sizes left span, which is a distance of 1; a share
        ``h`` gives distances up to ``h / (1 - h)``.
    progress : callable, optional
        Called with what is being done, how much of it is done, and how much there is.
    **options
        Those of :func:`scalefit.fit`, unless ``data`` is fitted already.

    Returns
    -------
    Backtest

    Raises
    ------
    FitError
        If no curve can be cut.
    TableError
        If there are several drivers.

    Examples
    --------
    >>> import scalefit as sf
    >>> cells = [1e4, 2e4, 4e4, 8e4, 16e4, 32e4, 64e4]
    >>> f1 = [0.600, 0.663, 0.708, 0.741, 0.760, 0.778, 0.788]
    >>> found = sf.backtest({"cells": cells, "f1": f1})
    >>> found.table.query("forecaster == 'chosen'")[["size", "factor", "law", "covered"]]
            size  factor               law  covered
    6   640000.0     2.0  saturating_power      1.0
    21  320000.0     2.0  saturating_power      1.0
    22  640000.0     4.0  saturating_power      1.0
    45  160000.0     2.0  saturating_power      1.0
    46  320000.0     4.0  saturating_power      1.0
    47  640000.0     8.0  saturating_power      1.0
    """
    if not 0 < as_number(holdout) < 1:
        raise FitError(
            f"holdout={holdout!r}; give the share of the log range of sizes to hide, between 0 and "
            "1, such as 0.5"
        )
    fits = _fitted(data, options)
    table, fitted = fits.all_rows, fits.candidates
    table.need_one_driver("a backtest, which hides the largest sizes,")
    sample = of_table(table)
    cuts = choose_cuts(sample, holdout)
    skipped = _skipped(fits, sample, cuts, holdout)
    if not cuts.any():
        raise FitError(f"no curve can be backtested: {skipped['reason'].iloc[0]}")
    laws = [estimate.law for estimate in fitted.estimates]
    # The first round cuts each curve below its largest size that may be hidden alone.
    rank = np.where(cuts, np.cumsum(cuts[:, ::-1], axis=1)[:, ::-1], 0)
    rounds = int(rank.max())
    work = replace(fits.work, progress=progress)
    slow = fits.settings.slow(fitted)
    blocks = []
    for done in range(rounds):
        curve, last = np.nonzero(rank == done + 1)
        blocks += [(curve[rows], last[rows]) for rows in work.blocks(curve.size, slow=slow)]
    each = work.each(
        "backtest", forecast_hidden, len(blocks),
        ((table.take(c.tolist()), sample.x[c, last], laws, fits.settings) for c, last in blocks),
    )  # fmt: skip
    parts = [
        part.assign(curve=curve[part["curve"]])
        for (curve, _), part in zip(blocks, each, strict=True)
    ]
    rows = pd.concat(parts, ignore_index=True).sort_values("curve", kind="stable")
    return Backtest(fits, float(holdout), rows.reset_index(drop=True), skipped)


def _fitted(data: Any, options: dict[str, Any]) -> FitSet:
    if isinstance(data, (Fit, FitSet)):
        if options:
            raise ScalefitError(
                f"{', '.join(options)}: the data are fitted already; pass options to scalefit.fit, "
                "or the table to backtest"
            )
    else:
        data = fit(data, **options)
    return set_of(data)


def _skipped(fits: FitSet, sample: Sample, cuts: Bools, holdout: float) -> pd.DataFrame:
    """Return the curves without a cut, and why."""
    rows = np.flatnonzero(~cuts.any(axis=1))
    sizes, apart = sample.n_sizes.astype(int), sample.levels[:, 0].astype(int)
    reasons = []
    for g in rows:
        if apart[g] <= MIN_SIZES:
            reasons.append(
                f"{apart[g]} sizes; {MIN_SIZES + 1} are needed, to hide one and fit {MIN_SIZES}"
            )
        else:
            alone = share_hidden(sample)[g, sizes[g] - 2]
            reasons.append(
                f"the largest size alone takes {100 * alone:.0f} % of the log range, and holdout "
                f"hides at most {100 * holdout:g} %"
            )
    return _keys(fits, rows).assign(reason=np.array(reasons, dtype=object))


def _keys(fits: FitSet, rows: NDArray[np.intp]) -> pd.DataFrame:
    """Return the keys of curves in the ``by`` columns."""
    keys, by = fits.all_rows.keys, fits.all_rows.by
    values = {name: [keys[g][i] for g in rows] for i, name in enumerate(by)}
    return pd.DataFrame(values, index=pd.RangeIndex(len(rows)), dtype=object)


def _squared_log(ratio: pd.Series[float]) -> NDArray[np.float64]:
    """Return the squared log of a ratio; nan where it is not positive."""
    value = ratio.to_numpy(dtype=float)
    return np.log(np.where(value > 0, value, np.nan)) ** 2


@dataclass(frozen=True)
class Backtest:
    """Forecasts of hidden sizes beside what was observed there; made by :func:`backtest`.

    Forecasters are the laws, ``"chosen"`` (the law that the data left would have made the fit
    report), ``"robust"`` (the hull of the intervals of all laws that these data do not reject) and
    ``"pooled"`` (what the fit would have predicted; :mod:`scalefit.pool`).

    Parameters
    ----------
    fits : FitSet
        The curves with nothing hidden.
    holdout : float
        Largest share of the log range that was hidden.
    rows : DataFrame
        One row per curve, cut, hidden size and forecaster: curve (its number), sizes_left,
        largest_left, size, factor (size over the largest left), distance (log factor over the log
        range left), runs (hidden at this size), observed (their mean), forecaster, law, estimate,
        lower, upper (of the interval for one new run), covered (share of the runs inside),
        interval_score and crps (mean over the runs, in score units; infinite where the interval is
        open), signed_error (estimate less observed over the size of observed; positive is a
        promise not kept). All nan where the forecaster gives no forecast.
    skipped : DataFrame
        Curves that could not be cut, with the reason.
    """

    fits: FitSet
    holdout: float
    rows: pd.DataFrame
    skipped: pd.DataFrame

    @property
    def level(self) -> float:
        """Nominal coverage of the intervals."""
        return self.fits.settings.level

    @property
    def diagnostics(self) -> pd.DataFrame:
        """Findings on the table, with the columns of those of a set of fits."""
        fits = self.fits
        return overview(fits.all_rows, fits.labels, fits.candidates, None)

    @cached_property
    def table(self) -> pd.DataFrame:
        """The rows, with the ``by`` columns in front ("by size" where the rows have a "size")."""
        keys = _keys(self.fits, self.rows["curve"].to_numpy())
        keys = keys.rename(columns={name: f"by {name}" for name in self.rows})
        table = pd.concat([keys, self.rows], axis=1)
        table.attrs["label"] = f"{100 * self.level:g} % intervals for one new run"
        return table

    @cached_property
    def coverage(self) -> pd.DataFrame:
        """Share of hidden runs inside their intervals, by forecaster and band of distance.

        Columns: forecaster, distance, curves, sizes (hidden, each as often as it was forecast),
        runs, coverage, error, lower, upper (95 % interval of the coverage), silent (share of the
        hidden sizes for which there was no forecast). The mean is over curves, each counted
        once; see :func:`scalefit.scoring.share_of_curves`.
        """
        rows = []
        for name, band, part in self._parts():
            told = part[part["covered"].notna()]
            runs = int(told["runs"].sum())
            found = share_of_curves(told.groupby("curve")["covered"].mean(), runs)
            rows.append({
                "forecaster": name, "distance": band, "curves": told["curve"].nunique(),
                "sizes": len(told), "runs": runs, "coverage": found.share, "error": found.error,
                "lower": found.lower, "upper": found.upper, "silent": 1.0 - len(told) / len(part),
            })  # fmt: skip
        return pd.DataFrame(rows)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Scores by forecaster and band of distance, as shares of the observed score.

        Columns: forecaster, distance, curves, signed_error (mean over curves) and its
        standard error signed_error_error, absolute_error, log_error (root mean square of the log
        of estimate over observed, mean over curves), interval_score and crps (medians over
        curves, so that one open interval or one score near zero does not decide; smaller is
        better), open (share of the forecasts whose interval is open).
        """
        rows = []
        for name, band, part in self._parts():
            told = part[part["signed_error"].notna()]
            size = told["observed"].abs()
            relative = pd.DataFrame({
                "curve": told["curve"],
                "signed_error": told["signed_error"],
                "absolute_error": told["signed_error"].abs(),
                "squared_log": _squared_log(told["estimate"] / told["observed"]),
                "interval_score": told["interval_score"] / size,
                "crps": told["crps"] / size,
                "open": np.isinf(told["interval_score"]).astype(float),
            })  # fmt: skip
            mean = relative.groupby("curve").mean()
            rows.append({
                "forecaster": name, "distance": band, "curves": len(mean),
                "signed_error": mean["signed_error"].mean(),
                "signed_error_error": mean["signed_error"].sem(),
                "absolute_error": mean["absolute_error"].mean(),
                "log_error": np.sqrt(mean["squared_log"]).mean(),
                "interval_score": mean["interval_score"].median(),
                "crps": mean["crps"].median(),
                "open": mean["open"].mean(),
            })  # fmt: skip
        return pd.DataFrame(rows)

    def _parts(self) -> Iterator[tuple[str, str, pd.DataFrame]]:
        """Yield forecaster, band and rows, for all bands that occur and for all together."""
        table = self.rows
        band = np.searchsorted(_BANDS, table["distance"].to_numpy() * (1 - 1e-9))
        for name in table["forecaster"].unique():
            mine = (table["forecaster"] == name).to_numpy()
            for i in np.unique(band):
                yield name, _BAND_NAMES[i], table[mine & (band == i)]
            yield name, _ALL, table[mine]

    @cached_property
    def pool(self) -> Pool | None:
        """The pooled forecasts of all curves with nothing hidden; None where there is no pool."""
        settings = self.fits.settings
        laws = settings.rivals([estimate.law for estimate in self.fits.candidates.estimates])
        return pooled(laws, settings.noise.weigh(of_table(self.fits.all_rows))) if laws else None

    @cached_property
    def weights(self) -> pd.Series[float]:
        """Mean weight of each law in the pooled forecasts, every curve counted once."""
        pool = self.pool
        laws, found = ([], []) if pool is None else (pool.laws, pool.by_law().mean(axis=0))
        return pd.Series(found, index=pd.Index(laws, name="law"), name="weight", dtype=float)

    def forecast(
        self, sizes: Any, interval: Literal["mean", "run"] = "mean", level: float | None = None
    ) -> pd.DataFrame:
        """Return the pooled forecast of each curve from all its data.

        Parameters
        ----------
        sizes : mapping, DataFrame or numbers
            Sizes in driver units, as for :meth:`Fit.predict`, beyond those of the curves.
        interval : {"mean", "run"}
            For the curve, or for the score of one new run.
        level : float
            Coverage; that of the fits if not given.

        Returns
        -------
        DataFrame
            The ``by`` columns ("by size" where the rows have a "size"), and those of
            :meth:`Fit.predict`, whose numbers these are: where it refuses a forecast, ``caution``
            says why.

        Raises
        ------
        FitError
            If a single law or a posterior makes the forecasts.
        """
        if self.pool is None:
            raise FitError("one law or a posterior makes these forecasts: use the fits' predict()")
        level = self.level if level is None else level
        parts = [fit.predict(sizes, interval, level) for fit in self.fits.values()]
        told = pd.concat(parts, ignore_index=True)
        keys = _keys(self.fits, np.repeat(np.arange(len(parts)), [len(part) for part in parts]))
        return pd.concat([keys.rename(columns={name: f"by {name}" for name in told}), told], axis=1)

    def passed(self, distance: float, forecaster: str = "robust") -> pd.Series[bool]:
        """Return, per curve, whether forecasts at this distance or beyond have held.

        Parameters
        ----------
        distance : float
            Log of the size over the largest one observed, over the log range observed.
        forecaster : str
            A law, ``"chosen"`` or ``"robust"``.

        Returns
        -------
        Series of bool
            In the order of the curves. True where hidden sizes were forecast that far, and the
            mean share of their runs inside the intervals is at most 0.10 below the level.
        """
        self._check(forecaster)
        far = self.rows[self.rows["distance"] >= distance * (1 - 1e-9)]
        far = far[far["forecaster"] == forecaster]
        # No forecast is no success.
        share = far.assign(covered=far["covered"].fillna(0.0)).groupby("curve")["covered"].mean()
        held = share.reindex(range(len(self.fits))) >= self.level - _SLACK
        by = list(self.fits.all_rows.by)
        index = pd.MultiIndex.from_tuples(list(self.fits), names=by) if by else pd.RangeIndex(1)
        return pd.Series(held.to_numpy(), index=index, name="passed")

    def reach_of(self, table: Table) -> float:
        """Return how far beyond its largest size form-robust forecasts of one curve have held.

        The greatest distance that has :meth:`passed`; 0 if none has.

        Raises
        ------
        FitError
            If the curve is not one of those backtested.
        """
        whole = self.fits.all_rows
        if table.sha256 != whole.sha256 or table.keys[0] not in self.fits:
            raise FitError(
                f"{table.label(0)} of {table.source} is not among the backtested curves; "
                "backtest the same table"
            )
        place = list(self.fits).index(table.keys[0])
        tried = np.unique(self.rows.loc[self.rows["curve"] == place, "distance"])
        held = [float(far) for far in tried if self.passed(float(far)).iloc[place]]
        return max(held, default=0.0)

    def _check(self, forecaster: str) -> None:
        names = self.rows["forecaster"].unique().tolist()
        if forecaster not in names:
            raise FitError(
                f"no forecaster named {forecaster!r}; the forecasters are {', '.join(names)}"
                + nearest(str(forecaster), names)
            )

    def plot(self, ax: Axes | None = None, forecaster: str = "robust") -> Axes:
        """Draw the signed error of each forecast over its distance."""
        self._check(forecaster)
        return plot_backtest(self, ax=ax, forecaster=forecaster)

    def coverage_text(self) -> pd.DataFrame:
        """Return coverage and errors over all distances and by band, as text."""
        joined = self.coverage.merge(self.scores.drop(columns="curves"))
        bands = [_ALL, *_BAND_NAMES]
        shown = joined[(joined["distance"] == _ALL) | (joined["forecaster"] == "robust")]
        shown = shown.sort_values("distance", key=lambda d: d.map(bands.index), kind="stable")
        percent = [("signed error", "signed_error"), ("absolute error", "absolute_error"),
                   ("interval score", "interval_score"), ("CRPS", "crps")]  # fmt: skip
        triples = zip(shown["coverage"], shown["lower"], shown["upper"], strict=True)
        text = {
            "forecaster": shown["forecaster"], "distance": shown["distance"],
            "curves": shown["curves"].astype(str), "runs": shown["runs"].astype(str),
            "coverage": ["-" if np.isnan(t[0]) else interval_text(*t) for t in triples],
        }  # fmt: skip
        for name, column in percent:
            text[name] = [_percent(v) for v in shown[column]]
        text["no forecast"] = [f"{100 * v:.0f} %" for v in shown["silent"]]
        return pd.DataFrame(text)

    def headline(self) -> str:
        """Return what was done, and how the form-robust, pooled and chosen forecasts did."""
        cuts = self.rows.groupby("curve")["largest_left"].nunique()
        lines = [
            f"{len(cuts)} of {counted(len(self.fits), 'curve')}, cut "
            f"{counted(int(cuts.sum()), 'time')}; up to "
            f"{100 * self.holdout:g} % of the log range hidden, "
            f"{number(self.rows['factor'].max())} times the largest size left at most."
        ]
        told = {"robust": "form-robust", "pooled": "pooled", "chosen": "chosen law's"}
        for name, words in told.items():
            if name not in set(self.rows["forecaster"]):
                continue  # nothing to pool
            row = self._total(name)
            if not row["curves"]:
                lines.append(f"There were no {words} forecasts.")
                continue
            promised = "too much" if row["signed_error"] > 0 else "too little"
            lines.append(
                f"The {words} {100 * self.level:g} % intervals held {100 * row['coverage']:.0f} % "
                f"of the hidden runs ({100 * row['lower']:.0f} to {100 * row['upper']:.0f} %); the "
                f"forecasts promised {promised} by {_percent(abs(row['signed_error']))} on average."
            )
        return "\n".join(lines)

    def _total(self, forecaster: str) -> dict[str, Any]:
        """Return coverage and scores of a forecaster over all distances."""
        rows = self.coverage.merge(self.scores.drop(columns="curves"))
        rows = rows[(rows["distance"] == _ALL) & (rows["forecaster"] == forecaster)]
        return {str(name): value for name, value in rows.iloc[0].items()}

    def summary(self) -> str:
        """Return what was done, coverage and errors, the weights, and what was left out."""
        lines = [self.headline(), "", table_text(self.coverage_text()), "", self.weights_text()]
        if len(self.skipped):
            left_out = f"{counted(len(self.skipped), 'curve')} not backtested:"
            lines += ["", left_out, table_text(self.skipped)]
        told = set_cautions(self.diagnostics)
        lines += ["", READ, *(f"- {text}" for text in told)] if told else []
        return "\n".join(lines)

    def weights_text(self) -> str:
        """Return the weights of the laws in one line."""
        weights = ", ".join(f"{law} {w:.2f}" for law, w in self.weights.items() if w >= 0.005)
        return f"weights of the laws in pooled forecasts: {weights or 'none'}"

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        total = self._total("robust")
        text = interval_text(total["coverage"], total["lower"], total["upper"])
        return (
            f"<Backtest of {counted(self.rows['curve'].nunique(), 'curve')}: form-robust coverage "
            f"{text} of {counted(int(total['runs']), 'run')} at {100 * self.level:g} %>"
        )


def _percent(share: float) -> str:
    """Return a share in percent; what is less than a millionth of a percent is rounding.

    Examples
    --------
    >>> _percent(0.0123), _percent(5e-301), _percent(np.inf)
    ('1.23 %', '0 %', 'inf')
    """
    value = 100.0 * share
    text = number(value if abs(value) >= 1e-6 else 0.0 * value)
    return f"{text} %" if np.isfinite(value) else text
