"""What people are asked to look at, and that what they say is known with why they were asked (defects 72, 74)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, text

from noc_platform.errors import BadInput, NotFound
from noc_platform.fraud.labels import labels_as_of
from noc_platform.fraud.reviewers import opinion_on, reviews_due
from noc_platform.fraud.vocabulary import Stage
from noc_platform.journal.ledger import Said
from noc_platform.store.sessions import Database
from noc_platform.streams.catalogue import (
    ATTENDANCE_EVENTS,
    CONFIRMED,
    FALSE_POSITIVE,
    FLAGGED,
    RANDOM,
    REPORTED,
    UNDECIDED,
)
from noc_platform.streams.opinions import Opinion, give
from noc_platform_tests.builders import POLICY as DOOR
from noc_platform_tests.builders import put, put_operation
from noc_platform_tests.fraud.test_labels import predict

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=2)
SAID = Said("ana", "The cameras show somebody else.", NOON + timedelta(hours=1))


def asked(
    connection: Connection, tenant: str, attendance: str, selection: str = FLAGGED, chance: float = 1.0,
    score: int = 60, selected_at: datetime = NOON,
) -> None:  # fmt: skip
    """A scored attendance people are asked to look at."""
    event = predict(connection, tenant, attendance, Stage.OUT, site_id="s0", fraud_score=score)
    connection.execute(
        text("insert into noc_fraud_review values (:t, :a, :e, :s, :p, :score, :at)"),
        {"t": tenant, "a": attendance, "e": event, "s": selection, "p": chance, "score": score, "at": selected_at},
    )


def judge(connection: Connection, tenant: str, attendance: str, verdict: str = CONFIRMED, **told: Any) -> UUID:
    return opinion_on(connection, tenant, attendance, verdict, told.pop("said", SAID), DOOR, LATER, **told)


@pytest.fixture
def here(database: Database, tenant: str) -> str:
    """A tenant with people and sites."""
    with database.transaction() as connection:
        put_operation(connection, tenant)
    return tenant


@pytest.mark.parametrize(("selection", "chance"), [(RANDOM, 0.02), (FLAGGED, 1.0)])
def test_a_verdict_carries_why_it_was_asked_for(database: Database, here: str, selection: str, chance: float) -> None:
    with database.transaction() as connection:
        asked(connection, here, "a1", selection, chance)
        judge(connection, here, "a1", fraud_kind="BUDDY_PUNCHING")
        (label,) = labels_as_of(connection, here, LATER).to_pylist()
        row = connection.execute(
            text("select person_id, site_id, note from noc_verdict where tenant_id = :t"), {"t": here}
        ).one()
    assert (label["selection"], label["selection_probability"]) == (selection, chance)
    assert (label["is_fraud"], label["fraud_kind"], label["reviewer"]) == (True, "BUDDY_PUNCHING", "ana")
    assert label["labelled_at"] == SAID.at
    assert tuple(row) == ("p0", "s0", SAID.why)


def test_what_nobody_was_asked_was_told_and_counts_in_no_estimate(database: Database, here: str) -> None:
    at = NOON - timedelta(hours=5)
    row = {
        "event_id": str(uuid4()), "attendance_id": "a2", "person_id": "p1", "site_id": "s1", "punched_in_at": at,
        "received_at": at,
    }  # fmt: skip
    with database.transaction() as connection:
        assert put(connection, ATTENDANCE_EVENTS, [row], here).quarantined == 0
        judge(connection, here, "a2", FALSE_POSITIVE)
        (label,) = labels_as_of(connection, here, LATER).to_pylist()
    assert (label["selection"], label["selection_probability"], label["is_fraud"]) == (REPORTED, None, False)


def test_the_same_words_twice_are_one_event(database: Database, here: str) -> None:
    with database.transaction() as connection:
        asked(connection, here, "a1")
        asked(connection, here, "a3")
        once = judge(connection, here, "a1")
        assert judge(connection, here, "a1") == once
        other = judge(connection, here, "a1", UNDECIDED, said=Said("ben", "Too dark.", SAID.at))
        elsewhere = judge(connection, here, "a3")
        count = connection.execute(text("select count(*) from noc_verdict where tenant_id = :t"), {"t": here}).scalar()
    assert len({once, other, elsewhere}) == count == 3


def test_two_tenants_may_call_their_attendances_alike(database: Database, here: str) -> None:
    other = f"{here}-x"
    with database.transaction() as connection:
        put_operation(connection, other)
        events = []
        for tenant in (here, other):
            asked(connection, tenant, "a1")
            events.append(judge(connection, tenant, "a1"))
        assert [labels_as_of(connection, tenant, LATER).num_rows for tenant in (here, other)] == [1, 1]
    assert events[0] != events[1]


def test_what_cannot_be_said(database: Database, here: str) -> None:
    with database.transaction() as connection:
        put_operation(connection, f"{here}-x")
        asked(connection, here, "a1")
        with pytest.raises(NotFound, match="a9"):
            judge(connection, here, "a9")
        with pytest.raises(NotFound):
            judge(connection, f"{here}-x", "a1")
        with pytest.raises(BadInput, match="FALSE_POSITIVE"):
            judge(connection, here, "a1", FALSE_POSITIVE, fraud_kind="BUDDY_PUNCHING")
        with pytest.raises(BadInput, match="fraud_kind"):
            judge(connection, here, "a1", fraud_kind="NAPPING")
        with pytest.raises(BadInput, match="verdict"):
            judge(connection, here, "a1", "MAYBE")


def test_words_said_before_there_were_selections_are_the_same_event_still(database: Database, here: str) -> None:
    """An opinion given again after an upgrade must not be a second one."""
    subject = UUID("0198a3d4-0000-8000-8000-000000000001")
    opinion = Opinion(here, "FINDING", subject, CONFIRMED, "ana", "Seen.", NOON)
    with database.transaction() as connection:
        event = give(connection, opinion, "noc finding", DOOR, LATER)
        row = connection.execute(
            text("select selection, selection_probability from noc_verdict where tenant_id = :t"), {"t": here}
        ).one()
    assert event == UUID("cce20e08-b56a-55bc-8f07-fc0da43ff0fe")
    assert tuple(row) == (FLAGGED, None)


# --- what is due


def due(connection: Connection, tenant: str, limit: int = 10, **told: Any) -> list[str]:
    return [each.attendance_id for each in reviews_due(connection, tenant, limit, **told)]


def test_both_kinds_come_turn_and_turn_about(database: Database, here: str) -> None:
    with database.transaction() as connection:
        for number in range(4):
            asked(connection, here, f"f{number}", score=60 + number)
            early = NOON - timedelta(hours=number)
            asked(connection, here, f"r{number}", RANDOM, 0.1, score=40 - number, selected_at=early)
        assert due(connection, here) == ["r3", "f3", "r2", "f2", "r1", "f1", "r0", "f0"]
        assert due(connection, here, 3) == ["r3", "f3", "r2"]
        assert due(connection, here, since=NOON - timedelta(hours=1)) == ["r1", "f3", "r0", "f2", "f1", "f0"]
        first = reviews_due(connection, here, 1)[0]
    assert (first.person_id, first.site_id, first.fraud_score, first.selection) == ("p0", "s0", 37, RANDOM)
    assert (first.happened_at, first.selected_at) == (NOON, NOON - timedelta(hours=3))


def test_what_was_judged_is_no_longer_due_even_undecided(database: Database, here: str) -> None:
    with database.transaction() as connection:
        for name in ("a1", "a2", "a3"):
            asked(connection, here, name)
        judge(connection, here, "a1")
        judge(connection, here, "a2", UNDECIDED)
        assert due(connection, here) == ["a3"]
        assert due(connection, f"{here}-x") == []


def test_what_chance_chose_comes_in_an_order_that_knows_nothing_of_its_score(database: Database, here: str) -> None:
    """If only some are done, which are must not hang on what they score: else their chance is no longer known."""
    with database.transaction() as connection:
        for score in range(40):
            asked(connection, here, f"a{score}", RANDOM, 0.1, score=score)
        scores = [each.fraud_score for each in reviews_due(connection, here, 40)]
        assert scores not in (sorted(scores), sorted(scores, reverse=True))
        assert 12 < sum(scores[:20]) / 20 < 27
