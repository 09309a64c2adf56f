"""Limits on the command line, as an operator uses them: processes."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from noc_platform.baselines.products import SITE_VERDICTS
from noc_platform.baselines.scoring import judge
from noc_platform.cli.thresholds import hours_named
from noc_platform.lake.layout import Lake
from noc_platform.settings import BaselinePolicy, Settings
from noc_platform.store.sessions import Database, Server
from noc_platform.telemetry.products import day_of, write_days
from noc_platform_tests.baselines.changes import limited, put_profiles, put_sites
from noc_platform_tests.baselines.operation import SUNDAY, history
from noc_platform_tests.cli.test_serve import noc

SAID = ("--by", "ana", "--why", "quiet nights")


@pytest.fixture
def environment(settings: Settings, server: Server) -> dict[str, str]:
    return {**os.environ, "NOC_HOME": str(settings.home), "COLUMNS": "140"}


@pytest.fixture
def operation(settings: Settings, database: Database, tenant: str) -> Iterator[str]:
    """A tenant with two sites, their profiles, and a fortnight of judged hours."""
    with database.transaction() as connection:
        put_sites(connection, tenant)
        put_profiles(connection, tenant)
    judged = judge(history(2, until=SUNDAY + timedelta(weeks=2), seed=9), limited(), BaselinePolicy())
    place = judged.column_names.index("tenant_id")
    judged = judged.set_column(place, "tenant_id", [[tenant] * judged.num_rows])
    lake = Lake(settings.lake)
    write_days(lake, SITE_VERDICTS, judged, sorted(set(day_of(judged).to_pylist())))
    yield tenant
    for partition in lake.partitions(SITE_VERDICTS):
        lake.remove(partition)
    with database.transaction() as connection:
        connection.execute(text("delete from noc_baseline_profile"))


def asked(environment: dict[str, str], *arguments: str) -> Any:
    done = noc(*arguments, "--json", environment=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_operator_tries_sets_and_takes_back_a_limit(environment: dict[str, str], operation: str) -> None:
    at = ("--tenant", operation, "--site", "s1", "--metric", "phone_events")

    def in_force() -> dict[str, Any]:
        (cell,) = asked(environment, "thresholds", *at, "--hour", "36")
        return dict(cell)

    before = in_force()
    assert (before["threshold"], before["source"], before["site_name"]) == (3.0, "DEFAULT", "Site 1")
    assert (before["last_changed"], before["last_changed_by"]) == (None, None)
    tried = asked(environment, "threshold", "simulate", "1.6", *at)
    assert (tried["candidate"], tried["current"], tried["hours"]) == (1.6, 3.0, 336)
    more = tried["comparison"]["alert_count_change"]
    assert more == tried["simulation_results"]["alert_count"] - tried["current_results"]["alert_count"] > 0
    assert tried["status"] == "insufficient_data"
    assert tried["simulation_results"]["false_positive_rate"] is None
    assert in_force() == before, "trying changes nothing"

    told = noc("threshold", "set", "1.6", *at, *SAID, environment=environment)
    assert told.returncode == 0, told.stderr
    fired, did = (tried[name]["alert_count"] for name in ("simulation_results", "current_results"))
    assert f"would have fired {fired} times in 30 days instead of {did}" in told.stdout
    after = in_force()
    assert (after["threshold"], after["source"], after["last_changed_by"]) == (1.6, "MANUAL", "ana")
    asked(environment, "threshold", "set", "2.2", *at, "--hour", "36", *SAID)
    assert in_force()["threshold"] == 2.2
    listed = noc("thresholds", *at, environment=environment).stdout
    for word in ("1.60", "2.20", "Tue 12:00-13:00", "MANUAL", "ana"):
        assert word in listed

    newest, oldest = asked(environment, "threshold", "history", *at)
    assert (oldest["value"], oldest["hour_of_week"], newest["value"], newest["hour_of_week"]) == (1.6, None, 2.2, 36)
    taken = asked(environment, "threshold", "rollback", newest["change_id"], "--by", "ben", "--why", "no")
    assert (taken["change"]["value"], taken["change"]["undoes"]) == (None, newest["change_id"])
    assert in_force()["threshold"] == 1.6
    asked(environment, "threshold", "reset", *at, *SAID)
    assert (in_force()["threshold"], in_force()["source"]) == (3.0, "DEFAULT")
    entries = asked(environment, "explain", "threshold", "s1/phone_events/36", "--tenant", operation)
    assert [entry["action"].removeprefix("THRESHOLD_") for entry in entries] == [
        "CHANGED", "CHANGED", "ROLLED_BACK", "CHANGED",
    ]  # fmt: skip
    shown = noc("threshold", "history", *at, environment=environment).stdout
    for word in (newest["change_id"], "quiet nights", "2.20", "none"):
        assert word in shown


def test_the_limit_that_is_suggested_keeps_what_it_promises(environment: dict[str, str], operation: str) -> None:
    at = ("--tenant", operation, "--site", "s1", "--metric", "phone_events")
    found = asked(environment, "threshold", "suggest", "1", *at)
    assert 0 < found["false_alarms_per_week"] <= 1
    tried = asked(environment, "threshold", "simulate", str(found["threshold"]), *at)
    assert tried["simulation_results"]["alert_count"] == round(found["false_alarms_per_week"] * 2)
    shown = noc("threshold", "simulate", "1.6", *at, environment=environment).stdout
    for word in ("336 hours", "in force", "false positive rate", "unknown", "10 are needed"):
        assert word in shown
    assert (
        "No stored hour"
        in noc("threshold", "simulate", "2", *at, "--as-of", (SUNDAY).isoformat(), environment=environment).stdout
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("threshold", "set", "2", "--site", "nowhere", "--metric", "phone_events", *SAID),
        ("threshold", "simulate", "2", "--site", "nowhere", "--metric", "phone_events"),
        ("threshold", "rollback", "0b8e2f64-5d0e-4a51-9b5d-1f0f6a6d2b11", *SAID),
        ("threshold", "rollback", "x", *SAID),
        ("explain", "threshold", "nowhere/phone_events"),
    ],
)
def test_what_cannot_be_is_one_clear_line(environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    refused(environment, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("set", "5.5", "--metric", "phone_events", *SAID),
        ("set", "nan", "--metric", "phone_events", *SAID),
        ("set", "3", "--metric", "steps", *SAID),
        ("set", "3", "--metric", "phone_events", "--hour", "168", *SAID),
        ("set", "3", "--metric", "phone_events", "--by", " ", "--why", "x"),
        ("set", "3", "--metric", "phone_events", *SAID, "--at", "2999-01-01T00:00:00+00:00"),
        ("set", "3", "--metric", "phone_events", *SAID, "--at", "yesterday"),
        ("reset", "--metric", "phone_events", *SAID),
    ],
)
def test_a_limit_that_cannot_be_set_is_one_clear_line(
    environment: dict[str, str], operation: str, arguments: tuple[str, ...]
) -> None:
    refused(environment, "threshold", *arguments, "--tenant", operation, "--site", "s1")


def refused(environment: dict[str, str], *arguments: str) -> None:
    done = noc(*arguments, environment=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("noc: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        (0, 167, "every hour"), (36, 36, "Tue 12:00-13:00"), (0, 23, "Mon 00:00-24:00"),
        (20, 29, "Mon 20:00-Tue 06:00"), (167, 167, "Sun 23:00-24:00"), (100, 167, "Fri 04:00-Mon 00:00"),
    ],
)  # fmt: skip
def test_hours_are_named_as_people_say_them(first: int, last: int, name: str) -> None:
    assert hours_named(first, last) == name
