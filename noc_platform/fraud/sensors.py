"""What starts by itself: scoring where events have no prediction, and training where a watched model asked for it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from noc_platform.fraud.jobs import fraud_scoring, fraud_training, tenants_known, training_config
from noc_platform.resources import Platform


@dg.sensor(job=fraud_scoring, minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def events_to_score(
    context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """One run a tenant that has events without a prediction, keyed by the newest of them."""
    from noc_platform.fraud.desk import waiting

    tenants = set(tenants_known(context.instance, platform))
    with platform.database.transaction() as connection:
        due = waiting(connection, datetime.now(UTC) - platform.settings.retention)
    if not due:
        yield dg.SkipReason("Every event received has a prediction.")
    for tenant, newest in due.items():
        if tenant in tenants:
            yield dg.RunRequest(f"{tenant}:{newest.isoformat()}", partition_key=tenant)


@dg.sensor(job=fraud_training, minimum_interval_seconds=600, default_status=dg.DefaultSensorStatus.RUNNING)
def training_requested(
    context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """A training for each tenant whose live model has done badly for days, once for each such streak."""
    from noc_platform.fraud.observing import requested

    found = False
    for tenant in tenants_known(context.instance, platform):
        with platform.database.transaction() as connection:
            as_of = requested(connection, tenant)
        if as_of is not None:
            found = True
            yield dg.RunRequest(f"{tenant}:{as_of.isoformat()}", training_config(as_of), partition_key=tenant)
    if not found:
        yield dg.SkipReason("No live model has asked to be trained again.")
