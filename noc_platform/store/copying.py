"""COPY: Arrow in."""

import io

import pyarrow as pa
import pyarrow.csv
from psycopg import sql
from sqlalchemy import Connection

from noc_platform.store.sessions import psycopg_of

CHUNK_ROWS = 65_536


def copy_in(connection: Connection, table: str, rows: pa.Table) -> None:
    """COPY `rows` into the columns of `table` that carry their names, in the connection's transaction.

    Columns that are null throughout are left to their default. The session's zone is UTC, so instants go without one.
    """
    told = rows.select([name for name in rows.column_names if rows[name].null_count < rows.num_rows])
    if not told.num_rows:
        return
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(
        sql.Identifier(table), sql.SQL(", ").join(sql.Identifier(name) for name in told.column_names)
    )
    options = pyarrow.csv.WriteOptions(include_header=False)
    with psycopg_of(connection).cursor() as cursor, cursor.copy(statement) as copy:
        for batch in told.cast(_without_zones(told.schema)).to_batches(max_chunksize=CHUNK_ROWS):
            buffer = io.BytesIO()
            pyarrow.csv.write_csv(batch, buffer, write_options=options)
            copy.write(buffer.getbuffer())


def _without_zones(schema: pa.Schema) -> pa.Schema:
    # Arrow writes an instant with its zone four times slower than without.
    return pa.schema(
        [field.with_type(pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field for field in schema]
    )
