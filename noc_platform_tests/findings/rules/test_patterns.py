"""Rules over several signals: silent site, storm of lapses, phantom guard."""

from typing import Any

import pytest

from noc_platform.findings.facts.moment import Site
from noc_platform.findings.vocabulary import Severity
from noc_platform_tests.findings.rules.moments import (
    ATHENS,
    NIGHT,
    TENANT,
    elsewhere,
    facts,
    feeds,
    found,
    guard,
    silent,
    tour,
    types,
)


@pytest.mark.parametrize(("minutes", "severity"), [(40, Severity.HIGH), (60, Severity.CRITICAL)])
def test_a_silent_site_is_one_finding_of_the_site_and_grows_with_time(minutes: int, severity: Severity) -> None:
    (draft,) = found(facts(silent("p0", minutes), silent("p1", minutes), elsewhere()))
    assert (draft.finding_type, draft.site_id, draft.person_id) == ("CORRELATION_SILENT_SITE", "s0", None)
    assert draft.severity is severity
    assert f"nothing heard for {minutes} min from 2 on duty (p0, p1)." in draft.summary


def test_guards_without_a_site_make_no_site() -> None:
    nowhere = [silent(f"p{number}", 60, site_id=None) for number in range(2)]
    assert set(types(facts(*nowhere, elsewhere()))) == {"DEVICE_OFFLINE"}


def site(name: str = "s0", **told: Any) -> Site:
    return Site(tenant_id=TENANT, site_id=name, time_zone=ATHENS, **told)


def late_tours(count: int, at: str = "s0") -> list[Any]:
    return [tour(f"tour-{number}", site_id=at, person_id=None) for number in range(count)]


@pytest.mark.parametrize(
    ("tasks", "tours", "alerts", "is_storm"), [(5, 3, 10, True), (4, 3, 10, False), (5, 2, 10, False), (5, 3, 9, False)]
)
def test_a_storm_takes_tasks_tours_and_alerts(tasks: int, tours: int, alerts: int, is_storm: bool) -> None:
    at_site = site(tasks_overdue=tasks, alerts_raised=alerts)
    assert types(facts(sites=[at_site], tours=late_tours(tours))) == (["CORRELATION_SLA_STORM"] if is_storm else [])


def test_what_lapses_elsewhere_in_the_tenant_makes_no_storm_here() -> None:
    """All overdue tours of the tenant taken for each site's own."""
    sites = [site("s0", tasks_overdue=9, alerts_raised=20), site("s1")]
    assert types(facts(sites=sites, tours=late_tours(9, "s1"))) == []


def phantom(**told: Any) -> Any:
    idle: dict[str, Any] = {"tasks_completed_count": 0, "tour_checkpoints_scanned": 0, "tasks_waiting": 2, **told}
    return guard(**idle)


def test_a_phone_that_is_there_while_no_work_gets_done() -> None:
    (draft,) = found(facts(phantom()))
    assert draft.finding_type == "CORRELATION_PHANTOM_GUARD"
    assert "30 positions and no work done in 120 min; waiting: 2 tasks, 0 tours." in draft.summary


@pytest.mark.parametrize(
    "innocent",
    [
        {"tasks_waiting": 0}, {"tasks_completed_count": 1}, {"tour_checkpoints_scanned": 1}, {"duty_seconds": 3600.0},
        {"heard_slots": 10}, {"location_updates_count": None}, {"tasks_completed_count": None}, {"duty_seconds": None},
        {"location_updates_count": 4}, {"median_lag_seconds": 400.0, "least_lag_seconds": 400.0},
    ],
)  # fmt: skip
def test_no_phantom_where_nothing_was_due_or_too_little_is_known(innocent: dict[str, Any]) -> None:
    """Where no task was scheduled none is missing."""
    assert "CORRELATION_PHANTOM_GUARD" not in types(facts(phantom(**innocent)))


def test_a_work_feed_that_fails_makes_no_phantoms() -> None:
    quiet = [*feeds(), *feeds(121, 9, 4, NIGHT, "jobneeds")]
    assert types(facts(phantom(), of=quiet)) == []
