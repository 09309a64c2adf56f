"""Baselines in Dagster: what is usual, learned each week, and what every hour is against it."""

from datetime import UTC, datetime

import dagster as dg

from noc_platform.baselines.checks import profile_checks, profile_specs, verdict_checks, verdict_specs
from noc_platform.baselines.portrait import heatmap
from noc_platform.orchestration import (
    AFTER_UPSTREAM,
    DAILY_FRESH,
    DAY,
    LAKE_POOL,
    ONE_RUN,
    TRANSIENT_RETRIES,
    WEEKLY_FRESH,
    Group,
    Owner,
)
from noc_platform.resources import Platform
from noc_platform.telemetry.assets import days_of, site_activity_signals, tell_days
from noc_platform.telemetry.portrait import columns_of, described, preview
from noc_platform.telemetry.vocabulary import Signal


@dg.asset(
    deps=[site_activity_signals],
    group_name=Group.BASELINES,
    owners=[Owner.DATA, Owner.OPERATIONS],
    kinds={"postgres", "python"},
    tags={"grain": "site-metric-hour-of-week"},
    check_specs=profile_specs("baseline_profiles"),
    freshness_policy=WEEKLY_FRESH,
    retry_policy=TRANSIENT_RETRIES,
    pool=LAKE_POOL,
    code_version="1",
)
def baseline_profiles(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
    """What is usual at every hour of every site's week, from what lies before the last Sunday; young cells borrow."""
    import pyarrow.compute as pc

    from noc_platform.baselines.products import newest_sunday, refresh_profiles
    from noc_platform.baselines.profiles import PROFILE_SCHEMA
    from noc_platform.findings.queries import confirmed

    as_of = newest_sunday(platform.lake)
    if as_of is None:
        profiles = PROFILE_SCHEMA.empty_table()
    else:
        settings = platform.settings
        profiles = refresh_profiles(
            platform.database, platform.lake, as_of, settings.baseline_policy, settings.threshold_policy,
            datetime.now(UTC), confirmed,
        )  # fmt: skip
    phones = profiles.filter(pc.equal(profiles["metric_type"], Signal.PHONE_EVENTS.metric))
    states = pc.value_counts(profiles["state"]).to_pylist()
    return dg.MaterializeResult(
        metadata={
            "rows_written": profiles.num_rows,
            "dagster/column_schema": columns_of(profiles.schema),
            "learned_until": str(as_of),
            **{f"cells_{each['values'].lower()}": each["counts"] for each in states},
            "usual": heatmap(phones, "mean", "phone events an hour, usual, by hour of the site's week"),
            "borrowed": heatmap(phones, "borrowed_share", "share of each hour that is borrowed"),
            "preview": preview(profiles),
        },
        check_results=profile_checks(profiles),
    )


@dg.asset(
    partitions_def=DAY,
    backfill_policy=ONE_RUN,
    deps=[site_activity_signals, baseline_profiles],
    group_name=Group.BASELINES,
    owners=[Owner.DATA, Owner.OPERATIONS],
    kinds={"parquet", "python"},
    tags={"grain": "site-metric-hour"},
    check_specs=verdict_specs("site_verdicts"),
    automation_condition=AFTER_UPSTREAM,
    freshness_policy=DAILY_FRESH,
    retry_policy=TRANSIENT_RETRIES,
    pool=LAKE_POOL,
    code_version="1",
)
def site_verdicts(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
    """How unusual every site-hour is, whether that is too far, and why there is no verdict where there is none."""
    from noc_platform.baselines.products import refresh_verdicts
    from noc_platform.findings.queries import confirmed

    settings = platform.settings
    written = refresh_verdicts(
        platform.database, platform.lake, days_of(context), settings.baseline_policy, settings.threshold_policy,
        confirmed,
    )  # fmt: skip
    tell_days(context, written.by_day)
    return dg.MaterializeResult(
        metadata=described(written.rows, written.files), check_results=verdict_checks(written.rows)
    )
