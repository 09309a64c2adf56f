"""The calendar at the door: what recurs, what belongs together, and what is no zone."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from noc_platform.store.sessions import Database
from noc_platform.streams.catalogue import CALENDAR
from noc_platform_tests.builders import NOW, put, put_operation

WINDOW = {"window_id": "w", "kind": "maintenance", "site": "s0", "starts_at": NOW, "ends_at": NOW + timedelta(hours=2)}
LATER = NOW + timedelta(days=200)


@pytest.fixture
def operation(database: Database, tenant: str) -> str:
    with database.transaction() as connection:
        put_operation(connection, tenant)
    return tenant


def test_what_fits_is_kept_and_told_again_it_replaces(database: Database, operation: str) -> None:
    weekly = {
        **WINDOW,
        "rrule": "FREQ=WEEKLY;BYDAY=SU",
        "tzid": "Asia/Kolkata",
        "finding_types": "FEED_LATE, LOW_ACTIVITY",
    }
    with database.transaction() as connection:
        assert put(connection, CALENDAR, [{**WINDOW, "site": None}, weekly], operation).accepted == 1
        put(connection, CALENDAR, [{**WINDOW, "is_cancelled": "true"}], operation)
        row = connection.execute(
            text("select * from noc_calendar_window where tenant_id = :tenant"), {"tenant": operation}
        ).one()
    assert (row.kind, row.site_id, row.starts_at, row.recurrence) == ("MAINTENANCE", "s0", NOW, "FREQ=WEEKLY;BYDAY=SU")
    assert (row.time_zone, row.finding_types, row.is_cancelled) == ("Asia/Kolkata", "FEED_LATE, LOW_ACTIVITY", True)


@pytest.mark.parametrize(
    ("change", "column", "reason"),
    [
        ({"recurrence": "every Sunday"}, "recurrence", "Write an RRULE such as FREQ=WEEKLY;BYDAY=SU"),
        ({"recurrence": "FREQ=SECONDLY"}, "recurrence", "with FREQ one of DAILY, WEEKLY, MONTHLY, YEARLY"),
        ({"recurrence": "FREQ=DAILY;BYMINUTE=1,2,3"}, "recurrence", "BYMINUTE is none of FREQ, INTERVAL"),
        ({"recurrence": "FREQ=DAILY;INTERVAL=0"}, "recurrence", "INTERVAL=0 does not fit"),
        ({"recurrence": "BYDAY=SU"}, "recurrence", "FREQ is missing"),
        ({"recurrence": "FREQ=DAILY;FREQ=WEEKLY"}, "recurrence", "FREQ comes twice"),
        ({"recurrence": "FREQ=DAILY;COUNT=2;UNTIL=20260101"}, "recurrence", "COUNT and UNTIL exclude each other"),
        ({"recurrence": "FREQ=DAILY;UNTIL=20260231"}, "recurrence", "UNTIL=20260231 is no day"),
        ({"recurrence": "FREQ=WEEKLY;BYDAY=2SU"}, "recurrence", "for MONTHLY or YEARLY, not WEEKLY"),
        ({"recurrence": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"}, "recurrence", "there is never such a day"),
        ({"recurrence": "FREQ=DAILY\nDTSTART:20200101"}, "recurrence", "does not fit"),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "no time zone; write an IANA name such as Europe/London"),
        ({"finding_types": "FEED_LATE; LOW"}, "finding_types", "with commas between"),
        ({"ends_at": NOW}, "ends_at", "is not after starts_at"),
        ({"ends_at": NOW - timedelta(hours=1)}, "ends_at", "is not after starts_at"),
        ({"ends_at": NOW + timedelta(days=367)}, "ends_at", "more than 366 days after starts_at"),
        ({"ends_at": "20000-01-01T00:00:00Z"}, "ends_at", "lies outside of 1970-01-01 to 2200-01-01"),
        ({"starts_at": "0001-01-01T00:00:00Z"}, "starts_at", "lies outside of 1970-01-01 to 2200-01-01"),
        ({"starts_at": None}, "starts_at", "required, but absent"),
        ({"kind": "party"}, "kind", "party is none of MAINTENANCE, HOLIDAY, CLOSURE"),
        ({"site": "nowhere"}, "site_id", "nowhere is not among the sites"),
        ({"client": "nobody"}, "client_id", "nobody is not among the clients"),
        ({"client": "nobody", "recurrence": "FREQ=NEVER"}, "client_id", "nobody is not among the clients"),
    ],
)
def test_what_does_not_fit_is_quarantined_with_what_would(
    database: Database, operation: str, change: dict[str, Any], column: str, reason: str
) -> None:
    rows = [WINDOW, {**WINDOW, "window_id": "x", **change}, {**WINDOW, "window_id": "y", "ends_at": LATER}]
    with database.transaction() as connection:
        receipt = put(connection, CALENDAR, rows, operation)
        refused = connection.execute(
            text("select row_number, column_name, reason from noc_quarantine where tenant_id = :tenant"),
            {"tenant": operation},
        ).all()
    assert (receipt.accepted, receipt.quarantined) == (2, 1)
    ((row_number, found_column, found_reason),) = refused
    assert (row_number, found_column) == (2, column)
    assert reason in found_reason
