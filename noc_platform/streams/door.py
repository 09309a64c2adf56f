"""The one door: every row that enters the platform, from a file, the API or a label, comes through `admit`.

Each row ends in exactly one place: accepted, known already, or quarantined with its reason. The caller's transaction
makes that all or nothing; running the same source again changes nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

import pyarrow as pa
from sqlalchemy import Connection, text

from noc_platform.settings import DoorPolicy
from noc_platform.streams.arrivals import Events, History, References, nothing_kept
from noc_platform.streams.catalogue import STREAMS
from noc_platform.streams.checking import Checker
from noc_platform.streams.declaration import Stream
from noc_platform.streams.files import RawBatch
from noc_platform.streams.quarantine import open_quarantine, refuse, settle_quarantine

Item = TypeVar("Item")


@dataclass(frozen=True)
class Source:
    """Where rows come from: a file's name and content hash, or a request's."""

    name: str
    digest: str


@dataclass(frozen=True)
class Receipt:
    """What became of a source's rows: `accepted + duplicate + quarantined == read`."""

    read: int = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0

    def __add__(self, other: "Receipt") -> "Receipt":
        return Receipt(
            self.read + other.read,
            self.accepted + other.accepted,
            self.duplicate + other.duplicate,
            self.quarantined + other.quarantined,
        )


@dataclass(frozen=True)
class Batch:
    """Rows in our words, and the same rows as the source wrote them (for the quarantine); both carry `ROW_NUMBER`."""

    rows: pa.Table
    raw: RawBatch


def admit(
    connection: Connection,
    stream: Stream,
    batches: Iterable[Batch],
    source: Source,
    policy: DoorPolicy,
    received_at: datetime,
    tenant: str | None = None,
    on_batch: Callable[[int], None] = lambda _: None,
    history: History = nothing_kept,
) -> Receipt:
    """Let rows in, inside the caller's transaction.

    `received_at` (UTC) stamps rows whose source does not say when it knew; `tenant` is given to rows that name none.
    `on_batch` hears how many rows were just read. `history` knows the events of days that have left PostgreSQL.
    """
    open_quarantine(connection)
    arrivals = References(connection, stream) if stream.is_reference else Events(connection, stream, history)
    checker = Checker(stream, known_keys(connection, stream), policy, received_at, tenant)
    receipt = Receipt()
    for batch, checked in _one_ahead((batch, checker.check(batch.rows)) for batch in batches):
        arrivals.add(checked.good)
        quarantined = refuse(connection, checked, batch.raw, tenant)
        receipt += Receipt(read=batch.rows.num_rows + len(batch.raw.malformed), quarantined=quarantined)
        on_batch(batch.raw.count)
    accepted = arrivals.settle(received_at)
    settle_quarantine(connection, stream, source.name, source.digest, received_at)
    return replace(receipt, accepted=accepted, duplicate=receipt.read - receipt.quarantined - accepted)


def known_keys(connection: Connection, stream: Stream) -> dict[str, pa.Table]:
    """Keys of every reference stream the declaration refers to: columns `tenant_id` and `key`."""
    known = {}
    for name in {column.refers_to for column in stream.columns if column.refers_to} | {"tenants"}:
        key = STREAMS[name].key[-1]
        rows = connection.execute(text(f"select tenant_id, {key} from {STREAMS[name].table}")).all()
        known[name] = pa.table(
            {
                "tenant_id": pa.array([row[0] for row in rows], pa.string()),
                "key": pa.array([row[1] for row in rows], pa.string()),
            }
        )
    return known


def _one_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items; while one is used, the next is made on a thread of its own."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        upcoming = thread.submit(next, items, None)
        while (item := upcoming.result()) is not None:
            upcoming = thread.submit(next, items, None)
            yield item
