"""Rings are groups who punch in for one another; pairs, shared phones and impostors are not. Defect 57 among others."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from noc_platform.findings.lifecycle import Recorded, close_quiet
from noc_platform.findings.queries import Finding
from noc_platform.findings.verdicts import mark_false_positive
from noc_platform.fraud.ring_findings import remembered, ring_findings
from noc_platform.fraud.rings import Ring, RingPolicy, rings
from noc_platform.journal.ledger import Said
from noc_platform.settings import FindingPolicy
from noc_platform.simulator.world import WorldPlan
from noc_platform.store.sessions import Database
from noc_platform_tests.builders import POLICY as DOOR
from noc_platform_tests.builders import put_operation
from noc_platform_tests.findings.drafts import of, only, recorded
from noc_platform_tests.fraud.punches import DAYS, GUARDS, KNOWN, START, Rows, Use, attendances, table
from noc_platform_tests.fraud.ring_truth import ring_score

POLICY = RingPolicy()
A, B, C, D, E = GUARDS[:5]
# Each does each a favour, over three weeks.
RING: list[Use] = [
    (2, A, B), (4, B, C), (6, C, A), (9, B, A), (11, C, B), (13, A, C), (16, A, B), (18, B, C), (20, C, A),
]  # fmt: skip

RING_AGAIN: list[Use] = [(day + 1, giver, receiver) for day, giver, receiver in RING]


def found(rows: Rows, **told: Any) -> list[Ring]:
    return rings(table(rows), told.pop("known_at", KNOWN), POLICY, **told)


def test_a_ring_is_found_with_its_edges() -> None:
    (ring,) = found(attendances(RING))
    assert ring.members == (A, B, C)
    assert {(edge.giver, edge.receiver): edge.times for edge in ring.edges} == {
        (A, B): 2, (A, C): 1, (B, A): 1, (B, C): 2, (C, A): 2, (C, B): 1,
    }  # fmt: skip
    told = {each for edge in ring.edges for each in edge.attendance_ids}
    assert told == {f"a-{day}-{receiver}" for day, _, receiver in RING}
    assert all(edge.doubtful == edge.times for edge in ring.edges)
    assert (ring.first_at.date(), ring.last_at.date()) == (
        (START + timedelta(days=2)).date(), (START + timedelta(days=20)).date(),
    )  # fmt: skip
    assert "3 guards at s0 were punched in 9 times in 18 days" in ring.reason


ONE_PAIR = [(day, *((A, B) if day % 4 else (B, A))) for day in range(2, 30, 2)]


@pytest.mark.parametrize(
    "uses",
    [
        pytest.param([], id="nothing"),
        pytest.param(ONE_PAIR, id="one pair, however often"),
        pytest.param([*ONE_PAIR, (9, B, C)], id="one pair, and once somebody else"),
        pytest.param([(day, A, (B, C, D)[day % 3]) for day in range(2, 30, 3)], id="one phone"),
        pytest.param([(day, (A, C, D)[day % 3], B) for day in range(2, 30, 3)], id="one guard who is helped"),
        pytest.param([(2, A, B), (12, B, C), (22, C, D)], id="a chain of three times"),
        pytest.param([(6, A, B), (6, B, C), (6, C, A), (7, A, C)], id="all on two days"),
    ],
)
def test_what_is_no_ring(uses: list[Use]) -> None:
    assert not found(attendances(uses))


def test_a_phone_shared_for_days_is_no_favour() -> None:
    """Everybody stands there: their faces say so, and it goes on shift after shift (defect 57)."""
    shared = [(day, *pair) for day in range(5, 12) for pair in ((A, B), (A, C), (D, E), (D, B))]
    assert not found(attendances(shared, is_other=False))
    rows = attendances(shared, is_other=False)
    for row in rows:
        row.update(face_distance=None, confidence_score=None, liveness_score=None)
    assert not found(rows)


def test_without_faces_favours_now_and_then_still_show() -> None:
    rows = attendances(RING)
    for row in rows:
        row.update(face_distance=None, confidence_score=None, liveness_score=None)
    assert [ring.members for ring in found(rows)] == [(A, B, C)]


def test_a_phone_whose_owner_is_not_there_was_not_held_by_its_owner() -> None:
    """An impostor with a phone of their own, or a phone given away, is something else."""
    absent = [(day, giver) for day, giver, _ in RING]
    assert not found(attendances(RING, absent=absent))


def test_a_terminal_everybody_uses_has_no_owner() -> None:
    rows = attendances(RING)
    for row in rows:
        row["device_id"] = "terminal"
    assert not found(rows)


def test_a_site_where_everybody_does_it_has_a_custom_and_no_ring() -> None:
    rng = np.random.default_rng(1)
    uses = [(day, *rng.permutation(GUARDS)[:2].tolist()) for day in range(DAYS) for _ in range(2)]
    assert not found(attendances(uses))


def test_a_ring_shows_in_a_crowd_that_hangs_together_by_chance() -> None:
    guards = (*GUARDS, *(f"q{number:03d}" for number in range(120)))
    once = [(3 + nth % 29, guard, other) for nth, (guard, other) in enumerate(pairwise(guards[2:]))]
    assert (A, B, C) in [ring.members for ring in found(attendances([*RING, *RING_AGAIN, *once], guards=guards))]


def test_what_was_received_later_is_not_known() -> None:
    rows = attendances(RING)
    early = START + timedelta(days=10)
    assert not found(rows, known_at=early)
    assert found(rows, known_at=early) == found([row for row in rows if row["received_at"] <= early], known_at=early)
    for row in rows:
        row["received_at"] = KNOWN + timedelta(hours=1)
    assert not found(rows)


def test_late_punches_are_looked_at_again() -> None:
    """Defect 57: what comes late counts when it has come."""
    rows = attendances(RING)
    late = [row for row in rows if row["device_id"] != f"phone-{row['person_id']}"][3:]
    for row in late:
        row["received_at"] = KNOWN + timedelta(days=1)
    assert not found(rows)
    assert [ring.members for ring in found(rows, known_at=KNOWN + timedelta(days=2))] == [(A, B, C)]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1_000))
def test_neither_order_nor_repeats_matter_nor_tenants_to_each_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = attendances(RING)
    arrived = [{**row, "punched_out_at": None, "received_at": row["punched_in_at"]} for row in rows]
    other = attendances([], tenant="u")
    every = [*rows, *arrived, *other, *rows[:50]]
    assert found([every[place] for place in rng.permutation(len(every))]) == found(rows)


def test_nothing_is_known_of_nobody() -> None:
    assert found([]) == []


def test_a_ring_that_grows_stays_the_same_and_is_filed_under_the_same() -> None:
    rows = attendances([*RING, *((day, D, (A, B)[day % 2]) for day in range(22, 32, 2)), (25, A, D), (27, B, D)])
    (before,) = found(rows, known_at=START + timedelta(days=21, hours=20))
    (grown,) = found(rows, before=[before.remembered])
    (alone,) = found(rows, known_at=KNOWN + timedelta(days=10))
    (same,) = found(rows, known_at=KNOWN + timedelta(days=10), before=[grown.remembered])
    assert before.members == (A, B, C)
    assert grown.members == (A, B, C, D)
    assert {before.ring_id, grown.ring_id, same.ring_id} == {before.ring_id}
    assert before.lead == grown.lead == same.lead
    assert alone.ring_id != same.ring_id


def test_two_rings_of_one_site_are_two() -> None:
    others = dict(zip((A, B, C), GUARDS[6:9], strict=True))
    uses = [*RING, *((day + 1, others[giver], others[receiver]) for day, giver, receiver in RING)]
    both = found(attendances(uses))
    assert sorted(ring.members for ring in both) == [(A, B, C), GUARDS[6:9]]
    again = found(attendances(uses), before=[ring.remembered for ring in reversed(both)])
    assert again == both


def test_a_ring_is_one_finding_until_it_is_over(database: Database, tenant: str) -> None:
    policy = FindingPolicy()
    rows = attendances([*RING, (25, A, C)], tenant=tenant)
    with database.transaction() as connection:
        for day in range(21, 25):
            assert _looked(connection, rows, tenant, day) == Recorded(opened=int(day == 21), unchanged=int(day > 21))
        assert _looked(connection, rows, tenant, 26) == Recorded(repeated=1)
        finding = only(connection, tenant)
        assert (finding.severity, finding.category, finding.occurrence_count) == ("HIGH", "SECURITY", 2)
        assert len(finding.evidence["edges"]) == 6
        close_quiet(connection, START + timedelta(days=59), policy, {tenant})
        assert only(connection, tenant).resolved_at is None
        close_quiet(connection, START + timedelta(days=61), policy, {tenant})
        assert only(connection, tenant).resolved_by == "platform"


def test_a_ring_that_was_a_false_positive_is_not_raised_on_the_same_evidence(database: Database, tenant: str) -> None:
    rows = attendances([*RING, (25, A, C)], tenant=tenant)
    with database.transaction() as connection:
        put_operation(connection, tenant, people=len(GUARDS))
        _looked(connection, rows, tenant, 21)
        why = Said("ana", "they swapped phones", START + timedelta(days=22))
        mark_false_positive(connection, only(connection, tenant).finding_id, why, DOOR, why.at)
        assert _looked(connection, rows, tenant, 23) == Recorded(unchanged=1)
        assert _looked(connection, rows, tenant, 26) == Recorded(suppressed=1)


def _looked(connection: Connection, rows: Rows, tenant: str, day: int) -> Recorded:
    """A look on the evening of a day, after what was told before, as the daily run does it."""
    known_at = START + timedelta(days=day, hours=20)
    told = [_remembered(each) for each in of(connection, tenant)]
    seen = rings(table(rows), known_at, POLICY, [each for each in told if each])
    return recorded(connection, *ring_findings(seen), policy=FindingPolicy(), as_of=known_at)


def _remembered(finding: Finding) -> Any:
    return remembered(finding.tenant_id, finding.site_id, finding.person_id, finding.evidence)


def test_planted_rings_are_found_and_few_others() -> None:
    """A small part of what the scoreboard measures."""
    score = ring_score([WorldPlan(guards=600, sites=45, days=45, seed=31)])
    assert score.traced >= 5
    assert score.found_share >= 0.75
    assert score.false <= 1
