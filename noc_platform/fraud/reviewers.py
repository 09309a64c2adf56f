"""What people are asked to look at, and what they say of it: a verdict on an attendance, by the door like any.

Elsewhere: which they are asked to look at (`review`), what verdicts come to (`labels`).
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from noc_platform.errors import BadInput, NotFound
from noc_platform.fraud.labels import ATTENDANCE
from noc_platform.journal.ledger import PLATFORM, Said
from noc_platform.settings import DoorPolicy
from noc_platform.streams.catalogue import ATTENDANCE_EVENTS, CONFIRMED, RANDOM, REPORTED, VERDICTS
from noc_platform.streams.opinions import Opinion, give


@dataclass(frozen=True)
class Due:
    """An attendance people are still asked to look at; `fraud_score` is in hundredths, moments are UTC."""

    attendance_id: str
    person_id: str
    site_id: str | None
    happened_at: datetime
    fraud_score: int
    selection: str
    selected_at: datetime


def opinion_on(
    connection: Connection, tenant: str, attendance_id: str, verdict: str, said: Said, door: DoorPolicy,
    received_at: datetime, fraud_kind: str | None = None,
) -> UUID:  # fmt: skip
    """Let somebody's verdict on an attendance in; gives its event, the same for the same words.

    It carries why people were asked to look: FLAGGED or RANDOM, with that chance. Where they were not asked, somebody
    told, and it counts in no estimate. `received_at` (UTC) is the moment now. Raises `NotFound` for an attendance
    nothing is known of, and `BadInput` for what does not fit.
    """
    if fraud_kind is not None and verdict != CONFIRMED:
        raise BadInput(f"A kind of fraud is said of what is {CONFIRMED}, not of what is {verdict}.")
    asked = {"tenant": tenant, "attendance": attendance_id}
    known = connection.execute(text(_SCORED), asked).first() or connection.execute(text(_REPORTED), asked).first()
    if known is None:
        raise NotFound(f"No attendance of {tenant} is called {attendance_id}; noc fraud reviews lists what to look at.")
    held = connection.execute(text(_ASKED), asked).first()
    opinion = Opinion(
        tenant, ATTENDANCE, attendance_id, verdict, said.by, said.why, said.at, known.person_id, known.site_id,
        selection=REPORTED if held is None else held.selection,
        selection_probability=None if held is None else held.selection_probability,
        fraud_kind=fraud_kind,
    )  # fmt: skip
    return give(connection, opinion, "noc fraud review", door, received_at)


def reviews_due(
    connection: Connection, tenant: str, limit: int, since: datetime | None = None
) -> list[Due]:  # fmt: skip
    """Attendances of a tenant that were chosen since then (UTC) and that nobody has judged yet, at most `limit`.

    Turn and turn about, one that chance chose and one that was flagged, so that however few are looked at both are.
    Flagged ones come by score, the highest first. Those of chance must all be done for their chance to hold, and come
    the oldest first, in an order that knows nothing of their score.
    """
    asked = {"tenant": tenant, "limit": limit, "since": since}
    return [Due(*row) for row in connection.execute(text(_DUE), asked)]


_OF_IT = "where tenant_id = :tenant and attendance_id = :attendance"
_SCORED = f"select person_id, site_id from noc_fraud_prediction {_OF_IT} order by happened_at desc, event_id limit 1"
_REPORTED = f"select person_id, site_id from {ATTENDANCE_EVENTS.table} {_OF_IT} order by received_at desc limit 1"
_ASKED = f"select selection, selection_probability from noc_fraud_review {_OF_IT}"
_DUE = f"""
    select attendance_id, person_id, site_id, happened_at, fraud_score, selection, selected_at from (
        select r.attendance_id, p.person_id, p.site_id, p.happened_at, r.fraud_score, r.selection, r.selected_at,
            row_number() over (partition by r.selection order by
                case when r.selection = '{RANDOM}' then r.selected_at end,
                case when r.selection = '{RANDOM}' then md5(r.attendance_id) end,
                r.fraud_score desc, r.selected_at, r.attendance_id) as turn
        from noc_fraud_review r
        join noc_fraud_prediction p
            on p.tenant_id = r.tenant_id and p.event_id = r.event_id and not p.is_shadow
        where r.tenant_id = :tenant
            and (cast(:since as timestamptz) is null or r.selected_at >= :since)
            and not exists (select from {VERDICTS.table} v where v.tenant_id = r.tenant_id
                and v.subject_kind = '{ATTENDANCE}' and v.subject_id = r.attendance_id
                and v.reviewer_id <> '{PLATFORM}')) due
    order by turn, selection = '{RANDOM}' desc limit :limit
"""
