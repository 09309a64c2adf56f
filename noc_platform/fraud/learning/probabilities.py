"""From scores to probabilities, and from a probability to yes or no: what is chosen on the validation rows."""

from typing import Any

import numpy as np

from noc_platform.fraud.learning.candidates import calibrated, probability
from noc_platform.fraud.learning.examples import Examples, Numbers
from noc_platform.fraud.learning.measures import Judged

FOLDS = 4
# Isotonic regression has as many freedoms as it finds steps; below this it fits chance (Niculescu-Mizil, Caruana 2005).
LEAST_FOR_ISOTONIC, LEAST_FRAUDS_FOR_ISOTONIC = 1000, 100
SURE = 1e-4
# Half a standard error of the precision, as a threshold found on few rows is too hopeful: on simulated tenants with
# 1,000 labels precision was 0.88 and F1 0.82 with it; a whole one costs 0.05 of F1.
MARGINS = (0.5, 0.0)
# No gate lets such a model pass, and its F1 at that threshold would say little of what it knows.
LEAST_RECALL = 0.5


def best_method(pipeline: Any, examples: Examples, seed: int) -> str:
    """`isotonic` or `sigmoid`: which gives the lower log-loss on people it was not fitted to."""
    if len(examples) < LEAST_FOR_ISOTONIC or examples.positives < LEAST_FRAUDS_FOR_ISOTONIC:
        return "sigmoid"
    fold = examples.people % np.uint64(FOLDS) if examples.groups is not None else _folds(examples, seed)
    losses = {}
    for method in ("sigmoid", "isotonic"):
        given = np.zeros(len(examples))
        for each in range(FOLDS):
            inside, outside = np.flatnonzero(fold != each), np.flatnonzero(fold == each)
            part = examples.rows(inside)
            if len(outside) == 0 or min(part.positives, len(part) - part.positives) < FOLDS:
                return "sigmoid"
            given[outside] = probability(calibrated(pipeline, part, method), examples.values[outside])
        losses[method] = _log_loss(examples, given)
    return min(losses, key=lambda method: losses[method])


def threshold_for(judged: Judged, precision: float) -> float:
    """The threshold with the highest recall whose precision is surely at least so high; else whose precision is; else,
    and where that finds less than half, the one of the best F1.

    It lies in the middle between two probabilities seen, so that no rounding decides about a row.
    """
    falling = np.unique(judged.probabilities)[::-1]
    level = np.searchsorted(-falling, -judged.probabilities)
    right = np.cumsum(np.bincount(level, judged.weights * judged.labels, len(falling)))
    flagged = np.cumsum(np.bincount(level, judged.weights, len(falling)))
    shares, recall = right / np.maximum(flagged, 1e-12), right / max(right[-1], 1e-12)
    size = judged.weights.sum() / (judged.weights**2).sum()
    for margin in MARGINS:
        fits = np.flatnonzero((_lower(shares, flagged * size, margin) >= precision) & (recall >= LEAST_RECALL))
        if len(fits):
            # Of equal recall, the most precise.
            return _between(falling, int(fits[np.lexsort((shares[fits], recall[fits]))[-1]]))
    f1 = 2 * right / np.maximum(flagged + right[-1], 1e-12)
    return _between(falling, int(np.argmax(f1)))


def _lower(share: Numbers, count: Numbers, z: float) -> Numbers:
    middle = share + z * z / (2 * count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return np.asarray((middle - half) / (1 + z * z / count))


def _between(falling: Numbers, place: int) -> float:
    below = falling[place + 1] if place + 1 < len(falling) else 0.0
    return float((falling[place] + below) / 2)


def _folds(examples: Examples, seed: int) -> Numbers:
    return np.random.default_rng(seed).integers(FOLDS, size=len(examples))


def _log_loss(examples: Examples, given: Numbers) -> float:
    sure = np.clip(given, SURE, 1 - SURE)
    return float(-np.average(np.log(np.where(examples.labels, sure, 1 - sure)), weights=examples.weight))
