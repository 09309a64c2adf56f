"""Work of people and sites: done, waiting, overdue. Ibis expressions; tours are in `tours`."""

from datetime import timedelta

import ibis.expr.types as ir

from noc_platform.findings.facts.sources import PERSON, interval, one_if
from noc_platform.findings.policy import FactsPolicy
from noc_platform.streams.catalogue import AUTOCLOSED, COMPLETED, TOUR_IDENTIFIERS
from noc_platform.telemetry.movement import epoch_second
from noc_platform.telemetry.signals import WORK_MARGIN, Sources

DONE = (COMPLETED, "PARTIALLYCOMPLETED")
# No work is done so long before it falls due, nor reported so long after it was done by the clock that says both.
EARLY = timedelta(hours=2)


def job_states(jobneeds: ir.Table) -> ir.Table:
    """What is known of each piece of work that is no tour and no checkpoint: one row, done once one state says so.

    Columns: tenant_id, jobneed_id, person_id, site_id, planned_at, lapses_second (due time and grace), is_done,
    is_closed (1 or 0).
    """
    tasks = jobneeds.filter(~jobneeds.identifier.isin(TOUR_IDENTIFIERS))
    lapses = epoch_second(tasks.expires_at) + tasks.grace_minutes.fill_null(0.0) * 60.0
    tasks = tasks.mutate(lapses=lapses, done=one_if(tasks.status.isin(DONE)), closed=one_if(tasks.status == AUTOCLOSED))
    return tasks.group_by("tenant_id", "jobneed_id").agg(
        person_id=tasks.person_id.max(),
        site_id=tasks.site_id.max(),
        planned_at=tasks.planned_at.max(),
        lapses_second=tasks.lapses.max(),
        is_done=tasks.done.max(),
        is_closed=tasks.closed.max(),
    )


def is_overdue(states: ir.Table, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.BooleanValue:
    """Whether work is past its due time and grace: still open, or closed by the server within the window.

    From the due time, whenever it was made (defect 13).
    """
    now = epoch_second(as_of)
    lapsed = states.lapses_second < now
    is_new = states.lapses_second >= now - policy.window.total_seconds()
    return (states.is_done == 0) & lapsed & ((states.is_closed == 0) | is_new)


def last_done(jobneeds: ir.Table, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
    """When each person last got something done within the window, and when that was last heard of."""
    jobs = jobneeds.filter(
        jobneeds.occurred_at >= as_of - interval(policy.window + EARLY),
        jobneeds.ended_at < as_of,
        jobneeds.ended_at >= as_of - interval(policy.window),
        jobneeds.status.isin(DONE),
    )
    jobs = jobs.mutate(performer=jobs.performed_by.fill_null(jobs.person_id))
    jobs = jobs.filter(jobs.performer.notnull())
    return (
        jobs.group_by("tenant_id", "performer")
        .agg(last_done_at=jobs.ended_at.max(), last_work_received_at=jobs.received_at.max())
        .rename(person_id="performer")
    )


def tasks_waiting(jobneeds: ir.Table, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
    """How much work of each person was due in the window, should have been done by now and was not."""
    states = job_states(jobneeds.filter(jobneeds.occurred_at >= as_of - interval(policy.window + WORK_MARGIN)))
    waiting = states.filter(
        states.person_id.notnull(),
        states.is_done == 0,
        states.planned_at >= as_of - interval(policy.window),
        states.planned_at <= as_of - interval(policy.patience),
    )
    return waiting.group_by(*PERSON).agg(tasks_waiting=waiting.count())


def tours_waiting(told: Sources, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
    """How many tours of each person were due in the window, should have been begun by now and were not."""
    tours, jobs = told.tours_due, told.jobneeds
    due = tours.filter(
        tours.person_id.notnull(),
        tours.due_at >= as_of - interval(policy.window),
        tours.due_at <= as_of - interval(policy.patience),
    )
    lately = jobs.occurred_at >= as_of - interval(policy.window + EARLY)
    scans = jobs.filter(lately, jobs.parent_id.notnull(), jobs.ended_at < as_of, jobs.status.isin(DONE))
    begun = scans.select("tenant_id", tour_id="parent_id").distinct()
    waiting = due.anti_join(begun, ["tenant_id", "tour_id"])
    return waiting.group_by(*PERSON).agg(tours_waiting=waiting.count())
