"""People's say in an incident: acknowledged, investigated, merged, split, related to a past one; and verdicts by file.

An investigation ends in a verdict, an event of the stream `verdicts` let in by the door; what verdicts do to incidents
is `apply_verdicts`, in whatever order they arrive. Inside the caller's transaction, each with its decision.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Row, text

from noc_platform.correlation.keeping import absorb, link
from noc_platform.correlation.members import Members, members_of, restate
from noc_platform.correlation.vocabulary import LinkKind
from noc_platform.errors import BadInput, Conflict, NotFound
from noc_platform.journal.identities import identity_called
from noc_platform.journal.ledger import Action, Decision, Said, Subject, enter
from noc_platform.settings import DoorPolicy
from noc_platform.streams.catalogue import CONFIRMED, FALSE_POSITIVE, UNDECIDED
from noc_platform.streams.opinions import IDENTITY, Opinion, give

SUBJECT_KIND = "INCIDENT"
ACTIONS = {CONFIRMED: Action.INVESTIGATED, FALSE_POSITIVE: Action.FALSE_POSITIVE, UNDECIDED: Action.INVESTIGATED}


@dataclass(frozen=True)
class Applied:
    """Verdicts that were read: those about incidents that are here, and those about none."""

    known: int
    unknown: int


def acknowledge(connection: Connection, incident_id: str | UUID, said: Said) -> None:
    """Somebody has taken notice of an incident, and concludes nothing yet.

    Raises `NotFound`, and `Conflict` when somebody has before, or it is not open.
    """
    held = _open(connection, incident_id, "acknowledged")
    if held.acknowledged_at is not None:
        raise Conflict(
            f"{held.acknowledged_by} has acknowledged incident {held.incident_id} at {held.acknowledged_at:%F %T} UTC; "
            "investigate it next."
        )
    statement = """update noc_correlated_incident set acknowledged_at = :at, acknowledged_by = :by, updated_at = :at
                   where incident_id = :incident"""
    connection.execute(text(statement), {"at": said.at, "by": said.by, "incident": held.incident_id})
    enter(connection, [_decision(held, Action.ACKNOWLEDGED, said)])


def investigate(
    connection: Connection, incident_id: str | UUID, said: Said, door: DoorPolicy, received_at: datetime,
    verdict: str = CONFIRMED, root_cause: str = "",
) -> None:  # fmt: skip
    """Somebody has looked into an incident and closes it: it was so, it was nothing (`FALSE_POSITIVE`), or nobody could
    tell (`UNDECIDED`); `said.why` are the notes. A root cause that is given is identified.

    What goes on afterwards is an incident of its own that follows it. Raises `NotFound`, `Conflict` when it is not
    open, and `BadInput` for what the door refuses. `received_at` (UTC) is the moment now.
    """
    held = _open(connection, incident_id, "investigated")
    opinion = Opinion(
        held.tenant_id, SUBJECT_KIND, held.incident_id, verdict, said.by, said.why, said.at, held.person_id,
        held.site_id,
    )  # fmt: skip
    event = give(connection, opinion, "noc incident", door, received_at)
    _apply(connection, "tenant_id = :tenant and event_id = :event", tenant=held.tenant_id, event=event)
    if root_cause.strip():
        identify_root_cause(connection, held.incident_id, root_cause, said)


def identify_root_cause(connection: Connection, incident_id: str | UUID, root_cause: str, said: Said) -> None:
    """Say what was behind an incident, also after it was investigated. Raises `NotFound`, `Conflict` when it is part of
    another, and `BadInput` for nothing said."""
    held = _held(connection, incident_id)
    _demand_own(held, "explained")
    if not root_cause.strip():
        raise BadInput("Say what the root cause was, in a word at least.")
    statement = """update noc_correlated_incident set root_cause_identified = true, root_cause_description = :cause,
                   updated_at = :at where incident_id = :incident"""
    values = {"cause": root_cause.strip(), "at": said.at, "incident": held.incident_id}
    connection.execute(text(statement), values)
    enter(connection, [_decision(held, Action.ROOT_CAUSE, said, root_cause=root_cause.strip())])


def merge(connection: Connection, incident_id: str | UUID, other_id: str | UUID, said: Said) -> None:
    """Both are one story: the first goes on, the other is part of it from now on.

    Raises `NotFound`, and `Conflict` unless both are open and of one tenant.
    """
    held, other = _both(connection, incident_id, other_id)
    for each in (held, other):
        _demand_open(each, "merged")
    absorb(connection, [(held.incident_id, other.incident_id)], said.at)
    _tie(connection, held, other, LinkKind.MERGED_FROM, said)
    restate(connection, [held.incident_id], said.at)
    enter(
        connection,
        [
            _decision(held, Action.MERGED, said, merged_from=other.incident_id),
            _decision(other, Action.MERGED, said, merged_into=held.incident_id),
        ],
    )


def split(
    connection: Connection, incident_id: str | UUID, said: Said, people: Collection[str] = (),
    after: datetime | None = None,
) -> UUID:  # fmt: skip
    """Take a part of an incident out into one of its own, which is given: what concerns these people, or what came
    after a moment (UTC), or both.

    What was taken apart stays apart, whatever comes later. Raises `NotFound`, `Conflict` when it is not open, and
    `BadInput` unless signals and alerts are left on both sides.
    """
    held = _open(connection, incident_id, "split")
    members = members_of(connection, [held.incident_id])[held.incident_id]
    taken = _part(members, people, after)
    rest = Members(
        [each for each in members.signals if each not in taken.signals],
        [each for each in members.alarms if each not in taken.alarms],
    )
    if not all((taken.signals, taken.alarms, rest.signals, rest.alarms)):
        raise BadInput(
            "Both sides of a split need signals and alerts of their own; "
            f"noc explain incident {held.incident_id} shows whose there are, and when."
        )
    new = uuid4()
    values = {
        "incident": held.incident_id, "new": new, "at": said.at,
        "people": [each.person_id for each in taken.signals],
        "ends": [each.window_end for each in taken.signals],
        "events": [each.event_id for each in taken.alarms],
    }  # fmt: skip
    for statement in _SPLIT:
        connection.execute(text(statement), values)
    made = _held(connection, new)
    _tie(connection, made, held, LinkKind.SPLIT_FROM, said)
    restate(connection, [held.incident_id, new], said.at)
    enter(
        connection,
        [
            _decision(held, Action.SPLIT, said, split_into=new),
            _decision(made, Action.SPLIT, said, split_from=held.incident_id),
        ],
    )
    return new


def relate(connection: Connection, incident_id: str | UUID, past_id: str | UUID, said: Said) -> None:
    """Note that an incident has to do with another, past or present. Raises `NotFound`, and `Conflict` for two tenants'
    or for one and the same."""
    held, other = _both(connection, incident_id, past_id)
    _tie(connection, held, other, LinkKind.RELATED, said)
    enter(connection, [_decision(held, Action.LINKED, said, related_to=other.incident_id)])


def apply_verdicts(connection: Connection, since: datetime) -> Applied:
    """Let the verdicts received since then (UTC) tell on their incidents. Doing it again changes nothing.

    The latest verdict says what an incident was, the earliest when it was investigated. Verdicts about incidents that
    are not here are counted, and do nothing.
    """
    return _apply(connection, "received_at >= :since", since=since)


_SPLIT = (
    """insert into noc_correlated_incident (incident_id, tenant_id, title, score_parts, correlation_window_minutes,
           related_alerts_count, people_count, started_at, ended_at, detected_at, created_at, updated_at)
       select :new, tenant_id, title, score_parts, correlation_window_minutes, 0, 0, started_at, ended_at, detected_at,
           :at, :at from noc_correlated_incident where incident_id = :incident""",
    """update noc_incident_signal s set incident_id = :new
       from unnest(cast(:people as text[]), cast(:ends as timestamptz[])) as taken(person_id, window_end)
       where s.incident_id = :incident and (s.person_id, s.window_end) = (taken.person_id, taken.window_end)""",
    "update noc_incident_alert set incident_id = :new where incident_id = :incident and event_id = any(:events)",
)


def _part(members: Members, people: Collection[str], after: datetime | None) -> Members:
    if not people and after is None:
        raise BadInput("Say what to take out: whose signals and alerts, or those after which moment.")

    def is_taken(person: str, at: datetime) -> bool:
        return (not people or person in people) and (after is None or at > after)

    signals = [each for each in members.signals if is_taken(each.person_id, each.window_end)]
    # An alert goes where the signals go that it matches.
    windows = {(each.person_id, each.window_end) for each in signals}
    alarms = [each for each in members.alarms if (each.matched_person_id, each.matched_window_end) in windows]
    return Members(signals, alarms)


def _held(connection: Connection, incident_id: str | UUID) -> Row[Any]:
    """The incident, locked until the transaction ends, so that what is checked still holds when it is changed."""
    row = None
    if (known := identity_called(incident_id)) is not None:
        question = "select * from noc_correlated_incident where incident_id = :incident for update"
        row = connection.execute(text(question), {"incident": known}).one_or_none()
    if row is None:
        raise NotFound(f"No incident is called {incident_id}; `noc incidents` lists them.")
    return row


def _both(connection: Connection, one: str | UUID, other: str | UUID) -> tuple[Row[Any], Row[Any]]:
    # In one order, whoever asks, so that no two wait for each other.
    found = {called: _held(connection, called) for called in sorted((one, other), key=lambda each: str(each).lower())}
    if found[one].incident_id == found[other].incident_id:
        raise Conflict(f"Incident {one} is one and the same; give another.")
    if found[one].tenant_id != found[other].tenant_id:
        raise Conflict(f"Incidents {one} and {other} are of two tenants, and have nothing to do with each other.")
    return found[one], found[other]


def _open(connection: Connection, incident_id: str | UUID, wanted: str) -> Row[Any]:
    held = _held(connection, incident_id)
    _demand_open(held, wanted)
    return held


def _demand_own(held: Row[Any], wanted: str) -> None:
    if held.merged_into is not None:
        raise Conflict(
            f"Incident {held.incident_id} is part of {held.merged_into} now, and cannot be {wanted} by itself; "
            f"do it to that one."
        )


def _demand_open(held: Row[Any], wanted: str) -> None:
    _demand_own(held, wanted)
    if held.investigated:
        raise Conflict(
            f"Incident {held.incident_id} was investigated by {held.investigated_by} at {held.investigated_at:%F %T} "
            f"UTC, and cannot be {wanted} now. Its history: noc explain incident {held.incident_id}"
        )


def _tie(connection: Connection, held: Row[Any], other: Row[Any], kind: LinkKind, said: Said) -> None:
    link(connection, [(held.tenant_id, held.incident_id, other.incident_id, kind, said.why)], said.at, said.by)


def _decision(held: Row[Any], action: Action, said: Said, **inputs: object) -> Decision:
    return Decision(
        held.tenant_id, Subject.INCIDENT, str(held.incident_id), action, "person", said.why, said.at, said.by, inputs
    )


def _apply(connection: Connection, which: str, **values: object) -> Applied:
    connection.execute(text("drop table if exists pg_temp.said"))
    connection.execute(
        text(
            f"""create temp table said on commit drop as
                select v.event_id, v.tenant_id, v.occurred_at, v.verdict, v.reviewer_id, v.note, v.incident_id,
                       i.incident_id is not null as is_known
                from (select *, case when lower(subject_id) ~ '{IDENTITY}' then subject_id::uuid end as incident_id
                      from noc_verdict where subject_kind = '{SUBJECT_KIND}' and {which}) v
                left join noc_correlated_incident i on i.incident_id = v.incident_id and i.tenant_id = v.tenant_id"""
        ),
        values,
    )
    for statement in (_HOLD, _LATEST_COUNTS):
        connection.execute(text(statement))
    rows = connection.execute(text("select * from said order by occurred_at, event_id")).all()
    known = [row for row in rows if row.is_known]
    enter(connection, [_of_verdict(row) for row in known])
    return Applied(len(known), len(rows) - len(known))


# In one order, whoever asks, so that no two wait for each other.
_HOLD = """
    select incident_id from noc_correlated_incident where incident_id in (select incident_id from said where is_known)
    order by incident_id for update
"""
# All verdicts on an incident are asked anew: the latest says what it was, the earliest when that was first said.
_LATEST_COUNTS = f"""
    with all_said as (
        select v.*, said.incident_id from noc_verdict v
        join (select distinct tenant_id, incident_id from said where is_known) said
            on v.tenant_id = said.tenant_id and lower(v.subject_id) = said.incident_id::text
        where v.subject_kind = '{SUBJECT_KIND}'),
    first as (select distinct on (incident_id) * from all_said order by incident_id, occurred_at, event_id),
    last as (select distinct on (incident_id) * from all_said order by incident_id, occurred_at desc, event_id desc)
    update noc_correlated_incident i set
        investigated = true, investigated_at = first.occurred_at, investigated_by = first.reviewer_id,
        investigation_notes = coalesce(last.note, ''),
        is_false_positive = case last.verdict when '{FALSE_POSITIVE}' then true when '{CONFIRMED}' then false end,
        updated_at = greatest(i.updated_at, last.occurred_at)
    from first join last using (incident_id)
    where i.incident_id = first.incident_id
"""


def _of_verdict(row: Row[Any]) -> Decision:
    return Decision(
        row.tenant_id,
        Subject.INCIDENT,
        str(row.incident_id),
        ACTIONS[row.verdict],
        rule="verdict",
        reason=row.note or "No reason was given.",
        made_at=row.occurred_at,
        made_by=row.reviewer_id,
        inputs={"verdict": row.verdict, "event_id": row.event_id},
        key=str(row.event_id),
    )
