"""Which model scores a tenant's events, which did, and since when: rows of `noc_ml_model_metrics` and its periods.

The alias in the registry is the truth; what is here mirrors it, in one transaction. Elsewhere: the registry itself
(`registry`), what a training comes to (`cycle`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from noc_platform.errors import NotFound
from noc_platform.fraud.models import Artefact
from noc_platform.fraud.scoring import LiveModel
from noc_platform.fraud.vocabulary import MODEL_TYPE
from noc_platform.journal.documents import document


@dataclass(frozen=True)
class Registered:
    """A model as the platform notes it: what it was measured at, and where its file is. Instants are UTC."""

    model: LiveModel
    measures: Mapping[str, Any]
    threshold: float
    samples: Mapping[str, int]
    training_date: datetime
    algorithm: str
    hyperparameters: Mapping[str, Any]
    feature_names: tuple[str, ...]
    reference: Mapping[str, Any]
    library_versions: Mapping[str, str]
    mlflow_run_id: str
    dagster_run_id: str | None
    created_at: datetime


@dataclass(frozen=True)
class Period:
    """When a model was live: `[live_from, live_until)`, UTC; no model while rules alone scored."""

    live_from: datetime
    live_until: datetime | None
    model_id: UUID | None
    model_version: int | None
    changed_by: str
    reason: str


def live_models(connection: Connection, tenant: str | None = None) -> dict[str, LiveModel]:
    """The model that is live, by tenant; of one tenant where it is named. Others have none."""
    rows = connection.execute(text(_LIVE), {"tenant": tenant, "type": MODEL_TYPE})
    return {row.tenant_id: _model(row) for row in rows}


def registered(connection: Connection, tenant: str, version: int) -> LiveModel:
    """One registered model. Raises `NotFound`."""
    row = connection.execute(
        text(f"{_MODELS} where tenant_id = :tenant and model_type = :type and model_version = :version"),
        {"tenant": tenant, "type": MODEL_TYPE, "version": version},
    ).first()
    if row is None:
        raise NotFound(f"No version {version} of {tenant}'s fraud model is registered; noc fraud models lists them.")
    return _model(row)


def note(connection: Connection, made: Registered) -> None:
    """Note a model that was registered; it is not live by that. Noting it again changes nothing."""
    measured = made.measures
    values = {
        "model_id": made.model.model_id, "tenant_id": made.model.tenant_id, "model_type": MODEL_TYPE,
        "model_version": made.model.version,
        **{name: _value(measured.get(key)) for name, key in _MEASURED.items()},
        "measures": document(measured), "threshold": made.threshold,
        **{f"{name}_samples": made.samples[name] for name in _SAMPLES},
        "training_date": made.training_date, "algorithm": made.algorithm,
        "hyperparameters": document(made.hyperparameters), "feature_names": document(list(made.feature_names)),
        "reference": document(made.reference), "artefact_uri": made.model.artefact.uri,
        "artefact_bytes": made.model.artefact.size, "artefact_sha256": made.model.artefact.sha256,
        "library_versions": document(made.library_versions), "mlflow_run_id": made.mlflow_run_id,
        "dagster_run_id": made.dagster_run_id, "created_at": made.created_at,
    }  # fmt: skip
    names = ", ".join(values)
    bound = ", ".join(f":{name}" for name in values)
    statement = f"insert into noc_ml_model_metrics ({names}) values ({bound}) on conflict (model_id) do nothing"
    connection.execute(text(statement), values)


def set_live(
    connection: Connection, tenant: str, model_id: UUID | None, at: datetime, by: str, reason: str
) -> bool:  # fmt: skip
    """Let a model score from that moment (UTC) on, or none; whether that is a change. In the caller's transaction.

    Raises `NotFound` for a model of another tenant, or none there is.
    """
    asked = {"tenant": tenant, "type": MODEL_TYPE, "model": model_id, "at": at, "by": by, "reason": reason}
    connection.execute(text("select pg_advisory_xact_lock(hashtextextended(:tenant || :type, 0))"), asked)
    held = connection.execute(text(_HELD), asked).first()
    if held is not None and held.model_id == model_id:
        return False
    if held is None and model_id is None:
        return False
    connection.execute(text(_RETIRE), asked)
    if model_id is not None and connection.execute(text(_ACTIVATE), asked).first() is None:
        raise NotFound(f"No model {model_id} of {tenant} is registered.")
    connection.execute(text(_END), asked)
    connection.execute(text(_BEGIN), asked)
    return True


def challengers(connection: Connection, tenant: str | None = None) -> dict[str, LiveModel]:
    """The model that scores in shadow, by tenant; of one tenant where it is named. Others have none."""
    rows = connection.execute(text(_SHADOW), {"tenant": tenant, "type": MODEL_TYPE})
    return {row.tenant_id: _model(row) for row in rows}


def set_challenger(connection: Connection, tenant: str, model_id: UUID | None) -> None:
    """Let a model score in shadow, or none. In the caller's transaction."""
    asked = {"tenant": tenant, "type": MODEL_TYPE, "model": model_id}
    for statement in _CHALLENGE:
        connection.execute(text(statement), asked)


def periods(connection: Connection, tenant: str) -> list[Period]:
    """When which model was live, the newest first."""
    rows = connection.execute(text(_PERIODS), {"tenant": tenant, "type": MODEL_TYPE})
    return [Period(*row) for row in rows]


def forget_artefacts(connection: Connection, tenant: str, kept: set[int], at: datetime) -> None:
    """Note that the files of all versions but these are no longer kept."""
    connection.execute(
        text("""update noc_ml_model_metrics set pruned_at = :at where tenant_id = :tenant and model_type = :type
                and pruned_at is null and not is_active and model_version <> all(:kept)"""),
        {"tenant": tenant, "type": MODEL_TYPE, "kept": list(kept), "at": at},
    )


_SAMPLES = ("training", "validation", "test", "fraud", "normal")
_MEASURED = {
    "precision": "precision", "recall": "recall", "f1_score": "f1", "accuracy": "accuracy", "pr_auc": "pr_auc",
    "roc_auc": "roc_auc", "calibration_error": "calibration_error",
}  # fmt: skip
_MODELS = """select tenant_id, model_id, model_version, artefact_uri, artefact_bytes, artefact_sha256
    from noc_ml_model_metrics"""
_OF_TENANT = "model_type = :type and (cast(:tenant as text) is null or tenant_id = :tenant)"
_LIVE = f"{_MODELS} where is_active and {_OF_TENANT}"
_SHADOW = f"{_MODELS} where is_challenger and {_OF_TENANT}"
_CHALLENGE = (
    """update noc_ml_model_metrics set is_challenger = false
        where tenant_id = :tenant and model_type = :type and is_challenger""",
    """update noc_ml_model_metrics set is_challenger = true
        where tenant_id = :tenant and model_type = :type and model_id = :model and not is_active""",
)
_HELD = """select model_id, live_from from noc_ml_model_period
    where tenant_id = :tenant and model_type = :type and live_until is null"""
_RETIRE = """update noc_ml_model_metrics set is_active = false
    where tenant_id = :tenant and model_type = :type and is_active"""
_ACTIVATE = """update noc_ml_model_metrics set is_active = true, is_challenger = false
    where tenant_id = :tenant and model_type = :type and model_id = :model returning model_id"""
_END = """update noc_ml_model_period set live_until = greatest(:at, live_from)
    where tenant_id = :tenant and model_type = :type and live_until is null"""
_BEGIN = """insert into noc_ml_model_period (tenant_id, model_type, live_from, model_id, changed_by, reason)
    values (cast(:tenant as text), cast(:type as text), greatest(cast(:at as timestamptz), (select max(live_until)
        from noc_ml_model_period where tenant_id = :tenant and model_type = :type)), :model, :by, :reason)
    on conflict (tenant_id, model_type, live_from) do update set model_id = excluded.model_id, live_until = null,
        changed_by = excluded.changed_by, reason = excluded.reason"""
_PERIODS = """select live_from, live_until, model_id, model_version, changed_by, reason
    from noc_ml_model_period left join noc_ml_model_metrics using (tenant_id, model_type, model_id)
    where tenant_id = :tenant and model_type = :type order by live_from desc"""


def _model(row: Any) -> LiveModel:
    artefact = Artefact(row.artefact_uri, row.artefact_bytes, row.artefact_sha256)
    return LiveModel(row.tenant_id, row.model_id, row.model_version, artefact)


def _value(measure: Any) -> float | None:
    value = measure.get("value") if isinstance(measure, Mapping) else measure
    return None if value is None or value != value else float(value)
