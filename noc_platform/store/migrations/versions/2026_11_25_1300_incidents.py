"""Signals as audits collect them, alerts, and the incidents they make, behind row-level security."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from noc_platform.store.tenancy import isolate

revision = "2026_11_25_1300"
down_revision = "2026_11_25_0930"
branch_labels = None
depends_on = None

CALENDAR_SAID = {
    "kind": (
        "What is the matter; maintenance mutes findings.",
        "What is the matter; maintenance mutes findings and alerts.",
    ),
    "finding_types": (
        "Types of findings that maintenance mutes, with commas between; null for all.",
        "Types of findings and alerts that maintenance mutes, with commas between; null for all.",
    ),
}
RANKS = "'INFO', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'"
# What people say of alerts by the API; how they came to be is the pipeline's alone.
ALERT_SAID = (
    "status",
    "acknowledged_at",
    "acknowledged_by",
    "assigned_at",
    "assigned_by",
    "assigned_to",
    "escalated_at",
    "escalated_to",
    "escalates_at",
    "resolved_at",
    "resolved_by",
    "resolution_notes",
    "updated_at",
)
# What people say of incidents, and what an incident says anew when they merge or split.
INCIDENT_SAID = (
    "person_id",
    "site_id",
    "title",
    "signals",
    "combined_severity",
    "severity_rank",
    "correlation_score",
    "score_parts",
    "related_alerts_count",
    "people_count",
    "started_at",
    "ended_at",
    "merged_into",
    "acknowledged_at",
    "acknowledged_by",
    "investigated",
    "investigated_at",
    "investigated_by",
    "investigation_notes",
    "is_false_positive",
    "root_cause_identified",
    "root_cause_description",
    "updated_at",
)


def upgrade() -> None:
    op.execute("set lock_timeout = '5s'")
    _make_windows()
    _make_alerts()
    _make_incidents()
    isolated = (
        *isolate("noc_signal_window"),
        *isolate("noc_alert", f"select, update ({', '.join(ALERT_SAID)})"),
        *isolate("noc_alert_occurrence"),
        *isolate("noc_correlated_incident", f"select, insert, update ({', '.join(INCIDENT_SAID)})"),
        *isolate("noc_incident_signal", "select, update (incident_id)"),
        *isolate("noc_incident_alert", "select, update (incident_id)"),
        # Who merges what was split takes back what was said of the split.
        *isolate("noc_incident_link", "select, insert, update (reason, made_at, made_by), delete"),
    )
    for statement in isolated:
        op.execute(statement)
    # Maintenance mutes alerts as well from here on.
    for column, (_, comment) in CALENDAR_SAID.items():
        op.alter_column("noc_calendar_window", column, comment=comment)


def _make_windows() -> None:
    op.create_table(
        "noc_signal_window",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column(
            "window_end", sa.DateTime(timezone=True), nullable=False, comment="The audit's moment; not in the window."
        ),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("site_id", sa.String(), comment="Where they were on duty; null where that is not known."),
        sa.Column(
            "since", sa.DateTime(timezone=True), nullable=False, comment="From when on it has been so, as far as known."
        ),
        sa.Column(
            "phone_events_count", sa.BigInteger(), comment="This and the next four are the signals; null is not known."
        ),
        sa.Column("location_updates_count", sa.BigInteger()),
        sa.Column("movement_distance_meters", sa.Double()),
        sa.Column("tasks_completed_count", sa.BigInteger()),
        sa.Column("tour_checkpoints_scanned", sa.BigInteger()),
        sa.Column("tasks_due", sa.BigInteger(), nullable=False),
        sa.Column("checkpoints_due", sa.BigInteger(), nullable=False),
        sa.Column("last_heard_at", sa.DateTime(timezone=True), comment="By the phone's clock."),
        sa.Column(
            "is_unheard",
            sa.Boolean(),
            comment="On duty, and nothing comes from the phone; null is not known, as below.",
        ),
        sa.Column("is_quiet", sa.Boolean(), comment="Fewer than 5 phone events and fewer than 3 positions."),
        sa.Column("is_idle", sa.Boolean(), comment="No phone event and no task done."),
        sa.Column("is_still", sa.Boolean(), comment="Less than 10 m of movement."),
        sa.Column("is_without_position", sa.Boolean(), comment="Phone events, and no position."),
        sa.Column("is_outside", sa.Boolean(), comment="The newest good position lies outside the site's fence."),
        sa.Column("misses_checkpoints", sa.Boolean(), comment="Checkpoints were due and none was scanned."),
        sa.Column("misses_tasks", sa.Boolean(), comment="Tasks were due and none was done."),
        sa.Column("silence", sa.String(), comment="Why little was heard, as the audit concluded."),
        sa.Column("silence_reason", sa.String(), comment="The same in words."),
        sa.CheckConstraint("since <= window_end", name=op.f("ck_noc_signal_window_since")),
        sa.CheckConstraint("window_start < window_end", name=op.f("ck_noc_signal_window_window")),
        sa.PrimaryKeyConstraint("tenant_id", "person_id", "window_end", name=op.f("pk_noc_signal_window")),
        comment="Signals as audits collected them, of who was on duty and whose signals say something.",
    )
    op.create_index(
        op.f("ix_noc_signal_window_tenant_id_site_id_window_end"),
        "noc_signal_window",
        ["tenant_id", "site_id", "window_end"],
    )
    op.create_index(op.f("ix_noc_signal_window_window_end"), "noc_signal_window", ["window_end"])


def _make_alerts() -> None:
    op.create_table(
        "noc_alert",
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String()),
        sa.Column("site_id", sa.String()),
        sa.Column("person_id", sa.String()),
        sa.Column("device_id", sa.String()),
        sa.Column("entity_type", sa.String()),
        sa.Column("entity_id", sa.String()),
        sa.Column("alert_type", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False, comment="The worst of its occurrences."),
        sa.Column("severity_rank", sa.SmallInteger(), nullable=False, comment="The severity as a number: 0 is INFO."),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("dedup_key", sa.String(), nullable=False, comment="What it is about: the same for every repeat."),
        sa.Column("message", sa.String(), comment="As the source last said."),
        sa.Column(
            "occurrence_count", sa.BigInteger(), nullable=False, comment="How often it was raised, this time included."
        ),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "caused_by",
            sa.String(),
            comment="The platform's own finding it was made from, such as FINDING:…; else null.",
        ),
        sa.Column(
            "muted_by", sa.String(), comment="What makes it not worth telling anybody, and why; null if nothing does."
        ),
        sa.Column(
            "parent_alert_id", sa.Uuid(), comment="The alert whose cause explains this one, where that is an alert."
        ),
        sa.Column(
            "reopened_count", sa.Integer(), nullable=False, comment="How often it came back shortly after it was over."
        ),
        sa.Column(
            "flapping_since", sa.DateTime(timezone=True), comment="Since when it comes and goes; null if it does not."
        ),
        sa.Column(
            "escalates_at", sa.DateTime(timezone=True), comment="When it is passed on unless somebody has looked at it."
        ),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True)),
        sa.Column("acknowledged_by", sa.String()),
        sa.Column("assigned_at", sa.DateTime(timezone=True)),
        sa.Column("assigned_by", sa.String()),
        sa.Column("assigned_to", sa.String()),
        sa.Column("escalated_at", sa.DateTime(timezone=True)),
        sa.Column("escalated_to", sa.String(), comment="Whom it was passed on to; null for nobody in particular."),
        sa.Column("resolved_at", sa.DateTime(timezone=True)),
        sa.Column("resolved_by", sa.String(), comment="A person, source, or platform."),
        sa.Column("resolution_notes", sa.String()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(status = 'RESOLVED') = (resolved_at is not null)", name=op.f("ck_noc_alert_resolved")),
        sa.CheckConstraint(
            f"severity_rank = array_position(array[{RANKS}], severity::text) - 1",
            name=op.f("ck_noc_alert_severity_rank"),
        ),
        sa.CheckConstraint("first_seen_at <= last_seen_at", name=op.f("ck_noc_alert_seen")),
        sa.CheckConstraint("occurrence_count > 0", name=op.f("ck_noc_alert_occurrence_count")),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_noc_alert")),
        comment="Alerts: one active for each thing that is wrong, however often it is raised.",
    )
    op.create_index(
        op.f("ix_noc_alert_escalates_at"), "noc_alert", ["escalates_at"], postgresql_where=sa.text("status = 'NEW'")
    )
    op.create_index(
        op.f("ix_noc_alert_tenant_id_dedup_key_last_seen_at"), "noc_alert", ["tenant_id", "dedup_key", "last_seen_at"]
    )
    op.create_index(
        op.f("ix_noc_alert_tenant_id_person_id_last_seen_at"), "noc_alert", ["tenant_id", "person_id", "last_seen_at"]
    )
    op.create_index(
        op.f("ix_noc_alert_tenant_id_site_id_last_seen_at"), "noc_alert", ["tenant_id", "site_id", "last_seen_at"]
    )
    op.create_index(
        op.f("ix_noc_alert_tenant_id_status_severity_rank_last_seen_at"),
        "noc_alert",
        ["tenant_id", "status", "severity_rank", "last_seen_at"],
    )
    op.create_index(
        "uq_noc_alert_active",
        "noc_alert",
        ["tenant_id", "dedup_key"],
        unique=True,
        postgresql_where=sa.text("status in ('ACKNOWLEDGED', 'ASSIGNED', 'ESCALATED', 'NEW')"),
    )
    op.create_table(
        "noc_alert_occurrence",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False, comment="The row of noc_alert_event."),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "event_id", name=op.f("pk_noc_alert_occurrence")),
        comment="Which alert each raising of it belongs to: nothing that was raised is lost.",
    )
    op.create_index(
        op.f("ix_noc_alert_occurrence_alert_id_occurred_at"), "noc_alert_occurrence", ["alert_id", "occurred_at"]
    )
    op.create_index(op.f("ix_noc_alert_occurrence_occurred_at"), "noc_alert_occurrence", ["occurred_at"])


def _make_incidents() -> None:
    op.create_table(
        "noc_correlated_incident",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), comment="Whom it is about; null where several are."),
        sa.Column("site_id", sa.String(), comment="Where; null where that is not known, or several are."),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column(
            "signals",
            JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="What signals said, by person.",
        ),
        sa.Column("combined_severity", sa.String(), server_default="INFO", nullable=False),
        sa.Column("severity_rank", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("correlation_window_minutes", sa.Integer(), server_default="15", nullable=False),
        sa.Column("correlation_score", sa.Double(), server_default="0", nullable=False),
        sa.Column(
            "score_parts", JSONB(), nullable=False, comment="entity, proximity and consistency of the best match."
        ),
        sa.Column("correlation_type", sa.String(), server_default="TIME_ENTITY", nullable=False),
        sa.Column("related_alerts_count", sa.Integer(), nullable=False),
        sa.Column("people_count", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False, comment="When the story begins."),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False, comment="Until when it is known to go on."),
        sa.Column("detected_at", sa.DateTime(timezone=True), nullable=False, comment="The moment it was found at."),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True)),
        sa.Column("acknowledged_by", sa.String()),
        sa.Column("investigated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("investigated_at", sa.DateTime(timezone=True)),
        sa.Column("investigated_by", sa.String()),
        sa.Column("investigation_notes", sa.String(), server_default="", nullable=False),
        sa.Column("is_false_positive", sa.Boolean(), comment="Null until somebody knows."),
        sa.Column("root_cause_identified", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("root_cause_description", sa.String(), server_default="", nullable=False),
        sa.Column("merged_into", sa.Uuid(), comment="The incident that tells this story now."),
        sa.CheckConstraint(
            "root_cause_identified = (root_cause_description <> '')", name=op.f("ck_noc_correlated_incident_root_cause")
        ),
        sa.CheckConstraint(
            f"severity_rank = array_position(array[{RANKS}], combined_severity::text) - 1",
            name=op.f("ck_noc_correlated_incident_severity_rank"),
        ),
        sa.CheckConstraint(
            "correlation_score between 0 and 1", name=op.f("ck_noc_correlated_incident_correlation_score")
        ),
        sa.CheckConstraint(
            "investigated = (investigated_at is not null)", name=op.f("ck_noc_correlated_incident_investigated")
        ),
        sa.CheckConstraint("started_at <= ended_at", name=op.f("ck_noc_correlated_incident_span")),
        sa.PrimaryKeyConstraint("incident_id", name=op.f("pk_noc_correlated_incident")),
        sa.UniqueConstraint("tenant_id", "incident_id", name=op.f("uq_noc_correlated_incident_tenant_id_incident_id")),
        comment="Signals and alerts that are one story; one open incident for each.",
    )
    op.create_index(op.f("ix_noc_correlated_incident_ended_at"), "noc_correlated_incident", ["ended_at"])
    op.create_index(
        op.f("ix_noc_correlated_incident_tenant_id_severity_rank_detected_at"),
        "noc_correlated_incident",
        ["tenant_id", "severity_rank", "detected_at"],
    )
    op.create_index("noc_corr_severity_inv_idx", "noc_correlated_incident", ["combined_severity", "investigated"])
    op.create_index("noc_corr_tenant_person_idx", "noc_correlated_incident", ["tenant_id", "person_id", "detected_at"])
    op.create_index("noc_corr_tenant_site_idx", "noc_correlated_incident", ["tenant_id", "site_id", "detected_at"])
    op.create_table(
        "noc_incident_signal",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "incident_id"],
            ["noc_correlated_incident.tenant_id", "noc_correlated_incident.incident_id"],
            name=op.f("fk_noc_incident_signal_tenant_id_noc_correlated_incident"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "person_id", "window_end", name=op.f("pk_noc_incident_signal")),
        comment="Windows of noc_signal_window that belong to an incident; each to one.",
    )
    op.create_index(op.f("ix_noc_incident_signal_incident_id"), "noc_incident_signal", ["incident_id"])
    op.create_index(op.f("ix_noc_incident_signal_window_end"), "noc_incident_signal", ["window_end"])
    op.create_table(
        "noc_incident_alert",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False, comment="The occurrence of the alert."),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("severity", sa.String(), nullable=False, comment="Of this occurrence."),
        sa.Column("person_id", sa.String(), nullable=False, comment="Whose window it matches best."),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False, comment="That window."),
        sa.Column("score", sa.Double(), nullable=False, comment="The sum of the next three, 1 at most."),
        sa.Column("entity", sa.Double(), nullable=False, comment="The same person and site, person, or site."),
        sa.Column("proximity", sa.Double(), nullable=False, comment="How near in time."),
        sa.Column("consistency", sa.Double(), nullable=False, comment="Whether the alert says what the signals say."),
        sa.ForeignKeyConstraint(
            ["tenant_id", "incident_id"],
            ["noc_correlated_incident.tenant_id", "noc_correlated_incident.incident_id"],
            name=op.f("fk_noc_incident_alert_tenant_id_noc_correlated_incident"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "event_id", name=op.f("pk_noc_incident_alert")),
        comment="Occurrences of alerts that belong to an incident; each to one.",
    )
    op.create_index(op.f("ix_noc_incident_alert_alert_id"), "noc_incident_alert", ["alert_id"])
    op.create_index(op.f("ix_noc_incident_alert_incident_id"), "noc_incident_alert", ["incident_id"])
    op.create_index(op.f("ix_noc_incident_alert_occurred_at"), "noc_incident_alert", ["occurred_at"])
    op.create_table(
        "noc_incident_link",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False, comment="MERGED_FROM, SPLIT_FROM, FOLLOWS, REPEATS or RELATED."),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False, comment="A person, or platform."),
        sa.ForeignKeyConstraint(
            ["tenant_id", "incident_id"],
            ["noc_correlated_incident.tenant_id", "noc_correlated_incident.incident_id"],
            name=op.f("fk_noc_incident_link_tenant_id_noc_correlated_incident"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "other_id"],
            ["noc_correlated_incident.tenant_id", "noc_correlated_incident.incident_id"],
            name="fk_noc_incident_link_other_id",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "incident_id", "other_id", "kind", name=op.f("pk_noc_incident_link")),
        comment="What incidents have to do with one another.",
    )
    op.create_index(op.f("ix_noc_incident_link_incident_id"), "noc_incident_link", ["incident_id"])
    op.create_index(op.f("ix_noc_incident_link_other_id"), "noc_incident_link", ["other_id"])


def downgrade() -> None:
    op.execute("set lock_timeout = '5s'")
    for column, (comment, _) in CALENDAR_SAID.items():
        op.alter_column("noc_calendar_window", column, comment=comment)
    for table in (
        "noc_incident_link",
        "noc_incident_alert",
        "noc_incident_signal",
        "noc_correlated_incident",
        "noc_alert_occurrence",
        "noc_alert",
        "noc_signal_window",
    ):
        op.drop_table(table)
