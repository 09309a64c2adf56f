"""People's say in a finding: acknowledged, resolved, a false positive; and verdicts that come by file or API.

Whichever way it comes, a verdict is an event of the stream `verdicts`, let in by the door, and what it does to the
finding is `apply_verdicts`: the latest `occurred_at` counts, in whatever order they arrive. Inside the caller's
transaction. Elsewhere: how findings come to be (`lifecycle`), what verdicts teach the limits (the baselines).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from noc_platform.errors import Conflict, NotFound
from noc_platform.findings.vocabulary import OPEN, Status
from noc_platform.journal.identities import identity_called
from noc_platform.journal.ledger import PLATFORM, Action, Decision, Said, Subject, enter
from noc_platform.settings import DoorPolicy
from noc_platform.streams.catalogue import CONFIRMED, FALSE_POSITIVE, UNDECIDED
from noc_platform.streams.opinions import IDENTITY, Opinion, give

SUBJECT_KIND = "FINDING"
# What each verdict does to the ledger. As to the finding: a false positive makes it one, any other resolves it.
ACTIONS = {CONFIRMED: Action.CONFIRMED, FALSE_POSITIVE: Action.FALSE_POSITIVE, UNDECIDED: Action.RESOLVED}
WAYS = {
    Status.NEW: "acknowledge it, resolve it, or call it a false positive",
    Status.ACKNOWLEDGED: "resolve it, or call it a false positive",
    Status.IN_PROGRESS: "resolve it, or call it a false positive",
    Status.RESOLVED: "call it a false positive, if it was one",
    Status.FALSE_POSITIVE: "nothing; a later verdict in the stream verdicts overrules it",
    Status.SUPPRESSED: "nothing",
}


@dataclass(frozen=True)
class Applied:
    """Verdicts that were read: those about findings that are here, and those about none."""

    known: int
    unknown: int


def acknowledge(connection: Connection, finding_id: str | UUID, said: Said) -> None:
    """Somebody has taken notice of a finding, and judges nothing yet.

    Raises `NotFound`, and `Conflict` unless it is NEW.
    """
    held = _held(connection, finding_id)
    _demand(held, "acknowledged", {Status.NEW})
    connection.execute(
        text(
            f"""update noc_audit_finding
                set status = '{Status.ACKNOWLEDGED}', acknowledged_at = :at, acknowledged_by = :by, updated_at = :at
                where finding_id = :finding"""
        ),
        {"at": said.at, "by": said.by, "finding": held.finding_id},
    )
    made = Decision(
        held.tenant_id, Subject.FINDING, str(held.finding_id), Action.ACKNOWLEDGED, "person", said.why, said.at, said.by
    )
    enter(connection, [made])


def resolve(
    connection: Connection,
    finding_id: str | UUID,
    said: Said,
    door: DoorPolicy,
    received_at: datetime,
    is_confirmed: bool = True,
) -> None:
    """It was as the finding says, and is over; without `is_confirmed`, it is over and nobody could tell.

    What the platform closed by itself can still be confirmed: else only false positives would be told of it. Raises
    `NotFound`, and `Conflict` when a person has closed it. `received_at` (UTC) is the moment now.
    """
    held = _held(connection, finding_id)
    closed_itself = held.resolved_by == PLATFORM and held.adjudicated_at is None
    _demand(held, "resolved", OPEN | ({Status.RESOLVED} if closed_itself else set()))
    _admit(connection, held, CONFIRMED if is_confirmed else UNDECIDED, said, door, received_at)


def mark_false_positive(
    connection: Connection, finding_id: str | UUID, said: Said, door: DoorPolicy, received_at: datetime
) -> None:
    """There was nothing; also said late, of a finding that was resolved.

    Raises `NotFound`, and `Conflict` when it is a false positive already. `received_at` (UTC) is the moment now.
    """
    held = _held(connection, finding_id)
    _demand(held, "a false positive", OPEN | {Status.RESOLVED})
    if held.adjudicated_at is not None and held.adjudicated_at >= said.at:
        raise Conflict(
            f"{held.adjudicated_by} gave a verdict on finding {held.finding_id} at {held.adjudicated_at:%F %T} UTC, "
            "not before this one; the latest counts. Leave out the moment to say it as of now."
        )
    _admit(connection, held, FALSE_POSITIVE, said, door, received_at)


def apply_verdicts(connection: Connection, since: datetime) -> Applied:
    """Let the verdicts received since then (UTC) tell on their findings. Doing it again changes nothing.

    The latest verdict says what a finding is, the earliest when it was closed; each leaves a decision. Verdicts about
    findings that are not here are counted, and do nothing.
    """
    return _apply(connection, "received_at >= :since", since=since)


def _held(connection: Connection, finding_id: str | UUID) -> Row[Any]:
    """The finding, locked until the transaction ends, so that what is checked still holds when it is changed."""
    row = None
    if (known := identity_called(finding_id)) is not None:
        question = "select * from noc_audit_finding where finding_id = :finding for update"
        row = connection.execute(text(question), {"finding": known}).one_or_none()
    if row is None:
        raise NotFound(f"No finding is called {finding_id}; `noc findings` lists them.")
    return row


def _demand(held: Row[Any], wanted: str, allowed: Collection[Status]) -> None:
    status = Status(held.status)
    if status in allowed:
        return
    since = f" since {held.resolved_at:%F %T} UTC, by {held.resolved_by}" if held.resolved_at else ""
    raise Conflict(
        f"Finding {held.finding_id} is {status}{since}, and cannot be {wanted} now. "
        f"What can be done: {WAYS[status]}. Its history: noc explain finding {held.finding_id}"
    )


def _admit(
    connection: Connection, held: Row[Any], verdict: str, said: Said, door: DoorPolicy, received_at: datetime
) -> None:
    """Let a verdict in by the door and apply it. Raises `BadInput` with the door's reason for one that does not fit."""
    opinion = Opinion(
        held.tenant_id, SUBJECT_KIND, held.finding_id, verdict, said.by, said.why, said.at, held.person_id, held.site_id
    )
    event = give(connection, opinion, "noc finding", door, received_at)
    _apply(connection, "tenant_id = :tenant and event_id = :event", tenant=held.tenant_id, event=event)


def _apply(connection: Connection, which: str, **values: object) -> Applied:
    connection.execute(text("drop table if exists pg_temp.said"))
    connection.execute(
        text(
            f"""create temp table said on commit drop as
                select v.event_id, v.tenant_id, v.occurred_at, v.verdict, v.reviewer_id, v.note, v.finding_id,
                       f.finding_type, f.finding_id is not null as is_known
                from (select *, case when lower(subject_id) ~ '{IDENTITY}' then subject_id::uuid end as finding_id
                      from noc_verdict where subject_kind = '{SUBJECT_KIND}' and {which}) v
                left join noc_audit_finding f on f.finding_id = v.finding_id and f.tenant_id = v.tenant_id"""
        ),
        values,
    )
    connection.execute(text(_HOLD))
    connection.execute(text(_LATEST_COUNTS))
    connection.execute(text(_EARLIEST_CLOSES))
    rows = connection.execute(text("select * from said order by occurred_at, event_id")).all()
    known = [row for row in rows if row.is_known]
    enter(connection, map(_decision, known))
    return Applied(len(known), len(rows) - len(known))


# In one order, whoever asks, so that no two wait for each other.
_HOLD = """
    select finding_id from noc_audit_finding where finding_id in (select finding_id from said where is_known)
    order by finding_id for update
"""
_LATEST_COUNTS = f"""
    update noc_audit_finding f set
        status = case verdict when '{FALSE_POSITIVE}' then '{Status.FALSE_POSITIVE}' else '{Status.RESOLVED}' end,
        is_false_positive = case verdict when '{FALSE_POSITIVE}' then true when '{CONFIRMED}' then false end,
        adjudicated_at = last.occurred_at, adjudicated_by = last.reviewer_id, verdict_id = last.event_id,
        resolution_notes = last.note,
        resolved_at = coalesce(f.resolved_at, last.occurred_at),
        resolved_by = coalesce(f.resolved_by, last.reviewer_id),
        updated_at = greatest(f.updated_at, last.occurred_at)
    from (select distinct on (finding_id) * from said where is_known
          order by finding_id, occurred_at desc, event_id desc) last
    where f.finding_id = last.finding_id
      and (f.adjudicated_at is null or (last.occurred_at, last.event_id) > (f.adjudicated_at, f.verdict_id))
"""
_EARLIEST_CLOSES = """
    update noc_audit_finding f set resolved_at = first.occurred_at, resolved_by = first.reviewer_id
    from (select distinct on (finding_id) * from said where is_known
          order by finding_id, occurred_at, reviewer_id) first
    where f.finding_id = first.finding_id
      and (first.occurred_at, first.reviewer_id) < (f.resolved_at, f.resolved_by)
"""


def _decision(row: Row[Any]) -> Decision:
    return Decision(
        row.tenant_id,
        Subject.FINDING,
        str(row.finding_id),
        ACTIONS[row.verdict],
        rule="verdict",
        reason=row.note or "No reason was given.",
        made_at=row.occurred_at,
        made_by=row.reviewer_id,
        inputs={"verdict": row.verdict, "event_id": row.event_id},
        key=str(row.event_id),
    )
