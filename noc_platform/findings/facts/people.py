"""What is known of every guard at one moment, as one Ibis expression over all tenants, sites and people.

It runs on the lake (DuckDB) and on PostgreSQL. Windows are half-open `[start, as_of)` over `occurred_at`; what
was received after `as_of` does not count. Null is what is not known. The five signals are those of `telemetry.signals`;
what follows from all that is concluded in `findings.rules`.
"""

import ibis
import ibis.expr.types as ir

from noc_platform.findings.facts.phones import last_words, positions
from noc_platform.findings.facts.presence import attended, last_shift, rostered
from noc_platform.findings.facts.sources import PERSON, FactSources, interval, known_by
from noc_platform.findings.facts.work import last_done, tasks_waiting, tours_waiting
from noc_platform.findings.policy import FactsPolicy
from noc_platform.settings import MovementPolicy
from noc_platform.streams.catalogue import ATTENDANCE_EVENTS
from noc_platform.telemetry.movement import metres_between
from noc_platform.telemetry.signals import Grain, person_signals

SEPARATOR = "\n"


def person_facts(
    sources: FactSources, as_of: ir.TimestampValue, policy: FactsPolicy, movement: MovementPolicy
) -> ir.Table:
    """One row for each person who was on duty or heard of in the window. Columns are those of `moment.Guard`, but for
    what phones said last, which is told by `words_of_window` and, of one that has gone silent, by `earlier_words`."""
    known = known_by(sources, as_of, policy, heard_for=policy.window)
    told = known.telemetry
    grain = Grain.whole(as_of - interval(policy.window), as_of, is_bulk=True)
    rows = person_signals(told, grain, movement).drop("bucket")
    roster = rostered(told.shifts, as_of)
    attendance = attended(told.attendance_events, roster, as_of)
    parts = [
        roster,
        last_shift(told.shifts, as_of),
        attendance,
        positions(told, as_of, policy, movement),
        last_done(told.jobneeds, as_of, policy),
        tasks_waiting(told.jobneeds, as_of, policy),
        tours_waiting(told, as_of, policy),
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
        tours_waiting=rows.tours_waiting.fill_null(0),
    )
    return _placed(rows.drop("attends"), known.sites)


def words_of_window(sources: FactSources, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
    """What phones said in the window: one row for each person of whose phone anything is told in it, with the columns
    `phones.WORDS` of `moment.Guard`."""
    return last_words(known_by(sources, as_of, policy, heard_for=policy.window).telemetry, as_of, policy)


def earlier_words(sources: FactSources, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
    """The same over `memory`.

    To be asked of few people, as it reads six times what the window holds: those on duty who are not heard.
    """
    return last_words(known_by(sources, as_of, policy, heard_for=policy.memory).telemetry, as_of, policy)


def _placed(rows: ir.Table, sites: ir.Table) -> ir.Table:
    """With the clock of the site and how far from its centre the newest good fix is."""
    places = sites.select(
        "tenant_id", "site_id", "time_zone", "geofence_radius_meters", centre_latitude="latitude",
        centre_longitude="longitude",
    )  # fmt: skip
    # By one name: given two, PostgreSQL merges by tenant and compares every guard with every site of it.
    named = rows.mutate(place=rows.tenant_id + SEPARATOR + rows.site_id)
    places = places.mutate(place=places.tenant_id + SEPARATOR + places.site_id).drop("tenant_id", "site_id")
    placed = named.left_join(places, "place").drop("place", "place_right")
    apart = metres_between(
        placed.position_latitude, placed.position_longitude, placed.centre_latitude, placed.centre_longitude
    )
    return placed.mutate(distance_meters=apart).drop(
        "position_latitude",
        "position_longitude",
        "centre_latitude",
        "centre_longitude",
        "attendance_site_id",
        "shift_site_id",
    )
