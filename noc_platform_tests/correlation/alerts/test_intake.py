"""How alerts come to be. Numbers in names are those of domain.md §10."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from noc_platform.correlation.alerts.actions import acknowledge, assign, escalate, escalate_due, resolve
from noc_platform.correlation.alerts.intake import Taken, forget
from noc_platform.journal.ledger import Subject, trail
from noc_platform.store.sessions import Database
from noc_platform_tests.builders import NOW
from noc_platform_tests.correlation.alerts.raised import (
    LATER,
    POLICY,
    after,
    decided,
    event,
    maintenance,
    of,
    one_by_one,
    only,
    raise_all,
    said,
    taken,
)  # fmt: skip
from noc_platform_tests.correlation.operation import Operation, raised
from noc_platform_tests.correlation.stories_told import NOON


def test_what_is_raised_again_is_one_alert_that_counts(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        assert taken(connection, tenant, event(0, message="a"), event(10, message="c"), event(5, message="b")) == Taken(
            events=3, opened=1
        )
        found = only(connection, tenant)
        assert (found.status, found.occurrence_count, found.message) == ("NEW", 3, "c")
        assert (found.first_seen_at, found.last_seen_at) == (after(0), after(10))
        assert found.escalates_at == after(30)
        assert decided(connection, found) == ["RAISED"]
        assert taken(connection, tenant) == Taken()
        assert only(connection, tenant) == found
        assert taken(connection, tenant, event(-5, severity="CRITICAL"), event(7, severity="LOW")) == Taken(events=2)
        found = only(connection, tenant)
        assert (found.occurrence_count, found.severity, found.severity_rank, found.message) == (5, "CRITICAL", 4, "c")
        assert (found.first_seen_at, found.last_seen_at, found.escalates_at) == (after(-5), after(10), after(10))
        assert decided(connection, found) == ["RAISED", "SEVERITY_RAISED"]


def test_every_event_belongs_to_an_alert_and_none_is_missed_however_late(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        ids = raise_all(connection, tenant, event(0))
        ids += raise_all(connection, tenant, event(-60 * 24 * 30), received_at=NOW + timedelta(hours=1))
        assert taken(connection, tenant, as_of=NOW).events == 1
        assert taken(connection, tenant, as_of=LATER).events == 1
        question = "select event_id, alert_id from noc_alert_occurrence where tenant_id = :t"
        rows = connection.execute(text(question), {"t": tenant}).all()
        assert {row.event_id for row in rows} == set(ids)
        assert {row.alert_id for row in rows} == {only(connection, tenant).alert_id}


def test_taking_in_again_after_all_is_lost_gives_the_same_alerts(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        taken(connection, tenant, event(0), event(5, person_id="p1"), event(9, status="RESOLVED"))
        first = [row.alert_id for row in of(connection, tenant)]
        for table in ("noc_alert", "noc_alert_occurrence"):
            connection.execute(text(f"delete from {table} where tenant_id = :t"), {"t": tenant})
        assert taken(connection, tenant).events == 3
        assert [row.alert_id for row in of(connection, tenant)] == first
        assert all(each.version == 8 for each in first)


def test_defect_48_an_escalated_alert_is_still_the_one(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        taken(connection, tenant, event(0))
        assert escalate_due(connection, POLICY, after(31)) >= 1
        assert taken(connection, tenant, event(35)) == Taken(events=1)
        found = only(connection, tenant)
        assert (found.status, found.occurrence_count, found.escalates_at) == ("ESCALATED", 2, None)


@pytest.mark.parametrize("act", [acknowledge, assign, escalate])
def test_defect_49_one_active_alert_whatever_its_state_and_many_that_are_over(
    database: Database, tenant: str, act: object
) -> None:
    with database.transaction() as connection:
        for number in range(3):
            at = 100 * number
            taken(connection, tenant, event(at))
            current = max(of(connection, tenant), key=lambda row: row.first_seen_at)
            assert callable(act)
            act(connection, current.alert_id, *(() if act is acknowledge else ("bo",)), said(at + 5))
            taken(connection, tenant, event(at + 6))
            resolve(connection, current.alert_id, said(at + 10))
        assert [(row.status, row.occurrence_count) for row in of(connection, tenant)] == [("RESOLVED", 2)] * 3
        with pytest.raises(IntegrityError), connection.begin_nested():
            connection.execute(
                text("update noc_alert set status = 'NEW', resolved_at = null where tenant_id = :t"), {"t": tenant}
            )


def test_defect_50_two_that_take_in_at_once_count_each_event_once(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        raise_all(connection, tenant, *(event(number / 60, person_id=f"p{number % 3}") for number in range(300)))
    results: list[Taken] = []
    ready = threading.Barrier(2)

    def run() -> None:
        ready.wait()
        with database.transaction() as connection:
            results.append(taken(connection, tenant))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.transaction() as connection:
        assert [row.occurrence_count for row in of(connection, tenant)] == [100, 100, 100]
    assert sum(results, Taken()) == Taken(events=300, opened=3)


def test_a_person_who_acts_meanwhile_is_not_overruled(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        taken(connection, tenant, event(0))
        raise_all(connection, tenant, event(1))
        alert = only(connection, tenant).alert_id
    done = threading.Event()

    def run() -> None:
        with database.transaction() as connection:
            taken(connection, tenant)
        done.set()

    with database.transaction() as connection:
        acknowledge(connection, alert, said(3))
        thread = threading.Thread(target=run)
        thread.start()
        assert not done.wait(0.5)
    thread.join()
    with database.transaction() as connection:
        found = only(connection, tenant)
    assert (found.status, found.acknowledged_by, found.occurrence_count) == ("ACKNOWLEDGED", "ana", 2)


@pytest.mark.parametrize("severity", ["INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"])
def test_defect_51_nothing_is_suppressed_for_being_like_something_else(
    database: Database, tenant: str, severity: str
) -> None:
    alike = [event(number / 10, person_id=f"p{number % 3}", severity=severity, message="m") for number in range(60)]
    with database.transaction() as connection:
        assert taken(connection, tenant, *alike) == Taken(events=60, opened=3)
        assert {(row.status, row.muted_by) for row in of(connection, tenant)} == {("NEW", None)}


def test_tenants_never_meet(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        taken(connection, tenant, event(0))
        taken(connection, f"{tenant}-b", event(1))
        assert only(connection, tenant).occurrence_count == only(connection, f"{tenant}-b").occurrence_count == 1


def test_a_source_that_says_it_is_over_resolves_it(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        assert taken(connection, tenant, event(0), event(9, status="RESOLVED")).resolved == 1
        found = only(connection, tenant)
        assert (found.status, found.resolved_by, found.resolved_at) == ("RESOLVED", "source", after(9))
        (_, entry) = trail(connection, Subject.ALERT, str(found.alert_id))
        assert (entry.action, entry.made_by) == ("RESOLVED", "source")


def test_an_end_from_before_it_was_raised_again_ends_nothing(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        one_by_one(connection, tenant, event(0), event(9), event(5, status="RESOLVED"))
        found = only(connection, tenant)
        assert (found.status, found.occurrence_count) == ("NEW", 3)


def test_the_end_of_what_was_never_raised_is_kept_as_an_alert_that_is_over(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        taken(connection, tenant, event(0, status="RESOLVED"))
        found = only(connection, tenant)
        assert (found.status, found.resolved_at, found.escalates_at) == ("RESOLVED", after(0), None)
        one_by_one(connection, tenant, event(20, status="RESOLVED"))
        assert only(connection, tenant).occurrence_count == 2


def test_a_source_moves_an_alert_on_and_never_back(database: Database, tenant: str) -> None:
    steps = [event(0), event(1, status="ESCALATED"), event(2, status="ACKNOWLEDGED"), event(3, status="ASSIGNED")]
    with database.transaction() as connection:
        one_by_one(connection, tenant, *steps, event(4, status="ACKNOWLEDGED"), event(5))
        found = only(connection, tenant)
        assert (found.status, found.escalated_at, found.acknowledged_at, found.assigned_at) == (
            "ASSIGNED", after(1), after(2), after(3),
        )  # fmt: skip
        assert (found.acknowledged_by, found.assigned_by, found.escalates_at) == ("source", "source", None)
        assert decided(connection, found) == ["RAISED", "ESCALATED", "ACKNOWLEDGED", "ASSIGNED"]


def test_what_its_source_keeps_back_stays_so_until_it_is_raised_in_earnest(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        one_by_one(connection, tenant, event(0), event(1, status="SUPPRESSED"), event(2, status="SUPPRESSED"))
        found = only(connection, tenant)
        assert (found.status, found.muted_by, found.occurrence_count) == ("SUPPRESSED", "its source", 3)
        one_by_one(connection, tenant, event(0.5), event(5))
        assert [(row.status, row.occurrence_count) for row in of(connection, tenant)] == [("SUPPRESSED", 4), ("NEW", 1)]


def test_what_comes_late_belongs_to_the_alert_it_was_part_of(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        taken(connection, tenant, event(0))
        resolve(connection, only(connection, tenant).alert_id, said(60))
        assert one_by_one(connection, tenant, event(30), event(60), event(-3)) == Taken(events=3)
        found = only(connection, tenant)
        assert (found.status, found.occurrence_count) == ("RESOLVED", 4)
        assert (found.first_seen_at, found.last_seen_at) == (after(-3), after(60))
        assert taken(connection, tenant, event(61)).opened == 1


def test_maintenance_keeps_back_what_it_is_for_however_bad(database: Database, tenant: str) -> None:
    calendar = maintenance(tenant, (0, 60, "DEVICE_OFFLINE"), (200, 260, None))
    events = [
        event(-1), event(0, severity="CRITICAL"), event(30), event(10, alert_type="TOUR_OVERDUE"),
        event(20, site_id="s1"), event(60), event(210),
    ]  # fmt: skip
    with database.transaction() as connection:
        assert one_by_one(connection, tenant, *events, calendar=calendar) == Taken(events=7, opened=3, suppressed=2)
        kept = [row for row in of(connection, tenant) if row.status == "SUPPRESSED"]
        assert [(row.muted_by, row.occurrence_count, row.severity, row.escalates_at) for row in kept] == [
            ("maintenance W-0, new router", 2, "CRITICAL", None), ("maintenance W-1, new router", 1, "HIGH", None),
        ]  # fmt: skip
        assert decided(connection, kept[0]) == ["MUTED"]
        active = [row for row in of(connection, tenant) if row.status == "NEW"]
        assert sorted(row.occurrence_count for row in active) == [1, 1, 2]


def test_the_end_of_an_alert_is_heard_in_maintenance_too(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        taken(connection, tenant, event(-5), event(5, status="RESOLVED"), calendar=maintenance(tenant, (0, 60, None)))
        assert only(connection, tenant).status == "RESOLVED"


def test_what_happened_outside_of_the_calendar_is_raised(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        assert taken(connection, tenant, event(-60 * 24 * 90)).opened == 1


def test_what_was_made_of_our_own_findings_says_so_until_somebody_else_sees_it(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        one_by_one(
            connection, tenant, event(0, entity_type="finding", entity_id="1"),
            event(1, entity_type="Finding", entity_id="2"),
        )  # fmt: skip
        assert only(connection, tenant).caused_by == "FINDING:2"
        one_by_one(connection, tenant, event(0.5), event(3, entity_type="finding", entity_id="3"))
        found = only(connection, tenant)
        assert (found.caused_by, found.occurrence_count) == (None, 4)


def test_what_became_of_events_that_left_is_forgotten_unless_an_incident_holds_it(
    operation: Operation, tenant: str
) -> None:
    operation.story()
    operation.is_told([raised("p1", NOON), raised("p2", NOON)])
    connection = operation.connection
    for person in ("p0", "p1"):
        connection.execute(
            text("delete from noc_alert_event where tenant_id = :t and person_id = :p"), {"t": tenant, "p": person}
        )
    counted = "select count(*) from noc_alert_occurrence where tenant_id = :t"
    forget(connection, NOON)
    assert connection.execute(text(counted), {"t": tenant}).scalar_one() == 3
    forget(connection, NOON + timedelta(seconds=1))
    assert connection.execute(text(counted), {"t": tenant}).scalar_one() == 2
    assert {row.occurrence_count for row in of(connection, tenant)} == {1}
