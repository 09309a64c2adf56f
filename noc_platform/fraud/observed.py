"""What a look at a live model rests on, read from PostgreSQL: its predictions of a time, what people said of them, and
how its features lay before it was trained.

Everything is as known at a moment, so that a day can be looked at again. Elsewhere: what is made of it (`observing`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, text

from noc_platform.fraud.labels import ATTENDANCE, label_of_stage, labels_as_of
from noc_platform.fraud.models import Artefact
from noc_platform.fraud.scoring import LiveModel
from noc_platform.fraud.vocabulary import MODEL_FEATURES, MODEL_TYPE, Stage
from noc_platform.journal.ledger import PLATFORM
from noc_platform.store.copying import copy_out
from noc_platform.streams.catalogue import RANDOM, VERDICTS

INSTANT = pa.timestamp("us", tz="UTC")
PREDICTIONS_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("event_id", "attendance_id", "person_id", "stage")),
        ("happened_at", INSTANT),
        *((name, pa.float64()) for name in ("probability", "score", "challenger_probability")),
        ("predecessor_probability", pa.float64()),
        ("is_flagged", pa.bool_()),
    ]
)
FEATURES_SCHEMA = pa.schema(
    [("event_id", pa.string()), ("person_id", pa.string()), *((name, pa.float64()) for name in MODEL_FEATURES)]
)
REVIEWS_SCHEMA = pa.schema(
    [
        ("attendance_id", pa.string()),
        ("selection", pa.string()),
        ("selection_probability", pa.float64()),
        ("is_answered", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Scorer:
    """A registered model as it is held against: what it was measured at, and how its features lay in training."""

    live: LiveModel
    threshold: float
    training_date: datetime
    feature_names: tuple[str, ...]
    reference: Mapping[str, Any]
    measures: Mapping[str, Any]


@dataclass(frozen=True)
class Span:
    """Which predictions: of the time `(since, until]` they happened in (UTC), and known by `until`."""

    tenant_id: str
    since: datetime
    until: datetime


def scorer_at(connection: Connection, tenant: str, as_of: datetime) -> Scorer | None:
    """The model that was live at a moment (UTC); None where rules alone scored.

    Before the first that ever was, that which had been trained by then: what an old history was scored with.
    """
    asked = {"tenant": tenant, "type": MODEL_TYPE, "as_of": as_of}
    held = connection.execute(text(_LIVE_AT), asked).first()
    if held is None:
        held = connection.execute(text(_TRAINED_BY), asked).first()
    if held is None or held.model_id is None:
        return None
    row = connection.execute(text(f"{_MODELS} where model_id = :model"), {"model": held.model_id}).one()
    return _scorer(row)


def predecessor_of(connection: Connection, scorer: Scorer) -> LiveModel | None:
    """The model that was live before, and that a rollback would go to; a higher version has been rolled back itself."""
    asked = {
        "tenant": scorer.live.tenant_id, "type": MODEL_TYPE, "model": scorer.live.model_id,
        "version": scorer.live.version,
    }  # fmt: skip
    row = connection.execute(text(_BEFORE), asked).first()
    return None if row is None else _scorer(row).live


def challenger_of(connection: Connection, scorer: Scorer) -> LiveModel | None:
    """The model that scores beside it in shadow now."""
    asked = {"tenant": scorer.live.tenant_id, "type": MODEL_TYPE}
    row = connection.execute(text(f"{_MODELS} where is_challenger and {_OF_TENANT}"), asked).first()
    return None if row is None else _scorer(row).live


def predictions_of(
    connection: Connection, span: Span, scorer: Scorer | None, predecessor: LiveModel | None,
    challenger: LiveModel | None, most: int,
) -> pa.Table:  # fmt: skip
    """The predictions of a model, or of rules, that somebody acts on: the newest `most`, as `PREDICTIONS_SCHEMA`.

    `is_flagged` is by the model's own threshold, of rules by what alerts. What the two others said of the same events
    in shadow stands beside. What the model was trained on tells nothing of it, and is left out.
    """
    wanted = _ROWS.format(
        flagged="p.is_flagged" if scorer is None else "p.fraud_probability >= :threshold",
        which=_which(scorer),
        most=most,
    )
    return copy_out(
        connection, f"({wanted}) as seen", PREDICTIONS_SCHEMA, "true", **_bound(span, scorer),
        predecessor=_named(predecessor), challenger=_named(challenger),
        **({} if scorer is None else {"threshold": scorer.threshold}),
    )  # fmt: skip


def features_of(
    connection: Connection, span: Span, scorer: Scorer, most: int, is_labelled: bool = False
) -> pa.Table:  # fmt: skip
    """The features the newest `most` of a model's predictions were made from, as `FEATURES_SCHEMA`; those alone that
    people have said something of, if so asked."""
    which = _which(scorer) + (" and p.actual_fraud is not null" if is_labelled else "")
    return _features(connection, which, most, _bound(span, scorer))


def features_before(connection: Connection, scorer: Scorer, memory: timedelta, most: int) -> pa.Table:
    """The features of the events that had been scored, by whatever, in the time before a model was trained."""
    span = Span(scorer.live.tenant_id, scorer.training_date - memory, scorer.training_date)
    return _features(connection, "p.known_at < :until", most, _bound(span, None))


def labels_of(connection: Connection, span: Span) -> tuple[pa.Table, pa.Table]:
    """What people had said by the end of the span, as `labels.LABELS_SCHEMA`, and what they were asked of its events,
    as `REVIEWS_SCHEMA`.

    What chance had chosen is told to be so, with its chance, however the verdict came in.
    """
    said = labels_as_of(connection, span.tenant_id, span.until)
    asked = copy_out(connection, f"({_REVIEWS}) as asked", REVIEWS_SCHEMA, "true", **_bound(span, None))
    place = pc.index_in(said["attendance_id"], value_set=asked["attendance_id"].combine_chunks())
    is_random = pc.fill_null(pc.equal(asked["selection"].take(place), RANDOM), False)
    for name, otherwise in (("selection", said["selection"]), ("selection_probability", said["selection_probability"])):
        told = pc.if_else(is_random, asked[name].take(place), otherwise)
        said = said.set_column(said.schema.get_field_index(name), name, told)
    return said, asked


def with_labels(predictions: pa.Table, said: pa.Table) -> pa.Table:
    """Predictions with `actual_fraud`, what people said as far as it tells something of their stage."""
    by_stage = []
    for stage in (Stage.IN, Stage.OUT):
        labelled = label_of_stage(said, stage)
        place = pc.index_in(predictions["attendance_id"], value_set=labelled["attendance_id"].combine_chunks())
        by_stage.append(labelled["is_fraud"].take(place))
    actual = pc.if_else(pc.equal(predictions["stage"], Stage.IN.value), *by_stage)
    return predictions.append_column("actual_fraud", actual)


def _features(connection: Connection, which: str, most: int, bound: Mapping[str, object]) -> pa.Table:
    names = ", ".join(f"f.{name}" for name in MODEL_FEATURES)
    kinds = ", ".join(f"{name} double precision" for name in MODEL_FEATURES)
    # The newest are found before their JSON is read.
    query = f"""select p.event_id, p.person_id, {names} from (
        select p.event_id, p.person_id, p.features from noc_fraud_prediction p
        where {_WITHIN} and {which} order by p.happened_at desc, p.event_id limit {most}
    ) p, jsonb_to_record(p.features) as f({kinds})"""
    return copy_out(connection, f"({query}) as seen", FEATURES_SCHEMA, "true", **bound)


def _which(scorer: Scorer | None) -> str:
    if scorer is None:
        return "p.method = 'RULES'"
    return "p.model_id = cast(:model as uuid) and p.known_at >= :trained"


def _bound(span: Span, scorer: Scorer | None) -> dict[str, object]:
    told: dict[str, object] = {"tenant": span.tenant_id, "since": span.since, "until": span.until}
    if scorer is not None:
        told |= {"model": str(scorer.live.model_id), "trained": scorer.training_date}
    return told


def _named(model: LiveModel | None) -> str:
    return str(UUID(int=0) if model is None else model.model_id)


def _scorer(row: Any) -> Scorer:
    artefact = Artefact(row.artefact_uri, row.artefact_bytes, row.artefact_sha256)
    names: Sequence[str] = row.feature_names
    return Scorer(
        LiveModel(row.tenant_id, row.model_id, row.model_version, artefact), row.threshold, row.training_date,
        tuple(names), row.reference, row.measures,
    )  # fmt: skip


_OF_TENANT = "tenant_id = :tenant and model_type = :type"
_MODELS = """select tenant_id, model_id, model_version, artefact_uri, artefact_bytes, artefact_sha256, threshold,
        training_date, feature_names, reference, measures from noc_ml_model_metrics"""
_LIVE_AT = f"""select model_id from noc_ml_model_period where {_OF_TENANT} and live_from <= :as_of
    order by live_from desc limit 1"""
_TRAINED_BY = f"""select model_id
    from noc_ml_model_period join noc_ml_model_metrics using (tenant_id, model_type, model_id)
    where {_OF_TENANT} and training_date <= :as_of order by live_from desc limit 1"""
_BEFORE = f"""{_MODELS} join noc_ml_model_period using (tenant_id, model_type, model_id)
    where {_OF_TENANT} and model_version < :version and pruned_at is null and live_from < (
        select max(live_from) from noc_ml_model_period where {_OF_TENANT} and model_id = :model)
    order by live_from desc limit 1"""
_WITHIN = """p.tenant_id = :tenant and not p.is_shadow and p.happened_at > :since and p.happened_at <= :until
    and p.known_at <= :until"""
# One shadow stands beside an event, which is of the one or of the other.
_ROWS = f"""
    select p.event_id, p.attendance_id, p.person_id, p.stage, p.happened_at, p.fraud_probability as probability,
        p.fraud_score / 100.0 as score, {{flagged}} as is_flagged,
        case when s.model_id = cast(:challenger as uuid) then s.fraud_probability end as challenger_probability,
        case when s.model_id = cast(:predecessor as uuid) then s.fraud_probability end as predecessor_probability
    from noc_fraud_prediction p left join noc_fraud_prediction s
        on s.tenant_id = p.tenant_id and s.event_id = p.event_id and s.is_shadow
    where {_WITHIN} and {{which}} order by p.happened_at desc, p.event_id limit {{most}}
"""
_REVIEWS = f"""
    select r.attendance_id, r.selection, r.selection_probability, exists (
        select from {VERDICTS.table} v where v.tenant_id = r.tenant_id and v.subject_kind = '{ATTENDANCE}'
            and v.subject_id = r.attendance_id and v.received_at <= :until
            and v.reviewer_id <> '{PLATFORM}') as is_answered
    from noc_fraud_review r where r.tenant_id = :tenant and exists (
        select from noc_fraud_prediction p where {_WITHIN} and p.attendance_id = r.attendance_id)
    order by r.attendance_id
"""
