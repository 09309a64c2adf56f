"""What is guarded and how: kinds of sites with their week, and the working patterns of guards. Site-local times."""

from dataclasses import dataclass

import numpy as np

from noc_platform.simulator.frames import Flags, Reals, Whole

HOURS_OF_WEEK = 168
SHIFT_TYPES = ("DAY", "NIGHT", "SWING", "ROTATING")


@dataclass(frozen=True)
class Pattern:
    """How somebody works: parts of a day as (minute it starts, minutes it lasts), and days on in a turn of seven.

    `rotation` names the patterns a rotating guard goes through, one a turn.
    """

    name: str
    shift_type: str
    parts: tuple[tuple[int, int], ...]
    days_on: int = 5
    rotation: tuple[str, ...] = ()


PATTERNS = (
    Pattern("early-07", "DAY", ((7 * 60, 480),)),
    Pattern("late-15", "SWING", ((15 * 60, 480),)),
    Pattern("night-23", "NIGHT", ((23 * 60, 480),)),
    Pattern("long-day-08", "DAY", ((8 * 60, 720),), days_on=4),
    Pattern("long-night-20", "NIGHT", ((20 * 60, 720),), days_on=4),
    Pattern("split-07-15", "DAY", ((7 * 60, 240), (15 * 60, 240))),
    Pattern("rotating", "ROTATING", (), rotation=("early-07", "late-15", "night-23")),
    Pattern("relief-09", "DAY", ((9 * 60, 480),)),
)
PATTERN_NAMES = tuple(pattern.name for pattern in PATTERNS)
RELIEF = PATTERN_NAMES.index("relief-09")
MOST_PARTS = 2


@dataclass(frozen=True)
class SiteKind:
    """A kind of site. `staffing` is the share of its guards wanted on Monday … Sunday; `busy` the level 0 to 1 of
    activity within `open_hours` of a day, `quiet` outside; `indoors` the share of duty under a roof; `holiday` what
    staffing and activity shrink to on a public holiday; `rests_at_weekends` the share of those working by day who rest
    on Saturdays and Sundays."""

    name: str
    patterns: dict[str, float]
    staffing: tuple[float, float, float, float, float, float, float]
    open_hours: tuple[int, int]
    busy: tuple[float, float, float, float, float, float, float]
    quiet: float
    indoors: float
    tour_gap_minutes: int
    tasks_per_hour: float
    radius_meters: tuple[float, float]
    holiday: float
    rests_at_weekends: float = 0.0


KINDS = (
    SiteKind("hospital", {"long-day-08": 3, "long-night-20": 3, "split-07-15": 1}, (1, 1, 1, 1, 1, 1, 1),
             (9, 21), (1, 1, 1, 1, 1, 0.9, 0.9), 0.6, 0.7, 120, 0.8, (90, 180), 0.95),
    SiteKind("office", {"early-07": 4, "late-15": 2, "split-07-15": 1, "long-night-20": 1}, (1, 1, 1, 1, 1, 0.9, 0.7),
             (8, 19), (1, 1, 1, 1, 0.9, 0.5, 0.4), 0.45, 0.8, 150, 0.6, (60, 120), 0.4, 0.7),
    SiteKind("plant", {"rotating": 5, "night-23": 1, "split-07-15": 1}, (1, 1, 1, 1, 1, 0.9, 0.9),
             (6, 22), (1, 1, 1, 1, 1, 0.7, 0.7), 0.7, 0.3, 90, 0.5, (150, 220), 0.6),
    SiteKind("mall", {"early-07": 2, "late-15": 3, "split-07-15": 1, "long-night-20": 1},
             (0.8, 0.8, 0.85, 0.9, 1, 1, 0.95),
             (10, 22), (0.7, 0.7, 0.75, 0.8, 0.95, 1, 0.85), 0.45, 0.75, 100, 0.7, (100, 200), 0.9),
    SiteKind("night-only", {"long-night-20": 3, "night-23": 2}, (1, 1, 1, 1, 1, 1, 1),
             (19, 24), (0.9, 0.9, 0.9, 0.9, 1, 1, 0.9), 0.75, 0.2, 90, 0.3, (80, 200), 1.0),
)  # fmt: skip

DEEP_NIGHT = (1, 5)
DEEP_NIGHT_LEVEL = 0.75


def rhythm() -> Reals:
    """Level of activity, 0 to 1, as `(kind, hour of week)`; Monday 00:00 site-local is hour 0."""
    hours = np.arange(HOURS_OF_WEEK)
    weekday, hour = hours // 24, hours % 24
    levels = np.empty((len(KINDS), HOURS_OF_WEEK))
    for place, kind in enumerate(KINDS):
        is_open = (hour >= kind.open_hours[0]) & (hour < kind.open_hours[1])
        levels[place] = np.where(is_open, np.array(kind.busy)[weekday], kind.quiet)
    is_deep = (hour >= DEEP_NIGHT[0]) & (hour < DEEP_NIGHT[1])
    return np.where(is_deep, levels * DEEP_NIGHT_LEVEL, levels)


def staffing() -> Reals:
    """Share of guards wanted, as `(kind, weekday)`."""
    return np.array([kind.staffing for kind in KINDS])


def parts() -> Whole:
    """Parts of each pattern's day as `(pattern, part, (minute, minutes))`; a part that is none lasts 0."""
    table = np.zeros((len(PATTERNS), MOST_PARTS, 2), np.int64)
    for place, pattern in enumerate(PATTERNS):
        for part, times in enumerate(pattern.parts):
            table[place, part] = times
    return table


def worked_pattern(pattern: Whole, turn: Whole) -> Whole:
    """The pattern somebody works in their `turn`-th turn: their own, or the one their rotation has come to."""
    worked = pattern.copy()
    for place, candidate in enumerate(PATTERNS):
        if candidate.rotation:
            order = np.array([PATTERN_NAMES.index(name) for name in candidate.rotation])
            rows = pattern == place
            worked[rows] = order[turn[rows] % len(order)]
    return worked


def is_working(pattern: Whole, day: Whole) -> Flags:
    """Whether the `day`-th day of somebody's cycle is a working day. Relief works every other day."""
    days_on = np.array([candidate.days_on for candidate in PATTERNS])[pattern]
    return np.asarray(np.where(pattern == RELIEF, day % 2 == 0, day % 7 < days_on), np.bool_)


def is_free(pattern: Whole, day: Whole) -> Flags:
    """Whether somebody could stand in: resting today, the day before and the day after; or relief on its day."""
    days_on = np.array([candidate.days_on for candidate in PATTERNS])[pattern]
    rests = (day % 7 > days_on) & (day % 7 < 6)
    return np.asarray(np.where(pattern == RELIEF, day % 2 == 0, rests), np.bool_)
