"""The clock on a site's wall, over both switches of the year, on every engine."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import pyarrow as pa
import pytest

from noc_platform.store.sessions import Server
from noc_platform.streams.arrow import arrow_schema
from noc_platform.streams.catalogue import SITES
from noc_platform.telemetry.local_time import local_hours, with_local_time
from noc_platform.telemetry.queries import all_sites
from noc_platform.telemetry.vocabulary import Window
from noc_platform_tests.engines import Engine, opened

TENANT = "t"
ZONES = {"athens": "Europe/Athens", "delhi": "Asia/Kolkata", "home": "UTC", "nowhere": "Middle-earth/Shire"}
SUNDAY = 6 * 24
BUCKETS = pa.schema([("tenant_id", pa.string()), ("site_id", pa.string()), ("bucket", pa.timestamp("us", tz="UTC"))])


@pytest.fixture(scope="module", params=["duckdb", "postgres", pytest.param("spark", marks=pytest.mark.spark)])
def engine(request: pytest.FixtureRequest, server: Server) -> Iterator[Engine]:
    with opened(request.param, server) as engine:
        yield engine


def told(engine: Engine, site: str | None, day: datetime, hours: list[int]) -> list[tuple[Any, Any]]:
    sites = [{"tenant_id": TENANT, "site_id": name, "name": name, "time_zone": zone} for name, zone in ZONES.items()]
    declared = pa.schema([field.with_nullable(True) for field in arrow_schema(SITES)])
    rows = [{"tenant_id": TENANT, "site_id": site, "bucket": day + timedelta(hours=hour)} for hour in hours]
    held = pa.Table.from_pylist([{name: row.get(name) for name in declared.names} for row in sites], schema=declared)
    engine.hold({SITES.table: held, "noc_hours_asked": pa.Table.from_pylist(rows, schema=BUCKETS)})
    asked = ibis.table(ibis.Schema.from_pyarrow(BUCKETS), name="noc_hours_asked")
    window = Window(day, day + timedelta(days=1))
    found = engine.rows(with_local_time(asked, all_sites(), local_hours(ZONES.values(), window)))
    return [(row["hour_of_week"], row["is_night"]) for row in sorted(found, key=lambda row: row["bucket"])]


def test_in_autumn_one_hour_of_the_week_comes_twice(engine: Engine) -> None:
    day = datetime(2026, 10, 25, tzinfo=UTC)
    night = [(SUNDAY + 3, True), (SUNDAY + 3, True), (SUNDAY + 4, True), (SUNDAY + 5, True), (SUNDAY + 6, False)]
    assert told(engine, "athens", day, [0, 1, 2, 3, 4]) == night


def test_in_spring_one_hour_of_the_week_is_missing(engine: Engine) -> None:
    day = datetime(2027, 3, 28, tzinfo=UTC)
    assert told(engine, "athens", day, [0, 1]) == [(SUNDAY + 2, True), (SUNDAY + 4, True)]


def test_an_hour_off_by_half_is_judged_by_its_start(engine: Engine) -> None:
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    assert told(engine, "delhi", monday, [14, 15]) == [(19, False), (20, True)]


def test_the_week_begins_on_the_sites_monday(engine: Engine) -> None:
    sunday = datetime(2026, 11, 22, tzinfo=UTC)
    assert told(engine, "delhi", sunday, [18, 19]) == [(SUNDAY + 23, True), (0, True)]
    assert told(engine, "home", sunday, [23]) == [(167, True)]


@pytest.mark.parametrize("site", [None, "elsewhere"])
def test_a_site_nobody_knows_has_no_clock(engine: Engine, site: str | None) -> None:
    assert told(engine, site, datetime(2026, 11, 23, tzinfo=UTC), [2]) == [(None, None)]


def test_a_zone_that_does_not_exist_leaves_its_own_hours_unknown_and_no_others(engine: Engine) -> None:
    assert told(engine, "nowhere", datetime(2026, 3, 2, tzinfo=UTC), [3]) == [(None, None)]
    assert told(engine, "home", datetime(2026, 3, 2, tzinfo=UTC), [3]) == [(3, True)]
