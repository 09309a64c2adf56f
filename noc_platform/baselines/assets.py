"""Baselines in Dagster: what is usual and how far from it is too far, learned each week, and what every hour is then.

What people say of alarms moves the limits of the weeks to come: the loop is closed over time, so that no asset waits
for itself.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from noc_platform.baselines.checks import (
    limit_checks,
    limit_specs,
    profile_checks,
    profile_specs,
    rate_checks,
    rate_specs,
    verdict_checks,
    verdict_specs,
)
from noc_platform.baselines.portrait import heatmap, histories
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
from noc_platform.streams.catalogue import VERDICTS
from noc_platform.telemetry.assets import SOURCES, days_of, site_activity_signals, tell_days
from noc_platform.telemetry.portrait import columns_of, described, preview
from noc_platform.telemetry.vocabulary import Signal

if TYPE_CHECKING:
    from noc_platform.baselines.changes import Change

# Changes a history is drawn of, and of which the newest are listed.
MOST_CHANGES, LISTED = 5_000, 30


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


class MomentConfig(dg.Config):
    """As of when."""

    as_of: str | None = Field(None, description="The moment, such as 2026-04-05T03:00:00+00:00; now unless given.")

    @property
    def moment(self) -> datetime:
        """The moment, UTC. Raises `BadInput`."""
        from noc_platform.streams.forms import instant_called

        return instant_called(self.as_of) if self.as_of else datetime.now(UTC)


@dg.asset(
    deps=[SOURCES[VERDICTS.name]],
    group_name=Group.BASELINES,
    owners=[Owner.OPERATIONS],
    kinds={"postgres", "python"},
    tags={"grain": "site-metric"},
    check_specs=rate_specs("false_positive_rates"),
    freshness_policy=WEEKLY_FRESH,
    retry_policy=TRANSIENT_RETRIES,
    code_version="1",
)
def false_positive_rates(config: MomentConfig, platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
    """How much of what was raised people called false, over 30 days, and which limits that holds back."""
    import pyarrow.compute as pc

    from noc_platform.findings.queries import false_positives_by_hour
    from noc_platform.findings.teaching import refresh_rates

    as_of, settings = config.moment, platform.settings
    rates = refresh_rates(platform.database, as_of, settings.verdict_policy, settings.threshold_policy)
    with platform.database.transaction() as connection:
        hours = false_positives_by_hour(connection, as_of - settings.verdict_policy.window, as_of)
    of_metrics = rates.filter(pc.is_null(rates["hour_of_week"]))
    return dg.MaterializeResult(
        metadata={
            "rows_written": rates.num_rows,
            "as_of": as_of.isoformat(),
            "findings_adjudicated": pc.sum(of_metrics["adjudicated"]).as_py() or 0,
            "false_positives": pc.sum(of_metrics["false_positives"]).as_py() or 0,
            "guarded": pc.sum(pc.cast(rates["is_guarded"], "int64")).as_py() or 0,
            "by_hour_of_week": heatmap(hours, "false_positives", "false positives by hour of the site's week"),
            "preview": preview(of_metrics),
        },
        check_results=rate_checks(rates),
    )


@dg.asset(
    deps=[false_positive_rates, baseline_profiles],
    group_name=Group.BASELINES,
    owners=[Owner.OPERATIONS],
    kinds={"postgres", "python"},
    tags={"grain": "site-metric-hour-of-week"},
    check_specs=limit_specs("dynamic_thresholds"),
    freshness_policy=WEEKLY_FRESH,
    retry_policy=TRANSIENT_RETRIES,
    pool=LAKE_POOL,
    code_version="1",
)
def dynamic_thresholds(config: MomentConfig, platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
    """How far from usual is too far, moved each week by what people said, towards the budget of false alarms."""
    from noc_platform.baselines.products import stated_limits
    from noc_platform.baselines.queries import Wanted, changes
    from noc_platform.baselines.thresholds import HIGHEST, LOWEST
    from noc_platform.findings.teaching import tune

    as_of, settings = config.moment, platform.settings
    tuned = tune(platform.database, platform.lake, as_of, settings.tuning_policy, settings.threshold_policy)
    with platform.database.transaction() as connection:
        limits = stated_limits(connection)
        made = changes(connection, Wanted(), MOST_CHANGES)
    return dg.MaterializeResult(
        metadata={
            "rows_written": tuned.changed,
            "as_of": as_of.isoformat(),
            "limits_proposed": tuned.proposed.num_rows,
            "limits_changed": tuned.changed,
            "dynamic_threshold": heatmap(
                limits, "dynamic_threshold", "limit at each hour, mean of the metrics", (LOWEST, HIGHEST)
            ),
            "history": histories(_histories(made, settings.default_threshold), "limits set and learned"),
            "changes": dg.MetadataValue.md(_told(made[:LISTED])),
        },
        check_results=limit_checks(limits, made, settings.tuning_policy.step),
    )


def _histories(made: "list[Change]", default: float) -> dict[str, list[tuple[datetime, float]]]:
    """What each limit was from a week before it was first changed; the default where it is held no more."""
    found: dict[str, list[tuple[datetime, float]]] = {}
    for change in reversed(made):
        name = f"{change.tenant_id}/{change.scope.name} {change.kind.lower()}"
        before = default if change.before is None else change.before
        points = found.setdefault(name, [(change.made_at - timedelta(weeks=1), before)])
        points.append((change.made_at, default if change.value is None else change.value))
    return found


def _told(made: "list[Change]") -> str:
    def value(limit: float | None) -> str:
        return "-" if limit is None else f"{limit:.2f}"

    rows = [
        f"| {change.made_at:%F %H:%M} | {change.tenant_id}/{change.scope.name} | {change.kind.lower()} "
        f"| {value(change.before)} | {value(change.value)} | {change.made_by} | {change.reason} |"
        for change in made
    ]
    return "\n".join(["| when, UTC | limit | kind | from | to | by | why |", "|---|---|---|---|---|---|---|", *rows])


@dg.asset(
    partitions_def=DAY,
    backfill_policy=ONE_RUN,
    deps=[site_activity_signals, baseline_profiles, dynamic_thresholds],
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
