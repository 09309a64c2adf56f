"""Site signals made up for tests: what a site does at every hour, as the signals have it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

# A Sunday, so that weeks of history are whole weeks before it.
SUNDAY = datetime(2026, 3, 1, tzinfo=UTC)
SITES_SCHEMA = pa.schema(
    [("tenant_id", pa.string()), ("site_id", pa.string()), ("client_id", pa.string()), ("kind", pa.string())]
)


def sites(count: int, tenant: str = "t") -> pa.Table:
    """Sites `s0`…, two of them a client, of two kinds."""
    rows = [
        {"tenant_id": tenant, "site_id": f"s{n}", "client_id": f"c{n // 2}", "kind": f"k{n % 2}"} for n in range(count)
    ]
    return pa.Table.from_pylist(rows, schema=SITES_SCHEMA)


def usual(hour_of_week: Any) -> Any:
    """Phone events an hour of one guard: busy by day, quieter at night and at weekends."""
    day = 12 + 8 * np.sin((hour_of_week % 24 - 6) / 24 * 2 * np.pi)
    return day * np.where(hour_of_week >= 120, 0.6, 1.0)


def history(
    weeks: int, count: int = 4, tenant: str = "t", seed: int = 1, until: datetime = SUNDAY, guards: float = 2.0
) -> pa.Table:
    """Rows of site signals for so many weeks up to `until`, hour by hour; two guards a site unless said."""
    rng = np.random.default_rng(seed)
    hours = weeks * 168
    start = until - timedelta(hours=hours)
    site, number = np.repeat(np.arange(count), hours), np.tile(np.arange(hours), count)
    hour_of_week = (start.weekday() * 24 + start.hour + number) % 168
    level = np.linspace(0.7, 1.4, count)[site]
    expected = usual(hour_of_week) * level * guards
    micros = (int(start.timestamp()) + number * 3600) * 1_000_000
    instants = pa.array(micros).cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
    seconds = np.full(len(site), guards * 3600)
    return pa.table(
        {
            "tenant_id": pa.repeat(tenant, len(site)),
            "site_id": [f"s{place}" for place in site],
            "bucket": instants,
            "hour_of_week": hour_of_week,
            "is_night": (hour_of_week % 24 < 6) | (hour_of_week % 24 >= 20),
            "people_on_duty": np.full(len(site), int(guards)),
            "people_reporting": np.full(len(site), int(guards)),
            "duty_seconds": seconds,
            "heard_seconds": seconds,
            "phone_events_count": rng.poisson(expected),
            "location_updates_count": rng.poisson(expected),
            "movement_distance_meters": rng.gamma(4, expected * 5),
            "tasks_completed_count": rng.poisson(1.0, len(site)),
            "tour_checkpoints_scanned": np.full(len(site), 4),
            "tasks_due": np.ones(len(site), np.int64),
            "checkpoints_due": np.full(len(site), 4),
        }
    )


def changed(rows: pa.Table, column: str, values: Any) -> pa.Table:
    """The rows with another column of that name."""
    place = rows.column_names.index(column)
    return rows.set_column(place, column, pa.array(values, rows.schema.field(column).type, from_pandas=True))


def rows_where(table: pa.Table, **wanted: object) -> list[dict[str, Any]]:
    """Rows whose columns have these values."""
    return [row for row in table.to_pylist() if all(row[name] == value for name, value in wanted.items())]
