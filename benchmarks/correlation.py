"""Signals and alerts put together: a million windows and a million alerts of a week, 2,000 sites and 20,000 people.

Claims: at most 1.3 times the faster of two DuckDB statements by hand for the same pairs with the same scores, at least
20 times as fast as a query for each window, ten times as much at most 12 times as long; and what `incidents` claims:
one person in 20 ms, a change of status within 200 ms, a large operation in 5 s, a storm that stays bounded.
Run: make bench only=correlation
"""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from benchmarks import incidents
from benchmarks.happenings import Week, put_alerts
from benchmarks.installation import installation
from benchmarks.race import Result, Run, in_own_process, in_turn, median_seconds
from noc_platform.correlation.matching import matches
from noc_platform.lake.engines import over
from noc_platform.settings import CorrelationPolicy
from noc_platform.store.duck import open_duckdb
from noc_platform.store.sessions import Database, psycopg_of

FULL = Week(windows=1_000_000, alerts=1_000_000, sites=2_000)
TENTH = Week(windows=100_000, alerts=100_000, sites=200)
POLICY = CorrelationPolicy()
ROUNDS = 3
ASKED = 1_000
BY_HAND = {
    "range join": (Path(__file__).parent / "correlation_by_hand.sql").read_text(),
    "buckets": (Path(__file__).parent / "correlation_by_buckets.sql").read_text(),
}
COLUMNS = """tenant_id, person_id, window_end, event_id, alert_id, occurred_at, alert_person_id, apart_seconds,
    signal_rank, alert_rank, entity, proximity, consistency, score, is_telling"""
# As the seed did it: for each window what was raised about the person or the site within it. Both indexes lead here.
ONE_BY_ONE = """
    select alert_id, alert_type, severity, person_id, site_id, last_seen_at from noc_alert
    where tenant_id = %(tenant_id)s and (person_id = %(person_id)s or site_id = %(site_id)s)
      and last_seen_at between %(since)s - interval '15 minutes' and %(window_end)s + interval '15 minutes'
"""


def prepare(folder: str, by_hand: str | None) -> Callable[[], None]:
    """Pairs of what lies in a folder, into a table of DuckDB: by a statement by hand, or by the platform's expression,
    which is composed and compiled within the time."""
    engine = open_duckdb()
    for name in ("windows", "alerts"):
        engine.execute(f"create table {name} as select * from read_parquet('{folder}/{name}.parquet')")
    backend = over(engine)

    def work() -> None:
        statement = by_hand or str(backend.compile(matches(backend.table("windows"), backend.table("alerts"), POLICY)))
        engine.execute(f"create table pairs as {statement}")

    return work


def claims() -> list[Result]:
    """Measure matching, then what is written of it."""
    return [*matching(), *incidents.claims()]


def matching() -> list[Result]:
    """The expression against its peers."""
    with installation() as (_, server, folder):
        for name, week in (("full", FULL), ("tenth", TENTH)):
            (folder / name).mkdir()
            pyarrow.parquet.write_table(week.told(), folder / name / "windows.parquet")
            pyarrow.parquet.write_table(week.raised(), folder / name / "alerts.parquet")
        pairs = agree(folder / "full")

        def contender(name: str, by_hand: str | None) -> Callable[[], Run]:
            return lambda: in_own_process(prepare, str(folder / name), by_hand)

        runs = in_turn(
            {
                "ours": contender("full", None),
                **{name: contender("full", statement) for name, statement in BY_HAND.items()},
                "tenth": contender("tenth", None),
            },
            ROUNDS,
        )
        asked, found = one_by_one(server.pipeline, folder / "full")
    seconds = {name: median_seconds(each) for name, each in runs.items()}
    fastest = min(BY_HAND, key=lambda name: seconds[name])
    ours = f"{seconds['ours']:.2f} s, {max(run.peak_gib for run in runs['ours']):.1f} GiB"
    details = {"seconds": {name: [run.seconds for run in each] for name, each in runs.items()}, "pairs": pairs}
    whole = asked * FULL.windows
    return [
        Result.at_most(
            f"{FULL.windows:,} windows and {FULL.alerts:,} alerts of a week matched: {pairs:,} pairs", ours,
            ", ".join(f"{name} by hand {seconds[name]:.2f} s" for name in BY_HAND),
            seconds["ours"] / seconds[fastest], 1.3, details=details,
        ),
        Result.at_least(
            "the same", ours, f"a query for each window {whole:.0f} s ({asked * 1e3:.2f} ms each, {ASKED:,} asked)",
            whole / seconds["ours"], 20, details={"found": found},
        ),
        Result.at_most(
            "ten times the windows, alerts, sites and people", ours, f"a tenth of them {seconds['tenth']:.2f} s",
            seconds["ours"] / seconds["tenth"], 12,
        ),
    ]  # fmt: skip


def agree(folder: Path) -> int:
    """How many pairs there are. All must give the same, with the same scores, or the race says nothing."""
    engine = open_duckdb()
    for name in ("windows", "alerts"):
        engine.execute(f"create table {name} as select * from read_parquet('{folder}/{name}.parquet')")
    backend = over(engine)
    ours = str(backend.compile(matches(backend.table("windows"), backend.table("alerts"), POLICY)))
    engine.execute(f"create table ours as {ours}")
    for name, statement in BY_HAND.items():
        engine.execute(f"create or replace table theirs as {statement}")
        for one, other in (("ours", "theirs"), ("theirs", "ours")):
            differing = f"(select {COLUMNS} from {one}) except all (select {COLUMNS} from {other})"
            (count,) = engine.execute(f"select count(*) from ({differing})").fetchall()[0]
            if count:
                raise AssertionError(f"{count} pairs of {one} are not in {other}: {name}")
    return int(engine.execute("select count(*) from ours").fetchall()[0][0])


def one_by_one(database: Database, folder: Path) -> tuple[float, int]:
    """Seconds of a query for one window, over the table of alerts as it is indexed; and the alerts all asked found."""
    with database.transaction() as connection:
        put_alerts(connection, pyarrow.parquet.read_table(folder / "alerts.parquet"))
    incidents.vacuum(database)
    windows = pyarrow.parquet.read_table(folder / "windows.parquet")
    asked: pa.Table = windows.take(list(range(0, windows.num_rows, windows.num_rows // ASKED)))
    values = asked.select(["tenant_id", "person_id", "site_id", "since", "window_end"]).to_pylist()
    with database.transaction() as connection, psycopg_of(connection).cursor() as cursor:
        found = 0

        def ask() -> None:
            nonlocal found
            found = sum(len(cursor.execute(ONE_BY_ONE, each, prepare=True).fetchall()) for each in values)

        seconds = min(incidents.timed(ask) for _ in range(3))
    return seconds / len(values), found
