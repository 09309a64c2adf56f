"""Events in: batches from phones and other systems, through the same door as files."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from api.auth import Capability, Principal, requires
from api.declared import batch_schema
from api.metrics import EVENTS_INGESTED
from api.problems import TooLarge, responses
from noc_platform.errors import BadInput, NotFound
from noc_platform.streams.catalogue import EVENT_STREAMS, stream_called
from noc_platform.streams.declaration import Stream

router = APIRouter(prefix="/api/v2/noc/telemetry", tags=["telemetry"])
Sender = Annotated[Principal, Depends(requires(Capability.INGEST))]
MOST_EVENTS = 10_000
MOST_REASONS = 100


@router.post("/events/", responses=responses(404, 413), openapi_extra=batch_schema())
@router.post("/events", include_in_schema=False)
async def receive_events(request: Request, sender: Sender) -> dict[str, Any]:
    """Let a batch in: all of it is judged, each row accepted, known already, or quarantined with its reason.

    Sending a batch again changes nothing.
    """
    body = await _body(request, request.app.state.settings.api_longest_body_bytes)
    stream, events = _batch(body, sender.tenant)
    ready = await request.app.state.backend.ready()
    answer = await asyncio.to_thread(_admit, ready, request.app.state.settings, stream, events, body, sender.tenant)
    for result in ("accepted", "duplicate", "quarantined"):
        EVENTS_INGESTED.labels(stream.name, result).inc(answer[result])
    return {"status": "success", "data": answer}


async def _body(request: Request, longest: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > longest:
            raise TooLarge(f"A batch may have {longest:,} bytes; send it in parts.")
    return bytes(body)


def _batch(body: bytes, tenant: str) -> tuple[Stream, list[dict[str, Any]]]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The body is not JSON: {error}") from error
    if (
        not isinstance(document, dict)
        or not isinstance(document.get("events"), list)
        or not isinstance(document.get("stream"), str)
    ):
        raise BadInput('Send {"stream": "…", "events": [{…}, …]}.')
    stream = stream_called(document["stream"])
    if stream not in EVENT_STREAMS:
        raise BadInput(f"{stream.name} is reference data; it comes by noc ingest.")
    events = document["events"]
    if not 1 <= len(events) <= MOST_EVENTS:
        raise BadInput(f"A batch has 1 to {MOST_EVENTS:,} events, not {len(events):,}.")
    if not all(isinstance(event, dict) for event in events):
        raise BadInput("Each event is an object.")
    if any(event.get("tenant_id", tenant) != tenant for event in events):
        raise NotFound("An event names a tenant that is not here.")
    return stream, events


def _admit(
    ready: Any, settings: Any, stream: Stream, events: list[dict[str, Any]], body: bytes, tenant: str
) -> dict[str, Any]:
    from sqlalchemy import text

    from noc_platform.streams.door import Batch, Source, admit
    from noc_platform.streams.files import RawBatch, text_of, text_table

    # The platform stamps when it knew; a sender may not.
    rows = [{name: text_of(value) for name, value in event.items() if name != "received_at"} for event in events]
    raw = RawBatch(text_table(rows, list(range(1, len(rows) + 1))))
    source = Source("api", hashlib.sha256(tenant.encode() + body).hexdigest())
    with ready.server.api.transaction(tenant) as connection:
        receipt = admit(
            connection, stream, [Batch(raw.rows, raw)], source, settings.door_policy, datetime.now(UTC), tenant
        )
        refused = connection.execute(
            text("select row_number, column_name, reason from staged_quarantine order by row_number limit :most"),
            {"most": MOST_REASONS},
        ).mappings()
        reasons = [
            {"event": row["row_number"], "column": row["column_name"], "reason": row["reason"]} for row in refused
        ]
    return {
        "read": receipt.read,
        "accepted": receipt.accepted,
        "duplicate": receipt.duplicate,
        "quarantined": receipt.quarantined,
        "reasons": reasons,
    }
