"""What others read of fraud: predictions and why, which model made them, trainings, and what is still to be scored."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from noc_platform.errors import NotFound
from noc_platform.fraud.vocabulary import MODEL_TYPE
from noc_platform.journal.identities import identity_called


@dataclass(frozen=True)
class Prediction:
    """One prediction as it was made. Scores are hundredths, instants UTC; `live_from` and `live_until` say when the
    model that made it was live around then, null for rules."""

    prediction_id: UUID
    tenant_id: str
    event_id: UUID
    attendance_id: str
    person_id: str
    site_id: str | None
    stage: str
    happened_at: datetime
    known_at: datetime
    predicted_at: datetime
    method: str
    model_id: UUID | None
    model_version: str
    fraud_probability: float
    rule_score: int
    rule_floor: int
    fraud_score: int
    risk_level: str
    is_flagged: bool
    model_confidence: float
    base_rate: float
    features: dict[str, float | None]
    reasons: list[dict[str, Any]]
    detections: list[dict[str, Any]]
    latency_ms: float
    actual_fraud: bool | None
    labelled_at: datetime | None
    live_from: datetime | None
    live_until: datetime | None
    mlflow_run_id: str | None


def predictions_called(connection: Connection, called: str) -> list[Prediction]:
    """Predictions by their own id, their event's, or their attendance's (one on coming, one on leaving), the first
    first; those made in shadow are nobody's answer. Raises `NotFound`."""
    identity = identity_called(called)
    rows = connection.execute(text(_CALLED), {"identity": identity, "called": called})
    found = [Prediction(*row) for row in rows]
    if not found:
        raise NotFound(f"No prediction is called {called}; give its id, its event's or its attendance's.")
    return found


@dataclass(frozen=True)
class ModelRow:
    """A registered model with what it was measured at."""

    model_version: int
    is_active: bool
    is_challenger: bool
    algorithm: str
    training_date: datetime
    precision: float | None
    recall: float | None
    f1_score: float | None
    pr_auc: float | None
    threshold: float
    mlflow_run_id: str
    pruned_at: datetime | None


def models_of(connection: Connection, tenant: str) -> list[ModelRow]:
    """Every model of a tenant, the newest first."""
    columns = ", ".join(ModelRow.__dataclass_fields__)
    statement = f"""select {columns} from noc_ml_model_metrics where tenant_id = :tenant and model_type = :type
                    order by model_version desc"""
    rows = connection.execute(text(statement), {"tenant": tenant, "type": MODEL_TYPE})
    return [ModelRow(*row) for row in rows]


def model_version(connection: Connection, tenant: str, model_id: UUID) -> int | None:
    """The version of a model; None for one there is not."""
    found: int | None = connection.execute(
        text("select model_version from noc_ml_model_metrics where tenant_id = :tenant and model_id = :model"),
        {"tenant": tenant, "model": model_id},
    ).scalar()
    return found


def tenants_of(connection: Connection, named: str | None = None) -> list[str]:
    """Every active tenant, or the one that is named. Raises `NotFound` for one there is not."""
    rows = connection.execute(
        text("""select tenant_id from noc_tenant where is_active is not false
                and (cast(:named as text) is null or tenant_id = :named) order by tenant_id"""),
        {"named": named},
    )
    found = list(rows.scalars())
    if named is not None and not found:
        raise NotFound(f"No tenant is called {named}.")
    return found


def attended_days(connection: Connection) -> list[date]:
    """UTC days that ever received an attendance event, in order."""
    rows = connection.execute(
        text("select distinct day from noc_telemetry_day where stream = 'attendance_events' order by day")
    )
    return list(rows.scalars())


def last_received(connection: Connection) -> datetime | None:
    """When the newest attendance event was received."""
    found: datetime | None = connection.execute(text("select max(received_at) from noc_attendance_event")).scalar()
    return found


_CALLED = f"""
    select {
    ", ".join(
        f"p.{name}"
        for name in Prediction.__dataclass_fields__
        if name not in ("live_from", "live_until", "mlflow_run_id")
    )
},
           l.live_from, l.live_until, m.mlflow_run_id
    from noc_fraud_prediction p
    left join noc_ml_model_metrics m using (tenant_id, model_id)
    left join lateral (
        select live_from, live_until from noc_ml_model_period l
        where l.tenant_id = p.tenant_id and l.model_id = p.model_id and l.live_from <= p.predicted_at
        order by l.live_from desc limit 1) l on true
    where not p.is_shadow
      and (p.prediction_id = :identity or p.event_id = :identity or p.attendance_id = :called)
    order by p.known_at, p.event_id
"""
