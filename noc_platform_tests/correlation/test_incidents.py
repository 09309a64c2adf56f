"""Incidents on a real PostgreSQL: one for each story, whatever order its signals and alerts come in."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from noc_platform.correlation.incidents import correlate
from noc_platform.correlation.queries import Wanted, counts, incident_called, incidents, place_of, ties_of
from noc_platform.correlation.soundness import unsound_alerts, unsound_incidents
from noc_platform.correlation.vocabulary import Severity
from noc_platform.journal.ledger import Subject, trail
from noc_platform.store.sessions import Database
from noc_platform_tests.builders import put_operation
from noc_platform_tests.correlation.operation import AFTER, Operation, raised
from noc_platform_tests.correlation.stories_told import HOUR, MINUTE, NOON, POLICY, unheard, window

QUARTER = 15 * MINUTE


def event(number: int) -> str:
    return str(UUID(int=number))


def night(operation: Operation) -> list[Callable[[], None]]:
    """What is heard and told in one night, each by itself: two dead phones, one at first in two parts; a silent site;
    a tour nobody walks; and alerts that belong to none of it."""
    silent: dict[str, Any] = {"silence": "SITE_SILENT", "site_id": "s1"}
    windows = [
        *(unheard("p0", NOON + nth * QUARTER, since=NOON - HOUR) for nth in range(6)),
        unheard("p0", NOON + 4 * HOUR, since=NOON + 3 * HOUR + 50 * MINUTE),
        unheard("p1", NOON, **silent), unheard("p3", NOON, **silent), unheard("p3", NOON + QUARTER, **silent),
        window("p2", NOON, checkpoints_due=4, tour_checkpoints_scanned=0),
        window("p4", NOON, phone_events_count=50, location_updates_count=30),
    ]  # fmt: skip
    alerts = [
        raised("p0", NOON - 40 * MINUTE, severity="MEDIUM"),
        raised("p0", NOON + 80 * MINUTE, alert_type="TOUR_OVERDUE"),
        raised("p0", NOON + 4 * HOUR, alert_type="SYNC_DEGRADED", severity="LOW"),
        raised("p1", NOON - 30 * MINUTE, "s1"), raised("p3", NOON - 29 * MINUTE, "s1", severity="CRITICAL"),
        raised("p2", NOON - 10 * MINUTE, alert_type="TOUR_OVERDUE"),
        raised("p4", NOON - 10 * MINUTE, alert_type="TOUR_INCOMPLETE"),
        raised(None, NOON, alert_type="SENSOR_THRESHOLD"),
    ]  # fmt: skip
    numbered = [{**alert, "event_id": event(number)} for number, alert in enumerate(alerts)]
    return [
        *(lambda each=each: operation.hears([each]) for each in windows),
        *(lambda each=each: operation.is_told([each]) for each in numbered),
    ]


def test_the_stories_of_a_night(operation: Operation) -> None:
    for happens in night(operation):
        happens()
    done = operation.correlates()
    told = {(each["correlation_type"], each["person_id"], each["combined_severity"]) for each in operation.incidents()}
    assert told == {
        ("TIME_ENTITY", "p0", "HIGH"), ("TIME_ENTITY", "p0", "MEDIUM"), ("SITE_CLUSTER", None, "CRITICAL"),
        ("TIME_ENTITY", "p2", "HIGH"),
    }  # fmt: skip
    assert done.opened == 4
    cluster = next(each for each in operation.incidents() if each["people_count"] == 2)
    assert (cluster["site_id"], cluster["related_alerts_count"]) == ("s1", 2)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_order_it_comes_in_the_same_incidents_result(operation: Operation, seed: int) -> None:
    shuffled = random.Random(seed)
    happenings = night(operation)
    shuffled.shuffle(happenings)
    for happens in happenings:
        happens()
        if shuffled.random() < 0.4:
            operation.correlates()
    operation.correlates()
    together = Operation(operation.connection, f"{operation.tenant}-2")
    put_operation(operation.connection, together.tenant, people=5, sites=2)
    for happens in night(together):
        happens()
    together.correlates()
    assert operation.told() == together.told()
    assert len(together.told()) == 4


def test_correlating_again_changes_nothing(operation: Operation) -> None:
    """Defect 41: a new incident with each run, for each signal."""
    for happens in night(operation):
        happens()
    operation.correlates()
    before = operation.incidents()
    again = operation.correlates()
    assert (again.opened, again.attached, again.merged) == (0, 0, 0)
    assert operation.incidents() == before


@pytest.mark.parametrize("is_late", [False, True])
def test_an_incident_is_scored_by_its_nearest_alert_and_an_alert_by_its_nearest_window(
    operation: Operation, is_late: bool
) -> None:
    """Defect 39: the first alert inside the window was taken, however far away."""
    nearer = unheard("p0", NOON - HOUR, since=NOON - 2 * HOUR)
    operation.hears([unheard("p0")] if is_late else [unheard("p0"), nearer])
    operation.is_told([raised("p0", NOON - HOUR - 14 * MINUTE), raised("p0", NOON, alert_type="SYNC_DEGRADED")])
    operation.correlates()
    (row,) = operation.incidents()
    assert (row["score_parts"]["proximity"], row["correlation_score"]) == (0.3, 1.0)
    assert row["started_at"] == NOON - (HOUR + 14 * MINUTE if is_late else 2 * HOUR)
    # A window that comes later and lies nearer takes the alert over.
    operation.hears([nearer])
    operation.correlates()
    held = "select proximity from noc_incident_alert where tenant_id = :tenant"
    found = operation.connection.execute(text(held), {"tenant": operation.tenant}).scalars().all()
    assert found == [0.3, 0.3]


def test_what_is_raised_after_the_last_signals_ends_the_story(operation: Operation) -> None:
    operation.hears([unheard("p0")])
    at = NOON + 4 * MINUTE
    operation.is_told([raised("p0", at, event_id=event(1)), raised("p0", at + 2 * MINUTE, event_id=event(2))])
    operation.correlates()
    (row,) = operation.incidents()
    assert row["ended_at"] == at + 2 * MINUTE
    # Twice the same alert is one.
    assert row["related_alerts_count"] == 1


def test_no_alert_no_incident(operation: Operation) -> None:
    operation.hears([unheard("p0")])
    assert operation.correlates().opened == 0
    assert operation.incidents() == []


def test_a_late_alert_is_put_to_its_story_afterwards(operation: Operation) -> None:
    incident = operation.story()
    operation.is_told([raised("p0", NOON - 5 * MINUTE, alert_type="GUARD_INACTIVITY", severity="CRITICAL")])
    done = operation.correlates(AFTER + HOUR)
    (row,) = operation.incidents()
    assert (done.opened, done.attached) == (0, 1)
    assert (row["incident_id"], row["related_alerts_count"], row["combined_severity"]) == (incident, 2, "CRITICAL")


def test_what_goes_on_is_the_same_incident(operation: Operation) -> None:
    incident = operation.story()
    operation.hears([unheard("p0", NOON + nth * QUARTER, since=NOON - HOUR) for nth in range(1, 9)])
    operation.correlates()
    (row,) = operation.incidents()
    assert row["incident_id"] == incident
    assert row["ended_at"] == NOON + 2 * HOUR
    assert [stretch["windows"] for stretch in row["signals"]["stretches"]] == [9]


def test_two_incidents_that_prove_to_be_one_are_merged_into_the_first(operation: Operation) -> None:
    operation.hears([unheard("p0", NOON), unheard("p0", NOON + 3 * HOUR)])
    operation.is_told([raised("p0", NOON - MINUTE), raised("p0", NOON + 3 * HOUR - MINUTE, alert_type="SYNC_DEGRADED")])
    assert operation.correlates().opened == 2
    first, second = operation.incidents()
    operation.hears([unheard("p0", NOON + nth * HOUR) for nth in (1, 2)])
    assert operation.correlates().merged == 1
    (row,) = operation.incidents()
    assert row["incident_id"] == first["incident_id"]
    assert (row["ended_at"], row["related_alerts_count"]) == (NOON + 3 * HOUR, 2)
    gone = incident_called(operation.connection, second["incident_id"])
    assert gone.merged_into == first["incident_id"]
    assert [tie.kind for tie in ties_of(operation.connection, row["incident_id"])] == ["MERGED_FROM"]
    decided = trail(operation.connection, Subject.INCIDENT, str(second["incident_id"]))
    assert [entry.action for entry in decided] == ["CORRELATED", "MERGED"]


@pytest.mark.parametrize("status", ["RESOLVED", "SUPPRESSED"])
def test_what_is_over_or_suppressed_is_no_part_of_a_story(operation: Operation, status: str) -> None:
    """Defect 44."""
    operation.hears([unheard("p0")])
    operation.is_told([raised("p0", NOON, status=status)])
    assert operation.correlates().opened == 0


def test_what_the_platform_made_of_a_finding_is_no_part_of_its_story(operation: Operation) -> None:
    """Defect 44: a finding's own alert would correlate with the signals the finding was made of."""
    operation.hears([unheard("p0")])
    operation.is_told([raised("p0", NOON, entity_type="finding", entity_id="f-1", alert_type="SECURITY_ANOMALY")])
    assert operation.correlates().opened == 0


def test_the_same_words_of_another_tenant_are_another_story(operation: Operation) -> None:
    """Defect 45."""
    other = Operation(operation.connection, f"{operation.tenant}-2")
    put_operation(operation.connection, other.tenant)
    operation.hears([unheard("p0")])
    other.is_told([raised("p0", NOON)])
    assert operation.correlates().opened == 0
    operation.is_told([raised("p0", NOON)])
    other.hears([unheard("p0")])
    operation.correlates()
    assert len(operation.incidents()) == len(other.incidents()) == 1


def test_an_alert_about_nobody_and_nowhere_is_kept_and_matched_with_nothing(operation: Operation) -> None:
    operation.hears([unheard("p0")])
    operation.is_told([{"occurred_at": NOON, "alert_type": "DEVICE_OFFLINE"}])
    assert operation.correlates().opened == 0
    asked = "select count(*) from noc_alert where tenant_id = :tenant"
    assert operation.connection.execute(text(asked), {"tenant": operation.tenant}).scalar_one() == 1


def test_of_incidents_the_worst_come_first_by_rank(operation: Operation) -> None:
    """Defect 42: as text, MEDIUM comes before CRITICAL."""
    severities = ["LOW", "CRITICAL", "MEDIUM", "HIGH"]
    operation.hears([unheard(f"p{number}", is_unheard=True) for number in range(4)])
    operation.is_told([raised(f"p{number}", NOON, severity=severity) for number, severity in enumerate(severities)])
    operation.correlates()
    wanted = Wanted(tenant=operation.tenant)
    first = incidents(operation.connection, wanted, 2)
    rest = incidents(operation.connection, wanted, 10, place_of(first[-1]))
    # LOW alerts of a phone that is not heard are as bad as that is.
    assert [each.combined_severity for each in first + rest] == ["CRITICAL", "HIGH", "MEDIUM", "MEDIUM"]
    bad = incidents(operation.connection, replace(wanted, at_least=Severity.HIGH), 10)
    assert [each.combined_severity for each in bad] == ["CRITICAL", "HIGH"]
    assert counts(operation.connection).by_severity["CRITICAL"] >= 1


def test_the_same_again_and_again_is_a_pattern_and_says_of_what(operation: Operation) -> None:
    found = []
    for day in range(4):
        at = NOON + day * 24 * HOUR
        operation.hears([unheard("p0", at), unheard("p1", at, site_id="s1")])
        operation.is_told([raised("p0", at)], known_at=at + HOUR)
        if day == 3:
            operation.is_told([raised("p1", at, "s1")], known_at=at + HOUR)
        operation.correlates(at + HOUR)
        found = operation.incidents()
    types = [(each["person_id"], each["correlation_type"]) for each in found]
    assert types == [
        ("p0", "TIME_ENTITY"), ("p0", "TIME_ENTITY"), ("p0", "PATTERN"), ("p0", "PATTERN"), ("p1", "TIME_ENTITY"),
    ] or types == [
        ("p0", "TIME_ENTITY"), ("p0", "TIME_ENTITY"), ("p0", "PATTERN"), ("p1", "TIME_ENTITY"), ("p0", "PATTERN"),
    ]  # fmt: skip
    last = [each for each in found if each["person_id"] == "p0"][-1]
    ties = ties_of(operation.connection, last["incident_id"])
    assert {tie.kind for tie in ties} == {"REPEATS"}
    assert {tie.other_id for tie in ties} == {each["incident_id"] for each in found if each["person_id"] == "p0"} - {
        last["incident_id"]
    }


def test_the_same_within_a_shift_is_no_pattern(operation: Operation) -> None:
    for part in range(4):
        at = NOON + part * 2 * HOUR
        operation.hears([unheard("p0", at, since=at - 5 * MINUTE)])
        operation.is_told([raised("p0", at)])
    operation.correlates(AFTER + 3 * HOUR)
    assert {each["correlation_type"] for each in operation.incidents()} == {"TIME_ENTITY"}
    assert len(operation.incidents()) == 4


def test_what_is_wrong_with_alerts_and_incidents_is_told(operation: Operation) -> None:
    operation.story()
    sound = {**unsound_alerts(operation.connection, AFTER), **unsound_incidents(operation.connection, AFTER)}
    assert not any(each.failures for each in sound.values())
    assert all(each.rows for name, each in sound.items() if "kept_back" not in name)
    values = {"tenant": operation.tenant}
    for statement in (
        "update noc_incident_alert set occurred_at = occurred_at + interval '2 hours' where tenant_id = :tenant",
        "delete from noc_incident_signal where tenant_id = :tenant",
        "delete from noc_alert_occurrence where tenant_id = :tenant",
        "update noc_alert set status = 'SUPPRESSED', muted_by = 'similar to another' where tenant_id = :tenant",
    ):
        operation.connection.execute(text(statement), values)
    broken = {**unsound_alerts(operation.connection, AFTER), **unsound_incidents(operation.connection, AFTER)}
    assert {name for name, each in broken.items() if each.failures} == {
        "everything_raised_belongs_to_an_alert", "nothing_bad_is_kept_back_without_a_reason",
        "every_alert_lies_within_the_window", "every_incident_has_signals_and_alerts",
    }  # fmt: skip


def test_the_database_itself_lets_no_incident_hold_what_is_anothers(operation: Operation) -> None:
    operation.story()
    statement = "update noc_incident_signal set tenant_id = 'another' where tenant_id = :tenant"
    with pytest.raises(IntegrityError):
        operation.connection.execute(text(statement), {"tenant": operation.tenant})


@pytest.fixture
def committed(database: Database, tenant: str) -> Iterator[str]:
    """A tenant to whom a night has happened, committed and not yet correlated."""
    with database.transaction() as connection:
        put_operation(connection, tenant, people=5, sites=2)
        for happens in night(Operation(connection, tenant)):
            happens()
    yield tenant
    with database.transaction() as connection:
        _forget(connection, tenant)


def _forget(connection: Connection, tenant: str) -> None:
    for table in (
        "noc_incident_link", "noc_incident_alert", "noc_incident_signal", "noc_correlated_incident",
        "noc_signal_window", "noc_alert_occurrence", "noc_alert", "noc_alert_event",
    ):  # fmt: skip
        connection.execute(text(f"delete from {table} where tenant_id = :tenant"), {"tenant": tenant})


def test_two_who_correlate_at_once_open_each_incident_once(database: Database, committed: str) -> None:
    def run(_: int) -> int:
        with database.transaction() as connection:
            return correlate(connection, POLICY, AFTER).opened

    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(run, range(4)))
    assert sorted(opened) == [0, 0, 0, 4]
    with database.transaction() as connection:
        assert len(incidents(connection, Wanted(tenant=committed), 100)) == 4


def test_a_correlation_that_fails_leaves_nothing_half_done(database: Database, committed: str) -> None:
    def fail() -> None:
        with database.transaction() as connection:
            correlate(connection, POLICY, AFTER)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.transaction() as connection:
        assert incidents(connection, Wanted(tenant=committed), 100) == []
        assert correlate(connection, POLICY, AFTER + timedelta(minutes=5)).opened == 4
