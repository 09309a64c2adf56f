"""Events in: batches from phones and other systems, through the same door as files."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request

from api.auth import Principal
from api.declared import batch_schema
from api.problems import responses
from api.receiving import Parcel, Sender, admitted, batch_of, body_of, count_received, document_of, parcel_of
from noc_platform.errors import BadInput
from noc_platform.settings import DoorPolicy, Settings
from noc_platform.streams.catalogue import EVENT_STREAMS, stream_called
from noc_platform.streams.declaration import Stream

if TYPE_CHECKING:
    from noc_platform.store.sessions import Database
    from noc_platform.streams.files import Row

router = APIRouter(prefix="/api/v2/noc/telemetry", tags=["telemetry"])
StreamName = Annotated[str | None, Query(alias="stream", description="The stream, for a body of NDJSON.")]
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
MOST_EVENTS = 10_000


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
    sent = Sent(await body_of(request), _is_lines(request), stream)
    ready = await request.app.state.backend.ready()
    async with request.app.state.ingesting:
        answer = await asyncio.to_thread(_received, ready.server.api, sent, sender, settings)
    count_received(answer)
    return {"status": "success", "data": answer}


def _is_lines(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() in NDJSON


def _received(database: "Database", sent: Sent, sender: Principal, settings: Settings) -> dict[str, Any]:
    """What became of the batch, in one transaction."""
    parcel = _lines(sent, settings.door_policy) if sent.is_lines else _document(sent)
    batch = batch_of(parcel, sender.tenant, MOST_EVENTS)
    with database.transaction(sender.tenant) as connection:
        return admitted(connection, parcel, batch, sender, settings)


def _document(sent: Sent) -> Parcel:
    document = document_of(sent.body)
    if (
        not isinstance(document, dict)
        or not isinstance(document.get("events"), list)
        or not isinstance(document.get("stream"), str)
    ):
        raise BadInput('Send {"stream": "…", "events": [{…}, …]}, or NDJSON with ?stream=….')
    return parcel_of(sent.body, _event_stream(document["stream"]), document["events"])


def _lines(sent: Sent, policy: DoorPolicy) -> Parcel:
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
    return Parcel(sent.body, stream, rows, numbers, malformed)


def _event_stream(name: str) -> Stream:
    stream = stream_called(name)
    if stream not in EVENT_STREAMS:
        raise BadInput(
            f"{name} is reference data, which comes by noc ingest; events are of "
            f"{', '.join(known.name for known in EVENT_STREAMS)}."
        )
    return stream
