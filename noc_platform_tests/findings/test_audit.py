"""An audit from rows in PostgreSQL to findings: the same of any moment, whenever it is made, and mute where asked."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from noc_platform.definitions import defs
from noc_platform.errors import BadInput
from noc_platform.findings.audit import Audited, AuditPolicy, asking, audits, last_hour, spans
from noc_platform.findings.facts.moment import Facts
from noc_platform.findings.facts.prepared import asking_postgres, facts_at
from noc_platform.findings.queries import Finding, Wanted, findings, hours_of_findings
from noc_platform.findings.vocabulary import Depth, Status
from noc_platform.lake.archive import retire_all
from noc_platform.resources import Platform as Installed
from noc_platform.settings import Settings
from noc_platform.simulator.world import WorldPlan
from noc_platform.streams.catalogue import CALENDAR
from noc_platform.telemetry.vocabulary import MOST_MOMENTS, moments
from noc_platform.telemetry.windows import REMARKS, windows_between
from noc_platform_tests.builders import put
from noc_platform_tests.scoreboard.worlds import Platform, platform, written

# Small, with enough planted that something is found at once.
PLAN = WorldPlan(guards=24, sites=6, days=3, seed=11, planted=6.0)
HOUR = timedelta(hours=1)
EVERY = Wanted(statuses=())


@pytest.fixture(scope="module")
def here() -> Iterator[Platform]:
    """A platform that has taken in a small world."""
    with written(PLAN) as world, platform(world) as taken_in:
        yield taken_in


@pytest.fixture
def audited(here: Platform) -> Iterator[Platform]:
    """The same without findings, before and after."""
    yield here
    with here.server.pipeline.transaction() as connection:
        connection.execute(text("truncate noc_audit_finding, noc_decision, noc_signal_window"))
        connection.execute(text(f"delete from {CALENDAR.table} where window_id like 'test-%'"))


def policy(here: Platform) -> AuditPolicy:
    return AuditPolicy(here.settings.movement_policy, here.settings.finding_policy)


def middle() -> datetime:
    return datetime.combine(PLAN.first_day, datetime.min.time(), UTC) + timedelta(days=1, hours=12)


def made(here: Platform, *asked: datetime, depth: Depth = Depth.COMPREHENSIVE) -> list[Audited]:
    return list(audits(here.server.pipeline, here.lake, asked, depth, policy(here)))


def held(here: Platform, wanted: Wanted = EVERY) -> list[Finding]:
    with here.server.pipeline.transaction() as connection:
        return findings(connection, wanted, 10_000)


def known(here: Platform, as_of: datetime, has_left: bool) -> list[Any]:
    with here.server.pipeline.transaction() as connection:
        ask = asking(connection, here.lake, spans(as_of, as_of, policy(here).rules), policy(here))
        assert (ask is None) is not has_left
        return plain(
            facts_at(
                ask or asking_postgres([connection], policy(here).rules, policy(here).movement),
                policy(here).rules,
                as_of,
            )
        )


def plain(facts: Facts) -> list[Any]:
    """Facts in an order of their own, sums of metres to the millimetre."""
    rows = [each for part in (facts.guards, facts.tours, facts.sites, facts.feeds) for each in part]
    told = [tuple(round(v, 3) if isinstance(v, float) else v for v in astuple(each)) for each in rows]
    return sorted(told, key=repr)


def rows(connection: Connection) -> list[Any]:
    return list(connection.execute(text("select * from noc_audit_finding order by finding_id")))


def test_the_same_audit_again_changes_nothing(audited: Platform) -> None:
    asked = [middle() + HOUR * number for number in range(4)]
    first = made(audited, *asked)
    assert sum(each.recorded.opened for each in first) > 0
    with audited.server.pipeline.transaction() as connection:
        before = rows(connection)
    again = made(audited, *reversed(asked))
    assert [each.as_of for each in again] == asked, "earliest first, however they are asked for"
    assert all(each.recorded.opened == each.recorded.repeated == each.recorded.raised == 0 for each in again)
    with audited.server.pipeline.transaction() as connection:
        assert rows(connection) == before


def windows(connection: Connection) -> list[Any]:
    """Every window as it lies there: one that is written again lies elsewhere."""
    return list(connection.execute(text("select ctid::text, * from noc_signal_window order by 3, 4, 2")))


def test_an_audit_leaves_the_windows_that_say_something(audited: Platform) -> None:
    asked = [middle() + HOUR * number for number in range(2)]
    done = made(audited, *asked)
    assert all(each.windows > 0 for each in done)
    with audited.server.pipeline.transaction() as connection:
        kept = windows_between(connection, asked[0], asked[-1]).to_pylist()
        before = windows(connection)
    assert Counter(row["window_end"] for row in kept) == {each.as_of: each.windows for each in done}
    assert all(any(row[remark] for remark in REMARKS) for row in kept)
    assert all(row["window_start"] >= row["window_end"] - 2 * HOUR for row in kept)
    assert [each.windows for each in made(audited, *asked)] == [each.windows for each in done]
    with audited.server.pipeline.transaction() as connection:
        assert windows(connection) == before, "the same audits again change nothing"


def test_a_heartbeat_keeps_no_windows(audited: Platform) -> None:
    (done,) = made(audited, middle(), depth=Depth.HEARTBEAT)
    assert done.windows == 0
    with audited.server.pipeline.transaction() as connection:
        assert windows(connection) == []


def test_windows_are_kept_with_the_findings_or_not_at_all(audited: Platform) -> None:
    """A kill between the two would leave incidents about nothing."""
    with audited.server.pipeline.transaction() as connection:
        connection.execute(text("alter table noc_signal_window add constraint refused check (false) not valid"))
    try:
        with pytest.raises(IntegrityError, match="refused"):
            made(audited, middle())
        assert held(audited) == []
    finally:
        with audited.server.pipeline.transaction() as connection:
            connection.execute(text("alter table noc_signal_window drop constraint refused"))


def test_each_finding_says_what_why_and_what_to_do(audited: Platform) -> None:
    made(audited, *(middle() + 3 * HOUR * number for number in range(6)))
    for found in held(audited):
        assert found.evidence_summary.strip()
        assert "window" in found.evidence
        assert found.recommended_actions
        assert found.runbook.startswith("docs/runbooks.md#")


def test_one_open_finding_for_each_thing_however_often_it_is_seen(audited: Platform) -> None:
    """Defect 11."""
    made(audited, *(middle() + timedelta(minutes=5 * number) for number in range(13)), depth=Depth.HEARTBEAT)
    found = held(audited)
    things = Counter((each.tenant_id, each.site_id, each.finding_type, each.person_id) for each in found)
    assert max(things.values()) == 1
    assert max(each.occurrence_count for each in found) > 1


def test_a_moment_is_audited_the_same_once_its_days_have_left_postgresql(audited: Platform) -> None:
    """Nothing but `as_of` decides what was known (defect 1); facts come from wherever the rows now are."""
    as_of = middle() + 30 * timedelta(minutes=1)
    before = known(audited, as_of, has_left=False)
    assert len(before) > PLAN.sites
    retired = retire_all(audited.server.pipeline, audited.lake, timedelta(0), datetime(2027, 1, 1, tzinfo=UTC))
    assert sum(each.rows for each in retired) > 1_000
    assert all(each.kept_because is None for each in retired)
    assert known(audited, as_of, has_left=True) == before


def test_maintenance_window_suppression(audited: Platform) -> None:
    """Maintenance mutes the sites and types it is for, and leaves a decision instead of a finding."""
    as_of = middle()
    made(audited, as_of)
    muted = held(audited)[0]
    window = {
        "window_id": "test-quiet", "kind": "MAINTENANCE", "site_id": muted.site_id, "reason": "new phones",
        "starts_at": as_of - 2 * HOUR, "ends_at": as_of + 2 * HOUR,
    }  # fmt: skip
    with audited.server.pipeline.transaction() as connection:
        everything = {each.finding_id for each in held(audited)}
        connection.execute(text("truncate noc_audit_finding, noc_decision"))
        put(connection, CALENDAR, [window], muted.tenant_id)
    done = made(audited, as_of)[0]
    left = {each.finding_id for each in held(audited)}
    assert done.recorded.suppressed >= 1
    assert muted.finding_id not in left
    assert all(each.site_id != muted.site_id for each in held(audited, Wanted(tenant=muted.tenant_id)))
    assert left < everything
    with audited.server.pipeline.transaction() as connection:
        reasons = connection.execute(text("select reason from noc_decision where action = 'SUPPRESSED'")).scalars()
        assert all("test-quiet, new phones" in reason for reason in reasons)


def test_findings_stay_open_while_nothing_is_heard(audited: Platform) -> None:
    """Years later nothing comes in any more; what cannot be looked at again has not gone away."""
    made(audited, middle())
    open_then = {each.finding_id for each in held(audited, Wanted())}
    assert open_then
    made(audited, middle() + timedelta(days=365))
    assert {each.finding_id for each in held(audited, Wanted())} == open_then


def test_what_was_not_seen_for_a_day_closes_while_others_are_heard(audited: Platform) -> None:
    made(audited, middle())
    open_then = {each.finding_id for each in held(audited, Wanted())}
    made(audited, middle() + timedelta(hours=25))
    closed = {each.finding_id for each in held(audited, Wanted(statuses={Status.RESOLVED}))}
    assert closed & open_then


def test_a_heartbeat_looks_at_what_cannot_wait(audited: Platform) -> None:
    asked = [middle() + HOUR * number for number in range(12)]
    urgent = Counter(name for each in made(audited, *asked, depth=Depth.HEARTBEAT) for name in each.seen)
    every = Counter(name for each in made(audited, *asked, depth=Depth.COMPREHENSIVE) for name in each.seen)
    assert set(urgent) < set(every)
    assert {"TOUR_OVERDUE", "GHOST_SCANS"}.isdisjoint(urgent)


def test_findings_are_counted_by_the_clock_of_their_site(audited: Platform) -> None:
    made(audited, middle())
    with audited.server.pipeline.transaction() as connection:
        counted = hours_of_findings(connection, middle() - HOUR).to_pylist()
        sites = connection.execute(text("select tenant_id, site_id, time_zone from noc_site")).all()
    zones = {(tenant, site): ZoneInfo(zone) for tenant, site, zone in sites}
    placed = [each for each in held(audited) if each.site_id]
    assert sum(row["findings"] for row in counted) == len(placed)
    hours = {
        (each.tenant_id, each.site_id, local.weekday() * 24 + local.hour)
        for each in placed
        for local in [each.first_seen_at.astimezone(zones[each.tenant_id, each.site_id])]
    }
    assert {(row["tenant_id"], row["site_id"], row["hour_of_week"]) for row in counted} == hours


def test_moments_are_bounded() -> None:
    assert moments(middle()) == [middle()]
    assert moments(middle(), middle() - 2 * HOUR) == [middle() - 2 * HOUR, middle() - HOUR, middle()]
    assert moments(middle(), middle() - 50 * timedelta(minutes=1)) == [middle()]
    for since in (middle() + 2 * HOUR, middle() - MOST_MOMENTS * HOUR):
        with pytest.raises(BadInput, match=f"it must be 1 to {MOST_MOMENTS}"):
            moments(middle(), since)


def test_the_last_full_hour_is_that_of_the_newest_telemetry(here: Platform) -> None:
    with here.server.pipeline.transaction() as connection:
        found = last_hour(connection)
        question = "select max(last_received_at) from noc_telemetry_day where stream not in ('alerts', 'verdicts')"
        newest = connection.execute(text(question)).scalar_one()
    assert found is not None
    assert timedelta(0) <= newest - found < HOUR


def test_the_audit_as_dagster_runs_it(audited: Platform) -> None:
    class Here(Installed):
        settings: Settings = audited.settings

    asked = {"as_of": middle().isoformat(), "since": (middle() - 2 * HOUR).isoformat()}
    ops = {"audit_findings": asked | {"depth": "DEEP"}, "alerts": asked, "correlated_incidents": asked}
    done = defs.resolve_job_def("deep_audit").execute_in_process(
        run_config={"ops": {name: {"config": config} for name, config in ops.items()}},
        resources={"platform": dg.ResourceDefinition.hardcoded_resource(Here())},
    )
    (event,) = done.asset_materializations_for_node("audit_findings")
    told = event.metadata
    assert told["audits"].value == 3
    assert told["findings_open"].value == len(held(audited, Wanted()))
    with audited.server.pipeline.transaction() as connection:
        assert told["signal_windows"].value == len(windows(connection)) > 0
    assert "data:image/png" in str(told["by_hour_of_week"].value)
    assert all(check.passed for check in done.get_asset_check_evaluations())
