"""What is asked of alerts."""

from typing import Any

from noc_platform.correlation.alerts.actions import acknowledge, close_quiet, resolve
from noc_platform.correlation.alerts.queries import (
    OCCURRENCES_SCHEMA,
    Wanted,
    alerts,
    counts,
    eligible_occurrences,
    place_of,
    times,
)
from noc_platform.correlation.vocabulary import Severity, Status
from noc_platform.store.sessions import Database
from noc_platform_tests.correlation.alerts.raised import POLICY, after, event, maintenance, of, said, taken
from noc_platform_tests.correlation.alerts.test_muting import silent


def test_defect_42_the_worst_come_first_page_by_page(database: Database, tenant: str) -> None:
    bad = ["LOW", "CRITICAL", "HIGH", "INFO", "MEDIUM"]
    events = [event(i, severity=severity, person_id=None, device_id=f"d{i}") for i, severity in enumerate(bad)]
    with database.transaction() as connection:
        taken(connection, tenant, *events, event(9, severity="HIGH", person_id="p1"))
        found = alerts(connection, Wanted(tenant), 10)
        assert [each.severity for each in found] == ["CRITICAL", "HIGH", "HIGH", "MEDIUM", "LOW", "INFO"]
        assert found[1].last_seen_at > found[2].last_seen_at
        pages = alerts(connection, Wanted(tenant), 2)
        pages += alerts(connection, Wanted(tenant), 10, place_of(pages[-1]))
        assert pages == found
        assert len(alerts(connection, Wanted(tenant, at_least=Severity.HIGH), 10)) == 3


def test_alerts_are_found_by_what_they_are_about(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        taken(
            connection, tenant, event(0), event(1, person_id="p1", site_id="s1"), event(2, status="SUPPRESSED",
            alert_type="TOUR_OVERDUE"), event(1, alert_type="SYNC_DEGRADED"),
            causes=(silent(tenant, children=frozenset({"SYNC_DEGRADED"})),),
        )  # fmt: skip

        def types(**told: Any) -> list[tuple[str, str | None]]:
            wanted = Wanted(tenant, **told)
            return sorted((each.alert_type, each.person_id) for each in alerts(connection, wanted, 10))

        assert types() == [("DEVICE_OFFLINE", "p0"), ("DEVICE_OFFLINE", "p1")]
        assert types(with_muted=True)[2:] == [("SYNC_DEGRADED", "p0")]
        assert types(site="s1") == types(person="p1") == [("DEVICE_OFFLINE", "p1")]
        assert types(statuses={Status.SUPPRESSED}) == [("TOUR_OVERDUE", "p0")]
        assert len(types(statuses=(), with_muted=True)) == 4
        assert types(alert_type="TOUR_OVERDUE") == []
        assert counts(connection).muted >= 1


def test_defect_44_what_is_over_kept_back_or_our_own_is_not_correlated(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        events = [
            event(0, message="muted", severity="LOW"), event(1),
            event(2, person_id="p1"), event(3, person_id="p1", status="RESOLVED"),
            event(4, alert_type="TOUR_OVERDUE"),
            event(5, alert_type="GPS_SPOOFING", entity_type="Finding", entity_id="1"),
            event(6, alert_type="DEVICE_SPOOF", entity_type="anomaly", entity_id="1"),
            event(7, alert_type="DEVICE_SPOOF"),
        ]  # fmt: skip
        taken(
            connection, tenant, *events, calendar=maintenance(tenant, (0, 60, "TOUR_OVERDUE")),
            causes=(silent(tenant),),
        )  # fmt: skip
        found = eligible_occurrences(connection, after(0), after(60))
        assert found.schema == OCCURRENCES_SCHEMA
        mine = [row for row in found.to_pylist() if row["tenant_id"] == tenant]
        assert [(row["occurred_at"], row["alert_type"], row["severity"]) for row in mine] == [
            (after(0), "DEVICE_OFFLINE", "LOW"), (after(1), "DEVICE_OFFLINE", "HIGH"),
            (after(7), "DEVICE_SPOOF", "HIGH"),
        ]  # fmt: skip
        assert {(row["person_id"], row["site_id"]) for row in mine} == {("p0", "s0")}
        span = eligible_occurrences(connection, after(1), after(7)).to_pylist()
        assert [row["occurred_at"] for row in span if row["tenant_id"] == tenant] == [after(1)]


def test_how_soon_people_act(database: Database, tenant: str) -> None:
    far = -60 * 24 * 50
    with database.transaction() as connection:
        events = [event(far, person_id=None, device_id=f"d{i}") for i in range(4)]
        taken(connection, tenant, *events, event(far, person_id="p2", status="RESOLVED"))
        first, second, third, _ = (row for row in of(connection, tenant) if row.device_id)
        acknowledge(connection, first.alert_id, said(far + 2))
        acknowledge(connection, second.alert_id, said(far + 4))
        resolve(connection, third.alert_id, said(far + 10))
        close_quiet(connection, POLICY, after(0), [tenant])
        told = times(connection, after(far - 1), after(far + 1))
    assert (told.to_acknowledge, told.to_resolve, told.acknowledged, told.resolved) == (180, 600, 2, 1)
