"""Telemetry in Dagster: what PostgreSQL receives, its history in the lake, and the activity signals made of it."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from noc_platform.orchestration import (
    AFTER_UPSTREAM,
    DAILY_FRESH,
    DAY,
    LAKE_POOL,
    ONE_RUN,
    TRANSIENT_RETRIES,
    Group,
    Owner,
)
from noc_platform.resources import Platform
from noc_platform.streams.catalogue import EVENT_STREAMS, REFERENCE_STREAMS, STREAMS
from noc_platform.streams.declaration import Stream
from noc_platform.telemetry.checks import (
    COULD_LEAVE,
    archive_checks,
    archive_specs,
    person_checks,
    person_specs,
    retention_specs,
    site_checks,
    site_specs,
)
from noc_platform.telemetry.portrait import declared_schema, described, plot_by_hour, preview
from noc_platform.telemetry.vocabulary import Window

if TYPE_CHECKING:
    from noc_platform.lake.archive import Archived
    from noc_platform.lake.layout import Lake


def source_spec(stream: Stream) -> dg.AssetSpec:
    """A stream as it stands in PostgreSQL; rows enter it by `noc ingest` and the API."""
    return dg.AssetSpec(
        ["postgres", stream.name],
        description=stream.meaning,
        group_name=Group.SOURCES,
        owners=[Owner.DATA],
        kinds={"postgres"},
        tags={"role": "reference" if stream.is_reference else "events"},
        metadata={"dagster/column_schema": declared_schema(stream), "dagster/table_name": stream.table},
    )


SOURCES = {stream.name: source_spec(stream) for stream in STREAMS.values()}
REFERENCES = [SOURCES[stream.name] for stream in REFERENCE_STREAMS]


def days_of(context: dg.AssetExecutionContext) -> list[date]:
    """UTC days of the partitions this run was asked for."""
    window = context.partition_time_window
    return Window(window.start.astimezone(UTC), window.end.astimezone(UTC)).days


def tell_days(context: dg.AssetExecutionContext, rows: dict[date, int]) -> None:
    """Give every day of the run its own row count: one run writes many days."""
    for day in days_of(context):
        context.add_asset_metadata({"dagster/partition_row_count": rows.get(day, 0)}, partition_key=day.isoformat())


def archive_asset(stream: Stream) -> dg.AssetsDefinition:
    """The history of one stream in the lake."""

    @dg.asset(
        key=["lake", stream.name],
        description=f"{stream.meaning} One Parquet file per tenant and UTC day; late rows open their day again.",
        partitions_def=DAY,
        backfill_policy=ONE_RUN,
        deps=[SOURCES[stream.name]],
        group_name=Group.TELEMETRY,
        owners=[Owner.DATA],
        kinds={"parquet", "postgres"},
        tags={"stream": stream.name},
        metadata={"dagster/column_schema": declared_schema(stream)},
        check_specs=archive_specs(stream),
        automation_condition=AFTER_UPSTREAM,
        freshness_policy=DAILY_FRESH,
        retry_policy=TRANSIENT_RETRIES,
        pool=LAKE_POOL,
        code_version="1",
    )
    def archived(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
        from noc_platform.lake.archive import archive, rows_archived

        days = days_of(context)
        with platform.database.transaction() as connection:
            done = archive(connection, platform.lake, stream, days)
            tell_days(context, rows_archived(connection, stream, days))
        return dg.MaterializeResult(
            metadata=_archived_metadata(platform.lake, stream, done),
            check_results=archive_checks(platform.lake, stream, done),
        )

    return archived


ARCHIVES = [archive_asset(stream) for stream in EVENT_STREAMS]


@dg.asset(
    partitions_def=DAY,
    backfill_policy=ONE_RUN,
    deps=[*ARCHIVES, *REFERENCES],
    group_name=Group.SIGNALS,
    owners=[Owner.DATA, Owner.OPERATIONS],
    kinds={"duckdb", "parquet"},
    tags={"grain": "person-hour"},
    check_specs=person_specs("activity_signals"),
    automation_condition=AFTER_UPSTREAM,
    freshness_policy=DAILY_FRESH,
    retry_policy=TRANSIENT_RETRIES,
    pool=LAKE_POOL,
    code_version="4",
)
def activity_signals(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
    """What each guard did, per UTC hour. On duty and unheard is a row of nulls, idle a row of zeros."""
    from noc_platform.telemetry.products import refresh_person_signals

    written = refresh_person_signals(
        platform.database, platform.lake, days_of(context), platform.settings.movement_policy
    )
    tell_days(context, written.by_day)
    plot = plot_by_hour(written.rows, {"phone_events_count": "phone events", "location_updates_count": "fixes"})
    return dg.MaterializeResult(
        metadata=described(written.rows, written.files, activity=plot), check_results=person_checks(written.rows)
    )


@dg.asset(
    partitions_def=DAY,
    backfill_policy=ONE_RUN,
    deps=[activity_signals],
    group_name=Group.SIGNALS,
    owners=[Owner.DATA, Owner.OPERATIONS],
    kinds={"duckdb", "parquet"},
    tags={"grain": "site-hour"},
    check_specs=site_specs("site_activity_signals"),
    automation_condition=AFTER_UPSTREAM,
    freshness_policy=DAILY_FRESH,
    retry_policy=TRANSIENT_RETRIES,
    pool=LAKE_POOL,
    code_version="4",
)
def site_activity_signals(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult:
    """What happened at each site, per UTC hour: the sum over guards on duty, and how many of them were heard."""
    from noc_platform.telemetry.products import refresh_site_signals

    people, written = refresh_site_signals(platform.lake, days_of(context))
    tell_days(context, written.by_day)
    plot = plot_by_hour(written.rows, {"people_on_duty": "guards on duty", "people_reporting": "guards heard"})
    return dg.MaterializeResult(
        metadata=described(written.rows, written.files, staffing=plot), check_results=site_checks(written.rows, people)
    )


@dg.asset(
    deps=ARCHIVES,
    group_name=Group.TELEMETRY,
    owners=[Owner.DATA],
    kinds={"postgres", "parquet"},
    tags={"role": "retention"},
    check_specs=retention_specs("telemetry_retention"),
    freshness_policy=DAILY_FRESH,
    retry_policy=TRANSIENT_RETRIES,
    pool=LAKE_POOL,
    code_version="1",
)
def telemetry_retention(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
    """Raw telemetry that left PostgreSQL: days nothing came in for, every row of which is in the lake."""
    from noc_platform.lake.archive import retire_all

    retired = retire_all(platform.database, platform.lake, platform.settings.retention, as_of=datetime.now(UTC))
    stuck = [f"- {item.tenant} {item.stream} {item.day}: {item.kept_because}" for item in retired if item.kept_because]
    gone = [item for item in retired if not item.kept_because]
    return dg.MaterializeResult(
        metadata={
            "rows_dropped": sum(item.rows for item in gone),
            "days": len(gone),
            "kept": dg.MetadataValue.md("\n".join(stuck) or "none"),
        },
        check_results=[
            dg.AssetCheckResult(
                passed=not stuck,
                check_name=COULD_LEAVE,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"kept": len(stuck)},
            )
        ],
    )


def _archived_metadata(lake: "Lake", stream: Stream, done: "list[Archived]") -> dict[str, Any]:
    from noc_platform.lake.archive import dataset_of

    metadata: dict[str, Any] = {"rows_written": sum(item.rows for item in done), "files": len(done)}
    if done:
        newest = max(done, key=lambda item: item.day)
        metadata["preview"] = preview(lake.read(lake.partition(dataset_of(stream), newest.tenant, newest.day)))
    return metadata
