"""Signals of 10 M raw rows, lake to lake.

Claims: at most 1.2 times hand-written DuckDB SQL for the same rows, under 4 GB; at least 10 times as fast as pandas;
ten times the guards take at most eleven times as long. Run: make bench only=signals
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.installation import installation, opened, put_references
from benchmarks.operation import TENANT, Load, fill_lake
from benchmarks.race import Result, Run, in_own_process, in_turn, median_seconds
from noc_platform.lake.layout import Lake
from noc_platform.settings import MovementPolicy
from noc_platform.store.sessions import Server
from noc_platform.telemetry.products import ACTIVITY_SIGNALS
from noc_platform.telemetry.vocabulary import Window

FULL = Load(guards=2_000, days=7)
TENTH = Load(guards=200, days=7)
POLICY = MovementPolicy(100.0, 150.0)
ROUNDS = 5
HAND_WRITTEN = (Path(__file__).parent / "signals_by_hand.sql").read_text()
WRITTEN = "format parquet, compression zstd, partition_by (tenant_id, day), write_partition_columns true"
COUNTED = (
    "phone_events_count",
    "location_updates_count",
    "movement_distance_meters",
    "tasks_completed_count",
    "tour_checkpoints_scanned",
    "tasks_due",
    "is_on_duty",
    "is_reporting",
)
# All memory DuckDB, Arrow and Python hold together.
MOST_GIB = 4e9 / 2**30


def ours(home: str, lake_url: str, days: list[date], out: str) -> Callable[[], None]:
    """The platform's own path: engine, expression, files by tenant and day."""
    from noc_platform.lake.engines import duckdb_engine
    from noc_platform.telemetry.products import hourly_person_signals, write_days

    _, server = opened(home)
    import ibis.backends.duckdb  # noqa: F401  # an import too, which Ibis puts off
    import pandas  # noqa: F401  # and Arrow

    def work() -> None:
        with server.pipeline.transaction() as connection:
            engine = duckdb_engine(Lake(lake_url), connection, days)
            rows = hourly_person_signals(engine, Window.of_days(days[0], days[-1]), POLICY)
        write_days(Lake(out), ACTIVITY_SIGNALS, rows, days)

    return work


def by_hand(home: str, lake_url: str, days: list[date], out: str) -> Callable[[], None]:
    """The same rows by SQL written for DuckDB, over the same files and reference tables, to the same files."""
    from noc_platform.lake.engines import MEMORY_LIMIT, reference_tables
    from noc_platform.store.duck import open_duckdb

    _, server = opened(home)
    import pandas  # noqa: F401

    def work() -> None:
        engine = open_duckdb()
        engine.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        with server.pipeline.transaction() as connection:
            for name, table in reference_tables(connection, days).items():
                engine.register(name, table)
        for name in ("device_events", "location_updates", "jobneeds"):
            files = f"{lake_url}/telemetry/{name}/*/*/*.parquet"
            engine.execute(f"create view {name} as select * from read_parquet('{files}')")
        Path(out).mkdir(parents=True)
        engine.execute(f"copy ({HAND_WRITTEN}) to '{out}' ({WRITTEN})")

    return work


def by_pandas(home: str, lake_url: str, days: list[date], out: str) -> Callable[[], None]:
    """The same rows by pandas, in one file."""
    from benchmarks.signals_by_pandas import signals
    from noc_platform.lake.engines import reference_tables

    _, server = opened(home)

    def work() -> None:
        with server.pipeline.transaction() as connection:
            references = reference_tables(connection, days)
        Path(out).mkdir(parents=True)
        signals(Path(lake_url), references).to_parquet(Path(out, "signals.parquet"), compression="zstd")

    return work


def claims() -> list[Result]:
    """Measure."""
    with installation() as (settings, server, folder):
        put_references(settings, server, FULL)
        lakes = {load: str(folder / f"lake-{load.guards}") for load in (FULL, TENTH)}
        for load, lake in lakes.items():
            fill_lake(Lake(lake), load)
        _note_feeds(server, FULL.all_days)
        home = str(settings.absolute_home)
        outs: dict[str, str] = {}

        def contender(work: Callable[..., Callable[[], None]], load: Load) -> Callable[[], Run]:
            def race() -> Run:
                out = outs[work.__name__] = str(folder / f"out-{sum(1 for _ in folder.glob('out-*'))}")
                return in_own_process(work, home, lakes[load], load.all_days, out)

            return race

        runs = in_turn(
            {
                "tenth": contender(ours, TENTH),
                "ours": contender(ours, FULL),
                "by hand": contender(by_hand, FULL),
                "pandas": contender(by_pandas, FULL),
            },
            ROUNDS,
        )
        _agree(outs)
    seconds = {name: median_seconds(those) for name, those in runs.items()}
    peaks = {name: round(max(run.peak_gib for run in those), 2) for name, those in runs.items()}
    details = {"raw_rows": FULL.rows, "median_seconds": seconds, "peak_gib": peaks, "rounds": ROUNDS}
    return [
        Result.at_most(
            f"signals of {FULL.rows / 1e6:.1f} M raw rows, lake to lake",
            f"{seconds['ours']:.2f} s, {peaks['ours']:.2f} GiB",
            f"DuckDB SQL by hand {seconds['by hand']:.2f} s, {peaks['by hand']:.2f} GiB",
            seconds["ours"] / seconds["by hand"],
            1.2,
            also={"peak memory < 4 GB": peaks["ours"] < MOST_GIB},
            details=details,
        ),
        Result.at_least(
            "the same",
            f"{seconds['ours']:.2f} s, {peaks['ours']:.2f} GiB",
            f"pandas {seconds['pandas']:.2f} s, {peaks['pandas']:.2f} GiB",
            seconds["pandas"] / seconds["ours"],
            10,
        ),
        Result.at_most(
            "ten times the guards",
            f"{seconds['ours']:.2f} s",
            f"a tenth of them {seconds['tenth']:.2f} s",
            seconds["ours"] / seconds["tenth"],
            11,
        ),
    ]


def _note_feeds(server: Server, days: list[date]) -> None:
    """The ledger as the door would have left it."""
    from sqlalchemy import text

    with server.pipeline.transaction() as connection:
        for day in days:
            for stream in ("device_events", "location_updates", "jobneeds"):
                connection.execute(
                    text("insert into noc_telemetry_day values (:tenant, :stream, :day, 1, 1, :day, :day, :day)"),
                    {"tenant": TENANT, "stream": stream, "day": day},
                )


def _agree(outs: dict[str, str]) -> None:
    """All must give the same rows, or the race says nothing."""
    import pyarrow.compute as pc
    import pyarrow.dataset

    def totals(out: str) -> list[Any]:
        table = pyarrow.dataset.dataset(out, format="parquet", partitioning=None).to_table()
        columns = [table[name] for name in COUNTED]
        sums = [round(float(pc.sum(column).as_py() or 0), 1) for column in columns]
        return [table.num_rows, *sums, *(column.null_count for column in columns)]

    found = {name: totals(out) for name, out in outs.items()}
    if len({str(total) for total in found.values()}) > 1:
        raise AssertionError(f"the contenders give different rows: {found}")
