"""What starts the pipeline by itself: a day that received something the lake or the signals have not seen."""

import dagster as dg

from noc_platform.resources import Platform
from noc_platform.telemetry.jobs import telemetry_pipeline

MOST_DAYS_AT_ONCE = 31


@dg.sensor(job=telemetry_pipeline, minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def days_with_new_telemetry(
    platform: dg.ResourceParam[Platform],
) -> dg.SensorResult | dg.SkipReason:
    """One run per open day, keyed by what the day has received: asking again asks for nothing new."""
    from noc_platform.lake.archive import open_days, reached

    with platform.database.transaction() as connection:
        days = open_days(connection)[:MOST_DAYS_AT_ONCE]
        received = reached(connection, days)
    if not days:
        return dg.SkipReason("The lake and the signals have seen everything received.")
    return dg.SensorResult(
        [dg.RunRequest(run_key=f"{day}:{received[day]}", partition_key=day.isoformat()) for day in days]
    )
