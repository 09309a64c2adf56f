"""When baselines are learned anew and days are judged."""

import dagster as dg

from noc_platform.baselines.assets import baseline_profiles, site_verdicts

learn_baselines = dg.define_asset_job(
    "learn_baselines",
    selection=dg.AssetSelection.assets(baseline_profiles),
    description="Learn what is usual from all history.",
)
judge_days = dg.define_asset_job(
    "judge_days",
    selection=dg.AssetSelection.assets(site_verdicts),
    description="Say of every hour of these days how unusual it was.",
)
weekly_baselines = dg.ScheduleDefinition(
    name="weekly_baselines",
    job=learn_baselines,
    cron_schedule="0 3 * * 0",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Sunday 03:00 UTC: a week is judged by what was known when it began.",
)
