"""What is sent in: bodies within bounds, events as JSON spells them, and one batch through the door.

The one way in of every route that takes events. Elsewhere: how each route wants them written (`routes.events`,
`routes.security`), the door itself (`noc_platform.streams.door`).
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request

from api.auth import Capability, Principal, requires
from api.metrics import EVENTS_INGESTED
from api.problems import TooLarge
from noc_platform.errors import BadInput, NotFound
from noc_platform.settings import Settings
from noc_platform.streams.catalogue import SITE
from noc_platform.streams.declaration import RECEIVED_AT, SENTINELS, TENANT, Column, Stream

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from noc_platform.streams.door import Batch
    from noc_platform.streams.files import Malformed, Row

Sender = Annotated[Principal, Depends(requires(Capability.INGEST))]
MOST_REASONS = 100
MOST_NAMES = 200
# Batches are checked in threads; more at a time would only queue for the processor and hold their bodies in memory.
AT_A_TIME = 4


@dataclass(frozen=True)
class Parcel:
    """Events of one stream as they were sent: the bytes, the rows in them with their numbers, and lines that are none.

    Numbers begin at 1.
    """

    body: bytes
    stream: Stream
    rows: "list[Row]"
    numbers: Sequence[int]
    malformed: "list[Malformed]" = field(default_factory=list)


async def body_of(request: Request) -> bytes:
    """The body of a request. Raises `TooLarge` before more of it is held than settings allow."""
    longest: int = request.app.state.settings.api_longest_body_bytes
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


def document_of(body: bytes) -> Any:
    """The JSON a body is. Raises `BadInput`."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The body is not JSON: {error}") from error


def parcel_of(body: bytes, stream: Stream, events: list[Any]) -> Parcel:
    """The events of a JSON document. Raises `BadInput` where one is no object."""
    from noc_platform.streams.files import row_of

    if not all(isinstance(event, dict) for event in events):
        raise BadInput("Each event is an object.")
    return Parcel(body, stream, [row_of(event) for event in events], range(1, len(events) + 1))


def batch_of(parcel: Parcel, tenant: str, most: int) -> "Batch":
    """The parcel as the door takes it. Raises `BadInput` for none or too many events, `NotFound` for other tenants'."""
    from noc_platform.streams.door import Batch
    from noc_platform.streams.files import RawBatch, text_table

    # The door reads names in any case, and Arrow would hold two columns where an event spells one in two ways.
    rows = [{name.casefold(): value for name, value in row.items()} for row in parcel.rows]
    if not 1 <= len(rows) + len(parcel.malformed) <= most:
        raise BadInput(f"A batch has 1 to {most:,} events, not {len(rows) + len(parcel.malformed):,}.")
    names = {name for row in rows for name in row}
    if len(names) > MOST_NAMES:
        raise BadInput(
            f"The events name {len(names):,} different columns; {parcel.stream.name} has {len(parcel.stream.names)}."
        )
    if _named(rows, _written_as(TENANT, names)) - {tenant}:
        raise NotFound("An event names a tenant that is not here.")
    # When we knew is ours to say: a sender who could say it could rewrite what was known when.
    stamped = _written_as(RECEIVED_AT, names)
    kept = [{name: value for name, value in row.items() if name not in stamped} for row in rows]
    raw = RawBatch(text_table(kept, list(parcel.numbers)), parcel.malformed)
    return Batch(raw.rows, raw)


def admitted(
    connection: "Connection", parcel: Parcel, batch: "Batch", sender: Principal, settings: Settings
) -> dict[str, Any]:
    """What became of the batch, in the sender's own transaction: how many of each, and why rows were refused.

    Raises `NotFound` for a tenant that is not there, and for sites the sender's token is not for.
    """
    from noc_platform.lake.archive import identities
    from noc_platform.lake.layout import Lake
    from noc_platform.streams.door import Source, admit

    _refuse_strangers(connection, sender, batch)
    # The tenant and the stream are part of it: the same bytes from somebody else are another batch.
    parts = (sender.tenant.encode(), parcel.stream.name.encode(), parcel.body)
    source = Source("api", hashlib.sha256(b"\0".join(parts)).hexdigest())
    history, now = partial(identities, Lake(settings.lake)), datetime.now(UTC)
    receipt = admit(
        connection, parcel.stream, [batch], source, settings.door_policy, now, sender.tenant, history=history
    )
    return {"stream": parcel.stream.name, **asdict(receipt), "reasons": _reasons(connection)}


def count_received(answer: dict[str, Any]) -> None:
    """Count what became of a batch that was committed."""
    for result in ("accepted", "duplicate", "quarantined"):
        EVENTS_INGESTED.labels(answer["stream"], result).inc(answer[result])


def _named(rows: "list[Row]", columns: set[str]) -> set[str]:
    """What the rows say in these columns, without what only says "not known"."""
    said = {(row.get(column) or "").strip() for row in rows for column in columns}
    return {value for value in said if value.casefold() not in SENTINELS}


def _written_as(column: Column, names: Iterable[str]) -> set[str]:
    """Those of `names` the door would read as this column."""
    return {name.casefold() for name in (column.name, *column.also_known_as)} & set(names)


def _refuse_strangers(connection: "Connection", sender: Principal, batch: "Batch") -> None:
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
