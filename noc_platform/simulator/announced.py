"""What the operations centre was told beforehand of days and hours that are not as usual: rows of `calendar`.

All public holidays, most closures, and at a few sites maintenance that comes each week. In maintenance all goes on as
usual, so that it tells only whether findings are muted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from noc_platform.simulator.frames import UNKNOWN, Frame, Values, Words
from noc_platform.simulator.world import DAYS_PAST, Draw, World, instant_of
from noc_platform.streams.catalogue import CLOSURE, HOLIDAY, MAINTENANCE

ANNOUNCED_SHARE = 0.8
# A closure is told so many days before it begins.
ANNOUNCED_BEFORE_DAYS = (2, 22)
MAINTAINED_SHARE = 0.1
MUTED = (None, "LOW_LOCATION_UPDATES,DEVICE_OFFLINE,FEED_LATE")
CLOSURE_REASONS = ("Renovation", "Stocktaking", "Power works", "Company holiday")
MAINTENANCE_REASON = "Network maintenance"
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MAINTENANCE_HOURS = (1, 4)
MAINTENANCE_MINUTES = 120
DAY_MINUTES = 24 * 60
DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class _Window:
    """A row before it is one: `minutes` from midnight of `day` by the clock of the site."""

    site: int
    kind: str
    day: date
    minutes: tuple[int, int]
    reason: str
    received_at: float
    recurrence: str | None = None
    finding_types: str | None = None


def calendar(world: World, number: int) -> Frame:
    """What of the calendar is told with the `number`-th roster day: what begins some days later, so that a night that
    runs past the last day is in it, and with the first day all that lies before that."""
    days = range(DAYS_PAST + 1) if number == 0 else range(number + DAYS_PAST, number + DAYS_PAST + 1)
    windows = [each for day in days for each in (*_holidays(world, day), *_closures(world, day))]
    return _frame(world, [*(_maintenance(world) if number == 0 else []), *windows])


def _holidays(world: World, number: int) -> list[_Window]:
    return [
        _Window(site, HOLIDAY, world.plan.day(number), (0, DAY_MINUTES), names[number], world.published_at)
        for site, zone in enumerate(world.sites.zone.tolist())
        if number in (names := world.holidays[zone])
    ]


def _closures(world: World, number: int) -> list[_Window]:
    sites, lengths = world.closures_beginning(number)
    rng, count = world.rng(number, Draw.CALENDAR), len(sites)
    is_announced = rng.random(count) < ANNOUNCED_SHARE
    ahead = rng.integers(*ANNOUNCED_BEFORE_DAYS, count)
    reason = rng.integers(0, len(CLOSURE_REASONS), count)
    day = world.plan.day(number)
    return [
        _Window(
            int(sites[row]), CLOSURE, day, (0, int(lengths[row]) * DAY_MINUTES), CLOSURE_REASONS[reason[row]],
            instant_of(int(world.sites.zone[sites[row]]), day, 0) - float(ahead[row]) * DAY_SECONDS,
        )
        for row in np.flatnonzero(is_announced)
    ]  # fmt: skip


def _maintenance(world: World) -> list[_Window]:
    """Every week at some hour of the night; the first of it in the week before the first day."""
    rng = world.rng(-1, Draw.CALENDAR)
    count = max(round(MAINTAINED_SHARE * world.plan.sites), 1)
    sites = np.sort(rng.choice(world.plan.sites, count, replace=False))
    back, hour = rng.integers(1, 8, count), rng.integers(*MAINTENANCE_HOURS, count)
    windows = []
    for row, site in enumerate(sites.tolist()):
        day = world.plan.day(0) - timedelta(days=int(back[row]))
        begins = int(hour[row]) * 60
        windows.append(
            _Window(
                site, MAINTENANCE, day, (begins, begins + MAINTENANCE_MINUTES), MAINTENANCE_REASON, world.published_at,
                f"FREQ=WEEKLY;BYDAY={WEEKDAYS[day.weekday()]}", MUTED[row % len(MUTED)],
            )
        )  # fmt: skip
    return windows


def _frame(world: World, windows: list[_Window]) -> Frame:
    count = len(windows)
    site = np.array([each.site for each in windows], np.int64)
    starts_at, ends_at = (
        np.array([instant_of(int(world.sites.zone[each.site]), each.day, each.minutes[end]) for each in windows])
        for end in (0, 1)
    )
    columns: dict[str, Values] = {
        "tenant_id": world.tenant_words(world.sites.tenant[site]),
        "window_id": _words([f"{each.kind.lower()}-{world.site_ids[each.site]}-{each.day}" for each in windows]),
        "kind": _words([each.kind for each in windows]),
        "site_id": world.site_words(site),
        "starts_at": starts_at.astype(np.float64),
        "ends_at": ends_at.astype(np.float64),
        "recurrence": _words([each.recurrence for each in windows]),
        "finding_types": _words([each.finding_types for each in windows]),
        "reason": _words([each.reason for each in windows]),
        "is_cancelled": np.zeros(count, np.bool_),
        "received_at": np.array([each.received_at for each in windows], np.float64),
    }
    return Frame(np.full(count, UNKNOWN, np.int64), columns)


def _words(texts: Sequence[str | None]) -> Words:
    known = sorted({text for text in texts if text is not None})
    place = {text: number for number, text in enumerate(known)}
    return Words(np.array([UNKNOWN if text is None else place[text] for text in texts], np.int64), tuple(known))
