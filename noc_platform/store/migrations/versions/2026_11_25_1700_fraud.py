"""Fraud: limits of its rules, predictions, anomalies, reviews, models and when each was live."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from noc_platform.store.tenancy import isolate

revision = "2026_11_25_1700"
down_revision = "2026_11_25_1300"
branch_labels = None
depends_on = None

SHARED = ("site_id", "device_id", "template_id")


def upgrade() -> None:
    op.execute("set lock_timeout = '5s'")
    _tables()
    isolated = (
        *isolate("noc_fraud_limit", "select, insert"),
        # The API scores what it receives; what people say of a prediction comes by the door.
        *isolate("noc_fraud_prediction", "select, insert"),
        *isolate("noc_attendance_anomaly", "select, insert"),
        *isolate("noc_fraud_review", "select, insert, update"),
        *isolate("noc_ml_model_metrics"),
        *isolate("noc_ml_model_period"),
        *isolate("noc_ml_training_run"),
        *isolate("noc_ml_notice"),
        *isolate("noc_model_performance"),
    )
    for statement in isolated:
        op.execute(statement)

    # Who shares a phone or a face, and who came to a site, is asked of every event that is scored.
    for column in SHARED:
        name = f"ix_noc_attendance_event_tenant_id_{column}_occurred_at"
        op.create_index(op.f(name), "noc_attendance_event", ["tenant_id", column, "occurred_at"])


def _tables() -> None:
    op.execute("set lock_timeout = '5s'")
    op.create_table(
        "noc_attendance_anomaly",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("attendance_id", sa.String(), nullable=False),
        sa.Column(
            "anomaly_type", sa.String(), nullable=False, comment="The detector; one row for each of an attendance."
        ),
        sa.Column("anomaly_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False, comment="The reported state it was first seen in."),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("site_id", sa.String(), nullable=True),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("status", sa.String(), server_default="DETECTED", nullable=False),
        sa.Column("detected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confidence_score", sa.Double(), nullable=False),
        sa.Column(
            "fraud_score", sa.SmallInteger(), nullable=False, comment="Of the prediction it was found with, hundredths."
        ),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("evidence", JSONB(), nullable=False),
        sa.CheckConstraint(
            "status in ('DETECTED', 'INVESTIGATING', 'CONFIRMED', 'FALSE_POSITIVE', 'RESOLVED')",
            name=op.f("ck_noc_attendance_anomaly_status"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "attendance_id", "anomaly_type", name=op.f("pk_noc_attendance_anomaly")),
        sa.UniqueConstraint("anomaly_id", name=op.f("uq_noc_attendance_anomaly_anomaly_id")),
        comment="What the fraud rules found in attendances: one row for each kind.",
    )
    op.create_index(
        op.f("ix_noc_attendance_anomaly_tenant_id_person_id_detected_at"),
        "noc_attendance_anomaly",
        ["tenant_id", "person_id", "detected_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_noc_attendance_anomaly_tenant_id_site_id_detected_at"),
        "noc_attendance_anomaly",
        ["tenant_id", "site_id", "detected_at"],
        unique=False,
    )
    op.create_table(
        "noc_fraud_limit",
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column(
            "number",
            sa.BigInteger(),
            sa.Identity(always=False),
            nullable=False,
            comment="In the order they were written.",
        ),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column(
            "client_id",
            sa.String(),
            nullable=True,
            comment="The client it holds for; null, without a site, for the whole tenant.",
        ),
        sa.Column(
            "site_id",
            sa.String(),
            nullable=True,
            comment="The site it holds for; null for every site of the client, or of the tenant.",
        ),
        sa.Column("name", sa.String(), nullable=False, comment="Which limit of a rule."),
        sa.Column("value", sa.Double(), nullable=True, comment="Null for none of its own any more."),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint("btrim(reason) <> '' and btrim(made_by) <> ''", name=op.f("ck_noc_fraud_limit_reason")),
        sa.CheckConstraint("client_id is null or site_id is null", name=op.f("ck_noc_fraud_limit_scope")),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_noc_fraud_limit")),
        comment="Limits of the fraud rules, set by people: a site's before its client's before its tenant's.",
    )
    op.create_index(
        op.f("ix_noc_fraud_limit_tenant_id_name_number"),
        "noc_fraud_limit",
        ["tenant_id", "name", "number"],
        unique=False,
    )
    op.create_table(
        "noc_fraud_prediction",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column(
            "event_id", sa.Uuid(), nullable=False, comment="The reported state of the attendance that was scored."
        ),
        sa.Column("is_shadow", sa.Boolean(), nullable=False, comment="Made by a challenger, and acted on by nobody."),
        sa.Column("prediction_id", sa.Uuid(), nullable=False),
        sa.Column("attendance_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("site_id", sa.String(), nullable=True),
        sa.Column("stage", sa.String(), nullable=False, comment="IN or OUT; each has a prediction of its own."),
        sa.Column(
            "happened_at", sa.DateTime(timezone=True), nullable=False, comment="The features are as of this moment."
        ),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False, comment="And as was known at this one."),
        sa.Column("predicted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prediction_type", sa.String(), server_default="ATTENDANCE", nullable=False),
        sa.Column("method", sa.String(), nullable=False, comment="MODEL, or RULES where there was none."),
        sa.Column("model_id", sa.Uuid(), nullable=True, comment="The row of noc_ml_model_metrics; null for rules."),
        sa.Column(
            "model_version", sa.String(), nullable=False, comment="The version of the tenant's model, or rules-v1."
        ),
        sa.Column(
            "fraud_probability",
            sa.Double(),
            nullable=False,
            comment="Of the model, calibrated; or the score of rules-v1.",
        ),
        sa.Column("rule_score", sa.SmallInteger(), nullable=False, comment="Of the detectors that fired, hundredths."),
        sa.Column(
            "rule_floor",
            sa.SmallInteger(),
            nullable=False,
            comment="What is due whatever the rest: a certain detection, or what the model flags.",
        ),
        sa.Column(
            "fraud_score",
            sa.SmallInteger(),
            nullable=False,
            comment="The highest of the three, hundredths: decides all.",
        ),
        sa.Column("risk_level", sa.String(), nullable=False),
        sa.Column("is_flagged", sa.Boolean(), nullable=False, comment="High enough for an alert."),
        sa.Column(
            "model_confidence", sa.Double(), nullable=False, comment="Share of what is asked that was known, 0 to 1."
        ),
        sa.Column("base_rate", sa.Double(), nullable=False, comment="What reasons add up from."),
        sa.Column("features", JSONB(), nullable=False, comment="As the model was given them; null for not known."),
        sa.Column("reasons", JSONB(), nullable=False, comment="What each feature adds to the probability, most first."),
        sa.Column("detections", JSONB(), nullable=False, comment="Rules that fired, with their evidence."),
        sa.Column("latency_ms", sa.Double(), nullable=False, comment="From its row to its score; of a batch the mean."),
        sa.Column(
            "actual_fraud", sa.Boolean(), nullable=True, comment="What people said last; null until somebody does."
        ),
        sa.Column("labelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(method = 'MODEL') = (model_id is not null)", name=op.f("ck_noc_fraud_prediction_model")),
        sa.CheckConstraint("method in ('MODEL', 'RULES')", name=op.f("ck_noc_fraud_prediction_method")),
        sa.CheckConstraint(
            "risk_level in ('MINIMAL', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL')",
            name=op.f("ck_noc_fraud_prediction_risk_level"),
        ),
        sa.CheckConstraint("stage in ('IN', 'OUT')", name=op.f("ck_noc_fraud_prediction_stage")),
        sa.CheckConstraint("fraud_probability between 0 and 1", name=op.f("ck_noc_fraud_prediction_fraud_probability")),
        sa.CheckConstraint("fraud_score between 0 and 100", name=op.f("ck_noc_fraud_prediction_fraud_score")),
        sa.PrimaryKeyConstraint("tenant_id", "event_id", "is_shadow", name=op.f("pk_noc_fraud_prediction")),
        sa.UniqueConstraint("prediction_id", name=op.f("uq_noc_fraud_prediction_prediction_id")),
        comment="Every score of every reported state of an attendance, once, with what it was made from and why.",
    )
    op.create_index(
        op.f("ix_noc_fraud_prediction_tenant_id_attendance_id"),
        "noc_fraud_prediction",
        ["tenant_id", "attendance_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_noc_fraud_prediction_tenant_id_model_id_predicted_at"),
        "noc_fraud_prediction",
        ["tenant_id", "model_id", "predicted_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_noc_fraud_prediction_tenant_id_person_id_happened_at"),
        "noc_fraud_prediction",
        ["tenant_id", "person_id", "happened_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_noc_fraud_prediction_tenant_id_risk_level_happened_at"),
        "noc_fraud_prediction",
        ["tenant_id", "risk_level", "happened_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_noc_fraud_prediction_tenant_id_site_id_happened_at"),
        "noc_fraud_prediction",
        ["tenant_id", "site_id", "happened_at"],
        unique=False,
    )
    op.create_table(
        "noc_fraud_review",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("attendance_id", sa.String(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("selection", sa.String(), nullable=False, comment="FLAGGED by its score, or RANDOM."),
        sa.Column(
            "selection_probability", sa.Double(), nullable=False, comment="Chance with which it came to be asked."
        ),
        sa.Column("fraud_score", sa.SmallInteger(), nullable=False, comment="Hundredths."),
        sa.Column("selected_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("selection in ('FLAGGED', 'RANDOM')", name=op.f("ck_noc_fraud_review_selection")),
        sa.CheckConstraint(
            "selection_probability > 0 and selection_probability <= 1",
            name=op.f("ck_noc_fraud_review_selection_probability"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "attendance_id", name=op.f("pk_noc_fraud_review")),
        comment="Attendances people are asked to look at: what is flagged, and a few by chance, so that both can be known.",
    )
    op.create_index(
        op.f("ix_noc_fraud_review_tenant_id_selected_at"),
        "noc_fraud_review",
        ["tenant_id", "selected_at"],
        unique=False,
    )
    op.create_table(
        "noc_ml_model_metrics",
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("model_type", sa.String(), server_default="fraud_detection", nullable=False),
        sa.Column(
            "model_version",
            sa.Integer(),
            nullable=False,
            comment="Of the tenant's registered model; never given twice.",
        ),
        sa.Column("precision", sa.Double(), nullable=True),
        sa.Column("recall", sa.Double(), nullable=True),
        sa.Column("f1_score", sa.Double(), nullable=True),
        sa.Column("accuracy", sa.Double(), nullable=True),
        sa.Column("pr_auc", sa.Double(), nullable=True),
        sa.Column("roc_auc", sa.Double(), nullable=True),
        sa.Column("calibration_error", sa.Double(), nullable=True),
        sa.Column("measures", JSONB(), nullable=False, comment="All that was measured, with intervals and by slice."),
        sa.Column(
            "threshold",
            sa.Double(),
            nullable=False,
            comment="Of the probability, chosen on rows no model was fitted to.",
        ),
        sa.Column("training_samples", sa.Integer(), nullable=False),
        sa.Column("validation_samples", sa.Integer(), nullable=False),
        sa.Column("test_samples", sa.Integer(), nullable=False),
        sa.Column("fraud_samples", sa.Integer(), nullable=False),
        sa.Column("normal_samples", sa.Integer(), nullable=False),
        sa.Column(
            "training_date", sa.DateTime(timezone=True), nullable=False, comment="Nothing known later was learned from."
        ),
        sa.Column(
            "is_active", sa.Boolean(), server_default=sa.text("false"), nullable=False, comment="Scores events now."
        ),
        sa.Column(
            "is_challenger",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Scores in shadow, for nobody.",
        ),
        sa.Column("algorithm", sa.String(), nullable=False),
        sa.Column("hyperparameters", JSONB(), nullable=False),
        sa.Column("feature_names", JSONB(), nullable=False),
        sa.Column("reference", JSONB(), nullable=False, comment="How each feature lay in training, to tell drift by."),
        sa.Column("artefact_uri", sa.String(), nullable=False),
        sa.Column("artefact_bytes", sa.BigInteger(), nullable=False),
        sa.Column("artefact_sha256", sa.String(), nullable=False),
        sa.Column("library_versions", JSONB(), nullable=False),
        sa.Column("mlflow_run_id", sa.String(), nullable=False),
        sa.Column("dagster_run_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "pruned_at", sa.DateTime(timezone=True), nullable=True, comment="Since when its artefact is no longer kept."
        ),
        sa.CheckConstraint("not (is_active and is_challenger)", name=op.f("ck_noc_ml_model_metrics_challenger")),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_noc_ml_model_metrics")),
        sa.UniqueConstraint("tenant_id", "model_id", name=op.f("uq_noc_ml_model_metrics_tenant_id_model_id")),
        sa.UniqueConstraint(
            "tenant_id",
            "model_type",
            "model_version",
            name=op.f("uq_noc_ml_model_metrics_tenant_id_model_type_model_version"),
        ),
        comment="Every registered model, what it was measured at, and which one scores events now.",
    )
    op.create_index(
        "noc_ml_metrics_type_date_idx",
        "noc_ml_model_metrics",
        ["model_type", sa.literal_column("training_date desc")],
        unique=False,
    )
    op.create_index(
        "uq_noc_ml_model_metrics_challenger",
        "noc_ml_model_metrics",
        ["tenant_id", "model_type"],
        unique=True,
        postgresql_where=sa.text("is_challenger"),
    )
    op.create_index(
        "uq_noc_ml_model_metrics_active",
        "noc_ml_model_metrics",
        ["tenant_id", "model_type"],
        unique=True,
        postgresql_where=sa.text("is_active"),
    )
    op.create_table(
        "noc_ml_model_period",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("model_type", sa.String(), nullable=False),
        sa.Column("live_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("live_until", sa.DateTime(timezone=True), nullable=True, comment="Null for the one that is live."),
        sa.Column("model_id", sa.Uuid(), nullable=True, comment="Null while rules alone scored."),
        sa.Column("changed_by", sa.String(), nullable=False, comment="A person, or platform."),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint("live_until is null or live_until >= live_from", name=op.f("ck_noc_ml_model_period_span")),
        sa.PrimaryKeyConstraint("tenant_id", "model_type", "live_from", name=op.f("pk_noc_ml_model_period")),
        comment="When each model was live, so that it can be asked what scored an event.",
    )
    op.create_index(
        "uq_noc_ml_model_period_live",
        "noc_ml_model_period",
        ["tenant_id", "model_type"],
        unique=True,
        postgresql_where=sa.text("live_until is null"),
    )
    op.create_table(
        "noc_ml_notice",
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("model_type", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False, comment="FAILING or RECOVERED."),
        sa.Column("streak_began", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered", sa.Boolean(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_noc_ml_notice")),
        sa.UniqueConstraint(
            "tenant_id",
            "model_type",
            "kind",
            "streak_began",
            name=op.f("uq_noc_ml_notice_tenant_id_model_type_kind_streak_began"),
        ),
        comment="What the ML team was told of trainings, once for each streak.",
    )
    op.create_table(
        "noc_ml_training_run",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("model_type", sa.String(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False, comment="Nothing known later was learned from."),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("labelled", sa.Integer(), nullable=False, comment="Events with a label."),
        sa.Column("positives", sa.Integer(), nullable=False),
        sa.Column("mlflow_run_id", sa.String(), nullable=True),
        sa.Column("dagster_run_id", sa.String(), nullable=True),
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("measures", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.CheckConstraint(
            "status in ('SUCCEEDED', 'REJECTED', 'SKIPPED', 'FAILED')", name=op.f("ck_noc_ml_training_run_status")
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_noc_ml_training_run")),
        sa.UniqueConstraint(
            "tenant_id", "model_type", "as_of", name=op.f("uq_noc_ml_training_run_tenant_id_model_type_as_of")
        ),
        comment="Every training and what it came to: also those that made no model.",
    )
    op.create_table(
        "noc_model_performance",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=True, comment="Null while rules alone score."),
        sa.Column("measures", JSONB(), nullable=False),
        sa.Column("drifted", JSONB(), nullable=False, comment="Each feature against how it lay in training."),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=True, comment="RETRAIN or ROLLBACK, where that is asked for."),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "as_of", name=op.f("pk_noc_model_performance")),
        comment="How the live model does, day by day, by what people said since.",
    )


def downgrade() -> None:
    op.execute("set lock_timeout = '5s'")
    for column in SHARED:
        op.drop_index(op.f(f"ix_noc_attendance_event_tenant_id_{column}_occurred_at"), "noc_attendance_event")
    for table in (
        "noc_model_performance",
        "noc_ml_notice",
        "noc_ml_training_run",
        "noc_ml_model_period",
        "noc_ml_model_metrics",
        "noc_fraud_review",
        "noc_attendance_anomaly",
        "noc_fraud_prediction",
        "noc_fraud_limit",
    ):
        op.drop_table(table)
