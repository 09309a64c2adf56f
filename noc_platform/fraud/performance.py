"""How right a live model has been lately, from its predictions and what people have said of them since.

Pure. Intervals are of people drawn again with all of their rows, as what is true of one row of a guard is mostly true
of the next. Where a row stands for several (it was reviewed by chance), `weight` says for how many. Elsewhere: what
follows from it (`watch`), whether the features have changed (`drift`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Reals = NDArray[np.float64]
# Needed of each row; `weight` and `predecessor_probability` may be missing, as columns or as values.
COLUMNS = ("probability", "is_flagged", "actual_fraud", "happened_at", "person_id")
ACCURATE_FROM = 0.8
BINS = 10
DRAWS = 500
TAIL = 2.5


@dataclass(frozen=True)
class PerformancePolicy:
    """What is looked at: `memory` back, at least `least_labelled` labelled rows and `least_positives` frauds among them
    and, for precision, among the flagged. Probabilities may be off by `calibration_error` beyond chance."""

    memory: timedelta = timedelta(days=30)
    least_labelled: int = 100
    least_positives: int = 10
    calibration_error: float = 0.03


@dataclass(frozen=True)
class Estimate:
    """A share or difference, and the interval in which it lies with 95 % confidence."""

    value: float
    low: float
    high: float

    def document(self) -> dict[str, float]:
        """As JSON has it."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Performance:
    """How right a model was; what too little is known of is None, never 0.

    `accuracy` is the mean of `1 - min(|probability - actual|, 1)` and `accurate_share` that of rows where it is 0.8 or
    more (domain.md §5.7). `calibration_error` is expected over bins of as many rows each; probabilities that are right
    stay below `calibration_limit` in 99 of 100 cases. `worse_than_predecessor` is by how much the squared error
    exceeds that of the model before, on the labelled rows both have scored.
    """

    since: datetime
    until: datetime
    rows: int
    labelled: int
    positives: int
    accuracy: float | None = None
    accurate_share: float | None = None
    precision: Estimate | None = None
    recall: Estimate | None = None
    calibration_error: float | None = None
    calibration_limit: float | None = None
    worse_than_predecessor: Estimate | None = None

    def document(self) -> dict[str, Any]:
        """As JSON has it; instants as text, UTC."""
        return {
            name: value.document() if isinstance(value, Estimate) else value.isoformat() if isinstance(value, datetime)
            else value for name, value in ((name, getattr(self, name)) for name in self.__dataclass_fields__)
        }  # fmt: skip


@dataclass(frozen=True)
class _Labelled:
    probability: Reals
    predecessor: Reals
    is_flagged: NDArray[np.bool_]
    actual: Reals
    weight: Reals
    person: NDArray[np.int64]


def performance(predictions: pa.Table, as_of: datetime, policy: PerformancePolicy, seed: int) -> Performance:
    """How right one model was in the `policy.memory` up to `as_of` (UTC), out of its predictions (`COLUMNS`), with
    labels as known then; `actual_fraud` is null where nobody has said. The same rows and seed give the same."""
    since = as_of - policy.memory
    happened = predictions["happened_at"]
    is_lately = pc.and_(pc.greater(happened, pa.scalar(since)), pc.less_equal(happened, pa.scalar(as_of)))
    rows = predictions.filter(is_lately)
    known = _labelled(rows.filter(pc.is_valid(rows["actual_fraud"])))
    labelled, positives = len(known.actual), int(known.actual.sum())
    told = Performance(since, as_of, rows.num_rows, labelled, positives)
    if labelled < policy.least_labelled:
        return told
    rng = np.random.default_rng(seed)
    closeness = 1 - np.minimum(np.abs(known.probability - known.actual), 1)
    # 1 - |0.2 - 0| is not quite 0.8 in binary.
    is_accurate = closeness >= ACCURATE_FROM - 1e-9
    error, limit = _calibration(known, policy, rng)
    return Performance(
        since, as_of, rows.num_rows, labelled, positives,
        accuracy=float(np.average(closeness, weights=known.weight)),
        accurate_share=float(np.average(is_accurate, weights=known.weight)),
        precision=_share(known, known.is_flagged, known.actual, policy, rng),
        recall=_share(known, known.actual > 0, known.is_flagged.astype(np.float64), policy, rng),
        calibration_error=error,
        calibration_limit=limit,
        worse_than_predecessor=_worse(known, policy, rng),
    )  # fmt: skip


def _labelled(rows: pa.Table) -> _Labelled:
    def reals(name: str, otherwise: float) -> Reals:
        if name not in rows.column_names:
            return np.full(rows.num_rows, otherwise)
        return np.asarray(pc.fill_null(rows[name].cast(pa.float64()), otherwise).to_numpy(), np.float64)

    _, person = np.unique(rows["person_id"].to_numpy().astype(str), return_inverse=True)
    return _Labelled(
        reals("probability", np.nan), reals("predecessor_probability", np.nan), reals("is_flagged", 0.0) > 0,
        reals("actual_fraud", np.nan), reals("weight", 1.0), person.astype(np.int64),
    )  # fmt: skip


def _share(
    known: _Labelled, among: NDArray[np.bool_], counts: Reals, policy: PerformancePolicy, rng: np.random.Generator
) -> Estimate | None:
    """Weighted share of what counts among some rows; None where these are too few."""
    if among.sum() < policy.least_positives:
        return None
    weight = known.weight * among
    value = float((weight * counts).sum() / weight.sum())
    drawn = _drawn_again(known, np.stack([weight * counts, weight]), rng)
    # One more that counts and one more that does not: no share of a few rows is certain to be all (Laplace).
    least = (drawn[0] + known.weight.mean()) / (drawn[1] + 2 * known.weight.mean())
    return Estimate(value, *_interval(np.append(least, value)))


def _worse(known: _Labelled, policy: PerformancePolicy, rng: np.random.Generator) -> Estimate | None:
    both = ~np.isnan(known.predecessor)
    if both.sum() < policy.least_labelled or known.actual[both].sum() < policy.least_positives:
        return None
    errors = ((each - known.actual) ** 2 for each in (known.probability, np.where(both, known.predecessor, 0.0)))
    ours, theirs = errors
    weight = known.weight * both
    parts = np.stack([weight * (ours - theirs), weight])
    drawn = _drawn_again(known, parts, rng)
    value = float(parts[0].sum() / parts[1].sum())
    return Estimate(value, *_interval(drawn[0] / np.maximum(drawn[1], 1e-12)))


def _drawn_again(known: _Labelled, parts: Reals, rng: np.random.Generator) -> Reals:
    """Sums of each part `(part, row)` when people are drawn again, `(part, draw)`."""
    people = int(known.person.max()) + 1
    times = rng.multinomial(people, np.full(people, 1 / people), DRAWS)
    sums = np.stack([np.bincount(known.person, part, people) for part in parts])
    return np.asarray(sums @ times.T, np.float64)


def _interval(values: Reals) -> tuple[float, float]:
    low, high = np.percentile(values, [TAIL, 100 - TAIL])
    return float(low), float(high)


def _calibration(known: _Labelled, policy: PerformancePolicy, rng: np.random.Generator) -> tuple[float, float]:
    """The expected calibration error, and up to where it is no more than chance and what is put up with.

    The error of a few rows is never 0, however right the probabilities: what it comes to then is drawn.
    """
    order = np.argsort(known.probability, kind="stable")
    probability, weight = known.probability[order], known.weight[order]
    begins = np.unique(np.linspace(0, len(order), BINS + 1).astype(np.int64)[:-1])

    def error(actual: Reals) -> Reals:
        gaps = np.add.reduceat((actual - probability) * weight, begins, axis=-1)
        return np.asarray(np.abs(gaps).sum(axis=-1) / weight.sum())

    by_chance = error((rng.random((DRAWS, len(order))) < probability).astype(np.float64))
    limit = max(float(np.percentile(by_chance, 99)), float(by_chance.mean()) + policy.calibration_error)
    return float(error(known.actual[order])), limit
