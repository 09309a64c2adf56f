"""The five signals: each engine against an obvious loop, and the rules people rely on, one by one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples

from noc_platform.settings import MovementPolicy
from noc_platform.store.sessions import Server
from noc_platform.telemetry.queries import all_sources
from noc_platform.telemetry.signals import Grain, instant, person_signals, site_signals
from noc_platform.telemetry.vocabulary import Signal, Window
from noc_platform_tests.engines import Engine, opened, tables_of
from noc_platform_tests.strategies import MIDNIGHT, TENANT, Day, Row, days
from noc_platform_tests.telemetry.plain import plain_signals

POLICY = MovementPolicy(worst_accuracy_meters=100, top_speed_kmh=150)
WHOLE_DAY = Window(MIDNIGHT, MIDNIGHT + timedelta(days=1))
HOUR = timedelta(hours=1)
ENGINES = ["duckdb", "postgres", pytest.param("spark", marks=pytest.mark.spark)]
# Shrinking a failure on a real engine takes minutes and tells little more: the failing day is printed as it is.
FIND = (Phase.explicit, Phase.reuse, Phase.generate)
EIGHT = MIDNIGHT + timedelta(hours=8)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest, server: Server) -> Iterator[Engine]:
    with opened(request.param, server) as engine:
        yield engine


@pytest.fixture(scope="module")
def duckdb(server: Server) -> Iterator[Engine]:
    with opened("duckdb", server) as engine:
        yield engine


def hourly(engine: Engine, day: Day, window: Window = WHOLE_DAY, known_at: datetime | None = None) -> dict[Any, Row]:
    engine.hold(tables_of(day))
    known = None if known_at is None else instant(known_at)
    rows = engine.rows(person_signals(all_sources(), Grain.hourly(window), POLICY, known))
    return {(row["person_id"], row["bucket"]): row for row in rows}


def whole(engine: Engine, day: Day, start: datetime, end: datetime) -> dict[Any, Row]:
    engine.hold(tables_of(day))
    rows = engine.rows(person_signals(all_sources(), Grain.whole(instant(start), instant(end)), POLICY))
    return {(row["person_id"], row["bucket"]): row for row in rows}


def assert_agree(found: dict[Any, Row], expected: dict[Any, Row]) -> None:
    assert found.keys() == expected.keys()
    for key, wanted in expected.items():
        got = {name: found[key][name] for name in wanted}
        meters, wanted_meters = got.pop("movement_distance_meters"), wanted["movement_distance_meters"]
        assert got == {name: value for name, value in wanted.items() if name != "movement_distance_meters"}, key
        if wanted_meters is None:
            assert meters is None, key
        else:
            assert meters == pytest.approx(wanted_meters, rel=7e-3, abs=0.01), key


@examples(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=FIND)
@given(day=days())
def test_hourly_signals_agree_with_a_plain_loop(engine: Engine, day: Day) -> None:
    assert_agree(hourly(engine, day), plain_signals(day, WHOLE_DAY.start, WHOLE_DAY.end, HOUR))


@examples(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), phases=FIND)
@given(day=days())
def test_signals_of_one_window_agree_with_a_plain_loop(engine: Engine, day: Day) -> None:
    start, end = EIGHT - timedelta(minutes=17), EIGHT + timedelta(minutes=103)
    assert_agree(whole(engine, day, start, end), plain_signals(day, start, end, end - start))


@examples(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), phases=FIND)
@given(day=days())
def test_what_was_not_known_yet_does_not_count(duckdb: Engine, day: Day) -> None:
    known_at = MIDNIGHT + timedelta(hours=30)
    assert_agree(
        hourly(duckdb, day, known_at=known_at), plain_signals(day, WHOLE_DAY.start, WHOLE_DAY.end, HOUR, known_at)
    )


@examples(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=FIND)
@given(day=days())
def test_a_day_reads_the_same_alone_as_among_others(duckdb: Engine, day: Day) -> None:
    three = hourly(duckdb, day, WHOLE_DAY.widened(timedelta(days=1), timedelta(days=1)))
    assert hourly(duckdb, day) == {key: row for key, row in three.items() if WHOLE_DAY.start <= key[1] < WHOLE_DAY.end}


def fix(person: str, moment: datetime, latitude: float, longitude: float, accuracy: float | None = None) -> Row:
    return {
        "tenant_id": TENANT,
        "person_id": person,
        "occurred_at": moment,
        "received_at": moment,
        "latitude": latitude,
        "longitude": longitude,
        "accuracy_meters": accuracy,
    }


def event(person: str, moment: datetime, received: datetime | None = None) -> Row:
    return {
        "tenant_id": TENANT,
        "person_id": person,
        "occurred_at": moment,
        "received_at": received or moment,
        "event_kind": "stepcount",
    }


def checkpoint(number: int, ended: datetime | None, planned: datetime = EIGHT, **changes: Any) -> Row:
    return {
        "tenant_id": TENANT,
        "jobneed_id": f"c{number}",
        "person_id": "p0",
        "performed_by": None,
        "parent_id": "tour-1",
        "identifier": "INTERNALTOUR",
        "status": "COMPLETED" if ended else "ASSIGNED",
        "scan_type": "QR",
        "planned_at": planned,
        "ended_at": ended,
        "occurred_at": ended or planned,
        "received_at": ended or planned,
        **changes,
    }


def checkpoints_scanned(engine: Engine, rows: list[Row]) -> int | None:
    value: int | None = hourly(engine, Day(jobneeds=rows))["p0", EIGHT][Signal.CHECKPOINTS]
    return value


def test_collect_tour_checkpoints_none(engine: Engine) -> None:
    assert checkpoints_scanned(engine, [checkpoint(n, None) for n in range(4)]) == 0


def test_collect_tour_checkpoints_partial(engine: Engine) -> None:
    planned = [checkpoint(n, None) for n in range(4)]
    assert (
        checkpoints_scanned(engine, [*planned, checkpoint(0, EIGHT), checkpoint(1, EIGHT + timedelta(minutes=5))]) == 2
    )


def test_collect_tour_checkpoints_complete(engine: Engine) -> None:
    scans = [checkpoint(n, EIGHT + timedelta(minutes=n)) for n in range(4)]
    assert checkpoints_scanned(engine, [*[checkpoint(n, None) for n in range(4)], *scans]) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"parent_id": None},
        {"identifier": "TASK"},
        {"status": "AUTOCLOSED"},
        {"scan_type": "SKIP"},
        {"performed_by": "p1"},
    ],
    ids=["no tour above it", "child of a task", "closed by the server", "skipped", "scanned by somebody else"],
)
def test_what_is_no_scan_by_the_guard_is_not_counted(duckdb: Engine, changes: Row) -> None:
    assert checkpoints_scanned(duckdb, [checkpoint(0, None), checkpoint(0, EIGHT, **changes)]) == 0


def test_no_tour_due_is_not_zero_checkpoints(duckdb: Engine) -> None:
    row = hourly(duckdb, Day(device_events=[event("p0", EIGHT)], jobneeds=[checkpoint(0, None, person_id="p1")]))[
        "p0", EIGHT
    ]
    assert row[Signal.CHECKPOINTS] is None
    assert row[Signal.TASKS] is None


def test_movement_is_geodesic_metres(engine: Engine) -> None:
    """One thousandth of a degree of longitude on the equator is 111.32 m, not 0.001."""
    row = hourly(
        engine, Day(location_updates=[fix("p0", EIGHT, 0, 0), fix("p0", EIGHT + timedelta(minutes=1), 0, 0.001)])
    )
    assert row["p0", EIGHT][Signal.MOVEMENT] == pytest.approx(111.32, abs=0.01)


def test_one_fix_is_not_standing_still(duckdb: Engine) -> None:
    row = hourly(duckdb, Day(location_updates=[fix("p0", EIGHT, 0, 0)]))["p0", EIGHT]
    assert row[Signal.MOVEMENT] is None
    assert row[Signal.LOCATION_UPDATES] == 1


def test_jitter_of_a_still_phone_is_no_movement(duckdb: Engine) -> None:
    still = [fix("p0", EIGHT + timedelta(minutes=n), 38.0, 23.7 + (n % 2) * 0.0001, 15.0) for n in range(50)]
    assert hourly(duckdb, Day(location_updates=still))["p0", EIGHT][Signal.MOVEMENT] == 0.0


def test_a_stray_fix_counts_no_more_than_a_car_could_drive(duckdb: Engine) -> None:
    stray = [fix("p0", EIGHT, 38.0, 23.7), fix("p0", EIGHT + timedelta(minutes=1), 48.0, 2.0)]
    assert hourly(duckdb, Day(location_updates=stray))["p0", EIGHT][Signal.MOVEMENT] == pytest.approx(2_500)


def test_the_end_of_a_window_belongs_to_the_next(engine: Engine) -> None:
    found = hourly(engine, Day(device_events=[event("p0", EIGHT), event("p0", EIGHT + HOUR)]))
    assert (found["p0", EIGHT][Signal.PHONE_EVENTS], found["p0", EIGHT + HOUR][Signal.PHONE_EVENTS]) == (1, 1)


def test_a_late_event_counts_when_it_happened(duckdb: Engine) -> None:
    late = event("p0", EIGHT, received=EIGHT + timedelta(days=2))
    assert hourly(duckdb, Day(device_events=[late])).keys() == {("p0", EIGHT)}


def shift(person: str, site: str, start: datetime, hours: int) -> Row:
    return {
        "tenant_id": TENANT,
        "person_id": person,
        "site_id": site,
        "starts_at": start,
        "ends_at": start + timedelta(hours=hours),
        "is_cancelled": False,
        "received_at": MIDNIGHT - timedelta(days=3),
    }


def test_on_duty_and_unheard_is_a_row_of_nulls(engine: Engine) -> None:
    day = Day(device_events=[event("p1", EIGHT)], shifts=[shift("p0", "s1", EIGHT, 1)])
    row = hourly(engine, day)["p0", EIGHT]
    assert row["is_on_duty"] is True
    assert row["site_id"] == "s1"
    assert [row[signal] for signal in Signal] == [None] * 5


def test_idle_is_zero_while_the_phone_is_heard(duckdb: Engine) -> None:
    day = Day(
        device_events=[event("p1", EIGHT)],
        location_updates=[fix("p0", EIGHT, 38, 23.7), fix("p0", EIGHT + timedelta(minutes=9), 38, 23.7)],
    )
    row = hourly(duckdb, day)["p0", EIGHT]
    assert (row[Signal.PHONE_EVENTS], row[Signal.MOVEMENT]) == (0, 0.0)


def test_a_dead_feed_is_not_an_idle_guard(duckdb: Engine) -> None:
    row = hourly(duckdb, Day(location_updates=[fix("p0", EIGHT, 38, 23.7)]))["p0", EIGHT]
    assert row[Signal.PHONE_EVENTS] is None
    assert row["has_device_feed"] is False


def test_a_night_shift_goes_on_after_midnight(duckdb: Engine) -> None:
    evening = MIDNIGHT - timedelta(hours=2)
    found = hourly(duckdb, Day(shifts=[shift("p0", "s0", evening, 8)]))
    assert sorted(key[1].hour for key in found) == [0, 1, 2, 3, 4, 5]


def test_a_site_is_the_sum_of_the_guards_on_duty_there(engine: Engine) -> None:
    day = Day(
        device_events=[*[event("p0", EIGHT)] * 3, *[event("p1", EIGHT)] * 4, event("p2", EIGHT)],
        shifts=[shift("p0", "s0", EIGHT, 8), shift("p1", "s0", EIGHT, 8), shift("p2", "s1", EIGHT, 8)],
    )
    engine.hold(tables_of(day))
    people = person_signals(all_sources(), Grain.hourly(Window(EIGHT, EIGHT + HOUR)), POLICY)
    sites = {row["site_id"]: row for row in engine.rows(site_signals(people))}
    assert sites["s0"]["people_on_duty"] == 2
    assert sites["s0"][Signal.PHONE_EVENTS] == 7
    assert sites["s1"][Signal.PHONE_EVENTS] == 1
    assert sites["s1"][Signal.CHECKPOINTS] is None


def test_somebody_off_duty_does_not_count_for_a_site(duckdb: Engine) -> None:
    day = Day(device_events=[event("p0", EIGHT)], shifts=[shift("p0", "s0", EIGHT + 4 * HOUR, 4)])
    duckdb.hold(tables_of(day))
    people = person_signals(all_sources(), Grain.hourly(Window(EIGHT, EIGHT + HOUR)), POLICY)
    assert duckdb.rows(people)[0]["is_on_duty"] is False
    assert duckdb.rows(site_signals(people)) == []


def test_hours_are_full_hours() -> None:
    with pytest.raises(ValueError, match="full hours"):
        Grain.hourly(Window(EIGHT + timedelta(minutes=1), EIGHT + HOUR))


def test_instants_need_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        Window(datetime(2026, 1, 1), datetime(2026, 1, 2, tzinfo=UTC))  # noqa: DTZ001 - that is the point
