"""Facts of a made-up day, asked of a real engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import pyarrow as pa
from sqlalchemy import Connection, NullPool, create_engine

from noc_platform.findings.facts.moment import Facts, Guard
from noc_platform.findings.facts.prepared import asking_duckdb, asking_postgres, facts_at
from noc_platform.findings.policy import RulesPolicy
from noc_platform.findings.vocabulary import Depth
from noc_platform.settings import MovementPolicy
from noc_platform.store.duck import open_duckdb
from noc_platform.store.sessions import Server, psycopg_of, session_options
from noc_platform.streams.arrow import arrow_schema
from noc_platform.streams.catalogue import ALERTS, SITES
from noc_platform.streams.declaration import Stream
from noc_platform_tests.engines import PostgreSQL, tables_of
from noc_platform_tests.strategies import MIDNIGHT, TENANT, Day, Row

POLICY, MOVEMENT = RulesPolicy(), MovementPolicy(worst_accuracy_meters=100, top_speed_kmh=150)
NOON = MIDNIGHT + timedelta(hours=12)
ATHENS = {"tenant_id": TENANT, "site_id": "s0", "name": "Port", "time_zone": "Europe/Athens"}
PARIS = {"tenant_id": TENANT, "site_id": "s1", "name": "Museum", "time_zone": "Europe/Paris"}


@dataclass
class Told:
    """A day, and what is told of sites and alerts."""

    day: Day = field(default_factory=Day)
    sites: list[Row] = field(default_factory=lambda: [ATHENS, PARIS])
    alerts: list[Row] = field(default_factory=list)

    def tables(self) -> dict[str, pa.Table]:
        """All of it by table name."""
        return {
            **tables_of(self.day),
            SITES.table: _table(SITES, self.sites),
            ALERTS.table: _table(ALERTS, self.alerts),
        }


def _table(stream: Stream, rows: list[Row]) -> pa.Table:
    schema = pa.schema([each.with_nullable(True) for each in arrow_schema(stream)])
    return pa.Table.from_pylist([{name: row.get(name) for name in stream.names} for row in rows], schema=schema)


class Asked(Protocol):
    """An engine that holds a day and is asked for the facts of a moment."""

    def facts(self, told: Told, as_of: datetime, depth: Depth = Depth.COMPREHENSIVE) -> Facts:
        """What was known then."""


class OnPostgres(PostgreSQL):
    def __init__(self, connection: Connection) -> None:
        self.session = connection
        self.connection = psycopg_of(connection)

    def facts(self, told: Told, as_of: datetime, depth: Depth = Depth.COMPREHENSIVE) -> Facts:
        self.hold(told.tables())
        return facts_at(asking_postgres([self.session], POLICY, MOVEMENT), POLICY, as_of, depth)


class OnDuckDB:
    def facts(self, told: Told, as_of: datetime, depth: Depth = Depth.COMPREHENSIVE) -> Facts:
        connection = open_duckdb()
        for name, table in told.tables().items():
            connection.register(name, table)
        return facts_at(asking_duckdb(connection, POLICY, MOVEMENT), POLICY, as_of, depth)


@contextmanager
def asked_of(name: str, server: Server) -> Iterator[Asked]:
    """The engine of that name; PostgreSQL over a session of its own, whose tables nobody else sees."""
    if name == "duckdb":
        yield OnDuckDB()
        return
    engine = create_engine(
        server.pipeline.url, connect_args={"options": session_options(server.pipeline.role)}, poolclass=NullPool
    )
    with engine.connect() as connection:
        yield OnPostgres(connection)


def by_person(facts: Facts) -> dict[str, Guard]:
    """Guards by id."""
    return {guard.person_id: guard for guard in facts.guards}


def stamped(occurred_at: datetime, delay: timedelta = timedelta(0), **more: Any) -> Row:
    """A row of the tenant that was received so long after it happened."""
    return {"tenant_id": TENANT, "occurred_at": occurred_at, "received_at": occurred_at + delay, **more}


def heard(person: str, start: datetime, end: datetime, every: int = 5, **more: Any) -> list[Row]:
    """Phone events every few minutes of `[start, end)`."""
    count = int((end - start) / timedelta(minutes=every))
    said = {"person_id": person, "event_kind": "stepcount", **more}
    return [stamped(start + timedelta(minutes=every * nth), **said) for nth in range(count)]


def shift(person: str, start: datetime, hours: float = 8, site: str = "s0") -> Row:
    """A rostered shift."""
    return {
        "tenant_id": TENANT, "person_id": person, "site_id": site, "starts_at": start,
        "ends_at": start + timedelta(hours=hours), "is_cancelled": False, "received_at": MIDNIGHT - timedelta(days=2),
    }  # fmt: skip


def tour(name: str, person: str | None, due: datetime, site: str = "s0", **more: Any) -> Row:
    """A tour of four checkpoints, due for an hour, with half an hour of grace."""
    return {
        "tenant_id": TENANT, "tour_id": name, "person_id": person, "site_id": site, "due_at": due,
        "due_until": due + timedelta(hours=1), "grace_minutes": 30.0, "is_mandatory": True, "total_checkpoints": 4,
        "received_at": MIDNIGHT - timedelta(days=2), **more,
    }  # fmt: skip


def job(name: str, at: datetime, status: str, person: str | None = "p0", **more: Any) -> Row:
    """A state of a task, reported when it came to be."""
    return stamped(
        at, **{"jobneed_id": name, "person_id": person, "identifier": "TASK", "status": status, "site_id": "s0", **more}
    )


def scan(tour_name: str, number: int, at: datetime, person: str = "p0", **more: Any) -> Row:
    """A checkpoint scanned."""
    told = {"parent_id": tour_name, "identifier": "INTERNALTOUR", "scan_type": "NFC", "ended_at": at, **more}
    return job(f"{tour_name}-{number}", at, "COMPLETED", person, **told)
