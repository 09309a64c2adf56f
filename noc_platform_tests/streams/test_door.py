"""The door: each row ends in exactly one place, and the same source twice changes nothing."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from noc_platform.store.sessions import Database
from noc_platform.streams.catalogue import ATTENDANCE_EVENTS, DEVICE_EVENTS, JOBNEEDS, LOCATION_UPDATES, PEOPLE
from noc_platform_tests.builders import NOW, put, put_operation

FIX = {"person_id": "p0", "occurred_at": NOW, "latitude": "37.9", "longitude": "23.7"}


@pytest.fixture
def operation(database: Database, tenant: str) -> str:
    with database.transaction() as connection:
        put_operation(connection, tenant)
    return tenant


def stored(connection: Connection, table: str, tenant: str, columns: str = "*") -> list[Any]:
    return list(connection.execute(text(f"select {columns} from {table} where tenant_id = :t"), {"t": tenant}))


def reasons(connection: Connection, tenant: str) -> dict[int, tuple[str, str]]:
    rows = stored(connection, "noc_quarantine", tenant, "row_number, column_name, reason")
    return {row.row_number: (row.column_name, row.reason) for row in rows}


def test_sentinels_become_nulls(database: Database, operation: str) -> None:
    row = {
        "people": "p0",
        "occurred_at": NOW,
        "eventvalue": "stepcount",
        "batterylevel": "NA",
        "stepcount": "No Steps",
        "accuracy": "-",
    }
    with database.transaction() as connection:
        assert put(connection, DEVICE_EVENTS, [row], operation).accepted == 1
        found = stored(connection, "noc_device_event", operation, "battery_level, step_count, accuracy_meters")
    assert found == [(None, None, None)]


def test_none_is_a_word_where_it_is_allowed(database: Database, operation: str) -> None:
    row = {"people": "p0", "occurred_at": NOW, "eventvalue": "LOGIN", "locationpermission": "none"}
    with database.transaction() as connection:
        put(connection, DEVICE_EVENTS, [row], operation)
        assert stored(connection, "noc_device_event", operation, "event_kind, location_permission") == [
            ("login", "none")
        ]


@pytest.mark.parametrize(
    ("change", "column", "reason"),
    [
        ({"latitude": "200"}, "latitude", "200 is above 90 degrees"),
        ({"latitude": "north"}, "latitude", "north is not a number"),
        ({"latitude": "inf"}, "latitude", "inf is not a number"),
        ({"occurred_at": "1970-01-01T00:00:00Z"}, "occurred_at", "1970-01-01T00:00:00Z is before NOC_EARLIEST_EVENT"),
        ({"occurred_at": (NOW + timedelta(days=1)).isoformat()}, "occurred_at", "lies in the future"),
        ({"occurred_at": "yesterday"}, "occurred_at", "yesterday is not a time"),
        ({"occurred_at": None}, "occurred_at", "required, but absent"),
        ({"person_id": "nobody"}, "person_id", "nobody is not among the people"),
        ({"person_id": None}, "person_id", "required, but absent"),
        ({"site_id": "nowhere"}, "site_id", "nowhere is not among the sites"),
        ({"device_id": "x" * 101}, "device_id", "longer than 100 characters"),
        ({"device_id": "a\x00b"}, "device_id", "NUL"),
        ({"floor": "1.5"}, "floor", "1.5 is not a whole number"),
        ({"is_location_mocked": "perhaps"}, "is_location_mocked", "perhaps is not true or false"),
    ],
)
def test_what_does_not_fit_is_quarantined_with_its_reason(
    database: Database, operation: str, change: dict[str, Any], column: str, reason: str
) -> None:
    with database.transaction() as connection:
        receipt = put(connection, LOCATION_UPDATES, [FIX, {**FIX, **change}, {**FIX, "latitude": "38"}], operation)
        assert (receipt.read, receipt.accepted, receipt.quarantined) == (3, 2, 1)
        ((row_number, (found_column, found_reason)),) = reasons(connection, operation).items()
    assert (row_number, found_column) == (2, column)
    assert reason in found_reason


@pytest.mark.parametrize("punched_in_at", [NOW + timedelta(days=1), datetime(1970, 1, 1, tzinfo=UTC)])
def test_a_moment_taken_from_another_column_is_refused_with_that_moment(
    database: Database, operation: str, punched_in_at: datetime
) -> None:
    row = {"attendance_id": "a1", "person_id": "p0", "punched_in_at": punched_in_at}
    with database.transaction() as connection:
        receipt = put(connection, ATTENDANCE_EVENTS, [row], operation)
        asked = text("select reason from noc_quarantine where tenant_id = :t and column_name = 'occurred_at'")
        (reason,) = connection.execute(asked, {"t": operation}).scalars()
    assert receipt.quarantined == 1
    assert f"{punched_in_at:%Y-%m-%d}" in reason


def test_vocabulary_is_named_when_a_word_is_not_in_it(database: Database, operation: str) -> None:
    with database.transaction() as connection:
        put(connection, DEVICE_EVENTS, [{"person_id": "p0", "occurred_at": NOW, "event_kind": "dance"}], operation)
        assert reasons(connection, operation)[1][1].startswith("dance is none of stepcount, ")


def test_the_same_source_twice_changes_nothing(database: Database, operation: str) -> None:
    rows = [FIX, FIX, {**FIX, "latitude": "38"}, {**FIX, "latitude": "200"}]
    with database.transaction() as connection:
        first = put(connection, LOCATION_UPDATES, rows, operation, digest=f"{operation}-same")
        books = stored(connection, "noc_telemetry_day", operation)
        refused = stored(connection, "noc_quarantine", operation)
        again = put(connection, LOCATION_UPDATES, rows, operation, NOW + timedelta(days=1), digest=f"{operation}-same")
        assert (first.accepted, first.duplicate, first.quarantined) == (2, 1, 1)
        assert (again.accepted, again.duplicate, again.quarantined) == (0, 3, 1)
        assert stored(connection, "noc_telemetry_day", operation) == books
        assert stored(connection, "noc_quarantine", operation) == refused


@examples(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hours=st.lists(st.integers(0, 60), min_size=1, max_size=40),
    known=st.lists(st.integers(0, 60), max_size=20),
    batch_rows=st.integers(1, 15),
)
def test_each_event_once_wherever_in_a_source_it_comes_again(
    database: Database, operation: str, hours: list[int], known: list[int], batch_rows: int
) -> None:
    """What is known, from before or from earlier in the source, may begin in any batch; the ledger counts the rest."""

    def events(wanted: list[int]) -> list[dict[str, Any]]:
        return [{**FIX, "person_id": "p1", "occurred_at": NOW - timedelta(hours=hour)} for hour in wanted]

    with database.transaction() as connection:
        put(connection, LOCATION_UPDATES, events(known), operation)
        receipt = put(connection, LOCATION_UPDATES, events(hours), operation, batch_rows=batch_rows)
        rows = stored(connection, "noc_location_update", operation, "occurred_at")
        ledger = stored(connection, "noc_telemetry_day", operation, "day, rows, first_received_at")
        connection.execute(text("delete from noc_location_update where tenant_id = :t"), {"t": operation})
        connection.execute(text("delete from noc_telemetry_day where tenant_id = :t"), {"t": operation})
    fresh = set(hours) - set(known)
    assert (receipt.read, receipt.accepted, receipt.duplicate) == (len(hours), len(fresh), len(hours) - len(fresh))
    assert Counter(row.occurred_at for row in rows) == Counter(NOW - timedelta(hours=h) for h in {*hours, *known})
    assert {row.day: row.rows for row in ledger} == Counter(row.occurred_at.date() for row in rows)


def test_a_row_that_fits_at_last_leaves_the_quarantine(database: Database, operation: str) -> None:
    rows = [{**FIX, "person_id": "newcomer"}]
    with database.transaction() as connection:
        assert put(connection, LOCATION_UPDATES, rows, operation, digest=f"{operation}-n").quarantined == 1
        put(connection, PEOPLE, [{"person_id": "newcomer", "name": "N"}], operation)
        assert put(connection, LOCATION_UPDATES, rows, operation, digest=f"{operation}-n").accepted == 1
        assert reasons(connection, operation) == {}


def test_the_identity_a_source_gives_is_kept(database: Database, operation: str) -> None:
    given_id = uuid4()
    with database.transaction() as connection:
        put(connection, LOCATION_UPDATES, [{**FIX, "event_id": str(given_id)}], operation)
        again = put(connection, LOCATION_UPDATES, [{**FIX, "latitude": "38", "event_id": str(given_id)}], operation)
        assert again.duplicate == 1
        assert stored(connection, "noc_location_update", operation, "event_id, latitude") == [(given_id, 37.9)]


def test_an_identity_that_is_no_uuid_still_identifies(database: Database, operation: str) -> None:
    with database.transaction() as connection:
        first = put(
            connection, LOCATION_UPDATES, [{**FIX, "event_id": "evt-1"}, {**FIX, "event_id": "evt-2"}], operation
        )
        again = put(
            connection, LOCATION_UPDATES, [{**FIX, "event_id": "evt-1", "occurred_at": NOW - timedelta(1)}], operation
        )
    assert (first.accepted, again.duplicate) == (2, 1)


def test_late_data_opens_its_day_again(database: Database, operation: str) -> None:
    yesterday = NOW - timedelta(days=1)
    with database.transaction() as connection:
        put(connection, LOCATION_UPDATES, [{**FIX, "occurred_at": yesterday}, FIX], operation)
        put(connection, LOCATION_UPDATES, [{**FIX, "occurred_at": yesterday, "latitude": "38"}], operation)
        books = stored(connection, "noc_telemetry_day", operation, "day, rows, generation")
    assert sorted(books) == [(yesterday.date(), 2, 2), (NOW.date(), 1, 1)]


def test_work_happens_when_it_ends_and_until_then_when_it_is_planned(database: Database, operation: str) -> None:
    planned = {
        "jobneed_id": "j",
        "person_id": "p0",
        "identifier": "TASK",
        "status": "ASSIGNED",
        "planned_at": NOW - timedelta(hours=2),
    }
    done = {**planned, "status": "COMPLETED", "ended_at": NOW}
    with database.transaction() as connection:
        put(connection, JOBNEEDS, [planned, done], operation)
        found = stored(connection, "noc_jobneed", operation, "occurred_at")
    assert {row.occurred_at for row in found} == {NOW, NOW - timedelta(hours=2)}


def test_when_we_knew_is_stamped_unless_the_source_says(database: Database, operation: str) -> None:
    said = NOW - timedelta(minutes=5)
    with database.transaction() as connection:
        put(connection, LOCATION_UPDATES, [FIX, {**FIX, "latitude": "38", "received_at": said}], operation)
        found = stored(connection, "noc_location_update", operation, "received_at")
    assert {row.received_at for row in found} == {NOW, said}


def test_reference_rows_are_replaced_and_the_later_of_two_wins(database: Database, operation: str) -> None:
    with database.transaction() as connection:
        receipt = put(
            connection, PEOPLE, [{"person_id": "p9", "name": "Old"}, {"person_id": "p9", "name": "New"}], operation
        )
        same = put(connection, PEOPLE, [{"person_id": "p9", "name": "New"}], operation)
        names = connection.execute(
            text("select name from noc_person where tenant_id = :t and person_id = 'p9'"), {"t": operation}
        )
        assert names.scalars().all() == ["New"]
    assert (receipt.accepted, receipt.duplicate) == (1, 1)
    assert (same.accepted, same.duplicate) == (0, 1)


def test_days_and_numbers_come_as_text_or_typed(database: Database, operation: str) -> None:
    row = {
        "attendance_id": "a",
        "person_id": "p0",
        "punched_in_at": NOW,
        "roster_date": "2026-06-01",
        "confidence_score": 0.5,
    }
    with database.transaction() as connection:
        assert put(connection, ATTENDANCE_EVENTS, [row], operation).accepted == 1
        found = stored(connection, "noc_attendance_event", operation, "roster_date, confidence_score, occurred_at")
    assert found == [(date(2026, 6, 1), 0.5, NOW)]


texts = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.sampled_from(["NA", "-", "1e400", "200", "-0", "p0", "2026-05-31", "\x00", "'; --"]),
)


@examples(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(
        st.fixed_dictionaries({name: texts for name in LOCATION_UPDATES.names if name != "tenant_id"}),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_comes_ends_in_exactly_one_place(
    database: Database, operation: str, rows: list[dict[str, Any]]
) -> None:
    with database.transaction() as connection:
        receipt = put(connection, LOCATION_UPDATES, rows, operation)
    assert receipt.read == len(rows) == receipt.accepted + receipt.duplicate + receipt.quarantined
