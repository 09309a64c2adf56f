"""Telemetry in bulk for benchmarks: guards who walk and report, by day, straight into a lake or as Parquet.

Not the simulator: nothing here has to be likely, only to have the shape and the numbers of the real thing.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from noc_platform.lake.archive import dataset_of
from noc_platform.lake.layout import Lake
from noc_platform.streams.arrow import arrow_schema
from noc_platform.streams.catalogue import DEVICE_EVENTS, JOBNEEDS, LOCATION_UPDATES
from noc_platform.streams.declaration import Stream

FIRST = date(2026, 3, 2)
TENANT = "bench"
SHIFT_HOURS = 8
INSTANT = pa.timestamp("us", tz="UTC")
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Load:
    """How much: rows per guard and day are fixed, so guards set the size. 1,000 guards and 7 days are 5 M rows."""

    guards: int
    days: int

    FIXES = 528
    EVENTS = 176
    JOBS = 11

    @property
    def rows(self) -> int:
        """Raw rows in all."""
        return self.guards * self.days * (self.FIXES + self.EVENTS + self.JOBS)

    @property
    def all_days(self) -> list[date]:
        """UTC days, in order."""
        return [FIRST + timedelta(days=offset) for offset in range(self.days)]


def raw_day(load: Load, day: date, stream: Stream) -> pa.Table:
    """A day of one stream in the stream's Parquet schema, ordered by person and time."""
    random = np.random.default_rng([day.toordinal(), sum(map(ord, stream.name))])
    each = {DEVICE_EVENTS: load.EVENTS, LOCATION_UPDATES: load.FIXES, JOBNEEDS: load.JOBS}[stream]
    rows = load.guards * each
    guard = np.repeat(np.arange(load.guards), each)
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000
    within = np.sort(random.integers(0, SHIFT_HOURS * 3600, (load.guards, each)), axis=1).ravel()
    start = (guard % 3) * SHIFT_HOURS * 3600
    moment = midnight + (start + within).astype(np.int64) * 1_000_000
    columns = {
        "tenant_id": pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), [TENANT]).cast(pa.string()),
        "event_id": _identities(moment, random),
        "occurred_at": pa.array(moment).cast(INSTANT),
        "person_id": pa.DictionaryArray.from_arrays(
            pa.array(guard.astype(np.int32)), [f"g{n:06d}" for n in range(load.guards)]
        ).cast(pa.string()),
        "site_id": pa.DictionaryArray.from_arrays(
            pa.array((guard // 10).astype(np.int32)), [f"s{n:05d}" for n in range(load.guards // 10 + 1)]
        ).cast(pa.string()),
        "received_at": pa.array(moment + 5_000_000).cast(INSTANT),
        **_own(stream, rows, guard, moment, random),
    }
    schema = arrow_schema(stream)
    return pa.table({field.name: columns.get(field.name, pa.nulls(rows, field.type)) for field in schema}).cast(schema)


def _own(
    stream: Stream, rows: int, guard: Numbers, moment: Numbers, random: np.random.Generator
) -> dict[str, pa.Array]:
    if stream is LOCATION_UPDATES:
        return {
            "latitude": pa.array(51.5 + (guard % 97) * 0.01 + np.cumsum(random.normal(0, 2e-5, rows)) % 0.01),
            "longitude": pa.array(-0.1 + (guard % 89) * 0.01 + np.cumsum(random.normal(0, 2e-5, rows)) % 0.01),
            "accuracy_meters": pa.array(random.gamma(4, 3, rows), mask=random.random(rows) < 0.02),
        }
    if stream is DEVICE_EVENTS:
        return {"event_kind": pa.array(np.where(random.random(rows) < 0.7, "stepcount", "devicelogs"))}
    ended = pa.array(moment).cast(INSTANT)
    is_tour = np.arange(rows) % 11 < 8
    return {
        "jobneed_id": pa.array([f"j{n}" for n in moment + guard]),
        "identifier": pa.array(np.where(is_tour, "INTERNALTOUR", "TASK")),
        "parent_id": pa.array(np.full(rows, "tour"), mask=~is_tour),
        "status": pa.array(np.full(rows, "COMPLETED")),
        "planned_at": ended,
        "ended_at": ended,
    }


def _identities(moment: Numbers, random: np.random.Generator) -> pa.Array:
    """UUIDs of version 8, led by the millisecond, as the door makes them."""
    low = random.integers(0, 2**60, len(moment))
    high = [f"{value:012x}" for value in moment // 1000]
    tails = [f"{value:015x}" for value in low]
    return pa.array([f"{h[:8]}-{h[8:]}-8{t[:3]}-8{t[3:6]}-{t[6:]}000" for h, t in zip(high, tails, strict=True)])


def fill_lake(lake: Lake, load: Load) -> None:
    """Write every day of the three raw streams into a lake."""
    for day in load.all_days:
        for stream in (DEVICE_EVENTS, LOCATION_UPDATES, JOBNEEDS):
            lake.write(lake.partition(dataset_of(stream), TENANT, day), raw_day(load, day, stream))


def shifts(load: Load) -> pa.Table:
    """The roster behind it: every guard eight hours a day."""
    guard = np.tile(np.arange(load.guards), load.days)
    day = np.repeat(
        [int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) * 1_000_000 for d in load.all_days], load.guards
    )
    start = day + (guard % 3) * SHIFT_HOURS * 3_600_000_000
    return pa.table(
        {
            "tenant_id": pa.array([TENANT] * len(guard)),
            "person_id": pa.array([f"g{n:06d}" for n in guard]),
            "site_id": pa.array([f"s{n // 10:05d}" for n in guard]),
            "starts_at": pa.array(start).cast(INSTANT),
            "ends_at": pa.array(start + SHIFT_HOURS * 3_600_000_000).cast(INSTANT),
        }
    )


def people(load: Load) -> pa.Table:
    """The guards, at home at their site."""
    return pa.table(
        {
            "tenant_id": [TENANT] * load.guards,
            "person_id": [f"g{n:06d}" for n in range(load.guards)],
            "name": [f"Guard {n}" for n in range(load.guards)],
            "site_id": [f"s{n // 10:05d}" for n in range(load.guards)],
        }
    )


def sites(load: Load) -> pa.Table:
    """Their sites, ten guards each."""
    count = (load.guards - 1) // 10 + 1
    return pa.table(
        {
            "tenant_id": [TENANT] * count,
            "site_id": [f"s{n:05d}" for n in range(count)],
            "name": [f"Site {n}" for n in range(count)],
            "time_zone": ["Europe/London"] * count,
        }
    )


def write_parquet(table: pa.Table, path: Path) -> Path:
    """A file of raw rows without identities, as a source without ids of its own would give it."""
    pyarrow.parquet.write_table(table.drop_columns(["event_id", "received_at"]), path)
    return path
