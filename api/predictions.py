"""Events that were just let in, scored, and what was said of each as people read it.

Elsewhere: letting them in (`receiving`), the score itself (`noc_platform.fraud`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from api.auth import Principal
from api.metrics import FRAUD_DETECTIONS, PREDICTION_LATENCY, PREDICTIONS
from noc_platform.fraud.vocabulary import MODEL_TYPE

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from noc_platform.fraud.desk import Desk

FELL_BACK = "The model that is live could not be used, so rules-v1 scored these. Those who run the service are told."
# The door leaves the rows it let in, new or known, in its staging table until the transaction ends or another batch
# comes: raising an alert brings one.
ADMITTED = "select distinct event_id from staged"
SCORED = """
    select event_id from noc_fraud_prediction
    where tenant_id = :tenant and not is_shadow and event_id = any(cast(:events as uuid[]))"""
SAID = """
    select event_id, attendance_id, person_id, site_id, stage, fraud_score, risk_level, method, model_version,
           fraud_probability, base_rate, is_flagged, reasons, detections, latency_ms, predicted_at
    from noc_fraud_prediction
    where tenant_id = :tenant and not is_shadow and event_id = any(cast(:events as uuid[]))
    order by happened_at, event_id"""


@dataclass(frozen=True)
class Predicted:
    """What was said of the events of a batch, as rows of `noc_fraud_prediction`; which of them this batch made; and
    whether rules had to do where there is a model."""

    rows: "list[Row[Any]]"
    made: frozenset[str]
    fell_back: bool


def predict(connection: "Connection", desk: "Desk", tenant: str) -> Predicted:
    """Score the attendance events the door has just let in, in the same transaction; those scored before stay so."""
    from sqlalchemy import text

    events = [str(event) for event in connection.execute(text(ADMITTED)).scalars()]
    asked = {"tenant": tenant, "events": events}
    before = {str(event) for event in connection.execute(text(SCORED), asked).scalars()}
    made = [event for event in events if event not in before]
    scored = desk.score(connection, tenant, made) if made else None
    rows = list(connection.execute(text(SAID), asked))
    return Predicted(rows, frozenset(made), scored is not None and scored.fell_back is not None)


def told(predicted: Predicted, sender: Principal) -> dict[str, Any]:
    """The part of the answer that is about scores.

    An event that is known already may be another site's than the one it is sent for, so sites are looked at again.
    """
    return {
        "fell_back": FELL_BACK if predicted.fell_back else None,
        "predictions": [_prediction(row) for row in predicted.rows if sender.sees(row.site_id)],
    }


def count_predictions(predicted: Predicted) -> None:
    """Count the predictions that were made and committed, and what the rules found."""
    for row in predicted.rows:
        if str(row.event_id) in predicted.made:
            PREDICTIONS.labels(MODEL_TYPE, row.model_version).inc()
            PREDICTION_LATENCY.labels(MODEL_TYPE).observe(row.latency_ms / 1000)
            for found in row.detections:
                FRAUD_DETECTIONS.labels(found["severity"]).inc()


def _prediction(row: "Row[Any]") -> dict[str, Any]:
    return {
        "event_id": str(row.event_id),
        "attendance_id": row.attendance_id,
        "person_id": row.person_id,
        "site_id": row.site_id,
        "stage": row.stage,
        "fraud_score": row.fraud_score / 100,
        "risk_level": row.risk_level,
        "method": row.method,
        "model_version": row.model_version,
        "fraud_probability": row.fraud_probability,
        "base_rate": row.base_rate,
        "is_flagged": row.is_flagged,
        "top_reasons": row.reasons,
        "detections": [
            {
                "code": each["detector"],
                **{name: each[name] for name in ("severity", "confidence", "reason", "evidence")},
            }
            for each in row.detections
        ],
        "latency_ms": row.latency_ms,
        "predicted_at": row.predicted_at.isoformat(),
    }
