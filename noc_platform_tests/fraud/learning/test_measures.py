"""Measures against scikit-learn and against obvious loops; intervals that hold the truth as often as they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, precision_recall_curve, roc_auc_score

from noc_platform.fraud.learning import measures
from noc_platform.fraud.learning.examples import Numbers
from noc_platform.fraud.learning.measures import Judged, bins, document, measure, wilson


def judged(rows: int, seed: int, *, levels: int = 0, weighted: bool = False) -> Judged:
    rng = np.random.default_rng(seed)
    labels = rng.random(rows) < 0.3
    labels[:2] = True, False
    given = np.clip(0.5 * rng.random(rows) + 0.3 * labels, 0, 1)
    if levels:
        given = np.round(given * levels) / levels
    weights = rng.random(rows) + 0.5 if weighted else np.ones(rows)
    return Judged(labels, given, weights, rng.integers(max(rows // 5, 2), size=rows))


@given(rows=st.integers(10, 300), seed=st.integers(0, 1000), levels=st.sampled_from([0, 4]), weighted=st.booleans())
@settings(max_examples=25, deadline=None)
def test_numbers_are_those_of_scikit_learn(rows: int, seed: int, levels: int, weighted: bool) -> None:
    each = judged(rows, seed, levels=levels, weighted=weighted)
    found = measure(each, 0.5)
    given_all = (each.labels, each.probabilities)
    assert found.pr_auc.value == pytest.approx(average_precision_score(*given_all, sample_weight=each.weights))
    assert found.roc_auc.value == pytest.approx(roc_auc_score(*given_all, sample_weight=each.weights))
    assert found.brier.value == pytest.approx(brier_score_loss(*given_all, sample_weight=each.weights))
    precision, recall, _ = precision_recall_curve(*given_all, sample_weight=each.weights)
    assert found.precision_at_recall.value == pytest.approx(precision[recall >= 0.8 - 1e-12].max())
    reached = (precision >= 0.85 - 1e-12) & (recall > 0)
    assert found.recall_at_precision.value == pytest.approx(recall[reached].max(initial=0))
    for number in found.numbers.values():
        assert np.isnan(number.value) or number.low <= number.value <= number.high


def test_shares_and_the_confusion_matrix_are_counted() -> None:
    each = judged(200, 3)
    flagged = each.probabilities >= 0.6
    found = measure(each, 0.6)
    right = int((flagged & each.labels).sum())
    assert vars(found.confusion) == {
        "true_positives": right,
        "false_positives": int((flagged & ~each.labels).sum()),
        "false_negatives": int((~flagged & each.labels).sum()),
        "true_negatives": int((~flagged & ~each.labels).sum()),
    }
    assert found.precision.value == pytest.approx(right / flagged.sum())
    assert found.recall.value == pytest.approx(right / each.labels.sum())
    assert found.accuracy.value == pytest.approx((flagged == each.labels).mean())


def test_precision_at_80_percent_recall_is_not_precision_at_full_recall() -> None:
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 1], bool)
    each = Judged(labels, np.linspace(1, 0.1, 10), np.ones(10), np.arange(10))
    assert measure(each, 0.5).precision_at_recall.value == 1.0


def test_nothing_flagged_has_no_precision_and_is_none_in_json() -> None:
    found = measure(judged(100, 1), 2.0)
    assert np.isnan(found.precision.value)
    assert document(found)["precision"] is None
    assert found.recall.value == 0.0


def test_calibration_error_is_that_of_a_loop_over_bins_of_equal_mass() -> None:
    each = judged(1000, 5)
    place = bins(each.probabilities)
    assert sorted(np.bincount(place).tolist()) == [100] * 10
    off = [
        abs((each.probabilities[place == b] - each.labels[place == b]).mean()) * (place == b).mean() for b in range(10)
    ]
    assert measure(each, 0.5).calibration_error.value == pytest.approx(sum(off))


def test_many_scores_give_the_exact_number_and_about_the_same_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    each = judged(2500, 7)
    grouped = measure(each, 0.5).pr_auc
    monkeypatch.setattr(measures, "LEVELS", 10_000)
    exact = measure(each, 0.5).pr_auc
    assert grouped.value == pytest.approx(exact.value, abs=1e-12)
    assert (grouped.low, grouped.high) == pytest.approx((exact.low, exact.high), abs=0.003)


def test_rows_of_few_people_are_less_certain() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(600) < 0.4
    hit = (rng.random(30) < 0.7)[np.arange(600) % 30]

    def width(people: Numbers) -> float:
        recall = measure(Judged(labels, np.where(hit, 0.9, 0.1), np.ones(600), people), 0.5).recall
        return recall.high - recall.low

    assert width(np.arange(600) % 30) > 2 * width(np.arange(600))


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        labels = rng.random(300) < 0.3
        found = rng.random(300) < 0.8
        recall = measure(Judged(labels, np.where(found, 0.9, 0.1), np.ones(300), np.arange(300)), 0.5).recall
        held += recall.low <= 0.8 <= recall.high
    assert held >= 60 * 0.9


@given(count=st.integers(1, 500), share=st.floats(0, 1))
def test_wilsons_interval_holds_the_share_and_shrinks(count: int, share: float) -> None:
    low, high = wilson(share, count)
    assert 0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1
    wider_low, wider_high = wilson(share, count / 2)
    assert wider_high - wider_low >= high - low - 1e-9
