"""The simulated calendar: every holiday is told beforehand, closures mostly, maintenance changes nothing."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noc_platform.baselines.calendar import calendar_of, sites_of, windows_of
from noc_platform.findings.vocabulary import KINDS
from noc_platform.simulator.announced import MUTED, calendar
from noc_platform.simulator.frames import arrow_table
from noc_platform.simulator.population import build_world
from noc_platform.simulator.reference import reference_frames
from noc_platform.simulator.truth import closed_days
from noc_platform.simulator.world import World, WorldPlan
from noc_platform.simulator.writer import write_world
from noc_platform.streams.arrow import arrow_schema
from noc_platform.streams.catalogue import CALENDAR, CLOSURE, HOLIDAY, MAINTENANCE, SITES
from noc_platform.telemetry.vocabulary import Window

PLAN = WorldPlan(guards=60, sites=60, days=120, seed=5)
Row = dict[str, Any]


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(PLAN)


@pytest.fixture(scope="module")
def told(world: World) -> pa.Table:
    return pa.concat_tables([arrow_table(calendar(world, number), CALENDAR) for number in range(PLAN.days)])


@pytest.fixture(scope="module")
def zones(world: World) -> dict[tuple[str, str], ZoneInfo]:
    sites = arrow_table(reference_frames(world)["sites"], SITES).to_pylist()
    return {(row["tenant_id"], row["site_id"]): ZoneInfo(row["time_zone"]) for row in sites}


def of_kind(told: pa.Table, kind: str) -> list[Row]:
    return [row for row in told.to_pylist() if row["kind"] == kind]


def days_of(rows: list[Row], zones: dict[tuple[str, str], ZoneInfo]) -> dict[tuple[str, str, date], str]:
    """Site-local days that rows cover from midnight to midnight, and why."""
    found = {}
    for row in rows:
        site = (row["tenant_id"], row["site_id"])
        starts, ends = (row[name].astimezone(zones[site]) for name in ("starts_at", "ends_at"))
        assert starts.time() == ends.time() == datetime.min.time()
        for number in range((ends.date() - starts.date()).days):
            found[*site, starts.date() + timedelta(days=number)] = row["reason"]
    return found


def test_every_holiday_is_told_by_its_name(
    world: World, told: pa.Table, zones: dict[tuple[str, str], ZoneInfo]
) -> None:
    truth = closed_days(world).to_pylist()
    wanted = {(row["tenant_id"], row["site_id"], row["day"]): row["holiday"] for row in truth if row["holiday"]}
    found = days_of(of_kind(told, HOLIDAY), zones)
    assert wanted
    assert {key: name for key, name in found.items() if key[2] <= PLAN.day(PLAN.days - 1)} == wanted


def test_most_closures_are_told_before_and_some_are_not(
    world: World, told: pa.Table, zones: dict[tuple[str, str], ZoneInfo]
) -> None:
    truth = closed_days(world).to_pylist()
    closed = {(row["tenant_id"], row["site_id"], row["day"]) for row in truth if row["is_closed"]}
    rows = of_kind(told, CLOSURE)
    found = {key for key in days_of(rows, zones) if key[2] <= PLAN.day(PLAN.days - 1)}
    assert found < closed
    assert 0.6 < len(found) / len(closed) < 0.95
    assert all(row["received_at"] < row["starts_at"] for row in rows)


def test_maintenance_comes_each_week_at_few_sites_and_mutes_what_can_be_found(world: World, told: pa.Table) -> None:
    rows = of_kind(told, MAINTENANCE)
    assert len({(row["tenant_id"], row["site_id"]) for row in rows}) == len(rows) == 6
    assert {row["finding_types"] for row in rows} == set(MUTED)
    assert {name for types in MUTED if types for name in types.split(",")} <= set(KINDS)
    first = datetime.combine(PLAN.first_day, datetime.min.time(), ZoneInfo("UTC"))
    sites = sites_of(arrow_table(reference_frames(world)["sites"], SITES))
    made = calendar_of(windows_of(told_whole(rows)), sites, Window(first, first + timedelta(days=28)))
    assert made.unplaced == ()
    # Two hours a week, four weeks; three are touched where the zone stands at the half hour.
    assert 6 * 8 <= made.hours().num_rows <= 6 * 12


def told_whole(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, arrow_schema(CALENDAR))


def test_identities_are_unique_within_a_tenant(told: pa.Table) -> None:
    keys = [(row["tenant_id"], row["window_id"]) for row in told.to_pylist()]
    assert len(keys) == len(set(keys))


def test_a_written_world_has_it_by_roster_day(tmp_path: Path) -> None:
    plan = WorldPlan(guards=3, sites=2, days=2, seed=3)
    manifest = write_world(plan, tmp_path / "w")
    files = [file for file in manifest.files if file.stream == CALENDAR.name]
    assert [file.path for file in files] == [f"calendar/calendar-{plan.day(number)}.parquet" for number in range(2)]
    kinds = {row["kind"] for file in files for row in pq.ParquetFile(tmp_path / "w" / file.path).read().to_pylist()}
    assert MAINTENANCE in kinds
