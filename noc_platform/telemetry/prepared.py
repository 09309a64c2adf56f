"""The signals of one person or site, now, as PostgreSQL statements with bind parameters.

Compiled from the same expressions as the history, once: compiling takes half a second, running a few milliseconds.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from noc_platform.settings import MovementPolicy
from noc_platform.streams.catalogue import ATTENDANCE_EVENTS
from noc_platform.telemetry.duty import LONGEST_SHIFT
from noc_platform.telemetry.queries import all_sources
from noc_platform.telemetry.signals import INSTANT, Grain, Sources, person_signals, site_signals

# No rostered shift is longer; it bounds how much of the roster is read.
LONGEST_ROSTERED = timedelta(hours=48)
PARAMETERS = ("tenant", "subject", "start", "end", "known_at")


@dataclass(frozen=True)
class Prepared:
    """A statement for psycopg with the parameters of `bind`."""

    sql: str

    @staticmethod
    def bind(tenant: str, subject: str, start: datetime, end: datetime, known_at: datetime) -> dict[str, Any]:
        """Parameters: the person or site asked for, the window `[start, end)` and as known when, UTC."""
        return {"tenant": tenant, "subject": subject, "start": start, "end": end, "known_at": known_at}


def person_statement(policy: MovementPolicy) -> Prepared:
    """Signals of one person over one window: at most one row of `person_signals`, with the name of the site."""
    start, end = _moment("start"), _moment("end")
    person = _text("subject")

    def theirs(table: ir.Table) -> ir.Table:
        return table.filter(table.tenant_id == _text("tenant"), table.person_id == person)

    sources = _bounded(all_sources(), start, end)
    jobneeds = sources.jobneeds
    sources = replace(
        sources,
        device_events=theirs(sources.device_events),
        location_updates=theirs(sources.location_updates),
        jobneeds=theirs(jobneeds).union(
            jobneeds.filter(jobneeds.tenant_id == _text("tenant"), jobneeds.performed_by == person)
        ),
        attendance_events=theirs(sources.attendance_events),
        shifts=theirs(sources.shifts),
        tours_due=theirs(sources.tours_due),
        people=theirs(sources.people),
    )
    signals = person_signals(sources, Grain.whole(start, end), policy, _moment("known_at"))
    # Work planned for one and done by another touches two people; only one was asked for.
    return _compiled(signals.filter(signals.person_id == person))


def site_statement(policy: MovementPolicy) -> Prepared:
    """Signals of one site over one window: at most one row of `site_signals`."""
    start, end = _moment("start"), _moment("end")
    tenant, site = _text("tenant"), _text("subject")
    sources = _bounded(all_sources(), start, end)

    def there(table: ir.Table) -> ir.Table:
        return table.filter(table.tenant_id == tenant, table.site_id == site).select("person_id")

    here = ibis.union(there(sources.shifts), there(sources.attendance_events), there(sources.people)).distinct()

    def theirs(table: ir.Table, column: str = "person_id") -> ir.Table:
        return table.filter(table.tenant_id == tenant, table[column].isin(here.person_id))

    sources = replace(
        sources,
        device_events=theirs(sources.device_events),
        location_updates=theirs(sources.location_updates),
        jobneeds=theirs(sources.jobneeds).union(theirs(sources.jobneeds, "performed_by")),
        attendance_events=theirs(sources.attendance_events),
        shifts=theirs(sources.shifts),
        tours_due=theirs(sources.tours_due),
        people=theirs(sources.people),
    )
    people = person_signals(sources, Grain.whole(start, end), policy, _moment("known_at"))
    return _compiled(site_signals(people.filter(people.site_id == site)))


def _bounded(sources: Sources, start: ir.TimestampValue, end: ir.TimestampValue) -> Sources:
    """The sources with a lower bound in time wherever an expression has none of its own, so that indexes serve."""
    tenant = _text("tenant")
    attendance, shifts, feeds = sources.attendance_events, sources.shifts, sources.feeds
    reach, rostered = (
        ibis.interval(hours=int(span.total_seconds() // 3600)) for span in (LONGEST_SHIFT, LONGEST_ROSTERED)
    )
    attended = feeds.filter(feeds.tenant_id == tenant, feeds.stream == ATTENDANCE_EVENTS.name)
    return replace(
        sources,
        attendance_events=attendance.filter(attendance.occurred_at >= start - reach, attendance.occurred_at < end),
        shifts=shifts.filter(shifts.starts_at >= start - rostered, shifts.starts_at < end),
        feeds=feeds.filter(feeds.tenant_id == tenant, feeds.day >= start.date(), feeds.day <= end.date()),
        # One row is enough to know that the tenant keeps a roster; counting them all would read it whole.
        rosters=shifts.filter(shifts.tenant_id == tenant)
        .limit(1)
        .select("tenant_id")
        .union(attended.limit(1).select("tenant_id"))
        .distinct(),
    )


def _text(name: str) -> ir.StringValue:
    return ibis.literal(_marker(name))


def _moment(name: str) -> ir.TimestampValue:
    return ibis.literal(_marker(name)).cast(INSTANT)


def _marker(name: str) -> str:
    return f"::{name}::"


def _compiled(expression: ir.Table) -> Prepared:
    sql = str(ibis.to_sql(expression, dialect="postgres", pretty=False)).replace("%", "%%")
    for name in PARAMETERS:
        sql = sql.replace(f"'{_marker(name)}'", f"%({name})s")
    return Prepared(sql)
