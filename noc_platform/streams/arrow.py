"""Streams as Arrow: the schema of their Parquet files, made from the declaration."""

from functools import cache

import pyarrow as pa

from noc_platform.streams.declaration import Kind, Stream

ARROW_TYPES: dict[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.REAL: pa.float64(),
    Kind.INSTANT: pa.timestamp("us", tz="UTC"),
    Kind.DAY: pa.date32(),
    Kind.FLAG: pa.bool_(),
    Kind.IDENTIFIER: pa.string(),
}


@cache
def arrow_schema(stream: Stream) -> pa.Schema:
    """Schema of the stream's Parquet files; meaning and unit travel as field metadata."""
    return pa.schema(
        [
            pa.field(
                column.name,
                ARROW_TYPES[column.kind],
                nullable=not column.required,
                metadata={"meaning": column.meaning, "unit": column.unit or ""},
            )
            for column in stream.columns
        ]
    )
