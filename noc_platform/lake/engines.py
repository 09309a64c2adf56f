"""Engines that see the lake under the names PostgreSQL's tables have, so that one expression runs on either.

Each function gives an Ibis backend. Reference data and the door's ledger are read from PostgreSQL as they are now.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from sqlalchemy import Connection, select

from noc_platform.lake.archive import dataset_of
from noc_platform.lake.layout import Lake
from noc_platform.store.copying import copy_out
from noc_platform.store.duck import open_duckdb
from noc_platform.streams.arrow import arrow_schema
from noc_platform.streams.catalogue import EVENT_STREAMS, PEOPLE, SHIFTS, SITES, TOURS_DUE
from noc_platform.streams.declaration import Stream
from noc_platform.streams.tables import telemetry_day

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY_LIMIT = "3GB"
FEEDS_TABLE = "noc_telemetry_day"
ROSTERS_TABLE = "noc_roster_tenant"
FEEDS_SCHEMA = pa.schema(
    [
        ("tenant_id", pa.string()),
        ("stream", pa.string()),
        ("day", pa.date32()),
        ("first_received_at", pa.timestamp("us", tz="UTC")),
    ]
)
ROSTERS = """(select distinct tenant_id from noc_shift
    union select tenant_id from noc_telemetry_day where stream = 'attendance_events') kept"""


def duckdb_engine(
    lake: Lake, connection: Connection, days: list[date], reach: Mapping[Stream, int] = MappingProxyType({})
) -> Any:
    """DuckDB over the lake's files of these days and one on each side, which duty and work reach into.

    Of streams in `reach`, so many days before instead; of the roster and the tours due, as many after too.
    """
    engine = open_duckdb()
    engine.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
    if not lake.is_local:
        engine.register_filesystem(lake.files)
    around = timedelta(days=max(reach.get(stream, 0) for stream in (SHIFTS, TOURS_DUE)))
    for name, table in reference_tables(connection, [min(days) - around, max(days) + around]).items():
        engine.register(name, table)
    for stream in EVENT_STREAMS:
        paths = event_files(lake, stream, days, reach.get(stream, 1))
        if paths:
            engine.execute(f"create view {stream.table} as select * from {_read_parquet(paths)}")
        else:
            engine.register(stream.table, arrow_schema(stream).empty_table())
    return over(engine)


def live_engine(lake: Lake, connection: Connection, spans: Mapping[Stream, tuple[datetime, datetime]]) -> Any:
    """DuckDB over what happened of each stream in `[start, end)` (UTC), as PostgreSQL has it now.

    Days that have left it come out of the lake. Streams that are not named are empty.
    """
    engine = open_duckdb()
    engine.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
    if not lake.is_local:
        engine.register_filesystem(lake.files)
    days = _days(min(start for start, _ in spans.values()), max(end for _, end in spans.values()))
    for name, table in reference_tables(connection, days).items():
        engine.register(name, table)
    for stream in EVENT_STREAMS:
        if stream in spans:
            _see_live(engine, lake, connection, stream, *spans[stream])
        else:
            engine.register(stream.table, arrow_schema(stream).empty_table())
    return over(engine)


def _see_live(
    engine: "DuckDBPyConnection", lake: Lake, connection: Connection, stream: Stream, start: datetime, end: datetime
) -> None:
    within = "occurred_at >= :start and occurred_at < :end"
    rows = copy_out(connection, stream.table, arrow_schema(stream), within, start=start, end=end)
    paths = _left(lake, connection, stream, _days(start, end))
    if not paths:
        engine.register(stream.table, rows)
        return
    engine.register(f"{stream.table}_now", rows)
    columns = ", ".join(rows.column_names)
    # A late row of a day that has left may lie in both.
    engine.execute(
        f"""create view {stream.table} as select {columns} from {stream.table}_now
            union select {columns} from {_read_parquet(paths)}
            where occurred_at >= '{start.isoformat()}' and occurred_at < '{end.isoformat()}'"""
    )


def _days(start: datetime, end: datetime) -> list[date]:
    return [start.date() + timedelta(days=number) for number in range((end.date() - start.date()).days + 1)]


def _left(lake: Lake, connection: Connection, stream: Stream, days: list[date]) -> list[str]:
    """Files of those of the days that have left PostgreSQL."""
    day = telemetry_day.c
    asked = select(day.tenant_id, day.day).where(
        day.stream == stream.name, day.day.in_(days), day.dropped_at.is_not(None)
    )
    left = {(row.tenant_id, row.day) for row in connection.execute(asked)}
    found = lake.partitions(dataset_of(stream), sorted({day for _, day in left})) if left else []
    return [lake.url_of(partition) for partition in found if (partition.tenant, partition.day) in left]


def _read_parquet(paths: list[str]) -> str:
    listed = ", ".join(f"'{path.replace(chr(39), chr(39) * 2)}'" for path in paths)
    return f"read_parquet([{listed}], hive_partitioning = false)"


def over(connection: "DuckDBPyConnection") -> Any:
    """A DuckDB connection as an Ibis backend, with seconds since 1970 taken from an instant as it is.

    Ibis casts the instant to a wall clock first, which DuckDB does through its calendar library: of the signals of a
    week that cast alone was a fifth of the time (docs/decisions/0011).
    """
    import ibis
    from ibis.backends.sql.compilers import DuckDBCompiler

    class Compiler(DuckDBCompiler):  # type: ignore[misc]  # Ibis has no types here
        def visit_ExtractEpochSeconds(self, op: Any, *, arg: Any) -> Any:  # noqa: N802, ARG002  # as Ibis calls it
            return self.f.epoch(arg)

    backend = ibis.duckdb.from_connection(connection)
    backend.compiler = Compiler()
    return backend


def spark_engine(session: Any, lake: Lake, connection: Connection, days: list[date]) -> Any:
    """Spark over the same files, for when one machine is outgrown. The session's zone must be UTC."""
    import ibis

    for name, table in reference_tables(connection, days).items():
        session.createDataFrame(table).createOrReplaceTempView(name)
    for stream in EVENT_STREAMS:
        paths = event_files(lake, stream, days)
        frame = session.read.parquet(*paths) if paths else session.createDataFrame(arrow_schema(stream).empty_table())
        frame.createOrReplaceTempView(stream.table)
    return ibis.pyspark.connect(session)


def event_files(lake: Lake, stream: Stream, days: list[date], before: int = 1) -> list[str]:
    """Files of a stream that a computation over these days may read, which looks so many days before each."""
    wanted = {day + timedelta(days=offset) for day in days for offset in range(-before, 2)}
    return [lake.url_of(partition) for partition in lake.partitions(dataset_of(stream), wanted)]


def reference_tables(connection: Connection, days: list[date]) -> dict[str, pa.Table]:
    """Reference data and ledger that matter for these days, by table name."""
    start, end = (
        moment.isoformat() + " 00:00+00" for moment in (min(days) - timedelta(days=1), max(days) + timedelta(days=2))
    )
    return {
        PEOPLE.table: copy_out(connection, PEOPLE.table, arrow_schema(PEOPLE)),
        SITES.table: copy_out(connection, SITES.table, arrow_schema(SITES)),
        SHIFTS.table: copy_out(
            connection,
            SHIFTS.table,
            arrow_schema(SHIFTS),
            "starts_at < :end and ends_at > :start",
            start=start,
            end=end,
        ),
        TOURS_DUE.table: copy_out(
            connection,
            TOURS_DUE.table,
            arrow_schema(TOURS_DUE),
            "due_at < :end and due_at >= :start",
            start=start,
            end=end,
        ),
        FEEDS_TABLE: copy_out(connection, FEEDS_TABLE, FEEDS_SCHEMA),
        ROSTERS_TABLE: copy_out(connection, ROSTERS, pa.schema([("tenant_id", pa.string())])),
    }
