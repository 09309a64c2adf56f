"""Baselines where they are kept: replaced whole, repeatable, and each tenant's alone."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sqlalchemy import text

from noc_platform.baselines.calibration import simulate
from noc_platform.baselines.changes import Scope
from noc_platform.baselines.limits import set_manual
from noc_platform.baselines.products import last_sunday, newest_sunday, refresh_profiles, refresh_verdicts
from noc_platform.baselines.queries import judged_hours
from noc_platform.findings.queries import ADJUDICATED_SCHEMA
from noc_platform.journal.ledger import Said
from noc_platform.lake.layout import Lake
from noc_platform.settings import BaselinePolicy, ThresholdPolicy
from noc_platform.store.sessions import Database, Server
from noc_platform.streams.catalogue import CALENDAR, SITES, TENANTS
from noc_platform.telemetry.products import SITE_ACTIVITY_SIGNALS, day_of, write_days
from noc_platform_tests.baselines.operation import SUNDAY, history, rows_where
from noc_platform_tests.builders import put

POLICY, LIMITS = BaselinePolicy(), ThresholdPolicy()
NEXT_WEEK = [SUNDAY.date() + timedelta(days=number) for number in range(7)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def operation(database: Database, lake: Lake, tenant: str) -> Iterator[str]:
    """Four weeks of a tenant's signals, the last of which is to be judged."""
    with database.transaction() as connection:
        put(connection, TENANTS, [{"tenant_id": tenant, "name": tenant}])
        rows = [{"site_id": f"s{n}", "name": f"Site {n}", "time_zone": "UTC"} for n in range(4)]
        put(connection, SITES, rows, tenant)
    signals = history(4, tenant=tenant, until=SUNDAY + timedelta(weeks=1))
    write_days(lake, SITE_ACTIVITY_SIGNALS, signals, sorted(set(day_of(signals).to_pylist())))
    yield tenant
    with database.transaction() as connection:
        connection.execute(text("delete from noc_baseline_profile"))


def stored(database: Database, tenant: str) -> list[tuple[object, ...]]:
    with database.transaction() as connection:
        query = text("select * from noc_baseline_profile where tenant_id = :tenant order by 2, 3, 4")
        return [tuple(row) for row in connection.execute(query, {"tenant": tenant})]


def test_a_week_begins_with_its_sunday() -> None:
    assert last_sunday(date(2026, 3, 1)) == datetime(2026, 3, 1, tzinfo=UTC)
    assert last_sunday(date(2026, 3, 7)) == datetime(2026, 3, 1, tzinfo=UTC)
    assert last_sunday(date(2026, 3, 8)) == datetime(2026, 3, 8, tzinfo=UTC)


def test_learning_again_replaces_and_changes_nothing(database: Database, lake: Lake, operation: str) -> None:
    """Defect 28."""
    assert newest_sunday(lake) == SUNDAY
    refresh_profiles(database, lake, SUNDAY, POLICY, LIMITS, SUNDAY)
    first = stored(database, operation)
    refresh_profiles(database, lake, SUNDAY, POLICY, LIMITS, SUNDAY)
    assert len(first) == 4 * 5 * 168
    assert stored(database, operation) == first


def test_a_day_is_judged_by_the_sunday_before_it_whenever_that_is_done(
    database: Database, lake: Lake, operation: str
) -> None:
    fresh = refresh_verdicts(database, lake, NEXT_WEEK, POLICY, LIMITS)
    refresh_profiles(database, lake, SUNDAY, POLICY, LIMITS, SUNDAY)
    by_stored = refresh_verdicts(database, lake, NEXT_WEEK, POLICY, LIMITS)
    refresh_profiles(database, lake, SUNDAY + timedelta(weeks=1), POLICY, LIMITS, SUNDAY)
    later = refresh_verdicts(database, lake, NEXT_WEEK, POLICY, LIMITS)
    assert fresh.rows.num_rows == 4 * 5 * 168
    for again in (by_stored, later):
        assert again.rows["verdict"].equals(fresh.rows["verdict"])
        assert again.rows["evidence_z"].equals(fresh.rows["evidence_z"])
    (monday,) = [each for each in NEXT_WEEK if each.weekday() == 0]
    alone = refresh_verdicts(database, lake, [monday], POLICY, LIMITS)
    of_day = fresh.rows.filter(pc.equal(day_of(fresh.rows), monday))
    assert alone.rows["evidence_z"].equals(of_day["evidence_z"]), "evidence reaches into the day before"


def test_a_holiday_is_neither_learned_from_nor_judged(database: Database, lake: Lake, operation: str) -> None:
    with database.transaction() as connection:
        days = {"past": SUNDAY - timedelta(days=2), "coming": SUNDAY + timedelta(days=2)}
        rows = [
            {"window_id": name, "kind": "HOLIDAY", "starts_at": start, "ends_at": start + timedelta(days=1)}
            for name, start in days.items()
        ]
        put(connection, CALENDAR, rows, operation)
    profiles = refresh_profiles(database, lake, SUNDAY, POLICY, LIMITS, SUNDAY)
    # Friday's 24 hours were seen three times, one of them on a holiday.
    of_friday = rows_where(profiles, tenant_id=operation, hour_of_week=4 * 24 + 12)
    assert {row["sample_count"] for row in of_friday} == {2}
    judged = refresh_verdicts(database, lake, NEXT_WEEK, POLICY, LIMITS).rows
    of_tuesday = judged.filter(pc.equal(day_of(judged), days["coming"].date()))
    assert set(of_tuesday["verdict"].to_pylist()) == {"SPECIAL"}


def test_a_lower_limit_finds_more_from_the_hour_it_is_in_force_and_as_was_told(
    database: Database, lake: Lake, operation: str
) -> None:
    """A stable baseline, a limit lowered by somebody, and more is found: what overrides were hard-coded for (defect
    27). Hours that were over before are judged as they were."""
    refresh_profiles(database, lake, SUNDAY, POLICY, LIMITS, SUNDAY)
    before = refresh_verdicts(database, lake, NEXT_WEEK, POLICY, LIMITS).rows
    scope, since = Scope(operation, "s1", "phone_events"), SUNDAY + timedelta(days=3, hours=10, minutes=20)
    end = SUNDAY + timedelta(weeks=1)
    judged = judged_hours(lake, scope, since, end)
    told = simulate(judged, ADJUDICATED_SCHEMA.empty_table(), scope, 1.5, end, days=7)
    with database.transaction() as connection:
        set_manual(connection, scope, 1.5, Said("ana", "two guards were moved there", since), LIMITS)
    after = refresh_verdicts(database, lake, NEXT_WEEK, POLICY, LIMITS).rows
    first = datetime(since.year, since.month, since.day, since.hour, tzinfo=UTC)
    order = [(name, "ascending") for name in ("tenant_id", "site_id", "metric_type", "bucket")]
    for row, was in zip(after.sort_by(order).to_pylist(), before.sort_by(order).to_pylist(), strict=True):
        is_changed = row["site_id"] == "s1" and row["metric_type"] == "phone_events" and row["bucket"] >= first
        assert row["evidence_z"] == was["evidence_z"]
        if is_changed:
            assert (row["threshold"], row["threshold_source"]) == (1.5, "MANUAL")
        else:
            assert (row["threshold"], row["verdict"]) == (was["threshold"], was["verdict"])
    assert anomalous(after) > anomalous(before)
    assert told.would is not None
    assert told.did is not None
    assert told.would.alert_count > told.did.alert_count


def anomalous(rows: pa.Table) -> int:
    return int(rows.filter(pc.equal(rows["verdict"], "ANOMALOUS")).num_rows)


def test_the_api_sees_the_baselines_of_its_tenant_alone(
    server: Server, database: Database, lake: Lake, operation: str
) -> None:
    refresh_profiles(database, lake, SUNDAY, POLICY, LIMITS, SUNDAY)
    count = text("select count(*) from noc_baseline_profile")
    with server.api.transaction(operation) as connection:
        assert connection.execute(count).scalar() == 4 * 5 * 168
    with server.api.transaction("somebody-else") as connection:
        assert connection.execute(count).scalar() == 0


def test_without_any_history_there_is_nothing_and_no_error(database: Database, lake: Lake, tenant: str) -> None:
    assert newest_sunday(lake) is None
    assert refresh_verdicts(database, lake, NEXT_WEEK, POLICY, LIMITS).rows.num_rows == 0
