"""A model is learned from the past, and judged by what is later."""

from dataclasses import replace

import numpy as np
import pytest

from noc_platform.fraud.gate import GatePolicy, judge
from noc_platform.fraud.learning.candidates import probability
from noc_platform.fraud.learning.examples import Examples, Numbers, TooFewLabels, Unfit
from noc_platform.fraud.training import Champion, TrainingPolicy, compare, train
from noc_platform.fraud.vocabulary import FEATURES
from noc_platform_tests.fraud.learning.drawn import by_chance, drawn, trained


def test_fraud_model_training_sufficient_data() -> None:
    model = trained()
    assert model.names == FEATURES
    assert [each.name for each in model.candidates] == ["random_forest", "gradient_boosting", "logistic_regression"]
    assert model.name == max(model.candidates, key=lambda each: each.validation_pr_auc).name
    assert sum(model.rows.values()) <= 5000
    assert model.test.pr_auc.value > 0.8
    assert model.test.calibration_error.value < 0.05
    assert judge(model, None).passed


def test_fraud_model_training_insufficient_data() -> None:
    with pytest.raises(TooFewLabels, match="499 labelled events, and 500 are needed"):
        train(drawn(499))
    with pytest.raises(TooFewLabels, match="are fraud, and 50 are needed"):
        train(drawn(1000, frauds=0.03))


def test_fraud_model_validation_precision() -> None:
    """Precision of what is flagged at the stored threshold, chosen on validation rows, holds on later ones."""
    model = trained()
    rows = model.predictions
    flagged = rows.probabilities >= model.threshold
    assert model.test.precision.value == pytest.approx(rows.labels[flagged].mean())
    assert model.validation.precision.value >= TrainingPolicy().precision
    assert model.test.precision.value >= GatePolicy().precision


def test_fraud_model_validation_recall() -> None:
    model = trained()
    rows = model.predictions
    assert model.test.recall.value == pytest.approx((rows.probabilities >= model.threshold)[rows.labels].mean())
    assert model.test.recall.value >= GatePolicy().recall


def test_the_same_examples_and_seed_give_the_same_model() -> None:
    examples = drawn(800, seed=4)
    once, again = train(examples), train(examples)
    np.testing.assert_array_equal(once.predictions.probabilities, again.predictions.probabilities)
    assert (once.name, once.threshold, once.importances) == (again.name, again.threshold, again.importances)


def test_judged_rows_are_later_than_all_it_learned_from_and_scored_by_the_model() -> None:
    examples, model = drawn(5000, apart=3.2), trained()
    test = examples.rows(model.predictions.places)
    np.testing.assert_array_equal(test.labels, model.predictions.labels)
    np.testing.assert_array_equal(probability(model.model, test.values), model.predictions.probabilities)


def test_the_threshold_is_not_set_on_the_rows_that_judge() -> None:
    """With the labels of the judging rows turned about, the model and its threshold stay as they are (defect 75)."""
    examples = drawn(5000, apart=3.2)
    turned = examples.labels.copy()
    # Each person keeps as many frauds as before, so that the rows are parted the same.
    people = examples.people[trained().predictions.places]
    for person in np.unique(people):
        rows = trained().predictions.places[people == person]
        turned[rows] = np.random.default_rng(int(person % 1000)).permutation(turned[rows])
    again = train(replace(examples, labels=turned))
    np.testing.assert_array_equal(again.predictions.places, trained().predictions.places)
    assert again.threshold == trained().threshold
    assert again.test.pr_auc.value < trained().test.pr_auc.value


def test_missing_and_constant_required_features_are_refused() -> None:
    examples = drawn(800)
    examples.values[:, 10] = 55.0
    with pytest.raises(Unfit, match=r"battery_level \(the same everywhere\)"):
        train(examples)
    with pytest.raises(Unfit, match="missing from the examples: location_update_frequency"):
        train(examples.columns(FEATURES[:-1]))


def test_a_single_class_is_refused() -> None:
    with pytest.raises(Unfit, match="both kinds are needed"):
        train(replace(drawn(800), labels=np.zeros(800, bool)))


def test_frauds_of_one_time_alone_cannot_be_judged_later() -> None:
    examples = drawn(1500)
    assert examples.moments is not None
    early = examples.moments < np.sort(examples.moments)[500]
    rng = np.random.default_rng(1)
    labels = early & (rng.random(1500) < 0.4)
    with pytest.raises((TooFewLabels, Unfit), match="test events"):
        train(replace(examples, labels=labels))


def test_an_extra_feature_nobody_knows_is_left_out_and_said() -> None:
    examples = drawn(1000)
    wider = replace(
        examples, values=np.column_stack([examples.values, np.full(1000, np.nan)]), names=(*FEATURES, "face_margin")
    )
    model = train(wider)
    assert model.left_out == {"face_margin": "known of no event"}
    assert model.names == FEATURES


def test_unknown_is_not_zero() -> None:
    """A feature nobody measured says less than one measured as 0: they get different probabilities (defect 69)."""
    row = np.full((1, len(FEATURES)), 1.0)
    unknown, zero = row.copy(), row.copy()
    unknown[0, 0], zero[0, 0] = np.nan, 0.0
    model = trained().model
    assert probability(model, unknown)[0] != probability(model, zero)[0]


def test_weights_count() -> None:
    """Rows of no weight to speak of teach nothing: learning with labels turned about there changes little."""
    examples = by_chance(drawn(2000, apart=3.0))
    wrong = np.random.default_rng(11).random(2000) < 0.4
    turned = replace(examples, labels=examples.labels ^ wrong)
    light = replace(turned, weights=np.where(wrong, 1e-3, 1.0))
    assert train(light).test.pr_auc.value > 0.85 > 0.6 > train(turned).test.pr_auc.value


def test_the_champion_is_asked_about_the_same_rows() -> None:
    examples, model = drawn(5000, apart=3.2), trained()
    asked: list[Examples] = []

    def same(rows: Examples) -> Numbers:
        asked.append(rows)
        return probability(model.model, rows.values)

    comparison = compare(model, Champion(same, model.threshold), examples)
    assert comparison is not None
    assert (comparison.f1.value, comparison.pr_auc.value) == (0.0, 0.0)
    assert not comparison.is_better
    np.testing.assert_array_equal(asked[0].values, examples.values[model.predictions.places])
    assert compare(model, None, examples) is None


def test_a_champion_that_guesses_is_beaten() -> None:
    def guess(rows: Examples) -> Numbers:
        return np.random.default_rng(11).random(len(rows))

    comparison = compare(trained(), Champion(guess, 0.5), drawn(5000, apart=3.2))
    assert comparison is not None
    assert comparison.is_better
