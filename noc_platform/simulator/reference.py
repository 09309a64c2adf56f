"""Rows of the streams that do not grow with the days: tenants, clients, sites, people."""

from collections.abc import Mapping

import numpy as np

from noc_platform.simulator import kinds
from noc_platform.simulator.frames import UNKNOWN, Frame, Values, Words
from noc_platform.simulator.world import ROLES, ZONES, Draw, World, tenant_name

CLIENT_NAMES = ("Alder Group", "Borealis Health", "Crestline Retail", "Dunmore Industries", "Evergreen Estates",
                "Fairmont Logistics", "Granite Bank", "Highfield Foods")  # fmt: skip
CLIENT_TIERS = ("GOLD", "SILVER", "BRONZE")
FIRST_NAMES = ("Amara", "Bela", "Carlos", "Devi", "Emeka", "Farah", "Goran", "Hana", "Imran", "Joana", "Kofi", "Leila",
               "Marek", "Nadia", "Omar", "Priya", "Quinn", "Rosa", "Samir", "Tomas", "Uma", "Viktor")  # fmt: skip
LAST_NAMES = ("Adeyemi", "Bauer", "Castillo", "Desai", "Eriksen", "Ferreira", "Gupta", "Hughes", "Ivanov", "Jensen",
              "Khan", "Laurent", "Mensah", "Novak", "Okafor", "Patel", "Quiroga", "Rossi", "Singh", "Tanaka", "Ueda",
              "Vargas", "Walker", "Yilmaz")  # fmt: skip


def reference_frames(world: World) -> dict[str, Frame]:
    """Rows of the streams that do not grow with the days: tenants, clients, sites, people."""
    return {
        "tenants": _tenant_rows(world),
        "clients": _client_rows(world),
        "sites": _site_rows(world),
        "people": _person_rows(world),
    }


def _each(words: list[str]) -> Words:
    return Words(np.arange(len(words)), tuple(words))


def _rows(world: World, count: int, columns: Mapping[str, Values]) -> Frame:
    known = {"received_at": np.full(count, world.published_at)}
    return Frame(np.full(count, UNKNOWN, np.int64), {**columns, **known})


def _tenant_rows(world: World) -> Frame:
    count = world.plan.own_tenants
    names = [f"{tenant_name(place)} Security" for place in range(count)]
    return _rows(
        world,
        count,
        {"tenant_id": _each(list(world.tenant_ids)), "name": _each(names), "is_active": np.ones(count, np.bool_)},
    )


def _client_rows(world: World) -> Frame:
    count = len(world.client_ids)
    names = [CLIENT_NAMES[place % len(CLIENT_NAMES)] for place in range(count)]
    columns: dict[str, Values] = {
        "tenant_id": world.tenant_words(world.client_tenant),
        "client_id": _each(list(world.client_ids)),
        "name": _each(names),
        "tier": Words(np.arange(count) % len(CLIENT_TIERS), CLIENT_TIERS),
    }
    return _rows(world, count, columns)


def _site_rows(world: World) -> Frame:
    sites, count = world.sites, world.plan.sites
    kind_names = tuple(kind.name for kind in kinds.KINDS)
    cities = [ZONES[zone].rpartition("/")[2].replace("_", " ") for zone in sites.zone]
    names = [
        f"{city} {kind_names[kind]} {place + 1}"
        for place, (city, kind) in enumerate(zip(cities, sites.kind, strict=True))
    ]
    columns: dict[str, Values] = {
        "tenant_id": world.tenant_words(sites.tenant),
        "site_id": _each(list(world.site_ids)),
        "client_id": Words(sites.client, world.client_ids),
        "name": _each(names),
        "kind": Words(sites.kind, kind_names),
        "time_zone": Words(sites.zone, ZONES),
        "latitude": sites.latitude,
        "longitude": sites.longitude,
        "geofence_radius_meters": sites.radius,
        "noc_supervisor_id": world.person_words(sites.noc_supervisor),
        "security_manager_id": world.person_words(sites.security_manager),
        "site_manager_id": world.person_words(sites.site_manager),
    }
    return _rows(world, count, columns)


def _person_rows(world: World) -> Frame:
    people, count = world.people, len(world.people.role)
    rng = np.random.default_rng([world.plan.seed, 0, Draw.PRESENCE])
    first, last = rng.integers(0, len(FIRST_NAMES), count), rng.integers(0, len(LAST_NAMES), count)
    names = [f"{FIRST_NAMES[a]} {LAST_NAMES[b]}" for a, b in zip(first, last, strict=True)]
    columns: dict[str, Values] = {
        "tenant_id": world.tenant_words(people.tenant),
        "person_id": _each(list(world.person_ids)),
        "name": _each(names),
        "site_id": world.site_words(people.home),
        "is_active": people.is_active,
        "role": Words(people.role, ROLES),
    }
    return _rows(world, count, columns)
