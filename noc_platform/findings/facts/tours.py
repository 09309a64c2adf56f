"""What is known of every tour due lately: how far it has come, and how its checkpoints were scanned.

One Ibis expression over all tenants and sites, each tour by its own site (defect 12).
"""

import ibis
import ibis.expr.types as ir

from noc_platform.findings.facts.phones import SLOT_SECONDS
from noc_platform.findings.facts.sources import PERSON, FactSources, interval, known_by, one_if
from noc_platform.findings.facts.work import DONE, EARLY
from noc_platform.findings.policy import FactsPolicy
from noc_platform.streams.catalogue import AUTOCLOSED, TOUR_IDENTIFIERS
from noc_platform.telemetry.movement import epoch_second, metres_between
from noc_platform.telemetry.signals import SKIPPED

TOUR = ["tenant_id", "tour_id"]


def tour_facts(sources: FactSources, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
    """One row for each tour that fell due in the last `tour_memory` and is open, or was scanned or ended in the window.

    Columns are those of `moment.Tour`; how it was scanned is that of the last hours.
    """
    told = known_by(sources, as_of, policy, heard_for=policy.window).telemetry
    due, jobs = told.tours_due, told.jobneeds
    jobs = jobs.filter(
        jobs.identifier.isin(TOUR_IDENTIFIERS), jobs.occurred_at >= as_of - interval(policy.tour_memory + EARLY)
    )
    scans = _scans(jobs, as_of)
    counted, paced = _counted(scans), _paced(scans.filter(scans.scanned_at >= as_of - interval(policy.window + EARLY)))
    ended = _ended(jobs, as_of)
    rows = due.select(
        *TOUR, "person_id", "site_id", "due_at", "due_until", "total_checkpoints",
        grace_minutes=due.grace_minutes.fill_null(0.0), is_mandatory=due.is_mandatory.fill_null(False),
    )  # fmt: skip
    for part in (counted, paced, ended):
        rows = rows.left_join(part, TOUR).drop("tenant_id_right", "tour_id_right")
    rows = rows.mutate(scanned=rows.scanned.fill_null(0), is_ended=rows.ended.fill_null(0) == 1).drop("ended")
    start = as_of - interval(policy.window)
    return rows.filter(~rows.is_ended | (rows.last_scan_at >= start) | (rows.ended_at >= start))


def tours_heard(sources: FactSources, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
    """One row for each tour while whose time the phone of whoever was to walk it was heard at all.

    Columns: tenant_id, tour_id, heard_slots (stretches of ten minutes, from when it fell due until its grace
    was over). To be asked of few
    people, as it reads what phones said over `memory`.
    """
    told = known_by(sources, as_of, policy, heard_for=policy.memory).telemetry
    narrow = [*PERSON, "occurred_at"]
    words = told.device_events.select(*narrow).union(told.location_updates.select(*narrow))
    due = told.tours_due
    due = due.mutate(lapses_second=epoch_second(due.due_until) + due.grace_minutes.fill_null(0.0) * 60.0)
    during = words.join(
        due.select(*TOUR, "person_id", "due_at", "lapses_second"),
        [*PERSON, words.occurred_at >= due.due_at, epoch_second(words.occurred_at) < due.lapses_second],
    )
    slot = (epoch_second(during.occurred_at) / SLOT_SECONDS).floor().cast("int64")
    return during.mutate(slot=slot).group_by(*TOUR).agg(heard_slots=lambda rows: rows.slot.nunique())


def _scans(jobs: ir.Table, as_of: ir.TimestampValue) -> ir.Table:
    """Checkpoints that were scanned, each once. What the server closed and what was skipped was not (defect 7)."""
    is_scan = (
        jobs.parent_id.notnull()
        & jobs.ended_at.notnull()
        & (jobs.ended_at < as_of)
        & (jobs.status != AUTOCLOSED)
        & (jobs.scan_type.fill_null("") != SKIPPED)
    )
    rows = jobs.filter(is_scan)
    rows = rows.mutate(performer=rows.performed_by.fill_null(rows.person_id))
    return rows.group_by("tenant_id", "jobneed_id", tour_id=rows.parent_id).agg(
        scanned_at=rows.ended_at.min(),
        latitude=rows.latitude.max(),
        longitude=rows.longitude.max(),
        performer=rows.performer.max(),
    )


def _counted(scans: ir.Table) -> ir.Table:
    """How many checkpoints of each tour were scanned, when last, and by whom."""
    return scans.group_by(*TOUR).agg(
        scanned=scans.count(), last_scan_at=scans.scanned_at.max(), scanned_by=scans.performer.max()
    )


def _paced(scans: ir.Table) -> ir.Table:
    """The usual way of each tour from one scan to the next, in seconds and metres."""
    order = ibis.window(group_by=TOUR, order_by=["scanned_at", "jobneed_id"])
    second = epoch_second(scans.scanned_at)
    paired = scans.mutate(
        gap_seconds=second - second.lag().over(order),
        step_meters=metres_between(
            scans.latitude.lag().over(order), scans.longitude.lag().over(order), scans.latitude, scans.longitude
        ),
    )
    return paired.group_by(*TOUR).agg(
        median_gap_seconds=paired.gap_seconds.median(), median_step_meters=paired.step_meters.median()
    )


def _ended(jobs: ir.Table, as_of: ir.TimestampValue) -> ir.Table:
    """Tours somebody has ended. One that the server closed was not walked for that."""
    heads = jobs.filter(jobs.parent_id.isnull())
    is_done = heads.status.isin(DONE) & heads.ended_at.notnull() & (heads.ended_at < as_of)
    return heads.group_by("tenant_id", tour_id=heads.jobneed_id).agg(
        ended=one_if(is_done).max(), ended_at=heads.ended_at.max(where=is_done)
    )
