"""What Dagster loads: in a fresh interpreter, without anything heavy, and every asset explains itself."""

import subprocess
import sys

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


def test_schedules_state_their_zone() -> None:
    for schedule in defs.schedules or []:
        assert isinstance(schedule, dg.ScheduleDefinition)
        assert schedule.execution_timezone
