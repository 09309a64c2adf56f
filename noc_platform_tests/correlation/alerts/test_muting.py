"""What explains an alert mutes it, and no more than that; what comes and goes is told to flap."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from noc_platform.correlation.alerts.actions import acknowledge, escalate_due, resolve
from noc_platform.correlation.alerts.intake import Taken
from noc_platform.correlation.alerts.muting import Cause
from noc_platform.settings import AlertPolicy
from noc_platform.store.sessions import Database
from noc_platform_tests.correlation.alerts.raised import (
    POLICY,
    after,
    decided,
    event,
    of,
    one_by_one,
    only,
    said,
    taken,
)

TYPES = frozenset({"DEVICE_OFFLINE", "ATTENDANCE_MISSING"})


def silent(tenant: str, **told: Any) -> Cause:
    cause = Cause(tenant, "s0", TYPES, after(0), None, "site s0 is silent: nothing since noon", "FINDING:1")
    return replace(cause, **told)


def gateway(minutes: float = 0, **told: object) -> dict[str, object]:
    return event(minutes, **{"person_id": None, "entity_type": "Gateway", "entity_id": "g0", **told})


def test_a_cause_mutes_what_it_explains_and_tells_it_again_when_it_is_over(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        assert taken(connection, tenant, event(1), causes=(silent(tenant),)) == Taken(events=1, opened=1, muted=1)
        found = only(connection, tenant)
        assert (found.status, found.muted_by, found.escalates_at) == (
            "NEW", "site s0 is silent: nothing since noon", None,
        )  # fmt: skip
        assert taken(connection, tenant, event(2), causes=(silent(tenant),)) == Taken(events=1)
        assert only(connection, tenant).occurrence_count == 2
        escalate_due(connection, POLICY, after(600))
        assert only(connection, tenant).status == "NEW"
        over = silent(tenant, until=after(60))
        assert taken(connection, tenant, causes=(over,), as_of=after(60)).unmuted == 1
        found = only(connection, tenant)
        assert (found.muted_by, found.escalates_at) == (None, after(90))
        assert sorted(decided(connection, found)) == ["MUTED", "RAISED", "UNMUTED"]
        escalate_due(connection, POLICY, after(90))
        assert only(connection, tenant).status == "ESCALATED"


@pytest.mark.parametrize(
    ("told", "about"),
    [
        ({"site_id": "s1"}, {}),
        ({"children": frozenset({"TOUR_OVERDUE"})}, {}),
        ({"tenant_id": "another"}, {}),
        ({"since": after(600)}, {}),
        ({"until": after(30)}, {}),
        ({"since": after(62)}, {}),
        ({}, {"severity": "CRITICAL"}),
        ({}, {"status": "ACKNOWLEDGED"}),
        ({}, {"entity_type": "finding", "entity_id": "1"}),
    ],
)
def test_a_cause_mutes_nothing_else(
    database: Database, tenant: str, told: dict[str, object], about: dict[str, object]
) -> None:
    with database.transaction() as connection:
        outcome = taken(connection, tenant, event(1, **about), causes=(silent(tenant, **told),), as_of=LATE)
        assert outcome.muted == 0
        assert only(connection, tenant).muted_by is None


LATE = after(60 * 24 * 31.5)


def test_a_cause_of_a_whole_feed_mutes_at_every_site_of_its_tenant(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        events = (event(1), event(1, site_id="s1"), event(1, site_id=None))
        assert taken(connection, tenant, *events, causes=(silent(tenant, site_id=None),)).muted == 3


def test_a_site_that_is_offline_explains_its_phones_and_never_the_reverse(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        events = (
            gateway(5), event(1), event(6, person_id=None, device_id="d1"), event(7, alert_type="TOUR_OVERDUE"),
            event(8, site_id="s1"), gateway(9, alert_type="SYNC_DEGRADED"),
            event(3, person_id="p1", severity="CRITICAL"),
        )  # fmt: skip
        assert taken(connection, tenant, *events).muted == 2
        found = of(connection, tenant)
        (cause,) = (row for row in found if row.entity_id == "g0" and row.alert_type == "DEVICE_OFFLINE")
        muted = [row for row in found if row.muted_by is not None]
        assert {(row.person_id, row.device_id) for row in muted} == {("p0", None), (None, "d1")}
        assert {row.parent_alert_id for row in muted} == {cause.alert_id}
        assert {row.muted_by for row in muted} == {"site s0 is silent: DEVICE_OFFLINE of its gateway"}
        assert cause.muted_by is None
        for row in found:
            if row.entity_id == "g0":
                resolve(connection, row.alert_id, said(20))
        assert taken(connection, tenant).unmuted == 2
        assert all(row.parent_alert_id is None and row.muted_by is None for row in of(connection, tenant))


def test_what_somebody_looks_at_is_muted_no_more(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        taken(connection, tenant, event(1), causes=(silent(tenant),))
        acknowledge(connection, only(connection, tenant).alert_id, said(5))
        assert taken(connection, tenant, causes=(silent(tenant),)).unmuted == 1
        found = only(connection, tenant)
        assert (found.muted_by, found.escalates_at, found.status) == (None, None, "ACKNOWLEDGED")


def test_what_becomes_critical_is_told_whatever_explains_it(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        taken(connection, tenant, event(1), causes=(silent(tenant),))
        assert taken(connection, tenant, event(2, severity="CRITICAL"), causes=(silent(tenant),)).unmuted == 1
        assert only(connection, tenant).escalates_at is not None


# What is raised an hour and a half later is raised when everything is received.
RECENT = 60 * 24 * 31 - 90


def comings(times: int, apart: float = 30, since: float = 0, **told: object) -> list[dict[str, object]]:
    """Raised, and over ten minutes later, so many times and once more."""
    return [
        event(since + apart * number + part, status=status, **told)
        for number in range(times + 1)
        for part, status in ((0, "NEW"), (10, "RESOLVED"))
    ]


@pytest.mark.parametrize("together", [True, False])
def test_what_comes_back_soon_is_the_same_and_too_often_flaps(
    database: Database, tenant: str, *, together: bool
) -> None:
    events = [*comings(2), event(90)]
    with database.transaction() as connection:
        (taken if together else one_by_one)(connection, tenant, *events, as_of=after(60 * 24 * 31.5))
        found = only(connection, tenant)
        assert (found.status, found.reopened_count, found.occurrence_count) == ("NEW", 3, 7)
        assert decided(connection, found).count("REOPENED") == 3
        assert (found.resolved_at, found.resolved_by, found.resolution_notes) == (None, None, None)


def test_flapping_mutes_until_it_is_steady_and_is_not_put_off(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        taken(connection, tenant, *comings(2, since=RECENT), event(RECENT + 90), as_of=after(RECENT + 95))
        found = only(connection, tenant)
        assert (found.flapping_since, found.muted_by) == (after(RECENT + 90), "flapping: came back 3 times in 6 hours")
        # The time of the second coming: the third did not put it off.
        assert found.escalates_at == after(RECENT + 60 + 30)
        escalate_due(connection, POLICY, after(RECENT + 95))
        assert only(connection, tenant).status == "NEW"
        assert taken(connection, tenant, as_of=after(RECENT + 150)).unmuted == 0
        assert taken(connection, tenant, as_of=after(RECENT + 151)).unmuted == 1
        found = only(connection, tenant)
        assert (found.flapping_since, found.muted_by) == (None, None)
        escalate_due(connection, POLICY, after(RECENT + 151))
        assert only(connection, tenant).status == "ESCALATED"


def test_what_is_critical_is_told_however_often_it_comes_back(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        events = [*comings(2, since=RECENT, severity="CRITICAL"), event(RECENT + 90, severity="CRITICAL")]
        taken(connection, tenant, *events, as_of=after(RECENT + 95))
        found = only(connection, tenant)
        assert found.flapping_since is not None
        assert found.muted_by is None


def test_three_comings_too_far_apart_do_not_flap(database: Database, tenant: str) -> None:
    policy = AlertPolicy(reopen_within=timedelta(hours=4))
    with database.transaction() as connection:
        taken(connection, tenant, *comings(2, apart=240), event(720), policy=policy)
        found = only(connection, tenant)
        assert (found.reopened_count, found.flapping_since) == (3, None)


def test_what_a_person_ended_or_comes_back_late_is_another(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        taken(connection, tenant, event(0))
        resolve(connection, only(connection, tenant).alert_id, said(10))
        assert taken(connection, tenant, event(11)).opened == 1
        taken(connection, tenant, event(20, status="RESOLVED"))
        assert taken(connection, tenant, event(81)).opened == 1
        taken(connection, tenant, event(90, status="RESOLVED"))
        assert taken(connection, tenant, event(150)).reopened == 1
