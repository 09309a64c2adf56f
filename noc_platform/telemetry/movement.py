"""How far a guard moved, in geodesic metres, and the guards that keep noise from counting as walking.

Ibis expressions over columns; the same on every engine.
"""

import math

import ibis
import ibis.expr.types as ir

from noc_platform.settings import MovementPolicy

WGS84_SEMI_MAJOR_METERS = 6_378_137.0
WGS84_FLATTENING = 1 / 298.257223563
WGS84_ECCENTRICITY_SQUARED = WGS84_FLATTENING * (2 - WGS84_FLATTENING)
MEAN_EARTH_RADIUS_METERS = 6_371_008.8
METERS_A_DEGREE = WGS84_SEMI_MAJOR_METERS * math.pi / 180.0
# Above a degree apart the local ellipsoid is no longer flat enough, and a sphere is the better likeness.
FLAT_DEGREES = 1.0
# An accuracy is the radius that holds 68 % of fixes (Android's Location.getAccuracy). Errors east and north being
# normal, two fixes of a phone that lies still are, 95 times of 100, nearer than the root of this times the sum of both
# accuracies squared: a Rayleigh distance is within r with probability 1 - exp(-r^2 / 2 s^2).
JITTER = math.log(0.05) / math.log(1 - 0.68)


def metres_between(
    latitude: ir.FloatingValue,
    longitude: ir.FloatingValue,
    to_latitude: ir.FloatingValue,
    to_longitude: ir.FloatingValue,
) -> ir.FloatingValue:
    """Distance on the WGS-84 ellipsoid in metres between points in degrees; null when any of them is.

    Up to a degree apart: Pythagoras on the radii of curvature at the mean latitude (Rapp, Geometric Geodesy I, 1991,
    §3.5; within 0.01 % of Karney's geodesic). Farther: haversine on the mean sphere (within 0.6 %). The way round is
    the short one, also across the antimeridian.
    """
    north = to_latitude - latitude
    apart = (to_longitude - longitude).abs()
    east = ibis.least(apart, 360.0 - apart)
    cosine = ((latitude + to_latitude) * (math.pi / 360.0)).cos()
    # One cosine serves for both radii: engines do not notice by themselves that a sine was asked for twice.
    bend = (1.0 - WGS84_ECCENTRICITY_SQUARED) + WGS84_ECCENTRICITY_SQUARED * cosine * cosine
    northward = north * north * (1.0 - WGS84_ECCENTRICITY_SQUARED) ** 2 / (bend * bend)
    eastward = east * east * cosine * cosine
    near = ((northward + eastward) * METERS_A_DEGREE**2 / bend).sqrt()
    is_near = (north.abs() <= FLAT_DEGREES) & (east <= FLAT_DEGREES)
    is_far = (north.abs() > FLAT_DEGREES) | (east > FLAT_DEGREES)
    # Both are asked, and neither is the default: least() on an unknown point would give half the Earth's girth.
    return ibis.cases(
        (is_near, near), (is_far, _haversine(latitude, to_latitude, north, east)), else_=ibis.null("float64")
    )


def _haversine(
    latitude: ir.FloatingValue, to_latitude: ir.FloatingValue, north: ir.FloatingValue, east: ir.FloatingValue
) -> ir.FloatingValue:
    half_north = (north * (math.pi / 360.0)).sin()
    half_east = (east * (math.pi / 360.0)).sin()
    chord = half_north * half_north + (
        (latitude * (math.pi / 180.0)).cos() * (to_latitude * (math.pi / 180.0)).cos() * half_east * half_east
    )
    # Rounding may carry antipodes a hair above 1, where arcsine has no value.
    return 2.0 * MEAN_EARTH_RADIUS_METERS * ibis.least(chord, 1.0).sqrt().asin()


def epoch_second(moment: ir.TimestampValue) -> ir.FloatingValue:
    """Whole seconds since 1970, as a float; fractions are cut off, which one of the engines does by itself."""
    return moment.epoch_seconds().cast("float64").floor().cast("float64")


def is_usable(fixes: ir.Table, policy: MovementPolicy) -> ir.BooleanValue:
    """Whether a fix may count as movement: it has a point, and its accuracy is not known to be poor."""
    accuracy = fixes.accuracy_meters.fill_null(0.0)
    return fixes.latitude.notnull() & fixes.longitude.notnull() & (accuracy <= policy.worst_accuracy_meters)


def trails(fixes: ir.Table, within: list[str], policy: MovementPolicy, is_bulk: bool) -> ir.Table:
    """Each trail, which is the fixes that share `within`: those columns, how many `fixes`, and the `meters` they cover.

    `fixes` has occurred_at, latitude, longitude, accuracy_meters and `within`, which may not be null. To pair the fixes
    of a whole operation (`is_bulk`) an engine sorts them all, and sorts by a trail's number in half the time that it
    needs for names and hours; a few fixes of one person are not worth the numbering.
    """
    if not is_bulk:
        return _walked(fixes, within, policy)
    names = fixes.select(*within).distinct()
    # With an alias it becomes a common table expression, which is worked out once for both its uses.
    names = names.mutate(trail=ibis.row_number().over(ibis.window(order_by=within))).alias("trail_names")
    numbered = fixes.join(names, within).select("trail", "occurred_at", "latitude", "longitude", "accuracy_meters")
    return _walked(numbered, ["trail"], policy).join(names, "trail").drop("trail")


def _walked(fixes: ir.Table, within: list[str], policy: MovementPolicy) -> ir.Table:
    legs = with_legs(fixes, within, policy)
    return legs.group_by(*within).agg(fixes=legs.count(), meters=legs.leg_meters.sum())


def with_legs(fixes: ir.Table, within: list[str], policy: MovementPolicy) -> ir.Table:
    """The fixes with `leg_meters`, the metres from the fix before it in time among those that share `within`.

    Null for the first. A leg that the two accuracies explain (`JITTER`) counts 0; a leg faster than the top speed
    counts only what that speed allows (domain.md §10.3). Unknown accuracy counts as exact.
    """
    timed = fixes.mutate(second=epoch_second(fixes.occurred_at), accuracy=fixes.accuracy_meters.fill_null(0.0))
    # Fixes of one instant are put in the order of their place: sorting by identity took twice as long.
    order = ibis.window(group_by=within, order_by=["occurred_at", "latitude", "longitude", "accuracy"])
    paired = timed.mutate(
        elapsed_seconds=timed.second - timed.second.lag().over(order),
        from_accuracy=timed.accuracy.lag().over(order),
        from_latitude=timed.latitude.lag().over(order),
        from_longitude=timed.longitude.lag().over(order),
    )
    measured = paired.mutate(
        apart_meters=metres_between(paired.from_latitude, paired.from_longitude, paired.latitude, paired.longitude)
    )
    before = measured.from_accuracy.fill_null(0.0)
    doubt = (measured.accuracy * measured.accuracy + before * before) * JITTER
    reachable = measured.elapsed_seconds * (policy.top_speed_kmh / 3.6)
    counted = ibis.cases(
        (measured.apart_meters * measured.apart_meters <= doubt, 0.0),
        (measured.apart_meters <= reachable, measured.apart_meters),
        (measured.apart_meters > reachable, reachable),
        else_=ibis.null("float64"),
    )
    return measured.mutate(leg_meters=counted)
