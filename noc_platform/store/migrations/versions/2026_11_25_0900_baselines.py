"""What is usual at every hour of every site's week, each tenant's behind row-level security."""

import sqlalchemy as sa
from alembic import op

from noc_platform.store.tenancy import isolate

revision = "2026_11_25_0900"
down_revision = "2026_11_24_0900"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set lock_timeout = '5s'")
    op.create_table(
        "noc_baseline_profile",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("metric_type", sa.String(), nullable=False),
        sa.Column("hour_of_week", sa.SmallInteger(), nullable=False, comment="Site-local, Monday 00:00 is 0."),
        sa.Column("rate", sa.Double(), comment="Of one guard in an hour; null while nothing is known of the site."),
        sa.Column("unit", sa.Double(), nullable=False, comment="What variance grows with beside the square of the mean."),
        sa.Column("dispersion", sa.Double(), comment="Relative variance beyond that."),
        sa.Column("stretch_below", sa.Double(), nullable=False, comment="What z below the usual is divided by."),
        sa.Column("stretch_above", sa.Double(), nullable=False, comment="What z above the usual is divided by."),
        sa.Column("guard_hours", sa.Double(), comment="Hours of guards there usually."),
        sa.Column("mean", sa.Double(), comment="Of the site with as many guards as usual."),
        sa.Column("std_dev", sa.Double(), comment="Around that mean, after its floor."),
        sa.Column("is_floored", sa.Boolean(), nullable=False, comment="The deviation is the least that is believed."),
        *(sa.Column(name, sa.Double()) for name in ("p5", "p25", "p50", "p75", "p95", "p99")),
        sa.Column("sample_count", sa.BigInteger(), nullable=False, comment="Hours of its own."),
        sa.Column("effective_samples", sa.Double(), nullable=False, comment="Hours behind it, its own and borrowed."),
        sa.Column("borrowed_share", sa.Double(), nullable=False, comment="Share of the rate that is not its own."),
        sa.Column("zero_share", sa.Double(), nullable=False, comment="How often there was nothing at that hour of day."),
        sa.Column("zero_samples", sa.Double(), nullable=False),
        sa.Column("is_stable", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False, comment="STABLE, LEARNING or STALE; only the first judges."),
        sa.Column("learning_start_date", sa.DateTime(timezone=True)),
        sa.Column("newest_sample_at", sa.DateTime(timezone=True)),
        sa.Column(
            "last_updated",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="What lies before this was learned from.",
        ),
        sa.Column("false_positive_rate", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("dynamic_threshold", sa.Double(), server_default=sa.text("3.0"), nullable=False),
        sa.Column("last_threshold_update", sa.DateTime(timezone=True)),
        sa.CheckConstraint("hour_of_week between 0 and 167", name=op.f("ck_noc_baseline_profile_hour_of_week")),
        sa.CheckConstraint(
            "dynamic_threshold between 1.5 and 5.0", name=op.f("ck_noc_baseline_profile_dynamic_threshold")
        ),
        sa.CheckConstraint(
            "false_positive_rate between 0 and 1", name=op.f("ck_noc_baseline_profile_false_positive_rate")
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "site_id", "metric_type", "hour_of_week", name=op.f("pk_noc_baseline_profile")
        ),
        comment="What is usual at every hour of every site's week, and how far from it is too far.",
    )
    for statement in isolate("noc_baseline_profile"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("set lock_timeout = '5s'")
    op.drop_table("noc_baseline_profile")
