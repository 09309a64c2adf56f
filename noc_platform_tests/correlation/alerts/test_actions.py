"""What people do with alerts, and what time does."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from noc_platform.correlation.alerts.actions import (
    acknowledge,
    assign,
    close_quiet,
    escalate,
    escalate_due,
    resolve,
)
from noc_platform.correlation.alerts.queries import alert_called
from noc_platform.errors import BadInput, Conflict, NotFound
from noc_platform.journal.ledger import Subject, trail
from noc_platform.store.sessions import Database
from noc_platform_tests.correlation.alerts.raised import (
    POLICY,
    after,
    decided,
    event,
    maintenance,
    of,
    only,
    said,
    taken,
)


def test_people_take_it_up_and_every_step_is_written_down(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        taken(connection, tenant, event(0))
        alert = only(connection, tenant).alert_id
        acknowledge(connection, alert, said(2))
        assign(connection, str(alert), "bo", said(4))
        assign(connection, alert, "cy", said(5))
        escalate(connection, alert, "di", said(6))
        resolve(connection, alert, said(10, why="battery"))
        found = alert_called(connection, alert)
        assert (found.time_to_acknowledge, found.time_to_assign, found.time_to_resolve) == (120, 300, 600)
        assert (found.acknowledged_by, found.assigned_by, found.assigned_to, found.escalated_to) == (
            "ana", "ana", "cy", "di",
        )  # fmt: skip
        assert (found.status, found.resolved_by, found.resolution_notes, found.escalates_at) == (
            "RESOLVED", "ana", "battery", None,
        )  # fmt: skip
        entries = trail(connection, Subject.ALERT, str(alert))
        assert [entry.action for entry in entries] == [
            "RAISED", "ACKNOWLEDGED", "ASSIGNED", "ASSIGNED", "ESCALATED", "RESOLVED",
        ]  # fmt: skip
        assert {entry.made_by for entry in entries[1:]} == {"ana"}
        assert entries[3].inputs == {"status_before": "ASSIGNED", "to": "cy"}


@pytest.mark.parametrize(
    ("status", "refused"),
    [
        ("NEW", set()),
        ("ACKNOWLEDGED", {"acknowledged"}),
        ("ASSIGNED", {"acknowledged"}),
        ("ESCALATED", {"escalated"}),
        ("RESOLVED", {"acknowledged", "assigned", "escalated", "resolved"}),
        ("SUPPRESSED", {"acknowledged", "assigned", "escalated", "resolved"}),
    ],
)
def test_what_cannot_be_done_says_what_can(database: Database, tenant: str, status: str, refused: set[str]) -> None:
    with database.transaction() as connection:
        taken(connection, tenant, event(0, status=status))
        alert = only(connection, tenant).alert_id
        ways: dict[str, Callable[[], None]] = {
            "acknowledged": lambda: acknowledge(connection, alert, said(5)),
            "assigned": lambda: assign(connection, alert, "bo", said(5)),
            "escalated": lambda: escalate(connection, alert, None, said(5)),
            "resolved": lambda: resolve(connection, alert, said(5)),
        }
        for name, act in ways.items():
            with connection.begin_nested() as attempt:
                if name in refused:
                    with pytest.raises(Conflict, match=f"cannot be {name} now. What can be done"):
                        act()
                else:
                    act()
                attempt.rollback()


def test_nobody_acts_on_what_is_not_there_or_before_it_was(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        taken(connection, tenant, event(0))
        alert = only(connection, tenant).alert_id
        for unknown in ("nonsense", "00000000-0000-8000-8000-000000000000"):
            with pytest.raises(NotFound, match="noc alerts"):
                acknowledge(connection, unknown, said(1))
        with pytest.raises(BadInput, match="cannot have been resolved before"):
            resolve(connection, alert, said(-1))
        with pytest.raises(BadInput, match="whom"):
            assign(connection, alert, " ", said(1))


@pytest.mark.parametrize(
    ("severity", "minutes"), [("CRITICAL", 15), ("HIGH", 30), ("MEDIUM", 60), ("LOW", 120), ("INFO", None)]
)
def test_what_nobody_looks_at_is_passed_on_in_its_time(
    database: Database, tenant: str, severity: str, minutes: int | None
) -> None:
    with database.transaction() as connection:
        taken(connection, tenant, event(0, severity=severity))
        for supervisor in ("site_manager_id", "security_manager_id", "noc_supervisor_id"):
            connection.execute(
                text(f"update noc_site set {supervisor} = :who where tenant_id = :t and site_id = 's0'"),
                {"who": supervisor, "t": tenant},
            )
        escalate_due(connection, POLICY, after((minutes or 600) - 0.1))
        assert only(connection, tenant).status == "NEW"
        escalate_due(connection, POLICY, after(minutes or 100_000))
        found = only(connection, tenant)
        if minutes is None:
            assert (found.status, found.escalates_at) == ("NEW", None)
            return
        assert (found.status, found.escalated_at, found.escalated_to) == (
            "ESCALATED", after(minutes), "noc_supervisor_id",
        )  # fmt: skip
        assert escalate_due(connection, POLICY, after(minutes)) == 0
        assert decided(connection, found) == ["RAISED", "ESCALATED"]


@pytest.mark.parametrize("known", ["security_manager_id", "site_manager_id", None])
def test_it_goes_to_the_first_there_is(database: Database, tenant: str, known: str | None) -> None:
    with database.transaction() as connection:
        taken(connection, tenant, event(0))
        if known:
            connection.execute(text(f"update noc_site set {known} = 'x' where tenant_id = :t"), {"t": tenant})
        escalate_due(connection, POLICY, after(30))
        assert only(connection, tenant).escalated_to == ("x" if known else None)


def test_what_is_looked_at_kept_back_or_over_is_not_passed_on(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        taken(
            connection, tenant, event(0), event(0, person_id="p1"), event(1, person_id="p1", status="RESOLVED"),
            event(0, alert_type="TOUR_OVERDUE"), calendar=maintenance(tenant, (0, 60, "TOUR_OVERDUE")),
        )  # fmt: skip
        (mine,) = (row for row in of(connection, tenant) if row.status == "NEW")
        acknowledge(connection, mine.alert_id, said(1))
        escalate_due(connection, POLICY, after(1000))
        assert sorted(row.status for row in of(connection, tenant)) == ["ACKNOWLEDGED", "RESOLVED", "SUPPRESSED"]


def test_what_is_not_raised_any_more_and_nobody_looked_at_is_over(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        taken(connection, tenant, event(0), event(0, person_id="p1"), event(0, person_id="p2", status="ESCALATED"))
        (looked_at,) = (row for row in of(connection, tenant) if row.person_id == "p1")
        acknowledge(connection, looked_at.alert_id, said(5))
        day = 24 * 60
        assert close_quiet(connection, POLICY, after(day), [tenant]) == 0
        assert close_quiet(connection, POLICY, after(day + 1), ["another"]) == 0
        assert close_quiet(connection, POLICY, after(day + 1), [tenant]) == 2
        found = {row.person_id: row for row in of(connection, tenant)}
        assert {person: row.status for person, row in found.items()} == {
            "p0": "RESOLVED", "p1": "ACKNOWLEDGED", "p2": "RESOLVED",
        }  # fmt: skip
        assert (found["p0"].resolved_by, found["p0"].resolved_at) == ("platform", after(day + 1))
        assert decided(connection, found["p0"])[-1] == "BACK_TO_NORMAL"
        # What was raised before that, and heard of after it, shows that it was not over.
        assert taken(connection, tenant, event(day - 10)).reopened == 1
        assert taken(connection, tenant, event(0, person_id="p2")).reopened == 0


def test_an_action_is_quick_among_very_many(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        taken(connection, tenant, *(event(number / 100, person_id=f"p{number % 3}") for number in range(3)))
        connection.execute(
            text(
                """insert into noc_alert (alert_id, tenant_id, alert_type, severity, severity_rank, status, dedup_key,
                       occurrence_count, first_seen_at, last_seen_at, reopened_count, created_at, updated_at)
                   select gen_random_uuid(), :t, 'DEVICE_OFFLINE', 'HIGH', 3, 'NEW', n::text, 1, :at, :at, 0, :at, :at
                   from generate_series(1, 100000) n"""
            ),
            {"t": tenant, "at": after(0)},
        )
        question = "select alert_id from noc_alert where tenant_id = :t limit 100"
        ids = connection.execute(text(question), {"t": tenant}).scalars().all()
        spent = []
        for each in ids:
            started = time.monotonic()
            acknowledge(connection, each, said(60))
            spent.append(time.monotonic() - started)
        connection.rollback()
    assert timedelta(seconds=sorted(spent)[94]) < timedelta(milliseconds=200)
