"""Days and hours that are not as usual: reference data, each tenant's rows behind row-level security."""

import sqlalchemy as sa
from alembic import op

from noc_platform.store.tenancy import isolate

revision = "2026_11_25_0910"
down_revision = "2026_11_25_0900"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set lock_timeout = '5s'")
    op.create_table(
        "noc_calendar_window",
        sa.Column("tenant_id", sa.String(), nullable=False, comment="The tenant the row belongs to."),
        sa.Column("window_id", sa.String(), nullable=False, comment="The stretch of time."),
        sa.Column("kind", sa.String(), nullable=False, comment="What is the matter; maintenance mutes findings."),
        sa.Column(
            "site_id",
            sa.String(),
            nullable=True,
            comment="The site; null for every site of the client, or of the tenant.",
        ),
        sa.Column(
            "client_id",
            sa.String(),
            nullable=True,
            comment="The client; null, without a site, for the whole tenant.",
        ),
        sa.Column(
            "starts_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When it begins; where it recurs, for the first time.",
        ),
        sa.Column(
            "ends_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When it ends, at most 366 days later; where it recurs, for the first time.",
        ),
        sa.Column(
            "recurrence",
            sa.String(),
            nullable=True,
            comment="How it comes again by the clock of its zone: an RRULE (RFC 5545) such as FREQ=WEEKLY;BYDAY=SU, "
            "daily or rarer; null for once.",
        ),
        sa.Column(
            "time_zone",
            sa.String(),
            nullable=True,
            comment="IANA zone by whose clock it recurs; null for the site's.",
        ),
        sa.Column(
            "finding_types",
            sa.String(),
            nullable=True,
            comment="Types of findings that maintenance mutes, with commas between; null for all.",
        ),
        sa.Column("reason", sa.String(), nullable=True, comment="Why, in people's words."),
        sa.Column("is_cancelled", sa.Boolean(), nullable=True, comment="Does not take place, none of its occurrences."),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the platform knew, UTC; stamped at the door where the source does not say.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "window_id", name=op.f("pk_noc_calendar_window")),
        comment="Stretches of time in which a site, a client or a whole tenant is not as usual.",
    )
    op.create_index(
        op.f("ix_noc_calendar_window_tenant_id_site_id_starts_at"),
        "noc_calendar_window",
        ["tenant_id", "site_id", "starts_at"],
        unique=False,
    )
    for statement in isolate("noc_calendar_window"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("set lock_timeout = '5s'")
    op.drop_index(op.f("ix_noc_calendar_window_tenant_id_site_id_starts_at"), table_name="noc_calendar_window")
    op.drop_table("noc_calendar_window")
