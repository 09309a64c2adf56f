"""Special hours by a plain loop over days and hours, and calendars for it to go through."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from noc_platform.baselines.calendar import CalendarWindow, Site
from noc_platform.streams.catalogue import CLOSURE, HOLIDAY, MAINTENANCE
from noc_platform.telemetry.vocabulary import Window

LONDON, NEW_YORK, KOLKATA = "Europe/London", "America/New_York", "Asia/Kolkata"
SITES = [
    Site("t", "a", "one", LONDON),
    Site("t", "b", "one", NEW_YORK),
    Site("t", "c", "two", KOLKATA),
    Site("other", "a", "one", LONDON),
]
HOUR = timedelta(hours=1)
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def made(starts: datetime, ends: datetime, **more: Any) -> CalendarWindow:
    return CalendarWindow(
        **{"tenant_id": "t", "window_id": "w", "kind": MAINTENANCE, **more}, starts_at=starts, ends_at=ends
    )


@dataclass(frozen=True)
class Rule:
    """A rule the loop understands: every so many days, weeks (on these weekdays) or months (on this day)."""

    frequency: str
    interval: int = 1
    weekdays: tuple[int, ...] = ()
    count: int | None = None
    until: date | None = None

    def __str__(self) -> str:
        parts = [f"FREQ={self.frequency}", f"INTERVAL={self.interval}"]
        parts += [f"BYDAY={','.join(WEEKDAYS[day] for day in self.weekdays)}"] if self.weekdays else []
        parts += [f"COUNT={self.count}"] if self.count else []
        parts += [f"UNTIL={self.until:%Y%m%d}"] if self.until else []
        return ";".join(parts)

    def has(self, first: date, day: date) -> bool:
        if self.frequency == "DAILY":
            return (day - first).days % self.interval == 0
        if self.frequency == "WEEKLY":
            monday, first_monday = (each - timedelta(days=each.weekday()) for each in (day, first))
            weeks = (monday - first_monday).days // 7
            return weeks % self.interval == 0 and day.weekday() in (self.weekdays or (first.weekday(),))
        months = (day.year - first.year) * 12 + day.month - first.month
        return months % self.interval == 0 and day.day == first.day


def plain_instant(wall: datetime, clock: ZoneInfo) -> datetime:
    """The first instant at which the clock reads so; where it never does, as if it had not been changed."""
    near = [wall.replace(tzinfo=UTC) + timedelta(hours=hours) for hours in (-36, 36)]
    offsets = [offset for instant in near if (offset := instant.astimezone(clock).utcoffset()) is not None]
    reads = [wall.replace(tzinfo=UTC) - offset for offset in offsets]
    fitting = [instant for instant in reads if instant.astimezone(clock).replace(tzinfo=None) == wall]
    return min(fitting) if fitting else reads[0]


def plain_stretches(
    window: CalendarWindow, rule: Rule | None, zone: str, end: datetime
) -> list[tuple[datetime, datetime]]:
    found = [(window.starts_at, window.ends_at)]
    if rule is None:
        return found
    clock = ZoneInfo(zone)
    first, last = (each.astimezone(clock).replace(tzinfo=None) for each in (window.starts_at, window.ends_at))
    length = last - first if last > first else window.ends_at - window.starts_at
    day, matched = first.date(), 0
    while day <= end.date() + timedelta(days=1) and (rule.until is None or day <= rule.until):
        if rule.has(first.date(), day):
            matched += 1
            if rule.count is not None and matched > rule.count:
                break
            if day > first.date():
                wall = datetime.combine(day, first.time())
                start, over = plain_instant(wall, clock), plain_instant(wall + length, clock)
                found.append((start, over if over > start else start + length))
        day += timedelta(days=1)
    return found


def plain(windows: list[tuple[CalendarWindow, Rule | None]], span: Window) -> dict[tuple[str, str, datetime], str]:
    found: dict[tuple[str, str, datetime], str] = {}
    for kind in (HOLIDAY, CLOSURE, MAINTENANCE):
        for window, rule in windows:
            for site in SITES:
                if window.kind != kind or window.is_cancelled or window.tenant_id != site.tenant_id:
                    continue
                if window.site_id is not None and window.site_id != site.site_id:
                    continue
                if window.site_id is None and window.client_id is not None and window.client_id != site.client_id:
                    continue
                zone = window.time_zone or site.time_zone
                assert zone is not None
                assert site.site_id is not None
                for start, end in plain_stretches(window, rule, zone, span.end):
                    bucket = span.start
                    while bucket < span.end:
                        if start < bucket + HOUR and end > bucket:
                            found[site.tenant_id, site.site_id, bucket] = kind
                        bucket += HOUR
    return found


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]))
    weekdays = draw(st.lists(st.integers(0, 6), unique=True, max_size=3)) if frequency == "WEEKLY" else []
    bound = draw(st.sampled_from(["none", "count", "until"]))
    return Rule(
        frequency,
        draw(st.integers(1, 5)),
        tuple(weekdays),
        draw(st.integers(1, 20)) if bound == "count" else None,
        date(2026, 3, 1) + timedelta(days=draw(st.integers(0, 250))) if bound == "until" else None,
    )


@st.composite
def windows(draw: st.DrawFn) -> tuple[CalendarWindow, Rule | None]:
    starts = at("2025-12-01") + timedelta(minutes=5 * draw(st.integers(0, 95 * 288)))
    minutes = draw(st.one_of(st.integers(1, 300), st.integers(1, 5_000)))
    scope = draw(st.sampled_from([{}, {"client_id": "one"}, {"site_id": "b"}, {"site_id": "c"}, {"site_id": "gone"}]))
    rule = draw(st.none() | rules())
    window = made(
        starts,
        starts + timedelta(minutes=minutes),
        tenant_id=draw(st.sampled_from(["t", "other"])),
        kind=draw(st.sampled_from([HOLIDAY, CLOSURE, MAINTENANCE])),
        recurrence=None if rule is None else str(rule),
        time_zone=draw(st.sampled_from([None, None, NEW_YORK])),
        is_cancelled=draw(st.sampled_from([False, False, False, True])),
        **scope,
    )
    return window, rule
