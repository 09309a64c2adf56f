"""What Dagster loads: in a fresh interpreter, without anything heavy, and every asset explains itself."""

import subprocess
import sys
from datetime import UTC, datetime

import dagster as dg
import pytest

from noc_platform.definitions import defs

HEAVY = ("sqlalchemy", "psycopg", "pyarrow", "duckdb", "ibis", "pandas", "great_expectations", "mlflow", "matplotlib")


def test_definitions_load_in_a_fresh_interpreter_without_anything_heavy() -> None:
    code = f"import sys, noc_platform.definitions as d; d.defs; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def specs() -> dict[dg.AssetKey, dg.AssetSpec]:
    return {spec.key: spec for spec in defs.resolve_all_asset_specs()}


def test_every_asset_explains_itself(specs: dict[dg.AssetKey, dg.AssetSpec]) -> None:
    graph = defs.resolve_asset_graph()
    checked = {check.asset_key for check in graph.asset_check_keys}
    for key, spec in specs.items():
        assert spec.description, key
        assert spec.owners, key
        assert spec.kinds, key
        assert spec.group_name != "default", key
        assert key in checked or key.path[0] == "postgres", f"{key.to_user_string()}: say what must hold"


def test_lineage_runs_from_postgres_to_the_signals_of_sites(specs: dict[dg.AssetKey, dg.AssetSpec]) -> None:
    graph = defs.resolve_asset_graph()
    upstream = graph.get_ancestor_asset_keys(dg.AssetKey("site_activity_signals"))
    for stream in ("device_events", "location_updates", "jobneeds", "attendance_events"):
        assert dg.AssetKey(["postgres", stream]) in upstream
        assert dg.AssetKey(["lake", stream]) in upstream
    assert dg.AssetKey(["postgres", "shifts"]) in upstream


def test_lineage_runs_from_what_people_say_to_the_next_findings() -> None:
    graph = defs.resolve_asset_graph()
    upstream = graph.get_ancestor_asset_keys(dg.AssetKey("audit_findings"))
    named = {key.to_user_string() for key in upstream}
    assert {"postgres/verdicts", "false_positive_rates", "dynamic_thresholds", "baseline_profiles"} <= named
    assert {"site_verdicts", "site_activity_signals", "postgres/calendar", "postgres/device_events"} <= named


def test_lineage_runs_from_signals_and_alerts_to_incidents() -> None:
    graph = defs.resolve_asset_graph()
    upstream = {key.to_user_string() for key in graph.get_ancestor_asset_keys(dg.AssetKey("correlated_incidents"))}
    assert {"alerts", "audit_findings", "postgres/alerts", "postgres/device_events", "site_verdicts"} <= upstream


def test_schedules_state_their_zone_and_run_without_being_asked() -> None:
    for schedule in defs.schedules or []:
        assert isinstance(schedule, dg.ScheduleDefinition)
        assert schedule.execution_timezone
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


@pytest.mark.parametrize("job", ["heartbeat_audit", "comprehensive_audit", "deep_audit", "learn_baselines"])
def test_what_runs_on_schedule_is_of_the_moment_it_was_due(job: str) -> None:
    (schedule,) = [
        each for each in defs.schedules or [] if isinstance(each, dg.ScheduleDefinition) and each.job_name == job
    ]
    due = datetime(2026, 3, 29, 3, tzinfo=UTC)
    context = dg.build_schedule_context(scheduled_execution_time=due)
    (request,) = schedule.evaluate_tick(context).run_requests or []
    moments = {op["config"]["as_of"] for op in request.run_config["ops"].values()}
    assert moments == {due.isoformat()}
    assert dg.validate_run_config(defs.resolve_job_def(job), request.run_config)


def test_no_two_audits_fall_on_one_minute_and_one_falls_on_every_fifth() -> None:
    audits = [each for each in defs.schedules or [] if isinstance(each, dg.ScheduleDefinition) and "audit" in each.name]
    crons = [str(each.cron_schedule).split() for each in audits]
    assert all(cron[1:] == ["*"] * 4 for cron in crons)
    minutes = sorted(int(minute) for cron in crons for minute in cron[0].split(","))
    assert len(audits) == 3
    assert minutes == list(range(0, 60, 5))
