"""Events in: batches from phones and other systems, through the same door as files."""

import asyncio
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from api.auth import Capability, Principal, requires
from api.declared import batch_schema
from api.metrics import EVENTS_INGESTED
from api.problems import TooLarge, responses
from noc_platform.errors import BadInput, NotFound
from noc_platform.settings import DoorPolicy, Settings
from noc_platform.streams.catalogue import EVENT_STREAMS, SITE, stream_called
from noc_platform.streams.declaration import RECEIVED_AT, SENTINELS, TENANT, Column, Stream

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from noc_platform.store.sessions import Database
    from noc_platform.streams.door import Batch
    from noc_platform.streams.files import Malformed, Row

router = APIRouter(prefix="/api/v2/noc/telemetry", tags=["telemetry"])
Sender = Annotated[Principal, Depends(requires(Capability.INGEST))]
StreamName = Annotated[str | None, Query(alias="stream", description="The stream, for a body of NDJSON.")]
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
MOST_EVENTS = 10_000
MOST_REASONS = 100
MOST_NAMES = 200
# Batches are checked in threads; more at a time would only queue for the processor and hold their bodies in memory.
AT_A_TIME = 4


@dataclass(frozen=True)
class Sent:
    """A batch as it was sent: a JSON document, or NDJSON with the stream beside it."""

    body: bytes
    is_lines: bool
    stream: str | None


@router.post("/events/", responses=responses(404, 413), openapi_extra=batch_schema(NDJSON[0]))
@router.post("/events", include_in_schema=False)
async def receive_events(request: Request, sender: Sender, stream: StreamName = None) -> dict[str, Any]:
    """Let a batch in: all of it is judged, each row accepted, known already, or quarantined with its reason.

    Sending a batch again changes nothing. At most 10,000 events; `received_at` is ours to say and ignored.
    """
    settings = request.app.state.settings
    sent = Sent(await _body(request, settings.api_longest_body_bytes), _is_lines(request), stream)
    ready = await request.app.state.backend.ready()
    async with request.app.state.ingesting:
        name, answer = await asyncio.to_thread(_received, ready.server.api, sent, sender, settings)
    for result in ("accepted", "duplicate", "quarantined"):
        EVENTS_INGESTED.labels(name, result).inc(answer[result])
    return {"status": "success", "data": answer}


def _is_lines(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() in NDJSON


async def _body(request: Request, longest: int) -> bytes:
    refusal = TooLarge(f"A batch may have {longest:,} bytes; send it in parts.")
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > longest:
        raise refusal
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > longest:
            raise refusal
    return bytes(body)


def _received(database: "Database", sent: Sent, sender: Principal, settings: Settings) -> tuple[str, dict[str, Any]]:
    """Name of the stream and what became of the batch, in one transaction."""
    from noc_platform.lake.archive import identities
    from noc_platform.lake.layout import Lake
    from noc_platform.streams.door import Source, admit

    policy, history = settings.door_policy, partial(identities, Lake(settings.lake))
    stream, batch = _batch(sent, sender.tenant, policy)
    # The tenant and the stream are part of it: the same bytes from somebody else are another batch.
    digest = hashlib.sha256(b"\0".join((sender.tenant.encode(), stream.name.encode(), sent.body))).hexdigest()
    with database.transaction(sender.tenant) as connection:
        _refuse_strangers(connection, sender, batch)
        now = datetime.now(UTC)
        source = Source("api", digest)
        receipt = admit(connection, stream, [batch], source, policy, now, sender.tenant, history=history)
        return stream.name, {"stream": stream.name, **asdict(receipt), "reasons": _reasons(connection)}


def _batch(sent: Sent, tenant: str, policy: DoorPolicy) -> "tuple[Stream, Batch]":
    from noc_platform.streams.door import Batch
    from noc_platform.streams.files import RawBatch, text_table

    stream, numbers, written, malformed = _lines(sent, policy) if sent.is_lines else _document(sent)
    # The door reads names in any case, and Arrow would hold two columns where an event spells one in two ways.
    rows = [{name.casefold(): value for name, value in row.items()} for row in written]
    if not 1 <= len(rows) + len(malformed) <= MOST_EVENTS:
        raise BadInput(f"A batch has 1 to {MOST_EVENTS:,} events, not {len(rows) + len(malformed):,}.")
    names = {name for row in rows for name in row}
    if len(names) > MOST_NAMES:
        raise BadInput(f"The events name {len(names):,} different columns; {stream.name} has {len(stream.names)}.")
    if _named(rows, _written_as(TENANT, names)) - {tenant}:
        raise NotFound("An event names a tenant that is not here.")
    # When we knew is ours to say: a sender who could say it could rewrite what was known when.
    stamped = _written_as(RECEIVED_AT, names)
    kept = [{name: value for name, value in row.items() if name not in stamped} for row in rows]
    raw = RawBatch(text_table(kept, numbers), malformed)
    return stream, Batch(raw.rows, raw)


def _named(rows: "list[Row]", columns: set[str]) -> set[str]:
    """What the rows say in these columns, without what only says "not known"."""
    said = {(row.get(column) or "").strip() for row in rows for column in columns}
    return {value for value in said if value.casefold() not in SENTINELS}


def _document(sent: Sent) -> "tuple[Stream, list[int], list[Row], list[Malformed]]":
    from noc_platform.streams.files import row_of

    try:
        document = json.loads(sent.body)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The body is not JSON: {error}") from error
    if (
        not isinstance(document, dict)
        or not isinstance(document.get("events"), list)
        or not isinstance(document.get("stream"), str)
    ):
        raise BadInput('Send {"stream": "…", "events": [{…}, …]}, or NDJSON with ?stream=….')
    stream = _event_stream(document["stream"])
    events = document["events"]
    if not all(isinstance(event, dict) for event in events):
        raise BadInput("Each event is an object.")
    rows = [row_of(event) for event in events]
    return stream, list(range(1, len(rows) + 1)), rows, []


def _lines(sent: Sent, policy: DoorPolicy) -> "tuple[Stream, list[int], list[Row], list[Malformed]]":
    from noc_platform.streams.files import Malformed, json_rows

    if sent.stream is None:
        raise BadInput("Say which stream the lines are of: ?stream=….")
    stream = _event_stream(sent.stream)
    numbers: list[int] = []
    rows: list[Row] = []
    malformed: list[Malformed] = []
    for parsed in json_rows(sent.body, policy.longest_line_bytes):
        if isinstance(parsed, Malformed):
            malformed.append(parsed)
        else:
            numbers.append(parsed[0])
            rows.append(parsed[1])
    return stream, numbers, rows, malformed


def _event_stream(name: str) -> Stream:
    stream = stream_called(name)
    if stream not in EVENT_STREAMS:
        raise BadInput(
            f"{name} is reference data, which comes by noc ingest; events are of "
            f"{', '.join(known.name for known in EVENT_STREAMS)}."
        )
    return stream


def _written_as(column: Column, names: Iterable[str]) -> set[str]:
    """Those of `names` the door would read as this column."""
    return {name.casefold() for name in (column.name, *column.also_known_as)} & set(names)


def _refuse_strangers(connection: "Connection", sender: Principal, batch: "Batch") -> None:
    """Raises `NotFound` for a tenant that is not there, and for sites the sender's token is not for."""
    from sqlalchemy import text

    if connection.execute(text("select from noc_tenant where tenant_id = :t"), {"t": sender.tenant}).first() is None:
        raise NotFound("The tenant of this token is not here.")
    if sender.sites is None:
        return
    rows = batch.rows.to_pylist()
    if _named(rows, _written_as(SITE, batch.rows.column_names)) - sender.sites:
        raise NotFound("An event names a site that is not here.")


def _reasons(connection: "Connection") -> list[dict[str, Any]]:
    from sqlalchemy import text

    refused = connection.execute(
        text("select row_number, column_name, reason from staged_quarantine order by row_number limit :most"),
        {"most": MOST_REASONS},
    )
    return [{"event": number, "column": column, "reason": reason} for number, column, reason in refused]
