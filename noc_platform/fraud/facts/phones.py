"""What the person's own phone told before an event: where it was, how often it reported, its battery and signal.

Ibis expressions, one row for each event that anything is known for.
"""

import ibis
import ibis.expr.types as ir

from noc_platform.fraud.moments import at_least, beyond_geofence, one_if, second_of, where
from noc_platform.fraud.vocabulary import Stage
from noc_platform.telemetry.movement import METERS_A_DEGREE, metres_between

RECENT_SECONDS = 7_200.0
LONGEST_GAP_SECONDS, SHORTEST_GAP_SECONDS = 21_600.0, 60.0
CAP_KMH = 1_000.0
LEAST_FIXES = 3
# A reading and its second in one number, so that the last one is a maximum: every engine has that, and it is fast.
SECOND, THOUSANDTH = 1_000_000.0, 1_000.0
WEAKEST_DBM = 150.0


def readings(asked: ir.Table, device_events: ir.Table) -> ir.Table:
    """The last battery and signal readings of the two hours before: `nth`, battery_level (percent) and
    phone_signal_strength (dBm), to a thousandth."""
    near = _near(asked, device_events, RECENT_SECONDS)
    packed = near.mutate(
        # Engines round halves in their own ways; all know what is below.
        battery=near.second * SECOND + (near.battery_level * THOUSANDTH + 0.5).floor(),
        signal=near.second * SECOND + ((near.signal_strength + WEAKEST_DBM) * THOUSANDTH + 0.5).floor(),
    )
    last = packed.group_by("nth").agg(battery=packed.battery.max(), signal=packed.signal.max())
    return last.select(
        "nth", battery_level=_unpacked(last.battery), phone_signal_strength=_unpacked(last.signal) - WEAKEST_DBM
    )


def whereabouts(asked: ir.Table, location_updates: ir.Table) -> ir.Table:
    """What fixes tell: `nth`, and of the two hours before `fixes`, fix_spread_meters, accuracy_spread_meters,
    mocked_fix_share, `last_recent` (second of the last one); `last_second` of the last fix at least a minute old."""
    fixes = location_updates.filter(location_updates.latitude.notnull() & location_updates.longitude.notnull())
    near = _near(asked, fixes, LONGEST_GAP_SECONDS)
    is_recent = near.second >= near.asked_second - RECENT_SECONDS
    gathered = near.group_by("nth").agg(
        fixes=one_if(is_recent).sum(),
        last_second=near.second.max(where=near.second <= near.asked_second - SHORTEST_GAP_SECONDS),
        last_recent=near.second.max(where=is_recent),
        north=near.latitude.max(where=is_recent) - near.latitude.min(where=is_recent),
        east=near.longitude.max(where=is_recent) - near.longitude.min(where=is_recent),
        latitude=near.latitude.max(where=is_recent),
        accuracy_spread=near.accuracy_meters.max(where=is_recent) - near.accuracy_meters.min(where=is_recent),
        mocked=one_if(is_recent & near.is_location_mocked.fill_null(False)).sum(),
        told=one_if(is_recent & near.is_location_mocked.notnull()).sum(),
    )
    # Across the antimeridian the longitudes of neighbours are a whole turn apart.
    east = ibis.least(gathered.east, (360.0 - gathered.east).abs())
    eastward = east * (gathered.latitude * (3.141592653589793 / 180.0)).cos()
    spread = (gathered.north * gathered.north + eastward * eastward).sqrt() * METERS_A_DEGREE
    is_enough = gathered.fixes >= LEAST_FIXES
    return gathered.select(
        "nth", "fixes", "last_second", "last_recent",
        fix_spread_meters=where(is_enough, spread),
        accuracy_spread_meters=where(is_enough, gathered.accuracy_spread),
        mocked_fix_share=where(gathered.told > 0, gathered.mocked.cast("float64") / gathered.told),
    )  # fmt: skip


def last_fixes(asked: ir.Table, seen: ir.Table, location_updates: ir.Table) -> ir.Table:
    """The last fix before each event: `nth`, phone_distance_meters (beyond the geofence, of the last two hours),
    fix_speed_kmh from there to where the person punched (out, where they have), fix_accuracy_meters, last_fix_mocked.
    `seen` comes from `whereabouts`."""
    wanted = asked.join(seen.select("nth", "last_second", "last_recent"), "nth")
    # Both at once: it is looking through the fixes that takes the time.
    apart = wanted.last_second.isnull() | (wanted.last_second != wanted.last_recent)
    either = wanted.mutate(fix_second=wanted.last_second).union(
        wanted.filter(apart).mutate(fix_second=wanted.last_recent)
    )
    last = _of_second(either, location_updates)
    # Where somebody came in says nothing of where they were when they left.
    is_out = last.stage == Stage.OUT.value
    punch_latitude = ibis.cases((is_out, last.latitude_out), else_=last.latitude_in)
    punch_longitude = ibis.cases((is_out, last.longitude_out), else_=last.longitude_in)
    apart_meters = metres_between(last.fix_latitude, last.fix_longitude, punch_latitude, punch_longitude)
    doubt = last.fix_accuracy.fill_null(0.0) + last.accuracy_meters.fill_null(0.0)
    elapsed = second_of(last.happened_at) - last.fix_second
    measured = last.mutate(
        is_aged=last.fix_second == last.last_second, is_recent=last.fix_second == last.last_recent,
        speed=at_least(apart_meters - doubt, 0.0) / elapsed * 3.6,
        beyond=beyond_geofence(last, last.fix_latitude, last.fix_longitude),
    )  # fmt: skip
    return measured.group_by("nth").agg(
        fix_speed_kmh=measured.speed.max(where=measured.is_aged),
        fix_accuracy_meters=measured.fix_accuracy.max(where=measured.is_aged),
        last_fix_mocked=measured.mocked.max(where=measured.is_aged) == 1,
        phone_distance_meters=measured.beyond.max(where=measured.is_recent),
    )


def _of_second(wanted: ir.Table, location_updates: ir.Table) -> ir.Table:
    """Events with their person's fix of `fix_second`, as known then. Of several any one may be the last, as long as it
    is the same on every engine."""
    fixes = location_updates.filter(location_updates.latitude.notnull() & location_updates.longitude.notnull())
    told = fixes.select(
        "tenant_id", "person_id", "received_at", fix_latitude="latitude", fix_longitude="longitude",
        fix_accuracy="accuracy_meters", mocked=one_if(fixes.is_location_mocked.fill_null(False)),
        fix_second=second_of(fixes.occurred_at),
    )  # fmt: skip
    joined = wanted.join(told, ["tenant_id", "person_id", "fix_second"])
    known = joined.filter(joined.received_at <= joined.known_at)
    order = ibis.window(
        group_by=["nth", "fix_second"],
        order_by=[known.fix_latitude, known.fix_longitude, known.fix_accuracy.fill_null(-1.0), known.mocked],
    )
    ranked = known.mutate(place=ibis.row_number().over(order))
    return ranked.filter(ranked.place == 0)


def _near(asked: ir.Table, rows: ir.Table, seconds: float) -> ir.Table:
    """Each event with its person's rows of so many seconds before it, as known then; with `second` of each row.

    Joined by pieces of time as long as that, of which an event looks into two: engines join by what is equal.
    """
    own = asked.select("nth", "tenant_id", "person_id", "known_at", asked_second=second_of(asked.happened_at))
    piece = (own.asked_second / seconds).floor().cast("int64")
    either = own.mutate(piece=piece).union(own.mutate(piece=piece - 1))
    timed = rows.mutate(second=second_of(rows.occurred_at))
    timed = timed.mutate(piece=(timed.second / seconds).floor().cast("int64"))
    joined = either.join(timed, ["tenant_id", "person_id", "piece"])
    return joined.filter(
        joined.second < joined.asked_second,
        joined.second >= joined.asked_second - seconds,
        joined.received_at <= joined.known_at,
    )


def _unpacked(packed: ir.FloatingValue) -> ir.FloatingValue:
    return (packed - (packed / SECOND).floor() * SECOND) / THOUSANDTH
