"""Findings and the ledger of decisions, each tenant's rows behind row-level security."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from noc_platform.store.tenancy import isolate

revision = "2026_11_25_0920"
down_revision = "2026_11_25_0910"
branch_labels = None
depends_on = None

OPEN = "status in ('ACKNOWLEDGED', 'IN_PROGRESS', 'NEW')"
KEY = ("tenant_id", "coalesce(site_id, '')", "finding_type", "coalesce(person_id, '')")
SAID = (
    "status",
    "acknowledged_at",
    "acknowledged_by",
    "resolved_at",
    "resolved_by",
    "resolution_notes",
    "adjudicated_at",
    "adjudicated_by",
    "verdict_id",
    "is_false_positive",
    "updated_at",
)


def upgrade() -> None:
    op.execute("set lock_timeout = '5s'")
    _make_findings()
    _make_decisions()
    # People's say comes in by the API as well: it changes how a finding stands, never what was found.
    findings = isolate("noc_audit_finding", f"select, update ({', '.join(SAID)})")
    for statement in (*findings, *isolate("noc_decision", "select, insert")):
        op.execute(statement)


def _make_findings() -> None:
    op.create_table(
        "noc_audit_finding",
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("site_id", sa.String(), comment="Null for a tenant's feed, and for a guard without a site."),
        sa.Column("person_id", sa.String(), comment="Where it is about a guard."),
        sa.Column("finding_type", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False, comment="The worst while it has been open."),
        sa.Column("severity_rank", sa.SmallInteger(), nullable=False, comment="The severity as a number: 0 is LOW."),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("evidence_summary", sa.String(), nullable=False, comment="One line, of when it was last seen."),
        sa.Column(
            "evidence", JSONB(), nullable=False, comment="What it rests on, of when it was last seen; newest first."
        ),
        sa.Column("recommended_actions", JSONB(), nullable=False),
        sa.Column("runbook", sa.String(), nullable=False, comment="Where it is written what to do."),
        sa.Column("silence", sa.String(), comment="Why little was heard, where that is what it is about."),
        sa.Column("metric_type", sa.String(), comment="With hour_of_week, the cell of the baseline it rests on."),
        sa.Column("hour_of_week", sa.SmallInteger()),
        sa.Column("z", sa.Double(), comment="How far from usual, in standard deviations."),
        sa.Column("threshold", sa.Double(), comment="The limit that z passed."),
        sa.Column("threshold_source", sa.String(), comment="Where that limit came from."),
        sa.Column("occurrence_count", sa.BigInteger(), nullable=False, comment="Audits that saw it."),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "last_notified_severity", sa.String(), comment="Null until somebody was told; again when it gets worse."
        ),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True)),
        sa.Column("acknowledged_by", sa.String()),
        sa.Column(
            "resolved_at", sa.DateTime(timezone=True), comment="When it was first closed, whatever was said later."
        ),
        sa.Column("resolved_by", sa.String(), comment="A person, or platform."),
        sa.Column("resolution_notes", sa.String()),
        sa.Column("adjudicated_at", sa.DateTime(timezone=True), comment="When the last verdict on it was given."),
        sa.Column("adjudicated_by", sa.String()),
        sa.Column("verdict_id", sa.Uuid(), comment="That verdict, an event of the stream verdicts."),
        sa.Column("is_false_positive", sa.Boolean(), comment="Null until somebody knows."),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "severity_rank = array_position(array['LOW', 'MEDIUM', 'HIGH', 'CRITICAL'], severity::text) - 1",
            name=op.f("ck_noc_audit_finding_severity_rank"),
        ),
        sa.CheckConstraint("btrim(evidence_summary) <> ''", name=op.f("ck_noc_audit_finding_evidence_summary")),
        sa.CheckConstraint("first_seen_at <= last_seen_at", name=op.f("ck_noc_audit_finding_seen")),
        sa.CheckConstraint(
            f"({OPEN}) = (resolved_at is null)", name=op.f("ck_noc_audit_finding_closed_when_resolved")
        ),
        sa.PrimaryKeyConstraint("finding_id", name=op.f("pk_noc_audit_finding")),
        comment="What was found: one open finding for each site, type and, where it is about one, person.",
    )
    # Race-free whatever writes: of one thing, one finding is open.
    op.create_index(
        "uq_noc_audit_finding_open",
        "noc_audit_finding",
        [sa.text(part) for part in KEY],
        unique=True,
        postgresql_where=sa.text(OPEN),
    )
    op.create_index(
        "ix_noc_audit_finding_key", "noc_audit_finding", [*map(sa.text, KEY), sa.text("last_seen_at")], unique=False
    )
    for columns in (
        ["tenant_id", "status", "severity_rank", "last_seen_at"],
        ["tenant_id", "site_id", "last_seen_at"],
        ["last_seen_at", "finding_id"],
    ):
        op.create_index(op.f("ix_noc_audit_finding_" + "_".join(columns)), "noc_audit_finding", columns, unique=False)


def _make_decisions() -> None:
    op.create_table(
        "noc_decision",
        sa.Column("decision_id", sa.Uuid(), nullable=False, comment="The same for a decision that is made again."),
        sa.Column(
            "number", sa.BigInteger(), sa.Identity(), nullable=False, comment="In the order they were written."
        ),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("subject_kind", sa.String(), nullable=False, comment="What kind of thing was decided about."),
        sa.Column("subject_id", sa.String(), nullable=False, comment="Which one."),
        sa.Column("action", sa.String(), nullable=False, comment="What was decided."),
        sa.Column("rule", sa.String(), nullable=False, comment="By which rule."),
        sa.Column("reason", sa.String(), nullable=False, comment="Why, in a sentence."),
        sa.Column("inputs", JSONB(), nullable=False, comment="What was seen."),
        sa.Column("threshold", sa.Double(), comment="The limit that applied."),
        sa.Column("threshold_source", sa.String(), comment="Where that limit came from."),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False, comment="A person, or platform."),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_noc_decision")),
        comment="Every decision and why, so that it can be asked later.",
    )
    columns = ["tenant_id", "subject_kind", "subject_id", "made_at"]
    op.create_index(op.f("ix_noc_decision_" + "_".join(columns)), "noc_decision", columns, unique=False)


def downgrade() -> None:
    op.execute("set lock_timeout = '5s'")
    op.drop_table("noc_decision")
    op.drop_table("noc_audit_finding")
