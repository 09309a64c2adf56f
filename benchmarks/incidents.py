"""Alerts and incidents as they are written: what people do, one correlation of a large operation, and a storm.

Measured and put into the table by `correlation`. Elsewhere: matching alone, against its peers.
"""

import statistics
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import text

from benchmarks.happenings import INSTANT, MONDAY, Operation, Week, identities, put_alerts, put_events
from benchmarks.installation import installation
from benchmarks.race import Result, in_own_process, p95, peak_gib
from noc_platform.baselines.calendar import calendar_of
from noc_platform.correlation.alerts.actions import acknowledge, assign, resolve
from noc_platform.correlation.alerts.intake import Taken, take_in
from noc_platform.correlation.alerts.queries import OCCURRENCES_SCHEMA
from noc_platform.correlation.incidents import correlate, match
from noc_platform.correlation.matching import matches
from noc_platform.journal.ledger import Said
from noc_platform.settings import AlertPolicy, CorrelationPolicy
from noc_platform.store.copying import copy_in
from noc_platform.store.sessions import Database
from noc_platform.telemetry.vocabulary import Window
from noc_platform.telemetry.windows import WINDOWS_SCHEMA

POLICY = CorrelationPolicy()
LARGE = Operation(guards=10_000, sites=2_000, alerts=10_000)
# One person over thirty-six hours, and thrice as many alerts there as anybody gets.
PERSON = Operation(guards=1, sites=1, alerts=50, telling=1.0)
OPEN_ALERTS = 100_000
CHANGED = 300
STORM = 1_000_000
STORM_GUARDS = 50
MOST_CORRELATION_SECONDS, MOST_REPEATED_SECONDS = 5.0, 0.5


def claims() -> list[Result]:
    """Measure each by itself, on a platform of its own."""
    return [one_person(), changes(), *large_operation(), *storms()]


def timed(work: Callable[[], object]) -> float:
    """Wall seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def one_person() -> Result:
    """What one moment does for one person: which of the windows of 36 hours and alerts are one story."""
    windows, alerts = PERSON.told(), PERSON.raised()
    match(windows, alerts, POLICY)
    seconds = [timed(lambda: match(windows, alerts, POLICY)) for _ in range(50)]
    with installation() as (_, server, _folder):
        _put(server.pipeline, PERSON)
        whole = [_correlated(server.pipeline, PERSON) for _ in range(21)]
    details = {"windows": windows.num_rows, "alerts": alerts.num_rows, "opening_seconds": whole[0],
               "transaction_seconds": statistics.median(whole[1:])}  # fmt: skip
    return Result.at_most(
        f"one person's {windows.num_rows} windows and {alerts.num_rows} alerts put together",
        f"p50 {statistics.median(seconds) * 1e3:.1f} ms, p95 {p95(seconds) * 1e3:.1f} ms",
        f"20 ms; correlate(), committed: {details['transaction_seconds'] * 1e3:.1f} ms",
        statistics.median(seconds) / 0.020, 1.0, details=details,
    )  # fmt: skip


def changes() -> Result:
    """People acknowledge, assign and resolve while a hundred thousand alerts are open, each in its transaction."""
    week = Week(0, OPEN_ALERTS, sites=2_000)
    alerts = week.raised()
    with installation() as (_, server, _folder):
        with server.pipeline.transaction() as connection:
            put_alerts(connection, alerts)
        vacuum(server.pipeline)
        said = Said("nocop", "Looked at.", week.ends)
        chosen = alerts["alert_id"].to_pylist()[:: OPEN_ALERTS // CHANGED]
        seconds = list(_changed(server.pipeline, chosen, said))
    return Result.at_most(
        f"acknowledging, assigning or resolving one of {OPEN_ALERTS:,} open alerts",
        f"p95 {p95(seconds) * 1e3:.1f} ms, p50 {statistics.median(seconds) * 1e3:.1f} ms", "200 ms",
        p95(seconds) / 0.200, 1.0, details={"changes": len(seconds), "worst_seconds": max(seconds)},
    )  # fmt: skip


def _changed(database: Database, alerts: Iterable[str], said: Said) -> Iterable[float]:
    for alert in alerts:
        for work in (
            partial(acknowledge, alert_id=alert, said=said),
            partial(assign, alert_id=alert, to="supervisor", said=said),
            partial(resolve, alert_id=alert, said=said),
        ):
            started = time.perf_counter()
            with database.transaction() as connection:
                work(connection)
            yield time.perf_counter() - started


def large_operation() -> list[Result]:
    """A whole correlation, committed: the first, which opens everything there is, and one that finds nothing new."""
    with installation() as (_, server, _folder):
        _put(server.pipeline, LARGE)
        first = _correlated(server.pipeline, LARGE)
        again = [_correlated(server.pipeline, LARGE) for _ in range(5)]
        with server.pipeline.transaction() as connection:
            incidents = connection.execute(text("select count(*) from noc_correlated_incident")).scalar_one()
    windows = LARGE.told().num_rows
    what = f"{windows:,} windows and {LARGE.alerts:,} alerts of {LARGE.guards:,} guards put together, committed"
    repeated = statistics.median(again)
    details = {"incidents": incidents, "peak_gib": peak_gib()}
    return [
        Result.at_most(f"{what}: the first time", f"{first:.2f} s, {incidents:,} incidents, peak {peak_gib():.2f} GiB",
                       f"{MOST_CORRELATION_SECONDS:g} s", first / MOST_CORRELATION_SECONDS, 1.0, details=details),
        Result.at_most("the same again, nothing new", f"{repeated:.2f} s", f"{MOST_REPEATED_SECONDS:g} s",
                       repeated / MOST_REPEATED_SECONDS, 1.0, details={"seconds": again}),
    ]  # fmt: skip


def _put(database: Database, operation: Operation) -> None:
    """What audits kept and what was raised and taken in."""
    with database.transaction() as connection:
        copy_in(connection, "noc_signal_window", operation.told())
        put_events(connection, operation.raised(), operation.ends)
    _taken_in(database, operation)
    vacuum(database)


def _taken_in(database: Database, operation: Operation) -> Taken:
    with database.transaction() as connection:
        return take_in(connection, AlertPolicy(), calendar_of([], [], Window.before(operation.ends)), operation.ends)


def _correlated(database: Database, operation: Operation) -> float:
    started = time.perf_counter()
    with database.transaction() as connection:
        correlate(connection, POLICY, operation.ends)
    return time.perf_counter() - started


def vacuum(database: Database) -> None:
    """Statistics and visibility, as after a while of running."""
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("vacuum analyze"))


def storms() -> list[Result]:
    """A million alerts at one site within a minute: all different, and repeats of one."""
    return [_storm("different", different=True), _storm("repeats of one", different=False)]


def _storm(kind: str, *, different: bool) -> Result:
    raised = storm(STORM, different=different)
    tenth = _storm_taken_in(raised.slice(0, STORM // 10))
    whole = _storm_taken_in(raised)
    runs, pairs = [], {}
    for rows in (raised.slice(0, STORM // 10), raised):
        runs.append(in_own_process(prepare_matching, besieged(), rows))
        pairs[rows.num_rows] = matched(besieged(), rows)
    most = POLICY.most_a_minute * STORM_GUARDS
    details = {"tenth_seconds": tenth[0], "alerts": whole[1].opened, "peak_gib": whole[2], "pairs": pairs,
               "match_seconds": [run.seconds for run in runs]}  # fmt: skip
    return Result.at_most(
        f"a storm of {STORM:,} alerts at a site within a minute, {kind}: taken in, {whole[1].opened:,} alerts made",
        f"{whole[0]:.1f} s; matched with {STORM_GUARDS} guards {runs[1].seconds:.2f} s, {pairs[STORM]:,} pairs",
        f"a tenth of them {tenth[0]:.1f} s, {runs[0].seconds:.2f} s", whole[0] / tenth[0], 12.0,
        {f"<= {most:,} pairs": max(pairs.values()) <= most}, details,
    )  # fmt: skip


def _storm_taken_in(raised: pa.Table) -> tuple[float, Taken, float]:
    """Seconds and what became of it, on an empty platform; and the peak memory until now, in GiB."""
    over = MONDAY + timedelta(hours=1)
    with installation() as (_, server, _folder):
        with server.pipeline.transaction() as connection:
            put_events(connection, raised, over)
        vacuum(server.pipeline)
        started = time.perf_counter()
        with server.pipeline.transaction() as connection:
            taken = take_in(connection, AlertPolicy(), calendar_of([], [], Window.before(over)), over)
        return time.perf_counter() - started, taken, peak_gib()


def storm(count: int, *, different: bool) -> pa.Table:
    """So many alerts at one site within a minute, as `OCCURRENCES_SCHEMA`."""
    same = pa.array(["00000000-0000-8000-8000-000000000000"] * count)
    at = int(MONDAY.timestamp()) * 1_000_000 + 60_000_000
    columns = {
        "tenant_id": pa.array(["t00"] * count),
        "event_id": identities(count, 1),
        "alert_id": identities(count, 2) if different else same,
        "occurred_at": pa.array([at + number * 59_000_000 // count for number in range(count)]).cast(INSTANT),
        "alert_type": pa.array(["SENSOR_THRESHOLD"] * count),
        "severity": pa.array(["HIGH"] * count),
        "site_id": pa.array(["s00000"] * count),
    }
    return pa.table(
        [columns.get(field.name, pa.nulls(count, field.type)) for field in OCCURRENCES_SCHEMA],
        schema=OCCURRENCES_SCHEMA,
    )


def besieged() -> pa.Table:
    """A window of each guard at the site, about that minute, in which nothing comes from the phone."""
    told = Operation(guards=STORM_GUARDS * 60, sites=1, alerts=0, hours=2).told()
    people = pc.unique(told["person_id"])[:STORM_GUARDS]
    first = told.filter(pc.equal(told["window_end"], pc.min(told["window_end"])))
    windows: pa.Table = first.filter(pc.is_in(first["person_id"], people))
    place = windows.schema.get_field_index("is_unheard")
    return windows.set_column(place, WINDOWS_SCHEMA.field(place), pa.array([True] * windows.num_rows))


def prepare_matching(windows: pa.Table, raised: pa.Table) -> Callable[[], None]:
    """Matching to Arrow, in a process of its own."""
    return lambda: _note(match(windows, raised, POLICY))


def _note(_found: object) -> None:
    """Nothing is made of it."""


def matched(windows: pa.Table, raised: pa.Table) -> int:
    """How many pairs there are, whatever their score."""
    from noc_platform.lake.engines import over
    from noc_platform.store.duck import open_duckdb

    engine = open_duckdb()
    engine.register("windows", windows)
    engine.register("occurrences", raised)
    backend = over(engine)
    return int(matches(backend.table("windows"), backend.table("occurrences"), POLICY).count().execute())
