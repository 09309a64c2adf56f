"""COPY: Arrow in, Arrow out."""

import io

import pyarrow as pa
import pyarrow.csv
from psycopg import sql
from sqlalchemy import Connection, text

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


def copy_out(connection: Connection, table: str, schema: pa.Schema, where: str = "true", **values: object) -> pa.Table:
    """COPY the columns of `schema` out of `table`, for the rows that `where` (our own SQL, with :names) holds for."""
    columns = ", ".join(_read(field) for field in schema)
    query = text(f"copy (select {columns} from {table} where {where}) to stdout (format csv)")
    bound = query.bindparams(**values).compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    buffer = io.BytesIO()
    with psycopg_of(connection).cursor() as cursor, cursor.copy(str(bound).replace("%%", "%")) as copy:
        for chunk in copy:
            buffer.write(chunk)
    if not buffer.tell():
        return schema.empty_table()
    buffer.seek(0)
    plain = _without_zones(schema)
    parsed = pyarrow.csv.read_csv(
        buffer,
        read_options=pyarrow.csv.ReadOptions(column_names=schema.names),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=pa.schema([field.with_nullable(True) for field in plain]),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
        ),
    )
    return parsed.cast(schema)


def _read(field: pa.Field) -> str:
    return f"{field.name} at time zone 'UTC'" if pa.types.is_timestamp(field.type) else field.name


def _without_zones(schema: pa.Schema) -> pa.Schema:
    # Arrow writes an instant with its zone four times slower than without.
    return pa.schema(
        [field.with_type(pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field for field in schema]
    )
