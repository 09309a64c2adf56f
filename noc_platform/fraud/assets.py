"""Fraud in Dagster: evidence, what is learned from it, the model that is live, its predictions, and how it does.

What people say of predictions is learned from in the weeks to come: the loop is closed over time, so that no asset
waits for itself. From the training set on, everything is partitioned by tenant.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from noc_platform.findings.assets import audit_findings
from noc_platform.fraud.checks import (
    BALANCE,
    HEALTHY,
    HELPED,
    LEAKAGE,
    ONCE,
    ONE_LIVE,
    RANGES,
    SCORED,
    feature_specs,
    model_specs,
    performance_specs,
    prediction_specs,
    ring_specs,
    training_set_specs,
)
from noc_platform.orchestration import (
    AUDIT_POOL,
    DAILY_FRESH,
    DAY,
    LAKE_POOL,
    ONE_RUN,
    TENANT,
    TRAINING_POOL,
    TRANSIENT_RETRIES,
    WEEKLY_FRESH,
    Group,
    Owner,
)
from noc_platform.resources import Platform
from noc_platform.streams.catalogue import ATTENDANCE_EVENTS, PEOPLE, SHIFTS, SITES, TOURS_DUE, VERDICTS
from noc_platform.telemetry.assets import ARCHIVES, SOURCES, days_of, tell_days
from noc_platform.telemetry.portrait import checked, columns_of, described, preview

if TYPE_CHECKING:
    from noc_platform.fraud.cycle import Outcome, Workshop
    from noc_platform.fraud.desk import Tally

EVERY_DAY = dg.AllPartitionMapping()


class MomentConfig(dg.Config):
    """As of when."""

    as_of: str | None = Field(None, description="The moment, such as 2026-04-05T02:00:00+00:00; now unless given.")

    @property
    def moment(self) -> datetime:
        """The moment, UTC. Raises `BadInput`."""
        from noc_platform.streams.forms import instant_called

        return instant_called(self.as_of) if self.as_of else datetime.now(UTC)


@dg.asset(
    partitions_def=DAY,
    backfill_policy=ONE_RUN,
    deps=[*ARCHIVES, *(SOURCES[stream.name] for stream in (PEOPLE, SHIFTS, SITES, TOURS_DUE))],
    group_name=Group.FRAUD,
    owners=[Owner.MACHINE_LEARNING],
    kinds={"duckdb", "parquet"},
    tags={"grain": "attendance-event"},
    check_specs=feature_specs("fraud_features"),
    freshness_policy=DAILY_FRESH,
    retry_policy=TRANSIENT_RETRIES,
    pool=LAKE_POOL,
    code_version="1",
)
def fraud_features(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
    """The twelve features, those after them and the facts of every reported state of an attendance, as known then."""
    from noc_platform.fraud.history import refresh_features
    from noc_platform.fraud.soundness import out_of_range, repeated

    written = refresh_features(platform.database, platform.lake, days_of(context))
    tell_days(context, written.by_day)
    rows = written.rows
    return dg.MaterializeResult(
        metadata=described(rows, written.files),
        check_results=[
            checked("fraud_features", RANGES, rows.num_rows, out_of_range(rows)),
            checked("fraud_features", ONCE, rows.num_rows, repeated(rows)),
        ],
    )


@dg.asset(
    partitions_def=TENANT,
    deps=[dg.AssetDep(fraud_features, partition_mapping=EVERY_DAY), SOURCES[VERDICTS.name]],
    group_name=Group.FRAUD,
    owners=[Owner.MACHINE_LEARNING],
    kinds={"parquet", "postgres"},
    tags={"grain": "attendance-event"},
    check_specs=training_set_specs("fraud_training_set"),
    freshness_policy=WEEKLY_FRESH,
    retry_policy=TRANSIENT_RETRIES,
    code_version="1",
)
def fraud_training_set(
    context: dg.AssetExecutionContext, config: MomentConfig, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult:
    """What people said of attendances by then, with the evidence of those events as it was when they came in."""
    from noc_platform.fraud.history import keep_training_set, training_set
    from noc_platform.fraud.soundness import leaked, out_of_range, unbalanced

    history = platform.settings.fraud_policy.history
    with platform.database.transaction() as connection:
        made = training_set(connection, platform.lake, context.partition_key, config.moment, history)
    keep_training_set(platform.lake, made)
    rows = made.rows
    return dg.MaterializeResult(
        metadata={
            "rows_written": rows.num_rows,
            "dagster/column_schema": columns_of(rows.schema),
            "as_of": made.as_of.isoformat(),
            "labelled_attendances": made.labelled,
            "frauds": made.positives,
            "sha256": made.sha256,
            "preview": preview(rows),
        },
        check_results=[
            checked("fraud_training_set", LEAKAGE, rows.num_rows, leaked(made)),
            checked("fraud_training_set", BALANCE, made.labelled, unbalanced(made)),
            checked("fraud_training_set", RANGES, rows.num_rows, out_of_range(rows)),
        ],
    )


@dg.asset(
    partitions_def=TENANT,
    deps=[fraud_training_set],
    group_name=Group.FRAUD,
    owners=[Owner.MACHINE_LEARNING],
    kinds={"scikitlearn", "mlflow"},
    tags={"grain": "tenant"},
    check_specs=model_specs("fraud_model"),
    freshness_policy=WEEKLY_FRESH,
    pool=TRAINING_POOL,
    code_version="1",
)
def fraud_model(
    context: dg.AssetExecutionContext, config: MomentConfig, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult:
    """The tenant's fraud model: trained, judged by the gate, live if it is better; refused or skipped with reasons."""
    from noc_platform.fraud.cycle import train

    workshop = workshop_of(context, platform)
    outcome = train(workshop, context.partition_key, config.moment, datetime.now(UTC))
    _raise_if_failed(outcome)
    return dg.MaterializeResult(
        metadata=_told(outcome, platform), check_results=[_mirrored(workshop, context.partition_key)]
    )


class ScoringConfig(dg.Config):
    """Which events are scored."""

    since: str | None = Field(None, description="Those received since then; those PostgreSQL keeps unless given.")

    def moment(self, otherwise: datetime) -> datetime:
        """Since when, UTC. Raises `BadInput`."""
        from noc_platform.streams.forms import instant_called

        return instant_called(self.since) if self.since else otherwise


@dg.asset(
    partitions_def=TENANT,
    deps=[
        dg.AssetDep(fraud_features, partition_mapping=EVERY_DAY),
        fraud_model,
        SOURCES[ATTENDANCE_EVENTS.name],
    ],
    group_name=Group.FRAUD,
    owners=[Owner.MACHINE_LEARNING, Owner.OPERATIONS],
    kinds={"postgres", "scikitlearn"},
    tags={"grain": "attendance-event"},
    check_specs=prediction_specs("fraud_predictions"),
    retry_policy=TRANSIENT_RETRIES,
    pool=AUDIT_POOL,
    code_version="1",
)
def fraud_predictions(
    context: dg.AssetExecutionContext, config: ScoringConfig, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult:
    """A score and its reasons for every reported state of an attendance, once; alerts, and what to review."""
    from noc_platform.fraud.desk import Desk, waiting
    from noc_platform.fraud.predictions import RecordPolicy

    settings, tenant = platform.settings, context.partition_key
    since = config.moment(datetime.now(UTC) - settings.retention)
    desk = Desk(RecordPolicy.of(settings.door_policy, settings.fraud_policy), lambda: datetime.now(UTC))
    tally = desk.score_new(platform.database, platform.lake, tenant, since)
    with platform.database.transaction() as connection:
        left = waiting(connection, since).get(tenant)
    failures = [f"{tenant} has events without a prediction, the newest received {left}"] if left else []
    return dg.MaterializeResult(
        metadata=_tallied(tally), check_results=[checked("fraud_predictions", SCORED, tally.events, failures)]
    )


@dg.asset(
    partitions_def=TENANT,
    deps=[fraud_predictions, SOURCES[VERDICTS.name]],
    group_name=Group.FRAUD,
    owners=[Owner.MACHINE_LEARNING],
    kinds={"postgres", "python"},
    tags={"grain": "tenant"},
    check_specs=performance_specs("model_performance"),
    freshness_policy=DAILY_FRESH,
    retry_policy=TRANSIENT_RETRIES,
    code_version="1",
)
def model_performance(
    context: dg.AssetExecutionContext, config: MomentConfig, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult:
    """How the live model does, by what people said since: accuracy, calibration, drift; and what that asks for."""
    from noc_platform.fraud.cycle import act_on
    from noc_platform.fraud.observing import observe
    from noc_platform.fraud.watch import Verdict

    tenant = context.partition_key
    with platform.database.transaction() as connection:
        seen = observe(connection, tenant, config.moment)
    return dg.MaterializeResult(
        metadata={
            "rows_written": 1,
            "as_of": config.moment.isoformat(),
            "model": seen.model_id,
            "verdict": str(seen.verdict),
            "asks_for": str(seen.action) if seen.action else "nothing",
            "did": act_on(workshop_of(context, platform), tenant, seen),
            "reason": dg.MetadataValue.md(seen.reason),
            "measures": dg.MetadataValue.json(dict(seen.measures)),
            "drift": dg.MetadataValue.json(list(seen.drifted)),
        },
        check_results=[
            dg.AssetCheckResult(
                passed=seen.verdict is not Verdict.BAD,
                check_name=HEALTHY,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"verdict": str(seen.verdict), "reason": dg.MetadataValue.md(seen.reason)},
            )
        ],
    )


@dg.asset(
    deps=[audit_findings, SOURCES[ATTENDANCE_EVENTS.name]],
    group_name=Group.FRAUD,
    owners=[Owner.OPERATIONS],
    kinds={"postgres", "python"},
    tags={"grain": "finding"},
    check_specs=ring_specs("collusion_rings"),
    freshness_policy=DAILY_FRESH,
    retry_policy=TRANSIENT_RETRIES,
    pool=AUDIT_POOL,
    code_version="1",
)
def collusion_rings(config: MomentConfig, platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
    """Guards who punch in for one another again and again: one finding for each ring, with who did what for whom."""
    from noc_platform.fraud.ring_watch import look_for_rings

    with platform.database.transaction() as connection:
        seen = look_for_rings(connection, platform.lake, config.moment, platform.settings.finding_policy)
    small = [f"ring {ring.ring_id} has {len(ring.members)} members" for ring in seen.rings if len(ring.members) < 3]
    told = [f"- {ring.tenant_id}, {ring.site_id}: {ring.reason}" for ring in seen.rings]
    return dg.MaterializeResult(
        metadata={
            "rows_written": seen.recorded.opened,
            "as_of": seen.as_of.isoformat(),
            "attendance_rows": seen.attendances,
            "rings": dg.MetadataValue.md("\n".join(told) or "none"),
        },
        check_results=[checked("collusion_rings", HELPED, len(seen.rings), small)],
    )


def workshop_of(context: dg.AssetExecutionContext, platform: Platform) -> "Workshop":
    """What a training works with, and where its run is shown."""
    from noc_platform.fraud.cycle import Workshop

    page = f"http://127.0.0.1:{platform.settings.dagster_port}/runs/{context.run_id}"
    return Workshop(
        platform.database, platform.lake, platform.registry, platform.settings.fraud_policy,
        lambda: datetime.now(UTC), context.run_id, page,
    )  # fmt: skip


def _raise_if_failed(outcome: "Outcome") -> None:
    """A training that failed is a failed run too; one that was refused or skipped has done its work."""
    from noc_platform.fraud.vocabulary import RunStatus

    if outcome.run.status is RunStatus.FAILED:
        raise dg.Failure(outcome.run.reason, allow_retries=False)


def _told(outcome: "Outcome", platform: Platform) -> dict[str, Any]:
    run, version = outcome.run, outcome.version
    mlflow = f"http://127.0.0.1:{platform.settings.mlflow_port}"
    shown: dict[str, Any] = {
        "rows_written": int(version is not None),
        "status": run.status.value,
        "reason": dg.MetadataValue.md(run.reason),
        "labelled_attendances": run.labelled,
        "frauds": run.positives,
    }
    if version is not None:
        shown |= {"version": version.number, "model": dg.MetadataValue.url(f"{mlflow}/{version.page}")}
    if outcome.page is not None:
        shown["mlflow_run"] = dg.MetadataValue.url(f"{mlflow}/{outcome.page}")
    if outcome.trained is not None:
        shown |= {
            name: number.value for name, number in outcome.trained.test.numbers.items() if number.value == number.value
        }
    return shown


def _mirrored(workshop: "Workshop", tenant: str) -> dg.AssetCheckResult:
    from noc_platform.errors import NocError
    from noc_platform.fraud.cycle import mirror

    try:
        mirror(workshop, tenant, datetime.now(UTC))
    except NocError as error:
        return checked("fraud_model", ONE_LIVE, 1, [str(error)])
    return checked("fraud_model", ONE_LIVE, 1, [])


def _tallied(tally: "Tally") -> dict[str, Any]:
    recorded = tally.recorded
    return {
        "rows_written": recorded.predictions,
        "events": tally.events,
        "flagged": recorded.flagged,
        "anomalies": recorded.anomalies,
        "reviews_asked_for": recorded.reviews,
        "shadow_predictions": tally.shadows,
        "model_version": tally.version or "none needed",
        "rules_because": tally.fell_back or "no fallback",
    }
