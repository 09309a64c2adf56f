"""What others read of telemetry: the sources under the names their tables have, and signals prepared for PostgreSQL."""

import ibis
import ibis.expr.types as ir

from noc_platform.lake.engines import FEEDS_TABLE, ROSTERS_TABLE
from noc_platform.streams.arrow import arrow_schema
from noc_platform.streams.catalogue import (
    ATTENDANCE_EVENTS,
    DEVICE_EVENTS,
    JOBNEEDS,
    LOCATION_UPDATES,
    PEOPLE,
    SHIFTS,
    SITES,
    TOURS_DUE,
)
from noc_platform.streams.declaration import Stream
from noc_platform.telemetry.signals import INSTANT, Sources


def table_of(stream: Stream) -> ir.Table:
    """A stream as an unbound Ibis table, named as its table is in PostgreSQL and its view is over the lake."""
    declared = ibis.Schema.from_pyarrow(arrow_schema(stream))
    # Ibis unites only columns that agree in nullability too, and what is computed from them may always be null.
    return ibis.table({name: kind.copy(nullable=True) for name, kind in declared.items()}, name=stream.table)


def all_sources() -> Sources:
    """Every tenant's telemetry, unbound: any engine that has tables of these names can run what is built on it."""
    feeds = ibis.table(
        {"tenant_id": "string", "stream": "string", "day": "date", "first_received_at": INSTANT}, name=FEEDS_TABLE
    )
    return Sources(
        device_events=table_of(DEVICE_EVENTS),
        location_updates=table_of(LOCATION_UPDATES),
        jobneeds=table_of(JOBNEEDS),
        attendance_events=table_of(ATTENDANCE_EVENTS),
        shifts=table_of(SHIFTS),
        tours_due=table_of(TOURS_DUE),
        people=table_of(PEOPLE),
        feeds=feeds,
        rosters=ibis.table({"tenant_id": "string"}, name=ROSTERS_TABLE),
    )


def all_sites() -> ir.Table:
    """Every tenant's sites, unbound."""
    return table_of(SITES)


def site_zones() -> ir.Table:
    """The zones sites lie in, each once, as `time_zone`."""
    return all_sites().select("time_zone").distinct()
