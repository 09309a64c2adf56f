"""A world as plain stream files. The manifest comes last, so that a world cut short never looks whole."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from noc_platform.errors import BadInput
from noc_platform.simulator.behaviour import TOUR_LASTS, events_of_day, shifts_of_day, tours_of
from noc_platform.simulator.world import CHECKPOINTS, World, WorldPlan, person_id, site_id, supervisor_id

MANIFEST = "manifest.json"
FORMATS = ("parquet", "csv")


@dataclass(frozen=True)
class Manifest:
    """What a whole world holds: rows per stream, and the SHA-256 of each file by its path in the folder."""

    plan: dict[str, object]
    rows: dict[str, int]
    files: dict[str, str]


def write_world(
    plan: WorldPlan, folder: Path, form: str = "parquet", on_day: Callable[[], None] = lambda: None
) -> Manifest:
    """Write a world into an empty `folder`: `<stream>.<form>` and `<stream>/<stream>-<day>.<form>`, a day at a time.

    The same plan gives the same bytes. Raises `BadInput` when the folder is not empty or cannot be written.
    """
    if form not in FORMATS:
        raise BadInput(f"A world is written as {' or '.join(FORMATS)}, not {form}.")
    world = World(plan)
    rows: dict[str, int] = {}
    files: dict[str, str] = {}

    def keep(stream: str, path: Path, table: pa.Table) -> None:
        files[str(path.relative_to(folder))] = _write(table, path)
        rows[stream] = rows.get(stream, 0) + table.num_rows

    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BadInput(f"{folder} is not empty; name a new folder, so that no two worlds mix.")
        for stream, table in _references(world).items():
            keep(stream, folder / f"{stream}.{form}", table)
        for day in plan.all_days:
            for stream, table in events_of_day(world, day).items():
                keep(stream, folder / stream / f"{stream}-{day.isoformat()}.{form}", table)
            on_day()
        described = {name: str(value) if name == "first_day" else value for name, value in asdict(plan).items()}
        manifest = Manifest(described, rows, files)
        (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1, sort_keys=True))
    except OSError as error:
        raise BadInput(
            f"{folder} cannot be written: {error.strerror}. What is there is no whole world; delete it."
        ) from error
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a whole world. Raises `BadInput` when there is none."""
    try:
        return Manifest(**json.loads((folder / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(
            f"{folder} holds no whole world: its {MANIFEST} is missing or damaged; simulate it anew."
        ) from error


def _write(table: pa.Table, path: Path) -> str:
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pyarrow.parquet.write_table(table, path, compression="zstd")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _references(world: World) -> dict[str, pa.Table]:
    plan, sites = world.plan, range(world.plan.sites)
    tenants = [world.tenant_of_site(site) for site in sites]
    return {
        "tenants": pa.table(
            {
                "tenant_id": world.tenants,
                "name": [name.capitalize() for name in world.tenants],
                "is_active": [True] * len(world.tenants),
            }
        ),
        "clients": pa.table(
            {
                "tenant_id": [tenant for tenant in world.tenants for _ in range(2)],
                "client_id": [f"client-{n}" for _ in world.tenants for n in range(2)],
                "name": [f"{tenant.capitalize()} client {n}" for tenant in world.tenants for n in range(2)],
            }
        ),
        "sites": pa.table(
            {
                "tenant_id": tenants,
                "site_id": [site_id(site) for site in sites],
                "client_id": [f"client-{site % 2}" for site in sites],
                "name": [
                    f"{city.zone.split('/')[1].replace('_', ' ')} {kind} {site}"
                    for site, (city, kind) in enumerate(zip(world.site_cities, world.site_kinds, strict=True))
                ],
                "kind": [str(kind) for kind in world.site_kinds],
                "time_zone": [city.zone for city in world.site_cities],
                "latitude": world.site_latitudes,
                "longitude": world.site_longitudes,
                "geofence_radius_meters": world.site_radii,
                "noc_supervisor_id": [supervisor_id(site) if site % 4 else None for site in sites],
                "security_manager_id": [supervisor_id(site) for site in sites],
            }
        ),
        "people": _people(world),
        **_plans(world, plan),
    }


def _people(world: World) -> pa.Table:
    guards, sites = range(world.plan.guards), range(world.plan.sites)
    return pa.table(
        {
            "tenant_id": [world.tenant_of_site(world.site_of(guard)) for guard in guards]
            + [world.tenant_of_site(site) for site in sites],
            "person_id": [person_id(guard) for guard in guards] + [supervisor_id(site) for site in sites],
            "name": [
                f"{FIRST_NAMES[guard % len(FIRST_NAMES)]} {LAST_NAMES[guard // len(FIRST_NAMES) % len(LAST_NAMES)]}"
                for guard in guards
            ]
            + [f"Supervisor {site}" for site in sites],
            "site_id": [None if world.is_floater(guard) else site_id(world.site_of(guard)) for guard in guards]
            + [site_id(site) for site in sites],
            "role": ["guard"] * len(guards) + ["supervisor"] * len(sites),
            "is_active": [True] * (len(guards) + len(sites)),
        }
    )


def _plans(world: World, plan: WorldPlan) -> dict[str, pa.Table]:
    """The roster and the tours due on it, for every day at once."""
    instant = pa.timestamp("us", tz="UTC")
    shifts, tours = [], []
    for day in plan.all_days:
        roster = shifts_of_day(world, day)
        shifts.append(
            pa.table(
                {
                    "tenant_id": pa.array(roster.tenants, pa.string()),
                    "person_id": pa.array(roster.persons, pa.string()),
                    "site_id": pa.array(roster.site_ids, pa.string()),
                    "starts_at": pa.array(roster.starts).cast(instant),
                    "ends_at": pa.array(roster.ends).cast(instant),
                    "shift_date": pa.array([day] * len(roster.shifts), pa.date32()),
                    "shift_type": pa.array(
                        ["ROTATING" if shift.pattern == "SPLIT" else str(shift.pattern) for shift in roster.shifts],
                        pa.string(),
                    ),
                    "is_substitute": pa.array([shift.stands_in_for is not None for shift in roster.shifts], pa.bool_()),
                    "original_person_id": pa.array(
                        [None if s.stands_in_for is None else person_id(s.stands_in_for) for s in roster.shifts],
                        pa.string(),
                    ),
                    "received_at": pa.array(roster.starts - 7 * 86_400_000_000).cast(instant),
                }
            )
        )
        shift, start, names = tours_of(roster)
        tours.append(
            pa.table(
                {
                    "tenant_id": pa.array(roster.tenants[shift], pa.string()),
                    "tour_id": pa.array(names, pa.string()),
                    "person_id": pa.array(roster.persons[shift], pa.string()),
                    "site_id": pa.array(roster.site_ids[shift], pa.string()),
                    "due_at": pa.array(start).cast(instant),
                    "due_until": pa.array(start + TOUR_LASTS).cast(instant),
                    "grace_minutes": pa.array(np.full(len(names), 30.0)),
                    "tour_type": pa.array(["ROUTINE"] * len(names), pa.string()),
                    "is_mandatory": pa.array([True] * len(names), pa.bool_()),
                    "total_checkpoints": pa.array(np.full(len(names), CHECKPOINTS)),
                    "received_at": pa.array(start - 7 * 86_400_000_000).cast(instant),
                }
            )
        )
    return {"shifts": pa.concat_tables(shifts), "tours_due": pa.concat_tables(tours)}


FIRST_NAMES = (
    "Amara",
    "Ben",
    "Chloe",
    "Dev",
    "Elena",
    "Farid",
    "Grace",
    "Hiro",
    "Ines",
    "Jonas",
    "Kavya",
    "Liam",
    "Mina",
    "Noor",
    "Oscar",
    "Priya",
)
LAST_NAMES = (
    "Adeyemi",
    "Brown",
    "Costa",
    "Das",
    "Evans",
    "Fischer",
    "Gupta",
    "Hughes",
    "Iyer",
    "Jones",
    "Khan",
    "Lopez",
    "Mehta",
    "Novak",
)
