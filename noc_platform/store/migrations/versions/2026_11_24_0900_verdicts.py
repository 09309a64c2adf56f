"""What people say of what was flagged: append-only, each tenant's rows behind row-level security."""

import sqlalchemy as sa
from alembic import op

from noc_platform.store.tenancy import isolate

revision = "2026_11_24_0900"
down_revision = "2026_11_23_1130"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set lock_timeout = '5s'")
    op.create_table(
        "noc_verdict",
        sa.Column("tenant_id", sa.String(), nullable=False, comment="The tenant the row belongs to."),
        sa.Column(
            "event_id",
            sa.Uuid(),
            nullable=False,
            comment="Identity of the event; a stable hash of the row where the source has none.",
        ),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False, comment="When it happened, UTC."),
        sa.Column("subject_kind", sa.String(), nullable=False, comment="Kind of thing that was judged."),
        sa.Column("subject_id", sa.String(), nullable=False, comment="Which one."),
        sa.Column("verdict", sa.String(), nullable=False, comment="What was said of it."),
        sa.Column("fraud_kind", sa.String(), nullable=True, comment="Which fraud was seen, where one was."),
        sa.Column("person_id", sa.String(), nullable=True, comment="The guard it is about."),
        sa.Column("site_id", sa.String(), nullable=True, comment="The site it happened at, where the source says."),
        sa.Column("reviewer_id", sa.String(), nullable=False, comment="Who said it."),
        sa.Column(
            "selection",
            sa.String(),
            nullable=True,
            comment="Why it was looked at: something flagged it, chance chose it, or somebody told.",
        ),
        sa.Column(
            "selection_probability",
            sa.Double(),
            nullable=True,
            comment="Chance with which it came to be looked at, where that is known.",
        ),
        sa.Column("note", sa.String(), nullable=True, comment="In the reviewer's words."),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the platform knew, UTC; stamped at the door where the source does not say.",
        ),
        sa.PrimaryKeyConstraint("event_id", "tenant_id", name=op.f("pk_noc_verdict")),
        comment="What people said once they had looked: labels, each with why it was looked at. "
        "A later one replaces none.",
    )
    op.create_index("ix_noc_verdict_day", "noc_verdict", ["occurred_at"], unique=False, postgresql_using="brin")
    op.create_index(
        op.f("ix_noc_verdict_tenant_id_person_id_occurred_at"),
        "noc_verdict",
        ["tenant_id", "person_id", "occurred_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_noc_verdict_tenant_id_subject_kind_subject_id"),
        "noc_verdict",
        ["tenant_id", "subject_kind", "subject_id"],
        unique=False,
    )
    for statement in isolate("noc_verdict", "select, insert"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("set lock_timeout = '5s'")
    op.drop_index(op.f("ix_noc_verdict_tenant_id_subject_kind_subject_id"), table_name="noc_verdict")
    op.drop_index(op.f("ix_noc_verdict_tenant_id_person_id_occurred_at"), table_name="noc_verdict")
    op.drop_index("ix_noc_verdict_day", table_name="noc_verdict", postgresql_using="brin")
    op.drop_table("noc_verdict")
