"""A million fixes from Parquet into PostgreSQL, by the door.

Claim: validated, de-duplicated, keys and indexes in place, in at most four times what a bare COPY of the same rows into
a table without indexes takes. Run: make bench only=ingest
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.installation import installation, put_references
from benchmarks.operation import Load, raw_day, write_parquet
from benchmarks.race import Result, Run, in_own_process, in_turn, median_seconds
from noc_platform.streams.catalogue import LOCATION_UPDATES

LOAD = Load(guards=1_894, days=1)
ROWS = 1_000_000
ROUNDS = 5
TABLE = LOCATION_UPDATES.table


def by_the_door(home: str, file: str) -> Callable[[], None]:
    """`noc ingest location_updates FILE`, without the start of the process."""
    import pandas  # noqa: F401  # Arrow imports it at the first array
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

    from benchmarks.installation import opened
    from noc_platform.streams.intake import ingest_file

    settings, server = opened(home)

    def work() -> None:
        receipt = ingest_file(
            server.pipeline, LOCATION_UPDATES, Path(file), None, settings.door_policy, received_at=datetime.now(UTC)
        )
        if receipt.accepted != ROWS:
            raise AssertionError(f"not every row went in: {receipt}")

    return work


def by_bare_copy(home: str, file: str) -> Callable[[], None]:
    """The same columns from the same file: Arrow writes CSV, psycopg sends it, no key, no index, no check."""
    import pandas  # noqa: F401
    import pyarrow.csv
    import pyarrow.parquet
    from sqlalchemy import text

    from benchmarks.installation import opened
    from noc_platform.store.copying import copy_in

    _, server = opened(home)
    with server.pipeline.transaction() as connection:
        connection.execute(text("drop table if exists bare"))
        connection.execute(text(f"create table bare (like {TABLE})"))
        connection.execute(text("alter table bare alter event_id drop not null, alter received_at drop not null"))

    def work() -> None:
        rows = pyarrow.parquet.read_table(file)
        with server.pipeline.transaction() as connection:
            copy_in(connection, "bare", rows)

    return work


def claims() -> list[Result]:
    """Measure."""
    from sqlalchemy import text

    with installation() as (settings, server, folder):
        put_references(settings, server, LOAD)
        rows = raw_day(LOAD, LOAD.all_days[0], LOCATION_UPDATES).slice(0, ROWS)
        file = str(write_parquet(rows, folder / "fixes.parquet"))
        home = str(settings.absolute_home)

        def door() -> Run:
            with server.pipeline.transaction() as connection:
                connection.execute(text(f"truncate {TABLE}, noc_telemetry_day"))
            return in_own_process(by_the_door, home, file)

        runs = in_turn({"door": door, "copy": lambda: in_own_process(by_bare_copy, home, file)}, ROUNDS)
    seconds = {name: median_seconds(those) for name, those in runs.items()}
    peaks = {name: round(max(run.peak_gib for run in those), 2) for name, those in runs.items()}
    return [
        Result.at_most(
            "ingest of 1 M rows, Parquet to PostgreSQL",
            f"{seconds['door']:.2f} s, {ROWS / seconds['door']:,.0f} rows/s",
            f"bare COPY {seconds['copy']:.2f} s",
            seconds["door"] / seconds["copy"],
            4,
            details={"rows": ROWS, "median_seconds": seconds, "peak_gib": peaks, "rounds": ROUNDS},
        )
    ]
