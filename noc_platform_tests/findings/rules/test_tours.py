"""Tours: overdue past time and grace, left halfway, scanned without being walked."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc_platform.findings.facts.moment import Guard, Tour
from noc_platform.findings.rules.tours import severity_of_delay, why_ghostly
from noc_platform.findings.vocabulary import Severity
from noc_platform_tests.findings.rules.moments import (
    NIGHT,
    POLICY,
    ago,
    elsewhere,
    facts,
    feeds,
    found,
    guard,
    silent,
    tour,
    types,
)


def test_an_overdue_tour_says_when_it_was_due_on_the_clock_there() -> None:
    (draft,) = found(facts(guard(), tours=[tour()]))
    assert (draft.finding_type, draft.severity, draft.site_id) == ("TOUR_OVERDUE", Severity.HIGH, "s0")
    assert draft.summary == (
        "p0 at s0, 02:30 Europe/Athens: tour tour-1 was due by 01:00 Europe/Athens and is 90 min late, "
        "0 of 4 checkpoints scanned."
    )


def test_several_of_one_guard_and_site_are_one_finding_and_each_site_has_its_own() -> None:
    """All overdue tours of the tenant taken for each site's own."""
    late = [tour("a"), tour("b"), tour("c", site_id="s1")]
    drafts = found(facts(guard(), tours=late))
    assert [(draft.site_id, "and 1 more" in draft.summary) for draft in drafts] == [("s0", True), ("s1", False)]


@pytest.mark.parametrize(
    "innocent",
    [
        {"is_mandatory": False}, {"is_ended": True}, {"scanned": 4}, {"due_until": ago(30)}, {"due_until": ago(29)},
        {"grace_minutes": 90.0}, {"heard_slots": 3}, {"heard_slots": None}, {"person_id": None},
        {"person_id": "somebody nobody knows"},
    ],
)  # fmt: skip
def test_what_is_within_time_and_grace_ended_or_unknown_is_not_overdue(innocent: dict[str, Any]) -> None:
    assert "TOUR_OVERDUE" not in types(facts(guard(), tours=[tour(**innocent)]))


def test_a_tour_nobody_closed_stays_overdue() -> None:
    """Looking back an hour, old tours vanish from what is overdue."""
    old = tour(due_at=ago(700), due_until=ago(640))
    (draft,) = found(facts(guard(), tours=[old]))
    assert draft.severity is Severity.CRITICAL


def test_whose_phone_failed_meanwhile_missed_nothing_and_who_never_came_did() -> None:
    assert "TOUR_OVERDUE" not in types(facts(silent(minutes=140), guard("p1"), tours=[tour(heard_slots=1)]))
    absent = silent(minutes=800, punched_in_at=None)
    assert types(facts(absent, elsewhere(), tours=[tour(heard_slots=0)])) == ["TOUR_OVERDUE"]
    assert types(facts(absent, elsewhere(), tours=[tour(due_at=ago(400), due_until=ago(330), heard_slots=0)])) == []


def test_tours_of_a_tenant_whose_work_feed_fails_are_not_held_against_guards() -> None:
    quiet = [*feeds(), *feeds(100, 9, 4, NIGHT, "jobneeds")]
    assert types(facts(guard(), tours=[tour()], of=quiet)) == []


@given(first=st.integers(0, 600), more=st.integers(0, 600))
def test_later_is_never_less_severe(first: int, more: int) -> None:
    soon, late = (severity_of_delay(timedelta(minutes=each), POLICY.tours) for each in (first, first + more))
    assert soon.rank <= late.rank


def left(**told: Any) -> Tour:
    said: dict[str, Any] = {"due_until": ago(-10), "scanned": 2, "last_scan_at": ago(20), "scanned_by": "p0", **told}
    return tour(**said)


def away(**told: Any) -> Guard:
    said: dict[str, Any] = {
        "distance_meters": 700.0, "geofence_radius_meters": 150.0, "position_at": ago(3),
        "position_accuracy_meters": 20.0, **told,
    }  # fmt: skip
    return guard(**said)


def test_a_tour_left_halfway_by_somebody_who_is_elsewhere() -> None:
    (draft,) = found(facts(away(), tours=[left()]))
    assert draft.finding_type == "CORRELATION_TOUR_ABANDONMENT"
    assert "left tour tour-1 after 2 of 4 checkpoints, last scan 20 min ago, and is 700 m" in draft.summary


@pytest.mark.parametrize(
    ("who", "which"),
    [
        ({"distance_meters": 240.0}, {}), ({"position_accuracy_meters": 480.0}, {}), ({"distance_meters": None}, {}),
        ({"geofence_radius_meters": None}, {}), ({"position_at": ago(25)}, {}), ({"site_id": "s1"}, {}),
        ({"last_received_at": ago(30)}, {}), ({}, {"scanned": 0}), ({}, {"scanned": 4}), ({}, {"is_ended": True}),
        ({}, {"last_scan_at": ago(2)}),
    ],
)  # fmt: skip
def test_who_may_still_be_there_has_left_nothing(who: dict[str, Any], which: dict[str, Any]) -> None:
    assert "CORRELATION_TOUR_ABANDONMENT" not in types(facts(away(**who), tours=[left(**which)]))


@pytest.mark.parametrize(
    ("gap", "step", "ghostly"),
    [
        (120.0, 60.0, False),
        (10.0, 60.0, True),
        (120.0, 5.0, True),
        (20.0, 200.0, True),
        (None, None, False),
        (120.0, None, False),
    ],
)
def test_what_no_walk_explains(gap: float | None, step: float | None, ghostly: bool) -> None:
    scans = tour(scanned=4, median_gap_seconds=gap, median_step_meters=step)
    assert (why_ghostly(scans, POLICY.tours) is not None) is ghostly


def test_ghost_scans_are_one_finding_of_whoever_scanned_and_only_of_late() -> None:
    ghostly: dict[str, Any] = {
        "scanned": 4,
        "median_gap_seconds": 5.0,
        "median_step_meters": 3.0,
        "scanned_by": "p1",
        "is_ended": True,
    }
    new = [tour("a", last_scan_at=ago(30), **ghostly), tour("b", last_scan_at=ago(60), **ghostly)]
    (draft,) = found(facts(guard("p0"), guard("p1"), tours=[*new, tour("c", last_scan_at=ago(125), **ghostly)]))
    assert (draft.finding_type, draft.person_id) == ("GHOST_SCANS", "p1")
    assert [row["tour_id"] for row in draft.evidence["tour_log"]] == ["a", "b"]
