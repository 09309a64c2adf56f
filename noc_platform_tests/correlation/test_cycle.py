"""What follows an audit: alerts are over only where somebody is heard, and findings about sites explain them."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from noc_platform.correlation.alerts.queries import Wanted, alerts
from noc_platform.correlation.cycle import attend, correlations
from noc_platform.findings.lifecycle import nothing_muted, record
from noc_platform.findings.vocabulary import Draft, Severity
from noc_platform.settings import AlertPolicy, FindingPolicy
from noc_platform.store.sessions import Database
from noc_platform.streams.catalogue import ALERTS, DEVICE_EVENTS, VERDICTS
from noc_platform.streams.declaration import Stream
from noc_platform.streams.tables import telemetry_day
from noc_platform_tests.builders import put, put_operation
from noc_platform_tests.correlation.operation import Operation, raised
from noc_platform_tests.correlation.stories_told import HOUR, NOON, POLICY, unheard

# Long before everything other tests leave behind, so that no alert of theirs is closed by these.
EARLY = NOON - timedelta(days=3000)
RETENTION = timedelta(days=30)


@pytest.fixture
def told(database: Database, tenant: str) -> Iterator[str]:
    """A tenant with an alert of a day and a half ago that nobody has looked at, and its last events."""
    with database.transaction() as connection:
        put_operation(connection, tenant)
        Operation(connection, tenant).is_told([raised("p0", EARLY - 36 * HOUR)], known_at=EARLY - 36 * HOUR)
        connection.execute(text("delete from noc_telemetry_day where tenant_id = :t"), {"t": tenant})
    yield tenant
    with database.transaction() as connection:
        for table in (
            "noc_alert_occurrence", "noc_alert", "noc_alert_event", "noc_audit_finding", "noc_telemetry_day",
        ):  # fmt: skip
            connection.execute(text(f"delete from {table} where tenant_id = :t"), {"t": tenant})


def heard(database: Database, tenant: str, stream: Stream, day: datetime, first: datetime, last: datetime) -> None:
    """The ledger says that rows of that day were received from first to last."""
    row = {
        "tenant_id": tenant, "stream": stream.name, "day": day.date(), "rows": 1, "generation": 1,
        "first_received_at": first, "last_received_at": last, "last_loaded_at": last,
    }  # fmt: skip
    with database.transaction() as connection:
        connection.execute(telemetry_day.insert().values(row))


def statuses(database: Database, tenant: str) -> list[str]:
    with database.transaction() as connection:
        return [each.status for each in alerts(connection, Wanted(tenant, statuses=()), 10)]


def attended(database: Database) -> None:
    list(attend(database, [EARLY], AlertPolicy(), RETENTION))


def test_what_is_quiet_is_over_where_somebody_is_heard(database: Database, told: str) -> None:
    heard(database, told, DEVICE_EVENTS, EARLY, EARLY - HOUR, EARLY)
    attended(database)
    assert statuses(database, told) == ["RESOLVED"]


@pytest.mark.parametrize(
    ("stream", "day", "first", "last"),
    [
        (VERDICTS, EARLY, EARLY - HOUR, EARLY),
        (DEVICE_EVENTS, EARLY - timedelta(days=30), EARLY - timedelta(days=30), EARLY + timedelta(days=200)),
        (DEVICE_EVENTS, EARLY, EARLY + HOUR, EARLY + 2 * HOUR),
        (DEVICE_EVENTS, EARLY, EARLY - 10 * HOUR, EARLY - 3 * HOUR),
    ],
    ids=["a verdict", "late rows of a day long past", "only heard later", "not heard for hours"],
)
def test_of_whom_nothing_is_heard_nothing_is_over(
    database: Database, told: str, stream: Stream, day: datetime, first: datetime, last: datetime
) -> None:
    heard(database, told, stream, day, first, last)
    attended(database)
    assert statuses(database, told) == ["ESCALATED"]


def test_a_silent_site_mutes_the_alerts_about_its_people_and_they_stay_its_story(database: Database, told: str) -> None:
    silent = Draft(
        told, "CORRELATION_SILENT_SITE", "s0", None, Severity.CRITICAL, "s0: nothing is heard of 2 guards", EARLY - HOUR
    )
    later = Draft(**{**vars(silent), "seen_at": EARLY})
    with database.transaction() as connection:
        for each in (silent, later):
            record(connection, [each], FindingPolicy(), nothing_muted, each.seen_at)
        operation = Operation(connection, told)
        operation.hears([unheard("p1", EARLY)])
        rows = [{**raised("p1", EARLY - HOUR / 2), "alert_type": "DEVICE_OFFLINE", "severity": "HIGH"}]
        assert put(connection, ALERTS, rows, told, EARLY - HOUR / 3).quarantined == 0
    attended(database)
    (done,) = correlations(database, [EARLY], POLICY)
    assert done.opened >= 1
    with database.transaction() as connection:
        (muted,) = [each for each in alerts(connection, Wanted(told, with_muted=True), 10) if each.person_id == "p1"]
        connection.execute(text("delete from noc_incident_alert where tenant_id = :t"), {"t": told})
        connection.execute(text("delete from noc_incident_signal where tenant_id = :t"), {"t": told})
        connection.execute(text("delete from noc_correlated_incident where tenant_id = :t"), {"t": told})
        connection.execute(text("delete from noc_signal_window where tenant_id = :t"), {"t": told})
    assert muted.status == "NEW"
    assert "nothing is heard of 2 guards" in str(muted.muted_by)
