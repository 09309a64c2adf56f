"""A small model to save, load and register, and the manifest that goes with it."""

from functools import cache
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from noc_platform.fraud.models import Manifest
from noc_platform.fraud.vocabulary import FEATURES, FEATURES_VERSION, MODEL_TYPE

FAMILIES = ("random_forest", "gradient_boosting", "logistic_regression")
NAMES = FEATURES[:4]


def rows(seed: int = 7, count: int = 400) -> tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]:
    """Values (count, 4) with one in ten unknown, and labels that the first column says something about."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(count, len(NAMES)))
    labels = values[:, 0] + random.normal(size=count) > 1
    values[random.random(values.shape) < 0.1] = np.nan
    return values, labels


@cache
def fitted(family: str = "random_forest", method: str = "sigmoid", seed: int = 7) -> Any:
    """A calibrated model of each family that training tries; the same arguments give the same object."""
    values, labels = rows(seed)
    base = {
        "random_forest": lambda: RandomForestClassifier(5, max_depth=3, class_weight="balanced", random_state=seed),
        "gradient_boosting": lambda: HistGradientBoostingClassifier(max_iter=5, random_state=seed),
        "logistic_regression": lambda: LogisticRegression(),
    }[family]()
    whole = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler(), base).fit(values, labels)
    return CalibratedClassifierCV(FrozenEstimator(whole), method=method).fit(values, labels)


def manifest(**different: Any) -> Manifest:
    """What goes with `fitted`."""
    values, labels = rows()
    said: dict[str, Any] = {
        "tenant_id": "acme",
        "model_type": MODEL_TYPE,
        "names": NAMES,
        "features_version": FEATURES_VERSION,
        "ranges": tuple(zip(np.nanmin(values, axis=0).tolist(), np.nanmax(values, axis=0).tolist(), strict=True)),
        "threshold": 0.5,
        "base_rate": float(labels.mean()),
        "family": "random_forest",
        "example": (0.5, None, 1.0, -1.0),
    }
    return Manifest(**{**said, **different})
