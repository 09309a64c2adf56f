"""What a person says of a thing, let in by the door as an event of the stream `verdicts` like any that comes by file.

Elsewhere: what it changes, which is each domain's own.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_OID, UUID, uuid5

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
    """What somebody says of one thing, why, and when (UTC).

    `selection` is why it was looked at, `selection_probability` the chance with which it came to be, where it is known;
    `fraud_kind` which fraud was seen, where one was.
    """

    tenant_id: str
    subject_kind: str
    subject_id: UUID | str
    verdict: str
    said_by: str
    note: str
    said_at: datetime
    person_id: str | None = None
    site_id: str | None = None
    selection: str = FLAGGED
    selection_probability: float | None = None
    fraud_kind: str | None = None


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
        "selection": opinion.selection,
        "note": opinion.note,
        # Left out where nothing is said, so that words said before there were these are the same event still.
        **({} if opinion.selection_probability is None else {"selection_probability": opinion.selection_probability}),
        **({} if opinion.fraud_kind is None else {"fraud_kind": opinion.fraud_kind}),
    }
    written = repr(sorted(row.items(), key=lambda named: named[0]))
    event = uuid5(_space(opinion), written)
    rows = text_table([{name: text_of(value) for name, value in {**row, "event_id": str(event)}.items()}], [1])
    batch = Batch(rows, RawBatch(rows))
    receipt = admit(connection, VERDICTS, [batch], Source(source, written), door, received_at, opinion.tenant_id)
    if receipt.quarantined:
        refused = connection.execute(text("select column_name, reason from staged_quarantine")).one()
        raise BadInput(f"The verdict does not fit: {refused.column_name or 'the row'}: {refused.reason}.")
    return event


def _space(opinion: Opinion) -> UUID:
    """Where the identities of what is said of a thing are: the thing's own, or one made of the name it has there."""
    if isinstance(opinion.subject_id, UUID):
        return opinion.subject_id
    return uuid5(NAMESPACE_OID, repr((opinion.tenant_id, opinion.subject_kind, opinion.subject_id)))
