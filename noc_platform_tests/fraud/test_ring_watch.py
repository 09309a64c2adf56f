"""Rings are looked for in what PostgreSQL and the lake hold, and recorded like everything audits find."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import pytest
from sqlalchemy import Connection, text

from noc_platform.findings.lifecycle import Recorded
from noc_platform.findings.verdicts import mark_false_positive
from noc_platform.fraud.ring_findings import FINDING_TYPE
from noc_platform.fraud.ring_watch import RingLook, attendances_between, look_for_rings, rings_before
from noc_platform.journal.ledger import Said
from noc_platform.lake.archive import archive, retire
from noc_platform.lake.layout import Lake
from noc_platform.settings import FindingPolicy
from noc_platform.store.sessions import Database
from noc_platform.streams.catalogue import ATTENDANCE_EVENTS, CALENDAR
from noc_platform_tests.builders import POLICY as DOOR
from noc_platform_tests.builders import put, put_operation
from noc_platform_tests.findings.drafts import of
from noc_platform_tests.fraud import punches
from noc_platform_tests.fraud.punches import DAYS, GUARDS, Rows, attendances
from noc_platform_tests.fraud.test_rings import RING, A, B, C

DAY = timedelta(days=1)
# Long before everything other tests leave behind, as a look is at all tenants.
EARLIER = 2_100 * DAY
START, KNOWN = punches.START - EARLIER, punches.KNOWN - EARLIER
FINDINGS = FindingPolicy(close_after=timedelta(hours=6))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def here(database: Database, tenant: str) -> Iterator[str]:
    """A tenant with a ring in its attendances; gone afterwards."""
    with database.transaction() as connection:
        put_operation(connection, tenant, people=len(GUARDS))
        taken_in(connection, tenant, attendances(RING))
    yield tenant
    with database.transaction() as connection:
        for table in ("noc_attendance_event", "noc_audit_finding", "noc_telemetry_day", CALENDAR.table):
            connection.execute(text(f"delete from {table} where tenant_id = :t"), {"t": tenant})


def taken_in(connection: Connection, tenant: str, rows: Rows) -> None:
    told = [
        {name: value - EARLIER if isinstance(value, datetime) else value for name, value in row.items()}
        | {"tenant_id": tenant, "event_id": str(uuid5(NAMESPACE_OID, f"{tenant}{row['attendance_id']}"))}
        for row in rows
    ]
    assert put(connection, ATTENDANCE_EVENTS, told, tenant, received_at=KNOWN).quarantined == 0


def look(database: Database, lake: Lake, as_of: datetime = KNOWN) -> RingLook:
    with database.transaction() as connection:
        return look_for_rings(connection, lake, as_of, FINDINGS)


def test_a_ring_becomes_one_finding_with_its_edges(database: Database, lake: Lake, here: str) -> None:
    seen = look(database, lake)
    assert [ring.members for ring in seen.rings] == [(A, B, C)]
    assert (seen.attendances, seen.recorded) == (DAYS * len(GUARDS), Recorded(opened=1))
    with database.transaction() as connection:
        (finding,) = of(connection, here)
    assert (finding.finding_type, finding.site_id, finding.person_id) == (FINDING_TYPE, "s0", seen.rings[0].lead)
    assert len(finding.evidence["edges"]) == 6
    again = look(database, lake)
    assert again.recorded == Recorded(unchanged=1)
    assert again.rings == seen.rings


def test_a_ring_keeps_its_name_and_lead_while_it_grows(database: Database, lake: Lake, here: str) -> None:
    early = look(database, lake, START + 17 * DAY)
    late = look(database, lake)
    assert early.recorded.opened == 1
    assert (late.recorded.opened, late.recorded.repeated) == (0, 1)
    assert (early.rings[0].ring_id, early.rings[0].lead) == (late.rings[0].ring_id, late.rings[0].lead)
    assert early.rings[0].times < late.rings[0].times


def test_what_people_called_false_is_remembered_and_stays_quiet(database: Database, lake: Lake, here: str) -> None:
    look(database, lake, START + 17 * DAY)
    with database.transaction() as connection:
        (finding,) = of(connection, here)
        at = START + 18 * DAY
        mark_false_positive(connection, finding.finding_id, Said("ana", "Terminals were swapped.", at), DOOR, at)
    late = look(database, lake)
    assert late.recorded.opened == 0
    assert late.recorded.suppressed == 1
    with database.transaction() as connection:
        assert len(rings_before(connection, KNOWN, 35 * DAY)) == 1
        assert rings_before(connection, KNOWN, 3 * DAY) == []
        assert rings_before(connection, START, 35 * DAY) == []


def test_maintenance_of_the_day_it_was_seen_mutes_it(database: Database, lake: Lake, here: str) -> None:
    seen = look(database, lake, START + 17 * DAY).rings[0]
    window: dict[str, Any] = {
        "window_id": "test-w", "kind": "MAINTENANCE", "site_id": "s0", "starts_at": seen.last_at - DAY,
        "ends_at": seen.last_at + DAY, "reason": "Terminals are changed.",
    }  # fmt: skip
    with database.transaction() as connection:
        connection.execute(text("delete from noc_audit_finding where tenant_id = :t"), {"t": here})
        assert put(connection, CALENDAR, [window], here).quarantined == 0
    assert look(database, lake, START + 17 * DAY).recorded == Recorded(suppressed=1)


def test_days_that_have_left_postgresql_are_read_from_the_lake(database: Database, lake: Lake, here: str) -> None:
    before = look(database, lake)
    days = [(START + DAY * number).date() for number in range(20)]
    with database.transaction() as connection:
        connection.execute(text("delete from noc_audit_finding where tenant_id = :t"), {"t": here})
        whole = attendances_between(connection, lake, START, KNOWN)
        archive(connection, lake, ATTENDANCE_EVENTS, days)
        connection.execute(
            text("update noc_telemetry_day set last_loaded_at = :at where tenant_id = :t and day = any(:days)"),
            {"t": here, "at": START, "days": days},
        )
        left = retire(connection, lake, ATTENDANCE_EVENTS, START + DAY, KNOWN)
        assert [each.kept_because for each in left] == [None] * len(days)
        assert connection.execute(
            text("select count(*) from noc_attendance_event where tenant_id = :t"), {"t": here}
        ).scalar() == (DAYS - 20) * len(GUARDS)
        both = attendances_between(connection, lake, START, KNOWN)
    assert both.sort_by("attendance_id").equals(whole.sort_by("attendance_id"))
    after = look(database, lake)
    assert (after.rings, after.attendances) == (before.rings, before.attendances)
