"""The clock on the site's wall, by its zone and daylight saving."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc_platform.findings.rules.clock import SiteClock

ZONES = ("Europe/Athens", "Asia/Kolkata", "America/Los_Angeles", "Australia/Lord_Howe", "UTC")


@given(
    moment=st.integers(0, 3_652 * 24 * 60).map(
        lambda minutes: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    zone=st.sampled_from(ZONES),
)
def test_night_is_from_eight_to_six_there(moment: datetime, zone: str) -> None:
    hour = moment.astimezone(ZoneInfo(zone)).hour
    assert SiteClock(moment).is_night(zone) is (hour >= 20 or hour < 6)
    assert SiteClock(moment).is_deep_night(zone, (1, 5)) is (1 <= hour < 5)


def test_the_night_clocks_go_forward_is_a_night() -> None:
    """Offsets fixed once a year are an hour off on half of its days."""
    before, after = (datetime(2026, 3, day, 18, 30, tzinfo=UTC) for day in (28, 29))
    assert SiteClock(before).said("Europe/Athens") == "20:30 Europe/Athens"
    assert SiteClock(after).said("Europe/Athens") == "21:30 Europe/Athens"
    assert not SiteClock(before - timedelta(hours=1)).is_night("Europe/Athens")
    assert SiteClock(after - timedelta(hours=1)).is_night("Europe/Athens")


@pytest.mark.parametrize("zone", [None, "", "Mars/Olympus", "../../etc/passwd", "Europe", "GMT+2 hours"])
def test_a_zone_that_does_not_exist_is_not_known_and_breaks_nothing(zone: str | None) -> None:
    clock = SiteClock(datetime(2026, 3, 24, 0, 30, tzinfo=UTC))
    assert not clock.is_night(zone)
    assert not clock.is_deep_night(zone, (1, 5))
    assert clock.said(zone) == "00:30 UTC"
