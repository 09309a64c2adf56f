"""Windows an audit collects: of whom there is one, and which of their numbers are known."""

from datetime import datetime
from typing import Any

import pytest

from noc_platform.findings.collected import signal_windows
from noc_platform.findings.facts.moment import Facts, Guard
from noc_platform.findings.rules.look import Look
from noc_platform.findings.vocabulary import Silence
from noc_platform.telemetry.windows import REMARKS, SignalWindow, windows_table
from noc_platform_tests.findings.rules.moments import (
    NIGHT,
    POLICY,
    ago,
    elsewhere,
    facts,
    feeds,
    guard,
    silent,
    still,
)

NOTHING_DONE: dict[str, Any] = {
    "phone_events_count": 0, "location_updates_count": 0, "movement_distance_meters": 0.0, "tasks_completed_count": 0,
    "tour_checkpoints_scanned": 0, "tasks_due": 2, "checkpoints_due": 4,
}  # fmt: skip
# What person_signals knows of somebody whose phone said nothing at all.
NOTHING_KNOWN: dict[str, Any] = dict.fromkeys(
    ("phone_events_count", "location_updates_count", "movement_distance_meters", "tasks_completed_count",
     "tour_checkpoints_scanned")
)  # fmt: skip

FAR: dict[str, Any] = {"distance_meters": 500.0, "position_accuracy_meters": 10.0, "geofence_radius_meters": 100.0}


def on_for(minutes: float) -> dict[str, Any]:
    """On duty for so long."""
    return {"shift_starts_at": ago(minutes), "punched_in_at": ago(minutes)}


def absent(**told: Any) -> Guard:
    """Rostered for five hours, never punched in and never heard."""
    said: dict[str, Any] = {
        "punched_in_at": None, "last_received_at": None, "last_heard_at": None, "battery_level": None, **told,
    }  # fmt: skip
    return silent(**(NOTHING_KNOWN | said))


def windows(moment: Facts, as_of: datetime = NIGHT) -> dict[str, SignalWindow]:
    return {each.person_id: each for each in signal_windows(Look(moment, POLICY, as_of))}


def window(of: Guard) -> SignalWindow:
    """Their window, while somebody is heard elsewhere."""
    return windows(facts(of, elsewhere()))[of.person_id]


def remarks(of: SignalWindow) -> set[str]:
    return {remark for remark in REMARKS if getattr(of, remark)}


def test_of_who_is_heard_and_works_there_is_nothing_to_say() -> None:
    assert windows(facts(guard(), elsewhere())) == {}


def test_what_is_known_of_a_guard_is_what_the_window_says() -> None:
    found = window(still(phone_events_count=2, location_updates_count=1, tasks_due=2, last_used_at=ago(10)))
    assert remarks(found) == {"is_quiet", "misses_tasks"}
    assert (found.tenant_id, found.person_id, found.site_id) == ("t", "p0", "s0")
    assert (found.window_start, found.window_end) == (ago(120), NIGHT)
    assert (found.phone_events_count, found.location_updates_count, found.movement_distance_meters) == (2, 1, 20.0)
    assert (found.tasks_completed_count, found.tour_checkpoints_scanned) == (0, 0)
    assert (found.tasks_due, found.checkpoints_due, found.last_heard_at) == (2, 0, ago(1))
    assert (found.silence, found.since) == (Silence.GUARD_IDLE, ago(120))
    assert found.silence_reason
    assert found.is_unheard is False


def test_the_unheard_are_unheard_since_they_fell_silent() -> None:
    found = window(silent(minutes=50))
    assert found.is_unheard is True
    assert (found.silence, found.since, found.last_heard_at) == (Silence.NO_COVERAGE, ago(50), ago(50))


def test_somebody_is_unheard_only_after_a_while_on_duty() -> None:
    assert windows(facts(silent(minutes=600, **on_for(19)), elsewhere())) == {}
    found = window(silent(minutes=600, **on_for(20), **NOTHING_KNOWN))
    assert found.is_unheard is True
    assert found.since == ago(20), "what was last heard before duty says nothing of it"


def test_a_window_does_not_begin_before_duty_does() -> None:
    """Punched in late or early, by the punch; else by the roster."""
    late = silent(minutes=30, punched_in_at=ago(90))
    assert window(late).window_start == ago(90)
    rostered = absent(shift_starts_at=ago(25))
    assert window(rostered).window_start == ago(25)
    assert window(silent(minutes=30, punched_in_at=ago(121))).window_start == ago(120)


def test_too_little_proves_nothing_before_there_was_time_for_more() -> None:
    assert windows(facts(guard(**on_for(59), **NOTHING_DONE), elsewhere())) == {}
    assert "is_quiet" in remarks(window(guard(**on_for(60), **NOTHING_DONE)))


def test_who_never_arrived_has_a_window() -> None:
    """It is what a missing attendance is matched with; a window for each of the heard alone would never be."""
    found = window(absent(tasks_due=1))
    assert remarks(found) == {"is_unheard"}, "nobody said that no task was done"
    assert (found.silence, found.since, found.last_heard_at) == (Silence.NOT_ARRIVED, ago(300), None)


@pytest.mark.parametrize(
    "told",
    [
        {"punched_in_at": None, "shift_starts_at": None, "shift_ended_at": ago(60)},
        {"punched_in_at": ago(300), "punched_out_at": ago(70)},
        {"last_logged_out_at": ago(60), "shift_starts_at": None, "shift_ended_at": ago(65)},
        {"shift_starts_at": None, "shift_ended_at": ago(45)},
    ],
    ids=["no shift", "punched out", "logged out after the shift", "punch-out forgotten"],
)
def test_who_is_off_duty_has_none(told: dict[str, Any]) -> None:
    off = silent(minutes=60, **told)
    assert Look(facts(off, elsewhere()), POLICY, NIGHT).told(off).cause is Silence.OFF_DUTY
    assert windows(facts(off, elsewhere())) == {}


def test_who_logged_out_while_the_shift_goes_on_has_a_window() -> None:
    """Nobody has punched out: an alert that they are away belongs with that."""
    found = window(silent(minutes=60, last_logged_out_at=ago(60)))
    assert found.is_unheard
    assert (found.silence, found.since) == (Silence.OFF_DUTY, ago(60))


def test_without_a_roster_who_punched_in_is_on_duty_and_nobody_else() -> None:
    punched, other = silent("p0", is_on_duty=None), silent("p1", is_on_duty=None, punched_in_at=None)
    found = windows(facts(punched, other, elsewhere()))
    assert set(found) == {"p0"}
    assert (found["p0"].is_unheard, found["p0"].silence, found["p0"].since) == (True, None, ago(60))


def test_while_every_feed_is_late_nothing_is_known_of_anybody() -> None:
    """A feed that stops is not three people who vanish; nor are they well (defect 43)."""
    there = [silent(f"p{n}", site_id=f"s{n}", minutes=40, **NOTHING_DONE) for n in range(3)]
    found = windows(facts(*there, of=feeds(40))).values()
    assert {each.is_unheard for each in found} == {None}
    assert {(each.silence, each.since) for each in found} == {(Silence.FEED_LATE, ago(40))}
    said = {"misses_tasks", "misses_checkpoints"}
    assert all(remarks(each) == said for each in found), "work comes by a feed of its own"


def test_while_every_feed_is_late_it_is_not_known_who_never_came() -> None:
    """Somebody whose punch-in is on its way, too, is rostered and was not heard."""
    assert windows(facts(absent(), of=feeds(40))) == {}
    assert windows(facts(absent(), of=feeds(1)))["p0"].is_unheard is True


def test_of_few_who_are_all_unheard_it_may_be_the_feed() -> None:
    """Too few were on duty since to tell the feed from them: then the feed is blamed, which accuses nobody."""
    alone = silent(minutes=40, battery_level=None, tasks_due=1, tasks_completed_count=0)
    found = windows(facts(alone, of=feeds(40, 1, 1)))["p0"]
    assert (found.silence, found.is_unheard) == (Silence.FEED_LATE, None)


@pytest.mark.parametrize(
    ("stream", "known", "unknown"),
    [
        ("device_events", {"is_still", "is_outside"}, {"is_quiet", "is_idle", "is_without_position"}),
        ("location_updates", {"is_idle"}, {"is_quiet", "is_still", "is_outside"}),
    ],
)
def test_a_late_stream_takes_what_rests_on_it(stream: str, known: set[str], unknown: set[str]) -> None:
    of = guard(**(NOTHING_DONE | {"tasks_due": 0, "checkpoints_due": 0}), **FAR)
    assert remarks(window(of)) == {"is_quiet", "is_idle", "is_still", "is_outside"}
    delivered = [*feeds(40, 9, 4, NIGHT, stream), *(each for each in feeds() if each.stream != stream)]
    late = windows(facts(of, elsewhere(), of=delivered))["p0"]
    assert late.silence is Silence.FEED_LATE
    assert remarks(late) == known
    assert {remark for remark in REMARKS if getattr(late, remark) is None} == unknown
    assert late.is_unheard is False, "the other stream delivers"


def test_a_feed_of_few_that_is_quiet_may_be_late() -> None:
    """Two guards at one site: no positions may be their phones or the feed."""
    quiet = feeds(40, 2, 1, NIGHT, "location_updates") + feeds(1, 2, 1, NIGHT, "device_events")
    assert windows(facts(guard(location_updates_count=0), of=quiet)) == {}
    sure = feeds(1, 2, 1)
    assert "is_without_position" in remarks(windows(facts(guard(location_updates_count=0), of=sure))["p0"])


def test_the_work_of_a_tenant_whose_work_stopped_coming_is_not_known() -> None:
    here = guard(**(NOTHING_DONE | {"phone_events_count": 50, "location_updates_count": 50,
                                    "movement_distance_meters": 500.0}))  # fmt: skip
    work = [*feeds(), *feeds(130, 9, 4, NIGHT, "jobneeds")]
    assert windows(facts(here, elsewhere(), of=work)) == {}
    lately = [*feeds(), *feeds(20, 9, 4, NIGHT, "jobneeds")]
    found = windows(facts(here, elsewhere(), of=lately))["p0"]
    assert remarks(found) == {"misses_tasks", "misses_checkpoints"}


def test_a_wrong_clock_leaves_nothing_known_of_the_phone() -> None:
    """Windows are of what the phone's clock says; an hour off, and another hour's events are counted."""
    off: dict[str, Any] = {"median_lag_seconds": 3600.0, "least_lag_seconds": 3590.0}
    found = window(guard(**NOTHING_DONE, **off, **FAR))
    assert remarks(found) == {"misses_tasks", "misses_checkpoints"}
    assert (found.silence, found.since) == (Silence.CLOCK_WRONG, ago(120))
    assert (found.phone_events_count, found.location_updates_count, found.movement_distance_meters) == (None,) * 3
    assert (found.is_idle, found.is_outside, found.is_unheard) == (None, None, False)


@pytest.mark.parametrize(
    ("distance", "accuracy", "radius", "wanted"),
    [
        (120.1, 20.0, 100.0, True),
        (120.0, 20.0, 100.0, False),
        (60.0, 5.0, 100.0, False),
        (None, 5.0, 100.0, None),
        (500.0, None, 100.0, None),
        (500.0, 5.0, None, None),
    ],
)
def test_outside_is_farther_than_the_fence_and_the_error_of_the_fix(
    distance: float | None, accuracy: float | None, radius: float | None, wanted: bool | None
) -> None:
    where: dict[str, Any] = {
        "distance_meters": distance, "position_accuracy_meters": accuracy, "geofence_radius_meters": radius,
        "phone_events_count": 0, "location_updates_count": 0,
    }  # fmt: skip
    assert window(guard(**where)).is_outside is wanted


def test_who_is_outside_has_a_window_however_short_duty_was() -> None:
    assert remarks(window(guard(**on_for(30), **FAR))) == {"is_outside"}


def test_duty_that_begins_now_has_no_window() -> None:
    """A window without length is refused by the table, and one such row would end the audit of everybody."""
    assert windows(facts(guard(**on_for(0), **NOTHING_DONE, **FAR), elsewhere())) == {}


def test_windows_can_be_stored() -> None:
    rows = windows_table(windows(facts(still(tasks_due=1), silent("p1", site_id="s1"), elsewhere())).values())
    assert rows["silence"].to_pylist() == ["GUARD_IDLE", "NO_COVERAGE"]
