"""Why a signal has the value it has: off duty, unheard, idle and nothing due are told apart. Pure."""

from collections.abc import Mapping
from typing import Any

from noc_platform.telemetry.vocabulary import Duty, Signal, State

UNHEARD: dict[str, Any] = {
    "site_id": None,
    "usable_fixes": 0,
    "tasks_due": 0,
    "checkpoints_due": 0,
    "is_on_duty": False,
    "is_reporting": False,
    "has_device_feed": True,
    "has_location_feed": True,
    "has_jobneed_feed": True,
    **dict.fromkeys((signal.value for signal in Signal), None),
}
_FEEDS = {
    Signal.PHONE_EVENTS: "has_device_feed",
    Signal.LOCATION_UPDATES: "has_location_feed",
    Signal.MOVEMENT: "has_location_feed",
    Signal.TASKS: "has_jobneed_feed",
    Signal.CHECKPOINTS: "has_jobneed_feed",
}


def duty_of(row: Mapping[str, Any]) -> Duty:
    """Whether the guard of a row of `person_signals` was on duty."""
    if row["is_on_duty"] is None:
        return Duty.UNKNOWN
    return Duty.ON_DUTY if row["is_on_duty"] else Duty.OFF_DUTY


def states_of(row: Mapping[str, Any]) -> dict[Signal, State]:
    """The state of each signal of a row of `person_signals`; for somebody without a row, of `UNHEARD`."""
    return {signal: _state(signal, row) for signal in Signal}


def _state(signal: Signal, row: Mapping[str, Any]) -> State:
    if row[signal] is not None:
        return State.MEASURED if row[signal] else State.IDLE
    if signal is Signal.TASKS and row["tasks_due"] == 0:
        return State.NO_TASK_DUE
    if signal is Signal.CHECKPOINTS and row["checkpoints_due"] == 0:
        return State.NO_TOUR_DUE
    if not row[_FEEDS[signal]]:
        return State.NO_FEED
    if row["is_reporting"]:
        return State.TOO_FEW_FIXES if signal is Signal.MOVEMENT else State.NO_DATA
    return State.OFF_DUTY if duty_of(row) is Duty.OFF_DUTY else State.NO_DATA
