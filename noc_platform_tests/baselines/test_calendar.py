"""Hours that are not as usual, against a plain loop over days and hours; clocks that change; rules without end."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from noc_platform.baselines.calendar import HOURS_SCHEMA, Calendar, CalendarWindow, Site, calendar_of, windows_of
from noc_platform.streams.arrow import arrow_schema
from noc_platform.streams.catalogue import CALENDAR, CLOSURE, HOLIDAY, MAINTENANCE
from noc_platform.telemetry.vocabulary import Window
from noc_platform_tests.baselines.plain_calendar import KOLKATA, LONDON, NEW_YORK, SITES, Rule, at, made, plain, windows


def local(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def kinds(calendar: Calendar) -> dict[tuple[str, str, datetime], str]:
    rows = calendar.hours().to_pylist()
    found = {(row["tenant_id"], row["site_id"], row["bucket"]): row["kind"] for row in rows}
    assert len(found) == len(rows)
    return found


def held(window: CalendarWindow, first: str, last: str, site: Site) -> list[str]:
    """Minutes of UTC at which it begins to hold at a site, and at which it no longer does."""
    span = Window(at(first), at(last))
    calendar = calendar_of([window], [site], span)
    minutes = [span.start + timedelta(minutes=n) for n in range(int((span.end - span.start) / timedelta(minutes=1)))]
    told = [calendar.kind_at("t", site.site_id, minute) is not None for minute in minutes]
    return [f"{minute:%d %H:%M}" for minute, was, is_ in zip(minutes[1:], told, told[1:], strict=False) if was != is_]


# Clocks change on 8 and 29 March, and on 25 October and 1 November.
SPANS = st.sampled_from(
    [
        Window(at("2026-03-06"), at("2026-03-10")),
        Window(at("2026-03-27T12:00"), at("2026-03-31")),
        Window(at("2026-10-24"), at("2026-10-27")),
        Window(at("2026-10-31"), at("2026-11-03")),
    ]
)


@examples(max_examples=150, deadline=None)
@given(drawn=st.lists(windows(), max_size=4), span=SPANS)
def test_special_hours_agree_with_a_plain_loop(drawn: list[tuple[CalendarWindow, Rule | None]], span: Window) -> None:
    calendar = calendar_of([window for window, _ in drawn], SITES, span)
    assert kinds(calendar) == plain(drawn, span)
    assert calendar.unplaced == ()


@examples(max_examples=60, deadline=None)
@given(drawn=st.lists(windows(), max_size=4), span=SPANS, minute=st.integers(0, 3 * 1440 - 1))
def test_an_instant_is_special_only_within_a_special_hour(
    drawn: list[tuple[CalendarWindow, Rule | None]], span: Window, minute: int
) -> None:
    calendar = calendar_of([window for window, _ in drawn], SITES, span)
    instant = span.start + timedelta(minutes=minute)
    bucket = instant.replace(minute=0)
    for site in SITES:
        assert site.site_id is not None
        kind = calendar.kind_at(site.tenant_id, site.site_id, instant)
        if kind is not None:
            told = kinds(calendar)[site.tenant_id, site.site_id, bucket]
            ranks = (HOLIDAY, CLOSURE, MAINTENANCE)
            assert ranks.index(told) >= ranks.index(kind)


# Clocks ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "first", "span", "expected"),
    [
        # 02:00 to 04:00 each Sunday, London: GMT until 29 March, then BST.
        (LONDON, "2026-03-01", ("2026-03-21", "2026-04-06"),
         ["22 02:00", "22 04:00", "29 01:00", "29 03:00", "05 01:00", "05 03:00"]),
        (LONDON, "2026-10-04", ("2026-10-17", "2026-10-27"), ["18 01:00", "18 03:00", "25 02:00", "25 04:00"]),
        # New York has no 02:00 on 8 March, so it is 03:00 (07:00 UTC) and only an hour.
        (NEW_YORK, "2026-02-01", ("2026-02-28", "2026-03-16"),
         ["01 07:00", "01 09:00", "08 07:00", "08 08:00", "15 06:00", "15 08:00"]),
        (KOLKATA, "2026-03-01", ("2026-03-20", "2026-03-30"), ["21 20:30", "21 22:30", "28 20:30", "28 22:30"]),
    ],
)  # fmt: skip
def test_it_recurs_by_the_clock_on_the_wall(zone: str, first: str, span: tuple[str, str], expected: list[str]) -> None:
    window = made(local(f"{first}T02:00", zone), local(f"{first}T04:00", zone), recurrence="FREQ=WEEKLY;BYDAY=SU")
    assert held(window, *span, Site("t", "s", None, zone)) == expected


@pytest.mark.parametrize(
    ("zone", "times", "span", "expected"),
    [
        # 01:30 does not exist on 29 March, nor 02:30 on 8 March: each is an hour later on the clock.
        (LONDON, ("01:30", "02:00"), ("2026-03-28T12:00", "2026-03-29T12:00"), ["29 01:30", "29 02:00"]),
        (NEW_YORK, ("02:30", "02:45"), ("2026-03-08T02:00", "2026-03-08T12:00"), ["08 07:30", "08 07:45"]),
        # 01:15 comes twice, and the first is meant: at 00:15 UTC in London, at 05:15 UTC in New York.
        (LONDON, ("01:15", "01:45"), ("2026-10-24T12:00", "2026-10-25T12:00"), ["25 00:15", "25 00:45"]),
        (NEW_YORK, ("01:15", "01:45"), ("2026-11-01T02:00", "2026-11-01T12:00"), ["01 05:15", "01 05:45"]),
        # From 00:30 to 02:30 in the night in which the clock goes back are three hours.
        (LONDON, ("00:30", "02:30"), ("2026-10-24T12:00", "2026-10-25T12:00"), ["24 23:30", "25 02:30"]),
    ],
)
def test_times_that_are_left_out_or_come_twice(
    zone: str, times: tuple[str, str], span: tuple[str, str], expected: list[str]
) -> None:
    begins, ends = (local(f"2026-01-05T{time}", zone) for time in times)
    assert held(made(begins, ends, recurrence="FREQ=DAILY"), *span, Site("t", "s", None, zone)) == expected


def test_a_first_one_across_a_change_of_the_clock_keeps_how_long_it_lasts() -> None:
    """It begins at 01:50 in summer time and ends at 01:10 in winter time, 20 minutes later."""
    window = made(at("2026-10-25T00:50"), at("2026-10-25T01:10"), recurrence="FREQ=DAILY")
    told = held(window, "2026-10-25", "2026-10-27", SITES[0])
    assert told == ["25 00:50", "25 01:10", "26 01:50", "26 02:10"]


def test_a_half_hour_zone_touches_the_hours_of_both_its_ends() -> None:
    window = made(local("2026-03-03T00:00", KOLKATA), local("2026-03-04T00:00", KOLKATA), site_id="c", kind=HOLIDAY)
    hours = sorted(
        bucket for _, _, bucket in kinds(calendar_of([window], SITES, Window(at("2026-03-02"), at("2026-03-05"))))
    )
    assert (hours[0], hours[-1], len(hours)) == (at("2026-03-02T18:00"), at("2026-03-03T18:00"), 25)


# Rules ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=DAILY;COUNT=3", [1, 2, 3]),
        ("FREQ=DAILY;UNTIL=20260302", [1, 2]),
        ("FREQ=DAILY;UNTIL=20260303T120000Z", [1, 2, 3]),
        ("FREQ=DAILY;UNTIL=20260303T115959Z", [1, 2]),
        ("FREQ=DAILY;UNTIL=20260303T115959", [1, 2]),
        ("FREQ=DAILY;INTERVAL=10", [1, 11, 21, 31]),
        ("FREQ=MONTHLY;BYDAY=-1TU", [1, 31]),
        ("FREQ=WEEKLY;BYDAY=WE;BYSETPOS=1", [1, 4, 11, 18, 25]),
        ("RRULE:freq=weekly;byday=mo", [1, 2, 9, 16, 23, 30]),
        ("FREQ=YEARLY", [1]),
    ],
)
def test_rules_come_when_they_say(rule: str, expected: list[int]) -> None:
    """The first counts always; it is a Sunday."""
    window = made(at("2026-03-01T12:00"), at("2026-03-01T12:30"), recurrence=rule, site_id="a", time_zone="UTC")
    calendar = calendar_of([window], SITES, Window(at("2026-03-01"), at("2026-04-01")))
    assert sorted(bucket.day for _, _, bucket in kinds(calendar)) == expected


@pytest.mark.parametrize(
    "rule", ["FREQ=WEEKLY;INTERVAL=3;BYDAY=TU,SU;BYSETPOS=-1", "FREQ=DAILY;INTERVAL=11", "FREQ=DAILY;BYHOUR=3,20"]
)
def test_what_began_long_ago_is_in_step_still(rule: str) -> None:
    """A beginning decades back is found from nearby, and gives what counting from it would."""
    window = made(at("1980-01-02T06:00"), at("1980-01-02T06:30"), recurrence=rule, site_id="a", time_zone="UTC")
    counted = made(
        at("1980-01-02T06:00"), at("1980-01-02T06:30"), recurrence=f"{rule};COUNT=9999", site_id="a", time_zone="UTC"
    )
    span = Window(at("1990-03-01"), at("1990-06-01"))
    assert kinds(calendar_of([window], SITES, span)) == kinds(calendar_of([counted], SITES, span)) != {}


def test_a_rule_as_dense_as_the_door_lets_in_stays_small() -> None:
    hours = ",".join(str(hour) for hour in range(24))
    window = made(at("1970-01-01"), at("1971-01-01"), recurrence=f"FREQ=DAILY;BYHOUR={hours}", time_zone="UTC")
    calendar = calendar_of([window], SITES, Window(at("2026-03-01"), at("2026-03-31")))
    assert calendar.hours().num_rows == 3 * 30 * 24


# What tells, and what is muted ----------------------------------------------------------------------------------------

DAY = Window(at("2026-03-04"), at("2026-03-05"))


def test_maintenance_hides_a_closure_and_that_a_holiday() -> None:
    rows = [
        made(at("2026-03-04"), at("2026-03-05"), kind=HOLIDAY, window_id="h"),
        made(at("2026-03-04T08:00"), at("2026-03-04T12:00"), kind=CLOSURE, window_id="c"),
        made(at("2026-03-04T10:30"), at("2026-03-04T11:30"), kind=MAINTENANCE, window_id="m"),
    ]
    for order in (rows, rows[::-1]):
        calendar = calendar_of(order, SITES, DAY)
        told = [
            calendar.kind_at("t", "a", at(f"2026-03-04T{time}"))
            for time in ("07:59", "08:00", "10:30", "11:30", "12:00")
        ]
        assert told == [HOLIDAY, CLOSURE, MAINTENANCE, CLOSURE, HOLIDAY]
        assert [kinds(calendar)["t", "a", at(f"2026-03-04T{hour}:00")] for hour in ("10", "11", "12")] == [
            MAINTENANCE, MAINTENANCE, HOLIDAY,
        ]  # fmt: skip


def test_only_maintenance_mutes_and_only_the_types_it_names() -> None:
    some = made(
        at("2026-03-04T08:00"), at("2026-03-04T10:00"), window_id="some", finding_types=frozenset({"FEED_LATE"})
    )
    everything = made(at("2026-03-04T09:00"), at("2026-03-04T10:00"), window_id="all", site_id="a")
    closed = made(at("2026-03-04"), at("2026-03-05"), kind=CLOSURE, window_id="closed")
    calendar = calendar_of([some, everything, closed], SITES, DAY)
    assert calendar.muting_at("t", "a", "FEED_LATE", at("2026-03-04T08:30")) == some
    assert calendar.muting_at("t", "a", "LOW_ACTIVITY", at("2026-03-04T08:30")) is None
    assert calendar.muting_at("t", "a", "LOW_ACTIVITY", at("2026-03-04T09:30")) == everything
    assert calendar.muting_at("t", "b", "LOW_ACTIVITY", at("2026-03-04T09:30")) is None
    assert calendar.muting_at("t", "a", "FEED_LATE", at("2026-03-04T12:00")) is None


def test_what_is_about_no_site_is_muted_by_what_holds_for_the_tenant() -> None:
    tenant_wide = made(at("2026-03-04T08:00"), at("2026-03-04T10:00"), window_id="tenant")
    of_site = made(at("2026-03-04T12:00"), at("2026-03-04T14:00"), window_id="site", site_id="a")
    of_client = made(at("2026-03-04T12:00"), at("2026-03-04T14:00"), window_id="client", client_id="one")
    calendar = calendar_of([tenant_wide, of_site, of_client], SITES, DAY)
    for site in (None, "never heard of"):
        assert calendar.muting_at("t", site, "FEED_LATE", at("2026-03-04T09:00")) == tenant_wide
        assert calendar.kind_at("t", site, at("2026-03-04T13:00")) is None
    assert calendar.kind_at("other", None, at("2026-03-04T09:00")) is None
    assert calendar.kind_at("nobody", "a", at("2026-03-04T09:00")) is None


def test_an_instant_it_knows_nothing_of_is_refused() -> None:
    calendar = calendar_of([], SITES, DAY)
    with pytest.raises(ValueError, match="make a calendar"):
        calendar.kind_at("t", "a", at("2026-03-05"))


# What does not fit ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", [None, "Mars/Olympus", "Europe", "../etc/passwd", ""])
def test_a_site_without_a_known_zone_leaves_the_others_be(zone: str | None) -> None:
    sites = [*SITES, Site("t", "odd", "one", zone)]
    weekly = made(at("2026-02-25T08:00"), at("2026-02-25T09:00"), recurrence="FREQ=WEEKLY", window_id="weekly")
    once = made(at("2026-03-04T20:00"), at("2026-03-04T21:00"), window_id="once")
    calendar = calendar_of([weekly, once], sites, DAY)
    assert {(site, bucket.hour) for tenant, site, bucket in kinds(calendar)} == {
        ("a", 8), ("b", 8), ("c", 8), ("a", 20), ("b", 20), ("c", 20), ("odd", 20),
    }  # fmt: skip
    (unplaced,) = calendar.unplaced
    assert (unplaced.tenant_id, unplaced.window_id, unplaced.site_id) == ("t", "weekly", "odd")
    assert "no time zone" in unplaced.reason


def test_a_rule_the_door_would_not_have_let_in_is_told_and_the_others_placed() -> None:
    bad = made(at("2026-03-04T08:00"), at("2026-03-04T09:00"), recurrence="FREQ=SECONDLY", window_id="bad", site_id="a")
    good = made(at("2026-03-04T08:00"), at("2026-03-04T09:00"), window_id="good", site_id="b")
    calendar = calendar_of([bad, good], SITES, DAY)
    assert list(kinds(calendar)) == [("t", "b", at("2026-03-04T08:00"))]
    assert "such as FREQ=WEEKLY" in calendar.unplaced[0].reason


def test_nothing_special_is_an_empty_table_of_the_same_shape() -> None:
    for sites in ([], SITES):
        assert calendar_of([], sites, DAY).hours().schema == HOURS_SCHEMA
        assert calendar_of([], sites, DAY).hours().num_rows == 0


def test_rows_of_the_stream_become_windows() -> None:
    row = {
        "tenant_id": "t", "window_id": "w", "kind": MAINTENANCE, "starts_at": at("2026-03-04"),
        "ends_at": at("2026-03-05"), "finding_types": "feed_late, LOW_ACTIVITY", "received_at": at("2026-03-01"),
    }  # fmt: skip
    rows = pa.Table.from_pylist([row, {**row, "finding_types": None, "is_cancelled": True}], arrow_schema(CALENDAR))
    some, everything = windows_of(rows)
    assert some.finding_types == frozenset({"FEED_LATE", "LOW_ACTIVITY"})
    assert (everything.finding_types, everything.is_cancelled, some.is_cancelled) == (None, True, False)
