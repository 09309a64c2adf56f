"""Raw telemetry on its way out of PostgreSQL: nothing lost, nothing doubled, nothing dropped unseen."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from noc_platform.lake import archive as archiving
from noc_platform.lake.archive import (
    ORDER,
    Archived,
    Retired,
    dataset_of,
    days_to_run,
    identities,
    open_days,
    retire,
    retire_all,
)
from noc_platform.lake.layout import Lake
from noc_platform.store.sessions import Database
from noc_platform.streams.arrow import arrow_schema
from noc_platform.streams.catalogue import ATTENDANCE_EVENTS, DEVICE_EVENTS, EVENT_STREAMS, JOBNEEDS, LOCATION_UPDATES
from noc_platform.streams.declaration import Stream
from noc_platform_tests.builders import NOW, put, put_operation

MONTH = timedelta(days=30)


@dataclass
class Guarded:
    """One tenant's day of fixes, and what the platform does with it."""

    database: Database
    lake: Lake
    tenant: str
    day: date
    stream: Stream = LOCATION_UPDATES

    def receive(self, *minutes: int, at: datetime = NOW) -> int:
        """Fixes of p0 at these minutes of the day; how many were new."""
        midnight = datetime.combine(self.day, time(), UTC)
        rows = [
            {"person_id": "p0", "occurred_at": midnight + timedelta(minutes=m), "latitude": 37.9, "longitude": 23.7}
            for m in minutes
        ]
        with self.database.transaction() as connection:
            return put(connection, self.stream, rows, self.tenant, at, history=partial(identities, self.lake)).accepted

    def archive(self) -> list[Archived]:
        with self.database.transaction() as connection:
            return archiving.archive(connection, self.lake, self.stream, [self.day])

    def archive_and_die(self) -> None:
        with self.database.transaction() as connection:
            archiving.archive(connection, self.lake, self.stream, [self.day])
            raise KeyboardInterrupt

    def retire(self, as_of: datetime, retention: timedelta = MONTH) -> list[Retired]:
        with self.database.transaction() as connection:
            done = retire(connection, self.lake, self.stream, as_of - retention, as_of)
        return [item for item in done if item.tenant == self.tenant]

    def archived(self) -> pa.Table:
        return self.lake.read(self.partition)

    @property
    def partition(self) -> Any:
        return self.lake.partition(dataset_of(self.stream), self.tenant, self.day)

    def minutes(self) -> list[int]:
        return [moment.hour * 60 + moment.minute for moment in self.archived()["occurred_at"].to_pylist()]

    def in_postgres(self) -> int:
        with self.database.transaction() as connection:
            return int(
                connection.execute(
                    text(f"select count(*) from {self.stream.table} where tenant_id = :t"), {"t": self.tenant}
                ).scalar_one()
            )

    def ledger(self) -> Any:
        with self.database.transaction() as connection:
            return connection.execute(
                text("select * from noc_telemetry_day where tenant_id = :t and stream = :s and day = :d"),
                {"t": self.tenant, "s": self.stream.name, "d": self.day},
            ).one()

    def is_open(self) -> bool:
        with self.database.transaction() as connection:
            return self.day in open_days(connection)


@pytest.fixture
def guarded(database: Database, lake: Lake, operation: str, day: date) -> Guarded:
    return Guarded(database, lake, operation, day)


def test_a_day_is_archived_in_order_with_the_declared_schema_and_noted(guarded: Guarded) -> None:
    guarded.receive(600, 5, 1439)
    assert guarded.archive() == [Archived(guarded.tenant, guarded.day, 3)]
    rows = guarded.archived()
    assert rows.schema.equals(arrow_schema(LOCATION_UPDATES))
    assert rows.schema.field("latitude").metadata[b"unit"] == b"degrees"
    assert rows == rows.sort_by(ORDER)
    assert guarded.minutes() == [5, 600, 1439]
    noted = guarded.ledger()
    assert (noted.archived_generation, noted.archived_rows, noted.rows) == (noted.generation, 3, 3)
    assert guarded.in_postgres() == 3


def test_archiving_again_does_nothing(guarded: Guarded) -> None:
    guarded.receive(1, 2)
    guarded.archive()
    before = guarded.lake.files.modified(guarded.partition.path)
    assert guarded.archive() == []
    assert guarded.lake.files.modified(guarded.partition.path) == before


def test_late_rows_are_merged(guarded: Guarded) -> None:
    guarded.receive(10, 20)
    guarded.archive()
    guarded.receive(15, 20)
    assert guarded.archive() == [Archived(guarded.tenant, guarded.day, 3)]
    assert guarded.minutes() == [10, 15, 20]


def test_a_day_ends_before_the_next_midnight(guarded: Guarded) -> None:
    guarded.receive(-1, 0, 1439, 1440)
    guarded.archive()
    assert guarded.minutes() == [0, 1439]


def test_a_run_killed_before_its_commit_is_completed_by_the_next(guarded: Guarded) -> None:
    guarded.receive(1, 2)
    with pytest.raises(KeyboardInterrupt):
        guarded.archive_and_die()
    assert guarded.ledger().archived_generation == 0
    assert guarded.archive() == [Archived(guarded.tenant, guarded.day, 2)]
    assert guarded.minutes() == [1, 2]


def test_what_arrives_while_a_day_is_archived_keeps_it_open(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    guarded.receive(1)
    write = Lake.write

    def written_while_something_arrives(lake: Lake, partition: Any, rows: pa.Table) -> None:
        guarded.receive(2)
        write(lake, partition, rows)

    with monkeypatch.context() as patched:
        patched.setattr(Lake, "write", written_while_something_arrives)
        guarded.archive()
    noted = guarded.ledger()
    assert noted.archived_generation < noted.generation
    assert guarded.archive() == [Archived(guarded.tenant, guarded.day, 2)]


def test_tenants_never_share_a_file(guarded: Guarded, database: Database) -> None:
    other = Guarded(database, guarded.lake, f"{guarded.tenant}/../{guarded.tenant}'s %% :neighbour", guarded.day)
    with database.transaction() as connection:
        put_operation(connection, other.tenant[:64])
    other.tenant = other.tenant[:64]
    guarded.receive(1)
    other.receive(1, 2)
    guarded.archive()
    assert set(guarded.archived()["tenant_id"].to_pylist()) == {guarded.tenant}
    assert other.archived()["tenant_id"].to_pylist() == [other.tenant] * 2


ODD: dict[Stream, dict[str, Any]] = {
    DEVICE_EVENTS: {
        "person_id": "p0",
        "event_kind": "login",
        "is_location_mocked": True,
        "step_count": 7,
        "app_version": 'a,"b"\n%s 100%%; \\N é',
    },
    JOBNEEDS: {
        "jobneed_id": "j",
        "identifier": "TASK",
        "status": "COMPLETED",
        "price": 0.1,
        "description": "\\",
        "person_id": "p0",
    },
    ATTENDANCE_EVENTS: {
        "attendance_id": "a",
        "person_id": "p0",
        "roster_date": "2011-01-01",
        "confidence_score": 1e-9,
    },
}


@pytest.mark.parametrize("stream", ODD, ids=lambda stream: stream.name)
def test_every_value_survives_the_way_to_the_lake(guarded: Guarded, stream: Stream) -> None:
    guarded.stream = stream
    moment = datetime.combine(guarded.day, time(23, 59, 59, 999_999), UTC)
    row = {**ODD[stream], "occurred_at": moment}
    if stream is ATTENDANCE_EVENTS:
        row["punched_in_at"] = moment
    with guarded.database.transaction() as connection:
        assert put(connection, stream, [row], guarded.tenant).accepted == 1
    guarded.archive()
    (kept,) = guarded.archived().to_pylist()
    for name, value in row.items():
        assert (kept[name].isoformat() if name == "roster_date" else kept[name]) == value
    untold = set(stream.names) - row.keys() - {"tenant_id", "event_id", "received_at"}
    assert all(kept[name] is None for name in untold)


def test_a_quiet_day_leaves_postgresql_and_stays_in_the_lake(guarded: Guarded) -> None:
    guarded.receive(1, 2, 3)
    guarded.archive()
    as_of = NOW + MONTH + timedelta(seconds=1)
    assert guarded.retire(as_of) == [Retired(guarded.tenant, "location_updates", guarded.day, 3, None)]
    assert guarded.in_postgres() == 0
    assert guarded.minutes() == [1, 2, 3]
    assert guarded.ledger().dropped_at == as_of
    assert guarded.retire(as_of + MONTH) == []


def test_a_day_is_quiet_only_once_the_whole_retention_has_passed(guarded: Guarded) -> None:
    guarded.receive(1)
    guarded.archive()
    assert guarded.retire(NOW + MONTH) == []
    guarded.receive(2, at=NOW + timedelta(days=10))
    guarded.archive()
    assert guarded.retire(NOW + MONTH + timedelta(days=1)) == []
    assert guarded.in_postgres() == 2


def test_a_day_not_archived_at_its_newest_stays_and_says_why(guarded: Guarded) -> None:
    guarded.receive(1)
    guarded.archive()
    guarded.receive(2)
    (kept,) = guarded.retire(NOW + 2 * MONTH)
    assert kept.kept_because is not None
    assert "run the pipeline first" in kept.kept_because
    assert guarded.in_postgres() == 2
    assert guarded.ledger().dropped_at is None


def lost(guarded: Guarded) -> None:
    guarded.lake.remove(guarded.partition)


def one_row_short(guarded: Guarded) -> None:
    guarded.lake.write(guarded.partition, guarded.archived().slice(1))


def another_row_instead(guarded: Guarded) -> None:
    rows = guarded.archived()
    guarded.lake.write(guarded.partition, pa.concat_tables([rows.slice(1), rows.slice(1, 1)]))


@pytest.mark.parametrize("mishap", [lost, one_row_short, another_row_instead])
def test_rows_the_lake_does_not_hold_never_leave_postgresql(guarded: Guarded, mishap: Any) -> None:
    guarded.receive(1, 2)
    guarded.archive()
    mishap(guarded)
    (kept,) = guarded.retire(NOW + 2 * MONTH)
    assert kept.kept_because is not None
    assert "not in the lake" in kept.kept_because
    assert guarded.in_postgres() == 2


def test_an_unreadable_file_stops_retention_and_drops_nothing(guarded: Guarded) -> None:
    guarded.receive(1)
    guarded.archive()
    guarded.lake.files.pipe_file(guarded.partition.path, b"PAR1 torn")
    with pytest.raises(pa.ArrowInvalid):
        guarded.retire(NOW + 2 * MONTH)
    assert guarded.in_postgres() == 1


def test_late_rows_of_a_dropped_day_join_what_the_lake_kept_and_leave_again(guarded: Guarded) -> None:
    guarded.receive(10, 20)
    guarded.archive()
    guarded.retire(NOW + 2 * MONTH)
    later = NOW + 3 * MONTH
    assert guarded.receive(15, at=later) == 1
    assert guarded.is_open()
    assert guarded.archive() == [Archived(guarded.tenant, guarded.day, 3)]
    assert guarded.minutes() == [10, 15, 20]
    assert guarded.retire(later + timedelta(days=1)) == []
    assert [item.rows for item in guarded.retire(later + 2 * MONTH)] == [1]
    assert guarded.minutes() == [10, 15, 20]


def test_a_file_sent_again_after_its_day_was_dropped_changes_nothing(guarded: Guarded) -> None:
    guarded.receive(10, 20)
    guarded.archive()
    first = guarded.archived()
    guarded.retire(NOW + 2 * MONTH)
    assert guarded.receive(10, 20, at=NOW + 3 * MONTH) == 0
    assert guarded.archive() == []
    assert guarded.in_postgres() == 0
    assert guarded.receive(10, 15, 20, at=NOW + 3 * MONTH) == 1
    guarded.archive()
    assert guarded.archived().num_rows == 3
    assert guarded.archived().filter(pc.is_in(guarded.archived()["event_id"], first["event_id"])) == first


def test_retention_looks_at_every_stream(guarded: Guarded) -> None:
    guarded.receive(1)
    guarded.archive()
    with guarded.database.transaction() as connection:
        moment = datetime.combine(guarded.day, time(8), UTC)
        put(
            connection,
            DEVICE_EVENTS,
            [{"person_id": "p0", "event_kind": "login", "occurred_at": moment}],
            guarded.tenant,
        )
    retired = retire_all(guarded.database, guarded.lake, MONTH, NOW + 2 * MONTH)
    ours = {item.stream: item.kept_because is None for item in retired if item.tenant == guarded.tenant}
    assert ours == {"location_updates": True, "device_events": False}


@examples(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(
        st.one_of(st.lists(st.integers(0, 12), min_size=1, max_size=4), st.sampled_from(["archive", "kill", "retire"])),
        max_size=12,
    )
)
def test_in_whatever_order_things_happen_nothing_is_lost_or_doubled(
    database: Database, lake: Lake, operation: str, day: date, steps: list[Any]
) -> None:
    """Loads, archiving, kills and retention in any order: in the end the lake holds each event once."""
    guarded = Guarded(database, lake, operation, day)
    start_afresh(guarded)
    received: set[int] = set()
    clock = NOW
    for step in steps:
        clock += timedelta(days=1)
        if step == "archive":
            guarded.archive()
        elif step == "kill":
            with pytest.raises(KeyboardInterrupt):
                guarded.archive_and_die()
        elif step == "retire":
            clock += 2 * MONTH
            guarded.retire(clock)
        else:
            guarded.receive(*step, at=clock)
            received |= set(step)
    guarded.archive()
    assert (guarded.minutes() if received else []) == sorted(received)


def start_afresh(guarded: Guarded) -> None:
    guarded.lake.remove(guarded.partition)
    with guarded.database.transaction() as connection:
        for table in (guarded.stream.table, "noc_telemetry_day"):
            connection.execute(text(f"delete from {table} where tenant_id = :t"), {"t": guarded.tenant})


def note_all_signals(connection: Connection, day: date) -> None:
    archiving.note_signals(connection, archiving.generations(connection, [day]))


def test_a_day_is_open_until_both_the_lake_and_the_signals_have_seen_it(guarded: Guarded) -> None:
    assert not guarded.is_open()
    guarded.receive(1)
    assert guarded.is_open()
    guarded.archive()
    assert guarded.is_open()
    with guarded.database.transaction() as connection:
        note_all_signals(connection, guarded.day)
    assert not guarded.is_open()
    guarded.receive(1)
    assert not guarded.is_open(), "a duplicate changes nothing"
    guarded.receive(2)
    assert guarded.is_open()


def test_signals_noted_late_do_not_take_back_what_is_known(guarded: Guarded) -> None:
    guarded.receive(1)
    with guarded.database.transaction() as connection:
        earlier = archiving.generations(connection, [guarded.day])
    guarded.receive(2)
    with guarded.database.transaction() as connection:
        note_all_signals(connection, guarded.day)
        archiving.note_signals(connection, earlier)
    assert guarded.ledger().signals_generation == guarded.ledger().generation


def test_a_change_runs_the_days_beside_it_that_hold_anything(guarded: Guarded) -> None:
    for offset in (0, 1, 2):
        Guarded(guarded.database, guarded.lake, guarded.tenant, guarded.day + timedelta(days=offset)).receive(1)
    for offset in (0, 1, 2):
        beside = Guarded(guarded.database, guarded.lake, guarded.tenant, guarded.day + timedelta(days=offset))
        beside.archive()
        with guarded.database.transaction() as connection:
            note_all_signals(connection, beside.day)
    guarded.receive(2)
    with guarded.database.transaction() as connection:
        ours = [day for day in days_to_run(connection) if abs(day - guarded.day) <= timedelta(days=4)]
    assert ours == [guarded.day, guarded.day + timedelta(days=1)]


def test_how_much_a_day_received_rises_with_every_load(guarded: Guarded) -> None:
    reached = []
    for minute in (1, 2, 2, 3):
        guarded.receive(minute)
        with guarded.database.transaction() as connection:
            reached.append(archiving.reached(connection, [guarded.day])[guarded.day])
    assert reached == [1, 2, 2, 3]


def test_every_event_stream_has_a_dataset_of_its_own() -> None:
    assert len({dataset_of(stream) for stream in EVENT_STREAMS}) == len(EVENT_STREAMS)
