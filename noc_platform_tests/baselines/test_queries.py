"""Which limit holds where, and where that comes from, as people see it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Connection

from noc_platform.baselines.changes import Scope
from noc_platform.baselines.limits import apply_proposals, reset, set_manual
from noc_platform.baselines.products import SITE_VERDICTS
from noc_platform.baselines.queries import Standing, Wanted, changes, judged_hours, judged_until, thresholds
from noc_platform.baselines.scoring import JUDGED_SCHEMA
from noc_platform.baselines.standing import replace_rates, restate
from noc_platform.lake.layout import Lake
from noc_platform.store.sessions import Database, Server
from noc_platform.telemetry.products import day_of, write_days
from noc_platform_tests.baselines.changes import (
    HOUR,
    METRIC,
    NOW,
    POLICY,
    SITE,
    after,
    proposed,
    put_profiles,
    put_sites,
    rated,
    said,
    scope,
)
from noc_platform_tests.baselines.operation import SUNDAY

ENOUGH = 10_000


def listed(connection: Connection, tenant: str, minutes: float = 60, **told: Any) -> list[Standing]:
    return thresholds(connection, Wanted(tenant=tenant, **told), POLICY, after(minutes), ENOUGH)


def only(connection: Connection, tenant: str, hour: int = HOUR, minutes: float = 60) -> Standing:
    (found,) = listed(connection, tenant, minutes, site=SITE, metric=METRIC, hour=hour)
    return found


def test_a_limit_says_where_it_comes_from_and_who_changed_it_last(database: Database, profiled: str) -> None:
    with database.transaction() as connection:
        first = only(connection, profiled)
        assert (first.threshold, first.source, first.site_name) == (3.0, "DEFAULT", "Site 1")
        assert (first.false_positive_rate, first.last_changed, first.last_changed_by) == (None, None, None)
        apply_proposals(connection, proposed(profiled, (None, 3.4)), SUNDAY.date(), SUNDAY, POLICY)
        learned = only(connection, profiled)
        assert (learned.threshold, learned.source) == (3.4, "LEARNED")
        assert (learned.last_changed, learned.last_changed_by) == (SUNDAY, "platform")
        set_manual(connection, scope(profiled), 2.0, said(0), POLICY)
        set_by = only(connection, profiled)
        assert (set_by.threshold, set_by.source) == (2.0, "MANUAL")
        assert (set_by.last_changed, set_by.last_changed_by) == (NOW, "ana")
        assert only(connection, profiled, HOUR + 1) == replace(learned, hour_of_week=HOUR + 1)
        reset(connection, scope(profiled), said(5, by="ben"), POLICY)
        assert only(connection, profiled).last_changed_by == "ben"
        # What held at a moment can be asked later.
        assert only(connection, profiled, minutes=2).threshold == 2.0
        replace_rates(connection, rated(profiled, (None, 0.6, True)), after(10))
        restate(connection, POLICY, after(10))
        guarded = only(connection, profiled)
    assert (guarded.threshold, guarded.source, guarded.false_positive_rate) == (4.0, "FP_GUARD", 0.6)
    assert (guarded.last_changed, guarded.last_changed_by) == (after(10), "platform")


def test_a_rate_that_moves_nothing_yet_is_shown(database: Database, profiled: str) -> None:
    """People who judged a few alarms see that it was heard."""
    few = rated(profiled, (HOUR, 0.6, False))
    place = few.column_names.index("false_positive_rate")
    few = few.set_column(place, "false_positive_rate", pa.nulls(1, pa.float64()))
    with database.transaction() as connection:
        replace_rates(connection, few, SUNDAY)
        found = only(connection, profiled)
    assert (found.source, found.false_positive_rate) == ("DEFAULT", 0.6)


def test_what_is_being_learned_has_no_limit(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        put_sites(connection, tenant)
        put_profiles(connection, tenant, is_stable=False, state="LEARNING")
        found = only(connection, tenant)
        connection.rollback()
    assert (found.threshold, found.source, found.is_stable) == (None, "LEARNING", False)


def test_lists_are_narrowed_and_come_page_by_page(database: Database, profiled: str) -> None:
    with database.transaction() as connection:
        everything = listed(connection, profiled)
        assert len(everything) == 2 * 5 * 168
        places = [(each.tenant_id, each.site_id, each.metric_type, each.hour_of_week) for each in everything]
        assert places == sorted(places)
        assert len(listed(connection, profiled, site=SITE)) == 5 * 168
        assert len(listed(connection, profiled, metric=METRIC, hour=3)) == 2
        assert listed(connection, profiled, site="s9") == []
        pages, place = [], None
        while page := thresholds(connection, Wanted(tenant=profiled), POLICY, after(60), 500, place):
            pages.extend(page)
            place = (page[-1].tenant_id, page[-1].site_id, page[-1].metric_type, page[-1].hour_of_week)
    assert pages == everything


def test_changes_are_listed_newest_first_and_narrowed(database: Database, profiled: str) -> None:
    with database.transaction() as connection:
        made = [
            set_manual(connection, Scope(profiled, site, METRIC, hour), 2.0 + number / 10, said(number), POLICY)
            for number, (site, hour) in enumerate([("s0", None), (SITE, HOUR), (SITE, None), (SITE, HOUR)])
        ]
        assert changes(connection, Wanted(tenant=profiled), 10) == made[::-1]
        assert changes(connection, Wanted(tenant=profiled), 2) == made[:1:-1]
        assert changes(connection, Wanted(tenant=profiled, site="s0"), 10) == made[:1]
        assert changes(connection, Wanted(tenant=profiled, site=SITE, hour=HOUR), 10) == [made[3], made[1]]


def test_tenants_see_their_own_alone(server: Server, profiled: str) -> None:
    other = f"{profiled}-other"
    with server.pipeline.transaction() as connection:
        put_sites(connection, other)
        put_profiles(connection, other)
        for tenant in (profiled, other):
            set_manual(connection, scope(tenant), 2.0, said(), POLICY)
            replace_rates(connection, rated(tenant, (HOUR, 0.6, True)), NOW)
    with server.api.transaction(profiled) as connection:
        everything = thresholds(connection, Wanted(), POLICY, after(60), ENOUGH)
        assert {each.tenant_id for each in everything} == {profiled}
        assert {each.tenant_id for each in changes(connection, Wanted(), 10)} == {profiled}
        assert listed(connection, other) == []
        assert changes(connection, Wanted(tenant=other), 10) == []
    with server.api.transaction() as connection:
        assert thresholds(connection, Wanted(), POLICY, after(60), ENOUGH) == []


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Two days of verdicts of two tenants at two sites."""
    rows = [
        {
            "tenant_id": tenant, "site_id": site, "metric_type": metric, "bucket": SUNDAY + timedelta(hours=hour),
            "hour_of_week": hour, "evidence_z": -1.0, "verdict": "USUAL",
        }
        for tenant in ("t", "u") for site in ("s0", "s1") for metric in (METRIC, "tour_checkpoints")
        for hour in range(48)
    ]  # fmt: skip
    judged = pa.Table.from_pylist(rows, schema=JUDGED_SCHEMA)
    lake = Lake(str(tmp_path / "lake"))
    write_days(lake, SITE_VERDICTS, judged, sorted(set(day_of(judged).to_pylist())))
    return lake


def test_stored_hours_are_of_the_scope_and_the_time_asked_for(lake: Lake) -> None:
    since, until = SUNDAY + timedelta(hours=5), SUNDAY + timedelta(hours=30)
    found = judged_hours(lake, Scope("t", SITE, METRIC), since, until).to_pylist()
    assert [row["bucket"] for row in found] == [since + timedelta(hours=hour) for hour in range(25)]
    assert {(row["tenant_id"], row["site_id"], row["metric_type"]) for row in found} == {("t", SITE, METRIC)}
    assert judged_hours(lake, Scope("nobody", SITE, METRIC), since, until).num_rows == 0
    assert judged_until(lake, "t") == SUNDAY + timedelta(days=2)
    assert judged_until(lake, "nobody") is None
