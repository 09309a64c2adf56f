"""What is known of every guard at one moment, as one Ibis expression over all tenants, sites and people.

It runs on the lake (DuckDB, Spark) and on PostgreSQL. Windows are half-open `[start, as_of)` over `occurred_at`; what
was received after `as_of` does not count. Null is what is not known. The five signals are those of `telemetry.signals`;
tours are in `tour_facts`, sites and feeds in `site_facts`, what follows from all that in `silence` and the rules.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

import ibis
import ibis.expr.types as ir

from noc_platform.findings.policy import FactsPolicy
from noc_platform.settings import MovementPolicy
from noc_platform.streams.catalogue import ALERTS, ATTENDANCE_EVENTS, AUTOCLOSED, COMPLETED, TOUR_IDENTIFIERS
from noc_platform.telemetry.duty import LONGEST_SHIFT
from noc_platform.telemetry.movement import epoch_second, is_usable, metres_between
from noc_platform.telemetry.queries import all_sites, all_sources, table_of
from noc_platform.telemetry.signals import WORK_MARGIN, Grain, Sources, person_signals

PERSON = ["tenant_id", "person_id"]
DONE = (COMPLETED, "PARTIALLYCOMPLETED")
# Whether a phone was heard is asked of stretches this long: phones report every few minutes.
SLOT_SECONDS = 600
# What a person does with a phone; the rest it reports by itself.
USE = ("login", "logout", "call_outgoing")
LONGEST_ROSTERED = timedelta(hours=48)
# A tenant that has rostered nobody, or heard nothing on a stream, for so long keeps none.
KEPT = timedelta(days=14)
# A phone's clock may be this far ahead and its rows still let in by the door.
AHEAD = timedelta(hours=24)
# An instant's seconds and a small number beside them make one number, whose greatest is the newest: engines have no
# portable and cheap way to ask for one column where another is greatest.
ROOM = 1_000.0
SIGNAL_FLOOR = 150.0


@dataclass(frozen=True)
class FactSources:
    """The tables facts are made of, as one engine sees them."""

    telemetry: Sources
    alerts: ir.Table
    sites: ir.Table


def all_fact_sources() -> FactSources:
    """Every tenant's, unbound: any engine that has tables of these names can run what is built on it."""
    return FactSources(all_sources(), table_of(ALERTS), all_sites())


def known_by(sources: FactSources, as_of: ir.TimestampValue, policy: FactsPolicy) -> FactSources:
    """The sources without what was received later, and with a bound in time wherever one serves an index."""
    told = sources.telemetry
    start = as_of - interval(policy.window)
    near = {
        name: table.filter(
            table.received_at <= as_of,
            table.occurred_at >= as_of - interval(back),
            table.occurred_at < as_of + interval(ahead),
        )
        for name, back, ahead in (
            ("device_events", policy.memory, AHEAD),
            ("location_updates", policy.memory, AHEAD),
            ("jobneeds", policy.work_memory, WORK_MARGIN),
            # A state reported at punch-out may say so of a shift that began before the window ended.
            ("attendance_events", policy.window + LONGEST_SHIFT, LONGEST_SHIFT),
        )
        for table in [getattr(told, name)]
    }
    shifts, tours = told.shifts, told.tours_due
    rostered = shifts.filter(shifts.received_at <= as_of, shifts.starts_at < as_of + interval(KEPT))
    feeds = told.feeds.filter(told.feeds.first_received_at <= as_of, told.feeds.day >= (as_of - interval(KEPT)).date())
    keeping = rostered.filter(rostered.starts_at >= as_of - interval(KEPT)).select("tenant_id")
    attended = feeds.filter(feeds.stream == ATTENDANCE_EVENTS.name).select("tenant_id")
    telemetry = replace(
        told,
        **near,
        shifts=rostered.filter(rostered.starts_at >= start - interval(LONGEST_ROSTERED), rostered.starts_at <= as_of),
        tours_due=tours.filter(
            tours.received_at <= as_of, tours.due_at >= as_of - interval(policy.tour_memory), tours.due_at <= as_of
        ),
        feeds=feeds,
        rosters=keeping.union(attended).distinct(),
    )
    alerts = sources.alerts
    raised = alerts.filter(alerts.received_at <= as_of, alerts.occurred_at >= start, alerts.occurred_at < as_of)
    return FactSources(telemetry, raised, sources.sites)


def person_facts(
    sources: FactSources, as_of: ir.TimestampValue, policy: FactsPolicy, movement: MovementPolicy
) -> ir.Table:
    """One row for each person who was on duty or heard of in the window. Columns are those of `moment.Guard`."""
    known = known_by(sources, as_of, policy)
    told = known.telemetry
    grain = Grain.whole(as_of - interval(policy.window), as_of)
    rows = person_signals(told, grain, movement).drop("bucket")
    roster = _rostered(told.shifts, as_of)
    attendance = _attended(told.attendance_events, roster, as_of)
    parts = [
        roster,
        _last_shift(told.shifts, as_of),
        attendance,
        _phones(told, as_of, policy),
        _clocks(told, as_of, policy),
        _positions(told, as_of, policy, movement),
        _done(told.jobneeds, as_of),
        _waiting(told.jobneeds, as_of, policy),
        _tours_waiting(told, as_of, policy),
    ]
    for part in parts:
        rows = rows.left_join(part, PERSON).drop("tenant_id_right", "person_id_right")
    feeds = told.feeds
    attending = feeds.filter(feeds.stream == ATTENDANCE_EVENTS.name).select("tenant_id").distinct()
    rows = rows.left_join(attending.mutate(attends=ibis.literal(1)), "tenant_id").drop("tenant_id_right")
    is_open = rows.punched_in_at.notnull() & rows.punched_out_at.isnull()
    rows = rows.mutate(
        site_id=ibis.cases(
            (is_open & rows.attendance_site_id.notnull(), rows.attendance_site_id),
            (rows.shift_site_id.notnull(), rows.shift_site_id),
            else_=rows.site_id,
        ),
        has_attendance_feed=rows.attends.fill_null(0) == 1,
        tasks_waiting=rows.tasks_waiting.fill_null(0),
        tasks_overdue=rows.tasks_overdue.fill_null(0),
        tours_waiting=rows.tours_waiting.fill_null(0),
        recent_rows=rows.recent_rows.fill_null(0),
        heard_slots=rows.heard_slots.fill_null(0),
        idle_slots_heard=rows.idle_slots_heard.fill_null(0),
    )
    return _placed(rows.drop("attends"), known.sites)


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


def _rostered(shifts: ir.Table, as_of: ir.TimestampValue) -> ir.Table:
    """The shift of each person that goes on at the moment; of several, the one begun last."""
    now = shifts.filter(~shifts.is_cancelled.fill_null(False), shifts.starts_at <= as_of, shifts.ends_at > as_of)
    return newest(now, PERSON, [now.starts_at.desc(), now.site_id.desc()]).select(
        *PERSON, shift_site_id="site_id", shift_starts_at="starts_at", shift_ends_at="ends_at"
    )


def _last_shift(shifts: ir.Table, as_of: ir.TimestampValue) -> ir.Table:
    over = shifts.filter(
        ~shifts.is_cancelled.fill_null(False), shifts.ends_at <= as_of, shifts.ends_at > as_of - interval(LONGEST_SHIFT)
    )
    return over.group_by(*PERSON).agg(shift_ended_at=over.ends_at.max())


def _attended(attendance_events: ir.Table, roster: ir.Table, as_of: ir.TimestampValue) -> ir.Table:
    """The attendance of each person that says most: one that goes on, then where they are rostered, then begun last.

    A punch-out after the moment is not known at it.
    """
    merged = attendance_events.group_by(*PERSON, "attendance_id", "punched_in_at").agg(
        attendance_site_id=attendance_events.site_id.max(), punched_out_at=attendance_events.punched_out_at.max()
    )
    begun = merged.filter(merged.punched_in_at <= as_of, merged.punched_in_at > as_of - interval(LONGEST_SHIFT))
    begun = begun.mutate(punched_out_at=where(begun.punched_out_at <= as_of, begun.punched_out_at))
    placed = begun.left_join(roster.select(*PERSON, "shift_site_id"), PERSON)
    placed = placed.drop("tenant_id_right", "person_id_right")
    order = [
        one_if(placed.punched_out_at.notnull()),
        one_if(placed.attendance_site_id != placed.shift_site_id),
        placed.punched_in_at.desc(),
        placed.attendance_id,
    ]
    return newest(placed, PERSON, order).drop("attendance_id", "shift_site_id")


def _phones(told: Sources, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
    """The last words of each phone. By stretches first: one pass that every engine does by hashing."""
    now = epoch_second(as_of)
    heard = _words(told, policy)
    heard = heard.mutate(slot=((now - heard.second) / SLOT_SECONDS).floor().cast("int64"))
    is_past = heard.occurred_at < as_of
    slots = heard.group_by(*PERSON, "slot").agg(
        events_received_at=heard.received_at.max(where=heard.is_event),
        fixes_received_at=heard.received_at.max(where=~heard.is_event),
        heard_at=heard.occurred_at.max(where=is_past),
        walked_at=heard.occurred_at.max(where=is_past & heard.is_walking),
        used_at=heard.occurred_at.max(where=is_past & heard.is_use),
        logged_out_at=heard.occurred_at.max(where=is_past & heard.is_logout),
        battery=heard.battery.max(where=is_past),
        signal=heard.signal.max(where=is_past),
        network=heard.network.max(where=is_past),
        steps=heard.step_count.sum(where=is_past),
        step_reports=heard.step_count.count(where=is_past),
    )
    in_window, in_idle = (
        (slots.slot >= 0) & (slots.slot < int(span.total_seconds()) // SLOT_SECONDS)
        for span in (policy.window, policy.idle)
    )
    gathered = slots.group_by(*PERSON).agg(
        last_events_received_at=slots.events_received_at.max(),
        last_fixes_received_at=slots.fixes_received_at.max(),
        last_heard_at=slots.heard_at.max(),
        last_walked_at=slots.walked_at.max(),
        last_used_at=slots.used_at.max(),
        last_logged_out_at=slots.logged_out_at.max(),
        battery=slots.battery.max(),
        signal=slots.signal.max(),
        network=slots.network.max(),
        steps=slots.steps.sum(where=in_window),
        step_reports=slots.step_reports.sum(where=in_window),
        heard_slots=one_if(in_window).sum(),
        idle_slots_heard=one_if(in_idle).sum(),
    )
    return gathered.select(
        *PERSON,
        *[name for name in gathered.columns if name.startswith("last_")],
        "heard_slots",
        "idle_slots_heard",
        last_received_at=ibis.greatest(
            ibis.coalesce(gathered.last_events_received_at, gathered.last_fixes_received_at),
            ibis.coalesce(gathered.last_fixes_received_at, gathered.last_events_received_at),
        ),
        battery_level=_beside(gathered.battery),
        battery_age_minutes=(now - _second_of(gathered.battery)) / 60.0,
        signal_strength=_beside(gathered.signal) - SIGNAL_FLOOR,
        was_without_network=_beside(gathered.network) == 1.0,
        steps=where(gathered.step_reports > 0, gathered.steps),
    )


def _words(told: Sources, policy: FactsPolicy) -> ir.Table:
    """Everything phones said, both streams together, as little of each row as is needed."""
    events, fixes = told.device_events, told.location_updates
    second = epoch_second(events.occurred_at)
    without = ibis.cases((events.network_provider == "none", 1.0), else_=0.0)
    said = events.select(
        *PERSON,
        "occurred_at",
        "received_at",
        "step_count",
        second=second,
        is_event=ibis.literal(True),
        is_walking=events.step_count.fill_null(0) > policy.walking_steps,
        is_use=events.event_kind.isin(USE),
        is_logout=events.event_kind == "logout",
        battery=second * ROOM + events.battery_level,
        signal=second * ROOM + (events.signal_strength + SIGNAL_FLOOR),
        network=where(events.network_provider.notnull(), second * ROOM + without),
    )
    seen = fixes.select(
        *PERSON,
        "occurred_at",
        "received_at",
        step_count=ibis.null("int64"),
        second=epoch_second(fixes.occurred_at),
        is_event=ibis.literal(False),
        is_walking=ibis.literal(False),
        is_use=ibis.literal(False),
        is_logout=ibis.literal(False),
        battery=ibis.null("float64"),
        signal=ibis.null("float64"),
        network=ibis.null("float64"),
    )
    return said.union(seen.select(*said.columns))


def _second_of(key: ir.FloatingValue) -> ir.FloatingValue:
    return (key / ROOM).floor().cast("float64")


def _beside(key: ir.FloatingValue) -> ir.FloatingValue:
    return key - _second_of(key) * ROOM


def _clocks(told: Sources, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
    """How long after it happened what was received of late was received, seconds: half of it, and the soonest."""
    narrow = [*PERSON, "occurred_at", "received_at"]
    rows = told.device_events.select(*narrow).union(told.location_updates.select(*narrow))
    rows = rows.filter(rows.received_at > as_of - interval(policy.recent))
    late = rows.mutate(seconds=epoch_second(rows.received_at) - epoch_second(rows.occurred_at))
    return late.group_by(*PERSON).agg(
        recent_rows=late.count(), median_lag_seconds=late.seconds.median(), least_lag_seconds=late.seconds.min()
    )


def _positions(
    told: Sources, as_of: ir.TimestampValue, policy: FactsPolicy, movement: MovementPolicy
) -> ir.Table:  # fmt: skip
    """The newest good fix of each person, of the last minutes."""
    fixes = told.location_updates
    good = fixes.filter(
        is_usable(fixes, movement), fixes.occurred_at >= as_of - interval(policy.recent), fixes.occurred_at < as_of
    )
    order = [good.occurred_at.desc(), good.latitude, good.longitude, good.accuracy_meters]
    return newest(good, PERSON, order).select(
        *PERSON, position_at="occurred_at", position_latitude="latitude", position_longitude="longitude",
        position_accuracy_meters="accuracy_meters",
    )  # fmt: skip


def _done(jobneeds: ir.Table, as_of: ir.TimestampValue) -> ir.Table:
    """When each person last got something done, and when that was last heard of."""
    done = jobneeds.mutate(performer=jobneeds.performed_by.fill_null(jobneeds.person_id))
    done = done.filter(done.performer.notnull(), done.ended_at.notnull(), done.ended_at < as_of, done.status.isin(DONE))
    return (
        done.group_by("tenant_id", "performer")
        .agg(last_done_at=done.ended_at.max(), last_work_received_at=done.received_at.max())
        .rename(person_id="performer")
    )


def _waiting(jobneeds: ir.Table, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
    """Work of each person that was due in the window, should have been done by now and was not; and what is overdue."""
    states = job_states(jobneeds)
    states = states.filter(states.person_id.notnull())
    planned_in_window = states.planned_at >= as_of - interval(policy.window)
    has_waited = states.planned_at <= as_of - interval(policy.patience)
    return states.group_by(*PERSON).agg(
        tasks_waiting=one_if(planned_in_window & has_waited & (states.is_done == 0)).sum(),
        tasks_overdue=one_if(is_overdue(states, as_of, policy)).sum(),
    )


def _tours_waiting(told: Sources, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
    """Tours of each person that were due in the window, should have been begun by now and were not."""
    tours, jobs = told.tours_due, told.jobneeds
    due = tours.filter(
        tours.person_id.notnull(),
        tours.due_at >= as_of - interval(policy.window),
        tours.due_at <= as_of - interval(policy.patience),
    )
    scans = jobs.filter(jobs.parent_id.notnull(), jobs.ended_at < as_of, jobs.status.isin(DONE))
    begun = scans.select("tenant_id", tour_id="parent_id", begun=ibis.literal(1)).distinct()
    rows = due.left_join(begun, ["tenant_id", "tour_id"]).drop("tenant_id_right", "tour_id_right")
    return rows.group_by(*PERSON).agg(tours_waiting=one_if(rows.begun.isnull()).sum())


def _placed(rows: ir.Table, sites: ir.Table) -> ir.Table:
    """With the clock of the site and how far from its centre the newest good fix is."""
    places = sites.select(
        "tenant_id", "site_id", "time_zone", "geofence_radius_meters", centre_latitude="latitude",
        centre_longitude="longitude",
    )  # fmt: skip
    placed = rows.left_join(places, ["tenant_id", "site_id"]).drop("tenant_id_right", "site_id_right")
    apart = metres_between(
        placed.position_latitude, placed.position_longitude, placed.centre_latitude, placed.centre_longitude
    )
    return placed.mutate(distance_meters=apart).drop(
        "position_latitude", "position_longitude", "centre_latitude", "centre_longitude", "attendance_site_id"
    )
