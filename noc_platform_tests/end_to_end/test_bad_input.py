"""Nonsense at the command line: one clear line or a quarantine row, never a stack trace; the rest still goes in."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noc_platform_tests.end_to_end.commands import Noc

GOOD = "t,p0,2026-03-01T08:00:00Z,51,0"
HEADER = "tenant_id,person_id,occurred_at,latitude,longitude"


@pytest.fixture(scope="module")
def noc(tmp_path_factory: pytest.TempPathFactory) -> Noc:
    folder = tmp_path_factory.mktemp("bad")
    noc = Noc(folder / "home")
    (folder / "tenants.csv").write_text("tenant_id,name\nt,T\n")
    (folder / "people.csv").write_text("tenant_id,person_id,name\nt,p0,P\n")
    noc.run("ingest", "tenants", folder / "tenants.csv")
    noc.run("ingest", "people", folder / "people.csv")
    return noc


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_bad_rows_are_quarantined_with_file_row_column_and_reason(noc: Noc, tmp_path: Path) -> None:
    rows = [
        GOOD,
        "t,p0,2026-03-01T08:01:00Z,200,0",
        "t,p0,1970-01-01T00:00:00Z,51,0",
        "t,p0,2999-01-01T00:00:00Z,51,0",
        "t,nobody,2026-03-01T08:00:00Z,51,0",
        "t,p0,2026-03-01T08:02:00Z,51",
        't,p0,"2026-03-01T08:03:00Z,51,0',
        "t,p0,2026-03-01T08:04:00Z,51,\udcff".encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        "t,p0,2026-03-01T08:05:00Z,51,0",
    ]
    path = write(tmp_path, "mixed.csv", "\n".join([HEADER, *rows]) + "\n")
    receipt = noc.json("ingest", "location_updates", path)
    assert (receipt["read"], receipt["accepted"], receipt["quarantined"]) == (9, 2, 7)
    shown = noc.run("status", "--quarantine", "--json").stdout
    assert "mixed.csv" in shown
    assert "latitude" in shown
    again = noc.json("ingest", "location_updates", path)
    assert (again["accepted"], again["duplicate"], again["quarantined"]) == (0, 2, 7)


def test_one_endless_line_costs_itself_alone(noc: Noc, tmp_path: Path) -> None:
    endless = b"t,p0," + b"x" * (64 * 2**20) + b",51,0\n"
    path = write(
        tmp_path, "endless.csv", f"{HEADER}\n{GOOD}\n".encode() + endless + b"t,p0,2026-03-01T09:00:00Z,51,0\n"
    )
    receipt = noc.json("ingest", "location_updates", path)
    assert receipt["read"] == 3
    assert receipt["quarantined"] == 1


def test_json_lines_that_are_not(noc: Noc, tmp_path: Path) -> None:
    good = (
        '{"tenant_id": "t", "person_id": "p0", "occurred_at": "2026-03-01T10:00:00Z", "latitude": 51, "longitude": 0}'
    )
    path = write(tmp_path, "lines.ndjson", "\n".join([good, "{", "[1]", "null", good.replace("10:00", "10:01")]))
    receipt = noc.json("ingest", "location_updates", path)
    assert (receipt["accepted"], receipt["quarantined"]) == (2, 3)


@pytest.mark.parametrize(
    ("name", "content"),
    [("nothing.csv", ""), ("broken.parquet", b"PAR1 not really"), ("twice.csv", "a,a\n1,2\n"), ("what.xyz", "x")],
)
def test_a_file_that_cannot_be_read_is_one_clear_line(
    noc: Noc, tmp_path: Path, name: str, content: str | bytes
) -> None:
    done = noc.run("ingest", "location_updates", write(tmp_path, name, content), wanted=1)
    assert done.stderr.startswith("noc: ")
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_a_truncated_parquet_leaves_nothing(noc: Noc, tmp_path: Path) -> None:
    whole = tmp_path / "whole.parquet"
    pq.write_table(pa.table({"tenant_id": ["t"] * 1000, "person_id": ["p0"] * 1000}), whole)
    cut = write(tmp_path, "cut.parquet", whole.read_bytes()[:-200])
    before = noc.rows("location_updates")
    assert "not a whole Parquet file" in noc.run("ingest", "location_updates", cut, wanted=1).stderr
    assert noc.rows("location_updates") == before


def test_one_bad_file_does_not_stop_the_others(noc: Noc, tmp_path: Path) -> None:
    bad = write(tmp_path, "bad.csv", "")
    good = write(tmp_path, "good.csv", f"{HEADER}\nt,p0,2026-03-01T11:00:00Z,51,0\n")
    done = noc.run("ingest", "location_updates", bad, good, "--json", wanted=1)
    assert '"accepted": 1' in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ingest", "no_such_stream", "x.csv"), "No stream is called"),
        (("run", "--from", "2026-03-01"), "both --from and --to"),
        (("run", "--from", "2026-03-02", "--to", "2026-03-01"), "before"),
        (("token", "--tenant", "t", "--capability", "noc:everything"), "No capability is called"),
        (("token", "--tenant", "t", "--capability", "noc:view", "--ttl", "-1"), "--ttl"),
        (("serve", "--workers", "3"), "NOC_CACHE_URL"),
    ],
)
def test_a_wrong_command_says_what_is_right(noc: Noc, arguments: tuple[str, ...], told: str) -> None:
    done = noc.run(*arguments, wanted=1)
    assert told in done.stderr
    assert "Traceback" not in done.stderr
