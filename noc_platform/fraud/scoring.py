"""From evidence to a score and its reasons: the one path of batches and single events, of models and of rules.

Pure. Elsewhere: the evidence (`features`), detections and rules-v1 (`detectors`, `rules`), who is live (`live`),
what is kept of a score (`predictions`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from noc_platform.fraud.detectors import Detection, detect
from noc_platform.fraud.limits import DetectorLimits
from noc_platform.fraud.models import Artefact, Loaded, Shelf
from noc_platform.fraud.rules import (
    ALERT_AT,
    FraudScore,
    fallback,
    final_score,
    hundredths_of,
    rule_floor,
    weighted_score,
)
from noc_platform.fraud.vocabulary import FEATURES_VERSION, MODEL_FEATURES, RULES_VERSION, Method

if TYPE_CHECKING:
    from noc_platform.fraud.learning.contributions import Explainer

Numbers = NDArray[np.float64]
# Reasons a person is told of one score.
TOLD_REASONS = 6


@dataclass(frozen=True)
class LiveModel:
    """A registered model of a tenant, as `noc_ml_model_metrics` has it."""

    tenant_id: str
    model_id: UUID
    version: int
    artefact: Artefact


@dataclass(frozen=True)
class Ready:
    """A model that is loaded, proved and can say why."""

    live: LiveModel
    loaded: Loaded
    explainer: "Explainer"


class Models:
    """The models of this process: each is loaded once, and another takes its place when its hash is another.

    Safe to share between threads.
    """

    def __init__(self, capacity: int = 64) -> None:
        from cachetools import LRUCache

        self._shelf = Shelf(capacity)
        self._explainers: LRUCache[str, Explainer] = LRUCache(capacity)
        self._lock = Lock()

    def ready(self, live: LiveModel) -> Ready:
        """The model, loaded. Raises `Unloadable` for one that must not be used, `Unavailable` for a silent store."""
        loaded = self._shelf.get(live.artefact, MODEL_FEATURES, FEATURES_VERSION)
        with self._lock:
            explainer = self._explainers.get(live.artefact.sha256)
            if explainer is None:
                from noc_platform.fraud.learning.contributions import Explainer

                explainer = self._explainers[live.artefact.sha256] = Explainer.of(loaded.model)
        return Ready(live, loaded, explainer)


@dataclass(frozen=True)
class Scores:
    """The scores of `n` events, in the order of their evidence.

    `probabilities` (n,) are the model's, calibrated, or the score of rules-v1. `contributions` (n, k) by `names` add up
    to the probability less `bases` (n,). `known` (n,) is how much of what is asked was known, 0 to 1. `detections` are
    the rules that fired. `finals` decide level, alert and ticket.
    """

    method: Method
    model_id: UUID | None
    version: str
    threshold: float | None
    probabilities: Numbers
    bases: Numbers
    names: tuple[str, ...]
    contributions: Numbers
    known: Numbers
    detections: list[list[Detection]]
    finals: list[FraudScore]

    @cached_property
    def hundredths(self) -> NDArray[np.int64]:
        """The final scores, hundredths."""
        return np.array([final.hundredths for final in self.finals], np.int64)


def matrix(evidence: pa.Table, names: Sequence[str] = MODEL_FEATURES) -> Numbers:
    """Features as `(n, k)` float64, NaN where not known."""
    values = np.empty((evidence.num_rows, len(names)))
    for place, name in enumerate(names):
        values[:, place] = pc.fill_null(evidence[name], np.nan).to_numpy()
    return values


def score(evidence: pa.Table, ready: Ready | None, limits: Sequence[DetectorLimits]) -> Scores:
    """Scores of all events of the evidence, by the model or, without one, by rules-v1.

    What a model holds for fraud by its own threshold always alerts, whatever number that threshold is.
    """
    detections = detect(evidence, limits)
    if ready is None:
        return _by_rules(evidence, limits, detections)
    values = matrix(evidence)
    probabilities, contributions = ready.explainer.explained(ready.loaded.chosen(values))
    threshold = ready.loaded.manifest.threshold
    finals = [
        final_score(weighted_score(found), probability, max(rule_floor(found), ALERT_AT * (probability >= threshold)))
        for found, probability in zip(detections, probabilities.tolist(), strict=True)
    ]
    return Scores(
        method=Method.MODEL, model_id=ready.live.model_id, version=str(ready.live.version), threshold=threshold,
        probabilities=probabilities, bases=np.full(len(values), ready.explainer.base),
        names=ready.loaded.manifest.names, contributions=contributions,
        known=1.0 - np.isnan(values).mean(axis=1), detections=detections, finals=finals,
    )  # fmt: skip


def _by_rules(evidence: pa.Table, limits: Sequence[DetectorLimits], detections: list[list[Detection]]) -> Scores:
    told = fallback(evidence, limits)
    unfloored = told.contributions.sum(axis=1)
    finals = [
        final_score(weighted_score(found), None, max(rule_floor(found), hundredths_of(risk)))
        for found, risk in zip(detections, told.scores.tolist(), strict=True)
    ]
    return Scores(
        method=Method.RULES, model_id=None, version=RULES_VERSION, threshold=None, probabilities=unfloored,
        bases=np.zeros(evidence.num_rows), names=told.parts, contributions=told.contributions, known=told.coverage,
        detections=detections, finals=finals,
    )  # fmt: skip


def top_reasons(scores: Scores) -> NDArray[np.int64]:
    """Places of the features that say most of each score, by size, the greatest first: `(n, TOLD_REASONS)`."""
    count = min(TOLD_REASONS, len(scores.names))
    order = np.argsort(-np.abs(scores.contributions), axis=1, kind="stable")
    return np.asarray(order[:, :count], np.int64)


def documents_of(columns: Sequence[tuple[str, Any]]) -> pa.Array:
    """Columns of numbers or text as one JSON object a row, null where not known. Names are ours and need no escape."""
    parts: list[Any] = []
    for place, (name, values) in enumerate(columns):
        parts.append(f'{"{" if place == 0 else ", "}"{name}": ')
        parts.append(pc.fill_null(pc.cast(values, pa.string()), "null"))
    return pc.binary_join_element_wise(*parts, "}", "")
