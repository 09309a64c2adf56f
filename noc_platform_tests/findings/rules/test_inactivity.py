"""GUARD_INACTIVITY: by night on the site's clock, of those whose phone is heard; weights are of what is known."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc_platform.findings.rules.inactivity import inactivity_of
from noc_platform.findings.vocabulary import Severity
from noc_platform_tests.findings.rules.moments import DAY, NIGHT, POLICY, ago, facts, feeds, found, guard, still, types


def test_somebody_asleep_by_night_is_found_with_how_long_and_what_waits() -> None:
    (draft,) = found(facts(still()))
    assert (draft.finding_type, draft.severity) == ("GUARD_INACTIVITY", Severity.CRITICAL)
    assert draft.summary == (
        "p0 at s0, 02:30 Europe/Athens: no steps and nothing done for 120 min or more while the phone is heard; "
        "waiting: 1 task, 1 tour (inactivity 1.00)."
    )


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles", None, "Mars/Olympus"])
def test_night_is_that_of_the_site(zone: str | None) -> None:
    """The night of UTC: half past nine in Tokyo and half past four in the afternoon in Los Angeles are not at night.
    Where the time is not known nobody is told to be asleep by night."""
    assert "GUARD_INACTIVITY" not in types(facts(still(time_zone=zone)))


def test_by_day_nobody_is_inactive() -> None:
    assert "GUARD_INACTIVITY" not in types(facts(still(as_of=DAY), of=feeds(as_of=DAY)), DAY)


@pytest.mark.parametrize(("hour", "deep"), [(0, 0.625), (1, 0.68), (4, 0.68), (5, 0.625)])
def test_deep_night_ends_before_five_and_is_judged_at_the_moment(hour: int, deep: float) -> None:
    moment = datetime(2026, 1, 5, hour, tzinfo=UTC)
    who = still(as_of=moment, time_zone="UTC", last_used_at=ago(1, moment), tasks_waiting=0)
    policy_deep = POLICY.inactivity.deep_night
    is_deep = policy_deep[0] <= hour < policy_deep[1]
    told = inactivity_of(who, is_deep, POLICY, moment)
    assert told is not None
    assert told.score == pytest.approx(
        (0.4 + 0.3) / (0.3 + 0.4 + 0.3) if is_deep else (0.3 + 0.25) / (0.2 + 0.3 + 0.25)
    )
    assert deep


@pytest.mark.parametrize("is_deep", [False, True])
def test_two_signs_missing_of_four_are_not_enough(is_deep: bool) -> None:
    """Weights that make 1.25, then 1.2 times as much: in the deep of the night two missing signs made 0.84."""
    who = still(last_used_at=ago(1), last_done_at=None, last_walked_at=None, tasks_waiting=0, tours_waiting=1)
    told = inactivity_of(who, is_deep, POLICY, NIGHT)
    assert told is not None
    assert told.score < POLICY.inactivity.inactive_from


@pytest.mark.parametrize(
    "innocent",
    [
        {"idle_slots_heard": 5},
        {"median_lag_seconds": 500.0, "least_lag_seconds": 495.0},
        {"punched_out_at": ago(5)},
        {"last_received_at": ago(30)},
        {"begin": 60},
        {"last_walked_at": ago(100)},
        {"tasks_waiting": 0, "tours_waiting": 0},
    ],
)
def test_innocent_reasons_keep_it_quiet(innocent: dict[str, Any]) -> None:
    told = dict(innocent)
    if begin := told.pop("begin", None):
        told.update(punched_in_at=ago(begin), shift_starts_at=ago(begin))
    assert "GUARD_INACTIVITY" not in types(facts(still(**told)))


def test_work_that_nobody_reports_is_not_work_undone() -> None:
    """A work feed that fails leaves all work waiting, of everybody."""
    quiet = [*feeds(), *feeds(130, 9, 4, NIGHT, "jobneeds")]
    assert types(facts(still(), of=quiet)) == []
    delivering = [*feeds(), *feeds(5, 9, 4, NIGHT, "jobneeds")]
    assert types(facts(still(), of=delivering)) == ["GUARD_INACTIVITY"]


signs = st.fixed_dictionaries(
    {
        "phone_events_count": st.one_of(st.none(), st.integers(0, 50)),
        "steps": st.one_of(st.none(), st.just(0)),
        "movement_distance_meters": st.one_of(st.none(), st.floats(0, 200)),
        "last_used_at": st.one_of(st.none(), st.integers(0, 200).map(ago)),
        "last_walked_at": st.one_of(st.none(), st.integers(0, 200).map(ago)),
        "last_done_at": st.one_of(st.none(), st.integers(0, 200).map(ago)),
        "tasks_waiting": st.integers(0, 3),
        "tours_waiting": st.integers(0, 3),
    }
)


@given(row=signs, is_deep=st.booleans())
def test_a_score_lies_between_0_and_1_and_is_1_only_where_every_known_sign_is_missing(
    row: dict[str, Any], is_deep: bool
) -> None:
    told = inactivity_of(guard(**row), is_deep, POLICY, NIGHT)
    if told is None:
        return
    assert 0 <= told.score <= 1
    assert told.coverage >= POLICY.inactivity.least_coverage
    assert set(told.missing) <= set(told.known)
    assert (told.score == pytest.approx(1)) == (told.missing == told.known)


def test_less_known_than_it_takes_tells_nothing() -> None:
    """Unknown taken for missing makes everybody without a work plan inactive."""
    assert (
        inactivity_of(guard(phone_events_count=None, steps=None, movement_distance_meters=None), True, POLICY, NIGHT)
        is None
    )
