"""The threshold that is chosen, and the calibration."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from noc_platform.fraud.learning.candidates import calibrated, candidates, fit, probability
from noc_platform.fraud.learning.examples import Numbers
from noc_platform.fraud.learning.measures import Judged, measure
from noc_platform.fraud.learning.probabilities import best_method, threshold_for
from noc_platform_tests.fraud.learning.drawn import by_chance, drawn


def judged(labels: list[int], given: list[float]) -> Judged:
    return Judged(np.array(labels, bool), np.array(given), np.ones(len(labels)), np.arange(len(labels)))


def shares(each: Judged, threshold: float) -> tuple[float, float]:
    flagged: Numbers = each.probabilities >= threshold
    return float(each.labels[flagged].mean()), float(flagged[each.labels].mean())


@given(seed=st.integers(0, 1000), rows=st.integers(200, 600))
@settings(max_examples=40, deadline=None)
def test_no_threshold_that_is_precise_enough_finds_more(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.random(rows) < 0.4
    each = Judged(labels, np.round(rng.normal(size=rows) / 6 + 0.4 + 0.3 * labels, 2), np.ones(rows), np.arange(rows))
    threshold = threshold_for(each, 0.85)
    precision, recall = shares(each, threshold)
    possible = [shares(each, at) for at in np.unique(each.probabilities)]
    if precision >= 0.85 and recall >= 0.5:
        # With half a standard error to spare: none that is precise by far more finds more.
        assert all(found <= recall + 1e-9 for right, found in possible if right >= 0.92)
    else:
        assert all(right < 0.85 or found < 0.5 for right, found in possible)
        f1 = 2 * precision * recall / (precision + recall)
        assert all(2 * right * found / (right + found) <= f1 + 1e-9 for right, found in possible if right + found)


def test_the_threshold_lies_between_probabilities_so_that_rounding_decides_nothing() -> None:
    each = judged([1] * 40 + [0] * 40, [0.9] * 40 + [0.1] * 40)
    assert threshold_for(each, 0.85) == 0.5


def test_calibration_undoes_what_balanced_weights_do() -> None:
    examples = by_chance(drawn(6000, frauds=0.1, apart=2.0))
    learn, validate, test = (examples.rows(np.arange(start, 6000, 3)) for start in range(3))
    forest = fit(candidates(learn, 42)["random_forest"], learn)
    model = calibrated(forest, validate, best_method(forest, validate, 42))

    def error(each: object) -> float:
        given = probability(each, test.values)
        return measure(Judged(test.labels, given, test.weight, test.people), 0.5).calibration_error.value

    assert error(forest) > 0.06
    assert error(model) < 0.03


def test_few_examples_are_calibrated_by_two_numbers() -> None:
    examples = by_chance(drawn(600))
    assert best_method(None, examples, 42) == "sigmoid"
