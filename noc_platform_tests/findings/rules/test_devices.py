"""Phones and feeds: what fails is said of the phone or the feed, and of no person."""

from typing import Any

import pytest

from noc_platform.findings.vocabulary import KINDS, Category, Silence
from noc_platform_tests.findings.rules.moments import (
    ago,
    elsewhere,
    facts,
    feeds,
    found,
    guard,
    silent,
    types,
)


def test_a_phone_not_heard_for_half_an_hour_is_offline_and_says_why() -> None:
    (draft,) = found(facts(silent(minutes=45, battery_level=2.0), guard("p1"), elsewhere()))
    assert (draft.finding_type, draft.person_id, draft.silence) == ("DEVICE_OFFLINE", "p0", Silence.DEVICE_DEAD)
    assert draft.summary == "p0 at s0, 02:30 Europe/Athens: phone not heard for 45 min: the phone last said 2 % charge."
    assert types(facts(silent(minutes=25), guard("p1"), elsewhere())) == []


@pytest.mark.parametrize(
    ("events", "fixes", "expected"),
    [
        (5, 0, ["CORRELATION_DEVICE_GPS_FAILURE"]),
        (0, 5, ["CORRELATION_DEVICE_PHONE_FAILURE"]),
        (4, 0, ["LOW_LOCATION_UPDATES"]),
        (0, 4, ["LOW_ACTIVITY"]),
        (5, 1, []),
        (None, 9, []),
        (9, None, []),
    ],
)
def test_half_of_a_phone_failing(events: int | None, fixes: int | None, expected: list[str]) -> None:
    """What is not known is not zero: a stream the tenant does not deliver finds nothing."""
    assert types(facts(guard(phone_events_count=events, location_updates_count=fixes))) == expected


@pytest.mark.parametrize(
    "innocent", [{"duty_seconds": 1800.0}, {"duty_seconds": None}, {"heard_slots": 2}, {"punched_out_at": ago(5)}]
)
def test_who_could_not_have_been_heard_on_both_is_not_asked(innocent: dict[str, Any]) -> None:
    assert types(facts(guard(phone_events_count=9, location_updates_count=0, **innocent))) == []


def test_a_stream_that_delivers_nothing_to_the_tenant_is_not_the_phones_failing() -> None:
    half = [*feeds(40, 1, 1, ago(0), "location_updates"), *feeds(1, 1, 1, ago(0), "device_events")]
    assert types(facts(guard(phone_events_count=9, location_updates_count=0), of=half)) == []


def test_a_wrong_clock_says_by_how_much_and_which_way() -> None:
    behind, ahead = (found(facts(guard(median_lag_seconds=off, least_lag_seconds=off))) for off in (400.0, -400.0))
    assert "400 s behind" in behind[0].summary
    assert "400 s ahead" in ahead[0].summary


@pytest.mark.parametrize("lag", [{"recent_rows": 2}, {"median_lag_seconds": None}, {"least_lag_seconds": None}])
def test_too_little_heard_to_tell_a_clock(lag: dict[str, Any]) -> None:
    told: dict[str, Any] = {"median_lag_seconds": 400.0, "least_lag_seconds": 400.0, **lag}
    assert types(facts(guard(**told))) == []


def test_a_late_feed_says_since_when_and_of_how_many() -> None:
    (draft,) = found(facts(guard(), of=feeds(25, 9, 4)))
    assert (draft.site_id, draft.person_id) == (None, None)
    assert "nothing received for 25 min on device_events, location_updates, of 9 guards on duty since." in draft.summary


@pytest.mark.parametrize(("minutes", "guards", "sites"), [(19, 9, 4), (60, 2, 2), (60, 9, 1), (60, 0, 0)])
def test_a_quiet_feed_of_few_guards_is_not_late(minutes: int, guards: int, sites: int) -> None:
    assert "FEED_LATE" not in types(facts(guard(), of=feeds(minutes, guards, sites)))


def test_nothing_about_a_phone_or_feed_is_filed_as_a_persons_conduct() -> None:
    """Rules that look for words in a name put a phone's failing under people's; a table says it of each."""
    for name in ("DEVICE_OFFLINE", "CLOCK_WRONG", "CORRELATION_DEVICE_GPS_FAILURE", "CORRELATION_DEVICE_PHONE_FAILURE"):
        assert KINDS[name].category is Category.DEVICE_HEALTH
