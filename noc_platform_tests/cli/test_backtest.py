"""`noc backtest` as people run it: files in, files out, and one clear line where that cannot be."""

import csv
import gzip
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from noc_platform.baselines.online.series import read_series
from noc_platform.errors import BadInput
from noc_platform_tests.baselines.online.series import processor, spike

NOC = [sys.executable, "-c", "from noc_platform.cli.main import main; main()"]
ABSENT_AND_SO_ON = ("", "NaN", "inf", "1e999", "N/A", "-1e300")
HEADER = "timestamp,value,anomaly_score,is_anomaly,expected,threshold"


def noc(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*NOC, *map(str, arguments)], capture_output=True, text=True, check=False)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def planted(tmp_path: Path) -> tuple[Path, int]:
    rng = np.random.default_rng(0)
    wrong = spike(processor(rng), rng)
    times = np.datetime_as_string(wrong.given.seconds.astype("datetime64[s]"))
    lines = [f"{time.replace('T', ' ')},{value}" for time, value in zip(times, wrong.given.values, strict=True)]
    path = tmp_path / "processor.csv"
    path.write_text("\n".join(["timestamp,value", *lines]) + "\n")
    return path, wrong.begin


def test_every_row_comes_back_as_it_was_with_what_was_made_of_it(planted: tuple[Path, int], tmp_path: Path) -> None:
    path, wrong = planted
    done = noc("backtest", path, "--out", tmp_path / "out.csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    text = (tmp_path / "out.csv").read_text()
    assert text.splitlines()[0] == HEADER
    rows = rows_of(text)
    assert [f"{row['timestamp']},{row['value']}" for row in rows] == path.read_text().splitlines()[1:]
    assert max(rows, key=lambda row: float(row["anomaly_score"])) is rows[wrong]
    assert rows[wrong]["is_anomaly"] == "true"
    assert all(row["is_anomaly"] == "false" and row["threshold"] == "" for row in rows[:30])
    for row in rows[30:]:
        assert (float(row["anomaly_score"]) > float(row["threshold"])) == (row["is_anomaly"] == "true")
    assert "4,032 points, 30 to learn from" in done.stderr
    assert rows[wrong]["timestamp"] in done.stderr


def test_rows_go_to_standard_output_and_twice_the_same(planted: tuple[Path, int]) -> None:
    first, second = noc("backtest", planted[0]), noc("backtest", planted[0])
    assert len(rows_of(first.stdout)) == 4032
    assert first.stdout == second.stdout


def test_json_is_a_summary(planted: tuple[Path, int], tmp_path: Path) -> None:
    done = noc("backtest", planted[0], "--json")
    summary = json.loads(done.stdout)
    assert (summary["points"], summary["learning"], summary["judged"], summary["absent"]) == (4032, 30, 4002, 0)
    assert summary["anomalies"] >= 1
    assert len(summary["most_unusual"]) == 10
    assert done.stderr == ""


def test_the_order_of_rows_does_not_matter(planted: tuple[Path, int], tmp_path: Path) -> None:
    header, *lines = planted[0].read_text().splitlines()
    shuffled = tmp_path / "shuffled.csv"
    places = np.random.default_rng(1).permutation(len(lines))
    shuffled.write_text("\n".join([header, *(lines[place] for place in places)]))
    in_order = rows_of(noc("backtest", planted[0]).stdout)
    assert rows_of(noc("backtest", shuffled).stdout) == [in_order[place] for place in places]


def test_cutting_the_file_off_does_not_change_what_remains(planted: tuple[Path, int], tmp_path: Path) -> None:
    lines = planted[0].read_text().splitlines()
    part = tmp_path / "part.csv"
    part.write_text("\n".join(lines[:1501]))
    whole = noc("backtest", planted[0]).stdout.splitlines()
    assert noc("backtest", part).stdout.splitlines() == whole[:1501]


@pytest.mark.parametrize(
    ("text", "seconds", "values"),
    [
        ("timestamp,value\n2014-04-01 00:00:00,1\n2014-04-01T00:05:00Z,2\n", [0, 300], [1, 2]),
        ("timestamp,value\n2014-04-01 02:00:00+02:00,1\n", [0], [1]),
        ("Value,Label,TimeStamp\n1,x,2014-04-01\n2,y,2014-04-02\n", [0, 86400], [1, 2]),
        ("date,passengers\n2014-04-01,1\n", [0], [1]),
        ("2014-04-01 00:00,1\n2014-04-01 00:05,2\n", [0, 300], [1, 2]),
        ("timestamp,value\n1396310400,1\n1396310460.5,2\n", [0, 60.5], [1, 2]),
        ("timestamp,value\n1396310400000,1\n", [0], [1]),
        ("timestamp,value\n20140401,1\n", [0], [1]),
        ("timestamp,value\n04/01/2014 00:00,1\n04/13/2014 00:00,2\n", [0, 12 * 86400], [1, 2]),
        ("timestamp,value\n01.04.2014 00:05:00,1\n", [300], [1]),
        ('\ufefftimestamp,value\r\n"2014-04-01","1"\r\n', [0], [1]),
        (
            "timestamp,value\n" + "".join(f"2014-04-0{day},{x}\n" for day, x in enumerate(ABSENT_AND_SO_ON, 1)),
            [0, 86400, 172800, 259200, 345600, 432000],
            [np.nan, np.nan, np.nan, np.nan, np.nan, -1e300],
        ),
    ],
)
def test_files_as_people_have_them(tmp_path: Path, text: str, seconds: list[float], values: list[float]) -> None:
    path = tmp_path / "series.csv"
    path.write_bytes(text.encode())
    series = read_series(path)
    np.testing.assert_allclose(series.seconds - 1_396_310_400, seconds)
    np.testing.assert_array_equal(series.values, values)


def test_compressed_files_too(planted: tuple[Path, int], tmp_path: Path) -> None:
    packed = tmp_path / "processor.csv.gz"
    packed.write_bytes(gzip.compress(planted[0].read_bytes()))
    np.testing.assert_array_equal(read_series(packed).values, read_series(planted[0]).values)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no columns"),
        ("timestamp,value\n", "no rows"),
        ("moment,level\n2014-04-01,1\n", "'moment', 'level'"),
        ("a,b,c\n1,2,3\n", "timestamp,value"),
        ("value\n1\n", "timestamp,value"),
        ("timestamp;value\n2014-04-01;1\n", "timestamp;value"),
        ("timestamp,value\n2014-04-01,1\n2014-04-02,many\n", "Row 2: 'many'"),
        ("timestamp,value\n2014-04-01,1\nyesterday,2\n", "Row 2: 'yesterday'"),
        ("timestamp,value\n2014-04-01,1\n,2\n", "Row 2: ''"),
        ("timestamp,value\n01/02/2014,1\n02/02/2014,1\n", "%m/%d/%Y or %d/%m/%Y"),
        ("timestamp,value\n1396310400,1\n1e300,1\n", "Row 2: '1e300'"),
        ("timestamp,value\n2014-04-01,1,2\n", "not CSV"),
        ("timestamp,value\n2014-04-01\n", "not CSV"),
        ("timestamp,value\n\x00\xff,1\n", "UTF8"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_would_fit(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "series.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadInput) as refused:
        read_series(path)
    assert said in str(refused.value)


def test_what_cannot_work_is_one_clear_line(planted: tuple[Path, int], tmp_path: Path) -> None:
    for arguments in (
        ("backtest", tmp_path / "nowhere.csv"),
        ("backtest", tmp_path),
        ("backtest", planted[0], "--out", planted[0]),
        ("backtest", planted[0], "--out", tmp_path / "nowhere" / "out.csv"),
    ):
        done = noc(*arguments)
        assert done.returncode == 1
        assert done.stderr.startswith("noc: ")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("lines", [["2014-04-01,5"], ["2014-04-01,"], ["2014-04-01,5"] * 40, ["2014-04-01,1e300"] * 40])
def test_very_little_and_very_much_are_no_trouble(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "series.csv"
    path.write_text("\n".join(["timestamp,value", *lines]))
    done = noc("backtest", path)
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout)
    assert len(rows) == len(lines)
    assert all(row["is_anomaly"] == "false" for row in rows)
