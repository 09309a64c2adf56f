"""What people do with alerts, and what time does: passed on when nobody looks, over when no more is heard.

Inside the caller's transaction, each with its decision. Elsewhere: how alerts come to be (`intake`), reading
(`queries`).
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from noc_platform.correlation.tables import IS_ACTIVE
from noc_platform.correlation.vocabulary import ACTIVE, Status
from noc_platform.errors import BadInput, Conflict, NotFound
from noc_platform.journal.identities import identity_called
from noc_platform.journal.ledger import PLATFORM, Action, Decision, Said, Subject, enter
from noc_platform.settings import AlertPolicy

WAYS = {
    Status.NEW: "acknowledge it, assign it, escalate it, or resolve it",
    Status.ACKNOWLEDGED: "assign it, escalate it, or resolve it",
    Status.ASSIGNED: "assign it to somebody else, escalate it, or resolve it",
    Status.ESCALATED: "acknowledge it, assign it, or resolve it",
    Status.RESOLVED: "nothing; if it is raised again it opens again",
    Status.SUPPRESSED: "nothing; once it is raised and not muted it opens",
}


def acknowledge(connection: Connection, alert_id: str | UUID, said: Said) -> None:
    """Somebody has taken notice of an alert.

    Raises `NotFound`, `Conflict` unless it is NEW or ESCALATED, and `BadInput` for a moment before it was raised.
    """
    held = _held(connection, alert_id)
    _demand(held, "acknowledged", {Status.NEW, Status.ESCALATED}, said)
    _change(connection, held, Status.ACKNOWLEDGED, said, acknowledged_at=said.at, acknowledged_by=said.by)


def assign(connection: Connection, alert_id: str | UUID, to: str, said: Said) -> None:
    """Give an active alert to somebody; also from one to another.

    Raises `NotFound`, `Conflict` when it is not active, and `BadInput` for nobody, or a moment before it was raised.
    """
    if not to.strip():
        raise BadInput("Say whom to assign it to.")
    held = _held(connection, alert_id)
    _demand(held, "assigned", ACTIVE, said)
    _change(
        connection, held, Status.ASSIGNED, said, to, assigned_at=said.at, assigned_by=said.by, assigned_to=to.strip()
    )


def escalate(connection: Connection, alert_id: str | UUID, to: str | None, said: Said) -> None:
    """Pass an alert on; `to` is None for nobody in particular.

    Raises `NotFound`, `Conflict` when it is not active or was passed on, and `BadInput` for a moment before it was
    raised.
    """
    held = _held(connection, alert_id)
    _demand(held, "escalated", ACTIVE - {Status.ESCALATED}, said)
    whom = (to or "").strip() or None
    _change(connection, held, Status.ESCALATED, said, whom, escalated_at=said.at, escalated_to=whom)


def resolve(connection: Connection, alert_id: str | UUID, said: Said) -> None:
    """It is over. Raised again later, it opens anew.

    Raises `NotFound`, `Conflict` when it is not active, and `BadInput` for a moment before it was raised.
    """
    held = _held(connection, alert_id)
    _demand(held, "resolved", ACTIVE, said)
    _change(
        connection, held, Status.RESOLVED, said, resolved_at=said.at, resolved_by=said.by, resolution_notes=said.why
    )


def escalate_due(connection: Connection, policy: AlertPolicy, as_of: datetime) -> int:
    """Pass on what is still NEW at its time, `as_of` (UTC) or before, unless it is muted; gives how many.

    It goes to the first the site names: the supervisor of the operations centre, the security manager, the site's own.
    """
    minutes = dict(policy.escalate_minutes)
    passed_on = connection.execute(text(_ESCALATE), {"as_of": as_of}).all()
    enter(
        connection,
        (
            Decision(
                row.tenant_id, Subject.ALERT, str(row.alert_id), Action.ESCALATED, "escalate_due",
                f"Nobody has looked at it; {row.severity} is passed on after {minutes.get(row.severity)} minutes.",
                as_of, inputs={"escalated_to": row.escalated_to, "was_due_at": row.was_due_at},
            )
            for row in passed_on
        ),
    )  # fmt: skip
    return len(passed_on)


def close_quiet(connection: Connection, policy: AlertPolicy, as_of: datetime, heard: Collection[str]) -> int:
    """Resolve what nobody has looked at and was not raised for longer than `policy.close_after`; gives how many.

    Only alerts of tenants that are `heard`: what could not be heard of has not gone away.
    """
    hours = policy.close_after.total_seconds() / 3600
    notes = f"Not raised for more than {hours:g} hours."
    values = {"as_of": as_of, "notes": notes, "before": as_of - policy.close_after, "heard": sorted(heard)}
    closed = connection.execute(text(_CLOSE), values).all()
    enter(
        connection,
        (
            Decision(
                row.tenant_id, Subject.ALERT, str(row.alert_id), Action.BACK_TO_NORMAL, "close_quiet", notes, as_of,
                inputs={"last_seen_at": row.last_seen_at, "close_after_hours": hours},
            )
            for row in closed
        ),
    )  # fmt: skip
    return len(closed)


# In one order, whoever asks, so that no two wait for each other.
_ESCALATE = f"""
    with due as (
        select alert_id, escalates_at as was_due_at from noc_alert
        where status = '{Status.NEW}' and escalates_at <= :as_of and muted_by is null
        order by alert_id for update
    )
    update noc_alert a set status = '{Status.ESCALATED}', escalated_at = :as_of, escalates_at = null,
        updated_at = :as_of,
        escalated_to = (
            select coalesce(s.noc_supervisor_id, s.security_manager_id, s.site_manager_id) from noc_site s
            where s.tenant_id = a.tenant_id and s.site_id = a.site_id)
    from due where a.alert_id = due.alert_id
    returning a.alert_id, a.tenant_id, a.severity, a.escalated_to, due.was_due_at
"""
_CLOSE = f"""
    with quiet as (
        select alert_id from noc_alert
        where {IS_ACTIVE} and status in ('{Status.NEW}', '{Status.ESCALATED}') and last_seen_at < :before
          and tenant_id = any(:heard)
        order by alert_id for update
    )
    update noc_alert a set status = '{Status.RESOLVED}', resolved_at = :as_of, resolved_by = '{PLATFORM}',
        resolution_notes = :notes, updated_at = :as_of
    from quiet where a.alert_id = quiet.alert_id
    returning a.alert_id, a.tenant_id, a.last_seen_at
"""
ACTIONS: Mapping[Status, Action] = {
    Status.ACKNOWLEDGED: Action.ACKNOWLEDGED,
    Status.ASSIGNED: Action.ASSIGNED,
    Status.ESCALATED: Action.ESCALATED,
    Status.RESOLVED: Action.RESOLVED,
}


def _held(connection: Connection, alert_id: str | UUID) -> Row[Any]:
    """The alert, locked until the transaction ends, so that what is checked still holds when it is changed."""
    row = None
    if (known := identity_called(alert_id)) is not None:
        question = "select * from noc_alert where alert_id = :alert for update"
        row = connection.execute(text(question), {"alert": known}).one_or_none()
    if row is None:
        raise NotFound(f"No alert is called {alert_id}; `noc alerts` lists them.")
    return row


def _demand(held: Row[Any], wanted: str, allowed: Collection[Status], said: Said) -> None:
    status = Status(held.status)
    if status not in allowed:
        since = f" since {held.resolved_at:%F %T} UTC, by {held.resolved_by}" if held.resolved_at else ""
        raise Conflict(
            f"Alert {held.alert_id} is {status}{since}, and cannot be {wanted} now. "
            f"What can be done: {WAYS[status]}. Its history: noc explain alert {held.alert_id}"
        )
    if said.at < held.first_seen_at:
        raise BadInput(
            f"Alert {held.alert_id} was first raised at {held.first_seen_at:%F %T} UTC, and cannot have been {wanted} "
            "before. Leave out the moment to say it as of now."
        )


def _change(
    connection: Connection, held: Row[Any], status: Status, said: Said, to: str | None = None, **columns: object
) -> None:
    changes = ", ".join(f"{name} = :{name}" for name in columns)
    connection.execute(
        text(
            f"""update noc_alert set status = :status, escalates_at = null, updated_at = :at, {changes}
                where alert_id = :alert"""
        ),
        {"status": status, "at": said.at, "alert": held.alert_id, **columns},
    )
    inputs = {"status_before": held.status} | ({"to": to} if to else {})
    made = Decision(
        held.tenant_id, Subject.ALERT, str(held.alert_id), ACTIONS[status], "person", said.why, said.at, said.by, inputs
    )
    enter(connection, [made])
