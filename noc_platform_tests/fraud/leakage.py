"""Whether any evidence knows more than was known: every cell twice, once from all there is and once as it was then.

As it was then: each event has a tenant of its own, in which nothing is but what had been received when the event was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import ibis
import pyarrow as pa
from psycopg.rows import dict_row
from sqlalchemy import Connection

from noc_platform.fraud.features import FACTS, evidence
from noc_platform.fraud.moments import OFFSETS_TABLE, all_tables, moments, numbered, zone_offsets
from noc_platform.fraud.prepared import event_statement
from noc_platform.fraud.vocabulary import MODEL_FEATURES
from noc_platform.lake.engines import FEEDS_TABLE
from noc_platform.store.copying import copy_in
from noc_platform.store.duck import open_duckdb
from noc_platform.store.sessions import psycopg_of
from noc_platform.streams.arrow import arrow_schema
from noc_platform.streams.catalogue import DEVICE_EVENTS, JOBNEEDS, LOCATION_UPDATES
from noc_platform.streams.declaration import Stream
from noc_platform_tests.fraud.facts.running import parameters, same
from noc_platform_tests.fraud.facts.worlds import STREAMS, Row, table_of_rows

COLUMNS = tuple(dict.fromkeys((*MODEL_FEATURES, *FACTS)))
ASKED = "asked_moment"
EVERYTHING, KNOWN_THEN = "everything", "known_then"
# Nobody looks farther back in these; without what lies before, so many tenants fit into memory.
DAYS_BACK = {DEVICE_EVENTS: 2, LOCATION_UPDATES: 2, JOBNEEDS: 16}
TENANTS_AT_ONCE = 100
KNOWN_AT = "noc_test.known_at"


@dataclass(frozen=True)
class Leak:
    """A cell that differs: of which event, what the history says, and what was known then."""

    event_id: str
    column: str
    history: object
    known_then: object


@dataclass(frozen=True)
class Audit:
    """How many events and cells were compared, of those how many are features of a model, and what differs."""

    events: int
    cells: int
    feature_cells: int
    leaks: tuple[Leak, ...]


def audited(folder: Path, events: int | None = None) -> Audit:
    """Compare the evidence of a world (written by `simulator.writer.write_world` as Parquet) with what was known then.

    Of all events, or of so many spread evenly over the whole time.
    """
    connection, statement = opened_world(folder), evidence_statement()
    history = {row["event_id"]: row for row in evidence_of(connection, EVERYTHING, statement).to_pylist()}
    asked = sample(connection, events)
    leaks: list[Leak] = []
    for start in range(0, len(asked), TENANTS_AT_ONCE):
        for row in known_then(connection, asked[start : start + TENANTS_AT_ONCE], statement):
            whole = history[row["event_id"]]
            leaks += _between(whole, row)
    return _audit(len(asked), leaks)


def audited_by_statement(folder: Path, postgres: Connection, events: int) -> Audit:
    """The same of so many events by the statement for one event, on a PostgreSQL that has only what was known then."""
    connection = opened_world(folder)
    history = {row["event_id"]: row for row in evidence_of(connection, EVERYTHING, evidence_statement()).to_pylist()}
    clocks = connection.sql(f"from {OFFSETS_TABLE}").to_arrow_table().to_pydict()
    _hold_what_is_known(connection, postgres)
    cursor = psycopg_of(postgres).cursor(row_factory=dict_row)
    statement = event_statement().sql.encode()
    leaks: list[Leak] = []
    asked = sample(connection, events)
    for name in asked:
        event = connection.sql(f"from {EVERYTHING}.noc_attendance_event where event_id = ?", params=[name])
        row = event.to_arrow_table().to_pylist()[0]
        cursor.execute(f"select set_config('{KNOWN_AT}', %s, true)", [row["received_at"].isoformat()])
        found = cursor.execute(statement, parameters(row, clocks), prepare=True).fetchall()
        assert len(found) == 1
        leaks += _between(history[name], found[0])
    return _audit(len(asked), leaks)


def _between(history: Row, known_then: Row) -> list[Leak]:
    event = history["event_id"]
    differing = [name for name in COLUMNS if not same(known_then[name], history[name])]
    return [Leak(event, name, history[name], known_then[name]) for name in differing]


def _audit(events: int, leaks: list[Leak]) -> Audit:
    return Audit(events, events * len(COLUMNS), events * len(MODEL_FEATURES), tuple(leaks))


def _hold_what_is_known(connection: duckdb.DuckDBPyConnection, postgres: Connection) -> None:
    """Temporary views that stand before the real tables and show what had been received at the moment of `KNOWN_AT`."""
    for table in (*(stream.table for stream in STREAMS), FEEDS_TABLE):
        rows = connection.sql(f"from {EVERYTHING}.{table}").to_arrow_table()
        received = "first_received_at" if table == FEEDS_TABLE else "received_at"
        columns = ", ".join(rows.column_names)
        copy = f"create temp table told_{table} as select {columns} from {table} where false"
        postgres.exec_driver_sql(copy)
        copy_in(postgres, f"told_{table}", rows)
        if "person_id" in rows.column_names:
            postgres.exec_driver_sql(f"create index on told_{table} (tenant_id, person_id)")
        postgres.exec_driver_sql(f"analyze told_{table}")
        known = f"{received} <= current_setting('{KNOWN_AT}')::timestamptz"
        postgres.exec_driver_sql(f"create temp view {table} as select * from told_{table} where {known}")


def opened_world(folder: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB that has the world in the schema `everything`, and the clocks of its zones."""
    connection = open_duckdb()
    for schema in (EVERYTHING, KNOWN_THEN):
        connection.execute(f"create schema {schema}")
    for stream in STREAMS:
        connection.register("empty_rows", table_of_rows(stream, []))
        connection.execute(f"create table {EVERYTHING}.{stream.table} as from empty_rows")
        files = [str(file) for file in _files(folder, stream)]
        columns = arrow_schema(stream).names
        told = connection.read_parquet(files, union_by_name=True).columns
        given = ", ".join(name if name in told else _absent(name) for name in columns)
        # The door names rows that come without a name by what they say; any name serves here.
        connection.execute(
            f"insert into {EVERYTHING}.{stream.table} select {given} from read_parquet(?, union_by_name=true)", [files]
        )
    connection.execute(
        f"""create table {EVERYTHING}.{FEEDS_TABLE} as
            select tenant_id, '{LOCATION_UPDATES.name}' as stream, occurred_at::date as day,
                   min(received_at) as first_received_at
            from {EVERYTHING}.{LOCATION_UPDATES.table} group by all"""
    )
    zones = [row[0] for row in connection.execute(f"select distinct time_zone from {EVERYTHING}.noc_site").fetchall()]
    spans = f"select min(occurred_at) - interval 1 day, max(occurred_at) + interval 1 day from {EVERYTHING}"
    start, end = connection.execute(f"{spans}.noc_attendance_event").fetchall()[0]
    connection.register("clocks", zone_offsets(zones, start, end))
    connection.execute(f"create table {OFFSETS_TABLE} as from clocks")
    return connection


def evidence_of(connection: duckdb.DuckDBPyConnection, schema: str, statement: str) -> pa.Table:
    """The evidence from the tables of a schema: of every event, or where each has a tenant of its own, of those."""
    connection.execute(f"set search_path = '{schema},main'")
    asked = numbered(moments(all_tables()))
    wanted = asked if schema == EVERYTHING else asked.filter(asked.tenant_id.endswith("/" + asked.event_id))
    connection.execute(f"create or replace temp table {ASKED} as {ibis.to_sql(wanted, dialect='duckdb')}")
    return connection.sql(statement).to_arrow_table()


def evidence_statement() -> str:
    """What gives the evidence of the events in `ASKED`; it takes longer to compose than to run."""
    stored = ibis.table(numbered(moments(all_tables())).schema(), name=ASKED)
    return str(ibis.to_sql(evidence(all_tables(), stored), dialect="duckdb", pretty=False))


def sample(connection: duckdb.DuckDBPyConnection, events: int | None) -> list[str]:
    """Events in the order they were received: all, or so many of them, evenly spread."""
    rows = connection.execute(
        f"select event_id::varchar from {EVERYTHING}.noc_attendance_event order by received_at, event_id"
    ).fetchall()
    names = [row[0] for row in rows]
    if events is None or events >= len(names):
        return names
    return [names[place * len(names) // events] for place in range(events)]


def known_then(connection: duckdb.DuckDBPyConnection, events: Sequence[str], statement: str) -> list[Row]:
    """The evidence of each event in a tenant of its own that has only what had been received by then."""
    connection.register("asked_events", pa.table({"event_id": pa.array(events, pa.string())}))
    connection.execute(
        f"""create or replace temp table asked_then as
            select tenant_id, tenant_id || '/' || event_id as own, event_id, received_at as known_at,
                   coalesce(punched_out_at, punched_in_at) as happened_at
            from {EVERYTHING}.noc_attendance_event semi join asked_events using (event_id)"""
    )
    for stream in STREAMS:
        _copy_known(connection, stream)
    connection.execute(
        f"""create or replace table {KNOWN_THEN}.{FEEDS_TABLE} as
            select own as tenant_id, stream, day, first_received_at
            from {EVERYTHING}.{FEEDS_TABLE} join asked_then using (tenant_id) where first_received_at <= known_at"""
    )
    rows = evidence_of(connection, KNOWN_THEN, statement)
    assert rows.num_rows == len(events)
    return list(rows.to_pylist())


def _copy_known(connection: duckdb.DuckDBPyConnection, stream: Stream) -> None:
    near = f"and occurred_at >= happened_at - interval {DAYS_BACK[stream]} day" if stream in DAYS_BACK else ""
    rest = ", ".join(f"told.{name}" for name in arrow_schema(stream).names if name != "tenant_id")
    connection.execute(
        f"""create or replace table {KNOWN_THEN}.{stream.table} as
            select own as tenant_id, {rest} from {EVERYTHING}.{stream.table} told join asked_then using (tenant_id)
            where told.received_at <= known_at {near}"""
    )


def _files(folder: Path, stream: Stream) -> list[Path]:
    alone = folder / f"{stream.name}.parquet"
    return [alone] if alone.exists() else sorted((folder / stream.name).glob("*.parquet"))


def _absent(name: str) -> str:
    return "uuid()::varchar" if name == "event_id" else "null"
