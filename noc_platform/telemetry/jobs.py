"""When telemetry is worked on: the whole pipeline for days that changed, and retention every night."""

import dagster as dg

from noc_platform.telemetry.assets import ARCHIVES, activity_signals, site_activity_signals, telemetry_retention

telemetry_pipeline = dg.define_asset_job(
    "telemetry_pipeline",
    selection=dg.AssetSelection.assets(*ARCHIVES, activity_signals, site_activity_signals),
    description="Archive days to the lake and make their signals.",
)
retention = dg.define_asset_job(
    "retention",
    selection=dg.AssetSelection.assets(telemetry_retention),
    description="Let quiet days leave PostgreSQL.",
)
nightly_retention = dg.ScheduleDefinition(
    name="nightly_retention",
    job=retention,
    cron_schedule="30 4 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="04:30 UTC: after the night's late data, before the day's load.",
)
