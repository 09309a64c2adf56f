"""Signals of 10 M raw rows, lake to lake.

Claims: at most 1.2 times hand-written DuckDB SQL for the same rows, under 4 GB; at least 10 times as fast as pandas;
ten times the guards take at most eleven times as long. Run: make bench only=signals
"""

from datetime import date
from pathlib import Path

import pyarrow as pa

from benchmarks.installation import installation, put_references
from benchmarks.operation import TENANT, Load, fill_lake
from benchmarks.race import Result, Run, in_own_process, in_turn, median_seconds
from noc_platform.lake.layout import Lake
from noc_platform.settings import MovementPolicy
from noc_platform.store.sessions import Server
from noc_platform.telemetry.vocabulary import Window

FULL = Load(guards=2_000, days=7)
TENTH = Load(guards=200, days=7)
POLICY = MovementPolicy(100.0, 150.0)
ROUNDS = 3
HAND_WRITTEN = (Path(__file__).parent / "signals_by_hand.sql").read_text()


def ours(home: str, lake_url: str, days: list[date], out: str) -> None:
    """The platform's own path: engine, expression, files by tenant and day."""
    from noc_platform.lake.engines import duckdb_engine
    from noc_platform.telemetry.products import hourly_person_signals, write_days

    server = _server(home)
    with server.pipeline.transaction() as connection:
        rows = hourly_person_signals(
            duckdb_engine(Lake(lake_url), connection, days), Window.of_days(days[0], days[-1]), POLICY
        )
    write_days(Lake(out), "signals/activity_signals", rows, days)


def by_hand(home: str, lake_url: str, days: list[date], out: str) -> None:
    """The same rows by SQL written for DuckDB, over the same files and reference tables, to the same files."""
    from noc_platform.lake.engines import reference_tables
    from noc_platform.store.duck import open_duckdb

    engine = open_duckdb()
    engine.execute("set memory_limit = '3GB'")
    with _server(home).pipeline.transaction() as connection:
        for name, table in reference_tables(connection, days).items():
            engine.register(name, table)
    for name in ("device_events", "location_updates", "jobneeds"):
        engine.execute(f"create view {name} as select * from read_parquet('{lake_url}/telemetry/{name}/*/*/*.parquet')")
    Path(out).mkdir(parents=True)
    engine.execute(
        f"copy ({HAND_WRITTEN}) to '{out}' (format parquet, compression zstd, partition_by (tenant_id, day), write_partition_columns true)"
    )


def pandas_groupby(home: str, lake_url: str, days: list[date], out: str) -> None:
    """The five numbers by pandas, without roster, states or guards on accuracy: less than what we give."""
    import numpy as np
    import pandas as pd

    def read(name: str, columns: list[str]) -> pd.DataFrame:
        return pd.concat(
            pd.read_parquet(path, columns=columns)
            for path in sorted(Path(lake_url, "telemetry", name).glob("*/*/*.parquet"))
        )

    keys = ["tenant_id", "person_id", "hour"]
    events = read("device_events", ["tenant_id", "person_id", "occurred_at"])
    events["hour"] = events["occurred_at"].dt.floor("h")
    parts = [events.groupby(keys).size().rename("phone_events_count")]
    fixes = read("location_updates", ["tenant_id", "person_id", "occurred_at", "latitude", "longitude"])
    fixes["hour"] = fixes["occurred_at"].dt.floor("h")
    fixes = fixes.sort_values([*keys, "occurred_at"])
    before = fixes.groupby(keys)[["latitude", "longitude"]].shift()
    middle = np.radians((fixes["latitude"] + before["latitude"]) / 2)
    north = (fixes["latitude"] - before["latitude"]) * 111_132.0
    east = (fixes["longitude"] - before["longitude"]) * 111_320.0 * np.cos(middle)
    fixes["meters"] = np.hypot(north, east)
    parts += [fixes.groupby(keys).size().rename("location_updates_count"), fixes.groupby(keys)["meters"].sum()]
    jobs = read("jobneeds", ["tenant_id", "person_id", "ended_at", "identifier", "jobneed_id"])
    jobs["hour"] = jobs["ended_at"].dt.floor("h")
    for name, chosen in (
        ("tasks", jobs["identifier"] == "TASK"),
        ("checkpoints", jobs["identifier"] == "INTERNALTOUR"),
    ):
        parts.append(jobs[chosen].groupby(keys)["jobneed_id"].nunique().rename(name))
    Path(out).mkdir(parents=True)
    pd.concat(parts, axis=1).to_parquet(Path(out, "signals.parquet"))


def claims() -> list[Result]:
    """Measure."""
    with installation() as (settings, server, folder):
        put_references(settings, server, FULL)
        lakes = {}
        for name, load in (("full", FULL), ("tenth", TENTH)):
            lakes[name] = str(folder / f"lake-{name}")
            fill_lake(Lake(lakes[name]), load)
        _note_feeds(server, FULL.all_days)
        home, turns = str(settings.absolute_home), iter(range(1_000))

        def contender(work: object, lake: str, load: Load) -> Run:
            return in_own_process(work, home, lakes[lake], load.all_days, str(folder / f"out-{next(turns)}"))  # type: ignore[arg-type]

        runs = in_turn(
            {
                "ours": lambda: contender(ours, "full", FULL),
                "by hand": lambda: contender(by_hand, "full", FULL),
                "pandas": lambda: contender(pandas_groupby, "full", FULL),
                "tenth": lambda: contender(ours, "tenth", TENTH),
            },
            ROUNDS,
        )
        _agree(folder)
    seconds = {name: median_seconds(those) for name, those in runs.items()}
    peak = max(run.peak_gib for run in runs["ours"])
    ratio = seconds["ours"] / seconds["by hand"]
    faster = seconds["pandas"] / seconds["ours"]
    growth = seconds["ours"] / seconds["tenth"]
    rows = f"{FULL.rows / 1e6:.1f} M raw rows"
    return [
        Result(
            f"signals of {rows}, lake to lake",
            f"{seconds['ours']:.2f} s, {peak:.2f} GiB",
            f"DuckDB SQL by hand {seconds['by hand']:.2f} s",
            ratio,
            "<= 1.2, < 4 GB",
            ratio <= 1.2 and peak < 3.7,
        ),
        Result(
            "the same",
            f"{seconds['ours']:.2f} s",
            f"pandas {seconds['pandas']:.2f} s",
            faster,
            ">= 10 times as fast",
            faster >= 10,
        ),
        Result(
            "ten times the guards",
            f"{seconds['ours']:.2f} s",
            f"a tenth of them {seconds['tenth']:.2f} s",
            growth,
            "<= 11",
            growth <= 11,
        ),
    ]


def _server(home: str) -> Server:
    from noc_platform.settings import Settings

    return Server.of(Settings(home=Path(home), database_url=None))


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


def _agree(folder: Path) -> None:
    """Ours and the hand-written must give the same rows, or the race says nothing."""
    import pyarrow.compute as pc
    import pyarrow.dataset

    def total(out: Path) -> list[float]:
        table: pa.Table = pyarrow.dataset.dataset(out, format="parquet", partitioning=None).to_table()
        names = [
            "phone_events_count",
            "location_updates_count",
            "movement_distance_meters",
            "tasks_completed_count",
            "tour_checkpoints_scanned",
        ]
        return [table.num_rows, *(round(pc.sum(table[name]).as_py() or 0, 1) for name in names)]

    mine, peers = total(folder / "out-0"), total(folder / "out-1")
    if mine != peers:
        raise AssertionError(f"the hand-written SQL gives other rows: {mine} and {peers}")
