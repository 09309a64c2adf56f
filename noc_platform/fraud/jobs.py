"""When fraud is worked on: evidence every night, scores as events come in, training on Sundays, a look at it each day.

Models are a tenant's own, so that what trains and scores them is partitioned by tenant: one that fails stops no other.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from noc_platform.fraud.assets import (
    collusion_rings,
    fraud_features,
    fraud_model,
    fraud_predictions,
    fraud_training_set,
    model_performance,
)
from noc_platform.orchestration import TENANT
from noc_platform.resources import Platform
from noc_platform.settings import load_settings

# What arrives later than this for a day is scored when it comes, and learned from when the day is made again.
LATE_DAYS = 7

fraud_history = dg.define_asset_job(
    "fraud_history",
    selection=dg.AssetSelection.assets(fraud_features),
    description="The evidence of every attendance event of some days, as was known when it came in.",
)
fraud_training = dg.define_asset_job(
    "fraud_training",
    selection=dg.AssetSelection.assets(fraud_training_set, fraud_model),
    description="Train a tenant's fraud model on what people said by then, and let it go live if it is better.",
)
fraud_scoring = dg.define_asset_job(
    "fraud_scoring",
    selection=dg.AssetSelection.assets(fraud_predictions),
    description="Score what has no prediction yet.",
)
fraud_watch = dg.define_asset_job(
    "fraud_watch",
    selection=dg.AssetSelection.assets(model_performance),
    description="Hold a tenant's live model against what people have said since.",
)
ring_watch = dg.define_asset_job(
    "ring_watch", selection=dg.AssetSelection.assets(collusion_rings), description="Look for guards who collude."
)
FRAUD_JOBS = [fraud_history, fraud_training, fraud_scoring, fraud_watch, ring_watch]


def training_config(as_of: datetime) -> dict[str, Any]:
    """The configuration of one training: both its assets are of the same moment (UTC)."""
    config = {"as_of": as_of.isoformat()}
    return {"ops": {name: {"config": config} for name in ("fraud_training_set", "fraud_model")}}


@dg.schedule(
    job=fraud_history,
    cron_schedule="30 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="00:30 UTC: the evidence of the last week's days, as late rows still come in for them.",
)
def nightly_evidence(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The days before the night it runs in, as one run."""
    last = (context.scheduled_execution_time - timedelta(days=1)).date()
    first = last - timedelta(days=LATE_DAYS - 1)
    days = {
        "dagster/asset_partition_range_start": first.isoformat(), "dagster/asset_partition_range_end": last.isoformat()
    }  # fmt: skip
    return dg.RunRequest(run_key=last.isoformat(), tags=days)


@dg.schedule(
    job=fraud_training,
    cron_schedule="0 2 * * 0",
    execution_timezone=load_settings().ml_training_zone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Sundays at 02:00 (NOC_ML_TRAINING_ZONE): every tenant's model, each in a run of its own.",
)
def weekly_training(
    context: dg.ScheduleEvaluationContext, platform: dg.ResourceParam[Platform]
) -> Iterator[dg.RunRequest]:  # fmt: skip
    """One run a tenant, of the moment it was due."""
    as_of = context.scheduled_execution_time
    for tenant in tenants_known(context.instance, platform):
        yield dg.RunRequest(f"{tenant}:{as_of.isoformat()}", training_config(as_of), partition_key=tenant)


@dg.schedule(
    job=fraud_watch,
    cron_schedule="0 5 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="05:00 UTC: each live model, by what people have said of the last thirty days.",
)
def daily_watch(
    context: dg.ScheduleEvaluationContext, platform: dg.ResourceParam[Platform]
) -> Iterator[dg.RunRequest]:  # fmt: skip
    """One run a tenant, of the moment it was due."""
    as_of = context.scheduled_execution_time.isoformat()
    config = {"ops": {"model_performance": {"config": {"as_of": as_of}}}}
    for tenant in tenants_known(context.instance, platform):
        yield dg.RunRequest(f"{tenant}:{as_of}", config, partition_key=tenant)


daily_rings = dg.ScheduleDefinition(
    name="daily_rings",
    job=ring_watch,
    cron_schedule="20 5 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="05:20 UTC: favours of the last weeks.",
)
FRAUD_SCHEDULES = [nightly_evidence, weekly_training, daily_watch, daily_rings]


def tenants_known(instance: dg.DagsterInstance, platform: Platform) -> list[str]:
    """Every active tenant, each made a partition before it is asked for one."""
    from sqlalchemy import text

    asked = text("select tenant_id from noc_tenant where is_active is not false order by tenant_id")
    with platform.database.transaction() as connection:
        tenants = list(connection.execute(asked).scalars())
    instance.add_dynamic_partitions(str(TENANT.name), tenants)
    return tenants
