"""Bugs such as others have made (domain.md §10), put into signals and rules for as long as a `with` lasts."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, timedelta
from types import ModuleType
from typing import Any
from unittest.mock import patch

import ibis
import ibis.expr.types as ir

from noc_platform.correlation import incidents, matching
from noc_platform.findings.facts.moment import Guard
from noc_platform.findings.rules import inactivity, silence
from noc_platform.findings.rules.look import Look
from noc_platform.settings import CorrelationPolicy
from noc_platform.streams.catalogue import DEVICE_EVENTS, LOCATION_UPDATES
from noc_platform.streams.declaration import Stream
from noc_platform.telemetry import local_time, movement, queries, signals

Bug = Callable[[], AbstractContextManager[Any]]


def degrees_for_metres() -> AbstractContextManager[Any]:
    """Planar distance of coordinates taken for metres (defect 3)."""

    def planar(a: ir.FloatingValue, b: ir.FloatingValue, c: ir.FloatingValue, d: ir.FloatingValue) -> Any:
        return ((c - a) * (c - a) + (d - b) * (d - b)).sqrt()

    return patch.object(movement, "metres_between", planar)


def inclusive_window_end() -> AbstractContextManager[Any]:
    """Windows closed at both ends (defect 1)."""
    return patch.object(signals.Grain, "contains", lambda grain, at: (at >= grain.start) & (at <= grain.end))


def receipt_time_for_event_time() -> AbstractContextManager[Any]:
    """Rows happen when they come in (defect 2)."""
    declared = queries.table_of

    def received(stream: Stream) -> ir.Table:
        table = declared(stream)
        is_from_phones = stream in (DEVICE_EVENTS, LOCATION_UPDATES)
        return table.mutate(occurred_at=table.received_at) if is_from_phones else table

    return patch.object(queries, "table_of", received)


def utc_night() -> AbstractContextManager[Any]:
    """The clock of the server taken for the site's (defect 15)."""
    return patch.object(local_time, "zone_called", lambda _: UTC)


def missing_as_zero() -> AbstractContextManager[Any]:
    """What is not known is 0 (defects 4 and 5)."""

    def zero(known: ir.BooleanValue, value: ir.Value) -> ir.Value:
        return ibis.cases((known, value), else_=ibis.literal(0).cast(value.type()))

    return patch.object(signals, "_where", zero)


def one_guard_for_the_site() -> AbstractContextManager[Any]:
    """The first guard stands for all (defect 8)."""
    summed = signals.site_signals

    def first(people: ir.Table) -> ir.Table:
        by = ibis.window(group_by=["tenant_id", "site_id", "bucket"], order_by="person_id")
        ranked = people.mutate(place=ibis.row_number().over(by))
        return summed(ranked.filter(ranked.place == 0).drop("place"))

    return patch.object(signals, "site_signals", first)


def closed_by_the_server_counts_as_scanned() -> AbstractContextManager[Any]:
    """Checkpoints the server closed are taken for scanned (defect 7)."""
    return patch.object(signals, "AUTOCLOSED", "never")


@contextmanager
def accuracy_ignored() -> Iterator[None]:
    """Every displacement counts, however poor the fixes (defect 3)."""
    exact = movement.with_legs

    def legs(fixes: ir.Table, within: list[str], policy: Any) -> ir.Table:
        return exact(fixes.mutate(accuracy_meters=ibis.literal(0.0)), within, policy)

    with patch.object(movement, "with_legs", legs):
        yield


def late_feed_for_silent_guards() -> AbstractContextManager[Any]:
    """No feed is ever late (defect 2): whoever is not heard is at fault."""
    return patch.object(silence, "_feeds", lambda *_: silence.Feeds())


def duty_not_asked() -> AbstractContextManager[Any]:
    """Whoever is off duty is expected to work (defect 9)."""
    return patch.object(silence, "duty_of", lambda *_: silence.Told(None, "on duty"))


@contextmanager
def unheard_for_idle() -> Iterator[None]:
    """Nothing known of a phone is nothing done by its guard (defects 4 and 5)."""

    def since(guard: Guard, look: Look) -> Any:
        return None if guard.phone_events_count else look.as_of - look.policy.facts.window

    with (
        patch.object(inactivity, "_stillness", since),
        patch.object(inactivity, "signs_of", lambda *_: dict.fromkeys(inactivity.COMPONENTS, False)),
    ):
        yield


@contextmanager
def _correlating(module: ModuleType, **wrong: Any) -> Iterator[None]:
    """Correlation with functions or numbers of a module replaced; what is compiled is so once for a policy."""
    incidents._compiled.cache_clear()
    with patch.multiple(module, **wrong):
        yield
    incidents._compiled.cache_clear()


def anybodys_alert_at_the_site() -> AbstractContextManager[Any]:
    """Being at the same site is enough (defect 38), whoever the alert is about and whatever signals say."""
    return _correlating(incidents, belonging=lambda pairs, _: pairs)


def only_around_now() -> AbstractContextManager[Any]:
    """Alerts are looked for around the moment of the audit, whenever what signals say began (defect 40)."""
    exact = matching._told

    def told(windows: ir.Table, window: timedelta) -> ir.Table:
        return exact(windows.mutate(since=windows.window_end), window)

    return _correlating(matching, _told=told)


def chained_whatever_they_say() -> AbstractContextManager[Any]:
    """Windows of a site go on with one another, whatever they say and of whom."""

    def continued(windows: ir.Table, policy: CorrelationPolicy) -> ir.Table:
        return matching.continuations(windows.mutate(silence=ibis.literal(matching.SITE_SILENT)), policy)

    return _correlating(incidents, continuations=continued)


def never_chained() -> AbstractContextManager[Any]:
    """No window goes on with another: each audit tells a story of its own."""

    def none(windows: ir.Table, policy: CorrelationPolicy) -> ir.Table:
        return matching.continuations(windows, policy).limit(0)

    return _correlating(incidents, continuations=none)


# Each with the claim it must move.
BUGS: dict[str, tuple[Bug, str]] = {
    "degrees for metres": (degrees_for_metres, "movement of a walking guard"),
    "inclusive window end": (inclusive_window_end, "phone_events of a guard's last two hours"),
    "receipt time for event time": (receipt_time_for_event_time, "phone_events of a guard's hour"),
    "UTC night": (utc_night, "night at the site"),
    "missing as zero": (missing_as_zero, "why a guard is silent"),
    "one guard for the site": (one_guard_for_the_site, "phone_events of a site's hour"),
    "closed by the server counts as scanned": (
        closed_by_the_server_counts_as_scanned,
        "tour_checkpoints of a guard's hour",
    ),
    "accuracy ignored": (accuracy_ignored, "movement of a guard who sits"),
}
SILENCE_BUGS: dict[str, tuple[Bug, str]] = {
    "late feed for silent guards": (late_feed_for_silent_guards, "a failed feed is one finding"),
    "duty not asked": (duty_not_asked, "cause of a guard's silence"),
    "unheard for idle": (unheard_for_idle, "nobody is blamed for what failed"),
}
STORY_BUGS: dict[str, tuple[Bug, str]] = {
    "anybody's alert at the site": (anybodys_alert_at_the_site, "incidents: pairs rightly together"),
    "only around now": (only_around_now, "incidents: pairs of one cause found together"),
    "chained whatever they say": (chained_whatever_they_say, "incidents: pairs rightly together"),
    "never chained": (never_chained, "incidents: pairs of one cause found together"),
}
