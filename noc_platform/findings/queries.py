"""What is asked of findings: lists, one, counts; and what people's verdicts teach the baselines.

Rows as they stand; row-level security confines the API's role. Elsewhere: everything that changes them.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pyarrow as pa
from sqlalchemy import Connection, Select, func, or_, select, tuple_

from noc_platform.baselines.products import SEEN_SCHEMA
from noc_platform.errors import NotFound
from noc_platform.findings.tables import IS_OPEN, audit_finding
from noc_platform.findings.vocabulary import OPEN, Severity, Status
from noc_platform.journal.identities import identity_called
from noc_platform.store.copying import copy_out

INSTANT = pa.timestamp("us", tz="UTC")
# The longest from one audit to the next: what was not seen since is over.
STILL_SEEN = timedelta(hours=1)
ADJUDICATED_SCHEMA = pa.schema(
    [
        ("tenant_id", pa.string()),
        ("site_id", pa.string()),
        ("metric_type", pa.string()),
        ("hour_of_week", pa.int64()),
        ("z", pa.float64()),
        ("decided_at", INSTANT),
        ("is_false", pa.bool_()),
        ("reviewer_id", pa.string()),
        ("finding_id", pa.string()),
        ("first_seen_at", INSTANT),
        ("last_seen_at", INSTANT),
    ]
)
OPEN_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("tenant_id", "site_id", "person_id", "finding_type", "category")),
        *((name, pa.string()) for name in ("severity", "evidence_summary", "runbook", "silence")),
        ("occurrence_count", pa.int64()),
        ("last_seen_at", INSTANT),
    ]
)
HOURS_SCHEMA = pa.schema(
    [
        ("tenant_id", pa.string()),
        ("site_id", pa.string()),
        ("hour_of_week", pa.int64()),
        ("findings", pa.float64()),
    ]
)
FALSE_SCHEMA = pa.schema([*(HOURS_SCHEMA.field(number) for number in range(3)), ("false_positives", pa.float64())])


@dataclass(frozen=True)
class Finding:
    """A finding as it stands. Instants are UTC; times to act are seconds since it was first seen, None while nobody
    has. `is_false_positive` is None until somebody knows."""

    finding_id: UUID
    tenant_id: str
    site_id: str | None
    person_id: str | None
    finding_type: str
    category: str
    severity: str
    status: str
    title: str
    evidence_summary: str
    evidence: dict[str, Any]
    recommended_actions: list[str]
    runbook: str
    silence: str | None
    metric_type: str | None
    hour_of_week: int | None
    z: float | None
    threshold: float | None
    threshold_source: str | None
    occurrence_count: int
    first_seen_at: datetime
    last_seen_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    resolved_by: str | None
    resolution_notes: str | None
    adjudicated_at: datetime | None
    adjudicated_by: str | None
    is_false_positive: bool | None
    created_at: datetime
    updated_at: datetime

    @property
    def time_to_acknowledge(self) -> float | None:
        """Seconds from first seen to acknowledged."""
        return _seconds(self.first_seen_at, self.acknowledged_at)

    @property
    def time_to_resolve(self) -> float | None:
        """Seconds from first seen to closed."""
        return _seconds(self.first_seen_at, self.resolved_at)


@dataclass(frozen=True)
class Wanted:
    """Which findings: each part that is given must hold. `statuses` are the open ones unless said; empty is any."""

    tenant: str | None = None
    site: str | None = None
    person: str | None = None
    statuses: Collection[Status] = OPEN
    at_least: Severity | None = None
    finding_type: str | None = None


# Where a page ended: last seen, and which.
Place = tuple[datetime, UUID]


def findings(connection: Connection, wanted: Wanted, limit: int, after: Place | None = None) -> list[Finding]:
    """Findings, those seen last first, at most `limit`; those after `after`, which `place_of` a page's last gives."""
    known = audit_finding.c
    question = _filtered(select(*(known[field.name] for field in fields(Finding))), wanted)
    if after is not None:
        question = question.where(tuple_(known.last_seen_at, known.finding_id) < after)
    question = question.order_by(known.last_seen_at.desc(), known.finding_id.desc()).limit(limit)
    return [Finding(*row) for row in connection.execute(question)]


def place_of(finding: Finding) -> Place:
    """Where a page that ends with this finding is continued."""
    return finding.last_seen_at, finding.finding_id


def finding_called(connection: Connection, finding_id: str | UUID) -> Finding:
    """One finding. Raises `NotFound`."""
    known = audit_finding.c
    called = identity_called(finding_id)
    question = select(*(known[field.name] for field in fields(Finding))).where(known.finding_id == called)
    row = connection.execute(question).one_or_none() if called is not None else None
    if row is None:
        raise NotFound(f"No finding is called {finding_id}; `noc findings` lists them.")
    return Finding(*row)


@dataclass(frozen=True)
class Counts:
    """How many findings there are, by status, and how bad the open ones are."""

    by_status: dict[str, int]
    open_by_severity: dict[str, int]


def going_on(connection: Connection, finding_types: Collection[str], as_of: datetime) -> list[Finding]:
    """Findings of these types that are open and were seen in the hour before `as_of` (UTC), the first first."""
    known = audit_finding.c
    question = select(*(known[field.name] for field in fields(Finding))).where(
        known.finding_type.in_(finding_types), known.status.in_(OPEN), known.first_seen_at <= as_of,
        known.last_seen_at >= as_of - STILL_SEEN,
    )  # fmt: skip
    ordered = question.order_by(known.first_seen_at, known.finding_id)
    return [Finding(*row) for row in connection.execute(ordered)]


def beside(
    connection: Connection, tenant: str, people: Collection[str], sites: Collection[str],
    span: tuple[datetime, datetime], limit: int,
) -> list[Finding]:  # fmt: skip
    """Findings of these people, and of these sites as a whole, that were seen at some time of the span (UTC, both ends
    included): the worst first, at most `limit`. What was found of somebody else at the site is not among them."""
    known = audit_finding.c
    question = select(*(known[field.name] for field in fields(Finding))).where(
        known.tenant_id == tenant,
        or_(known.person_id.in_(people), known.person_id.is_(None) & known.site_id.in_(sites)),
        known.first_seen_at <= span[1],
        known.last_seen_at >= span[0],
    )
    ordered = question.order_by(known.severity_rank.desc(), known.first_seen_at, known.finding_id)
    return [Finding(*row) for row in connection.execute(ordered.limit(limit))]


def counts(connection: Connection) -> Counts:
    """Findings by status, and the open ones by severity, the worst first."""
    known = audit_finding.c
    by_status = connection.execute(select(known.status, func.count()).group_by(known.status).order_by(known.status))
    is_open = known.status.in_(OPEN)
    by_severity = connection.execute(
        select(known.severity, func.count())
        .where(is_open)
        .group_by(known.severity, known.severity_rank)
        .order_by(known.severity_rank.desc())
    )
    return Counts({row[0]: row[1] for row in by_status}, {row[0]: row[1] for row in by_severity})


def open_rows(connection: Connection) -> pa.Table:
    """All open findings, as `OPEN_SCHEMA`."""
    return copy_out(connection, audit_finding.name, OPEN_SCHEMA, IS_OPEN)


def hours_of_findings(connection: Connection, since: datetime) -> pa.Table:
    """How many findings were first seen since then (UTC) at each hour of each site's own week, as `HOURS_SCHEMA`.

    By the clock of the site; findings of a site without one, or of no site, are not among them.
    """
    local = "first_seen_at at time zone s.time_zone"
    counted = f"""(select tenant_id, site_id, hour_of_week, count(*)::float8 as findings from (
        select f.tenant_id, f.site_id,
               (24 * (extract(isodow from {local}) - 1) + extract(hour from {local}))::bigint as hour_of_week
        from noc_audit_finding f join noc_site s using (tenant_id, site_id)
        join pg_timezone_names z on z.name = s.time_zone
        where f.first_seen_at >= :since) placed group by 1, 2, 3 order by 1, 2, 3) counted"""
    return copy_out(connection, counted, HOURS_SCHEMA, since=since)


def false_positives_by_hour(connection: Connection, since: datetime, until: datetime) -> pa.Table:
    """False positives people called in `[since, until)` (UTC), by site and hour of its week, as `FALSE_SCHEMA`."""
    counted = """(select tenant_id, site_id, hour_of_week, count(*)::float8 as false_positives from noc_audit_finding
        where is_false_positive and metric_type is not null and adjudicated_at >= :since and adjudicated_at < :until
        group by 1, 2, 3 order by 1, 2, 3) counted"""
    return copy_out(connection, counted, FALSE_SCHEMA, since=since, until=until)


def adjudicated(connection: Connection, since: datetime, until: datetime) -> pa.Table:
    """Findings that rest on a baseline and that people judged in `[since, until)` (UTC), as `ADJUDICATED_SCHEMA`.

    Those nobody looked at, or could not tell of, are not among them: they are neither true nor false (defect 32).
    """
    judged = """(select tenant_id, site_id, metric_type, hour_of_week, z, adjudicated_at as decided_at,
                        is_false_positive as is_false, adjudicated_by as reviewer_id, finding_id,
                        first_seen_at, last_seen_at
                 from noc_audit_finding where metric_type is not null and is_false_positive is not null
                 order by adjudicated_at, finding_id) as judged"""
    where = "decided_at >= :since and decided_at < :until"
    return copy_out(connection, judged, ADJUDICATED_SCHEMA, where, since=since, until=until)


def confirmed(connection: Connection, as_of: datetime) -> pa.Table:
    """When something unusual was seen that people had confirmed by then (UTC), as `baselines.products.SEEN_SCHEMA`: not
    to be learned as usual."""
    where = "metric_type is not null and is_false_positive = false and adjudicated_at < :as_of"
    return copy_out(connection, audit_finding.name, SEEN_SCHEMA, where, as_of=as_of)


def _filtered(question: Select[Any], wanted: Wanted) -> Select[Any]:
    known = audit_finding.c
    asked = (
        (known.tenant_id, wanted.tenant),
        (known.site_id, wanted.site),
        (known.person_id, wanted.person),
        (known.finding_type, wanted.finding_type),
    )
    for column, value in asked:
        if value is not None:
            question = question.where(column == value)
    if wanted.statuses:
        question = question.where(known.status.in_(wanted.statuses))
    if wanted.at_least is not None:
        question = question.where(known.severity_rank >= wanted.at_least.rank)
    return question


def _seconds(since: datetime, until: datetime | None) -> float | None:
    return None if until is None else (until - since).total_seconds()
