"""When baselines are learned anew and days are judged."""

from datetime import datetime
from typing import Any

import dagster as dg

from noc_platform.baselines.assets import (
    baseline_profiles,
    dynamic_thresholds,
    false_positive_rates,
    site_verdicts,
)

learn_baselines = dg.define_asset_job(
    "learn_baselines",
    selection=dg.AssetSelection.assets(baseline_profiles, false_positive_rates, dynamic_thresholds),
    description="Learn what is usual from all history, and how far from it is too far from what people said.",
)
judge_days = dg.define_asset_job(
    "judge_days",
    selection=dg.AssetSelection.assets(site_verdicts),
    description="Say of every hour of these days how unusual it was.",
)


@dg.schedule(
    name="weekly_baselines",
    job=learn_baselines,
    cron_schedule="0 3 * * 0",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Sunday 03:00 UTC: a week is judged by what was known when it began.",
)
def weekly_baselines(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The tuning of the Sunday it was due, however late it starts."""
    return dg.RunRequest(run_config=tuning_config(context.scheduled_execution_time))


def tuning_config(as_of: datetime) -> dict[str, Any]:
    """Run configuration of `learn_baselines` for verdicts up to a moment (UTC)."""
    config = {"config": {"as_of": as_of.isoformat()}}
    return {"ops": {"false_positive_rates": config, "dynamic_thresholds": config}}
