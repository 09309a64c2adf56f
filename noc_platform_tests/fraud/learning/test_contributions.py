"""Contributions against a walk from root to leaf, one step at a time; and the quick way to a probability against
scikit-learn's own."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from noc_platform.errors import BadInput
from noc_platform.fraud.learning.candidates import BOOSTING, FOREST, LOGISTIC, calibrated, candidates, fit, probability
from noc_platform.fraud.learning.contributions import Explainer
from noc_platform.fraud.learning.examples import Numbers
from noc_platform.fraud.learning.scorer import FEW, Scorer
from noc_platform_tests.fraud.learning.drawn import by_chance, drawn

NAMES = (FOREST, BOOSTING, LOGISTIC)
METHODS = ("isotonic", "sigmoid")
ASKED = drawn(300, seed=5, unknown=0.3).values


@cache
def model(name: str, method: str) -> Any:
    examples = by_chance(drawn(1200, seed=2))
    pipeline = fit(candidates(examples, 42)[name], examples)
    return calibrated(pipeline, by_chance(drawn(800, seed=3)), method)


def walked(name: str, method: str, row: Numbers) -> Numbers:
    """What each feature adds to the score on the way of one row, before calibration."""
    pipeline = model(name, method).calibrated_classifiers_[0].estimator.estimator
    imputer, last = pipeline.named_steps["columns"], pipeline.named_steps["model"]
    columns = imputer.transform(row[None])[0]
    sources = [*range(len(row)), *imputer.indicator_.features_]
    added = np.zeros(len(row))
    if name == LOGISTIC:
        scaled = pipeline.named_steps["scale"].transform(columns[None])[0]
        for place, source in enumerate(sources):
            added[source] += last.coef_[0][place] * scaled[place]
        return added
    trees = (
        [_forest_tree(each.tree_) for each in last.estimators_]
        if name == FOREST
        else [_boosted_tree(each.nodes) for (each,) in last._predictors]
    )
    for is_leaf, feature, threshold, left, right, value, count in trees:
        node, share = 0, 1 / len(trees) if name == FOREST else 1.0
        while not is_leaf[node]:
            measure = np.float32(columns[feature[node]]) if name == FOREST else columns[feature[node]]
            child = left[node] if measure <= threshold[node] else right[node]
            both = [_mean(each, is_leaf, left, right, value, count)[0] for each in (child, node)]
            added[sources[feature[node]]] += (both[0] - both[1]) * share
            node = child
    return added


def _forest_tree(tree: Any) -> tuple[Numbers, ...]:
    return (
        tree.children_left < 0, tree.feature, tree.threshold, tree.children_left, tree.children_right,
        tree.value[:, 0, 1], tree.n_node_samples,
    )  # fmt: skip


def _boosted_tree(nodes: Any) -> tuple[Numbers, ...]:
    names = ("is_leaf", "feature_idx", "num_threshold", "left", "right", "value", "count")
    return tuple(nodes[name] for name in names)


def _mean(node: int, is_leaf: Numbers, left: Numbers, right: Numbers, value: Numbers, count: Numbers) -> Any:
    """The mean of the leaves below a node, and how many rows they hold."""
    if is_leaf[node]:
        return value[node], float(count[node])
    below = [_mean(side[node], is_leaf, left, right, value, count) for side in (left, right)]
    rows = below[0][1] + below[1][1]
    return (below[0][0] * below[0][1] + below[1][0] * below[1][1]) / rows, rows


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", NAMES)
def test_contributions_add_up_to_the_probability_beyond_the_base(name: str, method: str) -> None:
    explainer = Explainer.of(model(name, method))
    given = probability(model(name, method), ASKED)
    for rows in (ASKED, ASKED[:1], ASKED[:FEW]):
        found = explainer.contributions(rows)
        assert found.shape == rows.shape
        np.testing.assert_allclose(found.sum(axis=1), given[: len(rows)] - explainer.base, atol=1e-9)
        assert np.abs(found).sum(axis=1).max() <= 2


@pytest.mark.parametrize("name", NAMES)
def test_contributions_are_those_of_a_walk_stretched_to_the_probability(name: str) -> None:
    explainer = Explainer.of(model(name, "sigmoid"))
    given = probability(model(name, "sigmoid"), ASKED)
    found = explainer.contributions(ASKED)
    for place in (0, 7, 19) if name != LOGISTIC else range(50):
        added = walked(name, "sigmoid", ASKED[place])
        by = (given[place] - explainer.base) / added.sum()
        if abs(by) * np.abs(added).sum() < 1:
            np.testing.assert_allclose(found[place], added * by, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_base_is_what_is_said_of_the_mean_score(name: str) -> None:
    explainer = Explainer.of(model(name, "sigmoid"))
    assert 0 < explainer.base < 0.3


def test_one_row_is_explained_as_in_a_batch() -> None:
    explainer = Explainer.of(model(FOREST, "isotonic"))
    whole = explainer.contributions(ASKED)
    for place in range(5):
        np.testing.assert_allclose(explainer.contributions(ASKED[place : place + 1])[0], whole[place], atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", NAMES)
def test_the_quick_way_gives_the_same_probability(name: str, method: str) -> None:
    scorer = Scorer.of(model(name, method))
    given = probability(model(name, method), ASKED)
    for rows in (1, 3, FEW, FEW + 1):
        np.testing.assert_allclose(scorer.probability(ASKED[:rows]), given[:rows], atol=1e-12, rtol=0)
    many = np.tile(ASKED, (35, 1))
    np.testing.assert_allclose(scorer.probability(many), np.tile(given, 35), atol=1e-12, rtol=0)


def test_steps_of_calibration_make_no_huge_numbers() -> None:
    explainer = Explainer.of(model(FOREST, "isotonic"))
    parts = np.array([[1.0, -1.0 + 1e-9], [0.2, 0.1], [0.0, 0.0]])
    wanted = np.array([0.05, -0.02, 0.0])
    found = explainer._stretched(parts, wanted)
    np.testing.assert_allclose(found.sum(axis=1), wanted, atol=1e-12)
    assert np.abs(found).max() <= 1


def test_a_model_with_words_is_not_explained() -> None:
    from dataclasses import replace

    examples = by_chance(drawn(600))
    words = replace(
        examples, values=np.column_stack([examples.values[:, :11], np.arange(600) % 3]),
        categories={"location_update_frequency": ("a", "b", "c")},
    )  # fmt: skip
    pipeline = fit(candidates(words, 42)[LOGISTIC], words)
    with pytest.raises(BadInput, match="all measures"):
        Explainer.of(calibrated(pipeline, words, "sigmoid"))
