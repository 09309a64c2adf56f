"""Work due and not done: only of who was there, heard and could have done it."""

from typing import Any

import pytest

from noc_platform_tests.findings.rules.moments import NIGHT, ago, facts, feeds, found, guard, silent, still, tour, types

OVER: dict[str, Any] = {"is_ended": True, "ended_at": ago(40), "scanned": 1, "last_scan_at": ago(50)}
ELSEWHERE_BLAMED: dict[str, dict[str, Any]] = {
    "off duty": {"punched_out_at": ago(200), "shift_starts_at": None},
    "just come": {"duty_seconds": 3600.0},
    "heard by halves": {"heard_slots": 8},
    "wrong clock": {"median_lag_seconds": 400.0, "least_lag_seconds": 400.0},
    "no roster": {"duty_seconds": None},
}


def test_tasks_that_wait_while_few_are_done() -> None:
    (draft,) = found(facts(guard(tasks_waiting=3, tasks_completed_count=1)))
    assert draft.finding_type == "LOW_TASK_COMPLETION"
    assert "3 tasks wait that were due, and 1 were done." in draft.summary


@pytest.mark.parametrize(
    "enough",
    [{"tasks_waiting": 0}, {"tasks_waiting": 1, "tasks_completed_count": 0}, {"tasks_completed_count": 3},
     {"tasks_completed_count": None}],
)  # fmt: skip
def test_where_no_task_was_due_or_most_were_done_none_is_missing(enough: dict[str, Any]) -> None:
    """Tasks completed taken for expected, whether or not any was due (defect 9)."""
    assert types(facts(guard(**{"tasks_waiting": 3, "tasks_completed_count": 1, **enough}))) == []


def test_a_tour_ended_with_too_few_scans() -> None:
    (draft,) = found(facts(guard(), tours=[tour(**OVER)]))
    assert draft.finding_type == "LOW_TOUR_COVERAGE"
    assert "1 of 4 checkpoints scanned in 1 tours that are over." in draft.summary
    assert draft.evidence["tour_log"][0]["tour_id"] == "tour-1"


def test_a_tour_that_need_not_be_walked_is_not_overdue_but_not_covered() -> None:
    assert types(facts(guard(), tours=[tour(is_mandatory=False)])) == ["LOW_TOUR_COVERAGE"]
    assert types(facts(guard(), tours=[tour()])) == ["TOUR_OVERDUE"]


@pytest.mark.parametrize(
    "walked",
    [{"scanned": 2}, {"scanned": 4}, {"total_checkpoints": 0}, {"ended_at": ago(130)}, {"person_id": "p7"},
     {"is_ended": False, "is_mandatory": False, "due_until": ago(10)}],
)  # fmt: skip
def test_a_tour_that_was_walked_is_long_over_or_is_anothers(walked: dict[str, Any]) -> None:
    assert types(facts(guard(), tours=[tour(**{**OVER, **walked})])) == []


def test_a_guard_who_goes_nowhere_while_a_tour_waits() -> None:
    standing: dict[str, Any] = {"movement_distance_meters": 25.0, "steps": 40, "tours_waiting": 1}
    (draft,) = found(facts(guard(**standing)))
    assert draft.finding_type == "LOW_MOVEMENT"
    for innocent in (
        {"tours_waiting": 0}, {"steps": 400}, {"movement_distance_meters": 80.0}, {"movement_distance_meters": None},
        {"usable_fixes": 4},
    ):  # fmt: skip
        assert types(facts(guard(**{**standing, **innocent}))) == [], innocent
    # A phone that counts no steps tells by its positions.
    assert types(facts(guard(**{**standing, "steps": None}))) == ["LOW_MOVEMENT"]


@pytest.mark.parametrize("innocent", ELSEWHERE_BLAMED.values(), ids=ELSEWHERE_BLAMED)
@pytest.mark.parametrize(
    "little",
    [
        {"tasks_waiting": 3, "tasks_completed_count": 1},
        {"movement_distance_meters": 25.0, "steps": 0, "tours_waiting": 1},
    ],
    ids=["tasks", "movement"],
)
def test_what_could_not_be_done_or_known_is_held_against_nobody(
    little: dict[str, Any], innocent: dict[str, Any]
) -> None:
    assert not [each for each in types(facts(guard(**little, **innocent))) if each.startswith("LOW_")]


def test_a_silent_phone_or_a_late_work_feed_leaves_nothing_undone() -> None:
    unheard = silent(tasks_waiting=3, tasks_completed_count=1)
    assert not [each for each in types(facts(unheard)) if each.startswith("LOW_")]
    quiet = [*feeds(), *feeds(121, 9, 4, NIGHT, "jobneeds")]
    assert types(facts(guard(tasks_waiting=3, tasks_completed_count=1), of=quiet)) == []


def test_a_stronger_word_for_the_same_is_the_only_one() -> None:
    asleep = still(tasks_waiting=3)
    assert types(facts(asleep, tours=[tour(**OVER)])) == ["GUARD_INACTIVITY"]
    idle = guard(tasks_completed_count=0, tour_checkpoints_scanned=0, tasks_waiting=3)
    assert types(facts(idle)) == ["CORRELATION_PHANTOM_GUARD"]
