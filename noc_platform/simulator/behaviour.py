"""Ordinary days: what guards on shift do, as rows of the streams. Vectorised over all shifts of a day.

What goes wrong on purpose, and its truth, has a module of its own; here is only what any operation sees: guards who
stay away, phones that lose their network, scans and tasks that are missed.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from noc_platform.simulator.world import (
    CHECKPOINTS,
    METERS_PER_DEGREE,
    Flags,
    Floats,
    Integers,
    Shift,
    World,
    person_id,
    site_id,
)
from noc_platform.streams.catalogue import EVENT_STREAMS
from noc_platform.streams.declaration import ARROW_TYPES, Kind

MINUTE = 60_000_000
HOUR = 60 * MINUTE
FIX_EVERY = 2 * MINUTE
REPORT_EVERY = 5 * MINUTE
TOUR_EVERY = 120 * MINUTE
TOUR_BEGINS = 30 * MINUTE
TOUR_LASTS = 30 * MINUTE
TASKS_PER_SHIFT = 3
ABSENT, OFFLINE, LONG_OFFLINE = 0.02, 0.06, 0.1
MISSED_SCAN, MISSED_TASK, REPEATED = 0.05, 0.12, 0.002
INSTANT = ARROW_TYPES[Kind.INSTANT]
TYPES = {column.name: ARROW_TYPES[column.kind] for stream in EVENT_STREAMS for column in stream.columns}


@dataclass
class ShiftsOfDay:
    """The shifts of a day as columns; times are microseconds since 1970, UTC. Offline is `[offline_from, offline_to)`."""

    shifts: list[Shift]
    starts: Integers
    ends: Integers
    guards: Integers
    sites: Integers
    present: Flags
    offline_from: Integers
    offline_to: Integers
    synced_at: Integers
    persons: npt.NDArray[np.object_]
    site_ids: npt.NDArray[np.object_]
    tenants: npt.NDArray[np.object_]


def shifts_of_day(world: World, day: date) -> ShiftsOfDay:
    """The roster of a day, and the luck everybody has on it."""
    shifts = world.shifts_on(day)
    random = _random(world, day, 2)
    count = len(shifts)
    starts = np.array([int(shift.starts_at.timestamp()) * 1_000_000 for shift in shifts], np.int64)
    ends = np.array([int(shift.ends_at.timestamp()) * 1_000_000 for shift in shifts], np.int64)
    offline = random.random(count) < OFFLINE
    offline_from = starts + (random.uniform(0, 0.6, count) * (ends - starts)).astype(np.int64)
    offline_to = np.where(offline, offline_from + random.integers(HOUR, 4 * HOUR, count), offline_from)
    much_later = random.random(count) < LONG_OFFLINE
    synced = offline_to + np.where(
        much_later, random.integers(HOUR, 48 * HOUR, count), random.integers(MINUTE, 10 * MINUTE, count)
    )
    return ShiftsOfDay(
        shifts,
        starts,
        ends,
        np.array([shift.guard for shift in shifts], np.int64),
        np.array([shift.site for shift in shifts], np.int64),
        random.random(count) >= ABSENT,
        offline_from,
        offline_to,
        synced,
        np.array([person_id(shift.guard) for shift in shifts], object),
        np.array([site_id(shift.site) for shift in shifts], object),
        np.array([world.tenant_of_site(shift.site) for shift in shifts], object),
    )


def events_of_day(world: World, day: date) -> dict[str, pa.Table]:
    """Every event stream of a roster day; a night shift's events carry on into the next calendar day."""
    roster = shifts_of_day(world, day)
    return {
        "device_events": _device_events(world, roster, _random(world, day, 3)),
        "location_updates": _location_updates(world, roster, _random(world, day, 4)),
        "jobneeds": _jobneeds(world, roster, _random(world, day, 5)),
        "attendance_events": _attendance(world, roster, _random(world, day, 6)),
        "alerts": _alerts(roster, _random(world, day, 7)),
    }


def _random(world: World, day: date, purpose: int) -> np.random.Generator:
    return np.random.default_rng([world.plan.seed, purpose, day.toordinal()])


def _ticks(roster: ShiftsOfDay, every: int, random: np.random.Generator) -> tuple[Integers, Integers]:
    """Moments about `every` microseconds apart through each shift that was kept: (shift, moment)."""
    counts = np.where(roster.present, (roster.ends - roster.starts) // every, 0)
    shift = np.repeat(np.arange(len(counts)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    within = (np.arange(len(shift)) - first) * every + random.integers(0, every // 2, len(shift))
    return shift, roster.starts[shift] + within // 1_000_000 * 1_000_000


def _received(roster: ShiftsOfDay, shift: Integers, moment: Integers, random: np.random.Generator) -> Integers:
    """When the platform knew: in seconds, or once the phone was back on its network."""
    soon = moment + random.integers(1, 60, len(moment)) * 1_000_000
    offline = (moment >= roster.offline_from[shift]) & (moment < roster.offline_to[shift])
    return np.where(offline, np.maximum(roster.synced_at[shift], soon), soon)


def _tour_phase(roster: ShiftsOfDay, shift: Integers, moment: Integers) -> tuple[Flags, Floats]:
    """Whether a tour is being walked, and how far round it is, 0 to 1."""
    since = moment - roster.starts[shift] - TOUR_BEGINS
    phase = np.mod(since, TOUR_EVERY)
    return (since >= 0) & (phase < TOUR_LASTS), np.clip(phase / TOUR_LASTS, 0, 1)


def _location_updates(world: World, roster: ShiftsOfDay, random: np.random.Generator) -> pa.Table:
    shift, moment = _ticks(roster, FIX_EVERY, random)
    site = roster.sites[shift]
    walking, phase = _tour_phase(roster, shift, moment)
    leg = phase * CHECKPOINTS
    here = leg.astype(np.int64) % CHECKPOINTS
    share = leg - np.floor(leg)
    latitude, longitude = (
        np.where(
            walking, (1 - share) * points[site, here] + share * points[site, (here + 1) % CHECKPOINTS], centre[site]
        )
        for points, centre in (
            (world.checkpoint_latitudes, world.site_latitudes),
            (world.checkpoint_longitudes, world.site_longitudes),
        )
    )
    accuracy = np.where(walking, random.gamma(4, 2, len(shift)), random.gamma(4, 5, len(shift))) + 3
    noise = random.normal(0, 0.3, (2, len(shift))) * accuracy / METERS_PER_DEGREE
    # Indoors a fix is lost now and then, or the phone cannot say how good it is.
    lost = ~walking & (random.random(len(shift)) < 0.15)
    unsure = random.random(len(shift)) < 0.02
    table = _table(
        roster,
        shift,
        moment,
        _received(roster, shift, moment, random),
        device_id=_device(roster, shift),
        latitude=(latitude + noise[0]).round(7),
        longitude=(longitude + noise[1] / np.cos(np.radians(latitude))).round(7),
        accuracy_meters=pa.array(accuracy.round(1), mask=unsure),
        is_location_mocked=np.zeros(len(shift), bool),
    )
    return _with_repeats(table.filter(pa.array(~lost)), random)


def _device_events(world: World, roster: ShiftsOfDay, random: np.random.Generator) -> pa.Table:
    shift, moment = _ticks(roster, REPORT_EVERY, random)
    walking, _ = _tour_phase(roster, shift, moment)
    step = random.random(len(shift)) < 0.7
    first = np.r_[True, shift[1:] != shift[:-1]] if len(shift) else np.zeros(0, bool)
    last = np.r_[shift[1:] != shift[:-1], True] if len(shift) else np.zeros(0, bool)
    kind = np.select([first, last, step], ["login", "logout", "stepcount"], "devicelogs")
    hours = (moment - roster.starts[shift]) / HOUR
    charge = np.clip(100 - (roster.guards[shift] % 20) - hours * 6 + random.normal(0, 1, len(shift)), 2, 100)
    silent = random.random(len(shift)) < 0.03
    steps = random.poisson(np.where(walking, 380, 25))
    table = _table(
        roster,
        shift,
        moment,
        _received(roster, shift, moment, random),
        device_id=_device(roster, shift),
        event_kind=kind,
        step_count=pa.array(steps, mask=~step | first | last),
        battery_level=pa.array(charge.round(), mask=silent),
        signal_strength=pa.array(np.clip(random.normal(-85, 10, len(shift)), -120, -45).round(), mask=silent),
        network_provider=np.where(random.random(len(shift)) < 0.8, "mobile", "wifi"),
        is_location_enabled=np.ones(len(shift), bool),
        location_permission=np.full(len(shift), "always"),
        app_version=np.full(len(shift), "4.2.1"),
    )
    return _with_repeats(table, random)


def tours_of(roster: ShiftsOfDay) -> tuple[Integers, Integers, list[str]]:
    """Tours due in a day's shifts: (shift, start, tour id)."""
    counts = np.maximum((roster.ends - roster.starts - TOUR_BEGINS - TOUR_LASTS) // TOUR_EVERY + 1, 0)
    shift = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(shift)) - np.repeat(np.cumsum(counts) - counts, counts)
    start = roster.starts[shift] + TOUR_BEGINS + number * TOUR_EVERY
    names = [f"tour-{roster.persons[s]}-{int(t) // 1_000_000}" for s, t in zip(shift, start, strict=True)]
    return shift, start, names


def _jobneeds(world: World, roster: ShiftsOfDay, random: np.random.Generator) -> pa.Table:
    tour_shift, tour_start, tour_names = tours_of(roster)
    shift = np.repeat(tour_shift, CHECKPOINTS)
    number = np.tile(np.arange(CHECKPOINTS), len(tour_shift))
    planned = np.repeat(tour_start, CHECKPOINTS)
    parents = np.repeat(np.array(tour_names, object), CHECKPOINTS)
    scanned = (
        planned
        + (number * TOUR_LASTS) // CHECKPOINTS
        + random.integers(0, 2 * MINUTE, len(shift)) // 1_000_000 * 1_000_000
    )
    done = roster.present[shift] & (random.random(len(shift)) >= MISSED_SCAN)
    checkpoints = _work(
        roster, shift, planned, planned + TOUR_LASTS, scanned, done, random,
        jobneed_id=[f"{parent}-{n}" for parent, n in zip(parents, number, strict=True)],
        parent_id=parents,
        identifier=np.full(len(shift), "INTERNALTOUR"),
        scan_type=np.full(len(shift), "QR"),
        sequence_number=number,
        asset=[f"{roster.site_ids[s]}/{n}" for s, n in zip(shift, number, strict=True)],
    )  # fmt: skip
    shift = np.repeat(np.arange(len(roster.shifts)), TASKS_PER_SHIFT)
    order = np.tile(np.arange(TASKS_PER_SHIFT), len(roster.shifts))
    planned = roster.starts[shift] + HOUR + order * (roster.ends - roster.starts)[shift] // (TASKS_PER_SHIFT + 1)
    ended = planned + random.integers(5 * MINUTE, 50 * MINUTE, len(shift)) // 1_000_000 * 1_000_000
    tasks = _work(
        roster, shift, planned, planned + HOUR, ended, roster.present[shift] & (random.random(len(shift)) >= MISSED_TASK), random,
        jobneed_id=[f"task-{roster.persons[s]}-{int(t) // 1_000_000}" for s, t in zip(shift, planned, strict=True)],
        parent_id=pa.nulls(len(shift), pa.string()),
        identifier=np.full(len(shift), "TASK"),
        scan_type=np.full(len(shift), "NONE"),
        sequence_number=order,
        asset=np.full(len(shift), "lobby"),
    )  # fmt: skip
    return pa.concat_tables([checkpoints, tasks])


def _work(
    roster: ShiftsOfDay, shift: Integers, planned: Integers, expires: Integers, ended: Integers, done: Flags,
    random: np.random.Generator, **columns: object,
) -> pa.Table:  # fmt: skip
    """Units of work as two rows each: what was planned, known a day before, and what was done."""
    common = {
        "expires_at": _instants(expires),
        "planned_at": _instants(planned),
        "grace_minutes": np.full(len(shift), 15.0),
        **columns,
    }
    not_yet = pa.nulls(len(shift), INSTANT)
    due = _table(
        roster, shift, planned, planned - 24 * HOUR, status=np.full(len(shift), "ASSIGNED"), ended_at=not_yet, **common
    )
    over = _table(
        roster,
        shift,
        ended,
        _received(roster, shift, ended, random),
        status=np.full(len(shift), "COMPLETED"),
        ended_at=_instants(ended),
        **common,
    )
    return pa.concat_tables([due, over.filter(pa.array(done))])


def _attendance(world: World, roster: ShiftsOfDay, random: np.random.Generator) -> pa.Table:
    there = np.flatnonzero(roster.present)
    came = roster.starts[there] + (random.normal(-3, 5, len(there)) * MINUTE).astype(np.int64) // 1_000_000 * 1_000_000
    went = roster.ends[there] + (random.normal(4, 5, len(there)) * MINUTE).astype(np.int64) // 1_000_000 * 1_000_000
    site = roster.sites[there]
    common = {
        "attendance_id": [f"att-{roster.persons[s]}-{int(roster.starts[s]) // 1_000_000}" for s in there],
        "device_id": _device(roster, there),
        "roster_date": pa.array([roster.shifts[s].roster_day for s in there], pa.date32()),
        "punched_in_at": _instants(came),
        "latitude_in": (world.site_latitudes[site] + random.normal(0, 15, len(there)) / METERS_PER_DEGREE).round(7),
        "longitude_in": (world.site_longitudes[site] + random.normal(0, 15, len(there)) / METERS_PER_DEGREE).round(7),
        "accuracy_meters": (random.gamma(4, 3, len(there)) + 3).round(1),
        "is_location_mocked": np.zeros(len(there), bool),
        "is_in_geofence_in": np.ones(len(there), bool),
        "biometric_type": np.full(len(there), "FACE"),
        "biometric_result": np.full(len(there), "SUCCESS"),
        "is_verified_in": np.ones(len(there), bool),
        "confidence_score": random.beta(40, 3, len(there)).round(3),
        "quality_score": random.beta(20, 4, len(there)).round(3),
        "liveness_score": random.beta(40, 2, len(there)).round(3),
        "verification_attempts": random.poisson(0.2, len(there)) + 1,
    }
    still_in = pa.nulls(len(there), INSTANT)
    arrived = _table(roster, there, came, _received(roster, there, came, random), punched_out_at=still_in, **common)
    left = _table(roster, there, came, _received(roster, there, went, random), punched_out_at=_instants(went), **common)
    return pa.concat_tables([arrived, left])


def _alerts(roster: ShiftsOfDay, random: np.random.Generator) -> pa.Table:
    offline = np.flatnonzero(roster.present & (roster.offline_to > roster.offline_from))
    chance = np.flatnonzero(random.random(len(roster.shifts)) < 0.04)
    kinds = np.array(["GEOFENCE_BREACH", "TOUR_OVERDUE", "ATTENDANCE_MISSING", "SYNC_DEGRADED"])
    severities = np.array(["MEDIUM", "HIGH", "LOW", "MEDIUM"])
    drawn = random.integers(0, len(kinds), len(chance))
    shift = np.r_[offline, chance].astype(np.int64)
    lengths = roster.ends[chance] - roster.starts[chance]
    moment = np.r_[
        roster.offline_from[offline] + 15 * MINUTE,
        roster.starts[chance] + (random.random(len(chance)) * lengths).astype(np.int64),
    ]
    moment = moment.astype(np.int64) // 1_000_000 * 1_000_000
    kind = np.r_[np.full(len(offline), "DEVICE_OFFLINE"), kinds[drawn]].astype(object)
    return _table(
        roster,
        shift,
        moment,
        moment + random.integers(1, 30, len(shift)) * 1_000_000,
        alert_type=kind,
        severity=np.r_[np.full(len(offline), "HIGH"), severities[drawn]].astype(object),
        status=np.full(len(shift), "NEW"),
        entity_type=np.full(len(shift), "person"),
        entity_id=roster.persons[shift],
        message=[
            f"{name.replace('_', ' ').capitalize()} at {roster.site_ids[s]}"
            for name, s in zip(kind, shift, strict=True)
        ],
    )


def _device(roster: ShiftsOfDay, shift: Integers) -> list[str]:
    return [f"phone-{guard:05d}" for guard in roster.guards[shift]]


def _instants(moments: Integers) -> pa.Array:
    return pa.array(moments, pa.int64()).cast(INSTANT)


def _table(roster: ShiftsOfDay, shift: Integers, occurred: Integers, received: Integers, **columns: object) -> pa.Table:
    common = {
        "tenant_id": pa.array(roster.tenants[shift], pa.string()),
        "person_id": pa.array(roster.persons[shift], pa.string()),
        "site_id": pa.array(roster.site_ids[shift], pa.string()),
        "occurred_at": _instants(occurred),
        "received_at": _instants(received),
    }
    # By their declared types: a column of a day on which nobody worked is empty, not of type null.
    typed = {name: pa.array(values).cast(TYPES[name]) for name, values in columns.items()}
    return pa.table({**common, **typed})


def _with_repeats(table: pa.Table, random: np.random.Generator) -> pa.Table:
    """Some phones send the same row again."""
    again = np.flatnonzero(random.random(table.num_rows) < REPEATED)
    return pa.concat_tables([table, table.take(pa.array(again))])
