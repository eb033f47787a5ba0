"""What a metric's name implies: the better direction, the values it can take, and its unit."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr

from ._numbers import as_number
from .errors import FitError, TableError
from .findings import Finding

__all__ = [
    "NEUTRAL", "Better", "Metric", "Trend", "checked_margin", "is_percent_by_name", "lookup",
    "pooled_trend", "resolve",
]  # fmt: skip

Better = Literal["higher", "lower"]
Unit = Literal["fraction", "percent", ""]
FloatArray = NDArray[np.float64]
INF = math.inf

#: Positive scores without a known bound that span this factor may be losses.
_DECADE = 10.0
#: Pooled trends with a smaller p value decide the direction of a metric that nobody knows.
TREND_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as it is used in one table.

    Parameters
    ----------
    name : str
        As the table writes it.
    better : {"higher", "lower"}
        The direction of improvement.
    lower, upper : float
        The values it can take; ``-inf`` and ``inf`` where there is no bound.
    best : float
        The best value it can take; ``nan`` where that is not known.
    origin : str
        Where the direction came from, in words.
    unit : {"fraction", "percent", ""}
        ``""`` where a hundredth of the range means nothing, as for a loss.

    Examples
    --------
    >>> metric = lookup("test_acc")
    >>> metric.better, metric.lower, metric.upper, metric.origin
    ('higher', 0.0, 1.0, "the metric's name")
    >>> metric.margin(0.9), lookup("val_loss").margin(3.0)
    (0.01, 0.03)
    """

    name: str
    better: Better
    lower: float
    upper: float
    best: float
    origin: str
    unit: Unit

    @property
    def sign(self) -> int:
        """+1 where higher is better, -1 where lower is."""
        return 1 if self.better == "higher" else -1

    @property
    def span(self) -> float:
        """Width of the range of values; ``inf`` where a bound is missing."""
        return self.upper - self.lower

    def margin(self, level: float) -> float:
        """Return the smallest gain worth having by default.

        A hundredth of the unit range (0.01, or 1 where scores are percentages); for losses and
        unknown metrics 1 % of ``level``, a typical score.
        """
        if self.unit:
            return 0.01 if self.unit == "fraction" else 1.0
        return 0.01 * abs(level)


def checked_margin(given: Any, metrics: Iterable[Metric] = ()) -> float:
    """Return a margin that was given, in score units; FitError if no metric can gain as much."""
    margin = as_number(given)
    if not 0 < margin < INF:
        raise FitError(
            f"margin={given!r}; give the smallest gain of interest, a number such as 0.01"
        )
    for metric in metrics:
        if margin >= metric.span:
            point = "; one point is 0.01" if metric.unit == "fraction" else ""
            raise FitError(
                f"margin={given!r}: {metric.name!r} goes from {metric.lower:g} to "
                f"{metric.upper:g} and cannot gain as much; give the smallest gain of interest in "
                f"units of the score{point}"
            )
    return margin


class Trend(NamedTuple):
    """Direction of score against log size, pooled over groups."""

    z: float
    p_value: float


class _Kind(NamedTuple):
    names: tuple[str, ...]
    better: Better
    lower: float
    upper: float
    best: float
    unit: Unit


#: The unit that the upper bound of a rate gives away.
_UNITS: dict[float, Unit] = {1.0: "fraction", 100.0: "percent"}

#: Every metric known by name. The words of a name are joined by underscores.
_KINDS: tuple[_Kind, ...] = (
    _Kind(("accuracy", "acc", "balanced_accuracy", "top1", "top_1", "top5", "top_5"),
          "higher", 0.0, 1.0, 1.0, "fraction"),
    _Kind(("f1", "microf1", "macrof1", "micro_f1", "macro_f1", "weighted_f1"),
          "higher", 0.0, 1.0, 1.0, "fraction"),
    _Kind(("precision", "recall", "sensitivity", "specificity"),
          "higher", 0.0, 1.0, 1.0, "fraction"),
    _Kind(("auc", "auroc", "rocauc", "auprc", "aupr", "ap", "average_precision"),
          "higher", 0.0, 1.0, 1.0, "fraction"),
    _Kind(("nmi", "normalized_mutual_information", "normalised_mutual_information"),
          "higher", 0.0, 1.0, 1.0, "fraction"),
    _Kind(("avg_bio", "avgbio", "avg_batch", "avgbatch"), "higher", 0.0, 1.0, 1.0, "fraction"),
    _Kind(("dice", "iou", "miou", "jaccard", "v_measure", "knn_purity", "k_nn_purity", "c_index",
           "concordance_index", "lddt", "l_ddt", "tm_score", "gdt_ts"),
          "higher", 0.0, 1.0, 1.0, "fraction"),
    _Kind(("exact_match", "win_rate", "success_rate", "hit_rate", "pass_1", "pass_10", "pass_100",
           "pass_at_1", "pass_at_10", "pass_at_100"), "higher", 0.0, 1.0, 1.0, "fraction"),
    _Kind(("bleu", "chrf", "meteor", "rouge", "rouge1", "rouge2", "rougel", "ndcg", "n_dcg", "mrr"),
          "higher", 0.0, 1.0, 1.0, "fraction"),
    _Kind(("ari", "adjusted_rand_index", "ami", "adjusted_mutual_information", "silhouette",
           "asw", "mcc", "kappa", "ssim"), "higher", -1.0, 1.0, 1.0, "fraction"),
    _Kind(("pearson", "pearsonr", "spearman", "spearmanr", "correlation"),
          "higher", -1.0, 1.0, 1.0, "fraction"),
    _Kind(("r2", "r_2", "r_squared", "rsquared"), "higher", -INF, 1.0, 1.0, "fraction"),
    _Kind(("mutual_information", "mi", "psnr"), "higher", 0.0, INF, math.nan, ""),
    _Kind(("log_likelihood", "loglikelihood", "elbo"), "higher", -INF, INF, math.nan, ""),
    _Kind(("loss", "cross_entropy", "crossentropy", "xent", "log_loss", "logloss"),
          "lower", 0.0, INF, 0.0, ""),
    _Kind(("nll", "negative_log_likelihood", "neg_log_likelihood", "negative_loglikelihood",
           "neg_loglikelihood", "log_perplexity"), "lower", 0.0, INF, 0.0, ""),
    _Kind(("bits_per_byte", "bpb", "bits_per_character", "bpc"), "lower", 0.0, INF, 0.0, ""),
    _Kind(("perplexity", "ppl"), "lower", 1.0, INF, 1.0, ""),
    _Kind(("mse", "mean_squared_error", "rmse", "root_mean_squared_error"),
          "lower", 0.0, INF, 0.0, ""),
    _Kind(("mae", "mean_absolute_error", "error", "err"), "lower", 0.0, INF, 0.0, ""),
    _Kind(("brier", "crps", "ece", "expected_calibration_error", "wer", "word_error_rate", "cer",
           "character_error_rate", "fid", "frechet_inception_distance", "kl", "kl_divergence",
           "davies_bouldin", "nrmse", "mape", "smape", "lpips"), "lower", 0.0, INF, 0.0, ""),
    _Kind(("error_rate", "misclassification_rate", "top1_error", "top_1_error", "top5_error",
           "top_5_error"), "lower", 0.0, 1.0, 0.0, "fraction"),
)  # fmt: skip

#: Words in the name of a metric that make it one in percent, as the sign "%" does.
_PERCENT = frozenset({"percent", "percentage", "pct"})

_BY_WORDS = {tuple(name.split("_")): kind for kind in _KINDS for name in kind.names}
_LONGEST = max(map(len, _BY_WORDS))

#: Words beside a metric that make the column something else: its spread, its change, its mirror.
_NOT_THE_METRIC = frozenset({
    "std", "sd", "se", "sem", "stderr", "stdev", "standard", "var", "variance", "ci", "low",
    "lower", "lo", "lo95", "high", "upper", "hi", "hi95", "neg", "negative", "minus", "inverse",
    "log", "drop", "reduction", "improvement", "gain", "gap", "delta", "difference", "diff",
    "ratio", "rank", "count", "distance", "deficit", "cost", "skill", "weight",
})  # fmt: skip

#: Words around the name of a metric that do not change what it measures.
NEUTRAL = frozenset(
    {"test", "val", "valid", "validation", "eval", "mean", "average", "zero", "shot"}
)
#: Words beside "score" that leave open what is scored; any other may name a score of errors.
_OPEN = NEUTRAL | {
    "score", "avg", "median", "best", "max", "final", "last", "total", "overall", "aggregate",
    "dev", "evaluation", "train", "task", "benchmark", "quality", "few", "raw", "normalized",
    "normalised", "scaled",
}  # fmt: skip


def lookup(name: str) -> Metric | None:
    """Return what a metric's name implies, or None where the name says nothing.

    Case, punctuation and surrounding words do not matter; where a name holds two metrics, the
    last one counts. Names of a spread or a change ("acc_std", "loss_reduction") are not metrics.

    Parameters
    ----------
    name : str
        The name of a column, or a value of a ``metric`` column.

    Returns
    -------
    Metric or None
        Under the name given, in fractions.

    Examples
    --------
    >>> lookup("eval/Micro F1").upper
    1.0
    >>> lookup("top1_error").better
    'lower'
    >>> lookup("accuracy_std") is None
    True
    >>> lookup("score").origin
    "the word 'score'"
    """
    words = _words(name)
    for end in range(len(words), 0, -1):
        for start in range(max(0, end - _LONGEST), end):  # longest first
            kind = _BY_WORDS.get(words[start:end])
            if kind is None:
                continue
            around = words[:start] + words[end:]
            mirrored = start > 0 and words[start - 1] == "1"  # "1 - accuracy"
            if mirrored or not _NOT_THE_METRIC.isdisjoint(around):
                return None
            _, better, lower, upper, best, unit = kind
            return Metric(name, better, lower, upper, best, "the metric's name", unit)
    if "score" in words and _OPEN.issuperset(word for word in words if not word.isdigit()):
        return Metric(name, "higher", -INF, INF, math.nan, "the word 'score'", "")
    return None


def is_percent_by_name(metric: Metric) -> bool:
    """Return whether a metric is in percent because its name says so.

    Small percentages are errors; what is better higher would be all but 0, and is a fraction.
    """
    return metric.better == "lower" and _says_percent(metric.name)


def _says_percent(name: str) -> bool:
    """Return whether the name of a metric says that it is in percent.

    Examples
    --------
    >>> _says_percent("Error rate (%)"), _says_percent("pct_correct"), _says_percent("accuracy")
    (True, True, False)
    """
    return "%" in name or not _PERCENT.isdisjoint(_words(name))


def resolve(
    name: str,
    scores: FloatArray,
    sizes: FloatArray,
    group: NDArray[np.intp],
    *,
    better: str | None = None,
    bounds: Sequence[float | None] | None = None,
    signed: bool = False,
) -> tuple[Metric, tuple[Finding, ...]]:
    """Settle direction, bounds and unit of a metric from its name, its scores and the user.

    What the user says wins over the name, and the name over the data. Scores of a metric that
    ends at 1 are percentages where at least half of them exceed 1 and the largest exceeds 1.5: a
    single 85 among fractions stays a fault instead of changing the unit of all others. So are those
    of an error rate whose name says so ("Error rate (%)").

    Parameters
    ----------
    name : str
        The metric's name.
    scores, sizes : ndarray, shape (n,)
        Finite scores and positive sizes of all rows with this metric.
    group : ndarray of int, shape (n,)
        The curve of each row.
    better : {"higher", "lower"}, optional
        The direction, if stated by the user.
    bounds : (float or None, float or None), optional
        The range, if stated by the user; None is no bound.
    signed : bool
        Whether scores were written with the sign ``%``, so that they are fractions by now.

    Returns
    -------
    Metric
        Complete.
    tuple of Finding
        Warnings where the direction was guessed or contradicts the name.

    Raises
    ------
    TableError
        ``better`` or ``bounds`` are not understood.

    Examples
    --------
    >>> scores, sizes = np.array([71.0, 80.0, 84.0]), np.array([1e3, 1e4, 1e5])
    >>> metric, findings = resolve("accuracy", scores, sizes, np.zeros(3, dtype=int))
    >>> metric.unit, metric.upper, metric.best, findings
    ('percent', 100.0, 100.0, ())
    >>> metric, findings = resolve("vigour", scores, sizes, np.zeros(3, dtype=int))
    >>> metric.origin, findings[0].code
    ('assumption', 'direction_assumed')
    """
    direction = _checked_better(better)
    known = lookup(name)
    findings: tuple[Finding, ...] = ()
    if known is not None:
        metric = _in_percent(known) if _reads_as_percent(known, scores, signed) else known
        doubtful = not signed and _says_percent(name) and bounds is None
        if doubtful and metric.unit and scores.size and scores.max() <= 1:
            findings = (_small_percent(name, metric.unit),)
    elif direction is not None:
        metric = Metric(name, direction, -INF, INF, math.nan, "", "")
    else:
        metric, findings = _from_trend(name, pooled_trend(sizes, scores, group))
    if direction is not None:
        if known is not None and known.better != direction:
            findings = (*findings, _contradiction(name, known, direction))
        metric = replace(metric, better=direction, origin=f"better={direction!r}")
    if bounds is not None:
        lower, upper = _checked_bounds(bounds)
        if signed and _UNITS.get(upper) == "percent":
            raise TableError(
                f"bounds={bounds!r} of {name!r}, whose scores are written with %: 50% is read as "
                f"0.5; pass bounds=({lower / 100:g}, 1), or write the scores without %"
            )
        # A cap of 100 put on a loss does not turn the loss into a percentage.
        unit_range = known is None or known.unit != "" or known.origin == "the word 'score'"
        unit = _UNITS.get(upper, "") if unit_range else ""
        metric = replace(metric, lower=lower, upper=upper, unit=unit)
    elif metric.better == "lower" and metric.lower == -INF and _spans_decade(scores):
        findings = (*findings, _perhaps_a_loss(name, scores))
    if bounds is not None or (known is not None and metric.better != known.better):
        edge = metric.upper if metric.better == "higher" else metric.lower
        metric = replace(metric, best=edge if math.isfinite(edge) else math.nan)
    return metric, findings


def pooled_trend(sizes: FloatArray, scores: FloatArray, group: NDArray[np.intp]) -> Trend:
    """Test score against log size, the groups pooled by Stouffer's method.

    Each group with three rows or more gives the t statistic of its least-squares slope; these
    become normal deviates z_i, and z = sum z_i / sqrt(k).

    Parameters
    ----------
    sizes, scores : ndarray, shape (n,)
        Positive sizes and finite scores.
    group : ndarray of int, shape (n,)
        The curve of each row.

    Returns
    -------
    Trend
        ``z`` is positive where scores rise; a ``p_value`` of 1 where no group can tell.

    References
    ----------
    S. A. Stouffer et al., The American Soldier, vol. 1, Princeton University Press 1949, p. 45.

    Examples
    --------
    >>> sizes = np.array([1.0, 10.0, 100.0, 1.0, 10.0, 100.0])
    >>> trend = pooled_trend(sizes, np.array([1, 2.1, 2.9, 5, 6.1, 6.9]), np.repeat([0, 1], 3))
    >>> trend.z > 2, trend.p_value < 0.05
    (True, True)
    """
    n = np.bincount(group).astype(float)
    usable_n = np.maximum(n, 1)
    x = np.log(sizes)
    x = x - (np.bincount(group, x) / usable_n)[group]
    y = scores - (np.bincount(group, scores) / usable_n)[group]
    sxx, sxy, syy = (np.bincount(group, product) for product in (x * x, x * y, y * y))
    # Rounding leaves a little of a constant column behind; that is no trend.
    usable = (n > 2) & (sxx > 1e-12 * usable_n) & (syy > 1e-24 * np.bincount(group, scores**2))
    if not usable.any():
        return Trend(0.0, 1.0)
    n, sxx, sxy, syy = n[usable], sxx[usable], sxy[usable], syy[usable]
    slope = sxy / sxx
    residual = np.maximum(syy - slope * sxy, 1e-15 * syy)  # a perfect line has no finite t
    t = slope / np.sqrt(residual / (n - 2) / sxx)
    tail = np.maximum(stdtr(n - 2, -np.abs(t)), 1e-300)
    z = float(np.sum(-ndtri(tail) * np.sign(t)) / math.sqrt(len(t)))
    return Trend(z, float(2 * ndtr(-abs(z))))


def _words(name: str) -> tuple[str, ...]:
    """Split ``"avgBIO"`` and ``"eval/R²"`` into lower-case words."""
    plain = unicodedata.normalize("NFKC", str(name))
    return tuple(re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain).lower()))


def _reads_as_percent(known: Metric, scores: FloatArray, signed: bool) -> bool:
    if known.unit != "fraction" or not math.isfinite(known.lower):
        return False
    named = not signed and is_percent_by_name(known)
    return named or bool(scores.size and scores.max() > 1.5 and np.mean(scores > 1) >= 0.5)


def _in_percent(known: Metric) -> Metric:
    return replace(
        known,
        lower=100 * known.lower,
        upper=100 * known.upper,
        best=100 * known.best,
        unit="percent",
    )


def _small_percent(name: str, unit: str) -> Finding:
    taken = "percentages" if unit == "percent" else "fractions"
    return Finding(
        "percent_in_name", "warn", f"the name {name!r} says percent, and no score is above 1",
        f"the scores were taken for {taken}",
        "pass bounds=(0, 100) if they are percentages, bounds=(0, 1) if they are fractions",
    )  # fmt: skip


def _from_trend(name: str, trend: Trend) -> tuple[Metric, tuple[Finding, ...]]:
    evidence = f"pooled trend of {name!r} on log size: z = {trend.z:.2f}, p = {trend.p_value:.2g}"
    if trend.p_value < TREND_LEVEL:
        better: Better = "higher" if trend.z > 0 else "lower"
        origin, code = "the trend", "direction_from_trend"
        because = "because that is where the scores go with size"
    else:
        better, origin, code = "higher", "assumption", "direction_assumed"
        because = "although neither its name nor its trend says so"
    finding = Finding(
        code,
        "warn",
        f"The metric {name!r} is not known; {better} is taken to be better {because}.",
        evidence,
        'State the direction: better="higher" or better="lower".',
    )
    return Metric(name, better, -INF, INF, math.nan, origin, ""), (finding,)


def _spans_decade(scores: FloatArray) -> bool:
    return bool(scores.size and scores.max() >= _DECADE * scores.min() > 0)


def _perhaps_a_loss(name: str, scores: FloatArray) -> Finding:
    return Finding(
        "perhaps_a_loss", "note",
        f"{name!r} is taken for a score that may be negative, with errors of equal size throughout",
        f"all scores are positive, from {scores.min():.3g} to {scores.max():.3g}",
        "pass bounds=(0, None) if it ends at 0: errors are then in proportion to the score",
    )  # fmt: skip


def _contradiction(name: str, known: Metric, direction: Better) -> Finding:
    return Finding(
        "direction_against_name",
        "warn",
        f"better={direction!r} was given, but {known.better} values of {name!r} are better "
        "by its name.",
        "",
        "Leave better= out if that was a slip.",
    )


def _checked_better(better: str | None) -> Better | None:
    if better is None:
        return None
    if better in ("higher", "lower"):
        return cast("Better", better)
    raise TableError(f'better={better!r} is not known; it is "higher" or "lower"')


def _checked_bounds(bounds: Sequence[float | None]) -> tuple[float, float]:
    try:
        lower, upper = bounds
        low = -INF if lower is None else float(lower)
        high = INF if upper is None else float(upper)
    except (TypeError, ValueError):
        low = high = math.nan
    if not low < high:
        raise TableError(
            f"bounds={bounds!r} is not a range; give (lowest, highest), None where there is none"
        )
    return low, high
