"""A look at what scores a tenant's events: how right it has been of late, what of that can be said of all events, and
what to ask for. One row of `noc_model_performance` a look, the same however often it is made.

Elsewhere: what is read (`observed`), how right is reckoned (`performance`, `estimates`), what has changed (`drift`),
what follows (`watch`). Acting on it is the caller's.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, text

from noc_platform.errors import NocError
from noc_platform.fraud import estimates, observed
from noc_platform.fraud.drift import Drift, DriftPolicy, Reference, drift, references
from noc_platform.fraud.labels import mark_predictions
from noc_platform.fraud.models import Shelf
from noc_platform.fraud.observed import Scorer, Span
from noc_platform.fraud.performance import Estimate, Performance, PerformancePolicy, performance
from noc_platform.fraud.rules import ALERT_AT
from noc_platform.fraud.scoring import LiveModel, matrix
from noc_platform.fraud.vocabulary import FEATURES_VERSION, MODEL_FEATURES, MODEL_TYPE, RULES_VERSION, Method
from noc_platform.fraud.watch import AtTraining, Request, Verdict, Watched, WatchPolicy, watched
from noc_platform.journal.documents import document

SEED = 1
# One at a time marks labels, so that no two wait for each other's rows. Any constant will do.
MARK_LOCK = 0x4E4F4D


@dataclass(frozen=True)
class ObservingPolicy:
    """What a look goes by.

    The newest `most_rows` predictions are held against labels; the features of the newest `most_features` against those
    of before, once there are `least_span` of them, as a day is not like a week. Fewer than `least_before` earlier
    events say too little of what is usual.
    """

    performance: PerformancePolicy = field(default_factory=PerformancePolicy)
    drift: DriftPolicy = field(default_factory=DriftPolicy)
    watch: WatchPolicy = field(default_factory=WatchPolicy)
    most_rows: int = 500_000
    most_features: int = 50_000
    least_before: int = 1_000
    least_span: timedelta = timedelta(days=7)


@dataclass(frozen=True)
class _Seen:
    """A look, half done."""

    span: Span
    scorer: Scorer | None
    predecessor: LiveModel | None
    challenger: LiveModel | None
    rows: pa.Table
    said: pa.Table
    asked: pa.Table


def observe(
    connection: Connection, tenant: str, as_of: datetime, policy: ObservingPolicy | None = None,
    shelf: Shelf | None = None,
) -> Watched:  # fmt: skip
    """Look at what scored a tenant's events in the 30 days up to `as_of` (UTC), and keep what was seen.

    Where rules alone score, `model_id` is rules-v1, there is no drift, and nothing is asked for. The model before is
    loaded (from `shelf`) and asked about the labelled events: what does no better is not rolled back to. `measures`
    hold all that a page shows. In the caller's transaction.
    """
    policy = policy or ObservingPolicy()
    _mark(connection, as_of)
    seen = _read(connection, tenant, as_of, policy, shelf or Shelf(1))
    rows = observed.with_labels(seen.rows, seen.said)
    measured = performance(rows, as_of, policy.performance, SEED)
    drifts, against = _drifts(connection, seen, policy)
    if seen.scorer is None:
        # The score of rules is no probability: how often it comes true is not for it to say.
        measured = replace(measured, calibration_error=None, calibration_limit=None)
    at_training = _at_training(seen.scorer)
    entry = watched(
        tenant, _name(seen.scorer), measured, drifts, at_training, _history(connection, tenant), policy.watch
    )
    if seen.scorer is None:
        entry = replace(entry, verdict=Verdict.UNKNOWN, action=None, reason=_of_rules(measured))
    entry = replace(entry, measures={**entry.measures, **_told(seen, rows, at_training, policy, drifts, against)})
    _keep(connection, entry)
    return entry


def requested(connection: Connection, tenant: str) -> datetime | None:
    """The moment (UTC) of the newest request for a training that no training is as new as."""
    found: datetime | None = connection.execute(
        text(_REQUESTED), {"tenant": tenant, "type": MODEL_TYPE, "action": Request.RETRAIN}
    ).scalar()
    return found


def _mark(connection: Connection, as_of: datetime) -> None:
    """Mark labels as known at this moment, or at the newest that was looked at: a look back forgets nothing."""
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": MARK_LOCK})
    newest = connection.execute(text("select max(as_of) from noc_model_performance")).scalar()
    mark_predictions(connection, max(as_of, newest or as_of))


def _read(
    connection: Connection, tenant: str, as_of: datetime, policy: ObservingPolicy, shelf: Shelf
) -> _Seen:  # fmt: skip
    span = Span(tenant, as_of - policy.performance.memory, as_of)
    scorer = observed.scorer_at(connection, tenant, as_of)
    before = None if scorer is None else observed.predecessor_of(connection, scorer)
    beside = None if scorer is None else observed.challenger_of(connection, scorer)
    rows = observed.predictions_of(connection, span, scorer, before, beside, policy.most_rows)
    if scorer is not None and before is not None:
        rows = _asked_before(connection, span, scorer, before, shelf, rows, policy)
    return _Seen(span, scorer, before, beside, rows, *observed.labels_of(connection, span))


def _asked_before(
    connection: Connection, span: Span, scorer: Scorer, before: LiveModel, shelf: Shelf, rows: pa.Table,
    policy: ObservingPolicy,
) -> pa.Table:  # fmt: skip
    """What the model before says of the labelled events, from what was kept of them."""
    kept = observed.features_of(connection, span, scorer, policy.most_features, is_labelled=True)
    if not kept.num_rows:
        return rows
    try:
        said = shelf.get(before.artefact, MODEL_FEATURES, FEATURES_VERSION).probabilities(matrix(kept))
    except NocError:
        # Nothing can be rolled back to what cannot be loaded.
        return rows
    place = pc.index_in(rows["event_id"], value_set=kept["event_id"].combine_chunks())
    told = pc.coalesce(pa.array(said, pa.float64()).take(place.combine_chunks()), rows["predecessor_probability"])
    return rows.set_column(rows.schema.get_field_index("predecessor_probability"), "predecessor_probability", told)


def _drifts(connection: Connection, seen: _Seen, policy: ObservingPolicy) -> tuple[list[Drift], str | None]:
    """What became of each feature, and against what that is held.

    All events against all events of before the training. Where too few of those were kept, what the model was trained
    on: labelled ones, which are not like the rest, against those that have a label now.
    """
    scorer = seen.scorer
    if scorer is None or seen.span.until - scorer.training_date < policy.least_span:
        return [], None
    names = scorer.feature_names
    usual = observed.features_before(connection, scorer, policy.performance.memory, policy.most_features)
    is_enough = usual.num_rows >= policy.least_before
    if is_enough:
        before = references(matrix(usual, names), names, usual["person_id"].to_numpy())
    else:
        before = {name: _reference(scorer.reference[name]) for name in names}
    now = observed.features_of(connection, seen.span, scorer, policy.most_features, is_labelled=not is_enough)
    found = drift(before, matrix(now, names), names, policy.drift, SEED, now["person_id"].to_numpy())
    return found, "all events before the training" if is_enough else "labelled events of the training"


def _reference(told: Mapping[str, Any]) -> Reference:
    return Reference(tuple(told["edges"]), tuple(told["counts"]), told["missing"], told["weight"])


def _at_training(scorer: Scorer | None) -> AtTraining:
    if scorer is None:
        return AtTraining()
    precision, recall, brier = (_measured(scorer.measures, name) for name in ("precision", "recall", "brier"))
    # Of probabilities that are right, the mean of |p - actual| is 2p(1 - p), twice the Brier score's p(1 - p).
    return AtTraining(precision, recall, None if brier is None else 1 - 2 * brier.value)


def _measured(measures: Mapping[str, Any], name: str) -> Estimate | None:
    told = measures.get(name)
    if not isinstance(told, Mapping) or any(told.get(part) is None for part in ("value", "low", "high")):
        return None
    return Estimate(float(told["value"]), float(told["low"]), float(told["high"]))


def _name(scorer: Scorer | None) -> str:
    return RULES_VERSION if scorer is None else str(scorer.live.model_id)


def _of_rules(measured: Performance) -> str:
    return (
        f"Rules alone score, and there is no training to hold them against; {measured.labelled:,} of "
        f"{measured.rows:,} predictions have a label."
    )


def _told(
    seen: _Seen, rows: pa.Table, at_training: AtTraining, policy: ObservingPolicy, drifts: list[Drift],
    against: str | None,
) -> dict[str, Any]:  # fmt: skip
    """What a page shows beside how right the model was."""
    scorer = seen.scorer
    naive, corrected = _of_all(seen)
    return {
        "method": Method.RULES if scorer is None else Method.MODEL,
        "model_version": RULES_VERSION if scorer is None else str(scorer.live.version),
        "threshold": None if scorer is None else scorer.threshold,
        "at_training": asdict(at_training),
        "predecessor_version": seen.predecessor and seen.predecessor.version,
        "challenger_version": seen.challenger and seen.challenger.version,
        "worse_than_challenger": _worse_than_challenger(seen, rows, policy.performance),
        "naive": naive,
        "corrected": corrected,
        "reviews": _reviews(seen.asked),
        "drift_against": against,
        "features": [asdict(each) for each in drifts],
    }


def _worse_than_challenger(seen: _Seen, rows: pa.Table, policy: PerformancePolicy) -> dict[str, float] | None:
    """By how much the squared error exceeds that of the challenger on the labelled events both have scored."""
    place = rows.schema.get_field_index("predecessor_probability")
    beside = rows.set_column(place, "predecessor_probability", rows["challenger_probability"])
    worse = performance(beside, seen.span.until, policy, SEED).worse_than_predecessor
    return None if worse is None else worse.document()


def _of_all(seen: _Seen) -> tuple[dict[str, Any], dict[str, Any]]:
    """Precision and recall of what is flagged among all scored attendances, naive and corrected.

    By attendance, each with its highest score: that is what decides how probably people are asked to look. Of one stage
    alone, what the other flagged would be neither a label of chance nor one of this.
    """
    highest = seen.rows.sort_by([("attendance_id", "ascending"), ("score", "descending"), ("event_id", "ascending")])
    _, first = np.unique(highest["attendance_id"].to_numpy().astype(str), return_index=True)
    events = highest.take(pa.array(first)).select(["attendance_id", "person_id", "score", "probability"])
    tenants = pa.array([seen.span.tenant_id] * events.num_rows, pa.string())
    events = events.append_column("tenant_id", tenants)
    events = events.append_column("is_flagged", pc.greater_equal(events["score"], ALERT_AT / 100))
    if seen.scorer is None:
        events = events.drop_columns(["probability"])
    of = estimates.scored(events, seen.said, ALERT_AT / 100)
    both = (estimates.naive(of, SEED), estimates.corrected(of, seed=SEED))
    naive, corrected = ({**asdict(each), "attendances": len(of)} for each in both)
    return naive, corrected


def _reviews(asked: pa.Table) -> dict[str, dict[str, int]]:
    every = Counter(asked["selection"].to_pylist())
    answered = Counter(asked.filter(asked["is_answered"])["selection"].to_pylist())
    return {name: {"asked": count, "answered": answered[name]} for name, count in sorted(every.items())}


def _history(connection: Connection, tenant: str) -> list[Watched]:
    rows = connection.execute(text(_HISTORY), {"tenant": tenant})
    return [
        Watched(
            tenant, str(row.model_id), row.as_of, {}, [], Verdict(row.verdict),
            None if row.action is None else Request(row.action), row.reason,
        )
        for row in rows
    ]  # fmt: skip


def _keep(connection: Connection, entry: Watched) -> None:
    values = {
        "tenant": entry.tenant_id, "as_of": entry.as_of,
        "model": None if entry.model_id == RULES_VERSION else entry.model_id,
        "measures": document(entry.measures), "drifted": document(entry.drifted), "verdict": entry.verdict,
        "action": entry.action, "reason": entry.reason,
    }  # fmt: skip
    connection.execute(text(_KEEP), values)


_HISTORY = """select model_id, as_of, verdict, action, reason from noc_model_performance
    where tenant_id = :tenant and model_id is not null order by as_of"""
_KEEP = """
    insert into noc_model_performance (tenant_id, as_of, model_id, measures, drifted, verdict, action, reason)
    values (:tenant, :as_of, cast(:model as uuid), cast(:measures as jsonb), cast(:drifted as jsonb), :verdict, :action,
        :reason)
    on conflict (tenant_id, as_of) do update set model_id = excluded.model_id, measures = excluded.measures,
        drifted = excluded.drifted, verdict = excluded.verdict, action = excluded.action, reason = excluded.reason
"""
_REQUESTED = """
    select max(as_of) from noc_model_performance p where tenant_id = :tenant and action = :action and not exists (
        select from noc_ml_training_run r
        where r.tenant_id = p.tenant_id and r.model_type = :type and r.as_of >= p.as_of)
"""
