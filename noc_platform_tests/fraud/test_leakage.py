"""Evidence knows nothing that was not known when the event was received, and nothing that happened after it."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import ibis
import ibis.expr.types as ir
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from noc_platform.fraud.facts import phones
from noc_platform.simulator.world import WorldPlan
from noc_platform.simulator.writer import write_world
from noc_platform.store.sessions import Server
from noc_platform_tests.engines import Engine, opened
from noc_platform_tests.fraud.facts.running import disagreements, found
from noc_platform_tests.fraud.facts.worlds import DAWN, Row, World, made
from noc_platform_tests.fraud.leakage import audited, audited_by_statement

FIND = (Phase.explicit, Phase.reuse, Phase.generate)
SECOND = timedelta(seconds=1)
# Of two that came at the same time, the one that is told of last has to see the other, whoever was first.
SAME_TIME = timedelta(minutes=30)


@pytest.fixture(scope="module")
def duckdb(server: Server) -> Iterator[Engine]:
    with opened("duckdb", server) as engine:
        yield engine


@pytest.fixture(scope="module")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("leakage") / "world"
    write_world(WorldPlan(guards=12, sites=3, days=8, seed=42, random_review=0.1), folder)
    return folder


def unchanged(engine: Engine, world: World, more: World, is_before: Callable[[Row], bool]) -> int:
    """Whether those events are told of alike without more rows and with them; how many they were."""
    before = {event: row for event, row in found(engine, world).items() if is_before(row)}
    after = found(engine, World(**{name: [*rows, *getattr(more, name)] for name, rows in vars(world).items()}))
    assert disagreements({event: after[event] for event in before}, before) == {}
    return len(before)


def received_after(moment: datetime, seed: int, world: World) -> World:
    """Rows of every stream that keeps when it was told, about the same people and attendances, all told later."""
    other, chance = made(seed), Random(seed)
    taken = {(row["tenant_id"], row["person_id"], row["site_id"], row["starts_at"]) for row in world.shifts}
    other.shifts = [
        r for r in other.shifts if (r["tenant_id"], r["person_id"], r["site_id"], r["starts_at"]) not in taken
    ]
    other.tours_due = [{**row, "tour_id": f"more-{row['tour_id']}"} for row in other.tours_due]
    # Of people and sites it is not kept since when what is known.
    other.people, other.sites = [], []
    later = {
        name: [
            {**row, "received_at": max(row["received_at"], moment + chance.choice((1, 90_000)) * SECOND)}
            for row in rows
        ]
        for name, rows in vars(other).items()
        if name != "feeds"
    }
    feeds = [
        {**row, "first_received_at": moment + SECOND} for row in other.feeds if row.get("first_received_at") is not None
    ]
    return World(**later, feeds=feeds)


def happened_after(moment: datetime, seed: int, world: World) -> World:
    """Rows that happened later and were told of at once, or, as wrong clocks would have it, long before."""
    other, chance = made(seed), Random(seed)
    told = moment - timedelta(days=chance.choice((0, 30)))

    def later(row: Row, name: str, beyond: timedelta = SECOND) -> Row:
        happened = moment + beyond + timedelta(minutes=chance.randrange(600))
        return {**row, name: happened, "occurred_at": happened, "received_at": told}

    came = [
        {**later(row, "punched_in_at", SAME_TIME + SECOND), "punched_out_at": None, "attendance_id": f"more-{number}"}
        for number, row in enumerate(other.attendance_events)
    ]
    known = [row for row in world.attendance_events if row["punched_out_at"] is None]
    left = [
        {
            **row, "event_id": twin["event_id"], "received_at": row["received_at"] + SECOND,
            "punched_out_at": moment + timedelta(minutes=1 + chance.randrange(600)), "latitude_out": 38.0,
        }
        for row, twin in zip(known, made(seed + 1).attendance_events, strict=False)
    ]  # fmt: skip
    return World(
        attendance_events=[*came, *left],
        device_events=[later(row, "occurred_at") for row in other.device_events],
        location_updates=[later(row, "occurred_at") for row in other.location_updates],
        jobneeds=[later(row, "ended_at") for row in other.jobneeds],
        tours_due=[
            {**later(row, "due_until"), "tour_id": f"more-{row['tour_id']}"} for row in other.tours_due
        ],
        # What people say is told once they say it.
        verdicts=[
            {**later(row, "occurred_at"), "event_id": f"{row['event_id']}-more", "received_at": moment + SECOND}
            for row in world.verdicts
        ],
    )  # fmt: skip


@examples(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=FIND)
@given(seed=st.integers(0, 2**32), hours=st.integers(-240, 30))
def test_what_is_received_later_changes_no_cell(duckdb: Engine, seed: int, hours: int) -> None:
    world, moment = made(seed), DAWN + timedelta(hours=hours)
    more = received_after(moment, seed + 1, world)
    assert unchanged(duckdb, world, more, lambda row: bool(row["known_at"] <= moment)) > 0


@examples(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=FIND)
@given(seed=st.integers(0, 2**32), hours=st.integers(-72, 30))
def test_what_happens_later_changes_no_cell(duckdb: Engine, seed: int, hours: int) -> None:
    world, moment = made(seed), DAWN + timedelta(hours=hours)
    more = happened_after(moment, seed + 1, world)
    assert unchanged(duckdb, world, more, lambda row: bool(row["happened_at"] <= moment)) > 0


def test_fraud_prediction_feature_extraction(small_world: Path) -> None:
    """All the evidence of an event, as it was when the event was received, whenever it is asked for."""
    audit = audited(small_world, events=72)
    assert audit.leaks == ()
    assert audit.feature_cells == audit.events * 28 == 72 * 28
    assert audit.cells > audit.feature_cells


def test_the_statement_for_one_event_knows_what_the_history_says(small_world: Path, server: Server) -> None:
    with server.pipeline.engine.connect() as connection, connection.begin() as transaction:
        audit = audited_by_statement(small_world, connection, events=40)
        transaction.rollback()
    assert audit.leaks == ()
    assert audit.feature_cells == 40 * 28


def test_the_audit_notices_what_knows_too_much(small_world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    near = phones._near

    def an_hour_later(asked: ir.Table, rows: ir.Table, seconds: float) -> ir.Table:
        hour = ibis.interval(hours=1)
        return near(asked.mutate(happened_at=asked.happened_at + hour, known_at=asked.known_at + hour), rows, seconds)

    monkeypatch.setattr(phones, "_near", an_hour_later)
    leaks = audited(small_world, events=24).leaks
    assert "location_update_frequency" in {leak.column for leak in leaks}
