"""Why a value is what it is: every reason apart from the others."""

from typing import Any

import pytest

from noc_platform.telemetry.states import duty_of, site_states_of, states_of
from noc_platform.telemetry.vocabulary import Duty, Signal, State

FEEDS = {"has_device_feed": True, "has_location_feed": True, "has_jobneed_feed": True}
NOTHING = dict.fromkeys((signal.value for signal in Signal), None)
SILENT = {**NOTHING, **FEEDS, "is_on_duty": True, "is_reporting": False, "tasks_due": 0, "checkpoints_due": 0}
EMPTY_SITE = {**NOTHING, **FEEDS, "people_on_duty": 2, "people_reporting": 0, "tasks_due": 0, "checkpoints_due": 0}


@pytest.mark.parametrize(
    ("change", "signal", "state"),
    [
        ({"phone_events_count": 3, "is_reporting": True}, Signal.PHONE_EVENTS, State.MEASURED),
        ({"phone_events_count": 0, "is_reporting": True}, Signal.PHONE_EVENTS, State.IDLE),
        ({}, Signal.PHONE_EVENTS, State.NO_DATA),
        ({"is_on_duty": False}, Signal.PHONE_EVENTS, State.OFF_DUTY),
        ({"is_on_duty": None}, Signal.PHONE_EVENTS, State.NO_DATA),
        ({"has_device_feed": False}, Signal.PHONE_EVENTS, State.NO_FEED),
        ({"is_reporting": True}, Signal.MOVEMENT, State.TOO_FEW_FIXES),
        ({"movement_distance_meters": 0.0}, Signal.MOVEMENT, State.IDLE),
        ({}, Signal.TASKS, State.NO_TASK_DUE),
        ({"has_jobneed_feed": False}, Signal.TASKS, State.NO_FEED),
        ({"tasks_due": 2, "tasks_completed_count": 0}, Signal.TASKS, State.IDLE),
        ({}, Signal.CHECKPOINTS, State.NO_TOUR_DUE),
        ({"tour_checkpoints_scanned": 4}, Signal.CHECKPOINTS, State.MEASURED),
    ],
)
def test_the_state_of_a_guards_signal(change: dict[str, Any], signal: Signal, state: State) -> None:
    assert states_of({**SILENT, **change})[signal] is state


@pytest.mark.parametrize(
    ("change", "signal", "state"),
    [
        ({"phone_events_count": 3}, Signal.PHONE_EVENTS, State.MEASURED),
        ({"tasks_completed_count": 0}, Signal.TASKS, State.IDLE),
        ({"people_on_duty": 0}, Signal.TASKS, State.OFF_DUTY),
        ({}, Signal.PHONE_EVENTS, State.NO_DATA),
        ({"has_device_feed": False}, Signal.PHONE_EVENTS, State.NO_FEED),
        ({"people_reporting": 1}, Signal.MOVEMENT, State.TOO_FEW_FIXES),
        ({}, Signal.CHECKPOINTS, State.NO_TOUR_DUE),
    ],
)
def test_the_state_of_a_sites_signal(change: dict[str, Any], signal: Signal, state: State) -> None:
    assert site_states_of({**EMPTY_SITE, **change})[signal] is state


@pytest.mark.parametrize(("known", "duty"), [(True, Duty.ON_DUTY), (False, Duty.OFF_DUTY), (None, Duty.UNKNOWN)])
def test_off_duty_is_not_unknown(known: bool | None, duty: Duty) -> None:
    assert duty_of({"is_on_duty": known}) is duty
