"""What becomes of what is raised, against a plain loop, in any order and batching of arrival."""

import random
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from noc_platform.correlation.alerts.fates import STEPS, live
from noc_platform.correlation.alerts.keys import About
from noc_platform.correlation.alerts.standing import Raising, Standing
from noc_platform.correlation.vocabulary import Severity, Status
from noc_platform.store.sessions import Database
from noc_platform_tests.correlation.alerts.raised import POLICY, after, event, of, raise_all, taken

ABOUT = About("t", "DEVICE_OFFLINE", "s0", person_id="p0")
STEPPED = st.sampled_from(STEPS)
CUTS = st.lists(st.integers(0, 100), max_size=6)
ANY = st.sampled_from([*STEPS, Status.RESOLVED, Status.RESOLVED])


def raisings(statuses: st.SearchStrategy[Status], most: int = 25) -> st.SearchStrategy[list[Raising]]:
    """Raisings of one thing, no two at one instant, in order of time."""
    one = st.tuples(st.integers(0, 900), statuses, st.sampled_from(list(Severity)))
    return st.lists(one, min_size=1, max_size=most, unique_by=lambda each: each[0]).map(
        lambda drawn: [
            Raising(UUID(int=minute), ABOUT, after(minute), severity, status, f"after {minute}")
            for minute, status, severity in sorted(drawn, key=lambda each: each[0])
        ]
    )


def lived(batches: Sequence[Sequence[Raising]]) -> tuple[list[Standing], dict[UUID, list[Raising]]]:
    """The alerts there are once all batches have come, and what belongs to each."""
    known: dict[UUID, Standing] = {}
    belongs: dict[UUID, list[Raising]] = {}
    for batch in batches:
        for raising, alert in live("key", list(known.values()), batch, POLICY).belongs:
            known[alert.alert_id] = alert
            belongs.setdefault(alert.alert_id, []).append(raising)
    return sorted(known.values(), key=lambda alert: alert.first_seen_at), belongs


def batches_of(raised: list[Raising], cuts: list[int]) -> list[list[Raising]]:
    """The same, in pieces."""
    edges = [0, *sorted(cut % len(raised) for cut in cuts), len(raised)]
    return [raised[start:end] for start, end in pairwise(edges) if start < end]


def slow_but_obvious(raised: list[Raising]) -> list[dict[str, Any]]:
    """Alerts as dictionaries, one raising after the other in order of time."""
    alerts: list[dict[str, Any]] = []
    for each in raised:
        at, is_over = each.occurred_at, each.status is Status.RESOLVED
        last = alerts[-1] if alerts else None
        soon = timedelta(minutes=60)
        if last is not None and last["status"] is Status.RESOLVED:
            since = last["last"] if is_over else last["resolved"]
            if at - since > soon:
                last = None
            elif not is_over:
                last["reopened"] += 1
                last["status"], last["resolved"] = Status.NEW, None
        if last is None:
            last = {
                "status": Status.NEW, "count": 0, "first": at, "severity": Severity.INFO, "reopened": 0,
                "resolved": None,
            }  # fmt: skip
            alerts.append(last)
        if is_over and last["status"] is not Status.RESOLVED:
            last["status"], last["resolved"] = Status.RESOLVED, at
        if not is_over and STEPS.index(each.status) > STEPS.index(last["status"]):
            last["status"] = each.status
        last["count"] += 1
        last["last"], last["message"] = at, each.message
        if each.severity.rank > last["severity"].rank:
            last["severity"] = each.severity
    return alerts


def told(alert: Standing) -> dict[str, Any]:
    return {
        "status": alert.status, "count": alert.occurrence_count, "first": alert.first_seen_at,
        "last": alert.last_seen_at, "severity": alert.severity, "reopened": alert.reopened_count,
        "resolved": alert.resolved_at, "message": alert.message,
    }  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(raised=raisings(ANY), cuts=CUTS)
def test_what_comes_in_order_agrees_with_a_plain_loop_however_it_is_batched(
    raised: list[Raising], cuts: list[int]
) -> None:
    alerts, _ = lived(batches_of(raised, cuts))
    assert [told(alert) for alert in alerts] == slow_but_obvious(raised)


@settings(max_examples=200, deadline=None)
@given(raised=raisings(STEPPED), cuts=CUTS, chance=st.randoms(use_true_random=False))
def test_what_does_not_end_is_the_same_in_any_order(
    raised: list[Raising], cuts: list[int], chance: random.Random
) -> None:
    shuffled = chance.sample(raised, len(raised))
    (alert,), _ = lived(batches_of(shuffled, cuts))
    (expected,) = slow_but_obvious(raised)
    assert told(alert) == expected
    (in_order,), _ = lived([raised])
    assert (alert.escalates_at, alert.acknowledged_at, alert.assigned_at, alert.escalated_at) == (
        in_order.escalates_at, in_order.acknowledged_at, in_order.assigned_at, in_order.escalated_at,
    )  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(raised=raisings(ANY), cuts=CUTS, chance=st.randoms(use_true_random=False))
def test_nothing_is_lost_or_counted_twice_in_any_order(
    raised: list[Raising], cuts: list[int], chance: random.Random
) -> None:
    alerts, belongs = lived(batches_of(chance.sample(raised, len(raised)), cuts))
    assert sorted(each.event_id for some in belongs.values() for each in some) == [each.event_id for each in raised]
    assert sum(alert.status.is_active for alert in alerts) <= 1
    for alert in alerts:
        mine = sorted(belongs[alert.alert_id], key=lambda each: each.occurred_at)
        assert alert.occurrence_count == len(mine)
        assert (alert.first_seen_at, alert.last_seen_at) == (mine[0].occurred_at, mine[-1].occurred_at)
        assert alert.severity == max((each.severity for each in mine), key=lambda severity: severity.rank)
        assert alert.message == mine[-1].message
        assert (alert.status is Status.RESOLVED) == (alert.resolved_at is not None)
    # What was said last is how it stands, whatever came late.
    assert (raised[-1].status is Status.RESOLVED) == (not any(alert.status.is_active for alert in alerts))


@pytest.mark.parametrize("seed", range(6))
def test_the_database_agrees_with_what_is_pure(database: Database, tenant: str, seed: int) -> None:
    chance = random.Random(seed)
    minutes = chance.sample(range(1500), 60)
    words = ["NEW", "NEW", "NEW", "ACKNOWLEDGED", "RESOLVED", "RESOLVED"]
    events = [
        event(minute, event_id=str(uuid4()), person_id=chance.choice(["p0", "p1"]), status=chance.choice(words),
              severity=str(chance.choice(list(Severity))), message=f"after {minute}")
        for minute in sorted(minutes)
    ]  # fmt: skip
    with database.transaction() as connection:
        for start in range(0, 60, 7):
            raise_all(connection, tenant, *events[start : start + 7])
            taken(connection, tenant)
        for person in ("p0", "p1"):
            mine = [
                Raising(UUID(each["event_id"]), ABOUT, each["occurred_at"], Severity(each["severity"]),
                        Status(each["status"]), each["message"])
                for each in events if each["person_id"] == person
            ]  # fmt: skip
            found = [
                {
                    "status": row.status, "count": row.occurrence_count, "first": row.first_seen_at,
                    "last": row.last_seen_at, "severity": row.severity, "reopened": row.reopened_count,
                    "resolved": row.resolved_at, "message": row.message,
                }
                for row in of(connection, tenant) if row.person_id == person
            ]  # fmt: skip
            assert found == slow_but_obvious(mine)
        odd = """select count(*) from noc_alert a where tenant_id = :t and occurrence_count <> (
            select count(*) from noc_alert_occurrence o where o.alert_id = a.alert_id)"""
        assert connection.execute(text(odd), {"t": tenant}).scalar() == 0
