"""The kinds of model that compete: each one scikit-learn pipeline from the matrix with unknowns to a probability.

Unknown values are filled with the median of the training rows, and a column beside says that they were unknown: zero
would be the worst photo, a flat battery or a perfect position (domain.md §10, defect 69).
"""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from noc_platform.fraud.learning.examples import Examples, Numbers

JOBS = 2
FOREST, BOOSTING, LOGISTIC = "random_forest", "gradient_boosting", "logistic_regression"
# More words than these share columns, or become the rate of fraud among those who carry them.
WORDS_OF_THEIR_OWN = 32


def candidates(examples: Examples, seed: int) -> dict[str, Any]:
    """Unfitted pipelines by name. The first is the baseline of domain.md §5.6: others must earn their place."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    forest = RandomForestClassifier(100, max_depth=10, class_weight="balanced", random_state=seed, n_jobs=JOBS)
    boosting = HistGradientBoostingClassifier(
        learning_rate=0.1, max_iter=130, max_leaf_nodes=31, min_samples_leaf=20, l2_regularization=1.0,
        early_stopping=False, random_state=seed,
    )  # fmt: skip
    logistic = LogisticRegression(max_iter=1000, C=1.0, random_state=seed)
    return {
        FOREST: Pipeline([("columns", _columns(examples, seed)), ("model", forest)]),
        BOOSTING: Pipeline([("columns", _columns(examples, seed)), ("model", boosting)]),
        LOGISTIC: Pipeline([("columns", _columns(examples, seed)), ("scale", StandardScaler()), ("model", logistic)]),
    }


def _columns(examples: Examples, seed: int) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.model_selection import StratifiedKFold
    from sklearn.preprocessing import OneHotEncoder, TargetEncoder

    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    if not examples.categories:
        return imputer
    words: Mapping[str, tuple[str, ...]] = examples.categories
    few: list[int] = []
    many: list[int] = []
    measures: list[int] = []
    for place, name in enumerate(examples.names):
        kind = measures if name not in words else few if len(words[name]) <= WORDS_OF_THEIR_OWN else many
        kind.append(place)
    rare = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    # Fitted across folds, so that no row is told its own label.
    common = TargetEncoder(target_type="binary", cv=StratifiedKFold(5, shuffle=True, random_state=seed))
    parts = [("measures", imputer, measures), ("few_words", rare, few), ("many_words", common, many)]
    return ColumnTransformer([part for part in parts if part[2]])


def fit(pipeline: Any, examples: Examples) -> Any:
    """The pipeline, fitted to these examples and their weights."""
    pipeline.fit(examples.values, examples.labels, model__sample_weight=examples.weight)
    model = pipeline.named_steps["model"]
    if "n_jobs" in model.get_params():
        # Threads of a fitted forest add in the order they finish: the last digit of a probability would be chance.
        model.set_params(n_jobs=None)
    return pipeline


def calibrated(pipeline: Any, examples: Examples, method: str) -> Any:
    """The fitted pipeline with its scores turned into probabilities on examples it has not seen.

    `method` is `isotonic` or `sigmoid`. Balanced weights distort what a forest says (domain.md §10, defect 76).
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    model = CalibratedClassifierCV(FrozenEstimator(pipeline), method=method, cv=2, ensemble=False)
    with warnings.catch_warnings():
        # It says that the frozen estimator takes no weights, which is as it should be.
        warnings.filterwarnings("ignore", message=".*sample_weight.*", category=UserWarning)
        return model.fit(examples.values, examples.labels, sample_weight=examples.weight)


def probability(model: Any, values: Numbers) -> Numbers:
    """The probability of fraud of each row, found by the class and not by the place of a column."""
    column = int(np.flatnonzero(np.asarray(model.classes_) == 1)[0])
    return np.asarray(model.predict_proba(values)[:, column], np.float64)
