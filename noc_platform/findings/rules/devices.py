"""Rules about phones and feeds: not heard, wrong clock, half of it failing, a whole feed late. Pure.

None of these says anything about a person.
"""

from collections.abc import Iterator

from noc_platform.findings.facts.moment import Guard
from noc_platform.findings.rules.clock import minutes
from noc_platform.findings.rules.look import Look
from noc_platform.findings.rules.silence import duty_of, has_been_due, is_unheard, silent_since
from noc_platform.findings.vocabulary import Draft, Silence
from noc_platform.streams.catalogue import DEVICE_EVENTS, LOCATION_UPDATES
from noc_platform.telemetry.vocabulary import Signal

_FAILURES = (
    ("CORRELATION_DEVICE_GPS_FAILURE", "LOW_LOCATION_UPDATES", LOCATION_UPDATES.name, Signal.PHONE_EVENTS,
     Signal.LOCATION_UPDATES),
    ("CORRELATION_DEVICE_PHONE_FAILURE", "LOW_ACTIVITY", DEVICE_EVENTS.name, Signal.LOCATION_UPDATES,
     Signal.PHONE_EVENTS),
)  # fmt: skip
_WORDS = {Signal.PHONE_EVENTS: "phone events", Signal.LOCATION_UPDATES: "positions"}


def feeds_late(look: Look) -> Iterator[Draft]:
    """FEED_LATE, one for a tenant however many of its guards are unheard for it."""
    for feed_of, feeds in look.silences.feeds.items():
        if not feeds.late:
            continue
        rows = [feed for feed in look.facts.feeds if feed.tenant_id == feed_of and feed.stream in feeds.late]
        since = min((moment for name, moment in feeds.since.items() if name in feeds.late), default=None)
        long = f"for {minutes(since, look.as_of)} min" if since else "for hours"
        guards = max(feed.guards_due for feed in rows)
        summary = f"nothing received {long} on {', '.join(sorted(feeds.late))}, of {guards} guards on duty since."
        evidence = {
            "streams": [
                {"stream": feed.stream, "last_received_at": feed.last_received_at, "guards_due": feed.guards_due,
                 "sites_due": feed.sites_due}
                for feed in rows
            ]
        }  # fmt: skip
        yield look.of_site("FEED_LATE", feed_of, None, None, summary, evidence, silence=Silence.FEED_LATE)


def offline(look: Look) -> Iterator[Draft]:
    """DEVICE_OFFLINE: the phone of a guard on duty is not heard, while its feed and its site are."""
    policy = look.policy.silence
    for guard in look.facts.guards:
        told = look.told(guard)
        if told.cause not in (None, Silence.DEVICE_DEAD, Silence.NO_COVERAGE) or guard.is_on_duty is None:
            continue
        if not is_unheard(guard, policy, look.as_of) or not has_been_due(guard, policy, look.as_of):
            continue
        since = silent_since(guard)
        if since is None or look.as_of - since < look.policy.patterns.offline_after:
            continue
        work = f"; work waits: {guard.tasks_waiting} tasks, {guard.tours_waiting} tours" if _waits(guard) else ""
        summary = f"phone not heard for {minutes(since, look.as_of)} min: {told.reason}{work}."
        yield look.of_guard("DEVICE_OFFLINE", guard, summary, {"silent_since": since})


def _waits(guard: Guard) -> bool:
    return guard.tasks_waiting + guard.tours_waiting > 0


def clocks_wrong(look: Look) -> Iterator[Draft]:
    """CLOCK_WRONG: what a phone sends claims another time, all of it by the same."""
    for guard in look.facts.guards:
        if look.told(guard).cause is Silence.CLOCK_WRONG:
            lag = guard.median_lag_seconds or 0.0
            way = "behind" if lag > 0 else "ahead"
            summary = f"the phone's clock is {abs(lag):.0f} s {way}, by {guard.recent_rows} rows received."
            yield look.of_guard("CLOCK_WRONG", guard, summary, {"lag_seconds": lag})


def half_heard(look: Look) -> Iterator[Draft]:
    """CORRELATION_DEVICE_…_FAILURE where a phone sends enough of one thing and nothing of another; where it sends
    little of the one, LOW_ACTIVITY or LOW_LOCATION_UPDATES for too little of the other."""
    for guard in look.facts.guards:
        if _should_be_heard(guard, look):
            for failure, low, stream, there, lacking in _FAILURES:
                found = _half_heard(guard, failure, low, stream, there, lacking, look)
                if found is not None:
                    yield found


def _should_be_heard(guard: Guard, look: Look) -> bool:
    """Whether somebody was on duty long enough, and is heard, so that both kinds of words are to be expected."""
    rules = look.policy.patterns
    if guard.duty_seconds is None or guard.duty_seconds < rules.least_minutes * 60 or not look.is_heard(guard):
        return False
    is_there = duty_of(guard, look.policy.silence, look.as_of).cause is None
    return is_there and guard.heard_slots >= rules.least_heard_slots and not look.feeds(guard.tenant_id).late


def _half_heard(
    guard: Guard, failure: str, low: str, stream: str, there: Signal, lacking: Signal, look: Look
) -> Draft | None:  # fmt: skip
    rules = look.policy.patterns
    heard, little = getattr(guard, there), getattr(guard, lacking)
    if heard is None or little is None or stream in look.feeds(guard.tenant_id).suspected:
        return None
    least = rules.least_location_updates if lacking is Signal.LOCATION_UPDATES else rules.least_phone_events
    summary = f"{little} {_WORDS[lacking]} and {heard} {_WORDS[there]} in {_minutes_on_duty(guard)} min on duty."
    if heard >= rules.failure_events and little == 0:
        return look.of_guard(failure, guard, summary, {})
    return look.of_guard(low, guard, summary, {"least": least}) if little < least else None


def _minutes_on_duty(guard: Guard) -> int:
    return int((guard.duty_seconds or 0.0) // 60)
