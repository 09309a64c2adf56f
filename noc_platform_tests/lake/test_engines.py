"""DuckDB over the lake: PostgreSQL's names and types, the days asked for and one beside each end, any file system."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest

from noc_platform.lake.archive import archive
from noc_platform.lake.engines import duckdb_engine
from noc_platform.lake.layout import Lake
from noc_platform.store.sessions import Database
from noc_platform.streams.arrow import arrow_schema
from noc_platform.streams.catalogue import DEVICE_EVENTS, EVENT_STREAMS, LOCATION_UPDATES, SHIFTS
from noc_platform_tests.builders import put


@pytest.fixture(params=["folder", "quoted folder", "object store"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    urls = {
        "folder": str(tmp_path / "lake"),
        "quoted folder": str(tmp_path / "the guard's lake"),
        "object store": f"memory://{uuid4().hex}",
    }
    return Lake(urls[request.param])


def at(day: date, hour: float = 12) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(hours=hour)


def archived_logins(database: Database, lake: Lake, tenant: str, days: list[date]) -> None:
    with database.transaction() as connection:
        rows = [{"person_id": "p0", "event_kind": "login", "occurred_at": at(day)} for day in days]
        put(connection, DEVICE_EVENTS, rows, tenant)
        archive(connection, lake, DEVICE_EVENTS, days)


def query(database: Database, lake: Lake, days: list[date], sql: str) -> pa.Table:
    with database.transaction() as connection:
        engine = duckdb_engine(lake, connection, days)
    return engine.con.sql(sql).to_arrow_table()


def test_an_engine_sees_the_days_asked_for_and_one_beside_each_end(
    database: Database, lake: Lake, operation: str, day: date
) -> None:
    around = [day + timedelta(days=offset) for offset in range(-2, 4)]
    archived_logins(database, lake, operation, around)
    seen = query(database, lake, [day, day + timedelta(days=1)], "select occurred_at from noc_device_event order by 1")
    assert [moment.date() for moment in seen["occurred_at"].to_pylist()] == around[1:-1]


def test_a_stream_without_files_is_an_empty_table_of_the_declared_types(
    database: Database, lake: Lake, day: date
) -> None:
    for stream in EVENT_STREAMS:
        empty = query(database, lake, [day], f"select * from {stream.table}")
        assert empty.num_rows == 0
        assert [(field.name, field.type) for field in empty.schema] == [
            (field.name, field.type) for field in arrow_schema(stream)
        ]


def test_a_stream_with_files_has_the_same_columns_and_types_as_without(
    database: Database, lake: Lake, operation: str, day: date
) -> None:
    archived_logins(database, lake, operation, [day])
    full = query(database, lake, [day], "select * from noc_device_event")
    assert full.num_rows == 1
    assert [(field.name, field.type) for field in full.schema] == [
        (field.name, field.type) for field in arrow_schema(DEVICE_EVENTS)
    ]


def test_the_clock_of_an_engine_is_utc(database: Database, lake: Lake, operation: str, day: date) -> None:
    archived_logins(database, lake, operation, [day])
    (row,) = query(database, lake, [day], "select hour(occurred_at) as hour from noc_device_event").to_pylist()
    assert row["hour"] == 12


def test_rows_are_read_from_the_lake_and_not_from_postgresql(
    database: Database, lake: Lake, operation: str, day: date
) -> None:
    with database.transaction() as connection:
        fix = {"person_id": "p0", "latitude": 37.9, "longitude": 23.7, "occurred_at": at(day)}
        put(connection, LOCATION_UPDATES, [fix], operation)
    assert query(database, lake, [day], "select * from noc_location_update").num_rows == 0


@pytest.mark.parametrize(
    ("starts", "ends", "is_seen"),
    [(-30, -24, False), (-30, -23.9, True), (8, 16, True), (47.9, 60, True), (48, 60, False), (-100, 100, True)],
)
def test_shifts_that_reach_into_the_days_are_seen(
    database: Database, lake: Lake, operation: str, day: date, starts: float, ends: float, is_seen: bool
) -> None:
    shift = {"person_id": "p0", "site_id": "s0", "starts_at": at(day, starts), "ends_at": at(day, ends)}
    with database.transaction() as connection:
        put(connection, SHIFTS, [shift], operation)
    seen = query(database, lake, [day], f"select * from noc_shift where tenant_id = '{operation}'")
    assert (seen.num_rows == 1) is is_seen


def test_the_ledger_and_who_keeps_a_roster_come_along(
    database: Database, lake: Lake, operation: str, day: date
) -> None:
    def rosters() -> list[dict[str, Any]]:
        sql = f"select tenant_id from noc_roster_tenant where tenant_id = '{operation}'"
        rows: list[dict[str, Any]] = query(database, lake, [day], sql).to_pylist()
        return rows

    archived_logins(database, lake, operation, [day])
    feeds = query(database, lake, [day], f"select stream, day from noc_telemetry_day where tenant_id = '{operation}'")
    assert feeds.to_pylist() == [{"stream": "device_events", "day": day}]
    assert rosters() == []
    with database.transaction() as connection:
        shift = {"person_id": "p0", "site_id": "s0", "starts_at": at(day, 8), "ends_at": at(day, 16)}
        put(connection, SHIFTS, [shift], operation)
    assert rosters() == [{"tenant_id": operation}]
