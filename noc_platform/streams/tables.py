"""The tables of the streams, made from their declarations, and the door's own books.

`noc_quarantine` keeps every row that did not fit; `noc_telemetry_day` counts what each day of each stream received,
which tells the lake what is new and a signal whether a feed was alive.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Identity,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from noc_platform.store.metadata import metadata
from noc_platform.streams.catalogue import STREAMS
from noc_platform.streams.declaration import Kind, Stream

SQL_TYPES: dict[Kind, TypeEngine[Any]] = {
    Kind.TEXT: String(),
    Kind.INTEGER: BigInteger(),
    Kind.REAL: Double(),
    Kind.INSTANT: DateTime(timezone=True),
    Kind.DAY: Date(),
    Kind.FLAG: Boolean(),
    Kind.IDENTIFIER: Uuid(),
}


def table_of(stream: Stream) -> Table:
    """The PostgreSQL table of a stream. Its key begins with the event's identity, which one comparison tells apart.

    Events arrive roughly in time, so a block-range index finds the rows of a day and costs a load next to nothing.
    """
    columns = [
        Column(column.name, SQL_TYPES[column.kind], nullable=not column.required, comment=column.meaning)
        for column in stream.columns
    ]
    return Table(
        stream.table,
        metadata,
        *columns,
        PrimaryKeyConstraint(*stream.key),
        *(Index(None, *index) for index in stream.indexes),
        *([] if stream.is_reference else [Index(f"ix_{stream.table}_day", "occurred_at", postgresql_using="brin")]),
        comment=stream.meaning,
    )


TABLES: dict[str, Table] = {name: table_of(stream) for name, stream in STREAMS.items()}

quarantine = Table(
    "noc_quarantine",
    metadata,
    Column("quarantine_id", BigInteger, Identity(), primary_key=True),
    Column("tenant_id", String, nullable=True, comment="Null where the row does not say a known tenant."),
    Column("stream", String, nullable=False),
    Column("source", String, nullable=False, comment="File name, or api."),
    Column("source_hash", String, nullable=False, comment="SHA-256 of the file or body; a second run finds its rows."),
    Column("row_number", BigInteger, nullable=False, comment="1 is the first row of data."),
    Column("column_name", String, nullable=True, comment="Null where the whole row is at fault."),
    Column("reason", String, nullable=False),
    Column("raw", JSONB, nullable=False, comment="The row as it came, cut to a bounded length."),
    Column("received_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("source_hash", "stream", "row_number"),
    Index(None, "tenant_id", "stream", "received_at"),
    comment="Rows that did not fit, and why.",
)

telemetry_day = Table(
    "noc_telemetry_day",
    metadata,
    Column("tenant_id", String, primary_key=True),
    Column("stream", String, primary_key=True),
    Column("day", Date, primary_key=True, comment="UTC day of occurred_at."),
    Column("rows", BigInteger, nullable=False, comment="Accepted so far."),
    Column("generation", BigInteger, nullable=False, comment="Rises with every load that added rows."),
    Column("first_received_at", DateTime(timezone=True), nullable=False),
    Column("last_received_at", DateTime(timezone=True), nullable=False),
    Column("last_loaded_at", DateTime(timezone=True), nullable=False, comment="When rows last came in by the door."),
    Column("archived_generation", BigInteger, nullable=False, server_default=text("0")),
    Column("archived_rows", BigInteger, nullable=False, server_default=text("0")),
    Column("signals_generation", BigInteger, nullable=False, server_default=text("0")),
    Column("dropped_at", DateTime(timezone=True), nullable=True, comment="When the day left PostgreSQL for the lake."),
    Index(None, "stream", "day"),
    comment="What each day of each stream received, and how far it has come.",
)
