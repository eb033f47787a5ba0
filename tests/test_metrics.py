import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalefit.errors import TableError
from scalefit.metrics import lookup, pooled_trend, resolve

ONE_GROUP = np.zeros(3, dtype=np.intp)
SIZES = np.array([1e3, 1e4, 1e5])
FLAT = np.array([0.51, 0.5, 0.51])


@pytest.mark.parametrize(
    "name, better, lower, upper, best, unit",
    [
        ("accuracy", "higher", 0, 1, 1, "fraction"),
        ("test_acc", "higher", 0, 1, 1, "fraction"),
        ("eval/accuracy", "higher", 0, 1, 1, "fraction"),
        ("valAcc", "higher", 0, 1, 1, "fraction"),
        ("Micro F1", "higher", 0, 1, 1, "fraction"),
        ("microF1", "higher", 0, 1, 1, "fraction"),
        ("f1_score", "higher", 0, 1, 1, "fraction"),
        ("f1-macro", "higher", 0, 1, 1, "fraction"),
        ("ROC-AUC", "higher", 0, 1, 1, "fraction"),
        ("mAP", "higher", 0, 1, 1, "fraction"),
        ("avgBIO", "higher", 0, 1, 1, "fraction"),
        ("AvgBio", "higher", 0, 1, 1, "fraction"),
        ("avg_batch", "higher", 0, 1, 1, "fraction"),
        ("top1", "higher", 0, 1, 1, "fraction"),
        ("Top-5 accuracy", "higher", 0, 1, 1, "fraction"),
        ("ARI", "higher", -1, 1, 1, "fraction"),
        ("silhouette_score", "higher", -1, 1, 1, "fraction"),
        ("pearson", "higher", -1, 1, 1, "fraction"),
        ("R²", "higher", -math.inf, 1, 1, "fraction"),
        ("r2_score", "higher", -math.inf, 1, 1, "fraction"),
        ("mutual_information_bits", "higher", 0, math.inf, math.nan, ""),
        ("log_likelihood", "higher", -math.inf, math.inf, math.nan, ""),
        ("val_loss", "lower", 0, math.inf, 0, ""),
        ("cross-entropy", "lower", 0, math.inf, 0, ""),
        ("negative_log_likelihood", "lower", 0, math.inf, 0, ""),
        ("bits_per_byte", "lower", 0, math.inf, 0, ""),
        ("perplexity", "lower", 1, math.inf, 1, ""),
        ("log_perplexity", "lower", 0, math.inf, 0, ""),
        ("top1_error", "lower", 0, 1, 0, "fraction"),
        ("top-1 error", "lower", 0, 1, 0, "fraction"),
        ("neg_log_likelihood", "lower", 0, math.inf, 0, ""),
        ("mean_squared_error", "lower", 0, math.inf, 0, ""),
        ("RMSE", "lower", 0, math.inf, 0, ""),
        ("error_rate", "lower", 0, 1, 0, "fraction"),
        ("score", "higher", -math.inf, math.inf, math.nan, ""),
        ("mean_test_score_2", "higher", -math.inf, math.inf, math.nan, ""),
        ("Brier score", "lower", 0, math.inf, 0, ""),
        ("sacreBLEU", "higher", 0, 1, 1, "fraction"),
        ("pass@10", "higher", 0, 1, 1, "fraction"),
        ("nDCG@10", "higher", 0, 1, 1, "fraction"),
        ("kNN purity", "higher", 0, 1, 1, "fraction"),
        ("TM-score", "higher", 0, 1, 1, "fraction"),
        ("ROUGE-L", "higher", 0, 1, 1, "fraction"),
        ("adjusted mutual information", "higher", -1, 1, 1, "fraction"),
        ("PSNR (dB)", "higher", 0, math.inf, math.nan, ""),
        ("MAPE", "lower", 0, math.inf, 0, ""),
        ("fid_score", "lower", 0, math.inf, 0, ""),
    ],
)
def test_a_name_implies_direction_bounds_and_unit(name, better, lower, upper, best, unit):
    metric = lookup(name)
    assert metric is not None
    assert (metric.name, metric.better, metric.lower, metric.upper) == (name, better, lower, upper)
    assert metric.best == best or (math.isnan(best) and math.isnan(metric.best))
    assert metric.unit == unit
    assert metric.sign == (1 if better == "higher" else -1)
    assert metric.span == upper - lower


@pytest.mark.parametrize(
    "name",
    [
        "Jaccard distance", "correlation_distance", "AUROC deficit", "accuracy cost",
        "vigour", "accuracy_std", "loss_lo95", "f1 stderr", "neg_mean_squared_error",
        "loss_reduction", "accuracy gap", "1 - accuracy", "one_minus_auc_drop", "", "seed",
        "lossless", "score_sd", "rank_score", "anomaly score", "Davies score",
        "brier_skill_score", "crps skill", "kl_weight",
    ],
)  # fmt: skip
def test_a_spread_a_change_and_a_mirror_are_not_metrics(name):
    assert lookup(name) is None


@given(st.text(max_size=20))
def test_any_name_can_be_looked_up(name):
    metric = lookup(name)
    assert metric is None or metric.lower < metric.upper


def test_case_and_punctuation_do_not_matter():
    spellings = ["balanced_accuracy", "Balanced Accuracy", "BALANCED-ACCURACY", "balancedAccuracy"]
    assert {(m.better, m.upper) for m in map(lookup, spellings) if m} == {("higher", 1.0)}


@pytest.mark.parametrize(
    "name, level, margin",
    [("accuracy", 0.9, 0.01), ("ari", 0.5, 0.01), ("r2", -3.0, 0.01), ("val_loss", 3.0, 0.03),
     ("log_likelihood", -200.0, 2.0), ("perplexity", 20.0, 0.2), ("score", 50.0, 0.5)],
)  # fmt: skip
def test_the_default_margin(name, level, margin):
    assert lookup(name).margin(level) == pytest.approx(margin)


@pytest.mark.parametrize(
    "name, scores, upper, unit",
    [
        ("accuracy", [0.2, 0.9, 1.0], 1, "fraction"),
        ("accuracy", [20.0, 90.0, 100.0], 100, "percent"),
        ("accuracy", [0.8, 0.9, 85.0], 1, "fraction"),  # one slip does not change the unit
        ("accuracy", [0.8, 0.9, 1.2], 1, "fraction"),
        ("accuracy", [71.0, 80.0, 101.0], 100, "percent"),
        ("ari", [-3.0, 40.0, 50.0], 100, "percent"),
        ("val_loss", [40.0, 30.0, 20.0], math.inf, ""),
        ("percent_error_rate", [0.9, 1.0, 1.2], 100, "percent"),
        ("accuracy (%)", [0.9, 1.0, 1.2], 1, "fraction"),
        ("val_loss (%)", [0.4, 0.3, 0.2], math.inf, ""),
    ],
)
def test_percentages_are_recognised(name, scores, upper, unit):
    metric, findings = resolve(name, np.array(scores), SIZES, ONE_GROUP)
    assert (metric.upper, metric.unit) == (upper, unit)
    assert findings == ()
    if unit == "percent":
        assert metric.best == (100 if metric.better == "higher" else 0)
        assert metric.margin(50.0) == 1.0


@pytest.mark.parametrize(
    ("name", "unit"), [("Error rate (%)", "percent"), ("Accuracy (%)", "fraction")]
)
def test_a_name_in_percent_of_scores_up_to_one_is_doubtful(name, unit):
    """Small errors are percentages, small accuracies cells of a workbook in the format 0.0 %."""
    metric, findings = resolve(name, np.array([0.9, 0.6, 0.45]), SIZES, ONE_GROUP)
    assert metric.unit == unit
    assert [finding.code for finding in findings] == ["percent_in_name"]
    _, findings = resolve(name, np.array([0.9, 0.6]), SIZES[:2], ONE_GROUP[:2], bounds=(0, 1))
    assert findings == ()


@pytest.mark.parametrize(
    ("name", "scores", "options", "told"),
    [
        ("MMD", [20.0, 5.0, 1.9], {}, True),
        ("MMD", [20.0, 5.0, 2.1], {}, False),  # less than a decade
        ("MMD", [20.0, 5.0, -0.1], {}, False),
        ("MMD", [20.0, 5.0, 0.0], {}, False),
        ("MMD", [20.0, 5.0, 1.9], {"bounds": (0, None)}, False),
        ("MMD", [20.0, 5.0, 1.9], {"better": "higher"}, False),
        ("val_loss", [20.0, 5.0, 1.9], {}, False),
    ],
)
def test_what_may_be_a_loss_is_told(name, scores, options, told):
    _, findings = resolve(
        name, np.array(scores), SIZES, ONE_GROUP, **({"better": "lower"} | options)
    )
    assert ("perhaps_a_loss" in [finding.code for finding in findings]) == told


@pytest.mark.parametrize(
    "name, options, expected",
    [
        ("vigour", {"better": "lower"}, ("lower", -math.inf, math.inf, math.nan, "")),
        ("vigour", {"better": "lower", "bounds": (0, 5)}, ("lower", 0, 5, 0, "")),
        ("vigour", {"better": "higher", "bounds": (0, 1)}, ("higher", 0, 1, 1, "fraction")),
        ("vigour", {"better": "higher", "bounds": (0, None)},
         ("higher", 0, math.inf, math.nan, "")),
        ("score", {"bounds": (0, 100)}, ("higher", 0, 100, 100, "percent")),
        ("val_loss", {"bounds": (0, 100)}, ("lower", 0, 100, 0, "")),
        ("accuracy", {"bounds": (0.25, 1)}, ("higher", 0.25, 1, 1, "fraction")),
        ("nll", {"bounds": (-math.inf, math.inf)}, ("lower", -math.inf, math.inf, math.nan, "")),
    ],
)  # fmt: skip
def test_what_the_user_says_wins(name, options, expected):
    metric, findings = resolve(name, FLAT, SIZES, ONE_GROUP, **options)
    got = (metric.better, metric.lower, metric.upper, metric.best, metric.unit)
    np.testing.assert_equal(got, expected)
    assert findings == ()
    if "better" in options:
        assert metric.origin == f"better={options['better']!r}"


def test_a_direction_against_the_name_is_taken_with_a_warning():
    metric, findings = resolve("accuracy", FLAT, SIZES, ONE_GROUP, better="lower")
    assert (metric.better, metric.best) == ("lower", 0)
    assert [(f.code, f.severity) for f in findings] == [("direction_against_name", "warn")]


@pytest.mark.parametrize(
    "options, words",
    [
        ({"better": "up"}, ["'up'", '"higher"', '"lower"']),
        ({"bounds": (1, 0)}, ["(1, 0)", "lowest"]),
        ({"bounds": (0, 1, 2)}, ["(0, 1, 2)"]),
        ({"bounds": 3}, ["3"]),
        ({"bounds": (0, "a")}, ["'a'"]),
        ({"bounds": (math.nan, 1)}, ["nan"]),
    ],
)
def test_what_is_not_understood_is_refused(options, words):
    with pytest.raises(TableError) as caught:
        resolve("vigour", FLAT, SIZES, ONE_GROUP, **options)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("slope, better", [(0.1, "higher"), (-0.1, "lower")])
def test_an_unknown_metric_takes_the_direction_of_the_trend(slope, better):
    sizes = np.tile(np.logspace(3, 6, 6), 2)
    group = np.repeat([0, 1], 6)
    noise = 0.02 * np.random.default_rng(0).normal(size=12)
    scores = slope * np.log10(sizes) + 5.0 * group + noise  # levels differ, trends agree
    metric, (finding,) = resolve("vigour", scores, sizes, group)
    assert (metric.better, metric.origin) == (better, "the trend")
    assert (finding.code, finding.severity) == ("direction_from_trend", "warn")
    assert "better=" in finding.mend


def test_without_a_trend_the_direction_is_assumed_and_said_so():
    metric, (finding,) = resolve("vigour", FLAT, SIZES, ONE_GROUP)
    assert (metric.better, metric.origin) == ("higher", "assumption")
    assert (finding.code, finding.severity) == ("direction_assumed", "warn")


def test_the_pooled_trend_is_not_fooled_by_levels():
    """Groups at larger sizes score higher, but no group rises: a pooled slope would be positive."""
    sizes = np.array([1.0, 2, 4, 100, 200, 400])
    scores = np.array([1.0, 0.9, 0.79, 5, 4.9, 4.79])
    assert np.polyfit(np.log(sizes), scores, 1)[0] > 0
    trend = pooled_trend(sizes, scores, np.repeat([0, 1], 3))
    assert trend.z < -2


def test_the_pooled_trend_keeps_its_level():
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(3), 5)
    sizes = np.tile(np.logspace(2, 4, 5), 3)
    p_values = [pooled_trend(sizes, rng.normal(size=15), group).p_value for _ in range(2000)]
    assert 0.03 < np.mean(np.array(p_values) < 0.05) < 0.07


@pytest.mark.parametrize("scores", [[0.3, 0.3, 0.3], [1e9, 1e9, 1e9]])
def test_constant_scores_have_no_trend(scores):
    assert pooled_trend(SIZES, np.array(scores), ONE_GROUP) == (0.0, 1.0)


def test_a_perfect_line_has_a_finite_trend():
    trend = pooled_trend(SIZES, np.array([1.0, 2.0, 3.0]), ONE_GROUP)
    assert np.isfinite(trend.z)
    assert trend.p_value < 0.05


def test_no_rows_have_no_trend():
    empty = np.array([])
    assert pooled_trend(empty, empty, np.array([], dtype=np.intp)).p_value == 1.0
