"""Raw telemetry from PostgreSQL to the lake: copied by day, counted, and only then dropped.

The ledger `noc_telemetry_day` says how far each tenant's day of each stream has come. A day is open while its
generation is ahead of what the lake, or the signals, have seen.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, select, text, update

from noc_platform.lake.layout import Lake
from noc_platform.store.copying import copy_out
from noc_platform.store.sessions import Database
from noc_platform.streams.arrow import arrow_schema
from noc_platform.streams.catalogue import EVENT_STREAMS
from noc_platform.streams.declaration import Stream
from noc_platform.streams.tables import telemetry_day

ORDER = [("person_id", "ascending"), ("occurred_at", "ascending"), ("event_id", "ascending")]
OF_DAY = "tenant_id = :tenant and occurred_at >= :start and occurred_at < :end"


@dataclass(frozen=True)
class Archived:
    """One tenant's day that was written: rows now in the lake."""

    tenant: str
    day: date
    rows: int


@dataclass(frozen=True)
class Retired:
    """One tenant's day that left PostgreSQL, or did not and why."""

    tenant: str
    stream: str
    day: date
    rows: int
    kept_because: str | None


def dataset_of(stream: Stream) -> str:
    """Name of a stream's dataset in the lake."""
    return f"telemetry/{stream.name}"


def open_days(connection: Connection) -> list[date]:
    """UTC days on which something arrived that the lake or the signals have not seen, in order."""
    day = telemetry_day.c
    is_open = (day.generation > day.archived_generation) | (day.generation > day.signals_generation)
    return list(connection.execute(select(day.day).where(is_open).distinct().order_by(day.day)).scalars())


def days_to_run(connection: Connection) -> list[date]:
    """Open days and those beside them that hold anything: a night shift or a late report reaches over midnight."""
    present = set(days_present(connection))
    beside = {day + timedelta(days=offset) for day in open_days(connection) for offset in (-1, 0, 1)}
    return sorted(present & beside)


def reached(connection: Connection, days: list[date]) -> dict[date, int]:
    """How much each of these days has received, over all tenants and streams: a number that rises with every load."""
    day = telemetry_day.c
    rows = connection.execute(select(day.day, func.sum(day.generation)).where(day.day.in_(days)).group_by(day.day))
    return {on: int(total) for on, total in rows}


def days_present(connection: Connection) -> list[date]:
    """Every UTC day anything was received for, in order."""
    return list(connection.execute(select(telemetry_day.c.day).distinct().order_by(telemetry_day.c.day)).scalars())


def have_left(connection: Connection, first: date, last: date) -> bool:
    """Whether anything of these UTC days, both included, is no longer in PostgreSQL."""
    day = telemetry_day.c
    left = select(day.day).where(day.day.between(first, last), day.dropped_at.is_not(None)).limit(1)
    return connection.execute(left).first() is not None


def archive(connection: Connection, lake: Lake, stream: Stream, days: list[date]) -> list[Archived]:
    """Bring the lake up to date with PostgreSQL for these days of a stream, whichever tenants changed.

    What the lake already holds of a day that has left PostgreSQL is kept and united with what arrived since.
    """
    day = telemetry_day.c
    # The generation is read before the rows: what arrives in between is archived again, never missed.
    changed = connection.execute(
        select(day.tenant_id, day.day, day.generation, day.dropped_at)
        .where(day.stream == stream.name, day.day.in_(days), day.generation > day.archived_generation)
        .order_by(day.tenant_id, day.day)
    ).all()
    done = []
    for tenant, on, generation, dropped_at in changed:
        partition = lake.partition(dataset_of(stream), tenant, on)
        rows = _rows_of_day(connection, stream, tenant, on)
        if dropped_at is not None and lake.exists(partition):
            rows = _united(lake.read(partition), rows)
        lake.write(partition, rows.sort_by(ORDER))
        connection.execute(
            update(telemetry_day)
            .where(day.tenant_id == tenant, day.stream == stream.name, day.day == on)
            .values(archived_generation=generation, archived_rows=rows.num_rows)
        )
        done.append(Archived(tenant, on, rows.num_rows))
    return done


def rows_archived(connection: Connection, stream: Stream, days: list[date]) -> dict[date, int]:
    """Rows the lake holds of each of these days of a stream, over all tenants, by the ledger."""
    day = telemetry_day.c
    rows = connection.execute(
        select(day.day, func.sum(day.archived_rows))
        .where(day.stream == stream.name, day.day.in_(days))
        .group_by(day.day)
    )
    return {on: int(total) for on, total in rows}


def generations(connection: Connection, days: list[date]) -> dict[tuple[str, str, date], int]:
    """What each tenant's day of each stream has reached: to be read before a computation, and noted after it."""
    day = telemetry_day.c
    rows = connection.execute(select(day.tenant_id, day.stream, day.day, day.generation).where(day.day.in_(days)))
    return {(tenant, stream, on): generation for tenant, stream, on, generation in rows}


def note_signals(connection: Connection, seen: dict[tuple[str, str, date], int]) -> None:
    """Note that the signals have taken these generations in."""
    day = telemetry_day.c
    for (tenant, stream, on), generation in sorted(seen.items()):
        connection.execute(
            update(telemetry_day)
            .where(day.tenant_id == tenant, day.stream == stream, day.day == on)
            .values(signals_generation=func.greatest(day.signals_generation, generation))
        )


def retire(connection: Connection, lake: Lake, stream: Stream, quiet_since: datetime, as_of: datetime) -> list[Retired]:
    """Drop from PostgreSQL the days of a stream for which nothing came in by the door since `quiet_since` (UTC).

    A day is dropped only when every row of it is found in the lake, by its identity, in the same transaction.
    """
    day = telemetry_day.c
    candidates = connection.execute(
        select(day.tenant_id, day.day, day.generation, day.archived_generation)
        .where(day.stream == stream.name, day.last_loaded_at < quiet_since)
        .where(day.dropped_at.is_(None) | (day.last_loaded_at > day.dropped_at))
        .order_by(day.tenant_id, day.day)
        .with_for_update()
    ).all()
    return [
        _retire_day(connection, lake, stream, as_of, row.tenant_id, row.day, row.generation == row.archived_generation)
        for row in candidates
    ]


def retire_all(database: Database, lake: Lake, retention: timedelta, as_of: datetime) -> list[Retired]:
    """`retire` for every event stream, a transaction each, of what has been quiet for `retention` at `as_of` (UTC), or
    for longer where the stream says so."""
    retired = []
    for stream in EVENT_STREAMS:
        quiet_since = as_of - max(retention, timedelta(days=stream.kept_days))
        with database.transaction() as connection:
            retired += retire(connection, lake, stream, quiet_since, as_of)
    return retired


def identities(lake: Lake, stream: Stream, tenant: str, day: date) -> pa.Array:
    """Identities of the events the lake holds of a day: the door's `History`, with `functools.partial` for the lake."""
    partition = lake.partition(dataset_of(stream), tenant, day)
    if not lake.exists(partition):
        return pa.array([], pa.string())
    return lake.read(partition, ["event_id"])["event_id"].combine_chunks()


def _retire_day(
    connection: Connection, lake: Lake, stream: Stream, as_of: datetime, tenant: str, day: date, is_archived: bool
) -> Retired:
    if not is_archived:
        return Retired(tenant, stream.name, day, 0, "its newest rows are not in the lake yet; run the pipeline first")
    here = copy_out(connection, stream.table, pa.schema([("event_id", pa.string())]), OF_DAY, **_bounds(tenant, day))
    there = identities(lake, stream, tenant, day)
    missing = here.num_rows - pc.sum(pc.is_in(here["event_id"], value_set=there)).as_py() if here.num_rows else 0
    if missing:
        return Retired(
            tenant, stream.name, day, here.num_rows, f"{missing} of its rows are not in the lake; archive the day again"
        )
    connection.execute(text(f"delete from {stream.table} where {OF_DAY}"), _bounds(tenant, day))
    connection.execute(
        update(telemetry_day)
        .where(telemetry_day.c.tenant_id == tenant, telemetry_day.c.stream == stream.name, telemetry_day.c.day == day)
        .values(dropped_at=as_of)
    )
    return Retired(tenant, stream.name, day, here.num_rows, None)


def _rows_of_day(connection: Connection, stream: Stream, tenant: str, day: date) -> pa.Table:
    return copy_out(connection, stream.table, arrow_schema(stream), OF_DAY, **_bounds(tenant, day))


def _bounds(tenant: str, day: date) -> dict[str, object]:
    return {
        "tenant": tenant,
        "start": day.isoformat() + " 00:00+00",
        "end": (day + timedelta(days=1)).isoformat() + " 00:00+00",
    }


def _united(kept: pa.Table, arrived: pa.Table) -> pa.Table:
    fresh = arrived.filter(pc.invert(pc.is_in(arrived["event_id"], value_set=kept["event_id"].combine_chunks())))
    return pa.concat_tables([kept.cast(arrived.schema), fresh])
