"""Tables of the findings: what was found, how it stands, and what people said of it."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Index,
    SmallInteger,
    String,
    Table,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from noc_platform.findings.vocabulary import OPEN, Severity
from noc_platform.store.metadata import metadata

IS_OPEN = "status in ({})".format(", ".join(f"'{each}'" for each in sorted(OPEN)))
RANKS = ", ".join(f"'{each}'" for each in Severity)


def key_in(table: str = "") -> tuple[str, ...]:
    """What makes two findings the same thing, as columns of `table`; null stands for itself."""
    of = f"{table}." if table else ""
    return (f"{of}tenant_id", f"coalesce({of}site_id, '')", f"{of}finding_type", f"coalesce({of}person_id, '')")


KEY = tuple(text(part) for part in key_in())

audit_finding = Table(
    "noc_audit_finding",
    metadata,
    Column("finding_id", Uuid, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("site_id", String, comment="Null for a tenant's feed, and for a guard without a site."),
    Column("person_id", String, comment="Where it is about a guard."),
    Column("finding_type", String, nullable=False),
    Column("category", String, nullable=False),
    Column("severity", String, nullable=False, comment="The worst while it has been open."),
    Column("severity_rank", SmallInteger, nullable=False, comment="The severity as a number: 0 is LOW."),
    Column("status", String, nullable=False),
    Column("title", String, nullable=False),
    Column("evidence_summary", String, nullable=False, comment="One line, of when it was last seen."),
    Column("evidence", JSONB, nullable=False, comment="What it rests on, of when it was last seen; newest first."),
    Column("recommended_actions", JSONB, nullable=False),
    Column("runbook", String, nullable=False, comment="Where it is written what to do."),
    Column("silence", String, comment="Why little was heard, where that is what it is about."),
    Column("metric_type", String, comment="With hour_of_week, the cell of the baseline it rests on."),
    Column("hour_of_week", SmallInteger),
    Column("z", Double, comment="How far from usual, in standard deviations."),
    Column("threshold", Double, comment="The limit that z passed."),
    Column("threshold_source", String, comment="Where that limit came from."),
    Column("occurrence_count", BigInteger, nullable=False, comment="Audits that saw it."),
    Column("first_seen_at", DateTime(timezone=True), nullable=False),
    Column("last_seen_at", DateTime(timezone=True), nullable=False),
    Column("last_notified_severity", String, comment="Null until somebody was told; again when it gets worse."),
    Column("acknowledged_at", DateTime(timezone=True)),
    Column("acknowledged_by", String),
    Column("resolved_at", DateTime(timezone=True), comment="When it was first closed, whatever was said later."),
    Column("resolved_by", String, comment="A person, or platform."),
    Column("resolution_notes", String),
    Column("adjudicated_at", DateTime(timezone=True), comment="When the last verdict on it was given."),
    Column("adjudicated_by", String),
    Column("verdict_id", Uuid, comment="That verdict, an event of the stream verdicts."),
    Column("is_false_positive", Boolean, comment="Null until somebody knows."),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    CheckConstraint(f"severity_rank = array_position(array[{RANKS}], severity::text) - 1", name="severity_rank"),
    CheckConstraint("btrim(evidence_summary) <> ''", name="evidence_summary"),
    CheckConstraint("first_seen_at <= last_seen_at", name="seen"),
    CheckConstraint(f"({IS_OPEN}) = (resolved_at is null)", name="closed_when_resolved"),
    Index("uq_noc_audit_finding_open", *KEY, unique=True, postgresql_where=text(IS_OPEN)),
    Index("ix_noc_audit_finding_key", *KEY, text("last_seen_at")),
    Index(None, "tenant_id", "status", "severity_rank", "last_seen_at"),
    Index(None, "tenant_id", "site_id", "last_seen_at"),
    Index(None, "last_seen_at", "finding_id"),
    comment="What was found: one open finding for each site, type and, where it is about one, person.",
)
