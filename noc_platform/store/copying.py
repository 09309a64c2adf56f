"""COPY: Arrow in."""

import io

import pyarrow as pa
import pyarrow.csv
from psycopg import sql
from sqlalchemy import Connection

from noc_platform.store.sessions import psycopg_of

CHUNK_ROWS = 65_536


def copy_in(connection: Connection, table: str, rows: pa.Table) -> None:
    """COPY `rows` into the columns of `table` that carry their names, in the connection's transaction."""
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(
        sql.Identifier(table), sql.SQL(", ").join(sql.Identifier(name) for name in rows.column_names)
    )
    options = pyarrow.csv.WriteOptions(include_header=False)
    with psycopg_of(connection).cursor() as cursor, cursor.copy(statement) as copy:
        for batch in rows.to_batches(max_chunksize=CHUNK_ROWS):
            buffer = io.BytesIO()
            pyarrow.csv.write_csv(batch, buffer, write_options=options)
            copy.write(buffer.getbuffer())
