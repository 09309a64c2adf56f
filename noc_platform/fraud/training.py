"""Learning a model from labelled events: part them, let candidates compete, calibrate, set the threshold, measure.

Nothing here knows whether the result will be used: that is the gate's to say (`gate`), from what is measured here on
rows that are later than all that was learned from, of people nothing was learned from.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from noc_platform.fraud.learning.candidates import calibrated, candidates, fit, probability
from noc_platform.fraud.learning.comparing import Comparison, paired
from noc_platform.fraud.learning.examples import Examples, Numbers, enough, without_idle_columns
from noc_platform.fraud.learning.measures import Judged, Measures, measure
from noc_platform.fraud.learning.probabilities import best_method, threshold_for
from noc_platform.fraud.learning.slices import Slice, sliced
from noc_platform.fraud.learning.splitting import Split, split
from noc_platform.fraud.vocabulary import FEATURES

SEED = 42
LEAST_OF_A_PART = 5
IMPORTANCE_ROWS, IMPORTANCE_REPEATS = 4000, 2


@dataclass(frozen=True)
class TrainingPolicy:
    """What must be there to learn from, and how careful a threshold is.

    Features that are `required` must be there and must vary; others that say nothing are left out.
    """

    least_rows: int = 500
    least_frauds: int = 50
    precision: float = 0.85
    required: tuple[str, ...] = FEATURES


@dataclass(frozen=True)
class Candidate:
    """One kind of model: its PR-AUC on the validation rows, which decides, and what it is worth on the test rows once
    calibrated and with a threshold of its own."""

    name: str
    validation_pr_auc: float
    method: str
    threshold: float
    test: Measures


@dataclass(frozen=True)
class Predictions:
    """What the model says of the rows it is judged by: `(n,)` each. `places` are the rows' places in the examples."""

    places: Numbers
    labels: Numbers
    probabilities: Numbers
    weights: Numbers
    people: Numbers

    @property
    def judged(self) -> Judged:
        """As measures take them."""
        return Judged(self.labels, self.probabilities, self.weights, self.people)


@dataclass(frozen=True)
class Trained:
    """A model, its threshold, and how it was judged.

    `model` takes the matrix `(n, k)` of `names` in that order, NaN for unknown, and gives `predict_proba`; its
    `classes_` are False and True. `base_rate` is the share of fraud where it learned, `ranges` the lowest and highest
    known value of each feature there. `left_out` says why a column is not among the names. `importances` are what
    PR-AUC loses on validation rows when a feature is shuffled.
    """

    name: str
    model: Any
    method: str
    threshold: float
    base_rate: float
    names: tuple[str, ...]
    ranges: Mapping[str, tuple[float, float]]
    importances: Mapping[str, float]
    validation: Measures
    test: Measures
    candidates: tuple[Candidate, ...]
    predictions: Predictions
    slices: tuple[Slice, ...]
    rows: Mapping[str, int]
    positives: Mapping[str, int]
    manner: str
    left_out: Mapping[str, str]
    seed: int


@dataclass(frozen=True)
class Champion:
    """The model that is live: the probability it gives each of some examples, and its threshold."""

    predict: Callable[[Examples], Numbers]
    threshold: float


@dataclass(frozen=True)
class _Entry:
    """A candidate with its calibrated model."""

    shown: Candidate
    model: Any
    validation: Judged
    test: Judged


def train(examples: Examples, policy: TrainingPolicy | None = None, seed: int = SEED) -> Trained:
    """The best of the candidates, calibrated, with its threshold. The same for the same examples and seed.

    Raises `TooFewLabels` where there is too little to learn from or to judge by, and `Unfit` for a single class or
    features that are missing, unknown or constant.
    """
    # Imported before the limit is set, for it holds for the libraries that are loaded.
    import sklearn.ensemble  # noqa: F401
    from threadpoolctl import threadpool_limits

    # Threads of OpenMP wait by spinning: beside other work on two cores that took boosting ten times as long as one
    # thread alone. The forest has threads of its own.
    with threadpool_limits(1):
        return _train(examples, policy or TrainingPolicy(), seed)


def _train(examples: Examples, policy: TrainingPolicy, seed: int) -> Trained:
    enough(examples, policy.least_rows, policy.least_frauds)
    examples, left_out = without_idle_columns(examples, policy.required)
    parts = split(examples, seed)
    learn, validate, test = (examples.rows(part) for part in (parts.train, parts.validation, parts.test))
    for name, part in {"training": learn, "validation": validate, "test": test}.items():
        enough(part, 2 * LEAST_OF_A_PART, LEAST_OF_A_PART, f"{name} events (parted {parts.manner})")
    entries = [
        _entry(name, fit(pipeline, learn), validate, test, policy, seed)
        for name, pipeline in candidates(learn, seed).items()
    ]
    best = max(entries, key=lambda entry: entry.shown.validation_pr_auc)
    threshold = best.shown.threshold
    return Trained(
        name=best.shown.name, model=best.model, method=best.shown.method, threshold=threshold,
        base_rate=float(np.average(learn.labels, weights=learn.weight)), names=learn.names, ranges=_ranges(learn),
        importances=_importances(best.model, validate, seed),
        validation=measure(best.validation, threshold, seed), test=best.shown.test,
        candidates=tuple(entry.shown for entry in entries), predictions=_predictions(best.test, parts),
        slices=sliced(test.slices, best.test, threshold),
        rows=parts.sizes,
        positives={"train": learn.positives, "validation": validate.positives, "test": test.positives},
        manner=parts.manner, left_out=left_out, seed=seed,
    )  # fmt: skip


def compare(trained: Trained, champion: Champion | None, examples: Examples) -> Comparison | None:
    """The trained model beside the champion on the rows the trained one was judged by; None without a champion.

    `examples` are those given to `train`; the champion is asked with all their columns and takes its own.
    """
    if champion is None:
        return None
    rows = examples.rows(trained.predictions.places)
    ours, theirs = trained.predictions.judged, _judged(rows, champion.predict(rows))
    return paired(ours, trained.threshold, theirs, champion.threshold, trained.seed)


def _entry(name: str, pipeline: Any, validate: Examples, test: Examples, policy: TrainingPolicy, seed: int) -> _Entry:
    method = best_method(pipeline, validate, seed)
    model = calibrated(pipeline, validate, method)
    # The order of the uncalibrated scores decides: isotonic steps would hide differences.
    validation, raw = (_judged(validate, probability(each, validate.values)) for each in (model, pipeline))
    threshold = threshold_for(validation, policy.precision)
    judged = _judged(test, probability(model, test.values))
    pr_auc = average_precision(raw)
    return _Entry(
        Candidate(name, pr_auc, method, threshold, measure(judged, threshold, seed)), model, validation, judged
    )


def average_precision(judged: Judged) -> float:
    """The area under the steps of precision over recall."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(judged.labels, judged.probabilities, sample_weight=judged.weights))


def _judged(examples: Examples, probabilities: Numbers) -> Judged:
    return Judged(examples.labels, probabilities, examples.weight, examples.people)


def _predictions(judged: Judged, parts: Split) -> Predictions:
    return Predictions(parts.test, judged.labels, judged.probabilities, judged.weights, judged.people)


def _ranges(examples: Examples) -> dict[str, tuple[float, float]]:
    unknown = np.isnan(examples.values)
    lowest = np.where(unknown, np.inf, examples.values).min(axis=0)
    highest = np.where(unknown, -np.inf, examples.values).max(axis=0)
    return {
        name: (float(low), float(high))
        for name, low, high in zip(examples.names, lowest, highest, strict=True)
        if low <= high
    }


def _importances(model: Any, examples: Examples, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    places = rng.permutation(len(examples))[:IMPORTANCE_ROWS]
    rows = examples.rows(places)
    if rows.positives == 0:
        return dict.fromkeys(examples.names, 0.0)

    def worth(values: Numbers) -> float:
        return average_precision(_judged(rows, probability(model, values)))

    whole, lost = worth(rows.values), {}
    for place, name in enumerate(rows.names):
        without = []
        for _ in range(IMPORTANCE_REPEATS):
            values = rows.values.copy()
            values[:, place] = rng.permutation(values[:, place])
            without.append(worth(values))
        lost[name] = whole - float(np.mean(without))
    return lost
