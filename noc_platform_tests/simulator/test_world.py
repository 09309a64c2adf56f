"""The simulated world: what the platform is sent must be whole, sound, and the same for the same plan."""

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from noc_platform.errors import BadInput
from noc_platform.simulator.manifest import MANIFEST, read_manifest, verify_world
from noc_platform.simulator.population import build_world
from noc_platform.simulator.roster import roster_of
from noc_platform.simulator.world import WorldPlan
from noc_platform.simulator.writer import FileFormat, write_world
from noc_platform.streams.catalogue import EVENT_STREAMS, REFERENCE_STREAMS, STREAMS
from noc_platform.streams.checking import Checker
from noc_platform.streams.declaration import Stream
from noc_platform.streams.files import Limits, read_batches
from noc_platform_tests.builders import POLICY

PLAN = WorldPlan(guards=16, sites=5, days=8, seed=15)
SMALL = WorldPlan(guards=3, sites=2, days=2, seed=3)
AFTERWARDS = datetime(2026, 12, 1, tzinfo=UTC)
LIMITS = Limits(batch_rows=100_000, longest_line_bytes=2**20)
Row = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    write_world(PLAN, folder)
    return folder


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ordinary")
    write_world(replace(PLAN, planted=0.0), folder)
    return folder


def files_of(folder: Path, stream: str) -> list[Path]:
    return sorted(folder.glob(f"**/{stream}*.*"))


def table_of(folder: Path, stream: str) -> pa.Table:
    return pa.concat_tables([pq.ParquetFile(path).read() for path in files_of(folder, stream)])


def rows_of(folder: Path, stream: str) -> list[Row]:
    rows: list[Row] = table_of(folder, stream).to_pylist()
    return rows


def known_keys(folder: Path) -> dict[str, pa.Table]:
    known = {}
    for stream in REFERENCE_STREAMS[:4]:
        (path,) = files_of(folder, stream.name)
        rows = [row for batch in read_batches(path, LIMITS) for row in batch.rows.to_pylist()]
        known[stream.name] = pa.table(
            {"tenant_id": [row["tenant_id"] for row in rows], "key": [row[stream.key[-1]] for row in rows]}
        )
    return known


def faults_of(folder: Path, stream: Stream) -> tuple[int, list[Row]]:
    """Rows that fit, and what is wrong with the others, by the platform's own rules."""
    checker = Checker(stream, known_keys(folder), POLICY, AFTERWARDS, None)
    batches = [batch for path in files_of(folder, stream.name) for batch in read_batches(path, LIMITS)]
    malformed = [vars(line) for batch in batches for line in batch.malformed]
    if not batches:
        return 0, malformed
    # One query for all files: compiling it takes longer than running it.
    checked = checker.check(pa.concat_tables([batch.rows for batch in batches], promote_options="default"))
    return checked.good.num_rows, [*checked.faults.to_pylist(), *malformed]


def is_clock_of_1970(fault: Row) -> bool:
    return fault["column_name"] == "occurred_at" and str(fault["reason"]).startswith("1970-")


@pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda stream: stream.name)
def test_every_stream_passes_the_doors_own_checks(folder: Path, stream: Stream) -> None:
    """Only a phone that forgot the time is refused."""
    good, faults = faults_of(folder, stream)
    assert [fault for fault in faults if not is_clock_of_1970(fault)] == []
    assert good + len(faults) == read_manifest(folder).rows[stream.name] > 0


@pytest.mark.parametrize("form", [FileFormat.CSV, FileFormat.NDJSON])
def test_text_formats_say_the_same_with_the_sentinels_of_phones(tmp_path: Path, form: FileFormat) -> None:
    plain = write_world(SMALL, tmp_path / "parquet")
    written = write_world(SMALL, tmp_path / "text", form)
    assert written.rows == plain.rows
    for stream in STREAMS.values():
        assert faults_of(tmp_path / "text", stream) == (plain.rows[stream.name], [])
    text = "".join(path.read_text() for path in files_of(tmp_path / "text", "device_events"))
    assert "NA" in text
    assert "No Steps" in text


def test_the_same_plan_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    one, same = write_world(SMALL, tmp_path / "one"), write_world(SMALL, tmp_path / "same")
    other = write_world(replace(SMALL, seed=4), tmp_path / "other")
    assert one == same
    assert (tmp_path / "one" / MANIFEST).read_bytes() == (tmp_path / "same" / MANIFEST).read_bytes()
    assert {file.sha256 for file in one.files}.isdisjoint(
        file.sha256 for file in other.files if file.stream in ("device_events", "location_updates")
    )


def test_a_longer_world_begins_like_a_shorter_one(tmp_path: Path) -> None:
    short, long = write_world(SMALL, tmp_path / "short"), write_world(replace(SMALL, days=3), tmp_path / "long")
    assert set(short.files) <= set(long.files)
    assert {file for file in short.truth if file.path.count("/") > 1} <= set(long.truth)


def test_three_zones_or_more_and_one_changes_its_clocks(folder: Path) -> None:
    zones = {row["time_zone"] for row in rows_of(folder, "sites")}
    assert {"Europe/London", "America/New_York", "Asia/Kolkata"} <= zones
    first = datetime.combine(PLAN.first_day, datetime.min.time(), UTC)
    ends = (first, first + timedelta(days=PLAN.days))
    assert len({at.astimezone(ZoneInfo("Europe/London")).utcoffset() for at in ends}) == 2


def test_shifts_begin_by_the_wall_clock_of_their_site_on_both_sides_of_the_switch(folder: Path) -> None:
    zones = {(row["tenant_id"], row["site_id"]): ZoneInfo(row["time_zone"]) for row in rows_of(folder, "sites")}
    for row in rows_of(folder, "shifts"):
        starts = row["starts_at"].astimezone(zones[row["tenant_id"], row["site_id"]])
        assert starts.date() == row["shift_date"]
        assert (starts.hour, starts.minute) in {(7, 0), (8, 0), (9, 0), (15, 0), (20, 0), (23, 0)}


def test_nights_cross_midnight_and_split_shifts_are_two(folder: Path) -> None:
    zones = {(row["tenant_id"], row["site_id"]): ZoneInfo(row["time_zone"]) for row in rows_of(folder, "sites")}
    shifts = rows_of(folder, "shifts")
    nights = [row for row in shifts if row["shift_type"] == "NIGHT"]
    assert nights
    for row in nights:
        zone = zones[row["tenant_id"], row["site_id"]]
        assert row["ends_at"].astimezone(zone).date() == row["shift_date"] + timedelta(days=1)
    counts: dict[tuple[str, str, date], int] = {}
    for row in shifts:
        key = (row["tenant_id"], row["person_id"], row["shift_date"])
        counts[key] = counts.get(key, 0) + 1
    assert set(counts.values()) == {1, 2}


def test_nobody_is_due_in_two_places_at_once(folder: Path) -> None:
    due: dict[tuple[str, str], list[tuple[datetime, datetime]]] = {}
    for row in rows_of(folder, "shifts"):
        if not row["is_cancelled"]:
            due.setdefault((row["tenant_id"], row["person_id"]), []).append((row["starts_at"], row["ends_at"]))
    for stretches in due.values():
        ordered = sorted(stretches)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(ordered))


def test_whoever_stands_in_stands_in_for_a_cancelled_shift() -> None:
    world = build_world(WorldPlan(guards=300, sites=6, days=8, seed=1))
    rosters = [roster_of(world, number) for number in range(8)]
    stood_in = 0
    for roster in rosters:
        for row in (roster.original >= 0).nonzero()[0]:
            replaced = (roster.person == roster.original[row]) & (roster.site == roster.site[row])
            assert roster.is_cancelled[replaced].all()
            assert roster.is_attended[row]
            stood_in += 1
    assert stood_in > 0
    assert any((~roster.is_attended & ~roster.is_cancelled).any() for roster in rosters)


def test_identities_meet_across_tenants_so_that_a_leak_would_show(folder: Path) -> None:
    owners: dict[str, set[str]] = {}
    for row in rows_of(folder, "people"):
        owners.setdefault(row["person_id"], set()).add(row["tenant_id"])
    assert len(owners["person-0001"]) == 2


def test_leaders_are_people_and_some_posts_are_vacant(folder: Path) -> None:
    people = {(row["tenant_id"], row["person_id"]) for row in rows_of(folder, "people")}
    named: list[tuple[str, str | None]] = []
    for row in rows_of(folder, "sites"):
        named += [
            (row["tenant_id"], row[role]) for role in ("noc_supervisor_id", "security_manager_id", "site_manager_id")
        ]
    assert all(leader in people for leader in named if leader[1] is not None)
    assert any(leader[1] is not None for leader in named)
    assert any(row["site_id"] is None for row in rows_of(folder, "people"))


def test_checkpoints_belong_to_tours_that_are_due(folder: Path) -> None:
    tours = {(row["tenant_id"], row["tour_id"]): row["total_checkpoints"] for row in rows_of(folder, "tours_due")}
    checkpoints: dict[tuple[str, str], set[str]] = {}
    for row in rows_of(folder, "jobneeds"):
        if row["parent_id"] is not None:
            assert row["identifier"] in ("INTERNALTOUR", "EXTERNALTOUR")
            checkpoints.setdefault((row["tenant_id"], row["parent_id"]), set()).add(row["jobneed_id"])
    assert {tour: len(jobs) for tour, jobs in checkpoints.items()} == tours


def test_work_is_planned_once_and_ends_once(folder: Path) -> None:
    states: dict[str, list[Row]] = {}
    for row in rows_of(folder, "jobneeds"):
        states.setdefault(row["jobneed_id"], []).append(row)
    for rows in states.values():
        planned = [row for row in rows if row["status"] == "ASSIGNED"]
        ended = [row for row in rows if row["status"] != "ASSIGNED"]
        assert len(planned) == 1
        assert planned[0]["occurred_at"] == planned[0]["planned_at"]
        assert all(row["occurred_at"] == row["ended_at"] for row in ended)
        # What the server had closed, a supervisor may say was done.
        assert [row["status"] for row in ended][1:] in ([], ["COMPLETED"])
        assert len(ended) == 1 or ended[0]["status"] == "AUTOCLOSED"
    assert any(len(rows) == 3 for rows in states.values())
    share = sum(any(row["status"] == "COMPLETED" for row in rows) for rows in states.values())
    assert 0.8 < share / len(states) < 1


def test_attendance_is_punched_in_and_later_mostly_out(folder: Path) -> None:
    found: dict[str, list[Row]] = {}
    for row in rows_of(folder, "attendance_events"):
        found.setdefault(row["attendance_id"], []).append(row)
    assert {len(rows) for rows in found.values()} <= {1, 2}
    for rows in found.values():
        punched_out = [row["punched_out_at"] for row in rows if row["punched_out_at"]]
        assert len(punched_out) == len(rows) - 1
        assert all(at > rows[0]["punched_in_at"] for at in punched_out)


@pytest.mark.parametrize("stream", EVENT_STREAMS, ids=lambda stream: stream.name)
def test_nothing_is_known_before_it_happens(ordinary: Path, stream: Stream) -> None:
    table = table_of(ordinary, stream.name)
    assert pc.all(pc.greater_equal(table["received_at"], table["occurred_at"])).as_py()


def test_some_phones_deliver_late_but_within_three_days_and_a_bit(ordinary: Path) -> None:
    table = table_of(ordinary, "location_updates")
    late = pc.subtract(table["received_at"], table["occurred_at"]).to_pylist()
    assert sum(delay > timedelta(minutes=10) for delay in late) > 0.005 * len(late)
    assert max(late) > timedelta(hours=6)
    assert max(late) < timedelta(days=4)


def test_a_few_rows_come_twice_to_the_letter_and_identities_are_of_version_7(folder: Path) -> None:
    table = table_of(folder, "device_events")
    identities = table["event_id"].to_pylist()
    repeated = len(identities) - len(set(identities))
    assert 0 < repeated < 0.01 * len(identities)
    assert table.group_by(table.column_names).aggregate([]).num_rows == len(set(identities))
    assert {identity[14] for identity in identities} == {"7"}


def test_guards_stay_within_reach_of_their_site(ordinary: Path) -> None:
    sites = {(row["tenant_id"], row["site_id"]): row for row in rows_of(ordinary, "sites")}
    for row in rows_of(ordinary, "location_updates")[::25]:
        site = sites[row["tenant_id"], row["site_id"]]
        north = abs(row["latitude"] - site["latitude"]) * 111_320
        assert north <= site["geofence_radius_meters"] + 4 * (row["accuracy_meters"] or 1000)


def test_a_site_is_busier_by_day_than_in_the_depth_of_night(folder: Path) -> None:
    zones = {(row["tenant_id"], row["site_id"]): ZoneInfo(row["time_zone"]) for row in rows_of(folder, "sites")}
    hospitals = {(row["tenant_id"], row["site_id"]) for row in rows_of(folder, "sites") if row["kind"] == "hospital"}
    per_guard: dict[tuple[str, str, str, int], int] = {}
    for row in rows_of(folder, "device_events"):
        site = (row["tenant_id"], row["site_id"])
        if site in hospitals:
            hour = row["occurred_at"].astimezone(zones[site])
            key = (*site, f"{row['person_id']}{hour:%d}", hour.hour)
            per_guard[key] = per_guard.get(key, 0) + 1
    day = [count for key, count in per_guard.items() if 10 <= key[3] < 18]
    night = [count for key, count in per_guard.items() if 1 <= key[3] < 5]
    assert sum(day) / len(day) > 1.15 * sum(night) / len(night)


def test_the_smallest_world_works(tmp_path: Path) -> None:
    manifest = write_world(WorldPlan(guards=1, sites=1, days=1, seed=0), tmp_path / "w")
    assert manifest.rows["tenants"] == 1
    assert manifest.rows["device_events"] > 100
    for stream in STREAMS.values():
        assert faults_of(tmp_path / "w", stream) == (manifest.rows[stream.name], [])


def test_a_day_on_which_nobody_works_is_a_day_of_empty_files(tmp_path: Path) -> None:
    manifest = write_world(WorldPlan(guards=1, sites=1, days=8, seed=0), tmp_path / "w")
    by_day = [file.rows for file in manifest.files if file.stream == "location_updates"]
    assert 0 in by_day
    for stream in STREAMS.values():
        assert faults_of(tmp_path / "w", stream) == (manifest.rows[stream.name], [])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"guards": 0}, "guards"),
        ({"sites": 0}, "sites"),
        ({"days": 0}, "days"),
        ({"tenants": 0}, "tenants"),
        ({"days": 367}, "1 to 366 days"),
        ({"seed": -1}, "seed"),
        ({"first_day": date(1970, 1, 1)}, "first day"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        replace(SMALL, **change)


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(BadInput, match="not empty"):
        write_world(SMALL, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="Choose another"):
        write_world(SMALL, tmp_path / "file" / "world")


def test_a_world_cut_short_never_looks_whole(tmp_path: Path) -> None:
    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(BadInput, match="No space left on device"):
        write_world(SMALL, tmp_path / "w", on_day=full_disk)
    assert any((tmp_path / "w").iterdir())
    with pytest.raises(BadInput, match="no whole world"):
        read_manifest(tmp_path / "w")
    with pytest.raises(BadInput, match="not empty"):
        write_world(SMALL, tmp_path / "w")


def test_a_manifest_stands_for_its_files(tmp_path: Path) -> None:
    manifest = write_world(SMALL, tmp_path / "w")
    assert read_manifest(tmp_path / "w") == verify_world(tmp_path / "w") == manifest
    victim = tmp_path / "w" / manifest.files[-1].path
    victim.write_bytes(victim.read_bytes() + b"x")
    with pytest.raises(BadInput, match="not as it was written"):
        verify_world(tmp_path / "w")
    victim.unlink()
    with pytest.raises(BadInput, match="lacks 1"):
        read_manifest(tmp_path / "w")
    (tmp_path / "w" / MANIFEST).write_text("{")
    with pytest.raises(BadInput, match="cannot be read"):
        read_manifest(tmp_path / "w")
