"""The signals of one person or site over any window, as PostgreSQL statements with bind parameters.

Compiled from the same expressions as the history, once: building and compiling takes a second, running milliseconds.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import ibis
import ibis.expr.types as ir

from noc_platform.settings import MovementPolicy
from noc_platform.streams.catalogue import ATTENDANCE_EVENTS
from noc_platform.telemetry.duty import LONGEST_SHIFT
from noc_platform.telemetry.queries import all_sources
from noc_platform.telemetry.signals import WORK_MARGIN, Grain, Sources, person_signals, site_signals
from noc_platform.telemetry.statements import Prepared, compiled, marker, moment_marker, text_marker

# No rostered shift is longer; it bounds how much of the roster is read.
LONGEST_ROSTERED = timedelta(hours=48)
PEOPLE = "people"
FEEDS = ("has_device_feed", "has_location_feed", "has_jobneed_feed")


@dataclass(frozen=True)
class SitePrepared:
    """Two statements, asked one after the other: who may have been there, then what they did."""

    who: Prepared
    what: Prepared


def person_statement(policy: MovementPolicy) -> Prepared:
    """Signals of one person over one window: one row of `person_signals`, or none for nobody we know."""
    start, end = moment_marker("start"), moment_marker("end")
    person = text_marker("subject")
    sources = _of_people(_bounded(all_sources(), start, end), lambda column: column == person)
    signals = person_signals(sources, Grain.whole(start, end), policy, moment_marker("known_at"), include_silent=True)
    # Work planned for one and done by another touches two people; only one was asked for.
    return compiled(signals.filter(signals.person_id == person))


def site_statement(policy: MovementPolicy) -> SitePrepared:
    """Signals of one site over one window: at most one row of `site_signals`, and which feeds were alive.

    Who may have been there is asked first: PostgreSQL then reads by index for each of them, and not whole days.
    """
    start, end = moment_marker("start"), moment_marker("end")
    tenant, site = text_marker("tenant"), text_marker("subject")
    bounded = _bounded(all_sources(), start, end)

    def there(table: ir.Table) -> ir.Table:
        return table.filter(table.tenant_id == tenant, table.site_id == site).select("person_id")

    who = ibis.union(there(bounded.shifts), there(bounded.attendance_events), there(bounded.people)).distinct()
    sources = _of_people(bounded, lambda column: column.isin([marker(PEOPLE)]))
    people = person_signals(sources, Grain.whole(start, end), policy, moment_marker("known_at"))
    there_then = people.filter(people.site_id == site)
    feeds = there_then.agg(**{name: there_then[name].any() for name in FEEDS})
    return SitePrepared(compiled(who), compiled(site_signals(there_then).cross_join(feeds)))


def _bounded(sources: Sources, start: ir.TimestampValue, end: ir.TimestampValue) -> Sources:
    """The sources with a bound in time wherever an expression has none of its own, so that indexes serve."""
    tenant = text_marker("tenant")
    attendance, jobneeds, shifts, feeds = sources.attendance_events, sources.jobneeds, sources.shifts, sources.feeds
    reach, work, rostered = (
        ibis.interval(hours=int(span.total_seconds() // 3600))
        for span in (LONGEST_SHIFT, WORK_MARGIN, LONGEST_ROSTERED)
    )
    attended = feeds.filter(feeds.tenant_id == tenant, feeds.stream == ATTENDANCE_EVENTS.name)
    return replace(
        sources,
        # A state reported at punch-out may say so of a shift that began before the window ended.
        attendance_events=attendance.filter(
            attendance.occurred_at >= start - reach, attendance.occurred_at < end + reach
        ),
        jobneeds=jobneeds.filter(jobneeds.occurred_at >= start - work, jobneeds.occurred_at < end + work),
        shifts=shifts.filter(shifts.starts_at >= start - rostered, shifts.starts_at < end),
        feeds=feeds.filter(feeds.tenant_id == tenant, feeds.day >= start.date(), feeds.day <= end.date()),
        # One row is enough to know that the tenant keeps a roster; counting them all would read it whole.
        rosters=shifts.filter(shifts.tenant_id == tenant)
        .limit(1)
        .select("tenant_id")
        .union(attended.limit(1).select("tenant_id"))
        .distinct(),
    )


def _of_people(sources: Sources, wanted: Callable[[ir.StringColumn], ir.BooleanValue]) -> Sources:
    """The sources with only what concerns people for whom `wanted`, given a column, holds."""
    tenant = text_marker("tenant")

    def theirs(table: ir.Table, column: str = "person_id") -> ir.Table:
        return table.filter(table.tenant_id == tenant, wanted(table[column]))

    return replace(
        sources,
        device_events=theirs(sources.device_events),
        location_updates=theirs(sources.location_updates),
        # Twice the same state counts once; one condition with "or" would read by neither index.
        jobneeds=theirs(sources.jobneeds).union(theirs(sources.jobneeds, "performed_by")),
        attendance_events=theirs(sources.attendance_events),
        shifts=theirs(sources.shifts),
        tours_due=theirs(sources.tours_due),
        people=theirs(sources.people),
    )
