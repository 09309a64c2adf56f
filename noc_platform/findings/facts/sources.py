"""The tables facts are made of, cut to what was known at one moment, and words for expressions over them.

A bound in time stands wherever one serves an index; what was received after the moment does not count.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

import ibis
import ibis.expr.types as ir

from noc_platform.findings.policy import FactsPolicy
from noc_platform.streams.catalogue import ALERTS, ATTENDANCE_EVENTS, DEVICE_EVENTS, JOBNEEDS, LOCATION_UPDATES
from noc_platform.streams.declaration import Stream
from noc_platform.telemetry.duty import LONGEST_SHIFT
from noc_platform.telemetry.queries import all_sites, all_sources, table_of
from noc_platform.telemetry.signals import WORK_MARGIN, Sources

PERSON = ["tenant_id", "person_id"]
LONGEST_ROSTERED = timedelta(hours=48)
# A tenant that has rostered nobody, or heard nothing on a stream, for so long keeps none.
KEPT = timedelta(days=14)
# A phone's clock may be this far ahead and its rows still let in by the door.
AHEAD = timedelta(hours=24)


@dataclass(frozen=True)
class FactSources:
    """The tables facts are made of, as one engine sees them."""

    telemetry: Sources
    alerts: ir.Table
    sites: ir.Table


def all_fact_sources() -> FactSources:
    """Every tenant's, unbound: any engine that has tables of these names can run what is built on it."""
    return FactSources(all_sources(), table_of(ALERTS), all_sites())


def reach(policy: FactsPolicy, heard_for: timedelta) -> dict[Stream, tuple[timedelta, timedelta]]:
    """How far before and after a moment rows of each stream matter to it; of what phones said, `heard_for` before."""
    return {
        DEVICE_EVENTS: (heard_for, AHEAD),
        LOCATION_UPDATES: (heard_for, AHEAD),
        JOBNEEDS: (policy.work_memory, WORK_MARGIN),
        # A state reported at punch-out may say so of a shift that began before the window ended.
        ATTENDANCE_EVENTS: (policy.window + LONGEST_SHIFT, LONGEST_SHIFT),
        ALERTS: (policy.window, timedelta(0)),
    }


def known_by(
    sources: FactSources, as_of: ir.TimestampValue, policy: FactsPolicy, heard_for: timedelta
) -> FactSources:  # fmt: skip
    """The sources without what was received later, with a bound in time wherever one serves an index; of what phones
    said, only the last `heard_for`."""
    told = sources.telemetry
    start = as_of - interval(policy.window)
    spans = reach(policy, heard_for)

    def near(table: ir.Table, stream: Stream) -> ir.Table:
        back, ahead = spans[stream]
        since, until = as_of - interval(back), as_of + interval(ahead)
        return table.filter(table.received_at <= as_of, table.occurred_at >= since, table.occurred_at < until)

    shifts, tours = told.shifts, told.tours_due
    rostered = shifts.filter(shifts.received_at <= as_of, shifts.starts_at < as_of + interval(KEPT))
    feeds = told.feeds.filter(told.feeds.first_received_at <= as_of, told.feeds.day >= (as_of - interval(KEPT)).date())
    keeping = rostered.filter(rostered.starts_at >= as_of - interval(KEPT)).select("tenant_id")
    attended = feeds.filter(feeds.stream == ATTENDANCE_EVENTS.name).select("tenant_id")
    telemetry = replace(
        told,
        device_events=near(told.device_events, DEVICE_EVENTS),
        location_updates=near(told.location_updates, LOCATION_UPDATES),
        jobneeds=near(told.jobneeds, JOBNEEDS),
        attendance_events=near(told.attendance_events, ATTENDANCE_EVENTS),
        shifts=rostered.filter(rostered.starts_at >= start - interval(LONGEST_ROSTERED), rostered.starts_at <= as_of),
        tours_due=tours.filter(
            tours.received_at <= as_of, tours.due_at >= as_of - interval(policy.tour_memory), tours.due_at <= as_of
        ),
        feeds=feeds,
        rosters=keeping.union(attended).distinct(),
    )
    return FactSources(telemetry, near(sources.alerts, ALERTS), sources.sites)


def of_people(
    sources: FactSources, tenant: ir.StringValue, person: ir.StringValue, tour: ir.StringValue | None = None
) -> FactSources:  # fmt: skip
    """The sources with what phones said of these people alone, and with these tours alone, if any are named."""
    told = sources.telemetry
    events, fixes = (
        table.filter(table.tenant_id.isin([tenant]), table.person_id.isin([person]))
        for table in (told.device_events, told.location_updates)
    )
    tours = told.tours_due if tour is None else told.tours_due.filter(told.tours_due.tour_id.isin([tour]))
    return replace(sources, telemetry=replace(told, device_events=events, location_updates=fixes, tours_due=tours))


def interval(span: timedelta) -> ir.IntervalScalar:
    """A span as Ibis has it."""
    return ibis.interval(seconds=int(span.total_seconds()))


def where(condition: ir.BooleanValue, value: ir.Value) -> ir.Value:
    """The value where the condition holds, else null."""
    return ibis.cases((condition, value), else_=ibis.null(value.type()))


def one_if(condition: ir.BooleanValue) -> ir.IntegerValue:
    """1 where the condition holds, else 0: PostgreSQL casts no boolean to a bigint."""
    return ibis.cases((condition, 1), else_=0)


def newest(rows: ir.Table, within: list[str], order: list[ir.Value]) -> ir.Table:
    """The first of the rows that share `within`, in that order."""
    ranked = rows.mutate(rank=ibis.row_number().over(ibis.window(group_by=within, order_by=order)))
    return ranked.filter(ranked["rank"] == 0).drop("rank")
