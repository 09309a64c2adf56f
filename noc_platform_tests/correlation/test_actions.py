"""People's say in incidents, on a real PostgreSQL: who may do what when, and what later correlations make of it."""

import itertools
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, text

from noc_platform.correlation.actions import (
    Applied,
    acknowledge,
    apply_verdicts,
    identify_root_cause,
    investigate,
    merge,
    relate,
    split,
)
from noc_platform.correlation.members import members_of
from noc_platform.correlation.queries import Incident, Tie, incident_called, ties_of
from noc_platform.errors import BadInput, Conflict, NotFound
from noc_platform.journal.ledger import Said, Subject, trail
from noc_platform.streams.catalogue import CONFIRMED, FALSE_POSITIVE, UNDECIDED, VERDICTS
from noc_platform_tests.builders import POLICY as DOOR
from noc_platform_tests.builders import put, put_operation
from noc_platform_tests.correlation.operation import AFTER, Operation, raised
from noc_platform_tests.correlation.stories_told import HOUR, MINUTE, NOON, unheard

DAY = timedelta(days=1)
RECEIVED = AFTER + DAY
QUARTER = 15 * MINUTE


def said(minutes: float = 0, by: str = "ana", why: str = "called the site") -> Said:
    return Said(by, why, AFTER + timedelta(minutes=minutes))


def closed(operation: Operation, incident: UUID, verdict: str = CONFIRMED, root_cause: str = "") -> None:
    investigate(operation.connection, incident, said(9), DOOR, RECEIVED, verdict, root_cause)


def stands(operation: Operation, incident: UUID) -> Incident:
    return incident_called(operation.connection, incident)


def actions_of(operation: Operation, incident: UUID) -> list[str]:
    return [each.action for each in trail(operation.connection, Subject.INCIDENT, str(incident))]


def held(operation: Operation, incident: UUID) -> tuple[list[tuple[str, datetime]], list[datetime]]:
    """Windows and alerts that belong to an incident, as who and when."""
    members = members_of(operation.connection, [incident])[incident]
    return [(each.person_id, each.window_end) for each in members.signals], [
        each.occurred_at for each in members.alarms
    ]


def two(operation: Operation) -> tuple[UUID, UUID]:
    """Two dead phones, each a story of its own."""
    operation.hears([unheard("p0"), unheard("p2", NOON + HOUR)])
    operation.is_told([raised("p0", NOON), raised("p2", NOON + HOUR, severity="CRITICAL")])
    operation.correlates()
    first, second = operation.incidents()
    return first["incident_id"], second["incident_id"]


def long(operation: Operation) -> UUID:
    """One dead phone over two hours, with an alert at the beginning and one at the end."""
    operation.hears(unheard("p0", NOON + nth * QUARTER, since=NOON - HOUR) for nth in range(9))
    operation.is_told([raised("p0", NOON), raised("p0", NOON + 2 * HOUR, alert_type="SYNC_DEGRADED", severity="LOW")])
    operation.correlates()
    (row,) = operation.incidents()
    incident: UUID = row["incident_id"]
    return incident


def cut(operation: Operation, incident: UUID) -> UUID:
    """What came in the second hour, taken out."""
    return split(operation.connection, incident, said(), after=NOON + HOUR)


def test_who_takes_notice_is_kept_and_only_the_first(operation: Operation) -> None:
    incident = operation.story()
    acknowledge(operation.connection, str(incident), said(5))
    found = stands(operation, incident)
    assert (found.acknowledged_by, found.acknowledged_at) == ("ana", AFTER + 5 * MINUTE)
    assert found.time_to_acknowledge == 5 * 60
    assert not found.investigated
    with pytest.raises(Conflict, match="ana has acknowledged"):
        acknowledge(operation.connection, incident, said(6, by="ben"))
    assert stands(operation, incident) == found
    assert actions_of(operation, incident) == ["CORRELATED", "ACKNOWLEDGED"]


def test_who_took_notice_of_what_goes_on_is_kept_when_another_is_found_to_be_a_part_of_it(operation: Operation) -> None:
    operation.hears([unheard("p0", NOON), unheard("p0", NOON + 3 * HOUR)])
    operation.is_told([raised("p0", NOON), raised("p0", NOON + 3 * HOUR, alert_type="SYNC_DEGRADED")])
    operation.correlates()
    first, second = (row["incident_id"] for row in operation.incidents())
    acknowledge(operation.connection, first, said(5))
    acknowledge(operation.connection, second, said(4, by="ben"))
    operation.hears([unheard("p0", NOON + nth * HOUR) for nth in (1, 2)])
    assert operation.correlates(AFTER + HOUR).merged == 1
    assert stands(operation, first).acknowledged_by == "ana"


@pytest.mark.parametrize(
    ("verdict", "is_false", "action"),
    [(CONFIRMED, False, "INVESTIGATED"), (FALSE_POSITIVE, True, "FALSE_POSITIVE"), (UNDECIDED, None, "INVESTIGATED")],
)
def test_who_investigates_closes_it_with_a_verdict(
    operation: Operation, verdict: str, is_false: bool | None, action: str
) -> None:
    incident = operation.story()
    closed(operation, incident, verdict)
    found = stands(operation, incident)
    assert (found.investigated, found.investigated_by, found.investigated_at) == (True, "ana", AFTER + 9 * MINUTE)
    assert (found.investigation_notes, found.is_false_positive) == ("called the site", is_false)
    assert (found.root_cause_identified, found.root_cause_description) == (False, "")
    rows = operation.connection.execute(
        text("select subject_kind, subject_id, verdict, reviewer_id, note from noc_verdict where tenant_id = :t"),
        {"t": operation.tenant},
    ).all()
    assert [tuple(row) for row in rows] == [("INCIDENT", str(incident), verdict, "ana", "called the site")]
    assert actions_of(operation, incident) == ["CORRELATED", action]
    for act in (closed, lambda op, it: acknowledge(op.connection, it, said(10)), cut):
        with pytest.raises(Conflict, match="was investigated by ana"):
            act(operation, incident)


def test_a_root_cause_that_is_given_is_identified(operation: Operation) -> None:
    incident = operation.story()
    closed(operation, incident, root_cause=" the mast was down ")
    found = stands(operation, incident)
    assert (found.root_cause_identified, found.root_cause_description) == (True, "the mast was down")
    # It may become known later, too.
    identify_root_cause(operation.connection, incident, "a flood", said(99, by="ben"))
    assert stands(operation, incident).root_cause_description == "a flood"
    with pytest.raises(BadInput, match="root cause"):
        identify_root_cause(operation.connection, incident, " ", said(100))
    assert actions_of(operation, incident) == ["CORRELATED", "INVESTIGATED", "ROOT_CAUSE", "ROOT_CAUSE"]


def test_what_the_door_refuses_closes_nothing(operation: Operation) -> None:
    incident = operation.story()
    with pytest.raises(BadInput, match="note"):
        investigate(operation.connection, incident, said(why="x" * 501), DOOR, RECEIVED)
    assert not stands(operation, incident).investigated


@pytest.mark.parametrize("called", ["0192f0aa-0000-8000-8000-000000000000", "nothing like an id", ""])
def test_what_is_not_here_cannot_be_judged(operation: Operation, called: str) -> None:
    with pytest.raises(NotFound, match="noc incidents"):
        acknowledge(operation.connection, called, said())
    with pytest.raises(NotFound, match="noc incidents"):
        relate(operation.connection, operation.story(), called, said())


def test_what_is_merged_is_one_story_and_later_ones_go_to_it(operation: Operation) -> None:
    first, second = two(operation)
    windows, alerts = held(operation, first)
    merge(operation.connection, first, second, said())
    found, other = stands(operation, first), stands(operation, second)
    assert (found.combined_severity, found.people_count, found.related_alerts_count) == ("CRITICAL", 2, 2)
    assert (found.started_at, found.ended_at) == (NOON - HOUR, NOON + HOUR)
    assert found.title.startswith("2 guards at s0")
    assert held(operation, first) == ([*windows, ("p2", NOON + HOUR)], [*alerts, NOON + HOUR])
    assert members_of(operation.connection, [second]) == {}
    assert other.merged_into == first
    assert [(each.incident_id, each.other_id, each.kind) for each in ties_of(operation.connection, second)] == [
        (first, second, "MERGED_FROM")
    ]
    assert actions_of(operation, first) == actions_of(operation, second) == ["CORRELATED", "MERGED"]
    for act in (closed, lambda op, it: identify_root_cause(op.connection, it, "x", said(10)), cut):
        with pytest.raises(Conflict, match=f"part of {first}"):
            act(operation, second)
    with pytest.raises(Conflict, match=f"part of {first}"):
        merge(operation.connection, first, second, said(1))
    # More of what the second was about is more of the first.
    operation.hears([unheard("p2", NOON + HOUR + QUARTER, since=NOON)])
    operation.is_told([raised("p2", NOON + HOUR + QUARTER, alert_type="SYNC_DEGRADED")])
    assert operation.correlates(AFTER + HOUR).opened == 0
    (row,) = operation.incidents()
    assert (row["incident_id"], row["ended_at"], row["related_alerts_count"]) == (first, NOON + HOUR + QUARTER, 3)
    assert row["correlation_type"] == "SITE_CLUSTER"


def test_two_tenants_and_one_and_the_same_have_nothing_to_merge(operation: Operation) -> None:
    incident = operation.story()
    theirs = Operation(operation.connection, f"tenant-{uuid4().hex[:12]}")
    put_operation(operation.connection, theirs.tenant)
    other = theirs.story()
    for act in (merge, relate):
        with pytest.raises(Conflict, match="two tenants"):
            act(operation.connection, incident, other, said())
        with pytest.raises(Conflict, match="one and the same"):
            act(operation.connection, incident, str(incident), said())
    assert stands(operation, other).merged_into is None


def test_what_is_split_is_two_and_stays_so(operation: Operation) -> None:
    incident = long(operation)
    new = cut(operation, incident)
    before = ([("p0", NOON + nth * QUARTER) for nth in range(5)], [NOON])
    behind = ([("p0", NOON + nth * QUARTER) for nth in range(5, 9)], [NOON + 2 * HOUR])
    assert (held(operation, incident), held(operation, new)) == (before, behind)
    found, made = stands(operation, incident), stands(operation, new)
    assert (found.ended_at, found.related_alerts_count, found.combined_severity) == (NOON + HOUR, 1, "HIGH")
    assert (made.ended_at, made.related_alerts_count, made.combined_severity) == (NOON + 2 * HOUR, 1, "MEDIUM")
    assert made.title.endswith("SYNC_DEGRADED")
    assert found.title.endswith("DEVICE_OFFLINE")
    assert [(each.incident_id, each.kind, each.other_id) for each in ties_of(operation.connection, new)] == [
        (new, "SPLIT_FROM", incident)
    ]
    assert actions_of(operation, new) == ["SPLIT"]
    again = operation.correlates(AFTER + HOUR)
    assert (again.opened, again.merged, again.attached) == (0, 0, 0)
    assert (held(operation, incident), held(operation, new)) == (before, behind)


def test_what_comes_after_a_split_goes_to_the_part_that_begins_last(operation: Operation) -> None:
    operation.hears([unheard("p0"), unheard("p1", NOON + QUARTER, since=NOON)])
    operation.is_told([raised("p0", NOON), raised("p1", NOON)])
    operation.hears([unheard("p0", silence="SITE_SILENT"), unheard("p1", NOON + QUARTER, silence="SITE_SILENT")])
    operation.connection.execute(
        text("update noc_signal_window set silence = 'SITE_SILENT', site_id = 's0' where tenant_id = :t"),
        {"t": operation.tenant},
    )
    operation.correlates()
    (row,) = operation.incidents()
    new = split(operation.connection, row["incident_id"], said(), ["p1"])
    operation.hears([unheard("p0", NOON + 2 * QUARTER, since=NOON - HOUR, silence="SITE_SILENT")])
    result = operation.correlates(AFTER + HOUR)
    assert (result.opened, result.merged, result.attached) == (0, 0, 1)
    assert ("p0", NOON + 2 * QUARTER) in held(operation, new)[0]


def test_what_was_split_stays_apart_though_a_part_is_merged_with_a_third(operation: Operation) -> None:
    incident = long(operation)
    new = cut(operation, incident)
    operation.hears([unheard("p4", NOON + 5 * HOUR)])
    operation.is_told([raised("p4", NOON + 5 * HOUR)])
    operation.correlates()
    third = operation.incidents()[-1]["incident_id"]
    merge(operation.connection, third, new, said(2))
    assert operation.correlates(AFTER + HOUR).merged == 0
    assert {each["incident_id"] for each in operation.incidents()} == {incident, third}


def test_what_was_split_stays_apart_though_a_part_proves_to_be_one_with_a_third(operation: Operation) -> None:
    """A and B were never one but for people, who merged and split them; B is merged into C by what came later."""
    ends = {"p0": NOON + HOUR, "p1": NOON + 2 * HOUR, "p2": NOON}
    operation.hears(unheard(person, end) for person, end in ends.items())
    operation.is_told([raised(person, end) for person, end in ends.items()])
    operation.correlates()
    of = {row["person_id"]: row["incident_id"] for row in operation.incidents()}
    merge(operation.connection, of["p0"], of["p1"], said())
    apart = split(operation.connection, of["p0"], said(1), ["p1"])

    def prove(one: str, other: str) -> int:
        ended = max(ends[one], ends[other])
        silent = {"silence": "SITE_SILENT", "site_id": f"s-{one}-{other}"}
        operation.hears(
            unheard(person, ended, since=ends[person] - MINUTE, **silent)
            for person in (one, other)
            if ends[person] == ended
        )
        operation.hears(
            unheard(person, ended + MINUTE, since=ends[person] - MINUTE, **silent) for person in (one, other)
        )
        return operation.correlates(AFTER + HOUR).merged

    assert prove("p1", "p2") == 1
    assert stands(operation, apart).merged_into == of["p2"]
    assert prove("p0", "p2") == 0
    assert stands(operation, of["p0"]).merged_into is None


def test_who_merges_what_was_split_has_changed_their_mind(operation: Operation) -> None:
    incident = long(operation)
    before = held(operation, incident)
    merge(operation.connection, incident, cut(operation, incident), said(5))
    operation.hears([unheard("p0", NOON + 9 * QUARTER, since=NOON - HOUR)])
    operation.correlates(AFTER + HOUR)
    (row,) = operation.incidents()
    assert row["incident_id"] == incident
    assert [each.kind for each in ties_of(operation.connection, incident)] == ["MERGED_FROM"]
    assert held(operation, incident)[1] == before[1]
    assert len(held(operation, incident)[0]) == 10


@pytest.mark.parametrize(
    ("people", "after"), [((), NOON + 2 * HOUR), ((), NOON - DAY), (("p0",), None), (("p9",), None), ((), None)]
)
def test_a_split_leaves_both_sides_a_story(
    operation: Operation, people: tuple[str, ...], after: datetime | None
) -> None:
    incident = long(operation)
    before = stands(operation, incident), held(operation, incident)
    with pytest.raises(BadInput):
        split(operation.connection, incident, said(), people, after)
    assert (stands(operation, incident), held(operation, incident)) == before


def test_signals_alone_are_no_side_of_a_split(operation: Operation) -> None:
    operation.hears([unheard("p0"), unheard("p0", NOON + QUARTER, since=NOON - HOUR)])
    operation.is_told([raised("p0", NOON - 50 * MINUTE)])
    operation.correlates()
    (row,) = operation.incidents()
    with pytest.raises(BadInput, match="Both sides"):
        split(operation.connection, row["incident_id"], said(), after=NOON)


def test_what_has_to_do_with_another_says_why(operation: Operation) -> None:
    first, second = two(operation)
    closed(operation, first)
    relate(operation.connection, second, first, said(3, why="the same mast"))
    relate(operation.connection, second, first, said(4, by="ben", why="the same cable"))
    tie = Tie(second, first, "RELATED", "the same cable", AFTER + 4 * MINUTE, "ben")
    assert ties_of(operation.connection, first) == ties_of(operation.connection, second) == [tie]
    assert actions_of(operation, second) == ["CORRELATED", "LINKED", "LINKED"]


def verdict(incident: UUID, what: str, minutes: float, by: str) -> dict[str, Any]:
    return {
        "subject_kind": "INCIDENT", "subject_id": str(incident).upper(), "verdict": what, "reviewer_id": by,
        "occurred_at": AFTER + timedelta(minutes=minutes), "note": f"{what} by {by}",
    }  # fmt: skip


def test_verdicts_by_file_count_whatever_the_order_they_come_in(operation: Operation) -> None:
    incident = operation.story()
    told = [(CONFIRMED, 5, "cy"), (UNDECIDED, 12, "ana"), (FALSE_POSITIVE, 20, "ben")]
    ends = []
    for order in itertools.permutations(told):
        attempt = operation.connection.begin_nested()
        for number, each in enumerate(order):
            received = RECEIVED + timedelta(minutes=number)
            put(operation.connection, VERDICTS, [verdict(incident, *each)], operation.tenant, received)
            assert apply_verdicts(operation.connection, received) == Applied(1, 0)
        once = stands(operation, incident), sorted(actions_of(operation, incident))
        assert apply_verdicts(operation.connection, RECEIVED).known == len(told)
        assert (stands(operation, incident), sorted(actions_of(operation, incident))) == once
        ends.append(once)
        attempt.rollback()
    assert all(end == ends[0] for end in ends)
    found, actions = ends[0]
    assert (found.investigated_at, found.investigated_by) == (AFTER + 5 * MINUTE, "cy")
    assert (found.is_false_positive, found.investigation_notes) == (True, f"{FALSE_POSITIVE} by ben")
    assert actions == ["CORRELATED", "FALSE_POSITIVE", "INVESTIGATED", "INVESTIGATED"]


def test_verdicts_about_none_of_the_tenants_incidents_are_counted_and_do_nothing(operation: Operation) -> None:
    incident = operation.story()
    theirs = f"tenant-{uuid4().hex[:12]}"
    put_operation(operation.connection, theirs)
    put(operation.connection, VERDICTS, [verdict(incident, CONFIRMED, 5, "cy")], theirs, RECEIVED)
    rows = [
        verdict(uuid4(), CONFIRMED, 5, "cy"),
        {**verdict(incident, CONFIRMED, 6, "cy"), "subject_id": "the big one"},
        {**verdict(incident, CONFIRMED, 7, "cy"), "subject_kind": "FINDING"},
    ]
    put(operation.connection, VERDICTS, rows, operation.tenant, RECEIVED)
    assert apply_verdicts(operation.connection, RECEIVED) == Applied(0, 3)
    assert not stands(operation, incident).investigated


def test_what_goes_on_after_an_investigation_is_an_incident_that_follows(operation: Operation) -> None:
    incident = operation.story()
    closed(operation, incident)
    before = stands(operation, incident), held(operation, incident)
    operation.hears([unheard("p0", NOON + QUARTER, since=NOON - HOUR)])
    operation.is_told([raised("p0", NOON + QUARTER, alert_type="SYNC_DEGRADED")])
    assert operation.correlates(AFTER + HOUR).opened == 1
    assert (stands(operation, incident), held(operation, incident)) == before
    _, new = operation.incidents()
    assert not new["investigated"]
    ties = ties_of(operation.connection, new["incident_id"])
    assert [(each.incident_id, each.kind, each.other_id) for each in ties] == [
        (new["incident_id"], "FOLLOWS", incident)
    ]


def test_what_was_a_false_positive_makes_no_pattern(operation: Operation) -> None:
    for nth in range(3):
        end = NOON + nth * DAY
        operation.hears([unheard("p0", end)])
        operation.is_told([raised("p0", end)], end + HOUR)
        operation.correlates(end + HOUR)
    first, second, third = operation.incidents()
    assert third["correlation_type"] == "PATTERN"
    late = Said("ana", "a drill", NOON + 2 * DAY + HOUR)
    connection: Connection = operation.connection
    investigate(connection, first["incident_id"], late, DOOR, NOON + 3 * DAY, CONFIRMED)
    operation.correlates(NOON + 2 * DAY + 2 * HOUR)
    assert operation.incidents()[2]["correlation_type"] == "PATTERN"
    investigate(connection, second["incident_id"], late, DOOR, NOON + 3 * DAY, FALSE_POSITIVE)
    operation.correlates(NOON + 2 * DAY + 3 * HOUR)
    assert operation.incidents()[2]["correlation_type"] == "TIME_ENTITY"
    assert [each.kind for each in ties_of(connection, third["incident_id"])] == []
