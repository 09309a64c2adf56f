"""What a person says of a thing, let in by the door as an event of the stream `verdicts` like any that comes by file.

Elsewhere: what it changes, which is each domain's own.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import Connection, text

from noc_platform.errors import BadInput
from noc_platform.settings import DoorPolicy
from noc_platform.streams.catalogue import FLAGGED, VERDICTS
from noc_platform.streams.door import Batch, Source, admit
from noc_platform.streams.files import RawBatch, text_of, text_table

# How an identity is written as the subject of a verdict, for PostgreSQL to match; in lower case.
IDENTITY = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


@dataclass(frozen=True)
class Opinion:
    """What somebody says of one thing, why, and when (UTC)."""

    tenant_id: str
    subject_kind: str
    subject_id: UUID
    verdict: str
    said_by: str
    note: str
    said_at: datetime
    person_id: str | None = None
    site_id: str | None = None


def give(connection: Connection, opinion: Opinion, source: str, door: DoorPolicy, received_at: datetime) -> UUID:
    """Let an opinion in; gives its event. The same words about the same thing are one event, however often they are
    given.

    `source` is what it came by, `received_at` (UTC) the moment now. Raises `BadInput` with the door's reason for one
    that does not fit.
    """
    row = {
        "occurred_at": opinion.said_at.isoformat(),
        "subject_kind": opinion.subject_kind,
        "subject_id": str(opinion.subject_id),
        "verdict": opinion.verdict,
        "person_id": opinion.person_id,
        "site_id": opinion.site_id,
        "reviewer_id": opinion.said_by,
        "selection": FLAGGED,
        "note": opinion.note,
    }
    written = repr(sorted(row.items(), key=lambda named: named[0]))
    event = uuid5(opinion.subject_id, written)
    rows = text_table([{name: text_of(value) for name, value in {**row, "event_id": str(event)}.items()}], [1])
    batch = Batch(rows, RawBatch(rows))
    receipt = admit(connection, VERDICTS, [batch], Source(source, written), door, received_at, opinion.tenant_id)
    if receipt.quarantined:
        refused = connection.execute(text("select column_name, reason from staged_quarantine")).one()
        raise BadInput(f"The verdict does not fit: {refused.column_name or 'the row'}: {refused.reason}.")
    return event
