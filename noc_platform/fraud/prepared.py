"""The evidence of one event, as a statement of PostgreSQL with bind parameters.

Compiled from the same expression as the history, once. All it reads is bounded by the person, phone, face and site of
the event, so that indexes serve whatever else is stored.
"""

from dataclasses import replace

import ibis
import ibis.expr.types as ir

from noc_platform.fraud.facts.habits import ATTENDANCE, HISTORY_DAYS
from noc_platform.fraud.facts.phones import LONGEST_GAP_SECONDS
from noc_platform.fraud.facts.work import ASSIGNED_DAYS, MARGIN_DAYS, TOUR_DAYS
from noc_platform.fraud.features import DEVICE_DAYS, TEMPLATE_DAYS, evidence
from noc_platform.fraud.moments import OFFSETS_TABLE, Sources, all_tables, moments
from noc_platform.streams.catalogue import LOCATION_UPDATES
from noc_platform.telemetry.queries import all_sources
from noc_platform.telemetry.statements import Prepared, compiled, moment_marker, text_marker

# The zones' clocks come with the question (`moments.zone_offsets`, as lists): they are no table of the database.
OFFSETS = f"""with {OFFSETS_TABLE} as (
    select * from unnest(%(zones)s::text[], %(sinces)s::timestamptz[], %(untils)s::timestamptz[], %(minutes)s::float8[])
        as told(time_zone, since, until, offset_minutes)), """

# More than is asked for never hurts: a day of the session's zone may be short, and seconds are cut off.
SPARE_DAYS, SPARE_SECONDS = 1, 1


def event_statement() -> Prepared:
    """The evidence of one event: one row of `features.evidence`, or none for one that is not there.

    Parameters: `tenant`, `event`; of the event `person`, `site`, `device`, `template` (null where it has none), `came`,
    its punched_in_at, `at`, its happened_at, and `known_at`; `zones`, `sinces`, `untils`, `minutes`, the columns of
    `zone_offsets`.
    """
    everything = all_tables()
    tenant = text_marker("tenant")
    events = everything.attendance_events
    asked = replace(
        everything, attendance_events=events.filter(events.tenant_id == tenant, events.event_id == _event())
    )
    expression = evidence(_bounded(everything), moments(asked).mutate(nth=ibis.literal(0, "int64")))
    sql = compiled(expression).sql
    if not sql.startswith("WITH "):
        raise ValueError("the statement has no common table expressions to put the zones before")
    return Prepared(OFFSETS + sql.removeprefix("WITH "))


def _event() -> ir.StringValue:
    return text_marker("event")


def _bounded(sources: Sources) -> Sources:
    tenant, person, site = text_marker("tenant"), text_marker("person"), text_marker("site")
    came, known_at = moment_marker("came"), moment_marker("known_at")
    events, shifts, jobs, due = sources.attendance_events, sources.shifts, sources.jobneeds, sources.tours_due
    own = _since(events, came, HISTORY_DAYS).filter(lambda row: row.person_id == person)
    attendance = ibis.union(
        own,
        _since(events, came, DEVICE_DAYS).filter(lambda row: row.device_id == text_marker("device")),
        _since(events, came, TEMPLATE_DAYS).filter(lambda row: row.template_id == text_marker("template")),
        _since(events, came, SPARE_DAYS).filter(lambda row: row.site_id == site),
        distinct=True,
    )
    month = ibis.interval(days=ASSIGNED_DAYS + SPARE_DAYS)
    days = ibis.interval(days=MARGIN_DAYS + SPARE_DAYS)
    of_tenant = shifts.filter(shifts.tenant_id == tenant)
    due_since = moment_marker("at") - ibis.interval(days=TOUR_DAYS + MARGIN_DAYS + SPARE_DAYS)
    done_since = moment_marker("at") - ibis.interval(days=TOUR_DAYS + 2 * MARGIN_DAYS + SPARE_DAYS)
    return replace(
        sources,
        attendance_events=attendance,
        device_events=_of_phone(sources.device_events),
        location_updates=_of_phone(sources.location_updates),
        jobneeds=jobs.filter(jobs.tenant_id == tenant, jobs.person_id == person, jobs.occurred_at >= done_since),
        tours_due=due.filter(due.tenant_id == tenant, due.person_id == person, due.due_at >= due_since),
        shifts=of_tenant.filter(
            of_tenant.person_id == person, of_tenant.starts_at >= came - month, of_tenant.starts_at <= came + month
        ).union(
            of_tenant.filter(
                of_tenant.site_id == site, of_tenant.starts_at >= came - days, of_tenant.starts_at <= came + days
            ),
            distinct=True,
        ),
        people=sources.people.filter(sources.people.tenant_id == tenant, sources.people.person_id == person),
        sites=sources.sites.filter(sources.sites.tenant_id == tenant),
        verdicts=sources.verdicts.filter(
            sources.verdicts.tenant_id == tenant, sources.verdicts.subject_kind == ATTENDANCE
        ).semi_join(own, [("subject_id", "attendance_id")]),
        # One row is enough to know; counting them all would read the tenant whole.
        rosters=of_tenant.filter(of_tenant.received_at <= known_at).limit(1).select("tenant_id", since="received_at"),
        feeds=_fed(tenant, known_at),
    )  # fmt: skip


def _fed(tenant: ir.StringValue, known_at: ir.TimestampValue) -> ir.Table:
    feeds = all_sources().feeds
    heard = feeds.filter(
        feeds.tenant_id == tenant, feeds.stream == LOCATION_UPDATES.name, feeds.first_received_at <= known_at
    )
    return heard.limit(1).select("tenant_id", since="first_received_at")


def _since(events: ir.Table, came: ir.TimestampValue, days: int) -> ir.Table:
    since = came - ibis.interval(days=days + MARGIN_DAYS)
    return events.filter(events.tenant_id == text_marker("tenant"), events.occurred_at >= since)


def _of_phone(rows: ir.Table) -> ir.Table:
    at, reach = moment_marker("at"), ibis.interval(seconds=int(LONGEST_GAP_SECONDS) + SPARE_SECONDS)
    return rows.filter(
        rows.tenant_id == text_marker("tenant"), rows.person_id == text_marker("person"),
        rows.occurred_at >= at - reach, rows.occurred_at <= at,
    )  # fmt: skip
