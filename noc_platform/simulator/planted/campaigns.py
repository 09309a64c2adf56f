"""What is not of one shift: fading guards, shared phones, collusion rings, sites gone silent or busy, failing feeds.

Each is drawn on the day it begins, from randomness of that day, so that any day can be made without those before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from noc_platform.simulator.frames import UNKNOWN, Flags, Reals, Whole
from noc_platform.simulator.planted.causes import Cause, Planted, Variant
from noc_platform.simulator.world import Draw, World, instant_of, midnight

HOUR = 3600.0
DAY = 24 * HOUR
# Expected beginnings a guard and day, where as much is planted as usual.
BEGINNINGS = {Cause.SLOW_FADE: 0.0006, Cause.SHARED_DEVICE: 0.0008, Cause.COLLUSION_RING: 0.0003}
# Days it lasts, shortest and longest.
LENGTHS = {Cause.SLOW_FADE: (14, 28), Cause.SHARED_DEVICE: (3, 10), Cause.COLLUSION_RING: (14, 28)}
LONGEST_DAYS = 28
MEMBERS = {Cause.SLOW_FADE: (1, 1), Cause.SHARED_DEVICE: (2, 3), Cause.COLLUSION_RING: (3, 6)}
FADED_TO = 0.2

OUTAGES_A_TENANT_DAY = 0.03
OUTAGE_HOURS = (3.0, 40.0)
FEEDS = ("device_events", "location_updates")
# The longest a phone holds back what it saw, and a shift over midnight: how far a failing feed reaches into other days.
REACH_DAYS = 5

SITE_CAUSES = (Cause.SILENT_SITE, Cause.SITE_SURGE)
A_SITE_DAY = {Cause.SILENT_SITE: 0.008, Cause.SITE_SURGE: 0.012}
SITE_HOURS = (2.0, 5.0)
# So long nothing else befalls a whole site, and what its guards do is ordinary.
SITE_REST_DAYS = 2


@dataclass(frozen=True)
class Campaign:
    """One thing that lasts from roster day `first` to `last`, both included, on the shifts of `people` (places)."""

    planted: Planted
    first: int
    last: int

    def effort(self, number: int) -> float:
        """Share of their usual activity on that day, for somebody who fades."""
        return 1.0 - (1.0 - FADED_TO) * (number - self.first) / (self.last - self.first)


@dataclass(frozen=True)
class Outage:
    """Feeds of a tenant from which nothing came in between two instants: lost, or delivered when it was over."""

    planted: Planted

    def concerns(self, stream: str, tenant: Whole, received_at: Reals) -> Flags:
        """Which rows would have been received while the feed was down."""
        if stream not in self.planted.streams:
            return np.zeros(len(tenant), np.bool_)
        is_then = (received_at >= self.planted.starts_at) & (received_at < self.planted.ends_at)
        return np.asarray(is_then & (tenant == self.planted.tenant), np.bool_)


def site_spells_near(world: World, number: int) -> list[Planted]:
    """What befalls whole sites and may concern shifts of the `number`-th roster day."""
    return [planted for day in range(max(0, number - 1), number + 2) for planted in _site_spells(world, day)]


def campaigns_on(world: World, number: int) -> list[Campaign]:
    """What is going on on the `number`-th roster day, those that begin earlier first."""
    days = range(max(0, number - LONGEST_DAYS), number + 1)
    return [campaign for day in days for campaign in _beginning(world, day) if campaign.last >= number]


def outages_near(world: World, number: int) -> list[Outage]:
    """Outages that may concern what is seen on the `number`-th roster day."""
    days = range(max(0, number - REACH_DAYS), number + REACH_DAYS + 1)
    return [outage for day in days for outage in outages_beginning(world, day)]


def outages_beginning(world: World, number: int) -> list[Outage]:
    """Outages that begin on that day, UTC, of every tenant."""
    rng = world.rng(number, Draw.OUTAGES)
    expected = OUTAGES_A_TENANT_DAY * world.plan.planted
    begun = []
    for tenant in range(world.plan.own_tenants):
        chance, at, length = rng.random(), rng.uniform(0, DAY), rng.uniform(*OUTAGE_HOURS) * HOUR
        feeds = (FEEDS[:1], FEEDS[1:], FEEDS)[rng.integers(0, 3)]
        is_lost = rng.random() < 0.5
        if chance < expected:
            starts = midnight(world.plan.day(number)) + at
            name = f"{world.plan.day(number):%Y%m%d}-feed-{tenant}"
            variant = Variant.LOST if is_lost else Variant.DELIVERED_LATER
            cause = Cause.FEED_OUTAGE
            begun.append(Outage(Planted(name, cause, tenant, starts, starts + length, variant=variant, streams=feeds)))
    return begun


def _site_spells(world: World, number: int) -> Iterator[Planted]:
    """What befalls whole sites from some moment of that day on, site-local."""
    struck = _struck(world, number)
    for earlier in range(max(0, number - SITE_REST_DAYS), number):
        struck[_struck(world, earlier) >= 0] = UNKNOWN
    rng = world.rng(number, Draw.SITE_SPELLS)
    at, length = rng.uniform(0, 24 * 60, world.plan.sites), rng.uniform(*SITE_HOURS, world.plan.sites)
    for site in np.flatnonzero(struck >= 0):
        starts = instant_of(int(world.sites.zone[site]), world.plan.day(number), int(at[site]))
        name = f"{world.plan.day(number):%Y%m%d}-site-{site}"
        cause, tenant = SITE_CAUSES[struck[site]], int(world.sites.tenant[site])
        yield Planted(name, cause, tenant, starts, starts + float(length[site]) * HOUR, sites=(int(site),))


def _struck(world: World, number: int) -> Whole:
    """Which of the causes strikes each site on that day, -1 for none."""
    chance = np.random.default_rng([world.plan.seed, number + 1, Draw.SITE_SPELLS, 1]).random(world.plan.sites)
    limits = np.cumsum([A_SITE_DAY[cause] * world.plan.planted for cause in SITE_CAUSES])
    struck = np.searchsorted(limits, chance, side="right")
    return np.where(struck < len(SITE_CAUSES), struck, UNKNOWN)


def _beginning(world: World, number: int) -> Iterator[Campaign]:
    rng = world.rng(number, Draw.CAMPAIGNS)
    homes = world.people.home[: world.plan.guards]
    first_day = midnight(world.plan.day(number))
    for cause, expected in BEGINNINGS.items():
        for nth in range(rng.poisson(expected * world.plan.guards * world.plan.planted)):
            length = int(rng.integers(LENGTHS[cause][0], LENGTHS[cause][1] + 1))
            size = int(rng.integers(MEMBERS[cause][0], MEMBERS[cause][1] + 1))
            site = int(homes[rng.integers(0, len(homes))])
            order = rng.permutation(np.flatnonzero(homes == site))
            if site == UNKNOWN or len(order) < size:
                continue
            people = tuple(int(person) for person in order[:size])
            yield Campaign(
                Planted(
                    f"{world.plan.day(number):%Y%m%d}-{cause.lower().replace('_', '-')}-{nth}", cause,
                    int(world.sites.tenant[site]), first_day, first_day + length * DAY, people, (site,),
                ),
                number, number + length - 1,
            )  # fmt: skip
