"""How good probabilities are, with the 95 % interval of each number.

Rows of a person hang together, so intervals come from drawing people, not rows, again and again (cluster bootstrap:
Cameron, Gelbach, Miller 2008); for shares that are nearly 0 or 1, where drawing again shows no doubt, Wilson's
interval (1927) is added, and the wider end of the two holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from noc_platform.fraud.learning.examples import Numbers

DRAWS = 600
# Persons and scores beyond these share a place in the drawing: the cost then does not grow with the rows.
PLACES, LEVELS = 1000, 1500
BINS = 10
RECALL_FLOOR, PRECISION_FLOOR = 0.8, 0.85
INNER_95 = (2.5, 97.5)
Z_95 = 1.959964


@dataclass(frozen=True)
class Measure:
    """A number and its 95 % interval; NaN where it is not defined, as precision is when nothing was flagged."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Confusion:
    """Rows by what they were and what was said of them."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int


@dataclass(frozen=True)
class Measures:
    """What a model is worth on some rows, flagged where the probability reaches the threshold."""

    precision: Measure
    recall: Measure
    f1: Measure
    accuracy: Measure
    pr_auc: Measure
    roc_auc: Measure
    calibration_error: Measure
    brier: Measure
    precision_at_recall: Measure
    recall_at_precision: Measure
    confusion: Confusion
    rows: int
    positives: int
    threshold: float

    @property
    def numbers(self) -> dict[str, Measure]:
        """Every measure by name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Measure)}


@dataclass(frozen=True)
class Judged:
    """Rows whose truth is known, with the probabilities a model gives: `(n,)` each."""

    labels: Numbers
    probabilities: Numbers
    weights: Numbers
    people: Numbers

    @cached_property
    def places(self) -> Numbers:
        """Where each row's person is in the drawing."""
        _, codes = np.unique(self.people, return_inverse=True)
        return np.asarray(codes % PLACES)

    def summed(self, parts: Numbers) -> Numbers:
        """Columns `(n, m)`, weighted, summed for each place: `(places, m)`."""
        sums = np.zeros((int(self.places.max()) + 1, parts.shape[1]))
        np.add.at(sums, self.places, parts * self.weights[:, None])
        return sums

    def cells(self, threshold: float) -> Numbers:
        """Whether each row is a true positive, false positive, false negative, true negative: `(n, 4)`."""
        is_flagged, is_fraud = self.probabilities >= threshold, self.labels.astype(bool)
        return np.stack(
            [is_flagged & is_fraud, is_flagged & ~is_fraud, ~is_flagged & is_fraud, ~is_flagged & ~is_fraud], axis=1
        ).astype(float)


def draws(places: int, seed: int, times: int = DRAWS) -> Numbers:
    """How often each place is drawn, `(times, places)`; the first draw is the rows as they are."""
    drawn = np.random.default_rng(seed).multinomial(places, np.full(places, 1 / places), size=times)
    return np.vstack([np.ones(places), drawn])


def measure(judged: Judged, threshold: float, seed: int = 42) -> Measures:
    """Every measure of these rows. PR-AUC is average precision; calibration error has bins of equal mass."""
    drawn = draws(int(judged.places.max()) + 1, seed)
    shares = _shares(judged, threshold, drawn)
    with np.errstate(invalid="ignore", divide="ignore"):
        ranks = {name: _interval(values) for name, values in ranked(judged, drawn).items()}
        errors = drawn @ judged.summed(_bin_errors(judged))
        error = np.abs(errors[:, 1:]).sum(axis=1) / errors[:, 0]
        squares = drawn @ judged.summed(
            np.stack([np.ones(len(judged.labels)), (judged.probabilities - judged.labels) ** 2], axis=1)
        )
    counts = [int(count) for count in judged.cells(threshold).sum(axis=0)]
    return Measures(
        **shares, **ranks, calibration_error=_interval(error), brier=_interval(squares[:, 1] / squares[:, 0]),
        confusion=Confusion(*counts), rows=len(judged.labels), positives=counts[0] + counts[2], threshold=threshold,
    )  # fmt: skip


def f1_scores(judged: Judged, threshold: float, drawn: Numbers) -> Numbers:
    """F1 of each draw, 0 where nothing is right."""
    right, wrong, missed, _ = (drawn @ judged.summed(judged.cells(threshold))).T
    return np.asarray(2 * right / np.maximum(2 * right + wrong + missed, 1e-12))


def ranked(judged: Judged, drawn: Numbers) -> dict[str, Numbers]:
    """What only depends on the order of the probabilities: first of the rows as they are, then of each draw.

    Precision at 80 % recall is the highest with at least that recall: the first place of a descending curve would be
    precision at full recall (domain.md §10, defect 75).
    """
    every_level, some_levels = _levels(judged)
    roughly = _curves(judged, some_levels, judged.places, drawn)
    if some_levels is every_level:
        return roughly
    exactly = _curves(judged, every_level, np.zeros_like(judged.places), np.ones((1, 1)))
    return {name: np.append(exactly[name], values[1:] + exactly[name] - values[0]) for name, values in roughly.items()}


def _curves(judged: Judged, levels: Numbers, places: Numbers, drawn: Numbers) -> dict[str, Numbers]:
    count, persons = int(levels.max()) + 1, drawn.shape[1]
    cell = places * count + levels
    frauds = np.bincount(cell, judged.weights * judged.labels, persons * count).reshape(persons, count)
    rows = np.bincount(cell, judged.weights, persons * count).reshape(persons, count)
    positive, every = np.cumsum(drawn @ frauds, axis=1), np.cumsum(drawn @ rows, axis=1)
    negative = every - positive
    precision = positive / np.maximum(every, 1e-12)
    recall = positive / positive[:, -1:]
    gained = np.diff(recall, axis=1, prepend=0)
    area = (np.diff(negative, axis=1, prepend=0) * (positive - np.diff(positive, axis=1, prepend=0) / 2)).sum(axis=1)
    return {
        "pr_auc": (gained * precision).sum(axis=1),
        "roc_auc": area / (positive[:, -1] * negative[:, -1]),
        "precision_at_recall": np.where(recall >= RECALL_FLOOR - 1e-12, precision, 0).max(axis=1),
        "recall_at_precision": np.where(precision >= PRECISION_FLOOR - 1e-12, recall, 0).max(axis=1),
    }


def wilson(share: float, count: float, z: float = Z_95) -> tuple[float, float]:
    """Wilson's interval of a share of `count` cases; everything where there are none."""
    if not count or np.isnan(share):
        return 0.0, 1.0
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return float(max(middle - half, 0)), float(min(middle + half, 1))


def bins(probabilities: Numbers) -> Numbers:
    """The bin of each probability, 0 to 9: equal mass, equal probabilities together."""
    edges = np.unique(np.quantile(probabilities, np.arange(1, BINS) / BINS, method="lower"))
    return np.searchsorted(edges, probabilities, side="left")


def document(measures: Measures) -> dict[str, Any]:
    """The measures as JSON has them: a number each, `intervals` beside, None for what is not defined."""

    def plain(value: float) -> float | None:
        return None if np.isnan(value) else float(value)

    numbers: Mapping[str, Measure] = measures.numbers
    return {
        **{name: plain(number.value) for name, number in numbers.items()},
        "intervals": {name: [plain(number.low), plain(number.high)] for name, number in numbers.items()},
        "confusion": vars(measures.confusion), "rows": measures.rows, "positives": measures.positives,
        "threshold": measures.threshold,
    }  # fmt: skip


def _shares(judged: Judged, threshold: float, drawn: Numbers) -> dict[str, Measure]:
    right, wrong, missed, rest = (drawn @ judged.summed(judged.cells(threshold))).T
    # So many rows of equal weight would know as much (Kish 1965).
    size = judged.weights.sum() / (judged.weights**2).sum()
    parts = {
        "precision": (right, right + wrong),
        "recall": (right, right + missed),
        "f1": (right, right + (wrong + missed) / 2),
        "accuracy": (right + rest, right + wrong + missed + rest),
    }
    shares = {}
    for name, (top, bottom) in parts.items():
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn_again = _interval(top / bottom)
        low, high = wilson(drawn_again.value, float(bottom[0] * size))
        shares[name] = Measure(
            drawn_again.value, float(np.nanmin([low, drawn_again.low])), float(np.nanmax([high, drawn_again.high]))
        )
    return shares


def _interval(values: Numbers) -> Measure:
    """The first is the value; the interval is the inner 95 % of the others, and never leaves the value outside."""
    value, drawn = float(values[0]), values[1:][~np.isnan(values[1:])]
    if np.isnan(value) or not len(drawn):
        return Measure(value, np.nan, np.nan)
    low, high = np.percentile(drawn, INNER_95)
    return Measure(value, float(min(low, value)), float(max(high, value)))


def _bin_errors(judged: Judged) -> Numbers:
    """One, and what was expected minus what came in the row's own bin: `(n, 1 + bins)`."""
    each = bins(judged.probabilities)
    errors = np.zeros((len(each), int(each.max()) + 2))
    errors[:, 0] = 1
    errors[np.arange(len(each)), each + 1] = judged.probabilities - judged.labels
    return errors


def _levels(judged: Judged) -> tuple[Numbers, Numbers]:
    """The place of each row from the highest probability down, equal ones together; and the same grouped where there
    are many, so that half of the levels part the frauds and half part all rows."""
    _, falling = np.unique(-judged.probabilities, return_inverse=True)
    if falling.max() < LEVELS:
        return falling, falling
    frauds = np.cumsum(np.bincount(falling, judged.labels)) / max(judged.labels.sum(), 1)
    rows = np.cumsum(np.bincount(falling)) / len(falling)
    _, grouped = np.unique(np.floor((frauds + rows) / 2 * (LEVELS - 1)), return_inverse=True)
    return falling, np.asarray(grouped[falling])
