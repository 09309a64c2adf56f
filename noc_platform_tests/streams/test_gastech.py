"""The real-world pack goes in through its mappings, and its counts reconcile with the source files to the row.

The commands are those of mappings/gastech/README.md, read from it: what a person types is what is tested.
"""

import csv
import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from noc_platform.store.sessions import Database, Server
from noc_platform.streams.catalogue import stream_called
from noc_platform.streams.intake import FileReceipt, ingest_file
from noc_platform.streams.mapping import Mapping
from noc_platform_tests.builders import NOW, POLICY

CHECKOUT = Path(__file__).parents[2]
TENANT = "gastech"


@dataclass(frozen=True)
class Step:
    """One file of one command, with the rows an independent reader counts in it."""

    stream: str
    path: Path
    mapping: Path | None
    rows: int


Loaded = dict[tuple[str, str], FileReceipt]


@pytest.fixture(scope="module")
def steps(gastech: Path) -> list[Step]:
    lines = (CHECKOUT / "mappings/gastech/README.md").read_text(encoding="utf-8").splitlines()
    return [step for line in lines if line.startswith("noc ingest ") for step in steps_of(line, gastech)]


@pytest.fixture(scope="module")
def first_run(server: Server, steps: list[Step]) -> Loaded:
    return run(server.pipeline, steps)


def steps_of(line: str, pack: Path) -> list[Step]:
    _, _, stream, *words = shlex.split(line.replace("$DATA", str(pack)))
    at = words.index("--mapping") if "--mapping" in words else len(words)
    mapping = CHECKOUT / words[at + 1] if at < len(words) else None
    return [Step(stream, path, mapping, rows_in(path)) for path in (CHECKOUT / word for word in words[:at])]


def rows_in(path: Path) -> int:
    with path.open(encoding="latin-1", newline="") as file:
        return sum(1 for row in csv.reader(file, delimiter="\t" if path.suffix == ".txt" else ",") if row) - 1


def run(database: Database, steps: list[Step]) -> Loaded:
    return {
        (step.stream, step.path.name): ingest_file(
            database,
            stream_called(step.stream),
            step.path,
            Mapping.load(step.mapping) if step.mapping else None,
            POLICY,
            received_at=NOW,
        )
        for step in steps
    }


def counted(database: Database) -> Counter[str]:
    tables = ("noc_site", "noc_person", "noc_location_update", "noc_jobneed", "noc_device_event", "noc_alert_event")
    with database.transaction() as connection:
        counts = {
            table: connection.execute(
                text(f"select count(*) from {table} where tenant_id = :t"), {"t": TENANT}
            ).scalar_one()
            for table in (*tables, "noc_quarantine")
        }
    return Counter(counts)


def values(database: Database, query: str) -> list[tuple[object, ...]]:
    with database.transaction() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_every_row_of_every_file_is_accounted_for(first_run: Loaded, steps: list[Step]) -> None:
    assert len(first_run) == 16
    for step in steps:
        receipt = first_run[step.stream, step.path.name]
        assert receipt.accepted + receipt.duplicate + receipt.quarantined == receipt.read, step
        assert receipt.read + receipt.excluded == step.rows, step


def test_what_became_of_each_file(first_run: Loaded) -> None:
    told = {key: (r.accepted, r.duplicate, r.quarantined, r.excluded) for key, r in first_run.items()}
    assert told == {
        ("tenants", "tenants.csv"): (1, 0, 0, 0),
        ("sites", "sites.csv"): (3, 0, 0, 0),
        ("sites", "location.csv"): (33, 0, 0, 1),
        ("people", "Employee List.csv"): (125, 0, 0, 1),
        ("people", "car-assignments.csv"): (44, 0, 0, 0),
        ("people", "cc_data.csv"): (10, 149, 0, 594),
        ("people", "reality-mining-calls-even.txt"): (34, 1_987, 0, 0),
        ("location_updates", "gps_1min.csv"): (8_309, 0, 720, 0),
        ("location_updates", "proxMobileOut-MC2.csv"): (2_550, 9_042, 0, 0),
        ("jobneeds", "proxOut-MC2.csv"): (29_762, 1, 0, 0),
        ("jobneeds", "cc_data.csv"): (753, 0, 0, 0),
        ("device_events", "reality-mining-calls-even.txt"): (2_021, 0, 0, 0),
        ("alerts", "f1z8a-MC2.csv"): (47, 0, 0, 3_985),
        ("alerts", "f2z2-MC2.csv"): (403, 0, 0, 3_629),
        ("alerts", "f2z4-MC2.csv"): (423, 0, 0, 3_609),
        ("alerts", "f3z1-MC2.csv"): (877, 0, 0, 3_155),
    }


def test_a_second_run_changes_nothing(first_run: Loaded, server: Server, steps: list[Step]) -> None:
    before = counted(server.pipeline)
    again = run(server.pipeline, steps)
    assert {receipt.accepted for receipt in again.values()} == {0}
    assert {key: r.read for key, r in again.items()} == {key: r.read for key, r in first_run.items()}
    assert counted(server.pipeline) == before


def test_shared_trucks_are_refused_by_name(first_run: Loaded, database: Database) -> None:
    found = values(
        database, f"select reason, count(*) from noc_quarantine where tenant_id = '{TENANT}' group by 1 order by 1"
    )
    counts = ((101, 223), (104, 129), (105, 91), (106, 104), (107, 173))
    assert found == [(f"car-{truck} is not among the people", rows) for truck, rows in counts]


def test_the_same_person_behind_a_reissued_card(first_run: Loaded, database: Database) -> None:
    assert values(
        database,
        f"select count(distinct person_id), count(distinct split_part(jobneed_id, ' ', 1)) from noc_jobneed "
        f"where tenant_id = '{TENANT}' and is_inferred",
    ) == [(114, 122)]
    assert values(
        database,
        f"select name from noc_person where tenant_id = '{TENANT}' and person_id in ('wvasco', 'jsanjorge') order by 1",
    ) == [("Sten Sanjorge Jr.",), ("Willem Vasco-Pais",)]


def test_indoor_points_are_never_positions_on_earth(first_run: Loaded, database: Database) -> None:
    query = f"""select indoor_x is not null, latitude is not null, count(accuracy_meters) from noc_location_update
                where tenant_id = '{TENANT}' group by 1, 2 order by 1"""
    assert values(database, query) == [(False, True, 0), (True, False, 0)]


def test_clocks_are_those_of_the_sites(first_run: Loaded, database: Database) -> None:
    query = f"""select stream, first::text from (
        select 'gps' as stream, min(occurred_at) at time zone 'UTC' as first from noc_location_update
            where tenant_id = '{TENANT}' and latitude is not null
        union all select 'prox', min(occurred_at) at time zone 'UTC' from noc_jobneed
            where tenant_id = '{TENANT}' and is_inferred) found order by 1"""
    assert values(database, query) == [("gps", "2014-01-06 04:28:00"), ("prox", "2016-05-30 21:05:00")]


def test_calls_keep_their_length_and_hide_the_other_side(first_run: Loaded, database: Database) -> None:
    query = f"""select event_kind, count(*), max(duration_seconds) <= 2177, bool_and(other_party ~ '^[0-9a-f]{{32}}$')
                from noc_device_event where tenant_id = '{TENANT}' group by 1 order by 1"""
    assert values(database, query) == [("call_incoming", 527, True, True), ("call_outgoing", 1_494, True, True)]


def test_a_place_without_position_is_no_site(first_run: Loaded, database: Database) -> None:
    query = f"""select count(*) filter (where site_id is null), count(distinct site_id)
                from noc_jobneed where tenant_id = '{TENANT}' and identifier = 'TASK'"""
    missing, places = values(database, query)[0]
    assert missing == 4
    assert (
        places
        == len(
            values(
                database, f"select distinct asset from noc_jobneed where tenant_id = '{TENANT}' and identifier = 'TASK'"
            )
        )
        - 1
    )


def test_alerts_name_their_air_zone_and_reading(first_run: Loaded, database: Database) -> None:
    query = f"""select entity_id, min(measured_value) > 2.0, max(measured_value) from noc_alert_event
                where tenant_id = '{TENANT}' group by 1 order by 1"""
    highest = {"F_1_Z_8A": 2.993, "F_2_Z_2": 8.233, "F_2_Z_4": 9.646, "F_3_Z_1": 6.964}
    assert values(database, query) == [(zone, True, value) for zone, value in highest.items()]
