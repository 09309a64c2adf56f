"""Why a signal has the value it has: off duty, unheard, idle and nothing due are told apart. Pure."""

from collections.abc import Mapping
from typing import Any

from noc_platform.telemetry.vocabulary import Duty, Signal, State

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
    """The state of each signal of a row of `person_signals`."""
    return {signal: _state(signal, row) for signal in Signal}


def site_states_of(row: Mapping[str, Any]) -> dict[Signal, State]:
    """The state of each signal of a row of `site_signals`, with has_device_feed and so on as `person_signals` has."""
    return {signal: _site_state(signal, row) for signal in Signal}


def _state(signal: Signal, row: Mapping[str, Any]) -> State:
    if row[signal] is not None:
        return State.MEASURED if row[signal] else State.IDLE
    # Without the feed nobody knows what was due, so this comes first.
    if not row[_FEEDS[signal]]:
        return State.NO_FEED
    if nothing_due := _nothing_due(signal, row):
        return nothing_due
    if row["is_reporting"]:
        return State.TOO_FEW_FIXES if signal is Signal.MOVEMENT else State.NO_DATA
    return State.OFF_DUTY if duty_of(row) is Duty.OFF_DUTY else State.NO_DATA


def _site_state(signal: Signal, row: Mapping[str, Any]) -> State:
    if row[signal] is not None:
        return State.MEASURED if row[signal] else State.IDLE
    if not row["people_on_duty"]:
        return State.OFF_DUTY
    if not row[_FEEDS[signal]]:
        return State.NO_FEED
    if nothing_due := _nothing_due(signal, row):
        return nothing_due
    return State.TOO_FEW_FIXES if signal is Signal.MOVEMENT and row["people_reporting"] else State.NO_DATA


def _nothing_due(signal: Signal, row: Mapping[str, Any]) -> State | None:
    if signal is Signal.TASKS and not row["tasks_due"]:
        return State.NO_TASK_DUE
    if signal is Signal.CHECKPOINTS and not row["checkpoints_due"]:
        return State.NO_TOUR_DUE
    return None
