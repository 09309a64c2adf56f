"""From stream files to an answer: simulate, ingest, run, serve, as separate processes."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from noc_platform.streams.catalogue import REFERENCE_STREAMS, STREAMS
from noc_platform_tests.end_to_end.commands import Noc, ask, free_port, kill, wait_for


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "w"
    # All attendances reviewed, so that a world as small as this has verdicts, too.
    sizes = ("--guards", 6, "--sites", 3, "--days", 2, "--seed", 3, "--random-review", 1)
    Noc(folder.parent / "home").run("simulate", *sizes, "--out", folder)
    return folder


@pytest.fixture(scope="module")
def noc(tmp_path_factory: pytest.TempPathFactory, world: Path) -> Noc:
    """An installation into which the world has been ingested and run."""
    noc = Noc(tmp_path_factory.mktemp("noc") / "home")
    for stream in STREAMS:
        noc.run("ingest", stream, *files_of(world, stream))
    noc.run("run")
    return noc


def files_of(world: Path, stream: str) -> list[Path]:
    return sorted(world.glob(f"{stream}.parquet")) + sorted(world.glob(f"{stream}/*.parquet"))


def test_every_row_of_the_world_is_accounted_for(noc: Noc, world: Path) -> None:
    status = noc.json("status")
    for stream in STREAMS:
        given = sum(pq.read_metadata(path).num_rows for path in files_of(world, stream))
        assert 0 < status["streams"][stream]["rows"] <= given, stream
        assert status["streams"][stream]["quarantined"] == 0


@pytest.mark.parametrize("stream", ["people", "attendance_events"])
def test_the_same_files_again_change_nothing(noc: Noc, world: Path, stream: str) -> None:
    before = noc.rows(stream)
    again = noc.json("ingest", stream, *files_of(world, stream))
    for receipt in again if isinstance(again, list) else [again]:
        assert receipt["duplicate"] == receipt["read"] > 0
    assert noc.rows(stream) == before


def test_the_lake_holds_what_was_received_and_nothing_waits(noc: Noc) -> None:
    status = noc.json("status")
    for name, stream in status["streams"].items():
        if name not in {reference.name for reference in REFERENCE_STREAMS}:
            assert stream["archived_rows"] == stream["rows"], name
    assert status["queues"]["open_days"] == 0
    assert all(product["rows"] > 0 for product in status["products"].values())


def test_status_fits_a_terminal_and_says_that_nothing_waits(noc: Noc) -> None:
    lines = noc.run("status").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-1] == "Nothing waits for noc run."
    assert not any("…" in line for line in lines)


def test_running_again_finds_nothing_to_do(noc: Noc) -> None:
    assert noc.json("run") == {"runs": []}


def test_late_rows_open_their_day_again(noc: Noc, tmp_path: Path) -> None:
    lake = noc.home / "lake" / "telemetry" / "device_events"
    part = sorted(lake.glob("*/*/part.parquet"))[0]
    row = pq.read_table(part).slice(0, 1).to_pylist()[0]
    late = {
        "tenant_id": row["tenant_id"],
        "person_id": row["person_id"],
        "event_kind": "login",
        "occurred_at": row["occurred_at"].isoformat(),
    }
    file = tmp_path / "late.ndjson"
    file.write_text(json.dumps({**late, "device_id": "another phone"}) + "\n")
    before = pq.read_table(part).num_rows
    assert noc.json("ingest", "device_events", file)["accepted"] == 1
    assert noc.json("status")["queues"]["open_days"] == 1
    runs = noc.json("run")["runs"]
    last = [list(done["rows"])[-1] for done in runs]
    of_a_tenant = ["fraud_model", "fraud_predictions", "model_performance"]
    assert last == [
        "site_activity_signals", "dynamic_thresholds", "site_verdicts", "fraud_features",
        *of_a_tenant, *of_a_tenant, "collusion_rings", "correlated_incidents",
    ]  # fmt: skip
    assert all(done["success"] for done in runs)
    assert pq.read_table(part).num_rows == before + 1


@pytest.fixture(scope="module")
def service(noc: Noc) -> Iterator[str]:
    with noc.served() as url:
        yield url


def test_the_api_and_the_lake_tell_the_same(noc: Noc, service: str) -> None:
    """One definition: an hour of a guard is the same from PostgreSQL through the API as from DuckDB in the lake."""
    hours = pa.concat_tables(
        [pq.read_table(path) for path in (noc.home / "lake" / "signals" / "activity_signals").glob("*/*/*.parquet")]
    )
    busy = hours.filter(pc.greater(pc.fill_null(hours["movement_distance_meters"], 0), 100))
    for row in busy.take(pa.array(np.linspace(0, busy.num_rows - 1, 5).astype(int))).to_pylist():
        token = noc.token(row["tenant_id"])
        end = row["bucket"].replace(minute=0).timestamp() + 3600
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
        status, answer = ask(
            f"{service}/api/v2/noc/telemetry/signals/{row['person_id']}/?window_minutes=60&as_of={moment}", token
        )
        assert status == 200, answer
        for name, value in answer["data"]["signals"].items():
            assert value == (pytest.approx(row[name], abs=0.01) if row[name] is not None else None), (name, row)


def test_another_tenants_guard_is_nobody(noc: Noc, service: str) -> None:
    token = noc.token("no-such-tenant")
    status, answer = ask(f"{service}/api/v2/noc/telemetry/signals/g0001/", token)
    assert status == 404
    assert answer["status"] == 404


def big_file(path: Path, world: Path, rows: int) -> Path:
    person = pq.read_table(files_of(world, "people")[0]).slice(0, 1).to_pylist()[0]
    start = np.datetime64("2026-03-24T00:00:00", "us")
    moments = start + (np.arange(rows) * 250_000).astype("timedelta64[us]")
    table = pa.table(
        {
            "tenant_id": [person["tenant_id"]] * rows,
            "person_id": [person["person_id"]] * rows,
            "occurred_at": pa.array(moments, pa.timestamp("us", tz="UTC")),
            "latitude": np.linspace(51, 52, rows),
            "longitude": np.linspace(0, 1, rows),
        }
    )
    pq.write_table(table, path)
    return path


def test_a_killed_ingest_leaves_nothing_and_the_next_completes_it(noc: Noc, world: Path, tmp_path: Path) -> None:
    file = big_file(tmp_path / "big.parquet", world, 300_000)
    before = noc.rows("location_updates")
    killed = [kill(noc.start("ingest", "location_updates", file), after) for after in (2.5, 4.0)]
    assert any(killed)
    assert noc.rows("location_updates") in (before, before + 300_000)
    receipt = noc.json("ingest", "location_updates", file)
    assert receipt["accepted"] + receipt["duplicate"] == receipt["read"] == 300_000
    assert noc.rows("location_updates") == before + 300_000


def test_a_killed_run_is_completed_by_the_next(noc: Noc, world: Path, tmp_path: Path) -> None:
    file = big_file(tmp_path / "more.parquet", world, 50_001)
    noc.run("ingest", "location_updates", file)
    days = [day.stem for day in (noc.home / "lake" / "telemetry" / "location_updates").glob("*/*")]
    assert kill(noc.start("run", "--from", min(days)[4:], "--to", max(days)[4:]), 8.0)
    for part in (noc.home / "lake").rglob("part.parquet"):
        pq.read_metadata(part)
    noc.run("run")
    status = noc.json("status")
    assert status["queues"]["open_days"] == 0
    stream = status["streams"]["location_updates"]
    assert stream["archived_rows"] == stream["rows"]


def test_postgresql_stops_with_the_last_command_whatever_was_killed(tmp_path: Path) -> None:
    noc = Noc(tmp_path / "home")
    postmaster = noc.home / "postgres" / "postmaster.pid"
    with noc.served():
        assert postmaster.exists()
    assert not postmaster.exists()
    port = free_port()
    served = noc.start("serve", "--port", port)
    wait_for(f"http://127.0.0.1:{port}/readyz")
    assert kill(served, after=0)
    assert postmaster.exists()
    noc.run("status")
    assert not postmaster.exists()
