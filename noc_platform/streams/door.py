"""The one door: every row that enters the platform, from a file, the API or a label, comes through `admit`.

Each row ends in exactly one place: accepted, known already, or quarantined with its reason. The caller's transaction
makes that all or nothing; running the same source again changes nothing.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, text

from noc_platform.settings import DoorPolicy
from noc_platform.store.copying import copy_in
from noc_platform.streams.catalogue import STREAMS
from noc_platform.streams.checking import Checked, Checker
from noc_platform.streams.declaration import Stream
from noc_platform.streams.files import RAW_KEPT_CHARACTERS, ROW_NUMBER, RawBatch

SHOWN_VALUE_CHARACTERS = 200


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
) -> Receipt:
    """Let rows in, inside the caller's transaction.

    `received_at` (UTC) stamps rows whose source does not say when it knew; `tenant` is given to rows that name none.
    `on_batch` hears how many rows were just read.
    """
    _open_staging(connection, stream)
    checker = Checker(stream, known_keys(connection, stream), policy, received_at, tenant)
    receipt = Receipt()
    for batch in batches:
        checked = checker.check(batch.rows)
        copy_in(connection, "staged", _staged(stream, checked.good))
        quarantined = _quarantined(checked, batch.raw, tenant)
        if quarantined.num_rows:
            copy_in(connection, "staged_quarantine", quarantined)
        receipt += Receipt(read=batch.rows.num_rows + len(batch.raw.malformed), quarantined=quarantined.num_rows)
        on_batch(batch.raw.count)
    staged = receipt.read - receipt.quarantined
    accepted = (
        _replace_references(connection, stream)
        if stream.is_reference
        else _append_events(connection, stream, received_at)
    )
    _settle_quarantine(connection, stream, source, received_at)
    return replace(receipt, accepted=accepted, duplicate=staged - accepted)


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


def _open_staging(connection: Connection, stream: Stream) -> None:
    connection.execute(text("drop table if exists pg_temp.staged, pg_temp.staged_quarantine"))
    row_number = ", row_number bigint" if stream.is_reference else ""
    connection.execute(text(f"create temp table staged (like {stream.table}{row_number}) on commit drop"))
    connection.execute(
        text(
            "create temp table staged_quarantine"
            " (row_number bigint, tenant_id text, column_name text, reason text, raw jsonb)"
            " on commit drop"
        )
    )


def _staged(stream: Stream, good: pa.Table) -> pa.Table:
    if not stream.is_reference:
        return good.drop_columns([ROW_NUMBER])
    return good.rename_columns([*stream.names, "row_number"])


def _append_events(connection: Connection, stream: Stream, loaded_at: datetime) -> int:
    """Add what is new and count it by day, so that the lake and the signals know which days to look at again."""
    names = ", ".join(stream.names)
    statement = f"""
        with added as (
            insert into {stream.table} ({names}) select {names} from staged
            on conflict (tenant_id, event_id) do nothing
            returning tenant_id, occurred_at, received_at
        ),
        days as (
            select tenant_id, occurred_at::date as day, count(*) as rows,
                   min(received_at) as first, max(received_at) as last
            from added group by 1, 2
        ),
        noted as (
            insert into noc_telemetry_day as known
                (tenant_id, stream, day, rows, generation, first_received_at, last_received_at, last_loaded_at)
            select tenant_id, :stream, day, rows, 1, first, last, :loaded_at from days order by 1, 3
            on conflict (tenant_id, stream, day) do update set
                rows = known.rows + excluded.rows,
                generation = known.generation + 1,
                first_received_at = least(known.first_received_at, excluded.first_received_at),
                last_received_at = greatest(known.last_received_at, excluded.last_received_at),
                last_loaded_at = greatest(known.last_loaded_at, excluded.last_loaded_at)
        )
        select coalesce(sum(rows), 0) from days
    """
    return int(connection.execute(text(statement), {"stream": stream.name, "loaded_at": loaded_at}).scalar_one())


def _replace_references(connection: Connection, stream: Stream) -> int:
    """Upsert; of two rows with one key in the same source the later wins. Rows that change nothing are duplicates.

    A null says nothing: it leaves what is known, so that several sources can tell of one person.
    """
    key = ", ".join(stream.key)
    names = ", ".join(stream.names)
    told = [name for name in stream.names if name not in (*stream.key, "received_at")]
    merged = {name: f"coalesce(excluded.{name}, known.{name})" for name in told}
    updates = ", ".join(
        f"{name} = {value}" for name, value in (*merged.items(), ("received_at", "excluded.received_at"))
    )
    ours, theirs = ", ".join(f"known.{name}" for name in told), ", ".join(merged.values())
    statement = f"""
        with changed as (
            insert into {stream.table} as known ({names})
            select distinct on ({key}) {names} from staged order by {key}, row_number desc
            on conflict ({key}) do update set {updates} where ({ours}) is distinct from ({theirs})
            returning 1
        )
        select count(*) from changed
    """
    return int(connection.execute(text(statement)).scalar_one())


def _quarantined(checked: Checked, raw: RawBatch, tenant: str | None) -> pa.Table:
    """Rows for `staged_quarantine`: those that failed a check, and lines that were no rows."""
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


def _settle_quarantine(connection: Connection, stream: Stream, source: Source, received_at: datetime) -> None:
    """Make the quarantine hold just the rows of this source that are still at fault, each once."""
    known = {"digest": source.digest, "stream": stream.name}
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
        {**known, "source": source.name, "received_at": received_at},
    )
