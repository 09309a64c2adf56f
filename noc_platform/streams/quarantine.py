"""Rows that did not fit: what is kept of them, so that somebody can see why and send them again.

Each row of a source is in the quarantine once, and only as long as it is at fault.
"""

import json
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, text

from noc_platform.store.copying import copy_in
from noc_platform.streams.checking import Checked
from noc_platform.streams.declaration import Stream
from noc_platform.streams.files import RAW_KEPT_CHARACTERS, ROW_NUMBER, RawBatch

SHOWN_VALUE_CHARACTERS = 200


def open_quarantine(connection: Connection) -> None:
    """Make room for the refused rows of one source, for as long as the transaction lasts."""
    connection.execute(text("drop table if exists pg_temp.staged_quarantine"))
    connection.execute(
        text(
            "create temp table staged_quarantine"
            " (row_number bigint, tenant_id text, column_name text, reason text, raw jsonb)"
            " on commit drop"
        )
    )


def refuse(connection: Connection, checked: Checked, raw: RawBatch, tenant: str | None) -> int:
    """Set aside the rows of a batch that failed a check and the lines that were no rows; gives how many."""
    refused = _refused(checked, raw, tenant)
    if refused.num_rows:
        copy_in(connection, "staged_quarantine", refused)
    return int(refused.num_rows)


def settle_quarantine(connection: Connection, stream: Stream, source: str, digest: str, received_at: datetime) -> None:
    """Make the quarantine hold just the rows of this source that are still at fault, each once.

    `source` is the name people know it by, `digest` the hash of its content.
    """
    known = {"digest": digest, "stream": stream.name}
    connection.execute(
        text(
            """delete from noc_quarantine kept where source_hash = :digest and stream = :stream and not exists
               (select from staged_quarantine still
                where still.row_number = kept.row_number and still.reason = kept.reason)"""
        ),
        known,
    )
    connection.execute(
        text(
            """insert into noc_quarantine
                   (tenant_id, stream, source, source_hash, row_number, column_name, reason, raw, received_at)
               select tenant_id, :stream, :source, :digest, row_number, column_name, reason, raw, :received_at
               from staged_quarantine order by row_number
               on conflict (source_hash, stream, row_number) do nothing"""
        ),
        {**known, "source": source, "received_at": received_at},
    )


def _refused(checked: Checked, raw: RawBatch, tenant: str | None) -> pa.Table:
    faults = checked.faults.to_pylist()
    wanted = pc.is_in(raw.rows[ROW_NUMBER], value_set=checked.faults[ROW_NUMBER].combine_chunks())
    written = {row.pop(ROW_NUMBER): _shown(row) for row in raw.rows.filter(wanted).to_pylist()} if faults else {}
    rows = [
        (f[ROW_NUMBER], f["tenant_id"], f["column_name"], _storable(f["reason"]), written[f[ROW_NUMBER]])
        for f in faults
    ]
    rows += [(m.row_number, tenant, None, m.reason, json.dumps({"line": _storable(m.raw)})) for m in raw.malformed]
    names = ("row_number", "tenant_id", "column_name", "reason", "raw")
    types = (pa.int64(), pa.string(), pa.string(), pa.string(), pa.string())
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return pa.table({name: pa.array(values, kind) for name, values, kind in zip(names, columns, types, strict=True)})


def _shown(row: dict[str, object]) -> str:
    shown = {
        name: None if value is None else _storable(str(value))[:SHOWN_VALUE_CHARACTERS] for name, value in row.items()
    }
    document = json.dumps(shown, ensure_ascii=False)
    return (
        document if len(document) <= RAW_KEPT_CHARACTERS * 5 else json.dumps({"line": document[:RAW_KEPT_CHARACTERS]})
    )


def _storable(value: str) -> str:
    # PostgreSQL's jsonb refuses U+0000 and lone surrogates.
    return value.replace("\x00", "\ufffd").encode("utf-8", errors="replace").decode()
