"""One audit of an operation of 10,000 guards at 2,000 sites, as it lies in PostgreSQL, until its findings are recorded.

Claims: a comprehensive audit takes at most three seconds; ten times as many guards take at most twelve times as long;
and it takes no longer than asking for the signals of the guards on duty one by one, by the statement of the API, which
is how audits are commonly made and decides nothing yet.
Run: make bench only=audit
"""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow.parquet
from sqlalchemy import text

from benchmarks.installation import installation
from benchmarks.race import Result
from noc_platform.findings.audit import AuditPolicy, audits
from noc_platform.findings.vocabulary import Depth
from noc_platform.lake.archive import identities
from noc_platform.lake.layout import Lake
from noc_platform.settings import Settings
from noc_platform.simulator.world import WorldPlan
from noc_platform.simulator.writer import write_world
from noc_platform.store.sessions import Server, psycopg_of
from noc_platform.streams.catalogue import STREAMS
from noc_platform.streams.intake import ingest_file
from noc_platform.telemetry.prepared import person_statement

GUARDS, SITES = 10_000, 2_000
ROUNDS = 5
ASKED = 200
MOST_SECONDS = 3.0
# The evening of the second day: two days' nights, and every zone has somebody on duty.
PLAN = WorldPlan(guards=GUARDS, sites=SITES, days=2, seed=5)
AS_OF = datetime.combine(PLAN.first_day, datetime.min.time(), UTC) + timedelta(days=1, hours=20)
LATER = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Operation:
    """A platform that has taken in a simulated operation."""

    settings: Settings
    server: Server
    lake: Lake

    def audit(self, as_of: datetime) -> tuple[float, int]:
        """Seconds of one audit, and the findings it opened or saw again."""
        policy = AuditPolicy(self.settings.movement_policy, self.settings.finding_policy)
        started = time.perf_counter()
        (done,) = audits(self.server.pipeline, self.lake, [as_of], Depth.COMPREHENSIVE, policy)
        return time.perf_counter() - started, sum(done.seen.values())

    def one_by_one(self, as_of: datetime) -> tuple[float, int]:
        """Seconds to ask for the signals of every guard on duty, by the statement of the API; a sample, scaled."""
        on_duty = "select tenant_id, person_id from noc_shift where starts_at <= :as_of and ends_at > :as_of"
        sql = person_statement(self.settings.movement_policy).sql
        window = {"start": as_of - timedelta(hours=2), "end": as_of, "known_at": as_of}
        with self.server.pipeline.transaction() as connection:
            guards = connection.execute(text(f"{on_duty} order by person_id"), {"as_of": as_of}).all()
            asked = guards[:: max(len(guards) // ASKED, 1)]
            started = time.perf_counter()
            with psycopg_of(connection).cursor() as cursor:
                for tenant, person in asked:
                    cursor.execute(sql, {"tenant": tenant, "subject": person, **window}).fetchall()
            seconds = time.perf_counter() - started
        return seconds / len(asked) * len(guards), len(guards)


@contextmanager
def operation(plan: WorldPlan) -> Iterator[Operation]:
    """The world of a plan, let in by the door."""
    with installation() as (settings, server, folder):
        lake = Lake(settings.lake)
        written = write_world(plan, folder / "world")
        for file in written.files:
            _as_received(folder / "world" / file.path)
            ingest_file(
                server.pipeline, STREAMS[file.stream], folder / "world" / file.path, None, settings.door_policy, LATER,
                history=partial(identities, lake),
            )  # fmt: skip
        with server.pipeline.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("vacuum analyze"))
        yield Operation(settings, server, lake)


def _as_received(path: Path) -> None:
    """Put the rows of a file in the order they were received in, as a feed delivers them; the simulator writes them
    person by person."""
    rows = pyarrow.parquet.read_table(path)
    if "received_at" in rows.column_names:
        pyarrow.parquet.write_table(rows.sort_by("received_at"), path)


def measured(plan: WorldPlan) -> tuple[float, list[float], int, float, int]:
    """Median seconds of an audit, all of them, drafts seen, seconds one by one, guards on duty. The first audit, which
    compiles and opens all findings, is not counted."""
    with operation(plan) as here:
        here.audit(AS_OF - timedelta(minutes=15))
        runs = [here.audit(AS_OF + number * timedelta(minutes=15)) for number in range(ROUNDS)]
        seconds = [run[0] for run in runs]
        slow, on_duty = here.one_by_one(AS_OF)
        return statistics.median(seconds), seconds, runs[0][1], slow, on_duty


def claims() -> list[Result]:
    """Measure both sizes."""
    tenth = WorldPlan(guards=GUARDS // 10, sites=SITES // 10, days=PLAN.days, seed=PLAN.seed)
    small, all_small, *_ = measured(tenth)
    large, all_large, seen, slow, on_duty = measured(PLAN)
    details = {"seconds": all_large, "seen": seen, "on_duty": on_duty, "one_by_one_seconds": slow}
    return [
        Result.at_most(
            f"a comprehensive audit of {GUARDS:,} guards at {SITES:,} sites, recorded",
            f"{large:.2f} s", f"{slow:.1f} s, {on_duty:,} guards one by one", large / slow, 1.0,
            {f"<= {MOST_SECONDS:g} s": large <= MOST_SECONDS}, details,
        ),
        Result.at_most(
            "ten times as many guards and sites", f"{large:.2f} s", f"{small:.2f} s", large / small, 12.0,
            details={"small_seconds": all_small},
        ),
    ]  # fmt: skip
