"""What the plain evidence measures with: seconds, metres, nearness."""

import math
from datetime import datetime

from noc_platform_tests.fraud.facts.worlds import Row

MINUTE, HOUR, DAY = 60, 3_600, 86_400


def second(moment: datetime) -> int:
    """Whole seconds since 1970."""
    return math.floor(moment.timestamp())


def metres(
    latitude: float | None, longitude: float | None, to: float | None, to_longitude: float | None
) -> float | None:
    """Between points in degrees: radii of curvature at the mean latitude up to a degree apart, else the mean sphere."""
    if latitude is None or longitude is None or to is None or to_longitude is None:
        return None
    north, east = to - latitude, abs(to_longitude - longitude)
    east = min(east, 360 - east)
    if abs(north) <= 1 and east <= 1:
        squared = 1 - (1 - 1 / 298.257223563) ** 2
        mean = math.radians((latitude + to) / 2)
        bend = 1 - squared * math.sin(mean) ** 2
        across = 6_378_137.0 / math.sqrt(bend)
        along = 6_378_137.0 * (1 - squared) / bend**1.5
        return math.hypot(along * math.radians(north), across * math.cos(mean) * math.radians(east))
    half = math.sin(math.radians(north) / 2) ** 2
    half += math.cos(math.radians(latitude)) * math.cos(math.radians(to)) * math.sin(math.radians(east) / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(math.sqrt(min(half, 1.0)))


def nearness(hour: int, other: int) -> float:
    """1 for the same hour of the day, half for the hour before and after."""
    return {0: 1.0, 1: 0.5, 23: 0.5}.get((hour - other) % 24, 0.0)


def last_of(fixes: list[Row]) -> Row | None:
    """The last fix; of one second the one whose values are least."""

    def order(fix: Row) -> tuple[float, ...]:
        accuracy = fix.get("accuracy_meters")
        known = -1.0 if accuracy is None else accuracy
        is_mocked = float(fix.get("is_location_mocked") or False)
        return -second(fix["occurred_at"]), fix["latitude"], fix["longitude"], known, is_mocked

    return min(fixes, key=order, default=None)


def spread_of(fixes: list[Row]) -> float:
    """The diagonal of the box the fixes lie in, on a sphere as large as the equator."""
    latitudes, longitudes = [fix["latitude"] for fix in fixes], [fix["longitude"] for fix in fixes]
    east = max(longitudes) - min(longitudes)
    east = min(east, 360 - east) * math.cos(math.radians(max(latitudes)))
    return math.hypot(max(latitudes) - min(latitudes), east) * 6_378_137.0 * math.pi / 180


def at_most(value: float | None, most: float) -> float | None:
    """The value, no more than the most; None of None."""
    return None if value is None else min(value, most)


def at_least(value: float | None, least: float) -> float | None:
    """The value, no less than the least; None of None."""
    return None if value is None else max(value, least)


def number(value: float | None) -> float | None:
    """As a real number; None of None."""
    return None if value is None else float(value)
