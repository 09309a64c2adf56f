"""How limits are changed and what people said of alarms, each tenant's rows behind row-level security."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from noc_platform.store.tenancy import isolate

revision = "2026_11_25_0930"
down_revision = "2026_11_25_0920"
branch_labels = None
depends_on = None

HOURS = "hour_of_week between 0 and 167"
SCOPE = ("tenant_id", "site_id", "metric_type", sa.text("coalesce(hour_of_week, -1)"))
# A limit that is changed tells on the profiles in the same transaction, whoever changes it.
STATED = "dynamic_threshold, false_positive_rate, last_threshold_update"


def upgrade() -> None:
    op.execute("set lock_timeout = '5s'")
    _make_changes()
    _make_rates()
    isolated = (*isolate("noc_threshold_change", "select, insert"), *isolate("noc_false_positive_rate"))
    for statement in (*isolated, f"grant update ({STATED}) on noc_baseline_profile to noc_api"):
        op.execute(statement)


def _make_changes() -> None:
    op.create_table(
        "noc_threshold_change",
        sa.Column(
            "change_id",
            sa.Uuid(),
            nullable=False,
            comment="Made from the change before it: no two follow the same one.",
        ),
        sa.Column("number", sa.BigInteger(), sa.Identity(), nullable=False, comment="In the order they were written."),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("metric_type", sa.String(), nullable=False),
        sa.Column("hour_of_week", sa.SmallInteger(), comment="Site-local, Monday 00:00 is 0; null for all hours."),
        sa.Column("kind", sa.String(), nullable=False, comment="MANUAL: a person set it. LEARNED: from verdicts."),
        sa.Column("value", sa.Double(), comment="Limit on |z| from made_at on; null for none of this kind any more."),
        sa.Column("before", sa.Double(), comment="What this kind held until then."),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False, comment="A person, or platform."),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("week", sa.Date(), comment="The Sunday whose tuning made it."),
        sa.Column("undoes", sa.Uuid(), comment="The change that this one rolled back."),
        sa.Column("inputs", JSONB(), nullable=False, comment="What was seen."),
        sa.CheckConstraint(HOURS, name=op.f("ck_noc_threshold_change_hour_of_week")),
        sa.CheckConstraint("kind in ('LEARNED', 'MANUAL')", name=op.f("ck_noc_threshold_change_kind")),
        sa.CheckConstraint("value between 1.5 and 5.0", name=op.f("ck_noc_threshold_change_value")),
        sa.CheckConstraint("btrim(reason) <> '' and btrim(made_by) <> ''", name=op.f("ck_noc_threshold_change_reason")),
        sa.CheckConstraint(
            "week is null or (kind = 'LEARNED' and extract(isodow from week) = 7)",
            name=op.f("ck_noc_threshold_change_week"),
        ),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_noc_threshold_change")),
        sa.UniqueConstraint("undoes", name=op.f("uq_noc_threshold_change_undoes")),
        comment="Every change of a limit, never changed itself: what is in force is the latest of each kind.",
    )
    op.create_index(
        "uq_noc_threshold_change_week",
        "noc_threshold_change",
        [*SCOPE, "week"],
        unique=True,
        postgresql_where=sa.text("week is not null"),
    )
    op.create_index("ix_noc_threshold_change_scope", "noc_threshold_change", [*SCOPE, "kind", "made_at", "number"])
    op.create_index(
        op.f("ix_noc_threshold_change_tenant_id_made_at_number"),
        "noc_threshold_change",
        ["tenant_id", "made_at", "number"],
    )


def _make_rates() -> None:
    op.create_table(
        "noc_false_positive_rate",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("metric_type", sa.String(), nullable=False),
        sa.Column("hour_of_week", sa.SmallInteger(), comment="Site-local, Monday 00:00 is 0; null for all hours."),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False, comment="Verdicts before it were counted."),
        sa.Column("false_positive_rate", sa.Double(), comment="Of alarms people judged, where it may move a limit."),
        sa.Column(
            "estimated_rate",
            sa.Double(),
            comment="The same wherever anything was judged; null once it has expired.",
        ),
        sa.Column(
            "is_guarded", sa.Boolean(), nullable=False, comment="False alarms hold the limit at the conservative one."
        ),
        sa.Column("adjudicated", sa.BigInteger(), nullable=False, comment="Alarms people judged."),
        sa.Column("false_positives", sa.BigInteger(), nullable=False, comment="Those of them that were nothing."),
        sa.CheckConstraint(HOURS, name=op.f("ck_noc_false_positive_rate_hour_of_week")),
        sa.CheckConstraint(
            "false_positive_rate between 0 and 1", name=op.f("ck_noc_false_positive_rate_false_positive_rate")
        ),
        sa.CheckConstraint("estimated_rate between 0 and 1", name=op.f("ck_noc_false_positive_rate_estimated_rate")),
        sa.CheckConstraint(
            "0 <= false_positives and false_positives <= adjudicated",
            name=op.f("ck_noc_false_positive_rate_counts"),
        ),
        comment="How often alarms were nothing, as people said; each week's rates together.",
    )
    op.create_index("uq_noc_false_positive_rate_scope", "noc_false_positive_rate", ["as_of", *SCOPE], unique=True)


def downgrade() -> None:
    op.execute("set lock_timeout = '5s'")
    op.execute(f"revoke update ({STATED}) on noc_baseline_profile from noc_api")
    op.drop_table("noc_false_positive_rate")
    op.drop_table("noc_threshold_change")
