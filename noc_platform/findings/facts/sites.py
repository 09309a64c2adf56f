"""What is known of every site and of every tenant's feeds at one moment, beyond what its guards tell.

Ibis expressions over all tenants and sites, as in `people`.
"""

from datetime import timedelta

import ibis
import ibis.expr.types as ir

from noc_platform.findings.facts.sources import FactSources, interval, known_by, one_if
from noc_platform.findings.facts.work import is_overdue, job_states
from noc_platform.findings.policy import FactsPolicy, SilencePolicy
from noc_platform.streams.catalogue import DEVICE_EVENTS, JOBNEEDS, LOCATION_UPDATES
from noc_platform.telemetry.duty import duty_intervals

# An alert in one of these is over for whoever raised it.
CLOSED_ALERTS = ("RESOLVED", "SUPPRESSED")
SITE = ["tenant_id", "site_id"]
# Streams whose silence says that a feed failed rather than people.
WATCHED = (DEVICE_EVENTS, LOCATION_UPDATES, JOBNEEDS)


def site_facts(sources: FactSources, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
    """One row for each site: its clock, alerts raised there in the window and still open of them, tasks overdue.

    Columns are those of `moment.Site`; who is on duty there and what of the tours is late is counted in `moment`.
    """
    known = known_by(sources, as_of, policy, heard_for=policy.window)
    states = job_states(known.telemetry.jobneeds)
    work = states.group_by(*SITE).agg(tasks_overdue=one_if(is_overdue(states, as_of, policy)).sum())
    alerts = known.alerts
    is_open = ~alerts.status.fill_null("").isin(CLOSED_ALERTS)
    raised = alerts.group_by(*SITE).agg(alerts_raised=alerts.count(), alerts_open=one_if(is_open).sum())
    rows = known.sites.select(*SITE, "name", "time_zone")
    for part in (work, raised):
        rows = rows.left_join(part, SITE).drop("tenant_id_right", "site_id_right")
    counts = ("tasks_overdue", "alerts_raised", "alerts_open")
    return rows.mutate(**{name: rows[name].fill_null(0) for name in counts})


def feed_facts(
    sources: FactSources, as_of: ir.TimestampValue, policy: FactsPolicy, silence: SilencePolicy, heard_for: timedelta
) -> ir.Table:  # fmt: skip
    """One row for each tenant and watched stream that delivered anything in the last days. Columns are those of
    `moment.Feed`.

    `last_received_at` is of what happened within `heard_for`, null where nothing was received of it; `guards_due` at
    `sites_due` sites were on duty for at least `unheard` since, within that, so that they should have been heard.
    """
    told = known_by(sources, as_of, policy, heard_for=heard_for).telemetry
    streams = told.feeds.filter(told.feeds.stream.isin([stream.name for stream in WATCHED]))
    received = [
        table.filter(table.occurred_at >= as_of - interval(heard_for))
        .group_by("tenant_id")
        .agg(last_received_at=table.received_at.max())
        .mutate(stream=ibis.literal(name))
        for name in (stream.name for stream in WATCHED)
        for table in [getattr(told, name)]
    ]
    last = ibis.union(*received)
    feeds = streams.select("tenant_id", "stream").distinct().left_join(last, ["tenant_id", "stream"])
    feeds = feeds.drop("tenant_id_right", "stream_right")
    feeds = feeds.mutate(since=feeds.last_received_at.fill_null(as_of - interval(heard_for)))
    duty = duty_intervals(told.shifts, told.attendance_events)
    # Whoever was on duty long enough since; of a stream that delivers nobody was. In one pass over what was received.
    due = feeds.left_join(
        duty,
        [
            feeds.tenant_id == duty.tenant_id,
            duty.starts_at <= as_of - interval(silence.unheard),
            duty.ends_at >= feeds.since + interval(silence.unheard),
            feeds.since <= as_of - interval(silence.unheard),
        ],
    ).drop("tenant_id_right")
    return due.group_by("tenant_id", "stream", "last_received_at").agg(
        guards_due=due.person_id.nunique(), sites_due=due.site_id.nunique()
    )
