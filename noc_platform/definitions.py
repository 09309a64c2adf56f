"""What Dagster loads: the union of the faces, and the resources."""

import dagster as dg

from noc_platform.baselines import assets as baselines
from noc_platform.baselines.jobs import judge_days, learn_baselines, weekly_baselines
from noc_platform.correlation.assets import alerts, correlated_incidents
from noc_platform.correlation.jobs import AUDIT_SCHEDULES, comprehensive_audit, deep_audit, heartbeat_audit
from noc_platform.findings.assets import audit_findings
from noc_platform.fraud import assets as fraud
from noc_platform.fraud.jobs import FRAUD_JOBS, FRAUD_SCHEDULES
from noc_platform.fraud.sensors import events_to_score, training_requested
from noc_platform.resources import RESOURCES
from noc_platform.telemetry import assets as telemetry
from noc_platform.telemetry.jobs import nightly_retention, retention, telemetry_pipeline
from noc_platform.telemetry.sensors import days_with_new_telemetry

defs = dg.Definitions(
    assets=[
        *telemetry.SOURCES.values(),
        *telemetry.ARCHIVES,
        telemetry.activity_signals,
        telemetry.site_activity_signals,
        telemetry.telemetry_retention,
        baselines.baseline_profiles,
        baselines.false_positive_rates,
        baselines.dynamic_thresholds,
        baselines.site_verdicts,
        audit_findings,
        alerts,
        correlated_incidents,
        fraud.fraud_features,
        fraud.fraud_training_set,
        fraud.fraud_model,
        fraud.fraud_predictions,
        fraud.model_performance,
        fraud.collusion_rings,
    ],
    jobs=[
        telemetry_pipeline,
        retention,
        learn_baselines,
        judge_days,
        heartbeat_audit,
        comprehensive_audit,
        deep_audit,
        *FRAUD_JOBS,
    ],
    schedules=[nightly_retention, weekly_baselines, *AUDIT_SCHEDULES, *FRAUD_SCHEDULES],
    sensors=[days_with_new_telemetry, events_to_score, training_requested],
    resources=RESOURCES,
)
