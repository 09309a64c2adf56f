"""What the door's books say: how much each stream holds, how fresh it is, what waits, what was refused."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, text

from noc_platform.streams.catalogue import EVENT_STREAMS, REFERENCE_STREAMS
from noc_platform.streams.tables import TABLES, quarantine, telemetry_day


@dataclass(frozen=True)
class StreamStatus:
    """One stream over all tenants. Instants are UTC; `newest_day` is a UTC day, None while empty."""

    stream: str
    rows: int
    archived_rows: int
    newest_day: str | None
    last_received_at: datetime | None
    quarantined: int
    open_days: int


@dataclass(frozen=True)
class Refusal:
    """Rows of one stream and source refused for one kind of reason, and an example."""

    stream: str
    source: str
    column_name: str | None
    rows: int
    first_row: int
    example: str


def stream_statuses(connection: Connection) -> list[StreamStatus]:
    """Every stream, reference data first. `open_days` are those the lake or the signals have yet to catch up with."""
    counted = connection.execute(select(quarantine.c.stream, func.count()).group_by(quarantine.c.stream))
    refused: dict[str, int] = {stream: rows for stream, rows in counted}  # noqa: C416 - rows are not tuples to mypy
    references = [_reference_status(connection, stream.name, refused) for stream in REFERENCE_STREAMS]
    day = telemetry_day.c
    is_open = (day.generation > day.archived_generation) | (day.generation > day.signals_generation)
    books = {
        row.stream: row
        for row in connection.execute(
            select(
                day.stream,
                func.sum(day.rows).label("rows"),
                func.sum(day.archived_rows).label("archived_rows"),
                func.max(day.day).label("newest_day"),
                func.max(day.last_received_at).label("last_received_at"),
                func.count().filter(is_open).label("open_days"),
            ).group_by(day.stream)
        )
    }
    events = []
    for stream in EVENT_STREAMS:
        row = books.get(stream.name)
        if row is None:
            events.append(StreamStatus(stream.name, 0, 0, None, None, refused.get(stream.name, 0), 0))
        else:
            newest = row.newest_day.isoformat()
            events.append(
                StreamStatus(
                    stream.name, int(row.rows), int(row.archived_rows), newest, row.last_received_at,
                    refused.get(stream.name, 0), row.open_days,
                )
            )  # fmt: skip
    return references + events


def refusals(connection: Connection, limit: int) -> list[Refusal]:
    """What the quarantine holds, the most frequent first, one row per stream, source and column."""
    rows = connection.execute(
        text(
            """select stream, source, column_name, count(*) as rows, min(row_number) as first_row,
                      (array_agg(reason order by row_number))[1] as example
               from noc_quarantine group by 1, 2, 3 order by 4 desc, 1, 2 limit :limit"""
        ),
        {"limit": limit},
    )
    return [Refusal(*row) for row in rows]


def _reference_status(connection: Connection, name: str, refused: dict[str, int]) -> StreamStatus:
    table = TABLES[name]
    rows, last = connection.execute(select(func.count(), func.max(table.c.received_at))).one()
    return StreamStatus(name, rows, 0, None, last, refused.get(name, 0), 0)
