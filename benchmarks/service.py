"""A person's signals over HTTP, with 10 M raw rows in PostgreSQL.

Claims: with nothing kept, the slowest of twenty answers takes at most three times the bare SQL round trip, and under
25 ms; kept answers come at half the rate, or more, of a bare FastAPI route that returns the same JSON, though ours asks
who is there. Run: make bench only=service
"""

import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.installation import installation, put, put_references
from benchmarks.load import requests_per_second
from benchmarks.operation import SHIFT_HOURS, TENANT, Load, raw_day
from benchmarks.race import Result, p95
from noc_platform.settings import Settings
from noc_platform.store.sessions import Server
from noc_platform.streams.catalogue import DEVICE_EVENTS, JOBNEEDS, LOCATION_UPDATES

LOAD = Load(guards=2_000, days=7)
WINDOW_MINUTES = 120
QUESTIONS = 400
WARMED_UP = 50
CONNECTIONS = 16
ROUNDS = 5
SECONDS = 4.0
SLOWEST_MILLISECONDS = 25
PATH = "/api/v2/noc/telemetry/signals/{person}/?window_minutes={minutes}&as_of={as_of}"


@dataclass(frozen=True)
class Asked:
    """One guard and the end of a window inside one of their shifts."""

    person: str
    as_of: datetime

    @property
    def path(self) -> str:
        """The question as the API takes it."""
        return PATH.format(person=self.person, minutes=WINDOW_MINUTES, as_of=f"{self.as_of:%Y-%m-%dT%H:%M:%SZ}")


def questions(wanted: int) -> list[Asked]:
    """Drawn ones, each different, so that none is kept."""
    drawn = random.Random(7)
    asked = []
    for _ in range(wanted):
        guard, day = drawn.randrange(LOAD.guards), drawn.choice(LOAD.all_days)
        seconds = (guard % 3) * SHIFT_HOURS * 3600 + drawn.randrange(WINDOW_MINUTES * 60, SHIFT_HOURS * 3600)
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        asked.append(Asked(f"g{guard:06d}", midnight + timedelta(seconds=seconds)))
    return asked


def fill(settings: Settings, server: Server) -> None:
    """The whole operation by the door, and the planner told of it."""
    from sqlalchemy import text

    put_references(settings, server, LOAD)
    for day in LOAD.all_days:
        for stream in (DEVICE_EVENTS, LOCATION_UPDATES, JOBNEEDS):
            put(settings, server, stream, raw_day(LOAD, day, stream))
    with server.pipeline.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))


@contextmanager
def process(command: list[str], environment: dict[str, str], port: int, ready: str) -> Iterator[None]:
    """A server that answers at `ready`, stopped in the end."""
    running = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        deadline = time.monotonic() + 60
        while not _answers(port, ready):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{command} does not answer")
            time.sleep(0.1)
        yield
    finally:
        running.terminate()
        running.wait(20)


def _answers(port: int, path: str) -> bool:
    try:
        return _get(http.client.HTTPConnection("127.0.0.1", port, timeout=5), path, {})[0] == 200
    except OSError:
        return False


def _get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def bare_round_trip(settings: Settings, server: Server) -> Callable[[Asked], None]:
    """The statement of the endpoint by psycopg, prepared, one tenant, one round trip."""
    import psycopg

    from noc_platform.store.asynchronous import NAME_TENANT
    from noc_platform.telemetry.prepared import person_statement

    statement = person_statement(settings.movement_policy).sql
    connection = psycopg.connect(server.api.conninfo, autocommit=True, prepare_threshold=0)
    connection.execute("set jit = off")
    connection.execute("set plan_cache_mode = force_generic_plan")

    def ask(asked: Asked) -> None:
        values = {
            "tenant": TENANT,
            "subject": asked.person,
            "start": asked.as_of - timedelta(minutes=WINDOW_MINUTES),
            "end": asked.as_of,
            "known_at": datetime.now(UTC),
        }
        with connection.pipeline(), connection.transaction():
            connection.execute(NAME_TENANT, (TENANT,))
            cursor = connection.execute(statement, values)
        if len(cursor.fetchall()) != 1:
            raise AssertionError(f"no answer for {asked}")

    return ask


def endpoint(port: int, headers: dict[str, str]) -> Callable[[Asked], None]:
    """The same question over HTTP, on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def ask(asked: Asked) -> None:
        status, body = _get(connection, asked.path, headers)
        answer = json.loads(body)
        if status != 200 or answer["cached"] or answer["data"]["signals"]["location_updates_count"] is None:
            raise AssertionError(f"not a fresh answer: {body!r}")

    return ask


def timed(ask: Callable[[Asked], None], asked: Asked) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    ask(asked)
    return (time.perf_counter() - started) * 1e3


def cold(settings: Settings, server: Server, port: int, headers: dict[str, str]) -> Result:
    """Both ways in turn, question by question."""
    ways = {"endpoint": endpoint(port, headers), "sql": bare_round_trip(settings, server)}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for asked in questions(QUESTIONS):
        for name, ask in ways.items():
            taken[name].append(timed(ask, asked))
    taken = {name: those[WARMED_UP:] for name, those in taken.items()}
    slow = {name: p95(those) for name, those in taken.items()}
    medians = {name: statistics.median(those) for name, those in taken.items()}
    return Result.at_most(
        f"person's signals, nothing kept, {LOAD.rows / 1e6:.1f} M raw rows in PostgreSQL",
        f"p95 {slow['endpoint']:.1f} ms, p50 {medians['endpoint']:.1f} ms",
        f"bare SQL p95 {slow['sql']:.1f} ms, p50 {medians['sql']:.1f} ms",
        slow["endpoint"] / slow["sql"],
        3,
        also={f"p95 < {SLOWEST_MILLISECONDS} ms": slow["endpoint"] < SLOWEST_MILLISECONDS},
        details={"p95_milliseconds": slow, "median_milliseconds": medians, "questions": QUESTIONS - WARMED_UP},
    )


def warm(port: int, bare_port: int, headers: dict[str, str]) -> Result:
    """One question, kept, asked by many at once; the peer's route returns the same JSON."""
    kept = f"http://127.0.0.1:{port}{questions(1)[0].path}"
    bare = f"http://127.0.0.1:{bare_port}/"
    rates: dict[str, list[float]] = {"kept": [], "bare": []}
    for _ in range(ROUNDS):
        rates["kept"].append(requests_per_second(kept, headers, CONNECTIONS, SECONDS))
        rates["bare"].append(requests_per_second(bare, {}, CONNECTIONS, SECONDS))
    medians = {name: statistics.median(those) for name, those in rates.items()}
    return Result.at_least(
        "the same, kept, with authentication",
        f"{medians['kept']:,.0f} requests/s",
        f"bare FastAPI route {medians['bare']:,.0f} requests/s",
        medians["kept"] / medians["bare"],
        0.5,
        details={"requests_per_second": medians, "connections": CONNECTIONS, "rounds": ROUNDS},
    )


def bare_app() -> Any:
    """The peer: a FastAPI route that returns the JSON in BARE_JSON and does nothing else."""
    from fastapi import FastAPI

    document = json.loads(os.environ["BARE_JSON"])
    app = FastAPI()

    @app.get("/")
    async def bare() -> Any:
        return document

    return app


def claims() -> list[Result]:
    """Measure."""
    from api.auth import Capability, issue

    with installation() as (settings, server, _):
        fill(settings, server)
        day = timedelta(days=1)
        token = issue(
            settings.signing_key(), TENANT, [Capability.VIEW.value], None, day, datetime.now(UTC), "benchmark"
        )
        headers = {"Authorization": f"Bearer {token}"}
        port, bare_port = _free_ports()
        environment = {"NOC_HOME": str(settings.absolute_home), "NOC_API_PORT": str(port)}
        with process([str(Path(sys.executable).parent / "noc"), "serve"], environment, port, "/readyz"):
            found = [cold(settings, server, port, headers)]
            same = _get(http.client.HTTPConnection("127.0.0.1", port), questions(1)[0].path, headers)[1]
            served = f"import uvicorn; uvicorn.run('benchmarks.service:bare_app', factory=True, port={bare_port},"
            command = [sys.executable, "-c", f"{served} log_level='warning', access_log=False)"]
            with process(command, {"BARE_JSON": same.decode()}, bare_port, "/"):
                found.append(warm(port, bare_port, headers))
    return found


def _free_ports() -> tuple[int, int]:
    import socket

    with socket.socket() as one, socket.socket() as other:
        for taken in (one, other):
            taken.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
