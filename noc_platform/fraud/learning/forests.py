"""A fitted model taken apart: what its columns are made of, its trees as plain arrays, its calibration as a function.

scikit-learn spends milliseconds on checks for each call; for one row that is most of the time. Here the same numbers
are reached by the same additions in the same order.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from noc_platform.errors import BadInput
from noc_platform.fraud.learning.examples import Numbers


@dataclass(frozen=True)
class Columns:
    """How a matrix with unknowns becomes the model's columns: the medians put in, then a column for each feature in
    `flagged` that says it was unknown. `sources` is the feature each of the model's columns comes from."""

    medians: Numbers
    flagged: Numbers

    @property
    def sources(self) -> Numbers:
        """The feature of each column."""
        return np.concatenate([np.arange(len(self.medians)), self.flagged])

    def filled(self, values: Numbers) -> Numbers:
        """The model's columns, `(n, k + flagged)` float64."""
        unknown = np.isnan(values)
        return np.concatenate([np.where(unknown, self.medians, values), unknown[:, self.flagged]], axis=1)


@dataclass(frozen=True)
class Forest:
    """Trees, node by node in one row of arrays. A leaf leads to itself, so all rows can take the same steps.

    `value` of a leaf is what it adds to the score, of another node the mean of its leaves weighted by the training
    rows they hold; the score of a row is `start` plus its leaves in the order of the trees, times `scale`. `is_single`
    says that measures are compared as float32, as scikit-learn's own forests do.
    """

    roots: Numbers
    feature: Numbers
    threshold: Numbers
    left: Numbers
    right: Numbers
    value: Numbers
    depth: int
    start: float
    scale: float
    is_single: bool

    def leaves(self, columns: Numbers) -> Numbers:
        """The leaf each row reaches in each tree, `(n, trees)`, walking all of them together."""
        measures = columns.astype(np.float32).astype(np.float64) if self.is_single else columns
        nodes = np.broadcast_to(self.roots, (len(columns), len(self.roots)))
        rows = np.arange(len(columns))[:, None]
        for _ in range(self.depth):
            is_left = measures[rows, self.feature[nodes]] <= self.threshold[nodes]
            nodes = np.where(is_left, self.left[nodes], self.right[nodes])
        return np.asarray(nodes)

    def scores(self, leaves: Numbers) -> Numbers:
        """The score of rows by their leaves, added one after the other: the last digit depends on the order."""
        started = np.concatenate([np.full((len(leaves), 1), self.start), self.value[leaves]], axis=1)
        return np.asarray(np.cumsum(started, axis=1)[:, -1] * self.scale)


@dataclass(frozen=True)
class Line:
    """A linear score of scaled columns."""

    middle: Numbers
    spread: Numbers
    slopes: Numbers
    start: float

    def parts(self, columns: Numbers) -> Numbers:
        """What each column adds beyond `start`."""
        return np.asarray((columns - self.middle) / self.spread * self.slopes)


@dataclass(frozen=True)
class Anatomy:
    """A calibrated model in its parts. `estimator` is scikit-learn's own last step."""

    columns: Columns
    kind: Forest | Line
    estimator: Any
    calibrate: Callable[[Numbers], Numbers]


def anatomy(model: Any) -> Anatomy:
    """The parts of a calibrated pipeline of ours. Raises `BadInput` for any other."""
    try:
        inner = model.calibrated_classifiers_[0]
        pipeline = getattr(inner.estimator, "estimator", inner.estimator)
        steps = dict(pipeline.steps)
        imputer, last = steps["columns"], steps["model"]
    except (AttributeError, LookupError) as error:
        raise BadInput(f"A {type(model).__name__} is not a calibrated pipeline of ours.") from error
    if not hasattr(imputer, "statistics_"):
        raise BadInput("Reasons are only given for models whose features are all measures.")
    flagged = imputer.indicator_.features_ if imputer.indicator_ is not None else np.array([], int)
    columns = Columns(np.asarray(imputer.statistics_, float), np.asarray(flagged, int))
    return Anatomy(columns, _kind(steps, last), last, _calibration(inner.calibrators[0]))


def library_leaves(estimator: Any, forest: Forest, columns: Numbers) -> Numbers:
    """The same leaves as `Forest.leaves`, by scikit-learn's compiled walk."""
    leaves = np.empty((len(columns), len(forest.roots)), np.int64)
    if forest.is_single:
        single = np.ascontiguousarray(columns, np.float32)
        for place, tree in enumerate(estimator.estimators_):
            leaves[:, place] = tree.tree_.apply(single)
    else:
        bitsets, places = estimator._bin_mapper.make_known_categories_bitsets()
        for place, (predictor,) in enumerate(estimator._predictors):
            numbered = copy(predictor)
            numbered.nodes = predictor.nodes.copy()
            numbered.nodes["value"] = np.arange(len(predictor.nodes))
            leaves[:, place] = numbered.predict(columns, bitsets, places, 1)
    return leaves + forest.roots


def boosted_scores(estimator: Any, columns: Numbers) -> Numbers:
    """The scores of gradient boosting, tree after tree, without threads of its own."""
    bitsets, places = estimator._bin_mapper.make_known_categories_bitsets()
    scores = np.full(len(columns), float(np.ravel(estimator._baseline_prediction)[0]))
    for (predictor,) in estimator._predictors:
        scores += predictor.predict(columns, bitsets, places, 1)
    return scores


def _kind(steps: dict[str, Any], last: Any) -> Forest | Line:
    name = type(last).__name__
    if name == "RandomForestClassifier":
        return _random_forest(last)
    if name == "HistGradientBoostingClassifier":
        return _boosted(last)
    if name == "LogisticRegression":
        scaler = steps["scale"]
        return Line(scaler.mean_, scaler.scale_, last.coef_[0], float(last.intercept_[0]))
    raise BadInput(f"A model of the kind {name} is not known here.")


def _random_forest(forest: Any) -> Forest:
    trees = []
    place = int(np.flatnonzero(forest.classes_ == 1)[0])
    for each in forest.estimators_:
        tree = each.tree_
        is_leaf = tree.children_left < 0
        trees.append(
            _tree(
                is_leaf, tree.feature, tree.threshold, tree.children_left, tree.children_right,
                tree.value[:, 0, place], tree.n_node_samples,
            )
        )  # fmt: skip
    return _joined(trees, start=0.0, scale=1 / len(trees), is_single=True)


def _boosted(boosted: Any) -> Forest:
    trees = []
    for (predictor,) in boosted._predictors:
        nodes = predictor.nodes
        is_leaf = nodes["is_leaf"].astype(bool)
        trees.append(
            _tree(
                is_leaf, nodes["feature_idx"], nodes["num_threshold"], nodes["left"], nodes["right"], nodes["value"],
                nodes["count"],
            )
        )  # fmt: skip
    return _joined(trees, start=float(np.ravel(boosted._baseline_prediction)[0]), scale=1.0, is_single=False)


def _tree(
    is_leaf: Numbers,
    feature: Numbers,
    threshold: Numbers,
    left: Numbers,
    right: Numbers,
    value: Numbers,
    count: Numbers,
) -> tuple[dict[str, Numbers], int]:
    own = np.arange(len(is_leaf))
    parts = {
        "feature": np.where(is_leaf, 0, feature).astype(np.int64),
        "threshold": np.where(is_leaf, np.inf, threshold).astype(np.float64),
        "left": np.where(is_leaf, own, left).astype(np.int64),
        "right": np.where(is_leaf, own, right).astype(np.int64),
        "value": value.astype(np.float64),
    }
    # Children come after their parents in both libraries' arrays, so from the back each node finds its leaves summed.
    rows, summed = count.astype(np.float64), np.where(is_leaf, value * count, 0.0)
    depth = np.zeros(len(is_leaf), int)
    for node in own[~is_leaf][::-1]:
        children = [int(parts["left"][node]), int(parts["right"][node])]
        summed[node] = summed[children].sum()
        rows[node] = rows[children].sum()
        depth[node] = 1 + depth[children].max()
    parts["value"] = np.where(is_leaf, parts["value"], summed / rows)
    return parts, int(depth[0])


def _joined(trees: list[tuple[dict[str, Numbers], int]], *, start: float, scale: float, is_single: bool) -> Forest:
    sizes = [len(parts["value"]) for parts, _ in trees]
    roots = np.cumsum([0, *sizes[:-1]])
    joined = {
        name: np.concatenate(
            [
                parts[name] + (root if name in ("left", "right") else 0)
                for (parts, _), root in zip(trees, roots, strict=True)
            ]
        )
        for name in trees[0][0]
    }
    depth = max(depth for _, depth in trees)
    return Forest(roots, **joined, depth=depth, start=start, scale=scale, is_single=is_single)


def _calibration(calibrator: Any) -> Callable[[Numbers], Numbers]:
    if hasattr(calibrator, "X_thresholds_"):
        at, given = np.asarray(calibrator.X_thresholds_, float), np.asarray(calibrator.y_thresholds_, float)
        return lambda scores: np.asarray(np.interp(scores, at, given))
    slope, start = float(calibrator.a_), float(calibrator.b_)

    def sigmoid(scores: Numbers) -> Numbers:
        from scipy.special import expit

        return np.asarray(expit(-(slope * scores + start)))

    return sigmoid
