"""Months of a world as signals, computed by the platform's own expressions straight over the files of the world.

What the door and the archive do with rows is claimed elsewhere; here it would take an hour.
"""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from noc_platform.lake.engines import FEEDS_TABLE, ROSTERS_TABLE, over
from noc_platform.settings import MovementPolicy
from noc_platform.store.duck import open_duckdb
from noc_platform.streams.catalogue import EVENT_STREAMS, REFERENCE_STREAMS
from noc_platform.streams.declaration import Stream
from noc_platform.telemetry.products import hourly_person_signals, hourly_site_signals
from noc_platform.telemetry.vocabulary import Window
from noc_platform_tests.scoreboard.worlds import Written

POLICY = MovementPolicy(worst_accuracy_meters=100.0, top_speed_kmh=150.0)


@dataclass(frozen=True)
class History:
    """A written world, and the signals of all of its days."""

    world: Written

    @cached_property
    def days(self) -> list[date]:
        """The roster days."""
        plan = self.world.manifest.plan
        return [plan.day(number) for number in range(plan.days)]

    @cached_property
    def people(self) -> Any:
        """Signals by person and hour, an Arrow table."""
        window = Window.of_days(self.days[0], self.days[-1])
        return hourly_person_signals(self.engine, window, POLICY)

    @cached_property
    def sites(self) -> Any:
        """Signals by site and hour, an Arrow table."""
        return hourly_site_signals(self.people)

    @cached_property
    def engine(self) -> Any:
        """DuckDB over the files of the world, rows that came twice once."""
        engine = open_duckdb()
        for stream in (*REFERENCE_STREAMS, *EVENT_STREAMS):
            self._hold(engine, stream)
        days = " union all ".join(
            f"""select tenant_id, '{stream.name}' as stream, occurred_at::date as day,
                min(received_at) as first_received_at from {stream.table} group by all"""
            for stream in EVENT_STREAMS
        )
        engine.execute(f"create table {FEEDS_TABLE} as {days}")
        engine.execute(f"create table {ROSTERS_TABLE} as select distinct tenant_id from noc_shift")
        return over(engine)

    def _hold(self, engine: Any, stream: Stream) -> None:
        """A table of the stream's rows, with every declared column."""
        files = [file.path for file in self.world.manifest.files if file.stream == stream.name]
        listed = ", ".join(f"'{self.world.folder / path}'" for path in files)
        rows = f"read_parquet([{listed}], hive_partitioning = false)"
        told = {row[0] for row in engine.execute(f"describe select * from {rows}").fetchall()}
        untold = "".join(f", null as {column.name}" for column in stream.columns if column.name not in told)
        engine.execute(f"create table {stream.table} as select distinct *{untold} from {rows}")
