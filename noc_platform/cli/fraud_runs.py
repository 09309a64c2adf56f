"""Fraud's jobs of Dagster as `noc run` and `noc fraud train` run them: evidence, then each tenant by itself."""

from datetime import date, datetime, timedelta
from typing import Any

from noc_platform.cli.installation import Installation
from noc_platform.cli.runs import Outcome, Range, RunJob, alone, merged


def train_all(here: Installation, tenant: str | None, as_of: datetime) -> list[dict[str, Any]]:
    """Train each tenant's model, or that of one, as of a moment (UTC); gives what each came to."""
    from noc_platform.fraud.jobs import training_config
    from noc_platform.fraud.queries import attended_days, tenants_of
    from noc_platform.fraud.runs import history

    with here.server.pipeline.transaction() as connection:
        tenants, days = tenants_of(connection, tenant), attended_days(connection)
    with alone(here) as run_job:
        for span in merged(_without_evidence(here, days)):
            run_job("fraud_history", span)
        for each in tenants:
            run_job("fraud_training", config=training_config(as_of), tenant=each)
    told = []
    for each in tenants:
        with here.server.pipeline.transaction() as connection:
            runs = [run for run in history(connection, each) if run.as_of == as_of]
        told += [_told(here, run) for run in runs]
    return told


def fraud_outcomes(here: Installation, run_job: RunJob, spans: list[Range]) -> list[Outcome]:
    """Evidence of these days, and everything else of each tenant as of the last moment anything was received."""
    from noc_platform.fraud.jobs import training_config
    from noc_platform.fraud.queries import last_received, tenants_of

    done = [run_job("fraud_history", span) for span in spans]
    with here.server.pipeline.transaction() as connection:
        last, tenants = last_received(connection), tenants_of(connection)
    if last is None:
        return done
    as_of = last + timedelta(seconds=1)
    since = datetime.combine(min(first for first, _ in spans), datetime.min.time(), as_of.tzinfo) - timedelta(days=1)
    moment = {"as_of": as_of.isoformat()}
    for tenant in tenants:
        done.append(run_job("fraud_training", config=training_config(as_of), tenant=tenant))
        scoring = {"ops": {"fraud_predictions": {"config": {"since": since.isoformat()}}}}
        done.append(run_job("fraud_scoring", config=scoring, tenant=tenant))
        done.append(run_job("fraud_watch", config={"ops": {"model_performance": {"config": moment}}}, tenant=tenant))
    return [*done, run_job("ring_watch", config={"ops": {"collusion_rings": {"config": moment}}})]


def _without_evidence(here: Installation, days: list[date]) -> list[date]:
    from noc_platform.fraud.history import FEATURES
    from noc_platform.lake.layout import Lake

    held = {partition.day for partition in Lake(here.settings.lake).partitions(FEATURES)}
    return [day for day in days if day not in held]


def _told(here: Installation, run: Any) -> dict[str, Any]:
    from noc_platform.fraud.queries import model_version

    with here.server.pipeline.transaction() as connection:
        version = None if run.model_id is None else model_version(connection, run.tenant_id, run.model_id)
    return {
        "tenant": run.tenant_id, "status": run.status.value, "version": version, "labelled": run.labelled,
        "frauds": run.positives, "reason": run.reason, "mlflow_run": run.mlflow_run_id,
    }  # fmt: skip
