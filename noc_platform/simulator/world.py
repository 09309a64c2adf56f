"""The stage: tenants, clients, sites in several time zones, people, and the pattern each of them works in.

A world is a pure function of its plan. What happens on it is in `behaviour`.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from noc_platform.errors import BadInput

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# The week holds the last Sunday of March: one of the three zones changes its clocks in it.
FIRST_DAY = date(2026, 3, 23)
CHECKPOINTS = 6
METERS_PER_DEGREE = 111_320.0
MOST_GUARDS, MOST_SITES, MOST_DAYS = 1_000_000, 100_000, 3_660


class SiteKind(StrEnum):
    """What is guarded, which sets the rhythm of its week."""

    OFFICE = "office"
    MALL = "mall"
    PLANT = "plant"
    HOSPITAL = "hospital"
    NIGHT_ONLY = "night-only"


class Pattern(StrEnum):
    """When somebody works."""

    DAY = "DAY"
    SWING = "SWING"
    NIGHT = "NIGHT"
    SPLIT = "SPLIT"


@dataclass(frozen=True)
class City:
    """Where sites stand."""

    zone: str
    latitude: float
    longitude: float


CITIES = (
    City("Europe/London", 51.5074, -0.1278),
    City("America/New_York", 40.7128, -74.0060),
    City("Asia/Kolkata", 19.0760, 72.8777),
)
# Local hours on duty; a night crosses midnight, a split shift is two.
HOURS: dict[Pattern, tuple[tuple[time, timedelta], ...]] = {
    Pattern.DAY: ((time(7), timedelta(hours=8)),),
    Pattern.SWING: ((time(14), timedelta(hours=8)),),
    Pattern.NIGHT: ((time(22), timedelta(hours=8)),),
    Pattern.SPLIT: ((time(6), timedelta(hours=4)), (time(16), timedelta(hours=4))),
}
ROSTERS: dict[SiteKind, tuple[Pattern, ...]] = {
    SiteKind.OFFICE: (Pattern.DAY, Pattern.DAY, Pattern.SWING),
    SiteKind.MALL: (Pattern.SWING, Pattern.DAY, Pattern.SPLIT),
    SiteKind.PLANT: (Pattern.DAY, Pattern.SWING, Pattern.NIGHT),
    SiteKind.HOSPITAL: (Pattern.NIGHT, Pattern.DAY, Pattern.SWING, Pattern.SPLIT),
    SiteKind.NIGHT_ONLY: (Pattern.NIGHT,),
}
CLOSED_WEEKDAYS = {SiteKind.OFFICE: (5, 6)}


@dataclass(frozen=True)
class WorldPlan:
    """How large a world, from which day (site-local), and which of all possible ones (`seed`)."""

    guards: int
    sites: int
    days: int
    seed: int
    first_day: date = FIRST_DAY

    def __post_init__(self) -> None:
        for name, most in (("guards", MOST_GUARDS), ("sites", MOST_SITES), ("days", MOST_DAYS)):
            value = getattr(self, name)
            if not 1 <= value <= most:
                raise BadInput(f"A world needs 1 to {most:,} {name}, not {value:,}.")
        if self.seed < 0:
            raise BadInput(f"A seed is 0 or more, not {self.seed}.")

    @property
    def all_days(self) -> list[date]:
        """Roster days in order."""
        return [self.first_day + timedelta(days=offset) for offset in range(self.days)]


@dataclass(frozen=True)
class Shift:
    """One stretch of duty of one guard. Instants are UTC."""

    guard: int
    site: int
    starts_at: datetime
    ends_at: datetime
    roster_day: date
    pattern: Pattern
    stands_in_for: int | None


class World:
    """Everything that stays the same from day to day."""

    def __init__(self, plan: WorldPlan) -> None:
        self.plan = plan
        random = np.random.default_rng([plan.seed, 0])
        self.site_kinds = [list(SiteKind)[site % len(SiteKind)] for site in range(plan.sites)]
        self.site_cities = [CITIES[site % len(CITIES)] for site in range(plan.sites)]
        spread = random.uniform(-0.15, 0.15, (plan.sites, 2))
        self.site_latitudes: Floats = np.array([city.latitude for city in self.site_cities]) + spread[:, 0]
        self.site_longitudes: Floats = np.array([city.longitude for city in self.site_cities]) + spread[:, 1]
        self.site_radii: Floats = random.uniform(80, 200, plan.sites).round()
        angle = np.linspace(0, 2 * np.pi, CHECKPOINTS, endpoint=False) + random.uniform(0, 1, (plan.sites, 1))
        reach = self.site_radii[:, None] * random.uniform(0.4, 0.9, (plan.sites, CHECKPOINTS))
        self.checkpoint_latitudes: Floats = self.site_latitudes[:, None] + reach * np.sin(angle) / METERS_PER_DEGREE
        narrowing = np.cos(np.radians(self.site_latitudes))[:, None]
        self.checkpoint_longitudes: Floats = (
            self.site_longitudes[:, None] + reach * np.cos(angle) / METERS_PER_DEGREE / narrowing
        )

    @cached_property
    def tenants(self) -> list[str]:
        """Two operations side by side, as soon as there are sites for two."""
        return ["aurora", "borealis"][: min(2, self.plan.sites)]

    def tenant_of_site(self, site: int) -> str:
        """Whose the site is. Sites of one city belong to both, so that tenants share zones."""
        return self.tenants[site // len(CITIES) % len(self.tenants)]

    def site_of(self, guard: int) -> int:
        """The home site of a guard."""
        return guard % self.plan.sites

    def pattern_of(self, guard: int) -> Pattern:
        """When a guard works."""
        roster = ROSTERS[self.site_kinds[self.site_of(guard)]]
        return roster[guard // self.plan.sites % len(roster)]

    def is_floater(self, guard: int) -> bool:
        """Whether a guard has no home site on record, though there is one they work at."""
        return guard % 50 == 49

    def shifts_on(self, day: date) -> list[Shift]:
        """The roster of a day: five days on and two off, closures, and substitutes for some who are off."""
        random = np.random.default_rng([self.plan.seed, 1, day.toordinal()])
        swaps: Flags = random.random(self.plan.guards) < 0.03
        shifts = []
        for guard in range(self.plan.guards):
            site, pattern = self.site_of(guard), self.pattern_of(guard)
            if day.weekday() in CLOSED_WEEKDAYS.get(self.site_kinds[site], ()):
                continue
            is_off = (day.toordinal() + guard * 3) % 7 >= 5
            colleague = (guard + self.plan.sites) % self.plan.guards
            if is_off and not (swaps[guard] and self.site_of(colleague) == site and colleague != guard):
                continue
            for starts, lasting in HOURS[pattern]:
                start = datetime.combine(day, starts, ZoneInfo(self.site_cities[site].zone))
                begins = start.astimezone(ZoneInfo("UTC"))
                shifts.append(Shift(guard, site, begins, begins + lasting, day, pattern, colleague if is_off else None))
        return shifts


def person_id(guard: int) -> str:
    """Identity of a guard."""
    return f"g{guard:05d}"


def site_id(site: int) -> str:
    """Identity of a site."""
    return f"site-{site:04d}"


def supervisor_id(site: int) -> str:
    """Identity of the supervisor of a site."""
    return f"sup-{site:04d}"
