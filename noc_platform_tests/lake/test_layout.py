"""Where Parquet lies: whatever a tenant is called, on any file system, and never half a file."""

import os
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from noc_platform.lake.layout import PART, Lake

DAY = date(2026, 3, 1)
ROWS = pa.table({"n": [1, 2, 3], "tenant_id": ["in the file"] * 3})


@pytest.fixture(params=["folder", "file URL", "object store"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """A local folder, the same as a URL, and a store without folders or renames."""
    urls = {"folder": str(tmp_path), "file URL": f"file://{tmp_path}", "object store": f"memory://{uuid4().hex}"}
    return Lake(urls[request.param])


def test_what_is_written_is_read(anywhere: Lake) -> None:
    partition = anywhere.partition("telemetry/x", "t", DAY)
    assert not anywhere.exists(partition)
    anywhere.write(partition, ROWS)
    assert anywhere.exists(partition)
    assert anywhere.read(partition) == ROWS
    assert anywhere.read(partition, ["n"]).column_names == ["n"]
    assert anywhere.count(partition) == 3


def test_a_partition_is_replaced_whole_and_leaves_no_other_file(anywhere: Lake) -> None:
    partition = anywhere.partition("telemetry/x", "t", DAY)
    for rows in (ROWS, ROWS.slice(0, 1)):
        anywhere.write(partition, rows)
    assert anywhere.read(partition) == ROWS.slice(0, 1)
    assert [path.rsplit("/", 1)[-1] for path in anywhere.files.find(anywhere.root)] == [PART]


def test_what_exists_is_listed_in_order_and_by_day(anywhere: Lake) -> None:
    for tenant, offset in (("b", 0), ("a", 1), ("a", 0), ("a", 5)):
        anywhere.write(anywhere.partition("telemetry/x", tenant, DAY + timedelta(days=offset)), ROWS)
    anywhere.write(anywhere.partition("telemetry/xy", "a", DAY), ROWS)
    found = [(item.tenant, item.day) for item in anywhere.partitions("telemetry/x")]
    next_day = DAY + timedelta(days=1)
    assert found == [("a", DAY), ("a", next_day), ("a", DAY + timedelta(days=5)), ("b", DAY)]
    assert [(item.tenant, item.day) for item in anywhere.partitions("telemetry/x", [next_day])] == [("a", next_day)]
    assert anywhere.partitions("telemetry/x", []) == []
    assert anywhere.partitions("telemetry/never written") == []


def test_removing_is_idempotent(anywhere: Lake) -> None:
    partition = anywhere.partition("signals/x", "t", DAY)
    anywhere.write(partition, ROWS)
    for _ in range(2):
        anywhere.remove(partition)
        assert not anywhere.exists(partition)
    assert anywhere.partitions("signals/x") == []


def test_reading_what_is_not_there_is_an_error_and_never_an_empty_table(anywhere: Lake) -> None:
    partition = anywhere.partition("telemetry/x", "t", DAY)
    with pytest.raises(FileNotFoundError):
        anywhere.read(partition)
    with pytest.raises(FileNotFoundError):
        anywhere.count(partition)


def test_holdings_count_rows_files_and_the_newest_day(anywhere: Lake) -> None:
    assert anywhere.holdings("telemetry/x") == {"rows": 0, "files": 0, "newest_day": None}
    anywhere.write(anywhere.partition("telemetry/x", "t", DAY), ROWS)
    anywhere.write(anywhere.partition("telemetry/x", "u", DAY - timedelta(days=3)), ROWS.slice(0, 2))
    assert anywhere.holdings("telemetry/x") == {"rows": 5, "files": 2, "newest_day": "2026-03-01"}


# Surrogates cannot be in a tenant: PostgreSQL stores UTF-8.
tenants = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=20)


@examples(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tenant=tenants)
@example(tenant="../../etc")
@example(tenant="..")
@example(tenant="a/b")
@example(tenant="a%2Fb")
@example(tenant="day=2026-03-01")
@example(tenant="[a]*?{b}")
@example(tenant="née 'quoted' \"twice\"\n")
def test_any_tenant_has_a_place_of_its_own_inside_the_lake(tmp_path: Path, tenant: str) -> None:
    lake = Lake(str(tmp_path / uuid4().hex))
    other = lake.partition("telemetry/x", tenant + "x", DAY)
    partition = lake.partition("telemetry/x", tenant, DAY)
    lake.write(partition, ROWS)
    assert [(item.tenant, item.path) for item in lake.partitions("telemetry/x")] == [(tenant, partition.path)]
    assert not lake.exists(other)
    assert Path(partition.path).resolve().is_relative_to(Path(lake.root).resolve())


def test_a_write_that_fails_half_way_leaves_the_old_file(anywhere: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    partition = anywhere.partition("telemetry/x", "t", DAY)
    anywhere.write(partition, ROWS)

    def torn(rows: pa.Table, file: object, compression: str) -> None:
        getattr(file, "write")(b"PAR1 half of ")  # noqa: B009 - what fsspec opens has no type
        raise OSError("No space left on device")

    monkeypatch.setattr(pq, "write_table", torn)
    with pytest.raises(OSError, match="No space left"):
        anywhere.write(partition, ROWS.slice(0, 1))
    assert anywhere.read(partition) == ROWS
    assert [item.path for item in anywhere.partitions("telemetry/x")] == [partition.path]


def test_a_first_write_that_fails_leaves_nothing_to_be_read(anywhere: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(anywhere.files, "mv", killed)
    partition = anywhere.partition("telemetry/x", "t", DAY)
    with pytest.raises(KeyboardInterrupt):
        anywhere.write(partition, ROWS)
    assert not anywhere.exists(partition)
    assert anywhere.partitions("telemetry/x") == []


WRITE_FOR_EVER = """
import sys
from datetime import date
import pyarrow as pa
from noc_platform.lake.layout import Lake
lake = Lake(sys.argv[1])
partition = lake.partition("telemetry/x", "t", date(2026, 3, 1))
for size in range(10**9):
    rows = 200_000 + size
    lake.write(partition, pa.table({"n": [rows] * rows}))
    print(size, flush=True)
"""


def test_a_killed_writer_leaves_a_whole_file_and_readers_never_see_less(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    partition = lake.partition("telemetry/x", "t", DAY)
    for after in (0.0, 0.013, 0.05):
        writer = subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, str(tmp_path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline().strip() == b"0"
        until = time.monotonic() + 0.2 + after
        while time.monotonic() < until:
            assert_whole(lake.read(partition))
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        assert_whole(lake.read(partition))
        assert len(lake.partitions("telemetry/x")) == 1


def assert_whole(rows: pa.Table) -> None:
    assert rows["n"][0].as_py() == rows.num_rows
