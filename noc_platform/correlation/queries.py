"""What is asked of incidents: lists, one, counts, how fast people are.

Rows as they stand; row-level security confines the API's role. Elsewhere: everything that changes them.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Select, func, or_, select, text, tuple_

from noc_platform.correlation.tables import incident, incident_alert, incident_link
from noc_platform.correlation.vocabulary import CorrelationType, Severity
from noc_platform.errors import NotFound
from noc_platform.journal.identities import identity_called
from noc_platform.store.copying import copy_out

INSTANT = pa.timestamp("us", tz="UTC")
SHOWN_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("incident_id", "tenant_id", "person_id", "site_id", "title")),
        *((name, pa.string()) for name in ("combined_severity", "correlation_type")),
        ("correlation_score", pa.float64()),
        *((name, pa.int64()) for name in ("severity_rank", "people_count", "related_alerts_count")),
        *((name, INSTANT) for name in ("started_at", "ended_at", "detected_at")),
    ]
)


@dataclass(frozen=True)
class Incident:
    """An incident as it stands. Instants are UTC; times to act are seconds since it was detected, None while nobody
    has. `is_false_positive` is None until somebody knows; `merged_into` is the incident that tells its story now."""

    incident_id: UUID
    tenant_id: str
    person_id: str | None
    site_id: str | None
    title: str
    signals: dict[str, Any]
    combined_severity: str
    correlation_window_minutes: int
    correlation_score: float
    score_parts: dict[str, float]
    correlation_type: str
    related_alerts_count: int
    people_count: int
    started_at: datetime
    ended_at: datetime
    detected_at: datetime
    created_at: datetime
    updated_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    investigated: bool
    investigated_at: datetime | None
    investigated_by: str | None
    investigation_notes: str
    is_false_positive: bool | None
    root_cause_identified: bool
    root_cause_description: str
    merged_into: UUID | None

    @property
    def time_to_acknowledge(self) -> float | None:
        """Seconds from detected to acknowledged."""
        return None if self.acknowledged_at is None else (self.acknowledged_at - self.detected_at).total_seconds()

    @property
    def time_to_investigate(self) -> float | None:
        """Seconds from detected to investigated."""
        return None if self.investigated_at is None else (self.investigated_at - self.detected_at).total_seconds()


@dataclass(frozen=True)
class Wanted:
    """Which incidents: each part that is given must hold. Open ones unless said; `since` (UTC) is when they were
    detected at the earliest."""

    tenant: str | None = None
    site: str | None = None
    person: str | None = None
    at_least: Severity | None = None
    kind: CorrelationType | None = None
    since: datetime | None = None
    investigated: bool | None = False


# Where a page ended: severity, when it was detected, and which.
Place = tuple[int, datetime, UUID]


def incidents(connection: Connection, wanted: Wanted, limit: int, after: Place | None = None) -> list[Incident]:
    """Incidents, the worst first by rank (defect 42), of those the newest; at most `limit`, those after `after`, which
    `place_of` a page's last gives. What was merged into another is not among them."""
    known = incident.c
    question = _filtered(select(*(known[field.name] for field in fields(Incident))), wanted)
    if after is not None:
        question = question.where(tuple_(known.severity_rank, known.detected_at, known.incident_id) < after)
    order = (known.severity_rank.desc(), known.detected_at.desc(), known.incident_id.desc())
    return [Incident(*row) for row in connection.execute(question.order_by(*order).limit(limit))]


def place_of(found: Incident) -> Place:
    """Where a page that ends with this incident is continued."""
    return Severity(found.combined_severity).rank, found.detected_at, found.incident_id


def incident_called(connection: Connection, incident_id: str | UUID) -> Incident:
    """One incident. Raises `NotFound`."""
    known = incident.c
    called = identity_called(incident_id)
    question = select(*(known[field.name] for field in fields(Incident))).where(known.incident_id == called)
    row = connection.execute(question).one_or_none() if called is not None else None
    if row is None:
        raise NotFound(f"No incident is called {incident_id}; `noc incidents` lists them.")
    return Incident(*row)


@dataclass(frozen=True)
class Tie:
    """What an incident has to do with another: `kind` read from `incident_id` to `other_id`. UTC."""

    incident_id: UUID
    other_id: UUID
    kind: str
    reason: str
    made_at: datetime
    made_by: str


def ties_of(connection: Connection, incident_id: UUID) -> list[Tie]:
    """What an incident has to do with others, in order of when that was said."""
    known = incident_link.c
    question = (
        select(known.incident_id, known.other_id, known.kind, known.reason, known.made_at, known.made_by)
        .where(or_(known.incident_id == incident_id, known.other_id == incident_id))
        .order_by(known.made_at, known.other_id)
    )
    return [Tie(*row) for row in connection.execute(question)]


def incidents_of_alert(connection: Connection, alert_id: UUID) -> list[Incident]:
    """The incidents raisings of this alert belong to, the first first."""
    known = incident.c
    belongs = select(incident_alert.c.incident_id).where(incident_alert.c.alert_id == alert_id)
    question = select(*(known[field.name] for field in fields(Incident))).where(known.incident_id.in_(belongs))
    return [Incident(*row) for row in connection.execute(question.order_by(known.started_at, known.incident_id))]


def clock_of(connection: Connection, tenant: str, site: str | None) -> str | None:
    """The name of the zone a site lies in; None where nobody knows."""
    question = "select time_zone from noc_site where tenant_id = :tenant and site_id = :site"
    return connection.execute(text(question), {"tenant": tenant, "site": site}).scalar_one_or_none()


@dataclass(frozen=True)
class Counts:
    """How many open incidents there are, by type and by severity."""

    by_type: dict[str, int]
    by_severity: dict[str, int]


def counts(connection: Connection, tenant: str | None = None) -> Counts:
    """Open incidents by type, and by severity with the worst first; of one tenant where it is named."""
    known = incident.c
    is_open: list[ColumnElement[bool]] = [known.investigated.is_(False), known.merged_into.is_(None)]
    if tenant is not None:
        is_open.append(known.tenant_id == tenant)
    by_type = select(known.correlation_type, func.count()).where(*is_open).group_by(known.correlation_type)
    by_severity = (
        select(known.combined_severity, func.count())
        .where(*is_open)
        .group_by(known.combined_severity, known.severity_rank)
        .order_by(known.severity_rank.desc())
    )
    types = connection.execute(by_type.order_by(known.correlation_type))
    return Counts({row[0]: row[1] for row in types}, {row[0]: row[1] for row in connection.execute(by_severity)})


@dataclass(frozen=True)
class Times:
    """How fast people are with incidents: mean seconds from detected to acknowledged (MTTA) and to investigated
    (MTTR), None where nobody was; and of how many."""

    acknowledged: int
    to_acknowledge: float | None
    investigated: int
    to_investigate: float | None


def times(connection: Connection, since: datetime, until: datetime, tenant: str | None = None) -> Times:
    """How fast people were with incidents detected in `[since, until)` (UTC). Who investigates at once has taken
    notice."""
    statement = """
        select count(noticed_at), avg(extract(epoch from noticed_at - detected_at))::float8,
               count(investigated_at), avg(extract(epoch from investigated_at - detected_at))::float8
        from (select *, coalesce(acknowledged_at, investigated_at) as noticed_at from noc_correlated_incident) i
        where merged_into is null and detected_at >= :since and detected_at < :until
          and (cast(:tenant as text) is null or tenant_id = :tenant)
    """
    row = connection.execute(text(statement), {"since": since, "until": until, "tenant": tenant}).one()
    return Times(*row)


def shown(connection: Connection, since: datetime) -> pa.Table:
    """The incidents that went on at or after `since` (UTC) and are not part of another, as `SHOWN_SCHEMA`."""
    where = "merged_into is null and ended_at >= :since"
    return copy_out(connection, incident.name, SHOWN_SCHEMA, where, since=since)


def _filtered(question: Select[Any], wanted: Wanted) -> Select[Any]:
    known = incident.c
    question = question.where(known.merged_into.is_(None))
    asked = (
        (known.tenant_id, wanted.tenant),
        (known.site_id, wanted.site),
        (known.person_id, wanted.person),
        (known.correlation_type, wanted.kind),
        (known.investigated, wanted.investigated),
    )
    for column, value in asked:
        if value is not None:
            question = question.where(column == value)
    if wanted.at_least is not None:
        question = question.where(known.severity_rank >= wanted.at_least.rank)
    if wanted.since is not None:
        question = question.where(known.detected_at >= wanted.since)
    return question
