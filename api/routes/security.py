"""Fraud: attendances scored as they come in."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request

from api.auth import Principal
from api.backend import Ready
from api.declared import scored_answer, scored_batch
from api.predictions import Predicted, count_predictions, predict, told
from api.problems import responses
from api.receiving import Parcel, Sender, admitted, batch_of, body_of, count_received, document_of, parcel_of
from noc_platform.errors import BadInput
from noc_platform.settings import Settings
from noc_platform.streams.catalogue import ATTENDANCE_EVENTS

router = APIRouter(prefix="/api/v2/noc/security", tags=["security"])
# Somebody waits for the answer, and each event is asked about by itself.
MOST_EVENTS = 100


@router.post(
    "/attendance-events/", responses={**responses(404, 413), **scored_answer()}, openapi_extra=scored_batch(MOST_EVENTS)
)
@router.post("/attendance-events", include_in_schema=False)
async def score_attendance_events(request: Request, sender: Sender) -> dict[str, Any]:
    """Let attendances in by the same door as any event, and say at once how likely each is fraud, and why.

    An event that was scored before keeps its score: sending it again gives what was said the first time. At most 100
    events; `received_at` is ours to say and ignored.
    """
    body = await body_of(request)
    ready = await request.app.state.backend.ready()
    async with request.app.state.ingesting:
        answer, predicted = await asyncio.to_thread(_scored, ready, body, sender, request.app.state.settings)
    count_received(answer)
    count_predictions(predicted)
    return {"status": "success", "data": {**answer, **told(predicted, sender)}}


def _scored(ready: Ready, body: bytes, sender: Principal, settings: Settings) -> tuple[dict[str, Any], Predicted]:
    """What became of the batch and what is said of it, in one transaction."""
    parcel = _parcel(body)
    batch = batch_of(parcel, sender.tenant, MOST_EVENTS)
    with ready.server.api.transaction(sender.tenant) as connection:
        answer = admitted(connection, parcel, batch, sender, settings)
        return answer, predict(connection, ready.desk, sender.tenant)


def _parcel(body: bytes) -> Parcel:
    document = document_of(body)
    if not isinstance(document, dict):
        raise BadInput('Send {"event": {…}} or {"events": [{…}, …]}.')
    stream = document.get("stream", ATTENDANCE_EVENTS.name)
    if stream != ATTENDANCE_EVENTS.name:
        raise BadInput(
            f"Only {ATTENDANCE_EVENTS.name} are scored; send events of other streams to /api/v2/noc/telemetry/events/."
        )
    if ("event" in document) == ("events" in document):
        raise BadInput('Send either {"event": {…}} or {"events": [{…}, …]}.')
    events = [document["event"]] if "event" in document else document["events"]
    if not isinstance(events, list):
        raise BadInput('"events" is a list of objects; one event alone goes as {"event": {…}}.')
    return parcel_of(body, ATTENDANCE_EVENTS, events)
