"""Why somebody is silent: innocent causes come first, and what is not known is not held against anybody."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc_platform.findings.facts.moment import Guard
from noc_platform.findings.rules.look import UNKNOWABLE
from noc_platform.findings.vocabulary import KINDS, Silence
from noc_platform_tests.findings.rules.moments import (
    NIGHT,
    ago,
    elsewhere,
    facts,
    feeds,
    found,
    guard,
    silent,
    still,
    told,
    tour,
    types,
)


@pytest.mark.parametrize(
    ("cause", "who"),
    [
        (None, guard()),
        (Silence.OFF_DUTY, guard(shift_starts_at=None, punched_in_at=None, is_on_duty=False)),
        (Silence.OFF_DUTY, silent(punched_out_at=ago(10))),
        (Silence.OFF_DUTY, silent(punched_in_at=ago(500), shift_starts_at=None, shift_ended_at=ago(60), minutes=70)),
        (Silence.OFF_DUTY, silent(last_logged_out_at=ago(60))),
        (Silence.NOT_ARRIVED, silent(punched_in_at=None, minutes=600)),
        (Silence.DEVICE_DEAD, silent(battery_level=2.0)),
        (Silence.NO_COVERAGE, silent()),
        (Silence.CLOCK_WRONG, guard(median_lag_seconds=400.0, least_lag_seconds=390.0)),
        (Silence.CLOCK_WRONG, guard(median_lag_seconds=-200.0, least_lag_seconds=-210.0)),
        (None, guard(median_lag_seconds=400.0, least_lag_seconds=2.0)),
        (None, guard(median_lag_seconds=900.0, least_lag_seconds=120.0)),
        (Silence.GUARD_IDLE, still()),
        (Silence.NOTHING_DUE, still(tasks_waiting=0, tours_waiting=0)),
    ],
)
def test_each_cause_is_told_from_the_others(cause: Silence | None, who: Guard) -> None:
    assert told(facts(who, guard("p1"), elsewhere())).cause == cause


def test_a_site_is_silent_when_nobody_there_is_heard_and_others_are() -> None:
    together = facts(silent("p0", 60), silent("p1", 62), elsewhere())
    assert told(together).cause is Silence.SITE_SILENT
    assert told(facts(silent("p0", 60), guard("p1"), elsewhere())).cause is Silence.NO_COVERAGE
    assert told(facts(silent("p0", 60), silent("p1", 62))).cause is not Silence.SITE_SILENT


def test_guards_who_fell_silent_one_after_the_other_did_so_each_for_themselves() -> None:
    apart = facts(silent("p0", 40), silent("p1", 200), elsewhere())
    assert {told(apart, name).cause for name in ("p0", "p1")} == {Silence.NO_COVERAGE}


def test_of_one_who_is_alone_at_a_site_only_time_tells() -> None:
    assert told(facts(silent(minutes=60), elsewhere())).cause is Silence.NO_COVERAGE
    assert told(facts(silent(minutes=130), elsewhere())).cause is Silence.SITE_SILENT
    assert told(facts(silent(minutes=130, battery_level=None), elsewhere())).cause is Silence.NO_COVERAGE


def test_work_done_with_a_phone_that_is_not_heard_shows_that_its_guard_is_there() -> None:
    assert told(facts(silent(last_work_received_at=ago(5)), elsewhere())).cause is None


def test_a_late_feed_explains_every_silence_and_is_one_finding_of_the_tenant() -> None:
    """One finding for each unheard guard floods the centre and accuses people of a feed that failed."""
    crowd = [silent(f"p{number}", 40, site_id=f"s{number % 5}") for number in range(20)]
    moment = facts(*crowd, of=feeds(40, guards=20, sites=5))
    assert {told(moment, each.person_id).cause for each in crowd} == {Silence.FEED_LATE}
    assert types(moment) == ["FEED_LATE"]


def test_while_nothing_comes_from_anybody_not_even_an_empty_phone_is_known_of() -> None:
    assert told(facts(silent(minutes=40, battery_level=1.0), of=feeds(40))).cause is Silence.FEED_LATE


def test_one_stream_that_fails_leaves_those_heard_on_the_other_explained() -> None:
    half = [*feeds(40, 9, 4, NIGHT, "device_events"), *feeds(1, 9, 4, NIGHT, "location_updates")]
    moment = facts(still(), elsewhere(), of=half)
    assert told(moment).cause is Silence.FEED_LATE
    assert types(moment) == ["FEED_LATE"]


def test_too_few_on_duty_to_tell_a_feed_from_a_phone_accuse_nobody_and_no_feed() -> None:
    moment = facts(silent(minutes=40, tasks_waiting=3), of=feeds(40, guards=1, sites=1))
    assert told(moment).cause is Silence.FEED_LATE
    assert types(moment) == []


def test_who_just_came_on_duty_is_not_missed_yet() -> None:
    fresh = silent(minutes=600, punched_in_at=ago(10), shift_starts_at=ago(10))
    assert told(facts(fresh, elsewhere())).cause is None
    assert types(facts(fresh, elsewhere())) == []


def test_a_tenant_without_a_roster_has_nobody_silent() -> None:
    """Unknown duty taken for duty alarms about everybody who went home."""
    unknown = silent(is_on_duty=None, duty_seconds=None, shift_starts_at=None, punched_in_at=None)
    assert told(facts(unknown, elsewhere())).cause is None
    assert types(facts(unknown, elsewhere())) == []


def test_zero_activity_off_duty_is_normal() -> None:
    """No rule asks whether somebody works who is off duty, or whether work was due."""
    home = still(
        shift_starts_at=None, punched_in_at=ago(600), punched_out_at=ago(150), is_on_duty=False, duty_seconds=0.0
    )
    nothing_due = still(tasks_waiting=0, tours_waiting=0, tasks_completed_count=None, tour_checkpoints_scanned=None)
    assert types(facts(home)) == []
    assert types(facts(nothing_due)) == []


def test_how_long_somebody_is_still_is_not_said_beyond_what_was_looked_at() -> None:
    assert told(facts(still())).since == ago(120)
    assert told(facts(still(last_walked_at=ago(100)))).since == ago(100)


def test_without_steps_or_with_a_phone_that_comes_and_goes_nobody_is_idle() -> None:
    assert told(facts(still(steps=None))).cause is None
    assert told(facts(still(idle_slots_heard=8))).cause is None


UNKNOWN: dict[str, st.SearchStrategy[Any]] = {
    name: st.one_of(st.none(), value)
    for name, value in {
        "phone_events_count": st.integers(0, 50), "location_updates_count": st.integers(0, 50),
        "movement_distance_meters": st.floats(0, 5000), "tasks_completed_count": st.integers(0, 5),
        "tour_checkpoints_scanned": st.integers(0, 20), "steps": st.integers(0, 4000),
        "battery_level": st.floats(0, 100), "median_lag_seconds": st.floats(-4e3, 4e4),
        "least_lag_seconds": st.floats(-4e3, 4e4), "is_on_duty": st.booleans(), "duty_seconds": st.floats(0, 7200),
        "site_id": st.sampled_from(["s0", "s1"]), "time_zone": st.sampled_from(["Europe/Athens", "Mars/Olympus", ""]),
        **{
            f"{name}_at": st.integers(0, 900).map(ago)
            for name in ("last_received", "last_heard", "last_walked", "last_used", "last_logged_out", "last_done",
                         "last_work_received", "punched_in", "punched_out", "shift_starts", "shift_ended", "position")
        },
    }.items()
}  # fmt: skip
KNOWN: dict[str, st.SearchStrategy[Any]] = {
    "heard_slots": st.integers(0, 12), "idle_slots_heard": st.integers(0, 9), "recent_rows": st.integers(0, 40),
    "tasks_waiting": st.integers(0, 3), "tours_waiting": st.integers(0, 2), "has_attendance_feed": st.booleans(),
    "distance_meters": st.floats(0, 3000), "geofence_radius_meters": st.floats(50, 500),
}  # fmt: skip
anybody = st.fixed_dictionaries({**UNKNOWN, **KNOWN})


@given(rows=st.lists(anybody, max_size=4), lateness=st.integers(0, 90), due=st.integers(0, 9))
def test_whatever_is_known_nobody_is_blamed_for_what_failed(
    rows: list[dict[str, Any]], lateness: int, due: int
) -> None:
    """Phone, site, feed and clock explain first, whatever else is known; nothing known crashes nothing."""
    people = [guard(f"p{number}", **row) for number, row in enumerate(rows)]
    tours = [tour(f"tour-{number}", person_id=f"p{number}", heard_slots=None) for number in range(len(rows))]
    moment = facts(*people, tours=tours, of=feeds(lateness, due, due))
    told_of = {each.person_id: told(moment, each.person_id).cause for each in people}
    for draft in found(moment):
        assert draft.summary
        assert KINDS[draft.finding_type].actions
        if draft.finding_type in ("GUARD_INACTIVITY", "CORRELATION_PHANTOM_GUARD", "LOW_ACTIVITY"):
            assert told_of[draft.person_id or ""] not in UNKNOWABLE


@given(rows=st.lists(anybody, min_size=1, max_size=4), data=st.data())
def test_order_of_guards_makes_no_difference(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    people = [guard(f"p{number}", **row) for number, row in enumerate(rows)]
    mixed = data.draw(st.permutations(people))
    assert types(facts(*people)) == types(facts(*mixed))


@given(minutes=st.integers(20, 600), charge=st.one_of(st.none(), st.floats(0, 100)))
def test_an_unheard_guard_is_never_idle(minutes: int, charge: float | None) -> None:
    """Nothing known is not nothing done."""
    moment = facts(silent(minutes=minutes, battery_level=charge, tasks_waiting=3, tours_waiting=2), elsewhere())
    assert told(moment).cause not in (Silence.GUARD_IDLE, Silence.NOTHING_DUE)
    assert set(types(moment)) <= {"DEVICE_OFFLINE", "CORRELATION_SILENT_SITE"}


def test_a_moment_a_little_later_says_the_same() -> None:
    moment = facts(silent(minutes=60), elsewhere())
    assert told(moment, as_of=NIGHT + timedelta(minutes=3)).cause is told(moment).cause
