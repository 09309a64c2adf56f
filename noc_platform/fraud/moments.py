"""The events that are scored: every reported state of an attendance, with what it says itself and where its site lies.

Ibis expressions, the same on every engine. Elsewhere: what lay before each of them (`facts`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from noc_platform.fraud.vocabulary import Stage
from noc_platform.streams.catalogue import (
    ATTENDANCE_EVENTS,
    DEVICE_EVENTS,
    JOBNEEDS,
    LOCATION_UPDATES,
    PEOPLE,
    SHIFTS,
    SITES,
    TOURS_DUE,
    VERDICTS,
)
from noc_platform.streams.forms import zone_called
from noc_platform.telemetry.movement import epoch_second, metres_between
from noc_platform.telemetry.queries import all_sources, table_of

OFFSETS_TABLE = "noc_zone_offset"
OFFSETS_SCHEMA = pa.schema(
    [
        ("time_zone", pa.string()),
        ("since", pa.timestamp("us", tz="UTC")),
        ("until", pa.timestamp("us", tz="UTC")),
        ("offset_minutes", pa.float64()),
    ]
)
# What an event says itself, as its row has it.
OWN = (
    "punched_in_at", "punched_out_at", "device_id", "template_id", "is_location_mocked", "accuracy_meters",
    "latitude_in", "longitude_in", "latitude_out", "longitude_out", "distance_in_meters", "distance_out_meters",
    "biometric_result", "quality_score", "confidence_score", "liveness_score", "face_distance", "face_threshold",
    "verification_attempts",
)  # fmt: skip
PLACE = ("site_latitude", "site_longitude", "radius_meters", "home_site_id", "local_minute", "weekday")
DAY_SECONDS = 86_400.0
# Clocks never change and change back within this.
STEP = timedelta(hours=6)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Sources:
    """The tables evidence is made of, as one engine sees them.

    `feeds` and `rosters` say since when it is known that a tenant delivers fixes and keeps a roster: tenant_id and
    `since`. `offsets` comes from `zone_offsets`.
    """

    attendance_events: ir.Table
    device_events: ir.Table
    location_updates: ir.Table
    jobneeds: ir.Table
    tours_due: ir.Table
    shifts: ir.Table
    people: ir.Table
    sites: ir.Table
    verdicts: ir.Table
    feeds: ir.Table
    rosters: ir.Table
    offsets: ir.Table


def all_tables() -> Sources:
    """Every tenant's tables, unbound: any engine that has tables of these names can run what is built on them."""
    streams = (
        ATTENDANCE_EVENTS, DEVICE_EVENTS, LOCATION_UPDATES, JOBNEEDS, TOURS_DUE, SHIFTS, PEOPLE, SITES, VERDICTS,
    )  # fmt: skip
    offsets = ibis.table(ibis.Schema.from_pyarrow(OFFSETS_SCHEMA), name=OFFSETS_TABLE)
    feeds, shifts = all_sources().feeds, table_of(SHIFTS)
    fixes = feeds.filter(feeds.stream == LOCATION_UPDATES.name)
    return Sources(
        **{each.name: table_of(each) for each in streams},
        feeds=fixes.group_by("tenant_id").agg(since=fixes.first_received_at.min()),
        rosters=shifts.group_by("tenant_id").agg(since=shifts.received_at.min()),
        offsets=offsets,
    )


def zone_offsets(zones: list[str], start: datetime, end: datetime) -> pa.Table:
    """How far each zone's clock is ahead of UTC between two instants: one row for each stretch, minutes.

    A zone nobody knows has none. Rows instead of an engine's own zone data, which differs from engine to engine.
    """
    rows = []
    for zone in sorted(set(zones)):
        clock = zone_called(zone)
        if clock is None:
            continue
        since, moment = start.astimezone(UTC), start.astimezone(UTC)
        ahead = moment.astimezone(clock).utcoffset()
        while moment < end:
            before, moment = moment, moment + STEP
            now = moment.astimezone(clock).utcoffset()
            if now != ahead or moment >= end:
                until = moment if now == ahead else _changed(clock, before, moment)
                minutes = (ahead or timedelta(0)).total_seconds() / 60
                rows.append({"time_zone": zone, "since": since, "until": until, "offset_minutes": minutes})
                since, ahead = until, now
                moment = until
    return pa.Table.from_pylist(rows, schema=OFFSETS_SCHEMA)


def _changed(clock: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The second at which a clock changed that changed once between two instants."""
    ahead = before.astimezone(clock).utcoffset()
    # Clocks change on a full second, wherever the stretch that is looked at begins.
    before, after = before.replace(microsecond=0), after.replace(microsecond=0)
    while after - before > SECOND:
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(clock).utcoffset() == ahead:
            before = middle
        else:
            after = middle
    return after


def moments(sources: Sources) -> ir.Table:
    """One row for every reported state of an attendance in `sources`, ready to be asked about.

    Columns: the keys of the evidence, what the row says itself (`OWN`), its site's position, geofence (metres) and
    zone, and the person's home site.
    """
    events = sources.attendance_events
    sites = sources.sites.select(
        "tenant_id", "site_id", "time_zone", site_latitude="latitude", site_longitude="longitude",
        radius_meters="geofence_radius_meters", site_client_id="client_id",
    )  # fmt: skip
    homes = sources.people.select("tenant_id", "person_id", home_site_id="site_id")
    placed = (
        events.left_join(sites, ["tenant_id", "site_id"])
        .drop("tenant_id_right", "site_id_right")
        .left_join(homes, ["tenant_id", "person_id"])
        .drop("tenant_id_right", "person_id_right")
    )
    clocked = by_the_clock(placed, sources.offsets)
    return clocked.select(
        "tenant_id", event_id=clocked.event_id.cast("string"), attendance_id=clocked.attendance_id,
        person_id=clocked.person_id, site_id=clocked.site_id,
        client_id=clocked.client_id.fill_null(clocked.site_client_id),
        stage=ibis.cases((clocked.punched_out_at.isnull(), Stage.IN.value), else_=Stage.OUT.value),
        happened_at=clocked.punched_out_at.fill_null(clocked.punched_in_at), known_at=clocked.received_at,
        **{name: clocked[name] for name in (*OWN, *PLACE)},
    )  # fmt: skip


def by_the_clock(punched: ir.Table, offsets: ir.Table) -> ir.Table:
    """Rows that have punched_in_at and time_zone, with `local_minute` of the day and `weekday` of the punch by that
    zone's clock, Monday being 0; null where the zone is not known."""
    timed = punched.left_join(
        offsets,
        [
            punched.time_zone == offsets.time_zone,
            punched.punched_in_at >= offsets.since,
            punched.punched_in_at < offsets.until,
        ],
    )
    clock = second_of(timed.punched_in_at) + timed.offset_minutes * 60.0
    day = (clock / DAY_SECONDS).floor()
    # The first of January 1970 was a Thursday.
    weekday = day + 3.0 - ((day + 3.0) / 7.0).floor() * 7.0
    told = timed.mutate(local_minute=(clock - day * DAY_SECONDS) / 60.0, weekday=weekday)
    return told.select(*punched.columns, "local_minute", "weekday")


def numbered(asked: ir.Table) -> ir.Table:
    """The events with `nth`, a number to tell them by that is cheaper to sort and to join than their names."""
    order = ibis.window(order_by=["tenant_id", "known_at", "event_id"])
    return asked.mutate(nth=ibis.row_number().over(order))


def beyond_geofence(
    asked: ir.Table, latitude: ir.FloatingValue, longitude: ir.FloatingValue
) -> ir.FloatingValue:  # fmt: skip
    """Metres a point lies beyond the geofence of the event's site, 0 inside; null where either place is not known, or
    how far the geofence reaches."""
    apart = metres_between(asked.site_latitude, asked.site_longitude, latitude, longitude)
    return at_least(apart - asked.radius_meters, 0.0)


def second_of(moment: ir.TimestampValue) -> ir.FloatingValue:
    """Whole seconds since 1970."""
    return epoch_second(moment)


def where(known: ir.BooleanValue, value: ir.Value) -> ir.Value:
    """The value where that holds, else null."""
    return ibis.cases((known, value), else_=ibis.null(value.type()))


def capped(value: ir.FloatingValue, most: float) -> ir.FloatingValue:
    """The value, `most` where it is more. Null stays null, which least() alone would take for the cap."""
    return where(value.notnull(), ibis.least(value, most))


def at_least(value: ir.FloatingValue, least: float) -> ir.FloatingValue:
    """The value, `least` where it is less. Null stays null, which greatest() alone would take for the least."""
    return where(value.notnull(), ibis.greatest(value, least))


def one_if(condition: ir.BooleanValue) -> ir.IntegerValue:
    """1 where it holds, else 0, also where it is not known. PostgreSQL casts no truth to a number."""
    return ibis.cases((condition, 1), else_=0)
