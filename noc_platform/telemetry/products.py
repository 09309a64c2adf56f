"""Signals as history: what is computed over the lake for whole days, and written back to it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from noc_platform.lake.archive import generations, note_signals
from noc_platform.lake.engines import duckdb_engine, over
from noc_platform.lake.layout import Lake
from noc_platform.settings import MovementPolicy
from noc_platform.store.sessions import Database
from noc_platform.telemetry.vocabulary import Window

if TYPE_CHECKING:
    import ibis.expr.types as ir

ACTIVITY_SIGNALS = "signals/activity_signals"
SITE_ACTIVITY_SIGNALS = "signals/site_activity_signals"
PRODUCTS = (ACTIVITY_SIGNALS, SITE_ACTIVITY_SIGNALS)


@dataclass(frozen=True)
class Written:
    """What a computation put in the lake: all rows together, how many files they went to, and which column says when
    each row was."""

    rows: pa.Table
    files: int
    moment: str = "bucket"

    @property
    def by_day(self) -> dict[date, int]:
        """Rows of each UTC day that has any."""
        counted = pc.value_counts(day_of(self.rows, self.moment))
        return {count["values"]: count["counts"] for count in counted.to_pylist()}


def hourly_person_signals(
    engine: Any, window: Window, policy: MovementPolicy, known_at: datetime | None = None
) -> pa.Table:
    """Signals per person and UTC hour, with the hour of their site's week, over an engine that sees the sources.

    With `known_at`, what was received later does not count. Engines are those of `lake.engines`.
    """
    from noc_platform.telemetry.queries import site_zones

    zones = engine.to_pyarrow(site_zones())["time_zone"].to_pylist()
    return engine.to_pyarrow(_hourly(window, policy, zones, known_at))


def _hourly(window: Window, policy: MovementPolicy, zones: list[str], known_at: datetime | None = None) -> "ir.Table":
    from noc_platform.telemetry.local_time import local_hours, with_local_time
    from noc_platform.telemetry.queries import all_sites, all_sources
    from noc_platform.telemetry.signals import Grain, instant, person_signals

    known = None if known_at is None else instant(known_at)
    signals = person_signals(all_sources(), Grain.hourly(window), policy, known)
    return with_local_time(signals, all_sites(), local_hours(zones, window))


def hourly_site_signals(people: pa.Table) -> pa.Table:
    """Signals per site and UTC hour out of those of people."""
    import ibis

    from noc_platform.store.duck import open_duckdb
    from noc_platform.telemetry.signals import site_signals

    return over(open_duckdb()).to_pyarrow(site_signals(ibis.memtable(people)))


def day_of(rows: pa.Table, moment: str = "bucket") -> pa.ChunkedArray:
    """UTC day of each row's moment."""
    return pc.cast(rows[moment], pa.date32())


def write_days(lake: Lake, dataset: str, rows: pa.Table, days: list[date], moment: str = "bucket") -> Written:
    """Replace these days of a dataset, all tenants; a day that has become empty is removed."""
    day_of_row = day_of(rows, moment)
    files = 0
    stale = {(partition.tenant, partition.day): partition for partition in lake.partitions(dataset, days)}
    for day in days:
        of_day = rows.filter(pc.equal(day_of_row, pa.scalar(day)))
        for tenant in pc.unique(of_day["tenant_id"]).to_pylist():
            order = [(name, "ascending") for name in (moment, "site_id", "person_id") if name in of_day.column_names]
            lake.write(
                lake.partition(dataset, tenant, day),
                of_day.filter(pc.equal(of_day["tenant_id"], tenant)).sort_by(order),
            )
            stale.pop((tenant, day), None)
            files += 1
    for partition in stale.values():
        lake.remove(partition)
    return Written(rows, files, moment)


def refresh_person_signals(database: Database, lake: Lake, days: list[date], policy: MovementPolicy) -> Written:
    """Compute the signals of people for consecutive UTC days, replace them in the lake, note it in the ledger."""
    with database.transaction() as connection:
        # Read before the rows: what arrives meanwhile keeps its day open.
        seen = generations(connection, days)
        engine = duckdb_engine(lake, connection, days)
        rows = hourly_person_signals(engine, Window.of_days(days[0], days[-1]), policy)
        written = write_days(lake, ACTIVITY_SIGNALS, rows, days)
        note_signals(connection, seen)
    return written


def refresh_site_signals(lake: Lake, days: list[date]) -> tuple[pa.Table, Written]:
    """Sum the signals of people in the lake to those of sites for these days; gives the people's rows too."""
    found = lake.partitions(ACTIVITY_SIGNALS, days)
    tables = [lake.read(partition) for partition in found] or [person_schema().empty_table()]
    people = pa.concat_tables(tables, promote_options="default")
    return people, write_days(lake, SITE_ACTIVITY_SIGNALS, hourly_site_signals(people), days)


def person_schema() -> pa.Schema:
    """Columns of the signals of people."""
    any_day = Window.of_days(date(2000, 1, 1), date(2000, 1, 1))
    return _hourly(any_day, MovementPolicy(1.0, 1.0), []).schema().to_pyarrow()
