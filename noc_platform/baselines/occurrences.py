"""When something that recurs takes place: a rule on a wall clock, a zone, and the instants they make. Pure."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from noc_platform.streams.recurrence import recurrence_of
from noc_platform.telemetry.vocabulary import Window

# No clock is further from UTC, and none is set by more.
CLOCK_MARGIN = timedelta(days=2)
Stretch = tuple[datetime, datetime]


def occurrences(starts_at: datetime, ends_at: datetime, rule: str, clock: ZoneInfo, window: Window) -> list[Stretch]:
    """Stretches `[start, end)`, UTC, that touch a window; `starts_at` and `ends_at` are the first, as they stand.

    Later ones begin and end when the clock reads the same: two hours from 02:00 are three in the night it goes back.
    A time the clock leaves out is as much later, of one it shows twice the first is meant (RFC 5545, 3.3.5). The first
    counts even where the rule would not have it. Raises `BadInput` for what is no rule.
    """
    recurrence = recurrence_of(rule)
    first = _reading(starts_at, clock)
    # Where the first spans a change of the clock, its ends may read the wrong way round.
    length = max(_reading(ends_at, clock) - first, timedelta(0)) or ends_at - starts_at
    earliest = _reading(window.start, UTC) - length - CLOCK_MARGIN
    latest = _reading(window.end, UTC) + CLOCK_MARGIN
    found = [(starts_at.astimezone(UTC), ends_at.astimezone(UTC))]
    for wall in recurrence.starts(first, earliest, latest):
        start = _instant(wall, clock)
        if wall > first and not recurrence.has_ended(wall, start):
            end = _instant(wall + length, clock)
            # An end after a gap the start was moved over would lie before it.
            found.append((start, end if end > start else start + length))
    return [(start, end) for start, end in found if start < window.end and end > window.start]


def _reading(instant: datetime, clock: tzinfo) -> datetime:
    return instant.astimezone(clock).replace(tzinfo=None, fold=0)


def _instant(wall: datetime, clock: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=clock, fold=0).astimezone(UTC)
