"""The engines a signal must agree on, each behind the same two verbs: hold these rows, run this expression."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from noc_platform.lake.engines import FEEDS_SCHEMA, FEEDS_TABLE, ROSTERS_TABLE, over
from noc_platform.store.duck import open_duckdb
from noc_platform.store.sessions import Server
from noc_platform.streams.arrow import arrow_schema
from noc_platform.streams.catalogue import (
    ATTENDANCE_EVENTS,
    DEVICE_EVENTS,
    JOBNEEDS,
    LOCATION_UPDATES,
    PEOPLE,
    SHIFTS,
    TOURS_DUE,
)
from noc_platform_tests.strategies import TENANT, Day

STREAMS = (DEVICE_EVENTS, LOCATION_UPDATES, JOBNEEDS, ATTENDANCE_EVENTS, SHIFTS, TOURS_DUE)
Rows = list[dict[str, Any]]


class Engine(Protocol):
    """One way of running an Ibis expression over given tables."""

    def hold(self, tables: dict[str, pa.Table]) -> None:
        """Let these tables, by name, be all there is."""

    def rows(self, expression: ir.Table) -> Rows:
        """Run the expression."""


class DuckDB:
    def __init__(self) -> None:
        self.connection = open_duckdb()
        self.backend = over(self.connection)

    def hold(self, tables: dict[str, pa.Table]) -> None:
        for name, table in tables.items():
            self.connection.register(name, table)

    def rows(self, expression: ir.Table) -> Rows:
        return _plain(self.backend.to_pyarrow(expression))


class PostgreSQL:
    """Temporary tables that stand before the real ones, so that nothing stored is touched."""

    def __init__(self, server: Server) -> None:
        import psycopg

        self.connection = psycopg.connect(server.pipeline.conninfo)
        self.backend = ibis.postgres.from_connection(self.connection)

    def hold(self, tables: dict[str, pa.Table]) -> None:
        with self.connection.cursor() as cursor:
            for name, table in tables.items():
                cursor.execute(f"drop table if exists pg_temp.{name}")
                columns = ", ".join(f"{field.name} {_sql_type(field.type)}" for field in table.schema)
                cursor.execute(f"create temp table {name} ({columns})")
                marks = ", ".join(["%s"] * table.num_columns)
                cursor.executemany(
                    f"insert into pg_temp.{name} values ({marks})", [tuple(row.values()) for row in table.to_pylist()]
                )
        self.connection.commit()

    def rows(self, expression: ir.Table) -> Rows:
        return _plain(self.backend.to_pyarrow(expression))


class Spark:
    def __init__(self) -> None:
        from pyspark.sql import SparkSession

        self.session = (
            SparkSession.builder.master("local[2]")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.ui.enabled", "false")
            .getOrCreate()
        )
        self.backend = ibis.pyspark.connect(self.session)

    def hold(self, tables: dict[str, pa.Table]) -> None:
        for name, table in tables.items():
            self.session.createDataFrame(table).createOrReplaceTempView(name)

    def rows(self, expression: ir.Table) -> Rows:
        return _plain(self.backend.to_pyarrow(expression))


@contextmanager
def opened(name: str, server: Server) -> Iterator[Engine]:
    """The engine of that name."""
    if name == "duckdb":
        yield DuckDB()
    elif name == "postgres":
        engine = PostgreSQL(server)
        yield engine
        engine.connection.close()
    else:
        spark = Spark()
        yield spark
        spark.session.stop()


def tables_of(day: Day) -> dict[str, pa.Table]:
    """A day as the tables the signals read, with everybody at home at s0."""
    tables = {}
    feeds: dict[tuple[str, Any], Any] = {}
    for stream in STREAMS:
        rows = getattr(day, stream.name)
        given = [{"event_id": str(uuid.UUID(int=number)), **row} for number, row in enumerate(rows)]
        tables[stream.table] = pa.Table.from_pylist(
            [{name: row.get(name) for name in stream.names} for row in given],
            schema=pa.schema([f.with_nullable(True) for f in arrow_schema(stream)]),
        )
        for row in rows:
            if "occurred_at" in row:
                key = (stream.name, row["occurred_at"].date())
                feeds[key] = min(feeds.get(key, row["received_at"]), row["received_at"])
    tables[FEEDS_TABLE] = pa.Table.from_pylist(
        [
            {"tenant_id": TENANT, "stream": stream, "day": on, "first_received_at": first}
            for (stream, on), first in feeds.items()
        ],
        schema=FEEDS_SCHEMA,
    )
    keeps = [TENANT] if day.shifts or day.attendance_events else []
    tables[ROSTERS_TABLE] = pa.table({"tenant_id": pa.array(keeps, pa.string())})
    people = [
        {"tenant_id": TENANT, "person_id": f"p{number}", "name": f"P{number}", "site_id": "s0"} for number in range(3)
    ]
    tables[PEOPLE.table] = pa.Table.from_pylist(
        [{name: row.get(name) for name in PEOPLE.names} for row in people],
        schema=pa.schema([f.with_nullable(True) for f in arrow_schema(PEOPLE)]),
    )
    return tables


def _plain(table: pa.Table) -> Rows:
    return [dict(row) for row in table.to_pylist()]


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "timestamptz"
    return {
        "string": "text",
        "int64": "bigint",
        "double": "double precision",
        "bool": "boolean",
        "date32[day]": "date",
    }[str(kind)]
