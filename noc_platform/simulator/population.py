"""The making of a world at rest: sites with their checkpoints, guards on their patterns, those who lead them."""

from dataclasses import replace

import numpy as np

from noc_platform.simulator import kinds
from noc_platform.simulator.frames import UNKNOWN, Flags, Whole
from noc_platform.simulator.world import (
    FORMER_GUARD,
    GUARD,
    MOST_CHECKPOINTS,
    NOC_SUPERVISOR,
    PLACES,
    RELIEF_GUARD,
    SECURITY_MANAGER,
    SITE_MANAGER,
    Draw,
    People,
    Sites,
    World,
    WorldPlan,
)

CITY_SPREAD_DEGREES = 0.06
FEWEST_CHECKPOINTS = 4
SITES_PER_CLIENT = 3
SITES_PER_LEADER = 5
RELIEF_SHARE = 0.06
FORMER_SHARE = 0.04
STATIC_GUARD_SHARE = 0.15
WEEK = 7
CYCLE_DAYS = 3 * WEEK


def build_world(plan: WorldPlan) -> World:
    """The world of a plan, before anything happens."""
    rng = np.random.default_rng([plan.seed, 0, Draw.WORLD])
    sites = _sites(plan, rng)
    guards = _guards(plan, sites, rng)
    sites, people = _with_leaders(plan, sites, guards, rng)
    return World(plan, sites, people)


def _sites(plan: WorldPlan, rng: np.random.Generator) -> Sites:
    place = np.arange(plan.sites)
    tenant = place % plan.own_tenants
    zone = place % len(PLACES)
    kind = place % len(kinds.KINDS)
    city = np.array([at[1:] for at in PLACES])[zone]
    position = city + rng.uniform(-CITY_SPREAD_DEGREES, CITY_SPREAD_DEGREES, (plan.sites, 2))
    ranges = np.array([of.radius_meters for of in kinds.KINDS])[kind]
    radius = np.round(rng.uniform(ranges[:, 0], ranges[:, 1]))
    count = rng.integers(FEWEST_CHECKPOINTS, MOST_CHECKPOINTS + 1, plan.sites)
    # Checkpoints lie round the site in the order they are walked.
    turn = (
        (np.arange(MOST_CHECKPOINTS) + rng.uniform(0, 0.7, (plan.sites, MOST_CHECKPOINTS))) / count[:, None] * 2 * np.pi
    )
    away = radius[:, None] * rng.uniform(0.45, 0.85, (plan.sites, MOST_CHECKPOINTS))
    nobody = np.full(plan.sites, UNKNOWN, np.int64)
    return Sites(
        tenant, _clients(tenant), kind, zone, np.round(position[:, 0], 6), np.round(position[:, 1], 6), radius,
        post=rng.uniform(-0.15, 0.15, (plan.sites, 2)) * radius[:, None],
        checkpoints=np.stack([away * np.cos(turn), away * np.sin(turn)], axis=-1),
        checkpoint_count=count, noc_supervisor=nobody, security_manager=nobody, site_manager=nobody,
    )  # fmt: skip


def _clients(tenant: Whole) -> Whole:
    """The client of each site: a few neighbouring sites of a tenant share one."""
    nth = np.zeros(len(tenant), np.int64)
    for place in range(int(tenant.max()) + 1):
        rows = tenant == place
        nth[rows] = np.arange(rows.sum())
    pairs = np.stack([nth // SITES_PER_CLIENT, tenant])
    return np.asarray(np.unique(pairs, axis=1, return_inverse=True)[1].reshape(-1), np.int64)


def _guards(plan: WorldPlan, sites: Sites, rng: np.random.Generator) -> People:
    guards = plan.guards
    weight = rng.uniform(0.6, 1.4, plan.sites)
    # Every site has one guard of its own before any has two.
    site = np.concatenate(
        [
            np.arange(min(guards, plan.sites)),
            rng.choice(plan.sites, max(guards - plan.sites, 0), p=weight / weight.sum()),
        ]
    )
    is_relief = (np.arange(guards) >= plan.sites) & (rng.random(guards) < RELIEF_SHARE)
    pattern = np.where(is_relief, kinds.RELIEF, _patterns_at(site, sites.kind[site], is_relief, rng))
    offset = _offsets(plan, site, sites.kind[site], pattern, rng)
    does_tours = (rng.random(guards) >= STATIC_GUARD_SHARE) | (np.arange(guards) == 0)
    return People(
        tenant=sites.tenant[site],
        home=np.where(is_relief, UNKNOWN, site),
        zone=sites.zone[site],
        role=np.where(is_relief, RELIEF_GUARD, GUARD),
        pattern=pattern,
        offset=offset,
        pace=rng.uniform(1.0, 1.5, guards),
        does_tours=does_tours,
        is_active=np.ones(guards, np.bool_),
    )


def _patterns_at(site: Whole, kind: Whole, is_relief: Flags, rng: np.random.Generator) -> Whole:
    """The pattern of each guard: those of a site share its patterns out as their weights say, as far as they go."""
    pattern = np.zeros(len(site), np.int64)
    own = np.flatnonzero(~is_relief)
    own = own[np.argsort(site[own], kind="stable")]
    for rows in np.split(own, np.flatnonzero(np.diff(site[own])) + 1):
        shares = kinds.KINDS[kind[rows[0]]].patterns
        known = [kinds.PATTERN_NAMES.index(name) for name in shares]
        wanted = np.array(list(shares.values()), np.float64)
        wanted /= wanted.sum()
        # Sites differ in which pattern is filled first.
        lacking = wanted + rng.uniform(0, 0.3, len(wanted))
        for row in rows.tolist():
            scarcest = int(np.argmax(lacking))
            pattern[row] = known[scarcest]
            lacking[scarcest] -= 1
            lacking += wanted
    return pattern


def _offsets(plan: WorldPlan, site: Whole, kind: Whole, pattern: Whole, rng: np.random.Generator) -> Whole:
    """Days into their cycle on the first day. Who shares a pattern at a site rests on different days and is in a
    different week of the rotation; most of an office rest at the weekend."""
    group = site * len(kinds.PATTERNS) + pattern
    size = np.bincount(group)
    order = np.argsort(group, kind="stable")
    nth = np.empty_like(group)
    nth[order] = np.arange(len(group)) - (np.cumsum(size) - size)[group[order]]
    begins = rng.integers(0, CYCLE_DAYS, len(size))
    # The smallest world still has somebody at work on its first day.
    begins[group[0]] = 0
    staggered = begins[group] + nth * WEEK // size[group] + WEEK * nth
    share = np.array([of.rests_at_weekends for of in kinds.KINDS])[kind]
    is_by_night = np.array([of.shift_type == "NIGHT" for of in kinds.PATTERNS])[pattern]
    rests_at_weekends = (rng.random(len(site)) < share) & ~is_by_night
    of_the_week = plan.first_day.weekday() + WEEK * (staggered // WEEK)
    return np.asarray(np.where(rests_at_weekends, of_the_week, staggered) % CYCLE_DAYS, np.int64)


def _with_leaders(plan: WorldPlan, sites: Sites, guards: People, rng: np.random.Generator) -> tuple[Sites, People]:
    """Leaders who answer for sites of their tenant, and guards who have left. Some sites lack a leader of a kind."""
    tenants: list[int] = []
    homes: list[int] = []
    roles: list[int] = []
    led: dict[int, Whole] = {
        role: np.full(plan.sites, UNKNOWN, np.int64) for role in (NOC_SUPERVISOR, SECURITY_MANAGER, SITE_MANAGER)
    }
    for tenant in range(plan.own_tenants):
        own = np.flatnonzero(sites.tenant == tenant)
        for role, vacant in ((NOC_SUPERVISOR, 0.15), (SECURITY_MANAGER, 0.2), (SITE_MANAGER, 0.1)):
            for area in np.array_split(own, -(-len(own) // SITES_PER_LEADER)):
                led[role][area] = np.where(rng.random(len(area)) < vacant, UNKNOWN, plan.guards + len(roles))
                tenants.append(tenant)
                homes.append(int(area[0]))
                roles.append(role)
    for place in np.flatnonzero(rng.random(plan.guards) < FORMER_SHARE):
        tenants.append(int(guards.tenant[place]))
        homes.append(int(guards.home[place]))
        roles.append(FORMER_GUARD)
    more = len(roles)
    added = np.array(roles)
    home = np.where(added == NOC_SUPERVISOR, UNKNOWN, np.array(homes))
    people = People(
        tenant=np.concatenate([guards.tenant, tenants]),
        home=np.concatenate([guards.home, home]),
        zone=np.concatenate([guards.zone, sites.zone[np.array(homes)]]),
        role=np.concatenate([guards.role, added]),
        pattern=np.concatenate([guards.pattern, np.full(more, UNKNOWN)]),
        offset=np.concatenate([guards.offset, np.zeros(more, np.int64)]),
        pace=np.concatenate([guards.pace, np.ones(more)]),
        does_tours=np.concatenate([guards.does_tours, np.zeros(more, np.bool_)]),
        is_active=np.concatenate([guards.is_active, added != FORMER_GUARD]),
    )
    answering = replace(
        sites,
        noc_supervisor=led[NOC_SUPERVISOR],
        security_manager=led[SECURITY_MANAGER],
        site_manager=led[SITE_MANAGER],
    )
    return answering, people
