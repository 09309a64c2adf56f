"""What is asked of alerts: lists, one, counts, how soon people act; and what of them may belong to a story.

Rows as they stand; row-level security confines the API's role. Elsewhere: everything that changes them.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import pyarrow as pa
from sqlalchemy import Connection, Select, func, or_, select, text, tuple_

from noc_platform.correlation.alerts.keys import OURS
from noc_platform.correlation.alerts.standing import SOURCE
from noc_platform.correlation.tables import RANKS, alert
from noc_platform.correlation.vocabulary import ACTIVE, Severity, Status
from noc_platform.errors import NotFound
from noc_platform.journal.identities import identity_called
from noc_platform.journal.ledger import PLATFORM
from noc_platform.store.copying import copy_out

INSTANT = pa.timestamp("us", tz="UTC")
OCCURRENCES_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("tenant_id", "event_id", "alert_id")),
        ("occurred_at", INSTANT),
        *((name, pa.string()) for name in ("alert_type", "severity", "person_id", "site_id")),
    ]
)
ECHOES = ", ".join(f"'{kind}'" for kind in sorted(OURS))
OVER = f"'{Status.RESOLVED}', '{Status.SUPPRESSED}'"


@dataclass(frozen=True)
class Alert:
    """An alert as it stands. Instants are UTC; times to act are seconds since it was first seen, None while nobody
    has. `muted_by` is what makes it not worth telling anybody, None if nothing does."""

    alert_id: UUID
    tenant_id: str
    client_id: str | None
    site_id: str | None
    person_id: str | None
    device_id: str | None
    entity_type: str | None
    entity_id: str | None
    alert_type: str
    severity: str
    severity_rank: int
    status: str
    message: str | None
    occurrence_count: int
    first_seen_at: datetime
    last_seen_at: datetime
    caused_by: str | None
    muted_by: str | None
    parent_alert_id: UUID | None
    reopened_count: int
    flapping_since: datetime | None
    escalates_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    assigned_at: datetime | None
    assigned_by: str | None
    assigned_to: str | None
    escalated_at: datetime | None
    escalated_to: str | None
    resolved_at: datetime | None
    resolved_by: str | None
    resolution_notes: str | None
    created_at: datetime
    updated_at: datetime

    @property
    def time_to_acknowledge(self) -> float | None:
        """Seconds from first seen to acknowledged."""
        return _seconds(self.first_seen_at, self.acknowledged_at)

    @property
    def time_to_assign(self) -> float | None:
        """Seconds from first seen to assigned."""
        return _seconds(self.first_seen_at, self.assigned_at)

    @property
    def time_to_resolve(self) -> float | None:
        """Seconds from first seen to resolved."""
        return _seconds(self.first_seen_at, self.resolved_at)


@dataclass(frozen=True)
class Wanted:
    """Which alerts: each part that is given must hold. `statuses` are the active ones unless said; empty is any.
    Active ones that are muted are among them only `with_muted`."""

    tenant: str | None = None
    site: str | None = None
    person: str | None = None
    statuses: Collection[Status] = ACTIVE
    at_least: Severity | None = None
    alert_type: str | None = None
    with_muted: bool = False


# Where a page ended: how bad, last seen, and which.
Place = tuple[int, datetime, UUID]


def alerts(connection: Connection, wanted: Wanted, limit: int, after: Place | None = None) -> list[Alert]:
    """Alerts, the worst first and of those the last seen, at most `limit`; those after `after`, which `place_of` a
    page's last gives. By rank: as text, CRITICAL would come last (defect 42)."""
    known = alert.c
    question = _filtered(select(*(known[field.name] for field in fields(Alert))), wanted)
    order = (known.severity_rank, known.last_seen_at, known.alert_id)
    if after is not None:
        question = question.where(tuple_(*order) < after)
    question = question.order_by(*(column.desc() for column in order)).limit(limit)
    return [Alert(*row) for row in connection.execute(question)]


def place_of(found: Alert) -> Place:
    """Where a page that ends with this alert is continued."""
    return found.severity_rank, found.last_seen_at, found.alert_id


def alert_called(connection: Connection, alert_id: str | UUID) -> Alert:
    """One alert. Raises `NotFound`."""
    called = identity_called(alert_id)
    question = select(*(alert.c[field.name] for field in fields(Alert))).where(alert.c.alert_id == called)
    row = connection.execute(question).one_or_none() if called is not None else None
    if row is None:
        raise NotFound(f"No alert is called {alert_id}; `noc alerts` lists them.")
    return Alert(*row)


@dataclass(frozen=True)
class Counts:
    """How many alerts there are, by status; how bad the active ones are, and how many of them are muted."""

    by_status: dict[str, int]
    active_by_severity: dict[str, int]
    muted: int


def counts(connection: Connection) -> Counts:
    """Alerts by status, and the active ones by severity, the worst first."""
    known = alert.c
    by_status = connection.execute(select(known.status, func.count()).group_by(known.status).order_by(known.status))
    is_active = known.status.in_(ACTIVE)
    by_severity = connection.execute(
        select(known.severity, func.count(), func.count(known.muted_by))
        .where(is_active)
        .group_by(known.severity, known.severity_rank)
        .order_by(known.severity_rank.desc())
    ).all()
    return Counts(
        {row[0]: row[1] for row in by_status},
        {row[0]: row[1] for row in by_severity},
        sum(row[2] for row in by_severity),
    )


@dataclass(frozen=True)
class Times:
    """How soon alerts were acted upon, mean seconds since they were first seen; None where none was."""

    to_acknowledge: float | None
    to_resolve: float | None
    acknowledged: int
    resolved: int


def times(connection: Connection, since: datetime, until: datetime) -> Times:
    """Of alerts first seen in `[since, until)` (UTC). What the platform closed for being quiet was resolved by nobody
    and is not among them; nor is what was over before the platform first heard of it."""
    # Of one that came to be by the word that it is over, nobody knows how long it took.
    is_known = f"resolved_by <> '{PLATFORM}' and not (resolved_by = '{SOURCE}' and occurrence_count = 1)"
    question = f"""
        select avg(extract(epoch from acknowledged_at - first_seen_at)),
               avg(extract(epoch from resolved_at - first_seen_at)) filter (where {is_known}),
               count(acknowledged_at), count(*) filter (where {is_known})
        from noc_alert where first_seen_at >= :since and first_seen_at < :until
    """
    row = connection.execute(text(question), {"since": since, "until": until}).one()
    mean = [None if value is None else float(value) for value in row[:2]]
    return Times(mean[0], mean[1], row[2], row[3])


def eligible_occurrences(
    connection: Connection, since: datetime, until: datetime, known_at: datetime | None = None
) -> pa.Table:
    """Raisings in `[since, until)` (UTC) that may belong to a story, as known at `known_at` or else now, as
    `OCCURRENCES_SCHEMA`, in order of time.

    Not what was over by then or is suppressed, nor what the platform itself made of a finding: that would be a story
    about itself (defect 44). What is muted is among them. The severity is that of the one raising.
    """
    eligible = f"""(select o.tenant_id, o.event_id, o.alert_id, o.occurred_at, a.alert_type,
                           case when e.severity in ({RANKS}) then e.severity else a.severity end as severity,
                           a.person_id, a.site_id
        from noc_alert_occurrence o join noc_alert a using (tenant_id, alert_id)
        left join noc_alert_event e using (event_id, tenant_id)
        where o.occurred_at >= :since and o.occurred_at < :until
          and (a.status not in ({OVER}) or a.resolved_at >= :known_at) and a.caused_by is null
          and (e.received_at is null or e.received_at <= :known_at or :known_at is null)
          and coalesce(e.status, '') not in ({OVER}) and coalesce(lower(btrim(e.entity_type)), '') not in ({ECHOES})
        order by o.occurred_at, o.tenant_id, o.event_id) eligible"""
    return copy_out(connection, eligible, OCCURRENCES_SCHEMA, since=since, until=until, known_at=known_at)


def _filtered(question: Select[Any], wanted: Wanted) -> Select[Any]:
    known = alert.c
    asked = (
        (known.tenant_id, wanted.tenant),
        (known.site_id, wanted.site),
        (known.person_id, wanted.person),
        (known.alert_type, wanted.alert_type),
    )
    for column, value in asked:
        if value is not None:
            question = question.where(column == value)
    if wanted.statuses:
        question = question.where(known.status.in_(wanted.statuses))
    if wanted.at_least is not None:
        question = question.where(known.severity_rank >= wanted.at_least.rank)
    if not wanted.with_muted:
        # Only what is active is hidden: what is over, or kept back, is there because it was asked for.
        question = question.where(or_(known.muted_by.is_(None), known.status.not_in(ACTIVE)))
    return question


def _seconds(since: datetime, until: datetime | None) -> float | None:
    return None if until is None else (until - since).total_seconds()
