"""The five activity signals of domain.md §2.1: the one definition, as Ibis expressions.

The same expression runs on the lake (DuckDB, Spark) and on PostgreSQL. Windows are half-open over `occurred_at`;
what was received after `known_at` does not count. A value is null when it is not known, and 0 only when somebody who
could have been heard did nothing.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from noc_platform.settings import MovementPolicy
from noc_platform.streams.catalogue import AUTOCLOSED, COMPLETED, TOUR_IDENTIFIERS
from noc_platform.telemetry.duty import duty_by_slot, duty_intervals
from noc_platform.telemetry.local_time import LOCAL_TIME
from noc_platform.telemetry.movement import epoch_second, is_usable, trails
from noc_platform.telemetry.vocabulary import Signal, Window

# Work may be reported this long before or after the moment it was planned for, and still count as due then.
WORK_MARGIN = timedelta(hours=24)
SKIPPED = "SKIP"


@dataclass(frozen=True)
class Sources:
    """The tables signals are made of, as one engine sees them.

    `feeds` has tenant_id, stream, day, first_received_at: the days a stream delivered anything at all for a tenant.
    `rosters` has tenant_id: the tenants that keep a roster or attendance, so that off duty can be told from unknown.
    """

    device_events: ir.Table
    location_updates: ir.Table
    jobneeds: ir.Table
    attendance_events: ir.Table
    shifts: ir.Table
    tours_due: ir.Table
    people: ir.Table
    feeds: ir.Table
    rosters: ir.Table


@dataclass(frozen=True)
class Grain:
    """How a window is cut: into UTC hours, or not at all. Its ends are expressions, so that queries can be prepared.

    `is_bulk` says that a whole operation is asked for and not one person: the same answer by another way.
    """

    start: ir.TimestampValue
    end: ir.TimestampValue
    is_hourly: bool
    is_bulk: bool
    hours: ir.Table | None = None

    @classmethod
    def hourly(cls, window: Window) -> "Grain":
        """One row per person and UTC hour. The window's ends must be full hours."""
        if any(end != end.replace(minute=0, second=0, microsecond=0) for end in (window.start, window.end)):
            raise ValueError("hourly signals need a window of full hours")
        count = int((window.end - window.start) / timedelta(hours=1))
        starts = [window.start.astimezone(UTC) + timedelta(hours=hour) for hour in range(count)]
        columns = {
            "slot": [int(start.timestamp()) // HOUR_SECONDS for start in starts],
            "slot_start": starts,
            "slot_end": [start + timedelta(hours=1) for start in starts],
        }
        stamps = pa.timestamp("us", tz="UTC")
        # As Arrow: from plain lists Ibis would go through pandas, whose import alone takes two seconds.
        kinds = pa.schema([("slot", pa.int64()), ("slot_start", stamps), ("slot_end", stamps)])
        hours = ibis.memtable(pa.table(columns, schema=kinds))
        return cls(instant(window.start), instant(window.end), is_hourly=True, is_bulk=True, hours=hours)

    @classmethod
    def whole(cls, start: ir.TimestampValue, end: ir.TimestampValue, is_bulk: bool = False) -> "Grain":
        """One row per person for the whole window."""
        return cls(start, end, is_hourly=False, is_bulk=is_bulk)

    def slot(self, occurred_at: ir.TimestampValue) -> ir.IntegerValue:
        """Number of the bucket an instant of the window falls into: hours since 1970, or 0 for a whole window.

        A number, because truncating an instant with its zone costs five times as much as dividing its seconds.
        """
        if not self.is_hourly:
            return ibis.literal(0, "int64")
        return (epoch_second(occurred_at) / HOUR_SECONDS).floor().cast("int64")

    def dated(self, rows: ir.Table) -> ir.Table:
        """Rows that have `slot`, with the start of their bucket as `bucket`."""
        if self.hours is None:
            return rows.mutate(bucket=self.start)
        # From the table of hours: PostgreSQL has no portable way from seconds to an instant.
        return rows.join(self.hours.select("slot", bucket="slot_start"), "slot")

    def day(self, slot: ir.IntegerValue) -> ir.IntegerValue:
        """Number of the UTC day a bucket lies in; a whole window is one day here."""
        return (slot.cast("float64") / 24).floor().cast("int64") if self.is_hourly else slot

    def contains(self, occurred_at: ir.TimestampValue) -> ir.BooleanValue:
        """Whether an instant lies in the window, its end excluded."""
        return (occurred_at >= self.start) & (occurred_at < self.end)


INSTANT = "timestamp('UTC', 6)"
HOUR_SECONDS = 3600
PERSON = ("tenant_id", "person_id", "slot")


def instant(value: datetime) -> ir.TimestampValue:
    """A UTC instant as an Ibis literal."""
    return ibis.literal(value.astimezone(UTC).isoformat()).cast(INSTANT)


def person_signals(
    sources: Sources,
    grain: Grain,
    policy: MovementPolicy,
    known_at: ir.TimestampValue | None = None,
    include_silent: bool = False,
) -> ir.Table:
    """Signals of each person and bucket that was heard of or on duty; nobody else has a row.

    With `include_silent`, which needs a whole window, everybody of `sources.people` has one.

    Columns: tenant_id, person_id, bucket (start, UTC), site_id (of duty; home where duty is unknown), the five signals,
    usable_fixes, tasks_due, checkpoints_due, is_on_duty (null where the tenant keeps neither roster nor attendance),
    duty_seconds (there, as far as known), is_rostered, is_reporting (the phone was heard), has_device_feed,
    has_location_feed, has_jobneed_feed.
    """
    known = sources if known_at is None else _as_known(sources, known_at)
    parts = [
        _phone(known, grain),
        _fixes(known, grain, policy),
        _work(known, grain),
        _due(known, grain),
        _duty(known, grain),
    ]
    if include_silent:
        parts.append(known.people.select("tenant_id", "person_id", slot=ibis.literal(0, "int64")))
    united = ibis.union(*[_complete(part) for part in parts])
    gathered = united.group_by(*PERSON).agg(
        **{name: getattr(united[name], how)() for name, (_, how) in MEASURES.items()}
    )
    return _judged(_placed(gathered, known, grain))


def site_signals(people: ir.Table) -> ir.Table:
    """Signals of each site and bucket: the sum over the guards on duty there.

    `people` is the result of `person_signals`. Columns: tenant_id, site_id, bucket, people_on_duty, people_reporting,
    duty_seconds and heard_seconds (of all guards on duty, and of those heard; a guard of whose duty nothing is known
    counts a full hour), the five signals (null when unknown for every guard), tasks_due, checkpoints_due; `LOCAL_TIME`
    if people have it.
    """
    there = people.filter(people.site_id.notnull() & people.is_on_duty.fill_null(True))
    told = [name for name in LOCAL_TIME if name in people.columns]
    seconds = there.duty_seconds.fill_null(float(HOUR_SECONDS))
    return there.group_by("tenant_id", "site_id", "bucket", *told).agg(
        people_on_duty=there.count(),
        people_reporting=_one_if(there.is_reporting).sum(),
        duty_seconds=seconds.sum(),
        heard_seconds=_where(there.is_reporting, seconds).sum().fill_null(0.0),
        **{signal.value: there[signal.value].sum() for signal in Signal},
        tasks_due=there.tasks_due.sum(),
        checkpoints_due=there.checkpoints_due.sum(),
    )


# What each part may contribute to a person's bucket: its type, and how contributions are put together.
MEASURES = {
    "phone_events": ("int64", "sum"),
    "fixes": ("int64", "sum"),
    "usable_fixes": ("int64", "sum"),
    "meters": ("float64", "sum"),
    "tasks": ("int64", "sum"),
    "checkpoints": ("int64", "sum"),
    "tasks_due": ("int64", "sum"),
    "checkpoints_due": ("int64", "max"),
    "duty_site_id": ("string", "max"),
    "on_duty": ("int64", "max"),
    "duty_seconds": ("float64", "max"),
    "rostered": ("int64", "max"),
}


def _as_known(sources: Sources, known_at: ir.TimestampValue) -> Sources:
    """The sources without what was received later. Who somebody is does not depend on when we were told."""
    received = {
        name: table.filter(table.received_at <= known_at)
        for name in ("device_events", "location_updates", "jobneeds", "attendance_events", "shifts", "tours_due")
        for table in [getattr(sources, name)]
    }
    feeds = sources.feeds.filter(sources.feeds.first_received_at <= known_at)
    return replace(sources, **received, feeds=feeds)


def _complete(part: ir.Table) -> ir.Table:
    """The part with every measure, null where it has nothing to say, so that parts can be united."""
    columns = {
        name: part[name].cast(kind) if name in part.columns else ibis.null(kind) for name, (kind, _) in MEASURES.items()
    }
    return part.select(*PERSON, **columns)


def _phone(sources: Sources, grain: Grain) -> ir.Table:
    events = sources.device_events.filter(grain.contains(sources.device_events.occurred_at))
    return events.group_by("tenant_id", "person_id", slot=grain.slot(events.occurred_at)).agg(
        phone_events=events.count()
    )


def _fixes(sources: Sources, grain: Grain, policy: MovementPolicy) -> ir.Table:
    table = sources.location_updates
    fixes = table.filter(
        grain.contains(table.occurred_at),
        (table.latitude.notnull() & table.longitude.notnull()) | table.indoor_x.notnull(),
    )
    fixes = fixes.select(
        "tenant_id",
        "person_id",
        "occurred_at",
        "latitude",
        "longitude",
        "accuracy_meters",
        slot=grain.slot(fixes.occurred_at),
        usable=is_usable(fixes, policy),
    )
    walked = trails(fixes, [*PERSON, "usable"], policy, is_bulk=grain.is_bulk)
    return walked.group_by(*PERSON).agg(
        fixes=walked.fixes.sum(),
        usable_fixes=walked.fixes.sum(where=walked.usable),
        meters=walked.meters.sum(where=walked.usable),
    )


def _is_tour(jobneeds: ir.Table) -> ir.BooleanValue:
    return jobneeds.identifier.isin(TOUR_IDENTIFIERS)


def _reported_near(jobneeds: ir.Table, grain: Grain) -> ir.Table:
    # Bounds what is read, and makes a day's answer the same however many days are computed with it.
    margin = ibis.interval(hours=int(WORK_MARGIN.total_seconds() // 3600))
    return jobneeds.filter(jobneeds.occurred_at >= grain.start - margin, jobneeds.occurred_at < grain.end + margin)


def _work(sources: Sources, grain: Grain) -> ir.Table:
    near = _reported_near(sources.jobneeds, grain)
    margin = ibis.interval(hours=int(WORK_MARGIN.total_seconds() // 3600))
    done = near.filter(
        near.ended_at.notnull() & grain.contains(near.ended_at),
        (near.occurred_at < near.ended_at + margin) & (near.occurred_at >= near.ended_at - margin),
    )
    done = done.mutate(performer=done.performed_by.fill_null(done.person_id))
    done = done.filter(done.performer.notnull())
    is_scan = (
        _is_tour(done)
        & done.parent_id.notnull()
        & (done.status != AUTOCLOSED)
        & (done.scan_type.fill_null("") != SKIPPED)
    )
    is_task = ~_is_tour(done) & (done.status == COMPLETED)
    return (
        done.group_by("tenant_id", "performer", slot=grain.slot(done.ended_at))
        .agg(tasks=done.jobneed_id.nunique(where=is_task), checkpoints=done.jobneed_id.nunique(where=is_scan))
        .rename(person_id="performer")
    )


def _due(sources: Sources, grain: Grain) -> ir.Table:
    near = _reported_near(sources.jobneeds, grain)
    margin = ibis.interval(hours=int(WORK_MARGIN.total_seconds() // 3600))
    planned = near.filter(
        near.person_id.notnull() & near.planned_at.notnull() & grain.contains(near.planned_at),
        (near.occurred_at < near.planned_at + margin) & (near.occurred_at >= near.planned_at - margin),
    )
    jobs = planned.group_by("tenant_id", "person_id", slot=grain.slot(planned.planned_at)).agg(
        tasks_due=planned.jobneed_id.nunique(where=~_is_tour(planned)),
        checkpoints_due=planned.jobneed_id.nunique(where=_is_tour(planned) & planned.parent_id.notnull()),
    )
    tours = sources.tours_due.filter(sources.tours_due.person_id.notnull(), grain.contains(sources.tours_due.due_at))
    walks = tours.group_by("tenant_id", "person_id", slot=grain.slot(tours.due_at)).agg(
        checkpoints_due=tours.total_checkpoints.sum().cast("int64")
    )
    return _complete(jobs).union(_complete(walks))


def _duty(sources: Sources, grain: Grain) -> ir.Table:
    intervals = duty_intervals(sources.shifts, sources.attendance_events)
    intervals = intervals.filter(intervals.starts_at < grain.end, intervals.ends_at > grain.start)
    slots = grain.hours
    if slots is None:
        # The whole window is the one bucket; no join is needed to find that out.
        slots = intervals.select(slot=ibis.literal(0, "int64"), slot_start=grain.start, slot_end=grain.end).distinct()
    duty = duty_by_slot(intervals, slots)
    return duty.select(
        *PERSON, "duty_seconds", duty_site_id=duty.site_id, on_duty=ibis.literal(1), rostered=_one_if(duty.is_rostered)
    )


def _feeds(sources: Sources, grain: Grain) -> ir.Table:
    """Which feeds of a tenant were alive: by day, or for the whole window."""
    day = sources.feeds.day.cast(INSTANT)
    table = sources.feeds.mutate(day_start=day)
    alive = table.filter(table.day_start < grain.end, table.day_start + ibis.interval(days=1) > grain.start)
    return alive.group_by("tenant_id", day_number=grain.day(grain.slot(alive.day_start))).agg(
        device_feed=_one_if(alive.stream == "device_events").max(),
        location_feed=_one_if(alive.stream == "location_updates").max(),
        jobneed_feed=_one_if(alive.stream == "jobneeds").max(),
    )


def _placed(gathered: ir.Table, sources: Sources, grain: Grain) -> ir.Table:
    """With the tenant's feeds, whether it keeps a roster, and the person's home."""
    feeds = _feeds(sources, grain)
    keeping = sources.rosters.select("tenant_id", keeps_roster=ibis.literal(True))
    homes = sources.people.select("tenant_id", "person_id", home_site_id="site_id")
    dated = grain.dated(gathered)
    keyed = dated.mutate(day_number=grain.day(dated.slot))
    return (
        keyed.left_join(feeds, ["tenant_id", "day_number"])
        .drop("tenant_id_right", "day_number_right")
        .left_join(keeping, "tenant_id")
        .drop("tenant_id_right")
        .left_join(homes, ["tenant_id", "person_id"])
        .drop("tenant_id_right", "person_id_right")
    )


def _judged(placed: ir.Table) -> ir.Table:
    """Numbers where something is known, null where it is not."""
    reporting = (placed.phone_events.fill_null(0) + placed.fixes.fill_null(0)) > 0
    keeps_roster = placed.keeps_roster.fill_null(False)
    feed = {name: placed[name].fill_null(0) == 1 for name in ("device_feed", "location_feed", "jobneed_feed")}
    tasks_due, checkpoints_due = placed.tasks_due.fill_null(0), placed.checkpoints_due.fill_null(0)
    tasks, checkpoints = placed.tasks.fill_null(0), placed.checkpoints.fill_null(0)
    usable = placed.usable_fixes.fill_null(0)
    return placed.select(
        "tenant_id",
        "person_id",
        "bucket",
        site_id=ibis.cases((~keeps_roster, placed.home_site_id), else_=placed.duty_site_id),
        phone_events_count=_where(feed["device_feed"] & reporting, placed.phone_events.fill_null(0)),
        location_updates_count=_where(feed["location_feed"] & reporting, placed.fixes.fill_null(0)),
        movement_distance_meters=_where(usable >= 2, placed.meters.fill_null(0.0)),
        tasks_completed_count=_where(feed["jobneed_feed"] & (tasks + tasks_due > 0), tasks),
        tour_checkpoints_scanned=_where(feed["jobneed_feed"] & (checkpoints + checkpoints_due > 0), checkpoints),
        usable_fixes=usable,
        tasks_due=tasks_due,
        checkpoints_due=checkpoints_due,
        is_on_duty=_where(keeps_roster, placed.on_duty.fill_null(0) == 1),
        duty_seconds=_where(keeps_roster, placed.duty_seconds.fill_null(0.0)),
        is_rostered=placed.rostered.fill_null(0) == 1,
        is_reporting=reporting,
        has_device_feed=feed["device_feed"],
        has_location_feed=feed["location_feed"],
        has_jobneed_feed=feed["jobneed_feed"],
    )


def _where(known: ir.BooleanValue, value: ir.Value) -> ir.Value:
    return ibis.cases((known, value), else_=ibis.null(value.type()))


def _one_if(condition: ir.BooleanValue) -> ir.IntegerValue:
    # PostgreSQL casts no boolean to a bigint.
    return ibis.cases((condition, 1), else_=0)
