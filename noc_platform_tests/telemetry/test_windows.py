"""Windows of signals: three-valued remarks, and a table in which the same windows again change nothing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from noc_platform.store.sessions import Database
from noc_platform.telemetry.tables import signal_window
from noc_platform.telemetry.windows import (
    REMARKS,
    WINDOWS_SCHEMA,
    SignalWindow,
    forget,
    keep,
    windows_between,
    windows_table,
)

END = datetime(2026, 3, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SIGNALS = (
    "phone_events_count", "location_updates_count", "movement_distance_meters", "tasks_completed_count",
    "tour_checkpoints_scanned", "is_unheard", "is_outside",
)  # fmt: skip


def window(person: str = "p0", tenant: str = "t", end: datetime = END, **told: Any) -> SignalWindow:
    start = end - 2 * HOUR
    return SignalWindow(
        **{"tenant_id": tenant, "person_id": person, "window_start": start, "window_end": end, "since": start, **told}
    )


@pytest.mark.parametrize(
    ("remark", "told", "wanted"),
    [
        ("is_quiet", {"phone_events_count": 4, "location_updates_count": 2}, True),
        ("is_quiet", {"phone_events_count": 5, "location_updates_count": 2}, False),
        ("is_quiet", {"phone_events_count": 4, "location_updates_count": 3}, False),
        ("is_quiet", {"phone_events_count": 0}, None),
        ("is_quiet", {"location_updates_count": 0}, None),
        ("is_quiet", {"phone_events_count": 5}, False),
        ("is_quiet", {"location_updates_count": 3}, False),
        ("is_idle", {"phone_events_count": 0, "tasks_completed_count": 0}, True),
        ("is_idle", {"phone_events_count": 1, "tasks_completed_count": 0}, False),
        ("is_idle", {"phone_events_count": 0, "tasks_completed_count": 1}, False),
        ("is_idle", {"phone_events_count": 0}, None),
        ("is_idle", {"tasks_completed_count": 0}, None),
        ("is_idle", {"tasks_completed_count": 1}, False),
        ("is_still", {"movement_distance_meters": 0.0}, True),
        ("is_still", {"movement_distance_meters": 9.99}, True),
        ("is_still", {"movement_distance_meters": 10.0}, False),
        ("is_without_position", {"phone_events_count": 5, "location_updates_count": 0}, True),
        ("is_without_position", {"phone_events_count": 4, "location_updates_count": 0}, False),
        ("is_without_position", {"phone_events_count": 5, "location_updates_count": 1}, False),
        ("is_without_position", {"phone_events_count": 5}, None),
        ("is_without_position", {"location_updates_count": 0}, None),
        ("is_without_position", {"location_updates_count": 1}, False),
        ("misses_checkpoints", {"checkpoints_due": 1, "tour_checkpoints_scanned": 0}, True),
        ("misses_checkpoints", {"checkpoints_due": 1, "tour_checkpoints_scanned": 1}, False),
        ("misses_checkpoints", {"checkpoints_due": 0, "tour_checkpoints_scanned": 0}, False),
        ("misses_checkpoints", {"checkpoints_due": 1}, None),
        ("misses_checkpoints", {}, False),
        ("misses_tasks", {"tasks_due": 1, "tasks_completed_count": 0}, True),
        ("misses_tasks", {"tasks_due": 1, "tasks_completed_count": 1}, False),
        ("misses_tasks", {"tasks_due": 0, "tasks_completed_count": 0}, False),
        ("misses_tasks", {"tasks_due": 1}, None),
        ("misses_tasks", {}, False),
    ],
)
def test_each_remark_holds_does_not_or_is_not_known(remark: str, told: dict[str, Any], wanted: bool | None) -> None:
    found = window(**told)
    assert getattr(found, remark) is wanted
    assert not wanted or found.says_something


def test_of_whom_nothing_is_known_nothing_is_said() -> None:
    """Defect 43: what is missing was taken for 100, healthy; nor is it zero."""
    unknown = window(tasks_due=3, checkpoints_due=4)
    assert {remark: getattr(unknown, remark) for remark in REMARKS} == dict.fromkeys(REMARKS)
    assert not unknown.says_something


@pytest.mark.parametrize("remark", ["is_unheard", "is_outside"])
def test_what_the_collector_remarks_counts_as_the_rest(remark: str) -> None:
    for is_so in (True, False):
        told: dict[str, Any] = {remark: is_so}
        assert window(**told).says_something is is_so


COUNTS = st.none() | st.integers(0, 8)
WINDOWS = st.builds(
    window,
    phone_events_count=COUNTS,
    location_updates_count=COUNTS,
    movement_distance_meters=st.none() | st.floats(0, 20),
    tasks_completed_count=COUNTS,
    tour_checkpoints_scanned=COUNTS,
    tasks_due=st.integers(0, 2),
    checkpoints_due=st.integers(0, 2),
    is_unheard=st.none() | st.booleans(),
    is_outside=st.none() | st.booleans(),
)


def completions(found: SignalWindow) -> Iterator[SignalWindow]:
    """The window with what is not known made known: every way that could change a remark."""
    values: dict[str, tuple[Any, ...]] = dict.fromkeys(SIGNALS, (0, 1, 2, 3, 4, 5, 10, 50))
    values |= dict.fromkeys(("is_unheard", "is_outside"), (False, True))
    missing = [name for name in SIGNALS if getattr(found, name) is None]
    # One remark rests on two signals at most: whatever one of them is, the other stays or goes to an extreme.
    for name in missing:
        for value in values[name]:
            one = replace(found, **{name: value})
            yield one
            for other in missing:
                for extreme in (values[other][0], values[other][-1]):
                    if other != name:
                        yield replace(one, **{other: extreme})


@given(found=WINDOWS)
def test_a_remark_is_known_just_when_whatever_is_still_unknown_could_not_change_it(found: SignalWindow) -> None:
    possible = list(completions(found)) or [found]
    for remark in REMARKS:
        said = {getattr(each, remark) for each in possible} - {None}
        known = getattr(found, remark)
        assert said == {known} if known is not None else said == {True, False}


def test_the_schema_is_the_tables() -> None:
    columns = {column.name: column.nullable for column in signal_window.columns}
    assert {field.name: field.nullable for field in WINDOWS_SCHEMA} == columns


def test_every_remark_has_its_column() -> None:
    rows = windows_table([window(is_unheard=True, movement_distance_meters=3.0, checkpoints_due=2)]).to_pylist()
    assert rows[0]["is_still"] is True
    assert rows[0]["is_unheard"] is True
    assert rows[0]["misses_checkpoints"] is None
    assert windows_table([]).schema == WINDOWS_SCHEMA


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """A transaction that leaves nothing behind."""
    with database.engine.connect() as opened:
        yield opened
        opened.rollback()


def held(connection: Connection, tenant: str) -> list[dict[str, Any]]:
    found = windows_between(connection, END - 100 * HOUR, END + 100 * HOUR).to_pylist()
    return [row for row in found if row["tenant_id"] == tenant]


def versions(connection: Connection, tenant: str) -> set[tuple[str, str]]:
    """Which physical version of each row there is: a row that is written again has another."""
    question = "select person_id, ctid::text from noc_signal_window where tenant_id = :tenant"
    return {(person, place) for person, place in connection.execute(text(question), {"tenant": tenant})}


def test_the_same_windows_again_change_nothing(connection: Connection, tenant: str) -> None:
    told = [
        window("p0", tenant, phone_events_count=0, tasks_completed_count=0, silence="NO_COVERAGE",
               silence_reason='said "nothing",\nand, then, nothing'),
        window("p1", tenant, is_unheard=True, site_id="s1", last_heard_at=END - HOUR, movement_distance_meters=0.1),
    ]  # fmt: skip
    assert keep(connection, told) == 2
    before = versions(connection, tenant)
    assert keep(connection, reversed(told)) == 0
    assert versions(connection, tenant) == before
    assert held(connection, tenant) == windows_table(told).to_pylist()


def test_a_later_look_at_the_same_moment_replaces_the_earlier(connection: Connection, tenant: str) -> None:
    keep(connection, [window("p0", tenant, is_unheard=True), window("p1", tenant, is_unheard=True)])
    changed = window("p0", tenant, is_unheard=True, phone_events_count=3, location_updates_count=0)
    assert keep(connection, [changed, window("p1", tenant, is_unheard=True)]) == 1
    assert held(connection, tenant)[0] == windows_table([changed]).to_pylist()[0]
    assert keep(connection, [replace(changed, phone_events_count=None)]) == 1
    assert held(connection, tenant)[0]["is_quiet"] is None, "what is not known any more is not kept as known"
    assert keep(connection, []) == 0
    assert len(held(connection, tenant)) == 2


def test_windows_are_read_by_their_end_both_included(connection: Connection, tenant: str) -> None:
    keep(connection, [window("p0", tenant, END + number * HOUR, is_unheard=True) for number in range(-2, 3)])
    found = windows_between(connection, END - HOUR, END + HOUR)
    assert found.schema == WINDOWS_SCHEMA
    ends = [row["window_end"] for row in found.to_pylist() if row["tenant_id"] == tenant]
    assert ends == [END - HOUR, END, END + HOUR]
    assert windows_between(connection, END - 300 * HOUR, END - 200 * HOUR).schema == WINDOWS_SCHEMA


def hold(connection: Connection, tenant: str, person: str, end: datetime) -> None:
    """An incident that holds one window."""
    incident = {
        "incident": uuid4(), "tenant": tenant, "person": person, "end": end, "start": end - HOUR,
    }  # fmt: skip
    columns = {
        "incident_id": ":incident", "tenant_id": ":tenant", "title": "'t'", "score_parts": "'{}'",
        "related_alerts_count": "0", "people_count": "1", "started_at": ":start", "ended_at": ":end",
        "detected_at": ":end", "created_at": ":end", "updated_at": ":end",
    }  # fmt: skip
    written = f"insert into noc_correlated_incident ({', '.join(columns)}) values ({', '.join(columns.values())})"
    connection.execute(text(written), incident)
    member = """insert into noc_incident_signal (tenant_id, person_id, window_end, incident_id)
                values (:tenant, :person, :end, :incident)"""
    connection.execute(text(member), incident)


def test_what_an_incident_holds_is_not_forgotten(connection: Connection, tenant: str) -> None:
    old, older = END - 30 * HOUR, END - 40 * HOUR
    people = [("p0", old), ("p0", older), ("p1", old), ("p0", END)]
    keep(connection, [window(person, tenant, end, is_unheard=True) for person, end in people])
    hold(connection, tenant, "p0", old)
    assert forget(connection, END) >= 2
    left = [(row["person_id"], row["window_end"]) for row in held(connection, tenant)]
    assert left == [("p0", old), ("p0", END)], "of others and of other moments of theirs nothing is held"
    assert forget(connection, END) == 0


def test_what_an_incident_of_another_tenant_holds_is_no_reason(connection: Connection, tenant: str) -> None:
    keep(connection, [window("p0", tenant, END - HOUR, is_unheard=True)])
    hold(connection, f"{tenant}-other", "p0", END - HOUR)
    forget(connection, END)
    assert held(connection, tenant) == []
