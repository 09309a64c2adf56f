"""Events for tests of alerts, put in by the door, and what became of them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Row, text

from noc_platform.baselines.calendar import Calendar, CalendarWindow, Site, calendar_of
from noc_platform.correlation.alerts.intake import Taken, take_in
from noc_platform.correlation.alerts.muting import Cause
from noc_platform.journal.ledger import Said, Subject, trail
from noc_platform.settings import AlertPolicy
from noc_platform.streams.catalogue import ALERTS, MAINTENANCE
from noc_platform.telemetry.vocabulary import Window
from noc_platform_tests.builders import NOW, put, put_operation

POLICY = AlertPolicy()
# A year before what builders call now, so that everything raised here was received by `LATER`.
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 6, 2, tzinfo=UTC)


def after(minutes: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def event(minutes: float = 0, **told: Any) -> dict[str, Any]:
    """A row of the stream: a phone of p0 at s0 is offline, unless told otherwise."""
    usual = {"alert_type": "DEVICE_OFFLINE", "severity": "HIGH", "status": "NEW", "person_id": "p0", "site_id": "s0"}
    return {"event_id": str(uuid4()), "occurred_at": after(minutes), **usual, **told}


def nothing_special(tenant: str) -> Calendar:
    """A calendar without maintenance."""
    return maintenance(tenant)


def maintenance(tenant: str, *windows: tuple[float, float, str | None], sites: int = 2) -> Calendar:
    """Maintenance W-0, W-1… at s0, each from and until so many minutes after noon, of these types."""
    known = [Site(tenant, f"s{number}", None, "Europe/Athens") for number in range(sites)]
    made = [
        CalendarWindow(
            tenant, f"W-{number}", MAINTENANCE, after(start), after(end), "s0",
            finding_types=frozenset(types.split(",")) if types else None, reason="new router",
        )
        for number, (start, end, types) in enumerate(windows)
    ]  # fmt: skip
    return calendar_of(made, known, Window(NOON - timedelta(days=60), LATER + timedelta(days=1)))


def raise_all(connection: Connection, tenant: str, *events: dict[str, Any], received_at: datetime = NOW) -> list[UUID]:
    """Let events in by the door; gives their ids. They are received at the moment builders call now, unless said."""
    if not connection.execute(text("select count(*) from noc_tenant where tenant_id = :t"), {"t": tenant}).scalar():
        put_operation(connection, tenant)
        # What other tests have left is not counted here.
        take_in(connection, POLICY, nothing_special(tenant), LATER)
    receipt = put(connection, ALERTS, list(events), tenant, received_at)
    assert receipt.quarantined == 0, receipt
    return [UUID(each["event_id"]) for each in events]


def taken(
    connection: Connection,
    tenant: str,
    *events: dict[str, Any],
    calendar: Calendar | None = None,
    causes: tuple[Cause, ...] = (),
    as_of: datetime = LATER,
    policy: AlertPolicy = POLICY,
) -> Taken:
    """Let events in and take them in, all at once."""
    if events:
        raise_all(connection, tenant, *events)
    return take_in(connection, policy, calendar or nothing_special(tenant), as_of, causes)


def one_by_one(connection: Connection, tenant: str, *events: dict[str, Any], **told: Any) -> Taken:
    """Let events in and take them in, each by itself."""
    return sum((taken(connection, tenant, each, **told) for each in events), Taken())


def of(connection: Connection, tenant: str) -> list[Row[Any]]:
    """All alerts of a tenant, the first seen first."""
    question = "select * from noc_alert where tenant_id = :t order by first_seen_at, created_at, alert_id"
    return list(connection.execute(text(question), {"t": tenant}))


def only(connection: Connection, tenant: str) -> Row[Any]:
    """The one alert of a tenant."""
    (found,) = of(connection, tenant)
    return found


def decided(connection: Connection, alert: Row[Any]) -> list[str]:
    """What was decided about an alert, in order."""
    return [entry.action for entry in trail(connection, Subject.ALERT, str(alert.alert_id))]


def said(minutes: float, by: str = "ana", why: str = "called the site") -> Said:
    """What a person says so many minutes after noon."""
    return Said(by, why, after(minutes))
