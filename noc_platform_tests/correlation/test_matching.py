"""Which signals and alerts belong together: the expression against the rule written down plainly, on each engine."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noc_platform.correlation.alerts.queries import OCCURRENCES_SCHEMA
from noc_platform.correlation.matching import belonging, bounded, continuations, matches
from noc_platform.settings import CorrelationPolicy
from noc_platform.store.sessions import Server
from noc_platform.telemetry.windows import WINDOWS_SCHEMA, SignalWindow, windows_table
from noc_platform_tests.correlation.stories_told import (
    HOUR,
    MINUTE,
    NOON,
    POLICY,
    Occurrence,
    Pair,
    occurrences,
    plain_pairs,
    unheard,
    window,
)
from noc_platform_tests.engines import Engine, opened

ENGINES = ["duckdb", "postgres", pytest.param("spark", marks=pytest.mark.spark)]


def unbound(name: str, schema: Any) -> ir.Table:
    return ibis.table(
        {field: kind.copy(nullable=True) for field, kind in ibis.Schema.from_pyarrow(schema).items()}, name
    )


WINDOWS, ALERTS = unbound("told_windows", WINDOWS_SCHEMA), unbound("raised_alerts", OCCURRENCES_SCHEMA)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest, server: Server) -> Iterator[Engine]:
    with opened(request.param, server) as found:
        yield found


@pytest.fixture(scope="module")
def duckdb(server: Server) -> Iterator[Engine]:
    with opened("duckdb", server) as found:
        yield found


def hold(engine: Engine, windows: Sequence[SignalWindow], raised: Sequence[Occurrence]) -> None:
    engine.hold({"told_windows": windows_table(windows), "raised_alerts": occurrences(raised)})


def rows_of(
    engine: Engine, windows: Sequence[SignalWindow], raised: Sequence[Occurrence], policy: CorrelationPolicy = POLICY
) -> list[dict[str, Any]]:
    hold(engine, windows, raised)
    return engine.rows(matches(WINDOWS, ALERTS, policy))


def pairs_of(engine: Engine, windows: Sequence[SignalWindow], raised: Sequence[Occurrence]) -> list[Pair]:
    by_event = {str(each.event_id): each.event_id for each in raised}
    return sorted(
        Pair(
            row["person_id"], row["window_end"], by_event[row["event_id"]],
            row["entity"], row["proximity"], row["consistency"],
        )
        for row in rows_of(engine, windows, raised)
    )  # fmt: skip


@st.composite
def told_windows(draw: st.DrawFn) -> list[SignalWindow]:
    count = st.none() | st.integers(0, 8)
    flag = st.none() | st.booleans()
    keys = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 16)), unique=True, max_size=6))
    return [
        window(
            f"p{person}",
            NOON + quarter * 15 * MINUTE,
            since=NOON + quarter * 15 * MINUTE - timedelta(seconds=draw(st.integers(1, 4 * 3600))),
            site_id=draw(st.sampled_from(["s0", "s1", None])),
            phone_events_count=draw(count), location_updates_count=draw(count),
            movement_distance_meters=draw(st.none() | st.sampled_from([0.0, 9.9, 50.0])),
            tasks_completed_count=draw(count), tour_checkpoints_scanned=draw(count),
            tasks_due=draw(st.integers(0, 2)), checkpoints_due=draw(st.integers(0, 2)),
            is_unheard=draw(flag), is_outside=draw(flag),
        )
        for person, quarter in keys
    ]  # fmt: skip


TYPES = (
    "DEVICE_OFFLINE", "GEOFENCE_BREACH", "TOUR_OVERDUE", "GUARD_INACTIVITY", "WORK_ORDER_OVERDUE",
    "ATTENDANCE_MISSING", "SENSOR_THRESHOLD",
)  # fmt: skip


@st.composite
def raised_alerts(draw: st.DrawFn) -> list[Occurrence]:
    return [
        Occurrence(
            number,
            NOON + timedelta(seconds=draw(st.integers(-5 * 3600, 5 * 3600))),
            draw(st.sampled_from(TYPES)),
            draw(st.sampled_from(["INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"])),
            draw(st.sampled_from(["p0", "p1", None])),
            draw(st.sampled_from(["s0", "s1", None])),
            draw(st.sampled_from(["t0", "t1"])),
        )
        for number in range(draw(st.integers(0, 6)))
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(windows=told_windows(), raised=raised_alerts())
def test_pairs_are_those_of_the_rule_written_down(
    duckdb: Engine, windows: list[SignalWindow], raised: list[Occurrence]
) -> None:
    assert pairs_of(duckdb, windows, raised) == plain_pairs(windows, raised)


def test_every_engine_finds_the_same_pairs(engine: Engine) -> None:
    windows = [
        unheard("p0"), unheard("p1", NOON + HOUR, site_id="s1"), window("p2", phone_events_count=2, is_outside=True),
        window("p3", site_id=None, tasks_due=1, tasks_completed_count=0, checkpoints_due=2, tour_checkpoints_scanned=0),
    ]  # fmt: skip
    raised = [
        Occurrence(number, NOON + number * 7 * MINUTE - 2 * HOUR, TYPES[number % len(TYPES)], person=f"p{number % 5}",
                   site=("s0", "s1", None)[number % 3])
        for number in range(30)
    ]  # fmt: skip
    found = pairs_of(engine, windows, raised)
    assert len(found) > 20
    assert found == plain_pairs(windows, raised)


def test_signal_correlation_time_window(duckdb: Engine) -> None:
    """Fifteen minutes before what signals say begins, and fifteen after it ends, both included; not a second more."""
    told = unheard()  # since 11:00, until 12:00
    second = timedelta(seconds=1)
    at = {
        "too early": told.since - 15 * MINUTE - second,
        "early": told.since - 15 * MINUTE,
        "within": NOON - 20 * MINUTE,
        "late": NOON + 15 * MINUTE,
        "too late": NOON + 15 * MINUTE + second,
    }
    raised = [Occurrence(number, moment) for number, moment in enumerate(at.values())]
    found = {row["event_id"] for row in rows_of(duckdb, [told], raised)}
    assert found == {str(raised[list(at).index(name)].event_id) for name in ("early", "within", "late")}


def test_signal_correlation_entity_matching(duckdb: Engine) -> None:
    """The same person and site, the same person elsewhere, the same site: honestly told apart (defect 38). Nobody else,
    and no other tenant's (defect 45)."""
    raised = [
        Occurrence(0, NOON, person="p0", site="s0"),
        Occurrence(1, NOON, person="p0", site="s9"),
        Occurrence(2, NOON, person="p0", site=None),
        Occurrence(3, NOON, person="p7", site="s0"),
        Occurrence(4, NOON, person=None, site="s0"),
        Occurrence(5, NOON, person="p7", site="s9"),
        Occurrence(6, NOON, person=None, site=None),
        Occurrence(7, NOON, person="p0", site="s0", tenant="t1"),
    ]
    found = {row["event_id"]: row["entity"] for row in rows_of(duckdb, [unheard()], raised)}
    expected = {0: 0.5, 1: 0.4, 2: 0.4, 3: 0.25, 4: 0.25}
    assert found == {str(raised[number].event_id): entity for number, entity in expected.items()}


def test_an_alert_is_held_against_what_signals_say_and_not_against_now(duckdb: Engine) -> None:
    """Defect 40: centred on now, the half after it is empty; what comes later belongs as well."""
    told = unheard()
    later = Occurrence(0, told.window_end + 10 * MINUTE)
    (row,) = rows_of(duckdb, [told], [later])
    assert row["proximity"] == 0.2
    assert row["apart_seconds"] == 600


@pytest.mark.parametrize(
    ("minutes", "proximity"), [(0, 0.3), (5, 0.3), (6, 0.2), (10, 0.2), (11, 0.1), (15, 0.1), (-30, 0.3)]
)
def test_proximity_is_how_near_the_alert_is_to_what_signals_say(duckdb: Engine, minutes: int, proximity: float) -> None:
    (row,) = rows_of(duckdb, [unheard()], [Occurrence(0, NOON + minutes * MINUTE)])
    assert row["proximity"] == proximity


def test_a_score_is_its_parts_and_never_more_than_one(duckdb: Engine) -> None:
    (row,) = rows_of(duckdb, [unheard()], [Occurrence(0, NOON)])
    assert (row["entity"], row["proximity"], row["consistency"], row["score"]) == (0.5, 0.3, 0.2, 1.0)


def test_what_is_not_known_of_signals_agrees_with_nothing(duckdb: Engine) -> None:
    """Defect 43: missing signals were taken for healthy ones; neither are they ill."""
    silent = window(is_outside=None)
    raised = [Occurrence(number, NOON, kind) for number, kind in enumerate(TYPES)]
    rows = rows_of(duckdb, [silent], raised)
    assert {row["consistency"] for row in rows} == {0.0}
    assert {row["signal_rank"] for row in rows} == {0}
    assert not any(row["is_telling"] for row in rows)


def test_signals_are_as_bad_as_they_say(duckdb: Engine) -> None:
    """domain.md §2.2: fewer than 5 phone events and 3 positions are MEDIUM, none and no task HIGH."""
    told: dict[str, dict[str, Any]] = {
        "idle": {"phone_events_count": 0, "tasks_completed_count": 0, "location_updates_count": 9},
        "quiet": {"phone_events_count": 4, "location_updates_count": 2},
        "unheard": {"is_unheard": True},
        "missing": {"checkpoints_due": 1, "tour_checkpoints_scanned": 0},
        "usual": {"phone_events_count": 50, "location_updates_count": 30},
    }
    windows = [window(name, **signals) for name, signals in told.items()]
    rows = rows_of(duckdb, windows, [Occurrence(0, NOON, person=None)])
    assert {row["person_id"]: row["signal_rank"] for row in rows} == {
        "idle": 3, "quiet": 2, "unheard": 2, "missing": 1, "usual": 0,
    }  # fmt: skip


def test_a_severity_nobody_knows_is_the_least_and_stops_nothing(duckdb: Engine) -> None:
    """Defect 46: an unknown severity raised, and was swallowed with all the rest."""
    raised = [Occurrence(0, NOON, severity="APOCALYPTIC"), Occurrence(1, NOON, severity="CRITICAL")]
    ranks = {row["event_id"]: row["alert_rank"] for row in rows_of(duckdb, [unheard()], raised)}
    assert ranks == {str(raised[0].event_id): 0, str(raised[1].event_id): 4}


def belonging_events(engine: Engine, windows: list[SignalWindow], raised: list[Occurrence]) -> set[int]:
    hold(engine, windows, raised)
    rows = engine.rows(belonging(matches(WINDOWS, ALERTS, POLICY), POLICY))
    numbers = {str(each.event_id): each.number for each in raised}
    return {numbers[row["event_id"]] for row in rows}


def test_signals_that_say_nothing_are_no_story_unless_the_alert_says_the_same(duckdb: Engine) -> None:
    usual = window(phone_events_count=50, location_updates_count=30, movement_distance_meters=0.0)
    raised = [Occurrence(0, NOON, "DEVICE_OFFLINE"), Occurrence(1, NOON, "GUARD_INACTIVITY")]
    assert belonging_events(duckdb, [usual], raised) == {1}


def test_what_is_raised_of_somebody_else_is_not_ones_own_story(duckdb: Engine) -> None:
    raised = [
        Occurrence(0, NOON, person="p7"), Occurrence(1, NOON, person=None),
        Occurrence(2, NOON, "SENSOR_THRESHOLD", person=None),
    ]  # fmt: skip
    assert belonging_events(duckdb, [unheard()], raised) == {1}


def continued(engine: Engine, windows: list[SignalWindow]) -> set[tuple[str, int, str, int]]:
    hold(engine, windows, [])
    minutes = {each.window_end: int((each.window_end - NOON) / MINUTE) for each in windows}
    return {
        (row["person_id"], minutes[row["window_end"]], row["next_person_id"], minutes[row["next_window_end"]])
        for row in engine.rows(continuations(WINDOWS, POLICY))
    }


def test_a_window_goes_on_with_the_next_that_says_the_same(engine: Engine) -> None:
    windows = [
        unheard("p0"), unheard("p0", NOON + HOUR), unheard("p0", NOON + 2 * HOUR + 15 * MINUTE),
        unheard("p0", NOON + 4 * HOUR), window("p1", checkpoints_due=1, tour_checkpoints_scanned=0),
        unheard("p1", NOON + HOUR), window("p2", movement_distance_meters=0.0),
        window("p2", NOON + HOUR, movement_distance_meters=0.0), replace(unheard("p0", NOON + HOUR), tenant_id="t1"),
    ]  # fmt: skip
    assert continued(engine, windows) == {("p0", 0, "p0", 60), ("p0", 60, "p0", 135)}


def test_a_silent_site_is_one_story_of_all_its_guards(duckdb: Engine) -> None:
    told: dict[str, Any] = {"silence": "SITE_SILENT"}
    windows = [
        unheard("p0", **told), unheard("p1", **told), unheard("p2"), unheard("p3", site_id="s1", **told),
        unheard("p4", site_id=None, **told), unheard("p5", site_id=None, **told),
    ]  # fmt: skip
    assert continued(duckdb, windows) == {("p0", 0, "p1", 0)}


def test_of_a_storm_the_worst_of_each_minute_are_looked_at(duckdb: Engine) -> None:
    policy = replace(POLICY, most_a_minute=3)
    raised = [
        Occurrence(number, NOON + timedelta(seconds=number % 60), severity="CRITICAL" if number in (71, 85) else "LOW")
        for number in range(100)
    ]
    elsewhere = Occurrence(200, NOON, severity="INFO", site="s1")
    hold(duckdb, [], [*raised, elsewhere])
    kept = {row["event_id"] for row in duckdb.rows(bounded(ALERTS, policy))}
    assert kept == {str(each.event_id) for each in (raised[71], raised[85], raised[0], elsewhere)}


def test_repeats_of_one_alert_within_a_minute_count_once_and_crowd_nobody_out(duckdb: Engine) -> None:
    policy = replace(POLICY, most_a_minute=2)
    repeats = [
        Occurrence(number, NOON + timedelta(seconds=number), severity="CRITICAL", alert=7) for number in range(50)
    ]
    other = Occurrence(60, NOON, severity="LOW")
    next_minute = Occurrence(61, NOON + 61 * timedelta(seconds=1), alert=7)
    hold(duckdb, [], [*repeats, other, next_minute])
    kept = {row["event_id"] for row in duckdb.rows(bounded(ALERTS, policy))}
    assert kept == {str(each.event_id) for each in (repeats[0], other, next_minute)}
