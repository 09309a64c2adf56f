"""People's say: who may do what when, one way in for all of it, and the latest word counts."""

import itertools
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, text

from noc_platform.errors import BadInput, Conflict, NotFound
from noc_platform.findings.lifecycle import close_quiet
from noc_platform.findings.queries import Finding
from noc_platform.findings.verdicts import Applied, acknowledge, apply_verdicts, mark_false_positive, resolve
from noc_platform.findings.vocabulary import Status
from noc_platform.journal.ledger import Said, Subject, trail
from noc_platform.store.sessions import Database, Server
from noc_platform.streams.catalogue import VERDICTS
from noc_platform_tests.builders import NOW, put, put_operation
from noc_platform_tests.builders import POLICY as DOOR
from noc_platform_tests.findings.drafts import POLICY, after, draft, only, recorded, said

RECEIVED = after(24 * 60)


def acknowledged(connection: Connection, finding: object, told: Said) -> None:
    acknowledge(connection, str(finding), told)


def resolved(connection: Connection, finding: object, told: Said) -> None:
    resolve(connection, str(finding), told, DOOR, RECEIVED)


def undecided(connection: Connection, finding: object, told: Said) -> None:
    resolve(connection, str(finding), told, DOOR, RECEIVED, is_confirmed=False)


def cleared(connection: Connection, finding: object, told: Said) -> None:
    mark_false_positive(connection, str(finding), told, DOOR, RECEIVED)


Act = Callable[[Connection, object, Said], None]
ACTS = {"acknowledge": acknowledged, "resolve": resolved, "undecided": undecided, "false positive": cleared}
OUTCOMES = {
    "acknowledge": ("ACKNOWLEDGED", None),
    "resolve": ("RESOLVED", False),
    "undecided": ("RESOLVED", None),
    "false positive": ("FALSE_POSITIVE", True),
}
ALLOWED = {
    Status.NEW: {"acknowledge", "resolve", "undecided", "false positive"},
    Status.ACKNOWLEDGED: {"resolve", "undecided", "false positive"},
    Status.IN_PROGRESS: {"resolve", "undecided", "false positive"},
    Status.RESOLVED: {"false positive"},
    Status.FALSE_POSITIVE: set(),
    Status.SUPPRESSED: set(),
}


def opened(connection: Connection, tenant: str) -> Finding:
    put_operation(connection, tenant)
    recorded(connection, draft(tenant))
    return only(connection, tenant)


def brought_to(connection: Connection, tenant: str, status: Status) -> Finding:
    found = opened(connection, tenant)
    if status is Status.RESOLVED:
        resolved(connection, found.finding_id, said(2))
    elif status is Status.FALSE_POSITIVE:
        cleared(connection, found.finding_id, said(2))
    else:
        connection.execute(
            text(
                """update noc_audit_finding set status = :status,
                   resolved_at = case when :is_closed then last_seen_at end,
                   resolved_by = case when :is_closed then 'ana' end where finding_id = :finding"""
            ),
            {"status": status, "is_closed": status is Status.SUPPRESSED, "finding": found.finding_id},
        )
    return found


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("status", Status)
def test_what_can_be_done_depends_on_how_it_stands(database: Database, tenant: str, status: Status, act: str) -> None:
    with database.transaction() as connection:
        finding = brought_to(connection, tenant, status).finding_id
        before = only(connection, tenant)
        if act in ALLOWED[status]:
            ACTS[act](connection, finding, said(9))
            now = only(connection, tenant)
            assert (now.status, now.is_false_positive) == OUTCOMES[act]
            return
        with pytest.raises(Conflict, match=f"is {status}.*cannot be.*What can be done") as refused:
            ACTS[act](connection, finding, said(9))
        assert refused.value.status == 409
        assert not refused.value.transient
        assert only(connection, tenant) == before


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("called", ["a7169fca-08ac-47e5-a072-2f5195aa4a5f", "nothing like an id", ""])
def test_what_is_not_here_cannot_be_judged(database: Database, act: str, called: str) -> None:
    with database.transaction() as connection, pytest.raises(NotFound, match="noc findings"):
        ACTS[act](connection, called, said())


@pytest.mark.parametrize(("by", "why"), [("", "x"), ("ana", " "), ("Platform", "x"), (" ", "")])
def test_who_and_why_are_asked_for(by: str, why: str) -> None:
    with pytest.raises(BadInput):
        Said(by, why, NOW)


def test_a_moment_needs_a_zone() -> None:
    with pytest.raises(BadInput, match="zone"):
        Said("ana", "x", NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (Said("x" * 65, "y", after(5)), "reviewer_id"),
        (Said("none", "y", after(5)), "reviewer_id"),
        (Said("ana", "y" * 501, after(5)), "note"),
        (Said("ana", "y", after(60 * 24 * 9)), "occurred_at"),
    ],
)
def test_what_the_door_refuses_is_said_and_changes_nothing(
    database: Database, tenant: str, told: Said, why: str
) -> None:
    with database.transaction() as connection:
        before = opened(connection, tenant)
        with pytest.raises(BadInput, match=why):
            resolved(connection, before.finding_id, told)
        assert only(connection, tenant) == before


@pytest.mark.parametrize("act", ["acknowledge", "resolve", "undecided", "false positive"])
def test_each_say_is_kept_with_who_when_and_why(database: Database, tenant: str, act: str) -> None:
    wanted = {
        "acknowledge": [],
        "resolve": ["CONFIRMED"],
        "undecided": ["UNDECIDED"],
        "false positive": ["FALSE_POSITIVE"],
    }
    with database.transaction() as connection:
        finding = opened(connection, tenant).finding_id
        ACTS[act](connection, finding, Said("ana", "called the site", after(7)))
        found = only(connection, tenant)
        last = trail(connection, Subject.FINDING, str(finding))[-1]
        assert (last.made_by, last.reason, last.made_at) == ("ana", "called the site", after(7))
        verdicts = connection.execute(
            text("select verdict, reviewer_id, note, subject_id from noc_verdict where tenant_id = :t"), {"t": tenant}
        ).all()
    assert [tuple(each) for each in verdicts] == [
        (each, "ana", "called the site", str(finding)) for each in wanted[act]
    ]
    if act == "acknowledge":
        assert (found.acknowledged_by, found.time_to_acknowledge) == ("ana", 7 * 60)
    else:
        assert (found.resolved_by, found.time_to_resolve, found.adjudicated_at) == ("ana", 7 * 60, after(7))
        assert found.resolution_notes == "called the site"


def test_a_late_false_positive_leaves_when_it_was_closed(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        finding = opened(connection, tenant).finding_id
        resolved(connection, finding, said(10, by="ana"))
        cleared(connection, finding, said(600, by="ben"))
        found = only(connection, tenant)
    assert (found.status, found.is_false_positive, found.adjudicated_by) == ("FALSE_POSITIVE", True, "ben")
    assert (found.resolved_at, found.resolved_by) == (after(10), "ana")


def test_what_the_platform_closed_can_be_confirmed_as_well_as_denied(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        finding = opened(connection, tenant).finding_id
        close_quiet(connection, after(60 * 7), POLICY, {tenant})
        resolved(connection, finding, said(60 * 8))
        assert only(connection, tenant).is_false_positive is False
        with pytest.raises(Conflict):
            resolved(connection, finding, said(60 * 9))


def test_a_say_of_before_the_last_verdict_is_refused(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        finding = opened(connection, tenant).finding_id
        resolved(connection, finding, said(10))
        with pytest.raises(Conflict, match="latest counts"):
            cleared(connection, finding, said(9))


def test_of_two_people_at_once_one_is_told_that_the_other_was_first(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        finding = opened(connection, tenant).finding_id
    answers: list[str] = []

    def say(name: str, ready: threading.Barrier) -> None:
        ready.wait(20)
        try:
            with database.transaction() as connection:
                resolved(connection, finding, said(5, by=name))
            answers.append("done")
        except Conflict:
            answers.append("too late")

    ready = threading.Barrier(2)
    threads = [threading.Thread(target=say, args=(name, ready)) for name in ("ana", "ben")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == ["done", "too late"]


def verdict(finding: object, said_what: str, minutes: float, by: str = "ana", **told: Any) -> dict[str, Any]:
    return {
        "subject_kind": "FINDING", "subject_id": str(finding), "verdict": said_what, "occurred_at": after(minutes),
        "reviewer_id": by, "note": f"{said_what} by {by}", **told,
    }  # fmt: skip


def stands(connection: Connection, tenant: str) -> tuple[Finding, set[tuple[str, datetime]]]:
    found = only(connection, tenant)
    entries = trail(connection, Subject.FINDING, str(found.finding_id))
    return found, {(entry.action, entry.made_at) for entry in entries}


def test_verdicts_by_file_count_whatever_the_order_they_come_in(database: Database, tenant: str) -> None:
    told = [("CONFIRMED", 5, "cy"), ("FALSE_POSITIVE", 20, "ben"), ("UNDECIDED", 20, "ana")]
    results = []
    with database.transaction() as connection:
        finding = opened(connection, tenant).finding_id
        for order in itertools.permutations(told):
            attempt = connection.begin_nested()
            for number, (what, minutes, by) in enumerate(order):
                # They come one by one, an audit after each.
                put(connection, VERDICTS, [verdict(finding, what, minutes, by)], tenant, after(100 + number))
                apply_verdicts(connection, after(100 + number))
            once = stands(connection, tenant)
            assert apply_verdicts(connection, NOW).known >= len(told)
            assert stands(connection, tenant) == once
            results.append(once)
            attempt.rollback()
    assert all(result == results[0] for result in results)
    found = results[0][0]
    assert found.adjudicated_at == after(20)
    assert (found.resolved_at, found.resolved_by) == (after(5), "cy")


def test_a_verdict_by_file_is_the_same_as_one_by_command(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        finding = opened(connection, tenant).finding_id
        put(connection, VERDICTS, [verdict(finding, "FALSE_POSITIVE", 30)], tenant, after(40))
        assert only(connection, tenant).status == "NEW"
        apply_verdicts(connection, after(40))
        found = only(connection, tenant)
        assert (found.status, found.is_false_positive, found.adjudicated_by) == ("FALSE_POSITIVE", True, "ana")
        with pytest.raises(Conflict):
            cleared(connection, finding, said(60))
        # A later word of people overrules it.
        put(connection, VERDICTS, [verdict(finding, "CONFIRMED", 50)], tenant, after(60))
        apply_verdicts(connection, after(60))
        assert (only(connection, tenant).status, only(connection, tenant).is_false_positive) == ("RESOLVED", False)


def test_verdicts_about_what_is_not_here_do_nothing(database: Database, tenant: str) -> None:
    other = f"{tenant}-other"
    with database.transaction() as connection:
        finding = opened(connection, tenant).finding_id
        put_operation(connection, other)
        put(connection, VERDICTS, [verdict(finding, "FALSE_POSITIVE", 30)], other, after(10_000))
        strangers = [verdict(uuid4(), "CONFIRMED", 30), verdict("no id at all", "CONFIRMED", 30)]
        put(connection, VERDICTS, strangers, tenant, after(10_000))
        put(connection, VERDICTS, [verdict(finding, "CONFIRMED", 30, subject_kind="ALERT")], tenant, after(10_000))
        assert apply_verdicts(connection, after(10_000)) == Applied(known=0, unknown=3)
        assert only(connection, tenant).status == "NEW"


def test_what_was_said_by_command_is_not_applied_twice(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        finding = opened(connection, tenant).finding_id
        cleared(connection, finding, said())
        before = stands(connection, tenant)
        apply_verdicts(connection, NOW)
        assert stands(connection, tenant) == before


def test_people_of_a_tenant_decide_about_their_own_findings_alone(server: Server, tenant: str) -> None:
    other = f"{tenant}-other"
    with server.pipeline.transaction() as connection:
        mine = opened(connection, tenant).finding_id
        theirs = opened(connection, other).finding_id
    with server.api.transaction(tenant) as connection:
        acknowledged(connection, mine, said(3))
        cleared(connection, mine, said(5))
        for act in ACTS.values():
            with pytest.raises(NotFound):
                act(connection, theirs, said(5))
    with server.pipeline.transaction() as connection:
        assert only(connection, tenant).status == "FALSE_POSITIVE"
        assert only(connection, other).status == "NEW"
        assert [each.action for each in trail(connection, Subject.FINDING, str(mine))] == [
            "RAISED", "ACKNOWLEDGED", "FALSE_POSITIVE",
        ]  # fmt: skip
