"""What people are asked to look at: all that is flagged, the rest by a chance that is known and cannot be foreseen."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from noc_platform.fraud.review import CHOSEN_SCHEMA, ReviewPolicy, choose, enter
from noc_platform.store.sessions import Database
from noc_platform.streams.catalogue import FLAGGED, RANDOM

POLICY = ReviewPolicy("hidden", alert_at=50)
EVEN = ReviewPolicy("hidden", alert_at=50, share=0.05, doubling=None)
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
Row = dict[str, Any]


def event(number: int, score: int = 0, attendance: int | None = None, tenant: str = "t") -> Row:
    return {
        "tenant_id": tenant,
        "attendance_id": f"a{number if attendance is None else attendance}",
        "event_id": str(UUID(int=number)),
        "fraud_score": score,
    }


def table(rows: list[Row]) -> pa.Table:
    names = ("tenant_id", "attendance_id", "event_id")
    return pa.Table.from_pylist(
        rows, pa.schema([*((name, pa.string()) for name in names), ("fraud_score", pa.int64())])
    )


def chosen(rows: list[Row], policy: ReviewPolicy = EVEN) -> set[str]:
    return set(choose(table(rows), policy)["attendance_id"].to_pylist())


events = st.lists(
    st.builds(event, st.integers(0, 200), st.integers(0, 100), st.integers(0, 60), st.sampled_from(["t", "u"])),
    max_size=40,
)


@given(rows=events)
def test_all_that_is_flagged_is_chosen_for_certain(rows: list[Row]) -> None:
    found = choose(table(rows), POLICY)
    assert found.schema == CHOSEN_SCHEMA
    flagged = {(row["tenant_id"], row["attendance_id"]) for row in rows if row["fraud_score"] >= POLICY.alert_at}
    told = {(row["tenant_id"], row["attendance_id"]) for row in found.to_pylist() if row["selection"] == FLAGGED}
    assert told == flagged
    for row in found.to_pylist():
        assert (row["selection"] == FLAGGED) == (row["fraud_score"] >= 50)
        assert (row["selection_probability"] == 1) == (row["selection"] == FLAGGED)


@given(rows=events, order=st.randoms(use_true_random=False))
def test_the_choice_depends_on_nothing_but_the_attendance(rows: list[Row], order: Any) -> None:
    """Defect 72: however often, in whichever order and company it is computed."""
    whole = choose(table(rows), POLICY)
    shuffled = list(rows) * 2
    order.shuffle(shuffled)
    assert choose(table(shuffled), POLICY).equals(whole)
    alone = [chosen([each for each in rows if each["attendance_id"] == name], POLICY) for name in {"a1", "a2"}]
    assert set().union(*alone) == {name for name in whole["attendance_id"].to_pylist() if name in {"a1", "a2"}}


@given(rows=events)
def test_each_attendance_is_asked_for_once_by_its_highest_score(rows: list[Row]) -> None:
    found = choose(table(rows), POLICY).to_pylist()
    assert len(found) == len({(row["tenant_id"], row["attendance_id"]) for row in found})
    for row in found:
        same = [
            each["fraud_score"]
            for each in rows
            if (each["tenant_id"], each["attendance_id"]) == (row["tenant_id"], row["attendance_id"])
        ]
        assert row["fraud_score"] == max(same)


def test_nobody_foresees_the_choice_without_the_seed() -> None:
    rows = [event(number) for number in range(5000)]
    first, second = (chosen(rows, ReviewPolicy(seed, 50, 0.1, None)) for seed in ("hidden", "guessed"))
    expected = 5000 * 0.1 * 0.1
    assert abs(len(first & second) - expected) < 5 * expected**0.5


def test_tenants_are_drawn_apart() -> None:
    first, second = (chosen([event(number, tenant=tenant) for number in range(5000)]) for tenant in ("t", "u"))
    assert len(first & second) < 40


@pytest.mark.parametrize("score", [0, 5, 20, 49])
def test_as_many_are_chosen_as_the_chance_says(score: int) -> None:
    found = choose(table([event(number, score) for number in range(20_000)]), POLICY)
    chance = float(POLICY.chances(np.array([score]))[0])
    assert set(found["selection"].to_pylist()) == {RANDOM}
    assert set(found["selection_probability"].to_pylist()) == {chance}
    assert abs(found.num_rows - 20_000 * chance) < 5 * (20_000 * chance) ** 0.5


def test_the_chance_rises_with_the_score_and_is_never_nothing() -> None:
    chances = POLICY.chances(np.arange(101))
    assert chances[0] == POLICY.share
    assert (np.diff(chances) >= 0).all()
    assert (chances[50:] == 1).all()
    assert (chances[:50] < 1).all()


@pytest.mark.parametrize("told", [{"share": 0}, {"share": 1.1}, {"doubling": 0}])
def test_a_share_that_is_none_is_refused(told: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="share"):
        ReviewPolicy("hidden", 50, **told)


def test_nothing_scored_is_nothing_chosen() -> None:
    assert choose(table([]), POLICY).num_rows == 0


def held(connection: Connection, tenant: str) -> dict[str, tuple[str, float, int, datetime]]:
    found = connection.execute(text("select * from noc_fraud_review where tenant_id = :tenant"), {"tenant": tenant})
    return {
        row.attendance_id: (row.selection, row.selection_probability, row.fraud_score, row.selected_at) for row in found
    }


def test_what_was_asked_is_asked_once(database: Database, tenant: str) -> None:
    rows = table([event(number, number % 100, tenant=tenant) for number in range(300)])
    picked = choose(rows, POLICY)
    with database.transaction() as connection:
        assert enter(connection, picked, NOON) == picked.num_rows
        before = held(connection, tenant)
        assert enter(connection, picked, NOON + timedelta(days=1)) == 0
        assert held(connection, tenant) == before
        assert enter(connection, picked.slice(0, 0), NOON) == 0


def test_an_attendance_that_is_flagged_when_it_ends_was_looked_at_for_certain(database: Database, tenant: str) -> None:
    """Its chance is that of its highest score: the smaller one it was first chosen by would weigh it too much."""
    sure = ReviewPolicy("hidden", alert_at=50, share=0.999, doubling=None)
    with database.transaction() as connection:
        enter(connection, choose(table([event(1, 10, 7, tenant)]), sure), NOON)
        assert held(connection, tenant)["a7"][:3] == (RANDOM, 0.999, 10)
        assert enter(connection, choose(table([event(2, 80, 7, tenant)]), sure), NOON + timedelta(hours=8)) == 1
        flagged = (FLAGGED, 1.0, 80, NOON)
        assert held(connection, tenant)["a7"] == flagged
        enter(connection, choose(table([event(1, 10, 7, tenant)]), sure), NOON)
        assert held(connection, tenant)["a7"] == flagged
