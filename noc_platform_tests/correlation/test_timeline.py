"""The story of an incident: what comes first, and why each line belongs."""

import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from noc_platform.correlation.stories import Alarm, Signals, stretches_of
from noc_platform.correlation.timeline import timeline, why_alert
from noc_platform.correlation.vocabulary import Severity
from noc_platform_tests.correlation.stories_told import HOUR, MINUTE, NOON

WINDOW = timedelta(minutes=15)


def heard(person: str = "p0", end: datetime = NOON, **told: Any) -> Signals:
    known = {"site_id": "s0", "since": end - HOUR, "remarks": ("is_unheard",), "severity": Severity.MEDIUM, **told}
    return Signals(person_id=person, window_start=end - 2 * HOUR, window_end=end, **known)


def alarm(at: datetime = NOON, person: str | None = "p0", number: int = 0, **told: Any) -> Alarm:
    known = {
        "alert_type": "DEVICE_OFFLINE", "severity": Severity.HIGH, "site_id": "s0", "message": None, "status": "NEW",
        "matched_person_id": person or "p0", "matched_window_end": NOON, "score": 1.0, "entity": 0.5, "proximity": 0.3,
        "consistency": 0.2, **told,
    }  # fmt: skip
    return Alarm(event_id=UUID(int=number), alert_id=UUID(int=number), occurred_at=at, person_id=person, **known)


def test_a_story_is_told_in_order_of_time_whatever_order_it_came_in() -> None:
    told = [heard(), heard(end=NOON + 15 * MINUTE), heard("p1", remarks=("is_still",)), heard(end=NOON + 5 * HOUR)]
    alarms = [alarm(NOON + (nth - 3) * 25 * MINUTE, number=nth) for nth in range(7)]
    alarms = [*alarms, alarm(NOON - HOUR, "p1", 9)]
    expected = timeline(told, alarms, WINDOW)
    assert [line.at for line in expected] == sorted(line.at for line in expected)
    # What began is told before what was raised at that moment.
    assert [(line.who, line.until is None) for line in expected if line.at == NOON - HOUR] == [
        ("p0 at s0", False), ("p1 at s0", False), ("p1 at s0", True),
    ]  # fmt: skip
    for seed in range(5):
        chance = random.Random(seed)
        assert timeline(chance.sample(told, 4), chance.sample(alarms, len(alarms)), WINDOW) == expected


def test_windows_that_say_the_same_are_one_line_with_the_latest_counts() -> None:
    last = {"phone_events_count": 0.0, "movement_distance_meters": None, "tasks_completed_count": 2.0}
    told = [
        heard(remarks=("is_quiet",), signals={"phone_events_count": 4.0}),
        heard(end=NOON + HOUR, remarks=("is_quiet",), signals=last),
    ]
    (line, _) = timeline(told, [alarm()], WINDOW)
    assert (line.at, line.until) == (NOON - HOUR, NOON + HOUR)
    # What is not known is not told, and none is told as none.
    assert line.what == "little comes from the phone; from 11:00 to 13:00 0 phone events, 2 tasks done"


def test_a_silence_says_why_as_far_as_the_audit_knew() -> None:
    told = heard(silence="BATTERY_DEAD", silence_reason="the battery was at 3 %", remarks=("is_unheard", "is_still"))
    (line, _) = timeline([told], [alarm()], WINDOW)
    assert line.what == "nothing comes from the phone, nobody moves (the battery was at 3 %)"


@pytest.mark.parametrize(("minutes", "is_near"), [(-75, True), (-76, False), (0, True), (15, True), (16, False)])
def test_signals_belong_by_the_alerts_within_the_window(minutes: float, is_near: bool) -> None:
    raised = alarm(NOON + timedelta(minutes=minutes))
    (line,) = [each for each in timeline([heard()], [raised], WINDOW) if each.until]
    assert line.why.startswith(f"matches DEVICE_OFFLINE {raised.occurred_at:%H:%M}") == is_near


def test_of_many_alerts_three_are_named() -> None:
    alarms = [alarm(NOON + nth * MINUTE, number=nth) for nth in range(5)]
    line = timeline([heard()], alarms, WINDOW)[0]
    assert line.why == "matches DEVICE_OFFLINE 12:00, DEVICE_OFFLINE 12:01, DEVICE_OFFLINE 12:02 and 2 more"


def test_signals_without_an_alert_of_their_own_say_why_they_belong_too() -> None:
    later = heard(end=NOON + 3 * HOUR, remarks=("is_unheard", "is_still"))
    silent = heard("p1", silence="SITE_SILENT")
    put_here = heard("p2")
    told = {
        (line.who, line.at): line.why
        for line in timeline([heard(), later, silent, put_here], [alarm()], WINDOW)
        if line.until
    }
    assert told == {
        ("p0 at s0", NOON - HOUR): "matches DEVICE_OFFLINE 12:00",
        ("p0 at s0", NOON + 2 * HOUR): "goes on with what was so since 11:00",
        ("p1 at s0", NOON - HOUR): "the whole site is silent",
        ("p2 at s0", NOON - HOUR): "somebody put it here",
    }


def test_what_came_before_the_alert_leads_up_to_it_and_goes_on_with_nothing_later() -> None:
    told = [heard(), heard(end=NOON + 3 * HOUR, remarks=("is_unheard", "is_still"))]
    first, second, _ = timeline(told, [alarm(NOON + 3 * HOUR)], WINDOW)
    assert first.why == "leads up to the same at 14:00"
    assert second.why == "matches DEVICE_OFFLINE 15:00"


def test_what_goes_on_for_longer_than_a_day_says_since_which() -> None:
    told = [heard(), heard(end=NOON + 24 * HOUR, remarks=("is_unheard", "is_still"))]
    assert timeline(told, [alarm()], WINDOW)[-1].why == "goes on with what was so since 24 Mar 11:00"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({}, "score 1: same person and site 0.5, near in time 0.3, little or nothing came from the phone 0.2"),
        (
            {"entity": 0.4, "proximity": 0.1, "consistency": 0.2, "score": 0.7, "alert_type": "TOUR_OVERDUE"},
            "score 0.7: same person 0.4, near in time 0.1, checkpoints were due and none was scanned 0.2",
        ),
        (
            {"entity": 0.25, "proximity": 0.3, "consistency": 0.2, "score": 0.75, "alert_type": "GEOFENCE_BREACH"},
            "score 0.75: same site 0.25, near in time 0.3, positions were few or lay outside the site 0.2",
        ),
        (
            {"consistency": 0.0, "score": 0.8, "alert_type": "SENSOR_THRESHOLD"},
            "score 0.8: same person and site 0.5, near in time 0.3",
        ),
    ],
)  # fmt: skip
def test_the_why_of_an_alert_names_the_parts_of_its_score(told: dict[str, Any], why: str) -> None:
    assert why_alert(alarm(**told)) == why


@pytest.mark.parametrize(
    ("told", "who", "what"),
    [
        ({"message": "no beat"}, "p0 at s0", "DEVICE_OFFLINE HIGH: no beat"),
        ({"person": None}, "s0", "DEVICE_OFFLINE HIGH"),
        ({"site_id": None}, "p0", "DEVICE_OFFLINE HIGH"),
        ({"person": None, "site_id": None}, "nobody known", "DEVICE_OFFLINE HIGH"),
    ],
)
def test_an_alert_says_about_whom_and_what(told: dict[str, Any], who: str, what: str) -> None:
    (line,) = [each for each in timeline([heard()], [alarm(**told)], WINDOW) if each.until is None]
    assert (line.who, line.what) == (who, what)


def test_windows_overlap_and_what_they_say_does_not() -> None:
    """A phone fell silent at 10:00: that is said once, and what comes to it begins when that is seen."""
    told = [
        heard(since=NOON - 2 * HOUR),
        heard(end=NOON + HOUR, since=NOON - 2 * HOUR, remarks=("is_unheard", "misses_tasks")),
        heard(end=NOON + 2 * HOUR, since=NOON - 2 * HOUR),
        heard("p1", since=NOON - 2 * HOUR, remarks=("misses_tasks",)),
    ]
    spans = [(each.person_id, each.since, each.until) for each in stretches_of(told)]
    assert spans == [
        ("p0", NOON - 2 * HOUR, NOON), ("p1", NOON - 2 * HOUR, NOON), ("p0", NOON, NOON + HOUR),
        ("p0", NOON + HOUR, NOON + 2 * HOUR),
    ]  # fmt: skip
