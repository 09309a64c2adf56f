"""Facts of a moment on real rows: the same from every engine, and from an obvious loop, and as people rely on them."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples

from noc_platform.findings.facts.moment import Facts
from noc_platform.findings.rules.every import drafts
from noc_platform.findings.rules.look import Look
from noc_platform.findings.vocabulary import Depth
from noc_platform.store.sessions import Server
from noc_platform.telemetry.vocabulary import Signal
from noc_platform_tests.findings.facts.asked import (
    ATHENS,
    NOON,
    PARIS,
    POLICY,
    Asked,
    Told,
    asked_of,
    by_person,
    heard,
    job,
    scan,
    shift,
    stamped,
    tour,
)
from noc_platform_tests.strategies import MIDNIGHT, TENANT, Day, Row, days

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
FIND = (Phase.explicit, Phase.reuse, Phase.generate)


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def asked(request: pytest.FixtureRequest, server: Server) -> Iterator[Asked]:
    with asked_of(request.param, server) as engine:
        yield engine


@pytest.fixture(scope="module")
def both(server: Server) -> Iterator[tuple[Asked, Asked]]:
    with asked_of("duckdb", server) as one, asked_of("postgres", server) as other:
        yield one, other


def in_order(facts: Facts) -> dict[str, list[dict[str, Any]]]:
    return {name: sorted((_rounded(row) for row in rows), key=_key) for name, rows in asdict(facts).items()}


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in row.items()}


def _key(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(row.get(name)) for name in ("tenant_id", "person_id", "tour_id", "site_id", "stream"))


@examples(max_examples=25, deadline=None, phases=FIND, suppress_health_check=list(HealthCheck))
@given(day=days())
def test_engines_agree(both: tuple[Asked, Asked], day: Day) -> None:
    one, other = (engine.facts(Told(day), NOON) for engine in both)
    assert in_order(one) == in_order(other)


def plain_words(day: Day, person: str, as_of: datetime, back: timedelta) -> dict[str, Any]:
    told = [
        row
        for row in (*day.device_events, *day.location_updates)
        if row["person_id"] == person
        and row["received_at"] <= as_of
        and as_of - back <= row["occurred_at"] < as_of + 24 * HOUR
    ]
    past = [row["occurred_at"] for row in told if row["occurred_at"] < as_of]
    slots = {int((as_of - row["occurred_at"]).total_seconds() - 1) // 600 for row in told}
    lags = [
        (row["received_at"] - row["occurred_at"]).total_seconds()
        for row in told
        if "event_kind" in row and row["received_at"] > as_of - POLICY.facts.recent
    ]
    return {
        "last_received_at": max((row["received_at"] for row in told), default=None),
        "last_heard_at": max(past, default=None),
        "heard_slots": len({slot for slot in slots if 0 <= slot < 12}),
        "recent_rows": len(lags),
        "median_lag_seconds": median(lags) if lags else None,
    }


@examples(max_examples=60, deadline=None, phases=FIND, suppress_health_check=list(HealthCheck))
@given(day=days())
def test_last_words_agree_with_a_plain_loop(both: tuple[Asked, Asked], day: Day) -> None:
    for guard in both[0].facts(Told(day), NOON).guards:
        near = plain_words(day, guard.person_id, NOON, POLICY.facts.window)
        is_asked_again = guard.is_due and (
            near["last_received_at"] is None or NOON - near["last_received_at"] >= POLICY.silence.unheard
        )
        expected = plain_words(day, guard.person_id, NOON, POLICY.facts.memory) if is_asked_again else near
        assert {name: getattr(guard, name) for name in expected} == expected


def test_a_window_is_half_open_so_that_no_event_counts_twice(asked: Asked) -> None:
    """Windows closed at both ends count what lies on a border in both."""
    border = [stamped(NOON - 2 * HOUR, person_id="p0"), stamped(NOON, person_id="p0")]
    told = Told(Day(device_events=border, shifts=[shift("p0", NOON - 6 * HOUR, 12)]))
    assert by_person(asked.facts(told, NOON))["p0"].phone_events_count == 1
    assert by_person(asked.facts(told, NOON + 2 * HOUR))["p0"].phone_events_count == 1


def test_what_came_later_was_not_known_and_happened_when_it_happened(asked: Asked) -> None:
    """Receipt taken for the event: a phone that was offline would look busy when it syncs."""
    synced = [stamped(NOON - 5 * HOUR + nth * MINUTE, 5 * HOUR + 10 * MINUTE, person_id="p0") for nth in range(30)]
    told = Told(Day(device_events=synced, shifts=[shift("p0", NOON - 6 * HOUR, 12)]))
    before = by_person(asked.facts(told, NOON))["p0"]
    after = by_person(asked.facts(told, NOON + HOUR))["p0"]
    assert (before.last_received_at, before.phone_events_count) == (None, None)
    assert (after.last_heard_at, after.phone_events_count) == (NOON - 5 * HOUR + 29 * MINUTE, None)


def test_a_shift_that_began_last_evening_goes_on_after_midnight(asked: Asked) -> None:
    """Shifts filtered by today's roster date drop out at midnight, in the deep of the night."""
    begun = MIDNIGHT - 2 * HOUR
    punched = stamped(begun, person_id="p0", attendance_id="a", site_id="s0", punched_in_at=begun, punched_out_at=None)
    told = Told(Day(shifts=[shift("p0", begun), shift("p1", begun)], attendance_events=[punched]))
    guards = by_person(asked.facts(told, MIDNIGHT + 3 * HOUR))
    assert guards["p0"].is_punched_in
    assert guards["p0"].shift_starts_at == begun
    assert guards["p1"].is_due


def test_every_signal_reaches_the_rules_under_its_own_name(asked: Asked) -> None:
    """A name with the wrong suffix always reads as zero: a false finding for ever."""
    fixes = [
        stamped(
            NOON - HOUR + nth * MINUTE, person_id="p0", latitude=37.9 + nth / 1000, longitude=23.7, accuracy_meters=3.0
        )
        for nth in range(5)
    ]
    told = Told(
        Day(
            device_events=heard("p0", NOON - HOUR, NOON), location_updates=fixes, shifts=[shift("p0", NOON - 3 * HOUR)],
            jobneeds=[job("j", NOON - HOUR, "COMPLETED", ended_at=NOON - HOUR), scan("tour-1", 1, NOON - HOUR)],
        )
    )  # fmt: skip
    guard = by_person(asked.facts(told, NOON))["p0"]
    assert all(getattr(guard, signal) > 0 for signal in Signal)


def test_a_tour_belongs_to_its_own_site(asked: Asked) -> None:
    """All overdue tours of a tenant taken for each site's."""
    told = Told(
        Day(tours_due=[tour("tour-1", "p0", NOON - 4 * HOUR, "s0"), tour("tour-2", "p1", NOON - 4 * HOUR, "s1")])
    )
    assert {each.tour_id: each.site_id for each in asked.facts(told, NOON).tours} == {"tour-1": "s0", "tour-2": "s1"}


@pytest.mark.parametrize(("hours", "overdue"), [(0.5, 0), (2, 1), (30, 1), (60, 1)])
def test_a_task_stays_overdue_until_it_is_done(asked: Asked, hours: float, overdue: int) -> None:
    """Looking back an hour from when it was made, work that allows an hour is never late and old work vanishes."""
    expires = NOON - hours * HOUR
    told = Told(
        Day(
            jobneeds=[
                job("j", expires - HOUR, "ASSIGNED", planned_at=expires - HOUR, expires_at=expires, grace_minutes=60.0)
            ]
        )
    )
    found = {site.site_id: site.tasks_overdue for site in asked.facts(told, NOON).sites}
    assert found == {"s0": overdue, "s1": 0}


def test_a_task_done_is_neither_overdue_nor_waiting(asked: Asked) -> None:
    planned = NOON - HOUR
    states = [
        job("j", planned, "ASSIGNED", planned_at=planned, expires_at=planned, grace_minutes=0.0),
        job("j", planned + MINUTE, "COMPLETED", ended_at=planned + MINUTE),
        job("k", planned, "ASSIGNED", planned_at=planned, expires_at=NOON, grace_minutes=0.0),
    ]
    facts = asked.facts(Told(Day(jobneeds=states, shifts=[shift("p0", NOON - 6 * HOUR, 12)])), NOON)
    assert by_person(facts)["p0"].tasks_waiting == 1
    assert {site.site_id: site.tasks_overdue for site in facts.sites} == {"s0": 0, "s1": 0}


def test_who_has_no_site_and_sites_without_a_zone_are_there_all_the_same(asked: Asked) -> None:
    punched: Row = {"attendance_id": "a", "site_id": None, "punched_in_at": NOON - HOUR, "punched_out_at": None}
    nowhere = {**stamped(NOON - HOUR, person_id="p1"), **punched}
    told = Told(
        Day(shifts=[shift("p0", NOON - HOUR, site="s1"), shift("p2", NOON - HOUR)], attendance_events=[nowhere]),
        sites=[ATHENS, {**PARIS, "time_zone": None}],
    )
    guards = by_person(asked.facts(told, NOON))
    assert (guards["p0"].site_id, guards["p0"].time_zone) == ("s1", None)
    assert (guards["p1"].site_id, guards["p1"].time_zone, guards["p1"].is_punched_in) == (None, None, True)
    assert (guards["p2"].site_id, guards["p2"].time_zone) == ("s0", "Europe/Athens")


def test_what_a_silent_phone_said_hours_ago_is_remembered_and_a_busy_one_needs_no_memory(asked: Asked) -> None:
    said = [*heard("p0", NOON - 6 * HOUR, NOON - 5 * HOUR, battery_level=4.0), *heard("p1", NOON - 6 * HOUR, NOON)]
    told = Told(Day(device_events=said, shifts=[shift("p0", NOON - 7 * HOUR, 12), shift("p1", NOON - 7 * HOUR, 12)]))
    guards = by_person(asked.facts(told, NOON))
    assert (guards["p0"].battery_level, guards["p0"].last_heard_at) == (4.0, NOON - 5 * HOUR - 5 * MINUTE)
    assert guards["p1"].heard_slots == 12


def test_of_a_late_tour_it_is_known_how_much_was_heard_of_its_walker_meanwhile(asked: Asked) -> None:
    due = NOON - 3 * HOUR
    late = [tour("tour-1", "p0", due), tour("tour-2", "p1", due), tour("tour-3", "p0", NOON - HOUR)]
    said = [*heard("p0", due, due + 90 * MINUTE), *heard("p1", due - 2 * HOUR, due), *heard("p1", due + 2 * HOUR, NOON)]
    facts = asked.facts(Told(Day(device_events=said, tours_due=late)), NOON)
    assert {each.tour_id: each.heard_slots for each in facts.tours} == {"tour-1": 9, "tour-2": 0, "tour-3": None}


def test_a_tour_counts_what_was_scanned_and_neither_what_was_skipped_nor_what_the_server_closed(asked: Asked) -> None:
    due = NOON - 2 * HOUR
    scans = [scan("tour-1", number, due + number * MINUTE) for number in range(2)]
    scans += [scan("tour-1", 2, due, scan_type="SKIP"), {**scan("tour-1", 3, due), "status": "AUTOCLOSED"}]
    (found,) = asked.facts(Told(Day(jobneeds=[*scans, *scans], tours_due=[tour("tour-1", "p0", due)])), NOON).tours
    assert (found.scanned, found.median_gap_seconds, found.is_ended) == (2, 60.0, False)


def test_one_row_says_when_each_feed_delivered_last_and_who_should_have_been_heard_since(asked: Asked) -> None:
    on = [shift("p0", NOON - 6 * HOUR, 12), shift("p1", NOON - 6 * HOUR, 12, "s1"), shift("p2", NOON - 9 * HOUR, 8)]
    said, done = heard("p0", NOON - 6 * HOUR, NOON - 50 * MINUTE), job("j", NOON - 5 * MINUTE, "COMPLETED")
    found = asked.facts(Told(Day(device_events=said, jobneeds=[done], shifts=on)), NOON).feeds
    feeds = {feed.stream: (feed.last_received_at, feed.guards_due, feed.sites_due) for feed in found}
    assert feeds == {"device_events": (NOON - 55 * MINUTE, 2, 2), "jobneeds": (NOON - 5 * MINUTE, 0, 0)}


def test_alerts_are_counted_at_their_site(asked: Asked) -> None:
    raised = [
        stamped(NOON - MINUTE * nth, site_id="s0", alert_id=f"a{nth}", status=status)
        for nth, status in enumerate(["NEW", "RESOLVED"], 1)
    ]
    sites = {site.site_id: site for site in asked.facts(Told(alerts=raised), NOON).sites}
    assert (sites["s0"].alerts_raised, sites["s0"].alerts_open, sites["s1"].alerts_raised) == (2, 1, 0)


def test_what_is_not_a_number_is_not_known(asked: Asked) -> None:
    said: list[Row] = heard("p0", NOON - HOUR, NOON, battery_level=float("nan"))
    guard = by_person(asked.facts(Told(Day(device_events=said, shifts=[shift("p0", NOON - HOUR)])), NOON))["p0"]
    assert guard.battery_level is None


def test_a_moment_needs_a_zone(asked: Asked) -> None:
    """A naive moment compared with an aware one raises in the middle of an audit; here before it, and says why."""
    with pytest.raises(ValueError, match="zone"):
        asked.facts(Told(), NOON.replace(tzinfo=None))


def test_tenants_with_people_of_the_same_name_do_not_meet(asked: Asked) -> None:
    theirs = [{**row, "tenant_id": "other"} for row in heard("p0", NOON - HOUR, NOON)]
    told = Told(Day(device_events=theirs, shifts=[shift("p0", NOON - 2 * HOUR)]))
    ours = {guard.tenant_id: guard for guard in asked.facts(told, NOON).guards}
    assert ours[TENANT].last_received_at is None
    assert ours["other"].last_received_at is not None


def test_tours_that_are_over_are_left_out_unless_they_came_to_their_end_of_late(asked: Asked) -> None:
    due = NOON - 6 * HOUR
    tours = [tour(name, "p0", due) for name in ("old", "new", "open")]
    ends = [("old", due + HOUR), ("new", NOON - HOUR)]
    heads = [job(name, at, "COMPLETED", identifier="INTERNALTOUR", ended_at=at) for name, at in ends]
    found = asked.facts(Told(Day(jobneeds=heads, tours_due=tours)), NOON).tours
    assert {each.tour_id: (each.is_ended, each.scanned) for each in found} == {"new": (True, 0), "open": (False, 0)}


def test_a_heartbeat_finds_from_less_what_it_finds_from_everything(asked: Asked) -> None:
    on = [shift(name, MIDNIGHT - 4 * HOUR, 12, site) for name, site in (("p0", "s0"), ("p1", "s0"), ("p2", "s1"))]
    said = [*heard("p2", MIDNIGHT - 4 * HOUR, MIDNIGHT), *heard("p0", MIDNIGHT - 4 * HOUR, MIDNIGHT - HOUR)]
    told = Told(Day(device_events=said, shifts=on, tours_due=[tour("tour-1", "p2", MIDNIGHT - 3 * HOUR)]))
    little, much = (asked.facts(told, MIDNIGHT, depth) for depth in (Depth.HEARTBEAT, Depth.COMPREHENSIVE))
    assert (little.tours, little.sites) == ((), ())
    found = drafts(Look(little, POLICY, MIDNIGHT), Depth.HEARTBEAT)
    assert found == drafts(Look(much, POLICY, MIDNIGHT), Depth.HEARTBEAT)
    assert found
