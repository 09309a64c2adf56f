"""What is kept of scores: a prediction for each event, anomalies, alerts, and what people are asked to look at.

Each is written once, in the caller's transaction: the same event scored again changes nothing, and raises nothing.
Elsewhere: the score (`scoring`), what people then say (`labels`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from noc_platform.fraud.review import ReviewPolicy, choose, enter
from noc_platform.fraud.rules import ALERT_AT, WEIGHTS
from noc_platform.fraud.scoring import Scores, documents_of, top_reasons
from noc_platform.fraud.vocabulary import MODEL_FEATURES, Detector
from noc_platform.journal.documents import document
from noc_platform.journal.identities import identity_at
from noc_platform.settings import DoorPolicy, FraudPolicy
from noc_platform.store.sessions import psycopg_of
from noc_platform.streams.catalogue import ALERTS
from noc_platform.streams.door import Batch, Source, admit
from noc_platform.streams.files import RawBatch, text_of, text_table

SOURCE = "fraud"
CHUNK_ROWS = 10_000
# Of a score without any detection.
UNEXPLAINED = "ML_FRAUD_PREDICTION"
ALERT_TYPES = {
    Detector.WRONG_PERSON: "WRONG_PERSON_AT_SITE",
    Detector.UNAUTHORIZED_SITE: "UNAUTHORIZED_SITE_ACCESS",
    Detector.IMPOSSIBLE_SHIFTS: "IMPOSSIBLE_SHIFTS",
    Detector.OVERTIME_VIOLATION: "OVERTIME_VIOLATION",
    Detector.BUDDY_PUNCHING: "BUDDY_PUNCHING",
    Detector.SHARED_DEVICE: "BUDDY_PUNCHING",
    Detector.SHARED_FACE: "BUDDY_PUNCHING",
    Detector.GPS_SPOOFING: "GPS_SPOOFING",
    Detector.MOCK_LOCATION: "GPS_SPOOFING",
    Detector.GEOFENCE_VIOLATION: "GEOFENCE_BREACH",
    Detector.GPS_LOW_ACCURACY: "GPS_LOW_ACCURACY",
    Detector.LOW_BIOMETRIC_QUALITY: "BIOMETRIC_PATTERN_ANOMALY",
    Detector.BIOMETRIC_PATTERN_ANOMALY: "BIOMETRIC_PATTERN_ANOMALY",
}


@dataclass(frozen=True)
class RecordPolicy:
    """How events get in that come of a score, and how many people are asked to look at."""

    door: DoorPolicy
    review: ReviewPolicy

    @classmethod
    def of(cls, door: DoorPolicy, fraud: FraudPolicy) -> "RecordPolicy":
        """As settings have it; all that alerts is looked at."""
        return cls(door, ReviewPolicy(fraud.review_seed, ALERT_AT, fraud.review_share))


@dataclass(frozen=True)
class Recorded:
    """What was new: predictions, those high enough for an alert, anomalies, and attendances to look at."""

    predictions: int = 0
    flagged: int = 0
    anomalies: int = 0
    reviews: int = 0

    def __add__(self, other: "Recorded") -> "Recorded":
        names = self.__dataclass_fields__
        return Recorded(**{name: getattr(self, name) + getattr(other, name) for name in names})


def record(
    connection: Connection, evidence: pa.Table, scores: Scores, policy: RecordPolicy, at: datetime, latency_ms: float
) -> Recorded:
    """Keep the scores of these events as of a moment (UTC), and what follows from those that are new."""
    new = _insert(connection, evidence, scores, at, latency_ms, is_shadow=False)
    places = [place for place, event in enumerate(evidence["event_id"].to_pylist()) if event in new]
    flagged = [place for place in places if scores.finals[place].is_alert]
    found = [place for place in places if scores.detections[place]]
    rows = {place: evidence.slice(place, 1).to_pylist()[0] for place in {*flagged, *found}}
    anomalies = _insert_anomalies(connection, scores, at, ((place, rows[place]) for place in found))
    if flagged:
        _raise_alerts(connection, scores, policy.door, at, [(place, rows[place]) for place in flagged])
    return Recorded(len(new), len(flagged), anomalies, _ask(connection, evidence, scores, policy.review, at, places))


def record_shadow(connection: Connection, evidence: pa.Table, scores: Scores, at: datetime, latency_ms: float) -> int:
    """Keep what a challenger says of these events; nobody acts on it. Gives how many are new."""
    return len(_insert(connection, evidence, scores, at, latency_ms, is_shadow=True))


def rows_of(evidence: pa.Table, scores: Scores, at: datetime, latency_ms: float, is_shadow: bool) -> dict[str, Any]:
    """Columns of `noc_fraud_prediction`, by name, as arrays."""
    count = evidence.num_rows
    features = documents_of([(name, evidence[name]) for name in MODEL_FEATURES])
    final = scores.hundredths
    same = {
        "is_shadow": is_shadow, "predicted_at": at, "method": scores.method.value,
        "model_id": None if scores.model_id is None else str(scores.model_id), "model_version": scores.version,
        "latency_ms": float(latency_ms),
    }  # fmt: skip
    kinds = {"is_shadow": pa.bool_(), "predicted_at": pa.timestamp("us", tz="UTC"), "latency_ms": pa.float64()}
    keys = ("tenant_id", "event_id", "attendance_id", "person_id", "site_id", "stage", "happened_at", "known_at")
    return {
        **{name: evidence[name] for name in keys},
        **{name: pa.array([value] * count, kinds.get(name, pa.string())) for name, value in same.items()},
        "fraud_probability": pa.array(np.clip(scores.probabilities, 0.0, 1.0)),
        "rule_score": pa.array([each.rule for each in scores.finals], pa.int64()),
        "rule_floor": pa.array([each.floor for each in scores.finals], pa.int64()),
        "fraud_score": pa.array(final),
        "risk_level": pa.array([each.level.value for each in scores.finals], pa.string()),
        "is_flagged": pa.array(final >= ALERT_AT),
        "model_confidence": pa.array(scores.known),
        "base_rate": pa.array(scores.bases),
        "features": features,
        "reasons": _reasons(evidence, scores),
        "detections": pa.array([document(found) if found else "[]" for found in scores.detections], pa.string()),
    }


def _reasons(evidence: pa.Table, scores: Scores) -> pa.Array:
    """What says most of each score: a JSON list of name, value and contribution."""
    count = evidence.num_rows
    held = {name: evidence[name] for name in MODEL_FEATURES}
    nothing = pa.nulls(count, pa.float64())
    columns = [held.get(name, nothing) for name in scores.names]
    values = np.column_stack([pc.fill_null(column, np.nan).to_numpy() for column in columns])
    names, rows = np.array(scores.names, object), np.arange(count)
    told = []
    for places in top_reasons(scores).T:
        value = pa.array(values[rows, places], from_pandas=True)
        quoted = pc.binary_join_element_wise('"', pa.array(names[places], pa.string()), '"', "")
        share = pa.array(scores.contributions[rows, places])
        told.append(documents_of([("name", quoted), ("value", value), ("contribution", share)]))
    return pc.binary_join_element_wise("[", pc.binary_join_element_wise(*told, ", "), "]", "")


def _insert(
    connection: Connection, evidence: pa.Table, scores: Scores, at: datetime, latency_ms: float, is_shadow: bool
) -> set[str]:
    columns = rows_of(evidence, scores, at, latency_ms, is_shadow)
    lists = {name: column.to_pylist() for name, column in columns.items()}
    new: set[str] = set()
    with psycopg_of(connection).cursor() as cursor:
        for start in range(0, evidence.num_rows, CHUNK_ROWS):
            chunk = {name: values[start : start + CHUNK_ROWS] for name, values in lists.items()}
            cursor.execute(_PREDICTIONS, chunk, prepare=True)
            new.update(str(row[0]) for row in cursor.fetchall())
    return new


def _insert_anomalies(
    connection: Connection, scores: Scores, at: datetime, found: Iterable[tuple[int, dict[str, Any]]]
) -> int:  # fmt: skip
    rows = [
        {
            **{name: row[name] for name in ("tenant_id", "attendance_id", "event_id", "person_id", "site_id")},
            "anomaly_type": each.detector, "severity": each.severity, "detected_at": at,
            "anomaly_id": identity_at(row["happened_at"], [row["tenant_id"], row["attendance_id"], each.detector]),
            "confidence_score": each.confidence, "fraud_score": scores.finals[place].hundredths,
            "reason": each.reason, "evidence": each.evidence,
        }
        for place, row in found
        for each in scores.detections[place]
    ]  # fmt: skip
    if not rows:
        return 0
    with psycopg_of(connection).cursor() as cursor:
        cursor.execute(_ANOMALIES, {"rows": document(rows)}, prepare=True)
        return cursor.rowcount


def _raise_alerts(
    connection: Connection, scores: Scores, door: DoorPolicy, at: datetime, flagged: list[tuple[int, dict[str, Any]]]
) -> None:
    """Let an alert in by the door for each score that warrants one: it is taken in, joined and told like any other."""
    by_tenant: dict[str, list[dict[str, str | None]]] = {}
    for place, row in flagged:
        found = sorted(scores.detections[place], key=lambda each: -WEIGHTS[each.detector].hundredths)
        final = scores.finals[place]
        alert = {
            "event_id": str(identity_at(row["happened_at"], [row["tenant_id"], row["event_id"], SOURCE])),
            "occurred_at": row["happened_at"].isoformat(),
            "alert_type": ALERT_TYPES[found[0].detector] if found else UNEXPLAINED,
            # The words of risk are those of severity from LOW on; an alert is MEDIUM at least.
            "severity": final.level.value, "status": "NEW",
            **{name: row[name] for name in ("person_id", "site_id", "client_id", "device_id")},
            "entity_type": "ATTENDANCE", "entity_id": row["attendance_id"],
            "message": _message(scores, place), "measured_value": final.hundredths / 100,
        }  # fmt: skip
        by_tenant.setdefault(row["tenant_id"], []).append({name: text_of(value) for name, value in alert.items()})
    for tenant, alerts in by_tenant.items():
        rows = text_table(alerts, list(range(1, len(alerts) + 1)))
        source = Source(SOURCE, document([alert["event_id"] for alert in alerts]))
        admit(connection, ALERTS, [Batch(rows, RawBatch(rows))], source, door, at, tenant)


def _message(scores: Scores, place: int) -> str:
    said = [each.reason for each in scores.detections[place]]
    if not said:
        told = [scores.names[each].replace("_", " ") for each in top_reasons(scores)[place][:3]]
        said = [f"Unusual for an honest attendance, mostly by {', '.join(told)}."]
    return f"Fraud score {scores.finals[place].hundredths / 100:.2f}. {' '.join(said)}"[:500]


def _ask(
    connection: Connection, evidence: pa.Table, scores: Scores, policy: ReviewPolicy, at: datetime, places: list[int]
) -> int:
    if not places:
        return 0
    scored = evidence.select(["tenant_id", "attendance_id", "event_id"])
    chosen = choose(scored.append_column("fraud_score", pa.array(scores.hundredths)).take(pa.array(places)), policy)
    return enter(connection, chosen, at) if chosen.num_rows else 0


_KINDS = {
    "tenant_id": "text", "event_id": "uuid", "attendance_id": "text", "person_id": "text", "site_id": "text",
    "stage": "text", "happened_at": "timestamptz", "known_at": "timestamptz", "is_shadow": "boolean",
    "predicted_at": "timestamptz", "method": "text", "model_id": "uuid", "model_version": "text",
    "latency_ms": "float8", "fraud_probability": "float8", "rule_score": "smallint", "rule_floor": "smallint",
    "fraud_score": "smallint", "risk_level": "text", "is_flagged": "boolean", "model_confidence": "float8",
    "base_rate": "float8", "features": "jsonb", "reasons": "jsonb", "detections": "jsonb",
}  # fmt: skip
_LISTS = ", ".join(f"%({name})s::{'text' if kind == 'jsonb' else kind}[]" for name, kind in _KINDS.items())
_SELECTED = ", ".join(f"{name}::jsonb" if kind == "jsonb" else name for name, kind in _KINDS.items())
_PREDICTIONS = f"""
    insert into noc_fraud_prediction (prediction_id, {", ".join(_KINDS)})
    select md5(concat_ws('/', tenant_id, event_id, is_shadow))::uuid, {_SELECTED}
    from unnest({_LISTS}) as made({", ".join(_KINDS)})
    on conflict (tenant_id, event_id, is_shadow) do nothing returning event_id
"""
_ANOMALIES = """
    insert into noc_attendance_anomaly (tenant_id, attendance_id, anomaly_type, anomaly_id, event_id, person_id,
        site_id, severity, detected_at, confidence_score, fraud_score, reason, evidence)
    select distinct on (tenant_id, attendance_id, anomaly_type) tenant_id, attendance_id, anomaly_type, anomaly_id,
        event_id, person_id, site_id, severity, detected_at, confidence_score, fraud_score, reason, evidence
    from json_to_recordset(%(rows)s::json) as made(tenant_id text, attendance_id text, anomaly_type text,
        anomaly_id uuid, event_id uuid, person_id text, site_id text, severity text, detected_at timestamptz,
        confidence_score float8, fraud_score smallint, reason text, evidence jsonb)
    on conflict (tenant_id, attendance_id, anomaly_type) do nothing
"""
