"""Signals an audit collected, of everybody on duty whose signals say something: what correlation matches alerts with.

Pure. What each remark means, and where windows are kept: `telemetry.windows`. Here: who was on duty, and which of their
numbers are known. A number that rests on a feed that is late, or on a phone whose clock is wrong, is not.
"""

from datetime import datetime, timedelta

from noc_platform.findings.facts.moment import Guard
from noc_platform.findings.rules.look import Look
from noc_platform.findings.rules.silence import STREAMS, has_been_due, is_clock_wrong, is_unheard, silent_since
from noc_platform.findings.vocabulary import Silence
from noc_platform.streams.catalogue import DEVICE_EVENTS, JOBNEEDS, LOCATION_UPDATES
from noc_platform.telemetry.windows import SignalWindow


def signal_windows(look: Look) -> list[SignalWindow]:
    """A window for each guard who is on duty, has been for long enough to be missed, and whose signals say something.

    It ends at the look's moment, UTC, and begins when duty did or `window` before. Of who has been on duty for less
    than `least_minutes` too little proves nothing: they have one only if they are unheard or outside.
    """
    on_duty = (guard for guard in look.facts.guards if _is_on_duty(guard, look))
    windows = (_window(guard, look) for guard in on_duty)
    return [window for window in windows if window.says_something and _proves(window, look)]


def _is_on_duty(guard: Guard, look: Look) -> bool:
    """Whether somebody is to be missed. One who never arrived is: that is what a missing attendance looks like. So is
    one who logged out while the shift goes on and nobody punched out."""
    is_there = guard.is_punched_in if guard.is_on_duty is None else guard.is_due
    is_missed = is_there and has_been_due(guard, look.policy.silence, look.as_of)
    has_logged_out = guard.is_punched_in and guard.shift_starts_at is not None
    return is_missed and (look.told(guard).cause is not Silence.OFF_DUTY or has_logged_out)


def _proves(window: SignalWindow, look: Look) -> bool:
    is_long = window.window_end - window.window_start >= timedelta(minutes=look.policy.patterns.least_minutes)
    return is_long or bool(window.is_unheard) or bool(window.is_outside)


def _window(guard: Guard, look: Look) -> SignalWindow:
    told, unknown, unheard = look.told(guard), _unknown(guard, look), _is_unheard(guard, look)
    has_phone, has_places, has_work = (
        stream.name not in unknown for stream in (DEVICE_EVENTS, LOCATION_UPDATES, JOBNEEDS)
    )
    start = _start(guard, look)
    return SignalWindow(
        tenant_id=guard.tenant_id,
        person_id=guard.person_id,
        window_start=start,
        window_end=look.as_of,
        since=told.since or (silent_since(guard) if unheard else None) or start,
        site_id=guard.site_id,
        phone_events_count=guard.phone_events_count if has_phone else None,
        location_updates_count=guard.location_updates_count if has_places else None,
        movement_distance_meters=guard.movement_distance_meters if has_places else None,
        tasks_completed_count=guard.tasks_completed_count if has_work else None,
        tour_checkpoints_scanned=guard.tour_checkpoints_scanned if has_work else None,
        tasks_due=guard.tasks_due,
        checkpoints_due=guard.checkpoints_due,
        last_heard_at=guard.last_heard_at,
        is_unheard=unheard,
        is_outside=_is_outside(guard) if has_places else None,
        silence=told.cause,
        silence_reason=told.reason,
    )


def _start(guard: Guard, look: Look) -> datetime:
    start = look.as_of - look.policy.facts.window
    return start if guard.begins_at is None else max(start, guard.begins_at)


def _unknown(guard: Guard, look: Look) -> frozenset[str]:
    """Streams that do not tell what the guard did in the window.

    A feed that is only suspected counts: it, or they, and nobody knows which.
    """
    feeds = look.feeds(guard.tenant_id)
    unknown = feeds.late | feeds.suspected
    if is_clock_wrong(guard, look.policy.silence):
        # One clock stamps both, and a window is a stretch of it.
        unknown |= frozenset(STREAMS)
    if not feeds.is_work_told(look.as_of - look.policy.facts.window):
        unknown |= {JOBNEEDS.name}
    return unknown


def _is_unheard(guard: Guard, look: Look) -> bool | None:
    """Whether nothing comes from the phone; None where nothing comes from any of the tenant."""
    if not is_unheard(guard, look.policy.silence, look.as_of):
        return False
    is_feed = look.feeds(guard.tenant_id).is_silent or look.told(guard).cause is Silence.FEED_LATE
    return None if is_feed else True


def _is_outside(guard: Guard) -> bool | None:
    """Whether the newest good fix lies beyond the fence even if it errs as far as it may."""
    distance, error, radius = guard.distance_meters, guard.position_accuracy_meters, guard.geofence_radius_meters
    if distance is None or error is None or radius is None:
        return None
    return distance - error > radius
