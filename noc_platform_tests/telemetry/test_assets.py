"""Telemetry as Dagster runs it: from rows in PostgreSQL to the signals of a site; checks stop what is wrong."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.compute as pc
import pytest
from sqlalchemy import text

from noc_platform.definitions import defs
from noc_platform.lake.archive import days_to_run, open_days
from noc_platform.lake.layout import Lake
from noc_platform.resources import Platform
from noc_platform.settings import Settings
from noc_platform.store.sessions import Database
from noc_platform.streams.catalogue import DEVICE_EVENTS, EVENT_STREAMS, JOBNEEDS, LOCATION_UPDATES, SHIFTS
from noc_platform.telemetry.products import ACTIVITY_SIGNALS, SITE_ACTIVITY_SIGNALS
from noc_platform.telemetry.sensors import days_with_new_telemetry
from noc_platform_tests.builders import put, put_operation

_unused = count()
Rows = dict[tuple[str, int], dict[str, Any]]


class Operation:
    """A tenant with two guards rostered at s0 from 8 to 10 UTC on `day`, and a pipeline to run over it."""

    def __init__(self, database: Database, tenant: str, day: date, lake: Lake) -> None:
        self.database = database
        self.tenant = tenant
        self.day = day
        self.lake = lake
        self.instance = dg.DagsterInstance.ephemeral()
        with database.transaction() as connection:
            put_operation(connection, tenant)
            shifts = [
                {"person_id": person, "site_id": "s0", "starts_at": self.at(8), "ends_at": self.at(10)}
                for person in ("p0", "p1")
            ]
            put(connection, SHIFTS, shifts, tenant)

    def at(self, hour: float) -> datetime:
        return datetime.combine(self.day, time(), UTC) + timedelta(hours=hour)

    def receive(self, stream: Any, *rows: dict[str, Any]) -> None:
        with self.database.transaction() as connection:
            receipt = put(connection, stream, list(rows), self.tenant)
        assert receipt.accepted == len(rows)

    def log_in(self, *hours: float) -> None:
        self.receive(
            DEVICE_EVENTS, *({"person_id": "p0", "event_kind": "login", "occurred_at": self.at(hour)} for hour in hours)
        )

    def walk(self, *hours: float) -> None:
        """p0 walks east, a thousandth of a degree for each fix."""
        fixes = [
            {"person_id": "p0", "occurred_at": self.at(hour), "latitude": 0.0, "longitude": number / 1_000}
            for number, hour in enumerate(hours)
        ]
        self.receive(LOCATION_UPDATES, *fixes)

    def run(self, first: int = 0, last: int = 0) -> dg.ExecuteInProcessResult:
        """The pipeline over these days, counted from `day`, as one run."""
        start, end = (self.day + timedelta(days=offset) for offset in (first, last))
        return defs.resolve_job_def("telemetry_pipeline").execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            tags={
                "dagster/asset_partition_range_start": start.isoformat(),
                "dagster/asset_partition_range_end": end.isoformat(),
            },
        )

    def people(self, offset: int = 0) -> Rows:
        rows = self._read(ACTIVITY_SIGNALS, offset)
        return {(row["person_id"], row["bucket"].hour): row for row in rows}

    def sites(self, offset: int = 0) -> Rows:
        rows = self._read(SITE_ACTIVITY_SIGNALS, offset)
        return {(row["site_id"], row["bucket"].hour): row for row in rows}

    def _read(self, dataset: str, offset: int) -> list[dict[str, Any]]:
        partition = self.lake.partition(dataset, self.tenant, self.day + timedelta(days=offset))
        rows: list[dict[str, Any]] = self.lake.read(partition).to_pylist() if self.lake.exists(partition) else []
        return rows

    def is_open(self, offset: int = 0) -> bool:
        with self.database.transaction() as connection:
            return self.day + timedelta(days=offset) in open_days(connection)


@pytest.fixture
def operation(
    database: Database, settings: Settings, tenant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Operation:
    """Days far from any other test's, as the ledger is shared; the resource reads settings as a run does."""
    monkeypatch.setenv("NOC_HOME", str(settings.home))
    monkeypatch.setenv("NOC_LAKE_URL", str(tmp_path / "lake"))
    day = date(2016, 1, 5) + timedelta(days=9 * next(_unused))
    return Operation(database, tenant, day, Lake(str(tmp_path / "lake")))


def failed_checks(result: dg.ExecuteInProcessResult) -> set[tuple[str, str]]:
    return {(c.asset_key.to_user_string(), c.check_name) for c in result.get_asset_check_evaluations() if not c.passed}


def materialized(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    events = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    return {event.asset_key.to_user_string(): event.metadata for event in events}


def test_from_rows_in_postgresql_to_the_signals_of_a_site(operation: Operation) -> None:
    operation.log_in(8.1, 8.2, 8.3)
    operation.walk(8.25, 8.5, 8.75)
    task = {"jobneed_id": "j", "identifier": "TASK", "status": "COMPLETED", "person_id": "p0"}
    operation.receive(JOBNEEDS, {**task, "ended_at": operation.at(8.9)})
    result = operation.run()
    assert result.success
    assert failed_checks(result) == set()

    people = operation.people()
    assert set(people) == {("p0", 8), ("p0", 9), ("p1", 8), ("p1", 9)}
    at_eight = people["p0", 8]
    assert (at_eight["phone_events_count"], at_eight["location_updates_count"]) == (3, 3)
    assert at_eight["movement_distance_meters"] == pytest.approx(2 * 111.3, rel=0.01)
    assert at_eight["tasks_completed_count"] == 1
    assert at_eight["is_reporting"]
    unheard = people["p1", 8]
    assert unheard["is_on_duty"]
    assert unheard["phone_events_count"] is None, "on duty and unheard is not idle"

    sites = operation.sites()
    assert set(sites) == {("s0", 8), ("s0", 9)}
    assert (sites["s0", 8]["people_on_duty"], sites["s0", 8]["people_reporting"]) == (2, 1)
    assert sites["s0", 8]["phone_events_count"] == 3
    assert sites["s0", 9]["phone_events_count"] is None
    assert not operation.is_open()


def test_a_run_shows_what_it_made(operation: Operation) -> None:
    operation.log_in(8.1, 8.2)
    shown = materialized(operation.run())
    assert set(shown) == {
        *(f"lake/{stream.name}" for stream in EVENT_STREAMS),
        "activity_signals",
        "site_activity_signals",
    }
    assert shown["lake/device_events"]["rows_written"].value == 2
    assert shown["lake/alerts"]["rows_written"].value == 0
    assert shown["activity_signals"]["rows_written"].value == 4
    assert shown["site_activity_signals"]["rows_written"].value == 2
    assert operation.tenant in shown["lake/device_events"]["preview"].value
    assert shown["activity_signals"]["activity"].value.startswith("![by hour](data:image/png;base64,")
    columns = [column.name for column in shown["activity_signals"]["dagster/column_schema"].value.columns]
    assert columns[:3] == ["tenant_id", "person_id", "bucket"]


def test_one_run_takes_a_range_of_days(operation: Operation) -> None:
    operation.log_in(8.1, 24 + 8, 48 + 8, 72 + 8)
    result = operation.run(0, 2)
    assert result.success
    assert len(result.get_asset_materialization_events()) == 3 * (len(EVENT_STREAMS) + 2), "one for each day and asset"
    assert [operation.is_open(offset) for offset in range(4)] == [False, False, False, True]
    written = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    rows_of_day = {
        (made.partition, made.asset_key.to_user_string()): made.metadata["dagster/partition_row_count"].value
        for made in written
    }
    first = operation.day.isoformat()
    assert rows_of_day[first, "lake/device_events"] == 1, "each day tells its own rows, not the run's"
    assert rows_of_day[first, "lake/alerts"] == 0
    assert operation.people(2)["p0", 8]["phone_events_count"] == 1
    assert operation.people(3) == {}


def test_running_again_changes_nothing(operation: Operation) -> None:
    operation.log_in(8.1)
    operation.walk(8.25, 8.5)
    operation.run()
    first = {path.name + str(path.parent): path.read_bytes() for path in Path(operation.lake.root).rglob("*.parquet")}
    assert operation.run().success
    again = {path.name + str(path.parent): path.read_bytes() for path in Path(operation.lake.root).rglob("*.parquet")}
    assert again == first


def test_late_rows_correct_the_signals(operation: Operation) -> None:
    operation.log_in(8.1)
    operation.run()
    operation.log_in(8.2)
    assert operation.is_open()
    operation.run()
    assert operation.people()["p0", 8]["phone_events_count"] == 2
    assert operation.sites()["s0", 8]["phone_events_count"] == 2
    assert not operation.is_open()


def test_the_days_to_run_after_a_late_night_shift_are_both_it_reaches_into(operation: Operation) -> None:
    operation.log_in(8, 24 + 8)
    operation.run(0, 1)
    operation.log_in(23.5)
    with operation.database.transaction() as connection:
        near = [day for day in days_to_run(connection) if abs(day - operation.day) <= timedelta(days=4)]
    assert near == [operation.day, operation.day + timedelta(days=1)]


def test_signals_that_are_no_longer_due_are_removed(operation: Operation) -> None:
    operation.log_in(8.1)
    operation.run()
    with operation.database.transaction() as connection:
        for table in ("noc_shift", "noc_device_event"):
            connection.execute(text(f"delete from {table} where tenant_id = :t"), {"t": operation.tenant})
        connection.execute(
            text("update noc_telemetry_day set generation = generation + 1 where tenant_id = :t"),
            {"t": operation.tenant},
        )
    assert operation.run().success
    assert operation.people() == {}
    assert operation.sites() == {}


def test_a_day_without_anything_is_no_failure(operation: Operation) -> None:
    with operation.database.transaction() as connection:
        connection.execute(text("delete from noc_shift where tenant_id = :t"), {"t": operation.tenant})
    result = operation.run()
    assert result.success, [event.message for event in result.all_events if event.is_failure]
    assert failed_checks(result) == set()


# Past the door on purpose: what the declaration forbids and a hand or an old version may have put there.
SPOILT = {
    "off the globe": "update noc_location_update set latitude = 95 where tenant_id = :t",
    "worse than any accuracy": "update noc_location_update set accuracy_meters = -1 where tenant_id = :t",
}


@pytest.mark.parametrize("statement", SPOILT.values(), ids=SPOILT.keys())
def test_rows_that_break_the_declaration_stop_the_run_before_the_signals(operation: Operation, statement: str) -> None:
    operation.walk(8.25, 8.5)
    with operation.database.transaction() as connection:
        connection.execute(text(statement), {"t": operation.tenant})
    result = operation.run()
    assert not result.success
    assert failed_checks(result) == {("lake/location_updates", "matches_its_declaration")}
    assert "activity_signals" not in materialized(result)
    assert operation.people() == {}
    assert operation.is_open()


def test_a_failed_check_names_the_rule_the_column_and_an_example(operation: Operation) -> None:
    operation.walk(8.25, 8.5)
    with operation.database.transaction() as connection:
        connection.execute(text(SPOILT["off the globe"]), {"t": operation.tenant})
    (failed,) = [check for check in operation.run().get_asset_check_evaluations() if not check.passed]
    told = str(failed.metadata["failures"].value)
    assert "between" in told
    assert "latitude" in told
    assert "95" in told


def test_retention_drops_what_is_archived_and_quiet_and_says_what_stays(operation: Operation) -> None:
    operation.log_in(8.1)
    operation.run()
    operation.log_in(24 + 8)
    result = defs.resolve_job_def("retention").execute_in_process(instance=operation.instance)
    with operation.database.transaction() as connection:
        left = connection.execute(
            text("select occurred_at from noc_device_event where tenant_id = :t"), {"t": operation.tenant}
        ).scalars()
        assert list(left) == [operation.at(24 + 8)]
    assert operation.people()["p0", 8]["phone_events_count"] == 1
    kept = str(materialized(result)["telemetry_retention"]["kept"].value)
    assert f"{operation.tenant} device_events {operation.day + timedelta(days=1)}" in kept
    assert ("telemetry_retention", "quiet_days_could_leave") in failed_checks(result)


def test_signals_of_a_dropped_day_are_still_computed_from_the_lake(operation: Operation) -> None:
    operation.log_in(8.1)
    operation.run()
    defs.resolve_job_def("retention").execute_in_process(instance=operation.instance)
    operation.log_in(8.2)
    assert operation.run().success
    assert operation.people()["p0", 8]["phone_events_count"] == 2


def test_tenants_are_computed_together_and_kept_apart(operation: Operation, database: Database) -> None:
    other = Operation(database, operation.tenant + "-other", operation.day, operation.lake)
    operation.log_in(8.1)
    other.log_in(8.1, 8.2)
    assert operation.run().success
    assert operation.people()["p0", 8]["phone_events_count"] == 1
    assert other.people()["p0", 8]["phone_events_count"] == 2
    for dataset in (ACTIVITY_SIGNALS, SITE_ACTIVITY_SIGNALS):
        for partition in operation.lake.partitions(dataset):
            assert pc.unique(operation.lake.read(partition)["tenant_id"]).to_pylist() == [partition.tenant]


def requests() -> list[dg.RunRequest]:
    result = days_with_new_telemetry(platform=Platform())
    return list(result.run_requests or []) if isinstance(result, dg.SensorResult) else []


def requested_for(day: date) -> list[str | None]:
    return [request.run_key for request in requests() if request.partition_key == day.isoformat()]


@pytest.fixture
def all_else_is_current(database: Database) -> None:
    """The sensor asks for so many days at a time: those of other tests stand back."""
    with database.transaction() as connection:
        connection.execute(
            text("update noc_telemetry_day set archived_generation = generation, signals_generation = generation")
        )


def test_the_sensor_asks_for_a_day_once_for_what_it_received(operation: Operation, all_else_is_current: None) -> None:
    assert requests() == []
    operation.log_in(8.1)
    first = requested_for(operation.day)
    assert len(first) == 1
    assert requested_for(operation.day) == first, "asked again, the key is the same, so no run is started twice"
    operation.log_in(8.2)
    assert requested_for(operation.day) != first
    operation.run()
    assert requested_for(operation.day) == []
