"""Who and what there is: tenants, clients, sites with their zones and checkpoints, people. Nothing happens here.

Their rows are in `reference`, who works when is in `roster`, what they do in `behaviour`.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from noc_platform.errors import BadInput
from noc_platform.simulator import kinds
from noc_platform.simulator.closed_days import closures, closures_beginning, holiday_names
from noc_platform.simulator.frames import UNKNOWN, Flags, Reals, Whole, Words
from noc_platform.simulator.traits import Traits, traits_of

# A Monday; Europe's clocks change on the Sunday after, 2026-03-29, so that a week holds a day of 23 hours.
DEFAULT_FIRST_DAY = date(2026, 3, 23)
MOST_GUARDS = 100_000
MOST_SITES = 10_000
MOST_DAYS = 366
MOST_PLANTED = 20
EARLIEST_FIRST_DAY = date(2001, 1, 1)
LATEST_FIRST_DAY = date(2100, 1, 1)

# Zone, latitude and longitude of the city whose sites are in it. The first three differ in hemisphere of longitude,
# in when their clocks change, and Kolkata's never change and stand at the half hour.
PLACES = (
    ("Europe/London", 51.515, -0.120),
    ("America/New_York", 40.745, -73.985),
    ("Asia/Kolkata", 19.075, 72.877),
    ("Europe/Berlin", 52.517, 13.400),
    ("Australia/Sydney", -33.868, 151.207),
    ("America/Los_Angeles", 34.048, -118.252),
)
ZONES = tuple(place[0] for place in PLACES)
METERS_PER_DEGREE = 111_320.0

TENANT_NAMES = ("Northgate", "Harbour", "Meridian", "Sentinel", "Lantern", "Keystone", "Palisade", "Watchtower")
ROLES = ("Guard", "Relief guard", "NOC supervisor", "Security manager", "Site manager", "Former guard")
GUARD, RELIEF_GUARD, NOC_SUPERVISOR, SECURITY_MANAGER, SITE_MANAGER, FORMER_GUARD = range(len(ROLES))

CLOSED_LEVEL = 0.15
# Nights run into the next date, and what failed may come in days later.
DAYS_PAST = 3
MOST_CHECKPOINTS = 10


class Draw(IntEnum):
    """What randomness is drawn for. Each has a stream of its own, so that drawing more of one leaves the rest alone."""

    WORLD = 0
    ROSTER = 1
    PRESENCE = 2
    ROUNDS = 3
    STROLLS = 4
    TASKS = 5
    FIXES = 6
    DEVICE_EVENTS = 7
    WORK = 8
    ATTENDANCE = 9
    ALERTS = 10
    PLANTING = 11
    CAMPAIGNS = 12
    OUTAGES = 13
    CLOSURES = 14
    REPEATS = 15
    SITE_SPELLS = 16
    REVIEWS = 17
    TRAITS = 18
    ROOFS = 19
    CALENDAR = 20


@dataclass(frozen=True)
class WorldPlan:
    """How large a world, over which days, from which seed. The same plan gives the same bytes.

    `guards` are those on a roster; leaders come on top. `planted` is how much goes wrong: 1 as in a usual operation,
    0 nothing; `random_review` the share of attendances that people look at by chance, besides those that were flagged.
    Raises `BadInput` when the plan cannot be a world.
    """

    guards: int
    sites: int
    days: int
    seed: int
    first_day: date = DEFAULT_FIRST_DAY
    tenants: int = 2
    planted: float = 1.0
    random_review: float = 0.0

    def __post_init__(self) -> None:
        for name, most in (("guards", MOST_GUARDS), ("sites", MOST_SITES), ("days", MOST_DAYS), ("tenants", 64)):
            if not 1 <= getattr(self, name) <= most:
                raise BadInput(f"A world needs 1 to {most:,} {name}, not {getattr(self, name):,}.")
        if self.seed < 0:
            raise BadInput(f"The seed must be 0 or above, not {self.seed}.")
        if not 0 <= self.planted <= MOST_PLANTED:
            raise BadInput(f"`planted` must lie from 0 to {MOST_PLANTED}, not at {self.planted}.")
        if not 0 <= self.random_review <= 1:
            raise BadInput(f"`random_review` is a share and must lie from 0 to 1, not at {self.random_review}.")
        if not EARLIEST_FIRST_DAY <= self.first_day <= LATEST_FIRST_DAY:
            raise BadInput(
                f"The first day must lie from {EARLIEST_FIRST_DAY} to {LATEST_FIRST_DAY}, not on {self.first_day}."
            )

    @property
    def own_tenants(self) -> int:
        """Tenants there really are: one without a site or a guard would be nobody."""
        return min(self.tenants, self.sites, self.guards)

    def day(self, number: int) -> date:
        """The `number`-th roster day, from 0."""
        return self.first_day + timedelta(days=number)


@dataclass(frozen=True)
class Sites:
    """Sites by place; `tenant`, `client`, `kind` and `zone` are places too. Positions in metres east and north of the
    site's own; leaders are people, -1 for none."""

    tenant: Whole
    client: Whole
    kind: Whole
    zone: Whole
    latitude: Reals
    longitude: Reals
    radius: Reals
    post: Reals
    checkpoints: Reals
    checkpoint_count: Whole
    noc_supervisor: Whole
    security_manager: Whole
    site_manager: Whole


@dataclass(frozen=True)
class People:
    """People by place, guards first. `home` is a site or -1; `zone` the one they work in; `pattern` -1 for those on no
    roster; `offset` days into their cycle on the first day; `pace` in metres per second."""

    tenant: Whole
    home: Whole
    zone: Whole
    role: Whole
    pattern: Whole
    offset: Whole
    pace: Reals
    does_tours: Flags
    is_active: Flags


@dataclass(frozen=True)
class World:
    """A world at rest, and the words for what is in it. Made by `population.build_world`."""

    plan: WorldPlan
    sites: Sites
    people: People
    rhythm: Reals = field(default_factory=kinds.rhythm)

    def rng(self, number: int, draw: Draw) -> np.random.Generator:
        """Randomness of one day for one purpose."""
        return np.random.default_rng([self.plan.seed, number + 1, draw])

    @cached_property
    def traits(self) -> Traits:
        """What lasts of people and sites."""
        return traits_of(len(self.people.role), self.plan.sites, self.rng(-1, Draw.TRAITS))

    @cached_property
    def tenant_ids(self) -> tuple[str, ...]:
        """Identifiers of the tenants."""
        return tuple(tenant_name(place).lower() for place in range(self.plan.own_tenants))

    @cached_property
    def client_ids(self) -> tuple[str, ...]:
        """Identifiers of the clients, by place; unique within a tenant, as in any real operation."""
        return _numbered_within("client", self.client_tenant)

    @cached_property
    def site_ids(self) -> tuple[str, ...]:
        """Identifiers of the sites, by place; unique within a tenant."""
        return _numbered_within("site", self.sites.tenant)

    @cached_property
    def person_ids(self) -> tuple[str, ...]:
        """Identifiers of the people, by place; unique within a tenant."""
        return _numbered_within("person", self.people.tenant)

    @cached_property
    def client_tenant(self) -> Whole:
        """The tenant of each client."""
        tenants = np.full(int(self.sites.client.max()) + 1, UNKNOWN, np.int64)
        tenants[self.sites.client] = self.sites.tenant
        return tenants

    @cached_property
    def published_at(self) -> float:
        """When the reference data was known, seconds UTC: a week before the first day."""
        return midnight(self.plan.first_day) - 7 * 86_400.0

    @cached_property
    def _offsets(self) -> Reals:
        """Seconds each zone is ahead of UTC as `(zone, hour since the day before the first)`. Two days run over."""
        hours = (self.plan.days + 4) * 24
        start = datetime.combine(self.plan.day(-1), datetime.min.time(), UTC)
        instants = [start + timedelta(hours=hour) for hour in range(hours)]
        return np.array([[_ahead_seconds(zone, instant) for instant in instants] for zone in ZONES])

    def hour_of_week(self, zone: Whole, instants: Reals) -> Whole:
        """Site-local hour of week, 0 is Monday 00:00."""
        # 1970-01-01 was a Thursday.
        return ((self._local(zone, instants) // 3600).astype(np.int64) + 3 * 24) % kinds.HOURS_OF_WEEK

    def _local(self, zone: Whole, instants: Reals) -> Reals:
        """Seconds since 1970 as the wall clock of a zone counts them."""
        first = midnight(self.plan.day(-1))
        hour = np.clip((instants - first) // 3600, 0, self._offsets.shape[1] - 1).astype(np.int64)
        return np.asarray(instants + self._offsets[zone, hour])

    @cached_property
    def holidays(self) -> tuple[dict[int, str], ...]:
        """Public holidays of each zone by roster day, some days past the last."""
        return tuple(holiday_names(zone, self.plan.first_day, self.plan.days + DAYS_PAST) for zone in ZONES)

    @cached_property
    def closed(self) -> Flags:
        """Whether a site is closed on a roster day, `(site, day)`, some days past the last."""
        return closures(self._closure_seed, self.plan.sites, self.plan.days + DAYS_PAST)

    def closures_beginning(self, number: int) -> tuple[Whole, Whole]:
        """Sites whose closure begins on a roster day, and for how many days."""
        return closures_beginning(self._closure_seed, self.plan.sites, number)

    @property
    def _closure_seed(self) -> list[int]:
        return [self.plan.seed, 0, Draw.CLOSURES]

    @cached_property
    def holiday_level(self) -> Reals:
        """How much a roster day's activity differs at a site for being a holiday or closed: a factor, `(site, day)`."""
        factors = np.ones_like(self.closed, np.float64)
        of_kind = np.array([kind.holiday for kind in kinds.KINDS])[self.sites.kind]
        for zone, kept in enumerate(self.holidays):
            rows = np.flatnonzero(self.sites.zone == zone)
            factors[np.ix_(rows, np.array(list(kept), np.int64))] = of_kind[rows, None]
        return np.where(self.closed, CLOSED_LEVEL, factors)

    def level(self, site: Whole, instants: Reals) -> Reals:
        """How busy a site is, 0 to 1."""
        zone = self.sites.zone[site]
        usual = self.rhythm[self.sites.kind[site], self.hour_of_week(zone, instants)]
        day = ((self._local(zone, instants) - midnight(self.plan.first_day)) // 86_400).astype(np.int64)
        return np.asarray(usual * self.holiday_level[site, np.clip(day, 0, self.holiday_level.shape[1] - 1)])

    def tenant_words(self, tenant: Whole) -> Words:
        """Tenants as their identifiers."""
        return Words(tenant, self.tenant_ids)

    def site_words(self, site: Whole) -> Words:
        """Sites as their identifiers."""
        return Words(site, self.site_ids)

    def person_words(self, person: Whole) -> Words:
        """People as their identifiers."""
        return Words(person, self.person_ids)


def midnight(day: date) -> float:
    """Seconds since 1970 of a day's beginning, UTC."""
    return datetime.combine(day, datetime.min.time(), UTC).timestamp()


def instant_of(zone: int, day: date, minute: int) -> float:
    """Seconds since 1970 when a zone's wall clock has gone `minute` minutes past midnight of `day`.

    `minute` may lie on the next day. As the wall clock reads: a night over a switch is an hour shorter or longer.
    """
    wall = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minute)
    return wall.replace(tzinfo=ZoneInfo(ZONES[zone])).timestamp()


def _ahead_seconds(zone: str, at: datetime) -> float:
    offset = at.astimezone(ZoneInfo(zone)).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0


def tenant_name(place: int) -> str:
    """What a tenant is called."""
    rounds, name = divmod(place, len(TENANT_NAMES))
    return TENANT_NAMES[name] + (f"-{rounds + 1}" if rounds else "")


def _numbered_within(prefix: str, tenant: Whole) -> tuple[str, ...]:
    seen: dict[int, int] = {}
    names = []
    for owner in tenant.tolist():
        seen[owner] = seen.get(owner, 0) + 1
        names.append(f"{prefix}-{seen[owner]:04d}")
    return tuple(names)
