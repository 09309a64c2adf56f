"""The clock on a site's wall: hour of the week and night, by IANA zone and daylight saving.

Zones are turned into rows here, once for every engine: engines differ in the zone data they carry, rows do not.
"""

from collections.abc import Iterable
from datetime import timedelta

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from noc_platform.streams.forms import zone_called
from noc_platform.telemetry.vocabulary import Window

# Hours of the day at which night begins and is over (domain.md §2.4), on the site's clock.
NIGHT_BEGINS, NIGHT_ENDS = 20, 6
LOCAL_TIME = ("hour_of_week", "is_night")
HOURS_SCHEMA = pa.schema(
    [
        ("time_zone", pa.string()),
        ("bucket", pa.timestamp("us", tz="UTC")),
        ("hour_of_week", pa.int64()),
        ("is_night", pa.bool_()),
    ]
)


def local_hours(zones: Iterable[str], window: Window) -> ir.Table:
    """What every UTC hour of a window is on the clocks of these zones, as a table any engine can join.

    Columns: time_zone, bucket (start, UTC), hour_of_week (0 to 167, Monday 00:00 is 0), is_night. An hour is judged by
    its start; where clocks go back one hour of the week comes twice, where they go forward one is missing.
    """
    count = int((window.end - window.start) / timedelta(hours=1))
    starts = [window.start + timedelta(hours=hour) for hour in range(count)]
    rows = []
    for zone in sorted(set(zones)):
        clock = zone_called(zone)
        if clock is None:
            # One site's mistake; its hours are unknown, everybody else's are not.
            continue
        for start in starts:
            local = start.astimezone(clock)
            night = local.hour >= NIGHT_BEGINS or local.hour < NIGHT_ENDS
            rows.append(
                {
                    "time_zone": zone,
                    "bucket": start,
                    "hour_of_week": local.weekday() * 24 + local.hour,
                    "is_night": night,
                }
            )
    return ibis.memtable(pa.Table.from_pylist(rows, schema=HOURS_SCHEMA))


def with_local_time(rows: ir.Table, sites: ir.Table, hours: ir.Table) -> ir.Table:
    """Rows that have tenant_id, site_id and bucket, with `LOCAL_TIME` of their site; null where no site is known.

    `sites` is the stream of that name, `hours` comes from `local_hours` for all zones in it.
    """
    zones = sites.select("tenant_id", "site_id", "time_zone")
    placed = rows.left_join(zones, ["tenant_id", "site_id"]).drop("tenant_id_right", "site_id_right")
    told = placed.left_join(hours, ["time_zone", "bucket"])
    return told.select(*rows.columns, *LOCAL_TIME)
