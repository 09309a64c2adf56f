"""Rows for tests, put in by the platform's own door."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from noc_platform.settings import DoorPolicy
from noc_platform.streams.arrivals import History, nothing_kept
from noc_platform.streams.catalogue import PEOPLE, SITES, TENANTS
from noc_platform.streams.declaration import Stream
from noc_platform.streams.door import Batch, Receipt, Source, admit
from noc_platform.streams.files import RawBatch, text_of, text_table

POLICY = DoorPolicy(
    earliest=datetime(2000, 1, 1, tzinfo=UTC),
    future_tolerance=timedelta(minutes=10),
    batch_rows=10_000,
    longest_line_bytes=2**20,
)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def put(
    connection: Connection,
    stream: Stream,
    rows: list[dict[str, Any]],
    tenant: str | None = None,
    received_at: datetime = NOW,
    digest: str | None = None,
    batch_rows: int = POLICY.batch_rows,
    history: History = nothing_kept,
) -> Receipt:
    """Let rows in by the door; instants may be datetimes."""
    written = [{name: _written(value) for name, value in row.items()} for row in rows]
    whole = text_table(written, list(range(1, len(rows) + 1)))
    pieces = [whole.slice(start, batch_rows) for start in range(0, max(len(rows), 1), batch_rows)]
    batches = [Batch(piece, RawBatch(piece)) for piece in pieces]
    source = Source("test", digest or uuid4().hex)
    return admit(connection, stream, batches, source, POLICY, received_at, tenant, history=history)


def put_operation(connection: Connection, tenant: str, people: int = 3, sites: int = 2) -> None:
    """A tenant with sites `s0`… in Europe/Athens and people `p0`…, each at home at one of them."""
    put(connection, TENANTS, [{"tenant_id": tenant, "name": tenant}])
    put(
        connection,
        SITES,
        [{"site_id": f"s{i}", "name": f"Site {i}", "time_zone": "Europe/Athens"} for i in range(sites)],
        tenant,
    )
    put(
        connection,
        PEOPLE,
        [{"person_id": f"p{i}", "name": f"Person {i}", "site_id": f"s{i % sites}"} for i in range(people)],
        tenant,
    )


def _written(value: object) -> str | None:
    return value.isoformat() if isinstance(value, datetime) else text_of(value)
