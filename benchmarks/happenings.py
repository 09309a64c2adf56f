"""Windows of signals and raised alerts in bulk for benchmarks: a week of several tenants, seeded; as PostgreSQL has it.

Not the simulator: nothing here has to be likely, only to have the shape and the numbers of the real thing.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import Connection, text

from noc_platform.correlation.alerts.queries import OCCURRENCES_SCHEMA
from noc_platform.correlation.matching import AGREEMENTS
from noc_platform.correlation.vocabulary import Severity
from noc_platform.store.copying import copy_in
from noc_platform.telemetry.windows import REMARKS, WINDOWS_SCHEMA

MONDAY = datetime(2026, 3, 23, tzinfo=UTC)
INSTANT = pa.timestamp("us", tz="UTC")
QUARTER = 900_000_000
# As many alerts are of a type signals can say as well as are of one they cannot.
TYPES = [*(kind for each in AGREEMENTS.values() for kind in each.alert_types), *["SENSOR_THRESHOLD"] * 14]
Numbers = npt.NDArray[np.int64]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Week:
    """How much happens: windows, alerts, and to whom. Ten tenants; sites have ten people each."""

    windows: int
    alerts: int
    sites: int
    days: int = 7
    tenants: int = 10

    @property
    def people(self) -> int:
        """People in all."""
        return self.sites * 10

    @property
    def ends(self) -> datetime:
        """When it is over, UTC."""
        return MONDAY + timedelta(days=self.days)

    def told(self) -> pa.Table:
        """Windows, as `WINDOWS_SCHEMA`: each person at most once a quarter of an hour."""
        random = np.random.default_rng(1)
        quarters = self.days * 96
        slots = np.sort(random.choice(self.people * quarters, self.windows, replace=False))
        person = slots % self.people
        end = _microseconds(MONDAY) + (slots // self.people + 1) * QUARTER
        counted = {
            "phone_events_count": random.integers(0, 60, self.windows),
            "location_updates_count": random.integers(0, 40, self.windows),
            "movement_distance_meters": random.gamma(1, 200, self.windows),
            "tasks_completed_count": random.integers(0, 5, self.windows),
            "tour_checkpoints_scanned": random.integers(0, 9, self.windows),
        }
        columns = {
            **_named(person, self),
            "window_end": _instants(end),
            "window_start": _instants(end - 8 * QUARTER),
            "since": _instants(end - random.integers(0, 7200, self.windows) * 1_000_000),
            **{name: _partly(values, random) for name, values in counted.items()},
            "tasks_due": pa.array(random.integers(0, 5, self.windows)),
            "checkpoints_due": pa.array(random.integers(0, 9, self.windows)),
            **{name: _partly(random.random(self.windows) < 0.1, random) for name in REMARKS},
        }
        return _as(WINDOWS_SCHEMA, columns, self.windows)

    def raised(self) -> pa.Table:
        """Occurrences of alerts, as `OCCURRENCES_SCHEMA`, each of an alert of its own; four of five name somebody."""
        random = np.random.default_rng(2)
        at = _microseconds(MONDAY) + np.sort(random.integers(0, self.days * 86_400_000, self.alerts)) * 1000
        named = _named(random.integers(0, self.people, self.alerts), self)
        someone = pa.compute.if_else(pa.array(random.random(self.alerts) < 0.8), named["person_id"], None)
        columns = {
            **named,
            "person_id": someone,
            "event_id": identities(self.alerts, 1),
            "alert_id": identities(self.alerts, 2),
            "occurred_at": _instants(at),
            "alert_type": pa.array(np.array(TYPES)[random.integers(0, len(TYPES), self.alerts)]),
            "severity": pa.array(np.array(list(Severity))[random.integers(0, len(Severity), self.alerts)]),
        }
        return _as(OCCURRENCES_SCHEMA, columns, self.alerts)


@dataclass(frozen=True)
class Operation:
    """Guards in three shifts of eight hours, some of whom say something for two hours on end, and alerts about them.

    Of those on duty so large a share is `telling`; of the alerts half are about somebody who says something then.
    """

    guards: int
    sites: int
    alerts: int
    hours: int = 36
    telling: float = 0.15

    SPELL = 8

    @property
    def ends(self) -> datetime:
        """The moment it is looked at, UTC."""
        return MONDAY + timedelta(hours=self.hours)

    def told(self) -> pa.Table:
        """Windows of two hours every fifteen minutes of those who say something, as `WINDOWS_SCHEMA`."""
        random = np.random.default_rng(3)
        person, spell = self._spells()
        start = np.repeat(_microseconds(MONDAY) + spell * self.SPELL * QUARTER, self.SPELL)
        end = start + np.tile(np.arange(1, self.SPELL + 1), len(spell)) * QUARTER
        kind = np.repeat(random.integers(0, len(REMARKS), len(spell)), self.SPELL)
        rows = len(end)
        columns = {
            **_named(np.repeat(person, self.SPELL), Week(0, 0, self.sites)),
            "window_end": _instants(end),
            "window_start": _instants(end - 8 * QUARTER),
            "since": _instants(start),
            "phone_events_count": pa.array(random.integers(0, 60, rows)),
            "location_updates_count": pa.array(random.integers(0, 40, rows)),
            "tasks_due": pa.array(np.ones(rows, np.int64)),
            "checkpoints_due": pa.array(np.ones(rows, np.int64)),
            **{name: pa.array(kind == number) for number, name in enumerate(REMARKS)},
        }
        return _as(WINDOWS_SCHEMA, columns, rows)

    def raised(self) -> pa.Table:
        """Occurrences of alerts, each of an alert of its own, as `OCCURRENCES_SCHEMA`."""
        random = np.random.default_rng(4)
        week = Week(0, self.alerts, self.sites)
        person, spell = self._spells()
        nth = random.integers(0, len(spell), self.alerts)
        about = np.where(random.random(self.alerts) < 0.5, person[nth], random.integers(0, self.guards, self.alerts))
        seconds = spell[nth] * 7200 + random.integers(0, 7200, self.alerts)
        columns = {
            **_named(about, week),
            "event_id": identities(self.alerts, 1),
            "alert_id": identities(self.alerts, 2),
            "occurred_at": _instants(_microseconds(MONDAY) + seconds * 1_000_000),
            "alert_type": pa.array(np.array(TYPES)[random.integers(0, len(TYPES), self.alerts)]),
            "severity": pa.array(np.array(list(Severity))[random.integers(0, len(Severity), self.alerts)]),
        }
        return _as(OCCURRENCES_SCHEMA, columns, self.alerts)

    def _spells(self) -> tuple[Numbers, Numbers]:
        """Who says something, and in which two hours."""
        random = np.random.default_rng(5)
        person, spell = (each.ravel() for each in np.meshgrid(np.arange(self.guards), np.arange(self.hours // 2)))
        is_on_duty = (spell // 4) % 3 == person % 3
        chosen = is_on_duty & (random.random(len(person)) < self.telling)
        return person[chosen], spell[chosen]


def identities(count: int, kind: int) -> pa.Array:
    """As many different UUIDs (version 8), in no order."""
    mixed = (np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(4)
    return pa.array([f"{m >> 28:08x}-{m >> 12 & 0xFFFF:04x}-8{m & 0xFFF:03x}-8000-{kind:012x}" for m in mixed.tolist()])


def put_alerts(connection: Connection, occurrences: pa.Table) -> None:
    """Alerts nobody has looked at, one for each occurrence, as intake would have left them."""
    kinds = {"event_id": "uuid", "alert_id": "uuid", "occurred_at": "timestamptz"}
    columns = ", ".join(f"{name} {kinds.get(name, 'text')}" for name in occurrences.column_names)
    connection.execute(text(f"create temp table put_occurrence ({columns}) on commit drop"))
    copy_in(connection, "put_occurrence", occurrences)
    connection.execute(text(_PUT_ALERTS), {"ranks": list(Severity)})
    connection.execute(text(_PUT_OCCURRENCES))


_PUT_ALERTS = """
    insert into noc_alert (alert_id, tenant_id, site_id, person_id, entity_type, entity_id, alert_type, severity,
        severity_rank, status, dedup_key, occurrence_count, first_seen_at, last_seen_at, reopened_count, created_at,
        updated_at)
    select alert_id, tenant_id, site_id, person_id, case when person_id is null then 'site' else 'person' end,
        coalesce(person_id, site_id), alert_type, severity, array_position(cast(:ranks as text[]), severity) - 1, 'NEW',
        alert_id::text, 1, occurred_at, occurred_at, 0, occurred_at, occurred_at
    from put_occurrence
"""
_PUT_OCCURRENCES = """
    insert into noc_alert_occurrence (tenant_id, event_id, alert_id, occurred_at)
    select tenant_id, event_id, alert_id, occurred_at from put_occurrence
"""


def put_events(connection: Connection, occurrences: pa.Table, received_at: datetime) -> None:
    """The same as the door would have let them in, for intake to make alerts of."""
    entity = "site" if occurrences["person_id"].null_count == occurrences.num_rows else "person"
    others = {
        "entity_type": pa.array([entity] * occurrences.num_rows),
        "entity_id": occurrences["alert_id"],
        "received_at": pa.array([received_at] * occurrences.num_rows, INSTANT),
    }
    rows = occurrences.drop_columns(["alert_id"])
    for name, values in others.items():
        rows = rows.append_column(name, values)
    copy_in(connection, "noc_alert_event", rows)


def _named(person: Numbers, week: Week) -> dict[str, pa.Array]:
    site = person % week.sites
    return {
        "tenant_id": _names(site % week.tenants, "t", 2),
        "person_id": _names(person, "p", 6),
        "site_id": _names(site, "s", 5),
    }


def _names(numbers: Numbers, letter: str, digits: int) -> pa.Array:
    names = [f"{letter}{number:0{digits}d}" for number in range(int(numbers.max(initial=0)) + 1)]
    return pa.DictionaryArray.from_arrays(pa.array(numbers.astype(np.int32)), names).cast(pa.string())


def _partly(values: npt.NDArray[np.generic], random: np.random.Generator) -> pa.Array:
    """One of twenty is not known."""
    return pa.array(values, mask=random.random(len(values)) < 0.05)


def _instants(microseconds: Numbers) -> pa.Array:
    return pa.array(microseconds.astype(np.int64)).cast(INSTANT)


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def _as(schema: pa.Schema, columns: dict[str, pa.Array], rows: int) -> pa.Table:
    return pa.table([columns.get(field.name, pa.nulls(rows, field.type)) for field in schema], schema=schema)
