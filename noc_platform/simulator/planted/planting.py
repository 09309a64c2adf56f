"""What goes wrong on a roster day: drawn for its shifts and sites, and joined with what has been going on for days.

Nobody has two causes of their own on one day, so that each has a trace of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from noc_platform.simulator import kinds
from noc_platform.simulator.frames import UNKNOWN, Flags, Reals, Whole
from noc_platform.simulator.planted.campaigns import campaigns_on, site_spells_near
from noc_platform.simulator.planted.causes import Cause, Planted, Variant
from noc_platform.simulator.planted.episodes import SECOND_PUNCH_NUMBERS, Episodes
from noc_platform.simulator.roster import Roster
from noc_platform.simulator.world import METERS_PER_DEGREE, Draw, World, instant_of

MINUTE = 60.0
HOUR = 3600.0
SHORTEST_SHIFT = 3.5 * HOUR
# Expected a shift that it may befall, where as much is planted as usual.
RATES = {
    Cause.SLEEPING_GUARD: 0.02,
    Cause.ABANDONED_TOUR: 0.006,
    Cause.GHOST_SCANS: 0.008,
    Cause.DEVICE_DEAD: 0.008,
    Cause.CLOCK_ERROR: 0.005,
    Cause.BUDDY_PUNCHING: 0.006,
    Cause.GPS_SPOOFING: 0.008,
    Cause.GEOFENCE_CHEATING: 0.007,
    Cause.IMPOSSIBLE_TRAVEL: 0.004,
    Cause.CREDENTIAL_SHARING: 0.004,
    Cause.TIME_THEFT: 0.008,
}
RING_SHARE = 0.25
LATE_BUDDY_SHARE = 0.5
CLOCK_OF_1970_SHARE = 0.15
CLOCK_BEHIND_SHARE = 0.5
# No guard goes as fast between two punches, whatever the traffic.
IMPOSSIBLE_METERS_PER_SECOND = 250 / 3.6
SECOND_PUNCH_AFTER = (8 * MINUTE, 35 * MINUTE)


@dataclass
class _Day:
    """What has been planted so far. `free` are shifts of people who have nothing yet."""

    world: World
    roster: Roster
    comes_at: Reals
    leaves_at: Reals
    rng: np.random.Generator
    episodes: Episodes
    free: Flags
    planted: list[Planted] = field(default_factory=list)

    def name(self) -> str:
        """An id for what is planted next."""
        return f"{self.roster.day:%Y%m%d}-{len(self.planted):04d}"

    def take(self, shifts: Whole) -> None:
        """These shifts, and all others of the same people today, have their cause."""
        self.free &= ~np.isin(self.roster.person, self.roster.person[shifts])

    def plant(
        self, cause: Cause, shift: int, starts_at: float, ends_at: float, variant: Variant | None = None,
        ring_id: str | None = None, sites: tuple[int, ...] = (),
    ) -> None:  # fmt: skip
        """Plant something on one shift."""
        name, roster = self.name(), self.roster
        person, site = int(roster.person[shift]), int(roster.site[shift])
        helpers = (self.episodes.puncher[shift], self.episodes.impostor[shift])
        people = (person, *(int(helper) for helper in helpers if helper != UNKNOWN))
        number = shift + SECOND_PUNCH_NUMBERS if cause is Cause.IMPOSSIBLE_TRAVEL else shift
        attendances = (f"att-{roster.day:%Y%m%d}-{number}",) if cause.is_fraud else ()
        tenant = int(self.world.people.tenant[person])
        self.planted.append(
            Planted(
                name, cause, tenant, starts_at, ends_at, people, sites or (site,), variant, ring_id, (), attendances
            )
        )
        self.episodes.spells[cause].put([shift], starts_at, ends_at, name)
        self.take(np.array([shift]))


def episodes_of(world: World, roster: Roster, comes_at: Reals, leaves_at: Reals, tours: Whole) -> Episodes:
    """What is planted on a roster day, given when people would come and leave, and how many tours each shift has."""
    attended = ~np.isnan(comes_at)
    is_long = attended & (np.nan_to_num(leaves_at - comes_at) >= SHORTEST_SHIFT)
    day = _Day(
        world, roster, comes_at, leaves_at, world.rng(roster.number, Draw.PLANTING),
        Episodes.ordinary(roster.person), is_long,
    )  # fmt: skip
    if world.plan.planted > 0:
        _at_sites(day)
        _carry_on(day)
        is_night = np.array([pattern.shift_type == "NIGHT" for pattern in kinds.PATTERNS])[roster.worked]
        has_tours = tours > 0
        everybody = np.ones(len(roster), np.bool_)
        eligible = {Cause.SLEEPING_GUARD: is_night, Cause.ABANDONED_TOUR: has_tours, Cause.GHOST_SCANS: has_tours}
        for cause, plant in _ON_A_SHIFT.items():
            chance = day.rng.random(len(roster))
            for shift in np.flatnonzero(eligible.get(cause, everybody) & (chance < _rate(world, cause))):
                if day.free[shift]:
                    plant(day, int(shift))
        _choose_tours(day, tours)
    return replace(day.episodes, planted=tuple(day.planted))


def _rate(world: World, cause: Cause) -> float:
    return min(RATES[cause] * world.plan.planted, 0.5)


def _carry_on(day: _Day) -> None:
    """What has been going on for days, on the shifts of those concerned."""
    roster, number = day.roster, day.roster.number
    for campaign in campaigns_on(day.world, number):
        planted = campaign.planted
        if campaign.first == number:
            day.planted.append(planted)
        shifts = np.flatnonzero(np.isin(roster.person, planted.people) & ~np.isnan(day.comes_at) & day.free)
        if planted.cause is Cause.COLLUSION_RING:
            for shift in shifts[day.rng.random(len(shifts)) < RING_SHARE]:
                if day.free[shift]:
                    _buddy_punching(day, int(shift), planted.people, planted.cause_id)
            continue
        for shift in shifts:
            starts, ends = float(day.comes_at[shift]), float(day.leaves_at[shift])
            day.episodes.spells[planted.cause].put([int(shift)], starts, ends, planted.cause_id)
        if planted.cause is Cause.SHARED_DEVICE:
            day.episodes.phone[shifts] = planted.people[0]
        else:
            day.episodes.effort[shifts] = campaign.effort(number)
        day.take(shifts)


def _at_sites(day: _Day) -> None:
    """What befalls everybody who is on duty at a site. Comes first: nobody there is spared."""
    roster = day.roster
    for planted in site_spells_near(day.world, roster.number):
        there = (roster.site == planted.sites[0]) & (day.comes_at < planted.ends_at)
        affected = np.flatnonzero(there & (day.leaves_at > planted.starts_at))
        if len(affected):
            people = tuple(sorted({int(person) for person in roster.person[affected]}))
            day.planted.append(replace(planted, people=people))
            day.episodes.spells[planted.cause].put(affected, planted.starts_at, planted.ends_at, planted.cause_id)
            day.take(affected)


def _sleeping(day: _Day, shift: int) -> None:
    zone = int(day.world.sites.zone[day.roster.site[shift]])
    starts = instant_of(zone, day.roster.day, 25 * 60) + day.rng.uniform(0, 1.5) * HOUR
    ends = min(starts + day.rng.uniform(1.75, 3.5) * HOUR, float(day.leaves_at[shift]) - 10 * MINUTE)
    if starts > day.comes_at[shift] and ends - starts >= 1.5 * HOUR:
        day.plant(Cause.SLEEPING_GUARD, shift, starts, ends)


def _all_shift(cause: Cause) -> Callable[[_Day, int], None]:
    def plant(day: _Day, shift: int) -> None:
        day.plant(cause, shift, float(day.comes_at[shift]), float(day.leaves_at[shift]))

    return plant


def _device_dead(day: _Day, shift: int) -> None:
    comes, leaves = float(day.comes_at[shift]), float(day.leaves_at[shift])
    day.plant(Cause.DEVICE_DEAD, shift, comes + day.rng.uniform(0.15, 0.5) * (leaves - comes), leaves + HOUR)


def _clock_error(day: _Day, shift: int) -> None:
    offset = float(np.clip(day.rng.lognormal(np.log(20 * MINUTE), 1.0), 2 * MINUTE, 5 * HOUR))
    variant = Variant.CLOCK_AHEAD
    if day.rng.random() < CLOCK_BEHIND_SHARE:
        variant, offset = Variant.CLOCK_BEHIND, -offset
    if day.rng.random() < CLOCK_OF_1970_SHARE:
        # The phone lost power, and counts from the beginning of time.
        variant, offset = Variant.CLOCK_OF_1970, -float(day.comes_at[shift])
    day.episodes.clock_offset[shift] = offset
    day.plant(Cause.CLOCK_ERROR, shift, float(day.comes_at[shift]), float(day.leaves_at[shift]), variant)


def _spoofing(day: _Day, shift: int) -> None:
    is_admitted = bool(day.rng.random() < 0.5)
    day.episodes.is_mocked[shift] = is_admitted
    variant = Variant.MOCK_FLAG_ON if is_admitted else Variant.MOCK_FLAG_OFF
    day.plant(Cause.GPS_SPOOFING, shift, float(day.comes_at[shift]), float(day.leaves_at[shift]), variant)


def _geofence(day: _Day, shift: int) -> None:
    comes = float(day.comes_at[shift])
    day.plant(Cause.GEOFENCE_CHEATING, shift, comes, comes + day.rng.uniform(20, 75) * MINUTE)


def _time_theft(day: _Day, shift: int) -> None:
    comes, leaves = float(day.comes_at[shift]), float(day.leaves_at[shift])
    day.plant(Cause.TIME_THEFT, shift, leaves - day.rng.uniform(0.35, 0.6) * (leaves - comes), leaves)


def _buddy_punching(day: _Day, shift: int, among: tuple[int, ...] | None = None, ring_id: str | None = None) -> None:
    """A colleague who is there in time punches for the guard, who comes hours later or never."""
    roster, comes, leaves = day.roster, float(day.comes_at[shift]), float(day.leaves_at[shift])
    there = (day.comes_at <= comes + 5 * MINUTE) & (day.leaves_at > comes + HOUR) & (roster.site == roster.site[shift])
    there &= (roster.person != roster.person[shift]) & (day.episodes.puncher == UNKNOWN)
    if among is not None:
        there &= np.isin(roster.person, among)
    able = np.flatnonzero(there)
    is_late = bool(day.rng.random() < LATE_BUDDY_SHARE)
    late_by = day.rng.uniform(1, 2.5) * HOUR
    if not len(able):
        return
    day.episodes.puncher[shift] = roster.person[day.rng.choice(able)]
    ends, variant = (comes + late_by, Variant.LATE) if is_late else (leaves, Variant.ABSENT)
    day.plant(Cause.BUDDY_PUNCHING, shift, comes, ends, variant, ring_id)


def _impossible_travel(day: _Day, shift: int) -> None:
    world, site = day.world, int(day.roster.site[shift])
    apart = meters_between_sites(world, site)
    gap = day.rng.uniform(*SECOND_PUNCH_AFTER)
    able = np.flatnonzero(
        (world.sites.tenant == world.sites.tenant[site]) & (apart > 1.5 * gap * IMPOSSIBLE_METERS_PER_SECOND)
    )
    if not len(able):
        return
    second = int(day.rng.choice(able))
    day.episodes.second_site[shift] = second
    starts = float(day.comes_at[shift])
    day.plant(Cause.IMPOSSIBLE_TRAVEL, shift, starts, starts + gap, sites=(site, second))


def _credential_sharing(day: _Day, shift: int) -> None:
    people, roster = day.world.people, day.roster
    guards = np.arange(day.world.plan.guards)
    owner = int(roster.person[shift])
    is_able = (people.tenant[guards] == people.tenant[owner]) & (people.zone[guards] == people.zone[owner])
    able = np.setdiff1d(guards[is_able], roster.person)
    if not len(able):
        return
    impostor = int(day.rng.choice(able))
    day.episodes.impostor[shift] = day.episodes.phone[shift] = impostor
    day.plant(Cause.CREDENTIAL_SHARING, shift, float(day.comes_at[shift]), float(day.leaves_at[shift]))


def _choose_tours(day: _Day, tours: Whole) -> None:
    """Which of its tours a guard leaves."""
    share = day.rng.random(len(tours))
    rows = day.episodes.is_on(Cause.ABANDONED_TOUR)
    day.episodes.abandoned[rows] = (share[rows] * tours[rows]).astype(np.int64)


def meters_between_sites(world: World, site: int) -> Reals:
    """Rough metres from one site to all."""
    sites = world.sites
    north = sites.latitude - sites.latitude[site]
    east = (sites.longitude - sites.longitude[site]) * np.cos(np.radians(sites.latitude[site]))
    return np.asarray(np.hypot(north, east) * METERS_PER_DEGREE)


_ON_A_SHIFT: dict[Cause, Callable[[_Day, int], None]] = {
    Cause.SLEEPING_GUARD: _sleeping,
    Cause.ABANDONED_TOUR: _all_shift(Cause.ABANDONED_TOUR),
    Cause.GHOST_SCANS: _all_shift(Cause.GHOST_SCANS),
    Cause.DEVICE_DEAD: _device_dead,
    Cause.CLOCK_ERROR: _clock_error,
    Cause.BUDDY_PUNCHING: _buddy_punching,
    Cause.GPS_SPOOFING: _spoofing,
    Cause.GEOFENCE_CHEATING: _geofence,
    Cause.IMPOSSIBLE_TRAVEL: _impossible_travel,
    Cause.CREDENTIAL_SHARING: _credential_sharing,
    Cause.TIME_THEFT: _time_theft,
}
